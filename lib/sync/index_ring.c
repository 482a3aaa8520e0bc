#include "sync/index_ring.h"

#include "base/aligned.h"
#include "platform/thread.h"

#ifdef NB_TESTING
#define FIRST_SHIFT 2u /* wrap and growth in every test */
#else
#define FIRST_SHIFT 8u
#endif
#define GROWTH_SHIFT 2u
#define SPINS 64

static size_t part_size(uint32_t shift)
{
    return sizeof(nb_index_part) + (sizeof(uint64_t) << shift);
}

static uint32_t turn_of(uint64_t cell)
{
    return (uint32_t)(cell >> 32);
}

void nb_index_ring_init(nb_index_ring *ring, nb_heap *heap)
{
    ring->heap = heap;
    ring->first = NULL;
    nb_atomic_init(&ring->popped, (nb_index_part *)NULL);
    nb_atomic_init(&ring->pushed, (nb_index_part *)NULL);
}

void nb_index_ring_fini(nb_index_ring *ring)
{
    nb_index_part *part = ring->first, *next;

    for (; part != NULL; part = next) {
        next = nb_load_relaxed(&part->next);
        nb_free_aligned(ring->heap, part, part_size(part->shift));
    }
    ring->first = NULL;
}

/* ---------------------------------------------------------------------------------------------- growth */

static nb_index_part *make_part(nb_index_ring *ring, uint32_t shift)
{
    nb_index_part *part = shift > 32 ? NULL : nb_alloc_aligned(ring->heap, part_size(shift));

    if (part != NULL) {
        part->shift = shift;
        part->mask = (UINT64_C(1) << shift) - 1;
        nb_atomic_init(&part->next, (nb_index_part *)NULL);
        nb_atomic_init(&part->base, 0);
        nb_atomic_init(&part->head, 0);
        nb_atomic_init(&part->tail, 0);
        for (uint64_t i = 0; i <= part->mask; i++) {
            nb_atomic_init(&part->cells[i], 0);
        }
    }
    return part;
}

bool nb_index_ring_grow(nb_index_ring *ring, uint64_t count)
{
    nb_index_part *last = nb_load_relaxed(&ring->pushed), *part;
    uint32_t shift = last != NULL ? last->shift : FIRST_SHIFT;
    uint64_t end;

    if (last != NULL && count <= last->mask + 1) {
        return true;
    }
    while (shift <= 32 && count > UINT64_C(1) << shift) {
        shift += GROWTH_SHIFT;
    }
    part = make_part(ring, shift);
    if (part == NULL) {
        return false;
    }
    if (last == NULL) {
        ring->first = part;
        nb_store_release(&ring->popped, part); /* pairs with the acquire in current() */
    } else {
        nb_store_release(&last->next, part);
        end = nb_or_acq_rel(&last->tail, NB_INDEX_CLOSED);
        nb_store_relaxed(&part->base, nb_load_relaxed(&last->base) + end); /* read under the owner's lock */
    }
    nb_store_release(&ring->pushed, part); /* pairs with the acquire in push */
    return true;
}

/* ------------------------------------------------------------------------------------------------ push */

/* One step of a spin that ends when another thread has gone on. */
static void wait_a_little(uint32_t *spins)
{
    if (++*spins % SPINS == 0) {
        nb_platform_yield();
    }
    nb_pause();
}

void nb_index_ring_push_slowly(nb_index_ring *ring, uint32_t index)
{
    nb_index_part *part = nb_load_acquire(&ring->pushed);
    uint32_t spins = 0;

    for (;;) {
        uint64_t position = nb_load_relaxed(&part->tail);
        _Atomic uint64_t *cell;
        uint32_t turn, empty;

        if ((position & NB_INDEX_CLOSED) != 0) {
            (void)nb_load_acquire(&part->tail); /* (4): the relaxed load above does not order next behind it */
            part = nb_load_acquire(&part->next);
            continue;
        }
        cell = &part->cells[position & part->mask];
        empty = nb_index_turn(part, position);
        turn = turn_of(nb_load_acquire(cell)); /* (2) */
        if (turn == empty) {
            if (nb_cas_weak_release(&part->tail, &position, position + 1)) { /* (3) */
                nb_store_release(cell, nb_index_cell(empty + 1, index));           /* (1) */
                return;
            }
        } else if ((int32_t)(turn - empty) < 0) { /* a pop of the last lap has not ended */
            wait_a_little(&spins);
        }
    }
}

/* How many cells lie from position to the end of its lap: up to there they are side by side, and of one turn. */
static inline uint64_t left_of_lap(const nb_index_part *part, uint64_t position)
{
    return part->mask + 1 - (position & part->mask);
}

void nb_index_ring_push_many(nb_index_ring *ring, const uint32_t *indices, uint32_t count)
{
    nb_index_part *part = nb_load_acquire(&ring->pushed);
    uint64_t position = nb_load_relaxed(&part->tail), full;
    _Atomic uint64_t *cells = &part->cells[position & part->mask];
    uint32_t turn = nb_index_turn(part, position), empty = 0;

    if ((position & NB_INDEX_CLOSED) == 0 && count <= left_of_lap(part, position)) {
        while (empty < count && turn_of(nb_load_acquire(&cells[empty])) == turn) { /* (2) */
            empty++;
        }
    }
    if (empty == count && nb_cas_strong_release(&part->tail, &position, position + count)) { /* (3) */
        full = nb_index_cell(turn + 1, 0);
        for (uint32_t i = 0; i < count; i++) {
            nb_store_release(&cells[i], full | indices[i]); /* (1) */
        }
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        nb_index_ring_push(ring, indices[i]);
    }
}

