/*
 * runner.c - runs a scenario: one schedule, many of them, a failed one again with a trace.
 */
#include "engine.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEVIATIONS 3u

ex_engine ex;

static const explore_scenario *scenario;
static const char *const mode_names[] = { "random", "pct", "dfs" };

/* ------------------------------------------------------------------------------------- what scenarios call */

void explore_fail(const char *format, ...)
{
    va_list arguments;

    ex.failed = true;
    va_start(arguments, format);
    vsnprintf(ex.failure, sizeof ex.failure, format, arguments);
    va_end(arguments);
    ex_trace(NULL, "FAILS: %s", ex.failure);
    ex.running = false;
    ex.current = &ex.threads[0];
    _longjmp(ex.fail_place, 1);
}

void explore_note(uint64_t value)
{
    ex.outcome = (ex.outcome ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    ex.outcome ^= ex.outcome >> 31;
}

void explore_yield(void)
{
    static explore_site site = { __FILE__, __LINE__, "yield", "", 0 };

    ex_point(&site);
}

uint32_t explore_self(void)
{
    return ex.current->number;
}

void explore_pass_time(int64_t nanoseconds)
{
    ex.elapsed += nanoseconds;
}

/* assert() in the code under test. */
void __assert_fail(const char *assertion, const char *file, unsigned line, const char *function);
void __assert_fail(const char *assertion, const char *file, unsigned line, const char *function)
{
    explore_fail("assertion in %s, %s:%u: %s", function, file, line, assertion);
}

/* A wild pointer in the code under test, or a stack that is too small for it. */
static void crashed(int number)
{
    explore_fail("crash: signal %d", number);
}

void ex_catch_crashes(void)
{
    static char stack[64 * 1024];
    stack_t other = { .ss_sp = stack, .ss_size = sizeof stack };
    struct sigaction action = { .sa_handler = crashed, .sa_flags = SA_ONSTACK | SA_NODEFER };

    sigaltstack(&other, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGFPE, &action, NULL);
}

/* -------------------------------------------------------------------------------------------- one schedule */

static void run_scenario_thread(void *arg)
{
    ex.current->number = (uint32_t)(uintptr_t)arg;
    scenario->thread(ex.current->number);
    ex_self_ends(ex.current);
    ex_thread_done();
}

static void begin(const ex_plan *plan)
{
    for (uint32_t i = 0; i < EX_THREADS; i++) {
        ex_thread *thread = &ex.threads[i];

        thread->index = i;
        thread->number = UINT32_MAX;
        thread->state = EX_ABSENT;
        memset(&thread->now, 0, sizeof thread->now);
        memset(&thread->acquired, 0, sizeof thread->acquired);
        thread->has_released = thread->last_was_rmw = thread->may_time_out = false;
        thread->stale_reads = thread->weak_failures = 0;
        memset(&thread->self, 0, sizeof thread->self);
    }
    ex.current = &ex.threads[0];
    ex.running = ex.failed = false;
    ex.ready = ex.paused = ex.timed = ex.steps = ex.idle_pauses = ex.sc_count = 0;
    memset(&ex.sc_fence, 0, sizeof ex.sc_fence);
    ex.elapsed = INT64_C(1000000000);
    ex.history = ex.outcome = 1;
    ex_memory_begin();
    ex_places_begin();
    ex_platform_begin();
    ex_schedule_begin(plan);
}

ex_thread *ex_thread_start(void (*run)(void *arg), void *arg)
{
    for (uint32_t i = 1; i < EX_THREADS; i++) {
        ex_thread *thread = &ex.threads[i];

        if (thread->state == EX_ABSENT) {
            thread->now = ex.current->now;
            thread->now.hb[i] = thread->now.cc[i] = 1;
            ex_fiber_prepare(thread, run, arg);
            ex_thread_ready(thread);
            return thread;
        }
    }
    return NULL;
}

static void run_phases(void)
{
    if (scenario->setup != NULL) {
        scenario->setup();
    }
    for (uint32_t i = 0; i < scenario->threads; i++) {
        if (ex_thread_start(run_scenario_thread, (void *)(uintptr_t)i) == NULL) {
            explore_fail("the scenario has too many threads");
        }
    }
    ex_run_threads();
    ex.running = false;
    for (uint32_t i = 1; i < EX_THREADS; i++) {
        ex_join(&ex.threads[0].now, &ex.threads[i].now);
    }
    if (scenario->finish != NULL) {
        scenario->finish();
    }
    ex_self_ends(&ex.threads[0]);
    ex_memory_check_leaks();
}

/* Returns whether the schedule went well; else ex.failure says what happened. */
static bool run_once(const ex_plan *plan)
{
    begin(plan);
    if (_setjmp(ex.fail_place) == 0) {
        run_phases();
    }
    ex.running = false;
    return !ex.failed;
}

/* ------------------------------------------------------------------------------------------ many schedules */

typedef struct tally {
    uint64_t done;
    uint64_t max_steps;
    ex_seen histories, outcomes;
    bool complete; /* DFS: there was nothing left */
    ex_plan last;
    double seconds;
} tally;

/* Of the processor: a busy machine changes nothing. */
static double now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static bool count_one(tally *sum, const ex_plan *plan)
{
    bool good = run_once(plan);

    sum->last = *plan;
    sum->done++;
    sum->max_steps = ex.steps > sum->max_steps ? ex.steps : sum->max_steps;
    ex_seen_add(&sum->histories, ex.history);
    ex_seen_add(&sum->outcomes, ex.outcome);
    return good;
}

static bool explore_depth_first(tally *sum, uint64_t limit)
{
    for (uint32_t deviations = 0; deviations <= DEVIATIONS; deviations++) {
        ex_plan plan = { EXPLORE_DFS, 0, 0, deviations };

        ex_schedule_reset_dfs();
        do {
            if (sum->done == limit) {
                return true;
            }
            if (!count_one(sum, &plan)) {
                return false;
            }
        } while (ex_schedule_next_dfs());
    }
    sum->complete = true;
    return true;
}

/* PCT spreads its change points over the length of a schedule: that of the first one. */
static uint32_t usual_length(void)
{
    ex_plan plan = { EXPLORE_RANDOM, 0, 0, 0 };

    run_once(&plan);
    return ex.steps < 10 ? 10 : ex.steps;
}

static bool explore_by_chance(tally *sum, const ex_task *task)
{
    uint32_t length = task->mode == EXPLORE_PCT ? usual_length() : 0;

    for (uint64_t i = 0; i < task->schedules; i++) {
        ex_plan plan = { task->mode, task->seed + i, length, 0 };

        if (!count_one(sum, &plan)) {
            return false;
        }
    }
    return true;
}

static void show_failure(const ex_task *task, const tally *sum)
{
    char failure[sizeof ex.failure];

    memcpy(failure, ex.failure, sizeof failure);
    printf("FAILED  %s, %s, schedule %llu: %s\n", scenario->name, mode_names[task->mode], (unsigned long long)sum->done, failure);
    if (task->mode == EXPLORE_DFS) {
        printf("  replay: --scenario %s --mode dfs --replay %llu\n", scenario->name, (unsigned long long)sum->done);
    } else {
        printf("  replay: --scenario %s --mode %s --replay %llu\n", scenario->name, mode_names[task->mode],
               (unsigned long long)sum->last.seed);
    }
    ex.tracing = true;
    ex_trace_clear();
    if (run_once(&sum->last) || strcmp(failure, ex.failure) != 0) {
        printf("  NOT REPRODUCED (%s): something outside the schedule decides\n", ex.failed ? ex.failure : "no failure");
    }
    ex.tracing = false;
    printf("  %u steps%s:\n", ex.steps, ex.asymmetric ? ", light fences are nothing and heavy ones reach all threads" : "");
    ex_trace_print(stdout);
}

static bool judge(const ex_task *task, const tally *sum, bool good)
{
    uint32_t within = scenario->within[task->mode];

    if (scenario->must_fail == NULL) {
        if (!good) {
            show_failure(task, sum);
        }
        return good;
    }
    if (good) {
        printf("FAILED  %s, %s: the planted defect was not found in %llu schedules\n", scenario->name, mode_names[task->mode],
               (unsigned long long)sum->done);
        return false;
    }
    if (strstr(ex.failure, scenario->must_fail) == NULL || sum->done > within) {
        printf("FAILED  %s, %s: expected \"%s\" within %u schedules\n", scenario->name, mode_names[task->mode],
               scenario->must_fail, within);
        show_failure(task, sum);
        return false;
    }
    return true;
}

static void print_tally(const ex_task *task, const tally *sum, bool good)
{
    printf("%-44s %-6s %9llu schedules %9zu distinct %5zu outcomes %5llu steps at most %8.0f/s%s\n", scenario->name, mode_names[task->mode],
           (unsigned long long)sum->done, sum->histories.count, sum->outcomes.count, (unsigned long long)sum->max_steps,
           (double)sum->done / (sum->seconds > 0 ? sum->seconds : 1e-9),
           !good ? "  found" : task->mode != EXPLORE_DFS ? "" : sum->complete ? "  all" : "  bounded");
}

bool ex_run_task(const ex_task *task)
{
    tally sum = { 0 };
    double start = now();
    bool good;

    scenario = task->scenario;
    if (scenario->must_fail != NULL && scenario->within[task->mode] == 0) {
        return true;
    }
    ex_seen_init(&sum.histories, task->schedules);
    ex_seen_init(&sum.outcomes, task->schedules);
    good = task->mode == EXPLORE_DFS ? explore_depth_first(&sum, task->schedules) : explore_by_chance(&sum, task);
    sum.seconds = now() - start;
    print_tally(task, &sum, good);
    good = judge(task, &sum, good);
    fflush(stdout);
    ex_seen_fini(&sum.histories);
    ex_seen_fini(&sum.outcomes);
    return good;
}

bool ex_replay(const ex_task *task)
{
    ex_plan plan = { task->mode, task->seed, 0, 0 };
    tally sum = { 0 };

    scenario = task->scenario;
    if (task->mode == EXPLORE_DFS) {
        ex_seen_init(&sum.histories, task->seed);
        ex_seen_init(&sum.outcomes, task->seed);
        explore_depth_first(&sum, task->seed);
        plan = sum.last;
    } else {
        plan.length = task->mode == EXPLORE_PCT ? usual_length() : 0;
    }
    ex.tracing = true;
    ex_trace_clear();
    run_once(&plan);
    printf("%s: %s\n", scenario->name, ex.failed ? ex.failure : "goes well");
    ex_trace_print(stdout);
    return !ex.failed;
}
