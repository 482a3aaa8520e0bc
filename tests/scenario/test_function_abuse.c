/** function.h with NULL, zero, one too many, after delete, after shutdown and inside handlers: the right status, nothing written. */
#include "helpers.h"

static nimbus_outcome quiet_batch(nimbus_batch *batch, void *user)
{
    (void)batch;
    (void)user;
    return NIMBUS_DONE;
}

static void null_arguments(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_invoke_result result;
    nimbus_function_metrics metrics;
    nimbus_id id;
    nimbus_error err;
    SETUP_OK(w);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_function_create(NULL, "x", probe_handler, &p, NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.call, "nimbus_function_create");
    memset(&err, 0, sizeof err);
    CHECK(nimbus_function_create(w->nb, NULL, probe_handler, &p, NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.field, "name");
    memset(&err, 0, sizeof err);
    CHECK(nimbus_function_create(w->nb, "x", NULL, &p, NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.field, "handler");
    memset(&err, 0, sizeof err);
    CHECK(nimbus_function_create_batch(w->nb, "x", NULL, &p, NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.call, "nimbus_function_create_batch");
    CHECK(nimbus_function_create_batch(NULL, "x", quiet_batch, &p, NULL, NULL) == NULL);
    CHECK(nimbus_function_create_batch(w->nb, NULL, quiet_batch, &p, NULL, NULL) == NULL);
    CHECK(nimbus_function_create(w->nb, NULL, NULL, NULL, NULL, NULL) == NULL);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_function_find(NULL, "fn", &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_function_find(w->nb, NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_function_find(w->nb, "FN", &err) == NULL);
    IS(err.status, NIMBUS_E_NOT_FOUND);
    CHECK(nimbus_function_find(w->nb, "fn", NULL) == fn);
    CHECK(nimbus_function_retain(NULL) == NULL);
    CHECK(nimbus_function_retain(fn) == fn);
    nimbus_function_release(fn);
    nimbus_function_release(NULL);
    IS(nimbus_function_delete(NULL, 0), NIMBUS_E_INVALID);
    IS(nimbus_function_set_concurrency(NULL, 1), NIMBUS_E_INVALID);
    stain(&result, sizeof result);
    IS(nimbus_invoke(NULL, nimbus_text("x"), 0, &result), NIMBUS_E_INVALID);
    CHECK(stained(&result, sizeof result));
    stain(&id, sizeof id);
    IS(nimbus_invoke_async(NULL, nimbus_text("x"), &id), NIMBUS_E_INVALID);
    CHECK(stained(&id, sizeof id));
    IS(nimbus_function_map(NULL, queue, NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_function_map(fn, NULL, NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_mapping_enable(NULL, queue, true), NIMBUS_E_INVALID);
    IS(nimbus_mapping_enable(fn, NULL, true), NIMBUS_E_INVALID);
    IS(nimbus_function_unmap(NULL, queue), NIMBUS_E_INVALID);
    IS(nimbus_function_unmap(fn, NULL), NIMBUS_E_INVALID);
    stain(&metrics, sizeof metrics);
    IS(nimbus_function_get_metrics(NULL, &metrics), NIMBUS_E_INVALID);
    CHECK(stained(&metrics, sizeof metrics));
    IS(nimbus_function_get_metrics(fn, NULL), NIMBUS_E_INVALID);
    EQ(p.calls, 0);
}

static void names_and_options(void **state)
{
    static const char *const bad[] = { "", " ", "a b", "a.b", "a/b", "\xc3\xa9", "a\t" };
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_topic *topic = make_topic(w, "topic");
    nimbus_error err;
    char name[256];
    SETUP_OK(w);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memset(&err, 0, sizeof err);
        CHECK(nimbus_function_create(w->nb, bad[i], probe_handler, &p, NULL, &err) == NULL);
        IS(err.status, NIMBUS_E_INVALID);
        TEXT(err.field, "name");
    }
    memset(&err, 0, sizeof err);
    CHECK(nimbus_function_create(w->nb, long_name(name, 140), probe_handler, &p, NULL, &err) != NULL);
    CHECK(nimbus_function_create(w->nb, long_name(name, 141), probe_handler, &p, NULL, &err) == NULL);
    CHECK(err.status == NIMBUS_E_INVALID || err.status == NIMBUS_E_TOO_LARGE);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_function_create(w->nb, "twice", probe_handler, &p, NULL, &err) != NULL);
    CHECK(nimbus_function_create(w->nb, "twice", probe_handler, &p, NULL, &err) == NULL); /* no create of what exists */
    IS(err.status, NIMBUS_E_EXISTS);
#define REFUSED(want, ...)                                                                                                                 \
    do {                                                                                                                                   \
        memset(&err, 0, sizeof err);                                                                                                       \
        CHECK(nimbus_function_create(w->nb, "x", probe_handler, &p, &(nimbus_function_options){ __VA_ARGS__ }, &err) == NULL);             \
        IS(err.status, (want));                                                                                                            \
    } while (0)
    REFUSED(NIMBUS_E_INVALID, .max_concurrency = -2);
    TEXT(err.field, "max_concurrency");
    REFUSED(NIMBUS_E_INVALID, .timeout = 30);
    TEXT(err.field, "timeout");
    REFUSED(NIMBUS_E_INVALID, .timeout = 999);
    REFUSED(NIMBUS_E_INVALID, .timeout = -5);
    REFUSED(NIMBUS_E_INVALID, .retry = { .max_retries = -2 });
    REFUSED(NIMBUS_E_INVALID, .retry = { .min_delay = 1 });
    REFUSED(NIMBUS_E_INVALID, .retry = { .reserved_ = { 1 } });
    REFUSED(NIMBUS_E_INVALID, .reserved_ = { 0, 0, 0, 0, 0, 0, 0, 1 });
    REFUSED(NIMBUS_E_INVALID, .on_success = nimbus_to_queue(NULL));
    REFUSED(NIMBUS_E_INVALID, .on_failure = nimbus_to_inline(probe_handler, &p, NULL));
    REFUSED(NIMBUS_E_INVALID, .on_failure = nimbus_to_callback(probe_handler, &p, NULL));
    REFUSED(NIMBUS_E_INVALID, .on_failure = { .kind = (nimbus_target_kind)42 });
#undef REFUSED
    CHECK(nimbus_function_find(w->nb, "x", NULL) == NULL);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_function_create(w->nb, "x", probe_handler, &p, &(nimbus_function_options){ .on_failure = nimbus_to_topic(topic) }, &err));
    OK(err.status);
}

static void the_sticky_error(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_error err;
    nimbus_error before;
    SETUP_OK(w);
    stain(&err, sizeof err); /* with what lies between its members */
    err.status = NIMBUS_E_NO_MEMORY;
    memcpy(&before, &err, sizeof err);
    CHECK(nimbus_function_create(w->nb, "new", probe_handler, &p, NULL, &err) == NULL);
    CHECK(nimbus_function_create_batch(w->nb, "new", quiet_batch, &p, NULL, &err) == NULL);
    CHECK(nimbus_function_find(w->nb, "fn", &err) == NULL);
    IS(nimbus_function_map(fn, queue, NULL, &err), NIMBUS_E_NO_MEMORY);
    CHECK(memcmp(&err, &before, sizeof err) == 0);
    CHECK(nimbus_function_find(w->nb, "new", NULL) == NULL);
    OK(send_text(queue, "x"));
    RUN(w);
    EQ(p.calls, 0);
}

static size_t freed;

static void count_free(void *data, size_t size, void *user)
{
    (void)data;
    (void)size;
    (void)user;
    freed++;
}

static void payloads_and_waits(void **state)
{
    world *w = *state;
    static char bytes[1024 * 1024 + 1];
    probe p = { .answer = NIMBUS_DONE };
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_invoke_result result;
    nimbus_id id;
    SETUP_OK(w);
    stain(&result, sizeof result);
    stain(&id, sizeof id);
    freed = 0;
    IS(nimbus_invoke(fn, nimbus_adopt(bytes, sizeof bytes, count_free, NULL), NIMBUS_SECONDS(1), &result), NIMBUS_E_TOO_LARGE);
    IS(nimbus_invoke_async(fn, nimbus_adopt(bytes, sizeof bytes, count_free, NULL), &id), NIMBUS_E_TOO_LARGE);
    IS(nimbus_invoke(fn, nimbus_text("x"), 30, &result), NIMBUS_E_INVALID); /* a forgotten unit */
    IS(nimbus_invoke(fn, nimbus_text("x"), 999, &result), NIMBUS_E_INVALID);
    IS(nimbus_invoke(fn, nimbus_text("x"), -7, &result), NIMBUS_E_INVALID);
    CHECK(stained(&result, sizeof result));
    CHECK(stained(&id, sizeof id));
    EQ(freed, 0);
    EQ(p.calls, 0);
    memset(&result, 0, sizeof result);
    OK(nimbus_invoke(fn, nimbus_adopt(bytes, sizeof bytes - 1, count_free, NULL), NIMBUS_SECONDS(1), &result));
    OK(nimbus_invoke_async(fn, nimbus_adopt(bytes, sizeof bytes - 1, count_free, NULL), NULL));
    RUN(w);
    EQ(freed, 2);
    EQ(p.calls, 2);
    /* empty payloads are fine here */
    OK(nimbus_invoke_async(fn, nimbus_copy(NULL, 0), NULL));
    OK(nimbus_invoke_async(fn, nimbus_text(""), NULL));
    RUN(w);
    EQ(p.calls, 4);
    IS(nimbus_function_delete(fn, 30), NIMBUS_E_INVALID);
    IS(nimbus_function_delete(fn, -7), NIMBUS_E_INVALID);
    OK(nimbus_invoke_async(fn, nimbus_text("still there"), NULL));
    RUN(w);
    EQ(p.calls, 5);
}

static void options_of_mappings(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_queue *gone = make_queue(w, "gone");
    nimbus_error err;
    SETUP_OK(w);
    OK(nimbus_queue_delete(gone));
#define REFUSED(want, ...)                                                                                                                 \
    do {                                                                                                                                   \
        memset(&err, 0, sizeof err);                                                                                                       \
        IS(nimbus_function_map(fn, queue, &(nimbus_mapping_options){ __VA_ARGS__ }, &err), (want));                                        \
        IS(err.status, (want));                                                                                                            \
        TEXT(err.call, "nimbus_function_map");                                                                                             \
    } while (0)
    REFUSED(NIMBUS_E_INVALID, .batch_size = 11);
    TEXT(err.field, "batch_size");
    REFUSED(NIMBUS_E_INVALID, .batch_size = 10001, .batch_window = NIMBUS_SECONDS(1));
    REFUSED(NIMBUS_E_INVALID, .batch_window = NIMBUS_SECONDS(300) + 1);
    TEXT(err.field, "batch_window");
    REFUSED(NIMBUS_E_INVALID, .batch_window = 300);
    REFUSED(NIMBUS_E_INVALID, .batch_window = -3);
    REFUSED(NIMBUS_E_INVALID, .reserved_ = { 0, 1 });
    REFUSED(NIMBUS_E_PATTERN, .filter = "nonsense");
    TEXT(err.field, "filter");
#undef REFUSED
    IS(nimbus_function_map(fn, gone, NULL, NULL), NIMBUS_E_DELETED);
    OK(send_text(queue, "x"));
    RUN(w);
    EQ(p.calls, 0);
    OK(nimbus_function_map(fn, queue, NULL, NULL));
    IS(nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .batch_size = 2 }, NULL), NIMBUS_E_CONFLICT);
    RUN(w);
    EQ(p.calls, 1);
}

static void a_queue_of_another_instance(void **state)
{
    world *w = *state;
    world other;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_queue *foreign;
    SETUP_OK(w);
    world_open(&other, (nimbus_options){ .driven = true, .manual_clock = true });
    foreign = make_queue(&other, "foreign");
    SETUP_OK(&other);
    IS(nimbus_function_map(fn, foreign, NULL, NULL), NIMBUS_E_INVALID);
    CHECK(nimbus_function_create(w->nb, "x", probe_handler, &p, &(nimbus_function_options){ .dead_letter_queue = foreign }, NULL) == NULL);
    CHECK(nimbus_function_create(w->nb, "x", probe_handler, &p, &(nimbus_function_options){ .on_success = nimbus_to_queue(foreign) },
                                 NULL) == NULL);
    EQ(world_close(&other), 0);
}

static void after_the_delete(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_invoke_result result;
    nimbus_function_metrics metrics;
    nimbus_id id;
    nimbus_function_map(fn, queue, NULL, &w->err);
    SETUP_OK(w);
    OK(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_SECONDS(1), NULL));
    OK(nimbus_function_delete(fn, NIMBUS_FOREVER));
    IS(nimbus_function_delete(fn, 0), NIMBUS_E_DELETED);
    IS(nimbus_function_delete(fn, NIMBUS_FOREVER), NIMBUS_E_DELETED);
    stain(&result, sizeof result);
    stain(&id, sizeof id);
    IS(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_SECONDS(1), &result), NIMBUS_E_DELETED);
    IS(nimbus_invoke_async(fn, nimbus_text("x"), &id), NIMBUS_E_DELETED);
    CHECK(stained(&result, sizeof result));
    CHECK(stained(&id, sizeof id));
    IS(nimbus_function_set_concurrency(fn, 2), NIMBUS_E_DELETED);
    IS(nimbus_function_map(fn, queue, NULL, NULL), NIMBUS_E_DELETED);
    IS(nimbus_mapping_enable(fn, queue, true), NIMBUS_E_DELETED);
    IS(nimbus_function_unmap(fn, queue), NIMBUS_E_NOT_FOUND);
    OK(nimbus_function_get_metrics(fn, &metrics));
    EQ(metrics.invocations, 1);
    EQ(metrics.running, 0);
    OK(send_text(queue, "x"));
    RUN(w);
    EQ(p.calls, 1);
    nimbus_function_release(fn);
}

