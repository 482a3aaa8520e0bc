/*
 * FIFO queues: delays, receipts, limits, expiry, dead letters, and what wakes a receiver (SQS-S7, S8, V10 to V12, R5, R6, R17, T4, D2, D6,
 * D8, D10; field reports F7, F8, F10, L3, L5).
 */
#include "../support/fifo.h"

/* --------------------------------------------------------------------------------------------- delay, receipts */

static void sqs_s7_a_message_has_no_delay_of_its_own_and_zero_means_that_of_the_queue(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .delay = NIMBUS_SECONDS(2));
    nimbus_entry entry = entry_of("m");

    entry.group_id = "g";
    entry.delay = NIMBUS_SECONDS(1);
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_INVALID);
    COUNTS(queue, 0, 0, 0);
    entry.delay = NIMBUS_ZERO;
    OK(nimbus_queue_send(queue, &entry, NULL));
    COUNTS(queue, 0, 1, 0);
    ADVANCE(w, NIMBUS_SECONDS(2));
    RECEIVES(queue, 1, "m", NULL);
}

static void set_delay(nimbus_queue *queue, nimbus_duration delay)
{
    nimbus_queue_options options;

    OK(nimbus_queue_get_options(queue, &options));
    options.delay = delay;
    OK(nimbus_queue_set_options(queue, &options, NULL));
}

static void sqs_s8_a_new_delay_holds_for_delayed_messages_of_a_fifo_queue_only(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .delay = NIMBUS_SECONDS(10));
    nimbus_queue *standard = QUEUE(w, "q", .delay = NIMBUS_SECONDS(10));

    SEND_TO(queue, "g", "m1");
    SEND(standard, "m1");
    ADVANCE(w, NIMBUS_SECONDS(4));
    set_delay(queue, NIMBUS_SECONDS(6)); /* from the send on */
    set_delay(standard, NIMBUS_SECONDS(6));
    RECEIVES(queue, 1, "", NULL);
    ADVANCE(w, NIMBUS_SECONDS(2));
    RECEIVES(queue, 1, "m1", NULL);
    RECEIVES(standard, 1, "", NULL);
    SEND_TO(queue, "h", "m2");
    set_delay(queue, NIMBUS_SECONDS(8)); /* longer, too */
    ADVANCE(w, NIMBUS_SECONDS(6));
    RECEIVES(queue, 1, "", NULL);
    COUNTS(queue, 0, 1, 1);
    set_delay(queue, NIMBUS_ZERO); /* at once */
    RECEIVES(queue, 1, "m2", NULL);
}

static void sqs_v10_a_delete_after_the_timeout_fails_and_the_message_stays(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .visibility_timeout = NIMBUS_SECONDS(2));
    nimbus_delivery delivery = { 0 };
    nimbus_receipt old, receipts[2];
    nimbus_status statuses[2];

    SEND_TO(queue, "g", "m1");
    RECEIVE(queue, &delivery, "m1");
    old = nimbus_delivery_receipt(&delivery);
    ADVANCE(w, NIMBUS_SECONDS(2));
    IS(nimbus_queue_delete_message(queue, old), NIMBUS_E_RECEIPT_EXPIRED); /* nobody has received it again */
    IS(nimbus_delivery_delete(&delivery), NIMBUS_E_RECEIPT_EXPIRED);
    COUNTS(queue, 1, 0, 0);
    RECEIVES(queue, 1, "m1", receipts);
    IS(nimbus_queue_delete_message(queue, old), NIMBUS_E_RECEIPT_EXPIRED); /* somebody has */
    COUNTS(queue, 0, 0, 1);
    receipts[1] = receipts[0];
    receipts[0] = old;
    IS(nimbus_queue_delete_batch(queue, receipts, 2, statuses), NIMBUS_PARTIAL);
    IS(statuses[0], NIMBUS_E_RECEIPT_EXPIRED);
    IS(statuses[1], NIMBUS_OK);
    COUNTS(queue, 0, 0, 0);
    OK(nimbus_queue_delete_message(queue, old)); /* gone by now: as often as one likes (SQS-V13) */
    TEXT(nimbus_status_aws_name(NIMBUS_E_RECEIPT_EXPIRED), "InvalidParameterValue");
    LEDGER(queue);
}

