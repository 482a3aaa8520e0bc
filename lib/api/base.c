/* base.c - the functions of nimbus/base.h. */
#include <stdio.h>

#include <nimbus/base.h>

#include "base/status.h"

#define TEXT(x) #x
#define VERSION(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

const char *nimbus_version(void)
{
    return VERSION(NIMBUS_VERSION_MAJOR, NIMBUS_VERSION_MINOR, NIMBUS_VERSION_PATCH);
}

const char *nimbus_status_name(nimbus_status status)
{
    return nb_status_name(status);
}

const char *nimbus_status_text(nimbus_status status)
{
    return nb_status_text(status);
}

const char *nimbus_status_aws_name(nimbus_status status)
{
    return nb_status_aws_name(status);
}

static char *put_hex(char *to, uint64_t value, int digits)
{
    static const char hex[] = "0123456789abcdef";

    for (int i = digits - 1; i >= 0; i--) {
        *to++ = hex[value >> (4 * i) & 15];
    }
    return to;
}

/* Version 4, variant 1: 122 bits of which 60 are the instance's nonce and 62 the number. */
char *nimbus_id_text(nimbus_id id, char ret[NIMBUS_ID_TEXT])
{
    char *at = ret;

    if (ret == NULL) {
        return NULL;
    }
    at = put_hex(at, id.instance >> 32, 8);
    *at++ = '-';
    at = put_hex(at, id.instance >> 16 & 0xffff, 4);
    *at++ = '-';
    at = put_hex(at, 0x4000 | (id.instance & 0x0fff), 4);
    *at++ = '-';
    at = put_hex(at, 0x8000 | (id.number >> 48 & 0x3fff), 4);
    *at++ = '-';
    at = put_hex(at, id.number & UINT64_C(0xffffffffffff), 12);
    *at = '\0';
    return ret;
}
