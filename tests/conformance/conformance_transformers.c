/*
 * conformance_transformers.c - runs the vectors of input transformers: what a rule's target gets in the place of an event.
 *
 *     conformance_transformers FILE.jsonl...
 *
 * One JSON object a line: "id"; "detail" of the event (JSON); one or more of "input" (a string: the constant), "input_path" (a string) and
 * "input_template" (a string), with "input_paths_map" ({"name":"$.path"}); and what is expected: "expect_body", a string for exactly this
 * text or any other JSON value for the same JSON, blanks aside; or "expect": "invalid" if the target refuses the input, or text that begins
 * with "dropped" if nothing may arrive. Other members are ignored.
 *
 * Prints each mismatch with its id and ends with "N passed, M failed". Exit status: 0 if M is 0 and some vector was read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nimbus/nimbus.h>

#include "json/reader.h"
#include "vector.h"

#define MAX_PATHS 128

typedef struct transformer_vector {
    text id, detail, constant, path, template, body, expect;
    bool exact; /* body is the text itself */
    nimbus_input_path paths[MAX_PATHS];
    size_t path_count;
} transformer_vector;

typedef struct got {
    text body;
    unsigned calls;
} got;

static unsigned passed;
static unsigned failed;

/* ------------------------------------------------------------------------------------------------- reading */

static text string_of(nb_json_reader *reader)
{
    text t = { malloc(reader->size), 0 };

    if (t.data == NULL || reader->size < 2) {
        die("malformed vector", "a string is wanted");
    }
    t.size = nb_json_unescape(reader->token, reader->size, t.data);
    t.data[t.size] = '\0';
    return t;
}

/* Behind a key: its value as it is written. */
static text raw_of(nb_json_reader *reader)
{
    const char *start;
    text t;

    nb_json_next(reader);
    start = reader->token;
    if (!nb_json_skip(reader)) {
        die("malformed vector", "JSON");
    }
    t.size = (size_t)(reader->token + reader->size - start);
    t.data = malloc(t.size + 1);
    if (t.data == NULL) {
        die("out of memory", "value");
    }
    memcpy(t.data, start, t.size);
    t.data[t.size] = '\0';
    return t;
}

static bool key_is(const nb_json_reader *reader, const char *name)
{
    return reader->size == strlen(name) + 2 && memcmp(reader->token + 1, name, strlen(name)) == 0;
}

static void read_paths(transformer_vector *v, nb_json_reader *reader)
{
    nb_json_next(reader);
    while (nb_json_next(reader) == NB_JSON_KEY && v->path_count < MAX_PATHS) {
        v->paths[v->path_count].name = string_of(reader).data;
        nb_json_next(reader);
        v->paths[v->path_count++].path = string_of(reader).data;
    }
}

static void read_member(transformer_vector *v, nb_json_reader *reader)
{
    static const char *const names[] = { "id", "input", "input_path", "input_template", "expect" };
    text *const places[] = { &v->id, &v->constant, &v->path, &v->template, &v->expect };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (key_is(reader, names[i])) {
            nb_json_next(reader);
            *places[i] = string_of(reader);
            return;
        }
    }
    if (key_is(reader, "detail")) {
        v->detail = raw_of(reader);
    } else if (key_is(reader, "expect_body")) {
        nb_json_reader ahead = *reader;

        v->exact = nb_json_next(&ahead) == NB_JSON_STRING;
        v->body = v->exact ? string_of(&ahead) : raw_of(reader);
        if (v->exact) {
            *reader = ahead;
        }
    } else if (key_is(reader, "input_paths_map")) {
        read_paths(v, reader);
    } else {
        nb_json_skip(reader);
    }
}

/* ------------------------------------------------------------------------------------------------- running */

static nimbus_outcome keep(const nimbus_delivery *delivery, void *user)
{
    got *g = user;
    nimbus_bytes body = nimbus_delivery_body(delivery);

    free(g->body.data);
    g->body.data = malloc(body.size + 1);
    if (g->body.data == NULL) {
        die("out of memory", "body");
    }
    memcpy(g->body.data, body.data, body.size);
    g->body.data[body.size] = '\0';
    g->body.size = body.size;
    g->calls++;
    return NIMBUS_DONE;
}

