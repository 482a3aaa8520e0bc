/*
 * work.c - sending bytes and nothing else, and receiving. All other entries: send_ordered.c.
 */
#include <string.h>

#include "base/check.h"
#include "base/number.h"
#include "base/rare.h"
#include "exec/context.h"
#include "memory/attribute.h"
#include "memory/copy.h"
#include "platform/thread.h"
#include "queue/queue.h"
#include "queue/text.h"
#include "store/plain.h"

static bool body_valid(const nimbus_body *body)
{
    return (unsigned)body->kind <= NIMBUS_BODY_SHARE && (body->kind == NIMBUS_BODY_SHARE || body->size == 0 || body->data != NULL);
}

static size_t body_size(const nimbus_body *body)
{
    return body->kind == NIMBUS_BODY_NONE    ? 0
           : body->kind == NIMBUS_BODY_SHARE ? (body->message != NULL ? nb_message_body(body->message).size : 0)
                                             : body->size;
}

static nimbus_status keys_status(const nimbus_queue *queue, const nimbus_entry *entry)
{
    if (queue->fifo.on) {
        return nb_fifo_check(queue, entry);
    }
    return (entry->group_id == NULL || nb_key_valid(entry->group_id)) && entry->deduplication_id == NULL /* SQS-S15, S16 */
               ? NIMBUS_OK
               : NIMBUS_E_INVALID;
}

nimbus_bytes nb_queue_body_of(const nimbus_entry *entry)
{
    return entry->body.kind == NIMBUS_BODY_SHARE ? nb_message_body(entry->body.message)
                                                 : (nimbus_bytes){ entry->body.data, entry->body.size };
}

static nimbus_status content_status(const nimbus_queue *queue, const nimbus_entry *entry)
{
    if (!nb_load_relaxed(&queue->text_only)) {
        return NIMBUS_OK;
    }
    return nb_text_only(nb_queue_body_of(entry), entry->attributes, entry->attribute_count) ? NIMBUS_OK : NIMBUS_E_CONTENT;
}

nimbus_status nb_queue_check(nimbus_queue *queue, const nimbus_entry *entry, size_t *ret_size)
{
    const nimbus_limits *limits = &queue->object.runtime->limits;
    nimbus_duration delay = entry->delay, wait = entry->wait;
    size_t size = body_size(&entry->body), attributes, max;
    nimbus_status status;

    *ret_size = size;
    if (!nb_reserved_clear(entry->reserved_, 2) || entry->subject != NULL || !body_valid(&entry->body) ||
        !nb_duration_argument(&delay) || delay > limits->max_delay || !nb_duration_argument(&wait)) {
        return NIMBUS_E_INVALID;
    }
    if (entry->body.kind == NIMBUS_BODY_NONE || (size == 0 && limits->preset == NIMBUS_LIMITS_AWS)) {
        return NIMBUS_E_MISSING;
    }
    status = keys_status(queue, entry);
    if (status != NIMBUS_OK) {
        return status;
    }
    status = nb_attributes_check(entry->attributes, entry->attribute_count, limits->max_attributes);
    if (status != NIMBUS_OK) {
        return status;
    }
    attributes = nb_attributes_size(entry->attributes, entry->attribute_count);
    *ret_size = size > SIZE_MAX - attributes ? SIZE_MAX : size + attributes;
    max = nb_load_relaxed(&queue->max_message_size);
    return *ret_size > max ? NIMBUS_E_TOO_LARGE : content_status(queue, entry);
}

nimbus_status nb_queue_offer_patiently(nimbus_queue *queue, const nb_parcel *parcel, nimbus_duration delay, nimbus_duration wait,
                                       nb_offered *ret)
{
    nimbus_runtime *nb = queue->object.runtime;
    int64_t until = wait > 0 ? nb_add_time(nb_clock_elapsed(&nb->clock), wait) : 0;
    nimbus_status status, waited = NIMBUS_OK;

    for (;;) {
        status = nb_store_offer(&queue->store, parcel, delay, false, ret);
        if (status != NIMBUS_E_FULL || wait == 0 || ret->bound == NIMBUS_BOUND_MEMORY || waited != NIMBUS_OK) {
            break;
        }
        nb_waiting_begin(nb);
        waited = nb_store_wait_room(&queue->store, nb_message_size(parcel->message), until);
        nb_waiting_end(nb);
        if (waited == NIMBUS_E_WOULD_BLOCK || waited == NIMBUS_E_DELETED || waited == NIMBUS_E_CLOSED) {
            return waited;
        }
    }
    return status;
}

