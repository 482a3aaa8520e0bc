/* What is done to queues beside sending and receiving: the list, tags, names that rest, purges that come too soon, text only, cancel. */
#include "../support/support.h"

#define NS INT64_C(1)

/* ------------------------------------------------------------------------------------------------- list */

typedef struct visit {
    char names[1024];
    size_t count, stop_after;
    nimbus_queue *delete;  /* in the first call */
    nimbus_runtime *create_in; /* a queue, in the first call */
    nimbus_queue *kept;
    nimbus_status deleted;
} visit;

static bool note_name(nimbus_queue *queue, void *user)
{
    visit *v = user;

    if (v->count++ == 0) {
        if (v->delete != NULL) {
            v->deleted = nimbus_queue_delete(v->delete);
        }
        if (v->create_in != NULL) {
            v->kept = nimbus_queue_retain(nimbus_queue_create(v->create_in, "zz-new", NULL, NULL));
        }
    }
    strcat(strcat(v->names, nimbus_queue_name(queue)), " ");
    return v->count != v->stop_after;
}

static void sqs_q14_the_list_is_in_the_order_of_names(void **state)
{
    static const char *const names[] = { "b", "a-2", "a", "B", "a-10", "_", "c" };
    world *w = *state;
    visit v = { .count = 0 };
    size_t i;

    OK(nimbus_queue_list(w->nb, NULL, note_name, &v));
    EQ(v.count, 0);
    for (i = 0; i < COUNT(names); i++) {
        (void)PLAIN_QUEUE(w, names[i]);
    }
    CHECK(nimbus_topic_create(w->nb, "a-topic", NULL, &w->err) != NULL); /* no queue */
    OK(nimbus_queue_list(w->nb, NULL, note_name, &v));
    TEXT(v.names, "B _ a a-10 a-2 b c ");
}

static void sqs_q14_a_prefix_and_an_early_end(void **state)
{
    world *w = *state;
    visit v = { .count = 0 };
    char name[32];
    size_t i;

    for (i = 0; i < 300; i++) { /* more than the table of names begins with */
        (void)snprintf(name, sizeof name, "%s-%03zu", i % 2 == 0 ? "even" : "odd", i);
        (void)PLAIN_QUEUE(w, name);
    }
    v.stop_after = 3;
    OK(nimbus_queue_list(w->nb, "odd-", note_name, &v));
    TEXT(v.names, "odd-001 odd-003 odd-005 ");
    v = (visit){ .count = 0 };
    OK(nimbus_queue_list(w->nb, "even-29", note_name, &v));
    TEXT(v.names, "even-290 even-292 even-294 even-296 even-298 ");
    v = (visit){ .count = 0 };
    OK(nimbus_queue_list(w->nb, "even-298-", note_name, &v));
    EQ(v.count, 0);
    v = (visit){ .stop_after = 1 };
    OK(nimbus_queue_list(w->nb, "", note_name, &v));
    EQ(v.count, 1);
    IS(nimbus_queue_list(NULL, "", note_name, &v), NIMBUS_E_INVALID);
    IS(nimbus_queue_list(w->nb, "", NULL, &v), NIMBUS_E_INVALID);
}

/* No lock is held: the visitor may delete and create. */
static void the_visitor_may_change_what_it_visits(void **state)
{
    world *w = *state;
    nimbus_queue *second;
    visit v = { .count = 0 };

    (void)PLAIN_QUEUE(w, "a");
    second = PLAIN_QUEUE(w, "b");
    (void)PLAIN_QUEUE(w, "c");
    v.delete = second;
    v.create_in = w->nb;
    OK(nimbus_queue_list(w->nb, NULL, note_name, &v));
    OK(v.deleted);
    TEXT(v.names, "a c "); /* neither the one that went nor the one that came */
    TEXT(nimbus_queue_name(v.kept), "zz-new");
    nimbus_queue_release(v.kept);
}

/* ------------------------------------------------------------------------------------------------- tags */

typedef struct tag_visit {
    char text[2048];
    size_t count, stop_after;
    bool remove; /* each one as it is shown */
} tag_visit;

