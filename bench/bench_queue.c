/* bench_queue.c - queues: send, receive and delete on one thread and on several, beside a plain mutex version and other queues. */
#include "peers/peers.h"

#include <nimbus/nimbus.h>
#include <stdlib.h>

#include "sync/ring.h"

typedef struct ours {
    nimbus_runtime *nb;
    nimbus_queue *queue;
} ours;

static void *ours_open(const bench_case *c)
{
    (void)c;
    nimbus_error err = { .status = NIMBUS_OK };
    ours *o = bench_alloc(sizeof(*o));
    o->nb = nimbus_open(&(nimbus_options){ .min_workers = 1 }, &err);
    o->queue = nimbus_queue_create(o->nb, "bench", &(nimbus_queue_options){ .capacity_messages = BENCH_CAPACITY }, &err);
    bench_check(err.status == NIMBUS_OK, err.reason);
    return o;
}

static void ours_close(void *transport)
{
    ours *o = transport;
    nimbus_leftovers left;
    bench_check(nimbus_close(o->nb, 0, &left) == NIMBUS_OK, "nimbus_close");
    bench_check(left.ready == 0 && left.in_flight == 0, "messages are left in the queue");
    free(o);
}

/* Room is there, mostly; who finds none waits for it. */
static void send_anyway(ours *o, nimbus_entry entry)
{
    entry.wait = NIMBUS_SECONDS(60);
    nimbus_status status = nimbus_queue_send(o->queue, &entry, NULL);
    bench_check(status == NIMBUS_OK, nimbus_status_name(status));
}

/* Of one thread: entries are cleared once and used again, as the deliveries below. To clear one takes up to 14 ns. */
static _Thread_local nimbus_entry entries[BENCH_MAX_BATCH];

static void ours_send(void *end, const void *data, size_t size, size_t count)
{
    ours *o = end;
    nimbus_sent sent[BENCH_MAX_BATCH];
    for (size_t i = 0; i < count; i++)
        entries[i].body = nimbus_copy(data, size);
    nimbus_status status =
        count == 1 ? nimbus_queue_send(o->queue, entries, NULL) : nimbus_queue_send_batch(o->queue, entries, count, sent);
    if (status == NIMBUS_E_FULL)
        send_anyway(o, entries[0]);
    for (size_t i = 0; status == NIMBUS_PARTIAL && i < count; i++) {
        if (sent[i].status == NIMBUS_E_FULL)
            send_anyway(o, entries[i]);
    }
    bench_check(status == NIMBUS_OK || status == NIMBUS_PARTIAL || status == NIMBUS_E_FULL, nimbus_status_name(status));
}

/* Of one thread: slots are cleared once, and used again. */
static _Thread_local nimbus_delivery deliveries[BENCH_MAX_BATCH];

static size_t take(ours *o, size_t max)
{
    size_t got = 0;
    nimbus_status status = nimbus_queue_receive(o->queue, NIMBUS_MS(BENCH_WAIT_MS), NULL, deliveries, max, &got);
    bench_check(status == NIMBUS_OK || status == NIMBUS_EMPTY, nimbus_status_name(status));
    for (size_t i = 0; i < got; i++) {
        nimbus_bytes body = nimbus_delivery_body(&deliveries[i]);
        bench_read(body.data, body.size);
    }
    return got;
}

/* Each message is deleted by its delivery. */
static size_t ours_receive(void *end, size_t max)
{
    size_t got = take(end, max);
    for (size_t i = 0; i < got; i++)
        bench_check(nimbus_delivery_delete(&deliveries[i]) == NIMBUS_OK, "nimbus_delivery_delete");
    return got;
}

/* A batch is deleted at once, by its deliveries. */
static size_t ours_receive_batch(void *end, size_t max)
{
    size_t got = take(end, max);
    bench_check(nimbus_delivery_delete_batch(deliveries, got, NULL) == NIMBUS_OK, "nimbus_delivery_delete_batch");
    return got;
}

