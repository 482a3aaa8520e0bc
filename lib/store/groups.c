#include "store/groups.h"

#include <string.h>

#include "base/number.h"
#include "base/words.h"

#define FEWEST_BUCKETS 16u
#define CHILDREN 4u

static uint64_t hash_id(uint64_t key, const char *id, size_t length)
{
    uint64_t hash = key ^ length;

    for (; length > sizeof(uint64_t); id += sizeof(uint64_t), length -= sizeof(uint64_t)) {
        hash = nb_random_mix(hash ^ nb_word_at(id)) + key;
    }
    return nb_random_mix(hash ^ (length == sizeof(uint64_t) ? nb_word_at(id) : nb_word_of(id, length))) + key;
}

nb_group_name nb_groups_name(const nb_order *order, const char *id, size_t length)
{
    return (nb_group_name){ id, length, id != NULL ? hash_id(order->key, id, length) : 0 };
}

/* ------------------------------------------------------------------------------------------- the table */

/* Another number of buckets, if there is memory; else the chains stay as they are. */
static void rehash(nb_order *order, uint32_t bucket_count)
{
    nb_group_table *table = &order->groups;
    nb_group **buckets = nb_alloc_zero(order->memory, bucket_count * sizeof(nb_group *));

    if (buckets == NULL) {
        return;
    }
    for (uint32_t i = 0; i < table->bucket_count; i++) {
        nb_group *group = table->buckets[i], *next;

        for (; group != NULL; group = next) {
            next = group->chain;
            group->chain = buckets[group->hash & (bucket_count - 1)];
            buckets[group->hash & (bucket_count - 1)] = group;
        }
    }
    nb_free(order->memory, table->buckets, table->bucket_count * sizeof(nb_group *));
    table->buckets = buckets;
    table->bucket_count = bucket_count;
}

static nb_group *find(nb_order *order, const char *id, size_t length, uint64_t hash)
{
    nb_group *group = order->groups.buckets[hash & (order->groups.bucket_count - 1)];

    while (group != NULL && (group->hash != hash || group->length != length || memcmp(group->id, id, length) != 0)) {
        group = group->chain;
    }
    return group;
}

nb_group *nb_groups_find(nb_order *order, const char *id, size_t length)
{
    return find(order, id, length, hash_id(order->key, id, length));
}

/* Another size of the heap. False: out of memory; when it was to shrink, nothing is lost. */
static bool resize_heap(nb_order *order, uint32_t room)
{
    nb_ranked *heap = nb_alloc_array(order->memory, room, sizeof *heap);

    if (heap == NULL) {
        return false;
    }
    if (order->heap_count > 0) {
        memcpy(heap, order->heap, order->heap_count * sizeof *heap);
    }
    nb_free(order->memory, order->heap, order->heap_room * sizeof *heap);
    order->heap = heap;
    order->heap_room = room;
    return true;
}

static size_t size_without_tenant(size_t length)
{
    return (sizeof(nb_group) + length + sizeof(void *)) / sizeof(void *) * sizeof(void *); /* with a NUL */
}

static size_t size_of(const nb_order *order, size_t length)
{
    return size_without_tenant(length) + (order->fair ? sizeof(nb_tenant) : 0);
}

static nb_group *make_group(nb_order *order, const char *id, size_t length)
{
    nb_group *group = nb_block_get(order->memory, size_of(order, length));

    if (group != NULL) {
        group->first = group->last = group->head = group->clear = group->rank = 0;
        group->length = (uint32_t)length;
        memcpy(group->id, id, length);
        group->id[length] = '\0';
        group->tenant = NULL;
        if (order->fair) {
            group->tenant = (void *)((char *)group + size_without_tenant(length));
            *group->tenant = (nb_tenant){ .held = 0 };
        }
    }
    return group;
}

nimbus_status nb_groups_failure(const nb_order *order, const nb_group_name *name)
{
    return nb_block_failure(order->memory, size_of(order, name->length));
}

nb_group *nb_groups_get(nb_order *order, const nb_group_name *name)
{
    nb_group *group = find(order, name->id, name->length, name->hash), **bucket;

    if (group != NULL) {
        return group;
    }
    if (order->groups.count + order->fair >= order->heap_room && !resize_heap(order, order->heap_room * 2)) {
        return NULL;
    }
    group = make_group(order, name->id, name->length);
    if (group == NULL) {
        return NULL;
    }
    if (order->groups.count >= order->groups.bucket_count) {
        rehash(order, order->groups.bucket_count * 2);
    }
    group->hash = name->hash;
    bucket = &order->groups.buckets[name->hash & (order->groups.bucket_count - 1)];
    group->chain = *bucket;
    *bucket = group;
    order->groups.count++;
    return group;
}

