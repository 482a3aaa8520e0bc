/* fast.h - one member of an object, if it is simple; for the sources of the reader only. */
#ifndef NB_JSON_FAST_H
#define NB_JSON_FAST_H

#include "json/scan.h"

/*
 * Members as most of them are: a short key, a string without escapes, a number or a word, one blank at most between tokens. Whatever is
 * different is left to the careful functions of skip.c and reader.c. Nothing is looked at behind FAST bytes, or behind the end of a string:
 * nearer to the end of the text nobody calls these.
 */
#define FAST 128
#define NEAR 16

/* The key at `at`, its colon and a blank. NULL: it is different. */
static inline const char *fast_key(const char *at, size_t *ret_size, bool *ret_dot)
{
    uint64_t dots = 0;
    uint64_t mask = *at == '"' ? nb_scan_key(at + 1, &dots) : 0;
    const char *behind;

    if (mask == 0) {
        return NULL;
    }
    *ret_size = nb_scan_first(mask);
    *ret_dot = (dots & (mask ^ (mask - 1))) != 0; /* before the first special byte */
    behind = at + 1 + *ret_size;
    if (*behind != '"' || behind[1] != ':') {
        return NULL;
    }
    return behind + 2 + (behind[2] == ' ');
}

static inline const char *fast_number(const char *at)
{
    uint64_t mask;
    unsigned digits;

    at += *at == '-';
    mask = nb_scan_non_digits(at);
    digits = mask != 0 ? nb_scan_first(mask) : 0;
    if (digits == 0 || (*at == '0' && digits > 1)) {
        return NULL;
    }
    at += digits;
    if (*at == '.') {
        mask = nb_scan_non_digits(at + 1);
        digits = mask != 0 ? nb_scan_first(mask) : 0;
        if (digits == 0) {
            return NULL;
        }
        at += 1 + digits;
    }
    return (*at | 0x20) != 'e' ? at : NULL;
}

/* A string or a number, and NEAR bytes behind it. NULL: it is different. */
static inline const char *fast_value(const char *at, const char *end)
{
    uint64_t mask;

    if (*at != '"') {
        return fast_number(at);
    }
    mask = nb_scan_specials(at + 1);
    if (mask != 0) {
        at += 1 + nb_scan_first(mask);
        return *at == '"' ? at + 1 : NULL;
    }
    at = nb_scan_plain(at + 1 + NB_SCAN_WIDTH, end);
    return end - at > NEAR && *at == '"' ? at + 1 : NULL;
}

#endif
