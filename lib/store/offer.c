/*
 * offer.c - messages coming in.
 *
 * An offer takes a place first, so that the capacity is exact, then gets a slot, fills it, publishes it and puts it into the ready ring.
 * The end closes the places and then lets go of what it finds until no place is taken; so an offer that has got a place goes through, and
 * one that comes later is refused. Behind all this stands one fence. It pairs with the fences of
 *   who waits for messages (wait.c): he sees the message, or we see that he waits;
 *   the sweep (deadline.h): it sees the slot, or we see the bound that it took down;
 *   the measure (look.c), which sets a bit of mode and then looks at all slots: it sees ours, or we see the bit.
 */
#include <string.h>

#include "base/number.h"
#include "store/order.h"
#include "store/plain.h"

bool nb_bytes_reserve(nb_store *store, size_t size)
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

/*
 * Whether there is room for count more than had entered; brings left_seen up to date. No: there was a moment in this call without room,
 * because who has left is read behind who had entered, and both only grow. Yes: it holds as long as nobody else enters.
 *
 * In 64 bits, since what was seen to have left may be arbitrarily old: a thread may be stopped in front of the store.
 */
static bool fits(nb_store *store, uint64_t entered, uint32_t count)
{
    int32_t held = (int32_t)((uint32_t)entered - nb_store_left(store));

    /* Release, and acquire where it is read: who takes a place by it sees what those who had left did before, as in nb_store_left(). */
    nb_store_release(&store->left_seen, entered - (uint64_t)(int64_t)held);
    return held + (int64_t)count <= (int64_t)nb_load_relaxed(&store->settings.capacity_messages);
}

/*
 * Acquire-release: the end, which closes the places, knows of every offer that got one. The acquire of left_seen or flow: who gets the
 * place of a message that has gone finds everything that its leaving did (a free slot, bytes).
 */
nimbus_status nb_store_take_places(nb_store *store, uint32_t count)
{
    uint64_t entered = nb_load_acquire(&store->entered);

    do {
        if ((entered & NB_PLACES_CLOSED) != 0) {
            (void)nb_load_acquire(&store->entered); /* pairs with the release of the close: then we see why it has ended */
            return nb_store_ended(store);
        }
        if (entered + count - nb_load_acquire(&store->left_seen) > nb_load_relaxed(&store->settings.capacity_messages) &&
            !fits(store, entered, count)) {
            return NIMBUS_E_FULL;
        }
    } while (!nb_cas_weak_acq_rel_acquire(&store->entered, &entered, entered + count));
    return NIMBUS_OK;
}

/* NIMBUS_OK; NIMBUS_E_FULL and which bound it was; or why the store has ended. */
static nimbus_status reserve(nb_store *store, size_t size, bool counted, nimbus_bound *bound)
{
    nimbus_status status = nb_store_take_places(store, 1);

    *bound = status == NIMBUS_E_FULL ? NIMBUS_BOUND_MESSAGES : NIMBUS_BOUND_NONE;
    if (status == NIMBUS_OK && counted && !nb_bytes_reserve(store, size)) {
        nb_store_give_up_places(store, 1);
        *bound = NIMBUS_BOUND_BYTES;
        status = NIMBUS_E_FULL;
    }
    return status;
}

static void unreserve(nb_store *store, size_t size, bool counted)
{
    if (counted) {
        nb_sub_relaxed(&store->bytes, size);
    }
    nb_store_give_up_places(store, 1);
}

/* Drops the oldest ready message. False: there is none. */
static NB_SELDOM bool drop_oldest(nb_store *store)
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

/*
 * Whether there would be room if the ready ones went: a message that cannot be stored drops nobody. Looked at only where one drop may not
 * do; what others change meanwhile is seen by the offer itself.
 */
static NB_SELDOM bool dropping_helps(nb_store *store, size_t size, bool counted)
{
    size_t capacity = nb_load_relaxed(&store->settings.capacity_messages), max = nb_load_relaxed(&store->settings.capacity_bytes);
    uint64_t places = nb_store_places(store), bytes = counted ? nb_load_relaxed(&store->bytes) : 0, at = 0;
    uint32_t run[8], count = 0, next = 0;

    if (!nb_load_relaxed(&store->settings.drop_oldest) || (counted && size > max)) {
        return false;
    }
    if (places <= capacity && !counted) {
        return true;
    }
    while (places >= capacity || (counted && bytes > max - size)) {
        nb_slot *slot;
        uint64_t word;

        if (next == count) {
            next = 0;
            count = nb_index_ring_list(&store->ready, &at, run, 8);
        }
        if (count == 0) {
            return false;
        }
        slot = nb_slot_at(store, run[next]);
        word = nb_slot_word(slot);
        if (nb_state_of(word) == NB_READY && nb_slot_claim(slot, word)) {
            size_t one = (word & NB_COUNTED) != 0 ? nb_message_size(slot->message) : 0;

            nb_slot_restore(store, slot, run[next], word);
            places -= places > 0;
            bytes -= one < bytes ? one : bytes;
        }
        next++;
    }
    return true;
}

/* No room at first: what is over its time goes, then perhaps the oldest. */
static NB_SELDOM nimbus_status make_room(nb_store *store, size_t size, bool counted, nimbus_bound *bound)
{
    nimbus_status status;

    if (nb_load_relaxed(&store->next_key) <= nb_clock_elapsed(&store->nb->clock)) {
        nb_store_enter(store);
        nb_store_leave(store);
    }
    status = reserve(store, size, counted, bound);
    if (status == NIMBUS_E_FULL && dropping_helps(store, size, counted)) {
        while (status == NIMBUS_E_FULL && drop_oldest(store)) {
            status = reserve(store, size, counted, bound);
        }
    }
    return status;
}

