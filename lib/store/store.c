/*
 * store.c - the two doors of the slow paths (enter, leave), the changes that many operations share, and the counts.
 *
 * Counts. Places are what the capacity bounds: a place is taken before a message is put in (`entered`) and given up after it has gone, by
 * the count of its delete or in `left_otherwise`. `flow` has what is in flight and what was deleted in one word, so that a take and a
 * delete count by one addition each. What a steady stream of messages would have to count besides is derived from the positions of the
 * ready ring:
 *   accepted = pushes - returns + born_delayed
 *   received = pops - unreceived + extra_received
 * In a store with an order, which has no such ring, pushes and pops are counted under the lock (nb_order: came, taken).
 *   ready    = accepted - deleted - in flight - delayed - moved - expired - purged - dropped - discarded
 *              - cancelled
 * So a message counts from its push on, as in flight from the addition of its take, as deleted from that of its delete, and each of these
 * is one atomic step: what has returned before the counts are read is in them.
 */
#include "store/store.h"

#include <string.h>

#include "base/number.h"
#include "store/inside.h"
#include "store/order.h"

#define LOOKS 1000

/* ----------------------------------------------------------------------------------------------- doors */

void nb_store_enter_at(nb_store *store, int64_t now)
{
    nb_lock_acquire(&store->lock);
    if (nb_load_relaxed(&store->next_key) <= now) {
        nb_store_sweep_locked(store, now);
    }
}

int64_t nb_store_enter(nb_store *store)
{
    int64_t now = nb_clock_elapsed(&store->nb->clock);

    nb_store_enter_at(store, now);
    return now;
}

/* Nobody waits for anything, and the timer need not be set: all that leaving would find out one by one. */
static bool nothing_to_do(const nb_store *store)
{
    int64_t armed = nb_load_relaxed(&store->armed);

    return nb_load_relaxed(&store->watch) == 0 && store->moving == 0 && !store->move_again && store->stuck_due >= armed &&
           nb_load_relaxed(&store->next_key) >= armed && store->woken == NULL && !store->announce;
}

void nb_store_leave(nb_store *store)
{
    nb_aside aside = { 0, 0 };
    nb_waiter *woken;
    bool moves, announce;

    if (nothing_to_do(store)) {
        nb_lock_release(&store->lock);
        return;
    }
    nb_store_serve_locked(store, &aside);
    nb_store_wake_senders_locked(store);
    nb_store_add_moves_locked(store, &aside);
    nb_store_arm_locked(store);
    nb_store_update_bell_locked(store);
    moves = nb_store_moves_wait_locked(store);
    woken = store->woken;
    store->woken = NULL;
    announce = store->announce;
    store->announce = false;
    nb_lock_release(&store->lock);
    nb_store_wake(store, woken);
    if (announce) {
        nb_exec_announce(&store->nb->exec);
    }
    if (moves) {
        nb_store_run_moves(store);
    }
}

void nb_store_attend(nb_store *store)
{
    nb_lock_acquire(&store->lock);
    nb_store_leave(store);
}

void nb_store_catch_up(nb_store *store)
{
    int64_t next = nb_load_relaxed(&store->next_key);

    if (next != INT64_MAX && next <= nb_clock_coarse(&store->nb->clock, NULL)) {
        nb_store_enter(store);
        nb_store_leave(store);
    }
}

nimbus_status nb_store_settling(nb_store *store)
{
    uint32_t mode = nb_load_acquire(&store->mode);

    return (mode & NB_MODE_ENDED) == 0 || (mode & NB_MODE_FINISHING) != 0 ? NIMBUS_OK : nb_store_ended(store);
}

/* ------------------------------------------------------------------------------------------------ gone */

void nb_gone_flush(nb_store *store, nb_gone *gone)
{
    for (uint32_t i = 0; i < gone->count; i++) {
        if (gone->why != 0 && store->ops->gone != NULL) {
            store->ops->gone(store->owner, gone->why, &gone->parcels[i]);
        }
        nb_parcel_release(&gone->parcels[i]);
    }
    gone->count = 0;
}

