/*
 * plain.h - one plain message in, out and gone, straight: what nearly every send, receive and delete is. Inline, so that the calls of
 * users and the store's own entry points (offer.c, take.c, settle.c), which treat all other cases, are made of the same lines.
 *
 * Each answers false if anything is special, and then nothing has happened. The ordering is that of the files that treat the rest: see
 * their heads. A slot's chunk is looked up once and handed on.
 */
#ifndef NB_STORE_PLAIN_H
#define NB_STORE_PLAIN_H

#include "base/rare.h"
#include "store/inside.h"

/* ------------------------------------------------------------------------------------------------ coming */

/*
 * No delay, no past, no order, nothing counted, and nobody comes between. Takes the parcel's reference. *ret_place: written with true.
 */
static inline bool nb_store_offer_plainly(nb_store *store, const nb_parcel *parcel, nimbus_receipt *ret_place)
{
    uint64_t entered, word;
    nb_slots *chunk;
    uint32_t index;
    nb_slot *slot;

    if (NB_RARE(nb_load_acquire(&store->mode) != 0)) {
        return false;
    }
    entered = nb_load_relaxed(&store->entered);
    if (entered - nb_load_acquire(&store->left_seen) >= nb_load_relaxed(&store->settings.capacity_messages) ||
        !nb_cas_strong_acq_rel(&store->entered, &entered, entered + 1)) { /* as in nb_store_take_places() */
        return false; /* full, as far as was seen; closed (that is a large number, too); or changed meanwhile */
    }
    index = nb_slot_get(store, &chunk);
    if (NB_RARE(index == NB_NO_SLOT)) {
        nb_store_give_up_places(store, 1);
        return false;
    }
    slot = nb_slot_in(chunk, index);
    word = nb_slot_fill(slot, parcel, 0);
    *ret_place = nb_place_of(store, index, word);
    nb_slot_publish(slot, nb_with_state(word, NB_READY) | NB_HINTED);
    nb_index_ring_push(&store->ready, index);
    nb_fence_seq_cst(); /* see the head of offer.c */
    if (NB_RARE((nb_load_relaxed(&store->mode) & NB_MODE_BYTES) != 0)) {
        nb_store_count_late(store, index, parcel->id.number);
    }
    nb_key_note_in(store, chunk, nb_expiry(store, parcel->enqueued));
    nb_store_look_around(store, NB_WATCH_WAITERS | NB_WATCH_BELL);
    return true;
}

/* ------------------------------------------------------------------------------------------------- going out */

nb_letter *nb_slot_letter(nb_store *store, uint32_t index, uint64_t word); /* of a claimed slot: another reference to it; NULL: none */

/* What one take says of all that it hands out. */
typedef struct nb_handing {
    nb_moment at;
    int64_t due, visible_at;
} nb_handing;

static inline nb_handing nb_store_handing(nb_store *store, int64_t timeout, const nb_moment *at)
{
    return (nb_handing){ *at, nb_add_time(at->now + nb_clock_tick(&store->nb->clock), timeout), nb_add_time(at->wall, timeout) };
}

/* The word of a slot that is handed out; word: that with which it was claimed. */
static inline uint64_t nb_taken_word(uint64_t word)
{
    return nb_with_state(word, NB_IN_FLIGHT) + NB_ONE_GENERATION;
}

/*
 * A claimed slot is handed out; word: what it will be published with. The slot has a reference to the message, the delivery gets another;
 * with the slot claimed nobody else can raise a count of 1.
 */
static inline void nb_slot_give(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word, const nb_handing *how, nb_delivery *to)
{
    uint32_t own_receives = nb_load_relaxed(&slot->own_receives) + 1, receive_count = slot->receive_count + 1;
    nimbus_time first_received = slot->first_received;
    nimbus_message *message = slot->message;

    nb_plain_write(&slot->message);
    nb_store_release(&slot->own_receives, own_receives); /* see slot.h */
    slot->receive_count = receive_count;
    slot->taken_at = how->at.now;
    if (first_received == 0) {
        slot->first_received = first_received = how->at.wall;
    }
    nb_message_retain_n(message, 1);
    to->message = message; /* one by one: as a whole it would be cleared first */
    to->letter = NULL;
    to->source = store->owner;
    to->call = NULL;
    to->source_name = store->name;
    to->receipt = (nimbus_receipt){ (uint64_t)store->number << 32 | index, nb_generation_of(word) };
    to->id = (nimbus_id){ store->nonce, nb_load_relaxed(&slot->id) };
    to->sent = slot->sent;
    to->first_received = first_received;
    to->visible_at = how->visible_at;
    to->receive_count = receive_count;
    to->own_receives = own_receives;
    to->enqueued = nb_load_relaxed(&slot->enqueued);
    to->sequence = 0;
    to->mark = 0;
    to->failed = 0;
    if (NB_RARE((word & (NB_HAS_PAST | NB_FAILED)) != 0)) {
        to->letter = nb_slot_letter(store, index, word);
        to->failed = (word & NB_FAILED) != 0;
    }
}

