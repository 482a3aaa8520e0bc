/** The ledger of delivery paths: matched = delivered + pending + dead_lettered + discarded, after every single step. */
#include "helpers.h"

/* A small generator: the same steps every time. */
static uint32_t draw(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 16) % below;
}

struct moody {
    uint32_t seed;
    size_t calls;
    size_t done;
    nimbus_invocation *kept[256];
    size_t kept_count;
};

static nimbus_outcome answer_by_mood(const nimbus_delivery *delivery, void *user)
{
    struct moody *m = user;
    m->calls++;
    switch (draw(&m->seed, 5)) {
    case 0:
        return NIMBUS_RETRY;
    case 1:
        return NIMBUS_REJECT;
    case 2:
        if (m->kept_count < 256) {
            nimbus_invocation *kept = nimbus_delivery_keep(delivery);
            if (kept != NULL) {
                m->kept[m->kept_count++] = kept;
                return NIMBUS_LATER;
            }
        }
        return NIMBUS_RETRY;
    default:
        m->done++;
        return NIMBUS_DONE;
    }
}

#define PATHS 6

struct paths {
    nimbus_subscription *s[PATHS];
    uint64_t published;
};

static void check_all(const struct paths *paths)
{
    for (size_t i = 0; i < PATHS; i++) {
        nimbus_delivery_metrics m = subscription_metrics(paths->s[i]);
        CHECK(balances(&m));
        CHECK(m.matched + m.filtered <= paths->published);
    }
}

static void check_queue(nimbus_queue *queue)
{
    nimbus_queue_metrics m = queue_metrics(queue);
    EQ(m.accepted, m.ready + m.delayed + m.in_flight + m.deleted + m.moved + m.expired + m.purged + m.dropped + m.discarded);
}

static void ledger_of_subscriptions_balances_after_every_step(void **state)
{
    world *w = *state;
    for (uint32_t seed = 1; seed <= 20; seed++) {
        uint32_t dice = seed * 7919u;
        struct paths paths = { .published = 0 };
        struct moody mailbox = { .seed = seed };
        struct moody wide = { .seed = seed + 1000 };
        struct moody at_once = { .seed = seed + 2000 };
        nimbus_topic *topic = make_topic(w, "orders");
        nimbus_queue *small = make_small_queue(w, "small", 2);
        nimbus_queue *comes_and_goes = make_queue(w, "comes-and-goes");
        nimbus_queue *dead = make_queue(w, "dead");
        nimbus_attribute kind[2] = { nimbus_string("kind", "a"), nimbus_string("kind", "b") };
        bool there = true;
        uint64_t dead_letters = 0;
        paths.s[0] = subscribe(w, topic, nimbus_to_queue(small), &(nimbus_delivery_options){ .dead_letter_queue = dead });
        paths.s[1] = subscribe(w, topic, nimbus_to_queue(comes_and_goes), &(nimbus_delivery_options){ .dead_letter_queue = dead });
        paths.s[2] = subscribe(w, topic, nimbus_to_callback(answer_by_mood, &mailbox, NULL),
                               &(nimbus_delivery_options){ .dead_letter_queue = dead, .filter = "{\"kind\":[\"a\"]}" });
        paths.s[3] = subscribe(w, topic, nimbus_to_callback(answer_by_mood, &wide, NULL),
                               &(nimbus_delivery_options){ .max_concurrency = 4, .capacity_messages = 3 });
        paths.s[4] =
            subscribe(w, topic, nimbus_to_inline(answer_by_mood, &at_once, NULL), &(nimbus_delivery_options){ .dead_letter_queue = dead });
        paths.s[5] = subscribe(w, topic, nimbus_to_queue(dead), &(nimbus_delivery_options){ .filter = "{\"kind\":[\"c\"]}" });
        SETUP_OK(w);
        for (int step = 0; step < 300; step++) {
            switch (draw(&dice, 10)) {
            case 0:
            case 1:
            case 2:
            case 3: {
                nimbus_published ret = publish_with(topic, "x", &kind[draw(&dice, 2)], 1);
                OK(ret.status);
                EQ(ret.matched, ret.delivered + ret.pending + ret.failed);
                paths.published++;
                break;
            }
            case 4:
                RUN(w);
                break;
            case 5:
                ADVANCE(w, NIMBUS_SECONDS(draw(&dice, 90)));
                break;
            case 6:
                if (ready(small) > 0) {
                    char text[8];
                    OK(take(small, text, sizeof text));
                }
                break;
            case 7:
                if (there) {
                    OK(nimbus_queue_delete(comes_and_goes));
                    nimbus_queue_release(comes_and_goes);
                } else {
                    comes_and_goes = make_queue(w, "comes-and-goes");
                    SETUP_OK(w);
                }
                there = !there;
                break;
            case 8:
                if (mailbox.kept_count > 0) {
                    nimbus_outcome outcome = (nimbus_outcome)draw(&dice, 3);
                    OK(nimbus_invocation_finish(mailbox.kept[--mailbox.kept_count], outcome));
                    mailbox.done += outcome == NIMBUS_DONE;
                }
                break;
            default:
                if (wide.kept_count > 0) {
                    nimbus_outcome outcome = (nimbus_outcome)draw(&dice, 3);
                    OK(nimbus_invocation_finish(wide.kept[--wide.kept_count], outcome));
                    wide.done += outcome == NIMBUS_DONE;
                }
                break;
            }
            check_all(&paths);
            check_queue(small);
            check_queue(dead);
            dead_letters = 0;
            for (size_t i = 0; i < PATHS; i++) {
                dead_letters += subscription_metrics(paths.s[i]).dead_lettered;
            }
            EQ(queue_metrics(dead).accepted, dead_letters);
        }
        /* the faults stop: everything comes to an end */
        while (mailbox.kept_count > 0) {
            OK(nimbus_invocation_finish(mailbox.kept[--mailbox.kept_count], NIMBUS_DONE));
            mailbox.done++;
        }
        while (wide.kept_count > 0) {
            OK(nimbus_invocation_finish(wide.kept[--wide.kept_count], NIMBUS_DONE));
            wide.done++;
        }
        for (int i = 0; i < 200; i++) {
            check_all(&paths);
            drain(small);
            ADVANCE(w, NIMBUS_HOURS(2));
            while (mailbox.kept_count > 0) {
                OK(nimbus_invocation_finish(mailbox.kept[--mailbox.kept_count], NIMBUS_DONE));
                mailbox.done++;
            }
            while (wide.kept_count > 0) {
                OK(nimbus_invocation_finish(wide.kept[--wide.kept_count], NIMBUS_DONE));
                wide.done++;
            }
        }
        RUN(w);
        check_all(&paths);
        for (size_t i = 0; i < PATHS; i++) {
            EQ(subscription_metrics(paths.s[i]).pending, 0);
        }
        EQ(subscription_metrics(paths.s[0]).delivered, queue_metrics(small).accepted);
        EQ(subscription_metrics(paths.s[2]).delivered, mailbox.done);
        EQ(subscription_metrics(paths.s[3]).delivered, wide.done);
        EQ(subscription_metrics(paths.s[4]).delivered, at_once.done);
        EQ(subscription_metrics(paths.s[5]).matched, 0);
        EQ(subscription_metrics(paths.s[5]).filtered, paths.published);
        EQ(subscription_metrics(paths.s[2]).filtered + subscription_metrics(paths.s[2]).matched, paths.published);
        for (size_t i = 0; i < PATHS; i++) {
            OK(nimbus_unsubscribe(paths.s[i], 0));
            nimbus_subscription_release(paths.s[i]);
        }
        OK(nimbus_topic_delete(topic));
        nimbus_topic_release(topic);
        OK(nimbus_queue_delete(small));
        nimbus_queue_release(small);
        if (there) {
            OK(nimbus_queue_delete(comes_and_goes));
            nimbus_queue_release(comes_and_goes);
        }
        OK(nimbus_queue_delete(dead));
        nimbus_queue_release(dead);
    }
}

