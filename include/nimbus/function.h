/**
 * function.h - functions (Lambda): a registered callback with a concurrency limit; invoked and waited for, invoked asynchronously with
 * retries and destinations, or mapped to a queue.
 */
#ifndef NIMBUS_FUNCTION_H
#define NIMBUS_FUNCTION_H

#include <nimbus/target.h>

NIMBUS_BEGIN

/** Options of a function. 0 takes the default. */
typedef struct nimbus_function_options {
    int32_t max_concurrency NIMBUS_0; /**< calls at once, over all kinds of invocation (LA-C1). 0: 1; NIMBUS_NONE: stopped (LA-C3) */
    nimbus_duration timeout NIMBUS_0; /**< of a kept invocation (NIMBUS_LATER): unfinished after it, it counts as NIMBUS_RETRY. 0: none.
                                           A handler that runs cannot be interrupted */
    nimbus_retry_policy retry NIMBUS_0; /**< of asynchronous invocations: 2 retries after 1 and 2 more minutes, 6 h (LA-A1) */
    nimbus_target on_success NIMBUS_0;  /**< a queue, topic or function: gets a record of each success (LA-A6) */
    nimbus_target on_failure NIMBUS_0;  /**< the same for each invocation that failed for good (LA-A5) */
    nimbus_queue *dead_letter_queue NIMBUS_0; /**< gets the payload itself; besides on_failure (LA-A5, A9) */
    size_t capacity_messages NIMBUS_0;  /**< asynchronous invocations that wait: 1,048,576; above it they are refused */
    nimbus_destroy_fn *destroy NIMBUS_0; /**< called once with user after the last call has returned and every kept one is finished */
    uint64_t reserved_[8] NIMBUS_0;
} nimbus_function_options;

/**
 * Creates a function. Unlike queues and topics a name is taken by one handler: there is no create of what exists.
 *
 * @param nb       NULL: NIMBUS_E_INVALID
 * @param name     1 to 140 letters, digits, '-', '_'; copied
 * @param handler  NULL: NIMBUS_E_INVALID
 * @param user     handed to handler
 * @param options  NULL: all defaults
 * @param err      sticky; NULL: not wanted
 * Returns: a reference; NULL with *err filled, and user is still yours: NIMBUS_E_INVALID, NIMBUS_E_EXISTS, NIMBUS_E_DELETED (a
 *          destination), NIMBUS_E_CLOSED, NIMBUS_E_NO_MEMORY.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: LA-C1, A1, A5, A6.
 */
NIMBUS_API NIMBUS_MUST_USE nimbus_function *nimbus_function_create(nimbus_runtime *nb, const char *name, nimbus_handler *handler,
                                                                   void *user, const nimbus_function_options *options,
                                                                   nimbus_error *err);

/**
 * Creates a function whose handler gets the messages of a mapping together. Invoked directly it gets batches of one.
 *
 * @param nb       NULL: NIMBUS_E_INVALID
 * @param name     as nimbus_function_create
 * @param handler  NULL: NIMBUS_E_INVALID
 * @param user     handed to handler
 * @param options  NULL: all defaults
 * @param err      sticky; NULL: not wanted
 * Returns: as nimbus_function_create.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: LA-Q1, Q7 to Q9.
 */
NIMBUS_API NIMBUS_MUST_USE nimbus_function *nimbus_function_create_batch(nimbus_runtime *nb, const char *name,
                                                                         nimbus_batch_handler *handler, void *user,
                                                                         const nimbus_function_options *options, nimbus_error *err);

/**
 * Finds a function.
 *
 * @param nb    NULL: NIMBUS_E_INVALID
 * @param name  NULL: NIMBUS_E_INVALID
 * @param err   sticky; NULL: not wanted
 * Returns: a reference; NULL with *err filled: NIMBUS_E_NOT_FOUND, NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API NIMBUS_MUST_USE nimbus_function *nimbus_function_find(nimbus_runtime *nb, const char *name, nimbus_error *err);

/**
 * Takes another reference.
 *
 * @param function  NULL: nothing happens
 * Returns: function.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_function *nimbus_function_retain(nimbus_function *function);

/**
 * Gives a reference back; the function lives on.
 *
 * @param function  NULL: nothing happens
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API void nimbus_function_release(nimbus_function *function);

/**
 * Ends a function and its mappings: no new call of its handler starts after it has returned. Asynchronous invocations that wait are
 * discarded and traced; synchronous ones wake with NIMBUS_E_DELETED; messages of mapped queues stay there.
 *
 * @param function  NULL: NIMBUS_E_INVALID; the reference stays yours
 * @param wait      how long to wait for calls that run, kept ones included; 0: not at all, legal in any handler, its own included
 * Returns: NIMBUS_OK; NIMBUS_E_TIMEOUT: ended, but calls still run. NIMBUS_E_DELETED: it was deleted before; it has waited all the
 *          same. NIMBUS_E_WOULD_DEADLOCK: wait is not 0 inside a handler; nothing was changed. NIMBUS_E_INVALID.
 * Threads: any. Blocks: up to wait. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_status nimbus_function_delete(nimbus_function *function, nimbus_duration wait);

/**
 * Changes how many calls may run at once; calls that run go on.
 *
 * @param function         NULL: NIMBUS_E_INVALID
 * @param max_concurrency  1 or more; 0 or NIMBUS_NONE: stopped
 * Returns: NIMBUS_OK; NIMBUS_E_INVALID; NIMBUS_E_DELETED.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: LA-C1, C3.
 */
