/** Topics: publishing, isolation of subscriptions, filters, dead letters, the envelope (SNS-P, U, R, F, D). */
#include "helpers.h"

/* ---------------------------------------------------------------------------------------- P: publishing */

static void sns_p3_queues_are_fed_before_publish_returns(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *queue = make_queue(w, "stock");
    nimbus_published first;
    nimbus_published second;
    subscribe(w, topic, nimbus_to_queue(queue), NULL);
    subscribe(w, topic, to_probe(&p), NULL);
    SETUP_OK(w);

    OK(nimbus_topic_publish(topic, &(nimbus_entry){ .body = nimbus_text("one") }, &first));
    OK(first.status);
    CHECK(first.id.number != 0);
    EQ(first.matched, 2);
    EQ(first.delivered, 1);
    EQ(first.pending, 1);
    EQ(first.failed, 0);
    EQ(ready(queue), 1); /* nothing was driven yet */
    EQ(p.calls, 0);
    second = publish(topic, "two");
    CHECK(second.id.number > first.id.number);
    CHECK(second.id.instance == first.id.instance);
    RUN(w);
    EQ(p.calls, 2);
    TEXT(p.body[0], "one");
    TEXT(p.body[1], "two");
    TAKES(queue, "one");
    TAKES(queue, "two");
}

static void sns_p4_a_failing_slow_or_full_subscription_affects_nobody(void **state)
{
    world *w = *state;
    probe failing = { .answer = NIMBUS_RETRY };
    probe rejecting = { .answer = NIMBUS_REJECT };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *before = make_queue(w, "before");
    nimbus_queue *full = make_small_queue(w, "full", 1);
    nimbus_queue *gone = make_queue(w, "gone");
    nimbus_queue *behind = make_queue(w, "behind");
    nimbus_published ret;
    subscribe(w, topic, nimbus_to_queue(before), NULL);
    subscribe(w, topic, to_probe(&failing), NULL);
    subscribe(w, topic, to_inline_probe(&rejecting), NULL);
    subscribe(w, topic, nimbus_to_queue(full), NULL);
    subscribe(w, topic, nimbus_to_queue(gone), NULL);
    subscribe(w, topic, nimbus_to_queue(behind), &(nimbus_delivery_options){ .filter = "{\"kind\":[\"other\"]}" });
    subscribe(w, topic, nimbus_to_queue(behind), NULL);
    SETUP_OK(w);
    OK(send_text(full, "in the way"));
    OK(nimbus_queue_delete(gone));

    OK(nimbus_topic_publish(topic, &(nimbus_entry){ .body = nimbus_text("x") }, &ret));
    OK(ret.status);
    EQ(ret.matched, 6);
    EQ(ret.delivered, 2);
    EQ(ret.pending, 2); /* the callback's turn and the full queue's retry */
    EQ(ret.failed, 2);  /* the inline callback and the queue that is gone */
    TAKES(before, "x");
    TAKES(behind, "x");
    EQ(rejecting.calls, 1);
    EQ(ready(full), 1);
    RUN(w);
    EQ(failing.calls, 1);
    EQ(publish(topic, "y").delivered, 2);
    TAKES(behind, "y");
}

static void sns_p5_what_was_published_before_the_subscription_is_not_delivered(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *queue = make_queue(w, "stock");
    SETUP_OK(w);
    EQ(publish(topic, "early").matched, 0);
    subscribe(w, topic, nimbus_to_queue(queue), NULL);
    subscribe(w, topic, to_probe(&p), NULL);
    SETUP_OK(w);
    RUN(w);
    EQ(ready(queue), 0);
    EQ(p.calls, 0);
    EQ(publish(topic, "late").matched, 2);
    RUN(w);
    EQ(ready(queue), 1);
    TAKES(queue, "late");
    EQ(p.calls, 1);
    TEXT(p.last, "late");
}

/* ------------------------------------------------------------------------------------- U: subscriptions */

static void sns_u5_a_failure_does_not_change_the_subscription(void **state)
{
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *queue = make_queue(w, "stock");
    nimbus_subscription *subscription = subscribe(w, topic, nimbus_to_queue(queue), NULL);
    nimbus_topic_metrics metrics;
    nimbus_published ret;
    SETUP_OK(w);
    OK(nimbus_queue_delete(queue));
    ret = publish(topic, "lost");
    EQ(ret.matched, 1);
    EQ(ret.failed, 1);
    OK(nimbus_topic_get_metrics(topic, &metrics));
    EQ(metrics.subscriptions, 1);
    LEDGER(subscription);

    nimbus_queue_release(queue);
    queue = make_queue(w, "stock");
    SETUP_OK(w);
    ret = publish(topic, "flows");
    EQ(ret.delivered, 1);
    EQ(ready(queue), 1); /* the lost one was not retried */
    TAKES(queue, "flows");
    LEDGER(subscription);
    EQ(subscription_metrics(subscription).discarded, 1);
    EQ(subscription_metrics(subscription).delivered, 1);
}

