/* firing.h - one value that fires atoms; for the sources of fire.h only. */
#ifndef NB_PATTERN_FIRING_H
#define NB_PATTERN_FIRING_H

#include <string.h>

#include "pattern/fire.h"
#include "pattern/hash.h"

/* Readers load what the writer may change; the index is const to them all the same. */
#define LOAD(place) nb_load_acquire((__typeof__(&(place)))(uintptr_t)&(place))

typedef struct nb_firing {
    const nb_index *index;
    nb_scratch *scratch;
    const nb_field *field;
    const nb_rows *rows;
    uint32_t value; /* in scratch->found */
} nb_firing;

static inline void nb_fire_atom(nb_firing *f, const nb_atom *atom)
{
    nb_scratch *s = f->scratch;

    if (nb_space_has(s, &s->fired, 1, sizeof(nb_atom *))) {
        ((const nb_atom **)s->fired.items)[s->fired.count++] = atom;
        nb_mark_set(s, atom->serial, f->value);
    }
}

/* Whether text is the value of an atom: its whole, its start or its end. */
static inline bool nb_atom_agrees(const nb_atom *atom, const char *data, size_t size)
{
    return atom->size == size && (size == 0 || memcmp(atom->data, data, size) == 0);
}

static inline void nb_fire_equal(nb_firing *f, nb_kind kind, const char *data, size_t size)
{
    uint32_t tag = nb_hash_bytes(nb_index_seed(f->index, f->field->serial, kind), data, size);
    uint32_t at = tag;
    const nb_atom *atom;

    while ((atom = nb_rows_next(f->rows, tag, &at)) != NULL) {
        if (atom->field == f->field && atom->kind == kind && nb_atom_agrees(atom, data, size)) {
            nb_fire_atom(f, atom);
            break;
        }
    }
    f->scratch->steps += 1 + (at - tag) + size / 16;
}

/* numeral.c: a number. */
void nb_fire_number(nb_firing *f, uint32_t kinds, const char *text, size_t size);

#endif
