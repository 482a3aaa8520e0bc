/*
 * lot.c - lib/sync/lot.{h,c}: workers that park when there is no work, and are woken one at a time.
 *
 * Work is a number. Each worker does what the head of lot.h says; the sign to end is work that never runs out. A lost wake-up is a worker
 * that waits for ever: the explorer finds it by itself.
 */
#include "explore.h"
#include "sync/lot.h"

#define WORKERS 3u

static nb_lot lot;
static nb_lot_sleeper sleepers[WORKERS];
static _Atomic uint32_t work, givers_left;
static _Atomic uint32_t takers;
static nb_parker both;
static uint32_t given, done, handed;

static void setup_givers(uint32_t givers)
{
    nb_lot_init(&lot);
    for (uint32_t i = 0; i < WORKERS; i++) {
        nb_lot_sleeper_init(&sleepers[i]);
    }
    nb_atomic_init(&work, 0);
    nb_atomic_init(&givers_left, givers);
    given = done = handed = 0;
}

static void setup_1(void) { setup_givers(1); }
static void setup_2(void) { setup_givers(2); }

static void finish(void)
{
    explore_check(done == given);
    explore_check(nb_load_relaxed(&lot.wakes) <= nb_load_relaxed(&lot.parks));
    explore_note(nb_load_relaxed(&lot.parks) << 8 | nb_load_relaxed(&lot.wakes) << 4 | nb_load_relaxed(&lot.spared));
    for (uint32_t i = 0; i < WORKERS; i++) {
        nb_lot_sleeper_fini(&sleepers[i]);
    }
}

static bool take(void)
{
    uint32_t left = nb_load_relaxed(&work);

    while (left > 0) {
        if (nb_cas_weak_acquire(&work, &left, left - 1)) {
            return true;
        }
    }
    return false;
}

/* The worker that reads 0 by acquire has seen all work that was ever given: the last giver's release sequence holds the others'. */
static bool over(void)
{
    return nb_load_acquire(&givers_left) == 0;
}

static bool something(void)
{
    return nb_load_relaxed(&work) > 0 || over();
}

static void tell_if_more(nb_lot_sleeper *mine)
{
    if (nb_lot_settle(&lot, mine) && something()) {
        nb_lot_notify(&lot);
    }
}

/* until: of the first two sleeps; later ones have no end. */
static void worker(uint32_t number, int64_t until, uint32_t spins)
{
    nb_lot_sleeper *mine = &sleepers[number];
    uint32_t sleeps = 0;

    for (;;) {
        bool ends = over(); /* before the last look */

        if (take()) {
            tell_if_more(mine);
            done++;
            continue;
        }
        if (ends) {
            nb_lot_settle(&lot, mine);
            nb_lot_notify(&lot);
            return;
        }
        nb_lot_prepare(&lot, mine);
        if (something()) {
            nb_lot_cancel(&lot, mine);
        } else {
            nb_lot_park(&lot, mine, sleeps++ < 2 ? until : INT64_MAX, spins);
        }
    }
}

/* Gives count pieces of work; the last giver then says that there will be no more. */
static void giver(uint32_t count, bool after_rmw)
{
    for (uint32_t i = 0; i < count; i++) {
        given++;
        nb_add_release(&work, 1);
        if (after_rmw) {
            nb_lot_notify_after_rmw(&lot);
        } else {
            nb_lot_notify(&lot);
        }
    }
    nb_sub_acq_rel(&givers_left, 1);
    if (after_rmw) {
        nb_lot_notify_after_rmw(&lot);
    } else {
        nb_lot_notify(&lot);
    }
}

/*
 * One worker, one giver. Wrong: announce, fence, look against give, fence, look for sleepers (nb_lot_prepare(), nb_lot_notify()): without
 * either fence both see nothing.
 */
static void park_wake(uint32_t me)
{
    if (me == 0) {
        giver(2, false);
    } else {
        worker(0, INT64_MAX, 0);
    }
}

/*
 * Two workers, two givers: the second giver finds the turn taken and does nothing; the woken worker must wake the other one. Wrong:
 * nb_lot_settle(), give up the turn, fence, look; and prepare, which gives it up as well.
 */
static void chain(uint32_t me)
{
    if (me < 2) {
        giver(1, true);
    } else {
        worker(me - 2, INT64_MAX, 0);
    }
}

static void chain_of_three(uint32_t me)
{
    if (me == 0) {
        giver(3, true);
    } else {
        worker(me - 1, INT64_MAX, 0);
    }
}

