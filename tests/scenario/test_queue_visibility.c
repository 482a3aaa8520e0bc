/* Visibility and receipts: lapse, extend, give back, delete, and what an old receipt is good for (SQS-V). */
#include "../support/support.h"

static void fresh_queue(world *w, nimbus_queue **ret)
{
    *ret = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(10));
}

static bool receipts_equal(nimbus_receipt a, nimbus_receipt b)
{
    return a.place == b.place && a.generation == b.generation;
}

static void sqs_v1_hidden_for_the_timeout_from_the_receive(void **state)
{
    world *w = *state;
    nimbus_queue *queue;

    fresh_queue(w, &queue);
    SEND(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(7)); /* time before the receive does not count */
    (void)TAKE(queue, "m");
    COUNTS(queue, 0, 0, 1);
    RECEIVE_NONE(queue);
    ADVANCE(w, NIMBUS_SECONDS(10) - 1);
    RECEIVE_NONE(queue);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, 1);
    RECEIVE(queue, NULL, "m");
}

static void sqs_v1_a_delete_is_explicit(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_delivery delivery = { 0 };

    fresh_queue(w, &queue);
    SEND(queue, "m");
    RECEIVE(queue, &delivery, "m");
    nimbus_delivery_release(&delivery);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, NIMBUS_SECONDS(10));
    RECEIVE(queue, &delivery, "m");
    OK(nimbus_delivery_delete(&delivery));
    COUNTS(queue, 0, 0, 0);
    ADVANCE(w, NIMBUS_SECONDS(100));
    RECEIVE_NONE(queue);
    EQ(METRICS(queue).deleted, 1);
}

static void sqs_v2_back_with_a_count_and_a_receipt_of_its_own(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_delivery delivery = { 0 };
    nimbus_receipt before = { 0 };
    nimbus_id id;
    nimbus_delivery_info info = { 0 };
    uint32_t i;

    fresh_queue(w, &queue);
    id = SEND(queue, "m");
    for (i = 1; i <= 4; i++) {
        nimbus_receipt receipt;
        RECEIVE(queue, &delivery, "m");
        receipt = nimbus_delivery_receipt(&delivery);
        CHECK(!receipts_equal(receipt, before));
        before = receipt;
        EQ(nimbus_delivery_receive_count(&delivery), i);
        OK(nimbus_delivery_get_info(&delivery, &info));
        EQ(info.receive_count, i);
        CHECK(ids_equal(info.id, id));
        TEXT(info.source, "q");
        CHECK(info.dead_letter_source == NULL);
        CHECK(info.dead_letter_reason == NULL);
        EQ(info.dead_letter_attempts, 0);
        nimbus_delivery_release(&delivery);
        ADVANCE(w, NIMBUS_SECONDS(10));
    }
}

static void sqs_v3_the_time_of_the_first_receive_stays(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_delivery delivery = { 0 };
    nimbus_delivery_info info = { 0 };

    fresh_queue(w, &queue);
    ADVANCE(w, NIMBUS_SECONDS(1));
    SEND(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(2));
    RECEIVE(queue, &delivery, "m");
    OK(nimbus_delivery_get_info(&delivery, &info));
    EQT(info.sent, START_TIME + NIMBUS_SECONDS(1));
    EQT(info.first_received, START_TIME + NIMBUS_SECONDS(3));
    EQT(info.visible_at, START_TIME + NIMBUS_SECONDS(13));
    ADVANCE(w, NIMBUS_SECONDS(20));
    RECEIVE(queue, &delivery, "m");
    OK(nimbus_delivery_get_info(&delivery, &info));
    EQT(info.sent, START_TIME + NIMBUS_SECONDS(1));
    EQT(info.first_received, START_TIME + NIMBUS_SECONDS(3));
    EQT(info.visible_at, START_TIME + NIMBUS_SECONDS(33));
    OK(nimbus_delivery_delete(&delivery));
}

static void sqs_v4_the_end_is_set_to_now_and_the_value(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_receipt receipt;

    fresh_queue(w, &queue);
    SEND(queue, "longer");
    receipt = TAKE(queue, "longer");
    ADVANCE(w, NIMBUS_SECONDS(4));
    OK(nimbus_queue_change_visibility(queue, receipt, NIMBUS_SECONDS(20)));
    ADVANCE(w, NIMBUS_SECONDS(20) - 1);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, 1);
    COUNTS(queue, 1, 0, 0);

    receipt = TAKE(queue, "longer"); /* and shorter */
    OK(nimbus_queue_change_visibility(queue, receipt, NIMBUS_SECONDS(2)));
    ADVANCE(w, NIMBUS_SECONDS(2) - 1);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, 1);
    COUNTS(queue, 1, 0, 0);

    (void)TAKE(queue, "longer"); /* for that receipt only: the queue's timeout is as it was */
    ADVANCE(w, NIMBUS_SECONDS(10) - 1);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, 1);
    COUNTS(queue, 1, 0, 0);
}