static NB_SELDOM nimbus_status no_message(nimbus_status status, nimbus_sent *ret)
{
    if (ret != NULL) {
        *ret = (nimbus_sent){ .status = status, .bound = status == NIMBUS_E_FULL ? NIMBUS_BOUND_MEMORY : NIMBUS_BOUND_NONE };
    }
    return status;
}

/* With a delay, into a full queue, or whatever else is not plain about the queue. */
static NB_APART nimbus_status send_patiently(nimbus_queue *queue, nb_parcel parcel, nimbus_duration wait, nimbus_sent *ret)
{
    int64_t delay = nb_load_relaxed(&queue->delay);
    nb_offered offered;
    nimbus_status status = nb_store_offer(&queue->store, &parcel, delay, false, &offered);

    if (status == NIMBUS_E_FULL && wait > 0) {
        status = nb_queue_offer_patiently(queue, &parcel, delay, wait, &offered);
    }
    if (status != NIMBUS_OK) {
        nb_message_unmake(parcel.message);
    }
    if (ret != NULL) {
        *ret = (nimbus_sent){ .status = status, .bound = status == NIMBUS_E_FULL ? offered.bound : NIMBUS_BOUND_NONE };
        if (status == NIMBUS_OK) {
            ret->id = parcel.id;
            ret->place = offered.place;
        }
    }
    return status;
}

/* A new message that has no past. Field by field: as a whole it would be cleared first. */
static inline void wrap(nb_parcel *parcel, uint64_t instance, uint64_t number, int64_t sent, int64_t now)
{
    parcel->letter = NULL;
    parcel->dedup = NULL;
    parcel->id = (nimbus_id){ instance, number };
    parcel->sent = sent;
    parcel->first_received = 0;
    parcel->enqueued = now;
    parcel->receive_count = 0;
}

nimbus_status nb_queue_send_plain(nimbus_queue *queue, const nimbus_entry *entry, nimbus_sent *ret)
{
    nimbus_runtime *nb = queue->object.runtime;
    nb_cache *cache = nb_cache_of(nb_self_get(), nb->heap->serial);
    int64_t now, sent;
    nimbus_receipt place;
    nb_parcel parcel;
    nimbus_status status = nb_message_copy_in(cache, nb->heap, entry->body.data, entry->body.size, 0, &parcel.message);

    if (NB_RARE(status != NIMBUS_OK)) {
        return no_message(status, ret);
    }
    now = nb_clock_coarse(&nb->clock, &sent);
    wrap(&parcel, nb->nonce, nb_number_next_in(cache, nb->heap, &nb->last_id), sent, now);
    if (NB_RARE(nb_load_relaxed(&queue->delay) > 0) || NB_RARE(!nb_store_offer_plainly(&queue->store, &parcel, &place))) {
        return send_patiently(queue, parcel, entry->wait, ret);
    }
    if (ret != NULL) {
        *ret = (nimbus_sent){ .status = NIMBUS_OK, .id = parcel.id, .place = place };
    }
    return NIMBUS_OK;
}

/* Makes parcels of plain entries: message and number, and the moment of the first. Returns how many there was memory for. */
static inline uint32_t wrap_all(nimbus_queue *queue, const nimbus_entry *entries, uint32_t count, nb_parcel *parcels)
{
    nimbus_runtime *nb = queue->object.runtime;
    nb_cache *cache = nb_cache_of(nb_self_get(), nb->heap->serial);
    uint64_t number = nb_numbers_next_in(cache, nb->heap, &nb->last_id, count);
    uint32_t made = 0;

    parcels->enqueued = nb_clock_coarse(&nb->clock, &parcels->sent);
    for (; made < count; made++) {
        const nimbus_body *body = &entries[made].body;

        if (NB_RARE(nb_message_copy_in(cache, nb->heap, body->data, body->size, 0, &parcels[made].message) != NIMBUS_OK)) {
            break;
        }
        parcels[made].id.number = number + made;
    }
    return made;
}

