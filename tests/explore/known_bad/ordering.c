/*
 * ordering.c - small structures with a planted defect each, and the same without it. What the explorer is for must be found here, in each
 * mode, and the right code must stay silent.
 *
 * Here: defects of memory ordering that no test on x86 finds.
 */
#include "explore.h"
#include "platform/memory.h"
#include "platform/parker.h"
#include "sync/atomic.h"

/* ---------------------------------------------------------------------------------- a slot handed over */

static _Atomic uint32_t full;
static uint64_t payload;
static uint64_t got;

static void slot_setup(void)
{
    nb_atomic_init(&full, 0);
    payload = got = 0;
}

static void slot(uint32_t me, bool publish_release, bool free_release, bool take_acquire)
{
    for (uint32_t round = 0, tries = 0; round < 2 && tries < 12; tries++) {
        uint32_t is_full = take_acquire ? nb_load_acquire(&full) : nb_load_relaxed(&full);

        if (is_full != me) {
            nb_pause();
            continue;
        }
        if (me == 0) {
            nb_plain_write(&payload);
            payload++;
        } else {
            nb_plain_read(&payload);
            got = payload;
        }
        if (me == 0 ? publish_release : free_release) {
            nb_store_release(&full, 1 - me);
        } else {
            nb_store_relaxed(&full, 1 - me);
        }
        round++;
    }
}

static void slot_good(uint32_t me) { slot(me, true, true, true); }
static void slot_publish_relaxed(uint32_t me) { slot(me, false, true, true); }
static void slot_free_relaxed(uint32_t me) { slot(me, true, false, true); }
static void slot_take_relaxed(uint32_t me) { slot(me, true, true, false); }

static void slot_finish(void)
{
    explore_note(got);
}

/* ----------------------------------------------- an event count: announce that you sleep, look again, sleep */

static _Atomic uint32_t work, asleep;
static nb_parker bed;

static void event_setup(void)
{
    nb_atomic_init(&work, 0);
    nb_atomic_init(&asleep, 0);
    nb_parker_init(&bed);
}

enum event_defect { NONE, NO_FENCE_OF_SLEEPER, NO_FENCE_OF_WAKER, NO_SECOND_LOOK };

static void event(uint32_t me, enum event_defect defect)
{
    if (me == 0) {
        nb_store_relaxed(&work, 1);
        if (defect != NO_FENCE_OF_WAKER) {
            nb_fence_seq_cst();
        }
        if (nb_load_relaxed(&asleep) != 0) {
            nb_parker_set(&bed);
        }
        return;
    }
    if (nb_load_relaxed(&work) != 0) {
        return;
    }
    nb_store_relaxed(&asleep, 1);
    if (defect != NO_FENCE_OF_SLEEPER) {
        nb_fence_seq_cst();
    }
    if (defect == NO_SECOND_LOOK || nb_load_relaxed(&work) == 0) {
        nb_parker_wait(&bed, INT64_MAX);
    }
}

static void event_good(uint32_t me) { event(me, NONE); }
static void event_sleeper(uint32_t me) { event(me, NO_FENCE_OF_SLEEPER); }
static void event_waker(uint32_t me) { event(me, NO_FENCE_OF_WAKER); }
static void event_one_look(uint32_t me) { event(me, NO_SECOND_LOOK); }

/* ----------------------------------------------------------- the last one to let go frees: a reference count */

typedef struct counted {
    _Atomic uint32_t references;
    uint32_t bytes;
} counted;

static counted *shared;

static void count_setup(void)
{
    shared = nb_platform_malloc(sizeof *shared);
    nb_atomic_init(&shared->references, 2);
    shared->bytes = 7;
}

static void let_go(bool release)
{
    nb_plain_read(&shared->bytes);
    explore_note(shared->bytes);
    if ((release ? nb_sub_acq_rel(&shared->references, 1) : nb_sub_relaxed(&shared->references, 1)) == 1) {
        nb_platform_free(shared);
    }
}

static void count_good(uint32_t me)
{
    (void)me;
    let_go(true);
}

static void count_relaxed(uint32_t me)
{
    (void)me;
    let_go(false);
}

/* --------------------------------------------------------------------- an object made known by its pointer */

static counted *_Atomic known;

static void known_setup(void)
{
    nb_atomic_init(&known, NULL);
}

/* The fields are plain stores that nobody announces: the explorer knows when the memory was made. */
static void make_known(uint32_t me, bool release)
{
    counted *object;

    if (me == 0) {
        object = nb_platform_malloc(sizeof *object);
        nb_atomic_init(&object->references, 1);
        if (release) {
            nb_store_release(&known, object);
        } else {
            nb_store_relaxed(&known, object);
        }
        return;
    }
    object = nb_load_acquire(&known);
    if (object != NULL) {
        nb_add_relaxed(&object->references, 1);
    }
}

