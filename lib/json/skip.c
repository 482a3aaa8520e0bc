/*
 * skip.c - over values that nobody asked for: checked as strictly as by nb_json_next(), but without an event for each token; or jumped
 * over, if they are known to be well-formed.
 */
#include "json/check.h"
#include "json/fast.h"
#include "json/jump.h"
#include "json/token.h"

#define BLOCKWISE 32 /* bytes from which on containers are checked by blocks */

/*
 * From a key on: as many members as are simple. Returns the key of the first that is not; or with *ret_behind, what stands behind a
 * value.
 */
static inline const char *fast_members(const char *at, const char *end, bool *ret_behind)
{
    size_t size;
    bool dot;

    while (end - at >= FAST) {
        const char *value = fast_key(at, &size, &dot);
        const char *behind = value != NULL ? fast_value(value, end) : NULL;

        if (behind == NULL) {
            break;
        }
        if (*behind != ',') {
            *ret_behind = true;
            return behind;
        }
        at = behind + 1;
        at += *at == ' ';
    }
    return nb_scan_blanks(at, end);
}

/* A value that is no container. */
static inline const char *skip_scalar(nb_json_reader *reader, const char *at)
{
    if (*at == '"') {
        return nb_token_string(reader, at);
    }
    return *at == '-' || nb_is_digit(*at) ? nb_token_number(reader, at) : nb_token_word(reader, at);
}

/* A key, its colon, and the blanks behind it. */
static inline const char *skip_key(nb_json_reader *reader, const char *at)
{
    if (*at != '"') {
        return nb_token_fail(reader, at, "a key must be a string");
    }
    at = nb_token_string(reader, at);
    if (at == NULL) {
        return NULL;
    }
    at = nb_scan_blanks(at, reader->end);
    if (at == reader->end || *at != ':') {
        return nb_token_fail(reader, at, "':' is missing behind a key");
    }
    return nb_scan_blanks(at + 1, reader->end);
}

/* Opens the container at `at`. */
static inline const char *skip_open(nb_json_reader *reader, const char *at)
{
    return nb_token_open(reader, at, *at == '{') ? nb_scan_blanks(at + 1, reader->end) : NULL;
}

static const char *wrong_behind(nb_json_reader *reader, const char *at, bool array)
{
    if (at == reader->end) {
        return nb_token_fail(reader, at, "the text ends too early");
    }
    return nb_token_fail(reader, at, array ? "',' or ']' is missing" : "',' or '}' is missing");
}

/* From a value, or the start of an opened container, to where depth is `outside` again. at: behind blanks. */
static const char *skip_on(nb_json_reader *reader, const char *at, unsigned outside, bool opened)
{
    const char *end = reader->end;
    bool array = reader->depth == outside || nb_json_in_array(reader); /* whether a value stands next, not a key */

    for (;;) {
        if (!opened || at == end || *at != (array ? ']' : '}')) {
            bool behind = false;

            if (!array) {
                at = fast_members(at, end, &behind);
            }
            if (!array && !behind && at < end) {
                at = skip_key(reader, at);
            }
            if (at == NULL || at == end) {
                return at == NULL ? NULL : nb_token_fail(reader, at, "the text ends too early");
            }
            opened = !behind && (*at == '{' || *at == '[');
            if (opened) {
                array = *at == '[';
                at = skip_open(reader, at);
                if (at == NULL) {
                    return NULL;
                }
                continue;
            }
            at = behind ? at : skip_scalar(reader, at);
            if (at == NULL || reader->depth == outside) {
                return at;
            }
            at = nb_scan_blanks(at, end);
        }
        opened = false;
        while (at == end || *at != ',') { /* all containers that end here */
            if (at == end || *at != (array ? ']' : '}')) {
                return wrong_behind(reader, at, array);
            }
            at++;
            if (--reader->depth == outside) {
                return at;
            }
            array = nb_json_in_array(reader);
            at = nb_scan_blanks(at, end);
        }
        at = nb_scan_blanks(at + 1, end);
    }
}

/* The container or member that is to be skipped: the depth outside of it, whether a container was just opened. False: nothing is. */
static bool begin(const nb_json_reader *reader, unsigned *outside, bool *opened)
{
    *opened = reader->state == NB_STATE_KEY_OR_END || reader->state == NB_STATE_VALUE_OR_END;
    *outside = *opened ? reader->depth - 1 : reader->depth;
    return *opened || reader->state == NB_STATE_VALUE; /* behind a key: only there a value is due without a comma before it */
}

/* Over a container by blocks. NULL: it is no container, or malformed, or not worth it, or it cannot be told: it is to be read. */
static const char *check(const nb_json_reader *reader, const char *at, unsigned outside, bool opened)
{
    bool object = opened && !nb_json_in_array(reader);

    if (reader->end - at < BLOCKWISE || outside >= reader->max_depth) {
        return NULL;
    }
    if (!opened) {
        if (*at != '{' && *at != '[') {
            return NULL;
        }
        object = *at == '{';
        at++;
    }
    return nb_check(at, reader->end, object, reader->max_depth - outside - 1);
}

bool nb_json_skip(nb_json_reader *reader)
{
    const char *start = nb_scan_blanks(reader->at, reader->end);
    unsigned outside;
    bool opened;
    const char *at;

    if (!begin(reader, &outside, &opened)) {
        return reader->state != NB_STATE_ERROR;
    }
    at = check(reader, start, outside, opened);
    if (at == NULL) {
        at = skip_on(reader, start, outside, opened);
    }
    if (at == NULL) {
        return false;
    }
    reader->depth = outside;
    nb_token_finish(reader, at);
    return true;
}

bool nb_json_jump(nb_json_reader *reader)
{
    unsigned outside;
    bool opened;
    const char *at = reader->at;

    if (!begin(reader, &outside, &opened)) {
        return reader->state != NB_STATE_ERROR;
    }
    if (!opened) {
        at = nb_scan_blanks(at, reader->end);
        opened = at < reader->end && (*at == '{' || *at == '[');
        at += opened;
    }
    if (opened) {
        at = nb_jump(at, reader->end);
    } else if (at < reader->end) {
        at = skip_scalar(reader, at);
    }
    if (at == NULL) {
        return false;
    }
    reader->depth = outside;
    nb_token_finish(reader, at);
    return true;
}
