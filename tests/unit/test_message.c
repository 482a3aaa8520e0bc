/* test_message.c - messages and the checks of their attributes. */
#include "support.h"

#include "memory/attribute.h"
#include "memory/message.h"
#include "memory/parcel.h"

typedef struct bench {
    test_heap own;
    nb_heap *heap;
    size_t empty; /* bytes of the heap without any message */
} bench;

static void bench_open(bench *b, size_t budget)
{
    heap_init(&b->own);
    b->heap = nb_heap_open(&b->own.allocator, budget);
    CHECK(b->heap != NULL);
    b->empty = nb_heap_bytes(b->heap);
}

static void bench_close(bench *b)
{
    EQ(nb_heap_bytes(b->heap), b->empty);
    nb_heap_close(b->heap);
    CHECK(heap_is_clean(&b->own));
}

static nimbus_message *make(bench *b, const nb_message_spec *spec)
{
    nimbus_message *message = NULL;

    OK(nb_message_make(b->heap, spec, &message));
    return message;
}

static void copied_bodies(void **state)
{
    char text[] = "hello";
    bench b;
    nimbus_message *message;

    (void)state;
    bench_open(&b, 0);
    message = make(&b, &(nb_message_spec){ .body = nimbus_text(text) });
    memset(text, 'x', 5); /* it is a copy */
    CHECK(bytes_are(nb_message_body(message), "hello"));
    EQ(nb_message_size(message), 5);
    CHECK(nb_message_subject(message) == NULL);
    CHECK(nb_message_retain(message) == message);
    nb_message_release(message);
    CHECK(bytes_are(nb_message_body(message), "hello"));
    nb_message_release(message);
    message = make(&b, &(nb_message_spec){ .body = nimbus_copy(NULL, 0), .subject = "subject" });
    EQ(nb_message_body(message).size, 0);
    EQ(nb_message_size(message), 0); /* a subject does not count */
    TEXT(nb_message_subject(message), "subject");
    nb_message_release(message);
    CHECK(nb_message_retain(NULL) == NULL);
    nb_message_release(NULL);
    bench_close(&b);
}

static void a_plain_message_is_compact(void **state)
{
    bench b;
    nimbus_message *message;

    (void)state;
    bench_open(&b, 0);
    message = make(&b, &(nb_message_spec){ .body = nimbus_text("hello") });
    EQ((const char *)nb_message_body(message).data - (const char *)message, sizeof(void *) + sizeof(size_t) + 8);
    nb_message_release(message);
    bench_close(&b);
}

static void many_references_at_once(void **state)
{
    bench b;
    adopted buffer;
    nimbus_message *message, *shared;

    (void)state;
    bench_open(&b, 0);
    message = make(&b, &(nb_message_spec){ .body = adopted_body(&buffer, "hello") });
    nb_message_retain_n(message, 4); /* alone: 5 */
    nb_message_retain_n(message, 2); /* not alone: 7 */
    nb_message_release_n(message, 3);
    nb_message_release(message);
    EQ(atomic_load(&buffer.frees), 0);
    nb_message_release_n(message, 2);
    EQ(atomic_load(&buffer.frees), 0);
    nb_message_retain_n(message, 1); /* alone again */
    nb_message_release_n(message, 2);
    EQ(atomic_load(&buffer.frees), 1);
    message = make(&b, &(nb_message_spec){ .body = adopted_body(&buffer, "hello") });
    (void)nb_message_retain(message);
    nb_message_retain_n(message, 1); /* two: 3 */
    nb_message_release_n(message, 2);
    EQ(atomic_load(&buffer.frees), 0);
    nb_message_release(message);
    EQ(atomic_load(&buffer.frees), 1);
    message = make(&b, &(nb_message_spec){ .body = adopted_body(&buffer, "hello") });
    shared = make(&b, &(nb_message_spec){ .body = nimbus_share(message) });
    nb_message_retain_n(shared, 2);
    nb_message_release_n(shared, 3); /* lets go of one reference to the other message, not of three */
    EQ(atomic_load(&buffer.frees), 0);
    nb_message_release_n(message, 1);
    EQ(atomic_load(&buffer.frees), 1);
    nb_message_release_n(NULL, 1);
    bench_close(&b);
}

