/*
 * attempts.h - receive attempts of a FIFO queue: who received with an attempt's id and repeats it within 5 minutes gets the same messages
 * under the same receipts, unless one of them was settled, changed or lapsed (SQS-F24, F25).
 *
 * A record is made before the receive begins, so that a receive which cannot be remembered takes nothing. While its receive is under way
 * it is *pending*; when that brought nothing it goes. Records in force lie in a list in the order of their ends, and each in a chain of the
 * hash of its id. All under one lock, under which nothing else is called.
 */
#ifndef NB_QUEUE_ATTEMPTS_H
#define NB_QUEUE_ATTEMPTS_H

#include "base/list.h"
#include "store/store.h"

#define NB_ATTEMPT_WINDOW NIMBUS_SECONDS(300)

typedef struct nb_attempt nb_attempt;

typedef struct nb_attempts {
    nb_lock lock;
    nb_attempt **buckets; /* NULL: none yet */
    size_t bucket_count, count;
    nb_list kept; /* not the pending ones; the oldest first */
    uint64_t key[2];
} nb_attempts;

void nb_attempts_init(nimbus_queue *queue);
void nb_attempts_fini(nimbus_queue *queue);

struct nb_hiding;

/* As nb_queue_receive. id is valid. Moreover NIMBUS_E_ATTEMPT, NIMBUS_E_NO_MEMORY, NIMBUS_E_FULL. */
nimbus_status nb_attempt_receive(nimbus_queue *queue, const char *id, int64_t wait, const struct nb_hiding *how, nimbus_delivery *ret,
                                 size_t max, size_t *ret_count);

#endif