/* ------------------------------------------------------------------------------------------------- pop */

/* The part that pops are at: moves on from a closed one that is empty. NULL: there is none. */
static nb_index_part *current(nb_index_ring *ring)
{
    nb_index_part *part = nb_load_acquire(&ring->popped);

    while (part != NULL) {
        uint64_t tail = nb_load_acquire(&part->tail);
        nb_index_part *next;

        if ((tail & NB_INDEX_CLOSED) == 0 || nb_load_relaxed(&part->head) != (tail & ~NB_INDEX_CLOSED)) {
            break;
        }
        next = nb_load_acquire(&part->next); /* (4) */
        if (nb_cas_strong_acq_rel_acquire(&ring->popped, &part, next)) {
            part = next;
        }
    }
    return part;
}

/* How many cells from position on are full, with their indices; not beyond the end of the lap. max: at least 1. */
static inline uint32_t full_cells(nb_index_part *part, uint64_t position, uint32_t *indices, uint32_t max, bool *ret_passed)
{
    _Atomic uint64_t *cells = &part->cells[position & part->mask];
    uint32_t full = nb_index_turn(part, position) + 1, count = 0;
    uint64_t left = left_of_lap(part, position), cell;

    max = left < max ? (uint32_t)left : max;
    while (cell = nb_load_acquire(&cells[count]), turn_of(cell) == full) { /* (1) */
        indices[count++] = (uint32_t)cell;
        if (count == max) {
            break;
        }
    }
    *ret_passed = count == 0 && (int32_t)(turn_of(cell) - full) > 0; /* somebody has popped it since */
    return count;
}

uint32_t nb_index_ring_pop(nb_index_ring *ring, uint32_t *indices, uint32_t max)
{
    nb_index_part *part = nb_load_acquire(&ring->popped);
    uint64_t position;
    uint32_t count;
    bool passed;

    while (part != NULL) {
        position = nb_load_relaxed(&part->head);
        count = full_cells(part, position, indices, max, &passed);
        if (count > 0 && nb_cas_weak_relaxed(&part->head, &position, position + count)) { /* (3) */
            _Atomic uint64_t *cells = &part->cells[position & part->mask];
            uint64_t empty = nb_index_cell(nb_index_turn(part, position) + 2, 0);

            for (uint32_t i = 0; i < count; i++) {
                nb_store_release(&cells[i], empty); /* (2) */
            }
            return count;
        }
        if (count == 0 && !passed) {
            nb_index_part *next = current(ring);

            if (next == part) {
                return 0;
            }
            part = next;
        }
    }
    return 0;
}

bool nb_index_ring_peek(nb_index_ring *ring, uint32_t *ret_index)
{
    nb_index_part *part;
    bool passed = true;
    uint32_t count = 0;

    while (passed && (part = current(ring)) != NULL) {
        count = full_cells(part, nb_load_relaxed(&part->head), ret_index, 1, &passed);
    }
    return count > 0;
}

bool nb_index_ring_pop_this(nb_index_ring *ring, uint32_t index)
{
    nb_index_part *part = current(ring);
    uint32_t first;
    bool passed;

    while (part != NULL) {
        uint64_t position = nb_load_relaxed(&part->head);

        if (full_cells(part, position, &first, 1, &passed) > 0) {
            if (first != index) {
                return false;
            }
            if (nb_cas_strong_relaxed(&part->head, &position, position + 1)) {
                nb_store_release(&part->cells[position & part->mask], nb_index_cell(nb_index_turn(part, position) + 2, 0));
                return true;
            }
        } else if (!passed) {
            return false;
        }
    }
    return false;
}

/* --------------------------------------------------------------------------------------------- looking */

uint32_t nb_index_ring_list(nb_index_ring *ring, uint64_t *at, uint32_t *indices, uint32_t max)
{
    uint32_t count = 0;

    for (nb_index_part *part = current(ring); part != NULL && count < max; part = nb_load_acquire(&part->next)) {
        uint64_t base = nb_load_relaxed(&part->base), position = nb_load_relaxed(&part->head);
        uint64_t end = nb_load_relaxed(&part->tail) & ~NB_INDEX_CLOSED;

        position = *at > base + position ? *at - base : position;
        for (; position < end && count < max; position++) {
            uint64_t cell = nb_load_acquire(&part->cells[position & part->mask]);

            *at = base + position + 1;
            if (turn_of(cell) == nb_index_turn(part, position) + 1) {
                indices[count++] = (uint32_t)cell;
            }
        }
    }
    return count;
}

uint64_t nb_index_ring_pushes(nb_index_ring *ring)
{
    nb_index_part *part = nb_load_relaxed(&ring->pushed);

    return part == NULL ? 0 : nb_load_relaxed(&part->base) + (nb_load_acquire(&part->tail) & ~NB_INDEX_CLOSED);
}

uint64_t nb_index_ring_pops(nb_index_ring *ring)
{
    nb_index_part *part = nb_load_acquire(&ring->popped);

    return part == NULL ? 0 : nb_load_relaxed(&part->base) + nb_load_acquire(&part->head);
}