static bool note_tag(nimbus_queue *queue, const char *key, const char *value, void *user)
{
    tag_visit *v = user;

    (void)snprintf(v->text + strlen(v->text), sizeof v->text - strlen(v->text), "%s=%s;", key, value);
    v->count++;
    if (v->remove) {
        (void)nimbus_queue_set_tag(queue, key, NULL);
    }
    return v->count != v->stop_after;
}

static void sqs_q15_the_last_write_of_a_key_wins(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    tag_visit v = { .count = 0 };
    char value[NIMBUS_TAG_VALUE + 1];
    size_t size = 0;

    OK(nimbus_queue_set_tag(queue, "team", "red"));
    OK(nimbus_queue_set_tag(queue, "cost", "high"));
    OK(nimbus_queue_set_tag(queue, "team", "blue"));
    OK(nimbus_queue_set_tag(queue, "zone", "")); /* values may be empty */
    OK(nimbus_queue_get_tag(queue, "team", value, sizeof value, &size));
    TEXT(value, "blue");
    EQ(size, 5);
    OK(nimbus_queue_get_tag(queue, "zone", value, sizeof value, NULL));
    TEXT(value, "");
    IS(nimbus_queue_get_tag(queue, "Team", value, sizeof value, &size), NIMBUS_E_NOT_FOUND);
    OK(nimbus_queue_visit_tags(queue, note_tag, &v));
    TEXT(v.text, "cost=high;team=blue;zone=;");
    OK(nimbus_queue_set_tag(queue, "team", NULL));
    IS(nimbus_queue_set_tag(queue, "team", NULL), NIMBUS_E_NOT_FOUND);
    v = (tag_visit){ .stop_after = 1 };
    OK(nimbus_queue_visit_tags(queue, note_tag, &v));
    TEXT(v.text, "cost=high;");
    v = (tag_visit){ .remove = true };
    OK(nimbus_queue_visit_tags(queue, note_tag, &v));
    TEXT(v.text, "cost=high;zone=;");
    v = (tag_visit){ .count = 0 };
    OK(nimbus_queue_visit_tags(queue, note_tag, &v));
    EQ(v.count, 0);
}

static void sqs_q15_tags_have_no_effect_on_delivery(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery delivery = { 0 };

    SEND(queue, "a");
    OK(nimbus_queue_set_tag(queue, "visibility_timeout", "0"));
    RECEIVE(queue, &delivery, "a");
    COUNTS(queue, 0, 0, 1);
    CHECK(nimbus_queue_create(w->nb, "q", NULL, &w->err) == queue);
    OK(nimbus_delivery_delete(&delivery));
}

