/* FIFO queues: the order in a group, what locks it, and which group comes next (SQS-F1 to F14, A7, S13; field reports F1 to F6, F9). */
#include "../support/fifo.h"

static void sqs_f1_every_message_needs_a_group(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");
    nimbus_entry entry = entry_of("m");
    nimbus_sent sent;

    IS(nimbus_queue_send(queue, &entry, &sent), NIMBUS_E_MISSING);
    IS(sent.status, NIMBUS_E_MISSING);
    COUNTS(queue, 0, 0, 0);
    entry.group_id = "g";
    OK(nimbus_queue_send(queue, &entry, &sent));
    COUNTS(queue, 1, 0, 0);
}

static void sqs_f2_order_in_a_group_is_that_of_the_sends(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");
    nimbus_receipt receipts[FIFO_MOST];
    char text[8];

    for (int i = 0; i < 30; i++) {
        snprintf(text, sizeof text, "%02d", i);
        SEND_TO(queue, i % 3 == 0 ? "a" : i % 3 == 1 ? "b" : "c", text);
    }
    RECEIVES(queue, 10, "00,03,06,09,12,15,18,21,24,27", receipts);
    RECEIVES(queue, 10, "01,04,07,10,13,16,19,22,25,28", receipts);
    RECEIVES(queue, 10, "02,05,08,11,14,17,20,23,26,29", receipts);
    RECEIVES(queue, 10, "", NULL);
    COUNTS(queue, 0, 0, 30);
}

static void sqs_a7_sequence_numbers_grow(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");
    nimbus_delivery delivery = { 0 };
    nimbus_delivery_info info;
    uint64_t first = SEND_TO(queue, "a", "1"), second = SEND_TO(queue, "b", "2"), third = SEND_TO(queue, "a", "3");
    nimbus_entry entries[2] = { entry_of("4"), entry_of("5") };
    nimbus_sent sent[2];

    CHECK(first > 0 && second > first && third > second);
    entries[0].group_id = entries[1].group_id = "a";
    OK(nimbus_queue_send_batch(queue, entries, 2, sent));
    CHECK(sent[0].sequence > third && sent[1].sequence > sent[0].sequence);
    RECEIVE(queue, &delivery, "1");
    OK(nimbus_delivery_get_info(&delivery, &info));
    EQ(info.sequence, first);
    TEXT(info.group_id, "a");
    OK(nimbus_delivery_retry(&delivery, 0));
    RECEIVES(queue, 1, "2", NULL);
    RECEIVE(queue, &delivery, "1");
    OK(nimbus_delivery_get_info(&delivery, &info));
    EQ(info.sequence, first); /* kept for life */
    EQ(info.receive_count, 2);
    OK(nimbus_delivery_delete(&delivery));
}

