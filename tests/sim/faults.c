/*
 * faults.c - the allocator of a run, and which faults happen in it.
 */
#include <stdlib.h>

#include "sim.h"

const char *const fault_names[FAULT_COUNT] = { "memory", "no-memory", "full", "bytes", "flight", "budget" };

typedef union head {
    size_t size;
    max_align_t align;
} head;

static bool must_fail(sim_heap *heap)
{
    if (heap->off) {
        return false;
    }
    if (heap->failing) {
        return true;
    }
    if (heap->countdown != 0 && --heap->countdown == 0) {
        heap->countdown = heap->after;
        return true;
    }
    return false;
}

static void *allocate(size_t size, void *user)
{
    sim_heap *heap = user;
    head *block;

    heap->calls++;
    if (must_fail(heap)) {
        heap->failed++;
        return NULL;
    }
    block = malloc(sizeof *block + size);
    if (block == NULL) {
        abort();
    }
    block->size = size;
    heap->blocks++;
    heap->bytes += size;
    return block + 1;
}

static void release(void *data, size_t size, void *user)
{
    sim_heap *heap = user;
    head *block = (head *)data - 1;

    HOLDS(I13, block->size == size, "a block of %zu bytes is released as one of %zu", block->size, size);
    block->size = SIZE_MAX;
    heap->blocks--;
    heap->bytes -= size;
    free(block);
}

void heap_begin(sim_heap *heap)
{
    memset(heap, 0, sizeof *heap);
    heap->allocator = (nimbus_allocator){ allocate, release, heap };
}

void faults_draw(sim *s)
{
    s->faults = 0;
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        s->faults |= (uint32_t)chance(s, 50) << i;
    }
    s->faults &= ~s->options->faults_off;
    if (chance(s, 75)) { /* a budget makes all sends uncertain: seldom */
        s->faults &= ~(1u << FAULT_BUDGET);
    }
}

void faults_step(sim *s)
{
    s->heap.off = false;
    s->heap.failing = false;
    if ((s->faults & 1u << FAULT_MEMORY) != 0 && s->heap.countdown == 0 && chance(s, 20)) {
        s->heap.countdown = 1 + below(s, chance(s, 50) ? 3 : 40);
    }
    if ((s->faults & 1u << FAULT_NO_MEMORY) != 0 && chance(s, 5)) {
        s->heap.failing = true;
    }
}

void faults_end(sim *s)
{
    s->heap.off = true;
    s->heap.failing = false;
    s->heap.countdown = s->heap.after = 0;
    s->faults &= 1u << FAULT_FLIGHT | 1u << FAULT_BUDGET;
}

bool excused(sim *s, nimbus_status status, nimbus_bound bound)
{
    if (status == NIMBUS_E_NO_MEMORY) {
        HOLDS(I3, memory_failed(s) || (s->faults & 1u << FAULT_BUDGET) != 0, "NIMBUS_E_NO_MEMORY, and no allocation has failed");
        cover(EV_NO_MEMORY);
        return true;
    }
    if (status == NIMBUS_E_FULL && bound == NIMBUS_BOUND_MEMORY) {
        HOLDS(I3, (s->faults & 1u << FAULT_BUDGET) != 0, "the budget is used up in a run without a budget");
        cover(EV_FULL_MEMORY);
        return true;
    }
    return false;
}
