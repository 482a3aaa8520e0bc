/* 06_manual_clock.c - a unit test with a clock of its own: visibility timeout to the nanosecond, back-off, a mapped function's retries.
 * The instance is driven, so the test has no threads, no sleeps and always the same result. */
#include <nimbus/nimbus.h>
#include <stdio.h>

static int checks, failures;

#define CHECK(condition) check((condition), #condition, __LINE__)

static void check(bool good, const char *text, int line)
{
    checks++;
    if (!good) {
        failures++;
        fprintf(stderr, "line %d: not so: %s\n", line, text);
    }
}

static nimbus_outcome fail(const nimbus_delivery *delivery, void *user)
{
    (void)delivery;
    ++*(int *)user;
    return NIMBUS_RETRY;
}

static void visibility_ends_to_the_nanosecond(nimbus_runtime *nb, nimbus_error *err)
{
    nimbus_delivery d = { 0 };
    nimbus_queue *q = nimbus_queue_create(nb, "visibility", &(nimbus_queue_options){ .visibility_timeout = NIMBUS_SECONDS(30) }, err);
    CHECK(nimbus_queue_send(q, &(nimbus_entry){ .body = nimbus_text("x") }, NULL) == NIMBUS_OK);
    CHECK(nimbus_queue_receive(q, 0, NULL, &d, 1, NULL) == NIMBUS_OK);
    CHECK(nimbus_delivery_receive_count(&d) == 1);
    nimbus_receipt first = nimbus_delivery_receipt(&d);
    nimbus_delivery_release(&d); /* neither deleted nor retried: as if the receiver had crashed */

    CHECK(nimbus_advance(nb, NIMBUS_SECONDS(30) - 1) == NIMBUS_OK);
    CHECK(nimbus_queue_receive(q, 0, NULL, &d, 1, NULL) == NIMBUS_EMPTY);
    CHECK(nimbus_advance(nb, 1) == NIMBUS_OK);
    CHECK(nimbus_queue_change_visibility(q, first, NIMBUS_SECONDS(5)) == NIMBUS_E_NOT_INFLIGHT);
    CHECK(nimbus_queue_receive(q, 0, NULL, &d, 1, NULL) == NIMBUS_OK);
    CHECK(nimbus_delivery_receive_count(&d) == 2);
    CHECK(nimbus_queue_delete_message(q, first) == NIMBUS_STALE); /* the first receiver woke up: too late, it is ours now */
    CHECK(nimbus_delivery_delete(&d) == NIMBUS_OK);

    /* a wait would never end: only we move the clock */
    CHECK(nimbus_queue_receive(q, NIMBUS_SECONDS(1), NULL, &d, 1, NULL) == NIMBUS_E_WOULD_BLOCK);
}

static void back_off_doubles(nimbus_runtime *nb, nimbus_error *err)
{
    int calls = 0;
    nimbus_function *fn = nimbus_function_create(
        nb, "back-off", fail, &calls,
        &(nimbus_function_options){ .retry = { .max_retries = 3, .min_delay = NIMBUS_SECONDS(1), .max_delay = NIMBUS_SECONDS(3) } }, err);
    CHECK(nimbus_invoke_async(fn, nimbus_text("p"), NULL) == NIMBUS_OK);
    nimbus_advance(nb, 0);
    CHECK(calls == 1);
    nimbus_advance(nb, NIMBUS_SECONDS(1) - 1);
    CHECK(calls == 1);
    nimbus_advance(nb, 1);
    CHECK(calls == 2);
    nimbus_advance(nb, NIMBUS_SECONDS(2));
    CHECK(calls == 3);
    nimbus_advance(nb, NIMBUS_SECONDS(3)); /* not 4: max_delay */
    CHECK(calls == 4);
    nimbus_advance(nb, NIMBUS_HOURS(6));
    CHECK(calls == 4);
    CHECK(nimbus_function_delete(fn, 0) == NIMBUS_OK); /* calls is on our stack */
}

static void mapped_queue_retries_by_visibility(nimbus_runtime *nb, nimbus_error *err)
{
    int calls = 0;
    nimbus_queue *dead = nimbus_queue_create(nb, "jobs-dead", NULL, err);
    nimbus_queue *jobs = nimbus_queue_create(
        nb, "jobs", &(nimbus_queue_options){ .visibility_timeout = NIMBUS_MINUTES(2), .dead_letter_queue = dead, .max_receive_count = 3 },
        err);
    nimbus_function *fn = nimbus_function_create(nb, "work", fail, &calls, NULL, err);
    nimbus_function_map(fn, jobs, NULL, err);
    CHECK(nimbus_queue_send(jobs, &(nimbus_entry){ .body = nimbus_text("job"), .delay = NIMBUS_MINUTES(1) }, NULL) == NIMBUS_OK);
    nimbus_advance(nb, NIMBUS_MINUTES(1) - 1);
    CHECK(calls == 0);
    nimbus_advance(nb, 1);
    CHECK(calls == 1);
    nimbus_advance(nb, NIMBUS_MINUTES(2));
    CHECK(calls == 2);
    nimbus_advance(nb, NIMBUS_DAYS(1));
    CHECK(calls == 3);

    nimbus_queue_metrics metrics = { 0 };
    CHECK(nimbus_queue_get_metrics(dead, &metrics) == NIMBUS_OK);
    CHECK(metrics.ready == 1 && metrics.redriven_in == 1);
    CHECK(nimbus_function_delete(fn, 0) == NIMBUS_OK);
}

int main(void)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .driven = true, .manual_clock = true }, &err);
    nimbus_time start = nimbus_now(nb);
    visibility_ends_to_the_nanosecond(nb, &err);
    back_off_doubles(nb, &err);
    mapped_queue_retries_by_visibility(nb, &err);
    CHECK(err.status == NIMBUS_OK);
    CHECK(nimbus_now(nb) - start > NIMBUS_DAYS(1));
    CHECK(nimbus_close(nb, 0, NULL) == NIMBUS_OK);
    printf("%d checks, %d failed\n", checks, failures);
    return failures != 0;
}
