/** Callbacks and inline callbacks of subscriptions: outcomes, order, retries, unsubscribing from inside, destroy, recursion. */
#include "helpers.h"

/* --------------------------------------------------------------------------------------------- outcomes */

static void done_and_the_facts_a_handler_sees(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_subscription *s = subscribe(w, topic, to_probe(&p), NULL);
    SETUP_OK(w);
    EQ(publish(topic, "x").pending, 1);
    EQ(subscription_metrics(s).pending, 1);
    LEDGER(s);
    RUN(w);
    EQ(p.calls, 1);
    EQ(p.count[0], 1);
    TEXT(p.source, "orders");
    EQ(subscription_metrics(s).delivered, 1);
    EQ(subscription_metrics(s).pending, 0);
    EQ(subscription_metrics(s).retries, 0);
    LEDGER(s);
    ADVANCE(w, NIMBUS_HOURS(24));
    EQ(p.calls, 1);
}

static void retry_comes_again_by_the_policy(void **state)
{
    world *w = *state;
    probe p = { .script = { NIMBUS_RETRY, NIMBUS_RETRY }, .script_length = 2, .answer = NIMBUS_DONE };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_subscription *s = subscribe(
        w, topic, to_probe(&p),
        &(nimbus_delivery_options){ .retry = { .max_retries = 5, .min_delay = NIMBUS_SECONDS(10), .max_delay = NIMBUS_SECONDS(15) } });
    SETUP_OK(w);
    publish(topic, "x");
    RUN(w);
    EQ(subscription_metrics(s).pending, 1);
    LEDGER(s);
    ADVANCE(w, NIMBUS_SECONDS(10) - 1);
    EQ(p.calls, 1);
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(p.calls, 3);
    EQ(p.at[0], 0);
    EQ(p.at[1], NIMBUS_SECONDS(10));
    EQ(p.at[2], NIMBUS_SECONDS(25)); /* 20 s, cut to 15 */
    EQ(p.count[0], 1);
    EQ(p.count[1], 2);
    EQ(p.count[2], 3);
    EQ(subscription_metrics(s).delivered, 1);
    EQ(subscription_metrics(s).retries, 2);
    LEDGER(s);
}

static void no_retries_at_all(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_subscription *s = subscribe(w, topic, to_probe(&p), &(nimbus_delivery_options){ .retry = { .max_retries = NIMBUS_NONE } });
    SETUP_OK(w);
    publish(topic, "x");
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(p.calls, 1);
    EQ(subscription_metrics(s).discarded, 1);
    LEDGER(s);
}

static void max_age_ends_the_retries(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_subscription *s = subscribe(w, topic, to_probe(&p),
                                       &(nimbus_delivery_options){ .dead_letter_queue = dead,
                                                                   .retry = { .max_retries = 100,
                                                                              .max_age = NIMBUS_SECONDS(65),
                                                                              .min_delay = NIMBUS_SECONDS(20),
                                                                              .max_delay = NIMBUS_SECONDS(20) } });
    SETUP_OK(w);
    publish(topic, "x");
    ADVANCE(w, NIMBUS_MINUTES(10));
    EQ(p.calls, 4); /* 0, 20, 40, 60 */
    EQ(p.at[3], NIMBUS_SECONDS(60));
    EQ(ready(dead), 1);
    EQ(subscription_metrics(s).dead_lettered, 1);
    LEDGER(s);
}

static void reject_goes_to_the_dead_letter_at_once(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_REJECT, .fail = "no such customer" };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_subscription *s = subscribe(w, topic, to_probe(&p), &(nimbus_delivery_options){ .dead_letter_queue = dead });
    nimbus_delivery delivery;
    nimbus_delivery_info info;
    SETUP_OK(w);
    publish(topic, "x");
    RUN(w);
    EQ(p.calls, 1);
    EQ(subscription_metrics(s).dead_lettered, 1);
    EQ(subscription_metrics(s).retries, 0);
    LEDGER(s);
    memset(&delivery, 0, sizeof delivery);
    memset(&info, 0, sizeof info);
    OK(receive_one(dead, &delivery));
    OK(nimbus_delivery_get_info(&delivery, &info));
    CHECK(info.dead_letter_reason != NULL && strstr(info.dead_letter_reason, "no such customer") != NULL);
    CHECK(info.dead_letter_source != NULL);
    EQ(info.dead_letter_attempts, 1);
    OK(nimbus_delivery_delete(&delivery));
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(p.calls, 1);
}

