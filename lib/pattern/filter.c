#include "pattern/filter.h"

#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "pattern/match.h"

struct nb_filter {
    nb_heap *heap;
    uint32_t parts;
    nb_index index;
};

/* The part to which a path belongs; -1: none. */
static int part_of(const nb_path *path, const char *const *parts)
{
    for (int i = 0; parts[i] != NULL; i++) {
        size_t size = strlen(parts[i]);

        if (path->size >= size && memcmp(path->text, parts[i], size) == 0 && (path->size == size || path->text[size] == '.')) {
            return i;
        }
    }
    return -1;
}

/* Notes which parts a pattern names, and refuses it if it names something else. */
static void check_parts(nb_filter *filter, nb_draft *draft, const char *const *parts)
{
    for (uint32_t i = 0; i < draft->leaves.count && draft->status == NIMBUS_OK; i++) {
        const nb_leaf *leaf = nb_draft_leaf(draft, i);
        const nb_path *path = nb_draft_path(draft, leaf->path);
        int part = part_of(path, parts);

        if (part < 0) {
            nb_draft_refuse(draft, NIMBUS_E_PATTERN, leaf->offset, "\"%.*s\" is no part of a record; what was sent is its \"%s\"",
                            (int)(path->size < 40 ? path->size : 40), path->text, parts[0]);
        } else {
            filter->parts |= UINT32_C(1) << part;
        }
    }
}

static nimbus_status add(nb_filter *filter, const nb_draft_limit *limits, const nb_filter_spec *spec, const char *text, nimbus_error *err,
                         const char *call)
{
    nimbus_status status;
    nb_draft draft;

    status = nb_draft_open(&draft, filter->heap, limits, text, strlen(text), NULL, err, call);
    if (status == NIMBUS_OK) {
        check_parts(filter, &draft, spec->parts);
        status = nb_draft_tell(&draft, err, call);
    }
    if (status == NIMBUS_OK && nb_index_add(&filter->index, &draft, &(nb_rule_as){ .card = filter }) == NULL) {
        status = nb_error_set(err, nb_heap_failure(filter->heap, filter->index.arena.grain), call, "pattern",
                              "no memory for the compiled pattern");
    }
    nb_draft_close(&draft);
    return status;
}

nimbus_status nb_filter_compile(nb_heap *heap, const nb_filter_spec *spec, nb_filter **ret, nimbus_error *err, const char *call)
{
    nimbus_pattern_options options = { .profile = spec->profile };
    nb_filter *filter = nb_alloc(heap, sizeof *filter);
    nimbus_status status = NIMBUS_OK;
    nb_draft_limit limits;
    const char *field;

    nb_draft_limits(&options, &limits, &field);
    if (filter != NULL) {
        filter->heap = heap;
        filter->parts = 0;
        /* The key need not be secret: a filter has few entries. */
        if (!nb_index_open(&filter->index, heap, NULL, nb_random_mix((uint64_t)(uintptr_t)filter), false, 512)) {
            nb_free(heap, filter, sizeof *filter);
            filter = NULL;
        }
    }
    if (filter == NULL) {
        return nb_error_set(err, nb_heap_failure(heap, sizeof *filter), call, "pattern", "out of memory");
    }
    for (size_t i = 0; i < spec->count && status == NIMBUS_OK; i++) {
        status = add(filter, &limits, spec, spec->texts[i], err, call);
    }
    if (status != NIMBUS_OK) {
        nb_filter_free(filter);
        return status;
    }
    *ret = filter;
    return NIMBUS_OK;
}

void nb_filter_free(nb_filter *filter)
{
    if (filter != NULL) {
        nb_index_close(&filter->index);
        nb_free(filter->heap, filter, sizeof *filter);
    }
}

uint32_t nb_filter_parts(const nb_filter *filter)
{
    return filter->parts;
}

nimbus_status nb_filter_match(const nb_filter *filter, const nb_member *members, size_t count, bool *ret_match)
{
    nb_scratch scratch;
    nimbus_status status;

    nb_scratch_open(&scratch, filter->heap);
    status = nb_walk_members(&filter->index, &scratch, members, count);
    if (status == NIMBUS_OK) {
        status = nb_judge(&filter->index, &scratch, 0, false);
    }
    if (status == NIMBUS_OK) {
        *ret_match = scratch.rules.count != 0;
    }
    nb_scratch_close(&scratch);
    return status;
}