/*
 * The wait runs out at any moment. Wrong: the CAS that decides between time-out and wake (nb_lot_park()): a wake that went to a sleeper
 * which left is lost; a sleeper that left is still in the stack, marked AWAY, and prepares again.
 */
static void time_out(uint32_t me)
{
    if (me == 0) {
        giver(2, true);
    } else {
        worker(me - 1, 5000000, 0);
    }
}

/* With a spin before the kernel: it may be woken there, and then nobody sets the parker. */
static void spins(uint32_t me)
{
    if (me == 0) {
        giver(2, true);
    } else {
        worker(me - 1, INT64_MAX, 2);
    }
}

/*
 * A worker that prepares and always finds a reason to cancel, beside one that sleeps: the wake that chose the first must reach the second.
 * Wrong: nb_lot_cancel() that forgets that it was chosen and has the turn.
 */
static void cancel(uint32_t me)
{
    if (me == 0) {
        giver(2, true);
    } else if (me == 1) {
        for (uint32_t i = 0; i < 2; i++) {
            nb_lot_prepare(&lot, &sleepers[2]);
            nb_lot_cancel(&lot, &sleepers[2]);
            tell_if_more(&sleepers[2]);
        }
    } else {
        worker(0, INT64_MAX, 0);
    }
}

/*
 * Whoever takes the first of two pieces stays busy until the second is done: the other worker has to be woken although this one is awake.
 * Wrong: nb_lot_settle() without its fence: the giver finds the turn taken, and the worker that gave it up does not see the second piece.
 */
static void busy(uint32_t me)
{
    nb_lot_sleeper *mine = &sleepers[me];

    if (me == 0) {
        giver(2, true);
        return;
    }
    while (!take()) {
        nb_lot_prepare(&lot, mine);
        if (nb_load_relaxed(&work) > 0) {
            nb_lot_cancel(&lot, mine);
        } else {
            nb_lot_park(&lot, mine, INT64_MAX, 0);
        }
        if (nb_load_relaxed(&work) == 0 && nb_lot_settle(&lot, mine) && nb_load_relaxed(&work) > 0) {
            nb_lot_notify(&lot);
        }
    }
    if (nb_lot_settle(&lot, mine) && nb_load_relaxed(&work) > 0) {
        nb_lot_notify(&lot);
    }
    done++;
    if (nb_add_acq_rel(&takers, 1) == 0) {
        nb_parker_wait(&both, INT64_MAX);
    } else {
        nb_parker_set(&both);
    }
}

static void setup_busy(void)
{
    setup_givers(1);
    nb_atomic_init(&takers, 0);
    nb_parker_init(&both);
}

static void finish_busy(void)
{
    nb_parker_fini(&both);
    finish();
}

/* Who is woken has seen what its waker did before. Wrong: the orders of claim(), and of the CASes that find it. */
static void hand_over(uint32_t me)
{
    nb_lot_sleeper *mine = &sleepers[0];

    if (me == 0) {
        nb_plain_write(&handed);
        handed = 1;
        nb_store_relaxed(&work, 1);
        nb_lot_notify(&lot);
        return;
    }
    nb_lot_prepare(&lot, mine);
    if (nb_load_relaxed(&work) > 0) {
        nb_lot_cancel(&lot, mine);
    } else {
        nb_lot_park(&lot, mine, INT64_MAX, 0);
    }
    if (mine->turn) {
        nb_plain_read(&handed);
        explore_check(handed == 1);
    }
    nb_lot_settle(&lot, mine);
}

static const explore_scenario scenarios[] = {
    { .name = "lot_park_wake", .threads = 2, .setup = setup_1, .thread = park_wake, .finish = finish },
    { .name = "lot_chain", .threads = 4, .setup = setup_2, .thread = chain, .finish = finish },
    { .name = "lot_chain_of_three", .threads = 4, .setup = setup_1, .thread = chain_of_three, .finish = finish },
    { .name = "lot_time_out", .threads = 3, .setup = setup_1, .thread = time_out, .finish = finish },
    { .name = "lot_spins", .threads = 3, .setup = setup_1, .thread = spins, .finish = finish },
    { .name = "lot_cancel", .threads = 3, .setup = setup_1, .thread = cancel, .finish = finish },
    { .name = "lot_busy", .threads = 3, .setup = setup_busy, .thread = busy, .finish = finish_busy },
    { .name = "lot_hand_over", .threads = 2, .setup = setup_1, .thread = hand_over, .finish = finish },
};

static const char *const covers[] = { "lib/sync/lot.h", "lib/sync/lot.c", NULL };
static const explore_subject subject = { "lot", covers, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
