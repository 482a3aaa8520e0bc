/*
 * number.c - decimal to double after Lemire ("Number parsing at a gigabyte per second", 2021) and Mushtak and Lemire ("Fast number parsing
 * without fallback", 2022): the digits times a power of ten of 128 bits, of which the upper 64 bits round correctly.
 */
#include "json/number.h"

#include <string.h>

#include "json/powers.h"

#define MIN_POWER (-342)
#define MAX_POWER 308
#define MAX_DIGITS 17

/* ------------------------------------------------------------------------------------------- wide numbers */

typedef struct wide {
    uint64_t high, low;
} wide;

static wide multiply(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
    unsigned __int128 product = (unsigned __int128)a * b;

    return (wide){ (uint64_t)(product >> 64), (uint64_t)product };
#else
    uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX);
    uint64_t middle = (a >> 32) * (b & UINT32_MAX) + (low >> 32);
    uint64_t other = (a & UINT32_MAX) * (b >> 32) + (middle & UINT32_MAX);

    return (wide){ (a >> 32) * (b >> 32) + (middle >> 32) + (other >> 32), other << 32 | (low & UINT32_MAX) };
#endif
}

static int zeros_in_front(uint64_t value)
{
    return __builtin_clzll(value);
}

/* The power of two of the upper bit of 10^power, plus 63. */
static int32_t binary_power(int32_t power)
{
    return (int32_t)(((152170 + 65536) * (int64_t)power) >> 16) + 63;
}

/* The upper 128 bits of digits, shifted to the left end, times 10^power. Only the lowest bits can be wrong. */
static wide scaled(uint64_t digits, int32_t power)
{
    const uint64_t *ten = powers[power - MIN_POWER];
    wide product = multiply(digits, ten[0]);
    wide more = multiply(digits, ten[1]);

    product.low += more.high;
    product.high += product.low < more.high;
    return product;
}

/* ------------------------------------------------------------------------------------------------ double */

static double from_bits(uint64_t mantissa, int32_t exponent)
{
    uint64_t bits = mantissa | (uint64_t)exponent << 52;
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* digits > 0. False: too large for a double. */
static bool to_double(uint64_t digits, int32_t power, double *ret)
{
    int shift = zeros_in_front(digits);
    int upper;
    uint64_t mantissa;
    int32_t exponent;
    wide product;

    if (power < MIN_POWER || power > MAX_POWER) {
        *ret = 0.0;
        return power < 0;
    }
    product = scaled(digits << shift, power);
    upper = (int)(product.high >> 63);
    mantissa = product.high >> (upper + 64 - 52 - 3);
    exponent = binary_power(power) + upper - shift + 1023;
    if (exponent <= 0) { /* one of the small ones without the implied bit */
        if (-exponent + 1 >= 64) {
            *ret = 0.0;
            return true;
        }
        mantissa >>= -exponent + 1;
        mantissa += mantissa & 1;
        mantissa >>= 1;
        *ret = from_bits(mantissa & ~(UINT64_C(1) << 52), mantissa < UINT64_C(1) << 52 ? 0 : 1);
        return true;
    }
    if (product.low <= 1 && power >= -4 && power <= 23 && (mantissa & 3) == 1 &&
        mantissa << (upper + 64 - 52 - 3) == product.high) { /* exactly between two doubles: to the even one */
        mantissa &= ~UINT64_C(1);
    }
    mantissa += mantissa & 1;
    mantissa >>= 1;
    if (mantissa >= UINT64_C(2) << 52) {
        mantissa = UINT64_C(1) << 52;
        exponent++;
    }
    if (exponent >= 0x7FF) {
        return false;
    }
    *ret = from_bits(mantissa & ~(UINT64_C(1) << 52), exponent);
    return true;
}

int64_t nb_number_key(double value)
{
    int64_t bits;

    value = value == 0.0 ? 0.0 : value; /* no -0 */
    memcpy(&bits, &value, sizeof bits);
    return bits < 0 ? INT64_MIN - bits : bits;
}

/* ------------------------------------------------------------------------------------------------ parsing */

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
    for (; s.at < s.end && (is_digit(*s.at) || (*s.at == '.' && !s.point)); s.at++) {
        if (*s.at == '.') {
            s.point = true;
        } else {
            take_digit(&s, *s.at);
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
    if (s.count > MAX_DIGITS || (s.digits != 0 && !to_double(s.digits, s.power, &value))) {
        return false;
    }
    *ret = (nb_number){ .digits = s.digits, .power = s.digits != 0 ? s.power : 0, .count = s.count, .negative = negative && s.digits != 0,
                        .value = negative ? -value : value };
    return true;
}

/* --------------------------------------------------------------------------------------------- comparable */

/*
 * Compares digits * 10^power, digits > 0, with a double above zero. What is closer than the lowest bits of the product can tell counts as
 * equal: between a decimal number of 18 digits and a double that happens when they are equal.
 */
static int compare(uint64_t digits, int32_t power, double value)
{
    int shift = zeros_in_front(digits);
    int32_t exponent;
    int32_t other;
    uint64_t bits;
    wide product;
    uint64_t distance;

    if (power < MIN_POWER || power > MAX_POWER) {
        return power < 0 ? -1 : 1;
    }
    product = scaled(digits << shift, power);
    exponent = binary_power(power) - shift; /* of the upper bit, if it is not set */
    if (product.high >> 63 == 0) {
        product.high = product.high << 1 | product.low >> 63;
        product.low <<= 1;
    } else {
        exponent++;
    }
    memcpy(&bits, &value, sizeof bits);
    other = (int32_t)(bits >> 52);
    bits &= (UINT64_C(1) << 52) - 1;
    if (other == 0) {
        shift = zeros_in_front(bits);
        other = -1011 - shift;
        bits <<= shift;
    } else {
        other -= 1023;
        bits = (bits | UINT64_C(1) << 52) << 11;
    }
    if (exponent != other) {
        return exponent < other ? -1 : 1;
    }
    if (product.high == bits) {
        return product.low > 8 ? 1 : 0;
    }
    distance = bits - product.high;
    if (distance == 1 && product.low > UINT64_MAX - 8) {
        return 0;
    }
    return product.high < bits ? -1 : 1;
}

/* Whether digits * 10^power, rounded to a double, is value. */
static bool rounds_to(uint64_t digits, int32_t power, double value)
{
    double rounded = 0.0;

    return digits != 0 && to_double(digits, power, &rounded) && rounded == value;
}

bool nb_number_comparable(const nb_number *number)
{
    double value = number->negative ? -number->value : number->value;
    uint64_t digits = number->digits;
    uint64_t fewer = digits / 10;
    int below;
    int above;

    if (digits == 0 || (number->count <= 15 && value >= 2.2250738585072014e-308)) {
        return true;
    }
    if (value == 0.0 || rounds_to(fewer, number->power + 1, value) || rounds_to(fewer + 1, number->power + 1, value)) {
        return false; /* it vanishes, or a shorter text says the same */
    }
    /* Of the texts of this length it must be the nearest; of two, the even one. */
    below = compare(digits * 10 - 5, number->power - 1, value);
    above = compare(digits * 10 + 5, number->power - 1, value);
    return (below < 0 || (below == 0 && digits % 2 == 0)) && (above > 0 || (above == 0 && digits % 2 == 0));
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
