#include "pattern/single.h"

#include <string.h>

#include "base/error.h"
#include "base/number.h"

nimbus_status nb_pattern_compile_with(nb_heap *heap, const char *text, size_t size, const nimbus_pattern_options *options, bool keep_text,
                                      nb_pattern **ret, nimbus_error *err, const char *call)
{
    size_t block = sizeof(nb_pattern) + (keep_text ? size : 0);
    const char *field = NULL;
    nb_pattern *pattern;
    nb_draft_limit limits;
    nb_draft draft;
    nimbus_status status;

    if (!nb_draft_limits(options, &limits, &field)) {
        return nb_error_set(err, NIMBUS_E_INVALID, call, field, "out of range");
    }
    status = nb_draft_open(&draft, heap, &limits, text, size, NULL, err, call);
    pattern = status == NIMBUS_OK ? nb_alloc(heap, block) : NULL;
    if (pattern != NULL) {
        *pattern = (nb_pattern){ .heap = heap, .block = block, .limits = limits, .text_size = keep_text ? size : 0, .kept = keep_text };
        nb_atomic_init(&pattern->references, 1);
        memcpy(pattern->text, text, pattern->text_size);
        /*
         * The key need not be secret: one pattern has few entries. It must differ from one place to the next, so that nobody relies on
         * it.
         */
        if (!nb_index_open(&pattern->index, heap, NULL, nb_random_mix((uint64_t)(uintptr_t)pattern),
                           limits.profile == NIMBUS_PROFILE_SNS_ATTRIBUTES, 512)) {
            nb_free(heap, pattern, block);
            pattern = NULL;
        } else if ((pattern->rule = nb_index_add(&pattern->index, &draft, &(nb_rule_as){ .card = pattern })) == NULL) {
            nb_index_close(&pattern->index);
            nb_free(heap, pattern, block);
            pattern = NULL;
        }
    }
    if (status == NIMBUS_OK && pattern == NULL) {
        status = nb_heap_failure(heap, block);
        nb_error_set(err, status, call, "pattern", "no memory for the compiled pattern");
    }
    nb_draft_close(&draft);
    *ret = pattern != NULL ? pattern : *ret;
    return status;
}

nimbus_status nb_pattern_compile(nb_heap *heap, const char *text, size_t size, nb_profile profile, nb_pattern **ret, nimbus_error *err,
                                 const char *call)
{
    nimbus_pattern_options options = { .profile = (nimbus_profile)profile };

    return nb_pattern_compile_with(heap, text, size, &options, false, ret, err, call);
}

void nb_pattern_retain(nb_pattern *pattern)
{
    nb_add_relaxed(&pattern->references, 1); /* the caller holds a reference already */
}

void nb_pattern_release(nb_pattern *pattern)
{
    /* Release: this holder's reads come before the free. Acquire: whoever frees sees those of all others as done. */
    if (pattern != NULL && nb_sub_acq_rel(&pattern->references, 1) == 1) {
        nb_index_close(&pattern->index);
        nb_free(pattern->heap, pattern, pattern->block);
    }
}

/* ----------------------------------------------------------------------------------------------- matching */

static nimbus_status match(const nb_pattern *pattern, const void *json, size_t size, bool trusted, bool *ret_match)
{
    bool body = pattern->limits.profile == NIMBUS_PROFILE_SNS_BODY;
    nb_scratch scratch;
    nimbus_status status;

    if (pattern->limits.profile == NIMBUS_PROFILE_SNS_ATTRIBUTES) {
        return NIMBUS_E_INVALID;
    }
    if (body && pattern->index.paths == 0) { /* a policy without keys lets everything through */
        *ret_match = true;
        return NIMBUS_OK;
    }
    nb_scratch_open(&scratch, pattern->heap);
    status = nb_walk(&pattern->index, &scratch, json, size, trusted);
    if (status == NIMBUS_OK) {
        status = nb_judge(&pattern->index, &scratch, 0, false);
    }
    if (status == NIMBUS_E_JSON && body) {
        status = NIMBUS_OK;
        scratch.rules.count = 0;
    }
    if (status == NIMBUS_OK) {
        *ret_match = scratch.rules.count != 0;
    }
    nb_scratch_close(&scratch);
    return status;
}

nimbus_status nb_pattern_match(const nb_pattern *pattern, const void *json, size_t size, bool *ret_match)
{
    return match(pattern, json, size, false, ret_match);
}

nimbus_status nb_pattern_match_trusted(const nb_pattern *pattern, const void *json, size_t size, bool *ret_match)
{
    return match(pattern, json, size, true, ret_match);
}

nimbus_status nb_pattern_match_attributes(const nb_pattern *pattern, const nimbus_attribute *attributes, size_t count, bool *ret_match)
{
    nb_scratch scratch;
    nimbus_status status;

    if (pattern->limits.profile != NIMBUS_PROFILE_SNS_ATTRIBUTES) {
        return NIMBUS_E_INVALID;
    }
    nb_scratch_open(&scratch, pattern->heap);
    status = nb_walk_attributes(&pattern->index, &scratch, attributes, count);
    if (status == NIMBUS_OK) {
        status = nb_judge(&pattern->index, &scratch, 0, false);
    }
    if (status == NIMBUS_OK) {
        /* One with keys matches no message without attributes, not even by exists:false. */
        *ret_match = scratch.rules.count != 0 && (count != 0 || pattern->index.paths == 0);
    }
    nb_scratch_close(&scratch);
    return status;
}

nimbus_status nb_pattern_check(nb_heap *heap, const char *text, size_t size, const nimbus_pattern_options *options, nimbus_finding *ret,
                               size_t room, size_t *ret_count)
{
    nb_findings findings = { ret, ret != NULL ? room : 0, 0 };
    const char *field = NULL;
    nb_draft_limit limits;
    nb_draft draft;
    nimbus_status status;

    if (!nb_draft_limits(options, &limits, &field)) {
        return NIMBUS_E_INVALID;
    }
    status = nb_draft_open(&draft, heap, &limits, text, size, &findings, NULL, "nimbus_pattern_check");
    nb_draft_close(&draft);
    if (ret_count != NULL && status != NIMBUS_E_NO_MEMORY && status != NIMBUS_E_FULL) {
        *ret_count = findings.count;
    }
    return status;
}
