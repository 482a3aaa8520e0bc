/* 10_shutdown.c - the end in two steps: nimbus_shutdown ends the intake, wakes who waits and says what is left undone; the leftovers are
 * read out and saved; nimbus_close frees everything. */
#include <inttypes.h>
#include <nimbus/nimbus.h>
#include <pthread.h>
#include <stdio.h>

enum { READY = 25, PEEK = 100 };

static void *wait_for_ever(void *queue)
{
    static nimbus_status woke;
    nimbus_delivery d = { 0 };
    woke = nimbus_queue_receive(queue, NIMBUS_FOREVER, NULL, &d, 1, NULL);
    return &woke;
}

static void save(const char *state, nimbus_bytes body)
{
    printf("saved, it was %s: %.*s\n", state, (int)body.size, (const char *)body.data);
}

/** Receives and deletes what is ready. Legal after the shutdown, as long as it does not wait. */
static int save_ready(nimbus_queue *jobs)
{
    int saved = 0;
    nimbus_delivery d[10] = { 0 };
    size_t count = 0;
    while (nimbus_queue_receive(jobs, 0, NULL, d, 10, &count) == NIMBUS_OK) {
        for (size_t i = 0; i < count; i++, saved++) {
            if (saved == 0 || saved == READY - 1)
                save("ready", nimbus_delivery_body(&d[i]));
            nimbus_delivery_delete(&d[i]);
        }
    }
    return saved;
}

/** What is delayed or in somebody's hands cannot be received, but it can be looked at. */
static int save_rest(nimbus_queue *jobs)
{
    nimbus_peeked seen[PEEK] = { 0 };
    size_t count = 0;
    nimbus_queue_peek(jobs, seen, PEEK, &count);
    for (size_t i = 0; i < count; i++) {
        save(seen[i].state == NIMBUS_STATE_DELAYED ? "delayed" : "in flight", nimbus_message_body(seen[i].message));
        nimbus_message_release(seen[i].message);
    }
    return (int)count;
}

int main(void)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(NULL, &err);
    nimbus_queue *jobs = nimbus_queue_create(nb, "jobs", NULL, &err);
    nimbus_queue *nothing = nimbus_queue_create(nb, "nothing", NULL, &err);
    pthread_t waiter;
    if (err.status || pthread_create(&waiter, NULL, wait_for_ever, nothing) != 0) {
        fprintf(stderr, "set-up: %s %s\n", err.call, err.reason);
        return 1;
    }

    nimbus_delivery held = { 0 };
    nimbus_queue_send(jobs, &(nimbus_entry){ .body = nimbus_text("the one in our hands") }, NULL);
    bool good = nimbus_queue_receive(jobs, 0, NULL, &held, 1, NULL) == NIMBUS_OK;
    for (int i = 0; i < READY; i++) {
        char text[32];
        snprintf(text, sizeof text, "job %d", i);
        nimbus_queue_send(jobs, &(nimbus_entry){ .body = nimbus_text(text) }, NULL);
    }
    nimbus_queue_send(jobs, &(nimbus_entry){ .body = nimbus_text("the one for later"), .delay = NIMBUS_MINUTES(5) }, NULL);

    nimbus_leftovers left = { 0 };
    nimbus_status status = nimbus_shutdown(nb, NIMBUS_SECONDS(1), &left);
    printf("%s: %" PRIu64 " ready, %" PRIu64 " in flight, %" PRIu64 " delayed\n", nimbus_status_name(status), left.ready, left.in_flight,
           left.delayed);
    good = good && status == NIMBUS_OK && left.ready == READY && left.in_flight == 1 && left.delayed == 1;

    void *woke = NULL;
    pthread_join(waiter, &woke); /* it was woken; a thread that waits must be gone before the close */
    good = good && *(nimbus_status *)woke == NIMBUS_E_CLOSED;
    good = good && nimbus_queue_send(jobs, &(nimbus_entry){ .body = nimbus_text("too late") }, NULL) == NIMBUS_E_CLOSED;

    int ready = save_ready(jobs), rest = save_rest(jobs);
    nimbus_delivery_release(&held);
    printf("saved %d that were ready and %d others\n", ready, rest);
    good = good && ready == READY && rest == 2;

    status = nimbus_close(nb, 0, &left);
    good = good && status == NIMBUS_OK && left.ready == 0 && left.in_flight == 1 && left.delayed == 1;
    return good ? 0 : 1;
}
