/* batch.h - batches: what a batch handler sees, and how one is gathered over a window. */
#ifndef NB_FUNCTION_BATCH_H
#define NB_FUNCTION_BATCH_H

#include "function/function.h"

struct nimbus_batch {
    nb_delivery *slots;
    uint32_t count;
};

#define NB_UNMARKED UINT32_MAX /* nb_delivery.mark: else an outcome */

/* call.c: calls the handler and settles what it answers. Whether a call may begin has been looked at. False: the message is still in its
 * queue, or kept. unpinned: where a pin of the delivery's source is counted that the caller will give back; NULL: it is given back. */
bool nb_call_run_single(nb_function_call *at, nimbus_delivery *slot, uint32_t *unpinned);
void nb_call_run_batch(nb_function_call *at, nb_delivery *slots, uint32_t count);
void nb_call_give_back(const nb_function_call *at, nb_delivery *delivery);

/* The message of the first of several deliveries, if it comes from a queue with an order and is not the only one; a reference: by the time
 * that the outcome is known the slot may be empty. Else NULL. */
static inline nimbus_message *nb_call_leader(const nb_delivery *slots, uint32_t count)
{
    return count > 1 && slots[0].sequence != 0 ? nb_message_retain(slots[0].message) : NULL; /* the number: its queue has an order */
}

/* Whether a later delivery of the same take is of its group. Of none, if leader is NULL; an empty slot waits for nobody. */
bool nb_call_waits_for(const nb_delivery *later, const nimbus_message *leader);

/* Lets go of a delivery that has been settled. */
static inline void nb_call_let_go(nb_delivery *delivery)
{
    nb_object *source = delivery->source;

    if (delivery->message != NULL) {
        nb_delivery_let_go(delivery);
    } else {
        delivery->source = NULL;
        nb_object_unpin(source);
    }
}

/* The feed's gather, a new one if need be, for the worker that has feed->gathering. NULL: not needed, or no memory. */
nb_gather *nb_gather_take(nb_feed *feed);

/* Puts it back: NULL. Or it is full or its window is over: it is the caller's to run. gather may be NULL. */
nb_gather *nb_gather_ready(nb_feed *feed, nb_gather *gather);

#endif
