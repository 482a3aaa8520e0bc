/*
 * main.c - nimbus_sim: runs seeds, each twice, and looks that both runs saw the same.
 *
 *     nimbus_sim [--seed S] [--seeds K] [--steps N] [--text TEXT] [--once] [--table] [--verbose]
 *                [--without ACTOR,...] [--no-faults FAULT,...] [--only STEPS] [--shrink] [--no-shrink] [--any]
 *
 * Seeds are S, S + 1, ... S + K - 1. --text: 200 more, drawn from the text (a commit). --once: each seed once. --table: prints how often
 * each transition and each invariant was exercised; without --any one that never was fails the run. --shrink: runs the
 * seed in processes of its own until a small run is found that fails or crashes. The others narrow a failure down: shrink.c prints them.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "shrink.h"
#include "sim.h"

static uint64_t current;

/* The program is at its end: nothing else is tried. */
static void on_crash(int number)
{
    printf("seed %llu: signal %d; nimbus_sim --seed %llu --shrink finds a smaller run\n", (unsigned long long)current, number,
           (unsigned long long)current);
    fflush(stdout);
    signal(number, SIG_DFL);
    raise(number);
}

typedef struct totals {
    uint64_t seeds, messages, calls, digest;
} totals;

static bool run_seed(const sim_options *options, bool twice, totals *sum, bool shrinks)
{
    sim_result first, second;

    current = options->seed;
    sim_run(options, &first);
    sum->seeds++;
    sum->messages += first.messages;
    sum->calls += first.calls;
    sum->digest ^= first.digest * (options->seed | 1);
    if (first.broken) {
        printf("seed %llu, step %u: %s\n", (unsigned long long)options->seed, first.step, first.text);
        fflush(stdout);
        if (shrinks) {
            shrink(options, &first);
        }
        return false;
    }
    if (twice) {
        sim_run(options, &second);
        sum->messages += second.messages;
        sum->calls += second.calls;
        if (second.broken || second.digest != first.digest) {
            printf("seed %llu: two runs differ: %016llx and %016llx %s\n", (unsigned long long)options->seed,
                   (unsigned long long)first.digest, (unsigned long long)second.digest, second.text);
            return false;
        }
    }
    return true;
}

/* A name list, comma between, as bits. */
static uint64_t bits_of(const char *list, const char *(*name)(uint32_t), uint32_t count)
{
    uint64_t bits = 0;

    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        bool known = false;

        for (uint32_t i = 0; i < count; i++) {
            if (strlen(name(i)) == length && memcmp(name(i), list, length) == 0) {
                bits |= UINT64_C(1) << i;
                known = true;
            }
        }
        if (!known) {
            fprintf(stderr, "unknown name in %s\n", list);
            exit(2);
        }
        list += length + (list[length] == ',');
    }
    return bits;
}

static const char *actor_name(uint32_t i)
{
    return actors[i].name;
}

static const char *fault_name(uint32_t i)
{
    return fault_names[i];
}

static uint64_t seed_of_text(const char *text)
{
    uint64_t seed = UINT64_C(0xcbf29ce484222325);

    while (*text != '\0') {
        seed = (seed ^ (unsigned char)*text++) * UINT64_C(0x100000001b3);
    }
    return seed;
}

typedef struct plan {
    sim_options options;
    uint64_t seeds;
    const char *text;
    bool once, table, any, no_shrink, shrinks;
} plan;

static void read_options(int argc, char **argv, plan *p)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        bool flag = true;

        if (strcmp(name, "--once") == 0) {
            p->once = true;
        } else if (strcmp(name, "--table") == 0) {
            p->table = true;
        } else if (strcmp(name, "--any") == 0) {
            p->any = true;
        } else if (strcmp(name, "--shrink") == 0) {
            p->shrinks = true;
        } else if (strcmp(name, "--no-shrink") == 0) {
            p->no_shrink = true;
        } else if (strcmp(name, "--verbose") == 0) {
            p->options.verbose = true;
        } else {
            flag = false;
        }
        i += !flag;
        if (flag) {
            continue;
        }
        if (strcmp(name, "--seed") == 0) {
            p->options.seed = strtoull(value, NULL, 0);
        } else if (strcmp(name, "--seeds") == 0) {
            p->seeds = strtoull(value, NULL, 0);
        } else if (strcmp(name, "--steps") == 0) {
            p->options.steps = (uint32_t)strtoul(value, NULL, 0);
        } else if (strcmp(name, "--text") == 0) {
            p->text = value;
        } else if (strcmp(name, "--without") == 0) {
            p->options.actors_off = bits_of(value, actor_name, actor_count);
        } else if (strcmp(name, "--no-faults") == 0) {
            p->options.faults_off = (uint32_t)bits_of(value, fault_name, FAULT_COUNT);
        } else if (strcmp(name, "--only") == 0) {
            p->options.skip = skip_of(value, p->options.steps);
        } else {
            fprintf(stderr, "unknown option %s\n", name);
            exit(2);
        }
    }
}

static bool run_seeds(const plan *p, uint64_t first, uint64_t count, totals *sum)
{
    sim_options options = p->options;

    for (uint64_t i = 0; i < count; i++) {
        options.seed = first + i;
        if (!run_seed(&options, !p->once, sum, !p->no_shrink)) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    plan p = { .options = { .seed = 1, .steps = 3000 }, .seeds = 1 };
    totals sum = { 0 };
    clock_t begin = clock();
    double seconds;
    bool good;

    read_options(argc, argv, &p);
    if (p.shrinks) {
        sim_result any = { .broken = false };

        shrink(&p.options, &any);
        return 1;
    }
    signal(SIGSEGV, on_crash);
    signal(SIGABRT, on_crash);
    good = run_seeds(&p, p.options.seed, p.seeds, &sum) && (p.text == NULL || run_seeds(&p, seed_of_text(p.text), 200, &sum));
    seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    if (good && !cover_print(p.table) && !p.any) {
        printf("the above were never exercised\n");
        good = false;
    }
    printf("%llu seeds, %llu messages, %llu calls, %.1f s, %.0f messages a second, digest %016llx: %s\n", (unsigned long long)sum.seeds,
           (unsigned long long)sum.messages, (unsigned long long)sum.calls, seconds, (double)sum.messages / (seconds > 0 ? seconds : 1),
           (unsigned long long)sum.digest, good ? "passed" : "FAILED");
    return good ? 0 : 1;
}
