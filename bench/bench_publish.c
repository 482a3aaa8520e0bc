/* bench_publish.c - topics: publish to inline handlers and to queues, beside arrays of function pointers, GSignal and plain lists. */
#include "peers/peers.h"

#include <nimbus/nimbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_QUEUES = 16, CHUNK = 80 }; /* publishes before the queues are drained; divides every count of operations */

static void *make_payload(size_t size)
{
    void *data = bench_alloc(size);
    memset(data, 'x', size);
    return data;
}

/* ------------------------------------------------------------------------------------- inline handlers */

static nimbus_outcome add_size(const nimbus_delivery *delivery, void *user)
{
    uint64_t *sum = user;
    nimbus_bytes body = nimbus_delivery_body(delivery);
    bench_read(body.data, body.size);
    *sum += body.size;
    return NIMBUS_DONE;
}

static double publish_inline(const bench_case *c, uint64_t ops, size_t batch, bool copy)
{
    uint64_t sum = 0;
    nimbus_error err = { .status = NIMBUS_OK };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .min_workers = 1 }, &err);
    nimbus_topic *topic = nimbus_topic_create(nb, "bench", NULL, &err);
    nimbus_entry entries[BENCH_MAX_BATCH];
    for (size_t i = 0; i < c->fanout; i++)
        nimbus_topic_subscribe(topic, nimbus_to_inline(add_size, &sum, NULL), NULL, &err, NULL);
    bench_check(err.status == NIMBUS_OK, err.reason);
    void *data = make_payload(c->size);
    memset(entries, 0, sizeof entries);
    for (size_t i = 0; i < batch; i++)
        entries[i].body = copy ? nimbus_copy(data, c->size) : nimbus_adopt(data, c->size, NULL, NULL);
    uint64_t start = bench_now();
    if (batch == 1) {
        for (uint64_t i = 0; i < ops; i++)
            nimbus_topic_publish(topic, entries, NULL);
    } else {
        for (uint64_t i = 0; i < ops; i += batch)
            nimbus_topic_publish_batch(topic, entries, batch, NULL);
    }
    uint64_t end = bench_now();
    bench_check(sum == ops * c->fanout * c->size, "calls are missing");
    bench_check(nimbus_close(nb, 0, NULL) == NIMBUS_OK, "nimbus_close");
    free(data);
    return (double)(end - start);
}

static double ours_inline_copy(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    return publish_inline(c, ops, bench_batch(c, subject), true);
}

static double ours_inline_adopt(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    return publish_inline(c, ops, bench_batch(c, subject), false);
}

/* ---------------------------------------------------------------------------------------------- queues */

static void drain(nimbus_queue *queue)
{
    nimbus_delivery deliveries[10] = { { .private_ = { 0 } } };
    size_t got = 0;
    for (size_t left = CHUNK; left > 0; left -= got) {
        nimbus_status status = nimbus_queue_receive(queue, 0, NULL, deliveries, left < 10 ? left : 10, &got);
        bench_check(status == NIMBUS_OK && got > 0, nimbus_status_name(status));
        for (size_t i = 0; i < got; i++) {
            nimbus_bytes body = nimbus_delivery_body(&deliveries[i]);
            bench_read(body.data, body.size);
            nimbus_delivery_delete(&deliveries[i]);
        }
    }
}

static double ours_queues(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    (void)subject;
    nimbus_error err = { .status = NIMBUS_OK };
    nimbus_queue *queues[MAX_QUEUES];
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .min_workers = 1 }, &err);
    nimbus_topic *topic = nimbus_topic_create(nb, "bench", NULL, &err);
    bench_check(c->fanout <= MAX_QUEUES, "too many queues");
    for (size_t i = 0; i < c->fanout; i++) {
        char name[16];
        snprintf(name, sizeof(name), "queue%u", (unsigned)i);
        queues[i] = nimbus_queue_create(nb, name, NULL, &err);
        nimbus_topic_subscribe(topic, nimbus_to_queue(queues[i]), NULL, &err, NULL);
    }
    bench_check(err.status == NIMBUS_OK, err.reason);
    void *data = make_payload(c->size);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < ops; i += CHUNK) {
        uint64_t start = bench_now(), published;
        for (unsigned k = 0; k < CHUNK; k++) {
            nimbus_entry entry = { .body = nimbus_copy(data, c->size) };
            nimbus_topic_publish(topic, &entry, NULL);
        }
        published = bench_now();
        for (size_t q = 0; q < c->fanout; q++)
            drain(queues[q]);
        sum += (c->send_only ? published : bench_now()) - start;
    }
    nimbus_leftovers left;
    bench_check(nimbus_close(nb, 0, &left) == NIMBUS_OK && left.ready == 0, "nimbus_close");
    free(data);
    return (double)sum;
}

