/* Sending: bodies, sizes, attributes, delays, batches, and what a full queue does (SQS-S, SQS-A, X-5, X-6). */
#include "../support/support.h"

#define MIB ((size_t)1048576)

static nimbus_status send_body(nimbus_queue *queue, nimbus_body body)
{
    nimbus_entry entry = { 0 };
    entry.body = body;
    return nimbus_queue_send(queue, &entry, NULL);
}

static nimbus_status send_attributes(nimbus_queue *queue, nimbus_body body, const nimbus_attribute *attributes, size_t count)
{
    nimbus_entry entry = { 0 };
    entry.body = body;
    entry.attributes = attributes;
    entry.attribute_count = count;
    return nimbus_queue_send(queue, &entry, NULL);
}

static nimbus_status send_attribute(nimbus_queue *queue, nimbus_attribute attribute)
{
    return send_attributes(queue, nimbus_text("m"), &attribute, 1);
}

static char *filled_text(size_t size, char with)
{
    char *text = malloc(size + 1);
    CHECK(text != NULL);
    memset(text, with, size);
    text[size] = '\0';
    return text;
}

/* ----------------------------------------------------------------------------------------------- bodies */

static void sqs_s1_a_send_gives_a_fresh_id(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_id a = SEND(queue, "same");
    nimbus_id b = SEND(queue, "same");
    nimbus_delivery delivery = { 0 };
    nimbus_delivery_info info = { 0 };

    CHECK(!ids_equal(a, b));
    CHECK(a.number < b.number);
    RECEIVE(queue, &delivery, "same");
    OK(nimbus_delivery_get_info(&delivery, &info));
    CHECK(ids_equal(info.id, a));
    OK(nimbus_delivery_delete(&delivery));
}

static void sqs_s2_an_empty_body_is_refused(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    static adopted a;
    nimbus_entry entry = { 0 };
    nimbus_sent sent = { 0 };

    IS(nimbus_queue_send(queue, &entry, &sent), NIMBUS_E_MISSING);
    IS(sent.status, NIMBUS_E_MISSING);
    IS(send_body(queue, nimbus_text("")), NIMBUS_E_MISSING);
    IS(send_body(queue, nimbus_text(NULL)), NIMBUS_E_MISSING);
    IS(send_body(queue, nimbus_copy(NULL, 0)), NIMBUS_E_MISSING);
    IS(send_body(queue, nimbus_copy("x", 0)), NIMBUS_E_MISSING);
    IS(send_body(queue, nimbus_share(NULL)), NIMBUS_E_MISSING);
    IS(send_body(queue, adopted_body(&a, "")), NIMBUS_E_MISSING);
    EQ(a.frees, 0);
    COUNTS(queue, 0, 0, 0);
    EQ(METRICS(queue).accepted, 0);
}

static void sqs_s2_the_relaxed_limits_allow_an_empty_body(void **state)
{
    world w;
    nimbus_queue *queue;
    nimbus_delivery delivery = { 0 };
    (void)state;

    world_open(&w, &(nimbus_options){ .limits = { .preset = NIMBUS_LIMITS_RELAXED } });
    queue = PLAIN_QUEUE(&w, "q");
    OK(send_body(queue, nimbus_copy(NULL, 0)));
    OK(send_body(queue, nimbus_text("")));
    OK(nimbus_queue_receive(queue, 0, NULL, &delivery, 1, NULL));
    EQ(nimbus_delivery_body(&delivery).size, 0);
    CHECK(nimbus_delivery_message(&delivery) != NULL);
    OK(nimbus_delivery_delete(&delivery));
    world_close(&w);
}

static void sqs_s3_bytes_go_through_unchanged(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    unsigned char all[256];
    nimbus_delivery delivery = { 0 };
    nimbus_bytes bytes;
    size_t i;

    for (i = 0; i < sizeof all; i++) {
        all[i] = (unsigned char)i;
    }
    OK(send_body(queue, nimbus_copy(all, sizeof all)));
    OK(nimbus_queue_receive(queue, 0, NULL, &delivery, 1, NULL));
    bytes = nimbus_delivery_body(&delivery);
    EQ(bytes.size, sizeof all);
    EQ(memcmp(bytes.data, all, sizeof all), 0);
    CHECK(bytes.data != (const void *)all);
    OK(nimbus_delivery_delete(&delivery));
}

static void sqs_s4_the_size_limit_is_exact(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue *small = QUEUE(w, "small", .max_message_size = 1024);
    char *text = filled_text(MIB + 1, 'x');

    OK(send_body(queue, nimbus_copy(text, MIB)));
    IS(send_body(queue, nimbus_copy(text, MIB + 1)), NIMBUS_E_TOO_LARGE);
    OK(send_body(small, nimbus_copy(text, 1024)));
    IS(send_body(small, nimbus_copy(text, 1025)), NIMBUS_E_TOO_LARGE);
    COUNTS(queue, 1, 0, 0);
    COUNTS(small, 1, 0, 0);
    EQ(METRICS(queue).bytes, MIB);
    free(text);
}

static void sqs_s4_attributes_count_toward_the_size(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .max_message_size = 1024);
    char *text = filled_text(1024, 'x');
    /* name 4, type "String" 6, value 5; name 3, type "Number.int" 10, value 2: 30 */
    nimbus_attribute attributes[2];

    attributes[0] = nimbus_string("name", "value");
    attributes[1] = nimbus_number("num", "12");
    attributes[1].label = "int";
    OK(send_attributes(queue, nimbus_copy(text, 1024 - 30), attributes, 2));
    EQ(METRICS(queue).bytes, 1024);
    IS(send_attributes(queue, nimbus_copy(text, 1024 - 29), attributes, 2), NIMBUS_E_TOO_LARGE);
    COUNTS(queue, 1, 0, 0);
    free(text);
}

