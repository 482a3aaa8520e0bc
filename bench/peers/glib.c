/* glib.c - GLib: GAsyncQueue, GThreadPool, and signals of GObject. */
#include "peers.h"

#ifdef HAVE_GLIB
#include <glib-object.h>
#include <stdlib.h>
#include <string.h>

typedef struct item {
    size_t size;
    unsigned char data[];
} item;

static item *make_item(const void *data, size_t size)
{
    item *i = bench_alloc(sizeof(*i) + size);
    i->size = size;
    memcpy(i->data, data, size);
    return i;
}

/* ----------------------------------------------------------------------------------------- GAsyncQueue */

static void *queue_open(const bench_case *c)
{
    (void)c;
    return g_async_queue_new_full(free);
}

static void queue_close(void *transport)
{
    g_async_queue_unref(transport);
}

static void queue_send(void *end, const void *data, size_t size, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        while (g_async_queue_length(end) >= BENCH_CAPACITY) /* it has no bound of its own */
            g_thread_yield();
        g_async_queue_push(end, make_item(data, size));
    }
}

static size_t queue_receive(void *end, size_t max)
{
    size_t got = 0;
    for (; got < max; got++) {
        item *i = g_async_queue_try_pop(end);
        if (!i && got == 0)
            i = g_async_queue_timeout_pop(end, BENCH_WAIT_MS * 1000);
        if (!i)
            break;
        bench_read(i->data, i->size);
        free(i);
    }
    return got;
}

const bench_transport peer_gasyncqueue = { .open = queue_open, .close = queue_close, .send = queue_send, .receive = queue_receive };

/* ----------------------------------------------------------------------------------------- GThreadPool */

static void pool_work(gpointer data, gpointer user)
{
    item *i = data;
    bench_task(user, i->data, i->size);
    free(i);
}

static void *pool_open(bench_done *done)
{
    GThreadPool *pool = g_thread_pool_new(pool_work, done, 1, TRUE, NULL);
    bench_check(pool != NULL, "g_thread_pool_new");
    return pool;
}

static void pool_close(void *pool)
{
    g_thread_pool_free(pool, FALSE, TRUE);
}

static void pool_submit(void *pool, const void *data, size_t size)
{
    g_thread_pool_push(pool, make_item(data, size), NULL);
}

const bench_pool peer_gthreadpool = { .open = pool_open, .close = pool_close, .submit = pool_submit };

/* --------------------------------------------------------------------------------------------- GSignal */

static void on_message(GObject *source, gpointer data, gulong size, gpointer user)
{
    guint64 *sum = user;
    (void)source;
    bench_read(data, size);
    *sum += size;
}

static GType emitter_type(void)
{
    static GType type;
    if (type == 0) {
        GTypeQuery object;
        g_type_query(G_TYPE_OBJECT, &object);
        type = g_type_register_static_simple(G_TYPE_OBJECT, "BenchEmitter", (guint)object.class_size, NULL, (guint)object.instance_size,
                                             NULL, (GTypeFlags)0);
        g_signal_new("message", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2, G_TYPE_POINTER, G_TYPE_ULONG);
    }
    return type;
}

double peer_gsignal(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    (void)subject;
    guint64 sum = 0;
    GType type = emitter_type();
    guint signal = g_signal_lookup("message", type);
    gpointer source = g_object_new(type, NULL);
    for (size_t i = 0; i < c->fanout; i++)
        g_signal_connect_data(source, "message", (GCallback)(void (*)(void))on_message, &sum, NULL, (GConnectFlags)0);
    char *data = bench_alloc(c->size);
    memset(data, 'x', c->size);
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i++)
        g_signal_emit(source, signal, 0, data, (gulong)c->size);
    uint64_t end = bench_now();
    bench_check(sum == ops * c->fanout * c->size, "calls are missing");
    free(data);
    g_object_unref(source);
    return (double)(end - start);
}
#else
const bench_transport peer_gasyncqueue = { .open = NULL };
const bench_pool peer_gthreadpool = { .open = NULL };

double peer_gsignal(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    (void)c;
    (void)subject;
    (void)ops;
    return BENCH_ABSENT;
}
#endif
