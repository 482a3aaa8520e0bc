/* The instance: options, driving it, its clock, its end; ids and statuses (runtime.h, base.h). */
#include "../support/support.h"

#include <ctype.h>

/* ------------------------------------------------------------------------------------------------- open */

static void no_trace(const nimbus_trace *trace, void *user)
{
    (void)trace;
    (void)user;
}

static void open_refuses_what_it_cannot_honour(void **state)
{
    test_heap heap;
    nimbus_allocator no_allocate;
    nimbus_allocator no_release;
    struct {
        const char *field;
        nimbus_options options;
    } cases[] = {
        { "min_workers", { .driven = true, .min_workers = 1 } },
        { "max_workers", { .driven = true, .max_workers = 1 } },
        { "max_workers", { .min_workers = 4, .max_workers = 2 } },
        { "start_time", { .driven = true, .start_time = START_TIME } }, /* the clock is the real one */
        { "allocator", { .driven = true } },
        { "allocator", { .driven = true } },
        { "limits.preset", { .driven = true, .limits = { .preset = (nimbus_preset)2 } } },
        { "limits.max_delay", { .driven = true, .limits = { .max_delay = 900 } } },
        { "limits.max_delay", { .driven = true, .limits = { .max_delay = -NIMBUS_SECONDS(1) } } },
        { "limits.max_visibility", { .driven = true, .limits = { .max_visibility = 720 } } },
        { "limits.min_retention", { .driven = true, .limits = { .min_retention = 60 } } },
        { "limits.max_retention", { .driven = true, .limits = { .max_retention = 999 } } },
        { "limits.max_retention", { .driven = true, .limits = { .max_retention = NIMBUS_SECONDS(1) } } }, /* below min_retention */
        { "limits.reserved_", { .driven = true, .limits = { .reserved_ = { 0, 0, 1 } } } },
        { "reserved_", { .driven = true, .reserved_ = { 1 } } },
        { "reserved_", { .driven = true, .reserved_ = { 0, 0, 0, 0, 0, 0, 0, 1 } } },
    };
    size_t i;
    (void)state;

    heap_init(&heap);
    no_allocate = heap.allocator;
    no_allocate.allocate = NULL;
    no_release = heap.allocator;
    no_release.release = NULL;
    cases[4].options.allocator = &no_allocate;
    cases[5].options.allocator = &no_release;
    for (i = 0; i < COUNT(cases); i++) {
        nimbus_error err = { 0 };
        nimbus_runtime *nb;
        if (cases[i].options.allocator == NULL) {
            cases[i].options.allocator = &heap.allocator;
        }
        nb = nimbus_open(&cases[i].options, &err);
        if (nb != NULL) {
            print_error("case %zu (%s) was accepted\n", i, cases[i].field);
            (void)nimbus_close(nb, 0, NULL);
        }
        CHECK(nb == NULL);
        IS(err.status, NIMBUS_E_INVALID);
        TEXT(err.call, "nimbus_open");
        if (strstr(cases[i].field, err.field) == NULL) {
            print_error("case %zu (%s): the field is \"%s\"\n", i, cases[i].field, err.field);
        }
        CHECK(strstr(cases[i].field, err.field) != NULL && err.field[0] != '\0');
        CHECK(err.reason[0] != '\0');
        CHECK(nimbus_open(&cases[i].options, NULL) == NULL);
    }
    CHECK(heap_is_clean(&heap));
}

static void open_with_defaults(void **state)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(NULL, &err);
    nimbus_runtime_metrics m = { 0 };
    nimbus_queue *queue;
    nimbus_bus *bus;
    (void)state;

    OK(err.status);
    CHECK(nb != NULL);
    OK(nimbus_runtime_get_metrics(nb, &m));
    EQ(m.max_bytes, 256u << 20);
    CHECK(m.workers >= 1);
    CHECK(m.bytes > 0);
    bus = nimbus_bus_find(nb, "default", &err);
    CHECK(bus != NULL);
    queue = nimbus_queue_create(nb, "q", NULL, &err);
    OK(err.status);
    SEND(queue, "m");
    CHECK(nimbus_now(nb) > START_TIME);
    IS(nimbus_advance(nb, 0), NIMBUS_E_UNSUPPORTED);
    OK(nimbus_close(nb, NIMBUS_SECONDS(5), NULL));
}

