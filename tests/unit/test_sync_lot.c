/* test_sync_lot.c - parking and waking: the states on one thread, then with threads that really sleep. */
#include "support.h"

#include "platform/clock.h"
#include "sync/lot.h"

enum { OUT, ANNOUNCED, ASLEEP, AWAY }; /* as in lot.c */

typedef struct bench {
    nb_lot lot;
    nb_lot_sleeper sleepers[4];
} bench;

static void bench_open(bench *b)
{
    nb_lot_init(&b->lot);
    for (size_t i = 0; i < COUNT(b->sleepers); i++) {
        nb_lot_sleeper_init(&b->sleepers[i]);
    }
}

static void bench_close(bench *b)
{
    for (size_t i = 0; i < COUNT(b->sleepers); i++) {
        nb_lot_sleeper_fini(&b->sleepers[i]);
    }
}

static void counts(bench *b, uint64_t parks, uint64_t wakes, uint64_t spared)
{
    EQ(atomic_load(&b->lot.parks), parks);
    EQ(atomic_load(&b->lot.wakes), wakes);
    EQ(atomic_load(&b->lot.spared), spared);
}

static uint32_t state_of(bench *b, size_t i)
{
    return atomic_load(&b->sleepers[i].state);
}

static nb_lot_result park_briefly(bench *b, size_t i)
{
    return nb_lot_park(&b->lot, &b->sleepers[i], nb_platform_elapsed() + 1000, 3);
}

static void nobody_is_parked(void **state)
{
    bench b;

    (void)state;
    bench_open(&b);
    nb_lot_notify(&b.lot);
    nb_lot_notify_after_rmw(&b.lot);
    CHECK(!nb_lot_settle(&b.lot, &b.sleepers[0]));
    EQ(atomic_load(&b.lot.word), 0);
    counts(&b, 0, 0, 0);
    bench_close(&b);
}

static void the_last_one_is_woken_first_and_wakes_the_next(void **state)
{
    bench b;

    (void)state;
    bench_open(&b);
    for (size_t i = 0; i < 3; i++) {
        nb_lot_prepare(&b.lot, &b.sleepers[i]);
    }
    nb_lot_notify(&b.lot);
    nb_lot_notify(&b.lot); /* one wake is under way: nothing */
    nb_lot_notify_after_rmw(&b.lot);
    counts(&b, 0, 0, 1);
    EQ(state_of(&b, 2), OUT);
    EQ(state_of(&b, 1), ANNOUNCED);
    EQ(park_briefly(&b, 2), NB_LOT_WOKEN);
    CHECK(nb_lot_settle(&b.lot, &b.sleepers[2]));
    CHECK(!nb_lot_settle(&b.lot, &b.sleepers[2])); /* once */
    nb_lot_notify(&b.lot);
    EQ(park_briefly(&b, 1), NB_LOT_WOKEN);
    /* It finds nothing and prepares again: the turn is free, and it is on top. */
    nb_lot_prepare(&b.lot, &b.sleepers[1]);
    nb_lot_notify(&b.lot);
    counts(&b, 0, 0, 3);
    EQ(state_of(&b, 1), OUT);
    EQ(state_of(&b, 0), ANNOUNCED);
    EQ(park_briefly(&b, 1), NB_LOT_WOKEN);
    CHECK(nb_lot_settle(&b.lot, &b.sleepers[1]));
    nb_lot_notify(&b.lot);
    EQ(park_briefly(&b, 0), NB_LOT_WOKEN);
    CHECK(nb_lot_settle(&b.lot, &b.sleepers[0]));
    EQ(atomic_load(&b.lot.word), 0);
    counts(&b, 0, 0, 4);
    bench_close(&b);
}

static void cancel(void **state)
{
    bench b;

    (void)state;
    bench_open(&b);
    nb_lot_prepare(&b.lot, &b.sleepers[0]);
    nb_lot_prepare(&b.lot, &b.sleepers[1]);
    nb_lot_cancel(&b.lot, &b.sleepers[1]);
    EQ(state_of(&b, 1), AWAY);
    CHECK(!nb_lot_settle(&b.lot, &b.sleepers[1]));
    nb_lot_notify(&b.lot); /* passes over the one that went away */
    EQ(state_of(&b, 1), OUT);
    EQ(state_of(&b, 0), OUT);
    counts(&b, 0, 0, 1);

    /* It was chosen while it found work by itself: it has the turn. */
    nb_lot_cancel(&b.lot, &b.sleepers[0]);
    CHECK(nb_lot_settle(&b.lot, &b.sleepers[0]));
    EQ(atomic_load(&b.lot.word), 0);

    /* Again from the stack, without being put on twice. */
    nb_lot_prepare(&b.lot, &b.sleepers[0]);
    nb_lot_cancel(&b.lot, &b.sleepers[0]);
    nb_lot_prepare(&b.lot, &b.sleepers[0]);
    EQ(state_of(&b, 0), ANNOUNCED);
    EQ(atomic_load(&b.lot.word), (uintptr_t)&b.sleepers[0]);
    nb_lot_cancel(&b.lot, &b.sleepers[0]);
    nb_lot_notify(&b.lot); /* only one that went away: the turn is given up again */
    EQ(atomic_load(&b.lot.word), 0);
    EQ(state_of(&b, 0), OUT);
    counts(&b, 0, 0, 1);
    bench_close(&b);
}

