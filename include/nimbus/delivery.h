/**
 * delivery.h - one receiver's view of a message at work: what a receive fills and what a handler gets.
 *
 * A *received* delivery is ended by exactly one of nimbus_delivery_delete (or the same for a batch), nimbus_delivery_retry and
 * nimbus_delivery_release; each lets go of the message and empties the slot, whatever it returns. Until then the bytes stay readable,
 * even if the visibility has lapsed and somebody else has deleted the message. Receiving into an occupied slot lets go of it first.
 *
 * A delivery *in a handler* is ended by what the handler returns; the three calls refuse it.
 */
#ifndef NIMBUS_DELIVERY_H
#define NIMBUS_DELIVERY_H

#include <nimbus/message.h>
#include <nimbus/runtime.h>

NIMBUS_BEGIN

typedef struct nimbus_subscription nimbus_subscription;

/** Names one receive of one message: queue number, slot, generation. 16 bytes by value; zero is no receipt. */
typedef struct nimbus_receipt {
    uint64_t place;
    uint64_t generation;
} nimbus_receipt;

/** A slot for a delivery. Zero-initialise it; everything in it is private. Must not be copied while it is occupied. */
typedef struct nimbus_delivery {
    uint64_t private_[16] NIMBUS_0;
} nimbus_delivery;

/* ------------------------------------------------------------------------------------------- accessors */

