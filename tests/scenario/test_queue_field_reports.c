/*
 * What users of other implementations of queues reported as wrong: long polls that are not woken, waiters that cost something, memory that
 * grows, receipts that do what they must not. Standard queues; one test a report, at least.
 */
#include "../support/support.h"

#include <dirent.h>
#include <unistd.h>

#define NS INT64_C(1)

/* ------------------------------------------------------------------------------------ long polls, wake-ups */

static void l1_a_delayed_message_comes_to_who_waits_already(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    async_record record = { 0 };

    OK(nimbus_queue_receive_async(queue, NIMBUS_SECONDS(10), NULL, 1, async_receive, &record, NULL));
    (void)SEND_DELAYED(queue, "m", NIMBUS_SECONDS(2));
    ADVANCE(w, NIMBUS_SECONDS(30));
    EQ(record.calls, 1);
    IS((nimbus_status)record.status, NIMBUS_OK);
    EQT(record.at, START_TIME + NIMBUS_SECONDS(2));
}

static void l2_a_shorter_visibility_wakes_who_waits(void **state)
{
    static const nimbus_duration timeouts[] = { 0, NIMBUS_SECONDS(1) };
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    size_t i;

    for (i = 0; i < COUNT(timeouts); i++) {
        async_record record = { .delete_all = true };
        nimbus_time start = nimbus_now(w->nb);
        nimbus_receipt receipt;

        SEND(queue, "m");
        receipt = TAKE_FOR(queue, "m", NIMBUS_HOURS(1));
        OK(nimbus_queue_receive_async(queue, NIMBUS_SECONDS(10), NULL, 1, async_receive, &record, NULL));
        ADVANCE(w, NIMBUS_SECONDS(3));
        EQ(record.calls, 0);
        OK(nimbus_queue_change_visibility(queue, receipt, timeouts[i]));
        ADVANCE(w, NIMBUS_SECONDS(20));
        EQ(record.calls, 1);
        IS((nimbus_status)record.status, NIMBUS_OK);
        EQT(record.at, start + NIMBUS_SECONDS(3) + timeouts[i]);
        EQ(record.receive_count, 2);
    }
}

static void l4_a_lapse_wakes_who_waits(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(5));
    async_record record = { 0 };

    SEND(queue, "m");
    (void)TAKE(queue, "m");
    OK(nimbus_queue_receive_async(queue, NIMBUS_SECONDS(20), NULL, 1, async_receive, &record, NULL));
    ADVANCE(w, NIMBUS_SECONDS(60));
    EQ(record.calls, 1);
    EQT(record.at, START_TIME + NIMBUS_SECONDS(5));
}

/* The wait ends at the very moment at which a message comes: it is received, or it is there with its count unchanged. */
static void l6_a_wait_that_ends_as_a_message_comes(void **state)
{
    world *w = *state;
    nimbus_duration shift;

    for (shift = -1; shift <= 1; shift++) {
        char name[8];
        nimbus_queue *queue;
        async_record record = { .delete_all = true };
        nimbus_delivery delivery = { 0 };

        (void)snprintf(name, sizeof name, "q%d", (int)shift + 1);
        queue = PLAIN_QUEUE(w, name);
        (void)SEND_DELAYED(queue, "m", NIMBUS_SECONDS(5) + shift);
        OK(nimbus_queue_receive_async(queue, NIMBUS_SECONDS(5), NULL, 1, async_receive, &record, NULL));
        ADVANCE(w, NIMBUS_SECONDS(6));
        EQ(record.calls, 1);
        if (record.count == 1) {
            EQ(record.receive_count, 1);
            COUNTS(queue, 0, 0, 0);
        } else {
            IS((nimbus_status)record.status, NIMBUS_EMPTY);
            COUNTS(queue, 1, 0, 0);
            RECEIVE(queue, &delivery, "m");
            EQ(nimbus_delivery_receive_count(&delivery), 1);
            OK(nimbus_delivery_delete(&delivery));
        }
        CHECK((shift < 0) <= (record.count == 1)); /* one that comes before the end is received */
        CHECK((shift > 0) <= (record.count == 0));
    }
}

