#include "base/id.h"

static char *put_hex(char *to, uint64_t value, int digits)
{
    static const char hex[] = "0123456789abcdef";

    for (int i = digits - 1; i >= 0; i--) {
        *to++ = hex[value >> (4 * i) & 15];
    }
    return to;
}

char *nb_id_text(nimbus_id id, char to[NIMBUS_ID_TEXT])
{
    char *at = put_hex(to, id.instance >> 32, 8);

    *at++ = '-';
    at = put_hex(at, id.instance >> 16 & 0xffff, 4);
    *at++ = '-';
    at = put_hex(at, 0x4000 | (id.instance & 0x0fff), 4);
    *at++ = '-';
    at = put_hex(at, 0x8000 | (id.number >> 48 & 0x3fff), 4);
    *at++ = '-';
    at = put_hex(at, id.number & UINT64_C(0xffffffffffff), 12);
    *at = '\0';
    return to;
}
