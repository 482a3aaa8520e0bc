/* test_sync_ring.c - the bounded ring, on one thread; threads that stopped halfway are played by hand. */
#include "support.h"

#include "sync/ring.h"

typedef struct bench {
    test_heap own;
    nb_heap *heap;
    nb_ring ring;
} bench;

static void bench_open(bench *b, uint64_t capacity)
{
    heap_init(&b->own);
    b->heap = nb_heap_open(&b->own.allocator, 0);
    CHECK(b->heap != NULL);
    CHECK(nb_ring_init(&b->ring, b->heap, capacity));
}

static void bench_close(bench *b)
{
    nb_ring_fini(&b->ring);
    nb_heap_close(b->heap);
    CHECK(heap_is_clean(&b->own));
}

static void push(bench *b, uint64_t value)
{
    EQ(nb_ring_push(&b->ring, value), NB_RING_OK);
}

static void pop(bench *b, uint64_t want)
{
    uint64_t value = 0;

    EQ(nb_ring_pop(&b->ring, &value), NB_RING_OK);
    EQ(value, want);
}

static void pop_nothing(bench *b)
{
    uint64_t value = 77;

    EQ(nb_ring_pop(&b->ring, &value), NB_RING_EMPTY);
    EQ(value, 77);
}

static void fills_empties_and_wraps(void **state)
{
    (void)state;
    for (uint64_t capacity = 2; capacity <= 16; capacity *= 2) {
        bench b;
        uint64_t next = 0, expected = 0;

        bench_open(&b, capacity);
        EQ(nb_ring_capacity(&b.ring), capacity);
        pop_nothing(&b);
        for (uint64_t lap = 0; lap < 5; lap++) {
            for (uint64_t i = 0; i < capacity; i++) {
                EQ(nb_ring_size(&b.ring), i);
                push(&b, UINT64_MAX - next++);
            }
            EQ(nb_ring_push(&b.ring, 1), NB_RING_FULL);
            EQ(nb_ring_size(&b.ring), capacity);
            /* One out, one in: the seam wanders through all cells. */
            pop(&b, UINT64_MAX - expected++);
            push(&b, UINT64_MAX - next++);
            EQ(nb_ring_push(&b.ring, 1), NB_RING_FULL);
            for (uint64_t i = 0; i < capacity; i++) {
                pop(&b, UINT64_MAX - expected++);
            }
            pop_nothing(&b);
        }
        bench_close(&b);
    }
}

static void closes(void **state)
{
    bench b;
    uint64_t values[2] = { 5, 6 };

    (void)state;
    bench_open(&b, 4);
    push(&b, 1);
    push(&b, 2);
    CHECK(!nb_ring_closed(&b.ring));
    nb_ring_close(&b.ring);
    nb_ring_close(&b.ring);
    CHECK(nb_ring_closed(&b.ring));
    CHECK(!nb_ring_drained(&b.ring));
    EQ(nb_ring_push(&b.ring, 3), NB_RING_CLOSED);
    EQ(nb_ring_push_n(&b.ring, values, 2), 0);
    EQ(nb_ring_size(&b.ring), 2);
    pop(&b, 1);
    EQ(nb_ring_push(&b.ring, 3), NB_RING_CLOSED);
    CHECK(!nb_ring_drained(&b.ring));
    pop(&b, 2);
    pop_nothing(&b);
    CHECK(nb_ring_drained(&b.ring));
    EQ(nb_ring_size(&b.ring), 0);
    bench_close(&b);

    /* Full and closed is closed; empty and open is not drained. */
    bench_open(&b, 2);
    CHECK(!nb_ring_drained(&b.ring));
    push(&b, 1);
    push(&b, 2);
    nb_ring_close(&b.ring);
    EQ(nb_ring_push(&b.ring, 3), NB_RING_CLOSED);
    EQ(nb_ring_pop_n(&b.ring, values, 2), 2);
    CHECK(nb_ring_drained(&b.ring));
    bench_close(&b);
}