static void sns_u6_unsubscribing_twice_succeeds(void **state)
{
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *queue = make_queue(w, "stock");
    nimbus_subscription *first = subscribe(w, topic, nimbus_to_queue(queue), NULL);
    nimbus_subscription *second = subscribe(w, topic, nimbus_to_queue(queue), NULL);
    SETUP_OK(w);
    EQ(publish(topic, "both").delivered, 2);
    OK(nimbus_unsubscribe(first, 0));
    OK(nimbus_unsubscribe(first, 0));
    OK(nimbus_unsubscribe(first, NIMBUS_FOREVER));
    EQ(publish(topic, "one").delivered, 1);
    OK(nimbus_topic_delete(topic));
    OK(nimbus_unsubscribe(second, 0)); /* ended with its topic */
    OK(nimbus_unsubscribe(second, NIMBUS_SECONDS(1)));
    EQ(ready(queue), 3);
    nimbus_subscription_release(first);
    nimbus_subscription_release(second);
}

/* -------------------------------------------------------------------------------------- R: dead letters */

static void sns_r9_dead_letter_queue_of_a_subscription(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    probe q = { .answer = NIMBUS_RETRY };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *gone = make_queue(w, "gone");
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_queue *dead_calls = make_queue(w, "dead-calls");
    nimbus_subscription *with = subscribe(w, topic, nimbus_to_queue(gone), &(nimbus_delivery_options){ .dead_letter_queue = dead });
    nimbus_subscription *without = subscribe(w, topic, nimbus_to_queue(gone), NULL);
    nimbus_subscription *calls = subscribe(w, topic, to_probe(&p), &(nimbus_delivery_options){ .dead_letter_queue = dead_calls });
    nimbus_subscription *calls_without = subscribe(w, topic, to_probe(&q), NULL);
    nimbus_delivery delivery;
    nimbus_delivery_info info;
    SETUP_OK(w);
    OK(nimbus_queue_delete(gone));

    /* a missing target: at once, and only the subscription's own dead-letter queue */
    EQ(publish(topic, "x").failed, 2);
    EQ(ready(dead), 1);
    EQ(subscription_metrics(with).dead_lettered, 1);
    EQ(subscription_metrics(without).discarded, 1);
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 1);

    /* exhausted retries: 3, 20 s apart */
    RUN(w);
    EQ(p.calls, 1);
    ADVANCE(w, NIMBUS_SECONDS(59));
    EQ(p.calls, 3);
    EQ(ready(dead_calls), 0);
    EQ(subscription_metrics(calls).pending, 1);
    ADVANCE(w, NIMBUS_HOURS(2));
    EQ(p.calls, 4);
    EQ(p.at[1], NIMBUS_SECONDS(20));
    EQ(p.at[2], NIMBUS_SECONDS(40));
    EQ(p.at[3], NIMBUS_SECONDS(60));
    EQ(ready(dead_calls), 1);
    EQ(ready(dead), 1);
    EQ(subscription_metrics(calls).dead_lettered, 1);
    EQ(subscription_metrics(calls).retries, 3);
    EQ(q.calls, 4);
    EQ(subscription_metrics(calls_without).discarded, 1);
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 2);

    memset(&delivery, 0, sizeof delivery);
    memset(&info, 0, sizeof info);
    OK(receive_one(dead_calls, &delivery));
    OK(nimbus_delivery_get_info(&delivery, &info));
    CHECK(info.dead_letter_source != NULL);
    CHECK(info.dead_letter_reason != NULL);
    EQ(info.dead_letter_attempts, 4);
    OK(nimbus_delivery_delete(&delivery));
    LEDGER(with);
    LEDGER(without);
    LEDGER(calls);
    LEDGER(calls_without);
}

static void sns_r10_the_dead_letter_has_the_body_the_subscriber_would_have_got(void **state)
{
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *gone = make_queue(w, "gone");
    nimbus_queue *raw = make_queue(w, "dead-raw");
    nimbus_queue *wrapped = make_queue(w, "dead-wrapped");
    nimbus_attribute attributes[2] = { nimbus_string("color", "red"), nimbus_binary("bits", "\0\1\2", 3) };
    nimbus_attribute attribute;
    nimbus_delivery delivery;
    char text[64];
    subscribe(w, topic, nimbus_to_queue(gone), &(nimbus_delivery_options){ .dead_letter_queue = raw });
    subscribe(w, topic, nimbus_to_queue(gone), &(nimbus_delivery_options){ .dead_letter_queue = wrapped, .envelope = true });
    SETUP_OK(w);
    OK(nimbus_queue_delete(gone));
    EQ(publish_with(topic, "hello", attributes, 2).failed, 2);

    memset(&delivery, 0, sizeof delivery);
    OK(receive_one(raw, &delivery));
    text_of(nimbus_delivery_body(&delivery), text, sizeof text);
    TEXT(text, "hello");
    attribute_text(&delivery, "color", text, sizeof text);
    TEXT(text, "red");
    OK(nimbus_message_attribute(nimbus_delivery_message(&delivery), "bits", &attribute));
    EQ(attribute.kind, NIMBUS_BINARY);
    EQ(attribute.value.size, 3);
    CHECK(memcmp(attribute.value.data, "\0\1\2", 3) == 0);
    OK(nimbus_delivery_delete(&delivery));

    OK(receive_one(wrapped, &delivery));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"Type\":\"Notification\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"Message\":\"hello\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"color\":{\"Type\":\"String\",\"Value\":\"red\"}"));
    OK(nimbus_delivery_delete(&delivery));
}

