/* test_exec.c - the driven step and the pool. */
#include "support.h"

#include "exec/context.h"
#include "exec/exec.h"
#include "exec/worker.h"

typedef struct bench {
    test_heap own;
    nb_heap *heap;
    nb_clock clock;
    nb_timers timers;
    nb_exec exec;
    atomic_size_t refused;
} bench;

static void count_refused(void *user)
{
    bench *b = user;

    atomic_fetch_add(&b->refused, 1);
}

static void bench_open_with(bench *b, uint32_t min_workers, uint32_t max_workers, bool manual)
{
    nb_exec_options options = { .driven = max_workers == 0, .min_workers = min_workers, .max_workers = max_workers,
                                .thread_refused = count_refused, .user = b };

    memset(b, 0, sizeof *b);
    heap_init(&b->own);
    b->heap = nb_heap_open(&b->own.allocator, 0);
    CHECK(b->heap != NULL);
    nb_clock_init(&b->clock, manual, START_TIME);
    nb_timers_init(&b->timers, &b->clock, b->heap, nb_exec_sooner, &b->exec);
    OK(nb_exec_init(&b->exec, &options, b->heap, &b->clock, &b->timers));
}

static void bench_open(bench *b, uint32_t min_workers, uint32_t max_workers)
{
    bench_open_with(b, min_workers, max_workers, true);
}

static void bench_close(bench *b)
{
    nb_exec_stop(&b->exec);
    nb_exec_stop(&b->exec); /* again is fine */
    nb_exec_fini(&b->exec);
    nb_timers_fini(&b->timers);
    nb_heap_close(b->heap);
    CHECK(heap_is_clean(&b->own));
}

typedef struct counts {
    uint32_t workers, idle, running, blocked;
} counts;

static counts look(bench *b)
{
    counts c;

    nb_exec_counts(&b->exec, &c.workers, &c.idle, &c.running, &c.blocked);
    return c;
}

/* A task that uses up calls, and may submit itself again or wait for its gate. */
typedef struct job {
    nb_task task;
    bench *bench;
    uint32_t wants; /* handler calls that are left to make */
    atomic_size_t runs;
    size_t order;
    atomic_bool *gate;       /* spins until it is open */
    nb_parker *parker;       /* waits in it, inside the library */
    atomic_int slept;
} job;

static size_t next_order;

static void job_run(nb_task *task, nb_turn *turn)
{
    job *j = NB_CONTAINER(task, job, task);

    while (j->wants > 0 && !nb_turn_over(turn)) {
        j->wants--;
        turn->calls_left--;
    }
    j->order = next_order++;
    if (j->wants > 0) {
        nb_exec_submit(&j->bench->exec, task);
    }
    atomic_fetch_add(&j->runs, 1);
}

static void wait_run(nb_task *task, nb_turn *turn)
{
    job *j = NB_CONTAINER(task, job, task);

    (void)turn;
    if (j->parker != NULL) {
        atomic_store(&j->slept, (int)nb_exec_sleep(&j->bench->exec, j->parker, INT64_MAX));
    }
    EVENTUALLY(j->gate == NULL || atomic_load(j->gate));
    atomic_fetch_add(&j->runs, 1);
}

static job job_of(bench *b, void (*run)(nb_task *, nb_turn *), uint32_t wants)
{
    job j = { .bench = b, .wants = wants };

    CHECK(nb_task_init(&b->exec, &j.task, run));
    return j;
}

static void job_submit(job *j)
{
    nb_exec_submit(&j->bench->exec, &j->task);
}

#define JOB(name, b, run, wants) job name = job_of((b), (run), (wants))

/* ---------------------------------------------------------------------------------------------- driven */