static void sqs_v11_an_extended_receipt_deletes_until_its_new_end(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .visibility_timeout = NIMBUS_SECONDS(2));
    nimbus_receipt receipts[2];

    SEND_TO(queue, "g", "m1");
    SEND_TO(queue, "h", "m2");
    RECEIVES(queue, 2, "m1,m2", receipts);
    OK(nimbus_queue_change_visibility(queue, receipts[0], NIMBUS_SECONDS(10)));
    OK(nimbus_queue_change_visibility(queue, receipts[1], NIMBUS_SECONDS(10)));
    ADVANCE(w, NIMBUS_SECONDS(9));
    OK(nimbus_queue_delete_message(queue, receipts[0]));
    ADVANCE(w, NIMBUS_SECONDS(1));
    IS(nimbus_queue_delete_message(queue, receipts[1]), NIMBUS_E_RECEIPT_EXPIRED);
    COUNTS(queue, 1, 0, 0);
}

static void sqs_v12_a_receipt_with_visibility_0_never_deletes(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .visibility_timeout = NIMBUS_ZERO);
    nimbus_receipt receipt;

    SEND_TO(queue, "g", "m1");
    for (int i = 0; i < 3; i++) {
        RECEIVES(queue, 1, "m1", &receipt);
        IS(nimbus_queue_delete_message(queue, receipt), NIMBUS_E_RECEIPT_EXPIRED);
    }
    COUNTS(queue, 1, 0, 0);
}

/* V16 on FIFO: a lapsed receipt hides nothing again. */
static void a_change_after_the_timeout_is_refused(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .visibility_timeout = NIMBUS_SECONDS(2));
    nimbus_receipt receipt;

    SEND_TO(queue, "g", "m1");
    RECEIVES(queue, 1, "m1", &receipt);
    ADVANCE(w, NIMBUS_SECONDS(2));
    IS(nimbus_queue_change_visibility(queue, receipt, NIMBUS_SECONDS(5)), NIMBUS_E_NOT_INFLIGHT);
    RECEIVES(queue, 1, "m1", NULL);
    IS(nimbus_queue_change_visibility(queue, receipt, NIMBUS_SECONDS(5)), NIMBUS_STALE);
}

/* --------------------------------------------------------------------------------------------------- limits, ends */

static void sqs_r17_the_limit_in_flight_is_no_error(void **state)
{
    nimbus_options options = { .limits = { .max_in_flight = 2 } };
    nimbus_receipt receipts[2];
    nimbus_queue *queue;
    world w;

    (void)state;
    world_open(&w, &options);
    queue = PLAIN_FIFO(&w, "q.fifo");
    SEND_TO(queue, "a", "a1");
    SEND_TO(queue, "a", "a2");
    SEND_TO(queue, "b", "b1");
    RECEIVES(queue, 10, "a1,a2", receipts);
    RECEIVES(queue, 10, "", NULL); /* NIMBUS_EMPTY, not NIMBUS_E_OVER_LIMIT */
    OK(nimbus_queue_delete_message(queue, receipts[1]));
    RECEIVES(queue, 10, "b1", NULL);
    world_close(&w);
}

static void sqs_t4_the_expiry_of_the_head_in_flight_opens_its_group(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .retention = NIMBUS_SECONDS(60));
    nimbus_receipt receipt;

    SEND_TO(queue, "g", "m1");
    ADVANCE(w, NIMBUS_SECONDS(30));
    SEND_TO(queue, "g", "m2");
    RECEIVES_FOR(queue, 1, NIMBUS_HOURS(1), "m1", &receipt);
    RECEIVES(queue, 1, "", NULL);
    ADVANCE(w, NIMBUS_SECONDS(30));
    EQ(METRICS(queue).expired, 1);
    RECEIVES(queue, 1, "m2", NULL);
    OK(nimbus_queue_delete_message(queue, receipt));
}

