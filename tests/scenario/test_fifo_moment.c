/*
 * FIFO queues while the clock stands still: what became ready first goes first, though no time has passed between. The orders are those
 * that were recorded of the service, where time passes between any two calls.
 */
#include "../support/fifo.h"

static void sqs_f13_what_came_back_at_once_goes_behind(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");

    SEND_TO(queue, "1", "1a");
    SEND_TO(queue, "2", "2a");
    SEND_TO(queue, "2", "2b");
    SEND_TO(queue, "3", "3a");
    SEND_TO(queue, "1", "1b");
    RECEIVES_FOR(queue, 3, NIMBUS_ZERO, "1a,1b,2a", NULL);
    RECEIVES_FOR(queue, 10, NIMBUS_ZERO, "3a,1a,1b,2a,2b", NULL);
}

static void sqs_f13_what_was_given_back_goes_behind(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");
    nimbus_receipt receipts[FIFO_MOST];

    SEND_TO(queue, "1", "1a");
    SEND_TO(queue, "1", "1b");
    SEND_TO(queue, "2", "2a");
    RECEIVES(queue, 2, "1a,1b", receipts);
    OK(nimbus_queue_change_visibility(queue, receipts[0], 0));
    SEND_TO(queue, "3", "3a"); /* later than that */
    RECEIVES(queue, 10, "2a,1a,3a", receipts);
    OK(nimbus_queue_change_visibility(queue, receipts[2], 0)); /* in the order of the calls, not of the sends */
    OK(nimbus_queue_change_visibility(queue, receipts[0], 0));
    OK(nimbus_queue_change_visibility(queue, receipts[1], 0));
    RECEIVES(queue, 10, "3a,2a,1a", NULL);
}

static void sqs_f13_what_a_delete_unlocked_keeps_its_place(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");
    nimbus_receipt receipts[FIFO_MOST];

    SEND_TO(queue, "1", "1a");
    SEND_TO(queue, "2", "2a");
    SEND_TO(queue, "1", "1b");
    SEND_TO(queue, "2", "2b");
    SEND_TO(queue, "1", "1c");
    SEND_TO(queue, "1", "1d");
    SEND_TO(queue, "3", "3a");
    RECEIVES(queue, 2, "1a,1b", receipts);
    OK(nimbus_queue_delete_message(queue, receipts[0]));
    OK(nimbus_queue_delete_message(queue, receipts[1]));
    RECEIVES(queue, 10, "2a,2b,1c,1d,3a", NULL);
}

/* Ends of visibility and of delay at one moment: in the order of the sends, and before what a call makes ready at that moment. */
static void sqs_f13_what_the_clock_ends_goes_by_the_sends(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .visibility_timeout = NIMBUS_SECONDS(5));
    nimbus_receipt receipts[FIFO_MOST];

    SEND_TO(queue, "1", "1a");
    SEND_TO(queue, "2", "2a");
    SEND_TO(queue, "3", "3a");
    SEND_TO(queue, "4", "4a");
    RECEIVES(queue, 4, "1a,2a,3a,4a", receipts);
    OK(nimbus_queue_change_visibility(queue, receipts[1], 0));
    RECEIVES(queue, 4, "2a", NULL); /* it lapses with the others all the same */
    OK(nimbus_queue_change_visibility(queue, receipts[0], NIMBUS_SECONDS(9)));
    ADVANCE(w, NIMBUS_SECONDS(5));
    OK(nimbus_queue_change_visibility(queue, receipts[0], 0));
    SEND_TO(queue, "0", "0a");
    RECEIVES(queue, 10, "2a,3a,4a,1a,0a", NULL);
}

