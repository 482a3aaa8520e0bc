/*
 * worker.c - the pool and the clock thread.
 *
 * Growth. A new worker is started when a task waits, nobody is idle, and a worker blocks inside a call of the library (or all of them do
 * already), or nothing has finished for a while (looked at by the clock thread, real clock only). Never merely because a task was
 * submitted.
 */
#include "exec/worker.h"

#include <string.h>

#include "base/number.h"
#include "platform/clock.h"
#include "platform/self.h"

#define GROWTH_CHECK_NS 10000000

static void *worker_main(void *arg)
{
    nb_worker *worker = arg;
    nb_exec *exec = worker->exec;
    nb_task *task;

    nb_self_get()->works_for = exec;
    nb_lock_acquire(&exec->lock);
    while (!exec->stopping) {
        task = nb_exec_pop_locked(exec);
        if (task != NULL) {
            nb_turn turn = { .calls_left = NB_TURN_CALLS };

            nb_lock_release(&exec->lock);
            turn.end = nb_platform_elapsed() + NB_TURN_NS;
            task->run(task, &turn);
            nb_lock_acquire(&exec->lock);
            nb_exec_done_locked(exec);
            continue;
        }
        nb_parker_reset(&worker->parker);
        nb_list_push_front(&exec->idle, &worker->link);
        exec->idle_count++;
        nb_lock_release(&exec->lock);
        nb_parker_wait(&worker->parker, INT64_MAX);
        nb_lock_acquire(&exec->lock);
    }
    nb_lock_release(&exec->lock);
    return NULL;
}

static void *clock_main(void *arg)
{
    nb_exec *exec = arg;

    for (;;) {
        bool stopping;

        nb_parker_reset(&exec->clock_parker);
        nb_lock_acquire(&exec->lock);
        stopping = exec->stopping;
        nb_lock_release(&exec->lock);
        if (stopping) {
            return NULL;
        }
        if (atomic_exchange(&exec->refused, false)) {
            exec->options.thread_refused(exec->options.user);
        }
        nb_timers_fire(exec->timers);
        nb_parker_wait(&exec->clock_parker, exec->clock->manual ? INT64_MAX : nb_timers_next(exec->timers));
    }
}

static bool start_worker_locked(nb_exec *exec)
{
    nb_worker *worker = &exec->workers[exec->worker_count];

    worker->exec = exec;
    nb_link_init(&worker->link);
    nb_parker_init(&worker->parker);
    if (!nb_thread_start(&worker->thread, worker_main, worker)) {
        nb_parker_fini(&worker->parker);
        return false;
    }
    exec->worker_count++;
    return true;
}

/* A task waits and nobody will come for it by himself. */
static bool stuck_locked(const nb_exec *exec)
{
    return !exec->options.driven && !exec->stopping && !nb_list_empty(&exec->tasks) && exec->idle_count == 0 &&
           exec->worker_count < exec->options.max_workers;
}

static void grow_locked(nb_exec *exec)
{
    if (!start_worker_locked(exec)) {
        exec->options.max_workers = exec->worker_count; /* do not ask again and again */
        atomic_store(&exec->refused, true);
        nb_parker_set(&exec->clock_parker);
    }
}

void nb_exec_wake_worker_locked(nb_exec *exec)
{
    nb_link *link = nb_list_pop(&exec->idle);

    if (link != NULL) {
        exec->idle_count--;
        nb_parker_set(&NB_CONTAINER(link, nb_worker, link)->parker);
    } else if (stuck_locked(exec) && exec->blocked == exec->worker_count) {
        grow_locked(exec);
    }
}

bool nb_exec_watch_locked(nb_exec *exec)
{
    if (!stuck_locked(exec) || exec->growth_set || exec->clock->manual) {
        return false;
    }
    exec->growth_set = true;
    exec->finished_at_growth_check = exec->finished;
    return true;
}

void nb_exec_watch(nb_exec *exec)
{
    nb_timer_set(exec->timers, &exec->growth, nb_add_time(nb_clock_elapsed(exec->clock), GROWTH_CHECK_NS));
}

