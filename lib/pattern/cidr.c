#include "pattern/cidr.h"

#include <string.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse_v4(const char *at, const char *end, nb_address *ret)
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned value = 0, digits = 0;

        if (i > 0 && (at == end || *at++ != '.')) {
            return false;
        }
        for (; at < end && *at >= '0' && *at <= '9' && digits < 4; at++, digits++) {
            value = value * 10 + (unsigned)(*at - '0');
        }
        if (digits == 0 || digits > 3 || value > 255) {
            return false;
        }
        ret->bytes[i] = (unsigned char)value;
    }
    ret->size = NB_ADDRESS_V4;
    return at == end;
}

/* One group of up to four digits. */
static bool parse_group(const char **at, const char *end, unsigned char *to)
{
    unsigned value = 0, digits = 0;

    for (; *at < end && hex_value(**at) >= 0 && digits < 5; (*at)++, digits++) {
        value = value << 4 | (unsigned)hex_value(**at);
    }
    to[0] = (unsigned char)(value >> 8);
    to[1] = (unsigned char)value;
    return digits >= 1 && digits <= 4;
}

static bool parse_v6(const char *at, const char *end, nb_address *ret)
{
    unsigned char groups[16];
    unsigned count = 0;  /* bytes of groups */
    unsigned gap = 17;   /* where "::" stands; 17: nowhere */

    if (end - at >= 2 && at[0] == ':' && at[1] == ':') {
        gap = 0;
        at += 2;
    }
    while (at < end) {
        if (count == 16 || !parse_group(&at, end, groups + count)) {
            return false;
        }
        count += 2;
        if (at == end) {
            break;
        }
        if (*at++ != ':' || at == end) {
            return false;
        }
        if (*at == ':') {
            if (gap != 17) {
                return false;
            }
            gap = count;
            at++;
        }
    }
    if (gap == 17 ? count != 16 : count > 14) {
        return false;
    }
    memset(ret->bytes, 0, 16);
    gap = gap == 17 ? 16 : gap;
    memcpy(ret->bytes, groups, gap);
    memcpy(ret->bytes + 16 - (count - gap), groups + gap, count - gap);
    ret->size = NB_ADDRESS_V6;
    return true;
}

bool nb_address_parse(const char *text, size_t size, nb_address *ret)
{
    if (size < 2 || size > 39) {
        return false;
    }
    return memchr(text, ':', size) != NULL ? parse_v6(text, text + size, ret) : parse_v4(text, text + size, ret);
}

void nb_address_mask(nb_address *address, unsigned bits)
{
    for (unsigned i = 0; i < address->size; i++) {
        unsigned kept = bits > 8 * i ? bits - 8 * i : 0;

        address->bytes[i] &= (unsigned char)(kept >= 8 ? 0xFF : 0xFF00 >> kept);
    }
}

const char *nb_cidr_parse(const char *text, size_t size, nb_address *ret, unsigned *ret_bits)
{
    const char *slash = size > 0 ? memchr(text, '/', size) : NULL;
    const char *end = text + size;
    unsigned bits = 0;

    if (slash == NULL || memchr(slash + 1, '/', (size_t)(end - slash - 1)) != NULL) {
        return "a block of addresses has exactly one '/'";
    }
    if (slash + 1 == end) {
        return "the bits of a block must be a whole number";
    }
    if (slash[1] == '-') {
        return "the bits of a block must not be negative";
    }
    for (const char *at = slash + 1; at < end; at++) {
        if (*at < '0' || *at > '9') {
            return "the bits of a block must be a whole number";
        }
        bits = bits < 1000 ? bits * 10 + (unsigned)(*at - '0') : bits;
    }
    if (!nb_address_parse(text, (size_t)(slash - text), ret)) {
        return "no IPv4 or IPv6 address before the '/'";
    }
    if (bits > ret->size * 8) {
        return ret->size == NB_ADDRESS_V4 ? "a block of IPv4 addresses has at most 32 bits"
                                          : "a block of IPv6 addresses has at most 128 bits";
    }
    nb_address_mask(ret, bits);
    *ret_bits = bits;
    return NULL;
}
