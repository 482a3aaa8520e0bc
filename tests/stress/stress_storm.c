/*
 * stress_storm - threads that are stopped anywhere, for a moment, while messages go through queues, topics and functions.
 *
 *     stress_storm [MESSAGES] [SEED]       500,000 messages by default; some cases take half of them
 *
 * A storm stops one thread after the other by a signal whose handler sleeps: callers, and workers of the pool (their handlers let the
 * signal through). So a thread stands still with a lock, or between two steps of something without locks, while the others go on.
 *
 * Every message must be received exactly once: nothing lost, nothing doubled. What one consumer gets of one producer must come in the
 * order of the sends. A hang is a state, not a time: nobody is stopped by the storm, every thread sleeps, nothing moves, and messages are
 * missing. The storm counts in how many of its windows (a stop and the moment after it) nothing was received; that is a figure, no fault:
 * a thread that is stopped between claiming a place and filling it holds up those behind it.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <nimbus/nimbus.h>

enum { PRODUCERS = 4, MAX_CONSUMERS = 4, MAX_COPIES = 3, STILL = 40 /* looks, 25 ms apart, until stillness is a hang */ };

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define MESSAGES 60000
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define MESSAGES 60000
#endif
#endif
#ifndef MESSAGES
#define MESSAGES 500000
#endif

typedef struct body {
    uint32_t producer, number;
} body;

/* What each message must reach: copies of them, each with its own book. */
typedef struct book {
    atomic_uchar *seen; /* by producer and number */
    bool ordered;       /* one consumer: strict order for each producer */
    uint32_t latest[PRODUCERS];
} book;

typedef struct plan {
    const char *name;
    nimbus_runtime *nb;
    nimbus_queue *queues[MAX_COPIES];
    nimbus_topic *topic; /* NULL: straight into the first queue */
    nimbus_function *function;
    size_t queue_count, copies, consumers;
    uint32_t each;
    book books[MAX_COPIES];
    atomic_uint_fast64_t received;
    atomic_uint wrong;
} plan;

typedef struct member {
    plan *plan;
    uint32_t number; /* a producer; a consumer of queue number % queue_count */
    uint64_t random;
    pthread_t thread;
} member;

static atomic_uint stopped; /* threads that are in the signal handler */

static void report(plan *p, const char *what, body b, long detail)
{
    if (atomic_fetch_add(&p->wrong, 1) < 20) {
        fprintf(stderr, "%s: %s: producer %u, message %u (%ld)\n", p->name, what, b.producer, b.number, detail);
    }
}

static uint64_t draw(uint64_t *random, uint64_t bound)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*random >> 33) % bound;
}

