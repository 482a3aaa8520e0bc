/*
 * life.c - how an instance is driven, advanced, shut down and closed.
 *
 * Shutdown: phase DRAINING; wait until idle (or the deadline); phase STOPPED; stop every object, which wakes whoever waits in it.
 * Close: shutdown; if handlers still run, or threads are still inside waiting calls, at the deadline: NIMBUS_E_BUSY and nothing is freed.
 * Else the threads end, then every object is abandoned: content let go, handles given up, memory freed unless a delivery pins it.
 */
#include <limits.h>
#include <string.h>

#include "base/check.h"
#include "base/number.h"
#include "exec/context.h"
#include "platform/clock.h"
#include "runtime/life.h"

static int64_t deadline(nimbus_duration drain)
{
    return drain == NIMBUS_FOREVER ? INT64_MAX : nb_add_time(nb_platform_elapsed(), drain);
}

/* The first object from link on, pinned; NULL: there is none. Under the lock. */
static nb_object *pin_locked(nimbus_runtime *nb, nb_link *link)
{
    for (; link != &nb->objects; link = link->next) {
        nb_object *object = NB_CONTAINER(link, nb_object, link);

        if (nb_object_try_pin(object)) { /* else it is about to be freed, and waits for our lock */
            return object;
        }
    }
    return NULL;
}

/* The pin keeps the object's place in the list. */
void nb_each_object(nimbus_runtime *nb, void (*visit)(nb_object *object, void *user), void *user)
{
    nb_object *object, *next;

    nb_lock_acquire(&nb->objects_lock);
    object = pin_locked(nb, nb->objects.next);
    nb_lock_release(&nb->objects_lock);
    while (object != NULL) {
        visit(object, user);
        nb_lock_acquire(&nb->objects_lock);
        next = pin_locked(nb, object->link.next);
        nb_lock_release(&nb->objects_lock);
        nb_object_unpin(object);
        object = next;
    }
}

static void stop_object(nb_object *object, void *user)
{
    (void)user;
    if (object->ops->stop != NULL) {
        object->ops->stop(object, true);
    }
}

static void add_leftovers(nb_object *object, void *user)
{
    if (object->ops->leftovers != NULL) {
        object->ops->leftovers(object, user);
    }
}

static void add_inside(nb_object *object, void *user)
{
    if (object->ops->inside != NULL) {
        object->ops->inside(object, user);
    }
}

/* Publishers that are inside. The fence pairs with the light one behind the taking of a seat: who is not seen sees the phase. */
static nb_inside_counts inside(nimbus_runtime *nb)
{
    nb_inside_counts sum = { 0, 0 };

    nb_fence_heavy();
    nb_each_object(nb, add_inside, &sum);
    return sum;
}

static void report(nimbus_runtime *nb, nimbus_leftovers *ret_left)
{
    nimbus_leftovers left;
    uint32_t workers, idle, running, blocked;

    if (ret_left == NULL) {
        return;
    }
    memset(&left, 0, sizeof left);
    nb_each_object(nb, add_leftovers, &left);
    nb_exec_counts(&nb->exec, &workers, &idle, &running, &blocked);
    left.running = running + inside(nb).running;
    left.kept = atomic_load(&nb->kept);
    *ret_left = left;
}

/* Drives or waits until nothing can run. Another thread that drives makes it false. */
static bool drain_work(nimbus_runtime *nb, int64_t until)
{
    bool idle;

    if (!nb->driven) {
        return nb_exec_wait_idle(&nb->exec, until);
    }
    if (!nb_exec_drive_begin(&nb->exec)) {
        return false;
    }
    idle = nb_exec_wait_idle(&nb->exec, until);
    nb_exec_drive_end(&nb->exec);
    return idle;
}

/* A handler runs, or a task waits to be run. Inline ones are looked at first: what they submit is seen behind them. */
static bool working(nimbus_runtime *nb)
{
    return inside(nb).running > 0 || nb_exec_working(&nb->exec);
}

/* Drains again what a call has brought that had passed the gate before it was closed, and waits for inline handlers. */
static bool drain_all(nimbus_runtime *nb, int64_t until)
{
    nb_parker never;
    bool idle = false;
    int64_t next;

    nb_parker_init(&never);
    while (drain_work(nb, until) && !(idle = !working(nb)) && (next = nb_platform_elapsed()) < until) {
        next = nb_add_time(next, 20000);
        nb_parker_wait(&never, next < until ? next : until);
    }
    nb_parker_fini(&never);
    return idle;
}

/* Somebody is inside, or about to be: a handler, a task, a call that waits, a driver. */
static bool busy(nimbus_runtime *nb)
{
    return inside(nb).walking > 0 || working(nb) || nb_load_seq_cst(&nb->exec.driving) || atomic_load(&nb->waiting_calls) > 0;
}

nimbus_status nb_runtime_shutdown(nimbus_runtime *nb, nimbus_duration drain, nimbus_leftovers *ret_left)
{
    int open = NB_OPEN;
    bool idle;

    if (drain != 0 && nb_inside(nb)) {
        return NIMBUS_E_WOULD_DEADLOCK;
    }
    atomic_compare_exchange_strong(&nb->phase, &open, NB_DRAINING);
    idle = drain != 0 ? drain_all(nb, deadline(drain)) : !working(nb);
    atomic_store(&nb->phase, NB_STOPPED);
    nb_each_object(nb, stop_object, NULL);
    report(nb, ret_left);
    return idle ? NIMBUS_OK : NIMBUS_E_TIMEOUT;
}

