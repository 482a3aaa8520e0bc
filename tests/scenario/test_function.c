/** Functions: asynchronous invocations with their retries and destinations, concurrency, kept invocations (LA-A, C). */
#include "helpers.h"

static nimbus_status invoke_async(nimbus_function *fn, const char *payload)
{
    return nimbus_invoke_async(fn, nimbus_text(payload), NULL);
}

/* --------------------------------------------------------------------------------------- A: asynchronous */

static void la_a1_a_failure_is_retried_after_one_and_two_more_minutes(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    nimbus_function *fn = probe_function(w, "work", &p, NULL);
    nimbus_id id = { 0, 0 };
    SETUP_OK(w);
    OK(nimbus_invoke_async(fn, nimbus_text("x"), &id));
    CHECK(id.number != 0);
    EQ(p.calls, 0); /* it does not wait, nor run inside of the call */
    EQ(function_metrics(fn).waiting, 1);
    RUN(w);
    EQ(p.calls, 1);
    EQ(function_metrics(fn).waiting, 1);
    ADVANCE(w, NIMBUS_SECONDS(60) - 1);
    EQ(p.calls, 1);
    ADVANCE(w, 1);
    EQ(p.calls, 2);
    ADVANCE(w, NIMBUS_SECONDS(120) - 1);
    EQ(p.calls, 2);
    ADVANCE(w, 1);
    EQ(p.calls, 3);
    ADVANCE(w, NIMBUS_HOURS(24));
    EQ(p.calls, 3);
    EQ(p.at[1], NIMBUS_SECONDS(60));
    EQ(p.at[2], NIMBUS_SECONDS(180));
    EQ(p.count[0], 1);
    EQ(p.count[1], 2);
    EQ(p.count[2], 3);
    EQ(function_metrics(fn).invocations, 3);
    EQ(function_metrics(fn).errors, 3);
    EQ(function_metrics(fn).retries, 2);
    EQ(function_metrics(fn).discarded, 1);
    EQ(function_metrics(fn).waiting, 0);
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 1);
}

static void a_success_after_a_retry_ends_it(void **state)
{
    world *w = *state;
    probe p = { .script = { NIMBUS_RETRY }, .script_length = 1, .answer = NIMBUS_DONE };
    nimbus_function *fn = probe_function(w, "work", &p, NULL);
    SETUP_OK(w);
    OK(invoke_async(fn, "x"));
    ADVANCE(w, NIMBUS_HOURS(24));
    EQ(p.calls, 2);
    TEXT(p.body[1], "x");
    EQ(function_metrics(fn).succeeded, 1);
    EQ(function_metrics(fn).errors, 1);
    EQ(function_metrics(fn).discarded, 0);
}

static void the_retry_policy_of_the_options(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    probe none = { .answer = NIMBUS_RETRY };
    nimbus_function *fn =
        probe_function(w, "work", &p, &(nimbus_function_options){ .retry = { .max_retries = 4, .min_delay = NIMBUS_SECONDS(1) } });
    nimbus_function *once = probe_function(w, "once", &none, &(nimbus_function_options){ .retry = { .max_retries = NIMBUS_NONE } });
    SETUP_OK(w);
    OK(invoke_async(fn, "x"));
    OK(invoke_async(once, "x"));
    ADVANCE(w, NIMBUS_HOURS(24));
    EQ(p.calls, 5);
    EQ(p.at[1], NIMBUS_SECONDS(1));
    EQ(p.at[2], NIMBUS_SECONDS(3));
    EQ(p.at[3], NIMBUS_SECONDS(7));
    EQ(p.at[4], NIMBUS_SECONDS(15));
    EQ(none.calls, 1);
}