static nimbus_outcome later_without_keep(const nimbus_delivery *delivery, void *user)
{
    size_t *calls = user;
    (void)delivery;
    return (*calls)++ == 0 ? NIMBUS_LATER : NIMBUS_DONE;
}

static void later_without_a_keep_counts_as_retry(void **state)
{
    world *w = *state;
    size_t calls = 0;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_subscription *s = subscribe(w, topic, nimbus_to_callback(later_without_keep, &calls, NULL), NULL);
    SETUP_OK(w);
    publish(topic, "x");
    RUN(w);
    EQ(calls, 1);
    EQ(subscription_metrics(s).pending, 1);
    ADVANCE(w, NIMBUS_SECONDS(20));
    EQ(calls, 2);
    EQ(subscription_metrics(s).delivered, 1);
    LEDGER(s);
}

static void kept_in_a_callback_and_finished_later(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_subscription *s = subscribe(w, topic, to_probe(&p), &(nimbus_delivery_options){ .dead_letter_queue = dead });
    SETUP_OK(w);
    publish(topic, "1");
    publish(topic, "2");
    RUN(w);
    EQ(p.calls, 1); /* one at a time: the kept one holds the place */
    EQ(p.kept_count, 1);
    EQ(subscription_metrics(s).pending, 2);
    LEDGER(s);
    ADVANCE(w, NIMBUS_MINUTES(5));
    EQ(p.calls, 1);
    OK(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE));
    RUN(w);
    EQ(subscription_metrics(s).delivered, 1);
    EQ(p.calls, 2);
    LEDGER(s);
    OK(nimbus_invocation_finish(p.kept[1], NIMBUS_REJECT));
    RUN(w);
    EQ(subscription_metrics(s).dead_lettered, 1);
    LEDGER(s);
    TAKES(dead, "2");
    publish(topic, "3");
    RUN(w);
    OK(nimbus_invocation_finish(p.kept[2], NIMBUS_RETRY));
    RUN(w);
    EQ(subscription_metrics(s).pending, 1);
    ADVANCE(w, NIMBUS_SECONDS(20));
    EQ(p.calls, 4);
    OK(nimbus_invocation_finish(p.kept[3], NIMBUS_DONE));
    RUN(w);
    EQ(subscription_metrics(s).delivered, 2);
    LEDGER(s);
}

static void several_calls_at_once_when_the_options_say_so(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_subscription *s = subscribe(w, topic, to_probe(&p), &(nimbus_delivery_options){ .max_concurrency = 3 });
    SETUP_OK(w);
    for (int i = 0; i < 5; i++) {
        publish(topic, "x");
    }
    RUN(w);
    EQ(p.calls, 3);
    OK(nimbus_invocation_finish(p.kept[1], NIMBUS_DONE));
    RUN(w);
    EQ(p.calls, 4);
    LEDGER(s);
    OK(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE));
    OK(nimbus_invocation_finish(p.kept[2], NIMBUS_DONE));
    OK(nimbus_invocation_finish(p.kept[3], NIMBUS_DONE));
    RUN(w);
    EQ(p.calls, 5);
    OK(nimbus_invocation_finish(p.kept[4], NIMBUS_DONE));
    RUN(w);
    EQ(subscription_metrics(s).delivered, 5);
    LEDGER(s);
}

static void a_full_mailbox_fails_for_good(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_subscription *s =
        subscribe(w, topic, to_probe(&p), &(nimbus_delivery_options){ .capacity_messages = 2, .dead_letter_queue = dead });
    SETUP_OK(w);
    EQ(publish(topic, "1").pending, 1);
    EQ(publish(topic, "2").pending, 1);
    EQ(publish(topic, "3").failed, 1);
    LEDGER(s);
    EQ(subscription_metrics(s).dead_lettered, 1);
    TAKES(dead, "3");
    RUN(w);
    EQ(p.calls, 2);
    TEXT(p.body[0], "1");
    TEXT(p.body[1], "2");
    EQ(publish(topic, "4").pending, 1);
    RUN(w);
    EQ(p.calls, 3);
    LEDGER(s);
}

static void messages_come_in_the_order_of_publishing(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_topic *topic = make_topic(w, "orders");
    char text[8];
    subscribe(w, topic, to_probe(&p), NULL);
    SETUP_OK(w);
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "%d", i);
        publish(topic, text);
    }
    RUN(w);
    EQ(p.calls, 40);
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "%d", i);
        TEXT(p.body[i], text);
    }
}

