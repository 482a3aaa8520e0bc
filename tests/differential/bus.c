/*
 * bus.c - a bus with many rules says what nimbus_pattern says of each rule alone.
 *
 *     bus [--rounds N] [--seed S] [--threads N] [--changes N]
 *
 * First one thread: in each round rules are drawn for one family of events, and put, replaced, disabled, enabled and deleted between puts.
 * A rule for everything hands out the event as it was delivered; each other rule must have fired, or not, as nimbus_pattern_match() says
 * of that text, and in order of creation.
 *
 * Then several threads put while one changes rules without a pause, as in changing.c: an answer about a rule that was in, or out, for the
 * whole of a put must be right; of the others only those that match may fire.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nimbus/nimbus.h>

#include "generate.h"

#define RULES 48
#define EVENTS 24
#define MAX_THREADS 16

typedef struct rule {
    char id[16];
    gen_text text;
    nimbus_pattern *pattern;
    bool in, disabled;
    atomic_uint born;        /* its place in the order of creation; a put that is under way reads it */
    atomic_uint_fast64_t at; /* of the threads: odd: it is being changed; else bit 1: it is in */
} rule;

static rule rules[RULES];
static gen_text details[EVENTS];
static nimbus_event events[EVENTS];
static bool expected[EVENTS][RULES];
static nimbus_runtime *nb;
static nimbus_bus *bus;
static atomic_bool done;
static atomic_ulong failures;
static unsigned births;

/* What the handlers of one put saw. */
static _Thread_local struct {
    char *body;
    size_t size;
    unsigned fired[RULES];
    unsigned last; /* place of the rule that fired last */
    bool disordered;
} seen;

static void fail(const char *what, unsigned r, unsigned e)
{
    if (atomic_fetch_add(&failures, 1) < 10) {
        printf("%s\n  rule %s: %s\n  detail %s\n", what, rules[r].id, rules[r].text.data, details[e].data);
    }
}

static nimbus_outcome keep_body(const nimbus_delivery *delivery, void *user)
{
    nimbus_bytes body = nimbus_delivery_body(delivery);

    (void)user;
    seen.body = realloc(seen.body, body.size + 1);
    memcpy(seen.body, body.data, body.size);
    seen.size = body.size;
    return NIMBUS_DONE;
}

static nimbus_outcome note(const nimbus_delivery *delivery, void *user)
{
    const rule *r = user;

    (void)delivery;
    seen.fired[r - rules]++;
    seen.disordered = seen.disordered || r->born < seen.last;
    seen.last = r->born;
    return NIMBUS_DONE;
}

