/*
 * conformance_patterns.c - runs the vectors of pattern files.
 *
 *     conformance_patterns [--except FILE] FILE.jsonl...
 *
 * One JSON object a line: "id"; the pattern as "pattern" or "policy" (JSON) or "pattern_raw" (a string that holds the text); the event as
 * "event" or "event_raw", or "attributes" of a message ({"name":{"Type":"String","Value":"x"}}); "expect": match, nomatch,
 * invalid_pattern or invalid_event; "scope": MessageAttributes or MessageBody for a filter policy. Other members are ignored. A vector
 * without an event is only compiled. Patterns that need what this version lacks are skipped; so are the ids that FILE lists, one a line.
 *
 * Prints each mismatch with its id and ends with "N passed, M failed, K skipped". Exit status: 0 if M is 0 and some vector was read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/reader.h"
#include "pattern/pattern.h"

#define MAX_ATTRIBUTES 16

typedef struct text {
    char *data; /* allocated, NUL behind it; NULL: not given */
    size_t size;
} text;

typedef struct vector {
    text id;
    text pattern;
    text event;
    text expect;
    text scope;
    bool has_attributes;
    size_t attribute_count;
    nimbus_attribute attributes[MAX_ATTRIBUTES];
    text storage[3 * MAX_ATTRIBUTES]; /* names, types and values of the attributes */
} vector;

static unsigned long passed;
static unsigned long failed;
static unsigned long skipped;
static text except;

static void die(const char *what, const char *name)
{
    fprintf(stderr, "conformance_patterns: %s: %s\n", what, name);
    exit(2);
}

/* An exact-size copy, so that a checker of memory sees every byte that is read too far. NUL-terminated ones are made by unescaped(). */
static text copied(const char *data, size_t size)
{
    text t = { malloc(size + (size == 0)), size };

    if (t.data == NULL) {
        die("out of memory", "copy");
    }
    memcpy(t.data, data, size);
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

static text read_file(const char *name)
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

/* Whether `except` has a line that is this id. */
static bool excepted(const text *id)
{
    const char *at = except.data;

    while (at != NULL && *at != '\0') {
        size_t length = strcspn(at, "\r\n");

        if (length == id->size && memcmp(at, id->data, length) == 0) {
            return true;
        }
        at += length;
        at += strspn(at, "\r\n");
    }
    return false;
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

/* ---------------------------------------------------------------------------------------------- running */

static const char *matched(const vector *v, const nb_pattern *pattern)
{
    bool match = false;
    nimbus_status status;

    if (v->has_attributes) {
        status = nb_pattern_match_attributes(pattern, v->attributes, v->attribute_count, &match);
    } else if (v->event.data != NULL) {
        status = nb_pattern_match(pattern, v->event.data, v->event.size, &match);
    } else {
        return "valid pattern";
    }
    return nimbus_failed(status) ? "invalid_event" : match ? "match" : "nomatch";
}

static nb_profile profile_of(const vector *v)
{
    if (v->scope.data == NULL) {
        return v->has_attributes ? NB_PROFILE_SNS_ATTRIBUTES : NB_PROFILE_EVENT;
    }
    return strcmp(v->scope.data, "MessageBody") == 0 ? NB_PROFILE_SNS_BODY : NB_PROFILE_SNS_ATTRIBUTES;
}

static void run_vector(const vector *v)
{
    nb_heap *heap = nb_heap_open(NULL, 0);
    nb_pattern *pattern = NULL;
    nimbus_error err = { 0 };
    nimbus_status status = nb_pattern_compile(heap, v->pattern.data, v->pattern.size, profile_of(v), &pattern, &err, "conformance");
    const char *got = nimbus_failed(status) ? "invalid_pattern" : matched(v, pattern);

    if (status == NIMBUS_E_UNSUPPORTED || excepted(&v->id)) {
        skipped++;
    } else if (strcmp(got, v->expect.data) == 0) {
        passed++;
    } else {
        failed++;
        printf("%s: expected %s, got %s%s%s\n", v->id.data, v->expect.data, got, err.status != NIMBUS_OK ? ": " : "", err.reason);
    }
    nb_pattern_release(pattern);
    nb_heap_close(heap);
}

static void run_file(const char *name)
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
            run_vector(&v);
            free_vector(&v);
        }
        at = stop + 1;
    }
    free(all.data);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--except") == 0 && i + 1 < argc) {
            replace(&except, read_file(argv[++i]));
        } else {
            run_file(argv[i]);
        }
    }
    free(except.data);
    printf("%lu passed, %lu failed, %lu skipped\n", passed, failed, skipped);
    return failed != 0 || passed + skipped == 0;
}
