/*
 * bench_million.c - queues that hold a million messages: what one more costs beside them, and what it costs that all of them come back at
 * the same moment.
 *
 * Beside: send, receive and delete, one by one, while a million others are in flight or delayed; the same in a queue that holds nothing
 * else is what it is compared with, since neither is to cost more for what waits.
 * Back at once: the clock is put ahead, a million visibilities or delays are over, and everything is received in batches; an operation is
 * one message. Those that were sent a moment ago and have nothing to come back from are what it is compared with.
 */
#include <nimbus/nimbus.h>
#include <stdlib.h>
#include <string.h>

#include "peers/mutex_list.h"

#define MANY ((size_t)1000000)
#define FEW ((size_t)1000) /* the smallest run only shows that it works */
#define BODY 64
#define BATCH 10 /* BENCH_MAX_BATCH at most */

/* Where the million is. */
typedef enum place {
    NOWHERE,
    IN_FLIGHT,
    DELAYED,
    READY
} place;

static const char payload[BODY] = "x";

static size_t population(uint64_t ops)
{
    return ops <= BENCH_OPS_MULTIPLE ? FEW : MANY;
}

/* ---------------------------------------------------------------------------------------------- nimbus */

typedef struct ours {
    nimbus_runtime *nb;
    nimbus_queue *queue;
    size_t groups; /* FIFO: a group holds back what is behind a message in flight, so each has its own; 0: a standard queue */
} ours;

/* Driven, and by a manual clock: all that is measured is on this thread. */
static void open_ours(ours *o, size_t count, bool fifo)
{
    nimbus_error err = { .status = NIMBUS_OK };
    nimbus_queue_options options = { .capacity_messages = 2 * count, .visibility_timeout = NIMBUS_SECONDS(30), .fifo = fifo,
                                     .deduplication_capacity = fifo ? (size_t)1 << 30 : 0 };
    o->groups = fifo ? count : 0;
    o->nb = nimbus_open(&(nimbus_options){ .driven = true, .manual_clock = true, .max_memory = SIZE_MAX,
                                           .limits.preset = NIMBUS_LIMITS_RELAXED }, &err);
    o->queue = nimbus_queue_create(o->nb, fifo ? "million.fifo" : "million", &options, &err);
    bench_check(err.status == NIMBUS_OK, err.reason);
}

static void close_ours(ours *o)
{
    bench_check(nimbus_queue_purge(o->queue, NULL) == NIMBUS_OK, "purge");
    bench_check(nimbus_close(o->nb, 0, NULL) == NIMBUS_OK, "nimbus_close");
}

static void send_ours(ours *o, size_t count, nimbus_duration delay)
{
    static uint64_t number;
    for (size_t i = 0; i < count; i++) {
        char id[24];
        nimbus_entry entry = { .body = nimbus_copy(payload, BODY), .delay = delay };
        if (o->groups > 0) {
            size_t at = sizeof(id) - 1;
            id[at] = '\0';
            for (uint64_t rest = ++number; rest > 0; rest /= 10)
                id[--at] = (char)('0' + rest % 10);
            entry.group_id = bench_next_group(o->groups);
            entry.deduplication_id = &id[at];
        }
        bench_check(nimbus_queue_send(o->queue, &entry, NULL) == NIMBUS_OK, "send");
    }
}

/* Receives count messages, and deletes them or leaves them in flight. */
static void receive_ours(ours *o, size_t count, size_t batch, bool and_delete)
{
    static nimbus_delivery got[BATCH];
    for (size_t taken = 0; count > 0; count -= taken) {
        size_t max = count < batch ? count : batch;
        bench_check(nimbus_queue_receive(o->queue, 0, NULL, got, max, &taken) == NIMBUS_OK, "receive");
        for (size_t i = 0; i < taken; i++)
            bench_read(nimbus_delivery_body(&got[i]).data, BODY);
        if (and_delete)
            bench_check(nimbus_delivery_delete_batch(got, taken, NULL) == NIMBUS_OK, "delete");
        for (size_t i = 0; !and_delete && i < taken; i++)
            nimbus_delivery_release(&got[i]);
    }
}

static void fill_ours(ours *o, size_t count, place where)
{
    if (where != NOWHERE)
        send_ours(o, count, where == DELAYED ? NIMBUS_SECONDS(30) : 0);
    if (where == IN_FLIGHT)
        receive_ours(o, count, BATCH, false);
}

static double beside_ours(uint64_t ops, place where)
{
    ours o;
    open_ours(&o, population(ops), false);
    fill_ours(&o, population(ops), where);
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i++) {
        send_ours(&o, 1, 0);
        receive_ours(&o, 1, 1, true);
    }
    uint64_t end = bench_now();
    close_ours(&o);
    return (double)(end - start);
}

/* The time for all, as if ops of them had been asked for. */
static double back_ours(uint64_t ops, place where, bool fifo)
{
    size_t count = population(ops);
    ours o;
    open_ours(&o, count, fifo);
    fill_ours(&o, count, where);
    uint64_t start = bench_now();
    if (where != READY)
        bench_check(nimbus_advance(o.nb, NIMBUS_SECONDS(31)) == NIMBUS_OK, "nimbus_advance");
    receive_ours(&o, count, BATCH, true);
    uint64_t end = bench_now();
    close_ours(&o);
    return (double)(end - start) / (double)count * (double)ops;
}

