/* 04_poll_loop.c - no library threads: a driven instance inside a poll(2) loop, beside a descriptor of the program's own. Another thread
 * sends; its calls make the instance's descriptor readable. Handlers run in nimbus_run, on the thread of the loop. */
#include <errno.h>
#include <nimbus/nimbus.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { LINES = 50 };

typedef struct producer {
    nimbus_queue *queue;
    int done_fd; /* the program's own pipe: closed when everything is sent */
} producer;

static nimbus_outcome handle(const nimbus_delivery *line, void *user)
{
    (void)line;
    ++*(int *)user; /* no lock: only the loop's thread comes here */
    return NIMBUS_DONE;
}

static void *produce(void *arg)
{
    producer *self = arg;
    for (int i = 0; i < LINES; i++) {
        char text[32];
        snprintf(text, sizeof text, "line %d", i);
        nimbus_status status = nimbus_queue_send(self->queue, &(nimbus_entry){ .body = nimbus_text(text) }, NULL);
        if (status != NIMBUS_OK)
            fprintf(stderr, "send: %s\n", nimbus_status_text(status));
    }
    close(self->done_fd);
    return NULL;
}

/** Runs until everything was sent and nothing is left to do. */
static void loop(nimbus_runtime *nb, int nimbus, int done)
{
    struct pollfd ready[2] = { { .fd = nimbus, .events = POLLIN }, { .fd = done, .events = POLLIN } };
    bool all_sent = false, more = true;
    while (!all_sent || more) {
        if (poll(ready, all_sent ? 1 : 2, all_sent ? 0 : nimbus_poll_timeout(nb)) < 0 && errno != EINTR)
            break;
        if (ready[1].revents != 0) /* the end of the pipe: the producer is through */
            all_sent = true;
        nimbus_run(nb, 8, &more); /* at most 8 handler calls, then look at the descriptors again */
    }
}

int main(void)
{
    nimbus_error err = { 0 };
    int seen = 0, nimbus = -1, ends[2];
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .driven = true }, &err);
    nimbus_queue *queue = nimbus_queue_create(nb, "lines", NULL, &err);
    nimbus_function *fn = nimbus_function_create(nb, "handle", handle, &seen, NULL, &err);
    nimbus_function_map(fn, queue, NULL, &err);
    if (err.status || nimbus_fd(nb, &nimbus) != NIMBUS_OK || pipe(ends) != 0) {
        fprintf(stderr, "set-up: %s %s\n", err.call, err.reason);
        return 1;
    }

    pthread_t thread;
    producer self = { queue, ends[1] };
    if (pthread_create(&thread, NULL, produce, &self) != 0)
        return 1;
    loop(nb, nimbus, ends[0]);
    pthread_join(thread, NULL);
    close(ends[0]);
    printf("handled %d of %d lines on the loop's thread\n", seen, LINES);
    return nimbus_close(nb, 0, NULL) == NIMBUS_OK && seen == LINES ? 0 : 1;
}
