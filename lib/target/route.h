/*
 * route.h - the delivery engine: one path from a publisher to one target. A subscription is a route, and so is a rule's target.
 *
 * A route has a filter, a target, a retry policy, a dead letter, and a backlog: a store where deliveries wait that failed for now. The
 * target is one of
 *   a name      of a queue, topic or function; who fills it is asked to take the message
 *   a callback  an anonymous function of the route's own, whose mailbox takes the message and whose policy retries it
 *   inline      a handler that runs on the publisher's thread
 *
 * Publishers come to a route by an edition of its owner (a roster, a rule set), which pins it, and deliver by a walk (walk.h): it never
 * blocks and runs no user code but inline handlers.
 *
 * Counts. What every message does is not counted one by one: `walked` is every message that came by (a roster's passes are added to it),
 * and the exceptions are counted. matched = walked - skipped - filtered; of these all but `missed` were delivered at the first attempt (a
 * callback's: are its function's to count). matched = delivered + pending + dead_lettered + discarded. Exceptions are raised with release
 * and read with acquire before `walked`: who reads an exception has the pass that it is of.
 *
 * Ending an inline handler. nb_route_end() closes the route and looks behind a heavy fence at the seats (edition.h): either a publisher
 * that is at the route has seen that it is closed, or its seat says `running` and the end sees that. So no call starts after the end.
 * Whoever finds the closed route idle behind that fence, the end or the last call to leave, takes the handler, lets its destroy function
 * run, and then says `gone` to those who wait. Before the fence a publisher that has seen `closed` must not judge: another one may be
 * inside on the strength of an older value, with its seat's word still on the way.
 *
 * Who fills the name of a target is looked up once: `bound` is pinned by the route, and used for as long as the name says the same. A
 * publisher uses it without a count of its own, because it is seated. One that was bound before is unpinned when nobody was seated since.
 */
#ifndef NB_TARGET_ROUTE_H
#define NB_TARGET_ROUTE_H

#include "pattern/pattern.h"
#include "target/dead_letter.h"
#include "target/edition.h"
#include "target/handler.h"
#include "target/transformer.h"
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
    _Atomic(nb_object *) bound; /* pinned: who filled the name when it was last looked up; NULL. Changes under the lock */
    nb_object *unbound;     /* pinned: the one before, perhaps still in use; NULL. Under the lock */
    bool is_inline;
    nb_handler *handler;    /* of an inline one; NULL once it has ended; under lock */
    nb_editions *editions;  /* the owner's, where its publishers sit; NULL: not known to anybody yet */
    nb_pattern *filter;     /* NULL: every message */
    nimbus_filter_scope filter_scope;
    uint64_t order;         /* of a subscription: grows along the roster; set before it is known */
    bool envelope;
    nb_transformer *transformer; /* owned; NULL: the event as it is */
    nb_retry retry;
    nb_dead_letter dead_letter;
    nb_store backlog;
    nb_waiter waiter;
    nb_task pump;
    nb_lock lock;
    bool pumping;           /* the pump is queued or running, under lock */
    bool pump_again;
    nb_list leavers;        /* nb_leaver: who wait until the handler is gone, under lock */
    bool fenced;            /* closed, and behind the heavy fence of the end: only now do the seats tell who runs; under lock */
    bool gone;              /* the handler: no call runs, and it was destroyed; under lock */
    atomic_bool closed;     /* no new call */
    _Atomic uint64_t walked, skipped, filtered, missed; /* see the head */
    _Atomic uint64_t late;  /* delivered from the backlog */
    _Atomic uint64_t retries, dead_lettered, discarded; /* those that never were in the backlog, which counts its own */
};

typedef struct nb_route_spec {
    nb_name *target;        /* a reference to take over; one of the three */
    nb_object *callback;
    const nb_callback_ops *callback_ops;
    nb_handler *handler;
    nb_pattern *filter;     /* a reference to take over */
    nimbus_filter_scope filter_scope;
    bool envelope;
    nb_transformer *transformer; /* to take over; NULL */
    nb_retry retry;
    size_t capacity;
    nb_dead_letter dead_letter; /* to take over */
} nb_route_spec;

/* A route as an edition has it, with what a call of its inline handler needs. */
typedef struct nb_hop {
    nb_route *route;
    nimbus_handler *handler; /* NULL: not inline */
    void *user;
    size_t plain;            /* in a roster: so many from here on are inline without a filter */
} nb_hop;

/* A handle; takes over what spec holds. NULL: out of memory, and spec is still the caller's. */
nb_route *nb_route_make(nimbus_runtime *nb, const nb_route_spec *spec);

/* Before anybody can end it. */
nb_hop nb_route_hop(const nb_route *route);

/* Whether the filter takes the message. */
bool nb_route_matches(nb_route *route, const nimbus_message *message);

/* Acquire: with the exchange in nb_route_end(). */
static inline bool nb_route_closed(const nb_route *route)
{
    return nb_load_acquire(&route->closed);
}

/* Counts an exception, see the head. */
static inline void nb_route_count(_Atomic uint64_t *counter)
{
    nb_add_release(counter, 1);
}

/* A first attempt failed for good. Pending: it waits in the backlog for its dead letter. */
typedef enum nb_delivered { NB_ROUTE_SKIPPED, NB_ROUTE_DELIVERED, NB_ROUTE_PENDING, NB_ROUTE_FAILED } nb_delivered;
nb_delivered nb_route_fail(nb_route *route, const nb_parcel *parcel, const nb_failure *cause);

/* A first attempt failed for now. */
nb_delivered nb_route_put_off(nb_route *route, const nb_parcel *parcel);

/* Offers a parcel, which stays the caller's, to the callback or to who fills the name. */
nb_verdict nb_route_offer(nb_route *route, const nb_parcel *parcel);

/* By a publisher who is seated, and may use it until he leaves: the callback, or who fills the name. NULL: nb_route_offer() knows. */
nb_object *nb_route_borrow(nb_route *route, const nb_seat *seat);

/* No new call, no new delivery; what waits is discarded. */
void nb_route_end(nb_route *route);

/* A closed route was found by a publisher whose seat does not name it any more. */
void nb_route_left(nb_route *route);

/* Waits until no call of its handler runs, but no longer than wait. Returns whether none does. */
bool nb_route_wait(nb_route *route, int64_t wait);

void nb_route_metrics(nb_route *route, nimbus_delivery_metrics *ret);

#endif
