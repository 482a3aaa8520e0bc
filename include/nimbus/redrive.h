/**
 * redrive.h - move tasks: messages go from one queue to another without being received, mostly from a dead-letter queue back to where they
 * came from (SQS StartMessageMoveTask).
 *
 * A task goes once over what is receivable when it starts, in order. What is in flight or delayed is not moved. A moved message is a new
 * send: a new id, a new time, its full retention, a receive count of zero (SQS-M8). Each message is moved or stays as it is: in its place,
 * with its counts. It counts in its old queue, and cannot be received there, until the other one has stored it.
 */
#ifndef NIMBUS_REDRIVE_H
#define NIMBUS_REDRIVE_H

#include <nimbus/queue.h>

NIMBUS_BEGIN

typedef struct nimbus_move_task nimbus_move_task;

/**
 * Says whether a message is to be moved. Runs like a handler, one call at a time, nothing is locked; it may call everything.
 *
 * message: lives for the call. Returns: false leaves it where it is.
 */
typedef bool nimbus_move_filter(const nimbus_message *message, void *user) NIMBUS_NOEXCEPT;

/** Options of a move task. 0 takes the default. */
typedef struct nimbus_redrive_options {
    nimbus_queue *destination NIMBUS_0;    /**< of the same kind; NULL: each goes to the queue it came from as a dead letter (SQS-M2) */
    uint32_t max_per_second NIMBUS_0;      /**< 1 to 500, any number with relaxed limits: how far moves are apart (SQS-M4); 0: no bound */
    bool keep_ids NIMBUS_0;                /**< moved messages keep their ids */
    bool any_source NIMBUS_0;              /**< the source need not be a dead-letter queue (SQS-M1) */
    nimbus_move_filter *filter NIMBUS_0;   /**< NULL: all are moved */
    void *filter_user NIMBUS_0;
    nimbus_destroy_fn *filter_destroy NIMBUS_0; /**< called once with filter_user after the last call of filter */
    uint64_t reserved_[8] NIMBUS_0;
} nimbus_redrive_options;

/** What a move task is at. */
typedef enum nimbus_move_state {
    NIMBUS_MOVE_RUNNING = 0,
    NIMBUS_MOVE_COMPLETED = 1,
    NIMBUS_MOVE_CANCELLING = 2, /**< it was cancelled, and has not stopped yet */
    NIMBUS_MOVE_CANCELLED = 3,
    NIMBUS_MOVE_FAILED = 4      /**< what was not moved is still where it was */
} nimbus_move_state;

/** A move task as it is now, or ended. */
typedef struct nimbus_move_status {
    nimbus_move_state state NIMBUS_0;
    nimbus_status failure NIMBUS_0;     /**< with NIMBUS_MOVE_FAILED: why */
    uint64_t moved NIMBUS_0;
    uint64_t left NIMBUS_0;             /**< that the filter left where they were */
    uint64_t to_move NIMBUS_0;          /**< ready messages when it started; more or fewer may come to be moved */
    nimbus_time started NIMBUS_0;
    nimbus_time ended NIMBUS_0;         /**< 0: not yet */
    uint32_t max_per_second NIMBUS_0;   /**< as it was given */
    char destination[88] NIMBUS_0;      /**< its name, if one was given; else "" */
    char reason[168] NIMBUS_0;          /**< with NIMBUS_MOVE_FAILED: one sentence; else "" */
    uint64_t reserved_[8] NIMBUS_0;
} nimbus_move_status;

/**
 * Starts to move messages. It goes on in the background: on the workers, or when a driven instance is driven. If the destination is full it
 * waits and tries again. It fails, and leaves the rest where it is, if a destination does not exist (NIMBUS_E_NOT_FOUND, SQS-M7), or a
 * message does not say which queue it came from; if the destination cannot hold a message (NIMBUS_E_TOO_LARGE, NIMBUS_E_CONTENT); if the
 * source is deleted (NIMBUS_E_DELETED), the instance shut down (NIMBUS_E_CLOSED), or memory is short (NIMBUS_E_NO_MEMORY).
 *
 * @param source   NULL: NIMBUS_E_INVALID
 * @param options  NULL: all defaults
 * @param err      sticky; NULL: not wanted
 * Returns: the task: a reference, to be given back by nimbus_move_task_release. NULL with *err filled: NIMBUS_E_INVALID (err->field names
 *          it: source, if it is no queue's dead-letter queue; destination, if it is the source, of another kind or of another instance),
 *          NIMBUS_E_CONFLICT (a task of this source runs already, SQS-M3), NIMBUS_E_DELETED (source or destination), NIMBUS_E_CLOSED,
 *          NIMBUS_E_NO_MEMORY, NIMBUS_E_FULL. filter_user is yours still after a failure.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: SQS-M1 to M9, D12.
 */
