/* slot.h - the slots of a store and their deadline heap: what the files of store/ share. Everything here wants the store's lock. */
#ifndef NB_STORE_SLOT_H
#define NB_STORE_SLOT_H

#include "store/store.h"

#define NB_NOT_IN_HEAP UINT32_MAX

typedef enum nb_state { NB_FREE, NB_READY, NB_DELAYED, NB_IN_FLIGHT, NB_MOVING, NB_STUCK, NB_GONE } nb_state;

struct nb_slot {
    nb_parcel parcel;
    uint64_t generation;   /* of the last take or free */
    uint64_t birth;        /* generation when this message came */
    int64_t due;           /* end of delay or visibility; INT64_MAX: none */
    int64_t taken_at;
    nb_link link;          /* in the list of its state */
    nb_link age_link;      /* in by_age, unless it came with an older time stamp than the last there */
    nb_letter *note;       /* counted: what the last handler said; NULL */
    uint64_t order;        /* of equal deadlines: first set, first over */
    uint32_t index, heap_index;
    uint32_t own_receives; /* by this store: compared with max_receives (SQS-D12) */
    nb_state state;
    bool doomed;           /* MOVING out of IN_FLIGHT: goes back there if the move fails */
    bool purged;           /* while it was MOVING */
    bool failed;           /* for good: it only waits for its dead letter */
    nimbus_trace_kind why_gone;
};

/* A free slot with room for it in the heap; NULL: out of memory. */
nb_slot *nb_slot_get(nb_store *store);
nb_slot *nb_slot_at(nb_store *store, uint32_t index);
void nb_slot_free(nb_store *store, nb_slot *slot); /* the parcel is somebody else's already */
void nb_slots_release(nb_store *store);            /* frees all memory of slots and heap */

/* When the retention of a slot's message ends. */
int64_t nb_slot_expiry(const nb_store *store, const nb_slot *slot);

/* Puts it into by_age if its time stamp allows. */
void nb_slot_enter_age(nb_store *store, nb_slot *slot);

/* Brings the heap in line with the slot's due time (and its expiry, if it is not in by_age). place: its turn among equals stays. */
void nb_slot_rekey(nb_store *store, nb_slot *slot);
void nb_slot_place(nb_store *store, nb_slot *slot);

/* The slot that is due first; NULL: none. */
nb_slot *nb_slot_first_due(const nb_store *store);
int64_t nb_slot_key(const nb_store *store, const nb_slot *slot);

#endif
