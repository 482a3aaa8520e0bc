/* test_dedup.c - the table of deduplication ids, alone and against a plain list. */
#include "support.h"

#include "base/number.h"
#include "queue/dedup.h"

#define WINDOW NB_DEDUP_WINDOW

static const uint64_t key[2] = { 1, 2 };

typedef struct bench {
    test_heap own;
    nb_heap *heap;
    nb_dedup_roots roots;
    nb_dedup table;
    size_t empty;
} bench;

static void bench_open(bench *b, size_t capacity)
{
    heap_init(&b->own);
    b->heap = nb_heap_open(&b->own.allocator, 0);
    CHECK(b->heap != NULL);
    b->empty = nb_heap_bytes(b->heap);
    memset(&b->roots, 0, sizeof b->roots);
    nb_dedup_init(&b->table, &b->roots, b->heap, capacity, WINDOW);
    EQ(nb_heap_bytes(b->heap), b->empty); /* nothing is taken for who never sends */
}

static void bench_close(bench *b)
{
    nb_dedup_clear(&b->table);
    EQ(b->table.bytes, 0);
    EQ(nb_heap_bytes(b->heap), b->empty);
    nb_heap_close(b->heap);
    CHECK(heap_is_clean(&b->own));
}

static void hash_of(uint64_t number, uint64_t ret[2])
{
    char text[24];

    snprintf(text, sizeof text, "id-%llu", (unsigned long long)number);
    nb_dedup_hash(key, &(nb_keys){ .id = text, .id_length = strlen(text) }, false, ret);
}

/* As a send does it. NIMBUS_DUPLICATE: *ret_id is the original's. */
static nimbus_status send_hash(bench *b, const uint64_t hash[2], uint64_t id, int64_t now, uint64_t *ret_id)
{
    const nb_dedup_entry *seen;
    nimbus_status status = nb_dedup_admit(&b->table, hash, now, &seen);

    if (status == NIMBUS_DUPLICATE) {
        *ret_id = seen->id;
        EQ(seen->sequence, seen->id * 2);
        return NIMBUS_DUPLICATE;
    }
    if (status == NIMBUS_OK) {
        nb_dedup_remember(&b->table, hash, id, id * 2, now);
    }
    CHECK(b->table.bytes <= b->table.capacity);
    EQ(b->table.bytes, nb_heap_bytes(b->heap) - b->empty); /* every byte is counted */
    return status;
}

static nimbus_status send(bench *b, uint64_t number, uint64_t id, int64_t now, uint64_t *ret_id)
{
    uint64_t hash[2];

    hash_of(number, hash);
    return send_hash(b, hash, id, now, ret_id);
}

static void the_window(void **state)
{
    bench b;
    uint64_t original = 0;

    (void)state;
    bench_open(&b, 1 << 20);
    OK(send(&b, 7, 100, 1000, &original));
    IS(send(&b, 7, 101, 1000 + WINDOW - 1, &original), NIMBUS_DUPLICATE);
    EQ(original, 100);
    EQT(nb_dedup_oldest_end(&b.table), 1000 + WINDOW); /* a duplicate does not extend it */
    OK(send(&b, 7, 102, 1000 + WINDOW, &original));
    IS(send(&b, 7, 103, 1000 + WINDOW, &original), NIMBUS_DUPLICATE);
    EQ(original, 102);
    nb_dedup_clear(&b.table);
    EQ(nb_dedup_count(&b.table), 0);
    EQT(nb_dedup_oldest_end(&b.table), INT64_MAX);
    OK(send(&b, 7, 104, 1000 + WINDOW, &original));
    bench_close(&b);
}

static void a_clock_that_steps_back(void **state)
{
    bench b;
    uint64_t original = 0;

    (void)state;
    bench_open(&b, 1 << 20);
    OK(send(&b, 1, 1, 2000, &original));
    OK(send(&b, 2, 2, 1000, &original)); /* read earlier, admitted later */
    CHECK(!nb_dedup_expire(&b.table, 1999 + WINDOW, 10));
    EQ(nb_dedup_count(&b.table), 2);
    IS(send(&b, 2, 3, 1999 + WINDOW, &original), NIMBUS_DUPLICATE); /* its time ends with that of the one before */
    EQ(original, 2);
    CHECK(nb_dedup_expire(&b.table, 2000 + WINDOW, 1));
    CHECK(!nb_dedup_expire(&b.table, 2000 + WINDOW, 10));
    EQ(nb_dedup_count(&b.table), 0);
    EQ(b.table.bytes, 0);
    bench_close(&b);
}

