/*
 * reference_vectors.c - runs vectors of patterns through the reference matcher.
 *
 *     reference_vectors [--except FILE] FILE.jsonl...
 *
 * Takes the files of conformance_patterns and prints the same: each mismatch with its id, then "N passed, M failed, K skipped". FILE lists
 * the ids that differ by decision, one a line; what stands behind a blank is the reason. The reference does not know the filters of
 * mappings and pipes: their vectors are skipped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ref_inside.h"

#define MAX_ATTRIBUTES 32

static unsigned passed;
static unsigned failed;
static unsigned skipped;
static ref_text except;

static ref_text read_all(ref_arena *arena, const char *name)
{
    FILE *file = fopen(name, "rb");
    char *data = NULL;
    size_t size = 0;
    size_t got;

    if (file == NULL) {
        fprintf(stderr, "reference_vectors: cannot open %s\n", name);
        exit(2);
    }
    do {
        char *more = ref_take(arena, size + 1000001);

        memcpy(more, data == NULL ? "" : data, size);
        data = more;
        got = fread(data + size, 1, 1000000, file);
        size += got;
    } while (got != 0);
    fclose(file);
    return (ref_text){ data, size };
}

static bool excepted(ref_text id)
{
    const char *at = except.data;

    while (at != NULL && *at != '\0') {
        if (strcspn(at, " \n") == id.size && memcmp(at, id.data, id.size) == 0) {
            return true;
        }
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    return false;
}

static const ref_json *member(const ref_json *json, const char *name)
{
    for (size_t i = 0; i < json->count; i++) {
        if (ref_is(json->keys[i], name)) {
            return &json->values[i];
        }
    }
    return NULL;
}

/* How many bytes the value takes that starts here. The line is JSON as a whole. */
static size_t value_size(const char *at)
{
    const char *start = at;
    int depth = 0;
    bool quoted = false;

    for (;; at++) {
        if (quoted) {
            at += *at == '\\';
            quoted = *at != '"';
        } else if (*at == '"') {
            quoted = true;
        } else if (*at == '{' || *at == '[') {
            depth++;
        } else if (depth == 0 && (*at == ',' || *at == '}' || *at == ']')) {
            return (size_t)(at - start);
        } else if (*at == '}' || *at == ']') {
            depth--;
        }
    }
}

/* The source text of a member of a line, which has no text like that before it. */
static ref_text raw_member(ref_text line, const char *name)
{
    char quoted[64];
    size_t length = (size_t)snprintf(quoted, sizeof quoted, "\"%s\":", name);

    for (const char *at = line.data; at + length < line.data + line.size; at++) {
        if (memcmp(at, quoted, length) == 0) {
            return (ref_text){ at + length, value_size(at + length) };
        }
    }
    return (ref_text){ NULL, 0 };
}

static ref_text text_of(ref_text line, const ref_json *json, const char *name, const char *raw)
{
    const ref_json *given = member(json, raw);

    return given != NULL ? given->text : raw_member(line, name);
}

static ref_event *attributes_of(const ref_json *json)
{
    ref_attribute attributes[MAX_ATTRIBUTES];
    size_t count = json->count < MAX_ATTRIBUTES ? json->count : MAX_ATTRIBUTES;

    for (size_t i = 0; i < count; i++) {
        const ref_json *value = member(&json->values[i], "Value");

        attributes[i] =
            (ref_attribute){ json->keys[i].data, member(&json->values[i], "Type")->text.data, value->text.data, value->text.size };
    }
    return ref_event_of_attributes(attributes, count);
}

/* A body that is no JSON object is not delivered, unless there is nothing to filter by. */
static const char *verdict(const ref_pattern *pattern, ref_event *event)
{
    const char *answer;

    if (event != NULL) {
        answer = ref_match(pattern, event) ? "match" : "nomatch";
    } else if (pattern->profile == REF_SNS_BODY) {
        answer = pattern->rules[0].count == 0 ? "match" : "nomatch";
    } else {
        answer = "invalid_event";
    }

    ref_event_free(event);
    return answer;
}

/* Filters of mappings and pipes. */
static bool is_foreign(const ref_json *scope)
{
    return scope != NULL && (ref_is(scope->text, "Mapping") || ref_is(scope->text, "Pipe"));
}

static void run_line(ref_text line, const char *file)
{
    ref_arena arena = { NULL, 0 };
    ref_json json;
    const ref_json *attributes;
    const ref_json *scope;
    const char *reason = "";
    const char *got;
    ref_profile profile = REF_EVENT;
    ref_pattern *pattern;
    ref_text text;

    if (!ref_json_read(&arena, line.data, line.size, &json) || member(&json, "id") == NULL || member(&json, "expect") == NULL) {
        fprintf(stderr, "reference_vectors: malformed vector in %s\n", file);
        exit(2);
    }
    scope = member(&json, "scope");
    attributes = member(&json, "attributes");
    if (scope != NULL || attributes != NULL) {
        profile = scope != NULL && ref_is(scope->text, "MessageBody") ? REF_SNS_BODY : REF_SNS_ATTRIBUTES;
    }
    text = text_of(line, &json, member(&json, "policy") != NULL ? "policy" : "pattern", "pattern_raw");
    pattern = ref_compile(text.data, text.size, profile, &reason);
    text = text_of(line, &json, "event", "event_raw");
    if (pattern == NULL) {
        got = "invalid_pattern";
    } else if (attributes != NULL) {
        got = verdict(pattern, attributes_of(attributes));
    } else {
        got = text.data == NULL ? "valid pattern" : verdict(pattern, ref_event_read(text.data, text.size));
    }
    if (excepted(member(&json, "id")->text) || is_foreign(scope)) {
        skipped++;
    } else if (ref_is(member(&json, "expect")->text, got)) {
        passed++;
    } else {
        failed++;
        printf("%s: expected %s, got %s %s\n", member(&json, "id")->text.data, member(&json, "expect")->text.data, got, reason);
    }
    ref_pattern_free(pattern);
    ref_drop(&arena);
}

int main(int argc, char **argv)
{
    ref_arena arena = { NULL, 0 };

    for (int i = 1; i < argc; i++) {
        ref_text all;

        if (strcmp(argv[i], "--except") == 0 && i + 1 < argc) {
            except = read_all(&arena, argv[++i]);
            continue;
        }
        all = read_all(&arena, argv[i]);
        for (const char *at = all.data, *stop; at < all.data + all.size; at = stop + 1) {
            stop = memchr(at, '\n', (size_t)(all.data + all.size - at));
            stop = stop == NULL ? all.data + all.size : stop;
            if (stop != at) {
                run_line((ref_text){ at, (size_t)(stop - at) }, argv[i]);
            }
        }
    }
    printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
    ref_drop(&arena);
    return failed != 0 || passed + skipped == 0;
}
