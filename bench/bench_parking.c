/* bench_parking.c - what it costs to park and to wake (internal): a round trip of two sleepers, rings whose calls block, telling nobody. */
#include "sync/lot.h"
#include "sync/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "peers/blocking.h"

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* ------------------------------------------------------------------------------------------ round trips */

/* Two threads that send one ball to and fro; each sleeps in the kernel until it comes. */
typedef struct court {
    nb_lot lots[2];
    nb_lot_sleeper sleepers[2];
    _Atomic uint32_t ball[2]; /* 1: it is here */
    uint64_t trips;
} court;

static void lot_send(court *k, size_t to)
{
    nb_store_release(&k->ball[to], 1);
    nb_lot_notify(&k->lots[to]);
}

static void lot_await(court *k, size_t me)
{
    while (nb_load_acquire(&k->ball[me]) == 0) {
        nb_lot_prepare(&k->lots[me], &k->sleepers[me]);
        if (nb_load_acquire(&k->ball[me]) != 0)
            nb_lot_cancel(&k->lots[me], &k->sleepers[me]);
        else
            nb_lot_park(&k->lots[me], &k->sleepers[me], INT64_MAX, 0);
    }
    nb_store_relaxed(&k->ball[me], 0);
    nb_lot_settle(&k->lots[me], &k->sleepers[me]);
}

static void *lot_return(void *arg)
{
    court *k = arg;
    for (uint64_t i = 0; i < k->trips; i++) {
        lot_await(k, 1);
        lot_send(k, 0);
    }
    return NULL;
}

static double lot_round_trip(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    court k = { .trips = ops };
    pthread_t other;
    (void)c;
    (void)subject;
    for (size_t i = 0; i < 2; i++) {
        nb_lot_init(&k.lots[i]);
        nb_lot_sleeper_init(&k.sleepers[i]);
    }
    bench_check(pthread_create(&other, NULL, lot_return, &k) == 0, "thread");
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i++) {
        lot_send(&k, 1);
        lot_await(&k, 0);
    }
    start = bench_now() - start;
    pthread_join(other, NULL);
    for (size_t i = 0; i < 2; i++) {
        bench_check(atomic_load(&k.lots[i].wakes) <= atomic_load(&k.lots[i].parks), "more wakes than parks");
        nb_lot_sleeper_fini(&k.sleepers[i]);
    }
    return (double)start;
}

