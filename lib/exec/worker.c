/* worker.c - the pool and the clock thread. See the head of exec.h. */
#include "exec/worker.h"

#include <string.h>

#include "base/number.h"
#include "platform/self.h"

#define GROWTH_CHECK_NS 10000000

/*
 * How often a worker that has run out of work looks for more before it announces that it will sleep, and then before it goes to the kernel:
 * pauses of some 25 ns, so about as long as a wake-up takes. Not with one processor, where nobody else could bring work meanwhile.
 */
#ifdef NB_TESTING
#define LOOKS 1u
#define LAST_LOOKS 1u
#define FIRST_RING 2u
#else
#define LOOKS 80u
#define LAST_LOOKS 40u
#define FIRST_RING 64u
#endif

/* -------------------------------------------------------------------------------------------- workers */

static void sleep_idle(nb_exec *exec, nb_worker *worker)
{
    nb_worker_enter(worker, NB_WORKER_IDLE);
    (void)nb_add_seq_cst(&exec->idle, 1);
    nb_fence_after_rmw(); /* idle, then looks for watchers: pairs with nb_exec_wait_threaded() */
    nb_exec_tell_idle(exec);
    (void)nb_lot_park(&exec->lot, &worker->sleeper, INT64_MAX, exec->looks > 0 ? LAST_LOOKS : 0);
    nb_worker_enter(worker, NB_WORKER_LOOKING);
    (void)nb_sub_seq_cst(&exec->idle, 1);
    nb_fence_after_rmw(); /* pairs with nb_exec_idle(): LOOKING, then the claim; and with nb_exec_submit(): not idle, then looks for work */
}

/* The queue was empty. Either there is a task after all, or the lot has known of this worker since before it looked: then NULL, after a
 * sleep. */
static nb_task *wait_for_work(nb_exec *exec, nb_worker *worker)
{
    nb_task *task = NULL;

    for (uint32_t i = 0; i < exec->looks && task == NULL; i++) {
        nb_pause();
        task = nb_exec_pop(exec); /* touches nothing that a submit writes to, but the cell that it waits for */
    }
    if (task == NULL) {
        nb_lot_prepare(&exec->lot, &worker->sleeper); /* fences */
        task = nb_exec_pop(exec);
        if (task == NULL && !nb_load_relaxed(&exec->stopping)) {
            sleep_idle(exec, worker);
        } else {
            nb_lot_cancel(&exec->lot, &worker->sleeper);
        }
    }
    return task;
}

/*
 * This task, and what lies in the queue behind it. Its word stays RUNNING from one to the next: it is at work all the time, and to those
 * who look at it each change would be a line of memory to fetch.
 */
static void run_tasks(nb_exec *exec, nb_worker *worker, nb_task *task)
{
    nb_exec_start_running(exec, worker);
    do {
        nb_turn turn = { .calls_left = NB_TURN_CALLS, .end = NB_TURN_LATER };

        nb_exec_call_task(worker, task, &turn);
        task = nb_load_relaxed(&exec->stopping) ? NULL : nb_exec_pop(exec); /* relaxed: as in worker_main() */
    } while (task != NULL);
    nb_worker_enter(worker, NB_WORKER_LOOKING);
}

static void *worker_main(void *arg)
{
    nb_worker *worker = arg;
    nb_exec *exec = worker->exec;

    nb_self_get()->works_for = worker;
    while (!nb_load_relaxed(&exec->stopping)) { /* relaxed: it is looked at behind a fence before every sleep */
        nb_task *task = nb_exec_pop(exec);

        task = task == NULL ? wait_for_work(exec, worker) : task;
        if (task != NULL) {
            run_tasks(exec, worker, task);
        }
    }
    (void)nb_lot_settle(&exec->lot, &worker->sleeper);
    nb_lot_notify(&exec->lot); /* the next one ends, too */
    return NULL;
}

static void *clock_main(void *arg)
{
    nb_exec *exec = arg;

    for (;;) {
        nb_parker_reset(&exec->clock_parker);
        nb_fence_seq_cst(); /* pairs with the one in nb_exec_stop(): if the reset has wiped out its set, the sign is seen here */
        if (nb_load_relaxed(&exec->stopping)) {
            return NULL;
        }
        if (nb_exchange_acq_rel(&exec->refused, false)) {
            exec->options.thread_refused(exec->options.user);
            nb_exec_tell_idle(exec); /* the worker that could not be started was taken for one that is looking */
        }
        nb_timers_fire(exec->timers);
        nb_parker_wait(&exec->clock_parker, exec->clock->manual ? INT64_MAX : nb_timers_next(exec->timers));
    }
}

