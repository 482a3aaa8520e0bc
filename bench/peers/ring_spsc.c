/* ring_spsc.c - the limit: one producer, one consumer, each with its own index and a copy of the other's. */
#include "rings.h"

#include <stdatomic.h>
#include <stdlib.h>

#define RING_RUN(what) peer_spsc_ring_##what
#define MASK (BENCH_RING_CAPACITY - 1)

typedef struct ring {
    _Alignas(64) _Atomic uint64_t tail;
    uint64_t seen_head; /* the producer's copy */
    _Alignas(64) _Atomic uint64_t head;
    uint64_t seen_tail; /* the consumer's copy */
    _Alignas(64) uint64_t values[BENCH_RING_CAPACITY];
} ring;

static ring *ring_open(void)
{
    ring *r = aligned_alloc(64, sizeof(ring));
    bench_check(r != NULL, "out of memory");
    atomic_init(&r->tail, 0);
    atomic_init(&r->head, 0);
    r->seen_head = r->seen_tail = 0;
    for (size_t i = 0; i < BENCH_RING_CAPACITY; i++)
        r->values[i] = 0;
    return r;
}

static void ring_close(ring *r)
{
    free(r);
}

static inline size_t ring_push_n(ring *r, const uint64_t *values, size_t count)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (BENCH_RING_CAPACITY - (tail - r->seen_head) < count) {
        r->seen_head = atomic_load_explicit(&r->head, memory_order_acquire);
        if (BENCH_RING_CAPACITY - (tail - r->seen_head) < count)
            count = (size_t)(BENCH_RING_CAPACITY - (tail - r->seen_head));
    }
    for (size_t i = 0; i < count; i++)
        r->values[(tail + i) & MASK] = values[i];
    atomic_store_explicit(&r->tail, tail + count, memory_order_release);
    return count;
}

static inline size_t ring_pop_n(ring *r, uint64_t *ret, size_t max)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (r->seen_tail - head < max) {
        r->seen_tail = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (r->seen_tail - head < max)
            max = (size_t)(r->seen_tail - head);
    }
    for (size_t i = 0; i < max; i++)
        ret[i] = r->values[(head + i) & MASK];
    atomic_store_explicit(&r->head, head + max, memory_order_release);
    return max;
}

static inline bool ring_push(ring *r, uint64_t value)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (tail - r->seen_head == BENCH_RING_CAPACITY) {
        r->seen_head = atomic_load_explicit(&r->head, memory_order_acquire);
        if (tail - r->seen_head == BENCH_RING_CAPACITY)
            return false;
    }
    r->values[tail & MASK] = value;
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    return true;
}

static inline bool ring_pop(ring *r, uint64_t *ret)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head == r->seen_tail) {
        r->seen_tail = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (head == r->seen_tail)
            return false;
    }
    *ret = r->values[head & MASK];
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
    return true;
}

#include "ring_runs.h"
