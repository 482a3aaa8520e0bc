/*
 * protocol.c - small structures with a planted defect each, and the same without it: defects that any interleaving shows, without a weak
 * memory. Each must be found in each mode.
 */
#include "explore.h"
#include "platform/clock.h"
#include "platform/lock.h"
#include "platform/memory.h"
#include "platform/parker.h"
#include "sync/atomic.h"

/* ------------------------------------------------ a flag under a lock, and a parker that is set outside of it */

static nb_lock lock;
static nb_parker *waiting; /* under lock */
static bool ready;         /* under lock */

static void flag_setup(void)
{
    nb_lock_init(&lock);
    waiting = NULL;
    ready = false;
}

/* The waiter's parker lives in a block that it frees as soon as it is awake. */
static void wait_for_flag(void)
{
    nb_parker *mine = nb_platform_malloc(sizeof *mine);
    bool sleep;

    nb_parker_init(mine);
    nb_lock_acquire(&lock);
    sleep = !ready;
    waiting = sleep ? mine : NULL;
    nb_lock_release(&lock);
    if (sleep) {
        nb_parker_wait(mine, INT64_MAX);
        nb_lock_acquire(&lock); /* whoever set it held the lock, and is done now */
        nb_lock_release(&lock);
    }
    nb_platform_free(mine);
}

static void flag_good(uint32_t me)
{
    if (me == 0) {
        wait_for_flag();
        return;
    }
    nb_lock_acquire(&lock);
    ready = true;
    if (waiting != NULL) {
        nb_parker_set(waiting);
    }
    nb_lock_release(&lock);
}

/* The parker is set when the lock has been let go: its waiter may be gone. */
static void flag_set_late(uint32_t me)
{
    nb_parker *who;

    if (me == 0) {
        wait_for_flag();
        return;
    }
    nb_lock_acquire(&lock);
    ready = true;
    who = waiting;
    nb_lock_release(&lock);
    if (who != NULL) {
        nb_parker_set(who);
    }
}

/* The waiter is looked for before the flag is raised, and not under one lock: it may lie down in between. */
static void flag_notify_outside(uint32_t me)
{
    nb_parker *who;

    if (me == 0) {
        wait_for_flag();
        return;
    }
    nb_lock_acquire(&lock);
    who = waiting;
    nb_lock_release(&lock);
    if (who != NULL) {
        nb_lock_acquire(&lock);
        nb_parker_set(who);
        nb_lock_release(&lock);
    }
    nb_lock_acquire(&lock);
    ready = true;
    nb_lock_release(&lock);
}

static void flag_finish(void)
{
    nb_lock_fini(&lock);
}

/* --------------------------------------------------------------- a waiter that is served when its time is over */

typedef struct waiter {
    nb_parker parker;
    bool in_line; /* under lock */
    uint32_t item; /* under lock: what it was given */
} waiter;

static waiter line;
static uint32_t kept; /* under lock: items that nobody has been given */
static uint32_t taken;

static void line_setup(void)
{
    nb_lock_init(&lock);
    nb_parker_init(&line.parker);
    line.in_line = false;
    line.item = kept = taken = 0;
}

static void give(void)
{
    nb_lock_acquire(&lock);
    if (line.in_line) {
        line.in_line = false;
        line.item = 1;
        nb_parker_set(&line.parker);
    } else {
        kept++;
    }
    nb_lock_release(&lock);
}

static void receive(bool looks_after_time_out)
{
    bool awake;

    nb_lock_acquire(&lock);
    line.in_line = kept == 0;
    taken += kept;
    kept = 0;
    if (!line.in_line) {
        nb_lock_release(&lock);
        return;
    }
    nb_lock_release(&lock);
    awake = nb_parker_wait(&line.parker, nb_platform_elapsed() + 1000000);
    nb_lock_acquire(&lock);
    if (awake || (looks_after_time_out && !line.in_line)) {
        taken += line.item;
    }
    line.in_line = false;
    nb_lock_release(&lock);
}

static void line_good(uint32_t me)
{
    if (me == 0) {
        receive(true);
    } else {
        give();
    }
}

static void line_forgets(uint32_t me)
{
    if (me == 0) {
        receive(false);
    } else {
        give();
    }
}

static void line_finish(void)
{
    explore_note(taken);
    explore_check(taken + kept == 1);
    nb_lock_fini(&lock);
}

/* ------------------------------------------------------------ a stack of indices: the top comes back meanwhile */

#define NODES 3u
#define END 7u

static _Atomic uint32_t top; /* low byte: index; the rest: how often it was changed */
static _Atomic uint32_t next[NODES];
static uint32_t owner[NODES]; /* threads that hold the node */

static void stack_setup(void)
{
    nb_atomic_init(&top, 0);
    for (uint32_t i = 0; i < NODES; i++) {
        nb_atomic_init(&next[i], i + 1 < NODES ? i + 1 : END);
        owner[i] = 0;
    }
}

static uint32_t pop(uint32_t count_step)
{
    uint32_t seen = nb_load_acquire(&top);

    while ((seen & 0xff) != END) {
        uint32_t below = nb_load_relaxed(&next[seen & 0xff]);

        if (nb_cas_weak_acq_rel_acquire(&top, &seen, ((seen & ~0xffu) + count_step) | below)) {
            explore_check(owner[seen & 0xff]++ == 0);
            return seen & 0xff;
        }
    }
    return END;
}

