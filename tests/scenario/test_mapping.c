/** Mappings of queues to functions (LA-Q): batches, windows, settling, heartbeat, filters, names. */
#include "helpers.h"

/* A batch handler that marks by a script and keeps a record. */
struct batch_probe {
    nimbus_outcome answer;
    int marks[16]; /* by position in the batch: -1 none, else an outcome */
    size_t calls;
    size_t sizes[32];
    size_t messages;
    char bodies[256];
    nimbus_status bad[4];
    nimbus_time at[32];
    uint32_t count[32]; /* receive count of the first message of each call */
};

static void no_marks(struct batch_probe *p)
{
    for (size_t i = 0; i < 16; i++) {
        p->marks[i] = -1;
    }
}

static nimbus_outcome batch_handler(nimbus_batch *batch, void *user)
{
    struct batch_probe *p = user;
    size_t n = nimbus_batch_count(batch);
    if (p->calls < 32) {
        p->sizes[p->calls] = n;
        p->at[p->calls] = nimbus_now(nimbus_delivery_runtime(nimbus_batch_at(batch, 0))) - T0;
        p->count[p->calls] = nimbus_delivery_receive_count(nimbus_batch_at(batch, 0));
    }
    p->calls++;
    p->messages += n;
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(p->bodies);
        text_of(nimbus_delivery_body(nimbus_batch_at(batch, i)), p->bodies + used, sizeof p->bodies - used);
        if (i < 16 && p->marks[i] >= 0) {
            (void)nimbus_batch_mark(batch, i, NIMBUS_REJECT); /* the last mark counts */
            (void)nimbus_batch_mark(batch, i, (nimbus_outcome)p->marks[i]);
        }
    }
    p->bad[0] = nimbus_batch_mark(batch, n, NIMBUS_DONE);
    p->bad[1] = nimbus_batch_mark(batch, 0, NIMBUS_LATER);
    p->bad[2] = nimbus_batch_mark(batch, 0, (nimbus_outcome)17);
    p->bad[3] = nimbus_batch_at(batch, n) == NULL ? NIMBUS_OK : NIMBUS_E_INVALID;
    return p->answer;
}

static nimbus_function *batch_function(world *w, const char *name, struct batch_probe *p)
{
    no_marks(p);
    return nimbus_function_create_batch(w->nb, name, batch_handler, p, NULL, &w->err);
}

static void send_letters(nimbus_queue *queue, char from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char text[2] = { (char)(from + (char)i), '\0' };
        OK(send_text(queue, text));
    }
}

/* ------------------------------------------------------------------------------------------- Q: batches */

static void la_q1_batch_size(void **state)
{
    world *w = *state;
    struct batch_probe by_default = { .answer = NIMBUS_DONE };
    struct batch_probe three = { .answer = NIMBUS_DONE };
    struct batch_probe many = { .answer = NIMBUS_DONE };
    nimbus_queue *a = make_queue(w, "a");
    nimbus_queue *b = make_queue(w, "b");
    nimbus_queue *c = make_queue(w, "c");
    nimbus_function *fa = batch_function(w, "fa", &by_default);
    nimbus_function *fb = batch_function(w, "fb", &three);
    nimbus_function *fc = batch_function(w, "fc", &many);
    nimbus_error err;
    SETUP_OK(w);
    send_letters(a, 'a', 12);
    send_letters(b, 'a', 7);
    for (int i = 0; i < 25; i++) {
        OK(send_text(c, "x"));
    }
    nimbus_function_map(fa, a, NULL, &w->err);
    nimbus_function_map(fb, b, &(nimbus_mapping_options){ .batch_size = 3 }, &w->err);
    nimbus_function_map(fc, c, &(nimbus_mapping_options){ .batch_size = 25, .batch_window = NIMBUS_SECONDS(1) }, &w->err);
    SETUP_OK(w);
    RUN(w);
    EQ(by_default.calls, 2);
    EQ(by_default.sizes[0], 10);
    EQ(by_default.sizes[1], 2);
    TEXT(by_default.bodies, "abcdefghijkl");
    EQ(three.calls, 3);
    EQ(three.sizes[0], 3);
    EQ(three.sizes[1], 3);
    EQ(three.sizes[2], 1);
    TEXT(three.bodies, "abcdefg");
    EQ(many.calls, 1);
    EQ(many.sizes[0], 25);
    EQ(queue_metrics(a).deleted, 12);
    EQ(queue_metrics(b).deleted, 7);
    EQ(queue_metrics(c).deleted, 25);
    EQ(function_metrics(fa).invocations, 2);
    EQ(function_metrics(fa).messages, 12);

    OK(nimbus_function_unmap(fa, a));
    memset(&err, 0, sizeof err);
    IS(nimbus_function_map(fa, a, &(nimbus_mapping_options){ .batch_size = 11 }, &err), NIMBUS_E_INVALID); /* above 10: a window */
    IS(err.status, NIMBUS_E_INVALID);
    IS(nimbus_function_map(fa, a, &(nimbus_mapping_options){ .batch_size = 10001, .batch_window = NIMBUS_SECONDS(1) }, NULL),
       NIMBUS_E_INVALID);
    OK(nimbus_function_map(fa, a, &(nimbus_mapping_options){ .batch_size = 10000, .batch_window = NIMBUS_SECONDS(1) }, NULL));
    OK(nimbus_function_unmap(fa, a));
    OK(nimbus_function_map(fa, a, &(nimbus_mapping_options){ .batch_size = 1 }, NULL));
}

