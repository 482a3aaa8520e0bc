/*
 * stress_steady - in steady state nothing asks the user's allocator: not send, receive and delete, not publish, not invoke.
 *
 *     stress_steady [CYCLES]                100,000 of each by default, after a warm-up
 *     stress_steady --queue CYCLES          only send, receive and delete on one thread, and no thread besides: for counting system calls
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nimbus/nimbus.h>

#include "heap.h"

#if defined(__SANITIZE_ADDRESS__)
#define EACH_BLOCK_ALONE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EACH_BLOCK_ALONE 1
#endif
#endif
#ifndef EACH_BLOCK_ALONE
#define EACH_BLOCK_ALONE 0 /* 1: under AddressSanitizer nothing is kept for the next message, so that it sees each of them */
#endif

enum { BATCH = 10, AHEAD = 256 /* messages under way at most: the warm-up has to reach it, too */ };

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
    nimbus_queue *queue, *copies[2];
    nimbus_topic *inline_topic, *queue_topic;
    nimbus_function *function;
    atomic_size_t handled; /* by the function */
    atomic_bool shut;      /* its handler waits until it is false */
    size_t heard;          /* by the inline handler */
} world;

static nimbus_outcome hear(const nimbus_delivery *delivery, void *user)
{
    (void)delivery;
    ((world *)user)->heard++;
    return NIMBUS_DONE;
}

static nimbus_outcome handle(const nimbus_delivery *delivery, void *user)
{
    world *w = user;

    (void)delivery;
    while (atomic_load(&w->shut)) {
        sched_yield();
    }
    atomic_fetch_add(&w->handled, 1);
    return NIMBUS_DONE;
}

static void world_open(world *w, bool driven)
{
    nimbus_error err = { .status = NIMBUS_OK };
    nimbus_options options = { .allocator = &w->heap.allocator, .driven = driven };

    memset(w, 0, sizeof *w);
    heap_init(&w->heap);
    if (!driven) {
        options.min_workers = options.max_workers = 2;
    }
    w->nb = nimbus_open(&options, &err);
    w->queue = nimbus_queue_create(w->nb, "queue", NULL, &err);
    w->copies[0] = nimbus_queue_create(w->nb, "copy0", NULL, &err);
    w->copies[1] = nimbus_queue_create(w->nb, "copy1", NULL, &err);
    w->inline_topic = nimbus_topic_create(w->nb, "inline", NULL, &err);
    w->queue_topic = nimbus_topic_create(w->nb, "queues", NULL, &err);
    w->function = nimbus_function_create(w->nb, "function", handle, w, &(nimbus_function_options){ .max_concurrency = 2 }, &err);
    nimbus_topic_subscribe(w->inline_topic, nimbus_to_inline(hear, w, NULL), NULL, &err, NULL);
    nimbus_topic_subscribe(w->queue_topic, nimbus_to_queue(w->copies[0]), NULL, &err, NULL);
    nimbus_topic_subscribe(w->queue_topic, nimbus_to_queue(w->copies[1]), NULL, &err, NULL);
    if (err.status != NIMBUS_OK) {
        fprintf(stderr, "%s: %s\n", err.call, nimbus_status_name(err.status));
        exit(1);
    }
}

/* ----------------------------------------------------------------------------------------------- cycles */

static const char text[] = "about as many bytes as a small message has, sixty-four of them.";

static void send_some(nimbus_queue *queue, size_t count)
{
    nimbus_entry entries[BATCH];

    for (size_t i = 0; i < count; i++) {
        entries[i] = (nimbus_entry){ .body = nimbus_copy(text, sizeof text) };
    }
    check((count == 1 ? nimbus_queue_send(queue, entries, NULL) : nimbus_queue_send_batch(queue, entries, count, NULL)) == NIMBUS_OK,
          "send");
}

/* Takes count messages and ends each, in one of the three ways. */
static void take_some(nimbus_queue *queue, size_t count)
{
    nimbus_delivery deliveries[BATCH] = { { .private_ = { 0 } } };
    nimbus_receipt receipts[BATCH];

    for (size_t got; count > 0; count -= got) {
        got = 0;
        check(nimbus_queue_receive(queue, NIMBUS_SECONDS(60), NULL, deliveries, count < BATCH ? count : BATCH, &got) == NIMBUS_OK,
              "receive");
        if (got == 0) {
            return;
        }
        for (size_t i = 0; i < got; i++) {
            receipts[i] = nimbus_delivery_receipt(&deliveries[i]);
        }
        if (got > 1) {
            check(nimbus_queue_delete_batch(queue, receipts, got, NULL) == NIMBUS_OK, "delete_batch");
        }
        for (size_t i = 0; i < got; i++) {
            if (got > 1) {
                nimbus_delivery_release(&deliveries[i]);
            } else {
                check(nimbus_delivery_delete(&deliveries[i]) == NIMBUS_OK, "delete");
            }
        }
    }
}

static void single(world *w, size_t cycles)
{
    for (size_t i = 0; i < cycles; i++) {
        send_some(w->queue, 1);
        take_some(w->queue, 1);
    }
}

static void batches(world *w, size_t cycles)
{
    for (size_t i = 0; i < cycles; i += BATCH) {
        send_some(w->queue, BATCH);
        take_some(w->queue, BATCH);
    }
}

