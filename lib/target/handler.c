#include "target/handler.h"

#include <stdio.h>

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
