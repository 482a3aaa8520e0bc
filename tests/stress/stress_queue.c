/*
 * stress_queue - real threads, the real clock: 4 producers and 4 consumers in one queue.
 *
 *     stress_queue [MESSAGES]           200,000 by default
 *     stress_queue --idle SECONDS       1,000 open long polls must not make any thread run
 *
 * A consumer decides before it settles a message whether it deletes it, gives it back by a retry, or lets it lapse, and writes that down.
 * So at the end each message must have been received exactly once more than it was given back: nothing lost, nothing doubled. The first
 * receives of one producer's messages by one consumer must come in the order of their sends.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <nimbus/nimbus.h>

enum { PRODUCERS = 4, CONSUMERS = 4 };

typedef struct body {
    uint32_t producer;
    uint32_t sequence;
} body;

typedef struct plan {
    nimbus_queue *queue;
    size_t each;        /* messages of a producer */
    atomic_uchar *sent; /* by producer and sequence: accepted */
    atomic_uchar *received;
    atomic_uchar *returned;
    atomic_size_t deleted;
    size_t total;
    atomic_size_t wrong;
    atomic_size_t closed; /* threads that ended by NIMBUS_E_CLOSED */
    bool to_the_end;      /* consumers leave when all is deleted; else at the shutdown */
} plan;

typedef struct worker {
    plan *plan;
    uint32_t number;
    uint64_t random;
    pthread_t thread;
} worker;

static void report(plan *p, const char *what, const body *b, long long detail)
{
    if (atomic_fetch_add(&p->wrong, 1) < 20) {
        fprintf(stderr, "%s: producer %u, message %u (%lld)\n", what, b == NULL ? 0 : b->producer, b == NULL ? 0 : b->sequence, detail);
    }
}

static uint32_t draw(worker *w, uint32_t bound)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((w->random >> 33) % bound);
}

/* ------------------------------------------------------------------------------------------------- send */

static size_t send_some(worker *w, uint32_t from, size_t count, nimbus_status *ret)
{
    nimbus_entry entries[10];
    nimbus_sent sent[10];
    body bodies[10];
    size_t done = 0;
    size_t i;

    memset(entries, 0, sizeof entries);
    memset(sent, 0, sizeof sent);
    for (i = 0; i < count; i++) {
        bodies[i].producer = w->number;
        bodies[i].sequence = from + (uint32_t)i;
        entries[i].body = nimbus_copy(&bodies[i], sizeof bodies[i]);
        entries[i].wait = NIMBUS_SECONDS(60);
    }
    *ret = count == 1 ? nimbus_queue_send(w->plan->queue, &entries[0], &sent[0])
                      : nimbus_queue_send_batch(w->plan->queue, entries, count, sent);
    if (nimbus_failed(*ret)) {
        return 0;
    }
    for (i = 0; i < count; i++) {
        if (sent[i].status == NIMBUS_OK) {
            atomic_store(&w->plan->sent[w->number * w->plan->each + from + i], 1);
            done++;
        } else {
            *ret = sent[i].status;
        }
    }
    return done;
}

static void *produce(void *user)
{
    worker *w = user;
    uint32_t next = 0;
    while (next < w->plan->each) {
        size_t count = draw(w, 4) == 0 ? 1 + draw(w, 10) : 1;
        nimbus_status status;
        size_t done;
        if (count > w->plan->each - next) {
            count = w->plan->each - next;
        }
        done = send_some(w, next, count, &status);
        if (done < count) {
            if (status != NIMBUS_E_CLOSED || w->plan->to_the_end) {
                report(w->plan, nimbus_status_name(status), NULL, (long long)next);
            } else {
                atomic_fetch_add(&w->plan->closed, 1);
            }
            return NULL;
        }
        next += (uint32_t)count;
    }
    return NULL;
}

/* ---------------------------------------------------------------------------------------------- receive */

