/**
 * runtime.h - the instance: open it, run it with threads or without, move its clock, end it.
 */
#ifndef NIMBUS_RUNTIME_H
#define NIMBUS_RUNTIME_H

#include <nimbus/base.h>

NIMBUS_BEGIN

typedef struct nimbus_runtime nimbus_runtime;

/* ---------------------------------------------------------------------------------------------- options */

typedef enum nimbus_preset {
    NIMBUS_LIMITS_AWS = 0,    /**< the cloud services' own limits */
    NIMBUS_LIMITS_RELAXED = 1 /**< as wide as the library can go; empty bodies allowed */
} nimbus_preset;

/** Limits that a program can see. 0 takes the preset's value: AWS / RELAXED. */
typedef struct nimbus_limits {
    nimbus_preset preset NIMBUS_0;
    size_t max_message_size NIMBUS_0;       /**< body and attributes, bytes: 1 MiB / 1 GiB (SQS-S4) */
    size_t max_topic_message_size NIMBUS_0; /**< 256 KiB / max_message_size (SNS-P7) */
    size_t max_event_size NIMBUS_0;         /**< 1 MiB / 1 GiB (EB-E7) */
    size_t max_attributes NIMBUS_0;         /**< 10 / 64 (SQS-A1) */
    size_t max_batch NIMBUS_0;              /**< entries a call, and messages a receive: 10 / 10,000 (SQS-R1, EB-E2) */
    size_t max_in_flight NIMBUS_0;          /**< messages in flight a queue: 120,000 / 2^30 (SQS-R16) */
    size_t max_targets_per_rule NIMBUS_0;   /**< 5 / 1,000 (EB-B9) */
    size_t max_rules_per_bus NIMBUS_0;      /**< 300 / 1,000,000 (EB-Q1) */
    nimbus_duration max_delay NIMBUS_0;     /**< 15 min / 10 years (SQS-S6) */
    nimbus_duration max_visibility NIMBUS_0; /**< 12 h / 10 years, counted from the receive (SQS-V5) */
    nimbus_duration min_retention NIMBUS_0; /**< 60 s / 1 ms (SQS-Q9) */
    nimbus_duration max_retention NIMBUS_0; /**< 14 d / 10 years (SQS-Q9) */
    nimbus_duration recreate_wait NIMBUS_0; /**< the name of a deleted queue rests: none (SQS-Q4: 60 s); up to 1 day */
    nimbus_duration purge_interval NIMBUS_0; /**< at least between two purges of a queue: none (SQS-T7: 60 s); up to 1 day */
    uint64_t reserved_[8] NIMBUS_0;
} nimbus_limits;

/** What the trace hook is told. Appended to, never renumbered. */
typedef enum nimbus_trace_kind {
    NIMBUS_TRACE_EXPIRED = 1,       /**< a message passed its retention and is gone (SQS-T5) */
    NIMBUS_TRACE_DROPPED = 2,       /**< drop-oldest made room */
    NIMBUS_TRACE_DEAD_LETTERED = 3, /**< a message went to a dead-letter queue */
    NIMBUS_TRACE_MOVE_FAILED = 4,   /**< it could not go there and stays where it is (SQS-D11) */
    NIMBUS_TRACE_RETRY = 5,         /**< a delivery failed and waits for its next try */
    NIMBUS_TRACE_DISCARDED = 6,     /**< a delivery failed for good and nothing takes it (EB-R4), or its holder was deleted */
    NIMBUS_TRACE_THREAD = 7,        /**< a worker thread could not be started; the pool stays as it is */
    NIMBUS_TRACE_DEDUP_NEARLY_FULL = 8 /**< a FIFO queue has used four fifths of its deduplication memory (SQS-F23) */
} nimbus_trace_kind;

/** One thing that happened. All pointers live for the call. */
typedef struct nimbus_trace {
    nimbus_trace_kind kind;
    const char *noun; /**< "queue", "subscription", "rule", "function" */
    const char *name; /**< the resource's name; a rule's is "bus/rule/target" */
    nimbus_id id;     /**< the message; number 0: none */
    nimbus_status status; /**< why, if there is a status for it */
    const char *reason;   /**< one sentence */
    uint64_t count;       /**< how many messages, 1 mostly */
} nimbus_trace;

/** The trace hook. Any thread, the library's own included; no resource is locked. Keep it short; it may call all that does not wait. */
typedef void nimbus_trace_fn(const nimbus_trace *trace, void *user);

