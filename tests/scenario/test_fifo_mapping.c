/* Mappings of FIFO queues: a group in order and alone, groups beside each other, and what a failure keeps back (LA-Q1, Q2, Q10, Q11). */
#include "../support/fifo.h"

/* Answers by the text of the message, and writes down what it saw. */
typedef struct script {
    const char *fails;  /* texts that are answered with outcome, with commas around each */
    nimbus_outcome outcome;
    char journal[256];
    uint32_t counts[32]; /* the receive count of each call */
    size_t calls;
} script;

static bool named(const char *list, nimbus_bytes body)
{
    char text[32];

    snprintf(text, sizeof text, ",%.*s,", (int)body.size, (const char *)body.data);
    return list != NULL && strstr(list, text) != NULL;
}

static void note(script *s, const nimbus_delivery *delivery)
{
    nimbus_bytes body = nimbus_delivery_body(delivery);
    size_t used = strlen(s->journal);

    snprintf(s->journal + used, sizeof s->journal - used, "%s%.*s", used > 0 ? " " : "", (int)body.size, (const char *)body.data);
    if (s->calls < 32) {
        s->counts[s->calls] = nimbus_delivery_receive_count(delivery);
    }
    s->calls++;
}

static nimbus_outcome single(const nimbus_delivery *delivery, void *user)
{
    script *s = user;

    note(s, delivery);
    return named(s->fails, nimbus_delivery_body(delivery)) ? s->outcome : NIMBUS_DONE;
}

static nimbus_outcome batch(nimbus_batch *messages, void *user)
{
    script *s = user;

    for (size_t i = 0; i < nimbus_batch_count(messages); i++) {
        const nimbus_delivery *delivery = nimbus_batch_at(messages, i);

        note(s, delivery);
        (void)nimbus_batch_mark(messages, i, named(s->fails, nimbus_delivery_body(delivery)) ? s->outcome : NIMBUS_DONE);
    }
    return NIMBUS_DONE;
}

static nimbus_queue *filled(world *w)
{
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .visibility_timeout = NIMBUS_SECONDS(10));

    SEND_TO(queue, "a", "a1");
    SEND_TO(queue, "b", "b1");
    SEND_TO(queue, "a", "a2");
    SEND_TO(queue, "a", "a3");
    SEND_TO(queue, "b", "b2");
    return queue;
}

static void la_q11_a_group_is_handled_in_order_and_alone(void **state)
{
    world *w = *state;
    nimbus_queue *queue = filled(w);
    script s = { .fails = NULL };
    nimbus_function *fn = nimbus_function_create(w->nb, "f", single, &s, NULL, &w->err);

    OK(nimbus_function_map(fn, queue, NULL, &w->err));
    SETUP_OK(w);
    RUN(w);
    TEXT(s.journal, "a1 a2 a3 b1 b2");
    COUNTS(queue, 0, 0, 0);
}

/* A failed group waits for its retry while others go on; what is behind the failed one has not been seen, so it counts no receive. */
static void la_q10_a_failure_keeps_back_the_rest_of_its_group(void **state)
{
    world *w = *state;
    nimbus_queue *queue = filled(w);
    script s = { .fails = ",a2,", .outcome = NIMBUS_RETRY };
    nimbus_function *fn = nimbus_function_create(w->nb, "f", single, &s, NULL, &w->err);

    OK(nimbus_function_map(fn, queue, NULL, &w->err));
    SETUP_OK(w);
    RUN(w);
    TEXT(s.journal, "a1 a2 b1 b2");
    COUNTS(queue, 1, 0, 1); /* a3 is ready, and locked behind a2 */
    ADVANCE(w, NIMBUS_SECONDS(5));
    TEXT(s.journal, "a1 a2 b1 b2"); /* nothing comes early (LA-Q3) */
    s.fails = NULL;
    ADVANCE(w, NIMBUS_SECONDS(5));
    TEXT(s.journal, "a1 a2 b1 b2 a2 a3");
    EQ(s.counts[4], 2);
    EQ(s.counts[5], 1);
    COUNTS(queue, 0, 0, 0);
    LEDGER(queue);
}

