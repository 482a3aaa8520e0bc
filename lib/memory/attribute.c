#include "memory/attribute.h"

#include <string.h>

#include "base/check.h"

#define MAX_NAME 256
#define MAX_DIGITS 38
#define MIN_EXPONENT (-128)
#define MAX_EXPONENT 126 /* of 10^126 itself, and of no other */

static bool begins_ignoring_case(const char *text, const char *lower)
{
    for (; *lower != '\0'; text++, lower++) {
        char c = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;

        if (c != *lower) {
            return false;
        }
    }
    return true;
}

static bool name_valid(const char *name)
{
    size_t length;

    if (!nb_name_valid(name, MAX_NAME, "_-.")) {
        return false;
    }
    length = strlen(name);
    return name[0] != '.' && name[length - 1] != '.' && strstr(name, "..") == NULL && !begins_ignoring_case(name, "aws.") &&
           !begins_ignoring_case(name, "amazon.");
}

/* A decimal number while it is read. */
typedef struct decimal {
    size_t digits;      /* significant ones */
    size_t trailing;    /* zeros at the end of these, which do not count */
    long point_shift;   /* exponent of the first significant digit, before the e */
    char first;         /* that digit */
    bool any, nonzero, after_point;
} decimal;

static void read_digit(decimal *number, char c)
{
    number->any = true;
    if (c != '0' || number->nonzero) {
        if (!number->nonzero) {
            number->nonzero = true;
            number->first = c;
            number->point_shift = number->after_point ? number->point_shift - 1 : 0;
        } else if (!number->after_point) {
            number->point_shift++;
        }
        number->digits++;
        number->trailing = c == '0' ? number->trailing + 1 : 0;
    } else if (number->after_point) {
        number->point_shift--;
    }
}

static bool read_exponent(const char *at, const char *end, long *ret)
{
    long value = 0;
    bool negative = at < end && *at == '-';

    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    if (at == end) {
        return false;
    }
    for (; at < end; at++) {
        if (*at < '0' || *at > '9') {
            return false;
        }
        value = value < 100000 ? value * 10 + (*at - '0') : value;
    }
    *ret = negative ? -value : value;
    return true;
}

static bool number_valid(nimbus_bytes text)
{
    const char *at = text.data, *end = at + text.size;
    decimal number = { 0, 0, 0, '0', false, false, false };
    long exponent = 0;

    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.' && !number.after_point) {
            number.after_point = true;
        } else if (*at >= '0' && *at <= '9') {
            read_digit(&number, *at);
        } else {
            return false;
        }
    }
    if (!number.any || (at < end && !read_exponent(at + 1, end, &exponent))) {
        return false;
    }
    exponent += number.point_shift;
    if (exponent == MAX_EXPONENT && (number.first != '1' || number.digits - number.trailing > 1)) {
        exponent++; /* above 10^126 */
    }
    return !number.nonzero || (number.digits - number.trailing <= MAX_DIGITS && exponent >= MIN_EXPONENT && exponent <= MAX_EXPONENT);
}

static bool attribute_valid(const nimbus_attribute *attribute)
{
    size_t type_length;

    if (!name_valid(attribute->name) || attribute->value.data == NULL || attribute->value.size == 0 ||
        (unsigned)attribute->kind > NIMBUS_BINARY) {
        return false;
    }
    type_length = strlen(nb_attribute_type(attribute->kind)) + 1;
    if (attribute->label != NULL && !nb_name_valid(attribute->label, MAX_NAME - type_length, "_-.")) {
        return false;
    }
    return attribute->kind != NIMBUS_NUMBER || number_valid(attribute->value);
}

nimbus_status nb_attributes_check(const nimbus_attribute *attributes, size_t count, size_t max)
{
    if (count > max) {
        return NIMBUS_E_OVER_LIMIT;
    }
    if (count > 0 && attributes == NULL) {
        return NIMBUS_E_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        if (!attribute_valid(&attributes[i])) {
            return NIMBUS_E_ATTRIBUTE;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(attributes[i].name, attributes[j].name) == 0) {
                return NIMBUS_E_ATTRIBUTE;
            }
        }
    }
    return NIMBUS_OK;
}

const char *nb_attribute_type(nimbus_attribute_kind kind)
{
    return kind == NIMBUS_STRING ? "String" : kind == NIMBUS_NUMBER ? "Number" : "Binary";
}

size_t nb_attributes_size(const nimbus_attribute *attributes, size_t count)
{
    size_t size = 0;

    for (size_t i = 0; attributes != NULL && i < count; i++) {
        if (attributes[i].value.size > SIZE_MAX / 4 || size > SIZE_MAX / 4) {
            return SIZE_MAX; /* above every limit */
        }
        size += strlen(attributes[i].name) + strlen(nb_attribute_type(attributes[i].kind)) + attributes[i].value.size;
        size += attributes[i].label != NULL ? strlen(attributes[i].label) + 1 : 0;
    }
    return size;
}
