/* ring_rte.c - the ring of DPDK, for many producers and many consumers. It needs nothing else of DPDK. */
#include "rings.h"

#ifdef HAVE_DPDK
/* Its headers want GNU C. */
#define asm __asm__
#define typeof __typeof__

#include <stdlib.h>

#include <rte_config.h>
#include <rte_ring.h>

#define RING_RUN(what) peer_rte_ring_##what

typedef struct rte_ring ring;

static ring *ring_open(void)
{
    /* A ring of n holds n - 1, unless it is asked for more. */
    ssize_t size = rte_ring_get_memsize(2 * BENCH_RING_CAPACITY);
    ring *r = aligned_alloc(128, ((size_t)size + 127) / 128 * 128);
    bench_check(r != NULL && rte_ring_init(r, "bench", BENCH_RING_CAPACITY, RING_F_EXACT_SZ) == 0, "rte_ring");
    return r;
}

static void ring_close(ring *r)
{
    free(r);
}

static inline bool ring_push(ring *r, uint64_t value)
{
    return rte_ring_mp_enqueue_elem(r, &value, sizeof(value)) == 0;
}

static inline bool ring_pop(ring *r, uint64_t *ret)
{
    return rte_ring_mc_dequeue_elem(r, ret, sizeof(*ret)) == 0;
}

static inline size_t ring_push_n(ring *r, const uint64_t *values, size_t count)
{
    return rte_ring_mp_enqueue_burst_elem(r, values, sizeof(*values), (unsigned)count, NULL);
}

static inline size_t ring_pop_n(ring *r, uint64_t *ret, size_t max)
{
    return rte_ring_mc_dequeue_burst_elem(r, ret, sizeof(*ret), (unsigned)max, NULL);
}

#include "ring_runs.h"
#else
double peer_rte_ring_single(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    (void)c;
    (void)subject;
    (void)ops;
    return BENCH_ABSENT;
}

double peer_rte_ring_batch(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    return peer_rte_ring_single(c, subject, ops);
}

double peer_rte_ring_threads(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    return peer_rte_ring_single(c, subject, ops);
}
#endif
