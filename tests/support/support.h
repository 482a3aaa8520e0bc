/**
 * support.h - what the tests against the public headers share: a world (an instance with a manual clock on a counting allocator),
 * assertions that name a status, and short forms of send, receive and look.
 *
 * Only the test's own thread asserts. Handlers and helper threads write down what they saw; the test looks at it afterwards. Nothing
 * sleeps: a test that waits for another thread spins on a state that the other thread reaches (EVENTUALLY).
 */
#ifndef NIMBUS_TESTS_SUPPORT_SUPPORT_H
#define NIMBUS_TESTS_SUPPORT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <sched.h>

#include <cmocka.h>

#include <nimbus/nimbus.h>

#include "heap.h"

/* ----------------------------------------------------------------------------------------------- assert */

void test_status(nimbus_status got, nimbus_status want, const char *text, const char *file, int line);
void test_equal(uint64_t got, uint64_t want, const char *text, const char *file, int line);
void test_equal_time(int64_t got, int64_t want, const char *text, const char *file, int line);
void test_true(bool holds, const char *text, const char *file, int line);
void test_text(const char *got, const char *want, const char *text, const char *file, int line);

#define IS(call, want) test_status((call), (want), #call, __FILE__, __LINE__)
#define OK(call) IS(call, NIMBUS_OK)
#define EQ(got, want) test_equal((uint64_t)(got), (uint64_t)(want), #got, __FILE__, __LINE__)
#define EQT(got, want) test_equal_time((got), (want), #got, __FILE__, __LINE__)
#define CHECK(condition) test_true((condition), #condition, __FILE__, __LINE__)
#define TEXT(got, want) test_text((got), (want), #got, __FILE__, __LINE__)
#define EVENTUALLY(condition)                                                                                                              \
    do {                                                                                                                                   \
        while (!(condition)) {                                                                                                             \
            sched_yield();                                                                                                                 \
        }                                                                                                                                  \
    } while (0)
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* ------------------------------------------------------------------------------------------------ world */

#define START_TIME NIMBUS_SECONDS(1577836800) /* 2020-01-01T00:00:00Z: where a manual clock starts */

typedef struct world {
    nimbus_runtime *nb;
    nimbus_error err; /* for the set-up calls of the test */
    test_heap heap;
    atomic_size_t traces[16]; /* messages, by kind */
} world;

/* Opens a driven instance with a manual clock. options NULL: all else default; its allocator and trace are the world's. */
void world_open(world *w, const nimbus_options *options);

/* The same with threads: 2 to 8 workers, unless the options say otherwise. */
void world_open_threaded(world *w, const nimbus_options *options);

/* Closes the instance, which must be NIMBUS_OK, and checks that nothing is live. */
void world_close(world *w);

/* The two halves, for what is let go of after the close. */
void world_end(world *w);
void world_check(world *w);

/* For cmocka's set-up and tear-down: *state is a world. */
int driven_setup(void **state);
int threaded_setup(void **state);
int world_teardown(void **state);

#define DRIVEN(test) cmocka_unit_test_setup_teardown(test, driven_setup, world_teardown)
#define THREADED(test) cmocka_unit_test_setup_teardown(test, threaded_setup, world_teardown)

void test_advance(world *w, nimbus_duration by, const char *file, int line);
#define ADVANCE(w, by) test_advance((w), (by), __FILE__, __LINE__)
#define RUN(w) test_advance((w), 0, __FILE__, __LINE__) /* what can run now */

size_t traced(world *w, nimbus_trace_kind kind);

/* Fails unless every set-up call with w->err went well. */
void test_setup(const world *w, const char *file, int line);
#define SETUP_OK(w) test_setup((w), __FILE__, __LINE__)

/* ------------------------------------------------------------------------------------------------ queue */

/* Creates a queue or fails the test. */
nimbus_queue *test_queue(world *w, const char *name, const nimbus_queue_options *options, const char *file, int line);
#define QUEUE(w, name, ...) test_queue((w), (name), &(nimbus_queue_options){ __VA_ARGS__ }, __FILE__, __LINE__)
#define PLAIN_QUEUE(w, name) test_queue((w), (name), NULL, __FILE__, __LINE__)

/* The status with which a create, or a change of options, is refused; checks that err names the field. */
nimbus_status create_status(world *w, const char *name, const nimbus_queue_options *options, char ret_field[48]);

/* An entry with a text and nothing else. */
nimbus_entry entry_of(const char *text);

