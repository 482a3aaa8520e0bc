/**
 * helpers.h - what the scenarios of topics, functions, mappings and buses share: a world (an instance on a counting allocator), probes
 * (handlers that answer by a script and keep a record), and short forms of the calls that every scenario makes.
 *
 * Handlers never assert: an assertion would jump out of the library. They write down what they saw; the test looks at it afterwards.
 */
#ifndef NIMBUS_TESTS_SCENARIO_HELPERS_H
#define NIMBUS_TESTS_SCENARIO_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <sched.h>

#include <cmocka.h>

#include <nimbus/nimbus.h>

#define T0 NIMBUS_SECONDS(1577836800) /* 2020-01-01T00:00:00Z: where a manual clock starts */

/* ----------------------------------------------------------------------------------------------- assert */

static inline void h_status(nimbus_status got, nimbus_status want, const char *text, const char *file, int line)
{
    if (got != want) {
        print_error("%s\n    gave %s, expected %s\n", text, nimbus_status_name(got), nimbus_status_name(want));
        _fail(file, line);
    }
}

static inline void h_equal(uint64_t got, uint64_t want, const char *text, const char *file, int line)
{
    if (got != want) {
        print_error("%s\n    is %llu, expected %llu\n", text, (unsigned long long)got, (unsigned long long)want);
        _fail(file, line);
    }
}

static inline void h_true(bool holds, const char *text, const char *file, int line)
{
    if (!holds) {
        print_error("does not hold: %s\n", text);
        _fail(file, line);
    }
}

static inline void h_text(const char *got, const char *want, const char *text, const char *file, int line)
{
    if (got == NULL || strcmp(got, want) != 0) {
        print_error("%s\n    is \"%s\", expected \"%s\"\n", text, got == NULL ? "(NULL)" : got, want);
        _fail(file, line);
    }
}

#define IS(call, want) h_status((call), (want), #call, __FILE__, __LINE__)
#define OK(call) IS(call, NIMBUS_OK)
#define EQ(got, want) h_equal((uint64_t)(got), (uint64_t)(want), #got, __FILE__, __LINE__)
#define CHECK(condition) h_true((condition), #condition, __FILE__, __LINE__)
#define TEXT(got, want) h_text((got), (want), #got, __FILE__, __LINE__)
#define SPIN_UNTIL(condition)                                                                                                              \
    do {                                                                                                                                   \
        while (!(condition)) {                                                                                                             \
            sched_yield();                                                                                                                 \
        }                                                                                                                                  \
    } while (0)

/* ------------------------------------------------------------------------------------------------ world */

typedef struct world {
    nimbus_runtime *nb;
    nimbus_error err;
    atomic_size_t blocks;     /* that the library holds */
    atomic_size_t misfits;    /* releases with another size than was asked for */
    atomic_size_t traces[16]; /* by kind */
    nimbus_allocator allocator;
} world;

typedef union h_block {
    size_t size;
    max_align_t align;
} h_block;

static inline void *h_allocate(size_t size, void *user)
{
    world *w = user;
    h_block *block = malloc(sizeof *block + size);
    if (block == NULL) {
        return NULL;
    }
    block->size = size;
    atomic_fetch_add(&w->blocks, 1);
    return block + 1;
}

static inline void h_release(void *data, size_t size, void *user)
{
    world *w = user;
    h_block *block = data;
    if (block == NULL) {
        return;
    }
    block -= 1;
    if (block->size != size) {
        atomic_fetch_add(&w->misfits, 1);
    }
    atomic_fetch_sub(&w->blocks, 1);
    free(block);
}

static inline void h_trace(const nimbus_trace *trace, void *user)
{
    world *w = user;
    if (trace->kind >= 1 && trace->kind < 16) {
        atomic_fetch_add(&w->traces[trace->kind], trace->count == 0 ? 1 : trace->count);
    }
}

/* Opens an instance on the world's allocator and trace. */
static inline void world_open(world *w, nimbus_options options)
{
    memset(w, 0, sizeof *w);
    w->allocator.allocate = h_allocate;
    w->allocator.release = h_release;
    w->allocator.user = w;
    options.allocator = &w->allocator;
    options.trace = h_trace;
    options.trace_user = w;
    if (options.seed == 0) {
        options.seed = 42;
    }
    w->nb = nimbus_open(&options, &w->err);
    if (w->nb == NULL) {
        print_error("nimbus_open: %s %s\n", nimbus_status_name(w->err.status), w->err.reason);
    }
}

