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

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define NB_SELF_CACHES 2u /* owners remembered at once, per layer */

/* Called once, on the thread that ends; it is off the list then. */
typedef struct nb_self_hook {
    struct nb_self_hook *prev, *next;
    void (*ended)(struct nb_self_hook *hook);
} nb_self_hook;

/* A cache that this thread has with an owner. Written under nb_self_lock() only, by this thread or by an owner that closes. */
typedef struct nb_self_slot {
    _Atomic uint64_t owner; /* its serial number, never used again; 0: empty */
    void *cache;
} nb_self_slot;

typedef struct nb_self {
    struct nb_frame *innermost; /* exec/: the handlers it is inside of */
    uint32_t nesting;           /* exec/: publishes inside one another */
    void *works_for;            /* exec/: the worker that it is */
    nb_self_slot memory[NB_SELF_CACHES]; /* memory/: block caches */
    atomic_uint memory_busy;    /* memory/: 1 while it gives a block back; see memory/cache.h */
    uint32_t memory_victim;     /* memory/: the slot to be given up next */
    uint32_t memory_patience;   /* memory/: calls until it asks again for a cache that it could not have */
    bool memory_hooked;         /* memory/: the hook below is on the list */
    bool ending;                /* its hooks have begun to run: it gets no new ones */
    uint8_t hashes;             /* base/: 1: the processor has no instructions for SHA-256; 2: it has; 0: nobody has asked */
    nb_self_hook *hooks;
    nb_self_hook memory_hook;
} nb_self;

#ifdef NB_EXPLORE
nb_self *nb_self_get(void);
#else
extern _Thread_local nb_self nb_self_block __attribute__((tls_model("initial-exec")));

static inline nb_self *nb_self_get(void)
{
    nb_self *self = &nb_self_block;

#if defined(__SANITIZE_ADDRESS__)
    /*
     * gcc's check for NULL (-fsanitize=undefined, which our builds have beside this one) reads the flags of the addition that makes the
     * address; but the linker turns that addition into an instruction that sets none. So there is something in between.
     */
    __asm__("" : "+r"(self));
#endif
    return self;
}
#endif

/* Has hook called when this thread ends. False: it cannot be promised, or has begun; then keep nothing that must be given back. */
bool nb_self_at_end(nb_self_hook *hook);

/* Takes it off again; on the thread that put it there. */
void nb_self_not_at_end(nb_self_hook *hook);

/*
 * Guards what ties the blocks of threads to owners of caches: held by a thread that makes or gives up a cache, and by an owner that looks
 * at another thread's block. As every thread with a cache comes by here before it ends, the block is still there. Seldom taken; only locks
 * of memory/ are taken under it.
 */
void nb_self_lock(void);
void nb_self_unlock(void);

/* Tells this thread from all others that live; never 0. */
static inline uint64_t nb_self_number(void)
{
    return (uint64_t)(uintptr_t)nb_self_get();
}

#endif
