/* Receiving with a heartbeat: hidden for as long as the delivery is held. */
#include "../support/support.h"

#define NS INT64_C(1)
#define TWELVE_HOURS NIMBUS_HOURS(12)

static void hold_for(nimbus_queue *queue, nimbus_delivery *ret, const char *text, nimbus_duration visibility)
{
    nimbus_receive_options options = { .visibility_timeout = visibility, .heartbeat = true };
    size_t count = 0;

    OK(nimbus_queue_receive(queue, 0, &options, ret, 1, &count));
    EQ(count, 1);
    CHECK(bytes_are(nimbus_delivery_body(ret), text));
}

static void hold(nimbus_queue *queue, nimbus_delivery *ret, const char *text)
{
    hold_for(queue, ret, text, 0);
}

static void hidden_while_it_is_held(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(30));
    nimbus_delivery held = { 0 };
    nimbus_delivery_info info = { 0 };

    SEND(queue, "m");
    hold(queue, &held, "m");
    OK(nimbus_delivery_get_info(&held, &info));
    CHECK(info.visible_at >= START_TIME + TWELVE_HOURS);
    ADVANCE(w, NIMBUS_HOURS(11));
    COUNTS(queue, 0, 0, 1);
    RECEIVE_NONE(queue);
    OK(nimbus_delivery_delete(&held));
    COUNTS(queue, 0, 0, 0);
    EQ(METRICS(queue).deleted, 1);
}

/* Whoever forgets it does not hide it for ever. */
static void up_to_the_largest_visibility(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery held = { 0 };
    nimbus_delivery other = { 0 };

    SEND(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(7));
    hold(queue, &held, "m");
    ADVANCE(w, TWELVE_HOURS);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, NS);
    COUNTS(queue, 1, 0, 0);
    RECEIVE(queue, &other, "m");
    EQ(nimbus_delivery_receive_count(&other), 2);
    nimbus_delivery_release(&held); /* too late: it is somebody else's */
    COUNTS(queue, 0, 0, 1);
    OK(nimbus_delivery_delete(&other));
}

static void a_release_brings_it_back_when_it_would_have_come(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(30));
    nimbus_delivery held = { 0 };

    SEND(queue, "m");
    hold(queue, &held, "m");
    ADVANCE(w, NIMBUS_SECONDS(10));
    nimbus_delivery_release(&held);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, NIMBUS_SECONDS(20) - NS);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, NS);
    COUNTS(queue, 1, 0, 0);
    hold(queue, &held, "m");
    EQ(nimbus_delivery_receive_count(&held), 2);
    OK(nimbus_delivery_delete(&held));
}

static void a_release_behind_the_timeout_brings_it_back_at_once(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(30));
    nimbus_delivery held = { 0 };
    async_record record = { 0 };

    SEND(queue, "m");
    hold(queue, &held, "m");
    ADVANCE(w, NIMBUS_SECONDS(31));
    OK(nimbus_queue_receive_async(queue, NIMBUS_HOURS(1), NULL, 1, async_receive, &record, NULL));
    RUN(w);
    EQ(record.calls, 0);
    nimbus_delivery_release(&held); /* and it wakes who waits (SQS-R5) */
    RUN(w);
    EQ(record.calls, 1);
    TEXT(record.body, "m");
    EQ(record.receive_count, 2);
}

static void its_own_visibility_counts_for_the_release(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(30));
    nimbus_delivery held = { 0 };

    SEND(queue, "m");
    hold_for(queue, &held, "m", NIMBUS_SECONDS(100));
    ADVANCE(w, NIMBUS_SECONDS(50));
    nimbus_delivery_release(&held);
    ADVANCE(w, NIMBUS_SECONDS(50) - NS);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, NS);
    COUNTS(queue, 1, 0, 0);
    hold_for(queue, &held, "m", NIMBUS_ZERO);
    RECEIVE_NONE(queue); /* held all the same */
    ADVANCE(w, NIMBUS_SECONDS(50));
    COUNTS(queue, 0, 0, 1);
    nimbus_delivery_release(&held);
    COUNTS(queue, 1, 0, 0);
}

