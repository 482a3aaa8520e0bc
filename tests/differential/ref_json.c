/*
 * ref_json.c - JSON text to a tree by libyajl, which checks the grammar and the UTF-8 and hands out numbers as their text.
 *
 * yajl takes the beginning of a token behind the value for nothing, so it is handed the text inside an array. It lets pass some more
 * things, which are refused here. It decodes the escape of a lone surrogate to a question mark: such escapes are written as the three bytes
 * that they stand for, and the text is read once more, without the check.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "ref_inside.h"

#define MAX_DEPTH 1001 /* one is the array around the text */

/* ----------------------------------------------------------------------------------------------- memory */

struct ref_block {
    struct ref_block *next;
    size_t room;
    _Alignas(16) char data[];
};

void *ref_take(ref_arena *arena, size_t size)
{
    struct ref_block *block = arena->blocks;
    void *p;

    size = (size + 15) / 16 * 16;
    if (block == NULL || block->room - arena->used < size) {
        size_t room = size > 4000 ? size : 4000;

        block = calloc(1, sizeof *block + room);
        if (block == NULL) {
            fprintf(stderr, "reference: out of memory\n");
            exit(2);
        }
        block->next = arena->blocks;
        block->room = room;
        arena->blocks = block;
        arena->used = 0;
    }
    p = block->data + arena->used;
    arena->used += size;
    return p;
}

void *ref_grow(ref_arena *arena, void *items, size_t count, size_t size)
{
    void *more;

    if ((count & (count - 1)) != 0) {
        return items; /* room was made at the last power of two */
    }
    more = ref_take(arena, (count == 0 ? 1 : 2 * count) * size);
    if (count != 0) {
        memcpy(more, items, count * size);
    }
    return more;
}

void ref_drop(ref_arena *arena)
{
    while (arena->blocks != NULL) {
        struct ref_block *next = arena->blocks->next;

        free(arena->blocks);
        arena->blocks = next;
    }
}

ref_text ref_copy(ref_arena *arena, const char *data, size_t size)
{
    char *copy = ref_take(arena, size + 1);

    memcpy(copy, data, size);
    return (ref_text){ copy, size };
}

