/**
 * Stress of buses, rules and topics on real threads: putters put and publish, while administrators add and remove rules, targets and
 * subscriptions, and delete and re-create the queue under a target. At the end the sums of what the calls returned must equal what the
 * counters say, every callback's user must have been destroyed exactly once, and nothing may be left after the close.
 *
 * stress_bus [events a putter] [putters]
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nimbus/nimbus.h>

#define MAX_PUTTERS 16
#define EVERY "{\"source\":[\"shop\"]}"

static atomic_int wrong;

static void equal(const char *what, uint64_t got, uint64_t want)
{
    if (got != want) {
        fprintf(stderr, "%s: %" PRIu64 ", expected %" PRIu64 "\n", what, got, want);
        wrong = 1;
    }
}

static void done(const char *what, nimbus_status status)
{
    if (status != NIMBUS_OK) {
        fprintf(stderr, "%s: %s\n", what, nimbus_status_name(status));
        wrong = 1;
    }
}

/* ---------------------------------------------------------------------------------------------- memory */

static atomic_size_t blocks;

typedef union block {
    size_t size;
    max_align_t align;
} block;

static void *allocate(size_t size, void *user)
{
    block *b = malloc(sizeof *b + size);
    (void)user;
    if (b == NULL) {
        return NULL;
    }
    b->size = size;
    atomic_fetch_add(&blocks, 1);
    return b + 1;
}

static void release(void *data, size_t size, void *user)
{
    block *b = data;
    (void)user;
    if (b == NULL) {
        return;
    }
    b -= 1;
    if (b->size != size) {
        fprintf(stderr, "a block of %zu bytes was released as one of %zu\n", b->size, size);
        abort();
    }
    atomic_fetch_sub(&blocks, 1);
    free(b);
}

/* --------------------------------------------------------------------------------------------- handlers */

static nimbus_outcome count_call(const nimbus_delivery *delivery, void *user)
{
    atomic_uint_fast64_t *calls = user;
    (void)delivery;
    atomic_fetch_add(calls, 1);
    return NIMBUS_DONE;
}

/* A user pointer that comes and goes: calls after its destroy, or a second destroy, are fatal. */
typedef struct guest {
    atomic_int alive;
    atomic_uint_fast64_t calls;
} guest;

static atomic_uint_fast64_t guests_made;
static atomic_uint_fast64_t guests_gone;
static atomic_uint_fast64_t guest_calls;

static nimbus_outcome call_guest(const nimbus_delivery *delivery, void *user)
{
    guest *g = user;
    if (atomic_load(&g->alive) != 1) {
        fprintf(stderr, "a handler was called after its destroy\n");
        abort();
    }
    if (nimbus_delivery_body(delivery).size == 0) {
        fprintf(stderr, "a handler got an empty body\n");
        abort();
    }
    atomic_fetch_add(&g->calls, 1);
    atomic_fetch_add(&guest_calls, 1);
    return NIMBUS_DONE;
}

static void end_guest(void *user)
{
    guest *g = user;
    if (atomic_exchange(&g->alive, 0) != 1) {
        fprintf(stderr, "a user pointer was destroyed twice\n");
        abort();
    }
    atomic_fetch_add(&guests_gone, 1);
    free(g);
}

static guest *make_guest(void)
{
    guest *g = calloc(1, sizeof *g);
    if (g == NULL) {
        abort();
    }
    atomic_store(&g->alive, 1);
    atomic_fetch_add(&guests_made, 1);
    return g;
}

/* A registration that failed leaves the user pointer with us. */
static void take_back(guest *g)
{
    atomic_fetch_add(&guests_gone, 1);
    free(g);
}

/* ---------------------------------------------------------------------------------------------- threads */

typedef struct shared {
    nimbus_runtime *nb;
    nimbus_bus *bus;
    nimbus_topic *topic;
    uint64_t events; /* a putter */
    atomic_bool stop;
    atomic_uint_fast64_t churn_accepted; /* by all the queues that were called "churn" */
    atomic_uint_fast64_t churn_generations;
    atomic_uint_fast64_t changes;
} shared;

