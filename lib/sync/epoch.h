/*
 * epoch.h - when may memory be freed that others read without a lock? When all who were reading have left.
 *
 *     nb_epoch_record *inside = nb_epoch_enter(epoch);
 *     read what is published; do not keep pointers to it beyond the leave
 *     nb_epoch_leave(inside);
 *
 * A writer takes an object out of what is published, then retires it; it is freed by a later nb_epoch_poll(), when everybody has left who
 * was inside when it was retired. No handler of a user's runs inside, nothing waits inside: a reader that stays holds up all freeing.
 *
 * The number. `now` counts up; a reader writes down the number that it finds when it enters, and 0 when it leaves. What is retired gets the
 * number of that moment. To free, a poll raises the number and looks at all readers: what was retired before the lowest number that it
 * finds is out of everybody's reach. So one look is enough for a reader that leaves, and readers never wait.
 *
 * Records. Each thread has a record for each epoch that it uses: nb_self remembers two of them, a list has them all. A thread that ends
 * hands them back for the next one, so there are never more records than there were threads at one time. When there is no memory for a
 * record, or the thread is about to end, the two shared records are used, which are counted under the epoch's lock: slower, but right.
 *
 * The end. An epoch can end while threads live that have a record for it: it takes its records out of their lists; what nb_self remembers
 * is compared with the epoch's serial number, which no other epoch ever gets, and is not looked at otherwise.
 *
 * Ordering.
 * - Enter: store of the number, light fence, reads. Poll: what was taken out before, heavy fence, look at the records. The pair: either
 *   the poll sees the number, or the reader sees that the object is out. Without either fence a reader walks an object that is freed.
 * - A reader that finds the number n (acquire; the poll's store is a release, under the lock under which all before n was retired) sees
 *   that everything retired before n is out. So it does not matter for those that it is inside.
 * - Leave: release store of 0; the poll's acquire load: all reads are over before the memory is freed. Enter's store is a release, too:
 *   the poll may see the next number instead of the 0 before it.
 */
#ifndef NB_SYNC_EPOCH_H
#define NB_SYNC_EPOCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"
#include "platform/lock.h"
#include "platform/self.h"
#include "sync/atomic.h"

/* In what is retired, so that retiring needs no memory. */
typedef struct nb_epoch_item {
    struct nb_epoch_item *next;
    uint64_t retired; /* the number at that moment */
    void (*let_go)(struct nb_epoch_item *item);
} nb_epoch_item;

typedef struct nb_epoch_record {
    _Atomic uint64_t inside; /* the number at the enter; 0: outside. Written by its thread, or under the epoch's lock if shared */
    uint32_t nesting;        /* enters without their leave; of its thread, or of all if shared */
    bool shared;
    struct nb_epoch *epoch;
    struct nb_epoch_record *next; /* of the epoch; set once */
    /* Under nb_self_lock(): */
    nb_self *thread; /* whose it is; NULL: free */
    struct nb_epoch_record *thread_prev, *thread_next; /* of the thread; of a free one: the next free one */
    char gap[64];    /* neighbours do not share its line */
} nb_epoch_record;

typedef struct nb_epoch {
    _Atomic uint64_t now; /* changed under the lock */
    uint64_t serial;
    nb_heap *heap;
    _Atomic(nb_epoch_record *) records; /* all but the shared ones; put on under nb_self_lock(), taken off at the end */
    nb_epoch_record *free_records;      /* under nb_self_lock() */
    nb_lock lock;
    /* Under the lock: */
    nb_epoch_item *oldest, *youngest; /* retired */
    uint64_t safe;                    /* what was retired before this number can be let go */
    _Atomic uint64_t waiting;         /* how many are retired; read without the lock, relaxed: a hint */
    nb_epoch_record shared[2];
    uint32_t shared_newer; /* which of them is entered */
} nb_epoch;

/* Needs no memory before the first enter. */
void nb_epoch_init(nb_epoch *epoch, nb_heap *heap);

/* Nobody is inside or comes in. Lets go of all that is retired, in order. */
void nb_epoch_fini(nb_epoch *epoch);

/*
 * item is out of what is published, by a store before this call. let_go(item) is called once, by a poll or the end, on any thread and
 * without a lock of the epoch's; it may retire others.
 */
void nb_epoch_retire(nb_epoch *epoch, nb_epoch_item *item, void (*let_go)(nb_epoch_item *item));

#define NB_EPOCH_BATCH 64u

/*
 * Lets go of what nobody can reach any more, oldest first, at most NB_EPOCH_BATCH. Returns how many. Costs a system call if something is
 * retired, else one load. Allowed inside.
 */
size_t nb_epoch_poll(nb_epoch *epoch);

/* Whether anything is retired and not let go of; a hint while others retire. */
static inline bool nb_epoch_pending(const nb_epoch *epoch)
{
    return nb_load_relaxed(&epoch->waiting) != 0;
}

/* Returns when everybody has left who is inside now. Not inside: it would wait for itself. */
void nb_epoch_synchronize(nb_epoch *epoch);

/* The record of this thread; NULL: it can have none now. */
nb_epoch_record *nb_epoch_find(nb_epoch *epoch);
nb_epoch_record *nb_epoch_enter_shared(nb_epoch *epoch);
void nb_epoch_leave_shared(nb_epoch_record *record);

/* Enters nest. Returns what the leave wants, on the same thread. */
static inline nb_epoch_record *nb_epoch_enter(nb_epoch *epoch)
{
    const nb_self_known *known = &nb_self_get()->epoch[0];
    nb_epoch_record *record = known->owner == epoch->serial ? known->mine : nb_epoch_find(epoch);

    if (record == NULL) {
        return nb_epoch_enter_shared(epoch);
    }
    if (record->nesting++ == 0) {
        /* Acquire: pairs with the release in raise_number(). Release: the reads of the last time inside are over. */
        nb_store_release(&record->inside, nb_load_acquire(&epoch->now));
        nb_fence_light(); /* pairs with nb_fence_heavy() in look() and nb_epoch_synchronize(): say that we are inside, then read */
    }
    return record;
}

static inline void nb_epoch_leave(nb_epoch_record *record)
{
    if (record->shared) {
        nb_epoch_leave_shared(record);
    } else if (--record->nesting == 0) {
        nb_store_release(&record->inside, 0); /* pairs with the acquire in lowest() */
    }
}

#endif
