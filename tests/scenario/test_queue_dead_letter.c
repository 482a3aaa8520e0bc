/* Dead letters: the moment of the move, what is kept, chains, and a dead-letter queue that is missing or full (SQS-D). */
#include "../support/support.h"

typedef struct pair {
    nimbus_queue *queue;
    nimbus_queue *dead;
} pair;

static pair open_pair(world *w, uint32_t max_receive_count)
{
    pair p;
    p.dead = PLAIN_QUEUE(w, "dead");
    p.queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(10), .dead_letter_queue = p.dead, .max_receive_count = max_receive_count);
    return p;
}

/* Receives the message times times, letting its visibility lapse each time. */
static void receive_in_vain(world *w, nimbus_queue *queue, const char *text, size_t times)
{
    size_t i;
    for (i = 0; i < times; i++) {
        nimbus_receipt receipt = TAKE(queue, text);
        OK(nimbus_queue_change_visibility(queue, receipt, 0));
    }
    RUN(w);
}

static void sqs_d1_the_count_is_the_limit(void **state)
{
    static const uint32_t counts[] = { 1, 2, 5, 1000 };
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    size_t i;

    for (i = 0; i < COUNT(counts); i++) {
        char name[16];
        nimbus_queue *queue;
        (void)snprintf(name, sizeof name, "q%zu", i);
        queue = QUEUE(w, name, .dead_letter_queue = dead, .max_receive_count = counts[i]);
        SEND(queue, "m");
        receive_in_vain(w, queue, "m", counts[i]);
        COUNTS(queue, 1, 0, 0);
        RECEIVE_NONE(queue);
        COUNTS(queue, 0, 0, 0);
        COUNTS(dead, i + 1, 0, 0);
    }
}

static void sqs_d3_moved_by_the_receive_after_the_last(void **state)
{
    world *w = *state;
    pair p = open_pair(w, 2);
    nimbus_queue_metrics m;

    SEND(p.queue, "m");
    (void)TAKE(p.queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(10));
    (void)TAKE(p.queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(10));
    COUNTS(p.queue, 1, 0, 0); /* not at the lapse */
    ADVANCE(w, NIMBUS_HOURS(1));
    COUNTS(p.queue, 1, 0, 0);
    COUNTS(p.dead, 0, 0, 0);
    RECEIVE_NONE(p.queue);
    COUNTS(p.queue, 0, 0, 0);
    COUNTS(p.dead, 1, 0, 0);
    m = METRICS(p.queue);
    EQ(m.moved, 1);
    EQ(m.received, 2);
    EQ(m.accepted, 1);
    m = METRICS(p.dead);
    EQ(m.accepted, 1);
    EQ(m.redriven_in, 1);
    EQ(m.received, 0);
    EQ(traced(w, NIMBUS_TRACE_DEAD_LETTERED), 1);
}

static void sqs_d3_a_delete_after_the_last_receive_still_counts(void **state)
{
    world *w = *state;
    pair p = open_pair(w, 1);
    nimbus_receipt receipt;

    SEND(p.queue, "m");
    receipt = TAKE(p.queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(10));
    OK(nimbus_queue_delete_message(p.queue, receipt));
    RECEIVE_NONE(p.queue);
    COUNTS(p.dead, 0, 0, 0);
}

static void sqs_d3_with_delays_in_both_queues(void **state)
{
    world *w = *state;
    nimbus_queue *dead = QUEUE(w, "dead", .delay = NIMBUS_SECONDS(7));
    nimbus_queue *queue = QUEUE(w, "q", .delay = NIMBUS_SECONDS(3), .visibility_timeout = NIMBUS_SECONDS(1), .dead_letter_queue = dead,
                                .max_receive_count = 1);

    SEND(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(3));
    (void)TAKE(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(1));
    RECEIVE_NONE(queue);
    COUNTS(queue, 0, 0, 0);
    EQ(METRICS(dead).accepted, 1);
    ADVANCE(w, NIMBUS_SECONDS(7));
    RECEIVE(dead, NULL, "m");
}

