/**
 * target.h - where a message may go, and what happens when it cannot: the same wherever a target stands (a subscription, a rule's
 * target, a destination).
 *
 * A target binds to the *name* of a queue, topic or function. Deleting that resource empties the name; creating it again fills it. A
 * delivery to an empty name fails for good (SNS-R1, EB-R2): to the dead letter, or discarded and traced.
 *
 * With the defaults a subscription of a queue that stays full for more than a minute loses messages, traced: give it a dead-letter queue or
 * a longer retry policy where that matters.
 */
#ifndef NIMBUS_TARGET_H
#define NIMBUS_TARGET_H

#include <nimbus/delivery.h>
#include <nimbus/queue.h>

NIMBUS_BEGIN

typedef struct nimbus_topic nimbus_topic;
typedef struct nimbus_function nimbus_function;

typedef enum nimbus_target_kind {
    NIMBUS_TARGET_NONE = 0,
    NIMBUS_TARGET_QUEUE = 1,
    NIMBUS_TARGET_TOPIC = 2,
    NIMBUS_TARGET_FUNCTION = 3,
    NIMBUS_TARGET_CALLBACK = 4,
    NIMBUS_TARGET_INLINE = 5
} nimbus_target_kind;

/** A target by value. It borrows; the call that stores it takes references of its own. */
typedef struct nimbus_target {
    nimbus_target_kind kind;
    void *object;
    nimbus_handler *handler;
    void *user;
    nimbus_destroy_fn *destroy;
    uint64_t reserved_[2];
} nimbus_target;

/**
 * A queue as a target: the message is stored in it.
 *
 * @param queue  NULL or deleted: the call that uses the target answers NIMBUS_E_INVALID or NIMBUS_E_DELETED
 * Returns: the target by value.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SNS-U3.
 */
NIMBUS_API nimbus_target nimbus_to_queue(nimbus_queue *queue);

/**
 * A topic as a target: the message is published in it.
 *
 * @param topic  NULL or deleted: as nimbus_to_queue
 * Returns: the target by value.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: EB-B8.
 */
NIMBUS_API nimbus_target nimbus_to_topic(nimbus_topic *topic);

/**
 * A function as a target: it is invoked asynchronously, with the retries and destinations of the function.
 *
 * @param function  NULL or deleted: as nimbus_to_queue
 * Returns: the target by value.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: LA-A1.
 */
NIMBUS_API nimbus_target nimbus_to_function(nimbus_function *function);

/**
 * A callback as a target: it has a mailbox of its own, runs on a worker (or in nimbus_run), one message at a time unless the options say
 * otherwise, and is retried by the options' retry policy.
 *
 * @param handler  NULL: the call that uses the target answers NIMBUS_E_INVALID
 * @param user     handed to handler
 * @param destroy  called once with user after the last call of handler has returned; not called if the call that uses the target
 *                 fails; NULL: none
 * Returns: the target by value; it is good for one use.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SNS-P3.
 */
NIMBUS_API nimbus_target nimbus_to_callback(nimbus_handler *handler, void *user, nimbus_destroy_fn *destroy);

/**
 * An inline callback as a target: it runs on the publisher's thread before publish or put returns, in order of subscription, and must be
 * short. It is not retried: any answer but NIMBUS_DONE is a failure for good. The stated exception to isolation: it delays its publisher.
 *
 * @param handler  NULL: the call that uses the target answers NIMBUS_E_INVALID
 * @param user     handed to handler, perhaps by several threads at once
 * @param destroy  as for nimbus_to_callback
 * Returns: the target by value; it is good for one use.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_target nimbus_to_inline(nimbus_handler *handler, void *user, nimbus_destroy_fn *destroy);

/** When a failed delivery is tried again. The n-th retry comes after min(max_delay, min_delay * 2^(n-1)). */
typedef struct nimbus_retry_policy {
    int32_t max_retries NIMBUS_0;         /**< after the first attempt. 0: the noun's default; NIMBUS_NONE: none (EB-R6) */
    nimbus_duration max_age NIMBUS_0;     /**< since the publish; whichever of both ends first (EB-R1). 0: the noun's default */
    nimbus_duration min_delay NIMBUS_0;   /**< 0: the noun's default */
    nimbus_duration max_delay NIMBUS_0;   /**< 0: the noun's default */
    bool jitter NIMBUS_0;                 /**< true: each delay is drawn, by the seed, from its upper half (X-11) */
    uint64_t reserved_[2] NIMBUS_0;
} nimbus_retry_policy;

