/*
 * pattern.c - the exported functions of nimbus/pattern.h: they check arguments, then call.
 *
 * A nimbus_pattern is an nb_pattern, a nimbus_matcher an nb_matcher; neither is ever looked into under its public name.
 */
#include <nimbus/pattern.h>

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "pattern/matcher.h"
#include "pattern/pattern.h"

#define MAX_ID 256

static bool usable(const nimbus_allocator *allocator)
{
    return allocator == NULL || (allocator->allocate != NULL && allocator->release != NULL);
}

static nimbus_status check_pattern_options(const nimbus_pattern_options *options, nimbus_error *err, const char *call)
{
    static const struct {
        size_t most;
        const char *field;
    } rows[] = {
        { NIMBUS_PROFILE_PIPE, "profile" }, { UINT32_MAX / 8, "max_bytes" }, { 64, "max_fields" }, { 1000000, "max_combinations" }
    };
    const size_t values[] = { (size_t)options->profile, options->max_bytes, options->max_fields, options->max_combinations };

    if (!nb_reserved_clear(options->reserved_, 4)) {
        return nb_error_set(err, NIMBUS_E_INVALID, call, "reserved_", "reserved_ must be zero");
    }
    if (!usable(options->allocator)) {
        return nb_error_set(err, NIMBUS_E_INVALID, call, "allocator", "an allocator needs both its functions");
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (values[i] > rows[i].most) {
            return nb_error_set(err, NIMBUS_E_INVALID, call, rows[i].field, "at most %zu", rows[i].most);
        }
    }
    return NIMBUS_OK;
}

static const nimbus_pattern_options default_options;

nimbus_pattern *nimbus_pattern_compile(const char *text, const nimbus_pattern_options *options, nimbus_error *err)
{
    static const char call[] = "nimbus_pattern_compile";
    nb_pattern *pattern = NULL;
    nb_heap *heap;

    if (nb_error_blocked(err)) {
        return NULL;
    }
    if (text == NULL) {
        nb_error_set(err, NIMBUS_E_INVALID, call, "text", "text is NULL");
        return NULL;
    }
    options = options != NULL ? options : &default_options;
    if (nimbus_failed(check_pattern_options(options, err, call))) {
        return NULL;
    }
    heap = nb_heap_open(options->allocator, 0);
    if (heap == NULL) {
        nb_error_set(err, NIMBUS_E_NO_MEMORY, call, "allocator", "out of memory");
        return NULL;
    }
    if (nimbus_failed(nb_pattern_compile_with(heap, text, strlen(text), options, true, &pattern, err, call))) {
        pattern = NULL;
    }
    nb_heap_close(heap); /* the pattern keeps it */
    return (nimbus_pattern *)pattern;
}

nimbus_status nimbus_pattern_match(const nimbus_pattern *pattern, const void *event, size_t size, bool *ret_match)
{
    if (pattern == NULL || event == NULL || ret_match == NULL) {
        return NIMBUS_E_INVALID;
    }
    return nb_pattern_match((const nb_pattern *)pattern, event, size, ret_match);
}

/* They come from the caller as they are: one that nimbus_string() made of NULL is found here. */
static bool attributes_usable(const nimbus_attribute *attributes, size_t count)
{
    if (attributes == NULL && count > 0) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (attributes[i].name == NULL || attributes[i].value.data == NULL || (unsigned)attributes[i].kind > NIMBUS_BINARY) {
            return false;
        }
    }
    return true;
}

nimbus_status nimbus_pattern_match_attributes(const nimbus_pattern *pattern, const nimbus_attribute *attributes, size_t count,
                                              bool *ret_match)
{
    if (pattern == NULL || !attributes_usable(attributes, count) || ret_match == NULL) {
        return NIMBUS_E_INVALID;
    }
    return nb_pattern_match_attributes((const nb_pattern *)pattern, attributes, count, ret_match);
}

nimbus_status nimbus_pattern_explain(const nimbus_pattern *pattern, const void *event, size_t size, nimbus_explain_fn *visit, void *user,
                                     nimbus_explanation *ret)
{
    if (pattern == NULL || event == NULL) {
        return NIMBUS_E_INVALID;
    }
    return nb_pattern_explain((const nb_pattern *)pattern, event, size, visit, user, ret);
}

nimbus_status nimbus_pattern_check(const char *text, const nimbus_pattern_options *options, nimbus_finding *ret, size_t room,
                                   size_t *ret_count)
{
    nb_heap *heap;
    nimbus_status status;

    options = options != NULL ? options : &default_options;
    if (text == NULL || nimbus_failed(check_pattern_options(options, NULL, "nimbus_pattern_check"))) {
        return NIMBUS_E_INVALID;
    }
    heap = nb_heap_open(options->allocator, 0);
    if (heap == NULL) {
        return NIMBUS_E_NO_MEMORY;
    }
    status = nb_pattern_check(heap, text, strlen(text), options, ret, room, ret_count);
    nb_heap_close(heap);
    return status;
}

void nimbus_pattern_release(nimbus_pattern *pattern)
{
    nb_pattern_release((nb_pattern *)pattern);
}

/* --------------------------------------------------------------------------------------------- matcher */