static void sqs_v4_the_same_by_the_delivery(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_delivery delivery = { 0 };

    fresh_queue(w, &queue);
    SEND(queue, "m");
    RECEIVE(queue, &delivery, "m");
    OK(nimbus_delivery_extend(&delivery, NIMBUS_SECONDS(30)));
    CHECK(bytes_are(nimbus_delivery_body(&delivery), "m"));
    ADVANCE(w, NIMBUS_SECONDS(25));
    COUNTS(queue, 0, 0, 1);
    OK(nimbus_delivery_retry(&delivery, NIMBUS_SECONDS(3)));
    CHECK(nimbus_delivery_message(&delivery) == NULL);
    ADVANCE(w, NIMBUS_SECONDS(3) - 1);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, 1);
    RECEIVE(queue, &delivery, "m");
    EQ(nimbus_delivery_receive_count(&delivery), 2);
    OK(nimbus_delivery_extend(&delivery, 0));
    COUNTS(queue, 1, 0, 0);
    IS(nimbus_delivery_extend(&delivery, NIMBUS_SECONDS(5)), NIMBUS_E_NOT_INFLIGHT);
    OK(nimbus_delivery_delete(&delivery));
    COUNTS(queue, 0, 0, 0);
}

static void sqs_v5_twelve_hours_from_the_receive(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_receipt receipt;

    fresh_queue(w, &queue);
    SEND(queue, "m");
    receipt = TAKE(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(5));
    IS(nimbus_queue_change_visibility(queue, receipt, NIMBUS_HOURS(12)), NIMBUS_E_INVALID);
    IS(nimbus_queue_change_visibility(queue, receipt, NIMBUS_HOURS(12) - NIMBUS_SECONDS(5) + 1), NIMBUS_E_INVALID);
    ADVANCE(w, NIMBUS_SECONDS(5) - 1); /* refused, not trimmed: the first timeout holds */
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, 1);
    COUNTS(queue, 1, 0, 0);

    receipt = TAKE(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(5));
    OK(nimbus_queue_change_visibility(queue, receipt, NIMBUS_HOURS(12) - NIMBUS_SECONDS(5)));
    ADVANCE(w, NIMBUS_HOURS(12) - NIMBUS_SECONDS(5) - 1);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, 1);
    COUNTS(queue, 1, 0, 0);
}

static void sqs_v5_repeated_extension_does_not_pass_it(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_receipt receipt;
    size_t hour;

    fresh_queue(w, &queue);
    SEND(queue, "m");
    receipt = TAKE(queue, "m");
    OK(nimbus_queue_change_visibility(queue, receipt, NIMBUS_HOURS(12)));
    for (hour = 1; hour < 12; hour++) {
        ADVANCE(w, NIMBUS_HOURS(1));
        IS(nimbus_queue_change_visibility(queue, receipt, NIMBUS_HOURS(12)), NIMBUS_E_INVALID);
        OK(nimbus_queue_change_visibility(queue, receipt, NIMBUS_HOURS(12 - (int64_t)hour)));
    }
    ADVANCE(w, NIMBUS_HOURS(1) - 1);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, 1);
    COUNTS(queue, 1, 0, 0);
}

static void sqs_v5_the_range_of_the_value(void **state)
{
    static const nimbus_duration wrong[] = { -1, -NIMBUS_SECONDS(1), 1, 30, 999, NIMBUS_HOURS(12) + 1, NIMBUS_FOREVER };
    world *w = *state;
    nimbus_queue *queue;
    nimbus_delivery delivery = { 0 };
    size_t i;

    fresh_queue(w, &queue);
    SEND(queue, "m");
    RECEIVE(queue, &delivery, "m");
    for (i = 0; i < COUNT(wrong); i++) {
        IS(nimbus_queue_change_visibility(queue, nimbus_delivery_receipt(&delivery), wrong[i]), NIMBUS_E_INVALID);
        IS(nimbus_delivery_extend(&delivery, wrong[i]), NIMBUS_E_INVALID);
        IS(nimbus_delivery_retry(&delivery, wrong[i]), NIMBUS_E_INVALID);
        CHECK(bytes_are(nimbus_delivery_body(&delivery), "m")); /* still ours */
    }
    COUNTS(queue, 0, 0, 1);
    OK(nimbus_queue_change_visibility(queue, nimbus_delivery_receipt(&delivery), NIMBUS_HOURS(12)));
    OK(nimbus_delivery_retry(&delivery, NIMBUS_US(1)));
    ADVANCE(w, NIMBUS_SECONDS(1));
    COUNTS(queue, 1, 0, 0);
}