static void la_q2_batch_window(void **state)
{
    world *w = *state;
    struct batch_probe p = { .answer = NIMBUS_DONE };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *fn = batch_function(w, "fn", &p);
    nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .batch_size = 4, .batch_window = NIMBUS_SECONDS(5) }, &w->err);
    SETUP_OK(w);
    ADVANCE(w, NIMBUS_SECONDS(60)); /* an empty window does not count */
    EQ(p.calls, 0);
    send_letters(queue, 'a', 2);
    RUN(w);
    EQ(p.calls, 0);
    ADVANCE(w, NIMBUS_SECONDS(3));
    send_letters(queue, 'c', 1);
    ADVANCE(w, NIMBUS_SECONDS(2) - 1);
    EQ(p.calls, 0);
    ADVANCE(w, 1); /* 5 s after the first message */
    EQ(p.calls, 1);
    EQ(p.sizes[0], 3);
    EQ(p.at[0], NIMBUS_SECONDS(65));
    /* a full batch does not wait */
    send_letters(queue, 'd', 4);
    RUN(w);
    EQ(p.calls, 2);
    EQ(p.sizes[1], 4);
    EQ(p.at[1], NIMBUS_SECONDS(65));
    TEXT(p.bodies, "abcdefg");
    EQ(queue_metrics(queue).deleted, 7);
    IS(nimbus_function_unmap(fn, queue), NIMBUS_OK);
    IS(nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .batch_window = NIMBUS_SECONDS(301) }, NULL), NIMBUS_E_INVALID);
    IS(nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .batch_window = 5 }, NULL), NIMBUS_E_INVALID);
    OK(nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .batch_window = NIMBUS_SECONDS(300) }, NULL));
}

static void what_a_window_has_gathered_returns_at_the_unmap(void **state)
{
    world *w = *state;
    char seen[8] = "";
    struct batch_probe p = { .answer = NIMBUS_DONE };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *fn = batch_function(w, "fn", &p);
    nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .batch_size = 10, .batch_window = NIMBUS_SECONDS(60) }, &w->err);
    SETUP_OK(w);
    send_letters(queue, 'a', 3);
    ADVANCE(w, NIMBUS_SECONDS(1));
    EQ(p.calls, 0);
    OK(nimbus_function_unmap(fn, queue));
    EQ(ready(queue), 3); /* at once */
    EQ(in_flight(queue), 0);
    ADVANCE(w, NIMBUS_MINUTES(5));
    EQ(p.calls, 0);
    for (int i = 0; i < 3; i++) { /* in whichever order: a plain queue promises none to what returns */
        char text[4] = "";
        OK(take(queue, text, sizeof text));
        CHECK(strlen(text) == 1 && strchr("abc", text[0]) != NULL && strchr(seen, text[0]) == NULL);
        strcat(seen, text);
    }
}

static void la_q3_a_failure_comes_back_when_its_visibility_ends(void **state)
{
    world *w = *state;
    probe p = { .script = { NIMBUS_RETRY, NIMBUS_RETRY }, .script_length = 2, .answer = NIMBUS_DONE };
    nimbus_queue *queue = nimbus_queue_create(w->nb, "queue", &(nimbus_queue_options){ .visibility_timeout = NIMBUS_SECONDS(40) }, &w->err);
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_function_map(fn, queue, NULL, &w->err);
    SETUP_OK(w);
    OK(send_text(queue, "x"));
    RUN(w);
    EQ(p.calls, 1);
    EQ(ready(queue), 0); /* no early return to visible */
    EQ(in_flight(queue), 1);
    ADVANCE(w, NIMBUS_SECONDS(40) - 1);
    EQ(p.calls, 1);
    EQ(ready(queue), 0);
    ADVANCE(w, 1);
    EQ(p.calls, 2);
    ADVANCE(w, NIMBUS_SECONDS(40));
    EQ(p.calls, 3);
    EQ(p.count[0], 1);
    EQ(p.count[1], 2);
    EQ(p.count[2], 3);
    EQ(p.at[1], NIMBUS_SECONDS(40));
    EQ(p.at[2], NIMBUS_SECONDS(80));
    TEXT(p.source, "queue");
    EQ(queue_metrics(queue).deleted, 1); /* the success deleted it */
    EQ(queue_metrics(queue).received, 3);
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(p.calls, 3);
    EQ(function_metrics(fn).errors, 2);
    EQ(function_metrics(fn).succeeded, 1);
    EQ(function_metrics(fn).retries, 0); /* these are the queue's, not the function's */
}