static void open_with_a_failed_error_does_nothing(void **state)
{
    nimbus_error err = { 0 };
    (void)state;

    err.status = NIMBUS_E_FULL;
    (void)snprintf(err.call, sizeof err.call, "other");
    CHECK(nimbus_open(NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_FULL);
    TEXT(err.call, "other");
    CHECK(nimbus_queue_create(NULL, "q", NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_FULL);
}

static void the_start_time_of_a_manual_clock(void **state)
{
    world w;
    (void)state;

    world_open(&w, NULL);
    EQT(nimbus_now(w.nb), START_TIME);
    world_close(&w);
    world_open(&w, &(nimbus_options){ .start_time = NIMBUS_DAYS(10) });
    EQT(nimbus_now(w.nb), NIMBUS_DAYS(10));
    ADVANCE(&w, NIMBUS_SECONDS(3));
    EQT(nimbus_now(w.nb), NIMBUS_DAYS(10) + NIMBUS_SECONDS(3));
    world_close(&w);
}

static void the_number_of_workers(void **state)
{
    world w;
    nimbus_runtime_metrics m = { 0 };
    (void)state;

    world_open_threaded(&w, &(nimbus_options){ .min_workers = 3, .max_workers = 3 });
    OK(nimbus_runtime_get_metrics(w.nb, &m));
    EQ(m.workers, 3);
    world_close(&w);
    world_open(&w, NULL);
    OK(nimbus_runtime_get_metrics(w.nb, &m));
    EQ(m.workers, 0);
    EQ(m.idle_workers, 0);
    world_close(&w);
}

static void two_instances_side_by_side(void **state)
{
    world a;
    world b;
    nimbus_queue *in_a;
    nimbus_queue *in_b;
    (void)state;

    world_open(&a, NULL);
    world_open_threaded(&b, NULL);
    in_a = QUEUE(&a, "same", .visibility_timeout = NIMBUS_SECONDS(5));
    in_b = QUEUE(&b, "same", .visibility_timeout = NIMBUS_SECONDS(50));
    SEND(in_a, "a");
    SEND(in_b, "b");
    RECEIVE(in_a, NULL, "a");
    RECEIVE(in_b, NULL, "b");
    ADVANCE(&a, NIMBUS_SECONDS(10)); /* each its own clock */
    COUNTS(in_a, 1, 0, 0);
    COUNTS(in_b, 0, 0, 1);
    EQT(nimbus_now(b.nb), START_TIME);
    OK(nimbus_shutdown(a.nb, 0, NULL));
    CHECK(nimbus_is_closing(a.nb));
    CHECK(!nimbus_is_closing(b.nb));
    SEND(in_b, "c");
    world_close(&a);
    ADVANCE(&b, NIMBUS_SECONDS(50));
    COUNTS(in_b, 2, 0, 0);
    world_close(&b);
}

static void many_opens_and_closes(void **state)
{
    size_t i;
    (void)state;
    for (i = 0; i < 50; i++) {
        world w;
        nimbus_queue *queue;
        world_open_threaded(&w, &(nimbus_options){ .min_workers = 1 + (uint32_t)(i % 4), .max_workers = 4 });
        queue = PLAIN_QUEUE(&w, "q");
        SEND(queue, "m");
        world_close(&w);
    }
}

/* ----------------------------------------------------------------------------------------------- driven */

static void run_says_whether_there_was_something_to_do(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    async_record record = { 0 };
    bool more = true;

    RUN(w);
    IS(nimbus_run(w->nb, 100, &more), NIMBUS_EMPTY);
    CHECK(!more);
    OK(nimbus_queue_receive_async(queue, 0, NULL, 1, async_receive, &record, NULL));
    OK(nimbus_run(w->nb, 100, &more));
    CHECK(!more);
    EQ(record.calls, 1);
    IS(nimbus_run(w->nb, 100, NULL), NIMBUS_EMPTY);
    IS(nimbus_run(NULL, 1, &more), NIMBUS_E_INVALID);
}

static void run_calls_no_more_handlers_than_asked(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    async_record record = { 0 };
    bool more = false;
    size_t i;

    for (i = 0; i < 3; i++) {
        OK(nimbus_queue_receive_async(queue, 0, NULL, 1, async_receive, &record, NULL));
    }
    (void)nimbus_run(w->nb, 0, &more); /* timers and deliveries only */
    EQ(record.calls, 0);
    CHECK(more);
    for (i = 1; i <= 3; i++) {
        more = false;
        OK(nimbus_run(w->nb, 1, &more));
        EQ(record.calls, i);
        CHECK(more == (i < 3));
    }
    IS(nimbus_run(w->nb, 1, &more), NIMBUS_EMPTY);
}

static void run_is_for_driven_instances(void **state)
{
    world *w = *state;
    int fd = -7;
    bool more;

    FILL(more);
    IS(nimbus_run(w->nb, 1, &more), NIMBUS_E_UNSUPPORTED);
    UNTOUCHED(more);
    IS(nimbus_fd(w->nb, &fd), NIMBUS_E_UNSUPPORTED);
    EQ(fd, -7);
    EQ(nimbus_poll_timeout(w->nb), -1);
    nimbus_wake(w->nb);
}

static void the_descriptor_becomes_readable_by_a_wake(void **state)
{
    world *w = *state;
    int fd = -1;

    OK(nimbus_fd(w->nb, &fd));
    CHECK(fd >= 0);
    RUN(w);
    (void)nimbus_poll_timeout(w->nb);
    CHECK(!descriptor_is_readable(fd));
    nimbus_wake(w->nb);
    CHECK(descriptor_is_readable(fd));
    nimbus_wake(w->nb);
    nimbus_wake(w->nb);
    (void)nimbus_run(w->nb, 10, NULL);
    (void)nimbus_poll_timeout(w->nb);
    CHECK(!descriptor_is_readable(fd));
    nimbus_wake(NULL);
}

static void *send_from_a_thread(void *user)
{
    nimbus_entry entry = entry_of("m");
    (void)nimbus_queue_send(user, &entry, NULL);
    return NULL;
}

static void the_descriptor_becomes_readable_by_work_of_another_thread(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    async_record record = { 0 };
    pthread_t thread;
    int fd = -1;

    OK(nimbus_fd(w->nb, &fd));
    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &record, NULL));
    RUN(w);
    EQ(nimbus_poll_timeout(w->nb), -1); /* a manual clock: only a call can bring work */
    CHECK(!descriptor_is_readable(fd));
    EQ(pthread_create(&thread, NULL, send_from_a_thread, queue), 0);
    EQ(pthread_join(thread, NULL), 0);
    CHECK(descriptor_is_readable(fd));
    EQ(nimbus_poll_timeout(w->nb), 0);
    OK(nimbus_run(w->nb, 10, NULL));
    EQ(record.calls, 1);
}