/* Fails if one of the set-up calls before it has. */
static inline void h_setup_ok(const world *w, const char *file, int line)
{
    if (w->err.status != NIMBUS_OK) {
        print_error("%s: %s, field \"%s\": %s\n", w->err.call, nimbus_status_name(w->err.status), w->err.field, w->err.reason);
        _fail(file, line);
    }
}
#define SETUP_OK(w) h_setup_ok((w), __FILE__, __LINE__)

/* What is left after the close: 0 if nothing. */
static inline int world_leaks(world *w)
{
    int wrong = 0;
    if (atomic_load(&w->blocks) != 0) {
        print_error("%zu blocks are still allocated after the close\n", atomic_load(&w->blocks));
        wrong = 1;
    }
    if (atomic_load(&w->misfits) != 0) {
        print_error("%zu blocks were released with a wrong size\n", atomic_load(&w->misfits));
        wrong = 1;
    }
    return wrong;
}

static inline int world_close(world *w)
{
    if (w->nb != NULL) {
        nimbus_status status = nimbus_close(w->nb, 0, NULL);
        if (status != NIMBUS_OK) {
            print_error("nimbus_close: %s\n", nimbus_status_name(status));
            return 1;
        }
        w->nb = NULL;
    }
    return world_leaks(w);
}

/* Probes are locals of a test. Its teardown, which closes the instance, finds them gone: no destroy may touch one from there on. */
static atomic_bool h_probes_gone;

static inline int h_open_for_test(void **state, nimbus_options options)
{
    world *w = malloc(sizeof *w);
    if (w == NULL) {
        return 1;
    }
    atomic_store(&h_probes_gone, false);
    world_open(w, options);
    *state = w;
    return w->nb == NULL;
}

static inline int driven_setup(void **state)
{
    return h_open_for_test(state, (nimbus_options){ .driven = true, .manual_clock = true });
}

static inline int threaded_setup(void **state)
{
    return h_open_for_test(state, (nimbus_options){ .min_workers = 4, .max_workers = 16 });
}

/* A threaded instance: what was stopped may need a moment to be let go of by the workers, so the close drains. */
static inline int threaded_teardown(void **state)
{
    world *w = *state;
    int wrong = 0;
    atomic_store(&h_probes_gone, true);
    if (w->nb != NULL) {
        nimbus_status status = nimbus_close(w->nb, NIMBUS_FOREVER, NULL);
        if (status != NIMBUS_OK) {
            print_error("nimbus_close: %s\n", nimbus_status_name(status));
            return 1;
        }
        w->nb = NULL;
    }
    wrong = world_leaks(w);
    free(w);
    return wrong;
}

static inline int driven_teardown(void **state)
{
    world *w = *state;
    int wrong = 0;
    atomic_store(&h_probes_gone, true);
    wrong = world_close(w);
    free(w);
    return wrong;
}

#define DRIVEN(test) cmocka_unit_test_setup_teardown(test, driven_setup, driven_teardown)
#define THREADED(test) cmocka_unit_test_setup_teardown(test, threaded_setup, threaded_teardown)

static inline void h_advance(world *w, nimbus_duration by, const char *file, int line)
{
    h_status(nimbus_advance(w->nb, by), NIMBUS_OK, "nimbus_advance", file, line);
}
#define ADVANCE(w, by) h_advance((w), (by), __FILE__, __LINE__)
#define RUN(w) h_advance((w), 0, __FILE__, __LINE__) /* what can run now */

static inline nimbus_duration elapsed(const world *w)
{
    return nimbus_now(w->nb) - T0;
}

static inline size_t traced(world *w, nimbus_trace_kind kind)
{
    return atomic_load(&w->traces[kind]);
}

/* ------------------------------------------------------------------------------------------------ bytes */

static inline nimbus_bytes bytes_of(const char *text)
{
    return (nimbus_bytes){ text, strlen(text) };
}

