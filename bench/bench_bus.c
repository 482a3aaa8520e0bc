/* bench_bus.c - an event against the rules of a bus, and a message against the filters of a topic, beside patterns tried one by one. */
#include "events.h"
#include "harness.h"

#include <nimbus/nimbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS = 240 };

typedef enum what { BUS, ATTRIBUTES, BODY } what;

/* A bus or topic with c->fanout rules, and the same rules by themselves; made when a case is first run. */
typedef struct world {
    what what;
    size_t rules;
    nimbus_runtime *nb;
    nimbus_bus *bus;
    nimbus_topic *topic;
    nimbus_pattern **patterns;
    bench_text texts[2];
    struct {
        char source[16];
        nimbus_bytes whole, detail;
        char key[40];
    } events[EVENTS];
    uint64_t calls;
} world;

static world *worlds[16];

static nimbus_outcome count_call(const nimbus_delivery *delivery, void *user)
{
    (void)delivery;
    ++*(uint64_t *)user;
    return NIMBUS_DONE;
}

/* ---------------------------------------------------------------------------------------------- set-up */

static void make_bus(world *w)
{
    nimbus_error err = { .status = NIMBUS_OK };
    char *at;
    bench_many_rules(&w->texts[0], "exact", w->rules);
    bench_many_events(&w->texts[1], "exact", w->rules, EVENTS, 1);
    w->bus = nimbus_bus_create(w->nb, "bench", &err);
    at = w->texts[0].data;
    for (size_t i = 0; i < w->rules; i++) {
        char *name = at, *pattern = strchr(at, '\t') + 1, *end = strchr(pattern, '\n');
        pattern[-1] = *end = '\0';
        nimbus_rule_put(w->bus, name, pattern, NULL, &err);
        nimbus_rule_target(w->bus, name, "inline", nimbus_to_inline(count_call, &w->calls, NULL), NULL, &err);
        w->patterns[i] = nimbus_pattern_compile(pattern, NULL, &err);
        at = end + 1;
    }
    at = w->texts[1].data;
    for (size_t i = 0; i < EVENTS; i++) {
        char *end = strchr(at, '\n'), *source = strstr(at, "\"svc."), *detail = strstr(at, "\"detail\":{");
        w->events[i].whole = (nimbus_bytes){ at, (size_t)(end - at) };
        memcpy(w->events[i].source, source + 1, 6);
        w->events[i].detail = (nimbus_bytes){ detail + 9, (size_t)(end - 1 - (detail + 9)) };
        at = end + 1;
    }
    bench_check(err.status == NIMBUS_OK, err.reason);
}

static void make_topic(world *w)
{
    nimbus_error err = { .status = NIMBUS_OK };
    const nimbus_pattern_options options = { .profile = w->what == BODY ? NIMBUS_PROFILE_SNS_BODY : NIMBUS_PROFILE_SNS_ATTRIBUTES };
    uint64_t seed = 1;
    w->topic = nimbus_topic_create(w->nb, "bench", NULL, &err);
    for (size_t i = 0; i < w->rules; i++) {
        char policy[80];
        snprintf(policy, sizeof policy, "{\"store\":[\"north\",\"south\"],\"key\":[\"k-%zu\"]}", i);
        nimbus_delivery_options delivery = { .filter = policy,
                                             .filter_scope = w->what == BODY ? NIMBUS_FILTER_BODY : NIMBUS_FILTER_ATTRIBUTES };
        nimbus_topic_subscribe(w->topic, nimbus_to_inline(count_call, &w->calls, NULL), &delivery, &err, NULL);
        w->patterns[i] = nimbus_pattern_compile(policy, &options, &err);
    }
    for (size_t i = 0; i < EVENTS; i++)
        snprintf(w->events[i].key, sizeof w->events[i].key, "k-%u", (unsigned)bench_draw(&seed, w->rules));
    if (w->what == BODY) {
        for (size_t i = 0; i < EVENTS; i++)
            bench_say(&w->texts[1],
                      "{\"store\":\"north\",\"items\":[{\"sku\":\"a-17\",\"count\":3},{\"sku\":\"b-4\",\"count\":1}],\"key\":\"%s\"}\n",
                      w->events[i].key);
        char *at = w->texts[1].data;
        for (size_t i = 0; i < EVENTS; i++) {
            char *end = strchr(at, '\n');
            w->events[i].whole = (nimbus_bytes){ at, (size_t)(end - at) };
            at = end + 1;
        }
    }
    bench_check(err.status == NIMBUS_OK, err.reason);
}