static void sns_r12_every_undeliverable_message_goes_to_the_dead_letter_queue(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *gone = make_queue(w, "gone");
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_subscription *s = subscribe(w, topic, nimbus_to_queue(gone), &(nimbus_delivery_options){ .dead_letter_queue = dead });
    nimbus_subscription *c =
        subscribe(w, topic, to_probe(&p),
                  &(nimbus_delivery_options){ .dead_letter_queue = dead, .retry = { .max_retries = 1, .min_delay = NIMBUS_SECONDS(1) } });
    SETUP_OK(w);
    OK(nimbus_queue_delete(gone));
    for (int i = 0; i < 5; i++) {
        publish(topic, "x");
        LEDGER(s);
        LEDGER(c);
    }
    EQ(ready(dead), 5);
    ADVANCE(w, NIMBUS_MINUTES(1));
    EQ(ready(dead), 10);
    EQ(p.calls, 10);
    EQ(subscription_metrics(s).dead_lettered, 5);
    EQ(subscription_metrics(c).dead_lettered, 5);
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 0);
    /* and after a success the next failure as well */
    p.script_length = 0;
    p.answer = NIMBUS_DONE;
    publish(topic, "x");
    RUN(w);
    EQ(ready(dead), 11);
    p.answer = NIMBUS_REJECT;
    publish(topic, "x");
    RUN(w);
    EQ(ready(dead), 13);
    LEDGER(s);
    LEDGER(c);
}

static void dead_letter_queue_binds_to_its_name(void **state)
{
    world *w = *state;
    nimbus_published ret;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *gone = make_queue(w, "gone");
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_subscription *s = subscribe(w, topic, nimbus_to_queue(gone), &(nimbus_delivery_options){ .dead_letter_queue = dead });
    SETUP_OK(w);
    OK(nimbus_queue_delete(gone));
    OK(nimbus_queue_delete(dead));
    nimbus_queue_release(dead);
    /* nowhere to go now: it may wait for its dead-letter queue or be counted as discarded, but is not lost without a word (SQS-D11) */
    ret = publish(topic, "nowhere to go");
    EQ(ret.failed + ret.pending, 1);
    EQ(subscription_metrics(s).dead_lettered, 0);
    LEDGER(s);
    dead = make_queue(w, "dead");
    SETUP_OK(w);
    ret = publish(topic, "found again");
    EQ(ret.failed, 1);
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(ready(dead), subscription_metrics(s).dead_lettered);
    EQ(subscription_metrics(s).dead_lettered + subscription_metrics(s).discarded, 2);
    TAKES(dead, "found again");
    LEDGER(s);
}

/* ------------------------------------------------------------------------------------------- F: filters */

/* Publishes with attributes to a subscription of that policy: whether it was taken. */
static bool takes_attributes(world *w, const char *policy, const nimbus_attribute *attributes, size_t count)
{
    nimbus_topic *topic = make_topic(w, "filtered");
    nimbus_queue *queue = make_queue(w, "taken");
    nimbus_subscription *s = subscribe(w, topic, nimbus_to_queue(queue), &(nimbus_delivery_options){ .filter = policy });
    nimbus_published ret;
    nimbus_delivery_metrics m;
    SETUP_OK(w);
    ret = publish_with(topic, "x", attributes, count);
    m = subscription_metrics(s);
    CHECK(ret.matched == ret.delivered && ret.matched <= 1);
    CHECK(m.filtered + m.matched == 1);
    EQ(m.matched, ret.matched);
    EQ(drain(queue), ret.matched);
    OK(nimbus_unsubscribe(s, 0));
    nimbus_subscription_release(s);
    return ret.matched == 1;
}

static bool takes_body(world *w, const char *policy, const char *body)
{
    nimbus_topic *topic = make_topic(w, "filtered");
    nimbus_queue *queue = make_queue(w, "taken");
    nimbus_subscription *s =
        subscribe(w, topic, nimbus_to_queue(queue), &(nimbus_delivery_options){ .filter = policy, .filter_scope = NIMBUS_FILTER_BODY });
    nimbus_published ret;
    SETUP_OK(w);
    ret = publish(topic, body);
    EQ(ready(queue), ret.matched);
    drain(queue);
    OK(nimbus_unsubscribe(s, 0));
    nimbus_subscription_release(s);
    return ret.matched == 1;
}

static void sns_f1_no_policy_takes_all_keys_are_and_values_are_or(void **state)
{
    world *w = *state;
    const char *policy = "{\"store\":[\"a\",\"b\"],\"event\":[\"placed\",\"cancelled\"]}";
    nimbus_attribute both[2] = { nimbus_string("store", "b"), nimbus_string("event", "placed") };
    nimbus_attribute other[2] = { nimbus_string("store", "b"), nimbus_string("event", "shipped") };
    nimbus_attribute more[3] = { nimbus_string("x", "y"), nimbus_string("event", "cancelled"), nimbus_string("store", "a") };
    CHECK(takes_attributes(w, NULL, NULL, 0));
    CHECK(takes_attributes(w, NULL, both, 2));
    CHECK(takes_attributes(w, policy, both, 2));
    CHECK(takes_attributes(w, policy, more, 3));
    CHECK(!takes_attributes(w, policy, other, 2));
    CHECK(!takes_attributes(w, policy, both, 1));
    CHECK(!takes_attributes(w, policy, NULL, 0));
}

