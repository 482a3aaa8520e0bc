#include "store/fair.h"

#include <string.h>

#include "base/number.h"
#include "store/groups.h"
#include "store/inside.h"

#define WINDOW NIMBUS_SECONDS(60)
#define SILENCE NIMBUS_MINUTES(5)
#define FEW 30u      /* in flight */
#define NOISY_PART 10 /* more than the tenth part is noisy */
#define STEPS 256    /* in which the older bucket fades; so the products below cannot overflow */

/* -------------------------------------------------------------------------------------- processing time */

static void roll(nb_share *share, int64_t now)
{
    int64_t window = now / WINDOW;

    if (window != share->window) {
        share->before = window == share->window + 1 ? share->current : 0;
        share->current = 0;
        share->window = window;
    }
}

static int64_t time_of(nb_share *share, int64_t now)
{
    roll(share, now);
    return nb_add_time(share->current, share->before / STEPS * (STEPS - now % WINDOW * STEPS / WINDOW));
}

static void add_time(nb_share *share, int64_t now, int64_t time)
{
    roll(share, now);
    share->current = nb_add_time(share->current, time);
}

/* ------------------------------------------------------------------------------------------- judgement */

static bool waits(const nb_tenant *tenant)
{
    return tenant->held > tenant->flying;
}

static bool is_noisy(nb_order *order, nb_group *group, int64_t now)
{
    nb_tenant *tenant = group->tenant;

    if (group == order->loners || order->flying < FEW || !waits(tenant) || now - tenant->sent_at >= SILENCE) {
        return false;
    }
    return (tenant->flying >= FEW && tenant->flying * (uint64_t)NOISY_PART > order->flying) ||
           time_of(&tenant->time, now) > time_of(&order->time, now) / NOISY_PART;
}

static int64_t ticket_of(nb_store *store, const nb_group *group)
{
    return nb_node_at(store, group->first - 1)->ready_at;
}

static void quieten(nb_order *order, nb_group *group)
{
    nb_tenant *tenant = group->tenant;

    if (tenant->noisy) {
        *(tenant->prev != NULL ? &tenant->prev->tenant->next : &order->noisy) = tenant->next;
        if (tenant->next != NULL) {
            tenant->next->tenant->prev = tenant->prev;
        }
        tenant->prev = tenant->next = NULL;
        tenant->noisy = false;
    }
}

static void become_noisy(nb_order *order, nb_group *group)
{
    nb_tenant *tenant = group->tenant;

    nb_groups_unrank(order, group);
    if (!tenant->noisy) {
        tenant->noisy = true;
        tenant->next = order->noisy;
        if (order->noisy != NULL) {
            order->noisy->tenant->prev = group;
        }
        order->noisy = group;
    }
}

/* Puts it where it belongs, behind a change of its list or counts. */
static void classify(nb_store *store, nb_group *group, int64_t now)
{
    nb_order *order = store->order;

    if (!waits(group->tenant)) {
        group->tenant->time = (nb_share){ 0 };
    }
    if (group->first != 0 && is_noisy(order, group, now)) {
        become_noisy(order, group);
        return;
    }
    quieten(order, group);
    if (group->first != 0) {
        nb_groups_rank(order, &(nb_ranked){ ticket_of(store, group), 0, 0, group });
    } else {
        nb_groups_unrank(order, group);
    }
}

/* ---------------------------------------------------------------------------------------------- lists */

static bool is_linked(const nb_group *group, const nb_node *node, uint32_t index)
{
    return node->prev != 0 || group->first == index + 1;
}

static void unlink_node(nb_store *store, nb_group *group, uint32_t index)
{
    nb_node *node = nb_node_at(store, index);

    *(node->prev != 0 ? &nb_node_at(store, node->prev - 1)->next : &group->first) = node->next;
    *(node->next != 0 ? &nb_node_at(store, node->next - 1)->prev : &group->last) = node->prev;
    node->prev = node->next = 0;
}

/* Behind all, with a new ticket; or with the one that it still has. Then few stand before it: those that came back in the same way. */
static void link_node(nb_store *store, nb_group *group, uint32_t index)
{
    nb_node *node = nb_node_at(store, index);
    uint32_t next = 0;

    if (node->ready_at == 0) {
        node->ready_at = ++store->order->tickets;
    } else {
        for (next = group->first; next != 0 && nb_node_at(store, next - 1)->ready_at < node->ready_at;) {
            next = nb_node_at(store, next - 1)->next;
        }
    }
    node->next = next;
    node->prev = next != 0 ? nb_node_at(store, next - 1)->prev : group->last;
    *(node->prev != 0 ? &nb_node_at(store, node->prev - 1)->next : &group->first) = index + 1;
    *(next != 0 ? &nb_node_at(store, next - 1)->prev : &group->last) = index + 1;
}

static void land(nb_store *store, nb_group *group, nb_node *node)
{
    node->began = 0;
    group->tenant->flying--;
    store->order->flying--;
}

static void end_flight(nb_store *store, nb_group *group, nb_node *node, int64_t now)
{
    int64_t time = now - node->began;

    time = time < 0 ? 0 : time < WINDOW ? time : WINDOW;
    add_time(&group->tenant->time, now, time);
    add_time(&store->order->time, now, time);
    land(store, group, node);
    node->ready_at = 0;
}

