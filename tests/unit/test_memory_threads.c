/* test_memory_threads.c - blocks that change threads, threads that come and go, and a close while others still have caches. */
#include "support.h"

#include "memory/block.h"
#include "memory/message.h"

typedef struct place {
    test_heap own;
    nb_heap *heap;
} place;

static void place_open(place *p)
{
    heap_init(&p->own);
    p->heap = nb_heap_open(&p->own.allocator, 0);
    CHECK(p->heap != NULL);
    CHECK(nb_slabs_open(p->heap));
}

static void place_close(place *p)
{
    nb_slabs_close(p->heap);
    nb_heap_close(p->heap);
    CHECK(heap_is_clean(&p->own));
}

static pthread_t start(void *(*run)(void *), void *arg)
{
    pthread_t thread;

    EQ(pthread_create(&thread, NULL, run, arg), 0);
    return thread;
}

/* ------------------------------------------------------------------------------------------- exchange */

/* One place for a block on its way. */
typedef struct handover {
    place p;
    _Atomic(uint64_t *) places[4];
    uint64_t blocks;
    atomic_size_t wrong;
} handover;

static void *free_blocks(void *arg)
{
    handover *h = arg;

    for (uint64_t i = 0; i < h->blocks; i++) {
        uint64_t *block;

        while ((block = atomic_exchange(&h->places[i % COUNT(h->places)], NULL)) == NULL) {
            sched_yield();
        }
        atomic_fetch_add(&h->wrong, block[1] != i || block[9] != ~i);
        nb_block_put(block);
    }
    return NULL;
}

static void give_blocks(handover *h)
{
    for (uint64_t i = 0; i < h->blocks; i++) {
        uint64_t *block = nb_block_get(h->p.heap, 80);

        CHECK(block != NULL);
        block[1] = i;
        block[9] = ~i;
        while (atomic_load(&h->places[i % COUNT(h->places)]) != NULL) {
            sched_yield();
        }
        atomic_store(&h->places[i % COUNT(h->places)], block);
    }
}

static void one_makes_and_another_frees(void **state)
{
    static handover h;
    pthread_t thread;

    (void)state;
    memset(&h, 0, sizeof h);
    place_open(&h.p);
    h.blocks = 20000;
    thread = start(free_blocks, &h);
    give_blocks(&h);
    pthread_join(thread, NULL);
    EQ(atomic_load(&h.wrong), 0);
    CHECK(heap_calls(&h.p.own) < 50); /* slabs, two caches, and the chunks of what is under way at once */
    place_close(&h.p);
}

/* ---------------------------------------------------------------------------------------- short lives */

/* Answers NULL, or the place if anything was refused. */
static void *short_life(void *arg)
{
    place *p = arg;
    void *blocks[12], *refused = NULL;

    for (size_t i = 0; i < COUNT(blocks); i++) {
        blocks[i] = nb_block_get(p->heap, 40 + 8 * (i % 3));
        refused = blocks[i] == NULL ? p : refused;
    }
    for (size_t i = 0; i < COUNT(blocks); i++) {
        if (blocks[i] != NULL) {
            nb_block_put(blocks[i]);
        }
    }
    return refused;
}

static void short_lived_threads_leave_nothing(void **state)
{
    place p;
    size_t bytes = 0;
    uint64_t calls = 0;
    void *refused;

    (void)state;
    place_open(&p);
    for (int i = 0; i < 2000; i++) {
        pthread_join(start(short_life, &p), &refused);
        CHECK(refused == NULL);
        if (i == 10) {
            bytes = nb_heap_bytes(p.heap);
            calls = heap_calls(&p.own);
        }
    }
    EQ(nb_heap_bytes(p.heap), bytes);
    EQ(heap_calls(&p.own), calls); /* not even its cache is asked for anew */
    place_close(&p);
}

static void first_call_with_no_memory_left(void **state)
{
    place p;
    nb_slabs *slabs;
    void *refused;

    (void)state;
    place_open(&p);
    pthread_join(start(short_life, &p), NULL); /* its blocks are in the depot now */
    slabs = p.heap->slabs;
    CHECK(slabs->spare != NULL);
    nb_free(p.heap, slabs->spare, sizeof *slabs->spare);
    slabs->spare = NULL;
    heap_fail(&p.own, 1, true);
    for (int i = 0; i < 3; i++) {
        pthread_join(start(short_life, &p), &refused);
        CHECK(refused == NULL); /* without a cache, from the depot and back */
    }
    CHECK(slabs->spare == NULL);
    CHECK(nb_block_get(p.heap, 4000) == NULL);
    pthread_join(start(short_life, &p), &refused);
    CHECK(refused == &p); /* what nobody uses was given back for the sake of the large one */
    heap_fail(&p.own, 0, false);
    pthread_join(start(short_life, &p), &refused);
    CHECK(refused == NULL);
    place_close(&p);
}

/* -------------------------------------------------------------------------------- after the own hooks */

static pthread_key_t late_key;
static place late_place;

static void late_destructor(void *block)
{
    void *other;

    nb_block_put(block); /* the thread has given its caches back already, or is about to */
    other = nb_block_get(late_place.heap, 56);
    if (other != NULL) {
        nb_block_put(other);
    }
}

static void *ends_late(void *arg)
{
    (void)arg;
    pthread_setspecific(late_key, nb_block_get(late_place.heap, 56));
    return NULL;
}

