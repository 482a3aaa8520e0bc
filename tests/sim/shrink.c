/*
 * shrink.c - makes a failing run smaller. Each try runs in a process of its own, so that a crash is a failure like any other.
 *
 * A step is drawn from the seed and its own number, so leaving one out leaves the others what they are. Off go: everything behind the
 * failure, actors, faults, then runs of steps, each half as long as the last, down to single steps.
 */
#include "shrink.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIES 2000

typedef struct shrinking {
    sim_options options;
    uint8_t *skip;
    char wanted[8]; /* the invariant; empty: any failure */
    uint32_t tries;
} shrinking;

uint8_t *skip_of(const char *only, uint32_t steps)
{
    uint8_t *skip = malloc(steps / 8 + 1);

    if (skip == NULL) {
        abort();
    }
    memset(skip, 0xff, steps / 8 + 1);
    while (*only != '\0') {
        char *end;
        unsigned long from = strtoul(only, &end, 10), to = from;

        if (*end == '-') {
            to = strtoul(end + 1, &end, 10);
        }
        for (unsigned long i = from; i <= to && i < steps; i++) {
            skip[i / 8] &= (uint8_t)~(1u << i % 8);
        }
        only = *end == ',' ? end + 1 : "";
    }
    return skip;
}

/* Whether it still breaks, and in the same way. */
static bool breaks(shrinking *h)
{
    int status = 0;
    pid_t child;

    if (h->tries++ >= TRIES) {
        return false;
    }
    fflush(stdout);
    child = fork();
    if (child == 0) {
        sim_result result;

        sim_run(&h->options, &result);
        _exit(result.broken && strncmp(result.text, h->wanted, strlen(h->wanted)) == 0 ? 1 : 0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return false;
    }
    return WIFSIGNALED(status) || WEXITSTATUS(status) == 1;
}

static void drop_kinds(shrinking *h)
{
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        uint32_t before = h->options.faults_off;

        h->options.faults_off |= 1u << i;
        h->options.faults_off = breaks(h) ? h->options.faults_off : before;
    }
    for (uint32_t i = 0; i < actor_count; i++) {
        uint64_t before = h->options.actors_off;

        h->options.actors_off |= UINT64_C(1) << i;
        h->options.actors_off = breaks(h) ? h->options.actors_off : before;
    }
}

static bool kept(const shrinking *h, uint32_t step)
{
    return (h->skip[step / 8] >> step % 8 & 1) == 0;
}

static void drop_steps(shrinking *h)
{
    uint8_t *before = malloc(h->options.steps / 8 + 1);

    for (uint32_t length = h->options.steps / 2; length > 0 && before != NULL; length /= 2) {
        for (uint32_t from = 0; from < h->options.steps; from += length) {
            bool any = false;

            memcpy(before, h->skip, h->options.steps / 8 + 1);
            for (uint32_t i = from; i < from + length && i < h->options.steps; i++) {
                any = any || kept(h, i);
                h->skip[i / 8] |= (uint8_t)(1u << i % 8);
            }
            if (any && !breaks(h)) {
                memcpy(h->skip, before, h->options.steps / 8 + 1);
            }
        }
    }
    free(before);
}

static void print_names(const char *option, uint64_t bits, bool faults, uint32_t count)
{
    const char *comma = "";

    if (bits != 0) {
        printf(" %s ", option);
    }
    for (uint32_t i = 0; i < count; i++) {
        if ((bits >> i & 1) != 0) {
            printf("%s%s", comma, faults ? fault_names[i] : actors[i].name);
            comma = ",";
        }
    }
}

static void print_command(const shrinking *h)
{
    const char *comma = "";

    printf("nimbus_sim --seed %llu --steps %u --once --any --verbose", (unsigned long long)h->options.seed, h->options.steps);
    print_names("--without", h->options.actors_off, false, actor_count);
    print_names("--no-faults", h->options.faults_off, true, FAULT_COUNT);
    printf(" --only ");
    for (uint32_t i = 0; i < h->options.steps; i++) {
        uint32_t last = i;

        if (!kept(h, i)) {
            continue;
        }
        while (last + 1 < h->options.steps && kept(h, last + 1)) {
            last++;
        }
        printf(last > i ? "%s%u-%u" : "%s%u", comma, i, last);
        comma = ",";
        i = last;
    }
    printf("\n");
}

void shrink(const sim_options *options, const sim_result *failed)
{
    shrinking h = { .options = *options };
    size_t length = strcspn(failed->text, ":");

    if (failed->broken && length < sizeof h.wanted) {
        memcpy(h.wanted, failed->text, length);
    }
    h.options.verbose = false;
    h.options.steps = failed->broken && failed->step + 1 < options->steps ? failed->step + 1 : options->steps;
    h.skip = calloc(h.options.steps / 8 + 1, 1);
    if (h.skip == NULL) {
        return;
    }
    if (options->skip != NULL) {
        memcpy(h.skip, options->skip, h.options.steps / 8 + 1);
    }
    h.options.skip = h.skip;
    drop_kinds(&h);
    drop_steps(&h);
    printf("after %u tries:\n  ", h.tries);
    print_command(&h);
    free(h.skip);
}
