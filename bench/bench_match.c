/* bench_match.c - the rule engine: how long an event takes, against N rules.
 *
 *     bench_match RULES.tsv EVENTS.jsonl [--rounds N] [--json]
 *     bench_match [--rounds N] [--json] [--case PART-OF-NAME] [--tiny]        workloads of its own: events.h
 *
 * Everything is loaded first, then all ways are run once to warm up. A round goes through all events once a way: validated (the whole event
 * is checked), early stop (a trusted event is read no further than any rule needs), and the floors of the same run: each byte read once,
 * and a parse by simdjson, where that is installed. Rows show the best and the median round, in ns an event. Bytes are those that the
 * matcher took from its allocator and kept.
 *
 * The engines that the targets speak of (event-ruler, quamina, quamina-rs) are no Debian packages: no ratio to them is claimed. */
#include "events.h"
#include "harness.h"
#include "peers/simdjson.h"

#include <nimbus/pattern.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROUNDS = 101, RECORDS = 4000, PADDING = 64 };

typedef struct slice {
    const char *data;
    size_t size;
} slice;

/* A loaded workload: the texts are cut into lines in place. */
typedef struct workload {
    const char *name;
    bench_text rules_text, events_text;
    slice *rules; /* a name, a NUL and a pattern each */
    slice *events;
    size_t rule_count, event_count;
} workload;

/* What is to be reached; 0: nothing. */
typedef struct targets {
    const char *peer; /* the best of the peers, and its time where targets were set; NULL: there is none */
    double peer_ratio;
    double max_ns, max_bytes, min_build_rate;
    double ratio_to_few; /* to our own cost at 100 rules */
} targets;

enum { VALIDATED, EARLY_STOP, READ_ONCE, SIMDJSON, WAYS };

static const char *const way_names[WAYS] = { "nimbus, validated", "nimbus, early stop", "floor: each byte read once", "floor: simdjson" };

typedef struct figures {
    double ns[WAYS][MAX_ROUNDS];
    double build_ns;
    size_t live;  /* what the allocator has handed out */
    size_t bytes; /* of it, when all rules were in and some events had been matched */
    uint64_t matches;
} figures;

static struct {
    unsigned rounds;
    bool json, tiny;
    const char *only;
} set = { 7, false, false, NULL };

static unsigned met, missed, absent;
static double cost_of_few; /* early stop at 100 exact rules */

/* ----------------------------------------------------------------------------------------------- loading */

static void read_text(bench_text *text, const char *name)
{
    FILE *file = fopen(name, "rb");
    bench_check(file != NULL, name);
    for (size_t got = 1; got != 0; text->size += got) {
        if (text->room - text->size < 65536) {
            text->room = text->room * 2 + (1 << 20);
            text->data = realloc(text->data, text->room);
            bench_check(text->data != NULL, "out of memory");
        }
        got = fread(text->data + text->size, 1, text->room - text->size - PADDING, file);
    }
    fclose(file);
}

static slice *cut(bench_text *text, size_t *ret_count)
{
    size_t lines = 1, count = 0;
    char *at, *end;
    bench_say(text, "%*s", PADDING, ""); /* simdjson reads behind the last event */
    end = text->data + text->size - PADDING;
    for (at = text->data; at < end; at++)
        lines += *at == '\n';
    slice *slices = bench_alloc(lines * sizeof *slices);
    for (at = text->data; at < end;) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop == NULL ? end : stop;
        if (stop != at)
            slices[count++] = (slice){ at, (size_t)(stop - at) };
        *stop = ' ';
        at = stop + 1;
    }
    *ret_count = count;
    return slices;
}

static void load(workload *w)
{
    w->events = cut(&w->events_text, &w->event_count);
    w->rules = cut(&w->rules_text, &w->rule_count);
    for (size_t i = 0; i < w->rule_count; i++) {
        char *line = w->rules_text.data + (w->rules[i].data - w->rules_text.data);
        char *tab = memchr(line, '\t', w->rules[i].size);
        bench_check(tab != NULL, "a rule is a name, a tab and a pattern");
        *tab = '\0';
        line[w->rules[i].size] = '\0';
    }
    bench_check(w->rule_count > 0 && w->event_count > 0, "a workload needs rules and events");
}