static void push(uint32_t node, uint32_t count_step)
{
    uint32_t seen = nb_load_relaxed(&top);

    owner[node]--;
    do {
        nb_store_relaxed(&next[node], seen & 0xff);
    } while (!nb_cas_weak_acq_rel(&top, &seen, ((seen & ~0xffu) + count_step) | node));
}

static void stack(uint32_t me, uint32_t count_step)
{
    uint32_t first = pop(count_step);

    if (me == 1) {
        pop(count_step);
        if (first != END) {
            push(first, count_step);
        }
    } else {
        pop(count_step);
    }
}

static void stack_good(uint32_t me) { stack(me, 0x100); }
static void stack_aba(uint32_t me) { stack(me, 0); }

/* ------------------------------------------------------------------------------- two who think they are the last */

static _Atomic uint32_t users;
static void *thing;

static void last_setup(void)
{
    nb_atomic_init(&users, 2);
    thing = nb_platform_malloc(8);
}

static void last_good(uint32_t me)
{
    (void)me;
    if (nb_sub_acq_rel(&users, 1) == 1) {
        nb_platform_free(thing);
    }
}

/* Looks at the count apart from lowering it. */
static void last_twice(uint32_t me)
{
    (void)me;
    nb_sub_acq_rel(&users, 1);
    if (nb_load_acquire(&users) == 0) {
        nb_platform_free(thing);
    }
}

static void last_never(uint32_t me)
{
    (void)me;
    if (nb_sub_acq_rel(&users, 1) == 0) {
        nb_platform_free(thing);
    }
}

static void last_writes_behind(uint32_t me)
{
    if (me == 0) {
        ((char *)thing)[8] = 1;
    }
    last_good(me);
}

/* ------------------------------------------------------------------------------------------- waiting by looking */

static void spin(uint32_t me, bool is_set)
{
    if (me == 0) {
        while (nb_load_acquire(&users) == 2) {
            nb_pause();
        }
    } else if (is_set) {
        nb_store_release(&users, 0);
    }
}

static void spin_setup(void) { nb_atomic_init(&users, 2); }
static void spin_good(uint32_t me) { spin(me, true); }
static void spin_for_ever(uint32_t me) { spin(me, false); }

/* Two threads that undo each other's step for ever. */
static void chase(uint32_t me)
{
    uint32_t mine = 2 + me;

    do {
        nb_store_release(&users, mine);
        nb_pause();
    } while (nb_load_acquire(&users) != 9);
}

/* --------------------------------------------------------------------------------------------------- two locks */

static nb_lock other_lock;

static void locks_setup(void)
{
    nb_lock_init(&lock);
    nb_lock_init(&other_lock);
}

static void locks(nb_lock *first, nb_lock *second)
{
    nb_lock_acquire(first);
    nb_lock_acquire(second);
    nb_lock_release(second);
    nb_lock_release(first);
}

static void locks_good(uint32_t me)
{
    (void)me;
    locks(&lock, &other_lock);
}

static void locks_crossed(uint32_t me)
{
    locks(me == 0 ? &lock : &other_lock, me == 0 ? &other_lock : &lock);
}

#define GOOD(name, setup, thread, finish) { name, 2, setup, thread, finish, 1, NULL, { 0, 0, 0 } }
#define BAD(name, setup, thread, finish, says, ...) { name, 2, setup, thread, finish, 1, says, { __VA_ARGS__ } }

static const explore_scenario scenarios[] = {
    GOOD("flag_good", flag_setup, flag_good, flag_finish),
    BAD("flag_parker_set_late", flag_setup, flag_set_late, flag_finish, "freed", 500, 500, 500),
    BAD("flag_notify_outside", flag_setup, flag_notify_outside, flag_finish, "lost wake-up", 500, 500, 500),
    GOOD("line_good", line_setup, line_good, line_finish),
    BAD("line_forgets_what_it_got", line_setup, line_forgets, line_finish, "taken + kept == 1", 500, 500, 500),
    GOOD("stack_good", stack_setup, stack_good, NULL),
    BAD("stack_aba", stack_setup, stack_aba, NULL, "owner", 2000, 2000, 2000),
    GOOD("last_good", last_setup, last_good, NULL),
    BAD("last_twice", last_setup, last_twice, NULL, "double free", 100, 100, 100),
    BAD("last_never", last_setup, last_never, NULL, "leak", 1, 1, 1),
    BAD("last_writes_behind", last_setup, last_writes_behind, NULL, "behind its end", 1, 1, 1),
    GOOD("spin_good", spin_setup, spin_good, NULL),
    BAD("spin_for_ever", spin_setup, spin_for_ever, NULL, "livelock", 1, 1, 1),
    BAD("spin_chase", spin_setup, chase, NULL, "livelock", 1, 1, 1),
    GOOD("locks_good", locks_setup, locks_good, NULL),
    BAD("locks_crossed", locks_setup, locks_crossed, NULL, "waits for ever", 100, 100, 100),
};

static const explore_subject known_bad_protocol = { "known_bad", NULL, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(known_bad_protocol);
