#include "platform/thread.h"

#include <signal.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "platform/clock.h"

static _Atomic uint32_t starts_left; /* 0: no failure planned; only tests write it */

void nb_thread_fail_after(uint32_t starts)
{
    atomic_store(&starts_left, starts);
}

static bool failure_planned(void)
{
    uint32_t left = atomic_load_explicit(&starts_left, memory_order_relaxed);

    return left != 0 && (left == 1 || atomic_fetch_sub(&starts_left, 1) == 1);
}

bool nb_thread_start(nb_thread *thread, void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    int error;

    if (failure_planned()) {
        return false;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread->id, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0;
}

void nb_thread_join(nb_thread *thread)
{
    pthread_join(thread->id, NULL);
}

uint32_t nb_platform_cpus(void)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    return cpus > 0 ? (uint32_t)cpus : 1;
}

uint64_t nb_platform_entropy(void)
{
    static _Atomic uint64_t calls;
    uint64_t call = atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) + 1;

    return (uint64_t)nb_platform_wall() ^ ((uint64_t)nb_platform_elapsed() << 20) ^ ((uint64_t)getpid() << 44) ^
           (uint64_t)(uintptr_t)&call ^ call * UINT64_C(0x9e3779b97f4a7c15);
}

void nb_platform_yield(void)
{
    sched_yield();
}
