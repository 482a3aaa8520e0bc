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

#include "base/rare.h"
#include "target/route.h"

typedef struct nb_walk {
    nimbus_runtime *nb;
    nb_editions *editions;
    nb_seat *seat;
    nb_parcel *parcel;
    bool stamped;        /* the parcel has its id and its times; false: it has a message and nothing else */
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

/* Gives the parcel its id and its times, and all its other members, if it has not got them. */
void nb_walk_stamp(nb_walk *walk);

/* What an inline handler's delivery says in `enqueued` while it has only message and call: before anybody reads id or times. */
#define NB_WALK_UNSTAMPED INT64_MIN

static inline bool nb_walk_unstamped(const nb_delivery *delivery)
{
    return delivery->enqueued == NB_WALK_UNSTAMPED;
}

static inline void nb_walk_stamp_delivery(const nb_delivery *delivery)
{
    if (nb_walk_unstamped(delivery)) {
        nb_walk_stamp(NB_CONTAINER(delivery->call, nb_walk, call));
    }
}

/* Raises the message's references by as many as may be taken from it; the end gives back what was not, and the caller's own reference. */
void nb_walk_reserve(nb_walk *walk, size_t takers);
void nb_walk_end(nb_walk *walk, bool own);

/* ------------------------------------------------------------------------------------- inline handlers */

void nb_walk_fill(nb_walk *walk); /* the delivery, from a parcel that is stamped */

/* A call that said something, or did not answer DONE. */
void nb_walk_look_closer(nb_walk *walk, nb_frame *frame, nb_route *route, nimbus_outcome outcome);

/* One of two routes is closed: the one before, whose call is over, or the one that is next, which is not to be called (true). */
bool nb_walk_turn_away(nb_walk *walk, nb_frame *frame, nb_route *before, nb_route *route);

/* Made once for all; everything but the reason's text, of which the first byte says that there is none. One by one: compilers clear a
 * struct by an instruction that takes longer than all the rest of a publish. */
static inline void nb_walk_make_ready(nb_walk *walk)
{
    nb_delivery *slot = nb_delivery_of(&walk->slot);
    nb_call *call = &walk->call;

    slot->message = walk->parcel->message;
    slot->call = call;
    slot->enqueued = NB_WALK_UNSTAMPED;
    if (walk->stamped) {
        nb_walk_fill(walk);
    }
    call->nb = walk->nb;
    call->owner = walk;
    call->subscription = NULL;
    call->lock = NULL;
    call->kept = NULL;
    call->function_call = NULL;
    call->reply = NULL;
    call->reason[0] = '\0';
    walk->ready = true;
}

/* Off the handlers, to do something that is not theirs: a destroy function, a trace hook. */
static inline void nb_walk_step_out(nb_walk *walk, nb_frame *frame, nb_route *before)
{
    nb_seat_point(walk->seat, NULL);
    nb_frame_leave(frame);
    if (nb_route_closed(before)) {
        nb_route_left(before);
    }
}

/* Calls the handlers of count inline routes, at least one, without a look at their filters. More than one: all of the walk's source. */
static inline void nb_walk_run(nb_walk *walk, const nb_hop *hop, size_t count)
{
    const nb_hop *end = hop + count;
    nb_seat *seat = walk->seat;
    nb_call *call = &walk->call;
    nb_route *before = hop->route;
    uint32_t done = 0;
    nb_frame frame;

    if (!walk->ready) {
        nb_walk_make_ready(walk);
    }
    if (walk->source == NULL) {
        nb_delivery_of(&walk->slot)->source_name = before->dead_letter.source;
    }
    nb_frame_enter(&frame, walk->nb, walk);
    for (; hop != end; hop++) {
        nb_route *route = hop->route;
        nimbus_outcome outcome;

        nb_seat_point(seat, route);
        if (NB_RARE(nb_route_closed(before) || nb_route_closed(route)) && nb_walk_turn_away(walk, &frame, before, route)) {
            before = route;
            continue;
        }
        before = route;
        call->subscription = route;
        outcome = hop->handler(&walk->slot, hop->user);
        if (outcome == NIMBUS_DONE && call->reply == NULL && call->reason[0] == '\0') {
            done++;
        } else {
            nb_walk_look_closer(walk, &frame, route, outcome);
        }
    }
    walk->delivered += done;
    nb_walk_step_out(walk, &frame, before);
}

/* The same, out of line. */
void nb_walk_inline(nb_walk *walk, const nb_hop *hop, size_t count);

/* ------------------------------------------------------------------------------------------ all targets */

/* Delivers to one route whose filter takes the message. parcel: the walk's, or another form of it. */
void nb_walk_deliver(nb_walk *walk, const nb_hop *hop, const nb_parcel *parcel);

/* It matches but cannot be rendered: fails for good. */
void nb_walk_refuse(nb_walk *walk, nb_route *route);

#endif
