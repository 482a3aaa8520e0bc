/* Allocations fail: topics, functions, mappings and buses. Whatever was accepted ends somewhere, and nothing leaks. */
#include "fault.h"

typedef struct bench {
    nimbus_queue *dead;
    nimbus_queue *queue;
    nimbus_topic *topic;
    nimbus_function *function;
    nimbus_function *batch;
    nimbus_bus *bus;
    handler_record record;   /* of the function */
    handler_record callback; /* of the subscription */
    handler_record inlined;
    size_t destroyed;
} bench;

static void count_destroy(void *user)
{
    size_t *destroyed = user;
    *destroyed += 1;
}

static nimbus_outcome all_done(nimbus_batch *batch, void *user)
{
    (void)batch;
    (void)user;
    return NIMBUS_DONE;
}

static nimbus_queue *make_queue(fault *f, const char *name, const nimbus_queue_options *options)
{
    nimbus_queue *queue;
    MAKE(f, queue, nimbus_queue_create(f->nb, name, options, &f->err));
    return queue;
}

static void make_bench(fault *f, bench *b)
{
    memset(b, 0, sizeof *b);
    atomic_store(&b->record.answer, NIMBUS_DONE);
    atomic_store(&b->callback.answer, NIMBUS_DONE);
    atomic_store(&b->inlined.answer, NIMBUS_DONE);
    fault_open(f);
    b->dead = make_queue(f, "dead", NULL);
    b->queue = make_queue(f, "queue", NULL);
    MAKE(f, b->topic, nimbus_topic_create(f->nb, "topic", NULL, &f->err));
    MAKE(f, b->function, nimbus_function_create(f->nb, "function", record_handler, &b->record, NULL, &f->err));
    MAKE(f, b->bus, nimbus_bus_create(f->nb, "bus", &f->err));
}

/* Lets everything that waits come to its end, with memory. */
static void settle(fault *f)
{
    heap_pause(&f->heap);
    OK(nimbus_advance(f->nb, NIMBUS_DAYS(2)));
    heap_resume(&f->heap);
}

static void create_everything(fault *f)
{
    bench b;
    nimbus_delivery_options delivery = { 0 };
    nimbus_subscription *subscription;
    nimbus_function_options options = { 0 };
    nimbus_mapping_options mapping = { .batch_size = 5, .filter = "{\"body\":{\"a\":[1]}}" };
    uint64_t before;
    nimbus_status status;

    make_bench(f, &b);
    delivery.dead_letter_queue = b.dead;
    delivery.filter = "{\"name\":[\"value\",{\"prefix\":\"v\"}],\"n\":[{\"numeric\":[\">\",1]}]}";
    SET_UP(f, nimbus_topic_subscribe(b.topic, nimbus_to_queue(b.queue), &delivery, &f->err, NULL));
    SET_UP(f, nimbus_topic_subscribe(b.topic, nimbus_to_function(b.function), NULL, &f->err, NULL));
    /* A callback whose subscribe fails still belongs to the caller: its destroy function is not called. */
    FILL(subscription);
    before = heap_failed(&f->heap);
    status = nimbus_topic_subscribe(b.topic, nimbus_to_callback(record_handler, &b.callback, NULL), NULL, &f->err, &subscription);
    if (fault_met(f, status, before, "nimbus_topic_subscribe", __FILE__, __LINE__)) {
        UNTOUCHED(subscription);
        f->err = (nimbus_error){ 0 };
        heap_pause(&f->heap);
        OK(nimbus_topic_subscribe(b.topic, nimbus_to_callback(record_handler, &b.callback, NULL), NULL, &f->err, &subscription));
        heap_resume(&f->heap);
    }
    nimbus_subscription_release(subscription);
    before = heap_failed(&f->heap);
    status = nimbus_topic_subscribe(b.topic, nimbus_to_inline(record_handler, &b.destroyed, count_destroy), NULL, &f->err, NULL);
    EQ(b.destroyed, 0);
    if (fault_met(f, status, before, "nimbus_topic_subscribe", __FILE__, __LINE__)) {
        f->err = (nimbus_error){ 0 };
        heap_pause(&f->heap);
        OK(nimbus_topic_subscribe(b.topic, nimbus_to_inline(record_handler, &b.destroyed, count_destroy), NULL, &f->err, NULL));
        heap_resume(&f->heap);
    }
    options.on_success = nimbus_to_queue(b.queue);
    options.on_failure = nimbus_to_topic(b.topic);
    options.dead_letter_queue = b.dead;
    MAKE(f, b.batch, nimbus_function_create_batch(f->nb, "batch", all_done, NULL, &options, &f->err));
    SET_UP(f, nimbus_function_map(b.batch, b.queue, &mapping, &f->err));
    SET_UP(f, nimbus_function_map(b.function, b.dead, NULL, &f->err));
    SET_UP(f, nimbus_rule_put(b.bus, "rule", "{\"source\":[\"s\"],\"detail\":{\"x\":[{\"exists\":true}]}}", NULL, &f->err));
    SET_UP(f, nimbus_rule_put(b.bus, "rule", "{\"source\":[{\"anything-but\":[\"t\"]}]}", NULL, &f->err));
    SET_UP(f, nimbus_rule_put(b.bus, "other", "{\"detail-type\":[{\"prefix\":\"a\"}]}", NULL, &f->err));
    delivery.filter = NULL;
    SET_UP(f, nimbus_rule_target(b.bus, "rule", "1", nimbus_to_queue(b.queue), &delivery, &f->err));
    SET_UP(f, nimbus_rule_target(b.bus, "rule", "2", nimbus_to_topic(b.topic), NULL, &f->err));
    SET_UP(f, nimbus_rule_target(b.bus, "rule", "3", nimbus_to_callback(record_handler, &b.callback, NULL), NULL, &f->err));
    TRY_OK(f, nimbus_rule_enable(b.bus, "rule", false));
    TRY_OK(f, nimbus_rule_remove_target(b.bus, "rule", "2"));
    TRY_OK(f, nimbus_rule_delete(b.bus, "rule", true));
    fault_close(f);
    EQ(b.destroyed, 1);
}

