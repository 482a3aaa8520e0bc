/*
 * life.c - how a store begins, is configured, purged, stops and ends.
 *
 * Purge and end walk over all slots and claim one after the other. The end closes the places first, and walks until none is taken but by
 * what stays: an offer that was under way comes to its end meanwhile.
 */
#include <string.h>

#include "base/number.h"
#include "platform/thread.h"
#include "store/inside.h"
#include "store/order.h"

static void set(nb_store_settings *to, const nb_store_config *config, int64_t tick)
{
    nb_store_relaxed(&to->visibility, config->visibility);
    nb_store_relaxed(&to->kept, nb_add_time(config->retention, tick));
    nb_store_relaxed(&to->max_visibility, config->max_visibility);
    nb_store_relaxed(&to->capacity_messages, config->capacity_messages < INT32_MAX ? config->capacity_messages : INT32_MAX);
    nb_store_relaxed(&to->capacity_bytes, config->capacity_bytes);
    nb_store_relaxed(&to->max_in_flight, config->max_in_flight);
    nb_store_relaxed(&to->max_receives, config->max_receives);
    nb_store_relaxed(&to->drop_oldest, config->drop_oldest);
    nb_store_relaxed(&to->eager, config->eager);
}

bool nb_store_init(nb_store *store, nb_object *owner, const char *name, uint32_t number, const nb_store_config *config,
                   const nb_store_ops *ops)
{
    memset(store, 0, sizeof *store);
    store->owner = owner;
    store->nb = owner->runtime;
    store->ops = ops;
    store->name = name;
    store->number = number;
    store->nonce = store->nb->nonce;
    set(&store->settings, config, nb_clock_tick(&store->nb->clock));
    nb_atomic_init(&store->mode, (config->capacity_bytes != SIZE_MAX ? NB_MODE_BYTES : 0) |
                                     (config->fifo || config->fair ? NB_MODE_ORDERED : 0));
    nb_atomic_init(&store->ended, NIMBUS_OK);
    nb_atomic_init(&store->next_key, INT64_MAX);
    nb_atomic_init(&store->armed, INT64_MAX);
    store->stuck_due = INT64_MAX;
    store->stuck_delay = NB_FIRST_STUCK_DELAY;
    store->bell = (nb_bell)NB_BELL_NONE;
    nb_index_ring_init(&store->ready, owner->heap);
    nb_link_init(&store->waiters);
    nb_link_init(&store->senders);
    nb_lock_init(&store->lock);
    if ((config->fifo || config->fair) && !nb_order_init(store, config->fair)) {
        nb_lock_fini(&store->lock);
        return false;
    }
    if (!nb_timer_init(&store->nb->timers, &store->timer, nb_store_on_timer)) {
        nb_order_fini(store);
        nb_lock_fini(&store->lock);
        return false;
    }
    return true;
}

/* -------------------------------------------------------------------------------------- letting go of all */

/* What goes, and how. */
typedef struct clearing {
    nb_state keep;             /* a state that stays; NB_FREE: none */
    _Atomic uint64_t *counter;
    bool mark;                 /* what is moving is marked: if it comes back it is gone. The end needs no mark: the mover sees its mode */
    nb_gone gone;
} clearing;

/* One slot's message goes, whatever its state. True: it stays for now. */
static bool clear_slot(nb_store *store, uint32_t index, clearing *how)
{
    nb_slot *slot = nb_slot_at(store, index);

    for (;;) {
        uint64_t word = nb_slot_word(slot);
        nb_state state = nb_state_of(word);

        if (state == NB_FREE || state == NB_ZOMBIE || state == how->keep) {
            return state == NB_IN_FLIGHT;
        }
        if (state == NB_MOVING || state == NB_DOOMING || state == NB_CARRIED) {
            if (!how->mark || nb_cas_strong_acq_rel(&slot->word, &word, word | NB_PURGED)) {
                return true;
            }
        } else if (nb_slot_claim(slot, word)) {
            nb_slot_forget_to(store, slot, index, word, state, how->counter, &how->gone);
            return false;
        }
    }
}

/* Without the lock. Returns how many went; *ret_left: how many slots still have a message. */
static uint64_t clear(nb_store *store, clearing *how, uint64_t *ret_left)
{
    uint32_t slots = nb_load_acquire(&store->slot_count);
    uint64_t count = 0;

    *ret_left = 0;
    for (uint32_t i = 0; i < slots; i++) {
        uint32_t before = how->gone.count;

        *ret_left += clear_slot(store, i, how);
        count += how->gone.count - before;
        if (how->gone.count == NB_GONE_ROOM) {
            nb_gone_flush(store, &how->gone);
        }
    }
    nb_gone_flush(store, &how->gone);
    return count;
}

