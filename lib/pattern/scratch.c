#include "pattern/scratch.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static nb_space space_of(void *items, size_t room)
{
    return (nb_space){ items, 0, (uint32_t)room, 0 };
}

void nb_scratch_open(nb_scratch *scratch, nb_heap *heap)
{
    scratch->heap = heap;
    scratch->found = space_of(scratch->first_found, COUNT(scratch->first_found));
    scratch->fired = space_of(scratch->first_fired, COUNT(scratch->first_fired));
    scratch->entries = space_of(NULL, 0);
    scratch->arrays = space_of(NULL, 0);
    scratch->rules = space_of(scratch->first_rules, COUNT(scratch->first_rules));
    scratch->text = space_of(scratch->first_text, COUNT(scratch->first_text));
    scratch->folded = space_of(scratch->first_folded, COUNT(scratch->first_folded));
    scratch->frames = space_of(NULL, 0);
    scratch->families = space_of(NULL, 0);
    scratch->marks = space_of(scratch->first_marks, COUNT(scratch->first_marks));
    memset(scratch->first_marks, 0, sizeof scratch->first_marks);
    scratch->round = 1;
    scratch->marked = 0;
    scratch->starved = scratch->twins = false;
    scratch->steps = 0;
}

static void close_space(nb_scratch *scratch, nb_space *space)
{
    if (space->own != 0) {
        nb_free(scratch->heap, space->items, space->own);
    }
}

void nb_scratch_close(nb_scratch *scratch)
{
    close_space(scratch, &scratch->found);
    close_space(scratch, &scratch->fired);
    close_space(scratch, &scratch->entries);
    close_space(scratch, &scratch->arrays);
    close_space(scratch, &scratch->rules);
    close_space(scratch, &scratch->text);
    close_space(scratch, &scratch->folded);
    close_space(scratch, &scratch->frames);
    close_space(scratch, &scratch->families);
    close_space(scratch, &scratch->marks);
}

void nb_scratch_clear(nb_scratch *scratch)
{
    scratch->found.count = scratch->fired.count = scratch->entries.count = scratch->arrays.count = scratch->rules.count = 0;
    scratch->text.count = scratch->folded.count = scratch->frames.count = 0;
    scratch->marked = 0;
    scratch->starved = scratch->twins = false;
    scratch->steps = 0;
    if (++scratch->round == 0) { /* once in four thousand million events */
        memset(scratch->marks.items, 0, scratch->marks.room * sizeof(nb_mark));
        scratch->round = 1;
    }
}

bool nb_space_grow(nb_scratch *scratch, nb_space *space, size_t count, size_t size)
{
    size_t room = space->room < 16 ? 16 : (size_t)space->room * 2;
    void *items;

    while (room < space->count + count) {
        room *= 2;
    }
    items = room <= UINT32_MAX / size ? nb_alloc(scratch->heap, room * size) : NULL;
    if (items == NULL) {
        scratch->starved = true;
        return false;
    }
    if (space->count != 0) {
        memcpy(items, space->items, space->count * size);
    }
    close_space(scratch, space);
    space->items = items;
    space->room = (uint32_t)room;
    space->own = (uint32_t)(room * size);
    return true;
}

bool nb_marks_grow(nb_scratch *scratch)
{
    nb_space old = scratch->marks;
    const nb_mark *marks = old.items;
    size_t bytes = (size_t)old.room * 4 * sizeof(nb_mark);
    void *items = bytes <= UINT32_MAX ? nb_alloc_zero(scratch->heap, bytes) : NULL;

    if (items == NULL) {
        scratch->starved = true;
        return false;
    }
    scratch->marks = (nb_space){ items, 0, old.room * 4, (uint32_t)bytes };
    for (uint32_t i = 0; i < old.room; i++) {
        if (marks[i].round == scratch->round) {
            *nb_mark_place(scratch, marks[i].number) = marks[i];
        }
    }
    close_space(scratch, &old);
    return true;
}
