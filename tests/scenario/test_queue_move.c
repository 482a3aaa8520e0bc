/* Move tasks: what is moved, in which order, as what; the rate, the filter, cancel, and every way in which one can fail (SQS-M). */
#include "../support/support.h"

#define MANY 200

typedef struct pair {
    nimbus_queue *queue;
    nimbus_queue *dead;
} pair;

/* A queue and its dead-letter queue with so many dead letters: "0", "1" and so on. */
static pair open_pair(world *w, const char *name, nimbus_queue *dead, size_t letters)
{
    pair p = { .dead = dead };
    char text[16];
    size_t i;

    p.queue = QUEUE(w, name, .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = dead, .max_receive_count = 1);
    for (i = 0; i < letters; i++) {
        (void)snprintf(text, sizeof text, "%s%zu", name, i);
        SEND(p.queue, text);
        (void)TAKE(p.queue, text);
    }
    RECEIVE_NONE(p.queue);
    COUNTS(p.queue, 0, 0, 0);
    return p;
}

static nimbus_move_task *start(world *w, nimbus_queue *source, const nimbus_redrive_options *options)
{
    nimbus_move_task *task = nimbus_queue_redrive(source, options, &w->err);

    SETUP_OK(w);
    CHECK(task != NULL);
    return task;
}

#define START(w, source, ...) start((w), (source), &(nimbus_redrive_options){ __VA_ARGS__ })

static nimbus_move_status status_of(nimbus_move_task *task)
{
    nimbus_move_status status;

    OK(nimbus_move_task_get_status(task, &status));
    return status;
}

/* Runs what can run, looks, and lets go. */
static nimbus_move_status finish(world *w, nimbus_move_task *task)
{
    nimbus_move_status status;

    RUN(w);
    status = status_of(task);
    nimbus_move_task_release(task);
    return status;
}

static nimbus_status refused(nimbus_queue *source, const nimbus_redrive_options *options, char ret_field[48])
{
    nimbus_error err = { 0 };

    CHECK(nimbus_queue_redrive(source, options, &err) == NULL);
    TEXT(err.call, "nimbus_queue_redrive");
    (void)snprintf(ret_field, 48, "%s", err.field);
    return err.status;
}

/* --------------------------------------------------------------------------------------- what may be started */

static void sqs_m1_the_source_is_a_dead_letter_queue(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *other = PLAIN_QUEUE(w, "other");
    nimbus_redrive_options options = { .destination = other };
    nimbus_queue_options policy = { .dead_letter_queue = dead, .max_receive_count = 1 };
    nimbus_move_status status;
    char field[48];

    SEND(dead, "m");
    IS(refused(dead, &options, field), NIMBUS_E_INVALID);
    TEXT(field, "source");
    options.any_source = true;
    status = finish(w, start(w, dead, &options));
    EQ(status.state, NIMBUS_MOVE_COMPLETED);
    EQ(status.moved, 1);
    RECEIVE(other, NULL, "m");
    options.any_source = false;
    OK(nimbus_queue_set_options(other, &policy, NULL)); /* now it is one */
    nimbus_move_task_release(start(w, dead, NULL));
    OK(nimbus_queue_delete(other));
    RUN(w);
    IS(refused(dead, NULL, field), NIMBUS_E_INVALID);
    TEXT(field, "source");
}

static void sqs_m1_destinations(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *gone = PLAIN_QUEUE(w, "gone");
    pair p = open_pair(w, "q", dead, 1);
    nimbus_runtime *elsewhere = nimbus_open(&(nimbus_options){ .driven = true }, &w->err);
    nimbus_queue *stranger = nimbus_queue_create(elsewhere, "stranger", NULL, &w->err);
    char field[48];

    SETUP_OK(w);
    IS(refused(dead, &(nimbus_redrive_options){ .destination = dead }, field), NIMBUS_E_INVALID);
    TEXT(field, "destination");
    IS(refused(dead, &(nimbus_redrive_options){ .destination = stranger }, field), NIMBUS_E_INVALID);
    TEXT(field, "destination");
    OK(nimbus_queue_delete(gone));
    IS(refused(dead, &(nimbus_redrive_options){ .destination = gone }, field), NIMBUS_E_DELETED);
    TEXT(field, "destination");
    IS(refused(dead, &(nimbus_redrive_options){ .reserved_ = { 1 } }, field), NIMBUS_E_INVALID);
    TEXT(field, "reserved_");
    IS(refused(dead, &(nimbus_redrive_options){ .filter_user = field }, field), NIMBUS_E_INVALID);
    TEXT(field, "filter");
    IS(refused(NULL, NULL, field), NIMBUS_E_INVALID);
    IS(refused(gone, NULL, field), NIMBUS_E_DELETED);
    COUNTS(dead, 1, 0, 0);
    COUNTS(p.queue, 0, 0, 0);
    OK(nimbus_close(elsewhere, 0, NULL));
}

static void sqs_m1_the_range_of_the_rate(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    char field[48];

    (void)open_pair(w, "q", dead, 0);
    IS(refused(dead, &(nimbus_redrive_options){ .max_per_second = 501 }, field), NIMBUS_E_INVALID);
    TEXT(field, "max_per_second");
    nimbus_move_task_release(START(w, dead, .max_per_second = 500));
    RUN(w);
    nimbus_move_task_release(START(w, dead, .max_per_second = 1));
    RUN(w);
}

static void sqs_m3_one_task_at_a_time(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *second = PLAIN_QUEUE(w, "second");
    nimbus_move_task *task, *found;
    char field[48];

    (void)open_pair(w, "q", dead, 3);
    (void)open_pair(w, "r", second, 1);
    CHECK(nimbus_queue_find_move_task(dead) == NULL);
    task = START(w, dead, .max_per_second = 1);
    IS(refused(dead, NULL, field), NIMBUS_E_CONFLICT);
    TEXT(field, "source");
    EQ(finish(w, START(w, second, 0)).moved, 1); /* another source is another matter */
    found = nimbus_queue_find_move_task(dead);
    CHECK(found == task);
    nimbus_move_task_release(found);
    IS(refused(dead, NULL, field), NIMBUS_E_CONFLICT);
    ADVANCE(w, NIMBUS_SECONDS(2));
    EQ(status_of(task).state, NIMBUS_MOVE_COMPLETED);
    CHECK(nimbus_queue_find_move_task(dead) == NULL);
    nimbus_move_task_release(task);
    EQ(finish(w, START(w, dead, 0)).state, NIMBUS_MOVE_COMPLETED);
}

