/*
 * decimal.c - decimal to double after Lemire ("Number parsing at a gigabyte per second", 2021) and Mushtak and Lemire ("Fast number parsing
 * without fallback", 2022): the digits times a power of ten of 128 bits, of which the upper 64 bits round correctly.
 */
#include "json/decimal.h"

#include <string.h>

#include "json/number.h"
#include "json/powers.h"

#define MIN_POWER (-342)
#define MAX_POWER 308

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

bool nb_decimal_to_double(uint64_t digits, int32_t power, double *ret)
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
    if (exponent + 1 == other && bits == UINT64_C(1) << 63 && product.high == UINT64_MAX && product.low > UINT64_MAX - 16) {
        return 0; /* a power of two, just missed */
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

    return digits != 0 && nb_decimal_to_double(digits, power, &rounded) && rounded == value;
}

typedef enum verdict { NO, YES, UNSURE } verdict;

/*
 * What nb_number_comparable() is to find out, by one product, where nothing is close. All is measured in the last bit of product.high, with
 * 16 bits behind it: how far the number is above its double, what one is worth in its last digit, half of what lies between two doubles.
 * Each of the first two is off by less than two, so the first with ten times the second is off by less than 32.
 */
static verdict judge_quickly(const nb_number *number, double value)
{
    const int64_t close = 32;
    int shift = zeros_in_front(number->digits);
    int64_t last = (int64_t)(number->digits % 10);
    int64_t above, one, half, shorter_below, shorter_above;
    uint64_t bits, mantissa;
    wide product;
    int upper;

    if (number->power < MIN_POWER || number->power > MAX_POWER || shift > 14) {
        return UNSURE;
    }
    product = scaled(number->digits << shift, number->power);
    upper = (int)(product.high >> 63);
    memcpy(&bits, &value, sizeof bits);
    mantissa = bits & ((UINT64_C(1) << 52) - 1);
    if (mantissa == 0 || bits >> 52 == 0 || (int32_t)(bits >> 52) != binary_power(number->power) + upper - shift + 1023) {
        return UNSURE; /* the doubles on its two sides are not equally far away; or it was rounded up to such a one */
    }
    above = (int64_t)(product.high - ((mantissa | UINT64_C(1) << 52) << (10 + upper))) * 65536 + (int64_t)(product.low >> 48);
    one = (int64_t)(powers[number->power - MIN_POWER][0] >> (48 - shift));
    half = INT64_C(65536) << (9 + upper);
    shorter_below = above - last * one;
    shorter_above = above + (10 - last) * one;
    if (shorter_below > close - half || shorter_above < half - close) {
        return NO;
    }
    if (shorter_below > -close - half || shorter_above < half + close) {
        return UNSURE;
    }
    above = above < 0 ? -2 * above : 2 * above;
    return above < one - close ? YES : above > one + close ? NO : UNSURE;
}

bool nb_number_comparable(const nb_number *number)
{
    double value = number->negative ? -number->value : number->value;
    uint64_t digits = number->digits;
    uint64_t fewer = digits / 10;
    verdict quick;
    int below;
    int above;

    if (digits == 0 || (number->count <= 15 && value >= 2.2250738585072014e-308)) {
        return true;
    }
    quick = judge_quickly(number, value);
    if (quick != UNSURE) {
        return quick == YES;
    }
    if (value == 0.0 || rounds_to(fewer, number->power + 1, value) || rounds_to(fewer + 1, number->power + 1, value)) {
        return false; /* it vanishes, or a shorter text says the same */
    }
    /* Of the texts of this length it must be the nearest; of two, the even one. */
    below = compare(digits * 10 - 5, number->power - 1, value);
    above = compare(digits * 10 + 5, number->power - 1, value);
    return (below < 0 || (below == 0 && digits % 2 == 0)) && (above > 0 || (above == 0 && digits % 2 == 0));
}