/* --------------------------------------------------------------------------------------------- growth */

/* Counted before it is started: nobody must find the instance idle while it has its first task. */
static bool start_worker_locked(nb_exec *exec)
{
    uint32_t count = nb_load_relaxed(&exec->worker_count);
    nb_worker *worker = &exec->workers[count];

    worker->exec = exec;
    nb_atomic_init(&worker->word, 0);
    nb_atomic_init(&worker->finished, 0);
    nb_worker_enter(worker, NB_WORKER_LOOKING);
    nb_lot_sleeper_init(&worker->sleeper);
    nb_store_release(&exec->worker_count, count + 1); /* pairs with the acquire in worker_at(), state.c */
    if (!nb_thread_start(&worker->thread, worker_main, worker)) {
        nb_store_release(&exec->worker_count, count);
        nb_lot_sleeper_fini(&worker->sleeper);
        return false;
    }
    nb_store_relaxed(&exec->may_grow, count + 1 < exec->max_workers);
    return true;
}

/* A task waits and nobody will come for it by himself. */
static bool stuck(nb_exec *exec)
{
    return nb_load_relaxed(&exec->may_grow) && !nb_load_relaxed(&exec->stopping) && nb_load_relaxed(&exec->idle) == 0 &&
           nb_exec_pending(exec);
}

static void grow_locked(nb_exec *exec)
{
    if (!start_worker_locked(exec)) {
        exec->max_workers = nb_load_relaxed(&exec->worker_count); /* do not ask again and again */
        nb_store_relaxed(&exec->may_grow, false);
        nb_store_release(&exec->refused, true);
        nb_parker_set(&exec->clock_parker);
    }
}

static void grow_if_stuck(nb_exec *exec)
{
    nb_lock_acquire(&exec->lock);
    if (stuck(exec)) {
        grow_locked(exec);
    }
    nb_lock_release(&exec->lock);
}

static uint64_t finished(nb_exec *exec)
{
    uint32_t count = nb_load_acquire(&exec->worker_count); /* as in worker_at(), state.c */
    uint64_t sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        sum += nb_load_relaxed(&exec->workers[i].finished);
    }
    return sum;
}

/* Looks again in a while whether anything has finished. The caller has set growth_set. */
static void watch_growth(nb_exec *exec)
{
    nb_lock_acquire(&exec->lock);
    exec->finished_at_growth_check = finished(exec);
    nb_lock_release(&exec->lock);
    nb_timer_set(exec->timers, &exec->growth, nb_add_time(nb_clock_elapsed(exec->clock), GROWTH_CHECK_NS));
}

void nb_exec_consider_growth(nb_exec *exec)
{
    if (!stuck(exec)) {
        return;
    }
    if (nb_load_relaxed(&exec->blocked) == nb_load_relaxed(&exec->worker_count)) { /* pairs with nb_exec_block_begin() */
        grow_if_stuck(exec);
    } else if (!exec->clock->manual && !nb_load_relaxed(&exec->growth_set) && !nb_exchange_acq_rel(&exec->growth_set, true)) {
        watch_growth(exec);
    }
}

static void check_growth(nb_timer *timer)
{
    nb_exec *exec = NB_CONTAINER(timer, nb_exec, growth);

    nb_lock_acquire(&exec->lock);
    if (stuck(exec) && finished(exec) == exec->finished_at_growth_check) {
        grow_locked(exec);
    }
    nb_lock_release(&exec->lock);
    if (!stuck(exec)) {
        nb_store_relaxed(&exec->growth_set, false);
        nb_fence_seq_cst(); /* nobody watches, then looks for work; a submit brings work, then looks whether somebody watches */
        if (!stuck(exec) || nb_exchange_acq_rel(&exec->growth_set, true)) {
            return;
        }
    }
    watch_growth(exec);
}

/* The worker of this pool that the calling thread is; NULL: it is none. */
static nb_worker *own_worker(nb_exec *exec)
{
    nb_worker *worker = nb_self_get()->works_for;

    return worker != NULL && worker->exec == exec ? worker : NULL;
}