/* -------------------------------------------------------------------------------------------- where they go */

static void sqs_m2_each_goes_back_to_where_it_came_from(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    pair first = open_pair(w, "first", dead, 2);
    pair second = open_pair(w, "second", dead, 3);
    nimbus_move_status status = finish(w, START(w, dead, 0));

    EQ(status.state, NIMBUS_MOVE_COMPLETED);
    EQ(status.to_move, 5);
    EQ(status.moved, 5);
    COUNTS(dead, 0, 0, 0);
    COUNTS(first.queue, 2, 0, 0);
    COUNTS(second.queue, 3, 0, 0);
    RECEIVE(first.queue, NULL, "first0");
    RECEIVE(second.queue, NULL, "second0");
}

static void sqs_m2_or_to_one_destination(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *third = PLAIN_QUEUE(w, "third");
    nimbus_move_status status;

    (void)open_pair(w, "first", dead, 2);
    (void)open_pair(w, "second", dead, 1);
    SEND(dead, "sent here"); /* it came from nowhere, which does not matter */
    status = finish(w, START(w, dead, .destination = third));
    EQ(status.moved, 4);
    TEXT(status.destination, "third");
    RECEIVE(third, NULL, "first0");
    RECEIVE(third, NULL, "first1");
    RECEIVE(third, NULL, "second0");
    RECEIVE(third, NULL, "sent here");
}

static void sqs_m2_down_a_chain_the_last_queue_counts(void **state)
{
    world *w = *state;
    nimbus_queue *third = PLAIN_QUEUE(w, "third");
    nimbus_queue *second = QUEUE(w, "second", .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = third, .max_receive_count = 1);
    pair p = open_pair(w, "first", second, 1);

    (void)TAKE(second, "first0");
    RECEIVE_NONE(second);
    COUNTS(third, 1, 0, 0);
    EQ(finish(w, START(w, third, 0)).moved, 1);
    COUNTS(second, 1, 0, 0);
    COUNTS(p.queue, 0, 0, 0);
}

static void sqs_m7_a_source_that_is_gone(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    pair first = open_pair(w, "first", dead, 2);
    pair second = open_pair(w, "second", dead, 2);
    pair third = open_pair(w, "third", dead, 1);
    nimbus_move_status status;

    OK(nimbus_queue_delete(second.queue));
    status = finish(w, START(w, dead, 0));
    EQ(status.state, NIMBUS_MOVE_FAILED);
    IS(status.failure, NIMBUS_E_NOT_FOUND);
    CHECK(strstr(status.reason, "second") != NULL);
    CHECK(status.ended != 0);
    EQ(status.moved, 2);
    COUNTS(first.queue, 2, 0, 0);
    COUNTS(third.queue, 0, 0, 0);
    COUNTS(dead, 3, 0, 0);
    EQ(traced(w, NIMBUS_TRACE_MOVE_FAILED), 0); /* no message is meant, and none was lost */
    (void)PLAIN_QUEUE(w, "second"); /* the name is what counts */
    EQ(finish(w, START(w, dead, 0)).moved, 3);
}

static void sqs_m7_a_message_that_came_from_nowhere(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_move_status status;

    (void)open_pair(w, "q", dead, 0);
    SEND(dead, "sent here");
    status = finish(w, START(w, dead, 0));
    EQ(status.state, NIMBUS_MOVE_FAILED);
    IS(status.failure, NIMBUS_E_NOT_FOUND);
    RECEIVE(dead, NULL, "sent here");
}

static nimbus_outcome reject(const nimbus_delivery *delivery, void *user)
{
    (void)delivery;
    (void)user;
    return NIMBUS_REJECT;
}

static void sqs_m7_a_topics_dead_letter_came_from_no_queue(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "news", .dead_letter_queue = dead, .max_receive_count = 1); /* a queue of the topic's name */
    nimbus_topic *topic = nimbus_topic_create(w->nb, "news", NULL, &w->err);
    nimbus_entry entry = entry_of("m");
    nimbus_move_status status;

    OK(nimbus_topic_subscribe(topic, nimbus_to_inline(reject, NULL, NULL), &(nimbus_delivery_options){ .dead_letter_queue = dead }, &w->err,
                              NULL));
    SETUP_OK(w);
    (void)nimbus_topic_publish(topic, &entry, NULL);
    RUN(w);
    COUNTS(dead, 1, 0, 0);
    status = finish(w, START(w, dead, 0));
    EQ(status.state, NIMBUS_MOVE_FAILED);
    COUNTS(dead, 1, 0, 0);
    COUNTS(queue, 0, 0, 0);
}

static void sqs_m7_the_destination_is_deleted_while_it_runs(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *to = PLAIN_QUEUE(w, "to");
    nimbus_move_task *task;
    nimbus_move_status status;
    nimbus_delivery delivery = { 0 };

    (void)open_pair(w, "q", dead, 5);
    task = START(w, dead, .destination = to, .max_per_second = 1);
    ADVANCE(w, NIMBUS_SECONDS(1));
    EQ(status_of(task).moved, 2);
    OK(nimbus_queue_delete(to));
    to = PLAIN_QUEUE(w, "to"); /* another one of that name is not meant */
    ADVANCE(w, NIMBUS_SECONDS(10));
    status = finish(w, task);
    EQ(status.state, NIMBUS_MOVE_FAILED);
    IS(status.failure, NIMBUS_E_NOT_FOUND);
    EQ(status.moved, 2);
    COUNTS(dead, 3, 0, 0);
    COUNTS(to, 0, 0, 0);
    RECEIVE(dead, &delivery, "q2"); /* in its place, and its count is as it was */
    EQ(nimbus_delivery_receive_count(&delivery), 2);
    OK(nimbus_delivery_delete(&delivery));
    RECEIVE(dead, NULL, "q3");
}