static void sqs_s13_a_batch_is_stored_in_order(void **state)
{
    static const char *const texts[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" };
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");
    nimbus_entry entries[10];

    for (int i = 0; i < 10; i++) {
        entries[i] = entry_of(texts[i]);
        entries[i].group_id = i < 5 ? "a" : "b";
    }
    OK(nimbus_queue_send_batch(queue, entries, 10, NULL));
    RECEIVES(queue, 7, "0,1,2,3,4,5,6", NULL);
}

/* Only an earlier one in flight keeps a message back; later ones do not. */
static void sqs_f3_only_an_earlier_message_in_flight_blocks(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");
    nimbus_receipt receipts[3];

    SEND_TO(queue, "g", "m1");
    SEND_TO(queue, "g", "m2");
    SEND_TO(queue, "g", "m3");
    RECEIVES(queue, 1, "m1", receipts);
    RECEIVES(queue, 10, "", NULL); /* behind m1 */
    OK(nimbus_queue_change_visibility(queue, receipts[0], 0));
    RECEIVES(queue, 2, "m1,m2", receipts);
    OK(nimbus_queue_delete_message(queue, receipts[1]));
    RECEIVES(queue, 10, "", NULL); /* m3 still behind m1 */
    OK(nimbus_queue_delete_message(queue, receipts[0]));
    RECEIVES(queue, 10, "m3", NULL);
}

static void extended(world *w, const char *name, size_t which, const char *want)
{
    nimbus_queue *queue = PLAIN_FIFO(w, name);
    nimbus_receipt receipts[3];

    SEND_TO(queue, "g", "m1");
    SEND_TO(queue, "g", "m2");
    SEND_TO(queue, "g", "m3");
    RECEIVES_FOR(queue, 3, NIMBUS_SECONDS(1), "m1,m2,m3", receipts);
    OK(nimbus_queue_change_visibility(queue, receipts[which], NIMBUS_SECONDS(4)));
    ADVANCE(w, NIMBUS_MS(2500));
    RECEIVES(queue, 10, want, NULL);
}

static void sqs_f4_positions_0_1_and_2_extended(void **state)
{
    world *w = *state;

    extended(w, "first.fifo", 0, "");
    extended(w, "second.fifo", 1, "m1");
    extended(w, "third.fifo", 2, "m1,m2");
}

static void sqs_f5_a_head_that_is_back_can_be_received_though_a_later_one_is_in_flight(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");
    nimbus_receipt receipts[2];

    SEND_TO(queue, "g", "m1");
    SEND_TO(queue, "g", "m2");
    RECEIVES_FOR(queue, 2, NIMBUS_SECONDS(30), "m1,m2", receipts);
    OK(nimbus_queue_change_visibility(queue, receipts[0], 0));
    RECEIVES(queue, 10, "m1", NULL);
    COUNTS(queue, 0, 0, 2);
}

static void sqs_f6_a_receive_takes_from_the_first_group_before_the_next(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");

    SEND_TO(queue, "a", "a1");
    ADVANCE(w, NIMBUS_SECONDS(1));
    SEND_TO(queue, "b", "b1");
    ADVANCE(w, NIMBUS_SECONDS(1));
    SEND_TO(queue, "a", "a2");
    SEND_TO(queue, "c", "c1");
    SEND_TO(queue, "b", "b2");
    RECEIVES(queue, 4, "a1,a2,b1,b2", NULL);
    RECEIVES(queue, 4, "c1", NULL);
}

static void sqs_f7_the_rest_of_a_group_at_work_goes_to_nobody(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");

    SEND_TO(queue, "a", "a1");
    SEND_TO(queue, "a", "a2");
    SEND_TO(queue, "a", "a3");
    SEND_TO(queue, "a", "a4");
    SEND_TO(queue, "b", "b1");
    RECEIVES(queue, 2, "a1,a2", NULL);
    RECEIVES(queue, 10, "b1", NULL);
    RECEIVES(queue, 10, "", NULL);
}

static void sqs_f8_a_send_into_a_locked_group_changes_nothing(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");

    SEND_TO(queue, "g", "m1");
    RECEIVES_FOR(queue, 1, NIMBUS_SECONDS(10), "m1", NULL);
    ADVANCE(w, NIMBUS_SECONDS(5));
    SEND_TO(queue, "g", "m2");
    RECEIVES(queue, 10, "", NULL);
    COUNTS(queue, 1, 0, 1);
    ADVANCE(w, NIMBUS_SECONDS(5)); /* its timeout is as it was */
    RECEIVES(queue, 10, "m1,m2", NULL);
}

static void sqs_f9_a_group_opens_when_what_was_in_flight_is_deleted(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");
    nimbus_receipt receipts[2];

    SEND_TO(queue, "g", "m1");
    SEND_TO(queue, "g", "m2");
    SEND_TO(queue, "g", "m3");
    RECEIVES(queue, 2, "m1,m2", receipts);
    OK(nimbus_queue_delete_message(queue, receipts[1])); /* not the first: it stays locked */
    RECEIVES(queue, 10, "", NULL);
    OK(nimbus_queue_delete_message(queue, receipts[0]));
    RECEIVES(queue, 10, "m3", NULL);
}

static void sqs_f10_after_the_timeout_they_come_in_order(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .visibility_timeout = NIMBUS_SECONDS(5));

    SEND_TO(queue, "g", "m1");
    SEND_TO(queue, "g", "m2");
    SEND_TO(queue, "g", "m3");
    RECEIVES(queue, 3, "m1,m2,m3", NULL);
    ADVANCE(w, NIMBUS_SECONDS(5));
    COUNTS(queue, 3, 0, 0);
    RECEIVES(queue, 1, "m1", NULL);
    ADVANCE(w, NIMBUS_SECONDS(5));
    RECEIVES(queue, 3, "m1,m2,m3", NULL);
}

static void sqs_f11_an_empty_group_is_as_new(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");
    nimbus_receipt receipt;
    char text[16];

    for (int i = 0; i < 50; i++) {
        snprintf(text, sizeof text, "m%d", i);
        SEND_TO(queue, "g", text);
        RECEIVES(queue, 10, text, &receipt);
        OK(nimbus_queue_delete_message(queue, receipt));
        COUNTS(queue, 0, 0, 0);
    }
}

/* The producer is faster than the delay: what is over its delay is handed out all the same. */
static void sqs_f12_a_delayed_message_locks_nothing(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .delay = NIMBUS_SECONDS(5));

    SEND_TO(queue, "g", "m1");
    ADVANCE(w, NIMBUS_SECONDS(3));
    SEND_TO(queue, "g", "m2");
    RECEIVES(queue, 10, "", NULL);
    ADVANCE(w, NIMBUS_SECONDS(2));
    COUNTS(queue, 1, 1, 0);
    RECEIVES(queue, 10, "m1", NULL);
    ADVANCE(w, NIMBUS_SECONDS(3)); /* m2 is over its delay, and behind m1 */
    COUNTS(queue, 1, 0, 1);
    RECEIVES(queue, 10, "", NULL);
}