static void publishes(world *w, size_t cycles)
{
    nimbus_entry entry = { .body = nimbus_copy(text, sizeof text) };

    for (size_t i = 0; i < cycles; i += BATCH) {
        for (size_t k = 0; k < BATCH; k++) {
            check(nimbus_topic_publish(w->inline_topic, &entry, NULL) == NIMBUS_OK, "publish to a handler");
            check(nimbus_topic_publish(w->queue_topic, &entry, NULL) == NIMBUS_OK, "publish to queues");
        }
        take_some(w->copies[0], BATCH);
        take_some(w->copies[1], BATCH);
    }
}

static void invocations(world *w, size_t cycles)
{
    size_t before = atomic_load(&w->handled);

    for (size_t i = 0; i < cycles; i++) {
        check(nimbus_invoke_async(w->function, nimbus_copy(text, sizeof text), NULL) == NIMBUS_OK, "invoke_async");
        if (i % (AHEAD / 2) == 0) {
            while (i + 1 - (atomic_load(&w->handled) - before) > AHEAD / 2) {
                sched_yield();
            }
        }
    }
    while (atomic_load(&w->handled) - before < cycles) {
        sched_yield();
    }
}

/* More than ever wait afterwards, so that no later peak is a new one. */
static void invocations_pile_up(world *w)
{
    size_t before = atomic_load(&w->handled);

    atomic_store(&w->shut, true);
    for (size_t i = 0; i < 8 * AHEAD; i++) {
        check(nimbus_invoke_async(w->function, nimbus_copy(text, sizeof text), NULL) == NIMBUS_OK, "invoke_async");
    }
    atomic_store(&w->shut, false);
    while (atomic_load(&w->handled) - before < 8 * AHEAD) {
        sched_yield();
    }
}

/* Blocks are taken by one thread and given back by another. */
typedef struct taker {
    world *w;
    size_t cycles;
    atomic_size_t taken;
} taker;

static void *take_all(void *user)
{
    taker *t = user;

    for (size_t i = 0; i < t->cycles; i += BATCH) {
        take_some(t->w->queue, BATCH);
        atomic_fetch_add(&t->taken, BATCH);
    }
    return NULL;
}

/* The thread stays from the warm-up to the end: a new one would have a cache of its own to fill. */
static void across_threads(world *w, size_t warm, size_t cycles, uint64_t *ret_before)
{
    taker t = { .w = w, .cycles = warm + cycles };
    pthread_t thread;

    for (size_t i = 0; i < 8 * AHEAD / BATCH * BATCH; i += BATCH) {
        send_some(w->queue, BATCH); /* more than ever wait afterwards */
    }
    take_some(w->queue, 8 * AHEAD / BATCH * BATCH);
    if (pthread_create(&thread, NULL, take_all, &t) != 0) {
        check(false, "no thread");
        return;
    }
    for (size_t i = 0; i < warm + cycles; i += BATCH) {
        if (i == warm) {
            while (atomic_load(&t.taken) < warm) {
                sched_yield();
            }
            *ret_before = heap_calls(&w->heap);
        }
        while (i - atomic_load(&t.taken) > AHEAD) {
            sched_yield();
        }
        send_some(w->queue, BATCH);
    }
    pthread_join(thread, NULL);
}

/* ------------------------------------------------------------------------------------------------ main */

static void report(world *w, const char *what, size_t cycles, uint64_t before)
{
    uint64_t calls = heap_calls(&w->heap) - before;

    printf("%s: %zu cycles, %llu calls of the allocator\n", what, cycles, (unsigned long long)calls);
    check(calls == 0 || EACH_BLOCK_ALONE, "the allocator was called in steady state");
}

static void steady(world *w, const char *what, void (*run)(world *w, size_t cycles), size_t warm, size_t cycles)
{
    uint64_t before;

    run(w, warm);
    before = heap_calls(&w->heap);
    run(w, cycles);
    report(w, what, cycles, before);
}

int main(int argc, char **argv)
{
    bool queue_only = argc == 3 && strcmp(argv[1], "--queue") == 0;
    size_t cycles = argc > 1 ? (size_t)strtoul(argv[argc - 1], NULL, 10) / BATCH * BATCH : 100000;
    uint64_t before = 0;
    world w;

    if (argc > (queue_only ? 3 : 2) || cycles == 0) {
        fprintf(stderr, "usage: %s [[--queue] CYCLES]\n", argv[0]);
        return 2;
    }
    world_open(&w, queue_only);
    if (queue_only) {
        single(&w, cycles);
    } else {
        steady(&w, "send, receive, delete", single, cycles / 10, cycles);
        steady(&w, "the same in batches", batches, cycles / 10, cycles);
        steady(&w, "publish to a handler and to 2 queues", publishes, cycles / 10, cycles);
        invocations_pile_up(&w);
        steady(&w, "asynchronous invocations", invocations, cycles / 2, cycles);
        across_threads(&w, cycles / 2, cycles, &before);
        report(&w, "sent by one thread, deleted by another", cycles, before);
    }
    check(nimbus_close(w.nb, NIMBUS_SECONDS(10), NULL) == NIMBUS_OK, "close");
    check(heap_is_clean(&w.heap), "something was left");
    printf("%u wrong\n", wrong);
    return wrong > 0;
}