static void sqs_v6_zero_returns_it_at_once(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_delivery delivery = { 0 };
    nimbus_receipt receipt;

    fresh_queue(w, &queue);
    SEND(queue, "m");
    receipt = TAKE(queue, "m");
    OK(nimbus_queue_change_visibility(queue, receipt, 0));
    COUNTS(queue, 1, 0, 0);
    RECEIVE(queue, &delivery, "m");
    EQ(nimbus_delivery_receive_count(&delivery), 2);
    OK(nimbus_delivery_retry(&delivery, 0));
    COUNTS(queue, 1, 0, 0);
    RECEIVE(queue, &delivery, "m");
    EQ(nimbus_delivery_receive_count(&delivery), 3);
    OK(nimbus_delivery_delete(&delivery));
}

static void sqs_v7_extension_in_time_keeps_it_hidden(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_receipt receipt;
    size_t i;

    fresh_queue(w, &queue);
    SEND(queue, "m");
    receipt = TAKE(queue, "m");
    for (i = 0; i < 50; i++) {
        ADVANCE(w, NIMBUS_SECONDS(10) - 1);
        OK(nimbus_queue_change_visibility(queue, receipt, NIMBUS_SECONDS(10)));
        RECEIVE_NONE(queue);
    }
    COUNTS(queue, 0, 0, 1);
    OK(nimbus_queue_delete_message(queue, receipt));
    COUNTS(queue, 0, 0, 0);
    ADVANCE(w, NIMBUS_HOURS(1));
    COUNTS(queue, 0, 0, 0);
}

static void sqs_v8_delete_after_lapse(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_delivery delivery = { 0 };
    nimbus_receipt receipt;

    fresh_queue(w, &queue);
    SEND(queue, "m");
    receipt = TAKE(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(10));
    COUNTS(queue, 1, 0, 0);
    OK(nimbus_queue_delete_message(queue, receipt));
    COUNTS(queue, 0, 0, 0);
    RECEIVE_NONE(queue);
    EQ(METRICS(queue).deleted, 1);

    SEND(queue, "n");
    RECEIVE(queue, &delivery, "n");
    ADVANCE(w, NIMBUS_HOURS(1));
    OK(nimbus_delivery_delete(&delivery));
    COUNTS(queue, 0, 0, 0);
    RECEIVE_NONE(queue);
}

static void sqs_v8_the_others_are_not_disturbed(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_receipt b;

    fresh_queue(w, &queue);
    SEND(queue, "a");
    SEND(queue, "b");
    SEND(queue, "c");
    (void)TAKE(queue, "a");
    b = TAKE(queue, "b");
    (void)TAKE(queue, "c");
    ADVANCE(w, NIMBUS_SECONDS(10));
    OK(nimbus_queue_delete_message(queue, b));
    COUNTS(queue, 2, 0, 0);
    RECEIVE(queue, NULL, "a");
    RECEIVE(queue, NULL, "c");
    RECEIVE_NONE(queue);
}

static void sqs_v9_a_superseded_receipt_does_not_delete(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_delivery first = { 0 };
    nimbus_delivery second = { 0 };

    fresh_queue(w, &queue);
    SEND(queue, "m");
    RECEIVE(queue, &first, "m");
    ADVANCE(w, NIMBUS_SECONDS(10));
    RECEIVE(queue, &second, "m");
    IS(nimbus_queue_delete_message(queue, nimbus_delivery_receipt(&first)), NIMBUS_STALE);
    COUNTS(queue, 0, 0, 1);
    IS(nimbus_delivery_delete(&first), NIMBUS_STALE);
    CHECK(nimbus_delivery_message(&first) == NULL);
    COUNTS(queue, 0, 0, 1);
    EQ(METRICS(queue).deleted, 0);
    ADVANCE(w, NIMBUS_SECONDS(10)); /* also once the newer one has lapsed */
    RECEIVE(queue, &first, "m");
    IS(nimbus_delivery_delete(&second), NIMBUS_STALE);
    OK(nimbus_delivery_delete(&first));
    COUNTS(queue, 0, 0, 0);
}

