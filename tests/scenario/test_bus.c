/** Buses: putting events, rules, targets, the event as targets see it (EB-E, B). */
#include "helpers.h"

static nimbus_bus *default_bus(world *w)
{
    return nimbus_bus_find(w->nb, "default", &w->err);
}

static nimbus_event event_of(const char *source, const char *detail_type, const char *detail)
{
    nimbus_event event;
    memset(&event, 0, sizeof event);
    event.source = source;
    event.detail_type = detail_type;
    event.detail = bytes_of(detail);
    return event;
}

#define SHOP "{\"source\":[\"shop\"]}"

/* ------------------------------------------------------------------------------------------- E: events */

static void eb_e1_the_event_a_target_gets(void **state)
{
    world *w = *state;
    static const char *const resources[] = { "first", "sec\"ond" };
    nimbus_bus *bus = default_bus(w);
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_event event = event_of("shop", "Order \"Placed\"", "{ \"total\" : 120.50, \"tags\":[\"a\",null] }");
    nimbus_put_result first;
    nimbus_put_result second;
    nimbus_delivery delivery;
    nimbus_bytes body;
    char text[NIMBUS_ID_TEXT + 16];
    char id[NIMBUS_ID_TEXT];
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    nimbus_rule_target(bus, "rule", "queue", nimbus_to_queue(queue), NULL, &w->err);
    SETUP_OK(w);
    ADVANCE(w, NIMBUS_SECONDS(86400 + 3661));
    event.resources = resources;
    event.resource_count = 2;
    OK(nimbus_bus_put(bus, &event, &first));
    event.resources = NULL;
    event.resource_count = 0;
    OK(nimbus_bus_put(bus, &event, &second));
    CHECK(first.id.number != 0 && second.id.number > first.id.number); /* new for each event */
    EQ(first.delivered, 1);
    memset(&delivery, 0, sizeof delivery);
    OK(receive_one(queue, &delivery));
    body = nimbus_delivery_body(&delivery);
    CHECK(json_has(body, "\"version\":\"0\""));
    snprintf(text, sizeof text, "\"id\":\"%s\"", nimbus_id_text(first.id, id));
    CHECK(json_has(body, text));
    EQ(strlen(id), 36);
    CHECK(id[14] == '4'); /* a UUID, version 4 */
    CHECK(json_has(body, "\"detail-type\":\"Order \\\"Placed\\\"\""));
    CHECK(json_has(body, "\"source\":\"shop\""));
    CHECK(json_has(body, "\"account\":\"000000000000\""));
    CHECK(json_has(body, "\"time\":\"2020-01-02T01:01:01Z\""));
    CHECK(json_has(body, "\"region\":\"local\""));
    CHECK(json_has(body, "\"resources\":[\"first\",\"sec\\\"ond\"]"));
    CHECK(json_has(body, "\"detail\":{\"total\":120.50,\"tags\":[\"a\",null]}"));
    CHECK(json_lacks(body, "replay-name"));
    OK(nimbus_delivery_delete(&delivery));
    OK(receive_one(queue, &delivery));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"resources\":[]"));
    OK(nimbus_delivery_delete(&delivery));
}

static void account_and_region_are_constants_of_the_instance(void **state)
{
    world w;
    nimbus_bus *bus;
    nimbus_queue *queue;
    nimbus_delivery delivery;
    (void)state;
    world_open(&w, (nimbus_options){ .driven = true, .manual_clock = true, .account = "123456789012", .region = "edge-7" });
    bus = default_bus(&w);
    queue = make_queue(&w, "queue");
    nimbus_rule_put(bus, "rule", "{\"account\":[\"123456789012\"],\"region\":[\"edge-7\"]}", NULL, &w.err);
    nimbus_rule_target(bus, "rule", "queue", nimbus_to_queue(queue), NULL, &w.err);
    SETUP_OK(&w);
    EQ(put(bus, "shop", "x", "{}").delivered, 1);
    memset(&delivery, 0, sizeof delivery);
    OK(receive_one(queue, &delivery));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"account\":\"123456789012\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"region\":\"edge-7\""));
    OK(nimbus_delivery_delete(&delivery));
    EQ(world_close(&w), 0);
}

struct view {
    nimbus_event_view view;
    nimbus_status status;
    char detail[128];
    char source[32];
    char detail_type[32];
    char resource[32];
    bool beyond;
    char info_source[64];
};

