/*
 * timers.h - timers of an instance: a wheel under one lock.
 *
 * A timer is a member of the object that it belongs to; setting one never needs memory, because its place in the wheel is reserved when
 * the timer is made (nb_timer_init), which alone can fail.
 *
 * Firing. One thread fires at a time (fire_lock): it takes due timers off the wheel one by one and calls them with no other lock held.
 * Equal deadlines fire in the order in which they were set. A timer may set itself again; it is not fired twice in one round. A round
 * ends after NB_TIMERS_ROUND timers, so that whoever waits for fire_lock gets his turn. nb_timer_stop() returns only when the timer
 * neither is set nor runs, unless it is called from inside a timer; so an object may be freed after it.
 *
 * The promise. `promise` is the earliest time at which somebody is known to look again: who was told it by nb_timers_next(), or was
 * called by `sooner`. A timer that is set before it calls `sooner`; one that is set later, or moved away, costs nobody a wake-up. A
 * round takes the promise back when it begins: it was kept then, and whoever fires asks again before he sleeps.
 *
 * Lock order: fire_lock, then whatever a timer's function takes, then lock.
 */
#ifndef NB_TIME_TIMERS_H
#define NB_TIME_TIMERS_H

#include "base/heap.h"
#include "base/list.h"
#include "platform/lock.h"
#include "platform/parker.h"
#include "time/clock.h"
#include "time/wheel.h"

#define NB_TIMERS_ROUND 1024u

typedef struct nb_timer nb_timer;
typedef void nb_timer_fn(nb_timer *timer);

struct nb_timer {
    nb_timer_fn *fire;
    uint64_t order; /* grows with every set */
    uint32_t entry; /* in the wheel */
};

/* A thread that waits in a parker under a manual clock. No room has to be reserved for it. */
typedef struct nb_sleeper {
    nb_link link;
    int64_t until;
    nb_parker *parker;
} nb_sleeper;

typedef struct nb_timers {
    nb_clock *clock;
    nb_heap *heap;
    void (*sooner)(void *user); /* called without a lock when somebody has to look sooner than was promised */
    void *user;
    nb_lock lock, fire_lock;
    nb_wheel wheel;
    nb_timer **owners;   /* by entry; of one that is not reserved: the next such entry, see timers.c */
    uint32_t reserved, capacity, unused;
    uint64_t order;
    int64_t round;       /* when the last round of firing began: nothing is due earlier, or it would keep others from their turn */
    int64_t promise;
    nb_list sleepers;
    _Atomic uint64_t firing_thread; /* who holds fire_lock; 0: nobody */
} nb_timers;

void nb_timers_init(nb_timers *timers, nb_clock *clock, nb_heap *heap, void (*sooner)(void *), void *user);
void nb_timers_fini(nb_timers *timers);

/* False: out of memory. */
bool nb_timer_init(nb_timers *timers, nb_timer *timer, nb_timer_fn *fire);

/* Stops the timer and gives its room back. */
void nb_timer_fini(nb_timers *timers, nb_timer *timer);

/* Sets or moves the timer to nb_clock_elapsed() == due; INT64_MAX takes it off. */
void nb_timer_set(nb_timers *timers, nb_timer *timer, int64_t due);

/* Takes it off and waits until it does not run any more. Call it without the locks that its function takes. */
void nb_timer_stop(nb_timers *timers, nb_timer *timer);

/* Sets parker when the time has come, unless nb_timers_awake() comes first. */
void nb_timers_sleep(nb_timers *timers, nb_sleeper *sleeper, nb_parker *parker, int64_t until);
void nb_timers_awake(nb_timers *timers, nb_sleeper *sleeper);

/* The first deadline of timers and sleepers; INT64_MAX: none. */
int64_t nb_timers_next(nb_timers *timers);

/* Calls the timers that are due, NB_TIMERS_ROUND at most. Returns whether there was one. */
bool nb_timers_fire(nb_timers *timers);

/* Waits until no other thread is firing. */
void nb_timers_quiesce(nb_timers *timers);

#endif
