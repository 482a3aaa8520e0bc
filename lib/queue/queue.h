/*
 * queue.h - the queue: a store with a name, options and a dead letter. It is both a sink (targets offer to it) and a source (functions take
 * from it).
 *
 * The dead letter binds to a name entry. Besides it the queue keeps a reference to the queue it was given, so that nimbus_queue_get_options
 * can show it.
 */
#ifndef NB_QUEUE_QUEUE_H
#define NB_QUEUE_QUEUE_H

#include "base/check.h"
#include "queue/attempts.h"
#include "queue/extras.h"
#include "queue/fifo.h"
#include "queue/tags.h"
#include "store/store.h"
#include "target/source.h"

struct nimbus_queue {
    nb_object object;
    nb_store store;
    _Atomic size_t max_message_size; /* as in options, to be read without the lock: each value alone, relaxed */
    _Atomic size_t plain_size;       /* the largest body that needs no look at its bytes: max_message_size; 0: there is none */
    _Atomic size_t keyed_size;       /* the same of a FIFO queue, whose plain_size is 0; 0: there is none, or it is none */
    _Atomic int64_t delay, receive_wait;
    _Atomic bool text_only;
    nb_fifo fifo;
    bool fair; /* fixed */
    nb_attempts attempts; /* of a FIFO queue */
    _Atomic uint32_t patience, hurried; /* of receivers that look before they wait (work.c); away from what every send reads */
    nb_lock lock; /* of all that follows */
    nimbus_queue_options options; /* every value spelled out: 0 is zero here */
    nb_queue_extras extras; /* what the options point to */
    nb_name *dead_letter;
    nimbus_queue *shown_dead_letter;
    nb_tags tags;
    int64_t purged_at; /* the last purge; INT64_MIN: never */
    nb_list moves;          /* the last move tasks that had it as their source, newest first: move_task.h */
    uint32_t move_count;
};

static inline nimbus_queue *nb_queue_of(nb_object *object)
{
    return NB_CONTAINER(object, nimbus_queue, object);
}

extern const nb_source_ops nb_queue_source;

bool nb_queue_text_message(const nimbus_message *message); /* what a queue with text_only takes */

nimbus_queue *nb_queue_create(nimbus_runtime *nb, const char *name, const nimbus_queue_options *options, const char *call,
                              nimbus_error *err);
void nb_queue_get_options(nimbus_queue *queue, nimbus_queue_options *ret);
/* A FIFO queue's name has the ending, which counts, and no other has a dot (SQS-Q1). NULL: it is none. */
bool nb_queue_name_valid(const char *name, bool fifo);

nimbus_status nb_queue_set_options(nimbus_queue *queue, const nimbus_queue_options *options, const char *call, nimbus_error *err);

/* Checks everything about an entry that needs no lock but the queue's; *ret_size: body and
 * attributes, also if something else is wrong. */
nimbus_status nb_queue_check(nimbus_queue *queue, const nimbus_entry *entry, size_t *ret_size);
nimbus_status nb_queue_send(nimbus_queue *queue, const nimbus_entry *entry, nimbus_sent *ret); /* a checked entry */
nimbus_bytes nb_queue_body_of(const nimbus_entry *entry);

/* Offers until there is room, the wait is over or something else is wrong. */
nimbus_status nb_queue_offer_patiently(nimbus_queue *queue, const nb_parcel *parcel, nimbus_duration delay, nimbus_duration wait,
                                       nb_offered *ret);

/* Whether an entry is bytes to copy, perhaps with a wait, and nothing else, and there is nothing wrong with it. */
static inline bool nb_queue_plain(const nimbus_queue *queue, const nimbus_entry *entry)
{
    const nimbus_body *body = &entry->body;

    return nb_entry_bare(entry) && body->kind == NIMBUS_BODY_COPY && body->data != NULL &&
           body->size - 1 < nb_load_relaxed(&queue->plain_size) && /* 0 is a large number then */
           (entry->wait == 0 || entry->wait >= 1000);
}

