/* file_pipeline_text.h - text that grows, and file names in JSON.
 *
 * A file name is any bytes but '/' and NUL; JSON is Unicode. A byte that is not part of valid UTF-8 is written as U+EF80 to U+EFFF (its
 * value plus U+EF00), and so are the bytes of these very characters, so that every name has one text and every text its name back. */
#ifndef FILE_PIPELINE_TEXT_H
#define FILE_PIPELINE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct text {
    char *data; /* ends in NUL */
    size_t size, room;
} text;

static void fatal(const char *why)
{
    fprintf(stderr, "file_pipeline: %s\n", why);
    exit(2);
}

static void text_add(text *t, const void *data, size_t size)
{
    if (size >= t->room - t->size) {
        t->room = (t->size + size + 64) * 2;
        t->data = realloc(t->data, t->room);
        if (t->data == NULL)
            fatal("out of memory");
    }
    memcpy(t->data + t->size, data, size);
    t->size += size;
    t->data[t->size] = '\0';
}

static void text_format(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void text_format(text *t, const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (size > 0)
        text_add(t, line, (size_t)size < sizeof line ? (size_t)size : sizeof line - 1);
}

static void text_clear(text *t)
{
    t->size = 0;
    text_add(t, "", 0);
}

static void text_free(text *t)
{
    free(t->data);
    *t = (text){ 0 };
}

/** The length of the valid UTF-8 sequence at s, which ends in NUL; 0: there is none, or it is one of ours. */
static size_t utf8_length(const unsigned char *s)
{
    static const struct {
        unsigned char mask, lead, more;
        uint32_t least;
    } forms[4] = { { 0x80, 0x00, 0, 0 }, { 0xe0, 0xc0, 1, 0x80 }, { 0xf0, 0xe0, 2, 0x800 }, { 0xf8, 0xf0, 3, 0x10000 } };
    for (size_t f = 0; f < 4; f++) {
        if ((s[0] & forms[f].mask) != forms[f].lead)
            continue;
        uint32_t c = s[0] & (uint32_t)(unsigned char)~forms[f].mask;
        for (size_t i = 1; i <= forms[f].more; i++) {
            if ((s[i] & 0xc0) != 0x80)
                return 0;
            c = c << 6 | (s[i] & 0x3fU);
        }
        bool good = c >= forms[f].least && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) && (c < 0xef80 || c > 0xefff);
        return good ? (size_t)forms[f].more + 1 : 0;
    }
    return 0;
}

/** Adds a file name as valid UTF-8. */
static void text_add_name(text *t, const char *name)
{
    const unsigned char *s = (const unsigned char *)name;
    while (*s != '\0') {
        size_t size = utf8_length(s);
        if (size > 0) {
            text_add(t, s, size);
            s += size;
        } else {
            const unsigned char escaped[3] = { 0xee, (unsigned char)(0xbc | *s >> 6), (unsigned char)(0x80 | (*s & 0x3f)) };
            text_add(t, escaped, 3);
            s++;
        }
    }
}

/** Turns the text of a name back into its bytes, in place: they are never more. */
static void name_from_text(char *encoded)
{
    unsigned char *to = (unsigned char *)encoded;
    for (const unsigned char *s = to; *s != '\0';) {
        if (s[0] == 0xee && (s[1] == 0xbe || s[1] == 0xbf) && (s[2] & 0xc0) == 0x80) {
            *to++ = (unsigned char)((s[1] & 0x03) << 6 | (s[2] & 0x3f));
            s += 3;
        } else {
            *to++ = *s++;
        }
    }
    *to = '\0';
}

/** Adds valid UTF-8 as a JSON string with its quotes. */
static void text_add_json(text *t, const char *value)
{
    text_add(t, "\"", 1);
    for (const char *s = value; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\')
            text_format(t, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            text_format(t, "\\u%04x", (unsigned)*s);
        else
            text_add(t, s, 1);
    }
    text_add(t, "\"", 1);
}

#endif
