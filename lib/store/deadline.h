/*
 * deadline.h - when slots must be looked at: a tree of lower bounds over the slots, with no entry for a message.
 *
 * A slot's key is the earlier of its due time (end of delay or visibility) and the end of its retention. Each chunk of slots has a
 * first_key that no key in it is below, so has each span of chunks, and store->next_key is below them all. A key that is noted lowers
 * whatever lies above it; nothing raises a bound but the sweep, which finds what is due, computes the bounds of what it has looked at
 * anew, and sets the timer to the next. So steady traffic reads three words and writes none, a message costs no memory, and a deadline
 * that came to nothing costs nothing; a sweep looks only into spans and chunks whose bound has come.
 *
 * Ordering. The publisher of a slot: publish, fence, read the bounds, lower them from the chunk upwards. The sweep: take the bounds down
 * (exchange with INT64_MAX) from the top downwards, fence, read the slots. So either the sweep sees the slot, or the publisher sees the
 * bound that the sweep has taken down and lowers it again: a deadline is never forgotten. The same pair stands between one level and the
 * next: lower the chunk's bound, fence, look at the span's, against take the span's, fence, read the chunk's. The publisher checks every
 * level, because whoever lowered the chunk's bound before him may not have come to the span's yet.
 * Of several slots that are published before one fence, those of one chunk need only the smallest key noted: a bound that is not above
 * it is not above the others, and a sweep that takes it down behind that look sees all of them.
 *
 * The timer: whoever lowers next_key below `armed` sets the timer under the lock. The timer's function sets armed to INT64_MAX, fences, and
 * reads next_key after its sweep. One of the two sees the other.
 */
#ifndef NB_STORE_DEADLINE_H
#define NB_STORE_DEADLINE_H

#include "base/number.h"
#include "store/slot.h"

/* The end of a message's retention; INT64_MAX: never. */
static inline int64_t nb_expiry(nb_store *store, int64_t enqueued)
{
    int64_t kept = nb_load_relaxed(&store->settings.kept);

    return kept == INT64_MAX ? INT64_MAX : nb_add_time(enqueued, kept);
}

void nb_key_note_slowly(nb_store *store, nb_slots *chunk, int64_t key);

/* After the slot was published, and a fence. Sets the timer if need be: not under the lock; nb_key_note_locked is. */
static inline void nb_key_note_in(nb_store *store, nb_slots *chunk, int64_t key)
{
    if (key < nb_load_relaxed(&chunk->first_key) || key < nb_load_relaxed(&chunk->span->first_key) ||
        key < nb_load_relaxed(&store->next_key)) {
        nb_key_note_slowly(store, chunk, key);
    }
}

static inline void nb_key_note(nb_store *store, uint32_t index, int64_t key)
{
    nb_key_note_in(store, nb_slots_of(store, index), key);
}

/* The same for one of several, of which the one before was noted so: what it has seen is not looked at again. *noted: NULL first. */
typedef struct nb_noted {
    const nb_slots *chunk;
    int64_t key;
} nb_noted;

static inline void nb_key_note_next(nb_store *store, uint32_t index, int64_t key, nb_noted *before)
{
    const nb_slots *chunk = nb_slots_of(store, index);

    if (chunk != before->chunk || key < before->key) {
        nb_key_note(store, index, key);
        *before = (nb_noted){ chunk, key };
    }
}

void nb_key_note_locked(nb_store *store, uint32_t index, int64_t key);

/* The key of a slot that the caller has claimed, to be noted once it is published with this state. */
int64_t nb_slot_key(nb_store *store, nb_slot *slot, nb_state state);

/* Lets lapse and expire what is due; under the lock, which it leaves and takes again while it tells of what has expired. */
void nb_store_sweep_locked(nb_store *store, int64_t now);

/* Every bound is gone: the next sweep looks at every slot. Under the lock. */
void nb_keys_forget_locked(nb_store *store);

/* Sets the timer to the next deadline, unless it is set to an earlier time. Under the lock. */
void nb_store_arm_locked(nb_store *store);
void nb_store_on_timer(nb_timer *timer);

#endif
