/*
 * self.h - what the library keeps for each thread: one block of pointers, and hooks that run when the thread ends.
 *
 * This is the only thread-local storage there is. The members belong to the layers that are named beside them; platform/ only keeps them.
 * Everything is zero in a thread that has never called in.
 *
 * The schedule explorer has threads of its own (fibers) and gives each of them a block.
 */
#ifndef NB_PLATFORM_SELF_H
#define NB_PLATFORM_SELF_H

#include <stdbool.h>
#include <stdint.h>

#define NB_SELF_CACHES 2u /* owners remembered at once, per layer */

/* Called once, on the thread that ends; it is off the list then. */
typedef struct nb_self_hook {
    struct nb_self_hook *prev, *next;
    void (*ended)(struct nb_self_hook *hook);
} nb_self_hook;

typedef struct nb_self {
    struct nb_frame *innermost; /* exec/: the handlers it is inside of */
    uint32_t nesting;           /* exec/: publishes inside one another */
    const void *works_for;      /* exec/: the pool whose worker it is */
    void *memory[NB_SELF_CACHES]; /* memory/: block caches, last used first */
    void *epoch[NB_SELF_CACHES];  /* sync/: epoch records, last used first */
    nb_self_hook *hooks;
} nb_self;

#ifdef NB_EXPLORE
nb_self *nb_self_get(void);
#else
extern _Thread_local nb_self nb_self_block __attribute__((tls_model("initial-exec")));

static inline nb_self *nb_self_get(void)
{
    return &nb_self_block;
}
#endif

/* Has hook called when this thread ends. False: the system cannot promise it; then keep nothing that must be given back. */
bool nb_self_at_end(nb_self_hook *hook);

/* Takes it off again; on the thread that put it there. */
void nb_self_not_at_end(nb_self_hook *hook);

/* Tells this thread from all others that live; never 0. */
static inline uint64_t nb_self_number(void)
{
    return (uint64_t)(uintptr_t)nb_self_get();
}

#endif
