/* Receiving: how many, in which order, with which visibility; waiters in order; asynchronous receives and their cancel (SQS-R). */
#include "../support/support.h"

static nimbus_status receive_many(nimbus_queue *queue, nimbus_delivery *ret, size_t max, size_t *ret_count)
{
    return nimbus_queue_receive(queue, 0, NULL, ret, max, ret_count);
}

static void release_all(nimbus_delivery *deliveries, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++) {
        nimbus_delivery_release(&deliveries[i]);
    }
}

static bool is_empty_slot(const nimbus_delivery *delivery)
{
    return nimbus_delivery_message(delivery) == NULL;
}

/* ------------------------------------------------------------------------------------------- how many */

static void sqs_r1_as_many_as_there_are_up_to_the_maximum(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery deliveries[10] = { 0 };
    char text[8];
    size_t count = 0;
    size_t i;

    for (i = 0; i < 13; i++) {
        (void)snprintf(text, sizeof text, "%zu", i);
        SEND(queue, text);
    }
    OK(receive_many(queue, deliveries, 1, &count));
    EQ(count, 1);
    CHECK(bytes_are(nimbus_delivery_body(&deliveries[0]), "0"));
    OK(nimbus_delivery_delete(&deliveries[0]));
    OK(receive_many(queue, deliveries, 10, &count));
    EQ(count, 10);
    for (i = 0; i < 10; i++) {
        (void)snprintf(text, sizeof text, "%zu", i + 1);
        CHECK(bytes_are(nimbus_delivery_body(&deliveries[i]), text));
        OK(nimbus_delivery_delete(&deliveries[i]));
    }
    OK(receive_many(queue, deliveries, 10, &count));
    EQ(count, 2);
    CHECK(is_empty_slot(&deliveries[2]));
    release_all(deliveries, 2);
    EQ(METRICS(queue).received, 13);
}

static void sqs_r1_the_range_of_the_maximum(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery deliveries[11];
    size_t count;

    SEND(queue, "m");
    FILL(count);
    memset(deliveries, 0, sizeof deliveries);
    IS(receive_many(queue, deliveries, 0, &count), NIMBUS_E_INVALID);
    IS(receive_many(queue, deliveries, 11, &count), NIMBUS_E_INVALID);
    IS(receive_many(queue, NULL, 1, &count), NIMBUS_E_INVALID);
    UNTOUCHED(count);
    CHECK(is_empty_slot(&deliveries[0]));
    COUNTS(queue, 1, 0, 0);
}

static void sqs_r1_the_relaxed_limits_give_more(void **state)
{
    world w;
    nimbus_queue *queue;
    static nimbus_delivery deliveries[100];
    size_t count = 0;
    size_t i;
    (void)state;

    world_open(&w, &(nimbus_options){ .limits = { .preset = NIMBUS_LIMITS_RELAXED } });
    queue = PLAIN_QUEUE(&w, "q");
    for (i = 0; i < 100; i++) {
        SEND(queue, "m");
    }
    OK(receive_many(queue, deliveries, 100, &count));
    EQ(count, 100);
    COUNTS(queue, 0, 0, 100);
    release_all(deliveries, count);
    world_close(&w);
}

static void sqs_r2_a_short_poll_is_never_falsely_empty(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    size_t i;

    for (i = 0; i < 1000; i++) {
        nimbus_receipt receipt;
        SEND(queue, "m");
        receipt = TAKE(queue, "m");
        OK(nimbus_queue_delete_message(queue, receipt));
    }
    RECEIVE_NONE(queue);
}

static void sqs_r3_the_wait_of_the_queue_and_of_the_call(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .receive_wait = NIMBUS_SECONDS(20));
    nimbus_queue *none = PLAIN_QUEUE(w, "none");
    async_record from_queue = { 0 };
    async_record from_none = { 0 };
    async_record explicit_zero = { 0 };

    OK(nimbus_queue_receive_async(queue, NIMBUS_DEFAULT, NULL, 1, async_receive, &from_queue, NULL));
    OK(nimbus_queue_receive_async(none, NIMBUS_DEFAULT, NULL, 1, async_receive, &from_none, NULL));
    OK(nimbus_queue_receive_async(queue, 0, NULL, 1, async_receive, &explicit_zero, NULL));
    RUN(w);
    EQ(from_none.calls, 1);
    IS((nimbus_status)from_none.status, NIMBUS_EMPTY);
    EQ(explicit_zero.calls, 1);
    IS((nimbus_status)explicit_zero.status, NIMBUS_EMPTY);
    ADVANCE(w, NIMBUS_SECONDS(20) - 1);
    EQ(from_queue.calls, 0);
    ADVANCE(w, 1);
    EQ(from_queue.calls, 1);
    IS((nimbus_status)from_queue.status, NIMBUS_EMPTY);
}

