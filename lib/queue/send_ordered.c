/*
 * send_ordered.c - sending what is more than bytes: with a group, a deduplication id, attributes, a delay, a body of its own; one entry, or
 * those of a batch to a queue with an order, which go in under one lock.
 */
#include "base/check.h"
#include "base/number.h"
#include "queue/queue.h"

/* Makes the parcel of a checked entry. *ret_delay: that of the entry, or the queue's. */
static nimbus_status wrap(nimbus_queue *queue, const nimbus_entry *entry, nb_parcel *parcel, nb_fifo_ticket *ticket, int64_t *ret_delay)
{
    nimbus_runtime *nb = queue->object.runtime;
    nb_message_spec spec = { .body = entry->body, .attributes = entry->attributes, .attribute_count = entry->attribute_count,
                             .group_id = entry->group_id, .deduplication_id = entry->deduplication_id };
    int64_t delay = entry->delay;
    nimbus_status status;

    *parcel = (nb_parcel){ .message = NULL };
    if (queue->fifo.on) {
        delay = 0; /* only the queue's (SQS-S7) */
        spec.deduplication_id = nb_fifo_ticket_make(queue, entry->group_id, entry->deduplication_id, nb_queue_body_of(entry), ticket);
        parcel->dedup = ticket->hash;
    }
    status = nb_message_make(nb->heap, &spec, &parcel->message);
    if (status != NIMBUS_OK) {
        return status;
    }
    if (delay == 0) {
        delay = nb_load_relaxed(&queue->delay);
    }
    *ret_delay = delay == NIMBUS_ZERO ? 0 : delay;
    parcel->id = nb_new_id(nb);
    parcel->enqueued = nb_clock_coarse(&nb->clock, &parcel->sent);
    return NIMBUS_OK;
}

/* The same of a keyed one (nb_queue_keyed), sent and enqueued now. */
static inline nimbus_status wrap_keyed(nimbus_queue *queue, const nimbus_entry *entry, const nb_keys *keys, nb_parcel *parcel,
                                       nb_fifo_ticket *ticket, int64_t *ret_delay)
{
    nimbus_runtime *nb = queue->object.runtime;
    nimbus_status status;

    nb_fifo_ticket_fill(queue, keys, ticket);
    status = nb_message_copy_keyed(nb->heap, entry->body.data, entry->body.size, keys, &parcel->message);
    if (status != NIMBUS_OK) {
        return status;
    }
    parcel->letter = NULL; /* one by one: as a whole it would be cleared first */
    parcel->dedup = ticket->hash;
    parcel->id = nb_new_id(nb);
    parcel->first_received = 0;
    parcel->receive_count = 0;
    parcel->enqueued = nb_clock_coarse(&nb->clock, &parcel->sent);
    *ret_delay = nb_load_relaxed(&queue->delay);
    return NIMBUS_OK;
}

/* What was not stored is let go of; *ret is filled in. */
static nimbus_status answer(nimbus_status status, const nb_parcel *parcel, const nb_offered *offered, nimbus_sent *ret)
{
    *ret = (nimbus_sent){ .status = status, .bound = status == NIMBUS_E_FULL ? offered->bound : NIMBUS_BOUND_NONE };
    if (!nimbus_failed(status)) {
        ret->id = status == NIMBUS_OK ? parcel->id : offered->original;
        ret->sequence = offered->sequence;
        ret->place = offered->place;
    }
    if (status == NIMBUS_DUPLICATE) {
        nb_message_release(parcel->message); /* accepted: an adopted body is ours */
    } else if (status != NIMBUS_OK) {
        nb_message_unmake(parcel->message);
    }
    return status;
}

/* There was no memory for a message. */
static nimbus_status not_made(nimbus_status status, nimbus_sent *ret)
{
    *ret = (nimbus_sent){ .status = status, .bound = status == NIMBUS_E_FULL ? NIMBUS_BOUND_MEMORY : NIMBUS_BOUND_NONE };
    return status;
}

static int64_t wait_of(const nimbus_entry *entry)
{
    return entry->wait == NIMBUS_ZERO ? 0 : entry->wait;
}

nimbus_status nb_queue_send(nimbus_queue *queue, const nimbus_entry *entry, nimbus_sent *ret)
{
    nb_offered offered = { .bound = NIMBUS_BOUND_NONE };
    nb_fifo_ticket ticket;
    nb_parcel parcel;
    int64_t delay = 0;
    nimbus_status status = wrap(queue, entry, &parcel, &ticket, &delay);

    if (status != NIMBUS_OK) {
        return not_made(status, ret);
    }
    status = nb_queue_offer_patiently(queue, &parcel, delay, wait_of(entry), &offered);
    nb_fifo_tell(queue);
    return answer(status, &parcel, &offered, ret);
}

