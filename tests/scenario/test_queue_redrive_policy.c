/* The redrive policy: who may name a dead-letter queue, eager moves, policies that change, the age of a dead letter (SQS-D). */
#include "../support/support.h"

#define TEN_SECONDS NIMBUS_SECONDS(10)

static void sqs_d14_all_are_allowed_unless_it_says_otherwise(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue_options options = { 0 };

    OK(nimbus_queue_get_options(dead, &options));
    EQ(options.redrive_permission, NIMBUS_REDRIVE_ALLOW_ALL);
    EQ(options.redrive_source_count, 0);
    CHECK(options.redrive_sources == NULL);
    (void)QUEUE(w, "q", .dead_letter_queue = dead, .max_receive_count = 1);
}

static void sqs_d14_deny_all(void **state)
{
    world *w = *state;
    nimbus_queue *dead = QUEUE(w, "dead", .redrive_permission = NIMBUS_REDRIVE_DENY_ALL);
    nimbus_queue_options options = { .dead_letter_queue = dead, .max_receive_count = 3 };
    nimbus_queue *queue;
    nimbus_error err = { 0 };
    char field[48];

    IS(create_status(w, "q", &options, field), NIMBUS_E_INVALID);
    TEXT(field, "dead_letter_queue");
    CHECK(nimbus_queue_find(w->nb, "q", &err) == NULL); /* nothing was made */
    queue = PLAIN_QUEUE(w, "q");
    err = (nimbus_error){ 0 };
    IS(nimbus_queue_set_options(queue, &options, &err), NIMBUS_E_INVALID);
    TEXT(err.field, "dead_letter_queue");
    OK(nimbus_queue_get_options(queue, &options));
    CHECK(options.dead_letter_queue == NULL); /* and nothing was changed */
}

static void sqs_d14_by_queue_names_the_sources(void **state)
{
    static char first[] = "first";
    world *w = *state;
    const char *names[] = { first, "second" };
    nimbus_queue *dead = QUEUE(w, "dead", .redrive_permission = NIMBUS_REDRIVE_BY_QUEUE, .redrive_sources = names,
                               .redrive_source_count = 2);
    nimbus_queue_options options = { .dead_letter_queue = dead, .max_receive_count = 3 };
    nimbus_queue_options shown = { 0 };
    nimbus_queue *queue;
    char field[48];

    first[0] = 'X'; /* they were copied */
    (void)test_queue(w, "first", &options, __FILE__, __LINE__);
    IS(create_status(w, "third", &options, field), NIMBUS_E_INVALID);
    IS(create_status(w, "Xirst", &options, field), NIMBUS_E_INVALID);
    queue = PLAIN_QUEUE(w, "second");
    OK(nimbus_queue_set_options(queue, &options, NULL));
    OK(nimbus_queue_get_options(dead, &shown));
    EQ(shown.redrive_source_count, 2);
    TEXT(shown.redrive_sources[0], "first");
    TEXT(shown.redrive_sources[1], "second");
    OK(nimbus_queue_set_options(dead, &shown, NULL)); /* got, edited, set: from our own copy */
    OK(nimbus_queue_get_options(dead, &shown));
    TEXT(shown.redrive_sources[1], "second");
    first[0] = 'f';
}

static void sqs_d14_what_was_set_before_stays(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = dead, .max_receive_count = 1);
    nimbus_queue *other = PLAIN_QUEUE(w, "other");
    nimbus_queue_options options = { 0 };

    OK(nimbus_queue_set_options(dead, &(nimbus_queue_options){ .redrive_permission = NIMBUS_REDRIVE_DENY_ALL }, NULL));
    OK(nimbus_queue_get_options(queue, &options));
    options.max_receive_count = 2;
    OK(nimbus_queue_set_options(queue, &options, NULL)); /* it has this dead letter already */
    SEND(queue, "m");
    RECEIVE(queue, NULL, "m");
    RECEIVE(queue, NULL, "m");
    RECEIVE_NONE(queue);
    COUNTS(dead, 1, 0, 0);
    IS(nimbus_queue_set_options(other, &options, NULL), NIMBUS_E_INVALID);
    OK(nimbus_queue_set_options(queue, NULL, NULL));
    IS(nimbus_queue_set_options(queue, &options, NULL), NIMBUS_E_INVALID); /* once it has let go, it is a new one */
}