NIMBUS_API nimbus_status nimbus_function_set_concurrency(nimbus_function *function, int32_t max_concurrency);

/* ----------------------------------------------------------------------------------------------- invoke */

/** The result of a synchronous invocation. */
typedef struct nimbus_invoke_result {
    const nimbus_message *payload NIMBUS_0; /**< the reply, yours: release it; NULL: there was none */
    bool function_error NIMBUS_0;           /**< the call went well, the function did not: it answered anything but NIMBUS_DONE */
    char reason[160] NIMBUS_0;              /**< of a function error, as nimbus_delivery_fail gave it */
    uint64_t reserved_[4] NIMBUS_0;
} nimbus_invoke_result;

/**
 * Invokes a function and waits for its result. It is never retried.
 *
 * @param function  NULL: NIMBUS_E_INVALID
 * @param body      the payload; may be empty
 * @param wait      how long, for a free place in the function's concurrency and for the result
 * @param ret       written on success; NULL: not wanted
 * Returns: NIMBUS_OK: the function has run; ret->function_error tells how it ended. NIMBUS_E_TIMEOUT: not in time; if it was running
 *          it runs on and its result is dropped, if not it will not run. NIMBUS_E_OVER_LIMIT: the function is stopped (LA-C3).
 *          NIMBUS_E_WOULD_DEADLOCK: inside a handler of this very function with no other place in its concurrency.
 *          NIMBUS_E_WOULD_BLOCK: in a handler of a driven instance, or under a manual clock of a driven instance if nothing that can
 *          run now ends it. NIMBUS_E_TOO_LARGE (above max_message_size), NIMBUS_E_FULL (memory budget), NIMBUS_E_DELETED,
 *          NIMBUS_E_CLOSED (shut down, also while it waited), NIMBUS_E_NO_MEMORY, NIMBUS_E_INVALID. An adopted body is taken on
 *          NIMBUS_OK, NIMBUS_E_TIMEOUT, NIMBUS_E_CLOSED and NIMBUS_E_WOULD_BLOCK (the function may still be reading it); with all
 *          others it is yours.
 * Threads: any. Blocks: up to wait; a driven instance is driven meanwhile. Allocates: yes.
 * Source: LA-I1, I4, C1, C3.
 */
NIMBUS_API nimbus_status nimbus_invoke(nimbus_function *function, nimbus_body body, nimbus_duration wait, nimbus_invoke_result *ret);

/**
 * Invokes a function and does not wait. Failures are retried by the function's policy and end in its destinations.
 *
 * @param function  NULL: NIMBUS_E_INVALID
 * @param body      the payload; may be empty
 * @param ret_id    the id of the request, kept over retries; NULL: not wanted
 * Returns: NIMBUS_OK: stored. Else it is not, and an adopted body is still yours: NIMBUS_E_FULL, NIMBUS_E_TOO_LARGE, NIMBUS_E_DELETED,
 *          NIMBUS_E_CLOSED, NIMBUS_E_NO_MEMORY, NIMBUS_E_INVALID. A stopped function takes it and fails it at once (LA-A4).
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: LA-A1, A5, A6.
 */
NIMBUS_API nimbus_status nimbus_invoke_async(nimbus_function *function, nimbus_body body, nimbus_id *ret_id);

/* ---------------------------------------------------------------------------------------------- mappings */

/** Options of a mapping. 0 takes the default. */
typedef struct nimbus_mapping_options {
    size_t batch_size NIMBUS_0;            /**< messages fetched at once: 10; up to 10,000; above 10 a window is required, and of a FIFO
                                                queue never (LA-Q1) */
    nimbus_duration batch_window NIMBUS_0; /**< how long to gather a batch: not at all; up to 300 s; of a FIFO queue never (LA-Q2) */
    uint32_t max_concurrency NIMBUS_0;     /**< batches at once; 0: as the function (LA-Q13) */
    const char *filter NIMBUS_0;           /**< a pattern on the message as a record: {"body":{"kind":["a"]}} (docs/guide/patterns.md).
                                                One that does not match is deleted without a call, and counted. NULL: all (LA-Q12) */
    bool no_heartbeat NIMBUS_0;            /**< false: messages stay hidden until their own handler call has ended, however long it
                                                takes; one answered NIMBUS_RETRY comes back at its receive + the queue's timeout, or at
                                                once if that is over */
    bool disabled NIMBUS_0;
    const char *const *filters NIMBUS_0;   /**< instead of filter: several patterns, of which one is enough; copied */
    size_t filter_count NIMBUS_0;          /**< up to 5, with relaxed limits 10 */
    uint64_t reserved_[6] NIMBUS_0;
} nimbus_mapping_options;

