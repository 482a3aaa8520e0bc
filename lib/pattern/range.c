/*
 * range.c - the numeric ranges of a field: a few sorted levels, each four times the last.
 *
 * A new range goes into the first level that has room for it and all levels before it; those are merged into a new one. So each range is
 * copied a few times per level. Within a level the ranges are ordered by their lower end, and the array is read as a balanced tree: the
 * middle of a span is its root. `most` is the largest upper end in the span, so that a search turns back where nothing reaches the number.
 */
#include <stddef.h>

#include "pattern/index.h"

#define FIRST_LEVEL 16u

static void end_ranges(nb_retired *retired, nb_heap *heap, void *owner)
{
    nb_ranges *ranges = (nb_ranges *)(void *)((char *)retired - offsetof(nb_ranges, retired));

    (void)owner;
    nb_free(heap, ranges, sizeof *ranges + ranges->count * sizeof ranges->items[0]);
}

/* Fills `most` of a span. The depth of the recursion is the logarithm of the span. */
static int64_t sum_up(nb_range *items, uint32_t low, uint32_t high)
{
    uint32_t middle = low + (high - low) / 2;
    int64_t most, other;

    if (low == high) {
        return INT64_MIN;
    }
    most = items[middle].high;
    other = sum_up(items, low, middle);
    most = other > most ? other : most;
    other = sum_up(items, middle + 1, high);
    items[middle].most = other > most ? other : most;
    return items[middle].most;
}

/* Merges sorted rows: to holds `have`, more is put into it. */
static uint32_t merge(nb_range *to, uint32_t have, const nb_range *more, uint32_t count)
{
    uint32_t i = have, j = count, at = have + count;

    while (j > 0) {
        to[--at] = i > 0 && to[i - 1].low > more[j - 1].low ? to[--i] : more[--j];
    }
    return have + count;
}

bool nb_ranges_add(nb_index *index, nb_field *field, nb_atom *atom)
{
    nb_range one = { .low = nb_atom_bound(atom, 0), .high = nb_atom_bound(atom, 1), .atom = atom };
    uint32_t level = 0, count = 1, have = 0;
    uint64_t room = FIRST_LEVEL;
    nb_ranges *ranges;

    for (;; level++, room *= 4) {
        nb_ranges *old = nb_load_relaxed(&field->ranges[level]);

        count += old != NULL ? old->count : 0;
        if (count <= room || level == NB_RANGE_LEVELS - 1) {
            break;
        }
    }
    ranges = nb_alloc(index->heap, sizeof *ranges + count * sizeof ranges->items[0]);
    if (ranges == NULL) {
        return false;
    }
    ranges->count = count;
    have = merge(ranges->items, have, &one, 1);
    for (uint32_t i = 0; i <= level; i++) {
        nb_ranges *old = nb_load_relaxed(&field->ranges[i]);

        have = old != NULL ? merge(ranges->items, have, old->items, old->count) : have;
    }
    sum_up(ranges->items, 0, count);
    if (level >= nb_load_relaxed(&field->levels)) {
        nb_store_relaxed(&field->levels, level + 1); /* before a lower level is emptied: fire_ranges() */
    }
    for (uint32_t i = level + 1; i-- > 0;) { /* the new level first: a reader that finds a lower one empty finds it */
        nb_ranges *old = nb_load_relaxed(&field->ranges[i]);

        nb_store_release(&field->ranges[i], i == level ? ranges : NULL);
        if (old != NULL && index->grace != NULL) {
            nb_grace_retire(index->grace, &old->retired, end_ranges);
        } else if (old != NULL) {
            end_ranges(&old->retired, index->heap, NULL);
        }
    }
    return true;
}
