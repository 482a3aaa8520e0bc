/*
 * lot.c - parking and waking.
 *
 * Ordering, beside the pair in lot.h:
 *
 * - A sleeper is put on the stack by a CAS with release; who takes it off has loaded the word by acquire. Without it, it would read an old
 *   next. (The CASes between them keep the release sequence.)
 * - A sleeper is woken by a CAS on its state with release, its worker finds OUT by acquire: what the waker did before happens before the
 *   worker goes on, and so the turn and all that its earlier owners have read and written is handed over. If the worker sleeps, the parker
 *   does the same once more.
 * - The turn is given up by release and taken by acquire: an owner sees what the one before it did to the stack and to the states.
 */
#include "sync/lot.h"

#include <assert.h>
#include <stddef.h>

enum { OUT, ANNOUNCED, ASLEEP, AWAY };

void nb_lot_init(nb_lot *lot)
{
    nb_atomic_init(&lot->word, 0);
    nb_atomic_init(&lot->parks, 0);
    nb_atomic_init(&lot->wakes, 0);
    nb_atomic_init(&lot->spared, 0);
}

void nb_lot_sleeper_init(nb_lot_sleeper *sleeper)
{
    nb_atomic_init(&sleeper->state, OUT);
    sleeper->turn = false;
    nb_atomic_init(&sleeper->next, NULL);
    nb_parker_init(&sleeper->parker);
}

void nb_lot_sleeper_fini(nb_lot_sleeper *sleeper)
{
    nb_parker_fini(&sleeper->parker);
}

/* ---------------------------------------------------------------------------------------------- workers */

/* On top of the stack; in the same step it gives up the turn, if it has it. */
static void put_on(nb_lot *lot, nb_lot_sleeper *sleeper)
{
    uintptr_t word = nb_load_relaxed(&lot->word);
    uintptr_t turn;

    do {
        /* Relaxed: the release of the CAS publishes it. */
        nb_store_relaxed(&sleeper->next, (nb_lot_sleeper *)(word & ~NB_LOT_TURN));
        turn = sleeper->turn ? 0 : word & NB_LOT_TURN;
        /* Release: pairs with the acquire of take_off(), and, with the turn, of nb_lot_wake_one(). Acquire: keeps both chains. */
    } while (!nb_cas_weak_acq_rel(&lot->word, &word, (uintptr_t)sleeper | turn));
    sleeper->turn = false;
}

void nb_lot_prepare(nb_lot *lot, nb_lot_sleeper *sleeper)
{
    uint32_t state = AWAY;

    /* In the stack still: then it is enough to say so. Acq_rel: whoever marks it OUT instead (acquire in claim()) has seen its past. */
    if (!nb_cas_strong_acq_rel_acquire(&sleeper->state, &state, ANNOUNCED)) {
        assert(state == OUT);
        nb_store_relaxed(&sleeper->state, ANNOUNCED); /* nobody else knows it; the release of put_on() publishes it */
        put_on(lot, sleeper);
    }
    nb_fence_after_rmw(); /* pairs with the fence of nb_lot_notify(): announce, then look for work */
}

void nb_lot_cancel(nb_lot *lot, nb_lot_sleeper *sleeper)
{
    uint32_t state = ANNOUNCED;

    (void)lot;
    /* Release: pairs with the acquire in claim(). Acquire, if it is OUT: pairs with the release in claim(); the turn is ours. */
    if (!nb_cas_strong_acq_rel_acquire(&sleeper->state, &state, AWAY)) {
        sleeper->turn = true;
    }
}

/* Whether it was woken meanwhile. */
static bool woken(const nb_lot_sleeper *sleeper)
{
    return nb_load_acquire(&sleeper->state) == OUT; /* pairs with the release in claim() */
}

nb_lot_result nb_lot_park(nb_lot *lot, nb_lot_sleeper *sleeper, int64_t until, uint32_t spins)
{
    uint32_t state = ANNOUNCED;

    while (spins > 0 && !woken(sleeper)) {
        nb_pause();
        spins--;
    }
    nb_parker_reset(&sleeper->parker); /* nobody sets it before it is ASLEEP */
    /* Release: the reset comes before the set of who finds it ASLEEP (acquire in claim()). Acquire: as in woken(). */
    if (nb_cas_strong_acq_rel_acquire(&sleeper->state, &state, ASLEEP)) {
        (void)nb_add_relaxed(&lot->parks, 1);
        if (!nb_parker_wait(&sleeper->parker, until)) {
            state = ASLEEP;
            /* The one CAS that decides between time-out and wake; orders as in nb_lot_cancel(). */
            if (nb_cas_strong_acq_rel_acquire(&sleeper->state, &state, AWAY)) {
                return NB_LOT_TIMED_OUT;
            }
            (void)nb_parker_wait(&sleeper->parker, INT64_MAX); /* the waker is about to set it, or has */
        }
    }
    sleeper->turn = true;
    return NB_LOT_WOKEN;
}

bool nb_lot_settle(nb_lot *lot, nb_lot_sleeper *sleeper)
{
    if (!sleeper->turn) {
        return false;
    }
    sleeper->turn = false;
    (void)nb_and_acq_rel(&lot->word, ~NB_LOT_TURN); /* release: pairs with the acquire in nb_lot_wake_one() */
    nb_fence_after_rmw(); /* pairs with the fence of nb_lot_notify(): give up the turn, then look for work */
    return true;
}

/* ----------------------------------------------------------------------------------------------- wakers */

/* Takes the topmost off the stack; with the turn. NULL: none is left, and the turn is given up in the same step. */
static nb_lot_sleeper *take_off(nb_lot *lot)
{
    uintptr_t word = nb_load_acquire(&lot->word); /* pairs with the release in put_on(), for next and state */

    for (;;) {
        nb_lot_sleeper *top = (nb_lot_sleeper *)(word & ~NB_LOT_TURN);
        uintptr_t below = 0;

        if (top != NULL) {
            below = (uintptr_t)nb_load_relaxed(&top->next) | NB_LOT_TURN; /* nobody changes it while top is in the stack */
        }
        /* Release: as giving up the turn in nb_lot_settle(). Acquire, also of a failure: whoever was put on meanwhile. */
        if (nb_cas_weak_acq_rel_acquire(&lot->word, &word, below)) {
            return top;
        }
    }
}

/* Decides against its worker. Returns what state it had: ANNOUNCED and ASLEEP are wakes; AWAY is not. */
static uint32_t claim(nb_lot_sleeper *sleeper)
{
    /*
     * Acquire: pairs with the releases of the worker's CASes (the reset of its parker). Release: pairs with its acquires; from here on the
     * sleeper may be put on again, unless it is ASLEEP: then its worker waits for the parker.
     */
    return nb_exchange_acq_rel(&sleeper->state, OUT);
}

void nb_lot_wake_one(nb_lot *lot, uintptr_t word)
{
    nb_lot_sleeper *sleeper;

    /* Takes the turn. If somebody else did, that one will look; if only the stack has changed, we try again. */
    while (!nb_cas_weak_acq_rel(&lot->word, &word, word | NB_LOT_TURN)) {
        if (word == 0 || (word & NB_LOT_TURN) != 0) {
            return;
        }
    }
    while ((sleeper = take_off(lot)) != NULL) {
        uint32_t state = claim(sleeper);

        if (state == ASLEEP) {
            (void)nb_add_relaxed(&lot->wakes, 1);
            nb_parker_set(&sleeper->parker);
            return;
        }
        if (state == ANNOUNCED) {
            (void)nb_add_relaxed(&lot->spared, 1);
            return;
        }
    }
}
