/*
 * differential.c - random patterns against random events: the library's answers and the reference matcher's.
 *
 *     differential [--pairs N] [--seed S] [--batch NUMBER]
 *
 * Each batch draws patterns and events that have to do with each other. Each text is judged by both sides; each valid pattern is tried on
 * each valid event, alone and in a matcher that holds all of them. Then rules are taken out, put back and replaced, in any order, and the
 * matcher must answer as if it had been built afresh.
 *
 * Prints each difference with what is needed to see it again, then a table of operator by verdict. It fails on a difference, and if an
 * operator matches in less than 20 % or more than 80 % of its pairs, for then it would prove little.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nimbus/pattern.h>

#include "generate.h"
#include "reference.h"

#define PATTERNS 40
#define EVENTS 25
#define MAX_PRINTED 200

typedef struct rule {
    gen_text text;
    uint64_t operators;
    ref_pattern *reference;
    nimbus_pattern *pattern;
    char id[16];
    bool in; /* the matcher holds it */
} rule;

typedef struct occasion {
    gen_text text;
    ref_event *reference;
} occasion;

static gen dice;
static unsigned long batch;
static unsigned long seed = 1;
static unsigned long long pairs, in_matcher, differences, refused, malformed, by_array, unsupported;
static unsigned long long verdicts[GEN_OP_COUNT][2];

static void differ(const char *what, const rule *r, const occasion *o, bool reference)
{
    if (++differences <= MAX_PRINTED) {
        printf("seed %lu batch %lu: %s, reference says %s\n  pattern %s\n  event %s\n", seed, batch, what, reference ? "yes" : "no",
               r == NULL ? "-" : r->text.data, o == NULL ? "-" : o->text.data);
    }
}

/* ------------------------------------------------------------------------------------------------ one batch */

static void draw_rule(rule *r, const gen_leaf *leaves, size_t count, size_t number)
{
    nimbus_error err = { 0 };

    memset(r, 0, sizeof *r);
    snprintf(r->id, sizeof r->id, "r%zu", number);
    gen_pattern(&dice, &r->text, leaves, count);
    r->operators = dice.operators;
    if (gen_chance(&dice, 5)) {
        gen_damage(&dice, &r->text);
        r->operators = 0;
    }
    r->reference = ref_compile(r->text.data, r->text.size, REF_EVENT, NULL);
    r->pattern = nimbus_pattern_compile(r->text.data, NULL, &err);
    if (err.status == NIMBUS_E_UNSUPPORTED) {
        unsupported++;
        ref_pattern_free(r->reference);
        r->reference = NULL;
    } else if ((r->pattern != NULL) != (r->reference != NULL)) {
        differ("pattern valid?", r, NULL, r->reference != NULL);
    }
    refused += r->reference == NULL;
    if (r->reference == NULL || r->pattern == NULL) {
        nimbus_pattern_release(r->pattern);
        ref_pattern_free(r->reference);
        r->pattern = NULL;
        r->reference = NULL;
    }
}

static void draw_event(occasion *o, const gen_value *base)
{
    gen_value *event = gen_variant(&dice, base);

    memset(o, 0, sizeof *o);
    gen_render(&dice, &o->text, event);
    gen_event_free(event);
    if (gen_chance(&dice, 4)) {
        gen_damage(&dice, &o->text);
    }
    o->reference = ref_event_read(o->text.data, o->text.size);
    malformed += o->reference == NULL;
}

static void tally(const rule *r, bool match)
{
    for (unsigned op = 0; op < GEN_OP_COUNT; op++) {
        verdicts[op][match] += r->operators >> op & 1;
    }
}

