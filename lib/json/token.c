#include "json/token.h"

#include <string.h>

const char *nb_token_fail(nb_json_reader *reader, const char *at, const char *reason)
{
    reader->state = NB_STATE_ERROR;
    reader->reason = reason;
    reader->offset = (size_t)(at - reader->start);
    return NULL;
}

/* An escape, whose backslash is at `at`. */
static const char *take_escape(nb_json_reader *reader, const char *at)
{
    reader->escaped = true;
    if (reader->end - at >= 2 && at[1] == 'u') {
        return nb_hex_four(at + 2, reader->end) >= 0 ? at + 6
                                                     : nb_token_fail(reader, at, "four hexadecimal digits must follow \\u");
    }
    if (reader->end - at >= 2 && at[1] != '\0' && strchr("\"\\/bfnrt", at[1]) != NULL) {
        return at + 2;
    }
    return nb_token_fail(reader, at, "no such escape");
}

/* Characters above ASCII, one behind the other. */
static const char *take_wide(nb_json_reader *reader, const char *at)
{
    do {
        unsigned length = nb_utf8_sequence(at, reader->end);

        if (length == 0) {
            return nb_token_fail(reader, at, "not UTF-8");
        }
        at += length;
    } while (at < reader->end && (unsigned char)*at >= 0x80);
    return at;
}

const char *nb_token_string_from(nb_json_reader *reader, const char *start, const char *at)
{
    while (at != NULL && at < reader->end && *at != '"') {
        if (*at == '\\') {
            at = take_escape(reader, at);
        } else if ((unsigned char)*at < 0x20) {
            return nb_token_fail(reader, at, "control character in a string");
        } else {
            at = take_wide(reader, at);
        }
        at = at != NULL ? nb_scan_plain(at, reader->end) : NULL;
    }
    if (at == reader->end) {
        return nb_token_fail(reader, start, "string without an end");
    }
    return at != NULL ? at + 1 : NULL;
}

const char *nb_token_word(nb_json_reader *reader, const char *at)
{
    const char *word = *at == 'f' ? "false" : *at == 'n' ? "null" : "true";
    size_t size = *at == 'f' ? 5 : 4;

    if ((size_t)(reader->end - at) < size || memcmp(at, word, size) != 0) {
        return nb_token_fail(reader, at, "a value must be a string, a number, an object, an array, true, false or null");
    }
    return at + size;
}
