/*
 * lot.c - parking and waking.
 *
 * Ordering, beside the pairs of fences in lot.h, without which wake-ups are lost:
 *
 * - A sleeper is put on the stack by a CAS with release; who takes it off has loaded the word by acquire. Without it, it would read an old
 *   next and lose the sleepers below. All changes of the word between them are read-modify-writes, which keep the release sequence.
 * - A worker resets its parker, then becomes ASLEEP by release; the waker that finds it so (acquire) sets the parker. Without it, the reset
 *   could come after the set, and the worker would sleep on.
 * - The turn's owner reads next, then marks a sleeper OUT by release; its worker finds OUT by acquire, wherever it comes across it. Without
 *   it, the owner could read the next of the worker's next place in the stack; and the woken worker would not see what its waker did.
 *
 * All else is relaxed. The state decides by read-modify-writes alone, which never meet an old value; and what the owner of the turn needs
 * to know is in the word.
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
        nb_store_relaxed(&sleeper->next, (nb_lot_sleeper *)(word & ~NB_LOT_TURN));
        turn = sleeper->turn ? 0 : word & NB_LOT_TURN;
    } while (!nb_cas_weak_release(&lot->word, &word, (uintptr_t)sleeper | turn)); /* pairs with the acquire of take_off() */
    sleeper->turn = false;
}

void nb_lot_prepare(nb_lot *lot, nb_lot_sleeper *sleeper)
{
    uint32_t state = AWAY;

    /* In the stack still: then it is enough to say so. Acquire, of a failure: pairs with the release in claim(), for next. */
    if (!nb_cas_strong_acquire_acquire(&sleeper->state, &state, ANNOUNCED)) {
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
    /* Acquire, of a failure: it is OUT, chosen; pairs with the release in claim(). */
    if (!nb_cas_strong_acquire_acquire(&sleeper->state, &state, AWAY)) {
        sleeper->turn = true;
    }
}

nb_lot_result nb_lot_park(nb_lot *lot, nb_lot_sleeper *sleeper, int64_t until, uint32_t spins)
{
    uint32_t state = ANNOUNCED;

    while (spins > 0 && nb_load_relaxed(&sleeper->state) != OUT) {
        nb_pause();
        spins--;
    }
    nb_parker_reset(&sleeper->parker); /* nobody sets it before it is ASLEEP */
    /* Release: pairs with the acquire in claim(), for the reset. Acquire, of a failure: as in nb_lot_cancel(). */
    if (nb_cas_strong_acq_rel_acquire(&sleeper->state, &state, ASLEEP)) {
        (void)nb_add_relaxed(&lot->parks, 1);
        if (!nb_parker_wait(&sleeper->parker, until)) {
            state = ASLEEP;
            /* This CAS and the exchange in claim() decide between time-out and wake. If it is a wake, the parker has the acquire. */
            if (nb_cas_strong_relaxed(&sleeper->state, &state, AWAY)) {
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
    (void)nb_and_relaxed(&lot->word, ~NB_LOT_TURN);
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
        if (nb_cas_weak_acquire_acquire(&lot->word, &word, below)) { /* acquire, of a failure: who was put on meanwhile, as above */
            return top;
        }
    }
}

/* Decides against its worker. Returns what state it had: ANNOUNCED and ASLEEP are wakes; AWAY is not. */
static uint32_t claim(nb_lot_sleeper *sleeper)
{
    /* Acquire: pairs with the release of ASLEEP in nb_lot_park(). Release: pairs with the acquires of OUT. */
    return nb_exchange_acq_rel(&sleeper->state, OUT);
}

void nb_lot_wake_one(nb_lot *lot, uintptr_t word)
{
    nb_lot_sleeper *sleeper;

    /* Takes the turn. If somebody else did, that one will look; if only the stack has changed, we try again. */
    while (!nb_cas_weak_relaxed(&lot->word, &word, word | NB_LOT_TURN)) {
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