/* The queue's timeout is that of the receive, as it is without a heartbeat. */
static void a_timeout_changed_meanwhile_does_not_count(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(30));
    nimbus_delivery held = { 0 };

    SEND(queue, "m");
    hold(queue, &held, "m");
    OK(nimbus_queue_set_options(queue, &(nimbus_queue_options){ .visibility_timeout = NIMBUS_SECONDS(5) }, &w->err));
    ADVANCE(w, NIMBUS_SECONDS(10));
    nimbus_delivery_release(&held);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, NIMBUS_SECONDS(20));
    COUNTS(queue, 1, 0, 0);
}

static void a_change_of_visibility_ends_it(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(30));
    nimbus_delivery held = { 0 };

    SEND(queue, "m");
    hold(queue, &held, "m");
    OK(nimbus_delivery_extend(&held, NIMBUS_SECONDS(60)));
    nimbus_delivery_release(&held);
    ADVANCE(w, NIMBUS_SECONDS(60) - NS);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, NS);
    COUNTS(queue, 1, 0, 0);
    hold(queue, &held, "m");
    OK(nimbus_delivery_extend(&held, NIMBUS_SECONDS(60)));
    ADVANCE(w, NIMBUS_SECONDS(60)); /* still held, and back */
    COUNTS(queue, 1, 0, 0);
    nimbus_delivery_release(&held);
    COUNTS(queue, 1, 0, 0);
    hold(queue, &held, "m");
    OK(nimbus_queue_change_visibility(queue, nimbus_delivery_receipt(&held), TWELVE_HOURS)); /* the longest that can be asked for */
    nimbus_delivery_release(&held);
    ADVANCE(w, TWELVE_HOURS - NS);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, NS);
    COUNTS(queue, 1, 0, 0);
}

static void a_retry_says_its_own_end(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery held = { 0 };

    SEND(queue, "m");
    hold(queue, &held, "m");
    ADVANCE(w, NIMBUS_HOURS(1));
    OK(nimbus_delivery_retry(&held, NIMBUS_SECONDS(3)));
    ADVANCE(w, NIMBUS_SECONDS(3) - NS);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, NS);
    COUNTS(queue, 1, 0, 0);
    hold(queue, &held, "m");
    OK(nimbus_delivery_retry(&held, 0));
    COUNTS(queue, 1, 0, 0);
}

static void the_retention_counts_on(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .retention = NIMBUS_MINUTES(10));
    nimbus_delivery held = { 0 };

    SEND(queue, "m");
    hold(queue, &held, "m");
    ADVANCE(w, NIMBUS_MINUTES(10) + NIMBUS_MS(1));
    COUNTS(queue, 0, 0, 0);
    CHECK(bytes_are(nimbus_delivery_body(&held), "m"));
    nimbus_delivery_release(&held);
    COUNTS(queue, 0, 0, 0);
    EQ(METRICS(queue).expired, 1);
}

static void a_purge_and_a_delete_of_the_queue_take_it(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery held = { 0 };
    nimbus_delivery other = { 0 };

    SEND(queue, "a");
    hold(queue, &held, "a");
    OK(nimbus_queue_purge(queue, NULL));
    nimbus_delivery_release(&held);
    COUNTS(queue, 0, 0, 0);
    SEND(queue, "b");
    SEND(queue, "c");
    hold(queue, &held, "b");
    hold(queue, &other, "c");
    OK(nimbus_queue_delete(queue));
    nimbus_delivery_release(&held);
    IS(nimbus_delivery_delete(&other), NIMBUS_E_DELETED);
}

static void released_after_the_close(void **state)
{
    world w;
    nimbus_queue *queue;
    nimbus_delivery held = { 0 };
    (void)state;

    world_open(&w, NULL);
    queue = PLAIN_QUEUE(&w, "q");
    SEND(queue, "m");
    hold(queue, &held, "m");
    world_end(&w);
    CHECK(bytes_are(nimbus_delivery_body(&held), "m"));
    nimbus_delivery_release(&held);
    world_check(&w);
}

static void counts_towards_the_dead_letter(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .dead_letter_queue = dead, .max_receive_count = 2);
    nimbus_delivery held = { 0 };
    size_t i;

    SEND(queue, "m");
    for (i = 0; i < 2; i++) {
        hold(queue, &held, "m");
        ADVANCE(w, NIMBUS_MINUTES(1));
        nimbus_delivery_release(&held);
    }
    RECEIVE_NONE(queue);
    COUNTS(queue, 0, 0, 0);
    COUNTS(dead, 1, 0, 0);
}

