/** What a worker does in the middle of a turn: several invocations are taken at once, and yet each is on its own. */
#include "helpers.h"

#include <time.h>

#define MESSAGES 10

typedef struct turn_probe {
    world *w;
    nimbus_function *function;
    size_t calls;
    size_t act_at;            /* the call, from 1, in which act is called; 0: never */
    void (*act)(struct turn_probe *p);
    uint64_t invocations[2 * MESSAGES], succeeded[2 * MESSAGES]; /* the metrics as each call saw them */
    uint32_t receive_counts[2 * MESSAGES];
    char bodies[2 * MESSAGES + 1];
    nimbus_status status;
} turn_probe;

static nimbus_outcome look_around(const nimbus_delivery *delivery, void *user)
{
    turn_probe *p = user;
    nimbus_bytes body = nimbus_delivery_body(delivery);
    nimbus_function_metrics metrics = function_metrics(p->function);
    p->invocations[p->calls] = metrics.invocations;
    p->succeeded[p->calls] = metrics.succeeded;
    p->receive_counts[p->calls] = nimbus_delivery_receive_count(delivery);
    p->bodies[p->calls] = *(const char *)body.data;
    p->calls++;
    if (p->calls == p->act_at)
        p->act(p);
    return NIMBUS_DONE;
}

static void invoke_all(turn_probe *p)
{
    for (char c = 'a'; c < 'a' + MESSAGES; c++)
        OK(nimbus_invoke_async(p->function, nimbus_copy(&c, 1), NULL));
}

static void make(world *w, turn_probe *p)
{
    p->w = w;
    p->function = nimbus_function_create(w->nb, "work", look_around, p, NULL, &w->err);
    SETUP_OK(w);
}

static void counters_are_exact_within_a_turn(void **state)
{
    world *w = *state;
    turn_probe p = { .calls = 0 };
    make(w, &p);
    invoke_all(&p);
    RUN(w);
    EQ(p.calls, MESSAGES);
    for (size_t i = 0; i < MESSAGES; i++) {
        EQ(p.invocations[i], i); /* the calls that have returned */
        EQ(p.succeeded[i], i);
        EQ(p.receive_counts[i], 1);
    }
    TEXT(p.bodies, "abcdefghij");
    EQ(function_metrics(p.function).invocations, MESSAGES);
    EQ(function_metrics(p.function).messages, MESSAGES);
    EQ(function_metrics(p.function).waiting, 0);
}

static void delete_it(turn_probe *p)
{
    p->status = nimbus_function_delete(p->function, 0);
}

static void no_call_begins_after_a_delete_in_the_middle(void **state)
{
    world *w = *state;
    turn_probe p = { .act_at = 3, .act = delete_it };
    make(w, &p);
    invoke_all(&p);
    RUN(w);
    EQ(p.calls, 3);
    CHECK(p.status >= 0);
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), MESSAGES - 3);
}

static void stop_it(turn_probe *p)
{
    p->status = nimbus_function_set_concurrency(p->function, NIMBUS_NONE);
}

static void what_a_lowered_limit_leaves_has_lost_nothing(void **state)
{
    world *w = *state;
    turn_probe p = { .act_at = 4, .act = stop_it };
    make(w, &p);
    invoke_all(&p);
    RUN(w);
    OK(p.status);
    EQ(p.calls, 4);
    EQ(function_metrics(p.function).waiting, MESSAGES - 4);
    OK(nimbus_function_set_concurrency(p.function, 1));
    RUN(w);
    EQ(p.calls, MESSAGES);
    TEXT(p.bodies, "abcdefghij"); /* in their places */
    for (size_t i = 0; i < MESSAGES; i++)
        EQ(p.receive_counts[i], 1);
}

static void shut_down(turn_probe *p)
{
    p->status = nimbus_shutdown(p->w->nb, 0, NULL);
}

static void no_call_begins_after_a_shutdown_in_the_middle(void **state)
{
    world *w = *state;
    turn_probe p = { .act_at = 2, .act = shut_down };
    bool more;
    make(w, &p);
    invoke_all(&p);
    nimbus_run(w->nb, 2 * MESSAGES, &more);
    EQ(p.calls, 2);
    EQ(function_metrics(p.function).waiting, MESSAGES - 2);
}

static void invoke_more(turn_probe *p)
{
    invoke_all(p);
}

static void invocations_from_inside_come_after_the_others(void **state)
{
    world *w = *state;
    turn_probe p = { .act_at = MESSAGES, .act = invoke_more }; /* in the last one, when nothing else is there */
    make(w, &p);
    invoke_all(&p);
    RUN(w);
    TEXT(p.bodies, "abcdefghijabcdefghij");
}

/* ---------------------------------------------------------------------------------------- durations */

typedef struct slow_probe {
    size_t calls, slow_at;
} slow_probe;

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return NIMBUS_SECONDS((int64_t)t.tv_sec) + t.tv_nsec;
}

static nimbus_outcome mostly_quick(const nimbus_delivery *delivery, void *user)
{
    slow_probe *p = user;
    int64_t end = now() + NIMBUS_SECONDS(1) / 500;
    (void)delivery;
    if (++p->calls == p->slow_at)
        while (now() < end)
            ;
    return NIMBUS_DONE;
}

