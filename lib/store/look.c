/*
 * look.c - looking at messages without touching them. A slot is claimed for the moment in which its message is retained and its facts are
 * copied, and is published as it was; whoever wants it meanwhile waits that long. A MOVING slot is its mover's, a CARRIED one its
 * carrier's, but they only end under the lock, which the looker has.
 */
#include <string.h>

#include "base/number.h"
#include "store/order.h"
#include "store/inside.h"

#define RUN 32u

typedef struct peeker {
    nb_store *store;
    nimbus_peeked *to;
    size_t count, max;
    int64_t now, wall;
    const nb_group *group; /* that is walked over */
    bool locked;           /* one at work was met in it */
} peeker;

static void copy(peeker *peek, nb_slot *slot, uint32_t index, nb_state state)
{
    nimbus_peeked *entry = &peek->to[peek->count++];
    int64_t due = state == NB_DELAYED || state == NB_IN_FLIGHT || state == NB_DOOMING ? nb_load_relaxed(&slot->due) : INT64_MAX;

    memset(entry, 0, sizeof *entry);
    entry->message = nb_message_retain(slot->message);
    entry->id = (nimbus_id){ peek->store->nonce, nb_load_relaxed(&slot->id) };
    entry->state = state == NB_DELAYED                           ? NIMBUS_STATE_DELAYED
                   : state == NB_IN_FLIGHT || state == NB_DOOMING ? NIMBUS_STATE_IN_FLIGHT
                                                                 : NIMBUS_STATE_READY;
    entry->group_id = nb_message_group(slot->message, NULL);
    entry->sequence = nb_order_is_fifo(peek->store) ? nb_node_at(peek->store, index)->sequence : 0;
    entry->receive_count = slot->receive_count;
    entry->sent = slot->sent;
    entry->until = due == INT64_MAX ? 0 : nb_add_time(peek->wall, due - peek->now);
}

/* Its mover's or carrier's until we give the lock back: then it may be read without a claim. */
static bool movers(nb_state state)
{
    return state == NB_MOVING || state == NB_DOOMING || state == NB_CARRIED;
}

/* Copies a slot that is in one of the wanted states (a bit each). */
static void peek_slot(peeker *peek, uint32_t index, uint32_t wanted)
{
    nb_slot *slot = nb_slot_at(peek->store, index);
    uint64_t word;

    while (peek->count < peek->max) {
        word = nb_slot_word(slot);
        if ((wanted & 1u << nb_state_of(word)) == 0) {
            return;
        }
        if (movers(nb_state_of(word))) {
            copy(peek, slot, index, nb_state_of(word));
            return;
        }
        if (nb_slot_claim(slot, word)) {
            copy(peek, slot, index, nb_state_of(word));
            nb_slot_publish(slot, word);
            nb_fence_seq_cst(); /* deadline.h */
            nb_key_note_locked(peek->store, index, nb_slot_key(peek->store, slot, nb_state_of(word)));
            return;
        }
    }
}

static void peek_list(peeker *peek, uint32_t first, uint32_t wanted)
{
    while (first != 0 && peek->count < peek->max) {
        uint32_t next = (uint32_t)nb_slot_at(peek->store, first - 1)->taken_at;

        peek_slot(peek, first - 1, wanted);
        first = next;
    }
}

static void peek_ring(peeker *peek)
{
    uint32_t run[RUN], count;
    uint64_t at = 0;

    while (peek->count < peek->max && (count = nb_index_ring_list(&peek->store->ready, &at, run, RUN)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            peek_slot(peek, run[i], 1u << NB_READY);
        }
    }
}

/* In an order: the ready ones, and whether they are kept back. */
static bool peek_ordered(void *user, uint32_t index)
{
    peeker *peek = user;
    nb_group *group = nb_node_at(peek->store, index)->group;
    nb_state state = nb_state_of(nb_slot_word(nb_slot_at(peek->store, index)));
    size_t before = peek->count;

    if (group != peek->group) {
        peek->group = group;
        peek->locked = false;
    }
    peek_slot(peek, index, 1u << NB_READY);
    if (peek->locked && peek->count > before) {
        peek->to[before].state = NIMBUS_STATE_LOCKED;
    }
    peek->locked = nb_order_is_fifo(peek->store) && (peek->locked || (state != NB_READY && state != NB_DELAYED && state != NB_ZOMBIE));
    return peek->count < peek->max;
}

