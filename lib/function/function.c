/*
 * function.c - making, ending and looking at functions. What runs is in run.c.
 */
#include "function/function.h"

#include <string.h>

#include "base/number.h"
#include "function/batch.h"
#include "platform/clock.h"

/* ------------------------------------------------------------------------------------------- the object */

static nb_verdict offer(nb_object *object, const nb_parcel *parcel)
{
    nimbus_function *function = nb_function_of(object);
    nb_parcel mine = *parcel;
    nimbus_status status;

    mine.receive_count = 0;
    mine.first_received = 0;
    status = nb_function_offer(function, &mine);
    return status == NIMBUS_OK          ? NB_PENDING
           : status == NIMBUS_E_FULL    ? NB_FULL
           : status == NIMBUS_E_DELETED ? NB_MISSING
                                        : NB_TRANSIENT;
}

static void wake_invoker_locked(nb_sync *sync, nimbus_status why)
{
    if (sync->waiting) {
        sync->status = why;
        sync->waiting = false;
        nb_exec_wake(sync->exec, &sync->parker);
    }
}

/* Wakes invokers whose calls have not been started. */
static void dismiss_calls(nimbus_function *function, nimbus_status why)
{
    nb_link *link;

    nb_lock_acquire(&function->lock);
    while ((link = nb_list_pop(&function->calls)) != NULL) {
        nb_sync *sync = NB_CONTAINER(link, nb_sync, link);

        wake_invoker_locked(sync, why);
        nb_function_note_locked(function);
        nb_lock_release(&function->lock);
        nb_sync_release(sync);
        nb_lock_acquire(&function->lock);
    }
    nb_lock_release(&function->lock);
}

/* Wakes those whose handler runs, too: it runs on, and its result is dropped. */
static void abandon_started(nimbus_function *function)
{
    nb_lock_acquire(&function->lock);
    for (nb_link *at = function->started.next; at != &function->started; at = at->next) {
        wake_invoker_locked(NB_CONTAINER(at, nb_sync, link), NIMBUS_E_CLOSED);
    }
    nb_lock_release(&function->lock);
}

static void stop(nb_object *object, bool closing)
{
    nimbus_function *function = nb_function_of(object);

    (void)closing;
    nb_lock_acquire(&function->lock);
    function->stopped = true;
    nb_function_note_locked(function);
    nb_lock_release(&function->lock);
    nb_store_stop(&function->mailbox);
    dismiss_calls(function, NIMBUS_E_CLOSED);
    abandon_started(function);
}

/* All feeds but the mailbox's are mappings; they free themselves, perhaps while we look: so each is held as if somebody ran in it. */
static void end_feeds(nimbus_function *function)
{
    nb_feed *feed;

    while ((feed = nb_feed_hold(function, NULL, true)) != NULL) {
        nb_feed_end(feed);
        nb_feed_let_go(feed);
    }
}

static void end(nb_object *object)
{
    nimbus_function *function = nb_function_of(object);
    nb_handler *handler;

    nb_lock_acquire(&function->lock);
    function->ended = true;
    nb_function_note_locked(function);
    handler = function->handler_owned ? function->handler : NULL;
    function->handler_owned = false;
    nb_lock_release(&function->lock);
    end_feeds(function);
    nb_store_end(&function->mailbox, NIMBUS_E_DELETED, true);
    dismiss_calls(function, NIMBUS_E_DELETED);
    nb_handler_release(handler); /* calls that run hold their own reference */
}

static void free_function(nb_object *object)
{
    nimbus_function *function = nb_function_of(object);

    if (!nb_object_orphan(object)) {
        nb_task_fini(&object->runtime->exec, &function->task);
    }
    nb_store_fini(&function->mailbox);
    nb_dead_letter_free(object->heap, &function->dead_letter);
    nb_name_release(function->on_success);
    nb_name_release(function->on_failure);
    nb_lock_fini(&function->lock);
    nb_text_free(object->heap, function->name);
    nb_free(object->heap, function, sizeof *function);
}

/* Asynchronous invocations that wait for their turn or their next try: all that are held but those at work and those kept. */
static uint64_t waiting(nimbus_function *function)
{
    nb_store_counts counts;
    uint64_t held, at_work;

    nb_store_get_counts(&function->mailbox, &counts);
    held = counts.ready + counts.delayed + counts.in_flight;
    nb_lock_acquire(&function->lock);
    at_work = function->mailbox_feed.running;
    nb_lock_release(&function->lock);
    return held > at_work ? held - at_work : 0;
}

static void leftovers(nb_object *object, nimbus_leftovers *sum)
{
    sum->pending += waiting(nb_function_of(object));
}

static void close_function(nb_object *object)
{
    nb_function_give_up_kept(nb_function_of(object));
}

static const nb_object_ops function_ops = {
    .offer = offer, .stop = stop, .end = end, .free = free_function, .leftovers = leftovers, .close = close_function
};

/* Undoes what was made of a function that nobody knows yet. */
static void forget(nimbus_function *function, char *name)
{
    nb_heap *heap = function->object.heap;

    nb_object_forget(&function->object);
    nb_free(heap, function, sizeof *function);
    nb_text_free(heap, name);
}

