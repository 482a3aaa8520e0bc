#include "store/order.h"

#include <string.h>

#include "store/fair.h"
#include "store/inside.h"

/* ------------------------------------------------------------------------------------------------ lists */

static nb_state state_at(nb_store *store, uint32_t index)
{
    return nb_state_of(nb_load_acquire(&nb_slot_at(store, index)->word)); /* pairs with the publication: what is READY can be read */
}

/* The first one from here on that is not delayed; index + 1, 0: none. */
static uint32_t undelayed_from(nb_store *store, uint32_t at)
{
    while (at != 0 && state_at(store, at - 1) == NB_DELAYED) {
        at = nb_node_at(store, at - 1)->next;
    }
    return at;
}

static void set_head(nb_store *store, nb_group *group, uint32_t head)
{
    if ((head != 0) != (group->head != 0)) {
        store->order->headed += head != 0 ? 1u : UINT32_MAX;
    }
    group->head = head;
}

/* Puts the group into the heap or takes it out, as its head demands. */
static void refresh(nb_store *store, nb_group *group)
{
    if (group->head != 0 && state_at(store, group->head - 1) == NB_READY) {
        nb_slot *slot = nb_slot_at(store, group->head - 1);
        nb_node *node = nb_node_at(store, group->head - 1);

        node->ready_at = slot->taken_at;
        nb_groups_rank(store->order, &(nb_ranked){ node->ready_at, node->began, node->sequence, group });
    } else {
        nb_groups_unrank(store->order, group);
    }
}

static void unlink_node(nb_store *store, nb_group *group, nb_node *node, uint32_t index)
{
    if (group->head == index + 1) {
        set_head(store, group, undelayed_from(store, node->next));
    }
    if (node->prev != 0) {
        nb_node_at(store, node->prev - 1)->next = node->next;
    } else {
        group->first = node->next;
    }
    if (node->next != 0) {
        nb_node_at(store, node->next - 1)->prev = node->prev;
    } else {
        group->last = node->prev;
    }
    if (group->clear == index + 1) {
        group->clear = node->prev;
    }
    node->group = NULL;
    node->prev = node->next = 0;
}

void nb_order_leave_locked(nb_store *store, uint32_t index)
{
    nb_node *node = nb_node_at(store, index);
    nb_group *group = node->group;

    unlink_node(store, group, node, index);
    if (group->first == 0) {
        nb_groups_drop(store->order, group);
    } else {
        refresh(store, group);
    }
}

/* The message has gone: the slot leaves its list, and is free unless another list still holds it. */
static void take_out(nb_store *store, uint32_t index)
{
    nb_slot *slot = nb_slot_at(store, index);
    uint64_t word = nb_load_acquire(&slot->word);

    nb_order_leave_locked(store, index);
    if ((word & NB_HINTED) != 0) {
        nb_slot_publish(slot, word & ~NB_ORDERED);
    } else {
        nb_slot_put(store, slot, index, word);
    }
}

void nb_order_touch_locked(nb_store *store, uint32_t index)
{
    nb_node *node = nb_node_at(store, index);
    nb_group *group = node->group;
    nb_state state;

    if (store->order->fair) {
        nb_fair_touch_locked(store, index);
        return;
    }
    if (group == NULL) {
        return;
    }
    state = state_at(store, index);
    if (state == NB_ZOMBIE) {
        take_out(store, index);
        return;
    }
    if (state == NB_DELAYED && group->head == index + 1) {
        set_head(store, group, undelayed_from(store, node->next));
    } else if (state != NB_DELAYED &&
               (group->head == 0 || node->sequence < nb_node_at(store, group->head - 1)->sequence)) {
        set_head(store, group, index + 1);
    }
    if (group->head == index + 1 || state == NB_DELAYED) {
        refresh(store, group);
    }
}

void nb_order_touch_all_locked(nb_store *store)
{
    uint32_t slots = nb_load_acquire(&store->slot_count);

    for (uint32_t i = 0; i < slots; i++) {
        nb_order_touch_locked(store, i);
    }
}

