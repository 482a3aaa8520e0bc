/* bench_ring.c - the ring of lib/sync alone (internal): one thread, one and one, four and four, and batches. */
#include "sync/ring.h"

#include <stdlib.h>

#include "peers/rings.h"

#define RING_RUN(what) our_ring_##what

bench_run_fn our_ring_single, our_ring_batch, our_ring_threads;

typedef struct ring {
    nb_ring ring;
    nb_ring_cell cells[BENCH_RING_CAPACITY];
} ring;

static ring *ring_open(void)
{
    ring *r = aligned_alloc(64, sizeof(ring));
    bench_check(r != NULL, "out of memory");
    nb_ring_init_at(&r->ring, r->cells, BENCH_RING_CAPACITY);
    return r;
}

static void ring_close(ring *r)
{
    nb_ring_fini(&r->ring);
    free(r);
}

static inline bool ring_push(ring *r, uint64_t value)
{
    return nb_ring_push(&r->ring, value) == NB_RING_OK;
}

static inline bool ring_pop(ring *r, uint64_t *ret)
{
    return nb_ring_pop(&r->ring, ret) == NB_RING_OK;
}

static inline size_t ring_push_n(ring *r, const uint64_t *values, size_t count)
{
    return nb_ring_push_n(&r->ring, values, count);
}

static inline size_t ring_pop_n(ring *r, uint64_t *ret, size_t max)
{
    return nb_ring_pop_n(&r->ring, ret, max);
}

#include "peers/ring_runs.h"

static const bench_subject single[] = {
    { .name = "nb_ring", .run = our_ring_single },
    { .name = "ck_ring", .run = peer_ck_ring_single, .target = BENCH_AT_MOST(1.1) },
    { .name = "rte_ring", .run = peer_rte_ring_single, .target = BENCH_AT_MOST(1.1) },
    { .name = "mutex and array", .run = peer_mutex_queue_single },
    { .name = "one producer, one consumer (limit)", .run = peer_spsc_ring_single },
};

static const bench_subject batch[] = {
    { .name = "nb_ring", .run = our_ring_batch },
    { .name = "rte_ring", .run = peer_rte_ring_batch, .target = BENCH_AT_MOST(2.5) },
    { .name = "mutex and array", .run = peer_mutex_queue_batch },
    { .name = "one producer, one consumer (limit)", .run = peer_spsc_ring_batch },
};

static const bench_subject one_and_one[] = {
    { .name = "nb_ring", .run = our_ring_threads },
    { .name = "one producer, one consumer (limit)", .run = peer_spsc_ring_threads, .target = BENCH_AT_LEAST(0.5) },
    { .name = "ck_ring", .run = peer_ck_ring_threads, .target = BENCH_AT_LEAST(5) },
    { .name = "rte_ring", .run = peer_rte_ring_threads, .target = BENCH_AT_LEAST(5) },
    { .name = "mutex and array", .run = peer_mutex_queue_threads },
};

/* Ours with one producer and one consumer, whatever the case says. */
static double one_producer_one_consumer(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    bench_case of = *c;
    of.producers = of.consumers = 1;
    return our_ring_threads(&of, subject, ops);
}

static const bench_subject four_and_four[] = {
    { .name = "nb_ring", .run = our_ring_threads },
    { .name = "nb_ring, one and one", .run = one_producer_one_consumer, .target = BENCH_AT_LEAST(0.5) },
    { .name = "ck_ring", .run = peer_ck_ring_threads },
    { .name = "rte_ring", .run = peer_rte_ring_threads },
    { .name = "mutex and array", .run = peer_mutex_queue_threads },
};

static const bench_case cases[] = {
    { .name = "ring, push and pop, one thread", .subjects = single, .subject_count = BENCH_COUNT(single) },
    { .name = "ring, batches of 32, one thread", .subjects = batch, .subject_count = BENCH_COUNT(batch), .batch = BENCH_RING_BATCH },
    { .name = "ring, 1 producer, 1 consumer", .subjects = one_and_one, .subject_count = BENCH_COUNT(one_and_one),
      .producers = 1, .consumers = 1 },
    { .name = "ring, 4 producers, 4 consumers, yielding", .subjects = four_and_four, .subject_count = BENCH_COUNT(four_and_four),
      .producers = 4, .consumers = 4 },
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "ring", cases, BENCH_COUNT(cases));
}