static void sqs_s4_the_limit_of_the_instance(void **state)
{
    world w;
    nimbus_queue *queue;
    char *text = filled_text(2001, 'x');
    char field[48];
    (void)state;

    world_open(&w, &(nimbus_options){ .limits = { .max_message_size = 2000 } });
    queue = PLAIN_QUEUE(&w, "q");
    OK(send_body(queue, nimbus_copy(text, 2000)));
    IS(send_body(queue, nimbus_copy(text, 2001)), NIMBUS_E_TOO_LARGE);
    IS(create_status(&w, "big", &(nimbus_queue_options){ .max_message_size = 2001 }, field), NIMBUS_E_INVALID);
    TEXT(field, "max_message_size");
    free(text);
    world_close(&w);
}

/* ----------------------------------------------------------------------------------------------- adopt */

static void an_adopted_body_is_freed_once_after_its_last_holder(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    static adopted a;
    nimbus_delivery delivery = { 0 };
    const nimbus_message *kept;

    OK(send_body(queue, adopted_body(&a, "bytes")));
    RECEIVE(queue, &delivery, "bytes");
    CHECK(nimbus_delivery_body(&delivery).data == (const void *)a.bytes);
    kept = nimbus_message_retain(nimbus_delivery_message(&delivery));
    OK(nimbus_delivery_delete(&delivery));
    EQ(a.frees, 0);
    CHECK(bytes_are(nimbus_message_body(kept), "bytes"));
    nimbus_message_release(kept);
    EQ(a.frees, 1);
    EQ(a.faults, 0);
}

static void an_adopted_body_stays_with_a_caller_whose_send_failed(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .capacity_messages = 1);
    nimbus_queue *gone = PLAIN_QUEUE(w, "gone");
    nimbus_attribute bad = nimbus_string("", "x");
    nimbus_entry entry = { 0 };
    static adopted a;

    SEND(queue, "fills it");
    OK(nimbus_queue_delete(gone));
    IS(send_body(queue, adopted_body(&a, "bytes")), NIMBUS_E_FULL);
    EQ(a.frees, 0);
    IS(send_body(gone, adopted_body(&a, "bytes")), NIMBUS_E_DELETED);
    EQ(a.frees, 0);
    IS(send_attributes(queue, adopted_body(&a, "bytes"), &bad, 1), NIMBUS_E_ATTRIBUTE);
    EQ(a.frees, 0);
    entry.body = adopted_body(&a, "bytes");
    entry.delay = NIMBUS_HOURS(1);
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_INVALID);
    EQ(a.frees, 0);
    OK(nimbus_shutdown(w->nb, 0, NULL));
    IS(send_body(queue, adopted_body(&a, "bytes")), NIMBUS_E_CLOSED);
    EQ(a.frees, 0);
}

static void adopted_bodies_that_leave_otherwise_are_freed_once(void **state)
{
    world *w = *state;
    static adopted purged;
    static adopted expired;
    static adopted dropped;
    static adopted deleted;
    nimbus_queue *queue = QUEUE(w, "q", .retention = NIMBUS_SECONDS(60));
    nimbus_queue *small = QUEUE(w, "small", .capacity_messages = 1, .overflow = NIMBUS_OVERFLOW_DROP_OLDEST);

    OK(send_body(queue, adopted_body(&purged, "p")));
    OK(nimbus_queue_purge(queue, NULL));
    EQ(purged.frees, 1);
    OK(send_body(queue, adopted_body(&expired, "e")));
    ADVANCE(w, NIMBUS_SECONDS(61));
    EQ(expired.frees, 1);
    OK(send_body(small, adopted_body(&dropped, "d")));
    OK(send_body(small, adopted_body(&deleted, "x")));
    EQ(dropped.frees, 1);
    OK(nimbus_queue_delete(small));
    EQ(deleted.frees, 1);
}

static void an_adopted_body_without_a_free_function(void **state)
{
    world *w = *state;
    static char bytes[] = "static";
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery delivery = { 0 };

    OK(send_body(queue, nimbus_adopt(bytes, 6, NULL, NULL)));
    RECEIVE(queue, &delivery, "static");
    CHECK(nimbus_delivery_body(&delivery).data == (const void *)bytes);
    OK(nimbus_delivery_delete(&delivery));
}

static void a_shared_body_is_the_same_bytes_and_takes_nothing_else_along(void **state)
{
    world *w = *state;
    world other;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue *far;
    static adopted a;
    nimbus_attribute attribute = nimbus_string("n", "v");
    nimbus_delivery delivery = { 0 };
    nimbus_delivery second = { 0 };

    world_open(&other, NULL);
    far = PLAIN_QUEUE(&other, "far");
    OK(send_attributes(queue, adopted_body(&a, "bytes"), &attribute, 1));
    RECEIVE(queue, &delivery, "bytes");
    EQ(nimbus_message_attribute_count(nimbus_delivery_message(&delivery)), 1);
    OK(send_body(queue, nimbus_share(nimbus_delivery_message(&delivery))));
    OK(send_body(far, nimbus_share(nimbus_delivery_message(&delivery))));
    OK(nimbus_delivery_delete(&delivery));
    RECEIVE(queue, &second, "bytes");
    EQ(nimbus_message_attribute_count(nimbus_delivery_message(&second)), 0);
    CHECK(nimbus_delivery_body(&second).data == (const void *)a.bytes);
    OK(nimbus_delivery_delete(&second));
    EQ(a.frees, 0);
    world_end(w);
    EQ(a.frees, 0);
    RECEIVE(far, &second, "bytes");
    OK(nimbus_delivery_delete(&second));
    EQ(a.frees, 1);
    world_close(&other);
    world_check(w);
}

