/* test_fifo_batch.c - batches of FIFO and fair queues: each entry as if it had been sent or deleted alone, and what is given back. */
#include "support.h"

#include "fifo.h"

#define MOST 10u

/* Sends bodies of one character, each to the group of that character in groups, with itself as its deduplication id. */
static nimbus_status send_all(nimbus_queue *queue, const char *bodies, const char *groups, nimbus_sent sent[MOST])
{
    nimbus_entry entries[MOST];
    char texts[MOST][2], names[MOST][2];
    size_t count = strlen(bodies);

    for (size_t i = 0; i < count; i++) {
        texts[i][0] = bodies[i];
        names[i][0] = groups[i];
        texts[i][1] = names[i][1] = '\0';
        entries[i] = (nimbus_entry){ .body = nimbus_copy(texts[i], 1), .group_id = names[i], .deduplication_id = texts[i] };
    }
    return nimbus_queue_send_batch(queue, entries, count, sent);
}

static void a_wrong_entry_among_others(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");
    nimbus_sent sent[MOST];

    IS(send_all(queue, "abca", "xy\nx", sent), NIMBUS_PARTIAL);
    OK(sent[0].status);
    OK(sent[1].status);
    IS(sent[2].status, NIMBUS_E_INVALID);
    EQ(sent[2].sequence, 0);
    IS(sent[3].status, NIMBUS_DUPLICATE);
    CHECK(ids_equal(sent[3].id, sent[0].id));
    EQ(sent[1].sequence, sent[0].sequence + 1);
    EQ(sent[3].sequence, sent[0].sequence);
    COUNTS(queue, 2, 0, 0);
    OK(send_all(queue, "bd", "yy", NULL)); /* a duplicate is no failure */
    RECEIVES(queue, 10, "a,b,d", NULL);
    LEDGER(queue);
}

/* What a run reserved for duplicates is there for others. */
static void places_come_back(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .capacity_messages = 6);
    nimbus_sent sent[MOST];

    OK(send_all(queue, "aabb", "xxyy", sent));
    COUNTS(queue, 2, 0, 0);
    OK(send_all(queue, "abcd", "xxyy", sent));
    COUNTS(queue, 4, 0, 0);
    IS(send_all(queue, "aefgb", "xxxxx", sent), NIMBUS_PARTIAL); /* not room for all: one by one, in their order */
    IS(sent[0].status, NIMBUS_DUPLICATE);
    OK(sent[1].status);
    OK(sent[2].status);
    IS(sent[3].status, NIMBUS_E_FULL);
    EQ(sent[3].bound, NIMBUS_BOUND_MESSAGES);
    IS(sent[4].status, NIMBUS_DUPLICATE); /* a full queue accepts what it has seen */
    COUNTS(queue, 6, 0, 0);
    LEDGER(queue);
}

static void bytes_come_back(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .capacity_bytes = 4);
    nimbus_delivery got[MOST] = { 0 };
    nimbus_sent sent[MOST];
    size_t count;

    OK(send_all(queue, "aab", "xxy", sent));
    EQ(METRICS(queue).bytes, 2);
    IS(send_all(queue, "cdef", "xxyy", sent), NIMBUS_PARTIAL);
    OK(sent[1].status);
    IS(sent[2].status, NIMBUS_E_FULL);
    EQ(sent[2].bound, NIMBUS_BOUND_BYTES);
    OK(nimbus_queue_receive(queue, 0, NULL, got, MOST, &count));
    EQ(count, 4);
    OK(nimbus_delivery_delete_batch(got, 2, NULL));
    EQ(METRICS(queue).bytes, 2);
    OK(nimbus_delivery_delete_batch(&got[2], 2, NULL));
    EQ(METRICS(queue).bytes, 0);
    OK(send_all(queue, "ghij", "xxyy", sent));
    COUNTS(queue, 4, 0, 0);
    LEDGER(queue);
}

/* Each receipt for itself; what is deleted opens its group at once. */
static void deletes_of_many_kinds(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo"), *other = PLAIN_FIFO(w, "other.fifo");
    nimbus_receipt receipts[5] = { { 0 } };
    nimbus_status statuses[5];

    OK(send_all(queue, "abcdefg", "xxyyzzx", NULL));
    OK(send_all(other, "k", "x", NULL));
    RECEIVES_FOR(queue, 1, NIMBUS_SECONDS(5), "a", &receipts[0]);
    RECEIVES(queue, 1, "c", &receipts[1]);
    RECEIVES(queue, 2, "e,f", &receipts[2]);
    RECEIVES(other, 1, "k", &receipts[4]);
    ADVANCE(w, NIMBUS_SECONDS(6)); /* a lapses: its receipt is good no more */
    IS(nimbus_queue_delete_batch(queue, receipts, 5, statuses), NIMBUS_PARTIAL);
    IS(statuses[0], NIMBUS_E_RECEIPT_EXPIRED);
    OK(statuses[1]);
    OK(statuses[2]);
    OK(statuses[3]);
    IS(statuses[4], NIMBUS_E_RECEIPT);
    EQ(METRICS(queue).groups, 2); /* z is empty */
    OK(nimbus_queue_delete_batch(queue, &receipts[1], 3, statuses)); /* deleting again is fine */
    RECEIVES(queue, 10, "d,a,b,g", NULL);
    LEDGER(queue);
}

/* The delay of the queue holds for all of them. */
static void delayed(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .delay = NIMBUS_SECONDS(3));

    OK(send_all(queue, "abc", "xyx", NULL));
    COUNTS(queue, 0, 3, 0);
    ADVANCE(w, NIMBUS_SECONDS(4));
    RECEIVES(queue, 10, "a,c,b", NULL);
    LEDGER(queue);
}

/* A fair queue takes a batch the same way; there each entry has its own delay, and a plain one is among them. */
static void of_a_fair_queue(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "fair", .fair = true);
    nimbus_delivery got[MOST] = { 0 };
    nimbus_entry entries[4] = {
        { .body = nimbus_text("a"), .group_id = "x" }, { .body = nimbus_text("b") },
        { .body = nimbus_text("c"), .group_id = "x", .delay = NIMBUS_SECONDS(9) }, { .body = nimbus_text("d"), .deduplication_id = "no" },
    };
    nimbus_sent sent[4];
    size_t count;

    IS(nimbus_queue_send_batch(queue, entries, 4, sent), NIMBUS_PARTIAL);
    IS(sent[3].status, NIMBUS_E_INVALID);
    COUNTS(queue, 2, 1, 0);
    OK(nimbus_queue_receive(queue, 0, NULL, got, MOST, &count));
    EQ(count, 2);
    OK(nimbus_delivery_delete_batch(got, 2, NULL));
    COUNTS(queue, 0, 1, 0);
    OK(nimbus_queue_cancel(queue, sent[2].place));
    COUNTS(queue, 0, 0, 0);
    LEDGER(queue);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        DRIVEN(a_wrong_entry_among_others),
        DRIVEN(places_come_back),
        DRIVEN(bytes_come_back),
        DRIVEN(deletes_of_many_kinds),
        DRIVEN(delayed),
        DRIVEN(of_a_fair_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
