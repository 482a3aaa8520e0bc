/*
 * entries.c - the entries that lead to slots: those of the ready ring, and the lists of what was given back or is stuck. Whoever takes
 * an entry off frees the slot if it is a zombie by then (store.h, (3)). If it is carried (carry.h) he only takes HINTED away: its carrier
 * finds out when he puts it down.
 */
#include "store/inside.h"

uint64_t nb_slot_claim_popped_slowly(nb_store *store, nb_slot *slot, uint32_t index)
{
    for (;;) {
        uint64_t word = nb_slot_word(slot);

        if (nb_state_of(word) == NB_ZOMBIE) { /* nobody else leads here any more, but for an order, which then frees it */
            if ((word & NB_ORDERED) != 0) {
                nb_slot_publish(slot, word & ~NB_HINTED);
            } else {
                nb_slot_put(store, slot, index, word);
            }
            return 0;
        }
        if (nb_state_of(word) == NB_CARRIED) {
            if (nb_cas_strong_acq_rel(&slot->word, &word, word & ~NB_HINTED)) {
                return 0;
            }
        } else if (nb_slot_claim(slot, word)) {
            return word & ~NB_HINTED;
        }
    }
}

void nb_store_trim(nb_store *store)
{
    uint32_t index;

    while (nb_index_ring_peek(&store->ready, &index)) {
        nb_slot *slot = nb_slot_at(store, index);

        if (nb_state_of(nb_load_acquire(&slot->word)) != NB_ZOMBIE) {
            break;
        }
        if (nb_index_ring_pop_this(&store->ready, index)) {
            uint64_t word;

            nb_tally(&store->tally.unreceived, 1);
            word = nb_slot_claim_popped(store, slot, index);
            if (word != 0) { /* the zombie was popped and the slot used again, since we looked: a place further behind is all it loses */
                nb_slot_return(store, slot, index, word);
            }
        }
    }
}

bool nb_list_claim_locked(nb_store *store, uint32_t *first, uint32_t *last, uint32_t *ret_index, uint64_t *ret_word)
{
    while (*first != 0) {
        uint32_t index = *first - 1;
        nb_slot *slot = nb_slot_at(store, index);
        uint64_t word;

        *first = (uint32_t)slot->taken_at;
        if (*first == 0 && last != NULL) {
            *last = 0;
        }
        word = nb_slot_claim_popped(store, slot, index);
        if (word != 0) {
            *ret_index = index;
            *ret_word = word;
            return true;
        }
    }
    return false;
}

void nb_list_add_locked(nb_store *store, uint32_t *first, uint32_t *last, uint32_t index)
{
    nb_slot_at(store, index)->taken_at = 0;
    if (*first == 0) {
        *first = index + 1;
    } else {
        nb_slot_at(store, *last - 1)->taken_at = index + 1;
    }
    *last = index + 1;
}
