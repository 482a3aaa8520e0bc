#include "target/edition.h"

#include <string.h>

void nb_editions_init(nb_editions *editions, const nb_edition_ops *ops, nb_heap *heap, nb_edition *first)
{
    memset(editions, 0, sizeof *editions);
    editions->ops = ops;
    editions->heap = heap;
    nb_lock_init(&editions->lock);
    for (unsigned i = 0; i < NB_SEAT_CHAINS; i++) {
        nb_atomic_init(&editions->chains[i], NULL);
    }
    nb_atomic_init(&editions->current, first);
}

/* ------------------------------------------------------------------------------------- walking the seats */

/* Goes through all seats; start with NULL and *chain 0. Acquire: a seat is whole before it is in its chain. */
static nb_seat *next_seat(nb_editions *editions, unsigned *chain, nb_seat *seat)
{
    seat = seat != NULL ? seat->next : NULL;
    while (seat == NULL && *chain < NB_SEAT_CHAINS) {
        seat = nb_load_acquire(&editions->chains[(*chain)++]);
    }
    return seat;
}

uint64_t nb_editions_count(nb_editions *editions, unsigned which)
{
    unsigned chain = 0;
    uint64_t sum = 0;

    for (nb_seat *seat = next_seat(editions, &chain, NULL); seat != NULL; seat = next_seat(editions, &chain, seat)) {
        sum += nb_load_relaxed(&seat->counts[which]);
    }
    return sum;
}

bool nb_editions_running(nb_editions *editions, const void *route)
{
    unsigned chain = 0;

    for (nb_seat *seat = next_seat(editions, &chain, NULL); seat != NULL; seat = next_seat(editions, &chain, seat)) {
        if (nb_load_acquire(&seat->running) == route) { /* acquire: what the call did happens before what follows its end */
            return true;
        }
    }
    return false;
}

bool nb_editions_walked(nb_editions *editions, const nb_seat *me)
{
    unsigned chain = 0;

    nb_fence_heavy();
    for (nb_seat *seat = next_seat(editions, &chain, NULL); seat != NULL; seat = next_seat(editions, &chain, seat)) {
        if (seat != me && nb_load_acquire(&seat->held) != NULL) {
            return true;
        }
    }
    return false;
}

void nb_editions_inside(nb_editions *editions, nb_inside_counts *sum)
{
    unsigned chain = 0;

    for (nb_seat *seat = next_seat(editions, &chain, NULL); seat != NULL; seat = next_seat(editions, &chain, seat)) {
        sum->walking += nb_load_acquire(&seat->held) != NULL;
        sum->running += nb_load_acquire(&seat->running) != NULL;
    }
}

uint64_t nb_editions_passes(nb_editions *editions, const nb_edition *edition)
{
    unsigned chain = 0;
    uint64_t sum = edition->passes;

    for (nb_seat *seat = next_seat(editions, &chain, NULL); seat != NULL; seat = next_seat(editions, &chain, seat)) {
        if (nb_load_relaxed(&seat->counted) == edition) { /* changes under the lock, which we hold */
            sum += nb_load_relaxed(&seat->passes);
        }
    }
    return sum;
}

/* --------------------------------------------------------------------------------------------- retiring */

/* The seat's passes go to the edition that they are of. Under the lock. */
static void fold_seat(nb_seat *seat, const nb_edition *now)
{
    nb_edition *counted = (nb_edition *)(uintptr_t)nb_load_relaxed(&seat->counted);

    if (counted != NULL) {
        nb_plain_write(&counted->passes);
        counted->passes += nb_load_relaxed(&seat->passes);
    }
    nb_store_relaxed(&seat->passes, 0);
    nb_store_relaxed(&seat->counted, now);
}

/* Whether a seat holds it; if none does, its passes are whole. Under the lock, behind a heavy fence. */
static bool held(nb_editions *editions, const nb_edition *edition)
{
    unsigned chain = 0;
    bool any = false;

    for (nb_seat *seat = next_seat(editions, &chain, NULL); seat != NULL; seat = next_seat(editions, &chain, seat)) {
        if (nb_load_acquire(&seat->held) == edition) {
            any = true;
        } else if (nb_load_relaxed(&seat->counted) == edition) {
            fold_seat(seat, NULL); /* nobody can open it any more, so nobody counts a pass of it */
        }
    }
    return any;
}

