/*
 * order_leave.c - deletes from a store with an order: one, or a run of them whose slots are brought out of their groups under one lock.
 *
 * The slots are claimed and vacated without the lock, as in settle.c; until it is taken they are ZOMBIEs in their lists, and the order is
 * behind on the safe side. Then follow the counts, a fence, and the touches: what order.h asks of whoever has changed a word.
 */
#include "store/inside.h"
#include "store/order.h"

typedef struct leaving {
    nb_store *store;
    uint64_t bytes;
    uint32_t references; /* of each message, to be given back: the slot's, and perhaps the delivery's */
    uint32_t count;
    uint32_t indices[NB_BATCH_RUN];
    nimbus_message *messages[NB_BATCH_RUN];
} leaving;

/* What has lapsed by now is not in flight any more: its receipt is refused by a FIFO queue. */
static void begin(leaving *run, nb_store *store, uint32_t references)
{
    if (nb_order_is_fifo(store)) {
        nb_store_catch_up(store);
    }
    run->store = store;
    run->references = references;
    run->count = 0;
    run->bytes = 0;
}

/* The common case: in flight under this receipt, without a past, and the store is open. False: another case; nothing has happened. */
static bool join(leaving *run, nimbus_receipt receipt)
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
    run->messages[run->count] = slot->message;
    run->indices[run->count++] = index;
    nb_slot_vacate(store, slot, index, word);
    return true;
}

static void finish(leaving *run)
{
    nb_store *store = run->store;

    if (run->count == 0) {
        return;
    }
    if (run->bytes != 0) {
        nb_sub_relaxed(&store->bytes, run->bytes);
    }
    nb_count_deleted(store, run->count, run->count);
    nb_fence_after_rmw(); /* pairs with that of who waits for room (wait.c) */
    nb_lock_acquire(&store->lock);
    for (uint32_t i = 0; i < run->count; i++) {
        nb_order_touch_locked(store, run->indices[i]);
    }
    nb_store_leave(store);
    for (uint32_t i = 0; i < run->count; i++) {
        nb_message_release_n(run->messages[i], run->references);
    }
    run->count = 0;
    run->bytes = 0;
}

bool nb_order_delete_many(nb_store *store, const nimbus_receipt *receipts, size_t count, nimbus_status *statuses)
{
    bool good = true;
    leaving run;

    begin(&run, store, 1);
    for (size_t i = 0; i < count; i++) {
        nimbus_status status = join(&run, receipts[i]) ? NIMBUS_OK : nb_store_delete(store, receipts[i]);

        good = good && !nimbus_failed(status);
        if (statuses != NULL) {
            statuses[i] = status;
        }
        if (run.count == NB_BATCH_RUN) {
            finish(&run);
        }
    }
    finish(&run);
    return good;
}

bool nb_order_delete_deliveries(nb_store *store, nb_delivery *deliveries, size_t count, nimbus_status *statuses)
{
    bool good = true;
    leaving run;

    begin(&run, store, 2);
    for (size_t i = 0; i < count; i++) {
        nimbus_status status = NIMBUS_OK;

        if (join(&run, deliveries[i].receipt)) {
            deliveries[i].message = NULL; /* first: a free function may look. It has no letter, as the slot has no past */
        } else {
            status = nb_store_delete_specially(store, &deliveries[i]);
            good = good && !nimbus_failed(status);
        }
        if (statuses != NULL) {
            statuses[i] = status;
        }
        if (run.count == NB_BATCH_RUN) {
            finish(&run);
        }
    }
    finish(&run);
    return good;
}
