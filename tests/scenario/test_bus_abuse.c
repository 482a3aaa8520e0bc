/** bus.h with NULL, zero, one too many, after delete, after shutdown and inside handlers: the right status, nothing written. */
#include "helpers.h"

#define SHOP "{\"source\":[\"shop\"]}"

static nimbus_event good_event(void)
{
    nimbus_event event;
    memset(&event, 0, sizeof event);
    event.source = "shop";
    event.detail_type = "t";
    event.detail = bytes_of("{}");
    return event;
}

static void null_arguments(void **state)
{
    world *w = *state;
    nimbus_bus *bus = nimbus_bus_find(w->nb, "default", &w->err);
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_event event = good_event();
    nimbus_put_result result;
    nimbus_rule_metrics rule;
    nimbus_bus_metrics metrics;
    nimbus_error err;
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    nimbus_rule_target(bus, "rule", "t", nimbus_to_queue(queue), NULL, &w->err);
    SETUP_OK(w);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_bus_create(NULL, "x", &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.call, "nimbus_bus_create");
    memset(&err, 0, sizeof err);
    CHECK(nimbus_bus_create(w->nb, NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.field, "name");
    CHECK(nimbus_bus_create(NULL, NULL, NULL) == NULL);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_bus_find(NULL, "default", &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_bus_find(w->nb, NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    CHECK(nimbus_bus_retain(NULL) == NULL);
    CHECK(nimbus_bus_retain(bus) == bus);
    nimbus_bus_release(bus);
    nimbus_bus_release(NULL);
    IS(nimbus_bus_delete(NULL), NIMBUS_E_INVALID);
    stain(&result, sizeof result);
    IS(nimbus_bus_put(NULL, &event, &result), NIMBUS_E_INVALID);
    IS(nimbus_bus_put(bus, NULL, &result), NIMBUS_E_INVALID);
    IS(nimbus_bus_put_batch(NULL, &event, 1, &result), NIMBUS_E_INVALID);
    IS(nimbus_bus_put_batch(bus, NULL, 1, &result), NIMBUS_E_INVALID);
    CHECK(stained(&result, sizeof result));
    IS(nimbus_rule_put(NULL, "r", SHOP, NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_rule_put(bus, NULL, SHOP, NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_rule_put(bus, "r", NULL, NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_rule_target(NULL, "rule", "x", nimbus_to_queue(queue), NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_rule_target(bus, NULL, "x", nimbus_to_queue(queue), NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_rule_target(bus, "rule", NULL, nimbus_to_queue(queue), NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_rule_target(bus, "rule", "x", nimbus_to_queue(NULL), NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_rule_target(bus, "rule", "x", nimbus_to_topic(NULL), NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_rule_target(bus, "rule", "x", nimbus_to_function(NULL), NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_rule_target(bus, "rule", "x", nimbus_to_callback(NULL, NULL, NULL), NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_rule_target(bus, "rule", "x", nimbus_to_inline(NULL, NULL, NULL), NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_rule_target(bus, "rule", "x", (nimbus_target){ .kind = NIMBUS_TARGET_NONE }, NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_rule_target(bus, "nobody", "x", nimbus_to_queue(queue), NULL, NULL), NIMBUS_E_NOT_FOUND);
    IS(nimbus_rule_remove_target(NULL, "rule", "t"), NIMBUS_E_INVALID);
    IS(nimbus_rule_remove_target(bus, NULL, "t"), NIMBUS_E_INVALID);
    IS(nimbus_rule_remove_target(bus, "rule", NULL), NIMBUS_E_INVALID);
    IS(nimbus_rule_enable(NULL, "rule", true), NIMBUS_E_INVALID);
    IS(nimbus_rule_enable(bus, NULL, true), NIMBUS_E_INVALID);
    IS(nimbus_rule_delete(NULL, "rule", true), NIMBUS_E_INVALID);
    IS(nimbus_rule_delete(bus, NULL, true), NIMBUS_E_INVALID);
    stain(&rule, sizeof rule);
    IS(nimbus_rule_get_metrics(NULL, "rule", &rule), NIMBUS_E_INVALID);
    IS(nimbus_rule_get_metrics(bus, NULL, &rule), NIMBUS_E_INVALID);
    IS(nimbus_rule_get_metrics(bus, "nobody", &rule), NIMBUS_E_NOT_FOUND);
    CHECK(stained(&rule, sizeof rule));
    IS(nimbus_rule_get_metrics(bus, "rule", NULL), NIMBUS_E_INVALID);
    stain(&metrics, sizeof metrics);
    IS(nimbus_bus_get_metrics(NULL, &metrics), NIMBUS_E_INVALID);
    CHECK(stained(&metrics, sizeof metrics));
    IS(nimbus_bus_get_metrics(bus, NULL), NIMBUS_E_INVALID);
    /* nothing of it has left a trace */
    EQ(rule_metrics(bus, "rule").targets, 1);
    OK(nimbus_bus_get_metrics(bus, &metrics));
    EQ(metrics.rules, 1);
    EQ(metrics.put, 0);
}

static void names(void **state)
{
    static const char *const bad_bus[] = { "", " ", "a b", "\xc3\xa9", "a\n", "a:b" };
    static const char *const bad_rule[] = { "", " ", "a b", "a/b", "\xc3\xa9", "a:b" };
    world *w = *state;
    nimbus_bus *bus = nimbus_bus_find(w->nb, "default", &w->err);
    nimbus_queue *queue = make_queue(w, "queue");
    char name[300];
    nimbus_error err;
    SETUP_OK(w);
    OK(nimbus_rule_put(bus, "rule", SHOP, NULL, NULL));
    for (size_t i = 0; i < sizeof bad_bus / sizeof bad_bus[0]; i++) {
        memset(&err, 0, sizeof err);
        CHECK(nimbus_bus_create(w->nb, bad_bus[i], &err) == NULL);
        IS(err.status, NIMBUS_E_INVALID);
        TEXT(err.field, "name");
    }
    for (size_t i = 0; i < sizeof bad_rule / sizeof bad_rule[0]; i++) {
        memset(&err, 0, sizeof err);
        IS(nimbus_rule_put(bus, bad_rule[i], SHOP, NULL, &err), NIMBUS_E_INVALID);
        TEXT(err.field, "rule");
        memset(&err, 0, sizeof err);
        IS(nimbus_rule_target(bus, "rule", bad_rule[i], nimbus_to_queue(queue), NULL, &err), NIMBUS_E_INVALID);
        TEXT(err.field, "id");
    }
    CHECK(nimbus_bus_create(w->nb, long_name(name, 256), NULL) != NULL);
    CHECK(nimbus_bus_create(w->nb, long_name(name, 257), NULL) == NULL);
    CHECK(nimbus_bus_create(w->nb, "a/b.c-d_E9", NULL) != NULL);
    OK(nimbus_rule_put(bus, long_name(name, 64), SHOP, NULL, NULL));
    CHECK(nimbus_failed(nimbus_rule_put(bus, long_name(name, 65), SHOP, NULL, NULL)));
    OK(nimbus_rule_put(bus, "a.c-d_E9", SHOP, NULL, NULL));
    OK(nimbus_rule_target(bus, "rule", long_name(name, 64), nimbus_to_queue(queue), NULL, NULL));
    CHECK(nimbus_failed(nimbus_rule_target(bus, "rule", long_name(name, 65), nimbus_to_queue(queue), NULL, NULL)));
    EQ(rule_metrics(bus, "rule").targets, 1);
}

static void the_sticky_error(void **state)
{
    world *w = *state;
    nimbus_bus *bus = nimbus_bus_find(w->nb, "default", &w->err);
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_error err;
    nimbus_error before;
    nimbus_bus_metrics metrics;
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    stain(&err, sizeof err); /* with what lies between its members */
    err.status = NIMBUS_E_FULL;
    memcpy(&before, &err, sizeof err);
    SETUP_OK(w);
    CHECK(nimbus_bus_create(w->nb, "new", &err) == NULL);
    CHECK(nimbus_bus_find(w->nb, "default", &err) == NULL);
    IS(nimbus_rule_put(bus, "other", SHOP, NULL, &err), NIMBUS_E_FULL);
    IS(nimbus_rule_target(bus, "rule", "t", nimbus_to_queue(queue), NULL, &err), NIMBUS_E_FULL);
    CHECK(memcmp(&err, &before, sizeof err) == 0);
    CHECK(nimbus_bus_find(w->nb, "new", NULL) == NULL);
    OK(nimbus_bus_get_metrics(bus, &metrics));
    EQ(metrics.rules, 1);
    EQ(rule_metrics(bus, "rule").targets, 0);
}

static void patterns_that_are_refused(void **state)
{
    static const char *const bad[] = { "",
                                       "{",
                                       "[]",
                                       "{}",
                                       "{\"source\":\"shop\"}",
                                       "{\"source\":[]}",
                                       "{\"source\":[[\"a\"]]}",
                                       "{\"source\":{}}",
                                       "{\"source\":[{\"PREFIX\":\"a\"}]}",
                                       "{\"source\":[{\"prefix\":1}]}",
                                       "{\"source\":[{}]}",
                                       "{\"detail\":{\"n\":[{\"numeric\":[\">\",5,\"<\",5]}]}}",
                                       "{\"source\":[\"a\"]} trailing" };
    world *w = *state;
    nimbus_bus *bus = nimbus_bus_find(w->nb, "default", &w->err);
    nimbus_bus_metrics metrics;
    SETUP_OK(w);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        nimbus_error err;
        nimbus_status status;
        memset(&err, 0, sizeof err);
        status = nimbus_rule_put(bus, "rule", bad[i], NULL, &err);
        if (status != NIMBUS_E_PATTERN && status != NIMBUS_E_UNSUPPORTED) {
            print_error("pattern %s: %s\n", bad[i], nimbus_status_name(status));
            fail();
        }
        IS(err.status, status);
        TEXT(err.call, "nimbus_rule_put");
        CHECK(err.reason[0] != '\0');
        CHECK(err.offset == SIZE_MAX || err.offset <= strlen(bad[i]));
    }
    OK(nimbus_bus_get_metrics(bus, &metrics));
    EQ(metrics.rules, 0);
}

static size_t destroyed;

static void count_destroyed(void *user)
{
    (void)user;
    destroyed++;
}

static void options_that_do_not_apply(void **state)
{
    world *w = *state;
    nimbus_bus *bus = nimbus_bus_find(w->nb, "default", &w->err);
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_queue *gone = make_queue(w, "gone");
    nimbus_target callback = nimbus_to_callback(probe_handler, NULL, count_destroyed);
    nimbus_target at_once = nimbus_to_inline(probe_handler, NULL, count_destroyed);
    nimbus_error err;
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    SETUP_OK(w);
    OK(nimbus_queue_delete(gone));
    destroyed = 0;
#define TARGET(target, ...) nimbus_rule_target(bus, "rule", "t", (target), &(nimbus_delivery_options){ __VA_ARGS__ }, NULL)
    IS(TARGET(nimbus_to_queue(queue), .filter = SHOP), NIMBUS_E_INVALID);
    IS(TARGET(nimbus_to_queue(queue), .envelope = true), NIMBUS_E_INVALID);
    IS(TARGET(nimbus_to_queue(queue), .max_concurrency = 2), NIMBUS_E_INVALID);
    IS(TARGET(at_once, .retry = { .max_retries = 1 }), NIMBUS_E_INVALID);
    IS(TARGET(callback, .max_concurrency = -2), NIMBUS_E_INVALID);
    IS(TARGET(callback, .retry = { .max_retries = -2 }), NIMBUS_E_INVALID);
    IS(TARGET(callback, .retry = { .max_delay = 5 }), NIMBUS_E_INVALID);
    IS(TARGET(callback, .retry = { .reserved_ = { 1 } }), NIMBUS_E_INVALID);
    IS(TARGET(callback, .reserved_ = { 0, 1 }), NIMBUS_E_INVALID);
    IS(TARGET(callback, .dead_letter_queue = gone), NIMBUS_E_DELETED);
    IS(TARGET(nimbus_to_queue(gone), .filter = NULL), NIMBUS_E_DELETED);
#undef TARGET
    EQ(rule_metrics(bus, "rule").targets, 0);
    EQ(destroyed, 0); /* the user pointer is still ours */
    memset(&err, 0, sizeof err);
    IS(nimbus_rule_put(bus, "other", SHOP, &(nimbus_rule_options){ .reserved_ = { 1 } }, &err), NIMBUS_E_INVALID);
    IS(err.status, NIMBUS_E_INVALID);
    IS(nimbus_rule_target(bus, "nobody", "t", callback, NULL, NULL), NIMBUS_E_NOT_FOUND);
    EQ(destroyed, 0);
}

static void limits(void **state)
{
    world *w = *state;
    world narrow;
    nimbus_bus *bus = nimbus_bus_find(w->nb, "default", &w->err);
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_event events[11];
    nimbus_put_result ret[11];
    char id[8];
    char detail[1100];
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    SETUP_OK(w);
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "%d", i);
        OK(nimbus_rule_target(bus, "rule", id, nimbus_to_queue(queue), NULL, NULL));
    }
    IS(nimbus_rule_target(bus, "rule", "5", nimbus_to_queue(queue), NULL, NULL), NIMBUS_E_OVER_LIMIT);
    OK(nimbus_rule_target(bus, "rule", "4", nimbus_to_queue(queue), NULL, NULL)); /* to replace one is no more */
    EQ(rule_metrics(bus, "rule").targets, 5);
    for (size_t i = 0; i < 11; i++) {
        events[i] = good_event();
    }
    stain(ret, sizeof ret);
    IS(nimbus_bus_put_batch(bus, events, 0, ret), NIMBUS_E_EMPTY_BATCH);
    IS(nimbus_bus_put_batch(bus, events, 11, ret), NIMBUS_E_BATCH_TOO_MANY);
    CHECK(stained(ret, sizeof ret));
    EQ(ready(queue), 0);
    OK(nimbus_bus_put_batch(bus, events, 10, ret));
    EQ(ready(queue), 50);

    world_open(&narrow, (nimbus_options){ .driven = true,
                                          .manual_clock = true,
                                          .limits = { .max_rules_per_bus = 2, .max_event_size = 1000, .max_targets_per_rule = 1 } });
    bus = nimbus_bus_find(narrow.nb, "default", &narrow.err);
    queue = make_queue(&narrow, "queue");
    nimbus_rule_put(bus, "a", SHOP, NULL, &narrow.err);
    nimbus_rule_put(bus, "b", SHOP, NULL, &narrow.err);
    nimbus_rule_put(bus, "b", SHOP, NULL, &narrow.err);
    nimbus_rule_target(bus, "a", "t", nimbus_to_queue(queue), NULL, &narrow.err);
    SETUP_OK(&narrow);
    IS(nimbus_rule_put(bus, "c", SHOP, NULL, NULL), NIMBUS_E_OVER_LIMIT);
    IS(nimbus_rule_target(bus, "a", "u", nimbus_to_queue(queue), NULL, NULL), NIMBUS_E_OVER_LIMIT);
    OK(nimbus_rule_delete(bus, "b", false)); /* it counted once, however often it was put, and does not count any more */
    OK(nimbus_rule_put(bus, "c", "{\"source\":[\"nobody\"]}", NULL, NULL));
    /* EB-E6: source 4 + detail type 1 + detail; 14 more with a time; each resource */
    memset(detail, ' ', sizeof detail);
    detail[0] = '{';
    detail[994] = '}';
    detail[995] = '\0';
    events[0].detail = bytes_of(detail); /* exactly 1,000 */
    OK(nimbus_bus_put(bus, &events[0], ret));
    EQ(ready(queue), 1);
    events[0].time = T0;
    IS(nimbus_bus_put(bus, &events[0], ret), NIMBUS_E_TOO_LARGE);
    IS(ret[0].status, NIMBUS_E_TOO_LARGE);
    events[0].time = 0;
    {
        static const char *const resources[] = { "r" };
        events[0].resources = resources;
        events[0].resource_count = 1;
        IS(nimbus_bus_put(bus, &events[0], ret), NIMBUS_E_TOO_LARGE);
        stain(ret, sizeof ret);
        IS(nimbus_bus_put_batch(bus, events, 3, ret), NIMBUS_E_TOO_LARGE); /* the whole call */
        CHECK(stained(ret, sizeof ret));
        EQ(ready(queue), 1);
    }
    EQ(world_close(&narrow), 0);
}

static void events_with_wrong_parts(void **state)
{
    world *w = *state;
    nimbus_bus *bus = nimbus_bus_find(w->nb, "default", &w->err);
    nimbus_event event = good_event();
    nimbus_put_result ret;
    SETUP_OK(w);
    event.reserved_[3] = 1;
    memset(&ret, 0, sizeof ret);
    IS(nimbus_bus_put(bus, &event, &ret), NIMBUS_E_INVALID);
    IS(ret.status, NIMBUS_E_INVALID);
    event.reserved_[3] = 0;
    event.resource_count = 1; /* and no resources */
    IS(nimbus_bus_put(bus, &event, &ret), NIMBUS_E_INVALID);
    event.resource_count = 0;
    OK(nimbus_bus_put(bus, &event, &ret));
    OK(nimbus_bus_put(bus, &event, NULL));
}

static void after_the_delete(void **state)
{
    world *w = *state;
    nimbus_bus *bus = nimbus_bus_create(w->nb, "bus", &w->err);
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_event event = good_event();
    nimbus_put_result ret;
    nimbus_bus_metrics metrics;
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    nimbus_rule_target(bus, "rule", "t", nimbus_to_queue(queue), NULL, &w->err);
    SETUP_OK(w);
    OK(nimbus_bus_put(bus, &event, NULL));
    OK(nimbus_bus_delete(bus));
    IS(nimbus_bus_delete(bus), NIMBUS_E_DELETED);
    IS(nimbus_bus_put(bus, &event, &ret), NIMBUS_E_DELETED);
    stain(&ret, sizeof ret);
    IS(nimbus_bus_put_batch(bus, &event, 1, &ret), NIMBUS_E_DELETED);
    CHECK(stained(&ret, sizeof ret));
    IS(nimbus_rule_put(bus, "rule", SHOP, NULL, NULL), NIMBUS_E_DELETED);
    IS(nimbus_rule_target(bus, "rule", "t", nimbus_to_queue(queue), NULL, NULL), NIMBUS_E_DELETED);
    IS(nimbus_rule_remove_target(bus, "rule", "t"), NIMBUS_E_DELETED);
    IS(nimbus_rule_enable(bus, "rule", true), NIMBUS_E_DELETED);
    IS(nimbus_rule_delete(bus, "rule", true), NIMBUS_E_DELETED);
    IS(nimbus_rule_get_metrics(bus, "rule", &(nimbus_rule_metrics){ .targets = 0 }), NIMBUS_E_DELETED);
    OK(nimbus_bus_get_metrics(bus, &metrics));
    EQ(metrics.put, 1);
    EQ(ready(queue), 1);
    nimbus_bus_release(bus);
}

static void after_the_shutdown(void **state)
{
    world *w = *state;
    nimbus_bus *bus = nimbus_bus_find(w->nb, "default", &w->err);
    nimbus_bus *other = nimbus_bus_create(w->nb, "other", &w->err);
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_event event = good_event();
    nimbus_put_result ret;
    nimbus_bus_metrics metrics;
    nimbus_error err;
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    nimbus_rule_target(bus, "rule", "t", nimbus_to_queue(queue), NULL, &w->err);
    SETUP_OK(w);
    OK(nimbus_shutdown(w->nb, 0, NULL));
    memset(&ret, 0, sizeof ret);
    IS(nimbus_bus_put(bus, &event, &ret), NIMBUS_E_CLOSED);
    IS(ret.status, NIMBUS_E_CLOSED);
    IS(nimbus_bus_put_batch(bus, &event, 1, NULL), NIMBUS_E_CLOSED);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_bus_create(w->nb, "new", &err) == NULL);
    IS(err.status, NIMBUS_E_CLOSED);
    IS(nimbus_rule_put(bus, "rule", SHOP, NULL, NULL), NIMBUS_E_CLOSED);
    IS(nimbus_rule_target(bus, "rule", "u", nimbus_to_queue(queue), NULL, NULL), NIMBUS_E_CLOSED);
    CHECK(nimbus_bus_find(w->nb, "other", NULL) == other);
    OK(nimbus_rule_enable(bus, "rule", false));
    OK(nimbus_rule_remove_target(bus, "rule", "t"));
    OK(nimbus_rule_get_metrics(bus, "rule", &(nimbus_rule_metrics){ .targets = 0 }));
    OK(nimbus_rule_delete(bus, "rule", false));
    OK(nimbus_bus_get_metrics(bus, &metrics));
    OK(nimbus_bus_delete(other));
    EQ(ready(queue), 0);
}

static void things_of_another_instance(void **state)
{
    world *w = *state;
    world other;
    nimbus_bus *bus = nimbus_bus_find(w->nb, "default", &w->err);
    nimbus_queue *foreign;
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    SETUP_OK(w);
    world_open(&other, (nimbus_options){ .driven = true, .manual_clock = true });
    foreign = make_queue(&other, "foreign");
    SETUP_OK(&other);
    IS(nimbus_rule_target(bus, "rule", "t", nimbus_to_queue(foreign), NULL, NULL), NIMBUS_E_INVALID);
    EQ(rule_metrics(bus, "rule").targets, 0);
    EQ(world_close(&other), 0);
}

/* Everything of bus.h inside of a handler. */
struct inside {
    nimbus_runtime *nb;
    nimbus_queue *queue;
    nimbus_status status[12];
    bool handles[4];
    size_t calls;
};

static nimbus_outcome use_everything(const nimbus_delivery *delivery, void *user)
{
    struct inside *in = user;
    nimbus_event event = good_event();
    nimbus_rule_metrics rule;
    nimbus_bus_metrics metrics;
    nimbus_error err;
    nimbus_bus *bus;
    (void)delivery;
    memset(&err, 0, sizeof err);
    in->calls++;
    bus = nimbus_bus_create(in->nb, "inner", &err);
    in->handles[0] = bus != NULL;
    in->handles[1] = nimbus_bus_find(in->nb, "inner", &err) == bus;
    in->handles[2] = nimbus_bus_retain(bus) == bus;
    nimbus_bus_release(bus);
    nimbus_bus_release(bus);
    in->status[0] = nimbus_rule_put(bus, "rule", SHOP, NULL, &err);
    in->status[1] = nimbus_rule_target(bus, "rule", "t", nimbus_to_queue(in->queue), NULL, &err);
    in->status[2] = nimbus_bus_put(bus, &event, NULL);
    in->status[3] = nimbus_bus_put_batch(bus, &event, 1, NULL);
    in->status[4] = nimbus_rule_enable(bus, "rule", false);
    in->status[5] = nimbus_rule_get_metrics(bus, "rule", &rule);
    in->status[6] = nimbus_bus_get_metrics(bus, &metrics);
    in->status[7] = nimbus_rule_remove_target(bus, "rule", "t");
    in->status[8] = nimbus_rule_delete(bus, "rule", false);
    in->status[9] = nimbus_bus_delete(bus);
    in->status[10] = err.status;
    nimbus_bus_release(bus);
    return NIMBUS_DONE;
}

static void everything_inside_a_handler(void **state)
{
    world *w = *state;
    struct inside in;
    nimbus_bus *bus = nimbus_bus_find(w->nb, "default", &w->err);
    memset(&in, 0, sizeof in);
    in.nb = w->nb;
    in.queue = make_queue(w, "queue");
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    nimbus_rule_target(bus, "rule", "a", nimbus_to_inline(use_everything, &in, NULL), NULL, &w->err);
    nimbus_rule_target(bus, "rule", "b", nimbus_to_callback(use_everything, &in, NULL), NULL, &w->err);
    SETUP_OK(w);
    EQ(put(bus, "shop", "t", "{}").matched, 2);
    for (size_t i = 1; i <= 2; i++) {
        EQ(in.calls, i);
        CHECK(in.handles[0] && in.handles[1] && in.handles[2]);
        for (int k = 0; k <= 10; k++) {
            OK(in.status[k]);
        }
        EQ(ready(in.queue), 2 * i);
        memset(in.status, 0xFF, sizeof in.status);
        RUN(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(null_arguments),
        DRIVEN(names),
        DRIVEN(the_sticky_error),
        DRIVEN(patterns_that_are_refused),
        DRIVEN(options_that_do_not_apply),
        DRIVEN(limits),
        DRIVEN(events_with_wrong_parts),
        DRIVEN(after_the_delete),
        DRIVEN(after_the_shutdown),
        DRIVEN(things_of_another_instance),
        DRIVEN(everything_inside_a_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
