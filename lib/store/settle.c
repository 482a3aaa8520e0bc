/*
 * settle.c - messages leaving by their receipt or place: delete, cancel, discard. Each claims the slot, decides by what it finds then, and
 * publishes. Those that come back are in back.c.
 *
 * Behind a change of `flow` or `left_otherwise`, which is a read-modify-write, stands a fence before the look at `watch`: it pairs with
 * that of a sender who waits for room (wait.c), so that one of the two sees the other.
 */
#include <string.h>

#include "base/number.h"
#include "store/order.h"
#include "store/plain.h"

/* What a receipt says of a slot that was found with this word. birth: the generation with which the message came. */
static nimbus_status judge(uint64_t word, uint64_t birth, uint64_t generation)
{
    nb_state state = nb_state_of(word);

    return generation > nb_generation_of(word)                                            ? NIMBUS_E_RECEIPT
           : state == NB_FREE || state == NB_ZOMBIE || generation <= birth                ? NIMBUS_E_NO_MESSAGE
           : generation < nb_generation_of(word)                                          ? NIMBUS_STALE
           : state == NB_MOVING || state == NB_DOOMING || state == NB_STUCK || state == NB_CARRIED
               ? NIMBUS_STALE /* it belongs to the dead letter, or to a move task */
               : NIMBUS_OK;
}

nimbus_status nb_store_claim(nb_store *store, nimbus_receipt receipt, nb_slot **ret_slot, uint64_t *ret_word)
{
    uint32_t index = (uint32_t)receipt.place;
    nb_slot *slot;

    if (receipt.place >> 32 != store->number || index >= nb_load_acquire(&store->slot_count) || receipt.generation == 0) {
        return NIMBUS_E_RECEIPT;
    }
    slot = nb_slot_at(store, index);
    for (;;) {
        uint64_t word = nb_slot_word(slot), birth = nb_generation_of(word) - nb_load_acquire(&slot->own_receives);
        nimbus_status status = judge(word, birth, receipt.generation);

        if (status == NIMBUS_OK && nb_slot_claim(slot, word)) {
            *ret_slot = slot;
            *ret_word = word;
            return NIMBUS_OK;
        }
        /* birth is right only if the slot has not changed between the two reads; the acquire of own_receives orders them (slot.h) */
        if (status != NIMBUS_OK && (status == NIMBUS_E_RECEIPT || nb_load_acquire(&slot->word) == word)) {
            return status;
        }
    }
}

/* Claims it, unless the store has ended for good. */
nimbus_status nb_store_claim_to_settle(nb_store *store, nimbus_receipt receipt, nb_slot **ret_slot, uint64_t *ret_word)
{
    nimbus_status status = nb_store_settling(store);

    return status != NIMBUS_OK ? status : nb_store_claim(store, receipt, ret_slot, ret_word);
}

/* The claimed slot's message has no future here: the store has ended. */
void nb_store_discard_claimed(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word)
{
    nb_gone gone = { .why = NIMBUS_TRACE_DISCARDED };

    nb_slot_forget_to(store, slot, index, word, nb_state_of(word), &store->tally.discarded, &gone);
    nb_order_follow(store, index);
    nb_gone_flush(store, &gone);
}

/* ---------------------------------------------------------------------------------------------- leaving */

static void has_left(nb_store *store, uint32_t index)
{
    nb_fence_after_rmw(); /* see the head */
    nb_store_settled(store, index, NB_WATCH_SENDERS | NB_WATCH_BELL | NB_WATCH_WAITERS);
}

/*
 * The receipt of a FIFO queue is good while its message is in flight under it, and no longer (SQS-V10 to V12). NIMBUS_OK: the slot stays
 * claimed.
 */
static nimbus_status still_held(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word)
{
    if (store->order == NULL || !nb_order_is_fifo(store) || nb_state_of(word) == NB_IN_FLIGHT) {
        return NIMBUS_OK;
    }
    nb_slot_restore(store, slot, index, word);
    return NIMBUS_E_RECEIPT_EXPIRED;
}