static void sqs_v9_stale_also_when_the_newer_one_has_lapsed(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_receipt first;
    nimbus_receipt second;

    fresh_queue(w, &queue);
    SEND(queue, "m");
    first = TAKE(queue, "m");
    OK(nimbus_queue_change_visibility(queue, first, 0));
    second = TAKE(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(10));
    COUNTS(queue, 1, 0, 0);
    IS(nimbus_queue_delete_message(queue, first), NIMBUS_STALE);
    COUNTS(queue, 1, 0, 0);
    OK(nimbus_queue_delete_message(queue, second));
    COUNTS(queue, 0, 0, 0);
}

static void sqs_v13_delete_again_succeeds(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_delivery delivery = { 0 };
    nimbus_receipt receipt;
    size_t i;

    fresh_queue(w, &queue);
    SEND(queue, "m");
    RECEIVE(queue, &delivery, "m");
    receipt = nimbus_delivery_receipt(&delivery);
    for (i = 0; i < 5; i++) {
        OK(nimbus_queue_delete_message(queue, receipt));
    }
    OK(nimbus_delivery_delete(&delivery));
    EQ(METRICS(queue).deleted, 1);
    for (i = 0; i < 100; i++) { /* its place is used again, and the old receipt never hits the new message */
        nimbus_receipt other;
        SEND(queue, "n");
        OK(nimbus_queue_delete_message(queue, receipt));
        other = TAKE(queue, "n");
        OK(nimbus_queue_delete_message(queue, receipt));
        COUNTS(queue, 0, 0, 1);
        OK(nimbus_queue_delete_message(queue, other));
    }
    EQ(METRICS(queue).deleted, 101);
}

static void sqs_v14_what_is_no_receipt_of_this_queue(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_queue *other = PLAIN_QUEUE(w, "other");
    nimbus_receipt receipt;
    nimbus_receipt wrong;
    size_t bit;

    fresh_queue(w, &queue);
    SEND(queue, "m");
    SEND(other, "o");
    receipt = TAKE(queue, "m");
    IS(nimbus_queue_delete_message(other, receipt), NIMBUS_E_RECEIPT);
    IS(nimbus_queue_change_visibility(other, receipt, 0), NIMBUS_E_RECEIPT);
    wrong = (nimbus_receipt){ 0 };
    IS(nimbus_queue_delete_message(queue, wrong), NIMBUS_E_RECEIPT);
    IS(nimbus_queue_change_visibility(queue, wrong, 0), NIMBUS_E_RECEIPT);
    wrong.place = UINT64_MAX;
    wrong.generation = UINT64_MAX;
    IS(nimbus_queue_delete_message(queue, wrong), NIMBUS_E_RECEIPT);
    IS(nimbus_queue_change_visibility(queue, wrong, 0), NIMBUS_E_RECEIPT);
    /* Garbage of any kind changes nothing. */
    for (bit = 0; bit < 128; bit++) {
        wrong = receipt;
        if (bit < 64) {
            wrong.place ^= UINT64_C(1) << bit;
        } else {
            wrong.generation ^= UINT64_C(1) << (bit - 64);
        }
        (void)nimbus_queue_delete_message(queue, wrong);
        CHECK(nimbus_queue_change_visibility(queue, wrong, 0) != NIMBUS_OK);
        COUNTS(queue, 0, 0, 1);
    }
    COUNTS(other, 1, 0, 0);
    OK(nimbus_queue_delete_message(queue, receipt));
    COUNTS(queue, 0, 0, 0);
}

static void sqs_v15_change_visibility_of_a_deleted_message(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_delivery delivery = { 0 };

    fresh_queue(w, &queue);
    SEND(queue, "m");
    RECEIVE(queue, &delivery, "m");
    OK(nimbus_queue_delete_message(queue, nimbus_delivery_receipt(&delivery)));
    IS(nimbus_queue_change_visibility(queue, nimbus_delivery_receipt(&delivery), 0), NIMBUS_E_NO_MESSAGE);
    IS(nimbus_delivery_extend(&delivery, NIMBUS_SECONDS(5)), NIMBUS_E_NO_MESSAGE);
    CHECK(bytes_are(nimbus_delivery_body(&delivery), "m"));
    IS(nimbus_delivery_retry(&delivery, 0), NIMBUS_E_NO_MESSAGE);
    CHECK(nimbus_delivery_message(&delivery) == NULL);
    COUNTS(queue, 0, 0, 0);
}

