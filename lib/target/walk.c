#include "target/walk.h"

#include <string.h>

void nb_walk_fill(nb_walk *walk)
{
    const nb_parcel *parcel = walk->parcel;
    nb_delivery *slot = nb_delivery_of(&walk->slot);

    *slot = (nb_delivery){ .message = parcel->message, .letter = parcel->letter, .call = &walk->call, .source_name = walk->source,
                           .id = parcel->id, .sent = parcel->sent, .receive_count = 1 };
}

void nb_walk_stamp(nb_walk *walk)
{
    nb_parcel *parcel = walk->parcel;

    if (!walk->stamped) {
        *parcel = (nb_parcel){ .message = parcel->message, .id = nb_new_id(walk->nb) };
        parcel->enqueued = nb_clock_coarse(&walk->nb->clock, &parcel->sent);
        walk->stamped = true;
        if (walk->ready) {
            nb_walk_fill(walk);
        }
    }
}

void nb_walk_reserve(nb_walk *walk, size_t takers)
{
    nb_message_retain_n(walk->parcel->message, (uint32_t)takers);
    walk->spare += (uint32_t)takers;
}

void nb_walk_end(nb_walk *walk, bool own)
{
    if (walk->spare + own > 0) {
        nb_message_release_n(walk->parcel->message, walk->spare + own);
    }
}

static void tally(nb_walk *walk, nb_delivered what)
{
    walk->delivered += what == NB_ROUTE_DELIVERED;
    walk->pending += what == NB_ROUTE_PENDING;
    walk->failed += what == NB_ROUTE_FAILED;
}

/* ------------------------------------------------------------------------------------- inline handlers */

/* A call that said something, or did not answer DONE. */
void nb_walk_look_closer(nb_walk *walk, nb_frame *frame, nb_route *route, nimbus_outcome outcome)
{
    nb_failure why = nb_failure_rejected;
    char reason[NB_REASON_SIZE];

    nb_message_release(walk->call.reply);
    walk->call.reply = NULL;
    if (outcome == NIMBUS_DONE) {
        walk->call.reason[0] = '\0';
        walk->delivered++;
        return;
    }
    if (walk->call.reason[0] != '\0') {
        memcpy(reason, walk->call.reason, sizeof reason);
        walk->call.reason[0] = '\0';
        why.reason = reason;
    }
    nb_walk_step_out(walk, frame, route);
    nb_walk_stamp(walk);
    tally(walk, nb_route_fail(route, walk->parcel, &why));
    nb_frame_enter(frame, walk->nb, walk);
}

/* One of two routes is closed: the one before, whose call is over, or the one that is next, which is not to be called. */
bool nb_walk_turn_away(nb_walk *walk, nb_frame *frame, nb_route *before, nb_route *route)
{
    if (before != route && nb_route_closed(before)) {
        nb_walk_step_out(walk, frame, before);
        nb_frame_enter(frame, walk->nb, walk);
        nb_seat_point(walk->seat, route);
    }
    if (nb_route_closed(route)) {
        nb_route_count(&route->skipped);
        return true;
    }
    return false;
}

NB_APART void nb_walk_inline(nb_walk *walk, const nb_hop *hop, size_t count)
{
    nb_walk_run(walk, hop, count);
}

/* ----------------------------------------------------------------------------------------- other targets */

/* With one of the references that were raised in advance, if it is for this form of the message. */
static nb_verdict offer(nb_walk *walk, nb_object *target, const nb_parcel *parcel)
{
    bool reserved = parcel->message == walk->parcel->message && walk->spare > 0;
    nb_verdict verdict;

    if (!reserved) {
        nb_message_retain(parcel->message);
    }
    nb_letter_retain(parcel->letter);
    verdict = target->ops->offer(target, parcel);
    if (verdict == NB_DELIVERED || verdict == NB_PENDING) {
        walk->spare -= reserved;
        return verdict;
    }
    if (!reserved) {
        nb_message_release(parcel->message);
    }
    nb_letter_release(parcel->letter);
    return verdict;
}

static nb_delivered deliver_first(nb_walk *walk, nb_route *route, const nb_parcel *parcel)
{
    nb_object *target = nb_route_borrow(route, walk->seat);

    switch (target != NULL ? offer(walk, target, parcel) : nb_route_offer(route, parcel)) {
    case NB_DELIVERED:
        return NB_ROUTE_DELIVERED;
    case NB_PENDING: /* a function has it, and from here on it is the function's */
        return NB_ROUTE_PENDING;
    case NB_MISSING:
        return nb_route_fail(route, parcel, &nb_failure_missing);
    case NB_PERMANENT:
        return nb_route_fail(route, parcel, &nb_failure_permanent);
    case NB_FULL:
    case NB_TRANSIENT:
    default:
        return nb_route_put_off(route, parcel);
    }
}

void nb_walk_deliver(nb_walk *walk, const nb_hop *hop, const nb_parcel *parcel)
{
    if (hop->handler != NULL) {
        nb_walk_inline(walk, hop, 1);
    } else if (nb_route_closed(hop->route)) {
        nb_route_count(&hop->route->skipped);
    } else {
        tally(walk, deliver_first(walk, hop->route, parcel));
    }
}

void nb_walk_refuse(nb_walk *walk, nb_route *route)
{
    tally(walk, nb_route_fail(route, walk->parcel, &nb_failure_full));
}
