/*
 * test_under_fire.c - what a hostile reader of the headers once broke: claims that outlive their taker, ends in an unlucky order, and
 * waits that are over before they begin.
 */
#include "helpers.h"

typedef struct got {
    atomic_int calls;
    nimbus_status status;
    size_t count;
} got;

static void note_receive(nimbus_queue *queue, nimbus_status status, nimbus_delivery *deliveries, size_t count, void *user)
{
    got *g = user;

    (void)queue;
    g->status = status;
    g->count = count;
    if (count > 0) {
        (void)nimbus_delivery_delete(&deliveries[0]);
    }
    atomic_fetch_add(&g->calls, 1);
}

/* For callbacks that run at the same time. */
static void count_receive(nimbus_queue *queue, nimbus_status status, nimbus_delivery *deliveries, size_t count, void *user)
{
    (void)queue;
    (void)status;
    (void)deliveries;
    (void)count;
    atomic_fetch_add((atomic_int *)user, 1);
}

static nimbus_outcome count_and_reject(const nimbus_delivery *delivery, void *user)
{
    (void)delivery;
    ++*(int *)user;
    return NIMBUS_REJECT;
}

static nimbus_outcome keep_it(const nimbus_delivery *delivery, void *user)
{
    *(nimbus_invocation **)user = nimbus_delivery_keep(delivery);
    return NIMBUS_LATER;
}

static nimbus_runtime *open_driven(void)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .driven = true, .manual_clock = true }, &err);

    assert_int_equal(err.status, NIMBUS_OK);
    return nb;
}

/* A mapping that was told of a message and is paused before it comes for it lets the next in line have it (SQS-R5, R6). */
static void claim_passes_on(bool stop)
{
    nimbus_runtime *nb = open_driven();
    nimbus_error err = { 0 };
    nimbus_queue *queue = nimbus_queue_create(nb, "q", NULL, &err);
    int calls = 0;
    nimbus_function *fn = nimbus_function_create(nb, "f", count_and_reject, &calls, NULL, &err);
    got g = { 0 };

    nimbus_function_map(fn, queue, NULL, &err);
    assert_int_equal(err.status, NIMBUS_OK);
    assert_int_equal(nimbus_advance(nb, 0), NIMBUS_OK); /* the mapping stands in line first */
    assert_int_equal(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, note_receive, &g, NULL), NIMBUS_OK);
    assert_int_equal(nimbus_queue_send(queue, &(nimbus_entry){ .body = nimbus_text("m") }, NULL), NIMBUS_OK);
    assert_int_equal(stop ? nimbus_function_set_concurrency(fn, 0) : nimbus_mapping_enable(fn, queue, false), NIMBUS_OK);
    assert_int_equal(nimbus_advance(nb, 0), NIMBUS_OK);
    assert_int_equal(atomic_load(&g.calls), 1);
    assert_int_equal(g.count, 1);
    assert_int_equal(calls, 0);
    assert_int_equal(nimbus_close(nb, 0, NULL), NIMBUS_OK);
}

static void a_paused_mapping_passes_its_claim_on(void **state)
{
    (void)state;
    claim_passes_on(false);
}

static void a_stopped_function_passes_its_claim_on(void **state)
{
    (void)state;
    claim_passes_on(true);
}

static void a_paused_mapping_returns_what_its_window_gathered(void **state)
{
    nimbus_runtime *nb = open_driven();
    nimbus_error err = { 0 };
    nimbus_queue *queue = nimbus_queue_create(nb, "q", NULL, &err);
    int calls = 0;
    nimbus_function *fn = nimbus_function_create(nb, "f", count_and_reject, &calls, NULL, &err);
    nimbus_queue_metrics m;

    (void)state;
    nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .batch_window = NIMBUS_SECONDS(10) }, &err);
    assert_int_equal(err.status, NIMBUS_OK);
    assert_int_equal(nimbus_queue_send(queue, &(nimbus_entry){ .body = nimbus_text("m") }, NULL), NIMBUS_OK);
    assert_int_equal(nimbus_advance(nb, NIMBUS_SECONDS(1)), NIMBUS_OK);
    assert_int_equal(nimbus_queue_get_metrics(queue, &m), NIMBUS_OK);
    assert_int_equal(m.in_flight, 1);
    assert_int_equal(nimbus_mapping_enable(fn, queue, false), NIMBUS_OK);
    assert_int_equal(nimbus_queue_get_metrics(queue, &m), NIMBUS_OK);
    assert_int_equal(m.ready, 1);
    assert_int_equal(m.received, 0); /* nobody has seen it */
    assert_int_equal(calls, 0);
    assert_int_equal(nimbus_close(nb, 0, NULL), NIMBUS_OK);
}