/* The same with one transport a subscriber: a copy of the message for each. */
static double peer_queues(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    const bench_transport *t = subject->impl;
    void *queues[MAX_QUEUES];
    if (!t->open)
        return BENCH_ABSENT;
    for (size_t q = 0; q < c->fanout; q++)
        queues[q] = t->open(c);
    void *data = make_payload(c->size);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < ops; i += CHUNK) {
        uint64_t start = bench_now(), sent;
        for (unsigned k = 0; k < CHUNK; k++) {
            for (size_t q = 0; q < c->fanout; q++)
                t->send(queues[q], data, c->size, 1);
        }
        sent = bench_now();
        for (size_t q = 0; q < c->fanout; q++) {
            for (size_t left = CHUNK; left > 0;)
                left -= t->receive(queues[q], left < BENCH_MAX_BATCH ? left : BENCH_MAX_BATCH);
        }
        sum += (c->send_only ? sent : bench_now()) - start;
    }
    for (size_t q = 0; q < c->fanout; q++)
        t->close(queues[q]);
    free(data);
    return (double)sum;
}

/* ----------------------------------------------------------------------------------------------- table */

static const bench_subject handlers[] = {
    { .name = "nimbus, copied body", .run = ours_inline_copy },
    { .name = "nimbus, copied bodies, batches of 10", .run = ours_inline_copy, .batch = 10 },
    { .name = "nimbus, adopted body", .run = ours_inline_adopt },
    { .name = "array of function pointers", .run = peer_call_array, .target = BENCH_AT_MOST_PLUS(2, 15) },
    { .name = "the same under a mutex", .run = peer_call_array_mutex, .target = BENCH_AT_LEAST(1) },
    { .name = "the same under a rwlock", .run = peer_call_array_rwlock, .target = BENCH_AT_LEAST(1) },
    { .name = "GSignal", .run = peer_gsignal, .target = BENCH_AT_LEAST(1) },
};

static const bench_subject queues[] = {
    { .name = "nimbus", .run = ours_queues },
    { .name = "mutex lists with visibility", .run = peer_queues, .impl = &peer_mutex_list },
    { .name = "mutex+cond rings, no ack", .run = peer_queues, .impl = &peer_mutex_ring },
    { .name = "GAsyncQueues, no ack", .run = peer_queues, .impl = &peer_gasyncqueue },
};

#define HANDLERS(n) .subjects = handlers, .subject_count = BENCH_COUNT(handlers), .size = 64, .fanout = (n)
#define QUEUES(n) .subjects = queues, .subject_count = BENCH_COUNT(queues), .size = 64, .fanout = (n)

static const bench_case cases[] = {
    { .name = "publish to 1 inline handler, 64 B", HANDLERS(1) },
    { .name = "publish to 4 inline handlers, 64 B", HANDLERS(4) },
    { .name = "publish to 16 inline handlers, 64 B", HANDLERS(16) },
    { .name = "publish to 1 queue, 64 B, without the drain", QUEUES(1), .send_only = true },
    { .name = "publish to 4 queues, 64 B, without the drain", QUEUES(4), .send_only = true },
    { .name = "publish to 16 queues, 64 B, without the drain", QUEUES(16), .send_only = true },
    { .name = "publish to 1 queue and drain it, 64 B", QUEUES(1) },
    { .name = "publish to 4 queues and drain them, 64 B", QUEUES(4) },
    { .name = "publish to 16 queues and drain them, 64 B", QUEUES(16) },
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "publish", cases, BENCH_COUNT(cases));
}