/* Writes the receive down; false if it is not what it should be. */
static bool note_receive(worker *w, const nimbus_delivery *delivery, uint32_t *last, body *ret)
{
    plan *p = w->plan;
    nimbus_bytes bytes = nimbus_delivery_body(delivery);
    uint32_t count = nimbus_delivery_receive_count(delivery);
    size_t place;
    unsigned received;

    if (bytes.size != sizeof *ret) {
        report(p, "a body of the wrong size", NULL, (long long)bytes.size);
        return false;
    }
    memcpy(ret, bytes.data, sizeof *ret);
    if (ret->producer >= PRODUCERS || ret->sequence >= p->each) {
        report(p, "never sent", ret, 0);
        return false;
    }
    place = ret->producer * p->each + ret->sequence;
    received = atomic_fetch_add(&p->received[place], 1) + 1u;
    if (received != count) {
        report(p, "the receive count is wrong", ret, (long long)count);
    }
    if (received != atomic_load(&p->returned[place]) + 1u) {
        report(p, "received twice", ret, (long long)received);
    }
    if (count == 1) {
        if (ret->sequence + 1 <= last[ret->producer]) {
            report(p, "out of order", ret, (long long)last[ret->producer] - 1);
        }
        last[ret->producer] = ret->sequence + 1;
    }
    return true;
}

/* short_lived: its visibility was cut to 1 ms once the receive was written down. It is let lapse. */
static void settle(worker *w, nimbus_delivery *delivery, const body *b, bool short_lived)
{
    plan *p = w->plan;
    atomic_uchar *returned = &p->returned[b->producer * p->each + b->sequence];
    nimbus_status status;

    if (short_lived) {
        nimbus_delivery_release(delivery);
        return;
    }
    if (atomic_load(returned) < 200 && draw(w, 32) == 0) {
        atomic_fetch_add(returned, 1); /* before it can come again */
        status = nimbus_delivery_retry(delivery, draw(w, 2) == 0 ? 0 : NIMBUS_MS(1));
    } else {
        status = nimbus_delivery_delete(delivery);
        atomic_fetch_add(&p->deleted, 1);
    }
    if (status != NIMBUS_OK) {
        report(p, nimbus_status_name(status), b, 0);
    }
}