static void sns_f3_policy_on_the_body(void **state)
{
    world *w = *state;
    const char *nested = "{\"a\":{\"b\":[\"x\"]}}";
    const char *dotted = "{\"a.b\":[\"x\"]}";
    CHECK(takes_body(w, "{\"k\":[\"v\"]}", "{\"k\":\"v\",\"more\":[1,2]}"));
    CHECK(!takes_body(w, "{\"k\":[\"v\"]}", "{\"k\":\"w\"}"));
    CHECK(takes_body(w, nested, "{\"a\":{\"b\":\"x\"}}"));
    CHECK(takes_body(w, nested, "{\"a.b\":\"x\"}"));
    CHECK(takes_body(w, dotted, "{\"a\":{\"b\":\"x\"}}"));
    CHECK(takes_body(w, dotted, "{\"a.b\":\"x\"}"));
    CHECK(!takes_body(w, dotted, "{\"a\":{\"b\":\"y\"}}"));
    /* not a JSON object: no match, and no failure */
    CHECK(!takes_body(w, "{\"k\":[\"v\"]}", "plain"));
    CHECK(!takes_body(w, "{\"k\":[\"v\"]}", "\"v\""));
    CHECK(!takes_body(w, "{\"k\":[\"v\"]}", "[{\"k\":\"v\"}]"));
    CHECK(!takes_body(w, "{\"k\":[\"v\"]}", "{\"k\":\"v\""));
    CHECK(!takes_body(w, "{\"k\":[{\"exists\":false}]}", "plain"));
    /* attributes do not count in this scope */
    {
        nimbus_topic *topic = make_topic(w, "scope");
        nimbus_queue *queue = make_queue(w, "scope");
        nimbus_attribute k = nimbus_string("k", "v");
        subscribe(w, topic, nimbus_to_queue(queue),
                  &(nimbus_delivery_options){ .filter = "{\"k\":[\"v\"]}", .filter_scope = NIMBUS_FILTER_BODY });
        SETUP_OK(w);
        EQ(publish_with(topic, "{}", &k, 1).matched, 0);
        EQ(publish(topic, "{\"k\":\"v\"}").matched, 1);
    }
}

static void sns_f7_absent_keys(void **state)
{
    world *w = *state;
    nimbus_attribute other = nimbus_string("other", "o");
    nimbus_attribute key = nimbus_string("key", "k");
    nimbus_attribute both[2] = { nimbus_string("other", "o"), nimbus_string("key", "k") };
    CHECK(takes_attributes(w, "{\"key\":[{\"exists\":false}]}", &other, 1));
    CHECK(!takes_attributes(w, "{\"key\":[{\"exists\":false}]}", &key, 1));
    CHECK(takes_attributes(w, "{\"key\":[{\"exists\":false}],\"other\":[\"o\"]}", &other, 1));
    CHECK(!takes_attributes(w, "{\"key\":[{\"exists\":false}],\"other\":[\"p\"]}", &other, 1));
    CHECK(!takes_attributes(w, "{\"key\":[{\"exists\":false}],\"other\":[\"o\"]}", both, 2));
    CHECK(takes_attributes(w, "{\"key\":[{\"exists\":true}]}", both, 2));
    CHECK(!takes_attributes(w, "{\"key\":[{\"exists\":true}]}", &other, 1));
    CHECK(!takes_attributes(w, "{\"key\":[{\"anything-but\":\"x\"}]}", &other, 1));
    CHECK(takes_attributes(w, "{\"key\":[{\"anything-but\":\"x\"}]}", &key, 1));
    CHECK(!takes_attributes(w, "{\"key\":[null]}", &other, 1));
    CHECK(takes_body(w, "{\"key\":[{\"exists\":false}],\"other\":[1]}", "{\"other\":1}"));
    CHECK(!takes_body(w, "{\"key\":[{\"exists\":false}],\"other\":[1]}", "{\"other\":2}"));
    CHECK(!takes_body(w, "{\"key\":[{\"anything-but\":\"x\"}]}", "{\"other\":1}"));
    CHECK(!takes_body(w, "{\"key\":[null]}", "{\"other\":1}"));
    CHECK(takes_body(w, "{\"key\":[null]}", "{\"key\":null}"));
    CHECK(takes_body(w, "{\"key\":[{\"anything-but\":\"x\"}]}", "{\"key\":null}"));
}

