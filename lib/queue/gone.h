/*
 * gone.h - what a queue's store asks of it when a message leaves by itself: it goes to the dead-letter queue, or it expired or was dropped.
 * Called without the store's lock.
 */
#ifndef NB_QUEUE_GONE_H
#define NB_QUEUE_GONE_H

#include "runtime/runtime.h"

/* As in nb_store_ops. */
bool nb_queue_move_to_dead_letter(nb_object *owner, const nb_parcel *parcel, uint32_t own_receives, const void *why);
void nb_queue_tell_of_gone(nb_object *owner, nimbus_trace_kind kind, const nb_parcel *parcel);

#endif
