#include "target/route.h"

#include <string.h>

#include "base/number.h"
#include "target/backlog.h"

void nb_route_count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* ------------------------------------------------------------------------------------------- failing */

/* Puts a delivery into the backlog. False: no room. */
static bool put_off(nb_route *route, const nb_parcel *parcel, int64_t delay)
{
    nb_parcel mine = *parcel;

    mine.receive_count = 0;
    nb_parcel_retain(&mine);
    if (nb_store_offer(&route->backlog, &mine, delay > 0 ? delay : 1, false, NULL) != NIMBUS_OK) {
        nb_parcel_release(&mine);
        return false;
    }
    return true;
}

/* The first attempt failed for good. */
static nb_delivered fail(nb_route *route, const nb_parcel *parcel, const nb_failure *cause)
{
    nb_failure why = *cause;

    why.attempts = 1;
    if (nb_dead_letter_offer(route->object.runtime, &route->dead_letter, parcel, &why)) {
        nb_route_count(&route->dead_lettered);
        return NB_ROUTE_FAILED;
    }
    if (route->dead_letter.queue != NULL && put_off(route, parcel, NIMBUS_SECONDS(1))) {
        return NB_ROUTE_PENDING; /* the dead letter is full or missing now: it gets other chances, nothing is lost */
    }
    nb_route_count(&route->discarded);
    nb_dead_letter_none(route->object.runtime, &route->dead_letter, parcel, &why);
    return NB_ROUTE_FAILED;
}

/* ------------------------------------------------------------------------------------------ delivering */

nb_verdict nb_route_offer(nb_route *route, const nb_parcel *parcel)
{
    nb_object *target = route->callback;
    nb_verdict verdict;

    if (target != NULL) {
        nb_parcel_retain(parcel);
        verdict = target->ops->offer(target, parcel);
    } else {
        target = nb_name_acquire(route->target);
        if (target == NULL) {
            return NB_MISSING;
        }
        nb_parcel_retain(parcel);
        verdict = target->ops->offer(target, parcel);
        nb_object_release(target);
    }
    if (verdict != NB_DELIVERED && verdict != NB_PENDING) {
        nb_parcel_release(parcel);
    }
    return verdict;
}

/* See the head of route.h. */
static bool begin_call(nb_route *route, nb_handler **ret_handler)
{
    bool open;

    nb_lock_acquire(&route->lock);
    open = route->handler != NULL;
    if (open) {
        *ret_handler = nb_handler_retain(route->handler);
        route->calls++;
        atomic_fetch_add(&route->object.runtime->inline_calls, 1);
    }
    nb_lock_release(&route->lock);
    return open;
}

static void end_call(nb_route *route)
{
    atomic_fetch_sub(&route->object.runtime->inline_calls, 1);
    nb_lock_acquire(&route->lock);
    if (--route->calls == 0) {
        nb_leavers_wake(&route->object.runtime->exec, &route->leavers);
    }
    nb_lock_release(&route->lock);
}

static nb_delivered call_inline(nb_route *route, const nb_parcel *parcel)
{
    nimbus_runtime *nb = route->object.runtime;
    nb_call call = { .nb = nb, .owner = route, .subscription = route };
    nimbus_delivery slot;
    nb_frame frame;
    nimbus_outcome outcome = NIMBUS_RETRY;
    nb_failure why = nb_failure_rejected;
    nb_handler *handler;

    memset(&slot, 0, sizeof slot);
    *nb_delivery_of(&slot) = (nb_delivery){ .message = parcel->message, .letter = parcel->letter, .call = &call,
                                            .source_name = route->dead_letter.source, .id = parcel->id, .sent = parcel->sent,
                                            .receive_count = 1 };
    if (!begin_call(route, &handler)) {
        nb_route_count(&route->discarded);
        return NB_ROUTE_FAILED;
    }
    nb_frame_enter(&frame, nb, route);
    outcome = handler->single(&slot, handler->user);
    nb_frame_leave(&frame);
    nb_handler_release(handler);
    end_call(route);
    nb_message_release(call.reply);
    if (outcome == NIMBUS_DONE) {
        nb_route_count(&route->delivered);
        return NB_ROUTE_DELIVERED;
    }
    why.reason = call.reason[0] != '\0' ? call.reason : why.reason;
    return fail(route, parcel, &why);
}