/* Short calls are measured one in eight; a long one among them is not overlooked, wherever it comes. The real clock. */
static void a_long_call_among_short_ones_is_seen(void **state)
{
    (void)state;
    for (size_t slow_at = 1; slow_at <= 20; slow_at++) {
        nimbus_error err = { .status = NIMBUS_OK };
        slow_probe p = { .slow_at = slow_at };
        nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .driven = true }, &err);
        nimbus_function *fn = nimbus_function_create(nb, "work", mostly_quick, &p, NULL, &err);
        bool more = true;
        OK(err.status);
        for (size_t i = 0; i < 20; i++)
            OK(nimbus_invoke_async(fn, nimbus_text("x"), NULL));
        while (more)
            OK(nimbus_run(nb, 100, &more));
        EQ(p.calls, 20);
        EQ(function_metrics(fn).invocations, 20);
        CHECK(function_metrics(fn).max >= NIMBUS_SECONDS(1) / 500 - NIMBUS_SECONDS(1) / 10000);
        CHECK(function_metrics(fn).p99 <= function_metrics(fn).max);
        CHECK(function_metrics(fn).p50 > 0);
        OK(nimbus_close(nb, 0, NULL));
    }
}

/* ---------------------------------------------------------------------------------------------- threads */

typedef struct gate_probe {
    atomic_size_t calls;
    atomic_bool open;
    char bodies[MESSAGES + 2];
} gate_probe;

static nimbus_outcome pass_the_gate(const nimbus_delivery *delivery, void *user)
{
    gate_probe *p = user;
    size_t call = atomic_load(&p->calls);
    p->bodies[call] = *(const char *)nimbus_delivery_body(delivery).data;
    atomic_store(&p->calls, call + 1);
    while (!atomic_load(&p->open))
        sched_yield();
    return NIMBUS_DONE;
}

typedef struct invoker {
    nimbus_function *function;
    nimbus_status status;
} invoker;

static void *invoke_it(void *user)
{
    invoker *i = user;
    i->status = nimbus_invoke(i->function, nimbus_text("S"), NIMBUS_FOREVER, NULL);
    return NULL;
}

/* The rest of the batch goes back to the mailbox: nothing is lost, doubled or out of order. When exactly the call comes is not certain. */
static void a_synchronous_call_in_the_middle_of_a_batch(void **state)
{
    world *w = *state;
    gate_probe p = { .open = false };
    invoker i = { .status = NIMBUS_E_INVALID };
    pthread_t thread;
    i.function = nimbus_function_create(w->nb, "work", pass_the_gate, &p, NULL, &w->err);
    SETUP_OK(w);
    for (char c = 'a'; c < 'a' + MESSAGES; c++)
        OK(nimbus_invoke_async(i.function, nimbus_copy(&c, 1), NULL));
    SPIN_UNTIL(atomic_load(&p.calls) == 1);
    EQ(pthread_create(&thread, NULL, invoke_it, &i), 0);
    for (int n = 0; n < 2000; n++)
        sched_yield();
    atomic_store(&p.open, true);
    pthread_join(thread, NULL);
    OK(i.status);
    SPIN_UNTIL(atomic_load(&p.calls) == MESSAGES + 1);
    EQ(strlen(p.bodies), MESSAGES + 1);
    CHECK(strchr(p.bodies, 'S') != NULL);
    memmove(strchr(p.bodies, 'S'), strchr(p.bodies, 'S') + 1, strlen(strchr(p.bodies, 'S')));
    TEXT(p.bodies, "abcdefghij");
}

#define MANY 3000

typedef struct many_probe {
    atomic_uint seen[MANY], inside, most, calls;
} many_probe;

static nimbus_outcome count_once(const nimbus_delivery *delivery, void *user)
{
    many_probe *p = user;
    unsigned number, inside = atomic_fetch_add(&p->inside, 1) + 1, most = atomic_load(&p->most);
    memcpy(&number, nimbus_delivery_body(delivery).data, sizeof number);
    while (inside > most && !atomic_compare_exchange_weak(&p->most, &most, inside))
        ;
    atomic_fetch_add(&p->seen[number], 1);
    atomic_fetch_sub(&p->inside, 1);
    atomic_fetch_add(&p->calls, 1);
    return NIMBUS_DONE;
}

/* Several places, short calls, many that wait, the real clock: workers take a few at once, and each is run once. */
static void several_places_share_what_waits(void **state)
{
    static many_probe p;
    nimbus_error err = { .status = NIMBUS_OK };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .min_workers = 3 }, &err);
    nimbus_function *fn = nimbus_function_create(nb, "work", count_once, &p, &(nimbus_function_options){ .max_concurrency = 3 }, &err);
    nimbus_function_metrics metrics;
    (void)state;
    OK(err.status);
    for (unsigned i = 0; i < MANY; i++)
        OK(nimbus_invoke_async(fn, nimbus_copy(&i, sizeof i), NULL));
    OK(nimbus_shutdown(nb, NIMBUS_FOREVER, NULL));
    metrics = function_metrics(fn);
    EQ(metrics.invocations, MANY);
    EQ(metrics.succeeded, MANY);
    EQ(metrics.waiting, 0);
    EQ(metrics.running, 0);
    EQ(atomic_load(&p.calls), MANY);
    CHECK(atomic_load(&p.most) <= 3);
    for (unsigned i = 0; i < MANY; i++)
        EQ(atomic_load(&p.seen[i]), 1);
    OK(nimbus_close(nb, NIMBUS_SECONDS(5), NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(counters_are_exact_within_a_turn),
        DRIVEN(no_call_begins_after_a_delete_in_the_middle),
        DRIVEN(what_a_lowered_limit_leaves_has_lost_nothing),
        DRIVEN(no_call_begins_after_a_shutdown_in_the_middle),
        DRIVEN(invocations_from_inside_come_after_the_others),
        cmocka_unit_test(a_long_call_among_short_ones_is_seen),
        cmocka_unit_test(several_places_share_what_waits),
        THREADED(a_synchronous_call_in_the_middle_of_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
