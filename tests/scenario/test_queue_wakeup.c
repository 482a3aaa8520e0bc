/*
 * SQS-R5: every way in which a message becomes receivable, times every kind of waiter. A source prepares the queue so that nothing can be
 * received, then triggers; a waiter starts in between, must see nothing before the trigger, and exactly one message after it.
 */
#include "../support/support.h"

typedef struct scene {
    world w;
    bool threaded;
    nimbus_queue *queue;  /* that is waited in */
    nimbus_queue *source; /* that it is the dead-letter queue of */
    nimbus_topic *topic;
    nimbus_delivery held;
    nimbus_receipt receipt;
    uint32_t expected_count; /* the receive count of the message that comes */
} scene;

/* ---------------------------------------------------------------------------------------------- sources */

static void prepare_nothing(scene *s)
{
    s->expected_count = 1;
}

static void trigger_send(scene *s)
{
    SEND(s->queue, "m");
}

static void trigger_batch(scene *s)
{
    nimbus_entry entry = entry_of("m");
    OK(nimbus_queue_send_batch(s->queue, &entry, 1, NULL));
}

static void prepare_delay(scene *s)
{
    SEND_DELAYED(s->queue, "m", NIMBUS_SECONDS(2));
    s->expected_count = 1;
}

static void prepare_in_flight(scene *s)
{
    SEND(s->queue, "m");
    RECEIVE_FOR(s->queue, &s->held, "m", NIMBUS_SECONDS(8));
    s->receipt = nimbus_delivery_receipt(&s->held);
    s->expected_count = 2;
}

static void trigger_two_seconds(scene *s)
{
    ADVANCE(&s->w, NIMBUS_SECONDS(2));
}

static void trigger_eight_seconds(scene *s)
{
    ADVANCE(&s->w, NIMBUS_SECONDS(8));
}

static void trigger_change_to_zero(scene *s)
{
    ADVANCE(&s->w, NIMBUS_SECONDS(3));
    OK(nimbus_queue_change_visibility(s->queue, s->receipt, 0));
}

static void trigger_change_to_shorter(scene *s)
{
    OK(nimbus_queue_change_visibility(s->queue, s->receipt, NIMBUS_SECONDS(2)));
    ADVANCE(&s->w, NIMBUS_SECONDS(2));
}

static void trigger_change_batch(scene *s)
{
    nimbus_duration zero = 0;
    OK(nimbus_queue_change_visibility_batch(s->queue, &s->receipt, &zero, 1, NULL));
}

static void trigger_extend_to_zero(scene *s)
{
    OK(nimbus_delivery_extend(&s->held, 0));
}

static void trigger_retry_now(scene *s)
{
    OK(nimbus_delivery_retry(&s->held, 0));
}

static void trigger_retry_later(scene *s)
{
    OK(nimbus_delivery_retry(&s->held, NIMBUS_SECONDS(2)));
    ADVANCE(&s->w, NIMBUS_SECONDS(2));
}

static void trigger_release_and_lapse(scene *s)
{
    nimbus_delivery_release(&s->held);
    ADVANCE(&s->w, NIMBUS_SECONDS(8));
}

static void prepare_dead_letter(scene *s)
{
    s->source = QUEUE(&s->w, "source", .dead_letter_queue = s->queue, .max_receive_count = 1);
    SEND(s->source, "m");
    OK(nimbus_queue_change_visibility(s->source, TAKE(s->source, "m"), 0));
    s->expected_count = 2;
}

static void trigger_dead_letter(scene *s)
{
    RECEIVE_NONE(s->source);
}

/* Held is "first"; "m" is ready, but the limit of one in flight is reached. */
static void prepare_in_flight_limit(scene *s)
{
    SEND(s->queue, "first");
    RECEIVE_FOR(s->queue, &s->held, "first", NIMBUS_HOURS(1));
    s->receipt = nimbus_delivery_receipt(&s->held);
    SEND(s->queue, "m");
    s->expected_count = 1;
}

