/*
 * conformance_patterns.c - runs the vectors of pattern files.
 *
 *     conformance_patterns [--except FILE] FILE.jsonl...
 *
 * One JSON object a line: "id"; the pattern as "pattern" or "policy" (JSON) or "pattern_raw" (a string that holds the text); the event as
 * "event" or "event_raw", or "attributes" of a message ({"name":{"Type":"String","Value":"x"}}); "expect": match, nomatch,
 * invalid_pattern or invalid_event; "scope": MessageAttributes or MessageBody for a filter policy, Mapping or Pipe for the filter of one.
 * Other members are ignored. A vector without an event is only compiled. Patterns that need what this version lacks are skipped; so are
 * the ids that FILE lists, one a line; what stands behind a blank there is the reason.
 *
 * Each vector is answered in all ways there are, and all must agree: a pattern alone, a matcher that holds it, the matcher with a trusted
 * event, and what explain and check say.
 *
 * Prints each mismatch with its id and ends with "N passed, M failed, K skipped". Exit status: 0 if M is 0 and some vector was read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nimbus/pattern.h>

#include "vector.h"

static unsigned long passed;
static unsigned long failed;
static unsigned long skipped;
static text except;

/* Whether `except` has a line that is this id. */
static bool excepted(const text *id)
{
    const char *at = except.data;

    while (at != NULL && *at != '\0') {
        size_t length = strcspn(at, " \r\n");

        if (length == id->size && memcmp(at, id->data, length) == 0) {
            return true;
        }
        at += strcspn(at, "\r\n");
        at += strspn(at, "\r\n");
    }
    return false;
}

/* ---------------------------------------------------------------------------------------------- running */

static nimbus_profile profile_of(const vector *v)
{
    if (v->scope.data == NULL) {
        return v->has_attributes ? NIMBUS_PROFILE_SNS_ATTRIBUTES : NIMBUS_PROFILE_BUS;
    }
    return strcmp(v->scope.data, "MessageBody") == 0 ? NIMBUS_PROFILE_SNS_BODY
           : strcmp(v->scope.data, "Mapping") == 0   ? NIMBUS_PROFILE_MAPPING
           : strcmp(v->scope.data, "Pipe") == 0      ? NIMBUS_PROFILE_PIPE
                                                     : NIMBUS_PROFILE_SNS_ATTRIBUTES;
}

static const char *answer(nimbus_status status, bool match)
{
    return nimbus_failed(status) ? "invalid_event" : match ? "match" : "nomatch";
}

/* An exact-size copy, so that a checker of memory sees every byte that is read too far. */
static char *exact(const text *t)
{
    char *data = malloc(t->size + (t->size == 0));

    if (data == NULL) {
        die("out of memory", "copy");
    }
    memcpy(data, t->data, t->size);
    return data;
}

static void report(const vector *v, const char *way, const char *got, const char *reason)
{
    printf("%s: expected %s, got %s (%s)%s%s\n", v->id.data, v->expect.data, got, way, reason[0] != '\0' ? ": " : "", reason);
}

/* One more way to answer; NIMBUS_E_UNSUPPORTED is no answer. Returns: whether it is the expected one. */
static bool agrees(const vector *v, const char *way, nimbus_status status, const char *got)
{
    if (status == NIMBUS_E_UNSUPPORTED || strcmp(got, v->expect.data) == 0) {
        return true;
    }
    report(v, way, got, "");
    return false;
}

