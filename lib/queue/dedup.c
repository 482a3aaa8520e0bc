#include "queue/dedup.h"

#include <string.h>

#include "base/keyed_hash.h"
#include "base/number.h"

#ifdef NB_TESTING
#define PER_CHUNK 4u
#define PER_SEGMENT 4u
#else
#define PER_CHUNK 64u
#define PER_SEGMENT 256u
#endif
#define FIRST_ROOM 4u
#define KEY_MAX 128u

void nb_dedup_init(nb_dedup *table, nb_heap *heap, size_t capacity, int64_t window)
{
    *table = (nb_dedup){ .heap = heap, .capacity = capacity, .window = window, .first = 1, .next = 1 };
}

/* An id has no NUL in it, so the id and the group behind one are no other pair's. */
void nb_dedup_hash(const uint64_t key[2], const char *id, const char *group, uint64_t ret[2])
{
    char both[2 * KEY_MAX + 1];
    size_t size = strlen(id);

    if (group == NULL) {
        nb_keyed_hash(key, id, size, ret);
        return;
    }
    memcpy(both, id, size + 1);
    memcpy(both + size + 1, group, strlen(group));
    nb_keyed_hash(key, both, size + 1 + strlen(group), ret);
}

/* ---------------------------------------------------------------------------------------------- memory */

static void *get(nb_dedup *table, size_t size, nimbus_status *status)
{
    void *block = NULL;

    if (size > table->capacity || table->bytes > table->capacity - size) {
        *status = NIMBUS_E_DEDUP_FULL;
        return NULL;
    }
    block = nb_alloc(table->heap, size);
    if (block == NULL) {
        *status = nb_heap_failure(table->heap, size);
        return NULL;
    }
    table->bytes += size;
    return block;
}

static void put(nb_dedup *table, void *block, size_t size)
{
    if (block != NULL) {
        nb_free(table->heap, block, size);
        table->bytes -= size;
    }
}

static void **at(const nb_dedup_list *list, uint64_t number)
{
    return &list->at[number & (list->room - 1)];
}

/* Another room for the numbers [from, to). False: *status says why; nothing has changed. */
static bool resize(nb_dedup *table, nb_dedup_list *list, size_t room, uint64_t from, uint64_t to, nimbus_status *status)
{
    nb_dedup_list other = { get(table, room * sizeof *list->at, status), room };

    if (other.at == NULL) {
        return false;
    }
    memset(other.at, 0, room * sizeof *other.at);
    for (uint64_t number = from; number < to; number++) {
        *at(&other, number) = *at(list, number);
    }
    put(table, list->at, list->room * sizeof *list->at);
    *list = other;
    return true;
}

/* Room for the number to; those in use are [from, to). */
static bool widen(nb_dedup *table, nb_dedup_list *list, uint64_t from, uint64_t to, nimbus_status *status)
{
    return to - from < list->room || resize(table, list, list->room == 0 ? FIRST_ROOM : 2 * list->room, from, to, status);
}

/* Gives half of the room back if a quarter would do. Without memory for it the list stays as it is. */
static void narrow(nb_dedup *table, nb_dedup_list *list, uint64_t from, uint64_t to)
{
    nimbus_status ignored;

    if (list->room > FIRST_ROOM && to - from < list->room / 4) {
        (void)resize(table, list, list->room / 2, from, to, &ignored);
    }
}

static uint64_t chunk_of(uint64_t number)
{
    return number / PER_CHUNK;
}

static nb_dedup_entry *entry_at(const nb_dedup *table, uint64_t number)
{
    nb_dedup_entry *chunk = *at(&table->chunks, chunk_of(number));

    return &chunk[number % PER_CHUNK];
}

static bool lives(const nb_dedup *table, uint64_t number)
{
    return number - table->first < table->next - table->first;
}

void nb_dedup_clear(nb_dedup *table)
{
    for (size_t i = 0; i < table->chunks.room; i++) {
        put(table, table->chunks.at[i], PER_CHUNK * sizeof(nb_dedup_entry));
    }
    for (size_t i = 0; i < table->segments.room; i++) {
        put(table, table->segments.at[i], PER_SEGMENT * sizeof(uint64_t));
    }
    put(table, table->spare, PER_CHUNK * sizeof(nb_dedup_entry));
    put(table, table->chunks.at, table->chunks.room * sizeof(void *));
    put(table, table->segments.at, table->segments.room * sizeof(void *));
    nb_dedup_init(table, table->heap, table->capacity, table->window);
}

/* --------------------------------------------------------------------------------------------- buckets */

/* The highest power of 2 up to n > 0. */
static uint64_t power_below(uint64_t n)
{
    return UINT64_C(1) << (63 - __builtin_clzll(n));
}

/* With n buckets: the hash modulo the power of 2 above n, or that below it if there is no such bucket yet. */
static uint64_t bucket_of(uint64_t hash, uint64_t n)
{
    uint64_t half = power_below(n), bucket = hash & (2 * half - 1);

    return bucket < n ? bucket : bucket - half;
}

static uint64_t *head_at(const nb_dedup *table, uint64_t bucket)
{
    uint64_t *segment = *at(&table->segments, bucket / PER_SEGMENT);

    return &segment[bucket % PER_SEGMENT];
}

/* Deals the chain of the bucket that the last one comes from out to both. */
static void split(nb_dedup *table)
{
    uint64_t last = table->buckets - 1, from = last - power_below(last);
    uint64_t number = *head_at(table, from), *stay = head_at(table, from), *go = head_at(table, last);

    while (lives(table, number)) {
        nb_dedup_entry *entry = entry_at(table, number);
        uint64_t **to = bucket_of(entry->hash[0], table->buckets) == last ? &go : &stay;

        **to = number;
        *to = &entry->next;
        number = entry->next;
    }
    *stay = *go = 0;
}