/* ------------------------------------------------------------------------------------- the plain list */

static void receive_list(struct peer_list *l, size_t count, struct node **nodes, uint64_t *receipts, bool and_delete)
{
    for (size_t taken = 0; count > 0; count -= taken) {
        taken = peer_list_take(l, nodes, receipts, count < BATCH ? count : BATCH);
        bench_check(taken > 0, "the list gives nothing");
        if (and_delete)
            peer_list_delete(l, nodes, receipts, taken);
        else
            nodes += taken, receipts += taken;
    }
}

static double beside_list(uint64_t ops, place where)
{
    size_t count = population(ops);
    struct peer_list *l = peer_list_open(2 * count);
    struct node **nodes = bench_alloc(count * sizeof(nodes[0]));
    uint64_t *receipts = bench_alloc(count * sizeof(receipts[0]));
    struct node *one[1];
    uint64_t receipt[1];
    for (size_t i = 0; where == IN_FLIGHT && i < count; i++)
        peer_list_send(l, payload, BODY, 1);
    if (where == IN_FLIGHT)
        receive_list(l, count, nodes, receipts, false);
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i++) {
        peer_list_send(l, payload, BODY, 1);
        bench_check(peer_list_take(l, one, receipt, 1) == 1, "the list gives nothing");
        peer_list_delete(l, one, receipt, 1);
    }
    uint64_t end = bench_now();
    for (size_t i = 0; where == IN_FLIGHT && i < count; i += BATCH)
        peer_list_delete(l, &nodes[i], &receipts[i], count - i < BATCH ? count - i : BATCH);
    peer_list_close(l);
    free(nodes);
    free(receipts);
    return (double)(end - start);
}

static double back_list(uint64_t ops)
{
    size_t count = population(ops);
    struct peer_list *l = peer_list_open(2 * count);
    struct node **nodes = bench_alloc(count * sizeof(nodes[0]));
    uint64_t *receipts = bench_alloc(count * sizeof(receipts[0]));
    for (size_t i = 0; i < count; i++)
        peer_list_send(l, payload, BODY, 1);
    receive_list(l, count, nodes, receipts, false);
    uint64_t start = bench_now();
    peer_list_advance(l, UINT64_C(31000000000));
    receive_list(l, count, nodes, receipts, true);
    uint64_t end = bench_now();
    peer_list_close(l);
    free(nodes);
    free(receipts);
    return (double)(end - start) / (double)count * (double)ops;
}

/* ----------------------------------------------------------------------------------------------- table */

#define RUN(name, call)                                                                                                                    \
    static double name(const bench_case *c, const bench_subject *subject, uint64_t ops)                                                    \
    {                                                                                                                                      \
        (void)c;                                                                                                                           \
        (void)subject;                                                                                                                     \
        return (call);                                                                                                                     \
    }

RUN(ours_beside_flight, beside_ours(ops, IN_FLIGHT))
RUN(ours_beside_delayed, beside_ours(ops, DELAYED))
RUN(ours_beside_nothing, beside_ours(ops, NOWHERE))
RUN(list_beside_flight, beside_list(ops, IN_FLIGHT))
RUN(ours_lapse, back_ours(ops, IN_FLIGHT, false))
RUN(ours_delays_end, back_ours(ops, DELAYED, false))
RUN(ours_fresh, back_ours(ops, READY, false))
RUN(list_lapse, back_list(ops))
RUN(fifo_lapse, back_ours(ops, IN_FLIGHT, true))
RUN(fifo_fresh, back_ours(ops, READY, true))

static const bench_subject flight[] = {
    { .name = "nimbus", .run = ours_beside_flight },
    { .name = "nimbus, nothing in flight", .run = ours_beside_nothing, .target = BENCH_AT_MOST(1.5) },
    { .name = "mutex list with visibility", .run = list_beside_flight },
};

static const bench_subject delayed[] = {
    { .name = "nimbus", .run = ours_beside_delayed },
    { .name = "nimbus, nothing delayed", .run = ours_beside_nothing, .target = BENCH_AT_MOST(1.5) },
};

static const bench_subject storm[] = {
    { .name = "nimbus", .run = ours_lapse },
    { .name = "nimbus, delays that end", .run = ours_delays_end },
    { .name = "nimbus, sent a moment ago", .run = ours_fresh },
    { .name = "mutex list with visibility", .run = list_lapse, .target = BENCH_AT_LEAST(1) },
};

static const bench_subject ordered[] = {
    { .name = "nimbus FIFO", .run = fifo_lapse },
    { .name = "nimbus FIFO, sent a moment ago", .run = fifo_fresh },
};

#define SUBJECTS(list) .subjects = (list), .subject_count = BENCH_COUNT(list)

static const bench_case cases[] = {
    { .name = "one more beside 1 M in flight, 64 B", SUBJECTS(flight) },
    { .name = "one more beside 1 M delayed, 64 B", SUBJECTS(delayed) },
    { .name = "1 M lapse at once, received and deleted, batches of 10, 64 B", SUBJECTS(storm) },
    { .name = "FIFO, 1 M of as many groups lapse at once, batches of 10, 64 B", SUBJECTS(ordered) },
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "million", cases, BENCH_COUNT(cases));
}
