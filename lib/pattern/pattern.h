/*
 * pattern.h - one event pattern or filter policy: compiled once, matched by any number of threads.
 *
 * A pattern is immutable and lies in one block of its heap; its references are counted, and the last one frees it. Matching reads the
 * event in place and allocates nothing.
 */
#ifndef NB_PATTERN_PATTERN_H
#define NB_PATTERN_PATTERN_H

#include <nimbus/message.h>

#include "base/heap.h"

#define NB_PATTERN_MAX_SIZE (256 * 1024) /* bytes of text */
#define NB_PATTERN_MAX_FIELDS 64         /* paths that a pattern may name */
#define NB_POLICY_MAX_KEYS 5             /* of a filter policy */
#define NB_POLICY_MAX_COMBINATIONS 150   /* of a filter policy: the product over its lists of length times nesting */

typedef enum nb_profile {
    NB_PROFILE_EVENT,          /* a rule of a bus */
    NB_PROFILE_SNS_ATTRIBUTES, /* a filter policy over message attributes: flat, and a dot is a letter like any other */
    NB_PROFILE_SNS_BODY        /* a filter policy over a JSON body; a body that is no JSON object does not match */
} nb_profile;

typedef struct nb_pattern nb_pattern;

/*
 * Compiles text. On success *ret holds one reference. call: the public function, for *err; err may be NULL.
 * NIMBUS_E_PATTERN, NIMBUS_E_UNSUPPORTED (a valid operator that this version lacks), NIMBUS_E_TOO_LARGE, and those of nb_heap_failure().
 */
nimbus_status nb_pattern_compile(nb_heap *heap, const char *text, size_t size, nb_profile profile, nb_pattern **ret, nimbus_error *err,
                                 const char *call);

void nb_pattern_retain(nb_pattern *pattern);
void nb_pattern_release(nb_pattern *pattern); /* NULL: nothing */

/*
 * Whether a JSON text matches. The whole text is read and checked, also what no path of the pattern names. NIMBUS_E_JSON: malformed, or
 * not an object; in the body profile that is no match instead. NIMBUS_E_INVALID: a pattern over attributes.
 */
nimbus_status nb_pattern_match(const nb_pattern *pattern, const void *json, size_t size, bool *ret_match);

/* Whether the attributes of a message match a pattern over attributes. NIMBUS_E_INVALID: a pattern of another profile. */
nimbus_status nb_pattern_match_attributes(const nb_pattern *pattern, const nimbus_attribute *attributes, size_t count, bool *ret_match);

#endif
