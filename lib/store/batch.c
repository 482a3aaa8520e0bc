/*
 * batch.c - many messages in one go: what a single offer or delete does once for each message with the words that threads share (places,
 * flow, the stack of free slots, the ready ring, the fence) is done here once for a run of them. Each slot is still claimed and published
 * by itself, so a batch meets other threads as single operations do.
 */
#include "store/inside.h"

/* ------------------------------------------------------------------------------------------------ coming */

bool nb_slots_get(nb_store *store, uint32_t *indices, uint32_t count)
{
    uint32_t got = nb_slots_pop(store, indices, count);
    nb_slots *chunk;

    while (got < count && (indices[got] = nb_slot_get(store, &chunk)) != NB_NO_SLOT) {
        got++;
    }
    if (got == count) {
        return true;
    }
    while (got-- > 0) {
        nb_slot *slot = nb_slot_at(store, indices[got]);

        nb_slot_put(store, slot, indices[got], nb_load_relaxed(&slot->word));
    }
    return false;
}

bool nb_store_offer_many(nb_store *store, const nb_parcel *parcels, uint32_t count, nimbus_receipt *places)
{
    nb_noted noted = { NULL, 0 };
    uint32_t indices[NB_BATCH_RUN];

    if (store->order != NULL || (nb_load_acquire(&store->mode) & (NB_MODE_BYTES | NB_MODE_ENDED)) != 0 ||
        nb_store_take_places(store, count) != NIMBUS_OK) {
        return false;
    }
    if (!nb_slots_get(store, indices, count)) {
        nb_store_give_up_places(store, count);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        nb_slot *slot = nb_slot_at(store, indices[i]);
        uint64_t word = nb_slot_fill(slot, &parcels[i], 0);

        if (places != NULL) {
            places[i] = nb_place_of(store, indices[i], word);
        }
        nb_slot_publish(slot, nb_with_state(word, NB_READY) | NB_HINTED);
    }
    nb_index_ring_push_many(&store->ready, indices, count);
    nb_fence_seq_cst(); /* as in offer.c */
    if ((nb_load_relaxed(&store->mode) & NB_MODE_BYTES) != 0) {
        for (uint32_t i = 0; i < count; i++) {
            nb_store_count_late(store, indices[i], parcels[i].id.number);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        nb_key_note_next(store, indices[i], nb_expiry(store, parcels[i].enqueued), &noted);
    }
    nb_store_look_around(store, NB_WATCH_WAITERS | NB_WATCH_BELL);
    return true;
}

/* ----------------------------------------------------------------------------------------------- leaving */

/* One run of deletes. */
typedef struct leaving {
    nb_store *store;
    nimbus_message *messages[NB_BATCH_RUN];
    uint32_t references;       /* of each message, to be given back: the slot's, and perhaps the delivery's */
    uint32_t count, in_flight;
    uint32_t first; /* of the chain of slots that become free, index + 1 */
    nb_slot *last;
} leaving;

/* A claimed slot whose message has nothing special joins the run. */
static inline void join(leaving *run, nb_slot *slot, uint32_t index, uint64_t word)
{
    run->messages[run->count++] = slot->message;
    run->in_flight += nb_state_of(word) == NB_IN_FLIGHT;
    nb_slot_publish(slot, ((word & ~(NB_FLAGS | NB_STATE_MASK)) + NB_ONE_GENERATION) | NB_FREE);
    nb_store_release(&slot->own_receives, run->first); /* see slot.h */
    run->last = run->first == 0 ? slot : run->last;
    run->first = index + 1;
}

static void finish(leaving *run)
{
    nb_store *store = run->store;

    if (run->count == 0) {
        return;
    }
    nb_slots_push(store, run->first - 1, run->last);
    nb_count_deleted(store, run->count, run->in_flight);
    nb_fence_after_rmw(); /* pairs with that of who waits for room (wait.c) */
    nb_store_look_around(store, NB_WATCH_SENDERS | NB_WATCH_BELL | NB_WATCH_WAITERS);
    for (uint32_t i = 0; i < run->count; i++) {
        nb_message_release_n(run->messages[i], run->references);
    }
    run->count = run->in_flight = run->first = 0;
}

/* Not in flight, or with something special. */
static __attribute__((noinline)) nimbus_status leave_specially(leaving *run, nimbus_receipt receipt)
{
    nb_store *store = run->store;
    uint32_t index = (uint32_t)receipt.place;
    nb_slot *slot = NULL;
    uint64_t word = 0;
    nimbus_status status;

    status = nb_store_settling(store);
    status = status != NIMBUS_OK ? status : nb_store_claim(store, receipt, &slot, &word);
    if (status != NIMBUS_OK) {
        return status == NIMBUS_E_NO_MESSAGE ? NIMBUS_OK : status; /* deleting again is fine (SQS-V13) */
    }
    if ((word & (NB_HAS_PAST | NB_COUNTED | NB_HINTED)) == 0 && nb_state_of(word) != NB_DELAYED) {
        join(run, slot, index, word);
    } else {
        nb_parcel parcel = nb_slot_forget(store, slot, index, word, nb_state_of(word), NULL);

        nb_fence_after_rmw();
        nb_store_look_around(store, NB_WATCH_SENDERS | NB_WATCH_BELL | NB_WATCH_WAITERS);
        nb_parcel_release(&parcel);
    }
    return NIMBUS_OK;
}

bool nb_store_delete_many(nb_store *store, const nimbus_receipt *receipts, size_t count, nimbus_status *statuses)
{
    leaving run = { .store = store, .references = 1 };
    bool good = true;

    if (store->order != NULL) {
        return nb_order_delete_many(store, receipts, count, statuses);
    }
    for (size_t i = 0; i < count; i++) {
        nimbus_status status = NIMBUS_OK;
        nb_slot *slot;
        uint64_t word;

        if (nb_store_claim_plainly(store, receipts[i], &slot, &word)) {
            join(&run, slot, (uint32_t)receipts[i].place, word);
        } else {
            status = leave_specially(&run, receipts[i]);
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

bool nb_store_delete_deliveries(nb_store *store, nb_delivery *deliveries, size_t count, nimbus_status *statuses)
{
    leaving run = { .store = store, .references = 2 };
    bool good = true;

    if (store->order != NULL) {
        return nb_order_delete_deliveries(store, deliveries, count, statuses);
    }
    for (size_t i = 0; i < count; i++) {
        nb_delivery *delivery = &deliveries[i];
        nimbus_status status = NIMBUS_OK;
        nb_slot *slot;
        uint64_t word;

        if (nb_store_claim_plainly(store, delivery->receipt, &slot, &word)) {
            join(&run, slot, (uint32_t)delivery->receipt.place, word);
            delivery->message = NULL; /* it has no letter, as the slot has no past */
        } else {
            status = nb_store_delete_delivery(store, delivery);
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
