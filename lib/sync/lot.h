/*
 * lot.h - where workers park that have nothing to do, and how they are woken: the last one that parked first, one at a time.
 *
 * A worker that finds no work:                        Whoever makes work visible:
 *
 *     nb_lot_prepare(lot, sleeper);                       push the work
 *     if (there is work after all)                        nb_lot_notify(lot);
 *         nb_lot_cancel(lot, sleeper);
 *     else
 *         nb_lot_park(lot, sleeper, until, spins);
 *
 * and a worker that has got work, before it does it:
 *
 *     if (nb_lot_settle(lot, sleeper) && there is more work)
 *         nb_lot_notify(lot);
 *
 * The turn. A wake costs its waker as much as 2,000 operations on a ring, so only one is under way at any time: who wants to wake takes the
 * turn, takes one sleeper off, and leaves the turn to it. Everybody else who has work to tell finds the turn taken and does nothing. The
 * woken worker keeps the turn until it has looked for work: it gives it up in nb_lot_settle() or its next nb_lot_prepare(), and looks once
 * more after that, for what others did not tell because the turn was taken. If there is more work, it wakes the next one.
 *
 * The waker takes the sleeper off. A sleeper that is parked and its time-out, or its cancel, and a waker decide by one CAS on its state;
 * nothing is counted twice, and a worker that is on its way out of the kernel is not woken again.
 *
 * No more work than this is needed at the end of the workers: the sign to end is work that never runs out. A worker that sees it settles,
 * notifies and ends; the next one does the same.
 *
 * The word. Top of a stack of sleepers, and in its lowest bit the turn. Whoever has the turn is alone in taking off the stack; anybody puts
 * on. So the CAS that takes off cannot mistake one sleeper for another (no ABA). A sleeper that goes away by itself stays in the stack,
 * marked AWAY, until the turn's owner comes across it or it prepares again.
 *
 *   state       means                                      changed by
 *   OUT         not in the stack; it has been woken        the turn's owner: from ANNOUNCED or ASLEEP (a wake), from AWAY (cleaning up)
 *   ANNOUNCED   in the stack; looking for work again       its worker, in prepare: from OUT or AWAY
 *   ASLEEP      in the stack; in the kernel or about to be its worker, in park: from ANNOUNCED
 *   AWAY        in the stack; its worker is elsewhere      its worker: from ANNOUNCED (cancel) or ASLEEP (time-out)
 *
 * Ordering, the pair that no wake-up is lost by: prepare announces (a store), then a full fence, then the worker looks for work; notify
 * stands behind the store of the work, then a full fence, then it looks for sleepers. At least one of them sees the other: without either
 * fence both may see nothing, and the worker sleeps beside its work. The same pair holds between who gives up the turn (store, fence, look
 * for work) and who does not tell because the turn is taken. The rest: see lot.c.
 *
 * Whoever gets the turn has seen what its waker had done before.
 *
 * A sleeper's memory must stay until nobody notifies any more; a worker that ends leaves its sleeper behind, for another worker to use.
 */
#ifndef NB_SYNC_LOT_H
#define NB_SYNC_LOT_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/parker.h"
#include "sync/atomic.h"

typedef struct nb_lot_sleeper {
    _Atomic uint32_t state;
    bool turn;                           /* its worker's: it has the turn */
    _Atomic(struct nb_lot_sleeper *) next; /* below it in the stack */
    nb_parker parker;
} nb_lot_sleeper;

typedef struct nb_lot {
    _Atomic uintptr_t word; /* the topmost sleeper, | NB_LOT_TURN */
    char gap[64 - sizeof(uintptr_t)];
    _Atomic uint64_t parks;  /* how often a worker went to the kernel to sleep */
    _Atomic uint64_t wakes;  /* how often one was woken there: <= parks */
    _Atomic uint64_t spared; /* how often one was woken before it went there */
} nb_lot;

#define NB_LOT_TURN ((uintptr_t)1)

typedef enum nb_lot_result {
    NB_LOT_WOKEN,
    NB_LOT_TIMED_OUT,
} nb_lot_result;

void nb_lot_init(nb_lot *lot); /* needs no end */

void nb_lot_sleeper_init(nb_lot_sleeper *sleeper);
void nb_lot_sleeper_fini(nb_lot_sleeper *sleeper);

/* From now on notify may choose this worker; gives up the turn. It must look for work now, then cancel or park. */
void nb_lot_prepare(nb_lot *lot, nb_lot_sleeper *sleeper);

/* It has found work. If it was chosen meanwhile, it now has the turn. */
void nb_lot_cancel(nb_lot *lot, nb_lot_sleeper *sleeper);

/*
 * Waits to be woken, until nb_platform_elapsed() reaches until (INT64_MAX: no end). First looks spins times, with a pause each, whether
 * somebody wakes it before it goes to the kernel. WOKEN: it has the turn.
 */
nb_lot_result nb_lot_park(nb_lot *lot, nb_lot_sleeper *sleeper, int64_t until, uint32_t spins);

/* Gives up the turn, if this worker has it. True: it had; then it must look whether there is more work, and if there is, notify. */
bool nb_lot_settle(nb_lot *lot, nb_lot_sleeper *sleeper);

void nb_lot_wake_one(nb_lot *lot, uintptr_t word);

/* Behind a fence. */
static inline void nb_lot_look(nb_lot *lot)
{
    uintptr_t word = nb_load_relaxed(&lot->word);

    if (word != 0 && (word & NB_LOT_TURN) == 0) {
        nb_lot_wake_one(lot, word);
    }
}

/* Work has become visible. Wakes one worker if one is parked and no other wake is under way. */
static inline void nb_lot_notify(nb_lot *lot)
{
    nb_fence_seq_cst(); /* pairs with the fences of nb_lot_prepare() and nb_lot_settle(): show the work, then look for sleepers */
    nb_lot_look(lot);
}

/* The same where the caller's last shared access was a read-modify-write. */
static inline void nb_lot_notify_after_rmw(nb_lot *lot)
{
    nb_fence_after_rmw(); /* as in nb_lot_notify() */
    nb_lot_look(lot);
}

#endif
