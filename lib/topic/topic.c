#include "topic/topic.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "memory/attribute.h"

#define MAX_SUBJECT 99

/* ---------------------------------------------------------------------------------------------- publish */

static void tally(nimbus_published *sum, nb_delivered what)
{
    sum->matched += what != NB_ROUTE_FILTERED;
    sum->delivered += what == NB_ROUTE_DELIVERED;
    sum->pending += what == NB_ROUTE_PENDING;
    sum->failed += what == NB_ROUTE_FAILED;
}

/* One route; *envelope is made when the first one asks for it. */
static nb_delivered deliver(nimbus_topic *topic, nb_route *route, const nb_parcel *parcel, nimbus_message **envelope)
{
    nb_parcel wrapped = *parcel;

    if (atomic_load(&route->closed)) {
        return NB_ROUTE_FILTERED;
    }
    if (!nb_route_matches(route, parcel->message)) {
        nb_route_count_filtered(route);
        return NB_ROUTE_FILTERED;
    }
    if (!route->envelope) {
        return nb_route_deliver(route, parcel);
    }
    if (*envelope == NULL) {
        *envelope = nb_topic_envelope(topic, parcel);
    }
    if (*envelope == NULL) {
        return nb_route_refuse(route, parcel);
    }
    wrapped.message = *envelope;
    return nb_route_deliver(route, &wrapped);
}

/* To everybody who is subscribed now (SNS-P5). */
static void fan_out(nimbus_topic *topic, const nb_parcel *parcel, nimbus_published *sum)
{
    nimbus_message *envelope = NULL;
    nb_roster *roster;

    nb_lock_acquire(&topic->lock);
    roster = nb_roster_retain(topic->roster);
    nb_lock_release(&topic->lock);
    for (size_t i = 0; roster != NULL && i < roster->count; i++) {
        tally(sum, deliver(topic, roster->routes[i], parcel, &envelope));
    }
    nb_roster_release(roster);
    nb_message_release(envelope);
    nb_lock_acquire(&topic->lock);
    topic->counts.published++;
    topic->counts.matched += sum->matched;
    topic->counts.delivered += sum->delivered;
    topic->counts.pending += sum->pending;
    topic->counts.failed += sum->failed;
    nb_lock_release(&topic->lock);
}

static bool subject_valid(const char *subject)
{
    size_t length = 0;

    for (; subject[length] != '\0'; length++) {
        if (length == MAX_SUBJECT || (unsigned char)subject[length] < 0x20 || subject[length] == 0x7f) {
            return false;
        }
    }
    return length > 0;
}

nimbus_status nb_topic_check(const nimbus_topic *topic, const nimbus_entry *entry, size_t *ret_size)
{
    const nimbus_limits *limits = &topic->object.runtime->limits;
    const nimbus_body *body = &entry->body;
    size_t size = body->kind == NIMBUS_BODY_SHARE && body->message != NULL ? nb_message_body(body->message).size : body->size;
    size_t attributes;
    nimbus_status status;

    *ret_size = size;
    if (!nb_reserved_clear(entry->reserved_, 4) || entry->delay != 0 || entry->wait != 0 || (unsigned)body->kind > NIMBUS_BODY_SHARE ||
        (body->kind != NIMBUS_BODY_SHARE && size > 0 && body->data == NULL) ||
        (entry->subject != NULL && !subject_valid(entry->subject))) {
        return NIMBUS_E_INVALID;
    }
    if (body->kind == NIMBUS_BODY_NONE || (size == 0 && limits->preset == NIMBUS_LIMITS_AWS)) {
        return NIMBUS_E_MISSING;
    }
    status = nb_attributes_check(entry->attributes, entry->attribute_count, limits->max_attributes);
    if (status != NIMBUS_OK) {
        return status;
    }
    attributes = nb_attributes_size(entry->attributes, entry->attribute_count);
    *ret_size = size > SIZE_MAX - attributes ? SIZE_MAX : size + attributes;
    return *ret_size > topic->max_message_size ? NIMBUS_E_TOO_LARGE : NIMBUS_OK;
}

