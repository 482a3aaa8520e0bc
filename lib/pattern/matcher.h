/*
 * matcher.h - a set of named patterns, matched without an instance.
 *
 * The rules lie in an immutable, counted snapshot. Matching takes a reference under a lock that is held for two instructions, and works
 * without it from then on; adding and removing build the next snapshot beside it, one at a time, and swap it in. So neither waits for a
 * match, and a visitor may do both. A rule's user is ended when the last snapshot that holds the rule goes, with no lock held.
 */
#ifndef NB_PATTERN_MATCHER_H
#define NB_PATTERN_MATCHER_H

#include <nimbus/pattern.h>

#include "base/heap.h"

typedef struct nb_matcher nb_matcher;

/* Takes over the caller's claim on heap, also if it fails. NULL: out of memory, and *ret_status says why. */
nb_matcher *nb_matcher_create(nb_heap *heap, nimbus_destroy_fn *destroy, nimbus_status *ret_status);

/* No other call on the matcher may run or follow. NULL: nothing. */
void nb_matcher_release(nb_matcher *matcher);

/* Replaces the rule of that id. On failure user stays the caller's. */
nimbus_status nb_matcher_add(nb_matcher *matcher, const char *id, const char *pattern, void *user, nimbus_error *err, const char *call);

/* NIMBUS_E_NOT_FOUND, and those of nb_heap_failure(). */
nimbus_status nb_matcher_remove(nb_matcher *matcher, const char *id);

/* visit NULL: only counts. ret_count may be NULL. */
nimbus_status nb_matcher_match(nb_matcher *matcher, const void *event, size_t size, nimbus_matcher_visit_fn *visit, void *user,
                               size_t *ret_count);

#endif