static void la_q4_repeated_failure_leads_to_the_dead_letter_queue_of_the_source(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_queue *source = nimbus_queue_create(
        w->nb, "source",
        &(nimbus_queue_options){ .visibility_timeout = NIMBUS_SECONDS(30), .dead_letter_queue = dead, .max_receive_count = 2 }, &w->err);
    nimbus_queue *own_dead = make_queue(w, "own-dead");
    nimbus_queue *record = make_queue(w, "record");
    nimbus_function *fn =
        probe_function(w, "fn", &p, &(nimbus_function_options){ .dead_letter_queue = own_dead, .on_failure = nimbus_to_queue(record) });
    nimbus_delivery delivery;
    SETUP_OK(w);
    nimbus_function_map(fn, source, NULL, &w->err);
    SETUP_OK(w);
    OK(send_text(source, "x"));
    ADVANCE(w, NIMBUS_SECONDS(30));
    EQ(p.calls, 2);
    EQ(ready(dead), 0);
    ADVANCE(w, NIMBUS_SECONDS(30) - 1);
    EQ(ready(dead), 0);
    ADVANCE(w, 1);
    EQ(p.calls, 2);
    EQ(ready(dead), 1);
    EQ(queue_metrics(source).moved, 1);
    EQ(ready(own_dead), 0);
    EQ(ready(record), 0);
    EQ(function_metrics(fn).dead_lettered, 0);
    memset(&delivery, 0, sizeof delivery);
    OK(receive_one(dead, &delivery));
    EQ(nimbus_delivery_receive_count(&delivery), 3);
    OK(nimbus_delivery_delete(&delivery));
}

static void reject_moves_to_the_dead_letter_queue_at_once(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_REJECT, .fail = "unreadable" };
    probe q = { .script = { NIMBUS_REJECT }, .script_length = 1, .answer = NIMBUS_DONE };
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_queue *source =
        nimbus_queue_create(w->nb, "source", &(nimbus_queue_options){ .dead_letter_queue = dead, .max_receive_count = 5 }, &w->err);
    nimbus_queue *without = make_queue(w, "without");
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_function *other = probe_function(w, "other", &q, NULL);
    nimbus_delivery delivery;
    nimbus_delivery_info info;
    nimbus_function_map(fn, source, NULL, &w->err);
    nimbus_function_map(other, without, NULL, &w->err);
    SETUP_OK(w);
    OK(send_text(source, "x"));
    OK(send_text(without, "y"));
    RUN(w);
    EQ(p.calls, 1);
    EQ(ready(dead), 1);
    EQ(queue_metrics(source).moved, 1);
    EQ(in_flight(source), 0);
    memset(&delivery, 0, sizeof delivery);
    memset(&info, 0, sizeof info);
    OK(receive_one(dead, &delivery));
    OK(nimbus_delivery_get_info(&delivery, &info));
    TEXT(info.dead_letter_source, "source");
    CHECK(info.dead_letter_reason != NULL);
    EQ(info.receive_count, 2);
    OK(nimbus_delivery_delete(&delivery));
    /* a queue without one: as RETRY */
    EQ(q.calls, 1);
    EQ(in_flight(without), 1);
    ADVANCE(w, NIMBUS_SECONDS(30));
    EQ(q.calls, 2);
    EQ(queue_metrics(without).deleted, 1);
}

static void la_q7_done_for_the_batch_deletes_all(void **state)
{
    world *w = *state;
    struct batch_probe p = { .answer = NIMBUS_DONE };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *fn = batch_function(w, "fn", &p);
    nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .batch_size = 5 }, &w->err);
    SETUP_OK(w);
    send_letters(queue, 'a', 5);
    RUN(w);
    EQ(p.calls, 1);
    EQ(queue_metrics(queue).deleted, 5);
    EQ(in_flight(queue), 0);
    EQ(function_metrics(fn).invocations, 1);
    EQ(function_metrics(fn).succeeded, 5); /* messages, not calls */
    IS(p.bad[0], NIMBUS_E_INVALID);
    IS(p.bad[1], NIMBUS_E_INVALID);
    IS(p.bad[2], NIMBUS_E_INVALID);
    OK(p.bad[3]);
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(p.calls, 1);
    EQ(nimbus_batch_count(NULL), 0);
    CHECK(nimbus_batch_at(NULL, 0) == NULL);
    IS(nimbus_batch_mark(NULL, 0, NIMBUS_DONE), NIMBUS_E_INVALID);
}

static void la_q8_retry_for_the_batch_keeps_all(void **state)
{
    static const nimbus_outcome answers[] = { NIMBUS_RETRY, NIMBUS_LATER }; /* a batch cannot be kept: as RETRY */
    world *w = *state;
    for (size_t i = 0; i < 2; i++) {
        struct batch_probe p = { .answer = answers[i] };
        nimbus_queue *queue = make_queue(w, i == 0 ? "first" : "second");
        nimbus_function *fn = batch_function(w, i == 0 ? "fn" : "gn", &p);
        nimbus_function_map(fn, queue, NULL, &w->err);
        SETUP_OK(w);
        send_letters(queue, 'a', 5);
        RUN(w);
        EQ(p.calls, 1);
        EQ(queue_metrics(queue).deleted, 0);
        EQ(in_flight(queue), 5);
        ADVANCE(w, NIMBUS_SECONDS(30) - 1);
        EQ(p.calls, 1);
        ADVANCE(w, 1);
        EQ(p.messages, 10);
        EQ(p.count[1], 2);
        p.answer = NIMBUS_DONE;
        ADVANCE(w, NIMBUS_SECONDS(30));
        EQ(p.messages, 15);
        EQ(queue_metrics(queue).deleted, 5);
    }
}