/* ------------------------------------------------------------------------------------------ as what they come */

static void sqs_m8_moved_messages_are_new_sends(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    pair p = open_pair(w, "q", dead, 0);
    nimbus_delivery delivery = { 0 };
    nimbus_delivery_info info = { 0 };
    nimbus_attribute attribute = nimbus_string("name", "value"), got = { 0 };
    nimbus_entry entry = entry_of("m");
    nimbus_sent sent = { 0 };

    entry.attributes = &attribute;
    entry.attribute_count = 1;
    OK(nimbus_queue_send(p.queue, &entry, &sent));
    (void)TAKE(p.queue, "m");
    RECEIVE_NONE(p.queue);
    (void)TAKE_FOR(dead, "m", NIMBUS_SECONDS(1));
    ADVANCE(w, NIMBUS_DAYS(3));
    EQ(finish(w, START(w, dead, 0)).moved, 1);
    ADVANCE(w, NIMBUS_DAYS(3)); /* its retention is whole again: 4 days from the move */
    RECEIVE(p.queue, &delivery, "m");
    OK(nimbus_delivery_get_info(&delivery, &info));
    CHECK(!ids_equal(info.id, sent.id));
    EQ(info.receive_count, 1);
    EQT(info.sent, START_TIME + NIMBUS_DAYS(3));
    EQT(info.first_received, START_TIME + NIMBUS_DAYS(6));
    CHECK(info.dead_letter_source == NULL);
    OK(nimbus_message_attribute(nimbus_delivery_message(&delivery), "name", &got));
    CHECK(bytes_are(got.value, "value"));
    OK(nimbus_delivery_delete(&delivery));
    EQ(METRICS(p.queue).accepted, 2);
    EQ(METRICS(p.queue).redriven_in, 0);
}

static void sqs_m8_ids_may_be_kept(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    pair p = open_pair(w, "q", dead, 0);
    nimbus_id id = SEND(p.queue, "m");
    nimbus_delivery delivery = { 0 };
    nimbus_delivery_info info = { 0 };

    (void)TAKE(p.queue, "m");
    RECEIVE_NONE(p.queue);
    EQ(finish(w, START(w, dead, .keep_ids = true)).moved, 1);
    RECEIVE(p.queue, &delivery, "m");
    OK(nimbus_delivery_get_info(&delivery, &info));
    CHECK(ids_equal(info.id, id));
    EQ(info.receive_count, 1);
    OK(nimbus_delivery_delete(&delivery));
}

/* T11: what was received often enough here once does not bounce back at once. */
static void sqs_d12_a_moved_message_does_not_bounce(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    pair p = open_pair(w, "q", dead, 1);
    size_t i;

    for (i = 0; i < 3; i++) {
        EQ(finish(w, START(w, dead, .keep_ids = i == 1)).moved, 1);
        COUNTS(p.queue, 1, 0, 0);
        (void)TAKE(p.queue, "q0"); /* once more it may be received */
        RECEIVE_NONE(p.queue);
        COUNTS(dead, 1, 0, 0);
    }
}

static void sqs_m8_the_queues_own_delay_counts(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *to = QUEUE(w, "to", .delay = NIMBUS_SECONDS(5));

    (void)open_pair(w, "q", dead, 1);
    EQ(finish(w, START(w, dead, .destination = to)).moved, 1);
    COUNTS(to, 0, 1, 0);
    ADVANCE(w, NIMBUS_SECONDS(5));
    RECEIVE(to, NULL, "q0");
}

/* -------------------------------------------------------------------------------------------- what is moved */

static void sqs_m9_neither_in_flight_nor_delayed_ones(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *to = PLAIN_QUEUE(w, "to");
    nimbus_receipt receipt;
    nimbus_move_status status;

    (void)open_pair(w, "q", dead, 3);
    receipt = TAKE_FOR(dead, "q0", NIMBUS_SECONDS(30));
    SEND_DELAYED(dead, "delayed", NIMBUS_SECONDS(30));
    status = finish(w, START(w, dead, .destination = to));
    EQ(status.state, NIMBUS_MOVE_COMPLETED);
    EQ(status.to_move, 2);
    EQ(status.moved, 2);
    COUNTS(dead, 0, 1, 1);
    OK(nimbus_queue_delete_message(dead, receipt));
    RECEIVE(to, NULL, "q1");
    RECEIVE(to, NULL, "q2");
}

static void sqs_m9_one_that_is_received_meanwhile(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *to = PLAIN_QUEUE(w, "to");
    nimbus_move_task *task;

    (void)open_pair(w, "q", dead, 4);
    task = START(w, dead, .destination = to, .max_per_second = 1);
    RUN(w);
    (void)TAKE_FOR(dead, "q1", NIMBUS_SECONDS(100));
    OK(nimbus_queue_delete_message(dead, TAKE_FOR(dead, "q2", NIMBUS_SECONDS(100))));
    ADVANCE(w, NIMBUS_SECONDS(1));
    EQ(finish(w, task).moved, 2);
    RECEIVE(to, NULL, "q0");
    RECEIVE(to, NULL, "q3");
    COUNTS(dead, 0, 0, 1);
}

