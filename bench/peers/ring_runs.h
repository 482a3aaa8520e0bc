/**
 * ring_runs.h - the runs of a ring of 64-bit values, written out for each ring, so that its calls are inlined.
 *
 * No guard: a file that includes it has before that
 *
 *     #define RING_RUN(what) peer_my_ring_##what      the names of the three functions that it gets
 *     typedef ... ring;
 *     static ring *ring_open(void);                   of BENCH_RING_CAPACITY values
 *     static void ring_close(ring *r);
 *     static bool ring_push(ring *r, uint64_t value);                            false: full
 *     static bool ring_pop(ring *r, uint64_t *ret);                              false: empty
 *     static size_t ring_push_n(ring *r, const uint64_t *values, size_t count);  as many as there is room for
 *     static size_t ring_pop_n(ring *r, uint64_t *ret, size_t max);
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "rings.h"

/** One thread: push, pop. */
double RING_RUN(single)(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    ring *r = ring_open();
    uint64_t sum = 0, value = 0, start;

    (void)c;
    (void)subject;
    start = bench_now();
    for (uint64_t i = 0; i < ops; i++) {
        ring_push(r, i);
        ring_pop(r, &value);
        sum += value;
    }
    start = bench_now() - start;
    bench_check(sum == ops * (ops - 1) / 2, "a ring lost something");
    ring_close(r);
    return (double)start;
}

/** One thread: a batch in, a batch out. */
double RING_RUN(batch)(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    uint64_t values[BENCH_RING_BATCH], back[BENCH_RING_BATCH];
    size_t batch = bench_batch(c, subject);
    ring *r = ring_open();
    uint64_t popped = 0, start;

    bench_check(batch <= BENCH_RING_BATCH, "batch");
    for (size_t i = 0; i < batch; i++)
        values[i] = i;
    start = bench_now();
    for (uint64_t left = ops; left > 0;) {
        size_t count = batch < left ? batch : (size_t)left;
        ring_push_n(r, values, count);
        popped += ring_pop_n(r, back, count);
        left -= count;
    }
    start = bench_now() - start;
    bench_check(popped == ops, "a ring lost something");
    bench_use(back[0]);
    ring_close(r);
    return (double)start;
}

typedef struct ring_team {
    ring *r;
    uint64_t ops;
    const bench_case *c;
    atomic_uint numbers, ready;
    atomic_bool go;
    _Atomic uint64_t sum;
} ring_team;

/* Nothing to do: pauses, and lets others run now and then. */
static void ring_idle(unsigned *spins)
{
    if (++*spins % 64 == 0)
        sched_yield();
    else
        bench_pause();
}

/* The first c->producers threads push, the others pop; each has its share, so that nobody counts together while the time runs. */
static void *ring_member(void *arg)
{
    ring_team *team = arg;
    unsigned number = atomic_fetch_add(&team->numbers, 1), spins = 0;
    uint64_t value = 0, sum = 0;

    atomic_fetch_add(&team->ready, 1);
    while (!atomic_load(&team->go))
        sched_yield();
    if (number < team->c->producers) {
        for (uint64_t i = team->ops / team->c->producers; i > 0; i--) {
            while (!ring_push(team->r, i))
                ring_idle(&spins);
            sum -= i;
        }
    } else {
        for (uint64_t i = team->ops / team->c->consumers; i > 0; i--) {
            while (!ring_pop(team->r, &value))
                ring_idle(&spins);
            sum += value;
        }
    }
    atomic_fetch_add(&team->sum, sum);
    return NULL;
}

/** c->producers and c->consumers threads; who finds the ring full or empty lets others run. */
double RING_RUN(threads)(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    ring_team team = { .r = ring_open(), .ops = ops, .c = c };
    pthread_t threads[16];
    size_t count = c->producers + c->consumers;
    uint64_t start;

    (void)subject;
    bench_check(count <= 16, "threads");
    for (size_t i = 0; i < count; i++)
        bench_check(pthread_create(&threads[i], NULL, ring_member, &team) == 0, "thread");
    while (atomic_load(&team.ready) < count)
        sched_yield();
    start = bench_now();
    atomic_store(&team.go, true);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    start = bench_now() - start;
    bench_check(atomic_load(&team.sum) == 0, "a ring lost something");
    ring_close(team.r);
    return (double)start;
}
