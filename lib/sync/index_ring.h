/*
 * index_ring.h - a growable ring of 32-bit indices, many producers and many consumers, first in first out: the ready order of a store.
 *
 * A cell is one 64-bit word {turn, index}, half of what a ring of pointers needs, and an index is read together with its turn: so there is
 * no plain data, and the front can be looked at without taking it. As in Vyukov's bounded queue a position is claimed only when its cell is
 * ready: in lap L of the ring a cell's turn is 2L while it is empty and 2L + 1 while it is full.
 *
 *   push:  cell empty in this lap -> CAS of tail -> store {2L + 1, index}
 *   pop:   cell full in this lap  -> CAS of head -> store {2L + 2, 0}
 *
 * Growth. The ring is a chain of parts, each four times the last. nb_index_ring_grow() links a larger part, then closes the one before
 * (CLOSED in its tail): pushes go on in the new one, pops first empty the old one. Old parts stay until the end, together at most a third
 * of the last; so no reader needs protection, and an operation never sees memory that has gone.
 *
 * The owner grows the ring before it has more indices than the ring has cells, and keeps each index in the ring at most once. Therefore a
 * push finds room; at most it waits for one pop of a whole lap ago that has claimed the cell and not emptied it yet.
 *
 * Ordering.
 * (1) A push stores its cell with release, a pop loads it with acquire: what the pusher wrote to the slot of that index is seen by the
 *     popper. Without it the popper could read the slot as it was before.
 * (2) A pop empties its cell with release, the push of the next lap loads it with acquire. The cell holds no plain data, but the popper's
 *     claim of the slot must not be overtaken by what the pusher does to the same slot.
 * (3) head and tail are moved by a CAS that orders nothing for the cells, which carry the data. That of tail is a release all the same: who
 *     reads the number of pushes (nb_index_ring_pushes(), acquire) sees what the pusher counted before, so that counts agree.
 * (4) next is stored with release before CLOSED is set with acquire-release; who finds CLOSED loads next with acquire and sees the whole
 *     new part.
 */
#ifndef NB_SYNC_INDEX_RING_H
#define NB_SYNC_INDEX_RING_H

#include "base/heap.h"
#include "sync/atomic.h"

#define NB_INDEX_CLOSED (UINT64_C(1) << 63)

typedef struct nb_index_part nb_index_part;
struct nb_index_part {
    nb_index_part *_Atomic next;
    _Atomic uint64_t base; /* pushes into the parts before it */
    uint64_t mask;
    uint32_t shift;
    _Alignas(64) _Atomic uint64_t head;
    _Alignas(64) _Atomic uint64_t tail; /* with CLOSED */
    _Alignas(64) _Atomic uint64_t cells[];
};

typedef struct nb_index_ring {
    nb_heap *heap;
    nb_index_part *first;          /* of all that were ever made */
    nb_index_part *_Atomic popped; /* where pops are at; NULL: nothing was made yet */
    nb_index_part *_Atomic pushed; /* where pushes are at */
} nb_index_ring;

void nb_index_ring_init(nb_index_ring *ring, nb_heap *heap);
void nb_index_ring_fini(nb_index_ring *ring);

/* Room for count indices at least; under the owner's lock. False: out of memory, nothing has changed. */
bool nb_index_ring_grow(nb_index_ring *ring, uint64_t count);

/* Up to max (at least 1) indices, in order; 0: the first cell is empty, or its push has not ended. Fewer where a lap ends. */
uint32_t nb_index_ring_pop(nb_index_ring *ring, uint32_t *indices, uint32_t max);

/* Looks at the first index. False: as pop answers 0. */
bool nb_index_ring_peek(nb_index_ring *ring, uint32_t *ret_index);

/* Takes the first one if it is this index. */
bool nb_index_ring_pop_this(nb_index_ring *ring, uint32_t index);

/* Up to max of the indices in it, in order, without taking them: a picture that others change meanwhile. at: 0 first, moved on. */
uint32_t nb_index_ring_list(nb_index_ring *ring, uint64_t *at, uint32_t *indices, uint32_t max);

/* How many were ever pushed, and popped. Exact for the operations that have returned; under the owner's lock. */
uint64_t nb_index_ring_pushes(nb_index_ring *ring);
uint64_t nb_index_ring_pops(nb_index_ring *ring);

/* ----------------------------------------------------------------------------- what every message goes through */

/* The turn of a position's cell while it is empty. */
static inline uint32_t nb_index_turn(const nb_index_part *part, uint64_t position)
{
    return (uint32_t)(position >> part->shift) * 2u;
}

static inline uint64_t nb_index_cell(uint32_t turn, uint32_t index)
{
    return (uint64_t)turn << 32 | index;
}

void nb_index_ring_push_slowly(nb_index_ring *ring, uint32_t index);

/* Room must have been made. */
static inline void nb_index_ring_push(nb_index_ring *ring, uint32_t index)
{
    nb_index_part *part = nb_load_acquire(&ring->pushed); /* pairs with the release in nb_index_ring_grow() */
    uint64_t position = nb_load_relaxed(&part->tail);
    _Atomic uint64_t *cell = &part->cells[position & part->mask];
    uint32_t empty = nb_index_turn(part, position);

    if ((position & NB_INDEX_CLOSED) == 0 && (uint32_t)(nb_load_acquire(cell) >> 32) == empty && /* (2) */
        nb_cas_strong_release(&part->tail, &position, position + 1)) {                          /* (3) */
        nb_store_release(cell, nb_index_cell(empty + 1, index));                                /* (1) */
    } else {
        nb_index_ring_push_slowly(ring, index);
    }
}

/* Up to 16 indices, in order, and side by side if nobody comes between. */
void nb_index_ring_push_many(nb_index_ring *ring, const uint32_t *indices, uint32_t count);

/* One index. */
static inline bool nb_index_ring_pop_one(nb_index_ring *ring, uint32_t *ret_index)
{
    nb_index_part *part = nb_load_acquire(&ring->popped);
    uint64_t position, cell;
    uint32_t full, index; /* not *ret_index: it stays in a register */

    if (part == NULL) {
        return false;
    }
    position = nb_load_relaxed(&part->head);
    full = nb_index_turn(part, position) + 1;
    cell = nb_load_acquire(&part->cells[position & part->mask]); /* (1) */
    if ((uint32_t)(cell >> 32) == full && nb_cas_strong_relaxed(&part->head, &position, position + 1)) { /* (3) */
        nb_store_release(&part->cells[position & part->mask], nb_index_cell(full + 1, 0));               /* (2) */
        *ret_index = (uint32_t)cell;
        return true;
    }
    if (nb_index_ring_pop(ring, &index, 1) == 0) {
        return false;
    }
    *ret_index = index;
    return true;
}

#endif
