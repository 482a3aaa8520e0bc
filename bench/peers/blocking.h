/** blocking.h - bounded queues of 64-bit values whose calls block. One that is not installed has a NULL open. */
#ifndef BENCH_BLOCKING_H
#define BENCH_BLOCKING_H

#include "../harness.h"

#define BENCH_BLOCKING_CAPACITY 1024u
#define BENCH_BLOCKING_THREADS 16u

typedef struct bench_blocking {
    void *(*open)(void);
    void (*close)(void *queue);
    void (*push)(void *queue, uint64_t from, uint64_t count); /**< from, from + 1, ... */
    uint64_t (*pop)(void *queue, uint64_t count);             /**< returns their sum */
} bench_blocking;

extern const bench_blocking peer_blocking_mutex; /**< a mutex and two conditions */
extern const bench_blocking peer_blocking_tbb;   /**< concurrent_bounded_queue */

#endif