static void sqs_v16_change_visibility_after_lapse(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_delivery delivery = { 0 };

    fresh_queue(w, &queue);
    SEND(queue, "m");
    RECEIVE(queue, &delivery, "m");
    ADVANCE(w, NIMBUS_SECONDS(10));
    IS(nimbus_queue_change_visibility(queue, nimbus_delivery_receipt(&delivery), NIMBUS_SECONDS(30)), NIMBUS_E_NOT_INFLIGHT);
    COUNTS(queue, 1, 0, 0); /* not hidden again */
    IS(nimbus_delivery_extend(&delivery, NIMBUS_SECONDS(30)), NIMBUS_E_NOT_INFLIGHT);
    IS(nimbus_delivery_retry(&delivery, NIMBUS_SECONDS(30)), NIMBUS_E_NOT_INFLIGHT);
    CHECK(nimbus_delivery_message(&delivery) == NULL);
    COUNTS(queue, 1, 0, 0);
    RECEIVE(queue, &delivery, "m");
    EQ(nimbus_delivery_receive_count(&delivery), 2);
    OK(nimbus_delivery_delete(&delivery));
}

static void sqs_v17_change_visibility_with_a_superseded_receipt(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_delivery first = { 0 };
    nimbus_delivery second = { 0 };

    fresh_queue(w, &queue);
    SEND(queue, "m");
    RECEIVE(queue, &first, "m");
    ADVANCE(w, NIMBUS_SECONDS(10));
    RECEIVE(queue, &second, "m");
    IS(nimbus_queue_change_visibility(queue, nimbus_delivery_receipt(&first), 0), NIMBUS_STALE);
    IS(nimbus_delivery_extend(&first, NIMBUS_SECONDS(60)), NIMBUS_STALE);
    COUNTS(queue, 0, 0, 1);
    IS(nimbus_delivery_retry(&first, 0), NIMBUS_STALE);
    CHECK(nimbus_delivery_message(&first) == NULL);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, NIMBUS_SECONDS(10) - 1);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, 1);
    COUNTS(queue, 1, 0, 0);
    nimbus_delivery_release(&second);
}

static void sqs_v18_the_in_flight_count_falls_by_itself(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue_metrics m;
    char text[8];
    size_t i;

    for (i = 0; i < 6; i++) {
        (void)snprintf(text, sizeof text, "%zu", i);
        SEND(queue, text);
        (void)TAKE_FOR(queue, text, NIMBUS_SECONDS((int64_t)i + 1));
    }
    for (i = 1; i <= 6; i++) {
        ADVANCE(w, NIMBUS_SECONDS(1));
        COUNTS(queue, i, 0, 6 - i); /* no receive in between */
    }
    m = METRICS(queue);
    EQ(m.received, 6);
    EQ(m.accepted, 6);
    EQ(m.empty_receives, 0);
}

static void sqs_v18_lapses_out_of_order(void **state)
{
    static const int64_t seconds[] = { 40, 5, 5, 43200, 1, 300, 12, 3600 };
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    int64_t now;
    size_t i;

    for (i = 0; i < COUNT(seconds); i++) {
        SEND(queue, "m");
        (void)TAKE_FOR(queue, "m", NIMBUS_SECONDS(seconds[i]));
    }
    for (now = 1; now <= 43200; now += now < 310 ? 1 : 10) {
        size_t lapsed = 0;
        nimbus_duration behind = START_TIME + NIMBUS_SECONDS(now) - nimbus_now(w->nb);
        ADVANCE(w, behind);
        for (i = 0; i < COUNT(seconds); i++) {
            lapsed += seconds[i] <= now;
        }
        COUNTS(queue, lapsed, 0, COUNT(seconds) - lapsed);
    }
}

static void sqs_v19_batches_fail_by_entry(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_receipt receipts[4];
    nimbus_duration timeouts[4] = { NIMBUS_SECONDS(60), NIMBUS_SECONDS(60), 0, 7 };
    nimbus_status statuses[4];

    fresh_queue(w, &queue);
    SEND(queue, "a");
    SEND(queue, "b");
    SEND(queue, "c");
    receipts[0] = TAKE(queue, "a");
    receipts[1] = (nimbus_receipt){ 0 };
    receipts[2] = TAKE(queue, "b");
    receipts[3] = TAKE(queue, "c");
    IS(nimbus_queue_change_visibility_batch(queue, receipts, timeouts, 4, statuses), NIMBUS_PARTIAL);
    OK(statuses[0]);
    IS(statuses[1], NIMBUS_E_RECEIPT);
    OK(statuses[2]);
    IS(statuses[3], NIMBUS_E_INVALID);
    COUNTS(queue, 1, 0, 2);
    OK(nimbus_queue_change_visibility_batch(queue, receipts, timeouts, 1, statuses));
    OK(nimbus_queue_change_visibility_batch(queue, receipts, timeouts, 1, NULL));
    IS(nimbus_queue_delete_batch(queue, receipts, 4, statuses), NIMBUS_PARTIAL);
    OK(statuses[0]);
    IS(statuses[1], NIMBUS_E_RECEIPT);
    OK(statuses[2]);
    OK(statuses[3]);
    COUNTS(queue, 0, 0, 0);
    receipts[1] = receipts[0];
    OK(nimbus_queue_delete_batch(queue, receipts, 4, NULL));
    EQ(METRICS(queue).deleted, 3);
}

