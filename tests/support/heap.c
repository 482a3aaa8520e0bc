#include "heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIVE UINT64_C(0x6c6976656c697665)
#define DEAD UINT64_C(0x6465616464656164)

typedef struct head {
    size_t size;
    uint64_t mark;
} head;

typedef union block {
    head head;
    max_align_t align;
} block;

static bool heap_must_fail(test_heap *heap)
{
    uint_fast64_t left;
    if (atomic_load(&heap->paused)) {
        return false;
    }
    if (atomic_load(&heap->failing)) {
        return true;
    }
    left = atomic_load(&heap->countdown);
    while (left > 0 && !atomic_compare_exchange_weak(&heap->countdown, &left, left - 1)) {
    }
    if (left == 1 && atomic_load(&heap->persistent)) {
        atomic_store(&heap->failing, true);
    }
    return left == 1;
}

static void *heap_allocate(size_t size, void *user)
{
    test_heap *heap = user;
    block *made;
    atomic_fetch_add(&heap->calls, 1);
    if (heap_must_fail(heap)) {
        atomic_fetch_add(&heap->failed, 1);
        return NULL;
    }
    made = size > SIZE_MAX - sizeof *made ? NULL : malloc(sizeof *made + size);
    if (made == NULL) {
        return NULL;
    }
    made->head.size = size;
    made->head.mark = LIVE;
    memset(made + 1, 0xa5, size);
    atomic_fetch_add(&heap->blocks, 1);
    atomic_fetch_add(&heap->bytes, size);
    return made + 1;
}

static void heap_release(void *data, size_t size, void *user)
{
    test_heap *heap = user;
    block *gone = data;
    if (data == NULL) {
        atomic_fetch_add(&heap->faults, 1);
        return;
    }
    gone -= 1;
    if (gone->head.mark != LIVE) {
        atomic_fetch_add(&heap->faults, 1);
        return;
    }
    if (gone->head.size != size) {
        atomic_fetch_add(&heap->faults, 1);
    }
    atomic_fetch_sub(&heap->blocks, 1);
    atomic_fetch_sub(&heap->bytes, gone->head.size);
    gone->head.mark = DEAD;
    memset(gone + 1, 0xdd, gone->head.size);
    free(gone);
}

void heap_init(test_heap *heap)
{
    memset(heap, 0, sizeof *heap);
    heap->allocator.allocate = heap_allocate;
    heap->allocator.release = heap_release;
    heap->allocator.user = heap;
}

void heap_fail(test_heap *heap, uint64_t nth, bool persistent)
{
    atomic_store(&heap->failing, false);
    atomic_store(&heap->persistent, persistent);
    atomic_store(&heap->countdown, nth);
}

void heap_pause(test_heap *heap)
{
    atomic_store(&heap->paused, true);
}

void heap_resume(test_heap *heap)
{
    atomic_store(&heap->paused, false);
}

uint64_t heap_calls(test_heap *heap)
{
    return atomic_load(&heap->calls);
}

uint64_t heap_failed(test_heap *heap)
{
    return atomic_load(&heap->failed);
}

bool heap_is_clean(test_heap *heap)
{
    size_t blocks = atomic_load(&heap->blocks);
    size_t bytes = atomic_load(&heap->bytes);
    size_t faults = atomic_load(&heap->faults);
    if (blocks != 0 || bytes != 0) {
        fprintf(stderr, "%zu blocks of %zu bytes are still live\n", blocks, bytes);
    }
    if (faults != 0) {
        fprintf(stderr, "%zu releases did not match their allocation\n", faults);
    }
    return blocks == 0 && bytes == 0 && faults == 0;
}
