/* Allocations fail: opening an instance, and everything that queues do. */
#include "fault.h"

#include <sys/resource.h>

static nimbus_queue *make_queue(fault *f, const char *name, const nimbus_queue_options *options)
{
    nimbus_queue *queue;
    MAKE(f, queue, nimbus_queue_create(f->nb, name, options, &f->err));
    return queue;
}

/* Sends, the second time with memory if need be; the result says what it said at last. */
static nimbus_id send_entry(fault *f, nimbus_queue *queue, const nimbus_entry *entry)
{
    nimbus_sent sent;
    nimbus_status status;
    uint64_t before = heap_failed(&f->heap);

    FILL(sent);
    status = nimbus_queue_send(queue, entry, &sent);
    IS(sent.status, status);
    if (fault_met(f, status, before, "nimbus_queue_send", __FILE__, __LINE__)) {
        nimbus_queue_metrics m = { 0 };
        nimbus_queue_metrics after = { 0 };
        OK(nimbus_queue_get_metrics(queue, &m));
        heap_pause(&f->heap);
        status = nimbus_queue_send(queue, entry, &sent);
        heap_resume(&f->heap);
        OK(nimbus_queue_get_metrics(queue, &after));
        EQ(after.accepted, m.accepted + 1); /* the failed one left no trace */
    }
    OK(status);
    LEDGER(queue);
    return sent.id;
}

static void open_and_close(fault *f)
{
    fault_open(f);
    fault_close(f);
}

static void opening(void **state)
{
    (void)state;
    fault_each(open_and_close);
}

static void open_threads_and_close(fault *f)
{
    nimbus_options options = { 0 };
    nimbus_status status;
    options.allocator = &f->heap.allocator;
    options.min_workers = 2;
    options.max_workers = 4;
    options.account = "123456789012";
    options.region = "nowhere-1";
    MAKE(f, f->nb, nimbus_open(&options, &f->err));
    while ((status = nimbus_close(f->nb, 0, NULL)) == NIMBUS_E_BUSY) {
        sched_yield();
    }
    OK(status);
}

static void opening_with_threads(void **state)
{
    (void)state;
    fault_each(open_threads_and_close);
}

static void create_and_change(fault *f)
{
    nimbus_queue *dead;
    nimbus_queue *queue;
    nimbus_queue *again;
    nimbus_queue_options options = { 0 };
    char name[16];
    size_t i;

    fault_open(f);
    dead = make_queue(f, "dead", NULL);
    options.dead_letter_queue = dead;
    options.max_receive_count = 3;
    options.capacity_messages = 100;
    queue = make_queue(f, "queue", &options);
    again = make_queue(f, "queue", NULL);
    TEXT(nimbus_queue_name(again), "queue");
    for (i = 0; i < 70; i++) { /* the tables of names grow */
        (void)snprintf(name, sizeof name, "q%zu", i);
        again = make_queue(f, name, NULL);
        if (i % 3 == 0) {
            OK(nimbus_queue_delete(again));
            nimbus_queue_release(again);
        }
    }
    OK(nimbus_queue_get_options(queue, &options));
    OK(nimbus_queue_set_options(queue, &options, &f->err)); /* allocates not */
    OK(nimbus_queue_set_options(queue, NULL, &f->err));
    fault_close(f);
}

static void creating(void **state)
{
    (void)state;
    fault_each(create_and_change);
}

