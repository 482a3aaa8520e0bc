/** Buses with many rules: which part of an event can be matched, in which order rules fire, and what a change leaves (EB-B, E, P). */
#include "helpers.h"

#define MANY 2000

static nimbus_bus *default_bus(world *w)
{
    return nimbus_bus_find(w->nb, "default", &w->err);
}

/* What an inline handler saw: which rules fired, in order. */
typedef struct record {
    int fired[64];
    int count;
} record;

typedef struct probe_of {
    record *record;
    int number;
} probe_of;

static nimbus_outcome note(const nimbus_delivery *delivery, void *user)
{
    probe_of *p = user;
    (void)delivery;
    if (p->record->count < 64) {
        p->record->fired[p->record->count] = p->number;
    }
    p->record->count++;
    return NIMBUS_DONE;
}

static void make_rule(world *w, nimbus_bus *bus, const char *name, const char *pattern, probe_of *rule_probe)
{
    nimbus_rule_put(bus, name, pattern, NULL, &w->err);
    nimbus_rule_target(bus, name, "inline", nimbus_to_inline(note, rule_probe, NULL), NULL, &w->err);
}

static uint32_t rules_of(nimbus_bus *bus, const nimbus_event *event)
{
    nimbus_put_result result;
    OK(nimbus_bus_put(bus, event, &result));
    return result.rules;
}

/* One rule at a time. */
static bool matches(world *w, const char *pattern, const nimbus_event *event)
{
    nimbus_bus *bus = default_bus(w);
    uint32_t rules;
    nimbus_rule_put(bus, "rule", pattern, NULL, &w->err);
    SETUP_OK(w);
    rules = rules_of(bus, event);
    CHECK(rules <= 1);
    return rules == 1;
}

static void eb_e1_each_part_of_an_event_is_matched_without_its_json(void **state)
{
    world *w = *state;
    static const char *const resources[] = { "arn:one", "arn:two" };
    nimbus_event event = { .source = "shop", .detail_type = "Order", .detail = bytes_of("{\"a\":{\"b\":[1,{\"c\":\"x\"}]}}"),
                           .resources = resources, .resource_count = 2, .time = NIMBUS_SECONDS(86400) };
    CHECK(matches(w, "{\"source\":[\"shop\"]}", &event));
    CHECK(!matches(w, "{\"source\":[\"Shop\"]}", &event));
    CHECK(matches(w, "{\"detail-type\":[\"Order\"]}", &event));
    CHECK(matches(w, "{\"version\":[\"0\"],\"account\":[\"000000000000\"],\"region\":[\"local\"]}", &event));
    CHECK(!matches(w, "{\"version\":[0]}", &event));
    CHECK(matches(w, "{\"time\":[\"1970-01-02T00:00:00Z\"]}", &event));
    CHECK(matches(w, "{\"id\":[{\"wildcard\":\"*-*-4*-*-*\"}]}", &event));
    CHECK(matches(w, "{\"resources\":[\"arn:two\"]}", &event));
    CHECK(!matches(w, "{\"resources\":[\"arn:three\"]}", &event));
    CHECK(matches(w, "{\"resources\":[{\"anything-but\":\"arn:one\"}]}", &event));
    CHECK(matches(w, "{\"detail\":{\"a\":{\"b\":{\"c\":[\"x\"]}}}}", &event));
    CHECK(matches(w, "{\"detail.a.b\":[1],\"source\":[\"shop\"]}", &event));
    CHECK(!matches(w, "{\"detail\":{\"a\":[{\"exists\":true}]}}", &event));
    CHECK(!matches(w, "{\"detail\":[{\"exists\":true}]}", &event));
    CHECK(matches(w, "{\"replay-name\":[{\"exists\":false}]}", &event));
    CHECK(!matches(w, "{\"source\":{\"a\":[{\"exists\":true}]}}", &event));
    event.resource_count = 0;
    CHECK(matches(w, "{\"resources\":[{\"exists\":false}]}", &event));
}

/* Rules see what a target would read: bytes that are no UTF-8 are written as U+FFFD. */
static void a_source_that_is_no_text_matches_as_it_is_written(void **state)
{
    world *w = *state;
    nimbus_event event = { .source = "a\xFF" "b", .detail_type = "\xED\xA0\x80", .detail = bytes_of("{}") };
    CHECK(matches(w, "{\"source\":[\"a\\ufffdb\"]}", &event));
    CHECK(matches(w, "{\"detail-type\":[\"\\ud800\"]}", &event));
    event.source = "\xC3\xA9";
    CHECK(matches(w, "{\"source\":[\"\\u00e9\"]}", &event));
}

