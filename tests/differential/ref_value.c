/*
 * ref_value.c - whether one value satisfies one alternative.
 */
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ref_inside.h"

#include "case_table.h" /* made by make_case.py */

#define MAX_STARS 4

/* ------------------------------------------------------------------------------------------------- numbers */

typedef struct decimal {
    bool negative;
    char digits[800]; /* without zeros in front and behind; empty: zero */
    long exponent;    /* the power of ten of the first digit */
} decimal;

/* False: too long to be what a double prints. */
static bool read_decimal(const char *text, decimal *ret)
{
    long point = 0;
    bool fraction = false;
    size_t n = 0;

    memset(ret, 0, sizeof *ret);
    if (*text == '-') {
        ret->negative = true;
        text++;
    }
    for (; *text != '\0' && *text != 'e' && *text != 'E'; text++) {
        if (*text == '.') {
            fraction = true;
        } else if (n == 0 && *text == '0') {
            point -= fraction;
        } else if (n == sizeof ret->digits - 1) {
            return false;
        } else {
            ret->digits[n++] = *text;
            point += !fraction;
        }
    }
    if (*text != '\0') {
        long e = strtol(text + 1, NULL, 10);

        point += e > 100000 ? 100000 : e < -100000 ? -100000 : e;
    }
    while (n > 0 && ret->digits[n - 1] == '0') {
        ret->digits[--n] = '\0';
    }
    ret->exponent = n == 0 ? 0 : point - 1;
    ret->negative = ret->negative && n != 0;
    return true;
}

/*
 * The shortest text that reads as a double, the nearest if there are several. It need not be the nearest text of its length: that may read
 * as a neighbour while the next one does not.
 */
static void say_shortest(double d, char *to, size_t room)
{
    for (int digits = 1; digits <= 17; digits++) {
        char *exponent;
        long long whole = 0;

        snprintf(to, room, "%.*e", digits - 1, d);
        exponent = strchr(to, 'e');
        for (const char *at = to; at < exponent; at++) {
            whole = *at >= '0' && *at <= '9' ? whole * 10 + (*at - '0') : whole;
        }
        for (int off = 0; off < 3; off++) {
            long power = strtol(exponent + 1, NULL, 10) - digits + 1;
            char text[64];

            snprintf(text, sizeof text, "%s%llde%ld", d < 0 ? "-" : "", whole + (off == 0 ? 0 : off == 1 ? 1 : -1), power);
            if (strtod(text, NULL) == d) {
                snprintf(to, room, "%s", text);
                return;
            }
        }
    }
}

bool ref_number(ref_text text, double *ret)
{
    char shortest[64];
    decimal written;
    decimal held;
    double d = strtod(text.data, NULL);

    if (!isfinite(d) || !read_decimal(text.data, &written)) {
        return false;
    }
    say_shortest(d, shortest, sizeof shortest);
    read_decimal(shortest, &held);
    *ret = d;
    return written.negative == held.negative && written.exponent == held.exponent && strcmp(written.digits, held.digits) == 0;
}

static bool number_is(ref_text word, const ref_field *field)
{
    double number;
    bool comparable = ref_number(word, &number);

    return comparable && field->comparable ? number == field->number : ref_same(word, field->text);
}

static bool in_range(const ref_item *item, const ref_field *field)
{
    double n = field->number;

    return field->comparable && !(item->low.given && (item->low.open ? n <= item->low.value : n < item->low.value)) &&
           !(item->high.given && (item->high.open ? n >= item->high.value : n > item->high.value));
}

/* --------------------------------------------------------------------------------------------- letter case */

static size_t code_point(ref_text text, size_t at, unsigned *ret)
{
    const unsigned char *s = (const unsigned char *)text.data + at;

    if (s[0] < 0x80) {
        *ret = s[0];
        return 1;
    }
    if (s[0] < 0xE0) {
        *ret = (s[0] & 31U) << 6 | (s[1] & 63U);
        return 2;
    }
    if (s[0] < 0xF0) {
        *ret = (s[0] & 15U) << 12 | (s[1] & 63U) << 6 | (s[2] & 63U);
        return 3;
    }
    *ret = (s[0] & 7U) << 18 | (s[1] & 63U) << 12 | (s[2] & 63U) << 6 | (s[3] & 63U);
    return 4;
}

static int compare_code(const void *key, const void *entry)
{
    unsigned code = *(const unsigned *)key;
    unsigned other = *(const unsigned *)entry;

    return code < other ? -1 : code > other;
}

static bool starts_at(ref_text value, size_t at, const char *form, size_t size)
{
    return value.size - at >= size && memcmp(value.data + at, form, size) == 0;
}

/* The word from w on against the value from v on: each code point as its lower or its upper case. whole: nothing may stay behind. */
static bool folds(ref_text word, size_t w, ref_text value, size_t v, bool whole)
{
    while (w < word.size) {
        unsigned code;
        size_t size = code_point(word, w, &code);
        const unsigned *found = bsearch(&code, case_table, sizeof case_table / sizeof case_table[0], sizeof case_table[0], compare_code);
        size_t entry = found == NULL ? 0 : (size_t)((const char *)found - (const char *)case_table) / sizeof case_table[0];

        if (found == NULL) {
            if (!starts_at(value, v, word.data + w, size)) {
                return false;
            }
            w += size;
            v += size;
            continue;
        }
        w += size;
        size = strlen(case_table[entry].lower);
        if (starts_at(value, v, case_table[entry].lower, size) && folds(word, w, value, v + size, whole)) {
            return true;
        }
        size = strlen(case_table[entry].upper);
        return starts_at(value, v, case_table[entry].upper, size) && folds(word, w, value, v + size, whole);
    }
    return !whole || v == value.size;
}

