/*
 * dedup_buckets.c - how an entry is found: buckets of one line each.
 *
 * A slot leads to an entry by the low half of its number, and has the low half of the hash (its tag), so that neither a look-up nor a split
 * reads an entry that it does not need. What has found all slots in use is in a chain; traces of the tags in it keep most look-ups of other
 * ids out of it.
 *
 * A number's low half comes again after 2^32 entries. Then a slot that was not used since leads to some other entry: a look-up compares
 * the whole hash, and so does whoever puts what is in a slot into a chain. Chains begin by 48 bits, which come again after nine years of a
 * million entries a second, and go on by steps between entries that live: what is gone stays gone.
 */
#include "queue/dedup_inside.h"

#define SLOTS 7u

typedef struct bucket {
    uint32_t tags[SLOTS];
    uint32_t numbers[SLOTS];
    uint64_t more; /* low 48 bits: of the number of the newest of the chain; of none: of one that is gone. Above: traces of its tags */
} bucket;

#define NUMBER_MASK ((UINT64_C(1) << 48) - 1)

_Static_assert(sizeof(bucket) == NB_DEDUP_LINE, "a bucket is a line");

/* The highest power of 2 up to n > 0. */
static uint64_t power_below(uint64_t n)
{
    return UINT64_C(1) << (63 - __builtin_clzll(n));
}

/* With n buckets: the hash modulo the power of 2 above n, or that below it if there is no such bucket yet. */
static uint64_t bucket_of(uint64_t hash, uint64_t n)
{
    uint64_t half = power_below(n), number = hash & (2 * half - 1);

    return number < n ? number : number - half;
}

/* Where a bucket lies. 16 segments are of the smallest size, from then on each doubling has 8 of the same one. */
typedef struct place {
    uint32_t segment, within;
    uint32_t room; /* buckets in the segment */
} place;

static inline place place_of(uint64_t number)
{
    unsigned high = number >> (NB_DEDUP_SEGMENT_SHIFT + 3) == 0 ? NB_DEDUP_SEGMENT_SHIFT + 3 : 63u - (unsigned)__builtin_clzll(number);
    uint32_t room = 1u << (high - 3);

    return (place){ ((high - 3 - NB_DEDUP_SEGMENT_SHIFT) << 3) + (uint32_t)(number >> (high - 3)), (uint32_t)number & (room - 1), room };
}

/* One line more, so that the buckets can begin with a line. */
static size_t size_of(uint32_t room)
{
    return (room + 1) * (size_t)NB_DEDUP_LINE;
}

static inline uintptr_t address_in(const void *segment, uint32_t within)
{
    return (((uintptr_t)segment + NB_DEDUP_LINE - 1) & ~(uintptr_t)(NB_DEDUP_LINE - 1)) + within * (uintptr_t)NB_DEDUP_LINE;
}

static inline bucket *bucket_at(nb_dedup *table, uint64_t number)
{
    place at = place_of(number);

    return (bucket *)address_in(nb_load_relaxed(&table->roots->at[at.segment]), at.within);
}

static inline uint64_t bucket_count(nb_dedup *table)
{
    return nb_load_relaxed(&table->buckets);
}

static bool slot_lives(const nb_dedup *table, const bucket *in, unsigned slot)
{
    return in->numbers[slot] - (uint32_t)table->first < (uint32_t)nb_dedup_count(table);
}

/* Of a slot that lives. */
static uint64_t number_in(const nb_dedup *table, const bucket *in, unsigned slot)
{
    return table->first + (in->numbers[slot] - (uint32_t)table->first);
}

/* False: all slots are in use. */
static bool put_in_slot(const nb_dedup *table, bucket *to, uint32_t tag, uint64_t number)
{
    uint32_t first = (uint32_t)table->first, count = (uint32_t)nb_dedup_count(table);

    for (unsigned i = 0; i < SLOTS; i++) {
        if (to->numbers[i] - first >= count) { /* it does not live */
            to->tags[i] = tag;
            to->numbers[i] = (uint32_t)number;
            return true;
        }
    }
    return false;
}

static uint64_t behind(const nb_dedup *table, uint64_t number)
{
    const nb_dedup_chunk *from = nb_dedup_chunk_at(table, number);
    uint32_t step = from->steps[number % NB_DEDUP_CHUNK];

    return step != 0 ? number - step : 0;
}

