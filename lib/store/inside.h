/*
 * inside.h - what the files of store/ share.
 */
#ifndef NB_STORE_INSIDE_H
#define NB_STORE_INSIDE_H

#include "store/deadline.h"

/* When a message that could not be moved to the dead letter is tried again by itself. */
#define NB_FIRST_STUCK_DELAY NIMBUS_SECONDS(1)
#define NB_LAST_STUCK_DELAY NIMBUS_SECONDS(60)

/* store->mode. Set under the lock, never cleared; read before and behind what an operation does, so that one that was under way when a bit
 * was set notices it (its fence stands between). */
#define NB_MODE_BYTES 1u     /* bytes are counted */
#define NB_MODE_ENDED 2u
#define NB_MODE_ORDERED 8u   /* from the beginning: it has an order, so offers take the long way */
#define NB_MODE_FINISHING 4u /* ended, but what is in flight may still be settled */

/* store->watch. Set and cleared under the lock; whoever changes what they wait for reads it behind a fence. */
#define NB_WATCH_WAITERS 1u
#define NB_WATCH_SENDERS 2u
#define NB_WATCH_BELL 4u
#define NB_WATCH_RETURNED 8u /* messages were given back to the front */
#define NB_WATCH_STUCK 16u

#define NB_PLACES_CLOSED (UINT64_C(1) << 63)
#define NB_ONE_DELETED (UINT64_C(1) << 32) /* in flow, where one in flight is 1 */

typedef struct nb_sender {
    nb_link link;
    nb_parker parker;
} nb_sender;

/* What has gone and must be let go of without the lock. */
typedef struct nb_gone {
    nb_parcel parcels[16];
    uint32_t count;
    nimbus_trace_kind why; /* 0: nobody is told */
} nb_gone;

#define NB_GONE_ROOM 16u

void nb_gone_flush(nb_store *store, nb_gone *gone);                    /* without the lock */
void nb_gone_flush_locked(nb_store *store, nb_gone *gone);             /* leaves the lock meanwhile, if there is something */

/* Takes the lock and brings the states up to the clock; leaves it again: serves waiters, sets the timer, and then runs moves. */
int64_t nb_store_enter(nb_store *store);
void nb_store_enter_at(nb_store *store, int64_t now); /* by what the caller has read: for what is done for each message */
void nb_store_leave(nb_store *store);

/* Enters and leaves if something is due. */
void nb_store_catch_up(nb_store *store);

/* Somebody waits for what this thread has just done: enters and leaves. */
void nb_store_attend(nb_store *store);

/* Behind a fence: attends if somebody waits for one of these. */
static inline void nb_store_look_around(nb_store *store, uint32_t for_whom)
{
    if ((nb_load_relaxed(&store->watch) & for_whom) != 0) {
        nb_store_attend(store);
    }
}

/* Gives places up that were taken and not used. Somebody may have seen no room meanwhile, and waits: the fence pairs with his (wait.c). */
static inline void nb_store_give_up_places(nb_store *store, uint32_t count)
{
    nb_add_acq_rel(&store->tally.left_otherwise, count); /* as in nb_count_out() */
    nb_fence_after_rmw();
    nb_store_look_around(store, NB_WATCH_SENDERS);
}

/* Takes places. NIMBUS_OK, NIMBUS_E_FULL, or why the store has ended. */
nimbus_status nb_store_take_places(nb_store *store, uint32_t count);
bool nb_bytes_reserve(nb_store *store, size_t size); /* counts them in; false: no room */
bool nb_slots_get(nb_store *store, uint32_t *indices, uint32_t count); /* all of them; false: out of memory, none is taken */

/* ------------------------------------------------------------------------------ into an order: order_offer.c */

/* Puts a filled slot at the end of its group, which takes the lock: NIMBUS_OK. Else the slot is still the caller's: NIMBUS_DUPLICATE, or
 * why not. */
nimbus_status nb_order_join(nb_store *store, const nb_parcel *parcel, uint32_t index, uint64_t word, int64_t due, nb_offered *ret);

