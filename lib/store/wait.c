/*
 * wait.c - who waits: the line of waiters for messages, senders for room, and the descriptor that is readable.
 *
 * A waiter sets its bit in `watch` under the lock, fences, and looks once more for what it waits for. Whoever brings it does so, fences,
 * and reads `watch`. So either the waiter finds it, or the bringer sees the bit and comes under the lock to serve. Without either fence
 * both could look too early, and the waiter would sleep beside a ready message.
 */
#include "base/number.h"
#include "store/inside.h"
#include "store/order.h"

void nb_watch_set_locked(nb_store *store, uint32_t bit, bool on)
{
    uint32_t watch = nb_load_relaxed(&store->watch); /* written under the lock only */
    uint32_t wanted = on ? watch | bit : watch & ~bit;

    if (wanted != watch) {
        nb_store_relaxed(&store->watch, wanted);
    }
}

static void watch_waiters(nb_store *store)
{
    nb_watch_set_locked(store, NB_WATCH_WAITERS, store->waiter_count > 0);
}

/* ---------------------------------------------------------------------------------------------- waiters */

/* Something is ready that no notified waiter has claimed. */
static bool unclaimed(nb_store *store)
{
    uint64_t out = nb_in_flight_of(nb_load_acquire(&store->flow)) + nb_load_relaxed(&store->tally.delayed);
    uint32_t claims = nb_load_relaxed(&store->claims);

    return claims == 0 || nb_store_places(store) > out + claims;
}

static void hand_over(nb_store *store, nb_waiter *waiter, nb_aside *aside, const nb_moment *at)
{
    uint32_t max = nb_store_allowance(store, waiter->max);

    waiter->count = store->order != NULL
                        ? nb_store_take_ordered(store, waiter->group, max, waiter->visibility, waiter->slots, aside, at)
                        : nb_store_take_some(store, max, waiter->visibility, waiter->slots, aside, at);
}

/* Whether something can be taken that this one waits for. */
static bool takeable_by(nb_store *store, const nb_waiter *waiter)
{
    return nb_store_takeable(store) && (waiter->group == NULL || nb_order_first_locked(store, waiter->group) != NB_NO_SLOT);
}

/* The first in the line who can be served, taken out of it; NULL: none. */
static nb_link *next_in_line(nb_store *store)
{
    nb_link *link = store->waiters.next;

    if (!nb_store_takeable(store) || !unclaimed(store)) {
        return NULL;
    }
    while (link != &store->waiters && !takeable_by(store, NB_CONTAINER(link, nb_waiter, link))) {
        link = link->next;
    }
    if (link == &store->waiters) {
        return NULL;
    }
    nb_link_remove(link);
    return link;
}

static void drop_claim(nb_store *store)
{
    uint32_t claims = nb_load_relaxed(&store->claims);

    while (claims > 0 && !nb_cas_weak_relaxed(&store->claims, &claims, claims - 1)) {
    }
}

/*
 * Under a manual clock the timers may set the same parker, so that a sleeper cannot tell whether the set of the one who serves it is still
 * to come: there it comes under the lock.
 */
static void tell(nb_store *store, nb_waiter *waiter)
{
    if (waiter->parker == NULL) {
        waiter->served(waiter);
    } else if (store->nb->clock.manual) {
        nb_exec_wake_last(&store->nb->exec, waiter->parker);
    } else {
        waiter->woken = NULL;
        *(store->woken == NULL ? &store->woken : &store->woken_last->woken) = waiter;
        store->woken_last = waiter;
    }
}

void nb_store_wake(nb_store *store, nb_waiter *woken)
{
    while (woken != NULL) {
        nb_waiter *next = woken->woken; /* read before: who is woken may be gone at once */

        nb_exec_wake_last(&store->nb->exec, woken->parker);
        woken = next;
    }
}

