#include "pattern/fold.h"

#include <string.h>

#include "json/text.h"

typedef struct fold_row {
    uint32_t first, last;        /* the characters of this row */
    int32_t lower, upper, least; /* what is added to each; all 0: pairs of an upper case letter and the lower case one behind it */
} fold_row;

/* A character whose lower or upper case is several, or leads to one that is; and what it folds to. */
typedef struct fold_special {
    uint32_t code;
    char lower[8], upper[8], folded[8]; /* end in NUL */
} fold_special;

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

#define SPECIALS (sizeof specials / sizeof specials[0])

/* NULL: it is not special. */
static const fold_special *special_of(uint32_t code)
{
    size_t low = 0, high = SPECIALS;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (specials[middle].code < code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < SPECIALS && specials[low].code == code ? &specials[low] : NULL;
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

static char *fold_wide(uint32_t code, char *out)
{
    const fold_special *special = special_of(code);

    for (const char *in = special != NULL ? special->folded : ""; *in != '\0'; in++) {
        *out++ = *in;
    }
    return special != NULL ? out : encode(shift(code, shift_of(code).least), out);
}

static char upper_of(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static bool is_ascii(char c)
{
    return (unsigned char)c < 0x80;
}

/* Eight bytes of ASCII at once. False: they are not. */
static bool fold_eight(const char *text, char *out)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t v, from_a, behind_z;

    memcpy(&v, text, 8);
    if ((v & ones * 0x80) != 0) {
        return false;
    }
    from_a = v + ones * (0x80 - 'a'); /* the top bits: at or above it */
    behind_z = v + ones * (0x7F - 'z');
    v -= (from_a & ~behind_z & ones * 0x80) >> 2; /* 32 */
    memcpy(out, &v, 8);
    return true;
}

size_t nb_fold(const char *text, size_t size, char *out)
{
    const char *end = text + size;
    char *start = out;
    unsigned bytes;

    while (text < end) {
        if (end - text >= 8 && fold_eight(text, out)) {
            text += 8;
            out += 8;
        } else if (is_ascii(*text)) {
            *out++ = upper_of(*text++);
        } else {
            out = fold_wide(decode(text, end, &bytes), out);
            text += bytes;
        }
    }
    return (size_t)(out - start);
}

/* The two forms that a character of a pattern may have in a text. */
typedef struct forms {
    char text[2][8];
    size_t size[2];
} forms;

static void forms_of(uint32_t code, forms *ret)
{
    const fold_special *special = code < 0x80 ? NULL : special_of(code);
    fold_shift by;

    if (special != NULL) {
        memcpy(ret->text[0], special->lower, sizeof special->lower);
        memcpy(ret->text[1], special->upper, sizeof special->upper);
        ret->size[0] = strlen(special->lower);
        ret->size[1] = strlen(special->upper);
        return;
    }
    by = shift_of(code);
    ret->size[0] = (size_t)(encode(shift(code, by.lower), ret->text[0]) - ret->text[0]);
    ret->size[1] = (size_t)(encode(shift(code, by.upper), ret->text[1]) - ret->text[1]);
}

/* No form of a character starts with its other form, nor ends with it: so there is nothing to come back to. */
bool nb_fold_starts(const char *pattern, size_t pattern_size, const char *text, size_t text_size, size_t *ret_used)
{
    const char *pattern_end = pattern + pattern_size;
    size_t at = 0;
    unsigned bytes;
    forms f;

    while (pattern < pattern_end) {
        unsigned which = 0;

        if (is_ascii(*pattern)) { /* both of its forms are */
            if (at == text_size || upper_of(text[at]) != upper_of(*pattern)) {
                return false;
            }
            at++;
            pattern++;
            continue;
        }
        forms_of(decode(pattern, pattern_end, &bytes), &f);
        pattern += bytes;
        while (which < 2 && (f.size[which] > text_size - at || memcmp(text + at, f.text[which], f.size[which]) != 0)) {
            which++;
        }
        if (which == 2) {
            return false;
        }
        at += f.size[which];
    }
    *ret_used = at;
    return true;
}

bool nb_fold_ends(const char *pattern, size_t pattern_size, const char *text, size_t text_size)
{
    const char *start = pattern;
    const char *at = pattern + pattern_size;
    unsigned bytes;
    forms f;

    while (at > start) {
        const char *end = at;
        unsigned which = 0;

        do {
            at--;
        } while (at > start && ((unsigned char)*at & 0xC0) == 0x80 && end - at < 4);
        forms_of(decode(at, end, &bytes), &f);
        if (at + bytes != end) { /* bytes that are no UTF-8, one by one */
            at = end - 1;
            forms_of(0x110000u + (unsigned char)*at, &f);
        }
        while (which < 2 && (f.size[which] > text_size ||
                             memcmp(text + text_size - f.size[which], f.text[which], f.size[which]) != 0)) {
            which++;
        }
        if (which == 2) {
            return false;
        }
        text_size -= f.size[which];
    }
    return true;
}
