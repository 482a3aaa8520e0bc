/* test_queue_fair.c - fair queues: a noisy tenant does not keep the others waiting (SQS-N1 to N8). */
#include "support.h"

#include <pthread.h>

#define FAIR(w, name, ...) QUEUE(w, name, .fair = true, __VA_ARGS__)
#define NOISY 30

static void send_to(nimbus_queue *queue, const char *tenant, const char *text, size_t count)
{
    nimbus_entry entry = entry_of(text);

    entry.group_id = tenant;
    while (count-- > 0) {
        OK(nimbus_queue_send(queue, &entry, NULL));
    }
}

static nimbus_receipt receive_of(nimbus_queue *queue, const char *tenant, const char *text)
{
    nimbus_receive_options options = { .group_id = tenant };
    nimbus_delivery delivery = { 0 };
    nimbus_receipt receipt;

    OK(nimbus_queue_receive(queue, 0, &options, &delivery, 1, NULL));
    CHECK(bytes_are(nimbus_delivery_body(&delivery), text));
    receipt = nimbus_delivery_receipt(&delivery);
    nimbus_delivery_release(&delivery);
    return receipt;
}

/* So many are taken, each with that text; their receipts go to ret, unless it is NULL. */
static void take_many(nimbus_queue *queue, const char *text, size_t count, nimbus_receipt *ret)
{
    for (size_t i = 0; i < count; i++) {
        nimbus_receipt receipt = TAKE(queue, text);

        if (ret != NULL) {
            ret[i] = receipt;
        }
    }
}

/* No order and no lock within a tenant, and no sequence; a receipt is that of a standard queue (SQS-V8, V9). */
static void sqs_n1_a_group_id_names_a_tenant(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FAIR(w, "q", .visibility_timeout = NIMBUS_SECONDS(10));
    nimbus_entry entry = entry_of("3");
    nimbus_delivery_info info;
    nimbus_delivery delivery = { 0 };
    nimbus_sent sent;
    nimbus_receipt first;

    send_to(queue, "a", "1", 1);
    send_to(queue, "a", "2", 1);
    entry.group_id = "a";
    OK(nimbus_queue_send(queue, &entry, &sent));
    EQ(sent.sequence, 0);
    first = TAKE(queue, "1");
    RECEIVE(queue, &delivery, "2");
    OK(nimbus_delivery_get_info(&delivery, &info));
    EQ(info.sequence, 0);
    TEXT(info.group_id, "a");
    OK(nimbus_delivery_delete(&delivery));
    (void)receive_of(queue, "a", "3");
    EQ(METRICS(queue).groups, 1);
    EQ(METRICS(queue).groups_locked, 0);
    ADVANCE(w, NIMBUS_SECONDS(20));
    OK(nimbus_queue_delete_message(queue, first)); /* it has lapsed, nobody has it: it goes all the same */
    COUNTS(queue, 1, 0, 0);
    (void)TAKE(queue, "3");
    RECEIVE_NONE(queue);
}

/* However many of them are at work, those without a group id are quiet. */
static void sqs_n2_without_a_group_id_it_is_a_tenant_of_its_own(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FAIR(w, "q", .delay = 0);

    send_to(queue, NULL, "own", 40);
    send_to(queue, "a", "a", 1);
    take_many(queue, "own", 39, NULL);
    EQ(METRICS(queue).noisy_groups, 0);
    EQ(METRICS(queue).groups, 1);
    (void)TAKE(queue, "own");
    (void)TAKE(queue, "a");
}

/* 30 in flight make it noisy, 29 do not; nor do 30 that are not more than a tenth. */
static void sqs_n3_noisy_by_what_is_in_flight(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FAIR(w, "q", .delay = 0);
    char tenant[8];

    send_to(queue, "loud", "loud", 100);
    send_to(queue, "quiet", "quiet", 1);
    take_many(queue, "loud", NOISY - 1, NULL);
    EQ(METRICS(queue).noisy_groups, 0);
    (void)TAKE(queue, "loud");
    EQ(METRICS(queue).noisy_groups, 1);
    for (int i = 0; i < 270; i++) { /* now it has 30 of 300 */
        snprintf(tenant, sizeof tenant, "t%d", i);
        send_to(queue, tenant, "other", 1);
        (void)receive_of(queue, tenant, "other");
    }
    EQ(METRICS(queue).noisy_groups, 0);
    (void)TAKE(queue, "loud"); /* the oldest; 31 of 301 are too many again */
    EQ(METRICS(queue).noisy_groups, 1);
    (void)TAKE(queue, "quiet");
}

