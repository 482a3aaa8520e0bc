/*
 * run.c - a run of one seed: who acts, step by step, and what a broken promise ends.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

const sim_actor actors[] = {
    { "send", act_send, 12 },
    { "send-batch", act_send_batch, 8 },
    { "burst", act_burst, 8 },
    { "receive", act_receive, 10 },
    { "consume", act_consume, 20 },
    { "end-held", act_end_held, 8 },
    { "old-receipt", act_old_receipt, 6 },
    { "receipt-batch", act_receipt_batch, 2 },
    { "async", act_async, 4 },
    { "cancel", act_cancel, 1 },
    { "take-back", act_take_back, 2 },
    { "ended", act_ended, 1 },
    { "time", act_time, 14 },
    { "purge", act_purge, 1 },
    { "delete", act_delete, 1 },
    { "create", act_create, 2 },
    { "set-options", act_set_options, 2 },
    { "peek", act_peek, 1 },
    { "metrics", act_metrics, 2 },
    { "explain", act_explain, 2 },
    { "move", act_move, 1 },
    { "slow", act_slow, 4 },
};
const uint32_t actor_count = sizeof actors / sizeof *actors;

_Static_assert(sizeof actors / sizeof *actors <= SIM_MAX_ACTORS, "weights has a place for each");

uint64_t sim_covered[EV_COUNT];

static const char *const event_names[EV_COUNT] = {
#define SIM_TEXT(name, text) #name ": " text,
    SIM_EVENTS(SIM_TEXT)
#undef SIM_TEXT
};

bool cover_print(bool all)
{
    bool whole = true;

    for (int i = 0; i < EV_COUNT; i++) {
        if (all || sim_covered[i] == 0) {
            printf("%14llu  %s\n", (unsigned long long)sim_covered[i], event_names[i]);
        }
        whole = whole && sim_covered[i] != 0;
    }
    return whole;
}

static sim *running;
static char broken_text[512];

void sim_broken(sim_event event, const char *format, ...)
{
    va_list list;
    int used = snprintf(broken_text, sizeof broken_text, "%.*s: ", (int)strcspn(event_names[event], ":"), event_names[event]);

    va_start(list, format);
    vsnprintf(broken_text + used, sizeof broken_text - (size_t)used, format, list);
    va_end(list);
    longjmp(running->out, 1); /* out of the library, perhaps: the instance is given up as it is */
}

/* Each actor is off in a third of the runs, the clock and the basics in none. */
static void weigh(sim *s)
{
    s->weight_sum = 0;
    for (uint32_t i = 0; i < actor_count; i++) {
        s->weights[i] = i > 1 && actors[i].act != act_time && chance(s, 30) ? 0 : actors[i].weight * (1 + below(s, 3));
        s->weight_sum += s->weights[i];
    }
}

uint32_t below_by_bytes(sim *s, uint32_t n)
{
    uint32_t value = 0;

    for (uint32_t reach = n - 1; reach > 0; reach >>= 8) {
        value = value << 8 | (s->bytes_left > 0 ? *s->bytes : 0);
        s->bytes += s->bytes_left > 0;
        s->bytes_left -= s->bytes_left > 0;
    }
    return value % n;
}

static uint32_t pick(sim *s)
{
    uint32_t at = below(s, s->bytes != NULL ? actor_count : s->weight_sum), actor = 0;

    if (s->bytes != NULL) {
        return at;
    }
    while (at >= s->weights[actor]) {
        at -= s->weights[actor++];
    }
    return actor;
}

static void step(sim *s, uint32_t number)
{
    uint32_t actor;

    s->step = number;
    s->random = (s->options->seed * UINT64_C(0xd1342543de82ef95)) ^ ((uint64_t)number + 1) * UINT64_C(0xda942042e4dd58b5);
    draw(&s->random);
    actor = pick(s);
    if ((s->options->actors_off >> actor & 1) != 0 || (s->options->skip != NULL && (s->options->skip[number / 8] >> number % 8 & 1) != 0)) {
        return;
    }
    if (s->options->verbose) {
        printf("step %u: %s\n", number, actors[actor].name);
        fflush(stdout);
    }
    s->m.now = nimbus_now(s->nb);
    faults_step(s);
    actors[actor].act(s);
    if (s->busy) {
        world_run(s);
        for (uint32_t i = 0; i < SIM_WAITERS; i++) {
            s->async[i].used = s->async[i].used && !s->async[i].called;
        }
    }
}

static void act_out(sim *s)
{
    s->random = s->options->seed ^ UINT64_C(0x5851f42d4c957f2d);
    faults_draw(s);
    if (s->bytes == NULL) {
        weigh(s);
    }
    world_open(s);
    for (uint32_t i = 0; i < s->options->steps && (s->bytes == NULL || s->bytes_left > 0); i++) {
        step(s, i);
    }
    s->random = s->options->seed;
    s->bytes = NULL;
    s->step = s->options->steps;
    faults_end(s);
    s->draining = true;
    for (uint32_t i = 0; i < SIM_WAITERS; i++) {
        cancel(s, &s->async[i]);
    }
    world_run(s);
    world_drain(s);
    world_close(s);
}

void sim_run(const sim_options *options, sim_result *ret)
{
    sim *s = calloc(1, sizeof *s);

    if (s == NULL) {
        abort();
    }
    s->options = options;
    s->bytes = options->bytes;
    s->bytes_left = options->size;
    heap_begin(&s->heap);
    for (uint32_t i = 0; i < SIM_HELD; i++) {
        s->held[i].number = -1;
    }
    memset(ret, 0, sizeof *ret);
    running = s;
    if (setjmp(s->out) == 0) {
        act_out(s);
    } else {
        ret->broken = true;
        memcpy(ret->text, broken_text, sizeof ret->text);
    }
    ret->step = s->step;
    ret->digest = s->digest;
    ret->messages = s->messages;
    ret->calls = s->calls;
    free(s);
}
