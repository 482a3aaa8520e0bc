/*
 * engine.h - the parts of the explorer, as they see each other.
 *
 * One schedule is one run of a scenario. Its threads are fibers (fiber.c). Before each operation on shared memory a fiber comes to a point
 * (schedule.c), where another one may be made to run; then the operation is done by the model (model.c), which decides what a read sees.
 * Every decision is taken by ex_choose() or drawn from the schedule's random numbers, so that a schedule can be run again (runner.c),
 * then with a trace (report.c).
 */
#ifndef EX_ENGINE_H
#define EX_ENGINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <ucontext.h>

#include "explore.h"
#include "platform/self.h"

#define EX_THREADS 7u /* the main thread (setup and finish), 0, and six others */
#define EX_CLOCKS 8u  /* one for each thread, and one for the order of sequentially consistent operations */
#define EX_SC 7u
#define EX_WINDOW 8u  /* stores of one place that are remembered; older ones cannot be read any more */

/*
 * What a thread knows: for each thread, how many of its operations.
 * hb: they happen before this point; decides about races. cc: they are coherence-ordered before it, which is more: a sequentially
 * consistent fence orders what can be read, but is no synchronisation. cc decides which stores may still be read.
 */
typedef struct ex_clocks {
    uint32_t hb[EX_CLOCKS], cc[EX_CLOCKS];
} ex_clocks;

static inline void ex_join(ex_clocks *into, const ex_clocks *from)
{
    for (uint32_t i = 0; i < EX_CLOCKS; i++) {
        into->hb[i] = into->hb[i] > from->hb[i] ? into->hb[i] : from->hb[i];
        into->cc[i] = into->cc[i] > from->cc[i] ? into->cc[i] : from->cc[i];
    }
}

/* ------------------------------------------------------------------------------------------------ threads */

typedef enum ex_state { EX_ABSENT, EX_READY, EX_WAITING, EX_DONE } ex_state;

typedef struct ex_thread {
    uint32_t index;
    uint32_t number; /* of a scenario's thread; UINT32_MAX: the main thread, and threads that the library has started */
    ex_state state;
    ex_clocks now;      /* what it knows */
    ex_clocks acquired; /* what its next acquire fence adds: what relaxed reads have seen */
    ex_clocks released; /* what its last release fence passes on with every later store */
    bool has_released;
    bool last_was_rmw;
    const void *waits_for;
    bool may_time_out, timed_out;
    int priority;            /* PCT */
    uint32_t stale_reads, weak_failures; /* in a row */
    void (*run)(void *arg);
    void *arg;
    nb_self self;
    /* the fiber */
    bool started; /* its stack has been entered once */
    bool fresh;   /* a new thread is to begin on it */
    jmp_buf base, place;
    ucontext_t context;
} ex_thread;

typedef struct ex_engine {
    ex_thread threads[EX_THREADS];
    ex_thread *current;
    uint32_t scenario_threads;
    bool running; /* the scenario's threads run; false: setup or finish, alone */
    uint32_t ready, paused, timed; /* sets of threads */
    uint32_t steps;
    uint32_t idle_pauses; /* since the last write */
    uint32_t sc_count;  /* sequentially consistent operations so far */
    ex_clocks sc_fence; /* what the fences so far have passed on: cc only */
    bool asymmetric;    /* in this schedule light fences cost nothing and heavy ones reach all threads */
    int64_t elapsed;
    uint64_t history;   /* hash of all that was done */
    uint64_t outcome;   /* hash of what was noted */
    bool tracing;
    bool tracing_setup; /* also what setup does, which is the same each time */
    bool failed;
    char failure[400];
    jmp_buf main_place; /* where the main thread waits for the others */
    jmp_buf fail_place; /* where a failed schedule ends */
} ex_engine;

extern ex_engine ex;

/* fiber.c */
void ex_fibers_init(void);
void ex_fiber_prepare(ex_thread *thread, void (*run)(void *), void *arg);
bool ex_on_stack(uintptr_t address);
void ex_fiber_switch(ex_thread *to);     /* from ex.current, which is not done */
_Noreturn void ex_fiber_leave(ex_thread *to); /* from ex.current, which is done; to NULL: the main place */

/* ----------------------------------------------------------------------------------------------- schedule */

/* schedule.c */
typedef struct ex_plan {
    enum explore_mode mode;
    uint64_t seed;
    uint32_t length;     /* PCT: how many steps a schedule has */
    uint32_t deviations; /* DFS: how many are allowed */
} ex_plan;

void ex_schedule_begin(const ex_plan *plan);
bool ex_schedule_next_dfs(void); /* DFS: on to the next schedule; false: there is none */
void ex_schedule_reset_dfs(void);

uint32_t ex_random(uint32_t below);
uint32_t ex_choose_stale(uint32_t count);  /* 0: the newest; up to count - 1: how far behind */
bool ex_choose_weak_failure(void);

