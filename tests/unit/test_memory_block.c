/* test_memory_block.c - size classes, blocks and their chunks, in one thread. */
#include "support.h"

#include "memory/block.h"
#include "memory/copy.h"

typedef struct place {
    test_heap own;
    nb_heap *heap;
} place;

static void place_open(place *p, size_t budget)
{
    heap_init(&p->own);
    p->heap = nb_heap_open(&p->own.allocator, budget);
    CHECK(p->heap != NULL);
    CHECK(nb_slabs_open(p->heap));
}

static void place_close(place *p)
{
    nb_slabs_close(p->heap);
    nb_heap_close(p->heap);
    CHECK(heap_is_clean(&p->own));
}

/* A block, all of it written to, but for its first word. */
static void *get(place *p, size_t size, int fill)
{
    char *block = nb_block_get(p->heap, size);

    if (block != NULL && size > sizeof(void *)) {
        memset(block + sizeof(void *), fill, size - sizeof(void *));
    }
    return block;
}

static bool filled(const void *block, size_t size, int fill)
{
    const unsigned char *at = block;

    for (size_t i = sizeof(void *); i < size; i++) {
        if (at[i] != (unsigned char)fill) {
            return false;
        }
    }
    return true;
}

static void every_size_has_its_class(void **state)
{
    uint32_t before = 0;

    (void)state;
    for (size_t size = 1; size <= NB_BLOCK_MAX; size++) {
        uint32_t class = nb_class_of(size), room = nb_class_size(class);

        CHECK(room >= size);
        CHECK(class == before || class == before + 1);
        CHECK(class == 0 || nb_class_size(class - 1) < size); /* the smallest that fits */
        CHECK(size < NB_BLOCK_MIN || room - size <= (size <= NB_BLOCK_FINE ? 7 : room / 8));
        EQ(room % 8, 0);
        before = class;
    }
    EQ(before, NB_BLOCK_CLASSES - 1);
    EQ(nb_class_size(0), NB_BLOCK_MIN);
    EQ(nb_class_size(before), NB_BLOCK_MAX);
    for (uint32_t class = 0; class < NB_BLOCK_CLASSES; class++) {
        CHECK(nb_batch_limit(nb_class_size(class)) >= 2);
    }
}

static void blocks_do_not_overlap(void **state)
{
    enum { PER_SIZE = 40 };
    static const size_t sizes[] = { 8, 24, 25, 88, 256, 257, 1048, 4120, NB_BLOCK_MAX, NB_BLOCK_MAX + 1, 20000 };
    void *blocks[COUNT(sizes)][PER_SIZE];
    place p;

    (void)state;
    place_open(&p, 0);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < PER_SIZE; i++) {
            for (size_t s = 0; s < COUNT(sizes); s++) {
                blocks[s][i] = get(&p, sizes[s], (int)(s * PER_SIZE + i));
                CHECK(blocks[s][i] != NULL);
                EQ((uintptr_t)blocks[s][i] % sizeof(void *), 0);
                CHECK(nb_block_heap(blocks[s][i]) == p.heap);
            }
        }
        for (size_t i = 0; i < PER_SIZE; i++) {
            for (size_t s = 0; s < COUNT(sizes); s++) {
                size_t other = (i * 7 + (size_t)round) % PER_SIZE; /* in another order than they came */

                CHECK(filled(blocks[s][other], sizes[s], (int)(s * PER_SIZE + other)));
                nb_block_put(blocks[s][other]);
            }
        }
    }
    place_close(&p);
}

static void steady_state_asks_for_nothing(void **state)
{
    void *blocks[10];
    place p;
    uint64_t calls = 0;

    (void)state;
    place_open(&p, 0);
    for (int round = 0; round < 1000; round++) {
        for (size_t i = 0; i < COUNT(blocks); i++) {
            blocks[i] = get(&p, 100, (int)i);
        }
        for (size_t i = 0; i < COUNT(blocks); i++) {
            nb_block_put(blocks[i]);
        }
        calls = round < 5 ? heap_calls(&p.own) : calls;
    }
    EQ(heap_calls(&p.own), calls);
    place_close(&p);
}

static void what_a_wave_leaves_goes_back(void **state)
{
    enum { WAVE = 2000 };
    void *blocks[WAVE];
    place p;
    size_t idle, peak;

    (void)state;
    place_open(&p, 0);
    idle = nb_heap_bytes(p.heap);
    for (size_t i = 0; i < WAVE; i++) {
        blocks[i] = get(&p, 96, (int)i);
    }
    peak = nb_heap_bytes(p.heap);
    CHECK(peak - idle >= WAVE * 96);
    CHECK(peak - idle < WAVE * 96 * 5 / 4); /* chunks grow, so that their heads do not count */
    for (size_t i = 0; i < WAVE; i++) {
        nb_block_put(blocks[i]);
    }
    CHECK(nb_heap_bytes(p.heap) - idle < (peak - idle) / 10);
    place_close(&p);
}