static void sqs_r3_the_range_of_the_wait(void **state)
{
    static const nimbus_duration wrong[] = { -2, 1, 20, 999, -NIMBUS_SECONDS(1) };
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery delivery = { 0 };
    async_record record = { 0 };
    size_t i;

    SEND(queue, "m");
    for (i = 0; i < COUNT(wrong); i++) {
        IS(nimbus_queue_receive(queue, wrong[i], NULL, &delivery, 1, NULL), NIMBUS_E_INVALID);
        IS(nimbus_queue_receive_async(queue, wrong[i], NULL, 1, async_receive, &record, NULL), NIMBUS_E_INVALID);
    }
    RUN(w);
    EQ(record.calls, 0);
    OK(nimbus_queue_receive(queue, NIMBUS_ZERO, NULL, &delivery, 1, NULL)); /* in an argument the same as 0 */
    OK(nimbus_delivery_retry(&delivery, NIMBUS_ZERO));
    OK(nimbus_queue_receive(queue, NIMBUS_FOREVER, NULL, &delivery, 1, NULL));
    OK(nimbus_delivery_delete(&delivery));
}

static void sqs_r4_a_long_poll_does_not_wait_to_fill(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery deliveries[10] = { 0 };
    size_t count = 0;

    SEND(queue, "a");
    SEND(queue, "b");
    OK(nimbus_queue_receive(queue, NIMBUS_SECONDS(20), NULL, deliveries, 10, &count));
    EQ(count, 2);
    release_all(deliveries, count);
    EQT(nimbus_now(w->nb), START_TIME);
}

static void sqs_r4_a_waiting_long_poll_returns_with_the_first(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    receiver r;

    receiver_start(&r, queue, NIMBUS_FOREVER);
    SEND(queue, "only");
    receiver_join(&r);
    OK(r.status);
    EQ(r.count, 1);
    TEXT(r.body, "only");
}

/* ---------------------------------------------------------------------------------------------- waiters */

static void sqs_r6_one_message_one_winner_in_order_of_arrival(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    receiver r[4];
    size_t i;

    for (i = 0; i < COUNT(r); i++) {
        receiver_start(&r[i], queue, NIMBUS_FOREVER);
    }
    for (i = 0; i < COUNT(r) - 1; i++) {
        nimbus_id id = SEND(queue, "m");
        receiver_join(&r[i]); /* this one and no other */
        OK(r[i].status);
        EQ(r[i].count, 1);
        CHECK(ids_equal(r[i].id, id));
        EQ(waiters(queue), COUNT(r) - 1 - i);
        CHECK(!atomic_load(&r[i + 1].done));
    }
    OK(nimbus_shutdown(w->nb, 0, NULL));
    receiver_join(&r[COUNT(r) - 1]);
    IS(r[COUNT(r) - 1].status, NIMBUS_E_CLOSED);
    EQ(METRICS(queue).received, COUNT(r) - 1);
}

static void sqs_r6_the_others_wait_for_the_rest_of_their_time(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    receiver first;
    receiver second;
    receiver third;

    receiver_start(&first, queue, NIMBUS_SECONDS(10));
    ADVANCE(w, NIMBUS_SECONDS(4));
    receiver_start(&second, queue, NIMBUS_SECONDS(10));
    receiver_start(&third, queue, NIMBUS_SECONDS(3));
    ADVANCE(w, NIMBUS_SECONDS(1));
    SEND(queue, "m");
    receiver_join(&first);
    OK(first.status);
    ADVANCE(w, NIMBUS_SECONDS(2)); /* 7 s: the third one's time is over */
    receiver_join(&third);
    IS(third.status, NIMBUS_EMPTY);
    ADVANCE(w, NIMBUS_SECONDS(7) - 1);
    EQ(waiters(queue), 1);
    CHECK(!atomic_load(&second.done));
    ADVANCE(w, 1);
    receiver_join(&second);
    IS(second.status, NIMBUS_EMPTY);
    EQ(second.count, 0);
}

