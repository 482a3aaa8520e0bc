/** Publishers and changes at once: unsubscribing, deleting and counting while other threads publish, and publishes inside publishes. */
#include "helpers.h"

/* --------------------------------------------------------------------------------------------- a crowd */

enum { CROWD = 3 };

typedef struct crowd {
    nimbus_topic *topic;
    nimbus_bus *bus; /* or this */
    atomic_bool stop;
    atomic_uint_fast64_t published;
    atomic_uint_fast64_t matched;
    atomic_uint_fast64_t delivered;
    atomic_uint_fast64_t failed;
    atomic_uint_fast64_t refused; /* E_DELETED */
    atomic_uint_fast64_t wrong;   /* another status */
    size_t each;                  /* publishes of each thread; 0: until it is stopped */
    pthread_t threads[CROWD];
} crowd;

static void *publish_on(void *user)
{
    crowd *c = user;
    nimbus_entry entry = { .body = nimbus_text("x"), .attributes = NULL };
    for (size_t i = 0; c->each == 0 ? !atomic_load(&c->stop) : i < c->each; i++) {
        nimbus_published ret = { .status = NIMBUS_OK };
        nimbus_status status = nimbus_topic_publish(c->topic, &entry, &ret);
        if (status == NIMBUS_OK) {
            atomic_fetch_add(&c->published, 1);
            atomic_fetch_add(&c->matched, ret.matched);
            atomic_fetch_add(&c->delivered, ret.delivered);
            atomic_fetch_add(&c->failed, ret.failed);
        } else {
            atomic_fetch_add(status == NIMBUS_E_DELETED ? &c->refused : &c->wrong, 1);
        }
    }
    return NULL;
}

static void *put_on(void *user)
{
    crowd *c = user;
    while (!atomic_load(&c->stop)) {
        nimbus_event event = { .source = "shop", .detail_type = "order", .detail = { "{\"n\":1}", 7 } };
        nimbus_put_result ret = { .status = NIMBUS_OK };
        if (nimbus_bus_put(c->bus, &event, &ret) != NIMBUS_OK) {
            atomic_fetch_add(&c->wrong, 1);
            continue;
        }
        atomic_fetch_add(&c->published, 1);
        atomic_fetch_add(&c->matched, ret.matched);
        atomic_fetch_add(&c->delivered, ret.delivered);
        atomic_fetch_add(&c->failed, ret.failed);
    }
    return NULL;
}

static void crowd_start(crowd *c)
{
    for (size_t i = 0; i < CROWD; i++) {
        EQ(pthread_create(&c->threads[i], NULL, c->topic != NULL ? publish_on : put_on, c), 0);
    }
}

static void crowd_join(crowd *c)
{
    atomic_store(&c->stop, true);
    for (size_t i = 0; i < CROWD; i++) {
        EQ(pthread_join(c->threads[i], NULL), 0);
    }
    EQ(atomic_load(&c->wrong), 0);
}

/* A handler that knows whether it may be called. */
typedef struct guest {
    atomic_uint_fast64_t calls;
    atomic_uint inside;
    atomic_bool ended;       /* nobody may call any more */
    atomic_uint late;        /* calls that did */
    atomic_uint destroyed;
    atomic_uint destroyed_inside;
} guest;

static nimbus_outcome visit(const nimbus_delivery *delivery, void *user)
{
    guest *g = user;
    (void)delivery;
    atomic_fetch_add(&g->inside, 1);
    if (atomic_load(&g->ended)) {
        atomic_fetch_add(&g->late, 1);
    }
    atomic_fetch_add(&g->calls, 1);
    atomic_fetch_sub(&g->inside, 1);
    return NIMBUS_DONE;
}

static void dismiss(void *user)
{
    guest *g = user;
    atomic_fetch_add(&g->destroyed_inside, atomic_load(&g->inside));
    atomic_fetch_add(&g->destroyed, 1);
}

static void guest_is_over(guest *g)
{
    EQ(atomic_load(&g->late), 0);
    EQ(atomic_load(&g->destroyed), 1);
    EQ(atomic_load(&g->destroyed_inside), 0);
}

