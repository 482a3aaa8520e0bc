/**
 * harness.h - measures cases: each case is done by several subjects, ours first, then the peers.
 *
 * The rounds of all subjects of a case are interleaved, so that a machine that slows down slows all of them; a row shows the median
 * over the rounds, and the ratio to ours is the median of the ratios within each round.
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

/** Who does a case. */
struct bench_subject {
    const char *name;
    bench_run_fn *run;
    const void *impl; /**< what the run function needs: a bench_transport, a bench_pool; NULL: nothing */
    size_t batch;     /**< messages a call; 0: as the case says */
};

/** What is measured. Fields that a case does not use are 0. */
struct bench_case {
    const char *name;
    const bench_subject *subjects; /**< the first is ours: the ratios are to it */
    size_t subject_count;
    size_t size;  /**< bytes of a message */
    size_t batch; /**< messages a call; 0: 1 */
    size_t producers, consumers;
    size_t fanout;  /**< handlers or queues that get each message */
    bool send_only; /**< the time of the drain is not counted */
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
