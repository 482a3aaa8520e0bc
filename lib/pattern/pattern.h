/*
 * pattern.h - one event pattern or filter policy: compiled once, matched by any number of threads.
 *
 * A pattern is an index of one rule, which nobody changes any more; its references are counted, and the last one frees it. Matching reads
 * the event in place; what it has to remember lies on the stack unless the event has very many values that the pattern names.
 */
#ifndef NB_PATTERN_PATTERN_H
#define NB_PATTERN_PATTERN_H

#include <nimbus/pattern.h>

#include "base/heap.h"

typedef enum nb_profile {
    NB_PROFILE_EVENT = NIMBUS_PROFILE_BUS,
    NB_PROFILE_SNS_ATTRIBUTES = NIMBUS_PROFILE_SNS_ATTRIBUTES,
    NB_PROFILE_SNS_BODY = NIMBUS_PROFILE_SNS_BODY, /* a body that is no JSON object does not match */
    NB_PROFILE_MAPPING = NIMBUS_PROFILE_MAPPING,
    NB_PROFILE_PIPE = NIMBUS_PROFILE_PIPE
} nb_profile;

typedef struct nb_pattern nb_pattern;

/*
 * Compiles text with the limits of a profile. On success *ret holds one reference. call: the public function, for *err; err may be NULL.
 * NIMBUS_E_PATTERN, NIMBUS_E_TOO_LARGE, NIMBUS_E_TOO_COMPLEX, and those of nb_heap_failure().
 */
nimbus_status nb_pattern_compile(nb_heap *heap, const char *text, size_t size, nb_profile profile, nb_pattern **ret, nimbus_error *err,
                                 const char *call);

/* The same with limits of the caller's; options are in range. keep_text: for nb_pattern_explain(). */
nimbus_status nb_pattern_compile_with(nb_heap *heap, const char *text, size_t size, const nimbus_pattern_options *options, bool keep_text,
                                      nb_pattern **ret, nimbus_error *err, const char *call);

void nb_pattern_retain(nb_pattern *pattern);
void nb_pattern_release(nb_pattern *pattern); /* NULL: nothing */

/*
 * Whether a JSON text matches. The whole text is read and checked, also what no path of the pattern names; unless it is trusted, as in
 * nimbus_match_options. NIMBUS_E_JSON: malformed, or not an object; in the body profile that is no match instead. NIMBUS_E_INVALID: a
 * pattern over attributes. NIMBUS_E_NO_MEMORY, NIMBUS_E_FULL.
 */
nimbus_status nb_pattern_match(const nb_pattern *pattern, const void *json, size_t size, bool *ret_match);
nimbus_status nb_pattern_match_trusted(const nb_pattern *pattern, const void *json, size_t size, bool *ret_match);

/* Whether the attributes of a message match a pattern over attributes. NIMBUS_E_INVALID: a pattern of another profile. */
nimbus_status nb_pattern_match_attributes(const nb_pattern *pattern, const nimbus_attribute *attributes, size_t count, bool *ret_match);

/* Explains a pattern that kept its text: nimbus_pattern_explain. */
nimbus_status nb_pattern_explain(const nb_pattern *pattern, const void *json, size_t size, nimbus_explain_fn *visit, void *user,
                                 nimbus_explanation *ret);

/* nimbus_pattern_check. */
nimbus_status nb_pattern_check(nb_heap *heap, const char *text, size_t size, const nimbus_pattern_options *options, nimbus_finding *ret,
                               size_t room, size_t *ret_count);

#endif
