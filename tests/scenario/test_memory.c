/*
 * test_memory.c - in steady state nothing is asked of the allocator: by send, receive, delete, publish, put and invoke.
 *
 * A library built with AddressSanitizer asks for each block by itself, so that none is hidden from it. There, these are skipped.
 */
#include "support.h"

#if defined(__SANITIZE_ADDRESS__)
#define BLOCKS_ALONE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BLOCKS_ALONE 1
#endif
#endif
#ifndef BLOCKS_ALONE
#define BLOCKS_ALONE 0
#endif

typedef struct steady {
    world *w;
    nimbus_queue *queue;
    nimbus_topic *topic;
    nimbus_bus *bus;
    nimbus_function *function, *keeper;
    nimbus_invocation *kept;
    atomic_size_t handled;
} steady;

static nimbus_outcome handle(const nimbus_delivery *delivery, void *user)
{
    steady *s = user;

    (void)delivery;
    atomic_fetch_add(&s->handled, 1);
    return NIMBUS_DONE;
}

static void steady_open(steady *s, world *w)
{
    *s = (steady){ .w = w };
    s->queue = PLAIN_QUEUE(w, "queue");
    s->topic = nimbus_topic_create(w->nb, "topic", NULL, &w->err);
    nimbus_topic_subscribe(s->topic, nimbus_to_queue(s->queue), NULL, &w->err, NULL);
    s->bus = nimbus_bus_find(w->nb, "default", &w->err);
    nimbus_rule_put(s->bus, "rule", "{\"source\":[\"shop\"]}", NULL, &w->err);
    nimbus_rule_target(s->bus, "rule", "queue", nimbus_to_queue(s->queue), NULL, &w->err);
    s->function = nimbus_function_create(w->nb, "function", handle, s, NULL, &w->err);
    SETUP_OK(w);
}

/* Receives and deletes what is there; answers how many. */
static size_t empty(nimbus_queue *queue)
{
    nimbus_delivery taken[10];
    size_t all = 0, count = 0;

    memset(taken, 0, sizeof taken);
    while (nimbus_queue_receive(queue, 0, NULL, taken, COUNT(taken), &count) == NIMBUS_OK) {
        for (size_t i = 0; i < count; i++) {
            OK(nimbus_delivery_delete(&taken[i]));
        }
        all += count;
    }
    return all;
}

static char body[1024];

static void round_of_sends(steady *s, size_t i)
{
    nimbus_entry entry = { .body = nimbus_copy(body, 100 + i % 8 * 100) };
    nimbus_attribute attribute = nimbus_string("name", "value");

    for (int k = 0; k < 20; k++) {
        OK(nimbus_queue_send(s->queue, &entry, NULL));
    }
    entry.attributes = &attribute;
    entry.attribute_count = 1;
    OK(nimbus_queue_send(s->queue, &entry, NULL));
    EQ(empty(s->queue), 21);
}

static void round_of_publishes(steady *s, size_t i)
{
    nimbus_entry entry = { .body = nimbus_copy(body, 10 + i % 8 * 100) };

    for (int k = 0; k < 20; k++) {
        OK(nimbus_topic_publish(s->topic, &entry, NULL));
    }
    EQ(empty(s->queue), 20);
}

static void round_of_puts(steady *s, size_t i)
{
    nimbus_event event = { .source = "shop", .detail_type = "order", .detail = { i % 2 == 0 ? "{\"n\":1}" : "{\"n\":12345678}", 0 } };

    event.detail.size = strlen(event.detail.data);
    for (int k = 0; k < 20; k++) {
        OK(nimbus_bus_put(s->bus, &event, NULL));
    }
    EQ(empty(s->queue), 20);
}

static void round_of_invocations(steady *s, size_t i)
{
    size_t before = atomic_load(&s->handled);

    for (int k = 0; k < 20; k++) {
        OK(nimbus_invoke_async(s->function, nimbus_copy(body, 10 + i % 8 * 100), NULL));
    }
    RUN(s->w);
    EQ(atomic_load(&s->handled) - before, 20);
}

static void round_of_calls(steady *s, size_t i)
{
    for (int k = 0; k < 20; k++) {
        OK(nimbus_invoke(s->function, nimbus_copy(body, 10 + i % 8 * 100), NIMBUS_SECONDS(1), NULL));
    }
}

static void received(nimbus_queue *queue, nimbus_status status, nimbus_delivery *deliveries, size_t count, void *user)
{
    steady *s = user;

    (void)queue;
    for (size_t i = 0; status == NIMBUS_OK && i < count; i++) {
        atomic_fetch_add(&s->handled, nimbus_delivery_delete(&deliveries[i]) == NIMBUS_OK);
    }
}

static void round_of_async_receives(steady *s, size_t i)
{
    nimbus_entry entry = { .body = nimbus_copy(body, 100 + i % 8 * 100) };
    size_t before = atomic_load(&s->handled);

    for (int k = 0; k < 20; k++) {
        OK(nimbus_queue_receive_async(s->queue, NIMBUS_SECONDS(1), NULL, 1, received, s, NULL));
        OK(nimbus_queue_send(s->queue, &entry, NULL));
    }
    RUN(s->w);
    EQ(atomic_load(&s->handled) - before, 20);
}

