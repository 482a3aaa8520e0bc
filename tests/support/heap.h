/**
 * heap.h - an allocator that counts, checks and fails on request.
 *
 * Every block carries its size in front, so that a release with another size, of a foreign block or of a block twice is noticed. Blocks
 * are filled when they are made and when they go. Faults are counted, not asserted: a release may run on any thread.
 */
#ifndef NIMBUS_TESTS_SUPPORT_HEAP_H
#define NIMBUS_TESTS_SUPPORT_HEAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nimbus/base.h>

typedef struct test_heap {
    atomic_size_t blocks;       /* live */
    atomic_size_t bytes;        /* live */
    atomic_uint_fast64_t calls; /* of allocate, the failed ones included */
    atomic_uint_fast64_t failed;
    atomic_size_t faults;           /* releases that do not match their allocation */
    atomic_uint_fast64_t countdown; /* the call that fails, counted from heap_fail: 1 is the next; 0: none */
    atomic_bool persistent;         /* and all calls after it */
    atomic_bool failing;            /* persistent and reached */
    atomic_bool paused;
    nimbus_allocator allocator; /* for nimbus_options.allocator */
} test_heap;

void heap_init(test_heap *heap);

/* Fails the nth allocation from now on, 1 being the next one; persistent: and all that follow. nth 0: none fails any more. */
void heap_fail(test_heap *heap, uint64_t nth, bool persistent);

/* No allocation fails, and none is counted down, between the two. */
void heap_pause(test_heap *heap);
void heap_resume(test_heap *heap);

uint64_t heap_calls(test_heap *heap);
uint64_t heap_failed(test_heap *heap);

/* Whether nothing is live and no fault was seen; prints what is wrong. */
bool heap_is_clean(test_heap *heap);

#endif