static bool put(unsigned e)
{
    memset(seen.fired, 0, sizeof seen.fired);
    seen.last = 0;
    seen.disordered = false;
    if (nimbus_bus_put(bus, &events[e], NULL) != NIMBUS_OK) {
        fail("a valid event is refused", 0, e);
        return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------- drawing */

static const char *const sources[] = { "shop", "a.b", "\xC3\xA9t\xC3\xA9", "x\xFF\xC0y", "\xED\xA0\x80", "say \"hi\"\\", "10.0.0.1" };
static const char *const wanted[] = { "\"shop\"", "{\"prefix\":\"a\"}", "\"\\u00e9t\\u00e9\"", "\"x\\ufffd\\ufffdy\"", "\"\\ud800\"",
                                      "{\"wildcard\":\"say *\"}", "{\"cidr\":\"10.0.0.0/8\"}", "{\"anything-but\":\"shop\"}",
                                      "{\"exists\":true}", "{\"exists\":false}" };
static const char *const members[] = { "source", "detail-type", "resources" };
static const char *const lists[] = { "\"id\":[{\"prefix\":\"0\"},{\"suffix\":\"7\"}]", "\"time\":[{\"prefix\":\"2020-01-0\"}]",
                                     "\"time\":[{\"anything-but\":\"x\"}]", "\"version\":[\"0\"]", "\"account\":[\"000000000000\"]",
                                     "\"region\":[{\"exists\":false}]", "\"id\":[{\"exists\":true}]",
                                     "\"resources\":{\"x\":[{\"exists\":false}]}", "\"replay-name\":[{\"exists\":false}]",
                                     "\"$or\":[{\"source\":[\"shop\"]},{\"detail-type\":[\"a.b\"]}]" };

#define PICK(g, array) ((array)[gen_below((g), sizeof(array) / sizeof((array)[0]))])

/* Something about the event around the detail; threads: nothing of its id and time, which differ from put to put. */
static void say_around(gen *dice, gen_text *text, bool threads)
{
    if (!threads && gen_chance(dice, 30)) {
        gen_say(text, ",");
        gen_say(text, PICK(dice, lists));
    }
    for (unsigned i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (gen_chance(dice, 20)) {
            gen_say(text, ",\"");
            gen_say(text, members[i]);
            gen_say(text, "\":[");
            gen_say(text, PICK(dice, wanted));
            gen_say(text, ",");
            gen_say(text, PICK(dice, wanted));
            gen_say(text, "]");
        }
    }
}

static void draw_rule(gen *dice, rule *r, const gen_leaf *leaves, size_t count, bool threads)
{
    nimbus_pattern_release(r->pattern);
    r->pattern = NULL;
    while (r->pattern == NULL) {
        gen_text_free(&r->text);
        gen_say(&r->text, "{\"detail\":");
        gen_pattern(dice, &r->text, leaves, count);
        say_around(dice, &r->text, threads);
        gen_say(&r->text, "}");
        gen_add(&r->text, "", 1);
        r->pattern = nimbus_pattern_compile(r->text.data, NULL, NULL);
        if (r->pattern != NULL && r->text.size > 4000) {
            nimbus_pattern_release(r->pattern);
            r->pattern = NULL;
        }
    }
}

static void draw_events(gen *dice, const gen_value *base)
{
    static const char *resources[EVENTS][2];

    for (unsigned e = 0; e < EVENTS; e++) {
        gen_value *variant = gen_variant(dice, base);

        gen_text_free(&details[e]);
        gen_render(dice, &details[e], variant);
        gen_event_free(variant);
        resources[e][0] = PICK(dice, sources);
        resources[e][1] = PICK(dice, sources);
        events[e] = (nimbus_event){ .source = PICK(dice, sources), .detail_type = PICK(dice, sources),
                                    .detail = { details[e].data, details[e].size }, .resources = resources[e],
                                    .resource_count = gen_below(dice, 3) };
    }
}

/* --------------------------------------------------------------------------------------------- one by one */

static void put_rule(rule *r, bool disabled)
{
    nimbus_error err = { 0 };

    if (!r->in) {
        r->born = ++births;
    }
    nimbus_rule_put(bus, r->id, r->text.data, &(nimbus_rule_options){ .disabled = disabled }, &err);
    if (!r->in) {
        nimbus_rule_target(bus, r->id, "inline", nimbus_to_inline(note, r, NULL), NULL, &err);
    }
    if (err.status != NIMBUS_OK) {
        fail(err.reason, (unsigned)(r - rules), 0);
    }
    r->in = true;
    r->disabled = disabled;
}

static void delete_rule(rule *r)
{
    if (nimbus_rule_delete(bus, r->id, true) != NIMBUS_OK) {
        fail("a rule cannot be deleted", (unsigned)(r - rules), 0);
    }
    r->in = false;
}

static unsigned compare(unsigned e)
{
    unsigned matches = 0;

    if (!put(e)) {
        return 0;
    }
    if (seen.disordered) {
        fail("rules fired out of order", 0, e);
    }
    for (unsigned r = 0; r < RULES; r++) {
        bool match = false;

        if (rules[r].pattern != NULL && nimbus_pattern_match(rules[r].pattern, seen.body, seen.size, &match) != NIMBUS_OK) {
            fail("what was delivered is no event", r, e);
        }
        match = match && rules[r].in && !rules[r].disabled;
        if (seen.fired[r] != match) {
            fail(match ? "a rule did not fire" : "a rule fired", r, e);
        }
        matches += match;
    }
    return matches;
}

static void change_one(gen *dice, const gen_leaf *leaves, size_t count)
{
    rule *r = &rules[gen_below(dice, RULES)];

    if (!r->in) {
        draw_rule(dice, r, leaves, count, false);
        put_rule(r, gen_chance(dice, 20));
    } else if (gen_chance(dice, 30)) {
        delete_rule(r);
    } else if (gen_chance(dice, 50)) {
        r->disabled = !r->disabled;
        if (nimbus_rule_enable(bus, r->id, !r->disabled) != NIMBUS_OK) {
            fail("a rule cannot be enabled", (unsigned)(r - rules), 0);
        }
    } else {
        draw_rule(dice, r, leaves, count, false);
        put_rule(r, gen_chance(dice, 20));
    }
}

static int run_rounds(gen *dice, unsigned long rounds)
{
    unsigned long puts = 0, matches = 0;

    for (unsigned long i = 0; i < rounds; i++) {
        gen_leaf leaves[GEN_MAX_LEAVES];
        gen_value *base = gen_event(dice);
        size_t count = gen_leaves(base, leaves);

        draw_events(dice, base);
        for (unsigned e = 0; e < EVENTS; e++) {
            for (unsigned n = i == 0 ? RULES * 2 : 4; n > 0; n--) {
                change_one(dice, leaves, count);
            }
            matches += compare(e);
            puts++;
        }
        gen_event_free(base);
    }
    printf("%lu puts, %.1f of %d rules matched; %lu failures\n", puts, puts != 0 ? (double)matches / (double)puts : 0.0, RULES,
           atomic_load(&failures));
    return matches == 0;
}

/* ------------------------------------------------------------------------------------------------- threads */

typedef struct putter {
    pthread_t thread;
    uint64_t seed;
    unsigned long puts, sure;
} putter;

static void put_once(putter *p, unsigned e)
{
    uint64_t before[RULES];

    for (unsigned r = 0; r < RULES; r++) {
        before[r] = atomic_load(&rules[r].at);
    }
    if (!put(e)) {
        return;
    }
    for (unsigned r = 0; r < RULES; r++) {
        bool sure = before[r] % 2 == 0 && atomic_load(&rules[r].at) == before[r];
        bool in = (before[r] & 2) != 0;

        if (seen.fired[r] > expected[e][r]) {
            fail(expected[e][r] ? "a rule fired twice" : "a rule fired that does not match", r, e);
        } else if (sure && seen.fired[r] != (in && expected[e][r])) {
            fail(in ? "a rule that was there did not fire" : "a rule that was gone fired", r, e);
        }
        p->sure += sure;
    }
    p->puts++;
}

static void *put_all(void *arg)
{
    putter *p = arg;
    gen dice = { .state = p->seed };

    do {
        put_once(p, gen_below(&dice, EVENTS));
    } while (!atomic_load(&done));
    free(seen.body);
    seen.body = NULL;
    return NULL;
}

/* Comes, goes, or is replaced by itself; odd rules stay as they are. */
static void change_for_threads(gen *dice)
{
    rule *r = &rules[gen_below(dice, RULES / 2) * 2];
    uint64_t at = atomic_load(&r->at);

    if (r->in && !r->disabled && gen_chance(dice, 30)) { /* the same again: it must fire all the time */
        put_rule(r, false);
        return;
    }
    atomic_store(&r->at, at + 1);
    if (r->in && gen_chance(dice, 50)) {
        nimbus_rule_enable(bus, r->id, r->disabled);
        r->disabled = !r->disabled;
    } else if (r->in) {
        delete_rule(r);
    } else {
        put_rule(r, false);
    }
    atomic_store(&r->at, ((at >> 2) + 1) << 2 | (r->in && !r->disabled ? 2U : 0U));
}

static void set_up_threads(gen *dice)
{
    gen_leaf leaves[GEN_MAX_LEAVES];
    gen_value *base = gen_event(dice);
    size_t count = gen_leaves(base, leaves);

    draw_events(dice, base);
    for (unsigned r = 0; r < RULES; r++) {
        if (rules[r].in) {
            delete_rule(&rules[r]);
        }
        draw_rule(dice, &rules[r], leaves, count, true);
        if (r % 2 != 0) {
            put_rule(&rules[r], false);
        }
        atomic_store(&rules[r].at, rules[r].in ? 2 : 0);
    }
    for (unsigned e = 0; e < EVENTS; e++) {
        put(e);
        for (unsigned r = 0; r < RULES; r++) {
            nimbus_pattern_match(rules[r].pattern, seen.body, seen.size, &expected[e][r]);
        }
    }
    gen_event_free(base);
}

static int run_threads(gen *dice, unsigned threads, unsigned long changes)
{
    static putter putters[MAX_THREADS];
    unsigned long puts = 0, sure = 0;

    set_up_threads(dice);
    for (unsigned i = 0; i < threads; i++) {
        putters[i].seed = i + 1;
        pthread_create(&putters[i].thread, NULL, put_all, &putters[i]);
    }
    for (unsigned long i = 0; i < changes; i++) {
        change_for_threads(dice);
    }
    atomic_store(&done, true);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(putters[i].thread, NULL);
        puts += putters[i].puts;
        sure += putters[i].sure;
    }
    printf("%lu changes and %lu puts by %u threads; %lu answers were certain; %lu failures\n", changes, puts, threads, sure,
           atomic_load(&failures));
    return sure == 0;
}

int main(int argc, char **argv)
{
    unsigned long rounds = 400, changes = 20000;
    unsigned threads = 4;
    gen dice = { .state = 1 };
    int wrong;

    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned long value = strtoul(argv[i + 1], NULL, 10);

        if (strcmp(argv[i], "--rounds") == 0) {
            rounds = value;
        } else if (strcmp(argv[i], "--changes") == 0) {
            changes = value;
        } else if (strcmp(argv[i], "--threads") == 0 && value >= 1 && value <= MAX_THREADS) {
            threads = (unsigned)value;
        } else if (strcmp(argv[i], "--seed") == 0) {
            dice.state = value;
        } else {
            fprintf(stderr, "usage: bus [--rounds N] [--seed S] [--threads N] [--changes N]\n");
            return 2;
        }
    }
    nb = nimbus_open(&(nimbus_options){ .driven = true, .manual_clock = true }, NULL);
    bus = nimbus_bus_create(nb, "bus", NULL);
    for (unsigned r = 0; r < RULES; r++) {
        snprintf(rules[r].id, sizeof rules[r].id, "rule-%u", r);
    }
    if (nimbus_rule_put(bus, "all", "{\"version\":[\"0\"]}", NULL, NULL) != NIMBUS_OK ||
        nimbus_rule_target(bus, "all", "body", nimbus_to_inline(keep_body, NULL, NULL), NULL, NULL) != NIMBUS_OK) {
        printf("the bus cannot be set up\n");
        return 1;
    }
    wrong = run_rounds(&dice, rounds) | run_threads(&dice, threads, changes);
    free(seen.body);
    wrong |= nimbus_close(nb, NIMBUS_SECONDS(10), NULL) != NIMBUS_OK;
    for (unsigned r = 0; r < RULES; r++) {
        nimbus_pattern_release(rules[r].pattern);
        gen_text_free(&rules[r].text);
    }
    for (unsigned e = 0; e < EVENTS; e++) {
        gen_text_free(&details[e]);
    }
    return wrong || atomic_load(&failures) != 0;
}