static void sqs_d4_the_moving_receive_goes_on(void **state)
{
    world *w = *state;
    pair p = open_pair(w, 1);
    nimbus_delivery deliveries[10] = { 0 };
    size_t count = 0;

    SEND(p.queue, "a");
    SEND(p.queue, "b");
    (void)TAKE(p.queue, "a");
    (void)TAKE(p.queue, "b");
    ADVANCE(w, NIMBUS_SECONDS(10));
    SEND(p.queue, "fresh");
    OK(nimbus_queue_receive(p.queue, 0, NULL, deliveries, 10, &count));
    EQ(count, 1);
    CHECK(bytes_are(nimbus_delivery_body(&deliveries[0]), "fresh"));
    OK(nimbus_delivery_delete(&deliveries[0]));
    COUNTS(p.queue, 0, 0, 0);
    COUNTS(p.dead, 2, 0, 0);
    RECEIVE(p.dead, NULL, "a");
    RECEIVE(p.dead, NULL, "b");
}

static void sqs_d4_the_moving_receive_may_block_on(void **state)
{
    world *w = *state;
    pair p = open_pair(w, 1);
    receiver r;

    SEND(p.queue, "m");
    (void)TAKE(p.queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(10));
    receiver_start(&r, p.queue, NIMBUS_FOREVER);
    COUNTS(p.dead, 1, 0, 0);
    SEND(p.queue, "fresh");
    receiver_join(&r);
    OK(r.status);
    TEXT(r.body, "fresh");
}

static void sqs_d4_a_lapse_moves_when_somebody_waits(void **state)
{
    world *w = *state;
    pair p = open_pair(w, 1);
    static async_record record; /* the close calls it */

    SEND(p.queue, "m");
    (void)TAKE(p.queue, "m");
    OK(nimbus_queue_receive_async(p.queue, NIMBUS_FOREVER, NULL, 1, async_receive, &record, NULL));
    ADVANCE(w, NIMBUS_SECONDS(10)); /* the waiting receive would be the second: it moves the message and waits on */
    EQ(record.calls, 0);
    COUNTS(p.queue, 0, 0, 0);
    COUNTS(p.dead, 1, 0, 0);
    EQ(waiters(p.queue), 1);
}

static void sqs_d5_what_is_kept(void **state)
{
    world *w = *state;
    pair p = open_pair(w, 1);
    nimbus_attribute attribute = nimbus_string("name", "value");
    nimbus_attribute got = { 0 };
    nimbus_entry entry = { 0 };
    nimbus_sent sent = { 0 };
    nimbus_delivery delivery = { 0 };
    nimbus_delivery_info info = { 0 };
    static adopted a;

    entry.body = adopted_body(&a, "body");
    entry.attributes = &attribute;
    entry.attribute_count = 1;
    OK(nimbus_queue_send(p.queue, &entry, &sent));
    ADVANCE(w, NIMBUS_SECONDS(1));
    receive_in_vain(w, p.queue, "body", 1);
    ADVANCE(w, NIMBUS_SECONDS(1));
    RECEIVE_NONE(p.queue);
    RECEIVE(p.dead, &delivery, "body");
    OK(nimbus_delivery_get_info(&delivery, &info));
    CHECK(ids_equal(info.id, sent.id));
    EQ(info.receive_count, 2); /* one there, and this one */
    EQ(nimbus_delivery_receive_count(&delivery), 2);
    EQT(info.sent, START_TIME);
    TEXT(info.source, "dead");
    TEXT(info.dead_letter_source, "q");
    CHECK(info.dead_letter_reason != NULL && info.dead_letter_reason[0] != '\0');
    EQ(info.dead_letter_attempts, 1);
    CHECK(nimbus_delivery_body(&delivery).data == (const void *)a.bytes);
    OK(nimbus_message_attribute(nimbus_delivery_message(&delivery), "name", &got));
    CHECK(bytes_are(got.value, "value"));
    OK(nimbus_delivery_delete(&delivery));
    EQ(a.frees, 1);
}

static void sqs_d5_the_source_is_named_also_after_its_end(void **state)
{
    world *w = *state;
    pair p = open_pair(w, 1);
    nimbus_delivery delivery = { 0 };
    nimbus_delivery_info info = { 0 };

    SEND(p.queue, "m");
    receive_in_vain(w, p.queue, "m", 1);
    RECEIVE_NONE(p.queue);
    OK(nimbus_queue_delete(p.queue));
    nimbus_queue_release(p.queue);
    RECEIVE(p.dead, &delivery, "m");
    OK(nimbus_delivery_get_info(&delivery, &info));
    TEXT(info.dead_letter_source, "q");
    OK(nimbus_delivery_delete(&delivery));
}

