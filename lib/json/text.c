#include "json/text.h"

#include <string.h>

/* The value of a hexadecimal digit, or -1. */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int32_t nb_hex_four(const char *at, const char *end)
{
    int32_t value = 0;

    if (end - at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);

        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* ------------------------------------------------------------------------------------------------ UTF-8 */

static bool is_continuation(const char *at, unsigned char low, unsigned char high)
{
    return (unsigned char)*at >= low && (unsigned char)*at <= high;
}

unsigned nb_utf8_sequence(const char *at, const char *end)
{
    unsigned char lead = (unsigned char)*at;
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    unsigned length;

    if (lead < 0x80) {
        return 1;
    }
    if (lead < 0xC2 || lead > 0xF4) { /* a continuation, an overlong form of ASCII, or above U+10FFFF */
        return 0;
    }
    length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if ((size_t)(end - at) < length) {
        return 0;
    }
    /* The second byte decides about overlong forms, surrogates and the upper end. */
    if (lead == 0xE0) {
        low = 0xA0;
    } else if (lead == 0xED) {
        high = 0x9F;
    } else if (lead == 0xF0) {
        low = 0x90;
    } else if (lead == 0xF4) {
        high = 0x8F;
    }
    if (!is_continuation(at + 1, low, high)) {
        return 0;
    }
    for (unsigned i = 2; i < length; i++) {
        if (!is_continuation(at + i, 0x80, 0xBF)) {
            return 0;
        }
    }
    return length;
}

/* ---------------------------------------------------------------------------------------------- values */

void nb_json_cursor_token(nb_json_cursor *cursor, const char *token, size_t size)
{
    nb_json_cursor_plain(cursor, token + 1, size - 2);
    cursor->escapes = true;
}

void nb_json_cursor_plain(nb_json_cursor *cursor, const char *data, size_t size)
{
    memset(cursor, 0, sizeof *cursor);
    cursor->at = data;
    cursor->end = data + size;
}

/* Puts the bytes of a code point into ready; a lone surrogate becomes three bytes like any other of its range. */
static void encode(nb_json_cursor *cursor, uint32_t code)
{
    unsigned char *out = cursor->ready;

    cursor->first = 0;
    if (code < 0x80) {
        out[0] = (unsigned char)code;
        cursor->count = 1;
    } else if (code < 0x800) {
        out[0] = (unsigned char)(0xC0 | code >> 6);
        out[1] = (unsigned char)(0x80 | (code & 0x3F));
        cursor->count = 2;
    } else if (code < 0x10000) {
        out[0] = (unsigned char)(0xE0 | code >> 12);
        out[1] = (unsigned char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (unsigned char)(0x80 | (code & 0x3F));
        cursor->count = 3;
    } else {
        out[0] = (unsigned char)(0xF0 | code >> 18);
        out[1] = (unsigned char)(0x80 | (code >> 12 & 0x3F));
        out[2] = (unsigned char)(0x80 | (code >> 6 & 0x3F));
        out[3] = (unsigned char)(0x80 | (code & 0x3F));
        cursor->count = 4;
    }
}

/* cursor->at stands at a backslash; the reader has checked what follows. */
static void decode_escape(nb_json_cursor *cursor)
{
    static const char names[] = "bfnrt";
    static const char values[] = "\b\f\n\r\t";
    char name = cursor->at[1];
    const char *found = strchr(names, name);
    int32_t code;
    int32_t low;

    if (name != 'u') {
        encode(cursor, (unsigned char)(found != NULL ? values[found - names] : name));
        cursor->at += 2;
        return;
    }
    code = nb_hex_four(cursor->at + 2, cursor->end);
    cursor->at += 6;
    if (code >= 0xD800 && code <= 0xDBFF && cursor->end - cursor->at >= 6 && cursor->at[0] == '\\' && cursor->at[1] == 'u') {
        low = nb_hex_four(cursor->at + 2, cursor->end);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            code = 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00);
            cursor->at += 6;
        }
    }
    encode(cursor, (uint32_t)code);
}

int nb_json_cursor_next(nb_json_cursor *cursor)
{
    if (cursor->first == cursor->count) {
        if (cursor->at == cursor->end) {
            return -1;
        }
        if (*cursor->at != '\\' || !cursor->escapes) {
            return (unsigned char)*cursor->at++;
        }
        decode_escape(cursor);
    }
    return cursor->ready[cursor->first++];
}

size_t nb_json_unescape(const char *token, size_t size, char *out)
{
    nb_json_cursor cursor;
    size_t count = 0;
    int c;

    nb_json_cursor_token(&cursor, token, size);
    while ((c = nb_json_cursor_next(&cursor)) >= 0) {
        if (out != NULL) {
            out[count] = (char)c;
        }
        count++;
    }
    return count;
}