#if defined(__linux__)
static void futex_send(court *k, size_t to)
{
    nb_store_release(&k->ball[to], 1);
    syscall(SYS_futex, &k->ball[to], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void futex_await(court *k, size_t me)
{
    while (nb_load_acquire(&k->ball[me]) == 0)
        syscall(SYS_futex, &k->ball[me], FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    nb_store_relaxed(&k->ball[me], 0);
}

static void *futex_return(void *arg)
{
    court *k = arg;
    for (uint64_t i = 0; i < k->trips; i++) {
        futex_await(k, 1);
        futex_send(k, 0);
    }
    return NULL;
}

static double futex_round_trip(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    court k = { .trips = ops };
    pthread_t other;
    (void)c;
    (void)subject;
    bench_check(pthread_create(&other, NULL, futex_return, &k) == 0, "thread");
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i++) {
        futex_send(&k, 1);
        futex_await(&k, 0);
    }
    start = bench_now() - start;
    pthread_join(other, NULL);
    return (double)start;
}
#else
static double futex_round_trip(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    (void)c;
    (void)subject;
    (void)ops;
    return BENCH_ABSENT;
}
#endif

/* ------------------------------------------------------------------------------------- calls that block */

enum { SPINS = 50 };

/* A ring and two lots; who waits for room is woken when half of it is free. */
typedef struct channel {
    nb_ring ring;
    nb_lot filled, emptied;
    nb_lot_sleeper sleepers[BENCH_BLOCKING_THREADS];
    atomic_uint threads;
    nb_ring_cell cells[BENCH_BLOCKING_CAPACITY];
} channel;

static void *channel_open(void)
{
    channel *ch = bench_alloc(sizeof(*ch));
    nb_ring_init_at(&ch->ring, ch->cells, BENCH_BLOCKING_CAPACITY);
    nb_lot_init(&ch->filled);
    nb_lot_init(&ch->emptied);
    for (size_t i = 0; i < BENCH_BLOCKING_THREADS; i++)
        nb_lot_sleeper_init(&ch->sleepers[i]);
    atomic_init(&ch->threads, 0);
    return ch;
}

static void channel_close(void *opened)
{
    channel *ch = opened;
    bench_check(atomic_load(&ch->filled.wakes) <= atomic_load(&ch->filled.parks), "more wakes than parks");
    bench_check(atomic_load(&ch->emptied.wakes) <= atomic_load(&ch->emptied.parks), "more wakes than parks");
    for (size_t i = 0; i < BENCH_BLOCKING_THREADS; i++)
        nb_lot_sleeper_fini(&ch->sleepers[i]);
    nb_ring_fini(&ch->ring);
    free(ch);
}

static bool half_free(channel *ch)
{
    return nb_ring_size(&ch->ring) <= BENCH_BLOCKING_CAPACITY / 2;
}

static void push_waiting(channel *ch, nb_lot_sleeper *me, uint64_t value)
{
    bool pushed = false;
    while (!pushed) {
        nb_lot_prepare(&ch->emptied, me);
        pushed = nb_ring_push(&ch->ring, value) == NB_RING_OK;
        if (pushed)
            nb_lot_cancel(&ch->emptied, me);
        else if (nb_lot_park(&ch->emptied, me, INT64_MAX, SPINS) == NB_LOT_WOKEN)
            pushed = nb_ring_push(&ch->ring, value) == NB_RING_OK;
    }
    if (nb_lot_settle(&ch->emptied, me) && half_free(ch))
        nb_lot_notify(&ch->emptied);
}

static void pop_waiting(channel *ch, nb_lot_sleeper *me, uint64_t *ret)
{
    bool popped = false;
    while (!popped) {
        nb_lot_prepare(&ch->filled, me);
        popped = nb_ring_pop(&ch->ring, ret) == NB_RING_OK;
        if (popped)
            nb_lot_cancel(&ch->filled, me);
        else if (nb_lot_park(&ch->filled, me, INT64_MAX, SPINS) == NB_LOT_WOKEN)
            popped = nb_ring_pop(&ch->ring, ret) == NB_RING_OK;
    }
    if (nb_lot_settle(&ch->filled, me) && nb_ring_size(&ch->ring) > 0)
        nb_lot_notify(&ch->filled);
}

static void channel_push(void *opened, uint64_t from, uint64_t count)
{
    channel *ch = opened;
    nb_lot_sleeper *me = &ch->sleepers[atomic_fetch_add(&ch->threads, 1)];
    for (uint64_t i = 0; i < count; i++) {
        if (nb_ring_push(&ch->ring, from + i) != NB_RING_OK)
            push_waiting(ch, me, from + i);
        nb_lot_notify(&ch->filled);
    }
}

static uint64_t channel_pop(void *opened, uint64_t count)
{
    channel *ch = opened;
    nb_lot_sleeper *me = &ch->sleepers[atomic_fetch_add(&ch->threads, 1)];
    uint64_t sum = 0, value = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (nb_ring_pop(&ch->ring, &value) != NB_RING_OK)
            pop_waiting(ch, me, &value);
        sum += value;
        if (half_free(ch))
            nb_lot_notify(&ch->emptied);
    }
    return sum;
}

static const bench_blocking our_channel = { channel_open, channel_close, channel_push, channel_pop };

typedef struct team {
    const bench_blocking *impl;
    void *queue;
    const bench_case *c;
    uint64_t ops;
    atomic_uint numbers, ready;
    atomic_bool go;
    _Atomic uint64_t sum;
} team;

/* The first c->producers threads push, the others pop; each has its share. */
static void *member(void *arg)
{
    team *t = arg;
    unsigned number = atomic_fetch_add(&t->numbers, 1);
    atomic_fetch_add(&t->ready, 1);
    while (!atomic_load(&t->go))
        sched_yield();
    if (number < t->c->producers)
        t->impl->push(t->queue, number * (t->ops / t->c->producers), t->ops / t->c->producers);
    else
        atomic_fetch_add(&t->sum, t->impl->pop(t->queue, t->ops / t->c->consumers));
    return NULL;
}

static double blocking(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    const bench_blocking *impl = subject->impl;
    pthread_t threads[BENCH_BLOCKING_THREADS];
    size_t count = c->producers + c->consumers;
    if (impl->open == NULL)
        return BENCH_ABSENT;
    bench_check(count <= BENCH_BLOCKING_THREADS, "threads");
    team t = { .impl = impl, .queue = impl->open(), .c = c, .ops = ops };
    for (size_t i = 0; i < count; i++)
        bench_check(pthread_create(&threads[i], NULL, member, &t) == 0, "thread");
    while (atomic_load(&t.ready) < count)
        sched_yield();
    uint64_t start = bench_now();
    atomic_store(&t.go, true);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    start = bench_now() - start;
    bench_check(atomic_load(&t.sum) == ops * (ops - 1) / 2, "a queue lost something");
    impl->close(t.queue);
    return (double)start;
}

/* ----------------------------------------------------------------------------------------- nobody parks */

static double lot_notify(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    nb_lot lot;
    (void)c;
    (void)subject;
    nb_lot_init(&lot);
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i++)
        nb_lot_notify(&lot);
    return (double)(bench_now() - start);
}

static double fence(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    (void)c;
    (void)subject;
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i++)
        nb_fence_seq_cst();
    return (double)(bench_now() - start);
}

/* ------------------------------------------------------------------------------------------------ cases */

static const bench_subject round_trips[] = {
    { .name = "nb_lot", .run = lot_round_trip },
    { .name = "futex", .run = futex_round_trip, .target = BENCH_AT_MOST(1.1) },
};

static const bench_subject blockings[] = {
    { .name = "nb_ring and two lots", .run = blocking, .impl = &our_channel },
    { .name = "mutex and conditions", .run = blocking, .impl = &peer_blocking_mutex, .target = BENCH_AT_LEAST(10) },
    { .name = "tbb::concurrent_bounded_queue", .run = blocking, .impl = &peer_blocking_tbb, .target = BENCH_AT_LEAST(10) },
};

static const bench_subject notifies[] = {
    { .name = "nb_lot_notify", .run = lot_notify },
    { .name = "a fence (limit)", .run = fence },
};

static const bench_case cases[] = {
    { .name = "round trip of two sleepers", .subjects = round_trips, .subject_count = BENCH_COUNT(round_trips), .threads = true },
    { .name = "4 producers, 4 consumers, blocking", .subjects = blockings, .subject_count = BENCH_COUNT(blockings),
      .producers = 4, .consumers = 4 },
    { .name = "notify, nobody is parked", .subjects = notifies, .subject_count = BENCH_COUNT(notifies) },
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "parking", cases, BENCH_COUNT(cases));
}