static void *consume(void *user)
{
    worker *w = user;
    plan *p = w->plan;
    nimbus_delivery deliveries[10];
    uint32_t last[PRODUCERS] = { 0 };

    memset(deliveries, 0, sizeof deliveries);
    while (!p->to_the_end || atomic_load(&p->deleted) < p->total) {
        nimbus_duration wait = p->to_the_end ? NIMBUS_MS(50) : NIMBUS_FOREVER;
        size_t max = 1 + draw(w, 10);
        size_t count = 0;
        size_t i;
        bool short_lived = draw(w, 64) == 0;
        nimbus_status status;

        status = nimbus_queue_receive(p->queue, wait, NULL, deliveries, max, &count);
        if (status == NIMBUS_E_CLOSED && !p->to_the_end) {
            atomic_fetch_add(&p->closed, 1);
            break;
        }
        if (status != NIMBUS_OK && status != NIMBUS_EMPTY) {
            report(p, nimbus_status_name(status), NULL, 0);
            break;
        }
        for (i = 0; i < count; i++) {
            body b;
            if (!note_receive(w, &deliveries[i], last, &b)) {
                (void)nimbus_delivery_delete(&deliveries[i]);
                continue;
            }
            if (short_lived && atomic_load(&p->returned[b.producer * p->each + b.sequence]) < 200) {
                atomic_fetch_add(&p->returned[b.producer * p->each + b.sequence], 1);
                if (nimbus_delivery_extend(&deliveries[i], NIMBUS_MS(1)) != NIMBUS_OK) {
                    report(p, "extend", &b, 0);
                }
                settle(w, &deliveries[i], &b, true);
            } else {
                settle(w, &deliveries[i], &b, false);
            }
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ rounds */

static bool start(worker *w, plan *p, uint32_t number, void *(*run)(void *))
{
    w->plan = p;
    w->number = number;
    w->random = number * UINT64_C(0x9e3779b97f4a7c15) + 12345;
    return pthread_create(&w->thread, NULL, run, w) == 0;
}

static bool plan_open(plan *p, size_t messages, bool to_the_end)
{
    memset(p, 0, sizeof *p);
    p->each = messages / PRODUCERS;
    p->total = p->each * PRODUCERS;
    p->to_the_end = to_the_end;
    p->sent = calloc(p->total, 1);
    p->received = calloc(p->total, 1);
    p->returned = calloc(p->total, 1);
    return p->sent != NULL && p->received != NULL && p->returned != NULL;
}

static void plan_close(plan *p)
{
    free(p->sent);
    free(p->received);
    free(p->returned);
}

/* What is left in the queue once all threads have ended; each receive is written down. */
static size_t drain(plan *p)
{
    worker w = { .plan = p };
    nimbus_delivery delivery = { 0 };
    size_t left = 0;
    for (;;) {
        uint32_t last[PRODUCERS] = { 0 };
        body b;
        nimbus_status status = nimbus_queue_receive(p->queue, 0, NULL, &delivery, 1, NULL);
        if (status != NIMBUS_OK) {
            break;
        }
        (void)note_receive(&w, &delivery, last, &b);
        (void)nimbus_delivery_delete(&delivery);
        left++;
    }
    return left;
}

static void compare(plan *p, size_t still_in_flight)
{
    size_t place;
    size_t missing = 0;
    for (place = 0; place < p->total; place++) {
        body b = { (uint32_t)(place / p->each), (uint32_t)(place % p->each) };
        unsigned sent = atomic_load(&p->sent[place]);
        unsigned received = atomic_load(&p->received[place]);
        unsigned returned = atomic_load(&p->returned[place]);
        if (sent == 0 && received > 0) {
            report(p, "received, though its send failed", &b, (long long)received);
        } else if (sent == 1 && received == returned) {
            missing++; /* lost, or not back yet */
        } else if (sent == 1 && received != returned + 1) {
            report(p, "received and given back do not match", &b, (long long)received);
        }
    }
    if (missing != still_in_flight) {
        report(p, "messages lost", NULL, (long long)missing - (long long)still_in_flight);
    }
}

static nimbus_queue_metrics ledger(plan *p)
{
    nimbus_queue_metrics m = { 0 };
    if (nimbus_queue_get_metrics(p->queue, &m) != NIMBUS_OK ||
        m.accepted != m.ready + m.delayed + m.in_flight + m.deleted + m.moved + m.expired + m.purged + m.dropped + m.discarded +
                          m.cancelled) {
        report(p, "the ledger does not balance", NULL, (long long)m.accepted);
    }
    return m;
}

/* Everything that is sent is deleted. capacity 0: the default. */
static size_t to_the_end(size_t messages, size_t capacity)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .min_workers = 2, .max_workers = 2 }, &err);
    nimbus_queue_options options = { .visibility_timeout = NIMBUS_HOURS(1), .capacity_messages = capacity };
    plan p;
    worker workers[PRODUCERS + CONSUMERS];
    nimbus_queue_metrics m;
    uint32_t i;

    if (!plan_open(&p, messages, true)) {
        return 1;
    }
    p.queue = nimbus_queue_create(nb, "stress", &options, &err);
    if (err.status != NIMBUS_OK) {
        fprintf(stderr, "%s: %s\n", err.call, err.reason);
        return 1;
    }
    for (i = 0; i < PRODUCERS + CONSUMERS; i++) {
        if (!start(&workers[i], &p, i % PRODUCERS, i < PRODUCERS ? produce : consume)) {
            return 1;
        }
    }
    for (i = 0; i < PRODUCERS + CONSUMERS; i++) {
        (void)pthread_join(workers[i].thread, NULL);
    }
    m = ledger(&p);
    if (m.accepted != p.total || m.deleted != p.total) {
        report(&p, "deleted messages", NULL, (long long)m.deleted);
    }
    compare(&p, 0);
    if (nimbus_close(nb, NIMBUS_SECONDS(60), NULL) != NIMBUS_OK) {
        report(&p, "the close failed", NULL, 0);
    }
    printf("%zu messages, capacity %zu: %" PRIu64 " receives, %zu wrong\n", p.total, capacity, m.received, atomic_load(&p.wrong));
    plan_close(&p);
    return atomic_load(&p.wrong);
}

/* The instance is shut down while all threads are inside it. */
static size_t shut_down_meanwhile(size_t messages, size_t wait_for)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .min_workers = 2, .max_workers = 2 }, &err);
    nimbus_queue_options options = { .visibility_timeout = NIMBUS_HOURS(1) };
    plan p;
    worker workers[PRODUCERS + CONSUMERS];
    nimbus_queue_metrics m;
    uint32_t i;

    if (!plan_open(&p, messages, false)) {
        return 1;
    }
    p.queue = nimbus_queue_create(nb, "stress", &options, &err);
    if (err.status != NIMBUS_OK) {
        return 1;
    }
    for (i = 0; i < PRODUCERS + CONSUMERS; i++) {
        if (!start(&workers[i], &p, i % PRODUCERS, i < PRODUCERS ? produce : consume)) {
            return 1;
        }
    }
    while (atomic_load(&p.deleted) < wait_for) {
        sched_yield();
    }
    (void)nimbus_shutdown(nb, 0, NULL);
    for (i = 0; i < PRODUCERS + CONSUMERS; i++) {
        (void)pthread_join(workers[i].thread, NULL);
    }
    if (atomic_load(&p.closed) < CONSUMERS) {
        report(&p, "threads that were not told of the shutdown", NULL, (long long)atomic_load(&p.closed));
    }
    m = ledger(&p);
    /* Lapses of 1 ms may be under way: they stay in flight or come back; both are accounted for. */
    (void)drain(&p);
    m = ledger(&p);
    compare(&p, (size_t)m.in_flight + (size_t)m.ready);
    if (nimbus_close(nb, 0, NULL) != NIMBUS_OK) {
        report(&p, "the close failed", NULL, 0);
    }
    plan_close(&p);
    return atomic_load(&p.wrong);
}

