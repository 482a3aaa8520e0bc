/*
 * store.c - the two doors of a store (enter, leave), what lapses, and the coming of messages. The state table is in store.h.
 */
#include "store/store.h"

#include <assert.h>
#include <string.h>

#include "base/number.h"
#include "store/inside.h"

uint64_t nb_store_held(const nb_store *store)
{
    return store->counts.ready + store->counts.delayed + store->counts.in_flight;
}

static bool counts_valid(const nb_store *store)
{
    const nb_store_counts *c = &store->counts;

    return c->accepted == nb_store_held(store) + c->deleted + c->moved + c->expired + c->purged + c->dropped + c->discarded;
}

bool nb_store_takeable(const nb_store *store)
{
    return !nb_list_empty(&store->ready) && store->counts.in_flight < store->config.max_in_flight;
}

void nb_store_count_out(nb_store *store, nb_slot *slot)
{
    if (slot->state == NB_DELAYED) {
        store->counts.delayed--;
    } else if (slot->state == NB_IN_FLIGHT || (slot->state == NB_MOVING && slot->doomed)) {
        store->counts.in_flight--;
    } else {
        store->counts.ready--;
    }
}

void nb_store_make_ready(nb_store *store, nb_slot *slot)
{
    slot->state = NB_READY;
    slot->due = INT64_MAX;
    store->counts.ready++;
    nb_slot_rekey(store, slot);
    nb_link_remove(&slot->link);
    nb_list_push(&store->ready, &slot->link);
}

void nb_store_forget(nb_store *store, nb_slot *slot, uint64_t *counter, nimbus_trace_kind why)
{
    nb_store_count_out(store, slot);
    ++*counter;
    store->counts.bytes -= nb_message_size(slot->parcel.message);
    slot->why_gone = why;
    slot->state = NB_GONE;
    nb_slot_rekey(store, slot);
    nb_link_remove(&slot->age_link);
    nb_link_remove(&slot->link);
    nb_list_push(&store->gone, &slot->link);
}

/* ------------------------------------------------------------------------------------------------ time */

static void expire(nb_store *store, nb_slot *slot)
{
    nb_store_forget(store, slot, &store->counts.expired, NIMBUS_TRACE_EXPIRED);
}

static void lapse_due(nb_store *store, int64_t now)
{
    nb_slot *slot;

    while ((slot = nb_slot_first_due(store)) != NULL && nb_slot_key(store, slot) <= now) {
        if (nb_slot_expiry(store, slot) <= now) {
            expire(store, slot);
        } else {
            nb_store_count_out(store, slot);
            nb_store_make_ready(store, slot);
        }
    }
}

static void expire_old(nb_store *store, int64_t now)
{
    nb_link *at, *next;

    for (at = store->by_age.next; at != &store->by_age; at = next) {
        nb_slot *slot = NB_CONTAINER(at, nb_slot, age_link);

        next = at->next;
        if (nb_slot_expiry(store, slot) > now) {
            break;
        }
        if (slot->state != NB_MOVING) { /* the mover looks at it again when it is back */
            expire(store, slot);
        }
    }
}

static int64_t next_due(const nb_store *store)
{
    const nb_slot *first = nb_slot_first_due(store);
    int64_t due = first != NULL ? nb_slot_key(store, first) : INT64_MAX;

    for (nb_link *at = store->by_age.next; at != &store->by_age; at = at->next) {
        const nb_slot *oldest = NB_CONTAINER(at, nb_slot, age_link);

        if (oldest->state != NB_MOVING) { /* one that is moving is looked at again when it is back */
            int64_t expiry = nb_slot_expiry(store, oldest);

            due = expiry < due ? expiry : due;
            break;
        }
    }
    return store->stuck_due < due ? store->stuck_due : due;
}

/* The timer is only ever moved forward; when it rings too early it is set again. So steady traffic does not touch it. */
static void arm(nb_store *store)
{
    int64_t due = next_due(store);

    if (due < store->armed && store->ended == NIMBUS_OK) {
        store->armed = due;
        nb_timer_set(&store->nb->timers, &store->timer, due);
    }
}

