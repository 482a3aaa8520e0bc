/* test_sync_queue.c - the queue with reservations: growth, and the spill that a stopped pop makes necessary. */
#include "support.h"

#include "sync/queue.h"

typedef struct bench {
    test_heap own;
    nb_heap *heap;
    nb_mpmc queue;
} bench;

static void bench_open(bench *b, uint64_t capacity, uint64_t reservations)
{
    heap_init(&b->own);
    b->heap = nb_heap_open(&b->own.allocator, 0);
    CHECK(b->heap != NULL);
    CHECK(nb_mpmc_init(&b->queue, b->heap, capacity));
    for (uint64_t i = 0; i < reservations; i++) {
        CHECK(nb_mpmc_reserve(&b->queue));
    }
}

static void bench_close(bench *b)
{
    nb_mpmc_fini(&b->queue);
    nb_heap_close(b->heap);
    CHECK(heap_is_clean(&b->own));
}

static void push(bench *b, uint64_t from, uint64_t to)
{
    for (uint64_t value = from; value <= to; value++) {
        nb_mpmc_push(&b->queue, value);
    }
}

static void pop(bench *b, uint64_t from, uint64_t to)
{
    for (uint64_t want = from; want <= to; want++) {
        uint64_t value = 0;

        CHECK(nb_mpmc_pop(&b->queue, &value));
        EQ(value, want);
    }
}

static void pop_nothing(bench *b)
{
    uint64_t value = 77;

    CHECK(!nb_mpmc_pop(&b->queue, &value));
    EQ(value, 77);
}

static nb_mpmc_part *newest(bench *b)
{
    return atomic_load(&b->queue.in);
}

/* A pop that claims the next position of the newest ring and stops; go_on() is its last store. */
static uint64_t stop_a_pop(bench *b)
{
    return atomic_fetch_add(&newest(b)->ring.head, 1);
}

static void go_on(nb_mpmc_part *part, uint64_t position)
{
    atomic_store(&part->ring.cells[position & part->ring.mask].position, position + nb_ring_capacity(&part->ring));
}

static void reservations_make_room(void **state)
{
    bench b;
    uint64_t calls;

    (void)state;
    bench_open(&b, 4, 2);
    calls = heap_calls(&b.own);
    EQ(nb_ring_capacity(&newest(&b)->ring), 4);
    push(&b, 1, 2);
    EQ(nb_mpmc_size(&b.queue), 2);
    EQ(heap_calls(&b.own), calls);
    CHECK(nb_mpmc_reserve(&b.queue)); /* the third: a ring of 8 */
    EQ(heap_calls(&b.own), calls + 1);
    EQ(nb_ring_capacity(&newest(&b)->ring), 8);
    CHECK(atomic_load(&b.queue.out) != newest(&b));
    push(&b, 3, 3);
    EQ(nb_mpmc_size(&b.queue), 3);
    pop(&b, 1, 3);
    CHECK(atomic_load(&b.queue.out) == newest(&b));
    pop_nothing(&b);

    /* Given back and made again: no growth. */
    nb_mpmc_unreserve(&b.queue);
    nb_mpmc_unreserve(&b.queue);
    for (int i = 0; i < 3; i++) {
        CHECK(nb_mpmc_reserve(&b.queue));
    }
    EQ(heap_calls(&b.own), calls + 1);
    CHECK(nb_mpmc_reserve(&b.queue));
    EQ(heap_calls(&b.own), calls + 2);
    bench_close(&b);
}

static void grows_again_and_again(void **state)
{
    bench b;
    uint64_t next = 1, expected = 1;

    (void)state;
    bench_open(&b, 2, 0);
    /* All parts hold something at the end: half of what lies there is popped after each growth. */
    for (uint64_t i = 0; i < 200; i++) {
        CHECK(nb_mpmc_reserve(&b.queue));
        push(&b, next, next);
        next++;
        if (i % 2 == 1) {
            pop(&b, expected, expected);
            expected++;
            push(&b, next, next);
            next++;
        }
        EQ(nb_mpmc_size(&b.queue), next - expected);
    }
    pop(&b, expected, next - 1);
    pop_nothing(&b);
    EQ(nb_ring_capacity(&newest(&b)->ring), 512);
    bench_close(&b);
}

static void without_memory(void **state)
{
    bench b;

    (void)state;
    bench_open(&b, 2, 1);
    push(&b, 1, 1);
    heap_fail(&b.own, 1, true);
    CHECK(!nb_mpmc_reserve(&b.queue));
    CHECK(!nb_mpmc_reserve(&b.queue));
    pop(&b, 1, 1);
    push(&b, 2, 2); /* the reservation that there was is untouched */
    heap_fail(&b.own, 0, false);
    CHECK(nb_mpmc_reserve(&b.queue));
    push(&b, 3, 3);
    pop(&b, 2, 3);
    bench_close(&b);

    heap_init(&b.own);
    b.heap = nb_heap_open(&b.own.allocator, 0);
    heap_fail(&b.own, 1, false);
    CHECK(!nb_mpmc_init(&b.queue, b.heap, 2));
    nb_heap_close(b.heap);
    CHECK(heap_is_clean(&b.own));
}

