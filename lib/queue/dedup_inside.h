/*
 * dedup_inside.h - the two halves of a table of deduplication ids: entries (dedup.c) and the buckets that find them (dedup_buckets.c).
 */
#ifndef NB_QUEUE_DEDUP_INSIDE_H
#define NB_QUEUE_DEDUP_INSIDE_H

#include "queue/dedup.h"

#ifdef NB_TESTING
#define NB_DEDUP_CHUNK 4u
#define NB_DEDUP_SEGMENT_SHIFT 2u
#define NB_DEDUP_MOST (UINT64_C(1) << 15)
#else
#define NB_DEDUP_CHUNK 64u   /* entries */
#define NB_DEDUP_SEGMENT_SHIFT 6u
#define NB_DEDUP_MOST (UINT64_C(1) << 31) /* the low halves of numbers tell entries apart, and from those that are gone */
#endif
#define NB_DEDUP_SEGMENT (1u << NB_DEDUP_SEGMENT_SHIFT) /* buckets in the smallest ones, of which there are 16 */
#define NB_DEDUP_LINE 64u
#define NB_DEDUP_FILL 7u /* entries in two buckets, on average: with 3.5 half as many overflow as with 4 */

typedef struct nb_dedup_chunk {
    nb_dedup_entry entries[NB_DEDUP_CHUNK];
    uint32_t steps[NB_DEDUP_CHUNK]; /* of a chain: how many numbers it is to the next older one; 0: there is none */
} nb_dedup_chunk;

static inline void **nb_dedup_at(const nb_dedup_list *list, uint64_t number)
{
    return &list->at[number & (list->room - 1)];
}

static inline nb_dedup_chunk *nb_dedup_chunk_at(const nb_dedup *table, uint64_t number)
{
    return *nb_dedup_at(&table->chunks, number / NB_DEDUP_CHUNK);
}

static inline nb_dedup_entry *nb_dedup_entry_at(const nb_dedup *table, uint64_t number)
{
    return &nb_dedup_chunk_at(table, number)->entries[number % NB_DEDUP_CHUNK];
}

/* As many buckets as so many entries and one more need. */
static inline bool nb_dedup_buckets_do(nb_dedup *table, uint64_t entries)
{
    return NB_DEDUP_FILL * nb_load_relaxed(&table->buckets) > 2 * entries;
}

static inline bool nb_dedup_lives(const nb_dedup *table, uint64_t number)
{
    return number - table->first < table->next - table->first;
}

/* NULL: *status says why. */
void *nb_dedup_get(nb_dedup *table, size_t size, nimbus_status *status);
void nb_dedup_put(nb_dedup *table, void *block, size_t size); /* block may be NULL */

/* Room for the number to; those in use are [from, to). False: *status says why; nothing has changed. */
bool nb_dedup_widen(nb_dedup *table, nb_dedup_list *list, uint64_t from, uint64_t to, nimbus_status *status);
/* Gives half of the room back if a quarter would do. */
void nb_dedup_narrow(nb_dedup *table, nb_dedup_list *list, uint64_t from, uint64_t to);

/* Who has this hash now; NULL: nobody. The bucket that was looked through is found. */
const nb_dedup_entry *nb_dedup_find(nb_dedup *table, const uint64_t hash[2], int64_t now);

/* Gives the memory of all buckets back. */
void nb_dedup_drop_buckets(nb_dedup *table);

/* As many buckets as one more entry needs. False: *status says why. */
bool nb_dedup_more_buckets(nb_dedup *table, nimbus_status *status);
void nb_dedup_fewer_buckets(nb_dedup *table); /* one less, if there are too many */

/* The entry with the next number, which is written, can be found from now on, in the bucket that was found. */
void nb_dedup_link(nb_dedup *table);

#endif