typedef enum nimbus_filter_scope {
    NIMBUS_FILTER_ATTRIBUTES = 0, /**< the policy's keys are attribute names (SNS-F2) */
    NIMBUS_FILTER_BODY = 1        /**< the policy is matched on the body, a JSON object (SNS-F3) */
} nimbus_filter_scope;

/** A value of an event that a template may name. */
typedef struct nimbus_input_path {
    const char *name NIMBUS_0; /**< 1 to 256 letters, digits, '-' and '_', not beginning with "AWS" */
    const char *path NIMBUS_0; /**< "$.detail.items[0].id": names, [n], [*] and .*; at most 256 bytes */
} nimbus_input_path;

/**
 * What a rule's target gets in the place of the event: exactly one of constant, path and text (EB-I1). A template names values by <name>:
 * those of `paths`, and <aws.events.rule-arn>, <aws.events.rule-name>, <aws.events.event.ingestion-time>, <aws.events.event> (the event
 * without its detail), <aws.events.event.json>. A template that begins with a quote is text: quoted lines, with a newline or \n between
 * them. Any other is JSON; what comes out must be JSON, or the delivery fails for good.
 */
typedef struct nimbus_input {
    const char *constant NIMBUS_0;           /**< JSON of 1 to 8,192 bytes (EB-I2) */
    const char *path NIMBUS_0;               /**< the selected part of the event; null if it selects nothing (EB-I2) */
    const char *text NIMBUS_0;               /**< a template of 1 to 8,192 bytes (EB-I3) */
    const nimbus_input_path *paths NIMBUS_0; /**< path_count of them, at most 100: the values that text may name */
    size_t path_count NIMBUS_0;
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_input;

/** What happens around a target. A field that does not apply is refused with NIMBUS_E_INVALID. */
typedef struct nimbus_delivery_options {
    const char *filter NIMBUS_0;               /**< subscriptions only: a filter policy, JSON, copied. NULL: every message (SNS-F1) */
    nimbus_filter_scope filter_scope NIMBUS_0;
    bool envelope NIMBUS_0;                    /**< subscriptions of queues only: the body is the notification as SNS JSON (SNS-D1);
                                                    false: the message as published, with its attributes (SNS-D4) */
    nimbus_retry_policy retry NIMBUS_0;        /**< for deliveries that fail for now (a full queue, a callback's NIMBUS_RETRY). Refused for
                                                    inline callbacks. Subscriptions: 3 retries, 20 s apart, 1 h (SNS-R5). Rule targets:
                                                    185 retries, 1 s doubling to 10 min, 24 h (EB-R1) */
    nimbus_queue *dead_letter_queue NIMBUS_0;  /**< takes what failed for good; binds to its name: while that is empty or full, the
                                                    delivery stays pending and is offered again until max_age. NULL: discarded, traced */
    int32_t max_concurrency NIMBUS_0;          /**< callbacks only: calls at once. 0: 1 */
    size_t capacity_messages NIMBUS_0;         /**< waiting deliveries of a callback, or waiting retries of another target: 65,536;
                                                    above it a delivery fails for good */
    const nimbus_input *input NIMBUS_0;        /**< rule targets only: what the target gets; copied. NULL: the event */
    uint64_t reserved_[7] NIMBUS_0;
} nimbus_delivery_options;

/**
 * Counters of one delivery path: a subscription or a rule's target. matched = delivered + pending + dead_lettered + discarded. Exact with
 * respect to publishes that have returned; one that is under way counts as delivered until it has come to this path.
 */
typedef struct nimbus_delivery_metrics {
    uint64_t filtered NIMBUS_0;      /**< not matched by the filter */
    uint64_t matched NIMBUS_0;
    uint64_t delivered NIMBUS_0;     /**< the target took it; a callback: it answered NIMBUS_DONE */
    uint64_t pending NIMBUS_0;       /**< gauge: waiting for its turn or its next try */
    uint64_t retries NIMBUS_0;       /**< attempts after the first */
    uint64_t dead_lettered NIMBUS_0;
    uint64_t discarded NIMBUS_0;
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_delivery_metrics;

NIMBUS_END

#endif