static void sqs_d14_what_cannot_be(void **state)
{
    world *w = *state;
    const char *names[11] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k" };
    const char *hole[2] = { "a", NULL };
    const char *empty[1] = { "" };
    const nimbus_queue_options wrong[] = {
        { .redrive_permission = (nimbus_redrive_permission)3 },
        { .redrive_permission = NIMBUS_REDRIVE_BY_QUEUE },
        { .redrive_permission = NIMBUS_REDRIVE_BY_QUEUE, .redrive_sources = names },
        { .redrive_permission = NIMBUS_REDRIVE_BY_QUEUE, .redrive_source_count = 1 },
        { .redrive_permission = NIMBUS_REDRIVE_BY_QUEUE, .redrive_sources = names, .redrive_source_count = 11 },
        { .redrive_permission = NIMBUS_REDRIVE_BY_QUEUE, .redrive_sources = hole, .redrive_source_count = 2 },
        { .redrive_permission = NIMBUS_REDRIVE_BY_QUEUE, .redrive_sources = empty, .redrive_source_count = 1 },
        { .redrive_permission = NIMBUS_REDRIVE_DENY_ALL, .redrive_sources = names, .redrive_source_count = 1 },
        { .redrive_sources = names, .redrive_source_count = 1 },
    };
    char field[48];
    size_t i;

    for (i = 0; i < COUNT(wrong); i++) {
        IS(create_status(w, "q", &wrong[i], field), NIMBUS_E_INVALID);
        TEXT(field, i == 0 ? "redrive_permission" : "redrive_sources");
    }
    (void)QUEUE(w, "ten", .redrive_permission = NIMBUS_REDRIVE_BY_QUEUE, .redrive_sources = names, .redrive_source_count = 10);
    IS(create_status(w, "ten", &(nimbus_queue_options){ .redrive_permission = NIMBUS_REDRIVE_DENY_ALL }, field), NIMBUS_E_EXISTS);
    TEXT(field, "redrive_permission");
    IS(create_status(w, "ten",
                     &(nimbus_queue_options){
                         .redrive_permission = NIMBUS_REDRIVE_BY_QUEUE, .redrive_sources = names, .redrive_source_count = 9 },
                     field),
       NIMBUS_E_EXISTS);
    TEXT(field, "redrive_sources");
    IS(create_status(w, "eager", &(nimbus_queue_options){ .eager_dead_letter = true }, field), NIMBUS_E_INVALID);
    TEXT(field, "eager_dead_letter");
}

/* ------------------------------------------------------------------------------------------------- eager */

static nimbus_queue *eager_queue(world *w, nimbus_queue *dead, uint32_t max_receive_count)
{
    return QUEUE(w, "q", .visibility_timeout = TEN_SECONDS, .dead_letter_queue = dead, .max_receive_count = max_receive_count,
                 .eager_dead_letter = true);
}

static void sqs_d3_eager_moves_at_the_last_lapse(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = eager_queue(w, dead, 2);
    nimbus_delivery delivery = { 0 };
    nimbus_delivery_info info = { 0 };

    SEND(queue, "m");
    (void)TAKE(queue, "m");
    ADVANCE(w, TEN_SECONDS);
    COUNTS(queue, 1, 0, 0); /* one receive is left */
    (void)TAKE(queue, "m");
    ADVANCE(w, TEN_SECONDS - NIMBUS_MS(1));
    COUNTS(queue, 0, 0, 1);
    COUNTS(dead, 0, 0, 0);
    ADVANCE(w, NIMBUS_MS(1));
    COUNTS(queue, 0, 0, 0);
    COUNTS(dead, 1, 0, 0);
    EQ(METRICS(queue).moved, 1);
    EQ(METRICS(queue).received, 2);
    EQ(METRICS(queue).empty_receives, 0); /* nobody had to come for it */
    EQ(traced(w, NIMBUS_TRACE_DEAD_LETTERED), 1);
    RECEIVE(dead, &delivery, "m");
    OK(nimbus_delivery_get_info(&delivery, &info));
    EQ(info.receive_count, 3);
    EQ(info.dead_letter_attempts, 2);
    TEXT(info.dead_letter_source, "q");
    OK(nimbus_delivery_delete(&delivery));
}

