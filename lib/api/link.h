/*
 * link.h - from a target and its options to a route: what subscriptions, rule targets and destinations share.
 */
#ifndef NB_API_LINK_H
#define NB_API_LINK_H

#include "target/route.h"

typedef struct nb_link_place {
    const char *noun;        /* for the trace: "subscription", "rule" */
    const char *source;      /* what info.source says; copied */
    const char *rule;        /* "bus/rule", copied; NULL: a subscription */
    const nb_retry *retry;   /* the noun's own */
    bool subscription;
} nb_link_place;

/* A handle on a new route, not yet known to anybody. Else *err is filled and a callback's user pointer is still the caller's. */
nimbus_status nb_link_make(nimbus_runtime *nb, nimbus_target target, const nimbus_delivery_options *options, const nb_link_place *place,
                           const char *call, nimbus_error *err, nb_route **ret);

/* From now on the user pointer is the link's: arm it before anybody can know the link; disarm it if that fails. */
void nb_link_arm(nb_route *route, nimbus_target target);
void nb_link_disarm(nb_route *route);

/* Undoes the make. */
void nb_link_drop(nb_route *route);

/* The name of a queue, topic or function as a target, with a reference; other kinds and failures fill *err. */
nimbus_status nb_link_name(nimbus_runtime *nb, nimbus_target target, const char *call, const char *field, nimbus_error *err, nb_name **ret);

/* The name of a dead-letter queue; NULL gives NULL. */
nimbus_status nb_link_dead_letter(nimbus_runtime *nb, nimbus_queue *queue, const char *call, nimbus_error *err, nb_name **ret);

#endif
