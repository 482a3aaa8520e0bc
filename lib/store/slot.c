#include "store/slot.h"

#include <string.h>

#include "base/number.h"

#ifdef NB_TESTING
#define CHUNK 4u /* growth on nearly every test */
#else
#define CHUNK 128u
#endif

static bool grow_directory(nb_store *store)
{
    uint32_t room = store->chunk_room == 0 ? 8 : store->chunk_room * 2;
    nb_slot **chunks = nb_alloc_array(store->owner->heap, room, sizeof *chunks);

    if (chunks == NULL) {
        return false;
    }
    if (store->chunk_count > 0) {
        memcpy(chunks, store->chunks, store->chunk_count * sizeof *chunks);
    }
    nb_free(store->owner->heap, store->chunks, store->chunk_room * sizeof *chunks);
    store->chunks = chunks;
    store->chunk_room = room;
    return true;
}

static bool grow_heap(nb_store *store)
{
    uint32_t room = store->heap_room == 0 ? CHUNK : store->heap_room * 2;
    nb_slot **heap = nb_alloc_array(store->owner->heap, room, sizeof *heap);

    if (heap == NULL) {
        return false;
    }
    if (store->heap_count > 0) {
        memcpy(heap, store->heap, store->heap_count * sizeof *heap);
    }
    nb_free(store->owner->heap, store->heap, store->heap_room * sizeof *heap);
    store->heap = heap;
    store->heap_room = room;
    return true;
}

/* Another chunk of slots, with room in directory and heap first: then nothing can be half done. */
static bool grow(nb_store *store)
{
    nb_slot *chunk;

    if (store->slot_count > UINT32_MAX - 2 * CHUNK || (store->chunk_count == store->chunk_room && !grow_directory(store))) {
        return false;
    }
    while (store->heap_room < store->slot_count + CHUNK) {
        if (!grow_heap(store)) {
            return false;
        }
    }
    chunk = nb_alloc_zero(store->owner->heap, CHUNK * sizeof *chunk);
    if (chunk == NULL) {
        return false;
    }
    store->chunks[store->chunk_count++] = chunk;
    for (uint32_t i = 0; i < CHUNK; i++) {
        chunk[i].index = store->slot_count++;
        chunk[i].heap_index = NB_NOT_IN_HEAP;
        nb_link_init(&chunk[i].link);
        nb_link_init(&chunk[i].age_link);
        nb_list_push(&store->free_slots, &chunk[i].link);
    }
    return true;
}

nb_slot *nb_slot_get(nb_store *store)
{
    nb_link *link;
    nb_slot *slot;

    if (nb_list_empty(&store->free_slots) && !grow(store)) {
        return NULL;
    }
    link = nb_list_pop(&store->free_slots);
    slot = NB_CONTAINER(link, nb_slot, link);
    slot->birth = ++slot->generation;
    slot->due = INT64_MAX;
    slot->own_receives = 0;
    slot->doomed = slot->purged = slot->failed = false;
    return slot;
}

nb_slot *nb_slot_at(nb_store *store, uint32_t index)
{
    return &store->chunks[index / CHUNK][index % CHUNK];
}

void nb_slot_free(nb_store *store, nb_slot *slot)
{
    slot->due = INT64_MAX;
    nb_link_remove(&slot->age_link);
    slot->state = NB_FREE; /* before the rekey: a free slot has no expiry */
    nb_slot_rekey(store, slot);
    slot->generation++;
    nb_letter_release(slot->note);
    slot->note = NULL;
    memset(&slot->parcel, 0, sizeof slot->parcel);
    nb_link_remove(&slot->link);
    nb_list_push_front(&store->free_slots, &slot->link);
}

void nb_slots_release(nb_store *store)
{
    nb_heap *heap = store->owner->heap;

    for (uint32_t i = 0; i < store->chunk_count; i++) {
        nb_free(heap, store->chunks[i], CHUNK * sizeof(nb_slot));
    }
    nb_free(heap, store->chunks, store->chunk_room * sizeof *store->chunks);
    nb_free(heap, store->heap, store->heap_room * sizeof *store->heap);
}

int64_t nb_slot_expiry(const nb_store *store, const nb_slot *slot)
{
    int64_t retention = store->config.retention;

    if (retention == INT64_MAX) {
        return INT64_MAX;
    }
    return slot->parcel.enqueued >= 0 ? nb_add_time(slot->parcel.enqueued, retention) : slot->parcel.enqueued + retention;
}

void nb_slot_enter_age(nb_store *store, nb_slot *slot)
{
    const nb_link *last = store->by_age.prev;

    if (last == &store->by_age || NB_CONTAINER(last, nb_slot, age_link)->parcel.enqueued <= slot->parcel.enqueued) {
        nb_list_push(&store->by_age, &slot->age_link);
    }
}

/* ------------------------------------------------------------------------------------ deadline heap */

int64_t nb_slot_key(const nb_store *store, const nb_slot *slot)
{
    int64_t expiry;

    if (slot->state == NB_FREE || slot->state == NB_GONE || slot->state == NB_MOVING) {
        return INT64_MAX;
    }
    if (nb_link_in(&slot->age_link)) {
        return slot->due;
    }
    expiry = nb_slot_expiry(store, slot);
    return expiry < slot->due ? expiry : slot->due;
}

static void place(nb_store *store, uint32_t index, nb_slot *slot)
{
    store->heap[index] = slot;
    slot->heap_index = index;
}

static bool before(const nb_store *store, const nb_slot *a, const nb_slot *b)
{
    int64_t key_a = nb_slot_key(store, a), key_b = nb_slot_key(store, b);

    return key_a != key_b ? key_a < key_b : a->order < b->order;
}

static void settle(nb_store *store, uint32_t index, nb_slot *slot)
{
    while (index > 0 && before(store, slot, store->heap[(index - 1) / 2])) {
        place(store, index, store->heap[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * index + 1;

        if (child + 1 < store->heap_count && before(store, store->heap[child + 1], store->heap[child])) {
            child++;
        }
        if (child >= store->heap_count || !before(store, store->heap[child], slot)) {
            break;
        }
        place(store, index, store->heap[child]);
        index = child;
    }
    place(store, index, slot);
}

void nb_slot_rekey(nb_store *store, nb_slot *slot)
{
    slot->order = store->order++;
    nb_slot_place(store, slot);
}

void nb_slot_place(nb_store *store, nb_slot *slot)
{
    bool wanted = nb_slot_key(store, slot) != INT64_MAX;

    if (wanted) {
        settle(store, slot->heap_index != NB_NOT_IN_HEAP ? slot->heap_index : store->heap_count++, slot);
    } else if (slot->heap_index != NB_NOT_IN_HEAP) {
        uint32_t index = slot->heap_index;
        nb_slot *last = store->heap[--store->heap_count];

        slot->heap_index = NB_NOT_IN_HEAP;
        if (last != slot) {
            settle(store, index, last);
        }
    }
}

nb_slot *nb_slot_first_due(const nb_store *store)
{
    return store->heap_count > 0 ? store->heap[0] : NULL;
}