/**
 * The message of a delivery.
 *
 * @param delivery  NULL or empty gives NULL
 * Returns: borrowed; it lives as long as the delivery holds it: nimbus_message_retain to keep it longer.
 * Threads: the delivery's holder. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API const nimbus_message *nimbus_delivery_message(const nimbus_delivery *delivery);

/**
 * The bytes of a delivery's message.
 *
 * @param delivery  NULL or empty gives empty bytes
 * Returns: the bytes; no NUL is promised behind them.
 * Threads: the delivery's holder. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_bytes nimbus_delivery_body(const nimbus_delivery *delivery);

/** The facts of a delivery. */
typedef struct nimbus_delivery_info {
    nimbus_id id NIMBUS_0;                 /**< of the message; kept when it is dead-lettered (SQS-D5) */
    uint32_t receive_count NIMBUS_0;       /**< this receive included, over all queues (SQS-D5). In a handler of an asynchronous
                                                invocation or a subscription: the attempt, from 1 */
    nimbus_time sent NIMBUS_0;             /**< wall time of the send */
    nimbus_time first_received NIMBUS_0;   /**< wall time; not changed by later receives (SQS-V3) */
    nimbus_time visible_at NIMBUS_0;       /**< wall time when it becomes receivable again, as set by this receive */
    const char *source NIMBUS_0;           /**< name of the queue, topic, rule ("bus/rule/target") or function it comes from */
    const char *dead_letter_source NIMBUS_0; /**< where it failed, if it was dead-lettered; NULL: it was not */
    const char *dead_letter_reason NIMBUS_0; /**< one sentence; NULL */
    uint32_t dead_letter_attempts NIMBUS_0;  /**< receives or attempts before it was dead-lettered */
    uint64_t sequence NIMBUS_0;              /**< FIFO: the message's place in the order of sends, from 1 (SQS-A7); else 0 */
    const char *group_id NIMBUS_0;           /**< as it was sent; NULL: none (SQS-A6) */
    const char *deduplication_id NIMBUS_0;   /**< FIFO; NULL: none */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_delivery_info;

/**
 * The facts of a delivery.
 *
 * @param delivery  NULL or empty: NIMBUS_E_INVALID
 * @param ret       written on success; its pointers live as long as the delivery holds its message
 * Returns: NIMBUS_OK; NIMBUS_E_INVALID.
 * Threads: the delivery's holder. Blocks: no. Allocates: no.
 * Source: SQS-A6, D5, D13.
 */
NIMBUS_API nimbus_status nimbus_delivery_get_info(const nimbus_delivery *delivery, nimbus_delivery_info *ret);

/**
 * How often the message was received, this time included: nimbus_delivery_info.receive_count without the rest.
 *
 * @param delivery  NULL or empty gives 0
 * Returns: the count.
 * Threads: the delivery's holder. Blocks: no. Allocates: no.
 * Source: SQS-V2, D13.
 */
NIMBUS_API uint32_t nimbus_delivery_receive_count(const nimbus_delivery *delivery);

/**
 * The receipt of a received delivery, for the calls by receipt of queue.h, from this thread or another.
 *
 * @param delivery  NULL or empty gives the zero receipt
 * Returns: the receipt; it stays usable after the delivery was released.
 * Threads: the delivery's holder. Blocks: no. Allocates: no.
 * Source: SQS-V2, V14.
 */
NIMBUS_API nimbus_receipt nimbus_delivery_receipt(const nimbus_delivery *delivery);

/* ------------------------------------------------------------------------------- ending a received one */

/**
 * Done with it: deletes the message from its queue and lets go of it.
 *
 * @param delivery  received; NULL or empty: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK: the message is gone, also if its visibility had lapsed and nobody had received it again (SQS-V8), or if it was gone
 *          already (SQS-V13). NIMBUS_STALE: somebody received it since; it is theirs and was not deleted (SQS-V9).
 *          NIMBUS_E_RECEIPT_EXPIRED: of a FIFO queue, and its visibility has lapsed; not deleted (SQS-V10). NIMBUS_E_DELETED: the queue is
 *          gone. NIMBUS_E_INVALID: empty, or a handler's. Except for the last, the slot is empty afterwards.
 * Threads: the delivery's holder. Blocks: no. Allocates: no; never fails for memory.
 * Source: SQS-V8 to V13.
 */
NIMBUS_API nimbus_status nimbus_delivery_delete(nimbus_delivery *delivery);

/**
 * Done with several: as nimbus_delivery_delete of each, but for much less. Each succeeds or fails alone.
 *
 * @param deliveries  count of them, of any queues; NULL: NIMBUS_E_INVALID, unless count is 0
 * @param count       any; 0 does nothing
 * @param ret         count of them, what became of each, as nimbus_delivery_delete says it (empty: NIMBUS_E_INVALID); NULL: not wanted
 * Returns: NIMBUS_OK: none failed. NIMBUS_PARTIAL: some did. The slots are empty afterwards, except for those of handlers.
 * Threads: the deliveries' holder. Blocks: no. Allocates: no; never fails for memory.
 * Source: SQS-V8, V9, V13.
 */
NIMBUS_API nimbus_status nimbus_delivery_delete_batch(nimbus_delivery *deliveries, size_t count, nimbus_status *ret);

/**
 * Not done: makes the message receivable again after a while and lets go of it.
 *
 * @param delivery  received; NULL or empty: NIMBUS_E_INVALID
 * @param after     0: at once; at most 12 h after its receive (limits.max_visibility)
 * Returns: NIMBUS_OK. NIMBUS_STALE, NIMBUS_E_NOT_INFLIGHT, NIMBUS_E_NO_MESSAGE, NIMBUS_E_DELETED: as for nimbus_queue_change_visibility;
 *          the message was not changed, the slot is empty all the same. NIMBUS_E_INVALID: empty, a handler's, or after is out of range:
 *          the delivery is still yours.
 * Threads: the delivery's holder. Blocks: no. Allocates: no; never fails for memory.
 * Source: SQS-V4 to V6.
 */
NIMBUS_API nimbus_status nimbus_delivery_retry(nimbus_delivery *delivery, nimbus_duration after);

/**
 * Lets go of the message, which comes back by itself when its visibility ends; received with a heartbeat: when it would have ended
 * without. Legal after nimbus_close.
 *
 * @param delivery  NULL, empty or a handler's: nothing happens
 * Threads: the delivery's holder. Blocks: no. Allocates: no.
 * Source: SQS-V1, V2.
 */
NIMBUS_API void nimbus_delivery_release(nimbus_delivery *delivery);

/**
 * Keeps the message hidden for longer: sets the end of its invisibility to now + timeout and goes on holding it.
 *
 * @param delivery  received; NULL or empty: NIMBUS_E_INVALID
 * @param timeout   0: receivable at once; at most 12 h after its receive
 * Returns: as nimbus_queue_change_visibility; the delivery is still yours in every case.
 * Threads: the delivery's holder. Blocks: no. Allocates: no; never fails for memory.
 * Source: SQS-V4, V7.
 */
NIMBUS_API nimbus_status nimbus_delivery_extend(nimbus_delivery *delivery, nimbus_duration timeout);

/* ------------------------------------------------------------------------------------------- handlers */

/** What a handler answers. The zero outcome is the one that loses nothing. */
typedef enum nimbus_outcome {
    NIMBUS_RETRY = 0,  /**< not done; comes again. From a mapped queue: when its visibility ends (LA-Q3); else by the retry policy */
    NIMBUS_DONE = 1,   /**< done; the message is deleted */
    NIMBUS_REJECT = 2, /**< it will never work: to the dead letter at once. From a queue without one it counts as NIMBUS_RETRY */
    NIMBUS_LATER = 3   /**< kept by nimbus_delivery_keep; nimbus_invocation_finish will say. Without a keep: as NIMBUS_RETRY */
} nimbus_outcome;

/**
 * A handler: gets one message a call. Runs on a worker or inside nimbus_run (an inline one: on the publisher's thread), no lock is held,
 * and may call everything but the calls that say otherwise. The delivery and all that it shows live until the handler returns.
 */
typedef nimbus_outcome nimbus_handler(const nimbus_delivery *delivery, void *user) NIMBUS_NOEXCEPT;

typedef struct nimbus_batch nimbus_batch;

/** A batch handler: gets several messages; marks single ones; its return holds for all that it did not mark (LA-Q7 to Q9). */
typedef nimbus_outcome nimbus_batch_handler(nimbus_batch *batch, void *user) NIMBUS_NOEXCEPT;

/**
 * How many messages a batch has.
 *
 * @param batch  NULL gives 0
 * Returns: the count, at least 1 in a handler.
 * Threads: the batch handler. Blocks: no. Allocates: no.
 * Source: LA-Q1.
 */
NIMBUS_API size_t nimbus_batch_count(const nimbus_batch *batch);

/**
 * One message of a batch.
 *
 * @param batch  NULL gives NULL
 * @param index  from 0; too large gives NULL
 * Returns: borrowed until the handler returns.
 * Threads: the batch handler. Blocks: no. Allocates: no.
 * Source: LA-Q17.
 */
NIMBUS_API const nimbus_delivery *nimbus_batch_at(const nimbus_batch *batch, size_t index);

/**
 * Says how one message of a batch ended; the last mark counts.
 *
 * @param batch    NULL: NIMBUS_E_INVALID
 * @param index    from 0; too large: NIMBUS_E_INVALID
 * @param outcome  NIMBUS_LATER is for single messages only: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_E_INVALID, and the message keeps the mark it had.
 * Threads: the batch handler. Blocks: no. Allocates: no.
 * Source: LA-Q9.
 */
NIMBUS_API nimbus_status nimbus_batch_mark(nimbus_batch *batch, size_t index, nimbus_outcome outcome);

/**
 * The instance a delivery belongs to.
 *
 * @param delivery  NULL or empty gives NULL
 * Returns: borrowed.
 * Threads: the delivery's holder. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_runtime *nimbus_delivery_runtime(const nimbus_delivery *delivery);

/**
 * The subscription whose handler this is, so that a handler can end its own subscription, even before subscribe has returned.
 *
 * @param delivery  NULL, empty, or not in a subscription's handler gives NULL
 * Returns: borrowed until the handler returns; nimbus_subscription_retain to keep it longer.
 * Threads: the handler. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_subscription *nimbus_delivery_subscription(const nimbus_delivery *delivery);

/**
 * Gives the result of a synchronous invocation; the last one counts. In any other handler it is accepted and goes to the on-success
 * destination's record, if there is one.
 *
 * @param delivery  in a handler, or of a kept invocation; else NIMBUS_E_INVALID
 * @param body      copied, adopted or shared
 * Returns: NIMBUS_OK; NIMBUS_E_INVALID; NIMBUS_E_TOO_LARGE; NIMBUS_E_FULL: over the memory budget; NIMBUS_E_NO_MEMORY. On failure the
 *          reply given before stays, and an adopted buffer is still yours.
 * Threads: the handler, or the holder of the kept invocation. Blocks: no. Allocates: yes.
 * Source: LA-I1.
 */
NIMBUS_API nimbus_status nimbus_delivery_reply(const nimbus_delivery *delivery, nimbus_body body);

/**
 * Says why the handler is about to fail; shown to the synchronous invoker, in the failure record and as the dead-letter reason: the last
 * handler's words count, also if the message went back to its queue in between.
 *
 * @param delivery  in a handler, or of a kept invocation; else NIMBUS_E_INVALID
 * @param reason    copied, cut at 159 bytes; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_E_INVALID.
 * Threads: the handler, or the holder of the kept invocation. Blocks: no. Allocates: no.
 * Source: LA-I1.
 */
NIMBUS_API nimbus_status nimbus_delivery_fail(const nimbus_delivery *delivery, const char *reason);

/* ------------------------------------------------------------------------------------------ finish later */

typedef struct nimbus_invocation nimbus_invocation;

/**
 * Keeps an invocation beyond the return of its handler, which then answers NIMBUS_LATER. The invocation holds its place in the
 * function's concurrency and its message stays hidden until it is finished. If the handler answers otherwise, that counts, and the
 * kept invocation is only good for being finished without effect.
 *
 * @param delivery  in a handler that is not a batch handler and not inline; else NULL is returned
 * Returns: the invocation, to be ended by exactly one nimbus_invocation_finish; NULL: not possible here, kept already, or no memory:
 *          answer something else.
 * Threads: the handler. Blocks: no. Allocates: yes.
 * Source: ours.
 */
NIMBUS_API NIMBUS_MUST_USE nimbus_invocation *nimbus_delivery_keep(const nimbus_delivery *delivery);

/**
 * The delivery of a kept invocation: its message, nimbus_delivery_reply, nimbus_delivery_fail.
 *
 * @param invocation  NULL gives NULL
 * Returns: borrowed until the finish.
 * Threads: the holder. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API const nimbus_delivery *nimbus_invocation_delivery(const nimbus_invocation *invocation);

/**
 * Ends a kept invocation, which is gone afterwards in every case. Legal before the handler has returned.
 *
 * @param invocation  NULL: NIMBUS_E_INVALID
 * @param outcome     NIMBUS_LATER: as NIMBUS_RETRY
 * Returns: NIMBUS_OK. NIMBUS_STALE: it was ended before, by the function's timeout or because the handler did not answer NIMBUS_LATER.
 *          NIMBUS_E_CLOSED: the instance was closed meanwhile. NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no; never fails for memory.
 * Source: ours.
 */
NIMBUS_API nimbus_status nimbus_invocation_finish(nimbus_invocation *invocation, nimbus_outcome outcome);

NIMBUS_END

#endif