static void send_and_receive(fault *f)
{
    nimbus_queue *queue;
    nimbus_attribute attributes[2];
    nimbus_entry entry = entry_of("copied");
    nimbus_delivery delivery = { 0 };
    adopted a;
    char big[5000];
    size_t i;

    memset(big, 'b', sizeof big);
    attributes[0] = nimbus_string("name", "value");
    attributes[1] = nimbus_binary("bytes", big, 100);
    fault_open(f);
    queue = make_queue(f, "queue", NULL);
    entry.attributes = attributes;
    entry.attribute_count = 2;
    (void)send_entry(f, queue, &entry);
    entry = (nimbus_entry){ 0 };
    entry.body = nimbus_copy(big, sizeof big);
    entry.delay = NIMBUS_SECONDS(5);
    (void)send_entry(f, queue, &entry);
    entry = (nimbus_entry){ 0 };
    entry.body = adopted_body(&a, "adopted");
    (void)send_entry(f, queue, &entry);
    EQ(a.frees, 0);
    RECEIVE(queue, &delivery, "copied"); /* a receive needs no memory */
    EQ(nimbus_message_attribute_count(nimbus_delivery_message(&delivery)), 2);
    entry = (nimbus_entry){ 0 };
    entry.body = nimbus_share(nimbus_delivery_message(&delivery));
    (void)send_entry(f, queue, &entry);
    OK(nimbus_delivery_delete(&delivery));
    RECEIVE(queue, &delivery, "adopted");
    OK(nimbus_delivery_extend(&delivery, NIMBUS_SECONDS(60)));
    OK(nimbus_delivery_delete(&delivery));
    EQ(a.frees, 1);
    EQ(a.faults, 0);
    RECEIVE(queue, &delivery, "copied");
    OK(nimbus_delivery_retry(&delivery, NIMBUS_SECONDS(1)));
    OK(nimbus_advance(f->nb, NIMBUS_SECONDS(5)));
    COUNTS(queue, 2, 0, 0);
    for (i = 0; i < 600; i++) { /* the store grows */
        entry = entry_of("m");
        (void)send_entry(f, queue, &entry);
    }
    COUNTS(queue, 602, 0, 0);
    for (i = 0; i < 602; i++) {
        OK(nimbus_queue_receive(queue, 0, NULL, &delivery, 1, NULL));
        if (i % 2 == 0) {
            OK(nimbus_delivery_delete(&delivery));
        } else {
            nimbus_delivery_release(&delivery);
        }
    }
    COUNTS(queue, 0, 0, 301);
    OK(nimbus_advance(f->nb, NIMBUS_MINUTES(1)));
    COUNTS(queue, 301, 0, 0);
    OK(nimbus_queue_purge(queue, NULL));
    OK(nimbus_queue_delete(queue));
    fault_close(f);
}

static void sending_and_receiving(void **state)
{
    (void)state;
    fault_each(send_and_receive);
}

static void send_batches(fault *f)
{
    nimbus_queue *queue;
    nimbus_entry entries[10];
    nimbus_sent sent[10];
    adopted bodies[10];
    uint64_t accepted = 0;
    size_t round;
    size_t i;

    fault_open(f);
    queue = make_queue(f, "queue", NULL);
    for (round = 0; round < 5; round++) {
        nimbus_status status;
        uint64_t before = heap_failed(&f->heap);
        size_t stored = 0;
        memset(entries, 0, sizeof entries);
        for (i = 0; i < 10; i++) {
            entries[i].body = i % 2 == 0 ? adopted_body(&bodies[i], "adopted") : nimbus_text("copied");
        }
        memset(sent, 0, sizeof sent);
        status = nimbus_queue_send_batch(queue, entries, 10, sent);
        CHECK(status == NIMBUS_OK || status == NIMBUS_PARTIAL);
        for (i = 0; i < 10; i++) {
            CHECK(sent[i].status == NIMBUS_OK || fault_met(f, sent[i].status, before, "nimbus_queue_send_batch", __FILE__, __LINE__));
            stored += sent[i].status == NIMBUS_OK;
        }
        CHECK((status == NIMBUS_OK) == (stored == 10));
        accepted += stored;
        COUNTS(queue, stored, 0, 0);
        OK(nimbus_queue_purge(queue, NULL));
        for (i = 0; i < 10; i += 2) {
            EQ(bodies[i].frees, sent[i].status == NIMBUS_OK);
        }
    }
    EQ(METRICS(queue).accepted, accepted);
    fault_close(f);
}

static void sending_batches(void **state)
{
    (void)state;
    fault_each(send_batches);
}