/* A consumer that fails sends everything back at once; the task ends all the same. */
static void sqs_m9_what_comes_back_is_not_moved_for_ever(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_function *fn = nimbus_function_create(w->nb, "fails", reject, NULL, NULL, &w->err);
    nimbus_move_status status;
    size_t i;

    OK(nimbus_function_map(fn, queue, NULL, &w->err));
    SETUP_OK(w);
    OK(nimbus_queue_set_options(queue, &(nimbus_queue_options){ .dead_letter_queue = dead, .max_receive_count = 1 }, NULL));
    for (i = 0; i < MANY; i++) {
        SEND(queue, "m");
    }
    RUN(w);
    COUNTS(dead, MANY, 0, 0);
    status = finish(w, START(w, dead, 0));
    EQ(status.state, NIMBUS_MOVE_COMPLETED);
    CHECK(status.moved >= MANY && status.moved < 2 * MANY);
    RUN(w);
    COUNTS(dead, MANY, 0, 0);
}

/* Given back to the front, and stuck for want of another dead letter: they are receivable, so they are moved, and first. */
static void stuck_ones_are_moved(void **state)
{
    world *w = *state;
    nimbus_queue *last = PLAIN_QUEUE(w, "last");
    nimbus_queue *dead = QUEUE(w, "dead", .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = last, .max_receive_count = 1);
    nimbus_queue *to = PLAIN_QUEUE(w, "to");

    (void)open_pair(w, "q", dead, 2);
    OK(nimbus_queue_delete(last));
    (void)TAKE(dead, "q0");
    (void)TAKE(dead, "q1");
    RECEIVE_NONE(dead); /* both are stuck */
    SEND(dead, "after");
    COUNTS(dead, 3, 0, 0);
    EQ(finish(w, START(w, dead, .destination = to)).moved, 3);
    COUNTS(dead, 0, 0, 0);
    RECEIVE(to, NULL, "q0");
    RECEIVE(to, NULL, "q1");
    RECEIVE(to, NULL, "after");
}

static void moving_is_no_receive(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *to = PLAIN_QUEUE(w, "to");
    nimbus_queue_metrics m;

    (void)open_pair(w, "q", dead, MANY);
    EQ(finish(w, START(w, dead, .destination = to)).moved, MANY);
    m = METRICS(dead);
    EQ(m.received, 0);
    EQ(m.moved, MANY);
    EQ(m.deleted, 0);
    EQ(m.ready, 0);
    EQ(METRICS(to).accepted, MANY);
    EQ(METRICS(to).received, 0);
    SEND(dead, "m"); /* the queue goes on */
    RECEIVE(dead, NULL, "m");
}

static void sqs_r5_a_moved_message_wakes(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    pair p = open_pair(w, "q", dead, 1);
    receiver r;

    receiver_start(&r, p.queue, NIMBUS_FOREVER);
    nimbus_move_task_release(START(w, dead, 0));
    receiver_join(&r);
    OK(r.status);
    TEXT(r.body, "q0");
    EQ(r.receive_count, 1);
}

/* -------------------------------------------------------------------------------------------------- the rate */

static void sqs_m4_a_rate_spaces_the_moves(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    pair p = open_pair(w, "q", dead, 4);
    nimbus_move_task *task = START(w, dead, .max_per_second = 3);
    nimbus_duration third = NIMBUS_SECONDS(1) / 3 + 1; /* rounded up */
    size_t i;

    EQ(status_of(task).max_per_second, 3);
    RUN(w);
    for (i = 1; i <= 4; i++) { /* k messages take (k - 1)/R seconds at least */
        EQ(status_of(task).moved, i);
        COUNTS(p.queue, i, 0, 0);
        COUNTS(dead, 4 - i, 0, 0);
        ADVANCE(w, third - 1);
        EQ(status_of(task).moved, i);
        EQ(status_of(task).state, i < 4 ? NIMBUS_MOVE_RUNNING : NIMBUS_MOVE_COMPLETED);
        ADVANCE(w, 1);
    }
    EQ(finish(w, task).state, NIMBUS_MOVE_COMPLETED);
}

static bool even(const nimbus_message *message, void *user)
{
    nimbus_bytes body = nimbus_message_body(message);

    if (user != NULL) {
        atomic_fetch_add((atomic_size_t *)user, 1);
    }
    return (((const char *)body.data)[body.size - 1] - '0') % 2 == 0;
}

static void sqs_m4_what_is_left_costs_nothing_of_it(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_move_task *task;

    (void)open_pair(w, "q", dead, 4);
    task = START(w, dead, .max_per_second = 1, .filter = even);
    RUN(w);
    EQ(status_of(task).moved, 1);
    ADVANCE(w, NIMBUS_SECONDS(1));
    EQ(status_of(task).moved, 2);
    EQ(finish(w, task).left, 2);
}

/* ---------------------------------------------------------------------------------------------------- cancel */

static void sqs_m5_cancel(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    pair p = open_pair(w, "q", dead, 5);
    nimbus_move_task *task = START(w, dead, .max_per_second = 1);
    nimbus_move_status status;
    uint64_t moved = 99;

    ADVANCE(w, NIMBUS_SECONDS(1));
    OK(nimbus_move_task_cancel(task, &moved));
    EQ(moved, 2);
    EQ(status_of(task).state, NIMBUS_MOVE_CANCELLING); /* driven: until somebody drives */
    IS(nimbus_move_task_cancel(task, NULL), NIMBUS_STALE);
    CHECK(nimbus_queue_find_move_task(dead) == task);
    nimbus_move_task_release(task);
    OK(nimbus_move_task_wait(task, NIMBUS_FOREVER)); /* drives */
    status = status_of(task);
    EQ(status.state, NIMBUS_MOVE_CANCELLED);
    OK(status.failure);
    EQ(status.moved, 2);
    ADVANCE(w, NIMBUS_SECONDS(10));
    COUNTS(p.queue, 2, 0, 0); /* what was moved stays moved */
    COUNTS(dead, 3, 0, 0);
    moved = 99;
    IS(nimbus_move_task_cancel(task, &moved), NIMBUS_STALE);
    EQ(moved, 2);
    IS(nimbus_move_task_cancel(NULL, &moved), NIMBUS_E_INVALID);
    nimbus_move_task_release(task);
    EQ(finish(w, START(w, dead, 0)).moved, 3);
}

