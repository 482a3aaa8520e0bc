/** Subscriptions on real threads: waiting for a handler that runs, and calls that never overlap by default. */
#include "helpers.h"

struct held {
    atomic_size_t entered;
    atomic_size_t running;
    atomic_size_t most;
    atomic_size_t left;
    atomic_bool open;
    atomic_size_t destroyed;
    atomic_size_t destroyed_too_early;
};

static nimbus_outcome wait_for_open(const nimbus_delivery *delivery, void *user)
{
    struct held *h = user;
    (void)delivery;
    atomic_fetch_add(&h->running, 1);
    atomic_fetch_add(&h->entered, 1);
    SPIN_UNTIL(atomic_load(&h->open));
    atomic_fetch_sub(&h->running, 1);
    atomic_fetch_add(&h->left, 1);
    return NIMBUS_DONE;
}

static void note_destroyed(void *user)
{
    struct held *h = user;
    if (atomic_load(&h->running) != 0) {
        atomic_fetch_add(&h->destroyed_too_early, 1);
    }
    atomic_fetch_add(&h->destroyed, 1);
}

static void unsubscribe_waits_for_a_call_that_runs(void **state)
{
    world *w = *state;
    struct held h;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_subscription *s;
    nimbus_status status;
    memset(&h, 0, sizeof h);
    s = subscribe(w, topic, nimbus_to_callback(wait_for_open, &h, note_destroyed), NULL);
    SETUP_OK(w);
    publish(topic, "1");
    publish(topic, "2");
    SPIN_UNTIL(atomic_load(&h.entered) == 1);
    IS(nimbus_unsubscribe(s, NIMBUS_MS(1)), NIMBUS_E_TIMEOUT); /* ended, but the call still runs */
    EQ(publish(topic, "3").matched, 0);
    status = nimbus_unsubscribe(s, 0);
    CHECK(status == NIMBUS_OK || status == NIMBUS_E_TIMEOUT);
    EQ(atomic_load(&h.destroyed), 0);
    atomic_store(&h.open, true);
    OK(nimbus_unsubscribe(s, NIMBUS_FOREVER));
    EQ(atomic_load(&h.left), 1);
    EQ(atomic_load(&h.entered), 1); /* the second was discarded */
    EQ(subscription_metrics(s).delivered, 1);
    EQ(subscription_metrics(s).discarded, 1);
    LEDGER(s);
    nimbus_subscription_release(s);
    SPIN_UNTIL(atomic_load(&h.destroyed) == 1);
    EQ(atomic_load(&h.destroyed_too_early), 0);
    OK(nimbus_close(w->nb, NIMBUS_FOREVER, NULL));
    w->nb = NULL;
    EQ(atomic_load(&h.destroyed), 1);
}

struct ender {
    nimbus_subscription *s;
    nimbus_status status;
    atomic_bool done;
};

static void *end_it(void *user)
{
    struct ender *e = user;
    e->status = nimbus_unsubscribe(e->s, NIMBUS_FOREVER);
    atomic_store(&e->done, true);
    return NULL;
}

static void several_threads_wait_for_the_same_end(void **state)
{
    world *w = *state;
    struct held h;
    struct ender enders[3];
    pthread_t threads[3];
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_subscription *s;
    memset(&h, 0, sizeof h);
    memset(enders, 0, sizeof enders);
    s = subscribe(w, topic, nimbus_to_callback(wait_for_open, &h, note_destroyed), NULL);
    SETUP_OK(w);
    publish(topic, "1");
    SPIN_UNTIL(atomic_load(&h.entered) == 1);
    for (int i = 0; i < 3; i++) {
        enders[i].s = s;
        EQ(pthread_create(&threads[i], NULL, end_it, &enders[i]), 0);
    }
    SPIN_UNTIL(publish(topic, "x").matched == 0); /* one of them has ended it */
    for (int i = 0; i < 3; i++) {
        CHECK(!atomic_load(&enders[i].done));
    }
    atomic_store(&h.open, true);
    for (int i = 0; i < 3; i++) {
        EQ(pthread_join(threads[i], NULL), 0);
        OK(enders[i].status);
    }
    LEDGER(s);
    nimbus_subscription_release(s);
    SPIN_UNTIL(atomic_load(&h.destroyed) == 1);
    OK(nimbus_close(w->nb, NIMBUS_FOREVER, NULL));
    w->nb = NULL;
}