/* ------------------------------------------------------------------------------------------------ delay */

static void sqs_s6_a_delay_of_its_own(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .delay = NIMBUS_SECONDS(60));

    SEND(queue, "queue's");
    SEND_DELAYED(queue, "own", NIMBUS_SECONDS(5));
    SEND_DELAYED(queue, "none", NIMBUS_ZERO);
    SEND_DELAYED(queue, "exactly none", nimbus_exactly(0));
    COUNTS(queue, 2, 2, 0);
    RECEIVE(queue, NULL, "none");
    RECEIVE(queue, NULL, "exactly none");
    ADVANCE(w, NIMBUS_SECONDS(5));
    RECEIVE(queue, NULL, "own");
    ADVANCE(w, NIMBUS_SECONDS(55) - 1);
    COUNTS(queue, 3, 1, 0); /* the three have lapsed */
    ADVANCE(w, 1);
    COUNTS(queue, 4, 0, 0);
}

static void sqs_s6_the_range_of_a_delay(void **state)
{
    static const nimbus_duration wrong[] = { -1, 1, 15, 900, 999, NIMBUS_MINUTES(15) + 1, NIMBUS_FOREVER, -NIMBUS_SECONDS(1) };
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_entry entry = entry_of("m");
    size_t i;

    for (i = 0; i < COUNT(wrong); i++) {
        nimbus_sent sent = { 0 };
        entry.delay = wrong[i];
        IS(nimbus_queue_send(queue, &entry, &sent), NIMBUS_E_INVALID);
        IS(sent.status, NIMBUS_E_INVALID);
    }
    COUNTS(queue, 0, 0, 0);
    entry.delay = NIMBUS_MINUTES(15);
    OK(nimbus_queue_send(queue, &entry, NULL));
    entry.delay = NIMBUS_US(1);
    OK(nimbus_queue_send(queue, &entry, NULL));
    COUNTS(queue, 0, 2, 0);
}

static void sqs_s9_a_delayed_message_is_counted_apart_and_comes_on_time(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");

    ADVANCE(w, NIMBUS_MS(3));
    SEND_DELAYED(queue, "m", NIMBUS_SECONDS(10));
    COUNTS(queue, 0, 1, 0);
    RECEIVE_NONE(queue);
    ADVANCE(w, NIMBUS_SECONDS(10) - 1);
    COUNTS(queue, 0, 1, 0);
    RECEIVE_NONE(queue);
    ADVANCE(w, 1);
    COUNTS(queue, 1, 0, 0);
    RECEIVE(queue, NULL, "m");
}

static void sqs_s9_delays_that_end_out_of_order(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");

    SEND_DELAYED(queue, "30", NIMBUS_SECONDS(30));
    SEND_DELAYED(queue, "10", NIMBUS_SECONDS(10));
    SEND_DELAYED(queue, "900", NIMBUS_MINUTES(15));
    SEND_DELAYED(queue, "20", NIMBUS_SECONDS(20));
    ADVANCE(w, NIMBUS_SECONDS(30));
    COUNTS(queue, 3, 1, 0);
    RECEIVE(queue, NULL, "10");
    RECEIVE(queue, NULL, "20");
    RECEIVE(queue, NULL, "30");
    RECEIVE_NONE(queue);
}

/* ------------------------------------------------------------------------------------------- attributes */

static void sqs_a1_up_to_ten_attributes(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    char names[11][4];
    nimbus_attribute attributes[11];
    nimbus_attribute got = { 0 };
    nimbus_delivery delivery = { 0 };
    const nimbus_message *message;
    size_t i;

    for (i = 0; i < COUNT(attributes); i++) {
        (void)snprintf(names[i], sizeof names[i], "n%zu", i);
        attributes[i] = nimbus_string(names[i], "v");
    }
    OK(send_attributes(queue, nimbus_text("m"), attributes, 10));
    IS(send_attributes(queue, nimbus_text("m"), attributes, 11), NIMBUS_E_OVER_LIMIT);
    RECEIVE(queue, &delivery, "m");
    message = nimbus_delivery_message(&delivery);
    EQ(nimbus_message_attribute_count(message), 10);
    for (i = 0; i < 10; i++) {
        OK(nimbus_message_attribute_at(message, i, &got));
        TEXT(got.name, names[i]);
    }
    IS(nimbus_message_attribute_at(message, 10, &got), NIMBUS_E_NOT_FOUND);
    OK(nimbus_delivery_delete(&delivery));
    RECEIVE_NONE(queue);
}

static void sqs_a1_the_count_is_a_limit_of_the_instance(void **state)
{
    world w;
    nimbus_queue *queue;
    nimbus_attribute attributes[3];
    (void)state;

    world_open(&w, &(nimbus_options){ .limits = { .max_attributes = 2 } });
    queue = PLAIN_QUEUE(&w, "q");
    attributes[0] = nimbus_string("a", "v");
    attributes[1] = nimbus_string("b", "v");
    attributes[2] = nimbus_string("c", "v");
    OK(send_attributes(queue, nimbus_text("m"), attributes, 2));
    IS(send_attributes(queue, nimbus_text("m"), attributes, 3), NIMBUS_E_OVER_LIMIT);
    world_close(&w);
}

