/**
 * world.h - a run: one driven instance under a manual clock with a topic, a bus, functions and queues, and its model.
 */
#ifndef SIM_NOUNS_WORLD_H
#define SIM_NOUNS_WORLD_H

#include <setjmp.h>

#include <nimbus/nimbus.h>

#include "model.h"

struct world;

/** What a function's handler knows. */
typedef struct n_worker {
    struct world *world;
    int function;
} n_worker;

typedef struct world {
    uint64_t random, digest, tags, messages;
    uint64_t blocks, bytes; /**< that the allocator has given out */
    nimbus_allocator allocator;
    nimbus_runtime *nb;
    nimbus_topic *topic;
    nimbus_queue *queues[N_QUEUES];
    nimbus_bus *bus;
    nimbus_function *functions[N_FUNCTIONS + 1];
    nimbus_subscription *subs[N_SUBSCRIPTIONS];
    n_worker workers[N_FUNCTIONS + 1];
    n_model m;
    uint32_t step;
    jmp_buf out;
} world;

/** The next number below n (splitmix64). Never twice in one expression: compilers differ in the order. */
static inline uint32_t below(world *w, uint32_t n)
{
    uint64_t z = (w->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(((z ^ z >> 31) >> 32) * n >> 32);
}

static inline bool chance(world *w, uint32_t percent)
{
    return below(w, 100) < percent;
}

/** Everything that can be seen goes in here; two runs of a seed must see the same. */
static inline void digest(world *w, uint64_t value)
{
    w->digest = (w->digest ^ value) * UINT64_C(0x9fb21c651e98df25);
    w->digest ^= w->digest >> 29;
}

void world_open(world *w);
void world_step(world *w);

/** Nothing new comes; all that waits must end, and every queue is emptied. */
void world_end(world *w);

void world_advance(world *w, int64_t by);

/* actors.c */
void act_publish(world *w);
void act_invoke(world *w);
void act_receive(world *w, int queue);
void act_subscribe(world *w);
void act_unsubscribe(world *w);

/** Draws where a path leads, and what becomes of failures there. */
nimbus_target draw_target(world *w, n_sub *sub, nimbus_delivery_options *options);

/* act_bus.c */
void act_put(world *w);
void act_rule(world *w);
void check_rules(world *w);
void check_counts(world *w);

#endif