static void sqs_d3_eager_moves_when_it_is_given_back(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = eager_queue(w, dead, 1);
    nimbus_receipt receipt;

    SEND(queue, "given back");
    receipt = TAKE(queue, "given back");
    OK(nimbus_queue_change_visibility(queue, receipt, 0));
    COUNTS(queue, 0, 0, 0);
    COUNTS(dead, 1, 0, 0);
    IS(nimbus_queue_change_visibility(queue, receipt, 0), NIMBUS_E_NO_MESSAGE);
    OK(nimbus_queue_delete_message(queue, receipt));
    SEND(queue, "never hidden");
    (void)TAKE_FOR(queue, "never hidden", NIMBUS_ZERO);
    COUNTS(queue, 0, 0, 0);
    COUNTS(dead, 2, 0, 0);
    SEND(queue, "deleted in time");
    OK(nimbus_queue_delete_message(queue, TAKE(queue, "deleted in time")));
    ADVANCE(w, TEN_SECONDS);
    COUNTS(queue, 0, 0, 0);
    COUNTS(dead, 2, 0, 0);
    SEND(queue, "extended");
    OK(nimbus_queue_change_visibility(queue, TAKE(queue, "extended"), NIMBUS_SECONDS(60)));
    ADVANCE(w, NIMBUS_SECONDS(59));
    COUNTS(dead, 2, 0, 0);
    ADVANCE(w, NIMBUS_SECONDS(1));
    COUNTS(dead, 3, 0, 0);
}

static void sqs_d3_eager_serves_who_waits_at_the_dead_letter_queue(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = eager_queue(w, dead, 1);
    static async_record record; /* the close calls it */
    static async_record other;

    SEND(queue, "m");
    (void)TAKE(queue, "m");
    OK(nimbus_queue_receive_async(dead, NIMBUS_FOREVER, NULL, 1, async_receive, &record, NULL));
    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &other, NULL));
    ADVANCE(w, TEN_SECONDS);
    EQ(record.calls, 1);
    TEXT(record.body, "m");
    EQ(other.calls, 0);
    COUNTS(queue, 0, 0, 0);
}

static void sqs_d11_eager_without_a_dead_letter_queue_keeps_it(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = eager_queue(w, dead, 1);

    SEND(queue, "m");
    (void)TAKE(queue, "m");
    OK(nimbus_queue_delete(dead));
    ADVANCE(w, TEN_SECONDS);
    COUNTS(queue, 1, 0, 0);
    RECEIVE_NONE(queue);
    dead = PLAIN_QUEUE(w, "dead");
    ADVANCE(w, NIMBUS_MINUTES(2));
    COUNTS(queue, 0, 0, 0);
    RECEIVE(dead, NULL, "m");
}

static void sqs_d12_eager_goes_down_a_chain(void **state)
{
    world *w = *state;
    nimbus_queue *third = PLAIN_QUEUE(w, "third");
    nimbus_queue *second = QUEUE(w, "second", .visibility_timeout = TEN_SECONDS, .dead_letter_queue = third, .max_receive_count = 1,
                                 .eager_dead_letter = true);
    nimbus_queue *first = eager_queue(w, second, 2);

    SEND(first, "m");
    (void)TAKE(first, "m");
    ADVANCE(w, TEN_SECONDS);
    (void)TAKE(first, "m");
    ADVANCE(w, TEN_SECONDS);
    COUNTS(second, 1, 0, 0); /* two receives there are none here */
    ADVANCE(w, NIMBUS_HOURS(1));
    COUNTS(second, 1, 0, 0);
    (void)TAKE(second, "m");
    ADVANCE(w, TEN_SECONDS);
    COUNTS(second, 0, 0, 0);
    COUNTS(third, 1, 0, 0);
}

static void eager_at_once_and_in_great_number(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = eager_queue(w, dead, 1);
    nimbus_delivery delivery = { 0 };
    size_t i;

    for (i = 0; i < 100; i++) {
        SEND(queue, "m");
    }
    for (i = 0; i < 100; i++) {
        OK(nimbus_queue_receive(queue, 0, NULL, &delivery, 1, NULL));
        nimbus_delivery_release(&delivery);
    }
    ADVANCE(w, TEN_SECONDS);
    COUNTS(queue, 0, 0, 0);
    COUNTS(dead, 100, 0, 0);
}