/* None in flight, but it took all the time of the last minute; which counts only while there are enough consumers to see it. */
static void sqs_n3_noisy_by_processing_time(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FAIR(w, "q", .visibility_timeout = NIMBUS_MINUTES(10));
    nimbus_receipt slow[5];
    char tenant[8];

    send_to(queue, "slow", "slow", 20);
    take_many(queue, "slow", 5, slow);
    ADVANCE(w, NIMBUS_SECONDS(20));
    for (int i = 0; i < 5; i++) {
        OK(nimbus_queue_delete_message(queue, slow[i]));
    }
    for (int i = 0; i < NOISY; i++) {
        EQ(METRICS(queue).noisy_groups, 0);
        snprintf(tenant, sizeof tenant, "t%d", i);
        send_to(queue, tenant, "other", 1);
        (void)receive_of(queue, tenant, "other");
    }
    EQ(METRICS(queue).noisy_groups, 1);
    send_to(queue, "quiet", "quiet", 1);
    (void)TAKE(queue, "quiet");
    (void)TAKE(queue, "slow");
    send_to(queue, "quiet", "quiet", 1);
    ADVANCE(w, NIMBUS_SECONDS(150));
    EQ(METRICS(queue).noisy_groups, 0); /* the time is forgotten */
    (void)TAKE(queue, "slow");
}

/* Quiet ones first; the noisy one is served when nobody else waits, and loses nothing. */
static void sqs_n4_quiet_tenants_first(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FAIR(w, "q", .delay = 0);

    send_to(queue, "loud", "loud", 200);
    send_to(queue, "a", "a", 2);
    take_many(queue, "loud", NOISY, NULL);
    send_to(queue, "b", "b", 1);
    (void)TAKE(queue, "a");
    (void)TAKE(queue, "a");
    (void)TAKE(queue, "b");
    (void)TAKE(queue, "loud");
    send_to(queue, NULL, "own", 1);
    (void)TAKE(queue, "own");
    take_many(queue, "loud", 200 - NOISY - 1, NULL);
    RECEIVE_NONE(queue);
    COUNTS(queue, 0, 0, 204);
}

static void sqs_n5_of_noisy_ones_that_with_the_fewest_in_flight(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FAIR(w, "q", .delay = 0);

    send_to(queue, "a", "a", 100);
    send_to(queue, "b", "b", 100);
    for (int i = 0; i < NOISY + 5; i++) {
        (void)receive_of(queue, "a", "a");
    }
    for (int i = 0; i < NOISY; i++) {
        (void)receive_of(queue, "b", "b");
    }
    EQ(METRICS(queue).noisy_groups, 2);
    take_many(queue, "b", 5, NULL); /* though a's have waited for longer */
    (void)TAKE(queue, "a");
    (void)TAKE(queue, "b");
}

static void sqs_n6_quiet_again(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FAIR(w, "q", .visibility_timeout = NIMBUS_HOURS(1));

    send_to(queue, "loud", "loud", NOISY + 3);
    take_many(queue, "loud", NOISY, NULL);
    EQ(METRICS(queue).noisy_groups, 1);
    take_many(queue, "loud", 3, NULL);
    EQ(METRICS(queue).noisy_groups, 0); /* nothing of it waits */
    send_to(queue, "loud", "loud", 3);
    EQ(METRICS(queue).noisy_groups, 1);
    ADVANCE(w, NIMBUS_MINUTES(5) - 1);
    send_to(queue, "quiet", "quiet", 2);
    (void)TAKE(queue, "quiet");
    ADVANCE(w, 1);
    EQ(METRICS(queue).noisy_groups, 0); /* it was sent nothing for 5 minutes */
    (void)TAKE(queue, "loud");
    send_to(queue, "loud", "loud", 1);
    (void)TAKE(queue, "quiet");
}

/* With few consumers it is the order of any standard queue. */
static void sqs_n7_with_few_in_flight_nothing_changes(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FAIR(w, "q", .delay = 0);

    send_to(queue, "loud", "loud", 300);
    send_to(queue, "quiet", "quiet", 1);
    for (int i = 0; i < 300; i++) {
        nimbus_receipt receipt = TAKE(queue, "loud");

        ADVANCE(w, NIMBUS_MS(10));
        OK(nimbus_queue_delete_message(queue, receipt));
    }
    (void)TAKE(queue, "quiet");
}

