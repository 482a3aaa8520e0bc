/* test_index_ring.c - the ring of indices: order, wrap, growth, batches, and looking without taking. */
#include "support.h"

#include "sync/index_ring.h"

typedef struct bench {
    test_heap own;
    nb_heap *heap;
    nb_index_ring ring;
} bench;

static void set_up(bench *b, uint64_t room)
{
    heap_init(&b->own);
    b->heap = nb_heap_open(&b->own.allocator, 0);
    CHECK(b->heap != NULL);
    nb_index_ring_init(&b->ring, b->heap);
    CHECK(room == 0 || nb_index_ring_grow(&b->ring, room));
}

static void tear_down(bench *b)
{
    nb_index_ring_fini(&b->ring);
    nb_heap_close(b->heap);
    CHECK(heap_is_clean(&b->own));
}

static void expect(bench *b, uint32_t index)
{
    uint32_t got = UINT32_MAX;

    CHECK(nb_index_ring_pop_one(&b->ring, &got));
    EQ(got, index);
}

static void empty_before_anything_was_made(void **state)
{
    uint32_t index = 7;
    uint64_t at = 0;
    bench b;

    (void)state;
    set_up(&b, 0);
    CHECK(!nb_index_ring_pop_one(&b.ring, &index));
    EQ(nb_index_ring_pop(&b.ring, &index, 1), 0);
    CHECK(!nb_index_ring_peek(&b.ring, &index));
    CHECK(!nb_index_ring_pop_this(&b.ring, 0));
    EQ(nb_index_ring_list(&b.ring, &at, &index, 1), 0);
    EQ(nb_index_ring_pushes(&b.ring), 0);
    EQ(nb_index_ring_pops(&b.ring), 0);
    EQ(index, 7);
    tear_down(&b);
}

static void first_in_first_out_over_many_laps(void **state)
{
    bench b;

    (void)state;
    set_up(&b, 4);
    for (uint32_t i = 0; i < 1000; i++) {
        nb_index_ring_push(&b.ring, i);
        nb_index_ring_push(&b.ring, i + 1000);
        expect(&b, i);
        expect(&b, i + 1000);
    }
    EQ(nb_index_ring_pushes(&b.ring), 2000);
    EQ(nb_index_ring_pops(&b.ring), 2000);
    tear_down(&b);
}

static void growth_keeps_the_order(void **state)
{
    uint32_t index;
    bench b;

    (void)state;
    for (uint32_t before = 0; before <= 4; before++) {
        set_up(&b, 4);
        for (uint32_t i = 0; i < before; i++) {
            nb_index_ring_push(&b.ring, i);
        }
        CHECK(nb_index_ring_grow(&b.ring, 5));
        CHECK(nb_index_ring_grow(&b.ring, 16)); /* there is that much already */
        for (uint32_t i = before; i < 16; i++) {
            nb_index_ring_push(&b.ring, i);
        }
        EQ(nb_index_ring_pushes(&b.ring), 16);
        CHECK(nb_index_ring_grow(&b.ring, 17));
        nb_index_ring_push(&b.ring, 16);
        for (uint32_t i = 0; i <= 16; i++) {
            EQ(nb_index_ring_pops(&b.ring), i);
            expect(&b, i);
        }
        CHECK(!nb_index_ring_pop_one(&b.ring, &index));
        EQ(nb_index_ring_pushes(&b.ring), 17);
        tear_down(&b);
    }
}

static void growth_that_fails_changes_nothing(void **state)
{
    bench b;

    (void)state;
    set_up(&b, 4);
    for (uint32_t i = 0; i < 4; i++) {
        nb_index_ring_push(&b.ring, i);
    }
    heap_fail(&b.own, 1, true);
    CHECK(!nb_index_ring_grow(&b.ring, 5));
    heap_fail(&b.own, 0, false);
    for (uint32_t i = 0; i < 4; i++) {
        expect(&b, i);
        nb_index_ring_push(&b.ring, i + 4);
    }
    for (uint32_t i = 4; i < 8; i++) {
        expect(&b, i);
    }
    tear_down(&b);
}

static void batches(void **state)
{
    uint32_t in[16], out[16];
    bench b;

    (void)state;
    set_up(&b, 64);
    for (uint32_t round = 0; round < 100; round++) {
        uint32_t count = 1 + round % 16, got = 0;

        for (uint32_t i = 0; i < count; i++) {
            in[i] = round * 100 + i;
        }
        nb_index_ring_push_many(&b.ring, in, count);
        while (got < count) {
            uint32_t popped = nb_index_ring_pop(&b.ring, out, 3);

            CHECK(popped > 0 && popped <= 3);
            for (uint32_t i = 0; i < popped; i++) {
                EQ(out[i], in[got + i]);
            }
            got += popped;
        }
        EQ(nb_index_ring_pop(&b.ring, out, 16), 0);
    }
    tear_down(&b);
}

static void a_batch_over_a_closed_part(void **state)
{
    const uint32_t in[] = { 10, 11, 12, 13, 14 };
    bench b;

    (void)state;
    set_up(&b, 4);
    nb_index_ring_push(&b.ring, 9);
    CHECK(nb_index_ring_grow(&b.ring, 16));
    nb_index_ring_push_many(&b.ring, in, 5);
    for (uint32_t i = 9; i <= 14; i++) {
        expect(&b, i);
    }
    tear_down(&b);
}

static void looking(void **state)
{
    uint32_t index, run[3];
    uint64_t at = 0;
    bench b;

    (void)state;
    set_up(&b, 4);
    nb_index_ring_push(&b.ring, 5);
    nb_index_ring_push(&b.ring, 6);
    CHECK(nb_index_ring_grow(&b.ring, 16));
    nb_index_ring_push(&b.ring, 7);
    nb_index_ring_push(&b.ring, 8);
    CHECK(nb_index_ring_peek(&b.ring, &index));
    EQ(index, 5);
    CHECK(!nb_index_ring_pop_this(&b.ring, 6));
    CHECK(nb_index_ring_pop_this(&b.ring, 5));
    EQ(nb_index_ring_list(&b.ring, &at, run, 3), 3);
    EQ(run[0], 6);
    EQ(run[1], 7);
    EQ(run[2], 8);
    EQ(nb_index_ring_list(&b.ring, &at, run, 3), 0);
    for (uint32_t i = 6; i <= 8; i++) {
        expect(&b, i);
    }
    CHECK(!nb_index_ring_peek(&b.ring, &index));
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_before_anything_was_made),    cmocka_unit_test(first_in_first_out_over_many_laps),
        cmocka_unit_test(growth_keeps_the_order),            cmocka_unit_test(growth_that_fails_changes_nothing),
        cmocka_unit_test(batches),                           cmocka_unit_test(a_batch_over_a_closed_part),
        cmocka_unit_test(looking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
