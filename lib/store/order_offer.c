/*
 * order_offer.c - messages coming into a store with an order: one, or a run of them, all under one lock.
 *
 * What needs no lock is done before it is taken: places and bytes are reserved, slots are got and filled, the names of groups are hashed,
 * and the clock is read. Under it each message in turn is asked for (a duplicate is not stored) and remembered, gets its sequence and its
 * place in its group, and is published: one step, as if it had been sent alone. So the messages of a run follow each other, and a later
 * one is a duplicate of an earlier one. What was not stored gives back what it had reserved when the lock is left.
 */
#include "store/inside.h"
#include "store/order.h"

/* Asks the owner's memory of deduplication ids, under the lock. */
static nimbus_status admit(nb_store *store, nb_admission *what, nb_offered *ret)
{
    nimbus_status status = NIMBUS_OK;

    if (what->parcel->dedup != NULL && store->ops->admit != NULL) {
        status = store->ops->admit(store->owner, what);
    }
    if (status == NIMBUS_DUPLICATE) {
        ret->original = what->original;
        ret->sequence = what->original_sequence;
    }
    return status;
}

nimbus_status nb_order_full_unless_seen(nb_store *store, const nb_parcel *parcel, nb_offered *ret)
{
    nb_admission what = { .parcel = parcel };
    nimbus_status status;

    if (parcel->dedup == NULL) {
        return NIMBUS_E_FULL;
    }
    what.now = nb_store_enter(store);
    status = admit(store, &what, ret);
    nb_store_leave(store);
    return status == NIMBUS_DUPLICATE ? status : NIMBUS_E_FULL;
}

/* A message whose slot is filled. */
typedef struct joining {
    const nb_parcel *parcel;
    nb_group_name group;
    uint64_t word;
    int64_t due; /* of its delay; 0: none */
    uint32_t index;
} joining;

static nb_group_name group_of(const nb_store *store, const nb_parcel *parcel)
{
    size_t length;
    const char *id = nb_message_group(parcel->message, &length);

    return nb_groups_name(store->order, id, length);
}

/* At the end of its group, published and touched. Returns its sequence. */
static inline uint64_t come(nb_store *store, nb_group *group, const joining *j, uint64_t word, int64_t now)
{
    nb_slot *slot = nb_slot_at(store, j->index);
    uint64_t sequence;

    store->order->came++;
    if (j->due == 0 && !store->order->fair) {
        return nb_order_come_locked(store, group, j->index, word, now);
    }
    sequence = nb_order_add_locked(store, group, j->index);
    if (j->due == 0) {
        nb_slot_make_ready_in_order(store, slot, j->index, word);
    } else {
        nb_store_relaxed(&slot->due, j->due);
        nb_tally(&store->tally.delayed, 1);
        nb_slot_publish(slot, nb_with_state(word, NB_DELAYED));
    }
    nb_order_touch_locked(store, j->index);
    return sequence;
}

/* Puts it at the end of its group. If that fails the slot is still the caller's. */
static inline nimbus_status join_locked(nb_store *store, const joining *j, int64_t now, nb_offered *ret)
{
    uint64_t word = j->word | NB_ORDERED;
    nb_group *group = nb_order_group_locked(store, &j->group); /* first: meanwhile comes what admit() looks at */
    nb_admission what = { .parcel = j->parcel, .now = now, .sequence = store->order->sequence + 1, .keep = group != NULL };
    nimbus_status status = admit(store, &what, ret);

    if (status == NIMBUS_OK && group == NULL) {
        status = nb_groups_failure(store->order, &j->group);
    }
    if (status != NIMBUS_OK) {
        if (group != NULL) {
            nb_order_drop_if_empty_locked(store, group);
        }
        ret->bound = status == NIMBUS_E_FULL ? NIMBUS_BOUND_MEMORY : NIMBUS_BOUND_NONE;
        return status;
    }
    if ((word & NB_COUNTED) == 0 && (nb_load_relaxed(&store->mode) & NB_MODE_BYTES) != 0) { /* since it was filled; set under the lock */
        nb_tally(&store->bytes, nb_message_size(j->parcel->message));
        word |= NB_COUNTED;
    }
    ret->place = nb_place_of(store, j->index, word);
    ret->sequence = come(store, group, j, word, now);
    return NIMBUS_OK;
}

/*
 * Behind the publication. No fence stands between, as it does in offer.c: the sweep, the measure and whoever waits do all of it under the
 * lock that we have.
 */
static inline void note_locked(nb_store *store, const joining *j)
{
    int64_t key = nb_expiry(store, j->parcel->enqueued);

    nb_key_note_locked(store, j->index, j->due != 0 && j->due < key ? j->due : key);
}

/* Under the lock, and out of it. */
static inline nimbus_status join(nb_store *store, const joining *j, int64_t now, nb_offered *ret)
{
    nimbus_status status;

    nb_store_enter_at(store, now);
    status = join_locked(store, j, now, ret);
    if (status == NIMBUS_OK) {
        note_locked(store, j);
    }
    nb_store_leave(store);
    return status;
}

