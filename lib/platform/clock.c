#include "platform/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t which)
{
    struct timespec at = { 0, 0 };

    clock_gettime(which, &at);
    return (int64_t)at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
}

int64_t nb_platform_elapsed(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t nb_platform_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

#ifdef CLOCK_MONOTONIC_COARSE

int64_t nb_platform_coarse(void)
{
    return read_clock(CLOCK_MONOTONIC_COARSE);
}

/* The resolution is the time from tick to tick; a tick that is handled late makes the reading before it as much older. */
int64_t nb_platform_tick(void)
{
    struct timespec tick = { 0, 0 };

    clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
    return 2 * ((int64_t)tick.tv_sec * INT64_C(1000000000) + tick.tv_nsec);
}

#else

int64_t nb_platform_coarse(void)
{
    return nb_platform_elapsed();
}

int64_t nb_platform_tick(void)
{
    return 0;
}

#endif
