/*
 * model.c - what the operations of C11 may do.
 *
 * An operational form of the C11 model (with the release sequences and sequentially consistent fences of C++20): each place has its stores
 * in modification order, the order in which the schedule executes them. A thread knows part of what the others did (ex_clocks). A read may
 * see any store that is not older than the newest one known to it, so reads may be stale; a read-modify-write sees the newest.
 *
 *   release store     passes on all that its thread knows; a relaxed one what was known at the last release fence
 *   acquire load      learns what the store that it sees passes on; a relaxed one does so at the next acquire fence
 *   read-modify-write passes on what the store before it passed on, too: release sequences
 *   seq_cst fence     release and acquire; and what fences before it knew must not be read past (ex.sc_fence). No happens-before
 *   seq_cst access    sees nothing older than earlier such accesses of the place and than what fences knew; later fences know it
 *   light, heavy      by the schedule's choice both are seq_cst fences, or the light one does nothing and the heavy one is a fence of
 *                     every thread, wherever it stands: as with membarrier
 *   failed exchange   is a load, and may be stale, unless what it sees is what it expects
 *
 * What the model does not show: load buffering (a load never sees a store that comes later in the schedule), and stores that enter the
 * modification order before one that was executed earlier. Stores more than EX_WINDOW back are never read.
 */
#include "engine.h"

static bool acquires(memory_order order)
{
    return order != memory_order_relaxed && order != memory_order_release;
}

static bool releases(memory_order order)
{
    return order == memory_order_release || order == memory_order_acq_rel || order == memory_order_seq_cst;
}

static ex_stored *store_number(ex_place *place, uint32_t number)
{
    return &place->stores[number % EX_WINDOW];
}

static uint64_t cut(uint64_t value, size_t size)
{
    return size == 8 ? value : value & ((UINT64_C(1) << (8 * size)) - 1);
}

/* The place, ready for use: if its memory is not what the last store left, somebody filled it without a word, as memset() does. */
static ex_place *use(const volatile void *address, size_t size)
{
    ex_place *place = ex_place_find(address, size, EX_ATOMIC);
    uint64_t memory = ex_memory_at(address, size);

    if (!place->gone && (place->size != size || store_number(place, place->newest)->value != memory)) {
        place->size = (uint8_t)size;
        ex_place_make(place, memory);
    }
    ex_place_access(place);
    return place;
}

/* The oldest store that the current thread may still read. */
static uint32_t oldest_readable(ex_place *place, bool seq_cst)
{
    ex_clocks *now = &ex.current->now;
    uint32_t known[EX_CLOCKS];

    for (uint32_t i = 0; i < EX_CLOCKS; i++) {
        known[i] = seq_cst && ex.sc_fence.cc[i] > now->cc[i] ? ex.sc_fence.cc[i] : now->cc[i];
    }
    if (seq_cst) {
        known[EX_SC] = ex.sc_count;
    }
    for (uint32_t number = place->newest; number > place->oldest; number--) {
        const uint32_t *seen = store_number(place, number)->seen;
        bool is_known = false;

        for (uint32_t i = 0; i < EX_CLOCKS; i++) {
            is_known |= seen[i] - 1 < known[i]; /* seen[i] != 0 && seen[i] <= known[i] */
        }
        if (is_known) {
            return number;
        }
    }
    return place->oldest;
}

static void mark_seen(ex_stored *stored, memory_order order)
{
    ex_thread *me = ex.current;

    if (stored->seen[me->index] == 0) {
        stored->seen[me->index] = me->now.hb[me->index];
    }
    if (order == memory_order_seq_cst) {
        ex.sc_count++;
        if (stored->seen[EX_SC] == 0) {
            stored->seen[EX_SC] = ex.sc_count;
        }
    }
}

static uint64_t read_store(ex_place *place, uint32_t number, memory_order order)
{
    ex_thread *me = ex.current;
    ex_stored *stored = store_number(place, number);

    mark_seen(stored, order);
    if (stored->releases) {
        ex_join(acquires(order) ? &me->now : &me->acquired, &stored->passes_on);
    }
    return stored->value;
}