static nimbus_status check_options(const nimbus_matcher_options *options, nimbus_error *err, const char *call)
{
    for (size_t i = 0; i < sizeof options->reserved_ / sizeof options->reserved_[0]; i++) {
        if (options->reserved_[i] != 0) {
            return nb_error_set(err, NIMBUS_E_INVALID, call, "reserved_", "reserved_ must be zero");
        }
    }
    if (!usable(options->allocator)) {
        return nb_error_set(err, NIMBUS_E_INVALID, call, "allocator", "an allocator needs both its functions");
    }
    return options->patterns != NULL ? check_pattern_options(options->patterns, err, call) : NIMBUS_OK;
}

nimbus_matcher *nimbus_matcher_create(const nimbus_matcher_options *options, nimbus_error *err)
{
    static const char call[] = "nimbus_matcher_create";
    static const nimbus_matcher_options defaults;
    nimbus_status status = NIMBUS_E_NO_MEMORY;
    nb_matcher_spec spec;
    nb_matcher *matcher;
    nb_heap *heap;

    options = options != NULL ? options : &defaults;
    spec = (nb_matcher_spec){ .destroy = options->destroy, .patterns = options->patterns };
    if (nb_error_blocked(err) || nimbus_failed(check_options(options, err, call))) {
        return NULL;
    }
    heap = nb_heap_open(options->allocator, options->memory_budget);
    matcher = heap != NULL ? nb_matcher_create(heap, &spec, &status) : NULL;
    if (matcher == NULL) {
        nb_error_set(err, status, call, status == NIMBUS_E_FULL ? "memory_budget" : "allocator", "no memory for an empty matcher");
    }
    return (nimbus_matcher *)matcher;
}

nimbus_status nimbus_matcher_add(nimbus_matcher *matcher, const char *id, const char *pattern, void *user, nimbus_error *err)
{
    static const char call[] = "nimbus_matcher_add";

    if (nb_error_blocked(err)) {
        return err->status;
    }
    if (matcher == NULL) {
        return nb_error_set(err, NIMBUS_E_INVALID, call, "matcher", "matcher is NULL");
    }
    if (id == NULL || *id == '\0') {
        return nb_error_set(err, NIMBUS_E_INVALID, call, "id", "a rule needs an id");
    }
    if (strlen(id) > MAX_ID) {
        return nb_error_set(err, NIMBUS_E_TOO_LARGE, call, "id", "an id has at most %d bytes", MAX_ID);
    }
    if (pattern == NULL) {
        return nb_error_set(err, NIMBUS_E_INVALID, call, "pattern", "pattern is NULL");
    }
    return nb_matcher_add((nb_matcher *)matcher, id, pattern, user, err, call);
}

nimbus_status nimbus_matcher_remove(nimbus_matcher *matcher, const char *id)
{
    return matcher == NULL || id == NULL ? NIMBUS_E_INVALID : nb_matcher_remove((nb_matcher *)matcher, id);
}

/* False: an argument is out of range. */
static bool make_subject(nb_subject *subject, const nimbus_matcher *matcher, const void *event, size_t size,
                         const nimbus_match_options *options)
{
    *subject = (nb_subject){ .json = event, .size = size };
    if (options != NULL) {
        subject->trusted = options->trusted;
        subject->ret_steps = options->ret_steps;
    }
    return matcher != NULL && event != NULL && (options == NULL || nb_reserved_clear(options->reserved_, 4));
}

nimbus_status nimbus_matcher_match(nimbus_matcher *matcher, const void *event, size_t size, const nimbus_match_options *options,
                                   nimbus_matcher_visit_fn *visit, void *user, size_t *ret_count)
{
    nb_subject subject;

    if (!make_subject(&subject, matcher, event, size, options)) {
        return NIMBUS_E_INVALID;
    }
    return nb_matcher_match((nb_matcher *)matcher, &subject, visit, user, ret_count);
}

typedef struct gathered {
    nimbus_matched *to;
    size_t room, count;
} gathered;

static bool gather(const nimbus_matched *matched, void *user)
{
    gathered *g = user;

    if (g->count < g->room) {
        g->to[g->count] = *matched;
    }
    g->count++;
    return true;
}

nimbus_status nimbus_matcher_find(nimbus_matcher *matcher, const void *event, size_t size, const nimbus_match_options *options,
                                  nimbus_matched *ret, size_t room, size_t *ret_count)
{
    gathered g = { ret, room, 0 };
    nb_subject subject;

    if (!make_subject(&subject, matcher, event, size, options) || (ret == NULL && room > 0)) {
        return NIMBUS_E_INVALID;
    }
    return nb_matcher_match((nb_matcher *)matcher, &subject, gather, &g, ret_count);
}

nimbus_status nimbus_matcher_match_attributes(nimbus_matcher *matcher, const nimbus_attribute *attributes, size_t count,
                                              nimbus_matcher_visit_fn *visit, void *user, size_t *ret_count)
{
    nb_subject subject = { .attributes = attributes, .count = count, .flat = true };

    if (matcher == NULL || !attributes_usable(attributes, count)) {
        return NIMBUS_E_INVALID;
    }
    return nb_matcher_match((nb_matcher *)matcher, &subject, visit, user, ret_count);
}

nimbus_status nimbus_matcher_get_metrics(nimbus_matcher *matcher, nimbus_matcher_metrics *ret)
{
    if (matcher == NULL || ret == NULL) {
        return NIMBUS_E_INVALID;
    }
    nb_matcher_metrics((nb_matcher *)matcher, ret);
    return NIMBUS_OK;
}

void nimbus_matcher_release(nimbus_matcher *matcher)
{
    nb_matcher_release((nb_matcher *)matcher);
}