/* --------------------------------------------------------------------------------- what a handler may do */

struct inside {
    world *w;
    nimbus_subscription *subscription;
    nimbus_topic *topic;
    nimbus_queue *queue;
    size_t calls;
    bool own_subscription;
    bool runtime_is_right;
    nimbus_status wait_forever;
    nimbus_status wait_a_little;
    nimbus_status run;
    nimbus_status advance;
    nimbus_status close;
    nimbus_status shutdown;
    nimbus_status send;
    nimbus_status publish;
    nimbus_status settle[4];
};

static nimbus_outcome look_around(const nimbus_delivery *delivery, void *user)
{
    struct inside *in = user;
    union {
        const nimbus_delivery *from;
        nimbus_delivery *to;
    } own = { delivery };
    if (in->calls++ > 0) {
        return NIMBUS_DONE;
    }
    in->own_subscription = nimbus_delivery_subscription(delivery) != NULL && nimbus_delivery_subscription(delivery) == in->subscription;
    in->runtime_is_right = nimbus_delivery_runtime(delivery) == in->w->nb;
    in->wait_forever = nimbus_unsubscribe(in->subscription, NIMBUS_FOREVER);
    in->wait_a_little = nimbus_unsubscribe(in->subscription, NIMBUS_US(1));
    in->run = nimbus_run(in->w->nb, 1, NULL);
    in->advance = nimbus_advance(in->w->nb, 1);
    in->close = nimbus_close(in->w->nb, 0, NULL);
    in->shutdown = nimbus_shutdown(in->w->nb, NIMBUS_SECONDS(1), NULL);
    in->send = send_text(in->queue, "from inside");
    in->publish = nimbus_topic_publish(in->topic, &(nimbus_entry){ .body = nimbus_text("from inside") }, NULL);
    /* a handler's delivery is ended by its answer: the calls refuse it */
    in->settle[0] = nimbus_delivery_delete(own.to);
    in->settle[1] = nimbus_delivery_retry(own.to, 0);
    in->settle[2] = nimbus_delivery_extend(own.to, NIMBUS_SECONDS(1));
    nimbus_delivery_release(own.to);
    in->settle[3] = nimbus_delivery_message(delivery) != NULL ? NIMBUS_OK : NIMBUS_E_INVALID;
    return NIMBUS_DONE;
}

static void inside_a_handler(void **state)
{
    world *w = *state;
    for (int is_inline = 0; is_inline < 2; is_inline++) {
        struct inside in;
        memset(&in, 0, sizeof in);
        in.w = w;
        in.topic = make_topic(w, is_inline ? "inline" : "mailbox");
        in.queue = make_queue(w, is_inline ? "inline" : "mailbox");
        SETUP_OK(w);
        OK(nimbus_topic_subscribe(in.topic,
                                  is_inline ? nimbus_to_inline(look_around, &in, NULL) : nimbus_to_callback(look_around, &in, NULL), NULL,
                                  &w->err, &in.subscription));
        publish(in.topic, "x");
        RUN(w);
        EQ(in.calls, 2); /* its own publish came back */
        CHECK(in.own_subscription);
        CHECK(in.runtime_is_right);
        IS(in.wait_forever, NIMBUS_E_WOULD_DEADLOCK);
        IS(in.wait_a_little, NIMBUS_E_WOULD_DEADLOCK);
        IS(in.run, NIMBUS_E_WOULD_DEADLOCK);
        IS(in.advance, NIMBUS_E_WOULD_DEADLOCK);
        IS(in.close, NIMBUS_E_WOULD_DEADLOCK);
        IS(in.shutdown, NIMBUS_E_WOULD_DEADLOCK);
        OK(in.send);
        OK(in.publish);
        IS(in.settle[0], NIMBUS_E_INVALID);
        IS(in.settle[1], NIMBUS_E_INVALID);
        IS(in.settle[2], NIMBUS_E_INVALID);
        OK(in.settle[3]);
        TAKES(in.queue, "from inside");
        EQ(subscription_metrics(in.subscription).delivered, 2); /* nothing was changed by the refused unsubscribe */
        LEDGER(in.subscription);
    }
}

/* ------------------------------------------------------------------------------------------ unsubscribe */

