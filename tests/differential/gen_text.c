/*
 * gen_text.c - the generator's dice and its texts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generate.h"

uint32_t gen_below(gen *g, uint32_t n)
{
    uint64_t z = g->state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ z >> 31) >> 32) % n;
}

bool gen_chance(gen *g, uint32_t percent)
{
    return gen_below(g, 100) < percent;
}

void gen_add(gen_text *text, const char *data, size_t size)
{
    if (text->room - text->size <= size) {
        text->room = 2 * text->room + size + 64;
        text->data = realloc(text->data, text->room);
        if (text->data == NULL) {
            fprintf(stderr, "differential: out of memory\n");
            exit(2);
        }
    }
    memcpy(text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void gen_say(gen_text *text, const char *string)
{
    gen_add(text, string, strlen(string));
}

void gen_text_free(gen_text *text)
{
    free(text->data);
    *text = (gen_text){ NULL, 0, 0 };
}

void gen_blank(gen *g, gen_text *text)
{
    static const char *const blanks[] = { " ", "  ", "\n", "\t", "\r\n", "                                        " };

    if (gen_chance(g, 5)) {
        gen_say(text, blanks[gen_below(g, 6)]);
    }
}

static size_t sequence(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

static unsigned decoded(const unsigned char *s, size_t size)
{
    unsigned code = size == 1 ? s[0] : s[0] & (0xFFU >> (size + 1));

    for (size_t i = 1; i < size; i++) {
        code = code << 6 | (s[i] & 63U);
    }
    return code;
}

/* One code point by its number, as one escape or as two. */
static void escape(gen *g, gen_text *text, unsigned code)
{
    const char *form = gen_chance(g, 50) ? "\\u%04x" : "\\u%04X";
    char digits[16];

    if (code >= 0x10000) {
        escape(g, text, 0xD800 + ((code - 0x10000) >> 10));
        code = 0xDC00 + ((code - 0x10000) & 0x3FF);
    }
    snprintf(digits, sizeof digits, form[5] == 'x' ? "\\u%04x" : "\\u%04X", code);
    gen_say(text, digits);
}

void gen_quote(gen *g, gen_text *text, const char *data, size_t size)
{
    static const char named[] = "\"\\/\b\f\n\r\t";
    static const char letters[] = "\"\\/bfnrt";
    bool often = gen_chance(g, 5);

    gen_say(text, "\"");
    for (size_t i = 0; i < size;) {
        size_t n = sequence((unsigned char)data[i]);
        unsigned code = decoded((const unsigned char *)data + i, n);
        const char *name = code != 0 && code < 0x80 ? strchr(named, (int)code) : NULL;
        bool must = code < 0x20 || code == '"' || code == '\\' || (code >= 0xD800 && code < 0xE000);

        if (name != NULL && (code != '/' || often) && gen_chance(g, 90)) {
            char pair[3] = { '\\', letters[name - named], '\0' };

            gen_say(text, pair);
        } else if (must || gen_chance(g, often ? 50 : 1)) {
            escape(g, text, code);
        } else {
            gen_add(text, data + i, n);
        }
        i += n;
    }
    gen_say(text, "\"");
}

void gen_damage(gen *g, gen_text *text)
{
    static const char bytes[] = "{}[],:\"\\0eE.+-tfnu \x01\x7f\x80\xbf\xc0\xed\xf5\xff";
    size_t at = gen_below(g, (uint32_t)text->size);
    size_t left = text->size - at;

    switch (gen_below(g, 4)) {
    case 0:
        text->data[at] = bytes[gen_below(g, sizeof bytes - 1)];
        break;
    case 1:
        memmove(text->data + at, text->data + at + 1, left);
        text->size--;
        break;
    case 2:
        text->size = at + 1;
        text->data[text->size] = '\0';
        break;
    default:
        gen_add(text, bytes, 1);
        memmove(text->data + at + 1, text->data + at, text->size - 1 - at);
        text->data[at] = bytes[gen_below(g, sizeof bytes - 1)];
        break;
    }
}