static void la_a5_the_last_failure_goes_to_on_failure_and_to_the_dead_letter_queue(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY, .fail = "out of stock" };
    probe q = { .answer = NIMBUS_RETRY };
    probe r = { .answer = NIMBUS_RETRY };
    probe s = { .answer = NIMBUS_RETRY };
    nimbus_queue *record = make_queue(w, "record");
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_function *both =
        probe_function(w, "both", &p, &(nimbus_function_options){ .on_failure = nimbus_to_queue(record), .dead_letter_queue = dead });
    nimbus_function *only_record =
        probe_function(w, "only-record", &q, &(nimbus_function_options){ .on_failure = nimbus_to_queue(record) });
    nimbus_function *only_dead = probe_function(w, "only-dead", &r, &(nimbus_function_options){ .dead_letter_queue = dead });
    nimbus_function *neither = probe_function(w, "neither", &s, NULL);
    nimbus_delivery delivery;
    nimbus_delivery_info info;
    char text[NIMBUS_ID_TEXT + 32];
    char id_text[NIMBUS_ID_TEXT];
    nimbus_id id = { 0, 0 };
    SETUP_OK(w);
    OK(nimbus_invoke_async(both, nimbus_text("{\"n\":1}"), &id));
    ADVANCE(w, NIMBUS_SECONDS(179));
    EQ(ready(record), 0);
    EQ(ready(dead), 0);
    ADVANCE(w, NIMBUS_SECONDS(1));
    EQ(ready(record), 1);
    EQ(ready(dead), 1);
    EQ(function_metrics(both).dead_lettered, 1); /* one invocation, though in both */
    EQ(function_metrics(both).discarded, 0);

    memset(&delivery, 0, sizeof delivery);
    memset(&info, 0, sizeof info);
    OK(receive_one(record, &delivery));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"version\":\"1.0\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"timestamp\":\"2020-01-01T00:03:00"));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"requestContext\":{"));
    snprintf(text, sizeof text, "\"requestId\":\"%s\"", nimbus_id_text(id, id_text));
    CHECK(json_has(nimbus_delivery_body(&delivery), text));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"functionArn\":\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "both"));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"condition\":\"RetriesExhausted\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"approximateInvokeCount\":3"));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"requestPayload\":{\"n\":1}"));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"responseContext\":{"));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"responsePayload\":"));
    CHECK(json_has(nimbus_delivery_body(&delivery), "out of stock"));
    OK(nimbus_delivery_delete(&delivery));

    OK(receive_one(dead, &delivery)); /* the payload itself */
    text_of(nimbus_delivery_body(&delivery), text, sizeof text);
    TEXT(text, "{\"n\":1}");
    OK(nimbus_delivery_get_info(&delivery, &info));
    EQ(info.dead_letter_attempts, 3);
    CHECK(info.dead_letter_source != NULL && strstr(info.dead_letter_source, "both") != NULL);
    CHECK(info.dead_letter_reason != NULL && strstr(info.dead_letter_reason, "out of stock") != NULL);
    OK(nimbus_delivery_delete(&delivery));

    OK(invoke_async(only_record, "x"));
    OK(invoke_async(only_dead, "y"));
    OK(invoke_async(neither, "z"));
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(ready(record), 1);
    TAKES(dead, "y");
    EQ(ready(dead), 0);
    EQ(function_metrics(only_record).dead_lettered, 1);
    EQ(function_metrics(only_dead).dead_lettered, 1);
    EQ(function_metrics(neither).dead_lettered, 0);
    EQ(function_metrics(neither).discarded, 1);
}

static void la_a6_every_success_gives_a_record(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE, .reply = "{\"ok\":true}" };
    nimbus_queue *success = make_queue(w, "success");
    nimbus_queue *failure = make_queue(w, "failure");
    nimbus_function *fn = probe_function(
        w, "work", &p, &(nimbus_function_options){ .on_success = nimbus_to_queue(success), .on_failure = nimbus_to_queue(failure) });
    nimbus_delivery delivery;
    nimbus_id id = { 0, 0 };
    char text[NIMBUS_ID_TEXT + 32];
    char id_text[NIMBUS_ID_TEXT];
    SETUP_OK(w);
    ADVANCE(w, NIMBUS_SECONDS(5));
    OK(nimbus_invoke_async(fn, nimbus_text("{\"n\":[1,2]}"), &id));
    OK(invoke_async(fn, "plain \"text\""));
    RUN(w);
    EQ(ready(success), 2);
    EQ(ready(failure), 0);
    memset(&delivery, 0, sizeof delivery);
    OK(receive_one(success, &delivery));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"version\":\"1.0\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"timestamp\":\"2020-01-01T00:00:05"));
    snprintf(text, sizeof text, "\"requestId\":\"%s\"", nimbus_id_text(id, id_text));
    CHECK(json_has(nimbus_delivery_body(&delivery), text));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"functionArn\":\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"condition\":\"Success\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"approximateInvokeCount\":1"));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"requestPayload\":{\"n\":[1,2]}"));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"responseContext\":{"));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"responsePayload\":{\"ok\":true}"));
    OK(nimbus_delivery_delete(&delivery));
    OK(receive_one(success, &delivery)); /* what is not JSON becomes a JSON string */
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"requestPayload\":\"plain \\\"text\\\"\""));
    OK(nimbus_delivery_delete(&delivery));
    /* a synchronous invocation has no destinations */
    OK(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_SECONDS(1), NULL));
    RUN(w);
    EQ(ready(success), 0);
}

