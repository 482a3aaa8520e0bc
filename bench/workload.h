/**
 * workload.h - the two shapes that most subjects share: a transport, which carries messages, and a pool, which runs tasks.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include "harness.h"

#include <stdatomic.h>

#define BENCH_CAPACITY 4096 /**< messages or tasks that may be under way */
#define BENCH_WAIT_MS 10    /**< how long a receive waits for the first message */
#define BENCH_MAX_BATCH 10

/** Something that carries messages. An end is one thread's side of it. A failure ends the program. */
typedef struct bench_transport {
    void *(*open)(const bench_case *c); /**< NULL: the peer is absent */
    void (*close)(void *transport);
    void *(*attach)(void *transport, bool receiver, size_t index); /**< NULL: the transport is the end */
    void (*detach)(void *end);
    void (*send)(void *end, const void *data, size_t size, size_t count); /**< copies; waits for room */
    size_t (*receive)(void *end, size_t max); /**< takes, reads and acknowledges; waits a little for the first; 0: none came */
} bench_transport;

/** One thread sends a batch, then receives and acknowledges it. impl: a bench_transport. */
bench_run_fn bench_run_single;

/** c->producers threads send to c->consumers threads. impl: a bench_transport. */
bench_run_fn bench_run_threads;

/** The id of a group, of count ones: each call of a thread the next. It lives until the next but 15. */
const char *bench_next_group(size_t count);

/** Reads a received message as a user would, a little. */
void bench_read(const void *data, size_t size);

/** What tasks do; counts them. */
typedef struct bench_done {
    _Alignas(64) atomic_uint_fast64_t count; /**< one worker writes */
    void (*notify)(void *user);              /**< NULL: nobody waits for each */
    void *user;
} bench_done;

/** Counts a task with its payload as done. */
void bench_task(bench_done *done, const void *data, size_t size);

/** Something that runs tasks on one worker. */
typedef struct bench_pool {
    void *(*open)(bench_done *done); /**< NULL: the peer is absent */
    void (*close)(void *pool);
    void (*submit)(void *pool, const void *data, size_t size); /**< copies; the task calls bench_task */
    void (*turn)(void *pool);                                  /**< called while the submitter waits; NULL: sched_yield */
} bench_pool;

/** Submits tasks, at most BENCH_CAPACITY ahead, until all have run. impl: a bench_pool. */
bench_run_fn bench_run_pool;

/** Submits a task and sleeps until it has run, one after the other. impl: a bench_pool. */
bench_run_fn bench_run_round_trip;

#endif
