/* Delays beyond 15 minutes: with relaxed limits a message may wait for weeks, as far as its retention reaches. */
#include "../support/support.h"

static void relaxed(world *w)
{
    world_open(w, &(nimbus_options){ .limits = { .preset = NIMBUS_LIMITS_RELAXED } });
}

static nimbus_status send_later(nimbus_queue *queue, nimbus_duration delay)
{
    nimbus_entry entry = entry_of("m");

    entry.delay = delay;
    return nimbus_queue_send(queue, &entry, NULL);
}

static void the_default_is_the_services_limit(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");

    IS(send_later(queue, NIMBUS_MINUTES(15) + NIMBUS_SECONDS(1)), NIMBUS_E_INVALID);
    OK(send_later(queue, NIMBUS_MINUTES(15)));
    COUNTS(queue, 0, 1, 0);
}

static void weeks(void **state)
{
    static const nimbus_duration delays[] = { NIMBUS_MINUTES(16), NIMBUS_HOURS(12), NIMBUS_DAYS(1), NIMBUS_DAYS(21), NIMBUS_DAYS(365),
                                              NIMBUS_DAYS(3000) };
    world w;
    nimbus_queue *queue;
    nimbus_duration at = 0;
    size_t i;

    (void)state;
    relaxed(&w);
    queue = QUEUE(&w, "q", .retention = NIMBUS_DAYS(3650));
    for (i = COUNT(delays); i-- > 0;) {
        OK(send_later(queue, delays[i]));
    }
    COUNTS(queue, 0, COUNT(delays), 0);
    for (i = 0; i < COUNT(delays); i++) {
        ADVANCE(&w, delays[i] - at - 1);
        COUNTS(queue, 0, COUNT(delays) - i, 0); /* not a nanosecond early */
        RECEIVE_NONE(queue);
        ADVANCE(&w, 1);
        at = delays[i];
        COUNTS(queue, 1, COUNT(delays) - i - 1, 0);
        OK(nimbus_queue_delete_message(queue, TAKE(queue, "m")));
    }
    IS(send_later(queue, NIMBUS_DAYS(3651)), NIMBUS_E_INVALID);
    world_close(&w);
}

static void a_queues_own_delay_of_weeks(void **state)
{
    world w;
    nimbus_queue *queue;

    (void)state;
    relaxed(&w);
    queue = QUEUE(&w, "q", .delay = NIMBUS_DAYS(14), .retention = NIMBUS_DAYS(30));
    SEND(queue, "m");
    ADVANCE(&w, NIMBUS_DAYS(14) - 1);
    COUNTS(queue, 0, 1, 0);
    ADVANCE(&w, 1);
    RECEIVE(queue, NULL, "m");
    world_close(&w);
}

static void expired(nimbus_queue *queue, const nimbus_message *message, nimbus_id id, nimbus_discard_reason why, void *user)
{
    (void)queue;
    (void)message;
    (void)id;
    *(size_t *)user += why == NIMBUS_DISCARD_EXPIRED;
}

/* The retention counts from the send, whatever the state (SQS-T1): a delay that is longer never ends. It is counted, traced and told. */
static void a_delay_beyond_the_retention(void **state)
{
    world w;
    nimbus_queue *queue;
    size_t told = 0;

    (void)state;
    relaxed(&w);
    queue = QUEUE(&w, "q", .on_discard = expired, .on_discard_user = &told);
    OK(send_later(queue, NIMBUS_DAYS(21)));
    ADVANCE(&w, NIMBUS_DAYS(4));
    ADVANCE(&w, NIMBUS_MS(1));
    COUNTS(queue, 0, 0, 0);
    EQ(METRICS(queue).expired, 1);
    EQ(told, 1);
    EQ(traced(&w, NIMBUS_TRACE_EXPIRED), 1);
    world_close(&w);
}

static void a_long_delay_can_be_cancelled(void **state)
{
    world w;
    nimbus_queue *queue;
    nimbus_entry entry = entry_of("m");
    nimbus_sent sent = { 0 };

    (void)state;
    relaxed(&w);
    queue = QUEUE(&w, "q", .retention = NIMBUS_DAYS(30));
    entry.delay = NIMBUS_DAYS(21);
    OK(nimbus_queue_send(queue, &entry, &sent));
    ADVANCE(&w, NIMBUS_DAYS(20));
    OK(nimbus_queue_cancel(queue, sent.place));
    IS(nimbus_queue_cancel(queue, sent.place), NIMBUS_STALE);
    ADVANCE(&w, NIMBUS_DAYS(2));
    RECEIVE_NONE(queue);
    EQ(METRICS(queue).cancelled, 1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(the_default_is_the_services_limit),
        cmocka_unit_test(weeks),
        cmocka_unit_test(a_queues_own_delay_of_weeks),
        cmocka_unit_test(a_delay_beyond_the_retention),
        cmocka_unit_test(a_long_delay_can_be_cancelled),
    };
    return cmocka_run_group_tests_name("queue_long_delay", tests, NULL, NULL);
}
