/*
 * What a reader of the statements tries who knows nothing of the code: the edge that a statement names, the argument that is wrong in two
 * ways at once, and every duration under one clock.
 */
#include "../support/support.h"

#define NS INT64_C(1)

/* Empty comes before too many, and both before the array is looked at: each batch call says the same. */
static void x_6_the_shape_of_a_batch_comes_first(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_topic *topic = nimbus_topic_create(w->nb, "t", NULL, &w->err);
    nimbus_bus *bus = nimbus_bus_find(w->nb, "default", &w->err);
    nimbus_receipt receipts[11] = { { 0, 0 } };
    nimbus_duration timeouts[11] = { 0 };
    nimbus_entry entry = entry_of("x");
    nimbus_event event = { 0 };
    nimbus_status statuses[11];
    nimbus_sent sent[11];

    SETUP_OK(w);
    FILL(statuses);
    FILL(sent);
    IS(nimbus_queue_send_batch(queue, NULL, 0, sent), NIMBUS_E_EMPTY_BATCH);
    IS(nimbus_queue_send_batch(queue, &entry, 0, sent), NIMBUS_E_EMPTY_BATCH);
    IS(nimbus_queue_send_batch(queue, NULL, 11, sent), NIMBUS_E_BATCH_TOO_MANY);
    IS(nimbus_queue_send_batch(queue, NULL, 10, sent), NIMBUS_E_INVALID);
    IS(nimbus_queue_delete_batch(queue, NULL, 0, statuses), NIMBUS_E_EMPTY_BATCH);
    IS(nimbus_queue_delete_batch(queue, NULL, 11, statuses), NIMBUS_E_BATCH_TOO_MANY);
    IS(nimbus_queue_delete_batch(queue, NULL, 1, statuses), NIMBUS_E_INVALID);
    IS(nimbus_queue_change_visibility_batch(queue, NULL, NULL, 0, statuses), NIMBUS_E_EMPTY_BATCH);
    IS(nimbus_queue_change_visibility_batch(queue, receipts, NULL, 11, statuses), NIMBUS_E_BATCH_TOO_MANY);
    IS(nimbus_queue_change_visibility_batch(queue, receipts, NULL, 1, statuses), NIMBUS_E_INVALID);
    IS(nimbus_queue_change_visibility_batch(queue, NULL, timeouts, 1, statuses), NIMBUS_E_INVALID);
    IS(nimbus_topic_publish_batch(topic, NULL, 0, NULL), NIMBUS_E_EMPTY_BATCH);
    IS(nimbus_topic_publish_batch(topic, NULL, 11, NULL), NIMBUS_E_BATCH_TOO_MANY);
    IS(nimbus_topic_publish_batch(topic, NULL, 1, NULL), NIMBUS_E_INVALID);
    IS(nimbus_bus_put_batch(bus, &event, 0, NULL), NIMBUS_E_EMPTY_BATCH);
    IS(nimbus_bus_put_batch(bus, NULL, 0, NULL), NIMBUS_E_EMPTY_BATCH);
    IS(nimbus_bus_put_batch(bus, NULL, 11, NULL), NIMBUS_E_BATCH_TOO_MANY);
    IS(nimbus_bus_put_batch(bus, NULL, 1, NULL), NIMBUS_E_INVALID);
    IS(nimbus_queue_send_batch(NULL, NULL, 0, sent), NIMBUS_E_INVALID);
    UNTOUCHED(statuses);
    UNTOUCHED(sent);
    OK(nimbus_queue_delete(queue));
    IS(nimbus_queue_send_batch(queue, NULL, 0, sent), NIMBUS_E_DELETED);
    IS(nimbus_queue_delete_batch(queue, NULL, 0, NULL), NIMBUS_E_DELETED);
}

/* Whatever else of the other kind's options came along: the kind is the fault. */
static void sqs_q7_the_kind_is_the_fault_that_is_named(void **state)
{
    world *w = *state;
    nimbus_queue *fifo = QUEUE(w, "q.fifo", .fifo = true, .content_based_deduplication = true);
    nimbus_queue *fair = QUEUE(w, "fair", .fair = true);
    nimbus_queue_options options = { 0 };
    nimbus_error err = { 0 };

    OK(nimbus_queue_get_options(fifo, &options));
    options.fifo = false;
    IS(nimbus_queue_set_options(fifo, &options, &err), NIMBUS_E_INVALID);
    TEXT(err.field, "fifo");
    memset(&err, 0, sizeof err);
    IS(nimbus_queue_set_options(fifo, NULL, &err), NIMBUS_E_INVALID);
    TEXT(err.field, "fifo");
    memset(&err, 0, sizeof err);
    OK(nimbus_queue_get_options(fair, &options));
    options.fair = false;
    IS(nimbus_queue_set_options(fair, &options, &err), NIMBUS_E_INVALID);
    TEXT(err.field, "fair");
    OK(nimbus_queue_get_options(fifo, &options));
    CHECK(options.fifo && options.content_based_deduplication);
}