static void la_q9_marks_make_a_partial_failure(void **state)
{
    world *w = *state;
    struct batch_probe p = { .answer = NIMBUS_DONE };
    struct batch_probe q = { .answer = NIMBUS_RETRY };
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_queue *a =
        nimbus_queue_create(w->nb, "a", &(nimbus_queue_options){ .dead_letter_queue = dead, .max_receive_count = 9 }, &w->err);
    nimbus_queue *b = make_queue(w, "b");
    nimbus_function *fa = batch_function(w, "fa", &p);
    nimbus_function *fb = batch_function(w, "fb", &q);
    SETUP_OK(w);
    send_letters(a, 'a', 5);
    send_letters(b, 'v', 4);
    p.marks[1] = NIMBUS_RETRY;
    p.marks[3] = NIMBUS_REJECT;
    q.marks[0] = NIMBUS_DONE;
    q.marks[2] = NIMBUS_DONE;
    nimbus_function_map(fa, a, NULL, &w->err);
    nimbus_function_map(fb, b, NULL, &w->err);
    SETUP_OK(w);
    RUN(w);
    EQ(queue_metrics(a).deleted, 3);
    EQ(in_flight(a), 1);
    EQ(queue_metrics(a).moved, 1);
    TAKES(dead, "d");
    EQ(queue_metrics(b).deleted, 2); /* the return holds for those it did not mark */
    EQ(in_flight(b), 2);
    no_marks(&p);
    no_marks(&q);
    q.answer = NIMBUS_DONE;
    p.bodies[0] = '\0';
    q.bodies[0] = '\0';
    ADVANCE(w, NIMBUS_SECONDS(30));
    TEXT(p.bodies, "b");
    TEXT(q.bodies, "wy");
    EQ(queue_metrics(a).deleted, 4);
    EQ(queue_metrics(b).deleted, 4);
}

static void la_q13_concurrency_of_a_mapping(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    probe q = { .keep = true };
    nimbus_queue *a = make_queue(w, "a");
    nimbus_queue *b = make_queue(w, "b");
    nimbus_function *fa = probe_function(w, "fa", &p, &(nimbus_function_options){ .max_concurrency = 10 });
    nimbus_function *fb = probe_function(w, "fb", &q, &(nimbus_function_options){ .max_concurrency = 2 });
    nimbus_function_map(fa, a, &(nimbus_mapping_options){ .batch_size = 1, .max_concurrency = 2 }, &w->err);
    nimbus_function_map(fb, b, &(nimbus_mapping_options){ .batch_size = 1 }, &w->err);
    SETUP_OK(w);
    for (int i = 0; i < 5; i++) {
        OK(send_text(a, "x"));
        OK(send_text(b, "x"));
    }
    RUN(w);
    EQ(p.calls, 2);
    EQ(in_flight(a), 2); /* what cannot run is not received: throttling costs no receive counts (LA-Q5) */
    EQ(ready(a), 3);
    EQ(q.calls, 2); /* as the function */
    EQ(in_flight(b), 2);
    EQ(ready(b), 3);
    OK(nimbus_invoke_async(fa, nimbus_text("direct"), NULL)); /* the mapping's bound is not the function's */
    RUN(w);
    EQ(p.calls, 3);
    EQ(in_flight(a), 2);
    OK(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE));
    RUN(w);
    EQ(p.calls, 4);
    EQ(in_flight(a), 2);
    EQ(ready(a), 2);
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(p.calls, 4);
    for (size_t i = 1; i < p.kept_count; i++) {
        OK(nimbus_invocation_finish(p.kept[i], NIMBUS_DONE));
        RUN(w);
        CHECK(in_flight(a) <= 2);
    }
    for (size_t i = 0; i < q.kept_count; i++) {
        OK(nimbus_invocation_finish(q.kept[i], NIMBUS_DONE));
        RUN(w);
        CHECK(in_flight(b) <= 2);
    }
    EQ(p.calls, 6);
    EQ(q.calls, 5);
    EQ(queue_metrics(a).deleted, 5);
    EQ(queue_metrics(a).received, 5);
    EQ(queue_metrics(b).received, 5);
}

static void single_messages_of_a_batch_are_settled_alone(void **state)
{
    world *w = *state;
    probe p = { .script = { NIMBUS_DONE, NIMBUS_RETRY, NIMBUS_DONE }, .script_length = 3, .answer = NIMBUS_DONE };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    SETUP_OK(w);
    send_letters(queue, 'a', 3);
    nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .batch_size = 3 }, &w->err);
    SETUP_OK(w);
    RUN(w);
    EQ(p.calls, 3);
    EQ(queue_metrics(queue).deleted, 2);
    EQ(in_flight(queue), 1);
    ADVANCE(w, NIMBUS_SECONDS(30));
    EQ(p.calls, 4);
    TEXT(p.body[3], "b");
    EQ(queue_metrics(queue).deleted, 3);
    EQ(function_metrics(fn).messages, 4);
}