/* continues: the store that a read-modify-write has read; NULL: none. */
static void write_store(ex_place *place, volatile void *address, size_t size, uint64_t value, memory_order order,
                        const ex_stored *continues)
{
    static const ex_clocks nothing;
    ex_thread *me = ex.current;
    ex_stored *stored = store_number(place, ++place->newest);

    if (place->newest - place->oldest >= EX_WINDOW) {
        place->oldest = place->newest - EX_WINDOW + 1;
    }
    stored->value = value;
    for (uint32_t i = 0; i < EX_CLOCKS; i++) {
        stored->seen[i] = 0;
    }
    mark_seen(stored, order);
    stored->releases = releases(order) || me->has_released || (continues != NULL && continues->releases);
    if (stored->releases) {
        stored->passes_on = continues != NULL && continues->releases ? continues->passes_on : nothing;
        if (releases(order)) {
            ex_join(&stored->passes_on, &me->now);
        } else if (me->has_released) {
            ex_join(&stored->passes_on, &me->released);
        }
    }
    ex_set_memory(address, size, value);
    ex.idle_pauses = 0;
}

static void remember(const explore_site *site, uint64_t value)
{
    ex_mix((uint64_t)(uintptr_t)site + ex.current->index);
    ex_mix(value);
}

uint64_t explore_load(explore_site *site, const volatile void *address, size_t size, memory_order order)
{
    ex_place *place;
    uint32_t oldest, behind;
    uint64_t value;

    ex_point(site);
    place = use(address, size);
    oldest = oldest_readable(place, order == memory_order_seq_cst);
    behind = ex_choose_stale(place->newest - oldest + 1);
    value = read_store(place, place->newest - behind, order);
    ex.current->last_was_rmw = false;
    remember(site, value);
    if (ex.tracing) {
        ex_trace(site, "load %s %s -> %#llx%s", ex_order_name(order), site->operand, (unsigned long long)value,
                 behind != 0 ? "  (stale)" : "");
    }
    return value;
}

uint64_t ex_read_newest(explore_site *site, const volatile void *address, size_t size)
{
    ex_place *place;
    uint64_t value;

    ex_point(site);
    place = use(address, size);
    value = read_store(place, place->newest, memory_order_acquire);
    remember(site, value);
    if (ex.tracing) {
        ex_trace(site, "%s %s -> %#llx", site->operation, site->operand, (unsigned long long)value);
    }
    return value;
}

void explore_store(explore_site *site, volatile void *address, size_t size, uint64_t value, memory_order order)
{
    value = cut(value, size);
    ex_point(site);
    write_store(use(address, size), address, size, value, order, NULL);
    ex.current->last_was_rmw = false;
    remember(site, value);
    if (ex.tracing) {
        ex_trace(site, "store %s %s = %#llx", ex_order_name(order), site->operand, (unsigned long long)value);
    }
}

static uint64_t changed(explore_change how, uint64_t before, uint64_t by)
{
    switch (how) {
    case EXPLORE_ADD: return before + by;
    case EXPLORE_SUB: return before - by;
    case EXPLORE_OR: return before | by;
    case EXPLORE_AND: return before & by;
    case EXPLORE_XOR: return before ^ by;
    default: return by;
    }
}

static uint64_t modify(ex_place *place, volatile void *address, size_t size, explore_change how, uint64_t by, memory_order order)
{
    uint32_t newest = place->newest;
    uint64_t before = read_store(place, newest, order);

    write_store(place, address, size, cut(changed(how, before, by), size), order, store_number(place, newest));
    ex.current->last_was_rmw = true;
    return before;
}

uint64_t explore_modify(explore_site *site, volatile void *address, size_t size, explore_change how, uint64_t value, memory_order order)
{
    uint64_t before;

    ex_point(site);
    before = modify(use(address, size), address, size, how, value, order);
    remember(site, before);
    if (ex.tracing) {
        ex_trace(site, "%s %s %s by %#llx: %#llx -> %#llx", site->operation, ex_order_name(order), site->operand,
                 (unsigned long long)cut(value, size), (unsigned long long)before, (unsigned long long)ex_memory_at(address, size));
    }
    return before;
}

