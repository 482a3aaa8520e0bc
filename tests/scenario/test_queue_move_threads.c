/* Move tasks while everything else goes on: each message is in one place, and every sum is exact. */
#include "../support/support.h"

#define MESSAGES 3000u

typedef struct shop {
    nimbus_queue *queue, *dead;
    nimbus_runtime *nb;
    atomic_uint seen[MESSAGES]; /* receives from queue */
    atomic_uint twice;          /* messages that were received for the second time, and deleted */
    atomic_uint wrong;
    atomic_uint sender;
    atomic_bool done;
    uint64_t moved;             /* by all tasks, as they say */
    uint64_t tasks, cancelled;
} shop;

static shop the;

static void *send_all(void *user)
{
    unsigned first = atomic_fetch_add(&the.sender, 1);
    nimbus_entry entry = { 0 };

    (void)user;
    for (unsigned i = first; i < MESSAGES; i += 2) {
        entry.body = nimbus_copy(&i, sizeof i);
        if (nimbus_queue_send(the.queue, &entry, NULL) != NIMBUS_OK) {
            atomic_fetch_add(&the.wrong, 1);
        }
    }
    return NULL;
}

static unsigned number_of(const nimbus_delivery *delivery)
{
    nimbus_bytes body = nimbus_delivery_body(delivery);
    unsigned number = MESSAGES;

    if (body.size == sizeof number) {
        memcpy(&number, body.data, sizeof number);
    }
    if (number >= MESSAGES) {
        atomic_fetch_add(&the.wrong, 1);
        number = 0;
    }
    return number;
}

/* The first receive fails, so that the message becomes a dead letter; the second one, behind the move task, goes well. */
static void *receive_all(void *user)
{
    nimbus_delivery delivery = { 0 };

    (void)user;
    while (!atomic_load(&the.done)) {
        if (nimbus_queue_receive(the.queue, 0, NULL, &delivery, 1, NULL) != NIMBUS_OK) {
            sched_yield();
            continue;
        }
        if (nimbus_delivery_receive_count(&delivery) != 1) { /* moved messages begin anew */
            atomic_fetch_add(&the.wrong, 1);
        }
        switch (atomic_fetch_add(&the.seen[number_of(&delivery)], 1)) {
        case 0:
            if (nimbus_delivery_retry(&delivery, 0) != NIMBUS_OK) {
                atomic_fetch_add(&the.wrong, 1);
            }
            break;
        case 1:
            if (nimbus_delivery_delete(&delivery) != NIMBUS_OK) {
                atomic_fetch_add(&the.wrong, 1);
            }
            atomic_fetch_add(&the.twice, 1);
            break;
        default:
            nimbus_delivery_release(&delivery);
            atomic_fetch_add(&the.wrong, 1);
            break;
        }
    }
    return NULL;
}

/* Takes dead letters away from under the task, and gives them back. */
static void *disturb(void *user)
{
    nimbus_delivery delivery = { 0 };

    (void)user;
    while (!atomic_load(&the.done)) {
        if (nimbus_queue_receive(the.dead, 0, NULL, &delivery, 1, NULL) == NIMBUS_OK) {
            if (nimbus_delivery_retry(&delivery, 0) != NIMBUS_OK) {
                atomic_fetch_add(&the.wrong, 1);
            }
        }
        sched_yield();
    }
    return NULL;
}

static bool not_every_seventh(const nimbus_message *message, void *user)
{
    atomic_uint *calls = user;

    (void)message;
    return atomic_fetch_add(calls, 1) % 7 != 0;
}

static void *move_all(void *user)
{
    atomic_uint calls = 0;

    (void)user;
    for (unsigned i = 0; !atomic_load(&the.done); i++) {
        nimbus_error err = { 0 };
        nimbus_redrive_options options = { 0 };
        nimbus_move_status status = { 0 };
        nimbus_move_task *task;

        if (i % 3 == 1) {
            options.filter = not_every_seventh;
            options.filter_user = &calls;
        }
        options.keep_ids = i % 2 == 0;
        task = nimbus_queue_redrive(the.dead, &options, &err);
        if (task == NULL) {
            atomic_fetch_add(&the.wrong, 1);
            break;
        }
        if (i % 5 == 4) {
            (void)nimbus_move_task_cancel(task, NULL);
        }
        if (nimbus_move_task_wait(task, NIMBUS_FOREVER) != NIMBUS_OK || nimbus_move_task_get_status(task, &status) != NIMBUS_OK ||
            (status.state != NIMBUS_MOVE_COMPLETED && status.state != NIMBUS_MOVE_CANCELLED)) {
            atomic_fetch_add(&the.wrong, 1);
        }
        the.moved += status.moved;
        the.tasks++;
        the.cancelled += status.state == NIMBUS_MOVE_CANCELLED;
        nimbus_move_task_release(task);
        sched_yield();
    }
    return NULL;
}

