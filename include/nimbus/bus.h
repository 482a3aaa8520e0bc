/**
 * bus.h - event buses (EventBridge): events are put, rules match them by content, each rule feeds its targets.
 *
 * A rule is named by (bus, rule), a target by (bus, rule, target id); there are no handles for them.
 */
#ifndef NIMBUS_BUS_H
#define NIMBUS_BUS_H

#include <nimbus/target.h>

NIMBUS_BEGIN

typedef struct nimbus_bus nimbus_bus;

/**
 * Creates a bus.
 *
 * @param nb    NULL: NIMBUS_E_INVALID
 * @param name  1 to 256 letters, digits, '-', '_', '.', '/'; copied
 * @param err   sticky; NULL: not wanted
 * Returns: a reference; NULL with *err filled: NIMBUS_E_INVALID, NIMBUS_E_EXISTS (also for "default"), NIMBUS_E_CLOSED,
 *          NIMBUS_E_NO_MEMORY.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: EB-B1.
 */
NIMBUS_API NIMBUS_MUST_USE nimbus_bus *nimbus_bus_create(nimbus_runtime *nb, const char *name, nimbus_error *err);

/**
 * Finds a bus; "default" always exists.
 *
 * @param nb    NULL: NIMBUS_E_INVALID
 * @param name  NULL: NIMBUS_E_INVALID
 * @param err   sticky; NULL: not wanted
 * Returns: a reference; NULL with *err filled: NIMBUS_E_NOT_FOUND, NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: EB-B1.
 */
NIMBUS_API NIMBUS_MUST_USE nimbus_bus *nimbus_bus_find(nimbus_runtime *nb, const char *name, nimbus_error *err);

/**
 * Takes another reference.
 *
 * @param bus  NULL: nothing happens
 * Returns: bus.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_bus *nimbus_bus_retain(nimbus_bus *bus);

/**
 * Gives a reference back; the bus lives on.
 *
 * @param bus  NULL: nothing happens
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API void nimbus_bus_release(nimbus_bus *bus);

/**
 * Ends a bus with its rules. Deliveries that wait are discarded and traced.
 *
 * @param bus  NULL: NIMBUS_E_INVALID; the reference stays yours
 * Returns: NIMBUS_OK; NIMBUS_E_DELETED: it was deleted before; NIMBUS_E_INVALID: also for the bus "default".
 * Threads: any. Blocks: no. Allocates: no.
 * Source: EB-B1.
 */
NIMBUS_API nimbus_status nimbus_bus_delete(nimbus_bus *bus);

/* ------------------------------------------------------------------------------------------------- put */

