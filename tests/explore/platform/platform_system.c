/*
 * platform_system.c - the rest of lib/platform on the explorer: memory, clocks, barriers, and a bell that is a flag.
 *
 * The clock moves by a microsecond with each exact reading, so that what waits for a time in a loop gets there, and to the end of each
 * wait that times out.
 */
#include "engine.h"
#include "platform/barrier.h"
#include "platform/bell.h"
#include "platform/clock.h"
#include "platform/memory.h"

#define TICK INT64_C(4000000)
#define WALL_AT_ZERO INT64_C(1577836800000000000)
#define BELLS 16

bool nb_barrier_asymmetric = false;

static _Atomic uint32_t bells[BELLS];
static int bell_count;

void ex_platform_begin(void)
{
    bell_count = 0;
    ex_thread_platform_begin();
}

void *nb_platform_malloc(size_t size)
{
    return ex_malloc(size);
}

void nb_platform_free(void *block)
{
    ex_free(block);
}

int64_t nb_platform_elapsed(void)
{
    ex.elapsed += 1000;
    return ex.elapsed;
}

int64_t nb_platform_wall(void)
{
    return WALL_AT_ZERO + nb_platform_elapsed();
}

int64_t nb_platform_coarse(void)
{
    return ex.elapsed - ex.elapsed % TICK;
}

int64_t nb_platform_tick(void)
{
    return TICK;
}

void nb_barrier_init(void)
{
}

void nb_barrier_heavy(void)
{
    NB_HOOK_FENCE_HEAVY();
}

bool nb_bell_open(nb_bell *bell)
{
    if (bell_count == BELLS) {
        return false;
    }
    bell->read_fd = bell->write_fd = 1000 + bell_count++;
    atomic_init(&bells[bell->read_fd - 1000], 0);
    return true;
}

void nb_bell_close(nb_bell *bell)
{
    bell->read_fd = bell->write_fd = -1;
}

void nb_bell_ring(const nb_bell *bell)
{
    if (bell->write_fd >= 0) {
        atomic_exchange(&bells[bell->write_fd - 1000], 1);
    }
}

void nb_bell_clear(const nb_bell *bell)
{
    if (bell->read_fd >= 0) {
        atomic_exchange(&bells[bell->read_fd - 1000], 0);
    }
}
