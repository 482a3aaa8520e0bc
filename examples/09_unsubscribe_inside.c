/* 09_unsubscribe_inside.c - a handler that wants one message only: it ends its own subscription from inside, and its state is freed by the
 * destroy function when no call can come any more. */
#include <nimbus/nimbus.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct result {
    int seen, destroyed;
} result;

typedef struct once {
    int seen;
    result *report;
} once;

static nimbus_outcome first_only(const nimbus_delivery *delivery, void *user)
{
    once *self = user;
    self->seen++;
    nimbus_unsubscribe(nimbus_delivery_subscription(delivery), 0); /* 0: do not wait, least of all for ourselves */
    return NIMBUS_DONE;
}

static void forget(void *user)
{
    once *self = user;
    self->report->seen = self->seen;
    self->report->destroyed++;
    free(self);
}

int main(void)
{
    nimbus_error err = { 0 };
    result report = { 0 };
    nimbus_runtime *nb = nimbus_open(NULL, &err);
    nimbus_topic *news = nimbus_topic_create(nb, "news", NULL, &err);
    once *self = calloc(1, sizeof *self);
    if (self == NULL)
        return 1;
    self->report = &report;
    if (nimbus_failed(nimbus_topic_subscribe(news, nimbus_to_callback(first_only, self, forget), NULL, &err, NULL))) {
        fprintf(stderr, "%s: %s\n", err.call, err.reason);
        free(self); /* it failed: still ours */
        return 1;
    }

    for (int i = 0; i < 3; i++)
        nimbus_topic_publish(news, &(nimbus_entry){ .body = nimbus_text("extra, extra") }, NULL);
    nimbus_status status = nimbus_close(nb, NIMBUS_SECONDS(5), NULL);
    printf("3 published, %d seen, state freed %d time(s)\n", report.seen, report.destroyed);
    return status == NIMBUS_OK && report.seen == 1 && report.destroyed == 1 ? 0 : 1;
}
