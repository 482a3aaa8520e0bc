#include "json/path.h"

#include <string.h>

#include "json/reader.h"

/* ----------------------------------------------------------------------------------------------- compiling */

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '/';
}

/* Behind a dot: a name or a star. NULL: neither. */
static const char *take_name(nb_json_path *path, nb_path_step *step, const char *at)
{
    const char *start = at;

    if (*at == '*') {
        step->kind = NB_PATH_ALL;
        path->many = true;
        return at + 1;
    }
    while (is_name(*at)) {
        at++;
    }
    step->kind = NB_PATH_NAME;
    step->name = (uint32_t)(start - path->text);
    step->size = (uint32_t)(at - start);
    return at != start ? at : NULL;
}

/* Behind a bracket: a number or a star, and the closing bracket. NULL: neither. */
static const char *take_number(nb_json_path *path, nb_path_step *step, const char *at)
{
    uint32_t digits = 0;

    step->kind = NB_PATH_ELEMENT;
    if (*at == '*') {
        step->kind = NB_PATH_ALL;
        path->many = true;
        return at[1] == ']' ? at + 2 : NULL;
    }
    for (; *at >= '0' && *at <= '9' && digits < 9; at++, digits++) {
        step->number = step->number * 10 + (uint32_t)(*at - '0');
    }
    return digits != 0 && *at == ']' ? at + 1 : NULL;
}

const char *nb_json_path_compile(nb_json_path *path, const char *text, size_t *ret_offset)
{
    size_t size = strlen(text);
    const char *at = path->text;

    memset(path, 0, sizeof *path);
    *ret_offset = 0;
    if (size > NB_PATH_MAX_TEXT) {
        return "a path has at most 256 bytes";
    }
    memcpy(path->text, text, size);
    if (*at++ != '$') {
        return "a path begins with $";
    }
    while (*at != '\0') {
        const char *start = at;
        nb_path_step *step = &path->steps[path->count++];

        *ret_offset = (size_t)(start - path->text);
        if (*at == '.') {
            at = take_name(path, step, at + 1);
        } else if (*at == '[') {
            at = take_number(path, step, at + 1);
        } else {
            return "a step of a path begins with a dot or a bracket";
        }
        if (at == NULL) {
            return *start == '.' ? "behind a dot stands a name or a star" : "in brackets stands a number or a star";
        }
    }
    return NULL;
}

/* ---------------------------------------------------------------------------------------------- evaluating */

#define NOWHERE UINT32_MAX

typedef struct level {
    uint32_t done;    /* steps that lead to this container */
    uint32_t element; /* of an array: the next one */
    bool array;
} level;

typedef struct search {
    const nb_json_path *path;
    nb_json_reader reader;
    nb_json_path_fn *each;
    void *user;
    bool more;
    nimbus_bytes *last; /* of a path without a star: what it has selected so far; NULL: each value counts */
    level levels[NB_JSON_MAX_DEPTH];
} search;

static bool is_step_name(const search *s, const nb_path_step *step)
{
    nb_json_cursor cursor;

    nb_json_cursor_token(&cursor, s->reader.token, s->reader.size);
    for (uint32_t i = 0; i < step->size; i++) {
        if (nb_json_cursor_next(&cursor) != (unsigned char)s->path->text[step->name + i]) {
            return false;
        }
    }
    return nb_json_cursor_next(&cursor) < 0;
}

/* A value to which `done` steps lead. */
static void take_value(search *s, nb_json_event event, uint32_t done)
{
    bool container = event == NB_JSON_OBJECT || event == NB_JSON_ARRAY;
    const char *start = s->reader.token;
    const nb_path_step *step = done < s->path->count ? &s->path->steps[done] : NULL;

    if (done == s->path->count) {
        if (container) {
            nb_json_skip(&s->reader);
        }
        s->more = s->each(start, (size_t)(s->reader.token + s->reader.size - start), s->user);
    } else if (container && done != NOWHERE && step->kind != (event == NB_JSON_ARRAY ? NB_PATH_NAME : NB_PATH_ELEMENT)) {
        s->levels[s->reader.depth - 1] = (level){ done, 0, event == NB_JSON_ARRAY };
    } else if (container) {
        nb_json_skip(&s->reader);
    }
}

/* A token inside of a container that may hold what is selected. */
static void step_in(search *s, nb_json_event event)
{
    level *l = &s->levels[s->reader.depth - (event == NB_JSON_OBJECT || event == NB_JSON_ARRAY ? 2 : 1)];
    const nb_path_step *step = &s->path->steps[l->done];
    bool leads;

    if (event == NB_JSON_KEY) {
        if (step->kind == NB_PATH_ALL || is_step_name(s, step)) {
            if (s->last != NULL) {
                *s->last = (nimbus_bytes){ NULL, 0 }; /* this member takes the place of an earlier one of its name, and of what was in it */
            }
            take_value(s, nb_json_next(&s->reader), l->done + 1);
        } else {
            nb_json_skip(&s->reader);
        }
        return;
    }
    leads = step->kind == NB_PATH_ALL || step->number == l->element;
    l->element++;
    take_value(s, event, leads ? l->done + 1 : NOWHERE);
}

static void run(const nb_json_path *path, const char *json, size_t size, nb_json_path_fn *each, void *user, nimbus_bytes *last)
{
    search s;
    nb_json_event event;

    s.path = path;
    s.each = each;
    s.user = user;
    s.more = true;
    s.last = last;
    nb_json_open(&s.reader, json, size, 0);
    take_value(&s, nb_json_next(&s.reader), 0);
    while (s.more && (event = nb_json_next(&s.reader)) > NB_JSON_END) {
        if (event != NB_JSON_OBJECT_END && event != NB_JSON_ARRAY_END) {
            step_in(&s, event);
        }
    }
}

void nb_json_path_each(const nb_json_path *path, const char *json, size_t size, nb_json_path_fn *each, void *user)
{
    run(path, json, size, each, user, NULL);
}

static bool keep_last(const char *value, size_t size, void *user)
{
    *(nimbus_bytes *)user = (nimbus_bytes){ value, size };
    return true;
}

bool nb_json_path_one(const nb_json_path *path, const char *json, size_t size, nimbus_bytes *ret)
{
    nimbus_bytes last = { NULL, 0 };

    if (path->many) {
        return false;
    }
    run(path, json, size, keep_last, &last, &last);
    if (last.data != NULL) {
        *ret = last;
    }
    return last.data != NULL;
}