static void reject_ends_an_asynchronous_invocation_at_once(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_REJECT, .fail = "never" };
    nimbus_queue *record = make_queue(w, "record");
    nimbus_function *fn = probe_function(w, "work", &p, &(nimbus_function_options){ .on_failure = nimbus_to_queue(record) });
    nimbus_delivery delivery;
    SETUP_OK(w);
    OK(invoke_async(fn, "1"));
    RUN(w);
    EQ(p.calls, 1);
    EQ(ready(record), 1);
    memset(&delivery, 0, sizeof delivery);
    OK(receive_one(record, &delivery));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"approximateInvokeCount\":1"));
    CHECK(json_has(nimbus_delivery_body(&delivery), "never"));
    CHECK(json_lacks(nimbus_delivery_body(&delivery), "\"Success\""));
    OK(nimbus_delivery_delete(&delivery));
    ADVANCE(w, NIMBUS_HOURS(24));
    EQ(p.calls, 1);
    EQ(function_metrics(fn).dead_lettered, 1);
    EQ(function_metrics(fn).retries, 0);
}

static void max_age_ends_asynchronous_retries(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    nimbus_queue *record = make_queue(w, "record");
    nimbus_function *fn = probe_function(
        w, "work", &p, &(nimbus_function_options){ .on_failure = nimbus_to_queue(record), .retry = { .max_age = NIMBUS_SECONDS(100) } });
    nimbus_delivery delivery;
    SETUP_OK(w);
    OK(invoke_async(fn, "x"));
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(p.calls, 2); /* 0 and 60 s; the next would be at 180 s */
    memset(&delivery, 0, sizeof delivery);
    OK(receive_one(record, &delivery));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"condition\":\"EventAgeExceeded\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"approximateInvokeCount\":2"));
    OK(nimbus_delivery_delete(&delivery));
}

static void destinations_are_queues_topics_and_functions(void **state)
{
    world *w = *state;
    probe first = { .answer = NIMBUS_DONE, .reply = "\"r\"" };
    probe second = { .answer = NIMBUS_DONE };
    probe failing = { .answer = NIMBUS_REJECT };
    nimbus_topic *topic = make_topic(w, "topic");
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_function *after = probe_function(w, "after", &second, NULL);
    nimbus_function *fn = probe_function(w, "fn", &first, &(nimbus_function_options){ .on_success = nimbus_to_function(after) });
    nimbus_function *bad = probe_function(w, "bad", &failing, &(nimbus_function_options){ .on_failure = nimbus_to_topic(topic) });
    nimbus_error err;
    subscribe(w, topic, nimbus_to_queue(queue), NULL);
    SETUP_OK(w);
    OK(invoke_async(fn, "\"p\""));
    OK(invoke_async(bad, "x"));
    RUN(w);
    EQ(second.calls, 1);
    CHECK(json_has(bytes_of(second.last), "\"requestPayload\":\"p\""));
    CHECK(json_has(bytes_of(second.last), "\"responsePayload\":\"r\""));
    EQ(ready(queue), 1);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_function_create(w->nb, "c", probe_handler, &first, &(nimbus_function_options){ .on_success = to_probe(&second) }, &err) ==
          NULL);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.field, "on_success");
    EQ(second.destroyed, 0);
}

static void a_destination_that_is_gone_loses_nothing_else(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_queue *success = make_queue(w, "success");
    nimbus_function *fn = probe_function(w, "work", &p, &(nimbus_function_options){ .on_success = nimbus_to_queue(success) });
    SETUP_OK(w);
    OK(nimbus_queue_delete(success));
    nimbus_queue_release(success);
    OK(invoke_async(fn, "1"));
    RUN(w);
    EQ(p.calls, 1);
    EQ(function_metrics(fn).succeeded, 1);
    success = make_queue(w, "success"); /* bound by name */
    SETUP_OK(w);
    OK(invoke_async(fn, "2"));
    RUN(w);
    EQ(p.calls, 2);
    EQ(ready(success), 1);
}

static void capacity_of_waiting_invocations(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    static char bytes[] = "x";
    nimbus_function *fn = probe_function(w, "work", &p, &(nimbus_function_options){ .capacity_messages = 2 });
    nimbus_id id;
    SETUP_OK(w);
    OK(invoke_async(fn, "1"));
    OK(invoke_async(fn, "2"));
    stain(&id, sizeof id);
    IS(nimbus_invoke_async(fn, nimbus_adopt(bytes, 1, NULL, NULL), &id), NIMBUS_E_FULL);
    CHECK(stained(&id, sizeof id));
    RUN(w);
    EQ(p.calls, 2);
    OK(invoke_async(fn, "3"));
    RUN(w);
    TEXT(p.body[2], "3");
}

