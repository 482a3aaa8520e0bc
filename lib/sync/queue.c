/* queue.c - reservations, growth, and what happens when a ring says no. */
#include "sync/queue.h"

static size_t part_size(uint64_t capacity)
{
    return sizeof(nb_mpmc_part) + (size_t)capacity * sizeof(nb_ring_cell) + (size_t)(capacity / 2) * sizeof(uint64_t);
}

static nb_mpmc_part *make_part(nb_heap *heap, uint64_t capacity)
{
    nb_mpmc_part *part = capacity > SIZE_MAX / 64 ? NULL : nb_alloc(heap, part_size(capacity));

    if (part != NULL) {
        nb_ring_init_at(&part->ring, part->cells, capacity);
        nb_atomic_init(&part->next, NULL);
        part->spill = (uint64_t *)&part->cells[capacity];
    }
    return part;
}

static void free_part(nb_heap *heap, nb_mpmc_part *part)
{
    if (part != NULL) {
        nb_free(heap, part, part_size(nb_ring_capacity(&part->ring)));
    }
}

bool nb_mpmc_init(nb_mpmc *queue, nb_heap *heap, uint64_t capacity)
{
    nb_mpmc_part *part = make_part(heap, capacity);

    if (part == NULL) {
        return false;
    }
    nb_atomic_init(&queue->in, part);
    nb_atomic_init(&queue->out, part);
    nb_atomic_init(&queue->spilled, 0);
    queue->first = part;
    queue->heap = heap;
    nb_lock_init(&queue->lock);
    queue->reserved = 0;
    queue->spill_first = 0;
    return true;
}

void nb_mpmc_fini(nb_mpmc *queue)
{
    nb_mpmc_part *part = queue->first;

    while (part != NULL) {
        nb_mpmc_part *next = nb_load_relaxed(&part->next); /* the caller has synchronised with all users */

        free_part(queue->heap, part);
        part = next;
    }
    nb_lock_fini(&queue->lock);
}

/* ------------------------------------------------------------------------------------------ reservations */

static uint64_t spill_places(const nb_mpmc_part *part)
{
    return nb_ring_capacity(&part->ring) / 2;
}

/* Under the lock. */
static void link_part(nb_mpmc *queue, nb_mpmc_part *newest, nb_mpmc_part *part)
{
    uint64_t spilled = nb_load_relaxed(&queue->spilled); /* changed under the lock only */

    for (uint64_t i = 0; i < spilled; i++) {
        part->spill[(queue->spill_first + i) % spill_places(part)] = newest->spill[(queue->spill_first + i) % spill_places(newest)];
    }
    nb_store_release(&newest->next, part); /* pairs with the acquire in nb_mpmc_size() */
    nb_store_release(&queue->in, part);    /* pairs with the acquire loads of in */
    nb_ring_close(&newest->ring);          /* last: who is answered CLOSED finds the new part */
}

bool nb_mpmc_reserve(nb_mpmc *queue)
{
    for (;;) {
        nb_mpmc_part *newest, *part;
        bool enough;

        nb_lock_acquire(&queue->lock);
        newest = nb_load_relaxed(&queue->in); /* changed under the lock only */
        enough = queue->reserved < spill_places(newest);
        queue->reserved += enough ? 1 : 0;
        nb_lock_release(&queue->lock);
        if (enough) {
            return true;
        }
        part = make_part(queue->heap, 2 * nb_ring_capacity(&newest->ring));
        if (part == NULL) {
            return false;
        }
        nb_lock_acquire(&queue->lock);
        if (nb_load_relaxed(&queue->in) == newest) {
            link_part(queue, newest, part);
            part = NULL;
        }
        nb_lock_release(&queue->lock);
        free_part(queue->heap, part); /* another reservation was faster */
    }
}

void nb_mpmc_unreserve(nb_mpmc *queue)
{
    nb_lock_acquire(&queue->lock);
    queue->reserved--;
    nb_lock_release(&queue->lock);
}

