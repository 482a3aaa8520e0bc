/*
 * cache.h - a thread's own blocks of one heap, so that most calls touch nothing shared; and the life of the slabs.
 *
 * For each size class a cache holds a list in use, shorter than a batch, and perhaps one full batch. A list that reaches the size of a
 * batch becomes the full one; the full one that was there goes to the depot in one step (slab.h). An empty list takes the full one,
 * or one from the depot. So a thread that only makes messages and one that only frees them meet once in a batch, and one that does both
 * by turns meets nobody.
 *
 * A cache belongs to (thread, heap). It is memory of the heap and goes back to it when
 *   - the thread ends (a hook of platform/self.h),
 *   - the thread turns to a third heap: its slots hold two,
 *   - the heap closes; then it is the closing thread that takes all caches away.
 * All of this is done under nb_self_lock(). Where a cache cannot be had (no memory, no hook) each call goes to the depot by itself.
 *
 * Who may be inside while the heap closes: giving back only. A call that makes anything needs the open instance, and the close of an
 * instance does not begin to free before such calls have returned. But a message that was retained may be released at any moment. So
 * nb_block_put() says that it is busy, and the close waits for it (block.h); nb_block_get() need not.
 */
#ifndef NB_MEMORY_CACHE_H
#define NB_MEMORY_CACHE_H

#include "memory/poison.h"
#include "memory/slab.h"
#include "platform/self.h"
#include "sync/atomic.h"

typedef struct nb_cached {
    nb_block *list;
    nb_block *full; /* a batch; NULL: none */
    uint32_t count; /* of list; less than limit */
    uint32_t limit;
} nb_cached;

typedef struct nb_cache {
    nb_heap *heap;
    nb_self *owner;
    nb_link link; /* in the slabs' list */
    uint64_t next_number, end_number;
    nb_cached classes[NB_BLOCK_CLASSES];
} nb_cache;

/* This thread's cache for the slabs of that number; NULL: it has none. Relaxed: the slots are this thread's; see block.h for the close. */
static inline nb_cache *nb_cache_of(nb_self *self, uint64_t serial)
{
    return nb_load_relaxed(&self->memory[0].owner) == serial   ? self->memory[0].cache
           : nb_load_relaxed(&self->memory[1].owner) == serial ? self->memory[1].cache
                                                               : NULL;
}

/* Slabs for a heap, which nobody else knows yet. False: out of memory. */
bool nb_slabs_open(nb_heap *heap);

/* Gives back everything but the chunks with blocks on loan; those go with their last block. May be called for a heap without slabs. */
void nb_slabs_close(nb_heap *heap);

/* The parts of block.h that are seldom taken. */
void *nb_block_get_slowly(nb_heap *heap, size_t size);
void nb_block_put_slowly(nb_block *block);
void nb_cache_spill(nb_cache *cache, uint32_t class);
#define NB_NUMBERS_MOST 64u /* set aside by a thread */

uint64_t nb_number_next_slowly(nb_heap *heap, _Atomic uint64_t *counter, uint32_t count);

/*
 * The next number of a counter that all threads share, from a handful that this thread has set aside. In one thread they rise; no two are
 * equal. One counter for each heap. The first is the counter's value plus 1. _in: cache is this thread's, or NULL; it is good for several
 * calls behind one another, since only making another cache can take it away, which a thread that has one does not do.
 */
static inline uint64_t nb_number_next_in(nb_cache *cache, nb_heap *heap, _Atomic uint64_t *counter)
{
    return cache != NULL && cache->next_number != cache->end_number ? ++cache->next_number : nb_number_next_slowly(heap, counter, 1);
}

/* The first of count in a row, at most NB_NUMBERS_MOST. What is left of a handful that is too small is never used. */
static inline uint64_t nb_numbers_next_in(nb_cache *cache, nb_heap *heap, _Atomic uint64_t *counter, uint32_t count)
{
    if (cache == NULL || cache->end_number - cache->next_number < count) {
        return nb_number_next_slowly(heap, counter, count);
    }
    cache->next_number += count;
    return cache->next_number - count + 1;
}

static inline uint64_t nb_number_next(nb_heap *heap, _Atomic uint64_t *counter)
{
    return nb_number_next_in(nb_cache_of(nb_self_get(), heap->serial), heap, counter);
}

#endif
