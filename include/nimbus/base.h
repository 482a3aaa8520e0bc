/**
 * base.h - what every other header needs: export macro, status, error, durations, bytes, ids, allocator.
 *
 * Conventions of the whole API
 *
 * - A set-up call (open, create, find, put, subscribe, map, compile) returns its handle, or a status where there is none, and takes a
 *   *sticky* `nimbus_error *err` last: on failure the handle is NULL and `*err` is filled; if `*err` already holds a failure, the call
 *   does nothing and fails with that status. So a whole set-up is checked once, at its end. `err` may be NULL.
 * - Every other call returns `nimbus_status`: below zero it failed and changed nothing; zero: done; above zero: done, with a remark.
 * - A NULL handle answers NIMBUS_E_INVALID. Out parameters are untouched on failure and may be NULL unless a comment says otherwise.
 * - In *options* zero means the default; in *arguments* zero is zero. NIMBUS_ZERO is the explicit zero of an option of type
 *   nimbus_duration (in an argument it is the same as 0), NIMBUS_NONE that of a count, NIMBUS_FOREVER has no end.
 * - A duration between 1 ns and 999 ns is refused: it is a forgotten unit. `30` is not thirty seconds; NIMBUS_SECONDS(30) is.
 * - A structure that the caller allocates ends in `reserved_`: zero, or the call is refused.
 * - Every function may be called from any thread and from inside any handler, unless its comment says otherwise.
 */
#ifndef NIMBUS_BASE_H
#define NIMBUS_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define NIMBUS_BEGIN extern "C" {
#define NIMBUS_END }
#define NIMBUS_0 {} /* a member initialiser: in C++ an option left out is zero, and no compiler warns about it */
#else
#define NIMBUS_BEGIN
#define NIMBUS_END
#define NIMBUS_0
#endif

#if defined(__cplusplus) && __cplusplus >= 201703L
#define NIMBUS_NOEXCEPT noexcept /* part of the type since C++17: a handler that may throw does not convert */
#else
#define NIMBUS_NOEXCEPT
#endif

#if defined(__GNUC__)
#define NIMBUS_API __attribute__((visibility("default")))
#define NIMBUS_MUST_USE __attribute__((warn_unused_result))
#else
#define NIMBUS_API
#define NIMBUS_MUST_USE
#endif

NIMBUS_BEGIN

#define NIMBUS_VERSION_MAJOR 0
#define NIMBUS_VERSION_MINOR 1
#define NIMBUS_VERSION_PATCH 0

/**
 * The version of the library that runs, which may be newer than the headers a program was built with.
 *
 * Returns: "major.minor.patch", a constant.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API const char *nimbus_version(void);

/* ---------------------------------------------------------------------------------------------- status */

