#include "pattern/firing.h"

#include <string.h>

#include "pattern/cidr.h"
#include "pattern/fold.h"
#include "pattern/glob.h"

/* ------------------------------------------------------------------------------------ prefixes and suffixes */

static void try_glob(nb_firing *f, const nb_atom *atom, const char *data, size_t size)
{
    uint32_t number = nb_second(atom->serial);

    if (nb_mark_get(f->scratch, number) == f->value) { /* this value was tried before, by another gram of it */
        return;
    }
    nb_mark_set(f->scratch, number, f->value);
    if (nb_glob_matches(atom->data, atom->size, data, size, &f->scratch->steps)) {
        nb_fire_atom(f, atom);
    }
}

/* An atom that was found by the hash of a start (or, backwards, an end) of length bytes. text: the value as it is. */
static void check_affix(nb_firing *f, const nb_atom *atom, unsigned which, const char *text, size_t size, size_t length)
{
    size_t used = 0;

    switch (which) {
    case NB_LENGTHS_PREFIX:
        if (atom->kind == NB_PREFIX && nb_atom_agrees(atom, text, length)) {
            nb_fire_atom(f, atom);
        }
        break;
    case NB_LENGTHS_SUFFIX:
        if (atom->kind == NB_SUFFIX && nb_atom_agrees(atom, text + size - length, length)) {
            nb_fire_atom(f, atom);
        }
        break;
    case NB_LENGTHS_FOLD_PREFIX:
        if (atom->kind == NB_FOLD_PREFIX && nb_fold_starts(atom->data, atom->size, text, size, &used)) {
            nb_fire_atom(f, atom);
        }
        break;
    case NB_LENGTHS_FOLD_SUFFIX:
        if (atom->kind == NB_FOLD_SUFFIX && nb_fold_ends(atom->data, atom->size, text, size)) {
            nb_fire_atom(f, atom);
        }
        break;
    case NB_LENGTHS_GLOB_PREFIX:
    case NB_LENGTHS_GLOB_SUFFIX:
    default:
        if (atom->kind == NB_GLOB && atom->way == (which == NB_LENGTHS_GLOB_PREFIX ? NB_GLOB_BY_PREFIX : NB_GLOB_BY_SUFFIX)) {
            try_glob(f, atom, text, size);
        }
        break;
    }
}

static unsigned seed_of(unsigned which)
{
    static const unsigned seeds[] = { [NB_LENGTHS_PREFIX] = NB_PREFIX, [NB_LENGTHS_SUFFIX] = NB_SUFFIX,
                                      [NB_LENGTHS_FOLD_PREFIX] = NB_FOLD_PREFIX, [NB_LENGTHS_FOLD_SUFFIX] = NB_FOLD_SUFFIX,
                                      [NB_LENGTHS_GLOB_PREFIX] = NB_SEED_GLOB_PREFIX, [NB_LENGTHS_GLOB_SUFFIX] = NB_SEED_GLOB_SUFFIX };

    return seeds[which];
}

/* Looks for each length that occurs. line: what is hashed, from its start; text: the value as it is. */
static void fire_affixes(nb_firing *f, unsigned which, const char *line, size_t line_size, const char *text, size_t size)
{
    const nb_lengths *lengths = LOAD(f->field->lengths[which]);
    uint64_t state = nb_index_seed(f->index, f->field->serial, seed_of(which));
    size_t at = 0;

    for (uint32_t i = 0; lengths != NULL && i < lengths->count && lengths->values[i] <= line_size; i++) {
        size_t length = lengths->values[i];
        const nb_atom *atom;
        uint32_t tag, place;

        for (; at + 8 <= length; at += 8) {
            state = nb_hash_block(state, line + at);
        }
        tag = place = nb_hash_end(state, line + at, length);
        while ((atom = nb_rows_next(f->rows, tag, &place)) != NULL) {
            if (atom->field == f->field) {
                check_affix(f, atom, which, text, size, length);
            }
        }
        f->scratch->steps += 1 + (place - tag);
    }
}

static size_t longest(const nb_lengths *lengths)
{
    return lengths != NULL ? lengths->values[lengths->count - 1] : 0;
}