/* With a queue that moves what was received too often, and a visibility of 0: nothing is "randomly not delivered". */
static void l6_visibility_zero_and_a_dead_letter_queue(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = dead, .max_receive_count = 3);
    size_t received = 0;
    size_t i;

    for (i = 0; i < 100; i++) {
        SEND(queue, "m");
    }
    for (i = 0; i < 500; i++) {
        nimbus_delivery delivery = { 0 };

        if (nimbus_queue_receive(queue, 0, NULL, &delivery, 1, NULL) == NIMBUS_OK) {
            received++;
            nimbus_delivery_release(&delivery);
        }
        EQ(METRICS(queue).ready + METRICS(dead).ready, 100);
    }
    EQ(received, 300);
    COUNTS(dead, 100, 0, 0);
}

/* A cancel and a message that comes: the caller gets it, or it was never assigned. */
static void l7_a_cancelled_wait_loses_no_message(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_receive_task *task = NULL;
    async_record record = { 0 };
    nimbus_delivery delivery = { 0 };

    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &record, &task));
    OK(nimbus_receive_cancel(task));
    SEND(queue, "m");
    RUN(w);
    EQ(record.calls, 1);
    IS((nimbus_status)record.status, NIMBUS_E_CANCELLED);
    COUNTS(queue, 1, 0, 0); /* not hidden for anybody's sake */
    RECEIVE(queue, &delivery, "m");
    EQ(nimbus_delivery_receive_count(&delivery), 1);
    OK(nimbus_delivery_delete(&delivery));
    nimbus_receive_task_release(task);
}

/* Threads of this process; 0: it cannot be told here. */
static size_t threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    size_t count = 0;

    if (tasks != NULL) {
        while ((entry = readdir(tasks)) != NULL) {
            count += entry->d_name[0] != '.';
        }
        (void)closedir(tasks);
    }
    return count;
}

/* How often the threads of this process have slept, and have been made to wait; but for the caller's. */
static unsigned long long switches(void)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    unsigned long long sum = 0;
    char path[320];
    char line[256];

    if (tasks == NULL) {
        return 0;
    }
    while ((entry = readdir(tasks)) != NULL) {
        FILE *status;

        (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        status = entry->d_name[0] != '.' ? fopen(path, "r") : NULL;
        while (status != NULL && fgets(line, sizeof line, status) != NULL) {
            unsigned long long n;

            if (atoi(entry->d_name) != (int)getpid() && sscanf(line, "voluntary_ctxt_switches: %llu", &n) == 1) {
                sum += n;
            }
        }
        if (status != NULL) {
            (void)fclose(status);
        }
    }
    (void)closedir(tasks);
    return sum;
}

static void count_call(nimbus_queue *queue, nimbus_status status, nimbus_delivery *deliveries, size_t count, void *user)
{
    (void)queue;
    (void)status;
    (void)deliveries;
    (void)count;
    atomic_fetch_add((atomic_size_t *)user, 1);
}

/* Counted, not timed: no thread for a waiter, nothing due, and hours of a manual clock wake nobody. */
static void l8_idle_waiters_use_no_processor_and_no_thread(void **state)
{
    enum { WAITERS = 1000 };
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue *other = PLAIN_QUEUE(w, "other");
    nimbus_receive_task *tasks[WAITERS];
    static atomic_size_t calls;
    nimbus_runtime_metrics before = { 0 };
    nimbus_runtime_metrics after = { 0 };
    size_t threads_before = threads();
    unsigned long long slept;
    size_t i;

    atomic_store(&calls, 0);
    OK(nimbus_runtime_get_metrics(w->nb, &before));
    for (i = 0; i < WAITERS; i++) {
        OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, count_call, &calls, &tasks[i]));
    }
    EQ(waiters(queue), WAITERS);
    EQ(threads(), threads_before);
    RUN(w);
    slept = switches();
    for (i = 0; i < 3600; i++) {
        ADVANCE(w, NIMBUS_SECONDS(1));
    }
    for (i = 0; i < 1000; i++) { /* nor do messages elsewhere */
        nimbus_delivery delivery = { 0 };

        SEND(other, "m");
        RECEIVE(other, &delivery, "m");
        OK(nimbus_delivery_delete(&delivery));
    }
    CHECK(switches() - slept < 100); /* not one for a waiter, nor for a second: a few are the system's own */
    EQ(calls, 0);
    OK(nimbus_runtime_get_metrics(w->nb, &after));
    EQ(after.workers, before.workers);
    SEND(queue, "m");
    EVENTUALLY(calls == 1); /* exactly one of them */
    RUN(w);
    EQ(calls, 1);
    EQ(waiters(queue), WAITERS - 1);
    for (i = 0; i < WAITERS; i++) {
        (void)nimbus_receive_cancel(tasks[i]);
        nimbus_receive_task_release(tasks[i]);
    }
    EVENTUALLY(calls == WAITERS);
}

