/* backlog.h - what route.c and backlog.c share. */
#ifndef NB_TARGET_BACKLOG_H
#define NB_TARGET_BACKLOG_H

#include "target/route.h"

static inline nb_route *nb_route_of(nb_object *object)
{
    return NB_CONTAINER(object, nb_route, object);
}

extern const nb_store_ops nb_backlog_ops;
void nb_route_pump(nb_task *task, nb_turn *turn);
bool nb_backlog_ready(nb_waiter *waiter); /* the store's callback: something can be tried again */

#endif