static void bodies_that_the_maker_fills(void **state)
{
    bench b;
    nimbus_message *message;

    (void)state;
    bench_open(&b, 0);
    message = make(&b, &(nb_message_spec){ .body = nimbus_copy(NULL, 4) });
    memcpy(nb_message_space(message), "abcd", 4);
    CHECK(bytes_are(nb_message_body(message), "abcd"));
    nb_message_release(message);
    bench_close(&b);
}

static void adopted_bodies(void **state)
{
    bench b;
    adopted buffer;
    nimbus_message *message;

    (void)state;
    bench_open(&b, 0);
    message = make(&b, &(nb_message_spec){ .body = adopted_body(&buffer, "hello") });
    CHECK(nb_message_body(message).data == buffer.bytes); /* no copy */
    EQ(nb_message_body(message).size, 5);
    EQ(nb_heap_bytes(b.heap) - b.empty - 5, atomic_load(&b.own.bytes) - b.empty); /* charged beside the block */
    nb_message_retain(message);
    nb_message_release(message);
    EQ(atomic_load(&buffer.frees), 0);
    nb_message_release(message);
    EQ(atomic_load(&buffer.frees), 1);
    EQ(atomic_load(&buffer.faults), 0);
    message = make(&b, &(nb_message_spec){ .body = nimbus_adopt(buffer.bytes, 5, NULL, NULL) }); /* nothing to free */
    nb_message_release(message);
    EQ(atomic_load(&buffer.frees), 1);
    message = make(&b, &(nb_message_spec){ .body = adopted_body(&buffer, "") });
    nb_message_release(message);
    EQ(atomic_load(&buffer.frees), 1);
    bench_close(&b);
}

static void unmake_gives_the_buffer_back(void **state)
{
    bench b;
    adopted buffer;
    nimbus_message *message;

    (void)state;
    bench_open(&b, 0);
    message = make(&b, &(nb_message_spec){ .body = adopted_body(&buffer, "hello") });
    nb_message_unmake(message);
    EQ(atomic_load(&buffer.frees), 0);
    EQ(nb_heap_bytes(b.heap), b.empty);
    message = make(&b, &(nb_message_spec){ .body = nimbus_text("hello") });
    nb_message_unmake(message);
    bench_close(&b);
}

static void a_failed_make_takes_nothing(void **state)
{
    bench b;
    adopted buffer;
    nimbus_message *message;
    size_t room;

    (void)state;
    bench_open(&b, 2000);
    FILL(message);
    IS(nb_message_make(b.heap, &(nb_message_spec){ .body = nimbus_copy(NULL, 2000) }, &message), NIMBUS_E_FULL);
    IS(nb_message_make(b.heap, &(nb_message_spec){ .body = nimbus_copy(NULL, SIZE_MAX / 2) }, &message), NIMBUS_E_TOO_LARGE);
    adopted_body(&buffer, "hello");
    IS(nb_message_make(b.heap, &(nb_message_spec){ .body = nimbus_adopt(buffer.bytes, 2001, NULL, NULL) }, &message), NIMBUS_E_FULL);
    /* The buffer fits, the block does not. */
    room = 2000 - b.empty;
    IS(nb_message_make(b.heap, &(nb_message_spec){ .body = nimbus_adopt(buffer.bytes, room, NULL, NULL) }, &message), NIMBUS_E_FULL);
    EQ(nb_heap_bytes(b.heap), b.empty);
    heap_fail(&b.own, 1, false);
    IS(nb_message_make(b.heap, &(nb_message_spec){ .body = adopted_body(&buffer, "hello") }, &message), NIMBUS_E_NO_MEMORY);
    EQ(atomic_load(&buffer.frees), 0);
    UNTOUCHED(message);
    bench_close(&b);
}

static void shared_bodies(void **state)
{
    bench b, other;
    adopted buffer;
    nimbus_message *first, *second, *third;

    (void)state;
    bench_open(&b, 0);
    bench_open(&other, 0); /* perhaps of another instance */
    first = make(&b, &(nb_message_spec){ .body = adopted_body(&buffer, "hello"), .subject = "subject" });
    second = make(&other, &(nb_message_spec){ .body = nimbus_share(first) });
    third = make(&b, &(nb_message_spec){ .body = nimbus_share(second) });
    CHECK(nb_message_body(third).data == buffer.bytes);
    EQ(nb_message_size(third), 5);
    CHECK(nb_message_subject(second) == NULL); /* not taken along */
    nb_message_release(first);
    nb_message_release(second);
    EQ(atomic_load(&buffer.frees), 0);
    CHECK(bytes_are(nb_message_body(third), "hello"));
    nb_message_release(third); /* takes the chain with it */
    EQ(atomic_load(&buffer.frees), 1);
    bench_close(&other);
    bench_close(&b);
}

