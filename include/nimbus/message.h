/**
 * message.h - the immutable, counted message: its bytes, its attributes, and what a sender fills in.
 *
 * A message is shared by everyone who holds it and is never copied on its way. Whoever wants its bytes for longer than the call, the
 * handler or the delivery that showed it takes a reference of its own. A message outlives its queue and its instance.
 */
#ifndef NIMBUS_MESSAGE_H
#define NIMBUS_MESSAGE_H

#include <nimbus/base.h>

NIMBUS_BEGIN

typedef struct nimbus_message nimbus_message;

/* ------------------------------------------------------------------------------------------ attributes */

typedef enum nimbus_attribute_kind {
    NIMBUS_STRING = 0,
    NIMBUS_NUMBER = 1, /**< up to 38 digits, written in decimal, with or without an exponent; kept as text */
    NIMBUS_BINARY = 2
} nimbus_attribute_kind;

/** A named, typed value beside the body (SQS-A1 to A4). */
typedef struct nimbus_attribute {
    const char *name;  /**< 1 to 256 letters, digits, '_', '-', '.'; not "AWS." nor "Amazon." in front */
    nimbus_attribute_kind kind;
    const char *label; /**< custom type behind the dot ("int" for Number.int, "Array" for String.Array); NULL: none */
    nimbus_bytes value; /**< never empty */
} nimbus_attribute;

/**
 * A String attribute.
 *
 * @param name   borrowed
 * @param value  text ending in NUL, borrowed; NULL gives an attribute that the send refuses
 * Returns: the attribute by value; it is checked where it is used.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-A3.
 */
NIMBUS_API nimbus_attribute nimbus_string(const char *name, const char *value);

/**
 * A Number attribute.
 *
 * @param name    borrowed
 * @param digits  decimal text ending in NUL, "-12.5e3" for example, borrowed; NULL gives an attribute that the send refuses
 * Returns: the attribute by value; it is checked where it is used.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-A3.
 */
NIMBUS_API nimbus_attribute nimbus_number(const char *name, const char *digits);

/**
 * A Binary attribute.
 *
 * @param name  borrowed
 * @param data  borrowed; NULL gives an attribute that the send refuses
 * @param size  bytes at data; 0 gives an attribute that the send refuses
 * Returns: the attribute by value; it is checked where it is used.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-A3.
 */
NIMBUS_API nimbus_attribute nimbus_binary(const char *name, const void *data, size_t size);

/* ------------------------------------------------------------------------------------------------ body */

typedef enum nimbus_body_kind {
    NIMBUS_BODY_NONE = 0,
    NIMBUS_BODY_COPY = 1,
    NIMBUS_BODY_ADOPT = 2,
    NIMBUS_BODY_SHARE = 3
} nimbus_body_kind;

/** The bytes of a message to be, and how the library gets them. Made by the four functions below, passed by value. */
typedef struct nimbus_body {
    nimbus_body_kind kind;
    void *data;
    size_t size;
    const nimbus_message *message;
    nimbus_free_fn *free_fn;
    void *user;
} nimbus_body;

/**
 * A body that the call copies from text.
 *
 * @param text  ends in NUL, which is not part of the body; NULL: no body
 * Returns: the body by value; it borrows text until the call that uses it returns.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_body nimbus_text(const char *text);

/**
 * A body that the call copies.
 *
 * @param data  borrowed until the call that uses it returns; NULL with size 0: an empty body
 * @param size  bytes at data
 * Returns: the body by value.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_body nimbus_copy(const void *data, size_t size);

/**
 * A body that the library takes over without a copy. If the call that uses it succeeds, the buffer is the library's and
 * free_fn is called once when the last holder lets go; if it fails, the buffer is still yours and free_fn is never called.
 *
 * @param data     the buffer; must not change any more
 * @param size     its bytes
 * @param free_fn  ends the buffer; NULL: it is never freed (static data)
 * @param user     handed to free_fn
 * Returns: the body by value.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_body nimbus_adopt(void *data, size_t size, nimbus_free_fn *free_fn, void *user);

/**
 * A body that shares the bytes of a message, which may belong to another instance. Attributes, subject and event are not taken along.
 *
 * @param message  borrowed until the call that uses it returns, which takes a reference of its own; NULL: no body
 * Returns: the body by value.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_body nimbus_share(const nimbus_message *message);

/** What a sender fills in: the same for one and for many, for queues and topics. A field that a noun cannot honour is refused. */
typedef struct nimbus_entry {
    nimbus_body body NIMBUS_0;
    const nimbus_attribute *attributes NIMBUS_0; /**< copied */
    size_t attribute_count NIMBUS_0;             /**< at most 10 (limits.max_attributes) */
    const char *subject NIMBUS_0;                /**< topics only: 1 to 99 characters without control characters; NULL: none */
    nimbus_duration delay NIMBUS_0;              /**< queues only. 0: the queue's delay; NIMBUS_ZERO: none; up to 15 min */
    nimbus_duration wait NIMBUS_0;               /**< queues only: how long to wait for room in a full queue. 0: not at all */
    /** Queues only: 1 to 128 letters, digits and ASCII punctuation; copied (SQS-S15). FIFO: needed; messages of one group are handed out
     * one behind the other (SQS-F1, F3). Standard: carried, and shown to the receiver (SQS-S16). NULL: none */
    const char *group_id NIMBUS_0;
    const char *deduplication_id NIMBUS_0;       /**< FIFO queues only; like group_id; NULL: none */
    uint64_t reserved_[2] NIMBUS_0;
} nimbus_entry;

