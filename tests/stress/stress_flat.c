/*
 * stress_flat - memory does not grow with what was done, only with what is held: polls that find nothing, waits that end or are cancelled,
 * messages that come and go, queues that are made and deleted.
 *
 *     stress_flat [N]        100,000 polls and messages by default, and N / 100 queues
 *
 * Each job runs for a tenth of its count first; from then on the instance must not take a byte more.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nimbus/nimbus.h>

typedef struct world {
    nimbus_runtime *nb;
    nimbus_queue *queue;
    nimbus_error err;
    unsigned long long calls; /* of the callback of asynchronous receives */
} world;

static unsigned wrong;

static void check(bool holds, const char *job, const char *what)
{
    if (!holds && wrong++ < 20) {
        fprintf(stderr, "%s: %s\n", job, what);
    }
}

static void ended(nimbus_queue *queue, nimbus_status status, nimbus_delivery *deliveries, size_t count, void *user)
{
    (void)queue;
    (void)status;
    (void)deliveries;
    (void)count;
    ((world *)user)->calls++;
}

/* ------------------------------------------------------------------------------------------------- jobs */

static void poll_in_vain(world *w, unsigned long long i)
{
    static const nimbus_receive_options with_heartbeat = { .heartbeat = true };
    nimbus_delivery delivery = { 0 };

    check(nimbus_queue_receive(w->queue, 0, i % 2 == 0 ? NULL : &with_heartbeat, &delivery, 1, NULL) == NIMBUS_EMPTY, "polls",
          "something came");
}

static void wait_in_vain(world *w, unsigned long long i)
{
    nimbus_receive_task *task = NULL;

    check(nimbus_queue_receive_async(w->queue, NIMBUS_SECONDS(20), NULL, 10, ended, w, &task) == NIMBUS_OK, "waits", "no receive");
    if (i % 2 == 0) {
        check(nimbus_receive_cancel(task) == NIMBUS_OK, "waits", "no cancel");
        check(nimbus_run(w->nb, 10, NULL) == NIMBUS_OK, "waits", "nothing to run");
    } else {
        check(nimbus_advance(w->nb, NIMBUS_SECONDS(20)) == NIMBUS_OK, "waits", "no advance");
    }
    nimbus_receive_task_release(task);
}

/* One message that takes one of the ways through a queue. */
static void come_and_go(world *w, unsigned long long i)
{
    static char body[3000];
    nimbus_attribute attribute = nimbus_string("name", "value");
    nimbus_entry entry = { .body = nimbus_copy(body, 1 + (size_t)(i * 7919 % sizeof body)) };
    nimbus_receive_options options = { .heartbeat = i % 3 == 0 };
    nimbus_delivery delivery = { 0 };
    nimbus_sent sent = { 0 };

    entry.attributes = i % 4 == 0 ? &attribute : NULL;
    entry.attribute_count = i % 4 == 0;
    entry.delay = i % 5 == 0 ? NIMBUS_SECONDS(3) : 0;
    check(nimbus_queue_send(w->queue, &entry, &sent) == NIMBUS_OK, "messages", "no send");
    if (i % 7 == 0) {
        check(nimbus_queue_cancel(w->queue, sent.place) == NIMBUS_OK, "messages", "no cancel");
        return;
    }
    if (i % 5 == 0) {
        check(nimbus_advance(w->nb, NIMBUS_SECONDS(3)) == NIMBUS_OK, "messages", "no advance");
    }
    check(nimbus_queue_receive(w->queue, 0, &options, &delivery, 1, NULL) == NIMBUS_OK, "messages", "no receive");
    if (i % 11 == 0) { /* back, and once more */
        check(nimbus_delivery_retry(&delivery, NIMBUS_SECONDS(1)) == NIMBUS_OK, "messages", "no retry");
        check(nimbus_advance(w->nb, NIMBUS_SECONDS(1)) == NIMBUS_OK, "messages", "no advance");
        check(nimbus_queue_receive(w->queue, 0, NULL, &delivery, 1, NULL) == NIMBUS_OK, "messages", "no second receive");
    }
    check(nimbus_delivery_delete(&delivery) == NIMBUS_OK, "messages", "no delete");
}

static bool count_queue(nimbus_queue *queue, void *user)
{
    (void)queue;
    ++*(size_t *)user;
    return true;
}

static void make_and_delete(world *w, unsigned long long i)
{
    char name[40];
    nimbus_queue *queue;
    nimbus_entry entry = { .body = nimbus_text("m") };
    size_t listed = 0;

    (void)snprintf(name, sizeof name, "q-%020llu", i); /* never the same name: what names leave behind would show */
    queue = nimbus_queue_create(w->nb, name, NULL, &w->err);
    check(queue != NULL, "queues", "none was made");
    check(nimbus_queue_set_tag(queue, "key", "value") == NIMBUS_OK, "queues", "no tag");
    check(nimbus_queue_send(queue, &entry, NULL) == NIMBUS_OK, "queues", "no send");
    check(nimbus_queue_list(w->nb, "q-", count_queue, &listed) == NIMBUS_OK && listed == 1, "queues", "not listed");
    check(nimbus_queue_delete(queue) == NIMBUS_OK, "queues", "no delete");
    nimbus_queue_release(queue);
    check(nimbus_advance(w->nb, NIMBUS_SECONDS(1)) == NIMBUS_OK, "queues", "no advance"); /* names rest for ten of these */
}

/* ------------------------------------------------------------------------------------------------- main */

static unsigned long long bytes(world *w)
{
    nimbus_runtime_metrics m = { 0 };

    check(nimbus_runtime_get_metrics(w->nb, &m) == NIMBUS_OK, "main", "no metrics");
    return m.bytes;
}

static void run(const char *job, void (*step)(world *w, unsigned long long i), unsigned long long count)
{
    world w = { 0 };
    unsigned long long i = 0, settled;

    w.nb = nimbus_open(&(nimbus_options){ .driven = true, .manual_clock = true, .seed = 1,
                                          .limits = { .recreate_wait = NIMBUS_SECONDS(10) } }, &w.err);
    w.queue = nimbus_queue_create(w.nb, "q", NULL, &w.err);
    if (w.queue == NULL) {
        fprintf(stderr, "%s: %s\n", w.err.call, w.err.reason);
        exit(1);
    }
    for (; i < count / 10; i++) {
        step(&w, i);
    }
    settled = bytes(&w);
    for (; i < count; i++) {
        step(&w, i);
    }
    printf("%-9s %10llu: %llu bytes after a tenth, %llu at the end\n", job, count, settled, bytes(&w));
    check(bytes(&w) <= settled, job, "memory has grown");
    check(nimbus_close(w.nb, 0, NULL) == NIMBUS_OK, job, "no close");
}

int main(int argc, char **argv)
{
    unsigned long long n = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;

    if (n < 1000) {
        fprintf(stderr, "usage: stress_flat [N], N from 1,000 on\n");
        return 2;
    }
    run("polls", poll_in_vain, n);
    run("waits", wait_in_vain, n);
    run("messages", come_and_go, n);
    run("queues", make_and_delete, n / 100);
    return wrong != 0;
}
