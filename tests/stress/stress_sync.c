/*
 * stress_sync - real threads on the structures of lib/sync.
 *
 *     stress_sync [VALUES]              60,000 by default, for each case
 *
 * Each case runs twice: alone, and with a thread that stops the others for a moment, anywhere, by a signal. Four producers number their
 * values; each value must come out once, and what one consumer gets of one producer must come in order. A hang is a state, not a time:
 * all are parked while values are inside or missing.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "platform/clock.h"
#include "sync/lot.h"
#include "sync/queue.h"
#include "sync/ring.h"

enum { PRODUCERS = 4, CONSUMERS = 4, THREADS = PRODUCERS + CONSUMERS };

typedef struct plan plan;

typedef struct member {
    plan *plan;
    uint32_t number; /* among its kind */
    uint64_t random;
    uint64_t latest[PRODUCERS]; /* a consumer: the number it expects at least */
    pthread_t thread;
    nb_lot_sleeper sleeper;
    _Atomic bool ended;
} member;

struct plan {
    const char *name;
    void (*produce)(member *m);
    void (*consume)(member *m);
    uint64_t each; /* values of a producer */
    _Atomic uint8_t *seen; /* by value */
    _Atomic uint64_t got;
    _Atomic uint32_t producing;
    _Atomic uint32_t wrong;
    _Atomic bool over; /* all threads of the case have ended */
    bool parks, timed;
    nb_heap *heap;
    nb_ring ring;
    nb_mpmc queue;
    nb_lot filled, emptied; /* consumers and producers park there */
    member members[THREADS];
};

static void report(plan *p, const char *what, uint64_t value)
{
    if (atomic_fetch_add(&p->wrong, 1) < 20) {
        fprintf(stderr, "%s: %s: %" PRIu64 "\n", p->name, what, value);
    }
}

static uint64_t draw(member *m, uint64_t bound)
{
    m->random = m->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (m->random >> 33) % bound;
}

static uint64_t total(const plan *p)
{
    return p->each * PRODUCERS;
}

/* A value is producer * each + number. */
static void account(member *m, uint64_t value)
{
    plan *p = m->plan;
    uint64_t producer = value / p->each;

    if (value >= total(p)) {
        report(p, "a value that nobody pushed", value);
        return;
    }
    if (atomic_fetch_add(&p->seen[value], 1) != 0) {
        report(p, "came out twice", value);
    }
    if (value % p->each < m->latest[producer]) {
        report(p, "came out of order", value);
    }
    m->latest[producer] = value % p->each + 1;
    atomic_fetch_add(&p->got, 1);
}

/* ----------------------------------------------------------------------------------- ring: one and many */

static void ring_produce(member *m)
{
    plan *p = m->plan;
    uint64_t values[7];
    uint64_t next = m->number * p->each, end = next + p->each;

    while (next < end) {
        size_t count = 1 + (size_t)draw(m, 7), done;

        count = count < end - next ? count : (size_t)(end - next);
        for (size_t i = 0; i < count; i++) {
            values[i] = next + i;
        }
        done = count > 1 ? nb_ring_push_n(&p->ring, values, count) : nb_ring_push(&p->ring, next) == NB_RING_OK;
        next += done;
        if (done == 0) {
            sched_yield();
        }
    }
    if (atomic_fetch_sub(&p->producing, 1) == 1) {
        nb_ring_close(&p->ring);
        if (nb_ring_push(&p->ring, 0) != NB_RING_CLOSED || nb_ring_push_n(&p->ring, values, 1) != 0) {
            report(p, "pushed after the close", 0);
        }
    }
}

static void ring_consume(member *m)
{
    plan *p = m->plan;
    uint64_t values[7];

    for (;;) {
        size_t count = 1 + (size_t)draw(m, 7);
        size_t done = count > 1 ? nb_ring_pop_n(&p->ring, values, count) : nb_ring_pop(&p->ring, values) == NB_RING_OK;

        for (size_t i = 0; i < done; i++) {
            account(m, values[i]);
        }
        if (done == 0) {
            if (nb_ring_drained(&p->ring)) {
                return;
            }
            sched_yield();
        }
    }
}

/* --------------------------------------------------------------------------- queue: growth and the spill */

/* Few are reserved at first, more and more later; what is reserved is pushed and given back by who pops it. */
static void queue_produce(member *m)
{
    plan *p = m->plan;
    uint64_t first = m->number * p->each;

    for (uint64_t i = 0; i < p->each; i++) {
        while (nb_mpmc_size(&p->queue) > 4 + i / 64) {
            sched_yield();
        }
        if (!nb_mpmc_reserve(&p->queue)) {
            report(p, "no reservation", i);
        }
        nb_mpmc_push(&p->queue, first + i);
    }
}