/* NIMBUS_E_FULL; a full queue accepts what it has seen before all the same: NIMBUS_DUPLICATE (SQS-F16). */
nimbus_status nb_order_full_unless_seen(nb_store *store, const nb_parcel *parcel, nb_offered *ret);

/* ---------------------------------------------------------------------------- out of an order: order_leave.c */

/* As nb_store_delete_many and nb_store_delete_deliveries. */
bool nb_order_delete_many(nb_store *store, const nimbus_receipt *receipts, size_t count, nimbus_status *statuses);
bool nb_order_delete_deliveries(nb_store *store, nb_delivery *deliveries, size_t count, nimbus_status *statuses);

nimbus_status nb_order_delete_delivery(nb_store *store, nb_delivery *delivery); /* of one */

/* As nb_store_delete_delivery, whatever has become of the message; otherwise: with an order, too. */
nimbus_status nb_store_delete_specially(nb_store *store, nb_delivery *delivery);
nimbus_status nb_store_delete_otherwise(nb_store *store, nb_delivery *delivery);

/* ------------------------------------------------------------------------------------------------------------ */

void nb_store_get_counts_locked(nb_store *store, nb_store_counts *ret);

void nb_watch_set_locked(nb_store *store, uint32_t bit, bool on);

/* Takes the lock, touches the slot (store/order.h) and leaves as nb_store_leave does. */
void nb_order_touch(nb_store *store, uint32_t index);

/* Behind a change of a slot's word, without the lock: the order follows, if there is one. */
static inline void nb_order_follow(nb_store *store, uint32_t index)
{
    if (store->order != NULL) {
        nb_order_touch(store, index);
    }
}

/* Behind every change of a slot's word and a fence, without the lock: for whom it may be news. */
static inline void nb_store_settled(nb_store *store, uint32_t index, uint32_t for_whom)
{
    if (store->order != NULL) {
        nb_order_touch(store, index);
    } else {
        nb_store_look_around(store, for_whom);
    }
}

/* The same under the lock. */
void nb_store_settled_locked(nb_store *store, uint32_t index);

static inline void nb_tally(_Atomic uint64_t *counter, uint64_t by)
{
    nb_add_relaxed(counter, by);
}

/*
 * Of the word flow. A message may be purged or lapse before its taker has counted it in flight: then that is below 0 for a moment, and has
 * borrowed from the other half.
 */
static inline uint32_t nb_in_flight_of(uint64_t flow)
{
    int32_t count = (int32_t)(uint32_t)flow;

    return count > 0 ? (uint32_t)count : 0;
}

static inline uint32_t nb_deleted_of(uint64_t flow)
{
    return (uint32_t)((flow + (UINT64_C(1) << 31)) >> 32);
}

/*
 * How many places were ever given up, modulo 2^32: at least as many as when the call began, at most as many as when it returned. The
 * acquires pair with the releases of those who gave them up: what a message's leaving did (its slot is free, its bytes are) is seen.
 */
static inline uint32_t nb_store_left(nb_store *store)
{
    return nb_deleted_of(nb_load_acquire(&store->flow)) + nb_load_acquire(&store->tally.left_otherwise);
}

/* Places taken, never fewer than there are: who has left is read before who has entered. */
static inline uint64_t nb_store_places(nb_store *store)
{
    uint32_t left = nb_store_left(store);

    return (uint32_t)nb_load_acquire(&store->entered) - left;
}

static inline nimbus_status nb_store_ended(nb_store *store)
{
    return (nimbus_status)nb_load_acquire(&store->ended);
}

/* Whether messages may still be settled: NIMBUS_OK, or why not. */
nimbus_status nb_store_settling(nb_store *store);

bool nb_store_any_ready(nb_store *store); /* or a zombie given back to the front: then whoever comes for it finds out */
bool nb_store_takeable(nb_store *store);  /* and there is room in flight */
bool nb_store_has_room(nb_store *store, size_t size);

