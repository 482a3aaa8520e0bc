/*
 * epoch.c - enter, read and leave against take out, fence and look, of lib/sync/epoch.h, in plain C11, for GenMC. The light and the heavy
 * fence are full ones here, as they are where the system has no barrier for all threads of a process.
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

static _Atomic uint64_t now = 1, inside;
static int *_Atomic published;

static void *reader(void *arg)
{
    int *it;

    (void)arg;
    for (int i = 0; i < 2; i++) {
        atomic_store_explicit(&inside, atomic_load_explicit(&now, memory_order_acquire), memory_order_release);
        atomic_thread_fence(memory_order_seq_cst);
        it = atomic_load_explicit(&published, memory_order_acquire);
        assert(*it == 1 || *it == 2); /* a read of what was freed is found by the checker itself */
        atomic_store_explicit(&inside, 0, memory_order_release);
    }
    return NULL;
}

static void *writer(void *arg)
{
    int *before = atomic_load_explicit(&published, memory_order_relaxed), *next = malloc(sizeof *next);
    uint64_t retired, seen;

    (void)arg;
    *next = 2;
    atomic_store_explicit(&published, next, memory_order_release);
    retired = atomic_load_explicit(&now, memory_order_relaxed);
    atomic_store_explicit(&now, retired + 1, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    seen = atomic_load_explicit(&inside, memory_order_acquire);
    if (seen == 0 || seen > retired) {
        free(before);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    int *first = malloc(sizeof *first);

    *first = 1;
    atomic_init(&published, first);
    pthread_create(&threads[0], NULL, reader, NULL);
    pthread_create(&threads[1], NULL, writer, NULL);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return 0;
}
