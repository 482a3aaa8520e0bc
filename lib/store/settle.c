/*
 * settle.c - messages leaving: by receipt (delete, change, doom, discard), by purge, by a new configuration, to the dead letter.
 *
 * A move goes in three steps: the slot is set aside under the lock (MOVING), the dead letter is offered the parcel without it, and the
 * outcome is written under it again. So the message is never in neither place, no two locks are held, and whoever loses the race (purge,
 * end) is told apart by flags.
 */
#include <string.h>

#include "base/number.h"
#include "store/inside.h"

nimbus_status nb_store_find(nb_store *store, nimbus_receipt receipt, nb_slot **ret_slot)
{
    uint32_t index = (uint32_t)receipt.place;
    nb_slot *slot;

    if (receipt.place >> 32 != store->number || index >= store->slot_count || receipt.generation == 0) {
        return NIMBUS_E_RECEIPT;
    }
    slot = nb_slot_at(store, index);
    if (receipt.generation > slot->generation) {
        return NIMBUS_E_RECEIPT;
    }
    if (receipt.generation <= slot->birth || slot->state == NB_FREE || slot->state == NB_GONE) {
        return NIMBUS_E_NO_MESSAGE;
    }
    if (receipt.generation < slot->generation) {
        return NIMBUS_STALE;
    }
    if (slot->state == NB_MOVING || slot->state == NB_STUCK) {
        return NIMBUS_STALE; /* it belongs to the dead letter */
    }
    *ret_slot = slot;
    return NIMBUS_OK;
}

/* Whether messages may still be settled. */
static nimbus_status settling(const nb_store *store)
{
    return store->finishing ? NIMBUS_OK : store->ended;
}

static nimbus_status remove_message(nb_store *store, nimbus_receipt receipt, uint64_t *counter)
{
    nb_slot *slot = NULL;
    nb_parcel parcel = { 0 };
    nimbus_status status;

    nb_store_enter(store);
    status = settling(store) != NIMBUS_OK ? store->ended : nb_store_find(store, receipt, &slot);
    if (status == NIMBUS_OK) {
        parcel = slot->parcel;
        nb_store_count_out(store, slot);
        store->counts.bytes -= nb_message_size(parcel.message);
        ++*counter;
        nb_slot_free(store, slot);
    }
    nb_store_leave(store);
    nb_parcel_release(&parcel);
    return status == NIMBUS_E_NO_MESSAGE ? NIMBUS_OK : status; /* deleting again is fine (SQS-V13) */
}

nimbus_status nb_store_delete(nb_store *store, nimbus_receipt receipt)
{
    return remove_message(store, receipt, &store->counts.deleted);
}

nimbus_status nb_store_discard(nb_store *store, nimbus_receipt receipt)
{
    return remove_message(store, receipt, &store->counts.discarded);
}

nimbus_status nb_store_change(nb_store *store, nimbus_receipt receipt, int64_t timeout)
{
    int64_t now = nb_store_enter(store), due;
    nb_slot *slot = NULL;
    nimbus_status status = settling(store) != NIMBUS_OK ? store->ended : nb_store_find(store, receipt, &slot);

    if (status == NIMBUS_OK && slot->state != NB_IN_FLIGHT) {
        status = NIMBUS_E_NOT_INFLIGHT;
    }
    if (status == NIMBUS_OK && store->finishing) {
        nb_store_forget(store, slot, &store->counts.discarded, NIMBUS_TRACE_DISCARDED);
        status = store->ended;
    }
    if (status == NIMBUS_OK) {
        due = timeout == NB_STORE_VISIBILITY ? nb_add_time(slot->taken_at, store->config.visibility) : nb_add_time(now, timeout);
        if (due > nb_add_time(slot->taken_at, store->config.max_visibility)) {
            status = NIMBUS_E_INVALID; /* refused, not trimmed (SQS-V5) */
        } else if (due <= now) {
            nb_store_count_out(store, slot);
            nb_store_make_ready(store, slot);
        } else {
            slot->due = due;
            nb_slot_rekey(store, slot);
        }
    }
    nb_store_leave(store);
    return status;
}

/* ---------------------------------------------------------------------------------------------- moves */

static nb_slot *next_move(nb_store *store)
{
    nb_link *link = nb_list_pop(&store->moving);
    nb_slot *slot;

    if (link == NULL && store->move_again) {
        link = nb_list_pop(&store->stuck);
    }
    if (link == NULL) {
        store->move_again = false;
        return NULL;
    }
    slot = NB_CONTAINER(link, nb_slot, link);
    slot->state = NB_MOVING;
    nb_slot_rekey(store, slot);
    return slot;
}

/* The move failed: it stays here (SQS-D11). */
static void put_back(nb_store *store, nb_slot *slot, int64_t now)
{
    if (store->ended != NIMBUS_OK && !(store->finishing && slot->doomed)) {
        nb_store_forget(store, slot, &store->counts.discarded, NIMBUS_TRACE_DISCARDED);
    } else if (slot->purged) {
        nb_store_forget(store, slot, &store->counts.purged, 0);
    } else if (slot->doomed) {
        slot->doomed = false;
        slot->state = NB_IN_FLIGHT;
        nb_slot_rekey(store, slot);
    } else {
        slot->state = NB_STUCK;
        nb_slot_rekey(store, slot);
        nb_list_push(&store->stuck, &slot->link);
        store->move_again = false;
        if (store->stuck_due == INT64_MAX) {
            store->stuck_due = nb_add_time(now, store->stuck_delay);
            store->stuck_delay = store->stuck_delay * 2 < NB_LAST_STUCK_DELAY ? store->stuck_delay * 2 : NB_LAST_STUCK_DELAY;
        }
    }
}

