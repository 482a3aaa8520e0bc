/*
 * exec.c - lib/exec: the run queue with its workers, growth, idleness, and driven waits. Whole pools: the workers and the clock thread are
 * threads of the explorer.
 *
 * A lost wake-up, a pool that does not grow when it must, or a wait for idleness that nobody ends is a thread that waits for ever.
 */
#include "explore.h"
#include "exec/exec.h"
#include "exec/worker.h"

#define TASKS 4u

static nb_heap *heap;
static nb_clock exec_clock;
static nb_timers timers;
static nb_exec exec;
static nb_parker opened, submitted, over, gate; /* submitted: the other thread has, and is done with exec */

typedef struct job {
    nb_task task;
    uint32_t ran;
    uint32_t next, count; /* it submits count others, from next on */
} job;

static job jobs[TASKS];
static _Atomic uint32_t left; /* jobs that have not run; the last one sets `over` */

static void refused(void *user)
{
    (void)user;
}

static void run(nb_task *task, nb_turn *turn)
{
    job *self = NB_CONTAINER(task, job, task);

    (void)turn;
    for (uint32_t i = 0; i < self->count; i++) {
        nb_exec_submit(&exec, &jobs[self->next + i].task);
    }
    nb_plain_write(&self->ran);
    self->ran++;
    if (nb_sub_acq_rel(&left, 1) == 1) {
        nb_parker_set(&over);
    }
}

static void setup(void)
{
    heap = nb_heap_open(NULL, 0);
    explore_check(heap != NULL);
    explore_processors(2);
    nb_parker_init(&opened);
    nb_parker_init(&submitted);
    nb_parker_init(&over);
    nb_parker_init(&gate);
    nb_atomic_init(&left, TASKS);
    for (uint32_t i = 0; i < TASKS; i++) {
        jobs[i] = (job){ .ran = 0 };
    }
}

static void finish(void)
{
    nb_parker_fini(&opened);
    nb_parker_fini(&submitted);
    nb_parker_fini(&over);
    nb_parker_fini(&gate);
    nb_heap_close(heap);
}

static void open_exec(uint32_t min_workers, uint32_t max_workers, bool manual)
{
    nb_exec_options options = { .driven = max_workers == 0, .min_workers = min_workers, .max_workers = max_workers,
                                .thread_refused = refused };

    nb_clock_init(&exec_clock, manual, 0);
    nb_timers_init(&timers, &exec_clock, heap, nb_exec_sooner, &exec);
    explore_check(nb_exec_init(&exec, &options, heap, &exec_clock, &timers) == NIMBUS_OK);
    for (uint32_t i = 0; i < TASKS; i++) {
        explore_check(nb_task_init(&exec, &jobs[i].task, run));
    }
}

static void close_exec(void)
{
    nb_exec_fini(&exec);
    nb_timers_fini(&timers);
}

static void check_ran(uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        nb_plain_read(&jobs[i].ran);
        explore_check(jobs[i].ran == 1);
    }
}

/* Two threads submit, two workers run: all tasks run. Wrong: a fence between push and look, or between prepare and pop. */
static void submit(uint32_t me)
{
    if (me == 0) {
        open_exec(2, 2, true);
        nb_parker_set(&opened);
        nb_exec_submit(&exec, &jobs[0].task);
        nb_exec_submit(&exec, &jobs[1].task);
        nb_parker_wait(&submitted, INT64_MAX);
        nb_parker_wait(&over, INT64_MAX);
        explore_note(nb_load_relaxed(&exec.lot.parks) << 4 | nb_load_relaxed(&exec.lot.wakes));
        close_exec();
        check_ran(0, TASKS);
    } else {
        nb_parker_wait(&opened, INT64_MAX);
        nb_exec_submit(&exec, &jobs[2].task);
        nb_exec_submit(&exec, &jobs[3].task);
        nb_parker_set(&submitted);
    }
}

