/**
 * sim.h - the deterministic simulator: one instance without threads, a clock moved by hand, actors drawn by a seed, and a model that is
 * asked what each call must answer.
 *
 * A run is a number of steps. What a step does is drawn from (seed, step) alone, so steps can be left out and the others stay what they
 * are: that is how a failing run is shrunk. No expression draws twice where the order is the compiler's: a seed is one run in all builds,
 * but for those with a memory budget, which counts bytes as the build has them. Which actors are about, how often, and which faults happen
 * is drawn from the seed; each kind of fault is off in half of the runs.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <setjmp.h>
#include <string.h>

#include <nimbus/nimbus.h>

#include "model.h"

/* ------------------------------------------------------------------------------------------- randomness */

/** The next number; state moves on (splitmix64). */
static inline uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* ---------------------------------------------------------------------------------------------- options */

typedef enum sim_fault {
    FAULT_MEMORY,    /**< an allocation fails now and then */
    FAULT_NO_MEMORY, /**< and for a while all of them */
    FAULT_FULL,      /**< queues are small */
    FAULT_BYTES,     /**< and bounded in bytes */
    FAULT_FLIGHT,    /**< few may be in flight */
    FAULT_BUDGET,    /**< the instance has little memory */
    FAULT_COUNT
} sim_fault;

extern const char *const fault_names[FAULT_COUNT];

#define SIM_MAX_ACTORS 40

typedef struct sim_options {
    uint64_t seed;
    uint32_t steps;
    uint64_t actors_off; /**< bit n: actor n never acts */
    uint32_t faults_off;
    const uint8_t *skip; /**< bit n: step n is left out; NULL: none */
    bool verbose;        /**< each step is printed */
    const uint8_t *bytes; /**< what happens is read from here, and nothing is drawn; the run ends with the bytes. NULL: drawn */
    size_t size;
} sim_options;

/* ------------------------------------------------------------------------------------------------ a run */

#define SIM_HELD 24
#define SIM_BOOK 128
#define SIM_WAITERS 24
#define SIM_MOVES 4096

/** The allocator of a run: counts, checks and fails. */
typedef struct sim_heap {
    nimbus_allocator allocator;
    uint64_t blocks, bytes, calls, failed;
    uint64_t countdown; /**< the call that fails; 0: none */
    uint64_t after;     /**< countdown is set anew to this; 0: not */
    bool failing;       /**< all of them */
    bool off;
} sim_heap;

/** A delivery that a consumer holds. */
typedef struct sim_held {
    nimbus_delivery slot;
    nimbus_queue *queue;
    int number; /**< of the queue; -1: the place is empty */
    m_receipt receipt;
    bool lease;        /**< hidden for as long as it is held */
    int64_t otherwise; /**< and else for this long */
} sim_held;

/** A receipt that somebody has written down. */
typedef struct sim_noted {
    nimbus_receipt receipt;
    int number;
    m_receipt model;
} sim_noted;

struct sim;

/** An asynchronous receive that is out. */
typedef struct sim_async {
    struct sim *sim;
    bool used, called;
    int number;
    uint64_t incarnation;
    nimbus_receive_task *task;
    m_waiter waiter;
    bool lease;
    int64_t otherwise;
} sim_async;

typedef struct sim {
    const sim_options *options;
    sim_heap heap;
    nimbus_runtime *nb;
    nimbus_queue *queues[M_QUEUES];
    nimbus_queue *ended[4]; /**< handles of queues that were deleted */
    model m;
    uint64_t random, digest, tags;
    const uint8_t *bytes; /**< the next one; NULL: numbers are drawn */
    size_t bytes_left;
    uint32_t weights[SIM_MAX_ACTORS], weight_sum;
    uint32_t fair;   /**< bit n: the same for fair ones */
    uint32_t fifo;   /**< bit n: the queue of number n is FIFO whenever it is there */
    uint32_t faults; /**< bit n: kind n happens in this run */
    int queue_count;
    uint32_t step;
    sim_held held[SIM_HELD];
    sim_noted book[SIM_BOOK];
    uint32_t book_count;
    sim_noted places[SIM_BOOK]; /**< of messages that were sent */
    uint32_t place_count;
    sim_async async[SIM_WAITERS];
    uint64_t failed_before; /**< failed allocations when the call began */
    uint64_t messages;      /**< accepted by queues */
    uint64_t calls;
    int64_t unique;         /**< nanoseconds that no two waits have in common */
    bool busy, draining, quiet; /**< something may be waiting for nimbus_run; the faults are over; no purge, no end */
    bool deferring;
    m_move moves[SIM_MOVES]; /**< traced during the call */
    uint32_t move_count;
    jmp_buf out;
} sim;

/** What came of a run. */
typedef struct sim_result {
    bool broken;
    uint32_t step; /**< at which it broke */
    uint64_t digest, messages, calls;
    char text[512];
} sim_result;

/** Runs a seed. */
void sim_run(const sim_options *options, sim_result *ret);

/** A number below n, from the bytes: as many of them as n needs; 0 when they have come to their end. */
uint32_t below_by_bytes(sim *s, uint32_t n);

static inline uint32_t below(sim *s, uint32_t n)
{
    if (__builtin_expect(s->bytes != NULL, 0)) {
        return below_by_bytes(s, n);
    }
    return (uint32_t)((draw(&s->random) >> 32) * n >> 32);
}

