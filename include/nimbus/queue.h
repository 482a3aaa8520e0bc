/**
 * queue.h - queues: send, receive with a visibility timeout, delete, delay, retention, dead letters (SQS).
 *
 * A message is in exactly one state: *delayed*, *ready*, *in flight*. It leaves by delete, expiry, purge, dead letter or, if the queue
 * says so, by drop-oldest. Counts are exact: ready + in flight + delayed = held.
 */
#ifndef NIMBUS_QUEUE_H
#define NIMBUS_QUEUE_H

#include <nimbus/delivery.h>

NIMBUS_BEGIN

typedef struct nimbus_queue nimbus_queue;

/** What a full queue does. */
typedef enum nimbus_overflow {
    NIMBUS_OVERFLOW_REFUSE = 0,     /**< the send answers NIMBUS_E_FULL, or waits (nimbus_entry.wait) */
    NIMBUS_OVERFLOW_DROP_OLDEST = 1 /**< the oldest ready message goes, counted and traced */
} nimbus_overflow;

/** Whose dead letters a queue takes. It counts when a queue names this one as its dead-letter queue, not later (SQS-D14). */
typedef enum nimbus_redrive_permission {
    NIMBUS_REDRIVE_ALLOW_ALL = 0,
    NIMBUS_REDRIVE_DENY_ALL = 1,
    NIMBUS_REDRIVE_BY_QUEUE = 2 /**< those of redrive_sources */
} nimbus_redrive_permission;

/** Why a message is gone that nobody has deleted. */
typedef enum nimbus_discard_reason {
    NIMBUS_DISCARD_EXPIRED = 1, /**< older than the retention (SQS-T1, T5) */
    NIMBUS_DISCARD_DROPPED = 2  /**< the oldest ready one of a full queue (NIMBUS_OVERFLOW_DROP_OLDEST) */
} nimbus_discard_reason;

/**
 * Told of each message that expired or was dropped, once, when it has gone; not of deletes, purges, and the end of the queue. Any thread,
 * the library's own included; nothing is locked. Keep it short; it may call all that does not wait. message lives for the call.
 */
typedef void nimbus_discard_fn(nimbus_queue *queue, const nimbus_message *message, nimbus_id id, nimbus_discard_reason why,
                               void *user) NIMBUS_NOEXCEPT;

/** Between which messages of a FIFO queue a deduplication id counts (SQS-F20). */
typedef enum nimbus_dedup_scope {
    NIMBUS_DEDUP_QUEUE = 0, /**< all of the queue */
    NIMBUS_DEDUP_GROUP = 1  /**< those of one group */
} nimbus_dedup_scope;

/** Options of a queue. 0 takes the default. */
typedef struct nimbus_queue_options {
    bool fifo NIMBUS_0;                           /**< messages of a group in order, and no duplicates. The name must end in ".fifo"
                                                       (SQS-Q1); fixed when the queue is made (SQS-Q7) */
    bool fair NIMBUS_0;                           /**< standard queues: a group id names a tenant, and a noisy one does not keep the
                                                       others waiting (SQS-N1 to N8); drops nothing; fixed when the queue is made */
    bool content_based_deduplication NIMBUS_0;    /**< FIFO: who gives no deduplication id has the body's SHA-256 (SQS-F15) */
    nimbus_dedup_scope deduplication_scope NIMBUS_0; /**< FIFO; changed only while the queue is empty and remembers nothing, else
                                                       NIMBUS_E_UNSUPPORTED (SQS-F21) */
    size_t deduplication_capacity NIMBUS_0;       /**< FIFO: bytes to remember ids for 5 minutes, about 60 each: 64 MiB; 16 KiB at
                                                       least. When they are used, sends answer NIMBUS_E_DEDUP_FULL (SQS-F23) */
    nimbus_duration visibility_timeout NIMBUS_0;  /**< 30 s; up to 12 h; NIMBUS_ZERO: none (SQS-Q9, R10) */
    nimbus_duration delay NIMBUS_0;               /**< of messages that say none: none; up to 15 min */
    nimbus_duration retention NIMBUS_0;           /**< 4 days; 60 s to 14 days, from the send (SQS-T1) */
    nimbus_duration receive_wait NIMBUS_0;        /**< for receives that pass NIMBUS_DEFAULT: none; up to 20 s (SQS-R3) */
    size_t max_message_size NIMBUS_0;             /**< limits.max_message_size; 1,024 bytes at least (SQS-S4) */
    size_t capacity_messages NIMBUS_0;            /**< messages held, in any state: 1,048,576; at most 2^31 - 1 count */
    size_t capacity_bytes NIMBUS_0;               /**< their bodies and attributes: no bound but the instance's budget */
    nimbus_overflow overflow NIMBUS_0;
    bool text_only NIMBUS_0;                      /**< bodies and String values are UTF-8 text without control characters but tab, line
                                                       feed and carriage return, else NIMBUS_E_CONTENT (SQS-S3); false: any bytes */
    nimbus_queue *dead_letter_queue NIMBUS_0;     /**< another one of the same instance and kind; binds to its name (SQS-D11). NULL: none */
    uint32_t max_receive_count NIMBUS_0;          /**< 1 to 1,000; needed if and only if there is a dead-letter queue (SQS-D1) */
    bool eager_dead_letter NIMBUS_0;              /**< dead letters go when the last visibility ends, not at the next receive (SQS-D3) */
    nimbus_redrive_permission redrive_permission NIMBUS_0; /**< of this queue as a dead-letter queue */
    const char *const *redrive_sources NIMBUS_0;  /**< with NIMBUS_REDRIVE_BY_QUEUE: names of queues, copied */
    size_t redrive_source_count NIMBUS_0;         /**< 1 to 10 of them, else 0 */
    nimbus_discard_fn *on_discard NIMBUS_0;       /**< NULL: nobody is told, but for the trace hook */
    void *on_discard_user NIMBUS_0;
    nimbus_destroy_fn *on_discard_destroy NIMBUS_0; /**< called once with on_discard_user after the last call of the hook */
    uint64_t reserved_[8] NIMBUS_0;
} nimbus_queue_options;

