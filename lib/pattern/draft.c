#include "pattern/draft.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define MAX_BYTES ((size_t)256 * 1024)
#define BUS_COMBINATIONS 1000u
#define POLICY_COMBINATIONS 150u
#define REPEATED_WILDCARDS 4u

static bool is_policy(nimbus_profile profile)
{
    return profile == NIMBUS_PROFILE_SNS_ATTRIBUTES || profile == NIMBUS_PROFILE_SNS_BODY;
}

bool nb_draft_limits(const nimbus_pattern_options *options, nb_draft_limit *ret, const char **ret_field)
{
    static const nimbus_pattern_options defaults;

    options = options != NULL ? options : &defaults;
    *ret_field = (unsigned)options->profile > NIMBUS_PROFILE_PIPE    ? "profile"
                 : options->max_fields > NB_MAX_FIELDS               ? "max_fields"
                 : options->max_bytes > UINT32_MAX / 8               ? "max_bytes"
                 : options->max_combinations > 1000000               ? "max_combinations"
                                                                     : NULL;
    if (*ret_field != NULL) {
        return false;
    }
    ret->profile = options->profile;
    ret->max_bytes = options->max_bytes != 0 ? options->max_bytes : MAX_BYTES;
    ret->max_fields = options->max_fields != 0 ? options->max_fields : NB_MAX_FIELDS;
    ret->max_combinations = options->max_combinations != 0 ? options->max_combinations
                            : is_policy(options->profile)  ? POLICY_COMBINATIONS
                                                           : BUS_COMBINATIONS;
    ret->max_wildcards = options->max_wildcards != 0 ? options->max_wildcards : REPEATED_WILDCARDS;
    return true;
}

/* ---------------------------------------------------------------------------------------------- reporting */

/* A finding before it has its place. */
typedef struct fault {
    size_t offset;
    nimbus_status status;
    const char *reason;
} fault;

static void find(nb_draft *draft, nimbus_status status, size_t offset, const char *reason)
{
    size_t size = strlen(reason) + 1;
    char *copy;
    fault *f;

    if (draft->findings == NULL) {
        return;
    }
    copy = nb_arena_alloc(&draft->arena, size);
    if (copy == NULL) {
        nb_draft_starved(draft);
        return;
    }
    memcpy(copy, reason, size);
    f = nb_row_add(draft, &draft->faults, sizeof *f);
    if (f != NULL) {
        *f = (fault){ offset, status, copy };
    }
}

/* Two runs of faults, from a and from b on, become one; of equal offsets those of a come first. */
static void merge(const fault *from, fault *to, size_t a, size_t b, size_t end)
{
    size_t middle = b;

    for (size_t i = a; i < end; i++) {
        bool first = a < middle && (b == end || from[a].offset <= from[b].offset);

        to[i] = from[first ? a++ : b++];
    }
}

/* In the order of the text, and at one place as they were found. NULL: starved. */
static const fault *sort_faults(nb_draft *draft)
{
    size_t count = draft->faults.count;
    fault *from = draft->faults.items;
    fault *to = nb_arena_alloc(&draft->arena, count * sizeof *to);

    if (to == NULL) {
        nb_draft_starved(draft);
        return NULL;
    }
    for (size_t width = 1; width < count; width *= 2) {
        fault *other = from;

        for (size_t at = 0; at < count; at += 2 * width) {
            size_t middle = at + width < count ? at + width : count;

            merge(from, to, at, middle, middle + width < count ? middle + width : count);
        }
        from = to;
        to = other;
    }
    return from;
}

/* The first findings that there is room for. */
static void hand_over(nb_draft *draft)
{
    nb_findings *findings = draft->findings;
    const fault *faults = draft->faults.count != 0 ? sort_faults(draft) : NULL;

    if (faults == NULL) {
        return;
    }
    findings->count = draft->faults.count;
    for (size_t i = 0; i < findings->count && i < findings->room; i++) {
        nimbus_finding *finding = &findings->to[i];

        memset(finding, 0, sizeof *finding);
        finding->status = faults[i].status;
        finding->offset = faults[i].offset;
        snprintf(finding->reason, sizeof finding->reason, "%s", faults[i].reason);
    }
}

void nb_draft_refuse(nb_draft *draft, nimbus_status status, size_t offset, const char *reason, ...)
{
    char text[sizeof draft->reason];
    va_list arguments;

    va_start(arguments, reason);
    vsnprintf(text, sizeof text, reason, arguments);
    va_end(arguments);
    if (draft->status == NIMBUS_OK || (offset < draft->failed_at && !nb_draft_is_starved(draft))) {
        draft->status = status;
        draft->failed_at = offset;
        memcpy(draft->reason, text, sizeof text);
    }
    find(draft, status, offset, text);
}

