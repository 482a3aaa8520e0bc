/** What rule targets get: constants, parts of the event, templates (EB-I). */
#include "helpers.h"

#define SHOP "{\"source\":[\"shop\"]}"
#define DETAIL                                                                                                                             \
    "{\"payload\":{\"acc\": \"0a78\",\"sf\" : \"baz\"},\"one\":[\"HIGH\"],\"two\":[\"ACTIVE\",\"INACTIVE\"],\"valid\":true,\"n\":1.50,"    \
    "\"text\":\"a\\\"b\"}"

/* The last body that came, as text. */
typedef struct got {
    char text[2048];
    int calls;
} got;

static nimbus_outcome keep(const nimbus_delivery *delivery, void *user)
{
    got *g = user;
    nimbus_bytes body = nimbus_delivery_body(delivery);
    size_t size = body.size < sizeof g->text ? body.size : sizeof g->text - 1;
    memcpy(g->text, body.data, size);
    g->text[size] = '\0';
    g->calls++;
    return NIMBUS_DONE;
}

static const nimbus_input_path paths[] = { { "payload", "$.detail.payload" }, { "acc", "$.detail.payload.acc" },
                                           { "one", "$.detail.one" },         { "two", "$.detail.two" },
                                           { "valid", "$.detail.valid" },     { "none", "$.detail.nothing" },
                                           { "text", "$.detail.text" },       { "ends", "$.detail.two[*]" },
                                           { "last", "$.detail.two[1]" },     { "number", "$.detail.n" } };

static nimbus_status set_input(world *w, nimbus_bus *bus, const nimbus_input *input, got *g, nimbus_error *err)
{
    nimbus_delivery_options options = { .input = input };
    (void)w;
    return nimbus_rule_target(bus, "rule", "t", nimbus_to_inline(keep, g, NULL), &options, err);
}

static nimbus_bus *bus_with_rule(world *w)
{
    nimbus_bus *bus = nimbus_bus_find(w->nb, "default", &w->err);
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    return bus;
}

/** What a template makes of the event; NULL: the delivery failed for good. */
static const char *render(world *w, nimbus_bus *bus, const char *text, got *g)
{
    nimbus_input input = { .text = text, .paths = paths, .path_count = sizeof paths / sizeof paths[0] };
    nimbus_put_result result;
    int before = g->calls;
    OK(set_input(w, bus, &input, g, NULL));
    result = put(bus, "shop", "t", DETAIL);
    EQ(result.failed, g->calls == before);
    return g->calls != before ? g->text : NULL;
}

static nimbus_error refused(world *w, nimbus_bus *bus, nimbus_input input)
{
    nimbus_error err = { 0 };
    got g = { .calls = 0 };
    IS(set_input(w, bus, &input, &g, &err), NIMBUS_E_INVALID);
    EQ(put(bus, "shop", "t", "{}").matched, 0);
    return err;
}

static void eb_i1_exactly_one_way(void **state)
{
    world *w = *state;
    nimbus_bus *bus = bus_with_rule(w);
    got g = { .calls = 0 };
    refused(w, bus, (nimbus_input){ .constant = NULL });
    refused(w, bus, (nimbus_input){ .constant = "1", .path = "$" });
    refused(w, bus, (nimbus_input){ .path = "$", .text = "{}" });
    refused(w, bus, (nimbus_input){ .constant = "1", .paths = paths, .path_count = 1 });
    OK(nimbus_rule_target(bus, "rule", "t", nimbus_to_inline(keep, &g, NULL), NULL, NULL));
    put(bus, "shop", "t", "{\"a\":1}");
    CHECK(strstr(g.text, "\"detail\":{\"a\":1}}") != NULL); /* none of them: the event */
}