static void asynchronous_invocations_run_in_order(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_function *fn = probe_function(w, "work", &p, NULL);
    char text[8];
    SETUP_OK(w);
    for (int i = 0; i < 50; i++) {
        snprintf(text, sizeof text, "%d", i);
        OK(invoke_async(fn, text));
    }
    RUN(w);
    EQ(p.calls, 50);
    for (int i = 0; i < 50; i++) {
        snprintf(text, sizeof text, "%d", i);
        TEXT(p.body[i], text);
    }
    TEXT(p.source, "work");
    EQ(function_metrics(fn).invocations, 50);
    EQ(function_metrics(fn).messages, 50);
}

/* ------------------------------------------------------------------------------------------ C: concurrency */

static void la_c1_concurrency_caps_all_kinds_of_invocation(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_function *fn = probe_function(w, "work", &p, &(nimbus_function_options){ .max_concurrency = 3 });
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_topic *topic = make_topic(w, "topic");
    nimbus_invoke_result result;
    nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .batch_size = 1 }, &w->err);
    subscribe(w, topic, nimbus_to_function(fn), NULL);
    SETUP_OK(w);
    OK(invoke_async(fn, "async"));
    RUN(w);
    OK(send_text(queue, "mapped"));
    OK(send_text(queue, "mapped"));
    publish(topic, "published");
    RUN(w);
    EQ(p.calls, 3);
    EQ(function_metrics(fn).kept, 3);
    OK(invoke_async(fn, "async"));
    OK(send_text(queue, "mapped"));
    stain(&result, sizeof result);
    IS(nimbus_invoke(fn, nimbus_text("sync"), NIMBUS_SECONDS(1), &result), NIMBUS_E_WOULD_BLOCK); /* no free place, nothing can give one */
    CHECK(stained(&result, sizeof result));
    ADVANCE(w, NIMBUS_MINUTES(10));
    EQ(p.calls, 3);
    for (size_t i = 0; i < 3; i++) {
        OK(nimbus_invocation_finish(p.kept[i], NIMBUS_DONE));
        RUN(w);
        CHECK(function_metrics(fn).kept <= 3);
        CHECK(p.kept_count <= i + 4);
    }
    ADVANCE(w, NIMBUS_MINUTES(10));
    for (size_t i = 3; i < p.kept_count; i++) {
        OK(nimbus_invocation_finish(p.kept[i], NIMBUS_DONE));
        RUN(w);
    }
    EQ(p.calls, 6); /* async 2, mapped 3, published 1; the synchronous one never ran */
    EQ(function_metrics(fn).succeeded, 6);
    EQ(function_metrics(fn).kept, 0);
    EQ(queue_metrics(queue).deleted, 3);
}

static void concurrency_can_be_changed(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_function *fn = probe_function(w, "work", &p, NULL);
    SETUP_OK(w);
    for (int i = 0; i < 6; i++) {
        OK(invoke_async(fn, "x"));
    }
    RUN(w);
    EQ(p.calls, 1); /* default 1 */
    OK(nimbus_function_set_concurrency(fn, 4));
    RUN(w);
    EQ(p.calls, 4);
    OK(nimbus_function_set_concurrency(fn, 1)); /* calls that run go on */
    EQ(function_metrics(fn).kept, 4);
    OK(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE));
    OK(nimbus_invocation_finish(p.kept[1], NIMBUS_DONE));
    OK(nimbus_invocation_finish(p.kept[2], NIMBUS_DONE));
    RUN(w);
    EQ(p.calls, 4);
    OK(nimbus_invocation_finish(p.kept[3], NIMBUS_DONE));
    RUN(w);
    EQ(p.calls, 5);
    OK(nimbus_function_set_concurrency(fn, 0));
    OK(nimbus_invocation_finish(p.kept[4], NIMBUS_DONE));
    RUN(w);
    EQ(p.calls, 5); /* stopped */
    IS(nimbus_function_set_concurrency(fn, -2), NIMBUS_E_INVALID);
    IS(nimbus_function_set_concurrency(NULL, 1), NIMBUS_E_INVALID);
}

