/*
 * settle.c - how an answer ends a message, and the mailbox: asynchronous invocations, which are retried by the function's policy and end
 * in its destinations.
 */
#include <string.h>

#include "base/number.h"
#include "function/function.h"
#include "function/record.h"

/* --------------------------------------------------------------------------------------------- mailbox */

static const char *condition_of(const nb_failure *why)
{
    return why->code == nb_failure_age.code       ? "EventAgeExceeded"
           : why->code == nb_failure_stopped.code ? "ZeroReservedConcurrency"
           : why->condition != NULL               ? "RetriesExhausted"
                                                  : "Rejected";
}

/* To dead-letter queue and on-failure destination; false: nothing took it, nothing was sent. */
bool nb_mailbox_bury(nimbus_function *function, const nb_parcel *parcel, const nb_failure *why)
{
    nb_record record = { .function = function, .request = parcel->id, .condition = condition_of(why), .attempts = why->attempts,
                         .failed = true, .reason = why->reason, .payload = parcel->message };
    bool dead = function->dead_letter.queue != NULL;

    if (dead && !nb_dead_letter_offer(function->object.runtime, &function->dead_letter, parcel, why)) {
        return false;
    }
    if (function->on_failure == NULL) {
        return dead;
    }
    if (nb_record_offer(function->on_failure, &record)) {
        return true;
    }
    if (dead) { /* the payload is safe; only the record is not */
        nb_trace(function->object.runtime, NIMBUS_TRACE_MOVE_FAILED, "function", function->name, parcel->id, NIMBUS_E_FULL,
                 "the on-failure destination did not take the record", 1);
    }
    return dead;
}

static bool move(nb_object *owner, const nb_parcel *parcel, uint32_t own_receives, const void *why)
{
    (void)own_receives;
    if (!nb_mailbox_bury(nb_function_of(owner), parcel, why)) {
        return false;
    }
    nb_parcel_release(parcel);
    return true;
}

static void gone(nb_object *owner, nimbus_trace_kind kind, const nb_parcel *parcel)
{
    const nimbus_function *function = nb_function_of(owner);

    nb_trace(owner->runtime, kind, function->dead_letter.noun, function->dead_letter.source, parcel->id, NIMBUS_OK,
             "ended while it waited", 1);
}

const nb_store_ops nb_mailbox_ops = { .move = move, .gone = gone };

/* It was enqueued by the coarse clock: no age is over too early. */
static int64_t age_begins(const nimbus_runtime *nb, const nb_delivery *delivery)
{
    return nb_add_time(delivery->enqueued, nb_clock_tick(&nb->clock));
}

static void fail_for_good(nimbus_function *function, nb_delivery *delivery, const nb_failure *cause, const char *said)
{
    nimbus_runtime *nb = function->object.runtime;
    nb_parcel parcel = { .message = delivery->message, .id = delivery->id };
    nb_failure why = *cause;
    bool somewhere = function->dead_letter.queue != NULL || function->on_failure != NULL;
    nimbus_status status;

    why.attempts = delivery->own_receives < function->retry.max_retries + 1 ? delivery->own_receives : function->retry.max_retries + 1;
    why.reason = said[0] != '\0' ? said : why.reason;
    status = nb_store_doom(&function->mailbox, delivery->receipt, &why);
    if (status != NIMBUS_E_NOT_FOUND) {
        return;
    }
    if (somewhere && nb_clock_elapsed(&nb->clock) < nb_add_time(age_begins(nb, delivery), function->retry.max_age)) {
        nb_store_defer(&function->mailbox, delivery->receipt, NIMBUS_SECONDS(1), true); /* the destination gets other chances */
    } else if (nb_store_discard(&function->mailbox, delivery->receipt) == NIMBUS_OK) {
        nb_dead_letter_none(nb, &function->dead_letter, &parcel, &why);
    }
}

static void retry(nimbus_function *function, nb_delivery *delivery, const char *said)
{
    nimbus_runtime *nb = function->object.runtime;
    int64_t delay = 0;

    switch (nb_retry_decide(nb, &function->retry, delivery->own_receives, age_begins(nb, delivery), &delay)) {
    case NB_RETRIES_EXHAUSTED:
        fail_for_good(function, delivery, &nb_failure_retries, said);
        break;
    case NB_AGE_EXCEEDED:
        fail_for_good(function, delivery, &nb_failure_age, said);
        break;
    case NB_TRY_AGAIN:
    default:
        nb_lock_acquire(&function->lock);
        function->counts.retries++;
        nb_lock_release(&function->lock);
        nb_trace(nb, NIMBUS_TRACE_RETRY, function->dead_letter.noun, function->dead_letter.source, delivery->id, NIMBUS_OK,
                 said[0] != '\0' ? said : "the handler asked for another try", 1);
        nb_store_defer(&function->mailbox, delivery->receipt, delay, false);
        break;
    }
}