static void a_purge_takes_every_state_and_groups_are_as_new(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .delay = NIMBUS_SECONDS(5));
    uint64_t count;
    nimbus_receipt receipt;

    SEND_TO(queue, "g", "m1");
    SEND_TO(queue, "g", "m2");
    ADVANCE(w, NIMBUS_SECONDS(5));
    SEND_TO(queue, "g", "m3");
    RECEIVES(queue, 1, "m1", &receipt);
    COUNTS(queue, 1, 1, 1);
    OK(nimbus_queue_purge(queue, &count));
    EQ(count, 3);
    COUNTS(queue, 0, 0, 0);
    OK(nimbus_queue_delete_message(queue, receipt)); /* SQS-T10 */
    SEND_TO(queue, "g", "m4");
    ADVANCE(w, NIMBUS_SECONDS(5));
    RECEIVES(queue, 10, "m4", NULL);
}

/* ----------------------------------------------------------------------------------------------- dead letters */

static void sqs_d2_a_dead_letter_queue_is_of_the_same_kind(void **state)
{
    world *w = *state;
    nimbus_queue *fifo = PLAIN_FIFO(w, "dead.fifo"), *standard = PLAIN_QUEUE(w, "dead");
    char field[48];

    IS(create_status(w, "a.fifo", &(nimbus_queue_options){ .fifo = true, .dead_letter_queue = standard, .max_receive_count = 1 }, field),
       NIMBUS_E_INVALID);
    TEXT(field, "dead_letter_queue");
    IS(create_status(w, "a", &(nimbus_queue_options){ .dead_letter_queue = fifo, .max_receive_count = 1 }, field), NIMBUS_E_INVALID);
    TEXT(field, "dead_letter_queue");
    (void)QUEUE(w, "a.fifo", .fifo = true, .dead_letter_queue = fifo, .max_receive_count = 1);
}

static void sqs_d10_a_move_frees_the_group(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_FIFO(w, "dead.fifo");
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .dead_letter_queue = dead, .max_receive_count = 1);
    nimbus_receipt receipt;

    SEND_TO(queue, "g", "m1");
    SEND_TO(queue, "g", "m2");
    RECEIVES(queue, 1, "m1", &receipt);
    OK(nimbus_queue_change_visibility(queue, receipt, 0));
    RECEIVES(queue, 1, "m2", NULL); /* the receive that moves m1 goes on with the next one (SQS-D4) */
    COUNTS(dead, 1, 0, 0);
    SEND_TO(queue, "g", "m3");
    RECEIVES(dead, 1, "m1", NULL);
    LEDGER(queue);
}

static void sqs_d8_the_letter_has_the_message_id_as_deduplication_id_and_keeps_its_group(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_FIFO(w, "dead.fifo");
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .dead_letter_queue = dead, .max_receive_count = 1);
    nimbus_delivery delivery = { 0 };
    nimbus_delivery_info info;
    nimbus_id id;
    char text[NIMBUS_ID_TEXT];

    SEND_TO(queue, "g", "m1");
    RECEIVE(queue, &delivery, "m1");
    OK(nimbus_delivery_get_info(&delivery, &info));
    EQ(strlen(info.deduplication_id), 64); /* the hash of the body */
    id = info.id;
    OK(nimbus_delivery_retry(&delivery, 0));
    RECEIVES(queue, 1, "", NULL);
    RECEIVE(dead, &delivery, "m1");
    OK(nimbus_delivery_get_info(&delivery, &info));
    CHECK(ids_equal(info.id, id));
    TEXT(info.deduplication_id, nimbus_id_text(id, text));
    TEXT(info.group_id, "g");
    EQ(info.receive_count, 2);
    CHECK(info.sequence > 0);
    OK(nimbus_delivery_delete(&delivery));
}

/* Two messages that once had one deduplication id both survive. */
static void sqs_d9_deduplication_does_not_make_a_move_fail(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_FIFO(w, "dead.fifo");
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .dead_letter_queue = dead, .max_receive_count = 1);
    nimbus_receipt receipt;

    SEND_TO(dead, "g", "m1"); /* the dead-letter queue knows this id already */
    SEND_TO(queue, "g", "m1");
    RECEIVES(queue, 1, "m1", &receipt);
    OK(nimbus_queue_change_visibility(queue, receipt, 0));
    RECEIVES(queue, 1, "", NULL);
    COUNTS(queue, 0, 0, 0);
    COUNTS(dead, 2, 0, 0);
}