/* The same by its receipts. */
static size_t ours_receive_receipts(void *end, size_t max)
{
    ours *o = end;
    nimbus_receipt receipts[BENCH_MAX_BATCH];
    size_t got = take(o, max);
    for (size_t i = 0; i < got; i++)
        receipts[i] = nimbus_delivery_receipt(&deliveries[i]);
    if (got > 0)
        bench_check(nimbus_queue_delete_batch(o->queue, receipts, got, NULL) == NIMBUS_OK, "nimbus_queue_delete_batch");
    for (size_t i = 0; i < got; i++)
        nimbus_delivery_release(&deliveries[i]);
    return got;
}

static const bench_transport ours_single = { .open = ours_open, .close = ours_close, .send = ours_send, .receive = ours_receive };
static const bench_transport ours_batch = { .open = ours_open, .close = ours_close, .send = ours_send, .receive = ours_receive_batch };
static const bench_transport ours_receipts = {
    .open = ours_open, .close = ours_close, .send = ours_send, .receive = ours_receive_receipts
};

/* ------------------------------------------------------------------------------------------ internal: ring */

/* What the least of it costs: a number into the library's ring and out again, one by one even where the case has batches. */
static double raw_ring(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    static nb_ring_cell cells[1024];
    nb_ring ring;
    uint64_t value = 0, sum = 0;
    (void)c;
    (void)subject;
    nb_ring_init_at(&ring, cells, BENCH_COUNT(cells));
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i++) {
        bench_check(nb_ring_push(&ring, i) == NB_RING_OK && nb_ring_pop(&ring, &value) == NB_RING_OK, "ring");
        sum += value;
    }
    uint64_t end = bench_now();
    bench_use(sum);
    return (double)(end - start);
}

/* ----------------------------------------------------------------------------------------------- table */

static const bench_subject one_thread[] = {
    { .name = "nimbus", .run = bench_run_single, .impl = &ours_single },
    { .name = "internal: ring alone", .run = raw_ring, .target = BENCH_AT_MOST(9) },
    { .name = "mutex list with visibility", .run = bench_run_single, .impl = &peer_mutex_list, .target = BENCH_AT_LEAST(1) },
    { .name = "mutex+cond ring, no ack", .run = bench_run_single, .impl = &peer_mutex_ring },
    { .name = "TBB bounded queue, no ack", .run = bench_run_single, .impl = &peer_tbb },
    { .name = "GAsyncQueue, no ack", .run = bench_run_single, .impl = &peer_gasyncqueue },
    { .name = "zmq inproc PUSH/PULL, no ack", .run = bench_run_single, .impl = &peer_zmq },
    { .name = "nng inproc push/pull, no ack", .run = bench_run_single, .impl = &peer_nng },
    { .name = "nanomsg inproc push/pull, no ack", .run = bench_run_single, .impl = &peer_nanomsg },
    { .name = "SQLite in memory", .run = bench_run_single, .impl = &peer_sqlite, .target = BENCH_AT_LEAST(1) },
};

static const bench_subject one_thread_batch[] = {
    { .name = "nimbus", .run = bench_run_single, .impl = &ours_batch },
    { .name = "nimbus, deleted by receipts", .run = bench_run_single, .impl = &ours_receipts },
    { .name = "nimbus, deleted one by one", .run = bench_run_single, .impl = &ours_single },
    { .name = "internal: ring alone, one by one", .run = raw_ring, .target = BENCH_AT_MOST(3) },
    { .name = "mutex list with visibility", .run = bench_run_single, .impl = &peer_mutex_list, .target = BENCH_AT_LEAST(1) },
    { .name = "mutex+cond ring, no ack", .run = bench_run_single, .impl = &peer_mutex_ring },
    { .name = "GAsyncQueue, no ack", .run = bench_run_single, .impl = &peer_gasyncqueue },
    { .name = "zmq inproc PUSH/PULL, no ack", .run = bench_run_single, .impl = &peer_zmq },
    { .name = "SQLite in memory", .run = bench_run_single, .impl = &peer_sqlite, .target = BENCH_AT_LEAST(1) },
};

