/*
 * atomic.h - every atomic operation of the library, one name for each order in use.
 *
 * Nobody writes a bare operator on an atomic, nor an order of C11: the names below are the list of what the library relies on. Each use
 * says, where it stands, with whom it pairs and what breaks without it; docs/memory-model.md collects the pairs.
 *
 * The operations work on any _Atomic integer, bool or pointer of up to 8 bytes. Plain data that threads hand to each other through these
 * operations is announced by nb_plain_read() and nb_plain_write(), which are nothing in a real build.
 *
 * The schedule explorer (tests/explore) compiles the same sources with NB_EXPLORE: then each name is a hook.
 */
#ifndef NB_SYNC_ATOMIC_H
#define NB_SYNC_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "platform/barrier.h"

#ifdef NB_EXPLORE

/*
 * Provides, with order one of memory_order_...:
 *   NB_HOOK_LOAD(p, order)  NB_HOOK_STORE(p, v, order)  NB_HOOK_EXCHANGE(p, v, order)  NB_HOOK_ADD(p, v, order)  NB_HOOK_SUB(p, v, order)
 *   NB_HOOK_OR(p, v, order)  NB_HOOK_AND(p, v, order)  NB_HOOK_CAS(p, expected, v, weak, success, failure)  NB_HOOK_FENCE(order)
 *   NB_HOOK_FENCE_AFTER_RMW()  NB_HOOK_FENCE_LIGHT()  NB_HOOK_FENCE_HEAVY()
 *   NB_HOOK_PAUSE()  NB_HOOK_PLAIN(p, size, writes)  NB_HOOK_INIT(p, v)  NB_HOOK_BORN(p, size)  NB_HOOK_GONE(p, size)
 */
#include <explore_hooks.h> /* from tests/explore */

#else

#define NB_HOOK_LOAD(p, order) atomic_load_explicit((p), (order))
#define NB_HOOK_STORE(p, v, order) atomic_store_explicit((p), (v), (order))
#define NB_HOOK_EXCHANGE(p, v, order) atomic_exchange_explicit((p), (v), (order))
#define NB_HOOK_ADD(p, v, order) atomic_fetch_add_explicit((p), (v), (order))
#define NB_HOOK_SUB(p, v, order) atomic_fetch_sub_explicit((p), (v), (order))
#define NB_HOOK_OR(p, v, order) atomic_fetch_or_explicit((p), (v), (order))
#define NB_HOOK_AND(p, v, order) atomic_fetch_and_explicit((p), (v), (order))
#define NB_HOOK_CAS(p, expected, v, weak, success, failure)                                        \
    ((weak) ? atomic_compare_exchange_weak_explicit((p), (expected), (v), (success), (failure))    \
            : atomic_compare_exchange_strong_explicit((p), (expected), (v), (success), (failure)))
#define NB_HOOK_FENCE(order) atomic_thread_fence(order)
#define NB_HOOK_PLAIN(p, size, writes) ((void)0)
#define NB_HOOK_BORN(p, size) ((void)0)
#define NB_HOOK_GONE(p, size) ((void)0)
#define NB_HOOK_INIT(p, v) atomic_init((p), (v))

static inline void nb_hook_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}
#define NB_HOOK_PAUSE() nb_hook_pause()

#endif

/* Before anybody else knows the place. */
#define nb_atomic_init(p, v) NB_HOOK_INIT(p, v)

#define nb_load_relaxed(p) NB_HOOK_LOAD(p, memory_order_relaxed)
#define nb_load_acquire(p) NB_HOOK_LOAD(p, memory_order_acquire)
#define nb_load_seq_cst(p) NB_HOOK_LOAD(p, memory_order_seq_cst)

#define nb_store_relaxed(p, v) NB_HOOK_STORE(p, v, memory_order_relaxed)
#define nb_store_release(p, v) NB_HOOK_STORE(p, v, memory_order_release)
#define nb_store_seq_cst(p, v) NB_HOOK_STORE(p, v, memory_order_seq_cst)

/* These answer the value before. */
#define nb_exchange_relaxed(p, v) NB_HOOK_EXCHANGE(p, v, memory_order_relaxed)
#define nb_exchange_acquire(p, v) NB_HOOK_EXCHANGE(p, v, memory_order_acquire)
#define nb_exchange_acq_rel(p, v) NB_HOOK_EXCHANGE(p, v, memory_order_acq_rel)
#define nb_exchange_seq_cst(p, v) NB_HOOK_EXCHANGE(p, v, memory_order_seq_cst)
#define nb_add_relaxed(p, v) NB_HOOK_ADD(p, v, memory_order_relaxed)
#define nb_add_release(p, v) NB_HOOK_ADD(p, v, memory_order_release)
#define nb_add_acq_rel(p, v) NB_HOOK_ADD(p, v, memory_order_acq_rel)
#define nb_add_seq_cst(p, v) NB_HOOK_ADD(p, v, memory_order_seq_cst)
#define nb_sub_relaxed(p, v) NB_HOOK_SUB(p, v, memory_order_relaxed)
#define nb_sub_release(p, v) NB_HOOK_SUB(p, v, memory_order_release)
#define nb_sub_acq_rel(p, v) NB_HOOK_SUB(p, v, memory_order_acq_rel)
#define nb_sub_seq_cst(p, v) NB_HOOK_SUB(p, v, memory_order_seq_cst)
#define nb_or_acq_rel(p, v) NB_HOOK_OR(p, v, memory_order_acq_rel)
#define nb_and_relaxed(p, v) NB_HOOK_AND(p, v, memory_order_relaxed)
#define nb_and_acq_rel(p, v) NB_HOOK_AND(p, v, memory_order_acq_rel)