/* ------------------------------------------------------------------------------------------ it changes */

static void sqs_d15_no_policy_any_more(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = dead, .max_receive_count = 1);
    nimbus_queue_options options = { 0 };
    size_t i;

    SEND(queue, "m");
    RECEIVE_FOR(queue, NULL, "m", 0);
    OK(nimbus_queue_get_options(queue, &options));
    options.dead_letter_queue = NULL;
    options.max_receive_count = 0;
    OK(nimbus_queue_set_options(queue, &options, NULL));
    OK(nimbus_queue_get_options(queue, &options));
    CHECK(options.dead_letter_queue == NULL);
    for (i = 0; i < 5; i++) {
        (void)TAKE(queue, "m");
    }
    COUNTS(queue, 1, 0, 0);
    COUNTS(dead, 0, 0, 0);
}

static void sqs_d15_what_waits_for_the_dead_letter_comes_back(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = dead, .max_receive_count = 2);
    static async_record record; /* the close calls it */
    nimbus_queue_options options = { 0 };

    SEND(queue, "twice");
    (void)TAKE(queue, "twice");
    (void)TAKE(queue, "twice");
    OK(nimbus_queue_get_options(queue, &options));
    OK(nimbus_queue_delete(dead));
    RECEIVE_NONE(queue); /* it cannot go, and waits */
    COUNTS(queue, 1, 0, 0);
    OK(nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &record, NULL));
    dead = PLAIN_QUEUE(w, "other");
    options.dead_letter_queue = dead;
    options.max_receive_count = 3;
    OK(nimbus_queue_set_options(queue, &options, NULL)); /* one more may be: who waits gets it */
    RUN(w);
    EQ(record.calls, 1);
    TEXT(record.body, "twice");
    EQ(record.receive_count, 3);
    RECEIVE_NONE(queue);
    COUNTS(queue, 0, 0, 0);
    COUNTS(dead, 1, 0, 0);
    EQ(METRICS(queue).received, 3);
}

static void sqs_d15_without_a_policy_nothing_waits(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = dead, .max_receive_count = 1);

    SEND(queue, "a");
    SEND(queue, "b");
    (void)TAKE(queue, "a");
    (void)TAKE(queue, "b");
    OK(nimbus_queue_delete(dead));
    RECEIVE_NONE(queue);
    COUNTS(queue, 2, 0, 0);
    OK(nimbus_queue_set_options(queue, NULL, NULL));
    OK(nimbus_queue_delete_message(queue, TAKE(queue, "a")));
    OK(nimbus_queue_delete_message(queue, TAKE(queue, "b")));
    COUNTS(queue, 0, 0, 0);
}

/* A higher count frees those below it; the others still wait for their dead letter, and are not forgotten. */
static void sqs_d15_only_what_has_no_need_of_it_comes_back(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = dead, .max_receive_count = 3);
    nimbus_queue_options options = { 0 };
    size_t i;

    SEND(queue, "three times");
    for (i = 0; i < 3; i++) {
        (void)TAKE(queue, "three times");
    }
    OK(nimbus_queue_get_options(queue, &options));
    OK(nimbus_queue_delete(dead));
    RECEIVE_NONE(queue);
    options.max_receive_count = 2;
    dead = QUEUE(w, "small", .capacity_messages = 1);
    SEND(dead, "in the way");
    options.dead_letter_queue = dead;
    OK(nimbus_queue_set_options(queue, &options, NULL));
    SEND(queue, "twice");
    (void)TAKE(queue, "twice");
    (void)TAKE(queue, "twice");
    RECEIVE_NONE(queue); /* both are stuck */
    COUNTS(queue, 2, 0, 0);
    options.max_receive_count = 3;
    OK(nimbus_queue_set_options(queue, &options, NULL));
    (void)TAKE(queue, "twice"); /* once more */
    RECEIVE_NONE(queue);
    COUNTS(queue, 2, 0, 0);
    OK(nimbus_queue_purge(dead, NULL));
    ADVANCE(w, NIMBUS_MINUTES(5));
    RECEIVE(dead, NULL, "three times");
    OK(nimbus_queue_purge(dead, NULL));
    ADVANCE(w, NIMBUS_MINUTES(5));
    RECEIVE(dead, NULL, "twice");
    COUNTS(queue, 0, 0, 0);
}

