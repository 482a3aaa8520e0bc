/** Whole programs in small: events through rules, topics, queues, mappings and functions, with the books balanced at the end. */
#include "helpers.h"

/* An order goes: event, rule, topic, queue, mapping, handler; the handler puts the next event, which ends in a function with a record. */
struct shop {
    nimbus_bus *bus;
    size_t charged;
    size_t refused;
    nimbus_status put;
};

static nimbus_outcome charge(const nimbus_delivery *order, void *user)
{
    struct shop *shop = user;
    nimbus_bytes body = nimbus_delivery_body(order);
    nimbus_event event;
    if (nimbus_delivery_receive_count(order) == 1) {
        shop->refused++;
        return NIMBUS_RETRY; /* the till is always busy the first time */
    }
    shop->charged++;
    memset(&event, 0, sizeof event);
    event.source = "till";
    event.detail_type = "Charged";
    event.detail = json_lacks(body, "\"detail\":") ? bytes_of("{\"lost\":true}") : bytes_of("{\"ok\":true}");
    shop->put = nimbus_bus_put(shop->bus, &event, NULL);
    return NIMBUS_DONE;
}

static void an_order_through_everything(void **state)
{
    world *w = *state;
    struct shop shop = { .bus = nimbus_bus_find(w->nb, "default", &w->err) };
    probe mail = { .script = { NIMBUS_RETRY }, .script_length = 1, .answer = NIMBUS_DONE, .reply = "\"sent\"" };
    probe audit = { .answer = NIMBUS_DONE };
    nimbus_queue *dead = make_queue(w, "orders-dead");
    nimbus_queue *orders = nimbus_queue_create(
        w->nb, "orders",
        &(nimbus_queue_options){ .visibility_timeout = NIMBUS_SECONDS(30), .dead_letter_queue = dead, .max_receive_count = 5 }, &w->err);
    nimbus_queue *mails = make_queue(w, "mails");
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_function *till = nimbus_function_create(w->nb, "charge", charge, &shop, NULL, &w->err);
    nimbus_function *mailer = probe_function(w, "mailer", &mail, &(nimbus_function_options){ .on_success = nimbus_to_queue(mails) });
    nimbus_delivery delivery;
    subscribe(w, topic, nimbus_to_queue(orders), NULL);
    subscribe(w, topic, to_probe(&audit), NULL);
    nimbus_rule_put(shop.bus, "big-orders", "{\"source\":[\"shop\"],\"detail\":{\"total\":[{\"numeric\":[\">\",100]}]}}", NULL, &w->err);
    nimbus_rule_target(shop.bus, "big-orders", "topic", nimbus_to_topic(topic), NULL, &w->err);
    nimbus_rule_put(shop.bus, "charged", "{\"source\":[\"till\"],\"detail\":{\"ok\":[true]}}", NULL, &w->err);
    nimbus_rule_target(shop.bus, "charged", "mailer", nimbus_to_function(mailer), NULL, &w->err);
    nimbus_function_map(till, orders, &(nimbus_mapping_options){ .batch_size = 10 }, &w->err);
    SETUP_OK(w);

    for (int i = 0; i < 10; i++) {
        char detail[32];
        snprintf(detail, sizeof detail, "{\"total\":%d}", 20 * i); /* four of them are above 100 */
        OK(put(shop.bus, "shop", "Placed", detail).status);
    }
    RUN(w);
    EQ(audit.calls, 4);
    EQ(shop.refused, 4);
    EQ(shop.charged, 0);
    EQ(in_flight(orders), 4);
    ADVANCE(w, NIMBUS_SECONDS(30));
    EQ(shop.charged, 4);
    OK(shop.put);
    EQ(queue_metrics(orders).deleted, 4);
    EQ(mail.calls, 4);
    EQ(ready(mails), 3); /* the first mail failed */
    ADVANCE(w, NIMBUS_SECONDS(60));
    EQ(mail.calls, 5);
    EQ(ready(mails), 4);
    EQ(ready(dead), 0);
    memset(&delivery, 0, sizeof delivery);
    OK(receive_one(mails, &delivery));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"responsePayload\":\"sent\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"detail\":{\"ok\":true}"));
    OK(nimbus_delivery_delete(&delivery));
    EQ(rule_metrics(shop.bus, "big-orders").matched_events, 4);
    EQ(rule_metrics(shop.bus, "charged").matched_events, 4);
    RULE_LEDGER(shop.bus, "big-orders");
    RULE_LEDGER(shop.bus, "charged");
    EQ(function_metrics(till).messages, 8);
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 0);
}

