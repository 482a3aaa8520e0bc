/* test_sync_epoch.c - reclamation: who holds up what, records that outlive threads, threads that outlive epochs, no memory for a record. */
#include "support.h"

#include "base/list.h"
#include "sync/snapshot.h"

typedef struct object {
    nb_epoch_item item;
    struct bench *bench;
    bool gone;
    struct object *retires; /* another one, when it is let go of */
} object;

typedef struct bench {
    test_heap own;
    nb_heap *heap;
    nb_epoch epoch;
    size_t gone;
    object objects[200];
} bench;

static bench b;

static void bench_open(void)
{
    memset(&b, 0, sizeof b);
    heap_init(&b.own);
    b.heap = nb_heap_open(&b.own.allocator, 0);
    CHECK(b.heap != NULL);
    nb_epoch_init(&b.epoch, b.heap);
}

static void bench_close(void)
{
    nb_epoch_fini(&b.epoch);
    nb_heap_close(b.heap);
    CHECK(heap_is_clean(&b.own));
}

static void let_go(nb_epoch_item *item)
{
    object *o = NB_CONTAINER(item, object, item);

    CHECK(!o->gone);
    o->gone = true;
    b.gone++;
    if (o->retires != NULL) {
        nb_epoch_retire(&b.epoch, &o->retires->item, let_go);
    }
}

static void retire(size_t i)
{
    nb_epoch_retire(&b.epoch, &b.objects[i].item, let_go);
}

static void nobody_is_inside(void **state)
{
    (void)state;
    bench_open();
    EQ(nb_epoch_poll(&b.epoch), 0);
    CHECK(!nb_epoch_pending(&b.epoch));
    retire(0);
    retire(1);
    CHECK(nb_epoch_pending(&b.epoch));
    EQ(b.gone, 0);
    EQ(nb_epoch_poll(&b.epoch), 2);
    CHECK(b.objects[0].gone && b.objects[1].gone);
    CHECK(!nb_epoch_pending(&b.epoch));
    EQ(heap_calls(&b.own), 1); /* the heap itself: retiring needs no memory */
    bench_close();
}

static void who_is_inside_holds_up_what_is_retired_then_and_later(void **state)
{
    nb_epoch_record *inside;

    (void)state;
    bench_open();
    retire(0);
    inside = nb_epoch_enter(&b.epoch);
    retire(1);
    EQ(nb_epoch_poll(&b.epoch), 0); /* 0 as well: it was retired before, but in the same number */
    retire(2);
    EQ(nb_epoch_poll(&b.epoch), 0);
    nb_epoch_leave(inside);
    inside = nb_epoch_enter(&b.epoch); /* now after all of them */
    retire(3);
    EQ(nb_epoch_poll(&b.epoch), 3);
    CHECK(!b.objects[3].gone);
    EQ(nb_epoch_poll(&b.epoch), 0);
    nb_epoch_leave(inside);
    EQ(nb_epoch_poll(&b.epoch), 1);
    bench_close();
}

static void enters_nest(void **state)
{
    nb_epoch_record *outer, *inner;

    (void)state;
    bench_open();
    outer = nb_epoch_enter(&b.epoch);
    retire(0);
    inner = nb_epoch_enter(&b.epoch);
    CHECK(inner == outer);
    EQ(nb_epoch_poll(&b.epoch), 0);
    inner = nb_epoch_enter(&b.epoch);
    nb_epoch_leave(inner);
    nb_epoch_leave(inner);
    EQ(nb_epoch_poll(&b.epoch), 0);
    nb_epoch_leave(outer);
    EQ(nb_epoch_poll(&b.epoch), 1);
    bench_close();
}

static void polls_are_bounded(void **state)
{
    (void)state;
    bench_open();
    for (size_t i = 0; i < 150; i++) {
        retire(i);
    }
    EQ(nb_epoch_poll(&b.epoch), NB_EPOCH_BATCH);
    CHECK(b.objects[NB_EPOCH_BATCH - 1].gone && !b.objects[NB_EPOCH_BATCH].gone); /* oldest first */
    nb_epoch_leave(nb_epoch_enter(&b.epoch));
    {
        nb_epoch_record *inside = nb_epoch_enter(&b.epoch);

        EQ(nb_epoch_poll(&b.epoch), NB_EPOCH_BATCH); /* known to be safe: who comes later does not matter */
        nb_epoch_leave(inside);
    }
    EQ(nb_epoch_poll(&b.epoch), 150 - 2 * NB_EPOCH_BATCH);
    EQ(nb_epoch_poll(&b.epoch), 0);
    bench_close();
}

