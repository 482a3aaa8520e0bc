/*
 * bench_function.c - functions on one worker: asynchronous invocations and the synchronous round trip, beside thread pools; and
 * asynchronous delivery, beside whatever else a program would use to hand a message to another thread.
 */
#include "peers/peers.h"

#include <nimbus/nimbus.h>
#include <stdlib.h>
#include <string.h>

typedef struct ours {
    nimbus_runtime *nb;
    nimbus_function *function;
} ours;

static nimbus_outcome handle(const nimbus_delivery *delivery, void *user)
{
    nimbus_bytes body = nimbus_delivery_body(delivery);
    bench_task(user, body.data, body.size);
    return NIMBUS_DONE;
}

static void *ours_open(bench_done *done)
{
    nimbus_error err = { .status = NIMBUS_OK };
    ours *o = bench_alloc(sizeof(*o));
    o->nb = nimbus_open(&(nimbus_options){ .min_workers = 1, .max_workers = 1 }, &err);
    o->function = nimbus_function_create(o->nb, "bench", handle, done, NULL, &err);
    bench_check(err.status == NIMBUS_OK, err.reason);
    return o;
}

static void ours_close(void *pool)
{
    ours *o = pool;
    nimbus_leftovers left;
    bench_check(nimbus_close(o->nb, NIMBUS_SECONDS(10), &left) == NIMBUS_OK, "nimbus_close");
    bench_check(left.pending == 0 && left.running == 0, "invocations are left");
    free(o);
}

static void ours_submit(void *pool, const void *data, size_t size)
{
    ours *o = pool;
    nimbus_status status = nimbus_invoke_async(o->function, nimbus_copy(data, size), NULL);
    bench_check(status == NIMBUS_OK, nimbus_status_name(status));
}

static double ours_invoke(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    (void)subject;
    bench_done done = { .notify = NULL };
    ours *o = ours_open(&done);
    void *data = bench_alloc(c->size);
    memset(data, 'x', c->size);
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i++) {
        nimbus_invoke_result result = { .payload = NULL };
        nimbus_status status = nimbus_invoke(o->function, nimbus_copy(data, c->size), NIMBUS_FOREVER, &result);
        bench_check(status == NIMBUS_OK && !result.function_error, nimbus_status_name(status));
        nimbus_message_release(result.payload);
    }
    uint64_t end = bench_now();
    bench_check(atomic_load(&done.count) == ops, "calls are missing");
    ours_close(o);
    free(data);
    return (double)(end - start);
}

static const bench_pool ours_pool = { .open = ours_open, .close = ours_close, .submit = ours_submit };

static const bench_subject pools[] = {
    { .name = "nimbus_invoke_async", .run = bench_run_pool, .impl = &ours_pool, .target = BENCH_MAX_NS(70) },
    { .name = "mutex+cond pool", .run = bench_run_pool, .impl = &peer_mutex_pool, .target = BENCH_AT_MOST(1.0) },
    { .name = "uv_queue_work", .run = bench_run_pool, .impl = &peer_uv },
    { .name = "GThreadPool", .run = bench_run_pool, .impl = &peer_gthreadpool },
};

/* The peers have no acknowledgement, no retries, and mostly no bound. */
#define DELIVERIES(target_1k)                                                                                                            \
    { .name = "nimbus_invoke_async", .run = bench_run_pool, .impl = &ours_pool, .target = target_1k },                                   \
        { .name = "eventpp EventQueue", .run = bench_run_threads, .impl = &peer_eventpp, .target = BENCH_AT_LEAST(1) },                  \
        { .name = "mutex list, drain all", .run = bench_run_threads, .impl = &peer_drain_list, .target = BENCH_AT_LEAST(1) },            \
        { .name = "uv_async + mutex list", .run = bench_run_threads, .impl = &peer_uv_async, .target = BENCH_AT_LEAST(1) },              \
        { .name = "mutex+cond ring", .run = bench_run_threads, .impl = &peer_mutex_ring, .target = BENCH_AT_LEAST(2) },                  \
        { .name = "TBB bounded queue", .run = bench_run_threads, .impl = &peer_tbb, .target = BENCH_AT_LEAST(2) },                       \
        { .name = "zmq inproc PUSH/PULL", .run = bench_run_threads, .impl = &peer_zmq, .target = BENCH_AT_LEAST(2) },                    \
        { .name = "GAsyncQueue", .run = bench_run_threads, .impl = &peer_gasyncqueue, .target = BENCH_AT_LEAST(2) },                     \
        { .name = "nanomsg inproc push/pull", .run = bench_run_threads, .impl = &peer_nanomsg, .target = BENCH_AT_LEAST(2) },            \
        { .name = "nng inproc push/pull", .run = bench_run_threads, .impl = &peer_nng, .target = BENCH_AT_LEAST(2) },                    \
        { .name = "uv_queue_work", .run = bench_run_pool, .impl = &peer_uv, .target = BENCH_AT_LEAST(2) },                               \
        { .name = "GThreadPool", .run = bench_run_pool, .impl = &peer_gthreadpool, .target = BENCH_AT_LEAST(2) },

static const bench_subject deliveries[] = { DELIVERIES({ 0 }) };
static const bench_subject deliveries_1k[] = { DELIVERIES(BENCH_MAX_NS(250)) };

static const bench_subject round_trips[] = {
    { .name = "nimbus_invoke", .run = ours_invoke },
    { .name = "nimbus_invoke_async, semaphore", .run = bench_run_round_trip, .impl = &ours_pool },
    { .name = "mutex+cond pool, semaphore", .run = bench_run_round_trip, .impl = &peer_mutex_pool },
    { .name = "uv_queue_work, semaphore", .run = bench_run_round_trip, .impl = &peer_uv },
    { .name = "GThreadPool, semaphore", .run = bench_run_round_trip, .impl = &peer_gthreadpool },
};

#define POOLS .subjects = pools, .subject_count = BENCH_COUNT(pools)
#define DELIVERY(list) .subjects = (list), .subject_count = BENCH_COUNT(list), .producers = 1, .consumers = 1
#define ROUND_TRIPS .subjects = round_trips, .subject_count = BENCH_COUNT(round_trips)

static const bench_case cases[] = {
    { .name = "asynchronous invoke to run, 1 worker, 64 B", .size = 64, POOLS },
    { .name = "asynchronous invoke to run, 1 worker, 1 KiB", .size = 1024, POOLS },
    { .name = "asynchronous delivery to 1 thread, 64 B", .size = 64, DELIVERY(deliveries) },
    { .name = "asynchronous delivery to 1 thread, 1 KiB", .size = 1024, DELIVERY(deliveries_1k) },
    { .name = "synchronous round trip, 1 worker, 64 B", .size = 64, ROUND_TRIPS },
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "function", cases, BENCH_COUNT(cases));
}