static void driven_runs_in_order(void **state)
{
    bench b;
    bool more;

    (void)state;
    bench_open(&b, 0, 0);
    JOB(first, &b, job_run, 1);
    JOB(second, &b, job_run, 1);
    next_order = 0;
    CHECK(!nb_exec_drive(&b.exec, 10, &more));
    CHECK(!more);
    job_submit(&first);
    job_submit(&second);
    CHECK(!nb_exec_drive(&b.exec, 0, &more)); /* timers only */
    CHECK(more);
    CHECK(nb_exec_drive(&b.exec, 1, &more));
    CHECK(more);
    EQ(atomic_load(&first.runs), 1);
    EQ(atomic_load(&second.runs), 0);
    CHECK(nb_exec_drive(&b.exec, 1, &more));
    CHECK(!more);
    EQ(first.order, 0);
    EQ(second.order, 1);
    CHECK(!nb_exec_drive(&b.exec, 1, &more));
    bench_close(&b);
}

static void driven_keeps_to_the_budget(void **state)
{
    bench b;
    bool more;

    (void)state;
    bench_open(&b, 0, 0);
    JOB(greedy, &b, job_run, 100);
    JOB(modest, &b, job_run, 1);
    next_order = 0;
    job_submit(&greedy);
    job_submit(&modest);
    CHECK(nb_exec_drive(&b.exec, 5, &more));
    EQ(greedy.wants, 95);
    CHECK(more);
    CHECK(nb_exec_drive(&b.exec, 1, &more)); /* the other one gets its turn */
    EQ(modest.wants, 0);
    EQ(greedy.wants, 95);
    CHECK(nb_exec_drive(&b.exec, 50, &more));
    EQ(greedy.wants, 45);
    EQ(atomic_load(&greedy.runs), 3); /* 5; 32 and 18 */
    CHECK(nb_exec_wait_idle(&b.exec, INT64_MAX));
    EQ(greedy.wants, 0);
    EQ(look(&b).running, 0);
    bench_close(&b);
}

/* Whoever has a place can submit; a place may need memory, and can be given back. */
static void places_in_the_queue(void **state)
{
    static job jobs[100];
    bench b;
    bool more;
    uint64_t calls;

    (void)state;
    bench_open(&b, 0, 0);
    for (size_t i = 0; i < COUNT(jobs); i++) {
        jobs[i] = job_of(&b, job_run, 1);
    }
    calls = heap_calls(&b.own);
    heap_fail(&b.own, 1, true);
    next_order = 0;
    for (size_t i = 0; i < COUNT(jobs); i++) {
        job_submit(&jobs[i]);
    }
    CHECK(nb_exec_drive(&b.exec, COUNT(jobs), &more));
    for (size_t i = 0; i < COUNT(jobs); i++) {
        EQ(jobs[i].order, i);
        nb_task_fini(&b.exec, &jobs[i].task);
    }
    for (size_t i = 0; i < COUNT(jobs); i++) {
        CHECK(nb_task_init(&b.exec, &jobs[i].task, job_run)); /* no more than before */
    }
    EQ(heap_calls(&b.own), calls);
    for (int i = 0; i < 1000; i++) {
        nb_task extra;

        if (!nb_task_init(&b.exec, &extra, job_run)) {
            heap_fail(&b.own, 0, false);
            CHECK(nb_task_init(&b.exec, &extra, job_run));
            bench_close(&b);
            return;
        }
    }
    CHECK(false); /* it never needed memory */
}

/* The caller of stop runs what is left, so that nobody waits for it for ever. */
static void what_is_left_is_run_by_the_one_who_stops(void **state)
{
    bench b;

    (void)state;
    bench_open(&b, 0, 0);
    JOB(one, &b, job_run, 40); /* submits itself again after 32 */
    JOB(other, &b, job_run, 1);
    job_submit(&one);
    job_submit(&other);
    CHECK(nb_exec_pending(&b.exec) && nb_exec_working(&b.exec));
    nb_exec_stop(&b.exec);
    EQ(atomic_load(&one.runs), 2);
    EQ(one.wants, 0);
    EQ(atomic_load(&other.runs), 1);
    CHECK(!nb_exec_pending(&b.exec) && !nb_exec_working(&b.exec));
    bench_close(&b);
}

static void one_thread_drives(void **state)
{
    bench b;

    (void)state;
    bench_open(&b, 0, 0);
    CHECK(nb_exec_drive_begin(&b.exec));
    CHECK(!nb_exec_drive_begin(&b.exec));
    nb_exec_drive_end(&b.exec);
    CHECK(nb_exec_drive_begin(&b.exec));
    nb_exec_drive_end(&b.exec);
    bench_close(&b);
}

