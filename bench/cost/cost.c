/*
 * cost.c - what the common paths are made of, on one thread: for the cost tables of docs/performance.md.
 *
 *     cost               times each path and its steps: the least of many short rounds, in ns of processor time an operation
 *     cost COUNT PATH    runs the path once warm and then COUNT times inside of measured(), for count.py, which runs it under callgrind
 */
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nimbus/nimbus.h>

enum { ROUNDS = 2000, RUN = 100, BATCH = 10, HANDLERS = 16 };

static nimbus_runtime *nb;
static nimbus_queue *queue, *copies[4];
static nimbus_topic *inline_topics[3], *queue_topic;
static unsigned long heard;
static const char text[64] = "x";

static nimbus_outcome hear(const nimbus_delivery *delivery, void *user)
{
    (void)delivery;
    ++*(unsigned long *)user;
    return NIMBUS_DONE;
}

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "cost: %s failed\n", what);
        exit(1);
    }
}

static void set_up(void)
{
    static const size_t handlers[3] = { 1, 4, HANDLERS };
    nimbus_error err = { .status = NIMBUS_OK };
    char name[16];

    nb = nimbus_open(&(nimbus_options){ .min_workers = 1, .max_workers = 1 }, &err);
    queue = nimbus_queue_create(nb, "queue", NULL, &err);
    queue_topic = nimbus_topic_create(nb, "queues", NULL, &err);
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "copy%zu", i);
        copies[i] = nimbus_queue_create(nb, name, NULL, &err);
        nimbus_topic_subscribe(queue_topic, nimbus_to_queue(copies[i]), NULL, &err, NULL);
    }
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "inline%zu", i);
        inline_topics[i] = nimbus_topic_create(nb, name, NULL, &err);
        for (size_t k = 0; k < handlers[i]; k++) {
            nimbus_topic_subscribe(inline_topics[i], nimbus_to_inline(hear, &heard, NULL), NULL, &err, NULL);
        }
    }
    must(err.status == NIMBUS_OK, err.call);
}

/* ----------------------------------------------------------------------------------------------- steps */

static nimbus_delivery held[RUN];
static nimbus_entry entries[BATCH]; /* cleared once: to clear one is what "an entry" says */

static void make_entries(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        nimbus_entry entry = { .body = nimbus_copy(text, sizeof text) };
        __asm__ volatile("" : : "r"(&entry) : "memory");
    }
}

static void send(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        entries[0].body = nimbus_copy(text, sizeof text);
        must(nimbus_queue_send(queue, entries, NULL) == NIMBUS_OK, "send");
    }
}

static void receive(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t got = 0;
        must(nimbus_queue_receive(queue, 0, NULL, &held[i], 1, &got) == NIMBUS_OK && got == 1, "receive");
    }
}

static void delete (size_t count)
{
    for (size_t i = 0; i < count; i++) {
        must(nimbus_delivery_delete(&held[i]) == NIMBUS_OK, "delete");
    }
}

static void cycle(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        send(1);
        receive(1);
        delete (1);
    }
}

static void send_batches(size_t count)
{
    for (size_t i = 0; i < count; i += BATCH) {
        for (size_t k = 0; k < BATCH; k++) {
            entries[k].body = nimbus_copy(text, sizeof text);
        }
        must(nimbus_queue_send_batch(queue, entries, BATCH, NULL) == NIMBUS_OK, "send_batch");
    }
}

static void receive_batches(size_t count)
{
    for (size_t i = 0; i < count; i += BATCH) {
        size_t got = 0;
        must(nimbus_queue_receive(queue, 0, NULL, &held[i], BATCH, &got) == NIMBUS_OK && got == BATCH, "receive of a batch");
    }
}

static void delete_batches(size_t count)
{
    nimbus_receipt receipts[BATCH];
    for (size_t i = 0; i < count; i += BATCH) {
        for (size_t k = 0; k < BATCH; k++) {
            receipts[k] = nimbus_delivery_receipt(&held[i + k]);
        }
        must(nimbus_queue_delete_batch(queue, receipts, BATCH, NULL) == NIMBUS_OK, "delete_batch");
        for (size_t k = 0; k < BATCH; k++) {
            nimbus_delivery_release(&held[i + k]);
        }
    }
}

static void delete_deliveries(size_t count)
{
    for (size_t i = 0; i < count; i += BATCH) {
        must(nimbus_delivery_delete_batch(&held[i], BATCH, NULL) == NIMBUS_OK, "delivery_delete_batch");
    }
}

static void cycle_batches(size_t count)
{
    for (size_t i = 0; i < count; i += BATCH) {
        send_batches(BATCH);
        receive_batches(BATCH);
        delete_deliveries(BATCH);
    }
}

static void cycle_receipts(size_t count)
{
    for (size_t i = 0; i < count; i += BATCH) {
        send_batches(BATCH);
        receive_batches(BATCH);
        delete_batches(BATCH);
    }
}

static void publish(nimbus_topic *topic, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        entries[0].body = nimbus_adopt((void *)(uintptr_t)text, sizeof text, NULL, NULL);
        must(nimbus_topic_publish(topic, entries, NULL) == NIMBUS_OK, "publish");
    }
}