/* A dead letter of it would have nowhere to go. Two queues that are each other's are no such trap: a count is per queue (SQS-D12). */
static void sqs_d2_no_queue_is_its_own_dead_letter_queue(void **state)
{
    world *w = *state;
    nimbus_queue *a = QUEUE(w, "a", .visibility_timeout = NIMBUS_SECONDS(1));
    nimbus_queue *b = QUEUE(w, "b", .visibility_timeout = NIMBUS_SECONDS(1), .dead_letter_queue = a, .max_receive_count = 1);
    nimbus_queue_options options = { 0 };
    nimbus_error err = { 0 };
    uint32_t i;

    OK(nimbus_queue_get_options(a, &options));
    options.dead_letter_queue = a;
    options.max_receive_count = 1;
    IS(nimbus_queue_set_options(a, &options, &err), NIMBUS_E_INVALID);
    TEXT(err.field, "dead_letter_queue");
    OK(nimbus_queue_get_options(a, &options));
    CHECK(options.dead_letter_queue == NULL && options.max_receive_count == 0);
    options.dead_letter_queue = b;
    options.max_receive_count = 1;
    OK(nimbus_queue_set_options(a, &options, &w->err));
    SEND(a, "m");
    for (i = 1; i < 6; i += 2) {
        nimbus_delivery delivery = { 0 };

        RECEIVE(a, &delivery, "m");
        EQ(nimbus_delivery_receive_count(&delivery), i);
        nimbus_delivery_release(&delivery);
        ADVANCE(w, NIMBUS_SECONDS(1));
        RECEIVE_NONE(a);
        RECEIVE(b, &delivery, "m");
        EQ(nimbus_delivery_receive_count(&delivery), i + 1);
        nimbus_delivery_release(&delivery);
        ADVANCE(w, NIMBUS_SECONDS(1));
        RECEIVE_NONE(b);
    }
    COUNTS(a, 1, 0, 0);
    COUNTS(b, 0, 0, 0);
}

static void sqs_d14_a_source_that_no_queue_can_be(void **state)
{
    static const char *const good[] = { "s-1_x", "s.fifo", "later" };
    static const char *const bad[] = { "a b", "s.fif", ".fifo", "s.fifo.fifo", "", "a/b" };
    world *w = *state;
    nimbus_queue_options options = { .redrive_permission = NIMBUS_REDRIVE_BY_QUEUE, .redrive_sources = good, .redrive_source_count = 3 };
    size_t i;

    CHECK(nimbus_queue_create(w->nb, "dead", &options, &w->err) != NULL);
    SETUP_OK(w);
    options.redrive_source_count = 1;
    for (i = 0; i < COUNT(bad); i++) {
        nimbus_error err = { 0 };

        options.redrive_sources = &bad[i];
        CHECK(nimbus_queue_create(w->nb, "other", &options, &err) == NULL);
        IS(err.status, NIMBUS_E_INVALID);
        TEXT(err.field, "redrive_sources");
    }
}

/* Nothing in a receive of AWS's names a group; ours may, and asks only for what the rule of SQS-F3 lets it have. */
static void sqs_r19_a_group_is_chosen_only_on_request(void **state)
{
    static const char *const groups[] = { "a", "b", "a", "c" };
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q.fifo", .fifo = true);
    nimbus_receive_options of_b = { .group_id = "b" }, of_a = { .group_id = "a" };
    nimbus_delivery all[4] = { { { 0 } } }, one = { { 0 } };
    size_t count = 0, i;

    for (i = 0; i < COUNT(groups); i++) {
        char text[2] = { (char)('1' + (char)i), '\0' };
        nimbus_entry entry = entry_of(text);

        entry.group_id = groups[i];
        entry.deduplication_id = text;
        OK(nimbus_queue_send(queue, &entry, NULL));
    }
    OK(nimbus_queue_receive(queue, 0, &of_b, &one, 1, &count));
    CHECK(bytes_are(nimbus_delivery_body(&one), "2"));
    OK(nimbus_queue_receive(queue, 0, NULL, all, 1, &count)); /* no group is asked for: the one that has waited longest */
    CHECK(bytes_are(nimbus_delivery_body(&all[0]), "1"));
    IS(nimbus_queue_receive(queue, 0, &of_a, &all[1], 1, &count), NIMBUS_EMPTY); /* locked, asked for or not */
    OK(nimbus_delivery_retry(&one, 0));
    OK(nimbus_delivery_retry(&all[0], 0));
    OK(nimbus_queue_receive(queue, 0, NULL, all, 4, &count));
    EQ(count, 4); /* of every group */
    for (i = 0; i < count; i++) {
        OK(nimbus_delivery_delete(&all[i]));
    }
}