static void filters_numbers_prefixes_and_arrays(void **state)
{
    world *w = *state;
    nimbus_attribute price = nimbus_number("price", "150");
    nimbus_attribute exact = nimbus_number("price", "3.015e2");
    nimbus_attribute text = nimbus_string("price", "150");
    nimbus_attribute region = nimbus_string("region", "eu-west-1");
    nimbus_attribute bits = nimbus_binary("region", "eu-west-1", 9);
    nimbus_attribute sports = { .name = "sports", .kind = NIMBUS_STRING, .label = "Array", .value = bytes_of("[\"rugby\",\"chess\"]") };
    nimbus_attribute rugby = { .name = "sports", .kind = NIMBUS_STRING, .label = "Array", .value = bytes_of("[\"rugby\"]") };
    nimbus_attribute broken = { .name = "sports", .kind = NIMBUS_STRING, .label = "Array", .value = bytes_of("[\"rugby\"") };
    CHECK(takes_attributes(w, "{\"price\":[{\"numeric\":[\">\",100]}]}", &price, 1));
    CHECK(takes_attributes(w, "{\"price\":[{\"numeric\":[\">=\",150,\"<\",151]}]}", &price, 1));
    CHECK(!takes_attributes(w, "{\"price\":[{\"numeric\":[\">\",150]}]}", &price, 1));
    CHECK(takes_attributes(w, "{\"price\":[301.5]}", &exact, 1));
    CHECK(takes_attributes(w, "{\"price\":[{\"numeric\":[\"=\",301.5]}]}", &exact, 1));
    CHECK(!takes_attributes(w, "{\"price\":[{\"numeric\":[\"=\",150]}]}", &text, 1));
    CHECK(!takes_attributes(w, "{\"price\":[150]}", &text, 1));
    CHECK(takes_attributes(w, "{\"price\":[\"150\"]}", &text, 1));
    CHECK(takes_attributes(w, "{\"region\":[{\"prefix\":\"eu-\"}]}", &region, 1));
    CHECK(!takes_attributes(w, "{\"region\":[{\"prefix\":\"us-\"}]}", &region, 1));
    CHECK(takes_attributes(w, "{\"region\":[{\"anything-but\":[\"us-east-1\",\"us-west-2\"]}]}", &region, 1));
    CHECK(!takes_attributes(w, "{\"region\":[{\"anything-but\":[\"us-east-1\",\"eu-west-1\"]}]}", &region, 1));
    CHECK(!takes_attributes(w, "{\"region\":[{\"prefix\":\"eu-\"}]}", &bits, 1)); /* binary ones are ignored */
    CHECK(takes_attributes(w, "{\"sports\":[\"chess\"]}", &sports, 1));
    CHECK(takes_attributes(w, "{\"sports\":[{\"anything-but\":[\"rugby\"]}]}", &sports, 1));
    CHECK(!takes_attributes(w, "{\"sports\":[{\"anything-but\":[\"rugby\"]}]}", &rugby, 1));
    CHECK(!takes_attributes(w, "{\"sports\":[\"rugby\"]}", &broken, 1));
    CHECK(!takes_attributes(w, "{\"Region\":[{\"prefix\":\"eu-\"}]}", &region, 1)); /* case matters */
    CHECK(takes_body(w, "{\"detail\":{\"n\":[{\"numeric\":[\">\",0,\"<=\",5]}]}}", "{\"detail\":{\"n\":5.0}}"));
    CHECK(!takes_body(w, "{\"detail\":{\"n\":[{\"numeric\":[\">\",0,\"<=\",5]}]}}", "{\"detail\":{\"n\":5.5}}"));
    CHECK(takes_body(w, "{\"tags\":[\"b\"]}", "{\"tags\":[\"a\",\"b\"]}"));
    CHECK(takes_body(w, "{\"name\":[{\"prefix\":\"\\u00e9\"}]}", "{\"name\":\"\\u00e9t\\u00e9\"}"));
}

static void a_bad_filter_is_refused_with_its_offset(void **state)
{
    static const char *const bad[] = { "",
                                       "{",
                                       "[]",
                                       "\"x\"",
                                       "{\"a\":[{\"numeric\":1}]}",
                                       "{\"a\":[]}",
                                       "{\"a\":[[]]}",
                                       "{\"a\":[{\"numeric\":[\"!\",1]}]}",
                                       "{\"a\":[{\"unheard-of\":1}]}",
                                       "{\"a\":[\"x\"]} x",
                                       "{\"a\":{}}" };
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *queue = make_queue(w, "stock");
    nimbus_subscription *ret = NULL;
    nimbus_topic_metrics metrics;
    SETUP_OK(w);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (int scope = NIMBUS_FILTER_ATTRIBUTES; scope <= NIMBUS_FILTER_BODY; scope++) {
            nimbus_error err;
            nimbus_status status;
            memset(&err, 0, sizeof err);
            stain(&ret, sizeof ret);
            status = nimbus_topic_subscribe(topic, nimbus_to_queue(queue),
                                            &(nimbus_delivery_options){ .filter = bad[i], .filter_scope = (nimbus_filter_scope)scope },
                                            &err, &ret);
            if (status != NIMBUS_E_PATTERN && status != NIMBUS_E_UNSUPPORTED) {
                print_error("filter %s in scope %d: %s\n", bad[i], scope, nimbus_status_name(status));
                fail();
            }
            CHECK(stained(&ret, sizeof ret));
            IS(err.status, status);
            TEXT(err.call, "nimbus_topic_subscribe");
            CHECK(err.reason[0] != '\0');
            CHECK(err.offset == SIZE_MAX || err.offset <= strlen(bad[i]));
        }
    }
    {
        nimbus_error err;
        memset(&err, 0, sizeof err);
        IS(nimbus_topic_subscribe(topic, nimbus_to_queue(queue), &(nimbus_delivery_options){ .filter = "{\"a\":[?]}" }, &err, NULL),
           NIMBUS_E_PATTERN);
        EQ(err.offset, 6);
        TEXT(err.field, "filter");
        memset(&err, 0, sizeof err);
        IS(nimbus_topic_subscribe(topic, nimbus_to_queue(queue),
                                  &(nimbus_delivery_options){ .filter = "{\"a\":[\"x\"],\"b\" 1}", .filter_scope = NIMBUS_FILTER_BODY },
                                  &err, NULL),
           NIMBUS_E_PATTERN);
        EQ(err.offset, 15);
        /* nothing nests in the attribute scope */
        memset(&err, 0, sizeof err);
        IS(nimbus_topic_subscribe(topic, nimbus_to_queue(queue), &(nimbus_delivery_options){ .filter = "{\"a\":{\"b\":[\"x\"]}}" }, &err,
                                  NULL),
           NIMBUS_E_PATTERN);
        CHECK(err.offset <= 17);
    }
    OK(nimbus_topic_get_metrics(topic, &metrics));
    EQ(metrics.subscriptions, 0);
    EQ(publish(topic, "x").matched, 0);
}