static void a_long_chain_of_shares(void **state)
{
    bench b;
    nimbus_message *last, *next;

    (void)state;
    bench_open(&b, 0);
    last = make(&b, &(nb_message_spec){ .body = nimbus_text("hello") });
    for (int i = 0; i < 100000; i++) {
        next = make(&b, &(nb_message_spec){ .body = nimbus_share(last) });
        nb_message_release(last);
        last = next;
    }
    CHECK(bytes_are(nb_message_body(last), "hello"));
    nb_message_release(last);
    bench_close(&b);
}

static void a_message_outlives_its_heap(void **state)
{
    bench b;
    adopted buffer;
    nimbus_message *message;

    (void)state;
    bench_open(&b, 0);
    message = make(&b, &(nb_message_spec){ .body = adopted_body(&buffer, "hello") });
    nb_heap_close(b.heap);
    CHECK(bytes_are(nb_message_body(message), "hello"));
    nb_message_release(message);
    EQ(atomic_load(&buffer.frees), 1);
    CHECK(heap_is_clean(&b.own));
}

static void sizes_and_attributes(void **state)
{
    char name[] = "name";
    nimbus_attribute attributes[] = { nimbus_string(name, "value"), nimbus_number("n", "12"), nimbus_binary("b", "\0\1", 2) };
    nimbus_attribute more[] = { nimbus_string("more", "x") };
    bench b;
    nimbus_message *message;
    const nimbus_attribute *found;
    size_t count, size = 5 + (4 + 6 + 5) + (1 + 6 + 1 + 3 + 2) + (1 + 6 + 2) + (4 + 6 + 1);

    (void)state;
    attributes[1].label = "int";
    bench_open(&b, 0);
    message = make(&b, &(nb_message_spec){ .body = nimbus_text("hello"), .attributes = attributes, .attribute_count = 3, .more = more,
                                           .more_count = 1 });
    EQ(nb_message_size(message), size);
    EQ(nb_attributes_size(attributes, 3), size - 5 - 11);
    EQ(nb_attributes_size(NULL, 0), 0);
    EQ(nb_attributes_size(NULL, 3), 0);
    name[0] = 'x'; /* all is copied */
    found = nb_message_attributes(message, &count);
    EQ(count, 4);
    TEXT(found[0].name, "name");
    CHECK(found[0].label == NULL);
    TEXT(found[1].label, "int");
    EQ(found[2].kind, NIMBUS_BINARY);
    EQ(found[2].value.size, 2);
    CHECK(memcmp(found[2].value.data, "\0\1", 3) == 0); /* a NUL behind it */
    CHECK(nb_message_find_attribute(message, "more") == &found[3]);
    CHECK(nb_message_find_attribute(message, "More") == NULL);
    nb_message_release(message);
    bench_close(&b);
}

static const char *const resources[] = { "one", "two" };

static void event_parts(void **state)
{
    nb_event_spec event = { .id = { 1, 2 }, .source = "source", .detail_type = "type", .resources = resources, .resource_count = 2,
                            .time = 77 };
    nimbus_attribute more = nimbus_string("more", "x");
    bench b;
    nimbus_message *message, *extended;
    nimbus_event_view view;
    size_t count;

    (void)state;
    bench_open(&b, 0);
    message = make(&b, &(nb_message_spec){ .body = nimbus_text("{\"detail\":{}}"), .event = &event, .subject = "subject" });
    nb_message_set_detail(message, 10, 2);
    EQ(nb_message_size(message), 13); /* the parts beside the JSON do not count */
    OK(nb_message_extend(b.heap, message, &more, 1, &extended));
    nb_message_release(message); /* the extended one has its own texts and a reference to the body */
    CHECK(nb_message_event(extended, &view));
    CHECK(ids_equal(view.id, (nimbus_id){ 1, 2 }));
    TEXT(view.source, "source");
    TEXT(view.detail_type, "type");
    CHECK(bytes_are(view.detail, "{}"));
    EQT(view.time, 77);
    EQ(view.resource_count, 2);
    TEXT(nb_message_resource(extended, 0), "one");
    TEXT(nb_message_resource(extended, 1), "two");
    CHECK(nb_message_resource(extended, 2) == NULL);
    TEXT(nb_message_subject(extended), "subject");
    CHECK(nb_message_attributes(extended, &count) != NULL);
    EQ(count, 1);
    EQ(nb_message_size(extended), 13 + 4 + 6 + 1);
    nb_message_release(extended);
    message = make(&b, &(nb_message_spec){ .body = nimbus_text("no event") });
    FILL(view);
    CHECK(!nb_message_event(message, &view));
    UNTOUCHED(view);
    CHECK(nb_message_resource(message, 0) == NULL);
    nb_message_release(message);
    bench_close(&b);
}

