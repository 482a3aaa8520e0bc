/*
 * number.c - the digits of a number: many at a time where they are few enough to fit, one by one elsewhere.
 */
#include "json/number.h"

#include <string.h>

#include "json/decimal.h"

#define MAX_DIGITS 17

typedef struct scan {
    const char *at;
    const char *end;
    uint64_t digits;
    int32_t power;  /* of the last digit in digits */
    uint32_t count; /* significant digits, those that did not fit included */
    uint32_t zeros; /* of these: at the end, not yet in digits */
    bool any;
    bool point;
} scan;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* One digit. Zeros are held back until another digit shows that they count. */
static void take_digit(scan *s, char c)
{
    s->any = true;
    s->power -= s->point;
    if (c == '0') {
        s->zeros += s->count != 0;
        return;
    }
    s->count += s->zeros + 1;
    if (s->count <= MAX_DIGITS) {
        for (; s->zeros > 0; s->zeros--) {
            s->digits *= 10;
        }
        s->digits = s->digits * 10 + (uint64_t)(c - '0');
    }
    s->zeros = 0;
}

#define ONES UINT64_C(0x0101010101010101)

/* Eight characters, the first one lowest; digits become 0 to 9, and nothing else does. */
static uint64_t load_eight(const char *at)
{
    uint64_t v;

    memcpy(&v, at, sizeof v);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v ^ ONES * '0';
}

/* The top bit of each byte that is no digit. */
static uint64_t non_digits(uint64_t v)
{
    return (((v & ONES * 0x7F) + ONES * (0x7F - 9)) | v) & ONES * 0x80;
}

/* Eight digits as a number. */
static uint64_t value_of(uint64_t v)
{
    v = (v * 10 + (v >> 8)) & UINT64_C(0x00FF00FF00FF00FF); /* pairs, then fours, then all */
    v = (v * 100 + (v >> 16)) & UINT64_C(0x0000FFFF0000FFFF);
    return (v * 10000 + (v >> 32)) & UINT32_MAX;
}

static const uint64_t tens[] = { /* the smallest numbers of 1, 2, 3 digits, and so on */
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, UINT64_C(10000000000), UINT64_C(100000000000),
    UINT64_C(1000000000000), UINT64_C(10000000000000), UINT64_C(100000000000000), UINT64_C(1000000000000000),
    UINT64_C(10000000000000000), UINT64_C(100000000000000000), UINT64_C(1000000000000000000)
};

/* Digits behind those that are there. Wrong, but defined, if there are more than fit: the caller counts them. start: of the text. */
static const char *plain_digits(const char *start, const char *at, const char *end, uint64_t *digits)
{
    uint64_t v, others;
    unsigned count;

    while (end - at >= 8) {
        v = load_eight(at);
        others = non_digits(v);
        if (others != 0) {
            count = (unsigned)__builtin_ctzll(others) / 8;
            if (count != 0) { /* zeros in front of them */
                *digits = *digits * tens[count] + value_of(v << (64 - 8 * count));
            }
            return at + count;
        }
        *digits = *digits * tens[8] + value_of(v);
        at += 8;
    }
    count = (unsigned)(end - at);
    if (count != 0 && end - start >= 8) { /* mostly the text ends with them */
        v = load_eight(end - 8) & UINT64_MAX << (64 - 8 * count);
        if (non_digits(v) == 0) {
            *digits = *digits * tens[count] + value_of(v);
            return end;
        }
    }
    for (; at < end && is_digit(*at); at++) {
        *digits = *digits * 10 + (uint64_t)(*at - '0');
    }
    return at;
}

#define PLAIN_DIGITS 19u /* that many always fit into digits */