/* A ring that is full because a pop has stopped: values are spilled, keep their order, and the rings are used again afterwards. */
static void a_pop_stops_halfway(void **state)
{
    bench b;
    uint64_t stopped, calls;

    (void)state;
    bench_open(&b, 8, 4);
    calls = heap_calls(&b.own);
    push(&b, 0, 0);
    stopped = stop_a_pop(&b);
    for (uint64_t i = 1; i <= 7; i++) {
        push(&b, i, i);
        pop(&b, i, i);
    }
    push(&b, 8, 10); /* the ring has gone round */
    EQ(atomic_load(&b.queue.spilled), 3);
    EQ(nb_mpmc_size(&b.queue), 3);
    pop(&b, 8, 8);
    push(&b, 11, 11);
    pop(&b, 9, 11);
    pop_nothing(&b);
    for (uint64_t i = 12; i < 30; i++) {
        push(&b, i, i); /* round the places of the spill, more than once */
        pop(&b, i, i);
    }
    push(&b, 30, 31);
    go_on(newest(&b), stopped);
    push(&b, 32, 32); /* still behind the spilled ones */
    EQ(atomic_load(&b.queue.spilled), 3);
    pop(&b, 30, 32);
    push(&b, 33, 35);
    EQ(atomic_load(&b.queue.spilled), 0);
    pop(&b, 33, 35);
    EQ(heap_calls(&b.own), calls);
    bench_close(&b);
}

/* What was spilled waits for what lies in the ring, also for a push that has stopped. */
static void the_ring_comes_before_the_spill(void **state)
{
    bench b;
    nb_mpmc_part *part;

    (void)state;
    bench_open(&b, 4, 2);
    part = newest(&b);
    push(&b, 0, 0);
    (void)stop_a_pop(&b);
    for (uint64_t i = 1; i <= 2; i++) {
        push(&b, i, i);
        pop(&b, i, i);
    }
    atomic_fetch_add(&part->ring.tail, 1); /* a push has claimed position 3 and stopped */
    push(&b, 4, 4);
    EQ(atomic_load(&b.queue.spilled), 1);
    pop_nothing(&b);
    part->ring.cells[3].value = 3;
    atomic_store(&part->ring.cells[3].position, 4);
    pop(&b, 3, 4);
    pop_nothing(&b);
    bench_close(&b);
}

static void grows_while_values_are_spilled(void **state)
{
    bench b;
    nb_mpmc_part *part;
    uint64_t stopped;

    (void)state;
    bench_open(&b, 4, 2);
    part = newest(&b);
    push(&b, 0, 0);
    stopped = stop_a_pop(&b);
    for (uint64_t i = 1; i <= 3; i++) {
        push(&b, i, i);
        pop(&b, i, i);
    }
    push(&b, 4, 4);
    pop(&b, 4, 4);
    push(&b, 5, 5);
    CHECK(nb_mpmc_reserve(&b.queue));
    push(&b, 6, 6);
    EQ(atomic_load(&b.queue.spilled), 2);
    pop(&b, 5, 6);
    push(&b, 7, 8);
    EQ(atomic_load(&b.queue.spilled), 0); /* the new ring */
    pop(&b, 7, 8);
    go_on(part, stopped);
    pop_nothing(&b);
    bench_close(&b);
}

/* A closed ring with a stopped push holds back what lies in the next one. */
static void a_push_stops_in_an_old_ring(void **state)
{
    bench b;
    nb_mpmc_part *old;

    (void)state;
    bench_open(&b, 4, 2);
    old = newest(&b);
    atomic_fetch_add(&old->ring.tail, 1);
    CHECK(nb_mpmc_reserve(&b.queue));
    push(&b, 2, 2);
    pop_nothing(&b);
    EQ(nb_mpmc_size(&b.queue), 2);
    old->ring.cells[0].value = 1;
    atomic_store(&old->ring.cells[0].position, 1);
    pop(&b, 1, 2);
    pop_nothing(&b);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reservations_make_room),
        cmocka_unit_test(grows_again_and_again),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(a_pop_stops_halfway),
        cmocka_unit_test(the_ring_comes_before_the_spill),
        cmocka_unit_test(grows_while_values_are_spilled),
        cmocka_unit_test(a_push_stops_in_an_old_ring),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