static nb_delivered deliver_first(nb_route *route, const nb_parcel *parcel)
{
    nb_verdict verdict = nb_route_offer(route, parcel);
    int64_t delay = 0;

    switch (verdict) {
    case NB_DELIVERED:
        nb_route_count(&route->delivered);
        return NB_ROUTE_DELIVERED;
    case NB_PENDING:
        if (route->callback == NULL) {
            nb_route_count(&route->delivered); /* the function has it; from here on it is the function's */
        }
        return NB_ROUTE_PENDING;
    case NB_MISSING:
        return fail(route, parcel, &nb_failure_missing);
    case NB_PERMANENT:
        return fail(route, parcel, &nb_failure_permanent);
    case NB_FULL:
    case NB_TRANSIENT:
    default:
        break;
    }
    if (route->callback != NULL) {
        return fail(route, parcel, &nb_failure_full); /* its mailbox is the only place where it could wait */
    }
    switch (nb_retry_decide(route->object.runtime, &route->retry, 1, parcel->enqueued, &delay)) {
    case NB_RETRIES_EXHAUSTED:
        return fail(route, parcel, &nb_failure_retries);
    case NB_AGE_EXCEEDED:
        return fail(route, parcel, &nb_failure_age);
    case NB_TRY_AGAIN:
    default:
        return put_off(route, parcel, delay) ? NB_ROUTE_PENDING : fail(route, parcel, &nb_failure_full);
    }
}

nb_delivered nb_route_deliver(nb_route *route, const nb_parcel *parcel)
{
    nb_route_count(&route->matched);
    if (atomic_load(&route->closed)) {
        nb_route_count(&route->discarded);
        return NB_ROUTE_FAILED;
    }
    return route->is_inline ? call_inline(route, parcel) : deliver_first(route, parcel);
}

nb_delivered nb_route_refuse(nb_route *route, const nb_parcel *parcel)
{
    nb_route_count(&route->matched);
    return fail(route, parcel, &nb_failure_full);
}

bool nb_route_matches(nb_route *route, const nimbus_message *message)
{
    const nimbus_attribute *attributes;
    nimbus_bytes body;
    size_t n;
    bool match = false;

    if (route->filter == NULL) {
        return true;
    }
    if (route->filter_scope == NIMBUS_FILTER_BODY) {
        body = nb_message_body(message);
        return nb_pattern_match(route->filter, body.data, body.size, &match) == NIMBUS_OK && match;
    }
    attributes = nb_message_attributes(message, &n);
    return nb_pattern_match_attributes(route->filter, attributes, n, &match) == NIMBUS_OK && match;
}

void nb_route_count_filtered(nb_route *route)
{
    nb_route_count(&route->filtered);
}

/* ------------------------------------------------------------------------------------------ life cycle */

static void stop(nb_object *object, bool closing)
{
    (void)closing;
    nb_store_stop(&nb_route_of(object)->backlog);
}

static void end_object(nb_object *object)
{
    nb_route_end(nb_route_of(object));
}

static void free_route(nb_object *object)
{
    nb_route *route = nb_route_of(object);

    nb_dead_letter_free(object->heap, &route->dead_letter);
    nb_store_fini(&route->backlog);
    nb_lock_fini(&route->lock);
    nb_pattern_release(route->filter);
    nb_name_release(route->target);
    if (route->callback != NULL) {
        nb_object_unpin(route->callback);
    }
    nb_free(object->heap, route, sizeof *route);
}

static void leftovers(nb_object *object, nimbus_leftovers *sum)
{
    nb_store_counts counts;

    nb_store_get_counts(&nb_route_of(object)->backlog, &counts);
    sum->pending += counts.ready + counts.delayed + counts.in_flight;
}

static const nb_object_ops route_ops = { .stop = stop, .end = end_object, .free = free_route, .leftovers = leftovers };

