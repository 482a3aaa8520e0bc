/*
 * store.h - messages at rest: slots and their states, ready order, visibility, delay, retention, capacity, waiters.
 *
 * This is the lane: sends, takes and deletes run beside each other without a lock. A message that is held lies in one slot, and the slot's
 * word {generation, flags, state} is the only truth; the ready order and the deadlines are hints that lead to slots. Whoever changes a slot
 * claims it first, by one CAS of its word to CLAIMED; then its fields are his alone, and one release store of the word publishes what he
 * made of it. So delete, lapse, extend, expiry, purge, drop-oldest and move may meet at one message, and exactly one of them wins.
 *
 *   FREE      -> READY      nb_store_offer           delay 0
 *   FREE      -> DELAYED    nb_store_offer           delay > 0
 *   DELAYED   -> READY      lapse (sweep)            the delay is over
 *   READY     -> IN_FLIGHT  take                     generation + 1, counts + 1
 *   IN_FLIGHT -> READY      lapse (sweep), nb_store_change(0)
 *   IN_FLIGHT -> READY      nb_store_untake          generation and counts as before the take, at the front
 *   IN_FLIGHT -> DELAYED    nb_store_defer
 *   READY     -> MOVING     take                     received max_receives times here: to the dead letter instead
 *   IN_FLIGHT -> MOVING     lapse, nb_store_change(0) the same at once, if the store is eager
 *   IN_FLIGHT -> DOOMING    nb_store_doom            rejected
 *   MOVING, DOOMING -> FREE move                     the dead letter took it
 *   MOVING    -> STUCK      move                     it did not (SQS-D11)
 *   DOOMING   -> IN_FLIGHT  move                     it did not
 *   STUCK     -> MOVING     take, timer              another try
 *   STUCK     -> READY      nb_store_configure       its count is no longer too high, or there is no dead letter any more
 *   READY, STUCK -> CARRIED nb_store_lift            a move task takes it to another queue (carry.h)
 *   CARRIED   -> FREE       nb_store_put_down        the other queue has it; ZOMBIE first while an entry leads here
 *   CARRIED   -> READY, STUCK nb_store_put_down      it has not: as it was, at its place
 *   READY, DELAYED, IN_FLIGHT, STUCK -> FREE         delete, discard, expiry, purge, drop-oldest, end; ZOMBIE first while a list holds it
 *   ZOMBIE    -> FREE       whoever takes its entry off the list
 *
 * Invariants:
 * (1) ready + delayed + in flight = held; MOVING, STUCK and CARRIED count as ready, DOOMING as in flight.
 * (2) accepted = held + deleted + moved + expired + purged + dropped + discarded + cancelled.
 * (3) A slot with the flag HINTED has exactly one entry in the ready ring or in one of the lists (returned, moving, stuck), a slot without
 *     it none. A slot is not used again before its entry is gone. So entries need no generation and never number more than the slots.
 * (4) READY without HINTED is never published: a ready message is always found.
 * (5) generation rises at every take and at every free, and equals birth + own_receives while a message is in the slot. A receipt is
 *     honoured iff its generation is the slot's.
 * (6) Whoever publishes a slot that has a deadline notes it afterwards (store/deadline.h).
 * (7) If a message is ready and fewer than max_in_flight are in flight, no waiter waits, but for notified ones (claims) and until the
 *     operation that made it ready returns.
 *
 * Everything that makes a message receivable looks at `watch` behind a fence and, if somebody waits, serves the waiters under the lock, in
 * their order (nb_store_attend). The lock guards the line of waiters, the lists, the sweep and growth; steady traffic does not take it.
 *
 * Lock order: a store's lock, then that of a function (waiters are called with the store's lock held), then timers, exec, names.
 */
#ifndef NB_STORE_STORE_H
#define NB_STORE_STORE_H

#include <nimbus/queue.h>

#include "platform/parker.h"
#include "runtime/runtime.h"
#include "store/delivery.h"
#include "sync/index_ring.h"

