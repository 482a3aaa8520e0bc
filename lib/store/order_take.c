/*
 * order_take.c - messages going out of a store with an order. All of it under the store's lock, taken once a call.
 */
#include "store/fair.h"
#include "store/groups.h"
#include "store/taking.h"

/*
 * In an order: from one group as many as follow each other, as far as none is at work (SQS-F6, F7). Under the lock. What goes to its dead
 * letter keeps back the rest of its group until it has gone.
 */
static inline void take_group(nb_taking *t, uint32_t max, nb_group *group)
{
    nb_store *store = t->store;
    uint32_t first = group->head, at = first;

    if (group->clear != 0) {
        nb_order_began_locked(store, first - 1);
    }
    while (at != 0 && t->count < max) {
        nb_slot *slot = nb_slot_at(store, at - 1);
        nb_node *node = nb_node_at(store, at - 1);
        uint64_t word = nb_load_acquire(&slot->word);

        if (nb_state_of(word) != NB_DELAYED) {
            if (nb_state_of(word) != NB_READY || !nb_slot_claim(slot, word)) {
                break;
            }
            store->order->taken++;
            if (t->max_receives != 0 && nb_load_relaxed(&slot->own_receives) >= t->max_receives) {
                nb_taking_set_aside(t, slot, at - 1, word);
                break;
            }
            node->ready_at = slot->taken_at;
            nb_taking_hand_out(t, slot, at - 1, word);
            t->to[t->count - 1].sequence = node->sequence;
        }
        at = node->next;
    }
    nb_order_touch_locked(store, first - 1); /* it is not ready any more: another group comes next */
}

/* In a fair order: one by one, from whichever tenant comes next. */
static void take_fairly(nb_taking *t, uint32_t max, const char *group)
{
    nb_store *store = t->store;
    uint32_t index;

    while (t->count < max && (index = nb_fair_first_locked(store, group)) != NB_NO_SLOT) {
        nb_slot *slot = nb_slot_at(store, index);
        uint64_t word = nb_load_acquire(&slot->word);
        bool worn;

        if (nb_state_of(word) != NB_READY || !nb_slot_claim(slot, word)) {
            continue; /* somebody deletes it */
        }
        worn = t->max_receives != 0 && nb_load_relaxed(&slot->own_receives) >= t->max_receives;
        store->order->taken++;
        nb_fair_taken_locked(store, index, t->how.at.now, !worn && !t->at_once);
        if (worn) {
            nb_taking_set_aside(t, slot, index, word);
        } else {
            nb_taking_hand_out(t, slot, index, word);
        }
    }
}

uint32_t nb_store_take_ordered(nb_store *store, const char *group, uint32_t max, int64_t visibility, nb_delivery *slots, nb_aside *aside,
                               const nb_moment *at)
{
    nb_taking t = nb_taking_begin(store, visibility, slots, aside, at);
    uint32_t head;

    if (store->order->fair) {
        take_fairly(&t, max, group);
        return nb_taking_end(&t, true);
    }
    while (t.count < max && (head = nb_order_first_locked(store, group)) != NB_NO_SLOT) {
        take_group(&t, max, nb_node_at(store, head)->group);
    }
    return nb_taking_end(&t, true);
}

/*
 * In an order. A message that went to its dead letter made room for the next of its group: who has room for more looks again when the move
 * is over (SQS-D4, D10), as long as moves go well. Not if what was taken is ready again at once, for it would be taken twice (SQS-R11); and
 * behind what this very receive has taken of the group the rest is locked like behind any other in flight. A fair order holds nothing back
 * behind a move.
 */
static bool made_room(nb_store *store, uint64_t moved, int64_t visibility, uint32_t count, uint32_t max)
{
    return nb_load_relaxed(&store->tally.moved) != moved && nb_order_is_fifo(store) && (count == 0 || (count < max && visibility != 0));
}

/*
 * The common case of a FIFO queue, straight: from any group, to be hidden for a while, and no move waits. It does what the loop below
 * does, without asking again for each group. False: the loop goes on from there.
 */
static bool take_straight(nb_store *store, uint32_t max, int64_t timeout, nb_delivery *slots, uint32_t *ret_count)
{
    nb_order *order = store->order;
    nb_aside aside = { 0, 0 };
    nb_taking t = { .store = store, .to = slots, .aside = &aside, .max_receives = nb_load_relaxed(&store->settings.max_receives) };
    uint32_t allowed;
    uint64_t moved;
    nb_moment at;

    at.now = nb_clock_coarse(&store->nb->clock, &at.wall);
    t.how = nb_store_handing(store, timeout, &at);
    nb_store_enter_at(store, at.now);
    if ((nb_load_acquire(&store->mode) & NB_MODE_ENDED) != 0 || store->stuck != 0 || store->moving != 0) {
        nb_store_leave(store);
        return false;
    }
    nb_store_relaxed(&store->claims, 0); /* as in take_with_care */
    allowed = nb_store_allowance(store, max);
    while (t.count < allowed && order->heap_count > 0) {
        take_group(&t, allowed, order->heap[0].group);
    }
    if (t.count > 0) {
        (void)nb_taking_end(&t, true);
    }
    nb_store_add_moves_locked(store, &aside);
    moved = nb_load_relaxed(&store->tally.moved);
    nb_store_leave(store); /* which runs the moves */
    *ret_count = t.count;
    return !made_room(store, moved, timeout, t.count, max);
}

/* Reaching the limit in flight is no error of a FIFO queue (SQS-R17). */
nimbus_status nb_store_take_from_groups(nb_store *store, const char *group, uint32_t max, int64_t visibility, nb_delivery *slots,
                                        uint32_t *ret_count, bool *ret_more)
{
    uint32_t count = 0;
    nimbus_status status;
    uint64_t moved;

    visibility = visibility == NB_STORE_VISIBILITY ? nb_load_relaxed(&store->settings.visibility) : visibility; /* one for all looks */
    if (group == NULL && ret_more == NULL && visibility > 0 && nb_order_is_fifo(store) &&
        take_straight(store, max, visibility, slots, &count)) {
        *ret_count = count;
        return NIMBUS_OK;
    }
    do {
        nb_aside aside = { 0, 0 };
        nb_moment at;
        uint32_t allowed;

        at.now = nb_clock_coarse(&store->nb->clock, &at.wall);
        nb_store_enter_at(store, at.now);
        status = nb_store_ended(store);
        nb_store_relaxed(&store->claims, 0); /* as in take_with_care */
        allowed = status == NIMBUS_OK ? nb_store_allowance(store, max - count) : 0;
        count += allowed > 0 ? nb_store_take_ordered(store, group, allowed, visibility, slots + count, &aside, &at) : 0;
        if (allowed == 0 && status == NIMBUS_OK && store->order->fair && nb_order_first_locked(store, group) != NB_NO_SLOT) {
            status = NIMBUS_E_OVER_LIMIT; /* as of any standard queue */
        }
        nb_store_add_moves_locked(store, &aside);
        store->move_again = store->move_again || store->stuck != 0;
        if (ret_more != NULL) {
            *ret_more = nb_store_takeable(store);
        }
        moved = nb_load_relaxed(&store->tally.moved);
        nb_store_leave(store); /* which runs the moves */
    } while (made_room(store, moved, visibility, count, max));
    *ret_count = count;
    return count > 0 ? NIMBUS_OK : status;
}

nimbus_status nb_store_take_group(nb_store *store, const char *group, uint32_t max, int64_t visibility, nb_delivery *slots,
                                  uint32_t *ret_count)
{
    return nb_store_take_from_groups(store, group, max, visibility, slots, ret_count, NULL);
}