static void unload(workload *w)
{
    free(w->rules);
    free(w->events);
    bench_text_free(&w->rules_text);
    bench_text_free(&w->events_text);
}

/* ---------------------------------------------------------------------------------------------- measuring */

static void *count_allocate(size_t size, void *user)
{
    void *block = malloc(size);
    *(size_t *)user += block != NULL ? size : 0;
    return block;
}

static void count_release(void *block, size_t size, void *user)
{
    *(size_t *)user -= block != NULL ? size : 0;
    free(block);
}

static nimbus_matcher *build(const workload *w, figures *f, const nimbus_allocator *allocator)
{
    nimbus_error err = { 0 };
    uint64_t start = bench_now();
    nimbus_matcher *matcher = nimbus_matcher_create(&(nimbus_matcher_options){ .allocator = allocator }, &err);
    for (size_t i = 0; i < w->rule_count; i++)
        nimbus_matcher_add(matcher, w->rules[i].data, w->rules[i].data + strlen(w->rules[i].data) + 1, NULL, &err);
    f->build_ns = (double)(bench_now() - start);
    if (err.status != NIMBUS_OK)
        fprintf(stderr, "%s: %s at byte %zu\n", w->name, err.reason, err.offset);
    bench_check(err.status == NIMBUS_OK, "a rule is not valid");
    return matcher;
}

static uint64_t match_all(const workload *w, nimbus_matcher *matcher, bool trusted)
{
    const nimbus_match_options options = { .trusted = trusted };
    uint64_t matches = 0;
    for (size_t i = 0; i < w->event_count; i++) {
        size_t count = 0;
        nimbus_status status = nimbus_matcher_match(matcher, w->events[i].data, w->events[i].size, &options, NULL, NULL, &count);
        bench_check(status == NIMBUS_OK, "an event was refused");
        matches += count;
    }
    return matches;
}

static void read_all(const workload *w)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < w->event_count; i++) {
        const char *at = w->events[i].data;
        size_t left = w->events[i].size;
        for (; left >= 8; at += 8, left -= 8) {
            uint64_t word;
            memcpy(&word, at, 8);
            sum += word;
        }
        for (; left > 0; left--)
            sum += (unsigned char)*at++;
    }
    bench_use(sum);
}

/* Returns: the time of one pass over all events, in ns an event; BENCH_ABSENT. */
static double pass(const workload *w, nimbus_matcher *matcher, int way, uint64_t *ret_matches)
{
    uint64_t start = bench_now();
    if (way <= EARLY_STOP) {
        *ret_matches = match_all(w, matcher, way == EARLY_STOP);
    } else if (way == READ_ONCE) {
        read_all(w);
    } else {
        for (size_t i = 0; i < w->event_count; i++)
            if (!bench_simdjson_parse(w->events[i].data, w->events[i].size))
                return BENCH_ABSENT;
    }
    return (double)(bench_now() - start) / (double)w->event_count;
}

static void measure(const workload *w, figures *f)
{
    const nimbus_allocator allocator = { count_allocate, count_release, &f->live };
    nimbus_matcher *matcher = build(w, f, &allocator);
    uint64_t matches[2] = { 0, 0 };
    for (int way = 0; way < WAYS; way++)
        pass(w, matcher, way, &matches[way & 1]);
    bench_check(matches[0] == matches[1], "validated and early stop find the same rules");
    f->matches = matches[0];
    f->bytes = f->live;
    for (unsigned round = 0; round < set.rounds; round++) {
        for (int way = 0; way < WAYS; way++)
            f->ns[way][round] = pass(w, matcher, way, &matches[0]);
    }
    nimbus_matcher_release(matcher);
}

/* ----------------------------------------------------------------------------------------------- printing */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void judge(const char *what, double got, double wanted, bool at_least)
{
    bool ok = at_least ? got >= wanted : got <= wanted;
    met += ok;
    missed += !ok;
    if (!set.json)
        printf("    %-44s %s %12.2f, is %12.2f   %s\n", what, at_least ? ">=" : "<=", wanted, got, ok ? "met" : "missed  ");
}

