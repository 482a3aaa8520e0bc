/*
 * call.c - one call of a handler: entering it, and what its answer leads to.
 */
#include "function/batch.h"

static nimbus_outcome call_handler(const nb_function_call *at, nb_call *call, nimbus_delivery *slot, struct nimbus_batch *batch)
{
    const nb_handler *handler = at->stay->handler;
    nimbus_outcome outcome;
    nb_frame frame;

    nb_stay_call_begins(at->stay);
    nb_frame_enter(&frame, call->nb, at->function);
    outcome = batch != NULL ? handler->batch(batch, handler->user) : handler->single(slot, handler->user);
    nb_frame_leave(&frame);
    nb_stay_call_ended(at->stay, batch != NULL ? batch->count : 1);
    return outcome;
}

/* Member by member: reason is long, and its first byte is enough. */
static void init_call(nb_call *call, nb_function_call *at)
{
    call->nb = at->function->object.runtime;
    call->owner = at->function;
    call->subscription = at->function->subscription;
    call->lock = NULL;
    call->kept = NULL;
    call->function_call = at;
    call->reply = NULL;
    call->reason[0] = '\0';
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
    nb_delivery *delivery = nb_delivery_of(slot);
    nimbus_outcome outcome;
    nb_call call;

    init_call(&call, at);
    delivery->call = &call;
    outcome = call_handler(at, &call, slot, NULL);
    delivery->call = NULL;
    if (call.kept != NULL) {
        nb_invocation_handler_returned(call.kept, &call, outcome);
    } else {
        outcome = outcome == NIMBUS_LATER ? NIMBUS_RETRY : outcome; /* nobody could ever finish it */
        nb_function_settle(at, delivery, outcome, &call);
    }
    if (call.reply != NULL) {
        nb_message_release(call.reply);
    }
    nb_call_let_go(delivery);
}

void nb_call_run_batch(nb_function_call *at, nb_delivery *slots, uint32_t count)
{
    struct nimbus_batch batch = { .slots = slots, .count = count };
    nimbus_outcome outcome;
    nb_call call;

    init_call(&call, at);
    call.function_call = NULL; /* a message of a batch cannot be kept */
    for (uint32_t i = 0; i < count; i++) {
        slots[i].call = &call;
        slots[i].mark = NB_UNMARKED;
    }
    outcome = call_handler(at, &call, NULL, &batch);
    outcome = outcome == NIMBUS_DONE || outcome == NIMBUS_REJECT ? outcome : NIMBUS_RETRY;
    for (uint32_t i = 0; i < count; i++) {
        nb_function_settle(at, &slots[i], slots[i].mark == NB_UNMARKED ? outcome : (nimbus_outcome)slots[i].mark, &call);
        slots[i].call = NULL;
        nb_call_let_go(&slots[i]);
    }
    nb_message_release(call.reply);
}
