/*
 * blowup.c - input that is made to be slow: twice of it may cost little more than twice the work.
 *
 *     blowup [PART-OF-NAME [KEYS]]
 *
 * Work is counted, not timed: ret_steps of a match, and the bytes that a matcher holds. Each attack is built at size n and at 2n;
 * work(2n) / work(n) must be at most 2.2, or what the attack says: where the answer does not grow, the work may not grow either.
 *
 * A matcher's tables are keyed, so that nobody can foresee how many places a probe looks at. The key comes from the addresses of
 * the matcher and of its thread's variables. So that a run can be repeated, and n and 2n are compared under the same keys, both lie at
 * chosen addresses here; the work is that of several keys together. KEYS (0, 1, 2 ...) chooses others. Lists of excluded values are
 * found by where their parts lie, so those rows still differ by a step or two from run to run.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "attack.h"

#define LINEAR 2.2
#define FLAT 1.25
#define MAX_SAMPLES 15
#define SLACK 32 /* steps */
#define ROOM 2.7 /* of memory: tables double, each at its own time */

typedef struct family {
    const char *name;
    attack_fn *build;
    size_t n;
    double most;       /* work(2n) / work(n) */
    double most_bytes; /* of memory; 0: not looked at */
} family;

static unsigned failures;

static void check(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "blowup: %s\n", what);
        exit(2);
    }
}

void say(text *t, const char *format, ...)
{
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (t->room - t->size <= (size_t)size) {
        t->room = 2 * t->room + (size_t)size + 64;
        t->data = realloc(t->data, t->room);
        check(t->data != NULL, "out of memory");
    }
    va_start(args, format);
    vsnprintf(t->data + t->size, t->room - t->size, format, args);
    va_end(args);
    t->size += (size_t)size;
}

void repeat(text *t, const char *piece, size_t times)
{
    while (times-- > 0) {
        say(t, "%s", piece);
    }
}

void add(attack *a, text *pattern)
{
    nimbus_error err = { 0 };
    char id[32];

    snprintf(id, sizeof id, "r%zu", a->rules++);
    nimbus_matcher_add(a->matcher, id, pattern->data, NULL, &err);
    if (err.status != NIMBUS_OK) {
        fprintf(stderr, "%s at byte %zu of %.200s\n", err.reason, err.offset, pattern->data);
    }
    check(err.status == NIMBUS_OK, "a rule is not taken");
    pattern->size = 0;
}

void add_text(attack *a, const char *pattern)
{
    text t = { NULL, 0, 0 };

    say(&t, "%s", pattern);
    add(a, &t);
    free(t.data);
}

static const family families[] = {
    { "deep objects on the path", deep_objects, 400, LINEAR, 0 },
    { "deep arrays on the path", deep_arrays, 450, LINEAR, 0 },
    { "deep arrays of two fields", deep_elements, 240, LINEAR, 0 },
    { "deep nesting that no rule names", deep_unused, 240, LINEAR, 0 },
    { "elements with half of two fields", halves, 2000, LINEAR, 0 },
    { "elements with two of three fields", thirds, 2000, LINEAR, 0 },
    { "nested elements with half of two fields", nested_halves, 1000, LINEAR, 0 },
    { "elements without the absent field", absent_in_elements, 2000, LINEAR, 0 },
    { "two arrays of one path", two_arrays_of_one_path, 1000, LINEAR, 0 },
    { "many values", many_values, 3000, LINEAR, 0 },
    { "one key many times", one_key_many_times, 3000, LINEAR, 0 },
    { "stars, no match", stars, 1000, LINEAR, ROOM },
    { "stars, match", matching_stars, 1000, LINEAR, ROOM },
    { "a long piece between stars", long_piece, 4000, LINEAR, ROOM },
    { "two long pieces between stars", long_pieces, 4000, LINEAR, ROOM },
    { "a long piece with a period", periodic_piece, 4000, LINEAR, ROOM },
    { "many leading stars", many_leading_stars, 5000, FLAT, ROOM },
    { "many wildcards with a common letter", many_common_letters, 1000, LINEAR, ROOM },
    { "many words that begin alike", exact_values, 5000, FLAT, ROOM },
    { "many keys that are alike", alike_keys, 1000, LINEAR, ROOM },
    { "many anything-but on one field", anything_but, 50000, FLAT, ROOM },
    { "many anything-but beside an absent field", anything_but_alone, 5000, FLAT, ROOM },
    { "prefixes of one text", prefixes_of_one_text, 300, LINEAR, 0 },
    { "suffixes of one text", suffixes_of_one_text, 300, LINEAR, 0 },
    { "many ranges", ranges, 5000, FLAT, ROOM },
    { "many ranges inside each other", nested_ranges, 1000, LINEAR, ROOM },
    { "many blocks of addresses", blocks, 5000, FLAT, ROOM },
    { "many words ignoring case", words_ignoring_case, 5000, FLAT, ROOM },
    { "letters with two forms", doubling_case, 1000, LINEAR, ROOM },
    { "branches of $or", branches, 500, LINEAR, ROOM },
    { "a product of $or", product_of_branches, 100, FLAT, ROOM },
    { "a long number", long_number, 20000, LINEAR, 0 },
    { "a long exponent", long_exponent, 20000, LINEAR, 0 },
    { "a long text of escapes", long_escaped, 5000, LINEAR, 0 },
    { "a path of many steps", long_key, 450, LINEAR, ROOM },
    { "a key of many steps", dotted_keys, 5000, LINEAR, 0 },
};

/* ------------------------------------------------------------------------------------------------- keys */

