/* numeral.c - which numbers and ranges of numbers a value is. */
#include "json/number.h"
#include "pattern/firing.h"

/* A number that is looked for. Most find nothing, so it is only then looked at whether it is comparable. */
typedef struct numeral {
    nb_number number;
    int64_t key;
    bool known, comparable;
} numeral;

static bool is_comparable(numeral *n)
{
    if (!n->known) {
        n->known = true;
        n->comparable = nb_number_comparable(&n->number);
    }
    return n->comparable;
}

/* Ranges of one level that hold a key. */
static void fire_level(nb_firing *f, const nb_ranges *ranges, numeral *n)
{
    uint32_t spans[64][2]; /* still to be looked at: at most one for each level of the tree, and one more */
    unsigned count = 0;
    uint32_t low = 0, high = ranges->count;
    int64_t key = n->key;

    for (;;) {
        if (low < high) {
            uint32_t middle = low + (high - low) / 2;
            const nb_range *range = &ranges->items[middle];

            f->scratch->steps++;
            if (range->most >= key) {
                if (range->low <= key) {
                    /* one on its way to another level is met twice */
                    if (range->high >= key && is_comparable(n) && nb_mark_get(f->scratch, range->atom->serial) != f->value) {
                        nb_fire_atom(f, range->atom);
                    }
                    spans[count][0] = middle + 1;
                    spans[count++][1] = high;
                }
                high = middle;
                continue;
            }
        }
        if (count == 0) {
            break;
        }
        low = spans[--count][0];
        high = spans[count][1];
    }
}

/*
 * What moves, moves up. The writer counts a level before it empties the ones below: a reader that finds one of those empty (acquire) sees
 * the count.
 */
static void fire_ranges(nb_firing *f, numeral *n)
{
    const nb_field *field = f->field;

    for (unsigned i = 0; i < nb_load_relaxed((_Atomic uint32_t *)(uintptr_t)&field->levels); i++) {
        const nb_ranges *ranges = LOAD(field->ranges[i]);

        if (ranges != NULL) {
            fire_level(f, ranges, n);
        }
    }
}

static void fire_key(nb_firing *f, numeral *n)
{
    const char *data = (const char *)&n->key;
    uint32_t tag = nb_hash_bytes(nb_index_seed(f->index, f->field->serial, NB_NUMBER), data, sizeof n->key);
    uint32_t at = tag;
    const nb_atom *atom;

    while ((atom = nb_rows_next(f->rows, tag, &at)) != NULL) {
        if (atom->field == f->field && atom->kind == NB_NUMBER && nb_atom_agrees(atom, data, sizeof n->key)) {
            if (is_comparable(n)) {
                nb_fire_atom(f, atom);
            }
            break;
        }
    }
    f->scratch->steps += 1 + (at - tag);
}

/* Whether a number is none that is asked for, by its last digits. */
static bool is_hopeless(const nb_field *field, const char *text, size_t size)
{
    unsigned hint = nb_number_text_hint(text, size);

    return hint != 0 && (nb_load_relaxed((_Atomic uint64_t *)(uintptr_t)&field->hints) >> (hint & 63) & 1) == 0;
}

void nb_fire_number(nb_firing *f, uint32_t kinds, const char *text, size_t size)
{
    numeral n;

    f->scratch->steps += size / 8;
    if ((kinds & 1u << NB_NUMBER_TEXT) != 0) {
        nb_fire_equal(f, NB_NUMBER_TEXT, text, size);
    }
    if ((kinds & (1u << NB_NUMBER | 1u << NB_RANGE)) == 0 || ((kinds & 1u << NB_RANGE) == 0 && is_hopeless(f->field, text, size)) ||
        !nb_number_parse(text, size, &n.number)) {
        return;
    }
    n.key = nb_number_key(n.number.value);
    n.known = false;
    if ((kinds & 1u << NB_NUMBER) != 0) {
        fire_key(f, &n);
    }
    if ((kinds & 1u << NB_RANGE) != 0) {
        fire_ranges(f, &n);
    }
}