/* -------------------------------------------------------------------------------------------------- idle */

static unsigned long long switches_of(const char *task)
{
    char path[300];
    char line[256];
    unsigned long long switches = 0;
    FILE *file;
    (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "voluntary_ctxt_switches: %llu", &switches);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return switches;
}

/* Of all threads but this one. */
static unsigned long long switches(size_t *ret_threads)
{
    unsigned long long sum = 0;
    char mine[32];
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    (void)snprintf(mine, sizeof mine, "%ld", (long)getpid());
    *ret_threads = 0;
    while (tasks != NULL && (entry = readdir(tasks)) != NULL) {
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, mine) != 0) {
            sum += switches_of(entry->d_name);
            *ret_threads += 1;
        }
    }
    if (tasks != NULL) {
        (void)closedir(tasks);
    }
    return sum;
}

static void closed(nimbus_queue *queue, nimbus_status status, nimbus_delivery *deliveries, size_t count, void *user)
{
    atomic_size_t *calls = user;
    (void)queue;
    (void)deliveries;
    (void)count;
    if (status == NIMBUS_E_CLOSED) {
        atomic_fetch_add(calls, 1);
    }
}

static int idle(unsigned seconds)
{
    enum { POLLS = 1000 };
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(NULL, &err);
    nimbus_queue *queues[10];
    atomic_size_t calls = 0;
    unsigned long long before;
    unsigned long long after;
    size_t threads_before;
    size_t threads;
    size_t i;

    (void)switches(&threads_before);
    for (i = 0; i < 10; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "q%zu", i);
        queues[i] = nimbus_queue_create(nb, name, NULL, &err);
    }
    for (i = 0; i < POLLS && err.status == NIMBUS_OK; i++) {
        err.status = nimbus_queue_receive_async(queues[i % 10], NIMBUS_HOURS(10), NULL, 1, closed, &calls, NULL);
    }
    if (err.status != NIMBUS_OK) {
        fprintf(stderr, "%s\n", nimbus_status_name(err.status));
        return 1;
    }
    (void)sleep(1); /* let the threads settle: this mode measures idleness, so it has to wait */
    before = switches(&threads);
    (void)sleep(seconds);
    after = switches(&threads);
    printf("%d open long polls: %zu threads, %llu voluntary switches in %u s\n", POLLS, threads, after - before, seconds);
    if (nimbus_close(nb, NIMBUS_SECONDS(10), NULL) != NIMBUS_OK || atomic_load(&calls) != POLLS) {
        fprintf(stderr, "%zu of %d polls were closed\n", atomic_load(&calls), POLLS);
        return 1;
    }
    return after != before || threads != threads_before;
}

int main(int argc, char **argv)
{
    size_t messages = 200000;
    size_t wrong = 0;
    size_t i;

    if (argc == 3 && strcmp(argv[1], "--idle") == 0) {
        return idle((unsigned)strtoul(argv[2], NULL, 10));
    }
    if (argc == 2) {
        messages = (size_t)strtoul(argv[1], NULL, 10);
    }
    if (argc > 2 || messages < PRODUCERS) {
        fprintf(stderr, "usage: %s [MESSAGES | --idle SECONDS]\n", argv[0]);
        return 2;
    }
    wrong += to_the_end(messages, 0);
    wrong += to_the_end(messages / 4 < PRODUCERS ? PRODUCERS : messages / 4, 64); /* senders wait for room */
    for (i = 0; i < 20; i++) {
        wrong += shut_down_meanwhile(messages, messages / 1000 * i);
    }
    printf("20 shutdowns meanwhile: %zu wrong in all\n", wrong);
    return wrong > 0;
}