static void sqs_d6_the_time_of_the_send_is_kept(void **state)
{
    world *w = *state;
    nimbus_queue *dead = QUEUE(w, "dead", .retention = NIMBUS_MINUTES(10));
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = dead, .max_receive_count = 1);

    SEND(queue, "m");
    RECEIVE(queue, NULL, "m");
    ADVANCE(w, NIMBUS_MINUTES(9));
    RECEIVE_NONE(queue);
    COUNTS(dead, 1, 0, 0);
    ADVANCE(w, NIMBUS_MINUTES(1) - NIMBUS_MS(1));
    COUNTS(dead, 1, 0, 0);
    ADVANCE(w, NIMBUS_MS(2));
    COUNTS(dead, 0, 0, 0);
    EQ(METRICS(dead).expired, 1);
}

static void sqs_d6_too_old_for_the_dead_letter_queue(void **state)
{
    world *w = *state;
    nimbus_queue *dead = QUEUE(w, "dead", .retention = NIMBUS_MINUTES(10));
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = dead, .max_receive_count = 1);

    SEND(queue, "m");
    RECEIVE(queue, NULL, "m");
    ADVANCE(w, NIMBUS_MINUTES(30));
    RECEIVE_NONE(queue);
    ADVANCE(w, NIMBUS_MS(1));
    RECEIVE_NONE(dead);
    COUNTS(queue, 0, 0, 0);
    COUNTS(dead, 0, 0, 0);
    EQ(METRICS(queue).moved, 1);
    EQ(METRICS(dead).expired, 1);
}

/* Nor does it come to who waits there. */
static void sqs_d6_too_old_for_a_receiver_that_waits(void **state)
{
    world *w = *state;
    nimbus_queue *dead = QUEUE(w, "dead", .retention = NIMBUS_MINUTES(10));
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = dead, .max_receive_count = 1);
    async_record record = { 0 };

    SEND(queue, "m");
    RECEIVE(queue, NULL, "m");
    ADVANCE(w, NIMBUS_MINUTES(30));
    OK(nimbus_queue_receive_async(dead, NIMBUS_SECONDS(5), NULL, 1, async_receive, &record, NULL));
    RECEIVE_NONE(queue);
    ADVANCE(w, NIMBUS_SECONDS(6));
    EQ(record.calls, 1);
    IS((nimbus_status)record.status, NIMBUS_EMPTY);
    EQ(METRICS(queue).moved, 1);
    EQ(METRICS(dead).expired, 1);
    EQ(METRICS(dead).received, 0);
}

static void sqs_d11_a_missing_dead_letter_queue_loses_nothing(void **state)
{
    world *w = *state;
    pair p = open_pair(w, 1);
    nimbus_queue_metrics m;
    size_t i;

    SEND(p.queue, "m");
    receive_in_vain(w, p.queue, "m", 1);
    OK(nimbus_queue_delete(p.dead));
    for (i = 0; i < 5; i++) {
        RECEIVE_NONE(p.queue);
        ADVANCE(w, NIMBUS_SECONDS(30));
        m = METRICS(p.queue);
        EQ(m.ready + m.in_flight + m.delayed, 1);
        EQ(m.moved, 0);
        EQ(m.received, 1);
    }
    CHECK(traced(w, NIMBUS_TRACE_MOVE_FAILED) >= 1);
    p.dead = PLAIN_QUEUE(w, "dead");
    ADVANCE(w, NIMBUS_MINUTES(10));
    RECEIVE_NONE(p.queue);
    COUNTS(p.queue, 0, 0, 0);
    EQ(METRICS(p.queue).moved, 1);
    RECEIVE(p.dead, NULL, "m");
}

static void sqs_d11_a_full_dead_letter_queue_loses_nothing(void **state)
{
    world *w = *state;
    nimbus_queue *dead = QUEUE(w, "dead", .capacity_messages = 1);
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = dead, .max_receive_count = 1);
    nimbus_queue_metrics m;

    SEND(queue, "a");
    SEND(queue, "b");
    RECEIVE(queue, NULL, "a");
    RECEIVE(queue, NULL, "b");
    RECEIVE_NONE(queue);
    COUNTS(dead, 1, 0, 0);
    m = METRICS(queue);
    EQ(m.moved, 1);
    EQ(m.ready + m.in_flight + m.delayed, 1);
    CHECK(traced(w, NIMBUS_TRACE_MOVE_FAILED) >= 1);
    OK(nimbus_queue_delete_message(dead, TAKE(dead, "a")));
    ADVANCE(w, NIMBUS_MINUTES(10));
    RECEIVE_NONE(queue);
    COUNTS(queue, 0, 0, 0);
    RECEIVE(dead, NULL, "b");
}