static void inline_1(size_t count)
{
    publish(inline_topics[0], count);
}
static void inline_4(size_t count)
{
    publish(inline_topics[1], count);
}
static void inline_16(size_t count)
{
    publish(inline_topics[2], count);
}

static void inline_copied(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        entries[0].body = nimbus_copy(text, sizeof text);
        must(nimbus_topic_publish(inline_topics[0], entries, NULL) == NIMBUS_OK, "publish");
    }
}

static void drain(void)
{
    for (size_t i = 0; i < 4; i++) {
        uint64_t gone;
        must(nimbus_queue_purge(copies[i], &gone) == NIMBUS_OK, "purge");
    }
}

static void queues_4(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        entries[0].body = nimbus_copy(text, sizeof text);
        must(nimbus_topic_publish(queue_topic, entries, NULL) == NIMBUS_OK, "publish");
    }
}

static atomic_ulong word;

static void locked(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        atomic_fetch_add(&word, 1);
    }
}

static void coarse_clock(size_t count)
{
    struct timespec now;
    for (size_t i = 0; i < count; i++) {
        clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    }
}

static void exact_clock(size_t count)
{
    struct timespec now;
    for (size_t i = 0; i < count; i++) {
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
}

/* A path, or a step of one. Steps follow their path; each is run RUN times, then the next one. */
typedef struct path {
    const char *name;
    void (*run)(size_t count);
    bool step;
    void (*after)(void); /* not timed */
} path;

static const path paths[] = {
    { "a locked instruction", locked, false, NULL },
    { "a reading of the coarse clock", coarse_clock, false, NULL },
    { "a reading of the exact clock", exact_clock, false, NULL },
    { "an entry that the caller makes", make_entries, false, NULL },
    { "send, receive, delete", cycle, false, NULL },
    { "send", send, true, NULL },
    { "receive", receive, true, NULL },
    { "delete", delete, true, NULL },
    { "the same in batches", cycle_batches, false, NULL },
    { "send_batch", send_batches, true, NULL },
    { "receive of a batch", receive_batches, true, NULL },
    { "delete of a batch", delete_deliveries, true, NULL },
    { "in batches, deleted by receipt", cycle_receipts, false, NULL },
    { "publish to 1 handler, copied", inline_copied, false, NULL },
    { "publish to 1 handler", inline_1, false, NULL },
    { "publish to 4 handlers", inline_4, false, NULL },
    { "publish to 16 handlers", inline_16, false, NULL },
    { "publish to 4 queues", queues_4, false, drain },
};

enum { PATHS = sizeof paths / sizeof paths[0] };

static uint64_t processor_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static double least[PATHS], least_of_nothing;

static void nothing(size_t count)
{
    (void)count;
}

/* In ns an operation, with the two readings of the clock. */
static double time_one(void (*run)(size_t count))
{
    uint64_t start = processor_ns();
    run(RUN);
    return (double)(processor_ns() - start) / RUN;
}

/* All paths in turn, so that steps find what the step before has left, and a slow machine slows all of them. */
static void time_all(void)
{
    double ns = time_one(nothing);
    least_of_nothing = least_of_nothing == 0 || ns < least_of_nothing ? ns : least_of_nothing;
    for (size_t i = 0; i < PATHS; i++) {
        ns = time_one(paths[i].run);
        if (paths[i].after != NULL) {
            paths[i].after();
        }
        least[i] = least[i] == 0 || ns < least[i] ? ns : least[i];
    }
}

/* By name, so that callgrind finds it. */
__attribute__((noinline)) void measured(void (*run)(size_t count), size_t count);
__attribute__((noinline)) void measured(void (*run)(size_t count), size_t count)
{
    run(count);
    __asm__ volatile("" ::: "memory"); /* no tail call: the call of run is inside */
}

static int count_one(size_t count, const char *name)
{
    for (size_t i = 0; i < PATHS; i++) {
        if (strcmp(paths[i].name, name) == 0 && count > 0 && count <= RUN) {
            size_t first = i;
            while (paths[first].step) { /* what it finds is what the steps before have left */
                first--;
            }
            for (int round = 0; round < 20; round++) { /* warm */
                for (size_t k = first; k == first || (k < PATHS && paths[k].step); k++) {
                    paths[k].run(count);
                    if (paths[k].after != NULL) {
                        paths[k].after();
                    }
                }
            }
            for (size_t k = first + 1; k < i; k++) {
                paths[k].run(count);
            }
            measured(paths[i].run, count);
            _Exit(0); /* in the middle of something perhaps */
        }
    }
    fprintf(stderr, "cost: no path \"%s\", or not 1 to %d times\n", name, (int)RUN);
    return 2;
}

int main(int argc, char **argv)
{
    set_up();
    if (argc == 3) {
        return count_one((size_t)strtoul(argv[1], NULL, 10), argv[2]);
    }
    for (int round = 0; round < ROUNDS; round++) {
        time_all();
    }
    for (size_t i = 0; i < PATHS; i++) {
        printf("%s%s\t%.1f\n", paths[i].step ? "  " : "", paths[i].name, least[i] - least_of_nothing);
    }
    must(nimbus_close(nb, 0, NULL) == NIMBUS_OK, "close");
    return 0;
}
