/*
 * main.c - the command line of the explorer.
 *
 * Without --mode, each scenario is explored in all three modes. Answers 0 if nothing failed.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"

#define RELEASE 1000000u
#define QUICK 2000u

extern const explore_subject *const __start_explore_subjects[];
extern const explore_subject *const __stop_explore_subjects[];

typedef struct options {
    const char *subject, *scenario;
    int mode; /* -1: all */
    uint64_t schedules, seed;
    bool list, replay, coverage, files;
} options;

static void usage(void)
{
    puts("usage: explore [--subject NAME] [--scenario NAME] [--mode random|pct|dfs] [--schedules N] [--seed S] [--release]\n"
         "               [--replay SEED] [--with-setup] [--list] [--files]\n"
         "  --schedules N  of each scenario in each mode (2000); DFS ends earlier if there are no more\n"
         "  --release      a million\n"
         "  --replay SEED  one schedule of one scenario and mode, with a trace; for dfs the number of the schedule\n"
         "  --with-setup   a trace shows what the setup does, too\n"
         "  --files        whether each file with atomic operations is explored, or left out for a reason; runs nothing");
    exit(2);
}

static int mode_named(const char *name)
{
    static const char *const names[] = { "random", "pct", "dfs" };

    for (int i = 0; i < EXPLORE_MODES; i++) {
        if (strcmp(name, names[i]) == 0) {
            return i;
        }
    }
    usage();
    return -1;
}

static uint64_t number(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);

    if (*text == '\0' || *end != '\0') {
        usage();
    }
    return value;
}

static options read_options(int argc, char **argv)
{
    options all = { NULL, NULL, -1, QUICK, 1, false, false, true, false };

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--list") == 0) {
            all.list = true;
        } else if (strcmp(argv[i], "--files") == 0) {
            all.files = true;
        } else if (strcmp(argv[i], "--with-setup") == 0) {
            ex.tracing_setup = true;
        } else if (strcmp(argv[i], "--release") == 0) {
            all.schedules = RELEASE;
        } else if (value == NULL) {
            usage();
        } else {
            i++;
            if (strcmp(argv[i - 1], "--subject") == 0) {
                all.subject = value;
            } else if (strcmp(argv[i - 1], "--scenario") == 0) {
                all.scenario = value;
            } else if (strcmp(argv[i - 1], "--mode") == 0) {
                all.mode = mode_named(value);
            } else if (strcmp(argv[i - 1], "--schedules") == 0) {
                all.schedules = number(value);
            } else if (strcmp(argv[i - 1], "--seed") == 0) {
                all.seed = number(value);
            } else if (strcmp(argv[i - 1], "--replay") == 0) {
                all.seed = number(value);
                all.replay = true;
            } else {
                usage();
            }
        }
    }
    if (all.replay && (all.scenario == NULL || all.mode < 0)) {
        usage();
    }
    /* Some of the scenarios cannot reach all that their subject covers. */
    all.coverage = all.scenario == NULL && all.mode < 0;
    return all;
}

static uint64_t schedules_of(const explore_scenario *scenario, const options *all)
{
    uint64_t share = scenario->share == 0 ? 1 : scenario->share;

    return all->schedules / share > 0 ? all->schedules / share : 1;
}

/* Returns how many failed. */
static uint32_t run_scenario(const explore_scenario *scenario, const options *all)
{
    uint32_t failed = 0;

    for (int mode = 0; mode < EXPLORE_MODES; mode++) {
        ex_task task = { scenario, (enum explore_mode)mode, all->seed, schedules_of(scenario, all) };

        if (all->mode >= 0 && all->mode != mode) {
            continue;
        }
        failed += all->replay ? !ex_replay(&task) : !ex_run_task(&task);
    }
    return failed;
}

static uint32_t run_subject(const explore_subject *subject, const options *all, uint32_t *ret_ran)
{
    uint32_t failed = 0;

    for (size_t i = 0; i < subject->count; i++) {
        const explore_scenario *scenario = &subject->scenarios[i];

        if (all->scenario != NULL && strcmp(all->scenario, scenario->name) != 0) {
            continue;
        }
        ++*ret_ran;
        if (all->list) {
            printf("%-16s %-44s %u threads%s\n", subject->name, scenario->name, scenario->threads,
                   scenario->must_fail != NULL ? "  (planted defect)" : "");
        } else {
            failed += run_scenario(scenario, all);
        }
    }
    return failed;
}

/* Behind all scenarios: a subject's scenarios may stand in several files. */
static uint32_t check_coverage(const options *all)
{
    uint32_t failed = 0;

    for (const explore_subject *const *at = __start_explore_subjects; at < __stop_explore_subjects; at++) {
        if ((*at)->covers != NULL && (all->subject == NULL || strcmp(all->subject, (*at)->name) == 0)) {
            failed += !ex_report_coverage(*at);
        }
    }
    return failed;
}

int main(int argc, char **argv)
{
    options all = read_options(argc, argv);
    uint32_t failed = 0, ran = 0;

    ex_fibers_init();
    ex_catch_crashes();
    if (all.files) {
        return ex_check_files() == 0 ? 0 : 1;
    }
    for (const explore_subject *const *at = __start_explore_subjects; at < __stop_explore_subjects; at++) {
        if (all.subject == NULL || strcmp(all.subject, (*at)->name) == 0) {
            failed += run_subject(*at, &all, &ran);
        }
    }
    if (all.coverage && !all.list) {
        failed += check_coverage(&all);
    }
    if (ran == 0) {
        puts("FAILED  there is no such scenario");
        failed++;
    }
    if (!all.list) {
        printf("%u scenarios, %u failures\n", ran, failed);
    }
    return failed == 0 ? 0 : 1;
}
