/*
 * grace.h - when something that readers may still look at can be given back. Readers never wait, and nobody waits for them.
 *
 * A reader counts itself in one of two counters while it reads. Whoever takes something out of sight hands it to nb_grace_retire() with
 * the phase of the moment at which it is taken note of. A phase ends, and the next begins, only at a moment at which the counter of the
 * other parity is zero; what was retired in phase t is given back in phase t + 2. Between, both counters have been seen at zero, each after
 * the thing was out of sight: so no reader that could have seen it is left. The counters are striped, so that readers on different cores do
 * not share a line.
 *
 * Ordering. Enter counts up by a read-modify-write and then fences; retire takes the thing out of sight, then fences, then looks at the
 * counters. So either the look sees the reader, or the reader does not see the thing. Leave counts down with release, which the look at
 * the counters acquires: the reader's last accesses come before the end of the thing. Leave fences before it looks whether something waits,
 * and retire links before it fences and looks at the counters: so of the last reader and the one who retires, at least one sees the other.
 */
#ifndef NB_PATTERN_GRACE_H
#define NB_PATTERN_GRACE_H

#include "base/heap.h"

#include "sync/atomic.h"

#define NB_GRACE_STRIPES 8u

struct nb_retired;

/* Gives one thing back; heap and owner are those of the grace. */
typedef void nb_end_fn(struct nb_retired *retired, nb_heap *heap, void *owner);

/* Lies inside what is retired, so that retiring needs no memory. */
typedef struct nb_retired {
    struct nb_retired *next;
    nb_end_fn *end;
    uint32_t phase;
} nb_retired;

typedef struct nb_grace_stripe {
    _Atomic uint32_t readers[2];
    char apart[56]; /* to the next line */
} nb_grace_stripe;

typedef struct nb_grace {
    nb_grace_stripe stripes[NB_GRACE_STRIPES];
    _Atomic uint32_t phase;
    _Atomic bool busy;              /* somebody is looking what can be given back; guards `waiting` */
    _Atomic bool again;             /* who is busy looks once more */
    _Atomic(nb_retired *) fresh;    /* pushed by anybody, taken by who is busy */
    _Atomic uint32_t pending;       /* retired and not given back */
    nb_retired *waiting;
    nb_heap *heap;                  /* handed to end(), and the owner */
    void *owner;
} nb_grace;

void nb_grace_open(nb_grace *grace, nb_heap *heap, void *owner);

/* Gives everything back; no reader is left. */
void nb_grace_close(nb_grace *grace);

/* Answers a ticket for nb_grace_leave. */
uint32_t nb_grace_enter(nb_grace *grace);
void nb_grace_leave(nb_grace *grace, uint32_t ticket);

/* The thing is out of sight; nb_grace_collect() is to follow, once no lock is held. */
void nb_grace_retire(nb_grace *grace, nb_retired *retired, nb_end_fn *end);

/* Gives back what no reader can see any more: end() runs once for each, perhaps later, on the thread of the last reader. */
void nb_grace_collect(nb_grace *grace);

#endif
