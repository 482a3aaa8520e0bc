/*
 * route.h - the delivery engine: one path from a publisher to one target. A subscription is a route, and so is a rule's target.
 *
 * A route has a filter, a target, a retry policy, a dead letter, and a backlog: a store where deliveries wait that failed for now. The
 * target is one of
 *   a name      of a queue, topic or function; who fills it is asked to take the message
 *   a callback  an anonymous function of the route's own, whose mailbox takes the message and whose policy retries it
 *   inline      a handler that runs on the publisher's thread
 *
 * nb_route_deliver() never blocks and runs no user code but an inline handler. matched = delivered + pending + dead_lettered + discarded.
 *
 * Ending: nb_route_end() takes the handler away under the lock under which a call takes its reference and counts itself in; so no call
 * starts after it, and who waits for the calls that run sees them all.
 */
#ifndef NB_TARGET_ROUTE_H
#define NB_TARGET_ROUTE_H

#include "pattern/pattern.h"
#include "target/dead_letter.h"
#include "target/handler.h"
#include "store/store.h"

typedef struct nimbus_subscription nb_route;

/* What a callback's function is asked by its route. */
typedef struct nb_callback_ops {
    void (*metrics)(nb_object *callback, nimbus_delivery_metrics *ret);
    void (*end)(nb_object *callback);
    bool (*wait)(nb_object *callback, int64_t wait); /* until no call runs */
} nb_callback_ops;

struct nimbus_subscription {
    nb_object object;
    nb_object *parent;      /* pinned: the topic; NULL: a rule's target */
    void (*detach)(nb_object *parent, nb_route *route); /* takes it off the parent's list */
    nb_name *target;
    nb_object *callback;    /* a handle until the end, and a pin; NULL */
    const nb_callback_ops *callback_ops;
    bool is_inline;
    nb_handler *handler;    /* of an inline one; NULL once it has ended; under lock */
    nb_pattern *filter;     /* NULL: every message */
    nimbus_filter_scope filter_scope;
    bool envelope;
    nb_retry retry;
    nb_dead_letter dead_letter;
    nb_store backlog;
    nb_waiter waiter;
    nb_task pump;
    nb_lock lock;
    bool pumping;           /* the pump is queued or running, under lock */
    bool pump_again;
    uint32_t calls;         /* inline ones that run, under lock */
    nb_list leavers;        /* nb_leaver: who wait until none does, under lock */
    atomic_bool closed;     /* no new call */
    /* Those that never were in the backlog, which counts its own. */
    _Atomic uint64_t filtered, matched, delivered, retries, dead_lettered, discarded;
};

typedef struct nb_route_spec {
    nb_name *target;        /* a reference to take over; one of the three */
    nb_object *callback;
    const nb_callback_ops *callback_ops;
    nb_handler *handler;
    nb_pattern *filter;     /* a reference to take over */
    nimbus_filter_scope filter_scope;
    bool envelope;
    nb_retry retry;
    size_t capacity;
    nb_dead_letter dead_letter; /* to take over */
} nb_route_spec;

/* What became of one delivery. */
typedef enum nb_delivered { NB_ROUTE_FILTERED, NB_ROUTE_DELIVERED, NB_ROUTE_PENDING, NB_ROUTE_FAILED } nb_delivered;

/* A handle; takes over what spec holds. NULL: out of memory, and spec is still the caller's. */
nb_route *nb_route_make(nimbus_runtime *nb, const nb_route_spec *spec);

/* Whether the filter takes the message. */
bool nb_route_matches(nb_route *route, const nimbus_message *message);

/* Delivers a message that matches. The parcel stays the caller's. */
nb_delivered nb_route_deliver(nb_route *route, const nb_parcel *parcel);
void nb_route_count_filtered(nb_route *route);

/* A delivery that matches but cannot be rendered: fails for good. */
nb_delivered nb_route_refuse(nb_route *route, const nb_parcel *parcel);

/* No new call, no new delivery; what waits is discarded. */
void nb_route_end(nb_route *route);

/* Waits until no call of its handler runs, but no longer than wait. Returns whether none does. */
bool nb_route_wait(nb_route *route, int64_t wait);

void nb_route_metrics(nb_route *route, nimbus_delivery_metrics *ret);

#endif
