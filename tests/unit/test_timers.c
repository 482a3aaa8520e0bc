/* test_timers.c - timers under a manual clock. */
#include "support.h"

#include "base/number.h"
#include "time/timers.h"

typedef struct bench {
    test_heap own;
    nb_heap *heap;
    nb_clock clock;
    nb_timers timers;
    size_t sooner; /* calls of the hook */
} bench;

static void count_sooner(void *user)
{
    size_t *sooner = user;

    ++*sooner;
}

static void bench_open(bench *b)
{
    memset(b, 0, sizeof *b);
    heap_init(&b->own);
    b->heap = nb_heap_open(&b->own.allocator, 0);
    CHECK(b->heap != NULL);
    nb_clock_init(&b->clock, true, START_TIME);
    nb_timers_init(&b->timers, &b->clock, b->heap, count_sooner, &b->sooner);
}

static void bench_close(bench *b)
{
    nb_timers_fini(&b->timers);
    nb_heap_close(b->heap);
    CHECK(heap_is_clean(&b->own));
}

/* Sets the clock and fires once. */
static bool fire_at(bench *b, int64_t now)
{
    nb_clock_set(&b->clock, now);
    return nb_timers_fire(&b->timers);
}

/* A timer that writes its number down and then does something. */
typedef struct probe {
    nb_timer timer;
    bench *bench;
    int number;
    char *log;
    size_t calls;
    int64_t again[4]; /* where it sets itself next, by call; 0: nowhere */
    struct probe *stop;
} probe;

static void probe_fire(nb_timer *timer)
{
    probe *p = NB_CONTAINER(timer, probe, timer);
    size_t call = p->calls++;
    size_t length = strlen(p->log);

    p->log[length] = (char)('0' + p->number);
    p->log[length + 1] = '\0';
    if (call < COUNT(p->again) && p->again[call] != 0) {
        nb_timer_set(&p->bench->timers, timer, p->again[call]);
    }
    if (p->stop != NULL) {
        nb_timer_stop(&p->bench->timers, &p->stop->timer);
    }
}

static void probes_open(bench *b, probe *probes, size_t count, char *log)
{
    log[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        memset(&probes[i], 0, sizeof probes[i]);
        probes[i].bench = b;
        probes[i].number = (int)i;
        probes[i].log = log;
        CHECK(nb_timer_init(&b->timers, &probes[i].timer, probe_fire));
    }
}

static void probes_close(bench *b, probe *probes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        nb_timer_fini(&b->timers, &probes[i].timer);
    }
}

static void order_of_deadlines(void **state)
{
    bench b;
    probe p[6];
    char log[64];

    (void)state;
    bench_open(&b);
    probes_open(&b, p, 6, log);
    EQT(nb_timers_next(&b.timers), INT64_MAX);
    CHECK(!nb_timers_fire(&b.timers));
    nb_timer_set(&b.timers, &p[3].timer, 10);
    nb_timer_set(&b.timers, &p[1].timer, 10);
    nb_timer_set(&b.timers, &p[5].timer, 9);
    nb_timer_set(&b.timers, &p[0].timer, 10);
    nb_timer_set(&b.timers, &p[4].timer, 10);
    nb_timer_set(&b.timers, &p[2].timer, 11);
    nb_timer_set(&b.timers, &p[3].timer, 10); /* set again: behind the others */
    EQT(nb_timers_next(&b.timers), 9);
    CHECK(!fire_at(&b, 8));
    CHECK(fire_at(&b, 10));
    TEXT(log, "51043");
    EQT(nb_timers_next(&b.timers), 11);
    CHECK(!fire_at(&b, 10));
    CHECK(fire_at(&b, 11));
    TEXT(log, "510432");
    EQT(nb_timers_next(&b.timers), INT64_MAX);
    probes_close(&b, p, 6);
    bench_close(&b);
}

static void cancelled_timers_do_not_fire(void **state)
{
    bench b;
    probe p[4];
    char log[64];

    (void)state;
    bench_open(&b);
    probes_open(&b, p, 4, log);
    for (int i = 0; i < 4; i++) {
        nb_timer_set(&b.timers, &p[i].timer, 5 + i);
    }
    nb_timer_stop(&b.timers, &p[1].timer);
    nb_timer_stop(&b.timers, &p[1].timer); /* twice is fine */
    nb_timer_set(&b.timers, &p[2].timer, INT64_MAX);
    CHECK(fire_at(&b, 100));
    TEXT(log, "03");
    nb_timer_set(&b.timers, &p[1].timer, 101); /* it may be set afterwards */
    CHECK(fire_at(&b, 101));
    TEXT(log, "031");
    probes_close(&b, p, 4);
    bench_close(&b);
}

