/*
 * names.h - names and name entries.
 *
 * A name entry stands for (kind, name). User handles point to the resource; targets, dead letters and mappings point to the entry, which
 * deleting the resource empties and creating it again fills. An entry lives as long as somebody refers to it.
 *
 * An entry can rest: for a while after its resource was deleted it is not to be filled again (SQS-Q4). Then the registry refers to it.
 *
 * A watcher is told, without a lock, when an entry is filled. Lock order: the registry's lock is innermost.
 */
#ifndef NB_RUNTIME_NAMES_H
#define NB_RUNTIME_NAMES_H

#include "platform/lock.h"
#include "runtime/object.h"

typedef struct nb_names {
    nb_heap *heap;
    nb_lock lock;
    nb_lock tell_lock;    /* held while watchers are told; taken before everything else */
    nb_name **buckets;
    size_t bucket_count, count;
    uint64_t key;         /* of the hash: a secret of the instance */
    uint32_t last_number;
    nb_name *resting, *last_resting; /* in the order in which they began */
} nb_names;

typedef struct nb_watcher {
    nb_link link;
    void (*filled)(struct nb_watcher *watcher);
} nb_watcher;

bool nb_names_init(nb_names *names, nb_heap *heap, uint64_t key); /* false: out of memory */
void nb_names_fini(nb_names *names); /* entries that are still referred to live on by themselves */

/* The entry of a name, made if need be: a reference. NULL: out of memory. */
nb_name *nb_names_intern(nb_names *names, nb_kind kind, const char *text);

nb_name *nb_name_retain(nb_name *name); /* NULL gives NULL */
void nb_name_release(nb_name *name);    /* NULL: nothing */
const char *nb_name_text(const nb_name *name);

/* The resource that fills the entry, with a handle for the caller; NULL: none. */
nb_object *nb_name_acquire(nb_name *name);

/* The same without lock and handle: only good for being compared with a resource that the caller keeps alive. */
const nb_object *nb_name_peek(const nb_name *name);

/* The same by text; NULL: nothing of that name. */
nb_object *nb_names_find(nb_names *names, nb_kind kind, const char *text);

/* Fills an empty entry; the entry takes a handle of its own. False: it is filled already. Tells the watchers. */
bool nb_name_fill(nb_name *name, nb_object *object);

/* Empties it if object fills it, and gives its handle back. */
void nb_name_empty(nb_name *name, nb_object *object);

/* If object fills the entry, it rests from now on: for who is about to empty it. */
void nb_name_rest(nb_name *name, const nb_object *object, int64_t now);

/* Whether it has rested for less than that long. Lets go of all that have rested longer. */
bool nb_name_resting(nb_name *name, int64_t now, int64_t how_long);

/* Shows every resource of a kind, in no order, under the lock: visit must not call here. */
void nb_names_each(nb_names *names, nb_kind kind, void (*visit)(nb_object *object, const char *text, void *user), void *user);

void nb_name_watch(nb_name *name, nb_watcher *watcher);
void nb_name_unwatch(nb_name *name, nb_watcher *watcher); /* afterwards filled neither runs nor starts */

/* A number for a new resource, never 0 and never used before. */
uint32_t nb_names_number(nb_names *names);

#endif