/* What names the message that was put into this slot with this word, until it is received. */
static inline nimbus_receipt nb_place_of(const nb_store *store, uint32_t index, uint64_t word)
{
    return (nimbus_receipt){ (uint64_t)store->number << 32 | index, nb_generation_of(word) | NB_PLACE };
}

/* Counts the bytes of a message that was put in while that began. */
void nb_store_count_late(nb_store *store, uint32_t index, uint64_t id);

/* From now on bytes are counted. */
void nb_store_measure_from_now_locked(nb_store *store);

/* ---------------------------------------------------------------------------------- changes of a claimed slot */

/* Ready again: as nb_slot_make_ready, counted as a return. */
void nb_slot_return(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word);

/* The same in a store with an order: the caller touches it, too. */
void nb_slot_make_ready_in_order(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word);

/* READY: publishes it and puts it at the end of the ready ring. The caller counts it out of its state, fences, notes its key and looks
 * around. */
static inline void nb_slot_make_ready(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word)
{
    if (store->order != NULL) {
        nb_slot_make_ready_in_order(store, slot, index, word);
        return;
    }
    nb_store_relaxed(&slot->due, INT64_MAX);
    nb_slot_publish(slot, nb_with_state(word, NB_READY) | NB_HINTED);
    nb_index_ring_push(&store->ready, index);
}

/* Takes message and past out of a claimed slot. */
nb_parcel nb_slot_empty(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word, nb_letter **ret_note);

/* Counts deletes, of which some were in flight, and thereby gives up their places: the last thing that a delete does to the store.
 * Release: pairs with the acquire in nb_store_left(). */
static inline void nb_count_deleted(nb_store *store, uint32_t deleted, uint32_t in_flight)
{
    uint64_t before = nb_add_acq_rel(&store->flow, deleted * NB_ONE_DELETED - in_flight);

    if (nb_deleted_of(before) > UINT32_MAX - deleted) {
        nb_tally(&store->tally.deleted_high, 1);
    }
}

/* Counts a message out that was in this state; its place is given up last. */
void nb_count_out(nb_store *store, nb_state state, uint64_t word, size_t size, bool deleted);

/* A claimed slot loses its message: counted out of its state and into counter (NULL: deleted). The parcel is the caller's to let go of. */
nb_parcel nb_slot_forget(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word, nb_state state, _Atomic uint64_t *counter);

/* The same with a gone list that has room. */
void nb_slot_forget_to(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word, nb_state state, _Atomic uint64_t *counter,
                       nb_gone *gone);

/* The slot of a receipt, claimed, with the word that it had. NIMBUS_OK: it is the receipt of the last take. */
nimbus_status nb_store_claim(nb_store *store, nimbus_receipt receipt, nb_slot **ret_slot, uint64_t *ret_word);

/* The common case of it: it is in flight under this receipt, has nothing special, and the store is open. False: another case. */
static inline bool nb_store_claim_plainly(nb_store *store, nimbus_receipt receipt, nb_slot **ret_slot, uint64_t *ret_word)
{
    uint32_t index = (uint32_t)receipt.place;

    if (receipt.place >> 32 != store->number || index >= nb_load_acquire(&store->slot_count) ||
        (nb_load_acquire(&store->mode) & NB_MODE_ENDED) != 0) {
        return false;
    }
    *ret_slot = nb_slot_at(store, index);
    *ret_word = receipt.generation << NB_GENERATION_SHIFT | NB_IN_FLIGHT;
    return nb_load_relaxed(&(*ret_slot)->word) == *ret_word && nb_slot_claim(*ret_slot, *ret_word);
}

/* The same, unless the store has ended for good. */
nimbus_status nb_store_claim_to_settle(nb_store *store, nimbus_receipt receipt, nb_slot **ret_slot, uint64_t *ret_word);

/* The claimed slot's message has no future here: the store has ended. */
void nb_store_discard_claimed(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word);

static inline uint32_t nb_index_of(nimbus_receipt receipt)
{
    return (uint32_t)receipt.place;
}

static inline bool nb_store_finishing(nb_store *store)
{
    return (nb_load_acquire(&store->mode) & NB_MODE_FINISHING) != 0;
}