/* ------------------------------------------------------------------------------------------- heartbeat */

static void the_heartbeat_hides_a_message_for_as_long_as_it_takes(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *fn = probe_function(w, "fn", &p, &(nimbus_function_options){ .max_concurrency = 5 });
    nimbus_function_map(fn, queue, NULL, &w->err);
    SETUP_OK(w);
    OK(send_text(queue, "x"));
    RUN(w);
    EQ(p.kept_count, 1);
    for (int i = 0; i < 100; i++) {
        ADVANCE(w, NIMBUS_SECONDS(17));
        EQ(ready(queue), 0);
        EQ(in_flight(queue), 1);
        EQ(p.calls, 1);
    }
    ADVANCE(w, NIMBUS_HOURS(5)); /* in one jump */
    EQ(in_flight(queue), 1);
    EQ(p.calls, 1);
    OK(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE));
    RUN(w);
    EQ(queue_metrics(queue).deleted, 1);
    EQ(queue_metrics(queue).received, 1);
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(p.calls, 1);
}

static void the_heartbeat_ends_with_the_answer(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_function_map(fn, queue, NULL, &w->err);
    SETUP_OK(w);
    OK(send_text(queue, "x"));
    ADVANCE(w, NIMBUS_MINUTES(10));
    OK(nimbus_invocation_finish(p.kept[0], NIMBUS_RETRY));
    ADVANCE(w, NIMBUS_SECONDS(30)); /* one visibility timeout later at the latest; that of the receive is long over */
    EQ(p.calls, 2);
    EQ(p.count[1], 2);
    OK(nimbus_invocation_finish(p.kept[1], NIMBUS_DONE));
    RUN(w);
    EQ(queue_metrics(queue).deleted, 1);
}

static void without_a_heartbeat_it_lapses(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    probe q = { .keep = true };
    nimbus_queue *a = make_queue(w, "a");
    nimbus_queue *b = make_queue(w, "b");
    nimbus_function *one = probe_function(w, "one", &p, NULL);
    nimbus_function *two = probe_function(w, "two", &q, &(nimbus_function_options){ .max_concurrency = 2 });
    nimbus_function_map(one, a, &(nimbus_mapping_options){ .no_heartbeat = true, .batch_size = 1 }, &w->err);
    nimbus_function_map(two, b, &(nimbus_mapping_options){ .no_heartbeat = true, .batch_size = 1 }, &w->err);
    SETUP_OK(w);
    OK(send_text(a, "x"));
    OK(send_text(b, "x"));
    RUN(w);
    ADVANCE(w, NIMBUS_SECONDS(30) - 1);
    EQ(in_flight(a), 1);
    EQ(in_flight(b), 1);
    EQ(q.calls, 1);
    ADVANCE(w, 1);
    EQ(ready(a), 1); /* nobody has a free place for it */
    EQ(q.calls, 2);  /* somebody had */
    EQ(q.count[1], 2);
    /* lapsed and not received again: the answer still deletes it (SQS-V8) */
    OK(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE));
    RUN(w);
    EQ(queue_metrics(a).deleted, 1);
    EQ(p.calls, 1);
    /* received again: the first answer does not count (SQS-V9) */
    CHECK(!nimbus_failed(nimbus_invocation_finish(q.kept[0], NIMBUS_DONE)));
    RUN(w);
    EQ(queue_metrics(b).deleted, 0);
    EQ(in_flight(b), 1);
    OK(nimbus_invocation_finish(q.kept[1], NIMBUS_DONE));
    RUN(w);
    EQ(queue_metrics(b).deleted, 1);
}

static void timeout_of_a_kept_message_makes_it_come_again(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *fn = probe_function(w, "fn", &p, &(nimbus_function_options){ .timeout = NIMBUS_SECONDS(100) });
    nimbus_function_map(fn, queue, NULL, &w->err);
    SETUP_OK(w);
    OK(send_text(queue, "x"));
    ADVANCE(w, NIMBUS_SECONDS(99));
    EQ(p.calls, 1);
    EQ(in_flight(queue), 1);
    ADVANCE(w, NIMBUS_SECONDS(31)); /* the timeout, and the rest of its visibility */
    EQ(p.calls, 2);
    IS(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE), NIMBUS_STALE);
    RUN(w);
    EQ(queue_metrics(queue).deleted, 0);
    OK(nimbus_invocation_finish(p.kept[1], NIMBUS_DONE));
    RUN(w);
    EQ(queue_metrics(queue).deleted, 1);
}

static void kept_at_close(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_leftovers left;
    nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .batch_size = 1 }, &w->err);
    SETUP_OK(w);
    send_letters(queue, 'a', 3);
    RUN(w);
    memset(&left, 0, sizeof left);
    OK(nimbus_close(w->nb, 0, &left));
    w->nb = NULL;
    EQ(left.kept, 1);
    EQ(left.in_flight, 1);
    EQ(left.ready, 2);
    IS(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE), NIMBUS_E_CLOSED);
}

/* --------------------------------------------------------------------------- names, enabling and unmapping */