static void how_long_poll_may_sleep(void **state)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .driven = true }, &err);
    nimbus_queue *queue = nimbus_queue_create(nb, "q", NULL, &err);
    async_record record = { 0 };
    int timeout;
    (void)state;

    OK(err.status);
    while (nimbus_run(nb, 100, NULL) == NIMBUS_OK) {
    }
    EQ(nimbus_poll_timeout(nb), -1);
    OK(nimbus_queue_receive_async(queue, NIMBUS_MINUTES(10), NULL, 1, async_receive, &record, NULL));
    while (nimbus_run(nb, 100, NULL) == NIMBUS_OK) {
    }
    timeout = nimbus_poll_timeout(nb);
    CHECK(timeout > 0 && timeout <= 600001);
    EQ(nimbus_poll_timeout(NULL), -1);
    SEND(queue, "m");
    EQ(nimbus_poll_timeout(nb), 0);
    OK(nimbus_run(nb, 100, NULL));
    EQ(record.calls, 1);
    IS(nimbus_advance(nb, 0), NIMBUS_E_UNSUPPORTED);
    OK(nimbus_close(nb, 0, NULL));
}

static void a_driven_wait_with_the_real_clock_drives_timers(void **state)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .driven = true }, &err);
    nimbus_queue *queue = nimbus_queue_create(nb, "q", NULL, &err);
    nimbus_delivery delivery = { 0 };
    (void)state;

    OK(err.status);
    SEND_DELAYED(queue, "m", NIMBUS_MS(1));
    OK(nimbus_queue_receive(queue, NIMBUS_MINUTES(5), NULL, &delivery, 1, NULL));
    CHECK(bytes_are(nimbus_delivery_body(&delivery), "m"));
    OK(nimbus_delivery_delete(&delivery));
    IS(nimbus_queue_receive(queue, NIMBUS_MS(1), NULL, &delivery, 1, NULL), NIMBUS_EMPTY);
    OK(nimbus_close(nb, 0, NULL));
}

/* A thread that drives the instance, whose handler waits for the test. */
static void *run_from_a_thread(void *user)
{
    (void)nimbus_run(user, 10, NULL);
    return NULL;
}

static void one_thread_drives_at_a_time(void **state)
{
    world *w = *state;
    static gate g;
    nimbus_function *function = nimbus_function_create(w->nb, "f", gate_handler, &g, NULL, &w->err);
    nimbus_leftovers left = { 0 };
    pthread_t thread;

    OK(nimbus_invoke_async(function, nimbus_text("m"), NULL));
    EQ(pthread_create(&thread, NULL, run_from_a_thread, w->nb), 0);
    EVENTUALLY(atomic_load(&g.entered) == 1);
    IS(nimbus_run(w->nb, 1, NULL), NIMBUS_E_BUSY);
    IS(nimbus_advance(w->nb, NIMBUS_SECONDS(1)), NIMBUS_E_BUSY);
    IS(nimbus_close(w->nb, 0, &left), NIMBUS_E_BUSY);
    EQ(left.running, 1);
    CHECK(nimbus_is_closing(w->nb));
    atomic_store(&g.open, true);
    EQ(pthread_join(thread, NULL), 0);
    world_close(w);
}

/* ------------------------------------------------------------------------------------------------ clock */

static void advance_goes_from_deadline_to_deadline(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    handler_record record = { .answer = NIMBUS_DONE };
    nimbus_function *function = nimbus_function_create(w->nb, "f", record_handler, &record, NULL, &w->err);

    OK(nimbus_function_map(function, queue, NULL, &w->err));
    SEND_DELAYED(queue, "c", NIMBUS_MINUTES(15));
    SEND_DELAYED(queue, "a", NIMBUS_SECONDS(1));
    SEND_DELAYED(queue, "b", NIMBUS_MINUTES(1));
    ADVANCE(w, NIMBUS_HOURS(6));
    EQ(record.calls, 3);
    TEXT(record.bodies[0], "a");
    TEXT(record.bodies[1], "b");
    TEXT(record.bodies[2], "c");
    EQT(record.times[0], START_TIME + NIMBUS_SECONDS(1));
    EQT(record.times[1], START_TIME + NIMBUS_MINUTES(1));
    EQT(record.times[2], START_TIME + NIMBUS_MINUTES(15));
    EQT(nimbus_now(w->nb), START_TIME + NIMBUS_HOURS(6));
}

static void advance_runs_every_retry_at_its_own_time(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(30), .dead_letter_queue = dead, .max_receive_count = 4);
    handler_record record = { .answer = NIMBUS_RETRY };
    nimbus_function *function = nimbus_function_create(w->nb, "f", record_handler, &record, NULL, &w->err);
    size_t i;

    OK(nimbus_function_map(function, queue, NULL, &w->err));
    SEND(queue, "m");
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(record.calls, 4);
    for (i = 0; i < 4; i++) {
        EQT(record.times[i], START_TIME + NIMBUS_SECONDS(30) * (int64_t)i);
        EQ(record.receive_counts[i], i + 1);
    }
    COUNTS(queue, 0, 0, 0);
    COUNTS(dead, 1, 0, 0);
}

static void advance_in_a_threaded_instance_waits_for_the_handlers(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(30));
    handler_record record = { .answer = NIMBUS_RETRY };
    nimbus_function *function = nimbus_function_create(w->nb, "f", record_handler, &record, NULL, &w->err);
    size_t i;

    OK(nimbus_function_map(function, queue, NULL, &w->err));
    SEND(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(30) * 5);
    EQ(record.calls, 6);
    for (i = 1; i < 6; i++) {
        EQT(record.times[i], START_TIME + NIMBUS_SECONDS(30) * (int64_t)i);
    }
}