static void tell_success(nimbus_function *function, const nb_delivery *delivery, const nb_settlement *how)
{
    nb_record record = { .function = function, .request = delivery->id, .condition = "Success", .attempts = delivery->own_receives,
                         .reason = "", .payload = delivery->message, .reply = how->reply };

    if (!nb_record_offer(function->on_success, &record)) {
        nb_trace(function->object.runtime, NIMBUS_TRACE_DISCARDED, "function", function->name, delivery->id, NIMBUS_E_FULL,
                 "the on-success destination did not take the record", 1);
    }
}

static void succeed(nimbus_function *function, nb_delivery *delivery, const nb_settlement *how)
{
    if (function->on_success == NULL) {
        nb_store_delete_delivery(&function->mailbox, delivery);
    } else if (nb_store_delete(&function->mailbox, delivery->receipt) == NIMBUS_OK) {
        tell_success(function, delivery, how);
    }
}

static bool settle(nb_object *source, nb_delivery *delivery, const nb_settlement *how)
{
    nimbus_function *function = nb_function_of(source);

    switch (how->outcome) {
    case NIMBUS_DONE:
        succeed(function, delivery, how);
        break;
    case NIMBUS_REJECT:
        fail_for_good(function, delivery, &nb_failure_rejected, how->reason);
        break;
    case NIMBUS_LATER:
        nb_store_untake(&function->mailbox, delivery->receipt);
        break;
    case NIMBUS_RETRY:
    default:
        retry(function, delivery, how->reason);
        break;
    }
    return true;
}

/* Those that have failed for good already and only wait for their destination do not reach the handler again. */
static nimbus_status take(nb_object *source, uint32_t max, bool lease, nb_delivery *slots, uint32_t *ret_count, bool *ret_more)
{
    nimbus_function *function = nb_function_of(source);
    uint32_t taken = 0, kept = 0;
    nimbus_status status = nb_store_take(&function->mailbox, max, INT64_MAX, slots, &taken, ret_more);

    (void)lease;
    for (uint32_t i = 0; i < taken; i++) {
        if (slots[i].failed) {
            fail_for_good(function, &slots[i], &nb_failure_retries, "");
            nb_delivery_let_go(&slots[i]);
        } else {
            if (kept != i) {
                slots[kept] = slots[i];
                memset(&slots[i], 0, sizeof slots[i]);
            }
            kept++;
        }
    }
    *ret_count = kept;
    return status;
}

static nimbus_status wait_mailbox(nb_object *source, nb_waiter *waiter)
{
    return nb_store_wait(&nb_function_of(source)->mailbox, waiter);
}

static bool unwait_mailbox(nb_object *source, nb_waiter *waiter, nimbus_status why)
{
    return nb_store_unwait(&nb_function_of(source)->mailbox, waiter, why);
}

static void pass_on(nb_object *source)
{
    nb_store_pass_on(&nb_function_of(source)->mailbox);
}

const nb_source_ops nb_mailbox_source = { take, settle, wait_mailbox, unwait_mailbox, pass_on };

/* -------------------------------------------------------------------------------------------- any answer */

static void answer_sync(const nb_function_call *call, nimbus_outcome outcome, const nb_call *said)
{
    nimbus_function *function = call->function;
    nb_sync *sync = call->sync;
    bool listening;

    nb_lock_acquire(&function->lock);
    nb_link_remove(&sync->link);
    listening = sync->waiting;
    if (listening) {
        sync->status = outcome == NIMBUS_LATER ? NIMBUS_E_DELETED : NIMBUS_OK;
        sync->function_error = outcome != NIMBUS_DONE;
        sync->reply = said != NULL ? nb_message_retain(said->reply) : NULL;
        if (said != NULL) {
            memcpy(sync->reason, said->reason, sizeof sync->reason);
        }
        sync->waiting = false;
    } else {
        function->counts.abandoned++;
    }
    nb_lock_release(&function->lock);
    if (listening) {
        nb_exec_wake(sync->exec, &sync->parker); /* without the lock: the first that the caller does is to take it */
    }
    nb_sync_release(sync);
}

bool nb_function_settle(const nb_function_call *call, nb_delivery *delivery, nimbus_outcome outcome, const nb_call *said)
{
    nimbus_function *function = call->function;
    nb_settlement how = { .outcome = outcome, .reason = said != NULL ? said->reason : "", .reply = said != NULL ? said->reply : NULL };

    if (outcome != NIMBUS_LATER && call->stay != NULL) {
        nb_stay_count(outcome == NIMBUS_DONE ? &call->stay->succeeded : &call->stay->errors, 1);
    } else if (outcome != NIMBUS_LATER) {
        nb_lock_acquire(&function->lock);
        function->counts.succeeded += outcome == NIMBUS_DONE;
        function->counts.errors += outcome != NIMBUS_DONE;
        nb_lock_release(&function->lock);
    }
    if (call->sync != NULL) {
        answer_sync(call, outcome, said);
        return true;
    }
    how.lease = call->feed->options.lease;
    return call->feed->ops->settle(delivery->source, delivery, &how);
}