/* A thread comes to an operation. */
void ex_point(explore_site *site);

/* The current thread waits until ex_wake; false: it timed out instead, which only happens if it may. */
bool ex_wait(const void *what, bool may_time_out);
void ex_wake(const void *what);
void ex_thread_ready(ex_thread *thread);
_Noreturn void ex_thread_done(void);
void ex_run_threads(void); /* from the main thread, until all are done */

/* ------------------------------------------------------------------------------------------------- memory */

/* memory.c: the allocator, and what is known of each block */
typedef struct ex_block {
    uintptr_t start;
    size_t size;
    bool freed;
    uint32_t thread, clock, step; /* who made it, when; or freed it */
    struct ex_place *places;
} ex_block;

void ex_memory_begin(void);
void *ex_malloc(size_t size);
void ex_free(void *block);
ex_block *ex_block_of(uintptr_t address); /* NULL: not the allocator's */
void ex_memory_check_leaks(void);

/* place.c: what is known of each address */
typedef struct ex_stored {
    uint64_t value;
    uint32_t seen[EX_CLOCKS]; /* the clock at which each thread first read or wrote this store or a later one; 0: not yet */
    bool releases;
    ex_clocks passes_on;
} ex_stored;

typedef enum ex_place_kind { EX_ATOMIC, EX_PLAIN, EX_LOCK } ex_place_kind;

typedef struct ex_place {
    uintptr_t key;
    ex_place_kind kind;
    uint8_t size;
    bool gone;                   /* freed or ended: no more accesses until it is made again */
    uint32_t made_by, made_at;   /* who initialised it, when */
    uint32_t last[EX_CLOCKS];    /* atomic: the last access of each thread; plain: the last read */
    uint32_t writer, written_at; /* plain: the last write */
    uint32_t holder;             /* lock: thread + 1 */
    struct ex_place *next_in_block;
    bool restore; /* a static variable: gets back what it was before the schedule */
    uint64_t before;
    uint32_t oldest, newest;     /* atomic: numbers of the stores that can be read */
    ex_stored *stores;           /* EX_WINDOW of them; of a lock: one, for what it passes on; of plain data: none */
} ex_place;

uint64_t ex_memory_at(const volatile void *place, size_t size);
void ex_set_memory(volatile void *place, size_t size, uint64_t value);
void ex_places_begin(void);
ex_place *ex_place_find(const volatile void *address, size_t size, ex_place_kind kind); /* made if it is not known */
void ex_place_access(ex_place *place); /* the current thread is about to use it: fails if it must not */
void ex_place_make(ex_place *place, uint64_t value); /* initialised by the current thread: history begins */
void ex_place_end(ex_place *place, const char *what);
void ex_range_end(ex_place *first, uintptr_t start, size_t size);
void ex_range_begin(ex_place *first, uintptr_t start, size_t size);

/* model.c: for the platform's own operations */
uint64_t ex_read_newest(explore_site *site, const volatile void *place, size_t size); /* as the kernel reads: never stale */
void ex_lock_acquire(explore_site *site, const void *lock);
void ex_lock_release(explore_site *site, const void *lock);
void ex_lock_reset(const void *lock, bool ends);

/* runner.c, platform/: threads of the library's own, the end of a thread, the platform's own state */
ex_thread *ex_thread_start(void (*run)(void *arg), void *arg); /* NULL: there are too many */
void ex_self_ends(ex_thread *thread);                          /* runs the hooks of the end of a thread, on that thread */
void ex_platform_begin(void);
void ex_thread_platform_begin(void);

/* ------------------------------------------------------------------------------------------------- report */

/* report.c */
void ex_trace(const explore_site *site, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ex_trace_print(FILE *out);
void ex_trace_clear(void);
const char *ex_order_name(memory_order order);
const char *ex_site_file(const explore_site *site); /* from lib/ or tests/ on */
const char *ex_thread_name(uint32_t index);
bool ex_report_coverage(const explore_subject *subject);
uint32_t ex_check_files(void); /* files.c: how many files nobody explores */

static inline void ex_mix(uint64_t value)
{
    ex.history = (ex.history ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    ex.history ^= ex.history >> 29;
}

/* seen.c: how many different numbers there were */
typedef struct ex_seen {
    uint64_t *table;
    size_t size, count;
} ex_seen;

void ex_seen_init(ex_seen *seen, size_t expected);
void ex_seen_add(ex_seen *seen, uint64_t value);
void ex_seen_fini(ex_seen *seen);

/* runner.c */
typedef struct ex_task {
    const explore_scenario *scenario;
    enum explore_mode mode;
    uint64_t seed;
    uint64_t schedules;
} ex_task;

void ex_catch_crashes(void);
bool ex_run_task(const ex_task *task); /* prints its result */
bool ex_replay(const ex_task *task);   /* one schedule, traced; task->seed or the schedule's number (DFS) */

#endif
