#include "exec/exec.h"

#include <string.h>

#include "exec/context.h"
#include "exec/worker.h"
#include "platform/clock.h"

/* A thread that waits in a driven instance: for work to drive, for somebody else to stop driving, or for what it waits for. */
typedef struct dozer {
    nb_link link;
    nb_parker parker;
} dozer;

typedef struct idle_waiter {
    nb_link link;
    nb_parker parker;
} idle_waiter;

bool nb_turn_over(const nb_turn *turn)
{
    return turn->calls_left == 0 || (turn->end != INT64_MAX && nb_platform_elapsed() >= turn->end);
}

/* All the locked helpers below want exec->lock. */

bool nb_exec_idle_locked(const nb_exec *exec)
{
    return nb_list_empty(&exec->tasks) && exec->running == exec->blocked;
}

void nb_exec_tell_idle_locked(nb_exec *exec)
{
    nb_link *link;

    if (!nb_exec_idle_locked(exec)) {
        return;
    }
    while ((link = nb_list_pop(&exec->idle_waiters)) != NULL) {
        nb_parker_set(&NB_CONTAINER(link, idle_waiter, link)->parker);
    }
}

void nb_exec_sooner(void *user)
{
    nb_exec *exec = user;

    if (exec->options.driven) {
        nb_exec_ring(exec);
    } else {
        nb_parker_set(&exec->clock_parker);
    }
}

static void wake_dozers(nb_exec *exec)
{
    nb_link *link;

    nb_lock_acquire(&exec->lock);
    while ((link = nb_list_pop(&exec->dozers)) != NULL) {
        nb_parker_set(&NB_CONTAINER(link, dozer, link)->parker);
    }
    nb_lock_release(&exec->lock);
}

void nb_exec_ring(nb_exec *exec)
{
    if (!exec->options.driven) {
        return;
    }
    if (atomic_exchange(&exec->bell_armed, false)) {
        nb_bell_ring(&exec->bell);
    }
    wake_dozers(exec);
}

void nb_exec_submit(nb_exec *exec, nb_task *task)
{
    bool watch;

    nb_lock_acquire(&exec->lock);
    nb_list_push(&exec->tasks, &task->link);
    nb_exec_wake_worker_locked(exec);
    watch = nb_exec_watch_locked(exec);
    nb_lock_release(&exec->lock);
    if (watch) {
        nb_exec_watch(exec);
    }
    nb_exec_ring(exec);
}

bool nb_exec_withdraw(nb_exec *exec, nb_task *task)
{
    bool queued;

    nb_lock_acquire(&exec->lock);
    queued = nb_link_in(&task->link);
    nb_link_remove(&task->link);
    nb_exec_tell_idle_locked(exec);
    nb_lock_release(&exec->lock);
    return queued;
}

nb_task *nb_exec_pop_locked(nb_exec *exec)
{
    nb_link *link = nb_list_pop(&exec->tasks);

    if (link == NULL) {
        return NULL;
    }
    exec->running++;
    return NB_CONTAINER(link, nb_task, link);
}

void nb_exec_done_locked(nb_exec *exec)
{
    exec->running--;
    exec->finished++;
    nb_exec_tell_idle_locked(exec);
}

/* ---------------------------------------------------------------------------------------------- driven */

bool nb_exec_drive_begin(nb_exec *exec)
{
    return !atomic_exchange(&exec->driving, true);
}

void nb_exec_drive_end(nb_exec *exec)
{
    atomic_store(&exec->driving, false);
    wake_dozers(exec); /* one of them takes over */
}

static bool run_one(nb_exec *exec, size_t *calls_left)
{
    nb_turn turn = { .calls_left = *calls_left < NB_TURN_CALLS ? (uint32_t)*calls_left : NB_TURN_CALLS, .end = INT64_MAX };
    uint32_t granted = turn.calls_left;
    nb_task *task;

    nb_lock_acquire(&exec->lock);
    task = nb_exec_pop_locked(exec);
    nb_lock_release(&exec->lock);
    if (task == NULL) {
        return false;
    }
    task->run(task, &turn);
    *calls_left -= granted - turn.calls_left;
    nb_lock_acquire(&exec->lock);
    nb_exec_done_locked(exec);
    nb_lock_release(&exec->lock);
    return true;
}

bool nb_exec_drive(nb_exec *exec, size_t max_calls, bool *ret_more)
{
    size_t calls_left = max_calls;
    bool any = nb_timers_fire(exec->timers), ran = true;

    while (ran && (calls_left > 0 || max_calls == 0)) {
        ran = max_calls == 0 ? false : run_one(exec, &calls_left);
        ran = nb_timers_fire(exec->timers) || ran;
        any = any || ran;
    }
    nb_lock_acquire(&exec->lock);
    *ret_more = !nb_list_empty(&exec->tasks);
    nb_lock_release(&exec->lock);
    return any;
}

/* ---------------------------------------------------------------------------------------------- waiting */

void nb_exec_wake(nb_exec *exec, nb_parker *parker)
{
    nb_parker_set(parker);
    nb_exec_ring(exec);
}

