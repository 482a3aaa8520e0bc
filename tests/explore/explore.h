/*
 * explore.h - what a scenario sees of the schedule explorer.
 *
 * A scenario is a small program of up to six threads on the unchanged code of lib/. The explorer runs it again and again, each time in
 * another order, with another choice of what each atomic read sees, and looks for
 *   a check that fails,
 *   a data race on announced plain data, or on what was initialised or is freed without order,
 *   a thread that waits for ever (lost wake-up, deadlock) or spins for ever,
 *   memory that is used after its free, freed twice, written behind its end, or never freed.
 *
 * Scenario code runs on one operating system thread: its own variables are safe to share between the scenario's threads.
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include "explore_hooks.h"

enum explore_mode { EXPLORE_RANDOM, EXPLORE_PCT, EXPLORE_DFS, EXPLORE_MODES };

typedef struct explore_scenario {
    const char *name;
    uint32_t threads;                /* 1 to 6 */
    void (*setup)(void);             /* before the threads; may be NULL */
    void (*thread)(uint32_t number); /* 0 to threads - 1 */
    void (*finish)(void);            /* after them all; frees what setup made; may be NULL */
    uint32_t share;                  /* explore only 1 / share of the schedules asked for: scenarios that are slow; 0: all */
    /* A planted defect: the failure must contain this text, and must be found within so many schedules in each mode (0: not looked for). */
    const char *must_fail;
    uint32_t within[EXPLORE_MODES];
} explore_scenario;

/* An operation of a covered file that no schedule reaches, and why that is right. */
typedef struct explore_excuse {
    const char *file, *operation, *operand;
    const char *reason;
} explore_excuse;

/* Scenarios that belong together: one test program run. */
typedef struct explore_subject {
    const char *name;
    const char *const *covers;      /* files of lib/ whose every operation must be reached by the scenarios; ends in NULL */
    const explore_excuse *excuses;  /* ends in a file NULL; may be NULL */
    const explore_scenario *scenarios;
    size_t count;
} explore_subject;

#define EXPLORE_SUBJECT(subject) \
    static const explore_subject *const subject##_listed __attribute__((section("explore_subjects"), used)) = &(subject)

#define EXPLORE_COUNT(array) (sizeof(array) / sizeof *(array))

/* Ends the schedule as failed. */
_Noreturn void explore_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define explore_check(condition) ((condition) ? (void)0 : explore_fail("%s:%d: not so: %s", __FILE__, __LINE__, #condition))

/* Part of what this schedule led to: schedules that noted other values are other outcomes. */
void explore_note(uint64_t value);

/* A place where another thread may run, where the scenario has no operation of its own. */
void explore_yield(void);

/* Which scenario thread this is, from 0; in setup, finish and threads of the library: UINT32_MAX. */
uint32_t explore_self(void);

/* The n-th allocation from now on and all later ones fail; 1: the next; 0: none any more. */
void explore_refuse_memory(uint32_t after);

/* How many processors the library sees; 1 unless a setup says otherwise. With more, idle workers look around before they park. */
void explore_processors(uint32_t count);

/* Moves the explorer's clock. */
void explore_pass_time(int64_t nanoseconds);

#endif
