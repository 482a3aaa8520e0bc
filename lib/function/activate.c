/*
 * activate.c - when a function's task is in the run queue, and what a worker that runs it has to do. See the head of function.h.
 */
#include "function/activate.h"

#include <string.h>

#include "function/batch.h"

static bool feed_has_place(const nimbus_function *function, const nb_feed *feed)
{
    return feed->signalled && feed->enabled && !feed->ended && feed->source != NULL && !function->stopped && !feed->gathering &&
           feed->running < feed->options.limit;
}

static nb_feed *next_feed_locked(nimbus_function *function)
{
    for (nb_link *at = function->feeds.next; at != &function->feeds; at = at->next) {
        nb_feed *feed = NB_CONTAINER(at, nb_feed, link);

        if (feed_has_place(function, feed)) {
            return feed;
        }
    }
    return NULL;
}

bool nb_function_has_work_locked(nimbus_function *function)
{
    return !function->ended && (!nb_list_empty(&function->calls) || next_feed_locked(function));
}

void nb_function_wake_locked(nimbus_function *function)
{
    if (!function->queued && function->running < function->limit && nb_function_has_work_locked(function)) {
        function->queued = true;
        nb_object_pin(&function->object);
        nb_exec_push(&function->object.runtime->exec, &function->task);
        function->untold = true;
    }
}

void nb_function_unlock(nimbus_function *function)
{
    nb_exec *exec = &function->object.runtime->exec;
    bool untold = function->untold;

    function->untold = false;
    nb_lock_release(&function->lock);
    if (untold) {
        nb_exec_announce(exec);
    }
}

void nb_function_note_locked(nimbus_function *function)
{
    uint32_t halt = (function->ended ? NB_HALT_ENDED : 0) | (function->stopped ? NB_HALT_STOPPED : 0) |
                    (function->running > function->limit ? NB_HALT_OVER : 0) | (function->limit == 0 ? NB_HALT_ZERO : 0) |
                    (!nb_list_empty(&function->calls) && function->running >= function->limit ? NB_HALT_CALLS : 0);

    if (halt != nb_load_relaxed(&function->halt)) {
        nb_store_release(&function->halt, halt); /* pairs with the acquire in halted() and offer() */
    }
}

#define SHARED_NS 50000
#define SHARED_BATCH 8

/*
 * How many of a mailbox's messages one worker takes at once. They are single events, which others may run beside it. Where nobody could,
 * it takes what a turn is likely to have time for. Where somebody could, it takes one, unless many wait and all that it takes is likely to
 * be over before another worker would have come.
 */
static uint32_t mailbox_batch_locked(const nimbus_function *function, const nb_feed *feed, bool alone)
{
    int64_t most = alone ? NB_FUNCTION_BATCH : SHARED_BATCH, batch = alone ? most : 1;

    if (function->typical > 0 && (alone || feed->plenty)) {
        batch = (alone ? NB_TURN_NS : SHARED_NS) / function->typical;
        batch = batch < 1 ? 1 : batch < most ? batch : most;
    }
    return function->batches ? 1 : (uint32_t)batch;
}

/* For a worker who has a place. */
bool nb_function_find_work_locked(nimbus_function *function, nb_work *ret)
{
    nb_feed *feed;

    memset(ret, 0, sizeof *ret);
    if (function->running > function->limit || !nb_function_has_work_locked(function)) {
        return false;
    }
    if (!nb_list_empty(&function->calls)) {
        ret->sync = NB_CONTAINER(nb_list_pop(&function->calls), nb_sync, link);
        ret->sync->started = true;
        nb_list_push(&function->started, &ret->sync->link);
        nb_function_note_locked(function);
        return true;
    }
    feed = ret->feed = next_feed_locked(function);
    feed->running++;
    feed->signalled = false;
    feed->claimed = false;
    feed->gathering = feed->has_timer;
    ret->alone = function->limit == 1 || feed->options.limit == 1;
    ret->batch = feed->queue == NULL ? mailbox_batch_locked(function, feed, ret->alone) : feed->options.batch;
    ret->source = feed->source;
    nb_object_pin(ret->source);
    nb_link_remove(&feed->link); /* to the end: the others come first next time */
    nb_list_push(&function->feeds, &feed->link);
    return true;
}

void nb_function_leave_locked(nimbus_function *function)
{
    if (--function->running == 0) {
        nb_leavers_wake(&function->object.runtime->exec, &function->leavers);
    }
    nb_function_note_locked(function);
}

void nb_function_leave(nimbus_function *function, nb_feed *feed)
{
    bool last;

    nb_lock_acquire(&function->lock);
    nb_function_leave_locked(function);
    last = feed != NULL && nb_feed_left_locked(feed);
    nb_function_wake_locked(function); /* a place is free */
    nb_function_unlock(function);
    if (last && feed->free != NULL) {
        feed->free(feed);
    }
}


nb_feed *nb_function_broken_claim_locked(nimbus_function *function)
{
    for (nb_link *at = function->feeds.next; at != &function->feeds; at = at->next) {
        nb_feed *feed = NB_CONTAINER(at, nb_feed, link);

        if (feed->claimed && feed->source != NULL &&
            (!feed->enabled || function->running >= function->limit || feed->running >= feed->options.limit)) {
            return feed;
        }
    }
    return NULL;
}

void nb_function_pass_on(nimbus_function *function)
{
    nb_feed *feed;

    nb_lock_acquire(&function->lock);
    while ((feed = nb_function_broken_claim_locked(function)) != NULL) {
        const nb_source_ops *ops = feed->ops;
        nb_object *source = feed->source;

        feed->claimed = false;
        nb_object_pin(source);
        nb_lock_release(&function->lock);
        ops->pass_on(source);
        nb_object_unpin(source);
        nb_lock_acquire(&function->lock);
    }
    nb_lock_release(&function->lock);
}