static void advance_takes_any_duration(void **state)
{
    world *w = *state;

    ADVANCE(w, 0);
    ADVANCE(w, 1);
    ADVANCE(w, 999);
    EQT(nimbus_now(w->nb), START_TIME + 1000);
    IS(nimbus_advance(w->nb, -1), NIMBUS_E_INVALID);
    IS(nimbus_advance(w->nb, -NIMBUS_SECONDS(5)), NIMBUS_E_INVALID);
    IS(nimbus_advance(NULL, 1), NIMBUS_E_INVALID);
    EQT(nimbus_now(w->nb), START_TIME + 1000);
    EQT(nimbus_now(NULL), 0);
    ADVANCE(w, NIMBUS_DAYS(3650));
    EQT(nimbus_now(w->nb), START_TIME + 1000 + NIMBUS_DAYS(3650));
}

/* -------------------------------------------------------------------------------------------------- end */

static void a_shutdown_reports_what_is_left(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue *other = PLAIN_QUEUE(w, "other");
    nimbus_leftovers left;

    SEND(queue, "ready");
    SEND(queue, "ready");
    SEND(other, "ready");
    (void)TAKE(other, "ready");
    SEND(other, "ready");
    SEND_DELAYED(other, "delayed", NIMBUS_SECONDS(10));
    memset(&left, 0, sizeof left);
    OK(nimbus_shutdown(w->nb, 0, &left));
    EQ(left.ready, 3);
    EQ(left.in_flight, 1);
    EQ(left.delayed, 1);
    EQ(left.pending, 0);
    EQ(left.running, 0);
    EQ(left.kept, 0);
    RECEIVE(queue, NULL, "ready");
    OK(nimbus_shutdown(w->nb, NIMBUS_FOREVER, &left)); /* again: it never waits for a future timer */
    EQ(left.ready, 2);
    EQ(left.in_flight, 2);
    memset(&left, 0, sizeof left);
    OK(nimbus_close(w->nb, 0, &left));
    EQ(left.ready, 2);
    EQ(left.in_flight, 2);
    EQ(left.delayed, 1);
    w->nb = NULL;
    world_check(w);
}

static void after_a_shutdown_intake_is_closed_and_queues_can_be_emptied(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_topic *topic = nimbus_topic_create(w->nb, "t", NULL, &w->err);
    nimbus_bus *bus = nimbus_bus_find(w->nb, "default", &w->err);
    handler_record record = { .answer = NIMBUS_DONE };
    nimbus_function *function = nimbus_function_create(w->nb, "f", record_handler, &record, NULL, &w->err);
    nimbus_entry entry = entry_of("m");
    nimbus_event event = { 0 };
    nimbus_delivery delivery = { 0 };
    nimbus_error err = { 0 };
    async_record async = { 0 };

    SETUP_OK(w);
    event.source = "s";
    event.detail_type = "d";
    event.detail = (nimbus_bytes){ "{}", 2 };
    SEND(queue, "a");
    SEND(queue, "b");
    OK(nimbus_shutdown(w->nb, 0, NULL));
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_CLOSED);
    IS(nimbus_queue_send_batch(queue, &entry, 1, NULL), NIMBUS_E_CLOSED);
    IS(nimbus_topic_publish(topic, &entry, NULL), NIMBUS_E_CLOSED);
    IS(nimbus_bus_put(bus, &event, NULL), NIMBUS_E_CLOSED);
    IS(nimbus_invoke_async(function, nimbus_text("m"), NULL), NIMBUS_E_CLOSED);
    CHECK(nimbus_queue_create(w->nb, "new", NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_CLOSED);
    IS(nimbus_queue_receive_async(queue, 0, NULL, 1, async_receive, &async, NULL), NIMBUS_E_CLOSED);
    OK(nimbus_queue_receive(queue, NIMBUS_SECONDS(20), NULL, &delivery, 1, NULL)); /* something is there: no wait */
    CHECK(bytes_are(nimbus_delivery_body(&delivery), "a"));
    OK(nimbus_delivery_delete(&delivery));
    RECEIVE(queue, &delivery, "b");
    OK(nimbus_delivery_retry(&delivery, 0));
    RECEIVE(queue, &delivery, "b");
    OK(nimbus_queue_delete_message(queue, nimbus_delivery_receipt(&delivery)));
    nimbus_delivery_release(&delivery);
    RECEIVE_NONE(queue);
    IS(nimbus_queue_receive(queue, NIMBUS_SECONDS(1), NULL, &delivery, 1, NULL), NIMBUS_E_CLOSED);
    LEDGER(queue);
    OK(nimbus_queue_purge(queue, NULL));
    OK(nimbus_queue_delete(queue));
    EQ(async.calls, 0);
}

static void blocked_receivers_wake_at_the_shutdown(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    receiver r[4];
    async_record async = { 0 };
    size_t i;

    for (i = 0; i < COUNT(r); i++) {
        receiver_start(&r[i], queue, i % 2 == 0 ? NIMBUS_FOREVER : NIMBUS_HOURS(1));
    }
    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &async, NULL));
    OK(nimbus_shutdown(w->nb, 0, NULL));
    for (i = 0; i < COUNT(r); i++) {
        receiver_join(&r[i]);
        IS(r[i].status, NIMBUS_E_CLOSED);
    }
    EVENTUALLY(atomic_load(&async.calls) == 1);
    IS((nimbus_status)async.status, NIMBUS_E_CLOSED);
    EQ(waiters(queue), 0);
}

static void the_close_ends_asynchronous_receives(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    async_record async = { 0 };

    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &async, NULL));
    world_close(w);
    EQ(async.calls, 1);
    IS((nimbus_status)async.status, NIMBUS_E_CLOSED);
}