static void sqs_a2_attribute_names(void **state)
{
    static const char *const right[] = { "a", "a.b", "A-b_c.9", "aws", "AWSx", "amazonia", "x.AWS.y", "aws_x", "9" };
    static const char *const wrong[] = { "",    ".a",   "a.",    "a..b",  "a b",   "a/b",      "\xc3\xa4", "a\n",
                                         "a:b", "AWS.", "AWS.x", "aws.x", "AwS.x", "Amazon.x", "amazon.x", "AMAZON.x" };
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    char *name = filled_text(257, 'n');
    nimbus_attribute twice[2];
    size_t i;

    for (i = 0; i < COUNT(right); i++) {
        OK(send_attribute(queue, nimbus_string(right[i], "v")));
    }
    for (i = 0; i < COUNT(wrong); i++) {
        nimbus_status status = send_attribute(queue, nimbus_string(wrong[i], "v"));
        if (status != NIMBUS_E_ATTRIBUTE) {
            print_error("the name is \"%s\"\n", wrong[i]);
        }
        IS(status, NIMBUS_E_ATTRIBUTE);
    }
    IS(send_attribute(queue, nimbus_string(NULL, "v")), NIMBUS_E_ATTRIBUTE);
    IS(send_attribute(queue, nimbus_string(name, "v")), NIMBUS_E_ATTRIBUTE);
    name[256] = '\0';
    OK(send_attribute(queue, nimbus_string(name, "v")));
    twice[0] = nimbus_string("same", "1");
    twice[1] = nimbus_number("same", "2");
    IS(send_attributes(queue, nimbus_text("m"), twice, 2), NIMBUS_E_ATTRIBUTE);
    twice[1] = nimbus_number("Same", "2");
    OK(send_attributes(queue, nimbus_text("m"), twice, 2));
    free(name);
}

static void sqs_a3_types_and_values(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_attribute attributes[4];
    nimbus_attribute got = { 0 };
    nimbus_delivery delivery = { 0 };
    const nimbus_message *message;

    attributes[0] = nimbus_string("s", "text");
    attributes[1] = nimbus_number("n", "-12.5e3");
    attributes[2] = nimbus_binary("b", "\0\1\2", 3);
    attributes[3] = nimbus_string("list", "[1]");
    attributes[3].label = "Array";
    OK(send_attributes(queue, nimbus_text("m"), attributes, 4));
    memset(attributes, 0, sizeof attributes); /* they were copied */
    RECEIVE(queue, &delivery, "m");
    message = nimbus_delivery_message(&delivery);
    OK(nimbus_message_attribute(message, "s", &got));
    EQ(got.kind, NIMBUS_STRING);
    CHECK(got.label == NULL);
    CHECK(bytes_are(got.value, "text"));
    OK(nimbus_message_attribute(message, "n", &got));
    EQ(got.kind, NIMBUS_NUMBER);
    CHECK(bytes_are(got.value, "-12.5e3"));
    OK(nimbus_message_attribute(message, "b", &got));
    EQ(got.kind, NIMBUS_BINARY);
    EQ(got.value.size, 3);
    EQ(memcmp(got.value.data, "\0\1\2", 3), 0);
    OK(nimbus_message_attribute(message, "list", &got));
    TEXT(got.name, "list");
    TEXT(got.label, "Array");
    IS(nimbus_message_attribute(message, "S", &got), NIMBUS_E_NOT_FOUND);
    TEXT(got.name, "list");
    OK(nimbus_delivery_delete(&delivery));
}

static void sqs_a3_values_that_are_refused(void **state)
{
    static const char *const numbers[] = { "",      "abc",   "1.2.3",  "--1", "1e", "e5",
                                           "1e5.0", "0x10",  "NaN",    "inf", " 1", "1 ",
                                           "1,5",   "1e127", "1e-129", "-",   ".",  "1.1e126", "123456789012345678901234567890123456789" };
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_attribute attribute = nimbus_string("a", "v");
    size_t i;

    for (i = 0; i < COUNT(numbers); i++) {
        nimbus_status status = send_attribute(queue, nimbus_number("n", numbers[i]));
        if (status != NIMBUS_E_ATTRIBUTE) {
            print_error("the number is \"%s\"\n", numbers[i]);
        }
        IS(status, NIMBUS_E_ATTRIBUTE);
    }
    IS(send_attribute(queue, nimbus_string("a", "")), NIMBUS_E_ATTRIBUTE);
    IS(send_attribute(queue, nimbus_string("a", NULL)), NIMBUS_E_ATTRIBUTE);
    IS(send_attribute(queue, nimbus_number("a", NULL)), NIMBUS_E_ATTRIBUTE);
    IS(send_attribute(queue, nimbus_binary("a", "x", 0)), NIMBUS_E_ATTRIBUTE);
    IS(send_attribute(queue, nimbus_binary("a", NULL, 0)), NIMBUS_E_ATTRIBUTE);
    IS(send_attribute(queue, nimbus_binary("a", NULL, 4)), NIMBUS_E_ATTRIBUTE);
    attribute.kind = (nimbus_attribute_kind)3;
    IS(send_attribute(queue, attribute), NIMBUS_E_ATTRIBUTE);
    COUNTS(queue, 0, 0, 0);
}

static void sqs_a3_numbers_at_the_bounds(void **state)
{
    static const char *const numbers[] = { "0",      "-0",   "7",    "1.5",   "1e126",
                                           "1e-128", "-1E5", "1e+5", "0.001", "12345678901234567890123456789012345678" };
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    size_t i;

    for (i = 0; i < COUNT(numbers); i++) {
        nimbus_status status = send_attribute(queue, nimbus_number("n", numbers[i]));
        if (status != NIMBUS_OK) {
            print_error("the number is \"%s\"\n", numbers[i]);
        }
        OK(status);
    }
}

