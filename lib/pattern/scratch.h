/*
 * scratch.h - what one match knows of one event: its values at paths that rules name, the atoms they fired, and the rules found.
 *
 * A scratch starts with a little room of its own, so that a small one lives on the stack; arrays that outgrow it come from a heap and are
 * kept. Marks are a small table of (number, value) that is emptied by counting up: numbers are the serials of an index.
 */
#ifndef NB_PATTERN_SCRATCH_H
#define NB_PATTERN_SCRATCH_H

#include "pattern/index.h"

#define NB_NONE UINT32_MAX

/* A scalar of the event. */
typedef struct nb_found {
    const nb_field *field;
    uint32_t fired, fired_end; /* in scratch->fired */
    uint32_t next;             /* the next one of the same field; NB_NONE: none */
    uint32_t at, size;         /* in the event, in its JSON form */
    bool dead;                 /* it counts as present and satisfies nothing */
} nb_found;

typedef struct nb_mark {
    uint32_t number;
    uint32_t round; /* of another round: the place is free */
    uint32_t value;
} nb_mark;

/* What happened in the event, as far as arrays matter. */
typedef enum nb_entry_kind {
    NB_ENTRY_VALUE,       /* at: the value */
    NB_ENTRY_ARRAY,       /* at: of the nodes */
    NB_ENTRY_ELEMENT,
    NB_ENTRY_ELEMENT_END,
    NB_ENTRY_ARRAY_END
} nb_entry_kind;

typedef struct nb_entry {
    uint32_t kind;
    uint32_t at;
} nb_entry;

/* An array of a scratch. */
typedef struct nb_space {
    void *items;
    uint32_t count, room;
    uint32_t own; /* bytes of items if they came from the heap; 0: they are part of the scratch */
} nb_space;

typedef struct nb_scratch {
    nb_heap *heap;
    nb_space found;   /* nb_found */
    nb_space fired;   /* const nb_atom * */
    nb_space entries; /* nb_entry; only once an array was met whose elements matter */
    nb_space arrays;  /* const nb_node *: where they were met */
    nb_space rules;   /* const nb_rule_in *: those that match */
    nb_space text;    /* char: values without their escapes */
    nb_space folded;  /* char */
    nb_space frames;  /* of consistency.c */
    nb_space families; /* of twins.c */
    nb_space marks;   /* nb_mark; room is a power of two */
    uint32_t round;
    uint32_t marked;
    bool twins;       /* the event may name a path twice */
    bool starved;     /* something did not fit: the match fails */
    uint64_t steps;
    nb_found first_found[24];
    const nb_atom *first_fired[48];
    const nb_rule_in *first_rules[16];
    char first_text[256];
    char first_folded[256];
    nb_mark first_marks[128];
} nb_scratch;

void nb_scratch_open(nb_scratch *scratch, nb_heap *heap);
void nb_scratch_close(nb_scratch *scratch);

/* Empties it for the next event. */
void nb_scratch_clear(nb_scratch *scratch);

/* Makes room for count items more. False: out of memory, and the scratch is starved. */
bool nb_space_grow(nb_scratch *scratch, nb_space *space, size_t count, size_t size);

static inline bool nb_space_has(nb_scratch *scratch, nb_space *space, size_t count, size_t size)
{
    return space->room - space->count >= count || nb_space_grow(scratch, space, count, size);
}

static inline nb_found *nb_found_at(const nb_scratch *scratch, uint32_t at)
{
    return (nb_found *)scratch->found.items + at;
}

static inline const nb_atom *nb_fired_at(const nb_scratch *scratch, uint32_t at)
{
    return ((const nb_atom **)scratch->fired.items)[at];
}

static inline nb_mark *nb_mark_place(const nb_scratch *scratch, uint32_t number)
{
    nb_mark *marks = scratch->marks.items;
    uint32_t mask = scratch->marks.room - 1;
    uint32_t i = number * UINT32_C(0x9e3779b1) >> 7 & mask;

    while (marks[i].round == scratch->round && marks[i].number != number) {
        i = (i + 1) & mask;
    }
    return &marks[i];
}

/* The value of a mark; NB_NONE: it is not set. */
static inline uint32_t nb_mark_get(const nb_scratch *scratch, uint32_t number)
{
    const nb_mark *mark = nb_mark_place(scratch, number);

    return mark->round == scratch->round ? mark->value : NB_NONE;
}

/* False: out of memory. */
bool nb_marks_grow(nb_scratch *scratch);

/* Sets a mark. Returns its old value; NB_NONE: it was not set. */
static inline uint32_t nb_mark_swap(nb_scratch *scratch, uint32_t number, uint32_t value)
{
    nb_mark *mark = nb_mark_place(scratch, number);
    uint32_t old = mark->value;

    if (mark->round == scratch->round) {
        mark->value = value;
        return old;
    }
    if (scratch->marked * 2 >= scratch->marks.room) {
        if (!nb_marks_grow(scratch)) {
            return NB_NONE;
        }
        mark = nb_mark_place(scratch, number);
    }
    scratch->marked++;
    *mark = (nb_mark){ number, scratch->round, value };
    return NB_NONE;
}

static inline void nb_mark_set(nb_scratch *scratch, uint32_t number, uint32_t value)
{
    nb_mark_swap(scratch, number, value);
}

/* Serials are below 2^31; a second line of numbers for each. */
static inline uint32_t nb_second(uint32_t serial)
{
    return serial | UINT32_C(1) << 31;
}

#endif
