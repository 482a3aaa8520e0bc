/* What queues have beyond SQS, in FIFO queues: heartbeat, cancel, explain of groups, peek with locked messages, counts of groups. */
#include "../support/support.h"

#define FIFO(w, name, ...)                                                                                                                 \
    test_queue((w), (name), &(nimbus_queue_options){ .fifo = true, .content_based_deduplication = true, __VA_ARGS__ }, __FILE__, __LINE__)

static nimbus_sent send_to(nimbus_queue *queue, const char *group, const char *text)
{
    nimbus_entry entry = entry_of(text);
    nimbus_sent sent = { 0 };

    entry.group_id = group;
    OK(nimbus_queue_send(queue, &entry, &sent));
    return sent;
}

static nimbus_queue_explanation explain(nimbus_queue *queue, const char *group)
{
    nimbus_queue_explanation e;

    FILL(e);
    OK(nimbus_queue_explain(queue, group, &e));
    return e;
}

static void explain_says_which_group_is_locked_and_by_whom(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .visibility_timeout = NIMBUS_SECONDS(30));
    nimbus_queue_explanation e;
    nimbus_delivery delivery = { 0 };
    nimbus_id first = send_to(queue, "ann", "1").id;

    (void)send_to(queue, "ann", "2");
    (void)send_to(queue, "ann", "3");
    EQ(explain(queue, NULL).why, NIMBUS_WHY_RECEIVABLE);
    RECEIVE(queue, &delivery, "1");
    ADVANCE(w, NIMBUS_SECONDS(5));
    e = explain(queue, NULL);
    EQ(e.why, NIMBUS_WHY_GROUP_LOCKED);
    EQ(e.ready, 2);
    EQ(e.locked, 2);
    EQ(e.in_flight, 1);
    EQT(e.until, START_TIME + NIMBUS_SECONDS(30));
    CHECK(ids_equal(e.holder, first));
    TEXT(e.text, "2 ready behind an earlier message of their group in flight; the first group opens in 25.000 s");
    (void)send_to(queue, "bob", "4");
    EQ(explain(queue, NULL).why, NIMBUS_WHY_RECEIVABLE);
    EQ(explain(queue, "ann").why, NIMBUS_WHY_GROUP_LOCKED);
    EQ(explain(queue, "bob").why, NIMBUS_WHY_RECEIVABLE);
    EQ(explain(queue, "nobody").why, NIMBUS_WHY_EMPTY);
    OK(nimbus_delivery_delete(&delivery));
    EQ(explain(queue, "ann").why, NIMBUS_WHY_RECEIVABLE);
    LEDGER(queue);
}

static void peek_shows_locked_messages_as_ready_ones_that_wait(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .delay = NIMBUS_ZERO);
    nimbus_delivery delivery = { 0 };
    nimbus_peeked peeked[4];
    size_t count = 0;
    size_t i;

    (void)send_to(queue, "ann", "1");
    (void)send_to(queue, "ann", "2");
    (void)send_to(queue, "bob", "3");
    RECEIVE(queue, &delivery, "1");
    OK(nimbus_queue_peek(queue, peeked, 4, &count));
    EQ(count, 3);
    EQ(peeked[0].state, NIMBUS_STATE_READY);
    TEXT(peeked[0].group_id, "bob");
    EQ(peeked[1].state, NIMBUS_STATE_LOCKED);
    TEXT(peeked[1].group_id, "ann");
    CHECK(peeked[1].sequence < peeked[0].sequence);
    EQ(peeked[2].state, NIMBUS_STATE_IN_FLIGHT);
    for (i = 0; i < count; i++) {
        nimbus_message_release(peeked[i].message);
    }
    EQ(METRICS(queue).groups, 2);
    EQ(METRICS(queue).groups_locked, 1);
    COUNTS(queue, 2, 0, 1); /* SQS-F14 */
    OK(nimbus_delivery_delete(&delivery));
    EQ(METRICS(queue).groups_locked, 0);
}

static void a_heartbeat_holds_the_group(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .visibility_timeout = NIMBUS_SECONDS(30));
    nimbus_receive_options options = { .heartbeat = true };
    nimbus_delivery held = { 0 };

    (void)send_to(queue, "ann", "1");
    (void)send_to(queue, "ann", "2");
    OK(nimbus_queue_receive(queue, 0, &options, &held, 1, NULL));
    ADVANCE(w, NIMBUS_HOURS(2));
    RECEIVE_NONE(queue);
    nimbus_delivery_release(&held); /* behind its visibility: back at once, and first again */
    OK(nimbus_queue_receive(queue, 0, &options, &held, 1, NULL));
    CHECK(bytes_are(nimbus_delivery_body(&held), "1"));
    ADVANCE(w, NIMBUS_HOURS(1));
    OK(nimbus_delivery_delete(&held)); /* the receipt has not expired (SQS-V11) */
    RECEIVE(queue, &held, "2");
    OK(nimbus_delivery_delete(&held));
    LEDGER(queue);
}

static void a_cancel_takes_a_message_out_of_its_group(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .visibility_timeout = NIMBUS_SECONDS(30));
    nimbus_delivery delivery = { 0 };
    nimbus_sent first = send_to(queue, "ann", "1");
    nimbus_sent second = send_to(queue, "ann", "2");
    nimbus_sent third = send_to(queue, "ann", "3");

    OK(nimbus_queue_cancel(queue, first.place)); /* the head: the next one is first now */
    RECEIVE(queue, &delivery, "2");
    IS(nimbus_queue_cancel(queue, second.place), NIMBUS_STALE);
    OK(nimbus_queue_cancel(queue, third.place)); /* a locked one */
    OK(nimbus_delivery_delete(&delivery));
    RECEIVE_NONE(queue);
    COUNTS(queue, 0, 0, 0);
    EQ(METRICS(queue).cancelled, 2);
    EQ(METRICS(queue).groups, 0); /* freed when it is empty (SQS-F11) */
    EQ(METRICS(queue).groups_locked, 0);
}

/* Facts of FIFO queues are not shown where there is no such thing. */
static void p3_a_standard_queue_shows_no_facts_of_fifo_queues(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_peeked peeked = { 0 };
    nimbus_entry entry = entry_of("m");
    nimbus_sent sent = { 0 };
    size_t count = 0;

    OK(nimbus_queue_send(queue, &entry, &sent));
    EQ(sent.sequence, 0);
    OK(nimbus_queue_peek(queue, &peeked, 1, &count));
    EQ(peeked.sequence, 0);
    CHECK(peeked.group_id == NULL);
    nimbus_message_release(peeked.message);
    EQ(METRICS(queue).groups, 0);
    EQ(METRICS(queue).groups_locked, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(explain_says_which_group_is_locked_and_by_whom),
        DRIVEN(peek_shows_locked_messages_as_ready_ones_that_wait),
        DRIVEN(a_heartbeat_holds_the_group),
        DRIVEN(a_cancel_takes_a_message_out_of_its_group),
        DRIVEN(p3_a_standard_queue_shows_no_facts_of_fifo_queues),
    };
    return cmocka_run_group_tests_name("fifo_extras", tests, NULL, NULL);
}