static void sqs_v19_a_remark_is_no_failure_of_a_batch(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_receipt receipts[2];
    nimbus_status statuses[2];

    fresh_queue(w, &queue);
    SEND(queue, "m");
    receipts[0] = TAKE(queue, "m");
    OK(nimbus_queue_change_visibility(queue, receipts[0], 0));
    receipts[1] = TAKE(queue, "m");
    OK(nimbus_queue_delete_batch(queue, receipts, 2, statuses)); /* no entry failed: X-5 */
    IS(statuses[0], NIMBUS_STALE);
    OK(statuses[1]);
}

static void deliveries_are_deleted_together(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue *other = PLAIN_QUEUE(w, "other");
    nimbus_delivery held[40];
    nimbus_status statuses[40];
    size_t got = 0, count = 0, i;

    memset(held, 0, sizeof held);
    for (i = 0; i < 37; i++) { /* more than one run */
        SEND(queue, "m");
        OK(nimbus_queue_receive(queue, 0, NULL, &held[count++], 1, &got));
    }
    OK(nimbus_delivery_delete_batch(held, 0, NULL));
    OK(nimbus_delivery_delete_batch(NULL, 0, NULL));
    IS(nimbus_delivery_delete_batch(NULL, 1, NULL), NIMBUS_E_INVALID);
    COUNTS(queue, 0, 0, 37);
    OK(nimbus_delivery_delete_batch(held, 37, NULL));
    COUNTS(queue, 0, 0, 0);
    EQ(METRICS(queue).deleted, 37);
    for (i = 0; i < 37; i++) {
        CHECK(nimbus_delivery_message(&held[i]) == NULL);
    }
    SEND(queue, "lapsed");
    OK(nimbus_queue_receive(queue, 0, &(nimbus_receive_options){ .visibility_timeout = NIMBUS_SECONDS(1) }, &held[0], 1, &got));
    ADVANCE(w, NIMBUS_SECONDS(2));
    SEND(other, "of another queue");
    RECEIVE(other, &held[1], "of another queue");
    SEND(queue, "twice");
    RECEIVE(queue, &held[3], "lapsed");
    RECEIVE(queue, &held[4], "twice");
    OK(nimbus_queue_delete_message(queue, nimbus_delivery_receipt(&held[4])));
    IS(nimbus_delivery_delete_batch(held, 5, statuses), NIMBUS_PARTIAL); /* there is nothing in held[2] */
    IS(statuses[0], NIMBUS_STALE); /* held[3] is a later receive of it */
    OK(statuses[1]);
    IS(statuses[2], NIMBUS_E_INVALID);
    OK(statuses[3]);
    OK(statuses[4]);
    COUNTS(queue, 0, 0, 0);
    COUNTS(other, 0, 0, 0);
    LEDGER(queue);
    SEND(queue, "again");
    RECEIVE(queue, &held[0], "again");
    OK(nimbus_queue_delete(queue));
    IS(nimbus_delivery_delete_batch(held, 1, statuses), NIMBUS_PARTIAL);
    IS(statuses[0], NIMBUS_E_DELETED);
    CHECK(nimbus_delivery_message(&held[0]) == NULL);
}

