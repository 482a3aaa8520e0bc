/* uv_async.c - libuv: a list under a mutex, and uv_async_send for the loop of the receiver, which takes all there is. */
#include "peers.h"

#ifdef HAVE_LIBUV
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

typedef struct item {
    struct item *next;
    size_t size;
    unsigned char data[];
} item;

typedef struct mailbox {
    uv_loop_t loop;
    uv_async_t async;
    uv_timer_t timer;
    uv_mutex_t mutex;
    item *first, **last;
    size_t count;
    _Alignas(64) item *mine; /* the receiver's: taken out, not read yet */
} mailbox;

static void take_all(uv_async_t *async)
{
    mailbox *m = async->data;
    item **end = &m->mine;
    while (*end)
        end = &(*end)->next;
    uv_mutex_lock(&m->mutex);
    *end = m->first;
    m->first = NULL;
    m->last = &m->first;
    m->count = 0;
    uv_mutex_unlock(&m->mutex);
}

static void over(uv_timer_t *timer)
{
    (void)timer;
}

static void *mailbox_open(const bench_case *c)
{
    (void)c;
    mailbox *m = aligned_alloc(_Alignof(mailbox), sizeof(*m));
    bench_check(m != NULL, "out of memory");
    memset(m, 0, sizeof(*m));
    m->last = &m->first;
    bench_check(uv_loop_init(&m->loop) == 0, "uv_loop_init");
    bench_check(uv_async_init(&m->loop, &m->async, take_all) == 0, "uv_async_init");
    bench_check(uv_timer_init(&m->loop, &m->timer) == 0, "uv_timer_init");
    bench_check(uv_mutex_init(&m->mutex) == 0, "uv_mutex_init");
    m->async.data = m;
    return m;
}

static void free_items(item *first)
{
    while (first) {
        item *next = first->next;
        free(first);
        first = next;
    }
}

static void mailbox_close(void *transport)
{
    mailbox *m = transport;
    uv_close((uv_handle_t *)&m->async, NULL);
    uv_close((uv_handle_t *)&m->timer, NULL);
    uv_run(&m->loop, UV_RUN_DEFAULT);
    bench_check(uv_loop_close(&m->loop) == 0, "uv_loop_close");
    uv_mutex_destroy(&m->mutex);
    free_items(m->first);
    free_items(m->mine);
    free(m);
}

static void append(mailbox *m, item *i)
{
    uv_mutex_lock(&m->mutex);
    while (m->count >= BENCH_CAPACITY) {
        uv_mutex_unlock(&m->mutex);
        sched_yield();
        uv_mutex_lock(&m->mutex);
    }
    *m->last = i;
    m->last = &i->next;
    m->count++;
    uv_mutex_unlock(&m->mutex);
    uv_async_send(&m->async);
}

static void mailbox_send(void *end, const void *data, size_t size, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        item *i = bench_alloc(sizeof(*i) + size);
        i->next = NULL;
        i->size = size;
        memcpy(i->data, data, size);
        append(end, i);
    }
}

static size_t mailbox_receive(void *end, size_t max)
{
    mailbox *m = end;
    size_t got = 0;
    if (!m->mine) {
        uv_timer_start(&m->timer, over, BENCH_WAIT_MS, 0);
        uv_run(&m->loop, UV_RUN_ONCE);
        uv_timer_stop(&m->timer);
    }
    for (; got < max && m->mine; got++) {
        item *i = m->mine;
        m->mine = i->next;
        bench_read(i->data, i->size);
        free(i);
    }
    return got;
}

const bench_transport peer_uv_async = { .open = mailbox_open, .close = mailbox_close, .send = mailbox_send, .receive = mailbox_receive };
#else
const bench_transport peer_uv_async = { .open = NULL };
#endif
