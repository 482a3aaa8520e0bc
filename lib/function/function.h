/*
 * function.h - the function: a handler, a concurrency limit, and the places its work comes from.
 *
 * Work comes from synchronous calls (a list), and from feeds: the mailbox of asynchronous invocations, and one feed for each mapped queue.
 * A feed takes from a source (target/source.h) only when the function has a free place, so waiting for a place never costs a receive count.
 *
 * The activation. The function's task is in the run queue at most once (`queued`). A worker that runs it takes a place (`running`) for
 * its whole stay (stay.h), does one piece of work after the other, and leaves when its turn is over or nothing is signalled. If there is
 * more work and another place, it puts the task back first, so that another worker joins. `signalled` of a feed means: look there. It is
 * set by the feed's waiter (something became ready) and by whoever found a full batch; it is cleared only under the lock by a worker
 * that goes and looks. A worker leaves only under the lock; if something is signalled then, that has a place, the task is put back: so no
 * message is left behind. All this is once for a piece of work, a batch; a message in it costs no lock.
 *
 * Halting. `halt` says to workers in the middle of a batch, without the lock, that they shall not call the handler again. It is written
 * under the lock together with what it stands for, with release, and read with acquire before every call. A call has begun when it has
 * read `halt` (and its feed's `quit`) as clear; each place has one such call at most. What happens after the end of the function, in any
 * way that synchronises with the end, finds it set: so no call begins after a delete or unsubscribe has returned. A call that had begun
 * holds its place, and whoever waits for it waits until no place is taken. What a worker has taken and may not run it gives back.
 *
 * Lock order: a store's lock, then function->lock, then exec. No store is called with function->lock held. The task is queued under these
 * locks and announced behind them: the worker that it wakes takes them first of all.
 */
#ifndef NB_FUNCTION_FUNCTION_H
#define NB_FUNCTION_FUNCTION_H

#include "function/histogram.h"
#include "function/stay.h"
#include "pattern/filter.h"
#include "target/dead_letter.h"
#include "target/handler.h"
#include "target/source.h"

#define NB_FUNCTION_BATCH 32 /* deliveries on a worker's stack */

typedef struct nb_feed nb_feed;

typedef struct nb_feed_options {
    uint32_t batch;
    int64_t window;     /* 0: none */
    uint32_t limit;     /* batches at once; UINT32_MAX: as the function */
    bool lease;         /* messages stay hidden while they are worked on */
    nb_filter *filter;  /* to take over; NULL: every message */
} nb_feed_options;

/* Deliveries that are gathered until the batch is full or the window is over. */
typedef struct nb_gather {
    uint32_t count, capacity;
    int64_t ends;
    nb_delivery slots[];
} nb_gather;

struct nb_feed {
    nb_link link; /* in the function's list */
    nimbus_function *function;
    nb_name *queue; /* of a mapping; NULL: the mailbox */
    const nb_source_ops *ops;
    nb_feed_options options;
    nb_waiter waiter;
    nb_timer timer;      /* end of the window */
    bool has_timer;
    /* under function->lock: */
    nb_object *source;   /* pinned; NULL: nobody fills the name */
    bool signalled, armed, arming, enabled, ended;
    bool claimed;        /* its waiter said that somebody would come for a message, and nobody has yet */
    bool plenty;         /* the last take left some */
    uint32_t running;
    _Atomic bool quit;   /* as ended, for who does not have the lock: see the head */
    nb_gather *gather;   /* NULL: nothing gathered */
    bool gathering;      /* a worker is filling it */
    void (*free)(nb_feed *feed); /* when it has ended and nobody runs in it */
};

/* A synchronous invocation. Two references: the invoker's and the function's. */
typedef struct nb_sync {
    void *home; /* the slabs' */
    nb_link link;
    atomic_uint references;
    nb_parcel parcel;
    nb_parker parker;
    nb_exec *exec;
    /* under function->lock: */
    bool waiting;   /* the invoker is still there */
    bool started;
    nimbus_status status;
    bool function_error;
    nimbus_message *reply;
    char reason[NB_REASON_SIZE];
} nb_sync;

