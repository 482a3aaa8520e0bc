#include "time/clock.h"

#include <stddef.h>

#include "platform/clock.h"

void nb_clock_init(nb_clock *clock, bool manual, int64_t start_wall)
{
    clock->manual = manual;
    clock->start_wall = start_wall;
    clock->tick = manual ? 0 : nb_platform_tick();
    nb_atomic_init(&clock->now, 0);
    nb_atomic_init(&clock->offset, 0);
    nb_atomic_init(&clock->synced, INT64_MIN);
}

int64_t nb_clock_elapsed(const nb_clock *clock)
{
    return clock->manual ? nb_load_relaxed(&clock->now) : nb_platform_elapsed();
}

int64_t nb_clock_wall(const nb_clock *clock)
{
    return clock->manual ? clock->start_wall + nb_load_relaxed(&clock->now) : nb_platform_wall();
}

void nb_clock_sync(nb_clock *clock, int64_t elapsed)
{
    nb_store_relaxed(&clock->offset, nb_platform_wall() - nb_platform_elapsed()); /* two at once write the same, give or take a step */
    nb_store_relaxed(&clock->synced, elapsed);
}

void nb_clock_set(nb_clock *clock, int64_t elapsed)
{
    nb_store_relaxed(&clock->now, elapsed);
}
