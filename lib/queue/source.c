/* source.c - a queue as the source of functions and mappings (target/source.h). */
#include "queue/queue.h"

static nimbus_status take(nb_object *source, uint32_t max, bool lease, nb_delivery *slots, uint32_t *ret_count, bool *ret_more)
{
    nb_store *store = &nb_queue_of(source)->store;
    nimbus_status status =
        nb_store_take(store, max, lease ? store->nb->limits.max_visibility : NB_STORE_VISIBILITY, slots, ret_count, ret_more);

    if (status == NIMBUS_OK && *ret_count == 0) {
        nb_store_count_empty(store);
    }
    return status;
}

/* The message stays; what the handler said is kept for its dead letter. Without memory only the words are lost. */
static void leave(nb_store *store, nb_delivery *delivery, const nb_settlement *how)
{
    if (how->reason[0] != '\0') {
        nb_store_note(store, delivery->receipt, nb_letter_make(store->owner->heap, "", how->reason, 0));
    }
    if (how->lease) {
        nb_store_change(store, delivery->receipt, NB_STORE_VISIBILITY); /* back at the end of the queue's own timeout (LA-Q3) */
    }
}

static bool settle(nb_object *source, nb_delivery *delivery, const nb_settlement *how)
{
    nb_store *store = &nb_queue_of(source)->store;

    switch (how->outcome) {
    case NIMBUS_DONE:
        return nb_store_delete_delivery(store, delivery) == NIMBUS_OK;
    case NIMBUS_LATER:
        nb_store_untake(store, delivery->receipt);
        return false;
    case NIMBUS_REJECT:
        if (nb_store_doom(store, delivery->receipt, how->reason[0] != '\0' ? how->reason : "rejected by the handler") == NIMBUS_OK) {
            return true;
        }
        break;
    case NIMBUS_RETRY:
    default:
        break;
    }
    leave(store, delivery, how);
    return false;
}

static nimbus_status wait_source(nb_object *source, nb_waiter *waiter)
{
    return nb_store_wait(&nb_queue_of(source)->store, waiter);
}

static bool unwait_source(nb_object *source, nb_waiter *waiter, nimbus_status why)
{
    return nb_store_unwait(&nb_queue_of(source)->store, waiter, why);
}

static void pass_on(nb_object *source)
{
    nb_store_pass_on(&nb_queue_of(source)->store);
}

const nb_source_ops nb_queue_source = { take, settle, wait_source, unwait_source, pass_on };