static void sqs_v20_malformed_batches_fail_whole(void **state)
{
    world *w = *state;
    nimbus_queue *queue;
    nimbus_receipt receipts[11];
    nimbus_duration timeouts[11] = { 0 };
    nimbus_status statuses[11];
    size_t i;

    fresh_queue(w, &queue);
    SEND(queue, "m");
    receipts[0] = TAKE(queue, "m");
    for (i = 1; i < COUNT(receipts); i++) {
        receipts[i] = receipts[0];
    }
    FILL(statuses);
    IS(nimbus_queue_delete_batch(queue, receipts, 0, statuses), NIMBUS_E_EMPTY_BATCH);
    IS(nimbus_queue_delete_batch(queue, receipts, 11, statuses), NIMBUS_E_BATCH_TOO_MANY);
    IS(nimbus_queue_delete_batch(queue, NULL, 1, statuses), NIMBUS_E_INVALID);
    IS(nimbus_queue_change_visibility_batch(queue, receipts, timeouts, 0, statuses), NIMBUS_E_EMPTY_BATCH);
    IS(nimbus_queue_change_visibility_batch(queue, receipts, timeouts, 11, statuses), NIMBUS_E_BATCH_TOO_MANY);
    IS(nimbus_queue_change_visibility_batch(queue, NULL, timeouts, 1, statuses), NIMBUS_E_INVALID);
    IS(nimbus_queue_change_visibility_batch(queue, receipts, NULL, 1, statuses), NIMBUS_E_INVALID);
    UNTOUCHED(statuses);
    COUNTS(queue, 0, 0, 1);
    OK(nimbus_queue_delete_batch(queue, receipts, 10, statuses));
}

/* ---------------------------------------------------------------------------------------- what is held */

static void a_held_delivery_stays_readable(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(10), .retention = NIMBUS_SECONDS(60));
    nimbus_delivery by_other = { 0 };
    nimbus_delivery purged = { 0 };
    nimbus_delivery expired = { 0 };
    nimbus_delivery gone = { 0 };
    nimbus_delivery_info info = { 0 };

    SEND(queue, "by other");
    RECEIVE(queue, &by_other, "by other");
    ADVANCE(w, NIMBUS_SECONDS(10));
    OK(nimbus_queue_delete_message(queue, TAKE(queue, "by other")));
    SEND(queue, "purged");
    RECEIVE(queue, &purged, "purged");
    OK(nimbus_queue_purge(queue, NULL));
    SEND(queue, "expired");
    RECEIVE(queue, &expired, "expired");
    ADVANCE(w, NIMBUS_SECONDS(61));
    EQ(METRICS(queue).expired, 1);
    SEND(queue, "gone");
    RECEIVE(queue, &gone, "gone");
    OK(nimbus_queue_delete(queue));
    nimbus_queue_release(queue);
    CHECK(bytes_are(nimbus_delivery_body(&by_other), "by other"));
    CHECK(bytes_are(nimbus_delivery_body(&purged), "purged"));
    CHECK(bytes_are(nimbus_delivery_body(&expired), "expired"));
    CHECK(bytes_are(nimbus_delivery_body(&gone), "gone"));
    OK(nimbus_delivery_get_info(&gone, &info));
    TEXT(info.source, "q");
    IS(nimbus_delivery_delete(&gone), NIMBUS_E_DELETED);
    CHECK(nimbus_delivery_message(&gone) == NULL);
    IS(nimbus_delivery_retry(&purged, 0), NIMBUS_E_DELETED);
    CHECK(nimbus_delivery_message(&purged) == NULL);
    IS(nimbus_delivery_extend(&expired, 0), NIMBUS_E_DELETED);
    CHECK(bytes_are(nimbus_delivery_body(&expired), "expired"));
    nimbus_delivery_release(&expired);
    nimbus_delivery_release(&by_other);
}

static void a_held_delivery_outlives_its_instance(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_attribute attribute = nimbus_string("name", "value");
    nimbus_attribute got = { 0 };
    nimbus_entry entry = entry_of("copied");
    static adopted a;
    nimbus_delivery copied = { 0 };
    nimbus_delivery taken = { 0 };
    const nimbus_message *message;

    entry.attributes = &attribute;
    entry.attribute_count = 1;
    OK(nimbus_queue_send(queue, &entry, NULL));
    entry = (nimbus_entry){ 0 };
    entry.body = adopted_body(&a, "adopted");
    OK(nimbus_queue_send(queue, &entry, NULL));
    RECEIVE(queue, &copied, "copied");
    RECEIVE(queue, &taken, "adopted");
    message = nimbus_message_retain(nimbus_delivery_message(&copied));
    world_end(w);
    CHECK(bytes_are(nimbus_delivery_body(&copied), "copied"));
    CHECK(bytes_are(nimbus_delivery_body(&taken), "adopted"));
    nimbus_delivery_release(&copied);
    OK(nimbus_message_attribute(message, "name", &got));
    CHECK(bytes_are(got.value, "value"));
    nimbus_message_release(message);
    EQ(a.frees, 0);
    nimbus_delivery_release(&taken);
    EQ(a.frees, 1);
    world_check(w);
}

