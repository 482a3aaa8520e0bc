/*
 * edition.h - editions: an immutable list that is replaced as a whole while publishers walk it, also through handlers that may block for
 * ever. A topic's roster is an edition; a bus uses the seats alone.
 *
 * A publisher takes a *seat* of the owner's, opens the current edition in it, walks it without lock and leaves. The seat says what its
 * publisher looks at (`held`) and which route's inline handler it is inside of (`running`): who changes something swaps the edition, or
 * closes the route, and looks at the seats. So neither a walk nor a subscriber costs a read-modify-write.
 *
 *   held     NULL: free. The seat's own address: taken, nothing held. Else the edition that may not be freed.
 *   running  NULL, or the route that may not be thought idle: its handler runs, or its publisher is about to look whether it may.
 *
 * Ordering. Both words are hazard pointers: the publisher writes, passes a light fence, and looks again whether what it wrote still holds
 * (`current`, the route's `closed`); the other side changes that, passes a heavy fence, and reads the seats. One of them sees the other. In
 * the other direction the publisher takes the word back (release: its reads are over), passes a light fence, and looks whether it is
 * wanted: `current` is another edition, so it sweeps; the route is closed, so it tells who waits. Without the fences an edition is freed
 * under its reader, a call starts after an unsubscribe has returned, or a waiter sleeps for ever.
 *
 * Seats are made when they are wanted and freed with the owner. Most belong to a thread, by its number, so its lines stay with it and it
 * takes them with a plain store: nobody else may. A number lives on in the next thread that gets it. So that threads that come and go
 * cannot pile up seats, a chain has at most NB_SEATS_OWNED of them; the others are for everybody, taken by a compare-and-swap. A publish
 * inside a publish of the same owner takes another seat. A seat's counts have one writer at a time, its publisher, and are raised without
 * a read-modify-write; `held` hands them over: left with release, taken (where somebody else may have left it) with acquire.
 *
 * Passes. Opening an edition for the count adds one to `passes` of the seat, which is of the edition `counted`; the edition's own sum is
 * folded together, under the lock, when a seat turns to another edition and when the edition is swept. `passes` is written before `held` is
 * taken back, so whoever has seen an old edition unheld, behind its heavy fence, reads passes that are final.
 */
#ifndef NB_TARGET_EDITION_H
#define NB_TARGET_EDITION_H

#include "platform/lock.h"
#include "platform/self.h"
#include "runtime/object.h"
#include "sync/atomic.h"

#define NB_SEAT_COUNTS 4u
#ifdef NB_TESTING
#define NB_SEAT_CHAINS 1u
#define NB_SEATS_OWNED 2u
#else
#define NB_SEAT_CHAINS 8u /* a power of two */
#define NB_SEATS_OWNED 16u
#endif

/* At the head of what is an edition. */
typedef struct nb_edition {
    struct nb_edition *older; /* retired: the next of the list, under the lock */
    uint64_t passes;          /* folded in, under the lock */
} nb_edition;

typedef struct nb_seat {
    struct nb_seat *next;     /* in its chain; set before the seat is known */
    uint64_t owner;           /* the number of the thread that may take it; 0: everybody */
    void *spare[2];           /* keeps the words of two seats on different cache lines, whatever the alignment */
    _Atomic(const void *) held;
    _Atomic(const void *) running;
    _Atomic(const nb_edition *) counted; /* written under the lock */
    _Atomic uint64_t passes;             /* by the publisher; when counted changes, under the lock */
    _Atomic uint64_t counts[NB_SEAT_COUNTS]; /* the owner's; by the publisher */
    void *behind[4];
} nb_seat;

typedef struct nb_editions nb_editions;

typedef struct nb_edition_ops {
    void (*fold)(nb_edition *edition); /* nobody holds it any more and passes is final; under the lock */
    void (*free)(nb_edition *edition); /* without a lock */
} nb_edition_ops;

struct nb_editions {
    const nb_edition_ops *ops;
    nb_heap *heap;
    _Atomic(nb_edition *) current; /* never NULL. Written under the lock */
    _Atomic(nb_seat *) chains[NB_SEAT_CHAINS];
    nb_lock lock;                  /* one change at a time; of the owner's slow data, too */
    nb_edition *retired;           /* under the lock: perhaps still held */
};

void nb_editions_init(nb_editions *editions, const nb_edition_ops *ops, nb_heap *heap, nb_edition *first);

/* Nobody is seated any more. Folds and frees all editions, the current one included. */
void nb_editions_fini(nb_editions *editions);

/* Replaces the current edition. Under the lock; afterwards nb_editions_sweep() without it. */
void nb_editions_swap(nb_editions *editions, nb_edition *next);

/* Frees what is retired and not held any more. Without a lock. */
void nb_editions_sweep(nb_editions *editions);