/* All digits up to the exponent, if they are few: what take_digit() does one by one. False: it is left to that, nothing was changed. */
static bool take_plain(scan *s, const char *start)
{
    uint64_t digits = 0;
    const char *behind = plain_digits(start, s->at, s->end, &digits);
    size_t count = (size_t)(behind - s->at);
    size_t fraction = 0;

    if (behind < s->end && *behind == '.') {
        const char *point = behind;

        behind = plain_digits(start, point + 1, s->end, &digits);
        fraction = (size_t)(behind - point - 1);
    }
    count += fraction;
    if (count == 0 || count > PLAIN_DIGITS) {
        return false;
    }
    s->power = -(int32_t)fraction;
    while (digits != 0 && digits % 10 == 0) {
        digits /= 10;
        s->power++;
    }
    while (count > 0 && digits < tens[count - 1]) {
        count--;
    }
    s->digits = digits;
    s->count = (uint32_t)count;
    s->any = true;
    s->at = behind;
    return true;
}

static bool take_exponent(scan *s)
{
    bool negative = s->at < s->end && *s->at == '-';
    int32_t value = 0;

    s->at += s->at < s->end && (*s->at == '-' || *s->at == '+');
    if (s->at == s->end) {
        return false;
    }
    for (; s->at < s->end; s->at++) {
        if (!is_digit(*s->at)) {
            return false;
        }
        value = value < 100000000 ? value * 10 + (*s->at - '0') : value;
    }
    s->power += negative ? -value : value;
    return true;
}

bool nb_number_parse(const char *text, size_t size, nb_number *ret)
{
    scan s = { .at = text, .end = text + size };
    bool negative = size > 0 && *text == '-';
    double value = 0.0;

    if (size > INT32_MAX / 2) {
        return false;
    }
    s.at += size > 0 && (*text == '-' || *text == '+');
    if (!take_plain(&s, text)) {
        for (; s.at < s.end && (is_digit(*s.at) || (*s.at == '.' && !s.point)); s.at++) {
            if (*s.at == '.') {
                s.point = true;
            } else {
                take_digit(&s, *s.at);
            }
        }
    }
    if (!s.any || (s.at < s.end && *s.at != 'e' && *s.at != 'E')) {
        return false;
    }
    if (s.at < s.end) {
        s.at++;
        if (!take_exponent(&s)) {
            return false;
        }
    }
    s.power += (int32_t)s.zeros;
    if (s.count > MAX_DIGITS || (s.digits != 0 && !nb_decimal_to_double(s.digits, s.power, &value))) {
        return false;
    }
    *ret = (nb_number){ .digits = s.digits, .power = s.digits != 0 ? s.power : 0, .count = s.count, .negative = negative && s.digits != 0,
                        .value = negative ? -value : value };
    return true;
}

bool nb_number_read(const char *text, size_t size, int64_t *ret_key)
{
    nb_number number;

    if (!nb_number_parse(text, size, &number) || !nb_number_comparable(&number)) {
        return false;
    }
    *ret_key = nb_number_key(number.value);
    return true;
}

/* ------------------------------------------------------------------------------------------------- hints */

unsigned nb_number_hint(const nb_number *number)
{
    return (unsigned)(number->digits % 100);
}

/* Whether a text has a letter, which in a number begins an exponent. */
static bool has_letter(const char *text, size_t size)
{
    uint64_t v = 0, w;
    size_t at = 0;

    for (; at + 8 <= size; at += 8) {
        memcpy(&w, text + at, 8);
        v |= w;
    }
    if (at != size && size >= 8) {
        memcpy(&w, text + size - 8, 8);
        v |= w;
    } else {
        for (; at < size; at++) {
            v |= (unsigned char)text[at];
        }
    }
    return (v & ONES * 0x40) != 0;
}

unsigned nb_number_text_hint(const char *text, size_t size)
{
    unsigned last = size != 0 ? (unsigned char)(text[size - 1] - '0') : 0;
    char before;

    if (last - 1 > 8 || has_letter(text, size)) {
        return 0;
    }
    before = size > 1 ? text[size - 2] : '0';
    if (before == '.') {
        before = size > 2 ? text[size - 3] : '0';
    }
    return is_digit(before) ? (unsigned)(before - '0') * 10 + last : last;
}