/* ------------------------------------------------------------------------------ changes under publishers */

static void sns_u6_unsubscribe_while_others_publish(void **state)
{
    enum { ROUNDS = 60 };
    static guest guests[ROUNDS], stays;
    world *w = *state;
    crowd c = { .topic = make_topic(w, "orders") };
    nimbus_subscription *s[ROUNDS];
    uint64_t calls = 0;
    nimbus_topic_metrics m = { .published = 0 };
    memset(guests, 0, sizeof guests);
    memset(&stays, 0, sizeof stays);
    subscribe(w, c.topic, nimbus_to_inline(visit, &stays, dismiss), NULL);
    SETUP_OK(w);
    crowd_start(&c);
    for (size_t i = 0; i < ROUNDS; i++) {
        nimbus_subscription *ended = subscribe(w, c.topic, nimbus_to_inline(visit, &guests[i], dismiss), NULL);
        SETUP_OK(w);
        SPIN_UNTIL(atomic_load(&guests[i].calls) > 2);
        if (i % 2 == 0) {
            OK(nimbus_unsubscribe(ended, 0));
        }
        OK(nimbus_unsubscribe(ended, NIMBUS_FOREVER));
        atomic_store(&guests[i].ended, true);
        guest_is_over(&guests[i]);
        s[i] = ended;
    }
    crowd_join(&c);
    for (size_t i = 0; i < ROUNDS; i++) {
        EQ(subscription_metrics(s[i]).delivered, atomic_load(&guests[i].calls));
        LEDGER(s[i]);
        nimbus_subscription_release(s[i]);
        guest_is_over(&guests[i]);
        calls += atomic_load(&guests[i].calls);
    }
    EQ(atomic_load(&stays.calls), atomic_load(&c.published));
    EQ(atomic_load(&c.delivered), calls + atomic_load(&stays.calls));
    EQ(atomic_load(&c.matched), atomic_load(&c.delivered));
    OK(nimbus_topic_get_metrics(c.topic, &m));
    EQ(m.published, atomic_load(&c.published));
    EQ(m.delivered, atomic_load(&c.delivered));
    EQ(m.matched, atomic_load(&c.matched));
    EQ(m.subscriptions, 1);
}

static void sns_p2_delete_the_topic_while_others_publish(void **state)
{
    enum { ROUNDS = 20 };
    static guest guests[ROUNDS];
    world *w = *state;
    memset(guests, 0, sizeof guests);
    for (size_t i = 0; i < ROUNDS; i++) {
        crowd c = { .topic = make_topic(w, "orders") };
        nimbus_topic_metrics m = { .published = 0 };
        nimbus_subscription *s = subscribe(w, c.topic, nimbus_to_inline(visit, &guests[i], dismiss), NULL);
        SETUP_OK(w);
        crowd_start(&c);
        SPIN_UNTIL(atomic_load(&guests[i].calls) > 10);
        OK(nimbus_topic_delete(c.topic));
        OK(nimbus_unsubscribe(s, NIMBUS_FOREVER));
        atomic_store(&guests[i].ended, true);
        SPIN_UNTIL(atomic_load(&c.refused) > 0);
        crowd_join(&c);
        guest_is_over(&guests[i]);
        OK(nimbus_topic_get_metrics(c.topic, &m));
        EQ(m.published, atomic_load(&c.published));
        EQ(m.delivered, atomic_load(&guests[i].calls));
        EQ(m.subscriptions, 0);
        EQ(subscription_metrics(s).delivered, atomic_load(&guests[i].calls));
        LEDGER(s);
        nimbus_subscription_release(s);
        nimbus_topic_release(c.topic);
    }
}

