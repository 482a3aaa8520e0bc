/*
 * ring.c - the ring of lib/sync/ring.h in plain C11, for GenMC: two pushers and a popper on two cells, all executions.
 *
 * What is written here is what stands there: the same loads, exchanges and orders, with the tries bounded.
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#define CAPACITY 2u
#define TRIES 3

static struct {
    _Atomic uint64_t position;
    uint64_t value;
} cells[CAPACITY];
static _Atomic uint64_t tail, head;
static _Atomic int pushed, popped; /* bits of the values */

static int push(uint64_t value)
{
    uint64_t at = atomic_load_explicit(&tail, memory_order_relaxed);

    for (int i = 0; i < TRIES; i++) {
        int64_t lap = (int64_t)(atomic_load_explicit(&cells[at % CAPACITY].position, memory_order_acquire) - at);

        if (lap < 0) {
            return 0;
        }
        if (lap > 0) {
            at = atomic_load_explicit(&tail, memory_order_relaxed);
        } else if (atomic_compare_exchange_strong_explicit(&tail, &at, at + 1, memory_order_relaxed, memory_order_relaxed)) {
            cells[at % CAPACITY].value = value;
            atomic_store_explicit(&cells[at % CAPACITY].position, at + 1, memory_order_release);
            return 1;
        }
    }
    return 0;
}

static int pop(uint64_t *ret_value)
{
    uint64_t at = atomic_load_explicit(&head, memory_order_relaxed);

    for (int i = 0; i < TRIES; i++) {
        int64_t lap = (int64_t)(atomic_load_explicit(&cells[at % CAPACITY].position, memory_order_acquire) - (at + 1));

        if (lap < 0) {
            return 0;
        }
        if (lap > 0) {
            at = atomic_load_explicit(&head, memory_order_relaxed);
        } else if (atomic_compare_exchange_strong_explicit(&head, &at, at + 1, memory_order_relaxed, memory_order_relaxed)) {
            *ret_value = cells[at % CAPACITY].value;
            atomic_store_explicit(&cells[at % CAPACITY].position, at + CAPACITY, memory_order_release);
            return 1;
        }
    }
    return 0;
}

static void *pusher(void *arg)
{
    uint64_t first = (uint64_t)(uintptr_t)arg;

    for (uint64_t value = first; value < first + 2; value++) {
        if (push(value)) {
            atomic_fetch_or(&pushed, 1 << value);
        }
    }
    return NULL;
}

static void *popper(void *arg)
{
    uint64_t value;

    (void)arg;
    for (int i = 0; i < 2; i++) {
        if (pop(&value)) {
            int before = atomic_fetch_or(&popped, 1 << value);

            assert((before & 1 << value) == 0); /* none comes twice */
        }
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[3];
    uint64_t value;

    for (uint64_t i = 0; i < CAPACITY; i++) {
        atomic_init(&cells[i].position, i);
    }
    pthread_create(&threads[0], NULL, pusher, (void *)(uintptr_t)0);
    pthread_create(&threads[1], NULL, pusher, (void *)(uintptr_t)2);
    pthread_create(&threads[2], NULL, popper, NULL);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    while (pop(&value)) {
        int before = atomic_fetch_or(&popped, 1 << value);

        assert((before & 1 << value) == 0);
    }
    assert(atomic_load(&pushed) == atomic_load(&popped)); /* none is lost */
    return 0;
}