static void sqs_d11_others_pass_the_one_that_cannot_be_moved(void **state)
{
    world *w = *state;
    pair p = open_pair(w, 1);

    SEND(p.queue, "stuck");
    receive_in_vain(w, p.queue, "stuck", 1);
    OK(nimbus_queue_delete(p.dead));
    SEND(p.queue, "fresh");
    RECEIVE(p.queue, NULL, "fresh");
    LEDGER(p.queue);
}

static void sqs_d11_it_still_expires_and_can_be_purged(void **state)
{
    world *w = *state;
    pair p = open_pair(w, 1);
    uint64_t purged = 0;

    SEND(p.queue, "m");
    receive_in_vain(w, p.queue, "m", 1);
    OK(nimbus_queue_delete(p.dead));
    RECEIVE_NONE(p.queue);
    ADVANCE(w, NIMBUS_DAYS(4) + NIMBUS_SECONDS(1));
    EQ(METRICS(p.queue).expired, 1);
    SEND(p.queue, "n");
    receive_in_vain(w, p.queue, "n", 1);
    RECEIVE_NONE(p.queue);
    OK(nimbus_queue_purge(p.queue, &purged));
    EQ(purged, 1);
    COUNTS(p.queue, 0, 0, 0);
}

static void sqs_d12_a_chain_hops_by_each_queues_own_count(void **state)
{
    world *w = *state;
    nimbus_queue *third = PLAIN_QUEUE(w, "third");
    nimbus_queue *second = QUEUE(w, "second", .dead_letter_queue = third, .max_receive_count = 2);
    nimbus_queue *first = QUEUE(w, "first", .dead_letter_queue = second, .max_receive_count = 5);
    nimbus_delivery delivery = { 0 };
    nimbus_delivery_info info = { 0 };

    SEND(first, "m");
    receive_in_vain(w, first, "m", 5);
    RECEIVE_NONE(first);
    COUNTS(second, 1, 0, 0);
    receive_in_vain(w, second, "m", 2); /* the five receives before do not count here */
    COUNTS(second, 1, 0, 0);
    RECEIVE_NONE(second);
    RECEIVE(third, &delivery, "m");
    OK(nimbus_delivery_get_info(&delivery, &info));
    EQ(info.receive_count, 8);
    TEXT(info.dead_letter_source, "second");
    EQ(info.dead_letter_attempts, 2);
    OK(nimbus_delivery_delete(&delivery));
    EQ(METRICS(first).moved, 1);
    EQ(METRICS(second).moved, 1);
    EQ(METRICS(second).redriven_in, 1);
}

static void sqs_d13_only_a_receive_raises_the_count(void **state)
{
    world *w = *state;
    pair p = open_pair(w, 3);
    nimbus_peeked peeked = { 0 };
    nimbus_delivery delivery = { 0 };
    nimbus_queue_options options = { 0 };
    async_record record = { 0 };
    nimbus_receive_task *task = NULL;
    size_t count = 0;
    size_t i;

    SEND(p.queue, "m");
    for (i = 0; i < 10; i++) { /* looking, cancelled receives and changed options are none */
        OK(nimbus_queue_peek(p.queue, &peeked, 1, &count));
        EQ(peeked.receive_count, 0);
        nimbus_message_release(peeked.message);
        OK(nimbus_queue_get_options(p.queue, &options));
        OK(nimbus_queue_set_options(p.queue, &options, NULL));
    }
    RECEIVE(p.queue, &delivery, "m");
    EQ(nimbus_delivery_receive_count(&delivery), 1);
    OK(nimbus_queue_receive_async(p.queue, NIMBUS_FOREVER, NULL, 1, async_receive, &record, &task));
    OK(nimbus_receive_cancel(task));
    nimbus_receive_task_release(task);
    for (i = 0; i < 10; i++) {
        OK(nimbus_delivery_extend(&delivery, NIMBUS_SECONDS(20)));
    }
    OK(nimbus_delivery_retry(&delivery, 0));
    RUN(w);
    OK(nimbus_queue_peek(p.queue, &peeked, 1, &count));
    EQ(peeked.receive_count, 1);
    nimbus_message_release(peeked.message);
    RECEIVE(p.queue, &delivery, "m");
    EQ(nimbus_delivery_receive_count(&delivery), 2);
    OK(nimbus_delivery_delete(&delivery));
}

