/*
 * clock.h - the instance's one clock: real or manual, with two readings.
 *
 * elapsed is for durations and never goes back; wall is for time stamps. A manual clock has one value, moved by nb_clock_set(); its wall
 * reading is the start time plus what has elapsed.
 */
#ifndef NB_TIME_CLOCK_H
#define NB_TIME_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct nb_clock {
    bool manual;
    int64_t start_wall;
    _Atomic int64_t now; /* manual: elapsed. Relaxed: what depends on the time is ordered by the locks around it */
} nb_clock;

void nb_clock_init(nb_clock *clock, bool manual, int64_t start_wall);
int64_t nb_clock_elapsed(const nb_clock *clock);
int64_t nb_clock_wall(const nb_clock *clock);
void nb_clock_set(nb_clock *clock, int64_t elapsed); /* manual only, never backwards */

#endif