/* Blocks of size until there is no more memory; returns how many, linked through their second word. */
static size_t fill_up(place *p, size_t size, void **ret_chain)
{
    size_t count = 0;
    void **block;

    *ret_chain = NULL;
    while ((block = nb_block_get(p->heap, size)) != NULL) {
        block[1] = *ret_chain;
        *ret_chain = block;
        count++;
    }
    return count;
}

static void give_back(void *chain)
{
    while (chain != NULL) {
        void *next = ((void **)chain)[1];

        nb_block_put(chain);
        chain = next;
    }
}

static void a_budget_is_used_to_the_end_by_any_size(void **state)
{
    static const size_t sizes[] = { 32, 1000, 200, 4000, 24, 9000, 600 };
    place p;
    void *chain, *block;
    size_t count, room;

    (void)state;
    place_open(&p, 100000);
    nb_block_put(nb_block_get(p.heap, 24)); /* this thread has its cache */
    for (int round = 0; round < 2; round++) {
        for (size_t s = 0; s < COUNT(sizes); s++) {
            room = 100000 - nb_heap_bytes(p.heap);
            count = fill_up(&p, sizes[s], &chain);
            IS(nb_block_failure(p.heap, sizes[s]), NIMBUS_E_FULL);
            CHECK(nb_heap_bytes(p.heap) <= 100000);
            CHECK(nb_heap_bytes(p.heap) + sizes[s] + sizeof(nb_chunk) > 100000); /* the last bytes went in single blocks */
            CHECK(count * (sizes[s] + sizeof(nb_chunk)) >= room / 2);
            CHECK(nb_alloc(p.heap, 5000) == NULL);
            give_back(chain);
            block = nb_alloc(p.heap, 80000); /* anybody else can have it, too */
            CHECK(block != NULL);
            nb_free(p.heap, block, 80000);
            CHECK(nb_heap_charge(p.heap, 80000));
            nb_heap_uncharge(p.heap, 80000);
        }
    }
    place_close(&p);
}

static void a_refused_chunk_is_tried_smaller(void **state)
{
    place p;
    void *block;

    (void)state;
    place_open(&p, 0);
    nb_block_put(nb_block_get(p.heap, 24)); /* this thread has its cache */
    heap_fail(&p.own, 1, false);
    block = get(&p, 64, 1);
    CHECK(block != NULL);
    EQ(heap_failed(&p.own), 1);
    nb_block_put(block);
    heap_fail(&p.own, 1, true);
    block = get(&p, 128, 2);
    CHECK(block == NULL);
    IS(nb_block_failure(p.heap, 128), NIMBUS_E_NO_MEMORY);
    CHECK(nb_block_get(p.heap, 10000) == NULL);
    heap_fail(&p.own, 0, false);
    block = get(&p, 128, 3);
    CHECK(block != NULL);
    nb_block_put(block);
    CHECK(nb_block_get(p.heap, SIZE_MAX - 10) == NULL); /* its head would not fit */
    place_close(&p);
}

static void without_a_cache_it_still_works(void **state)
{
    void *blocks[20];
    place p;

    (void)state;
    place_open(&p, 0);
    heap_fail(&p.own, 1, false); /* the cache */
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < COUNT(blocks); i++) {
            blocks[i] = get(&p, 72, (int)i);
            CHECK(blocks[i] != NULL);
        }
        if (round == 0) {
            CHECK(nb_cache_of(nb_self_get(), p.heap->serial) == NULL);
        }
        for (size_t i = 0; i < COUNT(blocks); i++) {
            CHECK(filled(blocks[i], 72, (int)i));
            nb_block_put(blocks[i]);
        }
    }
    CHECK(nb_cache_of(nb_self_get(), p.heap->serial) != NULL); /* it was asked for again */
    place_close(&p);
}

static void a_heap_without_slabs_gives_blocks_too(void **state)
{
    place p;
    void *block;

    (void)state;
    heap_init(&p.own);
    p.heap = nb_heap_open(&p.own.allocator, 1000);
    block = get(&p, 40, 7);
    CHECK(block != NULL && filled(block, 40, 7));
    CHECK(nb_block_heap(block) == p.heap);
    CHECK(get(&p, 1000, 0) == NULL);
    IS(nb_block_failure(p.heap, 1000), NIMBUS_E_FULL);
    nb_block_put(block);
    place_close(&p); /* the close of slabs that are not there does nothing */
}

static void no_memory_for_the_slabs(void **state)
{
    place p;

    (void)state;
    heap_init(&p.own);
    p.heap = nb_heap_open(&p.own.allocator, 0);
    heap_fail(&p.own, 1, false);
    CHECK(!nb_slabs_open(p.heap));
    CHECK(nb_slabs_open(p.heap));
    place_close(&p);
}