static inline bool chance(sim *s, uint32_t percent)
{
    return below(s, 100) < percent;
}

/** Some nanoseconds on top of a time: two queues hardly ever have a deadline in common, for which of them comes first is said nowhere. */
static inline int64_t spread(sim *s)
{
    return below(s, 1u << 16);
}

/** Everything that can be seen goes in here; two runs of a seed must see the same. */
static inline void digest(sim *s, uint64_t value)
{
    s->digest = (s->digest ^ value) * UINT64_C(0x9fb21c651e98df25);
    s->digest ^= s->digest >> 29;
}

/* ----------------------------------------------------------------------------------------------- faults.c */

void heap_begin(sim_heap *heap);

/** Draws which faults happen in this run. */
void faults_draw(sim *s);

/** Before a step: perhaps lets an allocation fail. */
void faults_step(sim *s);

/** No faults any more. */
void faults_end(sim *s);

/** What was traced during a call happens in the model after what the call itself does. */
void flush_moves(sim *s);

/** The same between the entries of a batch: only what has become due so far. */
void flush_due_moves(sim *s);

/** The same between two looks of one receive: what the first one has set aside in that queue, and what was stuck. */
void flush_set_aside(sim *s, const m_queue *of);

/** Marks the begin of a call. */
static inline void calling(sim *s)
{
    if (s->move_count != 0) {
        flush_moves(s);
    }
    s->deferring = true;
    s->failed_before = s->heap.failed;
    s->calls++;
}

/** The same for a call that runs others, at times of their own: what is traced happens at once. */
static inline void running_others(sim *s)
{
    calling(s);
    s->deferring = false;
}

static inline bool memory_failed(const sim *s)
{
    return s->heap.failed != s->failed_before;
}

/** Whether a status is that of a failed allocation or of a budget that is used up; checks that there was one. */
bool excused(sim *s, nimbus_status status, nimbus_bound bound);

/* ------------------------------------------------------------------------------------------------ world.c */

/** Draws options for a queue; the model's and the library's. */
void world_options(sim *s, int number, m_options *ret, nimbus_queue_options *ret_options);
void world_create(sim *s, int number);
void world_open(sim *s);
void world_drain(sim *s);
void world_close(sim *s);

/** Runs what is runnable, until nothing is. */
void world_run(sim *s);
void world_advance(sim *s, int64_t by);

nimbus_trace_fn world_trace;

/* ------------------------------------------------------------------------------------------------ check.c */

/** Compares a delivery with what the model gave. */
void check_given(sim *s, m_queue *q, const nimbus_delivery *delivery, const m_given *given);

/** Compares all counters of a queue. */
void check_metrics(sim *s, int number);

/** Compares what peek shows with the model, if it holds few. */
void check_peek(sim *s, int number);

/** The message that is peeked at; M_NONE: it should not be there. An id that was not told yet is learnt. */
uint32_t of_peeked(sim *s, const m_queue *q, const nimbus_peeked *found);

/** Compares why a receive would return nothing. */
void check_why(sim *s, int number, uint32_t group);

/** After each call that may have moved dead letters. */
void check_settled(sim *s, m_queue *q);

/* ----------------------------------------------------------------------------------------------- actors.c */

typedef void sim_actor_fn(sim *s);

typedef struct sim_actor {
    const char *name;
    sim_actor_fn *act;
    uint32_t weight;
} sim_actor;

extern const sim_actor actors[];
extern const uint32_t actor_count;

/** A queue that is there; -1: there is none. */
int any_queue(sim *s);

/** Puts the body for a tag into buffer. */
#define SIM_MAX_BODY 1200
void body_of(uint64_t tag, uint32_t size, unsigned char *buffer);

sim_actor_fn act_send, act_send_batch, act_burst, act_receive, act_consume, act_end_held, act_old_receipt, act_receipt_batch;
sim_actor_fn act_async, act_cancel, act_take_back, act_ended;
sim_actor_fn act_time, act_purge, act_delete, act_create, act_set_options, act_peek, act_metrics, act_explain, act_move, act_slow;

/** How to receive. */
typedef struct sim_how {
    int64_t visibility, wait; /**< visibility -1: the queue's */
    bool lease;
    uint32_t group, name; /**< M_NONE: any, none */
} sim_how;

#define SIM_PLAINLY(visibility) (&(sim_how){ (visibility), 0, false, M_NONE, M_NONE })

/** Receives up to max; what came was compared. Returns how many. */
uint32_t receive(sim *s, int number, nimbus_delivery *got, m_given *given, uint32_t max, const sim_how *how);

/** Of a fair queue: as many as there are, each in its turn. */
uint32_t given_fairly(sim *s, m_queue *q, const nimbus_delivery *got, size_t count, m_given *given, uint32_t max, const sim_how *how);

/** Lets go of a delivery, which ends a lease. */
void let_go(sim *s, int number, nimbus_delivery *delivery, const m_receipt *receipt, bool lease, int64_t otherwise);

/** The group id of that number. */
const char *group_text(uint32_t group);

void note_receipt(sim *s, int number, nimbus_receipt receipt, const m_receipt *of);
m_receipt receipt_of(const m_queue *q, const m_given *given);
void cancel(sim *s, sim_async *async);
void let_go_held(sim *s, sim_held *held);

#endif