void nb_store_on_timer(nb_timer *timer)
{
    nb_store *store = NB_CONTAINER(timer, nb_store, timer);
    int64_t now = nb_store_enter(store);

    store->armed = INT64_MAX;
    if (store->stuck_due <= now) {
        store->stuck_due = INT64_MAX;
        store->move_again = true;
    }
    nb_store_leave(store);
}

/* ---------------------------------------------------------------------------------------------- doors */

int64_t nb_store_enter(nb_store *store)
{
    int64_t now = nb_clock_elapsed(&store->nb->clock);

    nb_lock_acquire(&store->lock);
    lapse_due(store, now);
    expire_old(store, now);
    return now;
}

/* Serves waiters in the order of their arrival while something can be taken that nobody has claimed. */
static void serve(nb_store *store)
{
    nb_link *link;

    while (nb_store_takeable(store) && store->counts.ready > store->claims && (link = nb_list_pop(&store->waiters)) != NULL) {
        nb_waiter *waiter = NB_CONTAINER(link, nb_waiter, link);

        store->waiter_count--;
        if (waiter->max == 0) {
            store->claims += waiter->notify(waiter);
            continue;
        }
        waiter->count = nb_store_take_locked(store, waiter->max, waiter->visibility, waiter->slots, nb_clock_elapsed(&store->nb->clock));
        if (waiter->count == 0) { /* all that was ready goes to the dead letter: it keeps its place */
            nb_list_push_front(&store->waiters, link);
            store->waiter_count++;
            break;
        }
        waiter->status = NIMBUS_OK;
        waiter->served(waiter);
    }
}

static bool has_room(const nb_store *store, size_t size)
{
    return nb_store_held(store) < store->config.capacity_messages && size <= store->config.capacity_bytes &&
           store->counts.bytes <= store->config.capacity_bytes - size;
}

static void wake_senders(nb_store *store)
{
    uint64_t held = nb_store_held(store);
    uint64_t room = store->config.capacity_messages > held ? store->config.capacity_messages - held : 0;
    nb_link *link;

    if (nb_list_empty(&store->senders) || !has_room(store, 0)) {
        return;
    }
    while (room-- > 0 && (link = nb_list_pop(&store->senders)) != NULL) {
        nb_exec_wake(&store->nb->exec, &NB_CONTAINER(link, nb_sender, link)->parker);
    }
}

static void update_bell(nb_store *store)
{
    bool rung = nb_store_takeable(store);

    if (store->bell_open && rung != store->bell_rung) {
        store->bell_rung = rung;
        if (rung) {
            nb_bell_ring(&store->bell);
        } else {
            nb_bell_clear(&store->bell);
        }
    }
}

/* Lets go of what has gone, one by one, without the lock: free functions and the hook are user code. */
static void bury(nb_store *store)
{
    nb_link *link;

    while ((link = nb_list_pop(&store->gone)) != NULL) {
        nb_slot *slot = NB_CONTAINER(link, nb_slot, link);
        nb_parcel parcel = slot->parcel;
        nimbus_trace_kind why = slot->why_gone;

        nb_slot_free(store, slot);
        nb_lock_release(&store->lock);
        if (why != 0 && store->ops->gone != NULL) {
            store->ops->gone(store->owner, why, &parcel);
        }
        nb_parcel_release(&parcel);
        nb_lock_acquire(&store->lock);
    }
}

void nb_store_leave(nb_store *store)
{
    bool moves;

    serve(store);
    wake_senders(store);
    arm(store);
    update_bell(store);
    assert(counts_valid(store));
    if (!nb_list_empty(&store->gone)) {
        bury(store);
    }
    moves = !nb_list_empty(&store->moving) || (store->move_again && !nb_list_empty(&store->stuck));
    nb_lock_release(&store->lock);
    if (moves) {
        nb_store_run_moves(store);
    }
}

/* ---------------------------------------------------------------------------------------------- coming */

