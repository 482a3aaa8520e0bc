/*
 * place.c - what is known of each address that the scenario's threads share: found by a hash of the address, forgotten between schedules.
 *
 * A place is an atomic (with the stores that can still be read), four bytes of plain data (who read and wrote it last), or a lock.
 *
 * Making a place, be it by nb_atomic_init(), by the allocator or by plain stores that nobody announced, is a plain write: a thread for
 * which it did not happen before must not use the place (it was published without order). Ending one (free, nb_parker_fini) is a plain
 * write as well: what other threads did there must happen before it.
 */
#include "engine.h"

#include <string.h>

#define MAX_PLACES 16384u
#define TABLE (4u * MAX_PLACES)

static struct {
    uintptr_t key;
    uint32_t schedule, place;
} table[TABLE];
static ex_place places[MAX_PLACES];
static ex_stored stores[MAX_PLACES * EX_WINDOW]; /* EX_WINDOW for an atomic, one for a lock */
static uint32_t count, stores_used, schedule;

/* Static variables of the library keep no value from one schedule to the next: what a schedule finds is always the same. */
static void restore_statics(void)
{
    for (uint32_t i = 0; i < count; i++) {
        if (places[i].restore) {
            ex_set_memory((volatile void *)(places[i].key >> 3), places[i].size, places[i].before);
        }
    }
}

void ex_places_begin(void)
{
    restore_statics();
    count = stores_used = 0;
    schedule++;
}

uint64_t ex_memory_at(const volatile void *place, size_t size)
{
    switch (size) {
    case 1: return *(const volatile uint8_t *)place;
    case 2: return *(const volatile uint16_t *)place;
    case 4: return *(const volatile uint32_t *)place;
    case 8: return *(const volatile uint64_t *)place;
    default: explore_fail("an atomic of %zu bytes", size);
    }
}

void ex_set_memory(volatile void *place, size_t size, uint64_t value)
{
    switch (size) {
    case 1: *(volatile uint8_t *)place = (uint8_t)value; break;
    case 2: *(volatile uint16_t *)place = (uint16_t)value; break;
    case 4: *(volatile uint32_t *)place = (uint32_t)value; break;
    default: *(volatile uint64_t *)place = value; break;
    }
}

/* History begins: one store, which everybody for whom the making happened before has to see. */
static void begin_history(ex_place *place, uint32_t by, uint32_t at, uint64_t value)
{
    place->made_by = by;
    place->made_at = at;
    place->gone = false;
    place->oldest = place->newest = 0;
    memset(place->last, 0, sizeof place->last);
    if (place->kind != EX_PLAIN) {
        place->stores[0].value = value;
        place->stores[0].releases = false;
        memset(place->stores[0].seen, 0, sizeof place->stores[0].seen);
    }
    place->writer = by;
    place->written_at = at;
    place->holder = 0;
}

static ex_place *make_place(uintptr_t key, uintptr_t address, size_t size, ex_place_kind kind)
{
    ex_block *block = ex_block_of(address);
    ex_place *place;

    if (count == MAX_PLACES) {
        explore_fail("more than %u shared places", MAX_PLACES);
    }
    place = &places[count++];
    place->stores = &stores[stores_used];
    stores_used += kind == EX_ATOMIC ? EX_WINDOW : kind == EX_LOCK ? 1 : 0;
    place->key = key;
    place->kind = kind;
    place->size = (uint8_t)size;
    place->next_in_block = NULL;
    place->restore = kind == EX_ATOMIC && block == NULL && !ex_on_stack(address);
    place->before = place->restore ? ex_memory_at((const volatile void *)address, size) : 0;
    begin_history(place, block != NULL ? block->thread : 0, block != NULL ? block->clock : 0,
                  kind == EX_ATOMIC ? ex_memory_at((const volatile void *)address, size) : 0);
    if (block != NULL) {
        if (block->freed) {
            explore_fail("%#zx is used after its block of %zu bytes was freed by %s in step %u", (size_t)address, block->size,
                         ex_thread_name(block->thread), block->step);
        }
        place->next_in_block = block->places;
        block->places = place;
    }
    return place;
}

/* Small plain data has a name of its own for each byte, the rest one for four bytes: see explore_plain(). */
static uintptr_t key_of(uintptr_t address, size_t size, ex_place_kind kind)
{
    return address << 3 | (uintptr_t)kind << 1 | (kind == EX_PLAIN && size < 4);
}

ex_place *ex_place_find(const volatile void *where, size_t size, ex_place_kind kind)
{
    uintptr_t address = (uintptr_t)where, key = key_of(address, size, kind);
    uint32_t slot = (uint32_t)(address / 4 + (address >> 30) * 7919) % TABLE; /* neighbours stay neighbours */

    while (table[slot].schedule == schedule) {
        if (table[slot].key == key) {
            return &places[table[slot].place];
        }
        slot = (slot + 1) % TABLE;
    }
    table[slot].key = key;
    table[slot].place = count;
    table[slot].schedule = schedule;
    return make_place(key, address, size, kind);
}

void ex_place_make(ex_place *place, uint64_t value)
{
    ex_thread *me = ex.current;

    if (!place->gone) {
        for (uint32_t i = 0; i < EX_THREADS; i++) {
            if (i != me->index && place->last[i] > me->now.hb[i]) {
                explore_fail("data race: initialised while %s may still use it", ex_thread_name(i));
            }
        }
    }
    begin_history(place, me->index, me->now.hb[me->index], value);
}

void ex_place_access(ex_place *place)
{
    ex_thread *me = ex.current;

    if (place->gone) {
        explore_fail("used after it was freed or ended by %s", ex_thread_name(place->made_by));
    }
    if (place->made_at > me->now.hb[place->made_by]) {
        explore_fail("data race: used by %s, for which its initialisation by %s did not happen before", ex_thread_name(me->index),
                     ex_thread_name(place->made_by));
    }
    place->last[me->index] = me->now.hb[me->index];
}

void ex_place_end(ex_place *place, const char *what)
{
    ex_thread *me = ex.current;
    ex_clocks *now = &me->now;

    for (uint32_t i = 0; i < EX_THREADS; i++) {
        if (i != me->index && place->last[i] > now->hb[i]) {
            explore_fail("data race: %s by %s while %s may still use it", what, ex_thread_name(me->index), ex_thread_name(i));
        }
    }
    if (place->kind == EX_PLAIN && place->written_at > now->hb[place->writer]) {
        explore_fail("data race: %s by %s, for which a write by %s did not happen before", what, ex_thread_name(me->index),
                     ex_thread_name(place->writer));
    }
    if (place->kind == EX_LOCK && place->holder != 0) {
        explore_fail("%s while %s holds the lock", what, ex_thread_name(place->holder - 1));
    }
    place->gone = true;
    place->made_by = me->index;
}

static bool inside(const ex_place *place, uintptr_t start, size_t size)
{
    uintptr_t address = place->key >> 3;

    return address >= start && address - start < size;
}

void ex_range_end(ex_place *first, uintptr_t start, size_t size)
{
    for (ex_place *place = first; place != NULL; place = place->next_in_block) {
        if (!place->gone && inside(place, start, size)) {
            ex_place_end(place, "freed");
        }
    }
}

void ex_range_begin(ex_place *first, uintptr_t start, size_t size)
{
    ex_thread *me = ex.current;

    for (ex_place *place = first; place != NULL; place = place->next_in_block) {
        if (inside(place, start, size)) {
            begin_history(place, me->index, me->now.hb[me->index],
                          place->kind == EX_ATOMIC ? ex_memory_at((const volatile void *)(place->key >> 3), place->size) : 0);
        }
    }
}
