/*
 * fuzz_match.c - patterns and an event, one a line: the library's answers against the reference matcher's, in every way there is to ask.
 *
 * The last line is the event, each other one a pattern; at most 8 of them.
 */
#include <stdlib.h>
#include <string.h>

#include <nimbus/pattern.h>

#include "fuzz.h"
#include "reference.h"

#define MAX_SIZE 8192
#define MAX_RULES 8
#define MAX_STEPS 200000

typedef struct rule {
    fuzz_part text;
    nimbus_pattern *pattern;
    ref_pattern *reference;
    unsigned hits; /* in the matcher */
} rule;

static const char *const names[MAX_RULES] = { "0", "1", "2", "3", "4", "5", "6", "7" };

static bool on_match(const nimbus_matched *matched, void *user)
{
    (void)user;
    ((rule *)matched->user)->hits++;
    return true;
}

static void open_rule(rule *r, nimbus_matcher *matcher, const char *name)
{
    nimbus_error err = { 0 };
    nimbus_error again = { 0 };
    nimbus_status status;

    r->reference = ref_compile(r->text.data, r->text.size, REF_EVENT, NULL);
    r->pattern = nimbus_pattern_compile(r->text.data, NULL, &err);
    if (r->pattern == NULL && (err.status == NIMBUS_E_UNSUPPORTED || err.status == NIMBUS_E_TOO_LARGE)) {
        ref_pattern_free(r->reference);
        r->reference = NULL;
    }
    fuzz_check((r->pattern != NULL) == (r->reference != NULL), "both find the pattern valid, or none does");
    fuzz_check(r->pattern != NULL || err.offset <= r->text.size, "the offset lies in the pattern");
    fuzz_check(r->pattern != NULL || err.reason[0] != '\0', "there is a reason");
    status = nimbus_matcher_add(matcher, name, r->text.data, r, &again);
    fuzz_check(nimbus_failed(status) == (r->pattern == NULL), "the matcher takes what compiles");
}

/* With each rule's own answer to compare with. */
static void ask_matcher(nimbus_matcher *matcher, rule *rules, size_t count, const bool *expected, const fuzz_part *event, bool trusted)
{
    const nimbus_match_options options = { .trusted = trusted };
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        rules[i].hits = 0;
    }
    fuzz_check(nimbus_matcher_match(matcher, event->data, event->size, &options, on_match, NULL, &found) == NIMBUS_OK,
               "the matcher matches");
    for (size_t i = 0; i < count; i++) {
        fuzz_check(rules[i].hits == (rules[i].pattern != NULL && expected[i]),
                   trusted ? "the matcher, trusting, answers as the pattern" : "the matcher answers as the pattern");
        found -= rules[i].hits;
    }
    fuzz_check(found == 0, "the matcher counts right");
}

static bool ask_pattern(const rule *r, const fuzz_part *text, const ref_event *event)
{
    nimbus_explanation why = { 0 };
    bool match = false;
    int answer;

    fuzz_check(nimbus_pattern_match(r->pattern, text->data, text->size, &match) == NIMBUS_OK, "both find the event valid");
    answer = ref_match_bounded(r->reference, event, MAX_STEPS);
    fuzz_check(answer < 0 || match == (answer != 0), "both find that it matches, or none does");
    if (nimbus_pattern_explain(r->pattern, text->data, text->size, NULL, NULL, &why) != NIMBUS_E_UNSUPPORTED) {
        fuzz_check(why.match == match && (why.failed == 0) == match, "explain says the same");
    }
    return match;
}

static void ask_all(nimbus_matcher *matcher, rule *rules, size_t count, const fuzz_part *text)
{
    ref_event *event = ref_event_read(text->data, text->size);
    bool expected[MAX_RULES] = { false };
    bool match;

    for (size_t i = 0; i < count; i++) {
        if (rules[i].pattern != NULL && event != NULL) {
            expected[i] = ask_pattern(&rules[i], text, event);
        } else if (rules[i].pattern != NULL) {
            fuzz_check(nimbus_pattern_match(rules[i].pattern, text->data, text->size, &match) == NIMBUS_E_JSON, "both refuse the event");
        }
    }
    if (event == NULL) {
        fuzz_check(nimbus_matcher_match(matcher, text->data, text->size, NULL, NULL, NULL, NULL) == NIMBUS_E_JSON,
                   "the matcher refuses it");
    } else {
        ask_matcher(matcher, rules, count, expected, text, false);
        if (!ref_event_has_twins(event)) {
            ask_matcher(matcher, rules, count, expected, text, true);
        }
        for (size_t i = 0; i < count; i += 2) { /* every other rule goes */
            expected[i] = false;
            fuzz_check((nimbus_matcher_remove(matcher, names[i]) == NIMBUS_OK) == (rules[i].pattern != NULL), "what was added is removed");
        }
        ask_matcher(matcher, rules, count, expected, text, false);
    }
    ref_event_free(event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nimbus_matcher *matcher = nimbus_matcher_create(NULL, NULL);
    rule rules[MAX_RULES];
    size_t count = 0;
    fuzz_part event;

    if (size > MAX_SIZE) {
        size = MAX_SIZE;
    }
    while (count < MAX_RULES && size != 0 && memchr(data, '\n', size) != NULL) {
        rules[count].text = fuzz_take_string(&data, &size, '\n');
        open_rule(&rules[count], matcher, names[count]);
        count++;
    }
    event = fuzz_take(&data, &size, '\n');
    ask_all(matcher, rules, count, &event);
    fuzz_free(&event);
    for (size_t i = 0; i < count; i++) {
        nimbus_pattern_release(rules[i].pattern);
        ref_pattern_free(rules[i].reference);
        fuzz_free(&rules[i].text);
    }
    nimbus_matcher_release(matcher);
    return 0;
}