static void rules_change_while_others_put(void **state)
{
    enum { ROUNDS = 40 };
    static guest guests[ROUNDS], stays;
    world *w = *state;
    crowd c = { .bus = nimbus_bus_create(w->nb, "work", &w->err) };
    nimbus_bus_metrics m = { .put = 0 };
    nimbus_rule_metrics r = { .targets = 0 };
    uint64_t calls = 0;
    memset(guests, 0, sizeof guests);
    memset(&stays, 0, sizeof stays);
    nimbus_rule_put(c.bus, "all", "{\"source\":[\"shop\"]}", NULL, &w->err);
    nimbus_rule_target(c.bus, "all", "stays", nimbus_to_inline(visit, &stays, dismiss), NULL, &w->err);
    SETUP_OK(w);
    crowd_start(&c);
    for (size_t i = 0; i < ROUNDS; i++) {
        nimbus_rule_target(c.bus, "all", "guest", nimbus_to_inline(visit, &guests[i], dismiss), NULL, &w->err);
        SETUP_OK(w);
        SPIN_UNTIL(atomic_load(&guests[i].calls) > 2);
    }
    OK(nimbus_rule_remove_target(c.bus, "all", "guest"));
    crowd_join(&c);
    for (size_t i = 0; i < ROUNDS; i++) {
        guest_is_over(&guests[i]);
        calls += atomic_load(&guests[i].calls);
    }
    EQ(atomic_load(&stays.calls), atomic_load(&c.published));
    EQ(atomic_load(&c.delivered), calls + atomic_load(&stays.calls));
    EQ(atomic_load(&c.failed), 0);
    OK(nimbus_bus_get_metrics(c.bus, &m));
    EQ(m.put, atomic_load(&c.published));
    EQ(m.unmatched, 0);
    OK(nimbus_rule_get_metrics(c.bus, "all", &r));
    EQ(r.matched_events, atomic_load(&c.published));
    EQ(r.deliveries.delivered, atomic_load(&stays.calls));
}

/* Deleting a queue empties its name, creating it again fills it; whoever publishes meanwhile meets the one, the other, or none. */
static void sns_u4_the_queue_comes_and_goes_while_others_publish(void **state)
{
    enum { ROUNDS = 30 };
    world *w = *state;
    crowd c = { .topic = make_topic(w, "orders") };
    nimbus_queue *queue = make_queue(w, "work");
    nimbus_subscription *s = subscribe(w, c.topic, nimbus_to_queue(queue), NULL);
    nimbus_delivery_metrics m;
    uint64_t stored = 0;
    SETUP_OK(w);
    crowd_start(&c);
    for (size_t i = 0; i < ROUNDS; i++) {
        SPIN_UNTIL(queue_metrics(queue).accepted > 10);
        OK(nimbus_queue_delete(queue));
        stored += queue_metrics(queue).accepted;
        nimbus_queue_release(queue);
        queue = make_queue(w, "work");
        SETUP_OK(w);
    }
    crowd_join(&c);
    stored += queue_metrics(queue).accepted;
    m = subscription_metrics(s);
    LEDGER(s);
    EQ(m.matched, atomic_load(&c.published));
    EQ(m.delivered, stored);
    EQ(m.pending, 0);
    EQ(m.delivered + m.discarded, atomic_load(&c.published));
    EQ(atomic_load(&c.delivered), m.delivered);
    nimbus_subscription_release(s);
    nimbus_queue_release(queue);
}

/* -------------------------------------------------------------------------------------------- counting */

static nimbus_outcome every_third_fails(const nimbus_delivery *delivery, void *user)
{
    atomic_uint_fast64_t *calls = user;
    (void)delivery;
    return atomic_fetch_add(calls, 1) % 3 == 0 ? NIMBUS_REJECT : NIMBUS_DONE;
}

