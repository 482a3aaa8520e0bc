#include "store/carry.h"

#include <string.h>

#include "store/inside.h"
#include "store/order.h"

/* ------------------------------------------------------------------------------------------------- walk */

/* Appends what is in a list; without room it only counts. */
static uint32_t list(nb_store *store, uint32_t first, nb_carry_hint *to, uint32_t count, uint32_t room)
{
    for (; first != 0; count++) {
        nb_slot *slot = nb_slot_at(store, first - 1);

        if (count < room) {
            to[count] = (nb_carry_hint){ first - 1, nb_generation_of(nb_slot_word(slot)) };
        }
        first = (uint32_t)slot->taken_at;
    }
    return count;
}

/* In the order of a receive: what is stuck is the oldest, what was given back comes before the ring. */
static uint32_t list_before_ring(nb_store *store, nb_carry_hint *to, uint32_t room)
{
    return list(store, store->returned, to, list(store, store->stuck, to, 0, room), room);
}

/* In an order: the messages of each group behind one another, for nobody may overtake within a group (SQS-F2). */
typedef struct listing {
    nb_store *store;
    nb_carry_hint *to;
    uint32_t count, room;
} listing;

static bool list_node(void *user, uint32_t index)
{
    listing *l = user;
    uint64_t word = nb_slot_word(nb_slot_at(l->store, index)); /* who has it claimed does not wait for us */

    if (nb_state_of(word) == NB_READY || nb_state_of(word) == NB_STUCK) {
        if (l->count < l->room) {
            l->to[l->count] = (nb_carry_hint){ index, nb_generation_of(word) };
        }
        l->count++;
    }
    return true;
}

static uint32_t list_groups(nb_store *store, nb_carry_hint *to, uint32_t room)
{
    listing l = { store, to, nb_order_is_fifo(store) ? 0 : list(store, store->stuck, to, 0, room), room }; /* fair: they are in no other */

    nb_order_walk_locked(store, list_node, &l);
    return l.count;
}

static uint32_t list_all(nb_store *store, nb_carry_hint *to, uint32_t room)
{
    return store->order != NULL ? list_groups(store, to, room) : list_before_ring(store, to, room);
}

nimbus_status nb_store_carry_begin(nb_store *store, nb_carry *walk)
{
    nimbus_status status;

    memset(walk, 0, sizeof *walk);
    nb_store_enter(store);
    status = nb_store_ended(store);
    if (status == NIMBUS_OK) {
        walk->end = nb_index_ring_pushes(&store->ready);
        walk->listed_count = list_all(store, NULL, 0);
        if (walk->listed_count > 0) {
            walk->listed = nb_alloc_array(store->owner->heap, walk->listed_count, sizeof *walk->listed);
            status = walk->listed != NULL ? NIMBUS_OK : nb_heap_failure(store->owner->heap, walk->listed_count * sizeof *walk->listed);
        }
        if (walk->listed != NULL) {
            uint32_t listed = list_all(store, walk->listed, walk->listed_count);

            walk->listed_end = listed < walk->listed_count ? listed : walk->listed_count; /* one may have been taken in between */
        }
    }
    nb_store_leave(store);
    return status;
}

void nb_store_carry_end(nb_store *store, nb_carry *walk)
{
    nb_free(store->owner->heap, walk->listed, walk->listed_count * sizeof *walk->listed);
    memset(walk, 0, sizeof *walk);
}

/* The next place to look at; generation UINT64_MAX: whatever is there. False: there is none. */
static bool next_hint(nb_store *store, nb_carry *walk, nb_carry_hint *ret, bool *ret_again)
{
    *ret_again = walk->has_again;
    if (walk->has_again) {
        walk->has_again = false;
        *ret = walk->again;
        return true;
    }
    if (walk->listed_at < walk->listed_end) {
        *ret = walk->listed[walk->listed_at++];
        return true;
    }
    if (walk->run_at == walk->run_count && walk->at < walk->end) {
        uint64_t left = walk->end - walk->at;

        nb_store_enter(store);
        walk->run_count = nb_index_ring_list(&store->ready, &walk->at, walk->run, left < NB_CARRY_RUN ? (uint32_t)left : NB_CARRY_RUN);
        walk->run_at = 0;
        nb_store_leave(store);
    }
    if (walk->run_at == walk->run_count) {
        return false;
    }
    *ret = (nb_carry_hint){ walk->run[walk->run_at++], UINT64_MAX };
    return true;
}

static bool receivable(uint64_t word, uint64_t generation)
{
    nb_state state = nb_state_of(word);

    return (state == NB_READY || state == NB_STUCK) && (generation == UINT64_MAX || generation == nb_generation_of(word));
}