static void sqs_a3_the_label_is_bounded_with_its_type(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_attribute attribute = nimbus_string("a", "v");
    char *label = filled_text(250, 'l');

    attribute.label = label; /* "String." and 250: 257 */
    IS(send_attribute(queue, attribute), NIMBUS_E_ATTRIBUTE);
    label[249] = '\0';
    OK(send_attribute(queue, attribute));
    free(label);
}

static void sqs_a4_attributes_count_toward_the_size(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .max_message_size = 1024);
    char *value = filled_text(1024, 'v');
    nimbus_attribute attribute;

    /* The body 1, the name 1, "Binary" 6: 1,016 are left. */
    attribute = nimbus_binary("a", value, 1016);
    OK(send_attribute(queue, attribute));
    EQ(METRICS(queue).bytes, 1024);
    attribute = nimbus_binary("a", value, 1017);
    IS(send_attribute(queue, attribute), NIMBUS_E_TOO_LARGE);
    free(value);
}

/* ---------------------------------------------------------------------------------------------- batches */

static void sqs_s10_a_malformed_batch_fails_whole(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue *small = QUEUE(w, "small", .max_message_size = 1024);
    char *text = filled_text(MIB + 1, 'x');
    nimbus_entry entries[11] = { 0 };
    nimbus_sent sent[11];
    size_t i;

    for (i = 0; i < COUNT(entries); i++) {
        entries[i] = entry_of("m");
    }
    FILL(sent);
    IS(nimbus_queue_send_batch(queue, entries, 0, sent), NIMBUS_E_EMPTY_BATCH);
    IS(nimbus_queue_send_batch(queue, entries, 11, sent), NIMBUS_E_BATCH_TOO_MANY);
    IS(nimbus_queue_send_batch(queue, NULL, 1, sent), NIMBUS_E_INVALID);
    entries[0].body = nimbus_copy(text, MIB / 2);
    entries[1].body = nimbus_copy(text, MIB / 2 + 1);
    IS(nimbus_queue_send_batch(queue, entries, 2, sent), NIMBUS_E_BATCH_TOO_LONG);
    UNTOUCHED(sent);
    COUNTS(queue, 0, 0, 0);
    /* The total comes before what is wrong with single entries, also if each of them is above the queue's own limit. */
    IS(nimbus_queue_send_batch(small, entries, 2, sent), NIMBUS_E_BATCH_TOO_LONG);
    entries[0].body = nimbus_copy(text, MIB + 1);
    IS(nimbus_queue_send_batch(queue, entries, 1, sent), NIMBUS_E_BATCH_TOO_LONG);
    UNTOUCHED(sent);
    COUNTS(small, 0, 0, 0);
    entries[0].body = nimbus_copy(text, MIB / 2);
    entries[1].body = nimbus_copy(text, MIB / 2);
    OK(nimbus_queue_send_batch(queue, entries, 2, sent));
    COUNTS(queue, 2, 0, 0);
    free(text);
}

static void sqs_s11_an_oversized_entry_fails_alone(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .max_message_size = 1024);
    char *text = filled_text(1025, 'x');
    nimbus_entry entries[3] = { 0 };
    nimbus_sent sent[3];

    entries[0] = entry_of("first");
    entries[1] = entry_of(text);
    entries[2] = entry_of("third");
    memset(sent, 0, sizeof sent);
    IS(nimbus_queue_send_batch(queue, entries, 3, sent), NIMBUS_PARTIAL);
    OK(sent[0].status);
    IS(sent[1].status, NIMBUS_E_TOO_LARGE);
    OK(sent[2].status);
    CHECK(sent[0].id.number != 0 && sent[2].id.number != 0);
    RECEIVE(queue, NULL, "first");
    RECEIVE(queue, NULL, "third");
    RECEIVE_NONE(queue);
    free(text);
}

static void a_batch_has_a_result_for_each_entry(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .capacity_messages = 3);
    nimbus_attribute bad = nimbus_string("AWS.x", "v");
    static adopted taken; /* the queue lets go of it at the close, after this function */
    static adopted left;
    nimbus_entry entries[8] = { 0 };
    nimbus_sent sent[8];

    entries[0].body = adopted_body(&taken, "0");
    entries[1] = (nimbus_entry){ 0 };
    entries[2] = entry_of("2");
    entries[2].delay = 5;
    entries[3] = entry_of("3");
    entries[3].attributes = &bad;
    entries[3].attribute_count = 1;
    entries[4] = entry_of("4");
    entries[4].delay = NIMBUS_SECONDS(1);
    entries[5] = entry_of("5");
    entries[5].subject = "a topic's";
    entries[6] = entry_of("6");
    entries[7].body = adopted_body(&left, "7");
    memset(sent, 0, sizeof sent);
    IS(nimbus_queue_send_batch(queue, entries, 8, sent), NIMBUS_PARTIAL);
    OK(sent[0].status);
    IS(sent[1].status, NIMBUS_E_MISSING);
    IS(sent[2].status, NIMBUS_E_INVALID);
    IS(sent[3].status, NIMBUS_E_ATTRIBUTE);
    OK(sent[4].status);
    IS(sent[5].status, NIMBUS_E_INVALID);
    OK(sent[6].status);
    IS(sent[7].status, NIMBUS_E_FULL);
    EQ(sent[7].bound, NIMBUS_BOUND_MESSAGES);
    EQ(sent[0].bound, NIMBUS_BOUND_NONE);
    COUNTS(queue, 2, 1, 0);
    EQ(left.frees, 0);
    OK(nimbus_queue_purge(queue, NULL));
    EQ(taken.frees, 1);
    EQ(left.frees, 0);
    IS(nimbus_queue_send_batch(queue, entries, 8, NULL), NIMBUS_PARTIAL);
}

