/*
 * token.h - one string or number of JSON, checked; for the sources of the reader only.
 *
 * Each returns what stands behind the token; NULL: malformed, and the reader says why.
 */
#ifndef NB_JSON_TOKEN_H
#define NB_JSON_TOKEN_H

#include "json/reader.h"
#include "json/scan.h"

/* What may come next. */
enum {
    NB_STATE_VALUE,        /* a value: at the start, behind ':' and behind ',' of an array */
    NB_STATE_VALUE_OR_END, /* behind '[' */
    NB_STATE_KEY_OR_END,   /* behind '{' */
    NB_STATE_BEHIND,       /* behind a value: ',' or the end of its container */
    NB_STATE_ROOT_DONE,    /* behind the root value */
    NB_STATE_END,
    NB_STATE_ERROR
};

/* token.c: where a string begins, and its first special byte, which is not its closing quote. */
const char *nb_token_string_from(nb_json_reader *reader, const char *start, const char *at);

/* reader.c: the key at reader->at and its colon. */
nb_json_event nb_token_key(nb_json_reader *reader);

/* token.c: "true", "false" or "null". */
const char *nb_token_word(nb_json_reader *reader, const char *at);

const char *nb_token_fail(nb_json_reader *reader, const char *at, const char *reason);

/* at: its quote. */
static inline const char *nb_token_string(nb_json_reader *reader, const char *at)
{
    const char *special = nb_scan_plain(at + 1, reader->end);

    reader->escaped = false;
    if (special < reader->end && *special == '"') {
        return special + 1;
    }
    return nb_token_string_from(reader, at, special);
}

/* Digits, at least one. */
static inline const char *nb_token_digits(nb_json_reader *reader, const char *at, const char *reason)
{
    const char *behind = nb_scan_digits(at, reader->end);

    return behind != at ? behind : nb_token_fail(reader, at, reason);
}

static inline const char *nb_token_number(nb_json_reader *reader, const char *at)
{
    const char *end = reader->end;
    const char *start;

    at += *at == '-';
    start = at;
    at = nb_token_digits(reader, at, "a digit is missing");
    if (at != NULL && *start == '0' && at != start + 1) {
        return nb_token_fail(reader, start, "number with a leading zero");
    }
    if (at != NULL && at < end && *at == '.') {
        at = nb_token_digits(reader, at + 1, "a digit is missing behind the point");
    }
    if (at != NULL && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        at = nb_token_digits(reader, at, "a digit is missing in the exponent");
    }
    return at;
}

/* A value ends at `at`, and what was open outside of it is open. */
static inline void nb_token_finish(nb_json_reader *reader, const char *at)
{
    reader->token = at - 1; /* its last byte */
    reader->size = 1;
    reader->at = at;
    reader->state = reader->depth == 0 ? NB_STATE_ROOT_DONE : NB_STATE_BEHIND;
}

/* The container behind the bracket at `at` is open. False: too deep. */
static inline bool nb_token_open(nb_json_reader *reader, const char *at, bool object)
{
    uint64_t bit = UINT64_C(1) << (reader->depth % 64);

    if (reader->depth == reader->max_depth) {
        return nb_token_fail(reader, at, "nested too deeply") != NULL;
    }
    if (object) {
        reader->objects[reader->depth / 64] |= bit;
    } else {
        reader->objects[reader->depth / 64] &= ~bit;
    }
    reader->depth++;
    return true;
}

#endif
