/*
 * move.c - messages going to the dead letter.
 *
 * A move goes in three steps: the slot is set aside (MOVING, or DOOMING out of flight; then it is its mover's alone), the dead letter is
 * offered the parcel without the lock, and the outcome is written under it. So the message is never in neither place, no two locks are
 * held, and whoever loses the race (purge, end) is told apart: a purge leaves NB_PURGED in the word, the end its mode.
 */
#include "base/number.h"
#include "store/inside.h"

void nb_slot_set_aside(nb_store *store, nb_aside *aside, nb_slot *slot, uint32_t index, uint64_t word)
{
    slot->taken_at = 0;
    if (aside->first == 0) {
        aside->first = index + 1;
    } else {
        nb_slot_at(store, aside->last - 1)->taken_at = index + 1;
    }
    aside->last = index + 1;
    nb_store_relaxed(&slot->due, INT64_MAX);
    nb_slot_publish(slot, nb_with_state(word, NB_MOVING) | NB_HINTED);
}

void nb_store_add_moves_locked(nb_store *store, const nb_aside *aside)
{
    if (aside->first == 0) {
        return;
    }
    if (store->moving == 0) {
        store->moving = aside->first;
    } else {
        nb_slot_at(store, store->moving_last - 1)->taken_at = aside->first;
    }
    store->moving_last = aside->last;
}

bool nb_store_moves_wait_locked(const nb_store *store)
{
    return store->moving != 0 || (store->move_again && store->stuck != 0);
}

/* The first that was set aside. A MOVING slot is nobody else's, so it is not claimed but only taken off. */
static bool next_set_aside(nb_store *store, uint32_t *ret_index)
{
    uint32_t first = store->moving;

    if (first == 0) {
        return false;
    }
    *ret_index = first - 1;
    store->moving = (uint32_t)nb_slot_at(store, first - 1)->taken_at;
    if (store->moving == 0) {
        store->moving_last = 0;
    }
    nb_and_acq_rel(&nb_slot_at(store, first - 1)->word, ~NB_HINTED);
    return true;
}

static bool next_stuck(nb_store *store, uint32_t *ret_index)
{
    uint64_t word;
    bool found = store->move_again && nb_list_claim_locked(store, &store->stuck, &store->stuck_last, ret_index, &word);

    if (found) {
        nb_slot_publish(nb_slot_at(store, *ret_index), nb_with_state(word, NB_MOVING));
    } else {
        store->move_again = false;
    }
    nb_watch_set_locked(store, NB_WATCH_STUCK, store->stuck != 0);
    return found;
}

static void make_stuck(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word, int64_t now)
{
    nb_list_add_locked(store, &store->stuck, &store->stuck_last, index);
    nb_slot_publish(slot, nb_with_state(word, NB_STUCK) | NB_HINTED);
    nb_watch_set_locked(store, NB_WATCH_STUCK, true);
    nb_fence_seq_cst(); /* deadline.h */
    nb_key_note_locked(store, index, nb_slot_key(store, slot, NB_STUCK));
    store->move_again = false;
    if (store->stuck_due == INT64_MAX) {
        store->stuck_due = nb_add_time(now, store->stuck_delay);
        store->stuck_delay = store->stuck_delay * 2 < NB_LAST_STUCK_DELAY ? store->stuck_delay * 2 : NB_LAST_STUCK_DELAY;
    }
}

static void unstick(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word)
{
    int64_t key = nb_slot_key(store, slot, NB_READY);

    nb_slot_return(store, slot, index, word);
    nb_fence_seq_cst(); /* deadline.h; the waiters are served by who has the lock, when he leaves */
    nb_key_note_locked(store, index, key);
    nb_store_settled_locked(store, index);
}

void nb_store_unstick_locked(nb_store *store)
{
    uint32_t first = store->stuck, index;
    uint64_t word;

    store->stuck = store->stuck_last = 0;
    while (nb_list_claim_locked(store, &first, NULL, &index, &word)) {
        nb_slot *slot = nb_slot_at(store, index);

        if (nb_slot_spent(store, slot)) {
            nb_list_add_locked(store, &store->stuck, &store->stuck_last, index);
            nb_slot_restore_locked(store, slot, index, word | NB_HINTED);
        } else {
            unstick(store, slot, index, word);
        }
    }
    nb_watch_set_locked(store, NB_WATCH_STUCK, store->stuck != 0);
}

