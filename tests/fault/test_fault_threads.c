/* Threads are refused: at the open, and when the pool wants to grow. */
#include "fault.h"

#include "platform/thread.h"

static void open_needs_all_its_threads(void **state)
{
    uint32_t refused = 0;

    (void)state;
    for (uint32_t n = 1;; n++) {
        nimbus_options options = { 0 };
        nimbus_error err = { 0 };
        test_heap heap;
        nimbus_runtime *nb;

        heap_init(&heap);
        options.allocator = &heap.allocator;
        options.manual_clock = true;
        options.min_workers = 4;
        options.seed = 42;
        nb_thread_fail_after(n);
        nb = nimbus_open(&options, &err);
        nb_thread_fail_after(0);
        if (nb != NULL) {
            OK(err.status);
            OK(nimbus_close(nb, 0, NULL));
            CHECK(heap_is_clean(&heap));
            break;
        }
        refused++;
        IS(err.status, NIMBUS_E_THREAD);
        TEXT(err.call, "nimbus_open");
        CHECK(err.reason[0] != '\0');
        EQ(err.offset, SIZE_MAX);
        CHECK(heap_is_clean(&heap)); /* nothing is left behind */
        nb = nimbus_open(&options, &err);
        CHECK(nb == NULL); /* err is sticky */
        IS(err.status, NIMBUS_E_THREAD);
    }
    EQ(refused, 5); /* the clock and four workers */
}

/* A handler that waits for a message of its queue, inside the library. */
typedef struct blocker {
    nimbus_queue *queue;
    atomic_size_t calls;
    atomic_int status;
} blocker;

static nimbus_outcome block(const nimbus_delivery *delivery, void *user)
{
    blocker *b = user;
    nimbus_delivery got = { 0 };
    size_t count = 0;

    (void)delivery;
    atomic_store(&b->status, (int)nimbus_queue_receive(b->queue, NIMBUS_FOREVER, NULL, &got, 1, &count));
    nimbus_delivery_release(&got);
    atomic_fetch_add(&b->calls, 1);
    return NIMBUS_DONE;
}

static void work_goes_on_without_growth(void **state)
{
    nimbus_options options = { .min_workers = 1, .max_workers = 4 };
    nimbus_runtime_metrics metrics;
    nimbus_function *first, *second, *third;
    handler_record record;
    blocker b;
    world w;

    (void)state;
    memset(&record, 0, sizeof record);
    memset(&b, 0, sizeof b);
    atomic_store(&record.answer, NIMBUS_DONE);
    world_open_threaded(&w, &options);
    nb_thread_fail_after(1);
    b.queue = PLAIN_QUEUE(&w, "queue");
    first = nimbus_function_create(w.nb, "first", block, &b, NULL, &w.err);
    second = nimbus_function_create(w.nb, "second", record_handler, &record, NULL, &w.err);
    third = nimbus_function_create(w.nb, "third", record_handler, &record, NULL, &w.err);
    SETUP_OK(&w);
    OK(nimbus_invoke_async(first, nimbus_text("1"), NULL));
    EVENTUALLY(waiters(b.queue) == 1); /* the only worker is blocked */
    OK(nimbus_invoke_async(second, nimbus_text("2"), NULL));
    EVENTUALLY(traced(&w, NIMBUS_TRACE_THREAD) > 0);
    OK(nimbus_invoke_async(third, nimbus_text("3"), NULL));
    OK(nimbus_runtime_get_metrics(w.nb, &metrics));
    EQ(metrics.workers, 1);
    EQ(metrics.blocked_workers, 1);
    EQ(atomic_load(&record.calls), 0);
    SEND(b.queue, "go on");
    EVENTUALLY(atomic_load(&record.calls) == 2);
    EQ(atomic_load(&b.calls), 1);
    IS((nimbus_status)atomic_load(&b.status), NIMBUS_OK);
    EQ(traced(&w, NIMBUS_TRACE_THREAD), 1); /* it is not asked for again and again */
    nb_thread_fail_after(0);
    nimbus_function_release(first);
    nimbus_function_release(second);
    nimbus_function_release(third);
    nimbus_queue_release(b.queue);
    world_close(&w);
}

/* With threads at hand, the same pool grows and the work does not wait. */
static void the_pool_grows_when_all_are_blocked(void **state)
{
    nimbus_options options = { .min_workers = 1, .max_workers = 4 };
    nimbus_function *first, *second;
    handler_record record;
    blocker b;
    world w;

    (void)state;
    memset(&record, 0, sizeof record);
    memset(&b, 0, sizeof b);
    atomic_store(&record.answer, NIMBUS_DONE);
    world_open_threaded(&w, &options);
    b.queue = PLAIN_QUEUE(&w, "queue");
    first = nimbus_function_create(w.nb, "first", block, &b, NULL, &w.err);
    second = nimbus_function_create(w.nb, "second", record_handler, &record, NULL, &w.err);
    SETUP_OK(&w);
    OK(nimbus_invoke_async(first, nimbus_text("1"), NULL));
    EVENTUALLY(waiters(b.queue) == 1);
    OK(nimbus_invoke_async(second, nimbus_text("2"), NULL));
    EVENTUALLY(atomic_load(&record.calls) == 1);
    EQ(atomic_load(&b.calls), 0);
    EQ(traced(&w, NIMBUS_TRACE_THREAD), 0);
    SEND(b.queue, "go on");
    EVENTUALLY(atomic_load(&b.calls) == 1);
    nimbus_function_release(first);
    nimbus_function_release(second);
    nimbus_queue_release(b.queue);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_needs_all_its_threads),
        cmocka_unit_test(work_goes_on_without_growth),
        cmocka_unit_test(the_pool_grows_when_all_are_blocked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
