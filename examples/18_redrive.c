/* 18_redrive.c - the fault is mended: dead letters go back to where they came from, but for those that will never work. */
#include <nimbus/nimbus.h>
#include <stdio.h>
#include <string.h>

static bool worth_another_try(const nimbus_message *message, void *user)
{
    nimbus_bytes body = nimbus_message_body(message);

    (void)user;
    return body.size == 0 || memcmp(body.data, "!", 1) != 0;
}

int main(void)
{
    static const char *const orders[] = { "one", "!broken", "three" };
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .driven = true, .manual_clock = true }, &err);
    nimbus_queue *dead = nimbus_queue_create(nb, "orders-dead", NULL, &err);
    nimbus_queue *queue = nimbus_queue_create(nb, "orders", &(nimbus_queue_options){ .dead_letter_queue = dead, .max_receive_count = 1,
                                                                                    .eager_dead_letter = true }, &err);
    nimbus_move_status done = { 0 };
    if (err.status) {
        fprintf(stderr, "%s: %s\n", err.call, err.reason);
        return 1;
    }

    for (size_t i = 0; i < 3; i++) {
        nimbus_delivery order = { 0 };
        nimbus_queue_send(queue, &(nimbus_entry){ .body = nimbus_text(orders[i]) }, NULL);
        if (nimbus_queue_receive(queue, 0, NULL, &order, 1, NULL) == NIMBUS_OK)
            nimbus_delivery_retry(&order, 0); /* the database is down; it may be received once only, so it is a dead letter now */
    }

    nimbus_redrive_options gently = { .filter = worth_another_try, .max_per_second = 10 };
    nimbus_move_task *task = nimbus_queue_redrive(dead, &gently, &err);
    nimbus_advance(nb, NIMBUS_SECONDS(1));
    nimbus_move_task_get_status(task, &done);
    nimbus_move_task_release(task);
    printf("%llu moved, %llu left, %s\n", (unsigned long long)done.moved, (unsigned long long)done.left,
           done.state == NIMBUS_MOVE_COMPLETED ? "completed" : done.reason);
    return nimbus_close(nb, 0, NULL) == NIMBUS_OK && done.moved == 2 && done.left == 1 ? 0 : 1;
}