/* Copies what lies there, with references. False: nothing that could be received. */
static bool look_at(nb_store *store, const nb_carry_hint *hint, nb_carried *ret)
{
    nb_slot *slot = nb_slot_at(store, hint->index);
    uint64_t word;

    while (receivable(word = nb_slot_word(slot), hint->generation)) {
        if (nb_slot_claim(slot, word)) {
            nb_letter *note;

            *ret = (nb_carried){ .index = hint->index, .generation = nb_generation_of(word), .stuck = nb_state_of(word) == NB_STUCK };
            ret->parcel = nb_slot_empty(store, slot, hint->index, word, &note);
            nb_parcel_retain(&ret->parcel);
            nb_slot_restore(store, slot, hint->index, word);
            return true;
        }
    }
    return false;
}

nimbus_status nb_store_carry_next(nb_store *store, nb_carry *walk, nb_carried *ret)
{
    nb_carry_hint hint;
    bool again;

    while (nb_store_ended(store) == NIMBUS_OK && next_hint(store, walk, &hint, &again)) {
        if (look_at(store, &hint, ret)) {
            ret->again = again;
            return NIMBUS_OK;
        }
    }
    return nb_store_ended(store) == NIMBUS_OK ? NIMBUS_EMPTY : nb_store_ended(store);
}

void nb_store_carry_again(nb_carry *walk, const nb_carried *carried)
{
    walk->again = (nb_carry_hint){ carried->index, carried->generation };
    walk->has_again = true;
}

/* -------------------------------------------------------------------------------------------- lift, put down */

static bool lift(nb_store *store, const nb_carried *carried)
{
    nb_slot *slot = nb_slot_at(store, carried->index);
    uint64_t word;

    while (receivable(word = nb_slot_word(slot), carried->generation) && (nb_state_of(word) == NB_STUCK) == carried->stuck) {
        if (nb_slot_claim(slot, word)) {
            nb_slot_publish(slot, nb_with_state(word, NB_CARRIED));
            return true;
        }
    }
    return false;
}

/* In an order: whether it is receivable is known under the lock only, and while it is carried its group waits. */
static bool lift_in_order(nb_store *store, const nb_carried *carried)
{
    bool lifted;

    nb_store_enter(store);
    lifted = receivable(nb_slot_word(nb_slot_at(store, carried->index)), carried->generation) &&
             !nb_order_is_locked_locked(store, carried->index) && lift(store, carried);
    if (lifted) {
        nb_order_began_locked(store, carried->index);
        nb_order_touch_locked(store, carried->index);
    }
    nb_store_leave(store);
    return lifted;
}

bool nb_store_lift(nb_store *store, const nb_carried *carried)
{
    return store->order != NULL ? lift_in_order(store, carried) : lift(store, carried);
}

/* It stays: at its place, or at the front if its entry was taken off meanwhile. */
static void put_back(nb_store *store, nb_slot *slot, const nb_carried *carried, uint64_t word)
{
    nb_state state = carried->stuck && (word & NB_HINTED) != 0 ? NB_STUCK : NB_READY;

    if (store->order != NULL) { /* its place is its sequence */
        nb_slot_restore_locked(store, slot, carried->index, nb_with_state(word, state));
        return;
    }
    if ((word & NB_HINTED) == 0) {
        slot->taken_at = store->returned;
        store->returned = carried->index + 1;
        nb_watch_set_locked(store, NB_WATCH_RETURNED, true);
    }
    nb_slot_restore_locked(store, slot, carried->index, nb_with_state(word, state) | NB_HINTED);
}

void nb_store_put_down(nb_store *store, const nb_carried *carried, bool moved)
{
    nb_slot *slot = nb_slot_at(store, carried->index);
    nb_gone gone = { .why = 0 };
    uint64_t word;

    nb_store_enter(store);
    do { /* a taker may be taking HINTED away, a purge setting its flag */
        word = nb_slot_word(slot);
    } while (!nb_slot_claim(slot, word));
    if (moved) {
        nb_slot_forget_to(store, slot, carried->index, word, NB_CARRIED, &store->tally.moved, &gone);
    } else if ((nb_load_acquire(&store->mode) & NB_MODE_ENDED) != 0) {
        gone.why = NIMBUS_TRACE_DISCARDED;
        nb_slot_forget_to(store, slot, carried->index, word, NB_CARRIED, &store->tally.discarded, &gone);
    } else if ((word & NB_PURGED) != 0) {
        nb_slot_forget_to(store, slot, carried->index, word, NB_CARRIED, &store->tally.purged, &gone);
    } else {
        put_back(store, slot, carried, word);
    }
    nb_store_settled_locked(store, carried->index);
    nb_store_leave(store);
    nb_gone_flush(store, &gone);
}