void nb_draft_lint(nb_draft *draft, size_t offset, const char *reason, ...)
{
    char text[160];
    va_list arguments;

    va_start(arguments, reason);
    vsnprintf(text, sizeof text, reason, arguments);
    va_end(arguments);
    find(draft, NIMBUS_OK, offset, text);
}

void nb_draft_starved(nb_draft *draft)
{
    if (!nb_draft_is_starved(draft)) {
        draft->status = nb_heap_failure(draft->arena.heap, draft->arena.failed != 0 ? draft->arena.failed : 64);
        draft->failed_at = NB_NO_OFFSET;
        snprintf(draft->reason, sizeof draft->reason, "no memory to compile the pattern");
    }
}

nimbus_status nb_draft_tell(const nb_draft *draft, nimbus_error *err, const char *call)
{
    if (draft->status == NIMBUS_OK) {
        return NIMBUS_OK;
    }
    return nb_error_set_at(err, draft->status, call, "pattern", draft->failed_at, "%s", draft->reason);
}

/* ------------------------------------------------------------------------------------------------- pieces */

void *nb_row_add(nb_draft *draft, nb_row *row, size_t size)
{
    if (row->count == row->room) {
        uint32_t room = row->room == 0 ? 8 : row->room * 2;
        void *items = nb_arena_alloc(&draft->arena, room * size);

        if (items == NULL) {
            nb_draft_starved(draft);
            return NULL;
        }
        if (row->count != 0) {
            memcpy(items, row->items, row->count * size);
        }
        row->items = items;
        row->room = room;
    }
    return memset((char *)row->items + row->count++ * size, 0, size);
}

bool nb_draft_is(const nb_draft *draft, const char *name)
{
    nb_json_cursor cursor;
    int c;

    nb_json_cursor_token(&cursor, draft->reader.token, draft->reader.size);
    while ((c = nb_json_cursor_next(&cursor)) > 0 && c == (unsigned char)*name) {
        name++;
    }
    return c < 0 && *name == '\0';
}

char *nb_draft_text(nb_draft *draft, size_t *ret_size)
{
    char *text = nb_arena_alloc(&draft->arena, draft->reader.size);

    if (text == NULL) {
        nb_draft_starved(draft);
        return NULL;
    }
    *ret_size = nb_json_unescape(draft->reader.token, draft->reader.size, text);
    return text;
}

int nb_draft_clip(const nb_draft *draft)
{
    const char *token = draft->reader.token;
    size_t size = draft->reader.size;

    if (size > 40) {
        size = 40;
        while (size > 0 && ((unsigned char)token[size] & 0xC0) == 0x80) { /* not in the middle of a character */
            size--;
        }
    }
    return (int)size;
}

/* --------------------------------------------------------------------------------------------- the draft */

/* Whether the text is a JSON object; then the rest need not look for malformed JSON. */
static bool is_object(nb_draft *draft)
{
    nb_json_event event;

    nb_json_open(&draft->reader, draft->text, draft->size, 0);
    event = nb_json_next(&draft->reader);
    if (event != NB_JSON_OBJECT && event != NB_JSON_ERROR) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "a pattern must be a JSON object");
        return false;
    }
    while (event > NB_JSON_END) {
        event = nb_json_next(&draft->reader);
    }
    if (event == NB_JSON_ERROR) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, draft->reader.offset, "not JSON: %s", draft->reader.reason);
        return false;
    }
    return true;
}

nimbus_status nb_draft_open(nb_draft *draft, nb_heap *heap, const nb_draft_limit *limits, const char *text, size_t size,
                            nb_findings *findings, nimbus_error *err, const char *call)
{
    memset(draft, 0, sizeof *draft);
    nb_arena_open(&draft->arena, heap, 2048);
    draft->limits = *limits;
    draft->text = text;
    draft->size = size;
    draft->findings = findings;
    draft->by_path.heap = heap;
    if (size > limits->max_bytes) {
        nb_draft_refuse(draft, NIMBUS_E_TOO_LARGE, limits->max_bytes, "a pattern has at most %zu bytes", limits->max_bytes);
    } else if (is_object(draft)) {
        if (nb_table_open(&draft->by_path, heap, NULL, 4)) {
            nb_parse(draft);
        } else {
            nb_draft_starved(draft);
        }
        if (!nb_draft_is_starved(draft)) {
            nb_expand(draft);
        }
    }
    if (findings != NULL && !nb_draft_is_starved(draft)) {
        hand_over(draft);
    }
    return nb_draft_tell(draft, err, call);
}

void nb_draft_close(nb_draft *draft)
{
    nb_table_close(&draft->by_path);
    nb_arena_close(&draft->arena);
}