typedef struct waker {
    nb_task task;
    bench *bench;
    nb_parker *parker;
} waker;

static void waker_run(nb_task *task, nb_turn *turn)
{
    waker *w = NB_CONTAINER(task, waker, task);

    turn->calls_left--;
    nb_exec_wake(&w->bench->exec, w->parker);
}

static void driven_waits_drive(void **state)
{
    bench b;
    nb_parker parker;
    nb_frame frame;
    waker w;

    (void)state;
    bench_open(&b, 0, 0);
    nb_parker_init(&parker);
    w.bench = &b;
    w.parker = &parker;
    CHECK(nb_task_init(&b.exec, &w.task, waker_run));
    EQ(nb_exec_sleep(&b.exec, &parker, INT64_MAX), NB_SLEPT_WOULD_BLOCK); /* nothing to run, and nobody moves the clock */
    EQ(nb_exec_sleep(&b.exec, &parker, 0), NB_SLEPT_TIMEOUT);
    nb_exec_submit(&b.exec, &w.task);
    nb_frame_enter(&frame, &b, NULL); /* options.user is the instance */
    EQ(nb_exec_sleep(&b.exec, &parker, INT64_MAX), NB_SLEPT_WOULD_BLOCK);
    nb_frame_leave(&frame);
    EQ(nb_exec_sleep(&b.exec, &parker, INT64_MAX), NB_SLEPT_SET);
    nb_parker_reset(&parker);
    CHECK(nb_exec_drive_begin(&b.exec)); /* somebody else drives */
    EQ(nb_exec_sleep(&b.exec, &parker, INT64_MAX), NB_SLEPT_WOULD_BLOCK);
    nb_exec_drive_end(&b.exec);
    nb_parker_fini(&parker);
    bench_close(&b);
}

static void the_bell_rings_once_armed(void **state)
{
    bench b;
    bool more;

    (void)state;
    bench_open(&b, 0, 0);
    JOB(one, &b, job_run, 1);
    job_submit(&one); /* nobody has armed it */
    CHECK(!descriptor_is_readable(b.exec.bell.read_fd));
    CHECK(nb_exec_drive(&b.exec, 1, &more));
    nb_exec_arm_bell(&b.exec);
    job_submit(&one);
    CHECK(descriptor_is_readable(b.exec.bell.read_fd));
    CHECK(!atomic_load(&b.exec.bell_armed));
    nb_bell_clear(&b.exec.bell);
    CHECK(nb_exec_drive(&b.exec, 1, &more));
    job_submit(&one); /* once armed, it rings once */
    CHECK(!descriptor_is_readable(b.exec.bell.read_fd));
    bench_close(&b);
}

static void turns_end(void **state)
{
    nb_turn turn = { .calls_left = 1, .end = INT64_MAX };

    (void)state;
    CHECK(!nb_turn_over(&turn));
    turn.end = 0; /* long past */
    CHECK(nb_turn_over(&turn));
    turn = (nb_turn){ .calls_left = 0, .end = INT64_MAX };
    CHECK(nb_turn_over(&turn));
    turn = (nb_turn){ .calls_left = 1, .end = NB_TURN_LATER }; /* it begins when somebody asks */
    CHECK(!nb_turn_over(&turn));
    CHECK(turn.end > 0);
    EVENTUALLY(nb_turn_over(&turn));
}

/* --------------------------------------------------------------------------------------------- context */

static void frames(void **state)
{
    nb_frame outer, inner;
    int a = 0, b = 0, f = 0, g = 0;

    (void)state;
    CHECK(!nb_inside(&a) && !nb_inside_owner(&f));
    nb_frame_enter(&outer, &a, &f);
    nb_frame_enter(&inner, &b, &g);
    CHECK(nb_inside(&a) && nb_inside(&b) && nb_inside_owner(&f) && nb_inside_owner(&g));
    CHECK(!nb_inside(&f) && !nb_inside_owner(&a));
    nb_frame_leave(&inner);
    CHECK(nb_inside(&a) && !nb_inside(&b) && !nb_inside_owner(&g));
    nb_frame_leave(&outer);
    CHECK(!nb_inside(&a));
    for (int i = 0; i < 16; i++) {
        CHECK(nb_nest_enter());
    }
    CHECK(!nb_nest_enter());
    nb_nest_leave();
    CHECK(nb_nest_enter());
    for (int i = 0; i < 16; i++) {
        nb_nest_leave();
    }
}

