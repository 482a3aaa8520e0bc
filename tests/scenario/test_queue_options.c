/*
 * What a change of options does to a queue that is in use: which values hold for messages that are stored already, and which only for
 * what comes. The table in docs/guide/queues.md says the same.
 */
#include "../support/support.h"

#define NS INT64_C(1)

static void set(world *w, nimbus_queue *queue, nimbus_queue_options options)
{
    OK(nimbus_queue_set_options(queue, &options, &w->err));
}

#define SET(w, queue, ...) set((w), (queue), (nimbus_queue_options){ __VA_ARGS__ })

static void a_visibility_holds_from_the_next_receive_on(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(30));
    nimbus_receipt receipt;

    SEND(queue, "a");
    SEND(queue, "b");
    receipt = TAKE(queue, "a");
    SET(w, queue, .visibility_timeout = NIMBUS_SECONDS(5));
    (void)TAKE(queue, "b");
    ADVANCE(w, NIMBUS_SECONDS(5));
    COUNTS(queue, 1, 0, 1); /* b is back, a is not */
    OK(nimbus_queue_delete_message(queue, TAKE(queue, "b")));
    ADVANCE(w, NIMBUS_SECONDS(25) - NS);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, NS);
    COUNTS(queue, 1, 0, 0);
    OK(nimbus_queue_delete_message(queue, receipt));
}

static void sqs_s8_a_delay_holds_from_the_next_send_on(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .delay = NIMBUS_SECONDS(60));

    SEND(queue, "long");
    SET(w, queue, .delay = NIMBUS_SECONDS(5));
    SEND(queue, "short");
    SET(w, queue, .delay = NIMBUS_ZERO);
    SEND(queue, "none");
    COUNTS(queue, 1, 2, 0);
    ADVANCE(w, NIMBUS_SECONDS(5));
    COUNTS(queue, 2, 1, 0);
    ADVANCE(w, NIMBUS_SECONDS(55) - NS);
    COUNTS(queue, 2, 1, 0);
    ADVANCE(w, NS);
    COUNTS(queue, 3, 0, 0);
}

static void sqs_t3_a_retention_holds_for_all_at_once(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .retention = NIMBUS_HOURS(1));
    nimbus_delivery delivery = { 0 };

    SEND(queue, "in flight");
    RECEIVE_FOR(queue, &delivery, "in flight", NIMBUS_HOURS(10));
    SEND(queue, "ready");
    (void)SEND_DELAYED(queue, "delayed", NIMBUS_MINUTES(15));
    ADVANCE(w, NIMBUS_MINUTES(2));
    SEND(queue, "young");
    SET(w, queue, .retention = NIMBUS_MINUTES(1));
    COUNTS(queue, 1, 0, 0);
    EQ(METRICS(queue).expired, 3);
    OK(nimbus_delivery_delete(&delivery)); /* late, and no error (SQS-T2) */
    SET(w, queue, .retention = NIMBUS_HOURS(1)); /* and longer again, before it is over */
    ADVANCE(w, NIMBUS_MINUTES(59));
    COUNTS(queue, 1, 0, 0);
    ADVANCE(w, NIMBUS_MINUTES(1) + NIMBUS_MS(1));
    COUNTS(queue, 0, 0, 0);
}

static void sqs_s5_a_size_holds_from_the_next_send_on(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    char big[4096];
    nimbus_entry entry = { .body = nimbus_copy(big, sizeof big) };
    nimbus_delivery delivery = { 0 };

    memset(big, 'b', sizeof big);
    OK(nimbus_queue_send(queue, &entry, NULL));
    SET(w, queue, .max_message_size = 1024);
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_TOO_LARGE);
    OK(nimbus_queue_receive(queue, 0, NULL, &delivery, 1, NULL));
    EQ(nimbus_delivery_body(&delivery).size, sizeof big);
    OK(nimbus_delivery_delete(&delivery));
}

static void a_capacity_below_what_is_held_refuses_until_there_is_room(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_entry entry = entry_of("x");
    nimbus_sent sent;
    size_t i;

    for (i = 0; i < 10; i++) {
        SEND(queue, "m");
    }
    SET(w, queue, .capacity_messages = 3);
    COUNTS(queue, 10, 0, 0); /* nothing goes */
    for (i = 10; i > 3; i--) {
        OK(nimbus_queue_delete_message(queue, TAKE(queue, "m")));
        IS(nimbus_queue_send(queue, &entry, &sent), NIMBUS_E_FULL);
        EQ(sent.bound, NIMBUS_BOUND_MESSAGES);
    }
    OK(nimbus_queue_delete_message(queue, TAKE(queue, "m")));
    OK(nimbus_queue_send(queue, &entry, NULL));
    COUNTS(queue, 3, 0, 0);
    SET(w, queue, .capacity_messages = 4); /* room at once */
    OK(nimbus_queue_send(queue, &entry, NULL));
}