/* By the moment at which the head itself became ready. */
static void sqs_f13_the_next_group_is_the_one_whose_head_is_ready_longest(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");
    nimbus_receipt receipt;

    SEND_TO(queue, "a", "a1");
    ADVANCE(w, NIMBUS_SECONDS(1));
    SEND_TO(queue, "a", "a2");
    ADVANCE(w, NIMBUS_SECONDS(1));
    SEND_TO(queue, "b", "b1");
    ADVANCE(w, NIMBUS_SECONDS(1));
    RECEIVES(queue, 1, "a1", &receipt);
    OK(nimbus_queue_delete_message(queue, receipt)); /* unlocked after b1 was sent, but a2 is older */
    RECEIVES(queue, 1, "a2", &receipt);
    OK(nimbus_queue_change_visibility(queue, receipt, 0)); /* ready since now only, though its number is lower than that of b1 */
    RECEIVES(queue, 1, "b1", NULL);
    RECEIVES(queue, 1, "a2", NULL);
}

static void sqs_f14_what_a_locked_group_holds_counts_as_ready(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");
    nimbus_receipt receipt;

    SEND_TO(queue, "g", "m1");
    SEND_TO(queue, "g", "m2");
    SEND_TO(queue, "g", "m3");
    SEND_TO(queue, "h", "m4");
    COUNTS(queue, 4, 0, 0);
    RECEIVES(queue, 1, "m1", &receipt);
    COUNTS(queue, 3, 0, 1);
    OK(nimbus_queue_delete_message(queue, receipt));
    COUNTS(queue, 3, 0, 0);
}

/* R11 on FIFO: with a visibility of 0 nothing is listed twice in one response, and everything stays in order. */
static void a_receive_with_visibility_0_lists_nothing_twice(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");

    SEND_TO(queue, "a", "a1");
    SEND_TO(queue, "a", "a2");
    SEND_TO(queue, "b", "b1");
    RECEIVES_FOR(queue, 10, NIMBUS_ZERO, "a1,a2,b1", NULL);
    COUNTS(queue, 3, 0, 0);
    RECEIVES_FOR(queue, 2, NIMBUS_ZERO, "a1,a2", NULL);
    COUNTS(queue, 3, 0, 0);
}

/* Groups come and go by the thousand; those that are empty cost nothing. */
static void many_groups_come_and_go(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");
    nimbus_receipt receipts[FIFO_MOST];
    nimbus_delivery deliveries[FIFO_MOST] = { 0 };
    char text[16], group[16];
    size_t count, left = 3000;

    for (int i = 0; i < 3000; i++) {
        snprintf(text, sizeof text, "m%d", i);
        snprintf(group, sizeof group, "group-%d", i);
        SEND_TO(queue, group, text);
    }
    while (left > 0) {
        OK(nimbus_queue_receive(queue, 0, NULL, deliveries, FIFO_MOST, &count));
        for (size_t i = 0; i < count; i++) {
            receipts[i] = nimbus_delivery_receipt(&deliveries[i]);
        }
        OK(nimbus_queue_delete_batch(queue, receipts, count, NULL));
        left -= count;
    }
    for (size_t i = 0; i < FIFO_MOST; i++) {
        nimbus_delivery_release(&deliveries[i]);
    }
    COUNTS(queue, 0, 0, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        DRIVEN(sqs_f1_every_message_needs_a_group),
        DRIVEN(sqs_f2_order_in_a_group_is_that_of_the_sends),
        DRIVEN(sqs_a7_sequence_numbers_grow),
        DRIVEN(sqs_s13_a_batch_is_stored_in_order),
        DRIVEN(sqs_f3_only_an_earlier_message_in_flight_blocks),
        DRIVEN(sqs_f4_positions_0_1_and_2_extended),
        DRIVEN(sqs_f5_a_head_that_is_back_can_be_received_though_a_later_one_is_in_flight),
        DRIVEN(sqs_f6_a_receive_takes_from_the_first_group_before_the_next),
        DRIVEN(sqs_f7_the_rest_of_a_group_at_work_goes_to_nobody),
        DRIVEN(sqs_f8_a_send_into_a_locked_group_changes_nothing),
        DRIVEN(sqs_f9_a_group_opens_when_what_was_in_flight_is_deleted),
        DRIVEN(sqs_f10_after_the_timeout_they_come_in_order),
        DRIVEN(sqs_f11_an_empty_group_is_as_new),
        DRIVEN(sqs_f12_a_delayed_message_locks_nothing),
        DRIVEN(sqs_f13_the_next_group_is_the_one_whose_head_is_ready_longest),
        DRIVEN(sqs_f14_what_a_locked_group_holds_counts_as_ready),
        DRIVEN(a_receive_with_visibility_0_lists_nothing_twice),
        DRIVEN(many_groups_come_and_go),
    };

    return cmocka_run_group_tests_name("fifo_order", tests, NULL, NULL);
}
