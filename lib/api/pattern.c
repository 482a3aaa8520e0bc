/*
 * pattern.c - the exported functions of nimbus/pattern.h: they check arguments, then call.
 *
 * A nimbus_pattern is an nb_pattern, a nimbus_matcher an nb_matcher; neither is ever looked into under its public name.
 */
#include <nimbus/pattern.h>

#include <string.h>

#include "base/error.h"
#include "pattern/matcher.h"
#include "pattern/pattern.h"

#define MAX_ID 256

static bool usable(const nimbus_allocator *allocator)
{
    return allocator == NULL || (allocator->allocate != NULL && allocator->release != NULL);
}

nimbus_pattern *nimbus_pattern_compile(const char *text, const nimbus_allocator *allocator, nimbus_error *err)
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
    if (!usable(allocator)) {
        nb_error_set(err, NIMBUS_E_INVALID, call, "allocator", "an allocator needs both its functions");
        return NULL;
    }
    heap = nb_heap_open(allocator, 0);
    if (heap == NULL) {
        nb_error_set(err, NIMBUS_E_NO_MEMORY, call, "allocator", "out of memory");
        return NULL;
    }
    if (nimbus_failed(nb_pattern_compile(heap, text, strlen(text), NB_PROFILE_EVENT, &pattern, err, call))) {
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
    return NIMBUS_OK;
}

nimbus_matcher *nimbus_matcher_create(const nimbus_matcher_options *options, nimbus_error *err)
{
    static const char call[] = "nimbus_matcher_create";
    static const nimbus_matcher_options defaults;
    nimbus_status status = NIMBUS_E_NO_MEMORY;
    nb_matcher *matcher;
    nb_heap *heap;

    options = options != NULL ? options : &defaults;
    if (nb_error_blocked(err) || nimbus_failed(check_options(options, err, call))) {
        return NULL;
    }
    heap = nb_heap_open(options->allocator, options->memory_budget);
    matcher = heap != NULL ? nb_matcher_create(heap, options->destroy, &status) : NULL;
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

nimbus_status nimbus_matcher_match(nimbus_matcher *matcher, const void *event, size_t size, nimbus_matcher_visit_fn *visit, void *user,
                                   size_t *ret_count)
{
    if (matcher == NULL || event == NULL) {
        return NIMBUS_E_INVALID;
    }
    return nb_matcher_match((nb_matcher *)matcher, event, size, visit, user, ret_count);
}

void nimbus_matcher_release(nimbus_matcher *matcher)
{
    nb_matcher_release((nb_matcher *)matcher);
}