static nimbus_outcome look_at_event(const nimbus_delivery *delivery, void *user)
{
    struct view *v = user;
    const nimbus_message *message = nimbus_delivery_message(delivery);
    nimbus_delivery_info info;
    memset(&info, 0, sizeof info);
    v->status = nimbus_message_event(message, &v->view);
    if (v->status == NIMBUS_OK) {
        const char *resource = nimbus_message_event_resource(message, 1);
        text_of(v->view.detail, v->detail, sizeof v->detail);
        snprintf(v->source, sizeof v->source, "%s", v->view.source);
        snprintf(v->detail_type, sizeof v->detail_type, "%s", v->view.detail_type);
        snprintf(v->resource, sizeof v->resource, "%s", resource == NULL ? "(none)" : resource);
        v->beyond = nimbus_message_event_resource(message, 2) == NULL;
    }
    if (nimbus_delivery_get_info(delivery, &info) == NIMBUS_OK && info.source != NULL) {
        snprintf(v->info_source, sizeof v->info_source, "%s", info.source);
    }
    return NIMBUS_DONE;
}

static void the_parts_of_an_event_without_a_json_reader(void **state)
{
    static const char *const resources[] = { "first", "second" };
    world *w = *state;
    nimbus_bus *bus = default_bus(w);
    nimbus_queue *queue = make_queue(w, "queue");
    struct view at_once;
    struct view mailbox;
    nimbus_event event = event_of("shop\n", "Placed", " {\"a\" : 1} ");
    nimbus_put_result ret;
    nimbus_delivery delivery;
    nimbus_event_view view;
    memset(&at_once, 0, sizeof at_once);
    memset(&mailbox, 0, sizeof mailbox);
    nimbus_rule_put(bus, "rule", "{\"detail\":{\"a\":[1]}}", NULL, &w->err);
    nimbus_rule_target(bus, "rule", "a", nimbus_to_inline(look_at_event, &at_once, NULL), NULL, &w->err);
    nimbus_rule_target(bus, "rule", "b", nimbus_to_callback(look_at_event, &mailbox, NULL), NULL, &w->err);
    nimbus_rule_target(bus, "rule", "c", nimbus_to_queue(queue), NULL, &w->err);
    SETUP_OK(w);
    event.resources = resources;
    event.resource_count = 2;
    event.time = T0 + NIMBUS_MS(1234);
    OK(nimbus_bus_put(bus, &event, &ret));
    EQ(ret.matched, 3);
    EQ(ret.delivered, 2);
    EQ(ret.pending, 1);
    RUN(w);
    for (int i = 0; i < 2; i++) {
        const struct view *v = i == 0 ? &at_once : &mailbox;
        OK(v->status);
        CHECK(v->view.id.number == ret.id.number && v->view.id.instance == ret.id.instance);
        TEXT(v->source, "shop\n");
        TEXT(v->detail_type, "Placed");
        TEXT(v->detail, " {\"a\" : 1} "); /* as it was put */
        EQ(v->view.resource_count, 2);
        TEXT(v->resource, "second");
        CHECK(v->beyond);
        EQ(v->view.time, T0 + NIMBUS_MS(1234));
    }
    TEXT(at_once.info_source, "default/rule/a");
    TEXT(mailbox.info_source, "default/rule/b");
    memset(&delivery, 0, sizeof delivery);
    memset(&view, 0, sizeof view);
    OK(receive_one(queue, &delivery));
    OK(nimbus_message_event(nimbus_delivery_message(&delivery), &view)); /* a queue's message carries it too */
    TEXT(view.source, "shop\n");
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"source\":\"shop\\n\""));
    OK(nimbus_delivery_delete(&delivery));
    OK(send_text(queue, "no event"));
    OK(receive_one(queue, &delivery));
    stain(&view, sizeof view);
    IS(nimbus_message_event(nimbus_delivery_message(&delivery), &view), NIMBUS_E_NOT_FOUND);
    IS(nimbus_message_event(NULL, &view), NIMBUS_E_INVALID);
    CHECK(stained(&view, sizeof view));
    CHECK(nimbus_message_event_resource(nimbus_delivery_message(&delivery), 0) == NULL);
    CHECK(nimbus_message_event_resource(NULL, 0) == NULL);
    OK(nimbus_delivery_delete(&delivery));
}

