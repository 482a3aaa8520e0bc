/* Retention, purge, peek and metrics (SQS-T, SQS-X, SQS-D17). */
#include "../support/support.h"

#define MS NIMBUS_MS(1) /* a message goes when it is older than its retention; nothing promises it at the very nanosecond */

static void sqs_t1_removed_in_every_state(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_HOURS(1), .retention = NIMBUS_MINUTES(10));

    SEND(queue, "in flight");
    (void)TAKE(queue, "in flight");
    SEND(queue, "ready");
    SEND_DELAYED(queue, "delayed", NIMBUS_MINUTES(15));
    COUNTS(queue, 1, 1, 1);
    ADVANCE(w, NIMBUS_MINUTES(10) - MS);
    COUNTS(queue, 1, 1, 1);
    ADVANCE(w, 2 * MS);
    COUNTS(queue, 0, 0, 0);
    EQ(METRICS(queue).expired, 3);
    EQ(METRICS(queue).bytes, 0);
    EQ(traced(w, NIMBUS_TRACE_EXPIRED), 3);
    ADVANCE(w, NIMBUS_HOURS(2));
    COUNTS(queue, 0, 0, 0);
    RECEIVE_NONE(queue);
}

static void sqs_t1_counted_from_the_send_not_from_the_return(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(50), .retention = NIMBUS_SECONDS(60));

    SEND(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(5));
    (void)TAKE(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(50));
    COUNTS(queue, 1, 0, 0);
    ADVANCE(w, NIMBUS_SECONDS(5) - MS);
    (void)TAKE(queue, "m");
    ADVANCE(w, 2 * MS);
    COUNTS(queue, 0, 0, 0);
}

static void sqs_t1_each_at_its_own_time(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .retention = NIMBUS_SECONDS(60));
    size_t i;

    for (i = 0; i < 20; i++) {
        SEND(queue, "m");
        ADVANCE(w, NIMBUS_SECONDS(1));
    }
    ADVANCE(w, NIMBUS_SECONDS(40) - MS);
    COUNTS(queue, 20, 0, 0);
    for (i = 1; i <= 20; i++) {
        ADVANCE(w, i == 1 ? 2 * MS : NIMBUS_SECONDS(1));
        COUNTS(queue, 20 - i, 0, 0);
    }
}

static void sqs_t1_the_default_is_four_days(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");

    SEND(queue, "m");
    ADVANCE(w, NIMBUS_DAYS(4) - MS);
    COUNTS(queue, 1, 0, 0);
    ADVANCE(w, 2 * MS);
    COUNTS(queue, 0, 0, 0);
}

static void sqs_t2_delete_of_an_expired_message_is_no_error(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .retention = NIMBUS_SECONDS(60));
    nimbus_delivery delivery = { 0 };
    nimbus_receipt receipt;

    SEND(queue, "m");
    RECEIVE(queue, &delivery, "m");
    receipt = nimbus_delivery_receipt(&delivery);
    ADVANCE(w, NIMBUS_SECONDS(61));
    IS(nimbus_queue_change_visibility(queue, receipt, 0), NIMBUS_E_NO_MESSAGE);
    OK(nimbus_queue_delete_message(queue, receipt));
    CHECK(bytes_are(nimbus_delivery_body(&delivery), "m"));
    OK(nimbus_delivery_delete(&delivery));
    EQ(METRICS(queue).deleted, 0);
    EQ(METRICS(queue).expired, 1);
}

static void sqs_t3_a_lower_retention_applies_at_once(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_HOURS(12));

    SEND(queue, "old in flight");
    (void)TAKE(queue, "old in flight");
    SEND(queue, "old");
    ADVANCE(w, NIMBUS_HOURS(2));
    SEND(queue, "young");
    COUNTS(queue, 2, 0, 1);
    OK(nimbus_queue_set_options(queue, &(nimbus_queue_options){ .retention = NIMBUS_HOURS(1) }, NULL));
    RUN(w);
    COUNTS(queue, 1, 0, 0);
    EQ(METRICS(queue).expired, 2);
    RECEIVE(queue, NULL, "young");
    ADVANCE(w, NIMBUS_HOURS(1) + MS);
    COUNTS(queue, 0, 0, 0);
}

