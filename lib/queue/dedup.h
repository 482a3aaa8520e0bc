/*
 * dedup.h - what a FIFO queue remembers of the messages that it was sent: which deduplication ids, for 5 minutes (SQS-F15 to F20, F23).
 *
 * An id stands in the table as a keyed hash of 128 bits, whatever it was made of: an id that a sender gave and the digits of a body's
 * SHA-256 are one name space (F17). With the scope of a group the group id is part of the key (F20). Two ids of one hash would be
 * taken for one; with 2^-128 a pair that does not happen, and who does not know the key cannot bring it about (base/keyed_hash.h).
 *
 * Since the window is constant, entries end in the order in which they came: they lie in a queue of chunks, and forgetting the oldest is a
 * step of its front. They are found through buckets, each a line of the cache: seven slots with half a word of the hash and the number of
 * an entry, and for what finds no slot a chain from newer to older entries. A number that is gone frees its slot, and ends the chain, for
 * all behind it are older and gone, too; so nobody looks for an entry that ends. A look-up of an id that is new reads one line, rarely
 * more. The number of buckets follows that of the entries, one by one (linear hashing, Litwin 1980): no call moves more than a bucket or
 * two, none stops the queue to build a table anew, and a split reads the slots and not the entries.
 *
 * 44 bytes an entry, 18 to 27 for its part of a bucket, and all of it is counted and bounded. Nothing is forgotten before its time: without
 * room the send fails (F23). No memory is touched for who never sends.
 *
 * Everything is called under the store's lock, but for nb_dedup_hash and nb_dedup_prefetch.
 */
#ifndef NB_QUEUE_DEDUP_H
#define NB_QUEUE_DEDUP_H

#include "memory/message.h"

#define NB_DEDUP_WINDOW NIMBUS_SECONDS(300)
#define NB_DEDUP_STEP 4u /* entries that an admission forgets at most, beside those whose room it needs */

typedef struct nb_dedup_entry {
    uint64_t hash[2];
    uint64_t id, sequence; /* of the message */
    int64_t end;           /* elapsed */
} nb_dedup_entry;

/* Pointers by number: those from one number up to another are in use. */
typedef struct nb_dedup_list {
    void **at;
    size_t room; /* power of 2; or 0 */
} nb_dedup_list;

/* Segments of buckets, larger ones the more there are: eight each time that their number doubles. They lie in a table apart, which lives as
 * long as anybody may guess (nb_dedup_prefetch), whatever becomes of the segments. Changed under the lock. */
#define NB_DEDUP_ROOTS 176u

typedef struct nb_dedup_roots {
    void *_Atomic at[NB_DEDUP_ROOTS];
} nb_dedup_roots;

typedef struct nb_dedup {
    nb_heap *heap;
    int64_t window;
    size_t capacity, bytes;
    uint64_t first, next;   /* numbers of the oldest entry, and of the one to come; from 1 */
    int64_t soonest, latest; /* ends of the oldest and of the newest; of none: INT64_MAX, 0 */
    nb_dedup_list chunks;   /* of entries */
    void *filling;          /* the chunk that has room for the next entry; NULL: it is not made, or not asked for */
    void *spare;            /* a chunk */
    nb_dedup_roots *roots;
    _Atomic uint64_t buckets; /* changed under the lock; relaxed: who reads it without has a guess (nb_dedup_prefetch) */
    void *found;            /* the bucket of the hash that was asked for last, until the next call */
} nb_dedup;

/* window: NB_DEDUP_WINDOW, and the clock's tick. roots: all NULL; they stay the caller's. */
void nb_dedup_init(nb_dedup *table, nb_dedup_roots *roots, nb_heap *heap, size_t capacity, int64_t window);

/* Forgets everything and gives all memory back. */
void nb_dedup_clear(nb_dedup *table);

/* The two words that stand for an id, and for that of its group, too, if by_group. Needs no lock. */
void nb_dedup_hash(const uint64_t key[2], const nb_keys *keys, bool by_group, uint64_t ret[2]);

/*
 * This hash will be looked for soon: its bucket is on its way to the cache. In a large table that is a miss, which is as long as all else
 * that is done for a message; so it is begun before the message is made. Needs no lock: it reads two words, which may be of different
 * moments, and gives the processor an address that may be wrong by now; nothing else is done with it.
 */
void nb_dedup_prefetch(nb_dedup *table, const uint64_t hash[2]);

/*
 * Whether somebody has this hash now: NIMBUS_DUPLICATE, and *ret_seen until the next call. Else sees that it can be remembered: NIMBUS_OK,
 * NIMBUS_E_DEDUP_FULL, NIMBUS_E_NO_MEMORY, NIMBUS_E_FULL (the instance's budget).
 */
nimbus_status nb_dedup_admit(nb_dedup *table, const uint64_t hash[2], int64_t now, const nb_dedup_entry **ret_seen);

/* Right behind an admit of this hash that answered NIMBUS_OK. */
void nb_dedup_remember(nb_dedup *table, const uint64_t hash[2], uint64_t id, uint64_t sequence, int64_t now);

/* Forgets what is over, max entries at most. Whether there may be more. */
bool nb_dedup_expire(nb_dedup *table, int64_t now, uint64_t max);

/* When the oldest ends; INT64_MAX: nothing is remembered. */
int64_t nb_dedup_oldest_end(const nb_dedup *table);

static inline uint64_t nb_dedup_count(const nb_dedup *table)
{
    return table->next - table->first;
}

#endif
