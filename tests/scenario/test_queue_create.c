/* Queues: names, options, create and find, delete and create again, change of options (SQS-Q1 to Q9, Q13, S5, S8, D1, D2, D15). */
#include "../support/support.h"

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

static void sqs_q1_names(void **state)
{
    static const char *const wrong[] = { "", "a.b", "a b", " a", "a/b", "a.fifo", "\xc3\xa4", "a\n", "a:b", "*" };
    world *w = *state;
    char name[82];
    char field[48];
    size_t i;

    IS(create_status(w, letters, NULL, NULL), NIMBUS_OK);
    IS(create_status(w, "a", NULL, NULL), NIMBUS_OK);
    memset(name, 'x', sizeof name);
    name[80] = '\0';
    IS(create_status(w, name, NULL, NULL), NIMBUS_OK);
    name[80] = 'x';
    name[81] = '\0';
    IS(create_status(w, name, NULL, field), NIMBUS_E_INVALID);
    TEXT(field, "name");
    for (i = 0; i < COUNT(wrong); i++) {
        IS(create_status(w, wrong[i], NULL, field), NIMBUS_E_INVALID);
        TEXT(field, "name");
    }
    IS(create_status(w, NULL, NULL, field), NIMBUS_E_INVALID);
    TEXT(field, "name");
}

static void sqs_q1_name_is_copied_and_case_matters(void **state)
{
    world *w = *state;
    char name[] = "Orders";
    nimbus_queue *queue = PLAIN_QUEUE(w, name);
    nimbus_queue *other = PLAIN_QUEUE(w, "orders");

    memset(name, 'x', sizeof name - 1);
    TEXT(nimbus_queue_name(queue), "Orders");
    TEXT(nimbus_queue_name(other), "orders");
    TEXT(nimbus_queue_name(NULL), "");
    SEND(queue, "m");
    RECEIVE_NONE(other);
    COUNTS(queue, 1, 0, 0);
}

static void sqs_q2_create_again_finds(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(60), .retention = NIMBUS_HOURS(1));
    nimbus_queue *same = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(60), .retention = NIMBUS_HOURS(1));
    nimbus_queue_options options = { 0 };

    SEND(queue, "m");
    RECEIVE(same, NULL, "m");
    COUNTS(queue, 0, 0, 1);
    OK(nimbus_queue_get_options(same, &options));
    EQT(options.visibility_timeout, NIMBUS_SECONDS(60));
    EQT(options.retention, NIMBUS_HOURS(1));
}

static void sqs_q2_create_again_with_fewer_options_finds_and_changes_nothing(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(60), .delay = NIMBUS_SECONDS(5), .capacity_messages = 7,
                                .overflow = NIMBUS_OVERFLOW_DROP_OLDEST, .dead_letter_queue = dead, .max_receive_count = 3);
    nimbus_queue *dead_again = nimbus_queue_find(w->nb, "dead", &w->err);
    nimbus_queue_options options = { 0 };

    IS(create_status(w, "q", NULL, NULL), NIMBUS_OK);
    IS(create_status(w, "q", &(nimbus_queue_options){ .delay = NIMBUS_SECONDS(5) }, NULL), NIMBUS_OK);
    IS(create_status(w, "q", &(nimbus_queue_options){ .capacity_messages = 7 }, NULL), NIMBUS_OK);
    IS(create_status(w, "q", &(nimbus_queue_options){ .dead_letter_queue = dead_again, .max_receive_count = 3 }, NULL), NIMBUS_OK);
    OK(nimbus_queue_get_options(queue, &options));
    EQT(options.visibility_timeout, NIMBUS_SECONDS(60));
    EQT(options.delay, NIMBUS_SECONDS(5));
    EQ(options.capacity_messages, 7);
    EQ(options.overflow, NIMBUS_OVERFLOW_DROP_OLDEST);
    EQ(options.max_receive_count, 3);
    TEXT(nimbus_queue_name(options.dead_letter_queue), "dead");
}

static void sqs_q2_an_explicit_zero_or_default_agrees(void **state)
{
    world *w = *state;
    (void)PLAIN_QUEUE(w, "q");
    IS(create_status(w, "q", &(nimbus_queue_options){ .delay = NIMBUS_ZERO }, NULL), NIMBUS_OK);
    IS(create_status(w, "q", &(nimbus_queue_options){ .receive_wait = NIMBUS_ZERO }, NULL), NIMBUS_OK);
    IS(create_status(w, "q", &(nimbus_queue_options){ .visibility_timeout = NIMBUS_SECONDS(30) }, NULL), NIMBUS_OK);
    IS(create_status(w, "q", &(nimbus_queue_options){ .visibility_timeout = NIMBUS_ZERO }, NULL), NIMBUS_E_EXISTS);
}

