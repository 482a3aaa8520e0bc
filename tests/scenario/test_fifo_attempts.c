/* test_fifo_attempts.c - receive attempts: a receive that is repeated gives the same messages under the same receipts. */
#include "support.h"

#define WINDOW NIMBUS_SECONDS(300)
#define HIDDEN NIMBUS_SECONDS(10)

static nimbus_queue *filled(world *w)
{
    nimbus_queue *queue = QUEUE(w, "q.fifo", .fifo = true, .content_based_deduplication = true, .visibility_timeout = HIDDEN);
    static const char *const bodies[] = { "a", "b", "c" };

    for (size_t i = 0; i < COUNT(bodies); i++) {
        nimbus_entry entry = { .body = nimbus_text(bodies[i]), .group_id = i < 2 ? "g" : "h" };

        OK(nimbus_queue_send(queue, &entry, NULL));
    }
    return queue;
}

static nimbus_status attempt(nimbus_queue *queue, const char *id, nimbus_delivery *ret, size_t max, size_t *ret_count)
{
    return nimbus_queue_receive(queue, 0, &(nimbus_receive_options){ .attempt_id = id }, ret, max, ret_count);
}

static nimbus_receipt receipt_of(const nimbus_delivery *delivery)
{
    nimbus_delivery_info info;

    OK(nimbus_delivery_get_info(delivery, &info));
    EQ(info.receive_count, 1);
    return nimbus_delivery_receipt(delivery);
}

static bool same(nimbus_receipt a, nimbus_receipt b)
{
    return a.place == b.place && a.generation == b.generation;
}

static void let_go(nimbus_delivery *deliveries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        nimbus_delivery_release(&deliveries[i]);
    }
}

static void sqs_f24_the_same_messages_and_receipts(void **state)
{
    world *w = *state;
    nimbus_queue *queue = filled(w);
    nimbus_delivery one[2] = { 0 }, two[2] = { 0 };
    nimbus_delivery_info info, sooner;
    size_t count = 0;

    OK(attempt(queue, "try", one, 2, &count));
    EQ(count, 2);
    ADVANCE(w, HIDDEN - 1);
    OK(attempt(queue, "try", two, 2, &count)); /* restarts their visibility */
    EQ(count, 2);
    for (size_t i = 0; i < 2; i++) {
        CHECK(same(receipt_of(&one[i]), receipt_of(&two[i])));
        OK(nimbus_delivery_get_info(&one[i], &sooner));
        OK(nimbus_delivery_get_info(&two[i], &info));
        CHECK(ids_equal(info.id, sooner.id));
        EQ(info.sequence, sooner.sequence);
        TEXT(info.group_id, "g");
        EQT(info.visible_at, sooner.visible_at + HIDDEN - 1);
    }
    CHECK(bytes_are(nimbus_delivery_body(&two[0]), "a"));
    CHECK(bytes_are(nimbus_delivery_body(&two[1]), "b"));
    EQ(METRICS(queue).received, 2);
    COUNTS(queue, 1, 0, 2);
    ADVANCE(w, HIDDEN - 1);
    COUNTS(queue, 1, 0, 2);
    OK(nimbus_delivery_delete(&two[0]));
    OK(nimbus_queue_delete_message(queue, receipt_of(&one[1])));
    let_go(one, 2);
    let_go(two, 2);
    COUNTS(queue, 1, 0, 0);
}

/* Hidden for no time it is ready at once (SQS-R10), and behind what was ready before. */
static void sqs_f24_repeated_for_no_time(void **state)
{
    world *w = *state;
    nimbus_queue *queue = filled(w);
    nimbus_delivery got[3] = { 0 };
    nimbus_receive_options options = { .attempt_id = "try", .visibility_timeout = NIMBUS_ZERO };
    size_t count = 0;

    OK(attempt(queue, "try", got, 2, &count));
    OK(nimbus_queue_receive(queue, 0, &options, got, 2, &count));
    EQ(count, 2);
    COUNTS(queue, 3, 0, 0);
    IS(attempt(queue, "try", got, 2, &count), NIMBUS_E_ATTEMPT); /* it is in flight no more */
    OK(attempt(queue, "other", got, 3, &count));
    EQ(count, 3);
    CHECK(bytes_are(nimbus_delivery_body(&got[0]), "c"));
    CHECK(bytes_are(nimbus_delivery_body(&got[1]), "a"));
    CHECK(bytes_are(nimbus_delivery_body(&got[2]), "b"));
    let_go(got, 3);
}