/* Without threads it shows in the time-out of the loop: there is nothing to wake for. */
static void l8_idle_waiters_leave_the_loop_asleep(void **state)
{
    nimbus_queue *queue;
    static async_record records[1000];
    nimbus_error err = { 0 };
    nimbus_runtime *nb;
    size_t i;
    (void)state;

    nb = nimbus_open(&(nimbus_options){ .driven = true }, &err); /* the real clock: a manual one has no time-outs */
    queue = nimbus_queue_create(nb, "q", NULL, &err);
    CHECK(queue != NULL);
    for (i = 0; i < COUNT(records); i++) {
        OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &records[i], NULL));
    }
    EQ((unsigned)nimbus_poll_timeout(nb), (unsigned)-1);
    IS(nimbus_run(nb, 100, NULL), NIMBUS_EMPTY);
    SEND(queue, "m");
    EQ((unsigned)nimbus_poll_timeout(nb), 0);
    OK(nimbus_run(nb, 100, NULL));
    EQ(records[0].calls, 1);
    EQ(records[1].calls, 0);
    OK(nimbus_close(nb, 0, NULL));
}

/* A message that is there comes at once, whatever the wait: no time passes. */
static void l10_a_receive_does_not_wait_beside_a_message(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .receive_wait = NIMBUS_SECONDS(20));
    static const nimbus_duration waits[] = { 0, NIMBUS_DEFAULT, NIMBUS_SECONDS(20), NIMBUS_FOREVER };
    size_t i;

    for (i = 0; i < COUNT(waits); i++) {
        nimbus_delivery delivery = { 0 };

        SEND(queue, "m");
        OK(nimbus_queue_receive(queue, waits[i], NULL, &delivery, 1, NULL));
        OK(nimbus_delivery_delete(&delivery));
        EQT(nimbus_now(w->nb), START_TIME);
    }
}

/* ---------------------------------------------------------------------------- many messages and consumers */

enum { CROWD = 30, MESSAGES = 10000 };

typedef struct crowd {
    nimbus_queue *queue;
    atomic_size_t deleted, wrong;
    atomic_uchar seen[MESSAGES];
} crowd;

static void *consume(void *user)
{
    crowd *c = user;
    nimbus_delivery deliveries[10] = { 0 };
    size_t count;
    size_t i;

    while (atomic_load(&c->deleted) < MESSAGES) {
        nimbus_status status = nimbus_queue_receive(c->queue, 0, NULL, deliveries, 10, &count);

        if (status != NIMBUS_OK) {
            sched_yield();
            continue;
        }
        for (i = 0; i < count; i++) {
            char text[16];
            unsigned n;

            bytes_text(nimbus_delivery_body(&deliveries[i]), text, sizeof text);
            n = (unsigned)atoi(text);
            if (n >= MESSAGES || atomic_fetch_add(&c->seen[n], 1) != 0 || nimbus_delivery_receive_count(&deliveries[i]) != 1) {
                atomic_fetch_add(&c->wrong, 1);
            }
            if (nimbus_delivery_delete(&deliveries[i]) != NIMBUS_OK) {
                atomic_fetch_add(&c->wrong, 1);
            }
            atomic_fetch_add(&c->deleted, 1);
        }
    }
    return NULL;
}