/**
 * Creates a queue, or finds the one of that name if each option that is given (not 0) agrees with it.
 *
 * @param nb       NULL: NIMBUS_E_INVALID
 * @param name     1 to 80 letters, digits, '-', '_'; a FIFO queue's ends in ".fifo", which counts; copied
 * @param options  NULL: all defaults
 * @param err      sticky; NULL: not wanted
 * Returns: a reference; NULL with *err filled: NIMBUS_E_INVALID (name or option; err->field names it), NIMBUS_E_EXISTS (err->field names
 *          the first option that differs), NIMBUS_E_DELETED (the dead-letter queue was deleted),
 *          NIMBUS_E_DELETED_RECENTLY (limits.recreate_wait), NIMBUS_E_CLOSED, NIMBUS_E_NO_MEMORY. on_discard_user is yours still after a
 *          failure, and if the queue was there already.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: SQS-Q1 to Q4, Q9, D1, D2, D14.
 */
NIMBUS_API NIMBUS_MUST_USE nimbus_queue *nimbus_queue_create(nimbus_runtime *nb, const char *name, const nimbus_queue_options *options,
                                                             nimbus_error *err);

/**
 * Finds a queue.
 *
 * @param nb    NULL: NIMBUS_E_INVALID
 * @param name  NULL: NIMBUS_E_INVALID
 * @param err   sticky; NULL: not wanted
 * Returns: a reference; NULL with *err filled: NIMBUS_E_NOT_FOUND, NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-Q6.
 */
NIMBUS_API NIMBUS_MUST_USE nimbus_queue *nimbus_queue_find(nimbus_runtime *nb, const char *name, nimbus_error *err);

/**
 * Takes another reference.
 *
 * @param queue  NULL: nothing happens
 * Returns: queue.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_queue *nimbus_queue_retain(nimbus_queue *queue);

/**
 * Gives a reference back. The queue lives on; releasing is needed only by programs that keep making and deleting queues, since
 * nimbus_close takes what is left.
 *
 * @param queue  NULL: nothing happens
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API void nimbus_queue_release(nimbus_queue *queue);

/**
 * Ends a queue and discards all its messages, in any state. Receivers that wait in it wake with NIMBUS_E_DELETED, as do all later calls
 * through any reference. What is bound to its name (targets, dead letters, mappings) finds nothing until the name is created again.
 *
 * @param queue  NULL: NIMBUS_E_INVALID; the reference stays yours
 * Returns: NIMBUS_OK; NIMBUS_E_DELETED: it was deleted before; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-Q5, Q6.
 */
NIMBUS_API nimbus_status nimbus_queue_delete(nimbus_queue *queue);

/**
 * The name of a queue.
 *
 * @param queue  NULL gives ""
 * Returns: text that lives as long as the reference.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-Q1.
 */
NIMBUS_API const char *nimbus_queue_name(const nimbus_queue *queue);

/**
 * The options in force, every value spelled out: an effective zero is NIMBUS_ZERO, and no capacity in bytes is SIZE_MAX.
 *
 * @param queue  NULL: NIMBUS_E_INVALID
 * @param ret    written on success; its dead_letter_queue and redrive_sources are borrowed and live as long as this queue has them
 * Returns: NIMBUS_OK; NIMBUS_E_DELETED; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-Q13.
 */
