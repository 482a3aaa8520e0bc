/*
 * bench_timer.c - internal: the timer wheel beside heaps, with a million timers set.
 *
 * cancel+add: a timer in random order is cancelled and set anew, as is done for a time-out that is hardly ever reached. expire: all of them
 * are taken off by a clock that moves in steps of a millisecond, in the exact order of their deadlines. Deadlines lie within 30 s. An
 * operation is one timer; what has to be set first is not counted.
 */
#include "harness.h"

#include <stdlib.h>

#include "time/wheel.h"

#define MANY 1000000u
#define FEW 4096u
#define SPAN INT64_C(30000000000)
#define STEP INT64_C(1000000)

static uint64_t state = 1;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static int64_t deadline(int64_t now)
{
    return now + 1 + (int64_t)(next_random() % (uint64_t)SPAN);
}

/* What is measured: numbered timers. */
typedef struct timer_impl {
    void (*open)(uint32_t count);
    void (*close)(void);
    void (*set)(uint32_t timer, int64_t due);
    void (*cancel)(uint32_t timer);
    bool (*expire)(int64_t now); /* takes one that is due; false: none is */
} timer_impl;

/* ----------------------------------------------------------------------------------------------- wheel */

static nb_heap *heap;
static nb_wheel wheel;

static void wheel_open(uint32_t count)
{
    heap = nb_heap_open(NULL, 0);
    bench_check(heap != NULL, "out of memory");
    nb_wheel_init(&wheel, heap, 0);
    bench_check(nb_wheel_grow(&wheel, count), "out of memory");
}

static void wheel_close(void)
{
    nb_wheel_fini(&wheel);
    nb_heap_close(heap);
}

static void wheel_set(uint32_t timer, int64_t due)
{
    nb_wheel_set(&wheel, timer, due);
}

static void wheel_cancel(uint32_t timer)
{
    nb_wheel_clear(&wheel, timer);
}

static bool wheel_expire(int64_t now)
{
    uint32_t first = nb_wheel_first(&wheel, now);

    if (first == NB_WHEEL_NONE || nb_wheel_due(&wheel, first) > now) {
        return false;
    }
    nb_wheel_clear(&wheel, first);
    return true;
}

static const timer_impl wheel_impl = { wheel_open, wheel_close, wheel_set, wheel_cancel, wheel_expire };

/* ----------------------------------------------------------------------------------------------- heaps */

/* A heap of pointers to timers, each of which knows its place, as is usual. */
typedef struct heap_timer {
    int64_t due;
    uint64_t order;
    size_t place;
} heap_timer;

static heap_timer *timers;
static heap_timer **array;
static size_t set_count;
static uint64_t order;

static void heap_open(uint32_t count)
{
    timers = bench_alloc(count * sizeof *timers);
    array = bench_alloc(count * sizeof *array);
    set_count = 0;
}

static void heap_close(void)
{
    free(timers);
    free(array);
}

static inline bool before(const heap_timer *a, const heap_timer *b)
{
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static inline void put(size_t place, heap_timer *timer)
{
    array[place] = timer;
    timer->place = place;
}

static inline void settle(size_t place, heap_timer *timer, size_t ways)
{
    while (place > 0 && before(timer, array[(place - 1) / ways])) {
        put(place, array[(place - 1) / ways]);
        place = (place - 1) / ways;
    }
    for (;;) {
        size_t child = ways * place + 1, best = child, end = child + ways < set_count ? child + ways : set_count;

        for (size_t i = child + 1; i < end; i++) {
            best = before(array[i], array[best]) ? i : best;
        }
        if (child >= set_count || !before(array[best], timer)) {
            break;
        }
        put(place, array[best]);
        place = best;
    }
    put(place, timer);
}

static inline void heap_set(uint32_t number, int64_t due, size_t ways)
{
    timers[number].due = due;
    timers[number].order = order++;
    set_count++;
    settle(set_count - 1, &timers[number], ways);
}

static inline void heap_remove(heap_timer *timer, size_t ways)
{
    heap_timer *last = array[--set_count];

    if (last != timer) {
        settle(timer->place, last, ways);
    }
}

static inline bool heap_expire(int64_t now, size_t ways)
{
    if (set_count == 0 || array[0]->due > now) {
        return false;
    }
    heap_remove(array[0], ways);
    return true;
}

static void binary_set(uint32_t timer, int64_t due)
{
    heap_set(timer, due, 2);
}

static void binary_cancel(uint32_t timer)
{
    heap_remove(&timers[timer], 2);
}

static bool binary_expire(int64_t now)
{
    return heap_expire(now, 2);
}

static void four_set(uint32_t timer, int64_t due)
{
    heap_set(timer, due, 4);
}

static void four_cancel(uint32_t timer)
{
    heap_remove(&timers[timer], 4);
}

static bool four_expire(int64_t now)
{
    return heap_expire(now, 4);
}

static const timer_impl binary_impl = { heap_open, heap_close, binary_set, binary_cancel, binary_expire };
static const timer_impl four_impl = { heap_open, heap_close, four_set, four_cancel, four_expire };

/* ------------------------------------------------------------------------------------------- the cases */

static uint32_t population(uint64_t ops)
{
    return ops <= BENCH_OPS_MULTIPLE ? FEW : MANY; /* the smallest run only shows that it works */
}

static void open_full(const timer_impl *impl, uint32_t count)
{
    impl->open(count);
    for (uint32_t i = 0; i < count; i++) {
        impl->set(i, deadline(0));
    }
}

static double run_cancel(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    const timer_impl *impl = subject->impl;
    uint32_t count = population(ops);
    uint64_t start, end;

    (void)c;
    open_full(impl, count);
    start = bench_now();
    for (uint64_t i = 0; i < ops; i++) {
        uint32_t timer = (uint32_t)(next_random() % count);

        impl->cancel(timer);
        impl->set(timer, deadline(0));
    }
    end = bench_now();
    impl->close();
    return (double)(end - start);
}

static double run_expire(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    const timer_impl *impl = subject->impl;
    uint32_t count = population(ops), expired = 0;
    uint64_t start, end;

    (void)c;
    open_full(impl, count);
    start = bench_now();
    for (int64_t now = 0; now <= SPAN + STEP; now += STEP) {
        while (impl->expire(now)) {
            expired++;
        }
    }
    end = bench_now();
    bench_check(expired == count, "timers are left");
    impl->close();
    return (double)(end - start) / count * (double)ops;
}

static const bench_subject cancels[] = {
    { .name = "wheel", .run = run_cancel, .impl = &wheel_impl },
    { .name = "binary heap", .run = run_cancel, .impl = &binary_impl, .target = BENCH_AT_MOST(0.25) },
    { .name = "4-ary heap", .run = run_cancel, .impl = &four_impl },
};

static const bench_subject expiries[] = {
    { .name = "wheel", .run = run_expire, .impl = &wheel_impl },
    { .name = "binary heap", .run = run_expire, .impl = &binary_impl, .target = BENCH_AT_MOST(0.7) },
    { .name = "4-ary heap", .run = run_expire, .impl = &four_impl },
};

static const bench_case cases[] = {
    { .name = "internal: cancel+add, 1 M timers", .subjects = cancels, .subject_count = BENCH_COUNT(cancels) },
    { .name = "internal: expire, 1 M timers", .subjects = expiries, .subject_count = BENCH_COUNT(expiries) },
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "timer", cases, BENCH_COUNT(cases));
}
