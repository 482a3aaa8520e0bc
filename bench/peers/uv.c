/* uv.c - libuv: uv_queue_work on a thread pool of one. */
#include "peers.h"

#ifdef HAVE_LIBUV
#include <stdlib.h>
#include <string.h>
#include <uv.h>

typedef struct loop {
    uv_loop_t uv;
    bench_done *done;
} loop;

typedef struct task {
    uv_work_t work; /* first: the callbacks get a pointer to it */
    size_t size;
    unsigned char data[];
} task;

static void run(uv_work_t *work)
{
    const task *t = (const task *)(const void *)work;
    const loop *l = work->data;
    bench_task(l->done, t->data, t->size);
}

static void after(uv_work_t *work, int status)
{
    bench_check(status == 0, "uv_queue_work");
    free(work);
}

static void *loop_open(bench_done *done)
{
    setenv("UV_THREADPOOL_SIZE", "1", 1); /* read at the first uv_queue_work */
    loop *l = bench_alloc(sizeof(*l));
    bench_check(uv_loop_init(&l->uv) == 0, "uv_loop_init");
    l->done = done;
    return l;
}

static void loop_close(void *pool)
{
    loop *l = pool;
    uv_run(&l->uv, UV_RUN_DEFAULT);
    bench_check(uv_loop_close(&l->uv) == 0, "uv_loop_close");
    free(l);
}

static void submit(void *pool, const void *data, size_t size)
{
    loop *l = pool;
    task *t = bench_alloc(sizeof(*t) + size);
    t->work.data = l;
    t->size = size;
    memcpy(t->data, data, size);
    bench_check(uv_queue_work(&l->uv, &t->work, run, after) == 0, "uv_queue_work");
}

static void turn(void *pool)
{
    loop *l = pool;
    uv_run(&l->uv, UV_RUN_NOWAIT);
}

const bench_pool peer_uv = { .open = loop_open, .close = loop_close, .submit = submit, .turn = turn };
#else
const bench_pool peer_uv = { .open = NULL };
#endif