static void extended_messages(void **state)
{
    nimbus_attribute attributes[] = { nimbus_string("a", "1"), nimbus_string("b", "2") };
    bench b;
    adopted buffer;
    nimbus_message *message, *extended;
    const nimbus_attribute *found;
    size_t count;

    (void)state;
    bench_open(&b, 0);
    message = make(&b, &(nb_message_spec){ .body = adopted_body(&buffer, "hello"), .attributes = attributes, .attribute_count = 1 });
    FILL(extended);
    heap_fail(&b.own, 1, false);
    IS(nb_message_extend(b.heap, message, &attributes[1], 1, &extended), NIMBUS_E_NO_MEMORY);
    UNTOUCHED(extended);
    OK(nb_message_extend(b.heap, message, &attributes[1], 1, &extended));
    EQ(nb_message_size(message), 5 + 8);
    EQ(nb_message_size(extended), 5 + 16);
    found = nb_message_attributes(extended, &count);
    EQ(count, 2);
    TEXT(found[0].name, "a");
    TEXT(found[1].name, "b");
    CHECK(nb_message_body(extended).data == buffer.bytes);
    nb_message_release(extended);
    EQ(atomic_load(&buffer.frees), 0);
    OK(nb_message_extend(b.heap, message, NULL, 0, &extended));
    nb_message_release(message);
    nb_message_release(extended);
    EQ(atomic_load(&buffer.frees), 1);
    bench_close(&b);
}

static void letters(void **state)
{
    bench b;
    nb_letter *letter;
    nb_parcel parcel = { 0 };

    (void)state;
    bench_open(&b, 0);
    letter = nb_letter_make(b.heap, "source", "", 3);
    CHECK(letter != NULL);
    TEXT(nb_letter_source(letter), "source");
    TEXT(nb_letter_reason(letter), "");
    EQ(nb_letter_attempts(letter), 3);
    parcel.letter = letter;
    nb_parcel_retain(&parcel); /* without a message */
    nb_parcel_release(&parcel);
    nb_letter_release(letter);
    nb_letter_release(NULL);
    CHECK(nb_letter_retain(NULL) == NULL);
    heap_fail(&b.own, 1, false);
    CHECK(nb_letter_make(b.heap, "source", "reason", 1) == NULL);
    bench_close(&b);
}

/* ------------------------------------------------------------------------------------------ attributes */

static nimbus_status check(nimbus_attribute attribute)
{
    return nb_attributes_check(&attribute, 1, 10);
}

static void attribute_names(void **state)
{
    static const char *const good[] = { "a", "A9_-", "a.b", "aws", "AWS", "AWSx", "a.AWS.b", "amazon", "Amazonx.y", "xAWS.a",
                                        "_", "-", "0" };
    static const char *const bad[] = { "", ".", ".a", "a.", "a..b", "AWS.", "AWS.a", "aws.a", "aWs.a", "Amazon.a", "amazon.a", "AMAZON.x",
                                       "a b", "a/b", "\xc3\xa4" };
    char name[258];

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        OK(check(nimbus_string(good[i], "x")));
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        IS(check(nimbus_string(bad[i], "x")), NIMBUS_E_ATTRIBUTE);
    }
    IS(check(nimbus_string(NULL, "x")), NIMBUS_E_ATTRIBUTE);
    memset(name, 'n', sizeof name);
    name[256] = '\0';
    OK(check(nimbus_string(name, "x")));
    name[256] = 'n';
    name[257] = '\0';
    IS(check(nimbus_string(name, "x")), NIMBUS_E_ATTRIBUTE);
}

