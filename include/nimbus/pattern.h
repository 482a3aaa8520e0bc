/**
 * pattern.h - event patterns without an instance: one pattern, or a matcher that holds many.
 *
 * A pattern is a JSON object in the rule language of event buses: {"source":["shop"],"detail":{"total":[{"numeric":[">",100]}]}}. Keys of
 * one object must all match, elements of one list are alternatives, "$or" gives alternatives of whole objects, and fields that the pattern
 * does not name do not matter. A dot in a key is the same as nesting. docs/guide/patterns.md tells the language.
 *
 * Elements of a list: a string, a number, true, false, null, or one operator: prefix, suffix, equals-ignore-case, wildcard, anything-but,
 * numeric, exists, cidr, exactly. Numbers are compared by value, as doubles; a number that no double can carry equals only its own text.
 */
#ifndef NIMBUS_PATTERN_H
#define NIMBUS_PATTERN_H

#include <nimbus/message.h>

NIMBUS_BEGIN

/* --------------------------------------------------------------------------------------------- pattern */

typedef struct nimbus_pattern nimbus_pattern; /**< one compiled pattern; it never changes */

/** Where a pattern is used: it decides which operators and limits it has, and how its keys are read. */
typedef enum nimbus_profile {
    NIMBUS_PROFILE_BUS = 0,            /**< a rule of a bus: the whole language */
    NIMBUS_PROFILE_SNS_ATTRIBUTES = 1, /**< a filter policy over message attributes: flat, and a dot is a letter like any other (SNS-F2) */
    NIMBUS_PROFILE_SNS_BODY = 2,       /**< a filter policy over a JSON body; what is no JSON object does not match (SNS-F3) */
    NIMBUS_PROFILE_MAPPING = 3,        /**< a filter of an event source mapping */
    NIMBUS_PROFILE_PIPE = 4            /**< a filter of a pipe */
} nimbus_profile;

