/*
 * take.c - messages going out.
 *
 * A take pops entries off the ready ring, so each is its popper's alone; what it must still win is the slot, against a delete by an old
 * receipt, an expiry or a purge. What was handed out is counted in flight by one addition behind the last publication; the addition is also
 * the fence between the publications and the look at the bounds (deadline.h).
 */
#include <string.h>

#include "base/number.h"
#include "base/rare.h"
#include "store/plain.h"
#include "store/taking.h"

#define RUN 16u /* entries popped at once */
/* -------------------------------------------------------------------------------------------- handing out */

nb_letter *nb_slot_letter(nb_store *store, uint32_t index, uint64_t word)
{
    return nb_letter_retain(nb_slot_past(store, index, word).letter);
}

/* What comes back at once is published later: it is not taken twice (SQS-R11). */
NB_APART void nb_taking_hand_out(nb_taking *t, nb_slot *slot, uint32_t index, uint64_t word)
{
    nb_slot_give(t->store, slot, index, nb_taken_word(word), &t->how, &t->to[t->count++]);
    if (!t->at_once) {
        nb_store_relaxed(&slot->due, t->how.due);
        nb_slot_publish(slot, nb_taken_word(word));
    }
}

/* The receive after the last one that is allowed does not return the message but moves it (SQS-D3). */
static void set_aside(nb_store *store, nb_aside *aside, nb_slot *slot, uint32_t index, uint64_t word)
{
    nb_tally(&store->tally.unreceived, 1);
    nb_slot_set_aside(store, aside, slot, index, word);
}

void nb_taking_set_aside(nb_taking *t, nb_slot *slot, uint32_t index, uint64_t word)
{
    set_aside(t->store, t->aside, slot, index, word);
}

static void take_entry(nb_taking *t, uint32_t index)
{
    nb_store *store = t->store;
    nb_slot *slot = nb_slot_at(store, index);
    uint64_t word = nb_slot_claim_popped(store, slot, index);

    if (word == 0) {
        nb_tally(&store->tally.unreceived, 1);
    } else if (t->max_receives != 0 && nb_load_relaxed(&slot->own_receives) >= t->max_receives) {
        set_aside(store, t->aside, slot, index, word);
    } else {
        nb_taking_hand_out(t, slot, index, word);
    }
}

/* What was given back to the front goes first. Under the lock. */
static NB_SELDOM void take_returned(nb_taking *t, uint32_t max)
{
    nb_store *store = t->store;
    uint32_t index;
    uint64_t word;

    while (t->count < max && nb_list_claim_locked(store, &store->returned, NULL, &index, &word)) {
        nb_slot *slot = nb_slot_at(store, index);

        nb_tally(&store->tally.extra_received, 1);
        if (t->max_receives != 0 && nb_load_relaxed(&slot->own_receives) >= t->max_receives) {
            set_aside(store, t->aside, slot, index, word);
        } else {
            nb_taking_hand_out(t, slot, index, word);
        }
    }
    nb_watch_set_locked(store, NB_WATCH_RETURNED, store->returned != 0);
}

static NB_APART void take_ready(nb_taking *t, uint32_t max)
{
    uint32_t run[RUN], count;

    while (t->count < max) {
        count = nb_index_ring_pop(&t->store->ready, run, max - t->count < RUN ? max - t->count : RUN);
        if (count == 0) {
            break;
        }
        for (uint32_t i = 0; i < count; i++) {
            take_entry(t, run[i]);
        }
    }
}

/* Chunks of which one run of entries was handed out, each with the earliest key. */
typedef struct touched {
    nb_slots *chunk;
    int64_t key;
} touched;

/* Counts a run in and notes its keys, as count_in() does for all: one addition, which is the fence, and a look at the bounds of a chunk. */
static inline void count_run(nb_store *store, uint32_t count, const touched *noted, uint32_t chunks)
{
    nb_object_pin_many(store->owner, count);
    nb_add_acq_rel(&store->flow, count);
    nb_fence_after_rmw(); /* deadline.h */
    for (uint32_t i = 0; i < chunks; i++) {
        nb_key_note_in(store, noted[i].chunk, noted[i].key);
    }
}

