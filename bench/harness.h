/**
 * harness.h - measures cases: each case is done by several subjects, ours first, then the peers.
 *
 * The rounds of all subjects of a case are interleaved, so that a machine that slows down slows all of them; a row shows the median
 * over the rounds, and a ratio is the median of the ratios within each round.
 *
 * Targets. A target stands at the row of the peer that it compares with, and speaks of our subject, the first of the case or the one
 * that `ours` names. Each row prints the measured ratio, the target, and whether it was met:
 *
 *     { .name = "mutex list", .run = ..., .target = BENCH_AT_LEAST(3) }                 our rate is at least 3 times the peer's
 *     { .name = "ck_ring", .run = ..., .target = BENCH_AT_MOST(1.1) }                   our cost is at most 1.1 times the peer's
 *     { .name = "array", .run = ..., .target = BENCH_AT_MOST_PLUS(2, 15) }              our cost is at most twice the peer's plus 15 ns
 *     { .name = "list, batches", .run = ..., .ours = "nimbus, batches", .target = ... } about the subject of that name
 *     { .name = "nimbus", .run = ..., .target = BENCH_MAX_NS(70) }                      this subject costs at most 70 ns an operation
 *
 * "The best of some peers" is the same target at each of them. A target whose peer is absent is neither met nor missed.
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_ABSENT (-1.0)   /**< what a run answers if its peer is not installed */
#define BENCH_OPS_MULTIPLE 80 /**< the operations of a run are a multiple of it: 4 producers with batches of 10 divide it */

typedef struct bench_case bench_case;
typedef struct bench_subject bench_subject;

/** Does ops operations. Returns: the nanoseconds they took, without set-up and clean-up; BENCH_ABSENT. */
typedef double bench_run_fn(const bench_case *c, const bench_subject *subject, uint64_t ops);

/** What is to be reached; all 0: nothing. One of the three is set, by the macros below. */
typedef struct bench_target {
    double at_most;  /**< our ns are at most so many times the peer's, plus plus_ns */
    double at_least; /**< our rate is at least so many times the peer's */
    double max_ns;   /**< this subject's own ns are at most so many */
    double plus_ns;
} bench_target;

#define BENCH_AT_MOST(times)                                                                                                               \
    {                                                                                                                                      \
        .at_most = (times)                                                                                                                 \
    }
#define BENCH_AT_MOST_PLUS(times, ns)                                                                                                      \
    {                                                                                                                                      \
        .at_most = (times), .plus_ns = (ns)                                                                                                \
    }
#define BENCH_AT_LEAST(times)                                                                                                              \
    {                                                                                                                                      \
        .at_least = (times)                                                                                                                \
    }
#define BENCH_MAX_NS(ns)                                                                                                                   \
    {                                                                                                                                      \
        .max_ns = (ns)                                                                                                                     \
    }

/** Who does a case. */
struct bench_subject {
    const char *name;
    bench_run_fn *run;
    const void *impl; /**< what the run function needs: a bench_transport, a bench_pool; NULL: nothing */
    size_t batch;     /**< messages a call; 0: as the case says */
    bench_target target;
    const char *ours; /**< the subject that the target compares with this one; NULL: the first of the case */
};

/** What is measured. Fields that a case does not use are 0. */
struct bench_case {
    const char *name;
    const bench_subject *subjects; /**< the first is ours: ratios are between it and the others */
    size_t subject_count;
    size_t size;  /**< bytes of a message */
    size_t batch; /**< messages a call; 0: 1 */
    size_t producers, consumers;
    size_t fanout;  /**< handlers or queues that get each message; groups of a FIFO queue */
    bool send_only; /**< the time of the drain is not counted */
    bool threads;   /**< several threads share memory: the line latency is probed beside the rounds. producers > 0 implies it */
};

/**
 * The main function of every benchmark.
 *
 * @param bench  its name, "queue" for example
 * @param cases  count of them
 * Returns: the exit status: 0, or 2 for a wrong argument.
 */
int bench_main(int argc, char **argv, const char *bench, const bench_case *cases, size_t count);

/** The monotonic clock in nanoseconds. */
uint64_t bench_now(void);

/** Messages a call for a subject of a case: 1 or more. */
size_t bench_batch(const bench_case *c, const bench_subject *subject);

/** Ends the program with a message unless ok: a benchmark that fails must not print figures. */
void bench_check(bool ok, const char *what);

/** As malloc, but ends the program when there is no memory. */
void *bench_alloc(size_t size);

/** Keeps the compiler from dropping a value. */
void bench_use(uint64_t value);

#define BENCH_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