static void queue_consume(member *m)
{
    plan *p = m->plan;
    uint64_t value;

    while (atomic_load(&p->got) < total(p)) {
        if (nb_mpmc_pop(&p->queue, &value)) {
            account(m, value);
            nb_mpmc_unreserve(&p->queue);
        } else {
            sched_yield();
        }
    }
}

/* ----------------------------------------------------------------- lot: a small ring with calls that block */

/* Parks until try() has succeeded; one lot for who waits, the other is told. */
static void block(member *m, nb_lot *mine, bool (*try)(member *m, uint64_t *value), bool (*more)(plan *p), uint64_t *value)
{
    plan *p = m->plan;

    while (!try(m, value)) {
        int64_t until;
        bool done;

        nb_lot_prepare(mine, &m->sleeper);
        done = try(m, value);
        if (done) {
            nb_lot_cancel(mine, &m->sleeper);
            break;
        }
        until = p->timed ? nb_platform_elapsed() + 1000 * (int64_t)draw(m, 50) : INT64_MAX;
        (void)nb_lot_park(mine, &m->sleeper, until, (uint32_t)draw(m, 20));
    }
    if (nb_lot_settle(mine, &m->sleeper) && more(p)) {
        nb_lot_notify(mine);
    }
}

static bool try_push(member *m, uint64_t *value)
{
    return nb_ring_push(&m->plan->ring, *value) != NB_RING_FULL;
}

/* Also when nothing will ever come. */
static bool try_pop(member *m, uint64_t *value)
{
    return nb_ring_pop(&m->plan->ring, value) == NB_RING_OK || (nb_ring_drained(&m->plan->ring) && (*value = UINT64_MAX) != 0);
}

static bool has_room(plan *p)
{
    return nb_ring_size(&p->ring) < nb_ring_capacity(&p->ring);
}

static bool has_values(plan *p)
{
    return nb_ring_size(&p->ring) > 0 || nb_ring_closed(&p->ring);
}

static void lot_produce(member *m)
{
    plan *p = m->plan;
    uint64_t first = m->number * p->each;

    for (uint64_t i = 0; i < p->each; i++) {
        uint64_t value = first + i;

        block(m, &p->emptied, try_push, has_room, &value);
        nb_lot_notify(&p->filled);
    }
    if (atomic_fetch_sub(&p->producing, 1) == 1) {
        nb_ring_close(&p->ring);
        nb_lot_notify_after_rmw(&p->filled);
    }
    nb_lot_notify(&p->emptied);
}

static void lot_consume(member *m)
{
    plan *p = m->plan;

    for (;;) {
        uint64_t value = 0;

        block(m, &p->filled, try_pop, has_values, &value);
        if (value == UINT64_MAX) {
            nb_lot_notify(&p->filled); /* the next one ends, too */
            return;
        }
        nb_lot_notify(&p->emptied);
        account(m, value);
    }
}

/* ------------------------------------------------------------------------------------------------- runs */

static void stop_for_a_moment(int signal)
{
    struct timespec moment = { 0, 300000 };
    int before = errno;

    (void)signal;
    nanosleep(&moment, NULL);
    errno = before;
}

/* The one that stops the others. */
static void *disturb(void *arg)
{
    plan *p = arg;
    member dice = { .random = 99 };
    struct timespec pace = { 0, 200000 };

    while (!atomic_load(&p->over)) {
        pthread_kill(p->members[draw(&dice, THREADS)].thread, SIGUSR1);
        nanosleep(&pace, NULL);
    }
    return NULL;
}

static void *run(void *arg)
{
    member *m = arg;
    plan *p = m->plan;

    (m < &p->members[PRODUCERS] ? p->produce : p->consume)(m);
    atomic_store(&m->ended, true);
    return NULL;
}

/* Whether all who have not ended sleep in the kernel, and none has been chosen to be woken: nobody will ever wake one. */
static bool all_asleep(plan *p)
{
    uint64_t before = atomic_load(&p->filled.parks) + atomic_load(&p->emptied.parks) + atomic_load(&p->got);

    for (int look = 0; look < 50; look++) {
        struct timespec moment = { 0, 1000000 };

        size_t ended = 0;

        for (size_t i = 0; i < THREADS; i++) {
            if (atomic_load(&p->members[i].ended)) {
                ended++;
            } else if (atomic_load(&p->members[i].sleeper.state) != 2) { /* ASLEEP in lot.c */
                return false;
            }
        }
        if (ended == THREADS) {
            return false;
        }
        nanosleep(&moment, NULL); /* stopped threads go on */
    }
    return before == atomic_load(&p->filled.parks) + atomic_load(&p->emptied.parks) + atomic_load(&p->got);
}

