/*
 * tree.h - what a compiled pattern looks like inside; for the sources of this folder only.
 *
 * Nodes form a tree of path steps. Joined paths are split at their dots, so that {"a.b":...} and {"a":{"b":...}} are one path, on the side
 * of the pattern and on the side of the event. A node whose `field` is not negative ends a path; its field is a run of items, and a value
 * satisfies the field if it satisfies one of them. Node 0 is the root; a child's number is above its parent's.
 *
 * Everything lies in one block: the pattern, its nodes, its items, the bytes of keys and operands.
 */
#ifndef NB_PATTERN_TREE_H
#define NB_PATTERN_TREE_H

#include <stdatomic.h>

#include "json/number.h"
#include "json/reader.h"
#include "pattern/pattern.h"

#define NB_NO_NODE UINT32_MAX

typedef uint64_t nb_field_set; /* bit n: field n */

typedef enum nb_item_kind {
    NB_ITEM_STRING,
    NB_ITEM_NUMBER,
    NB_ITEM_TRUE,
    NB_ITEM_FALSE,
    NB_ITEM_NULL,
    NB_ITEM_PREFIX,
    NB_ITEM_SUFFIX,
    NB_ITEM_NUMERIC, /* its operands are bounds, all of which must hold */
    NB_ITEM_PRESENT,
    NB_ITEM_ABSENT,
    NB_ITEM_OTHER_TEXT,  /* anything-but; its operands are strings */
    NB_ITEM_OTHER_NUMBER /* anything-but; its operands are numbers */
} nb_item_kind;

typedef enum nb_bound {
    NB_BOUND_NONE,
    NB_BOUND_EQUAL,
    NB_BOUND_LESS,
    NB_BOUND_LESS_EQUAL,
    NB_BOUND_GREATER,
    NB_BOUND_GREATER_EQUAL
} nb_bound;

typedef struct nb_item {
    uint8_t kind;      /* nb_item_kind */
    uint8_t bound;     /* nb_bound, of an operand of NB_ITEM_NUMERIC */
    uint32_t operands; /* items behind this one that belong to it */
    union {
        struct {
            const char *data;
            size_t size;
        } text;
        nb_decimal number;
    } value;
} nb_item;

typedef struct nb_field {
    uint32_t first; /* item */
    uint32_t count; /* items, operands included */
} nb_field;

typedef struct nb_node {
    const char *key;
    size_t size;
    uint32_t parent;
    uint32_t child;     /* the first; 0: none */
    uint32_t next;      /* the next child of the same parent; 0: none */
    int32_t field;      /* -1: no path ends here */
    nb_field_set below; /* the fields at this node and under it */
} nb_node;

struct nb_pattern {
    nb_heap *heap;
    size_t block; /* bytes */
    atomic_size_t references;
    nb_profile profile;
    nb_node *nodes;
    nb_item *items;
    char *bytes;
    uint32_t node_count;
    uint32_t item_count;
    uint32_t field_count;
    nb_field_set all;    /* every field */
    nb_field_set absent; /* fields that an absent value satisfies */
    nb_field fields[NB_PATTERN_MAX_FIELDS];
};

/* What compiling knows; parse.c and operator.c. */
typedef struct nb_parser {
    nb_json_reader reader;
    nb_pattern *pattern;
    size_t byte_count; /* of pattern->bytes */
    uint64_t combinations;
    uint32_t keys;           /* of the outermost object */
    const char *unsupported; /* the first operator that this version lacks; NULL: none */
    size_t unsupported_offset;
    nimbus_error *err;
    const char *call;
} nb_parser;

/* Refuses the text because of its last token. */
#define NB_REFUSE(parser, ...) NB_REFUSE_AS(parser, NIMBUS_E_PATTERN, __VA_ARGS__)
#define NB_REFUSE_AS(parser, status, ...)                                                                                                  \
    nb_error_set_at((parser)->err, status, (parser)->call, "pattern", nb_json_offset(&(parser)->reader), __VA_ARGS__)

/* A token in a reason: at most 40 bytes of it, and whole characters. For "%.*s". */
int nb_parser_clip(const nb_parser *parser);

/* Builds nodes, fields and items in the pattern, whose block is large enough for the text. */
nimbus_status nb_parser_run(nb_parser *parser, const char *text, size_t size);

/* Adds an item with the value of the last token, which is a scalar. NULL: a number that cannot be compared. */
nb_item *nb_parser_add(nb_parser *parser, nb_json_event event);

/* An operator object of a list, behind its '{'. */
nimbus_status nb_parser_operator(nb_parser *parser);

/* Takes note of a valid operator that this version lacks; an error further on in the text still wins. */
void nb_parser_unsupported(nb_parser *parser, const char *name);

/* Whether the last token, a key or a string, has this value. */
bool nb_parser_is(const nb_parser *parser, const char *name);

/* One scalar of an event. */
typedef struct nb_value {
    nb_json_event kind;
    const char *data; /* of a string: without its quotes */
    size_t size;
    bool escaped;    /* a string that holds a backslash */
    bool hollow;     /* does not count as present */
    bool comparable; /* a number, and number holds its value */
    nb_decimal number;
} nb_value;

/* The value of the reader's last token, which is a scalar. */
nb_value nb_value_of(const nb_json_reader *reader, nb_json_event event);

bool nb_value_matches(const nb_pattern *pattern, int32_t field, const nb_value *value);

#endif
