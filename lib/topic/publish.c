/*
 * publish.c - the publish: check, make the message, take a seat, walk the roster.
 *
 * The common case, bytes alone to inline handlers, goes straight through; what is seldom stands in functions of its own.
 */
#include "topic/topic.h"

#include <string.h>

#include "base/check.h"
#include "base/rare.h"
#include "memory/attribute.h"
#include "memory/copy.h"
#include "target/walk.h"

#define MAX_SUBJECT 99

/* One route, the long way; *envelope is made when the first one asks for it. */
static void deliver(nimbus_topic *topic, nb_walk *walk, const nb_hop *hop, nb_picks picks[2], nimbus_message **envelope)
{
    nb_parcel wrapped;

    if (nb_route_closed(hop->route)) {
        nb_route_count(&hop->route->skipped);
        return;
    }
    if (!nb_picks_take(picks, hop->route, walk->parcel->message)) {
        nb_route_count(&hop->route->filtered);
        return;
    }
    if (!hop->route->envelope) {
        nb_walk_deliver(walk, hop, walk->parcel);
        return;
    }
    if (*envelope == NULL) {
        *envelope = nb_topic_envelope(topic, walk->parcel);
    }
    if (*envelope == NULL) {
        nb_walk_refuse(walk, hop->route);
        return;
    }
    wrapped = *walk->parcel;
    wrapped.message = *envelope;
    nb_walk_deliver(walk, hop, &wrapped);
}

/* A roster on which not all are plain inline ones. */
static NB_APART void fan_out_by_kind(nimbus_topic *topic, nb_walk *walk, const nb_roster *roster)
{
    nimbus_message *envelope = NULL;
    nb_picks picks[2];

    nb_walk_stamp(walk);
    nb_picker_pick(&topic->picker, roster, NIMBUS_FILTER_ATTRIBUTES, walk->parcel->message, topic->object.heap, &picks[0]);
    nb_picker_pick(&topic->picker, roster, NIMBUS_FILTER_BODY, walk->parcel->message, topic->object.heap, &picks[1]);
    nb_walk_reserve(walk, roster->takers);
    for (size_t i = 0; i < roster->count;) {
        const nb_hop *hop = &roster->hops[i];

        if (hop->plain > 0) {
            nb_walk_inline(walk, hop, hop->plain);
            i += hop->plain;
        } else {
            deliver(topic, walk, hop, picks, &envelope);
            i++;
        }
    }
    nb_picks_release(&picks[0]);
    nb_picks_release(&picks[1]);
    nb_message_release(envelope);
}

/* To everybody who is subscribed now (SNS-P5). straight: handlers are called from here, else out of line. */
static inline __attribute__((always_inline)) void fan_out(nimbus_topic *topic, nb_walk *walk, bool straight)
{
    nb_seat *seat = walk->seat;
    const nb_roster *roster = nb_roster_of(nb_seat_pass(&topic->rosters, seat));

    if (NB_RARE(roster->plain != roster->count)) {
        fan_out_by_kind(topic, walk, roster);
    } else if (roster->count > 0 && straight) {
        nb_walk_run(walk, roster->hops, roster->count);
    } else if (roster->count > 0) {
        nb_walk_inline(walk, roster->hops, roster->count);
    }
    nb_seat_add(seat, NB_TOPIC_PUBLISHED, 1);
    nb_seat_add(seat, NB_TOPIC_DELIVERED, walk->delivered);
    if (NB_RARE((walk->pending | walk->failed) != 0)) {
        nb_seat_add(seat, NB_TOPIC_PENDING, walk->pending);
        nb_seat_add(seat, NB_TOPIC_FAILED, walk->failed);
    }
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
    if (!nb_reserved_clear(entry->reserved_, 2) || entry->group_id != NULL || entry->deduplication_id != NULL ||
        entry->delay != 0 || entry->wait != 0 || (unsigned)body->kind > NIMBUS_BODY_SHARE ||
        (body->kind != NIMBUS_BODY_SHARE && size > 0 && body->data == NULL) ||
        (entry->subject != NULL && !subject_valid(entry->subject))) {
        return NIMBUS_E_INVALID;
    }
    if (body->kind == NIMBUS_BODY_NONE || (size == 0 && limits->preset == NIMBUS_LIMITS_AWS)) {
        return NIMBUS_E_MISSING;
    }
    if (entry->attribute_count > 0) {
        status = nb_attributes_check(entry->attributes, entry->attribute_count, limits->max_attributes);
        if (status != NIMBUS_OK) {
            return status;
        }
        attributes = nb_attributes_size(entry->attributes, entry->attribute_count);
        *ret_size = size > SIZE_MAX - attributes ? SIZE_MAX : size + attributes;
    }
    return *ret_size > topic->max_message_size ? NIMBUS_E_TOO_LARGE : NIMBUS_OK;
}

/* Nothing but bytes that are within the bounds. */
static inline bool only_bytes(const nimbus_topic *topic, const nimbus_entry *e)
{
    return nb_entry_bare(e) && e->wait == 0 && (e->body.kind == NIMBUS_BODY_COPY || e->body.kind == NIMBUS_BODY_ADOPT) &&
           e->body.data != NULL && e->body.size - 1 < topic->max_message_size;
}