static nimbus_bound drop_or_refuse(nb_store *store, size_t size)
{
    while (!has_room(store, size)) {
        nb_link *oldest = nb_list_first(&store->ready);

        if (!store->config.drop_oldest || oldest == NULL || size > store->config.capacity_bytes) {
            return nb_store_held(store) >= store->config.capacity_messages ? NIMBUS_BOUND_MESSAGES : NIMBUS_BOUND_BYTES;
        }
        nb_store_forget(store, NB_CONTAINER(oldest, nb_slot, link), &store->counts.dropped, NIMBUS_TRACE_DROPPED);
    }
    return NIMBUS_BOUND_NONE;
}

static void put_in(nb_store *store, nb_slot *slot, const nb_parcel *parcel, int64_t due)
{
    slot->parcel = *parcel;
    store->counts.accepted++;
    store->counts.bytes += nb_message_size(parcel->message);
    nb_slot_enter_age(store, slot);
    if (due == 0) {
        nb_store_make_ready(store, slot);
        return;
    }
    slot->state = NB_DELAYED;
    slot->due = due;
    store->counts.delayed++;
    nb_link_init(&slot->link);
    nb_slot_rekey(store, slot);
}

nimbus_status nb_store_offer(nb_store *store, const nb_parcel *parcel, int64_t delay, bool redriven, nimbus_bound *ret_bound)
{
    int64_t now = nb_store_enter(store);
    nimbus_bound bound = NIMBUS_BOUND_NONE;
    nimbus_status status = store->ended;
    nb_slot *slot;

    if (status == NIMBUS_OK) {
        bound = drop_or_refuse(store, nb_message_size(parcel->message));
        status = bound != NIMBUS_BOUND_NONE ? NIMBUS_E_FULL : NIMBUS_OK;
        store->counts.refused += status != NIMBUS_OK;
    }
    if (status == NIMBUS_OK) {
        slot = nb_slot_get(store);
        if (slot != NULL) {
            put_in(store, slot, parcel, delay > 0 ? nb_add_time(now, delay) : 0);
            store->counts.redriven_in += redriven;
        } else {
            status = nb_heap_failure(store->owner->heap, sizeof(nb_slot));
            bound = status == NIMBUS_E_FULL ? NIMBUS_BOUND_MEMORY : NIMBUS_BOUND_NONE;
        }
    }
    nb_store_leave(store);
    if (ret_bound != NULL && bound != NIMBUS_BOUND_NONE) {
        *ret_bound = bound;
    }
    return status;
}

static nimbus_status wait_status(const nb_store *store)
{
    return store->ended != NIMBUS_OK ? store->ended : store->stopped ? NIMBUS_E_CLOSED : NIMBUS_OK;
}

nimbus_status nb_store_wait_room(nb_store *store, size_t size, int64_t until)
{
    nimbus_status status;
    nb_slept slept = NB_SLEPT_SET;
    nb_sender sender;
    bool wait;

    nb_parker_init(&sender.parker);
    nb_link_init(&sender.link);
    nb_store_enter(store);
    status = wait_status(store);
    if (status == NIMBUS_OK && size > store->config.capacity_bytes) {
        status = NIMBUS_E_FULL;
    }
    wait = status == NIMBUS_OK && !has_room(store, size);
    if (wait) {
        nb_list_push(&store->senders, &sender.link);
    }
    nb_store_leave(store);
    if (wait) {
        slept = nb_exec_sleep(&store->nb->exec, &sender.parker, until);
        nb_store_enter(store);
        nb_link_remove(&sender.link);
        status = wait_status(store);
        nb_store_leave(store);
    }
    nb_parker_fini(&sender.parker);
    return status != NIMBUS_OK                 ? status
           : slept == NB_SLEPT_WOULD_BLOCK ? NIMBUS_E_WOULD_BLOCK
           : slept == NB_SLEPT_TIMEOUT     ? NIMBUS_E_TIMEOUT
                                               : NIMBUS_OK;
}