void nb_editions_swap(nb_editions *editions, nb_edition *next)
{
    nb_edition *before = nb_load_relaxed(&editions->current); /* only changes under the lock */

    nb_plain_write(next);
    nb_store_release(&editions->current, next); /* whoever opens it sees it whole */
    before->older = editions->retired;
    editions->retired = before;
}

void nb_editions_sweep(nb_editions *editions)
{
    nb_edition *gone = NULL, **at;

    nb_lock_acquire(&editions->lock);
    nb_fence_heavy();
    for (at = &editions->retired; *at != NULL;) {
        nb_edition *edition = *at;

        if (held(editions, edition)) {
            at = &edition->older;
            continue;
        }
        *at = edition->older;
        edition->older = gone;
        gone = edition;
        editions->ops->fold(edition);
    }
    nb_lock_release(&editions->lock);
    while (gone != NULL) {
        nb_edition *next = gone->older;

        nb_plain_write(gone);
        editions->ops->free(gone);
        gone = next;
    }
}

void nb_editions_fini(nb_editions *editions)
{
    nb_edition *last = nb_load_relaxed(&editions->current);
    unsigned chain = 0;
    nb_seat *next;

    last->older = editions->retired;
    editions->retired = last;
    nb_editions_sweep(editions);
    for (nb_seat *seat = next_seat(editions, &chain, NULL); seat != NULL; seat = next) {
        next = next_seat(editions, &chain, seat);
        nb_free(editions->heap, seat, sizeof *seat);
    }
    nb_lock_fini(&editions->lock);
}

/* ------------------------------------------------------------------------------------------ the publisher */

/* One more seat, taken by the caller. */
static nb_seat *new_seat(nb_editions *editions, _Atomic(nb_seat *) *chain, uint64_t owner)
{
    nb_seat *seat = nb_alloc_zero(editions->heap, sizeof *seat);

    if (seat == NULL) {
        return NULL;
    }
    seat->owner = owner;
    nb_atomic_init(&seat->held, seat);
    nb_atomic_init(&seat->running, NULL);
    nb_atomic_init(&seat->counted, NULL);
    nb_atomic_init(&seat->passes, 0);
    for (unsigned i = 0; i < NB_SEAT_COUNTS; i++) {
        nb_atomic_init(&seat->counts[i], 0);
    }
    seat->next = nb_load_relaxed(chain);
    /* Release: the seat is whole for whoever finds it. Acquire: so are those behind it. Seats are never taken out, so a head that comes
       back is the same head. */
    while (!nb_cas_weak_acq_rel(chain, &seat->next, seat)) {
    }
    return seat;
}

/* One that is for everybody. NULL: all are taken. */
static nb_seat *take_shared(nb_seat *seat)
{
    for (; seat != NULL; seat = seat->next) {
        const void *nobody = NULL;

        /* Acquire: the counts of who left it. */
        if (seat->owner == 0 && nb_load_relaxed(&seat->held) == NULL && nb_cas_strong_acquire(&seat->held, &nobody, seat)) {
            return seat;
        }
    }
    return NULL;
}

nb_seat *nb_seat_find(nb_editions *editions)
{
    _Atomic(nb_seat *) *chain = nb_seat_chain(editions);
    nb_seat *first = nb_load_acquire(chain), *seat; /* with the release of new_seat() */
    unsigned owned = 0;

    for (seat = first; seat != NULL; seat = seat->next) {
        if (nb_seat_take_own(seat)) {
            return seat;
        }
        owned += seat->owner != 0;
    }
    seat = owned >= NB_SEATS_OWNED ? take_shared(first) : NULL;
    if (seat == NULL) {
        seat = new_seat(editions, chain, owned < NB_SEATS_OWNED ? nb_self_number() : 0);
    }
    nb_fence_light(); /* as in nb_seat_take_own() */
    return seat;
}

nb_edition *nb_seat_reopen(nb_editions *editions, nb_seat *seat)
{
    nb_edition *edition = nb_load_acquire(&editions->current), *again;

    for (;;) {
        nb_store_release(&seat->held, edition); /* as in nb_seat_open() */
        nb_fence_light();
        again = nb_load_acquire(&editions->current);
        if (again == edition) {
            break;
        }
        edition = again;
    }
    nb_editions_sweep(editions); /* whoever swept meanwhile may have found us at the old one, and left it to us */
    return edition;
}

void nb_seat_recount(nb_editions *editions, nb_seat *seat, const nb_edition *edition)
{
    nb_lock_acquire(&editions->lock);
    fold_seat(seat, edition);
    nb_lock_release(&editions->lock);
}
