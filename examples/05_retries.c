/* 05_retries.c - an asynchronous invocation fails, is retried after one and two minutes (the default), and ends in a dead-letter queue
 * that says why. The clock is a manual one: three minutes take no time. */
#include <inttypes.h>
#include <nimbus/nimbus.h>
#include <stdio.h>
#include <string.h>

typedef struct printer {
    nimbus_time start;
    int calls;
    int64_t at[8]; /* seconds after the start */
} printer;

static nimbus_outcome print_page(const nimbus_delivery *page, void *user)
{
    printer *self = user;
    int64_t after = (nimbus_now(nimbus_delivery_runtime(page)) - self->start) / NIMBUS_SECONDS(1);
    printf("attempt %u after %" PRId64 " s\n", (unsigned)nimbus_delivery_receive_count(page), after);
    if (self->calls < 8)
        self->at[self->calls] = after;
    self->calls++;
    nimbus_delivery_fail(page, "out of paper");
    return NIMBUS_RETRY;
}

int main(void)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .manual_clock = true }, &err);
    printer state = { .start = nimbus_now(nb) };
    nimbus_queue *dead = nimbus_queue_create(nb, "pages-dead", NULL, &err);
    nimbus_function *fn =
        nimbus_function_create(nb, "print", print_page, &state, &(nimbus_function_options){ .dead_letter_queue = dead }, &err);
    if (err.status) {
        fprintf(stderr, "%s: %s\n", err.call, err.reason);
        return 1;
    }

    nimbus_invoke_async(fn, nimbus_text("page 1"), NULL);
    nimbus_advance(nb, NIMBUS_HOURS(1)); /* runs every retry at its own time */

    bool good = state.calls == 3 && state.at[0] == 0 && state.at[1] == 60 && state.at[2] == 180;
    nimbus_delivery letter = { 0 };
    nimbus_delivery_info info = { 0 };
    if (nimbus_queue_receive(dead, 0, NULL, &letter, 1, NULL) == NIMBUS_OK && nimbus_delivery_get_info(&letter, &info) == NIMBUS_OK) {
        nimbus_bytes body = nimbus_delivery_body(&letter);
        printf("dead: \"%.*s\" of %s after %u attempts: %s\n", (int)body.size, (const char *)body.data, info.dead_letter_source,
               (unsigned)info.dead_letter_attempts, info.dead_letter_reason);
        good = good && info.dead_letter_attempts == 3 && strcmp(info.dead_letter_source, "print") == 0 &&
               strcmp(info.dead_letter_reason, "out of paper") == 0 && body.size == 6 && memcmp(body.data, "page 1", 6) == 0;
        nimbus_delivery_delete(&letter);
    } else {
        fprintf(stderr, "no dead letter\n");
        good = false;
    }
    return nimbus_close(nb, 0, NULL) == NIMBUS_OK && good ? 0 : 1;
}