void nb_gone_flush_locked(nb_store *store, nb_gone *gone)
{
    if (gone->count > 0) {
        nb_lock_release(&store->lock);
        nb_gone_flush(store, gone);
        nb_lock_acquire(&store->lock);
    }
}

/* ---------------------------------------------------------------------------------- changes of a slot */

void nb_slot_return(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word)
{
    nb_tally(&store->tally.returning, 1);
    nb_tally(&store->tally.returns, 1);
    if (store->order != NULL) {
        nb_tally(&store->tally.born_delayed, 1); /* no push that this could be the return of */
    }
    nb_slot_make_ready(store, slot, index, word);
    nb_sub_release(&store->tally.returning, 1); /* pairs with the acquire in nb_store_get_counts: the push is seen */
}

void nb_slot_restore(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word)
{
    int64_t key = nb_slot_key(store, slot, nb_state_of(word));

    nb_slot_publish(slot, word);
    nb_fence_seq_cst(); /* deadline.h: a sweep may have passed while it was claimed */
    nb_key_note(store, index, key);
    if (nb_state_of(word) != NB_IN_FLIGHT || !nb_order_is_fifo(store)) {
        nb_order_follow(store, index); /* who looked while it was claimed took it for busy, which one in flight is */
    }
}

void nb_slot_restore_locked(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word)
{
    int64_t key = nb_slot_key(store, slot, nb_state_of(word));

    nb_slot_publish(slot, word);
    nb_fence_seq_cst();
    nb_key_note_locked(store, index, key);
}

nb_parcel nb_slot_empty(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word, nb_letter **ret_note)
{
    nb_past past = nb_slot_past(store, index, word);
    nb_parcel parcel = {
        .message = slot->message,
        .letter = past.letter,
        .id = { store->nonce, nb_load_relaxed(&slot->id) },
        .sent = slot->sent,
        .first_received = slot->first_received,
        .enqueued = nb_load_relaxed(&slot->enqueued),
        .receive_count = slot->receive_count,
    };

    *ret_note = past.note;
    return parcel;
}

void nb_count_out(nb_store *store, nb_state state, uint64_t word, size_t size, bool deleted)
{
    uint32_t in_flight = state == NB_IN_FLIGHT || state == NB_DOOMING;

    if (state == NB_DELAYED) {
        nb_sub_relaxed(&store->tally.delayed, 1);
    }
    if ((word & NB_COUNTED) != 0) {
        nb_sub_relaxed(&store->bytes, size);
    }
    if (deleted) {
        nb_count_deleted(store, 1, in_flight);
        return;
    }
    if (in_flight != 0) {
        nb_sub_relaxed(&store->flow, 1);
    }
    nb_add_acq_rel(&store->tally.left_otherwise, 1); /* release: pairs with the acquire in nb_store_left() */
}

nb_parcel nb_slot_forget(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word, nb_state state, _Atomic uint64_t *counter)
{
    nb_letter *note;
    nb_parcel parcel = nb_slot_empty(store, slot, index, word, &note);
    size_t size = (word & NB_COUNTED) != 0 ? nb_message_size(parcel.message) : 0;

    nb_slot_vacate(store, slot, index, word);
    if (counter != NULL) {
        nb_tally(counter, 1);
    }
    nb_count_out(store, state, word, size, counter == NULL);
    nb_letter_release(note);
    return parcel;
}

void nb_slot_forget_to(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word, nb_state state, _Atomic uint64_t *counter,
                       nb_gone *gone)
{
    gone->parcels[gone->count++] = nb_slot_forget(store, slot, index, word, state, counter);
}

/* ------------------------------------------------------------------------------------------- conditions */

uint64_t nb_store_held(nb_store *store)
{
    return nb_store_places(store);
}

