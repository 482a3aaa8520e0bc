/* calls.c - synchronous handlers: an array of function pointers, bare, under a mutex, and behind a pointer under a rwlock. */
#include "peers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef void handler_fn(const void *data, size_t size, void *user);

typedef struct handlers {
    pthread_mutex_t mutex;
    pthread_rwlock_t rwlock;
    size_t count;
    struct {
        handler_fn *fn;
        void *user;
    } list[16];
} handlers;

static void add_size(const void *data, size_t size, void *user)
{
    uint64_t *sum = user;
    bench_read(data, size);
    *sum += size;
}

static void set_up(handlers *h, size_t count, uint64_t *sum)
{
    bench_check(count <= BENCH_COUNT(h->list), "too many handlers");
    pthread_mutex_init(&h->mutex, NULL);
    pthread_rwlock_init(&h->rwlock, NULL);
    h->count = count;
    for (size_t i = 0; i < count; i++) {
        handler_fn *volatile fn = add_size; /* the compiler is not to know which function it is */
        h->list[i].fn = fn;
        h->list[i].user = sum;
    }
}

static void call_all(const handlers *h, const void *data, size_t size)
{
    for (size_t i = 0; i < h->count; i++)
        h->list[i].fn(data, size, h->list[i].user);
}

typedef void call_fn(handlers *h, const void *data, size_t size);

static void call_bare(handlers *h, const void *data, size_t size)
{
    call_all(h, data, size);
}

static void call_locked(handlers *h, const void *data, size_t size)
{
    pthread_mutex_lock(&h->mutex);
    call_all(h, data, size);
    pthread_mutex_unlock(&h->mutex);
}

/* The list may be replaced meanwhile, by who takes the lock for writing. */
static void call_read_locked(handlers *h, const void *data, size_t size)
{
    pthread_rwlock_rdlock(&h->rwlock);
    call_all(h, data, size);
    pthread_rwlock_unlock(&h->rwlock);
}

static inline double run(const bench_case *c, uint64_t ops, call_fn *call)
{
    uint64_t sum = 0;
    handlers h;
    set_up(&h, c->fanout, &sum);
    char *data = bench_alloc(c->size);
    memset(data, 'x', c->size);
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i++)
        call(&h, data, c->size);
    uint64_t end = bench_now();
    bench_check(sum == ops * c->fanout * c->size, "calls are missing");
    free(data);
    pthread_rwlock_destroy(&h.rwlock);
    pthread_mutex_destroy(&h.mutex);
    return (double)(end - start);
}

double peer_call_array(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    (void)subject;
    return run(c, ops, call_bare);
}

double peer_call_array_mutex(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    (void)subject;
    return run(c, ops, call_locked);
}

double peer_call_array_rwlock(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    (void)subject;
    return run(c, ops, call_read_locked);
}