void nb_groups_drop(nb_order *order, nb_group *group)
{
    nb_group **at = &order->groups.buckets[group->hash & (order->groups.bucket_count - 1)];

    nb_groups_unrank(order, group);
    while (*at != group) {
        at = &(*at)->chain;
    }
    *at = group->chain;
    nb_block_put(group);
    order->groups.count--;
    if (order->groups.bucket_count > FEWEST_BUCKETS && order->groups.count < order->groups.bucket_count / 8) {
        rehash(order, order->groups.bucket_count / 2);
    }
    if (order->heap_room > FEWEST_BUCKETS && order->groups.count < order->heap_room / 8) {
        (void)resize_heap(order, order->heap_room / 2);
    }
}

/* -------------------------------------------------------------------------------------------- the heap */

static bool before(const nb_ranked *a, const nb_ranked *b)
{
    return a->at != b->at ? a->at < b->at : a->turn != b->turn ? a->turn < b->turn : a->sequence < b->sequence;
}

static void put(nb_order *order, uint32_t at, const nb_ranked *entry)
{
    order->heap[at] = *entry;
    entry->group->rank = at + 1;
}

static void rise(nb_order *order, uint32_t at, nb_ranked entry)
{
    while (at > 0 && before(&entry, &order->heap[(at - 1) / CHILDREN])) {
        put(order, at, &order->heap[(at - 1) / CHILDREN]);
        at = (at - 1) / CHILDREN;
    }
    put(order, at, &entry);
}

static void sink(nb_order *order, uint32_t at, nb_ranked entry)
{
    for (;;) {
        uint32_t child = CHILDREN * at + 1, end = child + CHILDREN < order->heap_count ? child + CHILDREN : order->heap_count, best = child;

        for (uint32_t i = child + 1; i < end; i++) {
            best = before(&order->heap[i], &order->heap[best]) ? i : best;
        }
        if (child >= order->heap_count || !before(&order->heap[best], &entry)) {
            break;
        }
        put(order, at, &order->heap[best]);
        at = best;
    }
    put(order, at, &entry);
}

/* To its place, from a place whose own entry it replaces. */
static void settle(nb_order *order, uint32_t at, nb_ranked entry)
{
    if (at > 0 && before(&entry, &order->heap[(at - 1) / CHILDREN])) {
        rise(order, at, entry);
    } else {
        sink(order, at, entry);
    }
}

void nb_groups_rank(nb_order *order, const nb_ranked *entry)
{
    uint32_t rank = entry->group->rank;

    if (rank == 0) {
        rise(order, order->heap_count++, *entry);
    } else if (before(entry, &order->heap[rank - 1]) || before(&order->heap[rank - 1], entry)) {
        settle(order, rank - 1, *entry);
    }
}

void nb_groups_unrank(nb_order *order, nb_group *group)
{
    uint32_t at = group->rank;

    if (at == 0) {
        return;
    }
    group->rank = 0;
    order->heap_count--;
    if (at - 1 < order->heap_count) {
        settle(order, at - 1, order->heap[order->heap_count]);
    }
}

nb_group *nb_groups_top(nb_order *order)
{
    return order->heap_count > 0 ? order->heap[0].group : NULL;
}

/* ----------------------------------------------------------------------------------------- begin and end */

nb_order *nb_groups_make(nb_heap *memory, uint64_t key, bool fair)
{
    nb_order *order = nb_alloc_zero(memory, sizeof *order);

    if (order == NULL) {
        return NULL;
    }
    order->memory = memory;
    order->key = key;
    order->fair = fair;
    order->loners = fair ? make_group(order, "", 0) : NULL;
    order->groups.buckets = nb_alloc_zero(memory, FEWEST_BUCKETS * sizeof(nb_group *));
    order->groups.bucket_count = order->groups.buckets != NULL ? FEWEST_BUCKETS : 0;
    if (order->groups.buckets == NULL || (fair && order->loners == NULL) || !resize_heap(order, FEWEST_BUCKETS)) {
        nb_groups_free(order);
        return NULL;
    }
    return order;
}

void nb_groups_free(nb_order *order)
{
    for (uint32_t i = 0; i < order->groups.bucket_count; i++) {
        nb_group *group = order->groups.buckets[i], *next;

        for (; group != NULL; group = next) {
            next = group->chain;
            nb_block_put(group);
        }
    }
    if (order->loners != NULL) {
        nb_block_put(order->loners);
    }
    nb_free(order->memory, order->groups.buckets, order->groups.bucket_count * sizeof(nb_group *));
    nb_free(order->memory, order->heap, order->heap_room * sizeof *order->heap);
    nb_free(order->memory, order, sizeof *order);
}