static void the_ledger_balances_after_every_step(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(5), .retention = NIMBUS_MINUTES(2), .capacity_messages = 8,
                                .overflow = NIMBUS_OVERFLOW_DROP_OLDEST, .dead_letter_queue = dead, .max_receive_count = 2);
    uint64_t random = 1;
    size_t step;
    size_t seen[6] = { 0 };
    nimbus_receipt last = { 0 };

    for (step = 0; step < 4000; step++) {
        nimbus_delivery delivery = { 0 };
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        switch ((random >> 33) % 12) {
        case 0:
        case 1:
        case 2: {
            nimbus_entry entry = entry_of("m");
            entry.delay = (random >> 40) % 3 == 0 ? NIMBUS_SECONDS(3) : 0;
            (void)nimbus_queue_send(queue, &entry, NULL); /* full if nothing is ready */
            break;
        }
        case 3:
        case 4:
        case 5:
            if (nimbus_queue_receive(queue, 0, NULL, &delivery, 1, NULL) == NIMBUS_OK) {
                last = nimbus_delivery_receipt(&delivery);
                nimbus_delivery_release(&delivery);
            }
            break;
        case 6:
            (void)nimbus_queue_delete_message(queue, last);
            break;
        case 7:
            (void)nimbus_queue_change_visibility(queue, last, (random >> 40) % 2 == 0 ? 0 : NIMBUS_SECONDS(9));
            break;
        case 8:
        case 9:
            ADVANCE(w, NIMBUS_SECONDS((int64_t)((random >> 40) % 4)));
            break;
        case 10:
            if ((random >> 40) % 20 == 0) {
                OK(nimbus_queue_purge(queue, NULL));
            }
            break;
        default:
            if ((random >> 40) % 50 == 0) {
                ADVANCE(w, NIMBUS_MINUTES(3));
            }
            break;
        }
        LEDGER(queue);
        LEDGER(dead);
    }
    {
        nimbus_queue_metrics m = METRICS(queue);
        seen[0] = m.deleted;
        seen[1] = m.moved;
        seen[2] = m.expired;
        seen[3] = m.purged;
        seen[4] = m.dropped;
        seen[5] = m.received;
        EQ(METRICS(dead).redriven_in, m.moved);
    }
    for (step = 0; step < COUNT(seen); step++) {
        CHECK(seen[step] > 0); /* the walk met every way out */
    }
    OK(nimbus_queue_delete(queue));
    LEDGER(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(sqs_v1_hidden_for_the_timeout_from_the_receive),
        DRIVEN(sqs_v1_a_delete_is_explicit),
        DRIVEN(sqs_v2_back_with_a_count_and_a_receipt_of_its_own),
        DRIVEN(sqs_v3_the_time_of_the_first_receive_stays),
        DRIVEN(sqs_v4_the_end_is_set_to_now_and_the_value),
        DRIVEN(sqs_v4_the_same_by_the_delivery),
        DRIVEN(sqs_v5_twelve_hours_from_the_receive),
        DRIVEN(sqs_v5_repeated_extension_does_not_pass_it),
        DRIVEN(sqs_v5_the_range_of_the_value),
        DRIVEN(sqs_v6_zero_returns_it_at_once),
        DRIVEN(sqs_v7_extension_in_time_keeps_it_hidden),
        DRIVEN(sqs_v8_delete_after_lapse),
        DRIVEN(sqs_v8_the_others_are_not_disturbed),
        DRIVEN(sqs_v9_a_superseded_receipt_does_not_delete),
        DRIVEN(sqs_v9_stale_also_when_the_newer_one_has_lapsed),
        DRIVEN(sqs_v13_delete_again_succeeds),
        DRIVEN(sqs_v14_what_is_no_receipt_of_this_queue),
        DRIVEN(sqs_v15_change_visibility_of_a_deleted_message),
        DRIVEN(sqs_v16_change_visibility_after_lapse),
        DRIVEN(sqs_v17_change_visibility_with_a_superseded_receipt),
        DRIVEN(sqs_v18_the_in_flight_count_falls_by_itself),
        DRIVEN(sqs_v18_lapses_out_of_order),
        DRIVEN(sqs_v19_batches_fail_by_entry),
        DRIVEN(sqs_v19_a_remark_is_no_failure_of_a_batch),
        DRIVEN(deliveries_are_deleted_together),
        DRIVEN(sqs_v20_malformed_batches_fail_whole),
        DRIVEN(a_held_delivery_stays_readable),
        DRIVEN(a_held_delivery_outlives_its_instance),
        DRIVEN(the_ledger_balances_after_every_step),
    };
    return cmocka_run_group_tests_name("queue_visibility", tests, NULL, NULL);
}
