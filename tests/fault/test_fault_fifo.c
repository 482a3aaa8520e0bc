/* Allocations fail: FIFO queues, their memory of deduplication ids, and receive attempts. */
#include "fault.h"

/* Sends; without memory nothing is stored and nothing is remembered, so that the same send goes well once there is some. */
static nimbus_status send_one(fault *f, nimbus_queue *queue, const char *group, const char *dedup, nimbus_sent *ret)
{
    nimbus_entry entry = { .body = nimbus_text("body"), .group_id = group, .deduplication_id = dedup };
    nimbus_status status;
    uint64_t before = heap_failed(&f->heap);
    nimbus_queue_metrics m = { 0 }, after = { 0 };

    OK(nimbus_queue_get_metrics(queue, &m));
    status = nimbus_queue_send(queue, &entry, ret);
    if (fault_met(f, status, before, "nimbus_queue_send", __FILE__, __LINE__)) {
        OK(nimbus_queue_get_metrics(queue, &after));
        EQ(after.accepted, m.accepted);
        EQ(after.dedup_entries, m.dedup_entries);
        EQ(after.duplicates, m.duplicates);
        heap_pause(&f->heap);
        status = nimbus_queue_send(queue, &entry, ret);
        heap_resume(&f->heap);
    }
    LEDGER(queue);
    return status;
}

static void send_and_forget(fault *f)
{
    nimbus_queue_options options = { .fifo = true, .content_based_deduplication = true };
    nimbus_queue *queue;
    nimbus_sent sent[40], again;
    nimbus_delivery delivery = { 0 };
    char id[16];

    fault_open(f);
    MAKE(f, queue, nimbus_queue_create(f->nb, "q.fifo", &options, &f->err));
    for (unsigned i = 0; i < COUNT(sent); i++) {
        snprintf(id, sizeof id, "%u", i);
        OK(send_one(f, queue, i % 2 == 0 ? "even" : id, id, &sent[i]));
        EQ(sent[i].sequence, i + 1);
    }
    OK(send_one(f, queue, "g", NULL, &again));
    for (unsigned i = 0; i < COUNT(sent); i++) {
        snprintf(id, sizeof id, "%u", i);
        IS(send_one(f, queue, "other", id, &again), NIMBUS_DUPLICATE);
        CHECK(ids_equal(again.id, sent[i].id));
    }
    for (unsigned i = 0; i <= COUNT(sent); i++) {
        OK(nimbus_queue_receive(queue, 0, NULL, &delivery, 1, NULL)); /* receiving and deleting need no memory */
        OK(nimbus_delivery_delete(&delivery));
    }
    OK(nimbus_advance(f->nb, NIMBUS_SECONDS(600))); /* nor does forgetting */
    OK(send_one(f, queue, "other", "0", &again));
    fault_close(f);
}

static void sending_and_forgetting(void **state)
{
    (void)state;
    fault_each(send_and_forget);
}

static void receive_by_attempts(fault *f)
{
    nimbus_queue_options options = { .fifo = true };
    nimbus_queue *queue;
    nimbus_sent sent;
    nimbus_delivery one = { 0 };
    char id[16];

    fault_open(f);
    MAKE(f, queue, nimbus_queue_create(f->nb, "q.fifo", &options, &f->err));
    for (unsigned i = 0; i < 20; i++) {
        nimbus_receive_options attempt = { .attempt_id = id };

        snprintf(id, sizeof id, "%u", i);
        OK(send_one(f, queue, id, id, &sent));
        TRY_OK(f, nimbus_queue_receive(queue, 0, &attempt, &one, 1, NULL));
        EQ(METRICS(queue).received, i + 1); /* the one that failed took nothing */
        OK(nimbus_queue_receive(queue, 0, &attempt, &one, 1, NULL)); /* a repeat needs no memory */
        EQ(METRICS(queue).received, i + 1);
    }
    OK(nimbus_delivery_delete(&one));
    fault_close(f);
}

static void receiving_by_attempts(void **state)
{
    (void)state;
    fault_each(receive_by_attempts);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sending_and_forgetting),
        cmocka_unit_test(receiving_by_attempts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