static void creating_everything(void **state)
{
    (void)state;
    fault_each(create_everything);
}

static nimbus_delivery_metrics subscription_metrics(nimbus_subscription *subscription)
{
    nimbus_delivery_metrics m = { 0 };
    OK(nimbus_subscription_get_metrics(subscription, &m));
    EQ(m.matched, m.delivered + m.pending + m.dead_lettered + m.discarded);
    return m;
}

static void publish(fault *f)
{
    bench b;
    nimbus_subscription *subscriptions[4];
    nimbus_delivery_options options = { 0 };
    nimbus_attribute attribute = nimbus_string("name", "value");
    nimbus_entry entry = entry_of("m");
    size_t published = 0;
    size_t i;

    make_bench(f, &b);
    options.dead_letter_queue = b.dead;
    heap_pause(&f->heap);
    OK(nimbus_topic_subscribe(b.topic, nimbus_to_queue(b.queue), &options, &f->err, &subscriptions[0]));
    OK(nimbus_topic_subscribe(b.topic, nimbus_to_function(b.function), &options, &f->err, &subscriptions[1]));
    OK(nimbus_topic_subscribe(b.topic, nimbus_to_callback(record_handler, &b.callback, NULL), &options, &f->err, &subscriptions[2]));
    OK(nimbus_topic_subscribe(b.topic, nimbus_to_inline(record_handler, &b.inlined, NULL), NULL, &f->err, &subscriptions[3]));
    heap_resume(&f->heap);
    entry.attributes = &attribute;
    entry.attribute_count = 1;
    entry.subject = "subject";
    for (i = 0; i < 40; i++) {
        nimbus_published result;
        uint64_t before = heap_failed(&f->heap);
        nimbus_status status;
        memset(&result, 0, sizeof result);
        status = nimbus_topic_publish(b.topic, &entry, &result);
        IS(result.status, status);
        if (!fault_met(f, status, before, "nimbus_topic_publish", __FILE__, __LINE__)) {
            OK(status);
            EQ(result.matched, 4);
            EQ(result.matched, result.delivered + result.pending + result.failed);
            published++;
        }
        if (i % 7 == 0) {
            OK(nimbus_advance(f->nb, NIMBUS_SECONDS(1)));
        }
    }
    settle(f);
    for (i = 0; i < 4; i++) {
        nimbus_delivery_metrics m = subscription_metrics(subscriptions[i]);
        EQ(m.matched, published);
        EQ(m.pending, 0);
        nimbus_subscription_release(subscriptions[i]);
    }
    LEDGER(b.queue);
    LEDGER(b.dead);
    EQ(b.inlined.calls, published);
    heap_pause(&f->heap);
    OK(nimbus_topic_publish(b.topic, &entry, NULL)); /* still usable */
    heap_resume(&f->heap);
    fault_close(f);
}

static void publishing(void **state)
{
    (void)state;
    fault_each(publish);
}

