/*
 * offer.c - messages coming in.
 *
 * An offer counts itself into `held` first, so that the capacity is exact, then gets a slot, fills it, publishes it and puts it into the
 * ready ring. Behind all this stands one fence. It pairs with the fences of
 *   who waits for messages (wait.c): he sees the message, or we see that he waits;
 *   the sweep (deadline.h): it sees the slot, or we see the bound that it took down;
 *   the end and the measure (life.c, look.c), which set a bit of mode and then look at all slots: they see ours, or we see the bit.
 */
#include <string.h>

#include "base/number.h"
#include "store/inside.h"

/* Counts bytes in if they are bounded or measured. False: no room. */
static bool reserve_bytes(nb_store *store, size_t size)
{
    size_t max = nb_load_relaxed(&store->settings.capacity_bytes);
    uint64_t bytes = nb_load_relaxed(&store->bytes);

    do {
        if (size > max || bytes > max - size) {
            return false;
        }
    } while (!nb_cas_weak_relaxed(&store->bytes, &bytes, bytes + size));
    return true;
}

/* Counts a message in; relaxed, for it only counts. */
static bool reserve_place(nb_store *store)
{
    uint64_t word = nb_load_relaxed(&store->held);

    do {
        if (nb_held_of(word) >= nb_load_relaxed(&store->settings.capacity_messages)) {
            return false;
        }
    } while (!nb_cas_weak_relaxed(&store->held, &word, word + NB_ONE_HELD));
    return true;
}

static nimbus_bound reserve(nb_store *store, size_t size, bool counted)
{
    if (!reserve_place(store)) {
        return NIMBUS_BOUND_MESSAGES;
    }
    if (counted && !reserve_bytes(store, size)) {
        nb_sub_relaxed(&store->held, NB_ONE_HELD);
        return NIMBUS_BOUND_BYTES;
    }
    return NIMBUS_BOUND_NONE;
}

static void unreserve(nb_store *store, size_t size, bool counted)
{
    if (counted) {
        nb_sub_relaxed(&store->bytes, size);
    }
    nb_sub_acq_rel(&store->held, NB_ONE_HELD);
}

/* Drops the oldest ready message. False: there is none. */
static bool drop_oldest(nb_store *store)
{
    nb_gone gone = { .why = NIMBUS_TRACE_DROPPED };
    uint32_t index;

    while (nb_index_ring_pop(&store->ready, &index, 1) == 1) {
        nb_slot *slot = nb_slot_at(store, index);
        uint64_t word = nb_slot_claim_popped(store, slot, index);

        nb_tally(&store->tally.unreceived, 1);
        if (word != 0) {
            nb_slot_forget_to(store, slot, index, word, NB_READY, &store->tally.dropped, &gone);
            nb_gone_flush(store, &gone);
            return true;
        }
    }
    return false;
}

/* No room at first: what is over its time goes, then perhaps the oldest. */
static nimbus_bound make_room(nb_store *store, size_t size, bool counted)
{
    nimbus_bound bound;

    if (nb_load_relaxed(&store->next_key) <= nb_clock_elapsed(&store->nb->clock)) {
        nb_store_enter(store);
        nb_store_leave(store);
    }
    while ((bound = reserve(store, size, counted)) != NIMBUS_BOUND_NONE) {
        if (!nb_load_relaxed(&store->settings.drop_oldest) || (counted && size > nb_load_relaxed(&store->settings.capacity_bytes)) ||
            !drop_oldest(store)) {
            break;
        }
    }
    return bound;
}

/* Fills a free slot and publishes it. Returns the word that it had. */
static uint64_t fill(nb_store *store, nb_slot *slot, uint32_t index, const nb_parcel *parcel, uint64_t flags, int64_t due)
{
    uint64_t word = (nb_load_relaxed(&slot->word) & ~(NB_FLAGS | NB_STATE_MASK)) | flags;

    nb_plain_write(&slot->message);
    slot->message = parcel->message;
    slot->sent = parcel->sent;
    slot->first_received = parcel->first_received;
    slot->receive_count = parcel->receive_count;
    nb_store_relaxed(&slot->enqueued, parcel->enqueued);
    nb_store_relaxed(&slot->id, parcel->id.number);
    nb_store_relaxed(&slot->own_receives, 0);
    if (due == 0) {
        nb_slot_make_ready(store, slot, index, word);
    } else {
        nb_store_relaxed(&slot->due, due);
        nb_tally(&store->tally.delayed, 1);
        nb_tally(&store->tally.born_delayed, 1);
        nb_slot_publish(slot, nb_with_state(word, NB_DELAYED));
    }
    return word;
}

