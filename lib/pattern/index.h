/*
 * index.h - many rules over one event: shared tests, each found by its value, and under each the rules that depend on it.
 *
 * A path is a chain of nodes, one for each step. At its end a field holds what rules ask of it. Every distinct test of a field is one atom,
 * which all rules share. A value of the event fires the atoms it satisfies: exact values are looked up by hash; prefixes and suffixes by
 * the hash of each length that occurs; ranges in sorted levels; address blocks by hash for each number of bits; wildcards by a gram of
 * their rarest piece, then checked. No atom is ever iterated over.
 *
 * A rule is one or more conjunctions (of "$or"). A conjunction hangs under the atoms of its most selective list (a posting each); when one
 * of them fires, its other atoms are looked up among those that fired in this event. What asks for absence or for "anything but" is never
 * fired; it is judged when a conjunction needs it.
 *
 * Readers walk through it while one writer adds. Everything is published by a release store of the pointer or count that leads to it, and
 * nothing that was published moves, but for rows and lists that are replaced as a whole and retired under the grace of the owner. A rule
 * counts for a reader if it was born at or before the version that the reader took at its start, and had not died by then. What removed
 * rules leave behind stays until the owner builds a new index.
 */
#ifndef NB_PATTERN_INDEX_H
#define NB_PATTERN_INDEX_H

#include <string.h>

#include "json/scan.h"
#include "pattern/draft.h"
#include "pattern/grace.h"
#include "pattern/table.h"

#define NB_FOREVER UINT64_MAX
#define NB_NEVER (UINT64_C(1) << 63)

struct nb_atom;
struct nb_conjunction;

/* A step of paths. */
typedef struct nb_node {
    uint32_t serial;
    uint32_t size;            /* of key */
    uint32_t depth;           /* 0: the root */
    uint32_t ordinal;         /* among its parent's children */
    struct nb_node *parent;
    const char *key;
    uint64_t start;           /* the first bytes of the key */
    struct nb_node *next;     /* the child before it; NULL: there is none */
    _Atomic(struct nb_node *) last; /* child; NULL: there is none */
    _Atomic uint32_t children;
    _Atomic uint32_t fields;  /* at this node and below */
    _Atomic uint64_t all;     /* bit n: child n; NB_NEVER: there are more than 63 */
    nb_wanted wanted;         /* the children's keys */
    struct nb_field *_Atomic field; /* NULL: no path ends here */
} nb_node;

/* Lengths that occur, ascending; or the bits of address blocks. */
typedef struct nb_lengths {
    nb_retired retired;
    uint32_t count;
    uint32_t values[];
} nb_lengths;

/* A range of numbers; most is the largest high of the subtree around its place (range.c). */
typedef struct nb_range {
    int64_t low, high, most;
    struct nb_atom *atom;
} nb_range;

/* Ranges of one level, ordered by low. */
typedef struct nb_ranges {
    nb_retired retired;
    uint32_t count;
    nb_range items[];
} nb_ranges;

#define NB_RANGE_LEVELS 14u

/* Each has its lengths; the four in the middle are bytes of text, the others bits of addresses. */
enum {
    NB_LENGTHS_PREFIX,
    NB_LENGTHS_SUFFIX,
    NB_LENGTHS_FOLD_PREFIX,
    NB_LENGTHS_FOLD_SUFFIX,
    NB_LENGTHS_GLOB_PREFIX,
    NB_LENGTHS_GLOB_SUFFIX,
    NB_LENGTHS_V4,
    NB_LENGTHS_V6,
    NB_LENGTHS
};

#define NB_GRAMS 4u /* grams of 1, 2, 4 and 8 bytes */

/* What the hash of a lookup starts with, beside nb_kind. */
enum { NB_SEED_GLOB_PREFIX = NB_ANY + 1, NB_SEED_GLOB_SUFFIX, NB_SEED_GRAM, NB_SEED_NODE = NB_SEED_GRAM + NB_GRAMS };