static void put_events(fault *f)
{
    static const char detail[] = "{\"x\":1,\"text\":\"a longer text\",\"list\":[1,2,3]}";
    static const char *const resources[] = { "one", "two" };
    bench b;
    nimbus_event event = { 0 };
    nimbus_rule_metrics m = { 0 };
    nimbus_bus_metrics bus = { 0 };
    nimbus_delivery_options options = { 0 };
    size_t put = 0;
    size_t i;

    make_bench(f, &b);
    options.dead_letter_queue = b.dead;
    heap_pause(&f->heap);
    OK(nimbus_topic_subscribe(b.topic, nimbus_to_queue(b.queue), NULL, &f->err, NULL));
    OK(nimbus_rule_put(b.bus, "rule", "{\"detail\":{\"x\":[1]}}", NULL, &f->err));
    OK(nimbus_rule_target(b.bus, "rule", "queue", nimbus_to_queue(b.queue), &options, &f->err));
    OK(nimbus_rule_target(b.bus, "rule", "topic", nimbus_to_topic(b.topic), &options, &f->err));
    OK(nimbus_rule_target(b.bus, "rule", "function", nimbus_to_function(b.function), &options, &f->err));
    OK(nimbus_rule_target(b.bus, "rule", "callback", nimbus_to_callback(record_handler, &b.callback, NULL), &options, &f->err));
    heap_resume(&f->heap);
    event.source = "source";
    event.detail_type = "type";
    event.detail = (nimbus_bytes){ detail, sizeof detail - 1 };
    event.resources = resources;
    event.resource_count = 2;
    for (i = 0; i < 20; i++) {
        nimbus_put_result result = { 0 };
        uint64_t before = heap_failed(&f->heap);
        nimbus_status status = nimbus_bus_put(b.bus, &event, &result);
        IS(result.status, status);
        if (!fault_met(f, status, before, "nimbus_bus_put", __FILE__, __LINE__)) {
            OK(status);
            EQ(result.rules, 1);
            EQ(result.matched, 4);
            EQ(result.matched, result.delivered + result.pending + result.failed);
            put++;
        }
        if (i % 5 == 0) {
            OK(nimbus_advance(f->nb, NIMBUS_SECONDS(1)));
        }
    }
    settle(f);
    OK(nimbus_rule_get_metrics(b.bus, "rule", &m));
    EQ(m.matched_events, put);
    EQ(m.deliveries.matched, put * 4);
    EQ(m.deliveries.pending, 0);
    EQ(m.deliveries.matched, m.deliveries.delivered + m.deliveries.dead_lettered + m.deliveries.discarded);
    OK(nimbus_bus_get_metrics(b.bus, &bus));
    EQ(bus.put, put);
    fault_close(f);
}

static void putting_events(void **state)
{
    (void)state;
    fault_each(put_events);
}

/* Each invocation fails for good: it ends in the dead-letter queue and in the on-failure destination. */
static void invoke_and_retry(fault *f)
{
    bench b;
    nimbus_function *failing;
    nimbus_function_options options = { 0 };
    nimbus_function_metrics m = { 0 };
    handler_record record = { .answer = NIMBUS_RETRY };
    adopted bodies[12];
    size_t taken = 0;
    size_t i;

    make_bench(f, &b);
    options.dead_letter_queue = b.dead;
    options.on_failure = nimbus_to_queue(b.queue);
    MAKE(f, failing, nimbus_function_create(f->nb, "failing", record_handler, &record, &options, &f->err));
    for (i = 0; i < 12; i++) {
        nimbus_id id;
        uint64_t before = heap_failed(&f->heap);
        nimbus_status status;
        FILL(id);
        status = nimbus_invoke_async(failing, adopted_body(&bodies[i], "payload"), &id);
        if (fault_met(f, status, before, "nimbus_invoke_async", __FILE__, __LINE__)) {
            UNTOUCHED(id);
            EQ(bodies[i].frees, 0);
            bodies[i].size = 0; /* not taken */
        } else {
            OK(status);
            taken++;
        }
    }
    OK(nimbus_advance(f->nb, NIMBUS_HOURS(1)));
    settle(f);
    OK(nimbus_function_get_metrics(failing, &m));
    EQ(m.waiting, 0);
    EQ(m.running, 0);
    EQ(m.dead_lettered + m.discarded, taken);
    EQ(record.calls, taken * 3);
    LEDGER(b.dead);
    LEDGER(b.queue);
    fault_close(f);
    for (i = 0; i < 12; i++) {
        EQ(bodies[i].frees, bodies[i].size > 0);
    }
}