/* The end of text, backwards, as far as it is asked for. NULL: out of memory. */
static const char *turn(nb_scratch *s, nb_space *space, const char *text, size_t size, size_t wanted, size_t *ret_size)
{
    char *to;

    wanted = wanted < size ? wanted : size;
    if (!nb_space_has(s, space, wanted, 1)) {
        return NULL;
    }
    to = (char *)space->items + space->count;
    for (size_t i = 0; i < wanted; i++) {
        to[i] = text[size - 1 - i];
    }
    s->steps += wanted / 16;
    *ret_size = wanted;
    return to;
}

static void fire_suffixes(nb_firing *f, const char *text, size_t size)
{
    size_t wanted = longest(LOAD(f->field->lengths[NB_LENGTHS_SUFFIX]));
    size_t glob = longest(LOAD(f->field->lengths[NB_LENGTHS_GLOB_SUFFIX]));
    size_t line_size = 0;
    const char *line = turn(f->scratch, &f->scratch->folded, text, size, wanted > glob ? wanted : glob, &line_size);

    if (line != NULL) {
        fire_affixes(f, NB_LENGTHS_SUFFIX, line, line_size, text, size);
        fire_affixes(f, NB_LENGTHS_GLOB_SUFFIX, line, line_size, text, size);
    }
}

static void fire_folded(nb_firing *f, uint32_t kinds, const char *text, size_t size)
{
    nb_scratch *s = f->scratch;
    nb_space *space = &s->folded;
    size_t folded_size, line_size = 0;
    const char *folded, *line;
    uint32_t tag, at;
    const nb_atom *atom;
    size_t used = 0;

    space->count = 0;
    if (!nb_space_has(s, space, nb_fold_room(size) * 2, 1)) {
        return;
    }
    folded_size = nb_fold(text, size, space->items);
    space->count = (uint32_t)folded_size;
    folded = space->items;
    s->steps += size / 4;
    if ((kinds & 1u << NB_FOLD) != 0) {
        tag = at = nb_hash_bytes(nb_index_seed(f->index, f->field->serial, NB_FOLD), folded, folded_size);
        while ((atom = nb_rows_next(f->rows, tag, &at)) != NULL) {
            if (atom->field == f->field && atom->kind == NB_FOLD && nb_fold_starts(atom->data, atom->size, text, size, &used) &&
                used == size) {
                nb_fire_atom(f, atom);
            }
        }
        s->steps += 1 + (at - tag);
    }
    if ((kinds & 1u << NB_FOLD_PREFIX) != 0) {
        fire_affixes(f, NB_LENGTHS_FOLD_PREFIX, folded, folded_size, text, size);
    }
    if ((kinds & 1u << NB_FOLD_SUFFIX) != 0) {
        line = turn(s, space, folded, folded_size, longest(LOAD(f->field->lengths[NB_LENGTHS_FOLD_SUFFIX])), &line_size);
        if (line != NULL) {
            fire_affixes(f, NB_LENGTHS_FOLD_SUFFIX, line, line_size, text, size);
        }
    }
    space->count = 0;
}

/* -------------------------------------------------------------------------------------- grams and addresses */

static void fire_grams(nb_firing *f, const char *text, size_t size)
{
    uint32_t grams = nb_load_relaxed((_Atomic uint32_t *)(uintptr_t)&f->field->grams);

    for (unsigned way = 0; grams >> way != 0; way++) {
        size_t width = (size_t)1 << way;
        uint64_t seed = nb_index_seed(f->index, f->field->serial, NB_SEED_GRAM + way);

        for (size_t i = 0; (grams >> way & 1) != 0 && i + width <= size; i++) {
            uint32_t tag = nb_hash_bytes(seed, text + i, width);
            uint32_t at = tag;
            const nb_atom *atom;

            while ((atom = nb_rows_next(f->rows, tag, &at)) != NULL) {
                if (atom->field == f->field && atom->kind == NB_GLOB && atom->way == way) {
                    try_glob(f, atom, text, size);
                }
            }
            f->scratch->steps += 1 + (at - tag);
        }
    }
}

