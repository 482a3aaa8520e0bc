/*
 * topic.h - the topic: a roster of routes (an edition, target/edition.h), and the publish that walks it.
 *
 * A publish takes a seat, opens the roster and walks it: no lock, one read-modify-write, none for a subscriber. The counts of the topic are
 * the seats'.
 */
#ifndef NB_TOPIC_TOPIC_H
#define NB_TOPIC_TOPIC_H

#include <nimbus/topic.h>

#include "target/roster.h"
#include "topic/pick.h"

struct nimbus_topic {
    nb_object object;
    const char *text; /* of its name */
    size_t max_message_size;
    nb_editions rosters;
    nb_picker picker; /* changes under the lock of rosters */
    nb_roster last; /* the one after the end: nobody */
    bool ended;     /* under the lock of rosters */
};

/* What its seats count. */
enum { NB_TOPIC_PUBLISHED, NB_TOPIC_DELIVERED, NB_TOPIC_PENDING, NB_TOPIC_FAILED };

static inline nimbus_topic *nb_topic_of(nb_object *object)
{
    return NB_CONTAINER(object, nimbus_topic, object);
}

nimbus_topic *nb_topic_create(nimbus_runtime *nb, const char *name, const nimbus_topic_options *options, const char *call,
                              nimbus_error *err);

/* publish.c: NIMBUS_OK, or what is wrong with the entry; *ret_size: body and attributes, also if something else is wrong. */
nimbus_status nb_topic_check(const nimbus_topic *topic, const nimbus_entry *entry, size_t *ret_size);

/* ret (NULL: not wanted): written in any case. */
nimbus_status nb_topic_publish(nimbus_topic *topic, const nimbus_entry *entry, nimbus_published *ret);

/* One after the other, ret (NULL: not wanted) getting one answer each. The status of the last one that failed, or NIMBUS_OK. */
nimbus_status nb_topic_publish_batch(nimbus_topic *topic, const nimbus_entry *entries, size_t count, nimbus_published *ret);

/* A rule, or a function's destination, publishes here. */
nb_verdict nb_topic_offer(nb_object *object, const nb_parcel *parcel);

/* Puts a route on the roster. NIMBUS_OK, NIMBUS_E_DELETED, NIMBUS_E_NO_MEMORY, NIMBUS_E_FULL. */
nimbus_status nb_topic_add(nimbus_topic *topic, nb_route *route);
void nb_topic_get_metrics(nimbus_topic *topic, nimbus_topic_metrics *ret);

/* envelope.c: the notification as SNS JSON (SNS-D1). NULL: no memory. */
nimbus_message *nb_topic_envelope(nimbus_topic *topic, const nb_parcel *parcel);

#endif
