/*
 * snapshot.h - a pointer to something immutable: read by anybody inside an epoch, replaced by one writer at a time.
 *
 * The object has an nb_epoch_item in it, by which it is known here; NB_CONTAINER (base/list.h) leads back to the object.
 *
 *     inside = nb_epoch_enter(epoch);
 *     rules = NB_CONTAINER(nb_snapshot_read(&bus->rules), rule_set, item);
 *     ... read ...
 *     nb_epoch_leave(inside);
 *
 * Ordering. The writer publishes by a release store, readers read by acquire: the object is seen as it was made. That it is still there is
 * the epoch's part.
 */
#ifndef NB_SYNC_SNAPSHOT_H
#define NB_SYNC_SNAPSHOT_H

#include "sync/epoch.h"

typedef struct nb_snapshot {
    _Atomic(nb_epoch_item *) current;
} nb_snapshot;

/* first may be NULL. */
void nb_snapshot_init(nb_snapshot *snapshot, nb_epoch_item *first);

/* What is published; valid until the leave. A writer may also read under its lock, outside of the epoch. */
static inline nb_epoch_item *nb_snapshot_read(const nb_snapshot *snapshot)
{
    return nb_load_acquire(&snapshot->current); /* pairs with the release in nb_snapshot_swap() */
}

/*
 * Publishes next (which may be NULL); under the owner's lock, under which only one writer is. The one before is retired, if there was
 * one: let_go(it) when nobody reads it any more, by a later nb_epoch_poll().
 */
void nb_snapshot_swap(nb_snapshot *snapshot, nb_epoch *epoch, nb_epoch_item *next, void (*let_go)(nb_epoch_item *item));

#endif
