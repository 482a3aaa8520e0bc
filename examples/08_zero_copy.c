/* 08_zero_copy.c - a buffer of 10 MB is given away, goes through a topic to two queues, and is never copied: both receivers see the very
 * same bytes, and the buffer comes back to our free function when the last one lets go, even after the instance is gone. */
#include <nimbus/nimbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_SIZE ((size_t)10 << 20)

static void give_back(void *data, size_t size, void *user)
{
    (void)size;
    free(data);
    ++*(int *)user;
}

int main(void)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .limits = { .preset = NIMBUS_LIMITS_RELAXED } }, &err); /* AWS's limit: 1 MiB */
    nimbus_topic *frames = nimbus_topic_create(nb, "frames", NULL, &err);
    nimbus_queue *screen = nimbus_queue_create(nb, "screen", NULL, &err);
    nimbus_queue *disk = nimbus_queue_create(nb, "disk", NULL, &err);
    nimbus_topic_subscribe(frames, nimbus_to_queue(screen), NULL, &err, NULL);
    nimbus_topic_subscribe(frames, nimbus_to_queue(disk), NULL, &err, NULL);
    void *frame = malloc(FRAME_SIZE);
    if (err.status || frame == NULL) {
        fprintf(stderr, "%s: %s\n", err.call, err.reason);
        return 1;
    }
    memset(frame, 0x5a, FRAME_SIZE);

    int freed = 0;
    nimbus_published result = { 0 };
    nimbus_status status =
        nimbus_topic_publish(frames, &(nimbus_entry){ .body = nimbus_adopt(frame, FRAME_SIZE, give_back, &freed) }, &result);
    if (status != NIMBUS_OK) {
        fprintf(stderr, "publish: %s\n", nimbus_status_text(status));
        free(frame); /* it failed: the buffer is still ours */
        return 1;
    }

    nimbus_delivery shown = { 0 }, stored = { 0 };
    bool received = nimbus_queue_receive(screen, 0, NULL, &shown, 1, NULL) == NIMBUS_OK &&
                    nimbus_queue_receive(disk, 0, NULL, &stored, 1, NULL) == NIMBUS_OK;
    bool same = received && nimbus_delivery_body(&shown).data == frame && nimbus_delivery_body(&stored).data == frame &&
                nimbus_delivery_body(&stored).size == FRAME_SIZE;
    printf("delivered to %u queues, %s\n", (unsigned)result.delivered, same ? "the same pointer in both" : "NOT the same pointer");

    const nimbus_message *kept = nimbus_message_retain(nimbus_delivery_message(&stored)); /* for longer than the delivery */
    nimbus_delivery_delete(&shown);
    nimbus_delivery_delete(&stored);
    bool closed = nimbus_close(nb, 0, NULL) == NIMBUS_OK;
    bool readable = kept != NULL && freed == 0 && ((const unsigned char *)nimbus_message_body(kept).data)[FRAME_SIZE - 1] == 0x5a;
    nimbus_message_release(kept);
    printf("the instance is closed, the frame was %s; freed %d time(s)\n", readable ? "still readable" : "NOT readable", freed);
    return same && closed && readable && freed == 1 && result.delivered == 2 ? 0 : 1;
}
