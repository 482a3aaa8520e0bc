/*
 * take.c - messages going out: the take, the line of waiters, and what may be looked at without taking.
 */
#include <string.h>

#include "base/number.h"
#include "store/inside.h"

static void fill(nb_store *store, const nb_slot *slot, nb_delivery *delivery, int64_t now, int64_t wall)
{
    const nb_parcel *parcel = &slot->parcel;

    nb_parcel_retain(parcel);
    nb_object_pin(store->owner);
    *delivery = (nb_delivery){
        .message = parcel->message,
        .letter = parcel->letter,
        .source = store->owner,
        .source_name = store->name,
        .receipt = { (uint64_t)store->number << 32 | slot->index, slot->generation },
        .id = parcel->id,
        .sent = parcel->sent,
        .first_received = parcel->first_received,
        .visible_at = nb_add_time(wall, slot->due == INT64_MAX ? INT64_MAX : slot->due - now),
        .receive_count = parcel->receive_count,
        .own_receives = slot->own_receives,
        .enqueued = parcel->enqueued,
        .failed = slot->failed,
    };
}

static void hand_out(nb_store *store, nb_slot *slot, int64_t visibility, nb_delivery *delivery, int64_t now, int64_t wall)
{
    nb_link_remove(&slot->link);
    store->counts.ready--;
    store->counts.in_flight++;
    store->counts.received++;
    slot->state = NB_IN_FLIGHT;
    slot->generation++;
    slot->own_receives++;
    slot->parcel.receive_count++;
    slot->taken_at = now;
    if (slot->parcel.first_received == 0) {
        slot->parcel.first_received = wall;
    }
    slot->due = nb_add_time(now, visibility);
    nb_slot_rekey(store, slot);
    fill(store, slot, delivery, now, wall);
}

/* The receive after the last one that is allowed does not return the message but moves it (SQS-D3). */
static void set_aside(nb_store *store, nb_slot *slot)
{
    nb_link_remove(&slot->link);
    slot->state = NB_MOVING;
    nb_slot_rekey(store, slot);
    nb_list_push(&store->moving, &slot->link);
}

uint32_t nb_store_take_locked(nb_store *store, uint32_t max, int64_t visibility, nb_delivery *slots, int64_t now)
{
    int64_t timeout = visibility == NB_STORE_VISIBILITY ? store->config.visibility : visibility;
    nb_link *last = store->ready.prev; /* what comes back at once (visibility 0) is not taken twice (SQS-R11) */
    uint32_t count = 0;
    int64_t wall = 0;
    bool end = false;

    while (!end && count < max && nb_store_takeable(store)) {
        nb_link *first = nb_list_first(&store->ready);
        nb_slot *slot = NB_CONTAINER(first, nb_slot, link);

        end = first == last;
        if (store->config.max_receives != 0 && slot->own_receives >= store->config.max_receives) {
            set_aside(store, slot);
            continue;
        }
        wall = wall == 0 ? nb_clock_wall(&store->nb->clock) : wall; /* one reading a take */
        hand_out(store, slot, timeout, &slots[count++], now, wall);
        if (timeout == 0) {
            nb_store_count_out(store, slot);
            nb_store_make_ready(store, slot);
        }
    }
    if (!nb_list_empty(&store->stuck)) {
        store->move_again = true; /* each receive gives those that could not be moved another chance */
    }
    return count;
}

nimbus_status nb_store_take(nb_store *store, uint32_t max, int64_t visibility, nb_delivery *slots, uint32_t *ret_count, bool *ret_more)
{
    int64_t now = nb_store_enter(store);
    nimbus_status status = store->ended;
    uint32_t count = 0;

    if (status == NIMBUS_OK) {
        count = nb_store_take_locked(store, max, visibility, slots, now);
        if (count == 0) {
            store->counts.empty_receives++;
            status = store->counts.in_flight >= store->config.max_in_flight && !nb_list_empty(&store->ready) ? NIMBUS_E_OVER_LIMIT
                                                                                                             : NIMBUS_OK;
        }
        *ret_count = count;
    }
    *ret_more = nb_store_takeable(store);
    store->claims = 0; /* whoever was notified and comes now finds what is left, and waits again if it is nothing */
    nb_store_leave(store);
    return status;
}

void nb_store_untake(nb_store *store, nimbus_receipt receipt)
{
    nb_slot *slot = NULL;

    nb_store_enter(store);
    if ((store->ended == NIMBUS_OK || store->finishing) && nb_store_find(store, receipt, &slot) == NIMBUS_OK &&
        slot->state == NB_IN_FLIGHT && store->finishing) {
        nb_store_forget(store, slot, &store->counts.discarded, NIMBUS_TRACE_DISCARDED);
    } else if (slot != NULL && slot->state == NB_IN_FLIGHT) {
        nb_store_count_out(store, slot);
        nb_store_make_ready(store, slot);
        nb_link_remove(&slot->link);
        nb_list_push_front(&store->ready, &slot->link);
        slot->generation++;
        slot->own_receives--;
        if (--slot->parcel.receive_count == 0) {
            slot->parcel.first_received = 0;
        }
        store->counts.received--;
    }
    nb_store_leave(store);
}

/* ------------------------------------------------------------------------------------------- waiters */

