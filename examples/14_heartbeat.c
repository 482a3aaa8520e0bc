/* 14_heartbeat.c - a long job. Received with a heartbeat, a message stays hidden for as long as its delivery is held: no timer, no thread
 * that prolongs it, and no guess how long the job takes. A worker that gives up lets go, and the message comes back as always. */
#include <nimbus/nimbus.h>
#include <stdio.h>
#include <string.h>

static int failures;

static void expect(bool good, const char *text)
{
    printf("%s %s\n", good ? "yes" : "NO ", text);
    failures += !good;
}

int main(void)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .driven = true, .manual_clock = true }, &err);
    nimbus_queue *films =
        nimbus_queue_create(nb, "films", &(nimbus_queue_options){ .visibility_timeout = NIMBUS_SECONDS(30) }, &err);
    nimbus_delivery film = { 0 }, other = { 0 };
    if (err.status) {
        fprintf(stderr, "%s: %s\n", err.call, err.reason);
        return 1;
    }
    nimbus_queue_send(films, &(nimbus_entry){ .body = nimbus_text("long.mkv") }, NULL);

    nimbus_receive_options for_long = { .heartbeat = true };
    if (nimbus_queue_receive(films, 0, &for_long, &film, 1, NULL) == NIMBUS_OK) {
        nimbus_advance(nb, NIMBUS_HOURS(2)); /* the job: hours, though the queue's timeout is 30 s */
        expect(nimbus_queue_receive(films, 0, NULL, &other, 1, NULL) == NIMBUS_EMPTY, "nobody else gets it meanwhile");
        nimbus_delivery_release(&film);      /* the disk is full: let go; later than 30 s after the receive that means at once */
    }
    expect(nimbus_queue_receive(films, 0, &for_long, &film, 1, NULL) == NIMBUS_OK, "let go of, it is there for the next worker");
    expect(nimbus_delivery_receive_count(&film) == 2, "and counted");
    nimbus_advance(nb, NIMBUS_HOURS(1));
    expect(nimbus_delivery_delete(&film) == NIMBUS_OK, "done and deleted");

    nimbus_queue_send(films, &(nimbus_entry){ .body = nimbus_text("short.mkv") }, NULL);
    expect(nimbus_queue_receive(films, 0, &for_long, &film, 1, NULL) == NIMBUS_OK, "the next one");
    nimbus_advance(nb, NIMBUS_SECONDS(10));
    nimbus_delivery_release(&film); /* early: it comes back 30 s after its receive, as without a heartbeat */
    expect(nimbus_queue_receive(films, 0, NULL, &other, 1, NULL) == NIMBUS_EMPTY, "let go of early, it waits for the timeout");
    nimbus_advance(nb, NIMBUS_SECONDS(20));
    expect(nimbus_queue_receive(films, 0, NULL, &other, 1, NULL) == NIMBUS_OK, "and is back then");
    nimbus_delivery_delete(&other);
    return nimbus_close(nb, 0, NULL) == NIMBUS_OK && failures == 0 ? 0 : 1;
}