static void time_out(void **state)
{
    bench b;
    int64_t until = nb_platform_elapsed() + 2000000;

    (void)state;
    bench_open(&b);
    nb_lot_prepare(&b.lot, &b.sleepers[0]);
    EQ(nb_lot_park(&b.lot, &b.sleepers[0], until, 0), NB_LOT_TIMED_OUT);
    CHECK(nb_platform_elapsed() >= until);
    EQ(state_of(&b, 0), AWAY);
    counts(&b, 1, 0, 0);
    nb_lot_prepare(&b.lot, &b.sleepers[0]);
    EQ(park_briefly(&b, 0), NB_LOT_TIMED_OUT);
    nb_lot_prepare(&b.lot, &b.sleepers[0]);
    nb_lot_notify(&b.lot);
    EQ(park_briefly(&b, 0), NB_LOT_WOKEN);
    counts(&b, 2, 0, 1);
    CHECK(nb_lot_settle(&b.lot, &b.sleepers[0]));
    bench_close(&b);
}

/* --------------------------------------------------------------------------------------------- threads */

typedef struct pool {
    bench b;
    atomic_uint work;    /* items */
    atomic_uint done;
    atomic_uint next;    /* worker numbers */
    atomic_uint last;    /* who took the latest item, + 1 */
    atomic_bool stop;
    bool timed;          /* parks with time-outs that are nearly over */
} pool;

static bool take(pool *p)
{
    unsigned there = atomic_load(&p->work);

    while (there > 0) {
        if (atomic_compare_exchange_weak(&p->work, &there, there - 1)) {
            return true;
        }
    }
    return false;
}

static void put(pool *p)
{
    atomic_fetch_add(&p->work, 1);
    nb_lot_notify(&p->b.lot);
}

/* The loop of lot.h. */
static void *work(void *arg)
{
    pool *p = arg;
    unsigned number = atomic_fetch_add(&p->next, 1);
    nb_lot_sleeper *me = &p->b.sleepers[number];

    for (;;) {
        bool got = take(p), stop = atomic_load(&p->stop);

        if (!got && !stop) {
            nb_lot_prepare(&p->b.lot, me);
            got = take(p);
            stop = atomic_load(&p->stop);
            if (got || stop) {
                nb_lot_cancel(&p->b.lot, me);
            } else {
                (void)nb_lot_park(&p->b.lot, me, p->timed ? nb_platform_elapsed() + 5000 : INT64_MAX, number * 10);
                continue;
            }
        }
        if (nb_lot_settle(&p->b.lot, me) && (atomic_load(&p->work) > 0 || atomic_load(&p->stop))) {
            nb_lot_notify(&p->b.lot);
        }
        if (!got) {
            nb_lot_notify(&p->b.lot);
            return NULL;
        }
        atomic_store(&p->last, number + 1);
        atomic_fetch_add(&p->done, 1);
    }
}

static unsigned asleep(pool *p)
{
    unsigned count = 0;

    for (size_t i = 0; i < COUNT(p->b.sleepers); i++) {
        count += state_of(&p->b, i) == ASLEEP ? 1 : 0;
    }
    return count;
}

static void pool_open(pool *p, pthread_t *threads, size_t count)
{
    bench_open(&p->b);
    for (size_t i = 0; i < count; i++) {
        EQ(pthread_create(&threads[i], NULL, work, p), 0);
        if (!p->timed) {
            EVENTUALLY(asleep(p) == i + 1);
        }
    }
}

static void pool_close(pool *p, pthread_t *threads, size_t count)
{
    atomic_store(&p->stop, true);
    nb_lot_notify(&p->b.lot);
    for (size_t i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK(atomic_load(&p->b.lot.wakes) <= atomic_load(&p->b.lot.parks));
    bench_close(&p->b);
}

/* One item at a time goes to the same worker each time: the others sleep on. */
static void one_item_wakes_one_worker(void **state)
{
    pool p = { .timed = false };
    pthread_t threads[4];

    (void)state;
    pool_open(&p, threads, 4);
    for (unsigned i = 1; i <= 20; i++) {
        put(&p);
        EVENTUALLY(atomic_load(&p.done) == i && asleep(&p) == 4);
        EQ(atomic_load(&p.last), 4);
    }
    EVENTUALLY(atomic_load(&p.b.lot.parks) == 24); /* counted a moment after the state */
    counts(&p.b, 24, 20, 0);
    pool_close(&p, threads, 4);
}

/* Waking is chained: many items, told of once each or not, get all done, and nobody stays awake. */
static void all_work_gets_done(void **state)
{
    for (int timed = 0; timed < 2; timed++) {
        pool p = { .timed = timed == 1 };
        pthread_t threads[4];
        unsigned total = 0;

        (void)state;
        pool_open(&p, threads, 4);
        for (unsigned round = 0; round < 300; round++) {
            for (unsigned i = 0; i <= round % 7; i++) {
                put(&p);
                total++;
            }
            EVENTUALLY(atomic_load(&p.done) == total);
        }
        if (!p.timed) {
            EVENTUALLY(asleep(&p) == 4);
        }
        pool_close(&p, threads, 4);
        EQ(atomic_load(&p.work), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_parked),
        cmocka_unit_test(the_last_one_is_woken_first_and_wakes_the_next),
        cmocka_unit_test(cancel),
        cmocka_unit_test(time_out),
        cmocka_unit_test(one_item_wakes_one_worker),
        cmocka_unit_test(all_work_gets_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