#define NB_STORE_VISIBILITY INT64_C(-1) /* the store's own */

/* A message that is about to be stored, as the owner's memory of deduplication ids sees it. */
typedef struct nb_admission {
    const nb_parcel *parcel;
    int64_t now;                /* elapsed */
    uint64_t sequence;          /* that it will have */
    bool keep;                  /* it is stored if the owner has nothing against it; false: it cannot be, the owner is only asked */
    nimbus_id original;         /* out, with NIMBUS_DUPLICATE */
    uint64_t original_sequence;
} nb_admission;

/* Told without the lock, unless it says so. */
typedef struct nb_store_ops {
    /* Offers a parcel to the dead letter; true: it took the references. why: as given to nb_store_doom; NULL: too many receives. */
    bool (*move)(nb_object *owner, const nb_parcel *parcel, uint32_t own_receives, const void *why);
    /* One message expired, was dropped or discarded. May be NULL. */
    void (*gone)(nb_object *owner, nimbus_trace_kind kind, const nb_parcel *parcel);
    /* Under the lock of a store with an order. Whether a parcel with a dedup key may be stored: NIMBUS_OK, and if it is to be kept it is
     * stored and remembered; NIMBUS_DUPLICATE, with the original's id and sequence; or why not. May be NULL: everything is. */
    nimbus_status (*admit)(nb_object *owner, nb_admission *what);
    void (*forget)(nb_object *owner);                                    /* a purge begins (SQS-T9) */
} nb_store_ops;

/* What an offer says of a message that it stored, and of one that it did not. */
typedef struct nb_offered {
    nimbus_bound bound;   /* with NIMBUS_E_FULL */
    uint64_t sequence;    /* of an ordered store; else 0. With NIMBUS_DUPLICATE: the original's */
    nimbus_id original;   /* with NIMBUS_DUPLICATE */
    nimbus_receipt place; /* names the message while it has not been received: generation has the bit NB_PLACE */
} nb_offered;

#define NB_PLACE (UINT64_C(1) << 63) /* in the generation of a place: no receipt has it */

typedef struct nb_store_config {
    int64_t visibility, retention; /* INT64_MAX: for ever */
    size_t capacity_messages, capacity_bytes; /* messages: at most 2^31 - 1 */
    size_t max_in_flight;
    int64_t max_visibility;        /* from the receive */
    uint32_t max_receives;         /* 0: no dead letter */
    bool eager;                    /* to the dead letter when the last visibility lapses, not at the receive behind it */
    bool drop_oldest;
    bool fifo;                     /* with an order (store/order.h); fixed at the beginning */
    bool fair;                     /* with a fair one (store/fair.h); not both */
} nb_store_config;

/* The configuration as the operations read it: each value alone, relaxed. A call that starts after nb_store_configure sees the new ones. */
typedef struct nb_store_settings {
    _Atomic int64_t visibility, max_visibility;
    _Atomic int64_t kept; /* the retention, and a tick; INT64_MAX: for ever */
    _Atomic size_t capacity_messages, capacity_bytes, max_in_flight;
    _Atomic uint32_t max_receives;
    _Atomic bool drop_oldest, eager;
} nb_store_settings;

/* Who waits for messages. The callbacks are called with the store's lock held; they must not call the store. */
typedef struct nb_waiter nb_waiter;
struct nb_waiter {
    nb_link link;
    uint32_t max;         /* messages to hand over; 0: only notify */
    int64_t visibility;
    const char *group;    /* in a store with an order: of this group only; NULL: of any */
    nb_delivery *slots;   /* max of them, empty */
    uint32_t count;       /* handed over */
    nimbus_status status; /* NIMBUS_EMPTY while it waits */
    void (*served)(nb_waiter *waiter);   /* it has left the list: count > 0, or status says why */
    nb_parker *parker;    /* set in place of that, for the last time; with a real clock behind the lock, for which its owner had to wait */
    nb_waiter *woken;     /* the next one whose parker is to be set */
    bool (*notify)(nb_waiter *waiter);   /* max 0: something is ready; true: it will take, false: serve the next */
};

