/*
 * bench_latency.c - how long one message takes from one thread to another that sleeps, and one sender that feeds four threads.
 *
 * One way: the receiver is parked; the time from just before the send until it runs with the message. What is shown is the median over the
 * messages of a round. To 4 threads: each message goes to all four; the sender does not wait for them but for room.
 */
#include "peers/peers.h"

#include <nimbus/nimbus.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS = 4, SETTLE_NS = 60000, MAX_SAMPLES = 20000 };

/* ---------------------------------------------------------------------------------------------- one way */

/* One message is under way at a time. */
typedef struct probe {
    const bench_transport *transport; /* NULL: a function */
    void *from;
    _Alignas(64) atomic_uint_fast64_t seen_at; /* 0: not seen yet */
    atomic_bool stop;
} probe;

static void settle(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = SETTLE_NS }, NULL);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void *receive(void *arg)
{
    probe *p = arg;
    void *transport = p->from;
    p->from = p->transport->attach ? p->transport->attach(transport, true, 0) : transport;
    atomic_store(&p->seen_at, 1);
    while (!atomic_load(&p->stop)) {
        if (p->transport->receive(p->from, 1) > 0)
            atomic_store(&p->seen_at, bench_now());
    }
    return NULL;
}

static void seen(void *user)
{
    probe *p = user;
    atomic_store(&p->seen_at, bench_now());
}

static void await_seen(probe *p)
{
    while (atomic_load(&p->seen_at) == 0)
        settle();
}

/* Sends ops messages, each to a receiver that has gone to sleep. Returns: the median of their ways, times ops. */
static double one_way(probe *p, uint64_t ops, void (*send)(void *end, const void *data, size_t size), void *end, size_t size)
{
    static uint64_t way[MAX_SAMPLES];
    size_t samples = ops < MAX_SAMPLES ? (size_t)ops : MAX_SAMPLES;
    char *data = bench_alloc(size);
    memset(data, 'x', size);
    for (size_t i = 0; i < samples; i++) {
        settle();
        atomic_store(&p->seen_at, 0);
        uint64_t start = bench_now();
        send(end, data, size);
        await_seen(p);
        way[i] = atomic_load(&p->seen_at) - start;
    }
    free(data);
    qsort(way, samples, sizeof(*way), compare);
    return (double)way[samples / 2] * (double)ops;
}

/* A sender's end, with its transport: what a transport's send needs. */
typedef struct sender {
    const bench_transport *transport;
    void *end;
} sender;

static void send_one(void *end, const void *data, size_t size)
{
    const sender *s = end;
    s->transport->send(s->end, data, size, 1);
}

static double run_transport(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    const bench_transport *t = subject->impl;
    probe p = { .transport = t };
    pthread_t thread;
    if (!t->open)
        return BENCH_ABSENT;
    void *transport = t->open(c);
    p.from = transport;
    bench_check(pthread_create(&thread, NULL, receive, &p) == 0, "thread");
    await_seen(&p); /* until it is attached */
    sender s = { t, t->attach ? t->attach(transport, false, 0) : transport };
    double ns = one_way(&p, ops, send_one, &s, c->size);
    atomic_store(&p.stop, true);
    pthread_join(thread, NULL);
    if (t->detach) {
        t->detach(s.end);
        t->detach(p.from);
    }
    t->close(transport);
    return ns;
}

/* A pool with the task that submits to it. */
typedef struct submitter {
    const bench_pool *pool;
    void *handle;
} submitter;

static void submit_one(void *end, const void *data, size_t size)
{
    const submitter *s = end;
    s->pool->submit(s->handle, data, size);
}

static double run_pool(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    probe p = { .transport = NULL };
    bench_done done = { .notify = seen, .user = &p };
    submitter s = { .pool = subject->impl };
    if (!s.pool->open)
        return BENCH_ABSENT;
    s.handle = s.pool->open(&done);
    double ns = one_way(&p, ops, submit_one, &s, c->size);
    s.pool->close(s.handle);
    return ns;
}

/* ------------------------------------------------------------------------------------------------- ours */

typedef struct ours {
    nimbus_runtime *nb;
    nimbus_topic *topic;
    nimbus_queue *queues[THREADS];
    nimbus_function *function;
} ours;

