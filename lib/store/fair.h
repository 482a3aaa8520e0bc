/*
 * fair.h - the ready order of a fair queue: tenants, and which of them comes next (SQS-N1 to N8). Under the store's lock.
 *
 * A store with a fair order (order->fair) uses the groups of order.h as tenants: no order and no lock follow from them. The list of a
 * tenant holds its READY messages, by the tickets that they drew when they became ready; what is in flight, delayed or on its way to a dead
 * letter is only counted. Messages without a group id lie in one list of their own, whose members are tenants of their own, and quiet.
 *
 * The heap ranks quiet tenants by the ticket of their first message: as long as nobody is noisy, first ready is first out, as in a plain
 * queue (SQS-R12). Noisy ones are kept apart, in a list. Whether a tenant is noisy depends on totals, so it may change while nobody touches
 * the tenant; what is kept is a guess, which is put right where it matters: before one is chosen, the whole list of noisy ones is judged
 * anew, and the top of the heap, until the top is quiet. There are at most 9 tenants with more than a tenth of what is in flight, and at
 * most 9 with more than a tenth of the time, so that costs no more than a few looks.
 *
 * A tenant is noisy when all of this holds:
 * (1) it has messages waiting, and was sent one in the last 5 minutes (SQS-N6);
 * (2) at least 30 messages of the queue are in flight: with few nothing changes (SQS-N7);
 * (3) it has at least 30 of those in flight and more than a tenth of them, or more than a tenth of the processing time (SQS-N3).
 * Processing time is from the receive to the delete or return, counted when it ends, up to 60 s each; of the last 60 s, by two buckets of
 * which the older one fades. A tenant whose backlog is empty is quiet, and its processing time begins again from nothing.
 *
 * Invariants, when no touch is outstanding: a slot is in the list of its tenant iff it is READY; a tenant is in the heap or among the noisy
 * ones iff its list is not empty; `held` counts its slots, `flying` those that are IN_FLIGHT or DOOMING.
 */
#ifndef NB_STORE_FAIR_H
#define NB_STORE_FAIR_H

#include "store/order.h"

void nb_fair_add_locked(nb_store *store, nb_group *group, uint32_t index);
void nb_fair_touch_locked(nb_store *store, uint32_t index);

/* What comes next, which is READY; of that tenant only, if it is not NULL. */
uint32_t nb_fair_first_locked(nb_store *store, const char *only);

/* The caller has claimed it: it leaves the list. flies: it will be IN_FLIGHT. */
void nb_fair_taken_locked(nb_store *store, uint32_t index, int64_t now, bool flies);

/* The receive is undone: it gets its old place with the next touch, and took no time. */
void nb_fair_untaken_locked(nb_store *store, uint32_t index);

uint64_t nb_fair_noisy_locked(nb_store *store); /* how many tenants are noisy */
void nb_fair_walk_locked(nb_store *store, nb_order_visitor *visit, void *user);

#endif