static void the_end_lets_go_of_the_rest(void **state)
{
    (void)state;
    bench_open();
    for (size_t i = 0; i < 100; i++) {
        retire(i);
        b.objects[i].retires = i < 50 ? &b.objects[100 + i] : NULL;
    }
    bench_close();
    EQ(b.gone, 150);
}

/* A thread of its own that enters and leaves when it is told. */
typedef struct reader {
    pthread_t thread;
    atomic_int wish;  /* 0: outside; 1: inside; -1: end */
    atomic_int state; /* what it has reached */
} reader;

static void *read_along(void *arg)
{
    reader *r = arg;
    nb_epoch_record *inside = NULL;

    for (;;) {
        int wish = atomic_load(&r->wish);

        if (wish == 1 && inside == NULL) {
            inside = nb_epoch_enter(&b.epoch);
        } else if (wish != 1 && inside != NULL) {
            nb_epoch_leave(inside);
            inside = NULL;
        }
        atomic_store(&r->state, wish);
        if (wish < 0) {
            return NULL;
        }
        sched_yield();
    }
}

static void reader_start(reader *r)
{
    atomic_init(&r->wish, 0);
    atomic_init(&r->state, 0);
    EQ(pthread_create(&r->thread, NULL, read_along, r), 0);
}

static void reader_go(reader *r, int wish)
{
    atomic_store(&r->wish, wish);
    EVENTUALLY(atomic_load(&r->state) == wish);
}

static void reader_end(reader *r)
{
    reader_go(r, -1);
    pthread_join(r->thread, NULL);
}

static void other_threads_count(void **state)
{
    reader one, two;

    (void)state;
    bench_open();
    reader_start(&one);
    reader_start(&two);
    reader_go(&one, 1);
    retire(0);
    EQ(nb_epoch_poll(&b.epoch), 0);
    reader_go(&two, 1);
    retire(1);
    reader_go(&one, 0);
    EQ(nb_epoch_poll(&b.epoch), 1);
    EQ(nb_epoch_poll(&b.epoch), 0);
    reader_go(&one, 1);
    reader_go(&two, 0);
    EQ(nb_epoch_poll(&b.epoch), 1);
    reader_end(&one);
    reader_end(&two);
    bench_close();
}

static void *synchronize(void *arg)
{
    nb_epoch_synchronize(&b.epoch);
    atomic_store((atomic_int *)arg, 1);
    return NULL;
}

static void synchronize_waits_for_who_is_inside(void **state)
{
    reader one, two;
    atomic_int done = 0;
    pthread_t waiter;
    uint64_t before;

    (void)state;
    bench_open();
    nb_epoch_synchronize(&b.epoch); /* nobody */
    reader_start(&one);
    reader_start(&two);
    reader_go(&one, 1);
    before = atomic_load(&b.epoch.now);
    EQ(pthread_create(&waiter, NULL, synchronize, &done), 0);
    EVENTUALLY(atomic_load(&b.epoch.now) > before);
    reader_go(&two, 1); /* comes later: does not matter */
    EQ(atomic_load(&done), 0);
    reader_go(&one, 0);
    pthread_join(waiter, NULL);
    EQ(atomic_load(&done), 1);
    EQ(atomic_load(&two.state), 1);
    reader_end(&one);
    reader_end(&two);
    bench_close();
}

static void *enter_once(void *arg)
{
    (void)arg;
    nb_epoch_leave(nb_epoch_enter(&b.epoch));
    return NULL;
}

static void records_go_from_thread_to_thread(void **state)
{
    pthread_t thread;
    uint64_t calls;

    (void)state;
    bench_open();
    (void)enter_once(NULL);
    (void)enter_once(NULL);
    EQ(heap_calls(&b.own), 2); /* the heap and this thread's record */
    for (int i = 0; i < 10000; i++) {
        EQ(pthread_create(&thread, NULL, enter_once, NULL), 0);
        pthread_join(thread, NULL);
        if (i == 0) {
            calls = heap_calls(&b.own);
            EQ(calls, 3);
        }
    }
    EQ(heap_calls(&b.own), 3);
    bench_close();
}

