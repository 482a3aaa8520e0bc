/**
 * topic.h - topics and subscriptions (SNS): one publish, many independent deliveries.
 */
#ifndef NIMBUS_TOPIC_H
#define NIMBUS_TOPIC_H

#include <nimbus/target.h>

NIMBUS_BEGIN

/** Options of a topic. 0 takes the default. */
typedef struct nimbus_topic_options {
    bool fifo NIMBUS_0;               /**< true: NIMBUS_E_UNSUPPORTED by this version */
    size_t max_message_size NIMBUS_0; /**< limits.max_topic_message_size: 256 KiB (SNS-P7) */
    uint64_t reserved_[8] NIMBUS_0;
} nimbus_topic_options;

/**
 * Creates a topic, or finds the one of that name if each option that is given (not 0) agrees with it.
 *
 * @param nb       NULL: NIMBUS_E_INVALID
 * @param name     1 to 256 letters, digits, '-', '_'; copied
 * @param options  NULL: all defaults
 * @param err      sticky; NULL: not wanted
 * Returns: a reference; NULL with *err filled: NIMBUS_E_INVALID, NIMBUS_E_EXISTS, NIMBUS_E_UNSUPPORTED, NIMBUS_E_CLOSED,
 *          NIMBUS_E_NO_MEMORY.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: SNS-P1.
 */
NIMBUS_API NIMBUS_MUST_USE nimbus_topic *nimbus_topic_create(nimbus_runtime *nb, const char *name, const nimbus_topic_options *options,
                                                             nimbus_error *err);

/**
 * Finds a topic.
 *
 * @param nb    NULL: NIMBUS_E_INVALID
 * @param name  NULL: NIMBUS_E_INVALID
 * @param err   sticky; NULL: not wanted
 * Returns: a reference; NULL with *err filled: NIMBUS_E_NOT_FOUND, NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SNS-P6.
 */
NIMBUS_API NIMBUS_MUST_USE nimbus_topic *nimbus_topic_find(nimbus_runtime *nb, const char *name, nimbus_error *err);

/**
 * Takes another reference.
 *
 * @param topic  NULL: nothing happens
 * Returns: topic.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_topic *nimbus_topic_retain(nimbus_topic *topic);

/**
 * Gives a reference back; the topic lives on.
 *
 * @param topic  NULL: nothing happens
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API void nimbus_topic_release(nimbus_topic *topic);

/**
 * Ends a topic and all its subscriptions. Deliveries that wait for their turn or their retry are discarded and traced.
 *
 * @param topic  NULL: NIMBUS_E_INVALID; the reference stays yours
 * Returns: NIMBUS_OK; NIMBUS_E_DELETED: it was deleted before; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no; handlers that run go on. Allocates: no.
 * Source: SNS-P2.
 */
NIMBUS_API nimbus_status nimbus_topic_delete(nimbus_topic *topic);

/**
 * The name of a topic.
 *
 * @param topic  NULL gives ""
 * Returns: text that lives as long as the reference.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SNS-P1.
 */
NIMBUS_API const char *nimbus_topic_name(const nimbus_topic *topic);

/* ---------------------------------------------------------------------------------------------- publish */