static nb_slept sleep_threaded(nb_exec *exec, nb_parker *parker, int64_t until)
{
    nb_sleeper sleeper;
    bool timed = exec->clock->manual && until != INT64_MAX;
    bool set;

    nb_exec_block_begin(exec);
    if (timed) {
        nb_timers_sleep(exec->timers, &sleeper, parker, until);
    }
    set = nb_parker_wait(parker, exec->clock->manual ? INT64_MAX : until);
    if (timed) {
        nb_timers_awake(exec->timers, &sleeper);
        set = nb_clock_elapsed(exec->clock) < until; /* both may have set it; the caller looks at its own state anyway */
    }
    nb_exec_block_end(exec);
    return set ? NB_SLEPT_SET : NB_SLEPT_TIMEOUT;
}

/*
 * Sleeps until there is something to do, but not beyond until. The dozer is in the list before it looks, and whoever brings work, ends
 * driving or sets a parker wakes the list afterwards: so nothing is missed.
 */
static void doze(nb_exec *exec, nb_parker *parker, bool drives, int64_t until)
{
    int64_t next;
    bool work;
    dozer self;

    nb_link_init(&self.link);
    nb_parker_init(&self.parker);
    nb_lock_acquire(&exec->lock);
    nb_list_push(&exec->dozers, &self.link);
    work = drives ? !nb_list_empty(&exec->tasks) : !atomic_load(&exec->driving);
    nb_lock_release(&exec->lock);
    next = drives ? nb_timers_next(exec->timers) : INT64_MAX;
    if (!work && !nb_parker_is_set(parker)) {
        nb_parker_wait(&self.parker, next < until ? next : until);
    }
    nb_lock_acquire(&exec->lock);
    nb_link_remove(&self.link);
    nb_lock_release(&exec->lock);
    nb_parker_fini(&self.parker);
}

/* This thread drives. */
static nb_slept drive_until(nb_exec *exec, nb_parker *parker, int64_t until)
{
    bool more;

    for (;;) {
        bool ran = nb_exec_drive(exec, 1, &more);

        if (nb_parker_is_set(parker)) {
            return NB_SLEPT_SET;
        }
        if (nb_clock_elapsed(exec->clock) >= until) {
            return NB_SLEPT_TIMEOUT;
        }
        if (!ran && exec->clock->manual) {
            return NB_SLEPT_WOULD_BLOCK;
        }
        if (!ran) {
            doze(exec, parker, true, until);
        }
    }
}

static nb_slept sleep_driven(nb_exec *exec, nb_parker *parker, int64_t until)
{
    nb_slept slept;

    while (!nb_exec_drive_begin(exec)) { /* somebody else drives; when he stops it is our turn */
        if (nb_parker_is_set(parker)) {
            return NB_SLEPT_SET;
        }
        if (exec->clock->manual) {
            return NB_SLEPT_WOULD_BLOCK;
        }
        if (nb_clock_elapsed(exec->clock) >= until) {
            return NB_SLEPT_TIMEOUT;
        }
        doze(exec, parker, false, until);
    }
    slept = drive_until(exec, parker, until);
    nb_exec_drive_end(exec);
    return slept;
}

nb_slept nb_exec_sleep(nb_exec *exec, nb_parker *parker, int64_t until)
{
    if (!exec->options.driven) {
        return sleep_threaded(exec, parker, until);
    }
    return nb_inside(exec->options.user) ? NB_SLEPT_WOULD_BLOCK : sleep_driven(exec, parker, until);
}

static bool drive_until_idle(nb_exec *exec, int64_t until)
{
    bool more = false;

    while (nb_exec_drive(exec, NB_TURN_CALLS, &more) || more) {
        if (until != INT64_MAX && nb_platform_elapsed() >= until) {
            return false;
        }
    }
    return true;
}

bool nb_exec_wait_idle(nb_exec *exec, int64_t until)
{
    idle_waiter waiter;
    bool idle;

    if (exec->options.driven) {
        return drive_until_idle(exec, until);
    }
    nb_parker_init(&waiter.parker);
    nb_link_init(&waiter.link);
    nb_lock_acquire(&exec->lock);
    idle = nb_exec_idle_locked(exec);
    if (!idle) {
        nb_list_push(&exec->idle_waiters, &waiter.link);
    }
    nb_lock_release(&exec->lock);
    if (!idle) {
        nb_parker_wait(&waiter.parker, until);
        nb_lock_acquire(&exec->lock);
        nb_link_remove(&waiter.link);
        idle = nb_exec_idle_locked(exec);
        nb_lock_release(&exec->lock);
    }
    nb_parker_fini(&waiter.parker);
    return idle;
}

void nb_exec_counts(nb_exec *exec, uint32_t *ret_workers, uint32_t *ret_idle, uint32_t *ret_running, uint32_t *ret_blocked)
{
    nb_lock_acquire(&exec->lock);
    *ret_workers = exec->worker_count;
    *ret_idle = exec->idle_count;
    *ret_running = exec->running;
    *ret_blocked = exec->blocked;
    nb_lock_release(&exec->lock);
}