/* older: of none that lives: 0. Both live, or number is to live next: so the step fits. */
static void set_behind(nb_dedup *table, uint64_t number, uint64_t older)
{
    nb_dedup_chunk *to = nb_dedup_chunk_at(table, number);

    to->steps[number % NB_DEDUP_CHUNK] = older != 0 ? (uint32_t)(number - older) : 0;
}

/* A bit for each sixteenth of all tags: without it in `more` none of these is in the chain, which need not be read then. What was in a
 * chain that is over may have left some behind. */
static uint64_t trace_of(uint32_t tag)
{
    return UINT64_C(1) << (48 + (tag >> 28));
}

/* The newest of the chain, unless that is gone. */
static uint64_t newest(const nb_dedup *table, const bucket *of)
{
    return table->first + ((of->more - table->first) & NUMBER_MASK);
}

static void lead_to(bucket *from, uint64_t number)
{
    from->more = (from->more & ~NUMBER_MASK) | (number & NUMBER_MASK);
}

static void unchain(const nb_dedup *table, bucket *from)
{
    from->more = (table->first - 1) & NUMBER_MASK;
}

/* To the end of a chain whose last one is *last (0: it is empty). trace: of its tag, unless that is there. */
static void append(nb_dedup *table, bucket *to, uint64_t number, uint64_t trace, uint64_t *last)
{
    if (*last == 0) {
        lead_to(to, number);
    } else {
        set_behind(table, *last, number);
    }
    to->more |= trace;
    set_behind(table, number, 0);
    *last = number;
}

/* To its place in the chain, unless it is there; nothing if it is not the one that the tag is of. */
static void insert(nb_dedup *table, bucket *to, uint32_t tag, uint64_t number)
{
    uint64_t before = 0, older = newest(table, to);

    if ((uint32_t)nb_dedup_entry_at(table, number)->hash[0] != tag) {
        return;
    }
    while (nb_dedup_lives(table, older) && older > number) {
        before = older;
        older = behind(table, older);
    }
    if (older == number) {
        return;
    }
    set_behind(table, number, nb_dedup_lives(table, older) ? older : 0);
    if (before != 0) {
        set_behind(table, before, number);
    } else {
        lead_to(to, number);
    }
    to->more |= trace_of(tag);
}

/* The bucket that will be dealt out next: the newest of its chain is on its way to the cache. */
static void expect_split(nb_dedup *table, uint64_t number)
{
    uint64_t first = newest(table, bucket_at(table, number));

    if (nb_dedup_lives(table, first)) {
        __builtin_prefetch(nb_dedup_entry_at(table, first));
    }
}

/* Deals the bucket that the last one comes from out to both. */
static void split(nb_dedup *table)
{
    uint64_t buckets = bucket_count(table), last = buckets - 1, from = last - power_below(last), ends[2] = { 0, 0 };
    bucket *stay = bucket_at(table, from), *go = bucket_at(table, last);
    uint64_t number = newest(table, stay);

    for (unsigned i = 0; i < SLOTS; i++) {
        if (slot_lives(table, stay, i) && bucket_of(stay->tags[i], buckets) == last) {
            (void)put_in_slot(table, go, stay->tags[i], number_in(table, stay, i)); /* it has as many */
            stay->numbers[i] = (uint32_t)table->first - 1;
        }
    }
    unchain(table, stay);
    while (nb_dedup_lives(table, number)) {
        uint64_t older = behind(table, number), hash = nb_dedup_entry_at(table, number)->hash[0];
        bool goes = bucket_of(hash, buckets) == last;

        if (!put_in_slot(table, goes ? go : stay, (uint32_t)hash, number)) {
            append(table, goes ? go : stay, number, trace_of((uint32_t)hash), &ends[goes]);
        }
        number = older;
    }
    expect_split(table, from + 1);
}

/* One more bucket. False: *status says why. */
static bool add_bucket(nb_dedup *table, nimbus_status *status)
{
    uint64_t number = bucket_count(table);
    place at = place_of(number);
    bucket *new;

    if (at.within == 0) {
        void *segment = nb_dedup_get(table, size_of(at.room), status);

        if (segment == NULL) {
            return false;
        }
        nb_store_relaxed(&table->roots->at[at.segment], segment);
    }
    nb_store_relaxed(&table->buckets, number + 1);
    new = bucket_at(table, number);
    unchain(table, new);
    for (unsigned i = 0; i < SLOTS; i++) {
        new->tags[i] = 0;
        new->numbers[i] = (uint32_t)table->first - 1;
    }
    if (number > 0) {
        split(table);
    }
    return true;
}