static void three_days_of_failure_in_a_moment(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_queue *queue = nimbus_queue_create(
        w->nb, "queue",
        &(nimbus_queue_options){ .visibility_timeout = NIMBUS_HOURS(1), .dead_letter_queue = dead, .max_receive_count = 72 }, &w->err);
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    SETUP_OK(w);
    nimbus_function_map(fn, queue, NULL, &w->err);
    SETUP_OK(w);
    OK(send_text(queue, "x"));
    ADVANCE(w, NIMBUS_DAYS(3) - 1);
    EQ(p.calls, 72);
    for (size_t i = 0; i < PROBE_MAX; i++) {
        EQ(p.at[i], NIMBUS_HOURS((int64_t)i));
        EQ(p.count[i], i + 1);
    }
    EQ(ready(dead), 0);
    ADVANCE(w, 1);
    EQ(p.calls, 72);
    EQ(ready(dead), 1);
    ADVANCE(w, NIMBUS_DAYS(1) - 1); /* it keeps the time it was sent: 4 days in all (SQS-D6) */
    EQ(ready(dead), 1);
    ADVANCE(w, 1);
    EQ(ready(dead), 0);
    EQ(queue_metrics(dead).expired, 1);
}

static void each_hop_has_its_own_limits(void **state)
{
    world *w = *state;
    char body[2001];
    nimbus_topic *topic = make_topic(w, "topic");
    nimbus_queue *narrow = nimbus_queue_create(w->nb, "narrow", &(nimbus_queue_options){ .max_message_size = 1024 }, &w->err);
    nimbus_queue *wide = make_queue(w, "wide");
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_subscription *s = subscribe(w, topic, nimbus_to_queue(narrow), &(nimbus_delivery_options){ .dead_letter_queue = dead });
    nimbus_published ret;
    subscribe(w, topic, nimbus_to_queue(wide), NULL);
    SETUP_OK(w);
    ret = publish(topic, long_name(body, 2000));
    OK(ret.status);
    EQ(ret.delivered, 1);
    EQ(ret.failed, 1); /* it will never fit: for good */
    EQ(ready(dead), 1);
    EQ(ready(wide), 1);
    LEDGER(s);
    EQ(publish(topic, long_name(body, 1024)).delivered, 2);
}

static void a_message_outlives_its_instance(void **state)
{
    world first;
    world second;
    nimbus_queue *queue;
    nimbus_queue *other;
    nimbus_delivery delivery;
    const nimbus_message *message;
    nimbus_attribute attribute = nimbus_string("k", "v");
    nimbus_attribute got;
    char text[16];
    (void)state;
    world_open(&first, (nimbus_options){ .driven = true, .manual_clock = true });
    world_open(&second, (nimbus_options){ .driven = true, .manual_clock = true });
    queue = make_queue(&first, "queue");
    other = make_queue(&second, "other");
    SETUP_OK(&first);
    SETUP_OK(&second);
    OK(nimbus_queue_send(queue, &(nimbus_entry){ .body = nimbus_text("kept"), .attributes = &attribute, .attribute_count = 1 }, NULL));
    memset(&delivery, 0, sizeof delivery);
    OK(receive_one(queue, &delivery));
    message = nimbus_message_retain(nimbus_delivery_message(&delivery));
    OK(nimbus_queue_send(other, &(nimbus_entry){ .body = nimbus_share(message) }, NULL));
    OK(nimbus_close(first.nb, 0, NULL)); /* with a delivery in our hands */
    first.nb = NULL;
    text_of(nimbus_delivery_body(&delivery), text, sizeof text);
    TEXT(text, "kept");
    nimbus_delivery_release(&delivery);
    OK(nimbus_message_attribute(message, "k", &got));
    text_of(got.value, text, sizeof text);
    TEXT(text, "v");
    nimbus_message_release(message);
    CHECK(atomic_load(&first.blocks) > 0); /* the other instance shares its bytes */
    TAKES(other, "kept");
    EQ(atomic_load(&first.blocks), 0);
    EQ(world_leaks(&first), 0);
    EQ(world_close(&second), 0);
}

static void what_a_shutdown_leaves_adds_up(void **state)
{
    world *w = *state;
    probe kept = { .keep = true };
    probe never = { .answer = NIMBUS_RETRY };
    nimbus_topic *topic = make_topic(w, "topic");
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_queue *full = make_small_queue(w, "full", 1);
    nimbus_function *fn = probe_function(w, "fn", &kept, NULL);
    nimbus_delivery delivery;
    nimbus_leftovers left;
    subscribe(w, topic, nimbus_to_queue(queue), NULL);
    subscribe(w, topic, nimbus_to_queue(full), NULL);
    subscribe(w, topic, nimbus_to_function(fn), NULL);
    subscribe(w, topic, to_probe(&never), NULL);
    SETUP_OK(w);
    for (int i = 0; i < 5; i++) {
        EQ(publish(topic, "x").matched, 4);
    }
    OK(nimbus_queue_send(queue, &(nimbus_entry){ .body = nimbus_text("later"), .delay = NIMBUS_SECONDS(60) }, NULL));
    RUN(w);
    memset(&delivery, 0, sizeof delivery);
    OK(receive_one(queue, &delivery));
    memset(&left, 0, sizeof left);
    OK(nimbus_shutdown(w->nb, NIMBUS_FOREVER, &left));
    EQ(left.ready, 4 + 1);
    EQ(left.in_flight, 1);
    EQ(left.delayed, 1);
    EQ(left.kept, 1);
    EQ(left.running, 0);
    EQ(left.pending, 4 + 4 + 5);           /* retries of the full queue, calls that wait for the kept one, retries of the callback */
    OK(nimbus_delivery_delete(&delivery)); /* handles stay valid */
    EQ(drain(queue), 4);
    memset(&left, 0, sizeof left);
    OK(nimbus_close(w->nb, 0, &left));
    w->nb = NULL;
    EQ(left.ready, 1);
    EQ(left.in_flight, 0);
    EQ(left.delayed, 1);
    IS(nimbus_invocation_finish(kept.kept[0], NIMBUS_DONE), NIMBUS_E_CLOSED);
    EQ(never.destroyed, 1);
}

