/* Move tasks and dead letters of FIFO queues: order within a group, groups that go on, and deduplication that does not get in the way. */
#include "../support/support.h"

static nimbus_id send(nimbus_queue *queue, const char *group, const char *text)
{
    nimbus_entry entry = entry_of(text);
    nimbus_sent sent = { 0 };

    entry.group_id = group;
    entry.deduplication_id = text;
    OK(nimbus_queue_send(queue, &entry, &sent));
    return sent.id;
}

/* Everything that can be received at once, as text; released, or deleted. */
static const char *receive_all(nimbus_queue *queue, bool delete)
{
    static char text[64];
    nimbus_delivery deliveries[10] = { 0 };
    size_t count = 0, i;
    nimbus_status status = nimbus_queue_receive(queue, 0, NULL, deliveries, 10, &count);

    text[0] = '\0';
    CHECK(status == NIMBUS_OK || status == NIMBUS_EMPTY);
    for (i = 0; i < count; i++) {
        char one[8];

        bytes_text(nimbus_delivery_body(&deliveries[i]), one, sizeof one);
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), i > 0 ? " %s" : "%s", one);
        if (delete) {
            OK(nimbus_delivery_delete(&deliveries[i]));
        } else {
            nimbus_delivery_release(&deliveries[i]);
        }
    }
    return text;
}

typedef struct pair {
    nimbus_queue *queue, *dead;
} pair;

/* a1 b1 a2 b2 a3, all of them dead letters. */
static pair open_pair(world *w)
{
    static const char *const sent[] = { "a1", "b1", "a2", "b2", "a3" };
    pair p;
    size_t i;

    p.dead = QUEUE(w, "dead.fifo", .fifo = true);
    p.queue = QUEUE(w, "q.fifo", .fifo = true, .visibility_timeout = NIMBUS_SECONDS(1), .dead_letter_queue = p.dead,
                    .max_receive_count = 1);
    for (i = 0; i < COUNT(sent); i++) {
        (void)send(p.queue, i % 2 == 0 ? "a" : "b", sent[i]);
    }
    TEXT(receive_all(p.queue, false), "a1 a2 a3 b1 b2");
    ADVANCE(w, NIMBUS_SECONDS(1));
    for (i = 0; i < COUNT(sent); i++) { /* one after the other, as the groups go on */
        RECEIVE_NONE(p.queue);
    }
    COUNTS(p.queue, 0, 0, 0);
    COUNTS(p.dead, COUNT(sent), 0, 0);
    return p;
}

static nimbus_move_status finish(world *w, nimbus_queue *source, const nimbus_redrive_options *options)
{
    nimbus_move_task *task = nimbus_queue_redrive(source, options, &w->err);
    nimbus_move_status status;

    SETUP_OK(w);
    RUN(w);
    OK(nimbus_move_task_get_status(task, &status));
    nimbus_move_task_release(task);
    return status;
}

static void sqs_m2_groups_come_back_in_their_order(void **state)
{
    world *w = *state;
    pair p = open_pair(w);
    nimbus_move_status status = finish(w, p.dead, NULL);

    EQ(status.state, NIMBUS_MOVE_COMPLETED);
    EQ(status.moved, 5);
    COUNTS(p.dead, 0, 0, 0);
    COUNTS(p.queue, 5, 0, 0);
    TEXT(receive_all(p.queue, true), "a1 a2 a3 b1 b2");
    EQ(METRICS(p.queue).moved, 5);
    EQ(METRICS(p.dead).moved, 5);
    EQ(METRICS(p.dead).received, 0);
}

/* Their deduplication ids were sent to the queue less than five minutes ago: a moved message is not asked (SQS-D8, D9). */
static void sqs_m8_a_moved_message_is_no_duplicate(void **state)
{
    world *w = *state;
    pair p = open_pair(w);
    nimbus_entry entry = entry_of("again");
    nimbus_delivery delivery = { 0 };
    nimbus_delivery_info info = { 0 };
    nimbus_sent sent = { 0 };
    size_t i;

    for (i = 0; i < 3; i++) {
        EQ(finish(w, p.dead, NULL).moved, 5);
        COUNTS(p.queue, 5, 0, 0);
        (void)receive_all(p.queue, false);
        ADVANCE(w, NIMBUS_SECONDS(1));
        while (METRICS(p.queue).ready > 0) {
            RECEIVE_NONE(p.queue);
        }
        COUNTS(p.dead, 5, 0, 0);
    }
    entry.group_id = "a";
    entry.deduplication_id = "a1";
    IS(nimbus_queue_send(p.queue, &entry, &sent), NIMBUS_DUPLICATE); /* what was sent is still remembered */
    EQ(finish(w, p.dead, NULL).moved, 5);
    OK(nimbus_queue_receive(p.queue, 0, NULL, &delivery, 1, NULL));
    OK(nimbus_delivery_get_info(&delivery, &info));
    TEXT(info.group_id, "a");
    EQ(info.receive_count, 1);
    CHECK(info.sequence > 0);
    OK(nimbus_delivery_delete(&delivery));
}

