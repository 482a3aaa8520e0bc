/*
 * shop.h - a store on its own: in a driven instance, as a rule with a manual clock; its dead letter takes what it is offered, or not.
 *
 * Messages are numbers. What became of each is known in the end: shop_close() looks at what is left, lets it go, and has the ledger of the
 * store agree with what the threads saw.
 */
#ifndef EXPLORE_SHOP_H
#define EXPLORE_SHOP_H

#include "base/number.h"
#include "explore.h"
#include "runtime/runtime.h"
#include "store/inside.h"

#define SECOND NIMBUS_SECONDS(1)
#define SHOP_MESSAGES 8u

typedef struct shop {
    nb_object object;
    nb_store store;
    nimbus_runtime *nb;
    bool refuses;   /* the dead letter */
    uint32_t moved; /* it took */
    bool ended, freed;
    uint32_t sent;  /* messages accepted */
    bool out[SHOP_MESSAGES]; /* somebody holds it and nobody else may, or it is gone */
} shop;

extern shop the_shop;
extern const nb_store_config shop_standard; /* visibility 30 s, capacity 100, nothing else bounded */

void shop_open(const nb_store_config *config);
void shop_open_to_sleep(const nb_store_config *config); /* by the explorer's clock: who waits for room sleeps */
void shop_close(void);

/* Offers message number; in a store with an order 0 to 3 are of one group, the others of another. */
nimbus_status shop_send(uint32_t number, int64_t delay);

/* Takes one; *ret_number: which. False: nothing. The delivery is let go of; the message stays in flight. */
bool shop_take(int64_t visibility, nimbus_receipt *ret_receipt, uint32_t *ret_number);

/* The same, and nobody else has it: for stores in which nothing comes back. */
bool shop_take_only(nimbus_receipt *ret_receipt);

uint32_t shop_number_of(const nimbus_message *message);

/* Moves the clock, and does what is due. */
void shop_time(int64_t elapsed);

#endif