static void the_batch_limit_is_a_limit_of_the_instance(void **state)
{
    world w;
    nimbus_queue *queue;
    nimbus_entry entries[3];
    nimbus_delivery deliveries[3] = { 0 };
    (void)state;

    world_open(&w, &(nimbus_options){ .limits = { .max_batch = 2 } });
    queue = PLAIN_QUEUE(&w, "q");
    entries[0] = entries[1] = entries[2] = entry_of("m");
    IS(nimbus_queue_send_batch(queue, entries, 3, NULL), NIMBUS_E_BATCH_TOO_MANY);
    OK(nimbus_queue_send_batch(queue, entries, 2, NULL));
    IS(nimbus_queue_receive(queue, 0, NULL, deliveries, 3, NULL), NIMBUS_E_INVALID);
    OK(nimbus_queue_receive(queue, 0, NULL, deliveries, 2, NULL));
    OK(nimbus_delivery_delete(&deliveries[0]));
    OK(nimbus_delivery_delete(&deliveries[1]));
    world_close(&w);
}

/* --------------------------------------------------------------------------------------------- capacity */

static void a_full_queue_refuses_and_says_which_bound(void **state)
{
    world *w = *state;
    nimbus_queue *messages = QUEUE(w, "messages", .capacity_messages = 2);
    nimbus_queue *bytes = QUEUE(w, "bytes", .capacity_bytes = 10);
    nimbus_entry entry = entry_of("12345");
    nimbus_sent sent = { 0 };
    nimbus_receipt receipt;

    OK(nimbus_queue_send(messages, &entry, &sent));
    EQ(sent.bound, NIMBUS_BOUND_NONE);
    SEND_DELAYED(messages, "delayed", NIMBUS_SECONDS(1));
    IS(nimbus_queue_send(messages, &entry, &sent), NIMBUS_E_FULL);
    IS(sent.status, NIMBUS_E_FULL);
    EQ(sent.bound, NIMBUS_BOUND_MESSAGES);
    EQ(METRICS(messages).refused, 1);
    receipt = TAKE(messages, "12345"); /* in flight: still held */
    IS(nimbus_queue_send(messages, &entry, NULL), NIMBUS_E_FULL);
    OK(nimbus_queue_delete_message(messages, receipt));
    OK(nimbus_queue_send(messages, &entry, NULL));

    OK(nimbus_queue_send(bytes, &entry, NULL));
    OK(nimbus_queue_send(bytes, &entry, NULL));
    EQ(METRICS(bytes).bytes, 10);
    entry = entry_of("x");
    IS(nimbus_queue_send(bytes, &entry, &sent), NIMBUS_E_FULL);
    EQ(sent.bound, NIMBUS_BOUND_BYTES);
    receipt = TAKE(bytes, "12345");
    OK(nimbus_queue_delete_message(bytes, receipt));
    EQ(METRICS(bytes).bytes, 5);
    OK(nimbus_queue_send(bytes, &entry, &sent));
    LEDGER(bytes);
}

static void the_memory_budget_is_a_bound(void **state)
{
    world w;
    nimbus_queue *queue;
    nimbus_runtime_metrics m = { 0 };
    char *text = filled_text(65536, 'x');
    nimbus_entry entry = entry_of(text);
    nimbus_sent sent = { 0 };
    nimbus_status status = NIMBUS_OK;
    size_t stored = 0;
    (void)state;

    world_open(&w, &(nimbus_options){ .max_memory = (size_t)8 << 20 });
    queue = PLAIN_QUEUE(&w, "q");
    while (stored < 1000 && (status = nimbus_queue_send(queue, &entry, &sent)) == NIMBUS_OK) {
        stored++;
    }
    IS(status, NIMBUS_E_FULL);
    EQ(sent.bound, NIMBUS_BOUND_MEMORY);
    CHECK(stored > 10);
    OK(nimbus_runtime_get_metrics(w.nb, &m));
    EQ(m.max_bytes, (size_t)8 << 20);
    CHECK(m.bytes <= m.max_bytes);
    CHECK(m.bytes > stored * 65536);
    CHECK(atomic_load(&w.heap.bytes) <= (size_t)8 << 20);
    COUNTS(queue, stored, 0, 0);
    OK(nimbus_queue_purge(queue, NULL));
    OK(nimbus_queue_send(queue, &entry, NULL));
    free(text);
    world_close(&w);
}

static void an_adopted_body_counts_in_the_memory_budget(void **state)
{
    world w;
    nimbus_queue *queue;
    nimbus_runtime_metrics before = { 0 };
    nimbus_runtime_metrics after = { 0 };
    char *text = filled_text(65536, 'x');
    (void)state;

    world_open(&w, NULL);
    queue = PLAIN_QUEUE(&w, "q");
    OK(send_body(queue, nimbus_adopt(text, 1, NULL, NULL))); /* what its parts need is kept for the next one */
    OK(nimbus_queue_purge(queue, NULL));
    OK(nimbus_runtime_get_metrics(w.nb, &before));
    OK(send_body(queue, nimbus_adopt(text, 65536, NULL, NULL)));
    OK(nimbus_runtime_get_metrics(w.nb, &after));
    CHECK(after.bytes >= before.bytes + 65536);
    OK(nimbus_queue_purge(queue, NULL));
    OK(nimbus_runtime_get_metrics(w.nb, &after));
    CHECK(after.bytes <= before.bytes);
    world_close(&w);
    free(text);
}