/** Options of an instance. Zero-initialised means all defaults. */
typedef struct nimbus_options {
    const nimbus_allocator *allocator NIMBUS_0; /**< copied; NULL: malloc and free */
    bool driven NIMBUS_0;           /**< no thread at all: your loop calls nimbus_run; false: a pool of workers and a clock thread */
    bool manual_clock NIMBUS_0;     /**< time moves by nimbus_advance only */
    nimbus_time start_time NIMBUS_0; /**< manual clock only: wall time at the open. 0: 2020-01-01T00:00:00Z */
    uint32_t min_workers NIMBUS_0;  /**< threads started by the open. 0: one a core. With driven: must be 0 */
    uint32_t max_workers NIMBUS_0;  /**< the pool grows up to here when all workers are blocked. 0: 4 times min_workers */
    nimbus_limits limits NIMBUS_0;
    size_t max_memory NIMBUS_0;     /**< bytes for everything, messages included. 0: 256 MiB; SIZE_MAX: no bound */
    uint64_t seed NIMBUS_0;         /**< makes ids and jitter reproducible. 0: a new one each time */
    const char *account NIMBUS_0;   /**< constant of every event, copied. NULL: "000000000000" */
    const char *region NIMBUS_0;    /**< constant of every event, copied. NULL: "local" */
    nimbus_trace_fn *trace NIMBUS_0; /**< NULL: none */
    void *trace_user NIMBUS_0;
    uint64_t reserved_[8] NIMBUS_0;
} nimbus_options;

/** What a shutdown or close found undone. */
typedef struct nimbus_leftovers {
    uint64_t ready NIMBUS_0;     /**< messages waiting in queues */
    uint64_t delayed NIMBUS_0;   /**< messages in queues whose delay is not over */
    uint64_t in_flight NIMBUS_0; /**< messages received and not deleted */
    uint64_t pending NIMBUS_0;   /**< deliveries and asynchronous invocations waiting for their turn or their next try */
    uint64_t running NIMBUS_0;   /**< handlers still inside their function */
    uint64_t kept NIMBUS_0;      /**< invocations that answered NIMBUS_LATER and are not finished */
    uint64_t reserved_[8] NIMBUS_0;
} nimbus_leftovers;

/* -------------------------------------------------------------------------------------- open and close */

/**
 * Opens an instance. A bus named "default" exists in it from the start.
 *
 * @param options  NULL: all defaults
 * @param err      sticky; NULL: not wanted
 * Returns: the instance; NULL with *err filled: NIMBUS_E_INVALID (an option is out of range, workers with driven, a reserved field is
 *          not 0), NIMBUS_E_NO_MEMORY, NIMBUS_E_THREAD (min_workers could not be started), NIMBUS_E_SYSTEM (no file descriptor for a
 *          driven instance). On failure nothing is left behind.
 * Threads: any. Blocks: no. Allocates: yes.
 * Source, EB-B1.
 */
NIMBUS_API NIMBUS_MUST_USE nimbus_runtime *nimbus_open(const nimbus_options *options, nimbus_error *err);

/**
 * Ends the work of an instance. Intake ends: sends, publishes, puts and invokes from outside answer NIMBUS_E_CLOSED; handlers that still
 * run may go on sending. Work that can run now (invocations, deliveries, ready messages of mapped
 * queues) is run until none is left or drain is over; it never waits for a future timer. Then
 * every blocked call wakes with NIMBUS_E_CLOSED. Handles stay valid, and receives that do not wait still empty the queues.
 *
 * @param nb        NULL: NIMBUS_E_INVALID
 * @param drain     how long to go on with runnable work; 0: not at all; NIMBUS_FOREVER
 * @param ret_left  written on NIMBUS_OK and on NIMBUS_E_TIMEOUT; NULL: not wanted
 * Returns: NIMBUS_OK: no runnable work is left and no handler runs. NIMBUS_E_TIMEOUT: the deadline came first; the instance is shut down
 *          all the same. NIMBUS_E_WOULD_DEADLOCK: drain is not 0 inside a handler; nothing was changed. NIMBUS_E_INVALID. A second
 *          call drains again what has become runnable since.
 * Threads: any; in a handler with drain 0 only. Blocks: up to drain; a driven instance is driven meanwhile. Allocates: no.
 * Source: design rule: nothing is lost silently.
 */
NIMBUS_API nimbus_status nimbus_shutdown(nimbus_runtime *nb, nimbus_duration drain, nimbus_leftovers *ret_left);

/**
 * Shuts down (see above), ends all threads and frees the instance with every resource and every reference to one. Messages that are
 * still held keep their memory until they are let go; kept invocations are given up.
 *
 * @param nb        NULL: NIMBUS_E_INVALID
 * @param drain     as for nimbus_shutdown; 0 if that was called already
 * @param ret_left  what was discarded; written on NIMBUS_OK and on NIMBUS_E_BUSY; NULL: not wanted
 * Returns: NIMBUS_OK: nb and its handles are gone. NIMBUS_E_BUSY: handlers or other calls were still inside the instance at the
 *          deadline; it is shut down but valid: call again. NIMBUS_E_WOULD_DEADLOCK: inside a handler; nothing was changed.
 *          NIMBUS_E_INVALID.
 * Threads: any, one at a time, not in a handler. Blocks: up to drain, and until idle threads have ended. Allocates: no.
 * Source: design rule: the end is bounded.
 */