/* Passes of an edition so far. Under the lock. */
uint64_t nb_editions_passes(nb_editions *editions, const nb_edition *edition);

/* The sum of one count over all seats. */
uint64_t nb_editions_count(nb_editions *editions, unsigned which);

/* Whether a publisher is, or may be, inside a call of it. A call that began before the caller's heavy fence is seen. */
bool nb_editions_running(nb_editions *editions, const void *route);

/* Whether anybody but me (NULL: nobody's) is seated. Behind a heavy fence of its own. */
bool nb_editions_walked(nb_editions *editions, const nb_seat *me);

/* Adds how many are seated, and how many of them are inside a handler. Behind a heavy fence of the caller's, which pairs with the light one
   behind the taking of a seat: who is not seen here sees whatever was written before that fence. */
void nb_editions_inside(nb_editions *editions, nb_inside_counts *sum);

/* ----------------------------------------------------------------------------------------- the publisher */

/* What the functions below do when there is more to do. */
nb_seat *nb_seat_find(nb_editions *editions);
nb_edition *nb_seat_reopen(nb_editions *editions, nb_seat *seat);
void nb_seat_recount(nb_editions *editions, nb_seat *seat, const nb_edition *edition);

static inline _Atomic(nb_seat *) *nb_seat_chain(nb_editions *editions)
{
    return &editions->chains[(nb_self_number() * UINT64_C(0x9e3779b97f4a7c15) >> 58) % NB_SEAT_CHAINS];
}

/* Release: who finds the seat taken anew knows that its last walk is over, as if he had found it free. The fence stands between `held` and
   what the publisher looks at next, the phase of the instance above all: see nb_editions_inside(). */
static inline bool nb_seat_take_own(nb_seat *seat)
{
    if (seat->owner != nb_self_number() || nb_load_relaxed(&seat->held) != NULL) {
        return false;
    }
    nb_store_release(&seat->held, seat);
    nb_fence_light();
    return true;
}

/* A seat for the caller, with nothing held. NULL: out of memory. */
static inline nb_seat *nb_seat_take(nb_editions *editions)
{
    nb_seat *seat = nb_load_acquire(nb_seat_chain(editions)); /* with the release of the seat's maker */

    return seat != NULL && nb_seat_take_own(seat) ? seat : nb_seat_find(editions);
}

/* Holds the current edition instead of what it holds. */
static inline nb_edition *nb_seat_open(nb_editions *editions, nb_seat *seat)
{
    nb_edition *edition = nb_load_acquire(&editions->current); /* with the release of the swap */
    const void *before = nb_load_relaxed(&seat->held);         /* our own word */

    nb_store_release(&seat->held, edition); /* release: our reads of what was held before are over */
    nb_fence_light();
    if (nb_load_acquire(&editions->current) != edition || (before != seat && before != edition)) {
        return nb_seat_reopen(editions, seat);
    }
    return edition;
}

/* The same, counted as a pass. */
static inline nb_edition *nb_seat_pass(nb_editions *editions, nb_seat *seat)
{
    nb_edition *edition = nb_seat_open(editions, seat);

    if (nb_load_relaxed(&seat->counted) != edition) { /* NULL or another: a fold that we do not see yet changes nothing of that */
        nb_seat_recount(editions, seat, edition);
    }
    nb_store_relaxed(&seat->passes, nb_load_relaxed(&seat->passes) + 1);
    return edition;
}

/* Holds nothing any more; the last touch of the owner. */
static inline void nb_seat_leave(nb_editions *editions, nb_seat *seat)
{
    const void *edition = nb_load_relaxed(&seat->held); /* our own word */

    nb_store_release(&seat->held, seat); /* our reads of the edition, and the passes, are over */
    nb_fence_light();
    if (edition != seat && nb_load_relaxed(&editions->current) != edition) {
        nb_editions_sweep(editions);
    }
    nb_store_release(&seat->held, NULL); /* the next one to take it gets the counts; whoever waits for all to leave sees what we did */
}

/*
 * Says that the seat's publisher is at a route, or (NULL) at none; then he looks whether that route, and the one he was at before, is
 * closed. Release: what the handler of the one before did happens before its destroy function, and before the unsubscribe that waits for
 * it returns. The fence is the light half of the pair in the head.
 */
static inline void nb_seat_point(nb_seat *seat, const void *route)
{
    nb_store_release(&seat->running, route);
    nb_fence_light();
}

/* By the publisher alone: see the head. Relaxed, since whoever reads them for a metric takes any value between two walks. */
static inline void nb_seat_add(nb_seat *seat, unsigned which, uint64_t n)
{
    nb_store_relaxed(&seat->counts[which], nb_load_relaxed(&seat->counts[which]) + n);
}

#endif