static void the_bounds_of_tags(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    char key[NIMBUS_TAG_KEY + 2];
    char value[NIMBUS_TAG_VALUE + 2];
    char got[NIMBUS_TAG_VALUE + 1];
    tag_visit v = { .count = 0 };
    size_t size;
    size_t i;

    memset(key, 'k', sizeof key);
    memset(value, 'v', sizeof value);
    key[NIMBUS_TAG_KEY + 1] = value[NIMBUS_TAG_VALUE + 1] = '\0';
    IS(nimbus_queue_set_tag(queue, key, "v"), NIMBUS_E_TOO_LARGE);
    IS(nimbus_queue_set_tag(queue, "k", value), NIMBUS_E_TOO_LARGE);
    key[NIMBUS_TAG_KEY] = value[NIMBUS_TAG_VALUE] = '\0';
    OK(nimbus_queue_set_tag(queue, key, value));
    OK(nimbus_queue_get_tag(queue, key, got, sizeof got, &size));
    EQ(size, sizeof got);
    TEXT(got, value);
    FILL(got);
    IS(nimbus_queue_get_tag(queue, key, got, sizeof got - 1, &size), NIMBUS_E_TOO_LARGE);
    UNTOUCHED(got);
    EQ(size, sizeof got);
    IS(nimbus_queue_get_tag(queue, key, NULL, 0, &size), NIMBUS_E_TOO_LARGE);
    for (i = 1; i < 50; i++) {
        (void)snprintf(key, sizeof key, "key-%zu", i);
        OK(nimbus_queue_set_tag(queue, key, "v"));
    }
    IS(nimbus_queue_set_tag(queue, "one more", "v"), NIMBUS_E_OVER_LIMIT);
    OK(nimbus_queue_set_tag(queue, "key-7", "another")); /* in place of one */
    OK(nimbus_queue_set_tag(queue, "key-8", NULL));
    OK(nimbus_queue_set_tag(queue, "one more", "v"));
    IS(nimbus_queue_set_tag(NULL, "k", "v"), NIMBUS_E_INVALID);
    IS(nimbus_queue_set_tag(queue, NULL, "v"), NIMBUS_E_INVALID);
    IS(nimbus_queue_set_tag(queue, "", "v"), NIMBUS_E_INVALID);
    IS(nimbus_queue_get_tag(queue, NULL, got, 1, NULL), NIMBUS_E_INVALID);
    IS(nimbus_queue_get_tag(queue, "key-1", NULL, 1, NULL), NIMBUS_E_INVALID);
    IS(nimbus_queue_get_tag(NULL, "key-1", got, 1, NULL), NIMBUS_E_INVALID);
    IS(nimbus_queue_visit_tags(queue, NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_queue_visit_tags(NULL, note_tag, &v), NIMBUS_E_INVALID);
    OK(nimbus_queue_delete(queue));
    IS(nimbus_queue_set_tag(queue, "k", "v"), NIMBUS_E_DELETED);
    IS(nimbus_queue_get_tag(queue, "key-1", got, sizeof got, NULL), NIMBUS_E_DELETED);
    IS(nimbus_queue_visit_tags(queue, note_tag, &v), NIMBUS_E_DELETED);
    EQ(v.count, 0);
}

/* ------------------------------------------------------------------------------------ limits that tell time */

static void sqs_q4_the_name_of_a_deleted_queue_rests(void **state)
{
    world w;
    nimbus_queue *queue;
    char field[48];
    (void)state;

    world_open(&w, &(nimbus_options){ .limits = { .recreate_wait = NIMBUS_SECONDS(60) } });
    queue = PLAIN_QUEUE(&w, "q");
    (void)PLAIN_QUEUE(&w, "other");
    ADVANCE(&w, NIMBUS_MINUTES(5));
    OK(nimbus_queue_delete(queue));
    IS(create_status(&w, "q", NULL, field), NIMBUS_E_DELETED_RECENTLY);
    TEXT(field, "name");
    TEXT(nimbus_status_aws_name(NIMBUS_E_DELETED_RECENTLY), "QueueDeletedRecently");
    IS(create_status(&w, "Q", NULL, field), NIMBUS_OK); /* case matters: another name */
    ADVANCE(&w, NIMBUS_SECONDS(60) - NS);
    IS(create_status(&w, "q", NULL, field), NIMBUS_E_DELETED_RECENTLY);
    IS(nimbus_queue_delete(queue), NIMBUS_E_DELETED); /* again: it does not begin anew */
    ADVANCE(&w, NS);
    OK(create_status(&w, "q", NULL, field));
    IS(nimbus_queue_delete(queue), NIMBUS_E_DELETED); /* the old one: the new one's name does not rest */
    OK(create_status(&w, "q", NULL, field));
    ADVANCE(&w, NIMBUS_SECONDS(30));
    queue = PLAIN_QUEUE(&w, "q");
    OK(nimbus_queue_delete(queue)); /* counted from here, not from the old one's second delete */
    ADVANCE(&w, NIMBUS_SECONDS(60) - NS);
    IS(create_status(&w, "q", NULL, field), NIMBUS_E_DELETED_RECENTLY);
    ADVANCE(&w, NS);
    OK(create_status(&w, "q", NULL, field));
    world_close(&w);
}

static void sqs_q4_many_names_rest_each_for_itself(void **state)
{
    world w;
    char name[16];
    char field[48];
    size_t i;
    (void)state;

    world_open(&w, &(nimbus_options){ .limits = { .recreate_wait = NIMBUS_SECONDS(10) } });
    for (i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "q%zu", i);
        OK(nimbus_queue_delete(PLAIN_QUEUE(&w, name)));
        ADVANCE(&w, NIMBUS_SECONDS(1));
    }
    for (i = 0; i < 20; i++) { /* 20 s are over since the first */
        (void)snprintf(name, sizeof name, "q%zu", i);
        IS(create_status(&w, name, NULL, field), i <= 10 ? NIMBUS_OK : NIMBUS_E_DELETED_RECENTLY);
    }
    world_close(&w); /* with names that still rest */
}

