/*
 * stress_threads - threads that come and go. What the library keeps for a thread must go with it, and with the instance, in any order.
 *
 *     stress_threads [THREADS]      10,000 by default
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nimbus/nimbus.h>

#include "heap.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { AT_ONCE = 8 };

static const char some_text[] = "a text of no great length", kept_text[] = "kept";

static unsigned wrong;

static void check(bool holds, const char *what)
{
    if (!holds && wrong++ < 20) {
        fprintf(stderr, "%s\n", what);
    }
}

typedef struct world {
    test_heap heap;
    nimbus_runtime *nb;
    nimbus_queue *queue;
    nimbus_topic *topic;
    atomic_size_t calls; /* of the inline handler */
} world;

static nimbus_outcome count_call(const nimbus_delivery *delivery, void *user)
{
    world *w = user;

    (void)delivery;
    atomic_fetch_add(&w->calls, 1);
    return NIMBUS_DONE;
}

static void world_open(world *w)
{
    nimbus_error err = { .status = NIMBUS_OK };

    memset(w, 0, sizeof *w);
    heap_init(&w->heap);
    w->nb = nimbus_open(&(nimbus_options){ .allocator = &w->heap.allocator, .min_workers = 1, .max_workers = 1 }, &err);
    w->queue = nimbus_queue_create(w->nb, "queue", NULL, &err);
    w->topic = nimbus_topic_create(w->nb, "topic", NULL, &err);
    nimbus_topic_subscribe(w->topic, nimbus_to_inline(count_call, w, NULL), NULL, &err, NULL);
    nimbus_topic_subscribe(w->topic, nimbus_to_queue(w->queue), NULL, &err, NULL);
    if (err.status != NIMBUS_OK) {
        fprintf(stderr, "%s: %s\n", err.call, nimbus_status_name(err.status));
        exit(1);
    }
}

static void world_close(world *w, const char *what)
{
    check(nimbus_close(w->nb, NIMBUS_SECONDS(10), NULL) == NIMBUS_OK, what);
    check(heap_is_clean(&w->heap), what);
}

static pthread_t start(void *(*run)(void *), void *user)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, run, user) != 0) {
        fprintf(stderr, "no thread\n");
        exit(1);
    }
    return thread;
}

/* One message into the queue by a send, one by a publish; two out of it. Other threads do the same at once. */
static bool one_of_each(world *w)
{
    nimbus_delivery deliveries[2] = { { .private_ = { 0 } } };
    nimbus_entry entry = { .body = nimbus_text(some_text) };
    bool good = nimbus_queue_send(w->queue, &entry, NULL) == NIMBUS_OK && nimbus_topic_publish(w->topic, &entry, NULL) == NIMBUS_OK;

    for (size_t got = 0, count; got < 2; got += count) {
        good = good && nimbus_queue_receive(w->queue, NIMBUS_FOREVER, NULL, deliveries, 2 - got, &count) == NIMBUS_OK;
        if (!good) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            good = good && nimbus_delivery_delete(&deliveries[i]) == NIMBUS_OK;
        }
    }
    return good;
}

/* ------------------------------------------------------------------------------------- short-lived threads */

static void *live_shortly(void *user)
{
    return one_of_each(user) ? user : NULL;
}

/* Bytes that the whole process has from malloc; 0 where that cannot be asked. */
static size_t allocated(void)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

static void generation(world *w, size_t threads)
{
    for (size_t done = 0; done < threads; done += AT_ONCE) {
        pthread_t thread[AT_ONCE];
        void *result;

        for (size_t i = 0; i < AT_ONCE; i++) {
            thread[i] = start(live_shortly, w);
        }
        for (size_t i = 0; i < AT_ONCE; i++) {
            pthread_join(thread[i], &result);
            check(result == w, "a call failed in a short-lived thread");
        }
    }
}

/* Memory after ten times as many threads is what it was, but for a chunk or two that the order of things decides. */
static void threads_leave_memory_flat(size_t threads)
{
    world w;
    size_t bytes, process;

    world_open(&w);
    generation(&w, threads / 10);
    bytes = atomic_load(&w.heap.bytes);
    process = allocated();
    generation(&w, threads);
    printf("%zu threads: the instance has %zu bytes before, %zu after; the process %zu and %zu\n", threads, bytes,
           (size_t)atomic_load(&w.heap.bytes), process, allocated());
    check(atomic_load(&w.heap.bytes) <= bytes + 64 * 1024, "the instance's memory grows with the threads that have ended");
    check(allocated() <= process + 128 * 1024, "the process grows with the threads that have ended");
    check(atomic_load(&w.calls) >= threads, "inline handlers were not called");
    world_close(&w, "the close after many threads");
}

/* ----------------------------------------------------------------- an instance that closes before its threads end */

typedef struct survivor {
    world *first, *second;
    pthread_barrier_t *barrier;
    const nimbus_message *kept; /* outlives the first instance */
    bool good;
} survivor;