static void destructors_of_others_may_still_call(void **state)
{
    (void)state;
    place_open(&late_place);
    nb_block_put(nb_block_get(late_place.heap, 56)); /* the library's own key is older than ours: its destructor runs first */
    EQ(pthread_key_create(&late_key, late_destructor), 0);
    for (int i = 0; i < 20; i++) {
        pthread_join(start(ends_late, NULL), NULL);
    }
    EQ(pthread_key_delete(late_key), 0);
    place_close(&late_place);
}

/* ----------------------------------------------------------------------------------------------- close */

typedef struct stayer {
    place p;
    place second;
    atomic_int step; /* the test raises it to odd numbers, the thread to even ones */
    void *held, *kept;
    bool good;
} stayer;

static void *stays(void *arg)
{
    stayer *s = arg;

    short_life(&s->p);
    s->held = nb_block_get(s->p.heap, 64);
    s->kept = nb_block_get(s->p.heap, 64);
    atomic_store(&s->step, 2);
    while (atomic_load(&s->step) != 3) {
        sched_yield();
    }
    short_life(&s->second); /* with the slot of a heap that is gone */
    nb_block_put(s->held);
    s->good = heap_is_clean(&s->p.own);
    return NULL;
}

static void a_close_takes_the_caches_of_living_threads(void **state)
{
    static stayer s;
    pthread_t thread;

    (void)state;
    memset(&s, 0, sizeof s);
    place_open(&s.p);
    place_open(&s.second);
    thread = start(stays, &s);
    EVENTUALLY(atomic_load(&s.step) == 2);
    nb_slabs_close(s.p.heap);
    nb_heap_close(s.p.heap);
    EQ(atomic_load(&s.p.own.blocks), 3); /* the heap, its slabs, and the chunk of the two blocks that are held */
    nb_block_put(s.kept);
    EQ(atomic_load(&s.p.own.blocks), 3);
    atomic_store(&s.step, 3);
    pthread_join(thread, NULL);
    CHECK(s.good);
    place_close(&s.second);
}

enum { RACERS = 3, HELD = 8 };

typedef struct race {
    place p;
    nimbus_message *held[RACERS][HELD];
    atomic_uint ready;
    atomic_bool go;
} race;

typedef struct racer {
    race *race;
    size_t index;
} racer;

static void *releases(void *arg)
{
    racer *self = arg;
    race *r = self->race;

    for (size_t i = 0; i < HELD; i++) { /* it has a cache, with blocks that others may hold */
        nb_message_spec spec = { .body = nimbus_copy("0123456789", (self->index * HELD + i) % 10) };

        if (nb_message_make(r->p.heap, &spec, &r->held[(self->index + i) % RACERS][i]) != NIMBUS_OK) {
            abort();
        }
    }
    atomic_fetch_add(&r->ready, 1);
    while (!atomic_load(&r->go)) {
        sched_yield();
    }
    for (size_t i = 0; i < HELD; i++) {
        nb_message_release(r->held[self->index][i]);
    }
    return NULL;
}

static void releases_race_with_the_close(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        static race r;
        racer racers[RACERS];
        pthread_t threads[RACERS];

        memset(&r, 0, sizeof r);
        place_open(&r.p);
        for (size_t i = 0; i < RACERS; i++) {
            racers[i] = (racer){ &r, i };
            threads[i] = start(releases, &racers[i]);
        }
        EVENTUALLY(atomic_load(&r.ready) == RACERS);
        atomic_store(&r.go, true);
        for (int spin = 0; spin < round * 3; spin++) {
            nb_pause();
        }
        nb_slabs_close(r.p.heap);
        nb_heap_close(r.p.heap);
        for (size_t i = 0; i < RACERS; i++) {
            pthread_join(threads[i], NULL);
        }
        CHECK(heap_is_clean(&r.p.own));
    }
}

/* ----------------------------------------------------------------------------------------------- numbers */

enum { COUNTERS = 3, NUMBERS = 1000 };

static _Atomic uint64_t counter;
static place number_place;
static uint64_t numbers[COUNTERS][NUMBERS];

static void *count(void *arg)
{
    uint64_t *to = arg;

    for (size_t i = 0; i < NUMBERS; i++) {
        to[i] = nb_number_next(number_place.heap, &counter);
    }
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void no_two_numbers_are_equal(void **state)
{
    pthread_t threads[COUNTERS];

    (void)state;
    place_open(&number_place);
    for (size_t i = 0; i < COUNTERS; i++) {
        threads[i] = start(count, numbers[i]);
    }
    for (size_t i = 0; i < COUNTERS; i++) {
        pthread_join(threads[i], NULL);
        for (size_t j = 1; j < NUMBERS; j++) {
            CHECK(numbers[i][j] > numbers[i][j - 1]);
        }
    }
    qsort(numbers, COUNTERS * NUMBERS, sizeof numbers[0][0], by_value);
    for (size_t i = 1; i < COUNTERS * NUMBERS; i++) {
        CHECK(numbers[i / NUMBERS][i % NUMBERS] != numbers[(i - 1) / NUMBERS][(i - 1) % NUMBERS]);
    }
    place_close(&number_place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_makes_and_another_frees),
        cmocka_unit_test(short_lived_threads_leave_nothing),
        cmocka_unit_test(first_call_with_no_memory_left),
        cmocka_unit_test(destructors_of_others_may_still_call),
        cmocka_unit_test(a_close_takes_the_caches_of_living_threads),
        cmocka_unit_test(releases_race_with_the_close),
        cmocka_unit_test(no_two_numbers_are_equal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
