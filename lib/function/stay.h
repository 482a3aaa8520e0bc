/*
 * stay.h - one worker's stay in a place of a function: what is taken once for a whole turn, and counted while it lasts.
 *
 * A stay begins and ends under the function's lock; in between, calls need no lock. It holds, from its beginning to its end, a place
 * (function->running), a reference to the handler, and a pin on the subscription whose callback it is. Both are let go of before the
 * place is given back: who waits until nothing runs finds the handler's destroy function called.
 *
 * Counting. The worker alone writes the stay's counters, by a relaxed load and store. They are in function->stays until they are added to
 * the function's own, both under its lock, and whoever looks holds that lock: so he misses nothing and counts nothing twice. What a
 * call did before it settled its message is seen by whoever saw the message settled.
 *
 * Durations. Reading the clock before and after costs more than all else in a short call. So while calls are short (below 2 us), one in
 * sixteen is measured, and of the fifteen after it only how long they took together. If that is not more than was to be expected of calls
 * like the measured one, each of them counts as long as that. If it is 50 us more, which fifteen short calls cannot be, one of them counts
 * with the surplus. Longer calls are measured one by one, and so is every call under a manual clock.
 */
#ifndef NB_FUNCTION_STAY_H
#define NB_FUNCTION_STAY_H

#include "sync/atomic.h"
#include "target/handler.h"

#define NB_STAY_SAMPLES 8u
#define NB_STAY_SURPLUS 50000 /* ns: what is more than noise */

typedef struct nb_stay {
    nb_link link;        /* in function->stays */
    nimbus_function *function;
    nb_handler *handler; /* counted */
    nb_object *subscription; /* pinned; NULL: not a subscription's */
    _Atomic uint64_t invocations, messages, succeeded, errors, filtered;
    /* of the worker alone: */
    nb_clock *clock;
    int64_t ends;   /* of the turn; INT64_MAX: it has no end, or this clock does not tell */
    int64_t now;    /* the last reading of the clock; INT64_MIN: there was none */
    int64_t start;  /* of the call that runs, if it is measured */
    uint32_t until; /* calls until the next that is measured; 0: the one that runs, or the next */
    uint32_t run;   /* calls since the last that was measured */
    uint32_t samples;
    struct {
        int64_t duration;
        uint32_t times;
    } sample[NB_STAY_SAMPLES];
} nb_stay;

/* Takes a place; under the lock, and only if one is free and the function has not ended. */
void nb_stay_begin_locked(nb_stay *stay, nimbus_function *function, nb_turn *turn);

/* Lets go of everything and gives the place back. Without the lock. */
void nb_stay_end(nb_stay *stay);

void nb_stay_measure_begins(nb_stay *stay); /* of a call that is measured */
void nb_stay_measure_ended(nb_stay *stay);

/*
 * The turn is over, and what is left of a batch is likely to take long, by the last call that was measured. Giving back short ones, because
 * the worker was interrupted, would cost more than running them.
 */
static inline bool nb_stay_late(const nb_stay *stay)
{
    return stay->now >= stay->ends && stay->samples > 0 && stay->sample[stay->samples - 1].duration >= NB_STAY_SURPLUS;
}

static inline void nb_stay_count(_Atomic uint64_t *counter, uint64_t n)
{
    nb_store_relaxed(counter, nb_load_relaxed(counter) + n); /* one writer; see the head */
}

static inline void nb_stay_call_begins(nb_stay *stay)
{
    if (stay->until == 0) {
        nb_stay_measure_begins(stay);
    }
}

static inline void nb_stay_call_ended(nb_stay *stay, uint32_t messages)
{
    nb_stay_count(&stay->invocations, 1);
    nb_stay_count(&stay->messages, messages);
    if (stay->until == 0) {
        nb_stay_measure_ended(stay);
    } else {
        stay->run++;
        stay->until--;
    }
}

#endif
