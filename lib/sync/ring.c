/* ring.c - what happens once in a ring's life. */
#include "sync/ring.h"

#include <assert.h>

_Static_assert(sizeof(nb_ring_cell) == 16, "four cells a line");

void nb_ring_init_at(nb_ring *ring, nb_ring_cell *cells, uint64_t capacity)
{
    /* With one cell, filled for p and emptied for p + 1 would look the same. */
    assert(capacity >= 2 && (capacity & (capacity - 1)) == 0);
    ring->cells = cells;
    nb_plain_write(&ring->mask);
    ring->mask = capacity - 1;
    ring->heap = NULL;
    for (uint64_t i = 0; i < capacity; i++) {
        nb_atomic_init(&cells[i].position, i);
        cells[i].value = 0;
    }
    nb_atomic_init(&ring->tail, 0);
    nb_atomic_init(&ring->head, 0);
}

bool nb_ring_init(nb_ring *ring, nb_heap *heap, uint64_t capacity)
{
    nb_ring_cell *cells = capacity > SIZE_MAX ? NULL : nb_alloc_array(heap, (size_t)capacity, sizeof *cells);

    if (cells == NULL) {
        return false;
    }
    nb_ring_init_at(ring, cells, capacity);
    ring->heap = heap;
    return true;
}

void nb_ring_fini(nb_ring *ring)
{
    if (ring->heap != NULL) {
        nb_free(ring->heap, ring->cells, (size_t)nb_ring_capacity(ring) * sizeof *ring->cells);
    }
    ring->cells = NULL;
}

void nb_ring_close(nb_ring *ring)
{
    /* Release: pairs with the acquire of nb_ring_closed(). It changes tail, so a push that has read tail before fails its CAS. */
    (void)nb_or_acq_rel(&ring->tail, NB_RING_CLOSED_BIT);
}

bool nb_ring_drained(const nb_ring *ring)
{
    /* Acquire: what the closer did before, for whoever goes on to another ring. Head never passes tail: an old head says no. */
    uint64_t tail = nb_load_acquire(&ring->tail);

    return (tail & NB_RING_CLOSED_BIT) != 0 && nb_load_relaxed(&ring->head) == (tail & ~NB_RING_CLOSED_BIT);
}

uint64_t nb_ring_size(const nb_ring *ring)
{
    uint64_t head = nb_load_relaxed(&ring->head);
    uint64_t tail = nb_load_relaxed(&ring->tail) & ~NB_RING_CLOSED_BIT;
    uint64_t size = tail > head ? tail - head : 0; /* read at two moments: the difference may be anything */

    nb_plain_read(&ring->mask);
    return size <= nb_ring_capacity(ring) ? size : nb_ring_capacity(ring);
}
