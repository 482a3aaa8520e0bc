#include "support.h"

#include <poll.h>

/* ----------------------------------------------------------------------------------------------- assert */

void test_status(nimbus_status got, nimbus_status want, const char *text, const char *file, int line)
{
    if (got != want) {
        print_error("%s\n    gave %s, expected %s\n", text, nimbus_status_name(got), nimbus_status_name(want));
        _fail(file, line);
    }
}

void test_equal(uint64_t got, uint64_t want, const char *text, const char *file, int line)
{
    if (got != want) {
        print_error("%s\n    is %llu, expected %llu\n", text, (unsigned long long)got, (unsigned long long)want);
        _fail(file, line);
    }
}

void test_equal_time(int64_t got, int64_t want, const char *text, const char *file, int line)
{
    if (got != want) {
        print_error("%s\n    is %lld ns, expected %lld ns, which is %lld ns less\n", text, (long long)got, (long long)want,
                    (long long)(got - want));
        _fail(file, line);
    }
}

void test_true(bool holds, const char *text, const char *file, int line)
{
    if (!holds) {
        print_error("does not hold: %s\n", text);
        _fail(file, line);
    }
}

void test_text(const char *got, const char *want, const char *text, const char *file, int line)
{
    if (got == NULL || strcmp(got, want) != 0) {
        print_error("%s\n    is \"%s\", expected \"%s\"\n", text, got == NULL ? "(NULL)" : got, want);
        _fail(file, line);
    }
}

/* ------------------------------------------------------------------------------------------------ world */

static atomic_bool gates_open; /* the test is over */

static void world_trace(const nimbus_trace *trace, void *user)
{
    world *w = user;
    if ((size_t)trace->kind < COUNT(w->traces)) {
        atomic_fetch_add(&w->traces[trace->kind], (size_t)trace->count);
    }
}

static void world_open_any(world *w, const nimbus_options *options, bool driven)
{
    nimbus_options all = { 0 };
    if (options != NULL) {
        all = *options;
    }
    memset(w, 0, sizeof *w);
    heap_init(&w->heap);
    all.allocator = &w->heap.allocator;
    all.trace = world_trace;
    all.trace_user = w;
    all.manual_clock = true;
    all.driven = driven;
    if (!driven && all.min_workers == 0) {
        all.min_workers = 2;
        all.max_workers = 8;
    }
    if (all.seed == 0) {
        all.seed = 42;
    }
    w->nb = nimbus_open(&all, &w->err);
    if (w->nb == NULL) {
        print_error("nimbus_open: %s, field \"%s\": %s\n", nimbus_status_name(w->err.status), w->err.field, w->err.reason);
    }
    CHECK(w->nb != NULL);
}

void world_open(world *w, const nimbus_options *options)
{
    world_open_any(w, options, true);
}

void world_open_threaded(world *w, const nimbus_options *options)
{
    world_open_any(w, options, false);
}

void world_end(world *w)
{
    nimbus_status status;
    /* A worker that has just returned from a handler may still be inside the instance: that is NIMBUS_E_BUSY, not a fault. */
    while ((status = nimbus_close(w->nb, 0, NULL)) == NIMBUS_E_BUSY) {
        sched_yield();
    }
    OK(status);
    w->nb = NULL;
}

void world_check(world *w)
{
    CHECK(heap_is_clean(&w->heap));
}

void world_close(world *w)
{
    world_end(w);
    world_check(w);
}

static int world_setup(void **state, bool driven)
{
    world *w = malloc(sizeof *w);
    if (w == NULL) {
        return 1;
    }
    atomic_store(&gates_open, false);
    world_open_any(w, NULL, driven);
    *state = w;
    return 0;
}

int driven_setup(void **state)
{
    return world_setup(state, true);
}

int threaded_setup(void **state)
{
    return world_setup(state, false);
}

int world_teardown(void **state)
{
    world *w = *state;
    atomic_store(&gates_open, true);
    if (w->nb != NULL) {
        world_close(w);
    }
    free(w);
    return 0;
}

void test_advance(world *w, nimbus_duration by, const char *file, int line)
{
    test_status(nimbus_advance(w->nb, by), NIMBUS_OK, "nimbus_advance", file, line);
}

size_t traced(world *w, nimbus_trace_kind kind)
{
    return atomic_load(&w->traces[kind]);
}

void test_setup(const world *w, const char *file, int line)
{
    if (w->err.status != NIMBUS_OK) {
        print_error("%s: %s, field \"%s\": %s\n", w->err.call, nimbus_status_name(w->err.status), w->err.field, w->err.reason);
        _fail(file, line);
    }
}

/* ------------------------------------------------------------------------------------------------ queue */

nimbus_queue *test_queue(world *w, const char *name, const nimbus_queue_options *options, const char *file, int line)
{
    nimbus_queue *queue = nimbus_queue_create(w->nb, name, options, &w->err);
    test_setup(w, file, line);
    test_true(queue != NULL, "nimbus_queue_create", file, line);
    return queue;
}