static void the_hook_is_told_of_what_comes_first(void **state)
{
    bench b;
    probe p[3];
    char log[64];

    (void)state;
    bench_open(&b);
    probes_open(&b, p, 3, log);
    EQ(b.sooner, 0);
    nb_timer_set(&b.timers, &p[0].timer, 10);
    EQ(b.sooner, 1);
    nb_timer_set(&b.timers, &p[1].timer, 10); /* equal: not sooner */
    nb_timer_set(&b.timers, &p[2].timer, 11);
    EQ(b.sooner, 1);
    nb_timer_set(&b.timers, &p[2].timer, 9);
    EQ(b.sooner, 2);
    nb_timer_set(&b.timers, &p[2].timer, INT64_MAX);
    nb_timer_stop(&b.timers, &p[0].timer);
    EQ(b.sooner, 2);
    p[1].again[0] = 20; /* from inside: the thread that fires looks again by itself */
    CHECK(fire_at(&b, 10));
    EQ(b.sooner, 2);
    EQT(nb_timers_next(&b.timers), 20);
    probes_close(&b, p, 3);
    bench_close(&b);
}

/* Who was told a time looks again then: what is set to a later one, or moved away, wakes nobody. */
static void a_promise_saves_wakeups(void **state)
{
    bench b;
    probe p[2];
    char log[64];

    (void)state;
    bench_open(&b);
    probes_open(&b, p, 2, log);
    nb_timer_set(&b.timers, &p[0].timer, 10);
    EQ(b.sooner, 1);
    nb_timer_set(&b.timers, &p[0].timer, 30); /* somebody looks at 10 all the same */
    nb_timer_set(&b.timers, &p[1].timer, 20);
    EQ(b.sooner, 1);
    EQT(nb_timers_next(&b.timers), 20); /* from now on nobody does */
    nb_timer_set(&b.timers, &p[0].timer, 19);
    EQ(b.sooner, 2);
    CHECK(fire_at(&b, 20));
    TEXT(log, "01");
    nb_timer_set(&b.timers, &p[0].timer, 20); /* the round is over: it has to be told, though it is not before it */
    EQ(b.sooner, 3);
    CHECK(fire_at(&b, 20));
    EQT(nb_timers_next(&b.timers), INT64_MAX);
    nb_timer_set(&b.timers, &p[0].timer, 1000);
    EQ(b.sooner, 4);
    probes_close(&b, p, 2);
    bench_close(&b);
}

static size_t round_calls;

static void count_call(nb_timer *timer)
{
    (void)timer;
    round_calls++;
}

static void rounds_are_bounded(void **state)
{
    static nb_timer timers[NB_TIMERS_ROUND + 5];
    bench b;

    (void)state;
    bench_open(&b);
    round_calls = 0;
    for (size_t i = 0; i < COUNT(timers); i++) {
        CHECK(nb_timer_init(&b.timers, &timers[i], count_call));
        nb_timer_set(&b.timers, &timers[i], 5);
    }
    CHECK(fire_at(&b, 5));
    EQ(round_calls, NB_TIMERS_ROUND);
    EQT(nb_timers_next(&b.timers), 5);
    CHECK(nb_timers_fire(&b.timers));
    EQ(round_calls, COUNT(timers));
    for (size_t i = 0; i < COUNT(timers); i++) {
        nb_timer_fini(&b.timers, &timers[i]);
    }
    bench_close(&b);
}

static void a_timer_sets_itself_again(void **state)
{
    bench b;
    probe p[2];
    char log[64];

    (void)state;
    bench_open(&b);
    probes_open(&b, p, 2, log);
    p[0].again[0] = 7;
    p[0].again[1] = 12;
    nb_timer_set(&b.timers, &p[0].timer, 5);
    nb_timer_set(&b.timers, &p[1].timer, 6);
    CHECK(fire_at(&b, 5));
    TEXT(log, "0");
    CHECK(fire_at(&b, 7));
    TEXT(log, "010");
    EQT(nb_timers_next(&b.timers), 12);
    CHECK(fire_at(&b, 12));
    TEXT(log, "0100");
    probes_close(&b, p, 2);
    bench_close(&b);
}

static void a_timer_that_sets_itself_to_now_lets_others_in(void **state)
{
    bench b;
    probe p[3];
    char log[64];

    (void)state;
    bench_open(&b);
    probes_open(&b, p, 3, log);
    for (size_t i = 0; i < 4; i++) {
        p[0].again[i] = 10;
    }
    nb_timer_set(&b.timers, &p[0].timer, 10);
    nb_timer_set(&b.timers, &p[1].timer, 10);
    nb_timer_set(&b.timers, &p[2].timer, 9);
    CHECK(fire_at(&b, 10)); /* it returns */
    TEXT(log, "201");
    CHECK(fire_at(&b, 10));
    TEXT(log, "2010");
    for (int i = 0; i < 3; i++) {
        CHECK(nb_timers_fire(&b.timers));
    }
    CHECK(!nb_timers_fire(&b.timers));
    TEXT(log, "2010000");
    probes_close(&b, p, 3);
    bench_close(&b);
}

