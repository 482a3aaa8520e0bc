/*
 * transformer.h - what a rule's target gets in the place of the event: a constant, a part of it, or a template filled in.
 *
 * A transformer is made when the target is, and never changes. Its template is cut into pieces: literal text, and places for values, each
 * knowing whether it stands inside of quotes. Rendering goes over the pieces twice, once to count and once to write.
 *
 * A template whose first character is a quote is text: one or more quoted lines, with a newline between them. Containers go into it without
 * the quotes of their strings. Every other template is JSON: a value outside of quotes goes in as it is, a string inside of quotes without
 * its own. What comes out must be JSON, or the delivery fails for good. Inside of quotes strings keep their escapes, so that they cannot
 * break out.
 */
#ifndef NB_TARGET_TRANSFORMER_H
#define NB_TARGET_TRANSFORMER_H

#include <nimbus/target.h>

#include "base/heap.h"
#include "json/path.h"

typedef enum nb_piece_kind {
    NB_PIECE_TEXT,
    NB_PIECE_PATH,      /* number: of the paths */
    NB_PIECE_RULE_ARN,
    NB_PIECE_RULE_NAME,
    NB_PIECE_TIME,      /* when the event came */
    NB_PIECE_EVENT,     /* without its detail */
    NB_PIECE_EVENT_JSON
} nb_piece_kind;

typedef struct nb_template_piece {
    nb_piece_kind kind;
    bool quoted;        /* it stands inside of a string */
    uint32_t number;
    const char *text;   /* of NB_PIECE_TEXT */
    uint32_t size;
} nb_template_piece;

typedef struct nb_transformer {
    nb_heap *heap;
    size_t block;       /* bytes */
    const char *constant; /* NULL */
    bool selects;       /* paths[0] selects what is sent */
    bool is_text;
    char *rule_name;    /* in the block */
    char *rule_arn;
    nb_template_piece *pieces;
    uint32_t piece_count;
    nb_json_path *paths;
    uint32_t path_count;
} nb_transformer;

/* Checks input and makes *ret of it. NIMBUS_E_INVALID, with *err filled, and those of nb_heap_failure(). rule, arn: copied. */
nimbus_status nb_transformer_make(nb_heap *heap, const nimbus_input *input, const char *rule, const char *arn, nb_transformer **ret,
                                  const char *call, nimbus_error *err);

void nb_transformer_free(nb_transformer *transformer); /* NULL: nothing */

/* render.c: writes what the target gets for an event, whose text is valid JSON. time: when it came. */
void nb_transformer_write(const nb_transformer *transformer, const char *event, size_t size, nimbus_time time, nb_writer *to);

/* Whether what was written must be JSON. */
static inline bool nb_transformer_is_json(const nb_transformer *transformer)
{
    return transformer->constant == NULL && !transformer->selects && !transformer->is_text;
}

#endif