static void sqs_q3_create_with_other_options_is_refused(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *dead2 = PLAIN_QUEUE(w, "dead2");
    const struct {
        const char *field;
        nimbus_queue_options options;
    } cases[] = {
        { "visibility_timeout", { .visibility_timeout = NIMBUS_SECONDS(31) } },
        { "delay", { .delay = NIMBUS_SECONDS(1) } },
        { "retention", { .retention = NIMBUS_DAYS(5) } },
        { "receive_wait", { .receive_wait = NIMBUS_SECONDS(20) } },
        { "max_message_size", { .max_message_size = 1024 } },
        { "capacity_messages", { .capacity_messages = 5 } },
        { "capacity_bytes", { .capacity_bytes = 5000 } },
        { "overflow", { .overflow = NIMBUS_OVERFLOW_DROP_OLDEST } },
        { "dead_letter_queue", { .dead_letter_queue = dead2, .max_receive_count = 2 } },
        { "max_receive_count", { .dead_letter_queue = dead, .max_receive_count = 3 } },
        /* The first one that differs. */
        { "visibility_timeout", { .visibility_timeout = NIMBUS_SECONDS(31), .delay = NIMBUS_SECONDS(1), .capacity_messages = 5 } },
        { "retention", { .visibility_timeout = NIMBUS_SECONDS(30), .retention = NIMBUS_DAYS(5), .capacity_bytes = 5000 } },
    };
    nimbus_queue *queue = QUEUE(w, "q", .dead_letter_queue = dead, .max_receive_count = 2);
    nimbus_queue_options before = { 0 };
    nimbus_queue_options after = { 0 };
    char field[48];
    size_t i;

    (void)PLAIN_QUEUE(w, "bare");
    OK(nimbus_queue_get_options(queue, &before));
    for (i = 0; i < COUNT(cases); i++) {
        IS(create_status(w, "q", &cases[i].options, field), NIMBUS_E_EXISTS);
        TEXT(field, cases[i].field);
    }
    IS(create_status(w, "bare", &(nimbus_queue_options){ .dead_letter_queue = dead, .max_receive_count = 2 }, field), NIMBUS_E_EXISTS);
    TEXT(field, "dead_letter_queue");
    OK(nimbus_queue_get_options(queue, &after));
    EQT(after.visibility_timeout, before.visibility_timeout);
    EQT(after.retention, before.retention);
    EQ(after.capacity_messages, before.capacity_messages);
    EQ(after.max_receive_count, 2);
}

static void sqs_q5_delete_discards_every_state(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue_metrics m;

    SEND(queue, "a");
    SEND(queue, "b");
    SEND_DELAYED(queue, "c", NIMBUS_SECONDS(10));
    (void)TAKE(queue, "a");
    COUNTS(queue, 1, 1, 1);
    OK(nimbus_queue_delete(queue));
    m = METRICS(queue);
    EQ(m.discarded, 3);
    EQ(m.accepted, 3);
    EQ(m.ready + m.delayed + m.in_flight, 0);
    EQ(m.bytes, 0);
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 3);
    ADVANCE(w, NIMBUS_HOURS(1));
    COUNTS(queue, 0, 0, 0);
}

static void sqs_q5_delete_wakes_blocked_receivers(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    receiver r[3];
    size_t i;

    for (i = 0; i < COUNT(r); i++) {
        receiver_start(&r[i], queue, i == 0 ? NIMBUS_FOREVER : NIMBUS_SECONDS(20));
    }
    EQ(waiters(queue), 3);
    OK(nimbus_queue_delete(queue));
    for (i = 0; i < COUNT(r); i++) {
        receiver_join(&r[i]);
        IS(r[i].status, NIMBUS_E_DELETED);
    }
}

static void sqs_q5_delete_ends_asynchronous_receives(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    async_record record = { 0 };

    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &record, NULL));
    RUN(w);
    EQ(record.calls, 0);
    OK(nimbus_queue_delete(queue));
    RUN(w);
    EQ(record.calls, 1);
    IS((nimbus_status)record.status, NIMBUS_E_DELETED);
    EQ(record.count, 0);
}