/* ----------------------------------------------------------------------------------------------- coming */

nb_group *nb_order_group_locked(nb_store *store, const nb_group_name *name)
{
    return name->id == NULL ? store->order->loners : nb_groups_get(store->order, name);
}

void nb_order_drop_if_empty_locked(nb_store *store, nb_group *group)
{
    if (store->order->fair ? group->tenant->held == 0 && group != store->order->loners : group->first == 0) {
        nb_groups_drop(store->order, group);
    }
}

uint64_t nb_order_next_sequence_locked(const nb_store *store)
{
    return store->order->sequence + 1;
}

uint64_t nb_order_add_locked(nb_store *store, nb_group *group, uint32_t index)
{
    nb_node *node = nb_node_at(store, index);

    if (store->order->fair) {
        nb_fair_add_locked(store, group, index);
        return 0;
    }
    *node = (nb_node){ .sequence = ++store->order->sequence, .group = group, .prev = group->last };
    if (group->last != 0) {
        nb_node_at(store, group->last - 1)->next = index + 1;
    } else {
        group->first = index + 1;
    }
    group->last = index + 1;
    return node->sequence;
}

/*
 * It is the last of its group by sequence, so it is the head only if there is none, and behind a head nothing changes. Its state is not
 * read again: it may have gone since it was published, but then whoever took it away waits for the lock, to touch it.
 */
uint64_t nb_order_come_locked(nb_store *store, nb_group *group, uint32_t index, uint64_t word, int64_t now)
{
    nb_order *order = store->order;
    nb_slot *slot = nb_slot_at(store, index);
    nb_node *node = nb_node_at(store, index);
    int64_t turn = nb_add_relaxed(&order->turns, 1) + 1; /* see nb_slot_make_ready_in_order() */
    uint64_t sequence = ++order->sequence;

    *node = (nb_node){ .ready_at = now, .began = turn, .sequence = sequence, .group = group, .prev = group->last };
    *(group->last != 0 ? &nb_node_at(store, group->last - 1)->next : &group->first) = index + 1;
    group->last = index + 1;
    slot->taken_at = now;
    nb_slot_publish(slot, nb_with_state(word, NB_READY)); /* its due is INT64_MAX since it was filled */
    if (group->head == 0) {
        set_head(store, group, index + 1);
        nb_groups_rank(order, &(nb_ranked){ now, turn, sequence, group });
    }
    return sequence;
}

/* ------------------------------------------------------------------------------------------------ going */

/* Whether the group's head may be tried; a head that is not ready any more is looked at again first, which may free the group. */
static bool head_is_ready(nb_store *store, nb_group *group, uint32_t *ret_index)
{
    *ret_index = group->head - 1;
    if (state_at(store, *ret_index) == NB_READY) {
        return true;
    }
    nb_order_touch_locked(store, *ret_index);
    return false;
}

uint32_t nb_order_first_locked(nb_store *store, const char *only)
{
    uint32_t index;
    nb_group *group;

    if (store->order->fair) {
        return nb_fair_first_locked(store, only);
    }
    while ((group = only == NULL ? nb_groups_top(store->order) : nb_groups_find(store->order, only, strlen(only))) != NULL &&
           group->rank != 0) {
        if (head_is_ready(store, group, &index)) {
            return index;
        }
    }
    return NB_NO_SLOT;
}

/* ---------------------------------------------------------------------------------------------- looking */

static bool at_work(nb_state state)
{
    return state != NB_READY && state != NB_DELAYED && state != NB_ZOMBIE;
}

void nb_order_began_locked(nb_store *store, uint32_t index)
{
    nb_node *node = nb_node_at(store, index);
    nb_group *group = node->group;

    if (group != NULL && group->clear != 0 && nb_node_at(store, group->clear - 1)->sequence >= node->sequence) {
        group->clear = node->prev;
    }
}

/* Looks at each message once, however many are asked for one behind the other: what was seen not to be at work stays so until a take or a
 * lift tells (nb_order_began_locked), both under the lock. */
