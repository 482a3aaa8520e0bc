/* Every function of queue.h, delivery.h and message.h, called wrongly: the status that the header names, and nothing else changed. */
#include "../support/support.h"

static nimbus_receipt no_receipt(void)
{
    return (nimbus_receipt){ 0 };
}

/* ------------------------------------------------------------------------------------------------- NULL */

static void queue_set_up_with_null(void **state)
{
    world *w = *state;
    nimbus_error err = { 0 };

    CHECK(nimbus_queue_create(NULL, "q", NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.call, "nimbus_queue_create");
    err = (nimbus_error){ 0 };
    CHECK(nimbus_queue_create(w->nb, NULL, NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    err = (nimbus_error){ 0 };
    CHECK(nimbus_queue_find(NULL, "q", &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    err = (nimbus_error){ 0 };
    CHECK(nimbus_queue_find(w->nb, NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.call, "nimbus_queue_find");
    CHECK(nimbus_queue_create(NULL, NULL, NULL, NULL) == NULL);
    CHECK(nimbus_queue_find(NULL, NULL, NULL) == NULL);
    err = (nimbus_error){ 0 };
    IS(nimbus_queue_set_options(NULL, NULL, &err), NIMBUS_E_INVALID);
    IS(err.status, NIMBUS_E_INVALID);
    TEXT(err.call, "nimbus_queue_set_options");
    CHECK(nimbus_queue_retain(NULL) == NULL);
    nimbus_queue_release(NULL);
    TEXT(nimbus_queue_name(NULL), "");
}

static void queue_calls_with_a_null_queue(void **state)
{
    nimbus_entry entry = entry_of("m");
    nimbus_receipt receipt = { 1, 1 };
    nimbus_duration timeout = 0;
    nimbus_sent sent;
    nimbus_delivery delivery = { 0 };
    nimbus_status status;
    nimbus_queue_options options;
    nimbus_queue_metrics metrics;
    nimbus_peeked peeked;
    nimbus_receive_task *task;
    async_record record = { 0 };
    uint64_t count;
    size_t size;
    int fd;
    (void)state;

    FILL(sent);
    FILL(status);
    FILL(options);
    FILL(metrics);
    FILL(peeked);
    FILL(task);
    FILL(count);
    FILL(size);
    FILL(fd);
    IS(nimbus_queue_delete(NULL), NIMBUS_E_INVALID);
    IS(nimbus_queue_get_options(NULL, &options), NIMBUS_E_INVALID);
    IS(nimbus_queue_send(NULL, &entry, &sent), NIMBUS_E_INVALID);
    IS(nimbus_queue_send_batch(NULL, &entry, 1, &sent), NIMBUS_E_INVALID);
    IS(nimbus_queue_receive(NULL, 0, NULL, &delivery, 1, &size), NIMBUS_E_INVALID);
    IS(nimbus_queue_delete_message(NULL, receipt), NIMBUS_E_INVALID);
    IS(nimbus_queue_change_visibility(NULL, receipt, 0), NIMBUS_E_INVALID);
    IS(nimbus_queue_delete_batch(NULL, &receipt, 1, &status), NIMBUS_E_INVALID);
    IS(nimbus_queue_change_visibility_batch(NULL, &receipt, &timeout, 1, &status), NIMBUS_E_INVALID);
    IS(nimbus_queue_receive_async(NULL, 0, NULL, 1, async_receive, &record, &task), NIMBUS_E_INVALID);
    IS(nimbus_queue_fd(NULL, &fd), NIMBUS_E_INVALID);
    IS(nimbus_queue_purge(NULL, &count), NIMBUS_E_INVALID);
    IS(nimbus_queue_peek(NULL, &peeked, 1, &size), NIMBUS_E_INVALID);
    IS(nimbus_queue_get_metrics(NULL, &metrics), NIMBUS_E_INVALID);
    IS(nimbus_receive_cancel(NULL), NIMBUS_E_INVALID);
    nimbus_receive_task_release(NULL);
    UNTOUCHED(sent);
    UNTOUCHED(status);
    UNTOUCHED(options);
    UNTOUCHED(metrics);
    UNTOUCHED(peeked);
    UNTOUCHED(task);
    UNTOUCHED(count);
    UNTOUCHED(size);
    UNTOUCHED(fd);
    EQ(record.calls, 0);
}

static void queue_calls_with_other_nulls(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery delivery = { 0 };
    nimbus_sent sent;
    nimbus_receive_task *task;
    size_t count;

    FILL(sent);
    FILL(task);
    FILL(count);
    SEND(queue, "m");
    IS(nimbus_queue_get_options(queue, NULL), NIMBUS_E_INVALID);
    IS(nimbus_queue_send(queue, NULL, &sent), NIMBUS_E_INVALID);
    IS(nimbus_queue_send_batch(queue, NULL, 1, &sent), NIMBUS_E_INVALID);
    IS(nimbus_queue_receive(queue, 0, NULL, NULL, 1, &count), NIMBUS_E_INVALID);
    IS(nimbus_queue_receive_async(queue, 0, NULL, 1, NULL, NULL, &task), NIMBUS_E_INVALID);
    IS(nimbus_queue_peek(queue, NULL, 1, &count), NIMBUS_E_INVALID);
    IS(nimbus_queue_get_metrics(queue, NULL), NIMBUS_E_INVALID);
    IS(nimbus_queue_fd(queue, NULL), NIMBUS_E_INVALID);
    UNTOUCHED(sent);
    UNTOUCHED(task);
    UNTOUCHED(count);
    COUNTS(queue, 1, 0, 0);
    OK(nimbus_queue_receive(queue, 0, NULL, &delivery, 1, NULL)); /* out parameters may be NULL */
    OK(nimbus_delivery_delete(&delivery));
    OK(nimbus_queue_purge(queue, NULL));
    OK(nimbus_queue_receive_async(queue, 0, NULL, 1, async_receive, &(async_record){ 0 }, NULL));
    RUN(w);
}

/* The delivery functions: on NULL and on an empty slot. */
static void check_no_delivery(nimbus_delivery *none)
{
    nimbus_delivery_info info;
    nimbus_receipt receipt = nimbus_delivery_receipt(none);

    FILL(info);
    CHECK(nimbus_delivery_message(none) == NULL);
    EQ(nimbus_delivery_body(none).size, 0);
    IS(nimbus_delivery_get_info(none, &info), NIMBUS_E_INVALID);
    UNTOUCHED(info);
    EQ(nimbus_delivery_receive_count(none), 0);
    EQ(receipt.place, 0);
    EQ(receipt.generation, 0);
    IS(nimbus_delivery_delete(none), NIMBUS_E_INVALID);
    IS(nimbus_delivery_retry(none, 0), NIMBUS_E_INVALID);
    IS(nimbus_delivery_extend(none, NIMBUS_SECONDS(1)), NIMBUS_E_INVALID);
    nimbus_delivery_release(none);
    CHECK(nimbus_delivery_runtime(none) == NULL);
    CHECK(nimbus_delivery_subscription(none) == NULL);
    IS(nimbus_delivery_reply(none, nimbus_text("r")), NIMBUS_E_INVALID);
    IS(nimbus_delivery_fail(none, "r"), NIMBUS_E_INVALID);
    CHECK(nimbus_delivery_keep(none) == NULL);
}

static void delivery_calls_with_null_or_an_empty_slot(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery delivery = { 0 };
    nimbus_delivery zero = { 0 };

    check_no_delivery(NULL);
    check_no_delivery(&zero);
    EQ(memcmp(&zero, &(nimbus_delivery){ 0 }, sizeof zero), 0);
    SEND(queue, "m");
    RECEIVE(queue, &delivery, "m");
    IS(nimbus_delivery_get_info(&delivery, NULL), NIMBUS_E_INVALID);
    OK(nimbus_delivery_delete(&delivery));
    check_no_delivery(&delivery); /* used before */
    SEND(queue, "m");
    RECEIVE(queue, &delivery, "m");
    nimbus_delivery_release(&delivery);
    check_no_delivery(&delivery);
    IS(nimbus_invocation_finish(NULL, NIMBUS_DONE), NIMBUS_E_INVALID);
    CHECK(nimbus_invocation_delivery(NULL) == NULL);
    EQ(nimbus_batch_count(NULL), 0);
    CHECK(nimbus_batch_at(NULL, 0) == NULL);
    IS(nimbus_batch_mark(NULL, 0, NIMBUS_DONE), NIMBUS_E_INVALID);
}

static void a_received_delivery_is_no_handlers(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_delivery delivery = { 0 };
    static adopted a;

    SEND(queue, "m");
    RECEIVE(queue, &delivery, "m");
    IS(nimbus_delivery_reply(&delivery, adopted_body(&a, "r")), NIMBUS_E_INVALID);
    EQ(a.frees, 0);
    IS(nimbus_delivery_fail(&delivery, "reason"), NIMBUS_E_INVALID);
    CHECK(nimbus_delivery_keep(&delivery) == NULL);
    CHECK(nimbus_delivery_subscription(&delivery) == NULL);
    CHECK(nimbus_delivery_runtime(&delivery) == w->nb);
    OK(nimbus_delivery_delete(&delivery));
}

static void message_calls_with_null(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_attribute attribute;
    nimbus_event_view event;
    nimbus_delivery delivery = { 0 };
    const nimbus_message *message;

    FILL(attribute);
    FILL(event);
    CHECK(nimbus_message_retain(NULL) == NULL);
    nimbus_message_release(NULL);
    EQ(nimbus_message_body(NULL).size, 0);
    EQ(nimbus_message_attribute_count(NULL), 0);
    IS(nimbus_message_attribute_at(NULL, 0, &attribute), NIMBUS_E_INVALID);
    IS(nimbus_message_attribute(NULL, "a", &attribute), NIMBUS_E_INVALID);
    CHECK(nimbus_message_subject(NULL) == NULL);
    IS(nimbus_message_event(NULL, &event), NIMBUS_E_INVALID);
    CHECK(nimbus_message_event_resource(NULL, 0) == NULL);
    SEND(queue, "m");
    RECEIVE(queue, &delivery, "m");
    message = nimbus_delivery_message(&delivery);
    IS(nimbus_message_attribute(message, NULL, &attribute), NIMBUS_E_INVALID);
    IS(nimbus_message_attribute(message, "a", &attribute), NIMBUS_E_NOT_FOUND);
    IS(nimbus_message_attribute_at(message, 0, &attribute), NIMBUS_E_NOT_FOUND);
    IS(nimbus_message_attribute_at(message, SIZE_MAX, &attribute), NIMBUS_E_NOT_FOUND);
    CHECK(nimbus_message_subject(message) == NULL);
    IS(nimbus_message_event(message, &event), NIMBUS_E_NOT_FOUND);
    CHECK(nimbus_message_event_resource(message, 0) == NULL);
    UNTOUCHED(attribute);
    UNTOUCHED(event);
    OK(nimbus_delivery_delete(&delivery));
}

static void values_made_from_null(void **state)
{
    nimbus_body body;
    (void)state;

    EQ(nimbus_text(NULL).kind, NIMBUS_BODY_NONE);
    EQ(nimbus_share(NULL).kind, NIMBUS_BODY_NONE);
    body = nimbus_copy(NULL, 0);
    EQ(body.size, 0);
    body = nimbus_text("four");
    EQ(body.kind, NIMBUS_BODY_COPY);
    EQ(body.size, 4);
    EQ(nimbus_string("n", NULL).value.size, 0);
    EQ(nimbus_number("n", NULL).value.size, 0);
    EQ(nimbus_binary("n", NULL, 0).value.size, 0);
    EQ(nimbus_string("n", "abc").value.size, 3);
    CHECK(nimbus_string("n", "abc").label == NULL);
    EQ(nimbus_number("n", "1").kind, NIMBUS_NUMBER);
    EQ(nimbus_binary("n", "abc", 2).value.size, 2);
}

static void bodies_with_sizes_that_lie(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_entry entry = { 0 };

    entry.body = nimbus_copy(NULL, 5);
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_INVALID);
    entry.body = nimbus_adopt(NULL, 5, NULL, NULL);
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_INVALID);
    entry.body = nimbus_copy("x", SIZE_MAX);
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_TOO_LARGE);
    entry = entry_of("m");
    entry.attributes = &(nimbus_attribute){ .name = "n", .kind = NIMBUS_BINARY, .value = { "x", SIZE_MAX } };
    entry.attribute_count = 1;
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_TOO_LARGE);
    entry.attribute_count = SIZE_MAX;
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_OVER_LIMIT);
    IS(nimbus_queue_send_batch(queue, &entry, SIZE_MAX, NULL), NIMBUS_E_BATCH_TOO_MANY);
    IS(nimbus_queue_delete_batch(queue, &(nimbus_receipt){ 0 }, SIZE_MAX, NULL), NIMBUS_E_BATCH_TOO_MANY);
    IS(nimbus_queue_receive(queue, 0, NULL, &(nimbus_delivery){ 0 }, SIZE_MAX, NULL), NIMBUS_E_INVALID);
    IS(nimbus_queue_receive_async(queue, 0, NULL, 0, async_receive, NULL, NULL), NIMBUS_E_INVALID);
    IS(nimbus_queue_receive_async(queue, 0, NULL, 11, async_receive, NULL, NULL), NIMBUS_E_INVALID);
    COUNTS(queue, 0, 0, 0);
}

/* ------------------------------------------------------------------------------------------ after delete */

static void queue_calls_after_the_delete(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_entry entry = entry_of("m");
    nimbus_receipt receipt;
    nimbus_duration timeout = 0;
    nimbus_error err = { 0 };
    nimbus_sent sent;
    nimbus_delivery delivery = { 0 };
    nimbus_delivery empty = { 0 };
    nimbus_status status;
    nimbus_queue_options options;
    nimbus_queue_metrics metrics = { 0 };
    nimbus_peeked peeked;
    nimbus_receive_task *task;
    async_record record = { 0 };
    uint64_t count;
    size_t size;
    int fd;

    SEND(queue, "m");
    RECEIVE(queue, &delivery, "m");
    receipt = nimbus_delivery_receipt(&delivery);
    OK(nimbus_queue_delete(queue));
    FILL(status);
    FILL(options);
    FILL(peeked);
    FILL(task);
    FILL(count);
    FILL(size);
    FILL(fd);
    IS(nimbus_queue_get_options(queue, &options), NIMBUS_E_DELETED);
    IS(nimbus_queue_set_options(queue, NULL, &err), NIMBUS_E_DELETED);
    IS(err.status, NIMBUS_E_DELETED);
    IS(nimbus_queue_send(queue, &entry, &sent), NIMBUS_E_DELETED);
    IS(sent.status, NIMBUS_E_DELETED);
    FILL(sent);
    IS(nimbus_queue_send_batch(queue, &entry, 1, &sent), NIMBUS_E_DELETED);
    UNTOUCHED(sent);
    IS(nimbus_queue_receive(queue, 0, NULL, &empty, 1, &size), NIMBUS_E_DELETED);
    IS(nimbus_queue_receive(queue, NIMBUS_FOREVER, NULL, &empty, 1, &size), NIMBUS_E_DELETED);
    IS(nimbus_queue_delete_message(queue, receipt), NIMBUS_E_DELETED);
    IS(nimbus_queue_change_visibility(queue, receipt, 0), NIMBUS_E_DELETED);
    IS(nimbus_queue_delete_batch(queue, &receipt, 1, &status), NIMBUS_E_DELETED);
    IS(nimbus_queue_change_visibility_batch(queue, &receipt, &timeout, 1, &status), NIMBUS_E_DELETED);
    IS(nimbus_queue_receive_async(queue, 0, NULL, 1, async_receive, &record, &task), NIMBUS_E_DELETED);
    IS(nimbus_queue_fd(queue, &fd), NIMBUS_E_DELETED);
    IS(nimbus_queue_purge(queue, &count), NIMBUS_E_DELETED);
    IS(nimbus_queue_peek(queue, &peeked, 1, &size), NIMBUS_E_DELETED);
    IS(nimbus_queue_delete(queue), NIMBUS_E_DELETED);
    OK(nimbus_queue_get_metrics(queue, &metrics));
    EQ(metrics.discarded, 1);
    UNTOUCHED(status);
    UNTOUCHED(options);
    UNTOUCHED(peeked);
    UNTOUCHED(task);
    UNTOUCHED(count);
    UNTOUCHED(size);
    UNTOUCHED(fd);
    RUN(w);
    EQ(record.calls, 0);
    IS(nimbus_delivery_extend(&delivery, 0), NIMBUS_E_DELETED);
    CHECK(bytes_are(nimbus_delivery_body(&delivery), "m"));
    IS(nimbus_delivery_retry(&delivery, 0), NIMBUS_E_DELETED);
    CHECK(nimbus_delivery_message(&delivery) == NULL);
    CHECK(nimbus_queue_retain(queue) == queue);
    nimbus_queue_release(queue);
    TEXT(nimbus_queue_name(queue), "q");
}

/* ---------------------------------------------------------------------------------------- after shutdown */

static void queue_calls_after_the_shutdown(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_entry entry = entry_of("m");
    nimbus_error err = { 0 };
    nimbus_sent sent;
    nimbus_delivery delivery = { 0 };
    nimbus_receive_task *task;
    nimbus_queue_options options = { 0 };
    nimbus_peeked peeked = { 0 };
    async_record record = { 0 };
    uint64_t count = 0;
    size_t size = 0;
    int fd = -1;

    SEND(queue, "a");
    SEND(queue, "b");
    SEND(queue, "c");
    OK(nimbus_shutdown(w->nb, 0, NULL));
    FILL(task);
    CHECK(nimbus_queue_create(w->nb, "other", NULL, &err) == NULL);
    IS(err.status, NIMBUS_E_CLOSED);
    err = (nimbus_error){ 0 };
    CHECK(nimbus_queue_find(w->nb, "q", &err) != NULL); /* handles stay valid */
    OK(err.status);
    IS(nimbus_queue_send(queue, &entry, &sent), NIMBUS_E_CLOSED);
    IS(sent.status, NIMBUS_E_CLOSED);
    FILL(sent);
    IS(nimbus_queue_send_batch(queue, &entry, 1, &sent), NIMBUS_E_CLOSED);
    UNTOUCHED(sent);
    IS(nimbus_queue_receive_async(queue, 0, NULL, 1, async_receive, &record, &task), NIMBUS_E_CLOSED);
    UNTOUCHED(task);
    OK(nimbus_queue_get_options(queue, &options));
    RECEIVE(queue, &delivery, "a");
    OK(nimbus_delivery_extend(&delivery, NIMBUS_SECONDS(60)));
    OK(nimbus_delivery_delete(&delivery));
    OK(nimbus_queue_delete_message(queue, TAKE(queue, "b")));
    OK(nimbus_queue_peek(queue, &peeked, 1, &size));
    nimbus_message_release(peeked.message);
    OK(nimbus_queue_fd(queue, &fd));
    OK(nimbus_queue_purge(queue, &count));
    EQ(count, 1);
    RECEIVE_NONE(queue);
    IS(nimbus_queue_receive(queue, NIMBUS_FOREVER, NULL, &delivery, 1, NULL), NIMBUS_E_CLOSED);
    LEDGER(queue);
    OK(nimbus_queue_delete(queue));
}

/* ----------------------------------------------------------------------------------------- inside a handler */

typedef struct inside {
    nimbus_runtime *nb;
    nimbus_queue *queue; /* with "x" in it */
    nimbus_queue *other; /* empty */
    nimbus_delivery_info info;
    atomic_size_t calls;
    size_t wrong;
    char first[160];
    async_record async;
} inside;

static void note(inside *in, bool right, const char *what)
{
    if (!right && in->wrong++ == 0) {
        (void)snprintf(in->first, sizeof in->first, "%s", what);
    }
}

#define WANT(call, want) note(in, (call) == (want), #call)

static void inside_queue_calls(inside *in)
{
    nimbus_entry entry = entry_of("y");
    nimbus_delivery delivery = { 0 };
    nimbus_peeked peeked = { 0 };
    nimbus_queue_metrics metrics = { 0 };
    nimbus_queue *made;
    size_t count = 0;

    WANT(nimbus_queue_send(in->queue, &entry, NULL), NIMBUS_OK);
    WANT(nimbus_queue_peek(in->queue, &peeked, 1, &count), NIMBUS_OK);
    nimbus_message_release(peeked.message);
    WANT(nimbus_queue_receive(in->queue, 0, NULL, &delivery, 1, &count), NIMBUS_OK);
    note(in, bytes_are(nimbus_delivery_body(&delivery), "x"), "the body");
    WANT(nimbus_delivery_retry(&delivery, 0), NIMBUS_OK);
    WANT(nimbus_queue_receive(in->queue, NIMBUS_SECONDS(5), NULL, &delivery, 1, &count), NIMBUS_OK);
    WANT(nimbus_delivery_extend(&delivery, NIMBUS_SECONDS(60)), NIMBUS_OK);
    WANT(nimbus_queue_delete_message(in->queue, nimbus_delivery_receipt(&delivery)), NIMBUS_OK);
    WANT(nimbus_delivery_delete(&delivery), NIMBUS_OK);
    WANT(nimbus_queue_receive(in->other, NIMBUS_SECONDS(5), NULL, &delivery, 1, &count), NIMBUS_E_WOULD_BLOCK);
    WANT(nimbus_queue_receive_async(in->queue, NIMBUS_FOREVER, NULL, 1, async_receive, &in->async, NULL), NIMBUS_OK);
    WANT(nimbus_queue_set_options(in->other, &(nimbus_queue_options){ .capacity_messages = 1 }, NULL), NIMBUS_OK);
    WANT(nimbus_queue_send(in->other, &entry, NULL), NIMBUS_OK);
    entry.wait = NIMBUS_SECONDS(5);
    WANT(nimbus_queue_send(in->other, &entry, NULL), NIMBUS_E_WOULD_BLOCK);
    WANT(nimbus_queue_purge(in->other, NULL), NIMBUS_OK);
    WANT(nimbus_queue_get_metrics(in->other, &metrics), NIMBUS_OK);
    WANT(metrics.purged, 1);
    made = nimbus_queue_create(in->nb, "made inside", NULL, NULL);
    note(in, made == NULL, "a wrong name");
    made = nimbus_queue_create(in->nb, "made-inside", NULL, NULL);
    note(in, made != NULL, "nimbus_queue_create");
    WANT(nimbus_queue_delete(made), NIMBUS_OK);
    nimbus_queue_release(made);
    WANT(nimbus_queue_delete(in->other), NIMBUS_OK);
}

static nimbus_outcome inside_handler(const nimbus_delivery *delivery, void *user)
{
    inside *in = user;
    nimbus_delivery *mine;
    const nimbus_message *kept;
    nimbus_receipt receipt = nimbus_delivery_receipt(delivery);

    /* The three calls that end a received delivery refuse a handler's. */
    memcpy(&mine, &delivery, sizeof mine);
    WANT(nimbus_delivery_delete(mine), NIMBUS_E_INVALID);
    WANT(nimbus_delivery_retry(mine, 0), NIMBUS_E_INVALID);
    nimbus_delivery_release(mine);
    WANT(bytes_are(nimbus_delivery_body(delivery), "m"), true);
    WANT(nimbus_delivery_get_info(delivery, &in->info), NIMBUS_OK);
    WANT(nimbus_delivery_receive_count(delivery), 1);
    WANT(nimbus_delivery_runtime(delivery), in->nb);
    note(in, nimbus_delivery_subscription(delivery) == NULL, "nimbus_delivery_subscription");
    WANT(nimbus_delivery_fail(delivery, NULL), NIMBUS_E_INVALID);
    WANT(nimbus_delivery_fail(delivery, "no failure"), NIMBUS_OK);
    WANT(nimbus_delivery_reply(delivery, nimbus_text("reply")), NIMBUS_OK);
    kept = nimbus_message_retain(nimbus_delivery_message(delivery));
    inside_queue_calls(in);
    nimbus_message_release(kept);
    (void)receipt;
    atomic_fetch_add(&in->calls, 1);
    return NIMBUS_DONE;
}

static void calls_inside_a_handler(void **state)
{
    world *w = *state;
    inside in;
    nimbus_function *function = nimbus_function_create(w->nb, "f", inside_handler, &in, NULL, &w->err);

    memset(&in, 0, sizeof in);
    in.nb = w->nb;
    in.queue = PLAIN_QUEUE(w, "q");
    in.other = PLAIN_QUEUE(w, "other");
    SEND(in.queue, "x");
    OK(nimbus_invoke_async(function, nimbus_text("m"), NULL));
    RUN(w);
    EQ(in.calls, 1);
    if (in.wrong > 0) {
        print_error("inside the handler: %s\n", in.first);
    }
    EQ(in.wrong, 0);
    EQ(in.info.receive_count, 1);
    EQ(in.async.calls, 1); /* "y" was deleted: "x" had gone behind it */
    TEXT(in.async.body, "x");
    LEDGER(in.queue);
    LEDGER(in.other);
}

static nimbus_outcome batch_abuse(nimbus_batch *batch, void *user)
{
    inside *in = user;
    size_t count = nimbus_batch_count(batch);

    WANT(count, 3);
    note(in, nimbus_batch_at(batch, count) == NULL, "nimbus_batch_at behind the end");
    note(in, nimbus_batch_at(batch, SIZE_MAX) == NULL, "nimbus_batch_at SIZE_MAX");
    note(in, nimbus_delivery_keep(nimbus_batch_at(batch, 0)) == NULL, "nimbus_delivery_keep in a batch");
    WANT(nimbus_batch_mark(batch, count, NIMBUS_DONE), NIMBUS_E_INVALID);
    WANT(nimbus_batch_mark(batch, 0, NIMBUS_LATER), NIMBUS_E_INVALID);
    WANT(nimbus_batch_mark(batch, 0, (nimbus_outcome)4), NIMBUS_E_INVALID);
    WANT(nimbus_batch_mark(batch, 0, NIMBUS_DONE), NIMBUS_OK);
    WANT(nimbus_batch_mark(batch, 1, NIMBUS_RETRY), NIMBUS_OK);
    WANT(nimbus_batch_mark(batch, 1, NIMBUS_DONE), NIMBUS_OK);         /* the last mark counts */
    WANT(nimbus_batch_mark(batch, 1, NIMBUS_LATER), NIMBUS_E_INVALID); /* and stays */
    atomic_fetch_add(&in->calls, 1);
    return NIMBUS_RETRY; /* for the third */
}

static void calls_inside_a_batch_handler(void **state)
{
    world *w = *state;
    inside in;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_function *function = nimbus_function_create_batch(w->nb, "f", batch_abuse, &in, NULL, &w->err);

    memset(&in, 0, sizeof in);
    SEND(queue, "1");
    SEND(queue, "2");
    SEND(queue, "3");
    OK(nimbus_function_map(function, queue, NULL, &w->err));
    RUN(w);
    EQ(in.calls, 1);
    if (in.wrong > 0) {
        print_error("inside the handler: %s\n", in.first);
    }
    EQ(in.wrong, 0);
    COUNTS(queue, 0, 0, 1);
}

/* --------------------------------------------------------------------------------------------- reserved */

static void reserved_fields_are_refused(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_entry entry = entry_of("m");
    nimbus_receive_options receive = { 0 };
    nimbus_queue_options options = { 0 };
    nimbus_delivery delivery = { 0 };
    nimbus_sent sent[2];
    nimbus_entry entries[2];
    nimbus_error err = { 0 };

    SEND(queue, "m");
    entry.reserved_[0] = 1;
    IS(nimbus_queue_send(queue, &entry, &sent[0]), NIMBUS_E_INVALID);
    IS(sent[0].status, NIMBUS_E_INVALID);
    entries[0] = entry_of("a");
    entries[1] = entry;
    IS(nimbus_queue_send_batch(queue, entries, 2, sent), NIMBUS_PARTIAL);
    OK(sent[0].status);
    IS(sent[1].status, NIMBUS_E_INVALID);
    receive.reserved_[3] = 1;
    IS(nimbus_queue_receive(queue, 0, &receive, &delivery, 1, NULL), NIMBUS_E_INVALID);
    IS(nimbus_queue_receive_async(queue, 0, &receive, 1, async_receive, NULL, NULL), NIMBUS_E_INVALID);
    options.reserved_[4] = 1;
    IS(nimbus_queue_set_options(queue, &options, &err), NIMBUS_E_INVALID);
    IS(create_status(w, "other", &options, NULL), NIMBUS_E_INVALID);
    COUNTS(queue, 2, 0, 0);
}

static void batches_of_nothing(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_entry entry = entry_of("m");
    nimbus_duration timeout = 0;
    nimbus_receipt receipts[2];
    nimbus_status statuses[2];

    receipts[0] = receipts[1] = no_receipt();
    IS(nimbus_queue_send_batch(queue, &entry, 0, NULL), NIMBUS_E_EMPTY_BATCH);
    IS(nimbus_queue_delete_batch(queue, receipts, 0, NULL), NIMBUS_E_EMPTY_BATCH);
    IS(nimbus_queue_change_visibility_batch(queue, receipts, &timeout, 0, NULL), NIMBUS_E_EMPTY_BATCH);
    IS(nimbus_queue_delete_batch(queue, receipts, 2, statuses), NIMBUS_PARTIAL);
    IS(statuses[0], NIMBUS_E_RECEIPT);
    IS(statuses[1], NIMBUS_E_RECEIPT);
    IS(nimbus_queue_delete_batch(queue, receipts, 2, NULL), NIMBUS_PARTIAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(queue_set_up_with_null),
        cmocka_unit_test(queue_calls_with_a_null_queue),
        DRIVEN(queue_calls_with_other_nulls),
        DRIVEN(delivery_calls_with_null_or_an_empty_slot),
        DRIVEN(a_received_delivery_is_no_handlers),
        DRIVEN(message_calls_with_null),
        cmocka_unit_test(values_made_from_null),
        DRIVEN(bodies_with_sizes_that_lie),
        DRIVEN(queue_calls_after_the_delete),
        DRIVEN(queue_calls_after_the_shutdown),
        DRIVEN(calls_inside_a_handler),
        DRIVEN(calls_inside_a_batch_handler),
        DRIVEN(reserved_fields_are_refused),
        DRIVEN(batches_of_nothing),
    };
    return cmocka_run_group_tests_name("queue_abuse", tests, NULL, NULL);
}
