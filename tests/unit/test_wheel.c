/* test_wheel.c - the timer wheel against a plain array, with deadlines of all magnitudes. */
#include "support.h"

#include "base/number.h"
#include "time/wheel.h"

#define MANY 400u
#define NOT_SET INT64_MAX

typedef struct bench {
    test_heap own;
    nb_heap *heap;
    nb_wheel wheel;
    int64_t due[MANY]; /* the model */
    uint64_t order[MANY];
    uint64_t sets;
    uint64_t seed;
} bench;

static void bench_open(bench *b, uint32_t capacity, int64_t now)
{
    memset(b, 0, sizeof *b);
    heap_init(&b->own);
    b->heap = nb_heap_open(&b->own.allocator, 0);
    CHECK(b->heap != NULL);
    nb_wheel_init(&b->wheel, b->heap, now);
    CHECK(nb_wheel_grow(&b->wheel, capacity));
    for (uint32_t i = 0; i < MANY; i++) {
        b->due[i] = NOT_SET;
    }
}

static void bench_close(bench *b)
{
    nb_wheel_fini(&b->wheel);
    nb_heap_close(b->heap);
    CHECK(heap_is_clean(&b->own));
}

static uint64_t draw(bench *b)
{
    return nb_random_mix(b->seed++);
}

static void set(bench *b, uint32_t entry, int64_t due)
{
    nb_wheel_set(&b->wheel, entry, due);
    b->due[entry] = due;
    b->order[entry] = b->sets++;
}

static void clear(bench *b, uint32_t entry)
{
    nb_wheel_clear(&b->wheel, entry);
    b->due[entry] = NOT_SET;
}

static uint32_t expected_first(const bench *b)
{
    uint32_t first = NB_WHEEL_NONE;

    for (uint32_t i = 0; i < MANY; i++) {
        if (b->due[i] != NOT_SET &&
            (first == NB_WHEEL_NONE || b->due[i] < b->due[first] || (b->due[i] == b->due[first] && b->order[i] < b->order[first]))) {
            first = i;
        }
    }
    return first;
}

/* Takes off all that are due, in the order of the model. */
static void expire(bench *b, int64_t now)
{
    for (;;) {
        uint32_t first = nb_wheel_first(&b->wheel, now);

        EQ(first, expected_first(b));
        if (first == NB_WHEEL_NONE || b->due[first] > now) {
            return;
        }
        EQT(nb_wheel_due(&b->wheel, first), b->due[first]);
        clear(b, first);
    }
}

/* A span of a random magnitude, up to a few centuries. */
static int64_t span(bench *b)
{
    return (int64_t)(draw(b) >> 1 >> draw(b) % 63);
}

static void run_against_the_model(uint64_t seed, int64_t start, int64_t narrow)
{
    bench b;
    int64_t now = start;

    bench_open(&b, MANY, start);
    b.seed = seed * 1000003;
    for (int step = 0; step < 3000; step++) {
        uint32_t entry = (uint32_t)(draw(&b) % MANY);

        switch (draw(&b) % 8) {
        case 0:
            clear(&b, entry);
            break;
        case 1:
            now = nb_add_time(now, narrow > 0 ? (int64_t)(draw(&b) % (uint64_t)narrow) : span(&b) / 1024);
            now = now < INT64_MAX - 1 ? now : INT64_MAX - 1;
            expire(&b, now);
            break;
        case 2:
            EQ(nb_wheel_first(&b.wheel, now), expected_first(&b)); /* without taking it */
            break;
        default: {
            int64_t due = nb_add_time(now, narrow > 0 ? (int64_t)(draw(&b) % (uint64_t)narrow) : span(&b));

            set(&b, entry, due < INT64_MAX - 1 ? due : INT64_MAX - 1);
            break;
        }
        }
    }
    expire(&b, INT64_MAX - 1);
    EQ(b.wheel.count, 0);
    EQ(b.wheel.levels, 0);
    bench_close(&b);
}

static void all_magnitudes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        run_against_the_model(seed, 0, 0);
        run_against_the_model(seed, INT64_C(1) << 52, 0); /* as after weeks of uptime */
    }
}

