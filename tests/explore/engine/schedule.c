/*
 * schedule.c - which thread runs, and every other decision that a schedule consists of.
 *
 * random: at each point any thread that can run, with the same chance; in some schedules at every point, in others at one of 4 or of 16.
 *   How often reads are stale and weak exchanges fail differs from schedule to schedule, too, between never and every second time.
 * PCT: threads have priorities, the highest runs; at three points, drawn anew for each schedule, the running thread becomes the lowest.
 *   Finds what needs few, far apart changes (Burckhardt and others, A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs).
 * DFS: all schedules with at most three deviations, those with fewer first. A deviation is what a naive reader would not expect: a thread
 *   is preempted though it could go on, a read is one or more stores behind, a weak exchange fails, a wait times out though others
 *   could run. Which thread goes on when one blocks or ends is free.
 *
 * A thread that calls nb_pause() stands back until another one has made a step. PAUSE_BOUND pauses without a single write by anybody:
 * nobody will ever do what they spin for.
 */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

#define CHANGE_POINTS 3u
#define PAUSE_BOUND 1000u
#define PATIENCE 50u /* pauses after which a wait with an end runs out, if nothing else can happen */
#define STEP_BOUND 20000u
#define STALE_BOUND 6u /* stale reads of one thread in a row: a store is seen in the end */
#define WEAK_BOUND 3u
#define DFS_DEPTH 20000u

typedef struct decision {
    uint16_t options, taken;
} decision;

static struct {
    ex_plan plan;
    uint64_t random;
    uint32_t switch_chance, stale_chance, weak_chance; /* of 256 */
    uint32_t change_at[CHANGE_POINTS];
    int lowest;
    decision decisions[DFS_DEPTH];
    uint32_t depth, known; /* decisions taken in this schedule; those that are given */
    uint32_t deviations_left;
} plan;

uint32_t ex_random(uint32_t below)
{
    plan.random ^= plan.random << 13;
    plan.random ^= plan.random >> 7;
    plan.random ^= plan.random << 17;
    return (uint32_t)(((plan.random * UINT64_C(0x2545f4914f6cdd1d) >> 32) * below) >> 32);
}

static bool chance(uint32_t of_256)
{
    return of_256 != 0 && ex_random(256) < of_256;
}

/* DFS: one of `free` options, or, if a deviation is left, of `costly` more behind them. */
static uint32_t decide(uint32_t free, uint32_t costly)
{
    uint32_t options = free + (plan.deviations_left > 0 ? costly : 0), taken;

    if (options <= 1) {
        return 0;
    }
    if (plan.depth == DFS_DEPTH) {
        explore_fail("the schedule has more decisions than the depth-first search can keep");
    }
    if (plan.depth == plan.known) {
        plan.decisions[plan.known++] = (decision){ (uint16_t)options, 0 };
    }
    if (plan.decisions[plan.depth].options != options) {
        explore_fail("not reproducible: a decision had %u options and now has %u", plan.decisions[plan.depth].options, options);
    }
    taken = plan.decisions[plan.depth++].taken;
    plan.deviations_left -= taken >= free;
    return taken;
}

uint32_t ex_choose_stale(uint32_t count)
{
    uint32_t behind = 0;

    if (count <= 1 || !ex.running) {
        return 0;
    }
    if (plan.plan.mode == EXPLORE_DFS) {
        return decide(1, count - 1);
    }
    if (ex.current->stale_reads < STALE_BOUND && chance(plan.stale_chance)) {
        behind = 1 + ex_random(count - 1);
    }
    ex.current->stale_reads = behind != 0 ? ex.current->stale_reads + 1 : 0;
    return behind;
}

bool ex_choose_weak_failure(void)
{
    bool fails;

    if (!ex.running) {
        return false;
    }
    if (plan.plan.mode == EXPLORE_DFS) {
        return decide(1, 1) == 1;
    }
    fails = ex.current->weak_failures < WEAK_BOUND && chance(plan.weak_chance);
    ex.current->weak_failures = fails ? ex.current->weak_failures + 1 : 0;
    return fails;
}