nimbus_function *nb_function_make(nimbus_runtime *nb, const nb_function_spec *spec)
{
    nb_store_config config = { .visibility = INT64_MAX, .retention = INT64_MAX, .capacity_messages = spec->capacity,
                               .capacity_bytes = SIZE_MAX, .max_in_flight = SIZE_MAX, .max_visibility = INT64_MAX };
    nb_feed_options feed = { .batch = 1, .limit = UINT32_MAX }; /* one event each: others may run beside it */
    nimbus_function *function = nb_alloc_zero(nb->heap, sizeof *function);
    char *name = nb_text_copy(nb->heap, spec->name);

    if (function == NULL || name == NULL) {
        nb_free(nb->heap, function, sizeof *function);
        nb_text_free(nb->heap, name);
        return NULL;
    }
    nb_object_init(&function->object, &function_ops, spec->entry != NULL ? NB_FUNCTION : NB_ANONYMOUS, nb, spec->entry);
    if (!nb_task_init(&nb->exec, &function->task, nb_function_run)) {
        forget(function, name);
        return NULL;
    }
    if (!nb_store_init(&function->mailbox, &function->object, name, nb_names_number(&nb->names), &config, &nb_mailbox_ops)) {
        nb_task_fini(&nb->exec, &function->task);
        forget(function, name);
        return NULL;
    }
    nb_lock_init(&function->lock);
    nb_link_init(&function->calls);
    nb_link_init(&function->started);
    nb_link_init(&function->feeds);
    nb_link_init(&function->kept);
    nb_link_init(&function->stays);
    nb_link_init(&function->leavers);
    function->name = name;
    function->handler = spec->handler;
    function->handler_owned = true;
    function->batches = spec->handler->batch != NULL;
    function->limit = spec->limit;
    nb_atomic_init(&function->halt, spec->limit == 0 ? NB_HALT_ZERO : 0);
    function->timeout = spec->timeout;
    function->retry = spec->retry;
    function->dead_letter = spec->dead_letter;
    function->on_success = spec->on_success;
    function->on_failure = spec->on_failure;
    nb_feed_init(&function->mailbox_feed, function, &nb_mailbox_source, &feed);
    nb_object_pin(&function->object);
    function->mailbox_feed.source = &function->object;
    nb_list_push(&function->feeds, &function->mailbox_feed.link);
    nb_store_wait(&function->mailbox, &function->mailbox_feed.waiter);
    function->mailbox_feed.armed = true;
    nb_object_publish(&function->object);
    return function;
}

bool nb_function_wait(nimbus_function *function, int64_t wait)
{
    return nb_leavers_wait(function->object.runtime, &function->lock, &function->leavers, &function->running, wait);
}

void nb_function_set_limit(nimbus_function *function, uint32_t limit)
{
    nb_lock_acquire(&function->lock);
    function->limit = limit;
    nb_function_note_locked(function);
    nb_function_wake_locked(function);
    nb_function_unlock(function);
    nb_function_return_gathers(function);
    nb_function_pass_on(function);
}

/* --------------------------------------------------------------------------------------------- looking */

void nb_function_add_counts_locked(nb_function_counts *counts, nb_stay *stay)
{
    counts->invocations += nb_load_relaxed(&stay->invocations); /* see stay.h */
    counts->messages += nb_load_relaxed(&stay->messages);
    counts->succeeded += nb_load_relaxed(&stay->succeeded);
    counts->errors += nb_load_relaxed(&stay->errors);
    counts->filtered += nb_load_relaxed(&stay->filtered);
}

void nb_function_get_metrics(nimbus_function *function, nimbus_function_metrics *ret)
{
    nb_store_counts mailbox;
    nb_function_counts counts;

    nb_store_get_counts(&function->mailbox, &mailbox);
    memset(ret, 0, sizeof *ret);
    nb_lock_acquire(&function->lock);
    counts = function->counts;
    for (nb_link *at = function->stays.next; at != &function->stays; at = at->next) {
        nb_function_add_counts_locked(&counts, NB_CONTAINER(at, nb_stay, link));
    }
    ret->invocations = counts.invocations;
    ret->messages = counts.messages;
    ret->succeeded = counts.succeeded;
    ret->errors = counts.errors;
    ret->retries = counts.retries;
    ret->filtered = counts.filtered;
    ret->abandoned = counts.abandoned;
    ret->kept = counts.kept;
    ret->running = function->running - counts.kept;
    ret->p50 = nb_histogram_quantile(&function->times, 500);
    ret->p99 = nb_histogram_quantile(&function->times, 990);
    ret->max = function->times.max;
    nb_lock_release(&function->lock);
    ret->dead_lettered = mailbox.moved;
    ret->discarded = mailbox.discarded;
    ret->waiting = waiting(function);
}

void nb_function_delivery_metrics(nimbus_function *function, nimbus_delivery_metrics *ret)
{
    nb_store_counts mailbox;

    nb_store_get_counts(&function->mailbox, &mailbox);
    memset(ret, 0, sizeof *ret);
    ret->delivered = mailbox.deleted;
    ret->pending = mailbox.ready + mailbox.delayed + mailbox.in_flight;
    ret->dead_lettered = mailbox.moved;
    ret->discarded = mailbox.discarded;
    nb_lock_acquire(&function->lock);
    ret->retries = function->counts.retries;
    nb_lock_release(&function->lock);
}
