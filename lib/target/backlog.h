/* backlog.h - what route.c and backlog.c share. */
#ifndef NB_TARGET_BACKLOG_H
#define NB_TARGET_BACKLOG_H

#include "target/route.h"

static inline nb_route *nb_route_of(nb_object *object)
{
    return NB_CONTAINER(object, nb_route, object);
}

void nb_route_count(_Atomic uint64_t *counter);

/* Offers a parcel, which stays the caller's, to the callback or to who fills the name. */
nb_verdict nb_route_offer(nb_route *route, const nb_parcel *parcel);

extern const nb_store_ops nb_backlog_ops;
void nb_route_pump(nb_task *task, nb_turn *turn);
bool nb_backlog_ready(nb_waiter *waiter); /* the store's callback: something can be tried again */

#endif