static inline void text_of(nimbus_bytes bytes, char *ret, size_t size)
{
    size_t n = bytes.size < size - 1 ? bytes.size : size - 1;
    if (n > 0) {
        memcpy(ret, bytes.data, n);
    }
    ret[n] = '\0';
}

/* Whether JSON bytes contain a piece of JSON text written without white space; white space outside of strings does not count. */
static inline bool json_has(nimbus_bytes json, const char *piece)
{
    const char *from = json.data;
    char *tight = malloc(json.size + 1);
    size_t n = 0;
    bool in_string = false;
    bool found = false;
    if (tight == NULL) {
        return false;
    }
    for (size_t i = 0; i < json.size; i++) {
        char c = from[i];
        if (!in_string && (c == ' ' || c == '\n' || c == '\r' || c == '\t')) {
            continue;
        }
        if (in_string && c == '\\' && i + 1 < json.size) {
            tight[n++] = c;
            c = from[++i];
        } else if (c == '"') {
            in_string = !in_string;
        }
        tight[n++] = c;
    }
    tight[n] = '\0';
    found = strstr(tight, piece) != NULL;
    if (!found) {
        print_error("no %s in %s\n", piece, tight);
    }
    free(tight);
    return found;
}

/* The same without a word about it: for pieces that must be absent. */
static inline bool json_lacks(nimbus_bytes json, const char *piece)
{
    size_t n = strlen(piece);
    const char *from = json.data;
    for (size_t i = 0; i + n <= json.size; i++) {
        if (memcmp(from + i, piece, n) == 0) {
            return false;
        }
    }
    return true;
}

/* ----------------------------------------------------------------------------------------------- queues */

static inline nimbus_queue *make_queue(world *w, const char *name)
{
    return nimbus_queue_create(w->nb, name, NULL, &w->err);
}

static inline nimbus_queue *make_small_queue(world *w, const char *name, size_t capacity)
{
    return nimbus_queue_create(w->nb, name, &(nimbus_queue_options){ .capacity_messages = capacity }, &w->err);
}

static inline nimbus_status send_text(nimbus_queue *queue, const char *text)
{
    return nimbus_queue_send(queue, &(nimbus_entry){ .body = nimbus_text(text) }, NULL);
}

static inline nimbus_queue_metrics queue_metrics(nimbus_queue *queue)
{
    nimbus_queue_metrics m;
    memset(&m, 0, sizeof m);
    (void)nimbus_queue_get_metrics(queue, &m);
    return m;
}

static inline uint64_t ready(nimbus_queue *queue)
{
    return queue_metrics(queue).ready;
}

static inline uint64_t in_flight(nimbus_queue *queue)
{
    return queue_metrics(queue).in_flight;
}

/* Receives one message without waiting. */
static inline nimbus_status receive_one(nimbus_queue *queue, nimbus_delivery *ret)
{
    size_t count = 0;
    return nimbus_queue_receive(queue, 0, NULL, ret, 1, &count);
}

/* Receives one message without waiting and deletes it. */
static inline nimbus_status take(nimbus_queue *queue, char *ret, size_t size)
{
    nimbus_delivery delivery;
    nimbus_status status;
    memset(&delivery, 0, sizeof delivery);
    status = receive_one(queue, &delivery);
    if (status != NIMBUS_OK) {
        return status;
    }
    text_of(nimbus_delivery_body(&delivery), ret, size);
    return nimbus_delivery_delete(&delivery);
}

/* Takes a message and compares it. */
static inline void h_takes(nimbus_queue *queue, const char *want, const char *file, int line)
{
    char text[512] = "";
    h_status(take(queue, text, sizeof text), NIMBUS_OK, "receive and delete", file, line);
    h_text(text, want, "message", file, line);
}
#define TAKES(queue, want) h_takes((queue), (want), __FILE__, __LINE__)

/* Takes everything that is ready; how many. */
static inline size_t drain(nimbus_queue *queue)
{
    char text[8];
    size_t n = 0;
    while (take(queue, text, sizeof text) == NIMBUS_OK) {
        n++;
    }
    return n;
}