bool nb_store_has_room(nb_store *store, size_t size)
{
    size_t max_bytes = nb_load_relaxed(&store->settings.capacity_bytes);

    return nb_store_places(store) < nb_load_relaxed(&store->settings.capacity_messages) &&
           (max_bytes == SIZE_MAX || (size <= max_bytes && nb_load_relaxed(&store->bytes) <= max_bytes - size));
}

bool nb_store_any_ready(nb_store *store)
{
    uint32_t index;

    if (store->order != NULL) {
        return nb_order_first_locked(store, NULL) != NB_NO_SLOT;
    }
    if ((nb_load_relaxed(&store->watch) & NB_WATCH_RETURNED) != 0) {
        return true;
    }
    nb_store_trim(store);
    return nb_index_ring_peek(&store->ready, &index);
}

bool nb_store_takeable(nb_store *store)
{
    return nb_in_flight_of(nb_load_acquire(&store->flow)) < nb_load_relaxed(&store->settings.max_in_flight) && nb_store_any_ready(store);
}

/* ---------------------------------------------------------------------------------------------- counts */

/* One look. False: something moved meanwhile. */
static bool look(nb_store *store, nb_store_counts *ret)
{
    nb_store_tally *t = &store->tally;
    uint64_t returning = nb_load_acquire(&t->returning), returns = nb_load_relaxed(&t->returns), delayed = nb_load_acquire(&t->delayed);
    uint64_t flow = nb_load_acquire(&store->flow), high = nb_load_relaxed(&t->deleted_high), gone;

    ret->accepted = nb_index_ring_pushes(&store->ready) - returns + nb_load_relaxed(&t->born_delayed);
    ret->received = nb_index_ring_pops(&store->ready) - nb_load_relaxed(&t->unreceived) + nb_load_relaxed(&t->extra_received);
    if (store->order != NULL) {
        ret->accepted += store->order->came;
        ret->received += store->order->taken;
    }
    ret->moved = nb_load_relaxed(&t->moved);
    ret->expired = nb_load_relaxed(&t->expired);
    ret->purged = nb_load_relaxed(&t->purged);
    ret->dropped = nb_load_relaxed(&t->dropped);
    ret->discarded = nb_load_relaxed(&t->discarded);
    ret->cancelled = nb_load_relaxed(&t->cancelled);
    ret->deleted = (high << 32) + nb_deleted_of(flow);
    ret->in_flight = nb_in_flight_of(flow);
    ret->delayed = delayed;
    gone = ret->moved + ret->expired + ret->purged + ret->dropped + ret->discarded + ret->cancelled + ret->deleted + ret->in_flight +
           delayed;
    ret->ready = ret->accepted > gone ? ret->accepted - gone : 0;
    return returning == 0 && flow == nb_load_acquire(&store->flow) && returns == nb_load_relaxed(&t->returns) &&
           delayed == nb_load_relaxed(&t->delayed) && ret->accepted >= gone;
}

void nb_store_get_counts_locked(nb_store *store, nb_store_counts *ret)
{
    nb_store_tally *t = &store->tally;

    memset(ret, 0, sizeof *ret);
    for (int tries = 0; tries < LOOKS && !look(store, ret); tries++) { /* until nothing moved meanwhile */
        nb_pause();
    }
    ret->accepted = ret->ready + ret->delayed + ret->in_flight + ret->deleted + ret->moved + ret->expired + ret->purged + ret->dropped +
                    ret->discarded + ret->cancelled;
    ret->redriven_in = nb_load_relaxed(&t->redriven_in);
    ret->empty_receives = nb_load_relaxed(&t->empty_receives);
    ret->refused = nb_load_relaxed(&t->refused);
    ret->waiters = store->waiter_count;
    if (store->order != NULL) {
        nb_order_count_groups_locked(store, ret);
    }
}

void nb_store_count_empty(nb_store *store)
{
    nb_tally(&store->tally.empty_receives, 1);
}

void nb_store_get_counts(nb_store *store, nb_store_counts *ret)
{
    nb_store_enter(store);
    nb_store_get_counts_locked(store, ret);
    nb_store_leave(store);
}