static void la_c3_a_stopped_function(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_queue *record = make_queue(w, "record");
    nimbus_queue *source = make_queue(w, "source");
    nimbus_function *fn =
        probe_function(w, "work", &p, &(nimbus_function_options){ .max_concurrency = NIMBUS_NONE, .on_failure = nimbus_to_queue(record) });
    nimbus_delivery delivery;
    nimbus_invoke_result result;
    nimbus_function_map(fn, source, NULL, &w->err);
    SETUP_OK(w);
    stain(&result, sizeof result);
    IS(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_SECONDS(1), &result), NIMBUS_E_OVER_LIMIT);
    IS(nimbus_invoke(fn, nimbus_text("x"), 0, &result), NIMBUS_E_OVER_LIMIT);
    CHECK(stained(&result, sizeof result));
    /* taken, and failed at once without a try (LA-A4) */
    OK(invoke_async(fn, "{}"));
    RUN(w);
    EQ(p.calls, 0);
    EQ(ready(record), 1);
    memset(&delivery, 0, sizeof delivery);
    OK(receive_one(record, &delivery));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"condition\":\"ZeroReservedConcurrency\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"approximateInvokeCount\":0"));
    CHECK(json_lacks(nimbus_delivery_body(&delivery), "responseContext"));
    OK(nimbus_delivery_delete(&delivery));
    /* a mapped queue is not touched: throttling never costs a receive */
    OK(send_text(source, "m"));
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(ready(source), 1);
    EQ(queue_metrics(source).received, 0);
    EQ(function_metrics(fn).invocations, 0);
    OK(nimbus_function_set_concurrency(fn, 1));
    RUN(w);
    EQ(p.calls, 1);
    EQ(p.count[0], 1);
    EQ(ready(source), 0);
    OK(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_SECONDS(1), NULL));
    EQ(p.calls, 2);
    OK(nimbus_function_set_concurrency(fn, NIMBUS_NONE));
    IS(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_SECONDS(1), NULL), NIMBUS_E_OVER_LIMIT);
}

/* ------------------------------------------------------------------------------------------- kept ones */

static void kept_and_finished_later(void **state)
{
    static const nimbus_outcome outcomes[] = { NIMBUS_DONE, NIMBUS_RETRY, NIMBUS_REJECT, NIMBUS_LATER };
    world *w = *state;
    probe p = { .keep = true };
    nimbus_queue *record = make_queue(w, "record");
    nimbus_function *fn = probe_function(w, "work", &p, &(nimbus_function_options){ .on_failure = nimbus_to_queue(record) });
    SETUP_OK(w);
    for (size_t i = 0; i < 4; i++) {
        nimbus_function_metrics m;
        p.calls = 0;
        p.kept_count = 0;
        OK(invoke_async(fn, "x"));
        RUN(w);
        EQ(p.calls, 1);
        EQ(p.kept_count, 1);
        m = function_metrics(fn);
        EQ(m.kept, 1);
        EQ(m.running, 0);
        CHECK(nimbus_delivery_message(nimbus_invocation_delivery(p.kept[0])) != NULL);
        EQ(nimbus_delivery_body(nimbus_invocation_delivery(p.kept[0])).size, 1);
        ADVANCE(w, NIMBUS_HOURS(3));
        EQ(p.calls, 1);
        OK(nimbus_invocation_finish(p.kept[0], outcomes[i]));
        RUN(w);
        EQ(function_metrics(fn).kept, 0);
        if (outcomes[i] == NIMBUS_DONE) {
            EQ(function_metrics(fn).succeeded, 1);
            EQ(ready(record), 0);
        } else if (outcomes[i] == NIMBUS_REJECT) {
            EQ(ready(record), 1);
            drain(record);
        } else { /* RETRY, and LATER counts as RETRY */
            ADVANCE(w, NIMBUS_SECONDS(60) - 1);
            EQ(p.calls, 1);
            ADVANCE(w, 1);
            EQ(p.calls, 2);
            EQ(p.kept_count, 2);
            OK(nimbus_invocation_finish(p.kept[1], NIMBUS_REJECT));
            RUN(w);
            EQ(drain(record), 1);
        }
    }
}

/* Keeps, finishes before it returns, and answers as it is told. */
struct early {
    nimbus_outcome finish;
    nimbus_outcome answer;
    nimbus_status finished;
    bool second_keep_refused;
    size_t calls;
};

static nimbus_outcome finish_inside(const nimbus_delivery *delivery, void *user)
{
    struct early *e = user;
    nimbus_invocation *kept = nimbus_delivery_keep(delivery);
    nimbus_invocation *again = nimbus_delivery_keep(delivery);
    e->calls++;
    e->second_keep_refused = again == NULL;
    e->finished = nimbus_invocation_finish(kept, e->finish);
    return e->answer;
}