static void sqs_r6_waiters_of_all_kinds_stand_in_one_line(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    receiver thread;
    async_record before = { 0 };
    async_record after = { 0 };

    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &before, NULL));
    EQ(waiters(queue), 1);
    receiver_start(&thread, queue, NIMBUS_FOREVER);
    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &after, NULL));
    EQ(waiters(queue), 3);
    SEND(queue, "1");
    EVENTUALLY(atomic_load(&before.calls) == 1);
    TEXT(before.body, "1");
    CHECK(!atomic_load(&thread.done));
    SEND(queue, "2");
    receiver_join(&thread);
    TEXT(thread.body, "2");
    EQ(after.calls, 0);
    SEND(queue, "3");
    EVENTUALLY(atomic_load(&after.calls) == 1);
    TEXT(after.body, "3");
    EQ(waiters(queue), 0);
}

static void sqs_r6_several_messages_wake_several(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    atomic_size_t sequence = 0;
    async_record records[3];
    nimbus_entry entries[3];
    size_t i;

    memset(records, 0, sizeof records);
    for (i = 0; i < 3; i++) {
        records[i].sequence = &sequence;
        entries[i] = entry_of(i == 0 ? "0" : i == 1 ? "1" : "2");
        OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &records[i], NULL));
    }
    OK(nimbus_queue_send_batch(queue, entries, 3, NULL));
    RUN(w);
    for (i = 0; i < 3; i++) {
        EQ(records[i].calls, 1);
        EQ(records[i].order, i);
        EQ((size_t)(records[i].body[0] - '0'), i);
    }
}

/* Each receive that came back with nothing counts once, whatever its kind; one that got something or failed does not (SQS-X1). */
static void sqs_x1_empty_receives_are_counted_once(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    async_record record = { .delete_all = true };
    nimbus_receive_task *task = NULL;
    nimbus_delivery delivery = { 0 };
    receiver r = { .max = 1 };

    RECEIVE_NONE(queue);
    EQ(METRICS(queue).empty_receives, 1);
    OK(nimbus_queue_receive_async(queue, NIMBUS_SECONDS(5), NULL, 1, async_receive, &record, NULL));
    ADVANCE(w, NIMBUS_SECONDS(5));
    EVENTUALLY(record.calls == 1);
    EQ(METRICS(queue).empty_receives, 2);
    receiver_start(&r, queue, NIMBUS_SECONDS(5)); /* a thread that waits in vain */
    EQ(METRICS(queue).empty_receives, 2);         /* not while it waits */
    ADVANCE(w, NIMBUS_SECONDS(5));
    receiver_join(&r);
    IS(r.status, NIMBUS_EMPTY);
    EQ(METRICS(queue).empty_receives, 3);
    receiver_start(&r, queue, NIMBUS_SECONDS(5)); /* one that waits and gets something */
    SEND(queue, "m");
    receiver_join(&r);
    IS(r.status, NIMBUS_OK);
    OK(nimbus_queue_purge(queue, NULL));
    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &record, &task));
    OK(nimbus_receive_cancel(task));
    nimbus_receive_task_release(task);
    EVENTUALLY(record.calls == 2);
    EQ(METRICS(queue).empty_receives, 3);
    SEND(queue, "m");
    RECEIVE(queue, &delivery, "m");
    OK(nimbus_delivery_delete(&delivery));
    EQ(METRICS(queue).empty_receives, 3);
    EQ(METRICS(queue).received, 2);
}

static void sqs_r7_an_empty_receive_is_no_error(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery deliveries[2] = { 0 };
    size_t count = 99;

    IS(receive_many(queue, deliveries, 2, &count), NIMBUS_EMPTY);
    EQ(count, 0);
    CHECK(!nimbus_failed(NIMBUS_EMPTY));
    EQ(METRICS(queue).empty_receives, 1);
    EQ(METRICS(queue).received, 0);
}