/* Bytes began to be measured while the message was put in. */
void nb_store_count_late(nb_store *store, uint32_t index, uint64_t id)
{
    nb_slot *slot = nb_slot_at(store, index);
    uint64_t word = nb_slot_word(slot);

    while ((word & NB_COUNTED) == 0 && nb_state_of(word) != NB_FREE && nb_state_of(word) != NB_ZOMBIE &&
           nb_load_relaxed(&slot->id) == id) {
        if (nb_slot_claim(slot, word)) {
            nb_tally(&store->bytes, nb_message_size(slot->message));
            nb_slot_restore(store, slot, index, word | NB_COUNTED);
            break;
        }
        word = nb_slot_word(slot);
    }
}

/* Publishes a slot that is filled. Without an order. */
static void publish(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word, int64_t due)
{
    if (due == 0) {
        nb_slot_make_ready(store, slot, index, word);
    } else {
        nb_store_relaxed(&slot->due, due);
        nb_tally(&store->tally.delayed, 1);
        nb_tally(&store->tally.born_delayed, 1);
        nb_slot_publish(slot, nb_with_state(word, NB_DELAYED));
    }
}

/* No memory for a slot: the place is given up. */
static NB_SELDOM nimbus_status no_slot(nb_store *store, size_t size, bool counted, nimbus_bound *bound)
{
    nimbus_status status = nb_heap_failure(store->owner->heap, sizeof(nb_slots));

    *bound = status == NIMBUS_E_FULL ? NIMBUS_BOUND_MEMORY : NIMBUS_BOUND_NONE;
    unreserve(store, size, counted);
    return status;
}

/* Puts the parcel into a slot; its place is reserved. */
static nimbus_status put_in(nb_store *store, const nb_parcel *parcel, int64_t due, size_t size, bool counted, nb_offered *ret)
{
    uint64_t flags = counted ? NB_COUNTED : 0, word;
    nb_slots *chunk = NULL;
    uint32_t index = nb_slot_get(store, &chunk);
    nb_slot *slot;
    int64_t key;

    if (index == NB_NO_SLOT) {
        return no_slot(store, size, counted, &ret->bound);
    }
    slot = nb_slot_in(chunk, index);
    if (parcel->letter != NULL && !nb_slot_set_past(store, index, &flags, parcel->letter, NULL)) {
        nb_slot_put(store, slot, index, nb_load_relaxed(&slot->word));
        return no_slot(store, size, counted, &ret->bound);
    }
    if (parcel->letter != NULL) {
        nb_slot_set_arrived(store, index, nb_clock_coarse(&store->nb->clock, NULL));
    }
    key = nb_expiry(store, parcel->enqueued);
    word = nb_slot_fill(slot, parcel, flags);
    if (store->order != NULL) {
        nimbus_status status = nb_order_join(store, parcel, index, word, due, ret);

        if (status != NIMBUS_OK) {
            nb_slot_put(store, slot, index, nb_load_relaxed(&slot->word));
            unreserve(store, size, counted);
        }
        return status;
    }
    ret->place = nb_place_of(store, index, word);
    publish(store, slot, index, word, due);
    nb_fence_seq_cst(); /* see the head */
    if (!counted && (nb_load_relaxed(&store->mode) & NB_MODE_BYTES) != 0) {
        nb_store_count_late(store, index, parcel->id.number);
    }
    nb_key_note_in(store, chunk, due != 0 && due < key ? due : key);
    return NIMBUS_OK;
}

static NB_APART nimbus_status offer_specially(nb_store *store, const nb_parcel *parcel, int64_t delay, bool redriven,
                                                               nb_offered *ret)
{
    bool counted = (nb_load_acquire(&store->mode) & NB_MODE_BYTES) != 0;
    size_t size = counted ? nb_message_size(parcel->message) : 0;
    nb_offered offered = { 0 };
    nimbus_status status = reserve(store, size, counted, &offered.bound);
    int64_t due = 0;

    status = status == NIMBUS_E_FULL ? make_room(store, size, counted, &offered.bound) : status;
    if (status == NIMBUS_E_FULL && store->order != NULL) {
        status = nb_order_full_unless_seen(store, parcel, &offered);
        if (status == NIMBUS_DUPLICATE && ret != NULL) {
            *ret = offered;
        }
        if (status == NIMBUS_DUPLICATE) {
            return status;
        }
    }
    if (status == NIMBUS_OK) {
        if (delay > 0) {
            due = nb_add_time(nb_clock_coarse(&store->nb->clock, NULL), nb_add_time(delay, nb_clock_tick(&store->nb->clock)));
        }
        status = put_in(store, parcel, due, size, counted, &offered);
        if (redriven && status == NIMBUS_OK) {
            nb_tally(&store->tally.redriven_in, 1);
        }
        if (store->order == NULL) { /* else who left the lock has looked */
            nb_store_look_around(store, NB_WATCH_WAITERS | NB_WATCH_BELL);
        }
    } else if (status == NIMBUS_E_FULL) {
        nb_tally(&store->tally.refused, 1);
    }
    if (ret != NULL) {
        *ret = offered;
    }
    return status;
}

nimbus_status nb_store_offer(nb_store *store, const nb_parcel *parcel, int64_t delay, bool redriven, nb_offered *ret)
{
    nimbus_receipt place;

    if (delay <= 0 && !redriven && parcel->letter == NULL && nb_store_offer_plainly(store, parcel, &place)) {
        if (ret != NULL) {
            *ret = (nb_offered){ .place = place };
        }
        return NIMBUS_OK;
    }
    return offer_specially(store, parcel, delay, redriven, ret);
}
