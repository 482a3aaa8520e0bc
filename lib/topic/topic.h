/*
 * topic.h - the topic: a roster of routes, and the publish that walks it.
 */
#ifndef NB_TOPIC_TOPIC_H
#define NB_TOPIC_TOPIC_H

#include <nimbus/topic.h>

#include "target/roster.h"

struct nimbus_topic {
    nb_object object;
    size_t max_message_size;
    nb_lock lock; /* of roster and counts */
    nb_roster *roster;
    bool ended;
    struct {
        uint64_t published, matched, delivered, pending, failed;
    } counts;
};

static inline nimbus_topic *nb_topic_of(nb_object *object)
{
    return NB_CONTAINER(object, nimbus_topic, object);
}

nimbus_topic *nb_topic_create(nimbus_runtime *nb, const char *name, const nimbus_topic_options *options, const char *call,
                              nimbus_error *err);

/* NIMBUS_OK, or what is wrong with the entry; *ret_size: body and attributes, also if something else is wrong. */
nimbus_status nb_topic_check(const nimbus_topic *topic, const nimbus_entry *entry, size_t *ret_size);
nimbus_status nb_topic_publish(nimbus_topic *topic, const nimbus_entry *entry, nimbus_published *ret); /* a checked entry */

/* Puts a route on the roster. NIMBUS_OK, NIMBUS_E_DELETED, NIMBUS_E_NO_MEMORY, NIMBUS_E_FULL. */
nimbus_status nb_topic_add(nimbus_topic *topic, nb_route *route);
void nb_topic_get_metrics(nimbus_topic *topic, nimbus_topic_metrics *ret);

/* envelope.c: the notification as SNS JSON (SNS-D1). NULL: no memory. */
nimbus_message *nb_topic_envelope(nimbus_topic *topic, const nb_parcel *parcel);

#endif
