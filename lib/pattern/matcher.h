/*
 * matcher.h - a set of named patterns, matched without an instance while it changes.
 *
 * All rules lie in one index. One change at a time goes on, under a lock that no match ever takes; a match counts itself in (grace.h),
 * takes the version, and sees the rules that were born and had not died by then. A change makes its rules public first and raises the
 * version then: so every match sees the rules of one moment. What a removed rule leaves in the index stays until there is more of that than
 * of rules; then a new index is built beside, and put in its place. A rule's user is ended when no match is left that could see the rule.
 */
#ifndef NB_PATTERN_MATCHER_H
#define NB_PATTERN_MATCHER_H

#include <nimbus/pattern.h>

#include "base/heap.h"
#include "pattern/member.h"

typedef struct nb_matcher nb_matcher;
typedef struct nb_draft nb_draft;
typedef struct nb_pattern nb_pattern;

typedef struct nb_matcher_spec {
    nimbus_destroy_fn *destroy;
    const nimbus_pattern_options *patterns; /* in range; NULL: the defaults */
    bool inside; /* the heap stays the caller's, and outlives the matcher */
} nb_matcher_spec;

/* Takes over the caller's claim on heap, also if it fails, unless it is inside. NULL: out of memory, and *ret_status says why. */
nb_matcher *nb_matcher_create(nb_heap *heap, const nb_matcher_spec *spec, nimbus_status *ret_status);

/* No other call on the matcher may run or follow. NULL: nothing. */
void nb_matcher_release(nb_matcher *matcher);

/* Replaces the rule of that id. On failure user stays the caller's. */
nimbus_status nb_matcher_add(nb_matcher *matcher, const char *id, const char *pattern, void *user, nimbus_error *err, const char *call);

/* NIMBUS_E_NOT_FOUND. */
nimbus_status nb_matcher_remove(nb_matcher *matcher, const char *id);

/*
 * For an owner with a lock of his own, under which one change at a time goes on. draft: reads a pattern, any time before. put: a rule that
 * comes or is replaced; exchange: one that keeps its pattern; asleep: it keeps its place and matches nothing; clear: all go, and what they
 * leave in the index stays. Users that nobody sees any more are ended by nb_matcher_sweep(), which is to follow without a lock, or by the
 * last match that sees them. NIMBUS_E_NO_MEMORY: nothing was changed; NIMBUS_E_NOT_FOUND. take_out, clear, sweep: no memory is needed.
 */
nimbus_status nb_matcher_draft(nb_matcher *matcher, const char *pattern, nb_draft **ret, nimbus_error *err, const char *call);
void nb_matcher_draft_free(nb_matcher *matcher, nb_draft *draft); /* NULL: nothing */
nimbus_status nb_matcher_put(nb_matcher *matcher, const char *id, const nb_draft *draft, void *user, bool asleep);
nimbus_status nb_matcher_put_pattern(nb_matcher *matcher, const char *id, const nb_pattern *pattern, void *user);
nimbus_status nb_matcher_exchange(nb_matcher *matcher, const char *id, void *user, bool asleep);
nimbus_status nb_matcher_take_out(nb_matcher *matcher, const char *id);
void nb_matcher_clear(nb_matcher *matcher);
void nb_matcher_sweep(nb_matcher *matcher);

/* After NIMBUS_E_NO_MEMORY of a change: the same, or NIMBUS_E_FULL. */
nimbus_status nb_matcher_failure(nb_matcher *matcher);

/* While nobody changes it: the user of a rule, NULL: there is none; all of them, in no order, from *at 0 on until NULL. */
void *nb_matcher_get(nb_matcher *matcher, const char *id);
void *nb_matcher_next(nb_matcher *matcher, uint32_t *at);

/* What a match is about: a JSON text, attributes, or members. */
typedef struct nb_subject {
    const void *json;
    size_t size;
    const nb_member *members; /* NULL: none */
    size_t member_count;
    const nimbus_attribute *attributes;
    size_t count;
    bool flat; /* attributes */
    bool trusted;
    uint64_t *ret_steps; /* NULL: not wanted */
} nb_subject;

/* visit NULL: only counts. ret_count may be NULL. */
nimbus_status nb_matcher_match(nb_matcher *matcher, const nb_subject *subject, nimbus_matcher_visit_fn *visit, void *user,
                               size_t *ret_count);

void nb_matcher_metrics(nb_matcher *matcher, nimbus_matcher_metrics *ret);

#endif