struct inline_publisher {
    nimbus_topic *topic;
    atomic_bool done;
};

static void *publish_once(void *user)
{
    struct inline_publisher *p = user;
    publish(p->topic, "x");
    atomic_store(&p->done, true);
    return NULL;
}

static void unsubscribe_waits_for_an_inline_call_of_another_thread(void **state)
{
    world *w = *state;
    struct held h;
    struct inline_publisher p;
    pthread_t thread;
    nimbus_subscription *s;
    memset(&h, 0, sizeof h);
    memset(&p, 0, sizeof p);
    p.topic = make_topic(w, "orders");
    s = subscribe(w, p.topic, nimbus_to_inline(wait_for_open, &h, note_destroyed), NULL);
    SETUP_OK(w);
    EQ(pthread_create(&thread, NULL, publish_once, &p), 0);
    SPIN_UNTIL(atomic_load(&h.entered) == 1);
    IS(nimbus_unsubscribe(s, NIMBUS_MS(1)), NIMBUS_E_TIMEOUT);
    EQ(atomic_load(&h.destroyed), 0);
    CHECK(!atomic_load(&p.done));
    atomic_store(&h.open, true);
    OK(nimbus_unsubscribe(s, NIMBUS_FOREVER));
    EQ(atomic_load(&h.left), 1);
    EQ(pthread_join(thread, NULL), 0);
    LEDGER(s);
    nimbus_subscription_release(s);
    OK(nimbus_close(w->nb, NIMBUS_FOREVER, NULL));
    w->nb = NULL;
    EQ(atomic_load(&h.destroyed), 1);
    EQ(atomic_load(&h.destroyed_too_early), 0);
}

static nimbus_outcome count_overlap(const nimbus_delivery *delivery, void *user)
{
    struct held *h = user;
    size_t now = atomic_fetch_add(&h->running, 1) + 1;
    size_t most = atomic_load(&h->most);
    (void)delivery;
    while (now > most && !atomic_compare_exchange_weak(&h->most, &most, now)) {
    }
    for (int i = 0; i < 3; i++) {
        sched_yield();
    }
    atomic_fetch_sub(&h->running, 1);
    atomic_fetch_add(&h->left, 1);
    return NIMBUS_DONE;
}

static void calls_of_one_subscription_never_overlap_by_default(void **state)
{
    world *w = *state;
    struct held one;
    struct held two;
    nimbus_topic *topic = make_topic(w, "orders");
    memset(&one, 0, sizeof one);
    memset(&two, 0, sizeof two);
    subscribe(w, topic, nimbus_to_callback(count_overlap, &one, NULL), NULL);
    subscribe(w, topic, nimbus_to_callback(count_overlap, &two, NULL), &(nimbus_delivery_options){ .max_concurrency = 2 });
    SETUP_OK(w);
    for (int i = 0; i < 2000; i++) {
        EQ(publish(topic, "x").pending, 2);
    }
    SPIN_UNTIL(atomic_load(&one.left) == 2000 && atomic_load(&two.left) == 2000);
    EQ(atomic_load(&one.most), 1);
    CHECK(atomic_load(&two.most) <= 2);
    OK(nimbus_close(w->nb, NIMBUS_FOREVER, NULL));
    w->nb = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        THREADED(unsubscribe_waits_for_a_call_that_runs),
        THREADED(several_threads_wait_for_the_same_end),
        THREADED(unsubscribe_waits_for_an_inline_call_of_another_thread),
        THREADED(calls_of_one_subscription_never_overlap_by_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
