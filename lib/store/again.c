/*
 * again.c - a receive that is repeated: the same messages under the same receipts, hidden for a new while (SQS-F24).
 *
 * All slots are claimed before any is changed, so that it goes for all or for none. That is done under the store's lock: who has it may
 * wait for a slot that is claimed, and two who repeat at once do not wait for each other.
 */
#include "base/number.h"
#include "store/inside.h"
#include "store/order.h"

void nb_store_hold(nb_store *store, const nb_delivery *delivery, nb_held *ret)
{
    ret->receipt = delivery->receipt;
    ret->due = nb_load_relaxed(&nb_slot_at(store, (uint32_t)delivery->receipt.place)->due);
}

/* Claims it if it is in flight as it was then. */
static bool claim(nb_store *store, nb_held *held, nb_slot **ret_slot)
{
    if (nb_store_claim(store, held->receipt, ret_slot, &held->word) != NIMBUS_OK) {
        return false;
    }
    if (nb_state_of(held->word) != NB_IN_FLIGHT || nb_load_relaxed(&(*ret_slot)->due) != held->due) {
        nb_slot_restore_locked(store, *ret_slot, (uint32_t)held->receipt.place, held->word);
        nb_store_settled_locked(store, (uint32_t)held->receipt.place);
        return false;
    }
    return true;
}

static nb_delivery deliver(nb_store *store, const nb_held *held, int64_t visible_at)
{
    uint32_t index = (uint32_t)held->receipt.place;
    nb_slot *slot = nb_slot_at(store, index);

    return (nb_delivery){
        .message = nb_message_retain(slot->message),
        .letter = (held->word & NB_HAS_PAST) == 0 ? NULL : nb_letter_retain(nb_slot_past(store, index, held->word).letter),
        .source = store->owner,
        .source_name = store->name,
        .receipt = held->receipt,
        .id = { store->nonce, nb_load_relaxed(&slot->id) },
        .sent = slot->sent,
        .first_received = slot->first_received,
        .visible_at = visible_at,
        .receive_count = slot->receive_count,
        .own_receives = nb_load_relaxed(&slot->own_receives),
        .enqueued = nb_load_relaxed(&slot->enqueued),
        .sequence = nb_order_is_fifo(store) ? nb_node_at(store, index)->sequence : 0,
        .failed = (held->word & NB_FAILED) != 0,
    };
}

/* Hidden from now on for timeout. */
static void hide(nb_store *store, nb_held *held, const nb_moment *at, int64_t timeout)
{
    nb_slot *slot = nb_slot_at(store, (uint32_t)held->receipt.place);

    held->due = nb_add_time(nb_add_time(at->now, nb_clock_tick(&store->nb->clock)), timeout);
    slot->taken_at = at->now;
    nb_store_relaxed(&slot->due, held->due);
}

/* Hidden for no time: ready again at once (SQS-R10), or on its way to the dead letter, if the store is eager. */
static void bring_back_locked(nb_store *store, const nb_held *held, nb_aside *aside)
{
    uint32_t index = (uint32_t)held->receipt.place;
    nb_slot *slot = nb_slot_at(store, index);
    int64_t key = nb_slot_key(store, slot, NB_READY);

    if (nb_slot_goes_at_once(store, slot)) {
        nb_slot_set_aside(store, aside, slot, index, held->word);
    } else {
        nb_slot_return(store, slot, index, held->word);
    }
    nb_sub_acq_rel(&store->flow, 1);
    nb_fence_seq_cst(); /* deadline.h; the waiters are served by who has the lock, when he leaves */
    nb_key_note_locked(store, index, key);
}

nimbus_status nb_store_take_again(nb_store *store, nb_held *held, uint32_t count, int64_t visibility, nb_delivery *slots)
{
    int64_t timeout = visibility == NB_STORE_VISIBILITY ? nb_load_relaxed(&store->settings.visibility) : visibility;
    nimbus_status status;
    nb_aside aside = { 0, 0 };
    nb_moment at;
    uint32_t claimed = 0;
    nb_slot *slot;

    nb_store_enter(store);
    at.now = nb_clock_coarse(&store->nb->clock, &at.wall);
    status = nb_store_ended(store);
    while (status == NIMBUS_OK && claimed < count && claim(store, &held[claimed], &slot)) {
        claimed++;
    }
    if (status == NIMBUS_OK && claimed < count) {
        status = NIMBUS_E_ATTEMPT;
    }
    for (uint32_t i = 0; i < claimed; i++) {
        uint32_t index = (uint32_t)held[i].receipt.place;

        if (status == NIMBUS_OK) {
            slots[i] = deliver(store, &held[i], nb_add_time(at.wall, timeout));
        }
        if (status == NIMBUS_OK && timeout > 0) {
            hide(store, &held[i], &at, timeout);
        }
        if (status == NIMBUS_OK && timeout == 0) {
            bring_back_locked(store, &held[i], &aside);
        } else {
            nb_slot_restore_locked(store, nb_slot_at(store, index), index, held[i].word);
        }
        nb_store_settled_locked(store, index);
    }
    if (status == NIMBUS_OK) {
        nb_object_pin_many(store->owner, count);
    }
    nb_store_add_moves_locked(store, &aside);
    nb_store_leave(store);
    return status;
}