/* The end came while the message was put in: it is taken out again, unless the end, or a taker, had it already. */
static bool take_back(nb_store *store, nb_slot *slot, uint32_t index, uint64_t birth)
{
    uint64_t word = nb_slot_word(slot);
    nb_state state = nb_state_of(word);
    size_t size;

    if (nb_generation_of(word) != nb_generation_of(birth) || (state != NB_READY && state != NB_DELAYED) || !nb_slot_claim(slot, word)) {
        return false;
    }
    if (state == NB_DELAYED) {
        nb_sub_relaxed(&store->tally.born_delayed, 1);
    } else {
        nb_tally(&store->tally.withdrawn, 1);
    }
    size = (word & NB_COUNTED) != 0 ? nb_message_size(slot->message) : 0;
    nb_slot_vacate(store, slot, index, word);
    nb_count_out(store, state, word, size);
    return true;
}

/* Bytes began to be measured while the message was put in. */
static void count_late(nb_store *store, nb_slot *slot, uint32_t index, uint64_t birth)
{
    uint64_t word = nb_slot_word(slot);

    if (nb_generation_of(word) == nb_generation_of(birth) && (word & NB_COUNTED) == 0 && nb_state_of(word) != NB_FREE &&
        nb_state_of(word) != NB_ZOMBIE && nb_slot_claim(slot, word)) {
        nb_tally(&store->bytes, nb_message_size(slot->message));
        nb_slot_restore(store, slot, index, word | NB_COUNTED);
    }
}

/* No memory for a slot: the place is given up. */
static nimbus_status no_slot(nb_store *store, size_t size, bool counted, nimbus_bound *bound)
{
    nimbus_status status = nb_heap_failure(store->owner->heap, sizeof(nb_chunk));

    *bound = status == NIMBUS_E_FULL ? NIMBUS_BOUND_MEMORY : NIMBUS_BOUND_NONE;
    unreserve(store, size, counted);
    nb_store_look_around(store, NB_WATCH_SENDERS);
    return status;
}

/* Something of the store's mode has changed while the message was put in. */
static nimbus_status follow(nb_store *store, nb_slot *slot, uint32_t index, uint64_t birth, uint32_t changed)
{
    if ((changed & NB_MODE_ENDED) != 0 && take_back(store, slot, index, birth)) {
        return nb_store_ended(store);
    }
    if ((changed & NB_MODE_BYTES) != 0) {
        count_late(store, slot, index, birth);
    }
    return NIMBUS_OK;
}

/* Puts the parcel into a slot; its place is reserved. */
static nimbus_status put_in(nb_store *store, const nb_parcel *parcel, int64_t due, uint32_t mode, nimbus_bound *bound)
{
    bool counted = (mode & NB_MODE_BYTES) != 0;
    size_t size = counted ? nb_message_size(parcel->message) : 0;
    uint64_t flags = counted ? NB_COUNTED : 0, birth;
    uint32_t index = nb_slot_get(store), changed;
    nimbus_status status = NIMBUS_OK;
    nb_slot *slot;
    int64_t key;

    if (index == NB_NO_SLOT) {
        return no_slot(store, size, counted, bound);
    }
    slot = nb_slot_at(store, index);
    if (parcel->letter != NULL && !nb_slot_set_past(store, index, &flags, parcel->letter, NULL)) {
        nb_slot_put(store, slot, index, nb_load_relaxed(&slot->word));
        return no_slot(store, size, counted, bound);
    }
    key = nb_expiry(store, parcel->enqueued);
    birth = fill(store, slot, index, parcel, flags, due);
    nb_fence_seq_cst(); /* see the head */
    changed = nb_load_relaxed(&store->mode) & ~mode;
    if (changed != 0) {
        status = follow(store, slot, index, birth, changed);
    }
    nb_key_note(store, index, due != 0 && due < key ? due : key);
    return status;
}

nimbus_status nb_store_offer(nb_store *store, const nb_parcel *parcel, int64_t delay, bool redriven, nimbus_bound *ret_bound)
{
    uint32_t mode = nb_load_acquire(&store->mode);
    bool counted = (mode & NB_MODE_BYTES) != 0;
    size_t size = counted ? nb_message_size(parcel->message) : 0;
    nimbus_bound bound;
    nimbus_status status = NIMBUS_E_FULL;
    int64_t due = 0;

    if ((mode & NB_MODE_ENDED) != 0) {
        return nb_store_ended(store);
    }
    bound = reserve(store, size, counted);
    bound = bound == NIMBUS_BOUND_NONE ? bound : make_room(store, size, counted);
    if (bound != NIMBUS_BOUND_NONE) {
        nb_tally(&store->tally.refused, 1);
    } else {
        if (delay > 0) {
            due = nb_add_time(nb_clock_coarse(&store->nb->clock, NULL), nb_add_time(delay, nb_clock_tick(&store->nb->clock)));
        }
        if (redriven) {
            nb_tally(&store->tally.redriven_in, 1);
        }
        status = put_in(store, parcel, due, mode, &bound);
        if (redriven && status != NIMBUS_OK) {
            nb_sub_relaxed(&store->tally.redriven_in, 1);
        }
        nb_store_look_around(store, NB_WATCH_WAITERS | NB_WATCH_BELL);
    }
    if (ret_bound != NULL && bound != NIMBUS_BOUND_NONE) {
        *ret_bound = bound;
    }
    return status;
}
