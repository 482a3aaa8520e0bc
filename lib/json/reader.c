#include "json/reader.h"

#include <string.h>

/* What may come next. */
enum {
    STATE_VALUE,        /* a value: at the start, behind ':' and behind ',' of an array */
    STATE_VALUE_OR_END, /* behind '[' */
    STATE_KEY_OR_END,   /* behind '{' */
    STATE_BEHIND,       /* behind a value: ',' or the end of its container */
    STATE_ROOT_DONE,    /* behind the root value */
    STATE_END,
    STATE_ERROR
};

void nb_json_open(nb_json_reader *reader, const void *data, size_t size, unsigned max_depth)
{
    memset(reader, 0, sizeof *reader);
    reader->start = data != NULL ? data : "";
    reader->at = reader->start;
    reader->end = reader->start + size;
    reader->token = reader->start;
    reader->max_depth = max_depth == 0 || max_depth > NB_JSON_MAX_DEPTH ? NB_JSON_MAX_DEPTH : max_depth;
    reader->state = STATE_VALUE;
}

static nb_json_event fail(nb_json_reader *reader, const char *at, const char *reason)
{
    reader->state = STATE_ERROR;
    reader->reason = reason;
    reader->offset = (size_t)(at - reader->start);
    return NB_JSON_ERROR;
}

static bool is_digit(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

/* ----------------------------------------------------------------------------------------------- tokens */

static nb_json_event scan_string(nb_json_reader *reader, nb_json_event event)
{
    const char *at = reader->at + 1;
    const char *end = reader->end;

    reader->escaped = false;
    while (at < end && *at != '"') {
        unsigned char c = (unsigned char)*at;

        if (c == '\\') {
            reader->escaped = true;
            if (end - at >= 2 && at[1] == 'u') {
                if (nb_hex_four(at + 2, end) < 0) {
                    return fail(reader, at, "four hexadecimal digits must follow \\u");
                }
                at += 6;
            } else if (end - at >= 2 && at[1] != '\0' && strchr("\"\\/bfnrt", at[1]) != NULL) {
                at += 2;
            } else {
                return fail(reader, at, "no such escape");
            }
        } else if (c < 0x20) {
            return fail(reader, at, "control character in a string");
        } else if (c < 0x80) {
            at++;
        } else {
            unsigned length = nb_utf8_sequence(at, end);

            if (length == 0) {
                return fail(reader, at, "not UTF-8");
            }
            at += length;
        }
    }
    if (at == end) {
        return fail(reader, reader->at, "string without an end");
    }
    reader->token = reader->at;
    reader->size = (size_t)(at + 1 - reader->at);
    reader->at = at + 1;
    return event;
}

static nb_json_event scan_number(nb_json_reader *reader)
{
    const char *at = reader->at;
    const char *end = reader->end;

    at += *at == '-';
    if (!is_digit(at, end)) {
        return fail(reader, at, "a digit is missing");
    }
    if (*at == '0' && is_digit(at + 1, end)) {
        return fail(reader, at, "number with a leading zero");
    }
    while (is_digit(at, end)) {
        at++;
    }
    if (at < end && *at == '.') {
        if (!is_digit(++at, end)) {
            return fail(reader, at, "a digit is missing behind the point");
        }
        while (is_digit(at, end)) {
            at++;
        }
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        if (!is_digit(at, end)) {
            return fail(reader, at, "a digit is missing in the exponent");
        }
        while (is_digit(at, end)) {
            at++;
        }
    }
    reader->token = reader->at;
    reader->size = (size_t)(at - reader->at);
    reader->at = at;
    return NB_JSON_NUMBER;
}

static nb_json_event scan_word(nb_json_reader *reader, const char *word, nb_json_event event)
{
    size_t size = strlen(word);

    if ((size_t)(reader->end - reader->at) < size || memcmp(reader->at, word, size) != 0) {
        return fail(reader, reader->at, "a value must be a string, a number, an object, an array, true, false or null");
    }
    reader->token = reader->at;
    reader->size = size;
    reader->at += size;
    return event;
}

/* ------------------------------------------------------------------------------------------- containers */

static void skip_blanks(nb_json_reader *reader)
{
    const char *at = reader->at;

    while (at < reader->end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) {
        at++;
    }
    reader->at = at;
}

static nb_json_event one_byte(nb_json_reader *reader, nb_json_event event)
{
    reader->token = reader->at;
    reader->size = 1;
    reader->at++;
    return event;
}

static nb_json_event open_container(nb_json_reader *reader, bool object)
{
    uint64_t bit = UINT64_C(1) << (reader->depth % 64);

    if (reader->depth == reader->max_depth) {
        return fail(reader, reader->at, "nested too deeply");
    }
    if (object) {
        reader->objects[reader->depth / 64] |= bit;
    } else {
        reader->objects[reader->depth / 64] &= ~bit;
    }
    reader->depth++;
    reader->state = object ? STATE_KEY_OR_END : STATE_VALUE_OR_END;
    return one_byte(reader, object ? NB_JSON_OBJECT : NB_JSON_ARRAY);
}

static void value_done(nb_json_reader *reader)
{
    reader->state = reader->depth == 0 ? STATE_ROOT_DONE : STATE_BEHIND;
}

static nb_json_event close_container(nb_json_reader *reader, nb_json_event event)
{
    reader->depth--;
    value_done(reader);
    return one_byte(reader, event);
}

static nb_json_event scan_value(nb_json_reader *reader)
{
    nb_json_event event;

    switch (*reader->at) {
    case '{':
        return open_container(reader, true);
    case '[':
        return open_container(reader, false);
    case '"':
        event = scan_string(reader, NB_JSON_STRING);
        break;
    case 't':
        event = scan_word(reader, "true", NB_JSON_TRUE);
        break;
    case 'f':
        event = scan_word(reader, "false", NB_JSON_FALSE);
        break;
    case 'n':
        event = scan_word(reader, "null", NB_JSON_NULL);
        break;
    case '-':
        event = scan_number(reader);
        break;
    default:
        event = is_digit(reader->at, reader->end) ? scan_number(reader) : scan_word(reader, "true", NB_JSON_TRUE);
        break;
    }
    if (event != NB_JSON_ERROR) {
        value_done(reader);
    }
    return event;
}

static nb_json_event scan_key(nb_json_reader *reader)
{
    if (*reader->at != '"') {
        return fail(reader, reader->at, "a key must be a string");
    }
    if (scan_string(reader, NB_JSON_KEY) == NB_JSON_ERROR) {
        return NB_JSON_ERROR;
    }
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != ':') {
        return fail(reader, reader->at, "':' is missing behind a key");
    }
    reader->at++;
    reader->state = STATE_VALUE;
    return NB_JSON_KEY;
}

