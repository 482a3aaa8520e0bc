/*
 * play.h - the line of entries that a walk has left, played for one conjunction: arrays, their elements and the values in between, in the
 * order of the text. consistency.c and twins.c say what each entry means; they keep their state in a play of their own.
 *
 * The steps are constants of the including source, so that the compiler calls none of them through a pointer.
 */
#ifndef NB_PATTERN_PLAY_H
#define NB_PATTERN_PLAY_H

#include "pattern/match.h"

typedef uint64_t nb_lists; /* bit n: atom n of the conjunction */

typedef struct nb_play_steps {
    void (*open_array)(void *play, const nb_node *node);
    void (*open_element)(void *play);
    void (*leave_element)(void *play);
    void (*leave_array)(void *play);
    void (*take_value)(void *play, const nb_found *found);
} nb_play_steps;

static inline __attribute__((always_inline)) void nb_play(nb_scratch *scratch, const nb_play_steps *steps, void *play)
{
    const nb_entry *entries = scratch->entries.items;

    for (uint32_t i = 0; i < scratch->entries.count; i++) {
        switch ((nb_entry_kind)entries[i].kind) {
        case NB_ENTRY_VALUE:
            steps->take_value(play, nb_found_at(scratch, entries[i].at));
            break;
        case NB_ENTRY_ARRAY:
            steps->open_array(play, ((const nb_node **)scratch->arrays.items)[entries[i].at]);
            break;
        case NB_ENTRY_ELEMENT:
            steps->open_element(play);
            break;
        case NB_ENTRY_ELEMENT_END:
            steps->leave_element(play);
            break;
        case NB_ENTRY_ARRAY_END:
        default:
            steps->leave_array(play);
            break;
        }
    }
}

static inline unsigned nb_lists_count(nb_lists set)
{
    unsigned count = 0;

    for (; set != 0; set &= set - 1) {
        count++;
    }
    return count;
}

#endif