static void eb_e3_one_result_for_each_event_in_order(void **state)
{
    world *w = *state;
    nimbus_bus *bus = default_bus(w);
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_event events[4] = { event_of("shop", "a", "{}"), event_of("shop", "b", "not json"), event_of(NULL, "c", "{}"),
                               event_of("shop", "d", "{}") };
    nimbus_put_result ret[4];
    nimbus_bus_metrics metrics;
    nimbus_delivery delivery;
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    nimbus_rule_target(bus, "rule", "queue", nimbus_to_queue(queue), NULL, &w->err);
    SETUP_OK(w);
    memset(ret, 0, sizeof ret);
    IS(nimbus_bus_put_batch(bus, events, 4, ret), NIMBUS_PARTIAL);
    OK(ret[0].status);
    CHECK(ret[0].id.number != 0);
    IS(ret[1].status, NIMBUS_E_JSON);
    EQ(ret[1].id.number, 0);
    IS(ret[2].status, NIMBUS_E_MISSING);
    TEXT(ret[2].field, "source");
    OK(ret[3].status);
    EQ(ret[0].delivered, 1);
    EQ(ret[3].delivered, 1);
    OK(nimbus_bus_get_metrics(bus, &metrics));
    EQ(metrics.put, 2);
    EQ(metrics.refused, 2);
    memset(&delivery, 0, sizeof delivery);
    OK(receive_one(queue, &delivery));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"detail-type\":\"a\""));
    OK(nimbus_delivery_delete(&delivery));
    OK(receive_one(queue, &delivery));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"detail-type\":\"d\""));
    OK(nimbus_delivery_delete(&delivery));
    OK(nimbus_bus_put_batch(bus, events, 1, NULL));
}

static void eb_e4_missing_fields_are_named(void **state)
{
    world *w = *state;
    nimbus_bus *bus = default_bus(w);
    struct {
        nimbus_event event;
        const char *field;
    } cases[] = {
        { event_of(NULL, "t", "{}"), "source" },    { event_of("", "t", "{}"), "source" }, { event_of("s", NULL, "{}"), "detail_type" },
        { event_of("s", "", "{}"), "detail_type" }, { event_of("s", "t", ""), "detail" },  { event_of("s", "t", ""), "detail" },
    };
    nimbus_bus_metrics metrics;
    SETUP_OK(w);
    cases[5].event.detail = (nimbus_bytes){ NULL, 0 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nimbus_put_result ret;
        memset(&ret, 0, sizeof ret);
        IS(nimbus_bus_put(bus, &cases[i].event, &ret), NIMBUS_E_MISSING);
        IS(ret.status, NIMBUS_E_MISSING);
        TEXT(ret.field, cases[i].field);
        EQ(ret.matched, 0);
        EQ(ret.id.number, 0);
        IS(nimbus_bus_put(bus, &cases[i].event, NULL), NIMBUS_E_MISSING);
    }
    OK(nimbus_bus_get_metrics(bus, &metrics));
    EQ(metrics.put, 0);
    EQ(metrics.refused, 12);
}

static void eb_e5_detail_must_be_a_json_object(void **state)
{
    static const char *const bad[] = { "\"text\"", "[1,2]",     "17",   "null", "true",       "\"{\\\"a\\\":1}\"",
                                       "{\"a\":1", "{\"a\" 1}", "{} x", " ",    "{\"a\":01}", "{\"a\":\"\x01\"}" };
    world *w = *state;
    nimbus_bus *bus = default_bus(w);
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_put_result ret;
    nimbus_event event;
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    nimbus_rule_target(bus, "rule", "queue", nimbus_to_queue(queue), NULL, &w->err);
    SETUP_OK(w);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        event = event_of("shop", "t", bad[i]);
        memset(&ret, 0, sizeof ret);
        IS(nimbus_bus_put(bus, &event, &ret), NIMBUS_E_JSON);
        IS(ret.status, NIMBUS_E_JSON);
        TEXT(ret.field, "detail");
        CHECK(ret.offset <= strlen(bad[i]));
    }
    event = event_of("shop", "t", "{\"a\": ?}");
    IS(nimbus_bus_put(bus, &event, &ret), NIMBUS_E_JSON);
    EQ(ret.offset, 6);
    EQ(ready(queue), 0);
    event = event_of("shop", "t", " {\"a\":1} ");
    OK(nimbus_bus_put(bus, &event, &ret));
    EQ(ready(queue), 1);
}

static void eb_e8_time_is_now_or_what_was_given(void **state)
{
    world *w = *state;
    nimbus_bus *bus = default_bus(w);
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_event event = event_of("shop", "t", "{}");
    nimbus_delivery delivery;
    nimbus_event_view view;
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    nimbus_rule_target(bus, "rule", "queue", nimbus_to_queue(queue), NULL, &w->err);
    SETUP_OK(w);
    ADVANCE(w, NIMBUS_SECONDS(90));
    OK(nimbus_bus_put(bus, &event, NULL));
    event.time = NIMBUS_SECONDS(1622548800); /* 2021-06-01T12:00:00Z */
    OK(nimbus_bus_put(bus, &event, NULL));
    event.time = NIMBUS_SECONDS(951782400); /* 2000-02-29T00:00:00Z */
    OK(nimbus_bus_put(bus, &event, NULL));
    memset(&delivery, 0, sizeof delivery);
    memset(&view, 0, sizeof view);
    OK(receive_one(queue, &delivery));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"time\":\"2020-01-01T00:01:30Z\""));
    OK(nimbus_message_event(nimbus_delivery_message(&delivery), &view));
    EQ(view.time, T0 + NIMBUS_SECONDS(90));
    OK(nimbus_delivery_delete(&delivery));
    OK(receive_one(queue, &delivery));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"time\":\"2021-06-01T12:00:00Z\""));
    OK(nimbus_delivery_delete(&delivery));
    OK(receive_one(queue, &delivery));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"time\":\"2000-02-29T00:00:00Z\""));
    OK(nimbus_delivery_delete(&delivery));
}

