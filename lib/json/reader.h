/*
 * reader.h - a strict, bounded, non-recursive pull reader for JSON text (RFC 8259) that lies in memory.
 *
 * The reader never copies, never allocates and never calls itself: the only thing that grows with nesting is one bit per level, which lies
 * in the reader. Each nb_json_next() gives one event; the token it stands for is a slice of the source, quotes included. The first error
 * is final: every later call gives it again.
 *
 * Strict means: no bytes behind the value but blanks, no leading zeros, no NaN, no comments, no byte order mark, no control character in a
 * string, UTF-8 in its shortest form and without surrogates. Two things are legal that some readers refuse: the escape of a lone surrogate,
 * which decodes to three bytes (WTF-8) so that it equals only itself, and \u0000. Duplicate keys are reported as they come.
 */
#ifndef NB_JSON_READER_H
#define NB_JSON_READER_H

#include <nimbus/base.h>

#include "json/scan.h"
#include "json/text.h"

#define NB_JSON_MAX_DEPTH 1000

typedef enum nb_json_event {
    NB_JSON_ERROR = -1,
    NB_JSON_END = 0, /* the one value and the blanks behind it were read */
    NB_JSON_OBJECT,
    NB_JSON_OBJECT_END,
    NB_JSON_ARRAY,
    NB_JSON_ARRAY_END,
    NB_JSON_KEY,
    NB_JSON_STRING,
    NB_JSON_NUMBER,
    NB_JSON_TRUE,
    NB_JSON_FALSE,
    NB_JSON_NULL
} nb_json_event;

typedef struct nb_json_reader {
    const char *start;
    const char *at;
    const char *end;

    const char *token; /* the token of the last event; of NB_JSON_KEY and NB_JSON_STRING with its quotes */
    size_t size;       /* its bytes */
    bool escaped;      /* the last key or string holds a backslash */

    const char *reason; /* after NB_JSON_ERROR: a constant */
    size_t offset;      /* after NB_JSON_ERROR: the byte at fault, at most the size of the text */

    unsigned depth; /* containers that are open */
    unsigned max_depth;
    int state;
    uint64_t objects[(NB_JSON_MAX_DEPTH + 63) / 64]; /* bit n: the container at depth n + 1 is an object */
} nb_json_reader;

/* data may be NULL if size is 0. max_depth 0 or above NB_JSON_MAX_DEPTH: NB_JSON_MAX_DEPTH. */
void nb_json_open(nb_json_reader *reader, const void *data, size_t size, unsigned max_depth);

nb_json_event nb_json_next(nb_json_reader *reader);

/*
 * After NB_JSON_OBJECT or NB_JSON_ARRAY: reads to the end of that container; after NB_JSON_KEY: over its value; else nothing.
 * False: the text is malformed.
 */
bool nb_json_skip(nb_json_reader *reader);

/* The same for a text that is known to be well-formed: what is skipped is not looked at. False: it is not, which may well go unseen. */
bool nb_json_jump(nb_json_reader *reader);

/*
 * nb_json_next() for who is only interested in some keys: other members of the open object may be read over. dots: a key
 * leads as far as to its first dot, too. trusted: the text is known to be well-formed, and what is read over is not looked at.
 */
nb_json_event nb_json_seek(nb_json_reader *reader, const nb_wanted *wanted, bool dots, bool trusted);

/* nb_json_next() for who is in an array, where it is quicker if objects stand one behind the other. */
nb_json_event nb_json_element(nb_json_reader *reader);

/* Behind a member of an object that is known to be well-formed: goes to its end, which is the event. */
nb_json_event nb_json_leave(nb_json_reader *reader);

/* Where the last token starts. */
static inline size_t nb_json_offset(const nb_json_reader *reader)
{
    return (size_t)(reader->token - reader->start);
}

/* Whether the innermost open container is an array. */
static inline bool nb_json_in_array(const nb_json_reader *reader)
{
    unsigned top = reader->depth - 1;

    return reader->depth != 0 && (reader->objects[top / 64] >> (top % 64) & 1) == 0;
}

/* The whole text is one JSON value. ret_offset, ret_reason: written on failure, may be NULL. NIMBUS_E_JSON. */
nimbus_status nb_json_validate(const void *data, size_t size, size_t *ret_offset, const char **ret_reason);

/* The same, and the value is an object. */
nimbus_status nb_json_validate_object(const void *data, size_t size, size_t *ret_offset, const char **ret_reason);

#endif
