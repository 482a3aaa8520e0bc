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
 * Durations. Two exact readings of the clock cost more than all else in a short call. The first call of a stay and every eighth after it
 * are measured exactly. Of the others it is known by the coarse clock, read once a call, whether they took two ticks or more (8 ms on
 * most systems); those count with what it says, and the rest as long as the last one that was measured. Where the coarse clock is exact,
 * and under a manual one, every call is measured.
 */
#ifndef NB_FUNCTION_STAY_H
#define NB_FUNCTION_STAY_H

#include "sync/atomic.h"
#include "target/handler.h"

#define NB_STAY_SAMPLES 8u

typedef struct nb_stay {
    nb_link link;        /* in function->stays */
    nimbus_function *function;
    nb_handler *handler; /* counted */
    nb_object *subscription; /* pinned; NULL: not a subscription's */
    _Atomic uint64_t invocations, messages, succeeded, errors, filtered;
    /* of the worker alone: */
    nb_clock *clock;
    int64_t ends;   /* of the turn; INT64_MAX: it has no end, or this clock does not tell */
    int64_t coarse; /* the reading after the last call */
    int64_t start;  /* exact, of the call that runs; -1: it is not measured */
    uint32_t until; /* calls until the next that is measured */
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

void nb_stay_call_begins(nb_stay *stay);
void nb_stay_call_ended(nb_stay *stay, uint32_t messages);

static inline void nb_stay_count(_Atomic uint64_t *counter, uint64_t n)
{
    nb_store_relaxed(counter, nb_load_relaxed(counter) + n); /* one writer; see the head */
}

#endif