static void begin_flight(nb_store *store, nb_group *group, nb_node *node, int64_t now)
{
    node->began = now > 0 ? now : 1;
    group->tenant->flying++;
    store->order->flying++;
}

/* The message has gone: the slot is free unless a list of the store still holds it. */
static void take_out(nb_store *store, nb_group *group, uint32_t index)
{
    nb_slot *slot = nb_slot_at(store, index);
    uint64_t word = nb_load_acquire(&slot->word);

    nb_node_at(store, index)->group = NULL;
    group->tenant->held--;
    if ((word & NB_HINTED) != 0) {
        nb_slot_publish(slot, word & ~NB_ORDERED);
    } else {
        nb_slot_put(store, slot, index, word);
    }
}

void nb_fair_touch_locked(nb_store *store, uint32_t index)
{
    nb_node *node = nb_node_at(store, index);
    nb_group *group = node->group;
    nb_state state = nb_state_of(nb_load_acquire(&nb_slot_at(store, index)->word)); /* pairs with the publication */
    int64_t now;

    if (group == NULL || state == NB_CLAIMED) { /* whoever has it claimed touches it, too */
        return;
    }
    now = nb_clock_coarse(&store->nb->clock, NULL);
    if (node->began != 0 && state != NB_IN_FLIGHT && state != NB_DOOMING) {
        end_flight(store, group, node, now);
    }
    if (state == NB_DELAYED) {
        node->ready_at = 0;
    }
    if (state != NB_READY && is_linked(group, node, index)) {
        unlink_node(store, group, index);
    } else if (state == NB_READY && !is_linked(group, node, index)) {
        link_node(store, group, index);
    }
    if (state == NB_ZOMBIE) {
        take_out(store, group, index);
    }
    classify(store, group, now);
    nb_order_drop_if_empty_locked(store, group);
}

/* ----------------------------------------------------------------------------------- coming and going */

void nb_fair_add_locked(nb_store *store, nb_group *group, uint32_t index)
{
    *nb_node_at(store, index) = (nb_node){ .sequence = ++store->order->sequence, .group = group };
    group->tenant->held++;
    group->tenant->sent_at = nb_clock_coarse(&store->nb->clock, NULL);
}

void nb_fair_taken_locked(nb_store *store, uint32_t index, int64_t now, bool flies)
{
    nb_node *node = nb_node_at(store, index);

    unlink_node(store, node->group, index);
    if (flies) {
        begin_flight(store, node->group, node, now);
    } else {
        node->ready_at = 0;
    }
    classify(store, node->group, now);
}

void nb_fair_untaken_locked(nb_store *store, uint32_t index)
{
    nb_node *node = nb_node_at(store, index);

    if (store->order->fair && node->began != 0) {
        land(store, node->group, node);
    }
}

/* The tenant that comes next; NULL: nothing waits. */
static nb_group *choose(nb_store *store, int64_t now)
{
    nb_order *order = store->order;
    nb_group *best = NULL, *next;

    for (nb_group *group = order->noisy; group != NULL; group = next) {
        next = group->tenant->next;
        classify(store, group, now);
    }
    while ((next = nb_groups_top(order)) != NULL && is_noisy(order, next, now)) {
        become_noisy(order, next);
    }
    if (next != NULL) {
        return next;
    }
    for (nb_group *group = order->noisy; group != NULL; group = group->tenant->next) { /* SQS-N5 */
        if (best == NULL || group->tenant->flying < best->tenant->flying ||
            (group->tenant->flying == best->tenant->flying && ticket_of(store, group) < ticket_of(store, best))) {
            best = group;
        }
    }
    return best;
}

uint32_t nb_fair_first_locked(nb_store *store, const char *only)
{
    int64_t now = nb_clock_coarse(&store->nb->clock, NULL);
    nb_group *group;

    while ((group = only == NULL ? choose(store, now) : nb_groups_find(store->order, only, strlen(only))) != NULL && group->first != 0) {
        uint32_t index = group->first - 1;

        if (nb_state_of(nb_slot_word(nb_slot_at(store, index))) == NB_READY) {
            return index;
        }
        nb_fair_touch_locked(store, index);
    }
    return NB_NO_SLOT;
}

/* -------------------------------------------------------------------------------------------- looking */

uint64_t nb_fair_noisy_locked(nb_store *store)
{
    nb_order *order = store->order;
    int64_t now = nb_clock_coarse(&store->nb->clock, NULL);
    uint64_t count = 0;

    for (uint32_t i = 0; order->flying >= FEW && i < order->groups.bucket_count; i++) {
        for (nb_group *group = order->groups.buckets[i]; group != NULL; group = group->chain) {
            count += is_noisy(order, group, now);
        }
    }
    return count;
}

static bool walk(nb_store *store, const nb_group *group, nb_order_visitor *visit, void *user)
{
    for (uint32_t at = group->first; at != 0; at = nb_node_at(store, at - 1)->next) {
        if (!visit(user, at - 1)) {
            return false;
        }
    }
    return true;
}

void nb_fair_walk_locked(nb_store *store, nb_order_visitor *visit, void *user)
{
    nb_order *order = store->order;

    for (uint32_t i = 0; i < order->heap_count; i++) {
        if (!walk(store, order->heap[i].group, visit, user)) {
            return;
        }
    }
    for (nb_group *group = order->noisy; group != NULL; group = group->tenant->next) {
        if (!walk(store, group, visit, user)) {
            return;
        }
    }
}