/* A claimed slot as it was: publishes it, and notes its key. */
void nb_slot_restore(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word);
void nb_slot_restore_locked(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word);

/* ----------------------------------------------------------------------------------------------- take, move */

uint64_t nb_slot_claim_popped_slowly(nb_store *store, nb_slot *slot, uint32_t index);

/* The slot of an entry that was just popped off the ready ring. Its word without HINTED: it is claimed; 0: there is nothing to take, it was
 * a zombie (and is free) or is carried. */
static inline uint64_t nb_slot_claim_popped(nb_store *store, nb_slot *slot, uint32_t index)
{
    uint64_t word = nb_load_acquire(&slot->word);

    return nb_state_of(word) == NB_READY && nb_slot_claim(slot, word) ? word & ~NB_HINTED
                                                                     : nb_slot_claim_popped_slowly(store, slot, index);
}

/* What one take has set aside for the dead letter: a chain of MOVING slots. */
typedef struct nb_aside {
    uint32_t first, last; /* index + 1 */
} nb_aside;

/* Received as often as it may be. */
static inline bool nb_slot_spent(nb_store *store, nb_slot *slot)
{
    uint32_t max = nb_load_relaxed(&store->settings.max_receives);

    return max != 0 && nb_load_relaxed(&slot->own_receives) >= max;
}

/* In flight for the last time: when that is over it goes to the dead letter at once. */
static inline bool nb_slot_goes_at_once(nb_store *store, nb_slot *slot)
{
    return nb_load_relaxed(&store->settings.eager) && nb_slot_spent(store, slot);
}

/* The clock, coarsely: once for an operation. */
typedef struct nb_moment {
    int64_t now, wall;
} nb_moment;

/* Hands out up to max messages, under the lock: what was given back to the front goes first. */
uint32_t nb_store_take_some(nb_store *store, uint32_t max, int64_t visibility, nb_delivery *slots, nb_aside *aside, const nb_moment *at);
/* The same in a store with an order, under the lock; group: NULL: of any. */
uint32_t nb_store_take_ordered(nb_store *store, const char *group, uint32_t max, int64_t visibility, nb_delivery *slots, nb_aside *aside,
                               const nb_moment *at);
/* How many may be taken, by the limit of messages in flight; exact under the lock if the limit is near. */
uint32_t nb_store_allowance(nb_store *store, uint32_t max);
void nb_store_move_one(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word); /* a claimed slot, to the dead letter; no lock */
void nb_store_add_moves_locked(nb_store *store, const nb_aside *aside);
void nb_store_run_moves(nb_store *store); /* without the lock */

/* A claimed slot belongs to the dead letter: MOVING, at the end of the chain. */
void nb_slot_set_aside(nb_store *store, nb_aside *aside, nb_slot *slot, uint32_t index, uint64_t word);

/* What waits for a dead letter that it does not need any more is ready again: the configuration has changed. */
void nb_store_unstick_locked(nb_store *store);
bool nb_store_moves_wait_locked(const nb_store *store);

/* --------------------------------------------------------------------------------------------------- waiting */

void nb_store_serve_locked(nb_store *store, nb_aside *aside);
void nb_store_wake(nb_store *store, nb_waiter *woken); /* without the lock: sets the parkers of a chain that was `woken` */
void nb_store_wake_senders_locked(nb_store *store);
void nb_store_update_bell_locked(nb_store *store);
nimbus_status nb_store_wait_status_locked(nb_store *store); /* whether anybody may wait */
void nb_store_dismiss_locked(nb_store *store, nimbus_status why); /* wakes everybody who waits */

/* Frees zombies at the head of the ready ring. */
void nb_store_trim(nb_store *store);

/* Takes the first entry off a list of slots (returned, moving, stuck); zombies are freed. The slot is claimed. False: it is empty. */
bool nb_list_claim_locked(nb_store *store, uint32_t *first, uint32_t *last, uint32_t *ret_index, uint64_t *ret_word);
void nb_list_add_locked(nb_store *store, uint32_t *first, uint32_t *last, uint32_t index);

#endif
