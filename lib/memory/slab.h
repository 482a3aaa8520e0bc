/*
 * slab.h - chunks of equal blocks and, for each size class, the depot through which threads exchange them.
 *
 * A chunk is one allocation of the heap, cut into blocks of one class. A block begins with a pointer to its chunk, which is written once
 * and stays; so a block finds its way home from any thread, at any time. In front of a block that stands alone there is a chunk, too,
 * without the part that chunks of many need.
 *
 *   on loan    the object's
 *   cached     in a thread's cache (cache.h)
 *   batched    in the depot, in a batch of exactly `limit` blocks, taken and given in one step; at most `most_batches` of them
 *   at home    on its chunk's list, or never used yet ("fresh"); counted in `available`
 *
 * A chunk whose blocks are all at home is empty and may go back to the heap: at once when there are many of them, all of them when
 * memory is tight (nb_slabs_relieve), at the close. Only blocks at home are counted, so cached and batched ones keep their chunk.
 *
 * Threads. A depot is under its lock, which is held for a batch at a time and never while the heap is asked for memory. One depot lock at
 * a time; nothing is locked under it. `live` counts the chunks, and one for the open instance: who lowers it to zero frees the slabs
 * (acquire-release: all that others did with them comes before).
 */
#ifndef NB_MEMORY_SLAB_H
#define NB_MEMORY_SLAB_H

#include "base/heap.h"
#include "base/list.h"
#include "memory/size.h"
#include "platform/lock.h"

typedef struct nb_chunk nb_chunk;

/* How a block begins. While it is on loan only home is ours. */
typedef struct nb_block {
    nb_chunk *home;
    struct nb_block *next;       /* in its list, while it is free */
    struct nb_block *next_batch; /* of the first block of a batch, in the depot */
} nb_block;

#define NB_CLASS_ALONE UINT32_MAX

struct nb_chunk {
    nb_heap *heap;
    uint64_t serial; /* of the slabs; NB_HEAP_BARE for one that stands alone */
    uint32_t class;  /* NB_CLASS_ALONE: one block, straight from the heap */
    uint32_t blocks;
    size_t bytes; /* of the allocation */
    /* A block that stands alone begins here. */
    nb_link link; /* in the depot's list of chunks with something at home, or of empty ones */
    nb_block *home;
    uint32_t available; /* blocks at home, fresh ones included */
    uint32_t used;      /* blocks that are not fresh: those in front */
};

#define NB_CHUNK_ALONE offsetof(nb_chunk, link)

typedef struct nb_depot {
    nb_lock lock;
    nb_block *batches; /* a stack */
    uint32_t batch_count;
    uint32_t limit;       /* blocks of a batch */
    uint32_t most_batches;
    uint32_t next_blocks; /* of the next chunk */
    uint32_t chunk_count, empty_count;
    nb_list partial, empty;
} nb_depot;

typedef struct nb_slabs {
    nb_heap *heap;
    atomic_size_t live;
    atomic_bool closed; /* set under nb_self_lock() */
    nb_list caches;     /* under nb_self_lock() */
    struct nb_cache *spare; /* the same */
    nb_depot depots[NB_BLOCK_CLASSES];
} nb_slabs;

/* Blocks of a batch, given the size of one. */
uint32_t nb_batch_limit(uint32_t size);

/* NULL: out of memory. */
nb_slabs *nb_slabs_make(nb_heap *heap);

/* Up to want blocks, linked; more if a batch is at hand. NULL: out of memory. */
nb_block *nb_depot_take(nb_slabs *slabs, uint32_t class, uint32_t want, uint32_t *ret_count);

/* Takes count linked blocks of one class. */
void nb_depot_give(nb_slabs *slabs, uint32_t class, nb_block *blocks, uint32_t count);

/* Gives all empty chunks back to the heap. Whether there were any. */
bool nb_slabs_trim(nb_slabs *slabs);

/* After the close nothing is kept: each chunk goes when its last block is given. The caller's right to the slabs ends here. */
void nb_slabs_drop(nb_slabs *slabs);

/* One block for itself, straight from the heap. NULL: out of memory. */
nb_block *nb_block_alone(nb_heap *heap, size_t size);

#endif
