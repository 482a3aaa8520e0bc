#include "base/heap.h"

#include <string.h>

#include "platform/memory.h"
#include "sync/atomic.h"

static void *system_allocate(size_t size, void *user)
{
    (void)user;
    return nb_platform_malloc(size);
}

static void system_release(void *block, size_t size, void *user)
{
    (void)size;
    (void)user;
    nb_platform_free(block);
}

nb_heap *nb_heap_open(const nimbus_allocator *allocator, size_t budget)
{
    static const nimbus_allocator system = { system_allocate, system_release, NULL };
    const nimbus_allocator *from = allocator != NULL ? allocator : &system;
    nb_heap *heap = from->allocate(sizeof *heap, from->user);

    if (heap == NULL) {
        return NULL;
    }
    heap->serial = NB_HEAP_BARE;
    heap->slabs = NULL;
    heap->relief = NULL;
    heap->allocator = *from;
    heap->budget = budget;
    nb_atomic_init(&heap->bytes, sizeof *heap);
    return heap;
}

/* Gives size bytes back to the counter; the last byte takes the heap with it. */
static void give_back(nb_heap *heap, size_t size)
{
    if (nb_sub_acq_rel(&heap->bytes, size) == size) { /* pairs with itself: all that others did with the heap, before its free */
        nimbus_allocator allocator = heap->allocator;

        allocator.release(heap, sizeof *heap, allocator.user);
    }
}

void nb_heap_close(nb_heap *heap)
{
    give_back(heap, sizeof *heap);
}

void nb_heap_set_relief(nb_heap *heap, nb_heap_relief *relief)
{
    heap->relief = relief;
}

/* Relaxed, here and below: a count; nothing else is read on the strength of it. */
static bool charge(nb_heap *heap, size_t size)
{
    size_t before = nb_add_relaxed(&heap->bytes, size);

    if (heap->budget != 0 && (size > heap->budget || before > heap->budget - size)) {
        nb_sub_relaxed(&heap->bytes, size); /* never the last: the caller's instance is open */
        return false;
    }
    return true;
}

/* Not asked for what could never fit. */
static bool relieved(nb_heap *heap, size_t size)
{
    return heap->relief != NULL && (heap->budget == 0 || size <= heap->budget) && heap->relief(heap);
}

bool nb_heap_charge(nb_heap *heap, size_t size)
{
    return charge(heap, size) || (relieved(heap, size) && charge(heap, size));
}

void nb_heap_uncharge(nb_heap *heap, size_t size)
{
    give_back(heap, size);
}

void *nb_alloc_spare(nb_heap *heap, size_t size)
{
    void *block;

    if (!charge(heap, size)) {
        return NULL;
    }
    block = heap->allocator.allocate(size, heap->allocator.user);
    if (block == NULL) {
        nb_sub_relaxed(&heap->bytes, size);
    }
    return block;
}

void *nb_alloc(nb_heap *heap, size_t size)
{
    void *block = nb_alloc_spare(heap, size);

    return block == NULL && relieved(heap, size) ? nb_alloc_spare(heap, size) : block;
}

void *nb_alloc_zero(nb_heap *heap, size_t size)
{
    void *block = nb_alloc(heap, size);

    if (block != NULL) {
        memset(block, 0, size);
    }
    return block;
}

void *nb_alloc_array(nb_heap *heap, size_t count, size_t size)
{
    return size != 0 && count > SIZE_MAX / size ? NULL : nb_alloc(heap, count * size);
}

void nb_free(nb_heap *heap, void *block, size_t size)
{
    if (block != NULL) {
        heap->allocator.release(block, size, heap->allocator.user);
        give_back(heap, size);
    }
}

nimbus_status nb_heap_failure(const nb_heap *heap, size_t size)
{
    size_t bytes = nb_heap_bytes(heap);

    return heap->budget != 0 && (size > heap->budget || bytes > heap->budget - size) ? NIMBUS_E_FULL : NIMBUS_E_NO_MEMORY;
}

size_t nb_heap_bytes(const nb_heap *heap)
{
    return nb_load_relaxed(&heap->bytes);
}

size_t nb_heap_budget(const nb_heap *heap)
{
    return heap->budget;
}

char *nb_text_copy(nb_heap *heap, const char *text)
{
    char *copy = NULL;

    if (text != NULL && (copy = nb_alloc(heap, strlen(text) + 1)) != NULL) {
        memcpy(copy, text, strlen(text) + 1);
    }
    return copy;
}

void nb_text_free(nb_heap *heap, char *text)
{
    if (text != NULL) {
        nb_free(heap, text, strlen(text) + 1);
    }
}