bool nb_order_is_locked_locked(nb_store *store, uint32_t index)
{
    const nb_node *node = nb_node_at(store, index);
    nb_group *group = node->group;
    uint32_t at;

    if (group == NULL || !nb_order_is_fifo(store) ||
        (group->clear != 0 && nb_node_at(store, group->clear - 1)->sequence >= node->sequence)) {
        return false;
    }
    for (at = group->clear != 0 ? nb_node_at(store, group->clear - 1)->next : group->first; at != index + 1;
         at = nb_node_at(store, at - 1)->next) {
        if (at_work(state_at(store, at - 1))) {
            return true;
        }
        group->clear = at;
    }
    return false;
}

void nb_order_count_groups_locked(nb_store *store, nb_store_counts *ret)
{
    ret->groups = store->order->groups.count;
    ret->locked_groups = store->order->fair ? 0 : store->order->headed - store->order->heap_count;
    ret->noisy_groups = store->order->fair ? nb_fair_noisy_locked(store) : 0;
}

static bool walk_group(nb_store *store, const nb_group *group, nb_order_visitor *visit, void *user)
{
    for (uint32_t at = group->first; at != 0; at = nb_node_at(store, at - 1)->next) {
        if (!visit(user, at - 1)) {
            return false;
        }
    }
    return true;
}

void nb_order_walk_locked(nb_store *store, nb_order_visitor *visit, void *user)
{
    nb_order *order = store->order;

    if (order->fair) {
        nb_fair_walk_locked(store, visit, user);
        return;
    }
    for (uint32_t i = 0; i < order->heap_count; i++) {
        if (!walk_group(store, order->heap[i].group, visit, user)) {
            return;
        }
    }
    for (uint32_t i = 0; i < order->groups.bucket_count; i++) {
        for (nb_group *group = order->groups.buckets[i]; group != NULL; group = group->chain) {
            if (group->rank == 0 && !walk_group(store, group, visit, user)) {
                return;
            }
        }
    }
}

/* ----------------------------------------------------------------------------------- what the store calls */

void nb_order_touch(nb_store *store, uint32_t index)
{
    nb_lock_acquire(&store->lock);
    nb_order_touch_locked(store, index);
    nb_store_leave(store);
}

void nb_store_settled_locked(nb_store *store, uint32_t index)
{
    if (store->order != NULL) {
        nb_order_touch_locked(store, index);
    }
}

/*
 * The clock stands still between two calls, a manual one for as long as it is not moved; so what a call makes ready draws a turn. Calls one
 * behind the other, in whatever threads, draw rising ones; nothing else is read by their order. What the clock makes ready, which comes
 * before all calls of that moment, goes by the sequence. The slot is claimed: its turn is read by whoever has read the published word, as
 * taken_at is.
 */
void nb_slot_make_ready_in_order(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word)
{
    int64_t due = nb_load_relaxed(&slot->due), now = nb_clock_coarse(&store->nb->clock, NULL);

    if (!store->order->fair) {
        nb_node_at(store, index)->began = due <= now ? 0 : nb_add_relaxed(&store->order->turns, 1) + 1;
    }
    slot->taken_at = due < now ? due : now; /* when its delay or its visibility was over; else it is ready now */
    nb_store_relaxed(&slot->due, INT64_MAX);
    nb_slot_publish(slot, nb_with_state(word, NB_READY));
}

/* ----------------------------------------------------------------------------------------- begin and end */

bool nb_order_is_fifo(const nb_store *store)
{
    return store->order != NULL && !store->order->fair;
}

bool nb_order_init(nb_store *store, bool fair)
{
    store->order = nb_groups_make(store->owner->heap, nb_random(store->nb), fair);
    if (store->order == NULL) {
        return false;
    }
    nb_atomic_init(&store->order->turns, 0);
    return true;
}

void nb_order_fini(nb_store *store)
{
    if (store->order != NULL) {
        nb_groups_free(store->order);
    }
}