static void the_time_of_a_fifo_dead_letter_restarts(void **state)
{
    world *w = *state;
    nimbus_queue *dead = FIFO_QUEUE(w, "dead.fifo", .retention = NIMBUS_SECONDS(60));
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .dead_letter_queue = dead, .max_receive_count = 1, .retention = NIMBUS_SECONDS(60));
    nimbus_receipt receipt;

    SEND_TO(queue, "g", "m1");
    ADVANCE(w, NIMBUS_SECONDS(50));
    RECEIVES(queue, 1, "m1", &receipt);
    OK(nimbus_queue_change_visibility(queue, receipt, 0));
    RECEIVES(queue, 1, "", NULL);
    ADVANCE(w, NIMBUS_SECONDS(59)); /* 109 s after the send, 59 after the move (SQS-D6) */
    COUNTS(dead, 1, 0, 0);
    ADVANCE(w, NIMBUS_SECONDS(1));
    COUNTS(dead, 0, 0, 0);
    EQ(METRICS(dead).expired, 1);
}

/* D11: the dead-letter queue has gone. The head stays, and what is behind it does not overtake. */
static void a_head_that_cannot_be_moved_stays_and_keeps_its_place(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_FIFO(w, "dead.fifo");
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .dead_letter_queue = dead, .max_receive_count = 1);
    nimbus_receipt receipt;

    SEND_TO(queue, "g", "m1");
    SEND_TO(queue, "g", "m2");
    SEND_TO(queue, "h", "m3");
    RECEIVES(queue, 1, "m1", &receipt);
    OK(nimbus_queue_delete(dead));
    OK(nimbus_queue_change_visibility(queue, receipt, 0));
    RECEIVES(queue, 10, "m3", NULL);
    COUNTS(queue, 2, 0, 1);
    dead = PLAIN_FIFO(w, "dead.fifo");
    RECEIVES(queue, 10, "m2", NULL); /* a receive is another chance for what could not be moved, and sees what that has freed */
    COUNTS(dead, 1, 0, 0);
}

/* ---------------------------------------------------------------------------------------------------- waiting */

static void async_start(nimbus_queue *queue, async_record *record)
{
    memset(record, 0, sizeof *record);
    atomic_init(&record->delete_all, true);
    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 10, async_receive, record, NULL));
}

static void sent(world *w, nimbus_queue *queue, nimbus_receipt receipt)
{
    (void)w;
    (void)receipt;
    SEND_TO(queue, "h", "m2");
}

static void delay_over(world *w, nimbus_queue *queue, nimbus_receipt receipt)
{
    nimbus_queue_options options;

    (void)receipt;
    OK(nimbus_queue_get_options(queue, &options));
    options.delay = NIMBUS_SECONDS(3);
    OK(nimbus_queue_set_options(queue, &options, NULL));
    SEND_TO(queue, "h", "m2");
    ADVANCE(w, NIMBUS_SECONDS(3));
}

static void lapsed(world *w, nimbus_queue *queue, nimbus_receipt receipt)
{
    (void)queue;
    (void)receipt;
    ADVANCE(w, NIMBUS_SECONDS(30));
}

static void deleted(world *w, nimbus_queue *queue, nimbus_receipt receipt)
{
    (void)w;
    SEND_TO(queue, "g", "m2");
    OK(nimbus_queue_delete_message(queue, receipt));
}

static void changed(world *w, nimbus_queue *queue, nimbus_receipt receipt)
{
    (void)w;
    OK(nimbus_queue_change_visibility(queue, receipt, 0));
}