static void sqs_t3_also_without_running(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");

    SEND(queue, "old");
    ADVANCE(w, NIMBUS_HOURS(2));
    OK(nimbus_queue_set_options(queue, &(nimbus_queue_options){ .retention = NIMBUS_HOURS(1) }, NULL));
    RECEIVE_NONE(queue); /* in force when the call has returned */
    COUNTS(queue, 0, 0, 0);
}

static void sqs_t3_a_higher_retention_applies_too(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .retention = NIMBUS_SECONDS(60));

    SEND(queue, "m");
    OK(nimbus_queue_set_options(queue, &(nimbus_queue_options){ .retention = NIMBUS_SECONDS(120) }, NULL));
    ADVANCE(w, NIMBUS_SECONDS(120) - MS);
    COUNTS(queue, 1, 0, 0);
    ADVANCE(w, 2 * MS);
    COUNTS(queue, 0, 0, 0);
}

static void sqs_t5_expired_messages_are_no_dead_letters(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_ZERO, .retention = NIMBUS_SECONDS(60), .dead_letter_queue = dead,
                                .max_receive_count = 1);

    SEND(queue, "m");
    RECEIVE(queue, NULL, "m"); /* the next receive would move it */
    ADVANCE(w, NIMBUS_SECONDS(61));
    RECEIVE_NONE(queue);
    EQ(METRICS(queue).expired, 1);
    EQ(METRICS(queue).moved, 0);
    COUNTS(dead, 0, 0, 0);
    EQ(traced(w, NIMBUS_TRACE_EXPIRED), 1);
    EQ(traced(w, NIMBUS_TRACE_DEAD_LETTERED), 0);
}

static void sqs_t6_purge_removes_every_state(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    uint64_t count = 0;

    SEND(queue, "in flight");
    (void)TAKE(queue, "in flight");
    SEND(queue, "ready");
    SEND_DELAYED(queue, "delayed", NIMBUS_SECONDS(10));
    OK(nimbus_queue_purge(queue, &count));
    EQ(count, 3);
    COUNTS(queue, 0, 0, 0);
    EQ(METRICS(queue).purged, 3);
    ADVANCE(w, NIMBUS_HOURS(1));
    COUNTS(queue, 0, 0, 0);
    RECEIVE_NONE(queue);
    OK(nimbus_queue_purge(queue, &count));
    EQ(count, 0);
}

static void sqs_t8_purge_is_an_exact_cut(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .capacity_messages = 5);
    char text[8];
    size_t i;

    for (i = 0; i < 5; i++) {
        SEND(queue, "before");
    }
    OK(nimbus_queue_purge(queue, NULL));
    for (i = 0; i < 5; i++) {
        (void)snprintf(text, sizeof text, "%zu", i);
        SEND(queue, text); /* the room is free at once */
    }
    ADVANCE(w, NIMBUS_HOURS(1));
    COUNTS(queue, 5, 0, 0);
    for (i = 0; i < 5; i++) {
        (void)snprintf(text, sizeof text, "%zu", i);
        RECEIVE(queue, NULL, text);
    }
}

static void sqs_t8_a_purge_does_not_wake_or_end_receivers(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    receiver r;

    receiver_start(&r, queue, NIMBUS_FOREVER);
    OK(nimbus_queue_purge(queue, NULL));
    EQ(waiters(queue), 1);
    SEND(queue, "after");
    receiver_join(&r);
    OK(r.status);
    TEXT(r.body, "after");
}

static void sqs_t10_receipts_from_before_a_purge(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery delivery = { 0 };
    nimbus_receipt receipt;

    SEND(queue, "m");
    RECEIVE(queue, &delivery, "m");
    receipt = nimbus_delivery_receipt(&delivery);
    OK(nimbus_queue_purge(queue, NULL));
    SEND(queue, "new");
    (void)TAKE(queue, "new"); /* perhaps in the same place */
    OK(nimbus_queue_delete_message(queue, receipt));
    IS(nimbus_queue_change_visibility(queue, receipt, 0), NIMBUS_E_NO_MESSAGE);
    IS(nimbus_delivery_extend(&delivery, NIMBUS_SECONDS(1)), NIMBUS_E_NO_MESSAGE);
    OK(nimbus_delivery_delete(&delivery));
    COUNTS(queue, 0, 0, 1);
}