/* "Calls every timer that is due": also when one of them sets itself to a time before them. */
static void a_timer_that_sets_itself_to_the_past_lets_others_in(void **state)
{
    bench b;
    probe p[2];
    char log[64];

    (void)state;
    bench_open(&b);
    probes_open(&b, p, 2, log);
    for (size_t i = 0; i < 4; i++) {
        p[0].again[i] = 1;
    }
    nb_timer_set(&b.timers, &p[0].timer, 1);
    nb_timer_set(&b.timers, &p[1].timer, 5);
    CHECK(fire_at(&b, 10));
    probes_close(&b, p, 2);
    bench_close(&b);
    EQ(p[1].calls, 1);
}

static void stop_from_inside(void **state)
{
    bench b;
    probe p[3];
    char log[64];

    (void)state;
    bench_open(&b);
    probes_open(&b, p, 3, log);
    p[0].stop = &p[1]; /* another one that is due, too */
    p[2].again[0] = 6;
    p[2].stop = &p[2]; /* itself, after it has set itself */
    nb_timer_set(&b.timers, &p[0].timer, 5);
    nb_timer_set(&b.timers, &p[1].timer, 5);
    nb_timer_set(&b.timers, &p[2].timer, 5);
    CHECK(fire_at(&b, 5));
    TEXT(log, "02");
    CHECK(!fire_at(&b, 100));
    TEXT(log, "02");
    EQT(nb_timers_next(&b.timers), INT64_MAX);
    probes_close(&b, p, 3);
    bench_close(&b);
}

static void room_is_reserved(void **state)
{
    static probe p[200];
    bench b;
    char log[256];
    uint64_t calls;
    nb_timer extra;

    (void)state;
    bench_open(&b);
    probes_open(&b, p, COUNT(p), log);
    calls = heap_calls(&b.own);
    heap_fail(&b.own, 1, true);
    for (size_t i = 0; i < COUNT(p); i++) {
        p[i].number = 0;
        nb_timer_set(&b.timers, &p[i].timer, (int64_t)(COUNT(p) - i));
    }
    EQ(heap_calls(&b.own), calls);
    for (size_t i = COUNT(p); i < 256; i++) { /* the array has room up to a power of two */
        CHECK(nb_timer_init(&b.timers, &extra, probe_fire));
    }
    CHECK(!nb_timer_init(&b.timers, &extra, probe_fire));
    EQ(b.timers.reserved, 256);
    EQT(nb_timers_next(&b.timers), 1);
    CHECK(fire_at(&b, 1000));
    EQ(strlen(log), COUNT(p));
    heap_fail(&b.own, 0, false);
    CHECK(nb_timer_init(&b.timers, &extra, probe_fire));
    for (size_t i = COUNT(p); i <= 256; i++) {
        nb_timer_fini(&b.timers, &extra); /* all alike, none of them set */
    }
    probes_close(&b, p, COUNT(p));
    bench_close(&b);
}

static void room_of_timers_that_are_gone_is_used_again(void **state)
{
    nb_timer timer;
    bench b;
    uint64_t calls;

    (void)state;
    bench_open(&b);
    CHECK(nb_timer_init(&b.timers, &timer, probe_fire));
    calls = heap_calls(&b.own);
    for (size_t i = 0; i < 1000; i++) {
        nb_timer_fini(&b.timers, &timer);
        CHECK(nb_timer_init(&b.timers, &timer, probe_fire));
    }
    EQ(heap_calls(&b.own), calls);
    nb_timer_fini(&b.timers, &timer);
    bench_close(&b);
}

static void sleepers(void **state)
{
    bench b;
    probe p[1];
    char log[64];
    nb_parker parkers[3];
    nb_sleeper asleep[3];

    (void)state;
    bench_open(&b);
    probes_open(&b, p, 1, log);
    for (int i = 0; i < 3; i++) {
        nb_parker_init(&parkers[i]);
        nb_timers_sleep(&b.timers, &asleep[i], &parkers[i], 10 + i);
        EQ(b.sooner, (size_t)i + 1);
    }
    nb_timer_set(&b.timers, &p[0].timer, 11);
    EQT(nb_timers_next(&b.timers), 10);
    CHECK(!fire_at(&b, 9));
    CHECK(fire_at(&b, 10));
    CHECK(nb_parker_is_set(&parkers[0]) && !nb_parker_is_set(&parkers[1]) && !nb_parker_is_set(&parkers[2]));
    nb_timers_awake(&b.timers, &asleep[0]); /* after the time has come: harmless */
    nb_timers_awake(&b.timers, &asleep[1]); /* before it */
    EQT(nb_timers_next(&b.timers), 11);
    CHECK(fire_at(&b, 11));
    TEXT(log, "0");
    CHECK(!nb_parker_is_set(&parkers[1]));
    EQT(nb_timers_next(&b.timers), 12);
    CHECK(fire_at(&b, INT64_MAX - 1));
    CHECK(nb_parker_is_set(&parkers[2]));
    EQT(nb_timers_next(&b.timers), INT64_MAX);
    for (int i = 0; i < 3; i++) {
        nb_timers_awake(&b.timers, &asleep[i]);
        nb_parker_fini(&parkers[i]);
    }
    nb_timers_quiesce(&b.timers);
    probes_close(&b, p, 1);
    bench_close(&b);
}