/** An event to be put. */
typedef struct nimbus_event {
    const char *source NIMBUS_0;      /**< required, not empty */
    const char *detail_type NIMBUS_0; /**< required, not empty */
    nimbus_bytes detail NIMBUS_0;     /**< required: a JSON object */
    const char *const *resources NIMBUS_0;
    size_t resource_count NIMBUS_0;
    nimbus_time time NIMBUS_0;        /**< 0: now (EB-E8) */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_event;

/** What became of an event. matched = delivered + pending + failed. */
typedef struct nimbus_put_result {
    nimbus_status status NIMBUS_0; /**< of this event; NIMBUS_OK also if deliveries failed (EB-E10) */
    nimbus_id id NIMBUS_0;
    uint32_t rules NIMBUS_0;       /**< rules that matched */
    uint32_t matched NIMBUS_0;     /**< their targets */
    uint32_t delivered NIMBUS_0, pending NIMBUS_0, failed NIMBUS_0; /**< as in nimbus_published */
    const char *field NIMBUS_0;    /**< with a failure: the field at fault ("source"), a constant; NULL: none */
    size_t offset NIMBUS_0;        /**< with NIMBUS_E_JSON: byte offset in detail */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_put_result;

/**
 * Puts an event on a bus: every enabled rule that matches it feeds all its targets, in order of rule creation and target id. What targets
 * get is the event as EventBridge JSON; nimbus_message_event shows its parts without a JSON reader.
 *
 * @param bus    NULL: NIMBUS_E_INVALID
 * @param event  NULL: NIMBUS_E_INVALID; it is borrowed for the call
 * @param ret    written in every case but NIMBUS_E_INVALID for a NULL; NULL: not wanted
 * Returns: NIMBUS_OK: put, whatever became of the deliveries, also if no rule matched. NIMBUS_E_MISSING (source, detail_type or detail;
 *          ret->field names it), NIMBUS_E_JSON (detail is not a JSON object), NIMBUS_E_TOO_LARGE (limits.max_event_size),
 *          NIMBUS_E_INVALID (a reserved field), NIMBUS_E_TOO_DEEP, NIMBUS_E_FULL (memory budget), NIMBUS_E_DELETED, NIMBUS_E_CLOSED,
 *          NIMBUS_E_NO_MEMORY.
 * Threads: any. Blocks: no longer than inline callbacks do. Allocates: yes.
 * Source: EB-E1, E3 to E6, E8, E10, E13, B8.
 */
NIMBUS_API nimbus_status nimbus_bus_put(nimbus_bus *bus, const nimbus_event *event, nimbus_put_result *ret);

/**
 * Puts several events, in order. A batch that is empty, too long or has an event above the size limit fails whole with no effect (EB-E2,
 * E6); otherwise each event succeeds or fails alone.
 *
 * @param bus     NULL: NIMBUS_E_INVALID
 * @param events  count of them
 * @param count   1 to 10 (limits.max_batch)
 * @param ret     count of them; written unless the batch failed whole; NULL: not wanted
 * Returns: NIMBUS_OK; NIMBUS_PARTIAL: ret tells which failed. Whole: NIMBUS_E_EMPTY_BATCH, NIMBUS_E_BATCH_TOO_MANY, NIMBUS_E_TOO_LARGE,
 *          NIMBUS_E_INVALID, NIMBUS_E_DELETED, NIMBUS_E_CLOSED.
 * Threads: any. Blocks: as nimbus_bus_put. Allocates: yes.
 * Source: X-5, EB-E2, E3, E6, E13.
 */
NIMBUS_API nimbus_status nimbus_bus_put_batch(nimbus_bus *bus, const nimbus_event *events, size_t count, nimbus_put_result *ret);

/* ----------------------------------------------------------------------------------------------- rules */

/** Options of a rule. */
typedef struct nimbus_rule_options {
    bool disabled NIMBUS_0; /**< it matches nothing until it is enabled (EB-B7) */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_rule_options;

/**
 * Creates a rule, or replaces it: pattern and options are set anew, its targets and its place in the order stay.
 *
 * @param bus      NULL: NIMBUS_E_INVALID
 * @param rule     its name: 1 to 64 letters, digits, '.', '-', '_'; copied
 * @param pattern  an event pattern, JSON, ending in NUL; copied
 * @param options  NULL: all defaults
 * @param err      sticky; NULL: not wanted
 * Returns: NIMBUS_OK. Else nothing was changed: NIMBUS_E_INVALID, NIMBUS_E_PATTERN (err->offset, err->reason), NIMBUS_E_TOO_LARGE,
 *          NIMBUS_E_TOO_COMPLEX, NIMBUS_E_OVER_LIMIT (limits.max_rules_per_bus), NIMBUS_E_DELETED, NIMBUS_E_CLOSED,
 *          NIMBUS_E_FULL (memory budget), NIMBUS_E_NO_MEMORY.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: EB-B2, B3.
 */
NIMBUS_API nimbus_status nimbus_rule_put(nimbus_bus *bus, const char *rule, const char *pattern, const nimbus_rule_options *options,
                                         nimbus_error *err);

/**
 * Gives a rule a target, or replaces the target of that id. Deliveries of the replaced one that wait are discarded and traced.
 *
 * @param bus      NULL: NIMBUS_E_INVALID
 * @param rule     NULL: NIMBUS_E_INVALID
 * @param id       1 to 64 letters, digits, '.', '-', '_'; copied
 * @param target   a queue, topic, function, callback or inline callback
 * @param options  NULL: all defaults; filter and envelope do not apply, input does (EB-I1)
 * @param err      sticky; NULL: not wanted
 * Returns: NIMBUS_OK. Else nothing was changed, and a callback's user pointer is still yours: NIMBUS_E_NOT_FOUND (the rule),
 *          NIMBUS_E_INVALID, NIMBUS_E_OVER_LIMIT (limits.max_targets_per_rule), NIMBUS_E_DELETED, NIMBUS_E_CLOSED, NIMBUS_E_NO_MEMORY.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: EB-B8 to B10, R1 to R6.
 */
NIMBUS_API nimbus_status nimbus_rule_target(nimbus_bus *bus, const char *rule, const char *id, nimbus_target target,
                                            const nimbus_delivery_options *options, nimbus_error *err);

/**
 * Takes a target away from a rule. Deliveries that wait are discarded and traced.
 *
 * @param bus   NULL: NIMBUS_E_INVALID
 * @param rule  NULL: NIMBUS_E_INVALID
 * @param id    NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_E_NOT_FOUND; NIMBUS_E_DELETED; NIMBUS_E_NO_MEMORY; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: EB-B10.
 */
NIMBUS_API nimbus_status nimbus_rule_remove_target(nimbus_bus *bus, const char *rule, const char *id);

/**
 * Enables or disables a rule.
 *
 * @param bus      NULL: NIMBUS_E_INVALID
 * @param rule     NULL: NIMBUS_E_INVALID
 * @param enabled  false: it matches nothing
 * Returns: NIMBUS_OK; NIMBUS_E_NOT_FOUND; NIMBUS_E_DELETED; NIMBUS_E_NO_MEMORY; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: EB-B7.
 */
NIMBUS_API nimbus_status nimbus_rule_enable(nimbus_bus *bus, const char *rule, bool enabled);

/**
 * Deletes a rule.
 *
 * @param bus    NULL: NIMBUS_E_INVALID
 * @param rule   NULL: NIMBUS_E_INVALID
 * @param force  true: with its targets
 * Returns: NIMBUS_OK, also if there is no such rule; NIMBUS_E_IN_USE: it has targets and force is false; NIMBUS_E_DELETED: the bus;
 *          NIMBUS_E_NO_MEMORY; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: EB-B6.
 */
NIMBUS_API nimbus_status nimbus_rule_delete(nimbus_bus *bus, const char *rule, bool force);

/** Counters of a rule; the delivery part is the sum over its targets. */
typedef struct nimbus_rule_metrics {
    uint64_t matched_events NIMBUS_0;
    uint64_t targets NIMBUS_0; /**< gauge */
    bool disabled NIMBUS_0;
    nimbus_delivery_metrics deliveries NIMBUS_0;
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_rule_metrics;

/**
 * Looks at the counters of a rule.
 *
 * @param bus   NULL: NIMBUS_E_INVALID
 * @param rule  NULL: NIMBUS_E_INVALID
 * @param ret   written on success; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_E_NOT_FOUND; NIMBUS_E_DELETED; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: EB-R4.
 */
NIMBUS_API nimbus_status nimbus_rule_get_metrics(nimbus_bus *bus, const char *rule, nimbus_rule_metrics *ret);

/** Counters of a bus. */
typedef struct nimbus_bus_metrics {
    uint64_t put NIMBUS_0;       /**< events taken */
    uint64_t unmatched NIMBUS_0; /**< of these: no rule matched */
    uint64_t refused NIMBUS_0;   /**< events that failed */
    uint64_t rules NIMBUS_0;     /**< gauge */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_bus_metrics;

/**
 * Looks at the counters of a bus.
 *
 * @param bus  NULL: NIMBUS_E_INVALID
 * @param ret  written on success; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: EB-E3.
 */
NIMBUS_API nimbus_status nimbus_bus_get_metrics(nimbus_bus *bus, nimbus_bus_metrics *ret);

NIMBUS_END

#endif
