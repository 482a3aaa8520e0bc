/*
 * store.h - messages at rest: slots and their states, ready order, visibility, delay, retention, capacity, waiters.
 *
 * This is the plain engine: one lock, lists and a heap. A message held by a store lies in one slot. The slot's state is the truth:
 *
 *   FREE      -> READY      nb_store_offer           delay 0
 *   FREE      -> DELAYED    nb_store_offer           delay > 0
 *   DELAYED   -> READY      lapse (tick)             the delay is over
 *   READY     -> IN_FLIGHT  take                     generation + 1, counts + 1
 *   IN_FLIGHT -> READY      lapse (tick), nb_store_change(0), nb_store_untake
 *   IN_FLIGHT -> DELAYED    nb_store_defer
 *   READY     -> MOVING     take                     received max_receives times here: to the dead letter instead
 *   IN_FLIGHT -> MOVING     nb_store_doom            rejected
 *   MOVING    -> FREE       move                     the dead letter took it
 *   MOVING    -> STUCK      move                     it could not (SQS-D11); a doomed one goes back to IN_FLIGHT
 *   STUCK     -> MOVING     take, tick               another try
 *   READY, IN_FLIGHT, DELAYED -> FREE  nb_store_delete, nb_store_discard (DELAYED: by a receipt from before nb_store_defer)
 *   any but MOVING -> GONE -> FREE   expiry, purge, drop-oldest, end: off the lists at once, its message is let go without the lock
 *
 * Invariants, under the lock:
 * (1) ready + delayed + in_flight = held; MOVING and STUCK count as ready (doomed: as in flight).
 * (2) accepted = held + deleted + moved + expired + purged + dropped + discarded.
 * (3) A slot is in the deadline heap iff its due time is not INT64_MAX; the heap has room for every slot, so no transition needs memory
 *     but FREE -> READY or DELAYED.
 * (4) generation rises at every take and every free; a receipt is honoured iff its generation is the slot's.
 * (5) If a message is ready and fewer than max_in_flight are in flight, no waiter waits, but for notified ones (claims).
 *
 * Everything that makes a message receivable ends in leave(), which serves the waiters in their order, arms the timer, and then, without
 * the lock, moves what must be moved and lets go of what has gone.
 *
 * Lock order: a store's lock, then that of a function (waiters are called with the store's lock held), then timers, exec, names.
 */
#ifndef NB_STORE_STORE_H
#define NB_STORE_STORE_H

#include <nimbus/queue.h>

#include "runtime/runtime.h"
#include "store/delivery.h"

#define NB_STORE_VISIBILITY INT64_C(-1) /* the store's own */

/* Told without the lock. */
typedef struct nb_store_ops {
    /* Offers a parcel to the dead letter; true: it took the references. why: as given to nb_store_doom; NULL: too many receives. */
    bool (*move)(nb_object *owner, const nb_parcel *parcel, uint32_t own_receives, const void *why);
    /* One message expired, was dropped or discarded. May be NULL. */
    void (*gone)(nb_object *owner, nimbus_trace_kind kind, const nb_parcel *parcel);
} nb_store_ops;

typedef struct nb_store_config {
    int64_t visibility, retention; /* INT64_MAX: for ever */
    size_t capacity_messages, capacity_bytes;
    size_t max_in_flight;
    int64_t max_visibility;        /* from the receive */
    uint32_t max_receives;         /* 0: no dead letter */
    bool drop_oldest;
} nb_store_config;

/* Who waits for messages. The callbacks are called with the store's lock held; they must not call the store. */
typedef struct nb_waiter nb_waiter;
struct nb_waiter {
    nb_link link;
    uint32_t max;         /* messages to hand over; 0: only notify */
    int64_t visibility;
    nb_delivery *slots;   /* max of them, empty */
    uint32_t count;       /* handed over */
    nimbus_status status; /* NIMBUS_EMPTY while it waits */
    void (*served)(nb_waiter *waiter);   /* it has left the list: count > 0, or status says why */
    bool (*notify)(nb_waiter *waiter);   /* max 0: something is ready; true: it will take, false: serve the next */
};

typedef struct nb_store_counts {
    uint64_t ready, delayed, in_flight, bytes, waiters;
    uint64_t accepted, redriven_in, received, empty_receives, deleted, moved, expired, purged, dropped, discarded, refused;
    int64_t oldest_age;
} nb_store_counts;

typedef struct nb_slot nb_slot;

