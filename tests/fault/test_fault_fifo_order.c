/* Allocations fail: the order of FIFO queues: groups that come and go, batches, dead letters. */
#include "fault.h"

#define GROUPS 12
#define EACH 3

static nimbus_queue *make_queue(fault *f, const char *name, nimbus_queue_options options)
{
    nimbus_queue *queue;

    options.fifo = true;
    MAKE(f, queue, nimbus_queue_create(f->nb, name, &options, &f->err));
    return queue;
}

/* The second time with memory: then it must be stored, and not be taken for a duplicate of the one that failed. */
static void send_to(fault *f, nimbus_queue *queue, const char *group, const char *id, const char *text)
{
    nimbus_entry entry = entry_of(text);

    entry.group_id = group;
    entry.deduplication_id = id;
    TRY_OK(f, nimbus_queue_send(queue, &entry, NULL));
    LEDGER(queue);
}

/* Receives what is there and deletes it; each group must come in its order. Neither needs memory: all of it goes well. */
static size_t drain(fault *f, nimbus_queue *queue, int *next)
{
    nimbus_delivery deliveries[10];
    size_t count = 0, sum = 0;
    uint64_t before = heap_failed(&f->heap);

    memset(deliveries, 0, sizeof deliveries);
    while (nimbus_queue_receive(queue, 0, NULL, deliveries, 10, &count) == NIMBUS_OK) {
        for (size_t i = 0; i < count; i++) {
            const char *text = nimbus_delivery_body(&deliveries[i]).data;
            int group = (text[0] - '0') * 10 + (text[1] - '0');

            EQ(text[2] - '0', next[group]++);
            OK(nimbus_delivery_delete(&deliveries[i]));
        }
        sum += count;
    }
    CHECK(heap_failed(&f->heap) - before <= 2); /* a cache of blocks was asked for, which it can do without */
    return sum;
}

static void send_and_receive(fault *f)
{
    nimbus_queue *queue;
    char group[8], id[8], text[8];
    int next[GROUPS] = { 0 };

    fault_open(f);
    queue = make_queue(f, "q.fifo", (nimbus_queue_options){ .capacity_messages = 100 });
    for (int n = 0; n < EACH; n++) {
        for (int g = 0; g < GROUPS; g++) {
            snprintf(group, sizeof group, "g%d", g);
            snprintf(id, sizeof id, "%d-%d", g, n);
            snprintf(text, sizeof text, "%02d%d", g, n);
            send_to(f, queue, group, id, text);
        }
    }
    EQ(METRICS(queue).ready, GROUPS * EACH);
    EQ(METRICS(queue).groups, GROUPS);
    EQ(drain(f, queue, next), GROUPS * EACH);
    EQ(METRICS(queue).groups, 0);
    OK(nimbus_queue_purge(queue, NULL)); /* forgets the ids */
    memset(next, 0, sizeof next);
    send_to(f, queue, "g0", "0-0", "000");
    EQ(drain(f, queue, next), 1);
    fault_close(f);
}

static void sending_and_receiving(void **state)
{
    (void)state;
    fault_each(send_and_receive);
}

/* A batch in which some entries find no memory: those that failed can be sent again, each stands in its place among its group's. */
static void send_batch(fault *f)
{
    nimbus_entry entries[4];
    nimbus_sent sent[4];
    nimbus_queue *queue;
    nimbus_status status;
    uint64_t stored = 0;

    fault_open(f);
    queue = make_queue(f, "q.fifo", (nimbus_queue_options){ .content_based_deduplication = true });
    for (int i = 0; i < 4; i++) {
        entries[i] = entry_of(i == 0 ? "000" : i == 1 ? "010" : i == 2 ? "001" : "011");
        entries[i].group_id = i % 2 == 0 ? "a" : "b";
    }
    status = nimbus_queue_send_batch(queue, entries, 4, sent);
    CHECK(status == NIMBUS_OK || status == NIMBUS_PARTIAL);
    for (int i = 0; i < 4; i++) {
        CHECK(sent[i].status == NIMBUS_OK || sent[i].status == NIMBUS_E_NO_MEMORY);
        stored += sent[i].status == NIMBUS_OK;
    }
    EQ(METRICS(queue).ready, stored);
    f->refused += stored < 4;
    heap_pause(&f->heap);
    for (int i = 0; i < 4; i++) {
        IS(nimbus_queue_send(queue, &entries[i], NULL), sent[i].status == NIMBUS_OK ? NIMBUS_DUPLICATE : NIMBUS_OK);
    }
    heap_resume(&f->heap);
    EQ(METRICS(queue).ready, 4);
    LEDGER(queue);
    fault_close(f);
}

static void sending_batches(void **state)
{
    (void)state;
    fault_each(send_batch);
}

/* Without memory for the letter the head stays where it is, and nothing overtakes it (SQS-D11). */
static void move(fault *f)
{
    nimbus_queue *dead, *queue;
    nimbus_delivery delivery = { 0 };
    size_t count;

    fault_open(f);
    dead = make_queue(f, "dead.fifo", (nimbus_queue_options){ .fifo = true });
    queue = make_queue(f, "q.fifo", (nimbus_queue_options){ .dead_letter_queue = dead, .max_receive_count = 1 });
    send_to(f, queue, "g", "1", "000");
    send_to(f, queue, "g", "2", "001");
    OK(nimbus_queue_receive(queue, 0, NULL, &delivery, 1, &count));
    OK(nimbus_delivery_retry(&delivery, 0));
    if (nimbus_queue_receive(queue, 0, NULL, &delivery, 1, &count) == NIMBUS_EMPTY) { /* the move failed */
        EQ(METRICS(queue).ready, 2);
        EQ(METRICS(dead).ready, 0);
        f->refused++;
        heap_pause(&f->heap);
        OK(nimbus_advance(f->nb, NIMBUS_MINUTES(2)));
        EQ(METRICS(dead).ready, 1);
        OK(nimbus_queue_receive(queue, 0, NULL, &delivery, 1, &count));
        heap_resume(&f->heap);
    }
    CHECK(bytes_are(nimbus_delivery_body(&delivery), "001"));
    OK(nimbus_delivery_delete(&delivery));
    EQ(METRICS(dead).ready, 1);
    LEDGER(queue);
    fault_close(f);
}

static void moving_to_dead_letters(void **state)
{
    (void)state;
    fault_each(move);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sending_and_receiving),
        cmocka_unit_test(sending_batches),
        cmocka_unit_test(moving_to_dead_letters),
    };

    return cmocka_run_group_tests_name("fault_fifo_order", tests, NULL, NULL);
}
