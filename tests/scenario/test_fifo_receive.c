/* test_fifo_receive.c - FIFO queues: receives of one group, and what a delivery says of a dead letter. */
#include "support.h"

#define FIFO(w, name, ...) QUEUE(w, name, .fifo = true, .content_based_deduplication = true, __VA_ARGS__)

static void send(nimbus_queue *queue, const char *group, const char *body)
{
    OK(nimbus_queue_send(queue, &(nimbus_entry){ .body = nimbus_text(body), .group_id = group }, NULL));
}

static nimbus_status receive_of(nimbus_queue *queue, const char *group, nimbus_duration wait, nimbus_delivery *ret)
{
    nimbus_receive_options options = { .group_id = group };

    return nimbus_queue_receive(queue, wait, &options, ret, 1, NULL);
}

static void body_is(nimbus_delivery *delivery, const char *text)
{
    nimbus_bytes body = nimbus_delivery_body(delivery);

    CHECK(body.size == strlen(text) && memcmp(body.data, text, body.size) == 0);
}

static void of_one_group_only(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .delay = 0);
    nimbus_delivery one = { 0 }, two = { 0 };

    send(queue, "a", "1");
    send(queue, "b", "2");
    send(queue, "a", "3");
    OK(receive_of(queue, "b", 0, &one));
    body_is(&one, "2");
    IS(receive_of(queue, "b", 0, &two), NIMBUS_EMPTY);
    IS(receive_of(queue, "c", 0, &two), NIMBUS_EMPTY);
    OK(receive_of(queue, "a", 0, &two));
    body_is(&two, "1");
    OK(nimbus_delivery_delete(&two));
    OK(receive_of(queue, "a", 0, &two));
    body_is(&two, "3");
    OK(nimbus_delivery_delete(&one));
    OK(nimbus_delivery_delete(&two));
}

typedef struct got {
    nimbus_status status;
    size_t calls;
    char body[8];
} got;

static void arrived(nimbus_queue *queue, nimbus_status status, nimbus_delivery *deliveries, size_t count, void *user)
{
    got *g = user;

    (void)queue;
    g->status = status;
    g->calls++;
    if (count > 0) {
        nimbus_bytes body = nimbus_delivery_body(&deliveries[0]);

        memcpy(g->body, body.data, body.size);
    }
}

/* Who waits for a group is passed by what comes for others, and keeps its place; the name may go after the call. */
static void waits_for_its_group(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .delay = 0);
    got of_b = { .calls = 0 }, of_any = { .calls = 0 };
    char name[] = "b";
    nimbus_receive_options options = { .group_id = name };

    OK(nimbus_queue_receive_async(queue, NIMBUS_SECONDS(60), &options, 1, arrived, &of_b, NULL));
    OK(nimbus_queue_receive_async(queue, NIMBUS_SECONDS(60), NULL, 1, arrived, &of_any, NULL));
    name[0] = 'x';
    send(queue, "a", "1");
    OK(nimbus_advance(w->nb, 0));
    CHECK(of_b.calls == 0 && of_any.calls == 1);
    TEXT(of_any.body, "1");
    send(queue, "b", "2");
    OK(nimbus_advance(w->nb, 0));
    CHECK(of_b.calls == 1 && of_b.status == NIMBUS_OK);
    TEXT(of_b.body, "2");
}

static void a_group_needs_a_fifo_queue_and_a_name(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .delay = 0), *plain = QUEUE(w, "plain", .delay = 0);
    nimbus_delivery delivery = { 0 };

    IS(receive_of(plain, "a", 0, &delivery), NIMBUS_E_INVALID);
    IS(receive_of(queue, "", 0, &delivery), NIMBUS_E_INVALID);
    IS(receive_of(queue, "a b", 0, &delivery), NIMBUS_E_INVALID);
}

/* SQS-D8: the id of the message stands in for its deduplication id; the group stays. */
static void a_dead_letter_goes_by_its_id(void **state)
{
    world *w = *state;
    nimbus_queue *dead = FIFO(w, "dead.fifo", .delay = 0);
    nimbus_queue *queue = FIFO(w, "q.fifo", .dead_letter_queue = dead, .max_receive_count = 1);
    nimbus_delivery delivery = { 0 };
    nimbus_delivery_info info, before;
    char text[NIMBUS_ID_TEXT];

    OK(nimbus_queue_send(queue, &(nimbus_entry){ .body = nimbus_text("x"), .group_id = "g", .deduplication_id = "mine" }, NULL));
    OK(receive_of(queue, "g", 0, &delivery));
    OK(nimbus_delivery_get_info(&delivery, &before));
    TEXT(before.deduplication_id, "mine");
    OK(nimbus_delivery_retry(&delivery, 0));
    IS(receive_of(queue, NULL, 0, &delivery), NIMBUS_EMPTY);
    OK(receive_of(dead, NULL, 0, &delivery));
    OK(nimbus_delivery_get_info(&delivery, &info));
    TEXT(info.deduplication_id, nimbus_id_text(info.id, text));
    TEXT(info.group_id, "g");
    TEXT(info.dead_letter_source, "q.fifo");
    CHECK(info.receive_count == 2);
    OK(nimbus_delivery_delete(&delivery));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(of_one_group_only),
        DRIVEN(waits_for_its_group),
        DRIVEN(a_group_needs_a_fifo_queue_and_a_name),
        DRIVEN(a_dead_letter_goes_by_its_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
