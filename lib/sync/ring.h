/*
 * ring.h - a bounded queue of 64-bit values for any number of threads on both sides. Nobody waits for anybody.
 *
 * Positions count up from 0 for ever, in 64 bits; position p lies in cell p mod capacity. The position in a cell says whose turn it is:
 *
 *   p             empty, for the push that claims p
 *   p + 1         filled, for the pop that claims p
 *   p + capacity  emptied: the first state again, one lap later
 *
 * A thread claims a position by a CAS on tail or head, and only when it has seen that the cell is ready; so it never waits for another
 * one after its claim, and a call that finds nothing ready has changed nothing.
 *
 * What FULL and EMPTY mean. A thread that stops between its claim and its last store holds up its own cell. A pop that comes to this
 * cell answers EMPTY although later cells may be filled; a push that comes to it one lap later answers FULL although others are empty.
 * Whoever gets such an answer may rely on the other thread: it will finish, and then does what every push does (lot.h: notify).
 *
 * Closed. The highest bit of tail. After it no push succeeds; pops go on until nothing is left (nb_ring_drained).
 *
 * Ordering. The value belongs to whom the cell's position names: a push publishes it by a release store of p + 1, which the acquire load
 * of the pop of p pairs with; without it the pop reads an old value. A pop hands the cell back by a release store of p + capacity, which
 * the acquire load of the push of p + capacity pairs with; without it that push overwrites a value that is still being read. The claims
 * are relaxed: positions never repeat, so a CAS that succeeds proves that nobody else claimed, and the cell is as it was seen. A load of
 * head or tail may be old; the cell then says so (it is a lap ahead), and since it says so by acquire, the next load is newer.
 *
 * Three cache lines: what is only read, tail, head. 16-byte cells without padding: on few cores the misses cost more than the sharing.
 */
#ifndef NB_SYNC_RING_H
#define NB_SYNC_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"
#include "sync/atomic.h"

#define NB_CACHE_LINE 64u

typedef enum nb_ring_result {
    NB_RING_OK,
    NB_RING_FULL,   /* push: no cell is ready */
    NB_RING_EMPTY,  /* pop: no cell is ready */
    NB_RING_CLOSED, /* push only */
} nb_ring_result;

typedef struct nb_ring_cell {
    _Atomic uint64_t position;
    uint64_t value;
} nb_ring_cell;

#define NB_RING_CLOSED_BIT (UINT64_C(1) << 63)

/* A heap's block begins anywhere in a line; the gaps keep the three parts apart wherever that is. */
typedef struct nb_ring {
    nb_ring_cell *cells;
    uint64_t mask; /* capacity - 1 */
    nb_heap *heap; /* NULL: the cells are the caller's */
    char gap1[NB_CACHE_LINE - 3 * 8];
    _Atomic uint64_t tail; /* the next position to push | NB_RING_CLOSED_BIT */
    char gap2[NB_CACHE_LINE - 8];
    _Atomic uint64_t head; /* the next position to pop */
    char gap3[NB_CACHE_LINE - 8];
} nb_ring;

/* capacity: a power of two, at least 2. False: out of memory. */
bool nb_ring_init(nb_ring *ring, nb_heap *heap, uint64_t capacity);

/* The same in memory of the caller's: capacity cells. */
void nb_ring_init_at(nb_ring *ring, nb_ring_cell *cells, uint64_t capacity);

/* Nobody uses it any more. Values that are left are forgotten. */
void nb_ring_fini(nb_ring *ring);

/*
 * No push succeeds after it; what was pushed stays. Any number of times, from any thread. What the caller did before is seen by whoever
 * is answered CLOSED.
 */
void nb_ring_close(nb_ring *ring);

/* Closed, and each value that was pushed is claimed by a pop: there will never be another one. */
bool nb_ring_drained(const nb_ring *ring);

/* How many values are inside; while others push and pop, how many were at some moment or about that. */
uint64_t nb_ring_size(const nb_ring *ring);

static inline uint64_t nb_ring_capacity(const nb_ring *ring)
{
    return ring->mask + 1;
}

/* Whether no push succeeds any more. Acquire: pairs with the release of nb_ring_close(), for what the closer did before. */
static inline bool nb_ring_closed(const nb_ring *ring)
{
    return (nb_load_acquire(&ring->tail) & NB_RING_CLOSED_BIT) != 0;
}

/* OK, FULL or CLOSED. */
static inline nb_ring_result nb_ring_push(nb_ring *ring, uint64_t value)
{
    uint64_t tail = nb_load_relaxed(&ring->tail);

    for (;;) {
        nb_ring_cell *cell = &ring->cells[tail & ring->mask];
        /* Acquire: pairs with the release store of the pop that emptied the cell. The closed bit makes lap differ from 0. */
        int64_t lap = (int64_t)(nb_load_acquire(&cell->position) - tail);

        if (lap == 0) {
            if (nb_cas_weak_relaxed(&ring->tail, &tail, tail + 1)) {
                nb_plain_write(&cell->value);
                cell->value = value;
                nb_store_release(&cell->position, tail + 1); /* pairs with the acquire load of the pop of this position */
                return NB_RING_OK;
            }
        } else if ((tail & NB_RING_CLOSED_BIT) != 0) {
            (void)nb_ring_closed(ring); /* for its acquire */
            return NB_RING_CLOSED;
        } else if (lap < 0) {
            return NB_RING_FULL;
        } else {
            tail = nb_load_relaxed(&ring->tail);
        }
    }
}

