/**
 * pattern.h - event patterns without an instance: one pattern, or a matcher that holds many.
 *
 * A pattern is a JSON object in the rule language of event buses: {"source":["shop"],"detail":{"total":[{"numeric":[">",100]}]}}. Keys of
 * one object must all match, elements of one list are alternatives, and fields that the pattern does not name do not matter. A dot in a
 * key is the same as nesting. This version knows strings, numbers, true, false, null and the operators prefix, suffix, numeric, exists and
 * anything-but; it refuses the other operators of the language with NIMBUS_E_UNSUPPORTED. Numbers are compared by value, exactly.
 */
#ifndef NIMBUS_PATTERN_H
#define NIMBUS_PATTERN_H

#include <nimbus/base.h>

NIMBUS_BEGIN

/* --------------------------------------------------------------------------------------------- pattern */

typedef struct nimbus_pattern nimbus_pattern; /**< one compiled pattern; it never changes */

/**
 * Compiles a pattern.
 *
 * @param text       the pattern, JSON in at most 256 KiB, ending in NUL; borrowed for the call; NULL: NIMBUS_E_INVALID
 * @param allocator  copied; it must work until the pattern is released; NULL: malloc and free
 * @param err        filled on failure, with the byte offset of what is wrong; if it holds a failure already, nothing is done; NULL: the
 *                   failure is not described
 * Returns: the pattern, to be released; NULL on failure, with nothing kept, and *err says NIMBUS_E_INVALID; NIMBUS_E_PATTERN: not JSON or
 * not a pattern; NIMBUS_E_UNSUPPORTED: an operator that this version lacks; NIMBUS_E_TOO_LARGE: a longer text, or more than 64 paths;
 * NIMBUS_E_NO_MEMORY.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: EB-P1 to EB-P12.
 */
NIMBUS_API nimbus_pattern *nimbus_pattern_compile(const char *text, const nimbus_allocator *allocator, nimbus_error *err);

/**
 * Whether an event matches a pattern. The event is read once, as a whole, and checked strictly, also where the pattern does not look.
 *
 * @param pattern    NULL: NIMBUS_E_INVALID
 * @param event      the event, a JSON object; borrowed for the call; NULL: NIMBUS_E_INVALID
 * @param size       its bytes; 0: NIMBUS_E_JSON
 * @param ret_match  written on success; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_E_JSON: malformed, nested more than 1,000 deep, or not an object; NIMBUS_E_INVALID. Nothing is changed by it.
 * Threads: any, several at once with one pattern. Blocks: no. Allocates: no.
 * Source: EB-P1 to EB-P12.
 */
NIMBUS_API nimbus_status nimbus_pattern_match(const nimbus_pattern *pattern, const void *event, size_t size, bool *ret_match);

/**
 * Frees a pattern. No call may use it any more.
 *
 * @param pattern  NULL: nothing happens
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API void nimbus_pattern_release(nimbus_pattern *pattern);

/* --------------------------------------------------------------------------------------------- matcher */

typedef struct nimbus_matcher nimbus_matcher; /**< a set of named patterns, which may change while events are matched */