static void a_mapping_binds_to_the_name_of_its_queue(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_queue *old = queue;
    nimbus_function_map(fn, queue, NULL, &w->err);
    SETUP_OK(w);
    OK(send_text(queue, "1"));
    RUN(w);
    EQ(p.calls, 1);
    OK(nimbus_queue_delete(queue));
    RUN(w);
    ADVANCE(w, NIMBUS_HOURS(1));
    queue = make_queue(w, "queue");
    SETUP_OK(w);
    CHECK(queue != old);
    OK(send_text(queue, "2"));
    RUN(w);
    EQ(p.calls, 2);
    TEXT(p.last, "2");
    IS(nimbus_function_map(fn, queue, NULL, NULL), NIMBUS_E_CONFLICT); /* the name is mapped */
    OK(nimbus_mapping_enable(fn, queue, false));
    OK(send_text(queue, "3"));
    RUN(w);
    EQ(p.calls, 2);
    OK(nimbus_function_unmap(fn, queue));
    IS(nimbus_function_unmap(fn, queue), NIMBUS_E_NOT_FOUND);
    nimbus_queue_release(old);
}

static void a_queue_deleted_while_its_message_is_kept(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_function_map(fn, queue, NULL, &w->err);
    SETUP_OK(w);
    OK(send_text(queue, "x"));
    RUN(w);
    OK(nimbus_queue_delete(queue));
    nimbus_queue_release(queue);
    ADVANCE(w, NIMBUS_MINUTES(5));                                           /* heartbeats of nothing */
    EQ(nimbus_delivery_body(nimbus_invocation_delivery(p.kept[0])).size, 1); /* still readable */
    CHECK(!nimbus_failed(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE)));
    RUN(w);
    queue = make_queue(w, "queue");
    SETUP_OK(w);
    OK(send_text(queue, "y"));
    RUN(w);
    EQ(p.calls, 2);
    OK(nimbus_invocation_finish(p.kept[1], NIMBUS_DONE));
    RUN(w);
    EQ(queue_metrics(queue).deleted, 1);
}

static void disabled_and_enabled(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_queue *other = make_queue(w, "other");
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .disabled = true }, &w->err);
    SETUP_OK(w);
    OK(send_text(queue, "1"));
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(p.calls, 0);
    EQ(ready(queue), 1);
    EQ(queue_metrics(queue).received, 0);
    OK(nimbus_mapping_enable(fn, queue, true));
    RUN(w);
    EQ(p.calls, 1);
    OK(nimbus_mapping_enable(fn, queue, true)); /* once more is nothing */
    OK(nimbus_mapping_enable(fn, queue, false));
    OK(send_text(queue, "2"));
    RUN(w);
    EQ(p.calls, 1);
    p.keep = true;
    OK(nimbus_mapping_enable(fn, queue, true));
    RUN(w);
    EQ(p.calls, 2);
    OK(nimbus_mapping_enable(fn, queue, false)); /* handlers that run go on */
    EQ(in_flight(queue), 1);
    ADVANCE(w, NIMBUS_MINUTES(3));
    EQ(in_flight(queue), 1);
    OK(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE));
    RUN(w);
    EQ(queue_metrics(queue).deleted, 2);
    IS(nimbus_mapping_enable(fn, other, true), NIMBUS_E_NOT_FOUND);
    IS(nimbus_function_unmap(fn, other), NIMBUS_E_NOT_FOUND);
}

static void unmapped_while_a_handler_holds_a_message(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .batch_size = 1 }, &w->err);
    SETUP_OK(w);
    send_letters(queue, 'a', 2);
    RUN(w);
    OK(nimbus_function_unmap(fn, queue));
    ADVANCE(w, NIMBUS_SECONDS(1));
    EQ(in_flight(queue), 1);
    EQ(ready(queue), 1);
    OK(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE)); /* settled by its answer */
    RUN(w);
    EQ(queue_metrics(queue).deleted, 1);
    EQ(p.calls, 1);
    TAKES(queue, "b");
}

static void deleting_the_function_leaves_the_messages(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_function_map(fn, queue, NULL, &w->err);
    SETUP_OK(w);
    OK(send_text(queue, "x"));
    RUN(w);
    EQ(p.calls, 1);
    OK(nimbus_function_delete(fn, 0));
    OK(send_text(queue, "y"));
    ADVANCE(w, NIMBUS_SECONDS(30));
    EQ(p.calls, 1);
    EQ(ready(queue), 2);
    IS(nimbus_mapping_enable(fn, queue, true), NIMBUS_E_DELETED);
    /* the pair is free for a new function of the name */
    nimbus_function_release(fn);
    p.answer = NIMBUS_DONE;
    fn = probe_function(w, "fn", &p, NULL);
    nimbus_function_map(fn, queue, NULL, &w->err);
    SETUP_OK(w);
    RUN(w);
    EQ(p.calls, 3);
    EQ(queue_metrics(queue).deleted, 2);
}

/* --------------------------------------------------------------------------------------------- filters */