static void counts_are_exact_when_the_publishers_have_returned(void **state)
{
    enum { EACH = 3000, ALL = EACH * CROWD };
    static const nimbus_delivery_options even = { .filter = "{\"n\":[\"2\"]}" };
    world *w = *state;
    crowd c = { .topic = make_topic(w, "orders"), .each = EACH };
    guest g;
    atomic_uint_fast64_t tried = 0;
    nimbus_queue *queue = make_queue(w, "work");
    nimbus_topic_metrics m = { .published = 0 };
    nimbus_subscription *s[4];
    memset(&g, 0, sizeof g);
    s[0] = subscribe(w, c.topic, nimbus_to_inline(visit, &g, NULL), NULL);
    s[1] = subscribe(w, c.topic, nimbus_to_inline(visit, &g, NULL), &even); /* never: the messages have no attributes */
    s[2] = subscribe(w, c.topic, nimbus_to_inline(every_third_fails, &tried, NULL), NULL);
    s[3] = subscribe(w, c.topic, nimbus_to_queue(queue), NULL);
    SETUP_OK(w);
    crowd_start(&c);
    crowd_join(&c);
    EQ(atomic_load(&c.published), ALL);
    EQ(atomic_load(&g.calls), ALL);
    EQ(subscription_metrics(s[0]).matched, ALL);
    EQ(subscription_metrics(s[0]).delivered, ALL);
    EQ(subscription_metrics(s[1]).filtered, ALL);
    EQ(subscription_metrics(s[1]).matched, 0);
    EQ(subscription_metrics(s[2]).matched, ALL);
    EQ(subscription_metrics(s[2]).discarded, ALL / 3);
    EQ(subscription_metrics(s[2]).delivered, ALL - ALL / 3);
    EQ(subscription_metrics(s[3]).delivered, ALL);
    EQ(queue_metrics(queue).accepted, ALL);
    for (size_t i = 0; i < 4; i++) {
        LEDGER(s[i]);
        nimbus_subscription_release(s[i]);
    }
    OK(nimbus_topic_get_metrics(c.topic, &m));
    EQ(m.published, ALL);
    EQ(m.matched, 3 * ALL);
    EQ(m.delivered, 3 * ALL - ALL / 3);
    EQ(m.failed, ALL / 3);
}

/* Counts of rosters that are gone are not lost, in whatever order they went. */
static void counts_survive_every_change(void **state)
{
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "orders");
    guest g;
    nimbus_subscription *s;
    memset(&g, 0, sizeof g);
    s = subscribe(w, topic, nimbus_to_inline(visit, &g, NULL), NULL);
    SETUP_OK(w);
    for (uint64_t i = 0; i < 50; i++) {
        nimbus_subscription *other = subscribe(w, topic, nimbus_to_inline(visit, &g, NULL), NULL);
        SETUP_OK(w);
        for (uint64_t k = 0; k <= i % 3; k++) {
            EQ(publish(topic, "x").delivered, 2);
        }
        EQ(subscription_metrics(other).delivered, i % 3 + 1);
        OK(nimbus_unsubscribe(other, 0));
        EQ(publish(topic, "x").delivered, 1);
        EQ(subscription_metrics(other).delivered, i % 3 + 1);
        LEDGER(other);
        nimbus_subscription_release(other);
    }
    EQ(subscription_metrics(s).delivered, 50 + 17 + 2 * 17 + 3 * 16);
    OK(nimbus_topic_delete(topic));
    EQ(subscription_metrics(s).delivered, 50 + 17 + 2 * 17 + 3 * 16);
    LEDGER(s);
    nimbus_subscription_release(s);
}

/* ---------------------------------------------------------------------------------------------- nesting */

typedef struct nest {
    nimbus_topic *topic;
    size_t depth, deepest, calls, too_deep, wrong;
    nimbus_subscription *outer; /* ended by the innermost call; NULL: left alone */
    size_t destroyed, destroyed_at; /* and how deep the publishes were then */
} nest;

static nimbus_outcome publish_again(const nimbus_delivery *delivery, void *user)
{
    nest *n = user;
    nimbus_status status;
    n->calls++;
    n->depth++;
    n->deepest = n->depth > n->deepest ? n->depth : n->deepest;
    status = nimbus_topic_publish(n->topic, &(nimbus_entry){ .body = nimbus_text("deeper") }, NULL);
    if (status == NIMBUS_E_TOO_DEEP) {
        n->too_deep++;
        if (n->outer != NULL && (nimbus_delivery_subscription(delivery) != n->outer || nimbus_unsubscribe(n->outer, 0) != NIMBUS_OK)) {
            n->wrong++;
        }
    } else if (status != NIMBUS_OK) {
        n->wrong++;
    }
    n->depth--;
    return NIMBUS_DONE;
}

static void note_depth(void *user)
{
    nest *n = user;
    n->destroyed++;
    n->destroyed_at = n->depth;
}