NIMBUS_API nimbus_status nimbus_queue_get_options(nimbus_queue *queue, nimbus_queue_options *ret);

/**
 * Replaces the options: get them, edit, set. 0 is the default, as at the creation. Stored messages keep their delay and their
 * visibility; a new retention applies to them at once, and so does a new dead-letter queue or count, or none: what waited for one that did
 * not take it is receivable again if it has no need of it any more.
 *
 * @param queue    NULL: NIMBUS_E_INVALID
 * @param options  NULL: all defaults
 * @param err      sticky; NULL: not wanted
 * Returns: NIMBUS_OK; NIMBUS_E_INVALID, NIMBUS_E_UNSUPPORTED, NIMBUS_E_DELETED, NIMBUS_E_NO_MEMORY: nothing was changed.
 * Threads: any. Blocks: no. Allocates: for redrive_sources and on_discard, else not.
 * Source: SQS-S8, T3, D14, D15.
 */
NIMBUS_API nimbus_status nimbus_queue_set_options(nimbus_queue *queue, const nimbus_queue_options *options, nimbus_error *err);

/* ------------------------------------------------------------------------------------------------- send */

/** Which bound refused a message (NIMBUS_E_FULL). */
typedef enum nimbus_bound {
    NIMBUS_BOUND_NONE = 0,
    NIMBUS_BOUND_MESSAGES = 1, /**< capacity_messages */
    NIMBUS_BOUND_BYTES = 2,    /**< capacity_bytes */
    NIMBUS_BOUND_MEMORY = 3    /**< the instance's max_memory */
} nimbus_bound;