static void sqs_m9_a_group_at_work_is_left_alone(void **state)
{
    world *w = *state;
    pair p = open_pair(w);
    nimbus_delivery delivery = { 0 };
    nimbus_move_status status;

    OK(nimbus_queue_receive(p.dead, 0, NULL, &delivery, 1, NULL));
    CHECK(bytes_are(nimbus_delivery_body(&delivery), "a1"));
    status = finish(w, p.dead, NULL);
    EQ(status.state, NIMBUS_MOVE_COMPLETED);
    EQ(status.moved, 2); /* those of the other group: nobody passes a1 */
    COUNTS(p.dead, 2, 0, 1);
    TEXT(receive_all(p.queue, true), "b1 b2");
    OK(nimbus_delivery_retry(&delivery, 0));
    EQ(finish(w, p.dead, NULL).moved, 3);
    TEXT(receive_all(p.queue, true), "a1 a2 a3");
}

static bool not_a1(const nimbus_message *message, void *user)
{
    (void)user;
    return !bytes_are(nimbus_message_body(message), "a1");
}

static void sqs_m10_a_filter_may_leave_the_first(void **state)
{
    world *w = *state;
    pair p = open_pair(w);
    nimbus_move_status status = finish(w, p.dead, &(nimbus_redrive_options){ .filter = not_a1 });

    EQ(status.moved, 4);
    EQ(status.left, 1);
    TEXT(receive_all(p.queue, true), "a2 a3 b1 b2");
    TEXT(receive_all(p.dead, true), "a1");
}

static void sqs_m1_fifo_goes_to_fifo(void **state)
{
    world *w = *state;
    pair p = open_pair(w);
    nimbus_queue *plain = PLAIN_QUEUE(w, "plain");
    nimbus_error err = { 0 };

    CHECK(nimbus_queue_redrive(p.dead, &(nimbus_redrive_options){ .destination = plain }, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.field, "destination");
    err = (nimbus_error){ 0 };
    CHECK(nimbus_queue_redrive(plain, &(nimbus_redrive_options){ .destination = p.dead, .any_source = true }, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.field, "destination");
}

/* The destination is full in the middle of a group: it waits with the one that comes next, and none passes it. */
static void sqs_m7_a_full_fifo_destination_keeps_the_order(void **state)
{
    world *w = *state;
    pair p = open_pair(w);
    nimbus_queue *to = QUEUE(w, "to.fifo", .fifo = true, .capacity_messages = 1);
    nimbus_move_task *task = nimbus_queue_redrive(p.dead, &(nimbus_redrive_options){ .destination = to }, &w->err);
    nimbus_move_status status;
    char seen[32] = "";
    size_t i;

    SETUP_OK(w);
    for (i = 0; i < 5; i++) {
        ADVANCE(w, NIMBUS_MINUTES(1));
        COUNTS(to, 1, 0, 0);
        COUNTS(p.dead, 4 - i, 0, 0);
        (void)snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s ", receive_all(to, true));
    }
    ADVANCE(w, NIMBUS_MINUTES(1));
    OK(nimbus_move_task_get_status(task, &status));
    nimbus_move_task_release(task);
    EQ(status.state, NIMBUS_MOVE_COMPLETED);
    EQ(status.moved, 5);
    CHECK(strstr(seen, "a1 ") < strstr(seen, "a2 ") && strstr(seen, "a2 ") < strstr(seen, "a3 "));
    CHECK(strstr(seen, "b1 ") < strstr(seen, "b2 "));
}

/* While a task with a rate is between two moves, the group may be received: its next one is the head. */
static void sqs_m4_receives_go_on_between_moves(void **state)
{
    world *w = *state;
    pair p = open_pair(w);
    nimbus_move_task *task = nimbus_queue_redrive(p.dead, &(nimbus_redrive_options){ .max_per_second = 1 }, &w->err);
    nimbus_move_status status;

    SETUP_OK(w);
    RUN(w);
    COUNTS(p.queue, 1, 0, 0);
    TEXT(receive_all(p.dead, true), "b1 b2 a2 a3"); /* b1 has been a head for longer (SQS-F13) */
    ADVANCE(w, NIMBUS_SECONDS(5));
    OK(nimbus_move_task_get_status(task, &status));
    nimbus_move_task_release(task);
    EQ(status.state, NIMBUS_MOVE_COMPLETED);
    EQ(status.moved, 1);
    TEXT(receive_all(p.queue, true), "a1");
}

/* Eager: the last lapse moves the head, and the next of the group is its new head at once (SQS-D10). */
static void sqs_d10_an_eager_move_frees_the_group(void **state)
{
    world *w = *state;
    nimbus_queue *dead = QUEUE(w, "dead.fifo", .fifo = true);
    nimbus_queue *queue = QUEUE(w, "q.fifo", .fifo = true, .visibility_timeout = NIMBUS_SECONDS(10), .dead_letter_queue = dead,
                                .max_receive_count = 1, .eager_dead_letter = true);
    nimbus_delivery delivery = { 0 };
    static async_record record; /* the close calls it */

    (void)send(queue, "a", "a1");
    (void)send(queue, "a", "a2");
    OK(nimbus_queue_receive(queue, 0, NULL, &delivery, 1, NULL));
    nimbus_delivery_release(&delivery);
    RECEIVE_NONE(queue);
    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &record, NULL));
    ADVANCE(w, NIMBUS_SECONDS(10));
    COUNTS(dead, 1, 0, 0);
    EQ(record.calls, 1); /* who waits gets the next one */
    TEXT(record.body, "a2");
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, NIMBUS_SECONDS(10));
    COUNTS(queue, 0, 0, 0);
    TEXT(receive_all(dead, true), "a1 a2");
}