/* How values find a wildcard. */
enum { NB_GLOB_BY_PREFIX = NB_GRAMS, NB_GLOB_BY_SUFFIX };

/* The end of a path. */
typedef struct nb_field {
    uint32_t serial;
    nb_node *node;
    _Atomic uint32_t kinds;                   /* bit n: it has atoms of kind n that a value may fire */
    _Atomic uint32_t levels;                  /* of ranges that were ever used */
    _Atomic uint64_t hints;                   /* bit n: some number has a hint (number.h) that is n in its lowest 6 bits */
    _Atomic(nb_lengths *) lengths[NB_LENGTHS]; /* NULL: none */
    _Atomic(nb_ranges *) ranges[NB_RANGE_LEVELS]; /* read from the first to the last: what moves, moves up */
    _Atomic uint32_t grams;                   /* bit n: some wildcard is found by a gram of 1 << n bytes */
    _Atomic(struct nb_link *) others;         /* anything-but under which conjunctions hang */
    struct nb_atom *_Atomic present;          /* NULL: none */
    struct nb_atom *absent;                   /* the writer's; NULL: none */
} nb_field;

/* A conjunction under an atom. */
typedef struct nb_posting {
    struct nb_conjunction *conjunction;
    struct nb_posting *next;
} nb_posting;

/* A test of a field. */
typedef struct nb_atom {
    uint32_t serial;
    uint32_t size;                  /* of data */
    nb_field *field;
    _Atomic(nb_posting *) postings;
    uint32_t uses;                  /* conjunctions that have it; this and `listed` are the writer's */
    bool listed;                    /* among field->others or index->absent */
    uint8_t kind;                   /* nb_kind */
    uint8_t way;                    /* of NB_GLOB: log2 of the bytes of its gram, or NB_GLOB_BY_... */
    uint8_t bits;                   /* of NB_NUMBER: its hint */
    char data[];                    /* aligned to 8 bytes. NB_NUMBER, NB_RANGE: the keys; NB_OTHER, NB_ANY: atoms by serial; NB_CIDR: the
                                       bits, then the address; NB_GLOB: the glob; else text */
} nb_atom;

/* One of a list of atoms. */
typedef struct nb_link {
    struct nb_atom *atom;
    struct nb_link *next;
} nb_link;

typedef struct nb_rule_in {
    void *card;                      /* the owner's */
    uint64_t born;
    _Atomic uint64_t died;           /* NB_FOREVER: it lives */
    uint32_t serial;
    uint32_t count;                  /* conjunctions behind this */
    bool asleep;                     /* it hangs nowhere, so that it matches nothing */
    struct nb_conjunction *first;
} nb_rule_in;

typedef struct nb_conjunction {
    nb_rule_in *rule;
    struct nb_conjunction *next;     /* of the same rule */
    uint16_t count;                  /* atoms, all of which must hold */
    uint16_t shared;                 /* nodes behind the atoms: those that several of its paths go through, below the root */
    uint16_t hung;                   /* the atom under which it hangs; count: under several */
    uint16_t absent;                 /* 1: some atom takes absence */
    void *items[];
} nb_conjunction;

typedef struct nb_index {
    nb_heap *heap;
    nb_grace *grace;                 /* NULL: nobody reads while it is changed */
    nb_arena arena;
    nb_table nodes;                  /* by (parent, key) */
    nb_table atoms;                  /* by (field, kind, data) */
    uint64_t key;                    /* of the hashes */
    nb_node *root;
    bool flat;                       /* keys are not split at dots */
    uint32_t serial;                 /* of nodes, fields, atoms and rules: one line of numbers */
    _Atomic(nb_link *) absent;       /* atoms of absence under which conjunctions hang */
    _Atomic(nb_posting *) always;    /* conjunctions without atoms */
    uint64_t rules, conjunctions, paths, predicates;
} nb_index;

/* False: out of memory, and there is nothing to close. */
bool nb_index_open(nb_index *index, nb_heap *heap, nb_grace *grace, uint64_t key, bool flat, size_t grain);
void nb_index_close(nb_index *index);
size_t nb_index_bytes(const nb_index *index);

