/** Filters of mappings: the record that they look at, JSON bodies and plain ones, several patterns (LA-Q12, Q17). */
#include "helpers.h"

/* Sends a message through a mapping with these patterns. Returns whether the handler saw it; if not, it must have been deleted. */
static bool passes_all(world *w, const char *const *filters, size_t count, const nimbus_entry *entry)
{
    probe p = { .answer = NIMBUS_DONE };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    uint64_t filtered;
    nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .filters = filters, .filter_count = count }, &w->err);
    SETUP_OK(w);
    OK(nimbus_queue_send(queue, entry, NULL));
    RUN(w);
    filtered = function_metrics(fn).filtered;
    EQ(p.calls + filtered, 1);
    EQ(queue_metrics(queue).deleted, 1);
    EQ(ready(queue) + in_flight(queue), 0);
    OK(nimbus_function_delete(fn, 0));
    OK(nimbus_queue_delete(queue));
    nimbus_function_release(fn);
    nimbus_queue_release(queue);
    return p.calls == 1;
}

static bool passes(world *w, const char *filter, const char *body)
{
    return passes_all(w, &filter, 1, &(nimbus_entry){ .body = nimbus_text(body) });
}

static void la_q12_a_json_body_is_matched_below_body(void **state)
{
    world *w = *state;
    CHECK(passes(w, "{\"body\":{\"kind\":[\"a\"]}}", "{\"kind\":\"a\",\"n\":1}"));
    CHECK(!passes(w, "{\"body\":{\"kind\":[\"a\"]}}", "{\"kind\":\"b\"}"));
    CHECK(passes(w, "{\"body.kind\":[{\"prefix\":\"a\"}]}", " {\"kind\":[\"b\",\"ab\"]}"));
    CHECK(passes(w, "{\"body\":{\"a\":{\"b\":[1],\"c\":[{\"exists\":false}]}}}", "{\"a\":[{\"b\":2,\"c\":1},{\"b\":1}]}"));
    CHECK(!passes(w, "{\"body\":{\"a\":{\"b\":[1],\"c\":[2]}}}", "{\"a\":[{\"b\":2,\"c\":2},{\"b\":1,\"c\":1}]}"));
    CHECK(passes(w, "{\"body\":{\"a\":[1]}}", "[{\"a\":2},{\"a\":1}]"));
    CHECK(passes(w, "{\"body\":{\"a\":[{\"exists\":false}]}}", "{}"));
}

static void la_q12_a_plain_body_is_matched_as_a_string(void **state)
{
    world *w = *state;
    CHECK(passes(w, "{\"body\":[\"hello\"]}", "hello"));
    CHECK(!passes(w, "{\"body\":[\"hello\"]}", "hello "));
    CHECK(passes(w, "{\"body\":[{\"prefix\":\"he\"}]}", "hello"));
    CHECK(passes(w, "{\"body\":[{\"anything-but\":\"x\"}]}", "hello"));
    CHECK(passes(w, "{\"body\":[\"5\"]}", "5")); /* a JSON scalar is plain text */
    CHECK(!passes(w, "{\"body\":[5]}", "5"));
    CHECK(passes(w, "{\"body\":[\"{\\\"a\\\":\"]}", "{\"a\":")); /* as is what only begins like JSON */
    CHECK(passes(w, "{\"body\":[\"x\\ufffd\"]}", "x\xFF"));
}

/* Plain text where JSON is asked for, and the reverse, is dropped, whatever is asked. */
static void la_q12_a_body_of_the_other_kind_is_dropped(void **state)
{
    world *w = *state;
    CHECK(!passes(w, "{\"body\":{\"a\":[{\"exists\":false}]}}", "hello"));
    CHECK(!passes(w, "{\"body\":{\"a\":[{\"exists\":false}]}}", "{\"a\":1,\"b\":}"));
    CHECK(!passes(w, "{\"body\":{\"a\":[{\"exists\":false},1]}}", "hello"));
    CHECK(!passes(w, "{\"body\":{\"a\":{\"b\":[{\"anything-but\":1}]}}}", "hello"));
    CHECK(!passes(w, "{\"body\":[{\"exists\":false}]}", "{\"a\":1}"));
    CHECK(!passes(w, "{\"body\":[{\"exists\":false}]}", "{\"a\":[{\"b\":1}]}"));
    CHECK(!passes(w, "{\"body\":[\"1\",1]}", "[1,\"1\"]"));
    CHECK(!passes(w, "{\"body\":[{\"anything-but\":\"x\"}]}", "[\"y\"]"));
    CHECK(!passes(w, "{\"body\":[{\"exists\":true}]}", "{}"));
    CHECK(passes(w, "{\"body\":[{\"exists\":true}]}", "hello"));
    /* Each alternative by itself. */
    CHECK(passes(w, "{\"$or\":[{\"body\":[\"hello\"]},{\"body\":{\"a\":[{\"exists\":false}]}}]}", "hello"));
    CHECK(passes(w, "{\"$or\":[{\"body\":[\"hello\"]},{\"body\":{\"a\":[{\"exists\":false}]}}]}", "{\"b\":[{\"c\":1}]}"));
    CHECK(!passes(w, "{\"$or\":[{\"body\":[\"hello\"]},{\"body\":{\"a\":[{\"exists\":false}]}}]}", "hallo"));
}