/* Stuck for want of a dead-letter queue, the head keeps its group back; a policy that goes lets it go on, in order. */
static void sqs_d15_a_stuck_head_comes_back_in_its_place(void **state)
{
    world *w = *state;
    nimbus_queue *dead = QUEUE(w, "dead.fifo", .fifo = true);
    nimbus_queue *queue = QUEUE(w, "q.fifo", .fifo = true, .visibility_timeout = NIMBUS_SECONDS(1), .dead_letter_queue = dead,
                                .max_receive_count = 1);
    nimbus_queue_options options = { 0 };
    nimbus_delivery delivery = { 0 };

    (void)send(queue, "a", "a1");
    (void)send(queue, "a", "a2");
    OK(nimbus_queue_receive(queue, 0, NULL, &delivery, 1, NULL));
    nimbus_delivery_release(&delivery);
    OK(nimbus_queue_get_options(queue, &options));
    OK(nimbus_queue_delete(dead));
    ADVANCE(w, NIMBUS_SECONDS(1));
    RECEIVE_NONE(queue);
    COUNTS(queue, 2, 0, 0);
    options.dead_letter_queue = NULL;
    options.max_receive_count = 0;
    OK(nimbus_queue_set_options(queue, &options, NULL));
    TEXT(receive_all(queue, true), "a1 a2");
}

static void sqs_d2_dead_letters_are_of_the_same_kind(void **state)
{
    world *w = *state;
    nimbus_queue *fifo = QUEUE(w, "dead.fifo", .fifo = true);
    nimbus_queue *plain = PLAIN_QUEUE(w, "dead");
    char field[48];

    IS(create_status(w, "q.fifo", &(nimbus_queue_options){ .fifo = true, .dead_letter_queue = plain, .max_receive_count = 1 }, field),
       NIMBUS_E_INVALID);
    TEXT(field, "dead_letter_queue");
    IS(create_status(w, "q", &(nimbus_queue_options){ .dead_letter_queue = fifo, .max_receive_count = 1 }, field), NIMBUS_E_INVALID);
    TEXT(field, "dead_letter_queue");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(sqs_m2_groups_come_back_in_their_order),
        DRIVEN(sqs_m8_a_moved_message_is_no_duplicate),
        DRIVEN(sqs_m9_a_group_at_work_is_left_alone),
        DRIVEN(sqs_m10_a_filter_may_leave_the_first),
        DRIVEN(sqs_m1_fifo_goes_to_fifo),
        DRIVEN(sqs_m7_a_full_fifo_destination_keeps_the_order),
        DRIVEN(sqs_m4_receives_go_on_between_moves),
        DRIVEN(sqs_d10_an_eager_move_frees_the_group),
        DRIVEN(sqs_d15_a_stuck_head_comes_back_in_its_place),
        DRIVEN(sqs_d2_dead_letters_are_of_the_same_kind),
    };
    return cmocka_run_group_tests_name("fifo_move", tests, NULL, NULL);
}