/* OK or EMPTY. */
static inline nb_ring_result nb_ring_pop(nb_ring *ring, uint64_t *ret_value)
{
    uint64_t head = nb_load_relaxed(&ring->head);

    for (;;) {
        nb_ring_cell *cell = &ring->cells[head & ring->mask];
        /* Acquire: pairs with the release store of the push that filled the cell. */
        int64_t lap = (int64_t)(nb_load_acquire(&cell->position) - (head + 1));

        if (lap == 0) {
            if (nb_cas_weak_relaxed(&ring->head, &head, head + 1)) {
                nb_plain_read(&cell->value);
                *ret_value = cell->value;
                /* Pairs with the acquire load of the push that comes one lap later. */
                nb_store_release(&cell->position, head + ring->mask + 1);
                return NB_RING_OK;
            }
        } else if (lap < 0) {
            return NB_RING_EMPTY;
        } else {
            head = nb_load_relaxed(&ring->head);
        }
    }
}

/* How many of count cells from position on lie in a row before the array ends. */
static inline size_t nb_ring_run(uint64_t mask, uint64_t position, size_t count)
{
    uint64_t run = mask + 1 - (position & mask);

    return count < run ? count : (size_t)run;
}

/* How many cells from position on are ready in a row, at most count; ahead 0: to push, 1: to pop. *ret_lap: of the one that is not. */
static inline size_t nb_ring_ready(const nb_ring *ring, uint64_t position, uint64_t ahead, size_t count, int64_t *ret_lap)
{
    size_t ready = 0;

    while (ready < count) {
        const nb_ring_cell *cell = &ring->cells[(position + ready) & ring->mask];
        const nb_ring_cell *end = cell + nb_ring_run(ring->mask, position + ready, count - ready);
        uint64_t want = position + ready + ahead;

#pragma GCC unroll 4
        for (; cell < end; cell++, want++) {
            uint64_t found = nb_load_acquire(&cell->position); /* as in nb_ring_push() and nb_ring_pop() */

            if (found != want) {
                *ret_lap = (int64_t)(found - want);
                return (size_t)(want - position - ahead);
            }
        }
        ready = (size_t)(want - position - ahead);
    }
    return ready;
}

/*
 * As many of count values as there are cells ready in a row, by one CAS, in order. Returns how many; 0: full or closed, ask
 * nb_ring_closed(). The orders are those of nb_ring_push().
 */
static inline size_t nb_ring_push_n(nb_ring *ring, const uint64_t *values, size_t count)
{
    uint64_t tail = nb_load_relaxed(&ring->tail);
    size_t ready, done = 0;

    for (;;) {
        int64_t lap = 0;

        ready = nb_ring_ready(ring, tail, 0, count, &lap);
        if (ready == 0) {
            if (count == 0 || lap < 0 || (tail & NB_RING_CLOSED_BIT) != 0) {
                return 0;
            }
            tail = nb_load_relaxed(&ring->tail);
        } else if (nb_cas_weak_relaxed(&ring->tail, &tail, tail + ready)) {
            break;
        }
    }
    while (done < ready) {
        nb_ring_cell *cell = &ring->cells[(tail + done) & ring->mask];
        nb_ring_cell *end = cell + nb_ring_run(ring->mask, tail + done, ready - done);

#pragma GCC unroll 4
        for (; cell < end; cell++) {
            nb_plain_write(&cell->value);
            cell->value = values[done];
            done++;
            nb_store_release(&cell->position, tail + done);
        }
    }
    return ready;
}

/* Up to count values that lie ready in a row, by one CAS, in order. Returns how many. The orders are those of nb_ring_pop(). */
static inline size_t nb_ring_pop_n(nb_ring *ring, uint64_t *ret_values, size_t count)
{
    uint64_t head = nb_load_relaxed(&ring->head);
    size_t ready, done = 0;

    for (;;) {
        int64_t lap = 0;

        ready = nb_ring_ready(ring, head, 1, count, &lap);
        if (ready == 0) {
            if (count == 0 || lap < 0) {
                return 0;
            }
            head = nb_load_relaxed(&ring->head);
        } else if (nb_cas_weak_relaxed(&ring->head, &head, head + ready)) {
            break;
        }
    }
    while (done < ready) {
        nb_ring_cell *cell = &ring->cells[(head + done) & ring->mask];
        nb_ring_cell *end = cell + nb_ring_run(ring->mask, head + done, ready - done);
        uint64_t emptied = head + done + ring->mask + 1;

#pragma GCC unroll 4
        for (; cell < end; cell++) {
            nb_plain_read(&cell->value);
            ret_values[done] = cell->value;
            done++;
            nb_store_release(&cell->position, emptied);
            emptied++;
        }
    }
    return ready;
}

#endif