static void batches(void **state)
{
    bench b;
    uint64_t in[10], out[10];
    uint64_t next = 0, expected = 0;

    (void)state;
    bench_open(&b, 8);
    EQ(nb_ring_push_n(&b.ring, in, 0), 0);
    EQ(nb_ring_pop_n(&b.ring, out, 0), 0);
    EQ(nb_ring_pop_n(&b.ring, out, 10), 0);
    for (int lap = 0; lap < 50; lap++) {
        size_t count = 1 + (size_t)lap % 10;
        size_t room = 8 - (size_t)nb_ring_size(&b.ring);
        size_t pushed, popped, there;

        for (size_t i = 0; i < 10; i++) {
            in[i] = next + i;
        }
        pushed = nb_ring_push_n(&b.ring, in, count);
        EQ(pushed, count < room ? count : room);
        next += pushed;
        there = (size_t)(next - expected);
        count = 1 + (size_t)(lap * 7) % 9;
        popped = nb_ring_pop_n(&b.ring, out, count);
        EQ(popped, count < there ? count : there);
        for (size_t i = 0; i < popped; i++) {
            EQ(out[i], expected++);
        }
    }
    /* More than there is room for, from empty. */
    while (nb_ring_pop_n(&b.ring, out, 10) > 0) {
    }
    EQ(nb_ring_push_n(&b.ring, in, 10), 8);
    EQ(nb_ring_push_n(&b.ring, in, 1), 0);
    CHECK(!nb_ring_closed(&b.ring));
    EQ(nb_ring_pop_n(&b.ring, out, 10), 8);
    bench_close(&b);
}

/* A push that has claimed and not stored: what lies behind it cannot be had, and nothing is lost when it goes on. */
static void a_push_stops_halfway(void **state)
{
    bench b;
    uint64_t out[4];

    (void)state;
    bench_open(&b, 4);
    push(&b, 1);
    atomic_fetch_add(&b.ring.tail, 1); /* its claim: position 1 */
    push(&b, 3);
    EQ(nb_ring_pop_n(&b.ring, out, 4), 1);
    EQ(out[0], 1);
    pop_nothing(&b);
    EQ(nb_ring_pop_n(&b.ring, out, 4), 0);
    nb_ring_close(&b.ring);
    CHECK(!nb_ring_drained(&b.ring));
    b.ring.cells[1].value = 2;
    atomic_store(&b.ring.cells[1].position, 2);
    EQ(nb_ring_pop_n(&b.ring, out, 4), 2);
    EQ(out[0], 2);
    EQ(out[1], 3);
    CHECK(nb_ring_drained(&b.ring));
    bench_close(&b);
}

/* A pop that has claimed and not handed back: full is said early, and only at its cell. */
static void a_pop_stops_halfway(void **state)
{
    bench b;
    uint64_t in[4] = { 4, 5, 6, 7 };

    (void)state;
    bench_open(&b, 4);
    push(&b, 0);
    push(&b, 1);
    atomic_fetch_add(&b.ring.head, 1); /* its claim: position 0 */
    pop(&b, 1);
    EQ(nb_ring_push_n(&b.ring, in, 4), 2);
    EQ(nb_ring_push(&b.ring, 9), NB_RING_FULL);
    atomic_store(&b.ring.cells[0].position, 4);
    push(&b, 6);
    pop(&b, 4);
    pop(&b, 5);
    pop(&b, 6);
    pop_nothing(&b);
    bench_close(&b);
}

static void without_memory(void **state)
{
    test_heap own;
    nb_heap *heap;
    nb_ring ring;
    nb_ring_cell cells[2];

    (void)state;
    heap_init(&own);
    heap = nb_heap_open(&own.allocator, 0);
    heap_fail(&own, 1, false);
    CHECK(!nb_ring_init(&ring, heap, 8));
    CHECK(!nb_ring_init(&ring, heap, UINT64_C(1) << 62)); /* more bytes than there are numbers */
    nb_ring_init_at(&ring, cells, 2);
    EQ(nb_ring_push(&ring, 1), NB_RING_OK);
    nb_ring_fini(&ring);
    nb_heap_close(heap);
    CHECK(heap_is_clean(&own));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_empties_and_wraps),
        cmocka_unit_test(closes),
        cmocka_unit_test(batches),
        cmocka_unit_test(a_push_stops_halfway),
        cmocka_unit_test(a_pop_stops_halfway),
        cmocka_unit_test(without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