/* ---------------------------------------------------------------------------------------------- the rest */

static void sqs_d7_the_age_of_a_dead_letter_counts_from_the_move(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = dead, .max_receive_count = 1);
    nimbus_queue_metrics m;

    SEND(queue, "m");
    ADVANCE(w, NIMBUS_HOURS(5));
    (void)TAKE(queue, "m");
    m = METRICS(queue);
    EQT(m.oldest_age, NIMBUS_HOURS(5));
    RECEIVE_NONE(queue);
    ADVANCE(w, NIMBUS_MINUTES(2));
    m = METRICS(dead);
    EQT(m.oldest_age, NIMBUS_MINUTES(2));
    (void)TAKE_FOR(dead, "m", TEN_SECONDS);
    ADVANCE(w, NIMBUS_MINUTES(1));
    m = METRICS(dead);
    EQT(m.oldest_age, NIMBUS_MINUTES(3));
    SEND(dead, "sent here");
    ADVANCE(w, NIMBUS_MINUTES(1));
    m = METRICS(dead);
    EQT(m.oldest_age, NIMBUS_MINUTES(4));
    ADVANCE(w, NIMBUS_DAYS(4) - NIMBUS_HOURS(5) - NIMBUS_MINUTES(4)); /* but it lives no longer for that (SQS-D6) */
    ADVANCE(w, NIMBUS_MS(1));
    EQ(METRICS(dead).expired, 1);
}

static void sqs_d17_looking_is_no_receive(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = dead, .max_receive_count = 1);
    nimbus_peeked peeked[2] = { 0 };
    size_t count = 0;
    size_t i;

    SEND(queue, "m");
    for (i = 0; i < 3; i++) {
        OK(nimbus_queue_peek(queue, peeked, 2, &count));
        EQ(count, 1);
        EQ(peeked[0].receive_count, i == 0 ? 0 : 1);
        nimbus_message_release(peeked[0].message);
        if (i == 0) {
            (void)TAKE(queue, "m"); /* any receive counts, also one that only looks */
        }
    }
    COUNTS(queue, 1, 0, 0);
    RECEIVE_NONE(queue);
    COUNTS(dead, 1, 0, 0);
}

static void sqs_r5_a_dead_letter_wakes(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = dead, .max_receive_count = 1);
    receiver r;

    SEND(queue, "m");
    (void)TAKE(queue, "m");
    receiver_start(&r, dead, NIMBUS_FOREVER);
    RECEIVE_NONE(queue);
    receiver_join(&r);
    OK(r.status);
    TEXT(r.body, "m");
    EQ(r.receive_count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(sqs_d14_all_are_allowed_unless_it_says_otherwise),
        DRIVEN(sqs_d14_deny_all),
        DRIVEN(sqs_d14_by_queue_names_the_sources),
        DRIVEN(sqs_d14_what_was_set_before_stays),
        DRIVEN(sqs_d14_what_cannot_be),
        DRIVEN(sqs_d3_eager_moves_at_the_last_lapse),
        DRIVEN(sqs_d3_eager_moves_when_it_is_given_back),
        DRIVEN(sqs_d3_eager_serves_who_waits_at_the_dead_letter_queue),
        DRIVEN(sqs_d11_eager_without_a_dead_letter_queue_keeps_it),
        DRIVEN(sqs_d12_eager_goes_down_a_chain),
        DRIVEN(eager_at_once_and_in_great_number),
        DRIVEN(sqs_d15_no_policy_any_more),
        DRIVEN(sqs_d15_what_waits_for_the_dead_letter_comes_back),
        DRIVEN(sqs_d15_without_a_policy_nothing_waits),
        DRIVEN(sqs_d15_only_what_has_no_need_of_it_comes_back),
        DRIVEN(sqs_d7_the_age_of_a_dead_letter_counts_from_the_move),
        DRIVEN(sqs_d17_looking_is_no_receive),
        THREADED(sqs_r5_a_dead_letter_wakes),
    };
    return cmocka_run_group_tests_name("queue_redrive_policy", tests, NULL, NULL);
}