static void sqs_q4_by_default_it_can_be_used_again_at_once(void **state)
{
    world *w = *state;
    char field[48];

    OK(nimbus_queue_delete(PLAIN_QUEUE(w, "q")));
    OK(create_status(w, "q", NULL, field));
}

static void sqs_t7_two_purges_need_time_between_them(void **state)
{
    world w;
    nimbus_queue *queue;
    nimbus_queue *other;
    uint64_t count;
    (void)state;

    world_open(&w, &(nimbus_options){ .limits = { .purge_interval = NIMBUS_SECONDS(60) } });
    queue = PLAIN_QUEUE(&w, "q");
    other = PLAIN_QUEUE(&w, "other");
    SEND(queue, "a");
    OK(nimbus_queue_purge(queue, &count));
    EQ(count, 1);
    SEND(queue, "b");
    FILL(count);
    IS(nimbus_queue_purge(queue, &count), NIMBUS_E_PURGED_RECENTLY);
    UNTOUCHED(count);
    COUNTS(queue, 1, 0, 0);
    OK(nimbus_queue_purge(other, NULL)); /* each queue has its own */
    ADVANCE(&w, NIMBUS_SECONDS(60) - NS);
    IS(nimbus_queue_purge(queue, NULL), NIMBUS_E_PURGED_RECENTLY);
    ADVANCE(&w, NS); /* a refused one does not count */
    OK(nimbus_queue_purge(queue, &count));
    EQ(count, 1);
    TEXT(nimbus_status_aws_name(NIMBUS_E_PURGED_RECENTLY), "PurgeQueueInProgress");
    OK(nimbus_queue_delete(queue));
    IS(nimbus_queue_purge(queue, NULL), NIMBUS_E_DELETED);
    world_close(&w);
}

static void sqs_t7_by_default_purges_follow_each_other(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");

    OK(nimbus_queue_purge(queue, NULL));
    SEND(queue, "m");
    OK(nimbus_queue_purge(queue, NULL));
    COUNTS(queue, 0, 0, 0);
}

static void the_ranges_of_the_new_limits(void **state)
{
    nimbus_error err = { 0 };
    (void)state;

    CHECK(nimbus_open(&(nimbus_options){ .driven = true, .limits = { .recreate_wait = NIMBUS_DAYS(1) + 1 } }, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.field, "limits.recreate_wait");
    err = (nimbus_error){ 0 };
    CHECK(nimbus_open(&(nimbus_options){ .driven = true, .limits = { .purge_interval = 60 } }, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.field, "limits.purge_interval");
}

/* -------------------------------------------------------------------------------------------- text only */

static nimbus_status send_bytes(nimbus_queue *queue, const void *data, size_t size)
{
    nimbus_entry entry = { .body = nimbus_copy(data, size) };
    nimbus_sent sent;
    nimbus_status status = nimbus_queue_send(queue, &entry, &sent);

    IS(sent.status, status);
    return status;
}

#define SEND_BYTES(queue, text) send_bytes((queue), (text), sizeof(text) - 1)

static void sqs_s3_a_queue_may_take_text_only(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .text_only = true);
    static const char *const good[] = { "\t", "\n", "\r", " ", "~", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                                        "\xee\x80\x80",
                                        "\xef\xbf\xbd", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "abc\xc3\xa4xyz" };
    static const char *const bad[] = { "\x01", "\x08", "\x0b", "\x0c", "\x0e", "\x1f", /* control characters */
                                       "\xed\xa0\x80", "\xed\xbf\xbf",                 /* surrogates */
                                       "\xef\xbf\xbe", "\xef\xbf\xbf",                 /* U+FFFE, FFFF */
                                       "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", /* above U+10FFFF */
                                       "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", /* overlong */
                                       "\x80", "a\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc3(", "\xe2(\xa1", "\xf0\x9f(\x98" };
    size_t i;

    for (i = 0; i < COUNT(good); i++) {
        OK(send_bytes(queue, good[i], strlen(good[i])));
    }
    for (i = 0; i < COUNT(bad); i++) {
        IS(send_bytes(queue, bad[i], strlen(bad[i])), NIMBUS_E_CONTENT);
    }
    for (i = 1; i < 4; i++) {
        IS(send_bytes(queue, "\xf0\x90\x80\x80", i), NIMBUS_E_CONTENT); /* cut off; what stands behind is not looked at */
    }
    IS(SEND_BYTES(queue, "a\0b"), NIMBUS_E_CONTENT);
    COUNTS(queue, COUNT(good), 0, 0);
    TEXT(nimbus_status_aws_name(NIMBUS_E_CONTENT), "InvalidMessageContents");
}

static void sqs_s3_string_values_are_text_and_others_are_not_looked_at(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .text_only = true);
    nimbus_queue *bytes = PLAIN_QUEUE(w, "bytes");
    nimbus_attribute attribute = nimbus_string("a", "\x01");
    nimbus_entry entry = entry_of("m");

    entry.attributes = &attribute;
    entry.attribute_count = 1;
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_CONTENT);
    OK(nimbus_queue_send(bytes, &entry, NULL));
    attribute = nimbus_binary("a", "\x01", 1);
    OK(nimbus_queue_send(queue, &entry, NULL));
    attribute = nimbus_string("a", "\xc3\xa4");
    OK(nimbus_queue_send(queue, &entry, NULL));
    OK(SEND_BYTES(bytes, "\xff\0\x01")); /* the default: any bytes */
}