static void a_shutdown_drains_what_can_run(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    handler_record record = { .answer = NIMBUS_DONE };
    nimbus_function *function = nimbus_function_create(w->nb, "f", record_handler, &record, NULL, &w->err);
    nimbus_leftovers left = { 0 };

    OK(nimbus_function_map(function, queue, NULL, &w->err));
    SEND(queue, "a");
    SEND(queue, "b");
    SEND_DELAYED(queue, "later", NIMBUS_SECONDS(10));
    OK(nimbus_invoke_async(function, nimbus_text("c"), NULL));
    OK(nimbus_shutdown(w->nb, NIMBUS_FOREVER, &left));
    EQ(record.calls, 3);
    EQ(left.ready, 0);
    EQ(left.delayed, 1);
    EQ(left.pending, 0);
    COUNTS(queue, 0, 1, 0);
}

static void a_shutdown_without_drain_runs_nothing(void **state)
{
    world *w = *state;
    handler_record record = { .answer = NIMBUS_DONE };
    nimbus_function *function = nimbus_function_create(w->nb, "f", record_handler, &record, NULL, &w->err);
    nimbus_leftovers left = { 0 };
    nimbus_status status;

    OK(nimbus_invoke_async(function, nimbus_text("a"), NULL));
    OK(nimbus_invoke_async(function, nimbus_text("b"), NULL));
    status = nimbus_shutdown(w->nb, 0, &left);
    IS(status, NIMBUS_E_TIMEOUT); /* runnable work is left */
    EQ(left.pending, 2);
    EQ(record.calls, 0);
}

/* What calls answer inside a handler. */
typedef struct inside_record {
    world *w;
    atomic_size_t calls;
    nimbus_status close, close_drain, shutdown_drain, shutdown, advance, run, receive_wait, send;
    nimbus_queue *queue;
    bool shut_down;
} inside_record;

static nimbus_outcome inside_handler(const nimbus_delivery *delivery, void *user)
{
    inside_record *r = user;
    nimbus_runtime *nb = nimbus_delivery_runtime(delivery);
    nimbus_delivery slot = { 0 };
    nimbus_entry entry = entry_of("from inside");

    r->close = nimbus_close(nb, 0, NULL);
    r->close_drain = nimbus_close(nb, NIMBUS_SECONDS(1), NULL);
    r->shutdown_drain = nimbus_shutdown(nb, NIMBUS_SECONDS(1), NULL);
    r->advance = nimbus_advance(nb, NIMBUS_SECONDS(1));
    r->run = nimbus_run(nb, 1, NULL);
    r->receive_wait = nimbus_queue_receive(r->queue, NIMBUS_SECONDS(1), NULL, &slot, 1, NULL);
    nimbus_delivery_release(&slot);
    if (r->shut_down) {
        r->shutdown = nimbus_shutdown(nb, 0, NULL);
        r->send = nimbus_queue_send(r->queue, &entry, NULL);
    }
    atomic_fetch_add(&r->calls, 1);
    return NIMBUS_DONE;
}

static void calls_that_would_wait_for_their_caller(void **state)
{
    world *w = *state;
    inside_record r = { .w = w };
    nimbus_function *function = nimbus_function_create(w->nb, "f", inside_handler, &r, NULL, &w->err);
    nimbus_entry entry = entry_of("m");

    r.queue = PLAIN_QUEUE(w, "q");
    OK(nimbus_invoke_async(function, nimbus_text("m"), NULL));
    RUN(w);
    EQ(r.calls, 1);
    IS(r.close, NIMBUS_E_WOULD_DEADLOCK);
    IS(r.close_drain, NIMBUS_E_WOULD_DEADLOCK);
    IS(r.shutdown_drain, NIMBUS_E_WOULD_DEADLOCK);
    IS(r.advance, NIMBUS_E_WOULD_DEADLOCK);
    IS(r.run, NIMBUS_E_WOULD_DEADLOCK);
    IS(r.receive_wait, NIMBUS_E_WOULD_BLOCK);
    CHECK(!nimbus_is_closing(w->nb)); /* nothing was changed */
    OK(nimbus_queue_send(r.queue, &entry, NULL));
}

static void a_shutdown_inside_a_handler(void **state)
{
    world *w = *state;
    inside_record r = { .w = w, .shut_down = true };
    nimbus_function *function = nimbus_function_create(w->nb, "f", inside_handler, &r, NULL, &w->err);
    nimbus_entry entry = entry_of("m");

    r.queue = PLAIN_QUEUE(w, "q");
    OK(nimbus_invoke_async(function, nimbus_text("m"), NULL));
    RUN(w);
    EQ(r.calls, 1);
    CHECK(r.shutdown == NIMBUS_OK || r.shutdown == NIMBUS_E_TIMEOUT); /* its own handler runs */
    OK(r.send);                                                       /* handlers that still run may go on sending */
    CHECK(nimbus_is_closing(w->nb));
    IS(nimbus_queue_send(r.queue, &entry, NULL), NIMBUS_E_CLOSED);
    RECEIVE(r.queue, NULL, "from inside");
}

static void a_threaded_instance_refuses_the_same_inside_a_handler(void **state)
{
    world *w = *state;
    inside_record r = { .w = w };
    nimbus_function *function = nimbus_function_create(w->nb, "f", inside_handler, &r, NULL, &w->err);

    r.queue = PLAIN_QUEUE(w, "q");
    SEND(r.queue, "there"); /* so that its receive need not wait */
    OK(nimbus_invoke_async(function, nimbus_text("m"), NULL));
    EVENTUALLY(atomic_load(&r.calls) == 1);
    IS(r.close, NIMBUS_E_WOULD_DEADLOCK);
    IS(r.close_drain, NIMBUS_E_WOULD_DEADLOCK);
    IS(r.shutdown_drain, NIMBUS_E_WOULD_DEADLOCK);
    IS(r.advance, NIMBUS_E_WOULD_DEADLOCK);
    OK(r.receive_wait);
    CHECK(!nimbus_is_closing(w->nb));
}

