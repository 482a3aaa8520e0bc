/*
 * slot.c - the memory of slots: chunks in an array that grows. The stack of free slots is in slot.h.
 */
#include "store/slot.h"

#include <string.h>

#include "platform/thread.h"
#include "store/order.h"

#define SPINS 64

/* Chunk pointers and, behind them, the array before this one. */
typedef struct array_head {
    struct array_head *older;
    uint32_t room;
} array_head;

uint64_t nb_slot_word_slowly(nb_slot *slot)
{
    uint32_t spins = 0;
    uint64_t word;

    while (word = nb_load_acquire(&slot->word), nb_state_of(word) == NB_CLAIMED) {
        if (++spins % SPINS == 0) {
            nb_platform_yield(); /* its owner was stopped in the middle */
        }
        nb_pause();
    }
    return word;
}

/* ----------------------------------------------------------------------------------------------- stack */

/* Puts a chain of free slots on the stack. Release: whoever pops them sees their words. Pairs with the acquire in pop(). */
void nb_slots_push(nb_store *store, uint32_t first, nb_slot *last)
{
    uint64_t head = nb_load_relaxed(&store->free);

    do {
        nb_store_release(&last->own_receives, (uint32_t)head);
    } while (!nb_cas_weak_release(&store->free, &head, ((head >> 32) + 1) << 32 | (first + 1)));
}

static uint32_t pop(nb_store *store)
{
    uint64_t head = nb_load_acquire(&store->free);

    while ((uint32_t)head != 0) {
        nb_slot *slot = nb_slot_at(store, (uint32_t)head - 1);
        uint32_t next = nb_load_relaxed(&slot->own_receives); /* a guess: the CAS fails if it was not free any more */

        if (nb_cas_weak_acq_rel_acquire(&store->free, &head, ((head >> 32) + 1) << 32 | next)) {
            return (uint32_t)head - 1;
        }
    }
    return NB_NO_SLOT;
}

uint32_t nb_slots_pop(nb_store *store, uint32_t *indices, uint32_t max)
{
    uint64_t head = nb_load_acquire(&store->free);
    uint32_t count, next;

    do {
        uint32_t slots = nb_load_acquire(&store->slot_count), at = UINT32_MAX;
        nb_slots *chunk = NULL; /* that of the slot before, mostly: it is not looked up between one slot and the next */

        next = (uint32_t)head;
        for (count = 0; count < max && next != 0 && next <= slots; count++) { /* a guess, too: the CAS fails if anything has changed */
            if ((next - 1) >> NB_CHUNK_SHIFT != at) {
                at = (next - 1) >> NB_CHUNK_SHIFT;
                chunk = nb_slots_of(store, next - 1);
            }
            indices[count] = next - 1;
            next = nb_load_relaxed(&nb_slot_in(chunk, next - 1)->own_receives);
        }
    } while (count > 0 && !nb_cas_weak_acq_rel_acquire(&store->free, &head, ((head >> 32) + 1) << 32 | next));
    return count;
}

/* ---------------------------------------------------------------------------------------------- growth */

static bool grow_array(nb_store *store)
{
    uint32_t room = store->chunk_room == 0 ? 8 : store->chunk_room * 2;
    array_head *head = nb_alloc(store->owner->heap, sizeof *head + room * sizeof(nb_slots *));
    nb_slots **before = nb_load_relaxed(&store->chunks), **chunks;

    if (head == NULL) {
        return false;
    }
    chunks = (nb_slots **)(void *)(head + 1);
    if (before != NULL) {
        memcpy(chunks, before, store->chunk_room * sizeof *chunks);
    }
    head->older = store->old_arrays;
    head->room = room;
    store->old_arrays = head; /* readers may be in any of them: they stay, together as large as the last */
    store->chunk_room = room;
    nb_store_release(&store->chunks, chunks);
    return true;
}

/* The span of the next chunk, which may be its first. */
static nb_span *span_for(nb_store *store, uint32_t slot_count)
{
    nb_span *span;

    if (slot_count % NB_SPAN != 0) {
        return store->spans; /* the last one comes first */
    }
    span = nb_alloc(store->owner->heap, sizeof *span);
    if (span != NULL) {
        span->first_chunk = slot_count >> NB_CHUNK_SHIFT;
        nb_atomic_init(&span->first_key, INT64_MAX);
        nb_atomic_init(&span->next, store->spans);
        store->spans = span;
    }
    return span;
}