static void sqs_q6_missing_and_deleted_queues(void **state)
{
    world *w = *state;
    nimbus_error err = { 0 };
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue *second = nimbus_queue_find(w->nb, "q", &w->err);
    nimbus_entry entry = entry_of("m");
    nimbus_delivery slot = { 0 };

    CHECK(second != NULL);
    CHECK(nimbus_queue_find(w->nb, "none", &err) == NULL);
    IS(err.status, NIMBUS_E_NOT_FOUND);
    TEXT(err.call, "nimbus_queue_find");
    OK(nimbus_queue_delete(queue));
    IS(nimbus_queue_delete(queue), NIMBUS_E_DELETED);
    IS(nimbus_queue_delete(second), NIMBUS_E_DELETED);
    IS(nimbus_queue_send(second, &entry, NULL), NIMBUS_E_DELETED);
    IS(nimbus_queue_receive(second, 0, NULL, &slot, 1, NULL), NIMBUS_E_DELETED);
    err = (nimbus_error){ 0 };
    CHECK(nimbus_queue_find(w->nb, "q", &err) == NULL);
    IS(err.status, NIMBUS_E_NOT_FOUND);
    TEXT(nimbus_queue_name(queue), "q");
    nimbus_queue_release(second);
    nimbus_queue_release(queue);
}

static void a_queue_lives_without_references(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue *again;

    SEND(queue, "m");
    CHECK(nimbus_queue_retain(queue) == queue);
    nimbus_queue_release(queue);
    nimbus_queue_release(queue);
    again = nimbus_queue_find(w->nb, "q", &w->err);
    SETUP_OK(w);
    RECEIVE(again, NULL, "m");
}

static void a_sticky_error_stops_the_set_up(void **state)
{
    world *w = *state;
    nimbus_error err = { 0 };
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");

    CHECK(nimbus_queue_create(w->nb, "a b", NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    CHECK(nimbus_queue_create(w->nb, "fine", NULL, &err) == NULL);
    CHECK(nimbus_queue_find(w->nb, "q", &err) == NULL);
    IS(nimbus_queue_set_options(queue, &(nimbus_queue_options){ .capacity_messages = 5 }, &err), NIMBUS_E_INVALID);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.call, "nimbus_queue_create");
    TEXT(err.field, "name");
    EQ(err.offset, SIZE_MAX);
    CHECK(nimbus_queue_find(w->nb, "fine", NULL) == NULL);
}

static void sqs_q9_options_and_defaults(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue_options options = { 0 };

    OK(nimbus_queue_get_options(queue, &options));
    CHECK(!options.fifo);
    EQT(options.visibility_timeout, NIMBUS_SECONDS(30));
    EQT(options.delay, NIMBUS_ZERO);
    EQT(options.retention, NIMBUS_DAYS(4));
    EQT(options.receive_wait, NIMBUS_ZERO);
    EQ(options.max_message_size, 1048576);
    EQ(options.capacity_messages, 1048576);
    CHECK(options.capacity_bytes == SIZE_MAX);
    EQ(options.overflow, NIMBUS_OVERFLOW_REFUSE);
    CHECK(options.dead_letter_queue == NULL);
    EQ(options.max_receive_count, 0);
    /* What was got out can be set again, and created again. */
    OK(nimbus_queue_set_options(queue, &options, NULL));
    IS(create_status(w, "q", &options, NULL), NIMBUS_OK);
}

static void sqs_q9_option_ranges(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    const struct {
        const char *field; /* NULL: it is accepted */
        nimbus_queue_options options;
    } cases[] = {
        { NULL, { .visibility_timeout = NIMBUS_HOURS(12) } },
        { "visibility_timeout", { .visibility_timeout = NIMBUS_HOURS(12) + 1 } },
        { "visibility_timeout", { .visibility_timeout = -NIMBUS_SECONDS(1) } },
        { "visibility_timeout", { .visibility_timeout = NIMBUS_FOREVER } },
        { "visibility_timeout", { .visibility_timeout = 30 } },
        { "visibility_timeout", { .visibility_timeout = 1 } },
        { "visibility_timeout", { .visibility_timeout = 999 } },
        { NULL, { .visibility_timeout = 1000 } },
        { NULL, { .visibility_timeout = NIMBUS_ZERO } },
        { NULL, { .delay = NIMBUS_MINUTES(15) } },
        { "delay", { .delay = NIMBUS_MINUTES(15) + 1 } },
        { "delay", { .delay = -1 } },
        { "delay", { .delay = 900 } },
        { NULL, { .retention = NIMBUS_SECONDS(60) } },
        { "retention", { .retention = NIMBUS_SECONDS(60) - 1 } },
        { NULL, { .retention = NIMBUS_DAYS(14) } },
        { "retention", { .retention = NIMBUS_DAYS(14) + 1 } },
        { "retention", { .retention = NIMBUS_ZERO } },
        { "retention", { .retention = 345 } },
        { NULL, { .receive_wait = NIMBUS_SECONDS(20) } },
        { "receive_wait", { .receive_wait = NIMBUS_SECONDS(20) + 1 } },
        { "receive_wait", { .receive_wait = -1 } },
        { "receive_wait", { .receive_wait = 20 } },
        { NULL, { .max_message_size = 1024 } },
        { "max_message_size", { .max_message_size = 1023 } },
        { NULL, { .max_message_size = 1048576 } },
        { "max_message_size", { .max_message_size = 1048577 } },
        { NULL, { .capacity_messages = 1 } },
        { NULL, { .capacity_bytes = 1 } },
        { NULL, { .capacity_bytes = SIZE_MAX } },
        { "overflow", { .overflow = (nimbus_overflow)2 } },
        { "max_receive_count", { .dead_letter_queue = dead } },
        { NULL, { .dead_letter_queue = dead, .max_receive_count = 1 } },
        { NULL, { .dead_letter_queue = dead, .max_receive_count = 1000 } },
        { "max_receive_count", { .dead_letter_queue = dead, .max_receive_count = 1001 } },
        { "dead_letter_queue", { .max_receive_count = 1 } }, /* what is missing */
        { "reserved_", { .reserved_ = { 1 } } },
        { "reserved_", { .reserved_ = { 0, 0, 0, 0, 0, 0, 0, 1 } } },
    };
    nimbus_queue *live = PLAIN_QUEUE(w, "live");
    char field[48];
    size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        char name[16];
        nimbus_error err = { 0 };
        nimbus_status want = cases[i].field == NULL ? NIMBUS_OK : NIMBUS_E_INVALID;
        (void)snprintf(name, sizeof name, "q%zu", i);
        IS(create_status(w, name, &cases[i].options, field), want);
        TEXT(field, cases[i].field == NULL ? "" : cases[i].field);
        IS(nimbus_queue_set_options(live, &cases[i].options, &err), want);
        IS(err.status, want);
        TEXT(err.field, cases[i].field == NULL ? "" : cases[i].field);
    }
}