static void publishes_inside_publishes_are_counted(void **state)
{
    world *w = *state;
    nest n = { .topic = make_topic(w, "orders") };
    nimbus_topic_metrics m = { .published = 0 };
    nimbus_subscription *s = subscribe(w, n.topic, nimbus_to_inline(publish_again, &n, NULL), NULL);
    SETUP_OK(w);
    for (uint64_t i = 1; i <= 3; i++) {
        EQ(publish(n.topic, "x").delivered, 1);
        EQ(n.calls, 16 * i);
        EQ(n.too_deep, i);
        EQ(subscription_metrics(s).delivered, 16 * i);
        OK(nimbus_topic_get_metrics(n.topic, &m));
        EQ(m.published, 16 * i);
        EQ(m.delivered, 16 * i);
    }
    EQ(n.deepest, 16);
    EQ(n.wrong, 0);
    LEDGER(s);
    nimbus_subscription_release(s);
}

/* Sixteen calls of one handler run inside one another; the innermost ends it. It is destroyed once, when the outermost has returned. */
static void sns_u6_the_innermost_call_ends_the_subscription(void **state)
{
    world *w = *state;
    nest n = { .topic = make_topic(w, "orders") };
    nimbus_subscription *s = subscribe(w, n.topic, nimbus_to_inline(publish_again, &n, note_depth), NULL);
    SETUP_OK(w);
    n.outer = s;
    EQ(publish(n.topic, "x").delivered, 1);
    EQ(n.calls, 16);
    EQ(n.wrong, 0);
    EQ(n.destroyed, 1);
    EQ(n.destroyed_at, 0);
    EQ(publish(n.topic, "x").matched, 0);
    EQ(n.calls, 16);
    OK(nimbus_unsubscribe(s, NIMBUS_FOREVER));
    EQ(subscription_metrics(s).delivered, 16);
    LEDGER(s);
    nimbus_subscription_release(s);
}

typedef struct inviter {
    nimbus_topic *topic;
    guest guest;
    bool invited;
    nimbus_subscription *ends; /* another one, ended by the first call */
} inviter;

static nimbus_outcome invite(const nimbus_delivery *delivery, void *user)
{
    inviter *i = user;
    (void)delivery;
    if (!i->invited) {
        i->invited = true;
        nimbus_topic_subscribe(i->topic, nimbus_to_inline(visit, &i->guest, dismiss), NULL, NULL, NULL);
        nimbus_unsubscribe(i->ends, 0);
    }
    return NIMBUS_DONE;
}

/* SNS-P5, with one entry of a batch after the other: who subscribes in a handler gets the next one, who is ended gets none any more. */
static void sns_p5_a_handler_subscribes_and_unsubscribes_for_the_next_publish(void **state)
{
    world *w = *state;
    inviter i = { .topic = make_topic(w, "orders") };
    guest leaves;
    nimbus_entry entries[3] = { { .body = nimbus_text("1") }, { .body = nimbus_text("2") }, { .body = nimbus_text("3") } };
    nimbus_published ret[3];
    memset(&leaves, 0, sizeof leaves);
    memset(ret, 0, sizeof ret);
    subscribe(w, i.topic, nimbus_to_inline(invite, &i, NULL), NULL);
    i.ends = subscribe(w, i.topic, nimbus_to_inline(visit, &leaves, dismiss), NULL);
    SETUP_OK(w);
    OK(nimbus_topic_publish_batch(i.topic, entries, 3, ret));
    EQ(ret[0].matched, 1); /* the other one was ended before its turn, the new one was not there yet */
    EQ(ret[1].delivered, 2);
    EQ(ret[2].delivered, 2);
    EQ(atomic_load(&i.guest.calls), 2);
    EQ(atomic_load(&leaves.calls), 0);
    guest_is_over(&leaves);
    EQ(subscription_metrics(i.ends).matched, 0);
    LEDGER(i.ends);
    nimbus_subscription_release(i.ends);
    OK(nimbus_topic_delete(i.topic));
    guest_is_over(&i.guest);
}

/* -------------------------------------------------------------------------------------------- the facts */

