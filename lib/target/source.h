/*
 * source.h - where a function takes its messages from: a queue, or its own mailbox. A table of functions, so that mappings and functions
 * know neither.
 */
#ifndef NB_TARGET_SOURCE_H
#define NB_TARGET_SOURCE_H

#include "store/store.h"

/* Settling: how a handler's answer ends a message. */
typedef struct nb_settlement {
    nimbus_outcome outcome;  /* NIMBUS_LATER: nobody saw it; the take is undone */
    bool lease;              /* it was taken with a lease: NIMBUS_RETRY ends the lease, see nb_source_ops.take */
    const char *reason;      /* of a failure; "" */
    nimbus_message *reply;   /* borrowed; NULL */
} nb_settlement;

typedef struct nb_source_ops {
    /* Up to max messages. lease: they stay hidden while they are worked on, however long that takes (up to the instance's limit). */
    nimbus_status (*take)(nb_object *source, uint32_t max, bool lease, nb_delivery *slots, uint32_t *ret_count,
                          bool *ret_more);
    /*
     * The delivery is still the caller's, but with NIMBUS_DONE it may have been emptied: then only its source is pinned still. False: the
     * message is still in the source, so who has later ones of its group must not go on with them (LA-Q10). A mailbox has no groups: true.
     */
    bool (*settle)(nb_object *source, nb_delivery *delivery, const nb_settlement *how);
    nimbus_status (*wait)(nb_object *source, nb_waiter *waiter);                        /* as nb_store_wait */
    bool (*unwait)(nb_object *source, nb_waiter *waiter, nimbus_status why);
    void (*pass_on)(nb_object *source);
} nb_source_ops;

#endif
