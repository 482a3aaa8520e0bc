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
    } else if (nb_feed_find_locked(function, queue, false) != NULL) {
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
    nb_feed_let_go(&self->feed);
    return status;
}

nimbus_status nb_unmap(nimbus_function *function, nb_name *queue)
{
    nb_feed *feed = nb_feed_hold(function, queue, false);

    if (feed == NULL) {
        return NIMBUS_E_NOT_FOUND;
    }
    nb_feed_end(feed);
    nb_feed_let_go(feed);
    return NIMBUS_OK;
}

nimbus_status nb_mapping_enable(nimbus_function *function, nb_name *queue, bool enabled)
{
    nb_feed *feed = nb_feed_hold(function, queue, false);

    if (feed == NULL) {
        return NIMBUS_E_NOT_FOUND;
    }
    nb_feed_enable(feed, enabled);
    nb_feed_let_go(feed);
    return NIMBUS_OK;
}
