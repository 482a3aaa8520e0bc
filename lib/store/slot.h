/*
 * slot.h - the slots of a store: their words, how they are claimed and published, and where they lie.
 *
 * Ordering. A claim is a CAS with acquire, a publication a store with release, both of the slot's word: whatever the last owner did to the
 * fields is seen by the next one. Without the pair a deleter could free a message whose pointer it has not seen, or a taker hand out a body
 * that is not written yet.
 *
 * due, enqueued, id and own_receives are atomic because they are also read without a claim, as guesses: by the sweep, which claims and
 * looks again before it acts, and by the check of a stale receipt, which reads the word before and after. Relaxed; but own_receives is
 * stored with release and loaded by that check with acquire, between its two reads of the word: who sees what a later owner stored sees
 * that the word has changed, too. Else a count and a word that do not belong together could both look unchanged.
 *
 * A claim is held for some tens of instructions, never over a call that may block or run user code. Who finds a slot CLAIMED waits for it
 * (nb_slot_word); nobody else is held up.
 */
#ifndef NB_STORE_SLOT_H
#define NB_STORE_SLOT_H

#include "store/store.h"

typedef struct nb_node nb_node;

typedef enum nb_state {
    NB_FREE, NB_READY, NB_DELAYED, NB_IN_FLIGHT, NB_CLAIMED, NB_MOVING, NB_DOOMING, NB_STUCK, NB_ZOMBIE,
    NB_CARRIED
} nb_state;

#define NB_STATE_MASK UINT64_C(0xf)
#define NB_HINTED UINT64_C(0x10)   /* an entry of the ready ring or of a list leads here */
#define NB_PURGED UINT64_C(0x20)   /* while it was MOVING, DOOMING or CARRIED */
#define NB_HAS_PAST UINT64_C(0x40) /* it has a letter or a note */
#define NB_FAILED UINT64_C(0x80)   /* for good: it only waits for its dead letter */
#define NB_COUNTED UINT64_C(0x100) /* its bytes are in store->bytes */
#define NB_ORDERED UINT64_C(0x200) /* in the list of its group (store/order.h) */
#define NB_FLAGS UINT64_C(0x3f0)
#define NB_GENERATION_SHIFT 10
#define NB_ONE_GENERATION (UINT64_C(1) << NB_GENERATION_SHIFT)

#ifdef NB_TESTING
#define NB_CHUNK_SHIFT 2u /* growth on nearly every test */
#define NB_SPAN_SHIFT 2u
#else
#define NB_CHUNK_SHIFT 6u
#define NB_SPAN_SHIFT 6u
#endif
#define NB_CHUNK (1u << NB_CHUNK_SHIFT)      /* slots in a chunk */
#define NB_SPAN (NB_CHUNK << NB_SPAN_SHIFT) /* slots in a span */
#define NB_NO_SLOT UINT32_MAX

struct nb_slot {
    _Atomic uint64_t word;
    nimbus_message *message;       /* counted */
    _Atomic int64_t due;           /* DELAYED, IN_FLIGHT: their end; else INT64_MAX */
    _Atomic int64_t enqueued;
    int64_t taken_at;              /* IN_FLIGHT; in a list: index + 1 of the next in it, under the lock; READY in an order: since when */
    nimbus_time sent, first_received;
    _Atomic uint64_t id;
    _Atomic uint32_t own_receives; /* by this store: compared with max_receives (SQS-D12); FREE: index + 1 of the next free one */
    uint32_t receive_count;
};

/* What few messages have: where they were dead-lettered, and what the last handler said. Both counted. */
typedef struct nb_past {
    nb_letter *letter, *note;
    int64_t arrived; /* as a dead letter: its age counts from here (SQS-D7). INT64_MIN: not one */
} nb_past;

struct nb_slots {
    nb_span *span;
    _Atomic int64_t first_key;    /* see deadline.h */
    nb_past *_Atomic pasts;       /* one per slot; made when the first is needed */
    nb_node *nodes;               /* one per slot in a store with an order; else NULL */
    nb_slot slots[NB_CHUNK];
};

struct nb_span {
    nb_span *_Atomic next;
    uint32_t first_chunk;
    _Atomic int64_t first_key;
};

static inline nb_state nb_state_of(uint64_t word)
{
    return (nb_state)(word & NB_STATE_MASK);
}

static inline uint64_t nb_generation_of(uint64_t word)
{
    return word >> NB_GENERATION_SHIFT;
}

/* The word with another state; flags and generation stay. */
static inline uint64_t nb_with_state(uint64_t word, nb_state state)
{
    return (word & ~NB_STATE_MASK) | (uint64_t)state;
}

/* Pairs with the release of the store that published the array: an index is only known to who has seen its slot's chunk come. */
static inline nb_slots *nb_slots_of(nb_store *store, uint32_t index)
{
    return nb_load_acquire(&store->chunks)[index >> NB_CHUNK_SHIFT];
}

static inline nb_slot *nb_slot_in(nb_slots *chunk, uint32_t index)
{
    return &chunk->slots[index & (NB_CHUNK - 1)];
}