static void finished_before_the_handler_returns(void **state)
{
    world *w = *state;
    struct early e = { .finish = NIMBUS_DONE, .answer = NIMBUS_LATER };
    nimbus_function *fn = nimbus_function_create(w->nb, "work", finish_inside, &e, NULL, &w->err);
    SETUP_OK(w);
    OK(invoke_async(fn, "x"));
    RUN(w);
    EQ(e.calls, 1);
    CHECK(e.second_keep_refused);
    OK(e.finished);
    EQ(function_metrics(fn).succeeded, 1);
    EQ(function_metrics(fn).kept, 0);
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(e.calls, 1);
    /* finished with RETRY before the return */
    e.finish = NIMBUS_RETRY;
    OK(invoke_async(fn, "x"));
    RUN(w);
    EQ(e.calls, 2);
    e.finish = NIMBUS_DONE;
    ADVANCE(w, NIMBUS_SECONDS(60));
    EQ(e.calls, 3);
    EQ(function_metrics(fn).succeeded, 2);
    EQ(function_metrics(fn).errors, 1);
}

static nimbus_outcome keep_but_answer(const nimbus_delivery *delivery, void *user)
{
    probe *p = user;
    p->calls++;
    p->kept[p->kept_count++] = nimbus_delivery_keep(delivery);
    return p->answer;
}

static void an_answer_other_than_later_counts(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_function *fn = nimbus_function_create(w->nb, "work", keep_but_answer, &p, NULL, &w->err);
    SETUP_OK(w);
    OK(invoke_async(fn, "x"));
    RUN(w);
    CHECK(p.kept[0] != NULL);
    EQ(function_metrics(fn).succeeded, 1);
    EQ(function_metrics(fn).kept, 0);
    OK(invoke_async(fn, "y")); /* its place is free */
    RUN(w);
    EQ(p.calls, 2);
    IS(nimbus_invocation_finish(p.kept[0], NIMBUS_RETRY), NIMBUS_STALE);
    IS(nimbus_invocation_finish(p.kept[1], NIMBUS_DONE), NIMBUS_STALE);
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(p.calls, 2);
    EQ(function_metrics(fn).succeeded, 2);
    EQ(function_metrics(fn).errors, 0);
}

static void the_timeout_of_a_kept_invocation(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_function *fn = probe_function(w, "work", &p, &(nimbus_function_options){ .timeout = NIMBUS_SECONDS(30) });
    SETUP_OK(w);
    OK(invoke_async(fn, "x"));
    RUN(w);
    ADVANCE(w, NIMBUS_SECONDS(30) - 1);
    EQ(function_metrics(fn).kept, 1);
    ADVANCE(w, 1);
    EQ(function_metrics(fn).kept, 0); /* counts as RETRY */
    EQ(function_metrics(fn).errors, 1);
    EQ(p.calls, 1);
    ADVANCE(w, NIMBUS_SECONDS(60));
    EQ(p.calls, 2);
    IS(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE), NIMBUS_STALE);
    RUN(w);
    EQ(function_metrics(fn).kept, 1); /* the second is not touched by it */
    OK(nimbus_invocation_finish(p.kept[1], NIMBUS_DONE));
    RUN(w);
    EQ(function_metrics(fn).succeeded, 1);
    ADVANCE(w, NIMBUS_HOURS(24));
    EQ(p.calls, 2);
}

static void finished_in_time_the_timeout_does_nothing(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_function *fn = probe_function(w, "work", &p, &(nimbus_function_options){ .timeout = NIMBUS_SECONDS(30) });
    SETUP_OK(w);
    OK(invoke_async(fn, "x"));
    ADVANCE(w, NIMBUS_SECONDS(29));
    OK(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE));
    OK(invoke_async(fn, "y"));
    ADVANCE(w, NIMBUS_SECONDS(29)); /* at 58 s: the second is 29 s old */
    EQ(function_metrics(fn).kept, 1);
    EQ(function_metrics(fn).errors, 0);
    OK(nimbus_invocation_finish(p.kept[1], NIMBUS_DONE));
    ADVANCE(w, NIMBUS_HOURS(24));
    EQ(p.calls, 2);
    EQ(function_metrics(fn).succeeded, 2);
}

static void *finish_done(void *user)
{
    return nimbus_invocation_finish(user, NIMBUS_DONE) == NIMBUS_OK ? NULL : user;
}

