#include "memory/slab.h"

#include "memory/poison.h"
#include "sync/atomic.h"

/* With tests these are so small that growth, exchange and trimming come early. */
#ifdef NB_TESTING
#define BATCH_BYTES 4096u
#define BATCH_BLOCKS 3u
#define FIRST_BYTES 256u
#define CHUNK_BYTES 1024u
#define DEPOT_BYTES 512u
#define KEPT_EMPTY 1u
#else
#define BATCH_BYTES 16384u
#define BATCH_BLOCKS 32u
#define FIRST_BYTES 2048u
#define CHUNK_BYTES 65536u
#define DEPOT_BYTES (1u << 20)
#define KEPT_EMPTY 4u
#endif

/* What the first block of a chunk follows; a multiple of 8 for any pointer size. */
#define CHUNK_HEAD ((sizeof(nb_chunk) + 7) & ~(size_t)7)

uint32_t nb_batch_limit(uint32_t size)
{
    uint32_t limit = BATCH_BYTES / size;

    return limit < 2 ? 2 : limit > BATCH_BLOCKS ? BATCH_BLOCKS : limit;
}

nb_slabs *nb_slabs_make(nb_heap *heap)
{
    nb_slabs *slabs = nb_alloc_zero(heap, sizeof *slabs);

    if (slabs == NULL) {
        return NULL;
    }
    slabs->heap = heap;
    nb_atomic_init(&slabs->live, 1);
    nb_atomic_init(&slabs->closed, false);
    nb_link_init(&slabs->caches);
    for (uint32_t class = 0; class < NB_BLOCK_CLASSES; class++) {
        nb_depot *depot = &slabs->depots[class];
        uint32_t size = nb_class_size(class);

        nb_lock_init(&depot->lock);
        depot->limit = nb_batch_limit(size);
        depot->most_batches = DEPOT_BYTES / (depot->limit * size) + 1;
        depot->next_blocks = size < FIRST_BYTES ? FIRST_BYTES / size : 1;
        nb_link_init(&depot->partial);
        nb_link_init(&depot->empty);
    }
    return slabs;
}

/* One part of the slabs is gone. */
static void let_go(nb_slabs *slabs)
{
    if (nb_sub_acq_rel(&slabs->live, 1) == 1) { /* pairs with itself; see slab.h */
        for (uint32_t class = 0; class < NB_BLOCK_CLASSES; class++) {
            nb_lock_fini(&slabs->depots[class].lock);
        }
        nb_free(slabs->heap, slabs, sizeof *slabs);
    }
}

/* ---------------------------------------------------------------------------------------------- chunks */

static nb_block *block_at(nb_chunk *chunk, uint32_t index)
{
    return (nb_block *)((char *)chunk + CHUNK_HEAD + (size_t)index * nb_class_size(chunk->class));
}

/* Asks for a chunk of blocks blocks, and for less when that is refused, down to one block. Without the lock. NULL: out of memory. */
static nb_chunk *make_chunk(nb_slabs *slabs, uint32_t class, uint32_t blocks)
{
    size_t size = nb_class_size(class), bytes = CHUNK_HEAD + blocks * size;
    nb_chunk *chunk = nb_alloc(slabs->heap, bytes);

    while (chunk == NULL && blocks > 1) {
        blocks /= 2;
        bytes = CHUNK_HEAD + blocks * size;
        chunk = nb_alloc_spare(slabs->heap, bytes);
    }
    if (chunk != NULL) {
        chunk->heap = slabs->heap;
        chunk->serial = slabs->heap->serial;
        chunk->class = class;
        chunk->blocks = blocks;
        chunk->bytes = bytes;
        nb_link_init(&chunk->link);
        chunk->home = NULL;
        chunk->available = blocks;
        chunk->used = 0;
        nb_poison((char *)chunk + CHUNK_HEAD, bytes - CHUNK_HEAD);
        nb_add_relaxed(&slabs->live, 1); /* ours is alive: the caller's own share */
    }
    return chunk;
}