/* One task submits two, one of which submits another one: idle is only when all are done. Wrong: the fences around the look at the size. */
static void idle(uint32_t me)
{
    (void)me;
    open_exec(2, 2, true);
    jobs[0].next = 1;
    jobs[0].count = 2;
    jobs[2].next = 3;
    jobs[2].count = 1;
    nb_exec_submit(&exec, &jobs[0].task);
    explore_check(nb_exec_wait_idle(&exec, INT64_MAX));
    check_ran(0, TASKS);
    explore_check(!nb_exec_working(&exec));
    close_exec();
}

/* The same by who only looks. */
static void idle_looked(uint32_t me)
{
    bool seen = false;

    (void)me;
    open_exec(2, 2, true);
    jobs[0].next = 1;
    jobs[0].count = 3;
    nb_exec_submit(&exec, &jobs[0].task);
    for (uint32_t i = 0; i < 3 && !seen; i++) {
        seen = nb_exec_idle(&exec);
        if (seen) {
            check_ran(0, TASKS);
        }
    }
    explore_note(seen);
    nb_parker_wait(&over, INT64_MAX);
    close_exec();
}

static void block(nb_task *task, nb_turn *turn)
{
    (void)turn;
    explore_check(nb_exec_sleep(&exec, &gate, INT64_MAX) == NB_SLEPT_SET);
    run(task, turn);
}

static void block_outside(nb_task *task, nb_turn *turn)
{
    nb_parker_wait(&gate, INT64_MAX);
    run(task, turn);
}

static void unblock(nb_task *task, nb_turn *turn)
{
    nb_exec_wake(&exec, &gate);
    run(task, turn);
}

/* The only worker blocks; the task that would wake it comes just then: the pool must grow. Wrong: the fences of block and submit. */
static void grow_blocked(uint32_t me)
{
    if (me == 0) {
        open_exec(1, 2, true);
        jobs[0].task.run = block;
        jobs[1].task.run = unblock;
        nb_atomic_init(&left, 2);
        nb_parker_set(&opened);
        nb_exec_submit(&exec, &jobs[0].task);
        nb_parker_wait(&over, INT64_MAX);
        nb_parker_wait(&submitted, INT64_MAX);
        explore_check(nb_exec_wait_idle(&exec, INT64_MAX));
        close_exec();
        check_ran(0, 2);
    } else {
        nb_parker_wait(&opened, INT64_MAX);
        nb_exec_submit(&exec, &jobs[1].task);
        nb_parker_set(&submitted);
    }
}

/* The worker waits where the library does not know it: the clock thread must find out that nothing finishes. Real clock. */
static void grow_watched(uint32_t me)
{
    (void)me;
    open_exec(1, 2, false);
    jobs[0].task.run = block_outside;
    jobs[1].task.run = unblock;
    nb_atomic_init(&left, 2);
    nb_exec_submit(&exec, &jobs[0].task);
    nb_exec_submit(&exec, &jobs[1].task);
    nb_parker_wait(&over, INT64_MAX);
    explore_check(nb_exec_wait_idle(&exec, INT64_MAX));
    close_exec();
    check_ran(0, 2);
}

/* The second thread is refused: nobody waits for a worker that will never come. */
static void grow_refused(uint32_t me)
{
    (void)me;
    open_exec(1, 2, true);
    jobs[0].task.run = block;
    nb_atomic_init(&left, 2);
    nb_thread_fail_after(1);
    nb_exec_submit(&exec, &jobs[0].task);
    nb_exec_submit(&exec, &jobs[1].task);
    nb_exec_wake(&exec, &gate);
    nb_parker_wait(&over, INT64_MAX);
    explore_check(nb_exec_wait_idle(&exec, INT64_MAX));
    nb_thread_fail_after(0);
    close_exec();
    check_ran(0, 2);
}