static void check_growth(nb_timer *timer)
{
    nb_exec *exec = NB_CONTAINER(timer, nb_exec, growth);
    bool again;

    nb_lock_acquire(&exec->lock);
    exec->growth_set = false;
    if (stuck_locked(exec) && exec->finished == exec->finished_at_growth_check) {
        grow_locked(exec);
    }
    again = nb_exec_watch_locked(exec);
    nb_lock_release(&exec->lock);
    if (again) {
        nb_exec_watch(exec);
    }
}

void nb_exec_block_begin(nb_exec *exec)
{
    if (nb_self_get()->works_for != exec) {
        return;
    }
    nb_lock_acquire(&exec->lock);
    exec->blocked++;
    if (stuck_locked(exec)) {
        grow_locked(exec);
    }
    nb_exec_tell_idle_locked(exec);
    nb_lock_release(&exec->lock);
}

void nb_exec_block_end(nb_exec *exec)
{
    if (nb_self_get()->works_for != exec) {
        return;
    }
    nb_lock_acquire(&exec->lock);
    exec->blocked--;
    nb_lock_release(&exec->lock);
}

/* ------------------------------------------------------------------------------------------ life cycle */

static nimbus_status start_threads(nb_exec *exec)
{
    bool started = true;

    exec->worker_room = exec->options.max_workers;
    exec->workers = nb_alloc_array(exec->heap, exec->worker_room, sizeof *exec->workers);
    if (exec->workers == NULL) {
        return nb_heap_failure(exec->heap, exec->options.max_workers * sizeof *exec->workers);
    }
    exec->clock_running = nb_thread_start(&exec->clock_thread, clock_main, exec);
    nb_lock_acquire(&exec->lock);
    while (exec->clock_running && started && exec->worker_count < exec->options.min_workers) {
        started = start_worker_locked(exec);
    }
    nb_lock_release(&exec->lock);
    return exec->clock_running && started ? NIMBUS_OK : NIMBUS_E_THREAD;
}

nimbus_status nb_exec_init(nb_exec *exec, const nb_exec_options *options, nb_heap *heap, nb_clock *clock, nb_timers *timers)
{
    nimbus_status status = NIMBUS_OK;

    memset(exec, 0, sizeof *exec);
    exec->options = *options;
    exec->heap = heap;
    exec->clock = clock;
    exec->timers = timers;
    exec->bell = (nb_bell)NB_BELL_NONE;
    atomic_init(&exec->bell_armed, false);
    atomic_init(&exec->driving, false);
    nb_link_init(&exec->tasks);
    nb_link_init(&exec->idle);
    nb_link_init(&exec->idle_waiters);
    nb_link_init(&exec->dozers);
    nb_lock_init(&exec->lock);
    nb_parker_init(&exec->clock_parker);
    if (!nb_timer_init(timers, &exec->growth, check_growth)) {
        nb_parker_fini(&exec->clock_parker);
        nb_lock_fini(&exec->lock);
        return NIMBUS_E_NO_MEMORY;
    }
    if (options->driven) {
        status = nb_bell_open(&exec->bell) ? NIMBUS_OK : NIMBUS_E_SYSTEM;
    } else {
        status = start_threads(exec);
    }
    if (status != NIMBUS_OK) {
        nb_exec_fini(exec);
    }
    return status;
}

void nb_exec_stop(nb_exec *exec)
{
    nb_link *link;

    nb_lock_acquire(&exec->lock);
    exec->stopping = true;
    while ((link = nb_list_pop(&exec->idle)) != NULL) {
        exec->idle_count--;
        nb_parker_set(&NB_CONTAINER(link, nb_worker, link)->parker);
    }
    nb_lock_release(&exec->lock);
    nb_parker_set(&exec->clock_parker);
    if (exec->clock_running) {
        nb_thread_join(&exec->clock_thread); /* first: it may start workers */
        exec->clock_running = false;
    }
    for (uint32_t i = 0; i < exec->worker_count; i++) {
        nb_thread_join(&exec->workers[i].thread);
        nb_parker_fini(&exec->workers[i].parker);
    }
    exec->worker_count = 0;
}

void nb_exec_fini(nb_exec *exec)
{
    nb_exec_stop(exec);
    nb_free(exec->heap, exec->workers, exec->worker_room * sizeof *exec->workers);
    nb_timer_fini(exec->timers, &exec->growth);
    nb_bell_close(&exec->bell);
    nb_parker_fini(&exec->clock_parker);
    nb_lock_fini(&exec->lock);
}