/* Takes blanks outside of strings out. */
static void squeeze(text *t)
{
    size_t n = 0;
    bool quoted = false;

    for (size_t i = 0; i < t->size; i++) {
        char c = t->data[i];

        quoted = quoted != (c == '"');
        if (quoted || strchr(" \t\r\n", c) == NULL) {
            t->data[n++] = c;
        }
        if (quoted && c == '\\') {
            t->data[n++] = t->data[++i];
        }
    }
    t->data[n] = '\0';
    t->size = n;
}

static bool same(text *wanted, text *is, bool exact)
{
    if (!exact) {
        squeeze(wanted);
        squeeze(is);
    }
    return wanted->size == is->size && memcmp(wanted->data, is->data, is->size) == 0;
}

/* What happened: NULL: the body that is in g; else a word. */
static const char *deliver(const transformer_vector *v, got *g)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .driven = true }, &err);
    nimbus_bus *bus = nimbus_bus_find(nb, "default", &err);
    const nimbus_input input = { v->constant.data, v->path.data, v->template.data, v->paths, v->path_count, { 0 } };
    const nimbus_delivery_options options = { .input = &input };
    const nimbus_event event = { .source = "test-source", .detail_type = "test-type", .detail = { v->detail.data, v->detail.size } };
    const char *answer = NULL;

    nimbus_rule_put(bus, "rule", "{\"source\":[\"test-source\"]}", NULL, &err);
    if (err.status != NIMBUS_OK) {
        die(err.reason, "set-up");
    }
    if (nimbus_failed(nimbus_rule_target(bus, "rule", "target", nimbus_to_inline(keep, g, NULL), &options, &err))) {
        answer = err.status == NIMBUS_E_INVALID ? "invalid" : nimbus_status_name(err.status);
    } else if (nimbus_failed(nimbus_bus_put(bus, &event, NULL))) {
        answer = "the event is refused";
    } else if (g->calls == 0) {
        answer = "dropped";
    }
    nimbus_close(nb, 0, NULL);
    return answer;
}

static void run(transformer_vector *v)
{
    got g = { { NULL, 0 }, 0 };
    const char *answer = deliver(v, &g);
    bool ok;

    if (answer == NULL) {
        ok = v->body.data != NULL && g.calls == 1 && same(&v->body, &g.body, v->exact);
    } else {
        ok = v->expect.data != NULL && strncmp(v->expect.data, answer, strlen(answer)) == 0;
    }
    if (!ok) {
        printf("%s: expected %s, got %s\n", v->id.data, v->body.data != NULL ? v->body.data : v->expect.data,
               answer != NULL ? answer : g.body.data);
    }
    passed += ok;
    failed += !ok;
    free(g.body.data);
}

static void run_line(const char *line, size_t size, const char *file)
{
    transformer_vector v;
    nb_json_reader reader;

    memset(&v, 0, sizeof v);
    nb_json_open(&reader, line, size, 0);
    nb_json_next(&reader);
    while (nb_json_next(&reader) == NB_JSON_KEY) {
        read_member(&v, &reader);
    }
    if (v.id.data == NULL || v.detail.data == NULL || (v.body.data == NULL) == (v.expect.data == NULL)) {
        die("malformed vector", file);
    }
    run(&v);
    for (size_t i = 0; i < v.path_count; i++) {
        free((void *)(uintptr_t)v.paths[i].name);
        free((void *)(uintptr_t)v.paths[i].path);
    }
    free(v.id.data);
    free(v.detail.data);
    free(v.constant.data);
    free(v.path.data);
    free(v.template.data);
    free(v.body.data);
    free(v.expect.data);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        text all = read_file(argv[i]);

        for (const char *at = all.data, *end = all.data + all.size, *stop; at < end; at = stop + 1) {
            stop = memchr(at, '\n', (size_t)(end - at));
            stop = stop != NULL ? stop : end;
            if (stop != at) {
                run_line(at, (size_t)(stop - at), argv[i]);
            }
        }
        free(all.data);
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0 || passed == 0;
}