/* The text of an attribute of a received message; "" if there is none. */
static inline void attribute_text(const nimbus_delivery *delivery, const char *name, char *ret, size_t size)
{
    nimbus_attribute attribute;
    ret[0] = '\0';
    if (nimbus_message_attribute(nimbus_delivery_message(delivery), name, &attribute) == NIMBUS_OK) {
        text_of(attribute.value, ret, size);
    }
}

/* ------------------------------------------------------------------------------------- topics and buses */

static inline nimbus_topic *make_topic(world *w, const char *name)
{
    return nimbus_topic_create(w->nb, name, NULL, &w->err);
}

static inline nimbus_published publish(nimbus_topic *topic, const char *text)
{
    nimbus_published ret;
    memset(&ret, 0, sizeof ret);
    (void)nimbus_topic_publish(topic, &(nimbus_entry){ .body = nimbus_text(text) }, &ret);
    return ret;
}

static inline nimbus_published publish_with(nimbus_topic *topic, const char *text, const nimbus_attribute *attributes, size_t count)
{
    nimbus_published ret;
    memset(&ret, 0, sizeof ret);
    (void)nimbus_topic_publish(topic, &(nimbus_entry){ .body = nimbus_text(text), .attributes = attributes, .attribute_count = count },
                               &ret);
    return ret;
}

static inline nimbus_subscription *subscribe(world *w, nimbus_topic *topic, nimbus_target target, const nimbus_delivery_options *options)
{
    nimbus_subscription *ret = NULL;
    (void)nimbus_topic_subscribe(topic, target, options, &w->err, &ret);
    return ret;
}

static inline nimbus_delivery_metrics subscription_metrics(nimbus_subscription *subscription)
{
    nimbus_delivery_metrics m;
    memset(&m, 0, sizeof m);
    (void)nimbus_subscription_get_metrics(subscription, &m);
    return m;
}

static inline bool balances(const nimbus_delivery_metrics *m)
{
    if (m->matched != m->delivered + m->pending + m->dead_lettered + m->discarded) {
        print_error("matched %llu, delivered %llu + pending %llu + dead-lettered %llu + discarded %llu\n", (unsigned long long)m->matched,
                    (unsigned long long)m->delivered, (unsigned long long)m->pending, (unsigned long long)m->dead_lettered,
                    (unsigned long long)m->discarded);
        return false;
    }
    return true;
}

static inline void h_ledger(nimbus_subscription *subscription, const char *file, int line)
{
    nimbus_delivery_metrics m;
    memset(&m, 0, sizeof m);
    h_status(nimbus_subscription_get_metrics(subscription, &m), NIMBUS_OK, "nimbus_subscription_get_metrics", file, line);
    h_true(balances(&m), "matched = delivered + pending + dead_lettered + discarded", file, line);
}
#define LEDGER(subscription) h_ledger((subscription), __FILE__, __LINE__)

static inline nimbus_put_result put(nimbus_bus *bus, const char *source, const char *detail_type, const char *detail)
{
    nimbus_put_result ret;
    nimbus_event event;
    memset(&ret, 0, sizeof ret);
    memset(&event, 0, sizeof event);
    event.source = source;
    event.detail_type = detail_type;
    event.detail = bytes_of(detail);
    (void)nimbus_bus_put(bus, &event, &ret);
    return ret;
}

static inline nimbus_rule_metrics rule_metrics(nimbus_bus *bus, const char *rule)
{
    nimbus_rule_metrics m;
    memset(&m, 0, sizeof m);
    (void)nimbus_rule_get_metrics(bus, rule, &m);
    return m;
}

static inline void h_rule_ledger(nimbus_bus *bus, const char *rule, const char *file, int line)
{
    nimbus_rule_metrics m;
    memset(&m, 0, sizeof m);
    h_status(nimbus_rule_get_metrics(bus, rule, &m), NIMBUS_OK, "nimbus_rule_get_metrics", file, line);
    h_true(balances(&m.deliveries), "matched = delivered + pending + dead_lettered + discarded", file, line);
}
#define RULE_LEDGER(bus, rule) h_rule_ledger((bus), (rule), __FILE__, __LINE__)

static inline nimbus_function_metrics function_metrics(nimbus_function *function)
{
    nimbus_function_metrics m;
    memset(&m, 0, sizeof m);
    (void)nimbus_function_get_metrics(function, &m);
    return m;
}