static void trigger_delete(scene *s)
{
    OK(nimbus_delivery_delete(&s->held));
}

static void trigger_delete_by_receipt(scene *s)
{
    OK(nimbus_queue_delete_message(s->queue, s->receipt));
}

static void prepare_topic(scene *s)
{
    s->topic = nimbus_topic_create(s->w.nb, "topic", NULL, &s->w.err);
    OK(nimbus_topic_subscribe(s->topic, nimbus_to_queue(s->queue), NULL, &s->w.err, NULL));
    s->expected_count = 1;
}

static void trigger_publish(scene *s)
{
    nimbus_entry entry = entry_of("m");
    OK(nimbus_topic_publish(s->topic, &entry, NULL));
}

typedef struct source {
    const char *name;
    void (*prepare)(scene *s);
    void (*trigger)(scene *s);
    bool one_in_flight;
} source;

static const source sources[] = {
    { "send", prepare_nothing, trigger_send, false },
    { "send_batch", prepare_nothing, trigger_batch, false },
    { "publish", prepare_topic, trigger_publish, false },
    { "elapsed delay", prepare_delay, trigger_two_seconds, false },
    { "elapsed visibility", prepare_in_flight, trigger_eight_seconds, false },
    { "released, then elapsed visibility", prepare_in_flight, trigger_release_and_lapse, false },
    { "change visibility to 0", prepare_in_flight, trigger_change_to_zero, false },
    { "change visibility to shorter", prepare_in_flight, trigger_change_to_shorter, false },
    { "change visibility batch", prepare_in_flight, trigger_change_batch, false },
    { "delivery extend to 0", prepare_in_flight, trigger_extend_to_zero, false },
    { "delivery retry now", prepare_in_flight, trigger_retry_now, false },
    { "delivery retry later", prepare_in_flight, trigger_retry_later, false },
    { "dead letter", prepare_dead_letter, trigger_dead_letter, false },
    { "in-flight limit freed by delete", prepare_in_flight_limit, trigger_delete, true },
    { "in-flight limit freed by receipt", prepare_in_flight_limit, trigger_delete_by_receipt, true },
};

/* ---------------------------------------------------------------------------------------------- waiters */

typedef struct waiter {
    receiver thread;
    async_record async;
    handler_record handler;
    nimbus_function *function;
    int fd;
} waiter;

static void start_thread(scene *s, waiter *a)
{
    receiver_start(&a->thread, s->queue, NIMBUS_MINUTES(10));
    EQ(waiters(s->queue), 1);
}

static void end_thread(scene *s, waiter *a)
{
    (void)s;
    receiver_join(&a->thread);
    OK(a->thread.status);
    EQ(a->thread.count, 1);
    TEXT(a->thread.body, "m");
    EQ(a->thread.receive_count, s->expected_count);
}

static bool thread_is_quiet(scene *s, waiter *a)
{
    (void)s;
    return !atomic_load(&a->thread.done);
}

static void start_async(scene *s, waiter *a)
{
    OK(nimbus_queue_receive_async(s->queue, NIMBUS_MINUTES(10), NULL, 1, async_receive, &a->async, NULL));
    RUN(&s->w);
    EQ(waiters(s->queue), 1);
}

static void end_async(scene *s, waiter *a)
{
    RUN(&s->w);
    EVENTUALLY(!s->threaded || atomic_load(&a->async.calls) > 0);
    EQ(a->async.calls, 1);
    IS((nimbus_status)a->async.status, NIMBUS_OK);
    EQ(a->async.count, 1);
    TEXT(a->async.body, "m");
    EQ(a->async.receive_count, s->expected_count);
}

static bool async_is_quiet(scene *s, waiter *a)
{
    (void)s;
    return atomic_load(&a->async.calls) == 0;
}

