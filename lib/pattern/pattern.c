#include "pattern/pattern.h"

#include <string.h>

#include "base/error.h"
#include "pattern/tree.h"

/* How much of each part a text can need at most. */
typedef struct demand {
    size_t nodes;
    size_t items;
    size_t bytes;
} demand;

/*
 * Reads the whole text once: is it JSON, and how large can the parts become? A key makes one node, and one more for each dot or escape in
 * it; a key may also be an operator, which is an item; so is every scalar. No value is longer than its token.
 */
static nimbus_status measure(nb_parser *parser, const char *text, size_t size, demand *ret)
{
    nb_json_reader *reader = &parser->reader;
    demand sum = { 1, 0, 0 };
    nb_json_event event;

    nb_json_open(reader, text, size, 0);
    event = nb_json_next(reader);
    if (event != NB_JSON_OBJECT && event != NB_JSON_ERROR) {
        return NB_REFUSE(parser, "a pattern must be a JSON object");
    }
    for (; event > NB_JSON_END; event = nb_json_next(reader)) {
        if (event == NB_JSON_KEY) {
            sum.nodes++;
            for (size_t i = 0; i < reader->size; i++) {
                sum.nodes += reader->token[i] == '.' || reader->token[i] == '\\';
            }
        }
        if (event >= NB_JSON_KEY) {
            sum.items++;
            sum.bytes += reader->size;
        }
    }
    if (event == NB_JSON_ERROR) {
        return nb_error_set_at(parser->err, NIMBUS_E_PATTERN, parser->call, "pattern", reader->offset, "not JSON: %s", reader->reason);
    }
    *ret = sum;
    return NIMBUS_OK;
}

static nb_pattern *allocate(nb_heap *heap, const demand *parts, nb_profile profile, size_t *ret_block)
{
    size_t block = sizeof(nb_pattern) + parts->nodes * sizeof(nb_node) + parts->items * sizeof(nb_item) + parts->bytes;
    nb_pattern *pattern = nb_alloc(heap, block); /* no overflow: the text has at most NB_PATTERN_MAX_SIZE bytes */

    *ret_block = block;
    if (pattern != NULL) {
        memset(pattern, 0, sizeof *pattern);
        pattern->heap = heap;
        pattern->block = block;
        atomic_init(&pattern->references, 1);
        pattern->profile = profile;
        pattern->nodes = (nb_node *)(void *)(pattern + 1);
        pattern->items = (nb_item *)(void *)(pattern->nodes + parts->nodes);
        pattern->bytes = (char *)(pattern->items + parts->items);
    }
    return pattern;
}

nimbus_status nb_pattern_compile(nb_heap *heap, const char *text, size_t size, nb_profile profile, nb_pattern **ret, nimbus_error *err,
                                 const char *call)
{
    nb_parser parser = { .err = err, .call = call, .combinations = 1 };
    demand parts = { 0, 0, 0 };
    size_t block = 0;
    nimbus_status status;

    if (size > NB_PATTERN_MAX_SIZE) {
        return nb_error_set(err, NIMBUS_E_TOO_LARGE, call, "pattern", "a pattern has at most %d bytes", NB_PATTERN_MAX_SIZE);
    }
    status = measure(&parser, text, size, &parts);
    if (nimbus_failed(status)) {
        return status;
    }
    parser.pattern = allocate(heap, &parts, profile, &block);
    if (parser.pattern == NULL) {
        status = nb_heap_failure(heap, block);
        return nb_error_set(err, status, call, "pattern", "no memory for %zu bytes of compiled pattern", block);
    }
    status = nb_parser_run(&parser, text, size);
    if (nimbus_failed(status)) {
        nb_free(heap, parser.pattern, block);
        return status;
    }
    *ret = parser.pattern;
    return NIMBUS_OK;
}

void nb_pattern_retain(nb_pattern *pattern)
{
    atomic_fetch_add_explicit(&pattern->references, 1, memory_order_relaxed); /* the caller holds a reference already */
}

void nb_pattern_release(nb_pattern *pattern)
{
    /* Release: this holder's reads come before the free. Acquire: whoever frees sees those of all others as done. */
    if (pattern != NULL && atomic_fetch_sub_explicit(&pattern->references, 1, memory_order_acq_rel) == 1) {
        nb_free(pattern->heap, pattern, pattern->block);
    }
}