static void move_to_dead_letters(fault *f)
{
    nimbus_queue *dead;
    nimbus_queue *queue;
    nimbus_entry entry = entry_of("m");
    nimbus_queue_options options = { 0 };
    nimbus_delivery delivery = { 0 };
    nimbus_peeked peeked[4];
    size_t count = 0;
    size_t i;

    fault_open(f);
    dead = make_queue(f, "dead", NULL);
    options.dead_letter_queue = dead;
    options.max_receive_count = 1;
    options.visibility_timeout = NIMBUS_ZERO;
    queue = make_queue(f, "queue", &options);
    for (i = 0; i < 20; i++) {
        (void)send_entry(f, queue, &entry);
    }
    for (i = 0; i < 20; i++) {
        RECEIVE(queue, &delivery, "m");
        nimbus_delivery_release(&delivery);
    }
    /* Each move needs a place in the other queue: without memory the message stays where it is. */
    RECEIVE_NONE(queue);
    LEDGER(queue);
    EQ(METRICS(queue).ready + METRICS(queue).in_flight + METRICS(queue).delayed + METRICS(dead).ready, 20);
    heap_pause(&f->heap);
    OK(nimbus_advance(f->nb, NIMBUS_MINUTES(10)));
    RECEIVE_NONE(queue);
    heap_resume(&f->heap);
    COUNTS(queue, 0, 0, 0);
    COUNTS(dead, 20, 0, 0);
    OK(nimbus_queue_peek(dead, peeked, 4, &count));
    EQ(count, 4);
    for (i = 0; i < count; i++) {
        EQ(peeked[i].receive_count, 1);
        nimbus_message_release(peeked[i].message);
    }
    fault_close(f);
}

static void moving_to_dead_letters(void **state)
{
    (void)state;
    fault_each(move_to_dead_letters);
}

static void receive_asynchronously(fault *f)
{
    nimbus_queue *queue;
    nimbus_entry entry = entry_of("m");
    async_record served = { .delete_all = true };
    async_record cancelled = { 0 };
    async_record timed_out = { 0 };
    async_record closed = { 0 };
    nimbus_receive_task *task;
    nimbus_status status;
    uint64_t before;
    int fd = -1;

    fault_open(f);
    queue = make_queue(f, "queue", NULL);
    before = heap_failed(&f->heap);
    FILL(task);
    status = nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &cancelled, &task);
    if (fault_met(f, status, before, "nimbus_queue_receive_async", __FILE__, __LINE__)) {
        UNTOUCHED(task);
        EQ(waiters(queue), 0);
        heap_pause(&f->heap);
        status = nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &cancelled, &task);
        heap_resume(&f->heap);
    }
    OK(status);
    TRY_OK(f, nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &served, NULL));
    TRY_OK(f, nimbus_queue_receive_async(queue, NIMBUS_SECONDS(5), NULL, 1, async_receive, &timed_out, NULL));
    TRY_OK(f, nimbus_queue_receive_async(queue, NIMBUS_FOREVER, NULL, 1, async_receive, &closed, NULL));
    EQ(waiters(queue), 4);
    OK(nimbus_receive_cancel(task));
    nimbus_receive_task_release(task);
    (void)send_entry(f, queue, &entry);
    OK(nimbus_advance(f->nb, NIMBUS_SECONDS(5)));
    EQ(cancelled.calls, 1);
    IS((nimbus_status)cancelled.status, NIMBUS_E_CANCELLED);
    EQ(served.calls, 1);
    IS((nimbus_status)served.status, NIMBUS_OK);
    EQ(timed_out.calls, 1);
    IS((nimbus_status)timed_out.status, NIMBUS_EMPTY);
    OK(nimbus_queue_fd(queue, &fd)); /* allocates not */
    fault_close(f);
    EQ(closed.calls, 1);
    IS((nimbus_status)closed.status, NIMBUS_E_CLOSED);
}

static void receiving_asynchronously(void **state)
{
    (void)state;
    fault_each(receive_asynchronously);
}

/* -------------------------------------------------------------------------------- what does not allocate */

static bool count_queue(nimbus_queue *queue, void *user)
{
    (void)queue;
    ++*(size_t *)user;
    return true;
}

static bool count_tag(nimbus_queue *queue, const char *key, const char *value, void *user)
{
    (void)key;
    (void)value;
    return count_queue(queue, user);
}

