/* ring_mutex.c - a mutex and an array. */
#include "rings.h"

#include <pthread.h>
#include <stdlib.h>

#define RING_RUN(what) peer_mutex_queue_##what
#define MASK (BENCH_RING_CAPACITY - 1)

typedef struct ring {
    pthread_mutex_t mutex;
    uint64_t head, tail;
    uint64_t values[BENCH_RING_CAPACITY];
} ring;

static ring *ring_open(void)
{
    ring *r = bench_alloc(sizeof(*r));
    pthread_mutex_init(&r->mutex, NULL);
    r->head = r->tail = 0;
    for (size_t i = 0; i < BENCH_RING_CAPACITY; i++)
        r->values[i] = 0;
    return r;
}

static void ring_close(ring *r)
{
    pthread_mutex_destroy(&r->mutex);
    free(r);
}

static inline size_t ring_push_n(ring *r, const uint64_t *values, size_t count)
{
    pthread_mutex_lock(&r->mutex);
    if (BENCH_RING_CAPACITY - (r->tail - r->head) < count)
        count = (size_t)(BENCH_RING_CAPACITY - (r->tail - r->head));
    for (size_t i = 0; i < count; i++)
        r->values[r->tail++ & MASK] = values[i];
    pthread_mutex_unlock(&r->mutex);
    return count;
}

static inline size_t ring_pop_n(ring *r, uint64_t *ret, size_t max)
{
    pthread_mutex_lock(&r->mutex);
    if (r->tail - r->head < max)
        max = (size_t)(r->tail - r->head);
    for (size_t i = 0; i < max; i++)
        ret[i] = r->values[r->head++ & MASK];
    pthread_mutex_unlock(&r->mutex);
    return max;
}

static inline bool ring_push(ring *r, uint64_t value)
{
    return ring_push_n(r, &value, 1) == 1;
}

static inline bool ring_pop(ring *r, uint64_t *ret)
{
    return ring_pop_n(r, ret, 1) == 1;
}

#include "ring_runs.h"