static void peek_states(peeker *peek, uint32_t wanted)
{
    uint32_t slots = nb_load_acquire(&peek->store->slot_count);

    for (uint32_t i = 0; i < slots && peek->count < peek->max; i++) {
        if ((wanted & 1u << nb_state_of(nb_load_acquire(&nb_slot_at(peek->store, i)->word))) != 0) {
            peek_slot(peek, i, wanted);
        }
    }
}

nimbus_status nb_store_peek(nb_store *store, nimbus_peeked *ret, size_t max, size_t *ret_count)
{
    peeker peek = { .store = store, .to = ret, .max = max };
    nimbus_status status;

    peek.now = nb_store_enter(store);
    peek.wall = nb_clock_wall(&store->nb->clock);
    status = nb_store_ended(store);
    if (status == NIMBUS_OK) {
        peek_list(&peek, store->stuck, 1u << NB_STUCK);
        peek_states(&peek, 1u << NB_MOVING | 1u << NB_CARRIED);
        if (store->order != NULL) {
            nb_order_walk_locked(store, peek_ordered, &peek);
        } else {
            peek_list(&peek, store->returned, 1u << NB_READY);
            peek_ring(&peek);
        }
        peek_states(&peek, 1u << NB_DELAYED);
        peek_states(&peek, 1u << NB_IN_FLIGHT | 1u << NB_DOOMING);
        *ret_count = peek.count;
        status = peek.count > 0 ? NIMBUS_OK : NIMBUS_EMPTY;
    }
    nb_store_leave(store);
    return status;
}

/* Counts a message's bytes in that came before anybody measured. */
static void count_in(nb_store *store, uint32_t index)
{
    nb_slot *slot = nb_slot_at(store, index);

    for (;;) {
        uint64_t word = nb_slot_word(slot);
        nb_state state = nb_state_of(word);

        if (state == NB_FREE || state == NB_ZOMBIE || (word & NB_COUNTED) != 0) {
            return;
        }
        if (nb_slot_claim(slot, word)) {
            nb_tally(&store->bytes, nb_message_size(slot->message));
            nb_slot_publish(slot, word | NB_COUNTED);
            nb_fence_seq_cst(); /* deadline.h */
            nb_key_note_locked(store, index, nb_slot_key(store, slot, state));
            return;
        }
    }
}

void nb_store_measure_from_now_locked(nb_store *store)
{
    if ((nb_load_relaxed(&store->mode) & NB_MODE_BYTES) == 0) {
        nb_store_release(&store->mode, nb_load_relaxed(&store->mode) | NB_MODE_BYTES);
        nb_fence_seq_cst(); /* pairs with the one in an offer: we see its slot, or it sees the bit */
        for (uint32_t i = 0; i < nb_load_acquire(&store->slot_count); i++) {
            count_in(store, i);
        }
    }
}

/* Since when a slot's message is here, or INT64_MAX: a dead letter since its move (SQS-D7), any other since it was sent. */
static int64_t here_since(nb_store *store, uint32_t index)
{
    nb_slot *slot = nb_slot_at(store, index);
    int64_t since = INT64_MIN;

    for (;;) {
        uint64_t word = nb_slot_word(slot);
        nb_state state = nb_state_of(word);

        if (state == NB_FREE || state == NB_ZOMBIE) {
            return INT64_MAX;
        }
        if ((word & NB_HAS_PAST) == 0) {
            break;
        }
        if (movers(state)) { /* its mover's until we give the lock back */
            since = nb_slot_past(store, index, word).arrived;
            break;
        }
        if (nb_slot_claim(slot, word)) {
            since = nb_slot_past(store, index, word).arrived;
            nb_slot_restore_locked(store, slot, index, word);
            break;
        }
    }
    return since != INT64_MIN ? since : nb_load_relaxed(&slot->enqueued);
}

void nb_store_measure(nb_store *store, uint64_t *ret_bytes, int64_t *ret_oldest_age)
{
    int64_t oldest = INT64_MAX, now = nb_store_enter(store);

    nb_store_measure_from_now_locked(store);
    for (uint32_t i = 0; i < nb_load_acquire(&store->slot_count); i++) {
        int64_t since = here_since(store, i);

        oldest = since < oldest ? since : oldest;
    }
    *ret_bytes = nb_load_relaxed(&store->bytes);
    *ret_oldest_age = oldest == INT64_MAX ? 0 : now - oldest;
    nb_store_leave(store);
}
