/* snapshot.c - publishing. */
#include "sync/snapshot.h"

#include <stddef.h>

void nb_snapshot_init(nb_snapshot *snapshot, nb_epoch_item *first)
{
    nb_atomic_init(&snapshot->current, first);
}

void nb_snapshot_swap(nb_snapshot *snapshot, nb_epoch *epoch, nb_epoch_item *next, void (*let_go)(nb_epoch_item *item))
{
    nb_epoch_item *before = nb_load_relaxed(&snapshot->current); /* writers are under one lock */

    nb_store_release(&snapshot->current, next); /* pairs with the acquire in nb_snapshot_read() */
    if (before != NULL) {
        nb_epoch_retire(epoch, before, let_go);
    }
}