static void unsubscribed_in_its_own_handler(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_topic *topic = make_topic(w, "orders");
    p.end = subscribe(w, topic, to_probe(&p), NULL);
    SETUP_OK(w);
    publish(topic, "1");
    publish(topic, "2");
    publish(topic, "3");
    RUN(w);
    EQ(p.calls, 1);
    CHECK(p.end_status == NIMBUS_OK || p.end_status == NIMBUS_E_TIMEOUT);
    EQ(p.destroyed_in_call, 0);
    EQ(subscription_metrics(p.end).delivered, 1);
    EQ(subscription_metrics(p.end).discarded, 2);
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 2);
    LEDGER(p.end);
    EQ(publish(topic, "4").matched, 0);
    nimbus_subscription_release(p.end);
    RUN(w);
    EQ(p.destroyed, 1);
    EQ(p.late_calls, 0);
    EQ(p.calls, 1);
}

static nimbus_outcome end_by_delivery(const nimbus_delivery *delivery, void *user)
{
    probe *p = user;
    p->calls++;
    p->end_status = nimbus_unsubscribe(nimbus_delivery_subscription(delivery), 0);
    return p->answer;
}

static void unsubscribed_by_what_the_delivery_says(void **state)
{
    world *w = *state;
    for (int i = 0; i < 4; i++) {
        probe p = { .answer = i % 2 == 0 ? NIMBUS_DONE : NIMBUS_RETRY };
        nimbus_topic *topic = make_topic(w, "orders");
        SETUP_OK(w);
        OK(nimbus_topic_subscribe(
            topic, i < 2 ? nimbus_to_callback(end_by_delivery, &p, probe_destroy) : nimbus_to_inline(end_by_delivery, &p, probe_destroy),
            NULL, NULL, NULL)); /* no reference of our own */
        publish(topic, "x");
        publish(topic, "y");
        RUN(w);
        EQ(p.calls, 1);
        CHECK(p.end_status == NIMBUS_OK || p.end_status == NIMBUS_E_TIMEOUT);
        EQ(p.destroyed, 1);
        ADVANCE(w, NIMBUS_HOURS(2)); /* a retry that was answered is not tried any more */
        EQ(p.calls, 1);
        EQ(p.destroyed, 1);
    }
}

static void handlers_that_unsubscribe_each_other(void **state)
{
    world *w = *state;
    for (int is_inline = 0; is_inline < 2; is_inline++) {
        probe a = { .answer = NIMBUS_DONE };
        probe b = { .answer = NIMBUS_DONE };
        nimbus_topic *topic = make_topic(w, "orders");
        nimbus_subscription *sa = subscribe(w, topic, is_inline ? to_inline_probe(&a) : to_probe(&a), NULL);
        nimbus_subscription *sb = subscribe(w, topic, is_inline ? to_inline_probe(&b) : to_probe(&b), NULL);
        SETUP_OK(w);
        a.end = sb;
        b.end = sa;
        publish(topic, "x");
        RUN(w);
        EQ(a.calls + b.calls, 1);
        if (is_inline) {
            EQ(a.calls, 1); /* in order of subscription */
        }
        LEDGER(sa);
        LEDGER(sb);
        publish(topic, "y");
        RUN(w);
        EQ(a.calls + b.calls, 2); /* the one that is left */
        OK(nimbus_unsubscribe(sa, 0));
        OK(nimbus_unsubscribe(sb, 0));
        nimbus_subscription_release(sa);
        nimbus_subscription_release(sb);
        RUN(w);
        EQ(a.destroyed, 1);
        EQ(b.destroyed, 1);
    }
}

static nimbus_outcome subscribe_inside(const nimbus_delivery *delivery, void *user)
{
    probe *p = user;
    nimbus_topic *topic = nimbus_topic_find(nimbus_delivery_runtime(delivery), "orders", NULL);
    p->calls++;
    if (p->calls == 1) {
        p->end_status = nimbus_topic_subscribe(topic, nimbus_to_inline(subscribe_inside, p, NULL), NULL, NULL, NULL);
    }
    nimbus_topic_release(topic);
    return NIMBUS_DONE;
}

static void subscribed_in_a_handler_from_the_next_message_on(void **state)
{
    world *w = *state;
    probe p = { .calls = 0 };
    nimbus_topic *topic = make_topic(w, "orders");
    subscribe(w, topic, nimbus_to_inline(subscribe_inside, &p, NULL), NULL);
    SETUP_OK(w);
    EQ(publish(topic, "x").matched, 1);
    EQ(p.calls, 1);
    OK(p.end_status);
    EQ(publish(topic, "y").matched, 2);
    EQ(p.calls, 3);
}

