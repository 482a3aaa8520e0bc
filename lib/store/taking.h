/*
 * taking.h - one take of messages, as the two ways of choosing them share it: from the ready ring (take.c) and from groups (order_take.c).
 */
#ifndef NB_STORE_TAKING_H
#define NB_STORE_TAKING_H

#include "store/plain.h"

/* One take. */
typedef struct nb_taking {
    nb_store *store;
    nb_delivery *to;
    nb_aside *aside;
    nb_handing how;
    uint32_t count;        /* handed out */
    uint32_t back;         /* of these: back at once, for their visibility is 0 */
    uint32_t max_receives;
    bool at_once;
} nb_taking;

nb_taking nb_taking_begin(nb_store *store, int64_t visibility, nb_delivery *slots, nb_aside *aside, const nb_moment *at);

/* Of a claimed slot: it is handed out, or set aside for its dead letter. */
void nb_taking_hand_out(nb_taking *t, nb_slot *slot, uint32_t index, uint64_t word);
void nb_taking_set_aside(nb_taking *t, nb_slot *slot, uint32_t index, uint64_t word);

/* Counts what was handed out; how many. */
uint32_t nb_taking_end(nb_taking *t, bool locked);

/* nb_store_take of a store with an order; group: NULL: of any. */
nimbus_status nb_store_take_from_groups(nb_store *store, const char *group, uint32_t max, int64_t visibility, nb_delivery *slots,
                                        uint32_t *ret_count, bool *ret_more);

#endif
