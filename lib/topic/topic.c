/* topic.c - the topic as an object: made, ended, and its roster changed. */
#include "topic/topic.h"

#include <string.h>

#include "base/error.h"

/* ------------------------------------------------------------------------------------------- the object */

/* From `ended` on nobody changes the roster, so it stays while its routes are ended. */
static void end(nb_object *object)
{
    nimbus_topic *topic = nb_topic_of(object);
    nb_roster *roster;

    nb_lock_acquire(&topic->rosters.lock);
    topic->ended = true;
    roster = nb_roster_of(nb_load_relaxed(&topic->rosters.current));
    nb_lock_release(&topic->rosters.lock);
    for (size_t i = 0; i < roster->count; i++) {
        nb_route_end(roster->hops[i].route);
    }
    nb_lock_acquire(&topic->rosters.lock);
    nb_editions_swap(&topic->rosters, &topic->last.edition);
    nb_lock_release(&topic->rosters.lock);
    nb_editions_sweep(&topic->rosters);
}

static void inside(nb_object *object, nb_inside_counts *sum)
{
    nb_editions_inside(&nb_topic_of(object)->rosters, sum);
}

static void free_topic(nb_object *object)
{
    nimbus_topic *topic = nb_topic_of(object);

    nb_editions_fini(&topic->rosters);
    nb_picker_free(&topic->picker);
    nb_free(object->heap, topic, sizeof *topic);
}

static const nb_object_ops topic_ops = { .offer = nb_topic_offer, .end = end, .free = free_topic, .inside = inside };

static nimbus_topic *make(nimbus_runtime *nb, nb_name *name, size_t max_message_size)
{
    nimbus_topic *topic = nb_alloc_zero(nb->heap, sizeof *topic);
    nb_roster *first = topic != NULL ? nb_roster_make(nb->heap, NULL, NULL, NULL) : NULL;

    if (first == NULL) {
        nb_free(nb->heap, topic, sizeof *topic);
        return NULL;
    }
    nb_object_init(&topic->object, &topic_ops, NB_TOPIC, nb, name);
    nb_editions_init(&topic->rosters, &nb_roster_ops, nb->heap, &first->edition);
    topic->text = nb_name_text(name);
    topic->max_message_size = max_message_size;
    nb_object_publish(&topic->object);
    return topic;
}

nimbus_topic *nb_topic_create(nimbus_runtime *nb, const char *text, const nimbus_topic_options *options, const char *call,
                              nimbus_error *err)
{
    size_t given = options != NULL ? options->max_message_size : 0;
    size_t max_size = given != 0 ? given : nb->limits.max_topic_message_size;
    nb_name *name = nb_names_intern(&nb->names, NB_TOPIC, text);
    nimbus_topic *topic = NULL;
    nb_object *object = NULL;

    while (name != NULL && topic == NULL && (object = nb_name_acquire(name)) == NULL) {
        topic = make(nb, name, max_size);
        if (topic == NULL) {
            break;
        }
        if (!nb_name_fill(name, &topic->object)) { /* somebody else was faster */
            nb_object_end(&topic->object);
            nb_object_release(&topic->object);
            topic = NULL;
        }
    }
    nb_name_release(name);
    if (topic == NULL && object == NULL) {
        nb_error_set(err, nb_heap_failure(nb->heap, sizeof *topic), call, NULL, "out of memory");
    } else if (topic == NULL) {
        topic = nb_topic_of(object);
        if (given != 0 && topic->max_message_size != given) {
            nb_object_release(object);
            nb_error_set(err, NIMBUS_E_EXISTS, call, "max_message_size", "a topic of that name exists with another max_message_size");
            topic = NULL;
        }
    }
    return topic;
}

/* -------------------------------------------------------------------------------------- subscriptions */

/* Called by a route that ends. Without memory it stays on the roster, closed, until the next change. */
static void detach(nb_object *parent, nb_route *route)
{
    nimbus_topic *topic = nb_topic_of(parent);
    nb_roster *after = NULL;

    nb_lock_acquire(&topic->rosters.lock);
    if (!topic->ended) {
        after = nb_roster_make(parent->heap, nb_roster_of(nb_load_relaxed(&topic->rosters.current)), route, NULL);
        if (after != NULL) {
            nb_editions_swap(&topic->rosters, &after->edition);
        }
    }
    nb_picker_remove(&topic->picker, route);
    nb_lock_release(&topic->rosters.lock);
    if (after != NULL) {
        nb_editions_sweep(&topic->rosters);
    }
}

nimbus_status nb_topic_add(nimbus_topic *topic, nb_route *route)
{
    nb_roster *after = NULL;
    nimbus_status status;

    nb_lock_acquire(&topic->rosters.lock);
    status = topic->ended ? NIMBUS_E_DELETED : nb_picker_add(&topic->picker, topic->object.heap, route);
    if (status == NIMBUS_OK) {
        after = nb_roster_make(topic->object.heap, nb_roster_of(nb_load_relaxed(&topic->rosters.current)), NULL, route);
    }
    if (after != NULL) {
        nb_object_pin(&topic->object);
        route->parent = &topic->object;
        route->detach = detach;
        route->editions = &topic->rosters;
        nb_editions_swap(&topic->rosters, &after->edition);
    } else if (status == NIMBUS_OK) {
        nb_picker_remove(&topic->picker, route);
        status = nb_heap_failure(topic->object.heap, sizeof *after);
    }
    nb_lock_release(&topic->rosters.lock);
    if (after != NULL) {
        nb_editions_sweep(&topic->rosters);
    }
    return status;
}

void nb_topic_get_metrics(nimbus_topic *topic, nimbus_topic_metrics *ret)
{
    const nb_roster *roster;

    memset(ret, 0, sizeof *ret);
    ret->published = nb_editions_count(&topic->rosters, NB_TOPIC_PUBLISHED);
    ret->delivered = nb_editions_count(&topic->rosters, NB_TOPIC_DELIVERED);
    ret->pending = nb_editions_count(&topic->rosters, NB_TOPIC_PENDING);
    ret->failed = nb_editions_count(&topic->rosters, NB_TOPIC_FAILED);
    ret->matched = ret->delivered + ret->pending + ret->failed;
    nb_lock_acquire(&topic->rosters.lock);
    roster = nb_roster_of(nb_load_relaxed(&topic->rosters.current));
    for (size_t i = 0; i < roster->count; i++) {
        ret->subscriptions += !nb_route_closed(roster->hops[i].route);
    }
    nb_lock_release(&topic->rosters.lock);
}