static nimbus_outcome keep(const nimbus_delivery *delivery, void *user)
{
    steady *s = user;

    s->kept = nimbus_delivery_keep(delivery);
    return s->kept != NULL ? NIMBUS_LATER : NIMBUS_RETRY;
}

static void round_of_kept_invocations(steady *s, size_t i)
{
    if (s->keeper == NULL) {
        s->keeper = nimbus_function_create(s->w->nb, "keeper", keep, s, NULL, &s->w->err);
        SETUP_OK(s->w);
    }
    for (int k = 0; k < 20; k++) {
        OK(nimbus_invoke_async(s->keeper, nimbus_copy(body, 10 + i % 8 * 100), NULL));
        RUN(s->w);
        OK(nimbus_invocation_finish(s->kept, NIMBUS_DONE));
    }
    RUN(s->w);
}

static void asks_for_nothing(world *w, void (*round)(steady *s, size_t i))
{
    steady s;
    uint64_t calls = 0;

    if (BLOCKS_ALONE) {
        skip();
    }
    steady_open(&s, w);
    for (size_t i = 0; i < 400; i++) {
        calls = i < 200 ? heap_calls(&w->heap) : calls;
        round(&s, i);
    }
    EQ(heap_calls(&w->heap), calls);
}

static void sends_ask_for_nothing(void **state)
{
    asks_for_nothing(*state, round_of_sends);
}

static void publishes_ask_for_nothing(void **state)
{
    asks_for_nothing(*state, round_of_publishes);
}

static void puts_ask_for_nothing(void **state)
{
    asks_for_nothing(*state, round_of_puts);
}

static void invocations_ask_for_nothing(void **state)
{
    asks_for_nothing(*state, round_of_invocations);
}

static void calls_ask_for_nothing(void **state)
{
    asks_for_nothing(*state, round_of_calls);
}

static void async_receives_ask_for_nothing(void **state)
{
    asks_for_nothing(*state, round_of_async_receives);
}

static void kept_invocations_ask_for_nothing(void **state)
{
    asks_for_nothing(*state, round_of_kept_invocations);
}

/* Another thread frees what this one makes. */
typedef struct consumer {
    nimbus_queue *queue;
    size_t wanted;
    atomic_size_t taken;
} consumer;

static void *consume(void *arg)
{
    consumer *c = arg;
    nimbus_delivery got = { 0 };
    size_t count = 0;

    while (atomic_load(&c->taken) < c->wanted) {
        if (nimbus_queue_receive(c->queue, NIMBUS_SECONDS(10), NULL, &got, 1, &count) == NIMBUS_OK &&
            nimbus_delivery_delete(&got) == NIMBUS_OK) {
            atomic_fetch_add(&c->taken, 1);
        }
    }
    return NULL;
}

static void what_another_thread_frees_comes_back(void **state)
{
    world *w = *state;
    consumer c = { .queue = PLAIN_QUEUE(w, "queue"), .wanted = 20000 };
    nimbus_entry entry = { .body = nimbus_copy(body, sizeof body) };
    pthread_t thread;
    uint64_t calls = 0;

    EQ(pthread_create(&thread, NULL, consume, &c), 0);
    for (size_t i = 0; i < c.wanted; i++) {
        EVENTUALLY(atomic_load(&c.taken) + 64 > i);
        OK(nimbus_queue_send(c.queue, &entry, NULL));
        calls = i == 1000 ? heap_calls(&w->heap) : calls;
    }
    pthread_join(thread, NULL);
    CHECK(heap_calls(&w->heap) < calls + 50 || BLOCKS_ALONE); /* not one a message; what is under way may grow a little */
}

static void a_burst_does_not_keep_its_memory(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "queue");
    nimbus_entry entry = { .body = nimbus_copy(body, sizeof body) };
    nimbus_runtime_metrics metrics;
    uint64_t peak;

    for (int i = 0; i < 10000; i++) {
        OK(nimbus_queue_send(queue, &entry, NULL));
    }
    memset(&metrics, 0, sizeof metrics);
    OK(nimbus_runtime_get_metrics(w->nb, &metrics));
    peak = metrics.bytes;
    EQ(empty(queue), 10000);
    OK(nimbus_runtime_get_metrics(w->nb, &metrics));
    print_message("    %llu of %llu bytes are kept\n", (unsigned long long)metrics.bytes, (unsigned long long)peak);
    CHECK(metrics.bytes < peak / 2); /* the slots of the queue stay, and some blocks for the next burst */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(sends_ask_for_nothing),
        DRIVEN(publishes_ask_for_nothing),
        DRIVEN(puts_ask_for_nothing),
        DRIVEN(invocations_ask_for_nothing),
        DRIVEN(calls_ask_for_nothing),
        DRIVEN(async_receives_ask_for_nothing),
        DRIVEN(kept_invocations_ask_for_nothing),
        THREADED(what_another_thread_frees_comes_back),
        DRIVEN(a_burst_does_not_keep_its_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
