#include "base/heap.h"

#include <stdatomic.h>
#include <string.h>

#include "platform/memory.h"

struct nb_heap {
    nimbus_allocator allocator;
    size_t budget;
    atomic_size_t bytes;
};

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
    heap->allocator = *from;
    heap->budget = budget;
    atomic_init(&heap->bytes, sizeof *heap);
    return heap;
}

/* Gives size bytes back to the counter; the last byte takes the heap with it. */
static void give_back(nb_heap *heap, size_t size)
{
    if (atomic_fetch_sub_explicit(&heap->bytes, size, memory_order_acq_rel) == size) {
        nimbus_allocator allocator = heap->allocator;

        allocator.release(heap, sizeof *heap, allocator.user);
    }
}

void nb_heap_close(nb_heap *heap)
{
    give_back(heap, sizeof *heap);
}

bool nb_heap_charge(nb_heap *heap, size_t size)
{
    size_t before = atomic_fetch_add_explicit(&heap->bytes, size, memory_order_relaxed);

    if (heap->budget != 0 && (size > heap->budget || before > heap->budget - size)) {
        atomic_fetch_sub_explicit(&heap->bytes, size, memory_order_relaxed); /* never the last: the caller's instance is open */
        return false;
    }
    return true;
}

void nb_heap_uncharge(nb_heap *heap, size_t size)
{
    give_back(heap, size);
}

void *nb_alloc(nb_heap *heap, size_t size)
{
    void *block;

    if (!nb_heap_charge(heap, size)) {
        return NULL;
    }
    block = heap->allocator.allocate(size, heap->allocator.user);
    if (block == NULL) {
        atomic_fetch_sub_explicit(&heap->bytes, size, memory_order_relaxed);
    }
    return block;
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
    return atomic_load_explicit(&heap->bytes, memory_order_relaxed);
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