/* A run beside the lock, to be hidden for a while. False: no entries are left. */
static bool take_run(nb_taking *t, uint32_t max)
{
    nb_store *store = t->store;
    nb_handing how = t->how; /* a copy: it stays as it is, whatever is stored in between */
    nb_delivery *to = &t->to[t->count], *end = to;
    uint32_t run[RUN], entries = nb_index_ring_pop(&store->ready, run, max < RUN ? max : RUN), chunks = 0;
    nb_slots **array = nb_load_acquire(&store->chunks), *before = NULL; /* as in nb_slots_of(), for all that were popped */
    touched noted[RUN];

    for (uint32_t i = 0; i < entries; i++) {
        nb_slots *chunk = array[run[i] >> NB_CHUNK_SHIFT];
        nb_slot *slot = nb_slot_in(chunk, run[i]);
        uint64_t word = nb_slot_claim_popped(store, slot, run[i]);
        int64_t key;

        if (NB_RARE(word == 0)) {
            nb_tally(&store->tally.unreceived, 1);
            continue;
        }
        if (NB_RARE(t->max_receives != 0) && nb_load_relaxed(&slot->own_receives) >= t->max_receives) {
            set_aside(store, t->aside, slot, run[i], word);
            continue;
        }
        key = nb_expiry(store, nb_load_relaxed(&slot->enqueued));
        key = key < how.due ? key : how.due;
        nb_slot_give(store, slot, run[i], nb_taken_word(word), &how, end++);
        nb_store_relaxed(&slot->due, how.due);
        nb_slot_publish(slot, nb_taken_word(word));
        if (chunk != before) {
            noted[chunks++] = (touched){ before = chunk, key };
        } else if (NB_RARE(key < noted[chunks - 1].key)) {
            noted[chunks - 1].key = key;
        }
    }
    if (end != to) {
        t->count += (uint32_t)(end - to);
        count_run(store, (uint32_t)(end - to), noted, chunks);
    }
    return entries > 0;
}

static uint32_t take_runs(nb_taking *t, uint32_t max)
{
    while (t->count < max && take_run(t, max - t->count)) {
    }
    return t->count;
}

static inline void note(const nb_taking *t, uint32_t at, int64_t key, bool locked, nb_noted *noted)
{
    uint32_t index = (uint32_t)t->to[at].receipt.place;

    if (locked) {
        nb_key_note_locked(t->store, index, key);
    } else {
        nb_key_note_next(t->store, index, key, noted);
    }
}

/* They were handed out with a visibility of 0: ready again, behind all others. */
static NB_SELDOM void bring_back(nb_taking *t, bool locked)
{
    nb_noted noted = { NULL, 0 };
    nb_store *store = t->store;

    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t index = (uint32_t)t->to[i].receipt.place;
        nb_slot *slot = nb_slot_at(store, index);
        uint64_t word = nb_load_relaxed(&slot->word); /* CLAIMED by us */

        word = (word & NB_FLAGS) | t->to[i].receipt.generation << NB_GENERATION_SHIFT;
        if (nb_slot_goes_at_once(store, slot)) {
            nb_slot_set_aside(store, t->aside, slot, index, word);
        } else {
            nb_slot_return(store, slot, index, word);
        }
    }
    nb_fence_seq_cst();
    for (uint32_t i = 0; i < t->count; i++) {
        note(t, i, nb_expiry(store, t->to[i].enqueued), locked, &noted);
        if (locked) {
            nb_store_settled_locked(store, (uint32_t)t->to[i].receipt.place);
        }
    }
}

/* Counts them in flight and notes when they must be looked at. */
static void count_in(nb_taking *t, bool locked)
{
    nb_noted noted = { NULL, 0 };
    nb_store *store = t->store;

    nb_add_acq_rel(&store->flow, t->count);
    nb_fence_after_rmw(); /* deadline.h */
    for (uint32_t i = 0; i < t->count; i++) {
        int64_t expiry = nb_expiry(store, t->to[i].enqueued);

        note(t, i, expiry < t->how.due ? expiry : t->how.due, locked, &noted);
    }
}

nb_taking nb_taking_begin(nb_store *store, int64_t visibility, nb_delivery *slots, nb_aside *aside, const nb_moment *at)
{
    int64_t timeout = visibility == NB_STORE_VISIBILITY ? nb_load_relaxed(&store->settings.visibility) : visibility;
    nb_taking t = { .store = store, .to = slots, .aside = aside, .at_once = timeout == 0 };

    t.how = nb_store_handing(store, timeout, at);
    t.max_receives = nb_load_relaxed(&store->settings.max_receives);
    return t;
}

uint32_t nb_taking_end(nb_taking *t, bool locked)
{
    if (t->count > 0) {
        nb_object_pin_many(t->store->owner, t->count);
        if (t->at_once) {
            bring_back(t, locked);
        } else {
            count_in(t, locked);
        }
    }
    return t->count;
}

uint32_t nb_store_take_some(nb_store *store, uint32_t max, int64_t visibility, nb_delivery *slots, nb_aside *aside, const nb_moment *at)
{
    nb_taking t = nb_taking_begin(store, visibility, slots, aside, at);

    if (store->returned != 0) {
        take_returned(&t, max);
    }
    take_ready(&t, max);
    return nb_taking_end(&t, true);
}