/* What close() allows for calls and tasks that the shutdown has just woken; handlers get no more than the drain. */
#define GRACE_NS 200000000

/* Waits for handlers, tasks and waiting calls to leave; they have all been told to. */
static bool wait_for_leavers(nimbus_runtime *nb, int64_t until)
{
    nb_parker never;
    int64_t step = 20000;

    nb_parker_init(&never);
    while (busy(nb) && nb_platform_elapsed() < until) {
        int64_t next = nb_add_time(nb_platform_elapsed(), step);

        if (nb->driven) {
            drain_work(nb, until);
        } else {
            nb_parker_wait(&never, next < until ? next : until);
        }
        step = step < 2000000 ? step * 2 : step;
    }
    nb_parker_fini(&never);
    return !busy(nb);
}

nimbus_status nb_runtime_close(nimbus_runtime *nb, nimbus_duration drain, nimbus_leftovers *ret_left)
{
    int64_t until = deadline(drain);
    nb_link *link;

    if (nb_inside(nb)) {
        return NIMBUS_E_WOULD_DEADLOCK;
    }
    nb_runtime_shutdown(nb, drain, NULL);
    if (!wait_for_leavers(nb, drain < GRACE_NS ? nb_add_time(until, GRACE_NS) : until)) {
        report(nb, ret_left);
        return NIMBUS_E_BUSY;
    }
    report(nb, ret_left);
    nb_exec_stop(&nb->exec);
    nb_lock_acquire(&nb->objects_lock);
    while ((link = nb_list_pop(&nb->objects)) != NULL) {
        nb_lock_release(&nb->objects_lock);
        nb_object_abandon(NB_CONTAINER(link, nb_object, link));
        nb_lock_acquire(&nb->objects_lock);
    }
    nb_lock_release(&nb->objects_lock);
    nb_runtime_free(nb);
    return NIMBUS_OK;
}

/* Runs everything that is due now, and what that brings, until nothing is left. */
static void run_until_idle(nimbus_runtime *nb)
{
    do {
        nb_timers_fire(&nb->timers);
        nb_timers_quiesce(&nb->timers);
        nb_exec_wait_idle(&nb->exec, INT64_MAX);
        nb_timers_quiesce(&nb->timers); /* the clock thread may just have brought more work */
    } while (!nb_exec_wait_idle(&nb->exec, 0) || nb_timers_next(&nb->timers) <= nb_clock_elapsed(&nb->clock));
}

nimbus_status nb_runtime_advance(nimbus_runtime *nb, nimbus_duration by)
{
    int64_t target, next;

    if (!nb->clock.manual) {
        return NIMBUS_E_UNSUPPORTED;
    }
    if (nb_inside(nb)) {
        return NIMBUS_E_WOULD_DEADLOCK;
    }
    if (nb->driven ? !nb_exec_drive_begin(&nb->exec) : atomic_exchange(&nb->advancing, true)) {
        return NIMBUS_E_BUSY;
    }
    target = nb_add_time(nb_clock_elapsed(&nb->clock), by);
    target = target == INT64_MAX ? INT64_MAX - 1 : target; /* INT64_MAX stands for "never" */
    run_until_idle(nb);
    while ((next = nb_timers_next(&nb->timers)) <= target) {
        if (next > nb_clock_elapsed(&nb->clock)) {
            nb_clock_set(&nb->clock, next);
        }
        run_until_idle(nb);
    }
    nb_clock_set(&nb->clock, target);
    if (nb->driven) {
        nb_exec_drive_end(&nb->exec);
    } else {
        atomic_store(&nb->advancing, false);
    }
    return NIMBUS_OK;
}

nimbus_status nb_runtime_run(nimbus_runtime *nb, size_t max_callbacks, bool *ret_more)
{
    bool ran, more = false;

    if (!nb->driven) {
        return NIMBUS_E_UNSUPPORTED;
    }
    if (nb_inside(nb)) {
        return NIMBUS_E_WOULD_DEADLOCK;
    }
    if (!nb_exec_drive_begin(&nb->exec)) {
        return NIMBUS_E_BUSY;
    }
    nb_bell_clear(&nb->exec.bell); /* before the work is looked at: a ring that comes later stays */
    ran = nb_exec_drive(&nb->exec, max_callbacks, &more);
    nb_exec_drive_end(&nb->exec);
    if (ret_more != NULL) {
        *ret_more = more;
    }
    return ran ? NIMBUS_OK : more ? NIMBUS_OK : nb_stopped(nb) ? NIMBUS_E_CLOSED : NIMBUS_EMPTY;
}

int nb_runtime_poll_timeout(nimbus_runtime *nb)
{
    int64_t next, left;
    bool work;

    if (!nb->driven) {
        return -1;
    }
    nb_exec_arm_bell(&nb->exec); /* then look */
    work = nb_exec_pending(&nb->exec);
    next = nb_timers_next(&nb->timers);
    left = next == INT64_MAX ? INT64_MAX : next - nb_clock_elapsed(&nb->clock);
    if (work || left <= 0) {
        return 0;
    }
    if (next == INT64_MAX || nb->clock.manual) {
        return -1;
    }
    left = left / 1000000 + (left % 1000000 != 0);
    return left > INT_MAX ? INT_MAX : (int)left;
}