static void sqs_d13_the_move_is_no_receive(void **state)
{
    world *w = *state;
    pair p = open_pair(w, 1);
    nimbus_peeked peeked = { 0 };
    size_t count = 0;

    SEND(p.queue, "m");
    receive_in_vain(w, p.queue, "m", 1);
    RECEIVE_NONE(p.queue);
    OK(nimbus_queue_peek(p.dead, &peeked, 1, &count));
    EQ(count, 1);
    EQ(peeked.receive_count, 1);
    EQT(peeked.sent, START_TIME);
    nimbus_message_release(peeked.message);
    EQ(METRICS(p.queue).received, 1);
    EQ(METRICS(p.dead).received, 0);
}

static void a_receipt_of_the_source_is_none_of_the_dead_letter_queue(void **state)
{
    world *w = *state;
    pair p = open_pair(w, 1);
    nimbus_receipt receipt;

    SEND(p.queue, "m");
    receipt = TAKE(p.queue, "m");
    OK(nimbus_queue_change_visibility(p.queue, receipt, 0));
    RECEIVE_NONE(p.queue);
    IS(nimbus_queue_delete_message(p.dead, receipt), NIMBUS_E_RECEIPT);
    OK(nimbus_queue_delete_message(p.queue, receipt)); /* it is gone from there */
    IS(nimbus_queue_change_visibility(p.queue, receipt, 0), NIMBUS_E_NO_MESSAGE);
    COUNTS(p.dead, 1, 0, 0);
}

static void a_lower_count_applies_to_stored_messages(void **state)
{
    world *w = *state;
    pair p = open_pair(w, 5);
    nimbus_queue_options options = { 0 };

    SEND(p.queue, "m");
    receive_in_vain(w, p.queue, "m", 3);
    OK(nimbus_queue_get_options(p.queue, &options));
    options.max_receive_count = 2;
    OK(nimbus_queue_set_options(p.queue, &options, NULL));
    RECEIVE_NONE(p.queue);
    COUNTS(p.dead, 1, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(sqs_d1_the_count_is_the_limit),
        DRIVEN(sqs_d3_moved_by_the_receive_after_the_last),
        DRIVEN(sqs_d3_a_delete_after_the_last_receive_still_counts),
        DRIVEN(sqs_d3_with_delays_in_both_queues),
        DRIVEN(sqs_d4_the_moving_receive_goes_on),
        THREADED(sqs_d4_the_moving_receive_may_block_on),
        DRIVEN(sqs_d4_a_lapse_moves_when_somebody_waits),
        DRIVEN(sqs_d5_what_is_kept),
        DRIVEN(sqs_d5_the_source_is_named_also_after_its_end),
        DRIVEN(sqs_d6_the_time_of_the_send_is_kept),
        DRIVEN(sqs_d6_too_old_for_the_dead_letter_queue),
        DRIVEN(sqs_d6_too_old_for_a_receiver_that_waits),
        DRIVEN(sqs_d11_a_missing_dead_letter_queue_loses_nothing),
        DRIVEN(sqs_d11_a_full_dead_letter_queue_loses_nothing),
        DRIVEN(sqs_d11_others_pass_the_one_that_cannot_be_moved),
        DRIVEN(sqs_d11_it_still_expires_and_can_be_purged),
        DRIVEN(sqs_d12_a_chain_hops_by_each_queues_own_count),
        DRIVEN(sqs_d13_only_a_receive_raises_the_count),
        DRIVEN(sqs_d13_the_move_is_no_receive),
        DRIVEN(a_receipt_of_the_source_is_none_of_the_dead_letter_queue),
        DRIVEN(a_lower_count_applies_to_stored_messages),
    };
    return cmocka_run_group_tests_name("queue_dead_letter", tests, NULL, NULL);
}