static void what_does_not_match_the_filter_is_deleted_and_counted(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    static const char *const bad[] = { "{", "{\"a\":1}", "[]", "", "{\"a\":[{\"no-such\":1}]}" };
    nimbus_error err;
    SETUP_OK(w);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        nimbus_status status;
        memset(&err, 0, sizeof err);
        status = nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .filter = bad[i] }, &err);
        CHECK(status == NIMBUS_E_PATTERN || status == NIMBUS_E_UNSUPPORTED);
        TEXT(err.call, "nimbus_function_map");
        CHECK(err.offset == SIZE_MAX || err.offset <= strlen(bad[i]));
    }
    memset(&err, 0, sizeof err);
    IS(nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .filter = "{\"a\":[?]}" }, &err), NIMBUS_E_PATTERN);
    EQ(err.offset, 6);
    OK(send_text(queue, "{\"kind\":\"a\",\"n\":1}"));
    OK(send_text(queue, "{\"kind\":\"b\",\"n\":2}"));
    OK(send_text(queue, "plain text"));
    OK(send_text(queue, "{\"kind\":\"a\",\"n\":3}"));
    OK(send_text(queue, "[1]"));
    RUN(w);
    EQ(p.calls, 0); /* nothing of the refused was mapped */
    nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .filter = "{\"body\":{\"kind\":[\"a\"]}}" }, &w->err);
    SETUP_OK(w);
    RUN(w);
    EQ(p.calls, 2);
    TEXT(p.body[0], "{\"kind\":\"a\",\"n\":1}");
    TEXT(p.body[1], "{\"kind\":\"a\",\"n\":3}");
    EQ(function_metrics(fn).filtered, 3);
    EQ(function_metrics(fn).messages, 2);
    EQ(queue_metrics(queue).deleted, 5);
    EQ(ready(queue) + in_flight(queue), 0);
}

static void a_filter_before_a_batch(void **state)
{
    world *w = *state;
    struct batch_probe p = { .answer = NIMBUS_DONE };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *fn = batch_function(w, "fn", &p);
    SETUP_OK(w);
    for (int i = 0; i < 10; i++) {
        char text[16];
        snprintf(text, sizeof text, "{\"n\":%d}", i);
        OK(send_text(queue, text));
    }
    nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .filter = "{\"body\":{\"n\":[{\"numeric\":[\">=\",7]}]}}" }, &w->err);
    SETUP_OK(w);
    RUN(w);
    TEXT(p.bodies, "{\"n\":7}{\"n\":8}{\"n\":9}");
    EQ(function_metrics(fn).filtered, 7);
    EQ(queue_metrics(queue).deleted, 10);
}

/* --------------------------------------------------------------------------------------- several of them */

static void two_mappings_compete_for_one_queue(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    probe q = { .answer = NIMBUS_DONE };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *a = probe_function(w, "a", &p, NULL);
    nimbus_function *b = probe_function(w, "b", &q, NULL);
    nimbus_function_map(a, queue, &(nimbus_mapping_options){ .batch_size = 1 }, &w->err);
    nimbus_function_map(b, queue, &(nimbus_mapping_options){ .batch_size = 1 }, &w->err);
    SETUP_OK(w);
    for (int i = 0; i < 40; i++) {
        OK(send_text(queue, "x"));
    }
    RUN(w);
    EQ(p.calls + q.calls, 40); /* each message once */
    CHECK(p.calls > 0);
    CHECK(q.calls > 0);
    EQ(queue_metrics(queue).deleted, 40);
    EQ(queue_metrics(queue).received, 40);
    /* one that holds its place leaves the rest to the other */
    p.keep = true;
    OK(nimbus_mapping_enable(b, queue, false));
    OK(send_text(queue, "x"));
    RUN(w);
    EQ(p.kept_count, 1);
    OK(nimbus_mapping_enable(b, queue, true));
    OK(send_text(queue, "x"));
    OK(send_text(queue, "x"));
    OK(send_text(queue, "x"));
    RUN(w);
    EQ(queue_metrics(queue).deleted, 43);
    EQ(p.kept_count, 1);
    OK(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE));
    RUN(w);
    EQ(queue_metrics(queue).deleted, 44);
}

static void one_function_for_two_queues(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_queue *a = make_queue(w, "a");
    nimbus_queue *b = make_queue(w, "b");
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_function_map(fn, a, NULL, &w->err);
    nimbus_function_map(fn, b, NULL, &w->err);
    SETUP_OK(w);
    IS(nimbus_function_map(fn, a, NULL, NULL), NIMBUS_E_CONFLICT);
    for (int i = 0; i < 25; i++) {
        OK(send_text(a, "a"));
        OK(send_text(b, "b"));
    }
    RUN(w);
    EQ(p.calls, 50);
    EQ(queue_metrics(a).deleted, 25);
    EQ(queue_metrics(b).deleted, 25);
    OK(nimbus_function_unmap(fn, a));
    OK(send_text(a, "a"));
    OK(send_text(b, "b"));
    RUN(w);
    EQ(p.calls, 51);
    TEXT(p.last, "b");
    EQ(ready(a), 1);
}