static void after_the_shutdown(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_queue *other = make_queue(w, "other");
    nimbus_invoke_result result;
    nimbus_function_metrics metrics;
    nimbus_leftovers left;
    nimbus_error err;
    nimbus_id id;
    nimbus_function_map(fn, queue, NULL, &w->err);
    SETUP_OK(w);
    OK(nimbus_invoke_async(fn, nimbus_text("x"), NULL));
    memset(&left, 0, sizeof left);
    IS(nimbus_shutdown(w->nb, 0, &left), NIMBUS_E_TIMEOUT); /* an invocation that could run is left: it is shut down all the same */
    EQ(left.pending, 1);
    EQ(p.calls, 0);
    stain(&result, sizeof result);
    stain(&id, sizeof id);
    IS(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_SECONDS(1), &result), NIMBUS_E_CLOSED);
    IS(nimbus_invoke_async(fn, nimbus_text("x"), &id), NIMBUS_E_CLOSED);
    CHECK(stained(&result, sizeof result));
    CHECK(stained(&id, sizeof id));
    memset(&err, 0, sizeof err);
    CHECK(nimbus_function_create(w->nb, "new", probe_handler, &p, NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_CLOSED);
    memset(&err, 0, sizeof err);
    CHECK(nimbus_function_create_batch(w->nb, "new", quiet_batch, &p, NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_CLOSED);
    IS(nimbus_function_map(fn, other, NULL, NULL), NIMBUS_E_CLOSED);
    CHECK(nimbus_function_find(w->nb, "fn", NULL) == fn);
    OK(nimbus_function_get_metrics(fn, &metrics));
    OK(nimbus_function_set_concurrency(fn, 2));
    OK(nimbus_mapping_enable(fn, queue, false));
    OK(nimbus_function_unmap(fn, queue));
    IS(nimbus_function_unmap(fn, queue), NIMBUS_E_NOT_FOUND);
    OK(nimbus_function_delete(fn, 0));
    IS(nimbus_function_delete(fn, 0), NIMBUS_E_DELETED);
}

static void shutdown_drains_what_can_run_now(void **state)
{
    world *w = *state;
    probe p = { .script = { NIMBUS_RETRY }, .script_length = 1, .answer = NIMBUS_DONE };
    nimbus_function *fn = probe_function(w, "fn", &p, NULL);
    nimbus_leftovers left;
    SETUP_OK(w);
    for (int i = 0; i < 5; i++) {
        OK(nimbus_invoke_async(fn, nimbus_text("x"), NULL));
    }
    memset(&left, 0, sizeof left);
    OK(nimbus_shutdown(w->nb, NIMBUS_FOREVER, &left));
    EQ(p.calls, 5);
    EQ(left.pending, 1); /* the retry in a minute is a future timer */
    EQ(function_metrics(fn).succeeded, 4);
}

/* Everything of function.h inside of a handler. */
struct inside {
    world *w;
    probe inner;
    nimbus_status status[12];
    bool handles[5];
    size_t calls;
    nimbus_queue *queue;
};

static nimbus_outcome use_everything(const nimbus_delivery *delivery, void *user)
{
    struct inside *in = user;
    nimbus_function *fn;
    nimbus_function *batch;
    nimbus_function_metrics metrics;
    nimbus_error err;
    if (in->calls++ > 0) {
        return NIMBUS_DONE;
    }
    memset(&err, 0, sizeof err);
    fn = nimbus_function_create(in->w->nb, "inner", probe_handler, &in->inner, NULL, &err);
    batch = nimbus_function_create_batch(in->w->nb, "inner-batch", quiet_batch, NULL, NULL, &err);
    in->handles[0] = fn != NULL;
    in->handles[1] = batch != NULL;
    in->handles[2] = nimbus_function_find(in->w->nb, "inner", &err) == fn;
    in->handles[3] = nimbus_function_retain(fn) == fn;
    nimbus_function_release(fn);
    nimbus_function_release(fn);
    in->status[0] = nimbus_invoke_async(fn, nimbus_share(nimbus_delivery_message(delivery)), NULL);
    in->status[1] = nimbus_function_set_concurrency(fn, 2);
    in->status[2] = nimbus_function_map(fn, in->queue, NULL, &err);
    in->status[3] = nimbus_mapping_enable(fn, in->queue, false);
    in->status[4] = nimbus_mapping_enable(fn, in->queue, true);
    in->status[5] = nimbus_function_get_metrics(fn, &metrics);
    in->status[6] = nimbus_function_delete(batch, NIMBUS_SECONDS(1));
    in->status[7] = nimbus_function_delete(batch, 0);
    in->status[8] = nimbus_function_unmap(batch, in->queue);
    in->status[9] = err.status;
    return NIMBUS_DONE;
}

static void everything_inside_a_handler(void **state)
{
    world *w = *state;
    struct inside in;
    nimbus_function *fn;
    memset(&in, 0, sizeof in);
    in.w = w;
    in.inner.answer = NIMBUS_DONE;
    in.queue = make_queue(w, "queue");
    fn = nimbus_function_create(w->nb, "outer", use_everything, &in, NULL, &w->err);
    SETUP_OK(w);
    OK(send_text(in.queue, "mapped"));
    OK(nimbus_invoke(fn, nimbus_text("shared"), NIMBUS_SECONDS(1), NULL));
    RUN(w);
    CHECK(in.handles[0] && in.handles[1] && in.handles[2] && in.handles[3]);
    for (int i = 0; i < 6; i++) {
        OK(in.status[i]);
    }
    IS(in.status[6], NIMBUS_E_WOULD_DEADLOCK);
    OK(in.status[7]);
    IS(in.status[8], NIMBUS_E_NOT_FOUND);
    OK(in.status[9]);
    EQ(in.inner.calls, 2);
    EQ(queue_metrics(in.queue).deleted, 1);
}

/* keep is not for batch handlers nor for received deliveries. */
static void what_cannot_be_kept(void **state)
{
    world *w = *state;
    nimbus_queue *queue = make_queue(w, "queue");
    nimbus_delivery delivery;
    nimbus_delivery empty;
    SETUP_OK(w);
    memset(&delivery, 0, sizeof delivery);
    memset(&empty, 0, sizeof empty);
    CHECK(nimbus_delivery_keep(&empty) == NULL);
    IS(nimbus_delivery_reply(&empty, nimbus_text("x")), NIMBUS_E_INVALID);
    IS(nimbus_delivery_fail(&empty, "x"), NIMBUS_E_INVALID);
    OK(send_text(queue, "x"));
    OK(receive_one(queue, &delivery));
    CHECK(nimbus_delivery_keep(&delivery) == NULL);
    IS(nimbus_delivery_reply(&delivery, nimbus_text("x")), NIMBUS_E_INVALID);
    IS(nimbus_delivery_fail(&delivery, "x"), NIMBUS_E_INVALID);
    CHECK(nimbus_delivery_subscription(&delivery) == NULL);
    CHECK(nimbus_delivery_runtime(&delivery) == w->nb);
    OK(nimbus_delivery_delete(&delivery));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(null_arguments),
        DRIVEN(names_and_options),
        DRIVEN(the_sticky_error),
        DRIVEN(payloads_and_waits),
        DRIVEN(options_of_mappings),
        DRIVEN(a_queue_of_another_instance),
        DRIVEN(after_the_delete),
        DRIVEN(after_the_shutdown),
        DRIVEN(shutdown_drains_what_can_run_now),
        DRIVEN(everything_inside_a_handler),
        DRIVEN(what_cannot_be_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