static void sqs_f24_another_id_is_another_receive(void **state)
{
    world *w = *state;
    nimbus_queue *queue = filled(w);
    nimbus_delivery one[2] = { 0 }, other = { 0 };
    size_t count = 0;

    OK(attempt(queue, "try", one, 2, NULL));
    OK(attempt(queue, "Try", &other, 1, &count));
    CHECK(bytes_are(nimbus_delivery_body(&other), "c"));
    IS(attempt(queue, "third", &other, 1, &count), NIMBUS_EMPTY); /* what was in the slot is let go of, as by any receive */
    EQ(count, 0);
    ADVANCE(w, HIDDEN);
    OK(attempt(queue, "third", &other, 1, &count)); /* a receive that brought nothing is not remembered */
    let_go(one, 2);
    let_go(&other, 1);
}

static void sqs_f24_with_a_visibility_of_its_own(void **state)
{
    world *w = *state;
    nimbus_queue *queue = filled(w);
    nimbus_receive_options options = { .attempt_id = "try", .visibility_timeout = NIMBUS_SECONDS(60) };
    nimbus_delivery one = { 0 };

    OK(attempt(queue, "try", &one, 1, NULL));
    let_go(&one, 1);
    OK(nimbus_queue_receive(queue, 0, &options, &one, 1, NULL));
    ADVANCE(w, NIMBUS_SECONDS(60) - 1);
    COUNTS(queue, 2, 0, 1);
    ADVANCE(w, 1);
    COUNTS(queue, 3, 0, 0);
    let_go(&one, 1);
}

/* Each of these makes the attempt invalid, and the rest of its messages stays as it is. */
static void spoil(world *w, nimbus_queue *queue, nimbus_delivery *one, int how)
{
    if (how == 0) {
        OK(nimbus_queue_delete_message(queue, receipt_of(&one[1])));
    } else if (how == 1) {
        OK(nimbus_queue_change_visibility(queue, receipt_of(&one[1]), NIMBUS_SECONDS(100)));
    } else if (how == 2) {
        OK(nimbus_queue_change_visibility(queue, receipt_of(&one[1]), 0));
    } else if (how == 3) {
        ADVANCE(w, HIDDEN); /* lapsed */
    } else {
        OK(nimbus_queue_purge(queue, NULL));
    }
}

static void sqs_f25_settled_changed_or_lapsed(void **state)
{
    for (int how = 0; how < 5; how++) {
        world *w = *state;
        nimbus_queue *queue = filled(w);
        nimbus_delivery one[2] = { 0 }, two[2] = { 0 };
        nimbus_queue_metrics before, after;
        size_t count = 7;

        OK(attempt(queue, "try", one, 2, NULL));
        spoil(w, queue, one, how);
        before = METRICS(queue);
        IS(attempt(queue, "try", two, 2, &count), NIMBUS_E_ATTEMPT);
        IS(attempt(queue, "try", two, 2, &count), NIMBUS_E_ATTEMPT);
        EQ(count, 7);
        CHECK(nimbus_delivery_message(&two[0]) == NULL && nimbus_delivery_message(&two[1]) == NULL);
        after = METRICS(queue);
        EQ(after.ready, before.ready);
        EQ(after.in_flight, before.in_flight);
        EQ(after.received, before.received);
        if (how < 3) {
            OK(nimbus_queue_delete_message(queue, receipt_of(&one[0]))); /* still in flight under it */
        }
        let_go(one, 2);
        OK(nimbus_queue_delete(queue));
        nimbus_queue_release(queue);
    }
}

static void sqs_f25_after_five_minutes_it_is_new(void **state)
{
    world *w = *state;
    nimbus_queue *queue = filled(w);
    nimbus_receive_options options = { .attempt_id = "try", .visibility_timeout = NIMBUS_SECONDS(1000) };
    nimbus_delivery one = { 0 }, two = { 0 };

    OK(nimbus_queue_receive(queue, 0, &options, &one, 1, NULL));
    ADVANCE(w, WINDOW - 1);
    OK(nimbus_queue_receive(queue, 0, &options, &two, 1, NULL));
    CHECK(bytes_are(nimbus_delivery_body(&two), "a"));
    ADVANCE(w, 1); /* the repeat did not extend it */
    OK(nimbus_queue_receive(queue, 0, &options, &two, 1, NULL));
    CHECK(bytes_are(nimbus_delivery_body(&two), "c"));
    let_go(&one, 1);
    let_go(&two, 1);
}

