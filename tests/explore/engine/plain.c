/*
 * plain.c - races on plain data, initialisation, locks, and what the platform's own operations need.
 *
 * Two accesses of plain data, one of them a write, by different threads, neither of which happens before the other, are a race. Data is
 * looked at in units of four bytes; what is smaller than that has one unit for each byte, so an access of one byte and one of four to the
 * same place are not compared.
 */
#include "engine.h"

static void check_plain(ex_place *place, const explore_site *site, bool writes)
{
    ex_thread *me = ex.current;
    const ex_clocks *now = &me->now;

    if (place->gone) {
        explore_fail("%s is used after it was freed by %s", site->operand, ex_thread_name(place->made_by));
    }
    if (place->written_at > now->hb[place->writer]) {
        explore_fail("data race: %s %s %s, and a write by %s did not happen before", ex_thread_name(me->index),
                     writes ? "writes" : "reads", site->operand, ex_thread_name(place->writer));
    }
    if (!writes) {
        place->last[me->index] = now->hb[me->index];
        return;
    }
    for (uint32_t i = 0; i < EX_THREADS; i++) {
        if (i != me->index && place->last[i] > now->hb[i]) {
            explore_fail("data race: %s writes %s, and a read by %s did not happen before", ex_thread_name(me->index), site->operand,
                         ex_thread_name(i));
        }
    }
    place->writer = me->index;
    place->written_at = now->hb[me->index];
}

void explore_plain(explore_site *site, const volatile void *address, size_t size, bool writes)
{
    uintptr_t at = (uintptr_t)address, end = at + size;
    ex_thread *me = ex.current;

    site->hits++;
    me->now.cc[me->index] = ++me->now.hb[me->index];
    if (ex.tracing) {
        ex_trace(site, "%s %s", site->operation, site->operand);
    }
    while (at < end) {
        size_t unit = at % 4 == 0 && end - at >= 4 ? 4 : 1;

        check_plain(ex_place_find((const volatile void *)at, unit, EX_PLAIN), site, writes);
        at += unit;
    }
}

void explore_init(explore_site *site, volatile void *address, size_t size, uint64_t value)
{
    ex_thread *me = ex.current;
    ex_place *place = ex_place_find(address, size, EX_ATOMIC);

    site->hits++;
    me->now.cc[me->index] = ++me->now.hb[me->index];
    ex_set_memory(address, size, value);
    place->size = (uint8_t)size;
    ex_place_make(place, ex_memory_at(address, size));
    if (ex.tracing) {
        ex_trace(site, "init %s = %#llx", site->operand, (unsigned long long)value);
    }
}

/* -------------------------------------------------------------------------------------------------- locks */

void ex_lock_reset(const void *lock, bool ends)
{
    ex_place *place = ex_place_find(lock, 8, EX_LOCK);
    ex_thread *me = ex.current;

    me->now.cc[me->index] = ++me->now.hb[me->index];
    if (ends) {
        ex_place_access(place);
        ex_place_end(place, "ended");
    } else {
        ex_place_make(place, 0);
    }
}

void ex_lock_acquire(explore_site *site, const void *lock)
{
    ex_thread *me = ex.current;
    ex_place *place;

    ex_point(site);
    for (;;) {
        place = ex_place_find(lock, 8, EX_LOCK);
        ex_place_access(place);
        if (place->holder == 0) {
            break;
        }
        if (place->holder == me->index + 1) {
            explore_fail("%s takes a lock that it holds", ex_thread_name(me->index));
        }
        if (ex.tracing) {
            ex_trace(site, "lock %p: held by %s, waits", lock, ex_thread_name(place->holder - 1));
        }
        ex_wait(lock, false);
    }
    place->holder = me->index + 1;
    if (place->stores[0].releases) {
        ex_join(&me->now, &place->stores[0].passes_on);
    }
    me->last_was_rmw = true;
    ex_mix((uint64_t)(uintptr_t)lock + me->index);
    if (ex.tracing) {
        ex_trace(site, "lock %p", lock);
    }
}

void ex_lock_release(explore_site *site, const void *lock)
{
    ex_thread *me = ex.current;
    ex_place *place = ex_place_find(lock, 8, EX_LOCK);

    site->hits++;
    me->now.cc[me->index] = ++me->now.hb[me->index];
    ex_place_access(place);
    if (place->holder != me->index + 1) {
        explore_fail("%s lets go of a lock that it does not hold", ex_thread_name(me->index));
    }
    place->holder = 0;
    place->stores[0].releases = true;
    place->stores[0].passes_on = me->now;
    me->last_was_rmw = false;
    ex.idle_pauses = 0;
    ex_wake(lock);
    if (ex.tracing) {
        ex_trace(site, "unlock %p", lock);
    }
}