static void sqs_m5_cancelled_before_it_began(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_move_task *task;
    nimbus_move_status status;

    (void)open_pair(w, "q", dead, 2);
    task = START(w, dead, 0);
    OK(nimbus_move_task_cancel(task, NULL));
    status = finish(w, task);
    EQ(status.state, NIMBUS_MOVE_CANCELLED);
    EQ(status.moved, 0);
    COUNTS(dead, 2, 0, 0);
}

static void sqs_m6_the_last_ten_are_kept(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *to = PLAIN_QUEUE(w, "to");
    pair p = open_pair(w, "q", dead, 0);
    nimbus_move_status list[20];
    nimbus_move_task *task;
    size_t count = 99;
    size_t i, k;

    IS(nimbus_queue_move_tasks(dead, list, 20, &count), NIMBUS_EMPTY);
    EQ(count, 0);
    for (i = 0; i < 12; i++) {
        for (k = 0; k < i; k++) {
            SEND(dead, "m");
        }
        EQ(finish(w, START(w, dead, .destination = to)).moved, i);
        ADVANCE(w, NIMBUS_SECONDS(1));
    }
    OK(nimbus_queue_move_tasks(dead, list, 20, &count));
    EQ(count, 10);
    for (i = 0; i < 10; i++) {
        EQ(list[i].moved, 11 - i);
        EQ(list[i].to_move, 11 - i);
        EQ(list[i].state, NIMBUS_MOVE_COMPLETED);
        EQT(list[i].started, START_TIME + NIMBUS_SECONDS(1) * (int64_t)(11 - i));
        EQT(list[i].ended, list[i].started);
        TEXT(list[i].destination, "to");
        EQ(list[i].max_per_second, 0);
    }
    SEND(dead, "a");
    SEND(dead, "b");
    task = START(w, dead, .destination = p.queue, .max_per_second = 7);
    RUN(w);
    OK(nimbus_queue_move_tasks(dead, list, 1, &count));
    EQ(count, 1);
    EQ(list[0].state, NIMBUS_MOVE_RUNNING);
    EQ(list[0].to_move, 2);
    EQ(list[0].moved, 1);
    EQ(list[0].max_per_second, 7);
    EQT(list[0].ended, 0);
    TEXT(list[0].destination, "q");
    OK(nimbus_move_task_cancel(task, NULL));
    nimbus_move_task_release(task);
    RUN(w);
    OK(nimbus_queue_move_tasks(dead, list, 1, &count));
    EQ(list[0].state, NIMBUS_MOVE_CANCELLED);
    IS(nimbus_queue_move_tasks(dead, list, 0, &count), NIMBUS_E_INVALID);
    IS(nimbus_queue_move_tasks(dead, NULL, 1, &count), NIMBUS_E_INVALID);
    IS(nimbus_queue_move_tasks(dead, list, 1, NULL), NIMBUS_E_INVALID);
    IS(nimbus_queue_move_tasks(NULL, list, 1, &count), NIMBUS_E_INVALID);
    OK(nimbus_queue_delete(dead));
    IS(nimbus_queue_move_tasks(dead, list, 1, &count), NIMBUS_E_DELETED);
}

/* ----------------------------------------------------------------------------------------------- the filter */

static void sqs_m10_a_filter_leaves_what_it_does_not_want(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    pair p = open_pair(w, "q", dead, 6);
    atomic_size_t asked = 0;
    nimbus_move_status status = finish(w, START(w, dead, .filter = even, .filter_user = &asked));
    nimbus_delivery delivery = { 0 };

    EQ(status.state, NIMBUS_MOVE_COMPLETED);
    EQ(status.moved, 3);
    EQ(status.left, 3);
    EQ(asked, 6);
    RECEIVE(p.queue, NULL, "q0");
    RECEIVE(dead, &delivery, "q1"); /* in their order, and they were not received */
    EQ(nimbus_delivery_receive_count(&delivery), 2);
    OK(nimbus_delivery_delete(&delivery));
    RECEIVE(dead, NULL, "q3");
    RECEIVE(dead, NULL, "q5");
}

typedef struct meddler {
    nimbus_queue *dead;
    nimbus_move_task *task;
    nimbus_runtime *nb;
    size_t calls, destroyed;
    nimbus_status received, waited, waited_not, advanced, started, cancelled;
} meddler;

static bool meddle(const nimbus_message *message, void *user)
{
    meddler *m = user;
    nimbus_error err = { 0 };
    nimbus_delivery delivery = { 0 };

    m->calls++;
    if (bytes_are(nimbus_message_body(message), "q0")) {
        m->received = nimbus_queue_receive(m->dead, 0, &(nimbus_receive_options){ .visibility_timeout = NIMBUS_SECONDS(9) }, &delivery, 1,
                                           NULL);
        nimbus_delivery_release(&delivery); /* it takes it away from under the task */
        m->waited = nimbus_move_task_wait(m->task, NIMBUS_FOREVER);
        m->waited_not = nimbus_move_task_wait(m->task, 0);
        m->advanced = nimbus_advance(m->nb, 1);
        m->started = nimbus_queue_redrive(m->dead, NULL, &err) == NULL ? err.status : NIMBUS_OK;
    }
    if (bytes_are(nimbus_message_body(message), "q2")) {
        m->cancelled = nimbus_move_task_cancel(m->task, NULL);
    }
    return true;
}

static void end_of_meddler(void *user)
{
    ((meddler *)user)->destroyed++;
}

static void a_filter_may_call_everything(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *to = PLAIN_QUEUE(w, "to");
    meddler m = { .dead = dead, .nb = w->nb };
    nimbus_move_status status;

    (void)open_pair(w, "q", dead, 5);
    m.task = START(w, dead, .destination = to, .filter = meddle, .filter_user = &m, .filter_destroy = end_of_meddler);
    EQ(m.destroyed, 0);
    RUN(w);
    EQ(m.destroyed, 1);
    OK(m.received);
    IS(m.waited, NIMBUS_E_WOULD_DEADLOCK);
    IS(m.waited_not, NIMBUS_E_TIMEOUT);
    IS(m.advanced, NIMBUS_E_WOULD_DEADLOCK);
    IS(m.started, NIMBUS_E_CONFLICT);
    OK(m.cancelled);
    status = finish(w, m.task);
    EQ(status.state, NIMBUS_MOVE_CANCELLED);
    CHECK(m.calls == 3);
    EQ(status.moved, 2); /* q0 was received, q2 was under way when it was cancelled */
    COUNTS(dead, 2, 0, 1);
}

