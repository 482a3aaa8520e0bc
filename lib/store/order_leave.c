/*
 * order_leave.c - deletes from a store with an order: one, or a run of them, all under one lock.
 *
 * The lock comes first. Then each slot is claimed, as in settle.c, leaves its group and is free: nobody finds it in its list as a ZOMBIE.
 * The slots go back to the stack together, then the messages are counted out, as in batch.c. No fence stands between the count and the
 * look at who waits: that is done under the lock, as are the waits (wait.c). What is not in flight, or has a past, ends the run, and is
 * seen to by itself.
 */
#include "store/inside.h"
#include "store/order.h"

/* One run. */
typedef struct leaving {
    nb_store *store;     /* NULL: none is under way */
    uint64_t bytes;
    uint32_t references; /* of each message, to be given back: the slot's, and perhaps the delivery's */
    uint32_t count;
    uint32_t first;      /* of the chain of slots that become free, index + 1 */
    nb_slot *last;
    nimbus_message *messages[NB_BATCH_RUN];
} leaving;

/* What has lapsed by now is not in flight any more: its receipt is refused by a FIFO queue. */
static inline void begin(leaving *run, nb_store *store, uint32_t references)
{
    run->store = store;
    run->references = references;
    run->count = run->first = 0;
    run->last = NULL;
    run->bytes = 0;
    if (store->order->fair) {
        nb_lock_acquire(&store->lock);
    } else {
        nb_store_enter_at(store, nb_clock_coarse(&store->nb->clock, NULL));
    }
}

/* The common case: in flight under this receipt, without a past, and the store is open. False: another case; nothing has happened. */
static inline bool join(leaving *run, nimbus_receipt receipt)
{
    nb_store *store = run->store;
    uint32_t index = nb_index_of(receipt);
    nb_slot *slot;
    uint64_t word;

    if (receipt.place >> 32 != store->number || index >= nb_load_acquire(&store->slot_count) ||
        (nb_load_acquire(&store->mode) & NB_MODE_ENDED) != 0) {
        return false;
    }
    slot = nb_slot_at(store, index);
    word = nb_load_relaxed(&slot->word);
    if ((word & ~NB_COUNTED) != (receipt.generation << NB_GENERATION_SHIFT | NB_ORDERED | NB_IN_FLIGHT) || !nb_slot_claim(slot, word)) {
        return false;
    }
    run->bytes += (word & NB_COUNTED) != 0 ? nb_message_size(slot->message) : 0;
    run->messages[run->count++] = slot->message;
    if (store->order->fair) {
        nb_slot_vacate(store, slot, index, word);
        nb_order_touch_locked(store, index);
        return true;
    }
    nb_order_leave_locked(store, index);
    nb_slot_publish(slot, ((word & ~(NB_FLAGS | NB_STATE_MASK)) + NB_ONE_GENERATION) | NB_FREE);
    nb_store_release(&slot->own_receives, run->first); /* see slot.h */
    run->last = run->first == 0 ? slot : run->last;
    run->first = index + 1;
    return true;
}

static inline void finish(leaving *run)
{
    nb_store *store = run->store;

    if (run->first != 0) {
        nb_slots_push(store, run->first - 1, run->last);
    }
    if (run->bytes != 0) {
        nb_sub_relaxed(&store->bytes, run->bytes);
    }
    if (run->count > 0) {
        nb_count_deleted(store, run->count, run->count);
    }
    nb_store_leave(store);
    for (uint32_t i = 0; i < run->count; i++) {
        nb_message_release_n(run->messages[i], run->references);
    }
    run->store = NULL;
}

nimbus_status nb_order_delete_delivery(nb_store *store, nb_delivery *delivery)
{
    leaving run;

    begin(&run, store, 2);
    if (!join(&run, delivery->receipt)) {
        nb_store_leave(store);
        return nb_store_delete_specially(store, delivery);
    }
    delivery->message = NULL; /* first: a free function may look. It has no letter, as the slot has no past */
    finish(&run);
    return NIMBUS_OK;
}

/* Whether the next one joins the run, which is begun for it if need be. False: the run is over, so that one follows the other. */
static bool goes_along(leaving *run, nb_store *store, uint32_t references, nimbus_receipt receipt)
{
    if (run->store == NULL) {
        begin(run, store, references);
    }
    if (!join(run, receipt)) {
        finish(run);
        return false;
    }
    return true;
}

static void end_if(leaving *run, bool wanted)
{
    if (wanted && run->store != NULL) {
        finish(run);
    }
}

bool nb_order_delete_many(nb_store *store, const nimbus_receipt *receipts, size_t count, nimbus_status *statuses)
{
    bool good = true;
    leaving run;

    run.store = NULL;
    for (size_t i = 0; i < count; i++) {
        nimbus_status status = goes_along(&run, store, 1, receipts[i]) ? NIMBUS_OK : nb_store_delete(store, receipts[i]);

        good = good && !nimbus_failed(status);
        if (statuses != NULL) {
            statuses[i] = status;
        }
        end_if(&run, i + 1 == count || run.count == NB_BATCH_RUN);
    }
    return good;
}

bool nb_order_delete_deliveries(nb_store *store, nb_delivery *deliveries, size_t count, nimbus_status *statuses)
{
    bool good = true;
    leaving run;

    run.store = NULL;
    for (size_t i = 0; i < count; i++) {
        nimbus_status status = NIMBUS_OK;

        if (goes_along(&run, store, 2, deliveries[i].receipt)) {
            deliveries[i].message = NULL; /* as above */
        } else {
            status = nb_store_delete_specially(store, &deliveries[i]);
            good = good && !nimbus_failed(status);
        }
        if (statuses != NULL) {
            statuses[i] = status;
        }
        end_if(&run, i + 1 == count || run.count == NB_BATCH_RUN);
    }
    return good;
}