/* ------------------------------------------------------------------------------------------ D: envelope */

static void envelope_for_a_queue_that_asks_raw_for_the_others(void **state)
{
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *wrapped = make_queue(w, "wrapped");
    nimbus_queue *raw = make_queue(w, "raw");
    nimbus_attribute attributes[3] = { nimbus_string("color", "re\"d"), nimbus_number("n", "12.50"), nimbus_binary("bits", "\1\2\3", 3) };
    nimbus_attribute attribute;
    nimbus_published ret;
    nimbus_delivery delivery;
    nimbus_delivery_info info;
    char text[128];
    char id[NIMBUS_ID_TEXT];
    subscribe(w, topic, nimbus_to_queue(wrapped), &(nimbus_delivery_options){ .envelope = true });
    subscribe(w, topic, nimbus_to_queue(raw), NULL);
    SETUP_OK(w);
    ADVANCE(w, NIMBUS_MS(3723004)); /* 01:02:03.004 */
    OK(nimbus_topic_publish(
        topic,
        &(nimbus_entry){ .body = nimbus_text("say \"hi\"\n"), .subject = "greeting", .attributes = attributes, .attribute_count = 3 },
        &ret));
    EQ(ret.delivered, 2);
    memset(&delivery, 0, sizeof delivery);
    memset(&info, 0, sizeof info);
    OK(receive_one(wrapped, &delivery));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"Type\":\"Notification\""));
    snprintf(text, sizeof text, "\"MessageId\":\"%s\"", nimbus_id_text(ret.id, id));
    CHECK(json_has(nimbus_delivery_body(&delivery), text));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"TopicArn\":\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "orders\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"Subject\":\"greeting\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"Message\":\"say \\\"hi\\\"\\n\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"Timestamp\":\"2020-01-01T01:02:03.004Z\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"MessageAttributes\":{"));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"color\":{\"Type\":\"String\",\"Value\":\"re\\\"d\"}"));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"n\":{\"Type\":\"Number\",\"Value\":\"12.50\"}"));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"bits\":{\"Type\":\"Binary\",\"Value\":\"AQID\"}"));
    OK(nimbus_delivery_get_info(&delivery, &info));
    EQ(info.receive_count, 1);
    OK(nimbus_delivery_delete(&delivery));

    OK(receive_one(raw, &delivery));
    text_of(nimbus_delivery_body(&delivery), text, sizeof text);
    TEXT(text, "say \"hi\"\n");
    EQ(nimbus_message_attribute_count(nimbus_delivery_message(&delivery)), 3);
    OK(nimbus_message_attribute(nimbus_delivery_message(&delivery), "n", &attribute));
    EQ(attribute.kind, NIMBUS_NUMBER);
    text_of(attribute.value, text, sizeof text);
    TEXT(text, "12.50");
    OK(nimbus_delivery_delete(&delivery));

    /* without subject and attributes their keys are absent */
    EQ(publish(topic, "plain").delivered, 2);
    OK(receive_one(wrapped, &delivery));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"Message\":\"plain\""));
    CHECK(json_lacks(nimbus_delivery_body(&delivery), "Subject"));
    CHECK(json_lacks(nimbus_delivery_body(&delivery), "MessageAttributes"));
    OK(nimbus_delivery_delete(&delivery));
}

