/*
 * settle.c - messages leaving and coming back by their receipt: delete, change, untake, defer, note, discard. Each claims the slot, decides
 * by what it finds then, and publishes.
 *
 * Behind a change of `places` or `flow`, which is a read-modify-write, stands a fence before the look at `watch`: it pairs with that of a
 * sender who waits for room (wait.c), so that one of the two sees the other.
 */
#include <string.h>

#include "base/number.h"
#include "store/inside.h"

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
static nimbus_status claim_to_settle(nb_store *store, nimbus_receipt receipt, nb_slot **ret_slot, uint64_t *ret_word)
{
    nimbus_status status = nb_store_settling(store);

    return status != NIMBUS_OK ? status : nb_store_claim(store, receipt, ret_slot, ret_word);
}

static uint32_t index_of(nimbus_receipt receipt)
{
    return (uint32_t)receipt.place;
}

static bool finishing(nb_store *store)
{
    return (nb_load_acquire(&store->mode) & NB_MODE_FINISHING) != 0;
}

/* The claimed slot's message has no future here: the store has ended. */
static void discard_claimed(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word)
{
    nb_gone gone = { .why = NIMBUS_TRACE_DISCARDED };

    nb_slot_forget_to(store, slot, index, word, nb_state_of(word), &store->tally.discarded, &gone);
    nb_gone_flush(store, &gone);
}

/* ---------------------------------------------------------------------------------------------- leaving */

static void look_for_senders(nb_store *store)
{
    nb_fence_after_rmw(); /* see the head */
    nb_store_look_around(store, NB_WATCH_SENDERS | NB_WATCH_BELL | NB_WATCH_WAITERS);
}

