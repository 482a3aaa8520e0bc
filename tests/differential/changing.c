/*
 * changing.c - several threads match while rules come and go: each answer must have been right at some moment of the call.
 *
 *     changing [--changes N] [--threads N] [--seed S]
 *
 * Half of the rules stay, half are put in, replaced and taken out by one thread, without a pause. Every rule has a number that the changing
 * thread raises before and after each change. A matching thread notes the numbers, matches, and notes them again: a rule whose number is
 * even and still the same was in or out for the whole of the call, and must be reported or not as the reference matcher says; of the others
 * only those that match the event may be reported. What the rules hand to the visitor is freed by the matcher's destroy: a checker of
 * memory sees whether one is used too late, and at the end each must have been destroyed once.
 *
 * It prints how long the longest match took, the longest gap between two answers of a thread, and how often a matching thread gave up its
 * core in a match by itself. A match never waits for a change, so that is never more than what the allocator does when a match ends what
 * was handed out with a rule. The gaps are those of the machine: with fewer cores than threads, the turns of the others.
 */
#define _GNU_SOURCE /* RUSAGE_THREAD, where there is one */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <nimbus/pattern.h>

#include "generate.h"
#include "reference.h"

#define RULES 48
#define EVENTS 24
#define MAX_THREADS 16

typedef struct rule {
    gen_text text;
    char id[16];
    ref_pattern *reference;
    bool stays;
    bool in;                 /* the changing thread's */
    atomic_uint_fast64_t at; /* odd: it is being changed; else bit 1 says whether it is in, and no number comes twice */
} rule;

/* What the matcher hands out with a rule. */
typedef struct ticket {
    unsigned rule;
} ticket;

typedef struct watcher {
    pthread_t thread;
    uint64_t seed;
    unsigned long matches;
    unsigned long sure; /* rules whose answer was certain, and was checked */
    uint64_t longest;   /* ns */
    uint64_t gap;       /* ns, from one answer to the next */
    uint64_t answered;  /* when it was, the last time; 0: never */
    long sleeps;        /* times that the thread waited for something */
} watcher;

static rule rules[RULES];
static gen_text events[EVENTS];
static bool expected[EVENTS][RULES];
static nimbus_matcher *matcher;
static atomic_bool done;
static atomic_ulong failures;
static atomic_ulong destroyed;
static unsigned long tickets;

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void fail(const char *what, unsigned r, unsigned e)
{
    if (atomic_fetch_add(&failures, 1) < 10) {
        printf("%s\n  pattern %s\n  event %s\n", what, rules[r].text.data, events[e].data);
    }
}

static void on_destroy(void *user)
{
    free(user);
    atomic_fetch_add(&destroyed, 1);
}

static bool on_match(const nimbus_matched *matched, void *user)
{
    unsigned char *hits = user;

    hits[((const ticket *)matched->user)->rule]++;
    return true;
}

/* ------------------------------------------------------------------------------------------------- matching */

static void match_once(watcher *w, unsigned e)
{
    uint64_t before[RULES];
    unsigned char hits[RULES] = { 0 };
    uint64_t start;
    uint64_t took;

    for (unsigned r = 0; r < RULES; r++) {
        before[r] = atomic_load(&rules[r].at);
    }
    start = now();
    if (nimbus_matcher_match(matcher, events[e].data, events[e].size, NULL, on_match, hits, NULL) != NIMBUS_OK) {
        fail("a valid event is refused", 0, e);
        return;
    }
    took = now();
    if (w->answered != 0 && took - w->answered > w->gap) {
        w->gap = took - w->answered;
    }
    w->answered = took;
    took -= start;
    w->longest = took > w->longest ? took : w->longest;
    for (unsigned r = 0; r < RULES; r++) {
        bool sure = before[r] % 2 == 0 && atomic_load(&rules[r].at) == before[r];
        bool in = (before[r] & 2) != 0;

        if (hits[r] > (expected[e][r] ? 1 : 0)) {
            fail(expected[e][r] ? "a rule is reported twice" : "a rule is reported that does not match", r, e);
        } else if (sure && hits[r] != (in && expected[e][r])) {
            fail(in ? "a rule that was there is not reported" : "a rule that was gone is reported", r, e);
        }
        w->sure += sure;
    }
    w->matches++;
}

/* How often this thread gave up its core by itself, to wait for something; 0 where the system does not say. */
static long waits_of_thread(void)
{
    struct rusage usage = { 0 };

#ifdef RUSAGE_THREAD
    getrusage(RUSAGE_THREAD, &usage);
#endif
    return usage.ru_nvcsw;
}

static void *watch(void *arg)
{
    watcher *w = arg;
    gen dice = { .state = w->seed };
    long before = waits_of_thread();

    do {
        match_once(w, gen_below(&dice, EVENTS));
    } while (!atomic_load(&done));
    w->sleeps = waits_of_thread() - before;
    return NULL;
}

/* ------------------------------------------------------------------------------------------------- changing */

static void put_in(unsigned r)
{
    nimbus_error err = { 0 };
    ticket *user = malloc(sizeof *user);

    *user = (ticket){ r };
    tickets++;
    if (nimbus_matcher_add(matcher, rules[r].id, rules[r].text.data, user, &err) != NIMBUS_OK) {
        fail(err.reason, r, 0);
        free(user);
    }
}

