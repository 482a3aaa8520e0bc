/**
 * generate.h - random events, and random patterns that have something to do with them.
 *
 * A batch starts from one event, the base. Other events are copies of it with some values changed, and patterns are drawn from its leaves:
 * most alternatives are made so that they match, some so that they just miss. So no operator answers always the same. All is decided by the
 * seed.
 *
 *   gen_text.c     numbers at random, growing texts, JSON strings with and without escapes
 *   gen_event.c    events
 *   gen_item.c     one alternative for a value
 *   gen_pattern.c  patterns
 */
#ifndef GENERATE_H
#define GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The state of the generator: the seed at first. */
typedef struct gen {
    uint64_t state;
    uint64_t operators; /**< bit n: operator n of gen_operator_names is in the pattern drawn last */
} gen;

/** A number below n; n must not be 0. */
uint32_t gen_below(gen *g, uint32_t n);

/** True in percent of all calls. */
bool gen_chance(gen *g, uint32_t percent);

/** A text that grows; it ends in NUL. All zero: empty. */
typedef struct gen_text {
    char *data;
    size_t size;
    size_t room;
} gen_text;

/** Appends bytes. */
void gen_add(gen_text *text, const char *data, size_t size);

/** Appends a string. */
void gen_say(gen_text *text, const char *string);

/** Appends a JSON string that stands for these bytes; some of it is escaped, now and then. */
void gen_quote(gen *g, gen_text *text, const char *data, size_t size);

/** Appends blanks, now and then. */
void gen_blank(gen *g, gen_text *text);

/** Frees a text. */
void gen_text_free(gen_text *text);

/** What a value is. */
typedef enum gen_kind { GEN_NULL, GEN_TRUE, GEN_FALSE, GEN_NUMBER, GEN_STRING, GEN_ARRAY, GEN_OBJECT } gen_kind;

/** A value of an event. Texts are bytes of the vocabulary, never freed. */
typedef struct gen_value {
    gen_kind kind;
    const char *text; /**< of a string or number */
    size_t size;
    size_t count;
    const char *keys[8];
    struct gen_value *values[8];
} gen_value;

/** A leaf of an event: the keys that lead to it, and the value. */
typedef struct gen_leaf {
    const char *keys[8];
    size_t depth;
    const gen_value *value;
} gen_leaf;

#define GEN_MAX_LEAVES 64

/** A new event. */
gen_value *gen_event(gen *g);

/** A copy of an event in which some values are others. */
gen_value *gen_variant(gen *g, const gen_value *base);

/** Frees an event. */
void gen_event_free(gen_value *event);

/** Lists the leaves of an event. Returns: how many. */
size_t gen_leaves(const gen_value *event, gen_leaf leaves[GEN_MAX_LEAVES]);

/** Appends an event as JSON. */
void gen_render(gen *g, gen_text *text, const gen_value *event);

/** A key out of those that events have. */
const char *gen_key(gen *g);

/** A scalar out of the vocabulary. */
gen_value gen_scalar(gen *g);

/** Operators, for the table of verdicts. */
enum {
    GEN_OP_STRING,
    GEN_OP_LITERAL,
    GEN_OP_NUMBER,
    GEN_OP_EXACTLY,
    GEN_OP_PREFIX,
    GEN_OP_SUFFIX,
    GEN_OP_FOLD,
    GEN_OP_FOLD_PREFIX,
    GEN_OP_FOLD_SUFFIX,
    GEN_OP_WILDCARD,
    GEN_OP_NUMERIC_IS,
    GEN_OP_NUMERIC_ONE,
    GEN_OP_NUMERIC_TWO,
    GEN_OP_BUT,
    GEN_OP_BUT_NUMBER,
    GEN_OP_BUT_PREFIX,
    GEN_OP_BUT_SUFFIX,
    GEN_OP_BUT_FOLD,
    GEN_OP_BUT_WILDCARD,
    GEN_OP_EXISTS,
    GEN_OP_ABSENT,
    GEN_OP_CIDR,
    GEN_OP_OR,
    GEN_OP_COUNT
};

/** Their names. */
extern const char *const gen_operator_names[GEN_OP_COUNT];

/** Appends one alternative that has to do with a value. */
void gen_item(gen *g, gen_text *text, const gen_value *value);

/** Appends a pattern drawn from the leaves of an event. */
void gen_pattern(gen *g, gen_text *text, const gen_leaf *leaves, size_t count);

/** Changes, removes or doubles a byte or a piece of a text. */
void gen_damage(gen *g, gen_text *text);

#endif