static void l11_ten_thousand_messages_and_thirty_consumers(void **state)
{
    world *w = *state;
    static crowd c;
    pthread_t consumers[CROWD];
    size_t i;

    c.queue = PLAIN_QUEUE(w, "q");
    for (i = 0; i < CROWD; i++) {
        EQ(pthread_create(&consumers[i], NULL, consume, &c), 0);
    }
    for (i = 0; i < MESSAGES; i++) {
        char text[16];

        (void)snprintf(text, sizeof text, "%zu", i);
        SEND(c.queue, text);
    }
    for (i = 0; i < CROWD; i++) {
        EQ(pthread_join(consumers[i], NULL), 0);
    }
    EQ(c.wrong, 0);
    EQ(c.deleted, MESSAGES);
    COUNTS(c.queue, 0, 0, 0);
}

/* ------------------------------------------------------------------------------- receipts and visibility */

static void v1_v2_a_late_delete_ends_the_loop_over_one_message(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(1));
    nimbus_delivery delivery = { 0 };

    SEND(queue, "m");
    RECEIVE(queue, &delivery, "m");
    ADVANCE(w, NIMBUS_SECONDS(5)); /* the worker was slow */
    COUNTS(queue, 1, 0, 0);
    OK(nimbus_delivery_delete(&delivery));
    RECEIVE_NONE(queue);
}

static void v3_a_lapsed_receipt_does_not_hide_the_message_again(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(1));
    nimbus_receipt receipt;

    SEND(queue, "m");
    receipt = TAKE(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(1));
    IS(nimbus_queue_change_visibility(queue, receipt, NIMBUS_HOURS(1)), NIMBUS_E_NOT_INFLIGHT);
    COUNTS(queue, 1, 0, 0);
}

static void v4_v5_an_old_receipt_does_nothing_to_who_has_the_message_now(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(10));
    nimbus_receipt old;
    nimbus_delivery now = { 0 };

    SEND(queue, "m");
    old = TAKE(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(10));
    RECEIVE(queue, &now, "m");
    IS(nimbus_queue_delete_message(queue, old), NIMBUS_STALE);
    IS(nimbus_queue_change_visibility(queue, old, 0), NIMBUS_STALE);
    COUNTS(queue, 0, 0, 1);
    OK(nimbus_delivery_delete(&now));
    COUNTS(queue, 0, 0, 0);
}

static void v5_a_visibility_out_of_range_is_refused_where_it_is_set(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue_options options = { .visibility_timeout = NIMBUS_HOURS(12) + 1 };
    char field[48];

    IS(create_status(w, "other", &options, field), NIMBUS_E_INVALID);
    TEXT(field, "visibility_timeout");
    options.visibility_timeout = INT64_MAX;
    IS(create_status(w, "other", &options, field), NIMBUS_E_INVALID);
    options.visibility_timeout = -5;
    IS(nimbus_queue_set_options(queue, &options, NULL), NIMBUS_E_INVALID);
    SEND(queue, "m");
    (void)TAKE(queue, "m");
}

/* A receipt is of one receive: it is neither the message's id nor that of an earlier receive. */
static void v6_each_receive_has_a_receipt_of_its_own(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(1));
    nimbus_receipt receipts[10];
    nimbus_id id = SEND(queue, "m");
    size_t i;
    size_t k;

    for (i = 0; i < 10; i++) {
        receipts[i] = TAKE(queue, "m");
        for (k = 0; k < i; k++) {
            CHECK(receipts[k].generation != receipts[i].generation);
            CHECK(nimbus_failed(nimbus_queue_delete_message(queue, (nimbus_receipt){ id.instance, id.number })));
            IS(nimbus_queue_delete_message(queue, receipts[k]), NIMBUS_STALE);
        }
        ADVANCE(w, NIMBUS_SECONDS(1));
    }
    COUNTS(queue, 1, 0, 0);
}

static void v7_the_visibility_of_the_queue_is_used(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(3));

    SEND(queue, "m");
    (void)TAKE(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(3) - NS);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, NS);
    COUNTS(queue, 1, 0, 0);
}

