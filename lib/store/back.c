/*
 * back.c - messages coming back by their receipt, and what is noted of them: change, end of a lease, untake, defer, note. As in settle.c.
 */
#include "base/number.h"
#include "store/inside.h"
#include "store/fair.h"

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
    nb_store_settled(store, index, NB_WATCH_WAITERS | NB_WATCH_BELL);
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
    status = nb_store_claim_to_settle(store, receipt, &slot, &word);
    if (status != NIMBUS_OK) {
        return status;
    }
    if (nb_state_of(word) != NB_IN_FLIGHT) {
        nb_slot_restore(store, slot, nb_index_of(receipt), word);
        return NIMBUS_E_NOT_INFLIGHT;
    }
    if (nb_store_finishing(store)) {
        nb_store_discard_claimed(store, slot, nb_index_of(receipt), word);
        return nb_store_ended(store);
    }
    return set_end(store, slot, nb_index_of(receipt), word, timeout);
}

/* Claims one that is in flight; else nothing is claimed. */
static bool claim_in_flight(nb_store *store, nimbus_receipt receipt, nb_slot **ret_slot, uint64_t *ret_word)
{
    if (nb_store_claim_to_settle(store, receipt, ret_slot, ret_word) != NIMBUS_OK) {
        return false;
    }
    if (nb_state_of(*ret_word) != NB_IN_FLIGHT) {
        nb_slot_restore(store, *ret_slot, nb_index_of(receipt), *ret_word);
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
    uint32_t index = nb_index_of(receipt);
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

/*
 * The lock comes first: who has it waits for a slot that is claimed, so nobody waits for it who has claimed one.
 */
void nb_store_untake(nb_store *store, nimbus_receipt receipt)
{
    uint32_t index = nb_index_of(receipt);
    nb_slot *slot;
    uint64_t word;

    nb_lock_acquire(&store->lock);
    if (nb_store_claim_to_settle(store, receipt, &slot, &word) != NIMBUS_OK) {
        nb_store_leave(store);
        return;
    }
    if (nb_state_of(word) != NB_IN_FLIGHT) {
        nb_slot_restore_locked(store, slot, index, word);
        nb_store_leave(store);
        return;
    }
    if (nb_store_finishing(store)) {
        nb_lock_release(&store->lock);
        nb_store_discard_claimed(store, slot, index, word);
        return;
    }
    nb_store_release(&slot->own_receives, nb_load_relaxed(&slot->own_receives) - 1); /* see slot.h */
    if (--slot->receive_count == 0) {
        slot->first_received = 0;
    }
    nb_store_relaxed(&slot->due, INT64_MAX);
    nb_tally(&store->tally.unreceived, 1);
    word = nb_with_state(word, NB_READY) - NB_ONE_GENERATION;
    if (store->order != NULL) {
        slot->taken_at = nb_node_at(store, index)->ready_at;
        nb_fair_untaken_locked(store, index);
    } else {
        slot->taken_at = store->returned;
        store->returned = index + 1;
        nb_watch_set_locked(store, NB_WATCH_RETURNED, true);
        word |= NB_HINTED;
    }
    nb_slot_publish(slot, word);
    nb_sub_acq_rel(&store->flow, 1);
    nb_fence_after_rmw();
    nb_key_note_locked(store, index, nb_slot_key(store, slot, NB_READY));
    nb_store_settled_locked(store, index);
    nb_store_leave(store);
}

void nb_store_defer(nb_store *store, nimbus_receipt receipt, int64_t delay, bool failed)
{
    int64_t now = nb_clock_coarse(&store->nb->clock, NULL), key;
    uint32_t index = nb_index_of(receipt);
    nb_slot *slot;
    uint64_t word;

    if (!claim_in_flight(store, receipt, &slot, &word)) {
        return;
    }
    if (nb_store_finishing(store)) {
        nb_store_discard_claimed(store, slot, index, word);
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
    nb_order_follow(store, index);
}

void nb_store_note(nb_store *store, nimbus_receipt receipt, nb_letter *letter)
{
    nb_letter *unused = letter;
    nb_slot *slot = NULL;
    uint64_t word = 0;

    if (letter != NULL && nb_store_claim_to_settle(store, receipt, &slot, &word) == NIMBUS_OK) {
        nb_past past = nb_slot_past(store, nb_index_of(receipt), word);

        if (nb_slot_set_past(store, nb_index_of(receipt), &word, past.letter, letter)) {
            unused = past.note;
        }
        nb_slot_restore(store, slot, nb_index_of(receipt), word);
    }
    nb_letter_release(unused);
}