/* ----------------------------------------------------------------------------------------- the slow ways */

static void spill(nb_mpmc *queue, uint64_t value)
{
    nb_mpmc_part *newest;
    uint64_t spilled;

    nb_lock_acquire(&queue->lock);
    newest = nb_load_relaxed(&queue->in);
    spilled = nb_load_relaxed(&queue->spilled);
    newest->spill[(queue->spill_first + spilled) % spill_places(newest)] = value;
    nb_store_relaxed(&queue->spilled, spilled + 1); /* a hint for those without the lock */
    nb_lock_release(&queue->lock);
}

void nb_mpmc_push_slowly(nb_mpmc *queue, uint64_t value)
{
    /* Each CLOSED is a growth that happened since: its acquire shows the newer part. */
    while (nb_load_relaxed(&queue->spilled) == 0) {
        nb_ring_result result = nb_ring_push(&nb_load_acquire(&queue->in)->ring, value);

        if (result == NB_RING_OK) {
            return;
        }
        if (result == NB_RING_FULL) {
            break;
        }
    }
    spill(queue, value);
}

typedef enum spill_answer { SPILL_TAKEN, SPILL_NOTHING, SPILL_AGAIN } spill_answer;

/*
 * What was pushed into a ring before a value was spilled must come out first. The lock shows all those pushes, so a newest ring without a
 * position that is not claimed, with no older part, proves that they are out.
 */
static spill_answer take_spilled(nb_mpmc *queue, uint64_t *ret_value)
{
    spill_answer answer = SPILL_NOTHING;
    nb_mpmc_part *newest;
    uint64_t spilled;

    nb_lock_acquire(&queue->lock);
    newest = nb_load_relaxed(&queue->in);
    spilled = nb_load_relaxed(&queue->spilled);
    if (nb_load_relaxed(&queue->out) != newest) {
        answer = SPILL_AGAIN; /* it has grown since the caller looked */
    } else if (spilled != 0 && nb_ring_size(&newest->ring) == 0) {
        *ret_value = newest->spill[queue->spill_first % spill_places(newest)];
        queue->spill_first++;
        nb_store_relaxed(&queue->spilled, spilled - 1);
        answer = SPILL_TAKEN;
    }
    nb_lock_release(&queue->lock);
    return answer;
}

bool nb_mpmc_pop_slowly(nb_mpmc *queue, uint64_t *ret_value)
{
    for (;;) {
        nb_mpmc_part *part = nb_load_acquire(&queue->out);
        nb_mpmc_part *next;
        spill_answer answer;

        if (nb_ring_pop(&part->ring, ret_value) == NB_RING_OK) {
            return true;
        }
        next = nb_load_relaxed(&part->next); /* what it is, shows the acquire in nb_ring_drained(): the close comes after it */
        if (next != NULL) {
            if (!nb_ring_drained(&part->ring)) {
                return false; /* the next value's push is not over */
            }
            /* Release hands on what that acquire has shown; if it fails, another pop has done it. */
            (void)nb_cas_strong_acq_rel(&queue->out, &part, next);
            continue;
        }
        if (nb_load_relaxed(&queue->spilled) == 0) { /* if not, the lock shows them */
            return false;
        }
        answer = take_spilled(queue, ret_value);
        if (answer != SPILL_AGAIN) {
            return answer == SPILL_TAKEN;
        }
    }
}

uint64_t nb_mpmc_size(nb_mpmc *queue)
{
    uint64_t size = nb_load_relaxed(&queue->spilled);

    nb_mpmc_part *part = nb_load_acquire(&queue->out); /* pairs with the release in nb_mpmc_pop_slowly() */

    while (part != NULL) {
        size += nb_ring_size(&part->ring);
        part = nb_load_acquire(&part->next); /* pairs with the release in link_part() */
    }
    return size;
}