static void eb_e5_a_broken_detail_is_refused_whatever_the_rules_look_at(void **state)
{
    world *w = *state;
    static const char *const patterns[] = { "{\"source\":[\"other\"]}", "{\"source\":[\"shop\"]}", "{\"detail\":{\"a\":[1]}}",
                                            "{\"detail\":{\"z\":[{\"exists\":false}]}}" };
    nimbus_bus *bus = default_bus(w);
    nimbus_event event = { .source = "shop", .detail_type = "t", .detail = bytes_of("{\"a\":1,\"b\":[tru]}") };
    nimbus_put_result result;
    nimbus_bus_metrics metrics;
    IS(nimbus_bus_put(bus, &event, &result), NIMBUS_E_JSON); /* without a rule, too */
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        nimbus_rule_put(bus, "rule", patterns[i], NULL, &w->err);
        SETUP_OK(w);
        event.detail = bytes_of("{\"a\":1,\"b\":[tru]}");
        IS(nimbus_bus_put(bus, &event, &result), NIMBUS_E_JSON);
        TEXT(result.field, "detail");
        CHECK(result.offset >= 12 && result.offset <= 15);
        EQ(result.rules, 0);
        event.detail = bytes_of("[1]");
        IS(nimbus_bus_put(bus, &event, &result), NIMBUS_E_JSON);
    }
    OK(nimbus_bus_get_metrics(bus, &metrics));
    EQ(metrics.put, 0);
    EQ(metrics.refused, 1 + 2 * sizeof patterns / sizeof patterns[0]);
}

static void eb_e12_a_detail_nests_a_thousand_deep(void **state)
{
    world *w = *state;
    nimbus_bus *bus = default_bus(w);
    char text[2 * 1001 * 8];
    nimbus_event event = { .source = "shop", .detail_type = "t" };
    for (int deep = 1000; deep <= 1001; deep++) {
        size_t size = 0;
        for (int i = 0; i < deep; i++) {
            size += (size_t)snprintf(text + size, sizeof text - size, "%s", i == 0 ? "{\"a\":" : i == deep - 1 ? "[" : "[");
        }
        for (int i = deep; i-- > 0;) {
            size += (size_t)snprintf(text + size, sizeof text - size, "%s", i == 0 ? "}" : "]");
        }
        event.detail = (nimbus_bytes){ text, size };
        nimbus_rule_put(bus, "rule", "{\"detail\":{\"a\":[{\"exists\":false}]}}", NULL, &w->err);
        SETUP_OK(w);
        if (deep == 1000) {
            EQ(rules_of(bus, &event), 1);
        } else {
            IS(nimbus_bus_put(bus, &event, NULL), NIMBUS_E_JSON);
        }
    }
}

static void eb_e13_twenty_rules_fire_in_order_of_creation(void **state)
{
    world *w = *state;
    nimbus_bus *bus = default_bus(w);
    record r = { .count = 0 };
    probe_of probes[20];
    nimbus_event event = { .source = "shop", .detail_type = "t", .detail = bytes_of("{\"n\":7}") };
    for (int i = 0; i < 20; i++) {
        char name[16], pattern[80];
        probes[i] = (probe_of){ &r, i };
        snprintf(name, sizeof name, "%c-rule-%d", 'a' + (i * 7) % 20, i); /* the order of names is another one */
        snprintf(pattern, sizeof pattern, i % 3 == 0   ? "{\"detail\":{\"n\":[%d,7]}}"
                                          : i % 3 == 1 ? "{\"source\":[{\"anything-but\":\"%d\"}]}"
                                                       : "{\"detail\":{\"n\":[{\"numeric\":[\">\",-%d]}]}}", i);
        make_rule(w, bus, name, pattern, &probes[i]);
    }
    SETUP_OK(w);
    OK(nimbus_rule_put(bus, "a-rule-0", "{\"source\":[\"shop\"]}", NULL, NULL)); /* keeps its place */
    EQ(rules_of(bus, &event), 20);
    EQ(r.count, 20);
    for (int i = 0; i < 20; i++) {
        EQ(r.fired[i], i);
    }
}

static void eb_b7_a_disabled_rule_keeps_place_pattern_and_targets(void **state)
{
    world *w = *state;
    nimbus_bus *bus = default_bus(w);
    record r = { .count = 0 };
    probe_of probes[3] = { { &r, 0 }, { &r, 1 }, { &r, 2 } };
    nimbus_event event = { .source = "shop", .detail_type = "t", .detail = bytes_of("{}") };
    nimbus_rule_metrics metrics;
    make_rule(w, bus, "first", "{\"source\":[\"shop\"]}", &probes[0]);
    make_rule(w, bus, "second", "{\"source\":[\"shop\"]}", &probes[1]);
    make_rule(w, bus, "third", "{\"source\":[\"shop\"]}", &probes[2]);
    SETUP_OK(w);
    OK(nimbus_rule_enable(bus, "first", false));
    OK(nimbus_rule_enable(bus, "first", false));
    EQ(rules_of(bus, &event), 2);
    OK(nimbus_rule_get_metrics(bus, "first", &metrics));
    CHECK(metrics.disabled);
    EQ(metrics.targets, 1);
    EQ(metrics.matched_events, 0);
    OK(nimbus_rule_enable(bus, "first", true));
    r.count = 0;
    EQ(rules_of(bus, &event), 3);
    EQ(r.fired[0], 0);
    EQ(r.fired[2], 2);
    for (int i = 0; i < 500; i++) { /* what changes leave behind is cleared away meanwhile */
        OK(nimbus_rule_enable(bus, "second", i % 2 != 0));
    }
    r.count = 0;
    EQ(rules_of(bus, &event), 3);
    EQ(r.fired[1], 1);
    OK(nimbus_rule_get_metrics(bus, "second", &metrics));
    EQ(metrics.matched_events, 3);
    OK(nimbus_rule_put(bus, "second", "{\"source\":[\"shop\"]}", &(nimbus_rule_options){ .disabled = true }, NULL));
    EQ(rules_of(bus, &event), 2);
}