void nb_store_serve_locked(nb_store *store, nb_aside *aside)
{
    nb_moment at;
    nb_link *link;

    if (nb_list_empty(&store->waiters)) {
        return;
    }
    at.now = nb_clock_coarse(&store->nb->clock, &at.wall);
    if (nb_load_relaxed(&store->next_key) <= at.now) {
        nb_store_sweep_locked(store, at.now); /* nobody gets what is too old, as a dead letter may be when it comes (SQS-D6, T5) */
    }
    while ((link = next_in_line(store)) != NULL) {
        nb_waiter *waiter = NB_CONTAINER(link, nb_waiter, link);

        store->waiter_count--;
        if (waiter->max == 0) {
            nb_add_relaxed(&store->claims, 1); /* before: who is notified may come, and clear it, at once */
            store->announce = true;
            if (!waiter->notify(waiter)) {
                drop_claim(store);
            }
            continue;
        }
        hand_over(store, waiter, aside, &at);
        if (waiter->count == 0) { /* all that was ready goes to the dead letter, or somebody was faster: it keeps its place */
            nb_list_push_front(&store->waiters, link);
            store->waiter_count++;
            if (aside->first != 0) {
                break; /* the moves run first */
            }
            continue;
        }
        waiter->status = NIMBUS_OK;
        tell(store, waiter);
    }
    watch_waiters(store);
}

nimbus_status nb_store_wait(nb_store *store, nb_waiter *waiter)
{
    nb_aside aside = { 0, 0 };
    nimbus_status status;
    nb_moment at;

    nb_store_enter(store);
    status = nb_store_wait_status_locked(store);
    status = status == NIMBUS_OK ? NIMBUS_EMPTY : status;
    waiter->count = 0;
    if (status == NIMBUS_EMPTY) {
        nb_watch_set_locked(store, NB_WATCH_WAITERS, true);
        nb_fence_seq_cst(); /* see the head */
    }
    if (status == NIMBUS_EMPTY && takeable_by(store, waiter)) {
        if (waiter->max > 0) {
            at.now = nb_clock_coarse(&store->nb->clock, &at.wall);
            hand_over(store, waiter, &aside, &at);
            nb_store_add_moves_locked(store, &aside);
        }
        status = waiter->max == 0 || waiter->count > 0 ? NIMBUS_OK : NIMBUS_EMPTY;
    }
    store->move_again = store->move_again || (waiter->max > 0 && store->stuck != 0);
    waiter->status = status;
    if (status == NIMBUS_EMPTY) {
        nb_list_push(&store->waiters, &waiter->link);
        store->waiter_count++;
    }
    watch_waiters(store);
    nb_store_leave(store);
    return status;
}

bool nb_store_unwait(nb_store *store, nb_waiter *waiter, nimbus_status why)
{
    bool waiting;

    nb_store_enter(store);
    if (nb_link_in(&waiter->link)) { /* the sweep may have made something ready just now: then it is served, not sent away */
        nb_aside aside = { 0, 0 };

        nb_store_serve_locked(store, &aside);
        nb_store_add_moves_locked(store, &aside);
    }
    waiting = nb_link_in(&waiter->link);
    if (waiting) {
        nb_link_remove(&waiter->link);
        store->waiter_count--;
        waiter->status = why;
        watch_waiters(store);
        if (why == NIMBUS_EMPTY) {
            nb_tally(&store->tally.empty_receives, 1);
        }
    }
    nb_store_leave(store);
    return waiting;
}

void nb_store_pass_on(nb_store *store)
{
    nb_store_enter(store);
    nb_store_relaxed(&store->claims, 0);
    nb_store_leave(store);
}

/* ---------------------------------------------------------------------------------------------- senders */

nimbus_status nb_store_wait_status_locked(nb_store *store)
{
    nimbus_status ended = nb_store_ended(store);

    return ended != NIMBUS_OK ? ended : store->stopped ? NIMBUS_E_CLOSED : NIMBUS_OK;
}

void nb_store_wake_senders_locked(nb_store *store)
{
    uint64_t held, capacity, room;
    nb_link *link;

    if (nb_list_empty(&store->senders) || !nb_store_has_room(store, 0)) {
        return;
    }
    held = nb_store_places(store);
    capacity = nb_load_relaxed(&store->settings.capacity_messages);
    room = held < capacity ? capacity - held : 0; /* others may have come since */
    while (room-- > 0 && (link = nb_list_pop(&store->senders)) != NULL) {
        nb_exec_wake(&store->nb->exec, &NB_CONTAINER(link, nb_sender, link)->parker);
    }
    nb_watch_set_locked(store, NB_WATCH_SENDERS, !nb_list_empty(&store->senders));
}