/* Behind a value: the end of its container, or the element behind the comma. */
static nb_json_event scan_behind(nb_json_reader *reader)
{
    bool array = nb_json_in_array(reader);

    if (*reader->at == (array ? ']' : '}')) {
        return close_container(reader, array ? NB_JSON_ARRAY_END : NB_JSON_OBJECT_END);
    }
    if (*reader->at != ',') {
        return fail(reader, reader->at, array ? "',' or ']' is missing" : "',' or '}' is missing");
    }
    reader->at++;
    skip_blanks(reader);
    if (reader->at == reader->end) {
        return fail(reader, reader->at, "the text ends too early");
    }
    return array ? scan_value(reader) : scan_key(reader);
}

nb_json_event nb_json_next(nb_json_reader *reader)
{
    if (reader->state == STATE_ERROR) {
        return NB_JSON_ERROR;
    }
    skip_blanks(reader);
    if (reader->state >= STATE_ROOT_DONE) {
        reader->state = STATE_END;
        return reader->at == reader->end ? NB_JSON_END : fail(reader, reader->at, "more text behind the value");
    }
    if (reader->at == reader->end) {
        return fail(reader, reader->at, "the text ends too early");
    }
    switch (reader->state) {
    case STATE_BEHIND:
        return scan_behind(reader);
    case STATE_VALUE_OR_END:
        return *reader->at == ']' ? close_container(reader, NB_JSON_ARRAY_END) : scan_value(reader);
    case STATE_KEY_OR_END:
        return *reader->at == '}' ? close_container(reader, NB_JSON_OBJECT_END) : scan_key(reader);
    default:
        return scan_value(reader);
    }
}

bool nb_json_skip(nb_json_reader *reader)
{
    unsigned outside;

    if (reader->state == STATE_VALUE) { /* behind a key: only there a value is due without a comma before it */
        outside = reader->depth;
    } else if (reader->state == STATE_KEY_OR_END || reader->state == STATE_VALUE_OR_END) {
        outside = reader->depth - 1;
    } else {
        return reader->state != STATE_ERROR;
    }
    do {
        if (nb_json_next(reader) == NB_JSON_ERROR) {
            return false;
        }
    } while (reader->depth > outside);
    return true;
}

static nimbus_status validate(const void *data, size_t size, bool object, size_t *ret_offset, const char **ret_reason)
{
    nb_json_reader reader;
    nb_json_event event;

    nb_json_open(&reader, data, size, 0);
    event = nb_json_next(&reader);
    if (object && event != NB_JSON_OBJECT && event != NB_JSON_ERROR) {
        event = fail(&reader, reader.token, "not a JSON object");
    }
    while (event > NB_JSON_END) {
        event = nb_json_next(&reader);
    }
    if (event == NB_JSON_END) {
        return NIMBUS_OK;
    }
    if (ret_offset != NULL) {
        *ret_offset = reader.offset;
    }
    if (ret_reason != NULL) {
        *ret_reason = reader.reason;
    }
    return NIMBUS_E_JSON;
}

nimbus_status nb_json_validate(const void *data, size_t size, size_t *ret_offset, const char **ret_reason)
{
    return validate(data, size, false, ret_offset, ret_reason);
}

nimbus_status nb_json_validate_object(const void *data, size_t size, size_t *ret_offset, const char **ret_reason)
{
    return validate(data, size, true, ret_offset, ret_reason);
}