nimbus_status create_status(world *w, const char *name, const nimbus_queue_options *options, char ret_field[48])
{
    nimbus_error err = { 0 };
    nimbus_queue *queue = nimbus_queue_create(w->nb, name, options, &err);
    CHECK((queue == NULL) == (err.status != NIMBUS_OK));
    if (queue == NULL) {
        TEXT(err.call, "nimbus_queue_create");
        CHECK(err.reason[0] != '\0');
    } else {
        nimbus_queue_release(queue);
    }
    if (ret_field != NULL) {
        memcpy(ret_field, err.field, sizeof err.field);
    }
    return err.status;
}

nimbus_entry entry_of(const char *text)
{
    nimbus_entry entry = { 0 };
    entry.body = nimbus_text(text);
    return entry;
}

nimbus_id test_send(nimbus_queue *queue, const char *text, nimbus_duration delay, const char *file, int line)
{
    nimbus_entry entry = entry_of(text);
    nimbus_sent sent = { 0 };
    entry.delay = delay;
    test_status(nimbus_queue_send(queue, &entry, &sent), NIMBUS_OK, "nimbus_queue_send", file, line);
    test_status(sent.status, NIMBUS_OK, "sent.status", file, line);
    test_true(sent.id.number != 0, "the message has an id", file, line);
    return sent.id;
}

void test_receive(nimbus_queue *queue, nimbus_delivery *ret, const char *text, nimbus_duration visibility, const char *file, int line)
{
    nimbus_receive_options options = { 0 };
    nimbus_delivery own = { 0 };
    nimbus_delivery *slot = ret == NULL ? &own : ret;
    size_t count = 99;
    nimbus_status status;
    options.visibility_timeout = visibility;
    status = nimbus_queue_receive(queue, 0, &options, slot, 1, &count);
    if (text == NULL && status == NIMBUS_OK) {
        char body[32];
        bytes_text(nimbus_delivery_body(slot), body, sizeof body);
        print_error("received \"%s\", expected nothing\n", body);
        nimbus_delivery_release(slot);
        _fail(file, line);
    }
    test_status(status, text == NULL ? NIMBUS_EMPTY : NIMBUS_OK, "nimbus_queue_receive", file, line);
    test_equal(count, text == NULL ? 0 : 1, "the count of nimbus_queue_receive", file, line);
    if (text != NULL) {
        char body[32];
        bytes_text(nimbus_delivery_body(slot), body, sizeof body);
        test_text(body, text, "the received body", file, line);
    }
    if (ret == NULL) {
        nimbus_delivery_release(&own);
    }
}

nimbus_receipt test_take(nimbus_queue *queue, const char *text, nimbus_duration visibility, const char *file, int line)
{
    nimbus_delivery delivery = { 0 };
    nimbus_receipt receipt;
    test_receive(queue, &delivery, text, visibility, file, line);
    receipt = nimbus_delivery_receipt(&delivery);
    nimbus_delivery_release(&delivery);
    return receipt;
}

bool bytes_are(nimbus_bytes bytes, const char *text)
{
    return bytes.size == strlen(text) && (bytes.size == 0 || memcmp(bytes.data, text, bytes.size) == 0);
}

void bytes_text(nimbus_bytes bytes, char *ret, size_t size)
{
    size_t n = bytes.size < size - 1 ? bytes.size : size - 1;
    if (n > 0) {
        memcpy(ret, bytes.data, n);
    }
    ret[n] = '\0';
}

nimbus_queue_metrics test_metrics(nimbus_queue *queue, const char *file, int line)
{
    nimbus_queue_metrics m = { 0 };
    uint64_t gone;
    test_status(nimbus_queue_get_metrics(queue, &m), NIMBUS_OK, "nimbus_queue_get_metrics", file, line);
    gone = m.deleted + m.moved + m.expired + m.purged + m.dropped + m.discarded + m.cancelled;
    if (m.accepted != m.ready + m.delayed + m.in_flight + gone) {
        print_error("the ledger: accepted %llu; ready %llu, delayed %llu, in flight %llu, deleted %llu, moved %llu, expired %llu, "
                    "purged %llu, dropped %llu, discarded %llu, cancelled %llu\n",
                    (unsigned long long)m.accepted, (unsigned long long)m.ready, (unsigned long long)m.delayed,
                    (unsigned long long)m.in_flight, (unsigned long long)m.deleted, (unsigned long long)m.moved,
                    (unsigned long long)m.expired, (unsigned long long)m.purged, (unsigned long long)m.dropped,
                    (unsigned long long)m.discarded, (unsigned long long)m.cancelled);
        _fail(file, line);
    }
    return m;
}