/* ---------------------------------------------------------------------------------------------- destroy */

static void destroy_comes_once_by_unsubscribe_topic_delete_and_close(void **state)
{
    world *w = *state;
    probe ended = { .answer = NIMBUS_DONE };
    probe deleted = { .answer = NIMBUS_DONE };
    probe closed = { .answer = NIMBUS_DONE };
    probe inline_ended = { .answer = NIMBUS_DONE };
    probe inline_closed = { .answer = NIMBUS_DONE };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_topic *other = make_topic(w, "other");
    nimbus_subscription *s = subscribe(w, topic, to_probe(&ended), NULL);
    nimbus_subscription *i = subscribe(w, topic, to_inline_probe(&inline_ended), NULL);
    nimbus_subscription *c = subscribe(w, topic, to_probe(&closed), NULL);
    SETUP_OK(w);
    subscribe(w, topic, to_inline_probe(&inline_closed), NULL);
    OK(nimbus_topic_subscribe(other, to_probe(&deleted), NULL, NULL, NULL));
    publish(topic, "x");
    publish(other, "x");
    RUN(w);
    publish(topic, "waits");
    publish(other, "waits");
    nimbus_subscription_release(c); /* gives the reference back, ends nothing */
    EQ(ended.destroyed + deleted.destroyed + closed.destroyed + inline_ended.destroyed + inline_closed.destroyed, 0);

    OK(nimbus_unsubscribe(s, 0));
    OK(nimbus_unsubscribe(s, 0));
    nimbus_subscription_release(s);
    OK(nimbus_topic_delete(other));
    RUN(w);
    EQ(ended.calls, 1);
    EQ(ended.destroyed, 1);
    OK(nimbus_unsubscribe(i, NIMBUS_FOREVER));
    nimbus_subscription_release(i);
    RUN(w);
    EQ(inline_ended.destroyed, 1);
    EQ(deleted.calls, 1);
    EQ(deleted.destroyed, 1);
    EQ(closed.destroyed, 0);
    EQ(closed.calls, 2);

    OK(nimbus_close(w->nb, 0, NULL));
    w->nb = NULL;
    EQ(ended.destroyed, 1);
    EQ(deleted.destroyed, 1);
    EQ(closed.destroyed, 1);
    EQ(inline_ended.destroyed, 1);
    EQ(inline_closed.destroyed, 1);
    EQ(ended.late_calls + deleted.late_calls + closed.late_calls + inline_ended.late_calls, 0);
}

static void destroy_comes_at_close_with_messages_that_wait(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_leftovers left;
    nimbus_topic *topic = make_topic(w, "orders");
    subscribe(w, topic, to_probe(&p), NULL);
    SETUP_OK(w);
    publish(topic, "1");
    publish(topic, "2");
    memset(&left, 0, sizeof left);
    OK(nimbus_close(w->nb, 0, &left));
    w->nb = NULL;
    EQ(left.pending, 2);
    EQ(p.calls, 0);
    EQ(p.destroyed, 1);
}