nimbus_status nb_topic_publish(nimbus_topic *topic, const nimbus_entry *entry, nimbus_published *ret)
{
    nimbus_runtime *nb = topic->object.runtime;
    nb_message_spec spec = { .body = entry->body, .attributes = entry->attributes, .attribute_count = entry->attribute_count,
                             .subject = entry->subject };
    nb_parcel parcel = { 0 };

    if (!nb_nest_enter()) {
        return ret->status = NIMBUS_E_TOO_DEEP;
    }
    nb_waiting_begin(nb); /* an inline handler may take its time: the close waits for us */
    ret->status = nb_message_make(nb->heap, &spec, &parcel.message);
    if (ret->status == NIMBUS_OK) {
        parcel.id = ret->id = nb_new_id(nb);
        parcel.sent = nb_clock_wall(&nb->clock);
        parcel.enqueued = nb_clock_elapsed(&nb->clock);
        fan_out(topic, &parcel, ret);
        nb_message_release(parcel.message);
    }
    nb_waiting_end(nb);
    nb_nest_leave();
    return ret->status;
}

/* ------------------------------------------------------------------------------------------- the object */

/* A rule, or a function's destination, publishes here. */
static nb_verdict offer(nb_object *object, const nb_parcel *parcel)
{
    nimbus_published sum;

    if (nb_object_ended(object)) {
        return NB_MISSING;
    }
    if (nb_message_size(parcel->message) > nb_topic_of(object)->max_message_size || !nb_nest_enter()) {
        return NB_PERMANENT;
    }
    memset(&sum, 0, sizeof sum);
    fan_out(nb_topic_of(object), parcel, &sum);
    nb_nest_leave();
    nb_parcel_release(parcel);
    return NB_DELIVERED;
}

static void end(nb_object *object)
{
    nimbus_topic *topic = nb_topic_of(object);
    nb_roster *roster;

    nb_lock_acquire(&topic->lock);
    topic->ended = true;
    roster = topic->roster;
    topic->roster = NULL;
    nb_lock_release(&topic->lock);
    for (size_t i = 0; roster != NULL && i < roster->count; i++) {
        nb_route_end(roster->routes[i]);
    }
    nb_roster_release(roster);
}

static void free_topic(nb_object *object)
{
    nimbus_topic *topic = nb_topic_of(object);

    nb_lock_fini(&topic->lock);
    nb_free(object->heap, topic, sizeof *topic);
}

static const nb_object_ops topic_ops = { .offer = offer, .end = end, .free = free_topic };

static nimbus_topic *make(nimbus_runtime *nb, nb_name *name, size_t max_message_size)
{
    nimbus_topic *topic = nb_alloc_zero(nb->heap, sizeof *topic);

    if (topic != NULL) {
        nb_object_init(&topic->object, &topic_ops, NB_TOPIC, nb, name);
        nb_lock_init(&topic->lock);
        topic->max_message_size = max_message_size;
        nb_object_publish(&topic->object);
    }
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
    nb_roster *before = NULL, *after;

    nb_lock_acquire(&topic->lock);
    if (topic->roster != NULL) {
        after = nb_roster_make(parent->heap, topic->roster, route, NULL);
        if (after != NULL) {
            before = topic->roster;
            topic->roster = after;
        }
    }
    nb_lock_release(&topic->lock);
    nb_roster_release(before);
}

nimbus_status nb_topic_add(nimbus_topic *topic, nb_route *route)
{
    nb_roster *before, *after;
    nimbus_status status = NIMBUS_OK;

    nb_lock_acquire(&topic->lock);
    before = topic->roster;
    after = topic->ended ? NULL : nb_roster_make(topic->object.heap, before, NULL, route);
    if (after != NULL) {
        nb_object_pin(&topic->object);
        route->parent = &topic->object;
        route->detach = detach;
        topic->roster = after;
    } else {
        status = topic->ended ? NIMBUS_E_DELETED : nb_heap_failure(topic->object.heap, sizeof *after);
    }
    nb_lock_release(&topic->lock);
    if (after != NULL) {
        nb_roster_release(before);
    }
    return status;
}

void nb_topic_get_metrics(nimbus_topic *topic, nimbus_topic_metrics *ret)
{
    memset(ret, 0, sizeof *ret);
    nb_lock_acquire(&topic->lock);
    ret->published = topic->counts.published;
    ret->matched = topic->counts.matched;
    ret->delivered = topic->counts.delivered;
    ret->pending = topic->counts.pending;
    ret->failed = topic->counts.failed;
    for (size_t i = 0; topic->roster != NULL && i < topic->roster->count; i++) {
        ret->subscriptions += !atomic_load(&topic->roster->routes[i]->closed);
    }
    nb_lock_release(&topic->lock);
}
