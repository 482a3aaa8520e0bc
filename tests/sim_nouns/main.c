/*
 * main.c - nimbus_sim_nouns: runs seeds, each twice, and looks that both runs saw the same.
 *
 *     nimbus_sim_nouns [--seed S] [--seeds K] [--steps N] [--table] [--any]
 *
 * --table prints how often each transition and each invariant was exercised; without --any one that never was fails the run.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "world.h"

uint64_t noun_covered[EV_COUNT];

static const char *const event_names[EV_COUNT] = {
#define NOUN_TEXT(name, text) #name ": " text,
    NOUN_EVENTS(NOUN_TEXT)
#undef NOUN_TEXT
};

static world *running;
static char broken_text[512];

void noun_broken(noun_event event, const char *format, ...)
{
    va_list list;
    int used = snprintf(broken_text, sizeof broken_text, "%.*s: ", (int)strcspn(event_names[event], ":"), event_names[event]);

    va_start(list, format);
    vsnprintf(broken_text + used, sizeof broken_text - (size_t)used, format, list);
    va_end(list);
    longjmp(running->out, 1); /* out of the library, perhaps: the instance is given up as it is */
}

/* Returns whether all held. */
static bool run_seed(uint64_t seed, uint32_t steps, uint64_t *ret_digest, uint64_t *messages)
{
    world *w = calloc(1, sizeof *w);
    bool good = false;

    if (w == NULL) {
        abort();
    }
    w->m.seed = seed;
    w->random = seed * UINT64_C(0xd1342543de82ef95);
    running = w;
    if (setjmp(w->out) == 0) {
        world_open(w);
        for (w->step = 0; w->step < steps; w->step++) {
            world_step(w);
        }
        world_end(w);
        *ret_digest = w->digest;
        *messages += w->messages;
        free(w);
        good = true;
    } else {
        printf("seed %llu, step %u: %s\n", (unsigned long long)seed, running->step, broken_text);
    }
    return good;
}

static bool cover_print(bool all)
{
    bool whole = true;

    for (int i = 0; i < EV_COUNT; i++) {
        if (all || noun_covered[i] == 0) {
            printf("%14llu  %s\n", (unsigned long long)noun_covered[i], event_names[i]);
        }
        whole = whole && noun_covered[i] != 0;
    }
    return whole;
}

int main(int argc, char **argv)
{
    uint64_t seed = 1, seeds = 1, steps = 600, messages = 0, first = 0, second = 0;
    bool table = false, any = false, good = true;
    clock_t begin = clock();

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        if (strcmp(argv[i], "--table") == 0) {
            table = true;
        } else if (strcmp(argv[i], "--any") == 0) {
            any = true;
        } else {
            uint64_t *to = strcmp(argv[i], "--seed") == 0    ? &seed
                           : strcmp(argv[i], "--seeds") == 0 ? &seeds
                           : strcmp(argv[i], "--steps") == 0 ? &steps
                                                             : NULL;

            if (to == NULL) {
                fprintf(stderr, "unknown option %s\n", argv[i]);
                return 2;
            }
            *to = strtoull(value, NULL, 0);
            i++;
        }
    }
    for (uint64_t i = 0; good && i < seeds; i++) {
        good = run_seed(seed + i, (uint32_t)steps, &first, &messages) && run_seed(seed + i, (uint32_t)steps, &second, &messages);
        if (good && first != second) {
            printf("seed %llu: two runs differ\n", (unsigned long long)(seed + i));
            good = false;
        }
    }
    if (good && !cover_print(table) && !any) {
        printf("the above were never exercised\n");
        good = false;
    }
    printf("%llu seeds, %llu messages, %.1f s, digest %016llx: %s\n", (unsigned long long)seeds, (unsigned long long)messages,
           (double)(clock() - begin) / CLOCKS_PER_SEC, (unsigned long long)first, good ? "passed" : "FAILED");
    return good ? 0 : 1;
}