/* The move failed: it stays here (SQS-D11), unless the store has ended or was purged meanwhile. */
static void put_back(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word, nb_gone *gone)
{
    nb_state state = nb_state_of(word);
    uint32_t mode = nb_load_acquire(&store->mode);
    bool stays = (mode & NB_MODE_FINISHING) != 0 && state == NB_DOOMING;
    bool purged = (word & NB_PURGED) != 0;

    word &= ~NB_PURGED;
    if ((mode & NB_MODE_ENDED) != 0 && !stays) {
        gone->why = NIMBUS_TRACE_DISCARDED;
        nb_slot_forget_to(store, slot, index, word, state, &store->tally.discarded, gone);
    } else if (purged) {
        nb_slot_forget_to(store, slot, index, word, state, &store->tally.purged, gone);
    } else if (state == NB_DOOMING) {
        nb_slot_publish(slot, nb_with_state(word, NB_IN_FLIGHT));
        nb_fence_seq_cst(); /* deadline.h */
        nb_key_note_locked(store, index, nb_slot_key(store, slot, NB_IN_FLIGHT));
    } else if (nb_slot_spent(store, slot)) {
        make_stuck(store, slot, index, word, nb_clock_elapsed(&store->nb->clock));
    } else {
        unstick(store, slot, index, word); /* the configuration has changed meanwhile */
    }
}

/* The third step, under the lock. */
static void finish(nb_store *store, nb_slot *slot, uint32_t index, bool moved, nb_gone *gone)
{
    uint64_t word = nb_slot_word(slot);
    nb_state state = nb_state_of(word);

    while (!nb_slot_claim(slot, word)) { /* a purge may be setting its flag; who counts bytes has it claimed for a moment */
        word = nb_slot_word(slot);
    }
    if (!moved) {
        put_back(store, slot, index, word, gone);
        return;
    }
    nb_slot_forget_to(store, slot, index, word & ~NB_PURGED, state, &store->tally.moved, gone);
    if (state == NB_MOVING) {
        store->move_again = true; /* the way is free again */
        store->stuck_delay = NB_FIRST_STUCK_DELAY;
    }
}

/* Steps two and three for a slot that is ours. Without the lock. */
static bool move(nb_store *store, uint32_t index, const void *why)
{
    nb_slot *slot = nb_slot_at(store, index);
    uint64_t word = nb_load_acquire(&slot->word);
    uint32_t own_receives = nb_load_relaxed(&slot->own_receives);
    nb_gone gone = { .why = 0 };
    nb_letter *note;
    nb_parcel parcel = nb_slot_empty(store, slot, index, word, &note);
    bool moved;

    note = nb_letter_retain(note);
    why = why == NULL && note != NULL ? nb_letter_reason(note) : why;
    nb_parcel_retain(&parcel); /* one set of references for the slot, one to give away */
    moved = store->ops->move != NULL && store->ops->move(store->owner, &parcel, own_receives, why);
    if (!moved) {
        nb_parcel_release(&parcel);
    }
    nb_lock_acquire(&store->lock);
    finish(store, slot, index, moved, &gone);
    nb_store_settled_locked(store, index); /* its group goes on (SQS-D10) */
    nb_lock_release(&store->lock);
    nb_gone_flush(store, &gone);
    nb_letter_release(note);
    return moved;
}

void nb_store_run_moves(nb_store *store)
{
    uint32_t index;

    nb_store_enter(store);
    while (next_set_aside(store, &index) || next_stuck(store, &index)) {
        nb_lock_release(&store->lock);
        move(store, index, NULL);
        nb_lock_acquire(&store->lock);
    }
    nb_store_leave(store);
}

nimbus_status nb_store_doom(nb_store *store, nimbus_receipt receipt, const void *why)
{
    nb_slot *slot = NULL;
    uint64_t word = 0;
    nimbus_status status;
    bool moved;

    nb_store_catch_up(store);
    status = nb_store_settling(store);
    status = status != NIMBUS_OK ? status : nb_store_claim(store, receipt, &slot, &word);
    if (status != NIMBUS_OK) {
        return status;
    }
    if (nb_state_of(word) != NB_IN_FLIGHT) {
        nb_slot_restore(store, slot, (uint32_t)receipt.place, word);
        return NIMBUS_E_NOT_INFLIGHT;
    }
    nb_slot_publish(slot, nb_with_state(word, NB_DOOMING));
    moved = move(store, (uint32_t)receipt.place, why);
    nb_fence_seq_cst();
    nb_store_look_around(store, NB_WATCH_SENDERS | NB_WATCH_WAITERS | NB_WATCH_BELL);
    return moved ? NIMBUS_OK : NIMBUS_E_NOT_FOUND;
}
