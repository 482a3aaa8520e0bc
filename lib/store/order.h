/*
 * order.h - the ready order of a FIFO store: groups, in each the messages in the order of their sends, and which group comes next. A fair
 * store has another one behind the same functions (fair.h); what is said here of lists and of the heap holds for FIFO.
 *
 * A plain store keeps its ready messages in a ring. A store with an order keeps every message it holds in the list of its group instead,
 * from the send until it has left, whatever its state: flag NB_ORDERED of its slot's word. All that is here is derived from the words,
 * under the store's lock; a word may change without the lock (delete, change of visibility), and whoever changed one takes the lock behind
 * it and touches the slot (nb_order_touch). Until then the index is behind, and always on the safe side: it thinks a group locked that is
 * open, or finds a slot that is not ready when it comes to take it.
 *
 * A slot with NB_ORDERED that loses its message becomes a ZOMBIE, and is free only when a touch has taken it out of its list. So a place in
 * a list always leads to the slot that was put there.
 *
 * Invariants, when no touch is outstanding:
 * (1) The list of a group is sorted by sequence. Its head is the first message in it that is not delayed (SQS-F12).
 * (2) A group is in the heap iff its head is READY: then nothing of the group that was sent before is in flight (SQS-F3). Its key is
 *     the moment at which the head itself became ready, then the turn it drew then, then its sequence (SQS-F13).
 * (3) A group has at least one message; an empty one is freed (SQS-F11).
 */
#ifndef NB_STORE_ORDER_H
#define NB_STORE_ORDER_H

#include "store/groups.h"
#include "store/slot.h"

/* One for each slot, beside it in its chunk. Under the lock; sequence and group are set before the slot is published. */
struct nb_node {
    int64_t ready_at;    /* when the message last became ready, if it was taken since; fair: the ticket it drew then, 0: none */
    int64_t began;       /* fair: since when it is in flight; 0: it is not. FIFO: the turn it drew when a call made it ready; 0: the
                            clock did */
    uint64_t sequence;
    nb_group *group;     /* NULL: in none */
    uint32_t prev, next; /* index + 1 */
};

bool nb_order_init(nb_store *store, bool fair); /* false: out of memory */
void nb_order_fini(nb_store *store);

/* All that follows: under the lock. */

/* Whether the order is that of a FIFO queue: neither none nor a fair one. */
bool nb_order_is_fifo(const nb_store *store);

/* The group of that name, made if need be; NULL: out of memory. id NULL: fair: that of the messages without one. */
nb_group *nb_order_group_locked(nb_store *store, const nb_group_name *name);
void nb_order_drop_if_empty_locked(nb_store *store, nb_group *group); /* a new one that was not used */

/* Puts a slot that is not published yet at the end of the group, with the next sequence, which is returned (fair: 0). */
uint64_t nb_order_add_locked(nb_store *store, nb_group *group, uint32_t index);

/* FIFO: the same, ready, published and touched: a message without a delay. word: of the filled slot. now: when it is ready. */
uint64_t nb_order_come_locked(nb_store *store, nb_group *group, uint32_t index, uint64_t word, int64_t now);
uint64_t nb_order_next_sequence_locked(const nb_store *store);

/* FIFO: a slot in flight leaves its list: the caller has it claimed, and frees it. */
void nb_order_leave_locked(nb_store *store, uint32_t index);

/* Brings the index up to the slot's word. */
void nb_order_touch_locked(nb_store *store, uint32_t index);
void nb_order_touch_all_locked(nb_store *store);

/* The head of the group that comes next, or of the group of that name; NB_NO_SLOT: nothing is receivable. */
uint32_t nb_order_first_locked(nb_store *store, const char *only);

static inline nb_node *nb_node_at(nb_store *store, uint32_t index)
{
    return &nb_slots_of(store, index)->nodes[index & (NB_CHUNK - 1)];
}

/* Whether an earlier message of its group keeps a READY one back. */
bool nb_order_is_locked_locked(nb_store *store, uint32_t index);
void nb_order_began_locked(nb_store *store, uint32_t index); /* a READY one is at work: taken, set aside, carried */

void nb_order_count_groups_locked(nb_store *store, nb_store_counts *ret); /* without looking at messages */

/* Calls visit for each slot of each group, in the order of the groups' heads as far as they are receivable. False ends it. */
typedef bool nb_order_visitor(void *user, uint32_t index);
void nb_order_walk_locked(nb_store *store, nb_order_visitor *visit, void *user);

/* Fills in why, until, holder and locked; with a group also the counts of what is held (explain_order.c). */
void nb_order_explain_locked(nb_store *store, const char *group, nb_reason *ret);

#endif