NIMBUS_API nimbus_status nimbus_close(nimbus_runtime *nb, nimbus_duration drain, nimbus_leftovers *ret_left);

/**
 * Whether a shutdown has begun; long handlers ask it between their steps.
 *
 * @param nb  NULL gives true
 * Returns: true from the start of nimbus_shutdown on.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API bool nimbus_is_closing(const nimbus_runtime *nb);

/* ----------------------------------------------------------------------------------------- driven mode */

/**
 * Runs what is due: timers, deliveries, handlers. Driven instances only.
 *
 * @param nb             NULL: NIMBUS_E_INVALID
 * @param max_callbacks  handler calls at most (a count, not a time); 0: timers and deliveries only
 * @param ret_more       true: work is left that could run now; NULL: not wanted
 * Returns: NIMBUS_OK; NIMBUS_EMPTY: there was nothing to do; NIMBUS_E_CLOSED: the instance was shut down and nothing was left to do;
 *          NIMBUS_E_BUSY: another thread is driving; NIMBUS_E_WOULD_DEADLOCK: inside a handler; NIMBUS_E_UNSUPPORTED: not driven;
 *          NIMBUS_E_INVALID.
 * Threads: any, one at a time. Blocks: no longer than the handlers do. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_status nimbus_run(nimbus_runtime *nb, size_t max_callbacks, bool *ret_more);

/**
 * How long poll(2) may sleep before nimbus_run has something to do. It also arms the descriptor of nimbus_fd.
 *
 * @param nb  NULL gives -1
 * Returns: milliseconds, rounded up; 0: call nimbus_run now; -1: nothing is due, only a call can bring work. -1 for an instance that
 *          is not driven.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API int nimbus_poll_timeout(nimbus_runtime *nb);

/**
 * A descriptor for poll(2) that becomes readable when a call of another thread brings work or nimbus_wake is called, after
 * nimbus_poll_timeout has armed it. Do not read it and do not close it.
 *
 * @param nb      NULL: NIMBUS_E_INVALID
 * @param ret_fd  written on success; valid until the close
 * Returns: NIMBUS_OK; NIMBUS_E_UNSUPPORTED: not driven; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_status nimbus_fd(nimbus_runtime *nb, int *ret_fd);

/**
 * Makes the descriptor of nimbus_fd readable, so that the thread that drives the instance looks up. The only call that is legal in a
 * signal handler.
 *
 * @param nb  NULL: nothing happens
 * Threads: any, also in a signal handler. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API void nimbus_wake(nimbus_runtime *nb);

/* ----------------------------------------------------------------------------------------------- clock */

/**
 * Moves a manual clock. It goes from deadline to deadline up to the target and runs everything that is due at each before it goes on, so
 * that a jump of six hours runs every retry at its own time. It returns when nothing can run any more.
 *
 * @param nb  NULL: NIMBUS_E_INVALID
 * @param by  any duration from 0 on, single nanoseconds included; 0 runs what is due now
 * Returns: NIMBUS_OK; NIMBUS_E_UNSUPPORTED: the clock is the real one; NIMBUS_E_WOULD_DEADLOCK: inside a handler; NIMBUS_E_BUSY: another
 *          thread is advancing or driving; NIMBUS_E_INVALID: negative.
 * Threads: any, one at a time, not in a handler. Blocks: until all that became due has run; not for handlers that wait themselves.
 * Allocates: no.
 * Source: X-1.
 */
NIMBUS_API nimbus_status nimbus_advance(nimbus_runtime *nb, nimbus_duration by);

/**
 * The instance's wall time.
 *
 * @param nb  NULL gives 0
 * Returns: nanoseconds since 1970.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: X-1.
 */
NIMBUS_API nimbus_time nimbus_now(const nimbus_runtime *nb);

/** Gauges of an instance. */
typedef struct nimbus_runtime_metrics {
    uint64_t bytes NIMBUS_0;      /**< memory taken, of max_memory: in use, or kept for what comes next */
    uint64_t max_bytes NIMBUS_0;  /**< max_memory */
    uint64_t workers NIMBUS_0;    /**< threads of the pool */
    uint64_t idle_workers NIMBUS_0;
    uint64_t blocked_workers NIMBUS_0; /**< handlers that wait inside a call of the library */
    uint64_t reserved_[8] NIMBUS_0;
} nimbus_runtime_metrics;

/**
 * Looks at an instance.
 *
 * @param nb   NULL: NIMBUS_E_INVALID
 * @param ret  written on success; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_status nimbus_runtime_get_metrics(nimbus_runtime *nb, nimbus_runtime_metrics *ret);

NIMBUS_END

#endif
