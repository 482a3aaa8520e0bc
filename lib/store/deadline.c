#include "store/deadline.h"

#include "base/number.h"
#include "store/inside.h"

static int64_t key_of(nb_store *store, nb_slot *slot, nb_state state)
{
    int64_t due = state == NB_DELAYED || state == NB_IN_FLIGHT ? nb_load_relaxed(&slot->due) : INT64_MAX;
    int64_t expiry;

    if (state != NB_READY && state != NB_DELAYED && state != NB_IN_FLIGHT && state != NB_STUCK) {
        return INT64_MAX;
    }
    expiry = nb_expiry(store, nb_load_relaxed(&slot->enqueued));
    return expiry < due ? expiry : due;
}

int64_t nb_slot_key(nb_store *store, nb_slot *slot, nb_state state)
{
    return key_of(store, slot, state);
}

/* ------------------------------------------------------------------------------------------------ note */

/* True: it was lowered. */
static bool lower(_Atomic int64_t *bound, int64_t key)
{
    int64_t now = nb_load_relaxed(bound);

    while (key < now) {
        if (nb_cas_weak_relaxed(bound, &now, key)) {
            return true;
        }
    }
    return false;
}

/* True: the timer has to be set. */
static bool note(nb_store *store, nb_slots *chunk, int64_t key)
{
    if (lower(&chunk->first_key, key)) {
        nb_fence_after_rmw(); /* pairs with the sweep's between taking the span's bound and reading the chunk's */
    }
    if (lower(&chunk->span->first_key, key)) {
        nb_fence_after_rmw(); /* the same between next_key and the span's */
    }
    if (!lower(&store->next_key, key)) {
        return false;
    }
    nb_fence_after_rmw(); /* pairs with the one in nb_store_on_timer */
    return key < nb_load_relaxed(&store->armed);
}

void nb_key_note_slowly(nb_store *store, nb_slots *chunk, int64_t key)
{
    if (note(store, chunk, key)) {
        nb_lock_acquire(&store->lock);
        nb_store_arm_locked(store);
        nb_lock_release(&store->lock);
    }
}

void nb_key_note_locked(nb_store *store, uint32_t index, int64_t key)
{
    if (key != INT64_MAX && note(store, nb_slots_of(store, index), key)) {
        nb_store_arm_locked(store);
    }
}

void nb_keys_forget_locked(nb_store *store)
{
    uint32_t chunks = nb_load_acquire(&store->slot_count) >> NB_CHUNK_SHIFT;

    for (uint32_t i = 0; i < chunks; i++) {
        nb_store_relaxed(&nb_load_relaxed(&store->chunks)[i]->first_key, INT64_MIN);
    }
    for (nb_span *span = store->spans; span != NULL; span = nb_load_relaxed(&span->next)) {
        nb_store_relaxed(&span->first_key, INT64_MIN);
    }
    nb_store_relaxed(&store->next_key, chunks > 0 ? INT64_MIN : INT64_MAX);
}

/* ----------------------------------------------------------------------------------------------- sweep */

typedef struct due_slot {
    int64_t due;
    uint64_t id;
    uint32_t index;
} due_slot;

#define FEW 32u

/* One sweep. What lapses is gathered first, so that it comes back in the order of its deadlines, equal ones in the order of the sends. */
typedef struct sweep {
    nb_store *store;
    int64_t now;
    due_slot *due; /* few, or memory of its own */
    uint32_t count, room;
    due_slot few[FEW];
    nb_gone gone;
} sweep;

static bool sooner(const due_slot *a, const due_slot *b)
{
    return a->due != b->due ? a->due < b->due : a->id < b->id;
}

/* Lets the entry at `at` sink to its place in the heap of the first count ones, whose root is the latest. */
static void sink(due_slot *due, uint32_t at, uint32_t count)
{
    due_slot entry = due[at];

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child + 1 < count && sooner(&due[child], &due[child + 1])) {
            child++;
        }
        if (child >= count || !sooner(&entry, &due[child])) {
            break;
        }
        due[at] = due[child];
        at = child;
    }
    due[at] = entry;
}