static void change(gen *dice)
{
    unsigned r = gen_below(dice, RULES / 2) * 2; /* those that do not stay */
    uint64_t at = atomic_load(&rules[r].at);
    bool replace = rules[r].in && gen_chance(dice, 30);

    if (replace) { /* the same again: it must be there all the time */
        put_in(r);
        return;
    }
    atomic_store(&rules[r].at, at + 1);
    if (rules[r].in && nimbus_matcher_remove(matcher, rules[r].id) != NIMBUS_OK) {
        fail("a rule that is there is not removed", r, 0);
    } else if (!rules[r].in) {
        put_in(r);
    }
    rules[r].in = !rules[r].in;
    /* the next number that is even, and says whether the rule is in */
    atomic_store(&rules[r].at, ((at >> 2) + 1) << 2 | (rules[r].in ? 2U : 0U));
}

/* Valid patterns and events that go together. */
static void draw(gen *dice)
{
    gen_leaf leaves[GEN_MAX_LEAVES];
    gen_value *base = gen_event(dice);
    size_t count = gen_leaves(base, leaves);
    ref_event *event;

    for (unsigned r = 0; r < RULES; r++) {
        while (rules[r].reference == NULL) {
            gen_text_free(&rules[r].text);
            gen_pattern(dice, &rules[r].text, leaves, count);
            rules[r].reference = ref_compile(rules[r].text.data, rules[r].text.size, REF_EVENT, NULL);
        }
        snprintf(rules[r].id, sizeof rules[r].id, "rule %u", r);
        rules[r].stays = r % 2 != 0;
    }
    for (unsigned e = 0; e < EVENTS; e++) {
        gen_value *variant = gen_variant(dice, base);

        gen_render(dice, &events[e], variant);
        gen_event_free(variant);
        event = ref_event_read(events[e].data, events[e].size);
        for (unsigned r = 0; r < RULES; r++) {
            expected[e][r] = ref_match(rules[r].reference, event);
        }
        ref_event_free(event);
    }
    gen_event_free(base);
}

static int report(const watcher *watchers, unsigned threads, unsigned long changes, uint64_t took)
{
    unsigned long matches = 0;
    unsigned long sure = 0;
    uint64_t longest = 0;
    uint64_t gap = 0;
    long sleeps = 0;

    for (unsigned i = 0; i < threads; i++) {
        matches += watchers[i].matches;
        sure += watchers[i].sure;
        longest = watchers[i].longest > longest ? watchers[i].longest : longest;
        gap = watchers[i].gap > gap ? watchers[i].gap : gap;
        sleeps += watchers[i].sleeps;
    }
    printf("%lu changes and %lu matches by %u threads in %.2f s; %lu answers were certain; %lu failures\n", changes, matches, threads,
           (double)took / 1e9, sure, atomic_load(&failures));
    printf("the longest match took %.3f ms, the longest gap between two answers of a thread %.3f ms; matching threads waited %ld times\n",
           (double)longest / 1e6, (double)gap / 1e6, sleeps);
    if (atomic_load(&destroyed) != tickets) {
        printf("%lu rules were added, %lu destroyed\n", tickets, atomic_load(&destroyed));
        return 1;
    }
    return atomic_load(&failures) != 0 || sure == 0;
}

int main(int argc, char **argv)
{
    static watcher watchers[MAX_THREADS];
    unsigned long changes = 20000;
    unsigned threads = 4;
    gen dice = { .state = 1 };
    uint64_t start;

    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned long value = strtoul(argv[i + 1], NULL, 10);

        if (strcmp(argv[i], "--changes") == 0) {
            changes = value;
        } else if (strcmp(argv[i], "--threads") == 0 && value >= 1 && value <= MAX_THREADS) {
            threads = (unsigned)value;
        } else if (strcmp(argv[i], "--seed") == 0) {
            dice.state = value;
        } else {
            fprintf(stderr, "usage: changing [--changes N] [--threads N] [--seed S]\n");
            return 2;
        }
    }
    draw(&dice);
    matcher = nimbus_matcher_create(&(nimbus_matcher_options){ .destroy = on_destroy }, NULL);
    for (unsigned r = 0; r < RULES; r++) {
        if (rules[r].stays) {
            put_in(r);
            rules[r].in = true;
            atomic_store(&rules[r].at, 2);
        }
    }
    start = now();
    for (unsigned i = 0; i < threads; i++) {
        watchers[i].seed = i + 1;
        pthread_create(&watchers[i].thread, NULL, watch, &watchers[i]);
    }
    for (unsigned long i = 0; i < changes; i++) {
        change(&dice);
    }
    atomic_store(&done, true);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(watchers[i].thread, NULL);
    }
    start = now() - start;
    nimbus_matcher_release(matcher);
    for (unsigned r = 0; r < RULES; r++) {
        ref_pattern_free(rules[r].reference);
        gen_text_free(&rules[r].text);
    }
    for (unsigned e = 0; e < EVENTS; e++) {
        gen_text_free(&events[e]);
    }
    return report(watchers, threads, changes, start);
}