static void blocks_outlive_the_close(void **state)
{
    enum { HELD = 50 };
    void *blocks[HELD];
    place p;
    size_t left;

    (void)state;
    place_open(&p, 0);
    for (size_t i = 0; i < HELD; i++) {
        blocks[i] = get(&p, i % 2 == 0 ? 100 : 1500, (int)i);
    }
    nb_slabs_close(p.heap);
    left = nb_heap_bytes(p.heap);
    for (size_t i = 0; i < HELD; i += 3) {
        CHECK(filled(blocks[i], 100, (int)i));
        nb_block_put(blocks[i]);
    }
    CHECK(nb_heap_bytes(p.heap) <= left);
    blocks[0] = get(&p, 100, 9); /* from the heap itself */
    CHECK(blocks[0] != NULL && nb_block_heap(blocks[0]) == p.heap);
    nb_block_put(blocks[0]);
    nb_heap_close(p.heap);
    for (size_t i = 0; i < HELD; i++) {
        if (i % 3 != 0) {
            CHECK(atomic_load(&p.own.blocks) > 0);
            CHECK(filled(blocks[i], i % 2 == 0 ? 100 : 1500, (int)i));
            nb_block_put(blocks[i]);
        }
    }
    CHECK(heap_is_clean(&p.own));
}

static void three_heaps_in_one_thread(void **state)
{
    place places[3];
    void *blocks[3][10];
    uint64_t calls[3] = { 0, 0, 0 };

    (void)state;
    for (size_t h = 0; h < 3; h++) {
        place_open(&places[h], 0);
    }
    for (int round = 0; round < 50; round++) {
        for (size_t h = 0; h < 3; h++) { /* one more than a thread remembers: each turn takes a cache from another heap */
            for (size_t i = 0; i < 10; i++) {
                blocks[h][i] = get(&places[h], 64, (int)(h * 10 + i));
            }
        }
        for (size_t h = 0; h < 3; h++) {
            for (size_t i = 0; i < 10; i++) {
                CHECK(filled(blocks[h][i], 64, (int)(h * 10 + i)));
                nb_block_put(blocks[h][i]);
            }
        }
        for (size_t h = 0; h < 3; h++) {
            if (round > 10) {
                EQ(heap_calls(&places[h].own), calls[h]); /* a cache that is given up is kept for the next one */
            }
            calls[h] = heap_calls(&places[h].own);
        }
    }
    for (size_t h = 3; h-- > 0;) {
        place_close(&places[h]);
    }
}

#if NB_ASAN
static void free_blocks_are_poisoned(void **state)
{
    place p;
    char *block;

    (void)state;
    place_open(&p, 0);
    block = get(&p, 50, 1);
    CHECK(!__asan_address_is_poisoned(block + 49));
    CHECK(__asan_address_is_poisoned(block + 50)); /* of its 56 bytes it has 50 */
    nb_block_put(block);
    CHECK(__asan_address_is_poisoned(block + NB_FREE_BYTES));
    CHECK(__asan_address_is_poisoned(block + 49));
    for (int i = 0; i < 20; i++) { /* it comes back, perhaps by the depot */
        char *other = get(&p, 56, 2);

        CHECK(!__asan_address_is_poisoned(other + 55));
        nb_block_put(other);
    }
    place_close(&p);
}
#endif

static void a_refusal_beyond_the_budget_costs_nothing(void **state)
{
    void *blocks[20];
    place p;
    uint64_t calls;

    (void)state;
    place_open(&p, 100000);
    for (size_t i = 0; i < COUNT(blocks); i++) {
        blocks[i] = get(&p, 64, (int)i);
    }
    for (size_t i = 0; i < COUNT(blocks); i++) {
        nb_block_put(blocks[i]);
    }
    calls = heap_calls(&p.own);
    CHECK(nb_alloc(p.heap, 100001) == NULL);
    CHECK(!nb_heap_charge(p.heap, 100001));
    for (size_t i = 0; i < 6; i++) {
        blocks[i] = get(&p, 64, (int)i);
    }
    EQ(heap_calls(&p.own), calls); /* they were still there */
    for (size_t i = 0; i < 6; i++) {
        nb_block_put(blocks[i]);
    }
    CHECK(nb_alloc(p.heap, 99000) == NULL); /* this might have fitted: what is not in use goes */
    blocks[0] = get(&p, 64, 0);
    CHECK(heap_calls(&p.own) > calls);
    nb_block_put(blocks[0]);
    place_close(&p);
}