bool nb_queue_send_run(nimbus_queue *queue, const nimbus_entry *entries, uint32_t count, nimbus_sent *ret)
{
    nb_parcel parcels[NB_BATCH_RUN];
    nimbus_receipt places[NB_BATCH_RUN];
    const nimbus_runtime *nb = queue->object.runtime;
    uint32_t made;
    bool stored;

    if (nb_load_relaxed(&queue->delay) != 0) {
        return false;
    }
    made = wrap_all(queue, entries, count, parcels);
    stored = made == count && nb_store_offer_many(&queue->store, parcels, count, ret != NULL ? places : NULL);
    for (uint32_t i = 0; !stored && i < made; i++) {
        nb_message_unmake(parcels[i].message);
    }
    for (uint32_t i = 0; stored && ret != NULL && i < made; i++) {
        ret[i] = (nimbus_sent){ .status = NIMBUS_OK, .id = { nb->nonce, parcels[i].id.number }, .place = places[i] };
    }
    return stored;
}

/* ------------------------------------------------------------------------------------------ receive */

nb_hiding nb_queue_hiding(nimbus_queue *queue, int64_t visibility)
{
    if (visibility == NB_STORE_VISIBILITY) {
        visibility = nb_load_relaxed(&queue->store.settings.visibility);
    }
    return (nb_hiding){ .visibility = nb_store_lease(&queue->store), .otherwise = visibility, .heartbeat = true };
}

void nb_queue_let_go(nb_delivery *delivery)
{
    if (delivery->message != NULL && delivery->mark == NB_HEARTBEAT && !nb_object_ended(delivery->source)) {
        nb_store_end_lease(&nb_queue_of(delivery->source)->store, delivery->receipt, delivery->enqueued);
    }
    nb_delivery_let_go(delivery);
}

/*
 * What comes within the time of a wake-up is looked for, and costs neither side one: before it gets in line a receiver lets others run, and
 * looks again. With a processor to itself it is back at once; else the sender gets the time that a sleep and a wake would have taken.
 * Whether that pays shows when it is tried: each receive that found something so is PATIENCE more tries, and when they have all been in
 * vain one receive in IMPATIENCE tries again. Nobody looks while somebody is in line, who comes first, or inside a handler: a worker that
 * waits is to be replaced at once. Both counts are hints that receivers change without care for each other, so nothing orders them.
 */
#define LOOKS 4u
#define PATIENCE 16u
#define IMPATIENCE 64u
#define WORTH_LOOKING NIMBUS_MS(5) /* others may run for some milliseconds: who waits no longer than that does not look */

static bool may_look(nimbus_queue *queue, int64_t wait, const nb_hiding *how)
{
    const nimbus_runtime *nb = queue->object.runtime;
    uint32_t hurried;

    if (nb->exec.looks == 0 || nb->driven || wait < WORTH_LOOKING || how->group != NULL || queue->store.order != NULL || nb_inside(nb) ||
        (nb_load_relaxed(&queue->store.watch) & NB_WATCH_WAITERS) != 0) {
        return false;
    }
    if (nb_load_relaxed(&queue->patience) > 0) {
        return true;
    }
    hurried = nb_load_relaxed(&queue->hurried) + 1;
    nb_store_relaxed(&queue->hurried, hurried % IMPATIENCE);
    return hurried % IMPATIENCE == 0;
}

static nimbus_status look(nimbus_queue *queue, const nb_hiding *how, nb_delivery *slots, uint32_t max, uint32_t *ret_count)
{
    nimbus_status status = NIMBUS_OK;
    uint32_t patience;

    for (uint32_t i = 0; i < LOOKS && status == NIMBUS_OK && *ret_count == 0; i++) {
        nb_platform_yield();
        status = nb_store_take(&queue->store, max, how->visibility, slots, ret_count, NULL);
    }
    patience = nb_load_relaxed(&queue->patience);
    nb_store_relaxed(&queue->patience, *ret_count > 0 ? PATIENCE : patience - (patience > 0));
    return status;
}