static void compare_alone(const rule *r, const occasion *o, bool *ret_expected)
{
    bool match = false;
    nimbus_status status = nimbus_pattern_match(r->pattern, o->text.data, o->text.size, &match);

    *ret_expected = false;
    if (o->reference == NULL || status != NIMBUS_OK) {
        if ((status == NIMBUS_OK) != (o->reference != NULL)) {
            differ("event valid?", r, o, o->reference != NULL);
        }
        return;
    }
    *ret_expected = ref_match(r->reference, o->reference);
    if (*ret_expected != match) {
        differ("match?", r, o, *ret_expected);
    }
    by_array += !*ret_expected && ref_match_loosely(r->reference, o->reference);
    pairs++;
    tally(r, *ret_expected);
}

/* ----------------------------------------------------------------------------------------------- the matcher */

typedef struct marks {
    const rule *rules;
    unsigned char hits[PATTERNS];
} marks;

static bool mark(const nimbus_matched *matched, void *user)
{
    marks *m = user;

    m->hits[(const rule *)matched->user - m->rules]++;
    return true;
}

/* One event through the matcher, read as a whole or trusted, against what each pattern alone should say. */
static void compare_matcher(nimbus_matcher *matcher, const rule *rules, const occasion *o, const bool *expected, bool trusted,
                            const char *what)
{
    marks m = { rules, { 0 } };
    nimbus_match_options options = { .trusted = trusted };
    size_t count = 0;
    nimbus_status status = nimbus_matcher_match(matcher, o->text.data, o->text.size, &options, mark, &m, &count);

    if (o->reference == NULL || status != NIMBUS_OK) {
        if ((status == NIMBUS_OK) != (o->reference != NULL)) {
            differ("matcher: event valid?", NULL, o, o->reference != NULL);
        }
        return;
    }
    for (size_t i = 0; i < PATTERNS; i++) {
        unsigned want = rules[i].in && expected[i];

        count -= want;
        in_matcher += rules[i].in;
        if (m.hits[i] != want) {
            differ(what, &rules[i], o, want != 0);
        }
    }
    if (count != 0) {
        differ("matcher: the count is right?", NULL, o, true);
    }
}

static void compare_all(nimbus_matcher *matcher, const rule *rules, const occasion *occasions, bool expected[EVENTS][PATTERNS],
                        const char *what)
{
    for (size_t e = 0; e < EVENTS; e++) {
        const occasion *o = &occasions[e];

        compare_matcher(matcher, rules, o, expected[e], false, what);
        if (o->reference != NULL && !ref_event_has_twins(o->reference)) {
            compare_matcher(matcher, rules, o, expected[e], true, "matcher, trusted");
        }
    }
}

static void put_in(nimbus_matcher *matcher, rule *r, const char *id, const rule *text_of)
{
    nimbus_error err = { 0 };

    if (nimbus_matcher_add(matcher, id, text_of->text.data, r, &err) != NIMBUS_OK) {
        differ("the matcher takes a valid pattern?", r, NULL, true);
        return;
    }
    r->in = true;
}

/* Rules go, come back and are replaced, in an order that the dice choose. */
static void shuffle_rules(nimbus_matcher *matcher, rule *rules)
{
    for (unsigned i = 0; i < 3 * PATTERNS; i++) {
        rule *r = &rules[gen_below(&dice, PATTERNS)];

        if (r->pattern == NULL) {
            continue;
        }
        if (!r->in) {
            put_in(matcher, r, r->id, r);
        } else if (gen_chance(&dice, 30)) {
            /* another pattern in its place for a while, and then itself again */
            const rule *other = &rules[gen_below(&dice, PATTERNS)];

            put_in(matcher, r, r->id, other->pattern != NULL ? other : r);
            put_in(matcher, r, r->id, r);
        } else if (nimbus_matcher_remove(matcher, r->id) == NIMBUS_OK) {
            r->in = false;
        } else {
            differ("the matcher removes a rule that it holds?", r, NULL, true);
        }
    }
}