static void *watch(void *arg)
{
    plan *p = arg;
    struct timespec pace = { 0, 10000000 };

    while (!atomic_load(&p->over)) {
        if (p->parks && all_asleep(p)) {
            fprintf(stderr, "%s: all are parked, %" PRIu64 " of %" PRIu64 " values came out\n", p->name, atomic_load(&p->got), total(p));
            abort();
        }
        nanosleep(&pace, NULL);
    }
    return NULL;
}

static void set_up(plan *p)
{
    p->heap = nb_heap_open(NULL, 0);
    p->seen = calloc((size_t)total(p), sizeof *p->seen);
    if (p->heap == NULL || p->seen == NULL || !nb_ring_init(&p->ring, p->heap, 8) || !nb_mpmc_init(&p->queue, p->heap, 2)) {
        abort();
    }
    atomic_init(&p->producing, PRODUCERS);
    nb_lot_init(&p->filled);
    nb_lot_init(&p->emptied);
    for (size_t i = 0; i < THREADS; i++) {
        member *m = &p->members[i];

        m->plan = p;
        m->number = (uint32_t)(i < PRODUCERS ? i : i - PRODUCERS);
        m->random = i + 1;
        nb_lot_sleeper_init(&m->sleeper);
    }
}

static void clean_up(plan *p)
{
    nb_mpmc_fini(&p->queue);
    nb_ring_fini(&p->ring);
    for (size_t i = 0; i < THREADS; i++) {
        nb_lot_sleeper_fini(&p->members[i].sleeper);
    }
    free(p->seen);
    nb_heap_close(p->heap);
}

static bool run_case(plan model, bool disturbed)
{
    plan *p = malloc(sizeof *p);
    pthread_t disturber, watcher;
    uint32_t wrong;

    if (p == NULL) {
        abort();
    }
    *p = model;
    set_up(p);
    for (size_t i = 0; i < THREADS; i++) {
        if (pthread_create(&p->members[i].thread, NULL, run, &p->members[i]) != 0) {
            abort();
        }
    }
    if (pthread_create(&watcher, NULL, watch, p) != 0 || (disturbed && pthread_create(&disturber, NULL, disturb, p) != 0)) {
        abort();
    }
    if (disturbed) {
        /* The signals must end before the threads do. */
        while (atomic_load(&p->got) < total(p)) {
            struct timespec moment = { 0, 1000000 };

            nanosleep(&moment, NULL);
        }
        atomic_store(&p->over, true);
        pthread_join(disturber, NULL);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(p->members[i].thread, NULL);
    }
    atomic_store(&p->over, true);
    pthread_join(watcher, NULL);
    if (atomic_load(&p->got) != total(p)) {
        report(p, "values that came out", atomic_load(&p->got));
    }
    clean_up(p);
    wrong = atomic_load(&p->wrong);
    printf("%-6s %-9s %s; parked %" PRIu64 ", woken %" PRIu64 "\n", p->name, disturbed ? "disturbed" : "alone", wrong == 0 ? "ok" : "WRONG",
           atomic_load(&p->filled.parks) + atomic_load(&p->emptied.parks), atomic_load(&p->filled.wakes) + atomic_load(&p->emptied.wakes));
    free(p);
    return wrong == 0;
}

static bool run_all(uint64_t each, bool disturbed)
{
    bool good = true;

    good &= run_case((plan){ .name = "ring", .produce = ring_produce, .consume = ring_consume, .each = each }, disturbed);
    good &= run_case((plan){ .name = "queue", .produce = queue_produce, .consume = queue_consume, .each = each }, disturbed);
    good &= run_case((plan){ .name = "lot", .produce = lot_produce, .consume = lot_consume, .each = each, .parks = true }, disturbed);
    good &= run_case((plan){ .name = "timed", .produce = lot_produce, .consume = lot_consume, .each = each, .timed = true }, disturbed);
    return good;
}

int main(int argc, char **argv)
{
    uint64_t values = argc > 1 ? strtoull(argv[1], NULL, 10) : 60000;
    struct sigaction action;
    bool good;

    memset(&action, 0, sizeof action);
    action.sa_handler = stop_for_a_moment;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    values = values / PRODUCERS > 0 ? values / PRODUCERS : 1;
    good = run_all(values, false);
    good &= run_all(values, true);
    return good ? 0 : 1;
}
