/*
 * feed.c - feeds: watching a source, and what happens when it has something.
 */
#include <string.h>

#include "base/number.h"
#include "function/function.h"

/* Called by the store with its lock held: something became ready. True: a worker will come for it. */
static bool something_ready(nb_waiter *waiter)
{
    nb_feed *feed = NB_CONTAINER(waiter, nb_feed, waiter);
    nimbus_function *function = feed->function;
    bool place;

    nb_lock_acquire(&function->lock);
    feed->armed = false;
    feed->signalled = true;
    place = feed->enabled && !feed->ended && !function->ended && function->running < function->limit &&
            feed->running < feed->options.limit;
    feed->claimed = feed->claimed || place;
    nb_function_wake_locked(function);
    function->untold = false; /* the store announces it, behind its own lock */
    nb_lock_release(&function->lock);
    return place;
}

/* Called by the store with its lock held: it has ended, or nobody may wait any more. */
static void dismissed(nb_waiter *waiter)
{
    nb_feed *feed = NB_CONTAINER(waiter, nb_feed, waiter);

    nb_lock_acquire(&feed->function->lock);
    feed->armed = false;
    nb_lock_release(&feed->function->lock);
}

static void window_over(nb_timer *timer)
{
    nb_feed *feed = NB_CONTAINER(timer, nb_feed, timer);

    nb_lock_acquire(&feed->function->lock);
    feed->signalled = true;
    nb_function_wake_locked(feed->function);
    nb_function_unlock(feed->function);
}

void nb_feed_init(nb_feed *feed, nimbus_function *function, const nb_source_ops *ops, const nb_feed_options *options)
{
    feed->function = function;
    feed->ops = ops;
    feed->options = *options;
    feed->enabled = true;
    nb_atomic_init(&feed->quit, false);
    nb_link_init(&feed->link);
    nb_link_init(&feed->waiter.link);
    feed->waiter.notify = something_ready;
    feed->waiter.served = dismissed;
    if (options->window > 0) {
        feed->has_timer = nb_timer_init(&function->object.runtime->timers, &feed->timer, window_over);
    }
}

void nb_feed_start(nb_feed *feed)
{
    nb_lock_acquire(&feed->function->lock);
    if (!feed->ended) {
        feed->signalled = true;
        nb_function_wake_locked(feed->function);
    }
    nb_function_unlock(feed->function);
}

/* What was gathered goes back at once: nobody has seen it. */
static void give_back(nb_feed *feed, nb_object *source, nb_gather *gather)
{
    for (uint32_t i = gather->count; i-- > 0;) { /* the last one first, so that they stand in the queue as before */
        if (source != NULL) {
            feed->ops->settle(source, &gather->slots[i], &(nb_settlement){ .outcome = NIMBUS_LATER, .reason = "" });
        }
        nb_delivery_let_go(&gather->slots[i]);
    }
    nb_free(feed->function->object.heap, gather, sizeof *gather + gather->capacity * sizeof(nb_delivery));
}

nb_feed *nb_feed_find_locked(nimbus_function *function, const nb_name *queue, bool any)
{
    for (nb_link *at = function->feeds.next; at != &function->feeds; at = at->next) {
        nb_feed *feed = NB_CONTAINER(at, nb_feed, link);

        if ((any || feed->queue == queue) && !feed->ended) {
            return feed;
        }
    }
    return NULL;
}

nb_feed *nb_feed_hold(nimbus_function *function, const nb_name *queue, bool any)
{
    nb_feed *feed;

    nb_lock_acquire(&function->lock);
    feed = nb_feed_find_locked(function, queue, any);
    if (feed != NULL) {
        feed->running++;
    }
    nb_lock_release(&function->lock);
    return feed;
}

void nb_feed_let_go(nb_feed *feed)
{
    nimbus_function *function = feed->function;
    bool last;

    nb_lock_acquire(&function->lock);
    last = nb_feed_left_locked(feed);
    nb_lock_release(&function->lock);
    if (last && feed->free != NULL) {
        feed->free(feed);
    }
}

/*
 * Takes the source away and its waiter off; NULL: there was none. First away, then off: a worker that arms meanwhile sees that the source
 * is another one and takes the waiter off itself (arm() in run.c). The pin is the caller's.
 */