static void *ours_open(size_t queues, bench_done *done, nimbus_handler *handler)
{
    nimbus_error err = { .status = NIMBUS_OK };
    ours *o = bench_alloc(sizeof(*o));
    o->nb = nimbus_open(&(nimbus_options){ .min_workers = 1, .max_workers = 1 }, &err);
    o->topic = nimbus_topic_create(o->nb, "bench", NULL, &err);
    for (size_t i = 0; i < queues; i++) {
        char name[16];
        snprintf(name, sizeof(name), "queue%u", (unsigned)i);
        o->queues[i] = nimbus_queue_create(o->nb, name, &(nimbus_queue_options){ .capacity_messages = BENCH_CAPACITY }, &err);
        nimbus_topic_subscribe(o->topic, nimbus_to_queue(o->queues[i]), NULL, &err, NULL);
    }
    o->function = handler ? nimbus_function_create(o->nb, "bench", handler, done, NULL, &err) : NULL;
    bench_check(err.status == NIMBUS_OK, err.reason);
    return o;
}

static void ours_close(void *transport)
{
    ours *o = transport;
    bench_check(nimbus_close(o->nb, NIMBUS_SECONDS(10), NULL) == NIMBUS_OK, "nimbus_close");
    free(o);
}

static void *queue_open(const bench_case *c)
{
    (void)c;
    return ours_open(1, NULL, NULL);
}

static void queue_send(void *end, const void *data, size_t size, size_t count)
{
    ours *o = end;
    for (size_t i = 0; i < count; i++) {
        nimbus_status status = nimbus_queue_send(o->queues[0], &(nimbus_entry){ .body = nimbus_copy(data, size) }, NULL);
        bench_check(status == NIMBUS_OK, nimbus_status_name(status));
    }
}

static size_t take(nimbus_queue *queue, size_t max)
{
    static _Thread_local nimbus_delivery deliveries[BENCH_MAX_BATCH]; /* cleared once, used again */
    size_t got = 0;
    nimbus_status status = nimbus_queue_receive(queue, NIMBUS_MS(BENCH_WAIT_MS), NULL, deliveries, max, &got);
    bench_check(status == NIMBUS_OK || status == NIMBUS_EMPTY, nimbus_status_name(status));
    for (size_t i = 0; i < got; i++) {
        nimbus_bytes body = nimbus_delivery_body(&deliveries[i]);
        bench_read(body.data, body.size);
        bench_check(nimbus_delivery_delete(&deliveries[i]) == NIMBUS_OK, "nimbus_delivery_delete");
    }
    return got;
}

static size_t queue_receive(void *end, size_t max)
{
    ours *o = end;
    return take(o->queues[0], max);
}

static nimbus_outcome handle(const nimbus_delivery *delivery, void *user)
{
    nimbus_bytes body = nimbus_delivery_body(delivery);
    bench_task(user, body.data, body.size);
    return NIMBUS_DONE;
}

static void *function_open(bench_done *done)
{
    return ours_open(0, done, handle);
}

static void function_submit(void *pool, const void *data, size_t size)
{
    ours *o = pool;
    nimbus_status status = nimbus_invoke_async(o->function, nimbus_copy(data, size), NULL);
    bench_check(status == NIMBUS_OK, nimbus_status_name(status));
}

static const bench_transport ours_queue = { .open = queue_open, .close = ours_close, .send = queue_send, .receive = queue_receive };
static const bench_pool ours_function = { .open = function_open, .close = ours_close, .submit = function_submit };

/* ---------------------------------------------------------------------------------------- to 4 threads */

/* One of the four; exactly one of transport and queue is set. */
typedef struct drain {
    _Alignas(64) atomic_uint_fast64_t taken;
    const bench_transport *transport;
    void *handle;
    nimbus_queue *queue;
    uint64_t expected;
    pthread_t thread;
} drain;

static void *drain_all(void *arg)
{
    drain *d = arg;
    uint64_t taken = 0;
    while (taken < d->expected) {
        taken += d->queue ? take(d->queue, BENCH_MAX_BATCH) : d->transport->receive(d->handle, BENCH_MAX_BATCH);
        atomic_store_explicit(&d->taken, taken, memory_order_release);
    }
    return NULL;
}

static void start(drain *drains, uint64_t ops)
{
    for (size_t i = 0; i < THREADS; i++) {
        drains[i].expected = ops;
        bench_check(pthread_create(&drains[i].thread, NULL, drain_all, &drains[i]) == 0, "thread");
    }
}

static void join(drain *drains)
{
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(drains[i].thread, NULL);
}

static void await_room(const drain *drains, uint64_t sent)
{
    for (size_t i = 0; i < THREADS; i++) {
        while (sent - atomic_load_explicit(&drains[i].taken, memory_order_acquire) > BENCH_CAPACITY - 64)
            sched_yield();
    }
}

