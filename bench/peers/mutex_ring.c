/* mutex_ring.c - the queue that everybody writes: a mutex, two conditions and a ring of pointers; and a pool of one thread on it. */
#include "peers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct item {
    size_t size;
    unsigned char data[];
} item;

typedef struct ring {
    pthread_mutex_t mutex;
    pthread_cond_t not_empty, not_full;
    size_t head, count;
    bool closed;
    bench_done *done;
    pthread_t worker;
    item *slots[BENCH_CAPACITY];
} ring;

static void *ring_open(const bench_case *c)
{
    (void)c;
    ring *r = bench_alloc(sizeof(*r));
    memset(r, 0, sizeof(*r));
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->not_empty, &monotonic);
    pthread_cond_init(&r->not_full, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return r;
}

static void ring_close(void *transport)
{
    ring *r = transport;
    for (size_t i = 0; i < r->count; i++)
        free(r->slots[(r->head + i) % BENCH_CAPACITY]);
    pthread_cond_destroy(&r->not_empty);
    pthread_cond_destroy(&r->not_full);
    pthread_mutex_destroy(&r->mutex);
    free(r);
}

static void ring_send(void *end, const void *data, size_t size, size_t count)
{
    ring *r = end;
    item *items[BENCH_MAX_BATCH];
    for (size_t i = 0; i < count; i++) {
        items[i] = bench_alloc(sizeof(item) + size);
        items[i]->size = size;
        memcpy(items[i]->data, data, size);
    }
    pthread_mutex_lock(&r->mutex);
    for (size_t i = 0; i < count; i++) {
        while (r->count == BENCH_CAPACITY)
            pthread_cond_wait(&r->not_full, &r->mutex);
        r->slots[(r->head + r->count++) % BENCH_CAPACITY] = items[i];
        pthread_cond_signal(&r->not_empty);
    }
    pthread_mutex_unlock(&r->mutex);
}

/* Takes up to max items, locked. */
static size_t take(ring *r, item **items, size_t max)
{
    size_t got = 0;
    for (; got < max && r->count > 0; got++, r->count--) {
        items[got] = r->slots[r->head];
        r->head = (r->head + 1) % BENCH_CAPACITY;
        pthread_cond_signal(&r->not_full);
    }
    return got;
}

static size_t ring_receive(void *end, size_t max)
{
    ring *r = end;
    item *items[BENCH_MAX_BATCH];
    pthread_mutex_lock(&r->mutex);
    if (r->count == 0) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += BENCH_WAIT_MS * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        while (r->count == 0 && pthread_cond_timedwait(&r->not_empty, &r->mutex, &until) == 0)
            ;
    }
    size_t got = take(r, items, max);
    pthread_mutex_unlock(&r->mutex);
    for (size_t i = 0; i < got; i++) {
        bench_read(items[i]->data, items[i]->size);
        free(items[i]);
    }
    return got;
}

const bench_transport peer_mutex_ring = { .open = ring_open, .close = ring_close, .send = ring_send, .receive = ring_receive };

/* ------------------------------------------------------------------------------------------------ pool */

static void *pool_work(void *arg)
{
    ring *r = arg;
    for (;;) {
        item *task;
        pthread_mutex_lock(&r->mutex);
        while (r->count == 0 && !r->closed)
            pthread_cond_wait(&r->not_empty, &r->mutex);
        size_t got = take(r, &task, 1);
        pthread_mutex_unlock(&r->mutex);
        if (got == 0)
            return NULL;
        bench_task(r->done, task->data, task->size);
        free(task);
    }
}

static void *pool_open(bench_done *done)
{
    ring *r = ring_open(NULL);
    r->done = done;
    bench_check(pthread_create(&r->worker, NULL, pool_work, r) == 0, "thread");
    return r;
}

static void pool_close(void *pool)
{
    ring *r = pool;
    pthread_mutex_lock(&r->mutex);
    r->closed = true;
    pthread_cond_signal(&r->not_empty);
    pthread_mutex_unlock(&r->mutex);
    pthread_join(r->worker, NULL);
    ring_close(r);
}

static void pool_submit(void *pool, const void *data, size_t size)
{
    ring_send(pool, data, size, 1);
}

const bench_pool peer_mutex_pool = { .open = pool_open, .close = pool_close, .submit = pool_submit };
