/* bench_fifo.c - FIFO queues over few and many groups: send, receive, delete, beside a standard queue and a plain mutex version. */
#include "peers/peers.h"

#include <nimbus/nimbus.h>
#include <stdio.h>
#include <stdlib.h>

#define DEDUP_BYTES ((size_t)1 << 30) /* the ids of 5 minutes are kept, and a run sends more in that time than any user */

typedef struct ours {
    nimbus_runtime *nb;
    nimbus_queue *queue;
    size_t groups; /* 0: a standard queue */
} ours;

static void *open_queue(const bench_case *c, bool fifo)
{
    nimbus_queue_options options = { .capacity_messages = BENCH_CAPACITY, .fifo = fifo,
                                     .deduplication_capacity = fifo ? DEDUP_BYTES : 0 };
    nimbus_error err = { .status = NIMBUS_OK };
    ours *o = bench_alloc(sizeof(*o));
    o->nb = nimbus_open(&(nimbus_options){ .min_workers = 1, .max_memory = SIZE_MAX }, &err);
    o->queue = nimbus_queue_create(o->nb, fifo ? "bench.fifo" : "bench", &options, &err);
    o->groups = fifo ? c->fanout : 0;
    bench_check(err.status == NIMBUS_OK, err.reason);
    return o;
}

static void *open_fifo(const bench_case *c)
{
    return open_queue(c, true);
}

static void *open_standard(const bench_case *c)
{
    return open_queue(c, false);
}

static void close_queue(void *transport)
{
    ours *o = transport;
    nimbus_leftovers left;
    bench_check(nimbus_close(o->nb, 0, &left) == NIMBUS_OK, "nimbus_close");
    bench_check(left.ready == 0 && left.in_flight == 0, "messages are left in the queue");
    free(o);
}

/* Eight characters that no other send of this process has. */
static void next_id(char ret[9])
{
    static atomic_uint_fast64_t threads;
    static _Thread_local uint64_t next;
    if (next == 0)
        next = atomic_fetch_add(&threads, 1) << 40 | 1;
    uint64_t value = next++;
    for (int i = 0; i < 8; i++, value >>= 6)
        ret[i] = (char)('0' + (value & 63));
    ret[8] = '\0';
}

static void send_one(ours *o, nimbus_entry entry)
{
    entry.wait = NIMBUS_SECONDS(60);
    nimbus_status status = nimbus_queue_send(o->queue, &entry, NULL);
    bench_check(status == NIMBUS_OK, nimbus_status_name(status));
}

static void send(void *end, const void *data, size_t size, size_t count)
{
    ours *o = end;
    nimbus_entry entries[BENCH_MAX_BATCH];
    nimbus_sent sent[BENCH_MAX_BATCH];
    char ids[BENCH_MAX_BATCH][9];
    for (size_t i = 0; i < count; i++) {
        entries[i] = (nimbus_entry){ .body = nimbus_copy(data, size) };
        if (o->groups > 0) {
            next_id(ids[i]);
            entries[i].group_id = bench_next_group(o->groups);
            entries[i].deduplication_id = ids[i];
        }
    }
    nimbus_status status =
        count == 1 ? nimbus_queue_send(o->queue, entries, sent) : nimbus_queue_send_batch(o->queue, entries, count, sent);
    for (size_t i = 0; status != NIMBUS_OK && i < count; i++) {
        if (sent[i].status == NIMBUS_E_FULL)
            send_one(o, entries[i]);
    }
    bench_check(status == NIMBUS_OK || status == NIMBUS_PARTIAL || status == NIMBUS_E_FULL, nimbus_status_name(status));
}

static _Thread_local nimbus_delivery deliveries[BENCH_MAX_BATCH];

static size_t receive(void *end, size_t max)
{
    ours *o = end;
    size_t got = 0;
    nimbus_status status = nimbus_queue_receive(o->queue, NIMBUS_MS(BENCH_WAIT_MS), NULL, deliveries, max, &got);
    bench_check(status == NIMBUS_OK || status == NIMBUS_EMPTY, nimbus_status_name(status));
    for (size_t i = 0; i < got; i++) {
        nimbus_bytes body = nimbus_delivery_body(&deliveries[i]);
        bench_read(body.data, body.size);
    }
    if (got == 1)
        bench_check(nimbus_delivery_delete(&deliveries[0]) == NIMBUS_OK, "nimbus_delivery_delete");
    else if (got > 1)
        bench_check(nimbus_delivery_delete_batch(deliveries, got, NULL) == NIMBUS_OK, "nimbus_delivery_delete_batch");
    return got;
}

static const bench_transport fifo = { .open = open_fifo, .close = close_queue, .send = send, .receive = receive };
static const bench_transport standard = { .open = open_standard, .close = close_queue, .send = send, .receive = receive };

static const bench_subject single[] = {
    { .name = "nimbus FIFO", .run = bench_run_single, .impl = &fifo },
    { .name = "nimbus standard", .run = bench_run_single, .impl = &standard, .target = BENCH_AT_MOST(3) },
    { .name = "mutex and groups, no dedup", .run = bench_run_single, .impl = &peer_mutex_groups },
};

static const bench_subject batches[] = {
    { .name = "nimbus FIFO", .run = bench_run_single, .impl = &fifo },
    { .name = "nimbus standard", .run = bench_run_single, .impl = &standard, .target = BENCH_AT_MOST(2.5) },
    { .name = "mutex and groups, no dedup", .run = bench_run_single, .impl = &peer_mutex_groups },
};

static const bench_subject crowd[] = {
    { .name = "nimbus FIFO", .run = bench_run_threads, .impl = &fifo },
    { .name = "nimbus FIFO, batches of 10", .run = bench_run_threads, .impl = &fifo, .batch = 10 },
    { .name = "mutex and groups, no dedup", .run = bench_run_threads, .impl = &peer_mutex_groups, .target = BENCH_AT_LEAST(3) },
};

#define SUBJECTS(list) .subjects = (list), .subject_count = BENCH_COUNT(list)

/* fanout: the groups that the sends go round. */
static const bench_case cases[] = {
    { .name = "FIFO, 1 group, one thread, 64 B", .size = 64, .fanout = 1, SUBJECTS(single) },
    { .name = "FIFO, 100 groups, one thread, 64 B", .size = 64, .fanout = 100, SUBJECTS(single) },
    { .name = "FIFO, 1,000 groups, one thread, 64 B", .size = 64, .fanout = 1000, SUBJECTS(single) },
    { .name = "FIFO, 10,000 groups, one thread, 64 B", .size = 64, .fanout = 10000, SUBJECTS(single) },
    { .name = "FIFO, 1,000 groups, one thread, batches of 10, 64 B", .size = 64, .fanout = 1000, .batch = 10, SUBJECTS(batches) },
    { .name = "FIFO, 1,000 groups, 4 producers, 4 consumers, 64 B", .size = 64, .fanout = 1000, .producers = 4, .consumers = 4,
      SUBJECTS(crowd) },
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "fifo", cases, BENCH_COUNT(cases));
}
