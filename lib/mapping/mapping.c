#include "mapping/mapping.h"

typedef struct mapping {
    nb_feed feed;
    nb_watcher watcher;
} mapping;

static void attach_current(mapping *self)
{
    nb_object *queue = nb_name_acquire(self->feed.queue);

    if (queue != NULL) {
        nb_object_pin(queue);
        nb_object_release(queue);
        nb_feed_attach(&self->feed, queue);
    }
}

static void filled(nb_watcher *watcher)
{
    attach_current(NB_CONTAINER(watcher, mapping, watcher));
}

static void free_mapping(nb_feed *feed)
{
    mapping *self = NB_CONTAINER(feed, mapping, feed);
    nimbus_function *function = feed->function;

    nb_name_unwatch(feed->queue, &self->watcher);
    nb_name_release(feed->queue);
    nb_free(function->object.heap, self, sizeof *self);
    nb_object_unpin(&function->object);
}

/* The feed of a queue, counted as if somebody ran in it, so that it stays while the caller looks; NULL: not mapped. */
static nb_feed *find_locked(nimbus_function *function, const nb_name *queue)
{
    for (nb_link *at = function->feeds.next; at != &function->feeds; at = at->next) {
        nb_feed *feed = NB_CONTAINER(at, nb_feed, link);

        if (feed->queue == queue && !feed->ended) {
            return feed;
        }
    }
    return NULL;
}

static void let_go(nb_feed *feed)
{
    nimbus_function *function = feed->function;
    bool last;

    nb_lock_acquire(&function->lock);
    last = --feed->running == 0 && feed->ended && !nb_link_in(&feed->link);
    nb_lock_release(&function->lock);
    if (last) {
        feed->free(feed);
    }
}

static nb_feed *hold(nimbus_function *function, const nb_name *queue)
{
    nb_feed *feed;

    nb_lock_acquire(&function->lock);
    feed = find_locked(function, queue);
    if (feed != NULL) {
        feed->running++;
    }
    nb_lock_release(&function->lock);
    return feed;
}

static mapping *make(nimbus_function *function, nb_name *queue, const nb_source_ops *ops, const nb_feed_options *options, bool disabled)
{
    nb_heap *heap = function->object.heap;
    mapping *self = nb_alloc_zero(heap, sizeof *self);

    if (self == NULL) {
        return NULL;
    }
    nb_feed_init(&self->feed, function, ops, options);
    if (options->window > 0 && !self->feed.has_timer) {
        nb_free(heap, self, sizeof *self);
        return NULL;
    }
    self->feed.enabled = !disabled;
    self->feed.free = free_mapping;
    self->feed.queue = nb_name_retain(queue);
    self->feed.running = 1; /* ours, until it is set up */
    self->watcher.filled = filled;
    nb_object_pin(&function->object);
    nb_name_watch(queue, &self->watcher);
    return self;
}

nimbus_status nb_map(nimbus_function *function, nb_name *queue, const nb_source_ops *ops, const nb_feed_options *options, bool disabled)
{
    mapping *self = make(function, queue, ops, options, disabled);
    nimbus_status status = NIMBUS_OK;

    if (self == NULL) {
        return nb_heap_failure(function->object.heap, sizeof *self);
    }
    nb_lock_acquire(&function->lock);
    if (function->ended) {
        status = NIMBUS_E_DELETED;
    } else if (find_locked(function, queue) != NULL) {
        status = NIMBUS_E_CONFLICT;
    } else {
        nb_list_push(&function->feeds, &self->feed.link);
    }
    nb_lock_release(&function->lock);
    if (status != NIMBUS_OK) {
        self->feed.options.filter = NULL; /* the caller's again */
        nb_feed_end(&self->feed);
    } else {
        attach_current(self);
    }
    let_go(&self->feed);
    return status;
}

nimbus_status nb_unmap(nimbus_function *function, nb_name *queue)
{
    nb_feed *feed = hold(function, queue);

    if (feed == NULL) {
        return NIMBUS_E_NOT_FOUND;
    }
    nb_feed_end(feed);
    let_go(feed);
    return NIMBUS_OK;
}

nimbus_status nb_mapping_enable(nimbus_function *function, nb_name *queue, bool enabled)
{
    nb_feed *feed = hold(function, queue);

    if (feed == NULL) {
        return NIMBUS_E_NOT_FOUND;
    }
    nb_feed_enable(feed, enabled);
    let_go(feed);
    return NIMBUS_OK;
}