void nb_exec_block_begin(nb_exec *exec)
{
    nb_worker *worker = own_worker(exec);

    if (worker == NULL) {
        return;
    }
    nb_worker_enter(worker, NB_WORKER_BLOCKED);
    (void)nb_add_seq_cst(&exec->blocked, 1);
    nb_fence_after_rmw(); /* blocked, then looks for work and for watchers: pairs with nb_exec_submit() and nb_exec_wait_threaded() */
    if (stuck(exec)) {
        grow_if_stuck(exec);
    }
    nb_exec_tell_idle(exec);
}

void nb_exec_block_end(nb_exec *exec)
{
    nb_worker *worker = own_worker(exec);

    if (worker != NULL) {
        nb_worker_enter(worker, NB_WORKER_RUNNING);
        (void)nb_sub_relaxed(&exec->blocked, 1); /* a hint for growth */
    }
}

/* ------------------------------------------------------------------------------------------ life cycle */

static nimbus_status start_threads(nb_exec *exec)
{
    bool started = true;

    exec->worker_room = exec->max_workers = exec->options.max_workers;
    exec->workers = nb_alloc_array(exec->heap, exec->worker_room, sizeof *exec->workers);
    if (exec->workers == NULL) {
        return nb_heap_failure(exec->heap, exec->options.max_workers * sizeof *exec->workers);
    }
    exec->clock_running = nb_thread_start(&exec->clock_thread, clock_main, exec);
    nb_lock_acquire(&exec->lock);
    while (exec->clock_running && started && nb_load_relaxed(&exec->worker_count) < exec->options.min_workers) {
        started = start_worker_locked(exec);
    }
    nb_lock_release(&exec->lock);
    return exec->clock_running && started ? NIMBUS_OK : NIMBUS_E_THREAD;
}

static void fini_locks(nb_exec *exec)
{
    nb_lot_sleeper_fini(&exec->driver.sleeper);
    nb_parker_fini(&exec->clock_parker);
    nb_lock_fini(&exec->lock);
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
    nb_lot_init(&exec->lot);
    nb_lot_sleeper_init(&exec->driver.sleeper);
    exec->driver.exec = exec;
    exec->looks = nb_platform_cpus() > 1 ? LOOKS : 0;
    nb_link_init(&exec->idle_waiters);
    nb_link_init(&exec->dozers);
    nb_lock_init(&exec->lock);
    nb_parker_init(&exec->clock_parker);
    if (!nb_mpmc_init(&exec->tasks, heap, FIRST_RING)) {
        fini_locks(exec);
        return NIMBUS_E_NO_MEMORY;
    }
    if (!nb_timer_init(timers, &exec->growth, check_growth)) {
        nb_mpmc_fini(&exec->tasks);
        fini_locks(exec);
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
    uint32_t count;
    nb_task *task;

    nb_store_seq_cst(&exec->stopping, true);
    nb_fence_seq_cst(); /* the sign, then the parker: see clock_main() */
    nb_lot_notify(&exec->lot); /* the sign to stop is work that never runs out */
    nb_parker_set(&exec->clock_parker);
    if (exec->clock_running) {
        nb_thread_join(&exec->clock_thread); /* first: it may start workers */
        exec->clock_running = false;
    }
    count = nb_load_relaxed(&exec->worker_count); /* joined: nobody changes it any more */
    for (uint32_t i = 0; i < count; i++) {
        nb_thread_join(&exec->workers[i].thread);
    }
    for (uint32_t i = 0; i < count; i++) { /* not before all have ended: one may wake another */
        nb_lot_sleeper_fini(&exec->workers[i].sleeper);
    }
    nb_store_relaxed(&exec->worker_count, 0);
    nb_lot_init(&exec->lot); /* empty: what it knew is gone */
    while ((task = nb_exec_pop(exec)) != NULL) {
        nb_turn turn = { .calls_left = NB_TURN_CALLS, .end = INT64_MAX };

        nb_exec_run_task(exec, &exec->driver, task, &turn);
    }
    nb_worker_enter(&exec->driver, NB_WORKER_IDLE);
}

void nb_exec_fini(nb_exec *exec)
{
    nb_exec_stop(exec);
    nb_free(exec->heap, exec->workers, exec->worker_room * sizeof *exec->workers);
    nb_timer_fini(exec->timers, &exec->growth);
    nb_mpmc_fini(&exec->tasks);
    nb_bell_close(&exec->bell);
    fini_locks(exec);
}