static void print_targets(const workload *w, const figures *f, const targets *t)
{
    double ns = f->ns[EARLY_STOP][set.rounds / 2];
    if (t->peer != NULL) {
        absent++;
        if (!set.json)
            printf("    early stop <= %.2fx %s: peer absent\n", t->peer_ratio, t->peer);
    }
    if (t->max_ns > 0)
        judge("early stop, ns an event", ns, t->max_ns, false);
    if (t->ratio_to_few > 0 && cost_of_few > 0)
        judge("early stop to its own cost at 100 rules", ns / cost_of_few, t->ratio_to_few, false);
    if (t->max_bytes > 0)
        judge("bytes a rule", (double)f->bytes / (double)w->rule_count, t->max_bytes, false);
    if (t->min_build_rate > 0)
        judge("rules a second, built", (double)w->rule_count / f->build_ns * 1e9, t->min_build_rate, true);
}

static void print_json(const workload *w, const figures *f)
{
    for (int way = 0; way < WAYS; way++) {
        double median = f->ns[way][set.rounds / 2];
        if (median < 0)
            continue;
        printf("{\"bench\":\"match\",\"case\":\"%s\",\"subject\":\"%s\",\"ns_per_op\":%.1f,\"best_ns_per_op\":%.1f,\"ops_per_s\":%.0f,"
               "\"rounds\":%u,\"rules\":%zu,\"events\":%zu,\"matches\":%llu,\"build_ms\":%.3f,\"bytes_per_rule\":%.1f}\n",
               w->name, way_names[way], median, f->ns[way][0], 1e9 / median, set.rounds, w->rule_count, w->event_count,
               (unsigned long long)f->matches, f->build_ns / 1e6, (double)f->bytes / (double)w->rule_count);
    }
}

static void print_table(const workload *w, const figures *f)
{
    printf("%s: %zu rules, built in %.2f ms, %.0f bytes a rule; %zu events of %zu bytes, %.3f matches an event\n", w->name, w->rule_count,
           f->build_ns / 1e6, (double)f->bytes / (double)w->rule_count, w->event_count, w->events_text.size / w->event_count,
           (double)f->matches / (double)w->event_count);
    for (int way = 0; way < WAYS; way++) {
        if (f->ns[way][0] < 0)
            printf("  %-28s peer absent\n", way_names[way]);
        else
            printf("  %-28s best %9.1f   median %9.1f ns an event\n", way_names[way], f->ns[way][0], f->ns[way][set.rounds / 2]);
    }
    printf("  %-28s peer absent\n", "event-ruler, quamina");
}

static void run(workload *w, const targets *t)
{
    figures *f = calloc(1, sizeof *f);
    bench_check(f != NULL, "out of memory");
    load(w);
    measure(w, f);
    for (int way = 0; way < WAYS; way++)
        qsort(f->ns[way], set.rounds, sizeof f->ns[way][0], compare);
    if (strcmp(w->name, "exact-100") == 0)
        cost_of_few = f->ns[EARLY_STOP][set.rounds / 2];
    if (set.json)
        print_json(w, f);
    else
        print_table(w, f);
    if (t != NULL && !set.tiny)
        print_targets(w, f, t);
    fflush(stdout);
    free(f);
    unload(w);
}

/* ------------------------------------------------------------------------------------------- own workloads */

static bool wanted(const char *name)
{
    return set.only == NULL || strstr(name, set.only) != NULL;
}

static void run_city_families(void)
{
    static const struct {
        const char *family;
        targets targets;
    } of_families[] = {
        { "EXACT", { "quamina (496 ns)", 0.4, 0, 0, 0, 0 } },
        { "WILDCARD", { "quamina (577 ns)", 0.4, 0, 0, 0, 0 } },
        { "PREFIX", { "quamina-rs (562 ns)", 0.33, 0, 0, 0, 0 } },
        { "SUFFIX", { "event-ruler (2,476 ns)", 0.2, 0, 0, 0, 0 } },
        { "EQUALS_IGNORE_CASE", { "quamina-rs (709 ns)", 0.33, 0, 0, 0, 0 } },
        { "NUMERIC", { "event-ruler (4,682 ns)", 0.2, 0, 0, 0, 0 } },
        { "ANYTHING_BUT", { "quamina-rs (1,530 ns)", 0.33, 0, 0, 0, 0 } },
        { "COMPLEX_ARRAYS", { "event-ruler (17,791 ns)", 0.15, 0, 0, 0, 0 } },
        { "PARTIAL_COMBO", { "event-ruler (13,935 ns)", 0.15, 0, 0, 0, 0 } },
        { "COMBO", { "event-ruler (37,332 ns)", 0.15, 0, 0, 0, 0 } },
        { "QUAMINA_CL", { "quamina-rs (3,092 ns)", 0.33, 0, 0, 0, 0 } },
    };
    for (size_t i = 0; bench_city_families[i] != NULL; i++) {
        workload w = { .name = bench_city_families[i] };
        const targets *t = NULL;
        if (!wanted(w.name))
            continue;
        for (size_t k = 0; k < BENCH_COUNT(of_families); k++)
            t = strcmp(of_families[k].family, w.name) == 0 ? &of_families[k].targets : t;
        bench_city_rules(&w.rules_text, w.name);
        bench_city_lots(&w.events_text, set.tiny ? 20 : RECORDS, 1);
        run(&w, t);
    }
}

