/*
 * object.h - what every resource is: counted, named, and a place where messages can be offered.
 *
 * Two counts in one word. *Handles* are references of users and of the name that the resource fills. *Pins* are those of deliveries, tasks
 * and other work that must find the memory even after the close. nb_object_end() ends the resource (delete, or the close of the instance):
 * its operation lets go of all content. The memory goes when both counts are zero; the close gives up all handles.
 *
 * Ordering. The counts are lowered with acquire-release, so that whoever frees sees everybody's last accesses; raised relaxed, by somebody
 * who holds a count already (or the lock of the name).
 */
#ifndef NB_RUNTIME_OBJECT_H
#define NB_RUNTIME_OBJECT_H

#include <nimbus/delivery.h>

#include "base/heap.h"
#include "base/list.h"
#include "memory/parcel.h"
#include "sync/atomic.h"

typedef struct nb_object nb_object;
typedef struct nb_name nb_name;

typedef enum nb_kind { NB_QUEUE, NB_TOPIC, NB_FUNCTION, NB_BUS, NB_ANONYMOUS } nb_kind;

/* What became of an offer. Delivered and pending took the parcel's references; the others took nothing. */
typedef enum nb_verdict {
    NB_DELIVERED,
    NB_PENDING,   /* taken; its end is still open */
    NB_FULL,      /* no room now */
    NB_TRANSIENT, /* not now: no memory, shut down */
    NB_PERMANENT, /* never */
    NB_MISSING    /* nobody is there */
} nb_verdict;

/* Threads of the user's that are inside a publish or a put. */
typedef struct nb_inside_counts {
    uint32_t walking;
    uint32_t running; /* of these: inside an inline handler */
} nb_inside_counts;

typedef struct nb_object_ops {
    nb_verdict (*offer)(nb_object *object, const nb_parcel *parcel);
    void (*stop)(nb_object *object, bool closing); /* wakes everybody who waits in it; closing: the instance was shut down. May be NULL */
    void (*end)(nb_object *object);  /* called once: let go of all content */
    void (*free)(nb_object *object); /* frees the memory; the object is unlinked already */
    void (*leftovers)(nb_object *object, nimbus_leftovers *sum); /* adds what is undone; may be NULL */
    void (*close)(nb_object *object); /* the close: gives up what outlives the end; may be NULL */
    void (*inside)(nb_object *object, nb_inside_counts *sum); /* adds publishers that are inside; may be NULL */
} nb_object_ops;

struct nb_object {
    const nb_object_ops *ops;
    nb_kind kind;
    nimbus_runtime *runtime; /* not to be used after the close */
    nb_heap *heap;
    nb_name *name;           /* counted; NULL: anonymous */
    nb_link link;            /* in the instance's list of objects */
    atomic_bool ended;
    atomic_bool orphan;      /* the instance is closed */
    char gap1[56];           /* every delivery changes the counts; what stands around them is read by every send */
    _Atomic uint64_t counts; /* handles in the low half, pins in the high half */
    char gap2[56];
};

/* One handle, for the caller. name may be NULL. Nobody knows it until nb_object_publish(). */
void nb_object_init(nb_object *object, const nb_object_ops *ops, nb_kind kind, nimbus_runtime *runtime, nb_name *name);

/* Undoes the init of an object that nobody knows yet. */
void nb_object_forget(nb_object *object);

void nb_object_retain(nb_object *object);
void nb_object_release(nb_object *object);
bool nb_object_try_pin(nb_object *object); /* false: nobody has it any more; under the lock of the list */
void nb_object_free(nb_object *object); /* its last count was given back: for nb_object_unpin alone */

/* Makes a finished object known to the instance, for stop and close. If it has stopped already, the object is stopped. */
void nb_object_publish(nb_object *object);

/* Empties its name and ends it. False: it was ended before. */
bool nb_object_delete(nb_object *object);

/* Ends it. False: it was ended before. */
bool nb_object_end(nb_object *object);

/* The close: ends it, and gives up all handles. */
void nb_object_abandon(nb_object *object);

static inline bool nb_object_ended(const nb_object *object)
{
    return nb_load_acquire(&object->ended); /* with the exchange of the end: who sees it sees what was before it */
}

/* Whether the instance is closed: then a free leaves alone what belonged to it. */
static inline bool nb_object_orphan(const nb_object *object)
{
    return nb_load_acquire(&object->orphan); /* pairs with the release in nb_object_abandon() */
}

/* ------------------------------------------------------------------------------------------------ pins: one a delivery, so inline */

#define NB_ONE_PIN (UINT64_C(1) << 32)

static inline void nb_object_pin_many(nb_object *object, uint32_t count)
{
    nb_add_relaxed(&object->counts, count * NB_ONE_PIN);
}

static inline void nb_object_pin(nb_object *object)
{
    nb_object_pin_many(object, 1);
}

static inline void nb_object_unpin_many(nb_object *object, uint32_t count)
{
    if (nb_sub_acq_rel(&object->counts, count * NB_ONE_PIN) == count * NB_ONE_PIN) {
        nb_object_free(object);
    }
}

static inline void nb_object_unpin(nb_object *object)
{
    nb_object_unpin_many(object, 1);
}

#endif
