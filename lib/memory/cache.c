#include "memory/block.h"

#include <string.h>

#include "platform/clock.h"
#include "platform/parker.h"

#define PATIENCE 64u /* calls */
#define SPINS 100

static _Atomic uint64_t last_serial; /* relaxed: each number is given once, that is all */

/* ------------------------------------------------------------------------------------- under nb_self_lock() */

/* All blocks of a cache go to the depots. */
static void flush(nb_slabs *slabs, nb_cache *cache)
{
    for (uint32_t class = 0; class < NB_BLOCK_CLASSES; class++) {
        nb_cached *cached = &cache->classes[class];
        nb_cached had = *cached;

        nb_plain_write(&cached->list);
        cached->list = cached->full = NULL;
        cached->count = 0;
        if (had.full != NULL) {
            nb_depot_give(slabs, class, had.full, had.limit);
        }
        if (had.list != NULL) {
            nb_depot_give(slabs, class, had.list, had.count);
        }
    }
}

static nb_self_slot *slot_of(nb_self *owner, const nb_cache *cache)
{
    for (uint32_t i = 0; i < NB_SELF_CACHES; i++) {
        if (owner->memory[i].cache == cache) {
            return &owner->memory[i];
        }
    }
    return NULL;
}

static void empty_slot(nb_self_slot *slot)
{
    nb_store_relaxed(&slot->owner, 0); /* for its thread: the fences of block.h and nb_slabs_close() order it */
}

/* By its own thread, while the heap is open: as it is in the slot, nobody has closed it. */
static void give_up(nb_self_slot *slot)
{
    nb_cache *cache = slot->cache;
    nb_slabs *slabs = cache->heap->slabs;

    empty_slot(slot);
    slot->cache = NULL;
    nb_link_remove(&cache->link);
    flush(slabs, cache);
    if (slabs->spare == NULL) {
        slabs->spare = cache;
    } else {
        nb_free(cache->heap, cache, sizeof *cache);
    }
}

static void thread_ended(nb_self_hook *hook)
{
    nb_self *self = NB_CONTAINER(hook, nb_self, memory_hook);

    nb_self_lock();
    for (uint32_t i = 0; i < NB_SELF_CACHES; i++) {
        if (self->memory[i].cache != NULL) {
            give_up(&self->memory[i]);
        }
    }
    nb_self_unlock();
}

static nb_self_slot *free_slot(nb_self *self)
{
    nb_self_slot *slot = slot_of(self, NULL);

    if (slot == NULL) {
        slot = &self->memory[self->memory_victim];
        self->memory_victim = (self->memory_victim + 1) % NB_SELF_CACHES;
        give_up(slot);
    }
    return slot;
}

/* ------------------------------------------------------------------------------------------- make and find */

static bool hooked(nb_self *self)
{
    if (!self->memory_hooked) {
        self->memory_hook.ended = thread_ended;
        self->memory_hooked = nb_self_at_end(&self->memory_hook);
    }
    return self->memory_hooked && !self->ending;
}

static void cache_init(nb_cache *cache, nb_self *self, nb_slabs *slabs)
{
    memset(cache, 0, sizeof *cache);
    cache->heap = slabs->heap;
    cache->owner = self;
    for (uint32_t class = 0; class < NB_BLOCK_CLASSES; class++) {
        cache->classes[class].limit = slabs->depots[class].limit;
    }
}

/* A cache for a thread that has none with these slabs. NULL: it cannot have one now. */
static nb_cache *make_cache(nb_self *self, nb_slabs *slabs, uint64_t serial)
{
    nb_cache *cache = NULL;
    nb_self_slot *slot;

    if (self->memory_patience > 0) {
        self->memory_patience--;
        return NULL;
    }
    nb_self_lock();
    if (nb_load_relaxed(&slabs->closed)) { /* it is stored under this lock */
        nb_self_unlock();
        return NULL;
    }
    if (hooked(self)) {
        cache = slabs->spare != NULL ? slabs->spare : nb_alloc_spare(slabs->heap, sizeof *cache);
        slabs->spare = NULL;
    }
    if (cache != NULL) {
        cache_init(cache, self, slabs);
        slot = free_slot(self);
        nb_list_push(&slabs->caches, &cache->link);
        slot->cache = cache;
        nb_store_relaxed(&slot->owner, serial);
    } else {
        self->memory_patience = PATIENCE;
    }
    nb_self_unlock();
    return cache;
}

/* ------------------------------------------------------------------------------------------------- blocks */

void *nb_block_get_slowly(nb_heap *heap, size_t size)
{
    uint64_t serial = heap->serial;
    uint32_t class, count = 0;
    nb_cached *cached;
    nb_cache *cache;
    nb_block *block;

    if (size > NB_BLOCK_MAX || serial == NB_HEAP_BARE || NB_BLOCKS_ALONE) {
        return nb_block_alone(heap, size);
    }
    class = nb_class_of(size);
    cache = nb_cache_of(nb_self_get(), serial);
    if (cache == NULL) {
        cache = make_cache(nb_self_get(), heap->slabs, serial);
    }
    if (cache == NULL) {
        block = nb_depot_take(heap->slabs, class, 1, &count);
    } else {
        cached = &cache->classes[class];
        block = cached->list;
        count = cached->count; /* 0, unless the caller did not know of a cache that was made since */
        if (block == NULL) {
            block = cached->full;
            count = cached->limit;
            cached->full = NULL;
        }
        if (block == NULL) {
            block = nb_depot_take(heap->slabs, class, cached->limit, &count); /* the list is empty, also for relieve() */
        }
        if (block != NULL) {
            cached->list = block->next;
            cached->count = count - 1;
        }
    }
    if (block != NULL) {
        nb_unpoison(block, size);
    }
    return block;
}