static void finished_from_another_thread(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_function *fn = probe_function(w, "work", &p, NULL);
    pthread_t thread;
    void *failed = &p;
    SETUP_OK(w);
    OK(invoke_async(fn, "1"));
    OK(invoke_async(fn, "2"));
    RUN(w);
    EQ(p.calls, 1);
    EQ(pthread_create(&thread, NULL, finish_done, p.kept[0]), 0);
    EQ(pthread_join(thread, &failed), 0);
    CHECK(failed == NULL);
    RUN(w);
    EQ(p.calls, 2);
    EQ(function_metrics(fn).succeeded, 1);
    OK(nimbus_invocation_finish(p.kept[1], NIMBUS_DONE));
    RUN(w);
}

static void never_finished_and_closed(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_function *fn =
        nimbus_function_create(w->nb, "work", probe_handler, &p, &(nimbus_function_options){ .destroy = probe_destroy }, &w->err);
    nimbus_leftovers left;
    SETUP_OK(w);
    OK(invoke_async(fn, "x"));
    OK(invoke_async(fn, "y"));
    RUN(w);
    memset(&left, 0, sizeof left);
    OK(nimbus_close(w->nb, 0, &left));
    w->nb = NULL;
    EQ(left.kept, 1);
    EQ(left.pending, 1);
    EQ(left.running, 0);
    EQ(p.destroyed, 1);
    IS(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE), NIMBUS_E_CLOSED); /* too late, but harmless; it ends here */
}

static void kept_over_a_shutdown_and_finished(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_function *fn = probe_function(w, "work", &p, NULL);
    nimbus_leftovers left;
    nimbus_status status;
    SETUP_OK(w);
    OK(invoke_async(fn, "x"));
    RUN(w);
    memset(&left, 0, sizeof left);
    OK(nimbus_shutdown(w->nb, NIMBUS_FOREVER, &left));
    EQ(left.kept, 1);
    status = nimbus_invocation_finish(p.kept[0], NIMBUS_DONE);
    CHECK(status == NIMBUS_OK || status == NIMBUS_E_CLOSED);
    OK(nimbus_shutdown(w->nb, NIMBUS_FOREVER, &left));
    EQ(left.kept, 0);
}

static void finish_and_friends_with_null(void **state)
{
    (void)state;
    IS(nimbus_invocation_finish(NULL, NIMBUS_DONE), NIMBUS_E_INVALID);
    CHECK(nimbus_invocation_delivery(NULL) == NULL);
    CHECK(nimbus_delivery_keep(NULL) == NULL);
    IS(nimbus_delivery_reply(NULL, nimbus_text("x")), NIMBUS_E_INVALID);
    IS(nimbus_delivery_fail(NULL, "x"), NIMBUS_E_INVALID);
    CHECK(nimbus_delivery_runtime(NULL) == NULL);
    CHECK(nimbus_delivery_subscription(NULL) == NULL);
}

/* ------------------------------------------------------------------------------------- delete and destroy */

static void delete_discards_what_waits_and_destroys_once(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_queue *record = make_queue(w, "record");
    nimbus_function *fn =
        nimbus_function_create(w->nb, "work", probe_handler, &p,
                               &(nimbus_function_options){ .destroy = probe_destroy, .on_failure = nimbus_to_queue(record) }, &w->err);
    nimbus_status status;
    SETUP_OK(w);
    OK(invoke_async(fn, "1"));
    OK(invoke_async(fn, "2"));
    OK(invoke_async(fn, "3"));
    RUN(w);
    EQ(p.calls, 1);
    status = nimbus_function_delete(fn, 0);
    CHECK(status == NIMBUS_OK || status == NIMBUS_E_TIMEOUT); /* a kept call is still there */
    IS(nimbus_function_delete(fn, 0), NIMBUS_E_DELETED);
    EQ(function_metrics(fn).discarded, 2);
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 2);
    RUN(w);
    EQ(p.calls, 1);
    CHECK(!nimbus_failed(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE)));
    nimbus_function_release(fn);
    RUN(w);
    EQ(p.destroyed, 1);
    EQ(ready(record), 0);
    CHECK(nimbus_function_find(w->nb, "work", NULL) == NULL);
    /* the name is free */
    CHECK(probe_function(w, "work", &p, NULL) != NULL);
    SETUP_OK(w);
}

struct own_end {
    nimbus_function *fn;
    size_t calls;
    size_t destroyed;
    size_t destroyed_in_call;
    nimbus_status wait;
    nimbus_status end;
};

static nimbus_outcome delete_own_function(const nimbus_delivery *delivery, void *user)
{
    struct own_end *o = user;
    (void)delivery;
    o->calls++;
    o->wait = nimbus_function_delete(o->fn, NIMBUS_SECONDS(1));
    if (o->calls == 2) {
        o->end = nimbus_function_delete(o->fn, 0);
        o->destroyed_in_call = o->destroyed;
    }
    return NIMBUS_DONE;
}