nimbus_status nb_order_join(nb_store *store, const nb_parcel *parcel, uint32_t index, uint64_t word, int64_t due, nb_offered *ret)
{
    joining j = { .parcel = parcel, .group = group_of(store, parcel), .word = word, .due = due, .index = index };

    return join(store, &j, nb_clock_coarse(&store->nb->clock, NULL), ret);
}

/* ------------------------------------------------------------------------------------- one, straight */

/* A place and a slot for it; NB_NO_SLOT: not so simply, and nothing is taken. */
static inline uint32_t reserve_one(nb_store *store)
{
    nb_slots *chunk;
    uint32_t index;

    if (nb_store_take_places(store, 1) != NIMBUS_OK) {
        return NB_NO_SLOT;
    }
    index = nb_slot_get(store, &chunk);
    if (index == NB_NO_SLOT) {
        nb_store_give_up_places(store, 1);
    }
    return index;
}

nimbus_status nb_store_offer_straight(nb_store *store, const nb_parcel *parcel, int64_t delay, nb_offered *ret)
{
    nimbus_status status;
    joining j;

    if (delay > 0 || parcel->letter != NULL || nb_load_acquire(&store->mode) != NB_MODE_ORDERED ||
        (j.index = reserve_one(store)) == NB_NO_SLOT) {
        return nb_store_offer(store, parcel, delay, false, ret);
    }
    j.parcel = parcel;
    j.group = group_of(store, parcel);
    j.due = 0;
    j.word = nb_slot_fill(nb_slot_at(store, j.index), parcel, 0);
    ret->bound = NIMBUS_BOUND_NONE;
    ret->sequence = 0;
    ret->place = (nimbus_receipt){ 0, 0 };
    status = join(store, &j, parcel->enqueued, ret);
    if (status != NIMBUS_OK) {
        nb_slot *slot = nb_slot_at(store, j.index);

        nb_slot_put(store, slot, j.index, nb_load_relaxed(&slot->word));
        nb_store_give_up_places(store, 1);
    }
    return status;
}

/* ----------------------------------------------------------------------------------------------- a run */

static size_t size_of(const nb_parcel *parcels, uint32_t count)
{
    size_t size = 0;

    for (uint32_t i = 0; i < count; i++) {
        size_t one = nb_message_size(parcels[i].message);

        size = one > SIZE_MAX - size ? SIZE_MAX : size + one;
    }
    return size;
}

/* Places, bytes and slots for all of them. False: nothing is taken. */
static bool reserve_all(nb_store *store, const nb_parcel *parcels, uint32_t count, bool counted, uint32_t *indices)
{
    size_t size = counted ? size_of(parcels, count) : 0;

    if (nb_store_take_places(store, count) != NIMBUS_OK) {
        return false;
    }
    if (counted && !nb_bytes_reserve(store, size)) {
        nb_store_give_up_places(store, count);
        return false;
    }
    if (!nb_slots_get(store, indices, count)) {
        nb_sub_relaxed(&store->bytes, size);
        nb_store_give_up_places(store, count);
        return false;
    }
    return true;
}

static void give_back(nb_store *store, const joining *j)
{
    if ((j->word & NB_COUNTED) != 0) {
        nb_sub_relaxed(&store->bytes, nb_message_size(j->parcel->message));
    }
    nb_slot_put(store, nb_slot_at(store, j->index), j->index, nb_load_relaxed(&nb_slot_at(store, j->index)->word));
    nb_store_give_up_places(store, 1);
}

static void join_all(nb_store *store, const joining *run, uint32_t count, int64_t now, nb_offered *ret, nimbus_status *statuses)
{
    nb_store_enter_at(store, now);
    for (uint32_t i = 0; i < count; i++) {
        statuses[i] = join_locked(store, &run[i], now, &ret[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (statuses[i] == NIMBUS_OK) {
            note_locked(store, &run[i]);
        }
    }
    nb_store_leave(store);
}

bool nb_store_offer_in_order(nb_store *store, const nb_parcel *parcels, const int64_t *delays, uint32_t count, nb_offered *ret,
                             nimbus_status *statuses)
{
    uint32_t mode = nb_load_acquire(&store->mode), indices[NB_BATCH_RUN];
    int64_t now = nb_clock_coarse(&store->nb->clock, NULL), from = nb_add_time(now, nb_clock_tick(&store->nb->clock));
    joining run[NB_BATCH_RUN];

    if (store->order == NULL || (mode & NB_MODE_ENDED) != 0 ||
        !reserve_all(store, parcels, count, (mode & NB_MODE_BYTES) != 0, indices)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        run[i] = (joining){ .parcel = &parcels[i], .group = group_of(store, &parcels[i]), .index = indices[i],
                            .due = delays[i] > 0 ? nb_add_time(from, delays[i]) : 0 };
        run[i].word = nb_slot_fill(nb_slot_at(store, indices[i]), &parcels[i], (mode & NB_MODE_BYTES) != 0 ? NB_COUNTED : 0);
        ret[i] = (nb_offered){ .bound = NIMBUS_BOUND_NONE };
    }
    join_all(store, run, count, now, ret, statuses);
    for (uint32_t i = 0; i < count; i++) {
        if (statuses[i] != NIMBUS_OK) {
            give_back(store, &run[i]);
        }
    }
    return true;
}
