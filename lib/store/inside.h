/* inside.h - what store.c, take.c, settle.c and move.c share. Everything wants the store's lock unless it says otherwise. */
#ifndef NB_STORE_INSIDE_H
#define NB_STORE_INSIDE_H

#include "store/slot.h"

/* When a message that could not be moved to the dead letter is tried again by itself. */
#define NB_FIRST_STUCK_DELAY NIMBUS_SECONDS(1)
#define NB_LAST_STUCK_DELAY NIMBUS_SECONDS(60)

typedef struct nb_sender {
    nb_link link;
    nb_parker parker;
} nb_sender;

/* Takes the lock and brings the states up to the clock; leaves it again. Every operation stands between these two. */
int64_t nb_store_enter(nb_store *store);
void nb_store_leave(nb_store *store); /* see store.h: serves waiters, arms the timer, moves, lets go */

uint64_t nb_store_held(const nb_store *store);
bool nb_store_takeable(const nb_store *store);

void nb_store_make_ready(nb_store *store, nb_slot *slot);  /* from any state that is counted out already */
void nb_store_count_out(nb_store *store, nb_slot *slot);   /* of the count of its state */
void nb_store_forget(nb_store *store, nb_slot *slot, uint64_t *counter, nimbus_trace_kind why); /* to GONE; why 0: no trace */

/* The slot of a receipt. NIMBUS_OK: it is the receipt of the last take. */
nimbus_status nb_store_find(nb_store *store, nimbus_receipt receipt, nb_slot **ret_slot);

uint32_t nb_store_take_locked(nb_store *store, uint32_t max, int64_t visibility, nb_delivery *slots, int64_t now);

/* Without the lock. */
void nb_store_on_timer(nb_timer *timer);
void nb_store_run_moves(nb_store *store);

#endif
