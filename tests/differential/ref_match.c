/*
 * ref_match.c - an event as a list of fields, and the search for a choice of fields that satisfies a rule.
 *
 * A field is a path, a value, and its places: of each array around it, which element it lies in, except for the array that the value is
 * itself an element of. Fields can be chosen together if no array is among the places of both with different elements. A list that
 * exists:false satisfies is looked at when all others have their fields: its path must have no field that could be chosen with them.
 *
 * In an event of attributes exists:true needs a value that is neither null nor empty, and a message without attributes matches nothing but
 * the empty pattern.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ref_inside.h"

#define MAX_PLACES 4096

/* -------------------------------------------------------------------------------------------------- events */

typedef struct flattening {
    ref_event *event;
    unsigned arrays; /* met so far */
    size_t count;
    ref_place places[MAX_PLACES];
} flattening;

static void add_field(flattening *f, ref_text path, const ref_json *json)
{
    ref_event *event = f->event;
    ref_arena *arena = &event->arena;
    ref_place *places = ref_take(arena, (f->count + 1) * sizeof *places);
    ref_field field = { .path = path, .kind = json->kind, .text = json->text, .count = f->count, .places = places };

    memcpy(places, f->places, f->count * sizeof *places);
    field.comparable = json->kind == REF_NUMBER && ref_number(json->text, &field.number);
    event->fields = ref_grow(arena, event->fields, event->count, sizeof *event->fields);
    event->fields[event->count++] = field;
}

static ref_text below(ref_arena *arena, const ref_text *path, ref_text key)
{
    char *data;

    if (path == NULL) {
        return key;
    }
    data = ref_take(arena, path->size + key.size + 2);
    memcpy(data, path->data, path->size);
    data[path->size] = '.';
    memcpy(data + path->size + 1, key.data, key.size);
    return (ref_text){ data, path->size + 1 + key.size };
}

/* Whether a key begins with another and a dot. */
static bool leads_to(ref_text key, ref_text other)
{
    return other.size > key.size && other.data[key.size] == '.' && memcmp(key.data, other.data, key.size) == 0;
}

static void flatten(flattening *f, const ref_text *path, const ref_json *json)
{
    unsigned array;

    if (json->kind == REF_OBJECT) {
        for (size_t i = 0; i < json->count; i++) {
            ref_text member = below(&f->event->arena, path, json->keys[i]);

            for (size_t j = 0; j < i; j++) {
                f->event->twins = f->event->twins || ref_same(json->keys[i], json->keys[j]) ||
                                  leads_to(json->keys[i], json->keys[j]) || leads_to(json->keys[j], json->keys[i]);
            }
            flatten(f, &member, &json->values[i]);
        }
    } else if (json->kind == REF_ARRAY) {
        array = f->arrays++;
        for (size_t i = 0; i < json->count; i++) {
            bool inside = json->values[i].kind == REF_OBJECT || json->values[i].kind == REF_ARRAY;

            if (inside && f->count < MAX_PLACES) {
                f->places[f->count] = (ref_place){ array, (unsigned)i };
            }
            f->count += inside;
            flatten(f, path, &json->values[i]);
            f->count -= inside;
        }
    } else {
        add_field(f, *path, json);
    }
}

ref_event *ref_event_read(const char *text, size_t size)
{
    ref_event *event = calloc(1, sizeof *event);
    flattening *f = calloc(1, sizeof *f);
    ref_json json;

    f->event = event;
    if (!ref_json_read(&event->arena, text, size, &json) || json.kind != REF_OBJECT) {
        ref_event_free(event);
        event = NULL;
    } else {
        flatten(f, NULL, &json);
    }
    free(f);
    return event;
}

/* A list of scalars is a value each. Anything else, and the empty list, says only that the attribute was sent. */
static void add_array(flattening *f, ref_text path, const ref_attribute *attribute)
{
    ref_json json;
    const ref_json sent = { .kind = REF_ARRAY };
    bool good = ref_json_read(&f->event->arena, attribute->value, attribute->size, &json) && json.kind == REF_ARRAY;

    add_field(f, path, &sent);
    for (size_t i = 0; good && i < json.count; i++) {
        good = json.values[i].kind < REF_ARRAY;
    }
    for (size_t i = 0; good && i < json.count; i++) {
        add_field(f, path, &json.values[i]);
    }
}

ref_event *ref_event_of_attributes(const ref_attribute *attributes, size_t count)
{
    ref_event *event = calloc(1, sizeof *event);
    flattening *f = calloc(1, sizeof *f);

    f->event = event;
    event->attributes = true;
    event->bare = count == 0;
    for (size_t i = 0; i < count; i++) {
        const ref_attribute *attribute = &attributes[i];
        ref_text path = ref_copy(&event->arena, attribute->name, strlen(attribute->name));
        ref_json json = { .text = ref_copy(&event->arena, attribute->value, attribute->size) };

        if (strcmp(attribute->type, "String.Array") == 0) {
            add_array(f, path, attribute);
        } else if (strcmp(attribute->type, "Binary") != 0) {
            json.kind = strncmp(attribute->type, "Number", 6) == 0 ? REF_NUMBER : REF_STRING;
            add_field(f, path, &json);
        }
    }
    free(f);
    return event;
}

