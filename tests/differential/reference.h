/**
 * reference.h - a plain matcher of event patterns, against which the library's is compared.
 *
 * It follows the description of the language word for word, in the simplest way there is, and shares no code with lib/: its JSON reader is
 * libyajl, its table of letter case comes from Python. It is slow, recursive and unbounded: nothing but a test may use it.
 *
 *   ref_json.c     text to a tree: keys in order, duplicates kept, numbers as their text
 *   ref_compile.c  a tree to rules: `$or` multiplied out into plain lists of path and alternatives
 *   ref_items.c    one alternative: read from the pattern
 *   ref_value.c    one alternative against one value: numbers, letter case, wildcards, addresses
 *   ref_match.c    an event to a list of fields, and the search for a consistent choice of them
 *
 * What it knows differently from the library, and so must not be drawn at random: an escape of a lone surrogate beside other escapes of
 * surrogates is rewritten before yajl sees it (ref_json.c says how).
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

/** Whose limits and operators hold. */
typedef enum ref_profile {
    REF_EVENT,          /**< rules of a bus */
    REF_SNS_ATTRIBUTES, /**< filter policies on attributes */
    REF_SNS_BODY        /**< filter policies on the body */
} ref_profile;

/** A compiled pattern; it never changes. */
typedef struct ref_pattern ref_pattern;

/** An event as a list of fields; it never changes. */
typedef struct ref_event ref_event;

/** One attribute of a message. */
typedef struct ref_attribute {
    const char *name; /**< ends in NUL */
    const char *type; /**< String, Number, String.Array or Binary; ends in NUL */
    const char *value;
    size_t size;
} ref_attribute;

/**
 * Reads a pattern.
 *
 * @param ret_reason  written if it is invalid: a constant; NULL: not wanted
 * Returns: the pattern, to be freed; NULL: it is invalid.
 */
ref_pattern *ref_compile(const char *text, size_t size, ref_profile profile, const char **ret_reason);

/** Frees a pattern; NULL: nothing happens. */
void ref_pattern_free(ref_pattern *pattern);

/** Reads an event. Returns: the event, to be freed; NULL: it is no JSON object. */
ref_event *ref_event_read(const char *text, size_t size);

/** Makes an event of the attributes of a message. Returns: the event, to be freed. */
ref_event *ref_event_of_attributes(const ref_attribute *attributes, size_t count);

/** Whether some object of the event has one key twice. */
bool ref_event_has_twins(const ref_event *event);

/** Frees an event; NULL: nothing happens. */
void ref_event_free(ref_event *event);

/** Whether an event matches a pattern. */
bool ref_match(const ref_pattern *pattern, const ref_event *event);

/**
 * The same within a bound, for input that was made to make the search long.
 *
 * @param steps  places in the search that may be visited
 * Returns: 1: it matches; 0: it does not; -1: the bound was reached.
 */
int ref_match_bounded(const ref_pattern *pattern, const ref_event *event, unsigned long steps);

/** As ref_match, but fields may be combined from different elements of an array: to count how often that decides. */
bool ref_match_loosely(const ref_pattern *pattern, const ref_event *event);

#endif