static void eb_e13_order_of_events_rules_and_targets(void **state)
{
    world *w = *state;
    nimbus_bus *bus = default_bus(w);
    char journal[64] = "";
    probe p[4];
    nimbus_event events[2] = { event_of("shop", "1", "{}"), event_of("shop", "2", "{}") };
    memset(p, 0, sizeof p);
    for (int i = 0; i < 4; i++) {
        p[i].answer = NIMBUS_DONE;
        p[i].journal = journal;
        p[i].tag = (char)('a' + i);
    }
    nimbus_rule_put(bus, "z-first", SHOP, NULL, &w->err);
    nimbus_rule_put(bus, "a-second", SHOP, NULL, &w->err);
    nimbus_rule_target(bus, "a-second", "x", to_inline_probe(&p[3]), NULL, &w->err);
    nimbus_rule_target(bus, "z-first", "n", to_inline_probe(&p[1]), NULL, &w->err);
    nimbus_rule_target(bus, "z-first", "z", to_inline_probe(&p[2]), NULL, &w->err);
    nimbus_rule_target(bus, "z-first", "B", to_inline_probe(&p[0]), NULL, &w->err);
    SETUP_OK(w);
    OK(nimbus_bus_put_batch(bus, events, 2, NULL));
    TEXT(journal, "abcdabcd"); /* by creation of the rule, then by target id */
}

/* ---------------------------------------------------------------------------------------- B: buses, rules */

static void eb_b1_the_default_bus_and_the_names(void **state)
{
    world *w = *state;
    nimbus_bus *bus = default_bus(w);
    nimbus_bus *other = nimbus_bus_create(w->nb, "orders", &w->err);
    nimbus_error err;
    SETUP_OK(w);
    CHECK(bus != NULL);
    IS(nimbus_bus_delete(bus), NIMBUS_E_INVALID);
    OK(nimbus_rule_put(bus, "rule", SHOP, NULL, NULL)); /* it is still there */
    memset(&err, 0, sizeof err);
    CHECK(nimbus_bus_create(w->nb, "default", &err) == NULL);
    IS(err.status, NIMBUS_E_EXISTS);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_bus_create(w->nb, "orders", &err) == NULL);
    IS(err.status, NIMBUS_E_EXISTS);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_bus_find(w->nb, "Orders", &err) == NULL);
    IS(err.status, NIMBUS_E_NOT_FOUND);
    CHECK(nimbus_bus_find(w->nb, "orders", NULL) == other);
    OK(nimbus_bus_delete(other));
    IS(nimbus_bus_delete(other), NIMBUS_E_DELETED);
    CHECK(nimbus_bus_find(w->nb, "orders", NULL) == NULL);
    CHECK(nimbus_bus_create(w->nb, "orders", &w->err) != NULL);
    SETUP_OK(w);
}

static void eb_b2_the_same_rule_name_on_several_buses(void **state)
{
    world *w = *state;
    nimbus_bus *a = default_bus(w);
    nimbus_bus *b = nimbus_bus_create(w->nb, "b", &w->err);
    nimbus_queue *qa = make_queue(w, "qa");
    nimbus_queue *qb = make_queue(w, "qb");
    nimbus_rule_put(a, "rule", "{\"source\":[\"a\"]}", NULL, &w->err);
    nimbus_rule_put(b, "rule", "{\"source\":[\"b\"]}", NULL, &w->err);
    nimbus_rule_target(a, "rule", "t", nimbus_to_queue(qa), NULL, &w->err);
    nimbus_rule_target(b, "rule", "t", nimbus_to_queue(qb), NULL, &w->err);
    SETUP_OK(w);
    EQ(put(a, "a", "t", "{}").matched, 1);
    EQ(put(a, "b", "t", "{}").matched, 0);
    EQ(put(b, "b", "t", "{}").matched, 1);
    EQ(put(b, "a", "t", "{}").matched, 0);
    EQ(ready(qa), 1);
    EQ(ready(qb), 1);
    OK(nimbus_rule_delete(a, "rule", true));
    EQ(put(b, "b", "t", "{}").matched, 1);
    EQ(put(a, "a", "t", "{}").matched, 0);
}

