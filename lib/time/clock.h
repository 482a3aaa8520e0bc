/*
 * clock.h - the instance's one clock: real or manual, with two readings.
 *
 * elapsed is for durations and never goes back; wall is for time stamps. A manual clock has one value, moved by nb_clock_set(); its wall
 * reading is the start time plus what has elapsed.
 *
 * Coarse readings. What happens for every message (send, receive) reads the clock once, coarsely: the kernel's tick, a quarter of the
 * price, up to nb_clock_tick() behind the exact reading and never ahead of it. A deadline made from a coarse reading adds that, so it is
 * never early as long as the kernel handles its ticks in time: nb_clock_tick() is twice what lies between two. A virtual machine whose host
 * takes the processor away may be further behind; then a deadline is early by the rest. The coarse wall time is the coarse elapsed time
 * plus an offset that is read anew once a tick.
 */
#ifndef NB_TIME_CLOCK_H
#define NB_TIME_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/clock.h"
#include "sync/atomic.h"

typedef struct nb_clock {
    bool manual;
    int64_t start_wall;
    int64_t tick;           /* how far the coarse reading may be behind; manual: 0 */
    _Atomic int64_t now;    /* manual: elapsed. Relaxed: what depends on the time is ordered by the states that it changes */
    _Atomic int64_t offset; /* real: wall - elapsed, as of synced. Relaxed: any value that was ever written is a right one */
    _Atomic int64_t synced; /* real: the coarse elapsed time at which offset was read */
} nb_clock;

void nb_clock_init(nb_clock *clock, bool manual, int64_t start_wall);
int64_t nb_clock_elapsed(const nb_clock *clock);
int64_t nb_clock_wall(const nb_clock *clock);

void nb_clock_sync(nb_clock *clock, int64_t elapsed); /* reads the offset of this tick */

/* Coarsely; ret_wall may be NULL. */
static inline int64_t nb_clock_coarse(nb_clock *clock, int64_t *ret_wall)
{
    int64_t elapsed, offset;

    if (clock->manual) {
        elapsed = nb_load_relaxed(&clock->now);
        offset = clock->start_wall;
    } else {
        elapsed = nb_platform_coarse();
        if (ret_wall != NULL && nb_load_relaxed(&clock->synced) != elapsed) { /* the first in this tick */
            nb_clock_sync(clock, elapsed);
        }
        offset = nb_load_relaxed(&clock->offset);
    }
    if (ret_wall != NULL) {
        *ret_wall = elapsed + offset;
    }
    return elapsed;
}

static inline int64_t nb_clock_tick(const nb_clock *clock)
{
    return clock->tick;
}

void nb_clock_set(nb_clock *clock, int64_t elapsed); /* manual only, never backwards */

#endif
