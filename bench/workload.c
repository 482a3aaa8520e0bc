/* workload.c - drives transports on one thread and on several, and pools. */
#include "workload.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_THREADS = 16, MAX_SIZE = 64 * 1024 };

void bench_read(const void *data, size_t size)
{
    const volatile unsigned char *bytes = data;
    (void)bytes[0];
    (void)bytes[size - 1];
}

const char *bench_next_group(size_t count)
{
    static _Thread_local char ids[16][24];
    static _Thread_local size_t turn;
    size_t number = turn++ % count;
    char *at = ids[turn % 16] + sizeof(ids[0]) - 1;
    *at = '\0';
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    *--at = 'g';
    return at;
}

static void *make_payload(size_t size)
{
    bench_check(size > 0 && size <= MAX_SIZE, "size of a message");
    void *data = bench_alloc(size);
    memset(data, 'x', size);
    return data;
}

/* ------------------------------------------------------------------------------------------ transports */

static void *attach(const bench_transport *t, void *transport, bool receiver, size_t index)
{
    return t->attach ? t->attach(transport, receiver, index) : transport;
}

static void detach(const bench_transport *t, void *end)
{
    if (t->detach)
        t->detach(end);
}

double bench_run_single(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    const bench_transport *t = subject->impl;
    size_t batch = bench_batch(c, subject);
    if (!t->open)
        return BENCH_ABSENT;
    void *data = make_payload(c->size), *transport = t->open(c);
    void *from = attach(t, transport, true, 0), *to = attach(t, transport, false, 0); /* nng connects to what is there */
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i += batch) {
        t->send(to, data, c->size, batch);
        for (size_t got = 0; got < batch;)
            got += t->receive(from, batch - got);
    }
    uint64_t end = bench_now();
    detach(t, to);
    detach(t, from);
    t->close(transport);
    free(data);
    return (double)(end - start);
}

/* The threads of one run. */
typedef struct crew {
    const bench_case *c;
    const bench_transport *t;
    void *transport;
    const void *data;
    size_t batch;
    uint64_t sends; /* of each producer */
    pthread_barrier_t start;
    atomic_uint ready;
    atomic_bool stop;
} crew;

typedef struct member {
    _Alignas(64) atomic_uint_fast64_t taken; /* written by its thread only */
    crew *crew;
    bool receiver;
    size_t index;
    pthread_t thread;
} member;

static void consume(member *me, void *end)
{
    crew *all = me->crew;
    uint64_t taken = 0;
    while (!atomic_load_explicit(&all->stop, memory_order_relaxed)) {
        taken += all->t->receive(end, all->batch);
        atomic_store_explicit(&me->taken, taken, memory_order_release);
    }
}

static void *work(void *arg)
{
    member *me = arg;
    crew *all = me->crew;
    void *end = attach(all->t, all->transport, me->receiver, me->index);
    atomic_fetch_add(&all->ready, 1);
    pthread_barrier_wait(&all->start);
    if (me->receiver) {
        consume(me, end);
    } else {
        for (uint64_t i = 0; i < all->sends; i += all->batch)
            all->t->send(end, all->data, all->c->size, all->batch);
    }
    pthread_barrier_wait(&all->start); /* no end goes before all messages have come */
    detach(all->t, end);
    return NULL;
}

static void doze(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
}

/* Starts the clock, waits until the consumers have taken everything. Returns the ns. */
static double time_crew(crew *all, const member *members, unsigned threads, uint64_t ops)
{
    while (atomic_load(&all->ready) < threads)
        sched_yield();
    uint64_t start = bench_now();
    pthread_barrier_wait(&all->start);
    for (;;) {
        uint64_t taken = 0;
        for (unsigned i = 0; i < threads; i++)
            taken += atomic_load_explicit(&members[i].taken, memory_order_acquire);
        bench_check(taken <= ops, "a message came twice");
        if (taken == ops)
            break;
        bench_check(bench_now() - start < UINT64_C(60000000000), "messages did not come within 60 s");
        doze();
    }
    double ns = (double)(bench_now() - start);
    atomic_store(&all->stop, true);
    pthread_barrier_wait(&all->start);
    return ns;
}

double bench_run_threads(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    static member members[MAX_THREADS];
    crew all = { .c = c, .t = subject->impl, .batch = bench_batch(c, subject), .sends = ops / c->producers };
    unsigned threads = (unsigned)(c->producers + c->consumers);
    if (!all.t->open)
        return BENCH_ABSENT;
    bench_check(threads <= MAX_THREADS, "too many threads");
    void *data = make_payload(c->size);
    all.data = data;
    all.transport = all.t->open(c);
    bench_check(pthread_barrier_init(&all.start, NULL, threads + 1) == 0, "barrier");
    for (unsigned i = 0; i < threads; i++) {
        member *m = &members[i];
        m->crew = &all;
        m->receiver = i < c->consumers;
        m->index = m->receiver ? i : i - c->consumers;
        atomic_store(&m->taken, 0);
        bench_check(pthread_create(&m->thread, NULL, work, m) == 0, "thread");
    }
    double ns = time_crew(&all, members, threads, ops);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(members[i].thread, NULL);
    pthread_barrier_destroy(&all.start);
    all.t->close(all.transport);
    free(data);
    return ns;
}

/* ----------------------------------------------------------------------------------------------- pools */

void bench_task(bench_done *done, const void *data, size_t size)
{
    bench_read(data, size);
    uint64_t count = atomic_load_explicit(&done->count, memory_order_relaxed);
    atomic_store_explicit(&done->count, count + 1, memory_order_release);
    if (done->notify)
        done->notify(done->user);
}

static void await_done(const bench_pool *p, void *pool, bench_done *done, uint64_t count)
{
    while (atomic_load_explicit(&done->count, memory_order_acquire) < count) {
        if (p->turn)
            p->turn(pool);
        else
            sched_yield();
    }
}

double bench_run_pool(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    const bench_pool *p = subject->impl;
    bench_done done = { .notify = NULL };
    if (!p->open)
        return BENCH_ABSENT;
    void *data = make_payload(c->size), *pool = p->open(&done);
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i++) {
        if (i % 64 == 0 && i >= BENCH_CAPACITY)
            await_done(p, pool, &done, i + 64 - BENCH_CAPACITY);
        p->submit(pool, data, c->size);
    }
    await_done(p, pool, &done, ops);
    uint64_t end = bench_now();
    p->close(pool);
    free(data);
    return (double)(end - start);
}

static void post(void *semaphore)
{
    sem_post(semaphore);
}

double bench_run_round_trip(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    const bench_pool *p = subject->impl;
    sem_t semaphore;
    bench_done done = { .notify = post, .user = &semaphore };
    if (!p->open)
        return BENCH_ABSENT;
    bench_check(sem_init(&semaphore, 0, 0) == 0, "semaphore");
    void *data = make_payload(c->size), *pool = p->open(&done);
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i++) {
        p->submit(pool, data, c->size);
        while (sem_wait(&semaphore) != 0)
            ;
    }
    uint64_t end = bench_now();
    p->close(pool);
    sem_destroy(&semaphore);
    free(data);
    return (double)(end - start);
}