typedef struct nb_function_counts {
    uint64_t invocations, messages, succeeded, errors, retries, filtered, abandoned, kept;
} nb_function_counts;

/* Why no further call of a batch may begin: bits of function->halt. */
#define NB_HALT_ENDED 1u
#define NB_HALT_STOPPED 2u
#define NB_HALT_OVER 4u  /* more places are taken than there may be: the limit was lowered, or an invocation is kept */
#define NB_HALT_CALLS 8u /* a synchronous call waits for a place */
#define NB_HALT_ZERO 16u /* the limit is 0 */

struct nimbus_function {
    nb_object object;
    nb_handler *handler;
    bool handler_owned; /* under lock: until the end */
    bool batches;       /* it takes batches */
    _Atomic uint32_t halt; /* NB_HALT_...; see the head. Here, since every send reads it, and it is seldom written */
    char *name;
    nimbus_subscription *subscription; /* whose callback it is; pinned for each call; NULL */
    nb_object *subscription_object;    /* the same, as what can be pinned */
    nb_retry retry;
    nb_dead_letter dead_letter;        /* of asynchronous invocations */
    nb_name *on_success, *on_failure;  /* counted; NULL */
    int64_t timeout;                   /* of kept invocations; 0: none */
    nb_store mailbox;
    nb_feed mailbox_feed;

    nb_lock lock;
    nb_task task;
    bool queued, ended, stopped;
    bool untold;                       /* queued since the lock was taken, not announced yet: announced when it is released */
    uint32_t running;                  /* places taken, kept ones included */
    uint32_t limit;
    nb_list stays;                     /* nb_stay: workers in a place */
    int64_t typical;                   /* a call's duration that was measured lately */
    uint32_t patience;                 /* of invokers who wait for an answer: see invoke.c */
    uint32_t hurried;                  /* how many did not look for it, since the last one who did */
    nb_list calls;                     /* nb_sync that wait for a place */
    nb_list started;                   /* nb_sync whose handler runs, or which are kept */
    nb_list feeds;                     /* nb_feed; the next to be looked at first */
    nb_list kept;                      /* nimbus_invocation */
    nb_list leavers;                   /* who wait until nothing runs */
    nb_function_counts counts;         /* without those of the stays */
    nb_histogram times;
};

typedef struct nb_function_spec {
    const char *name;        /* copied; for an anonymous one too */
    nb_name *entry;          /* NULL: anonymous */
    nb_handler *handler;     /* a reference to take over */
    uint32_t limit;
    int64_t timeout;
    nb_retry retry;
    nb_dead_letter dead_letter; /* to take over */
    nb_name *on_success, *on_failure; /* references to take over */
    size_t capacity;
} nb_function_spec;

static inline nimbus_function *nb_function_of(nb_object *object)
{
    return NB_CONTAINER(object, nimbus_function, object);
}

/* A handle; takes over what spec holds. NULL: out of memory, and spec is still the caller's. */
nimbus_function *nb_function_make(nimbus_runtime *nb, const nb_function_spec *spec);

/* Waits until no call runs, kept ones included, but no longer than wait. Returns whether none does. */
bool nb_function_wait(nimbus_function *function, int64_t wait);
void nb_function_set_limit(nimbus_function *function, uint32_t limit);
void nb_function_get_metrics(nimbus_function *function, nimbus_function_metrics *ret);
void nb_function_delivery_metrics(nimbus_function *function, nimbus_delivery_metrics *ret);

/* The message's reference stays the caller's. */
nimbus_status nb_function_invoke(nimbus_function *function, nimbus_message *message, int64_t wait, nimbus_invoke_result *ret);

/* Into the mailbox; or, if no call is allowed, to where failures go. Takes the parcel's references on NIMBUS_OK; else what a store's offer
 * answers. The parcel has not been received anywhere. */
