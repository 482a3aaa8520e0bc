/*
 * explore_hooks.h - what lib/sync/atomic.h becomes under NB_EXPLORE: each operation is a call into the explorer.
 *
 * Each place in the source that is an operation has a site: a static record that names it. The linker collects the sites of the whole
 * program in one section, so that the explorer knows those that were never reached, too.
 *
 * The C11 operations themselves are hooked as well: code that names an order of C11 directly is explored like the rest.
 */
#ifndef EXPLORE_HOOKS_H
#define EXPLORE_HOOKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct explore_site {
    const char *file;
    int line;
    const char *operation; /* "load" and so on */
    const char *operand;   /* the source text of the place that it works on */
    uint64_t hits;
} explore_site;

typedef enum explore_change { EXPLORE_EXCHANGE, EXPLORE_ADD, EXPLORE_SUB, EXPLORE_OR, EXPLORE_AND, EXPLORE_XOR } explore_change;
typedef enum explore_fence_kind {
    EXPLORE_FENCE_PLAIN,
    EXPLORE_FENCE_AFTER_RMW,
    EXPLORE_FENCE_LIGHT,
    EXPLORE_FENCE_HEAVY
} explore_fence_kind;

/* Values travel as 64 bits; only the low size bytes count. */
uint64_t explore_load(explore_site *site, const volatile void *place, size_t size, memory_order order);
void explore_store(explore_site *site, volatile void *place, size_t size, uint64_t value, memory_order order);
uint64_t explore_modify(explore_site *site, volatile void *place, size_t size, explore_change how, uint64_t value, memory_order order);
bool explore_cas(explore_site *site, volatile void *place, size_t size, void *expected, uint64_t value, bool weak, memory_order success,
                 memory_order failure);
void explore_fence(explore_site *site, explore_fence_kind kind, memory_order order);
void explore_pause(explore_site *site);
void explore_plain(explore_site *site, const volatile void *place, size_t size, bool writes);
void explore_init(explore_site *site, volatile void *place, size_t size, uint64_t value);

/* Memory that the program hands out and takes back itself, inside a block that the allocator made. */
void explore_block_born(const volatile void *place, size_t size);
void explore_block_gone(explore_site *site, const volatile void *place, size_t size);

#define EXPLORE_SITE(operation_, operand_)                                                                     \
    __extension__({                                                                                            \
        static explore_site site_ = { __FILE__, __LINE__, operation_, operand_, 0 };                           \
        static explore_site *const listed_ __attribute__((section("explore_sites"), used)) = &site_;           \
        (void)listed_;                                                                                         \
        &site_;                                                                                                \
    })

/* The type behind _Atomic; a value of it as 64 bits, and back. */
#define EXPLORE_TYPE(p) __typeof__(((void)0, *(p)))
#define EXPLORE_BITS(p, v) ((uint64_t)(uintptr_t)(EXPLORE_TYPE(p))(v))
#define EXPLORE_VALUE(p, bits)                                              \
    __extension__({                                                         \
        EXPLORE_TYPE(p) value_ = (EXPLORE_TYPE(p))(uintptr_t)(bits);        \
        value_;                                                             \
    })
