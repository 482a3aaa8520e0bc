/*
 * batch.c - many messages in one go: what a single offer or delete does once for each message with the words that threads share (places,
 * flow, the stack of free slots, the ready ring, the fence) is done here once for a run of them. Each slot is still claimed and published
 * by itself, so a batch meets other threads as single operations do.
 */
#include "store/plain.h"

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

/* They share a key, so it is noted once for those of a chunk that are side by side. */
static inline void note_all(nb_store *store, const uint32_t *indices, uint32_t count, int64_t key)
{
    uint32_t chunk = UINT32_MAX;

    for (uint32_t i = 0; i < count; i++) {
        if (indices[i] >> NB_CHUNK_SHIFT != chunk) {
            chunk = indices[i] >> NB_CHUNK_SHIFT;
            nb_key_note(store, indices[i], key);
        }
    }
}

bool nb_store_offer_many(nb_store *store, const nb_parcel *parcels, uint32_t count, nimbus_receipt *places)
{
    uint32_t indices[NB_BATCH_RUN];
    nb_parcel fresh = { .sent = parcels->sent, .enqueued = parcels->enqueued };
    nb_slots **chunks;

    if ((nb_load_acquire(&store->mode) & (NB_MODE_BYTES | NB_MODE_ENDED | NB_MODE_ORDERED)) != 0 ||
        nb_store_take_places(store, count) != NIMBUS_OK) {
        return false;
    }
    if (!nb_slots_get(store, indices, count)) {
        nb_store_give_up_places(store, count);
        return false;
    }
    chunks = nb_load_acquire(&store->chunks); /* as in nb_slots_of(), for all that were got */
    for (uint32_t i = 0; i < count; i++) {
        nb_slot *slot = nb_slot_in(chunks[indices[i] >> NB_CHUNK_SHIFT], indices[i]);
        uint64_t word;

        fresh.message = parcels[i].message;
        fresh.id.number = parcels[i].id.number;
        word = nb_slot_fill(slot, &fresh, 0);
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
    note_all(store, indices, count, nb_expiry(store, fresh.enqueued));
    nb_store_look_around(store, NB_WATCH_WAITERS | NB_WATCH_BELL);
    return true;
}

/* ----------------------------------------------------------------------------------------------- leaving */

/* One run of deletes. */
typedef struct leaving {
    nimbus_message *messages[NB_BATCH_RUN];
    uint32_t count;
    uint32_t first; /* of the chain of slots that become free, index + 1 */
    nb_slot *last;
} leaving;

/* A claimed slot that was in flight, and whose message has nothing special, joins the run. */
static inline void join(leaving *run, nb_slot *slot, uint32_t index, uint64_t word)
{
    run->messages[run->count++] = slot->message;
    nb_slot_publish(slot, ((word & ~(NB_FLAGS | NB_STATE_MASK)) + NB_ONE_GENERATION) | NB_FREE);
    nb_store_release(&slot->own_receives, run->first); /* see slot.h */
    run->last = run->first == 0 ? slot : run->last;
    run->first = index + 1;
}

/* references: of each message, to be given back: the slot's, and perhaps the delivery's. Inline, so that the run stays in registers. */
static inline void finish(nb_store *store, leaving *run, uint32_t references)
{
    if (run->count > 0) {
        nb_slots_push(store, run->first - 1, run->last);
        nb_count_deleted(store, run->count, run->count);
        nb_fence_after_rmw(); /* pairs with that of who waits for room (wait.c) */
        nb_store_look_around(store, NB_WATCH_SENDERS | NB_WATCH_BELL | NB_WATCH_WAITERS);
        nb_messages_release(run->messages, run->count, references);
        run->count = run->first = 0;
    }
}

bool nb_store_delete_many(nb_store *store, const nimbus_receipt *receipts, size_t count, nimbus_status *statuses)
{
    leaving run;
    bool good = true;

    if (store->order != NULL) {
        return nb_order_delete_many(store, receipts, count, statuses);
    }
    run.count = run.first = 0;
    run.last = NULL;
    for (size_t i = 0; i < count; i++) {
        nimbus_status status = NIMBUS_OK;
        nb_slot *slot;
        uint64_t word;

        if (nb_store_claim_plainly(store, receipts[i], &slot, &word)) {
            join(&run, slot, nb_index_of(receipts[i]), word);
        } else {
            status = nb_store_delete(store, receipts[i]);
            good = good && !nimbus_failed(status);
        }
        if (statuses != NULL) {
            statuses[i] = status;
        }
        if (run.count == NB_BATCH_RUN) {
            finish(store, &run, 1);
        }
    }
    finish(store, &run, 1);
    return good;
}

bool nb_store_delete_deliveries(nb_store *store, nb_delivery *deliveries, size_t count, nimbus_status *statuses)
{
    leaving run;
    bool good = true;

    if (store->order != NULL) {
        return nb_order_delete_deliveries(store, deliveries, count, statuses);
    }
    run.count = run.first = 0;
    run.last = NULL;
    for (size_t i = 0; i < count; i++) {
        nimbus_status status = NIMBUS_OK;
        nb_slot *slot;
        uint64_t word;

        if (nb_store_claim_delivered(store, &deliveries[i], &slot, &word)) {
            join(&run, slot, nb_index_of(deliveries[i].receipt), word);
        } else {
            status = nb_store_delete_otherwise(store, &deliveries[i]);
            good = good && !nimbus_failed(status);
        }
        if (statuses != NULL) {
            statuses[i] = status;
        }
        if (run.count == NB_BATCH_RUN) {
            finish(store, &run, 2);
        }
    }
    finish(store, &run, 2);
    return good;
}