static bool cancel_it(const nimbus_message *message, void *user)
{
    meddler *m = user;

    if (m->calls++ > 0 || bytes_are(nimbus_message_body(message), "sent here")) {
        m->cancelled = nimbus_move_task_cancel(m->task, NULL);
    }
    return true;
}

static void sqs_m5_cancelled_while_it_steps(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    meddler m = { 0 };

    (void)open_pair(w, "q", dead, 3);
    m.task = START(w, dead, .max_per_second = 1, .filter = cancel_it, .filter_user = &m);
    RUN(w);
    OK(m.cancelled);
    EQ(status_of(m.task).state, NIMBUS_MOVE_CANCELLED); /* at once, not when the rate allows the next move */
    EQ(finish(w, m.task).moved, 1);
    COUNTS(dead, 2, 0, 0);
}

static void sqs_m5_cancelled_while_it_fails(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    meddler m = { 0 };
    nimbus_move_status status;

    (void)open_pair(w, "q", dead, 0);
    SEND(dead, "sent here");
    m.task = START(w, dead, .filter = cancel_it, .filter_user = &m);
    status = finish(w, m.task);
    OK(m.cancelled);
    EQ(status.state, NIMBUS_MOVE_CANCELLED);
    OK(status.failure);
    TEXT(status.reason, "");
}

static bool take_another(const nimbus_message *message, void *user)
{
    meddler *m = user;

    (void)message;
    if (m->calls++ == 0) { /* received and given back: the same message, under another receipt */
        nimbus_delivery delivery = { 0 };

        m->received = nimbus_queue_receive(m->dead, 0, NULL, &delivery, 1, NULL);
        (void)nimbus_delivery_retry(&delivery, 0);
    }
    return true;
}

static void a_message_that_was_received_since_the_filter_saw_it(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *to = PLAIN_QUEUE(w, "to");
    meddler m = { .dead = dead };

    (void)open_pair(w, "q", dead, 2);
    m.task = START(w, dead, .destination = to, .filter = take_another, .filter_user = &m);
    EQ(finish(w, m.task).moved, 1); /* the one that came back stands behind the walk's end */
    OK(m.received);
    RECEIVE(to, NULL, "q1");
    RECEIVE(dead, NULL, "q0");
}

static bool delete_source(const nimbus_message *message, void *user)
{
    (void)message;
    OK(nimbus_queue_delete(user));
    return true;
}

static void a_filter_may_delete_the_source(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *to = PLAIN_QUEUE(w, "to");
    nimbus_move_task *task;
    nimbus_move_status status;

    (void)open_pair(w, "q", dead, 5);
    task = START(w, dead, .destination = to, .filter = delete_source, .filter_user = dead);
    RUN(w);
    status = status_of(task);
    EQ(status.state, NIMBUS_MOVE_FAILED);
    IS(status.failure, NIMBUS_E_DELETED);
    COUNTS(to, 0, 0, 0);
    EQ(METRICS(dead).discarded, 5);
    nimbus_queue_release(dead);
    nimbus_move_task_release(task); /* it outlives its queue */
}

static void a_filter_that_was_refused_stays_ours(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    meddler m = { 0 };
    char field[48];

    IS(refused(dead, &(nimbus_redrive_options){ .filter = meddle, .filter_user = &m, .filter_destroy = end_of_meddler }, field),
       NIMBUS_E_INVALID);
    EQ(m.destroyed, 0);
}

/* ------------------------------------------------------------------------------------------- it cannot be stored */

static void a_full_destination_is_waited_for(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *to = QUEUE(w, "to", .capacity_messages = 2);
    atomic_size_t asked = 0;
    nimbus_move_task *task;
    nimbus_delivery delivery = { 0 };

    (void)open_pair(w, "q", dead, 8);
    task = START(w, dead, .destination = to, .filter = even, .filter_user = &asked);
    ADVANCE(w, NIMBUS_MINUTES(1));
    EQ(status_of(task).state, NIMBUS_MOVE_RUNNING);
    EQ(status_of(task).moved, 2);
    EQ(asked, 5); /* each once, however often it was tried */
    COUNTS(to, 2, 0, 0);
    COUNTS(dead, 6, 0, 0);
    OK(nimbus_queue_delete_message(to, TAKE(to, "q0")));
    ADVANCE(w, NIMBUS_MINUTES(1));
    EQ(status_of(task).moved, 3);
    RECEIVE(dead, &delivery, "q1"); /* what was tried is still where it was: q1 was left, q3, then q5 */
    OK(nimbus_delivery_delete(&delivery));
    RECEIVE_FOR(dead, &delivery, "q3", NIMBUS_SECONDS(30));
    OK(nimbus_delivery_delete(&delivery));
    RECEIVE_FOR(dead, &delivery, "q5", NIMBUS_SECONDS(30));
    OK(nimbus_delivery_delete(&delivery));
    RECEIVE_FOR(dead, &delivery, "q6", NIMBUS_SECONDS(30));
    EQ(nimbus_delivery_receive_count(&delivery), 2);
    OK(nimbus_delivery_delete(&delivery)); /* the one that it waits with: it is gone, and the task goes on */
    ADVANCE(w, NIMBUS_MINUTES(1));
    EQ(status_of(task).state, NIMBUS_MOVE_COMPLETED);
    EQ(status_of(task).moved, 3);
    nimbus_move_task_release(task);
}

