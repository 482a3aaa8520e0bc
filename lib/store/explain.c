/*
 * explain.c - why nothing is received. Under the lock, after the sweep; it changes nothing.
 *
 * What changes first is found by way of the bounds (deadline.h): a span or a chunk whose bound is not below the best found so far has
 * nothing earlier. So it mostly looks into a few chunks, and at every slot at worst. A slot that is claimed is somebody's at this moment,
 * and is passed by.
 */
#include <string.h>

#include "store/inside.h"
#include "store/order.h"

#define RUN 32u

typedef struct search {
    nb_store *store;
    int64_t due;
    uint64_t id;
    bool landing; /* what ends a flight: only that helps who is over the limit */
} search;

static void look_into(search *s, nb_slots *chunk)
{
    for (uint32_t i = 0; i < NB_CHUNK; i++) {
        nb_slot *slot = &chunk->slots[i];
        nb_state state = nb_state_of(nb_load_acquire(&slot->word));
        int64_t due = nb_load_relaxed(&slot->due), expiry = nb_expiry(s->store, nb_load_relaxed(&slot->enqueued));

        if (s->landing ? state != NB_IN_FLIGHT : state != NB_DELAYED && state != NB_IN_FLIGHT) {
            continue;
        }
        if (due < s->due && due < expiry) {
            s->due = due;
            s->id = nb_load_relaxed(&slot->id);
        } else if (s->landing && expiry < s->due && expiry <= due) { /* it expires, and is never received again, but makes room */
            s->due = expiry;
            s->id = 0;
        }
    }
}

/* The first delay or visibility to end. */
static void find_first(search *s)
{
    nb_store *store = s->store;
    uint32_t chunks = nb_load_acquire(&store->slot_count) >> NB_CHUNK_SHIFT;

    for (nb_span *span = store->spans; span != NULL; span = nb_load_relaxed(&span->next)) {
        uint32_t end = span->first_chunk + (1u << NB_SPAN_SHIFT);

        for (uint32_t i = span->first_chunk; nb_load_relaxed(&span->first_key) < s->due && i < end && i < chunks; i++) {
            nb_slots *chunk = nb_load_acquire(&store->chunks)[i];

            if (nb_load_relaxed(&chunk->first_key) < s->due) {
                look_into(s, chunk);
            }
        }
    }
}

/* Whether a receive would return this one: it is ready and may be received once more. */
static bool returnable(nb_store *store, uint32_t index, uint32_t max_receives)
{
    nb_slot *slot = nb_slot_at(store, index);

    return nb_state_of(nb_slot_word(slot)) == NB_READY && (max_receives == 0 || nb_load_relaxed(&slot->own_receives) < max_receives);
}

/* Whether there is one at all. Those before it go to the dead letter first. */
static bool any_returnable(nb_store *store)
{
    uint32_t run[RUN], count, max_receives = nb_load_relaxed(&store->settings.max_receives);
    uint64_t at = 0;

    for (uint32_t next = store->returned; next != 0; next = (uint32_t)nb_slot_at(store, next - 1)->taken_at) {
        if (returnable(store, next - 1, max_receives)) {
            return true;
        }
    }
    while ((count = nb_index_ring_list(&store->ready, &at, run, RUN)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            if (returnable(store, run[i], max_receives)) {
                return true;
            }
        }
    }
    return false;
}

static nimbus_why judge(nb_store *store, const nb_store_counts *counts)
{
    if (any_returnable(store)) {
        return counts->in_flight < nb_load_relaxed(&store->settings.max_in_flight) ? NIMBUS_WHY_RECEIVABLE : NIMBUS_WHY_OVER_LIMIT;
    }
    if (counts->ready > 0) { /* not to be returned: on its way, stuck, or about to be set aside */
        bool moving = store->stuck != 0 || store->moving != 0 || nb_load_relaxed(&store->settings.max_receives) == 0;

        return moving ? NIMBUS_WHY_MOVING : NIMBUS_WHY_EXHAUSTED;
    }
    return counts->in_flight != 0 ? NIMBUS_WHY_IN_FLIGHT : counts->delayed != 0 ? NIMBUS_WHY_DELAYED : NIMBUS_WHY_EMPTY;
}

static void explain_lane(nb_store *store, nb_reason *ret)
{
    search s = { store, INT64_MAX, 0, false };

    ret->why = judge(store, &ret->counts);
    s.landing = ret->why == NIMBUS_WHY_OVER_LIMIT;
    if (ret->why != NIMBUS_WHY_RECEIVABLE) {
        find_first(&s);
    }
    if (ret->why == NIMBUS_WHY_MOVING && store->stuck_due < s.due) {
        s = (search){ store, store->stuck_due, 0, false };
    }
    ret->until = s.due;
    ret->holder = (nimbus_id){ s.id != 0 ? store->nonce : 0, s.id };
}

nimbus_status nb_store_explain(nb_store *store, const char *group, nb_reason *ret)
{
    nimbus_status status;

    memset(ret, 0, sizeof *ret);
    nb_store_enter(store);
    status = nb_store_ended(store);
    if (status == NIMBUS_OK) {
        nb_store_get_counts_locked(store, &ret->counts);
        if (store->order != NULL) {
            nb_order_explain_locked(store, group, ret);
        } else {
            explain_lane(store, ret);
        }
    }
    nb_store_leave(store);
    return status;
}