/** What became of an entry. */
typedef struct nimbus_sent {
    nimbus_status status NIMBUS_0; /**< of this entry */
    nimbus_bound bound NIMBUS_0;   /**< with NIMBUS_E_FULL */
    nimbus_id id NIMBUS_0;         /**< with NIMBUS_OK; with NIMBUS_DUPLICATE: the original's (SQS-F16) */
    uint64_t sequence NIMBUS_0;    /**< FIFO: the message's place in the order of sends, from 1 (SQS-A7), or the original's; else 0 */
    nimbus_receipt place NIMBUS_0; /**< with NIMBUS_OK: names the message while nobody has received it; no receipt. Else zero */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_sent;

/**
 * Sends a message.
 *
 * @param queue  NULL: NIMBUS_E_INVALID
 * @param entry  body, attributes, delay, wait; NULL: NIMBUS_E_INVALID. It is borrowed for the call
 * @param ret    written in every case but NIMBUS_E_INVALID for a NULL; NULL: not wanted
 * Returns: NIMBUS_OK: stored. NIMBUS_DUPLICATE: FIFO, accepted and not stored, since its deduplication id was sent within 5 minutes
 *          (ret names the original; an adopted body is ours). Else it is not, and an adopted body is still yours: NIMBUS_E_MISSING
 *          (empty body, SQS-S2; FIFO: no group id, SQS-F1), NIMBUS_E_DEDUP_FULL (FIFO: no room to remember it, SQS-F23),
 *          NIMBUS_E_TOO_LARGE (SQS-S4), NIMBUS_E_CONTENT (text_only, SQS-S3), NIMBUS_E_ATTRIBUTE, NIMBUS_E_OVER_LIMIT (too many
 *          attributes), NIMBUS_E_INVALID (delay out of range, a subject, a malformed group id, a deduplication id, a reserved field),
 *          NIMBUS_E_FULL (ret->bound says which),
 *          NIMBUS_E_WOULD_BLOCK (entry->wait where nothing could make room), NIMBUS_E_DELETED, NIMBUS_E_CLOSED, NIMBUS_E_NO_MEMORY.
 * Threads: any. Blocks: up to entry->wait, if the queue is full; a driven instance is driven meanwhile. Allocates: yes.
 * Source: SQS-S1 to S6, S9, S15, S16, A1 to A4.
 */
NIMBUS_API nimbus_status nimbus_queue_send(nimbus_queue *queue, const nimbus_entry *entry, nimbus_sent *ret);

/**
 * Sends several messages, in order. A malformed batch fails whole with no effect; otherwise each entry succeeds or fails alone.
 *
 * @param queue    NULL: NIMBUS_E_INVALID
 * @param entries  count of them; wait is counted for each
 * @param count    1 to 10 (limits.max_batch)
 * @param ret      count of them; written unless the batch failed whole; NULL: not wanted
 * Returns: NIMBUS_OK: all stored, or duplicates. NIMBUS_PARTIAL: ret tells which were not. Whole: NIMBUS_E_EMPTY_BATCH,
 *          NIMBUS_E_BATCH_TOO_MANY, NIMBUS_E_BATCH_TOO_LONG (together above limits.max_message_size), NIMBUS_E_INVALID (also FIFO: an
 *          entry without a group id, or without a deduplication id where it needs one), NIMBUS_E_DELETED, NIMBUS_E_CLOSED.
 * Threads: any. Blocks: as nimbus_queue_send, for each entry. Allocates: yes.
 * Source, SQS-S10 to S13.
 */
NIMBUS_API nimbus_status nimbus_queue_send_batch(nimbus_queue *queue, const nimbus_entry *entries, size_t count, nimbus_sent *ret);

/**
 * Takes a message back that nobody has received yet, whether it is delayed or ready. It is counted as cancelled.
 *
 * @param queue  NULL: NIMBUS_E_INVALID
 * @param place  nimbus_sent.place, of a send to this queue
 * Returns: NIMBUS_OK: it is gone, and nobody got it. NIMBUS_STALE: it was received, or is gone; nothing was changed. NIMBUS_E_RECEIPT: no
 *          place of this queue. NIMBUS_E_DELETED. NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no; never fails for memory.
 * Source: ours.
 */
NIMBUS_API nimbus_status nimbus_queue_cancel(nimbus_queue *queue, nimbus_receipt place);

/* ---------------------------------------------------------------------------------------------- receive */

/** Options of a receive. */
typedef struct nimbus_receive_options {
    nimbus_duration visibility_timeout NIMBUS_0; /**< for this receive only. 0: the queue's; NIMBUS_ZERO: none (SQS-R8 to R10) */
    /**
     * true: the messages stay hidden for as long as their deliveries are held, up to limits.max_visibility from the receive, with no call
     * in between. nimbus_delivery_release brings one back when it would have come without: visibility_timeout after the receive, at the
     * earliest now. A change of visibility ends it: from then on that end holds.
     */
    bool heartbeat NIMBUS_0;
    /**
     * FIFO only, not for asynchronous receives: a name for this receive, 1 to 128 letters, digits and ASCII punctuation. A receive with
     * the same name within 5 minutes gets the same messages under the same receipts, hidden anew, with nothing counted (SQS-F24). It
     * answers NIMBUS_E_ATTEMPT if one of them was deleted, changed or lapsed since (F25), if there is no room for all of them, or while
     * another one of the name is under way. A receive that brings nothing is not remembered. NULL: none.
     */
    const char *attempt_id NIMBUS_0;
    const char *group_id NIMBUS_0; /**< FIFO and fair queues: only messages of this group; NULL: of any. Copied if it must outlive the
                                        call */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_receive_options;

/**
 * Receives messages: hides them for the visibility timeout and shows them to the caller, who ends each by a call of delivery.h.
 *
 * @param queue      NULL: NIMBUS_E_INVALID
 * @param wait       how long to wait for the first message; 0: not at all; NIMBUS_DEFAULT: the queue's receive_wait; NIMBUS_FOREVER.
 *                   It never waits for more than the first (SQS-R4)
 * @param options    NULL: all defaults
 * @param ret        max slots, zero-initialised or used before: an occupied one is let go of first. Slots behind the count are empty
 * @param max        1 to 10 (limits.max_batch)
 * @param ret_count  how many were received; 0 with NIMBUS_EMPTY; NULL: not wanted
 * Returns: NIMBUS_OK: at least one. NIMBUS_EMPTY: none came in time. NIMBUS_E_OVER_LIMIT: too many are in flight and wait is 0 (SQS-R16;
 *          with a wait it waits; a FIFO queue says NIMBUS_EMPTY, SQS-R17). NIMBUS_E_INVALID: max or a duration is out of range, attempt_id
 *          on a standard queue or malformed. NIMBUS_E_ATTEMPT, NIMBUS_E_NO_MEMORY, NIMBUS_E_FULL (the instance's memory): with attempt_id,
 *          nothing was received. NIMBUS_E_DELETED: also while waiting.
 *          NIMBUS_E_CLOSED: shut down and nothing is there; without a wait that is NIMBUS_EMPTY. NIMBUS_E_WOULD_BLOCK: driven, and
 *          inside a handler or under a manual clock; nothing is there now and a wait could not end. After a failure no slot holds a
 *          message, but for NIMBUS_E_INVALID and, at the call, NIMBUS_E_DELETED: then they are untouched.
 * Threads: any. Blocks: up to wait; a driven instance is driven meanwhile. Allocates: with attempt_id.
 * Source: SQS-R1 to R11, R16, V1 to V3, D3, D4, F24, F25.
 */
NIMBUS_API NIMBUS_MUST_USE nimbus_status nimbus_queue_receive(nimbus_queue *queue, nimbus_duration wait,
                                                              const nimbus_receive_options *options, nimbus_delivery *ret, size_t max,
                                                              size_t *ret_count);

/** Deletes by receipt: AWS's DeleteMessage.
 *
 * @param queue    NULL: NIMBUS_E_INVALID
 * @param receipt  of any receive from this queue
 * Returns: NIMBUS_OK: the message is gone, or was. NIMBUS_STALE: superseded by a newer receive; not deleted. NIMBUS_E_RECEIPT_EXPIRED:
 *          FIFO, in place of NIMBUS_STALE, too: its visibility has lapsed; not deleted (SQS-V10). NIMBUS_E_RECEIPT: not a receipt of this
 *          queue. NIMBUS_E_DELETED. NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no; never fails for memory.
 * Source: SQS-V8 to V14, T2, T10.
 */
NIMBUS_API nimbus_status nimbus_queue_delete_message(nimbus_queue *queue, nimbus_receipt receipt);

/**
 * Sets the end of a message's invisibility to now + timeout.
 *
 * @param queue    NULL: NIMBUS_E_INVALID
 * @param receipt  of the receive that has it in flight
 * @param timeout  0: receivable at once (SQS-V6); now + timeout at most 12 h after the receive, not trimmed (SQS-V5)
 * Returns: NIMBUS_OK. NIMBUS_STALE: superseded by a newer receive (SQS-V17). NIMBUS_E_NOT_INFLIGHT: lapsed; it stays receivable
 *          (SQS-V16). NIMBUS_E_NO_MESSAGE: deleted, expired or purged (SQS-V15, T10). NIMBUS_E_RECEIPT. NIMBUS_E_INVALID: out of range.
 *          NIMBUS_E_DELETED. Nothing is changed but for NIMBUS_OK.
 * Threads: any. Blocks: no. Allocates: no; never fails for memory.
 * Source: SQS-V4 to V7, V14 to V17.
 */
NIMBUS_API nimbus_status nimbus_queue_change_visibility(nimbus_queue *queue, nimbus_receipt receipt, nimbus_duration timeout);

/**
 * Deletes several messages, each alone.
 *
 * @param queue     NULL: NIMBUS_E_INVALID
 * @param receipts  count of them
 * @param count     1 to 10 (limits.max_batch)
 * @param ret       a status for each, as nimbus_queue_delete_message; NULL: not wanted
 * Returns: NIMBUS_OK: no entry failed. NIMBUS_PARTIAL. Whole: NIMBUS_E_EMPTY_BATCH, NIMBUS_E_BATCH_TOO_MANY, NIMBUS_E_INVALID,
 *          NIMBUS_E_DELETED.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: X-5, SQS-V19, V20.
 */
NIMBUS_API nimbus_status nimbus_queue_delete_batch(nimbus_queue *queue, const nimbus_receipt *receipts, size_t count, nimbus_status *ret);

/**
 * Changes the visibility of several messages, each alone.
 *
 * @param queue     NULL: NIMBUS_E_INVALID
 * @param receipts  count of them
 * @param timeouts  count of them
 * @param count     1 to 10 (limits.max_batch)
 * @param ret       a status for each, as nimbus_queue_change_visibility; NULL: not wanted
 * Returns: as nimbus_queue_delete_batch.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: X-5, SQS-V19, V20.
 */
NIMBUS_API nimbus_status nimbus_queue_change_visibility_batch(nimbus_queue *queue, const nimbus_receipt *receipts,
                                                              const nimbus_duration *timeouts, size_t count, nimbus_status *ret);

/* --------------------------------------------------------------------------------- asynchronous receive */

typedef struct nimbus_receive_task nimbus_receive_task;

/**
 * The end of an asynchronous receive, called exactly once. Runs like a handler. The deliveries are received ones: end each by a call of
 * delivery.h before returning, or move them out; those that are left are released.
 *
 * status: as nimbus_queue_receive, or NIMBUS_E_CANCELLED. count: 0 unless NIMBUS_OK.
 */
typedef void nimbus_receive_fn(nimbus_queue *queue, nimbus_status status, nimbus_delivery *deliveries, size_t count,
                               void *user) NIMBUS_NOEXCEPT;

/**
 * Receives without a thread that waits: fn is called when messages came, the wait is over, or the queue or instance ended. Waiters are
 * served in the order of their arrival, whatever their kind (SQS-R6).
 *
 * @param queue     NULL: NIMBUS_E_INVALID
 * @param wait      as nimbus_queue_receive
 * @param options   NULL: all defaults
 * @param max       1 to 10 (limits.max_batch)
 * @param fn        NULL: NIMBUS_E_INVALID
 * @param user      handed to fn
 * @param ret_task  for nimbus_receive_cancel: a reference, to be given back by nimbus_receive_task_release; NULL: not wanted
 * Returns: NIMBUS_OK: fn will be called once. Else it will not: NIMBUS_E_INVALID, NIMBUS_E_DELETED, NIMBUS_E_CLOSED, NIMBUS_E_NO_MEMORY.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: SQS-R4 to R7.
 */
NIMBUS_API nimbus_status nimbus_queue_receive_async(nimbus_queue *queue, nimbus_duration wait, const nimbus_receive_options *options,
                                                    size_t max, nimbus_receive_fn *fn, void *user, nimbus_receive_task **ret_task);

/**
 * Cancels an asynchronous receive. Either it had been given messages, and fn gets them; or it had not, and fn is called with
 * NIMBUS_E_CANCELLED: no message is ever lost in between.
 *
 * @param task  NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK: fn is called with NIMBUS_E_CANCELLED. NIMBUS_STALE: it was over already. NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-R6.
 */
NIMBUS_API nimbus_status nimbus_receive_cancel(nimbus_receive_task *task);

/**
 * Gives the reference to a task back; the receive goes on. Each reference must be given back; legal after nimbus_close.
 *
 * @param task  NULL: nothing happens
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API void nimbus_receive_task_release(nimbus_receive_task *task);

/**
 * A descriptor that is readable while the queue has a receivable message (level-triggered). Made on the first call, closed with the
 * queue. Do not read it and do not close it. In a driven instance delays and timeouts end only when the instance is driven.
 *
 * @param queue   NULL: NIMBUS_E_INVALID
 * @param ret_fd  written on success
 * Returns: NIMBUS_OK; NIMBUS_E_SYSTEM: no descriptor is to be had; NIMBUS_E_DELETED; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-R5.
 */
NIMBUS_API nimbus_status nimbus_queue_fd(nimbus_queue *queue, int *ret_fd);

/* ---------------------------------------------------------------------------------------- look and purge */

/**
 * Removes all messages that are stored at the call, in any state, and none that come later. In-flight ones do not come back.
 *
 * @param queue      NULL: NIMBUS_E_INVALID
 * @param ret_count  how many; NULL: not wanted
 * Returns: NIMBUS_OK; NIMBUS_E_PURGED_RECENTLY: limits.purge_interval is not over since the last one, and nothing was removed;
 *          NIMBUS_E_DELETED; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-T6 to T8, T10.
 */
NIMBUS_API nimbus_status nimbus_queue_purge(nimbus_queue *queue, uint64_t *ret_count);

typedef enum nimbus_message_state {
    NIMBUS_STATE_READY = 0,
    NIMBUS_STATE_DELAYED = 1,
    NIMBUS_STATE_IN_FLIGHT = 2,
    NIMBUS_STATE_LOCKED = 3 /**< FIFO: ready, but an earlier message of its group is in flight; counted as ready (SQS-F14) */
} nimbus_message_state;

/** A message looked at. */
typedef struct nimbus_peeked {
    const nimbus_message *message NIMBUS_0; /**< yours: release it */
    nimbus_id id NIMBUS_0;
    nimbus_message_state state NIMBUS_0;
    uint32_t receive_count NIMBUS_0;
    nimbus_time sent NIMBUS_0;
    nimbus_time until NIMBUS_0; /**< wall time at which delay or visibility ends; 0 when ready */
    uint64_t sequence NIMBUS_0; /**< FIFO: its place in the order of sends; else 0 */
    const char *group_id NIMBUS_0; /**< lives as long as message; NULL: none */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_peeked;

/**
 * Looks at messages without touching them: no count, no visibility changes. Ready ones come first, in their order, then delayed ones and
 * those in flight. The ready ones of a FIFO queue come group by group, each in the order of the sends, groups that can be received from
 * first.
 *
 * @param queue      NULL: NIMBUS_E_INVALID
 * @param ret        max places; those up to the count hold a message each, to be released by you
 * @param max        0: NIMBUS_E_INVALID
 * @param ret_count  how many were written; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_EMPTY: the queue holds nothing; NIMBUS_E_DELETED; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-D17.
 */
NIMBUS_API nimbus_status nimbus_queue_peek(nimbus_queue *queue, nimbus_peeked *ret, size_t max, size_t *ret_count);

/**
 * Counters and gauges of a queue. At every moment
 * accepted = ready + delayed + in_flight + deleted + moved + expired + purged + dropped + discarded + cancelled.
 */
typedef struct nimbus_queue_metrics {
    uint64_t ready NIMBUS_0, delayed NIMBUS_0, in_flight NIMBUS_0; /**< SQS-X1: visible, delayed, not visible */
    uint64_t bytes NIMBUS_0;          /**< bodies and attributes held */
    uint64_t waiters NIMBUS_0;        /**< receivers that wait: threads, asynchronous receives, mappings */
    uint64_t accepted NIMBUS_0;       /**< sends, deliveries and dead letters that were stored */
    uint64_t redriven_in NIMBUS_0;    /**< of these: dead letters (SQS-X2) */
    uint64_t received NIMBUS_0;       /**< deliveries handed out */
    uint64_t empty_receives NIMBUS_0;
    uint64_t deleted NIMBUS_0;
    uint64_t moved NIMBUS_0;          /**< to the dead-letter queue */
    uint64_t expired NIMBUS_0, purged NIMBUS_0, dropped NIMBUS_0, discarded NIMBUS_0;
    uint64_t cancelled NIMBUS_0;      /**< by nimbus_queue_cancel */
    uint64_t refused NIMBUS_0;        /**< sends that found the queue full */
    uint64_t groups NIMBUS_0;         /**< FIFO and fair: groups that hold a message */
    uint64_t groups_locked NIMBUS_0;  /**< FIFO: of these, those whose first message that is not delayed is at work */
    uint64_t duplicates NIMBUS_0;     /**< FIFO: sends that were accepted and not stored (SQS-F16); not part of accepted */
    uint64_t dedup_entries NIMBUS_0, dedup_bytes NIMBUS_0; /**< FIFO: deduplication ids remembered, and the memory they take */
    nimbus_duration oldest_age NIMBUS_0; /**< age of the oldest message held; 0: none */
    uint64_t noisy_groups NIMBUS_0;   /**< fair: of the groups, those that are noisy now (SQS-N3, N6) */
    uint64_t reserved_[8] NIMBUS_0;
} nimbus_queue_metrics;

/**
 * Looks at the counters of a queue. They are exact with respect to calls that returned before this one began.
 *
 * It takes time in proportion to the messages held, for it looks for the oldest (some ms for a million); sends and receives go on
 * meanwhile. Unless the queue has a capacity in bytes, its bytes are counted from the first look on.
 *
 * @param queue  NULL: NIMBUS_E_INVALID
 * @param ret    written on success; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_E_INVALID. After a delete: the last counts, everything held being counted as discarded.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: X-3, SQS-V18, X1, X2.
 */
NIMBUS_API nimbus_status nimbus_queue_get_metrics(nimbus_queue *queue, nimbus_queue_metrics *ret);

/* ---------------------------------------------------------------------------------------------- explain */

/** Why a receive returns nothing. Appended to, never renumbered. */
typedef enum nimbus_why {
    NIMBUS_WHY_RECEIVABLE = 0,   /**< it would return something */
    NIMBUS_WHY_EMPTY = 1,        /**< nothing is held */
    NIMBUS_WHY_DELAYED = 2,      /**< all that is held is delayed */
    NIMBUS_WHY_IN_FLIGHT = 3,    /**< somebody has it; what is not in flight is delayed */
    NIMBUS_WHY_GROUP_LOCKED = 4, /**< FIFO: an earlier message of the group is in flight */
    NIMBUS_WHY_OVER_LIMIT = 5,   /**< messages are ready, but limits.max_in_flight are in flight */
    NIMBUS_WHY_EXHAUSTED = 6,    /**< all that is ready was received max_receive_count times: the next receive moves it */
    NIMBUS_WHY_MOVING = 7        /**< all that is ready is on its way to a dead-letter queue which does not take it now */
} nimbus_why;

/** What nimbus_queue_explain found. */
typedef struct nimbus_queue_explanation {
    nimbus_why why NIMBUS_0;
    nimbus_time until NIMBUS_0; /**< wall time at which it changes by itself: a delay or a visibility ends, a move is tried again; over the
                                     limit: one is not in flight any more; 0: not by itself, or it is receivable */
    uint64_t ready NIMBUS_0, delayed NIMBUS_0, in_flight NIMBUS_0;
    uint64_t locked NIMBUS_0;  /**< of the ready ones: behind one in flight of their group */
    nimbus_id holder NIMBUS_0; /**< the message whose delay or visibility ends at until; number 0: none */
    char text[192] NIMBUS_0;   /**< the same as a sentence */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_queue_explanation;

/**
 * Says why nothing is delivered. It changes nothing: no count, no visibility.
 *
 * It takes time in proportion to what stands in front: messages that were received too often, chunks of messages whose deadline may be the
 * next. A few microseconds as a rule; at worst it looks at every message.
 *
 * @param queue     NULL: NIMBUS_E_INVALID
 * @param group_id  of a queue with groups: of this group alone; NULL: of the queue. Not NULL for a queue without groups: NIMBUS_E_INVALID
 * @param ret       written on success; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_E_DELETED; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_status nimbus_queue_explain(nimbus_queue *queue, const char *group_id, nimbus_queue_explanation *ret);

/* ------------------------------------------------------------------------------------------ list and tags */

/** Shown a queue, which is borrowed for the call: nimbus_queue_retain keeps it. No lock is held. False ends the visit. */
typedef bool nimbus_queue_visitor(nimbus_queue *queue, void *user) NIMBUS_NOEXCEPT;

/**
 * Shows all queues that exist at the call, in the order of their names' bytes. One that is deleted before its turn is left out.
 *
 * @param nb       NULL: NIMBUS_E_INVALID
 * @param prefix   of the names; NULL or "": all
 * @param visitor  may call everything, delete the queue included; NULL: NIMBUS_E_INVALID
 * @param user     handed to visitor
 * Returns: NIMBUS_OK, also if the visitor ended it or there was nothing; NIMBUS_E_FULL (the memory budget), NIMBUS_E_NO_MEMORY: nothing
 *          was shown; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: yes, a word for each queue.
 * Source: SQS-Q14.
 */
NIMBUS_API nimbus_status nimbus_queue_list(nimbus_runtime *nb, const char *prefix, nimbus_queue_visitor *visitor, void *user);

#define NIMBUS_TAG_KEY 128   /**< bytes of a tag's key at most, without the NUL */
#define NIMBUS_TAG_VALUE 256 /**< bytes of its value */

/**
 * Sets a tag of a queue, or takes one away. Tags say something to people and to programs; they change nothing about messages.
 *
 * @param queue  NULL: NIMBUS_E_INVALID
 * @param key    1 to NIMBUS_TAG_KEY bytes; copied
 * @param value  0 to NIMBUS_TAG_VALUE bytes; copied; it replaces the one of an equal key; NULL: the tag is taken away
 * Returns: NIMBUS_OK; NIMBUS_E_NOT_FOUND: no such tag to take away; NIMBUS_E_OVER_LIMIT: the queue has 50 tags; NIMBUS_E_TOO_LARGE: key or
 *          value; NIMBUS_E_INVALID: key is NULL or empty; NIMBUS_E_DELETED; NIMBUS_E_FULL, NIMBUS_E_NO_MEMORY.
 * Threads: any. Blocks: no. Allocates: yes, unless value is NULL.
 * Source: SQS-Q15.
 */
NIMBUS_API nimbus_status nimbus_queue_set_tag(nimbus_queue *queue, const char *key, const char *value);

/**
 * The value of a tag.
 *
 * @param queue     NULL: NIMBUS_E_INVALID
 * @param key       NULL: NIMBUS_E_INVALID
 * @param ret       written on success, with a NUL; NULL with size 0: only its size is wanted
 * @param size      bytes at ret; NIMBUS_TAG_VALUE + 1 are always enough
 * @param ret_size  bytes that are needed, the NUL included; written also with NIMBUS_E_TOO_LARGE; NULL: not wanted
 * Returns: NIMBUS_OK; NIMBUS_E_NOT_FOUND; NIMBUS_E_TOO_LARGE: more than size bytes; NIMBUS_E_DELETED; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-Q15.
 */
NIMBUS_API nimbus_status nimbus_queue_get_tag(nimbus_queue *queue, const char *key, char *ret, size_t size, size_t *ret_size);

/** Shown a tag; the texts live for the call. No lock is held. False ends the visit. */
typedef bool nimbus_tag_visitor(nimbus_queue *queue, const char *key, const char *value, void *user) NIMBUS_NOEXCEPT;

/**
 * Shows the tags of a queue in the order of their keys' bytes. A tag that is set or taken away meanwhile is shown as it is when its turn
 * comes.
 *
 * @param queue    NULL: NIMBUS_E_INVALID
 * @param visitor  may call everything, nimbus_queue_set_tag included; NULL: NIMBUS_E_INVALID
 * @param user     handed to visitor
 * Returns: NIMBUS_OK, also if there are none; NIMBUS_E_DELETED; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-Q15.
 */
NIMBUS_API nimbus_status nimbus_queue_visit_tags(nimbus_queue *queue, nimbus_tag_visitor *visitor, void *user);

NIMBUS_END

#endif