static void one_of_thousands_of_rules_matches(void **state)
{
    world *w = *state;
    nimbus_bus *bus = default_bus(w);
    nimbus_event event = { .source = "shop", .detail_type = "t", .detail = bytes_of("{\"id\":\"order-1234\",\"x\":[1,2,3]}") };
    nimbus_bus_metrics metrics;
    nimbus_put_result result;
    char name[32], pattern[80];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "rule-%d", i);
        snprintf(pattern, sizeof pattern, "{\"detail\":{\"id\":[\"order-%d\"]}}", i);
        nimbus_rule_put(bus, name, pattern, NULL, &w->err);
    }
    SETUP_OK(w);
    OK(nimbus_bus_put(bus, &event, &result));
    EQ(result.rules, 1);
    EQ(result.matched, 0); /* it has no target */
    OK(nimbus_bus_get_metrics(bus, &metrics));
    EQ(metrics.rules, MANY);
    EQ(metrics.put, 1);
    EQ(metrics.unmatched, 0);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "rule-%d", i);
        OK(nimbus_rule_delete(bus, name, false));
    }
    OK(nimbus_bus_put(bus, &event, &result));
    EQ(result.rules, 0);
    OK(nimbus_bus_get_metrics(bus, &metrics));
    EQ(metrics.rules, 0);
    EQ(metrics.unmatched, 1);
}

/* A rule for which the budget has no room is refused, and all others are as they were. */
static void rules_are_counted_in_the_memory_budget(void **state)
{
    world w;
    nimbus_bus *bus;
    nimbus_event event = { .source = "shop", .detail_type = "t", .detail = bytes_of("{\"id\":\"order-0\"}") };
    nimbus_status status = NIMBUS_OK;
    nimbus_bus_metrics metrics;
    int count = 0;
    char name[32], pattern[80];
    (void)state;
    world_open(&w, (nimbus_options){ .driven = true, .manual_clock = true, .max_memory = 4 << 20,
                                     .limits = { .preset = NIMBUS_LIMITS_RELAXED } });
    bus = default_bus(&w);
    SETUP_OK(&w);
    for (; status == NIMBUS_OK; count++) {
        snprintf(name, sizeof name, "rule-%d", count);
        snprintf(pattern, sizeof pattern, "{\"detail\":{\"id\":[\"order-%d\"]}}", count);
        status = nimbus_rule_put(bus, name, pattern, NULL, NULL);
    }
    IS(status, NIMBUS_E_FULL);
    CHECK(count > 1000);
    EQ(nimbus_rule_delete(bus, name, true), NIMBUS_OK); /* it is not there */
    OK(nimbus_bus_get_metrics(bus, &metrics));
    EQ(metrics.rules, count - 1);
    EQ(rules_of(bus, &event), 1);
    OK(nimbus_bus_get_metrics(bus, &metrics));
    EQ(metrics.refused, 0);
    for (int i = 0; i < count - 1; i++) { /* removing needs none */
        snprintf(name, sizeof name, "rule-%d", i);
        OK(nimbus_rule_delete(bus, name, false));
    }
    EQ(rules_of(bus, &event), 0);
    OK(nimbus_rule_put(bus, "again", "{\"source\":[\"shop\"]}", NULL, NULL));
    EQ(rules_of(bus, &event), 1);
    EQ(world_close(&w), 0);
}

static int relaxed_setup(void **state)
{
    return h_open_for_test(state, (nimbus_options){ .driven = true, .manual_clock = true, .limits = { .preset = NIMBUS_LIMITS_RELAXED } });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(eb_e1_each_part_of_an_event_is_matched_without_its_json),
        DRIVEN(a_source_that_is_no_text_matches_as_it_is_written),
        DRIVEN(eb_e5_a_broken_detail_is_refused_whatever_the_rules_look_at),
        DRIVEN(eb_e12_a_detail_nests_a_thousand_deep),
        DRIVEN(eb_e13_twenty_rules_fire_in_order_of_creation),
        DRIVEN(eb_b7_a_disabled_rule_keeps_place_pattern_and_targets),
        cmocka_unit_test_setup_teardown(one_of_thousands_of_rules_matches, relaxed_setup, driven_teardown),
        cmocka_unit_test(rules_are_counted_in_the_memory_budget),
    };
    return cmocka_run_group_tests_name("bus_index", tests, NULL, NULL);
}