static void sqs_s3_each_way_in_is_looked_at(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .text_only = true);
    nimbus_queue *bytes = PLAIN_QUEUE(w, "bytes");
    nimbus_topic *topic = nimbus_topic_create(w->nb, "t", NULL, &w->err);
    nimbus_entry entries[3] = { { .body = nimbus_text("a") }, { .body = nimbus_text("\x02") }, { .body = nimbus_text("c") } };
    nimbus_sent sent[3];
    nimbus_delivery delivery = { 0 };
    nimbus_published published = { 0 };
    nimbus_entry entry = { 0 };
    static adopted a;

    IS(nimbus_queue_send_batch(queue, entries, 3, sent), NIMBUS_PARTIAL);
    OK(sent[0].status);
    IS(sent[1].status, NIMBUS_E_CONTENT);
    OK(sent[2].status);
    entry.body = adopted_body(&a, "\x03");
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_CONTENT);
    EQ(a.frees, 0); /* still ours */
    SEND(bytes, "\x04");
    RECEIVE(bytes, &delivery, "\x04");
    entry.body = nimbus_share(nimbus_delivery_message(&delivery));
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_CONTENT);
    OK(nimbus_delivery_delete(&delivery));
    OK(nimbus_topic_subscribe(topic, nimbus_to_queue(queue), NULL, &w->err, NULL));
    SETUP_OK(w);
    entry.body = nimbus_text("\x05");
    OK(nimbus_topic_publish(topic, &entry, &published)); /* the same as a user's send: it fails for good, and is counted */
    RUN(w);
    COUNTS(queue, 2, 0, 0);
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 1);
}

static void sqs_s3_what_is_stored_stays(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue_options options = { .text_only = true };
    nimbus_delivery delivery = { 0 };
    char field[48];

    SEND(queue, "\x01");
    IS(create_status(w, "q", &options, field), NIMBUS_E_EXISTS);
    TEXT(field, "text_only");
    OK(nimbus_queue_set_options(queue, &options, &w->err));
    OK(nimbus_queue_get_options(queue, &options));
    CHECK(options.text_only);
    IS(SEND_BYTES(queue, "\x01"), NIMBUS_E_CONTENT);
    RECEIVE(queue, &delivery, "\x01");
    OK(nimbus_delivery_delete(&delivery));
    OK(nimbus_queue_set_options(queue, NULL, &w->err));
    OK(SEND_BYTES(queue, "\x01"));
}

/* ----------------------------------------------------------------------------------------------- cancel */

static nimbus_receipt send_place(nimbus_queue *queue, const char *text, nimbus_duration delay)
{
    nimbus_entry entry = entry_of(text);
    nimbus_sent sent = { 0 };

    entry.delay = delay;
    OK(nimbus_queue_send(queue, &entry, &sent));
    return sent.place;
}

