/*
 * roster.h - the routes of a topic: an edition (edition.h), so it is immutable and swapped as a whole, and handlers may subscribe and
 * unsubscribe while publishers walk it. The routes are pinned by the roster.
 *
 * A publish is counted once for the whole roster (nb_seat_pass); when the roster goes, its passes are added to each route's `walked`.
 */
#ifndef NB_TARGET_ROSTER_H
#define NB_TARGET_ROSTER_H

#include "target/route.h"

typedef struct nb_roster {
    nb_edition edition;
    nb_heap *heap;     /* NULL: it lies in its owner */
    size_t count, room;
    size_t plain;      /* routes that are inline without a filter */
    size_t takers;     /* routes that take a reference of the message itself: not inline, no envelope */
    size_t filters[2]; /* routes with one, by nimbus_filter_scope */
    nb_hop hops[1];    /* room of them */
} nb_roster;

static inline nb_roster *nb_roster_of(nb_edition *edition)
{
    return NB_CONTAINER(edition, nb_roster, edition);
}

extern const nb_edition_ops nb_roster_ops;

/* The routes of before (NULL: none) without `without`, then `with`; either may be NULL. NULL: out of memory. */
nb_roster *nb_roster_make(nb_heap *heap, const nb_roster *before, const nb_route *without, nb_route *with);

/* Messages that came by a route on rosters that are still there, and `walked`. */
uint64_t nb_roster_walked(nb_editions *editions, const nb_route *route);

#endif