static void ledger_over_unsubscribe_and_topic_delete(void **state)
{
    world *w = *state;
    struct moody mood = { .seed = 5 };
    probe p = { .keep = true };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *small = make_small_queue(w, "small", 1);
    nimbus_subscription *q = subscribe(w, topic, nimbus_to_queue(small), NULL);
    nimbus_subscription *c = subscribe(w, topic, nimbus_to_callback(answer_by_mood, &mood, NULL), NULL);
    nimbus_subscription *k = subscribe(w, topic, to_probe(&p), NULL);
    SETUP_OK(w);
    for (int i = 0; i < 6; i++) {
        publish(topic, "x");
        LEDGER(q);
        LEDGER(c);
        LEDGER(k);
    }
    EQ(subscription_metrics(q).pending, 5);
    EQ(subscription_metrics(c).pending, 6);
    OK(nimbus_unsubscribe(q, 0));
    LEDGER(q);
    EQ(subscription_metrics(q).pending, 0);
    EQ(subscription_metrics(q).delivered, 1);
    EQ(subscription_metrics(q).discarded, 5);
    OK(nimbus_unsubscribe(c, 0));
    LEDGER(c);
    EQ(subscription_metrics(c).discarded, 6);
    RUN(w); /* the kept one runs */
    EQ(p.kept_count, 1);
    OK(nimbus_topic_delete(topic));
    LEDGER(k);
    EQ(subscription_metrics(k).discarded, 5); /* the one that is kept is still at work */
    EQ(subscription_metrics(k).pending, 1);
    OK(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE));
    RUN(w);
    EQ(p.destroyed, 1);
    LEDGER(k);
    EQ(subscription_metrics(k).pending, 0);
    EQ(subscription_metrics(k).delivered, 1);
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 16);
    EQ(mood.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(ledger_of_subscriptions_balances_after_every_step),
        DRIVEN(ledger_over_unsubscribe_and_topic_delete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
