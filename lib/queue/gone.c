#include "queue/gone.h"

#include "exec/context.h"
#include "queue/queue.h"

bool nb_queue_move_to_dead_letter(nb_object *owner, const nb_parcel *parcel, uint32_t own_receives, const void *why)
{
    nimbus_queue *queue = nb_queue_of(owner);
    nb_parcel dead = *parcel;
    nb_name *name;
    nb_object *target;
    const char *said = why != NULL ? why : "received max_receive_count times and not deleted";
    bool moved = false;

    nb_lock_acquire(&queue->lock);
    name = nb_name_retain(queue->dead_letter);
    nb_lock_release(&queue->lock);
    target = name != NULL ? nb_name_acquire(name) : NULL;
    if (target != NULL && target != owner) {
        dead.letter = nb_letter_make(owner->heap, queue->store.name, said, own_receives);
        if (dead.letter != NULL) {
            nb_letter_mark_queue(dead.letter);
            if (queue->fifo.on) {
                nb_letter_set_key(dead.letter, parcel->id);
            }
            moved = target->ops->offer(target, &dead) == NB_DELIVERED;
        }
    }
    nb_trace(queue->store.nb, moved ? NIMBUS_TRACE_DEAD_LETTERED : NIMBUS_TRACE_MOVE_FAILED, "queue", queue->store.name, parcel->id,
             moved ? NIMBUS_OK : target == NULL ? NIMBUS_E_NOT_FOUND : NIMBUS_E_FULL,
             moved ? said : "the dead-letter queue did not take it; it stays", 1);
    if (moved) {
        nb_letter_release(parcel->letter); /* replaced by the new one */
    } else if (dead.letter != parcel->letter) {
        nb_letter_release(dead.letter);
    }
    if (target != NULL) {
        nb_object_release(target);
    }
    nb_name_release(name);
    return moved;
}

/* Expired or dropped: the queue's hook is told. It runs like a handler, so that what would wait for its own caller says so. */
static void tell_hook(nimbus_queue *queue, nimbus_discard_reason why, const nb_parcel *parcel)
{
    nb_discard_hook *hook;
    nb_frame frame;

    nb_lock_acquire(&queue->lock);
    hook = nb_discard_hook_retain(queue->extras.hook);
    nb_lock_release(&queue->lock);
    if (hook != NULL) {
        nb_frame_enter(&frame, queue->object.runtime, queue);
        hook->fn(queue, parcel->message, parcel->id, why, hook->user);
        nb_frame_leave(&frame);
        nb_discard_hook_release(hook);
    }
}

void nb_queue_tell_of_gone(nb_object *owner, nimbus_trace_kind kind, const nb_parcel *parcel)
{
    if (kind == NIMBUS_TRACE_EXPIRED || kind == NIMBUS_TRACE_DROPPED) {
        tell_hook(nb_queue_of(owner), kind == NIMBUS_TRACE_EXPIRED ? NIMBUS_DISCARD_EXPIRED : NIMBUS_DISCARD_DROPPED, parcel);
    }
    nb_trace(owner->runtime, kind, "queue", nb_queue_of(owner)->store.name, parcel->id, NIMBUS_OK,
             kind == NIMBUS_TRACE_EXPIRED   ? "older than the retention"
             : kind == NIMBUS_TRACE_DROPPED ? "dropped to make room"
                                            : "the queue was deleted or closed",
             1);
}