static void finish_after_delete_and_close(void **state)
{
    nimbus_runtime *nb = open_driven();
    nimbus_error err = { 0 };
    nimbus_invocation *kept = NULL;
    nimbus_function *fn = nimbus_function_create(nb, "f", keep_it, &kept, NULL, &err);

    (void)state;
    assert_int_equal(nimbus_invoke_async(fn, nimbus_text("m"), NULL), NIMBUS_OK);
    assert_int_equal(nimbus_advance(nb, 0), NIMBUS_OK);
    assert_non_null(kept);
    assert_int_equal(nimbus_function_delete(fn, 0), NIMBUS_OK);
    assert_int_equal(nimbus_close(nb, 0, NULL), NIMBUS_OK);
    assert_int_equal(nimbus_invocation_finish(kept, NIMBUS_DONE), NIMBUS_E_CLOSED);
}

static void a_rejected_one_that_waits_for_its_dead_letter_is_not_run_again(void **state)
{
    nimbus_runtime *nb = open_driven();
    nimbus_error err = { 0 };
    nimbus_queue *dead = nimbus_queue_create(nb, "dead", &(nimbus_queue_options){ .capacity_messages = 1 }, &err);
    int calls = 0;
    nimbus_function *fn =
        nimbus_function_create(nb, "f", count_and_reject, &calls, &(nimbus_function_options){ .dead_letter_queue = dead }, &err);
    nimbus_function_metrics m;

    (void)state;
    assert_int_equal(nimbus_queue_send(dead, &(nimbus_entry){ .body = nimbus_text("in the way") }, NULL), NIMBUS_OK);
    assert_int_equal(nimbus_invoke_async(fn, nimbus_text("m"), NULL), NIMBUS_OK);
    assert_int_equal(nimbus_advance(nb, NIMBUS_SECONDS(5)), NIMBUS_OK);
    assert_int_equal(calls, 1);
    assert_int_equal(nimbus_queue_purge(dead, NULL), NIMBUS_OK);
    assert_int_equal(nimbus_advance(nb, NIMBUS_SECONDS(2)), NIMBUS_OK);
    assert_int_equal(calls, 1);
    assert_int_equal(nimbus_function_get_metrics(fn, &m), NIMBUS_OK);
    assert_int_equal(m.dead_lettered, 1);
    assert_int_equal(nimbus_close(nb, 0, NULL), NIMBUS_OK);
}

static void cancel_after_the_queue_is_gone(void **state)
{
    nimbus_runtime *nb = open_driven();
    nimbus_error err = { 0 };
    nimbus_queue *queue = nimbus_queue_create(nb, "q", NULL, &err);
    nimbus_receive_task *task = NULL;
    got g = { 0 };

    (void)state;
    assert_int_equal(nimbus_queue_receive_async(queue, 0, NULL, 1, note_receive, &g, &task), NIMBUS_OK);
    assert_int_equal(nimbus_advance(nb, 0), NIMBUS_OK);
    assert_int_equal(g.status, NIMBUS_EMPTY);
    assert_int_equal(nimbus_queue_delete(queue), NIMBUS_OK);
    nimbus_queue_release(queue);
    assert_int_equal(nimbus_receive_cancel(task), NIMBUS_STALE);
    nimbus_receive_task_release(task);
    assert_int_equal(nimbus_close(nb, 0, NULL), NIMBUS_OK);
}

/* The real clock and the clock thread: the wait may be over before the receive stands in line. */
static void a_wait_that_is_over_at_once_is_told(void **state)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(NULL, &err);
    nimbus_queue *queue = nimbus_queue_create(nb, "q", NULL, &err);
    static atomic_int calls;
    const int rounds = 5000;

    (void)state;
    assert_int_equal(err.status, NIMBUS_OK);
    for (int i = 0; i < rounds; i++) {
        assert_int_equal(nimbus_queue_receive_async(queue, NIMBUS_US(1), NULL, 1, count_receive, &calls, NULL), NIMBUS_OK);
    }
    while (atomic_load(&calls) < rounds) {
        sched_yield();
    }
    assert_int_equal(nimbus_close(nb, NIMBUS_SECONDS(5), NULL), NIMBUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_paused_mapping_passes_its_claim_on),
        cmocka_unit_test(a_stopped_function_passes_its_claim_on),
        cmocka_unit_test(a_paused_mapping_returns_what_its_window_gathered),
        cmocka_unit_test(finish_after_delete_and_close),
        cmocka_unit_test(a_rejected_one_that_waits_for_its_dead_letter_is_not_run_again),
        cmocka_unit_test(cancel_after_the_queue_is_gone),
        cmocka_unit_test(a_wait_that_is_over_at_once_is_told),
    };

    return cmocka_run_group_tests_name("under fire", tests, NULL, NULL);
}
