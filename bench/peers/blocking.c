/* blocking.c - a mutex, two conditions and an array; and the table of what tbb_blocking.cpp does. */
#include "blocking.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct queue {
    pthread_mutex_t mutex;
    pthread_cond_t not_empty, not_full;
    uint64_t head, tail;
    uint64_t values[BENCH_BLOCKING_CAPACITY];
} queue;

static void *queue_open(void)
{
    queue *q = bench_alloc(sizeof(*q));
    pthread_mutex_init(&q->mutex, NULL);
    pthread_cond_init(&q->not_empty, NULL);
    pthread_cond_init(&q->not_full, NULL);
    q->head = q->tail = 0;
    return q;
}

static void queue_close(void *opened)
{
    queue *q = opened;
    pthread_cond_destroy(&q->not_full);
    pthread_cond_destroy(&q->not_empty);
    pthread_mutex_destroy(&q->mutex);
    free(q);
}

static void queue_push(void *opened, uint64_t from, uint64_t count)
{
    queue *q = opened;
    for (uint64_t i = 0; i < count; i++) {
        pthread_mutex_lock(&q->mutex);
        while (q->tail - q->head == BENCH_BLOCKING_CAPACITY)
            pthread_cond_wait(&q->not_full, &q->mutex);
        q->values[q->tail++ % BENCH_BLOCKING_CAPACITY] = from + i;
        pthread_mutex_unlock(&q->mutex);
        pthread_cond_signal(&q->not_empty);
    }
}

static uint64_t queue_pop(void *opened, uint64_t count)
{
    queue *q = opened;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++) {
        pthread_mutex_lock(&q->mutex);
        while (q->tail == q->head)
            pthread_cond_wait(&q->not_empty, &q->mutex);
        sum += q->values[q->head++ % BENCH_BLOCKING_CAPACITY];
        pthread_mutex_unlock(&q->mutex);
        pthread_cond_signal(&q->not_full);
    }
    return sum;
}

const bench_blocking peer_blocking_mutex = { queue_open, queue_close, queue_push, queue_pop };

#ifdef HAVE_TBB
void *peer_tbb_blocking_open(size_t capacity);
void peer_tbb_blocking_close(void *opened);
void peer_tbb_blocking_push(void *opened, uint64_t from, uint64_t count);
uint64_t peer_tbb_blocking_pop(void *opened, uint64_t count);

static void *tbb_open(void)
{
    return peer_tbb_blocking_open(BENCH_BLOCKING_CAPACITY);
}

const bench_blocking peer_blocking_tbb = { tbb_open, peer_tbb_blocking_close, peer_tbb_blocking_push, peer_tbb_blocking_pop };
#else
const bench_blocking peer_blocking_tbb = { .open = NULL };
#endif