/** How a matcher is made. */
typedef struct nimbus_matcher_options {
    const nimbus_allocator *allocator NIMBUS_0; /**< copied; NULL: malloc and free */
    size_t memory_budget NIMBUS_0;              /**< bytes that the matcher may hold; 0: no bound */
    nimbus_destroy_fn *destroy NIMBUS_0;        /**< ends the user pointer of a rule that is gone, once; NULL: nothing does */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_matcher_options;

/** A rule that an event matches. */
typedef struct nimbus_matched {
    const char *id NIMBUS_0; /**< lives until the visitor returns */
    void *user NIMBUS_0;     /**< the rule's, as it was added */
} nimbus_matched;

/**
 * Called once for each rule that an event matches, in the order in which the rules' ids were first added, on the thread that matches. No
 * lock is held; it may call everything but the release of this matcher. user is the one given to nimbus_matcher_match. False: no further
 * rule is looked at.
 */
typedef bool nimbus_matcher_visit_fn(const nimbus_matched *matched, void *user) NIMBUS_NOEXCEPT;

/**
 * Makes a matcher without rules.
 *
 * @param options  NULL: the defaults
 * @param err      filled on failure; if it holds a failure already, nothing is done; NULL: the failure is not described
 * Returns: the matcher, to be released; NULL on failure, with nothing kept, and *err says NIMBUS_E_INVALID: an allocator without its
 * functions, or reserved_ is not zero; NIMBUS_E_FULL: the budget is too small for an empty matcher; NIMBUS_E_NO_MEMORY.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: ours.
 */
NIMBUS_API nimbus_matcher *nimbus_matcher_create(const nimbus_matcher_options *options, nimbus_error *err);

/**
 * Adds a rule; the rule that had this id is replaced in its place, and its user pointer is ended. Matches that began before see the rules
 * as they were.
 *
 * @param matcher  NULL: NIMBUS_E_INVALID
 * @param id       the rule's name, 1 to 256 bytes ending in NUL; copied; NULL or empty: NIMBUS_E_INVALID; longer: NIMBUS_E_TOO_LARGE
 * @param pattern  as in nimbus_pattern_compile; borrowed for the call; NULL: NIMBUS_E_INVALID
 * @param user     handed to visitors; any value
 * @param err      filled on failure; if it holds a failure already, nothing is done and its status is returned; NULL: the failure is not
 *                 described
 * Returns: NIMBUS_OK: user is the matcher's now; below zero nothing was changed and user is still yours: NIMBUS_E_INVALID;
 * NIMBUS_E_PATTERN; NIMBUS_E_UNSUPPORTED; NIMBUS_E_TOO_LARGE; NIMBUS_E_FULL: the memory budget; NIMBUS_E_NO_MEMORY.
 * Threads: any, also from a visitor. Blocks: while another add or remove runs, never for a match. Allocates: yes.
 * Source: EB-P1 to EB-P12.
 */
NIMBUS_API nimbus_status nimbus_matcher_add(nimbus_matcher *matcher, const char *id, const char *pattern, void *user, nimbus_error *err);

/**
 * Removes a rule. Its user pointer is ended once the last match that can see the rule has returned, which may be on another thread.
 *
 * @param matcher  NULL: NIMBUS_E_INVALID
 * @param id       the rule's name; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; below zero nothing was changed: NIMBUS_E_NOT_FOUND; NIMBUS_E_FULL and NIMBUS_E_NO_MEMORY: no room for the list of
 * the rules that stay; NIMBUS_E_INVALID.
 * Threads: any, also from a visitor. Blocks: while another add or remove runs, never for a match. Allocates: yes.
 * Source: ours.
 */
NIMBUS_API nimbus_status nimbus_matcher_remove(nimbus_matcher *matcher, const char *id);

/**
 * Finds the rules that an event matches. It works on the rules as they were when it began.
 *
 * @param matcher    NULL: NIMBUS_E_INVALID
 * @param event      the event, a JSON object; borrowed for the call; NULL: NIMBUS_E_INVALID
 * @param size       its bytes; 0: NIMBUS_E_JSON
 * @param visit      called for each rule that matches; NULL: they are only counted
 * @param user       handed to visit
 * @param ret_count  written on success: how many rules matched, up to the one at which visit ended it; NULL: not wanted
 * Returns: NIMBUS_OK, also if no rule matches; NIMBUS_E_JSON: malformed, nested more than 1,000 deep, or not an object, and visit was not
 * called; NIMBUS_E_INVALID. Nothing is changed by it.
 * Threads: any, several at once with one matcher. Blocks: no. Allocates: no.
 * Source: EB-P1 to EB-P12.
 */
NIMBUS_API nimbus_status nimbus_matcher_match(nimbus_matcher *matcher, const void *event, size_t size, nimbus_matcher_visit_fn *visit,
                                              void *user, size_t *ret_count);

/**
 * Frees a matcher and its rules, and ends their user pointers. No other call on it may run or follow.
 *
 * @param matcher  NULL: nothing happens
 * Threads: any, but not from a visitor of this matcher. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API void nimbus_matcher_release(nimbus_matcher *matcher);

NIMBUS_END

#endif
