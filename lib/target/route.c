#include "target/route.h"

#include <string.h>

#include "base/number.h"
#include "target/backlog.h"
#include "target/roster.h"

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

nb_delivered nb_route_fail(nb_route *route, const nb_parcel *parcel, const nb_failure *cause)
{
    nb_failure why = *cause;

    why.attempts = 1;
    nb_route_count(&route->missed);
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

nb_delivered nb_route_put_off(nb_route *route, const nb_parcel *parcel)
{
    int64_t delay = 0;

    if (route->callback != NULL) {
        return nb_route_fail(route, parcel, &nb_failure_full); /* its mailbox is the only place where it could wait */
    }
    switch (nb_retry_decide(route->object.runtime, &route->retry, 1, parcel->enqueued, &delay)) {
    case NB_RETRIES_EXHAUSTED:
        return nb_route_fail(route, parcel, &nb_failure_retries);
    case NB_AGE_EXCEEDED:
        return nb_route_fail(route, parcel, &nb_failure_age);
    case NB_TRY_AGAIN:
    default:
        break;
    }
    if (!put_off(route, parcel, delay)) {
        return nb_route_fail(route, parcel, &nb_failure_full);
    }
    nb_route_count(&route->missed);
    return NB_ROUTE_PENDING;
}

/* ------------------------------------------------------------------------------------------- offering */

nb_verdict nb_route_offer(nb_route *route, const nb_parcel *parcel)
{
    nb_object *target = route->callback, *handle = NULL;
    nb_verdict verdict;

    if (target == NULL) {
        target = handle = nb_name_acquire(route->target);
    }
    if (target == NULL) {
        return NB_MISSING;
    }
    nb_parcel_retain(parcel);
    verdict = target->ops->offer(target, parcel);
    if (verdict != NB_DELIVERED && verdict != NB_PENDING) {
        nb_parcel_release(parcel);
    }
    if (handle != NULL) {
        nb_object_release(handle);
    }
    return verdict;
}

/* Looks up who fills the name, for this publisher and the next ones. NULL: nobody does, or the one before is still in use. */
static nb_object *bind(nb_route *route, const nb_seat *seat)
{
    nb_object *object = nb_name_acquire(route->target), *before, *gone = NULL;

    if (object == NULL) {
        return NULL;
    }
    nb_lock_acquire(&route->lock);
    before = nb_load_relaxed(&route->bound);
    if (before != object && route->unbound != NULL && !nb_editions_walked(route->editions, seat)) {
        gone = route->unbound; /* it was replaced before the fence in there: who sits down now does not see it */
        route->unbound = NULL;
    }
    if (before != object && route->unbound == NULL) {
        nb_object_pin(object);
        route->unbound = before;
        nb_store_release(&route->bound, object);
        before = object;
    }
    nb_lock_release(&route->lock);
    if (gone != NULL) {
        nb_object_unpin(gone);
    }
    nb_object_release(object);
    return before == object ? object : NULL;
}

nb_object *nb_route_borrow(nb_route *route, const nb_seat *seat)
{
    const nb_object *now;
    nb_object *bound;

    if (route->callback != NULL) {
        return route->callback;
    }
    now = nb_name_peek(route->target);
    bound = nb_load_acquire(&route->bound); /* pinned until every publisher that was seated here and now has left */
    return now == NULL ? NULL : now == bound ? bound : bind(route, seat);
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

static void unpin(nb_object *object)
{
    if (object != NULL) {
        nb_object_unpin(object);
    }
}

static void free_route(nb_object *object)
{
    nb_route *route = nb_route_of(object);

    if (!nb_object_orphan(object)) {
        nb_task_fini(&object->runtime->exec, &route->pump);
    }
    nb_dead_letter_free(object->heap, &route->dead_letter);
    nb_store_fini(&route->backlog);
    nb_lock_fini(&route->lock);
    nb_pattern_release(route->filter);
    nb_transformer_free(route->transformer);
    nb_name_release(route->target);
    unpin(route->callback);
    unpin(nb_load_relaxed(&route->bound));
    unpin(route->unbound);
    unpin(route->parent);
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
    if (!nb_task_init(&nb->exec, &route->pump, nb_route_pump)) {
        nb_object_forget(&route->object);
        nb_free(nb->heap, route, sizeof *route);
        return NULL;
    }
    if (!nb_store_init(&route->backlog, &route->object, spec->dead_letter.source, nb_names_number(&nb->names), &config, &nb_backlog_ops)) {
        nb_task_fini(&nb->exec, &route->pump);
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
    route->transformer = spec->transformer;
    route->retry = spec->retry;
    route->dead_letter = spec->dead_letter;
    nb_link_init(&route->leavers);
    nb_link_init(&route->waiter.link);
    route->waiter.notify = nb_backlog_ready;
    nb_store_wait(&route->backlog, &route->waiter);
    nb_object_publish(&route->object);
    return route;
}

nb_hop nb_route_hop(const nb_route *route)
{
    const nb_handler *handler = route->handler;

    return (nb_hop){ (nb_route *)(uintptr_t)route, handler != NULL ? handler->single : NULL, handler != NULL ? handler->user : NULL, 0 };
}

void nb_route_left(nb_route *route)
{
    nb_handler *handler = NULL;

    nb_lock_acquire(&route->lock);
    if (route->fenced && (route->editions == NULL || !nb_editions_running(route->editions, route))) {
        handler = route->handler;
        route->handler = NULL;
    }
    nb_lock_release(&route->lock);
    if (handler != NULL) {
        nb_handler_release(handler); /* destroy is over before anybody is told */
        nb_lock_acquire(&route->lock);
        route->gone = true;
        nb_leavers_wake(&route->object.runtime->exec, &route->leavers);
        nb_lock_release(&route->lock);
    }
}

void nb_route_end(nb_route *route)
{
    nb_object *callback;

    if (nb_exchange_acq_rel(&route->closed, true)) {
        nb_fence_heavy(); /* who ends it may not have come to the fence yet: no call starts after we return, either */
        return;
    }
    nb_exchange_acq_rel(&route->object.ended, true);
    if (route->detach != NULL) {
        route->detach(route->parent, route);
    }
    nb_store_end(&route->backlog, NIMBUS_E_DELETED, true);
    if (route->is_inline) {
        nb_fence_heavy(); /* pairs with the light one between `running` and `closed`: see the head */
        nb_lock_acquire(&route->lock);
        route->fenced = true;
        nb_lock_release(&route->lock);
        nb_route_left(route);
    }
    callback = route->callback;
    if (callback != NULL) {
        route->callback_ops->end(callback);
    }
}

static bool gone_locked(nb_route *route)
{
    bool gone;

    nb_lock_acquire(&route->lock);
    gone = route->gone;
    nb_lock_release(&route->lock);
    return gone;
}

bool nb_route_wait(nb_route *route, int64_t wait)
{
    nimbus_runtime *nb = route->object.runtime;
    nb_leaver leaver;
    bool waits;

    if (route->callback != NULL) {
        return route->callback_ops->wait(route->callback, wait);
    }
    if (!route->is_inline || gone_locked(route)) {
        return true;
    }
    nb_parker_init(&leaver.parker);
    nb_link_init(&leaver.link);
    nb_lock_acquire(&route->lock);
    waits = !route->gone;
    if (waits) {
        nb_list_push(&route->leavers, &leaver.link);
    }
    nb_lock_release(&route->lock);
    if (waits) {
        nb_exec_sleep(&nb->exec, &leaver.parker, nb_add_time(nb_clock_elapsed(&nb->clock), wait));
        nb_lock_acquire(&route->lock);
        nb_link_remove(&leaver.link);
        nb_lock_release(&route->lock);
    }
    nb_parker_fini(&leaver.parker);
    return gone_locked(route);
}

void nb_route_metrics(nb_route *route, nimbus_delivery_metrics *ret)
{
    uint64_t skipped = nb_load_acquire(&route->skipped), filtered = nb_load_acquire(&route->filtered);
    uint64_t missed = nb_load_acquire(&route->missed), walked;
    nb_store_counts backlog;

    memset(ret, 0, sizeof *ret);
    if (route->callback != NULL) {
        route->callback_ops->metrics(route->callback, ret);
    }
    nb_store_get_counts(&route->backlog, &backlog);
    walked = route->parent != NULL ? nb_roster_walked(route->editions, route) : nb_load_relaxed(&route->walked);
    ret->filtered = filtered;
    ret->matched = walked - skipped - filtered;
    ret->delivered += (route->callback == NULL ? ret->matched - missed : 0) + nb_load_relaxed(&route->late);
    ret->pending += backlog.ready + backlog.delayed + backlog.in_flight;
    ret->retries += nb_load_relaxed(&route->retries);
    ret->dead_lettered += nb_load_relaxed(&route->dead_lettered) + backlog.moved;
    ret->discarded += nb_load_relaxed(&route->discarded) + backlog.discarded;
}