#define PLACE 4096u      /* for a matcher and its heap: what is allocated first */
#define PLACES (1u << 14)
#define STACK ((size_t)8 << 20) /* of the thread, whose variables lie at its top */

static char *places;
static size_t first_place;

/* Places at addresses that are the same in each run, if the system has them free. */
static void reserve_places(size_t first)
{
    void *wanted = (void *)(sizeof(void *) > 4 ? (uintptr_t)UINT64_C(0x510000000000) : (uintptr_t)0x51000000);

    first_place = first;
    places = mmap(wanted, STACK + (size_t)PLACE * PLACES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    check(places != MAP_FAILED, "no room for matchers");
    places += STACK;
}

/* An allocator whose first blocks lie in a place. */
typedef struct placing {
    char *place;
    size_t used;
} placing;

static void *allocate(size_t size, void *user)
{
    placing *p = user;
    void *block = p->place + p->used;

    size = (size + 63) & ~(size_t)63;
    if (p->used + size > PLACE) {
        p->used = PLACE; /* later ones are nobody's key */
        return malloc(size);
    }
    p->used += size;
    return block;
}

static void release(void *block, size_t size, void *user)
{
    const placing *p = user;

    (void)size;
    if ((uintptr_t)block - (uintptr_t)p->place >= PLACE) {
        free(block);
    }
}

/* ------------------------------------------------------------------------------------------------ measuring */

/* One matcher, with the key of a place. */
static void measure_once(const family *f, size_t n, size_t place, double *ret_steps, double *ret_bytes)
{
    const nimbus_pattern_options patterns = { .max_wildcards = UINT32_MAX };
    placing p = { places + (first_place + place) % PLACES * PLACE, 0 };
    const nimbus_allocator allocator = { allocate, release, &p };
    const nimbus_matcher_options how = { .allocator = &allocator, .patterns = &patterns };
    nimbus_matcher_metrics metrics = { 0 };
    nimbus_error err = { 0 };
    uint64_t steps = 0;
    const nimbus_match_options options = { .ret_steps = &steps };
    attack a = { .matcher = nimbus_matcher_create(&how, &err) };
    size_t matches = 0;

    check(a.matcher != NULL && (uintptr_t)a.matcher - (uintptr_t)p.place < PLACE, "a matcher is made in its place");
    f->build(&a, n);
    check(nimbus_matcher_match(a.matcher, a.event.data, a.event.size, &options, NULL, NULL, &matches) == NIMBUS_OK, f->name);
    check(nimbus_matcher_get_metrics(a.matcher, &metrics) == NIMBUS_OK, "metrics");
    if (matches != a.matches) {
        printf("%s, %zu: %zu rules match, expected %zu\n", f->name, n, matches, a.matches);
        failures++;
    }
    *ret_steps = (double)steps;
    *ret_bytes = (double)metrics.bytes;
    nimbus_matcher_release(a.matcher);
    free(a.event.data);
}

/* The mean of some keys. */
static void measure(const family *f, size_t n, size_t samples, double *ret_steps, double *ret_bytes)
{
    *ret_steps = 0;
    for (size_t i = 0; i < samples; i++) {
        double steps;

        measure_once(f, n, i, &steps, ret_bytes);
        *ret_steps += steps / (double)samples;
    }
}

static void run(const family *f)
{
    double steps[2];
    double bytes[2];
    const size_t samples = f->n <= 5000 ? MAX_SAMPLES : 3;
    int bad;

    measure(f, f->n, samples, &steps[0], &bytes[0]);
    measure(f, 2 * f->n, samples, &steps[1], &bytes[1]);
    bad = steps[0] < 1 || steps[1] > f->most * steps[0] + SLACK || (f->most_bytes > 0 && bytes[1] > f->most_bytes * bytes[0]);
    printf("%-42s n %6zu: %9.0f steps, 2n: %9.0f, x%5.2f (at most %.2f); bytes x%5.2f%s\n", f->name, f->n, steps[0], steps[1],
           steps[1] / steps[0], f->most, bytes[1] / bytes[0], bad ? "   TOO MUCH" : "");
    failures += bad != 0;
}

/* A product beyond the limit is refused, however large it is, and before it is made. */
static void refuse_products(void)
{
    text p = { NULL, 0, 0 };
    nimbus_error err = { 0 };
    nimbus_pattern *pattern;

    say(&p, "{");
    for (size_t i = 0; i < 60; i++) {
        say(&p, "%s\"p%zu\":{\"$or\":[{\"a\":[1]},{\"b\":[1]},{\"c\":[1]},{\"d\":[1]}]}", i == 0 ? "" : ",", i);
    }
    say(&p, "}");
    pattern = nimbus_pattern_compile(p.data, NULL, &err);
    if (pattern != NULL || err.status != NIMBUS_E_TOO_COMPLEX) {
        printf("a product of 4 to the 60th is not refused as too complex\n");
        failures++;
    }
    nimbus_pattern_release(pattern);
    free(p.data);
}

static void *run_all(void *part)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (part == NULL || strstr(families[i].name, part) != NULL) {
            run(&families[i]);
        }
    }
    refuse_products();
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_attr_t attr;
    pthread_t thread;

    reserve_places(argc > 2 ? strtoul(argv[2], NULL, 10) * MAX_SAMPLES : 0);
    check(pthread_attr_init(&attr) == 0 && pthread_attr_setstack(&attr, places - STACK, STACK) == 0 &&
              pthread_create(&thread, &attr, run_all, argc > 1 ? argv[1] : NULL) == 0 && pthread_join(thread, NULL) == 0,
          "a thread");
    pthread_attr_destroy(&attr);
    printf("%u attacks too dear\n", failures);
    return failures != 0;
}