static void eb_b3_put_replaces_a_rule_and_keeps_its_targets_and_place(void **state)
{
    world *w = *state;
    nimbus_bus *bus = default_bus(w);
    char journal[64] = "";
    probe a = { .answer = NIMBUS_DONE, .tag = 'a', .journal = journal };
    probe b = { .answer = NIMBUS_DONE, .tag = 'b', .journal = journal };
    nimbus_rule_metrics metrics;
    nimbus_error err;
    nimbus_rule_put(bus, "one", "{\"source\":[\"x\"]}", &(nimbus_rule_options){ .disabled = true }, &w->err);
    nimbus_rule_put(bus, "two", SHOP, NULL, &w->err);
    nimbus_rule_target(bus, "one", "t", to_inline_probe(&a), NULL, &w->err);
    nimbus_rule_target(bus, "two", "t", to_inline_probe(&b), NULL, &w->err);
    SETUP_OK(w);
    EQ(put(bus, "x", "t", "{}").rules, 0);
    OK(nimbus_rule_put(bus, "one", SHOP, NULL, NULL)); /* the pattern is new, and disabled is left out: enabled */
    EQ(put(bus, "x", "t", "{}").rules, 0);
    EQ(put(bus, "shop", "t", "{}").rules, 2);
    TEXT(journal, "ab"); /* its place in the order stayed */
    EQ(a.destroyed, 0);
    OK(nimbus_rule_get_metrics(bus, "one", &metrics));
    EQ(metrics.targets, 1);
    CHECK(!metrics.disabled);
    OK(nimbus_rule_put(bus, "one", SHOP, &(nimbus_rule_options){ .disabled = true }, NULL));
    EQ(put(bus, "shop", "t", "{}").rules, 1);
    OK(nimbus_rule_put(bus, "one", SHOP, NULL, NULL));
    /* a bad one changes nothing */
    memset(&err, 0, sizeof err);
    IS(nimbus_rule_put(bus, "one", "{\"source\":[?]}", NULL, &err), NIMBUS_E_PATTERN);
    EQ(err.offset, 11);
    TEXT(err.call, "nimbus_rule_put");
    CHECK(err.reason[0] != '\0');
    EQ(put(bus, "shop", "t", "{}").rules, 2);
    TEXT(journal, "abbab");
}

static void eb_b6_deleting_a_rule(void **state)
{
    world *w = *state;
    nimbus_bus *bus = default_bus(w);
    probe p = { .answer = NIMBUS_DONE };
    nimbus_bus_metrics metrics;
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    nimbus_rule_target(bus, "rule", "t", to_inline_probe(&p), NULL, &w->err);
    SETUP_OK(w);
    IS(nimbus_rule_delete(bus, "rule", false), NIMBUS_E_IN_USE);
    EQ(put(bus, "shop", "t", "{}").matched, 1);
    OK(nimbus_rule_remove_target(bus, "rule", "t"));
    RUN(w);
    EQ(p.destroyed, 1);
    OK(nimbus_rule_delete(bus, "rule", false));
    EQ(put(bus, "shop", "t", "{}").rules, 0);
    OK(nimbus_rule_delete(bus, "rule", false)); /* a missing one */
    OK(nimbus_rule_delete(bus, "never-was", true));
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    nimbus_rule_target(bus, "rule", "t", to_inline_probe(&p), NULL, &w->err);
    SETUP_OK(w);
    OK(nimbus_rule_delete(bus, "rule", true)); /* with its targets */
    RUN(w);
    EQ(p.destroyed, 2);
    EQ(put(bus, "shop", "t", "{}").rules, 0);
    OK(nimbus_bus_get_metrics(bus, &metrics));
    EQ(metrics.rules, 0);
    IS(nimbus_rule_get_metrics(bus, "rule", &(nimbus_rule_metrics){ .targets = 0 }), NIMBUS_E_NOT_FOUND);
}