/* One short of where shares begin to tell: it took all the time, and is served first all the same, for it came first. */
static void sqs_n7_nobody_is_noisy_one_short_of_enough(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FAIR(w, "q", .visibility_timeout = NIMBUS_MINUTES(10));
    nimbus_receipt slow;

    send_to(queue, "slow", "slow", 3);
    slow = TAKE(queue, "slow");
    ADVANCE(w, NIMBUS_SECONDS(20));
    OK(nimbus_queue_delete_message(queue, slow));
    for (int i = 0; i < NOISY - 1; i++) {
        send_to(queue, "other", "other", 1);
        (void)receive_of(queue, "other", "other");
    }
    send_to(queue, "quiet", "quiet", 1);
    (void)TAKE(queue, "slow"); /* now they are enough */
    (void)TAKE(queue, "quiet");
    (void)TAKE(queue, "slow");
}

/* A move task takes what waits, of whomever. */
static void what_a_noisy_one_has_is_moved_too(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FAIR(w, "q", .delay = 0), *to = PLAIN_QUEUE(w, "to");
    nimbus_move_task *task;

    send_to(queue, "loud", "loud", NOISY + 5);
    send_to(queue, "quiet", "quiet", 2);
    take_many(queue, "loud", NOISY, NULL);
    (void)TAKE(queue, "quiet"); /* which looks who is noisy */
    EQ(METRICS(queue).noisy_groups, 1);
    task = nimbus_queue_redrive(queue, &(nimbus_redrive_options){ .destination = to, .any_source = true }, &w->err);
    SETUP_OK(w);
    RUN(w);
    OK(nimbus_move_task_wait(task, 0));
    nimbus_move_task_release(task);
    COUNTS(queue, 0, 0, NOISY + 1);
    COUNTS(to, 6, 0, 0);
}

static void sqs_n8_nobody_starves(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FAIR(w, "q", .delay = 0);
    nimbus_delivery batch[10];
    size_t count;

    memset(batch, 0, sizeof batch);
    send_to(queue, "loud", "loud", 10000);
    send_to(queue, "a", "a", 1);
    send_to(queue, "b", "b", 1);
    send_to(queue, "c", "c", 1);
    for (int i = 0; i < NOISY / 10; i++) {
        OK(nimbus_queue_receive(queue, 0, NULL, batch, 10, &count));
        EQ(count, 10);
        for (size_t n = 0; n < count; n++) {
            CHECK(bytes_are(nimbus_delivery_body(&batch[n]), "loud"));
            nimbus_delivery_release(&batch[n]);
        }
    }
    (void)TAKE(queue, "a");
    (void)TAKE(queue, "b");
    (void)TAKE(queue, "c");
    (void)TAKE(queue, "loud");
}

/* Each message once in a receive, also without visibility (SQS-R11). */
static void no_message_twice_in_a_receive(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FAIR(w, "q", .visibility_timeout = NIMBUS_ZERO);
    nimbus_delivery batch[10];
    size_t count;

    memset(batch, 0, sizeof batch);
    send_to(queue, "a", "a", 2);
    send_to(queue, NULL, "own", 1);
    OK(nimbus_queue_receive(queue, 0, NULL, batch, 10, &count));
    EQ(count, 3);
    for (size_t i = 0; i < count; i++) {
        nimbus_delivery_release(&batch[i]);
    }
    COUNTS(queue, 3, 0, 0);
}

static void fixed_and_checked(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FAIR(w, "q", .delay = 0), *plain = PLAIN_QUEUE(w, "plain");
    nimbus_error err = { 0 };
    char field[48];

    IS(create_status(w, "a", &(nimbus_queue_options){ .fair = true, .overflow = NIMBUS_OVERFLOW_DROP_OLDEST }, field), NIMBUS_E_INVALID);
    TEXT(field, "overflow");
    IS(create_status(w, "a.fifo", &(nimbus_queue_options){ .fair = true, .fifo = true }, field), NIMBUS_E_INVALID);
    TEXT(field, "fair");
    IS(nimbus_queue_set_options(queue, &(nimbus_queue_options){ .delay = 0 }, &err), NIMBUS_E_INVALID);
    TEXT(err.field, "fair");
    err = (nimbus_error){ 0 };
    IS(nimbus_queue_set_options(plain, &(nimbus_queue_options){ .fair = true }, &err), NIMBUS_E_INVALID);
    err = (nimbus_error){ 0 };
    OK(nimbus_queue_set_options(queue, &(nimbus_queue_options){ .fair = true, .visibility_timeout = NIMBUS_SECONDS(1) }, &err));
    CHECK(nimbus_queue_create(w->nb, "plain", &(nimbus_queue_options){ .fair = true }, &err) == NULL);
    TEXT(err.field, "fair");
}