static void add_chunk(nb_depot *depot, nb_chunk *chunk)
{
    uint32_t size = nb_class_size(chunk->class), most = (CHUNK_BYTES - (uint32_t)CHUNK_HEAD) / size;

    depot->chunk_count++;
    depot->empty_count++;
    nb_list_push(&depot->empty, &chunk->link);
    depot->next_blocks = chunk->blocks < most / 2 ? chunk->blocks * 2 : most > 0 ? most : 1;
}

/* Takes a chunk with all its blocks at home out of the depot and puts it on the list of those that go. */
static void retire(nb_depot *depot, nb_chunk *chunk, nb_list *gone)
{
    nb_link_remove(&chunk->link);
    depot->chunk_count--;
    depot->empty_count--;
    nb_list_push(gone, &chunk->link);
}

/* Without the lock. Each of these chunks keeps the slabs alive until it is let go of. Whether there were any. */
static bool free_chunks(nb_slabs *slabs, nb_list *gone)
{
    bool any = !nb_list_empty(gone);
    nb_link *link;

    while ((link = nb_list_pop(gone)) != NULL) {
        nb_chunk *chunk = NB_CONTAINER(link, nb_chunk, link);

        nb_unpoison(chunk, chunk->bytes);
        nb_free(slabs->heap, chunk, chunk->bytes);
        let_go(slabs);
    }
    return any;
}

/* ---------------------------------------------------------------------------------- blocks, under the lock */

/* Adds up to want blocks to the front of *list; returns how many. */
static uint32_t take_home(nb_depot *depot, nb_chunk *chunk, uint32_t want, nb_block **list)
{
    uint32_t count = 0;

    if (chunk->available == chunk->blocks) {
        nb_link_remove(&chunk->link);
        nb_list_push_front(&depot->partial, &chunk->link);
        depot->empty_count--;
    }
    for (; count < want && chunk->available > 0; count++) {
        nb_block *block = chunk->home;

        if (block != NULL) {
            chunk->home = block->next;
        } else {
            block = block_at(chunk, chunk->used++);
            nb_unpoison(block, NB_FREE_BYTES);
            block->home = chunk;
        }
        chunk->available--;
        block->next = *list;
        *list = block;
    }
    if (chunk->available == 0) {
        nb_link_remove(&chunk->link);
    }
    return count;
}

/* Empty chunks beyond those that the next wave of messages will want go to *gone. */
static void put_home(nb_depot *depot, nb_block *block, bool keep, nb_list *gone)
{
    nb_chunk *chunk = block->home;

    block->next = chunk->home;
    chunk->home = block;
    chunk->available++;
    if (chunk->available == 1) {
        nb_list_push(&depot->partial, &chunk->link);
    }
    if (chunk->available == chunk->blocks) {
        nb_link_remove(&chunk->link);
        nb_list_push_front(&depot->empty, &chunk->link);
        depot->empty_count++;
        while (depot->empty_count > (keep ? depot->chunk_count - depot->empty_count + KEPT_EMPTY : 0)) { /* at most two of them */
            retire(depot, NB_CONTAINER(depot->empty.prev, nb_chunk, link), gone);
        }
    }
}

static void put_all_home(nb_depot *depot, nb_block *list, bool keep, nb_list *gone)
{
    while (list != NULL) {
        nb_block *next = list->next;

        put_home(depot, list, keep, gone);
        list = next;
    }
}

static nb_block *pop_batch(nb_depot *depot)
{
    nb_block *batch = depot->batches;

    if (batch != NULL) {
        nb_unpoison(batch, sizeof *batch);
        depot->batches = batch->next_batch;
        depot->batch_count--;
        nb_poison_free(batch, nb_class_size(batch->home->class));
    }
    return batch;
}

static void push_batch(nb_depot *depot, nb_block *batch)
{
    nb_unpoison(batch, sizeof *batch);
    batch->next_batch = depot->batches;
    depot->batches = batch;
    depot->batch_count++;
    nb_poison_free(batch, nb_class_size(batch->home->class));
}