static nimbus_outcome send_on(const nimbus_delivery *delivery, void *user)
{
    nimbus_queue *next = user;
    return nimbus_queue_send(next, &(nimbus_entry){ .body = nimbus_share(nimbus_delivery_message(delivery)) }, NULL) == NIMBUS_OK
               ? NIMBUS_DONE
               : NIMBUS_RETRY;
}

static void shutdown_lets_handlers_send_on(void **state)
{
    world *w = *state;
    nimbus_queue *first = make_queue(w, "first");
    nimbus_queue *second = make_queue(w, "second");
    nimbus_queue *third = make_queue(w, "third");
    nimbus_function *a = nimbus_function_create(w->nb, "a", send_on, second, NULL, &w->err);
    nimbus_function *b = nimbus_function_create(w->nb, "b", send_on, third, NULL, &w->err);
    nimbus_leftovers left;
    nimbus_function_map(a, first, NULL, &w->err);
    nimbus_function_map(b, second, NULL, &w->err);
    SETUP_OK(w);
    for (int i = 0; i < 20; i++) {
        OK(send_text(first, "x"));
    }
    memset(&left, 0, sizeof left);
    OK(nimbus_shutdown(w->nb, NIMBUS_FOREVER, &left));
    EQ(left.ready, 20);
    EQ(left.in_flight, 0);
    EQ(ready(third), 20); /* all the way through */
    IS(send_text(first, "x"), NIMBUS_E_CLOSED);
}

static void run_counts_the_calls_of_handlers(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_topic *topic = make_topic(w, "topic");
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    bool more = false;
    subscribe(w, topic, to_probe(&p), NULL);
    SETUP_OK(w);
    publish(topic, "x");
    publish(topic, "x");
    OK(nimbus_invoke_async(fn, nimbus_text("x"), NULL));
    EQ(nimbus_poll_timeout(w->nb), 0);
    OK(nimbus_run(w->nb, 1, &more));
    EQ(p.calls, 1);
    CHECK(more);
    OK(nimbus_run(w->nb, 2, &more));
    EQ(p.calls, 3);
    CHECK(!more);
    IS(nimbus_run(w->nb, 2, &more), NIMBUS_EMPTY);
    EQ(nimbus_poll_timeout(w->nb), -1);
    publish(topic, "x");
    (void)nimbus_run(w->nb, 0, &more); /* timers and deliveries only */
    EQ(p.calls, 3);
    CHECK(more);
    OK(nimbus_run(w->nb, 100, &more));
    EQ(p.calls, 4);
    CHECK(!more);
}

static void over_the_memory_budget_nothing_is_lost(void **state)
{
    world w;
    static char body[8 * 1024];
    nimbus_topic *topic;
    nimbus_queue *queue;
    nimbus_runtime_metrics metrics;
    nimbus_published ret;
    size_t accepted = 0;
    nimbus_status status = NIMBUS_OK;
    (void)state;
    world_open(&w, (nimbus_options){ .driven = true, .manual_clock = true, .max_memory = 2 * 1024 * 1024 });
    topic = make_topic(&w, "topic");
    queue = make_queue(&w, "queue");
    subscribe(&w, topic, nimbus_to_queue(queue), NULL);
    SETUP_OK(&w);
    memset(body, 'x', sizeof body);
    for (int i = 0; i < 1000 && status == NIMBUS_OK; i++) {
        memset(&ret, 0, sizeof ret);
        status = nimbus_topic_publish(topic, &(nimbus_entry){ .body = nimbus_copy(body, sizeof body) }, &ret);
        accepted += ret.delivered;
        OK(nimbus_runtime_get_metrics(w.nb, &metrics));
        CHECK(metrics.bytes <= metrics.max_bytes);
    }
    IS(status, NIMBUS_E_FULL);
    CHECK(accepted > 50);
    EQ(queue_metrics(queue).accepted, accepted);
    EQ(drain(queue), accepted);
    EQ(publish(topic, "again").delivered, 1);
    EQ(world_close(&w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(an_order_through_everything),      DRIVEN(three_days_of_failure_in_a_moment),
        DRIVEN(each_hop_has_its_own_limits),      cmocka_unit_test(a_message_outlives_its_instance),
        DRIVEN(what_a_shutdown_leaves_adds_up),   DRIVEN(shutdown_lets_handlers_send_on),
        DRIVEN(run_counts_the_calls_of_handlers), cmocka_unit_test(over_the_memory_budget_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