nb_route *nb_route_make(nimbus_runtime *nb, const nb_route_spec *spec)
{
    nb_store_config config = { .visibility = INT64_MAX, .retention = INT64_MAX, .capacity_messages = spec->capacity,
                               .capacity_bytes = SIZE_MAX, .max_in_flight = SIZE_MAX, .max_visibility = INT64_MAX };
    nb_route *route = nb_alloc_zero(nb->heap, sizeof *route);

    if (route == NULL) {
        return NULL;
    }
    nb_object_init(&route->object, &route_ops, NB_ANONYMOUS, nb, NULL);
    if (!nb_store_init(&route->backlog, &route->object, spec->dead_letter.source, nb_names_number(&nb->names), &config, &nb_backlog_ops)) {
        nb_object_forget(&route->object);
        nb_free(nb->heap, route, sizeof *route);
        return NULL;
    }
    nb_lock_init(&route->lock);
    route->target = spec->target;
    route->callback = spec->callback;
    if (spec->callback != NULL) {
        nb_object_pin(spec->callback); /* the handle goes when the route ends; the memory must stay for its metrics */
    }
    route->callback_ops = spec->callback_ops;
    route->handler = spec->handler;
    route->is_inline = spec->handler != NULL;
    route->filter = spec->filter;
    route->filter_scope = spec->filter_scope;
    route->envelope = spec->envelope;
    route->retry = spec->retry;
    route->dead_letter = spec->dead_letter;
    route->pump.run = nb_route_pump;
    nb_link_init(&route->pump.link);
    nb_link_init(&route->leavers);
    nb_link_init(&route->waiter.link);
    route->waiter.notify = nb_backlog_ready;
    nb_store_wait(&route->backlog, &route->waiter);
    nb_object_publish(&route->object);
    return route;
}

void nb_route_end(nb_route *route)
{
    nb_object *parent = route->parent, *callback;
    nb_handler *handler;
    bool queued;

    if (atomic_exchange(&route->closed, true)) {
        return;
    }
    atomic_store(&route->object.ended, true);
    if (route->detach != NULL) {
        route->detach(parent, route);
    }
    nb_store_end(&route->backlog, NIMBUS_E_DELETED, true);
    queued = nb_exec_withdraw(&route->object.runtime->exec, &route->pump);
    nb_lock_acquire(&route->lock);
    handler = route->handler; /* calls that run hold their own reference */
    route->handler = NULL;
    callback = route->callback;
    nb_lock_release(&route->lock);
    nb_handler_release(handler);
    if (callback != NULL) {
        route->callback_ops->end(callback);
    }
    if (parent != NULL) {
        nb_object_unpin(parent);
    }
    if (queued) {
        nb_object_unpin(&route->object);
    }
}

bool nb_route_wait(nb_route *route, int64_t wait)
{
    if (route->callback != NULL) {
        return route->callback_ops->wait(route->callback, wait);
    }
    return nb_leavers_wait(route->object.runtime, &route->lock, &route->leavers, &route->calls, wait);
}

void nb_route_metrics(nb_route *route, nimbus_delivery_metrics *ret)
{
    nb_store_counts backlog;

    memset(ret, 0, sizeof *ret);
    if (route->callback != NULL) {
        route->callback_ops->metrics(route->callback, ret);
    }
    nb_store_get_counts(&route->backlog, &backlog);
    ret->filtered = atomic_load_explicit(&route->filtered, memory_order_relaxed);
    ret->matched = atomic_load_explicit(&route->matched, memory_order_relaxed);
    ret->delivered += atomic_load_explicit(&route->delivered, memory_order_relaxed);
    ret->pending += backlog.ready + backlog.delayed + backlog.in_flight;
    ret->retries += atomic_load_explicit(&route->retries, memory_order_relaxed);
    ret->dead_lettered += atomic_load_explicit(&route->dead_lettered, memory_order_relaxed) + backlog.moved;
    ret->discarded += atomic_load_explicit(&route->discarded, memory_order_relaxed) + backlog.discarded;
}
