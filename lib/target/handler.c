#include "target/handler.h"

#include <stdio.h>

#include "base/number.h"

nb_handler *nb_handler_make(nb_heap *heap, nimbus_handler *single, nimbus_batch_handler *batch, void *user)
{
    nb_handler *handler = nb_alloc_zero(heap, sizeof *handler);

    if (handler != NULL) {
        handler->heap = heap;
        handler->single = single;
        handler->batch = batch;
        handler->user = user;
        atomic_init(&handler->references, 1);
    }
    return handler;
}

void nb_handler_arm(nb_handler *handler, nimbus_destroy_fn *destroy)
{
    handler->destroy = destroy;
}

nb_handler *nb_handler_retain(nb_handler *handler)
{
    atomic_fetch_add_explicit(&handler->references, 1, memory_order_relaxed);
    return handler;
}

void nb_handler_release(nb_handler *handler)
{
    if (handler != NULL && atomic_fetch_sub_explicit(&handler->references, 1, memory_order_acq_rel) == 1) {
        if (handler->destroy != NULL) {
            handler->destroy(handler->user);
        }
        nb_free(handler->heap, handler, sizeof *handler);
    }
}

void nb_leavers_wake(nb_exec *exec, nb_list *leavers)
{
    nb_link *link;

    while ((link = nb_list_pop(leavers)) != NULL) {
        nb_exec_wake(exec, &NB_CONTAINER(link, nb_leaver, link)->parker);
    }
}

bool nb_leavers_wait(nimbus_runtime *nb, nb_lock *lock, nb_list *leavers, const uint32_t *running, int64_t wait)
{
    nb_leaver leaver;
    bool idle;

    nb_parker_init(&leaver.parker);
    nb_link_init(&leaver.link);
    nb_lock_acquire(lock);
    idle = *running == 0;
    if (!idle) {
        nb_list_push(leavers, &leaver.link);
    }
    nb_lock_release(lock);
    if (!idle) {
        nb_exec_sleep(&nb->exec, &leaver.parker, nb_add_time(nb_clock_elapsed(&nb->clock), wait));
        nb_lock_acquire(lock);
        nb_link_remove(&leaver.link);
        idle = *running == 0;
        nb_lock_release(lock);
    }
    nb_parker_fini(&leaver.parker);
    return idle;
}

static void lock_call(nb_call *call)
{
    if (call->lock != NULL) {
        nb_lock_acquire(call->lock);
    }
}

static void unlock_call(nb_call *call)
{
    if (call->lock != NULL) {
        nb_lock_release(call->lock);
    }
}

void nb_call_set_reason(nb_call *call, const char *reason)
{
    lock_call(call);
    snprintf(call->reason, sizeof call->reason, "%s", reason);
    unlock_call(call);
}

void nb_call_set_reply(nb_call *call, nimbus_message *reply)
{
    nimbus_message *before;

    lock_call(call);
    before = call->reply;
    call->reply = reply;
    unlock_call(call);
    nb_message_release(before);
}
