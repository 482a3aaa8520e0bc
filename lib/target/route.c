#include "target/route.h"

#include <string.h>

#include "base/number.h"
#include "platform/clock.h"

static nb_route *route_of(nb_object *object)
{
    return NB_CONTAINER(object, nb_route, object);
}

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* ------------------------------------------------------------------------------------------- failing */

/* The backlog gives up a message: to the dead letter. */
static bool move_to_dead_letter(nb_object *owner, const nb_parcel *parcel, uint32_t own_receives, const void *why)
{
    nb_route *route = route_of(owner);

    (void)own_receives;
    if (!nb_dead_letter_offer(owner->runtime, &route->dead_letter, parcel, why)) {
        return false;
    }
    nb_parcel_release(parcel);
    return true;
}

static void trace_gone(nb_object *owner, nimbus_trace_kind kind, const nb_parcel *parcel)
{
    const nb_route *route = route_of(owner);

    nb_trace(owner->runtime, kind, route->dead_letter.noun, route->dead_letter.source, parcel->id, NIMBUS_OK,
             "the delivery path was ended while it waited for another attempt", 1);
}

static const nb_store_ops backlog_ops = { move_to_dead_letter, trace_gone };

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
        count(&route->dead_lettered);
        return NB_ROUTE_FAILED;
    }
    if (route->dead_letter.queue != NULL && put_off(route, parcel, NIMBUS_SECONDS(1))) {
        return NB_ROUTE_PENDING; /* the dead letter is full or missing now: it gets other chances, nothing is lost */
    }
    count(&route->discarded);
    nb_dead_letter_none(route->object.runtime, &route->dead_letter, parcel, &why);
    return NB_ROUTE_FAILED;
}

/* ------------------------------------------------------------------------------------------ delivering */

static nb_verdict offer_by_name(nb_route *route, const nb_parcel *parcel)
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
        atomic_fetch_add(&route->calls, 1);
    }
    nb_lock_release(&route->lock);
    return open;
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
        count(&route->discarded);
        return NB_ROUTE_FAILED;
    }
    nb_frame_enter(&frame, nb, route);
    outcome = handler->single(&slot, handler->user);
    nb_frame_leave(&frame);
    nb_handler_release(handler);
    atomic_fetch_sub(&route->calls, 1);
    nb_message_release(call.reply);
    if (outcome == NIMBUS_DONE) {
        count(&route->delivered);
        return NB_ROUTE_DELIVERED;
    }
    why.reason = call.reason[0] != '\0' ? call.reason : why.reason;
    return fail(route, parcel, &why);
}