/** What became of a publish. matched = delivered + pending + failed. */
typedef struct nimbus_published {
    nimbus_status status NIMBUS_0; /**< of this entry; NIMBUS_OK also if deliveries failed (SNS-P4) */
    nimbus_id id NIMBUS_0;
    uint32_t matched NIMBUS_0;   /**< subscriptions whose filter took it */
    uint32_t delivered NIMBUS_0; /**< stored in a queue, or an inline callback answered NIMBUS_DONE */
    uint32_t pending NIMBUS_0;   /**< handed to a function or callback, or waiting for a retry */
    uint32_t failed NIMBUS_0;    /**< dead-lettered or discarded at once */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_published;

/**
 * Publishes a message to all subscriptions that exist now and whose filter takes it. Queues are fed and inline callbacks have run when
 * it returns; a failing, slow or full subscription affects neither the others nor the publisher.
 *
 * @param topic  NULL: NIMBUS_E_INVALID
 * @param entry  body, attributes, subject; NULL: NIMBUS_E_INVALID. It is borrowed for the call
 * @param ret    written in every case but NIMBUS_E_INVALID for a NULL; NULL: not wanted
 * Returns: NIMBUS_OK: published, whatever became of the deliveries. Else it is not, and an adopted body is still yours:
 *          NIMBUS_E_MISSING (empty body), NIMBUS_E_TOO_LARGE, NIMBUS_E_ATTRIBUTE, NIMBUS_E_OVER_LIMIT (attributes), NIMBUS_E_INVALID
 *          (subject, delay, wait, a reserved field), NIMBUS_E_TOO_DEEP, NIMBUS_E_FULL (memory budget), NIMBUS_E_DELETED,
 *          NIMBUS_E_CLOSED, NIMBUS_E_NO_MEMORY.
 * Threads: any. Blocks: no longer than the inline callbacks do. Allocates: yes.
 * Source: SNS-P3 to P8.
 */
NIMBUS_API nimbus_status nimbus_topic_publish(nimbus_topic *topic, const nimbus_entry *entry, nimbus_published *ret);

/**
 * Publishes several messages, in order. A malformed batch fails whole with no effect; otherwise each entry succeeds or fails alone.
 *
 * @param topic    NULL: NIMBUS_E_INVALID
 * @param entries  count of them
 * @param count    1 to 10 (limits.max_batch)
 * @param ret      count of them; written unless the batch failed whole; NULL: not wanted
 * Returns: NIMBUS_OK; NIMBUS_PARTIAL: ret tells which failed. Whole: NIMBUS_E_EMPTY_BATCH, NIMBUS_E_BATCH_TOO_MANY,
 *          NIMBUS_E_BATCH_TOO_LONG, NIMBUS_E_INVALID, NIMBUS_E_DELETED, NIMBUS_E_CLOSED.
 * Threads: any. Blocks: as nimbus_topic_publish. Allocates: yes.
 * Source: X-5, SNS-P9.
 */
NIMBUS_API nimbus_status nimbus_topic_publish_batch(nimbus_topic *topic, const nimbus_entry *entries, size_t count, nimbus_published *ret);

/* -------------------------------------------------------------------------------------------- subscribe */

/**
 * Subscribes a target: it gets every message published from now on that its filter takes (SNS-P5).
 *
 * @param topic    NULL: NIMBUS_E_INVALID
 * @param target   a queue, function, callback or inline callback; a topic: NIMBUS_E_UNSUPPORTED
 * @param options  NULL: all defaults
 * @param err      sticky; NULL: not wanted
 * @param ret      a reference to the subscription, to be given back; NULL: not wanted (a handler gets at its own by
 *                 nimbus_delivery_subscription)
 * Returns: NIMBUS_OK. Else nothing was changed, and a callback's user pointer is still yours: NIMBUS_E_INVALID, NIMBUS_E_PATTERN (filter;
 *          err->offset tells where), NIMBUS_E_UNSUPPORTED, NIMBUS_E_DELETED (topic, target or dead-letter queue), NIMBUS_E_CLOSED,
 *          NIMBUS_E_NO_MEMORY.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: SNS-U1, U3, F1 to F3, R9.
 */
NIMBUS_API nimbus_status nimbus_topic_subscribe(nimbus_topic *topic, nimbus_target target, const nimbus_delivery_options *options,
                                                nimbus_error *err, nimbus_subscription **ret);

/**
 * Ends a subscription: no new call of its handler starts after it has returned. Deliveries that wait are discarded and traced.
 *
 * @param subscription  NULL: NIMBUS_E_INVALID; the reference stays yours
 * @param wait          how long to wait for calls of the handler that run; 0: not at all, legal in any handler, its own included
 * Returns: NIMBUS_OK: ended, also if it had ended before (SNS-U6). NIMBUS_E_TIMEOUT: ended, but calls still run. NIMBUS_E_WOULD_DEADLOCK:
 *          wait is not 0 inside a handler; nothing was changed. NIMBUS_E_INVALID.
 * Threads: any. Blocks: up to wait. Allocates: no.
 * Source: SNS-U6.
 */
NIMBUS_API nimbus_status nimbus_unsubscribe(nimbus_subscription *subscription, nimbus_duration wait);

/**
 * Takes another reference.
 *
 * @param subscription  NULL: nothing happens
 * Returns: subscription.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_subscription *nimbus_subscription_retain(nimbus_subscription *subscription);

/**
 * Gives a reference back; the subscription goes on.
 *
 * @param subscription  NULL: nothing happens
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API void nimbus_subscription_release(nimbus_subscription *subscription);

/**
 * Looks at the counters of a subscription.
 *
 * @param subscription  NULL: NIMBUS_E_INVALID
 * @param ret           written on success; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SNS-R14.
 */
NIMBUS_API nimbus_status nimbus_subscription_get_metrics(nimbus_subscription *subscription, nimbus_delivery_metrics *ret);

/** Counters of a topic. */
typedef struct nimbus_topic_metrics {
    uint64_t published NIMBUS_0;
    uint64_t subscriptions NIMBUS_0; /**< gauge */
    uint64_t matched NIMBUS_0, delivered NIMBUS_0, pending NIMBUS_0, failed NIMBUS_0; /**< sums of what publish returned */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_topic_metrics;

/**
 * Looks at the counters of a topic.
 *
 * @param topic  NULL: NIMBUS_E_INVALID
 * @param ret    written on success; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SNS-R14.
 */
NIMBUS_API nimbus_status nimbus_topic_get_metrics(nimbus_topic *topic, nimbus_topic_metrics *ret);

NIMBUS_END

#endif
