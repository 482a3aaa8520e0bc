/* atom.c - the distinct tests of an index: finding the one there is, making a new one, and entering it where values look for it. */
#include <stddef.h>

#include "pattern/fold.h"
#include "pattern/glob.h"
#include "pattern/hash.h"
#include "pattern/index.h"

#define SHORT_FOLD 256u

/* --------------------------------------------------------------------------------------------------- tags */

/* The hash of the folded form, in which values find an atom without regard to case. 0: out of memory. */
static uint32_t folded_tag(nb_index *index, uint64_t seed, const char *data, size_t size, uint32_t *ret_size)
{
    char few[SHORT_FOLD];
    size_t room = nb_fold_room(size);
    char *folded = room <= sizeof few ? few : nb_alloc(index->heap, room);
    uint32_t tag;

    if (folded == NULL) {
        return 0;
    }
    *ret_size = (uint32_t)nb_fold(data, size, folded);
    tag = nb_hash_bytes(seed, folded, *ret_size);
    if (folded != few) {
        nb_free(index->heap, folded, room);
    }
    return tag;
}

/* Suffixes are hashed backwards, so that all suffixes of a value are prefixes of one text. 0: out of memory. */
static uint32_t backward_tag(nb_index *index, uint64_t seed, const char *data, size_t size)
{
    char few[SHORT_FOLD];
    char *backward = size <= sizeof few ? few : nb_alloc(index->heap, size);
    uint32_t tag;

    if (backward == NULL) {
        return 0;
    }
    for (size_t i = 0; i < size; i++) {
        backward[i] = data[size - 1 - i];
    }
    tag = nb_hash_bytes(seed, backward, size);
    if (backward != few) {
        nb_free(index->heap, backward, size);
    }
    return tag;
}

/* As backward_tag(), of the folded form. */
static uint32_t folded_backward_tag(nb_index *index, uint64_t seed, const char *data, size_t size, uint32_t *ret_size)
{
    size_t room = nb_fold_room(size);
    char *folded = nb_alloc(index->heap, room);
    uint32_t tag;

    if (folded == NULL) {
        return 0;
    }
    *ret_size = (uint32_t)nb_fold(data, size, folded);
    tag = backward_tag(index, seed, folded, *ret_size);
    nb_free(index->heap, folded, room);
    return tag;
}

/* *ret_size: the length by which values look, where the kind has lengths. 0: out of memory. */
static uint32_t tag_of(nb_index *index, const nb_field *field, nb_kind kind, const char *data, size_t size, uint32_t *ret_size)
{
    uint64_t seed = nb_index_seed(index, field->serial, kind);

    *ret_size = (uint32_t)size;
    switch (kind) {
    case NB_SUFFIX:
        return backward_tag(index, seed, data, size);
    case NB_FOLD:
    case NB_FOLD_PREFIX:
        return folded_tag(index, seed, data, size, ret_size);
    case NB_FOLD_SUFFIX:
        return folded_backward_tag(index, seed, data, size, ret_size);
    default:
        return nb_hash_bytes(seed, data, size);
    }
}

/* ------------------------------------------------------------------------------------------------ lengths */

static void end_lengths(nb_retired *retired, nb_heap *heap, void *owner)
{
    nb_lengths *lengths = (nb_lengths *)(void *)((char *)retired - offsetof(nb_lengths, retired));

    (void)owner;
    nb_free(heap, lengths, sizeof *lengths + lengths->count * sizeof lengths->values[0]);
}

/* Adds a length. False: out of memory. */
static bool add_length(nb_index *index, nb_field *field, unsigned which, uint32_t length)
{
    nb_lengths *old = nb_load_relaxed(&field->lengths[which]);
    uint32_t count = old != NULL ? old->count : 0;
    uint32_t at = 0;
    nb_lengths *lengths;

    while (at < count && old->values[at] < length) {
        at++;
    }
    if (at < count && old->values[at] == length) {
        return true;
    }
    lengths = nb_alloc(index->heap, sizeof *lengths + (count + 1) * sizeof lengths->values[0]);
    if (lengths == NULL) {
        return false;
    }
    lengths->count = count + 1;
    for (uint32_t i = 0; i < count; i++) {
        lengths->values[i + (i >= at)] = old->values[i];
    }
    lengths->values[at] = length;
    nb_store_release(&field->lengths[which], lengths); /* whole before readers find it */
    if (old != NULL && index->grace != NULL) {
        nb_grace_retire(index->grace, &old->retired, end_lengths);
    } else if (old != NULL) {
        end_lengths(&old->retired, index->heap, NULL);
    }
    return true;
}

/* ----------------------------------------------------------------------------------------------- wildcards */