static void manage_queues(fault *f)
{
    nimbus_receive_options heartbeat = { .heartbeat = true };
    nimbus_queue_options options = { .text_only = true };
    nimbus_entry entry = entry_of("m");
    nimbus_delivery delivery = { 0 };
    nimbus_sent sent = { 0 };
    nimbus_status status;
    nimbus_queue *queue;
    char value[8] = "";
    char name[16];
    size_t count = 0;
    size_t i;

    fault_open(f);
    queue = make_queue(f, "q", &options);
    for (i = 0; i < 5; i++) {
        (void)snprintf(name, sizeof name, "q-%zu", i);
        (void)make_queue(f, name, NULL);
    }
    do { /* a list that there is no memory for shows nothing */
        count = 0;
        TRY(f, status, nimbus_queue_list(f->nb, "q-", count_queue, &count));
    } while (status != NIMBUS_OK);
    EQ(count, 5);
    TRY_OK(f, nimbus_queue_set_tag(queue, "a", "1"));
    TRY_OK(f, nimbus_queue_set_tag(queue, "b", "2"));
    TRY(f, status, nimbus_queue_set_tag(queue, "a", "3")); /* in vain, it leaves the value that was there */
    OK(status);
    OK(nimbus_queue_get_tag(queue, "a", value, sizeof value, NULL));
    TEXT(value, "3");
    count = 0;
    OK(nimbus_queue_visit_tags(queue, count_tag, &count));
    EQ(count, 2);
    for (i = 0; i < 3; i++) {
        (void)send_entry(f, queue, &entry);
    }
    OK(nimbus_queue_receive(queue, 0, &heartbeat, &delivery, 1, NULL)); /* neither needs memory */
    OK(nimbus_advance(f->nb, NIMBUS_HOURS(1)));
    nimbus_delivery_release(&delivery);
    COUNTS(queue, 3, 0, 0);
    TRY(f, status, nimbus_queue_send(queue, &entry, &sent));
    OK(status);
    OK(nimbus_queue_cancel(queue, sent.place));
    COUNTS(queue, 3, 0, 0);
    fault_close(f);
}

static void managing_queues(void **state)
{
    (void)state;
    fault_each(manage_queues);
}

