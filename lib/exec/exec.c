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

int64_t nb_turn_end(nb_turn *turn)
{
    if (turn->end == NB_TURN_LATER) {
        turn->end = nb_platform_elapsed() + NB_TURN_NS;
    }
    return turn->end;
}

bool nb_turn_over(nb_turn *turn)
{
    return turn->calls_left == 0 || (nb_turn_end(turn) != INT64_MAX && nb_platform_coarse() >= turn->end);
}

bool nb_task_init(nb_exec *exec, nb_task *task, void (*run)(nb_task *task, nb_turn *turn))
{
    task->run = run;
    return nb_mpmc_reserve(&exec->tasks);
}

void nb_task_fini(nb_exec *exec, nb_task *task)
{
    (void)task;
    nb_mpmc_unreserve(&exec->tasks);
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

void nb_exec_arm_bell(nb_exec *exec)
{
    nb_store_seq_cst(&exec->bell_armed, true);
    nb_fence_seq_cst(); /* armed, then looked for work; nb_exec_ring(): brought work, then looked whether it is armed */
}

void nb_exec_ring(nb_exec *exec)
{
    if (!exec->options.driven) {
        return;
    }
    nb_fence_seq_cst(); /* pairs with those in nb_exec_arm_bell() and doze() */
    if (nb_load_relaxed(&exec->bell_armed) && nb_exchange_acq_rel(&exec->bell_armed, false)) {
        nb_bell_ring(&exec->bell);
    }
    if (nb_load_relaxed(&exec->dozing) > 0) {
        wake_dozers(exec);
    }
}

void nb_exec_push(nb_exec *exec, nb_task *task)
{
    nb_mpmc_push(&exec->tasks, (uintptr_t)task);
}

void nb_exec_announce(nb_exec *exec)
{
    if (exec->options.driven) {
        nb_exec_ring(exec);
        return;
    }
    nb_lot_notify(&exec->lot); /* fences */
    if (nb_load_relaxed(&exec->idle) == 0 && nb_load_relaxed(&exec->may_grow)) {
        nb_exec_consider_growth(exec);
    }
}

void nb_exec_submit(nb_exec *exec, nb_task *task)
{
    nb_exec_push(exec, task);
    nb_exec_announce(exec);
}

/* ---------------------------------------------------------------------------------------------- driven */

bool nb_exec_drive_begin(nb_exec *exec)
{
    /* Acquire and release: what one driver did, the next one sees. Seq_cst: doze() looks at it behind its announcement. */
    return !nb_exchange_seq_cst(&exec->driving, true);
}

void nb_exec_drive_end(nb_exec *exec)
{
    nb_store_seq_cst(&exec->driving, false);
    wake_dozers(exec); /* one of them takes over */
}

/* A task, for who drives. If there is none, what was submitted before is not over yet, or nothing was. */
static nb_task *look_for_task(nb_exec *exec)
{
    nb_task *task;

    nb_worker_enter(&exec->driver, NB_WORKER_LOOKING);
    nb_fence_seq_cst(); /* pairs with the one in nb_exec_idle() */
    task = nb_exec_pop(exec);
    if (task == NULL) {
        nb_worker_enter(&exec->driver, NB_WORKER_IDLE);
    }
    return task;
}

static void run_found(nb_exec *exec, nb_task *task, size_t *calls_left)
{
    nb_turn turn = { .calls_left = *calls_left < NB_TURN_CALLS ? (uint32_t)*calls_left : NB_TURN_CALLS, .end = INT64_MAX };
    uint32_t granted = turn.calls_left;

    nb_exec_run_task(exec, &exec->driver, task, &turn);
    *calls_left -= granted - turn.calls_left;
    nb_worker_enter(&exec->driver, NB_WORKER_IDLE);
}

static bool run_one(nb_exec *exec, size_t *calls_left)
{
    nb_task *task = look_for_task(exec);

    if (task != NULL) {
        run_found(exec, task, calls_left);
    }
    return task != NULL;
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
    *ret_more = nb_exec_pending(exec);
    return any;
}

/* ---------------------------------------------------------------------------------------------- waiting */

void nb_exec_wake(nb_exec *exec, nb_parker *parker)
{
    nb_parker_set(parker);
    nb_exec_ring(exec);
}

void nb_exec_wake_last(nb_exec *exec, nb_parker *parker)
{
    nb_parker_set_last(parker);
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
 * driving or sets a parker wakes the list afterwards: so nothing is missed. Returns a task that it has found, if it drives.
 */
static nb_task *doze(nb_exec *exec, nb_parker *parker, bool drives, int64_t until)
{
    nb_task *task = NULL;
    int64_t next;
    bool work;
    dozer self;

    nb_link_init(&self.link);
    nb_parker_init(&self.parker);
    nb_lock_acquire(&exec->lock);
    nb_list_push(&exec->dozers, &self.link);
    nb_store_relaxed(&exec->dozing, nb_load_relaxed(&exec->dozing) + 1);
    nb_lock_release(&exec->lock);
    nb_fence_seq_cst(); /* announced, then looks; nb_exec_ring(): brought work, then looked for dozers */
    if (drives) {
        task = look_for_task(exec);
    }
    work = task != NULL || (!drives && !nb_load_seq_cst(&exec->driving));
    next = drives ? nb_timers_next(exec->timers) : INT64_MAX;
    if (!work && !nb_parker_is_set(parker)) {
        nb_parker_wait(&self.parker, next < until ? next : until);
    }
    nb_lock_acquire(&exec->lock);
    nb_link_remove(&self.link);
    nb_store_relaxed(&exec->dozing, nb_load_relaxed(&exec->dozing) - 1);
    nb_lock_release(&exec->lock);
    nb_parker_fini(&self.parker);
    return task;
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
            nb_task *task = doze(exec, parker, true, until);

            if (task != NULL) {
                run_found(exec, task, &(size_t){ 1 });
            }
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
    return exec->options.driven ? drive_until_idle(exec, until) : nb_exec_wait_threaded(exec, until);
}