static nb_delivered deliver_first(nb_route *route, const nb_parcel *parcel)
{
    nb_verdict verdict = offer_by_name(route, parcel);
    int64_t delay = 0;

    switch (verdict) {
    case NB_DELIVERED:
        count(&route->delivered);
        return NB_ROUTE_DELIVERED;
    case NB_PENDING:
        if (route->callback == NULL) {
            count(&route->delivered); /* the function has it; from here on it is the function's */
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
    count(&route->matched);
    if (atomic_load(&route->closed)) {
        count(&route->discarded);
        return NB_ROUTE_FAILED;
    }
    return route->is_inline ? call_inline(route, parcel) : deliver_first(route, parcel);
}

nb_delivered nb_route_refuse(nb_route *route, const nb_parcel *parcel)
{
    count(&route->matched);
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
    count(&route->filtered);
}

/* --------------------------------------------------------------------------------------------- the pump */

static void pump_start(nb_route *route)
{
    bool start;

    nb_lock_acquire(&route->lock);
    start = !route->pumping && !atomic_load(&route->closed);
    route->pump_again = route->pumping;
    route->pumping = route->pumping || start;
    nb_lock_release(&route->lock);
    if (start) {
        nb_object_pin(&route->object);
        nb_exec_submit(&route->object.runtime->exec, &route->pump);
    }
}

/* Another attempt at a delivery that waited has failed. */
static void retry_or_fail(nb_route *route, nb_delivery *delivery, const nb_parcel *parcel, nb_verdict verdict)
{
    nimbus_runtime *nb = route->object.runtime;
    nb_failure why = verdict == NB_MISSING ? nb_failure_missing : nb_failure_permanent;
    nb_verdict_on_retry decision = NB_RETRIES_EXHAUSTED;
    int64_t delay = 0;

    if (verdict == NB_FULL || verdict == NB_TRANSIENT) {
        decision = nb_retry_decide(nb, &route->retry, delivery->own_receives + 1, parcel->enqueued, &delay);
        why = decision == NB_AGE_EXCEEDED ? nb_failure_age : nb_failure_retries;
    }
    why.attempts = delivery->own_receives + 1;
    if (decision == NB_TRY_AGAIN) {
        nb_trace(nb, NIMBUS_TRACE_RETRY, route->dead_letter.noun, route->dead_letter.source, parcel->id, NIMBUS_E_FULL,
                 "the target is full; it is tried again", 1);
        nb_store_defer(&route->backlog, delivery->receipt, delay);
    } else if (nb_store_doom(&route->backlog, delivery->receipt, &why) == NIMBUS_OK) {
        return;
    } else if (route->dead_letter.queue != NULL &&
               nb_clock_elapsed(&nb->clock) < nb_add_time(parcel->enqueued, route->retry.max_age)) {
        nb_store_defer(&route->backlog, delivery->receipt, NIMBUS_SECONDS(1));
    } else if (nb_store_discard(&route->backlog, delivery->receipt) == NIMBUS_OK) {
        nb_dead_letter_none(nb, &route->dead_letter, parcel, &why);
    }
}

static void deliver_again(nb_route *route, nb_delivery *delivery)
{
    nb_parcel parcel = { .message = delivery->message, .letter = delivery->letter, .id = delivery->id, .sent = delivery->sent };
    nb_verdict verdict;

    parcel.enqueued = delivery->enqueued;
    count(&route->retries);
    verdict = offer_by_name(route, &parcel);
    if (verdict == NB_DELIVERED || verdict == NB_PENDING) {
        nb_store_delete(&route->backlog, delivery->receipt);
        count(&route->delivered);
    } else {
        retry_or_fail(route, delivery, &parcel, verdict);
    }
    nb_delivery_let_go(delivery);
}

static void pump(nb_task *task, nb_turn *turn)
{
    nb_route *route = NB_CONTAINER(task, nb_route, pump);
    nb_delivery delivery;
    uint32_t taken = 1;
    bool again, more;

    (void)turn;
    for (int i = 0; i < 64 && taken > 0 && !nb_stopped(route->object.runtime); i++) {
        taken = 0;
        memset(&delivery, 0, sizeof delivery);
        if (nb_store_take(&route->backlog, 1, INT64_MAX, &delivery, &taken, &more) == NIMBUS_OK && taken > 0) {
            deliver_again(route, &delivery);
        }
    }
    again = taken > 0 || (!nb_stopped(route->object.runtime) && nb_store_wait(&route->backlog, &route->waiter) == NIMBUS_OK);
    nb_lock_acquire(&route->lock);
    again = (again || route->pump_again) && !atomic_load(&route->closed) && !nb_stopped(route->object.runtime);
    route->pump_again = false;
    route->pumping = again;
    nb_lock_release(&route->lock);
    if (again) {
        nb_exec_submit(&route->object.runtime->exec, &route->pump);
    } else {
        nb_object_unpin(&route->object);
    }
}

static bool backlog_ready(nb_waiter *waiter)
{
    pump_start(NB_CONTAINER(waiter, nb_route, waiter));
    return true;
}

/* ------------------------------------------------------------------------------------------ life cycle */

static void stop(nb_object *object, bool closing)
{
    (void)closing;
    nb_store_stop(&route_of(object)->backlog);
}

static void end_object(nb_object *object)
{
    nb_route_end(route_of(object));
}

static void free_route(nb_object *object)
{
    nb_route *route = route_of(object);

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

    nb_store_get_counts(&route_of(object)->backlog, &counts);
    sum->pending += counts.ready + counts.delayed + counts.in_flight;
}

static const nb_object_ops route_ops = { NULL, stop, end_object, free_route, leftovers };

nb_route *nb_route_make(nimbus_runtime *nb, const nb_route_spec *spec)
{
    nb_store_config config = { .visibility = INT64_MAX, .retention = INT64_MAX, .capacity_messages = spec->capacity,
                               .capacity_bytes = SIZE_MAX, .max_in_flight = SIZE_MAX, .max_visibility = INT64_MAX };
    nb_route *route = nb_alloc_zero(nb->heap, sizeof *route);

    if (route == NULL) {
        return NULL;
    }
    nb_object_init(&route->object, &route_ops, NB_ANONYMOUS, nb, NULL);
    if (!nb_store_init(&route->backlog, &route->object, spec->dead_letter.source, nb_names_number(&nb->names), &config, &backlog_ops)) {
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
    route->pump.run = pump;
    nb_link_init(&route->pump.link);
    nb_link_init(&route->waiter.link);
    route->waiter.notify = backlog_ready;
    nb_store_wait(&route->backlog, &route->waiter);
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

bool nb_route_wait(nb_route *route, int64_t until)
{
    nb_parker never;
    int64_t step = 10000;

    if (route->callback != NULL) {
        return route->callback_ops->wait(route->callback, until);
    }
    nb_parker_init(&never);
    while (atomic_load(&route->calls) > 0 && nb_platform_elapsed() < until) {
        int64_t next = nb_add_time(nb_platform_elapsed(), step);

        nb_parker_wait(&never, next < until ? next : until);
        step = step < 1000000 ? step * 2 : step;
    }
    nb_parker_fini(&never);
    return atomic_load(&route->calls) == 0;
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
