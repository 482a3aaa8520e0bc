/*
 * lot.c - the pair that no wake-up is lost by, of lib/sync/lot.h, in plain C11, for GenMC: announce, fence, look for work against show the
 * work, fence, look for sleepers; and the exchange that decides whether a sleeper has to be woken.
 *
 * A sleep is not waited for: a worker that has gone to sleep and that nobody has woken in the end, with work left, is the failure.
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

enum { OUT, ANNOUNCED, ASLEEP };

static _Atomic int work, state, woken, slept, done;

static void *giver(void *arg)
{
    int seen = ASLEEP;

    (void)arg;
    atomic_store_explicit(&work, 1, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&state, memory_order_relaxed) != OUT) {
        seen = atomic_exchange_explicit(&state, OUT, memory_order_acq_rel);
        if (seen == ASLEEP) {
            atomic_store_explicit(&woken, 1, memory_order_release);
        }
    }
    return NULL;
}

static void take(void)
{
    int one = 1;

    if (atomic_compare_exchange_strong_explicit(&work, &one, 0, memory_order_acquire, memory_order_relaxed)) {
        atomic_store(&done, 1);
    }
}

static void *worker(void *arg)
{
    int announced = ANNOUNCED;

    (void)arg;
    atomic_store_explicit(&state, ANNOUNCED, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&work, memory_order_relaxed) != 0) {
        take();
        return NULL;
    }
    if (!atomic_compare_exchange_strong_explicit(&state, &announced, ASLEEP, memory_order_acq_rel, memory_order_acquire)) {
        take(); /* woken before it slept */
        return NULL;
    }
    atomic_store(&slept, 1);
    return NULL;
}

int main(void)
{
    pthread_t threads[2];

    pthread_create(&threads[0], NULL, giver, NULL);
    pthread_create(&threads[1], NULL, worker, NULL);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    assert(atomic_load(&done) || (atomic_load(&slept) && atomic_load(&woken)));
    return 0;
}