static void destroy_never_comes_for_a_subscription_that_failed(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_topic *deleted = make_topic(w, "deleted");
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_error sticky = { .status = NIMBUS_E_FULL };
    SETUP_OK(w);
    OK(nimbus_topic_delete(deleted));
    OK(nimbus_queue_delete(dead));
    IS(nimbus_topic_subscribe(topic, to_probe(&p), &(nimbus_delivery_options){ .filter = "{" }, NULL, NULL), NIMBUS_E_PATTERN);
    IS(nimbus_topic_subscribe(deleted, to_probe(&p), NULL, NULL, NULL), NIMBUS_E_DELETED);
    IS(nimbus_topic_subscribe(NULL, to_probe(&p), NULL, NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_topic_subscribe(topic, to_probe(&p), &(nimbus_delivery_options){ .dead_letter_queue = dead }, NULL, NULL), NIMBUS_E_DELETED);
    IS(nimbus_topic_subscribe(topic, to_probe(&p), &(nimbus_delivery_options){ .envelope = true }, NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_topic_subscribe(topic, to_inline_probe(&p), &(nimbus_delivery_options){ .retry = { .max_retries = 1 } }, NULL, NULL),
       NIMBUS_E_INVALID);
    IS(nimbus_topic_subscribe(topic, to_probe(&p), NULL, &sticky, NULL), NIMBUS_E_FULL);
    IS(nimbus_topic_subscribe(topic, nimbus_to_callback(NULL, &p, probe_destroy), NULL, NULL, NULL), NIMBUS_E_INVALID);
    OK(nimbus_shutdown(w->nb, 0, NULL));
    IS(nimbus_topic_subscribe(topic, to_probe(&p), NULL, NULL, NULL), NIMBUS_E_CLOSED);
    OK(nimbus_close(w->nb, 0, NULL));
    w->nb = NULL;
    EQ(p.destroyed, 0);
    EQ(p.calls, 0);
}

/* A destroy function that calls the library. */
struct caller {
    world *w;
    nimbus_queue *queue;
    size_t destroyed;
    nimbus_status sent;
};

static void send_at_the_end(void *user)
{
    struct caller *c = user;
    c->destroyed++;
    c->sent = send_text(c->queue, "destroyed");
}

static void destroy_may_call_the_library(void **state)
{
    world *w = *state;
    struct caller c = { .w = w };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_subscription *s = subscribe(w, topic, nimbus_to_callback(probe_handler, &c, send_at_the_end), NULL); /* never called */
    c.queue = make_queue(w, "queue");
    SETUP_OK(w);
    OK(nimbus_unsubscribe(s, 0));
    nimbus_subscription_release(s);
    RUN(w);
    EQ(c.destroyed, 1);
    OK(c.sent);
    TAKES(c.queue, "destroyed");
}

/* ----------------------------------------------------------------------------------------------- inline */

static void inline_callbacks_run_in_order_before_publish_returns(void **state)
{
    world *w = *state;
    char journal[32] = "";
    probe a = { .answer = NIMBUS_DONE, .tag = 'a', .journal = journal };
    probe b = { .answer = NIMBUS_RETRY, .tag = 'b', .journal = journal };
    probe c = { .answer = NIMBUS_DONE, .tag = 'c', .journal = journal };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_subscription *sa = subscribe(w, topic, to_inline_probe(&a), NULL);
    nimbus_subscription *sb = subscribe(w, topic, to_inline_probe(&b), &(nimbus_delivery_options){ .dead_letter_queue = dead });
    nimbus_subscription *sc = subscribe(w, topic, to_inline_probe(&c), NULL);
    nimbus_published ret;
    SETUP_OK(w);
    ret = publish(topic, "x");
    TEXT(journal, "abc");
    EQ(ret.matched, 3);
    EQ(ret.delivered, 2);
    EQ(ret.pending, 0);
    EQ(ret.failed, 1);
    TAKES(dead, "x"); /* failed for good, never retried */
    publish(topic, "y");
    TEXT(journal, "abcabc");
    ADVANCE(w, NIMBUS_HOURS(2));
    EQ(b.calls, 2);
    TAKES(dead, "y");
    OK(nimbus_unsubscribe(sa, 0));
    nimbus_subscription_release(sa);
    sa = subscribe(w, topic, to_inline_probe(&(probe){ .answer = NIMBUS_DONE }), NULL);
    SETUP_OK(w);
    journal[0] = '\0';
    publish(topic, "z");
    TEXT(journal, "bc");
    LEDGER(sa);
    LEDGER(sb);
    LEDGER(sc);
    EQ(subscription_metrics(sb).dead_lettered, 3);
    OK(nimbus_close(w->nb, 0, NULL)); /* before the compound literal goes */
    w->nb = NULL;
}

static void every_answer_but_done_fails_an_inline_callback_for_good(void **state)
{
    static const nimbus_outcome answers[] = { NIMBUS_RETRY, NIMBUS_REJECT, NIMBUS_LATER };
    world *w = *state;
    for (size_t i = 0; i < 3; i++) {
        probe p = { .answer = answers[i], .keep = answers[i] == NIMBUS_LATER };
        nimbus_topic *topic = make_topic(w, "orders");
        nimbus_subscription *s = subscribe(w, topic, to_inline_probe(&p), NULL);
        SETUP_OK(w);
        EQ(publish(topic, "x").failed, 1);
        EQ(p.calls, 1);
        EQ(p.kept_count, 0); /* an inline call cannot be kept */
        EQ(subscription_metrics(s).discarded, 1);
        LEDGER(s);
        ADVANCE(w, NIMBUS_HOURS(2));
        EQ(p.calls, 1);
        OK(nimbus_unsubscribe(s, 0));
        nimbus_subscription_release(s);
        RUN(w);
        EQ(p.destroyed, 1);
    }
}

static void an_inline_callback_sees_its_facts(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_topic *topic = make_topic(w, "orders");
    subscribe(w, topic, to_inline_probe(&p), NULL);
    SETUP_OK(w);
    EQ(publish(topic, "hello").delivered, 1);
    TEXT(p.last, "hello");
    TEXT(p.source, "orders");
    EQ(p.count[0], 1);
}

/* -------------------------------------------------------------------------------------------- recursion */

struct recursion {
    nimbus_topic *topic;
    size_t calls;
    nimbus_status deepest;
    size_t refused;
};

static nimbus_outcome publish_again(const nimbus_delivery *delivery, void *user)
{
    struct recursion *r = user;
    nimbus_status status;
    (void)delivery;
    r->calls++;
    if (r->calls > 1000) {
        return NIMBUS_DONE; /* would be for ever */
    }
    status = nimbus_topic_publish(r->topic, &(nimbus_entry){ .body = nimbus_text("again") }, NULL);
    if (nimbus_failed(status)) {
        r->deepest = status;
        r->refused++;
    }
    return NIMBUS_DONE;
}

static void publishing_to_its_own_topic_ends_at_sixteen_levels(void **state)
{
    world *w = *state;
    struct recursion r = { .topic = make_topic(w, "orders") };
    nimbus_subscription *s = subscribe(w, r.topic, nimbus_to_inline(publish_again, &r, NULL), NULL);
    SETUP_OK(w);
    EQ(publish(r.topic, "x").delivered, 1);
    EQ(r.calls, 16);
    EQ(r.refused, 1);
    IS(r.deepest, NIMBUS_E_TOO_DEEP);
    LEDGER(s);
    EQ(subscription_metrics(s).delivered, 16);
    /* and again: the depth went back */
    r.calls = 0;
    EQ(publish(r.topic, "y").delivered, 1);
    EQ(r.calls, 16);
}

static void a_mailbox_breaks_the_recursion(void **state)
{
    world *w = *state;
    struct recursion r = { .topic = make_topic(w, "orders") };
    bool more = true;
    subscribe(w, r.topic, nimbus_to_callback(publish_again, &r, NULL), NULL);
    SETUP_OK(w);
    publish(r.topic, "x");
    for (int i = 0; i < 100; i++) {
        OK(nimbus_run(w->nb, 1, &more));
        CHECK(more);
    }
    EQ(r.calls, 100); /* one level each: never too deep */
    EQ(r.refused, 0);
    OK(nimbus_topic_delete(r.topic));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(done_and_the_facts_a_handler_sees),
        DRIVEN(retry_comes_again_by_the_policy),
        DRIVEN(no_retries_at_all),
        DRIVEN(max_age_ends_the_retries),
        DRIVEN(reject_goes_to_the_dead_letter_at_once),
        DRIVEN(later_without_a_keep_counts_as_retry),
        DRIVEN(kept_in_a_callback_and_finished_later),
        DRIVEN(several_calls_at_once_when_the_options_say_so),
        DRIVEN(a_full_mailbox_fails_for_good),
        DRIVEN(messages_come_in_the_order_of_publishing),
        DRIVEN(inside_a_handler),
        DRIVEN(unsubscribed_in_its_own_handler),
        DRIVEN(unsubscribed_by_what_the_delivery_says),
        DRIVEN(handlers_that_unsubscribe_each_other),
        DRIVEN(subscribed_in_a_handler_from_the_next_message_on),
        DRIVEN(destroy_comes_once_by_unsubscribe_topic_delete_and_close),
        DRIVEN(destroy_comes_at_close_with_messages_that_wait),
        DRIVEN(destroy_never_comes_for_a_subscription_that_failed),
        DRIVEN(destroy_may_call_the_library),
        DRIVEN(inline_callbacks_run_in_order_before_publish_returns),
        DRIVEN(every_answer_but_done_fails_an_inline_callback_for_good),
        DRIVEN(an_inline_callback_sees_its_facts),
        DRIVEN(publishing_to_its_own_topic_ends_at_sixteen_levels),
        DRIVEN(a_mailbox_breaks_the_recursion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