static void an_occupied_slot_is_released(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(30));
    nimbus_delivery held = { 0 };

    SEND(queue, "m");
    hold(queue, &held, "m");
    ADVANCE(w, NIMBUS_SECONDS(31));
    hold(queue, &held, "m"); /* into the same slot: the message that it held is back, and comes */
    EQ(nimbus_delivery_receive_count(&held), 2);
    OK(nimbus_delivery_delete(&held));
}

static void one_that_waits_has_it_too(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(30));
    nimbus_receive_options options = { .heartbeat = true };
    nimbus_delivery held = { 0 };
    size_t count = 0;

    (void)SEND_DELAYED(queue, "m", NIMBUS_SECONDS(5));
    IS(nimbus_queue_receive(queue, NIMBUS_SECONDS(10), &options, &held, 1, &count), NIMBUS_E_WOULD_BLOCK); /* a manual clock */
    ADVANCE(w, NIMBUS_SECONDS(5));
    OK(nimbus_queue_receive(queue, NIMBUS_SECONDS(10), &options, &held, 1, &count));
    ADVANCE(w, NIMBUS_HOURS(3));
    COUNTS(queue, 0, 0, 1);
    nimbus_delivery_release(&held);
    COUNTS(queue, 1, 0, 0);
}

typedef struct keeper {
    nimbus_delivery moved;
    size_t calls;
    bool keep;
} keeper;

static void keep_it(nimbus_queue *queue, nimbus_status status, nimbus_delivery *deliveries, size_t count, void *user)
{
    keeper *k = user;
    (void)queue;

    k->calls++;
    if (status == NIMBUS_OK && count == 1 && k->keep) {
        k->moved = deliveries[0];
        deliveries[0] = (nimbus_delivery){ 0 };
    }
}

static void an_asynchronous_receive_has_it_too(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(30));
    nimbus_receive_options options = { .heartbeat = true };
    keeper k = { .keep = true };

    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, &options, 1, keep_it, &k, NULL));
    SEND(queue, "m");
    RUN(w);
    EQ(k.calls, 1);
    ADVANCE(w, NIMBUS_HOURS(3));
    COUNTS(queue, 0, 0, 1);
    nimbus_delivery_release(&k.moved);
    COUNTS(queue, 1, 0, 0);
    k.keep = false; /* left to the library, which releases it */
    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, &options, 1, keep_it, &k, NULL));
    RUN(w);
    EQ(k.calls, 2);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, NIMBUS_SECONDS(30));
    COUNTS(queue, 1, 0, 0);
}

/* A waiting thread, with real threads: the clock is manual, the wake-up is not. */
static void a_blocked_thread_and_a_release_by_another(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(30));
    nimbus_delivery held = { 0 };
    receiver r = { .max = 1 };

    SEND(queue, "m");
    hold(queue, &held, "m");
    ADVANCE(w, NIMBUS_SECONDS(31));
    receiver_start(&r, queue, NIMBUS_FOREVER);
    nimbus_delivery_release(&held);
    receiver_join(&r);
    IS(r.status, NIMBUS_OK);
    TEXT(r.body, "m");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(hidden_while_it_is_held),
        DRIVEN(up_to_the_largest_visibility),
        DRIVEN(a_release_brings_it_back_when_it_would_have_come),
        DRIVEN(a_release_behind_the_timeout_brings_it_back_at_once),
        DRIVEN(its_own_visibility_counts_for_the_release),
        DRIVEN(a_timeout_changed_meanwhile_does_not_count),
        DRIVEN(a_change_of_visibility_ends_it),
        DRIVEN(a_retry_says_its_own_end),
        DRIVEN(the_retention_counts_on),
        DRIVEN(a_purge_and_a_delete_of_the_queue_take_it),
        cmocka_unit_test(released_after_the_close),
        DRIVEN(counts_towards_the_dead_letter),
        DRIVEN(an_occupied_slot_is_released),
        DRIVEN(one_that_waits_has_it_too),
        DRIVEN(an_asynchronous_receive_has_it_too),
        THREADED(a_blocked_thread_and_a_release_by_another),
    };
    return cmocka_run_group_tests_name("queue_heartbeat", tests, NULL, NULL);
}