#define EXPLORE_MODIFY(p, v, how, name, order) \
    EXPLORE_VALUE(p, explore_modify(EXPLORE_SITE(name, #p), (p), sizeof *(p), (how), EXPLORE_BITS(p, v), (order)))

#define NB_HOOK_LOAD(p, order) EXPLORE_VALUE(p, explore_load(EXPLORE_SITE("load", #p), (p), sizeof *(p), (order)))
#define NB_HOOK_STORE(p, v, order) explore_store(EXPLORE_SITE("store", #p), (p), sizeof *(p), EXPLORE_BITS(p, v), (order))
#define NB_HOOK_EXCHANGE(p, v, order) EXPLORE_MODIFY(p, v, EXPLORE_EXCHANGE, "exchange", order)
#define NB_HOOK_ADD(p, v, order) EXPLORE_MODIFY(p, v, EXPLORE_ADD, "add", order)
#define NB_HOOK_SUB(p, v, order) EXPLORE_MODIFY(p, v, EXPLORE_SUB, "sub", order)
#define NB_HOOK_OR(p, v, order) EXPLORE_MODIFY(p, v, EXPLORE_OR, "or", order)
#define NB_HOOK_AND(p, v, order) EXPLORE_MODIFY(p, v, EXPLORE_AND, "and", order)
#define NB_HOOK_CAS(p, expected, v, weak, success, failure)                                                                \
    explore_cas(EXPLORE_SITE((weak) ? "cas weak" : "cas", #p), (p), sizeof *(p), (expected), EXPLORE_BITS(p, v), (weak), \
                (success), (failure))
#define NB_HOOK_FENCE(order) explore_fence(EXPLORE_SITE("fence", ""), EXPLORE_FENCE_PLAIN, (order))
#define NB_HOOK_FENCE_AFTER_RMW() explore_fence(EXPLORE_SITE("fence after rmw", ""), EXPLORE_FENCE_AFTER_RMW, memory_order_seq_cst)
#define NB_HOOK_FENCE_LIGHT() explore_fence(EXPLORE_SITE("light fence", ""), EXPLORE_FENCE_LIGHT, memory_order_seq_cst)
#define NB_HOOK_FENCE_HEAVY() explore_fence(EXPLORE_SITE("heavy fence", ""), EXPLORE_FENCE_HEAVY, memory_order_seq_cst)
#define NB_HOOK_PAUSE() explore_pause(EXPLORE_SITE("pause", ""))
#define NB_HOOK_PLAIN(p, size, writes) explore_plain(EXPLORE_SITE((writes) ? "plain write" : "plain read", #p), (p), (size), (writes))
#define NB_HOOK_INIT(p, v) explore_init(EXPLORE_SITE("init", #p), (p), sizeof *(p), EXPLORE_BITS(p, v))
#define NB_HOOK_BORN(p, size) explore_block_born((p), (size))
#define NB_HOOK_GONE(p, size) explore_block_gone(EXPLORE_SITE("gone", #p), (p), (size))

#undef atomic_load_explicit
#undef atomic_load
#undef atomic_store_explicit
#undef atomic_store
#undef atomic_exchange_explicit
#undef atomic_exchange
#undef atomic_fetch_add_explicit
#undef atomic_fetch_add
#undef atomic_fetch_sub_explicit
#undef atomic_fetch_sub
#undef atomic_fetch_or_explicit
#undef atomic_fetch_or
#undef atomic_fetch_and_explicit
#undef atomic_fetch_and
#undef atomic_compare_exchange_weak_explicit
#undef atomic_compare_exchange_weak
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_strong
#undef atomic_thread_fence
#undef atomic_init
#define atomic_load_explicit(p, order) NB_HOOK_LOAD(p, order)
#define atomic_load(p) NB_HOOK_LOAD(p, memory_order_seq_cst)
#define atomic_store_explicit(p, v, order) NB_HOOK_STORE(p, v, order)
#define atomic_store(p, v) NB_HOOK_STORE(p, v, memory_order_seq_cst)
#define atomic_exchange_explicit(p, v, order) NB_HOOK_EXCHANGE(p, v, order)
#define atomic_exchange(p, v) NB_HOOK_EXCHANGE(p, v, memory_order_seq_cst)
#define atomic_fetch_add_explicit(p, v, order) NB_HOOK_ADD(p, v, order)
#define atomic_fetch_add(p, v) NB_HOOK_ADD(p, v, memory_order_seq_cst)
#define atomic_fetch_sub_explicit(p, v, order) NB_HOOK_SUB(p, v, order)
#define atomic_fetch_sub(p, v) NB_HOOK_SUB(p, v, memory_order_seq_cst)
#define atomic_fetch_or_explicit(p, v, order) NB_HOOK_OR(p, v, order)
#define atomic_fetch_or(p, v) NB_HOOK_OR(p, v, memory_order_seq_cst)
#define atomic_fetch_and_explicit(p, v, order) NB_HOOK_AND(p, v, order)
#define atomic_fetch_and(p, v) NB_HOOK_AND(p, v, memory_order_seq_cst)
#define atomic_compare_exchange_weak_explicit(p, e, v, success, failure) NB_HOOK_CAS(p, e, v, true, success, failure)
#define atomic_compare_exchange_weak(p, e, v) NB_HOOK_CAS(p, e, v, true, memory_order_seq_cst, memory_order_seq_cst)
#define atomic_compare_exchange_strong_explicit(p, e, v, success, failure) NB_HOOK_CAS(p, e, v, false, success, failure)
#define atomic_compare_exchange_strong(p, e, v) NB_HOOK_CAS(p, e, v, false, memory_order_seq_cst, memory_order_seq_cst)
#define atomic_thread_fence(order) NB_HOOK_FENCE(order)
#define atomic_init(p, v) NB_HOOK_INIT(p, v)

#endif