typedef struct nb_store_counts {
    uint64_t ready, delayed, in_flight, waiters, groups, locked_groups, noisy_groups;
    uint64_t accepted, redriven_in, received, empty_receives, deleted, moved, expired, purged, dropped, discarded, cancelled, refused;
} nb_store_counts;

/* What happens seldom is counted where it happens; the rest is derived from these, flow, and the positions of the ready ring (store.c). */
typedef struct nb_store_tally {
    _Atomic uint64_t delayed;     /* gauge */
    _Atomic uint64_t returning;   /* gauge: returns under way */
    _Atomic uint64_t born_delayed, returns; /* offers with a delay; pushes that were no offers */
    _Atomic uint64_t deleted_high;          /* times that the 32 bits of flow have overflowed */
    _Atomic uint32_t left_otherwise;        /* places given up by anything but a delete, modulo 2^32 */
    _Atomic uint64_t unreceived, extra_received;       /* pops that were no receives; receives that were no pops */
    _Atomic uint64_t redriven_in, empty_receives, moved, expired, purged, dropped, discarded, cancelled, refused;
} nb_store_tally;

typedef struct nb_slots nb_slots;
typedef struct nb_span nb_span;
typedef struct nb_slot nb_slot;
typedef struct nb_order nb_order;

typedef struct nb_store {
    nb_object *owner;
    nimbus_runtime *nb;
    const nb_store_ops *ops;
    const char *name;
    uint32_t number;      /* in receipts */
    uint64_t nonce;       /* of the instance, which may be gone before the store is */
    nb_store_settings settings;
    _Atomic uint32_t mode;          /* NB_MODE_... */
    _Atomic int32_t ended;          /* NIMBUS_OK: open; else what calls answer */
    nb_order *order;                /* NULL: first in, first out; else a FIFO or a fair queue's, under the lock (store/order.h) */
    nb_slots **_Atomic chunks;      /* grown under the lock; old arrays stay until the end */
    _Atomic uint32_t slot_count;
    nb_index_ring ready;
    char pad_1[64];
    _Atomic uint64_t entered;       /* places ever taken; the end sets NB_PLACES_CLOSED */
    _Atomic uint64_t left_seen;     /* places ever given up, as a sender saw them last: see offer.c */
    char pad_4[64];
    _Atomic uint64_t flow;          /* deleted (32 bits) in the high half, in flight in the low one */
    char pad_2[64];
    _Atomic uint64_t free;          /* stack of free slots: tag in the high half, index + 1 in the low one */
    char pad_3[64];
    _Atomic uint64_t bytes;         /* while NB_MODE_BYTES is set */
    _Atomic int64_t next_key;       /* nothing has to be looked at earlier; store/deadline.h */
    _Atomic int64_t armed;          /* what the timer is set to */
    _Atomic uint32_t watch;         /* NB_WATCH_... */
    _Atomic uint32_t claims;        /* notified waiters that have not come yet */
    nb_store_tally tally;

    nb_lock lock;                   /* of all that follows */
    bool stopped;                   /* nobody may wait any more */
    uint32_t chunk_room;
    void *old_arrays;               /* of chunks, chained */
    nb_span *spans;
    uint32_t returned, moving, moving_last, stuck, stuck_last; /* lists of slots, index + 1 */
    nb_list waiters;                /* nb_waiter, in order of arrival */
    uint32_t waiter_count;
    nb_waiter *woken, *woken_last;  /* served since the lock was taken: their parkers are set when it is released */
    bool announce; /* likewise: somebody was notified, who may have queued a task (nb_exec_push) */
    nb_list senders;                /* who wait for room */
    nb_timer timer;
    int64_t stuck_due, stuck_delay;
    bool move_again;                /* the last move went well: try the stuck ones too */
    nb_bell bell;                   /* readable while something is receivable */
    bool bell_open, bell_rung;
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

/* What still waits for the delay of its send waits for this delay instead, from its send (SQS-S8). */
void nb_store_set_delays(nb_store *store, int64_t delay);

/* Takes the parcel's references on NIMBUS_OK. NIMBUS_E_FULL (ret->bound), NIMBUS_E_NO_MEMORY, or why the store has ended. ret: written
 * in any case; NULL: not wanted. */
nimbus_status nb_store_offer(nb_store *store, const nb_parcel *parcel, int64_t delay, bool redriven, nb_offered *ret);

#define NB_BATCH_RUN 16u

/* Up to NB_BATCH_RUN fresh messages without delay, in order: all of them, with their references, or (false) none; then one by one. Sent at
 * the moment of the first; of each parcel's other members only message and the id's number are looked at.
 * places: count of them, written with true; NULL: not wanted. */
bool nb_store_offer_many(nb_store *store, const nb_parcel *parcels, uint32_t count, nimbus_receipt *places);

/*
 * The same for a store with an order: messages that have no letter, each with its delay (0: none), and each with its own status, as of
 * nb_store_offer: one that is seen before or cannot be stored does not keep the others out. False: not all would find room, or the store
 * has ended, or has no order: nothing has happened.
 */
bool nb_store_offer_in_order(nb_store *store, const nb_parcel *parcels, const int64_t *delays, uint32_t count, nb_offered *ret,
                             nimbus_status *statuses);

/* The same of one that is enqueued now, as nb_store_offer does it; straight, if nothing is in the way: no delay, no letter, and there is
 * room. */
nimbus_status nb_store_offer_straight(nb_store *store, const nb_parcel *parcel, int64_t delay, nb_offered *ret);

/* Waits until there may be room for size bytes, or the clock reaches until. NIMBUS_OK; NIMBUS_E_FULL: there will never be;
 * NIMBUS_E_TIMEOUT, NIMBUS_E_WOULD_BLOCK, NIMBUS_E_CLOSED, or why the store has ended. */
nimbus_status nb_store_wait_room(nb_store *store, size_t size, int64_t until);

/* Up to max messages into empty slots. NIMBUS_OK with *ret_count 0: none; NIMBUS_E_OVER_LIMIT; ended. *ret_more: others could be taken;
 * NULL: nobody asks. Whether it was a receive that came back empty is the caller's to say (nb_store_count_empty). */
nimbus_status nb_store_take(nb_store *store, uint32_t max, int64_t visibility, nb_delivery *slots, uint32_t *ret_count, bool *ret_more);

void nb_store_count_empty(nb_store *store);

/* Messages held, with those that are being put in or have not quite left. */
uint64_t nb_store_held(nb_store *store);

/* The same in a store with an order, of one group only. */
nimbus_status nb_store_take_group(nb_store *store, const char *group, uint32_t max, int64_t visibility, nb_delivery *slots,
                                  uint32_t *ret_count);

/* A message that was taken, to be taken once more. */
typedef struct nb_held {
    nimbus_receipt receipt;
    int64_t due;
    uint64_t word; /* the store's */
} nb_held;

/* Of a message that was taken just now. */
void nb_store_hold(nb_store *store, const nb_delivery *delivery, nb_held *ret);

/*
 * Hands the same messages out again, under their receipts and with a new visibility: NIMBUS_OK, if all of them are in flight as they were
 * then (SQS-F24). Else nothing has changed: NIMBUS_E_ATTEMPT, or why the store has ended. slots: count empty ones.
 */
nimbus_status nb_store_take_again(nb_store *store, nb_held *held, uint32_t count, int64_t visibility, nb_delivery *slots);

/* Undoes a take that nobody has seen: count and place are as before; the receipt must not be used any more. */
void nb_store_untake(nb_store *store, nimbus_receipt receipt);

/* Puts a waiter at the end of the line, unless something can be taken at once: then a handing waiter is served on the spot (NIMBUS_OK)
 * and a notified one gets NIMBUS_OK. NIMBUS_EMPTY: it waits. Else why it cannot. */
nimbus_status nb_store_wait(nb_store *store, nb_waiter *waiter);

/*
 * Takes it off. False: it is not in the line (served, or never there); its callbacks are over. But its parker may be about to be set: it
 * must stay until that has come.
 */
bool nb_store_unwait(nb_store *store, nb_waiter *waiter, nimbus_status why);

/* A notified waiter did not take: pass its claim on. */
void nb_store_pass_on(nb_store *store);

nimbus_status nb_store_delete(nb_store *store, nimbus_receipt receipt);

/* By the place of a send: the message leaves unless anybody has received it. NIMBUS_OK; NIMBUS_STALE; NIMBUS_E_RECEIPT: not a place of
 * this store; or why the store has ended. */
nimbus_status nb_store_cancel(nb_store *store, nimbus_receipt place);

/* Each for itself; statuses may be NULL. True: none failed. */
bool nb_store_delete_many(nb_store *store, const nimbus_receipt *receipts, size_t count, nimbus_status *statuses);

/* The same for a delivery that was taken from this store: it is emptied in any case, its source stays pinned. */
nimbus_status nb_store_delete_delivery(nb_store *store, nb_delivery *delivery);

/* Each for itself; statuses may be NULL. True: none failed. */
bool nb_store_delete_deliveries(nb_store *store, nb_delivery *deliveries, size_t count, nimbus_status *statuses);

/* Sets the end of invisibility to now + timeout; NB_STORE_VISIBILITY: to the receive + the store's own visibility, at the earliest now. */
nimbus_status nb_store_change(nb_store *store, nimbus_receipt receipt, int64_t timeout);

/* How long a lease hides: a nanosecond more than any change can, so that its end is told apart without a mark of its own. */
int64_t nb_store_lease(nb_store *store);

/* Who has a lease lets go of it: the message comes back at the receive + visibility, at the earliest now. Nothing happens if it is not in
 * flight under this receipt, or its end was changed since. */
void nb_store_end_lease(nb_store *store, nimbus_receipt receipt, int64_t visibility);

/* In flight, comes again after delay (> 0): it waits as a delayed message. If the store has ended it is discarded. failed: it only
 * waits for its dead letter; whoever takes it sees the mark. */
void nb_store_defer(nb_store *store, nimbus_receipt receipt, int64_t delay, bool failed);

/* Keeps a letter whose reason becomes that of the dead letter if nothing else is said; takes the reference. letter NULL: nothing. */
void nb_store_note(nb_store *store, nimbus_receipt receipt, nb_letter *letter);

/* To the dead letter at once; NIMBUS_OK: moved; NIMBUS_E_NOT_FOUND: it could not, and stays in flight; else as nb_store_change. */
nimbus_status nb_store_doom(nb_store *store, nimbus_receipt receipt, const void *why);

/* Deletes it and counts it as discarded. */
nimbus_status nb_store_discard(nb_store *store, nimbus_receipt receipt);

/* Why nothing is received, or that something can be: the counts of one moment, and what changes by itself next. */
typedef struct nb_reason {
    nimbus_why why;
    int64_t until;     /* elapsed; INT64_MAX: not by itself */
    nimbus_id holder;  /* whose delay or visibility ends then; number 0: nobody's */
    uint64_t locked;   /* with an order: READY ones behind one that is at work */
    nb_store_counts counts;
} nb_reason;

/* group: of a store with an order, of that group alone; then the counts are its own. */
nimbus_status nb_store_explain(nb_store *store, const char *group, nb_reason *ret);

nimbus_status nb_store_purge(nb_store *store, uint64_t *ret_count);
nimbus_status nb_store_peek(nb_store *store, nimbus_peeked *ret, size_t max, size_t *ret_count);
void nb_store_get_counts(nb_store *store, nb_store_counts *ret);

/* The bytes held and the age of the oldest message. Looks at every slot; from the first call on bytes are counted as they come and go. */
void nb_store_measure(nb_store *store, uint64_t *ret_bytes, int64_t *ret_oldest_age);
nimbus_status nb_store_fd(nb_store *store, int *ret_fd);

#endif