static nimbus_outcome fails(const nimbus_delivery *delivery, void *user)
{
    (void)delivery;
    ++*(int *)user;
    return NIMBUS_RETRY;
}

static void over(nimbus_queue *queue, nimbus_status status, nimbus_delivery *deliveries, size_t count, void *user)
{
    (void)queue;
    (void)deliveries;
    (void)count;
    *(nimbus_status *)user = status;
}

/* Every duration of a queue, and of what waits in front of one and works behind one, ends when this clock says so: no other is read. */
static void x_1_one_clock_ends_every_duration(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .retention = NIMBUS_MINUTES(10), .visibility_timeout = NIMBUS_SECONDS(30));
    nimbus_queue *fifo = QUEUE(w, "q.fifo", .fifo = true);
    nimbus_queue *mapped = QUEUE(w, "mapped", .visibility_timeout = NIMBUS_SECONDS(50));
    nimbus_entry entry = entry_of("once");
    nimbus_status waited = NIMBUS_OK;
    nimbus_function *function;
    nimbus_time start = nimbus_now(w->nb);
    int calls = 0;

    function = nimbus_function_create(w->nb, "f", fails, &calls, NULL, &w->err);
    (void)nimbus_function_map(function, mapped, NULL, &w->err);
    SETUP_OK(w);
    entry.group_id = "g";
    entry.deduplication_id = "id";
    OK(nimbus_queue_send(fifo, &entry, NULL));
    OK(nimbus_queue_receive_async(fifo, NIMBUS_SECONDS(20), &(nimbus_receive_options){ .group_id = "other" }, 1, over, &waited, NULL));
    SEND(mapped, "m");
    SEND(queue, "a");
    (void)TAKE(queue, "a");
    SEND_DELAYED(queue, "b", NIMBUS_SECONDS(40));
    RUN(w);
    EQ(calls, 1);
    COUNTS(queue, 0, 1, 1);
    ADVANCE(w, NIMBUS_SECONDS(20) - NS);
    IS(waited, NIMBUS_OK);
    ADVANCE(w, NS); /* 20 s: the wait */
    IS(waited, NIMBUS_EMPTY);
    ADVANCE(w, NIMBUS_SECONDS(10) - NS);
    COUNTS(queue, 0, 1, 1);
    ADVANCE(w, NS); /* 30 s: the visibility */
    COUNTS(queue, 1, 1, 0);
    ADVANCE(w, NIMBUS_SECONDS(10) - NS);
    COUNTS(queue, 1, 1, 0);
    ADVANCE(w, NS); /* 40 s: the delay */
    COUNTS(queue, 2, 0, 0);
    ADVANCE(w, NIMBUS_SECONDS(10) - NS);
    EQ(calls, 1);
    ADVANCE(w, NS); /* 50 s: the visibility of what a handler has failed */
    EQ(calls, 2);
    ADVANCE(w, NIMBUS_SECONDS(250) - NS);
    IS(nimbus_queue_send(fifo, &entry, NULL), NIMBUS_DUPLICATE);
    ADVANCE(w, NS); /* 5 min: the deduplication */
    OK(nimbus_queue_send(fifo, &entry, NULL));
    ADVANCE(w, NIMBUS_MINUTES(5) - NS);
    COUNTS(queue, 2, 0, 0);
    ADVANCE(w, NS); /* 10 min: the retention */
    COUNTS(queue, 0, 0, 0);
    EQT(nimbus_now(w->nb), start + NIMBUS_MINUTES(10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(x_6_the_shape_of_a_batch_comes_first),
        DRIVEN(sqs_q7_the_kind_is_the_fault_that_is_named),
        DRIVEN(sqs_d2_no_queue_is_its_own_dead_letter_queue),
        DRIVEN(sqs_d14_a_source_that_no_queue_can_be),
        DRIVEN(sqs_r19_a_group_is_chosen_only_on_request),
        DRIVEN(x_1_one_clock_ends_every_duration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