/* The memory of a segment whose buckets are gone. */
static void drop_segment(nb_dedup *table, place at)
{
    void *segment = nb_load_relaxed(&table->roots->at[at.segment]);

    nb_store_relaxed(&table->roots->at[at.segment], NULL);
    nb_dedup_put(table, segment, size_of(at.room));
}

void nb_dedup_drop_buckets(nb_dedup *table)
{
    uint64_t number = bucket_count(table);

    nb_store_relaxed(&table->buckets, 0);
    while (number > 0) { /* the last bucket of each segment */
        place at = place_of(number - 1);

        drop_segment(table, at);
        number -= at.within + 1;
    }
}

/* What the last bucket has joins the bucket it came from, chains from newer to older. There are two at least. */
static void drop_bucket(nb_dedup *table)
{
    uint64_t last = bucket_count(table) - 1, end = 0;
    bucket *into = bucket_at(table, last - power_below(last)), *from = bucket_at(table, last);
    uint64_t one = newest(table, into), other = newest(table, from), traces = (into->more | from->more) & ~NUMBER_MASK;

    unchain(table, into);
    into->more |= traces;
    while (nb_dedup_lives(table, one) || nb_dedup_lives(table, other)) {
        uint64_t *newer = nb_dedup_lives(table, one) && (!nb_dedup_lives(table, other) || one > other) ? &one : &other, number = *newer;

        *newer = behind(table, number);
        append(table, into, number, 0, &end);
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slot_lives(table, from, i) && !put_in_slot(table, into, from->tags[i], number_in(table, from, i))) {
            insert(table, into, from->tags[i], number_in(table, from, i));
        }
    }
    nb_store_relaxed(&table->buckets, last);
    if (place_of(last).within == 0) {
        drop_segment(table, place_of(last));
    }
}

bool nb_dedup_more_buckets(nb_dedup *table, nimbus_status *status)
{
    return nb_dedup_buckets_do(table, nb_dedup_count(table)) || add_bucket(table, status);
}

void nb_dedup_fewer_buckets(nb_dedup *table)
{
    if (NB_DEDUP_FILL * bucket_count(table) > 3 * nb_dedup_count(table) + NB_DEDUP_FILL * NB_DEDUP_SEGMENT) {
        drop_bucket(table);
    }
}

static bool same(const nb_dedup_entry *entry, const uint64_t hash[2])
{
    return entry->hash[0] == hash[0] && entry->hash[1] == hash[1];
}

void nb_dedup_prefetch(nb_dedup *table, const uint64_t hash[2])
{
    uint64_t buckets = bucket_count(table);

    if (buckets > 0) {
        place at = place_of(bucket_of(hash[0], buckets));

        __builtin_prefetch((const void *)address_in(nb_load_relaxed(&table->roots->at[at.segment]), at.within), 1);
    }
}

const nb_dedup_entry *nb_dedup_find(nb_dedup *table, const uint64_t hash[2], int64_t now)
{
    uint32_t tag = (uint32_t)hash[0];
    bucket *in;

    if (bucket_count(table) == 0) {
        return NULL;
    }
    table->found = in = bucket_at(table, bucket_of(hash[0], bucket_count(table)));
    for (unsigned i = 0; i < SLOTS; i++) {
        if (in->tags[i] == tag && slot_lives(table, in, i)) {
            const nb_dedup_entry *entry = nb_dedup_entry_at(table, number_in(table, in, i));

            if (same(entry, hash) && entry->end > now) {
                return entry;
            }
        }
    }
    if ((in->more & trace_of(tag)) == 0) {
        return NULL;
    }
    for (uint64_t number = newest(table, in); nb_dedup_lives(table, number); number = behind(table, number)) {
        const nb_dedup_entry *entry = nb_dedup_entry_at(table, number);

        if (entry->end <= now) {
            return NULL; /* and so are all behind it */
        }
        if (same(entry, hash)) {
            return entry;
        }
    }
    return NULL;
}

void nb_dedup_link(nb_dedup *table)
{
    uint64_t number = table->next, older;
    bucket *to = table->found;
    uint32_t tag = (uint32_t)nb_dedup_entry_at(table, number)->hash[0];

    if (!put_in_slot(table, to, tag, number)) {
        older = newest(table, to);
        if (nb_dedup_lives(table, older)) {
            set_behind(table, number, older);
        } else {
            set_behind(table, number, 0);
            to->more = 0;
        }
        lead_to(to, number);
        to->more |= trace_of(tag);
    }
}