/* Heapsort: in place, for qsort may ask for memory. */
static void sort_due(due_slot *due, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;) {
        sink(due, i, count);
    }
    for (uint32_t i = count; i-- > 1;) {
        due_slot last = due[i];

        due[i] = due[0];
        due[0] = last;
        sink(due, 0, i);
    }
}

/* Its time is over, if it is still as it was when it was looked at. */
static void lapse(sweep *s, uint32_t index)
{
    nb_store *store = s->store;
    nb_slot *slot = nb_slot_at(store, index);
    uint64_t word = nb_slot_word(slot);
    nb_state state = nb_state_of(word);

    if ((state != NB_DELAYED && state != NB_IN_FLIGHT) || !nb_slot_claim(slot, word)) {
        return; /* whoever was faster has noted what it is now */
    }
    if (nb_load_relaxed(&slot->due) > s->now) {
        nb_slot_publish(slot, word);
        nb_fence_seq_cst();
        nb_key_note_locked(store, index, key_of(store, slot, state));
        return;
    }
    if (state == NB_IN_FLIGHT && nb_slot_goes_at_once(store, slot)) {
        nb_aside aside = { 0, 0 };

        nb_slot_set_aside(store, &aside, slot, index, word);
        nb_store_add_moves_locked(store, &aside); /* whoever has the lock runs the moves when he leaves it */
        nb_sub_acq_rel(&store->flow, 1);
        return;
    }
    nb_slot_return(store, slot, index, word);
    if (state == NB_DELAYED) {
        nb_sub_relaxed(&store->tally.delayed, 1);
    } else {
        nb_sub_acq_rel(&store->flow, 1);
    }
    nb_fence_seq_cst(); /* deadline.h */
    nb_key_note_locked(store, index, key_of(store, slot, NB_READY));
    nb_store_settled_locked(store, index);
}

static void lapse_all(sweep *s)
{
    if (s->count > 1) {
        sort_due(s->due, s->count);
    }
    for (uint32_t i = 0; i < s->count; i++) {
        lapse(s, s->due[i].index);
    }
    s->count = 0;
}

/* Without memory for more they lapse in several runs: then their order is that of the deadlines within each run only. */
static void gather(sweep *s, nb_slot *slot, uint32_t index)
{
    nb_heap *heap = s->store->owner->heap;

    if (s->count == s->room) {
        due_slot *more = s->room > UINT32_MAX / 4 ? NULL : nb_alloc_array(heap, (size_t)s->room * 4, sizeof *more);

        if (more == NULL) {
            lapse_all(s);
        } else {
            for (uint32_t i = 0; i < s->count; i++) {
                more[i] = s->due[i];
            }
            nb_free(heap, s->due != s->few ? s->due : NULL, s->room * sizeof *s->due);
            s->due = more;
            s->room *= 4;
        }
    }
    s->due[s->count++] = (due_slot){ nb_load_relaxed(&slot->due), nb_load_relaxed(&slot->id), index };
}

static void expire(sweep *s, nb_slot *slot, uint32_t index)
{
    nb_store *store = s->store;
    uint64_t word = nb_slot_word(slot);
    nb_state state = nb_state_of(word);

    if (key_of(store, slot, state) > s->now || !nb_slot_claim(slot, word)) {
        return;
    }
    if (nb_expiry(store, nb_load_relaxed(&slot->enqueued)) > s->now) {
        nb_slot_publish(slot, word);
        nb_fence_seq_cst();
        nb_key_note_locked(store, index, key_of(store, slot, state));
        return;
    }
    nb_slot_forget_to(store, slot, index, word, state, &store->tally.expired, &s->gone);
    nb_store_settled_locked(store, index);
    if (s->gone.count == NB_GONE_ROOM) { /* the lock is left: what was found due must not be missed by others meanwhile */
        lapse_all(s);
        nb_gone_flush_locked(store, &s->gone);
    }
}