static void sqs_d1_a_dead_letter_queue_needs_a_count_and_the_reverse(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    char field[48];

    IS(create_status(w, "q", &(nimbus_queue_options){ .dead_letter_queue = dead }, field), NIMBUS_E_INVALID);
    TEXT(field, "max_receive_count");
    IS(create_status(w, "q", &(nimbus_queue_options){ .max_receive_count = 5 }, field), NIMBUS_E_INVALID);
    TEXT(field, "dead_letter_queue"); /* what is missing */
    IS(create_status(w, "q", &(nimbus_queue_options){ .dead_letter_queue = dead, .max_receive_count = 1001 }, field), NIMBUS_E_INVALID);
    TEXT(field, "max_receive_count");
    IS(create_status(w, "q1", &(nimbus_queue_options){ .dead_letter_queue = dead, .max_receive_count = 1 }, NULL), NIMBUS_OK);
    IS(create_status(w, "q1000", &(nimbus_queue_options){ .dead_letter_queue = dead, .max_receive_count = 1000 }, NULL), NIMBUS_OK);
}

static void sqs_d2_a_dead_letter_queue_is_alive_and_of_the_same_instance(void **state)
{
    world *w = *state;
    world other;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *foreign;
    char field[48];

    world_open(&other, NULL);
    foreign = PLAIN_QUEUE(&other, "dead");
    IS(create_status(w, "q", &(nimbus_queue_options){ .dead_letter_queue = foreign, .max_receive_count = 1 }, field), NIMBUS_E_INVALID);
    TEXT(field, "dead_letter_queue");
    OK(nimbus_queue_delete(dead));
    IS(create_status(w, "q", &(nimbus_queue_options){ .dead_letter_queue = dead, .max_receive_count = 1 }, field), NIMBUS_E_DELETED);
    TEXT(field, "dead_letter_queue");
    world_close(&other);
}

