/* 03_fanout.c - a topic feeds three queues and a callback; the callback's filter lets it see large uploads only. */
#include <nimbus/nimbus.h>
#include <stdio.h>

static const char *const names[3] = { "thumbnail", "index", "backup" };

static nimbus_outcome alarm_about(const nimbus_delivery *upload, void *user)
{
    nimbus_attribute size;
    nimbus_bytes name = nimbus_delivery_body(upload);
    if (nimbus_message_attribute(nimbus_delivery_message(upload), "size", &size) != NIMBUS_OK)
        return NIMBUS_REJECT;
    printf("large: %.*s, %.*s bytes\n", (int)name.size, (const char *)name.data, (int)size.value.size, (const char *)size.value.data);
    ++*(int *)user; /* max_concurrency is 1: never two calls at once */
    return NIMBUS_DONE;
}

static nimbus_published publish(nimbus_topic *topic, const char *name, const char *size)
{
    nimbus_published result = { 0 };
    nimbus_attribute attribute = nimbus_number("size", size);
    nimbus_entry entry = { .body = nimbus_text(name), .attributes = &attribute, .attribute_count = 1 };
    nimbus_topic_publish(topic, &entry, &result);
    printf("%s: %u subscriptions took it\n", name, (unsigned)result.matched);
    return result;
}

/** Empties a queue and says how many messages it held. */
static int drain(nimbus_queue *queue)
{
    int count = 0;
    nimbus_delivery d = { 0 };
    while (nimbus_queue_receive(queue, 0, NULL, &d, 1, NULL) == NIMBUS_OK) {
        nimbus_delivery_delete(&d);
        count++;
    }
    return count;
}

int main(void)
{
    nimbus_error err = { 0 };
    int large = 0;
    nimbus_queue *queue[3];
    nimbus_runtime *nb = nimbus_open(NULL, &err);
    nimbus_topic *uploads = nimbus_topic_create(nb, "uploads", NULL, &err);
    for (int i = 0; i < 3; i++) {
        queue[i] = nimbus_queue_create(nb, names[i], NULL, &err);
        nimbus_topic_subscribe(uploads, nimbus_to_queue(queue[i]), NULL, &err, NULL);
    }
    nimbus_topic_subscribe(uploads, nimbus_to_callback(alarm_about, &large, NULL),
                           &(nimbus_delivery_options){ .filter = "{\"size\":[{\"numeric\":[\">\",1000000]}]}" }, &err, NULL);
    if (err.status) {
        fprintf(stderr, "%s: %s (byte %zu)\n", err.call, err.reason, err.offset);
        return 1;
    }

    nimbus_published cat = publish(uploads, "cat.jpg", "2000000");
    nimbus_published note = publish(uploads, "note.txt", "120");

    nimbus_status status = nimbus_shutdown(nb, NIMBUS_SECONDS(5), NULL); /* the callback runs on a worker: let it finish */
    bool good = status == NIMBUS_OK && cat.matched == 4 && note.matched == 3 && large == 1;
    for (int i = 0; i < 3; i++) {
        int count = drain(queue[i]);
        printf("queue %s: %d messages\n", names[i], count);
        good = good && count == 2;
    }
    return nimbus_close(nb, 0, NULL) == NIMBUS_OK && good ? 0 : 1;
}