/* The longest piece; anchored ones win if they are long enough to be as good. */
static nb_piece best_piece(const char *glob, size_t size, uint8_t *ret_way)
{
    const char *at = glob;
    nb_piece best = nb_glob_piece(&at);
    nb_piece piece = best;

    *ret_way = NB_GLOB_BY_PREFIX;
    while (at < glob + size) {
        piece = nb_glob_piece(&at);
        if (piece.size > best.size && (best.size < 8 || *ret_way < NB_GRAMS)) {
            best = piece;
            *ret_way = at == glob + size ? NB_GLOB_BY_SUFFIX : 0;
        }
    }
    return best;
}

/* How many entries a tag has. */
static unsigned crowd(const nb_index *index, uint32_t tag)
{
    uint32_t at = tag;
    unsigned count = 0;

    while (count < 64 && nb_rows_next(nb_table_rows(&index->atoms), tag, &at) != NULL) {
        count++;
    }
    return count;
}

/* The rarest gram of a piece. Returns its tag. */
static uint32_t choose_gram(const nb_index *index, const nb_field *field, nb_piece piece, uint8_t *ret_way)
{
    uint8_t way = piece.size >= 8 ? 3 : piece.size >= 4 ? 2 : piece.size >= 2 ? 1 : 0;
    uint64_t seed = nb_index_seed(index, field->serial, NB_SEED_GRAM + way);
    uint32_t best = 0;
    unsigned fewest = UINT32_MAX;

    for (uint32_t i = 0; i + (1u << way) <= piece.size && fewest > 0 && i < 64; i++) {
        uint32_t tag = nb_hash_bytes(seed, piece.data + i, (size_t)1 << way);
        unsigned count = crowd(index, tag);

        if (count < fewest) {
            fewest = count;
            best = tag;
        }
    }
    *ret_way = way;
    return best;
}

/* Enters a wildcard where values find it. There is room in the table. False: out of memory. */
static bool enlist_glob(nb_index *index, nb_field *field, nb_atom *atom)
{
    nb_piece piece = best_piece(atom->data, atom->size, &atom->way);
    uint32_t tag;

    if (atom->way == NB_GLOB_BY_PREFIX) {
        tag = nb_hash_bytes(nb_index_seed(index, field->serial, NB_SEED_GLOB_PREFIX), piece.data, piece.size);
    } else if (atom->way == NB_GLOB_BY_SUFFIX) {
        tag = backward_tag(index, nb_index_seed(index, field->serial, NB_SEED_GLOB_SUFFIX), piece.data, piece.size);
    } else {
        tag = choose_gram(index, field, piece, &atom->way);
    }
    if (tag == 0 || (atom->way >= NB_GRAMS && !add_length(index, field, atom->way == NB_GLOB_BY_PREFIX ? NB_LENGTHS_GLOB_PREFIX
                                                                                                         : NB_LENGTHS_GLOB_SUFFIX,
                                                          piece.size))) {
        return false;
    }
    if (atom->way < NB_GRAMS) {
        nb_store_relaxed(&field->grams, nb_load_relaxed(&field->grams) | 1u << atom->way);
    }
    nb_table_add(&index->atoms, tag, atom);
    return true;
}

/* ----------------------------------------------------------------------------------------------- interning */

/* Enters a new atom beside the table. length: by which values look for it. False: out of memory. */
static bool enlist(nb_index *index, nb_field *field, nb_atom *atom, uint32_t length)
{
    switch (atom->kind) {
    case NB_PREFIX:
        return add_length(index, field, NB_LENGTHS_PREFIX, length);
    case NB_SUFFIX:
        return add_length(index, field, NB_LENGTHS_SUFFIX, length);
    case NB_FOLD_PREFIX:
        return add_length(index, field, NB_LENGTHS_FOLD_PREFIX, length);
    case NB_FOLD_SUFFIX:
        return add_length(index, field, NB_LENGTHS_FOLD_SUFFIX, length);
    case NB_CIDR:
        return add_length(index, field, atom->size == 5 ? NB_LENGTHS_V4 : NB_LENGTHS_V6, (unsigned char)atom->data[0]);
    case NB_RANGE:
        return nb_ranges_add(index, field, atom);
    case NB_GLOB:
        return enlist_glob(index, field, atom);
    case NB_PRESENT:
        nb_store_release(&field->present, atom); /* whole before readers find it */
        return true;
    case NB_ABSENT:
        field->absent = atom;
        return true;
    default:
        return true;
    }
}

static nb_atom *find(const nb_index *index, const nb_field *field, nb_kind kind, uint32_t tag, const char *data, size_t size)
{
    uint32_t at = tag;
    nb_atom *atom;

    while ((atom = nb_rows_next(nb_table_rows(&index->atoms), tag, &at)) != NULL) {
        if (atom->field == field && atom->kind == kind && atom->size == size && (size == 0 || memcmp(atom->data, data, size) == 0)) {
            return atom;
        }
    }
    return NULL;
}