nimbus_status nb_queue_send_keyed(nimbus_queue *queue, const nimbus_entry *entry, const nb_keys *keys, nimbus_sent *ret)
{
    nb_offered offered;
    nimbus_sent unwanted;
    nb_fifo_ticket ticket;
    nb_parcel parcel;
    int64_t delay;
    nimbus_status status = wrap_keyed(queue, entry, keys, &parcel, &ticket, &delay);

    ret = ret != NULL ? ret : &unwanted;
    if (status != NIMBUS_OK) {
        return not_made(status, ret);
    }
    status = nb_store_offer_straight(&queue->store, &parcel, delay, &offered);
    if (status == NIMBUS_E_FULL && entry->wait > 0) {
        status = nb_queue_offer_patiently(queue, &parcel, delay, entry->wait, &offered);
    }
    nb_fifo_tell(queue);
    return answer(status, &parcel, &offered, ret);
}

/* ----------------------------------------------------------------------------------------------- a batch */

/* Those of a batch that could be made into parcels. */
typedef struct together {
    nb_parcel parcels[NB_BATCH_RUN];
    nb_fifo_ticket tickets[NB_BATCH_RUN];
    nb_offered offered[NB_BATCH_RUN];
    nimbus_status statuses[NB_BATCH_RUN];
    int64_t delays[NB_BATCH_RUN];
    uint32_t from[NB_BATCH_RUN]; /* which entry it was */
    uint32_t count;
} together;

static void offer_all(nimbus_queue *queue, const nimbus_entry *entries, together *t)
{
    if (nb_store_offer_in_order(&queue->store, t->parcels, t->delays, t->count, t->offered, t->statuses)) {
        return;
    }
    for (uint32_t i = 0; i < t->count; i++) { /* there is not room for all of them, or the queue has ended */
        t->offered[i] = (nb_offered){ .bound = NIMBUS_BOUND_NONE };
        t->statuses[i] = nb_queue_offer_patiently(queue, &t->parcels[i], t->delays[i], wait_of(&entries[t->from[i]]), &t->offered[i]);
    }
}

/* Makes the next parcel. *sent: filled in if that fails. */
static nimbus_status add(nimbus_queue *queue, const nimbus_entry *entry, const nb_checked *checked, together *t, nimbus_sent *sent)
{
    nb_parcel *parcel = &t->parcels[t->count];
    nb_fifo_ticket *ticket = &t->tickets[t->count];
    int64_t *delay = &t->delays[t->count];
    nimbus_status status = checked->status;

    if (status != NIMBUS_OK) {
        *sent = (nimbus_sent){ .status = status };
        return status;
    }
    status = checked->keyed ? wrap_keyed(queue, entry, &checked->keys, parcel, ticket, delay) : wrap(queue, entry, parcel, ticket, delay);
    return status == NIMBUS_OK ? status : not_made(status, sent);
}

bool nb_queue_send_together(nimbus_queue *queue, const nimbus_entry *entries, const nb_checked *checked, uint32_t count,
                            nimbus_sent *ret)
{
    static const nb_checked fine = { .status = NIMBUS_OK };
    nimbus_sent unwanted;
    bool good = true;
    together t;

    t.count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const nb_checked *is = checked != NULL ? &checked[i] : NULL;
        nb_checked found;
        nimbus_status status;
        size_t size;

        if (nb_queue_plain(queue, &entries[i])) { /* a fair queue's */
            is = &fine;
        } else if (is == NULL) {
            nb_queue_look(queue, &entries[i], &found, &size);
            is = &found;
        }
        status = add(queue, &entries[i], is, &t, ret != NULL ? &ret[i] : &unwanted);
        if (status == NIMBUS_OK) {
            t.from[t.count++] = i;
        }
        good = good && status == NIMBUS_OK;
    }
    if (t.count > 0) {
        offer_all(queue, entries, &t);
    }
    for (uint32_t i = 0; i < t.count; i++) {
        good = !nimbus_failed(answer(t.statuses[i], &t.parcels[i], &t.offered[i], ret != NULL ? &ret[t.from[i]] : &unwanted)) && good;
    }
    nb_fifo_tell(queue);
    return good;
}
