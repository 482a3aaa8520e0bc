#include "runtime/object.h"

#include "runtime/names.h"
#include "runtime/runtime.h"

#define ONE_HANDLE UINT64_C(1)
#define HANDLES (NB_ONE_PIN - 1)

void nb_object_init(nb_object *object, const nb_object_ops *ops, nb_kind kind, nimbus_runtime *runtime, nb_name *name)
{
    object->ops = ops;
    object->kind = kind;
    object->runtime = runtime;
    object->heap = runtime->heap;
    object->name = nb_name_retain(name);
    nb_atomic_init(&object->counts, ONE_HANDLE);
    nb_atomic_init(&object->ended, false);
    nb_atomic_init(&object->orphan, false);
    nb_link_init(&object->link);
}

void nb_object_publish(nb_object *object)
{
    nimbus_runtime *nb = object->runtime;

    nb_lock_acquire(&nb->objects_lock);
    nb_list_push(&nb->objects, &object->link);
    nb_lock_release(&nb->objects_lock);
    if (nb_stopped(nb) && object->ops->stop != NULL) { /* the walk that stops everybody may have passed */
        object->ops->stop(object, true);
    }
}

bool nb_object_try_pin(nb_object *object)
{
    uint64_t counts = nb_load_relaxed(&object->counts);

    while (counts != 0) {
        if (nb_cas_weak_relaxed(&object->counts, &counts, counts + NB_ONE_PIN)) { /* the lock of the list orders it */
            return true;
        }
    }
    return false;
}

void nb_object_forget(nb_object *object)
{
    nb_lock_acquire(&object->runtime->objects_lock);
    nb_link_remove(&object->link);
    nb_lock_release(&object->runtime->objects_lock);
    nb_name_release(object->name);
}

void nb_object_free(nb_object *object)
{
    nb_name *name = object->name;

    if (!nb_load_acquire(&object->orphan)) {
        nb_lock_acquire(&object->runtime->objects_lock);
        nb_link_remove(&object->link);
        nb_lock_release(&object->runtime->objects_lock);
    }
    object->ops->free(object);
    nb_name_release(name);
}

static void lower(nb_object *object, uint64_t by)
{
    if (nb_sub_acq_rel(&object->counts, by) == by) {
        nb_object_free(object);
    }
}

void nb_object_retain(nb_object *object)
{
    nb_add_relaxed(&object->counts, ONE_HANDLE);
}

void nb_object_release(nb_object *object)
{
    lower(object, ONE_HANDLE);
}

bool nb_object_end(nb_object *object)
{
    if (nb_exchange_acq_rel(&object->ended, true)) {
        return false;
    }
    object->ops->end(object);
    return true;
}

bool nb_object_delete(nb_object *object)
{
    bool ended;

    nb_object_pin(object); /* the name may have the last handle */
    if (object->name != NULL) {
        nb_name_empty(object->name, object);
    }
    ended = nb_object_end(object);
    nb_object_unpin(object);
    return ended;
}

void nb_object_abandon(nb_object *object)
{
    uint64_t handles;

    nb_object_pin(object);
    nb_object_end(object);
    if (object->ops->close != NULL) {
        object->ops->close(object);
    }
    if (object->name != NULL) {
        nb_name_empty(object->name, object);
    }
    nb_store_release(&object->orphan, true); /* with free_object(): who sees it not may still use the instance */
    handles = nb_load_relaxed(&object->counts) & HANDLES;
    nb_sub_acq_rel(&object->counts, handles);
    nb_object_unpin(object);
}
