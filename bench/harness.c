/* harness.c - arguments, rounds, medians, the table and the JSON lines, the targets and the probe of the line latency. */
#include "harness.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_ROUNDS = 101, MAX_SUBJECTS = 24, PROBE_SAMPLES = 5000, PROBE_TRIPS = 10 };

#define PROBE_END UINT_MAX

typedef struct settings {
    const char *bench;
    const char *only; /* cases whose name contains it; NULL: all */
    unsigned rounds;
    double round_ns; /* a round is to take about this long */
    bool tiny;
    bool json;
    bool alone;
} settings;

/* What was measured of one subject. */
typedef struct result {
    uint64_t ops;
    bool absent;
    double ns[MAX_ROUNDS]; /* per operation */
} result;

/* Over all cases. */
static unsigned targets_met, targets_missed, targets_open;

uint64_t bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

size_t bench_batch(const bench_case *c, const bench_subject *subject)
{
    size_t batch = subject->batch ? subject->batch : c->batch;
    return batch ? batch : 1;
}

void bench_check(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "benchmark failed: %s\n", what);
        exit(1);
    }
}

void *bench_alloc(size_t size)
{
    void *block = malloc(size);
    bench_check(block != NULL, "out of memory");
    return block;
}

void bench_use(uint64_t value)
{
    static atomic_uint_fast64_t sink;
    atomic_fetch_add_explicit(&sink, value, memory_order_relaxed);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts values; returns the middle one. */
static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* ---------------------------------------------------------------------------------------- line latency */

static _Alignas(64) atomic_uint ball;

/* Waits for value or the end. Returns: false at the end. */
static bool await_ball(unsigned value)
{
    for (unsigned spins = 1;; spins++) {
        unsigned seen = atomic_load_explicit(&ball, memory_order_acquire);
        if (seen == value || seen == PROBE_END)
            return seen == value;
        if (spins % 2000 == 0)
            sched_yield(); /* perhaps both threads are on one core */
    }
}

static void *pong(void *arg)
{
    (void)arg;
    for (unsigned value = 1; await_ball(value); value += 2)
        atomic_store_explicit(&ball, value + 1, memory_order_release);
    return NULL;
}

/* How long a cache line takes from one thread to another, one way, in ns: the median. Takes about budget_ns. */
static double line_latency(uint64_t budget_ns)
{
    static double sample[PROBE_SAMPLES];
    pthread_t other;
    size_t samples = 0;
    unsigned value = 1;
    atomic_store(&ball, 0);
    bench_check(pthread_create(&other, NULL, pong, NULL) == 0, "thread");
    uint64_t begin = bench_now();
    do {
        uint64_t start = bench_now();
        for (unsigned i = 0; i < PROBE_TRIPS; i++, value += 2) {
            atomic_store_explicit(&ball, value, memory_order_release);
            await_ball(value + 1);
        }
        sample[samples++] = (double)(bench_now() - start) / (2.0 * PROBE_TRIPS);
    } while (samples < PROBE_SAMPLES && bench_now() - begin < budget_ns);
    atomic_store(&ball, PROBE_END);
    pthread_join(other, NULL);
    return median(sample, samples);
}

/* ---------------------------------------------------------------------------------------------- rounds */

static uint64_t to_multiple(double ops)
{
    if (ops < BENCH_OPS_MULTIPLE)
        return BENCH_OPS_MULTIPLE;
    if (ops > 1e9)
        ops = 1e9;
    return (uint64_t)(ops / BENCH_OPS_MULTIPLE) * BENCH_OPS_MULTIPLE;
}

/* Finds how many operations of a subject take about a round; this also warms it up. */
static void calibrate(const settings *set, const bench_case *c, const bench_subject *subject, result *res)
{
    res->ops = BENCH_OPS_MULTIPLE;
    if (set->tiny)
        return;
    for (;;) {
        double ns = subject->run(c, subject, res->ops);
        if (ns < 0) {
            res->absent = true;
            return;
        }
        if (ns < 1)
            ns = 1;
        double factor = set->round_ns / ns;
        if (factor <= 2) {
            res->ops = to_multiple((double)res->ops * factor);
            return;
        }
        res->ops = to_multiple((double)res->ops * (factor < 10 ? factor : 10));
    }
}

static bool is_threaded(const bench_case *c)
{
    return c->threads || c->producers > 0;
}

#define SLOW 4 /* times a round: then the next round does less */

/* Returns: the median of the line latency probed before each round; 0: the case has one thread. */
static double measure(const settings *set, const bench_case *c, result *res)
{
    double line[MAX_ROUNDS];
    for (size_t s = 0; s < c->subject_count; s++)
        calibrate(set, c, &c->subjects[s], &res[s]);
    for (unsigned round = 0; round < set->rounds; round++) {
        if (is_threaded(c))
            line[round] = line_latency(set->tiny ? 1000000 : 5000000);
        for (size_t s = 0; s < c->subject_count; s++) {
            if (res[s].absent)
                continue;
            double ns = c->subjects[s].run(c, &c->subjects[s], res[s].ops);
            res[s].absent = ns < 0;
            res[s].ns[round] = ns / (double)res[s].ops;
            if (!set->tiny && ns > SLOW * set->round_ns) /* it depends on luck, as spinning while the owner of a lock is off its core */
                res[s].ops = to_multiple((double)res[s].ops * set->round_ns / ns);
        }
    }
    return is_threaded(c) ? median(line, set->rounds) : 0;
}

/* --------------------------------------------------------------------------------------------- targets */

/* What a row says beside its figures. */
typedef struct verdict {
    double ratio; /* in the words of the target: of costs or of rates; without a target our rate to the peer's */
    char target[64];
    const char *met; /* "met", "missed", or "" where nothing is to be reached or nothing was measured */
} verdict;

/* The subject that a target at s speaks of. */
static size_t ours_of(const bench_case *c, size_t s)
{
    const char *name = c->subjects[s].ours;
    if (!name)
        return 0;
    for (size_t i = 0; i < c->subject_count; i++) {
        if (strcmp(c->subjects[i].name, name) == 0)
            return i;
    }
    bench_check(false, "a target names a subject that is not in its case");
    return 0;
}

static void describe(const bench_target *t, char *ret, size_t size)
{
    ret[0] = 0;
    if (t->max_ns > 0)
        snprintf(ret, size, "ns <= %g", t->max_ns);
    else if (t->at_least > 0)
        snprintf(ret, size, "rate >= %.3gx", t->at_least);
    else if (t->at_most > 0 && t->plus_ns > 0)
        snprintf(ret, size, "cost <= %.3gx + %g ns", t->at_most, t->plus_ns);
    else if (t->at_most > 0)
        snprintf(ret, size, "cost <= %.3gx", t->at_most);
}

/* The ratio of one round. */
static double ratio_of(const bench_target *t, double ours, double peer)
{
    if (ours <= 0 || peer <= 0)
        return 0;
    if (t->max_ns > 0)
        return ours / t->max_ns;
    return t->at_most > 0 ? (ours - t->plus_ns) / peer : peer / ours;
}

static verdict judge(const settings *set, const bench_case *c, const result *res, size_t s)
{
    const bench_target *t = &c->subjects[s].target;
    size_t ours = t->max_ns > 0 ? s : ours_of(c, s);
    verdict v = { .met = "" };
    describe(t, v.target, sizeof(v.target));
    if (!res[s].absent && !res[ours].absent) {
        double ratio[MAX_ROUNDS];
        for (unsigned i = 0; i < set->rounds; i++)
            ratio[i] = ratio_of(t, res[ours].ns[i], res[s].ns[i]);
        v.ratio = median(ratio, set->rounds);
    }
    if (!v.target[0])
        return v;
    if (res[s].absent || res[ours].absent) {
        targets_open++;
        return v;
    }
    bool met = t->max_ns > 0 ? v.ratio <= 1 : t->at_least > 0 ? v.ratio >= t->at_least : v.ratio <= t->at_most;
    v.met = met ? "met" : "missed";
    targets_met += met;
    targets_missed += !met;
    return v;
}

/* ---------------------------------------------------------------------------------------------- output */

/* The names in the benchmarks hold neither quotes nor backslashes. v NULL: no targets here. */
static void print_json(const settings *set, const char *name, const char *subject, double ns, unsigned rounds, const verdict *v)
{
    printf("{\"bench\":\"%s\",\"case\":\"%s\",\"subject\":\"%s\",", set->bench, name, subject);
    if (rounds == 0)
        printf("\"ns_per_op\":null,\"ops_per_s\":null,\"rounds\":0");
    else
        printf("\"ns_per_op\":%.3f,\"ops_per_s\":%.0f,\"rounds\":%u", ns, ns > 0 ? 1e9 / ns : 0.0, rounds);
    if (v && v->target[0] && v->met[0])
        printf(",\"ratio\":%.3f,\"target\":\"%s\",\"met\":%s", v->ratio, v->target, v->met[1] == 'e' ? "true" : "false");
    else if (v && v->target[0])
        printf(",\"ratio\":null,\"target\":\"%s\",\"met\":null", v->target);
    printf("}\n");
}

static void print_row(const settings *set, const bench_case *c, const result *res, size_t s)
{
    double ns[MAX_ROUNDS];
    const char *subject = c->subjects[s].name;
    verdict v = judge(set, c, res, s);
    if (res[s].absent) {
        if (set->json)
            print_json(set, c->name, subject, 0, 0, &v);
        else
            printf("  %-38s %11s %12s %9s  %-24s\n", subject, "absent", "", "", v.target);
        return;
    }
    memcpy(ns, res[s].ns, set->rounds * sizeof(*ns));
    double middle = median(ns, set->rounds);
    if (set->json)
        print_json(set, c->name, subject, middle, set->rounds, &v);
    else
        printf("  %-38s %11.1f %12.0f %8.2fx  %-24s %-6s  %.1f .. %.1f\n", subject, middle, middle > 0 ? 1e6 / middle : 0.0, v.ratio,
               v.target, v.met, ns[0], ns[set->rounds - 1]);
}

static void run_case(const settings *set, const bench_case *c)
{
    bench_check(c->subject_count <= MAX_SUBJECTS, "too many subjects");
    result *res = calloc(MAX_SUBJECTS, sizeof(*res));
    bench_check(res != NULL, "out of memory");
    double line = measure(set, c, res);
    if (set->json && line > 0)
        print_json(set, c->name, "line latency, one way", line, set->rounds, NULL);
    if (!set->json) {
        printf("\n%s: %s", set->bench, c->name);
        if (line > 0)
            printf(" (line latency one way %.0f ns%s)", line, line > 1000 ? ": the threads had to share a core" : "");
        printf("\n  %-38s %11s %12s %9s  %-24s %-6s  %s\n", "", "ns/op", "k ops/s", "ratio", "target", "", "best .. worst round");
    }
    for (size_t s = 0; s < c->subject_count; s++)
        print_row(set, c, res, s);
    fflush(stdout);
    free(res);
}

/* ------------------------------------------------------------------------------------------- arguments */

static bool parse(int argc, char **argv, settings *set)
{
    long rounds = 0, ms = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--tiny") == 0)
            set->tiny = true;
        else if (strcmp(argv[i], "--json") == 0)
            set->json = true;
        else if (strcmp(argv[i], "--alone") == 0)
            set->alone = true;
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc && (rounds = strtol(argv[i + 1], NULL, 10)) >= 1 && rounds <= MAX_ROUNDS)
            set->rounds = (unsigned)rounds, i++;
        else if (strcmp(argv[i], "--ms") == 0 && i + 1 < argc && (ms = strtol(argv[i + 1], NULL, 10)) >= 1 && ms <= 10000)
            set->round_ns = (double)ms * 1e6, i++;
        else if (strcmp(argv[i], "--case") == 0 && i + 1 < argc)
            set->only = argv[++i];
        else
            return false;
    }
    if (set->tiny)
        set->rounds = 1;
    return true;
}