static void the_same_message_is_shared_by_all_raw_queues(void **state)
{
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *a = make_queue(w, "a");
    nimbus_queue *b = make_queue(w, "b");
    nimbus_delivery from_a;
    nimbus_delivery from_b;
    static const char bytes[] = "shared bytes";
    subscribe(w, topic, nimbus_to_queue(a), NULL);
    subscribe(w, topic, nimbus_to_queue(b), NULL);
    SETUP_OK(w);
    {
        union {
            const char *from;
            void *to;
        } adopted = { bytes };
        OK(nimbus_topic_publish(topic, &(nimbus_entry){ .body = nimbus_adopt(adopted.to, sizeof bytes - 1, NULL, NULL) }, NULL));
    }
    memset(&from_a, 0, sizeof from_a);
    memset(&from_b, 0, sizeof from_b);
    OK(receive_one(a, &from_a));
    OK(receive_one(b, &from_b));
    CHECK(nimbus_delivery_body(&from_a).data == bytes); /* never copied on its way */
    CHECK(nimbus_delivery_body(&from_b).data == bytes);
    OK(nimbus_delivery_delete(&from_a));
    OK(nimbus_delivery_delete(&from_b));
}

/* ------------------------------------------------------------------------------------------- isolation */

static void a_full_queue_is_retried_and_fed_later(void **state)
{
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *slow = make_small_queue(w, "slow", 1);
    nimbus_queue *fast = make_queue(w, "fast");
    nimbus_subscription *s = subscribe(w, topic, nimbus_to_queue(slow), NULL);
    nimbus_subscription *f = subscribe(w, topic, nimbus_to_queue(fast), NULL);
    nimbus_published ret;
    SETUP_OK(w);
    OK(send_text(slow, "in the way"));
    ret = publish(topic, "x");
    EQ(ret.matched, 2);
    EQ(ret.delivered, 1);
    EQ(ret.pending, 1);
    EQ(ret.failed, 0);
    EQ(subscription_metrics(s).pending, 1);
    EQ(subscription_metrics(s).delivered, 0);
    EQ(subscription_metrics(f).delivered, 1);
    TAKES(fast, "x");
    LEDGER(s);
    TAKES(slow, "in the way");
    ADVANCE(w, NIMBUS_SECONDS(20));
    TAKES(slow, "x");
    EQ(subscription_metrics(s).pending, 0);
    EQ(subscription_metrics(s).delivered, 1);
    LEDGER(s);
    LEDGER(f);
}

static void a_queue_that_stays_full_ends_in_the_dead_letter_queue(void **state)
{
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *slow = make_small_queue(w, "slow", 1);
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_subscription *s = subscribe(w, topic, nimbus_to_queue(slow), &(nimbus_delivery_options){ .dead_letter_queue = dead });
    SETUP_OK(w);
    OK(send_text(slow, "in the way"));
    EQ(publish(topic, "x").pending, 1);
    ADVANCE(w, NIMBUS_SECONDS(59));
    EQ(subscription_metrics(s).pending, 1);
    EQ(ready(dead), 0);
    ADVANCE(w, NIMBUS_SECONDS(2));
    EQ(subscription_metrics(s).pending, 0);
    EQ(subscription_metrics(s).dead_lettered, 1);
    LEDGER(s);
    TAKES(dead, "x");
    EQ(ready(slow), 1);
}

static void waiting_retries_of_a_queue_target_are_bounded(void **state)
{
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *slow = make_small_queue(w, "slow", 1);
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_subscription *s =
        subscribe(w, topic, nimbus_to_queue(slow), &(nimbus_delivery_options){ .capacity_messages = 2, .dead_letter_queue = dead });
    SETUP_OK(w);
    OK(send_text(slow, "in the way"));
    EQ(publish(topic, "1").pending, 1);
    EQ(publish(topic, "2").pending, 1);
    EQ(publish(topic, "3").failed, 1);
    EQ(subscription_metrics(s).pending, 2);
    EQ(subscription_metrics(s).dead_lettered, 1);
    LEDGER(s);
    TAKES(dead, "3");
}

static void deleting_the_topic_discards_what_waits(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *slow = make_small_queue(w, "slow", 1);
    nimbus_subscription *s = subscribe(w, topic, nimbus_to_queue(slow), NULL);
    nimbus_subscription *c = subscribe(w, topic, to_probe(&p), NULL);
    SETUP_OK(w);
    OK(send_text(slow, "in the way"));
    EQ(publish(topic, "x").pending, 2);
    RUN(w);
    EQ(p.calls, 1);
    OK(nimbus_topic_delete(topic));
    IS(nimbus_topic_delete(topic), NIMBUS_E_DELETED);
    IS(nimbus_topic_publish(topic, &(nimbus_entry){ .body = nimbus_text("y") }, NULL), NIMBUS_E_DELETED);
    LEDGER(s);
    LEDGER(c);
    EQ(subscription_metrics(s).discarded, 1);
    EQ(subscription_metrics(c).discarded, 1);
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 2);
    TAKES(slow, "in the way");
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(ready(slow), 0);
    EQ(p.calls, 1);
    EQ(p.destroyed, 1);
    nimbus_subscription_release(s);
    nimbus_subscription_release(c);
    /* the name is free again, and empty */
    nimbus_topic_release(topic);
    topic = make_topic(w, "orders");
    SETUP_OK(w);
    EQ(publish(topic, "z").matched, 0);
}