static nb_object *detach(nb_feed *feed)
{
    nb_object *source;

    nb_lock_acquire(&feed->function->lock);
    source = feed->source;
    feed->source = NULL;
    nb_lock_release(&feed->function->lock);
    if (source != NULL && feed->ops->unwait(source, &feed->waiter, NIMBUS_E_CANCELLED)) {
        dismissed(&feed->waiter);
    }
    return source;
}

void nb_feed_attach(nb_feed *feed, nb_object *source)
{
    bool refused = false, attached = false;
    nb_object *before;

    while (!attached && !refused) {
        before = detach(feed);
        if (before != NULL) {
            nb_object_unpin(before);
        }
        nb_lock_acquire(&feed->function->lock);
        refused = feed->ended;
        attached = !refused && feed->source == NULL; /* another thread may have been faster: its source goes, ours is newer */
        if (attached) {
            feed->source = source;
        }
        nb_lock_release(&feed->function->lock);
    }
    if (refused) {
        nb_object_unpin(source);
    }
    nb_feed_start(feed);
}

/* A feed that has gathered something and will not be run soon: its mapping is paused, or the function is stopped. */
static nb_feed *idle_gather_locked(nimbus_function *function)
{
    for (nb_link *at = function->feeds.next; at != &function->feeds; at = at->next) {
        nb_feed *feed = NB_CONTAINER(at, nb_feed, link);

        if (feed->gather != NULL && feed->source != NULL && (!feed->enabled || function->limit == 0)) {
            return feed;
        }
    }
    return NULL;
}

void nb_function_return_gathers(nimbus_function *function)
{
    nb_feed *feed;

    nb_lock_acquire(&function->lock);
    while ((feed = idle_gather_locked(function)) != NULL) {
        nb_gather *gather = feed->gather;
        nb_object *source = feed->source;

        feed->gather = NULL;
        feed->running++; /* it stays while we look */
        nb_object_pin(source);
        nb_lock_release(&function->lock);
        give_back(feed, source, gather);
        nb_object_unpin(source);
        nb_feed_let_go(feed);
        nb_lock_acquire(&function->lock);
    }
    nb_lock_release(&function->lock);
}

void nb_feed_enable(nb_feed *feed, bool enabled)
{
    nb_object *source;

    nb_lock_acquire(&feed->function->lock);
    feed->enabled = enabled;
    feed->signalled = true;
    source = feed->source;
    if (source != NULL) {
        nb_object_pin(source);
    }
    nb_function_wake_locked(feed->function);
    nb_function_unlock(feed->function);
    if (source != NULL) {
        if (!enabled && feed->ops->unwait(source, &feed->waiter, NIMBUS_E_CANCELLED)) {
            dismissed(&feed->waiter);
        }
        nb_object_unpin(source);
    }
    nb_function_return_gathers(feed->function);
    nb_function_pass_on(feed->function);
}

void nb_feed_end(nb_feed *feed)
{
    nimbus_function *function = feed->function;
    nb_object *source;
    nb_gather *gather;
    bool last;

    nb_lock_acquire(&function->lock);
    if (feed->ended) {
        nb_lock_release(&function->lock);
        return;
    }
    feed->ended = true;
    nb_store_release(&feed->quit, true); /* pairs with the acquire in halted(), run.c */
    feed->running++; /* as if somebody ran in it, until the end of this function */
    source = feed->source;
    feed->source = NULL;
    gather = feed->gathering ? NULL : feed->gather;
    if (gather != NULL) {
        feed->gather = NULL;
    }
    nb_lock_release(&function->lock);
    if (source != NULL) {
        feed->ops->unwait(source, &feed->waiter, NIMBUS_E_CANCELLED);
        feed->ops->pass_on(source);
    }
    if (feed->has_timer) {
        nb_timer_fini(&function->object.runtime->timers, &feed->timer);
    }
    if (gather != NULL) {
        give_back(feed, source, gather);
    }
    if (source != NULL) {
        nb_object_unpin(source);
    }
    nb_filter_free(feed->options.filter);
    nb_lock_acquire(&function->lock);
    nb_link_remove(&feed->link);
    last = --feed->running == 0;
    nb_lock_release(&function->lock);
    if (last && feed->free != NULL) {
        feed->free(feed);
    }
}