int bench_main(int argc, char **argv, const char *bench, const bench_case *cases, size_t count)
{
    settings set = { .bench = bench, .rounds = 7, .round_ns = 40e6 };
    if (!parse(argc, argv, &set)) {
        fprintf(stderr,
                "usage: %s [--tiny] [--rounds 1..%d] [--ms 1..10000] [--case PART-OF-NAME] [--json] [--alone]\n"
                "--tiny: one round of %d operations, to see that it works. --ms: length of a round, 40.\n"
                "--alone: the first subject of each case only, for a profiler.\n",
                argv[0], MAX_ROUNDS, BENCH_OPS_MULTIPLE);
        return 2;
    }
    if (!set.json)
        printf(
            "bench %s: median of %u rounds, subjects interleaved. A ratio is a median too: of costs (ours to the peer's) where the target"
            " says cost,\nof rates (ours to the peer's) otherwise.\n",
            bench, set.rounds);
    for (size_t i = 0; i < count; i++) {
        bench_case c = cases[i];
        if (set.alone)
            c.subject_count = 1;
        if (!set.only || strstr(c.name, set.only))
            run_case(&set, &c);
    }
    if (!set.json && !set.tiny)
        printf("\ntargets of %s: %u met, %u missed, %u without their peer\n", bench, targets_met, targets_missed, targets_open);
    return 0;
}
