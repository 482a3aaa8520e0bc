/* 01_hello.c - an order goes: bus, rule, queue, function. An order that cannot be charged is retried and ends as a dead letter. */
#include <nimbus/nimbus.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static atomic_int charged;

static nimbus_outcome charge(const nimbus_delivery *order, void *till)
{
    nimbus_event_view event;
    nimbus_message_event(nimbus_delivery_message(order), &event);
    if (strcmp(event.detail_type, "Order With Expired Card") == 0) {
        nimbus_delivery_fail(order, "the card has expired");
        return NIMBUS_RETRY; /* comes again when its visibility timeout ends, three times in all */
    }
    atomic_fetch_add((atomic_int *)till, 1);
    return NIMBUS_DONE;
}

static void place(nimbus_bus *bus, const char *type, const char *detail)
{
    nimbus_event event = { .source = "shop", .detail_type = type, .detail = { detail, strlen(detail) } };
    nimbus_bus_put(bus, &event, NULL);
}

int main(void)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(NULL, &err); /* NULL: the defaults */
    nimbus_queue *dead = nimbus_queue_create(nb, "orders-dead", NULL, &err);
    nimbus_queue *orders = nimbus_queue_create(
        nb, "orders", &(nimbus_queue_options){ .visibility_timeout = NIMBUS_MS(20), .dead_letter_queue = dead, .max_receive_count = 3 },
        &err);
    nimbus_bus *bus = nimbus_bus_find(nb, "default", &err);
    nimbus_rule_put(bus, "big-orders", "{\"source\":[\"shop\"],\"detail\":{\"total\":[{\"numeric\":[\">\",100]}]}}", NULL, &err);
    nimbus_rule_target(bus, "big-orders", "queue", nimbus_to_queue(orders), NULL, &err);
    nimbus_function *fn = nimbus_function_create(nb, "charge", charge, &charged, &(nimbus_function_options){ .max_concurrency = 4 }, &err);
    nimbus_function_map(fn, orders, NULL, &err);
    if (err.status) { /* one check for the whole set-up */
        fprintf(stderr, "%s: %s\n", err.call, err.reason);
        return 1;
    }

    place(bus, "Order", "{\"total\":99}"); /* no rule wants it */
    place(bus, "Order", "{\"total\":250}");
    place(bus, "Order With Expired Card", "{\"total\":700}");

    nimbus_delivery letter = { 0 };
    nimbus_delivery_info info = { 0 };
    bool told = false;
    nimbus_status status = nimbus_queue_receive(dead, NIMBUS_SECONDS(5), NULL, &letter, 1, NULL);
    if (status == NIMBUS_OK && nimbus_delivery_get_info(&letter, &info) == NIMBUS_OK) {
        printf("dead letter: %s, after %u attempts\n", info.dead_letter_reason, (unsigned)info.dead_letter_attempts);
        told = info.dead_letter_attempts == 3 && strcmp(info.dead_letter_reason, "the card has expired") == 0;
    }
    nimbus_delivery_delete(&letter);

    status = nimbus_close(nb, NIMBUS_SECONDS(5), NULL); /* finish what can run, for at most 5 s; then free all */
    printf("charged: %d\n", atomic_load(&charged));
    return status == NIMBUS_OK && atomic_load(&charged) == 1 && told ? 0 : 1;
}
