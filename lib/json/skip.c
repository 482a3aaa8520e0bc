/*
 * skip.c - over values that nobody asked for: checked as strictly as by nb_json_next(), but without an event for each token; or jumped
 * over, if they are known to be well-formed.
 */
#include "json/check.h"
#include "json/jump.h"
#include "json/token.h"

/*
 * Members as most of them are: a short key, a string without escapes, a number or a word, one blank at most between tokens. Whatever is
 * different is left to the careful functions below. Nothing is looked at behind FAST bytes, or behind the end of a string: nearer to the
 * end of the text nobody calls these.
 */
#define FAST 128
#define NEAR 16

#define BLOCKWISE 32 /* bytes from which on containers are checked by blocks */

/* The key at `at`, its colon and a blank. NULL: it is different. */
static inline const char *fast_key(const char *at, size_t *ret_size, bool *ret_dot)
{
    uint64_t dots = 0;
    uint64_t mask = *at == '"' ? nb_scan_key(at + 1, &dots) : 0;
    const char *behind;

    if (mask == 0) {
        return NULL;
    }
    *ret_size = nb_scan_first(mask);
    *ret_dot = (dots & (mask ^ (mask - 1))) != 0; /* before the first special byte */
    behind = at + 1 + *ret_size;
    if (*behind != '"' || behind[1] != ':') {
        return NULL;
    }
    return behind + 2 + (behind[2] == ' ');
}

static inline const char *fast_number(const char *at)
{
    uint64_t mask;
    unsigned digits;

    at += *at == '-';
    mask = nb_scan_non_digits(at);
    digits = mask != 0 ? nb_scan_first(mask) : 0;
    if (digits == 0 || (*at == '0' && digits > 1)) {
        return NULL;
    }
    at += digits;
    if (*at == '.') {
        mask = nb_scan_non_digits(at + 1);
        digits = mask != 0 ? nb_scan_first(mask) : 0;
        if (digits == 0) {
            return NULL;
        }
        at += 1 + digits;
    }
    return (*at | 0x20) != 'e' ? at : NULL;
}

/* A string or a number, and NEAR bytes behind it. NULL: it is different. */
static inline const char *fast_value(const char *at, const char *end)
{
    uint64_t mask;

    if (*at != '"') {
        return fast_number(at);
    }
    mask = nb_scan_specials(at + 1);
    if (mask != 0) {
        at += 1 + nb_scan_first(mask);
        return *at == '"' ? at + 1 : NULL;
    }
    at = nb_scan_plain(at + 1 + NB_SCAN_WIDTH, end);
    return end - at > NEAR && *at == '"' ? at + 1 : NULL;
}

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

static void finish(nb_json_reader *reader, const char *at)
{
    reader->token = at - 1; /* its last byte */
    reader->size = 1;
    reader->at = at;
    reader->state = reader->depth == 0 ? NB_STATE_ROOT_DONE : NB_STATE_BEHIND;
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
    finish(reader, at);
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
    finish(reader, at);
    return true;
}

/* Behind the bracket that closes the innermost container, which stands at `at`. */
static nb_json_event close_at(nb_json_reader *reader, const char *at)
{
    reader->depth--;
    finish(reader, at + 1);
    return NB_JSON_OBJECT_END;
}

nb_json_event nb_json_leave(nb_json_reader *reader)
{
    return close_at(reader, nb_jump(reader->at, reader->end) - 1);
}

/* The value behind a key. */
static nb_json_event take_value(nb_json_reader *reader)
{
    const char *at = reader->at;
    const char *behind = reader->end - at >= FAST ? fast_value(at, reader->end) : NULL;

    if (behind == NULL) {
        return nb_json_next(reader);
    }
    reader->token = at;
    reader->size = (size_t)(behind - at);
    reader->escaped = false;
    reader->at = behind;
    reader->state = NB_STATE_BEHIND;
    return *at == '"' ? NB_JSON_STRING : NB_JSON_NUMBER;
}

/* From a key on. */
static nb_json_event seek_from(nb_json_reader *reader, const char *at, uint64_t filter, bool dots)
{
    const char *end = reader->end;
    size_t size;
    bool dot;

    while (end - at >= FAST) {
        const char *value = fast_key(at, &size, &dot);
        const char *behind;

        if (value == NULL) {
            break;
        }
        if ((filter & nb_key_bit_at(at, size)) != 0 || (dots && dot)) {
            reader->token = at;
            reader->size = size + 2;
            reader->escaped = false;
            reader->at = value;
            reader->state = NB_STATE_VALUE;
            return NB_JSON_KEY;
        }
        behind = fast_value(value, end);
        if (behind == NULL) {
            break;
        }
        if (*behind != ',') {
            behind = nb_scan_blanks(behind, end);
            reader->at = behind;
            reader->state = NB_STATE_BEHIND;
            return behind != end && *behind == '}' ? close_at(reader, behind) : nb_json_next(reader);
        }
        at = behind + 1;
        at += *at == ' ';
    }
    reader->at = nb_scan_blanks(at, end);
    return nb_token_key(reader);
}

nb_json_event nb_json_element(nb_json_reader *reader)
{
    const char *end = reader->end;
    const char *at = nb_scan_blanks(reader->at, end);

    if (reader->state == NB_STATE_BEHIND && at != end && *at == ',') {
        at = nb_scan_blanks(at + 1, end);
        if (at != end && *at == '{' && reader->depth != reader->max_depth) {
            nb_token_open(reader, at, true);
            reader->token = at;
            reader->size = 1;
            reader->at = at + 1;
            reader->state = NB_STATE_KEY_OR_END;
            return NB_JSON_OBJECT;
        }
    }
    return nb_json_next(reader);
}

nb_json_event nb_json_seek(nb_json_reader *reader, uint64_t filter, bool dots)
{
    const char *end = reader->end;
    const char *at;

    switch (reader->state) {
    case NB_STATE_VALUE:
        return reader->depth != 0 ? take_value(reader) : nb_json_next(reader);
    case NB_STATE_KEY_OR_END:
        at = nb_scan_blanks(reader->at, end);
        return at != end && *at == '"' ? seek_from(reader, at, filter, dots) : nb_json_next(reader);
    case NB_STATE_BEHIND:
        if (nb_json_in_array(reader)) {
            return nb_json_next(reader);
        }
        at = nb_scan_blanks(reader->at, end);
        if (at != end && *at == ',') {
            return seek_from(reader, nb_scan_blanks(at + 1, end), filter, dots);
        }
        return at != end && *at == '}' ? close_at(reader, at) : nb_json_next(reader);
    default:
        return nb_json_next(reader);
    }
}
