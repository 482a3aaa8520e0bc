/*
 * state.c - what the workers are at, and what follows from it: idleness, counts. See the head of exec.h.
 */
#include "exec/worker.h"

#include <stddef.h>

#include "platform/clock.h"

#define STATE(word) ((nb_worker_state)((word) & 3u))

void nb_exec_start_running(nb_exec *exec, nb_worker *worker)
{
    nb_worker_enter(worker, NB_WORKER_RUNNING);
    if (nb_lot_settle(&exec->lot, &worker->sleeper) && nb_exec_pending(exec)) { /* it was woken for this one: now for the others */
        nb_lot_notify(&exec->lot);
        nb_exec_consider_growth(exec); /* it has ceased to be idle, and settle has fenced */
    }
}

bool nb_exec_pending(nb_exec *exec)
{
    return nb_mpmc_size(&exec->tasks) > 0;
}

/* Worker number i; the driver stands behind the workers. NULL: there are no more. */
static nb_worker *worker_at(nb_exec *exec, uint32_t i)
{
    uint32_t count = nb_load_acquire(&exec->worker_count); /* pairs with the release in start_worker_locked() */

    return i < count ? &exec->workers[i] : i == count ? &exec->driver : NULL;
}

/* A sum over the versions of all words; *ret_busy: one of them is LOOKING or RUNNING. Versions only grow: equal sums, equal words. */
static uint64_t look(nb_exec *exec, bool *ret_busy)
{
    nb_worker *worker;
    uint64_t sum = 0;

    *ret_busy = false;
    for (uint32_t i = 0; (worker = worker_at(exec, i)) != NULL; i++) {
        uint64_t word = nb_load_acquire(&worker->word); /* pairs with the release in nb_worker_enter() */

        sum += word >> 2;
        *ret_busy = *ret_busy || STATE(word) == NB_WORKER_LOOKING || STATE(word) == NB_WORKER_RUNNING;
    }
    return sum;
}

bool nb_exec_idle(nb_exec *exec)
{
    bool busy, busy_again, pending;
    uint64_t before, after;

    /*
     * Acquire keeps the first look before the size. The fence keeps the second one behind it, and pairs with the fence behind IDLE ->
     * LOOKING: the claim of a task is a relaxed write behind that one, so who has seen it in the size sees LOOKING, or what came later.
     */
    before = look(exec, &busy);
    pending = nb_exec_pending(exec);
    nb_fence_seq_cst();
    after = look(exec, &busy_again);
    return !busy && !busy_again && !pending && before == after;
}

typedef struct idle_waiter {
    nb_link link;
    nb_parker parker;
} idle_waiter;

void nb_exec_tell_idle(nb_exec *exec)
{
    nb_link *link;

    if (nb_load_relaxed(&exec->watchers) == 0) { /* behind the caller's fence; pairs with that of wait_threaded() */
        return;
    }
    nb_lock_acquire(&exec->lock);
    if (nb_exec_idle(exec)) {
        while ((link = nb_list_pop(&exec->idle_waiters)) != NULL) {
            nb_parker_set(&NB_CONTAINER(link, idle_waiter, link)->parker);
        }
    }
    nb_lock_release(&exec->lock);
}

/* ---------------------------------------------------------------------------------------------- counts */

/*
 * The state of a worker, for who must know whether it has a task. One that is LOOKING will know it in a moment, unless it was interrupted
 * just there; after a millisecond it counts as running.
 */
static nb_worker_state settled_state(nb_worker *worker)
{
    nb_worker_state state = STATE(nb_load_acquire(&worker->word)); /* as in look() */

    for (uint32_t i = 0; state == NB_WORKER_LOOKING && i < 150; i++) {
        if (i < 100) {
            nb_pause();
        } else {
            nb_parker never;

            nb_parker_init(&never);
            nb_parker_wait(&never, nb_platform_elapsed() + 20000);
            nb_parker_fini(&never);
        }
        state = STATE(nb_load_acquire(&worker->word));
    }
    return state == NB_WORKER_LOOKING ? NB_WORKER_RUNNING : state;
}

void nb_exec_counts(nb_exec *exec, uint32_t *ret_workers, uint32_t *ret_idle, uint32_t *ret_running, uint32_t *ret_blocked)
{
    nb_worker *worker;

    *ret_workers = *ret_idle = *ret_running = *ret_blocked = 0;
    for (uint32_t i = 0; (worker = worker_at(exec, i)) != NULL; i++) {
        nb_worker_state state = settled_state(worker);

        *ret_workers += worker != &exec->driver;
        *ret_idle += state == NB_WORKER_IDLE && worker != &exec->driver;
        *ret_running += state == NB_WORKER_RUNNING || state == NB_WORKER_BLOCKED;
        *ret_blocked += state == NB_WORKER_BLOCKED;
    }
}

/* Whether a task is queued or runs; counting blocked: or is blocked. Waits for those that are LOOKING, not for tasks. */
static bool at_work(nb_exec *exec, bool counting_blocked)
{
    uint32_t workers, idle, running, blocked;

    do {
        nb_exec_counts(exec, &workers, &idle, &running, &blocked);
        if (running > (counting_blocked ? 0 : blocked) || nb_exec_pending(exec)) {
            return true;
        }
    } while (!nb_exec_idle(exec)); /* one has just been woken */
    return false;
}

bool nb_exec_working(nb_exec *exec)
{
    return at_work(exec, true);
}

/* --------------------------------------------------------------------------------------------- waiting */

bool nb_exec_wait_threaded(nb_exec *exec, int64_t until)
{
    bool idle, in_time = true;
    idle_waiter waiter;

    nb_parker_init(&waiter.parker);
    nb_link_init(&waiter.link);
    nb_lock_acquire(&exec->lock);
    nb_store_relaxed(&exec->watchers, nb_load_relaxed(&exec->watchers) + 1);
    nb_fence_seq_cst(); /* announced, then looked; a worker changes its word, then looks for watchers: one of them sees the other */
    while (!(idle = nb_exec_idle(exec)) && in_time) {
        nb_list_push(&exec->idle_waiters, &waiter.link);
        nb_lock_release(&exec->lock);
        in_time = nb_parker_wait(&waiter.parker, until);
        nb_lock_acquire(&exec->lock);
        nb_link_remove(&waiter.link);
        nb_parker_reset(&waiter.parker);
    }
    nb_store_relaxed(&exec->watchers, nb_load_relaxed(&exec->watchers) - 1);
    nb_lock_release(&exec->lock);
    nb_parker_fini(&waiter.parker);
    return idle || !at_work(exec, false);
}