static void v8_v9_a_bad_receipt_fails_and_only_itself(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_queue *other = PLAIN_QUEUE(w, "other");
    nimbus_receipt receipts[4];
    nimbus_duration timeouts[4] = { NIMBUS_SECONDS(5), NIMBUS_SECONDS(5), NIMBUS_SECONDS(5), NIMBUS_SECONDS(5) };
    nimbus_status statuses[4];

    SEND(other, "x");
    receipts[1] = TAKE(other, "x"); /* of another queue */
    SEND(queue, "a");
    SEND(queue, "b");
    receipts[0] = TAKE(queue, "a");
    receipts[2] = (nimbus_receipt){ UINT64_C(0x1234567890abcdef), UINT64_C(0xfedcba0987654321) }; /* rubbish */
    receipts[3] = TAKE(queue, "b");
    IS(nimbus_queue_change_visibility_batch(queue, receipts, timeouts, 4, statuses), NIMBUS_PARTIAL);
    OK(statuses[0]);
    IS(statuses[1], NIMBUS_E_RECEIPT);
    IS(statuses[2], NIMBUS_E_RECEIPT);
    OK(statuses[3]);
    IS(nimbus_queue_delete_batch(queue, receipts, 4, statuses), NIMBUS_PARTIAL);
    OK(statuses[0]);
    IS(statuses[1], NIMBUS_E_RECEIPT);
    IS(statuses[2], NIMBUS_E_RECEIPT);
    OK(statuses[3]);
    COUNTS(queue, 0, 0, 0);
    COUNTS(other, 0, 0, 1);
}

static void v10_a_change_of_visibility_has_its_effect(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(10));
    nimbus_receipt receipt;

    SEND(queue, "m");
    receipt = TAKE(queue, "m");
    ADVANCE(w, NIMBUS_SECONDS(4));
    OK(nimbus_queue_change_visibility(queue, receipt, NIMBUS_SECONDS(60)));
    ADVANCE(w, NIMBUS_SECONDS(60) - NS);
    COUNTS(queue, 0, 0, 1);
    ADVANCE(w, NS);
    COUNTS(queue, 1, 0, 0);
}

/* A body of spaces is a body: its bytes come back exactly. */
static void v11_a_body_of_spaces_is_kept_exactly(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery delivery = { 0 };

    SEND(queue, "   ");
    RECEIVE(queue, &delivery, "   ");
    EQ(nimbus_delivery_body(&delivery).size, 3);
    OK(nimbus_delivery_delete(&delivery));
}

/* ---------------------------------------------------------------------------------------- purge, receive */

static void p1_no_ghosts_after_a_purge(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(10));
    nimbus_delivery deliveries[10] = { 0 };
    nimbus_receipt old;
    size_t count = 0;
    size_t i;

    for (i = 0; i < 10; i++) {
        SEND(queue, "old");
        (void)SEND_DELAYED(queue, "old", NIMBUS_SECONDS(5));
    }
    old = TAKE(queue, "old");
    OK(nimbus_queue_purge(queue, NULL));
    for (i = 0; i < 10; i++) {
        SEND(queue, "new"); /* into the slots of the old ones */
    }
    OK(nimbus_queue_delete_message(queue, old)); /* silently, and none of the new ones */
    ADVANCE(w, NIMBUS_SECONDS(20));
    COUNTS(queue, 10, 0, 0);
    OK(nimbus_queue_receive(queue, 0, NULL, deliveries, 10, &count));
    EQ(count, 10);
    for (i = 0; i < count; i++) {
        CHECK(bytes_are(nimbus_delivery_body(&deliveries[i]), "new"));
        EQ(nimbus_delivery_receive_count(&deliveries[i]), 1); /* even counts */
        OK(nimbus_delivery_delete(&deliveries[i]));
    }
}