static void eb_b7_a_disabled_rule_matches_nothing(void **state)
{
    world *w = *state;
    nimbus_bus *bus = default_bus(w);
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_rule_metrics metrics;
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    nimbus_rule_target(bus, "rule", "t", nimbus_to_queue(queue), NULL, &w->err);
    SETUP_OK(w);
    EQ(put(bus, "shop", "t", "{}").rules, 1);
    OK(nimbus_rule_enable(bus, "rule", false));
    OK(nimbus_rule_enable(bus, "rule", false));
    EQ(put(bus, "shop", "t", "{}").rules, 0);
    OK(nimbus_rule_get_metrics(bus, "rule", &metrics));
    CHECK(metrics.disabled);
    EQ(metrics.matched_events, 1);
    EQ(metrics.targets, 1);
    OK(nimbus_rule_enable(bus, "rule", true));
    EQ(put(bus, "shop", "t", "{}").rules, 1);
    EQ(ready(queue), 2);
    IS(nimbus_rule_enable(bus, "nobody", true), NIMBUS_E_NOT_FOUND);
}

static void eb_b8_all_matching_rules_feed_all_their_targets(void **state)
{
    world *w = *state;
    nimbus_bus *bus = default_bus(w);
    nimbus_queue *a = make_queue(w, "a");
    nimbus_queue *b = make_queue(w, "b");
    nimbus_put_result ret;
    nimbus_bus_metrics metrics;
    nimbus_rule_put(bus, "all", "{\"source\":[{\"exists\":true}]}", NULL, &w->err);
    nimbus_rule_put(bus, "big", "{\"source\":[\"shop\"],\"detail\":{\"total\":[{\"numeric\":[\">\",100]}]}}", NULL, &w->err);
    nimbus_rule_put(bus, "small", "{\"detail\":{\"total\":[{\"numeric\":[\"<=\",100]}]}}", NULL, &w->err);
    nimbus_rule_put(bus, "no-targets", SHOP, NULL, &w->err);
    nimbus_rule_target(bus, "all", "a", nimbus_to_queue(a), NULL, &w->err);
    nimbus_rule_target(bus, "all", "b", nimbus_to_queue(b), NULL, &w->err);
    nimbus_rule_target(bus, "big", "a", nimbus_to_queue(a), NULL, &w->err);
    nimbus_rule_target(bus, "small", "b", nimbus_to_queue(b), NULL, &w->err);
    SETUP_OK(w);
    ret = put(bus, "shop", "t", "{\"total\":101}");
    EQ(ret.rules, 3);
    EQ(ret.matched, 3);
    EQ(ret.delivered, 3);
    EQ(ready(a), 2);
    EQ(ready(b), 1);
    ret = put(bus, "other", "t", "{\"total\":100}");
    EQ(ret.rules, 2);
    EQ(ret.matched, 3);
    EQ(ready(a), 3);
    EQ(ready(b), 3);
    OK(nimbus_rule_delete(bus, "all", true));
    ret = put(bus, "other", "t", "{}");
    OK(ret.status);
    EQ(ret.rules, 0);
    OK(nimbus_bus_get_metrics(bus, &metrics));
    EQ(metrics.put, 3);
    EQ(metrics.unmatched, 1);
    EQ(metrics.rules, 3);
    EQ(rule_metrics(bus, "big").matched_events, 1);
    EQ(rule_metrics(bus, "big").deliveries.delivered, 1);
    EQ(rule_metrics(bus, "no-targets").matched_events, 1);
    EQ(rule_metrics(bus, "no-targets").targets, 0);
}

static void eb_b10_a_target_id_names_one_target(void **state)
{
    world *w = *state;
    nimbus_bus *bus = default_bus(w);
    nimbus_queue *a = make_queue(w, "a");
    nimbus_queue *b = make_queue(w, "b");
    probe p = { .answer = NIMBUS_DONE };
    probe q = { .answer = NIMBUS_DONE };
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    nimbus_rule_target(bus, "rule", "1", nimbus_to_queue(a), NULL, &w->err);
    nimbus_rule_target(bus, "rule", "2", nimbus_to_queue(a), NULL, &w->err);
    nimbus_rule_target(bus, "rule", "3", nimbus_to_queue(a), NULL, &w->err);
    SETUP_OK(w);
    EQ(put(bus, "shop", "t", "{}").delivered, 3); /* the same queue under several ids: as often */
    EQ(drain(a), 3);
    OK(nimbus_rule_target(bus, "rule", "2", nimbus_to_queue(b), NULL, NULL)); /* overwritten */
    EQ(rule_metrics(bus, "rule").targets, 3);
    EQ(put(bus, "shop", "t", "{}").delivered, 3);
    EQ(drain(a), 2);
    EQ(drain(b), 1);
    OK(nimbus_rule_target(bus, "rule", "1", to_probe(&p), NULL, NULL));
    EQ(put(bus, "shop", "t", "{}").pending, 1);
    OK(nimbus_rule_target(bus, "rule", "1", to_probe(&q), NULL, NULL)); /* what waits for the old one is discarded and traced */
    RUN(w);
    EQ(p.calls, 0);
    EQ(p.destroyed, 1);
    EQ(q.calls, 0);
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 1);
    EQ(put(bus, "shop", "t", "{}").pending, 1);
    RUN(w);
    EQ(q.calls, 1);
    EQ(q.destroyed, 0);
    EQ(put(bus, "shop", "t", "{}").pending, 1);
    OK(nimbus_rule_remove_target(bus, "rule", "1"));
    IS(nimbus_rule_remove_target(bus, "rule", "1"), NIMBUS_E_NOT_FOUND);
    RUN(w);
    EQ(q.calls, 1);
    EQ(q.destroyed, 1);
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 2);
    EQ(put(bus, "shop", "t", "{}").matched, 2);
    EQ(rule_metrics(bus, "rule").targets, 2);
    IS(nimbus_rule_remove_target(bus, "nobody", "1"), NIMBUS_E_NOT_FOUND);
}