static void sqs_s8_stored_messages_keep_their_delay(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .delay = NIMBUS_SECONDS(10));
    nimbus_queue_options options = { 0 };

    SEND(queue, "old");
    OK(nimbus_queue_get_options(queue, &options));
    options.delay = NIMBUS_SECONDS(2);
    OK(nimbus_queue_set_options(queue, &options, NULL));
    SEND(queue, "new");
    COUNTS(queue, 0, 2, 0);
    ADVANCE(w, NIMBUS_SECONDS(2));
    RECEIVE(queue, NULL, "new");
    COUNTS(queue, 0, 1, 1);
    ADVANCE(w, NIMBUS_SECONDS(8) - 1);
    COUNTS(queue, 0, 1, 1);
    ADVANCE(w, 1);
    RECEIVE(queue, NULL, "old");
}

static void set_options_replaces_all(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(60), .delay = NIMBUS_SECONDS(5), .capacity_messages = 9,
                                .dead_letter_queue = dead, .max_receive_count = 4);
    nimbus_queue_options options = { 0 };

    OK(nimbus_queue_set_options(queue, &(nimbus_queue_options){ .retention = NIMBUS_HOURS(2) }, NULL));
    OK(nimbus_queue_get_options(queue, &options));
    EQT(options.visibility_timeout, NIMBUS_SECONDS(30));
    EQT(options.delay, NIMBUS_ZERO);
    EQT(options.retention, NIMBUS_HOURS(2));
    EQ(options.capacity_messages, 1048576);
    CHECK(options.dead_letter_queue == NULL);
    EQ(options.max_receive_count, 0);
    OK(nimbus_queue_set_options(queue, NULL, NULL));
    OK(nimbus_queue_get_options(queue, &options));
    EQT(options.retention, NIMBUS_DAYS(4));
}

static void set_options_refused_changes_nothing(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(60));
    nimbus_queue_options options = { 0 };

    IS(nimbus_queue_set_options(queue, &(nimbus_queue_options){ .visibility_timeout = NIMBUS_SECONDS(5), .delay = 7 }, NULL),
       NIMBUS_E_INVALID);
    OK(nimbus_queue_get_options(queue, &options));
    EQT(options.visibility_timeout, NIMBUS_SECONDS(60));
    EQT(options.delay, NIMBUS_ZERO);
}

static void set_options_keeps_the_visibility_of_stored_messages(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(10));

    SEND(queue, "m");
    (void)TAKE(queue, "m");
    OK(nimbus_queue_set_options(queue, &(nimbus_queue_options){ .visibility_timeout = NIMBUS_SECONDS(100) }, NULL));
    ADVANCE(w, NIMBUS_SECONDS(10) - 1);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, 1);
    (void)TAKE(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(100) - 1);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, 1);
    COUNTS(queue, 1, 0, 0);
}

static void sqs_s5_a_lower_size_limit_does_not_touch_stored_messages(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .max_message_size = 4096);
    char big[2001];
    nimbus_entry entry;
    nimbus_delivery delivery = { 0 };

    memset(big, 'b', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    entry = entry_of(big);
    OK(nimbus_queue_send(queue, &entry, NULL));
    OK(nimbus_queue_set_options(queue, &(nimbus_queue_options){ .max_message_size = 1024 }, NULL));
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_TOO_LARGE);
    OK(nimbus_queue_receive(queue, 0, NULL, &delivery, 1, NULL));
    EQ(nimbus_delivery_body(&delivery).size, 2000);
    OK(nimbus_delivery_delete(&delivery));
}

static void sqs_d15_the_dead_letter_queue_can_be_taken_away(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = dead, .max_receive_count = 1);
    nimbus_queue_options options = { 0 };

    SEND(queue, "m");
    RECEIVE(queue, NULL, "m");
    OK(nimbus_queue_get_options(queue, &options));
    options.dead_letter_queue = NULL;
    options.max_receive_count = 0;
    OK(nimbus_queue_set_options(queue, &options, NULL));
    RECEIVE(queue, NULL, "m");
    RECEIVE(queue, NULL, "m");
    COUNTS(dead, 0, 0, 0);
}

static void delete_and_create_again_under_a_subscription(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_topic *topic = nimbus_topic_create(w->nb, "t", NULL, &w->err);
    nimbus_entry entry = entry_of("m");
    nimbus_published published = { 0 };

    OK(nimbus_topic_subscribe(topic, nimbus_to_queue(queue), NULL, &w->err, NULL));
    OK(nimbus_topic_publish(topic, &entry, &published));
    EQ(published.delivered, 1);
    COUNTS(queue, 1, 0, 0);
    OK(nimbus_queue_delete(queue));
    OK(nimbus_topic_publish(topic, &entry, &published));
    EQ(published.matched, 1);
    EQ(published.failed, 1);
    nimbus_queue_release(queue);
    queue = PLAIN_QUEUE(w, "q");
    COUNTS(queue, 0, 0, 0);
    OK(nimbus_topic_publish(topic, &entry, &published));
    EQ(published.delivered, 1);
    RECEIVE(queue, NULL, "m");
}