static void known_good(uint32_t me) { make_known(me, true); }
static void known_relaxed(uint32_t me) { make_known(me, false); }

static void known_finish(void)
{
    nb_platform_free(nb_load_relaxed(&known));
}

/* ------------------------------------------------------------- a reader without a lock, a writer that frees */

static _Atomic uint32_t reading;

static void read_setup(void)
{
    known_setup();
    nb_atomic_init(&reading, 0);
    known_finish();
    shared = nb_platform_malloc(sizeof *shared);
    shared->bytes = 7;
    nb_store_relaxed(&known, shared);
}

enum read_defect { READ_RIGHT, READ_NO_LIGHT, READ_NO_HEAVY, READ_NO_GRACE, READ_LEAVES_RELAXED };

static void read_or_retire(uint32_t me, enum read_defect defect)
{
    counted *object;

    if (me == 0) {
        nb_store_relaxed(&reading, 1);
        if (defect != READ_NO_LIGHT) {
            nb_fence_light();
        }
        object = nb_load_acquire(&known);
        if (object != NULL) {
            nb_plain_read(&object->bytes);
            explore_note(object->bytes);
        }
        if (defect == READ_LEAVES_RELAXED) {
            nb_store_relaxed(&reading, 0);
        } else {
            nb_store_release(&reading, 0);
        }
        return;
    }
    nb_store_relaxed(&known, NULL);
    if (defect != READ_NO_HEAVY) {
        nb_fence_heavy();
    }
    if (defect == READ_NO_GRACE || nb_load_acquire(&reading) == 0) {
        nb_platform_free(shared);
        shared = NULL;
    }
}

static void read_good(uint32_t me) { read_or_retire(me, READ_RIGHT); }
static void read_no_light(uint32_t me) { read_or_retire(me, READ_NO_LIGHT); }
static void read_no_heavy(uint32_t me) { read_or_retire(me, READ_NO_HEAVY); }
static void read_no_grace(uint32_t me) { read_or_retire(me, READ_NO_GRACE); }
static void read_leaves(uint32_t me) { read_or_retire(me, READ_LEAVES_RELAXED); }

static void read_finish(void)
{
    nb_platform_free(shared);
}

#define GOOD(name, setup, thread, finish) { name, 2, setup, thread, finish, 1, NULL, { 0, 0, 0 } }
#define BAD(name, setup, thread, finish, says, ...) { name, 2, setup, thread, finish, 1, says, { __VA_ARGS__ } }

static const explore_scenario scenarios[] = {
    GOOD("slot_good", slot_setup, slot_good, slot_finish),
    BAD("slot_publish_relaxed", slot_setup, slot_publish_relaxed, slot_finish, "data race", 100, 100, 100),
    BAD("slot_free_relaxed", slot_setup, slot_free_relaxed, slot_finish, "data race", 100, 100, 100),
    BAD("slot_take_relaxed", slot_setup, slot_take_relaxed, slot_finish, "data race", 100, 100, 100),
    GOOD("event_good", event_setup, event_good, NULL),
    BAD("event_no_fence_of_sleeper", event_setup, event_sleeper, NULL, "lost wake-up", 500, 500, 500),
    BAD("event_no_fence_of_waker", event_setup, event_waker, NULL, "lost wake-up", 500, 500, 500),
    BAD("event_no_second_look", event_setup, event_one_look, NULL, "lost wake-up", 500, 500, 500),
    GOOD("count_good", count_setup, count_good, NULL),
    BAD("count_relaxed", count_setup, count_relaxed, NULL, "data race", 100, 100, 100),
    GOOD("known_good", known_setup, known_good, known_finish),
    BAD("known_relaxed", known_setup, known_relaxed, known_finish, "data race", 100, 100, 100),
    GOOD("read_good", read_setup, read_good, read_finish),
    BAD("read_no_light_fence", read_setup, read_no_light, read_finish, "freed", 500, 500, 500),
    BAD("read_no_heavy_fence", read_setup, read_no_heavy, read_finish, "freed", 500, 500, 500),
    BAD("read_no_grace", read_setup, read_no_grace, read_finish, "freed", 100, 100, 100),
    BAD("read_leaves_relaxed", read_setup, read_leaves, read_finish, "data race", 500, 500, 500),
};

static const explore_subject known_bad_ordering = { "known_bad", NULL, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(known_bad_ordering);
