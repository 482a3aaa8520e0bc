#include "pattern/fold.h"

#include <string.h>

#include "json/text.h"

typedef struct fold_row {
    uint32_t first, last;        /* the characters of this row */
    int32_t lower, upper, least; /* what is added to each; all 0: pairs of an upper case letter and the lower case one behind it */
} fold_row;

/* The three for one character. */
typedef struct fold_shift {
    int32_t lower, upper, least;
} fold_shift;

#include "pattern/fold_table.h"

#define ROWS (sizeof rows / sizeof rows[0])

static fold_shift shift_of(uint32_t code)
{
    size_t low = 0, high = ROWS;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (rows[middle].last < code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == ROWS || rows[low].first > code) {
        return (fold_shift){ 0, 0, 0 };
    }
    if (rows[low].lower == 0 && rows[low].upper == 0 && rows[low].least == 0) {
        return (code - rows[low].first) % 2 == 0 ? (fold_shift){ 1, 0, 0 } : (fold_shift){ 0, -1, -1 };
    }
    return (fold_shift){ rows[low].lower, rows[low].upper, rows[low].least };
}

/* The character at `at`; *ret_size: its bytes. A byte that starts none is above all characters. */
static uint32_t decode(const char *at, const char *end, unsigned *ret_size)
{
    const unsigned char *in = (const unsigned char *)at;
    unsigned size = *in < 0x80 ? 1 : nb_utf8_sequence(at, end);

    *ret_size = size != 0 ? size : 1;
    switch (size) {
    case 1:
        return in[0];
    case 2:
        return (in[0] & 0x1Fu) << 6 | (in[1] & 0x3Fu);
    case 3:
        return (in[0] & 0x0Fu) << 12 | (in[1] & 0x3Fu) << 6 | (in[2] & 0x3Fu);
    case 4:
        return (in[0] & 0x07u) << 18 | (in[1] & 0x3Fu) << 12 | (in[2] & 0x3Fu) << 6 | (in[3] & 0x3Fu);
    default:
        return 0x110000u + in[0];
    }
}

static char *encode(uint32_t code, char *out)
{
    if (code < 0x80 || code >= 0x110000) {
        *out++ = (char)(code & 0xFF);
    } else if (code < 0x800) {
        *out++ = (char)(0xC0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        *out++ = (char)(0xE0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3F));
        *out++ = (char)(0x80 | (code & 0x3F));
    } else {
        *out++ = (char)(0xF0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3F));
        *out++ = (char)(0x80 | (code >> 6 & 0x3F));
        *out++ = (char)(0x80 | (code & 0x3F));
    }
    return out;
}

/* Added to a code point: one of the three deltas of its row. */
static uint32_t shift(uint32_t code, int32_t delta)
{
    return (uint32_t)((int64_t)code + delta);
}

size_t nb_fold(const char *text, size_t size, char *out)
{
    const char *end = text + size;
    char *start = out;
    unsigned bytes;

    while (text < end) {
        uint32_t code = decode(text, end, &bytes);

        if (code >= 'a' && code <= 'z') {
            *out++ = (char)(code - 32);
        } else if (code < 0x80) {
            *out++ = (char)code;
        } else {
            out = encode(shift(code, shift_of(code).least), out);
        }
        text += bytes;
    }
    return (size_t)(out - start);
}

bool nb_fold_equal(const char *pattern, size_t pattern_size, const char *text, size_t text_size, size_t *ret_used)
{
    const char *pattern_end = pattern + pattern_size;
    const char *start = text;
    const char *end = text + text_size;
    unsigned bytes;

    while (pattern < pattern_end) {
        uint32_t wanted = decode(pattern, pattern_end, &bytes);
        fold_shift by = shift_of(wanted);
        uint32_t code;

        pattern += bytes;
        if (text == end) {
            return false;
        }
        code = decode(text, end, &bytes);
        if (code != shift(wanted, by.lower) && code != shift(wanted, by.upper)) {
            return false;
        }
        text += bytes;
    }
    *ret_used = (size_t)(text - start);
    return true;
}

static bool starts(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

size_t nb_fold_length(const char *text, size_t size)
{
    size_t count = 0;

    for (size_t i = 0; i < size; i++) {
        count += starts(text[i]);
    }
    return count;
}

const char *nb_fold_last(const char *text, size_t size, size_t count)
{
    const char *at = text + size;

    while (count > 0) {
        if (at == text) {
            return NULL;
        }
        at--;
        count -= starts(*at);
    }
    return at;
}
