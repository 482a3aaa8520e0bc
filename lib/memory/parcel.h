/*
 * parcel.h - a message on its way: the shared bytes and the facts that travel with it from queue to queue.
 *
 * letter.h is here too: what a dead letter says of its past, counted like a message.
 */
#ifndef NB_MEMORY_PARCEL_H
#define NB_MEMORY_PARCEL_H

#include "memory/message.h"

/* Why and where a message was dead-lettered. Immutable. */
typedef struct nb_letter nb_letter;

/* NULL: out of memory. */
nb_letter *nb_letter_make(nb_heap *heap, const char *source, const char *reason, uint32_t attempts);
void nb_letter_mark_queue(nb_letter *letter); /* by its maker, before anybody else knows it: source is the name of a queue */
void nb_letter_set_key(nb_letter *letter, nimbus_id id); /* likewise: of a FIFO queue; its deduplication id is the id now (SQS-D8) */
nb_letter *nb_letter_retain(nb_letter *letter);
void nb_letter_release(nb_letter *letter);
const char *nb_letter_source(const nb_letter *letter);
const char *nb_letter_reason(const nb_letter *letter);
uint32_t nb_letter_attempts(const nb_letter *letter);
bool nb_letter_from_queue(const nb_letter *letter);
const char *nb_letter_key(const nb_letter *letter); /* NULL: not set */

typedef struct nb_parcel {
    nimbus_message *message;    /* counted */
    nb_letter *letter;          /* counted; NULL: never dead-lettered */
    nimbus_id id;
    nimbus_time sent;           /* wall */
    nimbus_time first_received; /* wall; 0: never */
    int64_t enqueued;           /* elapsed: retention counts from here */
    uint32_t receive_count;     /* over all queues (SQS-D5) */
    const uint64_t *dedup;      /* two words that stand for the deduplication id, lent for an offer to a FIFO queue; NULL: not asked */
} nb_parcel;

/* Takes, or gives back, the references that a parcel holds. */
void nb_parcel_retain(const nb_parcel *parcel);
void nb_parcel_release(const nb_parcel *parcel);

#endif