static void a_capacity_in_bytes_counts_what_was_there_before(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_entry entry = entry_of("12345");
    nimbus_sent sent;

    SEND(queue, "1234567890");
    SEND(queue, "1234567890");
    SET(w, queue, .capacity_bytes = 24);
    IS(nimbus_queue_send(queue, &entry, &sent), NIMBUS_E_FULL);
    EQ(sent.bound, NIMBUS_BOUND_BYTES);
    SET(w, queue, .capacity_bytes = 25);
    OK(nimbus_queue_send(queue, &entry, NULL));
    EQ(METRICS(queue).bytes, 25);
}

/* Dropping begins with the next send that finds no room; and it drops as much as that one needs. */
static void drop_oldest_holds_from_the_next_send_on(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery delivery = { 0 };

    SEND(queue, "a");
    SEND(queue, "b");
    SEND(queue, "c");
    SET(w, queue, .capacity_messages = 2, .overflow = NIMBUS_OVERFLOW_DROP_OLDEST);
    COUNTS(queue, 3, 0, 0);
    SEND(queue, "d");
    COUNTS(queue, 2, 0, 0);
    EQ(METRICS(queue).dropped, 2);
    RECEIVE(queue, &delivery, "c");
    OK(nimbus_delivery_delete(&delivery));
}

/* Who waits for room wakes when there is some. */
static void *send_patiently(void *user)
{
    nimbus_entry entry = { .body = nimbus_text("late"), .wait = NIMBUS_FOREVER };

    return nimbus_queue_send(user, &entry, NULL) == NIMBUS_OK ? NULL : user;
}

static void a_larger_capacity_wakes_senders(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .capacity_messages = 1);
    pthread_t thread;
    void *wrong;

    SEND(queue, "m");
    EQ(pthread_create(&thread, NULL, send_patiently, queue), 0);
    EVENTUALLY(METRICS(queue).refused > 0); /* it has found no room */
    SET(w, queue, .capacity_messages = 2);
    EQ(pthread_join(thread, &wrong), 0);
    CHECK(wrong == NULL);
    COUNTS(queue, 2, 0, 0);
}

static void a_receive_wait_holds_from_the_next_receive_on(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .receive_wait = NIMBUS_SECONDS(20));
    async_record first = { 0 };
    async_record second = { 0 };

    OK(nimbus_queue_receive_async(queue, NIMBUS_DEFAULT, NULL, 1, async_receive, &first, NULL));
    SET(w, queue, .receive_wait = NIMBUS_SECONDS(5));
    OK(nimbus_queue_receive_async(queue, NIMBUS_DEFAULT, NULL, 1, async_receive, &second, NULL));
    ADVANCE(w, NIMBUS_SECONDS(5));
    EQ(second.calls, 1);
    EQ(first.calls, 0);
    ADVANCE(w, NIMBUS_SECONDS(15));
    EQ(first.calls, 1);
}

/* The counts that messages have already are compared with the new bound, at their next receive. */
static void a_lower_receive_count_holds_from_the_next_receive_on(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .dead_letter_queue = dead, .max_receive_count = 10, .visibility_timeout = NIMBUS_SECONDS(1));
    size_t i;

    SEND(queue, "worn");
    for (i = 0; i < 3; i++) {
        (void)TAKE(queue, "worn");
        ADVANCE(w, NIMBUS_SECONDS(1));
    }
    SEND(queue, "new");
    SET(w, queue, .dead_letter_queue = dead, .max_receive_count = 3, .visibility_timeout = NIMBUS_SECONDS(1));
    COUNTS(queue, 2, 0, 0); /* nothing moves before somebody receives (SQS-D3) */
    (void)TAKE(queue, "new");
    COUNTS(queue, 0, 0, 1);
    COUNTS(dead, 1, 0, 0);
}