static void many_equal_ones(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        run_against_the_model(seed, 63, 3);
        run_against_the_model(seed, 4095, 70);
        run_against_the_model(seed, 0, 100000);
    }
}

/* One on each side of every border between two buckets or levels. */
static void borders(void **state)
{
    bench b;
    uint32_t entry = 0;

    (void)state;
    bench_open(&b, MANY, 0);
    for (unsigned bit = 0; bit < 63; bit++) {
        int64_t border = INT64_C(1) << bit;

        set(&b, entry++, border);
        set(&b, entry++, border - 1);
        set(&b, entry++, border);
        set(&b, entry++, border + (bit < 62));
    }
    for (unsigned bit = 0; bit < 63; bit++) {
        expire(&b, (INT64_C(1) << bit) - 1);
        expire(&b, INT64_C(1) << bit);
    }
    EQ(b.wheel.count, 0);
    bench_close(&b);
}

/* A bucket full of deadlines in the future is looked at and left where it is: what comes sooner is still found. */
static void looking_ahead_moves_nothing(void **state)
{
    bench b;
    const int64_t hour = INT64_C(3600000000000);

    (void)state;
    bench_open(&b, MANY, 1000);
    for (uint32_t i = 0; i < 50; i++) {
        set(&b, i, hour + 100 - i);
    }
    EQ(nb_wheel_first(&b.wheel, 1000), 49);
    EQT(b.wheel.base, 1000);
    set(&b, 60, 1001);
    EQ(nb_wheel_first(&b.wheel, 1000), 60);
    EQT(nb_wheel_due(&b.wheel, 60), 1001);
    clear(&b, 60);
    EQ(nb_wheel_first(&b.wheel, 1000), 49);
    clear(&b, 49); /* the one that is remembered */
    EQ(nb_wheel_first(&b.wheel, 1000), 48);
    expire(&b, hour + 60);
    EQ(b.wheel.count, 40);
    bench_close(&b);
}

/* What is set to a time that is over counts as the time of the last look, or as what it says: never as later, never lost. */
static void the_past(void **state)
{
    bench b;

    (void)state;
    bench_open(&b, MANY, 0);
    EQ(nb_wheel_first(&b.wheel, 5000), NB_WHEEL_NONE);
    nb_wheel_set(&b.wheel, 0, 7);
    nb_wheel_set(&b.wheel, 1, 5000);
    EQ(nb_wheel_first(&b.wheel, 5000), 0);
    CHECK(nb_wheel_due(&b.wheel, 0) <= 5000);
    nb_wheel_clear(&b.wheel, 0);
    nb_wheel_clear(&b.wheel, 0); /* again is fine */
    EQ(nb_wheel_first(&b.wheel, 4000), 1); /* a clock that was read earlier */
    nb_wheel_clear(&b.wheel, 1);
    EQ(nb_wheel_first(&b.wheel, 5000), NB_WHEEL_NONE);
    bench_close(&b);
}

static void growing_keeps_everything(void **state)
{
    bench b;
    int64_t base;

    (void)state;
    bench_open(&b, 1, 0);
    set(&b, 0, 1000000);
    for (uint32_t capacity = 2; capacity <= MANY; capacity *= 2) {
        heap_fail(&b.own, 1, true);
        CHECK(!nb_wheel_grow(&b.wheel, capacity));
        heap_fail(&b.own, 0, false);
        CHECK(nb_wheel_grow(&b.wheel, capacity));
        CHECK(nb_wheel_grow(&b.wheel, 1)); /* less than it has: nothing */
        EQ(b.wheel.capacity, capacity);
        for (uint32_t i = capacity / 2; i < capacity; i++) {
            set(&b, i, 1000000 - (int64_t)(i % 7));
        }
    }
    base = b.wheel.base;
    EQ(nb_wheel_first(&b.wheel, 0), expected_first(&b));
    EQT(b.wheel.base, base);
    expire(&b, 1000000);
    EQ(b.wheel.count, 0);
    EQ(sizeof(nb_wheel_entry), 16);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_magnitudes),       cmocka_unit_test(many_equal_ones), cmocka_unit_test(borders),
        cmocka_unit_test(looking_ahead_moves_nothing), cmocka_unit_test(the_past), cmocka_unit_test(growing_keeps_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