/* ------------------------------------------------------------------------------------------ other targets */

static void topics_and_functions_as_targets(void **state)
{
    world *w = *state;
    nimbus_bus *bus = default_bus(w);
    nimbus_topic *topic = make_topic(w, "topic");
    nimbus_queue *queue = make_queue(w, "queue");
    probe p = { .answer = NIMBUS_DONE };
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_put_result ret;
    nimbus_delivery delivery;
    subscribe(w, topic, nimbus_to_queue(queue), NULL);
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    nimbus_rule_target(bus, "rule", "topic", nimbus_to_topic(topic), NULL, &w->err);
    nimbus_rule_target(bus, "rule", "function", nimbus_to_function(fn), NULL, &w->err);
    SETUP_OK(w);
    ret = put(bus, "shop", "t", "{\"a\":1}");
    EQ(ret.matched, 2);
    EQ(ret.matched, ret.delivered + ret.pending + ret.failed);
    EQ(ret.failed, 0);
    RULE_LEDGER(bus, "rule");
    RUN(w);
    EQ(p.calls, 1);
    CHECK(json_has(bytes_of(p.last), "\"detail\":{\"a\":1}"));
    CHECK(json_has(bytes_of(p.last), "\"source\":\"shop\""));
    memset(&delivery, 0, sizeof delivery);
    OK(receive_one(queue, &delivery));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"detail\":{\"a\":1}"));
    OK(nimbus_delivery_delete(&delivery));
    RULE_LEDGER(bus, "rule");
    EQ(rule_metrics(bus, "rule").deliveries.pending, 0);
    EQ(rule_metrics(bus, "rule").deliveries.delivered, 2);
}

static void deleting_a_bus_ends_its_rules(void **state)
{
    world *w = *state;
    nimbus_bus *bus = nimbus_bus_create(w->nb, "orders", &w->err);
    probe p = { .answer = NIMBUS_DONE };
    probe q = { .answer = NIMBUS_DONE };
    nimbus_event event = event_of("shop", "t", "{}");
    nimbus_put_result ret;
    nimbus_rule_metrics rule;
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    nimbus_rule_target(bus, "rule", "a", to_probe(&p), NULL, &w->err);
    nimbus_rule_target(bus, "rule", "b", to_inline_probe(&q), NULL, &w->err);
    SETUP_OK(w);
    EQ(put(bus, "shop", "t", "{}").pending, 1);
    OK(nimbus_bus_delete(bus));
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 1);
    RUN(w);
    EQ(p.calls, 0);
    EQ(p.destroyed, 1);
    EQ(q.destroyed, 1);
    memset(&ret, 0, sizeof ret);
    IS(nimbus_bus_put(bus, &event, &ret), NIMBUS_E_DELETED);
    IS(ret.status, NIMBUS_E_DELETED);
    IS(nimbus_rule_get_metrics(bus, "rule", &rule), NIMBUS_E_DELETED);
    nimbus_bus_release(bus);
    bus = nimbus_bus_create(w->nb, "orders", &w->err);
    SETUP_OK(w);
    EQ(put(bus, "shop", "t", "{}").rules, 0);
}

/* Rules and targets changed from inside of an inline target, in the middle of a put. */
struct meddler {
    nimbus_bus *bus;
    size_t calls;
    nimbus_status status[3];
};

static nimbus_outcome meddle(const nimbus_delivery *delivery, void *user)
{
    struct meddler *m = user;
    (void)delivery;
    m->calls++;
    m->status[0] = nimbus_rule_remove_target(m->bus, "rule", "b");
    m->status[1] = nimbus_rule_remove_target(m->bus, "rule", "a"); /* its own */
    m->status[2] = nimbus_rule_put(m->bus, "new", SHOP, NULL, NULL);
    return NIMBUS_DONE;
}

