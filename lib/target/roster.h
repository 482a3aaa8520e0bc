/*
 * roster.h - the routes of a topic or a rule: an immutable, counted array that is swapped as a whole.
 *
 * A publisher takes a reference under its owner's lock and walks the array without it, so handlers may subscribe and unsubscribe meanwhile.
 * The routes are pinned by the roster.
 */
#ifndef NB_TARGET_ROSTER_H
#define NB_TARGET_ROSTER_H

#include "target/route.h"

typedef struct nb_roster {
    nb_heap *heap;
    atomic_size_t references; /* lowered with acquire-release: the last one frees */
    size_t count, room;
    nb_route *routes[];
} nb_roster;

/* The routes of before (NULL: none) without `without`, then `with`; either may be NULL. One reference. NULL: out of memory. */
nb_roster *nb_roster_make(nb_heap *heap, const nb_roster *before, const nb_route *without, nb_route *with);
nb_roster *nb_roster_retain(nb_roster *roster); /* NULL gives NULL */
void nb_roster_release(nb_roster *roster);      /* NULL: nothing */

#endif