/* ------------------------------------------------------------------------------------------------ pool */

static void the_pool_runs_tasks(void **state)
{
    static job jobs[500];
    bench b;

    (void)state;
    bench_open(&b, 3, 3);
    for (size_t i = 0; i < COUNT(jobs); i++) {
        jobs[i] = job_of(&b, wait_run, 0);
        job_submit(&jobs[i]);
    }
    CHECK(nb_exec_wait_idle(&b.exec, INT64_MAX));
    for (size_t i = 0; i < COUNT(jobs); i++) {
        EQ(atomic_load(&jobs[i].runs), 1);
    }
    EVENTUALLY(look(&b).idle == 3);
    EQ(look(&b).workers, 3);
    EQ(look(&b).running, 0);
    EQ(look(&b).blocked, 0);
    bench_close(&b);
}

static void the_wait_for_idleness_ends(void **state)
{
    bench b;
    atomic_bool open = false;

    (void)state;
    bench_open(&b, 1, 1);
    JOB(one, &b, wait_run, 0);
    CHECK(nb_exec_wait_idle(&b.exec, INT64_MAX)); /* its worker has begun, and parked */
    CHECK(nb_exec_wait_idle(&b.exec, 0));         /* idle already */
    one.gate = &open;
    job_submit(&one);
    CHECK(!nb_exec_wait_idle(&b.exec, 0)); /* long past */
    EQ(atomic_load(&one.runs), 0);
    atomic_store(&open, true);
    CHECK(nb_exec_wait_idle(&b.exec, INT64_MAX));
    EQ(atomic_load(&one.runs), 1);
    bench_close(&b);
}

/* A task that submits others, which submit others: all of them are done when the instance is said to be idle. */
typedef struct tree {
    nb_task task;
    bench *bench;
    struct tree *first, *second; /* NULL: none */
    atomic_size_t runs;
} tree;

static void tree_run(nb_task *task, nb_turn *turn)
{
    tree *t = NB_CONTAINER(task, tree, task);

    (void)turn;
    if (t->first != NULL) {
        nb_exec_submit(&t->bench->exec, &t->first->task);
        nb_exec_submit(&t->bench->exec, &t->second->task);
    }
    atomic_fetch_add_explicit(&t->runs, 1, memory_order_relaxed); /* relaxed: idleness is what shows it */
}

static void idle_means_that_all_is_done(void **state)
{
    static tree trees[127];
    bench b;

    (void)state;
    memset(trees, 0, sizeof trees);
    bench_open(&b, 3, 3);
    for (size_t i = 0; i < COUNT(trees); i++) {
        CHECK(nb_task_init(&b.exec, &trees[i].task, tree_run));
        trees[i].bench = &b;
        trees[i].first = 2 * i + 2 < COUNT(trees) ? &trees[2 * i + 1] : NULL;
        trees[i].second = 2 * i + 2 < COUNT(trees) ? &trees[2 * i + 2] : NULL;
    }
    for (size_t round = 1; round <= 300; round++) {
        nb_exec_submit(&b.exec, &trees[0].task);
        while (round % 3 == 0 && !nb_exec_wait_idle(&b.exec, 0)) { /* by looking again and again, too */
        }
        CHECK(nb_exec_wait_idle(&b.exec, INT64_MAX));
        for (size_t i = 0; i < COUNT(trees); i++) {
            EQ(atomic_load_explicit(&trees[i].runs, memory_order_relaxed), round);
        }
        CHECK(!nb_exec_working(&b.exec));
    }
    bench_close(&b);
}

