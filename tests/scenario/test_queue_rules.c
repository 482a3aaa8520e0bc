/* The rules that hold for every service (X), seen in queues; and the statements on queues that are about what is shown. */
#include "../support/support.h"

/* A configuration counts for every call that starts after it: there is nothing to wait for. */
static void x_2_a_change_holds_when_the_call_returns(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue_options options = { .visibility_timeout = NIMBUS_SECONDS(5), .delay = NIMBUS_SECONDS(1), .max_message_size = 1024 };
    char big[1025];
    nimbus_entry entry = { .body = nimbus_copy(big, sizeof big) };

    memset(big, 'b', sizeof big);
    OK(nimbus_queue_send(queue, &entry, NULL));
    OK(nimbus_queue_purge(queue, NULL));
    OK(nimbus_queue_set_options(queue, &options, &w->err));
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_TOO_LARGE);
    SEND(queue, "m");
    COUNTS(queue, 0, 1, 0);
    ADVANCE(w, NIMBUS_SECONDS(1));
    (void)TAKE(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(5));
    COUNTS(queue, 1, 0, 0);
}

/* Counts are exact right behind the call that changes them. */
static void x_3_counts_are_exact(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_receipt receipt;

    SEND(queue, "a");
    COUNTS(queue, 1, 0, 0);
    (void)SEND_DELAYED(queue, "b", NIMBUS_SECONDS(1));
    COUNTS(queue, 1, 1, 0);
    receipt = TAKE(queue, "a");
    COUNTS(queue, 0, 1, 1);
    OK(nimbus_queue_change_visibility(queue, receipt, 0));
    COUNTS(queue, 1, 1, 0);
    OK(nimbus_queue_delete_message(queue, receipt));
    COUNTS(queue, 0, 1, 0);
    OK(nimbus_queue_purge(queue, NULL));
    COUNTS(queue, 0, 0, 0);
}

/* Whole, without effect; or each entry alone, in their order, and the call itself succeeds with a remark. */
static void x_5_a_batch_fails_whole_or_by_entry(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .max_message_size = 1024);
    char big[1025];
    nimbus_entry entries[3] = { { .body = nimbus_text("a") }, { .body = nimbus_copy(big, sizeof big) }, { .body = nimbus_text("c") } };
    nimbus_sent sent[3];
    nimbus_status status;

    memset(big, 'b', sizeof big);
    status = nimbus_queue_send_batch(queue, entries, 3, sent);
    IS(status, NIMBUS_PARTIAL);
    CHECK(!nimbus_failed(status));
    OK(sent[0].status);
    IS(sent[1].status, NIMBUS_E_TOO_LARGE);
    OK(sent[2].status);
    CHECK(sent[0].id.number < sent[2].id.number);
    COUNTS(queue, 2, 0, 0);
    FILL(sent);
    IS(nimbus_queue_send_batch(queue, entries, 0, sent), NIMBUS_E_EMPTY_BATCH);
    IS(nimbus_queue_send_batch(queue, entries, 11, sent), NIMBUS_E_BATCH_TOO_MANY);
    UNTOUCHED(sent);
    COUNTS(queue, 2, 0, 0);
}

/* Empty, too many, together too large, then each entry: the first that is wrong is said. */
static void x_6_the_order_of_the_checks_of_a_batch(void **state)
{
    world w;
    nimbus_queue *queue;
    static char big[700];
    nimbus_entry entries[3] = { { .body = nimbus_copy(big, sizeof big) }, { .body = nimbus_copy(big, sizeof big) }, { .delay = -5 } };
    nimbus_sent sent[3];
    (void)state;

    world_open(&w, &(nimbus_options){ .limits = { .max_batch = 2, .max_message_size = 1000 } });
    queue = PLAIN_QUEUE(&w, "q");
    IS(nimbus_queue_send_batch(queue, entries, 3, NULL), NIMBUS_E_BATCH_TOO_MANY); /* though together too large, and one malformed */
    IS(nimbus_queue_send_batch(queue, entries, 2, NULL), NIMBUS_E_BATCH_TOO_LONG);
    IS(nimbus_queue_send_batch(queue, &entries[1], 2, sent), NIMBUS_PARTIAL); /* only now is each looked at */
    OK(sent[0].status);
    CHECK(nimbus_failed(sent[1].status));
    COUNTS(queue, 1, 0, 0);
    world_close(&w);
}