/* More epochs than are remembered: the list finds each record again. */
static void many_epochs(void **state)
{
    nb_epoch more[5];
    uint64_t calls;

    (void)state;
    bench_open();
    for (size_t i = 0; i < COUNT(more); i++) {
        nb_epoch_init(&more[i], b.heap);
        nb_epoch_leave(nb_epoch_enter(&more[i]));
    }
    calls = heap_calls(&b.own);
    for (int round = 0; round < 3; round++) {
        nb_epoch_record *inside[5];

        for (size_t i = 0; i < COUNT(more); i++) {
            inside[i] = nb_epoch_enter(&more[i]);
            CHECK(inside[i]->epoch == &more[i]);
            CHECK(nb_epoch_find(&more[i]) == inside[i]);
            CHECK(nb_self_get()->epoch[0].mine == inside[i]);
        }
        for (size_t i = 0; i < COUNT(more); i++) {
            nb_epoch_leave(inside[i]);
            EQ(atomic_load(&inside[i]->inside), 0);
        }
    }
    EQ(heap_calls(&b.own), calls);
    for (size_t i = 0; i < COUNT(more); i++) {
        nb_epoch_fini(&more[i]);
    }
    CHECK(nb_self_get()->epoch_records == NULL);
    bench_close();
}

/* Epochs end while this thread and another one remember their records; later ones may lie at the same address. */
static void threads_outlive_epochs(void **state)
{
    reader other;

    (void)state;
    for (int i = 0; i < 5; i++) {
        bench_open();
        if (i == 0) {
            reader_start(&other);
        }
        reader_go(&other, 1);
        (void)enter_once(NULL);
        retire(0);
        EQ(nb_epoch_poll(&b.epoch), 0);
        reader_go(&other, 0);
        EQ(nb_epoch_poll(&b.epoch), 1);
        EQ(heap_calls(&b.own), 3);
        bench_close();
    }
    reader_end(&other); /* its hook finds nothing to give back */
}

/* Two that are used by turns are both remembered; epochs end in another order than they began. */
static void two_epochs_by_turns(void **state)
{
    nb_epoch other, third;

    (void)state;
    bench_open();
    nb_epoch_init(&other, b.heap);
    nb_epoch_init(&third, b.heap);
    nb_epoch_leave(nb_epoch_enter(&third));
    for (int i = 0; i < 4; i++) {
        nb_epoch_record *one = nb_epoch_enter(&b.epoch), *two = nb_epoch_enter(&other);

        CHECK(one->epoch == &b.epoch && two->epoch == &other);
        CHECK(nb_self_get()->epoch[0].mine == two && nb_self_get()->epoch[1].mine == one);
        nb_epoch_leave(one);
        nb_epoch_leave(two);
    }
    nb_epoch_fini(&other); /* the middle of this thread's list, or its head */
    nb_epoch_fini(&third);
    CHECK(nb_self_get()->epoch_records == nb_epoch_find(&b.epoch));
    bench_close();
}

static pthread_key_t late_key;

/* A destructor that comes back in the next round, behind all hooks of the library, and calls in once more. */
static void late(void *value)
{
    static char again;

    if (value != &again) {
        pthread_setspecific(late_key, &again);
        return;
    }
    {
        nb_epoch_record *inside = nb_epoch_enter(&b.epoch);

        if (inside->shared && nb_self_get()->epoch_records == NULL) {
            b.gone++; /* the test looks at it */
        }
        nb_epoch_leave(inside);
    }
}

static void *enter_and_end(void *arg)
{
    pthread_setspecific(late_key, arg);
    return enter_once(NULL);
}

static void a_thread_that_ends_gets_no_record_again(void **state)
{
    pthread_t thread;

    (void)state;
    bench_open();
    EQ(pthread_key_create(&late_key, late), 0);
    EQ(pthread_create(&thread, NULL, enter_and_end, &b), 0);
    pthread_join(thread, NULL);
    EQ(b.gone, 1);
    EQ(heap_calls(&b.own), 2);
    CHECK(b.epoch.free_records != NULL);
    pthread_key_delete(late_key);
    bench_close();
}

