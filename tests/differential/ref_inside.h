/**
 * ref_inside.h - what the parts of the reference matcher share.
 */
#ifndef REF_INSIDE_H
#define REF_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reference.h"

/* ----------------------------------------------------------------------------------------------- memory */

/** Memory that is given back as a whole. All zero: nothing was taken. */
typedef struct ref_arena {
    struct ref_block *blocks;
    size_t used;
} ref_arena;

/** Zeroed memory; ends the program if there is none. */
void *ref_take(ref_arena *arena, size_t size);

/** A larger copy of an array in the arena, twice as large as count elements if it is full: for count a power of two. */
void *ref_grow(ref_arena *arena, void *items, size_t count, size_t size);

/** Gives all of it back. */
void ref_drop(ref_arena *arena);

/** Bytes with a size; a NUL stands behind them. */
typedef struct ref_text {
    const char *data;
    size_t size;
} ref_text;

/** A copy in the arena. */
ref_text ref_copy(ref_arena *arena, const char *data, size_t size);

/** Whether two texts are the same bytes. */
bool ref_same(ref_text a, ref_text b);

/** Whether a text is this string. */
bool ref_is(ref_text a, const char *b);

/* ------------------------------------------------------------------------------------------------- JSON */

/** What a value is. */
typedef enum ref_kind { REF_NULL, REF_TRUE, REF_FALSE, REF_NUMBER, REF_STRING, REF_ARRAY, REF_OBJECT } ref_kind;

/** A JSON value. */
typedef struct ref_json {
    ref_kind kind;
    ref_text text;           /**< of a string, decoded; of a number, as it was written */
    size_t count;            /**< members or elements */
    ref_text *keys;          /**< of an object */
    struct ref_json *values; /**< of an object or array */
} ref_json;

/** Reads one JSON text. Returns: whether it is valid. */
bool ref_json_read(ref_arena *arena, const char *text, size_t size, ref_json *ret);

/* ---------------------------------------------------------------------------------------------- patterns */

/** What an alternative asks for. */
typedef enum ref_op {
    REF_OP_EXACT, /**< a string, true, false or null */
    REF_OP_NUMBER,
    REF_OP_PREFIX,
    REF_OP_SUFFIX,
    REF_OP_FOLD, /**< equals-ignore-case */
    REF_OP_FOLD_PREFIX,
    REF_OP_FOLD_SUFFIX,
    REF_OP_WILDCARD,
    REF_OP_RANGE,
    REF_OP_EXISTS,
    REF_OP_ABSENT,
    REF_OP_CIDR
} ref_op;

/** An end of a range of numbers. */
typedef struct ref_bound {
    bool given;
    bool open; /**< the number itself is outside */
    double value;
} ref_bound;

/** One alternative of a list. */
typedef struct ref_item {
    ref_op op;
    bool but;            /**< anything but what the words say */
    ref_kind kind;       /**< of REF_OP_EXACT */
    size_t count;        /**< words; more than one only with `but` */
    ref_text *words;     /**< strings; of numbers their text */
    ref_bound low, high; /**< of REF_OP_RANGE */
    int family;          /**< of REF_OP_CIDR: 4 or 6 */
    int bits;
    uint8_t address[16];
} ref_item;

/** A path and its alternatives. */
typedef struct ref_list {
    ref_text path;
    size_t count;
    const ref_item *items;
} ref_list;

/** Lists that must all be satisfied. */
typedef struct ref_rule {
    size_t count;
    ref_list *lists;
} ref_rule;

/** A pattern is met if one of its rules is. */
struct ref_pattern {
    ref_arena arena;
    ref_profile profile;
    size_t count;
    ref_rule *rules;
};

/** Reads one alternative. Returns: NULL, or why it is invalid. */
const char *ref_item_read(ref_arena *arena, const ref_json *json, ref_profile profile, ref_item *ret);

/* ------------------------------------------------------------------------------------------------ values */

/** Where in arrays a field lies: of each array around it, which element. */
typedef struct ref_place {
    unsigned array;
    unsigned element;
} ref_place;

/** A value of an event. */
typedef struct ref_field {
    ref_text path;
    ref_kind kind; /**< REF_ARRAY: an attribute that was sent without a value */
    ref_text text;
    bool comparable; /**< a number that a double holds exactly as it is written */
    double number;
    size_t count;
    const ref_place *places;
} ref_field;

struct ref_event {
    ref_arena arena;
    size_t count;
    ref_field *fields;
    bool attributes; /**< of a message, not of a JSON text */
    bool bare;       /**< a message without attributes */
    bool twins;      /**< an object has one key twice, or one that begins with another and a dot */
};

/** Whether a number can be compared by value: its shortest decimal form as a double is the number that was written. */
bool ref_number(ref_text text, double *ret);

/** Reads an IP address: 4, 6, or 0 if it is none. */
int ref_address(ref_text text, uint8_t ret[16]);

/** Whether a wildcard is well written: no two stars side by side, no escape but of a star or backslash, not too many stars. */
bool ref_wildcard_valid(ref_text glob);

/** Whether a value satisfies an alternative. exists:false never is: it speaks of no value. */
bool ref_item_matches(const ref_item *item, const ref_field *field);

#endif
