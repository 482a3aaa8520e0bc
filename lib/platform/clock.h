/* clock.h - the system's two clocks, in nanoseconds. */
#ifndef NB_PLATFORM_CLOCK_H
#define NB_PLATFORM_CLOCK_H

#include <stdint.h>
#include <time.h>

int64_t nb_platform_elapsed(void); /* never goes back; its zero means nothing */
int64_t nb_platform_wall(void);    /* since 1970 */

/* The elapsed time at the kernel's last tick, and how far that may be behind. Systems without such a reading give the exact one and 0. */
#if defined(CLOCK_MONOTONIC_COARSE) && !defined(NB_EXPLORE)
static inline int64_t nb_platform_coarse(void) /* inline: each message asks for it */
{
    struct timespec at = { 0, 0 };

    clock_gettime(CLOCK_MONOTONIC_COARSE, &at);
    return (int64_t)at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
}
#else
int64_t nb_platform_coarse(void);
#endif
int64_t nb_platform_tick(void);

#endif
