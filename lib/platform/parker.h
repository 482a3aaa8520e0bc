/*
 * parker.h - where one thread waits for one event, with or without an end.
 *
 * One thread waits, any thread sets, in any order; only the waiter resets. Who sets must know that the parker still exists: setters hold
 * the lock under which the waiter takes itself off their list; or there is one setter, of the last event, for which the waiter stays.
 *
 * Ordering (futex build): set stores 1 with release, wait loads with acquire: what the setter wrote before is seen by the waiter. The
 * kernel compares the word again under its own lock, so a set between the load and the sleep is not lost.
 */
#ifndef NB_PLATFORM_PARKER_H
#define NB_PLATFORM_PARKER_H

#include <stdbool.h>
#include <stdint.h>

#ifndef NB_PARKING_CONDVAR
#define NB_PARKING_CONDVAR 0
#endif

#if NB_PARKING_CONDVAR
#include <pthread.h>

typedef struct nb_parker {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool set;
} nb_parker;
#else
#include <stdatomic.h>

typedef struct nb_parker {
    _Atomic uint32_t word; /* 0: not yet; 1: set */
} nb_parker;
#endif

void nb_parker_init(nb_parker *parker);
void nb_parker_fini(nb_parker *parker);

/*
 * Ready for another event; by the waiter, who then looks whether there is something to do, and waits if not. A set that comes later counts;
 * what the setter of an earlier one wrote before is seen after the reset.
 */
void nb_parker_reset(nb_parker *parker);

/* Waits until it is set or nb_platform_elapsed() reaches until (INT64_MAX: no end). Returns whether it is set. */
bool nb_parker_wait(nb_parker *parker, int64_t until);

void nb_parker_set(nb_parker *parker);

/*
 * Sets it for the last time: whoever has seen the set may end the parker at once. Behind it nothing is touched that the next owner of its
 * memory would notice: the futex is woken by its address, and who sleeps there by then looks again; a mutex may be destroyed as soon as it
 * can be locked, though who has unlocked it is still inside the call (POSIX).
 */
void nb_parker_set_last(nb_parker *parker);
bool nb_parker_is_set(nb_parker *parker);

#endif