static void sqs_r7_a_long_poll_that_times_out_is_empty(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    receiver r;

    receiver_start(&r, queue, NIMBUS_SECONDS(20));
    ADVANCE(w, NIMBUS_SECONDS(20) - 1);
    EQ(waiters(queue), 1);
    ADVANCE(w, 1);
    receiver_join(&r);
    IS(r.status, NIMBUS_EMPTY);
    EQ(waiters(queue), 0);
}

static void a_driven_receive_does_not_wait_for_a_manual_clock(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery delivery = { 0 };
    size_t count;

    FILL(count);
    IS(nimbus_queue_receive(queue, NIMBUS_SECONDS(1), NULL, &delivery, 1, &count), NIMBUS_E_WOULD_BLOCK);
    IS(nimbus_queue_receive(queue, NIMBUS_FOREVER, NULL, &delivery, 1, &count), NIMBUS_E_WOULD_BLOCK);
    UNTOUCHED(count);
    CHECK(is_empty_slot(&delivery));
    EQ(waiters(queue), 0);
}

/* ------------------------------------------------------------------------------------------- visibility */

static void sqs_r8_the_visibility_of_the_queue_unless_the_receive_says_its_own(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(7));
    nimbus_delivery a = { 0 };
    nimbus_delivery b = { 0 };
    nimbus_delivery_info info = { 0 };

    SEND(queue, "a");
    SEND(queue, "b");
    RECEIVE(queue, &a, "a");
    RECEIVE_FOR(queue, &b, "b", NIMBUS_SECONDS(3));
    OK(nimbus_delivery_get_info(&a, &info));
    EQT(info.visible_at, START_TIME + NIMBUS_SECONDS(7));
    OK(nimbus_delivery_get_info(&b, &info));
    EQT(info.visible_at, START_TIME + NIMBUS_SECONDS(3));
    ADVANCE(w, NIMBUS_SECONDS(3) - 1);
    COUNTS(queue, 0, 0, 2);
    ADVANCE(w, 1);
    COUNTS(queue, 1, 0, 1);
    ADVANCE(w, NIMBUS_SECONDS(4) - 1);
    COUNTS(queue, 1, 0, 1);
    ADVANCE(w, 1);
    COUNTS(queue, 2, 0, 0);
    nimbus_delivery_release(&a);
    nimbus_delivery_release(&b);
}

static void sqs_r8_the_range_of_the_visibility(void **state)
{
    static const nimbus_duration wrong[] = { -1, 1, 30, 999, NIMBUS_HOURS(12) + 1, NIMBUS_FOREVER };
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery delivery = { 0 };
    nimbus_receive_options options = { 0 };
    async_record record = { 0 };
    size_t i;

    SEND(queue, "m");
    for (i = 0; i < COUNT(wrong); i++) {
        options.visibility_timeout = wrong[i];
        IS(nimbus_queue_receive(queue, 0, &options, &delivery, 1, NULL), NIMBUS_E_INVALID);
        IS(nimbus_queue_receive_async(queue, 0, &options, 1, async_receive, &record, NULL), NIMBUS_E_INVALID);
    }
    options.visibility_timeout = 0;
    options.reserved_[0] = 1;
    IS(nimbus_queue_receive(queue, 0, &options, &delivery, 1, NULL), NIMBUS_E_INVALID);
    COUNTS(queue, 1, 0, 0);
    RECEIVE_FOR(queue, &delivery, "m", NIMBUS_HOURS(12));
    EQ(nimbus_delivery_receive_count(&delivery), 1);
    OK(nimbus_delivery_delete(&delivery));
}

static void sqs_r9_the_override_is_for_one_receive(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(30));

    SEND(queue, "m");
    (void)TAKE_FOR(queue, "m", NIMBUS_SECONDS(2));
    ADVANCE(w, NIMBUS_SECONDS(2));
    (void)TAKE(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(30) - 1);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, 1);
    COUNTS(queue, 1, 0, 0);
}