static void a_full_destination_that_is_emptied_gets_all_in_order(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *to = QUEUE(w, "to", .capacity_messages = 1);
    nimbus_move_task *task;
    char text[16];
    size_t i;

    (void)open_pair(w, "q", dead, 6);
    task = START(w, dead, .destination = to);
    RUN(w);
    for (i = 0; i < 6; i++) {
        (void)snprintf(text, sizeof text, "q%zu", i);
        OK(nimbus_queue_delete_message(to, TAKE(to, text)));
        ADVANCE(w, NIMBUS_SECONDS(10));
    }
    EQ(finish(w, task).moved, 6);
    COUNTS(dead, 0, 0, 0);
}

static void a_message_that_never_fits(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *narrow = QUEUE(w, "narrow", .max_message_size = 1024);
    nimbus_queue *small = QUEUE(w, "small", .capacity_bytes = 1000);
    nimbus_queue *to[2] = { narrow, small };
    char body[1025];
    nimbus_entry entry = { 0 };
    nimbus_move_status status;
    size_t i;

    memset(body, 'b', sizeof body);
    (void)open_pair(w, "q", dead, 0);
    for (i = 0; i < 2; i++) {
        entry.body = nimbus_copy(body, i == 0 ? 1025 : 1001);
        OK(nimbus_queue_send(dead, &entry, NULL));
        status = finish(w, START(w, dead, .destination = to[i]));
        EQ(status.state, NIMBUS_MOVE_FAILED);
        IS(status.failure, NIMBUS_E_TOO_LARGE);
        CHECK(strstr(status.reason, nimbus_queue_name(to[i])) != NULL);
        COUNTS(dead, 1, 0, 0);
        OK(nimbus_queue_purge(dead, NULL));
        entry.body = nimbus_copy(body, i == 0 ? 1024 : 1000);
        OK(nimbus_queue_send(dead, &entry, NULL));
        EQ(finish(w, START(w, dead, .destination = to[i])).moved, 1);
    }
}

static void a_message_that_is_no_text(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *to = QUEUE(w, "to", .text_only = true);
    nimbus_entry entry = { 0 };
    nimbus_move_status status;

    (void)open_pair(w, "q", dead, 1);
    entry.body = nimbus_copy("\1", 1);
    OK(nimbus_queue_send(dead, &entry, NULL));
    status = finish(w, START(w, dead, .destination = to));
    EQ(status.state, NIMBUS_MOVE_FAILED);
    IS(status.failure, NIMBUS_E_CONTENT);
    EQ(status.moved, 1);
    COUNTS(dead, 1, 0, 0);
}

/* ---------------------------------------------------------------------------------------------------- the end */

static void a_deleted_source_ends_it(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    pair p = open_pair(w, "q", dead, 5);
    nimbus_move_task *task = START(w, dead, .max_per_second = 1);
    nimbus_move_status status;

    ADVANCE(w, NIMBUS_SECONDS(1));
    OK(nimbus_queue_delete(dead));
    status = finish(w, task);
    EQ(status.state, NIMBUS_MOVE_FAILED);
    IS(status.failure, NIMBUS_E_DELETED);
    EQ(status.moved, 2);
    COUNTS(p.queue, 2, 0, 0);
    EQ(METRICS(dead).discarded, 3);
    EQ(METRICS(dead).moved, 2);
}

static void a_purge_ends_it_soon(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_move_task *task;

    (void)open_pair(w, "q", dead, 5);
    task = START(w, dead, .max_per_second = 1);
    RUN(w);
    OK(nimbus_queue_purge(dead, NULL));
    SEND(dead, "later");
    ADVANCE(w, NIMBUS_SECONDS(1));
    EQ(finish(w, task).moved, 1);
    RECEIVE(dead, NULL, "later");
}

static void a_shutdown_ends_it_and_loses_nothing(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    pair p = open_pair(w, "q", dead, 5);
    nimbus_move_task *task = START(w, dead, .max_per_second = 1);
    nimbus_move_status status;
    char field[48];

    ADVANCE(w, NIMBUS_SECONDS(1));
    OK(nimbus_shutdown(w->nb, 0, NULL));
    status = finish(w, task);
    EQ(status.state, NIMBUS_MOVE_FAILED);
    IS(status.failure, NIMBUS_E_CLOSED);
    EQ(METRICS(p.queue).ready, 2);
    EQ(METRICS(dead).ready, 3);
    IS(refused(dead, NULL, field), NIMBUS_E_CLOSED);
}

static void a_task_outlives_the_instance(void **state)
{
    static nimbus_move_task *task;
    static size_t calls;
    nimbus_move_status status;
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    world own;

    (void)calls;
    (void)dead;
    world_open(&own, NULL);
    dead = PLAIN_QUEUE(&own, "dead");
    (void)open_pair(&own, "q", dead, 3);
    task = START(&own, dead, .max_per_second = 1);
    ADVANCE(&own, NIMBUS_SECONDS(1));
    nimbus_move_task_retain(task);
    nimbus_move_task_release(task);
    world_end(&own);
    status = status_of(task);
    EQ(status.state, NIMBUS_MOVE_FAILED);
    IS(status.failure, NIMBUS_E_CLOSED);
    EQ(status.moved, 2);
    OK(nimbus_move_task_wait(task, NIMBUS_FOREVER));
    IS(nimbus_move_task_cancel(task, NULL), NIMBUS_STALE);
    nimbus_move_task_release(task);
    world_check(&own);
}