static void worn_ones_go_to_the_dead_letters(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = FAIR(w, "q", .dead_letter_queue = dead, .max_receive_count = 1, .visibility_timeout = NIMBUS_SECONDS(1));
    nimbus_queue_explanation why;
    nimbus_peeked peeked[4];
    size_t count;

    send_to(queue, "a", "1", 1);
    (void)TAKE(queue, "1");
    OK(nimbus_queue_explain(queue, "a", &why));
    EQ(why.why, NIMBUS_WHY_IN_FLIGHT);
    ADVANCE(w, NIMBUS_SECONDS(2));
    send_to(queue, "a", "2", 1);
    send_to(queue, NULL, "own", 1);
    OK(nimbus_queue_peek(queue, peeked, 4, &count));
    EQ(count, 3);
    for (size_t i = 0; i < count; i++) {
        EQ(peeked[i].state, NIMBUS_STATE_READY);
        EQ(peeked[i].sequence, 0);
        nimbus_message_release(peeked[i].message);
    }
    OK(nimbus_queue_explain(queue, NULL, &why));
    EQ(why.why, NIMBUS_WHY_RECEIVABLE);
    (void)TAKE(queue, "2");
    COUNTS(dead, 1, 0, 0);
    (void)TAKE(dead, "1");
    (void)TAKE(queue, "own");
    OK(nimbus_queue_purge(queue, NULL));
    COUNTS(queue, 0, 0, 0);
    EQ(METRICS(queue).groups, 0);
}

static void at_the_limit_in_flight(void **state)
{
    nimbus_options options = { .limits = { .max_in_flight = 2 } };
    nimbus_delivery delivery = { 0 };
    nimbus_queue *queue;
    world own;

    (void)state;
    world_open(&own, &options);
    queue = FAIR(&own, "q", .delay = 0);
    send_to(queue, "a", "a", 3);
    (void)TAKE(queue, "a");
    (void)TAKE(queue, "a");
    IS(nimbus_queue_receive(queue, 0, NULL, &delivery, 1, NULL), NIMBUS_E_OVER_LIMIT);
    world_close(&own);
}

#define SENDS 2000

static void *send_and_settle(void *user)
{
    nimbus_queue *queue = user;
    nimbus_delivery batch[4];
    size_t count;

    memset(batch, 0, sizeof batch);
    for (int i = 0; i < SENDS; i++) {
        send_to(queue, i % 3 == 0 ? NULL : i % 3 == 1 ? "a" : "b", "x", 1);
        if (nimbus_queue_receive(queue, 0, NULL, batch, 1 + (size_t)i % 4, &count) == NIMBUS_OK) {
            for (size_t n = 0; n < count; n++) {
                if (n % 3 == 2) {
                    OK(nimbus_delivery_retry(&batch[n], 0));
                } else {
                    OK(nimbus_delivery_delete(&batch[n]));
                }
            }
        }
    }
    return NULL;
}

static void many_at_once(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FAIR(w, "q", .delay = 0);
    nimbus_queue_metrics metrics;
    nimbus_delivery delivery = { 0 };
    pthread_t threads[4];

    for (int i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, send_and_settle, queue) == 0);
    }
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    while (nimbus_queue_receive(queue, 0, NULL, &delivery, 1, NULL) == NIMBUS_OK) {
        OK(nimbus_delivery_delete(&delivery));
    }
    metrics = METRICS(queue);
    EQ(metrics.deleted, 4 * SENDS);
    EQ(metrics.ready + metrics.in_flight + metrics.groups, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(sqs_n1_a_group_id_names_a_tenant),
        DRIVEN(sqs_n2_without_a_group_id_it_is_a_tenant_of_its_own),
        DRIVEN(sqs_n3_noisy_by_what_is_in_flight),
        DRIVEN(sqs_n3_noisy_by_processing_time),
        DRIVEN(sqs_n4_quiet_tenants_first),
        DRIVEN(sqs_n5_of_noisy_ones_that_with_the_fewest_in_flight),
        DRIVEN(sqs_n6_quiet_again),
        DRIVEN(sqs_n7_with_few_in_flight_nothing_changes),
        DRIVEN(sqs_n7_nobody_is_noisy_one_short_of_enough),
        DRIVEN(what_a_noisy_one_has_is_moved_too),
        DRIVEN(sqs_n8_nobody_starves),
        DRIVEN(no_message_twice_in_a_receive),
        DRIVEN(fixed_and_checked),
        DRIVEN(worn_ones_go_to_the_dead_letters),
        DRIVEN(at_the_limit_in_flight),
        THREADED(many_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