static void invoking_and_retrying(void **state)
{
    (void)state;
    fault_each(invoke_and_retry);
}

static nimbus_outcome replying_handler(const nimbus_delivery *delivery, void *user)
{
    nimbus_status *status = user;
    *status = nimbus_delivery_reply(delivery, nimbus_text("reply"));
    return *status == NIMBUS_OK ? NIMBUS_DONE : NIMBUS_RETRY;
}

static void invoke_and_wait(fault *f)
{
    nimbus_function *function;
    nimbus_status reply = NIMBUS_OK;
    size_t i;

    fault_open(f);
    MAKE(f, function, nimbus_function_create(f->nb, "function", replying_handler, &reply, NULL, &f->err));
    for (i = 0; i < 5; i++) {
        nimbus_invoke_result result;
        uint64_t before = heap_failed(&f->heap);
        nimbus_status status;
        FILL(result);
        status = nimbus_invoke(function, nimbus_text("payload"), NIMBUS_SECONDS(1), &result);
        if (fault_met(f, status, before, "nimbus_invoke", __FILE__, __LINE__)) {
            UNTOUCHED(result);
            continue;
        }
        OK(status);
        CHECK(result.function_error == (reply != NIMBUS_OK));
        if (fault_met(f, reply, before, "nimbus_delivery_reply", __FILE__, __LINE__)) {
            CHECK(result.payload == NULL);
        } else {
            OK(reply);
            CHECK(bytes_are(nimbus_message_body(result.payload), "reply"));
        }
        nimbus_message_release(result.payload);
    }
    fault_close(f);
}

static void invoking_and_waiting(void **state)
{
    (void)state;
    fault_each(invoke_and_wait);
}

typedef struct keeper {
    nimbus_invocation *kept;
    size_t calls;
} keeper;

static nimbus_outcome keeping_handler(const nimbus_delivery *delivery, void *user)
{
    keeper *k = user;
    k->calls++;
    k->kept = nimbus_delivery_keep(delivery);
    return k->kept == NULL ? NIMBUS_RETRY : NIMBUS_LATER;
}

static void keep_and_finish(fault *f)
{
    bench b;
    keeper k = { 0 };
    nimbus_function *function;
    nimbus_entry entry = entry_of("m");

    make_bench(f, &b);
    MAKE(f, function, nimbus_function_create(f->nb, "keeping", keeping_handler, &k, NULL, &f->err));
    SET_UP(f, nimbus_function_map(function, b.queue, NULL, &f->err));
    TRY_OK(f, nimbus_queue_send(b.queue, &entry, NULL));
    OK(nimbus_advance(f->nb, 0));
    if (k.kept == NULL) { /* it comes again when its visibility ends */
        CHECK(heap_failed(&f->heap) > 0);
        settle(f);
    }
    CHECK(k.kept != NULL);
    CHECK(bytes_are(nimbus_delivery_body(nimbus_invocation_delivery(k.kept)), "m"));
    OK(nimbus_invocation_finish(k.kept, NIMBUS_DONE));
    OK(nimbus_advance(f->nb, 0));
    COUNTS(b.queue, 0, 0, 0);
    EQ(METRICS(b.queue).deleted, 1);
    fault_close(f);
}

static void keeping_and_finishing(void **state)
{
    (void)state;
    fault_each(keep_and_finish);
}

static nimbus_outcome forwarding_handler(const nimbus_delivery *delivery, void *user)
{
    nimbus_entry entry = { 0 };
    entry.body = nimbus_share(nimbus_delivery_message(delivery));
    return nimbus_queue_send(user, &entry, NULL) == NIMBUS_OK ? NIMBUS_DONE : NIMBUS_RETRY;
}

static void map_and_forward(fault *f)
{
    bench b;
    nimbus_function *function;
    nimbus_queue *next;
    nimbus_entry entry = entry_of("m");
    size_t i;

    make_bench(f, &b);
    next = make_queue(f, "next", NULL);
    MAKE(f, function, nimbus_function_create(f->nb, "forwarding", forwarding_handler, next, NULL, &f->err));
    SET_UP(f, nimbus_function_map(function, b.queue, NULL, &f->err));
    for (i = 0; i < 30; i++) {
        TRY_OK(f, nimbus_queue_send(b.queue, &entry, NULL));
        OK(nimbus_advance(f->nb, NIMBUS_MS(1)));
    }
    settle(f);
    COUNTS(b.queue, 0, 0, 0);
    EQ(METRICS(next).accepted, 30); /* each exactly once */
    fault_close(f);
}