static void drop_oldest_drops_the_oldest_ready_message(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .capacity_messages = 3, .overflow = NIMBUS_OVERFLOW_DROP_OLDEST);

    SEND(queue, "a");
    SEND(queue, "b");
    SEND(queue, "c");
    (void)TAKE(queue, "a");
    SEND(queue, "d"); /* b goes: a is in flight */
    EQ(METRICS(queue).dropped, 1);
    EQ(traced(w, NIMBUS_TRACE_DROPPED), 1);
    COUNTS(queue, 2, 0, 1);
    RECEIVE(queue, NULL, "c");
    RECEIVE(queue, NULL, "d");
    RECEIVE_NONE(queue);
}

static void drop_oldest_by_bytes_drops_as_many_as_it_takes(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .capacity_bytes = 10, .overflow = NIMBUS_OVERFLOW_DROP_OLDEST);
    nimbus_entry entry = entry_of("12345678901");
    nimbus_sent sent = { 0 };

    SEND(queue, "aaa");
    SEND(queue, "bbb");
    SEND(queue, "ccc");
    SEND(queue, "dddddd");
    EQ(METRICS(queue).dropped, 2);
    EQ(METRICS(queue).bytes, 9);
    RECEIVE(queue, NULL, "ccc");
    IS(nimbus_queue_send(queue, &entry, &sent), NIMBUS_E_FULL); /* it fits never */
    EQ(sent.bound, NIMBUS_BOUND_BYTES);
    LEDGER(queue);
}

static void drop_oldest_with_nothing_ready_refuses(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .capacity_messages = 2, .overflow = NIMBUS_OVERFLOW_DROP_OLDEST);
    nimbus_entry entry = entry_of("c");
    nimbus_sent sent = { 0 };

    SEND(queue, "a");
    SEND_DELAYED(queue, "b", NIMBUS_SECONDS(5));
    (void)TAKE(queue, "a");
    IS(nimbus_queue_send(queue, &entry, &sent), NIMBUS_E_FULL);
    EQ(sent.bound, NIMBUS_BOUND_MESSAGES);
    COUNTS(queue, 0, 1, 1);
    EQ(METRICS(queue).dropped, 0);
}

static void a_lower_capacity_keeps_what_is_held(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_entry entry = entry_of("d");

    SEND(queue, "a");
    SEND(queue, "b");
    SEND(queue, "c");
    OK(nimbus_queue_set_options(queue, &(nimbus_queue_options){ .capacity_messages = 2 }, NULL));
    COUNTS(queue, 3, 0, 0);
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_FULL);
    OK(nimbus_queue_delete_message(queue, TAKE(queue, "a")));
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_FULL);
    OK(nimbus_queue_delete_message(queue, TAKE(queue, "b")));
    OK(nimbus_queue_send(queue, &entry, NULL));
}

typedef struct sender {
    nimbus_queue *queue;
    nimbus_duration wait;
    const char *text;
    pthread_t thread;
    atomic_bool done;
    nimbus_status status;
} sender;

static void *sender_main(void *user)
{
    sender *s = user;
    nimbus_entry entry = entry_of(s->text);
    entry.wait = s->wait;
    s->status = nimbus_queue_send(s->queue, &entry, NULL);
    atomic_store(&s->done, true);
    return NULL;
}

static void sender_start(sender *s, nimbus_queue *queue, const char *text, nimbus_duration wait)
{
    memset(s, 0, sizeof *s);
    s->queue = queue;
    s->text = text;
    s->wait = wait;
    EQ(pthread_create(&s->thread, NULL, sender_main, s), 0);
}

static void a_waiting_send_gets_the_room_that_a_delete_makes(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .capacity_messages = 1);
    nimbus_receipt receipt;
    sender s;
    size_t i;

    SEND(queue, "first");
    receipt = TAKE(queue, "first");
    sender_start(&s, queue, "second", NIMBUS_FOREVER);
    for (i = 0; i < 1000; i++) {
        sched_yield(); /* most times it waits by now; the test holds also if it does not */
    }
    CHECK(!atomic_load(&s.done));
    OK(nimbus_queue_delete_message(queue, receipt));
    EQ(pthread_join(s.thread, NULL), 0);
    OK(s.status);
    RECEIVE(queue, NULL, "second");
    LEDGER(queue);
}

static void a_waiting_send_gives_up_in_time(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .capacity_messages = 1);
    sender s;

    SEND(queue, "first");
    sender_start(&s, queue, "second", NIMBUS_SECONDS(5));
    while (!atomic_load(&s.done)) {
        ADVANCE(w, NIMBUS_SECONDS(5));
        sched_yield();
    }
    EQ(pthread_join(s.thread, NULL), 0);
    IS(s.status, NIMBUS_E_FULL);
    COUNTS(queue, 1, 0, 0);
}

static void a_waiting_send_ends_with_its_queue_or_instance(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .capacity_messages = 1);
    nimbus_queue *other = QUEUE(w, "other", .capacity_messages = 1);
    sender s;
    sender t;

    SEND(queue, "first");
    SEND(other, "first");
    sender_start(&s, queue, "second", NIMBUS_FOREVER);
    sender_start(&t, other, "second", NIMBUS_FOREVER);
    OK(nimbus_queue_delete(queue));
    EQ(pthread_join(s.thread, NULL), 0);
    IS(s.status, NIMBUS_E_DELETED);
    OK(nimbus_shutdown(w->nb, 0, NULL));
    EQ(pthread_join(t.thread, NULL), 0);
    IS(t.status, NIMBUS_E_CLOSED);
}