static void each_message_is_in_one_place(void **state)
{
    void *(*const work[])(void *) = { send_all, send_all, receive_all, receive_all, disturb, move_all };
    world *w = *state;
    pthread_t threads[COUNT(work)];
    nimbus_queue_metrics queue, dead;
    size_t i;

    memset(&the, 0, sizeof the);
    the.nb = w->nb;
    the.dead = QUEUE(w, "dead", .visibility_timeout = NIMBUS_SECONDS(30));
    the.queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(30), .dead_letter_queue = the.dead, .max_receive_count = 1,
                      .eager_dead_letter = true);
    for (i = 0; i < COUNT(work); i++) {
        EQ(pthread_create(&threads[i], NULL, work[i], NULL), 0);
    }
    EVENTUALLY(atomic_load(&the.twice) == MESSAGES || atomic_load(&the.wrong) > 0);
    atomic_store(&the.done, true);
    for (i = 0; i < COUNT(work); i++) {
        EQ(pthread_join(threads[i], NULL), 0);
    }
    EQ(the.wrong, 0);
    for (i = 0; i < MESSAGES; i++) {
        EQ(the.seen[i], 2);
    }
    RUN(w);
    queue = METRICS(the.queue);
    dead = METRICS(the.dead);
    EQ(the.moved, MESSAGES);
    EQ(dead.moved, MESSAGES);
    EQ(dead.redriven_in, MESSAGES);
    EQ(dead.accepted, MESSAGES);
    EQ(dead.deleted, 0);
    EQ(queue.accepted, 2 * MESSAGES);
    EQ(queue.moved, MESSAGES);
    EQ(queue.deleted, MESSAGES);
    COUNTS(the.queue, 0, 0, 0);
    COUNTS(the.dead, 0, 0, 0);
}

/* The close, a delete or a purge in the middle: what there was is here, there, or counted as gone. */
static void nothing_is_lost_by_an_end_in_the_middle(void **state)
{
    world *w = *state;
    size_t round;

    for (round = 0; round < 30; round++) {
        char name[16];
        nimbus_queue *source, *to;
        nimbus_move_task *task;
        nimbus_move_status status;
        nimbus_queue_metrics a, b;
        size_t i;

        (void)snprintf(name, sizeof name, "source%zu", round);
        source = PLAIN_QUEUE(w, name);
        (void)snprintf(name, sizeof name, "to%zu", round);
        to = PLAIN_QUEUE(w, name);
        for (i = 0; i < 300; i++) {
            SEND(source, "m");
        }
        task = nimbus_queue_redrive(source, &(nimbus_redrive_options){ .destination = to, .any_source = true }, &w->err);
        SETUP_OK(w);
        if (round % 3 != 0) {
            EVENTUALLY(METRICS(to).accepted > round);
        }
        if (round % 4 == 0) {
            OK(nimbus_queue_delete(source));
        } else if (round % 4 == 1) {
            OK(nimbus_queue_delete(to));
        } else if (round % 4 == 2) {
            OK(nimbus_queue_purge(source, NULL));
        } else {
            (void)nimbus_move_task_cancel(task, NULL);
        }
        OK(nimbus_move_task_wait(task, NIMBUS_FOREVER));
        OK(nimbus_move_task_get_status(task, &status));
        nimbus_move_task_release(task);
        OK(nimbus_queue_get_metrics(source, &a));
        OK(nimbus_queue_get_metrics(to, &b));
        EQ(a.moved, status.moved);
        EQ(b.accepted, status.moved);
        EQ(a.accepted, 300);
        EQ(a.ready + a.moved + a.purged + a.discarded, 300);
        EQ(b.ready + b.discarded, status.moved);
        CHECK(status.state != NIMBUS_MOVE_RUNNING && status.state != NIMBUS_MOVE_CANCELLING);
    }
}

static void a_close_in_the_middle(void **state)
{
    size_t round;

    (void)state;
    for (round = 0; round < 10; round++) {
        world own;
        nimbus_queue *source, *to;
        nimbus_move_task *task;
        nimbus_leftovers left = { 0 };
        nimbus_move_status status;
        nimbus_status closed;
        size_t i;

        world_open_threaded(&own, NULL);
        source = PLAIN_QUEUE(&own, "source");
        to = PLAIN_QUEUE(&own, "to");
        for (i = 0; i < 500; i++) {
            SEND(source, "m");
        }
        task = nimbus_queue_redrive(source,
                                    &(nimbus_redrive_options){
                                        .destination = to, .any_source = true, .max_per_second = round % 2 == 0 ? 10 : 0 },
                                    &own.err);
        SETUP_OK(&own);
        if (round > 5) {
            EVENTUALLY(METRICS(to).accepted > 0);
        }
        (void)nimbus_shutdown(own.nb, 0, &left);
        OK(nimbus_move_task_wait(task, NIMBUS_FOREVER));
        OK(nimbus_move_task_get_status(task, &status));
        EQ(METRICS(to).accepted, status.moved);
        EQ(METRICS(to).ready + METRICS(source).ready, 500);
        CHECK(status.state == NIMBUS_MOVE_COMPLETED || status.failure == NIMBUS_E_CLOSED);
        while ((closed = nimbus_close(own.nb, 0, &left)) == NIMBUS_E_BUSY) {
            sched_yield();
        }
        OK(closed);
        EQ(left.ready, 500);
        nimbus_move_task_release(task);
        world_check(&own);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        THREADED(each_message_is_in_one_place),
        THREADED(nothing_is_lost_by_an_end_in_the_middle),
        cmocka_unit_test(a_close_in_the_middle),
    };
    return cmocka_run_group_tests_name("queue_move_threads", tests, NULL, NULL);
}