/** What a call says. Both ranges are appended to, never renumbered. */
typedef enum nimbus_status {
    NIMBUS_OK = 0,

    /* Remarks: the call was done. */
    NIMBUS_STALE = 1,   /**< the receipt was superseded by a newer receive: nothing was changed (SQS-V9, V17) */
    NIMBUS_PARTIAL = 2, /**< some entries of a batch failed: look at each entry's own status (X-5) */
    NIMBUS_EMPTY = 3,   /**< nothing came within the wait (SQS-R7) */
    NIMBUS_DUPLICATE = 4, /**< accepted, but the same was sent within the last 5 minutes: nothing was stored (SQS-F16) */

    /* Failures: nothing was changed. */
    NIMBUS_E_INVALID = -1,         /**< an argument is NULL, out of range or malformed */
    NIMBUS_E_MISSING = -2,         /**< a required part is absent: an empty body, an event without source */
    NIMBUS_E_NOT_FOUND = -3,       /**< no resource, rule or target has that name */
    NIMBUS_E_EXISTS = -4,          /**< the name is taken by a resource with other options */
    NIMBUS_E_DELETED = -5,         /**< the resource behind this handle was deleted */
    NIMBUS_E_CLOSED = -6,          /**< the instance was shut down */
    NIMBUS_E_NO_MEMORY = -7,       /**< the allocator returned NULL */
    NIMBUS_E_FULL = -8,            /**< a capacity or the instance's memory budget is used up */
    NIMBUS_E_TIMEOUT = -9,         /**< the given time went by */
    NIMBUS_E_TOO_LARGE = -10,      /**< a message, event, name or text is above its limit */
    NIMBUS_E_RECEIPT = -11,        /**< not a receipt, or one of another queue (SQS-V14) */
    NIMBUS_E_NO_MESSAGE = -12,     /**< the message of this receipt no longer exists (SQS-V15) */
    NIMBUS_E_NOT_INFLIGHT = -13,   /**< the visibility of this receipt has lapsed (SQS-V16) */
    NIMBUS_E_OVER_LIMIT = -14,     /**< a limit of the instance is reached: in-flight messages, targets, rules */
    NIMBUS_E_EMPTY_BATCH = -15,    /**< a batch without entries */
    NIMBUS_E_BATCH_TOO_MANY = -16, /**< more entries than the limit */
    NIMBUS_E_BATCH_TOO_LONG = -17, /**< the entries together exceed the size limit */
    NIMBUS_E_ATTRIBUTE = -18,      /**< an attribute's name, type or value is malformed (SQS-A2, A3) */
    NIMBUS_E_PATTERN = -19,        /**< a pattern or filter policy is malformed */
    NIMBUS_E_JSON = -20,           /**< malformed JSON, or not a JSON object where one is required */
    NIMBUS_E_UNSUPPORTED = -21,    /**< valid, but this version cannot do it */
    NIMBUS_E_CONFLICT = -22,       /**< the thing is already there: a second mapping of one pair, a second move task of a queue */
    NIMBUS_E_IN_USE = -23,         /**< it still has parts that depend on it: a rule with targets */
    NIMBUS_E_BUSY = -24,           /**< handlers still run, or another thread drives the instance */
    NIMBUS_E_WOULD_DEADLOCK = -25, /**< the call would wait for its own caller */
    NIMBUS_E_WOULD_BLOCK = -26,    /**< the call would wait, and nothing could end the wait */
    NIMBUS_E_THREAD = -27,         /**< a thread could not be started */
    NIMBUS_E_SYSTEM = -28,         /**< the operating system refused a resource (a file descriptor) */
    NIMBUS_E_TOO_DEEP = -29,       /**< publish inside publish inside publish: more than 16 levels */
    NIMBUS_E_CANCELLED = -30,      /**< cancelled before it was done */
    NIMBUS_E_TOO_COMPLEX = -31,    /**< a pattern with more combinations or wildcards than its limit, or a matcher above its budget */
    NIMBUS_E_RECEIPT_EXPIRED = -32, /**< FIFO: the visibility of this receipt has lapsed, and with it the right to delete (SQS-V10) */
    NIMBUS_E_DEDUP_FULL = -33,     /**< the memory for deduplication ids is used up, and none may be forgotten yet (SQS-F23) */
    NIMBUS_E_ATTEMPT = -34,        /**< a receive attempt that cannot be repeated: one of its messages was deleted or changed (SQS-F25) */
    NIMBUS_E_DELETED_RECENTLY = -35, /**< the name rests since its queue was deleted (limits.recreate_wait, SQS-Q4) */
    NIMBUS_E_PURGED_RECENTLY = -36, /**< the queue was purged a short time ago (limits.purge_interval, SQS-T7) */
    NIMBUS_E_CONTENT = -37         /**< bytes that are no text, sent to a queue that takes text only (SQS-S3) */
} nimbus_status;

/**
 * Whether a status is a failure, as opposed to done, with or without a remark.
 *
 * @param status  any status
 * Returns: true if the call failed and changed nothing.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
static inline bool nimbus_failed(nimbus_status status)
{
    return (int)status < 0;
}

/**
 * The name of a status as it is spelled in this header.
 *
 * @param status  any value
 * Returns: "NIMBUS_E_FULL" for example; "NIMBUS_E_UNKNOWN" for a value that this version does not know. A constant.
 * Threads: any, also in a signal handler. Blocks: no. Allocates: no.
 * Source: X-7.
 */
NIMBUS_API const char *nimbus_status_name(nimbus_status status);

/**
 * One sentence for people.
 *
 * @param status  any value
 * Returns: a constant, never NULL.
 * Threads: any, also in a signal handler. Blocks: no. Allocates: no.
 * Source: X-7.
 */
NIMBUS_API const char *nimbus_status_text(nimbus_status status);

/**
 * What the cloud services call it.
 *
 * @param status  any value
 * Returns: "ReceiptHandleIsInvalid" for example; "" where the services have no such thing. A constant.
 * Threads: any, also in a signal handler. Blocks: no. Allocates: no.
 * Source: X-7, SQS-E1.
 */
