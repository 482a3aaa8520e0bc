/*
 * fifo.h - what makes a queue FIFO beside the order of its store: each message has a group id and a deduplication id, and one whose id was
 * seen within 5 minutes is accepted and not stored (SQS-F15 to F21).
 *
 * The table of ids belongs to the queue and lies under the store's lock: the store asks `admit` when nothing else can keep a message out,
 * so that "seen before" and "stored" are one step, and a send that was refused leaves no trace. Bodies and ids are
 * hashed before, without a lock. If the scope is changed in between, the key is hashed again, by the scope that holds.
 *
 * What is over is forgotten by the sends that come later, a few at a time, and by a timer if none comes.
 */
#ifndef NB_QUEUE_FIFO_H
#define NB_QUEUE_FIFO_H

#include "queue/dedup.h"
#include "store/store.h"

#define NB_DEDUP_MIN_CAPACITY ((size_t)16384)

typedef struct nb_fifo {
    bool on; /* fixed when the queue is made; false: nothing else here is used */
    _Atomic bool by_content; /* as in options: read relaxed, each for itself */
    _Atomic bool by_group;   /* changed under the store's lock */
    _Atomic bool alarm;      /* the next send tells that the table is nearly full. Relaxed: nothing else hangs on it */
    uint64_t key[2];         /* of the hash */

    nb_dedup_roots *roots;   /* until the queue is freed */
    nb_dedup table;          /* from here on under the store's lock */
    uint64_t duplicates;
    bool warned;             /* nearly full, and the alarm was given */
    bool over;               /* the queue has ended: nothing is remembered any more */
    nb_timer timer;          /* forgets while nobody sends */
} nb_fifo;

/* What a sender has in hand while it offers; the parcel's dedup points to hash. */
typedef struct nb_fifo_ticket {
    uint64_t hash[2];
    bool by_group;
    char content[65]; /* the id, if it is the body's */
} nb_fifo_ticket;

/* Before anybody else knows the queue. False: out of memory, nothing was made. */
bool nb_fifo_init(nimbus_queue *queue, const nimbus_queue_options *options);
void nb_fifo_end(nimbus_queue *queue);  /* the store has ended */
void nb_fifo_fini(nimbus_queue *queue);
void nb_fifo_free(nimbus_queue *queue); /* ended, and nobody uses it any more */

/* New options: NIMBUS_OK, or NIMBUS_E_UNSUPPORTED: the scope cannot change now (F21). */
nimbus_status nb_fifo_set(nimbus_queue *queue, const nimbus_queue_options *options);

/* Whether an entry has what a FIFO queue needs: NIMBUS_E_MISSING (the group id), NIMBUS_E_INVALID. */
nimbus_status nb_fifo_check(const nimbus_queue *queue, const nimbus_entry *entry);

/* Whether a batch fails whole for this entry (SQS-S12). */
bool nb_fifo_incomplete(const nimbus_queue *queue, const nimbus_entry *entry);

/* The ticket of a message with both keys. */
void nb_fifo_ticket_fill(nimbus_queue *queue, const nb_keys *keys, nb_fifo_ticket *ret);

/* The ticket of a message, and its deduplication id: given, or made of the body (given NULL). */
const char *nb_fifo_ticket_make(nimbus_queue *queue, const char *group, const char *given, nimbus_bytes body, nb_fifo_ticket *ret);

/* A parcel that a target, a dead letter or a move brings. Whether it has what it needs; it is changed to what has to be stored. */
bool nb_fifo_receive_parcel(nimbus_queue *queue, nb_parcel *parcel, nb_fifo_ticket *ticket);

/* Tells the trace hook if the table has become nearly full. Without a lock. */
void nb_fifo_tell(nimbus_queue *queue);

/* Of nb_store_ops. */
nimbus_status nb_fifo_admit(nb_object *owner, nb_admission *what);
void nb_fifo_forget(nb_object *owner);

void nb_fifo_measure(nimbus_queue *queue, nimbus_queue_metrics *ret);

#endif