static void a_close_while_handlers_run_is_busy_then_fine(void **state)
{
    world *w = *state;
    static gate g;
    nimbus_function *function =
        nimbus_function_create(w->nb, "f", gate_handler, &g, &(nimbus_function_options){ .max_concurrency = 2 }, &w->err);
    nimbus_leftovers left = { 0 };
    nimbus_status status;

    OK(nimbus_invoke_async(function, nimbus_text("a"), NULL));
    EVENTUALLY(atomic_load(&g.entered) == 1);
    OK(nimbus_invoke_async(function, nimbus_text("b"), NULL));
    EVENTUALLY(atomic_load(&g.entered) == 2);
    OK(nimbus_invoke_async(function, nimbus_text("c"), NULL));
    IS(nimbus_close(w->nb, 0, &left), NIMBUS_E_BUSY);
    EQ(left.running, 2);
    EQ(left.pending, 1);
    CHECK(nimbus_is_closing(w->nb));
    TEXT(nimbus_status_name(nimbus_invoke_async(function, nimbus_text("d"), NULL)), "NIMBUS_E_CLOSED"); /* shut down but valid */
    IS(nimbus_shutdown(w->nb, 0, &left), NIMBUS_E_TIMEOUT);
    EQ(left.running, 2);
    atomic_store(&g.open, true);
    while ((status = nimbus_close(w->nb, 0, &left)) == NIMBUS_E_BUSY) {
        sched_yield();
    }
    OK(status);
    EQ(left.running, 0);
    w->nb = NULL;
    world_check(w);
}

static nimbus_invocation *kept_invocation;

static nimbus_outcome keeping_handler(const nimbus_delivery *delivery, void *user)
{
    (void)user;
    kept_invocation = nimbus_delivery_keep(delivery);
    return NIMBUS_LATER;
}

static void kept_invocations_are_given_up_by_the_close(void **state)
{
    world *w = *state;
    nimbus_function *function = nimbus_function_create(w->nb, "f", keeping_handler, NULL, NULL, &w->err);
    nimbus_leftovers left = { 0 };

    kept_invocation = NULL;
    OK(nimbus_invoke_async(function, nimbus_text("m"), NULL));
    RUN(w);
    CHECK(kept_invocation != NULL);
    OK(nimbus_shutdown(w->nb, 0, &left));
    EQ(left.kept, 1);
    EQ(left.running, 0);
    world_end(w);
    IS(nimbus_invocation_finish(kept_invocation, NIMBUS_DONE), NIMBUS_E_CLOSED);
    world_check(w);
}

static void the_end_of_nothing(void **state)
{
    nimbus_leftovers left;
    (void)state;

    FILL(left);
    IS(nimbus_shutdown(NULL, 0, &left), NIMBUS_E_INVALID);
    IS(nimbus_close(NULL, 0, &left), NIMBUS_E_INVALID);
    UNTOUCHED(left);
    CHECK(nimbus_is_closing(NULL));
    IS(nimbus_runtime_get_metrics(NULL, NULL), NIMBUS_E_INVALID);
}

static void the_range_of_the_drain(void **state)
{
    static const nimbus_duration wrong[] = { -1, 5, 999, -NIMBUS_SECONDS(1) };
    world *w = *state;
    nimbus_runtime_metrics m;
    size_t i;

    for (i = 0; i < COUNT(wrong); i++) {
        IS(nimbus_shutdown(w->nb, wrong[i], NULL), NIMBUS_E_INVALID);
        IS(nimbus_close(w->nb, wrong[i], NULL), NIMBUS_E_INVALID);
    }
    CHECK(!nimbus_is_closing(w->nb));
    IS(nimbus_runtime_get_metrics(w->nb, NULL), NIMBUS_E_INVALID);
    OK(nimbus_runtime_get_metrics(w->nb, &m));
}

static void run_after_the_shutdown(void **state)
{
    world *w = *state;

    OK(nimbus_shutdown(w->nb, 0, NULL));
    RUN(w);
    IS(nimbus_run(w->nb, 10, NULL), NIMBUS_E_CLOSED);
}

/* ------------------------------------------------------------------------------------ statuses and ids */

#define STATUSES(X)                                                                                                                        \
    X(NIMBUS_OK)                                                                                                                           \
    X(NIMBUS_STALE)                                                                                                                        \
    X(NIMBUS_PARTIAL) X(NIMBUS_EMPTY) X(NIMBUS_E_INVALID) X(NIMBUS_E_MISSING) X(NIMBUS_E_NOT_FOUND) X(NIMBUS_E_EXISTS) X(NIMBUS_E_DELETED) \
        X(NIMBUS_E_CLOSED) X(NIMBUS_E_NO_MEMORY) X(NIMBUS_E_FULL) X(NIMBUS_E_TIMEOUT) X(NIMBUS_E_TOO_LARGE) X(NIMBUS_E_RECEIPT)            \
            X(NIMBUS_E_NO_MESSAGE) X(NIMBUS_E_NOT_INFLIGHT) X(NIMBUS_E_OVER_LIMIT) X(NIMBUS_E_EMPTY_BATCH) X(NIMBUS_E_BATCH_TOO_MANY)      \
                X(NIMBUS_E_BATCH_TOO_LONG) X(NIMBUS_E_ATTRIBUTE) X(NIMBUS_E_PATTERN) X(NIMBUS_E_JSON) X(NIMBUS_E_UNSUPPORTED)              \
                    X(NIMBUS_E_CONFLICT) X(NIMBUS_E_IN_USE) X(NIMBUS_E_BUSY) X(NIMBUS_E_WOULD_DEADLOCK) X(NIMBUS_E_WOULD_BLOCK)            \
                        X(NIMBUS_E_THREAD) X(NIMBUS_E_SYSTEM) X(NIMBUS_E_TOO_DEEP) X(NIMBUS_E_CANCELLED) X(NIMBUS_E_TOO_COMPLEX)         \
                        X(NIMBUS_DUPLICATE) X(NIMBUS_E_RECEIPT_EXPIRED) X(NIMBUS_E_DEDUP_FULL) X(NIMBUS_E_ATTEMPT)              \
                        X(NIMBUS_E_DELETED_RECENTLY) X(NIMBUS_E_PURGED_RECENTLY) X(NIMBUS_E_CONTENT)