/* A worker that waits inside the library does not count as work. */
static void blocked_is_idle(void **state)
{
    bench b;
    nb_parker parker;

    (void)state;
    bench_open(&b, 1, 1);
    JOB(one, &b, wait_run, 0);
    nb_parker_init(&parker);
    one.parker = &parker;
    job_submit(&one);
    CHECK(nb_exec_wait_idle(&b.exec, INT64_MAX));
    EQ(look(&b).blocked, 1);
    EQ(look(&b).running, 1);
    EQ(atomic_load(&one.runs), 0);
    nb_exec_wake(&b.exec, &parker);
    EVENTUALLY(atomic_load(&one.runs) == 1);
    EQ(atomic_load(&one.slept), NB_SLEPT_SET);
    nb_exec_block_begin(&b.exec); /* not a worker: not counted */
    EQ(look(&b).blocked, 0);
    nb_exec_block_end(&b.exec);
    EVENTUALLY(look(&b).idle == 1);
    bench_close(&b);
    nb_parker_fini(&parker);
}

static void the_pool_grows_when_all_are_blocked(void **state)
{
    bench b;
    nb_parker parkers[3];
    job jobs[3];

    (void)state;
    bench_open(&b, 1, 3);
    EVENTUALLY(look(&b).idle == 1);
    for (size_t i = 0; i < 3; i++) {
        nb_parker_init(&parkers[i]);
        jobs[i] = job_of(&b, wait_run, 0);
        jobs[i].parker = &parkers[i];
        job_submit(&jobs[i]);
        EVENTUALLY(look(&b).blocked == i + 1);
        EQ(look(&b).workers, i + 1); /* one more for each, and no more */
    }
    JOB(last, &b, wait_run, 0);
    job_submit(&last); /* max_workers is reached: it waits */
    EQ(look(&b).workers, 3);
    EQ(atomic_load(&last.runs), 0);
    nb_exec_wake(&b.exec, &parkers[1]);
    EVENTUALLY(atomic_load(&last.runs) == 1);
    EQ(atomic_load(&jobs[0].runs), 0);
    nb_exec_wake(&b.exec, &parkers[0]);
    nb_exec_wake(&b.exec, &parkers[2]);
    EVENTUALLY(look(&b).idle == 3);
    EQ(atomic_load(&b.refused), 0);
    bench_close(&b);
    for (size_t i = 0; i < 3; i++) {
        nb_parker_fini(&parkers[i]);
    }
}

static void the_pool_does_not_grow_beside_a_busy_worker(void **state)
{
    bench b;
    atomic_bool open = false;

    (void)state;
    bench_open(&b, 1, 4);
    JOB(busy, &b, wait_run, 0);
    JOB(next, &b, wait_run, 0);
    EVENTUALLY(look(&b).idle == 1);
    busy.gate = &open;
    job_submit(&busy);
    EVENTUALLY(look(&b).running == 1);
    job_submit(&next); /* a manual clock: nothing looks whether the pool is stuck */
    EQ(look(&b).workers, 1);
    EQ(atomic_load(&next.runs), 0);
    atomic_store(&open, true);
    CHECK(nb_exec_wait_idle(&b.exec, INT64_MAX));
    EQ(atomic_load(&next.runs), 1);
    EQ(look(&b).workers, 1);
    bench_close(&b);
}

/* Never merely because a task was submitted: a worker that was woken and has not come yet is not blocked. */
static void the_pool_does_not_grow_while_a_worker_is_on_its_way(void **state)
{
    bench b;

    (void)state;
    bench_open(&b, 1, 4);
    JOB(first, &b, wait_run, 0);
    JOB(second, &b, wait_run, 0);
    for (int i = 0; i < 200; i++) {
        EVENTUALLY(look(&b).idle == 1);
        job_submit(&first);
        job_submit(&second);
        EQ(look(&b).workers, 1);
        CHECK(nb_exec_wait_idle(&b.exec, INT64_MAX));
    }
    EQ(look(&b).workers, 1);
    bench_close(&b);
}