static void let_signal_through(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* ------------------------------------------------------------------------------------------- the books */

static void account(plan *p, book *to, nimbus_bytes bytes)
{
    body b = { 0, 0 };

    if (bytes.size != sizeof b) {
        report(p, "a body of the wrong size", b, (long)bytes.size);
        return;
    }
    memcpy(&b, bytes.data, sizeof b);
    if (b.producer >= PRODUCERS || b.number >= p->each) {
        report(p, "never sent", b, 0);
        return;
    }
    if (atomic_fetch_add(&to->seen[b.producer * p->each + b.number], 1) != 0) {
        report(p, "received twice", b, 0);
    }
    if (to->ordered) {
        if (b.number + 1 <= to->latest[b.producer]) {
            report(p, "out of order", b, (long)to->latest[b.producer] - 1);
        }
        to->latest[b.producer] = b.number + 1;
    }
    atomic_fetch_add(&p->received, 1);
}

static nimbus_outcome handle(const nimbus_delivery *delivery, void *user)
{
    plan *p = user;

    let_signal_through();
    account(p, &p->books[p->queue_count], nimbus_delivery_body(delivery));
    return NIMBUS_DONE;
}

/* --------------------------------------------------------------------------------------------- threads */

static void *produce(void *user)
{
    member *m = user;
    plan *p = m->plan;
    body bodies[10];
    nimbus_entry entries[10];

    for (uint32_t next = 0; next < p->each;) {
        size_t count = draw(&m->random, 4) == 0 ? 1 + (size_t)draw(&m->random, 10) : 1;
        nimbus_status status;

        count = count < p->each - next ? count : p->each - next;
        memset(entries, 0, sizeof entries);
        for (size_t i = 0; i < count; i++) {
            bodies[i] = (body){ m->number, next + (uint32_t)i };
            entries[i].body = nimbus_copy(&bodies[i], sizeof bodies[i]);
            entries[i].wait = p->topic == NULL ? NIMBUS_FOREVER : 0;
        }
        if (p->topic != NULL) {
            status = nimbus_topic_publish_batch(p->topic, entries, count, NULL);
        } else {
            status =
                count == 1 ? nimbus_queue_send(p->queues[0], entries, NULL) : nimbus_queue_send_batch(p->queues[0], entries, count, NULL);
        }
        if (status != NIMBUS_OK) {
            report(p, nimbus_status_name(status), bodies[0], (long)count);
        }
        next += (uint32_t)count;
    }
    return NULL;
}

/* Until the queue is shut down. */
static void *consume(void *user)
{
    member *m = user;
    plan *p = m->plan;
    size_t which = m->number % p->queue_count;
    nimbus_delivery deliveries[10] = { { .private_ = { 0 } } };

    for (;;) {
        nimbus_receipt receipts[10];
        size_t count = 0, max = 1 + (size_t)draw(&m->random, 10);
        bool by_receipt = draw(&m->random, 2) == 0;
        nimbus_status status = nimbus_queue_receive(p->queues[which], NIMBUS_FOREVER, NULL, deliveries, max, &count);

        if (status == NIMBUS_E_CLOSED) {
            return NULL;
        }
        if (status != NIMBUS_OK || count == 0) {
            report(p, nimbus_status_name(status), (body){ 0, 0 }, (long)count);
        }
        for (size_t i = 0; i < count; i++) {
            account(p, &p->books[which], nimbus_delivery_body(&deliveries[i]));
            receipts[i] = nimbus_delivery_receipt(&deliveries[i]);
            status = by_receipt ? NIMBUS_OK : nimbus_delivery_delete(&deliveries[i]);
            if (status != NIMBUS_OK) {
                report(p, nimbus_status_name(status), (body){ 0, 0 }, 1);
            }
        }
        if (by_receipt && count > 0) {
            status = nimbus_queue_delete_batch(p->queues[which], receipts, count, NULL);
            if (status != NIMBUS_OK) {
                report(p, nimbus_status_name(status), (body){ 0, 0 }, 2);
            }
            for (size_t i = 0; i < count; i++) {
                nimbus_delivery_release(&deliveries[i]);
            }
        }
    }
}

/* ------------------------------------------------------------------------------------------- the storm */

static void on_signal(int number)
{
    int saved = errno;
    struct timespec now;

    (void)number;
    atomic_fetch_add(&stopped, 1);
    clock_gettime(CLOCK_MONOTONIC, &now);
    nanosleep(&(struct timespec){ .tv_nsec = now.tv_nsec % 16 == 0 ? 5000000 : 100000 + now.tv_nsec % 400000 }, NULL);
    atomic_fetch_sub(&stopped, 1);
    errno = saved;
}

/* The state letter of a thread, as the kernel shows it: R runs or would like to, S sleeps. */
static char state_of(const char *tid)
{
    char path[64], line[512];
    const char *end;
    FILE *file;
    size_t size;

    snprintf(path, sizeof path, "/proc/self/task/%.20s/stat", tid);
    file = fopen(path, "r");
    if (file == NULL) {
        return 'X';
    }
    size = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[size] = '\0';
    end = strrchr(line, ')');
    return end != NULL && end[1] == ' ' ? end[2] : 'X';
}

/* Goes through the threads but for this one: counts those that do not sleep, and picks one, by chance, for the signal. 0: none. */
static size_t look_around(uint64_t *random, pid_t *ret_pick)
{
    DIR *tasks = opendir("/proc/self/task");
    size_t awake = 0, others = 0;
    const struct dirent *entry;

    *ret_pick = 0;
    while (tasks != NULL && (entry = readdir(tasks)) != NULL) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (isdigit((unsigned char)entry->d_name[0]) && tid != (pid_t)syscall(SYS_gettid)) {
            awake += state_of(entry->d_name) != 'S';
            if (draw(random, ++others) == 0) {
                *ret_pick = tid;
            }
        }
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
    return awake;
}

static void nap(long ns)
{
    nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL);
}

/* Nothing moves: is it a hang? The threads are left alone while it looks. */
static bool hangs(const plan *p, uint64_t received, uint64_t *random)
{
    pid_t pick;

    for (int i = 0; i < STILL; i++) {
        nap(25000000);
        if (atomic_load(&p->received) != received || atomic_load(&stopped) > 0 || look_around(random, &pick) > 0) {
            return false;
        }
    }
    return true;
}

static void storm(plan *p, uint64_t expected, uint64_t seed)
{
    uint64_t random = seed, received = 0, windows = 0, dead = 0, quiet = 0;
    pid_t pick;

    while ((received = atomic_load(&p->received)) < expected) {
        (void)look_around(&random, &pick);
        if (pick != 0) {
            (void)syscall(SYS_tgkill, getpid(), pick, SIGUSR1); /* it may have ended */
        }
        nap(500000);
        windows++;
        quiet = atomic_load(&p->received) == received ? quiet + 1 : 0;
        dead += quiet > 0;
        if (quiet > 0 && quiet % 40 == 0 && hangs(p, atomic_load(&p->received), &random)) {
            fprintf(stderr, "%s: HANG: %" PRIu64 " of %" PRIu64 " received, and all threads sleep\n", p->name,
                    (uint64_t)atomic_load(&p->received), expected);
            _exit(1); /* nobody would come back to be joined */
        }
    }
    printf("%s: %" PRIu64 " received, %" PRIu64 " windows, %.1f %% of them without a receive\n", p->name, received, windows,
           windows > 0 ? 100.0 * (double)dead / (double)windows : 0.0);
}