static void no_memory_for_a_record(void **state)
{
    nb_epoch_record *first, *second, *third;

    (void)state;
    bench_open();
    heap_fail(&b.own, 1, true);
    first = nb_epoch_enter(&b.epoch);
    CHECK(first->shared);
    retire(0);
    EQ(nb_epoch_poll(&b.epoch), 0);
    second = nb_epoch_enter(&b.epoch); /* the other one: the first is out of date */
    CHECK(second->shared && second != first);
    third = nb_epoch_enter(&b.epoch);
    CHECK(third == second);
    retire(1);
    nb_epoch_leave(first);
    EQ(nb_epoch_poll(&b.epoch), 1);
    CHECK(b.objects[0].gone && !b.objects[1].gone);
    nb_epoch_leave(second);
    EQ(nb_epoch_poll(&b.epoch), 0);

    /* Memory again: its own record beside the shared one. */
    heap_fail(&b.own, 0, false);
    first = nb_epoch_enter(&b.epoch);
    CHECK(!first->shared);
    nb_epoch_leave(third);
    EQ(nb_epoch_poll(&b.epoch), 1);
    retire(2);
    EQ(nb_epoch_poll(&b.epoch), 0);
    nb_epoch_leave(first);
    nb_epoch_synchronize(&b.epoch);
    EQ(nb_epoch_poll(&b.epoch), 1);
    bench_close();
}

static void synchronize_waits_for_the_shared_records(void **state)
{
    nb_epoch_record *inside;
    atomic_int done = 0;
    pthread_t waiter;
    uint64_t before;

    (void)state;
    bench_open();
    heap_fail(&b.own, 1, true);
    inside = nb_epoch_enter(&b.epoch);
    before = atomic_load(&b.epoch.now);
    EQ(pthread_create(&waiter, NULL, synchronize, &done), 0);
    EVENTUALLY(atomic_load(&b.epoch.now) > before);
    CHECK(nb_epoch_enter(&b.epoch) != inside);
    EQ(atomic_load(&done), 0);
    nb_epoch_leave(inside);
    pthread_join(waiter, NULL);
    nb_epoch_leave(&b.epoch.shared[b.epoch.shared_newer]);
    bench_close();
}

static void snapshots(void **state)
{
    nb_snapshot snapshot;
    nb_epoch_record *inside;

    (void)state;
    bench_open();
    nb_snapshot_init(&snapshot, NULL);
    inside = nb_epoch_enter(&b.epoch);
    CHECK(nb_snapshot_read(&snapshot) == NULL);
    nb_snapshot_swap(&snapshot, &b.epoch, &b.objects[0].item, let_go);
    CHECK(!nb_epoch_pending(&b.epoch));
    CHECK(nb_snapshot_read(&snapshot) == &b.objects[0].item);
    nb_snapshot_swap(&snapshot, &b.epoch, &b.objects[1].item, let_go);
    EQ(nb_epoch_poll(&b.epoch), 0);
    nb_epoch_leave(inside);
    EQ(nb_epoch_poll(&b.epoch), 1);
    CHECK(b.objects[0].gone);
    nb_snapshot_swap(&snapshot, &b.epoch, NULL, let_go);
    EQ(nb_epoch_poll(&b.epoch), 1);
    CHECK(nb_snapshot_read(&snapshot) == NULL);
    bench_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_inside),
        cmocka_unit_test(who_is_inside_holds_up_what_is_retired_then_and_later),
        cmocka_unit_test(enters_nest),
        cmocka_unit_test(polls_are_bounded),
        cmocka_unit_test(the_end_lets_go_of_the_rest),
        cmocka_unit_test(other_threads_count),
        cmocka_unit_test(synchronize_waits_for_who_is_inside),
        cmocka_unit_test(records_go_from_thread_to_thread),
        cmocka_unit_test(many_epochs),
        cmocka_unit_test(threads_outlive_epochs),
        cmocka_unit_test(two_epochs_by_turns),
        cmocka_unit_test(a_thread_that_ends_gets_no_record_again),
        cmocka_unit_test(no_memory_for_a_record),
        cmocka_unit_test(synchronize_waits_for_the_shared_records),
        cmocka_unit_test(snapshots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
