/*
 * life.c - how a store begins, stops and ends.
 */
#include <string.h>

#include "store/inside.h"

bool nb_store_init(nb_store *store, nb_object *owner, const char *name, uint32_t number, const nb_store_config *config,
                   const nb_store_ops *ops)
{
    nb_list *const lists[] = { &store->free_slots, &store->ready,   &store->by_age, &store->moving,
                               &store->stuck,      &store->waiters, &store->gone,   &store->senders };

    memset(store, 0, sizeof *store);
    store->owner = owner;
    store->nb = owner->runtime;
    store->ops = ops;
    store->name = name;
    store->number = number;
    store->config = *config;
    store->armed = store->stuck_due = INT64_MAX;
    store->stuck_delay = NB_FIRST_STUCK_DELAY;
    store->bell = (nb_bell)NB_BELL_NONE;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        nb_link_init(lists[i]);
    }
    nb_lock_init(&store->lock);
    if (!nb_timer_init(&store->nb->timers, &store->timer, nb_store_on_timer)) {
        nb_lock_fini(&store->lock);
        return false;
    }
    return true;
}

/* Wakes everybody who waits. */
static void dismiss(nb_store *store, nimbus_status why)
{
    nb_link *link;

    while ((link = nb_list_pop(&store->waiters)) != NULL) {
        nb_waiter *waiter = NB_CONTAINER(link, nb_waiter, link);

        store->waiter_count--;
        waiter->status = why;
        if (waiter->served != NULL) {
            waiter->served(waiter);
        }
    }
    while ((link = nb_list_pop(&store->senders)) != NULL) {
        nb_exec_wake(&store->nb->exec, &NB_CONTAINER(link, nb_sender, link)->parker);
    }
}

void nb_store_end(nb_store *store, nimbus_status why, bool finish_in_flight)
{
    nb_store_enter(store);
    store->ended = why;
    store->finishing = finish_in_flight;
    for (uint32_t i = 0; i < store->slot_count; i++) {
        nb_slot *slot = nb_slot_at(store, i);

        if (slot->state != NB_FREE && slot->state != NB_GONE && slot->state != NB_MOVING &&
            !(finish_in_flight && slot->state == NB_IN_FLIGHT)) {
            nb_store_forget(store, slot, &store->counts.discarded, NIMBUS_TRACE_DISCARDED);
        }
    }
    store->stuck_due = INT64_MAX;
    dismiss(store, why);
    nb_store_leave(store);
    nb_timer_fini(&store->nb->timers, &store->timer);
    nb_lock_acquire(&store->lock);
    store->bell_open = false;
    nb_bell_close(&store->bell);
    nb_lock_release(&store->lock);
}

void nb_store_stop(nb_store *store)
{
    nb_store_enter(store);
    store->stopped = true;
    dismiss(store, NIMBUS_E_CLOSED);
    nb_store_leave(store);
}

void nb_store_fini(nb_store *store)
{
    for (uint32_t i = 0; i < store->slot_count; i++) { /* what was in flight and never settled: kept invocations that were given up */
        if (nb_slot_at(store, i)->state != NB_FREE) {
            nb_parcel_release(&nb_slot_at(store, i)->parcel);
            nb_letter_release(nb_slot_at(store, i)->note);
        }
    }
    nb_slots_release(store);
    nb_lock_fini(&store->lock);
}