/* ------------------------------------------------------------------------------------------------- peek */

static void sqs_d17_peek_shows_and_changes_nothing(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(10));
    nimbus_peeked peeked[10];
    nimbus_queue_metrics before;
    nimbus_queue_metrics after;
    size_t count = 0;
    size_t i;
    nimbus_id ids[4];

    ids[0] = SEND(queue, "in flight");
    (void)TAKE(queue, "in flight");
    ids[1] = SEND_DELAYED(queue, "delayed", NIMBUS_SECONDS(20));
    ADVANCE(w, NIMBUS_SECONDS(1));
    ids[2] = SEND(queue, "r1");
    ids[3] = SEND(queue, "r2");
    before = METRICS(queue);
    memset(peeked, 0, sizeof peeked);
    OK(nimbus_queue_peek(queue, peeked, 10, &count));
    EQ(count, 4);
    CHECK(bytes_are(nimbus_message_body(peeked[0].message), "r1"));
    CHECK(bytes_are(nimbus_message_body(peeked[1].message), "r2"));
    CHECK(ids_equal(peeked[0].id, ids[2]));
    CHECK(ids_equal(peeked[1].id, ids[3]));
    EQ(peeked[0].state, NIMBUS_STATE_READY);
    EQT(peeked[0].until, 0);
    EQT(peeked[0].sent, START_TIME + NIMBUS_SECONDS(1));
    EQ(peeked[0].receive_count, 0);
    for (i = 2; i < 4; i++) {
        if (peeked[i].state == NIMBUS_STATE_DELAYED) {
            CHECK(ids_equal(peeked[i].id, ids[1]));
            EQT(peeked[i].until, START_TIME + NIMBUS_SECONDS(20));
            EQ(peeked[i].receive_count, 0);
            CHECK(bytes_are(nimbus_message_body(peeked[i].message), "delayed"));
        } else {
            EQ(peeked[i].state, NIMBUS_STATE_IN_FLIGHT);
            CHECK(ids_equal(peeked[i].id, ids[0]));
            EQT(peeked[i].until, START_TIME + NIMBUS_SECONDS(10));
            EQ(peeked[i].receive_count, 1);
        }
    }
    CHECK(peeked[2].state != peeked[3].state);
    for (i = 0; i < count; i++) {
        nimbus_message_release(peeked[i].message);
    }
    after = METRICS(queue);
    EQ(memcmp(&before, &after, sizeof before), 0);
    OK(nimbus_queue_peek(queue, peeked, 1, &count));
    EQ(count, 1);
    CHECK(bytes_are(nimbus_message_body(peeked[0].message), "r1"));
    nimbus_message_release(peeked[0].message);
    RECEIVE(queue, NULL, "r1");
}

static void peek_into_an_empty_queue(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_peeked peeked[2] = { 0 };
    size_t count = 9;

    IS(nimbus_queue_peek(queue, peeked, 2, &count), NIMBUS_EMPTY);
    IS(nimbus_queue_peek(queue, peeked, 0, &count), NIMBUS_E_INVALID);
    IS(nimbus_queue_peek(queue, peeked, 2, NULL), NIMBUS_E_INVALID);
    IS(nimbus_queue_peek(queue, NULL, 2, &count), NIMBUS_E_INVALID);
}

static void a_peeked_message_is_held(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    static adopted a;
    nimbus_entry entry = { 0 };
    nimbus_peeked peeked = { 0 };
    size_t count = 0;

    entry.body = adopted_body(&a, "bytes");
    OK(nimbus_queue_send(queue, &entry, NULL));
    OK(nimbus_queue_peek(queue, &peeked, 1, &count));
    OK(nimbus_queue_purge(queue, NULL));
    EQ(a.frees, 0);
    CHECK(bytes_are(nimbus_message_body(peeked.message), "bytes"));
    nimbus_message_release(peeked.message);
    EQ(a.frees, 1);
}

/* ---------------------------------------------------------------------------------------------- metrics */