static void sqs_r10_visibility_zero_leaves_it_receivable(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue *zero = QUEUE(w, "zero", .visibility_timeout = NIMBUS_ZERO);
    nimbus_delivery delivery = { 0 };
    uint32_t i;

    SEND(queue, "m");
    SEND(zero, "z");
    for (i = 1; i <= 5; i++) {
        RECEIVE_FOR(queue, &delivery, "m", NIMBUS_ZERO);
        EQ(nimbus_delivery_receive_count(&delivery), i);
        COUNTS(queue, 1, 0, 0);
        RECEIVE(zero, &delivery, "z"); /* the slot is occupied: it lets go of the other */
        EQ(nimbus_delivery_receive_count(&delivery), i);
        COUNTS(zero, 1, 0, 0);
    }
    OK(nimbus_delivery_delete(&delivery));
    COUNTS(zero, 0, 0, 0);
}

static void sqs_r11_never_the_same_message_twice_in_one_receive(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_ZERO);
    nimbus_delivery deliveries[10] = { 0 };
    size_t count = 0;
    size_t i;
    size_t k;

    SEND(queue, "a");
    SEND(queue, "b");
    SEND(queue, "c");
    OK(receive_many(queue, deliveries, 10, &count));
    EQ(count, 3);
    for (i = 0; i < count; i++) {
        EQ(nimbus_delivery_receive_count(&deliveries[i]), 1);
        for (k = 0; k < i; k++) {
            CHECK(nimbus_delivery_message(&deliveries[i]) != nimbus_delivery_message(&deliveries[k]));
        }
    }
    COUNTS(queue, 3, 0, 0);
    release_all(deliveries, count);
    OK(receive_many(queue, deliveries, 10, &count));
    EQ(count, 3);
    EQ(nimbus_delivery_receive_count(&deliveries[0]), 2);
    release_all(deliveries, count);
}

static void sqs_r12_in_order_of_becoming_ready(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(5));
    nimbus_receipt b;

    SEND(queue, "a");
    SEND(queue, "b");
    SEND_DELAYED(queue, "d", NIMBUS_SECONDS(2));
    SEND(queue, "c");
    (void)TAKE(queue, "a");
    b = TAKE(queue, "b");
    ADVANCE(w, NIMBUS_SECONDS(2));                   /* d becomes ready behind c */
    OK(nimbus_queue_change_visibility(queue, b, 0)); /* then b */
    ADVANCE(w, NIMBUS_SECONDS(3));                   /* then a */
    RECEIVE(queue, NULL, "c");
    RECEIVE(queue, NULL, "d");
    RECEIVE(queue, NULL, "b");
    RECEIVE(queue, NULL, "a");
    RECEIVE_NONE(queue);
}

static void sqs_r16_the_in_flight_limit(void **state)
{
    world w;
    nimbus_queue *queue;
    nimbus_delivery deliveries[5] = { 0 };
    nimbus_delivery more = { 0 };
    size_t count = 0;
    (void)state;

    world_open(&w, &(nimbus_options){ .limits = { .max_in_flight = 3 } });
    queue = PLAIN_QUEUE(&w, "q");
    SEND(queue, "a");
    SEND(queue, "b");
    SEND(queue, "c");
    SEND(queue, "d");
    OK(receive_many(queue, deliveries, 5, &count));
    EQ(count, 3);
    COUNTS(queue, 1, 0, 3);
    IS(receive_many(queue, &more, 1, &count), NIMBUS_E_OVER_LIMIT);
    CHECK(is_empty_slot(&more));
    OK(nimbus_delivery_delete(&deliveries[1]));
    RECEIVE(queue, &more, "d");
    COUNTS(queue, 0, 0, 3);
    release_all(deliveries, 3);
    nimbus_delivery_release(&more);
    world_close(&w);
}

static void receiving_into_an_occupied_slot_lets_go_of_it(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    static adopted a;
    nimbus_entry entry = { 0 };
    nimbus_delivery deliveries[2] = { 0 };
    size_t count = 0;

    entry.body = adopted_body(&a, "first");
    OK(nimbus_queue_send(queue, &entry, NULL));
    SEND(queue, "second");
    RECEIVE(queue, &deliveries[1], "first");
    OK(nimbus_queue_delete_message(queue, nimbus_delivery_receipt(&deliveries[1])));
    EQ(a.frees, 0);
    OK(receive_many(queue, deliveries, 2, &count)); /* one came; the slot behind it is empty */
    EQ(count, 1);
    EQ(a.frees, 1);
    CHECK(bytes_are(nimbus_delivery_body(&deliveries[0]), "second"));
    CHECK(is_empty_slot(&deliveries[1]));
    IS(receive_many(queue, deliveries, 2, &count), NIMBUS_EMPTY);
    CHECK(is_empty_slot(&deliveries[0]));
    COUNTS(queue, 0, 0, 1); /* let go of, not given back */
}

