/* What a user builds against an installed Nimbus: one message through a queue, without threads. */
#include <stdio.h>
#include <string.h>
#include <nimbus/nimbus.h>

int main(void)
{
    nimbus_error err = { NIMBUS_OK };
    nimbus_options options;
    memset(&options, 0, sizeof options);
    options.driven = true;
    nimbus_runtime *nb = nimbus_open(&options, &err);
    nimbus_queue *queue = nimbus_queue_create(nb, "orders", NULL, &err);
    if (err.status != NIMBUS_OK) {
        fprintf(stderr, "%s: %s\n", err.call, err.reason);
        return 1;
    }

    nimbus_entry entry;
    memset(&entry, 0, sizeof entry);
    entry.body = nimbus_text("hello");
    nimbus_delivery delivery;
    memset(&delivery, 0, sizeof delivery);
    size_t count = 0;
    bool came = nimbus_queue_send(queue, &entry, NULL) == NIMBUS_OK &&
                nimbus_queue_receive(queue, 0, NULL, &delivery, 1, &count) == NIMBUS_OK && count == 1 &&
                nimbus_delivery_body(&delivery).size == 5 && nimbus_delivery_delete(&delivery) == NIMBUS_OK;
    bool closed = nimbus_close(nb, 0, NULL) == NIMBUS_OK;

    puts(nimbus_version());
    return came && closed ? 0 : 1;
}