/**
 * Maps a queue to a function: its messages are received when the function has a free place, handed to the handler and settled by its
 * answer. It binds to the queue's name. A handler of single messages gets those of a batch one after the other, each settled alone.
 *
 * Of a FIFO queue the messages of one group are handled one at a time, in their order, and groups beside each other, up to
 * max_concurrency. A message that stays in the queue (NIMBUS_RETRY, a NIMBUS_REJECT that no dead-letter queue took, one that is kept)
 * keeps back the rest of its group in the batch: a handler of single messages does not see them yet; for a batch handler they count as
 * answered NIMBUS_RETRY, whatever their marks say.
 *
 * @param function  NULL: NIMBUS_E_INVALID
 * @param queue     NULL: NIMBUS_E_INVALID
 * @param options   NULL: all defaults
 * @param err       sticky; NULL: not wanted
 * Returns: NIMBUS_OK. Else nothing was changed: NIMBUS_E_INVALID, NIMBUS_E_CONFLICT (this pair is mapped, LA-Q15), NIMBUS_E_PATTERN,
 *          NIMBUS_E_UNSUPPORTED, NIMBUS_E_DELETED, NIMBUS_E_CLOSED, NIMBUS_E_NO_MEMORY.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source: LA-Q1 to Q5, Q7 to Q13, Q15.
 */
NIMBUS_API nimbus_status nimbus_function_map(nimbus_function *function, nimbus_queue *queue, const nimbus_mapping_options *options,
                                             nimbus_error *err);

/**
 * Pauses or resumes a mapping; handlers that run go on.
 *
 * @param function  NULL: NIMBUS_E_INVALID
 * @param queue     NULL: NIMBUS_E_INVALID
 * @param enabled   false: nothing is received any more
 * Returns: NIMBUS_OK; NIMBUS_E_NOT_FOUND: this pair is not mapped; NIMBUS_E_DELETED; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: LA-Q16.
 */
NIMBUS_API nimbus_status nimbus_mapping_enable(nimbus_function *function, nimbus_queue *queue, bool enabled);

/**
 * Ends a mapping: nothing more is received. Messages that handlers hold are settled by their answers; those gathered in a window
 * return to the queue at once.
 *
 * @param function  NULL: NIMBUS_E_INVALID
 * @param queue     NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_E_NOT_FOUND: this pair is not mapped; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_status nimbus_function_unmap(nimbus_function *function, nimbus_queue *queue);

/**
 * Counters and gauges of a function.
 *
 * Counters hold every call that has returned. Durations are added at the end of a worker's turn (32 calls or 1 ms). While calls are
 * shorter than 2 us, one in sixteen of a turn, its first among them, is measured, and the fifteen after it together: they count as long as
 * that one, but if they took 50 us more than that, one of them counts with the surplus. Longer calls are measured one by one, and so
 * are all under a manual clock.
 */
typedef struct nimbus_function_metrics {
    uint64_t invocations NIMBUS_0; /**< handler calls; a batch counts one */
    uint64_t messages NIMBUS_0;    /**< messages they were given */
    uint64_t succeeded NIMBUS_0, errors NIMBUS_0; /**< of the messages: answered NIMBUS_DONE, anything else */
    uint64_t retries NIMBUS_0;       /**< failed attempts of asynchronous invocations that get another; counted when that is known */
    uint64_t dead_lettered NIMBUS_0; /**< asynchronous invocations that ended in on_failure or the dead-letter queue */
    uint64_t discarded NIMBUS_0;     /**< asynchronous invocations that failed for good with nowhere to go, or were ended by the delete */
    uint64_t filtered NIMBUS_0;      /**< messages of mapped queues that did not match their filter */
    uint64_t abandoned NIMBUS_0;     /**< results that came after their invoker had stopped waiting */
    uint64_t running NIMBUS_0, kept NIMBUS_0, waiting NIMBUS_0; /**< gauges: calls, kept invocations, asynchronous ones that wait */
    nimbus_duration p50 NIMBUS_0, p99 NIMBUS_0, max NIMBUS_0;   /**< time inside the handler; p50 and p99 within 1/8, see below */
    uint64_t reserved_[8] NIMBUS_0;
} nimbus_function_metrics;

/**
 * Looks at the counters of a function.
 *
 * @param function  NULL: NIMBUS_E_INVALID
 * @param ret       written on success; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: CW-2.
 */
NIMBUS_API nimbus_status nimbus_function_get_metrics(nimbus_function *function, nimbus_function_metrics *ret);

NIMBUS_END

#endif
