/*
 * call.c - one call of a handler: entering it, and what its answer leads to.
 */
#include "function/batch.h"

/* No call starts once the function or the feed has ended. The handler is the caller's to release. */
static nb_handler *may_call(const nb_function_call *at)
{
    nimbus_function *function = at->function;
    nb_handler *handler = NULL;

    nb_lock_acquire(&function->lock);
    if (!function->ended && (at->feed == NULL || !at->feed->ended)) {
        handler = nb_handler_retain(function->handler);
        if (function->subscription != NULL) { /* it has not ended: so it is there, and stays for the call */
            nb_object_pin(function->subscription_object);
        }
    }
    nb_lock_release(&function->lock);
    return handler;
}

static nimbus_outcome call_handler(nimbus_function *function, nb_handler *handler, nb_call *call, nimbus_delivery *slot,
                                   struct nimbus_batch *batch)
{
    int64_t start = nb_clock_elapsed(&function->object.runtime->clock);
    nimbus_outcome outcome;
    nb_frame frame;

    nb_frame_enter(&frame, call->nb, function);
    outcome = batch != NULL ? handler->batch(batch, handler->user) : handler->single(slot, handler->user);
    nb_frame_leave(&frame);
    nb_handler_release(handler);
    nb_lock_acquire(&function->lock);
    function->counts.invocations++;
    function->counts.messages += batch != NULL ? batch->count : 1;
    nb_histogram_add(&function->times, nb_clock_elapsed(&function->object.runtime->clock) - start);
    nb_lock_release(&function->lock);
    return outcome;
}

/* It came too late: back to where it was, at once. */
void nb_call_give_back(const nb_function_call *at, nb_delivery *delivery)
{
    nb_function_settle(at, delivery, NIMBUS_LATER, NULL);
    nb_delivery_let_go(delivery);
}

/* One message to a handler of single ones. */
void nb_call_run_single(nb_function_call *at, nimbus_delivery *slot)
{
    nimbus_function *function = at->function;
    nb_handler *handler = may_call(at);
    nb_call call = { .nb = function->object.runtime, .owner = function, .subscription = function->subscription, .function_call = at };
    nb_delivery *delivery = nb_delivery_of(slot);
    nimbus_outcome outcome;

    if (handler == NULL) {
        nb_call_give_back(at, delivery);
        return;
    }
    delivery->call = &call;
    outcome = call_handler(function, handler, &call, slot, NULL);
    delivery->call = NULL;
    if (call.kept != NULL) {
        nb_invocation_handler_returned(call.kept, &call, outcome);
    } else {
        outcome = outcome == NIMBUS_LATER ? NIMBUS_RETRY : outcome; /* nobody could ever finish it */
        nb_function_settle(at, delivery, outcome, &call);
    }
    nb_message_release(call.reply);
    nb_delivery_let_go(delivery);
    if (function->subscription != NULL) {
        nb_object_unpin(function->subscription_object);
    }
}

void nb_call_run_batch(nb_function_call *at, nb_delivery *slots, uint32_t count)
{
    nimbus_function *function = at->function;
    nb_handler *handler = may_call(at);
    nb_call call = { .nb = function->object.runtime, .owner = function, .subscription = function->subscription };
    struct nimbus_batch batch = { .slots = slots, .count = count };
    nimbus_outcome outcome;

    if (handler == NULL) {
        while (count-- > 0) { /* the last one first, so that they stand in the queue as before */
            nb_call_give_back(at, &slots[count]);
        }
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        slots[i].call = &call;
        slots[i].mark = NB_UNMARKED;
    }
    outcome = call_handler(function, handler, &call, NULL, &batch);
    outcome = outcome == NIMBUS_DONE || outcome == NIMBUS_REJECT ? outcome : NIMBUS_RETRY;
    for (uint32_t i = 0; i < count; i++) {
        nb_function_settle(at, &slots[i], slots[i].mark == NB_UNMARKED ? outcome : (nimbus_outcome)slots[i].mark, &call);
        slots[i].call = NULL;
        nb_delivery_let_go(&slots[i]);
    }
    nb_message_release(call.reply);
}