static void attempts_that_are_refused(void **state)
{
    world *w = *state;
    nimbus_queue *queue = filled(w), *standard = PLAIN_QUEUE(w, "q");
    nimbus_receive_options options = { .attempt_id = "try" };
    nimbus_delivery one[2] = { 0 };
    async_record record = { 0 };
    char long_id[130];

    memset(long_id, 'x', 129);
    long_id[129] = '\0';
    SEND(standard, "m");
    IS(attempt(standard, "try", one, 1, NULL), NIMBUS_E_INVALID);
    IS(attempt(queue, "", one, 1, NULL), NIMBUS_E_INVALID);
    IS(attempt(queue, "a b", one, 1, NULL), NIMBUS_E_INVALID);
    IS(attempt(queue, long_id, one, 1, NULL), NIMBUS_E_INVALID);
    IS(nimbus_queue_receive_async(queue, 0, &options, 1, async_receive, &record, NULL), NIMBUS_E_INVALID);
    COUNTS(queue, 3, 0, 0);
    OK(attempt(queue, long_id + 1, one, 2, NULL));
    IS(attempt(queue, long_id + 1, one, 1, NULL), NIMBUS_E_ATTEMPT); /* no room for both */
    OK(attempt(queue, long_id + 1, one, 2, NULL));
    let_go(one, 2);
}

/* Many attempts, and then none: their memory comes back with time. */
static void attempts_are_forgotten(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q.fifo", .fifo = true, .visibility_timeout = NIMBUS_SECONDS(1000));
    char id[16];
    size_t before;
    nimbus_entry entry = { .body = nimbus_text("m"), .group_id = id, .deduplication_id = id };
    nimbus_delivery one = { 0 };

    OK(attempt(queue, "warm", &one, 1, NULL) == NIMBUS_EMPTY ? NIMBUS_OK : NIMBUS_E_INVALID);
    for (unsigned i = 0; i < 500; i++) {
        snprintf(id, sizeof id, "%u", i);
        OK(nimbus_queue_send(queue, &entry, NULL));
    }
    before = w->heap.bytes;
    for (unsigned i = 0; i < 500; i++) {
        snprintf(id, sizeof id, "try-%u", i);
        OK(attempt(queue, id, &one, 1, NULL));
    }
    for (unsigned i = 0; i < 500; i++) {
        nimbus_delivery_info info;

        snprintf(id, sizeof id, "try-%u", i);
        OK(attempt(queue, id, &one, 1, NULL));
        OK(nimbus_delivery_get_info(&one, &info));
        snprintf(id, sizeof id, "%u", i);
        TEXT(info.group_id, id);
    }
    CHECK(w->heap.bytes > before + 500 * 48);
    ADVANCE(w, WINDOW);
    IS(attempt(queue, "try", &one, 1, NULL), NIMBUS_EMPTY);
    CHECK(w->heap.bytes < before + 4096);
    let_go(&one, 1);
}

/* The longest time that a message may stay hidden counts from the receive that was repeated last, as from any other. */
static void sqs_f24_the_longest_time_counts_from_the_repetition(void **state)
{
    world *w = *state;
    nimbus_queue *queue = filled(w);
    nimbus_receive_options options = { .attempt_id = "try", .visibility_timeout = NIMBUS_MINUTES(10) };
    nimbus_delivery one = { 0 };
    nimbus_receipt receipt;

    OK(nimbus_queue_receive(queue, 0, &options, &one, 1, NULL));
    receipt = receipt_of(&one);
    nimbus_delivery_release(&one);
    ADVANCE(w, NIMBUS_MINUTES(4));
    OK(nimbus_queue_receive(queue, 0, &options, &one, 1, NULL));
    nimbus_delivery_release(&one);
    IS(nimbus_queue_change_visibility(queue, receipt, NIMBUS_HOURS(12) + 1), NIMBUS_E_INVALID);
    OK(nimbus_queue_change_visibility(queue, receipt, NIMBUS_HOURS(12)));
    LEDGER(queue);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        DRIVEN(sqs_f24_the_same_messages_and_receipts),
        DRIVEN(sqs_f24_repeated_for_no_time),
        DRIVEN(sqs_f24_another_id_is_another_receive),
        DRIVEN(sqs_f24_with_a_visibility_of_its_own),
        DRIVEN(sqs_f24_the_longest_time_counts_from_the_repetition),
        DRIVEN(sqs_f25_settled_changed_or_lapsed),
        DRIVEN(sqs_f25_after_five_minutes_it_is_new),
        DRIVEN(attempts_that_are_refused),
        DRIVEN(attempts_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