static void numbers_rise(void **state)
{
    _Atomic uint64_t counter = 0, other = 0;
    uint64_t last = 0;
    place p, q;

    (void)state;
    place_open(&p, 0);
    place_open(&q, 0);
    heap_fail(&q.own, 1, true); /* without a cache */
    for (int i = 0; i < 1000; i++) {
        uint64_t next = nb_number_next(p.heap, &counter);

        EQ(next, last + 1); /* one thread, one cache: none is left out */
        last = next;
        EQ(nb_number_next(q.heap, &other), i + 1);
    }
    heap_fail(&q.own, 0, false);
    for (int i = 0; i < 200; i++) {
        uint64_t next = nb_number_next(q.heap, &other);

        CHECK(next > last || i == 0);
        last = next;
    }
    place_close(&q);
    nb_slabs_close(p.heap);
    CHECK(nb_number_next(p.heap, &counter) > 1000); /* never the same again */
    nb_heap_close(p.heap);
    CHECK(heap_is_clean(&p.own));
}

/* A row is taken from the handful if it is long enough; what is left of one that is not is never used. */
static void numbers_come_in_rows(void **state)
{
    _Atomic uint64_t counter = 0;
    uint64_t last = 0;
    place p;

    (void)state;
    place_open(&p, 0);
    for (uint32_t count = 1; count <= NB_NUMBERS_MOST; count++) {
        nb_cache *cache = nb_cache_of(nb_self_get(), p.heap->serial);
        uint64_t first = nb_numbers_next_in(cache, p.heap, &counter, count);

        CHECK(first > last);
        CHECK(first - last <= NB_NUMBERS_MOST);
        CHECK(count > 1 || first == 1);
        last = first + count - 1;
        CHECK(last <= nb_load_relaxed(&counter));
    }
    place_close(&p);
}

/* Somebody looked for the cache before there was one, and goes on without: what the cache has got meanwhile is neither lost nor doubled. */
static void a_cache_that_came_meanwhile_is_found(void **state)
{
    void *blocks[100];
    place p;

    (void)state;
    place_open(&p, 0);
    for (size_t i = 0; i < 100; i++) {
        blocks[i] = nb_block_get_in(NULL, p.heap, 64);
        memset((char *)blocks[i] + sizeof(void *), (int)i, 64 - sizeof(void *));
    }
    for (size_t i = 0; i < 100; i++) {
        CHECK(filled(blocks[i], 64, (int)i));
        nb_block_put(blocks[i]);
    }
    place_close(&p);
}

static uint32_t freed;

static void count_free(void *data, size_t size, void *user)
{
    (void)data;
    (void)size;
    nb_message_release(user); /* a free function may do anything: here it lets go of another message */
    freed++;
}

/* Plain ones, one of another heap, one with a free function, and one that somebody else holds as well. */
static void messages_are_given_back_together(void **state)
{
    nimbus_message *messages[4], *other = NULL;
    static char body[8];
    nimbus_body taken;
    place p, q;

    (void)state;
    place_open(&p, 0);
    place_open(&q, 0);
    OK(nb_message_copy(p.heap, "plain", 5, &messages[0]));
    OK(nb_message_copy(q.heap, "elsewhere", 9, &messages[1]));
    OK(nb_message_copy(p.heap, "held", 4, &messages[3]));
    OK(nb_message_copy(p.heap, "let go of by a free function", 28, &other));
    taken = nimbus_adopt(body, sizeof body, count_free, other);
    OK(nb_message_adopt(p.heap, &taken, &messages[2]));
    for (size_t i = 0; i < 4; i++) {
        nb_message_retain_n(messages[i], i == 3 ? 2 : 1);
    }
    freed = 0;
    nb_messages_release(messages, 4, 2);
    EQ(freed, 1);
    EQ(memcmp(nb_message_body(messages[3]).data, "held", 4), 0);
    nb_message_release(messages[3]);
    place_close(&q);
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_has_its_class),
        cmocka_unit_test(blocks_do_not_overlap),
        cmocka_unit_test(steady_state_asks_for_nothing),
        cmocka_unit_test(what_a_wave_leaves_goes_back),
        cmocka_unit_test(a_budget_is_used_to_the_end_by_any_size),
        cmocka_unit_test(a_refused_chunk_is_tried_smaller),
        cmocka_unit_test(without_a_cache_it_still_works),
        cmocka_unit_test(a_heap_without_slabs_gives_blocks_too),
        cmocka_unit_test(no_memory_for_the_slabs),
        cmocka_unit_test(blocks_outlive_the_close),
        cmocka_unit_test(three_heaps_in_one_thread),
#if NB_ASAN
        cmocka_unit_test(free_blocks_are_poisoned),
#endif
        cmocka_unit_test(a_refusal_beyond_the_budget_costs_nothing),
        cmocka_unit_test(numbers_rise),
        cmocka_unit_test(numbers_come_in_rows),
        cmocka_unit_test(a_cache_that_came_meanwhile_is_found),
        cmocka_unit_test(messages_are_given_back_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