static void note_own_end(void *user)
{
    struct own_end *o = user;
    o->destroyed++;
}

static void deleted_in_its_own_handler(void **state)
{
    world *w = *state;
    struct own_end o;
    memset(&o, 0, sizeof o);
    o.fn = nimbus_function_create(w->nb, "work", delete_own_function, &o, &(nimbus_function_options){ .destroy = note_own_end }, &w->err);
    SETUP_OK(w);
    OK(invoke_async(o.fn, "1"));
    OK(invoke_async(o.fn, "2"));
    OK(invoke_async(o.fn, "3"));
    RUN(w);
    EQ(o.calls, 2);
    IS(o.wait, NIMBUS_E_WOULD_DEADLOCK); /* and the first time it changed nothing */
    CHECK(o.end == NIMBUS_OK || o.end == NIMBUS_E_TIMEOUT);
    EQ(o.destroyed_in_call, 0);
    nimbus_function_release(o.fn);
    RUN(w);
    EQ(o.destroyed, 1);
}

static void destroy_at_close_and_never_for_a_failed_create(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    probe q = { .answer = NIMBUS_DONE };
    nimbus_queue *gone = make_queue(w, "gone");
    nimbus_error sticky = { .status = NIMBUS_E_FULL };
    nimbus_error err;
    SETUP_OK(w);
    CHECK(nimbus_function_create(w->nb, "work", probe_handler, &p, &(nimbus_function_options){ .destroy = probe_destroy }, &w->err));
    SETUP_OK(w);
    OK(nimbus_queue_delete(gone));
#define CREATE(name, err, ...)                                                                                                             \
    nimbus_function_create(w->nb, (name), probe_handler, &q, &(nimbus_function_options){ .destroy = probe_destroy, __VA_ARGS__ }, (err))
    memset(&err, 0, sizeof err);
    CHECK(CREATE("work", &err, .max_concurrency = 0) == NULL);
    IS(err.status, NIMBUS_E_EXISTS);
    memset(&err, 0, sizeof err);
    CHECK(CREATE("other", &err, .dead_letter_queue = gone) == NULL);
    IS(err.status, NIMBUS_E_DELETED);
    memset(&err, 0, sizeof err);
    CHECK(CREATE("other", &err, .on_success = nimbus_to_queue(gone)) == NULL);
    IS(err.status, NIMBUS_E_DELETED);
    CHECK(CREATE("other", &sticky, .max_concurrency = 0) == NULL);
    CHECK(CREATE("bad name", NULL, .max_concurrency = 0) == NULL);
#undef CREATE
    OK(nimbus_close(w->nb, 0, NULL));
    w->nb = NULL;
    EQ(p.destroyed, 1);
    EQ(q.destroyed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(la_a1_a_failure_is_retried_after_one_and_two_more_minutes),
        DRIVEN(a_success_after_a_retry_ends_it),
        DRIVEN(the_retry_policy_of_the_options),
        DRIVEN(la_a5_the_last_failure_goes_to_on_failure_and_to_the_dead_letter_queue),
        DRIVEN(la_a6_every_success_gives_a_record),
        DRIVEN(reject_ends_an_asynchronous_invocation_at_once),
        DRIVEN(max_age_ends_asynchronous_retries),
        DRIVEN(destinations_are_queues_topics_and_functions),
        DRIVEN(a_destination_that_is_gone_loses_nothing_else),
        DRIVEN(capacity_of_waiting_invocations),
        DRIVEN(asynchronous_invocations_run_in_order),
        DRIVEN(la_c1_concurrency_caps_all_kinds_of_invocation),
        DRIVEN(concurrency_can_be_changed),
        DRIVEN(la_c3_a_stopped_function),
        DRIVEN(kept_and_finished_later),
        DRIVEN(finished_before_the_handler_returns),
        DRIVEN(an_answer_other_than_later_counts),
        DRIVEN(the_timeout_of_a_kept_invocation),
        DRIVEN(finished_in_time_the_timeout_does_nothing),
        DRIVEN(finished_from_another_thread),
        DRIVEN(never_finished_and_closed),
        DRIVEN(kept_over_a_shutdown_and_finished),
        DRIVEN(finish_and_friends_with_null),
        DRIVEN(delete_discards_what_waits_and_destroys_once),
        DRIVEN(deleted_in_its_own_handler),
        DRIVEN(destroy_at_close_and_never_for_a_failed_create),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