void test_counts(nimbus_queue *queue, uint64_t ready, uint64_t delayed, uint64_t in_flight, const char *file, int line)
{
    nimbus_queue_metrics m = test_metrics(queue, file, line);
    test_equal(m.ready, ready, "ready", file, line);
    test_equal(m.delayed, delayed, "delayed", file, line);
    test_equal(m.in_flight, in_flight, "in flight", file, line);
}

uint64_t waiters(nimbus_queue *queue)
{
    nimbus_queue_metrics m = { 0 };
    (void)nimbus_queue_get_metrics(queue, &m);
    return m.waiters;
}

void fill(void *data, size_t size)
{
    memset(data, 0x5c, size);
}

bool is_filled(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    size_t i;
    for (i = 0; i < size; i++) {
        if (bytes[i] != 0x5c) {
            return false;
        }
    }
    return true;
}

/* ---------------------------------------------------------------------------------------------- helpers */

static void *receiver_main(void *user)
{
    receiver *r = user;
    nimbus_delivery deliveries[10] = { 0 };
    r->status = nimbus_queue_receive(r->queue, r->wait, NULL, deliveries, r->max, &r->count);
    if (r->status == NIMBUS_OK) {
        size_t i;
        nimbus_delivery_info info = { 0 };
        bytes_text(nimbus_delivery_body(&deliveries[0]), r->body, sizeof r->body);
        (void)nimbus_delivery_get_info(&deliveries[0], &info);
        r->receive_count = info.receive_count;
        r->id = info.id;
        r->receipt = nimbus_delivery_receipt(&deliveries[0]);
        for (i = 0; i < r->count; i++) {
            nimbus_delivery_release(&deliveries[i]);
        }
    }
    atomic_store(&r->done, true);
    return NULL;
}

void receiver_start(receiver *r, nimbus_queue *queue, nimbus_duration wait)
{
    uint64_t before = waiters(queue);
    memset(r, 0, sizeof *r);
    r->queue = queue;
    r->wait = wait;
    r->max = 10;
    EQ(pthread_create(&r->thread, NULL, receiver_main, r), 0);
    EVENTUALLY(waiters(queue) > before || atomic_load(&r->done));
}

void receiver_join(receiver *r)
{
    EQ(pthread_join(r->thread, NULL), 0);
}

void async_receive(nimbus_queue *queue, nimbus_status status, nimbus_delivery *deliveries, size_t count, void *user)
{
    async_record *record = user;
    size_t i;
    (void)queue;
    if (status == NIMBUS_OK && count > 0) {
        bytes_text(nimbus_delivery_body(&deliveries[0]), record->body, sizeof record->body);
        record->receive_count = nimbus_delivery_receive_count(&deliveries[0]);
        record->at = nimbus_now(nimbus_delivery_runtime(&deliveries[0]));
        for (i = 0; atomic_load(&record->delete_all) && i < count; i++) {
            (void)nimbus_delivery_delete(&deliveries[i]);
        }
    }
    if (record->sequence != NULL) {
        record->order = atomic_fetch_add(record->sequence, 1);
    }
    atomic_store(&record->status, (int)status);
    atomic_store(&record->count, count);
    atomic_fetch_add(&record->calls, 1);
}

nimbus_outcome record_handler(const nimbus_delivery *delivery, void *user)
{
    handler_record *record = user;
    size_t n = atomic_load(&record->calls);
    if (n < COUNT(record->bodies)) {
        bytes_text(nimbus_delivery_body(delivery), record->bodies[n], sizeof record->bodies[n]);
        record->receive_counts[n] = nimbus_delivery_receive_count(delivery);
        record->times[n] = nimbus_now(nimbus_delivery_runtime(delivery));
    }
    atomic_fetch_add(&record->calls, 1);
    return (nimbus_outcome)atomic_load(&record->answer);
}

nimbus_outcome gate_handler(const nimbus_delivery *delivery, void *user)
{
    gate *g = user;
    (void)delivery;
    atomic_fetch_add(&g->entered, 1);
    EVENTUALLY(atomic_load(&g->open) || atomic_load(&gates_open));
    return NIMBUS_DONE;
}

static void adopted_free(void *data, size_t size, void *user)
{
    adopted *a = user;
    if (data != a->bytes || size != a->size) {
        atomic_fetch_add(&a->faults, 1);
    }
    atomic_fetch_add(&a->frees, 1);
}

nimbus_body adopted_body(adopted *a, const char *text)
{
    memset(a, 0, sizeof *a);
    a->size = strlen(text);
    memcpy(a->bytes, text, a->size);
    return nimbus_adopt(a->bytes, a->size, adopted_free, a);
}

bool ids_equal(nimbus_id a, nimbus_id b)
{
    return a.instance == b.instance && a.number == b.number;
}

bool descriptor_is_readable(int fd)
{
    struct pollfd look = { 0 };
    look.fd = fd;
    look.events = POLLIN;
    return poll(&look, 1, 0) == 1 && (look.revents & POLLIN) != 0;
}