static void waiting_sends_all_get_their_turn(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .capacity_messages = 2);
    sender s[6];
    size_t received = 0;
    size_t i;

    SEND(queue, "0");
    SEND(queue, "0");
    for (i = 0; i < COUNT(s); i++) {
        sender_start(&s[i], queue, "later", NIMBUS_FOREVER);
    }
    while (received < 8) {
        nimbus_delivery deliveries[2] = { 0 };
        size_t count = 0;
        nimbus_status status = nimbus_queue_receive(queue, 0, NULL, deliveries, 2, &count);
        CHECK(status == NIMBUS_OK || status == NIMBUS_EMPTY);
        for (i = 0; i < count; i++) {
            OK(nimbus_delivery_delete(&deliveries[i]));
        }
        received += count;
        sched_yield();
    }
    for (i = 0; i < COUNT(s); i++) {
        EQ(pthread_join(s[i].thread, NULL), 0);
        OK(s[i].status);
    }
    COUNTS(queue, 0, 0, 0);
}

static void a_driven_send_does_not_wait_for_a_manual_clock(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .capacity_messages = 1);
    nimbus_entry entry = entry_of("m");
    nimbus_sent sent = { 0 };

    entry.wait = NIMBUS_SECONDS(5);
    OK(nimbus_queue_send(queue, &entry, NULL)); /* there is room: no wait */
    IS(nimbus_queue_send(queue, &entry, &sent), NIMBUS_E_WOULD_BLOCK);
    IS(sent.status, NIMBUS_E_WOULD_BLOCK);
    entry.wait = 30;
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_INVALID);
    entry.wait = -NIMBUS_SECONDS(1);
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_INVALID);
}

static void fields_that_a_queue_cannot_honour_are_refused(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_entry entry = entry_of("m");

    entry.subject = "subject";
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_INVALID);
    entry = entry_of("m");
    entry.reserved_[1] = 1;
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_INVALID);
    entry = entry_of("m");
    entry.body.kind = (nimbus_body_kind)9;
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_INVALID);
    entry = entry_of("m");
    entry.attribute_count = 1; /* and no attributes */
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_INVALID);
    COUNTS(queue, 0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(sqs_s1_a_send_gives_a_fresh_id),
        DRIVEN(sqs_s2_an_empty_body_is_refused),
        cmocka_unit_test(sqs_s2_the_relaxed_limits_allow_an_empty_body),
        DRIVEN(sqs_s3_bytes_go_through_unchanged),
        DRIVEN(sqs_s4_the_size_limit_is_exact),
        DRIVEN(sqs_s4_attributes_count_toward_the_size),
        cmocka_unit_test(sqs_s4_the_limit_of_the_instance),
        DRIVEN(an_adopted_body_is_freed_once_after_its_last_holder),
        DRIVEN(an_adopted_body_stays_with_a_caller_whose_send_failed),
        DRIVEN(adopted_bodies_that_leave_otherwise_are_freed_once),
        DRIVEN(an_adopted_body_without_a_free_function),
        DRIVEN(a_shared_body_is_the_same_bytes_and_takes_nothing_else_along),
        DRIVEN(sqs_s6_a_delay_of_its_own),
        DRIVEN(sqs_s6_the_range_of_a_delay),
        DRIVEN(sqs_s9_a_delayed_message_is_counted_apart_and_comes_on_time),
        DRIVEN(sqs_s9_delays_that_end_out_of_order),
        DRIVEN(sqs_a1_up_to_ten_attributes),
        cmocka_unit_test(sqs_a1_the_count_is_a_limit_of_the_instance),
        DRIVEN(sqs_a2_attribute_names),
        DRIVEN(sqs_a3_types_and_values),
        DRIVEN(sqs_a3_values_that_are_refused),
        DRIVEN(sqs_a3_numbers_at_the_bounds),
        DRIVEN(sqs_a3_the_label_is_bounded_with_its_type),
        DRIVEN(sqs_a4_attributes_count_toward_the_size),
        DRIVEN(sqs_s10_a_malformed_batch_fails_whole),
        DRIVEN(sqs_s11_an_oversized_entry_fails_alone),
        DRIVEN(a_batch_has_a_result_for_each_entry),
        cmocka_unit_test(the_batch_limit_is_a_limit_of_the_instance),
        DRIVEN(a_full_queue_refuses_and_says_which_bound),
        cmocka_unit_test(the_memory_budget_is_a_bound),
        cmocka_unit_test(an_adopted_body_counts_in_the_memory_budget),
        DRIVEN(drop_oldest_drops_the_oldest_ready_message),
        DRIVEN(drop_oldest_by_bytes_drops_as_many_as_it_takes),
        DRIVEN(drop_oldest_with_nothing_ready_refuses),
        DRIVEN(a_lower_capacity_keeps_what_is_held),
        THREADED(a_waiting_send_gets_the_room_that_a_delete_makes),
        THREADED(a_waiting_send_gives_up_in_time),
        THREADED(a_waiting_send_ends_with_its_queue_or_instance),
        THREADED(waiting_sends_all_get_their_turn),
        DRIVEN(a_driven_send_does_not_wait_for_a_manual_clock),
        DRIVEN(fields_that_a_queue_cannot_honour_are_refused),
    };
    return cmocka_run_group_tests_name("queue_send", tests, NULL, NULL);
}