void ex_schedule_begin(const ex_plan *wanted)
{
    static const uint32_t chances[] = { 0, 32, 128, 128 };

    plan.plan = *wanted;
    plan.random = (wanted->seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    plan.random ^= plan.random >> 31;
    plan.random |= 1;
    ex_random(2);
    plan.depth = 0;
    plan.lowest = 0;
    plan.deviations_left = wanted->mode == EXPLORE_DFS ? wanted->deviations : 0;
    plan.stale_chance = chances[ex_random(4)];
    plan.weak_chance = chances[ex_random(4)] / 2;
    plan.switch_chance = 256u >> 2 * ex_random(3);
    ex.asymmetric = ex_random(2) == 0;
    if (wanted->mode == EXPLORE_DFS) {
        ex.asymmetric = decide(2, 0) == 0;
    }
    for (uint32_t i = 0; i < CHANGE_POINTS; i++) {
        plan.change_at[i] = wanted->mode == EXPLORE_PCT ? 1 + ex_random(wanted->length) : 0;
    }
}

void ex_schedule_reset_dfs(void)
{
    plan.known = 0;
}

bool ex_schedule_next_dfs(void)
{
    while (plan.known > 0 && plan.decisions[plan.known - 1].taken + 1u >= plan.decisions[plan.known - 1].options) {
        plan.known--;
    }
    if (plan.known == 0) {
        return false;
    }
    plan.decisions[plan.known - 1].taken++;
    return true;
}

/* ------------------------------------------------------------------------------------------ who goes on */

static uint32_t count_of(uint32_t set)
{
    return (uint32_t)__builtin_popcount(set);
}

/* The n-th thread of a set. */
static ex_thread *member(uint32_t set, uint32_t n)
{
    while (n-- > 0) {
        set &= set - 1;
    }
    return &ex.threads[__builtin_ctz(set)];
}

static ex_thread *pick_random(uint32_t ready)
{
    uint32_t set = ready;

    if ((ready & 1u << ex.current->index) != 0 && !chance(plan.switch_chance)) {
        return ex.current;
    }
    if (ex.timed != 0 && (ready == 0 || chance(48))) {
        set |= ex.timed;
    }
    return member(set, ex_random(count_of(set)));
}

static ex_thread *pick_by_priority(uint32_t ready)
{
    uint32_t set = ready | ex.timed;
    ex_thread *best = NULL;

    for (uint32_t i = 0; i < CHANGE_POINTS; i++) {
        if (plan.change_at[i] == ex.steps) {
            ex.current->priority = --plan.lowest;
        }
    }
    for (; set != 0; set &= set - 1) {
        ex_thread *thread = member(set, 0);

        if (best == NULL || thread->priority > best->priority) {
            best = thread;
        }
    }
    return best;
}

/* The n-th of a set, counted round from the current thread on: threads that take turns at spinning come to each other one. */
static ex_thread *member_in_turn(uint32_t set, uint32_t n)
{
    uint32_t from = ex.current->index + 1;
    uint32_t turned = (set >> from | set << (EX_CLOCKS - from)) & ((1u << EX_CLOCKS) - 1);

    while (n-- > 0) {
        turned &= turned - 1;
    }
    return &ex.threads[((uint32_t)__builtin_ctz(turned) + from) % EX_CLOCKS];
}

static ex_thread *pick_depth_first(uint32_t ready)
{
    uint32_t me = 1u << ex.current->index, all = ready | ex.timed, taken;

    if ((ready & me) != 0) { /* it could go on */
        taken = decide(1, count_of(all & ~me));
        return taken == 0 ? ex.current : member_in_turn(all & ~me, taken - 1);
    }
    if ((ex.ready & me) != 0 && ready != 0) { /* it spins: the next one in turn, others are deviations */
        taken = decide(1, count_of(all) - 1);
        return member_in_turn(taken == 0 ? ready : all & ~(1u << member_in_turn(ready, 0)->index), taken == 0 ? 0 : taken - 1);
    }
    if (ready == 0) {
        return member_in_turn(ex.timed, decide(count_of(ex.timed), 0));
    }
    taken = decide(count_of(ready), count_of(ex.timed));
    return taken < count_of(ready) ? member_in_turn(ready, taken) : member_in_turn(ex.timed, taken - count_of(ready));
}

/* The thread that makes the next step. NULL: none can. */
static ex_thread *pick(void)
{
    uint32_t ready = ex.ready & ~ex.paused;

    if (ready == 0 && (ex.timed == 0 || ex.idle_pauses < PATIENCE)) {
        ready = ex.ready; /* they all spin: each in its turn */
    }
    if ((ready | ex.timed) == 0) {
        return NULL;
    }
    switch (plan.plan.mode) {
    case EXPLORE_PCT: return pick_by_priority(ready);
    case EXPLORE_DFS: return pick_depth_first(ready);
    default: return pick_random(ready);
    }
}

static void say_who_waits(char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (uint32_t i = 1; i < EX_THREADS; i++) {
        if (ex.threads[i].state == EX_WAITING && used < size) {
            used += (size_t)snprintf(text + used, size - used, " %s", ex_thread_name(i));
        }
    }
}

/* A thread that was waiting with an end and is picked times out. */
static void go_on(ex_thread *thread)
{
    uint32_t bit = 1u << thread->index;

    if ((ex.timed & bit) != 0) {
        ex.timed &= ~bit;
        thread->timed_out = true;
        ex_thread_ready(thread);
    }
    ex.paused &= bit; /* the others have seen a step of somebody else */
}

static ex_thread *next_or_fail(void)
{
    ex_thread *next = pick();
    char who[200];

    if (next == NULL) {
        say_who_waits(who, sizeof who);
        explore_fail("waits for ever (deadlock or lost wake-up):%s", who);
    }
    go_on(next);
    return next;
}

void ex_point(explore_site *site)
{
    ex_thread *me = ex.current;

    site->hits++;
    if (ex.running) {
        ex_thread *next;

        if (++ex.steps > STEP_BOUND) {
            explore_fail("livelock: more than %u steps", STEP_BOUND);
        }
        next = ex.ready == 1u << me->index && ex.timed == 0 ? me : next_or_fail();
        if (next != me) {
            ex_fiber_switch(next);
        }
    }
    me->now.cc[me->index] = ++me->now.hb[me->index];
}

void explore_pause(explore_site *site)
{
    ex_thread *me = ex.current;

    if (!ex.running) {
        site->hits++;
        return;
    }
    if (++ex.idle_pauses > PAUSE_BOUND) {
        explore_fail("livelock: %s spins for what no thread will do", ex_thread_name(me->index));
    }
    if (plan.plan.mode == EXPLORE_PCT) {
        me->priority = --plan.lowest;
    }
    ex.paused |= 1u << me->index;
    ex_trace(site, "pause");
    ex_point(site);
}

/* ------------------------------------------------------------------------------------- waiting and ending */

bool ex_wait(const void *what, bool may_time_out)
{
    ex_thread *me = ex.current;

    if (!ex.running) {
        explore_fail("setup or finish waits for ever");
    }
    me->state = EX_WAITING;
    me->waits_for = what;
    me->timed_out = false;
    ex.ready &= ~(1u << me->index);
    if (may_time_out) {
        ex.timed |= 1u << me->index;
        if (plan.plan.mode == EXPLORE_PCT && ex_random(2) == 0) {
            me->priority = --plan.lowest;
        }
    }
    ex_fiber_switch(next_or_fail());
    return !me->timed_out;
}

void ex_thread_ready(ex_thread *thread)
{
    thread->state = EX_READY;
    thread->waits_for = NULL;
    ex.ready |= 1u << thread->index;
    ex.timed &= ~(1u << thread->index);
}

void ex_wake(const void *what)
{
    for (uint32_t i = 1; i < EX_THREADS; i++) {
        if (ex.threads[i].state == EX_WAITING && ex.threads[i].waits_for == what) {
            ex_thread_ready(&ex.threads[i]);
        }
    }
}

void ex_thread_done(void)
{
    ex_thread *me = ex.current;

    ex.idle_pauses = 0;
    me->state = EX_DONE;
    ex.ready &= ~(1u << me->index);
    ex.paused = 0;
    ex_wake(me);
    for (uint32_t i = 1; i < EX_THREADS; i++) {
        if (ex.threads[i].state == EX_READY || ex.threads[i].state == EX_WAITING) {
            ex_fiber_leave(next_or_fail());
        }
    }
    ex_fiber_leave(NULL);
}

void ex_run_threads(void)
{
    for (uint32_t i = 1; i < EX_THREADS; i++) {
        ex.threads[i].priority = 1 + (int)ex_random(1000);
    }
    if (ex.ready == 0 || _setjmp(ex.main_place) != 0) {
        return;
    }
    ex.running = true;
    ex_fiber_switch(next_or_fail());
}
