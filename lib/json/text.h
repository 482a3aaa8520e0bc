/*
 * text.h - the bytes inside a JSON string: UTF-8, escapes, and reading the value of a token without a buffer.
 *
 * Whoever decodes has had the token from the reader, which has checked it. A lone surrogate decodes to the three bytes that UTF-8 would
 * give it (WTF-8): so it equals only itself.
 */
#ifndef NB_JSON_TEXT_H
#define NB_JSON_TEXT_H

#include <nimbus/base.h>

/*
 * The value of a key or string token. token: with its quotes, as the reader gave it. out: room for size bytes, which is always enough;
 * NULL: only counts. Returns the bytes of the value; no NUL is added.
 */
size_t nb_json_unescape(const char *token, size_t size, char *out);

/* Reads the value of a string byte by byte, without a buffer. A copy of a cursor is a mark to come back to. */
typedef struct nb_json_cursor {
    const char *at;
    const char *end;
    unsigned char ready[4]; /* the bytes of an escape that are still to be given */
    unsigned char first;
    unsigned char count;
    bool escapes; /* false: a backslash is a byte like any other */
} nb_json_cursor;

/* A token with its quotes, as the reader gave it. */
void nb_json_cursor_token(nb_json_cursor *cursor, const char *token, size_t size);

/* Bytes that stand for themselves. */
void nb_json_cursor_plain(nb_json_cursor *cursor, const char *data, size_t size);

/* The next byte, or -1 at the end. */
int nb_json_cursor_next(nb_json_cursor *cursor);

/* The bytes of the valid UTF-8 sequence at `at`, 1 to 4; 0: it is not valid. at < end. */
unsigned nb_utf8_sequence(const char *at, const char *end);

/* The value of the four hexadecimal digits at `at`; -1: there are not four. */
int32_t nb_hex_four(const char *at, const char *end);

#endif