nimbus_status nb_store_wait(nb_store *store, nb_waiter *waiter)
{
    int64_t now = nb_store_enter(store);
    nimbus_status status = store->ended != NIMBUS_OK ? store->ended : store->stopped ? NIMBUS_E_CLOSED : NIMBUS_EMPTY;

    waiter->count = 0;
    if (status == NIMBUS_EMPTY && waiter->max > 0) {
        waiter->count = nb_store_take_locked(store, waiter->max, waiter->visibility, waiter->slots, now);
        status = waiter->count > 0 ? NIMBUS_OK : NIMBUS_EMPTY;
    } else if (status == NIMBUS_EMPTY && nb_store_takeable(store)) {
        status = NIMBUS_OK;
    }
    waiter->status = status;
    if (status == NIMBUS_EMPTY) {
        nb_list_push(&store->waiters, &waiter->link);
        store->waiter_count++;
    }
    nb_store_leave(store);
    return status;
}

bool nb_store_unwait(nb_store *store, nb_waiter *waiter, nimbus_status why)
{
    bool waiting;

    nb_store_enter(store);
    waiting = nb_link_in(&waiter->link);
    if (waiting) {
        nb_link_remove(&waiter->link);
        store->waiter_count--;
        waiter->status = why;
        if (why == NIMBUS_EMPTY) {
            store->counts.empty_receives++;
        }
    }
    nb_store_leave(store);
    return waiting;
}

void nb_store_pass_on(nb_store *store)
{
    nb_store_enter(store);
    store->claims = 0;
    nb_store_leave(store);
}

/* ---------------------------------------------------------------------------------------------- looking */

typedef struct peeker {
    nimbus_peeked *to;
    size_t count, max;
    int64_t now, wall;
} peeker;

static void peek_slot(peeker *peek, const nb_slot *slot)
{
    nimbus_peeked *entry = &peek->to[peek->count++];

    memset(entry, 0, sizeof *entry);
    entry->message = nb_message_retain(slot->parcel.message);
    entry->id = slot->parcel.id;
    entry->state = slot->state == NB_DELAYED                                                     ? NIMBUS_STATE_DELAYED
                   : slot->state == NB_IN_FLIGHT || (slot->state == NB_MOVING && slot->doomed) ? NIMBUS_STATE_IN_FLIGHT
                                                                                                   : NIMBUS_STATE_READY;
    entry->receive_count = slot->parcel.receive_count;
    entry->sent = slot->parcel.sent;
    entry->until = slot->due == INT64_MAX ? 0 : nb_add_time(peek->wall, slot->due - peek->now);
}

static void peek_list(peeker *peek, const nb_list *list)
{
    for (nb_link *at = list->next; at != list && peek->count < peek->max; at = at->next) {
        peek_slot(peek, NB_CONTAINER(at, nb_slot, link));
    }
}

static void peek_state(peeker *peek, nb_store *store, nb_state state)
{
    for (uint32_t i = 0; i < store->slot_count && peek->count < peek->max; i++) {
        if (nb_slot_at(store, i)->state == state) {
            peek_slot(peek, nb_slot_at(store, i));
        }
    }
}

nimbus_status nb_store_peek(nb_store *store, nimbus_peeked *ret, size_t max, size_t *ret_count)
{
    peeker peek = { ret, 0, max, 0, 0 };
    nimbus_status status;

    peek.now = nb_store_enter(store);
    peek.wall = nb_clock_wall(&store->nb->clock);
    status = store->ended;
    if (status == NIMBUS_OK) {
        peek_list(&peek, &store->stuck);
        peek_list(&peek, &store->moving);
        peek_list(&peek, &store->ready);
        peek_state(&peek, store, NB_DELAYED);
        peek_state(&peek, store, NB_IN_FLIGHT);
        *ret_count = peek.count;
        status = peek.count > 0 ? NIMBUS_OK : NIMBUS_EMPTY;
    }
    nb_store_leave(store);
    return status;
}

void nb_store_get_counts(nb_store *store, nb_store_counts *ret)
{
    int64_t now, oldest = INT64_MAX;

    now = nb_store_enter(store);
    *ret = store->counts;
    ret->waiters = store->waiter_count;
    if (!nb_list_empty(&store->by_age)) {
        oldest = NB_CONTAINER(store->by_age.next, nb_slot, age_link)->parcel.enqueued;
    }
    for (uint32_t i = 0; store->counts.redriven_in > 0 && i < store->heap_count; i++) { /* those that came with an older time stamp */
        const nb_slot *slot = store->heap[i];

        oldest = !nb_link_in(&slot->age_link) && slot->parcel.enqueued < oldest ? slot->parcel.enqueued : oldest;
    }
    ret->oldest_age = oldest == INT64_MAX ? 0 : now - oldest;
    nb_store_leave(store);
}

nimbus_status nb_store_fd(nb_store *store, int *ret_fd)
{
    nimbus_status status;

    nb_store_enter(store);
    status = store->ended;
    if (status == NIMBUS_OK && !store->bell_open) {
        store->bell_open = nb_bell_open(&store->bell);
        store->bell_rung = false;
        status = store->bell_open ? NIMBUS_OK : NIMBUS_E_SYSTEM;
    }
    if (status == NIMBUS_OK) {
        *ret_fd = store->bell.read_fd;
    }
    nb_store_leave(store);
    return status;
}