/* A driven wait drives what another thread submits, or is woken by it. Wrong: the fence of nb_exec_ring(), or of doze(). */
static void driven(uint32_t me)
{
    if (me == 0) {
        open_exec(0, 0, false);
        jobs[0].task.run = unblock;
        nb_parker_set(&opened);
        explore_check(nb_exec_sleep(&exec, &gate, INT64_MAX) == NB_SLEPT_SET);
        nb_parker_wait(&submitted, INT64_MAX);
        close_exec();
        check_ran(0, 1);
    } else {
        nb_parker_wait(&opened, INT64_MAX);
        nb_exec_submit(&exec, &jobs[0].task);
        nb_parker_set(&submitted);
    }
}

/* Two threads wait, one of them drives; who drives stops when it has what it waited for, and the other one takes over. */
static nb_parker wanted[2];

static void want_first(nb_task *task, nb_turn *turn)
{
    nb_exec_wake(&exec, &wanted[0]);
    run(task, turn);
}

static void want_second(nb_task *task, nb_turn *turn)
{
    nb_exec_wake(&exec, &wanted[1]);
    run(task, turn);
}

static void setup_driven(void)
{
    setup();
    nb_parker_init(&wanted[0]);
    nb_parker_init(&wanted[1]);
    open_exec(0, 0, false);
    jobs[0].task.run = want_first;
    jobs[1].task.run = want_second;
}

static void finish_driven(void)
{
    check_ran(0, 2);
    close_exec();
    nb_parker_fini(&wanted[0]);
    nb_parker_fini(&wanted[1]);
    finish();
}

static void driven_in_turn(uint32_t me)
{
    if (me < 2) {
        explore_check(nb_exec_sleep(&exec, &wanted[me], INT64_MAX) == NB_SLEPT_SET);
    } else {
        nb_exec_submit(&exec, &jobs[0].task);
        nb_exec_submit(&exec, &jobs[1].task);
    }
}

/* A loop around poll(2): armed, then looked; or rung. Wrong: the fence of nb_exec_arm_bell(). */
static void bell(uint32_t me)
{
    if (me == 0) {
        nb_exec_arm_bell(&exec);
        explore_note(nb_exec_pending(&exec) ? 1 : 0);
        if (!nb_exec_pending(&exec)) {
            nb_plain_write(&jobs[2].ran);
            jobs[2].ran = 1; /* it would sleep now */
        }
    } else {
        nb_exec_submit(&exec, &jobs[0].task);
    }
}

static void finish_bell(void)
{
    bool more;

    if (jobs[2].ran == 1) {
        explore_check(!nb_load_relaxed(&exec.bell_armed)); /* rung */
    }
    explore_check(nb_exec_drive(&exec, 2, &more));
    nb_exec_submit(&exec, &jobs[1].task);
    nb_exec_stop(&exec); /* runs what is left */
    finish_driven();
}

static const explore_scenario scenarios[] = {
    { .name = "exec_submit", .threads = 2, .setup = setup, .thread = submit, .finish = finish, .share = 4 },
    { .name = "exec_idle", .threads = 1, .setup = setup, .thread = idle, .finish = finish, .share = 4 },
    { .name = "exec_idle_looked", .threads = 1, .setup = setup, .thread = idle_looked, .finish = finish, .share = 4 },
    { .name = "exec_grow_blocked", .threads = 2, .setup = setup, .thread = grow_blocked, .finish = finish, .share = 4 },
    { .name = "exec_grow_watched", .threads = 1, .setup = setup, .thread = grow_watched, .finish = finish },
    { .name = "exec_grow_refused", .threads = 1, .setup = setup, .thread = grow_refused, .finish = finish, .share = 4 },
    { .name = "exec_driven", .threads = 2, .setup = setup, .thread = driven, .finish = finish, .share = 4 },
    { .name = "exec_driven_in_turn", .threads = 3, .setup = setup_driven, .thread = driven_in_turn, .finish = finish_driven, .share = 4 },
    { .name = "exec_bell", .threads = 2, .setup = setup_driven, .thread = bell, .finish = finish_bell, .share = 4 },
};

static const char *const covers[] = { "lib/exec/exec.c", "lib/exec/state.c", "lib/exec/worker.c", "lib/exec/worker.h", NULL };
static const explore_subject subject = { "exec", covers, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