static void a_failed_receive_leaves_the_slots_alone(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue *gone = PLAIN_QUEUE(w, "gone");
    nimbus_delivery delivery = { 0 };

    SEND(queue, "m");
    RECEIVE(queue, &delivery, "m");
    OK(nimbus_queue_delete(gone));
    IS(nimbus_queue_receive(gone, 0, NULL, &delivery, 1, NULL), NIMBUS_E_DELETED);
    IS(nimbus_queue_receive(queue, 5, NULL, &delivery, 1, NULL), NIMBUS_E_INVALID);
    CHECK(bytes_are(nimbus_delivery_body(&delivery), "m"));
    OK(nimbus_delivery_delete(&delivery));
    COUNTS(queue, 0, 0, 0);
}

static void a_receive_that_would_block_has_let_go_of_the_slots(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery delivery = { 0 };
    size_t count;

    FILL(count);
    SEND(queue, "m");
    RECEIVE(queue, &delivery, "m");
    IS(nimbus_queue_receive(queue, NIMBUS_SECONDS(1), NULL, &delivery, 1, &count), NIMBUS_E_WOULD_BLOCK);
    UNTOUCHED(count);
    CHECK(is_empty_slot(&delivery));
    COUNTS(queue, 0, 0, 1); /* let go of, not given back */
}

/* ---------------------------------------------------------------------------------------- asynchronous */

static void an_asynchronous_receive_is_called_exactly_once(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    async_record record = { .delete_all = true };

    SEND(queue, "a");
    SEND(queue, "b");
    SEND(queue, "c");
    OK(nimbus_queue_receive_async(queue, NIMBUS_SECONDS(20), NULL, 2, async_receive, &record, NULL));
    RUN(w);
    EQ(record.calls, 1);
    IS((nimbus_status)record.status, NIMBUS_OK);
    EQ(record.count, 2);
    TEXT(record.body, "a");
    COUNTS(queue, 1, 0, 0);
    ADVANCE(w, NIMBUS_MINUTES(1));
    SEND(queue, "d");
    RUN(w);
    EQ(record.calls, 1);
}

static void an_asynchronous_receive_does_not_run_inside_the_call(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    async_record record = { 0 };

    SEND(queue, "a");
    OK(nimbus_queue_receive_async(queue, 0, NULL, 1, async_receive, &record, NULL));
    EQ(record.calls, 0);
    RUN(w);
    EQ(record.calls, 1);
}

static void deliveries_left_by_an_asynchronous_receive_are_released(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(10));
    async_record record = { 0 };

    SEND(queue, "m");
    OK(nimbus_queue_receive_async(queue, 0, NULL, 1, async_receive, &record, NULL));
    RUN(w);
    EQ(record.calls, 1);
    EQ(record.receive_count, 1);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, NIMBUS_SECONDS(10));
    COUNTS(queue, 1, 0, 0);
}

static void move_out(nimbus_queue *queue, nimbus_status status, nimbus_delivery *deliveries, size_t count, void *user)
{
    nimbus_delivery *kept = user;
    (void)queue;
    if (status == NIMBUS_OK && count == 1) {
        *kept = deliveries[0];
        deliveries[0] = (nimbus_delivery){ 0 };
    }
}

static void a_delivery_can_be_moved_out_of_an_asynchronous_receive(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery kept = { 0 };

    SEND(queue, "m");
    OK(nimbus_queue_receive_async(queue, 0, NULL, 1, move_out, &kept, NULL));
    RUN(w);
    CHECK(bytes_are(nimbus_delivery_body(&kept), "m"));
    COUNTS(queue, 0, 0, 1);
    OK(nimbus_delivery_delete(&kept));
    COUNTS(queue, 0, 0, 0);
}

static void the_visibility_of_an_asynchronous_receive_is_counted_from_the_assignment(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_receive_options options = { .visibility_timeout = NIMBUS_SECONDS(4) };
    async_record record = { 0 };

    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, &options, 1, async_receive, &record, NULL));
    ADVANCE(w, NIMBUS_SECONDS(100));
    SEND(queue, "m");
    RUN(w);
    EQ(record.calls, 1);
    ADVANCE(w, NIMBUS_SECONDS(4) - 1);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, 1);
    COUNTS(queue, 1, 0, 0);
}