static nb_atom *intern(nb_index *index, nb_field *field, nb_kind kind, const char *data, size_t size)
{
    uint32_t length = 0;
    uint32_t tag = tag_of(index, field, kind, data, size, &length);
    nb_atom *atom = tag != 0 ? find(index, field, kind, tag, data, size) : NULL;

    if (tag == 0 || atom != NULL) {
        return atom;
    }
    atom = nb_arena_alloc(&index->arena, sizeof *atom + size);
    if (atom == NULL || !nb_table_reserve(&index->atoms)) {
        return NULL;
    }
    memset(atom, 0, sizeof *atom);
    atom->serial = ++index->serial;
    atom->size = (uint32_t)size;
    atom->field = field;
    atom->kind = (uint8_t)kind;
    if (size != 0) {
        memcpy(atom->data, data, size);
    }
    if (!enlist(index, field, atom, length) || !nb_table_reserve(&index->atoms)) { /* a range it may leave behind fires and is in no rule */
        return NULL;
    }
    nb_table_add(&index->atoms, tag, atom);
    index->predicates++;
    if (kind < NB_PRESENT) {
        /* Relaxed: a reader that misses it has a version from before the rules of this atom. */
        nb_store_relaxed(&field->kinds, nb_load_relaxed(&field->kinds) | 1u << kind);
    }
    return atom;
}

/* hint: of number.h; 0: any. */
static nb_atom *number_of(nb_index *index, nb_field *field, const char *key, size_t size, uint32_t hint)
{
    nb_atom *atom;

    /* First the hint: a reader that misses it has a version from before the rules of this atom. */
    nb_store_relaxed(&field->hints, nb_load_relaxed(&field->hints) | (hint != 0 ? UINT64_C(1) << (hint & 63) : UINT64_MAX));
    atom = intern(index, field, NB_NUMBER, key, size);
    if (atom != NULL) {
        atom->bits = (uint8_t)hint;
    }
    return atom;
}

nb_atom *nb_atom_of_test(nb_index *index, nb_field *field, const nb_test *test)
{
    char few[17];
    int64_t keys[2] = { test->low, test->high };

    switch (test->kind) {
    case NB_NUMBER:
        return number_of(index, field, (const char *)keys, sizeof keys[0], test->bits);
    case NB_RANGE:
        return intern(index, field, NB_RANGE, (const char *)keys, sizeof keys);
    case NB_CIDR:
        few[0] = (char)test->bits;
        memcpy(few + 1, test->data, test->size);
        return intern(index, field, NB_CIDR, few, test->size + 1);
    case NB_PRESENT:
        return intern(index, field, NB_PRESENT, "", 0);
    case NB_ABSENT:
        return intern(index, field, NB_ABSENT, "", 0);
    default:
        return intern(index, field, test->kind, test->data, test->size);
    }
}

nb_atom *nb_atom_of_parts(nb_index *index, nb_field *field, nb_kind kind, nb_atom **parts, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t gap = count / 2; gap > 0; gap /= 2) { /* by serial (Shell's sort), so that equal sets are equal bytes */
        for (uint32_t i = gap; i < count; i++) {
            nb_atom *part = parts[i];
            uint32_t j = i;

            for (; j >= gap && parts[j - gap]->serial > part->serial; j -= gap) {
                parts[j] = parts[j - gap];
            }
            parts[j] = part;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || parts[kept - 1] != parts[i]) {
            parts[kept++] = parts[i];
        }
    }
    return kind == NB_ANY && kept == 1 ? parts[0] : intern(index, field, kind, (const char *)parts, kept * sizeof *parts);
}

nb_atom *nb_atom_copy(nb_index *index, nb_field *field, const nb_atom *atom)
{
    uint32_t count = nb_atom_part_count(atom);
    nb_atom **parts;
    nb_atom *copy;

    if (atom->kind == NB_NUMBER) {
        return number_of(index, field, atom->data, atom->size, atom->bits);
    }
    if (atom->kind != NB_OTHER && atom->kind != NB_ANY) {
        return intern(index, field, atom->kind, atom->data, atom->size);
    }
    parts = nb_alloc_array(index->heap, count, sizeof(nb_atom *));
    if (parts == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        parts[i] = nb_atom_copy(index, field, nb_atom_parts(atom)[i]);
        if (parts[i] == NULL) {
            nb_free(index->heap, parts, count * sizeof(nb_atom *));
            return NULL;
        }
    }
    copy = nb_atom_of_parts(index, field, atom->kind, parts, count);
    nb_free(index->heap, parts, count * sizeof(nb_atom *));
    return copy;
}