static void p2_ten_asked_ten_received(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery deliveries[10] = { 0 };
    size_t count = 0;
    size_t i;

    for (i = 0; i < 25; i++) {
        SEND(queue, "m");
    }
    for (i = 0; i < 3; i++) {
        size_t k;

        OK(nimbus_queue_receive(queue, 0, NULL, deliveries, 10, &count));
        EQ(count, i < 2 ? 10 : 5);
        for (k = 0; k < count; k++) {
            OK(nimbus_delivery_delete(&deliveries[k]));
        }
    }
}

/* ------------------------------------------------------------------------------------------------- peek */

/* Peek shows every state and until when; nothing changes by it (W1). */
static void w1_peek_in_every_state_with_its_end(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_SECONDS(30));
    nimbus_peeked peeked[5];
    size_t count = 0;
    size_t i;

    SEND(queue, "in flight");
    (void)TAKE(queue, "in flight");
    SEND(queue, "ready");
    (void)SEND_DELAYED(queue, "delayed", NIMBUS_SECONDS(7));
    ADVANCE(w, NIMBUS_SECONDS(2));
    OK(nimbus_queue_peek(queue, peeked, COUNT(peeked), &count));
    EQ(count, 3);
    CHECK(bytes_are(nimbus_message_body(peeked[0].message), "ready"));
    EQ(peeked[0].state, NIMBUS_STATE_READY);
    EQT(peeked[0].until, 0);
    EQ(peeked[0].receive_count, 0);
    CHECK(bytes_are(nimbus_message_body(peeked[1].message), "delayed"));
    EQ(peeked[1].state, NIMBUS_STATE_DELAYED);
    EQT(peeked[1].until, START_TIME + NIMBUS_SECONDS(7));
    CHECK(bytes_are(nimbus_message_body(peeked[2].message), "in flight"));
    EQ(peeked[2].state, NIMBUS_STATE_IN_FLIGHT);
    EQT(peeked[2].until, START_TIME + NIMBUS_SECONDS(30));
    EQ(peeked[2].receive_count, 1);
    EQT(peeked[2].sent, START_TIME);
    for (i = 0; i < count; i++) {
        nimbus_message_release(peeked[i].message);
    }
    COUNTS(queue, 1, 1, 1);
    EQ(METRICS(queue).received, 1);
    EQ(METRICS(queue).empty_receives, 0);
    OK(nimbus_queue_peek(queue, peeked, 1, &count)); /* as many as asked */
    EQ(count, 1);
    nimbus_message_release(peeked[0].message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(l1_a_delayed_message_comes_to_who_waits_already),
        DRIVEN(l2_a_shorter_visibility_wakes_who_waits),
        DRIVEN(l4_a_lapse_wakes_who_waits),
        DRIVEN(l6_a_wait_that_ends_as_a_message_comes),
        DRIVEN(l6_visibility_zero_and_a_dead_letter_queue),
        DRIVEN(l7_a_cancelled_wait_loses_no_message),
        THREADED(l8_idle_waiters_use_no_processor_and_no_thread),
        cmocka_unit_test(l8_idle_waiters_leave_the_loop_asleep),
        DRIVEN(l10_a_receive_does_not_wait_beside_a_message),
        THREADED(l11_ten_thousand_messages_and_thirty_consumers),
        DRIVEN(v1_v2_a_late_delete_ends_the_loop_over_one_message),
        DRIVEN(v3_a_lapsed_receipt_does_not_hide_the_message_again),
        DRIVEN(v4_v5_an_old_receipt_does_nothing_to_who_has_the_message_now),
        DRIVEN(v5_a_visibility_out_of_range_is_refused_where_it_is_set),
        DRIVEN(v6_each_receive_has_a_receipt_of_its_own),
        DRIVEN(v7_the_visibility_of_the_queue_is_used),
        DRIVEN(v8_v9_a_bad_receipt_fails_and_only_itself),
        DRIVEN(v10_a_change_of_visibility_has_its_effect),
        DRIVEN(v11_a_body_of_spaces_is_kept_exactly),
        DRIVEN(p1_no_ghosts_after_a_purge),
        DRIVEN(p2_ten_asked_ten_received),
        DRIVEN(w1_peek_in_every_state_with_its_end),
    };
    return cmocka_run_group_tests_name("queue_field_reports", tests, NULL, NULL);
}