/* What a rule is beside its pattern. */
typedef struct nb_rule_as {
    void *card;
    uint64_t born;  /* it is visible from this version on */
    bool asleep;
} nb_rule_as;

/* Adds a rule. NULL: out of memory, nothing visible was changed. */
nb_rule_in *nb_index_add(nb_index *index, const nb_draft *draft, const nb_rule_as *as);

/* Adds a rule with the pattern of one of this or another index. */
nb_rule_in *nb_index_copy(nb_index *index, const nb_rule_in *rule, const nb_rule_as *as);

/* ------------------------------------------------------------------------------------------------ readers */

static inline const nb_conjunction *nb_first_conjunction(const nb_rule_in *rule)
{
    return rule->first;
}

static inline nb_atom *nb_conjunction_atom(const nb_conjunction *conjunction, unsigned i)
{
    return conjunction->items[i];
}

static inline nb_node *nb_conjunction_shared(const nb_conjunction *conjunction, unsigned i)
{
    return conjunction->items[conjunction->count + i];
}

static inline nb_atom *const *nb_atom_parts(const nb_atom *atom)
{
    return (nb_atom *const *)(const void *)atom->data;
}

static inline uint32_t nb_atom_part_count(const nb_atom *atom)
{
    return (uint32_t)(atom->size / sizeof(nb_atom *));
}

/* Whether no value at all satisfies it. */
static inline bool nb_atom_takes_absence(const nb_atom *atom)
{
    bool any = atom->kind == NB_ABSENT;

    for (uint32_t i = 0; atom->kind == NB_ANY && !any && i < nb_atom_part_count(atom); i++) {
        any = nb_atom_parts(atom)[i]->kind == NB_ABSENT;
    }
    return any;
}

static inline int64_t nb_atom_bound(const nb_atom *atom, unsigned i)
{
    int64_t bound;

    memcpy(&bound, atom->data + i * sizeof bound, sizeof bound);
    return bound;
}

/* The child of a node; NULL: none. */
nb_node *nb_index_child(const nb_index *index, const nb_node *node, const char *key, size_t size);

/* Where a key leads, whose dots are steps unless the index is flat; NULL: no path goes there. */
nb_node *nb_index_descend(const nb_index *index, const nb_node *node, const char *key, size_t size);

/* What the hashes of one field and kind start with. */
static inline uint64_t nb_index_seed(const nb_index *index, uint32_t serial, unsigned kind)
{
    return index->key ^ ((uint64_t)serial << 5 | kind) * UINT64_C(0x9e3779b97f4a7c15);
}

/* --------------------------------------------------------------------------- for the sources of the index */

/* index.c: the node of a path, made if there is none; the field of a node. NULL: out of memory. */
nb_node *nb_index_node(nb_index *index, const char *path, size_t size);
nb_node *nb_index_step(nb_index *index, nb_node *node, const char *key, size_t size);
nb_field *nb_index_field(nb_index *index, nb_node *node);

/* atom.c: the atom of a test, of parts, or of an atom of another index, made if there is none. NULL: out of memory. */
nb_atom *nb_atom_of_test(nb_index *index, nb_field *field, const nb_test *test);
nb_atom *nb_atom_of_parts(nb_index *index, nb_field *field, nb_kind kind, nb_atom **parts, uint32_t count);
nb_atom *nb_atom_copy(nb_index *index, nb_field *field, const nb_atom *atom);

/* range.c: the level 0 range of an atom. False: out of memory. */
bool nb_ranges_add(nb_index *index, nb_field *field, nb_atom *atom);

/* hang.c: hangs a conjunction, whose rule is whole, under its atoms. prepare fails for memory, commit does not. */
typedef struct nb_hanging {
    nb_posting *postings;  /* linked by next */
    uint32_t count;
} nb_hanging;

bool nb_hang(nb_index *index, nb_conjunction *conjunction);

#endif