static void start_mapping(scene *s, waiter *a)
{
    atomic_store(&a->handler.answer, NIMBUS_DONE);
    a->function = nimbus_function_create(s->w.nb, "function", record_handler, &a->handler, NULL, &s->w.err);
    OK(nimbus_function_map(a->function, s->queue, NULL, &s->w.err));
    RUN(&s->w);
    EVENTUALLY(!s->threaded || waiters(s->queue) == 1);
    EQ(waiters(s->queue), 1);
}

static void end_mapping(scene *s, waiter *a)
{
    RUN(&s->w);
    EVENTUALLY(!s->threaded || atomic_load(&a->handler.calls) > 0);
    EQ(a->handler.calls, 1);
    TEXT(a->handler.bodies[0], "m");
    EQ(a->handler.receive_counts[0], s->expected_count);
    RUN(&s->w);
    EVENTUALLY(!s->threaded || METRICS(s->queue).deleted >= 1);
}

static bool mapping_is_quiet(scene *s, waiter *a)
{
    (void)s;
    return atomic_load(&a->handler.calls) == 0;
}

static void start_fd(scene *s, waiter *a)
{
    OK(nimbus_queue_fd(s->queue, &a->fd));
    RUN(&s->w);
}

static void end_fd(scene *s, waiter *a)
{
    nimbus_delivery delivery = { 0 };
    RUN(&s->w);
    CHECK(descriptor_is_readable(a->fd));
    CHECK(descriptor_is_readable(a->fd)); /* level-triggered */
    RECEIVE_FOR(s->queue, &delivery, "m", NIMBUS_HOURS(1));
    EQ(nimbus_delivery_receive_count(&delivery), s->expected_count);
    CHECK(!descriptor_is_readable(a->fd));
    OK(nimbus_delivery_delete(&delivery));
}

static bool fd_is_quiet(scene *s, waiter *a)
{
    (void)s;
    return !descriptor_is_readable(a->fd);
}

typedef struct kind {
    const char *name;
    void (*start)(scene *s, waiter *a);
    bool (*is_quiet)(scene *s, waiter *a);
    void (*end)(scene *s, waiter *a);
    bool driven;
    bool threaded;
} kind;

static const kind kinds[] = {
    { "blocked thread", start_thread, thread_is_quiet, end_thread, false, true },
    { "asynchronous receive", start_async, async_is_quiet, end_async, true, true },
    { "mapping", start_mapping, mapping_is_quiet, end_mapping, true, true },
    { "descriptor", start_fd, fd_is_quiet, end_fd, true, true },
};

static void one_case(const source *from, const kind *to, bool threaded)
{
    nimbus_options options = { 0 };
    scene s;
    waiter a;

    print_message("    %s: %s wakes %s\n", threaded ? "threads" : "driven", from->name, to->name);
    memset(&s, 0, sizeof s);
    memset(&a, 0, sizeof a);
    s.threaded = threaded;
    options.limits.max_in_flight = from->one_in_flight ? 1 : 0;
    if (threaded) {
        world_open_threaded(&s.w, &options);
    } else {
        world_open(&s.w, &options);
    }
    s.queue = QUEUE(&s.w, "q", .visibility_timeout = NIMBUS_HOURS(1));
    from->prepare(&s);
    to->start(&s, &a);
    SETUP_OK(&s.w);
    CHECK(to->is_quiet(&s, &a));
    from->trigger(&s);
    to->end(&s, &a);
    LEDGER(s.queue);
    EQ(METRICS(s.queue).received, METRICS(s.queue).accepted + s.expected_count - 1 - METRICS(s.queue).redriven_in);
    nimbus_delivery_release(&s.held);
    world_close(&s.w);
}

static void all_sources(size_t which)
{
    size_t i;
    for (i = 0; i < COUNT(sources); i++) {
        if (kinds[which].driven) {
            one_case(&sources[i], &kinds[which], false);
        }
        if (kinds[which].threaded) {
            one_case(&sources[i], &kinds[which], true);
        }
    }
}

static void sqs_r5_every_source_wakes_a_blocked_thread(void **state)
{
    (void)state;
    all_sources(0);
}