/* Nobody finishes anything: the clock thread looks at it, and starts another worker. Real clock. */
static void the_pool_grows_when_nothing_finishes(void **state)
{
    bench b;
    atomic_bool open = false;

    (void)state;
    bench_open_with(&b, 1, 2, false);
    JOB(busy, &b, wait_run, 0);
    JOB(next, &b, wait_run, 0);
    busy.gate = &open;
    job_submit(&busy);
    EVENTUALLY(look(&b).running == 1);
    job_submit(&next);
    EVENTUALLY(atomic_load(&next.runs) == 1);
    EQ(look(&b).workers, 2);
    atomic_store(&open, true);
    CHECK(nb_exec_wait_idle(&b.exec, INT64_MAX));
    bench_close(&b);
}

static void a_submit_wakes_exactly_one(void **state)
{
    bench b;
    atomic_bool open = false;

    (void)state;
    bench_open(&b, 4, 4);
    JOB(one, &b, wait_run, 0);
    JOB(two, &b, wait_run, 0);
    EVENTUALLY(look(&b).idle == 4);
    one.gate = two.gate = &open;
    job_submit(&one);
    EVENTUALLY(look(&b).running == 1);
    EQ(look(&b).idle, 3);
    job_submit(&two);
    EVENTUALLY(look(&b).running == 2);
    EQ(look(&b).idle, 2);
    EQ(atomic_load(&b.exec.lot.wakes) + atomic_load(&b.exec.lot.spared), 2);
    atomic_store(&open, true);
    CHECK(nb_exec_wait_idle(&b.exec, INT64_MAX));
    EVENTUALLY(look(&b).idle == 4);
    bench_close(&b);
}

static void refused_growth_is_told(void **state)
{
    bench b;
    nb_parker parker;

    (void)state;
    bench_open(&b, 1, 4);
    JOB(blocked, &b, wait_run, 0);
    JOB(next, &b, wait_run, 0);
    nb_parker_init(&parker);
    EVENTUALLY(look(&b).idle == 1);
    blocked.parker = &parker;
    job_submit(&blocked);
    EVENTUALLY(look(&b).blocked == 1);
    nb_thread_fail_after(1);
    job_submit(&next);
    EVENTUALLY(atomic_load(&b.refused) == 1);
    EQ(look(&b).workers, 1);
    nb_thread_fail_after(0);
    nb_exec_wake(&b.exec, &parker);
    EVENTUALLY(atomic_load(&next.runs) == 1);
    EVENTUALLY(look(&b).idle == 1);
    bench_close(&b);
    EQ(atomic_load(&b.refused), 1);
    nb_parker_fini(&parker);
}

static void the_clock_thread_fires(void **state)
{
    bench b;
    nb_parker parker;

    (void)state;
    bench_open(&b, 1, 1);
    nb_parker_init(&parker);
    nb_clock_set(&b.clock, 100);
    EQ(nb_exec_sleep(&b.exec, &parker, 50), NB_SLEPT_TIMEOUT); /* past already: the clock thread sets the parker */
    nb_parker_fini(&parker);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(driven_runs_in_order),
        cmocka_unit_test(driven_keeps_to_the_budget),
        cmocka_unit_test(places_in_the_queue),
        cmocka_unit_test(what_is_left_is_run_by_the_one_who_stops),
        cmocka_unit_test(one_thread_drives),
        cmocka_unit_test(driven_waits_drive),
        cmocka_unit_test(the_bell_rings_once_armed),
        cmocka_unit_test(turns_end),
        cmocka_unit_test(frames),
        cmocka_unit_test(the_pool_runs_tasks),
        cmocka_unit_test(the_wait_for_idleness_ends),
        cmocka_unit_test(idle_means_that_all_is_done),
        cmocka_unit_test(blocked_is_idle),
        cmocka_unit_test(the_pool_grows_when_all_are_blocked),
        cmocka_unit_test(the_pool_does_not_grow_beside_a_busy_worker),
        cmocka_unit_test(the_pool_does_not_grow_while_a_worker_is_on_its_way),
        cmocka_unit_test(the_pool_grows_when_nothing_finishes),
        cmocka_unit_test(a_submit_wakes_exactly_one),
        cmocka_unit_test(refused_growth_is_told),
        cmocka_unit_test(the_clock_thread_fires),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