nimbus_id test_send(nimbus_queue *queue, const char *text, nimbus_duration delay, const char *file, int line);
#define SEND(queue, text) test_send((queue), (text), 0, __FILE__, __LINE__)
#define SEND_DELAYED(queue, text, delay) test_send((queue), (text), (delay), __FILE__, __LINE__)

/* Receives one message without waiting; NULL text: there must be none. */
void test_receive(nimbus_queue *queue, nimbus_delivery *ret, const char *text, nimbus_duration visibility, const char *file, int line);
#define RECEIVE(queue, delivery, text) test_receive((queue), (delivery), (text), 0, __FILE__, __LINE__)
#define RECEIVE_FOR(queue, delivery, text, visibility) test_receive((queue), (delivery), (text), (visibility), __FILE__, __LINE__)

/* Fails if a receive without wait finds anything. */
#define RECEIVE_NONE(queue) test_receive((queue), NULL, NULL, 0, __FILE__, __LINE__)

/* Receives and lets go again; for a test that needs the receipt only. */
nimbus_receipt test_take(nimbus_queue *queue, const char *text, nimbus_duration visibility, const char *file, int line);
#define TAKE(queue, text) test_take((queue), (text), 0, __FILE__, __LINE__)
#define TAKE_FOR(queue, text, visibility) test_take((queue), (text), (visibility), __FILE__, __LINE__)

bool bytes_are(nimbus_bytes bytes, const char *text);
void bytes_text(nimbus_bytes bytes, char *ret, size_t size);

/* Compares the gauges, and checks that the ledger balances. */
void test_counts(nimbus_queue *queue, uint64_t ready, uint64_t delayed, uint64_t in_flight, const char *file, int line);
#define COUNTS(queue, ready, delayed, in_flight) test_counts((queue), (ready), (delayed), (in_flight), __FILE__, __LINE__)

nimbus_queue_metrics test_metrics(nimbus_queue *queue, const char *file, int line);
#define METRICS(queue) test_metrics((queue), __FILE__, __LINE__)
#define LEDGER(queue) (void)test_metrics((queue), __FILE__, __LINE__)

/* How many receivers wait in the queue. */
uint64_t waiters(nimbus_queue *queue);

/* What an out parameter holds before a call that must leave it alone. */
void fill(void *data, size_t size);
bool is_filled(const void *data, size_t size);
#define FILL(object) fill(&(object), sizeof(object))
#define UNTOUCHED(object) CHECK(is_filled(&(object), sizeof(object)))

/* ---------------------------------------------------------------------------------------------- helpers */

/* A thread that receives. The test reads the results after RECEIVER_JOIN. */
typedef struct receiver {
    nimbus_queue *queue;
    nimbus_duration wait;
    size_t max;
    pthread_t thread;
    atomic_bool done;
    nimbus_status status;
    size_t count;
    char body[32]; /* of the first */
    uint32_t receive_count;
    nimbus_id id;
    nimbus_receipt receipt;
} receiver;

/* Starts the thread and returns when the queue shows one waiter more. */
void receiver_start(receiver *r, nimbus_queue *queue, nimbus_duration wait);
void receiver_join(receiver *r);

/* An asynchronous receive. Only what is atomic may be read while the instance runs. */
typedef struct async_record {
    atomic_size_t calls;
    atomic_int status;
    atomic_size_t count;
    atomic_bool delete_all; /* set by the test: end the deliveries by delete, else they are released */
    size_t order;           /* the value of *sequence at the call */
    atomic_size_t *sequence;
    char body[32];
    uint32_t receive_count;
    nimbus_time at;
} async_record;

nimbus_receive_fn async_receive;

/* A handler that records its calls. */
typedef struct handler_record {
    atomic_size_t calls;
    atomic_int answer; /* nimbus_outcome; 0: NIMBUS_RETRY */
    char bodies[16][32];
    uint32_t receive_counts[16];
    nimbus_time times[16];
} handler_record;

nimbus_handler record_handler;

/* A handler that waits in its function until the test lets it go; when the test is over, it is let go in any case. Its gate is static. */
typedef struct gate {
    atomic_size_t entered;
    atomic_bool open;
} gate;

nimbus_handler gate_handler;

/* Adopted buffers: counts what was freed. */
typedef struct adopted {
    char bytes[64];
    size_t size;
    atomic_size_t frees;
    atomic_size_t faults; /* freed with other arguments than were given */
} adopted;

nimbus_body adopted_body(adopted *a, const char *text);

bool ids_equal(nimbus_id a, nimbus_id b);
bool descriptor_is_readable(int fd);

#endif
