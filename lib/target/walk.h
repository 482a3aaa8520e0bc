/*
 * walk.h - one publisher's walk over the routes of an edition, on its stack.
 *
 * What all deliveries of one message share is made once: the delivery that inline handlers see (they cannot change it, and what they say by
 * it, a reply or a reason, is looked at behind each call), and the references of the message, raised once for all who may take one.
 *
 * Inline handlers run one behind the other without lock, count or allocation; the seat says which one runs (route.h).
 */
#ifndef NB_TARGET_WALK_H
#define NB_TARGET_WALK_H

#include "target/route.h"

typedef struct nb_walk {
    nimbus_runtime *nb;
    nb_editions *editions;
    nb_seat *seat;
    const nb_parcel *parcel;
    const char *source;  /* what inline handlers are told; NULL: each route's own */
    uint32_t spare;      /* references of the parcel's message that nobody has taken yet */
    uint32_t delivered, pending, failed;
    bool ready;          /* slot and call are made */
    nimbus_delivery slot;
    nb_call call;
} nb_walk;

/* The seat is the caller's. */
void nb_walk_begin(nb_walk *walk, nimbus_runtime *nb, nb_editions *editions, nb_seat *seat, const nb_parcel *parcel, const char *source);

/* Raises the message's references by as many as may be taken from it; the end gives back what was not, and the caller's own reference. */
void nb_walk_reserve(nb_walk *walk, size_t takers);
void nb_walk_end(nb_walk *walk, bool own);

/* Calls the handlers of count inline routes, at least one, without a look at their filters. */
void nb_walk_inline(nb_walk *walk, const nb_hop *hops, size_t count);

/* Delivers to one route whose filter takes the message. parcel: the walk's, or another form of it. */
void nb_walk_deliver(nb_walk *walk, const nb_hop *hop, const nb_parcel *parcel);

/* It matches but cannot be rendered: fails for good. */
void nb_walk_refuse(nb_walk *walk, nb_route *route);

#endif
