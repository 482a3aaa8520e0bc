/*
 * backlog.c - deliveries that failed for now: they wait in the route's backlog and are offered again by the pump.
 *
 * The pump is a task that is in the run queue at most once (`pumping`); while it is, the route is pinned. It takes messages one by one with
 * a visibility without end, so that each is either delivered, put off, dead-lettered or discarded by the pump that took it.
 */
#include <string.h>

#include "base/number.h"
#include "target/backlog.h"

/* The backlog gives up a message: to the dead letter. */
static bool move_to_dead_letter(nb_object *owner, const nb_parcel *parcel, uint32_t own_receives, const void *why)
{
    nb_route *route = nb_route_of(owner);

    (void)own_receives;
    if (!nb_dead_letter_offer(owner->runtime, &route->dead_letter, parcel, why)) {
        return false;
    }
    nb_parcel_release(parcel);
    return true;
}

static void trace_gone(nb_object *owner, nimbus_trace_kind kind, const nb_parcel *parcel)
{
    const nb_route *route = nb_route_of(owner);

    nb_trace(owner->runtime, kind, route->dead_letter.noun, route->dead_letter.source, parcel->id, NIMBUS_OK,
             "the delivery path was ended while it waited for another attempt", 1);
}

const nb_store_ops nb_backlog_ops = { .move = move_to_dead_letter, .gone = trace_gone };

static void pump_start(nb_route *route)
{
    bool start;

    nb_lock_acquire(&route->lock);
    start = !route->pumping && !nb_route_closed(route);
    route->pump_again = route->pumping;
    route->pumping = route->pumping || start;
    nb_lock_release(&route->lock);
    if (start) {
        nb_object_pin(&route->object);
        nb_exec_submit(&route->object.runtime->exec, &route->pump);
    }
}

/* Another attempt at a delivery that waited has failed. */
static void retry_or_fail(nb_route *route, nb_delivery *delivery, const nb_parcel *parcel, nb_verdict verdict)
{
    nimbus_runtime *nb = route->object.runtime;
    nb_failure why = verdict == NB_MISSING ? nb_failure_missing : nb_failure_permanent;
    nb_verdict_on_retry decision = NB_RETRIES_EXHAUSTED;
    int64_t delay = 0;

    if (verdict == NB_FULL || verdict == NB_TRANSIENT) {
        decision = nb_retry_decide(nb, &route->retry, delivery->own_receives + 1, parcel->enqueued, &delay);
        why = decision == NB_AGE_EXCEEDED ? nb_failure_age : nb_failure_retries;
    }
    why.attempts = delivery->own_receives + 1;
    if (decision == NB_TRY_AGAIN) {
        nb_trace(nb, NIMBUS_TRACE_RETRY, route->dead_letter.noun, route->dead_letter.source, parcel->id, NIMBUS_E_FULL,
                 "the target is full; it is tried again", 1);
        nb_store_defer(&route->backlog, delivery->receipt, delay, false);
    } else if (nb_store_doom(&route->backlog, delivery->receipt, &why) == NIMBUS_OK) {
        return;
    } else if (route->dead_letter.queue != NULL &&
               nb_clock_elapsed(&nb->clock) < nb_add_time(parcel->enqueued, route->retry.max_age)) {
        nb_store_defer(&route->backlog, delivery->receipt, NIMBUS_SECONDS(1), true);
    } else if (nb_store_discard(&route->backlog, delivery->receipt) == NIMBUS_OK) {
        nb_dead_letter_none(nb, &route->dead_letter, parcel, &why);
    }
}

static void deliver_again(nb_route *route, nb_delivery *delivery)
{
    nb_parcel parcel = { .message = delivery->message, .letter = delivery->letter, .id = delivery->id, .sent = delivery->sent };
    nb_verdict verdict;

    parcel.enqueued = delivery->enqueued;
    nb_route_count(&route->retries);
    verdict = nb_route_offer(route, &parcel);
    if (verdict == NB_DELIVERED || verdict == NB_PENDING) {
        nb_store_delete(&route->backlog, delivery->receipt);
        nb_route_count(&route->late);
    } else {
        retry_or_fail(route, delivery, &parcel, verdict);
    }
    nb_delivery_let_go(delivery);
}

void nb_route_pump(nb_task *task, nb_turn *turn)
{
    nb_route *route = NB_CONTAINER(task, nb_route, pump);
    nb_delivery delivery;
    uint32_t taken = 1;
    bool again, more;

    (void)turn;
    for (int i = 0; i < 64 && taken > 0 && !nb_stopped(route->object.runtime); i++) {
        taken = 0;
        memset(&delivery, 0, sizeof delivery);
        if (nb_store_take(&route->backlog, 1, INT64_MAX, &delivery, &taken, &more) == NIMBUS_OK && taken > 0) {
            deliver_again(route, &delivery);
        }
    }
    again = taken > 0 || (!nb_stopped(route->object.runtime) && nb_store_wait(&route->backlog, &route->waiter) == NIMBUS_OK);
    nb_lock_acquire(&route->lock);
    again = (again || route->pump_again) && !nb_route_closed(route) && !nb_stopped(route->object.runtime);
    route->pump_again = false;
    route->pumping = again;
    nb_lock_release(&route->lock);
    if (again) {
        nb_exec_submit(&route->object.runtime->exec, &route->pump);
    } else {
        nb_object_unpin(&route->object);
    }
}

bool nb_backlog_ready(nb_waiter *waiter)
{
    pump_start(NB_CONTAINER(waiter, nb_route, waiter));
    return true;
}