NIMBUS_API NIMBUS_MUST_USE nimbus_move_task *nimbus_queue_redrive(nimbus_queue *source, const nimbus_redrive_options *options,
                                                                  nimbus_error *err);

/**
 * The task of a queue that runs, also one that was cancelled and has not stopped yet.
 *
 * @param queue  NULL gives NULL
 * Returns: a reference; NULL: none runs.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-M6.
 */
NIMBUS_API NIMBUS_MUST_USE nimbus_move_task *nimbus_queue_find_move_task(nimbus_queue *queue);

/**
 * The last tasks of a queue, newest first. Ten are kept.
 *
 * @param queue      NULL: NIMBUS_E_INVALID
 * @param ret        max places
 * @param max        0: NIMBUS_E_INVALID
 * @param ret_count  how many were written; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_EMPTY: it never had one; NIMBUS_E_DELETED; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-M6.
 */
NIMBUS_API nimbus_status nimbus_queue_move_tasks(nimbus_queue *queue, nimbus_move_status *ret, size_t max, size_t *ret_count);

/**
 * Visits the queues that have this one as their dead-letter queue, in the order of their creation. Nothing is locked meanwhile; a queue
 * that is deleted or changed during the visit may or may not be met.
 *
 * @param queue    NULL: NIMBUS_E_INVALID
 * @param visitor  NULL: NIMBUS_E_INVALID; its queue is borrowed for the call
 * @param user     handed to visitor
 * Returns: NIMBUS_OK, also if there are none; NIMBUS_E_DELETED; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-D16.
 */
NIMBUS_API nimbus_status nimbus_queue_dead_letter_sources(nimbus_queue *queue, nimbus_queue_visitor *visitor, void *user);

/**
 * What a task is at.
 *
 * @param task  NULL: NIMBUS_E_INVALID
 * @param ret   written on success; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_E_INVALID. Legal after nimbus_close.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-M6.
 */
NIMBUS_API nimbus_status nimbus_move_task_get_status(nimbus_move_task *task, nimbus_move_status *ret);

/**
 * Waits until a task has ended, in whatever way.
 *
 * @param task  NULL: NIMBUS_E_INVALID
 * @param wait  0: not at all; NIMBUS_FOREVER
 * Returns: NIMBUS_OK: it has ended. NIMBUS_E_TIMEOUT: it has not. NIMBUS_E_WOULD_DEADLOCK: it has not, and this is inside a handler of its
 *          instance. NIMBUS_E_WOULD_BLOCK: driven, under a manual clock, and nothing can run now. NIMBUS_E_INVALID.
 * Threads: any. Blocks: up to wait; a driven instance is driven meanwhile. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_status nimbus_move_task_wait(nimbus_move_task *task, nimbus_duration wait);

/**
 * Cancels a task: no move begins after this. What was moved stays moved.
 *
 * @param task       NULL: NIMBUS_E_INVALID
 * @param ret_moved  how many were moved so far; one that is on its way may be added; written on success; NULL: not wanted
 * Returns: NIMBUS_OK; NIMBUS_STALE: it had ended or been cancelled before (SQS-M5); NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-M5.
 */
NIMBUS_API nimbus_status nimbus_move_task_cancel(nimbus_move_task *task, uint64_t *ret_moved);

/**
 * Takes another reference.
 *
 * @param task  NULL: nothing happens
 * Returns: task.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_move_task *nimbus_move_task_retain(nimbus_move_task *task);

/**
 * Gives a reference back; the task goes on. Each reference must be given back; legal after nimbus_close.
 *
 * @param task  NULL: nothing happens
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API void nimbus_move_task_release(nimbus_move_task *task);

NIMBUS_END

#endif
