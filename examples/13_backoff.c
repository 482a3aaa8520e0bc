/* 13_backoff.c - retries with a growing pause between them, and a dead-letter queue for what does not work at all. The pause is the
 * receiver's: it gives the message back with the time after which it wants to see it again. The clock is a manual one. */
#include <inttypes.h>
#include <nimbus/nimbus.h>
#include <stdio.h>
#include <string.h>

#define FIRST_PAUSE NIMBUS_SECONDS(1)
#define LAST_PAUSE NIMBUS_MINUTES(5)

static nimbus_duration pause_before_next(uint32_t receive_count)
{
    nimbus_duration pause = FIRST_PAUSE;
    while (--receive_count > 0 && pause < LAST_PAUSE)
        pause *= 2; /* 1 s, 2 s, 4 s, ... */
    return pause < LAST_PAUSE ? pause : LAST_PAUSE;
}

static void work_off_one(nimbus_queue *jobs, bool (*do_job)(const nimbus_delivery *job, void *user), void *user)
{
    nimbus_delivery job = { 0 };
    if (nimbus_queue_receive(jobs, 0, NULL, &job, 1, NULL) != NIMBUS_OK)
        return;
    if (do_job(&job, user))
        nimbus_delivery_delete(&job);
    else
        nimbus_delivery_retry(&job, pause_before_next(nimbus_delivery_receive_count(&job)));
}

typedef struct shop {
    nimbus_time start;
    int calls, works_at; /* 0: never */
    int64_t at[16];      /* seconds after the start */
} shop;

static bool call_the_shop(const nimbus_delivery *job, void *user)
{
    shop *self = user;
    int64_t after = (nimbus_now(nimbus_delivery_runtime(job)) - self->start) / NIMBUS_SECONDS(1);
    printf("  try %u after %" PRId64 " s\n", (unsigned)nimbus_delivery_receive_count(job), after);
    if (self->calls < 16)
        self->at[self->calls] = after;
    return ++self->calls == self->works_at;
}

/* One hour of working off, a second at a time. */
static void run_an_hour(nimbus_runtime *nb, nimbus_queue *jobs, shop *self)
{
    self->start = nimbus_now(nb);
    self->calls = 0;
    for (int i = 0; i < 3600; i++) {
        work_off_one(jobs, call_the_shop, self);
        nimbus_advance(nb, NIMBUS_SECONDS(1));
    }
}

int main(void)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .driven = true, .manual_clock = true }, &err);
    nimbus_queue *dead = nimbus_queue_create(nb, "jobs-dead", NULL, &err);
    nimbus_queue *jobs =
        nimbus_queue_create(nb, "jobs", &(nimbus_queue_options){ .dead_letter_queue = dead, .max_receive_count = 10 }, &err);
    if (err.status) {
        fprintf(stderr, "%s: %s\n", err.call, err.reason);
        return 1;
    }

    shop flaky = { .works_at = 4 }, broken = { .works_at = 0 };
    printf("a shop that works at the fourth try:\n");
    nimbus_queue_send(jobs, &(nimbus_entry){ .body = nimbus_text("order 1") }, NULL);
    run_an_hour(nb, jobs, &flaky);
    bool good = flaky.calls == 4 && flaky.at[1] == 1 && flaky.at[2] == 3 && flaky.at[3] == 7;

    printf("one that never works:\n");
    nimbus_queue_send(jobs, &(nimbus_entry){ .body = nimbus_text("order 2") }, NULL);
    run_an_hour(nb, jobs, &broken);
    good = good && broken.calls == 10 && broken.at[9] == 1 + 2 + 4 + 8 + 16 + 32 + 64 + 128 + 256;

    nimbus_queue_metrics m = { 0 };
    nimbus_queue_get_metrics(dead, &m);
    printf("%d dead letter\n", (int)m.ready);
    good = good && m.ready == 1;
    return nimbus_close(nb, 0, NULL) == NIMBUS_OK && good ? 0 : 1;
}