static void a_cancelled_receive_takes_no_message(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_receive_task *task = NULL;
    async_record record = { 0 };
    nimbus_delivery delivery = { 0 };

    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &record, &task));
    CHECK(task != NULL);
    OK(nimbus_receive_cancel(task));
    IS(nimbus_receive_cancel(task), NIMBUS_STALE);
    EQ(waiters(queue), 0);
    SEND(queue, "m");
    RUN(w);
    EQ(record.calls, 1);
    IS((nimbus_status)record.status, NIMBUS_E_CANCELLED);
    EQ(record.count, 0);
    IS(nimbus_receive_cancel(task), NIMBUS_STALE);
    nimbus_receive_task_release(task);
    RECEIVE(queue, &delivery, "m");
    EQ(nimbus_delivery_receive_count(&delivery), 1);
    OK(nimbus_delivery_delete(&delivery));
}

static void a_cancel_after_the_assignment_is_too_late(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_receive_task *task = NULL;
    async_record record = { 0 };

    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &record, &task));
    SEND(queue, "m");
    RUN(w);
    EQ(record.calls, 1);
    IS(nimbus_receive_cancel(task), NIMBUS_STALE);
    RUN(w);
    EQ(record.calls, 1);
    nimbus_receive_task_release(task);
    nimbus_receive_task_release(NULL);
    IS(nimbus_receive_cancel(NULL), NIMBUS_E_INVALID);
}

static void a_released_task_goes_on(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_receive_task *task = NULL;
    async_record record = { 0 };

    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &record, &task));
    nimbus_receive_task_release(task);
    SEND(queue, "m");
    RUN(w);
    EQ(record.calls, 1);
    TEXT(record.body, "m");
}

static void *send_one(void *user)
{
    nimbus_entry entry = entry_of("m");
    (void)nimbus_queue_send(user, &entry, NULL);
    return NULL;
}

/* L6, L7: a receive is cancelled just while a message arrives: either fn gets it, or it was never assigned. */
static void a_cancel_against_a_send_loses_nothing(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_HOURS(1));
    size_t round;

    for (round = 0; round < 300; round++) {
        nimbus_receive_task *task = NULL;
        async_record record = { .delete_all = true };
        nimbus_delivery delivery = { 0 };
        pthread_t thread;
        nimbus_status status;

        OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &record, &task));
        EQ(pthread_create(&thread, NULL, send_one, queue), 0);
        while (round % 2 == 1 && METRICS(queue).accepted <= round) {
            sched_yield();
        }
        status = nimbus_receive_cancel(task);
        EVENTUALLY(atomic_load(&record.calls) == 1);
        EQ(pthread_join(thread, NULL), 0);
        if (status == NIMBUS_OK) {
            IS((nimbus_status)record.status, NIMBUS_E_CANCELLED);
            RECEIVE(queue, &delivery, "m");
            EQ(nimbus_delivery_receive_count(&delivery), 1);
            OK(nimbus_delivery_delete(&delivery));
        } else {
            IS(status, NIMBUS_STALE);
            IS((nimbus_status)record.status, NIMBUS_OK);
            EQ(record.receive_count, 1);
        }
        nimbus_receive_task_release(task);
        COUNTS(queue, 0, 0, 0);
    }
    EQ(METRICS(queue).received, 300);
}

static nimbus_queue *chained_queue;

static void chain(nimbus_queue *queue, nimbus_status status, nimbus_delivery *deliveries, size_t count, void *user)
{
    handler_record *record = user;
    size_t n = atomic_fetch_add(&record->calls, 1);
    if (status == NIMBUS_OK && count == 1 && n < 16) {
        bytes_text(nimbus_delivery_body(&deliveries[0]), record->bodies[n], sizeof record->bodies[n]);
        (void)nimbus_delivery_delete(&deliveries[0]);
        (void)nimbus_queue_receive_async(queue, NIMBUS_SECONDS(20), NULL, 1, chain, user, NULL);
    }
}

