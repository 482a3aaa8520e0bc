/*
 * delivery.h - what is inside the public nimbus_delivery.
 */
#ifndef NB_STORE_DELIVERY_H
#define NB_STORE_DELIVERY_H

#include "runtime/object.h"

struct nb_call; /* a handler's call, function/ and target/ know it */

#define NB_HEARTBEAT 256u /* no outcome */

typedef struct nb_delivery {
    nimbus_message *message; /* counted; NULL: the slot is empty */
    nb_letter *letter;       /* counted */
    nb_object *source;       /* pinned: where it was taken from */
    struct nb_call *call;    /* in a handler; NULL: received */
    const char *source_name;
    nimbus_receipt receipt;
    nimbus_id id;
    nimbus_time sent, first_received, visible_at;
    uint32_t receive_count;
    uint32_t own_receives;   /* of these: from this store */
    int64_t enqueued;        /* with NB_HEARTBEAT: the visibility that its message would have had without */
    uint64_t sequence;       /* of an ordered store; else 0 */
    uint32_t mark;           /* a batch handler's, see function/batch.h; NB_HEARTBEAT: of a received one; else 0 */
    uint32_t failed;         /* for good: it only waits for its dead letter */
} nb_delivery;

_Static_assert(sizeof(nb_delivery) == sizeof(nimbus_delivery), "arrays of the public slot are arrays of deliveries");

static inline nb_delivery *nb_delivery_of(nimbus_delivery *slot)
{
    return (nb_delivery *)(void *)slot;
}

static inline const nb_delivery *nb_delivery_in(const nimbus_delivery *slot)
{
    return (const nb_delivery *)(const void *)slot;
}

/* Lets go of message, letter and source, and empties the slot. Nothing for an empty one. */
void nb_delivery_let_go(nb_delivery *delivery);

#endif