static void hash_pair(const uint64_t with[2], const char *id, const char *group, uint64_t ret[2])
{
    nb_keys keys = { group, id, group != NULL ? strlen(group) : 0, strlen(id) };

    nb_dedup_hash(with, &keys, group != NULL, ret);
}

static void hashes_tell_scopes_apart(void **state)
{
    uint64_t a[2], b[2];

    (void)state;
    hash_pair(key, "ab", NULL, a);
    hash_pair(key, "ab", NULL, b);
    CHECK(memcmp(a, b, sizeof a) == 0);
    hash_pair(key, "ab", "c", b);
    CHECK(memcmp(a, b, sizeof a) != 0);
    hash_pair(key, "a", "bc", a);
    CHECK(memcmp(a, b, sizeof a) != 0);
    hash_pair((const uint64_t[]){ 1, 3 }, "ab", "c", a);
    CHECK(memcmp(a, b, sizeof a) != 0);
}

/* Full: refused, nothing is forgotten early; room comes back with time. */
static void the_capacity(void **state)
{
    bench b;
    uint64_t original = 0, held = 0;

    (void)state;
    bench_open(&b, 4096);
    while (send(&b, held, held, (int64_t)held, &original) == NIMBUS_OK) {
        held++;
    }
    CHECK(held * 64 >= 4096 / 2); /* most of the room was entries */
    IS(send(&b, held, 999, (int64_t)held, &original), NIMBUS_E_DEDUP_FULL);
    EQ(nb_dedup_count(&b.table), held);
    for (uint64_t i = 0; i < held; i++) {
        IS(send(&b, i, 999, WINDOW - 1, &original), NIMBUS_DUPLICATE);
        EQ(original, i);
    }
    IS(send(&b, held, 999, WINDOW - 1, &original), NIMBUS_E_DEDUP_FULL);
    OK(send(&b, held, 1000, WINDOW + 3, &original)); /* a chunk of them is over */
    IS(send(&b, held, 1001, WINDOW + 3, &original), NIMBUS_DUPLICATE);
    bench_close(&b);
    bench_open(&b, 16); /* not even for one */
    IS(send(&b, 1, 1, 0, &original), NIMBUS_E_DEDUP_FULL);
    EQ(b.table.bytes, 0);
    bench_close(&b);
}

/* Each allocation fails once: a status, no entry, and it goes well with memory. */
static void out_of_memory(void **state)
{
    uint64_t original = 0;

    (void)state;
    for (size_t fail = 1; fail < 40; fail++) {
        bench b;
        size_t refused = 0;

        bench_open(&b, 1 << 20);
        heap_fail(&b.own, fail, false);
        for (uint64_t i = 0; i < 60; i++) {
            nimbus_status status = send(&b, i, i, 0, &original);

            if (status != NIMBUS_OK) {
                IS(status, NIMBUS_E_NO_MEMORY);
                refused++;
                EQ(nb_dedup_count(&b.table), i);
                OK(send(&b, i, i, 0, &original));
            }
        }
        CHECK(refused <= 1);
        for (uint64_t i = 0; i < 60; i++) {
            IS(send(&b, i, 99, 1, &original), NIMBUS_DUPLICATE);
            EQ(original, i);
        }
        heap_fail(&b.own, 1, true); /* forgetting needs no memory */
        CHECK(!nb_dedup_expire(&b.table, WINDOW, 60));
        EQ(nb_dedup_count(&b.table), 0);
        heap_fail(&b.own, 0, false);
        bench_close(&b);
    }
}

/* What the table is compared with: everything that was ever accepted, and when. */
#define IDS 400u

typedef struct naive {
    int64_t end[IDS];
    uint64_t id[IDS];
} naive;

static uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed = nb_random_mix(*seed);
    return *seed % below;
}

static void step(bench *b, naive *model, uint64_t *seed, int64_t *now, uint64_t id)
{
    uint64_t number = draw(seed, IDS), original = 0;
    uint64_t live = 0;
    nimbus_status status;

    *now += (int64_t)draw(seed, (uint64_t)WINDOW / (draw(seed, 8) == 0 ? 4 : 300));
    if (draw(seed, 3000) == 0) {
        nb_dedup_clear(&b->table); /* a purge */
        memset(model, 0, sizeof *model);
    }
    if (draw(seed, 50) == 0) {
        (void)nb_dedup_expire(&b->table, *now, draw(seed, 2) == 0 ? 2 : IDS);
    }
    status = send(b, number, id, *now, &original);
    if (model->end[number] > *now) {
        IS(status, NIMBUS_DUPLICATE);
        EQ(original, model->id[number]);
    } else if (status == NIMBUS_OK) {
        model->end[number] = *now + WINDOW;
        model->id[number] = id;
    } else {
        IS(status, NIMBUS_E_DEDUP_FULL);
    }
    for (size_t i = 0; i < IDS; i++) {
        live += model->end[i] > *now;
    }
    CHECK(nb_dedup_count(&b->table) >= live);
    CHECK(status != NIMBUS_E_DEDUP_FULL || live > 8); /* it refuses only if it is full of what it must keep */
}