static void a_dead_letter_queue_given_later_takes_what_is_stored(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *other = PLAIN_QUEUE(w, "other");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(1));

    SEND(queue, "m");
    (void)TAKE(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(1));
    SET(w, queue, .dead_letter_queue = dead, .max_receive_count = 1, .visibility_timeout = NIMBUS_SECONDS(1));
    SET(w, queue, .dead_letter_queue = other, .max_receive_count = 1, .visibility_timeout = NIMBUS_SECONDS(1));
    RECEIVE_NONE(queue);
    COUNTS(dead, 0, 0, 0);
    COUNTS(other, 1, 0, 0);
}

static void sqs_d15_without_a_dead_letter_queue_it_is_received_on(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .dead_letter_queue = dead, .max_receive_count = 1, .visibility_timeout = NIMBUS_SECONDS(1));
    nimbus_delivery delivery = { 0 };

    SEND(queue, "m");
    (void)TAKE(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(1));
    SET(w, queue, .visibility_timeout = NIMBUS_SECONDS(1));
    RECEIVE(queue, &delivery, "m");
    EQ(nimbus_delivery_receive_count(&delivery), 2);
    OK(nimbus_delivery_delete(&delivery));
    COUNTS(dead, 0, 0, 0);
}

/* Get, edit, set: what was not edited stays as it was. */
static void get_edit_set_changes_one_value_only(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_ZERO, .delay = NIMBUS_SECONDS(3), .retention = NIMBUS_HOURS(2),
                                .receive_wait = NIMBUS_SECONDS(4), .max_message_size = 2000, .capacity_messages = 50,
                                .capacity_bytes = 5000, .overflow = NIMBUS_OVERFLOW_DROP_OLDEST, .text_only = true,
                                .dead_letter_queue = dead, .max_receive_count = 7);
    nimbus_queue_options before = { 0 };
    nimbus_queue_options after = { 0 };

    OK(nimbus_queue_get_options(queue, &before));
    after = before;
    after.delay = NIMBUS_SECONDS(9);
    OK(nimbus_queue_set_options(queue, &after, &w->err));
    OK(nimbus_queue_get_options(queue, &after));
    EQT(after.delay, NIMBUS_SECONDS(9));
    EQT(after.visibility_timeout, NIMBUS_ZERO);
    EQT(after.retention, before.retention);
    EQT(after.receive_wait, before.receive_wait);
    EQ(after.max_message_size, 2000);
    EQ(after.capacity_messages, 50);
    EQ(after.capacity_bytes, 5000);
    EQ(after.overflow, NIMBUS_OVERFLOW_DROP_OLDEST);
    CHECK(after.text_only);
    CHECK(after.dead_letter_queue == dead);
    EQ(after.max_receive_count, 7);
}

static void a_refused_change_changes_nothing(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .delay = NIMBUS_SECONDS(3));
    nimbus_queue_options options = { .delay = NIMBUS_SECONDS(5), .max_receive_count = 5 }; /* without a dead-letter queue */
    nimbus_error err = { 0 };

    IS(nimbus_queue_set_options(queue, &options, &err), NIMBUS_E_INVALID);
    TEXT(err.field, "dead_letter_queue");
    OK(nimbus_queue_get_options(queue, &options));
    EQT(options.delay, NIMBUS_SECONDS(3));
    SEND(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(3));
    COUNTS(queue, 1, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(a_visibility_holds_from_the_next_receive_on),
        DRIVEN(sqs_s8_a_delay_holds_from_the_next_send_on),
        DRIVEN(sqs_t3_a_retention_holds_for_all_at_once),
        DRIVEN(sqs_s5_a_size_holds_from_the_next_send_on),
        DRIVEN(a_capacity_below_what_is_held_refuses_until_there_is_room),
        DRIVEN(a_capacity_in_bytes_counts_what_was_there_before),
        DRIVEN(drop_oldest_holds_from_the_next_send_on),
        THREADED(a_larger_capacity_wakes_senders),
        DRIVEN(a_receive_wait_holds_from_the_next_receive_on),
        DRIVEN(a_lower_receive_count_holds_from_the_next_receive_on),
        DRIVEN(a_dead_letter_queue_given_later_takes_what_is_stored),
        DRIVEN(sqs_d15_without_a_dead_letter_queue_it_is_received_on),
        DRIVEN(get_edit_set_changes_one_value_only),
        DRIVEN(a_refused_change_changes_nothing),
    };
    return cmocka_run_group_tests_name("queue_options", tests, NULL, NULL);
}