typedef struct putter {
    shared *s;
    uint64_t put, unmatched;
    uint64_t matched, delivered, pending, failed;
    uint64_t published;
    uint64_t topic_matched, topic_delivered, topic_pending, topic_failed;
    uint64_t misbalanced, refused;
} putter;

static void *put_events(void *user)
{
    putter *p = user;
    for (uint64_t i = 0; i < p->s->events; i++) {
        nimbus_event event;
        nimbus_put_result ret;
        nimbus_published published;
        nimbus_entry entry;
        memset(&event, 0, sizeof event);
        memset(&ret, 0, sizeof ret);
        memset(&published, 0, sizeof published);
        memset(&entry, 0, sizeof entry);
        event.source = i % 8 == 7 ? "nobody" : "shop";
        event.detail_type = "t";
        event.detail.data = "{\"n\":1}";
        event.detail.size = 7;
        if (nimbus_bus_put(p->s->bus, &event, &ret) != NIMBUS_OK) {
            p->refused++;
            continue;
        }
        p->put++;
        p->unmatched += ret.rules == 0;
        p->matched += ret.matched;
        p->delivered += ret.delivered;
        p->pending += ret.pending;
        p->failed += ret.failed;
        p->misbalanced += ret.matched != ret.delivered + ret.pending + ret.failed;
        entry.body = nimbus_text("published");
        if (nimbus_topic_publish(p->s->topic, &entry, &published) != NIMBUS_OK) {
            p->refused++;
            continue;
        }
        p->published++;
        p->topic_matched += published.matched;
        p->topic_delivered += published.delivered;
        p->topic_pending += published.pending;
        p->topic_failed += published.failed;
        p->misbalanced += published.matched != published.delivered + published.pending + published.failed;
    }
    return NULL;
}

/* Adds rules, replaces them, gives them targets of all kinds, takes them away. */
static void *change_rules(void *user)
{
    shared *s = user;
    unsigned round = 0;
    while (!atomic_load(&s->stop)) {
        char rule[16];
        guest *mailbox = make_guest();
        guest *at_once = make_guest();
        snprintf(rule, sizeof rule, "extra-%u", round % 5);
        done("rule put", nimbus_rule_put(s->bus, rule, EVERY, NULL, NULL));
        if (nimbus_rule_target(s->bus, rule, "mailbox", nimbus_to_callback(call_guest, mailbox, end_guest), NULL, NULL) != NIMBUS_OK) {
            take_back(mailbox);
            wrong = 1;
        }
        if (nimbus_rule_target(s->bus, rule, "inline", nimbus_to_inline(call_guest, at_once, end_guest), NULL, NULL) != NIMBUS_OK) {
            take_back(at_once);
            wrong = 1;
        }
        if (round % 3 == 0) {
            done("rule enable", nimbus_rule_enable(s->bus, rule, false));
            done("rule enable", nimbus_rule_enable(s->bus, rule, true));
        }
        if (round % 4 == 1) {
            done("remove target", nimbus_rule_remove_target(s->bus, rule, "mailbox"));
        }
        if (round % 2 == 1) {
            done("rule delete", nimbus_rule_delete(s->bus, rule, true));
        }
        round++;
        atomic_fetch_add(&s->changes, 1);
        sched_yield();
    }
    return NULL;
}