static void against_a_plain_list(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        bench b;
        naive model = { { 0 }, { 0 } };
        uint64_t random = seed, original;
        int64_t now = 0;

        bench_open(&b, seed % 3 == 0 ? 4096 : 1 << 20);
        for (uint64_t id = 1; id <= 4000; id++) {
            step(&b, &model, &random, &now, id);
        }
        (void)nb_dedup_expire(&b.table, now + WINDOW, UINT64_MAX);
        EQ(b.table.bytes, 0); /* the memory comes back by itself */
        OK(send(&b, 1, 1, now + WINDOW, &original));
        bench_close(&b);
    }
}

/* Many, and then fewer: bytes follow the number of entries. The library needs 60 for each, the small chunks of this build more. */
static void it_shrinks(void **state)
{
    const uint64_t many = 20000;
    bench b;
    uint64_t original = 0;

    (void)state;
    bench_open(&b, 64 << 20);
    for (uint64_t i = 0; i < many; i++) {
        OK(send(&b, i, i, (int64_t)i, &original));
    }
    CHECK(b.table.bytes <= many * 72);
    for (uint64_t i = 0; i < many; i++) {
        CHECK(!nb_dedup_expire(&b.table, (int64_t)i + WINDOW, 2));
        EQ(nb_dedup_count(&b.table), many - 1 - i);
        CHECK(b.table.bytes <= (many - i) * 96 + 4096);
        for (uint64_t left = i + 1; i % 500 == 0 && left < many; left++) { /* in whichever bucket and chain they are now */
            IS(send(&b, left, 0, (int64_t)i + WINDOW, &original), NIMBUS_DUPLICATE);
            EQ(original, left);
        }
    }
    EQ(b.table.bytes, 0);
    bench_close(&b);
}

/* As many as numbers can tell apart: refused, and none is lost. */
static void the_most(void **state)
{
    const uint64_t most = (1 << 15) - 1; /* in this build */
    bench b;
    uint64_t original = 0;

    (void)state;
    bench_open(&b, 64 << 20);
    for (uint64_t i = 0; i < most; i++) {
        OK(send(&b, i, i, 0, &original));
    }
    IS(send(&b, most, most, 0, &original), NIMBUS_E_DEDUP_FULL);
    for (uint64_t i = 0; i < most; i += 101) {
        IS(send(&b, i, most, 0, &original), NIMBUS_DUPLICATE);
        EQ(original, i);
    }
    OK(send(&b, most, most, WINDOW, &original));
    bench_close(&b);
}

/* The numbers' low halves come again, behind slots that were never used since: who is remembered is found, who is not is not. */
static void numbers_that_come_again(void **state)
{
    bench b;
    uint64_t original = 0;

    (void)state;
    bench_open(&b, 1 << 20);
    for (uint64_t round = 0; round < 4; round++) {
        int64_t start = (int64_t)round * 2 * WINDOW;
        uint64_t many = round % 2 == 0 ? 300 : 500;

        for (uint64_t i = 0; i < many; i++) {
            OK(send(&b, i, round * 1000 + i, start, &original));
        }
        for (uint64_t i = 0; i < many; i++) {
            IS(send(&b, i, 0, start, &original), NIMBUS_DUPLICATE);
            EQ(original, round * 1000 + i);
        }
        (void)nb_dedup_expire(&b.table, start + WINDOW, many - 1 - round);
        /* as if 2^32 had been sent meanwhile: the same slots, chunks at the same places of a list whose room divides that */
        b.table.first += UINT64_C(1) << 32;
        b.table.next += UINT64_C(1) << 32;
        for (uint64_t i = 0; i < 200; i++) {
            (void)send(&b, 10000 + i, i, start + 1, &original);
            IS(send(&b, 10000 + i, 0, start + 1, &original), NIMBUS_DUPLICATE);
            EQ(original, i);
        }
        (void)nb_dedup_expire(&b.table, start + 1 + WINDOW, UINT64_MAX);
        EQ(nb_dedup_count(&b.table), 0);
    }
    bench_close(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_window),
        cmocka_unit_test(a_clock_that_steps_back),
        cmocka_unit_test(hashes_tell_scopes_apart),
        cmocka_unit_test(the_capacity),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(against_a_plain_list),
        cmocka_unit_test(it_shrinks),
        cmocka_unit_test(the_most),
        cmocka_unit_test(numbers_that_come_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
