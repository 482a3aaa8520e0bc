#include "time/clock.h"

#include "platform/clock.h"

void nb_clock_init(nb_clock *clock, bool manual, int64_t start_wall)
{
    clock->manual = manual;
    clock->start_wall = start_wall;
    atomic_init(&clock->now, 0);
}

int64_t nb_clock_elapsed(const nb_clock *clock)
{
    return clock->manual ? atomic_load_explicit(&clock->now, memory_order_relaxed) : nb_platform_elapsed();
}

int64_t nb_clock_wall(const nb_clock *clock)
{
    return clock->manual ? clock->start_wall + nb_clock_elapsed(clock) : nb_platform_wall();
}

void nb_clock_set(nb_clock *clock, int64_t elapsed)
{
    atomic_store_explicit(&clock->now, elapsed, memory_order_relaxed);
}