/* Adds and ends subscriptions. */
static void *change_subscriptions(void *user)
{
    shared *s = user;
    nimbus_subscription *held[4] = { NULL, NULL, NULL, NULL };
    unsigned round = 0;
    while (!atomic_load(&s->stop)) {
        unsigned i = round % 4;
        guest *g = make_guest();
        if (held[i] != NULL) {
            done("unsubscribe", nimbus_unsubscribe(held[i], round % 2 == 0 ? NIMBUS_FOREVER : NIMBUS_SECONDS(60)));
            nimbus_subscription_release(held[i]);
            held[i] = NULL;
        }
        if (nimbus_topic_subscribe(s->topic,
                                   i < 2 ? nimbus_to_callback(call_guest, g, end_guest) : nimbus_to_inline(call_guest, g, end_guest), NULL,
                                   NULL, &held[i]) != NIMBUS_OK) {
            take_back(g);
            wrong = 1;
        }
        round++;
        atomic_fetch_add(&s->changes, 1);
        sched_yield();
    }
    for (unsigned i = 0; i < 4; i++) {
        nimbus_subscription_release(held[i]);
    }
    return NULL;
}

/* Receives from the queue under the target, deletes it and makes it again. */
static void *change_queue(void *user)
{
    shared *s = user;
    unsigned round = 0;
    while (!atomic_load(&s->stop)) {
        nimbus_queue *queue = nimbus_queue_create(s->nb, "churn", NULL, NULL);
        nimbus_queue_metrics m;
        if (queue == NULL) {
            wrong = 1;
            return NULL;
        }
        for (unsigned i = 0; i < 1 + round % 50; i++) {
            nimbus_delivery slots[10];
            size_t count = 0;
            memset(slots, 0, sizeof slots);
            if (nimbus_queue_receive(queue, 0, NULL, slots, 10, &count) == NIMBUS_OK) {
                for (size_t k = 0; k < count; k++) {
                    if (k % 3 == 0) {
                        nimbus_delivery_release(&slots[k]);
                    } else {
                        done("delivery delete", nimbus_delivery_delete(&slots[k]));
                    }
                }
            }
            sched_yield();
        }
        done("queue delete", nimbus_queue_delete(queue));
        memset(&m, 0, sizeof m);
        done("queue metrics", nimbus_queue_get_metrics(queue, &m));
        equal("ledger of a deleted queue", m.accepted,
              m.ready + m.delayed + m.in_flight + m.deleted + m.moved + m.expired + m.purged + m.dropped + m.discarded + m.cancelled);
        atomic_fetch_add(&s->churn_accepted, m.accepted);
        atomic_fetch_add(&s->churn_generations, 1);
        nimbus_queue_release(queue);
        round++;
        sched_yield();
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------- main */

static nimbus_rule_metrics rule_of(nimbus_bus *bus, const char *rule)
{
    nimbus_rule_metrics m;
    memset(&m, 0, sizeof m);
    done("rule metrics", nimbus_rule_get_metrics(bus, rule, &m));
    return m;
}

static void balanced(const char *what, const nimbus_delivery_metrics *m)
{
    equal(what, m->matched, m->delivered + m->pending + m->dead_lettered + m->discarded);
}

int main(int argc, char **argv)
{
    nimbus_allocator allocator = { allocate, release, NULL };
    nimbus_options options;
    nimbus_error err;
    shared s;
    putter putters[MAX_PUTTERS];
    pthread_t put_threads[MAX_PUTTERS];
    pthread_t changers[3];
    nimbus_queue *stable;
    nimbus_queue *churn;
    nimbus_queue *dead;
    nimbus_subscription *counted = NULL;
    atomic_uint_fast64_t calls;
    atomic_uint_fast64_t inline_calls;
    atomic_uint_fast64_t topic_calls;
    size_t putter_count = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : 3;
    nimbus_delivery_options to_dead;
    nimbus_bus_metrics bus_metrics;
    nimbus_topic_metrics topic_metrics;
    nimbus_delivery_metrics subscription;
    nimbus_queue_metrics stable_metrics;
    nimbus_queue_metrics dead_metrics;
    putter sum;
    uint64_t shop_events;

    memset(&s, 0, sizeof s);
    memset(&options, 0, sizeof options);
    memset(&err, 0, sizeof err);
    memset(&to_dead, 0, sizeof to_dead);
    memset(putters, 0, sizeof putters);
    memset(&sum, 0, sizeof sum);
    memset(&subscription, 0, sizeof subscription);
    memset(&bus_metrics, 0, sizeof bus_metrics);
    memset(&topic_metrics, 0, sizeof topic_metrics);
    memset(&stable_metrics, 0, sizeof stable_metrics);
    memset(&dead_metrics, 0, sizeof dead_metrics);
    atomic_init(&calls, 0);
    atomic_init(&inline_calls, 0);
    atomic_init(&topic_calls, 0);
    if (putter_count == 0 || putter_count > MAX_PUTTERS) {
        fprintf(stderr, "1 to %d putters\n", MAX_PUTTERS);
        return 2;
    }
    s.events = argc > 1 ? strtoull(argv[1], NULL, 10) : 4000;
    options.allocator = &allocator;
    options.min_workers = 3;
    options.max_memory = SIZE_MAX;
    s.nb = nimbus_open(&options, &err);
    s.bus = nimbus_bus_create(s.nb, "stress", &err);
    s.topic = nimbus_topic_create(s.nb, "stress", NULL, &err);
    stable = nimbus_queue_create(s.nb, "stable", NULL, &err);
    churn = nimbus_queue_create(s.nb, "churn", NULL, &err);
    dead = nimbus_queue_create(s.nb, "dead", NULL, &err);
    to_dead.dead_letter_queue = dead;
    nimbus_rule_put(s.bus, "stable", EVERY, NULL, &err);
    nimbus_rule_target(s.bus, "stable", "queue", nimbus_to_queue(stable), NULL, &err);
    nimbus_rule_target(s.bus, "stable", "callback", nimbus_to_callback(count_call, &calls, NULL), NULL, &err);
    nimbus_rule_target(s.bus, "stable", "inline", nimbus_to_inline(count_call, &inline_calls, NULL), NULL, &err);
    nimbus_rule_put(s.bus, "churn", EVERY, NULL, &err);
    nimbus_rule_target(s.bus, "churn", "queue", nimbus_to_queue(churn), &to_dead, &err);
    nimbus_topic_subscribe(s.topic, nimbus_to_callback(count_call, &topic_calls, NULL), NULL, &err, &counted);
    if (err.status != NIMBUS_OK) {
        fprintf(stderr, "%s: %s %s\n", err.call, nimbus_status_name(err.status), err.reason);
        return 1;
    }
    nimbus_queue_release(churn); /* the changer takes it over by name */

    for (size_t i = 0; i < putter_count; i++) {
        putters[i].s = &s;
        if (pthread_create(&put_threads[i], NULL, put_events, &putters[i]) != 0) {
            return 2;
        }
    }
    if (pthread_create(&changers[0], NULL, change_rules, &s) != 0 || pthread_create(&changers[1], NULL, change_subscriptions, &s) != 0 ||
        pthread_create(&changers[2], NULL, change_queue, &s) != 0) {
        return 2;
    }
    for (size_t i = 0; i < putter_count; i++) {
        pthread_join(put_threads[i], NULL);
    }
    atomic_store(&s.stop, true);
    for (size_t i = 0; i < 3; i++) {
        pthread_join(changers[i], NULL);
    }

    for (size_t i = 0; i < putter_count; i++) {
        sum.put += putters[i].put;
        sum.unmatched += putters[i].unmatched;
        sum.published += putters[i].published;
        sum.topic_matched += putters[i].topic_matched;
        sum.topic_delivered += putters[i].topic_delivered;
        sum.topic_pending += putters[i].topic_pending;
        sum.topic_failed += putters[i].topic_failed;
        sum.misbalanced += putters[i].misbalanced;
        sum.refused += putters[i].refused;
        sum.matched += putters[i].matched;
        sum.delivered += putters[i].delivered;
        sum.pending += putters[i].pending;
        sum.failed += putters[i].failed;
    }
    shop_events = (uint64_t)putter_count * (s.events - s.events / 8);
    equal("refused", sum.refused, 0);
    equal("results that do not balance", sum.misbalanced, 0);
    equal("put", sum.put, s.events * putter_count);

    /* Every delivery of the stable rule comes to an end. */
    while (rule_of(s.bus, "stable").deliveries.pending != 0 || rule_of(s.bus, "churn").deliveries.pending != 0) {
        sched_yield();
    }
    do {
        done("subscription metrics", nimbus_subscription_get_metrics(counted, &subscription));
        sched_yield();
    } while (subscription.pending != 0 && !wrong);

    {
        nimbus_rule_metrics stable_rule = rule_of(s.bus, "stable");
        nimbus_rule_metrics churn_rule = rule_of(s.bus, "churn");
        done("bus metrics", nimbus_bus_get_metrics(s.bus, &bus_metrics));
        done("topic metrics", nimbus_topic_get_metrics(s.topic, &topic_metrics));
        done("queue metrics", nimbus_queue_get_metrics(stable, &stable_metrics));
        done("queue metrics", nimbus_queue_get_metrics(dead, &dead_metrics));
        equal("bus: put", bus_metrics.put, sum.put);
        equal("bus: unmatched", bus_metrics.unmatched, sum.unmatched);
        equal("bus: unmatched", bus_metrics.unmatched, sum.put - shop_events);
        equal("stable rule: matched events", stable_rule.matched_events, shop_events);
        equal("stable rule: matched", stable_rule.deliveries.matched, 3 * shop_events);
        balanced("stable rule: ledger", &stable_rule.deliveries);
        equal("stable rule: inline calls", atomic_load(&inline_calls), shop_events);
        equal("stable rule: queue", stable_metrics.accepted, shop_events);
        equal("stable rule: delivered", stable_rule.deliveries.delivered, 2 * shop_events + atomic_load(&calls));
        equal("stable rule: lost calls", stable_rule.deliveries.discarded, shop_events - atomic_load(&calls));
        equal("churn rule: matched", churn_rule.deliveries.matched, shop_events);
        balanced("churn rule: ledger", &churn_rule.deliveries);
        equal("churn rule: delivered", churn_rule.deliveries.delivered, atomic_load(&s.churn_accepted));
        equal("churn rule: dead letters", churn_rule.deliveries.dead_lettered, dead_metrics.accepted);
        equal("churn rule: discarded", churn_rule.deliveries.discarded, 0);
        equal("topic: published", topic_metrics.published, sum.published);
        equal("topic: matched", topic_metrics.matched, sum.topic_matched);
        equal("topic: delivered", topic_metrics.delivered, sum.topic_delivered);
        equal("topic: pending", topic_metrics.pending, sum.topic_pending);
        equal("topic: failed", topic_metrics.failed, sum.topic_failed);
        balanced("subscription: ledger", &subscription);
        equal("subscription: matched", subscription.matched, sum.published);
        equal("subscription: delivered", subscription.delivered, atomic_load(&topic_calls));
    }

    {
        nimbus_status status = nimbus_close(s.nb, NIMBUS_FOREVER, NULL);
        done("close", status);
        if (status != NIMBUS_OK) {
            return 1;
        }
    }
    equal("user pointers destroyed", atomic_load(&guests_gone), atomic_load(&guests_made));
    equal("blocks left", atomic_load(&blocks), 0);
    printf("%" PRIu64 " events, %" PRIu64 " changes, %" PRIu64 " queues, %" PRIu64 " calls of %" PRIu64 " guests: %s\n", sum.put,
           (uint64_t)atomic_load(&s.changes), (uint64_t)atomic_load(&s.churn_generations), (uint64_t)atomic_load(&guest_calls),
           (uint64_t)atomic_load(&guests_made), atomic_load(&wrong) ? "WRONG" : "accounted for");
    return atomic_load(&wrong);
}