static void eb_i2_constants_and_parts(void **state)
{
    world *w = *state;
    nimbus_bus *bus = bus_with_rule(w);
    got g = { .calls = 0 };
    refused(w, bus, (nimbus_input){ .constant = "{\"a\":}" });
    EQ(refused(w, bus, (nimbus_input){ .path = "$.a..b" }).offset, 3);
    refused(w, bus, (nimbus_input){ .path = "detail" });
    refused(w, bus, (nimbus_input){ .path = "$.a[x]" });
    OK(set_input(w, bus, &(nimbus_input){ .constant = "{\"a\":[1]}" }, &g, NULL));
    put(bus, "shop", "t", DETAIL);
    TEXT(g.text, "{\"a\":[1]}");
    OK(set_input(w, bus, &(nimbus_input){ .path = "$.detail.two[1]" }, &g, NULL));
    put(bus, "shop", "t", DETAIL);
    TEXT(g.text, "\"INACTIVE\"");
    OK(set_input(w, bus, &(nimbus_input){ .path = "$.detail.payload.*" }, &g, NULL));
    put(bus, "shop", "t", DETAIL);
    TEXT(g.text, "[\"0a78\",\"baz\"]");
    OK(set_input(w, bus, &(nimbus_input){ .path = "$.detail.nothing" }, &g, NULL));
    put(bus, "shop", "t", DETAIL);
    TEXT(g.text, "null");
}

static void eb_i3_what_a_template_may_name(void **state)
{
    world *w = *state;
    nimbus_bus *bus = bus_with_rule(w);
    nimbus_input_path own = { "AWSname", "$" };
    nimbus_error err = refused(w, bus, (nimbus_input){ .text = "{\"a\":<b>}" });
    TEXT(err.field, "input.text");
    EQ(err.offset, 5);
    refused(w, bus, (nimbus_input){ .text = "{}", .paths = &own, .path_count = 1 });
    own.name = "with.dot";
    refused(w, bus, (nimbus_input){ .text = "{}", .paths = &own, .path_count = 1 });
    refused(w, bus, (nimbus_input){ .text = "" });
    refused(w, bus, (nimbus_input){ .text = "{<acc>:1}", .paths = paths, .path_count = 2 });
    refused(w, bus, (nimbus_input){ .text = "\"no end", .paths = paths, .path_count = 2 });
    refused(w, bus, (nimbus_input){ .text = "\"a\" b \"c\"" });
}

static void eb_i4_values_in_json(void **state)
{
    world *w = *state;
    nimbus_bus *bus = bus_with_rule(w);
    got g = { .calls = 0 };
    TEXT(render(w, bus, "{\"a\":<acc>,\"b\":<payload>,\"c\":[<two>],\"d\":<none>}", &g),
         "{\"a\":\"0a78\",\"b\":{\"acc\": \"0a78\",\"sf\" : \"baz\"},\"c\":[[\"ACTIVE\",\"INACTIVE\"]],\"d\":\"\"}");
    TEXT(render(w, bus, "{\"a\":\"x <acc> <valid> <number> <none>.\"}", &g), "{\"a\":\"x 0a78 true 1.50 .\"}");
    TEXT(render(w, bus, "{\"a\":<ends>,\"b\":<last>}", &g), "{\"a\":[\"ACTIVE\",\"INACTIVE\"],\"b\":\"INACTIVE\"}");
}

static void eb_i5_values_in_text(void **state)
{
    world *w = *state;
    nimbus_bus *bus = bus_with_rule(w);
    got g = { .calls = 0 };
    TEXT(render(w, bus, "\"<one> <two> <none>|<payload> <valid>\"", &g), "\"[HIGH] [ACTIVE,INACTIVE] |{acc:0a78,sf:baz} true\"");
    TEXT(render(w, bus, "\"a <acc>\"\\n\"b <ends>\"", &g), "\"a 0a78\"\n\"b [ACTIVE,INACTIVE]\"");
    TEXT(render(w, bus, "\"a\"\n \"b\"", &g), "\"a\"\n\"b\"");
}

static void eb_i6_what_is_no_json_fails_for_good(void **state)
{
    world *w = *state;
    nimbus_bus *bus = bus_with_rule(w);
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_input input = { .text = "<one> free text", .paths = paths, .path_count = 3 };
    nimbus_delivery_options options = { .input = &input, .dead_letter_queue = dead };
    got g = { .calls = 0 };
    CHECK(render(w, bus, "{\"a\":\"<payload>\"}", &g) == NULL);
    CHECK(render(w, bus, "{\"a\":\"<one>\"}", &g) == NULL);
    OK(nimbus_rule_target(bus, "rule", "t", nimbus_to_inline(keep, &g, NULL), &options, NULL));
    EQ(put(bus, "shop", "t", DETAIL).failed, 1);
    EQ(ready(dead), 1); /* the event, not what was made of it */
    EQ(g.calls, 0);
    RULE_LEDGER(bus, "rule");
}