/** How a pattern is compiled. */
typedef struct nimbus_pattern_options {
    const nimbus_allocator *allocator NIMBUS_0; /**< copied; it must work until the pattern is released; NULL: malloc and free. A matcher
                                                     and nimbus_pattern_check do not look at it */
    nimbus_profile profile NIMBUS_0;
    size_t max_bytes NIMBUS_0;          /**< of the text, up to 536,870,911. 0: 262,144. A longer text is NIMBUS_E_TOO_LARGE */
    uint32_t max_fields NIMBUS_0;       /**< paths of one combination of "$or", up to 64. 0: 64. A pattern with more is
                                             NIMBUS_E_TOO_LARGE */
    uint32_t max_combinations NIMBUS_0; /**< up to 1,000,000. 0: of "$or", 1,000 (EB-P3); in a filter policy of everything, 150 (SNS-F9).
                                             A pattern with more is NIMBUS_E_TOO_COMPLEX */
    uint32_t max_wildcards NIMBUS_0;    /**< stars in one value that are followed by the same byte. 0: 4 (EB-P9). A pattern with more is
                                             NIMBUS_E_TOO_COMPLEX. UINT32_MAX: no bound; matching stays linear */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_pattern_options;

/**
 * Compiles a pattern.
 *
 * @param text     the pattern, JSON, ending in NUL; borrowed for the call; NULL: NIMBUS_E_INVALID
 * @param options  NULL: a rule of a bus, malloc and free
 * @param err      filled on failure, with the byte offset of what is wrong, the first in the text; if it holds a failure already, nothing
 *                 is done; NULL: the failure is not described
 * Returns: the pattern, to be released; NULL on failure, with nothing kept, and *err says NIMBUS_E_INVALID: an argument, or an option that
 * is out of range; NIMBUS_E_PATTERN: not JSON or not a pattern, or an operator that the profile lacks; NIMBUS_E_TOO_LARGE,
 * NIMBUS_E_TOO_COMPLEX: it is beyond a limit of the options; NIMBUS_E_NO_MEMORY.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: EB-P1 to EB-P12, SNS-F1 to SNS-F9.
 */
NIMBUS_API nimbus_pattern *nimbus_pattern_compile(const char *text, const nimbus_pattern_options *options, nimbus_error *err);

/**
 * Whether an event matches a pattern. The event is read once, as a whole, and checked strictly, also where the pattern does not look.
 *
 * @param pattern    NULL: NIMBUS_E_INVALID; so is a pattern over attributes
 * @param event      the event, a JSON object; borrowed for the call; NULL: NIMBUS_E_INVALID
 * @param size       its bytes; 0: NIMBUS_E_JSON
 * @param ret_match  written on success; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_E_JSON: malformed, nested more than 1,000 deep, or not an object (a filter policy over a body answers no match
 * instead); NIMBUS_E_NO_MEMORY: it has more values that the pattern names than fit on the stack, and there is no memory for the rest;
 * NIMBUS_E_INVALID. Nothing is changed by it.
 * Threads: any, several at once with one pattern. Blocks: no. Allocates: only for an event with many values that the pattern names.
 * Source: EB-P1 to EB-P12.
 */
NIMBUS_API nimbus_status nimbus_pattern_match(const nimbus_pattern *pattern, const void *event, size_t size, bool *ret_match);

/**
 * Whether the attributes of a message match a filter policy over attributes. No JSON is made of them.
 *
 * @param pattern     compiled with NIMBUS_PROFILE_SNS_ATTRIBUTES; another, or NULL: NIMBUS_E_INVALID
 * @param attributes  count of them; NULL with count above 0: NIMBUS_E_INVALID; so is one whose name or value is NULL
 * @param count       0: a policy with keys does not match
 * @param ret_match   written on success; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_E_NO_MEMORY; NIMBUS_E_INVALID.
 * Threads: any, several at once with one pattern. Blocks: no. Allocates: as nimbus_pattern_match.
 * Source: SNS-F2, SNS-F5 to SNS-F8.
 */
NIMBUS_API nimbus_status nimbus_pattern_match_attributes(const nimbus_pattern *pattern, const nimbus_attribute *attributes, size_t count,
                                                         bool *ret_match);

/**
 * Frees a pattern. No call may use it any more.
 *
 * @param pattern  NULL: nothing happens
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API void nimbus_pattern_release(nimbus_pattern *pattern);

/* --------------------------------------------------------------------------------------------- explain */

/** What one field of a pattern says to an event. */
typedef enum nimbus_verdict {
    NIMBUS_FIELD_MATCHES = 0,
    NIMBUS_FIELD_ABSENT = 1,      /**< the event has no value there */
    NIMBUS_FIELD_DIFFERS = 2,     /**< it has values, and none of them satisfies the list */
    NIMBUS_FIELD_PRESENT = 3,     /**< it has a value, and the list wants none */
    NIMBUS_FIELD_ELSEWHERE = 4    /**< it matches, but only in another element of an array than the other fields */
} nimbus_verdict;

/** One field of the pattern against an event. All texts live until the visitor returns. */
typedef struct nimbus_field_report {
    const char *path NIMBUS_0;      /**< "detail.total" */
    nimbus_verdict verdict NIMBUS_0;
    nimbus_bytes list NIMBUS_0;     /**< the list in the text of the pattern */
    nimbus_bytes value NIMBUS_0;    /**< the value in the event that matches, or the first that does not, as JSON; size 0: there is none */
    size_t list_offset NIMBUS_0;    /**< of list in the pattern */
    size_t value_offset NIMBUS_0;   /**< of value in the event; SIZE_MAX: there is none */
    char reason[160] NIMBUS_0;      /**< one sentence */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_field_report;

/** What explain says in short. */
typedef struct nimbus_explanation {
    bool match NIMBUS_0;
    uint32_t combinations NIMBUS_0; /**< of the pattern's "$or"; 1: it has none */
    uint32_t combination NIMBUS_0;  /**< the one that is explained, from 0: the one that matches, or has the fewest fields that do not */
    uint32_t fields NIMBUS_0;       /**< of that combination */
    uint32_t failed NIMBUS_0;       /**< of these: fields that do not match */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_explanation;

/** Called for each field of the combination that is explained, in the order of the pattern. user: as given to nimbus_pattern_explain. */
typedef void nimbus_explain_fn(const nimbus_field_report *field, void *user) NIMBUS_NOEXCEPT;

/**
 * Says why an event matches a pattern or does not: for the combination of "$or" that comes nearest, what each field found.
 *
 * @param pattern  NULL: NIMBUS_E_INVALID; so is a pattern over attributes
 * @param event    as in nimbus_pattern_match
 * @param size     its bytes
 * @param visit    called for each field; NULL: only ret is wanted
 * @param user     handed to visit
 * @param ret      written on success; NULL: not wanted
 * Returns: NIMBUS_OK; NIMBUS_E_JSON; NIMBUS_E_NO_MEMORY; NIMBUS_E_INVALID.
 * Threads: any, several at once with one pattern. Blocks: no. Allocates: yes.
 * Source: ours.
 */
NIMBUS_API nimbus_status nimbus_pattern_explain(const nimbus_pattern *pattern, const void *event, size_t size, nimbus_explain_fn *visit,
                                                void *user, nimbus_explanation *ret);

/* ----------------------------------------------------------------------------------------------- check */

/** Something that is wrong, or looks wrong, in the text of a pattern. */
typedef struct nimbus_finding {
    nimbus_status status NIMBUS_0; /**< what nimbus_pattern_compile would say because of it; NIMBUS_OK: a lint, it compiles */
    size_t offset NIMBUS_0;        /**< byte offset in the text */
    char reason[160] NIMBUS_0;     /**< one sentence */
    uint64_t reserved_[2] NIMBUS_0;
} nimbus_finding;

/**
 * Checks a pattern and lists everything that is wrong with it, not only the first thing, and what is legal but looks like a mistake: a path
 * that a later key of the same path overrides, an element that can never decide anything, a number in quotes beside numbers. Where the text
 * is not JSON, the list ends there.
 *
 * @param text      as in nimbus_pattern_compile; NULL: NIMBUS_E_INVALID
 * @param options   NULL: a rule of a bus
 * @param ret       room for `room` findings, in the order of the text; NULL: they are only counted
 * @param room      0: they are only counted
 * @param ret_count findings there are, which may be more than room: then ret has the first of them; NULL: not wanted
 * Returns: NIMBUS_OK: it compiles, though there may be lints; else the status of the first error, which nimbus_pattern_compile says, too;
 * NIMBUS_E_NO_MEMORY and NIMBUS_E_INVALID: nothing is written.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: EB-P1, EB-P4, EB-P8, EB-P9.
 */
NIMBUS_API nimbus_status nimbus_pattern_check(const char *text, const nimbus_pattern_options *options, nimbus_finding *ret, size_t room,
                                              size_t *ret_count);

/* --------------------------------------------------------------------------------------------- matcher */

typedef struct nimbus_matcher nimbus_matcher; /**< a set of named patterns, which may change while events are matched */

/** How a matcher is made. */
typedef struct nimbus_matcher_options {
    const nimbus_allocator *allocator NIMBUS_0; /**< copied; NULL: malloc and free */
    size_t memory_budget NIMBUS_0;              /**< bytes that the matcher may hold; 0: no bound */
    nimbus_destroy_fn *destroy NIMBUS_0;        /**< ends the user pointer of a rule that is gone, once; NULL: nothing does */
    const nimbus_pattern_options *patterns NIMBUS_0; /**< profile and limits of its rules, copied; NULL: rules of a bus */
    uint64_t reserved_[3] NIMBUS_0;
} nimbus_matcher_options;

/** A rule that an event matches. */
typedef struct nimbus_matched {
    const char *id NIMBUS_0; /**< given to a visitor: lives until it returns; in an array: until the rule is removed or replaced */
    void *user NIMBUS_0;     /**< the rule's, as it was added */
} nimbus_matched;

/** How one event is matched. */
typedef struct nimbus_match_options {
    bool trusted NIMBUS_0;          /**< the event is well-formed JSON, and no object in it has a key twice, or a key ("a") beside one that
                                         begins with it and a dot ("a.b"): what no rule names is jumped over unread, and reading ends as
                                         soon as nothing more can matter */
    uint64_t *ret_steps NIMBUS_0;   /**< the work done: bytes looked at, table probes and candidates, as one count; NULL: not wanted */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_match_options;

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
 * functions, reserved_ is not zero, or an option of the patterns is out of range; NIMBUS_E_FULL: the budget is too small for an empty
 * matcher; NIMBUS_E_NO_MEMORY.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: ours.
 */
NIMBUS_API nimbus_matcher *nimbus_matcher_create(const nimbus_matcher_options *options, nimbus_error *err);

/**
 * Adds a rule; the rule that had this id is replaced in its place, in one step, and its user pointer is ended. Matches that began before
 * see the rules as they were.
 *
 * @param matcher  NULL: NIMBUS_E_INVALID
 * @param id       the rule's name, 1 to 256 bytes ending in NUL; copied; NULL or empty: NIMBUS_E_INVALID; longer: NIMBUS_E_TOO_LARGE
 * @param pattern  as in nimbus_pattern_compile; borrowed for the call; NULL: NIMBUS_E_INVALID
 * @param user     handed to visitors; any value
 * @param err      filled on failure; if it holds a failure already, nothing is done and its status is returned; NULL: the failure is not
 *                 described
 * Returns: NIMBUS_OK: user is the matcher's now; below zero nothing was changed and user is still yours: NIMBUS_E_INVALID;
 * NIMBUS_E_PATTERN; NIMBUS_E_TOO_LARGE; NIMBUS_E_TOO_COMPLEX: a limit of the pattern, or the memory budget;
 * NIMBUS_E_NO_MEMORY.
 * Threads: any, also from a visitor. Blocks: while another add or remove runs, never for a match. Allocates: yes.
 * Source: EB-P1 to EB-P12.
 */
NIMBUS_API nimbus_status nimbus_matcher_add(nimbus_matcher *matcher, const char *id, const char *pattern, void *user, nimbus_error *err);

/**
 * Removes a rule. Its user pointer is ended once the last match that can see the rule has returned, which may be on another thread.
 *
 * @param matcher  NULL: NIMBUS_E_INVALID
 * @param id       the rule's name; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; below zero nothing was changed: NIMBUS_E_NOT_FOUND; NIMBUS_E_INVALID. It never fails for memory.
 * Threads: any, also from a visitor. Blocks: while another add or remove runs, never for a match. Allocates: now and then, to clear away
 * what removed rules have left behind, which waits if there is no memory for it.
 * Source: ours.
 */
NIMBUS_API nimbus_status nimbus_matcher_remove(nimbus_matcher *matcher, const char *id);

/**
 * Finds the rules that an event matches. It works on the rules as they were when it began.
 *
 * @param matcher    NULL: NIMBUS_E_INVALID; so is one whose patterns are over attributes
 * @param event      the event, a JSON object; borrowed for the call; NULL: NIMBUS_E_INVALID
 * @param size       its bytes; 0: NIMBUS_E_JSON
 * @param options    NULL: the event is read as a whole and checked strictly
 * @param visit      called for each rule that matches; NULL: they are only counted
 * @param user       handed to visit
 * @param ret_count  written on success: how many rules matched, up to the one at which visit ended it; NULL: not wanted
 * Returns: NIMBUS_OK, also if no rule matches; NIMBUS_E_JSON: malformed, nested more than 1,000 deep, or not an object, and visit was not
 * called; NIMBUS_E_NO_MEMORY: no room to note what the event has, visit was not called; NIMBUS_E_INVALID. Nothing is changed by it.
 * Threads: any, several at once with one matcher. Blocks: no. Allocates: in the first matches only, until its scratch space has grown.
 * Source: EB-P1 to EB-P12.
 */
NIMBUS_API nimbus_status nimbus_matcher_match(nimbus_matcher *matcher, const void *event, size_t size, const nimbus_match_options *options,
                                              nimbus_matcher_visit_fn *visit, void *user, size_t *ret_count);

/**
 * Finds the rules that an event matches, into an array, in the order in which the rules' ids were first added.
 *
 * @param matcher    as in nimbus_matcher_match
 * @param event      as in nimbus_matcher_match
 * @param size       as in nimbus_matcher_match
 * @param options    as in nimbus_matcher_match
 * @param ret        room for `room` rules; only good while nobody removes or replaces them; NULL with room above 0: NIMBUS_E_INVALID
 * @param room       rules beyond it are counted, not written
 * @param ret_count  written on success: how many rules matched, which may be more than room; NULL: not wanted
 * Returns: as nimbus_matcher_match.
 * Threads: any, several at once with one matcher. Blocks: no. Allocates: as nimbus_matcher_match.
 * Source: EB-P1 to EB-P12.
 */
NIMBUS_API nimbus_status nimbus_matcher_find(nimbus_matcher *matcher, const void *event, size_t size, const nimbus_match_options *options,
                                             nimbus_matched *ret, size_t room, size_t *ret_count);

/**
 * Finds the rules that the attributes of a message match. No JSON is made of them.
 *
 * @param matcher     made with NIMBUS_PROFILE_SNS_ATTRIBUTES; another, or NULL: NIMBUS_E_INVALID
 * @param attributes  count of them; NULL with count above 0: NIMBUS_E_INVALID; so is one whose name or value is NULL
 * @param count       0: only policies without keys match
 * @param visit       as in nimbus_matcher_match
 * @param user        handed to visit
 * @param ret_count   as in nimbus_matcher_match
 * Returns: NIMBUS_OK; NIMBUS_E_NO_MEMORY; NIMBUS_E_INVALID.
 * Threads: any, several at once with one matcher. Blocks: no. Allocates: as nimbus_matcher_match.
 * Source: SNS-F2, SNS-F5 to SNS-F8.
 */
NIMBUS_API nimbus_status nimbus_matcher_match_attributes(nimbus_matcher *matcher, const nimbus_attribute *attributes, size_t count,
                                                         nimbus_matcher_visit_fn *visit, void *user, size_t *ret_count);

/** What a matcher holds. */
typedef struct nimbus_matcher_metrics {
    uint64_t rules NIMBUS_0;
    uint64_t combinations NIMBUS_0; /**< of the rules: one each, more with "$or" */
    uint64_t predicates NIMBUS_0;   /**< distinct (path, test) pairs, shared by all rules that have them */
    uint64_t paths NIMBUS_0;        /**< distinct paths that rules name */
    uint64_t bytes NIMBUS_0;        /**< of memory */
    uint64_t rebuilds NIMBUS_0;     /**< times that what removed rules had left behind was cleared away */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_matcher_metrics;

/**
 * Looks at what a matcher holds.
 *
 * @param matcher  NULL: NIMBUS_E_INVALID
 * @param ret      written on success; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_E_INVALID.
 * Threads: any. Blocks: while an add or remove runs. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_status nimbus_matcher_get_metrics(nimbus_matcher *matcher, nimbus_matcher_metrics *ret);

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