/* Far from the limit nobody reserves; near it a take is done under the lock. */
static inline bool nb_near_limit(nb_store *store, uint32_t max)
{
    return nb_in_flight_of(nb_load_acquire(&store->flow)) + (64 * (size_t)max + 1024) > nb_load_relaxed(&store->settings.max_in_flight);
}

/* Whether something beside handing out is to be done. */
static inline bool nb_take_needs_order(nb_store *store, uint32_t max, int64_t now)
{
    return nb_near_limit(store, max) || nb_load_relaxed(&store->next_key) <= now ||
           (nb_load_relaxed(&store->watch) & (NB_WATCH_RETURNED | NB_WATCH_STUCK | NB_WATCH_BELL)) != 0;
}

/* One message into an empty slot, without the lock, to be hidden for timeout. False: none was taken, for whatever reason. */
static inline bool nb_store_take_plainly(nb_store *store, int64_t timeout, nb_delivery *to)
{
    uint32_t index, max_receives = nb_load_relaxed(&store->settings.max_receives);
    nb_handing how;
    nb_slots *chunk;
    nb_moment at;
    nb_slot *slot;
    uint64_t word;
    int64_t key;

    if ((nb_load_acquire(&store->mode) & (NB_MODE_ENDED | NB_MODE_ORDERED)) != 0 || timeout <= 0 || nb_load_relaxed(&store->claims) != 0) {
        return false;
    }
    at.now = nb_clock_coarse(&store->nb->clock, &at.wall);
    if (nb_take_needs_order(store, 1, at.now)) {
        return false;
    }
    do {
        if (!nb_index_ring_pop_one(&store->ready, &index)) {
            return false;
        }
        chunk = nb_slots_of(store, index);
        slot = nb_slot_in(chunk, index);
        word = nb_slot_claim_popped(store, slot, index);
        if (NB_RARE(word == 0)) {
            nb_tally(&store->tally.unreceived, 1);
        } else if (NB_RARE(max_receives != 0) && nb_load_relaxed(&slot->own_receives) >= max_receives) {
            nb_store_move_one(store, slot, index, word);
            word = 0;
        }
    } while (NB_RARE(word == 0));
    word = nb_taken_word(word);
    key = nb_expiry(store, nb_load_relaxed(&slot->enqueued));
    how = nb_store_handing(store, timeout, &at);
    nb_slot_give(store, slot, index, word, &how, to);
    nb_store_relaxed(&slot->due, how.due);
    nb_slot_publish(slot, word);
    nb_object_pin(store->owner);
    nb_add_acq_rel(&store->flow, 1);
    nb_fence_after_rmw(); /* deadline.h */
    nb_key_note_in(store, chunk, key < how.due ? key : how.due);
    nb_store_look_around(store, NB_WATCH_WAITERS); /* more may be ready than we took */
    return true;
}

/* -------------------------------------------------------------------------------------------------- leaving */

/*
 * Claims the slot of a delivery that is in flight under its receipt, with nothing special, and empties the delivery, but for its source. It
 * was taken from this store, so its receipt is one of this store; it has no letter, as the slot has no past.
 */
static inline bool nb_store_claim_delivered(nb_store *store, nb_delivery *delivery, nb_slot **ret_slot, uint64_t *ret_word)
{
    nb_slot *slot = nb_slot_at(store, nb_index_of(delivery->receipt));
    uint64_t word = delivery->receipt.generation << NB_GENERATION_SHIFT | NB_IN_FLIGHT;

    if ((nb_load_acquire(&store->mode) & NB_MODE_ENDED) != 0 || nb_load_relaxed(&slot->word) != word || !nb_slot_claim(slot, word)) {
        return false;
    }
    delivery->message = NULL; /* first: a free function may look */
    *ret_slot = slot;
    *ret_word = word;
    return true;
}

static inline bool nb_store_delete_plainly(nb_store *store, nb_delivery *delivery)
{
    nimbus_message *message = delivery->message;
    nb_slot *slot;
    uint64_t word;

    if (!nb_store_claim_delivered(store, delivery, &slot, &word)) {
        return false;
    }
    nb_slot_put(store, slot, nb_index_of(delivery->receipt), word);
    nb_count_deleted(store, 1, 1);
    nb_fence_after_rmw(); /* see the head of settle.c */
    nb_store_look_around(store, NB_WATCH_SENDERS | NB_WATCH_BELL | NB_WATCH_WAITERS);
    nb_message_release_n(message, 2); /* the slot's reference and the delivery's, at once */
    return true;
}

#endif