/* ---------------------------------------------------------------------------------------------- random */

#define MANY 1000

typedef struct numbered {
    nb_timer timer;
    int64_t due; /* INT64_MAX: not set */
    uint64_t order;
} numbered;

static numbered many[MANY];
static const numbered *fired[MANY];
static size_t fired_count;

static void numbered_fire(nb_timer *timer)
{
    fired[fired_count++] = NB_CONTAINER(timer, numbered, timer);
}

static int by_due(const void *a, const void *b)
{
    const numbered *x = *(const numbered *const *)a, *y = *(const numbered *const *)b;

    return x->due != y->due ? (x->due < y->due ? -1 : 1) : x->order < y->order ? -1 : x->order > y->order;
}

static void against_a_sorted_array(void **state)
{
    bench b;
    uint64_t seed = 1, order = 0;
    int64_t now = 0;

    (void)state;
    bench_open(&b);
    for (size_t i = 0; i < MANY; i++) {
        CHECK(nb_timer_init(&b.timers, &many[i].timer, numbered_fire));
        many[i].due = INT64_MAX;
    }
    for (int round = 0; round < 200; round++) {
        const numbered *expected[MANY];
        size_t count = 0;
        int64_t next = INT64_MAX;

        for (int i = 0; i < 300; i++) {
            uint64_t random = nb_random_mix(seed++);
            numbered *one = &many[random % MANY];

            random >>= 32;
            if (random % 5 == 0) {
                nb_timer_stop(&b.timers, &one->timer);
                one->due = INT64_MAX;
            } else {
                one->due = now + 1 + (int64_t)(random / 5 % 100); /* many are equal */
                one->order = order++;
                nb_timer_set(&b.timers, &one->timer, one->due);
            }
        }
        for (size_t i = 0; i < MANY; i++) {
            next = many[i].due < next ? many[i].due : next;
        }
        EQT(nb_timers_next(&b.timers), next);
        now += (int64_t)(nb_random_mix(seed++) % 30);
        for (size_t i = 0; i < MANY; i++) {
            if (many[i].due <= now) {
                expected[count++] = &many[i];
            }
        }
        qsort(expected, count, sizeof *expected, by_due);
        fired_count = 0;
        CHECK(fire_at(&b, now) == (count > 0));
        EQ(fired_count, count);
        for (size_t i = 0; i < count; i++) {
            CHECK(fired[i] == expected[i]);
            many[expected[i] - many].due = INT64_MAX;
        }
    }
    for (size_t i = 0; i < MANY; i++) {
        nb_timer_fini(&b.timers, &many[i].timer);
    }
    bench_close(&b);
}

static void the_manual_clock(void **state)
{
    nb_clock clock;

    (void)state;
    nb_clock_init(&clock, true, START_TIME);
    EQT(nb_clock_elapsed(&clock), 0);
    EQT(nb_clock_wall(&clock), START_TIME);
    nb_clock_set(&clock, 5);
    EQT(nb_clock_elapsed(&clock), 5);
    EQT(nb_clock_wall(&clock), START_TIME + 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manual_clock),
        cmocka_unit_test(order_of_deadlines),
        cmocka_unit_test(cancelled_timers_do_not_fire),
        cmocka_unit_test(the_hook_is_told_of_what_comes_first),
        cmocka_unit_test(a_promise_saves_wakeups),
        cmocka_unit_test(rounds_are_bounded),
        cmocka_unit_test(a_timer_sets_itself_again),
        cmocka_unit_test(a_timer_that_sets_itself_to_now_lets_others_in),
        cmocka_unit_test(a_timer_that_sets_itself_to_the_past_lets_others_in),
        cmocka_unit_test(stop_from_inside),
        cmocka_unit_test(room_is_reserved),
        cmocka_unit_test(room_of_timers_that_are_gone_is_used_again),
        cmocka_unit_test(sleepers),
        cmocka_unit_test(against_a_sorted_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