static void sqs_r5_every_source_wakes_an_asynchronous_receive(void **state)
{
    (void)state;
    all_sources(1);
}

static void sqs_r5_every_source_wakes_a_mapping(void **state)
{
    (void)state;
    all_sources(2);
}

static void sqs_r5_every_source_wakes_a_descriptor(void **state)
{
    (void)state;
    all_sources(3);
}

/* L1: a receiver waits already when a delayed message is sent. */
static void sqs_r5_a_delayed_message_sent_while_one_waits(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    receiver r;

    receiver_start(&r, queue, NIMBUS_SECONDS(10));
    SEND_DELAYED(queue, "m", NIMBUS_SECONDS(2));
    ADVANCE(w, NIMBUS_SECONDS(2) - 1);
    CHECK(!atomic_load(&r.done));
    EQ(waiters(queue), 1);
    ADVANCE(w, 1);
    receiver_join(&r);
    OK(r.status);
    TEXT(r.body, "m");
}

/* L4: the deadline of the waiter and the lapse fall together: whatever wins, the message is not lost. */
static void sqs_r5_lapse_and_end_of_the_wait_together(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(5));
    async_record record = { .delete_all = true };

    SEND(queue, "m");
    (void)TAKE(queue, "m");
    OK(nimbus_queue_receive_async(queue, NIMBUS_SECONDS(5), NULL, 1, async_receive, &record, NULL));
    ADVANCE(w, NIMBUS_SECONDS(5));
    EQ(record.calls, 1);
    if ((nimbus_status)record.status == NIMBUS_OK) {
        COUNTS(queue, 0, 0, 0);
        EQ(record.receive_count, 2);
    } else {
        nimbus_delivery delivery = { 0 };
        IS((nimbus_status)record.status, NIMBUS_EMPTY);
        RECEIVE(queue, &delivery, "m");
        EQ(nimbus_delivery_receive_count(&delivery), 2);
        OK(nimbus_delivery_delete(&delivery));
    }
}

static void the_descriptor_ends_with_what_makes_it_readable(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .retention = NIMBUS_SECONDS(60));
    nimbus_receipt receipt;
    int fd = -1;
    int again = -1;

    SEND(queue, "m");
    OK(nimbus_queue_fd(queue, &fd)); /* made while there is one */
    CHECK(descriptor_is_readable(fd));
    OK(nimbus_queue_fd(queue, &again));
    EQ(fd, again);
    OK(nimbus_queue_purge(queue, NULL));
    CHECK(!descriptor_is_readable(fd));
    SEND(queue, "m");
    CHECK(descriptor_is_readable(fd));
    ADVANCE(w, NIMBUS_SECONDS(61));
    CHECK(!descriptor_is_readable(fd));
    SEND(queue, "a");
    SEND(queue, "b");
    receipt = TAKE(queue, "a");
    CHECK(descriptor_is_readable(fd)); /* b */
    OK(nimbus_queue_delete_message(queue, receipt));
    receipt = TAKE(queue, "b");
    CHECK(!descriptor_is_readable(fd));
    OK(nimbus_queue_change_visibility(queue, receipt, 0));
    CHECK(descriptor_is_readable(fd));
    OK(nimbus_queue_delete_message(queue, receipt)); /* after its lapse */
    CHECK(!descriptor_is_readable(fd));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sqs_r5_every_source_wakes_a_blocked_thread), cmocka_unit_test(sqs_r5_every_source_wakes_an_asynchronous_receive),
        cmocka_unit_test(sqs_r5_every_source_wakes_a_mapping),        cmocka_unit_test(sqs_r5_every_source_wakes_a_descriptor),
        THREADED(sqs_r5_a_delayed_message_sent_while_one_waits),      DRIVEN(sqs_r5_lapse_and_end_of_the_wait_together),
        DRIVEN(the_descriptor_ends_with_what_makes_it_readable),
    };
    return cmocka_run_group_tests_name("queue_wakeup", tests, NULL, NULL);
}