static double publish_to_four(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    static drain drains[THREADS];
    (void)subject;
    ours *o = ours_open(THREADS, NULL, NULL);
    char *data = bench_alloc(c->size);
    memset(data, 'x', c->size);
    for (size_t i = 0; i < THREADS; i++) {
        drains[i] = (drain){ .queue = o->queues[i] };
    }
    uint64_t begin = bench_now();
    start(drains, ops);
    for (uint64_t i = 0; i < ops; i++) {
        if (i % 64 == 0)
            await_room(drains, i);
        nimbus_topic_publish(o->topic, &(nimbus_entry){ .body = nimbus_copy(data, c->size) }, NULL);
    }
    join(drains);
    double ns = (double)(bench_now() - begin);
    free(data);
    ours_close(o);
    return ns;
}

/* A transport for each thread, and a copy of the message for each. */
static double send_to_four(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    static drain drains[THREADS];
    const bench_transport *t = subject->impl;
    if (!t->open)
        return BENCH_ABSENT;
    char *data = bench_alloc(c->size);
    memset(data, 'x', c->size);
    for (size_t i = 0; i < THREADS; i++)
        drains[i] = (drain){ .transport = t, .handle = t->open(c) };
    uint64_t begin = bench_now();
    start(drains, ops);
    for (uint64_t i = 0; i < ops; i++) {
        for (size_t k = 0; k < THREADS; k++)
            t->send(drains[k].handle, data, c->size, 1);
    }
    join(drains);
    double ns = (double)(bench_now() - begin);
    for (size_t i = 0; i < THREADS; i++)
        t->close(drains[i].handle);
    free(data);
    return ns;
}

/* ----------------------------------------------------------------------------------------------- table */

static const bench_subject ways[] = {
    { .name = "nimbus, queue", .run = run_transport, .impl = &ours_queue },
    { .name = "nimbus, function", .run = run_pool, .impl = &ours_function },
    { .name = "mutex+cond ring", .run = run_transport, .impl = &peer_mutex_ring, .target = BENCH_AT_MOST(1.1) },
    { .name = "mutex list, drain all", .run = run_transport, .impl = &peer_drain_list },
    { .name = "uv_async + mutex list", .run = run_transport, .impl = &peer_uv_async },
    { .name = "mutex+cond pool", .run = run_pool, .impl = &peer_mutex_pool, .ours = "nimbus, function", .target = BENCH_AT_MOST(1.1) },
    { .name = "GAsyncQueue", .run = run_transport, .impl = &peer_gasyncqueue },
    { .name = "uv_queue_work", .run = run_pool, .impl = &peer_uv, .ours = "nimbus, function" },
    { .name = "GThreadPool", .run = run_pool, .impl = &peer_gthreadpool, .ours = "nimbus, function" },
    { .name = "zmq inproc PUSH/PULL", .run = run_transport, .impl = &peer_zmq },
    { .name = "nng inproc push/pull", .run = run_transport, .impl = &peer_nng },
    { .name = "nanomsg inproc push/pull", .run = run_transport, .impl = &peer_nanomsg },
};

static const bench_subject fours[] = {
    { .name = "nimbus, topic to 4 queues", .run = publish_to_four, .target = BENCH_MAX_NS(1000) },
    { .name = "4 mutex lists with visibility", .run = send_to_four, .impl = &peer_mutex_list },
    { .name = "4 mutex+cond rings, no ack", .run = send_to_four, .impl = &peer_mutex_ring },
    { .name = "4 mutex lists, drain all, no ack", .run = send_to_four, .impl = &peer_drain_list },
    { .name = "4 of uv_async + mutex list, no ack", .run = send_to_four, .impl = &peer_uv_async },
    { .name = "4 GAsyncQueues, no ack", .run = send_to_four, .impl = &peer_gasyncqueue },
    { .name = "4 TBB bounded queues, no ack", .run = send_to_four, .impl = &peer_tbb },
};

static const bench_case cases[] = {
    { .name = "one way to a parked thread, median, 64 B",
      .subjects = ways,
      .subject_count = BENCH_COUNT(ways),
      .size = 64,
      .threads = true },
    { .name = "1 sender to 4 threads, 64 B", .subjects = fours, .subject_count = BENCH_COUNT(fours), .size = 64, .threads = true },
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "latency", cases, BENCH_COUNT(cases));
}