/* One status has one name, and the name that the cloud services use for it. */
static void x_7_statuses_have_stable_names(void **state)
{
    (void)state;
    TEXT(nimbus_status_name(NIMBUS_E_DELETED), "NIMBUS_E_DELETED");
    TEXT(nimbus_status_aws_name(NIMBUS_E_DELETED), "QueueDoesNotExist");
    TEXT(nimbus_status_aws_name(NIMBUS_E_RECEIPT), "ReceiptHandleIsInvalid");
}

static void sqs_e1_the_names_of_errors(void **state)
{
    static const struct {
        nimbus_status status;
        const char *name;
    } rows[] = {
        { NIMBUS_E_INVALID, "InvalidParameterValue" },       { NIMBUS_E_MISSING, "MissingParameter" },
        { NIMBUS_E_DELETED, "QueueDoesNotExist" },           { NIMBUS_E_EXISTS, "QueueNameExists" },
        { NIMBUS_E_DELETED_RECENTLY, "QueueDeletedRecently" }, { NIMBUS_E_PURGED_RECENTLY, "PurgeQueueInProgress" },
        { NIMBUS_E_RECEIPT, "ReceiptHandleIsInvalid" },      { NIMBUS_E_NOT_INFLIGHT, "MessageNotInflight" },
        { NIMBUS_E_CONTENT, "InvalidMessageContents" },      { NIMBUS_E_OVER_LIMIT, "OverLimit" },
        { NIMBUS_E_EMPTY_BATCH, "EmptyBatchRequest" },       { NIMBUS_E_BATCH_TOO_MANY, "TooManyEntriesInBatchRequest" },
        { NIMBUS_E_BATCH_TOO_LONG, "BatchRequestTooLong" },  { NIMBUS_E_NOT_FOUND, "ResourceNotFoundException" },
        { NIMBUS_E_UNSUPPORTED, "UnsupportedOperation" },
    };
    size_t i;
    (void)state;

    for (i = 0; i < COUNT(rows); i++) {
        TEXT(nimbus_status_aws_name(rows[i].status), rows[i].name);
    }
}

/* The limits of AWS are the default; the relaxed ones, or one's own, are a choice of the instance. */
static void x_9_limits_can_be_relaxed(void **state)
{
    world *w = *state;
    world relaxed;
    nimbus_delivery deliveries[11] = { 0 };
    nimbus_queue_options options = { .visibility_timeout = NIMBUS_HOURS(13) };
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    char field[48];
    size_t count = 0;

    IS(nimbus_queue_receive(queue, 0, NULL, deliveries, 11, &count), NIMBUS_E_INVALID);
    IS(create_status(w, "long", &options, field), NIMBUS_E_INVALID);
    world_open(&relaxed, &(nimbus_options){ .limits = { .preset = NIMBUS_LIMITS_RELAXED } });
    queue = PLAIN_QUEUE(&relaxed, "q");
    IS(nimbus_queue_receive(queue, 0, NULL, deliveries, 11, &count), NIMBUS_EMPTY);
    OK(create_status(&relaxed, "long", &options, field));
    world_close(&relaxed);
}