/* The smallest run is only to see that it works. */
static world *world_of(const bench_case *c, uint64_t ops)
{
    size_t rules = ops <= BENCH_OPS_MULTIPLE && c->fanout > 1000 ? 1000 : c->fanout;
    what kind = c->name[0] == 'p' && c->name[1] == 'u' && c->name[2] == 't' ? BUS : strstr(c->name, "body") != NULL ? BODY : ATTRIBUTES;
    size_t i = 0;
    for (; worlds[i] != NULL; i++)
        if (worlds[i]->what == kind && worlds[i]->rules == rules)
            return worlds[i];
    world *w = calloc(1, sizeof *w);
    bench_check(w != NULL, "out of memory");
    worlds[i] = w;
    w->what = kind;
    w->rules = rules;
    w->nb = nimbus_open(&(nimbus_options){ .driven = true, .max_memory = SIZE_MAX, .limits = { .preset = NIMBUS_LIMITS_RELAXED } }, NULL);
    w->patterns = bench_alloc(w->rules * sizeof *w->patterns);
    if (kind == BUS)
        make_bus(w);
    else
        make_topic(w);
    return w;
}

/* ------------------------------------------------------------------------------------------------ runs */

static nimbus_attribute text_attribute(const char *name, const char *value)
{
    return (nimbus_attribute){ .name = name, .kind = NIMBUS_STRING, .value = { value, strlen(value) } };
}

static double ours(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    (void)subject;
    world *w = world_of(c, ops);
    uint64_t before = w->calls, start = bench_now();
    for (uint64_t i = 0; i < ops; i++) {
        size_t e = i % EVENTS;
        if (w->what == BUS) {
            nimbus_event event = { .source = w->events[e].source, .detail_type = "order placed", .detail = w->events[e].detail };
            nimbus_bus_put(w->bus, &event, NULL);
        } else {
            const nimbus_attribute attributes[] = { text_attribute("store", "north"), text_attribute("key", w->events[e].key) };
            nimbus_bytes body = w->what == BODY ? w->events[e].whole : (nimbus_bytes){ "x", 1 };
            nimbus_entry entry = { .body = nimbus_copy(body.data, body.size), .attributes = attributes,
                                   .attribute_count = w->what == BODY ? 0 : 2 };
            nimbus_topic_publish(w->topic, &entry, NULL);
        }
    }
    uint64_t end = bench_now();
    bench_check(w->calls - before == ops, "each event has one match");
    return (double)(end - start);
}

/* Only the matching. */
static double one_by_one(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    (void)subject;
    world *w = world_of(c, ops);
    uint64_t matches = 0, start = bench_now();
    for (uint64_t i = 0; i < ops; i++) {
        size_t e = i % EVENTS;
        const nimbus_attribute attributes[] = { text_attribute("store", "north"), text_attribute("key", w->events[e].key) };
        for (size_t r = 0; r < w->rules; r++) {
            bool match = false;
            if (w->what == ATTRIBUTES)
                nimbus_pattern_match_attributes(w->patterns[r], attributes, 2, &match);
            else
                nimbus_pattern_match(w->patterns[r], w->events[e].whole.data, w->events[e].whole.size, &match);
            matches += match;
        }
    }
    uint64_t end = bench_now();
    bench_check(matches == ops, "each event has one match");
    return (double)(end - start);
}

static const bench_subject both[] = {
    { .name = "nimbus", .run = ours },
    { .name = "patterns one by one, matching only", .run = one_by_one },
};

static const bench_subject alone[] = { { .name = "nimbus", .run = ours } };

#define BOTH .subjects = both, .subject_count = BENCH_COUNT(both)
#define ALONE .subjects = alone, .subject_count = BENCH_COUNT(alone)

static const bench_case cases[] = {
    { .name = "put, 1 rule", BOTH, .fanout = 1 },
    { .name = "put, 100 rules", BOTH, .fanout = 100 },
    { .name = "put, 10,000 rules", ALONE, .fanout = 10000 },
    { .name = "put, 100,000 rules", ALONE, .fanout = 100000 },
    { .name = "publish, 1 filter on attributes", BOTH, .fanout = 1 },
    { .name = "publish, 4 filters on attributes", BOTH, .fanout = 4 },
    { .name = "publish, 16 filters on attributes", BOTH, .fanout = 16 },
    { .name = "publish, 1,000 filters on attributes", BOTH, .fanout = 1000 },
    { .name = "publish, 1 filter on the body", BOTH, .fanout = 1 },
    { .name = "publish, 4 filters on the body", BOTH, .fanout = 4 },
    { .name = "publish, 16 filters on the body", BOTH, .fanout = 16 },
    { .name = "publish, 1,000 filters on the body", BOTH, .fanout = 1000 },
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "bus", cases, BENCH_COUNT(cases));
}