static void a_reject_that_is_moved_frees_its_group(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_FIFO(w, "dead.fifo");
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .dead_letter_queue = dead, .max_receive_count = 5);
    script s = { .fails = ",a1,", .outcome = NIMBUS_REJECT };
    nimbus_function *fn = nimbus_function_create(w->nb, "f", single, &s, NULL, &w->err);

    SEND_TO(queue, "a", "a1");
    SEND_TO(queue, "a", "a2");
    OK(nimbus_function_map(fn, queue, NULL, &w->err));
    SETUP_OK(w);
    RUN(w);
    TEXT(s.journal, "a1 a2");
    COUNTS(queue, 0, 0, 0);
    COUNTS(dead, 1, 0, 0);
}

/* Without a dead-letter queue it stays, and the rest of its group stays behind it. */
static void a_reject_that_stays_keeps_back_its_group(void **state)
{
    world *w = *state;
    nimbus_queue *queue = filled(w);
    script s = { .fails = ",a1,", .outcome = NIMBUS_REJECT };
    nimbus_function *fn = nimbus_function_create(w->nb, "f", single, &s, NULL, &w->err);

    OK(nimbus_function_map(fn, queue, NULL, &w->err));
    SETUP_OK(w);
    RUN(w);
    TEXT(s.journal, "a1 b1 b2");
    s.fails = NULL;
    ADVANCE(w, NIMBUS_SECONDS(10));
    TEXT(s.journal, "a1 b1 b2 a1 a2 a3");
    COUNTS(queue, 0, 0, 0);
}

/* C-13: a batch handler has seen them all; a mark of RETRY holds for all later ones of its group, and for no others. */
static void a_mark_of_a_batch_keeps_back_the_rest_of_its_group(void **state)
{
    world *w = *state;
    nimbus_queue *queue = filled(w);
    script s = { .fails = ",a2,", .outcome = NIMBUS_RETRY };
    nimbus_function *fn = nimbus_function_create_batch(w->nb, "f", batch, &s, NULL, &w->err);

    OK(nimbus_function_map(fn, queue, NULL, &w->err));
    SETUP_OK(w);
    RUN(w);
    TEXT(s.journal, "a1 a2 a3 b1 b2");
    COUNTS(queue, 0, 0, 2); /* a2 and a3: deleted are a1, b1, b2 */
    s.fails = NULL;
    ADVANCE(w, NIMBUS_SECONDS(10));
    TEXT(s.journal, "a1 a2 a3 b1 b2 a2 a3");
    EQ(s.counts[6], 2); /* a3 was seen */
    COUNTS(queue, 0, 0, 0);
}

static nimbus_invocation *kept;

static nimbus_outcome keep_first(const nimbus_delivery *delivery, void *user)
{
    script *s = user;

    note(s, delivery);
    if (s->calls > 1) {
        return NIMBUS_DONE;
    }
    kept = nimbus_delivery_keep(delivery);
    return NIMBUS_LATER;
}

static void one_that_is_kept_keeps_back_its_group(void **state)
{
    world *w = *state;
    nimbus_queue *queue = filled(w);
    script s = { .fails = NULL };
    nimbus_function *fn = nimbus_function_create(w->nb, "f", keep_first, &s, &(nimbus_function_options){ .max_concurrency = 2 }, &w->err);

    OK(nimbus_function_map(fn, queue, NULL, &w->err));
    SETUP_OK(w);
    RUN(w);
    TEXT(s.journal, "a1 b1 b2");
    CHECK(kept != NULL);
    OK(nimbus_invocation_finish(kept, NIMBUS_DONE));
    RUN(w);
    TEXT(s.journal, "a1 b1 b2 a2 a3");
    COUNTS(queue, 0, 0, 0);
}

/* A standard queue whose messages have a group has no order: nothing is kept back. */
static void a_group_of_a_standard_queue_keeps_nothing_back(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    script s = { .fails = ",a1,", .outcome = NIMBUS_RETRY };
    nimbus_function *fn = nimbus_function_create(w->nb, "f", single, &s, NULL, &w->err);

    SEND_TO(queue, "a", "a1");
    SEND_TO(queue, "a", "a2");
    OK(nimbus_function_map(fn, queue, NULL, &w->err));
    SETUP_OK(w);
    RUN(w);
    TEXT(s.journal, "a1 a2");
    COUNTS(queue, 0, 0, 1);
}

