#include "queue/dedup_inside.h"

#include <string.h>

#include "base/keyed_hash.h"
#include "base/number.h"

#define FIRST_ROOM 4u

/* No entry; the buckets are another matter. */
static void reset(nb_dedup *table)
{
    table->first = table->next = 1;
    table->soonest = INT64_MAX;
    table->latest = 0;
    table->chunks = (nb_dedup_list){ NULL, 0 };
    table->filling = table->spare = table->found = NULL;
}

void nb_dedup_init(nb_dedup *table, nb_dedup_roots *roots, nb_heap *heap, size_t capacity, int64_t window)
{
    table->heap = heap;
    table->capacity = capacity;
    table->bytes = 0;
    table->window = window;
    table->roots = roots;
    nb_atomic_init(&table->buckets, 0);
    reset(table);
}

/* An id has no NUL in it, so the id and the group behind one are no other pair's. */
void nb_dedup_hash(const uint64_t key[2], const nb_keys *keys, bool by_group, uint64_t ret[2])
{
    char both[2 * NB_KEY_MAX + 1];
    size_t size = keys->id_length;

    if (!by_group) {
        nb_keyed_hash(key, keys->id, size, ret);
        return;
    }
    memcpy(both, keys->id, size);
    both[size++] = '\0';
    memcpy(both + size, keys->group, keys->group_length);
    nb_keyed_hash(key, both, size + keys->group_length, ret);
}

/* ---------------------------------------------------------------------------------------------- memory */

void *nb_dedup_get(nb_dedup *table, size_t size, nimbus_status *status)
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

void nb_dedup_put(nb_dedup *table, void *block, size_t size)
{
    if (block != NULL) {
        nb_free(table->heap, block, size);
        table->bytes -= size;
    }
}

/* Another room for the numbers [from, to). False: *status says why; nothing has changed. */
static bool resize(nb_dedup *table, nb_dedup_list *list, size_t room, uint64_t from, uint64_t to, nimbus_status *status)
{
    nb_dedup_list other = { nb_dedup_get(table, room * sizeof *list->at, status), room };

    if (other.at == NULL) {
        return false;
    }
    memset(other.at, 0, room * sizeof *other.at);
    for (uint64_t number = from; number < to; number++) {
        *nb_dedup_at(&other, number) = *nb_dedup_at(list, number);
    }
    nb_dedup_put(table, list->at, list->room * sizeof *list->at);
    *list = other;
    return true;
}

bool nb_dedup_widen(nb_dedup *table, nb_dedup_list *list, uint64_t from, uint64_t to, nimbus_status *status)
{
    return to - from < list->room || resize(table, list, list->room == 0 ? FIRST_ROOM : 2 * list->room, from, to, status);
}

/* Without memory for it the list stays as it is. */
void nb_dedup_narrow(nb_dedup *table, nb_dedup_list *list, uint64_t from, uint64_t to)
{
    nimbus_status ignored;

    if (list->room > FIRST_ROOM && to - from < list->room / 4) {
        (void)resize(table, list, list->room / 2, from, to, &ignored);
    }
}

static uint64_t chunk_of(uint64_t number)
{
    return number / NB_DEDUP_CHUNK;
}

void nb_dedup_clear(nb_dedup *table)
{
    for (size_t i = 0; i < table->chunks.room; i++) {
        nb_dedup_put(table, table->chunks.at[i], sizeof(nb_dedup_chunk));
    }
    nb_dedup_put(table, table->spare, sizeof(nb_dedup_chunk));
    nb_dedup_put(table, table->chunks.at, table->chunks.room * sizeof(void *));
    nb_dedup_drop_buckets(table);
    reset(table);
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
    if (table->first % NB_DEDUP_CHUNK == 0) {
        void **old = nb_dedup_at(&table->chunks, chunk_of(table->first) - 1);

        if (table->spare == NULL) {
            table->spare = *old;
        } else {
            nb_dedup_put(table, *old, sizeof(nb_dedup_chunk));
        }
        *old = NULL;
        nb_dedup_narrow(table, &table->chunks, chunk_of(table->first), chunk_of(table->next) + 1);
    }
    table->soonest = nb_dedup_entry_at(table, table->first)->end;
    nb_dedup_fewer_buckets(table);
}

int64_t nb_dedup_oldest_end(const nb_dedup *table)
{
    return table->soonest;
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

/* A chunk for the next entry. */
static bool have_chunk(nb_dedup *table, nimbus_status *status)
{
    uint64_t first = chunk_of(table->first), next = chunk_of(table->next);

    if (nb_dedup_count(table) >= NB_DEDUP_MOST - 1) {
        *status = NIMBUS_E_DEDUP_FULL;
        return false;
    }
    if (table->chunks.room > next - first && *nb_dedup_at(&table->chunks, next) != NULL) {
        table->filling = *nb_dedup_at(&table->chunks, next);
        return true;
    }
    if (!nb_dedup_widen(table, &table->chunks, first, next, status)) {
        return false;
    }
    if (table->spare == NULL) {
        table->spare = nb_dedup_get(table, sizeof(nb_dedup_chunk), status);
    }
    *nb_dedup_at(&table->chunks, next) = table->filling = table->spare;
    table->spare = NULL;
    return table->filling != NULL;
}

/* Room for one more entry. */
static nimbus_status make_room(nb_dedup *table, int64_t now)
{
    nimbus_status status = NIMBUS_OK;

    while (!have_chunk(table, &status) || !nb_dedup_more_buckets(table, &status)) {
        if (!oldest_is_over(table, now)) {
            if (table->first == table->next) {
                nb_dedup_clear(table); /* half of what the first one needs */
            }
            return status;
        }
        (void)nb_dedup_expire(table, now, NB_DEDUP_CHUNK);
        status = NIMBUS_OK;
    }
    return NIMBUS_OK;
}

/* Room comes first, for it may deal out a bucket anew: what is found then stays where it is until it is remembered. */
nimbus_status nb_dedup_admit(nb_dedup *table, const uint64_t hash[2], int64_t now, const nb_dedup_entry **ret_seen)
{
    uint64_t count;
    nimbus_status status = NIMBUS_OK;

    if (oldest_is_over(table, now)) {
        (void)nb_dedup_expire(table, now, NB_DEDUP_STEP);
    }
    count = nb_dedup_count(table);
    if (table->filling == NULL || count >= NB_DEDUP_MOST - 1 || !nb_dedup_buckets_do(table, count)) {
        status = make_room(table, now);
    }
    *ret_seen = nb_dedup_find(table, hash, now);
    return *ret_seen != NULL ? NIMBUS_DUPLICATE : status;
}

void nb_dedup_remember(nb_dedup *table, const uint64_t hash[2], uint64_t id, uint64_t sequence, int64_t now)
{
    nb_dedup_chunk *chunk = table->filling;
    nb_dedup_entry *entry = &chunk->entries[table->next % NB_DEDUP_CHUNK];
    int64_t end = nb_add_time(now, table->window);

    end = end > table->latest ? end : table->latest; /* two readings of the clock may come in the wrong order */
    entry->hash[0] = hash[0];
    entry->hash[1] = hash[1];
    entry->id = id;
    entry->sequence = sequence;
    entry->end = table->latest = end;
    table->soonest = end < table->soonest ? end : table->soonest;
    nb_dedup_link(table);
    if (++table->next % NB_DEDUP_CHUNK == 0) {
        table->filling = NULL;
    }
}