/*
 * Waits in line; the slots are filled by whoever serves it, who sets the parker and touches nothing here behind that. (Under a manual clock
 * the timers may set it, too.) So who was woken need not ask the store, whose lock others may want.
 */
static nimbus_status wait_in_line(nimbus_queue *queue, int64_t until, const nb_hiding *how, nb_delivery *slots, uint32_t max,
                                  uint32_t *ret_count)
{
    nimbus_runtime *nb = queue->object.runtime;
    nb_parker parker;
    nb_waiter waiter = { .max = max, .visibility = how->visibility, .group = how->group, .slots = slots, .parker = &parker };
    nimbus_status status;
    nb_slept slept;

    nb_link_init(&waiter.link);
    nb_parker_init(&parker);
    status = nb_store_wait(&queue->store, &waiter);
    if (status == NIMBUS_EMPTY) {
        slept = nb_exec_sleep(&nb->exec, &parker, until);
        if (slept != NB_SLEPT_SET &&
            !nb_store_unwait(&queue->store, &waiter, slept == NB_SLEPT_WOULD_BLOCK ? NIMBUS_E_WOULD_BLOCK : NIMBUS_EMPTY)) {
            (void)nb_parker_wait(&parker, INT64_MAX); /* it was served meanwhile: the set is under way */
        }
        status = waiter.status;
    }
    nb_parker_fini(&parker);
    *ret_count = waiter.count;
    return status;
}

void nb_hiding_mark(const nb_hiding *how, nimbus_delivery *deliveries, uint32_t count)
{
    for (uint32_t i = 0; how->heartbeat && i < count; i++) {
        nb_delivery_of(&deliveries[i])->mark = NB_HEARTBEAT;
        nb_delivery_of(&deliveries[i])->enqueued = how->otherwise;
    }
}

nimbus_status nb_queue_receive(nimbus_queue *queue, int64_t wait, const nb_hiding *how, nimbus_delivery *ret, size_t max,
                               size_t *ret_count)
{
    nimbus_runtime *nb = queue->object.runtime;
    nb_delivery *slots = (nb_delivery *)(void *)ret;
    uint32_t count = 0;
    nimbus_status status;

    for (size_t i = 0; i < max; i++) {
        if (slots[i].message != NULL) {
            nb_queue_let_go(&slots[i]);
        }
    }
    status = how->group == NULL ? nb_store_take(&queue->store, (uint32_t)max, how->visibility, slots, &count, NULL)
                                : nb_store_take_group(&queue->store, how->group, (uint32_t)max, how->visibility, slots, &count);
    if (count > 0) {
        nb_hiding_mark(how, ret, count);
        if (ret_count != NULL) {
            *ret_count = count;
        }
        return NIMBUS_OK;
    }
    if (wait == NIMBUS_DEFAULT) {
        wait = nb_load_relaxed(&queue->receive_wait);
    }
    if (wait > 0 && (status == NIMBUS_OK || status == NIMBUS_E_OVER_LIMIT)) {
        bool looks = status == NIMBUS_OK && may_look(queue, wait, how);
        int64_t until = nb_add_time(nb_clock_elapsed(&nb->clock), wait);

        nb_waiting_begin(nb); /* from here on a close waits for us */
        status = looks ? look(queue, how, slots, (uint32_t)max, &count) : NIMBUS_OK;
        if (count == 0 && (status == NIMBUS_OK || status == NIMBUS_E_OVER_LIMIT)) {
            status = wait_in_line(queue, until, how, slots, (uint32_t)max, &count);
        }
        nb_waiting_end(nb);
        nb_hiding_mark(how, ret, count);
    }
    if (status == NIMBUS_OK && count == 0) { /* without a wait; a wait that ends is counted where it ends */
        nb_store_count_empty(&queue->store);
        status = NIMBUS_EMPTY;
    }
    if (!nimbus_failed(status) && ret_count != NULL) {
        *ret_count = count;
    }
    return status;
}