static uint32_t take_from_chunks(nb_depot *depot, uint32_t want, nb_block **list)
{
    uint32_t count = 0;
    nb_link *link;

    while (count < want && ((link = nb_list_first(&depot->partial)) != NULL || (link = nb_list_first(&depot->empty)) != NULL)) {
        count += take_home(depot, NB_CONTAINER(link, nb_chunk, link), want - count, list);
    }
    return count;
}

/* ----------------------------------------------------------------------------------------------- depot */

/* What a thread takes: a batch as it is, or what is at home. For one block alone the rest of a batch goes home. */
static nb_block *take_kept(nb_depot *depot, uint32_t want, uint32_t *ret_count, nb_list *gone)
{
    nb_block *list = want >= depot->limit ? pop_batch(depot) : NULL;

    *ret_count = depot->limit;
    if (list == NULL) {
        *ret_count = take_from_chunks(depot, want, &list);
    }
    if (list == NULL && (list = pop_batch(depot)) != NULL) {
        put_all_home(depot, list->next, true, gone);
        list->next = NULL;
        *ret_count = 1;
    }
    return list;
}

nb_block *nb_depot_take(nb_slabs *slabs, uint32_t class, uint32_t want, uint32_t *ret_count)
{
    nb_depot *depot = &slabs->depots[class];
    nb_list gone = { &gone, &gone };
    nb_block *list;
    nb_chunk *chunk;
    uint32_t blocks;

    nb_lock_acquire(&depot->lock);
    list = take_kept(depot, want, ret_count, &gone);
    blocks = depot->next_blocks;
    nb_lock_release(&depot->lock);
    free_chunks(slabs, &gone);
    if (list == NULL && (chunk = make_chunk(slabs, class, blocks)) != NULL) {
        nb_lock_acquire(&depot->lock);
        add_chunk(depot, chunk);
        *ret_count = take_home(depot, chunk, want, &list);
        nb_lock_release(&depot->lock);
    }
    return list;
}

void nb_depot_give(nb_slabs *slabs, uint32_t class, nb_block *blocks, uint32_t count)
{
    nb_depot *depot = &slabs->depots[class];
    nb_list gone = { &gone, &gone };
    bool keep;

    nb_lock_acquire(&depot->lock);
    keep = !nb_load_relaxed(&slabs->closed); /* nb_slabs_drop() comes by under this lock after it was set: whoever comes later sees it */
    if (keep && count == depot->limit && depot->batch_count < depot->most_batches) {
        push_batch(depot, blocks);
    } else {
        put_all_home(depot, blocks, keep, &gone);
    }
    nb_lock_release(&depot->lock);
    free_chunks(slabs, &gone);
}

bool nb_slabs_trim(nb_slabs *slabs)
{
    bool any = false;

    for (uint32_t class = 0; class < NB_BLOCK_CLASSES; class++) {
        nb_depot *depot = &slabs->depots[class];
        nb_list gone = { &gone, &gone };
        nb_block *batch;

        nb_lock_acquire(&depot->lock);
        while ((batch = pop_batch(depot)) != NULL) {
            put_all_home(depot, batch, false, &gone);
        }
        while (!nb_list_empty(&depot->empty)) {
            retire(depot, NB_CONTAINER(depot->empty.next, nb_chunk, link), &gone);
        }
        nb_lock_release(&depot->lock);
        any |= free_chunks(slabs, &gone);
    }
    return any;
}

void nb_slabs_drop(nb_slabs *slabs)
{
    nb_slabs_trim(slabs);
    let_go(slabs);
}

nb_block *nb_block_alone(nb_heap *heap, size_t size)
{
    nb_chunk *chunk = size > SIZE_MAX - CHUNK_HEAD ? NULL : nb_alloc(heap, NB_CHUNK_ALONE + size);
    nb_block *block = NULL;

    if (chunk != NULL) {
        chunk->heap = heap;
        chunk->serial = NB_HEAP_BARE;
        chunk->class = NB_CLASS_ALONE;
        chunk->blocks = 1;
        chunk->bytes = NB_CHUNK_ALONE + size;
        block = (nb_block *)((char *)chunk + NB_CHUNK_ALONE);
        block->home = chunk;
    }
    return block;
}