static void a_function_as_subscriber(void **state)
{
    world *w = *state;
    probe p = { .script = { NIMBUS_RETRY }, .script_length = 1, .answer = NIMBUS_DONE };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_function *fn = probe_function(w, "work", &p, NULL);
    nimbus_subscription *s = subscribe(w, topic, nimbus_to_function(fn), NULL);
    nimbus_published ret;
    SETUP_OK(w);
    ret = publish(topic, "x");
    EQ(ret.matched, 1);
    EQ(ret.pending, 1);
    LEDGER(s);
    RUN(w);
    EQ(p.calls, 1);
    TEXT(p.last, "x");
    ADVANCE(w, NIMBUS_SECONDS(59));
    EQ(p.calls, 1);
    ADVANCE(w, NIMBUS_SECONDS(1)); /* the function's own retries, LA-A1 */
    EQ(p.calls, 2);
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(p.calls, 2);
    LEDGER(s);
    EQ(subscription_metrics(s).delivered, 1);
    EQ(subscription_metrics(s).pending, 0);
}

/* ---------------------------------------------------------------------------------------------- batches */

static void publish_batch_entries_succeed_or_fail_alone(void **state)
{
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *queue = make_queue(w, "stock");
    nimbus_entry entries[3];
    nimbus_published ret[3];
    memset(entries, 0, sizeof entries);
    memset(ret, 0, sizeof ret);
    subscribe(w, topic, nimbus_to_queue(queue), NULL);
    SETUP_OK(w);
    entries[0].body = nimbus_text("a");
    entries[1].body = nimbus_text("");
    entries[2].body = nimbus_text("c");
    IS(nimbus_topic_publish_batch(topic, entries, 3, ret), NIMBUS_PARTIAL);
    OK(ret[0].status);
    IS(ret[1].status, NIMBUS_E_MISSING);
    OK(ret[2].status);
    EQ(ret[0].delivered, 1);
    EQ(ret[1].matched, 0);
    EQ(ret[2].delivered, 1);
    TAKES(queue, "a");
    TAKES(queue, "c");
    entries[1].body = nimbus_text("b");
    OK(nimbus_topic_publish_batch(topic, entries, 3, NULL));
    TAKES(queue, "a");
    TAKES(queue, "b");
    TAKES(queue, "c");
}

static void metrics_of_a_topic_are_the_sums_of_its_publishes(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *queue = make_small_queue(w, "stock", 3);
    nimbus_queue *gone = make_queue(w, "gone");
    nimbus_topic_metrics m;
    uint64_t matched = 0;
    uint64_t delivered = 0;
    uint64_t pending = 0;
    uint64_t failed = 0;
    subscribe(w, topic, nimbus_to_queue(queue), NULL);
    subscribe(w, topic, nimbus_to_queue(gone), NULL);
    subscribe(w, topic, to_probe(&p), NULL);
    SETUP_OK(w);
    OK(nimbus_queue_delete(gone));
    for (uint64_t i = 1; i <= 5; i++) {
        nimbus_published ret = publish(topic, "x");
        EQ(ret.matched, ret.delivered + ret.pending + ret.failed);
        matched += ret.matched;
        delivered += ret.delivered;
        pending += ret.pending;
        failed += ret.failed;
        OK(nimbus_topic_get_metrics(topic, &m));
        EQ(m.published, i);
        EQ(m.matched, matched);
        EQ(m.delivered, delivered);
        EQ(m.pending, pending);
        EQ(m.failed, failed);
    }
    EQ(matched, 15);
    EQ(delivered, 3);
    EQ(pending, 7);
    EQ(failed, 5);
    EQ(m.subscriptions, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(sns_p3_queues_are_fed_before_publish_returns),
        DRIVEN(sns_p4_a_failing_slow_or_full_subscription_affects_nobody),
        DRIVEN(sns_p5_what_was_published_before_the_subscription_is_not_delivered),
        DRIVEN(sns_u5_a_failure_does_not_change_the_subscription),
        DRIVEN(sns_u6_unsubscribing_twice_succeeds),
        DRIVEN(sns_r9_dead_letter_queue_of_a_subscription),
        DRIVEN(sns_r10_the_dead_letter_has_the_body_the_subscriber_would_have_got),
        DRIVEN(sns_r12_every_undeliverable_message_goes_to_the_dead_letter_queue),
        DRIVEN(dead_letter_queue_binds_to_its_name),
        DRIVEN(sns_f1_no_policy_takes_all_keys_are_and_values_are_or),
        DRIVEN(sns_f3_policy_on_the_body),
        DRIVEN(sns_f7_absent_keys),
        DRIVEN(filters_numbers_prefixes_and_arrays),
        DRIVEN(a_bad_filter_is_refused_with_its_offset),
        DRIVEN(envelope_for_a_queue_that_asks_raw_for_the_others),
        DRIVEN(the_same_message_is_shared_by_all_raw_queues),
        DRIVEN(a_full_queue_is_retried_and_fed_later),
        DRIVEN(a_queue_that_stays_full_ends_in_the_dead_letter_queue),
        DRIVEN(waiting_retries_of_a_queue_target_are_bounded),
        DRIVEN(deleting_the_topic_discards_what_waits),
        DRIVEN(a_function_as_subscriber),
        DRIVEN(publish_batch_entries_succeed_or_fail_alone),
        DRIVEN(metrics_of_a_topic_are_the_sums_of_its_publishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