static void run_many_rules(void)
{
    static const struct {
        const char *family;
        size_t rules;
        targets targets;
    } cases[] = {
        { "exact", 100, { "quamina (1,526 ns)", 1, 0, 0, 0, 0 } },
        { "exact", 1000, { NULL, 0, 0, 0, 0, 0 } },
        { "exact", 10000, { NULL, 0, 0, 0, 0, 0 } },
        { "exact", 100000, { "event-ruler (5,500 ns)", 0.6, 600, 250, 500000, 1.5 } },
        { "prefix", 100000, { "event-ruler (6,704 ns)", 0.15, 0, 300, 0, 0 } },
        { "suffix", 100000, { NULL, 0, 0, 0, 0, 0 } },
        { "wildcard", 100000, { "quamina (10,448 ns)", 0.2, 0, 400, 0, 0 } },
        { "wildstar", 1000, { "quamina-rs (5,874 ns)", 0.5, 0, 0, 100000, 0 } },
        { "numrange", 10000, { "event-ruler (5,622 ns)", 0.2, 0, 0, 0, 0 } },
        { "mixed", 10000, { NULL, 0, 2000, 0, 0, 0 } },
    };
    for (size_t i = 0; i < BENCH_COUNT(cases); i++) {
        char name[64];
        workload w = { .name = name };
        size_t rules = set.tiny ? 100 : cases[i].rules;
        snprintf(name, sizeof name, "%s-%zu", cases[i].family, rules);
        if (!wanted(name))
            continue;
        bench_many_rules(&w.rules_text, cases[i].family, rules);
        bench_many_events(&w.events_text, cases[i].family, rules, set.tiny ? 20 : RECORDS, 1);
        run(&w, &cases[i].targets);
    }
}

/* Returns: how many arguments are files, the first ones; -1: a wrong argument. */
static int arguments(int argc, char **argv)
{
    int files = argc > 2 && argv[1][0] != '-' && argv[2][0] != '-' ? 2 : 0;
    for (int i = 1 + files; i < argc; i++) {
        if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            set.rounds = (unsigned)strtoul(argv[++i], NULL, 10);
            if (set.rounds == 0 || set.rounds > MAX_ROUNDS)
                return -1;
        } else if (strcmp(argv[i], "--case") == 0 && i + 1 < argc) {
            set.only = argv[++i];
        } else if (strcmp(argv[i], "--json") == 0) {
            set.json = true;
        } else if (strcmp(argv[i], "--tiny") == 0) {
            set.tiny = true;
            set.rounds = 1;
        } else if (strcmp(argv[i], "--alone") != 0) { /* run_all.sh may say so: there are only floors beside us */
            return -1;
        }
    }
    return files;
}

int main(int argc, char **argv)
{
    int files = arguments(argc, argv);
    if (files < 0) {
        fprintf(stderr, "usage: bench_match [RULES.tsv EVENTS.jsonl] [--rounds N] [--json] [--case PART-OF-NAME] [--tiny] [--alone]\n");
        return 2;
    }
    if (files == 2) {
        workload w = { .name = argv[1] };
        read_text(&w.rules_text, argv[1]);
        read_text(&w.events_text, argv[2]);
        run(&w, NULL);
        return 0;
    }
    run_city_families();
    run_many_rules();
    if (!set.json)
        printf("targets of match: %u met, %u missed, %u without their peer\n", met, missed, absent);
    return 0;
}