bool ref_same(ref_text a, ref_text b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

bool ref_is(ref_text a, const char *b)
{
    return a.size == strlen(b) && memcmp(a.data, b, a.size) == 0;
}

/* ------------------------------------------------------------------------------------------------- tree */

typedef struct reading {
    ref_arena *arena;
    ref_json root; /* an array that holds the one value */
    ref_text key;  /* of the member to come */
    unsigned depth;
    bool behind; /* the text: the array around it may end */
    ref_json *open[MAX_DEPTH + 1];
} reading;

static ref_json *add(reading *r, ref_kind kind)
{
    ref_json *into = r->open[r->depth];
    ref_json *value;

    into->values = ref_grow(r->arena, into->values, into->count, sizeof *into->values);
    if (into->kind == REF_OBJECT) {
        into->keys = ref_grow(r->arena, into->keys, into->count, sizeof *into->keys);
        into->keys[into->count] = r->key;
    }
    value = &into->values[into->count++];
    *value = (ref_json){ .kind = kind };
    return value;
}

static int on_null(void *r)
{
    return add(r, REF_NULL) != NULL;
}

static int on_boolean(void *r, int value)
{
    return add(r, value ? REF_TRUE : REF_FALSE) != NULL;
}

static int on_number(void *p, const char *text, size_t size)
{
    reading *r = p;

    add(r, REF_NUMBER)->text = ref_copy(r->arena, text, size);
    return 1;
}

static int on_string(void *p, const unsigned char *text, size_t size)
{
    reading *r = p;

    add(r, REF_STRING)->text = ref_copy(r->arena, (const char *)text, size);
    return 1;
}

static int on_key(void *p, const unsigned char *text, size_t size)
{
    reading *r = p;

    r->key = ref_copy(r->arena, (const char *)text, size);
    return 1;
}

static int open_one(reading *r, ref_kind kind)
{
    ref_json *value;

    if (r->depth == MAX_DEPTH) {
        return 0;
    }
    value = add(r, kind);
    r->open[++r->depth] = value;
    return 1;
}

static int on_object(void *r)
{
    return open_one(r, REF_OBJECT);
}

static int on_array(void *r)
{
    return open_one(r, REF_ARRAY);
}

static int on_end(void *p)
{
    reading *r = p;

    r->depth--;
    return r->depth > 0 || r->behind;
}

static const yajl_callbacks callbacks = { .yajl_null = on_null,
                                          .yajl_boolean = on_boolean,
                                          .yajl_number = on_number,
                                          .yajl_string = on_string,
                                          .yajl_start_map = on_object,
                                          .yajl_map_key = on_key,
                                          .yajl_end_map = on_end,
                                          .yajl_start_array = on_array,
                                          .yajl_end_array = on_end };

static bool feed(yajl_handle handle, const char *text, size_t size)
{
    return yajl_parse(handle, (const unsigned char *)text, size) == yajl_status_ok;
}

static bool parse(ref_arena *arena, const char *text, size_t size, bool check, ref_json *ret)
{
    reading r = { .arena = arena, .root = { .kind = REF_ARRAY } };
    yajl_handle handle = yajl_alloc(&callbacks, NULL, &r);
    bool ok;

    r.open[0] = &r.root;
    yajl_config(handle, yajl_dont_validate_strings, check ? 0 : 1);
    ok = feed(handle, "[", 1) && feed(handle, text, size);
    r.behind = true;
    ok = ok && feed(handle, "]", 1) && yajl_complete_parse(handle) == yajl_status_ok;
    yajl_free(handle);
    if (!ok || r.root.count != 1 || r.root.values[0].count != 1) {
        return false;
    }
    *ret = r.root.values[0].values[0];
    return true;
}

/* Whether bytes are UTF-8 in its shortest form, without surrogates; and no form feeds, which yajl takes for blanks. */
static bool is_clean(const char *text, size_t size)
{
    static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + size;

    while (at < end) {
        size_t length = *at < 0x80 ? 1 : *at < 0xC0 ? 0 : *at < 0xE0 ? 2 : *at < 0xF0 ? 3 : *at < 0xF8 ? 4 : 0;
        unsigned code = length == 1 ? *at : *at & (0x7FU >> length);

        if (length == 0 || (size_t)(end - at) < length || *at == '\f' || *at == '\v') {
            return false;
        }
        for (size_t i = 1; i < length; i++) {
            if ((at[i] & 0xC0) != 0x80) {
                return false;
            }
            code = code << 6 | (at[i] & 0x3FU);
        }
        if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
            return false;
        }
        at += length;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------- surrogates */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* The number of an escape \uXXXX; -1: there is none. */
static int escape_at(const char *at, const char *end)
{
    int code = 0;

    if (end - at < 6 || at[0] != '\\' || at[1] != 'u') {
        return -1;
    }
    for (int i = 2; i < 6; i++) {
        if (hex_digit(at[i]) < 0) {
            return -1;
        }
        code = code * 16 + hex_digit(at[i]);
    }
    return code;
}

/* A copy in which lone surrogates stand as bytes. *ret_lone: whether there was one. */
static ref_text without_lone_surrogates(ref_arena *arena, const char *text, size_t size, bool *ret_lone)
{
    char *copy = ref_take(arena, size + 1);
    const char *end = text + size;
    size_t n = 0;

    *ret_lone = false;
    while (text < end) {
        int code = escape_at(text, end);
        int next = code >= 0xD800 && code < 0xDC00 ? escape_at(text + 6, end) : -1;
        size_t take = 1;

        if (next >= 0xDC00 && next < 0xE000) {
            take = 12;
        } else if (code >= 0xD800 && code < 0xE000) {
            *ret_lone = true;
            copy[n++] = (char)(0xE0 | code >> 12);
            copy[n++] = (char)(0x80 | (code >> 6 & 63));
            copy[n++] = (char)(0x80 | (code & 63));
            text += 6;
            continue;
        } else if (*text == '\\' && end - text >= 2) {
            take = 2;
        }
        memcpy(copy + n, text, take);
        n += take;
        text += take;
    }
    return (ref_text){ copy, n };
}

bool ref_json_read(ref_arena *arena, const char *text, size_t size, ref_json *ret)
{
    bool lone;
    ref_text plain;

    if (!is_clean(text, size) || !parse(arena, text, size, true, ret)) {
        return false;
    }
    plain = without_lone_surrogates(arena, text, size, &lone);
    return !lone || parse(arena, plain.data, plain.size, false, ret);
}