static void batches_of_a_fifo_queue_are_small_and_not_waited_for(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_FIFO(w, "q.fifo");
    script s = { .fails = NULL };
    nimbus_function *fn = nimbus_function_create(w->nb, "f", single, &s, NULL, &w->err);
    nimbus_error err = { 0 };

    SETUP_OK(w);
    IS(nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .batch_window = NIMBUS_SECONDS(1) }, &err), NIMBUS_E_INVALID);
    TEXT(err.field, "batch_window");
    memset(&err, 0, sizeof err);
    IS(nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .batch_size = 11, }, &err), NIMBUS_E_INVALID);
    TEXT(err.field, "batch_size");
    OK(nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .batch_size = 10 }, NULL));
}

/* --------------------------------------------------------------------------------------------------- threads */

#define GROUPS 8
#define EACH 50

typedef struct watch {
    atomic_int inside[GROUPS], overlaps, wrong;
    atomic_int next[GROUPS];
    atomic_size_t done;
    atomic_int beside, most; /* handlers at once */
} watch;

/* Every seventh call fails once; order and exclusion must hold all the same. */
static nimbus_outcome watched(const nimbus_delivery *delivery, void *user)
{
    watch *v = user;
    nimbus_bytes body = nimbus_delivery_body(delivery);
    const char *text = body.data;
    int group = text[0] - 'a', number = (text[1] - '0') * 10 + (text[2] - '0'), beside = atomic_fetch_add(&v->beside, 1) + 1;
    nimbus_outcome outcome = NIMBUS_DONE;

    if (atomic_fetch_add(&v->inside[group], 1) != 0) {
        atomic_fetch_add(&v->overlaps, 1);
    }
    if (beside > atomic_load(&v->most)) {
        atomic_store(&v->most, beside);
    }
    if (number != atomic_load(&v->next[group])) {
        atomic_fetch_add(&v->wrong, 1);
    }
    if (number % 7 == 3 && nimbus_delivery_receive_count(delivery) == 1) {
        outcome = NIMBUS_RETRY;
    } else {
        atomic_fetch_add(&v->next[group], 1);
        atomic_fetch_add(&v->done, 1);
    }
    atomic_fetch_sub(&v->inside[group], 1);
    atomic_fetch_sub(&v->beside, 1);
    return outcome;
}

static void groups_run_beside_each_other_and_each_in_order(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO_QUEUE(w, "q.fifo", .visibility_timeout = NIMBUS_ZERO); /* what failed is back at once */
    static watch v;
    nimbus_function *fn;
    char text[8], group[2] = "a";

    memset(&v, 0, sizeof v);
    for (int i = 0; i < EACH; i++) {
        for (int g = 0; g < GROUPS; g++) {
            snprintf(text, sizeof text, "%c%02d", 'a' + g, i);
            group[0] = (char)('a' + g);
            SEND_TO(queue, group, text);
        }
    }
    fn = nimbus_function_create(w->nb, "f", watched, &v, &(nimbus_function_options){ .max_concurrency = 4 }, &w->err);
    OK(nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .batch_size = 5 }, &w->err));
    SETUP_OK(w);
    EVENTUALLY(atomic_load(&v.done) == GROUPS * EACH);
    EQ(atomic_load(&v.overlaps), 0);
    EQ(atomic_load(&v.wrong), 0);
    CHECK(atomic_load(&v.most) <= 4);
    EVENTUALLY(METRICS(queue).deleted == GROUPS * EACH);
    COUNTS(queue, 0, 0, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        DRIVEN(la_q11_a_group_is_handled_in_order_and_alone),
        DRIVEN(la_q10_a_failure_keeps_back_the_rest_of_its_group),
        DRIVEN(a_reject_that_is_moved_frees_its_group),
        DRIVEN(a_reject_that_stays_keeps_back_its_group),
        DRIVEN(a_mark_of_a_batch_keeps_back_the_rest_of_its_group),
        DRIVEN(one_that_is_kept_keeps_back_its_group),
        DRIVEN(a_group_of_a_standard_queue_keeps_nothing_back),
        DRIVEN(batches_of_a_fifo_queue_are_small_and_not_waited_for),
        THREADED(groups_run_beside_each_other_and_each_in_order),
    };

    return cmocka_run_group_tests_name("fifo_mapping", tests, NULL, NULL);
}