static void waiting(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_move_task *task;

    (void)open_pair(w, "q", dead, 3);
    task = START(w, dead, 0);
    IS(nimbus_move_task_wait(task, 0), NIMBUS_E_TIMEOUT);
    OK(nimbus_move_task_wait(task, NIMBUS_FOREVER)); /* drives */
    OK(nimbus_move_task_wait(task, 0));
    nimbus_move_task_release(task);
    (void)open_pair(w, "r", dead, 3);
    task = START(w, dead, .max_per_second = 1);
    IS(nimbus_move_task_wait(task, NIMBUS_FOREVER), NIMBUS_E_WOULD_BLOCK); /* only the clock could go on */
    EQ(status_of(task).moved, 1);
    IS(nimbus_move_task_wait(task, -5), NIMBUS_E_INVALID);
    IS(nimbus_move_task_wait(NULL, 0), NIMBUS_E_INVALID);
    nimbus_move_task_release(task);
    nimbus_move_task_release(NULL);
    CHECK(nimbus_move_task_retain(NULL) == NULL);
    CHECK(nimbus_queue_find_move_task(NULL) == NULL);
    IS(nimbus_move_task_get_status(NULL, &(nimbus_move_status){ 0 }), NIMBUS_E_INVALID);
}

/* ---------------------------------------------------------------------------------------------------- sources */

typedef struct visited {
    char names[8][16];
    size_t count, most;
} visited;

static bool see(nimbus_queue *queue, void *user)
{
    visited *v = user;

    (void)snprintf(v->names[v->count++], 16, "%s", nimbus_queue_name(queue));
    return v->count < v->most;
}

static void sqs_d16_the_sources_of_a_dead_letter_queue(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *other = PLAIN_QUEUE(w, "other");
    nimbus_queue *b = QUEUE(w, "b", .dead_letter_queue = dead, .max_receive_count = 1);
    nimbus_queue *a = QUEUE(w, "a", .dead_letter_queue = dead, .max_receive_count = 1);
    visited v = { .most = 8 };

    (void)QUEUE(w, "c", .dead_letter_queue = other, .max_receive_count = 1);
    (void)QUEUE(w, "d", .dead_letter_queue = dead, .max_receive_count = 1);
    OK(nimbus_queue_dead_letter_sources(dead, see, &v));
    EQ(v.count, 3);
    TEXT(v.names[0], "b");
    TEXT(v.names[1], "a");
    TEXT(v.names[2], "d");
    v = (visited){ .most = 1 };
    OK(nimbus_queue_dead_letter_sources(dead, see, &v));
    EQ(v.count, 1);
    OK(nimbus_queue_set_options(b, NULL, NULL));
    OK(nimbus_queue_delete(a));
    v = (visited){ .most = 8 };
    OK(nimbus_queue_dead_letter_sources(dead, see, &v));
    EQ(v.count, 1);
    TEXT(v.names[0], "d");
    OK(nimbus_queue_dead_letter_sources(b, see, &v));
    EQ(v.count, 1);
    IS(nimbus_queue_dead_letter_sources(NULL, see, &v), NIMBUS_E_INVALID);
    IS(nimbus_queue_dead_letter_sources(dead, NULL, &v), NIMBUS_E_INVALID);
    OK(nimbus_queue_delete(dead));
    IS(nimbus_queue_dead_letter_sources(dead, see, &v), NIMBUS_E_DELETED);
    dead = PLAIN_QUEUE(w, "dead"); /* the policy names it by its name */
    OK(nimbus_queue_dead_letter_sources(dead, see, &v));
    EQ(v.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(sqs_m1_the_source_is_a_dead_letter_queue),
        DRIVEN(sqs_m1_destinations),
        DRIVEN(sqs_m1_the_range_of_the_rate),
        DRIVEN(sqs_m2_each_goes_back_to_where_it_came_from),
        DRIVEN(sqs_m2_or_to_one_destination),
        DRIVEN(sqs_m2_down_a_chain_the_last_queue_counts),
        DRIVEN(sqs_m3_one_task_at_a_time),
        DRIVEN(sqs_m4_a_rate_spaces_the_moves),
        DRIVEN(sqs_m4_what_is_left_costs_nothing_of_it),
        DRIVEN(sqs_m5_cancel),
        DRIVEN(sqs_m5_cancelled_before_it_began),
        DRIVEN(sqs_m5_cancelled_while_it_steps),
        DRIVEN(sqs_m5_cancelled_while_it_fails),
        DRIVEN(a_message_that_was_received_since_the_filter_saw_it),
        DRIVEN(sqs_m6_the_last_ten_are_kept),
        DRIVEN(sqs_m7_a_source_that_is_gone),
        DRIVEN(sqs_m7_a_message_that_came_from_nowhere),
        DRIVEN(sqs_m7_a_topics_dead_letter_came_from_no_queue),
        DRIVEN(sqs_m7_the_destination_is_deleted_while_it_runs),
        DRIVEN(sqs_m8_moved_messages_are_new_sends),
        DRIVEN(sqs_m8_ids_may_be_kept),
        DRIVEN(sqs_m8_the_queues_own_delay_counts),
        DRIVEN(sqs_d12_a_moved_message_does_not_bounce),
        DRIVEN(sqs_m9_neither_in_flight_nor_delayed_ones),
        DRIVEN(sqs_m9_one_that_is_received_meanwhile),
        DRIVEN(sqs_m9_what_comes_back_is_not_moved_for_ever),
        DRIVEN(stuck_ones_are_moved),
        DRIVEN(moving_is_no_receive),
        THREADED(sqs_r5_a_moved_message_wakes),
        DRIVEN(sqs_m10_a_filter_leaves_what_it_does_not_want),
        DRIVEN(a_filter_may_call_everything),
        DRIVEN(a_filter_may_delete_the_source),
        DRIVEN(a_filter_that_was_refused_stays_ours),
        DRIVEN(a_full_destination_is_waited_for),
        DRIVEN(a_full_destination_that_is_emptied_gets_all_in_order),
        DRIVEN(a_message_that_never_fits),
        DRIVEN(a_message_that_is_no_text),
        DRIVEN(a_deleted_source_ends_it),
        DRIVEN(a_purge_ends_it_soon),
        DRIVEN(a_shutdown_ends_it_and_loses_nothing),
        DRIVEN(a_task_outlives_the_instance),
        DRIVEN(waiting),
        DRIVEN(sqs_d16_the_sources_of_a_dead_letter_queue),
    };
    return cmocka_run_group_tests_name("queue_move", tests, NULL, NULL);
}