typedef struct facts {
    nimbus_delivery_info first, second;
    uint32_t counts[2]; /* before and behind the first look at the rest */
    nimbus_receipt receipts[2];
    const nimbus_message *kept;
} facts;

/* What can be asked without the facts: it is the same before they are made. */
static void note(facts *f, size_t when, const nimbus_delivery *delivery)
{
    f->counts[when] = nimbus_delivery_receive_count(delivery);
    f->receipts[when] = nimbus_delivery_receipt(delivery);
}

static nimbus_outcome look(const nimbus_delivery *delivery, void *user)
{
    facts *f = user;
    if (f->first.id.number == 0) {
        note(f, 0, delivery);
        nimbus_delivery_get_info(delivery, &f->first);
        note(f, 1, delivery);
        f->kept = nimbus_message_retain(nimbus_delivery_message(delivery));
        nimbus_delivery_reply(delivery, nimbus_text("nobody reads this"));
        nimbus_delivery_fail(delivery, "not meant");
    } else {
        nimbus_delivery_get_info(delivery, &f->second);
    }
    return NIMBUS_DONE;
}

static nimbus_outcome fail_silently(const nimbus_delivery *delivery, void *user)
{
    (void)delivery;
    (void)user;
    return NIMBUS_REJECT;
}

/* All handlers of one publish are told the same, whoever asks first; what one of them said is not the next one's. */
static void inline_handlers_share_the_facts_but_not_their_words(void **state)
{
    world *w = *state;
    facts f;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_delivery delivery;
    nimbus_delivery_info info;
    nimbus_published ret;
    memset(&f, 0, sizeof f);
    memset(f.receipts, 0xff, sizeof f.receipts);
    memset(&info, 0, sizeof info);
    memset(&delivery, 0, sizeof delivery);
    subscribe(w, topic, nimbus_to_inline(look, &f, NULL), NULL);
    subscribe(w, topic, nimbus_to_inline(look, &f, NULL), NULL);
    subscribe(w, topic, nimbus_to_inline(fail_silently, NULL, NULL), &(nimbus_delivery_options){ .dead_letter_queue = dead });
    SETUP_OK(w);
    ADVANCE(w, NIMBUS_SECONDS(7));
    ret = publish(topic, "hello");
    EQ(ret.delivered, 2);
    EQ(ret.failed, 1);
    EQ(f.first.id.number, ret.id.number);
    EQ(f.second.id.number, ret.id.number);
    EQ(f.first.id.instance, ret.id.instance);
    EQ(f.first.sent, T0 + NIMBUS_SECONDS(7));
    EQ(f.second.sent, f.first.sent);
    EQ(f.second.receive_count, 1);
    EQ(f.first.sequence, 0);
    EQ(f.first.first_received, 0);
    for (size_t i = 0; i < 2; i++) {
        EQ(f.counts[i], 1);
        EQ(f.receipts[i].place, 0); /* of a handler: none */
        EQ(f.receipts[i].generation, 0);
    }
    OK(receive_one(dead, &delivery));
    OK(nimbus_delivery_get_info(&delivery, &info));
    EQ(info.id.number, ret.id.number);
    EQ(info.sent, f.first.sent);
    CHECK(info.dead_letter_reason != NULL && strstr(info.dead_letter_reason, "not meant") == NULL);
    OK(nimbus_delivery_delete(&delivery));
    EQ(nimbus_message_body(f.kept).size, 5); /* it outlives the publish */
    nimbus_message_release((nimbus_message *)(uintptr_t)f.kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        THREADED(sns_u6_unsubscribe_while_others_publish),
        THREADED(sns_p2_delete_the_topic_while_others_publish),
        THREADED(rules_change_while_others_put),
        THREADED(sns_u4_the_queue_comes_and_goes_while_others_publish),
        THREADED(counts_are_exact_when_the_publishers_have_returned),
        DRIVEN(counts_survive_every_change),
        DRIVEN(publishes_inside_publishes_are_counted),
        DRIVEN(sns_u6_the_innermost_call_ends_the_subscription),
        DRIVEN(sns_p5_a_handler_subscribes_and_unsubscribes_for_the_next_publish),
        DRIVEN(inline_handlers_share_the_facts_but_not_their_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