/* SQS-R5 on FIFO: the ways in which something becomes receivable, each with exactly one winner (R6). */
static void every_way_to_become_receivable_wakes_one_waiter(void **state)
{
    static const struct {
        const char *name, *text;
        void (*trigger)(world *w, nimbus_queue *queue, nimbus_receipt receipt);
    } ways[] = {
        { "sent.fifo", "m2", sent },       { "delay.fifo", "m2", delay_over }, { "lapsed.fifo", "m1", lapsed },
        { "deleted.fifo", "m2", deleted }, { "changed.fifo", "m1", changed },
    };
    world *w = *state;

    for (size_t i = 0; i < COUNT(ways); i++) {
        nimbus_queue *queue = PLAIN_FIFO(w, ways[i].name);
        async_record first, second;
        nimbus_receipt receipt;

        SEND_TO(queue, "g", "m1");
        RECEIVES_FOR(queue, 1, NIMBUS_SECONDS(30), "m1", &receipt);
        async_start(queue, &first);
        async_start(queue, &second);
        RUN(w);
        EQ(atomic_load(&first.calls), 0);
        ways[i].trigger(w, queue, receipt);
        RUN(w);
        EQ(atomic_load(&first.calls), 1);
        TEXT(first.body, ways[i].text);
        EQ(atomic_load(&second.calls), 0);
        EQ(waiters(queue), 1);
        OK(nimbus_queue_delete(queue));
        RUN(w);
        EQ(atomic_load(&second.calls), 1);
    }
}

/* Field report L5: three wait, the group is locked; the delete wakes one of them. */
static void three_waiters_and_a_locked_group(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");
    receiver r[3];
    nimbus_receipt receipt;
    size_t done = 0;

    SEND_TO(queue, "g", "m1");
    RECEIVES(queue, 1, "m1", &receipt);
    SEND_TO(queue, "g", "m2");
    for (int i = 0; i < 3; i++) {
        receiver_start(&r[i], queue, NIMBUS_MINUTES(10));
    }
    OK(nimbus_queue_delete_message(queue, receipt));
    EVENTUALLY(atomic_load(&r[0].done));
    EQ(waiters(queue), 2);
    OK(nimbus_queue_delete(queue));
    for (int i = 0; i < 3; i++) {
        receiver_join(&r[i]);
        done += r[i].status == NIMBUS_OK;
    }
    EQ(done, 1);
    TEXT(r[0].body, "m2"); /* who came first */
}

/* The descriptor tells of what can be received, not of what is held. */
static void the_descriptor_follows_the_locks(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");
    nimbus_receipt receipt;
    int fd;

    OK(nimbus_queue_fd(queue, &fd));
    CHECK(!descriptor_is_readable(fd));
    SEND_TO(queue, "g", "m1");
    SEND_TO(queue, "g", "m2");
    CHECK(descriptor_is_readable(fd));
    RECEIVES(queue, 1, "m1", &receipt);
    CHECK(!descriptor_is_readable(fd));
    OK(nimbus_queue_delete_message(queue, receipt));
    CHECK(descriptor_is_readable(fd));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        DRIVEN(sqs_s7_a_message_has_no_delay_of_its_own_and_zero_means_that_of_the_queue),
        DRIVEN(sqs_s8_a_new_delay_holds_for_delayed_messages_of_a_fifo_queue_only),
        DRIVEN(sqs_v10_a_delete_after_the_timeout_fails_and_the_message_stays),
        DRIVEN(sqs_v11_an_extended_receipt_deletes_until_its_new_end),
        DRIVEN(sqs_v12_a_receipt_with_visibility_0_never_deletes),
        DRIVEN(a_change_after_the_timeout_is_refused),
        cmocka_unit_test(sqs_r17_the_limit_in_flight_is_no_error),
        DRIVEN(sqs_t4_the_expiry_of_the_head_in_flight_opens_its_group),
        DRIVEN(a_purge_takes_every_state_and_groups_are_as_new),
        DRIVEN(sqs_d2_a_dead_letter_queue_is_of_the_same_kind),
        DRIVEN(sqs_d10_a_move_frees_the_group),
        DRIVEN(sqs_d8_the_letter_has_the_message_id_as_deduplication_id_and_keeps_its_group),
        DRIVEN(sqs_d9_deduplication_does_not_make_a_move_fail),
        DRIVEN(the_time_of_a_fifo_dead_letter_restarts),
        DRIVEN(a_head_that_cannot_be_moved_stays_and_keeps_its_place),
        DRIVEN(every_way_to_become_receivable_wakes_one_waiter),
        THREADED(three_waiters_and_a_locked_group),
        DRIVEN(the_descriptor_follows_the_locks),
    };

    return cmocka_run_group_tests_name("fifo_life", tests, NULL, NULL);
}
