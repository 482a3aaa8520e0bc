/* Why is nothing delivered? nimbus_queue_explain in every state of a queue. */
#include "../support/support.h"

static nimbus_queue_explanation explain(nimbus_queue *queue)
{
    nimbus_queue_explanation e;

    FILL(e);
    OK(nimbus_queue_explain(queue, NULL, &e));
    CHECK(e.text[0] != '\0' && memchr(e.text, '\0', sizeof e.text) != NULL);
    return e;
}

static void an_empty_queue_and_one_with_something(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue_explanation e = explain(queue);

    EQ(e.why, NIMBUS_WHY_EMPTY);
    EQT(e.until, 0);
    EQ(e.holder.number, 0);
    TEXT(e.text, "it holds nothing");
    SEND(queue, "m");
    e = explain(queue);
    EQ(e.why, NIMBUS_WHY_RECEIVABLE);
    EQ(e.ready, 1);
    EQT(e.until, 0);
    EQ(METRICS(queue).empty_receives, 0); /* it is no receive */
    EQ(METRICS(queue).received, 0);
}

static void delayed_until_the_first_delay_is_over(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue_explanation e;
    nimbus_id first;

    (void)SEND_DELAYED(queue, "b", NIMBUS_SECONDS(20));
    first = SEND_DELAYED(queue, "a", NIMBUS_MS(12500));
    (void)SEND_DELAYED(queue, "c", NIMBUS_SECONDS(30));
    ADVANCE(w, NIMBUS_SECONDS(2));
    e = explain(queue);
    EQ(e.why, NIMBUS_WHY_DELAYED);
    EQ(e.delayed, 3);
    EQ(e.ready + e.in_flight, 0);
    EQT(e.until, START_TIME + NIMBUS_MS(12500));
    CHECK(ids_equal(e.holder, first));
    TEXT(e.text, "3 delayed, the first for another 10.500 s");
    ADVANCE(w, NIMBUS_MS(10500));
    EQ(explain(queue).why, NIMBUS_WHY_RECEIVABLE);
}

static void in_flight_until_the_first_comes_back(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue_explanation e;
    nimbus_receipt a, b;
    nimbus_id first;

    SEND(queue, "a");
    first = SEND(queue, "b");
    a = TAKE_FOR(queue, "a", NIMBUS_SECONDS(40));
    b = TAKE_FOR(queue, "b", NIMBUS_SECONDS(25));
    (void)SEND_DELAYED(queue, "c", NIMBUS_SECONDS(50));
    e = explain(queue);
    EQ(e.why, NIMBUS_WHY_IN_FLIGHT);
    EQ(e.in_flight, 2);
    EQ(e.delayed, 1);
    EQT(e.until, START_TIME + NIMBUS_SECONDS(25));
    CHECK(ids_equal(e.holder, first));
    OK(nimbus_queue_change_visibility(queue, b, NIMBUS_SECONDS(60))); /* exact: the old end is forgotten */
    EQT(explain(queue).until, START_TIME + NIMBUS_SECONDS(40));
    OK(nimbus_queue_delete_message(queue, a));
    EQT(explain(queue).until, START_TIME + NIMBUS_SECONDS(50)); /* that of the delayed one */
    ADVANCE(w, NIMBUS_SECONDS(50));
    EQ(explain(queue).why, NIMBUS_WHY_RECEIVABLE);
}

/* The one whose time comes first goes for good before: then it is not what anybody waits for. */
static void one_that_expires_first_is_not_waited_for(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .retention = NIMBUS_SECONDS(60));
    nimbus_queue_explanation e;

    (void)SEND_DELAYED(queue, "m", NIMBUS_SECONDS(90));
    e = explain(queue);
    EQ(e.why, NIMBUS_WHY_DELAYED);
    EQT(e.until, 0);
    EQ(e.holder.number, 0);
    ADVANCE(w, NIMBUS_SECONDS(61));
    EQ(explain(queue).why, NIMBUS_WHY_EMPTY);
}

static void over_the_limit_of_messages_in_flight(void **state)
{
    world w;
    nimbus_queue *queue;
    nimbus_queue_explanation e;
    nimbus_receipt a;
    (void)state;

    world_open(&w, &(nimbus_options){ .limits = { .max_in_flight = 2 } });
    queue = QUEUE(&w, "q", .visibility_timeout = NIMBUS_SECONDS(30));
    SEND(queue, "a");
    SEND(queue, "b");
    SEND(queue, "c");
    a = TAKE(queue, "a");
    EQ(explain(queue).why, NIMBUS_WHY_RECEIVABLE);
    (void)TAKE(queue, "b");
    e = explain(queue);
    EQ(e.why, NIMBUS_WHY_OVER_LIMIT);
    EQ(e.ready, 1);
    EQ(e.in_flight, 2);
    EQT(e.until, START_TIME + NIMBUS_SECONDS(30));
    OK(nimbus_queue_delete_message(queue, a));
    EQ(explain(queue).why, NIMBUS_WHY_RECEIVABLE);
    world_close(&w);
}