/* ------------------------------------------------------------------------------------------------- take */

static inline size_t left_in_flight(nb_store *store)
{
    size_t limit = nb_load_relaxed(&store->settings.max_in_flight), out = nb_in_flight_of(nb_load_acquire(&store->flow));

    return limit > out ? limit - out : 0;
}

uint32_t nb_store_allowance(nb_store *store, uint32_t max)
{
    size_t left = left_in_flight(store);

    return left < max ? (uint32_t)left : max;
}

static inline bool ended(nb_store *store)
{
    return (nb_load_acquire(&store->mode) & NB_MODE_ENDED) != 0;
}

/* Something beside handing out has to be done: under the lock, and in order. */
static nimbus_status take_in_order(nb_store *store, uint32_t max, int64_t visibility, nb_delivery *slots, uint32_t *ret_count,
                                   bool *ret_more)
{
    nb_aside aside = { 0, 0 };
    nb_moment at;
    uint32_t allowed;
    bool limited;

    nb_store_enter(store);
    at.now = nb_clock_coarse(&store->nb->clock, &at.wall);
    allowed = nb_store_allowance(store, max);
    *ret_count = allowed > 0 ? nb_store_take_some(store, allowed, visibility, slots, &aside, &at) : 0;
    nb_store_add_moves_locked(store, &aside);
    store->move_again = store->move_again || store->stuck != 0; /* each receive gives those that could not be moved another chance */
    if (ret_more != NULL) {
        *ret_more = nb_store_takeable(store);
    }
    limited = allowed == 0 && nb_store_any_ready(store);
    nb_store_leave(store);
    return limited ? NIMBUS_E_OVER_LIMIT : NIMBUS_OK;
}

/* Without the lock, what is at the head of the ready ring. */
static nimbus_status take_beside(nb_store *store, uint32_t max, int64_t visibility, nb_delivery *slots, const nb_moment *at,
                                 uint32_t *ret_count, bool *ret_more)
{
    nb_aside aside = { 0, 0 };
    nb_taking t = nb_taking_begin(store, visibility, slots, &aside, at);
    uint32_t index;

    if (t.at_once) {
        take_ready(&t, max);
        *ret_count = nb_taking_end(&t, false);
    } else {
        *ret_count = take_runs(&t, max);
    }
    if (ret_more != NULL) {
        *ret_more = nb_index_ring_peek(&store->ready, &index);
    }
    if (aside.first != 0) {
        nb_lock_acquire(&store->lock);
        nb_store_add_moves_locked(store, &aside);
        nb_store_leave(store);
    } else {
        nb_store_look_around(store, NB_WATCH_WAITERS); /* more may be ready than we took */
    }
    return NIMBUS_OK;
}

static NB_APART nimbus_status take_with_care(nb_store *store, uint32_t max, int64_t visibility, nb_delivery *slots, uint32_t *ret_count,
                                             bool *ret_more)
{
    nimbus_status status = NIMBUS_OK;
    nb_moment at;

    if (ended(store)) {
        if (ret_more != NULL) {
            *ret_more = false;
        }
        return nb_store_ended(store);
    }
    if (nb_load_relaxed(&store->claims) != 0) {
        nb_store_relaxed(&store->claims, 0); /* whoever was notified and comes now finds what is left, and waits again if it is nothing */
    }
    at.now = nb_clock_coarse(&store->nb->clock, &at.wall);
    status = nb_take_needs_order(store, max, at.now) ? take_in_order(store, max, visibility, slots, ret_count, ret_more)
                                             : take_beside(store, max, visibility, slots, &at, ret_count, ret_more);
    return status;
}

void nb_store_move_one(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word)
{
    nb_aside aside = { 0, 0 };

    set_aside(store, &aside, slot, index, word);
    nb_lock_acquire(&store->lock);
    nb_store_add_moves_locked(store, &aside);
    nb_store_leave(store);
}

nimbus_status nb_store_take(nb_store *store, uint32_t max, int64_t visibility, nb_delivery *slots, uint32_t *ret_count, bool *ret_more)
{
    if (store->order != NULL) {
        return nb_store_take_from_groups(store, NULL, max, visibility, slots, ret_count, ret_more);
    }
    if (max == 1 && ret_more == NULL &&
        nb_store_take_plainly(store, visibility == NB_STORE_VISIBILITY ? nb_load_relaxed(&store->settings.visibility) : visibility,
                              slots)) {
        *ret_count = 1;
        return NIMBUS_OK;
    }
    return take_with_care(store, max, visibility, slots, ret_count, ret_more);
}