static nimbus_status remove_message(nb_store *store, nimbus_receipt receipt, _Atomic uint64_t *counter, nb_parcel *ret_parcel)
{
    nb_slot *slot = NULL;
    uint64_t word = 0;
    nimbus_status status = claim_to_settle(store, receipt, &slot, &word);

    if (status == NIMBUS_OK) {
        *ret_parcel = nb_slot_forget(store, slot, index_of(receipt), word, nb_state_of(word), counter);
        look_for_senders(store);
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

static nimbus_status delete_specially(nb_store *store, nb_delivery *delivery)
{
    uint32_t index = index_of(delivery->receipt);
    nb_slot *slot = NULL;
    uint64_t word = 0;
    nimbus_status status = claim_to_settle(store, delivery->receipt, &slot, &word);
    nimbus_message *message = delivery->message;
    nb_letter *letter = delivery->letter;

    delivery->message = NULL; /* first: a free function may look */
    delivery->letter = NULL;
    if (status == NIMBUS_OK) {
        nb_parcel parcel = nb_slot_forget(store, slot, index, word, nb_state_of(word), NULL);

        look_for_senders(store);
        nb_parcel_release(&parcel);
    }
    nb_message_release(message);
    nb_letter_release(letter);
    return status == NIMBUS_E_NO_MESSAGE ? NIMBUS_OK : status;
}

nimbus_status nb_store_delete_delivery(nb_store *store, nb_delivery *delivery)
{
    nimbus_message *message = delivery->message;
    nb_slot *slot;
    uint64_t word;

    if (!nb_store_claim_plainly(store, delivery->receipt, &slot, &word)) {
        return delete_specially(store, delivery);
    }
    delivery->message = NULL; /* first: a free function may look. It has no letter, as the slot has no past */
    nb_slot_put(store, slot, index_of(delivery->receipt), word);
    nb_count_deleted(store, 1, 1);
    nb_sub_acq_rel(&store->places, 1);
    look_for_senders(store);
    nb_message_release_n(message, 2); /* the slot's reference and the delivery's, at once */
    return NIMBUS_OK;
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
    uint32_t index = index_of(place);
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
    look_for_senders(store);
    nb_parcel_release(&parcel);
    return NIMBUS_OK;
}

/* ----------------------------------------------------------------------------------------- coming back */

/* A claimed one that was in flight is ready again, at the end of the line; or it goes to the dead letter, if the store is eager. */
static void back_to_ready(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word)
{
    int64_t key = nb_slot_key(store, slot, NB_READY);
    nb_aside aside = { 0, 0 };

    if (nb_slot_goes_at_once(store, slot)) {
        nb_slot_set_aside(store, &aside, slot, index, word);
        nb_sub_acq_rel(&store->flow, 1);
        nb_lock_acquire(&store->lock);
        nb_store_add_moves_locked(store, &aside);
        nb_store_leave(store);
        return;
    }
    nb_slot_return(store, slot, index, word);
    nb_sub_acq_rel(&store->flow, 1);
    nb_fence_after_rmw(); /* deadline.h; and pairs with that of who waits for messages (wait.c) */
    nb_key_note(store, index, key);
    nb_store_look_around(store, NB_WATCH_WAITERS | NB_WATCH_BELL);
}

/* A claimed one that is in flight gets another end. */
static nimbus_status set_end(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word, int64_t timeout)
{
    int64_t now = nb_clock_coarse(&store->nb->clock, NULL), tick = nb_clock_tick(&store->nb->clock), due;
    int64_t visibility = nb_load_relaxed(&store->settings.visibility);

    due = timeout == NB_STORE_VISIBILITY ? nb_add_time(slot->taken_at, visibility) : nb_add_time(now, timeout);
    if (due > nb_add_time(slot->taken_at, nb_load_relaxed(&store->settings.max_visibility))) {
        nb_slot_restore(store, slot, index, word);
        return NIMBUS_E_INVALID; /* refused, not trimmed (SQS-V5) */
    }
    if (due <= now) {
        back_to_ready(store, slot, index, word);
    } else {
        nb_store_relaxed(&slot->due, nb_add_time(due, tick));
        nb_slot_restore(store, slot, index, word);
    }
    return NIMBUS_OK;
}

nimbus_status nb_store_change(nb_store *store, nimbus_receipt receipt, int64_t timeout)
{
    nb_slot *slot = NULL;
    uint64_t word = 0;
    nimbus_status status;

    nb_store_catch_up(store); /* what has lapsed is not in flight any more */
    status = claim_to_settle(store, receipt, &slot, &word);
    if (status != NIMBUS_OK) {
        return status;
    }
    if (nb_state_of(word) != NB_IN_FLIGHT) {
        nb_slot_restore(store, slot, index_of(receipt), word);
        return NIMBUS_E_NOT_INFLIGHT;
    }
    if (finishing(store)) {
        discard_claimed(store, slot, index_of(receipt), word);
        return nb_store_ended(store);
    }
    return set_end(store, slot, index_of(receipt), word, timeout);
}

/* Claims one that is in flight; else nothing is claimed. */
static bool claim_in_flight(nb_store *store, nimbus_receipt receipt, nb_slot **ret_slot, uint64_t *ret_word)
{
    if (claim_to_settle(store, receipt, ret_slot, ret_word) != NIMBUS_OK) {
        return false;
    }
    if (nb_state_of(*ret_word) != NB_IN_FLIGHT) {
        nb_slot_restore(store, *ret_slot, index_of(receipt), *ret_word);
        return false;
    }
    return true;
}

int64_t nb_store_lease(nb_store *store)
{
    return nb_load_relaxed(&store->settings.max_visibility) + 1;
}

void nb_store_end_lease(nb_store *store, nimbus_receipt receipt, int64_t visibility)
{
    int64_t now = nb_clock_coarse(&store->nb->clock, NULL), tick = nb_clock_tick(&store->nb->clock), due;
    uint32_t index = index_of(receipt);
    nb_slot *slot;
    uint64_t word;

    if (!claim_in_flight(store, receipt, &slot, &word)) {
        return;
    }
    due = nb_add_time(slot->taken_at, visibility);
    if (nb_load_relaxed(&slot->due) != nb_add_time(nb_add_time(slot->taken_at, tick), nb_store_lease(store))) {
        nb_slot_restore(store, slot, index, word); /* its end was changed: that holds */
    } else if (due <= now) {
        back_to_ready(store, slot, index, word);
    } else {
        nb_store_relaxed(&slot->due, nb_add_time(due, tick));
        nb_slot_restore(store, slot, index, word);
    }
}

void nb_store_untake(nb_store *store, nimbus_receipt receipt)
{
    uint32_t index = index_of(receipt);
    nb_slot *slot;
    uint64_t word;

    if (!claim_in_flight(store, receipt, &slot, &word)) {
        return;
    }
    if (finishing(store)) {
        discard_claimed(store, slot, index, word);
        return;
    }
    nb_lock_acquire(&store->lock);
    nb_store_release(&slot->own_receives, nb_load_relaxed(&slot->own_receives) - 1); /* see slot.h */
    if (--slot->receive_count == 0) {
        slot->first_received = 0;
    }
    nb_store_relaxed(&slot->due, INT64_MAX);
    slot->taken_at = store->returned;
    store->returned = index + 1;
    nb_watch_set_locked(store, NB_WATCH_RETURNED, true);
    nb_tally(&store->tally.unreceived, 1);
    nb_slot_publish(slot, (nb_with_state(word, NB_READY) | NB_HINTED) - NB_ONE_GENERATION);
    nb_sub_acq_rel(&store->flow, 1);
    nb_fence_after_rmw();
    nb_key_note_locked(store, index, nb_slot_key(store, slot, NB_READY));
    nb_store_leave(store);
}

void nb_store_defer(nb_store *store, nimbus_receipt receipt, int64_t delay, bool failed)
{
    int64_t now = nb_clock_coarse(&store->nb->clock, NULL), key;
    uint32_t index = index_of(receipt);
    nb_slot *slot;
    uint64_t word;

    if (!claim_in_flight(store, receipt, &slot, &word)) {
        return;
    }
    if (finishing(store)) {
        discard_claimed(store, slot, index, word);
        return;
    }
    nb_store_relaxed(&slot->due, nb_add_time(nb_add_time(now, nb_clock_tick(&store->nb->clock)), delay > 0 ? delay : 1));
    word = failed ? word | NB_FAILED : word & ~NB_FAILED;
    key = nb_slot_key(store, slot, NB_DELAYED);
    nb_tally(&store->tally.delayed, 1);
    nb_slot_publish(slot, nb_with_state(word, NB_DELAYED));
    nb_sub_acq_rel(&store->flow, 1);
    nb_fence_after_rmw(); /* deadline.h */
    nb_key_note(store, index, key);
}

void nb_store_note(nb_store *store, nimbus_receipt receipt, nb_letter *letter)
{
    nb_letter *unused = letter;
    nb_slot *slot = NULL;
    uint64_t word = 0;

    if (letter != NULL && claim_to_settle(store, receipt, &slot, &word) == NIMBUS_OK) {
        nb_past past = nb_slot_past(store, index_of(receipt), word);

        if (nb_slot_set_past(store, index_of(receipt), &word, past.letter, letter)) {
            unused = past.note;
        }
        nb_slot_restore(store, slot, index_of(receipt), word);
    }
    nb_letter_release(unused);
}