/* A store with an order is purged under the lock, which is left only to let go of what has gone: the cut is a sequence number. */
static uint64_t purge_in_order(nb_store *store, clearing *how)
{
    uint64_t count = 0, cut;

    nb_store_enter(store);
    cut = nb_order_next_sequence_locked(store);
    if (store->ops->forget != NULL) {
        store->ops->forget(store->owner);
    }
    for (uint32_t i = 0; i < nb_load_acquire(&store->slot_count); i++) {
        uint32_t before = how->gone.count;

        if (nb_node_at(store, i)->group != NULL && nb_node_at(store, i)->sequence < cut) {
            clear_slot(store, i, how);
            nb_order_touch_locked(store, i);
        }
        count += how->gone.count - before;
        if (how->gone.count == NB_GONE_ROOM) {
            nb_gone_flush_locked(store, &how->gone);
        }
    }
    nb_store_leave(store);
    nb_gone_flush(store, &how->gone);
    return count;
}

nimbus_status nb_store_purge(nb_store *store, uint64_t *ret_count)
{
    clearing how = { .keep = NB_FREE, .counter = &store->tally.purged, .mark = true };
    nimbus_status status = nb_store_ended(store);
    uint64_t count, left;

    if (status != NIMBUS_OK) {
        return status;
    }
    if (store->order != NULL) {
        count = purge_in_order(store, &how);
    } else {
        nb_store_catch_up(store);
        count = clear(store, &how, &left);
        nb_store_enter(store);
        nb_store_trim(store);
        nb_store_leave(store);
    }
    if (ret_count != NULL) {
        *ret_count = count;
    }
    return NIMBUS_OK;
}

void nb_store_end(nb_store *store, nimbus_status why, bool finish_in_flight)
{
    clearing how = { .keep = finish_in_flight ? NB_IN_FLIGHT : NB_FREE, .counter = &store->tally.discarded };
    uint64_t left;

    how.gone.why = NIMBUS_TRACE_DISCARDED;
    nb_lock_acquire(&store->lock);
    nb_store_release(&store->ended, (int32_t)why); /* before the bit: who sees that finds this */
    nb_store_release(&store->mode, nb_load_relaxed(&store->mode) | NB_MODE_ENDED | (finish_in_flight ? NB_MODE_FINISHING : 0));
    store->stuck_due = INT64_MAX;
    nb_store_dismiss_locked(store, why);
    nb_lock_release(&store->lock);
    nb_or_acq_rel(&store->entered, NB_PLACES_CLOSED);
    while (clear(store, &how, &left), left < nb_store_places(store)) { /* an offer or a delete of another thread is between two steps */
        nb_platform_yield();
        nb_pause();
    }
    nb_store_attend(store);
    nb_timer_fini(&store->nb->timers, &store->timer);
    nb_lock_acquire(&store->lock);
    if (store->order != NULL) {
        nb_order_touch_all_locked(store);
    }
    store->bell_open = false;
    nb_watch_set_locked(store, NB_WATCH_BELL, false);
    nb_bell_close(&store->bell);
    nb_lock_release(&store->lock);
}

void nb_store_stop(nb_store *store)
{
    nb_store_enter(store);
    store->stopped = true;
    nb_store_dismiss_locked(store, NIMBUS_E_CLOSED);
    nb_store_leave(store);
}

void nb_store_fini(nb_store *store)
{
    uint32_t slots = nb_load_acquire(&store->slot_count);

    for (uint32_t i = 0; i < slots; i++) { /* what was in flight and never settled: kept invocations that were given up */
        nb_slot *slot = nb_slot_at(store, i);
        uint64_t word = nb_load_acquire(&slot->word);

        if (nb_state_of(word) != NB_FREE && nb_state_of(word) != NB_ZOMBIE) {
            nb_letter *note;
            nb_parcel parcel = nb_slot_empty(store, slot, i, word, &note);

            nb_parcel_release(&parcel);
            nb_letter_release(note);
        }
    }
    nb_order_fini(store);
    nb_slots_release(store);
    nb_lock_fini(&store->lock);
}

void nb_store_configure(nb_store *store, const nb_store_config *config)
{
    int64_t now = nb_store_enter(store);

    set(&store->settings, config, nb_clock_tick(&store->nb->clock));
    if (config->capacity_bytes != SIZE_MAX) {
        nb_store_measure_from_now_locked(store);
    }
    nb_keys_forget_locked(store); /* the keys have changed with the retention */
    nb_store_sweep_locked(store, now); /* what is too old by the new one goes at once (SQS-T3), before anybody is served */
    nb_store_unstick_locked(store);
    nb_store_leave(store);
}

/* A delay that has begun counts from the send. What was given back with a delay keeps it. */
void nb_store_set_delays(nb_store *store, int64_t delay)
{
    int64_t tick = nb_clock_tick(&store->nb->clock);

    nb_store_enter(store);
    for (uint32_t i = 0; i < nb_load_acquire(&store->slot_count); i++) {
        nb_slot *slot = nb_slot_at(store, i);
        uint64_t word = nb_load_acquire(&slot->word);

        if (nb_state_of(word) == NB_DELAYED && nb_load_relaxed(&slot->own_receives) == 0 && nb_slot_claim(slot, word)) {
            nb_store_relaxed(&slot->due, nb_add_time(nb_load_relaxed(&slot->enqueued), nb_add_time(delay, tick)));
            nb_slot_restore_locked(store, slot, i, word);
        }
    }
    nb_store_leave(store);
    nb_store_enter(store); /* what is over by the new one is ready at once */
    nb_store_leave(store);
}