static void a_message_that_nobody_received_is_taken_back(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_receipt ready = send_place(queue, "ready", 0);
    nimbus_receipt delayed = send_place(queue, "delayed", NIMBUS_SECONDS(10));
    nimbus_receipt other = send_place(queue, "other", NIMBUS_SECONDS(10));

    COUNTS(queue, 1, 2, 0);
    OK(nimbus_queue_cancel(queue, delayed));
    COUNTS(queue, 1, 1, 0);
    OK(nimbus_queue_cancel(queue, ready));
    COUNTS(queue, 0, 1, 0);
    RECEIVE_NONE(queue);
    EQ(METRICS(queue).cancelled, 2);
    EQ(METRICS(queue).bytes, 5);
    IS(nimbus_queue_cancel(queue, delayed), NIMBUS_STALE);
    IS(nimbus_queue_cancel(queue, ready), NIMBUS_STALE);
    ADVANCE(w, NIMBUS_SECONDS(10)); /* its delay is over: it was not received for that */
    OK(nimbus_queue_cancel(queue, other));
    COUNTS(queue, 0, 0, 0);
    ADVANCE(w, NIMBUS_DAYS(5));
    EQ(METRICS(queue).expired, 0);
}

static void what_was_received_stays(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_receipt place = send_place(queue, "m", 0);
    nimbus_receipt receipt = TAKE(queue, "m");

    IS(nimbus_queue_cancel(queue, place), NIMBUS_STALE);
    OK(nimbus_queue_change_visibility(queue, receipt, 0));
    IS(nimbus_queue_cancel(queue, place), NIMBUS_STALE); /* ready again, and received before */
    COUNTS(queue, 1, 0, 0);
    receipt = TAKE(queue, "m");
    OK(nimbus_queue_delete_message(queue, receipt));
    IS(nimbus_queue_cancel(queue, place), NIMBUS_STALE);
    (void)send_place(queue, "another, in the same slot", 0);
    IS(nimbus_queue_cancel(queue, place), NIMBUS_STALE);
    COUNTS(queue, 1, 0, 0);
    EQ(METRICS(queue).cancelled, 0);
}

static void a_place_is_no_receipt_and_the_reverse(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue *other = PLAIN_QUEUE(w, "other");
    nimbus_receipt place = send_place(queue, "m", 0);
    nimbus_receipt wrong = place;
    nimbus_receipt receipt;

    IS(nimbus_queue_delete_message(queue, place), NIMBUS_E_RECEIPT);
    IS(nimbus_queue_change_visibility(queue, place, 0), NIMBUS_E_RECEIPT);
    IS(nimbus_queue_cancel(other, place), NIMBUS_E_RECEIPT);
    IS(nimbus_queue_cancel(queue, (nimbus_receipt){ 0 }), NIMBUS_E_RECEIPT);
    IS(nimbus_queue_cancel(NULL, place), NIMBUS_E_INVALID);
    wrong.generation += 1000;
    IS(nimbus_queue_cancel(queue, wrong), NIMBUS_E_RECEIPT);
    wrong = place;
    wrong.place += 1000;
    IS(nimbus_queue_cancel(queue, wrong), NIMBUS_E_RECEIPT);
    receipt = TAKE(queue, "m");
    IS(nimbus_queue_cancel(queue, receipt), NIMBUS_E_RECEIPT);
    OK(nimbus_queue_delete(queue));
    IS(nimbus_queue_cancel(queue, place), NIMBUS_E_DELETED);
}

static void a_cancel_makes_room(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .capacity_messages = 1);
    nimbus_receipt place = send_place(queue, "a", 0);
    nimbus_entry entry = entry_of("b");

    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_FULL);
    OK(nimbus_queue_cancel(queue, place));
    OK(nimbus_queue_send(queue, &entry, NULL));
    COUNTS(queue, 1, 0, 0);
}

static void *send_when_there_is_room(void *user)
{
    nimbus_entry entry = { .body = nimbus_text("b"), .wait = NIMBUS_FOREVER };

    return nimbus_queue_send(user, &entry, NULL) == NIMBUS_OK ? NULL : user;
}

static void a_cancel_wakes_who_waits_for_room(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .capacity_messages = 1);
    nimbus_receipt place = send_place(queue, "a", 0);
    pthread_t thread;
    void *wrong;

    EQ(pthread_create(&thread, NULL, send_when_there_is_room, queue), 0);
    EVENTUALLY(METRICS(queue).refused > 0); /* it has found no room */
    OK(nimbus_queue_cancel(queue, place));
    EQ(pthread_join(thread, &wrong), 0);
    CHECK(wrong == NULL);
    COUNTS(queue, 1, 0, 0);
}