static void rules_changed_in_the_middle_of_a_put(void **state)
{
    world *w = *state;
    struct meddler m = { .bus = default_bus(w) };
    probe b = { .answer = NIMBUS_DONE };
    nimbus_rule_put(m.bus, "rule", SHOP, NULL, &w->err);
    nimbus_rule_target(m.bus, "rule", "a", nimbus_to_inline(meddle, &m, NULL), NULL, &w->err);
    nimbus_rule_target(m.bus, "rule", "b", to_inline_probe(&b), NULL, &w->err);
    SETUP_OK(w);
    OK(put(m.bus, "shop", "t", "{}").status);
    EQ(m.calls, 1);
    OK(m.status[0]);
    OK(m.status[1]);
    OK(m.status[2]);
    CHECK(b.late_calls == 0);
    RUN(w);
    EQ(b.destroyed, 1);
    EQ(put(m.bus, "shop", "t", "{}").rules, 2);
    EQ(m.calls, 1);
}

struct recursion {
    nimbus_bus *bus;
    nimbus_topic *topic;
    size_t calls;
    size_t refused;
    nimbus_status last;
};

static nimbus_outcome put_again(const nimbus_delivery *delivery, void *user)
{
    struct recursion *r = user;
    nimbus_event event = event_of("shop", "t", "{}");
    nimbus_status status;
    (void)delivery;
    if (++r->calls > 1000) {
        return NIMBUS_DONE;
    }
    status = r->topic != NULL && r->calls % 2 == 0 ? nimbus_topic_publish(r->topic, &(nimbus_entry){ .body = nimbus_text("x") }, NULL)
                                                   : nimbus_bus_put(r->bus, &event, NULL);
    if (nimbus_failed(status)) {
        r->last = status;
        r->refused++;
    }
    return NIMBUS_DONE;
}

static void putting_inside_of_putting_ends_at_sixteen_levels(void **state)
{
    world *w = *state;
    struct recursion r = { .bus = default_bus(w) };
    struct recursion both = { .bus = nimbus_bus_create(w->nb, "both", &w->err), .topic = make_topic(w, "both") };
    nimbus_event event = event_of("shop", "t", "{}");
    nimbus_rule_put(r.bus, "rule", SHOP, NULL, &w->err);
    nimbus_rule_target(r.bus, "rule", "t", nimbus_to_inline(put_again, &r, NULL), NULL, &w->err);
    nimbus_rule_put(both.bus, "rule", SHOP, NULL, &w->err);
    nimbus_rule_target(both.bus, "rule", "t", nimbus_to_inline(put_again, &both, NULL), NULL, &w->err);
    subscribe(w, both.topic, nimbus_to_inline(put_again, &both, NULL), NULL);
    SETUP_OK(w);
    OK(nimbus_bus_put(r.bus, &event, NULL));
    EQ(r.calls, 16);
    EQ(r.refused, 1);
    IS(r.last, NIMBUS_E_TOO_DEEP);
    RULE_LEDGER(r.bus, "rule");
    OK(nimbus_bus_put(both.bus, &event, NULL)); /* puts and publishes count together */
    EQ(both.calls, 16);
    EQ(both.refused, 1);
    IS(both.last, NIMBUS_E_TOO_DEEP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(eb_e1_the_event_a_target_gets),
        cmocka_unit_test(account_and_region_are_constants_of_the_instance),
        DRIVEN(the_parts_of_an_event_without_a_json_reader),
        DRIVEN(eb_e3_one_result_for_each_event_in_order),
        DRIVEN(eb_e4_missing_fields_are_named),
        DRIVEN(eb_e5_detail_must_be_a_json_object),
        DRIVEN(eb_e8_time_is_now_or_what_was_given),
        DRIVEN(eb_e13_order_of_events_rules_and_targets),
        DRIVEN(eb_b1_the_default_bus_and_the_names),
        DRIVEN(eb_b2_the_same_rule_name_on_several_buses),
        DRIVEN(eb_b3_put_replaces_a_rule_and_keeps_its_targets_and_place),
        DRIVEN(eb_b6_deleting_a_rule),
        DRIVEN(eb_b7_a_disabled_rule_matches_nothing),
        DRIVEN(eb_b8_all_matching_rules_feed_all_their_targets),
        DRIVEN(eb_b10_a_target_id_names_one_target),
        DRIVEN(topics_and_functions_as_targets),
        DRIVEN(deleting_a_bus_ends_its_rules),
        DRIVEN(rules_changed_in_the_middle_of_a_put),
        DRIVEN(putting_inside_of_putting_ends_at_sixteen_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