static void attribute_values(void **state)
{
    nimbus_attribute attribute;

    (void)state;
    OK(check(nimbus_string("a", "x")));
    IS(check(nimbus_string("a", "")), NIMBUS_E_ATTRIBUTE);
    IS(check(nimbus_string("a", NULL)), NIMBUS_E_ATTRIBUTE);
    OK(check(nimbus_binary("a", "\0", 1)));
    IS(check(nimbus_binary("a", "\0", 0)), NIMBUS_E_ATTRIBUTE);
    IS(check(nimbus_binary("a", NULL, 0)), NIMBUS_E_ATTRIBUTE);
    IS(check(nimbus_binary("a", NULL, 1)), NIMBUS_E_ATTRIBUTE);
    IS(check(nimbus_number("a", "")), NIMBUS_E_ATTRIBUTE);
    IS(check(nimbus_number("a", NULL)), NIMBUS_E_ATTRIBUTE);
    attribute = nimbus_string("a", "x");
    attribute.kind = (nimbus_attribute_kind)3;
    IS(check(attribute), NIMBUS_E_ATTRIBUTE);
    attribute.kind = (nimbus_attribute_kind)-1;
    IS(check(attribute), NIMBUS_E_ATTRIBUTE);
}

static void attribute_labels(void **state)
{
    nimbus_attribute attribute = nimbus_string("a", "1");
    char label[251];

    (void)state;
    attribute.label = "Array";
    OK(check(attribute));
    attribute.label = "";
    IS(check(attribute), NIMBUS_E_ATTRIBUTE);
    attribute.label = "a b";
    IS(check(attribute), NIMBUS_E_ATTRIBUTE);
    for (int kind = NIMBUS_STRING; kind <= NIMBUS_BINARY; kind++) { /* all three are six letters and a dot: 256 together */
        attribute.kind = (nimbus_attribute_kind)kind;
        attribute.label = label;
        memset(label, 'l', sizeof label);
        label[249] = '\0';
        OK(check(attribute));
        label[249] = 'l';
        label[250] = '\0';
        IS(check(attribute), NIMBUS_E_ATTRIBUTE);
    }
}

static void attribute_numbers(void **state)
{
    static const char *const good[] = {
        "0", "-0", "+0", "1", "+1", "-1", "1.", ".5", "-.5", "00012", "1.50", "1e5", "1E5", "1e+5", "1e-5", "1e126", "9.99e125", "12e124",
        "10e125", "0.1e127", "-1.000e126", "1e-128", "10e-129", "0.1e-127", "0.01e-126", "0e9999999999999999999", "0e-9999999999999999999",
        "12345678901234567890123456789012345678",         /* 38 digits */
        "-1234567890123456789012345678901234567.8",
        "0000000000000012345678901234567890123456789012345678",
        "123456789012345678901234567890123456780",        /* 39, but the last does not count */
        "1.23456789012345678901234567890123456780000000",
        "0.00000000000000000000000000000000000000000000001",
    };
    static const char *const bad[] = {
        "-", "+", ".", "-.", "e5", ".e5", "1e", "1e+", "1e-", "1e5.0", "1.2.3", "1-2", " 1", "1 ", "0x1", "NaN", "inf", "Infinity", "1,5",
        "--1", "1e127", "10e126", "0.1e128", "12e126", "1.1e126", "2e126", "-1.0001e126", "12e125",
        "1e-129", "0.1e-128", "1e9999999999999999999", "1e-9999999999999999999",
        "123456789012345678901234567890123456789",        /* 39 digits */
        "1.23456789012345678901234567890123456789",
        "0.00123456789012345678901234567890123456789012",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        test_status(check(nimbus_number("a", good[i])), NIMBUS_OK, good[i], __FILE__, __LINE__);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        test_status(check(nimbus_number("a", bad[i])), NIMBUS_E_ATTRIBUTE, bad[i], __FILE__, __LINE__);
    }
    IS(check((nimbus_attribute){ "a", NIMBUS_NUMBER, NULL, { "1\0", 2 } }), NIMBUS_E_ATTRIBUTE);
    OK(check((nimbus_attribute){ "a", NIMBUS_NUMBER, NULL, { "1e5x", 3 } })); /* no NUL is needed behind it */
    IS(check((nimbus_attribute){ "a", NIMBUS_NUMBER, NULL, { "1e55", 2 } }), NIMBUS_E_ATTRIBUTE);
}