/* If *p is *expected, v; else *expected is what *p was, read relaxed (acquire where the name says so). Weak: may fail for no reason. */
#define nb_cas_weak_relaxed(p, expected, v) NB_HOOK_CAS(p, expected, v, true, memory_order_relaxed, memory_order_relaxed)
#define nb_cas_weak_acquire(p, expected, v) NB_HOOK_CAS(p, expected, v, true, memory_order_acquire, memory_order_relaxed)
#define nb_cas_weak_release(p, expected, v) NB_HOOK_CAS(p, expected, v, true, memory_order_release, memory_order_relaxed)
#define nb_cas_weak_acq_rel(p, expected, v) NB_HOOK_CAS(p, expected, v, true, memory_order_acq_rel, memory_order_relaxed)
#define nb_cas_weak_acq_rel_acquire(p, expected, v) NB_HOOK_CAS(p, expected, v, true, memory_order_acq_rel, memory_order_acquire)
#define nb_cas_weak_seq_cst(p, expected, v) NB_HOOK_CAS(p, expected, v, true, memory_order_seq_cst, memory_order_relaxed)
#define nb_cas_strong_relaxed(p, expected, v) NB_HOOK_CAS(p, expected, v, false, memory_order_relaxed, memory_order_relaxed)
#define nb_cas_weak_acquire_acquire(p, expected, v) NB_HOOK_CAS(p, expected, v, true, memory_order_acquire, memory_order_acquire)
#define nb_cas_strong_acquire_acquire(p, expected, v) NB_HOOK_CAS(p, expected, v, false, memory_order_acquire, memory_order_acquire)
#define nb_cas_strong_acquire(p, expected, v) NB_HOOK_CAS(p, expected, v, false, memory_order_acquire, memory_order_relaxed)
#define nb_cas_strong_release(p, expected, v) NB_HOOK_CAS(p, expected, v, false, memory_order_release, memory_order_relaxed)
#define nb_cas_strong_acq_rel(p, expected, v) NB_HOOK_CAS(p, expected, v, false, memory_order_acq_rel, memory_order_relaxed)
#define nb_cas_strong_acq_rel_acquire(p, expected, v) NB_HOOK_CAS(p, expected, v, false, memory_order_acq_rel, memory_order_acquire)
#define nb_cas_strong_seq_cst(p, expected, v) NB_HOOK_CAS(p, expected, v, false, memory_order_seq_cst, memory_order_relaxed)

#ifdef NB_EXPLORE
#define nb_fence_seq_cst() NB_HOOK_FENCE(memory_order_seq_cst)
#define nb_fence_after_rmw() NB_HOOK_FENCE_AFTER_RMW()
#define nb_fence_light() NB_HOOK_FENCE_LIGHT()
#define nb_fence_heavy() NB_HOOK_FENCE_HEAVY()
#else
/* Orders what stands before it with what stands behind it, in one order of all such fences. */
#define nb_fence_seq_cst() nb_barrier_full()

/* The same, where the last shared access before it was a read-modify-write: on x86 that one was the fence already. */
static inline void nb_fence_after_rmw(void)
{
#if NB_RMW_IS_FENCE && !NB_TSAN
    atomic_signal_fence(memory_order_seq_cst);
#else
    nb_barrier_full();
#endif
}

/* The asymmetric pair of platform/barrier.h. */
#define nb_fence_light() nb_barrier_light()
#define nb_fence_heavy() nb_barrier_heavy()
#endif

/* Inside a short, bounded spin. */
#define nb_pause() NB_HOOK_PAUSE()

#define nb_plain_read(p) NB_HOOK_PLAIN(p, sizeof *(p), false)
#define nb_plain_write(p) NB_HOOK_PLAIN(p, sizeof *(p), true)

/* Memory that a cache of ours gives out and takes back: after `gone` nobody may use it, until `born` makes new memory of it. */
#define nb_block_born(p, size) NB_HOOK_BORN(p, size)
#define nb_block_gone(p, size) NB_HOOK_GONE(p, size)

#endif