/* ----------------------------------------------------------------------------------------------- probes */

#define PROBE_MAX 64

/* A handler that answers by a script and keeps a record. Driven instances only: nothing in it is atomic. */
typedef struct probe {
    nimbus_outcome answer;    /* to every call behind the script */
    nimbus_outcome script[8]; /* to the first calls */
    size_t script_length;
    const char *reply; /* given before the answer; NULL: none */
    const char *fail;  /* reason given before the answer; NULL: none */
    bool keep;         /* keeps the invocation and answers NIMBUS_LATER */
    char tag;          /* written to journal at each call */
    char *journal;
    nimbus_subscription *end; /* unsubscribed in the call, without waiting; NULL: none */

    size_t calls;
    size_t destroyed;
    size_t late_calls; /* calls after the destroy */
    size_t kept_count;
    nimbus_invocation *kept[PROBE_MAX];
    nimbus_time at[PROBE_MAX]; /* since T0 */
    uint32_t count[PROBE_MAX]; /* receive_count */
    char body[PROBE_MAX][32];
    char last[2048];  /* body of the last call */
    char source[128]; /* info.source of the last call */
    nimbus_status end_status;
    size_t destroyed_in_call; /* destroyed, seen behind the unsubscribe of end */
} probe;

static inline nimbus_outcome probe_handler(const nimbus_delivery *delivery, void *user)
{
    probe *p = user;
    size_t n = p->calls++;
    nimbus_delivery_info info;
    memset(&info, 0, sizeof info);
    (void)nimbus_delivery_get_info(delivery, &info);
    if (p->destroyed != 0) {
        p->late_calls++;
    }
    if (n < PROBE_MAX) {
        p->at[n] = nimbus_now(nimbus_delivery_runtime(delivery)) - T0;
        p->count[n] = nimbus_delivery_receive_count(delivery);
        text_of(nimbus_delivery_body(delivery), p->body[n], sizeof p->body[n]);
    }
    text_of(nimbus_delivery_body(delivery), p->last, sizeof p->last);
    if (info.source != NULL) {
        snprintf(p->source, sizeof p->source, "%s", info.source);
    }
    if (p->journal != NULL) {
        size_t used = strlen(p->journal);
        p->journal[used] = p->tag;
        p->journal[used + 1] = '\0';
    }
    if (p->end != NULL) {
        p->end_status = nimbus_unsubscribe(p->end, 0);
        p->destroyed_in_call = p->destroyed;
    }
    if (p->reply != NULL) {
        (void)nimbus_delivery_reply(delivery, nimbus_text(p->reply));
    }
    if (p->fail != NULL) {
        (void)nimbus_delivery_fail(delivery, p->fail);
    }
    if (p->keep) {
        nimbus_invocation *kept = nimbus_delivery_keep(delivery);
        if (kept != NULL && p->kept_count < PROBE_MAX) {
            p->kept[p->kept_count++] = kept;
        }
        return NIMBUS_LATER;
    }
    return n < p->script_length ? p->script[n] : p->answer;
}

static inline void probe_destroy(void *user)
{
    probe *p = user;
    if (!atomic_load(&h_probes_gone)) {
        p->destroyed++;
    }
}

static inline nimbus_target to_probe(probe *p)
{
    return nimbus_to_callback(probe_handler, p, probe_destroy);
}

static inline nimbus_target to_inline_probe(probe *p)
{
    return nimbus_to_inline(probe_handler, p, probe_destroy);
}

static inline nimbus_function *probe_function(world *w, const char *name, probe *p, const nimbus_function_options *options)
{
    return nimbus_function_create(w->nb, name, probe_handler, p, options, &w->err);
}

/* A name of n letters. */
static inline char *long_name(char *ret, size_t n)
{
    memset(ret, 'n', n);
    ret[n] = '\0';
    return ret;
}

/* Out parameters that must stay untouched: filled with a pattern before, compared after. */
static inline void stain(void *data, size_t size)
{
    memset(data, 0xA5, size);
}

static inline bool stained(const void *data, size_t size)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < size; i++) {
        if (p[i] != 0xA5) {
            return false;
        }
    }
    return true;
}

#endif