bool ref_event_has_twins(const ref_event *event)
{
    return event->twins;
}

void ref_event_free(ref_event *event)
{
    if (event != NULL) {
        ref_drop(&event->arena);
        free(event);
    }
}

/* -------------------------------------------------------------------------------------------------- search */

typedef struct search {
    const ref_event *event;
    const ref_rule *rule;
    const ref_field **chosen; /* one for each list; NULL: exists:false is to satisfy it */
    const ref_field ***serve; /* for each list, the fields that satisfy it, ended by NULL */
    bool loosely;             /* whatever lies in arrays fits together */
    unsigned long *steps;     /* left */
} search;

static bool consistent(const ref_field *a, const ref_field *b)
{
    for (size_t i = 0; i < a->count; i++) {
        for (size_t j = 0; j < b->count; j++) {
            if (a->places[i].array == b->places[j].array && a->places[i].element != b->places[j].element) {
                return false;
            }
        }
    }
    return true;
}

static bool fits(const search *s, size_t lists, const ref_field *field)
{
    for (size_t i = 0; i < lists && !s->loosely; i++) {
        if (s->chosen[i] != NULL && !consistent(s->chosen[i], field)) {
            return false;
        }
    }
    return true;
}

static bool absent(const search *s, const ref_list *list)
{
    for (size_t i = 0; i < s->event->count; i++) {
        if (ref_same(s->event->fields[i].path, list->path) && fits(s, s->rule->count, &s->event->fields[i])) {
            return false;
        }
    }
    return true;
}

static bool may_be_absent(const ref_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].op == REF_OP_ABSENT) {
            return true;
        }
    }
    return false;
}

static bool some_may_be_absent(const ref_rule *rule)
{
    for (size_t i = 0; i < rule->count; i++) {
        if (may_be_absent(&rule->lists[i])) {
            return true;
        }
    }
    return false;
}

static bool choose(search *s, size_t at)
{
    if (*s->steps == 0) {
        return false;
    }
    --*s->steps;
    if (at == s->rule->count) {
        for (size_t i = 0; i < at; i++) {
            if (s->chosen[i] == NULL && !absent(s, &s->rule->lists[i])) {
                return false;
            }
        }
        return true;
    }
    for (const ref_field **field = s->serve[at]; *field != NULL; field++) {
        if (fits(s, at, *field)) {
            s->chosen[at] = *field;
            if (choose(s, at + 1)) {
                return true;
            }
            if ((*field)->count == 0 && !some_may_be_absent(s->rule)) {
                break; /* a field without places forbids nothing: no other can do better, unless something is to be absent */
            }
        }
    }
    s->chosen[at] = NULL;
    return may_be_absent(&s->rule->lists[at]) && choose(s, at + 1);
}

static bool satisfies(const ref_event *event, const ref_list *list, const ref_field *field)
{
    if (field->kind == REF_ARRAY) {
        return false; /* an attribute that was sent without a value */
    }
    for (size_t i = 0; i < list->count; i++) {
        bool exists = list->items[i].op == REF_OP_EXISTS;
        bool empty = field->kind == REF_NULL || (field->kind == REF_STRING && field->text.size == 0);

        if (ref_item_matches(&list->items[i], field) && !(event->attributes && exists && empty)) {
            return true;
        }
    }
    return false;
}

static bool rule_matches(const ref_rule *rule, const ref_event *event, bool loosely, unsigned long *steps)
{
    search s = { event, rule, calloc(rule->count + 1, sizeof *s.chosen), calloc(rule->count + 1, sizeof *s.serve), loosely, steps };
    bool possible = true;

    for (size_t i = 0; i < rule->count && possible; i++) {
        const ref_list *list = &rule->lists[i];
        size_t n = 0;

        s.serve[i] = calloc(event->count + 1, sizeof **s.serve);
        for (size_t f = 0; f < event->count; f++) {
            if (ref_same(event->fields[f].path, list->path) && satisfies(event, list, &event->fields[f])) {
                s.serve[i][n++] = &event->fields[f];
            }
        }
        possible = n != 0 || may_be_absent(list);
    }
    possible = possible && choose(&s, 0);
    for (size_t i = 0; i < rule->count; i++) {
        free(s.serve[i]);
    }
    free(s.serve);
    free(s.chosen);
    return possible;
}

static bool matches(const ref_pattern *pattern, const ref_event *event, bool loosely, unsigned long *steps)
{
    for (size_t i = 0; i < pattern->count; i++) {
        if (pattern->rules[i].count == 0 || (!event->bare && rule_matches(&pattern->rules[i], event, loosely, steps))) {
            return true;
        }
    }
    return false;
}

bool ref_match(const ref_pattern *pattern, const ref_event *event)
{
    unsigned long steps = ULONG_MAX;

    return matches(pattern, event, false, &steps);
}

bool ref_match_loosely(const ref_pattern *pattern, const ref_event *event)
{
    unsigned long steps = ULONG_MAX;

    return matches(pattern, event, true, &steps);
}

int ref_match_bounded(const ref_pattern *pattern, const ref_event *event, unsigned long steps)
{
    bool answer = matches(pattern, event, false, &steps);

    return steps == 0 ? -1 : answer;
}
