/*
 * vector.c - reads vectors by the library's own reader.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/reader.h"
#include "vector.h"

void die(const char *what, const char *name)
{
    fprintf(stderr, "%s: %s\n", what, name);
    exit(2);
}

static text copied(const char *data, size_t size)
{
    text t = { malloc(size + 1), size };

    if (t.data == NULL) {
        die("out of memory", "copy");
    }
    memcpy(t.data, data, size);
    t.data[size] = '\0';
    return t;
}

static text unescaped(const nb_json_reader *reader)
{
    text t = { malloc(reader->size), 0 };

    if (t.data == NULL) {
        die("out of memory", "string");
    }
    t.size = nb_json_unescape(reader->token, reader->size, t.data);
    t.data[t.size] = '\0'; /* the quotes leave room for it */
    return t;
}

text read_file(const char *name)
{
    FILE *file = fopen(name, "rb");
    text t = { NULL, 0 };
    size_t room = 0;
    size_t got;

    if (file == NULL) {
        die("cannot open", name);
    }
    do {
        if (t.size == room) {
            room = room == 0 ? 65536 : room * 2;
            t.data = realloc(t.data, room + 1);
            if (t.data == NULL) {
                die("out of memory", name);
            }
        }
        got = fread(t.data + t.size, 1, room - t.size, file);
        t.size += got;
    } while (got != 0);
    t.data[t.size] = '\0';
    fclose(file);
    return t;
}

/* ---------------------------------------------------------------------------------------------- reading */

static void replace(text *place, text value)
{
    free(place->data);
    *place = value;
}

/* Behind a key: the source text of its value. */
static text raw_value(nb_json_reader *reader, const char *file)
{
    const char *start;

    nb_json_next(reader);
    start = reader->token;
    if (!nb_json_skip(reader)) {
        die("malformed vector", file);
    }
    return copied(start, (size_t)(reader->token + reader->size - start));
}

static bool key_is(const nb_json_reader *reader, const char *name)
{
    return reader->size == strlen(name) + 2 && memcmp(reader->token + 1, name, strlen(name)) == 0;
}

static void set_type(nimbus_attribute *attribute, char *type)
{
    char *dot = strchr(type, '.');

    if (dot != NULL) {
        *dot = '\0';
        attribute->label = dot + 1;
    }
    attribute->kind = strcmp(type, "Number") == 0 ? NIMBUS_NUMBER : strcmp(type, "Binary") == 0 ? NIMBUS_BINARY : NIMBUS_STRING;
}

/* Behind a key "attributes". */
static void read_attributes(vector *v, nb_json_reader *reader, const char *file)
{
    v->has_attributes = true;
    nb_json_next(reader);
    while (nb_json_next(reader) == NB_JSON_KEY && v->attribute_count < MAX_ATTRIBUTES) {
        nimbus_attribute *attribute = &v->attributes[v->attribute_count];
        text *store = &v->storage[3 * v->attribute_count++];

        store[0] = unescaped(reader);
        attribute->name = store[0].data;
        nb_json_next(reader);
        while (nb_json_next(reader) == NB_JSON_KEY) {
            bool type = key_is(reader, "Type");
            bool string = nb_json_next(reader) == NB_JSON_STRING;

            store[type ? 1 : 2] = string ? unescaped(reader) : copied(reader->token, reader->size);
        }
        if (store[1].data == NULL || store[2].data == NULL) {
            die("malformed attribute", file);
        }
        set_type(attribute, store[1].data);
        attribute->value = (nimbus_bytes){ store[2].data, store[2].size };
    }
}

static void read_member(vector *v, nb_json_reader *reader, const char *file)
{
    static const char *const names[] = { "id", "expect", "scope", "pattern_raw", "event_raw" };
    text *const places[] = { &v->id, &v->expect, &v->scope, &v->pattern, &v->event };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (key_is(reader, names[i])) {
            if (nb_json_next(reader) != NB_JSON_STRING) {
                die("malformed vector", file);
            }
            replace(places[i], unescaped(reader));
            return;
        }
    }
    if (key_is(reader, "pattern") || key_is(reader, "policy")) {
        replace(&v->pattern, raw_value(reader, file));
    } else if (key_is(reader, "event")) {
        replace(&v->event, raw_value(reader, file));
    } else if (key_is(reader, "attributes")) {
        read_attributes(v, reader, file);
    } else {
        nb_json_skip(reader);
    }
}

static void read_vector(vector *v, const char *line, size_t size, const char *file)
{
    nb_json_reader reader;
    nb_json_event event;

    memset(v, 0, sizeof *v);
    nb_json_open(&reader, line, size, 0);
    if (nb_json_next(&reader) != NB_JSON_OBJECT) {
        die("a line is no JSON object", file);
    }
    while ((event = nb_json_next(&reader)) == NB_JSON_KEY) {
        read_member(v, &reader, file);
    }
    if (event != NB_JSON_OBJECT_END || nb_json_next(&reader) != NB_JSON_END || v->id.data == NULL || v->pattern.data == NULL ||
        v->expect.data == NULL) {
        die("malformed vector", file);
    }
}

static void free_vector(vector *v)
{
    free(v->id.data);
    free(v->pattern.data);
    free(v->event.data);
    free(v->expect.data);
    free(v->scope.data);
    for (size_t i = 0; i < 3 * v->attribute_count; i++) {
        free(v->storage[i].data);
    }
}

void each_vector(const char *name, void (*run)(const vector *v))
{
    text all = read_file(name);
    const char *at = all.data;
    const char *end = all.data + all.size;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        vector v;

        stop = stop != NULL ? stop : end;
        if (stop != at) {
            read_vector(&v, at, (size_t)(stop - at), name);
            run(&v);
            free_vector(&v);
        }
        at = stop + 1;
    }
    free(all.data);
}

/* ------------------------------------------------------------------------------------------------- twins */

typedef struct known_key {
    unsigned object; /* the number of the object it is in */
    text key;
} known_key;

/* Whether two keys of one object are equal, or one goes on behind the other with a dot, as "a.b" beside "a". */
static bool twins(const known_key *a, const known_key *b)
{
    const text *longer = a->key.size > b->key.size ? &a->key : &b->key;
    size_t size = a->key.size < b->key.size ? a->key.size : b->key.size;

    return a->object == b->object && memcmp(a->key.data, b->key.data, size) == 0 &&
           (longer->size == size || longer->data[size] == '.');
}

bool can_be_trusted(const text *json)
{
    nb_json_reader reader;
    nb_json_event event;
    unsigned open[NB_JSON_MAX_DEPTH + 1];
    unsigned depth = 0;
    unsigned objects = 0;
    known_key *keys = malloc((json->size / 4 + 1) * sizeof *keys); /* a member is four bytes at least */
    size_t count = 0;
    bool found = false;

    if (keys == NULL) {
        die("out of memory", "keys");
    }
    nb_json_open(&reader, json->data, json->size, 0);
    while ((event = nb_json_next(&reader)) > NB_JSON_END) {
        if (event == NB_JSON_OBJECT || event == NB_JSON_ARRAY) {
            open[depth++] = objects++;
        } else if (event == NB_JSON_OBJECT_END || event == NB_JSON_ARRAY_END) {
            depth--;
        } else if (event == NB_JSON_KEY) {
            keys[count] = (known_key){ open[depth - 1], unescaped(&reader) };
            for (size_t i = 0; i < count; i++) {
                found = found || twins(&keys[i], &keys[count]);
            }
            count++;
        }
    }
    while (count > 0) {
        free(keys[--count].key.data);
    }
    free(keys);
    return event == NB_JSON_END && !found;
}