static bool folds_at_end(ref_text word, ref_text value)
{
    for (size_t v = 0; v <= value.size; v++) {
        if (folds(word, 0, value, v, true)) {
            return true;
        }
    }
    return false;
}

/* ----------------------------------------------------------------------------------------------- wildcards */

/* The bound on stars: at most four that are followed by the same byte. */
static bool too_many_stars(ref_text glob)
{
    unsigned followed[256] = { 0 };

    for (size_t i = 0; i + 1 < glob.size; i++) {
        size_t next = i + 1 + (glob.data[i + 1] == '\\');

        if (glob.data[i] == '\\') {
            i++;
        } else if (glob.data[i] == '*' && ++followed[(unsigned char)glob.data[next]] > MAX_STARS) {
            return true;
        }
    }
    return false;
}

bool ref_wildcard_valid(ref_text glob)
{
    bool star = false;

    for (size_t i = 0; i < glob.size; i++) {
        bool was_star = star;

        star = glob.data[i] == '*';
        if (star && was_star) {
            return false;
        }
        if (glob.data[i] == '\\') {
            i++;
            if (i == glob.size || (glob.data[i] != '*' && glob.data[i] != '\\')) {
                return false;
            }
        }
    }
    return !too_many_stars(glob);
}

/* A table instead of a search: can[v] says whether the glob so far can have eaten v bytes. */
static bool globs(ref_text glob, ref_text value)
{
    bool *can = calloc(value.size + 1, 1);
    bool answer;

    can[0] = true;
    for (size_t i = 0; i < glob.size; i++) {
        if (glob.data[i] == '*') {
            for (size_t v = 1; v <= value.size; v++) {
                can[v] = can[v] || can[v - 1];
            }
            continue;
        }
        i += glob.data[i] == '\\';
        for (size_t v = value.size; v > 0; v--) {
            can[v] = can[v - 1] && value.data[v - 1] == glob.data[i];
        }
        can[0] = false;
    }
    answer = can[value.size];
    free(can);
    return answer;
}

/* ----------------------------------------------------------------------------------------------- addresses */

static int address4(ref_text text, uint8_t ret[16])
{
    unsigned part = 0;
    size_t parts = 0;
    size_t digits = 0;

    for (size_t i = 0; i <= text.size; i++) {
        if (i == text.size || text.data[i] == '.') {
            if (digits == 0 || parts == 4) {
                return 0;
            }
            ret[parts++] = (uint8_t)part;
            part = 0;
            digits = 0;
        } else {
            part = part * 10 + (unsigned char)text.data[i] - '0';
            digits++;
            if (text.data[i] < '0' || text.data[i] > '9' || part > 255 || digits > 3) {
                return 0;
            }
        }
    }
    return parts == 4 ? 4 : 0;
}

int ref_address(ref_text text, uint8_t ret[16])
{
    char copy[64];

    if (memchr(text.data, ':', text.size) == NULL) {
        return address4(text, ret);
    }
    if (memchr(text.data, '.', text.size) != NULL || memchr(text.data, '\0', text.size) != NULL || text.size >= sizeof copy) {
        return 0;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return inet_pton(AF_INET6, copy, ret) == 1 ? 6 : 0;
}

static bool in_block(const ref_item *item, ref_text value)
{
    uint8_t address[16];

    if (ref_address(value, address) != item->family) {
        return false;
    }
    for (int i = 0; i < item->bits; i++) {
        if (((address[i / 8] ^ item->address[i / 8]) >> (7 - i % 8) & 1) != 0) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------- the item */

static bool word_matches(const ref_item *item, ref_text word, const ref_field *field)
{
    ref_text value = field->text;

    if (item->op == REF_OP_NUMBER) {
        return field->kind == REF_NUMBER && number_is(word, field);
    }
    if (item->op == REF_OP_EXACT && item->kind != REF_STRING) {
        return field->kind == item->kind;
    }
    if (field->kind != REF_STRING) {
        return false;
    }
    switch (item->op) {
    case REF_OP_EXACT:
        return ref_same(word, value);
    case REF_OP_PREFIX:
        return starts_at(value, 0, word.data, word.size);
    case REF_OP_SUFFIX:
        return value.size >= word.size && starts_at(value, value.size - word.size, word.data, word.size);
    case REF_OP_FOLD:
        return folds(word, 0, value, 0, true);
    case REF_OP_FOLD_PREFIX:
        return folds(word, 0, value, 0, false);
    case REF_OP_FOLD_SUFFIX:
        return folds_at_end(word, value);
    case REF_OP_WILDCARD:
        return globs(word, value);
    default:
        return false;
    }
}

bool ref_item_matches(const ref_item *item, const ref_field *field)
{
    switch (item->op) {
    case REF_OP_RANGE:
        return field->kind == REF_NUMBER && in_range(item, field);
    case REF_OP_EXISTS:
        return true;
    case REF_OP_ABSENT:
        return false;
    case REF_OP_CIDR:
        return field->kind == REF_STRING && in_block(item, field->text);
    default:
        break;
    }
    for (size_t i = 0; i < item->count; i++) {
        if (word_matches(item, item->words[i], field)) {
            return !item->but;
        }
    }
    return item->but;
}