/* A delay that ends does not help who is over the limit; one in flight that expires does. */
static void over_the_limit_until_one_is_not_in_flight_any_more(void **state)
{
    world w;
    nimbus_queue *queue;
    nimbus_queue_explanation e;
    (void)state;

    world_open(&w, &(nimbus_options){ .limits = { .max_in_flight = 1 } });
    queue = QUEUE(&w, "q", .visibility_timeout = NIMBUS_SECONDS(90), .retention = NIMBUS_SECONDS(60));
    SEND(queue, "a");
    SEND(queue, "b");
    (void)SEND_DELAYED(queue, "c", NIMBUS_SECONDS(5));
    (void)TAKE(queue, "a");
    e = explain(queue);
    EQ(e.why, NIMBUS_WHY_OVER_LIMIT);
    EQT(e.until, START_TIME + NIMBUS_SECONDS(60));
    EQ(e.holder.number, 0); /* nobody comes back then */
    world_close(&w);
}

static void exhausted_ones_go_with_the_next_receive(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .dead_letter_queue = dead, .max_receive_count = 1, .visibility_timeout = NIMBUS_SECONDS(1));
    nimbus_queue_explanation e;

    SEND(queue, "a");
    (void)TAKE(queue, "a");
    ADVANCE(w, NIMBUS_SECONDS(1));
    e = explain(queue);
    EQ(e.why, NIMBUS_WHY_EXHAUSTED);
    EQ(e.ready, 1);
    COUNTS(queue, 1, 0, 0); /* looking moves nothing */
    SEND(queue, "b");
    EQ(explain(queue).why, NIMBUS_WHY_RECEIVABLE); /* behind it */
    (void)TAKE(queue, "b");
    COUNTS(dead, 1, 0, 0);
    EQ(explain(queue).why, NIMBUS_WHY_IN_FLIGHT);
}

static void a_dead_letter_queue_that_does_not_take_it(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .dead_letter_queue = dead, .max_receive_count = 1, .visibility_timeout = NIMBUS_SECONDS(1));
    nimbus_queue_explanation e;

    SEND(queue, "a");
    (void)TAKE(queue, "a");
    ADVANCE(w, NIMBUS_SECONDS(1));
    OK(nimbus_queue_delete(dead));
    RECEIVE_NONE(queue);
    e = explain(queue);
    EQ(e.why, NIMBUS_WHY_MOVING);
    EQ(e.ready, 1);
    CHECK(e.until > nimbus_now(w->nb)); /* when it is tried again */
    EQ(e.holder.number, 0);
    dead = PLAIN_QUEUE(w, "dead");
    ADVANCE(w, e.until - nimbus_now(w->nb));
    COUNTS(dead, 1, 0, 0);
    EQ(explain(queue).why, NIMBUS_WHY_EMPTY);
}

/* Many messages in many chunks, each with a deadline of its own: the first is found. */
static void the_first_of_many(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue_explanation e;
    size_t i;

    for (i = 0; i < 1000; i++) {
        (void)SEND_DELAYED(queue, "m", NIMBUS_MS(1000 + (int64_t)(i * 7919 % 1000))); /* 7919 and 1000 share no factor: each value once */
    }
    e = explain(queue);
    EQ(e.why, NIMBUS_WHY_DELAYED);
    EQT(e.until, START_TIME + NIMBUS_SECONDS(1));
    for (i = 0; i < 1000; i++) { /* each comes, is deleted, and the next one is the first */
        nimbus_delivery delivery = { 0 };

        ADVANCE(w, NIMBUS_MS(i == 0 ? 1000 : 1));
        RECEIVE(queue, &delivery, "m");
        OK(nimbus_delivery_delete(&delivery));
        e = explain(queue);
        EQT(e.until, i == 999 ? 0 : START_TIME + NIMBUS_MS(1001 + (int64_t)i));
    }
    EQ(e.why, NIMBUS_WHY_EMPTY);
}

static void what_is_wrong_with_the_call(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue_explanation e;

    FILL(e);
    IS(nimbus_queue_explain(NULL, NULL, &e), NIMBUS_E_INVALID);
    IS(nimbus_queue_explain(queue, NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_queue_explain(queue, "group", &e), NIMBUS_E_INVALID); /* this queue has no groups */
    OK(nimbus_queue_delete(queue));
    IS(nimbus_queue_explain(queue, NULL, &e), NIMBUS_E_DELETED);
    UNTOUCHED(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(an_empty_queue_and_one_with_something),
        DRIVEN(delayed_until_the_first_delay_is_over),
        DRIVEN(in_flight_until_the_first_comes_back),
        DRIVEN(one_that_expires_first_is_not_waited_for),
        cmocka_unit_test(over_the_limit_of_messages_in_flight),
        cmocka_unit_test(over_the_limit_until_one_is_not_in_flight_any_more),
        DRIVEN(exhausted_ones_go_with_the_next_receive),
        DRIVEN(a_dead_letter_queue_that_does_not_take_it),
        DRIVEN(the_first_of_many),
        DRIVEN(what_is_wrong_with_the_call),
    };
    return cmocka_run_group_tests_name("queue_explain", tests, NULL, NULL);
}