static void delete_and_create_again_under_a_rule(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_bus *bus = nimbus_bus_find(w->nb, "default", &w->err);
    nimbus_event event = { 0 };
    nimbus_put_result put = { 0 };

    event.source = "s";
    event.detail_type = "d";
    event.detail = (nimbus_bytes){ "{}", 2 };
    OK(nimbus_rule_put(bus, "r", "{\"source\":[\"s\"]}", NULL, &w->err));
    OK(nimbus_rule_target(bus, "r", "1", nimbus_to_queue(queue), NULL, &w->err));
    OK(nimbus_queue_delete(queue));
    OK(nimbus_bus_put(bus, &event, &put));
    EQ(put.failed, 1);
    queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(5));
    OK(nimbus_bus_put(bus, &event, &put));
    EQ(put.delivered, 1);
    COUNTS(queue, 1, 0, 0);
}

static void delete_and_create_again_under_a_mapping(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    handler_record record = { .answer = NIMBUS_DONE };
    nimbus_function *function = nimbus_function_create(w->nb, "f", record_handler, &record, NULL, &w->err);

    OK(nimbus_function_map(function, queue, NULL, &w->err));
    SEND(queue, "one");
    RUN(w);
    EQ(record.calls, 1);
    OK(nimbus_queue_delete(queue));
    RUN(w);
    queue = PLAIN_QUEUE(w, "q");
    SEND(queue, "two");
    RUN(w);
    EQ(record.calls, 2);
    TEXT(record.bodies[1], "two");
    COUNTS(queue, 0, 0, 0);
}

static void a_receipt_of_the_deleted_queue_is_none_of_the_new_one(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_receipt receipt;

    SEND(queue, "old");
    receipt = TAKE(queue, "old");
    OK(nimbus_queue_delete(queue));
    queue = PLAIN_QUEUE(w, "q");
    SEND(queue, "new");
    (void)TAKE(queue, "new");
    IS(nimbus_queue_delete_message(queue, receipt), NIMBUS_E_RECEIPT);
    IS(nimbus_queue_change_visibility(queue, receipt, 0), NIMBUS_E_RECEIPT);
    COUNTS(queue, 0, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(sqs_q1_names),
        DRIVEN(sqs_q1_name_is_copied_and_case_matters),
        DRIVEN(sqs_q2_create_again_finds),
        DRIVEN(sqs_q2_create_again_with_fewer_options_finds_and_changes_nothing),
        DRIVEN(sqs_q2_an_explicit_zero_or_default_agrees),
        DRIVEN(sqs_q3_create_with_other_options_is_refused),
        DRIVEN(sqs_q5_delete_discards_every_state),
        THREADED(sqs_q5_delete_wakes_blocked_receivers),
        DRIVEN(sqs_q5_delete_ends_asynchronous_receives),
        DRIVEN(sqs_q6_missing_and_deleted_queues),
        DRIVEN(a_queue_lives_without_references),
        DRIVEN(a_sticky_error_stops_the_set_up),
        DRIVEN(sqs_q9_options_and_defaults),
        DRIVEN(sqs_q9_option_ranges),
        DRIVEN(sqs_d1_a_dead_letter_queue_needs_a_count_and_the_reverse),
        DRIVEN(sqs_d2_a_dead_letter_queue_is_alive_and_of_the_same_instance),
        DRIVEN(sqs_s8_stored_messages_keep_their_delay),
        DRIVEN(set_options_replaces_all),
        DRIVEN(set_options_refused_changes_nothing),
        DRIVEN(set_options_keeps_the_visibility_of_stored_messages),
        DRIVEN(sqs_s5_a_lower_size_limit_does_not_touch_stored_messages),
        DRIVEN(sqs_d15_the_dead_letter_queue_can_be_taken_away),
        DRIVEN(delete_and_create_again_under_a_subscription),
        DRIVEN(delete_and_create_again_under_a_rule),
        DRIVEN(delete_and_create_again_under_a_mapping),
        DRIVEN(a_receipt_of_the_deleted_queue_is_none_of_the_new_one),
    };
    return cmocka_run_group_tests_name("queue_create", tests, NULL, NULL);
}
