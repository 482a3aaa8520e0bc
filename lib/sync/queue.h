/*
 * queue.h - a queue of 64-bit values for any number of threads on both sides, in which a value always finds room.
 *
 * Who wants to push makes a reservation first: that may need memory and may fail. There are never more values inside than there are
 * reservations, so a push needs no memory and cannot fail. (A task of the run queue has one reservation for its life: it is in the queue at
 * most once.)
 *
 * Parts. The queue is a chain of rings, each twice as large as the one before it. A reservation that the newest ring is too small for
 * links the next one and closes the old one; pops go on to the next when the old one is drained. Rings that are left behind are kept until
 * the end of the queue: together they are smaller than the newest one, and so no thread can meet one that is gone. That is why there is
 * neither a count nor an epoch on the way of a value.
 *
 * Spill. The newest ring has twice as many cells as there are reservations. It can still be full for a push: when a pop has stopped
 * between its claim and its last store, and the others have gone round once (ring.h). Then the value goes into an array beside the ring,
 * under a lock, which has a place for each reservation. While it holds anything, all pushes go there, and pops take from it when the
 * rings have been claimed empty; so the order of each producer is kept.
 *
 * Order: values pushed by one thread come out in that order, also if the thread learnt in between of the push of another one.
 *
 * An answer of "empty" is right for all values whose push was over, or is followed by a push that is not over yet (ring.h).
 *
 * Ordering. `in` and `next` are published by release and read by acquire: without it a push would write into cells that are not made.
 * Both are set before the old ring is closed, which is a release; who is answered CLOSED, or finds the ring drained, has acquired, so it
 * finds the next one at its first look. `spilled` is changed under the lock and read relaxed: a push must see only its own past, a pop that
 * finds it set takes the lock, and one that must not miss it has a fence in front (lot.h).
 */
#ifndef NB_SYNC_QUEUE_H
#define NB_SYNC_QUEUE_H

#include "platform/lock.h"
#include "sync/ring.h"

typedef struct nb_mpmc_part {
    nb_ring ring;
    _Atomic(struct nb_mpmc_part *) next; /* the newer one; NULL: this is the newest */
    uint64_t *spill;                     /* capacity / 2 places, behind the cells */
    nb_ring_cell cells[];
} nb_mpmc_part;

typedef struct nb_mpmc {
    _Atomic(nb_mpmc_part *) in;  /* the newest */
    _Atomic(nb_mpmc_part *) out; /* the oldest that is not drained */
    _Atomic uint64_t spilled;    /* values in the spill of the newest part */
    nb_mpmc_part *first;
    nb_heap *heap;
    nb_lock lock;         /* reservations, growth, the spill */
    uint64_t reserved;    /* <= half the capacity of the newest part */
    uint64_t spill_first; /* counts up; where the oldest spilled value lies, modulo the places */
} nb_mpmc;

/* capacity: of the first ring, a power of two, at least 2; half of it can be reserved without memory. False: out of memory. */
bool nb_mpmc_init(nb_mpmc *queue, nb_heap *heap, uint64_t capacity);

/* Nobody uses it any more. Values that are left are forgotten. */
void nb_mpmc_fini(nb_mpmc *queue);

/* One value more may be inside. False: out of memory. */
bool nb_mpmc_reserve(nb_mpmc *queue);

/* One fewer; none of its values is inside. */
void nb_mpmc_unreserve(nb_mpmc *queue);

/* How many values are inside, as nb_ring_size(). 0 if each push that is over was followed by a pop. */
uint64_t nb_mpmc_size(nb_mpmc *queue);

void nb_mpmc_push_slowly(nb_mpmc *queue, uint64_t value);
bool nb_mpmc_pop_slowly(nb_mpmc *queue, uint64_t *ret_value);

/* The caller has a reservation that is not in use. */
static inline void nb_mpmc_push(nb_mpmc *queue, uint64_t value)
{
    nb_mpmc_part *part = nb_load_acquire(&queue->in); /* pairs with the release in link_part() */

    if (nb_load_relaxed(&queue->spilled) != 0 || nb_ring_push(&part->ring, value) != NB_RING_OK) {
        nb_mpmc_push_slowly(queue, value);
    }
}

/* False: empty. */
static inline bool nb_mpmc_pop(nb_mpmc *queue, uint64_t *ret_value)
{
    nb_mpmc_part *part = nb_load_acquire(&queue->out); /* pairs with the release in nb_mpmc_pop_slowly() */

    return nb_ring_pop(&part->ring, ret_value) == NB_RING_OK || nb_mpmc_pop_slowly(queue, ret_value);
}

#endif
