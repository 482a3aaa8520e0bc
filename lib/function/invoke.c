/*
 * invoke.c - synchronous and asynchronous invocation.
 */
#include <string.h>

#include "base/number.h"
#include "function/function.h"
#include "memory/block.h"

void nb_sync_release(nb_sync *sync)
{
    if (atomic_fetch_sub_explicit(&sync->references, 1, memory_order_acq_rel) == 1) {
        nb_message_release(sync->reply);
        nb_parker_fini(&sync->parker);
        nb_message_release(sync->parcel.message);
        nb_block_put(sync);
    }
}

/*
 * An answer that comes within the time of a wake-up is looked for, and costs neither side one: the invoker looks as often as an idle worker
 * does before it sleeps. Whether that pays shows when it is tried: each answer that was found so is PATIENCE more tries, and when they have
 * all been in vain, as where both threads share a processor, one call in IMPATIENCE tries again. Inside a handler nobody looks: a worker
 * that waits is to be replaced at once.
 */
#define PATIENCE 8u
#define IMPATIENCE 64u
#define WORTH_LOOKING 20000 /* ns: who waits no longer than that does not look */

/* Whether this call is to look. */
static bool may_look_locked(nimbus_function *function, int64_t wait)
{
    const nimbus_runtime *nb = function->object.runtime;

    if (nb->exec.looks == 0 || nb->driven || wait < WORTH_LOOKING || nb_inside(nb)) {
        return false;
    }
    if (function->patience > 0 || ++function->hurried == IMPATIENCE) {
        function->hurried = 0;
        return true;
    }
    return false;
}

static bool looked_and_found(nb_sync *sync)
{
    bool set = nb_parker_is_set(&sync->parker);

    for (uint32_t i = 0; i < sync->exec->looks && !set; i++) {
        nb_pause();
        set = nb_parker_is_set(&sync->parker);
    }
    return set;
}

/* The invoker stops waiting. NIMBUS_OK: there is a result. */
static nimbus_status stop_waiting(nimbus_function *function, nb_sync *sync, nb_slept slept, bool looked, bool found)
{
    nimbus_status status;
    bool withdrawn = false;

    nb_lock_acquire(&function->lock);
    if (looked) {
        function->patience = found ? PATIENCE : function->patience - (function->patience > 0);
    }
    if (sync->waiting) {
        sync->waiting = false;
        withdrawn = !sync->started;
        if (withdrawn) {
            nb_link_remove(&sync->link);
            nb_function_note_locked(function);
        }
        status = slept == NB_SLEPT_WOULD_BLOCK ? NIMBUS_E_WOULD_BLOCK : NIMBUS_E_TIMEOUT;
    } else {
        status = sync->status;
    }
    nb_lock_release(&function->lock);
    if (withdrawn) {
        nb_sync_release(sync); /* the function's reference */
    }
    return status;
}

static nb_sync *make_sync(nimbus_function *function, nimbus_message *message)
{
    nimbus_runtime *nb = function->object.runtime;
    nb_sync *sync = nb_block_get_zero(nb->heap, sizeof *sync);

    if (sync != NULL) {
        sync->exec = &nb->exec;
        sync->waiting = true;
        sync->parcel = (nb_parcel){ .message = nb_message_retain(message), .id = nb_new_id(nb), .sent = nb_clock_wall(&nb->clock) };
        atomic_init(&sync->references, 2);
        nb_parker_init(&sync->parker);
        nb_link_init(&sync->link);
    }
    return sync;
}

static nimbus_status may_invoke(nimbus_function *function)
{
    nimbus_runtime *nb = function->object.runtime;
    nimbus_status status = NIMBUS_OK;

    if (nb->driven && nb_inside(nb)) {
        return NIMBUS_E_WOULD_BLOCK;
    }
    nb_lock_acquire(&function->lock);
    status = function->ended                                            ? NIMBUS_E_DELETED
             : function->stopped                                        ? NIMBUS_E_CLOSED
             : function->limit == 0                                     ? NIMBUS_E_OVER_LIMIT
             : nb_inside_owner(function) >= function->limit ? NIMBUS_E_WOULD_DEADLOCK
                                                                        : NIMBUS_OK;
    nb_lock_release(&function->lock);
    return status;
}

nimbus_status nb_function_invoke(nimbus_function *function, nimbus_message *message, int64_t wait, nimbus_invoke_result *ret)
{
    nimbus_runtime *nb = function->object.runtime;
    nimbus_status status = may_invoke(function);
    nb_slept slept = NB_SLEPT_SET;
    bool look, found;
    nb_sync *sync;

    if (status != NIMBUS_OK) {
        return status;
    }
    sync = make_sync(function, message);
    if (sync == NULL) {
        return nb_block_failure(nb->heap, sizeof *sync);
    }
    nb_waiting_begin(nb);
    nb_lock_acquire(&function->lock);
    nb_list_push(&function->calls, &sync->link);
    nb_function_note_locked(function);
    nb_function_wake_locked(function);
    look = may_look_locked(function, wait);
    nb_function_unlock(function);
    found = look && looked_and_found(sync);
    if (!found) {
        slept = nb_exec_sleep(&nb->exec, &sync->parker, nb_add_time(nb_clock_elapsed(&nb->clock), wait));
    }
    status = stop_waiting(function, sync, slept, look, found);
    nb_waiting_end(nb);
    if (status == NIMBUS_OK && ret != NULL) {
        memset(ret, 0, sizeof *ret);
        ret->payload = nb_message_retain(sync->reply);
        ret->function_error = sync->function_error;
        memcpy(ret->reason, sync->reason, sizeof ret->reason);
    }
    nb_sync_release(sync);
    return status;
}

nimbus_status nb_function_offer(nimbus_function *function, const nb_parcel *parcel)
{
    nb_failure why = nb_failure_stopped;

    if ((nb_load_acquire(&function->halt) & NB_HALT_ZERO) == 0) { /* pairs with nb_function_note_locked() */
        return nb_store_offer(&function->mailbox, parcel, 0, false, NULL);
    }
    if (!nb_mailbox_bury(function, parcel, &why)) { /* no try at all (LA-A4) */
        nb_dead_letter_none(function->object.runtime, &function->dead_letter, parcel, &why);
    }
    nb_parcel_release(parcel);
    return NIMBUS_OK;
}

nimbus_status nb_function_invoke_async(nimbus_function *function, nimbus_message *message, nimbus_id *ret_id)
{
    nimbus_runtime *nb = function->object.runtime;
    nb_parcel parcel = { .message = message, .id = nb_new_id(nb) };
    nimbus_status status;

    parcel.enqueued = nb_clock_coarse(&nb->clock, &parcel.sent);
    status = nb_function_offer(function, &parcel);
    if (status == NIMBUS_OK && ret_id != NULL) {
        *ret_id = parcel.id;
    }
    return status == NIMBUS_OK || status == NIMBUS_E_FULL || status == NIMBUS_E_DELETED ? status : NIMBUS_E_NO_MEMORY;
}