nimbus_status nb_function_offer(nimbus_function *function, const nb_parcel *parcel);

/* Takes the message's reference on NIMBUS_OK. */
nimbus_status nb_function_invoke_async(nimbus_function *function, nimbus_message *message, nimbus_id *ret_id);

void nb_sync_release(nb_sync *sync);

/* feed.c: what is fed to a function. */
void nb_feed_init(nb_feed *feed, nimbus_function *function, const nb_source_ops *ops, const nb_feed_options *options);

/* The feed of a queue (any: the first one of all) that has not ended, counted as if somebody ran in it; NULL: none. */
nb_feed *nb_feed_find_locked(nimbus_function *function, const nb_name *queue, bool any); /* not counted */
nb_feed *nb_feed_hold(nimbus_function *function, const nb_name *queue, bool any);
void nb_feed_let_go(nb_feed *feed);

/* Somebody who ran in the feed has left it, under the lock. True: he was the last one, and must call feed->free without it. */
static inline bool nb_feed_left_locked(nb_feed *feed)
{
    return --feed->running == 0 && feed->ended && !nb_link_in(&feed->link);
}

/* What windows have gathered goes back to the queues of paused mappings and stopped functions: else nobody could have it. */
void nb_function_return_gathers(nimbus_function *function);

void nb_feed_start(nb_feed *feed);                      /* first look at the source */
void nb_feed_attach(nb_feed *feed, nb_object *source);  /* takes over a pin; replaces the source before */
void nb_feed_enable(nb_feed *feed, bool enabled);
void nb_feed_end(nb_feed *feed);                        /* takes nothing more; feed->free is called when nobody runs in it */

/* run.c */
void nb_function_pass_on(nimbus_function *function); /* claims that cannot be kept for want of a place go to the next in line */
void nb_function_run(nb_task *task, nb_turn *turn);
void nb_function_wake_locked(nimbus_function *function); /* queues the task if there is work and a place; then: */
void nb_function_unlock(nimbus_function *function);      /* releases the lock, and announces the task that was queued under it */
void nb_function_leave_locked(nimbus_function *function);
void nb_function_note_locked(nimbus_function *function); /* brings halt up to date, after a change of what it stands for */
void nb_function_add_counts_locked(nb_function_counts *counts, nb_stay *stay);
void nb_function_leave(nimbus_function *function, nb_feed *feed); /* gives a place back; feed may be NULL */

/* settle.c: the dead letter of the mailbox; false: nothing took it. The parcel stays the caller's. */
bool nb_mailbox_bury(nimbus_function *function, const nb_parcel *parcel, const nb_failure *why);

/* settle.c: the mailbox as a source, and what its messages come to. */
extern const nb_source_ops nb_mailbox_source;
extern const nb_store_ops nb_mailbox_ops;

/* keep.c */
nimbus_invocation *nb_call_keep(nb_call *call, const nb_delivery *delivery);
nimbus_status nb_invocation_finish(nimbus_invocation *invocation, nimbus_outcome outcome);
const nimbus_delivery *nb_invocation_delivery(const nimbus_invocation *invocation);

/* What a keep needs to know of the call: in whose name the message is settled later. */
typedef struct nb_function_call {
    nimbus_function *function;
    nb_feed *feed; /* NULL: a synchronous call */
    nb_sync *sync;
    nb_stay *stay; /* NULL: the handler has returned long since; settled in nobody's turn */
} nb_function_call;

/* The handler of a kept one has returned. The invocation settles its message, now or later. */
void nb_invocation_handler_returned(struct nimbus_invocation *kept, nb_call *call, nimbus_outcome outcome);
void nb_function_give_up_kept(nimbus_function *function);

/* Ends one message as the outcome says; NIMBUS_LATER: gives it back unhandled. said: reply and reason; NULL: none. What it returns: see
 * nb_source_ops.settle. */
bool nb_function_settle(const nb_function_call *call, nb_delivery *delivery, nimbus_outcome outcome, const nb_call *said);

#endif
