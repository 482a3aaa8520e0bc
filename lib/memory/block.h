/*
 * block.h - memory for what is small and short-lived: messages, letters, calls that wait.
 *
 * An object that comes from here begins with a pointer that is ours (nb_block in slab.h): it leads home, to the chunk, and must not be
 * written while the object lives. All else is the object's. Its bytes are not initialised.
 *
 * In steady state neither call takes a lock, executes a locked instruction or asks the heap, whichever thread gives a block back: each
 * thread has a cache of blocks (cache.h), and full caches trade with empty ones by the batch.
 */
#ifndef NB_MEMORY_BLOCK_H
#define NB_MEMORY_BLOCK_H

#include <string.h>

#include "memory/cache.h"

/* size bytes, at least a pointer's. NULL: nb_block_failure() says why. cache: this thread's, or NULL. */
static inline void *nb_block_get_in(nb_cache *cache, nb_heap *heap, size_t size)
{
    if (cache != NULL && size <= NB_BLOCK_MAX && !NB_BLOCKS_ALONE) {
        nb_cached *cached = &cache->classes[nb_class_of(size)];
        nb_block *block = cached->list;

        nb_plain_write(&cached->list);
        if (block != NULL) {
            cached->list = block->next;
            cached->count--;
            nb_unpoison(block, size);
            return block;
        }
    }
    return nb_block_get_slowly(heap, size);
}

static inline void *nb_block_get(nb_heap *heap, size_t size)
{
    return nb_block_get_in(nb_cache_of(nb_self_get(), heap->serial), heap, size);
}

/* The same, all bytes but ours zero. */
static inline void *nb_block_get_zero(nb_heap *heap, size_t size)
{
    void *object = nb_block_get(heap, size);

    if (object != NULL) {
        memset((char *)object + sizeof(void *), 0, size - sizeof(void *));
    }
    return object;
}

/*
 * Gives blocks back to this thread's cache for the heap of one of them: begin, put (false: this block does not go there), end. In between
 * nothing but puts, since a close waits for the end. begin and put read the way home of a block that is still its owner's.
 *
 * Ordering. The store of busy, the light fence and the look at the slot's owner pair with nb_slabs_close(): it clears the owner, then the
 * heavy fence, then looks at busy. So either this sees that the cache is no longer its own, or the close sees busy and waits until the
 * release store at the end, with which all that was done to the cache comes before what the close does with it.
 */
typedef struct nb_keeping {
    nb_self *self;
    uint64_t serial;
    nb_cache *cache; /* NULL: there is none */
} nb_keeping;

static inline void nb_keeping_begin(nb_keeping *keeping, const void *object)
{
    keeping->self = nb_self_get();
    keeping->serial = ((const nb_block *)object)->home->serial;
    nb_store_relaxed(&keeping->self->memory_busy, 1);
    nb_fence_light();
    keeping->cache = nb_cache_of(keeping->self, keeping->serial);
}

static inline bool nb_keeping_put(nb_keeping *keeping, void *object)
{
    nb_block *block = object;
    nb_chunk *chunk = block->home;
    nb_cached *cached;

    if (keeping->cache == NULL || chunk->serial != keeping->serial) {
        return false;
    }
    cached = &keeping->cache->classes[chunk->class];
    nb_plain_write(&cached->list);
    nb_poison_free(block, nb_class_size(chunk->class));
    block->next = cached->list;
    cached->list = block;
    if (++cached->count >= cached->limit) {
        nb_cache_spill(keeping->cache, chunk->class);
    }
    return true;
}

static inline void nb_keeping_end(nb_keeping *keeping)
{
    nb_store_release(&keeping->self->memory_busy, 0);
}

/* From any thread; also after the close of the instance, and while it closes. */
static inline void nb_block_put(void *object)
{
    nb_keeping keeping;
    bool kept;

    nb_keeping_begin(&keeping, object);
    kept = nb_keeping_put(&keeping, object);
    nb_keeping_end(&keeping);
    if (!kept) {
        nb_block_put_slowly(object);
    }
}

static inline nb_heap *nb_block_heap(const void *object)
{
    return ((const nb_block *)object)->home->heap;
}

/* After a NULL: NIMBUS_E_FULL if the budget refused size bytes, else NIMBUS_E_NO_MEMORY. */
static inline nimbus_status nb_block_failure(const nb_heap *heap, size_t size)
{
    size_t head = heap->serial == NB_HEAP_BARE ? NB_CHUNK_ALONE : sizeof(nb_chunk);

    return nb_heap_failure(heap, size > SIZE_MAX - head ? size : size + head);
}

#endif