#define NO_ALLOCATION(w, call)                                                                                                             \
    do {                                                                                                                                   \
        uint64_t calls_ = heap_calls(&(w)->heap);                                                                                          \
        call;                                                                                                                              \
        test_equal(heap_calls(&(w)->heap) - calls_, 0, "allocations of " #call, __FILE__, __LINE__);                                       \
    } while (0)

static void what_says_that_it_does_not_allocate_does_not(void **state)
{
    world *w = *state;
    nimbus_queue *dead = PLAIN_QUEUE(w, "dead");
    nimbus_queue *queue = QUEUE(w, "q", .dead_letter_queue = dead, .max_receive_count = 5);
    nimbus_queue_options options = { 0 };
    nimbus_queue_metrics m = { 0 };
    nimbus_runtime_metrics runtime = { 0 };
    nimbus_receive_options heartbeat = { .heartbeat = true };
    nimbus_queue_explanation explanation = { 0 };
    nimbus_entry entry = entry_of("m");
    nimbus_sent sent = { 0 };
    nimbus_delivery held = { 0 };
    char tag[8];
    nimbus_peeked peeked = { 0 };
    nimbus_delivery deliveries[10] = { 0 };
    nimbus_receipt receipts[2];
    nimbus_duration timeouts[2] = { NIMBUS_SECONDS(9), 0 };
    size_t count = 0;
    size_t i;
    int fd;

    for (i = 0; i < 20; i++) {
        SEND(queue, "m");
    }
    NO_ALLOCATION(w, OK(nimbus_queue_receive(queue, 0, NULL, deliveries, 10, &count)));
    receipts[0] = nimbus_delivery_receipt(&deliveries[0]);
    receipts[1] = nimbus_delivery_receipt(&deliveries[1]);
    NO_ALLOCATION(w, OK(nimbus_queue_change_visibility(queue, receipts[0], NIMBUS_SECONDS(100))));
    NO_ALLOCATION(w, OK(nimbus_queue_change_visibility_batch(queue, receipts, timeouts, 2, NULL)));
    NO_ALLOCATION(w, OK(nimbus_queue_delete_message(queue, receipts[0])));
    NO_ALLOCATION(w, OK(nimbus_queue_delete_batch(queue, receipts, 2, NULL)));
    NO_ALLOCATION(w, OK(nimbus_delivery_extend(&deliveries[2], NIMBUS_SECONDS(1))));
    NO_ALLOCATION(w, OK(nimbus_delivery_retry(&deliveries[2], NIMBUS_SECONDS(3))));
    NO_ALLOCATION(w, OK(nimbus_delivery_delete(&deliveries[3])));
    NO_ALLOCATION(w, nimbus_delivery_release(&deliveries[4]));
    NO_ALLOCATION(w, OK(nimbus_queue_receive(queue, 0, &heartbeat, &held, 1, &count)));
    NO_ALLOCATION(w, nimbus_delivery_release(&held));
    OK(nimbus_queue_set_tag(queue, "key", "value"));
    NO_ALLOCATION(w, OK(nimbus_queue_get_tag(queue, "key", tag, sizeof tag, NULL)));
    NO_ALLOCATION(w, OK(nimbus_queue_visit_tags(queue, count_tag, &count)));
    NO_ALLOCATION(w, OK(nimbus_queue_set_tag(queue, "key", NULL)));
    NO_ALLOCATION(w, OK(nimbus_queue_explain(queue, NULL, &explanation)));
    OK(nimbus_queue_send(queue, &entry, &sent));
    NO_ALLOCATION(w, OK(nimbus_queue_cancel(queue, sent.place)));
    NO_ALLOCATION(w, OK(nimbus_queue_peek(queue, &peeked, 1, &count)));
    nimbus_message_release(peeked.message);
    NO_ALLOCATION(w, OK(nimbus_queue_get_metrics(queue, &m)));
    NO_ALLOCATION(w, OK(nimbus_queue_get_options(queue, &options)));
    NO_ALLOCATION(w, OK(nimbus_queue_set_options(queue, &options, NULL)));
    NO_ALLOCATION(w, OK(nimbus_runtime_get_metrics(w->nb, &runtime)));
    NO_ALLOCATION(w, CHECK(nimbus_queue_find(w->nb, "q", NULL) != NULL));
    NO_ALLOCATION(w, (void)nimbus_run(w->nb, 10, NULL));
    NO_ALLOCATION(w, OK(nimbus_advance(w->nb, NIMBUS_HOURS(1))));
    NO_ALLOCATION(w, OK(nimbus_queue_fd(queue, &fd)));
    for (i = 0; i < 10; i++) {
        nimbus_delivery_release(&deliveries[i]);
    }
    NO_ALLOCATION(w, OK(nimbus_queue_purge(queue, NULL)));
    NO_ALLOCATION(w, OK(nimbus_queue_delete(queue)));
    NO_ALLOCATION(w, OK(nimbus_shutdown(w->nb, 0, NULL)));
    NO_ALLOCATION(w, world_close(w));
}

/* ------------------------------------------------------------------------------------ no more descriptors */

/* No descriptor above those that are open already can be had until the limit is put back. */
static void limit_descriptors(struct rlimit *ret_before)
{
    struct rlimit none;
    EQ(getrlimit(RLIMIT_NOFILE, ret_before), 0);
    none = *ret_before;
    none.rlim_cur = 0;
    EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static void opening_without_descriptors(void **state)
{
    struct rlimit before;
    test_heap heap;
    nimbus_error err = { 0 };
    nimbus_runtime *nb;
    (void)state;

    heap_init(&heap);
    limit_descriptors(&before);
    nb = nimbus_open(&(nimbus_options){ .allocator = &heap.allocator, .driven = true }, &err);
    EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    CHECK(nb == NULL);
    IS(err.status, NIMBUS_E_SYSTEM);
    TEXT(err.call, "nimbus_open");
    CHECK(heap_is_clean(&heap));
}

static void a_queue_without_descriptors(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    struct rlimit before;
    nimbus_status status;
    int fd = -7;

    limit_descriptors(&before);
    status = nimbus_queue_fd(queue, &fd);
    EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    IS(status, NIMBUS_E_SYSTEM);
    EQ(fd, -7);
    SEND(queue, "m");
    OK(nimbus_queue_fd(queue, &fd));
    CHECK(descriptor_is_readable(fd));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening),
        cmocka_unit_test(opening_with_threads),
        cmocka_unit_test(creating),
        cmocka_unit_test(sending_and_receiving),
        cmocka_unit_test(sending_batches),
        cmocka_unit_test(moving_to_dead_letters),
        cmocka_unit_test(managing_queues),
        cmocka_unit_test(receiving_asynchronously),
        DRIVEN(what_says_that_it_does_not_allocate_does_not),
        cmocka_unit_test(opening_without_descriptors),
        DRIVEN(a_queue_without_descriptors),
    };
    return cmocka_run_group_tests_name("fault_queue", tests, NULL, NULL);
}