/* Which store a compare-and-exchange sees; *ret_fails: it changes nothing. */
static uint32_t exchange_sees(ex_place *place, uint64_t expected, bool weak, memory_order failure, bool *ret_fails)
{
    uint32_t newest = place->newest, seen;

    seen = newest - ex_choose_stale(newest - oldest_readable(place, failure == memory_order_seq_cst) + 1);
    if (seen != newest && store_number(place, seen)->value != expected) {
        *ret_fails = true;
        return seen;
    }
    *ret_fails = store_number(place, newest)->value != expected || (weak && ex_choose_weak_failure());
    return newest;
}

bool explore_cas(explore_site *site, volatile void *address, size_t size, void *expected, uint64_t value, bool weak, memory_order success,
                 memory_order failure)
{
    ex_place *place;
    uint64_t wanted = ex_memory_at(expected, size), seen;
    uint32_t number;
    bool fails;

    value = cut(value, size);
    ex_point(site);
    place = use(address, size);
    number = exchange_sees(place, wanted, weak, failure, &fails);
    if (fails) {
        seen = read_store(place, number, failure);
        ex_set_memory(expected, size, seen);
        ex.current->last_was_rmw = number == place->newest; /* a failed one is a fence, too, where the other one is */
    } else {
        seen = modify(place, address, size, EXPLORE_EXCHANGE, value, success);
    }
    remember(site, seen << 1 | fails);
    if (ex.tracing) {
        ex_trace(site, "%s %s %s from %#llx to %#llx: %s%#llx", site->operation, ex_order_name(success), site->operand,
                 (unsigned long long)wanted, (unsigned long long)value,
                 !fails ? "done, was " : seen == wanted ? "fails for no reason at " : "fails, sees ", (unsigned long long)seen);
    }
    return !fails;
}

/* ------------------------------------------------------------------------------------------------- fences */

static void seq_cst_fence(ex_thread *thread)
{
    ex_join(&thread->now, &thread->acquired);
    for (uint32_t i = 0; i < EX_CLOCKS; i++) {
        uint32_t here = i == EX_SC ? ex.sc_count : thread->now.cc[i];

        ex.sc_fence.cc[i] = here > ex.sc_fence.cc[i] ? here : ex.sc_fence.cc[i];
        thread->now.cc[i] = ex.sc_fence.cc[i];
    }
    thread->released = thread->now;
    thread->has_released = true;
}

static void do_fence(explore_fence_kind kind, memory_order order)
{
    ex_thread *me = ex.current;

    if (kind == EXPLORE_FENCE_AFTER_RMW && !me->last_was_rmw) {
        explore_fail("nb_fence_after_rmw() where the last shared access of %s was no read-modify-write", ex_thread_name(me->index));
    }
    if (kind == EXPLORE_FENCE_LIGHT && ex.asymmetric) {
        return;
    }
    if (kind == EXPLORE_FENCE_HEAVY && ex.asymmetric) {
        seq_cst_fence(me);
        for (uint32_t i = 0; i < EX_THREADS; i++) {
            if (ex.threads[i].state != EX_ABSENT) {
                seq_cst_fence(&ex.threads[i]);
            }
        }
    }
    if (order == memory_order_seq_cst) {
        seq_cst_fence(me);
        return;
    }
    if (acquires(order)) {
        ex_join(&me->now, &me->acquired);
    }
    if (releases(order)) {
        me->released = me->now;
        me->has_released = true;
    }
}

void explore_fence(explore_site *site, explore_fence_kind kind, memory_order order)
{
    ex_point(site);
    do_fence(kind, order);
    remember(site, kind);
    if (ex.tracing) {
        ex_trace(site, "%s %s", site->operation, kind == EXPLORE_FENCE_LIGHT && ex.asymmetric ? "(nothing)" : ex_order_name(order));
    }
}