/* ---------------------------------------------------------------------------------------- the message */

/**
 * Takes a reference to a message, so that its bytes stay readable until it is released.
 *
 * @param message  NULL: nothing happens
 * Returns: message.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API const nimbus_message *nimbus_message_retain(const nimbus_message *message);

/**
 * Gives a reference back. The last one frees the message, and calls the free function of an adopted body on this thread.
 * Legal after nimbus_close.
 *
 * @param message  NULL: nothing happens
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API void nimbus_message_release(const nimbus_message *message);

/**
 * The bytes of a message.
 *
 * @param message  NULL gives empty bytes
 * Returns: the bytes; they live as long as the message. No NUL is promised behind them.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API nimbus_bytes nimbus_message_body(const nimbus_message *message);

/**
 * How many attributes a message has.
 *
 * @param message  NULL gives 0
 * Returns: the count.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-A1.
 */
NIMBUS_API size_t nimbus_message_attribute_count(const nimbus_message *message);

/**
 * One attribute by its position; the order is the sender's.
 *
 * @param message  NULL: NIMBUS_E_INVALID
 * @param index    from 0
 * @param ret      written on success; its pointers live as long as the message; name and label end in NUL
 * Returns: NIMBUS_OK; NIMBUS_E_NOT_FOUND: there are not so many; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-R14.
 */
NIMBUS_API nimbus_status nimbus_message_attribute_at(const nimbus_message *message, size_t index, nimbus_attribute *ret);

/**
 * One attribute by its name.
 *
 * @param message  NULL: NIMBUS_E_INVALID
 * @param name     case matters; NULL: NIMBUS_E_INVALID
 * @param ret      written on success; its pointers live as long as the message
 * Returns: NIMBUS_OK; NIMBUS_E_NOT_FOUND: it has no such attribute; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-R14.
 */
NIMBUS_API nimbus_status nimbus_message_attribute(const nimbus_message *message, const char *name, nimbus_attribute *ret);

/**
 * The subject that a publisher gave.
 *
 * @param message  NULL gives NULL
 * Returns: text ending in NUL that lives as long as the message; NULL: there is none.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SNS-P8.
 */
NIMBUS_API const char *nimbus_message_subject(const nimbus_message *message);

#define NIMBUS_MD5_TEXT 33 /**< bytes of an MD5 as text, with its NUL */

/**
 * The MD5 of bytes as 32 hexadecimal digits: what SQS gives back for the body of a message. The library never computes it by itself.
 *
 * @param data  the exact bytes; NULL: as if size were 0
 * @param size  bytes at data
 * @param ret   written, with a NUL; NULL: nothing happens
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-S1.
 */
NIMBUS_API void nimbus_md5(const void *data, size_t size, char ret[NIMBUS_MD5_TEXT]);

/**
 * The MD5 of a message's attributes as SQS computes it: over all of them, or over those that a receiver asks for.
 *
 * @param message  NULL: NIMBUS_E_INVALID
 * @param names    count names: an attribute's, "All" or ".*" for all, "prefix.*" for those that begin with prefix. NULL: all of them
 * @param count    names at names; ignored if names is NULL
 * @param ret      written on NIMBUS_OK, with a NUL; NULL: NIMBUS_E_INVALID
 * Returns: NIMBUS_OK; NIMBUS_EMPTY: there are no such attributes, and so no MD5; NIMBUS_E_INVALID: also if one of the names is NULL.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: SQS-A5, R15.
 */
NIMBUS_API nimbus_status nimbus_message_attributes_md5(const nimbus_message *message, const char *const *names, size_t count,
                                                       char ret[NIMBUS_MD5_TEXT]);

/** The parts of an event, unescaped. All pointers live as long as the message; each text also ends in NUL, detail does not. */
typedef struct nimbus_event_view {
    nimbus_id id NIMBUS_0;
    const char *source NIMBUS_0;
    const char *detail_type NIMBUS_0;
    nimbus_bytes detail NIMBUS_0; /**< JSON, as it was put */
    nimbus_time time NIMBUS_0;
    size_t resource_count NIMBUS_0;
} nimbus_event_view;

/**
 * The parts of the event that a message carries: no JSON reader is needed to get at source, detail-type and detail.
 *
 * @param message  NULL: NIMBUS_E_INVALID
 * @param ret      written on success
 * Returns: NIMBUS_OK; NIMBUS_E_NOT_FOUND: the message is not an event; NIMBUS_E_INVALID.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: EB-E1.
 */
NIMBUS_API nimbus_status nimbus_message_event(const nimbus_message *message, nimbus_event_view *ret);

/**
 * One resource of the event that a message carries.
 *
 * @param message  NULL gives NULL
 * @param index    from 0
 * Returns: text ending in NUL that lives as long as the message; NULL: not an event, or not so many.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: EB-E1.
 */
NIMBUS_API const char *nimbus_message_event_resource(const nimbus_message *message, size_t index);

NIMBUS_END

#endif
