#include "json/number.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The exponent behind 'e', saturated. False: it is malformed. */
static bool parse_exponent(const char *at, const char *end, int32_t *ret)
{
    bool negative = at < end && *at == '-';
    int32_t value = 0;

    at += at < end && (*at == '-' || *at == '+');
    if (at == end) {
        return false;
    }
    for (; at < end; at++) {
        if (!is_digit(*at)) {
            return false;
        }
        if (value <= 10 * NB_DECIMAL_MAX_EXPONENT) { /* once above, it stays above the bound, 400 digits added or taken */
            value = value * 10 + (*at - '0');
        }
    }
    *ret = negative ? -value : value;
    return true;
}

/* The digits and the point from at on. Returns where they end; NULL: there is no digit. */
static const char *parse_digits(const char *at, const char *end, nb_decimal *number)
{
    const char *point = NULL;
    bool any = false;

    for (; at < end && (is_digit(*at) || (*at == '.' && point == NULL)); at++) {
        if (*at == '.') {
            point = at;
            continue;
        }
        any = true;
        if (*at != '0') {
            number->first = number->first == NULL ? at : number->first;
            number->last = at + 1;
        }
    }
    if (!any) {
        return NULL;
    }
    if (number->first != NULL) {
        const char *units = point != NULL ? point : at; /* the digit before this one has the power 0 */

        number->exponent = (int32_t)(number->first < units ? units - number->first - 1 : units - number->first);
    }
    return at;
}

bool nb_decimal_parse(const char *text, size_t size, nb_decimal *ret)
{
    nb_decimal number = { NULL, NULL, 0, 1 };
    const char *at = text;
    const char *end = text + size;
    int32_t exponent = 0;

    if (size == 0 || size > NB_DECIMAL_MAX_TEXT) {
        return false;
    }
    if (*at == '-' || *at == '+') {
        number.sign = *at == '-' ? -1 : 1;
        at++;
    }
    at = parse_digits(at, end, &number);
    if (at == NULL || (at < end && *at != 'e' && *at != 'E')) {
        return false;
    }
    if (at < end && !parse_exponent(at + 1, end, &exponent)) {
        return false;
    }
    if (number.first == NULL) {
        number.sign = 0;
    } else {
        number.exponent += exponent;
        if (number.exponent > NB_DECIMAL_MAX_EXPONENT || number.exponent < -NB_DECIMAL_MAX_EXPONENT) {
            return false;
        }
    }
    *ret = number;
    return true;
}

/* Compares the digits of two numbers whose first digits have the same power of ten. */
static int compare_digits(const nb_decimal *a, const nb_decimal *b)
{
    const char *p = a->first;
    const char *q = b->first;

    for (;;) {
        p += p < a->last && *p == '.';
        q += q < b->last && *q == '.';
        if (p == a->last || q == b->last) {
            return (p != a->last) - (q != b->last); /* the one with digits left is larger: its last digit is not zero */
        }
        if (*p != *q) {
            return *p < *q ? -1 : 1;
        }
        p++;
        q++;
    }
}

int nb_decimal_compare(const nb_decimal *a, const nb_decimal *b)
{
    int magnitude;

    if (a->sign != b->sign) {
        return a->sign < b->sign ? -1 : 1;
    }
    if (a->sign == 0) {
        return 0;
    }
    if (a->exponent != b->exponent) {
        magnitude = a->exponent < b->exponent ? -1 : 1;
    } else {
        magnitude = compare_digits(a, b);
    }
    return a->sign < 0 ? -magnitude : magnitude;
}
