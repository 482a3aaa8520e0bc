/*
 * bench_pool.c - internal: the worker pool beside other thread pools: from submit to run, and from idle to running.
 *
 * A task of ours is a member of what it belongs to and has its place in the run queue for life; so the bench keeps as many as may be under
 * way and uses them in turn, as functions and mappings do. The payload is copied into it, as it is for the peers.
 */
#include "peers/peers.h"

#include <stdlib.h>
#include <string.h>

#include "exec/exec.h"

#define PAYLOAD 64

typedef struct job {
    nb_task task;
    struct pool *pool;
    size_t size;
    char data[PAYLOAD];
} job;

typedef struct pool {
    nb_heap *heap;
    nb_clock clock;
    nb_timers timers;
    nb_exec exec;
    bench_done *done;
    uint64_t submitted;
    job jobs[BENCH_CAPACITY + 64];
} pool;

static void run(nb_task *task, nb_turn *turn)
{
    job *self = (job *)(void *)task; /* its first member */

    (void)turn;
    bench_task(self->pool->done, self->data, self->size);
}

static void refused(void *user)
{
    (void)user;
}

static void *pool_open(bench_done *done)
{
    nb_exec_options options = { .min_workers = 1, .max_workers = 1, .thread_refused = refused };
    pool *p = bench_alloc(sizeof *p);

    memset(p, 0, sizeof *p);
    p->heap = nb_heap_open(NULL, 0);
    bench_check(p->heap != NULL, "out of memory");
    p->done = done;
    nb_clock_init(&p->clock, false, 0);
    nb_timers_init(&p->timers, &p->clock, p->heap, nb_exec_sooner, &p->exec);
    bench_check(nb_exec_init(&p->exec, &options, p->heap, &p->clock, &p->timers) == NIMBUS_OK, "nb_exec_init");
    for (size_t i = 0; i < BENCH_COUNT(p->jobs); i++) {
        p->jobs[i].pool = p;
        bench_check(nb_task_init(&p->exec, &p->jobs[i].task, run), "nb_task_init");
    }
    return p;
}

static void pool_close(void *self)
{
    pool *p = self;

    nb_exec_wait_idle(&p->exec, INT64_MAX);
    nb_exec_fini(&p->exec);
    nb_timers_fini(&p->timers);
    nb_heap_close(p->heap);
    free(p);
}

/* At most BENCH_CAPACITY are under way, and one worker runs them in order: so the next one is free again. */
static void pool_submit(void *self, const void *data, size_t size)
{
    pool *p = self;
    job *next = &p->jobs[p->submitted++ % BENCH_COUNT(p->jobs)];

    next->size = size < PAYLOAD ? size : PAYLOAD;
    memcpy(next->data, data, next->size);
    nb_exec_submit(&p->exec, &next->task);
}

static const bench_pool ours = { .open = pool_open, .close = pool_close, .submit = pool_submit };

/* ------------------------------------------------------------------------------------ a wake, and no more */

/* Two threads that wake each other by the system's word, with nothing around it. */
typedef struct wake_pair {
    nb_parker ping, pong;
    bench_done *done;
    bool end;
    nb_thread thread;
} wake_pair;

static void *answer(void *arg)
{
    wake_pair *p = arg;

    for (;;) {
        nb_parker_wait(&p->ping, INT64_MAX);
        nb_parker_reset(&p->ping);
        if (p->end) {
            return NULL;
        }
        bench_task(p->done, "", 0);
    }
}

static void *wake_open(bench_done *done)
{
    wake_pair *p = bench_alloc(sizeof *p);

    memset(p, 0, sizeof *p);
    p->done = done;
    nb_parker_init(&p->ping);
    nb_parker_init(&p->pong);
    bench_check(nb_thread_start(&p->thread, answer, p), "thread");
    return p;
}

static void wake_close(void *self)
{
    wake_pair *p = self;

    p->end = true;
    nb_parker_set(&p->ping);
    nb_thread_join(&p->thread);
    nb_parker_fini(&p->ping);
    nb_parker_fini(&p->pong);
    free(p);
}

static void wake_submit(void *self, const void *data, size_t size)
{
    wake_pair *p = self;

    (void)data;
    (void)size;
    nb_parker_set(&p->ping);
}

static const bench_pool bare_wake = { .open = wake_open, .close = wake_close, .submit = wake_submit };

/* ------------------------------------------------------------------------------------------- the cases */

static const bench_subject pools[] = {
    { .name = "pool, submit to run", .run = bench_run_pool, .impl = &ours, .target = BENCH_MAX_NS(20) },
    { .name = "mutex+cond pool", .run = bench_run_pool, .impl = &peer_mutex_pool, .target = BENCH_AT_MOST(0.125) },
    { .name = "uv_queue_work", .run = bench_run_pool, .impl = &peer_uv, .target = BENCH_AT_MOST(0.1) },
    { .name = "GThreadPool", .run = bench_run_pool, .impl = &peer_gthreadpool },
};

static const bench_subject round_trips[] = {
    { .name = "pool, idle to running", .run = bench_run_round_trip, .impl = &ours },
    { .name = "bare wake", .run = bench_run_round_trip, .impl = &bare_wake, .target = BENCH_AT_MOST(1.1) },
    { .name = "mutex+cond pool", .run = bench_run_round_trip, .impl = &peer_mutex_pool },
    { .name = "uv_queue_work", .run = bench_run_round_trip, .impl = &peer_uv },
};

static const bench_case cases[] = {
    { .name = "internal: submit to run, 1 worker", .size = PAYLOAD, .threads = true, .subjects = pools,
      .subject_count = BENCH_COUNT(pools) },
    { .name = "internal: idle to running, round trip", .size = PAYLOAD, .threads = true, .subjects = round_trips,
      .subject_count = BENCH_COUNT(round_trips) },
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "pool", cases, BENCH_COUNT(cases));
}
