/*
 * walk.h - one publisher's walk over the routes of an edition, on its stack.
 *
 * What all deliveries of one message share is made once: the delivery that inline handlers see (they cannot change it, and what they say by
 * it, a reply or a reason, is looked at behind each call), and the references of the message, raised once for all who may take one. A new
 * message gets its id and its times when somebody wants them first: a publish to inline handlers that do not ask costs neither.
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
    nb_parcel *parcel;
    bool stamped;        /* the parcel has its id and its times */
    const char *source;  /* what inline handlers are told; NULL: each route's own */
    uint32_t spare;      /* references of the parcel's message that nobody has taken yet */
    uint32_t delivered, pending, failed;
    bool ready;          /* slot and call are made */
    nimbus_delivery slot;
    nb_call call;
} nb_walk;

/* The seat is the caller's. */
static inline void nb_walk_begin(nb_walk *walk, nimbus_runtime *nb, nb_editions *editions, nb_seat *seat, nb_parcel *parcel, bool stamped,
                                 const char *source)
{
    walk->nb = nb;
    walk->editions = editions;
    walk->seat = seat;
    walk->parcel = parcel;
    walk->stamped = stamped;
    walk->source = source;
    walk->spare = 0;
    walk->delivered = walk->pending = walk->failed = 0;
    walk->ready = false;
}

/* Gives the parcel its id and its times, if it has not got them. */
void nb_walk_stamp(nb_walk *walk);

/* The delivery of an inline handler that may not have been given these yet: before anybody reads id or times. */
#define NB_WALK_UNSTAMPED INT64_MIN /* what nb_delivery.enqueued says then */
static inline void nb_walk_stamp_delivery(const nb_delivery *delivery)
{
    if (delivery->enqueued == NB_WALK_UNSTAMPED) {
        nb_walk_stamp(NB_CONTAINER(delivery->call, nb_walk, call));
    }
}

/* Raises the message's references by as many as may be taken from it; the end gives back what was not, and the caller's own reference. */
void nb_walk_reserve(nb_walk *walk, size_t takers);
void nb_walk_end(nb_walk *walk, bool own);

/* Calls the handlers of count inline routes, at least one, without a look at their filters. More than one: all of the walk's source. */
void nb_walk_inline(nb_walk *walk, const nb_hop *hop, size_t count);

/* Delivers to one route whose filter takes the message. parcel: the walk's, or another form of it. */
void nb_walk_deliver(nb_walk *walk, const nb_hop *hop, const nb_parcel *parcel);

/* It matches but cannot be rendered: fails for good. */
void nb_walk_refuse(nb_walk *walk, nb_route *route);

#endif