nimbus_status nb_store_wait_room(nb_store *store, size_t size, int64_t until)
{
    nimbus_status status;
    nb_slept slept = NB_SLEPT_SET;
    nb_sender sender;
    bool wait = false;

    nb_parker_init(&sender.parker);
    nb_link_init(&sender.link);
    nb_store_enter(store);
    status = nb_store_wait_status_locked(store);
    if (status == NIMBUS_OK && size > nb_load_relaxed(&store->settings.capacity_bytes)) {
        status = NIMBUS_E_FULL;
    }
    if (status == NIMBUS_OK) {
        nb_watch_set_locked(store, NB_WATCH_SENDERS, true);
        nb_fence_seq_cst(); /* see the head; pairs with the one behind a delete's subtraction */
        wait = !nb_store_has_room(store, size);
    }
    if (wait) {
        nb_list_push(&store->senders, &sender.link);
    }
    nb_watch_set_locked(store, NB_WATCH_SENDERS, !nb_list_empty(&store->senders));
    nb_store_leave(store);
    if (wait) {
        slept = nb_exec_sleep(&store->nb->exec, &sender.parker, until);
        nb_store_enter(store);
        nb_link_remove(&sender.link);
        nb_watch_set_locked(store, NB_WATCH_SENDERS, !nb_list_empty(&store->senders));
        status = nb_store_wait_status_locked(store);
        nb_store_leave(store);
    }
    nb_parker_fini(&sender.parker);
    return status != NIMBUS_OK                 ? status
           : slept == NB_SLEPT_WOULD_BLOCK ? NIMBUS_E_WOULD_BLOCK
           : slept == NB_SLEPT_TIMEOUT     ? NIMBUS_E_TIMEOUT
                                               : NIMBUS_OK;
}

/* --------------------------------------------------------------------------------------- everybody, bell */

void nb_store_dismiss_locked(nb_store *store, nimbus_status why)
{
    nb_link *link;

    while ((link = nb_list_pop(&store->waiters)) != NULL) {
        nb_waiter *waiter = NB_CONTAINER(link, nb_waiter, link);

        store->waiter_count--;
        waiter->status = why;
        if (waiter->parker != NULL) {
            nb_exec_wake_last(&store->nb->exec, waiter->parker);
        } else if (waiter->served != NULL) {
            waiter->served(waiter);
        }
    }
    while ((link = nb_list_pop(&store->senders)) != NULL) {
        nb_exec_wake(&store->nb->exec, &NB_CONTAINER(link, nb_sender, link)->parker);
    }
    nb_watch_set_locked(store, NB_WATCH_WAITERS | NB_WATCH_SENDERS, false);
}

void nb_store_update_bell_locked(nb_store *store)
{
    bool rung;

    if (!store->bell_open) {
        return;
    }
    rung = nb_store_takeable(store);
    if (rung != store->bell_rung) {
        store->bell_rung = rung;
        if (rung) {
            nb_bell_ring(&store->bell);
        } else {
            nb_bell_clear(&store->bell);
        }
    }
}

nimbus_status nb_store_fd(nb_store *store, int *ret_fd)
{
    nimbus_status status;

    nb_store_enter(store);
    status = nb_store_ended(store);
    if (status == NIMBUS_OK && !store->bell_open) {
        store->bell_open = nb_bell_open(&store->bell);
        store->bell_rung = false;
        status = store->bell_open ? NIMBUS_OK : NIMBUS_E_SYSTEM;
        nb_watch_set_locked(store, NB_WATCH_BELL, store->bell_open);
        nb_fence_seq_cst(); /* see the head: from here on every change comes to the bell, and leave looks for those before */
    }
    if (status == NIMBUS_OK) {
        *ret_fd = store->bell.read_fd;
    }
    nb_store_leave(store);
    return status;
}