/* What a topic delivers comes in as a send does: size, delay and counts are the queue's. */
static void x_10_a_delivery_is_like_a_send(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .max_message_size = 1024, .delay = NIMBUS_SECONDS(5));
    nimbus_topic *topic = nimbus_topic_create(w->nb, "t", NULL, &w->err);
    char big[1025];
    nimbus_entry entry = { .body = nimbus_text("m") };

    memset(big, 'b', sizeof big);
    OK(nimbus_topic_subscribe(topic, nimbus_to_queue(queue), NULL, &w->err, NULL));
    SETUP_OK(w);
    OK(nimbus_topic_publish(topic, &entry, NULL));
    RUN(w);
    COUNTS(queue, 0, 1, 0);
    EQ(METRICS(queue).accepted, 1);
    entry.body = nimbus_copy(big, sizeof big);
    OK(nimbus_topic_publish(topic, &entry, NULL));
    RUN(w);
    COUNTS(queue, 0, 1, 0);
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 1);
}

static void x_12_names_are_case_sensitive(void **state)
{
    world *w = *state;
    nimbus_queue *lower = PLAIN_QUEUE(w, "queue");
    nimbus_queue *upper = PLAIN_QUEUE(w, "Queue");

    CHECK(lower != upper);
    SEND(lower, "m");
    COUNTS(upper, 0, 0, 0);
}

static void sqs_q10_a_visibility_out_of_range_is_refused_when_it_is_set(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    static const nimbus_duration wrong[] = { NIMBUS_HOURS(12) + 1, INT64_MAX, -1, -NIMBUS_SECONDS(1), 999 };
    nimbus_queue_options options = { 0 };
    char field[48];
    size_t i;

    for (i = 0; i < COUNT(wrong); i++) {
        options.visibility_timeout = wrong[i];
        IS(create_status(w, "other", &options, field), NIMBUS_E_INVALID);
        TEXT(field, "visibility_timeout");
        IS(nimbus_queue_set_options(queue, &options, NULL), NIMBUS_E_INVALID);
    }
    OK(nimbus_queue_get_options(queue, &options));
    EQT(options.visibility_timeout, NIMBUS_SECONDS(30));
    SEND(queue, "m");
    (void)TAKE(queue, "m");
}

static void sqs_q13_all_attributes_are_shown(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue_options options;
    nimbus_queue_metrics metrics;

    FILL(options);
    OK(nimbus_queue_get_options(queue, &options));
    EQT(options.visibility_timeout, NIMBUS_SECONDS(30));
    EQT(options.delay, NIMBUS_ZERO);
    EQT(options.retention, NIMBUS_DAYS(4));
    EQT(options.receive_wait, NIMBUS_ZERO);
    EQ(options.max_message_size, 1048576);
    CHECK(!options.fifo && options.dead_letter_queue == NULL && options.max_receive_count == 0);
    metrics = METRICS(queue);
    EQ(metrics.ready + metrics.delayed + metrics.in_flight, 0);
    TEXT(nimbus_queue_name(queue), "q");
}

/* All attributes come along, in the sender's order and by name; nothing has to be asked for. */
static void sqs_r14_the_attributes_come_along(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_attribute attributes[3] = { nimbus_string("b.two", "2"), nimbus_number("a", "1"), nimbus_string("b.one", "1") };
    nimbus_attribute got;
    nimbus_entry entry = entry_of("m");
    nimbus_delivery delivery = { 0 };
    const nimbus_message *message;
    size_t i;

    entry.attributes = attributes;
    entry.attribute_count = 3;
    OK(nimbus_queue_send(queue, &entry, NULL));
    RECEIVE(queue, &delivery, "m");
    message = nimbus_delivery_message(&delivery);
    EQ(nimbus_message_attribute_count(message), 3);
    for (i = 0; i < 3; i++) {
        OK(nimbus_message_attribute_at(message, i, &got));
        TEXT(got.name, attributes[i].name);
    }
    OK(nimbus_message_attribute(message, "b.one", &got));
    CHECK(bytes_are(got.value, "1"));
    IS(nimbus_message_attribute(message, "b.", &got), NIMBUS_E_NOT_FOUND);
    OK(nimbus_delivery_delete(&delivery));
}

