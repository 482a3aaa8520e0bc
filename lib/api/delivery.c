/* delivery.c - the functions of nimbus/delivery.h. */
#include <string.h>

#include "api/handle.h"
#include "function/batch.h"
#include "function/function.h"
#include "queue/queue.h"
#include "store/plain.h"
#include "target/walk.h"

static const nb_delivery *held(const nimbus_delivery *delivery)
{
    return delivery != NULL && nb_delivery_in(delivery)->message != NULL ? nb_delivery_in(delivery) : NULL;
}

const nimbus_message *nimbus_delivery_message(const nimbus_delivery *delivery)
{
    const nb_delivery *d = held(delivery);

    return d != NULL ? d->message : NULL;
}

nimbus_bytes nimbus_delivery_body(const nimbus_delivery *delivery)
{
    const nb_delivery *d = held(delivery);

    return d != NULL ? nb_message_body(d->message) : (nimbus_bytes){ NULL, 0 };
}

nimbus_status nimbus_delivery_get_info(const nimbus_delivery *delivery, nimbus_delivery_info *ret)
{
    const nb_delivery *d = held(delivery);

    if (d == NULL || ret == NULL) {
        return NIMBUS_E_INVALID;
    }
    nb_walk_stamp_delivery(d);
    memset(ret, 0, sizeof *ret);
    ret->id = d->id;
    ret->receive_count = d->receive_count;
    ret->sent = d->sent;
    ret->first_received = d->first_received;
    ret->visible_at = d->visible_at;
    ret->source = d->source_name;
    ret->sequence = d->sequence;
    ret->group_id = nb_message_group(d->message, NULL);
    ret->deduplication_id = nb_message_deduplication_id(d->message);
    if (d->letter != NULL) {
        ret->dead_letter_source = nb_letter_source(d->letter);
        ret->dead_letter_reason = nb_letter_reason(d->letter);
        ret->dead_letter_attempts = nb_letter_attempts(d->letter);
        ret->deduplication_id = nb_letter_key(d->letter) != NULL ? nb_letter_key(d->letter) : ret->deduplication_id;
    }
    return NIMBUS_OK;
}

uint32_t nimbus_delivery_receive_count(const nimbus_delivery *delivery)
{
    const nb_delivery *d = held(delivery);

    return d == NULL ? 0 : nb_walk_unstamped(d) ? 1 : d->receive_count;
}

nimbus_receipt nimbus_delivery_receipt(const nimbus_delivery *delivery)
{
    const nb_delivery *d = held(delivery);

    return d == NULL || nb_walk_unstamped(d) ? (nimbus_receipt){ 0, 0 } : d->receipt;
}

/* ------------------------------------------------------------------------------- ending a received one */

/* One that was received from a queue and is not in a handler. */
static nb_delivery *received(nimbus_delivery *delivery)
{
    nb_delivery *d = delivery != NULL ? nb_delivery_of(delivery) : NULL;

    return d != NULL && d->message != NULL && d->call == NULL && d->source != NULL && d->source->kind == NB_QUEUE ? d : NULL;
}

static nb_store *store_of(const nb_delivery *d)
{
    return &nb_queue_of(d->source)->store;
}

nimbus_status nimbus_delivery_delete(nimbus_delivery *delivery)
{
    nb_delivery *d = received(delivery);
    nb_object *source;
    nimbus_status status;

    if (d == NULL) {
        return NIMBUS_E_INVALID;
    }
    if (nb_object_ended(d->source)) {
        nb_delivery_let_go(d);
        return NIMBUS_E_DELETED;
    }
    status = nb_store_delete_plainly(store_of(d), d) ? NIMBUS_OK : nb_store_delete_otherwise(store_of(d), d);
    source = d->source;
    d->source = NULL;
    nb_object_unpin(source);
    return status;
}

/* How many from the first on are of one live queue; 0: the first one is not. They are cut off from it: their pins are the caller's. */
static size_t of_one_queue(nb_delivery *deliveries, size_t count, nb_object *source)
{
    size_t n = 0;

    while (n < count && deliveries[n].source == source && deliveries[n].message != NULL && deliveries[n].call == NULL) {
        deliveries[n++].source = NULL;
    }
    return n;
}

/* Deletes as many as go together. Returns how many; 0: the first one has to be looked at alone. */
static size_t delete_run(nimbus_delivery *deliveries, size_t count, nimbus_status *ret, bool *good)
{
    nb_delivery *first = received(deliveries);
    nb_object *source;
    size_t run;

    if (first == NULL || nb_object_ended(first->source)) {
        return 0;
    }
    source = first->source;
    run = of_one_queue(first, count < UINT16_MAX ? count : UINT16_MAX, source);
    *good = nb_store_delete_deliveries(&nb_queue_of(source)->store, first, run, ret) && *good;
    nb_object_unpin_many(source, (uint32_t)run);
    return run;
}

nimbus_status nimbus_delivery_delete_batch(nimbus_delivery *deliveries, size_t count, nimbus_status *ret)
{
    bool good = true;
    size_t run;

    if (deliveries == NULL && count > 0) {
        return NIMBUS_E_INVALID;
    }
    for (size_t i = 0; i < count; i += run) {
        nimbus_status *to = ret != NULL ? &ret[i] : NULL, one;

        run = delete_run(&deliveries[i], count - i, to, &good);
        if (run == 0) {
            run = 1;
            one = nimbus_delivery_delete(&deliveries[i]);
            good = !nimbus_failed(one) && good;
            if (to != NULL) {
                *to = one;
            }
        }
    }
    return good ? NIMBUS_OK : NIMBUS_PARTIAL;
}