/* Whether an entry is bytes to copy and both keys of a FIFO queue, perhaps with a wait, and nothing else, and there is nothing wrong with
 * it: then these are its keys. */
static inline bool nb_queue_keyed(const nimbus_queue *queue, const nimbus_entry *entry, nb_keys *ret)
{
    const nimbus_body *body = &entry->body;
    uint64_t others = (uint64_t)entry->delay | entry->attribute_count | entry->reserved_[0] | entry->reserved_[1] |
                      (uintptr_t)entry->attributes | (uintptr_t)entry->subject;

    if (others != 0 || body->kind != NIMBUS_BODY_COPY || body->data == NULL ||
        body->size - 1 >= nb_load_relaxed(&queue->keyed_size) || (entry->wait != 0 && entry->wait < 1000)) {
        return false;
    }
    ret->group = entry->group_id;
    ret->group_length = nb_key_length(entry->group_id);
    ret->id = entry->deduplication_id;
    ret->id_length = nb_key_length(entry->deduplication_id);
    return ret->group_length > 0 && ret->id_length > 0;
}

/* What was found out about an entry of a batch. */
typedef struct nb_checked {
    nimbus_status status;
    bool keyed; /* as by nb_queue_keyed */
    nb_keys keys;
} nb_checked;

/* Whether it may be sent, and how large it is. */
static inline void nb_queue_look(nimbus_queue *queue, const nimbus_entry *entry, nb_checked *ret, size_t *ret_size)
{
    ret->keyed = nb_queue_keyed(queue, entry, &ret->keys);
    if (ret->keyed) {
        ret->status = NIMBUS_OK;
        *ret_size = entry->body.size;
    } else {
        ret->status = nb_queue_check(queue, entry, ret_size);
    }
}

/* Up to NB_BATCH_RUN plain entries at once. False: they could not be stored so; nothing has happened: one by one, then. */
bool nb_queue_send_run(nimbus_queue *queue, const nimbus_entry *entries, uint32_t count, nimbus_sent *ret);

/* Up to NB_BATCH_RUN entries of any kind, into a queue with an order, under one lock if there is room for them. Each has its own status;
 * ret may be NULL. checked: what nb_queue_look said of each that is not plain; NULL: it is still to be asked. False: not all were
 * accepted. */
bool nb_queue_send_together(nimbus_queue *queue, const nimbus_entry *entries, const nb_checked *checked, uint32_t count,
                            nimbus_sent *ret);

/* Stores a plain entry. ret may be NULL. */
nimbus_status nb_queue_send_plain(nimbus_queue *queue, const nimbus_entry *entry, nimbus_sent *ret);

/* Stores an entry with these keys (nb_queue_keyed). ret may be NULL. */
nimbus_status nb_queue_send_keyed(nimbus_queue *queue, const nimbus_entry *entry, const nb_keys *keys, nimbus_sent *ret);

/* How a receive hides what it gets, and what it wants. */
typedef struct nb_hiding {
    int64_t visibility; /* for the store */
    int64_t otherwise;  /* with a heartbeat: what it would be without */
    bool heartbeat;
    const char *group;  /* of this group only; NULL: of any. Borrowed */
} nb_hiding;

/* With a heartbeat. visibility: NB_STORE_VISIBILITY or one of its own. */
nb_hiding nb_queue_hiding(nimbus_queue *queue, int64_t visibility);
void nb_hiding_mark(const nb_hiding *how, nimbus_delivery *deliveries, uint32_t count); /* what was received so */

nimbus_status nb_queue_receive(nimbus_queue *queue, int64_t wait, const nb_hiding *how, nimbus_delivery *ret, size_t max,
                               size_t *ret_count);

/* Lets go of a received delivery: with a heartbeat its message comes back when it would have without. Nothing for an empty one. */
void nb_queue_let_go(nb_delivery *delivery);
void nb_queue_get_metrics(nimbus_queue *queue, nimbus_queue_metrics *ret);

#endif