static bool matchers_agree(const vector *v, const nimbus_pattern_options *options)
{
    nimbus_error err = { 0 };
    nimbus_matcher *matcher = nimbus_matcher_create(&(nimbus_matcher_options){ .patterns = options }, &err);
    nimbus_match_options trusted = { .trusted = true };
    char *event = v->event.data != NULL ? exact(&v->event) : NULL;
    bool valid = strcmp(v->expect.data, "match") == 0 || strcmp(v->expect.data, "nomatch") == 0;
    bool ok = true;
    size_t count = 0;
    nimbus_status status = matcher == NULL ? err.status : nimbus_matcher_add(matcher, "rule", v->pattern.data, NULL, &err);

    if (nimbus_failed(status)) {
        ok = agrees(v, "matcher", status, "invalid_pattern");
    } else if (v->has_attributes) {
        status = nimbus_matcher_match_attributes(matcher, v->attributes, v->attribute_count, NULL, NULL, &count);
        ok = agrees(v, "matcher", status, answer(status, count == 1));
    } else if (event != NULL) {
        status = nimbus_matcher_match(matcher, event, v->event.size, NULL, NULL, NULL, &count);
        ok = agrees(v, "matcher", status, answer(status, count == 1));
        if (valid && !nimbus_failed(status) && can_be_trusted(&v->event)) {
            status = nimbus_matcher_match(matcher, event, v->event.size, &trusted, NULL, NULL, &count);
            ok = agrees(v, "matcher, trusted", status, answer(status, count == 1)) && ok;
        }
    }
    nimbus_matcher_release(matcher);
    free(event);
    return ok;
}

static bool words_agree(const vector *v, const nimbus_pattern_options *options, const nimbus_pattern *pattern)
{
    nimbus_explanation explanation = { 0 };
    size_t findings = 0;
    nimbus_status status = nimbus_pattern_check(v->pattern.data, options, NULL, 0, &findings);
    bool ok = true;

    if (status != NIMBUS_E_UNSUPPORTED && (nimbus_failed(status) != (pattern == NULL) || (nimbus_failed(status) && findings == 0))) {
        report(v, "check", nimbus_failed(status) ? "invalid_pattern" : "valid pattern", "");
        ok = false;
    }
    if (pattern != NULL && v->event.data != NULL && !v->has_attributes) {
        status = nimbus_pattern_explain(pattern, v->event.data, v->event.size, NULL, NULL, &explanation);
        ok = agrees(v, "explain", status, answer(status, explanation.match)) && ok;
        if (!nimbus_failed(status) && explanation.match != (explanation.failed == 0)) {
            report(v, "explain: failed fields", answer(status, explanation.match), "");
            ok = false;
        }
    }
    return ok;
}

static void run_vector(const vector *v)
{
    const nimbus_pattern_options options = { .profile = profile_of(v) };
    nimbus_error err = { 0 };
    nimbus_pattern *pattern = nimbus_pattern_compile(v->pattern.data, &options, &err);
    char *event = v->event.data != NULL ? exact(&v->event) : NULL;
    bool match = false;
    nimbus_status status;
    const char *got = "invalid_pattern";

    if (pattern != NULL && v->has_attributes) {
        status = nimbus_pattern_match_attributes(pattern, v->attributes, v->attribute_count, &match);
        got = answer(status, match);
    } else if (pattern != NULL && event != NULL) {
        status = nimbus_pattern_match(pattern, event, v->event.size, &match);
        got = answer(status, match);
    } else if (pattern != NULL) {
        got = "valid pattern";
    }
    if (err.status == NIMBUS_E_UNSUPPORTED || excepted(&v->id)) {
        skipped++;
    } else if (strcmp(got, v->expect.data) != 0) {
        failed++;
        report(v, "alone", got, err.reason);
    } else if (matchers_agree(v, &options) && words_agree(v, &options, pattern)) {
        passed++;
    } else {
        failed++;
    }
    nimbus_pattern_release(pattern);
    free(event);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--except") == 0 && i + 1 < argc) {
            free(except.data);
            except = read_file(argv[++i]);
        } else {
            each_vector(argv[i], run_vector);
        }
    }
    free(except.data);
    printf("%lu passed, %lu failed, %lu skipped\n", passed, failed, skipped);
    return failed != 0 || passed + skipped == 0;
}