static void every_status_has_a_name_and_a_text(void **state)
{
#define ROW(status) { status, #status },
    static const struct {
        nimbus_status status;
        const char *name;
    } all[] = { STATUSES(ROW) };
#undef ROW
    size_t i;
    size_t k;
    (void)state;

    EQ(COUNT(all), 42);
    for (i = 0; i < COUNT(all); i++) {
        TEXT(nimbus_status_name(all[i].status), all[i].name);
        CHECK(nimbus_status_text(all[i].status) != NULL && nimbus_status_text(all[i].status)[0] != '\0');
        CHECK(nimbus_status_aws_name(all[i].status) != NULL);
        CHECK(nimbus_failed(all[i].status) == (strncmp(all[i].name, "NIMBUS_E_", 9) == 0));
        for (k = 0; k < i; k++) {
            CHECK(strcmp(nimbus_status_text(all[i].status), nimbus_status_text(all[k].status)) != 0);
        }
    }
    TEXT(nimbus_status_aws_name(NIMBUS_E_RECEIPT), "ReceiptHandleIsInvalid");
    TEXT(nimbus_status_aws_name(NIMBUS_E_EMPTY_BATCH), "EmptyBatchRequest");
    TEXT(nimbus_status_aws_name(NIMBUS_E_BATCH_TOO_MANY), "TooManyEntriesInBatchRequest");
    TEXT(nimbus_status_aws_name(NIMBUS_OK), "");
}

static void unknown_statuses(void **state)
{
    static const int values[] = { 98, 99, -98, -1000, INT32_MAX, INT32_MIN };
    size_t i;
    (void)state;

    for (i = 0; i < COUNT(values); i++) {
        TEXT(nimbus_status_name((nimbus_status)values[i]), "NIMBUS_E_UNKNOWN");
        CHECK(nimbus_status_text((nimbus_status)values[i]) != NULL);
        TEXT(nimbus_status_aws_name((nimbus_status)values[i]), "");
    }
}

static void the_version(void **state)
{
    char version[32];
    (void)state;

    (void)snprintf(version, sizeof version, "%d.%d.%d", NIMBUS_VERSION_MAJOR, NIMBUS_VERSION_MINOR, NIMBUS_VERSION_PATCH);
    TEXT(nimbus_version(), version);
}

static void check_uuid(const char *text)
{
    size_t i;
    EQ(strlen(text), NIMBUS_ID_TEXT - 1);
    for (i = 0; i < NIMBUS_ID_TEXT - 1; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            EQ(text[i], '-');
        } else {
            CHECK(isxdigit((unsigned char)text[i]) && !isupper((unsigned char)text[i]));
        }
    }
    EQ(text[14], '4');
    CHECK(text[19] == '8' || text[19] == '9' || text[19] == 'a' || text[19] == 'b');
}

static void ids_are_unique_and_look_like_uuids(void **state)
{
    enum { EACH = 200 };
    world worlds[3];
    static char texts[3 * EACH][NIMBUS_ID_TEXT];
    size_t n = 0;
    size_t i;
    size_t k;
    (void)state;

    for (i = 0; i < 3; i++) {
        nimbus_queue *queue;
        uint64_t before = 0;
        world_open(&worlds[i], &(nimbus_options){ .seed = i + 1 });
        queue = PLAIN_QUEUE(&worlds[i], "q");
        for (k = 0; k < EACH; k++) {
            nimbus_id id = SEND(queue, "m");
            CHECK(id.number > before);
            before = id.number;
            CHECK(nimbus_id_text(id, texts[n]) == texts[n]);
            check_uuid(texts[n]);
            n++;
        }
        world_close(&worlds[i]);
    }
    for (i = 0; i < n; i++) {
        for (k = 0; k < i; k++) {
            CHECK(strcmp(texts[i], texts[k]) != 0);
        }
    }
    CHECK(nimbus_id_text((nimbus_id){ 0 }, NULL) == NULL);
    check_uuid(nimbus_id_text((nimbus_id){ 0 }, texts[0]));
    check_uuid(nimbus_id_text((nimbus_id){ UINT64_MAX, UINT64_MAX }, texts[1]));
    CHECK(strcmp(texts[0], texts[1]) != 0);
}

static void a_seed_makes_ids_reproducible(void **state)
{
    nimbus_id ids[2];
    size_t i;
    (void)state;

    for (i = 0; i < 2; i++) {
        world w;
        world_open(&w, &(nimbus_options){ .seed = 7 });
        ids[i] = SEND(PLAIN_QUEUE(&w, "q"), "m");
        world_close(&w);
    }
    CHECK(ids_equal(ids[0], ids[1]));
    for (i = 0; i < 2; i++) {
        nimbus_error err = { 0 };
        nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .driven = true }, &err);
        nimbus_queue *queue = nimbus_queue_create(nb, "q", NULL, &err);
        OK(err.status);
        ids[i] = SEND(queue, "m");
        OK(nimbus_close(nb, 0, NULL));
    }
    CHECK(ids[0].instance != ids[1].instance); /* without one: a new one each time */
}

