/*
 * barrier.h - the parts of memory ordering that depend on the machine and the system.
 *
 * The asymmetric pair: nb_barrier_light() on a path that is taken often, nb_barrier_heavy() on one that is taken seldom; together they
 * order as two sequentially consistent fences do. Where the system can run a barrier on all threads of the process (membarrier, Linux)
 * the light one costs nothing; elsewhere, and under ThreadSanitizer, both are plain fences.
 */
#ifndef NB_PLATFORM_BARRIER_H
#define NB_PLATFORM_BARRIER_H

#include <stdatomic.h>
#include <stdbool.h>

#if defined(__SANITIZE_THREAD__)
#define NB_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NB_TSAN 1
#endif
#endif
#ifndef NB_TSAN
#define NB_TSAN 0
#endif

/* A read-modify-write of these machines is a full barrier already. */
#if defined(__x86_64__) || defined(__i386__)
#define NB_RMW_IS_FENCE 1
#else
#define NB_RMW_IS_FENCE 0
#endif

/* ThreadSanitizer does not know fences: there it is a read-modify-write of a dummy. */
static inline void nb_barrier_full(void)
{
#if NB_TSAN
    extern atomic_int nb_barrier_dummy;

    atomic_fetch_add_explicit(&nb_barrier_dummy, 0, memory_order_seq_cst);
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

/* Set by nb_barrier_init, before there is a second thread of an instance. Hidden: read where it lies, not by way of a table. */
extern bool nb_barrier_asymmetric __attribute__((visibility("hidden")));

/* Finds out what the system can do; called by whoever makes an instance or a matcher. Any number of times, from any thread. */
void nb_barrier_init(void);

static inline void nb_barrier_light(void)
{
    if (nb_barrier_asymmetric) {
        atomic_signal_fence(memory_order_seq_cst);
    } else {
        nb_barrier_full();
    }
}

void nb_barrier_heavy(void);

#endif