/* One more bucket. False: *status says why. */
static bool add_bucket(nb_dedup *table, nimbus_status *status)
{
    uint64_t segment = table->buckets / PER_SEGMENT;

    if (table->buckets % PER_SEGMENT == 0) {
        if (!widen(table, &table->segments, 0, segment, status) ||
            (*at(&table->segments, segment) = get(table, PER_SEGMENT * sizeof(uint64_t), status)) == NULL) {
            return false;
        }
    }
    table->buckets++;
    *head_at(table, table->buckets - 1) = 0;
    if (table->buckets > 1) {
        split(table);
    }
    return true;
}

/* One bucket less: its chain joins that of the bucket it came from, newer entries first. There are two at least. */
static void drop_bucket(nb_dedup *table)
{
    uint64_t last = table->buckets - 1, into = last - power_below(last);
    uint64_t one = *head_at(table, into), other = *head_at(table, last), *to = head_at(table, into);

    while (lives(table, one) || lives(table, other)) {
        uint64_t *newer = lives(table, one) && (!lives(table, other) || one > other) ? &one : &other;

        *to = *newer;
        to = &entry_at(table, *newer)->next;
        *newer = *to;
    }
    *to = 0;
    table->buckets--;
    if (table->buckets % PER_SEGMENT == 0) {
        put(table, *at(&table->segments, table->buckets / PER_SEGMENT), PER_SEGMENT * sizeof(uint64_t));
        *at(&table->segments, table->buckets / PER_SEGMENT) = NULL;
        narrow(table, &table->segments, 0, table->buckets / PER_SEGMENT);
    }
}

/* -------------------------------------------------------------------------------------------- forgetting */

static bool oldest_is_over(const nb_dedup *table, int64_t now)
{
    return nb_dedup_oldest_end(table) <= now;
}

static void forget_oldest(nb_dedup *table)
{
    table->first++;
    if (table->first == table->next) {
        nb_dedup_clear(table);
        return;
    }
    if (table->first % PER_CHUNK == 0) {
        void **chunk = at(&table->chunks, chunk_of(table->first) - 1);

        if (table->spare == NULL) {
            table->spare = *chunk;
        } else {
            put(table, *chunk, PER_CHUNK * sizeof(nb_dedup_entry));
        }
        *chunk = NULL;
        narrow(table, &table->chunks, chunk_of(table->first), chunk_of(table->next) + 1);
    }
    for (unsigned i = 0; i < 2 && table->buckets > 2 * nb_dedup_count(table) + PER_SEGMENT; i++) {
        drop_bucket(table);
    }
}

int64_t nb_dedup_oldest_end(const nb_dedup *table)
{
    return table->first == table->next ? INT64_MAX : entry_at(table, table->first)->end;
}

bool nb_dedup_expire(nb_dedup *table, int64_t now, uint64_t max)
{
    while (max-- > 0) {
        if (!oldest_is_over(table, now)) {
            return false;
        }
        forget_oldest(table);
    }
    return oldest_is_over(table, now);
}

/* ------------------------------------------------------------------------------------------- remembering */

const nb_dedup_entry *nb_dedup_find(nb_dedup *table, const uint64_t hash[2], int64_t now)
{
    uint64_t number = table->buckets > 0 ? *head_at(table, bucket_of(hash[0], table->buckets)) : 0;

    while (lives(table, number)) {
        const nb_dedup_entry *entry = entry_at(table, number);

        if (entry->end <= now) {
            return NULL; /* and so are all behind it */
        }
        if (entry->hash[0] == hash[0] && entry->hash[1] == hash[1]) {
            return entry;
        }
        number = entry->next;
    }
    return NULL;
}

/* A chunk for the next entry. */
static bool have_chunk(nb_dedup *table, nimbus_status *status)
{
    uint64_t first = chunk_of(table->first), next = chunk_of(table->next);

    if (table->chunks.room > next - first && *at(&table->chunks, next) != NULL) {
        return true;
    }
    if (!widen(table, &table->chunks, first, next, status)) {
        return false;
    }
    if (table->spare == NULL) {
        table->spare = get(table, PER_CHUNK * sizeof(nb_dedup_entry), status);
    }
    *at(&table->chunks, next) = table->spare;
    table->spare = NULL;
    return *at(&table->chunks, next) != NULL;
}

nimbus_status nb_dedup_reserve(nb_dedup *table, int64_t now)
{
    nimbus_status status = NIMBUS_OK;

    (void)nb_dedup_expire(table, now, NB_DEDUP_STEP);
    while (!have_chunk(table, &status) || (table->buckets <= nb_dedup_count(table) && !add_bucket(table, &status))) {
        if (!oldest_is_over(table, now)) {
            if (table->first == table->next) {
                nb_dedup_clear(table); /* half of what the first one needs */
            }
            return status;
        }
        (void)nb_dedup_expire(table, now, PER_CHUNK);
        status = NIMBUS_OK;
    }
    return NIMBUS_OK;
}

void nb_dedup_remember(nb_dedup *table, const uint64_t hash[2], uint64_t id, uint64_t sequence, int64_t now)
{
    uint64_t *head = head_at(table, bucket_of(hash[0], table->buckets));
    int64_t end = nb_add_time(now, table->window), last = table->first == table->next ? 0 : entry_at(table, table->next - 1)->end;

    *entry_at(table, table->next) = (nb_dedup_entry){ .hash = { hash[0], hash[1] }, .id = id, .sequence = sequence,
        .end = end > last ? end : last, /* two readings of the clock may come in the wrong order */
        .next = *head };
    *head = table->next++;
}