static void mapping_and_forwarding(void **state)
{
    (void)state;
    fault_each(map_and_forward);
}

/* Many filters: without memory for the index's answer they are asked one by one. */
static void publish_through_filters(fault *f)
{
    nimbus_delivery_options options = { .filter = "{\"a\":[1]}", .filter_scope = NIMBUS_FILTER_BODY };
    const nimbus_entry entry = { .body = nimbus_text("{\"a\":1}") };
    nimbus_published published;
    bench b;

    make_bench(f, &b);
    for (int i = 0; i < 40; i++) {
        SET_UP(f, nimbus_topic_subscribe(b.topic, nimbus_to_inline(record_handler, &b.inlined, NULL), &options, &f->err, NULL));
    }
    for (int i = 0; i < 2; i++) {
        TRY_OK(f, nimbus_topic_publish(b.topic, &entry, &published));
        EQ(published.delivered, 40);
    }
    EQ(atomic_load(&b.inlined.calls), 80);
    fault_close(f);
}

static void publishing_through_filters(void **state)
{
    (void)state;
    fault_each(publish_through_filters);
}

/* A filter that needs memory to look at a message: without it the message is kept for later, neither lost nor handled unseen. */
static void filter_by_attributes(fault *f)
{
    static const nimbus_attribute red[] = { { .name = "color", .kind = NIMBUS_STRING, .value = { "red", 3 } } };
    static const nimbus_attribute blue[] = { { .name = "color", .kind = NIMBUS_STRING, .value = { "blue", 4 } } };
    const char *filters[] = { "{\"messageAttributes\":{\"color\":{\"stringValue\":[\"red\"]}}}", "{\"body\":{\"a\":[1]}}" };
    const nimbus_entry entry = { .body = nimbus_text("x"), .attributes = red, .attribute_count = 1 };
    const nimbus_entry other = { .body = nimbus_text("x"), .attributes = blue, .attribute_count = 1 };
    nimbus_mapping_options mapping = { .filters = filters, .filter_count = 2 };
    bench b;

    make_bench(f, &b);
    SET_UP(f, nimbus_function_map(b.function, b.queue, &mapping, &f->err));
    TRY_OK(f, nimbus_queue_send(b.queue, &entry, NULL));
    TRY_OK(f, nimbus_queue_send(b.queue, &other, NULL));
    OK(nimbus_advance(f->nb, NIMBUS_MS(1)));
    settle(f);
    EQ(atomic_load(&b.record.calls), 1);
    COUNTS(b.queue, 0, 0, 0);
    fault_close(f);
}

static void filtering_by_attributes(void **state)
{
    (void)state;
    fault_each(filter_by_attributes);
}

/* More rules than a put holds without memory; one that runs out of it has not delivered to any. */
static void match_many_rules(fault *f)
{
    nimbus_event event = { .source = "s", .detail_type = "t", .detail = { "{\"x\":[1,2]}", 11 } };
    nimbus_put_result result;
    nimbus_status status;
    uint64_t before;
    char name[8];
    bench b;

    make_bench(f, &b);
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "%d", i);
        SET_UP(f, nimbus_rule_put(b.bus, name, "{\"detail\":{\"x\":[2]}}", NULL, &f->err));
        SET_UP(f, nimbus_rule_target(b.bus, name, "t", nimbus_to_inline(record_handler, &b.inlined, NULL), NULL, &f->err));
    }
    before = heap_failed(&f->heap);
    status = nimbus_bus_put(b.bus, &event, &result);
    if (fault_met(f, status, before, "nimbus_bus_put", __FILE__, __LINE__)) {
        EQ(atomic_load(&b.inlined.calls), 0);
        heap_pause(&f->heap);
        OK(nimbus_bus_put(b.bus, &event, &result));
        heap_resume(&f->heap);
    }
    EQ(result.rules, 12);
    EQ(result.delivered, 12);
    EQ(atomic_load(&b.inlined.calls), 12);
    fault_close(f);
}

static void matching_many_rules(void **state)
{
    (void)state;
    fault_each(match_many_rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creating_everything),    cmocka_unit_test(publishing),           cmocka_unit_test(putting_events),
        cmocka_unit_test(invoking_and_retrying),  cmocka_unit_test(invoking_and_waiting), cmocka_unit_test(keeping_and_finishing),
        cmocka_unit_test(mapping_and_forwarding), cmocka_unit_test(matching_many_rules),
        cmocka_unit_test(filtering_by_attributes), cmocka_unit_test(publishing_through_filters),
    };
    return cmocka_run_group_tests_name("fault_nouns", tests, NULL, NULL);
}