static void the_counters_of_a_life(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(10), .capacity_messages = 4);
    nimbus_entry entry = entry_of("12345");
    nimbus_queue_metrics m;
    nimbus_receipt receipt;
    size_t i;

    m = METRICS(queue);
    EQ(m.accepted + m.received + m.deleted + m.bytes + m.waiters, 0);
    EQT(m.oldest_age, 0);
    for (i = 0; i < 4; i++) {
        OK(nimbus_queue_send(queue, &entry, NULL));
        ADVANCE(w, NIMBUS_SECONDS(1));
    }
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_FULL);
    m = METRICS(queue);
    EQ(m.accepted, 4);
    EQ(m.refused, 1);
    EQ(m.bytes, 20);
    EQT(m.oldest_age, NIMBUS_SECONDS(4));
    receipt = TAKE(queue, "12345");
    m = METRICS(queue);
    EQ(m.received, 1);
    EQ(m.in_flight, 1);
    EQT(m.oldest_age, NIMBUS_SECONDS(4));
    OK(nimbus_queue_delete_message(queue, receipt));
    m = METRICS(queue);
    EQ(m.deleted, 1);
    EQ(m.bytes, 15);
    EQT(m.oldest_age, NIMBUS_SECONDS(3));
    OK(nimbus_queue_purge(queue, NULL));
    m = METRICS(queue);
    EQ(m.purged, 3);
    EQ(m.bytes, 0);
    EQT(m.oldest_age, 0);
    RECEIVE_NONE(queue);
    EQ(METRICS(queue).empty_receives, 1);
    EQ(METRICS(queue).redriven_in, 0);
    EQ(METRICS(queue).discarded, 0);
}

static void the_number_of_waiters(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    async_record records[3];
    receiver r;
    handler_record handler = { .answer = NIMBUS_DONE };
    nimbus_function *function = nimbus_function_create(w->nb, "f", record_handler, &handler, NULL, &w->err);
    size_t i;

    memset(records, 0, sizeof records);
    for (i = 0; i < 3; i++) {
        OK(nimbus_queue_receive_async(queue, NIMBUS_SECONDS(20), NULL, 1, async_receive, &records[i], NULL));
        EQ(waiters(queue), i + 1);
    }
    receiver_start(&r, queue, NIMBUS_SECONDS(20));
    EQ(waiters(queue), 4);
    OK(nimbus_function_map(function, queue, NULL, &w->err));
    EVENTUALLY(waiters(queue) == 5);
    ADVANCE(w, NIMBUS_SECONDS(20));
    receiver_join(&r);
    IS(r.status, NIMBUS_EMPTY);
    EVENTUALLY(waiters(queue) == 1);
    OK(nimbus_function_unmap(function, queue));
    EVENTUALLY(waiters(queue) == 0);
    for (i = 0; i < 3; i++) {
        EQ(records[i].calls, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(sqs_t1_removed_in_every_state),
        DRIVEN(sqs_t1_counted_from_the_send_not_from_the_return),
        DRIVEN(sqs_t1_each_at_its_own_time),
        DRIVEN(sqs_t1_the_default_is_four_days),
        DRIVEN(sqs_t2_delete_of_an_expired_message_is_no_error),
        DRIVEN(sqs_t3_a_lower_retention_applies_at_once),
        DRIVEN(sqs_t3_also_without_running),
        DRIVEN(sqs_t3_a_higher_retention_applies_too),
        DRIVEN(sqs_t5_expired_messages_are_no_dead_letters),
        DRIVEN(sqs_t6_purge_removes_every_state),
        DRIVEN(sqs_t8_purge_is_an_exact_cut),
        THREADED(sqs_t8_a_purge_does_not_wake_or_end_receivers),
        DRIVEN(sqs_t10_receipts_from_before_a_purge),
        DRIVEN(sqs_d17_peek_shows_and_changes_nothing),
        DRIVEN(peek_into_an_empty_queue),
        DRIVEN(a_peeked_message_is_held),
        DRIVEN(the_counters_of_a_life),
        THREADED(the_number_of_waiters),
    };
    return cmocka_run_group_tests_name("queue_retention", tests, NULL, NULL);
}
