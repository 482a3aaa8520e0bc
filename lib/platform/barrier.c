#include "platform/barrier.h"

#include <pthread.h>

#if NB_TSAN
atomic_int nb_barrier_dummy;
#endif

bool nb_barrier_asymmetric;

#if defined(__linux__) && !NB_TSAN

#include <sys/syscall.h>
#include <unistd.h>

#ifdef __NR_membarrier
#include <linux/membarrier.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find_out(void)
{
    nb_barrier_asymmetric = syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void nb_barrier_init(void)
{
    pthread_once(&once, find_out);
}

void nb_barrier_heavy(void)
{
    if (!nb_barrier_asymmetric || syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0) {
        nb_barrier_full();
    }
}

#define NB_HAS_MEMBARRIER 1
#endif
#endif

#ifndef NB_HAS_MEMBARRIER

void nb_barrier_init(void)
{
}

void nb_barrier_heavy(void)
{
    nb_barrier_full();
}

#endif