static void every_entry_of_a_batch_has_a_place(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_entry entries[3] = { { .body = nimbus_text("a") }, { .body = nimbus_text("b") }, { .body = nimbus_text("c") } };
    nimbus_sent sent[3];
    nimbus_delivery delivery = { 0 };

    OK(nimbus_queue_send_batch(queue, entries, 3, sent));
    OK(nimbus_queue_cancel(queue, sent[1].place));
    RECEIVE(queue, &delivery, "a");
    OK(nimbus_delivery_delete(&delivery));
    RECEIVE(queue, &delivery, "c");
    OK(nimbus_delivery_delete(&delivery));
}

typedef struct canceller {
    nimbus_queue *queue;
    nimbus_receipt places[200];
    size_t cancelled, stale, wrong;
} canceller;

static void *cancel_all(void *user)
{
    canceller *c = user;
    size_t i;

    for (i = 0; i < COUNT(c->places); i++) {
        nimbus_status status = nimbus_queue_cancel(c->queue, c->places[i]);

        c->cancelled += status == NIMBUS_OK;
        c->stale += status == NIMBUS_STALE;
        c->wrong += status != NIMBUS_OK && status != NIMBUS_STALE;
    }
    return NULL;
}

/* Each message is either received or cancelled, never both. */
static void a_cancel_against_receives_has_one_winner(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    canceller c = { .queue = queue };
    nimbus_delivery delivery = { 0 };
    pthread_t thread;
    size_t received = 0;
    size_t i;

    for (i = 0; i < COUNT(c.places); i++) {
        c.places[i] = send_place(queue, "m", 0);
    }
    EQ(pthread_create(&thread, NULL, cancel_all, &c), 0);
    while (nimbus_queue_receive(queue, 0, NULL, &delivery, 1, NULL) == NIMBUS_OK) {
        received++;
        OK(nimbus_delivery_delete(&delivery));
    }
    EQ(pthread_join(thread, NULL), 0);
    while (nimbus_queue_receive(queue, 0, NULL, &delivery, 1, NULL) == NIMBUS_OK) {
        received++;
        OK(nimbus_delivery_delete(&delivery));
    }
    EQ(c.wrong, 0);
    EQ(received, c.stale);
    EQ(received + c.cancelled, COUNT(c.places));
    COUNTS(queue, 0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(sqs_q14_the_list_is_in_the_order_of_names),
        DRIVEN(sqs_q14_a_prefix_and_an_early_end),
        DRIVEN(the_visitor_may_change_what_it_visits),
        DRIVEN(sqs_q15_the_last_write_of_a_key_wins),
        DRIVEN(sqs_q15_tags_have_no_effect_on_delivery),
        DRIVEN(the_bounds_of_tags),
        cmocka_unit_test(sqs_q4_the_name_of_a_deleted_queue_rests),
        cmocka_unit_test(sqs_q4_many_names_rest_each_for_itself),
        DRIVEN(sqs_q4_by_default_it_can_be_used_again_at_once),
        cmocka_unit_test(sqs_t7_two_purges_need_time_between_them),
        DRIVEN(sqs_t7_by_default_purges_follow_each_other),
        cmocka_unit_test(the_ranges_of_the_new_limits),
        DRIVEN(sqs_s3_a_queue_may_take_text_only),
        DRIVEN(sqs_s3_string_values_are_text_and_others_are_not_looked_at),
        DRIVEN(sqs_s3_each_way_in_is_looked_at),
        DRIVEN(sqs_s3_what_is_stored_stays),
        DRIVEN(a_message_that_nobody_received_is_taken_back),
        DRIVEN(what_was_received_stays),
        DRIVEN(a_place_is_no_receipt_and_the_reverse),
        DRIVEN(a_cancel_makes_room),
        THREADED(a_cancel_wakes_who_waits_for_room),
        DRIVEN(every_entry_of_a_batch_has_a_place),
        THREADED(a_cancel_against_receives_has_one_winner),
    };
    return cmocka_run_group_tests_name("queue_manage", tests, NULL, NULL);
}
