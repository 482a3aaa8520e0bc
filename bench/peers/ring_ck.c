/* ring_ck.c - the ring of Concurrency Kit, for many producers and many consumers. */
#include "rings.h"

#ifdef HAVE_CK
#include <stdlib.h>

#include <ck_ring.h>

#define RING_RUN(what) peer_ck_ring_##what

typedef struct ring {
    ck_ring_t ring;
    ck_ring_buffer_t buffer[BENCH_RING_CAPACITY];
} ring;

static ring *ring_open(void)
{
    ring *r = aligned_alloc(64, (sizeof(ring) + 63) / 64 * 64);
    bench_check(r != NULL, "out of memory");
    ck_ring_init(&r->ring, BENCH_RING_CAPACITY);
    for (size_t i = 0; i < BENCH_RING_CAPACITY; i++)
        r->buffer[i].value = NULL;
    return r;
}

static void ring_close(ring *r)
{
    free(r);
}

static inline bool ring_push(ring *r, uint64_t value)
{
    return ck_ring_enqueue_mpmc(&r->ring, r->buffer, (const void *)(uintptr_t)value);
}

static inline bool ring_pop(ring *r, uint64_t *ret)
{
    void *value;
    if (!ck_ring_dequeue_mpmc(&r->ring, r->buffer, &value))
        return false;
    *ret = (uintptr_t)value;
    return true;
}

static inline size_t ring_push_n(ring *r, const uint64_t *values, size_t count)
{
    size_t done = 0;
    while (done < count && ring_push(r, values[done]))
        done++;
    return done;
}

static inline size_t ring_pop_n(ring *r, uint64_t *ret, size_t max)
{
    size_t done = 0;
    while (done < max && ring_pop(r, &ret[done]))
        done++;
    return done;
}

bench_run_fn peer_ck_ring_batch; /* one by one: not a row */
#include "ring_runs.h"
#else
double peer_ck_ring_single(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    (void)c;
    (void)subject;
    (void)ops;
    return BENCH_ABSENT;
}

double peer_ck_ring_threads(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    return peer_ck_ring_single(c, subject, ops);
}
#endif
