/* topic.c - the functions of nimbus/topic.h. */
#include "topic/topic.h"

#include <string.h>

#include "api/handle.h"
#include "api/link.h"

#define MAX_NAME 256

nimbus_topic *nimbus_topic_create(nimbus_runtime *nb, const char *name, const nimbus_topic_options *options, nimbus_error *err)
{
    if (!nb_setup(nb, __func__, err)) {
        return NULL;
    }
    if (!nb_name_valid(name, MAX_NAME, "-_")) {
        nb_error_set(err, NIMBUS_E_INVALID, __func__, "name", "not 1 to 256 letters, digits, '-' and '_'");
        return NULL;
    }
    if (options != NULL && options->fifo) {
        nb_error_set(err, NIMBUS_E_UNSUPPORTED, __func__, "fifo", "this version has no FIFO topics");
        return NULL;
    }
    if (options != NULL && !nb_reserved_clear(options->reserved_, 8)) {
        nb_error_set(err, NIMBUS_E_INVALID, __func__, "reserved_", "a reserved field is not 0");
        return NULL;
    }
    if (options != NULL && options->max_message_size > nb->limits.max_topic_message_size) {
        nb_error_set(err, NIMBUS_E_INVALID, __func__, "max_message_size", "above the instance's limit");
        return NULL;
    }
    return nb_topic_create(nb, name, options, __func__, err);
}

nimbus_topic *nimbus_topic_find(nimbus_runtime *nb, const char *name, nimbus_error *err)
{
    nb_object *object = nb_find(nb, NB_TOPIC, name, __func__, err);

    return object != NULL ? nb_topic_of(object) : NULL;
}

nimbus_topic *nimbus_topic_retain(nimbus_topic *topic)
{
    if (topic != NULL) {
        nb_object_retain(&topic->object);
    }
    return topic;
}

void nimbus_topic_release(nimbus_topic *topic)
{
    if (topic != NULL) {
        nb_object_release(&topic->object);
    }
}

nimbus_status nimbus_topic_delete(nimbus_topic *topic)
{
    return topic == NULL ? NIMBUS_E_INVALID : nb_object_delete(&topic->object) ? NIMBUS_OK : NIMBUS_E_DELETED;
}

const char *nimbus_topic_name(const nimbus_topic *topic)
{
    return topic != NULL ? nb_name_text(topic->object.name) : "";
}

nimbus_status nimbus_topic_publish(nimbus_topic *topic, const nimbus_entry *entry, nimbus_published *ret)
{
    return topic != NULL && entry != NULL ? nb_topic_publish(topic, entry, ret) : NIMBUS_E_INVALID;
}

nimbus_status nimbus_topic_publish_batch(nimbus_topic *topic, const nimbus_entry *entries, size_t count, nimbus_published *ret)
{
    nimbus_status status = nb_accepting(topic != NULL ? &topic->object : NULL);
    size_t total = 0, size = 0;

    if (status != NIMBUS_OK) {
        return status;
    }
    status = nb_batch_shape(entries, count, topic->object.runtime->limits.max_batch);
    for (size_t i = 0; status == NIMBUS_OK && i < count; i++) {
        nb_topic_check(topic, &entries[i], &size);
        total = size > SIZE_MAX - total ? SIZE_MAX : total + size;
        status = total > topic->object.runtime->limits.max_topic_message_size ? NIMBUS_E_BATCH_TOO_LONG : NIMBUS_OK;
    }
    if (status != NIMBUS_OK) {
        return status;
    }
    return nb_topic_publish_batch(topic, entries, count, ret) != NIMBUS_OK ? NIMBUS_PARTIAL : NIMBUS_OK;
}

nimbus_status nimbus_topic_subscribe(nimbus_topic *topic, nimbus_target target, const nimbus_delivery_options *options, nimbus_error *err,
                                     nimbus_subscription **ret)
{
    nimbus_status status = nb_setup_on(topic != NULL ? &topic->object : NULL, __func__, "topic", err);
    nb_link_place place = { "subscription", NULL, NULL, &nb_retry_subscription, true };
    nb_route *route;

    if (status != NIMBUS_OK) {
        return status;
    }
    if (target.kind == NIMBUS_TARGET_TOPIC) {
        return nb_error_set(err, NIMBUS_E_UNSUPPORTED, __func__, "target", "a topic cannot subscribe to a topic");
    }
    place.source = nb_name_text(topic->object.name);
    status = nb_link_make(topic->object.runtime, target, options, &place, __func__, err, &route);
    if (status != NIMBUS_OK) {
        return status;
    }
    nb_object_pin(&route->object);
    nb_link_arm(route, target); /* before it is known: a message may come, and the handler may end it, at once */
    status = nb_topic_add(topic, route);
    if (status != NIMBUS_OK) {
        nb_link_disarm(route);
        nb_link_drop(route);
        nb_error_set(err, status, __func__, NULL, status == NIMBUS_E_DELETED ? "the topic was deleted" : "out of memory");
    } else if (ret != NULL) {
        *ret = route;
    } else {
        nb_object_release(&route->object);
    }
    nb_object_unpin(&route->object);
    return status;
}

nimbus_status nimbus_unsubscribe(nimbus_subscription *subscription, nimbus_duration wait)
{
    nimbus_runtime *nb;
    bool left = true;

    if (subscription == NULL || !nb_duration_argument(&wait)) {
        return NIMBUS_E_INVALID;
    }
    nb = subscription->object.runtime;
    if (wait != 0 && nb_inside(nb)) {
        return NIMBUS_E_WOULD_DEADLOCK;
    }
    nb_object_pin(&subscription->object);
    nb_route_end(subscription);
    if (wait != 0) {
        nb_waiting_begin(nb);
        left = nb_route_wait(subscription, wait);
        nb_waiting_end(nb);
    }
    nb_object_unpin(&subscription->object);
    return left ? NIMBUS_OK : NIMBUS_E_TIMEOUT;
}

nimbus_subscription *nimbus_subscription_retain(nimbus_subscription *subscription)
{
    if (subscription != NULL) {
        nb_object_retain(&subscription->object);
    }
    return subscription;
}

void nimbus_subscription_release(nimbus_subscription *subscription)
{
    if (subscription != NULL) {
        nb_object_release(&subscription->object);
    }
}

nimbus_status nimbus_subscription_get_metrics(nimbus_subscription *subscription, nimbus_delivery_metrics *ret)
{
    if (subscription == NULL || ret == NULL) {
        return NIMBUS_E_INVALID;
    }
    nb_route_metrics(subscription, ret);
    return NIMBUS_OK;
}

nimbus_status nimbus_topic_get_metrics(nimbus_topic *topic, nimbus_topic_metrics *ret)
{
    if (topic == NULL || ret == NULL) {
        return NIMBUS_E_INVALID;
    }
    nb_topic_get_metrics(topic, ret);
    return NIMBUS_OK;
}
