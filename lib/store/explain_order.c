/*
 * explain_order.c - why nothing is received from a store with an order. Under the lock.
 *
 * What can change by itself in a group is this: its head comes back, if it is in flight; or one that is delayed becomes its head, for it
 * was sent before the head or there is none. Nothing else makes a message of the group receivable. So only the slots up to the head count.
 */
#include <string.h>

#include "base/number.h"
#include "store/groups.h"
#include "store/inside.h"
#include "store/order.h"

/* What one group is at, or several taken together. */
typedef struct verdict {
    nb_store *store;
    uint64_t ready, delayed, in_flight, locked;
    bool takeable, worn, moving; /* it has a head that can be handed out; that is to be moved; that is being moved */
    int64_t until;
    uint64_t holder;
    int64_t in_flight_until; /* the first that is not in flight any more, wherever it stands: it comes back, or expires */
    uint64_t in_flight_holder;
} verdict;

static void note(verdict *v, int64_t until, uint64_t holder)
{
    if (until < v->until) {
        v->until = until;
        v->holder = holder;
    }
}

/* A slot up to the head. */
static void look_before(verdict *v, nb_slot *slot, nb_state state)
{
    uint32_t max_receives = nb_load_relaxed(&v->store->settings.max_receives);
    int64_t due = nb_load_relaxed(&slot->due);

    switch (state) {
    case NB_READY:
        if (max_receives == 0 || nb_load_relaxed(&slot->own_receives) < max_receives) {
            v->takeable = true;
        } else {
            v->worn = true;
        }
        break;
    case NB_DELAYED:
    case NB_IN_FLIGHT:
        if (due < nb_expiry(v->store, nb_load_relaxed(&slot->enqueued))) { /* else it expires */
            note(v, due, nb_load_relaxed(&slot->id));
        } else if (nb_order_is_fifo(v->store)) {
            note(v, nb_expiry(v->store, nb_load_relaxed(&slot->enqueued)), 0); /* which opens the group, too (SQS-T4) */
        }
        break;
    default:
        v->moving = v->moving || state != NB_ZOMBIE;
        break;
    }
}

static void look_at_slot(verdict *v, nb_slot *slot, nb_state state)
{
    int64_t due = nb_load_relaxed(&slot->due), expiry = nb_expiry(v->store, nb_load_relaxed(&slot->enqueued));
    int64_t end = due < expiry ? due : expiry;

    v->delayed += state == NB_DELAYED;
    v->in_flight += state == NB_IN_FLIGHT || state == NB_DOOMING;
    if (state == NB_IN_FLIGHT && end < v->in_flight_until) {
        v->in_flight_until = end;
        v->in_flight_holder = due < expiry ? nb_load_relaxed(&slot->id) : 0;
    }
    v->ready += state == NB_READY || state == NB_MOVING || state == NB_STUCK || state == NB_CARRIED;
}

static void look_at(verdict *v, const nb_group *group)
{
    bool before = true, locked = false; /* up to the head; behind one at work */

    for (uint32_t at = group->first; at != 0; at = nb_node_at(v->store, at - 1)->next) {
        nb_slot *slot = nb_slot_at(v->store, at - 1);
        nb_state state = nb_state_of(nb_slot_word(slot));

        look_at_slot(v, slot, state);
        v->locked += locked && state == NB_READY;
        if (before) {
            look_before(v, slot, state);
        }
        before = before && (state == NB_DELAYED || state == NB_ZOMBIE);
        locked = locked || (state != NB_READY && state != NB_DELAYED && state != NB_ZOMBIE);
    }
}

/* A fair one keeps nothing back, and each of its slots counts; only: of that tenant alone. */
static void look_at_tenants(verdict *v, const nb_group *only)
{
    for (uint32_t i = 0; i < nb_load_acquire(&v->store->slot_count); i++) {
        const nb_group *group = nb_node_at(v->store, i)->group;
        nb_slot *slot = nb_slot_at(v->store, i);
        nb_state state = nb_state_of(nb_slot_word(slot));

        if (group != NULL && (only == NULL || group == only) && state != NB_ZOMBIE && state != NB_FREE) {
            look_at_slot(v, slot, state);
            look_before(v, slot, state);
        }
    }
}

static nimbus_why judge(const verdict *v, uint64_t in_flight)
{
    return v->takeable    ? (in_flight < nb_load_relaxed(&v->store->settings.max_in_flight) ? NIMBUS_WHY_RECEIVABLE : NIMBUS_WHY_OVER_LIMIT)
           : v->worn      ? NIMBUS_WHY_EXHAUSTED
           : v->moving    ? NIMBUS_WHY_MOVING
           : v->locked > 0 ? NIMBUS_WHY_GROUP_LOCKED
           : v->in_flight > 0 ? NIMBUS_WHY_IN_FLIGHT
           : v->delayed > 0   ? NIMBUS_WHY_DELAYED
                              : NIMBUS_WHY_EMPTY;
}

void nb_order_explain_locked(nb_store *store, const char *only, nb_reason *ret)
{
    verdict v = { .store = store, .until = INT64_MAX, .in_flight_until = INT64_MAX };
    nb_group_table *groups = &store->order->groups;
    nb_group *group = only != NULL ? nb_groups_find(store->order, only, strlen(only)) : NULL;

    if (store->order->fair && (only == NULL || group != NULL)) {
        look_at_tenants(&v, group);
    } else if (group != NULL) {
        look_at(&v, group);
    }
    for (uint32_t i = 0; only == NULL && !store->order->fair && i < groups->bucket_count; i++) {
        for (group = groups->buckets[i]; group != NULL; group = group->chain) {
            look_at(&v, group);
        }
    }
    ret->why = judge(&v, ret->counts.in_flight);
    if (only != NULL) {
        ret->counts.ready = v.ready;
        ret->counts.delayed = v.delayed;
        ret->counts.in_flight = v.in_flight;
    }
    if (ret->why == NIMBUS_WHY_MOVING) {
        note(&v, store->stuck_due, 0);
    } else if (ret->why == NIMBUS_WHY_OVER_LIMIT) {
        v.until = v.in_flight_until; /* nothing else makes room for another one */
        v.holder = v.in_flight_holder;
    }
    ret->locked = v.locked;
    ret->until = ret->why == NIMBUS_WHY_RECEIVABLE ? INT64_MAX : v.until;
    ret->holder = (nimbus_id){ v.holder != 0 && ret->until != INT64_MAX ? store->nonce : 0, ret->until != INT64_MAX ? v.holder : 0 };
}