static void no_queue_starves_at_one_place(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_queue *a = make_queue(w, "a");
    nimbus_queue *b = make_queue(w, "b");
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    size_t first_b = 0;
    SETUP_OK(w);
    for (int i = 0; i < 60; i++) {
        OK(send_text(a, "a"));
    }
    OK(send_text(b, "b"));
    nimbus_function_map(fn, a, &(nimbus_mapping_options){ .batch_size = 1 }, &w->err);
    nimbus_function_map(fn, b, &(nimbus_mapping_options){ .batch_size = 1 }, &w->err);
    SETUP_OK(w);
    RUN(w);
    EQ(p.calls, 61);
    while (first_b < 60 && strcmp(p.body[first_b], "b") != 0) {
        first_b++;
    }
    CHECK(first_b < 59); /* it had its turn before a was empty */
}

static void a_delayed_message_reaches_the_mapping_when_it_is_due(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_function_map(fn, queue, NULL, &w->err);
    SETUP_OK(w);
    OK(nimbus_queue_send(queue, &(nimbus_entry){ .body = nimbus_text("x"), .delay = NIMBUS_MINUTES(5) }, NULL));
    ADVANCE(w, NIMBUS_MINUTES(5) - 1);
    EQ(p.calls, 0);
    ADVANCE(w, 1);
    EQ(p.calls, 1);
    EQ(p.at[0], NIMBUS_MINUTES(5));
}

/* ---------------------------------------------------------------------------------------------- threads */

struct counted {
    atomic_size_t running;
    atomic_size_t most;
    atomic_size_t left;
};

static nimbus_outcome count_them(const nimbus_delivery *delivery, void *user)
{
    struct counted *c = user;
    size_t now = atomic_fetch_add(&c->running, 1) + 1;
    size_t most = atomic_load(&c->most);
    (void)delivery;
    while (now > most && !atomic_compare_exchange_weak(&c->most, &most, now)) {
    }
    sched_yield();
    atomic_fetch_sub(&c->running, 1);
    atomic_fetch_add(&c->left, 1);
    return NIMBUS_DONE;
}

static void on_threads_each_message_once_and_never_too_many(void **state)
{
    world *w = *state;
    struct counted one;
    struct counted four;
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_queue *other = make_queue(w, "other");
    nimbus_function *a;
    nimbus_function *b;
    memset(&one, 0, sizeof one);
    memset(&four, 0, sizeof four);
    a = nimbus_function_create(w->nb, "a", count_them, &one, NULL, &w->err);
    b = nimbus_function_create(w->nb, "b", count_them, &four, &(nimbus_function_options){ .max_concurrency = 4 }, &w->err);
    nimbus_function_map(a, queue, NULL, &w->err);
    nimbus_function_map(b, queue, NULL, &w->err);
    nimbus_function_map(b, other, &(nimbus_mapping_options){ .max_concurrency = 2 }, &w->err);
    SETUP_OK(w);
    for (int i = 0; i < 3000; i++) {
        OK(send_text(queue, "x"));
        OK(send_text(other, "x"));
    }
    SPIN_UNTIL(queue_metrics(queue).deleted == 3000 && queue_metrics(other).deleted == 3000);
    EQ(atomic_load(&one.left) + atomic_load(&four.left), 6000);
    EQ(atomic_load(&one.most), atomic_load(&one.left) > 0 ? 1 : 0);
    CHECK(atomic_load(&four.most) <= 4);
    EQ(queue_metrics(queue).received, 3000);
    EQ(queue_metrics(other).received, 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(la_q1_batch_size),
        DRIVEN(la_q2_batch_window),
        DRIVEN(what_a_window_has_gathered_returns_at_the_unmap),
        DRIVEN(la_q3_a_failure_comes_back_when_its_visibility_ends),
        DRIVEN(la_q4_repeated_failure_leads_to_the_dead_letter_queue_of_the_source),
        DRIVEN(reject_moves_to_the_dead_letter_queue_at_once),
        DRIVEN(la_q7_done_for_the_batch_deletes_all),
        DRIVEN(la_q8_retry_for_the_batch_keeps_all),
        DRIVEN(la_q9_marks_make_a_partial_failure),
        DRIVEN(la_q13_concurrency_of_a_mapping),
        DRIVEN(single_messages_of_a_batch_are_settled_alone),
        DRIVEN(the_heartbeat_hides_a_message_for_as_long_as_it_takes),
        DRIVEN(the_heartbeat_ends_with_the_answer),
        DRIVEN(without_a_heartbeat_it_lapses),
        DRIVEN(timeout_of_a_kept_message_makes_it_come_again),
        DRIVEN(kept_at_close),
        DRIVEN(a_mapping_binds_to_the_name_of_its_queue),
        DRIVEN(a_queue_deleted_while_its_message_is_kept),
        DRIVEN(disabled_and_enabled),
        DRIVEN(unmapped_while_a_handler_holds_a_message),
        DRIVEN(deleting_the_function_leaves_the_messages),
        DRIVEN(what_does_not_match_the_filter_is_deleted_and_counted),
        DRIVEN(a_filter_before_a_batch),
        DRIVEN(two_mappings_compete_for_one_queue),
        DRIVEN(one_function_for_two_queues),
        DRIVEN(no_queue_starves_at_one_place),
        DRIVEN(a_delayed_message_reaches_the_mapping_when_it_is_due),
        THREADED(on_threads_each_message_once_and_never_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