/* What is stored is bounded by memory only, and a send says so. */
static void sqs_r18_stored_messages_are_bounded_by_memory(void **state)
{
    world w;
    nimbus_queue *queue;
    static char big[100000];
    nimbus_entry entry = { .body = nimbus_copy(big, sizeof big) };
    nimbus_sent sent = { 0 };
    nimbus_delivery delivery = { 0 };
    uint64_t held = 0;
    (void)state;

    world_open(&w, &(nimbus_options){ .max_memory = 8 << 20 });
    queue = PLAIN_QUEUE(&w, "q");
    while (nimbus_queue_send(queue, &entry, &sent) == NIMBUS_OK) {
        held++;
    }
    IS(sent.status, NIMBUS_E_FULL);
    EQ(sent.bound, NIMBUS_BOUND_MEMORY);
    CHECK(held > 60 && held < 84);
    COUNTS(queue, held, 0, 0);
    OK(nimbus_queue_receive(queue, 0, NULL, &delivery, 1, NULL));
    OK(nimbus_delivery_delete(&delivery)); /* which needs no memory, and gives some back */
    OK(nimbus_queue_send(queue, &entry, &sent));
    world_close(&w);
}

static void sqs_a6_the_facts_of_a_message(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(10), .dead_letter_queue = dead, .max_receive_count = 2);
    nimbus_delivery delivery = { 0 };
    nimbus_delivery_info info = { 0 };
    nimbus_id id = SEND(queue, "m");

    ADVANCE(w, NIMBUS_SECONDS(3));
    (void)TAKE(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(10));
    RECEIVE(queue, &delivery, "m");
    OK(nimbus_delivery_get_info(&delivery, &info));
    CHECK(ids_equal(info.id, id));
    EQT(info.sent, START_TIME);
    EQ(info.receive_count, 2);
    EQT(info.first_received, START_TIME + NIMBUS_SECONDS(3));
    CHECK(info.dead_letter_source == NULL);
    nimbus_delivery_release(&delivery);
    ADVANCE(w, NIMBUS_SECONDS(10));
    RECEIVE_NONE(queue);
    RECEIVE(dead, &delivery, "m");
    OK(nimbus_delivery_get_info(&delivery, &info));
    TEXT(info.dead_letter_source, "q");
    EQ(info.receive_count, 3);
    OK(nimbus_delivery_delete(&delivery));
}

/* What the redrive policy moved is no send; it is counted apart. */
static void sqs_x2_dead_letters_are_counted_apart(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(1), .dead_letter_queue = dead, .max_receive_count = 1);
    nimbus_queue_metrics m;

    SEND(dead, "by hand");
    SEND(queue, "m");
    (void)TAKE(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(1));
    RECEIVE_NONE(queue);
    m = METRICS(dead);
    EQ(m.accepted, 2);
    EQ(m.redriven_in, 1);
    EQ(m.received, 0);
    EQ(METRICS(queue).moved, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(x_2_a_change_holds_when_the_call_returns),
        DRIVEN(x_3_counts_are_exact),
        DRIVEN(x_5_a_batch_fails_whole_or_by_entry),
        cmocka_unit_test(x_6_the_order_of_the_checks_of_a_batch),
        cmocka_unit_test(x_7_statuses_have_stable_names),
        cmocka_unit_test(sqs_e1_the_names_of_errors),
        DRIVEN(x_9_limits_can_be_relaxed),
        DRIVEN(x_10_a_delivery_is_like_a_send),
        DRIVEN(x_12_names_are_case_sensitive),
        DRIVEN(sqs_q10_a_visibility_out_of_range_is_refused_when_it_is_set),
        DRIVEN(sqs_q13_all_attributes_are_shown),
        DRIVEN(sqs_r14_the_attributes_come_along),
        cmocka_unit_test(sqs_r18_stored_messages_are_bounded_by_memory),
        DRIVEN(sqs_a6_the_facts_of_a_message),
        DRIVEN(sqs_x2_dead_letters_are_counted_apart),
    };
    return cmocka_run_group_tests_name("queue_rules", tests, NULL, NULL);
}