/* Looks at a chunk's slots and sets its bound anew. */
static void look_into(sweep *s, nb_slots *chunk, uint32_t first)
{
    int64_t next = INT64_MAX;

    nb_exchange_relaxed(&chunk->first_key, INT64_MAX);
    nb_fence_after_rmw(); /* deadline.h */
    for (uint32_t i = 0; i < NB_CHUNK; i++) {
        nb_slot *slot = &chunk->slots[i];
        nb_state state = nb_state_of(nb_load_acquire(&slot->word)); /* CLAIMED: its owner notes its key */
        int64_t key = key_of(s->store, slot, state);

        if (key <= s->now && nb_expiry(s->store, nb_load_relaxed(&slot->enqueued)) <= s->now) {
            expire(s, slot, first + i);
        } else if (key <= s->now) {
            gather(s, slot, first + i);
        } else {
            next = key < next ? key : next;
        }
    }
    lower(&chunk->first_key, next);
}

void nb_store_sweep_locked(nb_store *store, int64_t now)
{
    sweep s = { .store = store, .now = now, .room = FEW, .gone = { .why = NIMBUS_TRACE_EXPIRED } };

    s.due = s.few;
    nb_exchange_relaxed(&store->next_key, INT64_MAX);
    nb_fence_after_rmw(); /* deadline.h */
    for (nb_span *span = store->spans; span != NULL; span = nb_load_relaxed(&span->next)) {
        uint32_t end = nb_load_acquire(&store->slot_count) >> NB_CHUNK_SHIFT;

        if (nb_load_relaxed(&span->first_key) <= now) {
            int64_t next = INT64_MAX;

            nb_exchange_relaxed(&span->first_key, INT64_MAX);
            nb_fence_after_rmw();
            end = end - span->first_chunk < 1u << NB_SPAN_SHIFT ? end : span->first_chunk + (1u << NB_SPAN_SHIFT);
            for (uint32_t i = span->first_chunk; i < end; i++) {
                nb_slots *chunk = nb_load_acquire(&store->chunks)[i];
                int64_t bound = nb_load_relaxed(&chunk->first_key);

                if (bound <= now) {
                    look_into(&s, chunk, i << NB_CHUNK_SHIFT);
                    bound = nb_load_relaxed(&chunk->first_key);
                }
                next = bound < next ? bound : next;
            }
            lower(&span->first_key, next);
        }
        lower(&store->next_key, nb_load_relaxed(&span->first_key));
    }
    lapse_all(&s);
    nb_free(store->owner->heap, s.due != s.few ? s.due : NULL, s.room * sizeof *s.due);
    nb_gone_flush_locked(store, &s.gone);
}

/* ----------------------------------------------------------------------------------------------- timer */

/* The timer is only ever moved forward; when it rings too early it is set again. So steady traffic does not touch it. */
void nb_store_arm_locked(nb_store *store)
{
    int64_t due = nb_load_relaxed(&store->next_key);

    due = store->stuck_due < due ? store->stuck_due : due;
    if (due < nb_load_relaxed(&store->armed) && nb_store_ended(store) == NIMBUS_OK) {
        nb_store_relaxed(&store->armed, due);
        nb_timer_set(&store->nb->timers, &store->timer, due);
    }
}

void nb_store_on_timer(nb_timer *timer)
{
    nb_store *store = NB_CONTAINER(timer, nb_store, timer);
    nb_object *owner = store->owner;
    int64_t now;

    nb_object_pin(owner); /* who is told of what has expired may delete it, and let go of it */
    nb_lock_acquire(&store->lock);
    now = nb_clock_elapsed(&store->nb->clock);
    nb_store_relaxed(&store->armed, INT64_MAX);
    nb_fence_seq_cst(); /* pairs with the one in note() */
    if (nb_load_relaxed(&store->next_key) <= now) {
        nb_store_sweep_locked(store, now);
    }
    if (store->stuck_due <= now) {
        store->stuck_due = INT64_MAX;
        store->move_again = true;
    }
    nb_store_leave(store);
    nb_object_unpin(owner);
}