/* Claims what is to be deleted by its receipt. */
static nimbus_status claim_to_delete(nb_store *store, nimbus_receipt receipt, nb_slot **ret_slot, uint64_t *ret_word)
{
    nimbus_status status;

    if (store->order != NULL && nb_order_is_fifo(store)) {
        nb_store_catch_up(store);
    }
    status = nb_store_claim_to_settle(store, receipt, ret_slot, ret_word);
    if (store->order != NULL && status == NIMBUS_STALE && nb_order_is_fifo(store)) {
        return NIMBUS_E_RECEIPT_EXPIRED;
    }
    return status == NIMBUS_OK ? still_held(store, *ret_slot, nb_index_of(receipt), *ret_word) : status;
}

static nimbus_status remove_message(nb_store *store, nimbus_receipt receipt, _Atomic uint64_t *counter, nb_parcel *ret_parcel)
{
    nb_slot *slot = NULL;
    uint64_t word = 0;
    nimbus_status status = counter == NULL ? claim_to_delete(store, receipt, &slot, &word)
                                           : nb_store_claim_to_settle(store, receipt, &slot, &word);

    if (status == NIMBUS_OK) {
        *ret_parcel = nb_slot_forget(store, slot, nb_index_of(receipt), word, nb_state_of(word), counter);
        has_left(store, nb_index_of(receipt));
    }
    return status == NIMBUS_E_NO_MESSAGE ? NIMBUS_OK : status; /* deleting again is fine (SQS-V13) */
}

nimbus_status nb_store_delete(nb_store *store, nimbus_receipt receipt)
{
    nb_parcel parcel = { 0 };
    nimbus_status status = remove_message(store, receipt, NULL, &parcel);

    nb_parcel_release(&parcel);
    return status;
}

nimbus_status nb_store_delete_specially(nb_store *store, nb_delivery *delivery)
{
    uint32_t index = nb_index_of(delivery->receipt);
    nb_slot *slot = NULL;
    uint64_t word = 0;
    nimbus_status status = claim_to_delete(store, delivery->receipt, &slot, &word);
    nimbus_message *message = delivery->message;
    nb_letter *letter = delivery->letter;

    delivery->message = NULL; /* first: a free function may look */
    delivery->letter = NULL;
    if (status == NIMBUS_OK) {
        nb_parcel parcel = nb_slot_forget(store, slot, index, word, nb_state_of(word), NULL);

        has_left(store, index);
        nb_parcel_release(&parcel);
    }
    nb_message_release(message);
    nb_letter_release(letter);
    return status == NIMBUS_E_NO_MESSAGE ? NIMBUS_OK : status;
}

nimbus_status nb_store_delete_otherwise(nb_store *store, nb_delivery *delivery)
{
    return store->order != NULL ? nb_order_delete_delivery(store, delivery) : nb_store_delete_specially(store, delivery);
}

nimbus_status nb_store_delete_delivery(nb_store *store, nb_delivery *delivery)
{
    return nb_store_delete_plainly(store, delivery) ? NIMBUS_OK : nb_store_delete_otherwise(store, delivery);
}

nimbus_status nb_store_discard(nb_store *store, nimbus_receipt receipt)
{
    nb_parcel parcel = { 0 };
    nimbus_status status = remove_message(store, receipt, &store->tally.discarded, &parcel);

    nb_parcel_release(&parcel);
    return status;
}

nimbus_status nb_store_cancel(nb_store *store, nimbus_receipt place)
{
    uint64_t birth = place.generation & ~NB_PLACE, word;
    nimbus_status status = nb_store_settling(store);
    uint32_t index = nb_index_of(place);
    nb_parcel parcel;
    nb_slot *slot;

    if (status != NIMBUS_OK || place.place >> 32 != store->number || birth == place.generation ||
        index >= nb_load_acquire(&store->slot_count)) {
        return status != NIMBUS_OK ? status : NIMBUS_E_RECEIPT;
    }
    slot = nb_slot_at(store, index);
    do {
        word = nb_slot_word(slot);
        if (nb_generation_of(word) != birth || (nb_state_of(word) != NB_READY && nb_state_of(word) != NB_DELAYED)) {
            return birth > nb_generation_of(word) ? NIMBUS_E_RECEIPT : NIMBUS_STALE; /* every take and every free raises it */
        }
    } while (!nb_slot_claim(slot, word));
    parcel = nb_slot_forget(store, slot, index, word, nb_state_of(word), &store->tally.cancelled);
    has_left(store, index);
    nb_parcel_release(&parcel);
    return NIMBUS_OK;
}