static void use_matcher(rule *rules, const occasion *occasions, bool expected[EVENTS][PATTERNS])
{
    nimbus_matcher *matcher = nimbus_matcher_create(NULL, NULL);

    for (size_t i = 0; i < PATTERNS; i++) {
        if (rules[i].pattern != NULL) {
            put_in(matcher, &rules[i], rules[i].id, &rules[i]);
        }
    }
    compare_all(matcher, rules, occasions, expected, "matcher");
    for (unsigned round = 0; round < 2; round++) {
        shuffle_rules(matcher, rules);
        compare_all(matcher, rules, occasions, expected, "matcher after changes");
    }
    nimbus_matcher_release(matcher);
}

static void run_batch(void)
{
    static rule rules[PATTERNS];
    static occasion occasions[EVENTS];
    static bool expected[EVENTS][PATTERNS];
    gen_leaf leaves[GEN_MAX_LEAVES];
    gen_value *base;
    size_t count;

    dice.state = (uint64_t)seed << 40 ^ (uint64_t)batch << 8;
    base = gen_event(&dice);
    count = gen_leaves(base, leaves);
    memset(expected, 0, sizeof expected);
    for (size_t i = 0; i < PATTERNS; i++) {
        draw_rule(&rules[i], leaves, count, i);
    }
    for (size_t e = 0; e < EVENTS; e++) {
        draw_event(&occasions[e], base);
        for (size_t i = 0; i < PATTERNS; i++) {
            if (rules[i].pattern != NULL) {
                compare_alone(&rules[i], &occasions[e], &expected[e][i]);
            }
        }
    }
    use_matcher(rules, occasions, expected);
    for (size_t i = 0; i < PATTERNS; i++) {
        nimbus_pattern_release(rules[i].pattern);
        ref_pattern_free(rules[i].reference);
        gen_text_free(&rules[i].text);
    }
    for (size_t e = 0; e < EVENTS; e++) {
        ref_event_free(occasions[e].reference);
        gen_text_free(&occasions[e].text);
    }
    gen_event_free(base);
}

/* --------------------------------------------------------------------------------------------------- result */

/* Returns: operators that answer nearly always the same. */
static unsigned print_table(void)
{
    unsigned lopsided = 0;

    printf("%-26s %10s %10s %8s\n", "operator", "match", "no match", "matching");
    for (unsigned op = 0; op < GEN_OP_COUNT; op++) {
        unsigned long long all = verdicts[op][0] + verdicts[op][1];
        double share = all == 0 ? 0.0 : 100.0 * (double)verdicts[op][1] / (double)all;

        printf("%-26s %10llu %10llu %6.1f %%\n", gen_operator_names[op], verdicts[op][1], verdicts[op][0], share);
        lopsided += share < 20.0 || share > 80.0;
    }
    return lopsided;
}

int main(int argc, char **argv)
{
    unsigned long long wanted = 1000000;
    unsigned long first = 0;
    unsigned long last = ULONG_MAX;
    unsigned lopsided;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--pairs") == 0 && i + 1 < argc) {
            wanted = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--batch") == 0 && i + 1 < argc) {
            first = strtoul(argv[++i], NULL, 10);
            last = first + 1;
        } else {
            fprintf(stderr, "usage: differential [--pairs N] [--seed S] [--batch NUMBER]\n");
            return 2;
        }
    }
    for (batch = first; batch < last && pairs < wanted && differences < 1000; batch++) {
        run_batch();
    }
    lopsided = print_table();
    printf("%llu pairs alone, %llu in a matcher, %lu batches, seed %lu; %llu patterns and %llu events refused by both; array consistency "
           "decided %llu; %llu patterns skipped: an operator that the library lacks\n",
           pairs, in_matcher, batch - first, seed, refused - unsupported, malformed, by_array, unsupported);
    printf("%llu differences, %u operators outside 20 to 80 %% matching\n", differences, lopsided);
    return differences != 0 || (lopsided != 0 && pairs >= 100000) || pairs == 0 || (by_array == 0 && pairs >= 100000);
}