/* Another chunk of slots. Room for their entries, the array and the span come first: then nothing can be half done. Under the lock. */
static bool grow(nb_store *store)
{
    uint32_t count = nb_load_relaxed(&store->slot_count);
    nb_span *span;
    nb_slots *chunk;

    if (count > INT32_MAX - NB_CHUNK ||
        (store->order == NULL && !nb_index_ring_grow(&store->ready, (uint64_t)count + NB_CHUNK)) || /* else nobody pushes */
        (count >> NB_CHUNK_SHIFT == store->chunk_room && !grow_array(store))) {
        return false;
    }
    span = span_for(store, count);
    chunk = span != NULL ? nb_alloc_zero(store->owner->heap, sizeof *chunk) : NULL;
    if (chunk != NULL && store->order != NULL && (chunk->nodes = nb_alloc_zero(store->owner->heap, NB_CHUNK * sizeof(nb_node))) == NULL) {
        nb_free(store->owner->heap, chunk, sizeof *chunk);
        chunk = NULL;
    }
    if (chunk == NULL) {
        if (span != NULL && count % NB_SPAN == 0) {
            store->spans = nb_load_relaxed(&span->next);
            nb_free(store->owner->heap, span, sizeof *span);
        }
        return false;
    }
    chunk->span = span;
    nb_atomic_init(&chunk->first_key, INT64_MAX);
    nb_atomic_init(&chunk->pasts, (nb_past *)NULL);
    for (uint32_t i = 0; i < NB_CHUNK; i++) {
        nb_atomic_init(&chunk->slots[i].word, NB_FREE);
        nb_atomic_init(&chunk->slots[i].due, INT64_MAX);
        nb_atomic_init(&chunk->slots[i].own_receives, i + 1 < NB_CHUNK ? count + i + 2 : 0);
    }
    nb_load_relaxed(&store->chunks)[count >> NB_CHUNK_SHIFT] = chunk; /* seen by who pops an index: it is pushed with release */
    nb_store_release(&store->slot_count, count + NB_CHUNK);           /* pairs with the acquire of those who walk over all slots */
    nb_slots_push(store, count, &chunk->slots[NB_CHUNK - 1]);
    return true;
}

uint32_t nb_slot_get_slowly(nb_store *store, nb_slots **ret_chunk)
{
    uint32_t index;

    while ((index = pop(store)) == NB_NO_SLOT) {
        bool grown;

        nb_lock_acquire(&store->lock);
        grown = (uint32_t)nb_load_relaxed(&store->free) != 0 || grow(store);
        nb_lock_release(&store->lock);
        if (!grown) {
            return NB_NO_SLOT;
        }
    }
    *ret_chunk = nb_slots_of(store, index);
    return index;
}

void nb_slots_release(nb_store *store)
{
    nb_heap *heap = store->owner->heap;
    uint32_t count = nb_load_acquire(&store->slot_count) >> NB_CHUNK_SHIFT;
    nb_slots **chunks = nb_load_relaxed(&store->chunks);
    nb_span *span = store->spans, *next_span;
    array_head *array = store->old_arrays, *older;

    for (uint32_t i = 0; i < count; i++) {
        nb_free(heap, nb_load_relaxed(&chunks[i]->pasts), NB_CHUNK * sizeof(nb_past));
        nb_free(heap, chunks[i]->nodes, NB_CHUNK * sizeof(nb_node));
        nb_free(heap, chunks[i], sizeof *chunks[i]);
    }
    for (; span != NULL; span = next_span) {
        next_span = nb_load_relaxed(&span->next);
        nb_free(heap, span, sizeof *span);
    }
    for (; array != NULL; array = older) {
        older = array->older;
        nb_free(heap, array, sizeof *array + array->room * sizeof(nb_slots *));
    }
    nb_index_ring_fini(&store->ready);
}

/* ------------------------------------------------------------------------------------------------ past */

/* The pasts of a chunk, made if need be; two at once: one wins, the other one's are freed. */
static nb_past *pasts_of(nb_store *store, nb_slots *chunk)
{
    nb_past *pasts = nb_load_acquire(&chunk->pasts), *made;

    if (pasts != NULL) {
        return pasts;
    }
    made = nb_alloc_zero(store->owner->heap, NB_CHUNK * sizeof *made);
    if (made != NULL && !nb_cas_strong_acq_rel_acquire(&chunk->pasts, &pasts, made)) {
        nb_free(store->owner->heap, made, NB_CHUNK * sizeof *made);
        made = pasts;
    }
    return made;
}

bool nb_slot_set_past(nb_store *store, uint32_t index, uint64_t *word, nb_letter *letter, nb_letter *note)
{
    nb_past *pasts, *past;

    if (letter == NULL && note == NULL) {
        *word &= ~NB_HAS_PAST;
        return true;
    }
    pasts = pasts_of(store, nb_slots_of(store, index));
    if (pasts == NULL) {
        return false;
    }
    past = &pasts[index & (NB_CHUNK - 1)];
    past->arrived = (*word & NB_HAS_PAST) != 0 ? past->arrived : INT64_MIN;
    past->letter = letter;
    past->note = note;
    *word |= NB_HAS_PAST;
    return true;
}

void nb_slot_set_arrived(nb_store *store, uint32_t index, int64_t arrived)
{
    nb_load_acquire(&nb_slots_of(store, index)->pasts)[index & (NB_CHUNK - 1)].arrived = arrived;
}

nb_past nb_slot_past(nb_store *store, uint32_t index, uint64_t word)
{
    return (word & NB_HAS_PAST) == 0 ? (nb_past){ NULL, NULL, INT64_MIN }
                                     : nb_load_acquire(&nb_slots_of(store, index)->pasts)[index & (NB_CHUNK - 1)];
}