/* The lapse of a dead letter goes by its place in the queue that it lapses in, not by its id, which is older. */
static void sqs_f13_dead_letters_lapse_by_their_place(void **state)
{
    world *w = *state;
    nimbus_queue *dead = FIFO_QUEUE(w, "dead.fifo", .visibility_timeout = NIMBUS_SECONDS(5));
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .visibility_timeout = NIMBUS_SECONDS(1), .dead_letter_queue = dead,
                                     .max_receive_count = 1);

    SEND_TO(queue, "old", "old");
    RECEIVES(queue, 1, "old", NULL);
    SEND_TO(dead, "new", "new");
    ADVANCE(w, NIMBUS_SECONDS(1));
    RECEIVES(queue, 1, "", NULL);
    RECEIVES(dead, 10, "new,old", NULL);
    ADVANCE(w, NIMBUS_SECONDS(5));
    RECEIVES(dead, 10, "new,old", NULL);
}

/* A receive that moves the head of a group to its dead letter goes on with what is behind it, also if it has got something already. */
static void sqs_d10_the_next_of_the_group_in_the_same_receive(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_FIFO(w, "dead.fifo");
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .visibility_timeout = NIMBUS_SECONDS(1), .dead_letter_queue = dead,
                                     .max_receive_count = 1);

    SEND_TO(queue, "a", "a1");
    SEND_TO(queue, "a", "a2");
    SEND_TO(queue, "b", "b1");
    RECEIVES(queue, 10, "a1,a2,b1", NULL);
    ADVANCE(w, NIMBUS_SECONDS(1));
    SEND_TO(queue, "a", "a3");
    SEND_TO(queue, "c", "c1");
    SEND_TO(queue, "b", "b2");
    RECEIVES(queue, 10, "c1,b2,a3", NULL);
    COUNTS(queue, 0, 0, 3);
    COUNTS(dead, 3, 0, 0);
    RECEIVES(dead, 10, "a1,a2,b1", NULL);
}

/* With a visibility of 0 it does not go on: it would meet again what it has (SQS-R11). */
static void sqs_r11_not_twice_behind_a_dead_letter(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_FIFO(w, "dead.fifo");
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .dead_letter_queue = dead, .max_receive_count = 2);

    SEND_TO(queue, "a", "a1");
    RECEIVES_FOR(queue, 10, NIMBUS_ZERO, "a1", NULL);
    RECEIVES_FOR(queue, 10, NIMBUS_ZERO, "a1", NULL);
    SEND_TO(queue, "b", "b1");
    RECEIVES_FOR(queue, 10, NIMBUS_ZERO, "b1", NULL);
    COUNTS(dead, 1, 0, 0);
    COUNTS(queue, 1, 0, 0);
}

/* Nor beyond the limit of messages in flight (SQS-R17), and never for more than was asked for. */
static void sqs_d10_as_many_as_were_asked_for(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_FIFO(w, "dead.fifo");
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .visibility_timeout = NIMBUS_SECONDS(1), .dead_letter_queue = dead,
                                     .max_receive_count = 1);

    SEND_TO(queue, "a", "a1");
    RECEIVES(queue, 10, "a1", NULL);
    ADVANCE(w, NIMBUS_SECONDS(1));
    SEND_TO(queue, "a", "a2");
    SEND_TO(queue, "a", "a3");
    SEND_TO(queue, "b", "b1");
    SEND_TO(queue, "c", "c1");
    RECEIVES(queue, 3, "b1,c1,a2", NULL);
    COUNTS(queue, 1, 0, 3);
    COUNTS(dead, 1, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(sqs_f13_what_came_back_at_once_goes_behind),
        DRIVEN(sqs_f13_what_was_given_back_goes_behind),
        DRIVEN(sqs_f13_what_a_delete_unlocked_keeps_its_place),
        DRIVEN(sqs_f13_what_the_clock_ends_goes_by_the_sends),
        DRIVEN(sqs_f13_dead_letters_lapse_by_their_place),
        DRIVEN(sqs_d10_the_next_of_the_group_in_the_same_receive),
        DRIVEN(sqs_r11_not_twice_behind_a_dead_letter),
        DRIVEN(sqs_d10_as_many_as_were_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
