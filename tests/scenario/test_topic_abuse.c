/** topic.h and target.h with NULL, zero, one too many, after delete, after shutdown and inside handlers: the right status, nothing written.
 */
#include "helpers.h"

static void null_handles(void **state)
{
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_entry entry = { .body = nimbus_text("x") };
    nimbus_published published;
    nimbus_topic_metrics topic_metrics;
    nimbus_delivery_metrics delivery_metrics;
    nimbus_subscription *s = NULL;
    nimbus_error err;
    SETUP_OK(w);

    memset(&err, 0, sizeof err);
    CHECK(nimbus_topic_create(NULL, "x", NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.call, "nimbus_topic_create");
    EQ(err.offset, SIZE_MAX);
    CHECK(err.reason[0] != '\0');
    memset(&err, 0, sizeof err);
    CHECK(nimbus_topic_create(w->nb, NULL, NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.field, "name");
    CHECK(nimbus_topic_create(NULL, NULL, NULL, NULL) == NULL);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_topic_find(NULL, "orders", &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.call, "nimbus_topic_find");
    memset(&err, 0, sizeof err);
    CHECK(nimbus_topic_find(w->nb, NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_topic_find(w->nb, "nobody", &err) == NULL);
    IS(err.status, NIMBUS_E_NOT_FOUND);
    CHECK(nimbus_topic_find(w->nb, "Orders", NULL) == NULL); /* case matters */

    CHECK(nimbus_topic_retain(NULL) == NULL);
    nimbus_topic_release(NULL);
    TEXT(nimbus_topic_name(NULL), "");
    TEXT(nimbus_topic_name(topic), "orders");
    IS(nimbus_topic_delete(NULL), NIMBUS_E_INVALID);

    stain(&published, sizeof published);
    IS(nimbus_topic_publish(NULL, &entry, &published), NIMBUS_E_INVALID);
    IS(nimbus_topic_publish(topic, NULL, &published), NIMBUS_E_INVALID);
    IS(nimbus_topic_publish_batch(NULL, &entry, 1, &published), NIMBUS_E_INVALID);
    IS(nimbus_topic_publish_batch(topic, NULL, 1, &published), NIMBUS_E_INVALID);
    CHECK(stained(&published, sizeof published));

    stain(&s, sizeof s);
    IS(nimbus_topic_subscribe(NULL, nimbus_to_inline(probe_handler, NULL, NULL), NULL, NULL, &s), NIMBUS_E_INVALID);
    IS(nimbus_topic_subscribe(topic, nimbus_to_queue(NULL), NULL, NULL, &s), NIMBUS_E_INVALID);
    IS(nimbus_topic_subscribe(topic, nimbus_to_function(NULL), NULL, NULL, &s), NIMBUS_E_INVALID);
    IS(nimbus_topic_subscribe(topic, nimbus_to_callback(NULL, NULL, NULL), NULL, NULL, &s), NIMBUS_E_INVALID);
    IS(nimbus_topic_subscribe(topic, nimbus_to_inline(NULL, NULL, NULL), NULL, NULL, &s), NIMBUS_E_INVALID);
    IS(nimbus_topic_subscribe(topic, (nimbus_target){ .kind = NIMBUS_TARGET_NONE }, NULL, NULL, &s), NIMBUS_E_INVALID);
    IS(nimbus_topic_subscribe(topic, (nimbus_target){ .kind = (nimbus_target_kind)99 }, NULL, NULL, &s), NIMBUS_E_INVALID);
    IS(nimbus_topic_subscribe(topic, nimbus_to_topic(topic), NULL, NULL, &s), NIMBUS_E_UNSUPPORTED);
    CHECK(stained(&s, sizeof s));

    IS(nimbus_unsubscribe(NULL, 0), NIMBUS_E_INVALID);
    CHECK(nimbus_subscription_retain(NULL) == NULL);
    nimbus_subscription_release(NULL);
    stain(&delivery_metrics, sizeof delivery_metrics);
    IS(nimbus_subscription_get_metrics(NULL, &delivery_metrics), NIMBUS_E_INVALID);
    CHECK(stained(&delivery_metrics, sizeof delivery_metrics));
    s = subscribe(w, topic, nimbus_to_inline(probe_handler, NULL, NULL), NULL);
    IS(nimbus_subscription_get_metrics(s, NULL), NIMBUS_E_INVALID);
    stain(&topic_metrics, sizeof topic_metrics);
    IS(nimbus_topic_get_metrics(NULL, &topic_metrics), NIMBUS_E_INVALID);
    CHECK(stained(&topic_metrics, sizeof topic_metrics));
    IS(nimbus_topic_get_metrics(topic, NULL), NIMBUS_E_INVALID);
    OK(nimbus_unsubscribe(s, 0));
}

static void names_of_topics(void **state)
{
    static const char *const bad[] = { "", " ", "a b", "a/b", "a.b", "\xc3\xa9", "a\n", "orders.fifo" };
    world *w = *state;
    char name[300];
    nimbus_error err;
    nimbus_topic *topic;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memset(&err, 0, sizeof err);
        CHECK(nimbus_topic_create(w->nb, bad[i], NULL, &err) == NULL);
        IS(err.status, NIMBUS_E_INVALID);
        TEXT(err.field, "name");
    }
    memset(&err, 0, sizeof err);
    CHECK(nimbus_topic_create(w->nb, long_name(name, 256), NULL, &err) != NULL);
    OK(err.status);
    CHECK(nimbus_topic_create(w->nb, long_name(name, 257), NULL, &err) == NULL);
    CHECK(err.status == NIMBUS_E_INVALID || err.status == NIMBUS_E_TOO_LARGE);
    memset(&err, 0, sizeof err);
    topic = nimbus_topic_create(w->nb, "aZ09-_", NULL, &err);
    CHECK(topic != NULL);
    CHECK(nimbus_topic_create(w->nb, "aZ09-_", NULL, &err) == topic);
    CHECK(nimbus_topic_find(w->nb, "aZ09-_", &err) == topic);
    OK(err.status);
}

static void options_of_topics(void **state)
{
    world *w = *state;
    nimbus_error err;
    memset(&err, 0, sizeof err);
    CHECK(nimbus_topic_create(w->nb, "t", &(nimbus_topic_options){ .fifo = true }, &err) == NULL);
    IS(err.status, NIMBUS_E_UNSUPPORTED);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_topic_create(w->nb, "t", &(nimbus_topic_options){ .reserved_ = { 0, 1 } }, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_topic_create(w->nb, "t", &(nimbus_topic_options){ .max_message_size = 2000 }, &err) != NULL);
    CHECK(nimbus_topic_create(w->nb, "t", NULL, &err) != NULL);
    CHECK(nimbus_topic_create(w->nb, "t", &(nimbus_topic_options){ .max_message_size = 2000 }, &err) != NULL);
    OK(err.status);
    CHECK(nimbus_topic_create(w->nb, "t", &(nimbus_topic_options){ .max_message_size = 3000 }, &err) == NULL);
    IS(err.status, NIMBUS_E_EXISTS);
    TEXT(err.field, "max_message_size");
    memset(&err, 0, sizeof err);
    CHECK(nimbus_topic_create(w->nb, "u", &(nimbus_topic_options){ .max_message_size = 256 * 1024 + 1 }, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
}

static void the_sticky_error(void **state)
{
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_topic_metrics metrics;
    nimbus_error err;
    nimbus_error before;
    SETUP_OK(w);
    stain(&err, sizeof err); /* with what lies between its members */
    err.status = NIMBUS_E_FULL;
    memcpy(&before, &err, sizeof err);
    CHECK(nimbus_topic_create(w->nb, "new", NULL, &err) == NULL);
    CHECK(nimbus_topic_find(w->nb, "orders", &err) == NULL);
    IS(nimbus_topic_subscribe(topic, nimbus_to_inline(probe_handler, NULL, NULL), NULL, &err, NULL), NIMBUS_E_FULL);
    CHECK(memcmp(&err, &before, sizeof err) == 0);
    CHECK(nimbus_topic_find(w->nb, "new", NULL) == NULL);
    OK(nimbus_topic_get_metrics(topic, &metrics));
    EQ(metrics.subscriptions, 0);
}

/* Publishes and expects a refusal without any effect. */
static void h_refused(nimbus_topic *topic, const nimbus_entry *entry, nimbus_status want, const char *file, int line)
{
    nimbus_published ret;
    nimbus_topic_metrics before;
    nimbus_topic_metrics after;
    memset(&before, 0, sizeof before);
    memset(&after, 0, sizeof after);
    stain(&ret, sizeof ret);
    (void)nimbus_topic_get_metrics(topic, &before);
    h_status(nimbus_topic_publish(topic, entry, &ret), want, "nimbus_topic_publish", file, line);
    h_status(ret.status, want, "ret.status", file, line);
    h_status(nimbus_topic_publish(topic, entry, NULL), want, "nimbus_topic_publish without ret", file, line);
    (void)nimbus_topic_get_metrics(topic, &after);
    h_equal(after.published, before.published, "published", file, line);
    h_equal(after.matched, before.matched, "matched", file, line);
}
#define REFUSED(topic, want, ...) h_refused((topic), &(nimbus_entry){ __VA_ARGS__ }, (want), __FILE__, __LINE__)

static size_t freed;

static void count_free(void *data, size_t size, void *user)
{
    (void)data;
    (void)size;
    (void)user;
    freed++;
}

static void entries_that_are_refused(void **state)
{
    world *w = *state;
    static char bytes[256 * 1024 + 1];
    char subject[128];
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *queue = make_queue(w, "stock");
    nimbus_attribute attributes[11];
    static const char *const names[11] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k" };
    subscribe(w, topic, nimbus_to_queue(queue), NULL);
    SETUP_OK(w);
    memset(bytes, 'x', sizeof bytes);
    for (size_t i = 0; i < 11; i++) {
        attributes[i] = nimbus_string(names[i], "v");
    }
    REFUSED(topic, NIMBUS_E_MISSING, .body = nimbus_text(NULL));
    REFUSED(topic, NIMBUS_E_MISSING, .body = nimbus_text(""));
    REFUSED(topic, NIMBUS_E_MISSING, .body = nimbus_copy(NULL, 0));
    REFUSED(topic, NIMBUS_E_MISSING, .body = nimbus_share(NULL));
    REFUSED(topic, NIMBUS_E_INVALID, .body = nimbus_text("x"), .delay = NIMBUS_SECONDS(1));
    REFUSED(topic, NIMBUS_E_INVALID, .body = nimbus_text("x"), .wait = NIMBUS_SECONDS(1));
    REFUSED(topic, NIMBUS_E_INVALID, .body = nimbus_text("x"), .reserved_ = { 0, 1 });
    REFUSED(topic, NIMBUS_E_INVALID, .body = nimbus_text("x"), .group_id = "g");
    REFUSED(topic, NIMBUS_E_INVALID, .body = nimbus_text("x"), .deduplication_id = "d");
    REFUSED(topic, NIMBUS_E_INVALID, .body = nimbus_text("x"), .subject = "");
    REFUSED(topic, NIMBUS_E_INVALID, .body = nimbus_text("x"), .subject = "two\nlines");
    REFUSED(topic, NIMBUS_E_INVALID, .body = nimbus_text("x"), .subject = long_name(subject, 100));
    OK(nimbus_topic_publish(topic, &(nimbus_entry){ .body = nimbus_text("x"), .subject = long_name(subject, 99) }, NULL));
    REFUSED(topic, NIMBUS_E_OVER_LIMIT, .body = nimbus_text("x"), .attributes = attributes, .attribute_count = 11);
    OK(nimbus_topic_publish(topic, &(nimbus_entry){ .body = nimbus_text("x"), .attributes = attributes, .attribute_count = 10 }, NULL));
    REFUSED(topic, NIMBUS_E_INVALID, .body = nimbus_text("x"), .attributes = NULL, .attribute_count = 1);
    REFUSED(topic, NIMBUS_E_ATTRIBUTE, .body = nimbus_text("x"), .attributes = (nimbus_attribute[]){ nimbus_string("AWS.x", "v") },
            .attribute_count = 1);
    REFUSED(topic, NIMBUS_E_ATTRIBUTE, .body = nimbus_text("x"), .attributes = (nimbus_attribute[]){ nimbus_string("x", "") },
            .attribute_count = 1);
    REFUSED(topic, NIMBUS_E_ATTRIBUTE, .body = nimbus_text("x"), .attributes = (nimbus_attribute[]){ nimbus_number("x", "1x") },
            .attribute_count = 1);
    REFUSED(topic, NIMBUS_E_ATTRIBUTE, .body = nimbus_text("x"),
            .attributes = (nimbus_attribute[]){ nimbus_string("x", "1"), nimbus_string("x", "2") }, .attribute_count = 2);
    REFUSED(topic, NIMBUS_E_TOO_LARGE, .body = nimbus_copy(bytes, sizeof bytes));
    REFUSED(topic, NIMBUS_E_TOO_LARGE, .body = nimbus_copy(bytes, sizeof bytes - 1 - 8), .attributes = attributes,
            .attribute_count = 2); /* name 1 + "String" 6 + value 1, twice */
    OK(nimbus_topic_publish(
        topic, &(nimbus_entry){ .body = nimbus_copy(bytes, sizeof bytes - 1 - 8), .attributes = attributes, .attribute_count = 1 }, NULL));
    OK(nimbus_topic_publish(topic, &(nimbus_entry){ .body = nimbus_copy(bytes, sizeof bytes - 1) }, NULL));
    /* a refused buffer stays ours */
    REFUSED(topic, NIMBUS_E_TOO_LARGE, .body = nimbus_adopt(bytes, sizeof bytes, count_free, NULL));
    REFUSED(topic, NIMBUS_E_INVALID, .body = nimbus_adopt(bytes, 1, count_free, NULL), .subject = "");
    EQ(freed, 0);
    OK(nimbus_topic_publish(topic, &(nimbus_entry){ .body = nimbus_adopt(bytes, 1, count_free, NULL) }, NULL));
    EQ(drain(queue), 5);
    EQ(freed, 1);
}

static void an_adopted_body_nobody_takes_is_freed(void **state)
{
    world *w = *state;
    static char bytes[] = "x";
    nimbus_topic *topic = make_topic(w, "orders");
    SETUP_OK(w);
    freed = 0;
    OK(nimbus_topic_publish(topic, &(nimbus_entry){ .body = nimbus_adopt(bytes, 1, count_free, NULL) }, NULL));
    EQ(freed, 1); /* no subscription: taken, and let go of */
}

static void batches_that_fail_whole(void **state)
{
    world *w = *state;
    static char big[60 * 1024];
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *queue = make_queue(w, "stock");
    nimbus_entry entries[11];
    nimbus_published ret[11];
    subscribe(w, topic, nimbus_to_queue(queue), NULL);
    SETUP_OK(w);
    memset(entries, 0, sizeof entries);
    memset(big, 'x', sizeof big);
    for (size_t i = 0; i < 11; i++) {
        entries[i].body = nimbus_text("x");
    }
    stain(ret, sizeof ret);
    IS(nimbus_topic_publish_batch(topic, entries, 0, ret), NIMBUS_E_EMPTY_BATCH);
    IS(nimbus_topic_publish_batch(topic, entries, 11, ret), NIMBUS_E_BATCH_TOO_MANY);
    IS(nimbus_topic_publish_batch(topic, entries, SIZE_MAX, ret), NIMBUS_E_BATCH_TOO_MANY);
    for (size_t i = 0; i < 5; i++) {
        entries[i].body = nimbus_copy(big, sizeof big);
    }
    IS(nimbus_topic_publish_batch(topic, entries, 5, ret), NIMBUS_E_BATCH_TOO_LONG); /* 300 KiB together */
    CHECK(stained(ret, sizeof ret));
    EQ(ready(queue), 0);
    OK(nimbus_topic_publish_batch(topic, entries, 4, ret)); /* 240 KiB */
    EQ(drain(queue), 4);
    for (size_t i = 0; i < 11; i++) {
        entries[i].body = nimbus_text("x");
    }
    OK(nimbus_topic_publish_batch(topic, entries, 10, ret));
    EQ(drain(queue), 10);
}

static void options_of_subscriptions_that_do_not_apply(void **state)
{
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *queue = make_queue(w, "stock");
    nimbus_queue *gone = make_queue(w, "gone");
    probe p = { .answer = NIMBUS_DONE };
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_function *no_fn = probe_function(w, "no-fn", &p, NULL);
    nimbus_subscription *s = NULL;
    nimbus_topic_metrics metrics;
    nimbus_error err;
    SETUP_OK(w);
    OK(nimbus_queue_delete(gone));
    OK(nimbus_function_delete(no_fn, 0));
    stain(&s, sizeof s);
#define SUBSCRIBE(target, ...) nimbus_topic_subscribe(topic, (target), &(nimbus_delivery_options){ __VA_ARGS__ }, NULL, &s)
    IS(SUBSCRIBE(nimbus_to_queue(queue), .max_concurrency = 2), NIMBUS_E_INVALID);
    IS(SUBSCRIBE(nimbus_to_function(fn), .max_concurrency = 2), NIMBUS_E_INVALID);
    IS(SUBSCRIBE(nimbus_to_function(fn), .envelope = true), NIMBUS_E_INVALID);
    IS(SUBSCRIBE(to_probe(&p), .envelope = true), NIMBUS_E_INVALID);
    IS(SUBSCRIBE(to_inline_probe(&p), .envelope = true), NIMBUS_E_INVALID);
    IS(SUBSCRIBE(to_inline_probe(&p), .retry = { .max_retries = 2 }), NIMBUS_E_INVALID);
    IS(SUBSCRIBE(to_inline_probe(&p), .retry = { .max_age = NIMBUS_SECONDS(2) }), NIMBUS_E_INVALID);
    IS(SUBSCRIBE(to_probe(&p), .max_concurrency = -2), NIMBUS_E_INVALID);
    IS(SUBSCRIBE(to_probe(&p), .retry = { .max_retries = -2 }), NIMBUS_E_INVALID);
    IS(SUBSCRIBE(to_probe(&p), .retry = { .min_delay = 20 }), NIMBUS_E_INVALID); /* a forgotten unit */
    IS(SUBSCRIBE(to_probe(&p), .retry = { .min_delay = -5 }), NIMBUS_E_INVALID);
    IS(SUBSCRIBE(to_probe(&p), .retry = { .max_age = 999 }), NIMBUS_E_INVALID);
    IS(SUBSCRIBE(to_probe(&p), .retry = { .min_delay = NIMBUS_SECONDS(2), .max_delay = NIMBUS_SECONDS(1) }), NIMBUS_E_INVALID);
    IS(SUBSCRIBE(to_probe(&p), .retry = { .reserved_ = { 0, 1 } }), NIMBUS_E_INVALID);
    IS(SUBSCRIBE(to_probe(&p), .reserved_ = { 1 }), NIMBUS_E_INVALID);
    IS(SUBSCRIBE(nimbus_to_queue(queue), .filter = "{\"a\":[1]}", .filter_scope = (nimbus_filter_scope)7), NIMBUS_E_INVALID);
    IS(SUBSCRIBE(nimbus_to_queue(queue), .dead_letter_queue = gone), NIMBUS_E_DELETED);
    IS(SUBSCRIBE(nimbus_to_queue(gone), .filter = NULL), NIMBUS_E_DELETED);
    IS(SUBSCRIBE(nimbus_to_function(no_fn), .filter = NULL), NIMBUS_E_DELETED);
#undef SUBSCRIBE
    CHECK(stained(&s, sizeof s));
    {
        nimbus_target target = nimbus_to_queue(queue);
        target.reserved_[0] = 1;
        IS(nimbus_topic_subscribe(topic, target, NULL, NULL, &s), NIMBUS_E_INVALID);
    }
    memset(&err, 0, sizeof err);
    IS(nimbus_topic_subscribe(topic, nimbus_to_queue(queue), &(nimbus_delivery_options){ .max_concurrency = 2 }, &err, NULL),
       NIMBUS_E_INVALID);
    TEXT(err.field, "max_concurrency");
    EQ(err.offset, SIZE_MAX);
    OK(nimbus_topic_get_metrics(topic, &metrics));
    EQ(metrics.subscriptions, 0);
    EQ(p.destroyed, 0);
}

static void things_of_another_instance_are_refused(void **state)
{
    world *w = *state;
    world other;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *foreign;
    nimbus_subscription *s = NULL;
    SETUP_OK(w);
    world_open(&other, (nimbus_options){ .driven = true, .manual_clock = true });
    foreign = make_queue(&other, "foreign");
    SETUP_OK(&other);
    stain(&s, sizeof s);
    IS(nimbus_topic_subscribe(topic, nimbus_to_queue(foreign), NULL, NULL, &s), NIMBUS_E_INVALID);
    IS(nimbus_topic_subscribe(topic, nimbus_to_inline(probe_handler, NULL, NULL),
                              &(nimbus_delivery_options){ .dead_letter_queue = foreign }, NULL, &s),
       NIMBUS_E_INVALID);
    CHECK(stained(&s, sizeof s));
    EQ(world_close(&other), 0);
}

static void durations_of_unsubscribe(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_subscription *s = subscribe(w, topic, to_probe(&p), NULL);
    SETUP_OK(w);
    IS(nimbus_unsubscribe(s, 30), NIMBUS_E_INVALID);
    IS(nimbus_unsubscribe(s, 999), NIMBUS_E_INVALID);
    IS(nimbus_unsubscribe(s, -2), NIMBUS_E_INVALID);
    publish(topic, "x");
    RUN(w);
    EQ(p.calls, 1); /* refused: nothing was changed */
    OK(nimbus_unsubscribe(s, NIMBUS_ZERO));
    EQ(publish(topic, "x").matched, 0);
}

static void after_the_delete(void **state)
{
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *queue = make_queue(w, "stock");
    nimbus_subscription *s = subscribe(w, topic, nimbus_to_queue(queue), NULL);
    nimbus_entry entry = { .body = nimbus_text("x") };
    nimbus_published ret;
    nimbus_topic_metrics metrics;
    nimbus_subscription *none = NULL;
    SETUP_OK(w);
    publish(topic, "before");
    OK(nimbus_topic_delete(topic));
    IS(nimbus_topic_delete(topic), NIMBUS_E_DELETED);
    memset(&ret, 0, sizeof ret);
    IS(nimbus_topic_publish(topic, &entry, &ret), NIMBUS_E_DELETED);
    IS(ret.status, NIMBUS_E_DELETED);
    stain(&ret, sizeof ret);
    IS(nimbus_topic_publish_batch(topic, &entry, 1, &ret), NIMBUS_E_DELETED);
    CHECK(stained(&ret, sizeof ret));
    stain(&none, sizeof none);
    IS(nimbus_topic_subscribe(topic, nimbus_to_queue(queue), NULL, NULL, &none), NIMBUS_E_DELETED);
    CHECK(stained(&none, sizeof none));
    OK(nimbus_topic_get_metrics(topic, &metrics));
    EQ(metrics.published, 1);
    EQ(metrics.subscriptions, 0);
    TEXT(nimbus_topic_name(topic), "orders");
    OK(nimbus_unsubscribe(s, 0));
    LEDGER(s);
    EQ(subscription_metrics(s).delivered, 1);
    CHECK(nimbus_topic_find(w->nb, "orders", NULL) == NULL);
    CHECK(nimbus_topic_retain(topic) == topic);
    nimbus_topic_release(topic);
    nimbus_topic_release(topic);
    nimbus_subscription_release(s);
}

static void after_the_shutdown(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *queue = make_queue(w, "stock");
    nimbus_subscription *s = subscribe(w, topic, nimbus_to_queue(queue), NULL);
    nimbus_entry entry = { .body = nimbus_text("x") };
    nimbus_published ret;
    nimbus_topic_metrics metrics;
    nimbus_leftovers left;
    nimbus_error err;
    subscribe(w, topic, to_probe(&p), NULL);
    SETUP_OK(w);
    publish(topic, "before");
    memset(&left, 0, sizeof left);
    IS(nimbus_shutdown(w->nb, 0, &left), NIMBUS_E_TIMEOUT); /* a call that could run is left: the instance is shut down all the same */
    EQ(left.ready, 1);
    EQ(left.pending, 1);
    memset(&ret, 0, sizeof ret);
    IS(nimbus_topic_publish(topic, &entry, &ret), NIMBUS_E_CLOSED);
    IS(ret.status, NIMBUS_E_CLOSED);
    IS(nimbus_topic_publish_batch(topic, &entry, 1, NULL), NIMBUS_E_CLOSED);
    IS(nimbus_topic_subscribe(topic, nimbus_to_queue(queue), NULL, NULL, NULL), NIMBUS_E_CLOSED);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_topic_create(w->nb, "new", NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_CLOSED);
    CHECK(nimbus_topic_find(w->nb, "orders", NULL) == topic);
    OK(nimbus_topic_get_metrics(topic, &metrics));
    EQ(metrics.published, 1);
    LEDGER(s);
    OK(nimbus_unsubscribe(s, 0));
    OK(nimbus_topic_delete(topic));
    IS(nimbus_topic_delete(topic), NIMBUS_E_DELETED);
    TAKES(queue, "before");
}

static void shutdown_drains_the_mailboxes(void **state)
{
    world *w = *state;
    probe p = { .script = { NIMBUS_DONE, NIMBUS_RETRY }, .script_length = 2, .answer = NIMBUS_DONE };
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_subscription *s = subscribe(w, topic, to_probe(&p), &(nimbus_delivery_options){ .max_concurrency = 1 });
    nimbus_leftovers left;
    SETUP_OK(w);
    publish(topic, "1");
    publish(topic, "2");
    publish(topic, "3");
    memset(&left, 0, sizeof left);
    OK(nimbus_shutdown(w->nb, NIMBUS_FOREVER, &left));
    EQ(p.calls, 3);
    EQ(left.pending, 1); /* the one that waits for its retry: a future timer is not awaited */
    EQ(left.running, 0);
    EQ(subscription_metrics(s).delivered, 2);
    LEDGER(s);
}

/* Everything of topic.h inside of a handler. */
struct inside {
    nimbus_runtime *nb;
    nimbus_queue *queue;
    nimbus_status status[16];
    bool handles[4];
    size_t calls;
};

static nimbus_outcome use_everything(const nimbus_delivery *delivery, void *user)
{
    struct inside *in = user;
    nimbus_error err;
    nimbus_topic *topic;
    nimbus_subscription *s = NULL;
    nimbus_topic_metrics topic_metrics;
    nimbus_delivery_metrics metrics;
    nimbus_entry entry = { .body = nimbus_share(nimbus_delivery_message(delivery)) };
    if (in->calls++ > 0) {
        return NIMBUS_DONE;
    }
    memset(&err, 0, sizeof err);
    topic = nimbus_topic_create(in->nb, "from-inside", NULL, &err);
    in->handles[0] = topic != NULL;
    in->handles[1] = nimbus_topic_find(in->nb, "from-inside", &err) == topic;
    in->handles[2] = nimbus_topic_retain(topic) == topic;
    in->status[0] = nimbus_topic_subscribe(topic, nimbus_to_queue(in->queue), NULL, &err, &s);
    in->status[1] = nimbus_topic_publish(topic, &entry, NULL);
    in->status[2] = nimbus_topic_publish_batch(topic, &entry, 1, NULL);
    in->status[3] = nimbus_topic_get_metrics(topic, &topic_metrics);
    in->status[4] = nimbus_subscription_get_metrics(s, &metrics);
    in->status[5] = nimbus_unsubscribe(s, NIMBUS_FOREVER);
    in->status[6] = nimbus_unsubscribe(s, 0);
    nimbus_subscription_release(s);
    in->status[7] = nimbus_topic_delete(topic);
    nimbus_topic_release(topic);
    nimbus_topic_release(topic);
    nimbus_topic_release(topic);
    in->handles[3] = nimbus_topic_find(in->nb, "from-inside", NULL) == NULL;
    return NIMBUS_DONE;
}

static void everything_inside_a_handler(void **state)
{
    world *w = *state;
    for (int is_inline = 0; is_inline < 2; is_inline++) {
        struct inside in;
        nimbus_topic *topic = make_topic(w, is_inline ? "a" : "b");
        memset(&in, 0, sizeof in);
        in.nb = w->nb;
        in.queue = make_queue(w, "queue");
        subscribe(w, topic, is_inline ? nimbus_to_inline(use_everything, &in, NULL) : nimbus_to_callback(use_everything, &in, NULL), NULL);
        SETUP_OK(w);
        publish(topic, "x");
        RUN(w);
        EQ(in.calls, 1);
        CHECK(in.handles[0] && in.handles[1] && in.handles[2] && in.handles[3]);
        OK(in.status[0]);
        OK(in.status[1]);
        OK(in.status[2]);
        OK(in.status[3]);
        OK(in.status[4]);
        IS(in.status[5], NIMBUS_E_WOULD_DEADLOCK);
        OK(in.status[6]);
        OK(in.status[7]);
        TAKES(in.queue, "x");
        TAKES(in.queue, "x");
    }
}

struct suicide {
    nimbus_topic *topic;
    size_t calls;
    size_t destroyed;
    size_t destroyed_in_call;
    nimbus_status status[2];
};

static nimbus_outcome delete_own_topic(const nimbus_delivery *delivery, void *user)
{
    struct suicide *in = user;
    (void)delivery;
    in->calls++;
    in->status[0] = nimbus_topic_delete(in->topic);
    in->status[1] = nimbus_topic_publish(in->topic, &(nimbus_entry){ .body = nimbus_text("x") }, NULL);
    in->destroyed_in_call = in->destroyed;
    return NIMBUS_DONE;
}

static void note_the_end(void *user)
{
    struct suicide *in = user;
    in->destroyed++;
}

static void deleting_the_topic_in_its_own_handler(void **state)
{
    world *w = *state;
    for (int is_inline = 0; is_inline < 2; is_inline++) {
        struct suicide in;
        memset(&in, 0, sizeof in);
        in.topic = make_topic(w, "own");
        subscribe(w, in.topic,
                  is_inline ? nimbus_to_inline(delete_own_topic, &in, note_the_end)
                            : nimbus_to_callback(delete_own_topic, &in, note_the_end),
                  NULL);
        SETUP_OK(w);
        OK(nimbus_topic_publish(in.topic, &(nimbus_entry){ .body = nimbus_text("x") }, NULL));
        RUN(w);
        EQ(in.calls, 1);
        OK(in.status[0]);
        IS(in.status[1], NIMBUS_E_DELETED);
        EQ(in.destroyed_in_call, 0);
        nimbus_topic_release(in.topic);
    }
    OK(nimbus_close(w->nb, 0, NULL)); /* the subscriptions were not given back by us: the close takes them */
    w->nb = NULL;
}

static void targets_by_value(void **state)
{
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "orders");
    nimbus_queue *queue = make_queue(w, "stock");
    int user = 0;
    SETUP_OK(w);
    EQ(nimbus_to_queue(queue).kind, NIMBUS_TARGET_QUEUE);
    EQ(nimbus_to_topic(topic).kind, NIMBUS_TARGET_TOPIC);
    EQ(nimbus_to_function(NULL).kind, NIMBUS_TARGET_FUNCTION);
    EQ(nimbus_to_callback(probe_handler, &user, probe_destroy).kind, NIMBUS_TARGET_CALLBACK);
    EQ(nimbus_to_inline(probe_handler, &user, probe_destroy).kind, NIMBUS_TARGET_INLINE);
    CHECK(nimbus_to_callback(probe_handler, &user, probe_destroy).user == &user);
    CHECK(nimbus_to_callback(probe_handler, &user, probe_destroy).destroy == probe_destroy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(null_handles),
        DRIVEN(names_of_topics),
        DRIVEN(options_of_topics),
        DRIVEN(the_sticky_error),
        DRIVEN(entries_that_are_refused),
        DRIVEN(an_adopted_body_nobody_takes_is_freed),
        DRIVEN(batches_that_fail_whole),
        DRIVEN(options_of_subscriptions_that_do_not_apply),
        DRIVEN(things_of_another_instance_are_refused),
        DRIVEN(durations_of_unsubscribe),
        DRIVEN(after_the_delete),
        DRIVEN(after_the_shutdown),
        DRIVEN(shutdown_drains_the_mailboxes),
        DRIVEN(everything_inside_a_handler),
        DRIVEN(deleting_the_topic_in_its_own_handler),
        DRIVEN(targets_by_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