/* ----------------------------------------------------------------------------------------------- cases */

static void set_up(plan *p, size_t capacity, bool fanout)
{
    nimbus_error err = { .status = NIMBUS_OK };
    char name[32];

    p->nb = nimbus_open(&(nimbus_options){ .min_workers = 2, .max_workers = 2 }, &err);
    for (size_t i = 0; i < p->queue_count; i++) {
        snprintf(name, sizeof name, "queue%zu", i);
        p->queues[i] = nimbus_queue_create(p->nb, name, &(nimbus_queue_options){ .capacity_messages = capacity }, &err);
    }
    if (fanout) {
        p->topic = nimbus_topic_create(p->nb, "all", NULL, &err);
        p->function = nimbus_function_create(p->nb, "handle", handle, p, &(nimbus_function_options){ .max_concurrency = 2 }, &err);
        for (size_t i = 0; i < p->queue_count; i++) {
            nimbus_topic_subscribe(p->topic, nimbus_to_queue(p->queues[i]), NULL, &err, NULL);
        }
        nimbus_topic_subscribe(p->topic, nimbus_to_function(p->function), NULL, &err, NULL);
    }
    p->copies = p->queue_count + (fanout ? 1 : 0);
    for (size_t i = 0; i < p->copies; i++) {
        p->books[i].seen = calloc((size_t)p->each * PRODUCERS, sizeof *p->books[i].seen);
        p->books[i].ordered = i < p->queue_count && p->consumers == p->queue_count;
        if (p->books[i].seen == NULL) {
            err.status = NIMBUS_E_NO_MEMORY;
        }
    }
    if (err.status != NIMBUS_OK) {
        fprintf(stderr, "%s: %s: %s\n", p->name, err.call, nimbus_status_name(err.status));
        exit(1);
    }
}

static void start(member *members, size_t count, plan *p, void *(*run)(void *), uint64_t seed)
{
    for (size_t i = 0; i < count; i++) {
        members[i] = (member){ .plan = p, .number = (uint32_t)i, .random = seed + i };
        if (pthread_create(&members[i].thread, NULL, run, &members[i]) != 0) {
            fprintf(stderr, "no thread\n");
            exit(1);
        }
    }
}

static unsigned run_case(const char *name, size_t messages, size_t queues, size_t consumers, size_t capacity, bool fanout, uint64_t seed)
{
    plan p = { .name = name, .queue_count = queues, .consumers = consumers, .each = (uint32_t)(messages / PRODUCERS) };
    member producers[PRODUCERS], takers[MAX_CONSUMERS];
    nimbus_leftovers left;
    nimbus_status status;

    set_up(&p, capacity, fanout);
    start(takers, consumers, &p, consume, seed);
    start(producers, PRODUCERS, &p, produce, seed * 3);
    storm(&p, (uint64_t)p.each * PRODUCERS * p.copies, seed * 7);
    for (size_t i = 0; i < PRODUCERS; i++) {
        pthread_join(producers[i].thread, NULL);
    }
    status = nimbus_shutdown(p.nb, NIMBUS_SECONDS(60), &left);
    for (size_t i = 0; i < consumers; i++) {
        pthread_join(takers[i].thread, NULL);
    }
    if (status == NIMBUS_OK) {
        status = nimbus_close(p.nb, NIMBUS_SECONDS(60), &left);
    }
    if (status != NIMBUS_OK || left.ready != 0 || left.in_flight != 0 || left.pending != 0 || left.running != 0) {
        report(&p, nimbus_status_name(status), (body){ 0, 0 }, (long)(left.ready + left.in_flight + left.pending));
    }
    for (size_t i = 0; i < p.copies; i++) {
        for (uint32_t k = 0; k < p.each * PRODUCERS; k++) {
            if (atomic_load(&p.books[i].seen[k]) != 1) {
                report(&p, "not received once", (body){ k / p.each, k % p.each }, atomic_load(&p.books[i].seen[k]));
            }
        }
        free(p.books[i].seen);
    }
    return atomic_load(&p.wrong);
}

int main(int argc, char **argv)
{
    size_t messages = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : MESSAGES;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    struct sigaction action;
    unsigned wrong = 0;

    if (argc > 3 || messages < PRODUCERS) {
        fprintf(stderr, "usage: %s [MESSAGES] [SEED]\n", argv[0]);
        return 2;
    }
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal; /* without SA_RESTART: what is interrupted has to cope */
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);

    wrong += run_case("4 to 4", messages, 1, 4, 0, false, seed);
    wrong += run_case("4 to 4, room for 64", messages / 2, 1, 4, 64, false, seed + 1);
    wrong += run_case("4 to 1, in order", messages, 1, 1, 0, false, seed + 2);
    wrong += run_case("a topic to 2 queues and a function", messages / 2, 2, 2, 0, true, seed + 3);
    printf("%u wrong\n", wrong);
    return wrong > 0;
}