NIMBUS_API const char *nimbus_status_aws_name(nimbus_status status);

/** What went wrong in a set-up call. Zero-initialise it once, pass it to each call of a set-up, look at `status` at the end. */
typedef struct nimbus_error {
    nimbus_status status NIMBUS_0; /**< NIMBUS_OK: no call has failed yet */
    size_t offset NIMBUS_0;        /**< byte offset in the text that was parsed; SIZE_MAX: no text was at fault */
    char call[32] NIMBUS_0;        /**< the function that failed: "nimbus_queue_create" */
    char field[48] NIMBUS_0;       /**< the argument or option at fault: "visibility_timeout"; "" if none */
    char reason[160] NIMBUS_0;     /**< one sentence */
} nimbus_error;

/* ------------------------------------------------------------------------------------------------ time */

typedef int64_t nimbus_duration; /**< nanoseconds */
typedef int64_t nimbus_time;     /**< nanoseconds since 1970-01-01T00:00:00Z, by the instance's clock */

#define NIMBUS_US(n) ((n) * INT64_C(1000))
#define NIMBUS_MS(n) ((n) * INT64_C(1000000))
#define NIMBUS_SECONDS(n) ((n) * INT64_C(1000000000))
#define NIMBUS_MINUTES(n) ((n) * INT64_C(60000000000))
#define NIMBUS_HOURS(n) ((n) * INT64_C(3600000000000))
#define NIMBUS_DAYS(n) ((n) * INT64_C(86400000000000))
#define NIMBUS_FOREVER INT64_MAX /**< a duration without end */
#define NIMBUS_ZERO INT64_MIN    /**< in an option: zero, not the default; in an argument: the same as 0 */
#define NIMBUS_DEFAULT INT64_C(-1) /**< in an argument that says so: the resource's own setting */
#define NIMBUS_NONE (-1)         /**< in an option of type count: none, not the default */

/**
 * Turns a computed duration into an option: a computed zero stays zero instead of becoming the default.
 *
 * @param duration  any duration; 0 becomes NIMBUS_ZERO
 * Returns: the value to put into an option.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
static inline nimbus_duration nimbus_exactly(nimbus_duration duration)
{
    return duration == 0 ? NIMBUS_ZERO : duration;
}

/* ----------------------------------------------------------------------------------------------- bytes */

/** Bytes that somebody else owns. No NUL is promised behind them. */
typedef struct nimbus_bytes {
    const void *data;
    size_t size;
} nimbus_bytes;

/** The id of a message, an event or an invocation: unique over all instances. Those that one thread of an instance makes increase. */
typedef struct nimbus_id {
    uint64_t instance; /**< the nonce of the instance that made it */
    uint64_t number;   /**< 1, 2, 3, ...; 0: no id */
} nimbus_id;

#define NIMBUS_ID_TEXT 37 /**< bytes that nimbus_id_text writes, its NUL included */

/**
 * Prints an id in the form of a UUID, version 4.
 *
 * @param id   any id
 * @param ret  NIMBUS_ID_TEXT bytes; NULL: nothing is written
 * Returns: ret.
 * Threads: any, also in a signal handler. Blocks: no. Allocates: no.
 * Source: EB-E1.
 */
NIMBUS_API char *nimbus_id_text(nimbus_id id, char ret[NIMBUS_ID_TEXT]);

/* ------------------------------------------------------------------------------------------- callbacks */

/** Called once with the user pointer of a callback, after its last call has returned. Any thread, no lock held; it may call everything. */
typedef void nimbus_destroy_fn(void *user);

/** Frees an adopted buffer, once. Any thread, the library's own included, perhaps after nimbus_close; no resource is locked. It must not
 *  wait. */
typedef void nimbus_free_fn(void *data, size_t size, void *user);

/** Where memory comes from. All three must be callable from any thread, and must not call the library. */
typedef struct nimbus_allocator {
    void *(*allocate)(size_t size, void *user) NIMBUS_0;             /**< aligned for any object; NULL: out of memory */
    void (*release)(void *block, size_t size, void *user) NIMBUS_0;  /**< size is what was asked for */
    void *user NIMBUS_0;                                             /**< must live until the last message is let go */
} nimbus_allocator;

NIMBUS_END

#endif