static void la_q17_a_pattern_without_a_body_looks_at_the_rest(void **state)
{
    world *w = *state;
    static const nimbus_attribute attributes[] = {
        { .name = "color", .kind = NIMBUS_STRING, .value = { "red", 3 } },
        { .name = "n.x", .kind = NIMBUS_NUMBER, .label = "int", .value = { "5", 1 } },
        { .name = "raw", .kind = NIMBUS_BINARY, .value = { "\1\2", 2 } }
    };
    const nimbus_entry entry = { .body = nimbus_text("{\"a\":1}"), .attributes = attributes, .attribute_count = 3 };
    const char *yes[] = { "{\"eventSource\":[\"aws:sqs\"]}",
                          "{\"eventSourceARN\":[\"queue\"],\"awsRegion\":[\"local\"]}",
                          "{\"attributes\":{\"ApproximateReceiveCount\":[\"1\"],\"SentTimestamp\":[\"1577836800000\"]}}",
                          "{\"messageId\":[{\"suffix\":\"\"}],\"body\":{\"a\":[1]}}",
                          "{\"messageAttributes\":{\"color\":{\"stringValue\":[\"red\"],\"dataType\":[\"String\"]}}}",
                          "{\"messageAttributes\":{\"n.x\":{\"stringValue\":[\"5\"],\"dataType\":[\"Number.int\"]}}}",
                          "{\"messageAttributes\":{\"raw\":{\"dataType\":[\"Binary\"]}},\"body\":{\"a\":[1]}}",
                          "{\"messageAttributes\":{\"other\":{\"stringValue\":[{\"exists\":false}]}}}" };
    const char *no[] = { "{\"eventSource\":[\"aws:kinesis\"]}", "{\"attributes\":{\"ApproximateReceiveCount\":[1]}}",
                         "{\"messageAttributes\":{\"color\":{\"stringValue\":[\"blue\"]}}}",
                         "{\"messageAttributes\":{\"color\":[\"red\"]}}",
                         "{\"messageAttributes\":{\"color\":{\"stringValue\":[\"red\"]}},\"body\":{\"a\":[2]}}" };
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        CHECK(passes_all(w, &yes[i], 1, &entry));
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        CHECK(!passes_all(w, &no[i], 1, &entry));
    }
}

static void la_q12_one_of_several_patterns_is_enough(void **state)
{
    world *w = *state;
    const char *filters[] = { "{\"body\":{\"n\":[1]}}", "{\"body\":{\"n\":[{\"numeric\":[\">\",10]}]}}", "{\"body\":[\"hello\"]}",
                              "{\"body\":{\"n\":[1],\"m\":[2]}}", "{\"eventSource\":[\"nobody\"]}" };
    static const char *const bodies[] = { "{\"n\":1}", "{\"n\":11}", "hello", "{\"n\":2}", "{\"m\":2}", "hallo" };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        CHECK(passes_all(w, filters, 5, &(nimbus_entry){ .body = nimbus_text(bodies[i]) }) == (i < 3));
    }
}

static void la_q12_filters_that_are_refused(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    const char *good = "{\"body\":{\"a\":[1]}}";
    const char *six[6];
    const char *second[2] = { good, "{\"body\":{\"a\":[1]},\"kind\":[\"a\"]}" };
    const char *with_null[2] = { good, NULL };
    char longest[4200];
    nimbus_error err;
    SETUP_OK(w);
#define REFUSED(want, at_fault, ...)                                                                                                       \
    do {                                                                                                                                   \
        memset(&err, 0, sizeof err);                                                                                                       \
        IS(nimbus_function_map(fn, queue, &(nimbus_mapping_options){ __VA_ARGS__ }, &err), want);                                          \
        TEXT(err.field, at_fault);                                                                                                         \
    } while (0)
    for (size_t i = 0; i < 6; i++) {
        six[i] = good;
    }
    REFUSED(NIMBUS_E_INVALID, "filter_count", .filters = six, .filter_count = 6);
    REFUSED(NIMBUS_E_INVALID, "filter_count", .filters = six);
    REFUSED(NIMBUS_E_INVALID, "filter_count", .filter_count = 1);
    REFUSED(NIMBUS_E_INVALID, "filters", .filter = good, .filters = six, .filter_count = 1);
    REFUSED(NIMBUS_E_INVALID, "filters", .filters = with_null, .filter_count = 2);
    REFUSED(NIMBUS_E_PATTERN, "filter", .filter = "{\"kind\":[\"a\"]}"); /* no part of a record: it would delete all messages */
    EQ(err.offset, 8);
    REFUSED(NIMBUS_E_PATTERN, "filter", .filter = "{\"bodyguard\":[\"a\"]}");
    REFUSED(NIMBUS_E_PATTERN, "filters", .filters = second, .filter_count = 2);
    REFUSED(NIMBUS_E_PATTERN, "filter", .filter = "{\"body\":[{\"cidr\":\"10.0.0.0/8\"}]}"); /* filters do not have it */
    REFUSED(NIMBUS_E_PATTERN, "filter", .filter = "{\"body\":{\"a\":1}}");
    memset(longest, ' ', sizeof longest);
    memcpy(longest + sizeof longest - strlen(good) - 1, good, strlen(good) + 1);
    REFUSED(NIMBUS_E_PATTERN, "filter", .filter = longest);
    OK(send_text(queue, "hello"));
    RUN(w);
    EQ(p.calls + function_metrics(fn).filtered, 0); /* nothing was mapped */
    OK(nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .filters = six, .filter_count = 5 }, NULL));
    RUN(w);
    EQ(function_metrics(fn).filtered, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(la_q12_a_json_body_is_matched_below_body), DRIVEN(la_q12_a_plain_body_is_matched_as_a_string),
        DRIVEN(la_q12_a_body_of_the_other_kind_is_dropped), DRIVEN(la_q17_a_pattern_without_a_body_looks_at_the_rest),
        DRIVEN(la_q12_one_of_several_patterns_is_enough), DRIVEN(la_q12_filters_that_are_refused),
    };
    return cmocka_run_group_tests_name("mapping_filter", tests, NULL, NULL);
}