static void eb_i7_names_that_are_always_there(void **state)
{
    world *w = *state;
    nimbus_bus *bus = bus_with_rule(w);
    got g = { .calls = 0 };
    TEXT(render(w, bus, "{\"r\":<aws.events.rule-name>,\"a\":\"<aws.events.rule-arn>\",\"t\":<aws.events.event.ingestion-time>}", &g),
         "{\"r\":\"rule\",\"a\":\"arn:aws:events:local:000000000000:rule/rule\",\"t\":\"2020-01-01T00:00:00Z\"}");
    CHECK(strstr(render(w, bus, "<aws.events.event>", &g), "\"detailType\":\"t\"") != NULL);
    CHECK(strstr(g.text, "\"detail\"") == NULL);
    CHECK(strstr(render(w, bus, "{\"e\":<aws.events.event.json>}", &g), "\"detail\":" DETAIL) != NULL);
}

static void eb_i8_strings_cannot_break_out(void **state)
{
    world *w = *state;
    nimbus_bus *bus = bus_with_rule(w);
    got g = { .calls = 0 };
    TEXT(render(w, bus, "{\"a\":\"<text>\"}", &g), "{\"a\":\"a\\\"b\"}");
    TEXT(render(w, bus, "\"<text>\"", &g), "\"a\\\"b\"");
}

/** A queue stores what was made, and a subscription has no input. */
static void queues_get_it_and_subscriptions_refuse_it(void **state)
{
    world *w = *state;
    nimbus_bus *bus = bus_with_rule(w);
    nimbus_queue *queue = make_queue(w, "q");
    nimbus_topic *topic = nimbus_topic_create(w->nb, "topic", NULL, &w->err);
    nimbus_input input = { .path = "$.detail.n" };
    nimbus_delivery_options options = { .input = &input };
    SETUP_OK(w);
    IS(nimbus_topic_subscribe(topic, nimbus_to_queue(queue), &options, NULL, NULL), NIMBUS_E_INVALID);
    OK(nimbus_rule_target(bus, "rule", "t", nimbus_to_queue(queue), &options, NULL));
    EQ(put(bus, "shop", "t", DETAIL).delivered, 1);
    EQ(ready(queue), 1);
}

/* A queue that is full gets it later, and the put says so. */
static void what_a_full_queue_gets_later_is_pending(void **state)
{
    world *w = *state;
    nimbus_bus *bus = bus_with_rule(w);
    nimbus_queue *full = make_small_queue(w, "full", 1);
    nimbus_input input = { .path = "$.detail.n" };
    nimbus_delivery_options options = { .input = &input };
    nimbus_put_result result;

    SETUP_OK(w);
    OK(nimbus_rule_target(bus, "rule", "t", nimbus_to_queue(full), &options, NULL));
    OK(send_text(full, "in the way"));
    result = put(bus, "shop", "t", DETAIL);
    EQ(result.pending, 1);
    EQ(result.matched, 1);
    TAKES(full, "in the way");
    ADVANCE(w, NIMBUS_MINUTES(10));
    TAKES(full, "1.50");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(eb_i1_exactly_one_way),
        DRIVEN(eb_i2_constants_and_parts),
        DRIVEN(eb_i3_what_a_template_may_name),
        DRIVEN(eb_i4_values_in_json),
        DRIVEN(eb_i5_values_in_text),
        DRIVEN(eb_i6_what_is_no_json_fails_for_good),
        DRIVEN(eb_i7_names_that_are_always_there),
        DRIVEN(eb_i8_strings_cannot_break_out),
        DRIVEN(queues_get_it_and_subscriptions_refuse_it),
        DRIVEN(what_a_full_queue_gets_later_is_pending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