static void fire_blocks(nb_firing *f, const char *text, size_t size)
{
    nb_address address;
    const nb_lengths *bits;

    if (!nb_address_parse(text, size, &address)) {
        return;
    }
    bits = LOAD(f->field->lengths[address.size == NB_ADDRESS_V4 ? NB_LENGTHS_V4 : NB_LENGTHS_V6]);
    for (uint32_t i = bits != NULL ? bits->count : 0; i-- > 0;) { /* from the longest: each masks away more */
        char block[17];

        nb_address_mask(&address, bits->values[i]);
        block[0] = (char)bits->values[i];
        memcpy(block + 1, address.bytes, address.size);
        nb_fire_equal(f, NB_CIDR, block, address.size + 1);
    }
}

/* ------------------------------------------------------------------------------------------------- values */

#define LENGTH_KINDS (1u << NB_FOLD | 1u << NB_FOLD_PREFIX | 1u << NB_FOLD_SUFFIX)

static void fire_string(nb_firing *f, uint32_t kinds, const char *text, size_t size)
{
    if ((kinds & 1u << NB_STRING) != 0) {
        nb_fire_equal(f, NB_STRING, text, size);
    }
    if ((kinds & 1u << NB_PREFIX) != 0) {
        fire_affixes(f, NB_LENGTHS_PREFIX, text, size, text, size);
    }
    if ((kinds & 1u << NB_GLOB) != 0) {
        fire_affixes(f, NB_LENGTHS_GLOB_PREFIX, text, size, text, size);
        fire_grams(f, text, size);
    }
    if ((kinds & (1u << NB_SUFFIX | 1u << NB_GLOB)) != 0) {
        fire_suffixes(f, text, size);
    }
    if ((kinds & LENGTH_KINDS) != 0) {
        fire_folded(f, kinds, text, size);
    }
    if ((kinds & 1u << NB_CIDR) != 0) {
        fire_blocks(f, text, size);
    }
}

void nb_fire(const nb_index *index, nb_scratch *scratch, const nb_field *field, const nb_value *value)
{
    uint32_t kinds = nb_load_relaxed((_Atomic uint32_t *)(uintptr_t)&field->kinds);
    uint32_t before;
    nb_firing f = { index, scratch, field, nb_table_rows(&index->atoms), scratch->found.count };
    nb_found *found;

    if (!nb_space_has(scratch, &scratch->found, 1, sizeof(nb_found))) {
        return;
    }
    scratch->found.count++;
    before = nb_mark_swap(scratch, field->serial, f.value);
    found = nb_found_at(scratch, f.value);
    *found = (nb_found){ field, scratch->fired.count, scratch->fired.count, before, (uint32_t)value->offset,
                         (uint32_t)value->token, false };
    switch (value->kind) {
    case NB_JSON_STRING:
        fire_string(&f, kinds, value->data, value->size);
        break;
    case NB_JSON_NUMBER:
        nb_fire_number(&f, kinds, value->data, value->size);
        break;
    default:
        if ((kinds & (1u << NB_TRUE | 1u << NB_FALSE | 1u << NB_NULL)) != 0) {
            nb_fire_equal(&f, value->kind == NB_JSON_TRUE ? NB_TRUE : value->kind == NB_JSON_FALSE ? NB_FALSE : NB_NULL, "", 0);
        }
        break;
    }
    if (!value->hollow && LOAD(field->present) != NULL) {
        nb_fire_atom(&f, LOAD(field->present));
    }
    nb_found_at(scratch, f.value)->fired_end = scratch->fired.count;
}

void nb_fire_nothing(nb_scratch *scratch, const nb_field *field)
{
    uint32_t before = nb_mark_get(scratch, field->serial);
    uint32_t at = scratch->found.count;
    bool line = scratch->entries.count != 0; /* it has begun */

    if (!nb_space_has(scratch, &scratch->found, 1, sizeof(nb_found)) ||
        (line && !nb_space_has(scratch, &scratch->entries, 1, sizeof(nb_entry)))) {
        return;
    }
    scratch->found.count++;
    *nb_found_at(scratch, at) = (nb_found){ field, scratch->fired.count, scratch->fired.count, before, 0, 0, true };
    nb_mark_set(scratch, field->serial, at);
    if (line) {
        ((nb_entry *)scratch->entries.items)[scratch->entries.count++] = (nb_entry){ NB_ENTRY_VALUE, at };
    }
}