static void attribute_lists(void **state)
{
    nimbus_attribute attributes[11];
    static const char *const letters_of[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k" };

    (void)state;
    for (size_t i = 0; i < COUNT(attributes); i++) {
        attributes[i] = nimbus_string(letters_of[i], "x");
    }
    OK(nb_attributes_check(NULL, 0, 10));
    OK(nb_attributes_check(attributes, 0, 0));
    OK(nb_attributes_check(attributes, 10, 10));
    IS(nb_attributes_check(attributes, 11, 10), NIMBUS_E_OVER_LIMIT);
    IS(nb_attributes_check(NULL, 11, 10), NIMBUS_E_OVER_LIMIT);
    IS(nb_attributes_check(NULL, 1, 10), NIMBUS_E_INVALID);
    attributes[9].name = "A"; /* case matters */
    OK(nb_attributes_check(attributes, 10, 10));
    attributes[9].name = "a";
    IS(nb_attributes_check(attributes, 10, 10), NIMBUS_E_ATTRIBUTE);
    attributes[0].value.size = SIZE_MAX;
    EQ(nb_attributes_size(attributes, 2), SIZE_MAX);
    TEXT(nb_attribute_type(NIMBUS_STRING), "String");
    TEXT(nb_attribute_type(NIMBUS_NUMBER), "Number");
    TEXT(nb_attribute_type(NIMBUS_BINARY), "Binary");
}

/* The keys stand in the message whatever else it has, and take no part in its size. */
static void keys(void **state)
{
    nimbus_attribute attribute = nimbus_string("name", "value");
    char long_key[NB_KEY_MAX + 1];
    size_t length;
    bench b;
    nimbus_message *message, *more;

    (void)state;
    bench_open(&b, 0);
    memset(long_key, 'k', NB_KEY_MAX);
    long_key[NB_KEY_MAX] = '\0';
    message = make(&b, &(nb_message_spec){ .body = nimbus_text("body"), .group_id = long_key, .deduplication_id = "d" });
    TEXT(nb_message_group(message, &length), long_key);
    EQ(length, NB_KEY_MAX);
    TEXT(nb_message_deduplication_id(message), "d");
    CHECK(bytes_are(nb_message_body(message), "body"));
    EQ(nb_message_size(message), 4);
    CHECK(nb_message_subject(message) == NULL && !nb_message_event(message, &(nimbus_event_view){ .source = NULL }));
    OK(nb_message_extend(b.heap, message, &attribute, 1, &more));
    nb_message_release(message);
    TEXT(nb_message_group(more, NULL), long_key);
    TEXT(nb_message_deduplication_id(more), "d");
    CHECK(bytes_are(nb_message_body(more), "body"));
    CHECK(nb_message_find_attribute(more, "name") != NULL);
    nb_message_release(more);
    message = make(&b, &(nb_message_spec){ .body = nimbus_text("body"), .subject = "s", .deduplication_id = "only" });
    CHECK(nb_message_group(message, &length) == NULL && length == 0);
    TEXT(nb_message_deduplication_id(message), "only");
    nb_message_release(message);
    message = make(&b, &(nb_message_spec){ .body = nimbus_copy("", 0), .group_id = "g" });
    TEXT(nb_message_group(message, NULL), "g");
    CHECK(nb_message_deduplication_id(message) == NULL);
    nb_message_release(message);
    message = make(&b, &(nb_message_spec){ .body = nimbus_text("b") });
    CHECK(nb_message_group(message, NULL) == NULL && nb_message_deduplication_id(message) == NULL);
    nb_message_release(message);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copied_bodies),
        cmocka_unit_test(a_plain_message_is_compact),
        cmocka_unit_test(many_references_at_once),
        cmocka_unit_test(bodies_that_the_maker_fills),
        cmocka_unit_test(adopted_bodies),
        cmocka_unit_test(unmake_gives_the_buffer_back),
        cmocka_unit_test(a_failed_make_takes_nothing),
        cmocka_unit_test(shared_bodies),
        cmocka_unit_test(a_long_chain_of_shares),
        cmocka_unit_test(a_message_outlives_its_heap),
        cmocka_unit_test(sizes_and_attributes),
        cmocka_unit_test(event_parts),
        cmocka_unit_test(extended_messages),
        cmocka_unit_test(letters),
        cmocka_unit_test(attribute_names),
        cmocka_unit_test(attribute_values),
        cmocka_unit_test(keys),
        cmocka_unit_test(attribute_labels),
        cmocka_unit_test(attribute_numbers),
        cmocka_unit_test(attribute_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
