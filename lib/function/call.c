/*
 * call.c - one call of a handler: entering it, and what its answer leads to.
 */
#include <string.h>

#include "function/batch.h"

static inline nimbus_outcome call_single(const nb_function_call *at, nb_call *call, nimbus_delivery *slot)
{
    const nb_handler *handler = at->stay->handler;
    nimbus_outcome outcome;
    nb_frame frame;

    nb_stay_call_begins(at->stay);
    nb_frame_enter(&frame, call->nb, at->function);
    outcome = handler->single(slot, handler->user);
    nb_frame_leave(&frame);
    nb_stay_call_ended(at->stay, 1);
    return outcome;
}

static nimbus_outcome call_batch(const nb_function_call *at, nb_call *call, struct nimbus_batch *batch)
{
    const nb_handler *handler = at->stay->handler;
    nimbus_outcome outcome;
    nb_frame frame;

    nb_stay_call_begins(at->stay);
    nb_frame_enter(&frame, call->nb, at->function);
    outcome = handler->batch(batch, handler->user);
    nb_frame_leave(&frame);
    nb_stay_call_ended(at->stay, batch->count);
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

bool nb_call_waits_for(const nb_delivery *later, const nimbus_message *leader)
{
    size_t a, b;
    const char *first, *second;

    if (leader == NULL || later->message == NULL) {
        return false;
    }
    first = nb_message_group(leader, &a);
    second = nb_message_group(later->message, &b);
    return a == b && memcmp(first, second, a) == 0;
}

/* What is done is deleted, and nobody is told: the common case, straight. Otherwise as nb_function_settle(). */
static inline bool leaves_mailbox(const nb_function_call *at)
{
    return at->feed != NULL && at->feed->queue == NULL && at->function->on_success == NULL;
}

/* One message to a handler of single ones. */
bool nb_call_run_single(nb_function_call *at, nimbus_delivery *slot, uint32_t *unpinned)
{
    nb_delivery *delivery = nb_delivery_of(slot);
    nimbus_outcome outcome;
    bool left = false;
    nb_call call;

    init_call(&call, at);
    delivery->call = &call;
    outcome = call_single(at, &call, slot);
    delivery->call = NULL;
    if (call.kept != NULL) {
        nb_invocation_handler_returned(call.kept, &call, outcome);
    } else if (outcome == NIMBUS_DONE && leaves_mailbox(at)) {
        nb_stay_count(&at->stay->succeeded, 1);
        nb_store_delete_delivery(&at->function->mailbox, delivery);
        left = true;
    } else {
        outcome = outcome == NIMBUS_LATER ? NIMBUS_RETRY : outcome; /* nobody could ever finish it */
        left = nb_function_settle(at, delivery, outcome, &call);
    }
    if (call.reply != NULL) {
        nb_message_release(call.reply);
    }
    if (unpinned != NULL && delivery->message == NULL) { /* else somebody may have it still */
        delivery->source = NULL;
        ++*unpinned;
    } else {
        nb_call_let_go(delivery);
    }
    return left;
}

/* A message that stays in its queue keeps back the rest of its group, whatever the handler said of it (LA-Q10). */
static void keep_back(nb_delivery *slots, uint32_t count, const nimbus_message *leader)
{
    for (uint32_t i = 0; i < count; i++) {
        if (nb_call_waits_for(&slots[i], leader)) {
            slots[i].mark = (uint32_t)NIMBUS_RETRY;
        }
    }
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
    outcome = call_batch(at, &call, &batch);
    outcome = outcome == NIMBUS_DONE || outcome == NIMBUS_REJECT ? outcome : NIMBUS_RETRY;
    for (uint32_t i = 0; i < count; i++) {
        nimbus_message *leader = nb_call_leader(&slots[i], count - i);

        if (!nb_function_settle(at, &slots[i], slots[i].mark == NB_UNMARKED ? outcome : (nimbus_outcome)slots[i].mark, &call)) {
            keep_back(&slots[i + 1], count - i - 1, leader);
        }
        nb_message_release(leader);
        slots[i].call = NULL;
        nb_call_let_go(&slots[i]);
    }
    nb_message_release(call.reply);
}