/* Longer than any delivery may be hidden: wrong whatever the state of the message is. */
static bool beyond_limit(const nb_delivery *d, nimbus_duration timeout)
{
    return !nb_object_ended(d->source) && timeout > d->source->runtime->limits.max_visibility;
}

nimbus_status nimbus_delivery_retry(nimbus_delivery *delivery, nimbus_duration after)
{
    nb_delivery *d = received(delivery);
    nimbus_status status;

    if (d == NULL || !nb_duration_argument(&after) || beyond_limit(d, after)) {
        return NIMBUS_E_INVALID;
    }
    status = nb_object_ended(d->source) ? NIMBUS_E_DELETED : nb_store_change(store_of(d), d->receipt, after);
    if (status != NIMBUS_E_INVALID) {
        nb_delivery_let_go(d);
    }
    return status;
}

void nimbus_delivery_release(nimbus_delivery *delivery)
{
    if (delivery != NULL && nb_delivery_of(delivery)->call == NULL) {
        nb_queue_let_go(nb_delivery_of(delivery));
    }
}

nimbus_status nimbus_delivery_extend(nimbus_delivery *delivery, nimbus_duration timeout)
{
    nb_delivery *d = received(delivery);

    if (d == NULL || !nb_duration_argument(&timeout) || beyond_limit(d, timeout)) {
        return NIMBUS_E_INVALID;
    }
    return nb_object_ended(d->source) ? NIMBUS_E_DELETED : nb_store_change(store_of(d), d->receipt, timeout);
}

/* --------------------------------------------------------------------------------------------- handlers */

size_t nimbus_batch_count(const nimbus_batch *batch)
{
    return batch != NULL ? batch->count : 0;
}

const nimbus_delivery *nimbus_batch_at(const nimbus_batch *batch, size_t index)
{
    return batch != NULL && index < batch->count ? (const nimbus_delivery *)(const void *)&batch->slots[index] : NULL;
}

nimbus_status nimbus_batch_mark(nimbus_batch *batch, size_t index, nimbus_outcome outcome)
{
    if (batch == NULL || index >= batch->count || (unsigned)outcome > NIMBUS_REJECT) {
        return NIMBUS_E_INVALID;
    }
    batch->slots[index].mark = (uint32_t)outcome;
    return NIMBUS_OK;
}

static nb_call *call_of(const nimbus_delivery *delivery)
{
    const nb_delivery *d = held(delivery);

    return d != NULL ? d->call : NULL;
}

nimbus_runtime *nimbus_delivery_runtime(const nimbus_delivery *delivery)
{
    const nb_delivery *d = held(delivery);

    return d == NULL ? NULL : d->call != NULL ? d->call->nb : d->source != NULL ? d->source->runtime : NULL;
}

nimbus_subscription *nimbus_delivery_subscription(const nimbus_delivery *delivery)
{
    nb_call *call = call_of(delivery);

    return call != NULL ? call->subscription : NULL;
}

nimbus_status nimbus_delivery_reply(const nimbus_delivery *delivery, nimbus_body body)
{
    nb_call *call = call_of(delivery);
    nb_message_spec spec = { .body = body };
    nimbus_message *reply = NULL;
    nimbus_status status;
    size_t size = body.kind == NIMBUS_BODY_SHARE && body.message != NULL ? nb_message_body(body.message).size : body.size;

    if (call == NULL || body.kind == NIMBUS_BODY_NONE || (unsigned)body.kind > NIMBUS_BODY_SHARE ||
        (body.kind != NIMBUS_BODY_SHARE && body.size > 0 && body.data == NULL)) {
        return NIMBUS_E_INVALID;
    }
    if (size > call->nb->limits.max_message_size) {
        return NIMBUS_E_TOO_LARGE;
    }
    status = nb_message_make(call->nb->heap, &spec, &reply);
    if (status == NIMBUS_OK) {
        nb_call_set_reply(call, reply);
    }
    return status;
}

nimbus_status nimbus_delivery_fail(const nimbus_delivery *delivery, const char *reason)
{
    nb_call *call = call_of(delivery);

    if (call == NULL || reason == NULL) {
        return NIMBUS_E_INVALID;
    }
    nb_call_set_reason(call, reason);
    return NIMBUS_OK;
}

nimbus_invocation *nimbus_delivery_keep(const nimbus_delivery *delivery)
{
    nb_call *call = call_of(delivery);

    return call != NULL ? nb_call_keep(call, held(delivery)) : NULL;
}

const nimbus_delivery *nimbus_invocation_delivery(const nimbus_invocation *invocation)
{
    return invocation != NULL ? nb_invocation_delivery(invocation) : NULL;
}

nimbus_status nimbus_invocation_finish(nimbus_invocation *invocation, nimbus_outcome outcome)
{
    return invocation != NULL ? nb_invocation_finish(invocation, outcome) : NIMBUS_E_INVALID;
}