static void an_asynchronous_receive_may_start_the_next(void **state)
{
    world *w = *state;
    handler_record record = { 0 };

    chained_queue = PLAIN_QUEUE(w, "q");
    OK(nimbus_queue_receive_async(chained_queue, NIMBUS_SECONDS(20), NULL, 1, chain, &record, NULL));
    SEND(chained_queue, "1");
    SEND(chained_queue, "2");
    SEND(chained_queue, "3");
    RUN(w);
    EQ(record.calls, 3);
    TEXT(record.bodies[0], "1");
    TEXT(record.bodies[2], "3");
    COUNTS(chained_queue, 0, 0, 0);
    ADVANCE(w, NIMBUS_SECONDS(20));
    EQ(record.calls, 4);
}

/* L9: polls that find nothing cost no memory. */
static void empty_receives_leave_memory_flat(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    size_t bytes = 0;
    size_t i;

    for (i = 0; i < 20000; i++) {
        nimbus_receipt receipt;
        RECEIVE_NONE(queue);
        SEND(queue, "m");
        receipt = TAKE(queue, "m");
        OK(nimbus_queue_delete_message(queue, receipt));
        ADVANCE(w, NIMBUS_MS(7));
        if (i == 10000) {
            bytes = atomic_load(&w->heap.bytes);
        }
    }
    CHECK(atomic_load(&w->heap.bytes) <= bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(sqs_r1_as_many_as_there_are_up_to_the_maximum),
        DRIVEN(sqs_r1_the_range_of_the_maximum),
        cmocka_unit_test(sqs_r1_the_relaxed_limits_give_more),
        DRIVEN(sqs_r2_a_short_poll_is_never_falsely_empty),
        DRIVEN(sqs_r3_the_wait_of_the_queue_and_of_the_call),
        DRIVEN(sqs_r3_the_range_of_the_wait),
        DRIVEN(sqs_r4_a_long_poll_does_not_wait_to_fill),
        THREADED(sqs_r4_a_waiting_long_poll_returns_with_the_first),
        THREADED(sqs_r6_one_message_one_winner_in_order_of_arrival),
        THREADED(sqs_r6_the_others_wait_for_the_rest_of_their_time),
        THREADED(sqs_r6_waiters_of_all_kinds_stand_in_one_line),
        DRIVEN(sqs_r6_several_messages_wake_several),
        THREADED(sqs_x1_empty_receives_are_counted_once),
        DRIVEN(sqs_r7_an_empty_receive_is_no_error),
        THREADED(sqs_r7_a_long_poll_that_times_out_is_empty),
        DRIVEN(a_driven_receive_does_not_wait_for_a_manual_clock),
        DRIVEN(sqs_r8_the_visibility_of_the_queue_unless_the_receive_says_its_own),
        DRIVEN(sqs_r8_the_range_of_the_visibility),
        DRIVEN(sqs_r9_the_override_is_for_one_receive),
        DRIVEN(sqs_r10_visibility_zero_leaves_it_receivable),
        DRIVEN(sqs_r11_never_the_same_message_twice_in_one_receive),
        DRIVEN(sqs_r12_in_order_of_becoming_ready),
        cmocka_unit_test(sqs_r16_the_in_flight_limit),
        DRIVEN(receiving_into_an_occupied_slot_lets_go_of_it),
        DRIVEN(a_failed_receive_leaves_the_slots_alone),
        DRIVEN(a_receive_that_would_block_has_let_go_of_the_slots),
        DRIVEN(an_asynchronous_receive_is_called_exactly_once),
        DRIVEN(an_asynchronous_receive_does_not_run_inside_the_call),
        DRIVEN(deliveries_left_by_an_asynchronous_receive_are_released),
        DRIVEN(a_delivery_can_be_moved_out_of_an_asynchronous_receive),
        DRIVEN(the_visibility_of_an_asynchronous_receive_is_counted_from_the_assignment),
        DRIVEN(a_cancelled_receive_takes_no_message),
        DRIVEN(a_cancel_after_the_assignment_is_too_late),
        DRIVEN(a_released_task_goes_on),
        THREADED(a_cancel_against_a_send_loses_nothing),
        DRIVEN(an_asynchronous_receive_may_start_the_next),
        DRIVEN(empty_receives_leave_memory_flat),
    };
    return cmocka_run_group_tests_name("queue_receive", tests, NULL, NULL);
}
