/*
 * wheel.h - deadlines in order: a hierarchy of bitmaps and lists, 16 bytes an entry. Not for two threads at once: the owner has a lock.
 *
 * An entry is a number below capacity; what it stands for is the owner's business. It has two 32-bit links and its whole deadline, in
 * nanoseconds: which list it is in follows from the deadline and from base, so nothing else has to be stored and nothing is rounded.
 *
 * Levels. A deadline is read as 11 digits of 6 bits. It belongs to the level of the highest digit in which it differs from base, and
 * there to the bucket of that digit. So all of a lower level is earlier than all of a higher one, and within a level a bucket with a
 * smaller digit is earlier: the first bucket is two searches for a bit. Setting and clearing are a few stores.
 *
 * base never passes a deadline. It moves to the start of the first bucket when that one is spread over the levels below it. Only a
 * bucket of more than NB_WHEEL_FEW entries whose time has begun is spread; a smaller one is searched, which costs less than moving
 * it, and an entry is moved at most ten times, however far away it is. A large bucket in the future is searched whole, once: the
 * result is remembered until that entry goes.
 *
 * Order. Equal deadlines are in the same bucket at any time, each new one at the end, and spreading keeps the order: so they come out as
 * they were set.
 */
#ifndef NB_TIME_WHEEL_H
#define NB_TIME_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"

#define NB_WHEEL_NONE UINT32_MAX
#define NB_WHEEL_BITS 6
#define NB_WHEEL_LEVELS 11 /* of 6 bits: 63 and more */
#define NB_WHEEL_HEADS ((NB_WHEEL_LEVELS - 1) * 64 + 8)

typedef struct nb_wheel_link {
    uint32_t next, prev; /* heads are numbered first, then the entries; to itself: in no list */
} nb_wheel_link;

typedef struct nb_wheel_entry {
    nb_wheel_link link;
    int64_t due;
} nb_wheel_entry;

typedef struct nb_wheel {
    nb_heap *heap;
    nb_wheel_entry *entries;
    uint32_t capacity, count; /* count: set ones */
    uint32_t first;           /* the earliest entry, if it is known; NB_WHEEL_NONE: it has to be searched */
    uint32_t levels;          /* bit n: level n is not empty */
    int64_t base, floor;      /* floor: the latest time that nb_wheel_first() was told */
    uint64_t buckets[NB_WHEEL_LEVELS];
    nb_wheel_link heads[NB_WHEEL_HEADS];
} nb_wheel;

/* Without entries. No deadline lies before now. */
void nb_wheel_init(nb_wheel *wheel, nb_heap *heap, int64_t now);
void nb_wheel_fini(nb_wheel *wheel);

/* Room for at least capacity entries, all old ones as they are. False: out of memory, nothing changed. */
bool nb_wheel_grow(nb_wheel *wheel, uint32_t capacity);

/* Sets or moves an entry. A deadline before the latest time of nb_wheel_first() may count as that time. */
void nb_wheel_set(nb_wheel *wheel, uint32_t entry, int64_t due);
void nb_wheel_clear(nb_wheel *wheel, uint32_t entry); /* nothing if it is not set */

/* The earliest entry, of equal ones that which was set first; NB_WHEEL_NONE: none is set. */
uint32_t nb_wheel_first(nb_wheel *wheel, int64_t now);

static inline int64_t nb_wheel_due(const nb_wheel *wheel, uint32_t entry)
{
    return wheel->entries[entry].due;
}

#endif