/* A producer that sends singly, or batches of 10; consumers take what is there, 10 at most, in the second. */
#define BATCHED "nimbus, batches of 10"
#define PEERS(times_list, times_bounded)                                                                                                   \
    { .name = "mutex list with visibility", .run = bench_run_threads, .impl = &peer_mutex_list, .target = BENCH_AT_LEAST(times_list) },    \
        { .name = "the same, batches of 10",                                                                                               \
          .run = bench_run_threads,                                                                                                        \
          .impl = &peer_mutex_list,                                                                                                        \
          .batch = 10,                                                                                                                     \
          .ours = BATCHED,                                                                                                                 \
          .target = BENCH_AT_LEAST(times_list) },                                                                                          \
        BOUNDED("mutex+cond ring, no ack", peer_mutex_ring, times_bounded), BOUNDED("TBB bounded queue, no ack", peer_tbb, times_bounded), \
        BOUNDED("GAsyncQueue, no ack", peer_gasyncqueue, times_bounded), BOUNDED("zmq inproc PUSH/PULL, no ack", peer_zmq, times_bounded), \
        BOUNDED("nng inproc push/pull, no ack", peer_nng, times_bounded),                                                                  \
        BOUNDED("nanomsg inproc push/pull, no ack", peer_nanomsg, times_bounded)
#define BOUNDED(peer_name, transport, times)                                                                                               \
    {                                                                                                                                      \
        .name = (peer_name), .run = bench_run_threads, .impl = &(transport), .ours = BATCHED, .target = BENCH_AT_LEAST(times)              \
    }

static const bench_subject pair[] = {
    { .name = "nimbus", .run = bench_run_threads, .impl = &ours_single },
    { .name = BATCHED, .run = bench_run_threads, .impl = &ours_batch, .batch = 10 },
    PEERS(1, 2),
};

static const bench_subject pair_1k[] = {
    { .name = "nimbus", .run = bench_run_threads, .impl = &ours_single },
    { .name = BATCHED, .run = bench_run_threads, .impl = &ours_batch, .batch = 10, .target = BENCH_MAX_NS(250) },
    PEERS(1, 1),
};

static const bench_subject crowd[] = {
    { .name = "nimbus", .run = bench_run_threads, .impl = &ours_single },
    { .name = BATCHED, .run = bench_run_threads, .impl = &ours_batch, .batch = 10 },
    PEERS(3, 1),
};

#define SUBJECTS(list) .subjects = (list), .subject_count = BENCH_COUNT(list)

static const bench_case cases[] = {
    { .name = "send+receive+delete, one thread, 64 B", .size = 64, SUBJECTS(one_thread) },
    { .name = "send+receive+delete, one thread, 1 KiB", .size = 1024, SUBJECTS(one_thread) },
    { .name = "send+receive+delete, one thread, batches of 10, 64 B", .size = 64, .batch = 10, SUBJECTS(one_thread_batch) },
    { .name = "send+receive+delete, one thread, batches of 10, 1 KiB", .size = 1024, .batch = 10, SUBJECTS(one_thread_batch) },
    { .name = "1 producer, 1 consumer, 64 B", .size = 64, .producers = 1, .consumers = 1, SUBJECTS(pair) },
    { .name = "1 producer, 1 consumer, 1 KiB", .size = 1024, .producers = 1, .consumers = 1, SUBJECTS(pair_1k) },
    { .name = "4 producers, 4 consumers, 64 B", .size = 64, .producers = 4, .consumers = 4, SUBJECTS(crowd) },
    { .name = "4 producers, 4 consumers, 1 KiB", .size = 1024, .producers = 4, .consumers = 4, SUBJECTS(crowd) },
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "queue", cases, BENCH_COUNT(cases));
}