static void a_forgotten_unit_is_refused(void **state)
{
    world *w = *state;
    nimbus_error err = { 0 };

    CHECK(nimbus_queue_create(w->nb, "q", &(nimbus_queue_options){ .visibility_timeout = 30 }, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.call, "nimbus_queue_create");
    TEXT(err.field, "visibility_timeout");
    CHECK(err.reason[0] != '\0');
    EQ(err.offset, SIZE_MAX);
}

static void the_trace_hook_may_be_left_out(void **state)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .driven = true, .manual_clock = true, .trace = no_trace }, &err);
    nimbus_queue *queue = nimbus_queue_create(nb, "q", &(nimbus_queue_options){ .retention = NIMBUS_MINUTES(1) }, &err);
    (void)state;

    OK(err.status);
    SEND(queue, "m");
    OK(nimbus_advance(nb, NIMBUS_HOURS(1)));
    EQ(METRICS(queue).expired, 1);
    OK(nimbus_close(nb, 0, NULL));
    nb = nimbus_open(&(nimbus_options){ .driven = true, .manual_clock = true }, &err);
    queue = nimbus_queue_create(nb, "q", &(nimbus_queue_options){ .retention = NIMBUS_MINUTES(1) }, &err);
    SEND(queue, "m");
    OK(nimbus_advance(nb, NIMBUS_HOURS(1)));
    OK(nimbus_close(nb, 0, NULL));
}

static void the_limits_of_the_instance(void **state)
{
    world w;
    nimbus_queue *queue;
    nimbus_entry entry = entry_of("m");
    char field[48];
    (void)state;

    world_open(&w, &(nimbus_options){ .limits = { .preset = NIMBUS_LIMITS_RELAXED, .max_delay = NIMBUS_DAYS(30) } });
    queue = QUEUE(&w, "q", .visibility_timeout = NIMBUS_DAYS(365), .retention = NIMBUS_DAYS(3000));
    entry.delay = NIMBUS_DAYS(30);
    OK(nimbus_queue_send(queue, &entry, NULL));
    entry.delay = NIMBUS_DAYS(30) + 1;
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_INVALID);
    ADVANCE(&w, NIMBUS_DAYS(30));
    RECEIVE(queue, NULL, "m");
    ADVANCE(&w, NIMBUS_DAYS(365) - 1);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(&w, 1);
    COUNTS(queue, 1, 0, 0);
    IS(create_status(&w, "r", &(nimbus_queue_options){ .retention = NIMBUS_MS(1) }, NULL), NIMBUS_OK);
    world_close(&w);
    world_open(&w, &(nimbus_options){ .limits = { .max_visibility = NIMBUS_MINUTES(1) } });
    IS(create_status(&w, "q", &(nimbus_queue_options){ .visibility_timeout = NIMBUS_MINUTES(2) }, field), NIMBUS_E_INVALID);
    TEXT(field, "visibility_timeout");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_refuses_what_it_cannot_honour),
        cmocka_unit_test(open_with_defaults),
        cmocka_unit_test(open_with_a_failed_error_does_nothing),
        cmocka_unit_test(the_start_time_of_a_manual_clock),
        cmocka_unit_test(the_number_of_workers),
        cmocka_unit_test(two_instances_side_by_side),
        cmocka_unit_test(many_opens_and_closes),
        DRIVEN(run_says_whether_there_was_something_to_do),
        DRIVEN(run_calls_no_more_handlers_than_asked),
        THREADED(run_is_for_driven_instances),
        DRIVEN(the_descriptor_becomes_readable_by_a_wake),
        DRIVEN(the_descriptor_becomes_readable_by_work_of_another_thread),
        cmocka_unit_test(how_long_poll_may_sleep),
        cmocka_unit_test(a_driven_wait_with_the_real_clock_drives_timers),
        DRIVEN(one_thread_drives_at_a_time),
        DRIVEN(advance_goes_from_deadline_to_deadline),
        DRIVEN(advance_runs_every_retry_at_its_own_time),
        THREADED(advance_in_a_threaded_instance_waits_for_the_handlers),
        DRIVEN(advance_takes_any_duration),
        DRIVEN(a_shutdown_reports_what_is_left),
        DRIVEN(after_a_shutdown_intake_is_closed_and_queues_can_be_emptied),
        THREADED(blocked_receivers_wake_at_the_shutdown),
        DRIVEN(the_close_ends_asynchronous_receives),
        DRIVEN(a_shutdown_drains_what_can_run),
        DRIVEN(a_shutdown_without_drain_runs_nothing),
        DRIVEN(calls_that_would_wait_for_their_caller),
        DRIVEN(a_shutdown_inside_a_handler),
        THREADED(a_threaded_instance_refuses_the_same_inside_a_handler),
        THREADED(a_close_while_handlers_run_is_busy_then_fine),
        DRIVEN(kept_invocations_are_given_up_by_the_close),
        cmocka_unit_test(the_end_of_nothing),
        DRIVEN(the_range_of_the_drain),
        DRIVEN(run_after_the_shutdown),
        cmocka_unit_test(every_status_has_a_name_and_a_text),
        cmocka_unit_test(unknown_statuses),
        cmocka_unit_test(the_version),
        cmocka_unit_test(ids_are_unique_and_look_like_uuids),
        cmocka_unit_test(a_seed_makes_ids_reproducible),
        DRIVEN(a_forgotten_unit_is_refused),
        cmocka_unit_test(the_trace_hook_may_be_left_out),
        cmocka_unit_test(the_limits_of_the_instance),
    };
    return cmocka_run_group_tests_name("runtime", tests, NULL, NULL);
}