static inline nb_slot *nb_slot_at(nb_store *store, uint32_t index)
{
    return nb_slot_in(nb_slots_of(store, index), index);
}

/* The word, once nobody has the slot claimed. */
uint64_t nb_slot_word_slowly(nb_slot *slot);

static inline uint64_t nb_slot_word(nb_slot *slot)
{
    uint64_t word = nb_load_acquire(&slot->word);

    return nb_state_of(word) != NB_CLAIMED ? word : nb_slot_word_slowly(slot);
}

/* Claims the slot if its word is still word, whose state is not CLAIMED. */
static inline bool nb_slot_claim(nb_slot *slot, uint64_t word)
{
    return nb_cas_strong_acquire(&slot->word, &word, nb_with_state(word, NB_CLAIMED));
}

static inline void nb_slot_publish(nb_slot *slot, uint64_t word)
{
    nb_store_release(&slot->word, word);
}

/* ------------------------------------------------------------------------------- getting and giving back */

uint32_t nb_slot_get_slowly(nb_store *store, nb_slots **ret_chunk);

/*
 * A free slot and its chunk, which is the caller's alone, with room for its entry in the ready ring; NB_NO_SLOT: out of memory.
 *
 * The stack of free slots is linked through own_receives. Its head has a tag that every change raises, so that a pop which was stopped
 * between reading the next one and its CAS fails if anything happened meanwhile: else it could put a slot that is in use at the head.
 */
static inline uint32_t nb_slot_get(nb_store *store, nb_slots **ret_chunk)
{
    uint64_t head = nb_load_acquire(&store->free); /* pairs with the release of whoever put the slot there */

    if ((uint32_t)head != 0) {
        uint32_t index = (uint32_t)head - 1;
        nb_slots *chunk = nb_slots_of(store, index);
        uint32_t next = nb_load_relaxed(&nb_slot_in(chunk, index)->own_receives); /* a guess: the CAS fails if it was not free any more */

        if (nb_cas_strong_acquire(&store->free, &head, ((head >> 32) + 1) << 32 | next)) {
            *ret_chunk = chunk;
            return index;
        }
    }
    return nb_slot_get_slowly(store, ret_chunk);
}

/* Gives back a slot that is the caller's alone (claimed, or just taken from the stack); generation + 1. */
static inline void nb_slot_put(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word)
{
    uint64_t head = nb_load_relaxed(&store->free);

    nb_slot_publish(slot, ((word & ~(NB_FLAGS | NB_STATE_MASK)) + NB_ONE_GENERATION) | NB_FREE);
    do {
        nb_store_release(&slot->own_receives, (uint32_t)head);
    } while (!nb_cas_weak_release(&store->free, &head, ((head >> 32) + 1) << 32 | (index + 1)));
}

/* The message of a claimed slot has gone: to the free ones, or ZOMBIE while an entry leads to it. */
static inline void nb_slot_vacate(nb_store *store, nb_slot *slot, uint32_t index, uint64_t word)
{
    if ((word & (NB_HINTED | NB_ORDERED)) != 0) {
        nb_slot_publish(slot, (word & ~(NB_FLAGS | NB_STATE_MASK)) | (word & (NB_HINTED | NB_ORDERED)) | NB_ZOMBIE);
    } else {
        nb_slot_put(store, slot, index, word);
    }
}

/* Takes up to max free slots off the stack at once. */
uint32_t nb_slots_pop(nb_store *store, uint32_t *indices, uint32_t max);

/* Puts a chain of free slots on the stack: first is its first, last its last. */
void nb_slots_push(nb_store *store, uint32_t first, nb_slot *last);

/* Fills a slot that is the caller's alone; flags: of its word. Returns the word, still to be given a state and published. */
static inline uint64_t nb_slot_fill(nb_slot *slot, const nb_parcel *parcel, uint64_t flags)
{
    nb_plain_write(&slot->message);
    slot->message = parcel->message;
    slot->sent = parcel->sent;
    slot->first_received = parcel->first_received;
    slot->receive_count = parcel->receive_count;
    nb_store_relaxed(&slot->due, INT64_MAX);
    nb_store_relaxed(&slot->enqueued, parcel->enqueued);
    nb_store_relaxed(&slot->id, parcel->id.number);
    nb_store_release(&slot->own_receives, 0); /* as all stores of it: see the head */
    return (nb_load_relaxed(&slot->word) & ~(NB_FLAGS | NB_STATE_MASK)) | flags;
}

void nb_slots_release(nb_store *store); /* frees all memory of slots */

/* ------------------------------------------------------------------------------------------------ past */

/* Of a claimed slot. With false: no memory, nothing has changed. Takes the references. */
bool nb_slot_set_past(nb_store *store, uint32_t index, uint64_t *word, nb_letter *letter, nb_letter *note);

/* The same slot, which has a past by now, came as a dead letter. */
void nb_slot_set_arrived(nb_store *store, uint32_t index, int64_t arrived);

/* What a slot with NB_HAS_PAST has; the references stay the slot's. */
nb_past nb_slot_past(nb_store *store, uint32_t index, uint64_t word);

#endif
