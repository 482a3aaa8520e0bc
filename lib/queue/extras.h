/*
 * extras.h - what a queue's options bring along beside plain values: the names of the queues that may send their dead letters here, and
 * the hook that is told what was discarded. Both are made before the queue's lock is taken and let go of after it.
 *
 * The hook is counted with its user pointer, so that destroy is called once, after the last call has returned. The count is lowered with
 * acquire-release: what every call did to *user happens before destroy.
 */
#ifndef NB_QUEUE_EXTRAS_H
#define NB_QUEUE_EXTRAS_H

#include <nimbus/queue.h>

#include "base/heap.h"
#include "sync/atomic.h"

typedef struct nb_discard_hook {
    nb_heap *heap;
    _Atomic uint32_t references;
    nimbus_discard_fn *fn;
    void *user;
    nimbus_destroy_fn *destroy; /* NULL, too, until the hook is in force: the user pointer is not ours before */
} nb_discard_hook;

nb_discard_hook *nb_discard_hook_retain(nb_discard_hook *hook); /* NULL gives NULL */
void nb_discard_hook_release(nb_discard_hook *hook);            /* NULL: nothing */

typedef struct nb_queue_extras {
    nb_heap *heap;
    char **sources;      /* one block with its texts; NULL: none */
    size_t sources_size; /* of the block */
    nb_discard_hook *hook; /* counted; NULL: none */
} nb_queue_extras;

/* Copies; false: out of memory, nothing was made. options->redrive_sources becomes the copy. */
bool nb_queue_extras_make(nb_queue_extras *ret, nb_heap *heap, nimbus_queue_options *options);

/* They take the place of old, under the queue's lock; old is to be let go of afterwards. The same hook as before stays as it is. */
void nb_queue_extras_begin(nb_queue_extras *extras, nb_queue_extras *old, const nimbus_queue_options *options);

void nb_queue_extras_release(nb_queue_extras *extras);

/* The given options' own faults: which field; NULL: none. *ret_reason: what is wrong. */
const char *nb_queue_extras_check(const nimbus_queue_options *options, const char **ret_reason);

/* Whether a queue with these options takes the dead letters of a queue of that name (SQS-D14). */
bool nb_queue_allows_source(const nimbus_queue_options *options, const char *name);

/* Whether both name the same sources, in any order. */
bool nb_queue_same_sources(const nimbus_queue_options *a, const nimbus_queue_options *b);

#endif