typedef struct nb_store {
    nb_object *owner;
    nimbus_runtime *nb;
    const nb_store_ops *ops;
    const char *name;
    uint32_t number;      /* in receipts */
    nb_store_config config;
    nb_lock lock;
    nimbus_status ended;  /* NIMBUS_OK: open; else what calls answer */
    bool finishing;       /* ended, but what is in flight may still be settled */
    bool stopped;         /* nobody may wait any more */

    nb_slot **chunks;
    uint32_t chunk_count, chunk_room, slot_count;
    nb_list free_slots, ready, by_age, moving, stuck, gone;
    nb_slot **heap;
    uint32_t heap_count, heap_room;
    uint64_t order;
    nb_list waiters;      /* nb_waiter, in order of arrival */
    uint32_t waiter_count, claims;
    nb_list senders;      /* who wait for room */
    nb_timer timer;
    int64_t armed;
    int64_t stuck_due, stuck_delay;
    bool move_again;      /* the last move went well: try the stuck ones too */
    nb_bell bell;         /* readable while something is receivable */
    bool bell_open, bell_rung;
    nb_store_counts counts;
} nb_store;

/* False: out of memory. name lives as long as owner. */
bool nb_store_init(nb_store *store, nb_object *owner, const char *name, uint32_t number, const nb_store_config *config,
                   const nb_store_ops *ops);

/*
 * Lets go of everything and wakes everybody. finish_in_flight: what is in flight stays until whoever holds it deletes, dooms or discards it
 * (changing it discards it, too): for mailboxes, whose messages handlers are at work on.
 */
void nb_store_end(nb_store *store, nimbus_status why, bool finish_in_flight);
void nb_store_fini(nb_store *store);
void nb_store_stop(nb_store *store); /* wakes everybody who waits; nobody waits from now on */
void nb_store_configure(nb_store *store, const nb_store_config *config);

/* Takes the parcel's references on NIMBUS_OK. NIMBUS_E_FULL (*ret_bound), NIMBUS_E_NO_MEMORY, or why the store has ended. */
nimbus_status nb_store_offer(nb_store *store, const nb_parcel *parcel, int64_t delay, bool redriven, nimbus_bound *ret_bound);

/* Waits until there may be room for size bytes, or the clock reaches until. NIMBUS_OK; NIMBUS_E_FULL: there will never be;
 * NIMBUS_E_TIMEOUT, NIMBUS_E_WOULD_BLOCK, NIMBUS_E_CLOSED, or why the store has ended. */
nimbus_status nb_store_wait_room(nb_store *store, size_t size, int64_t until);

/* Up to max messages into empty slots. NIMBUS_OK with *ret_count 0: none; NIMBUS_E_OVER_LIMIT; ended. *ret_more: others could be taken. */
nimbus_status nb_store_take(nb_store *store, uint32_t max, int64_t visibility, nb_delivery *slots, uint32_t *ret_count, bool *ret_more);

/* Undoes a take that nobody has seen: count and place are as before; the receipt is not good any more. */
void nb_store_untake(nb_store *store, nimbus_receipt receipt);

/* Puts a waiter at the end of the line, unless something can be taken at once: then a handing waiter is served on the spot (NIMBUS_OK)
 * and a notified one gets NIMBUS_OK. NIMBUS_EMPTY: it waits. Else why it cannot. */
nimbus_status nb_store_wait(nb_store *store, nb_waiter *waiter);

/* Takes it off. False: it is not in the line (served, or never there); its callbacks are over. */
bool nb_store_unwait(nb_store *store, nb_waiter *waiter, nimbus_status why);

/* A notified waiter did not take: pass its claim on. */
void nb_store_pass_on(nb_store *store);

nimbus_status nb_store_delete(nb_store *store, nimbus_receipt receipt);

/* Sets the end of invisibility to now + timeout; NB_STORE_VISIBILITY: to the receive + the store's own visibility, at the earliest now. */
nimbus_status nb_store_change(nb_store *store, nimbus_receipt receipt, int64_t timeout);

/* In flight, comes again after delay (> 0): it waits as a delayed message. If the store has ended it is discarded. failed: it only
 * waits for its dead letter; whoever takes it sees the mark. */
void nb_store_defer(nb_store *store, nimbus_receipt receipt, int64_t delay, bool failed);

/* Keeps a letter whose reason becomes that of the dead letter if nothing else is said; takes the reference. letter NULL: nothing. */
void nb_store_note(nb_store *store, nimbus_receipt receipt, nb_letter *letter);

/* To the dead letter at once; NIMBUS_OK: moved; NIMBUS_E_NOT_FOUND: it could not, and stays in flight; else as nb_store_change. */
nimbus_status nb_store_doom(nb_store *store, nimbus_receipt receipt, const void *why);

/* Deletes it and counts it as discarded. */
nimbus_status nb_store_discard(nb_store *store, nimbus_receipt receipt);

nimbus_status nb_store_purge(nb_store *store, uint64_t *ret_count);
nimbus_status nb_store_peek(nb_store *store, nimbus_peeked *ret, size_t max, size_t *ret_count);
void nb_store_get_counts(nb_store *store, nb_store_counts *ret);
nimbus_status nb_store_fd(nb_store *store, int *ret_fd);

#endif