static void finish_move(nb_store *store, nb_slot *slot, bool moved, int64_t now)
{
    if (!moved) {
        put_back(store, slot, now);
        return;
    }
    nb_store_count_out(store, slot);
    store->counts.bytes -= nb_message_size(slot->parcel.message);
    store->counts.moved++;
    if (!slot->doomed) {
        store->move_again = true; /* the way is free again */
        store->stuck_delay = NB_FIRST_STUCK_DELAY;
    }
    nb_slot_free(store, slot);
}

/* Steps two and three of a move. Called with the lock held, which it leaves in between. */
static bool try_move(nb_store *store, nb_slot *slot, const void *why)
{
    nb_parcel parcel = slot->parcel;
    uint32_t own_receives = slot->own_receives;
    nb_letter *note = nb_letter_retain(slot->note);
    bool moved;

    why = why == NULL && note != NULL ? nb_letter_reason(note) : why;
    nb_parcel_retain(&parcel); /* one set of references for us, one to give away */
    nb_lock_release(&store->lock);
    moved = store->ops->move != NULL && store->ops->move(store->owner, &parcel, own_receives, why);
    nb_lock_acquire(&store->lock);
    if (moved) {
        parcel = slot->parcel; /* the slot's own references end with it */
    }
    finish_move(store, slot, moved, nb_clock_elapsed(&store->nb->clock));
    nb_lock_release(&store->lock);
    nb_parcel_release(&parcel);
    nb_letter_release(note);
    nb_lock_acquire(&store->lock);
    return moved;
}

void nb_store_run_moves(nb_store *store)
{
    nb_slot *slot;

    nb_store_enter(store);
    while ((slot = next_move(store)) != NULL) {
        try_move(store, slot, NULL);
    }
    nb_store_leave(store);
}

void nb_store_defer(nb_store *store, nimbus_receipt receipt, int64_t delay, bool failed)
{
    int64_t now = nb_store_enter(store);
    nb_slot *slot = NULL;
    bool mine = settling(store) == NIMBUS_OK && nb_store_find(store, receipt, &slot) == NIMBUS_OK && slot->state == NB_IN_FLIGHT;

    if (mine && store->finishing) {
        nb_store_forget(store, slot, &store->counts.discarded, NIMBUS_TRACE_DISCARDED);
    } else if (mine) {
        nb_store_count_out(store, slot);
        slot->state = NB_DELAYED;
        slot->failed = failed;
        slot->due = nb_add_time(now, delay > 0 ? delay : 1);
        store->counts.delayed++;
        nb_slot_rekey(store, slot);
    }
    nb_store_leave(store);
}

void nb_store_note(nb_store *store, nimbus_receipt receipt, nb_letter *letter)
{
    nb_slot *slot = NULL;
    nb_letter *unused = letter;

    nb_store_enter(store);
    if (settling(store) == NIMBUS_OK && nb_store_find(store, receipt, &slot) == NIMBUS_OK && letter != NULL) {
        unused = slot->note;
        slot->note = letter;
    }
    nb_store_leave(store);
    nb_letter_release(unused);
}

nimbus_status nb_store_doom(nb_store *store, nimbus_receipt receipt, const void *why)
{
    nb_slot *slot = NULL;
    nimbus_status status;

    nb_store_enter(store);
    status = settling(store) != NIMBUS_OK ? store->ended : nb_store_find(store, receipt, &slot);
    if (status == NIMBUS_OK && slot->state != NB_IN_FLIGHT) {
        status = NIMBUS_E_NOT_INFLIGHT;
    }
    if (status == NIMBUS_OK) {
        slot->state = NB_MOVING;
        slot->doomed = true;
        nb_slot_rekey(store, slot);
        status = try_move(store, slot, why) ? NIMBUS_OK : NIMBUS_E_NOT_FOUND;
    }
    nb_store_leave(store);
    return status;
}

/* ------------------------------------------------------------------------------- purge, configuration */

nimbus_status nb_store_purge(nb_store *store, uint64_t *ret_count)
{
    nimbus_status status;
    uint64_t before;

    nb_store_enter(store);
    status = store->ended;
    before = store->counts.purged;
    for (uint32_t i = 0; status == NIMBUS_OK && i < store->slot_count; i++) {
        nb_slot *slot = nb_slot_at(store, i);

        if (slot->state == NB_MOVING) {
            slot->purged = true; /* if it comes back it is gone */
        } else if (slot->state != NB_FREE && slot->state != NB_GONE) {
            nb_store_forget(store, slot, &store->counts.purged, 0);
        }
    }
    if (status == NIMBUS_OK && ret_count != NULL) {
        *ret_count = store->counts.purged - before;
    }
    nb_store_leave(store);
    return status;
}

/* A new retention changes the keys of slots outside by_age: the heap is put in order again. */
static void rebuild_heap(nb_store *store)
{
    uint32_t count = store->heap_count;

    store->heap_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        store->heap[i]->heap_index = NB_NOT_IN_HEAP;
    }
    for (uint32_t i = 0; i < store->slot_count; i++) {
        nb_slot_place(store, nb_slot_at(store, i));
    }
}

void nb_store_configure(nb_store *store, const nb_store_config *config)
{
    nb_store_enter(store);
    store->config = *config;
    rebuild_heap(store);
    nb_store_leave(store);
    nb_store_enter(store); /* what is too old by the new retention goes at once (SQS-T3) */
    nb_store_leave(store);
}