void nb_cache_spill(nb_cache *cache, uint32_t class)
{
    nb_cached *cached = &cache->classes[class];
    nb_block *before = cached->full;

    cached->full = cached->list;
    cached->list = NULL;
    cached->count = 0;
    if (before != NULL) {
        nb_depot_give(cache->heap->slabs, class, before, cached->limit);
    }
}

void nb_block_put_slowly(nb_block *block)
{
    nb_chunk *chunk = block->home;
    nb_heap *heap = chunk->heap;

    if (chunk->class == NB_CLASS_ALONE) {
        nb_free(heap, chunk, chunk->bytes);
    } else if (!nb_load_relaxed(&((nb_slabs *)heap->slabs)->closed) && make_cache(nb_self_get(), heap->slabs, chunk->serial) != NULL) {
        nb_block_put(block); /* back here if the heap was closed meanwhile */
    } else {
        nb_poison_free(block, nb_class_size(chunk->class));
        block->next = NULL;
        nb_depot_give(heap->slabs, chunk->class, block, 1); /* until here the block keeps the slabs alive */
    }
}

uint64_t nb_number_next_slowly(nb_heap *heap, _Atomic uint64_t *counter, uint32_t count)
{
    uint64_t serial = heap->serial;
    nb_cache *cache = nb_cache_of(nb_self_get(), serial);

    if (cache == NULL && serial != NB_HEAP_BARE) {
        cache = make_cache(nb_self_get(), heap->slabs, serial);
    }
    if (cache == NULL) {
        return nb_add_relaxed(counter, count) + 1; /* relaxed, here and below: only the number counts */
    }
    if (cache->end_number - cache->next_number < count) {
        cache->next_number = nb_add_relaxed(counter, NB_NUMBERS_MOST);
        cache->end_number = cache->next_number + NB_NUMBERS_MOST;
    }
    cache->next_number += count;
    return cache->next_number - count + 1;
}

/* ------------------------------------------------------------------------------------------ open and close */

/* The heap was refused something: what this thread keeps and what nobody uses goes back. Of other threads' caches nothing can be had. */
static bool relieve(nb_heap *heap)
{
    nb_cache *cache = nb_cache_of(nb_self_get(), heap->serial);

    if (cache != NULL) {
        flush(heap->slabs, cache); /* without the lock: its own thread, and the heap is open */
    }
    return nb_slabs_trim(heap->slabs);
}

bool nb_slabs_open(nb_heap *heap)
{
    nb_slabs *slabs = nb_slabs_make(heap);

    if (slabs == NULL) {
        return false;
    }
    nb_barrier_init();
    heap->serial = nb_add_relaxed(&last_serial, 1) + 1;
    heap->slabs = slabs;
    nb_heap_set_relief(heap, relieve);
    return true;
}

/* Until the thread is outside of nb_block_put(). Acquire: pairs with its release store there; what it did to its cache comes before. */
static void await_idle(nb_self *owner)
{
    nb_parker never;
    int spins = 0;

    nb_parker_init(&never);
    while (nb_load_acquire(&owner->memory_busy) != 0) {
        if (spins++ < SPINS) {
            nb_pause();
        } else {
            nb_parker_wait(&never, nb_platform_elapsed() + 20000);
        }
    }
    nb_parker_fini(&never);
}

static void close_caches(nb_slabs *slabs)
{
    bool others = false;
    nb_link *link;

    for (link = slabs->caches.next; link != &slabs->caches; link = link->next) {
        nb_cache *cache = NB_CONTAINER(link, nb_cache, link);

        empty_slot(slot_of(cache->owner, cache));
        others = others || cache->owner != nb_self_get();
    }
    if (others) {
        nb_fence_heavy(); /* pairs with the light one of nb_block_put() */
    }
    while ((link = nb_list_pop(&slabs->caches)) != NULL) {
        nb_cache *cache = NB_CONTAINER(link, nb_cache, link);

        await_idle(cache->owner);
        slot_of(cache->owner, cache)->cache = NULL;
        flush(slabs, cache);
        nb_free(slabs->heap, cache, sizeof *cache);
    }
}

void nb_slabs_close(nb_heap *heap)
{
    nb_slabs *slabs = heap->slabs;

    if (heap->serial == NB_HEAP_BARE) {
        return;
    }
    nb_heap_set_relief(heap, NULL);
    heap->serial = NB_HEAP_BARE; /* whoever should still make something gets it from the heap */
    nb_self_lock();
    nb_store_relaxed(&slabs->closed, true);
    close_caches(slabs);
    nb_free(heap, slabs->spare, sizeof *slabs->spare);
    slabs->spare = NULL;
    nb_self_unlock();
    nb_slabs_drop(slabs);
}