static NB_APART nimbus_status check_and_make(nimbus_topic *topic, const nimbus_entry *entry, nimbus_message **ret)
{
    nb_message_spec spec = { .body = entry->body, .attributes = entry->attributes, .attribute_count = entry->attribute_count,
                             .subject = entry->subject };
    size_t size;
    nimbus_status status = nb_topic_check(topic, entry, &size);

    return status == NIMBUS_OK ? nb_message_make(topic->object.heap, &spec, ret) : status;
}

static NB_APART void answer(nb_walk *walk, nimbus_published *ret)
{
    nb_walk_stamp(walk);
    *ret = (nimbus_published){ .status = NIMBUS_OK, .id = walk->parcel->id, .delivered = walk->delivered, .pending = walk->pending,
                               .failed = walk->failed, .matched = walk->delivered + walk->pending + walk->failed };
}

static NB_APART nimbus_status refuse(nimbus_status status, nimbus_published *ret)
{
    if (ret != NULL) {
        *ret = (nimbus_published){ .status = status };
    }
    return status;
}

/* On a seat, inside a nest. */
static inline __attribute__((always_inline)) nimbus_status publish(nimbus_topic *topic, nb_seat *seat, const nimbus_entry *entry,
                                                                   nimbus_published *ret, bool straight)
{
    nimbus_runtime *nb = topic->object.runtime;
    nimbus_status status = nb_object_ended(&topic->object) ? NIMBUS_E_DELETED : nb_intake(nb);
    nb_parcel parcel;
    nb_walk walk;

    if (status == NIMBUS_OK) {
        status = NB_RARE(!only_bytes(topic, entry)) ? check_and_make(topic, entry, &parcel.message)
                 : entry->body.kind == NIMBUS_BODY_COPY
                     ? nb_message_copy(topic->object.heap, entry->body.data, entry->body.size, &parcel.message)
                     : nb_message_adopt(topic->object.heap, &entry->body, &parcel.message);
    }
    if (NB_RARE(status != NIMBUS_OK)) {
        return refuse(status, ret);
    }
    nb_walk_begin(&walk, nb, &topic->rosters, seat, &parcel, false, topic->text);
    fan_out(topic, &walk, straight);
    if (ret != NULL) {
        answer(&walk, ret);
    }
    nb_message_release_n(parcel.message, walk.spare + 1);
    return NIMBUS_OK;
}

/* Too deep, or out of memory for a seat: after the other checks. */
static NB_SELDOM nimbus_status cannot(nimbus_topic *topic, nb_seat *seat, const nimbus_entry *entry, nimbus_published *ret)
{
    nimbus_status status = nb_object_ended(&topic->object) ? NIMBUS_E_DELETED : nb_intake(topic->object.runtime);
    size_t size;

    if (status == NIMBUS_OK) {
        status = nb_topic_check(topic, entry, &size);
    }
    status = status != NIMBUS_OK ? status : seat != NULL ? NIMBUS_E_TOO_DEEP : nb_heap_failure(topic->object.heap, sizeof *seat);
    return refuse(status, ret);
}

nimbus_status nb_topic_publish(nimbus_topic *topic, const nimbus_entry *entry, nimbus_published *ret)
{
    nb_seat *seat = nb_seat_take(&topic->rosters); /* first of all: from here on the close waits for us */
    nimbus_status status;

    if (NB_RARE(seat == NULL)) {
        return cannot(topic, NULL, entry, ret);
    }
    if (NB_RARE(!nb_nest_enter())) {
        status = cannot(topic, seat, entry, ret);
    } else {
        status = publish(topic, seat, entry, ret, true);
        nb_nest_leave();
    }
    nb_seat_leave(&topic->rosters, seat);
    return status;
}

nimbus_status nb_topic_publish_batch(nimbus_topic *topic, const nimbus_entry *entries, size_t count, nimbus_published *ret)
{
    nb_seat *seat = nb_seat_take(&topic->rosters); /* for all of them: a topic that is closed in between stays until the end */
    bool nested = seat != NULL && nb_nest_enter();
    nimbus_status worst = NIMBUS_OK;

    for (size_t i = 0; i < count; i++) {
        nimbus_published *to = ret != NULL ? &ret[i] : NULL;
        nimbus_status status = nested ? publish(topic, seat, &entries[i], to, false) : cannot(topic, seat, &entries[i], to);

        worst = status != NIMBUS_OK ? status : worst;
    }
    if (nested) {
        nb_nest_leave();
    }
    if (seat != NULL) {
        nb_seat_leave(&topic->rosters, seat);
    }
    return worst;
}

nb_verdict nb_topic_offer(nb_object *object, const nb_parcel *parcel)
{
    nimbus_topic *topic = nb_topic_of(object);
    nb_parcel mine = *parcel;
    nb_seat *seat;
    nb_walk walk;

    if (nb_object_ended(object)) {
        return NB_MISSING;
    }
    if (nb_message_size(parcel->message) > topic->max_message_size || !nb_nest_enter()) {
        return NB_PERMANENT;
    }
    seat = nb_seat_take(&topic->rosters);
    if (seat != NULL) {
        nb_walk_begin(&walk, object->runtime, &topic->rosters, seat, &mine, true, topic->text);
        fan_out(topic, &walk, false);
        nb_walk_end(&walk, false);
        nb_seat_leave(&topic->rosters, seat);
    }
    nb_nest_leave();
    if (seat == NULL) {
        return NB_TRANSIENT;
    }
    nb_parcel_release(parcel);
    return NB_DELIVERED;
}