/* Another thread's message may have come to us, and ours to it. */
static bool is_whole(nimbus_bytes body)
{
    return (body.size == strlen(kept_text) && memcmp(body.data, kept_text, body.size) == 0) ||
           (body.size == strlen(some_text) && memcmp(body.data, some_text, body.size) == 0);
}

static void *outlive(void *user)
{
    survivor *s = user;
    nimbus_delivery delivery = { .private_ = { 0 } };
    size_t count = 0;

    s->good = one_of_each(s->first);
    s->good = s->good && nimbus_queue_send(s->first->queue, &(nimbus_entry){ .body = nimbus_text(kept_text) }, NULL) == NIMBUS_OK &&
              nimbus_queue_receive(s->first->queue, NIMBUS_FOREVER, NULL, &delivery, 1, &count) == NIMBUS_OK;
    s->kept = s->good ? nimbus_message_retain(nimbus_delivery_message(&delivery)) : NULL;
    s->good = s->good && nimbus_delivery_delete(&delivery) == NIMBUS_OK;
    pthread_barrier_wait(s->barrier);
    pthread_barrier_wait(s->barrier); /* in between the first instance closes */
    s->good = s->good && one_of_each(s->second);
    s->good = s->good && is_whole(nimbus_message_body(s->kept));
    nimbus_message_release(s->kept);
    s->good = s->good && one_of_each(s->second);
    return NULL;
}

static void instances_close_before_their_threads(void)
{
    world first, second;
    survivor survivors[AT_ONCE];
    pthread_t threads[AT_ONCE];
    pthread_barrier_t barrier;

    world_open(&first);
    world_open(&second);
    pthread_barrier_init(&barrier, NULL, AT_ONCE + 1);
    for (size_t i = 0; i < AT_ONCE; i++) {
        survivors[i] = (survivor){ .first = &first, .second = &second, .barrier = &barrier };
        threads[i] = start(outlive, &survivors[i]);
    }
    pthread_barrier_wait(&barrier);
    check(nimbus_close(first.nb, NIMBUS_SECONDS(10), NULL) == NIMBUS_OK, "the close before the threads end");
    check(atomic_load(&first.heap.blocks) > 0, "messages that are held have lost their memory");
    pthread_barrier_wait(&barrier);
    for (size_t i = 0; i < AT_ONCE; i++) {
        pthread_join(threads[i], NULL);
        check(survivors[i].good, "a call failed in a thread that outlives an instance");
    }
    check(heap_is_clean(&first.heap), "the first instance has left something");
    world_close(&second, "the close after the threads");
    pthread_barrier_destroy(&barrier);
}

/* ------------------------------------------------------------------------------------ no memory for newcomers */

typedef struct newcomer {
    world *w;
    nimbus_status received, deleted, sent, published;
    size_t count;
} newcomer;

static void *come_without_memory(void *user)
{
    newcomer *n = user;
    nimbus_delivery delivery = { .private_ = { 0 } };
    static char large[8000]; /* no cache has room for it */
    nimbus_entry entry = { .body = nimbus_copy(large, sizeof large) };

    n->received = nimbus_queue_receive(n->w->queue, 0, NULL, &delivery, 1, &n->count);
    n->deleted = nimbus_delivery_delete(&delivery);
    n->sent = nimbus_queue_send(n->w->queue, &entry, NULL);
    n->published = nimbus_topic_publish(n->w->topic, &entry, NULL);
    return NULL;
}

/* The first call of a thread, with no memory left: what gives back or settles goes well, what needs memory says so, nothing is lost. */
static void the_first_call_without_memory(void)
{
    world w;
    nimbus_queue_metrics metrics;

    world_open(&w);
    for (size_t i = 0; i < 100; i++) {
        newcomer n = { .w = &w };
        pthread_t thread;

        check(nimbus_queue_send(w.queue, &(nimbus_entry){ .body = nimbus_text("waits") }, NULL) == NIMBUS_OK, "send");
        heap_fail(&w.heap, 1, true);
        thread = start(come_without_memory, &n);
        pthread_join(thread, NULL);
        heap_fail(&w.heap, 0, false);
        check(n.received == NIMBUS_OK && n.count == 1, "a receive failed for memory");
        check(n.deleted == NIMBUS_OK, "a delete failed for memory");
        check(n.sent == NIMBUS_E_NO_MEMORY && n.published == NIMBUS_E_NO_MEMORY, "a send without memory did not say so");
        memset(&metrics, 0, sizeof metrics);
        check(nimbus_queue_get_metrics(w.queue, &metrics) == NIMBUS_OK && metrics.ready == 0 && metrics.in_flight == 0,
              "something is left in the queue");
    }
    check(one_of_each(&w), "the instance is not usable afterwards");
    world_close(&w, "the close after calls without memory");
}

int main(int argc, char **argv)
{
    size_t threads = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 10000;

    if (argc > 2 || threads < 10) {
        fprintf(stderr, "usage: %s [THREADS]\n", argv[0]);
        return 2;
    }
    threads_leave_memory_flat(threads);
    instances_close_before_their_threads();
    the_first_call_without_memory();
    printf("%u wrong\n", wrong);
    return wrong > 0;
}
