/*
 * carry.h - messages go to another queue without being received: what a move task does with a store.
 *
 * A walk goes once over what is receivable when it begins, in order. What its carrier wants he *lifts* (READY or STUCK -> CARRIED), offers
 * to the other store without any lock, and *puts down*: gone, or as it was. So a message is never in neither store, it is in both only
 * while its carrier stands between the offer and putting it down (it counts as ready here, and nobody can receive it here), and a move
 * that fails has changed no count, no time and no order. Nothing of this is a receive: generation and receive counts stay.
 *
 * The place. A lifted slot keeps its entry in the ready ring (or in the list of stuck or returned ones). Put down again while the entry is
 * there, it is where it was. A taker who pops the entry meanwhile finds CARRIED, takes HINTED away and goes on: then all that stood before
 * it has gone, so its place is the front, and that is where it is put.
 *
 * In an order (order.h) a message keeps its place by its sequence. It is lifted under the lock, if no earlier one of its group is at work,
 * and its group waits until it is put down; so a group arrives in its order.
 *
 * Ordering. The lift is a claim, the word is changed by compare-and-swap only from then on: by a taker who takes HINTED away, by a purge
 * that marks it, and by the carrier's claim, which he does under the lock. One of two wins each time, and the carrier acts by the word
 * that he has claimed. Who finds nothing but a carried message in the ring waits in line; the carrier puts it down under the lock and
 * serves the line when he leaves it. In between a ring that is not empty may hold nothing that can be taken, as it may with zombies.
 */
#ifndef NB_STORE_CARRY_H
#define NB_STORE_CARRY_H

#include "store/store.h"

#define NB_CARRY_RUN 32u

typedef struct nb_carry_hint {
    uint32_t index;
    uint64_t generation;
} nb_carry_hint;

/* A walk; its carrier's alone. */
typedef struct nb_carry {
    nb_carry_hint *listed; /* what was stuck or had been given back when it began: before all others; in an order: all there was */
    uint32_t listed_count, listed_end, listed_at;
    uint64_t at, end;      /* of the ready ring */
    uint32_t run[NB_CARRY_RUN], run_count, run_at;
    nb_carry_hint again;   /* comes next */
    bool has_again;
} nb_carry;

/* What a walk has come to. */
typedef struct nb_carried {
    uint32_t index;
    uint64_t generation;
    bool stuck;       /* it was STUCK, else READY */
    bool again;       /* the walk had come to it before: nb_store_carry_again() */
    nb_parcel parcel; /* with references of its own: the carrier's to release, or to give away */
} nb_carried;

/* NIMBUS_OK; NIMBUS_E_NO_MEMORY or NIMBUS_E_FULL (budget); why the store has ended. Nothing is to be ended unless NIMBUS_OK. */
nimbus_status nb_store_carry_begin(nb_store *store, nb_carry *walk);
void nb_store_carry_end(nb_store *store, nb_carry *walk);

/* The next message, not lifted. NIMBUS_EMPTY: there are no more; why the store has ended. */
nimbus_status nb_store_carry_next(nb_store *store, nb_carry *walk, nb_carried *ret);

/* False: it is not what it was: somebody has received or removed it. */
bool nb_store_lift(nb_store *store, const nb_carried *carried);

/* Ends a lift. moved: the other store has it. The references of the parcel stay the carrier's. */
void nb_store_put_down(nb_store *store, const nb_carried *carried, bool moved);

/* The walk comes to it once more. */
void nb_store_carry_again(nb_carry *walk, const nb_carried *carried);

#endif
