#include "time/wheel.h"

#include <string.h>

#ifdef NB_TESTING
#define NB_WHEEL_FEW 2
#else
#define NB_WHEEL_FEW 8
#endif

#define DIGIT(time, level) ((uint32_t)((uint64_t)(time) >> (NB_WHEEL_BITS * (level))) & 63u)

static inline nb_wheel_link *link_of(nb_wheel *wheel, uint32_t number)
{
    return number < NB_WHEEL_HEADS ? &wheel->heads[number] : &wheel->entries[number - NB_WHEEL_HEADS].link;
}

static inline void unlink_from_itself(nb_wheel_link *link, uint32_t number)
{
    link->next = link->prev = number;
}

void nb_wheel_init(nb_wheel *wheel, nb_heap *heap, int64_t now)
{
    memset(wheel, 0, sizeof *wheel);
    wheel->heap = heap;
    wheel->base = wheel->floor = now;
    wheel->first = NB_WHEEL_NONE;
    for (uint32_t i = 0; i < NB_WHEEL_HEADS; i++) {
        unlink_from_itself(&wheel->heads[i], i);
    }
}

void nb_wheel_fini(nb_wheel *wheel)
{
    nb_free(wheel->heap, wheel->entries, wheel->capacity * sizeof *wheel->entries);
}

bool nb_wheel_grow(nb_wheel *wheel, uint32_t capacity)
{
    nb_wheel_entry *entries;

    if (capacity <= wheel->capacity) {
        return true;
    }
    entries = nb_alloc_array(wheel->heap, capacity, sizeof *entries);
    if (entries == NULL) {
        return false;
    }
    if (wheel->capacity > 0) {
        memcpy(entries, wheel->entries, wheel->capacity * sizeof *entries); /* links are numbers: they stay good */
    }
    for (uint32_t i = wheel->capacity; i < capacity; i++) {
        unlink_from_itself(&entries[i].link, i + NB_WHEEL_HEADS);
    }
    nb_free(wheel->heap, wheel->entries, wheel->capacity * sizeof *entries);
    wheel->entries = entries;
    wheel->capacity = capacity;
    return true;
}

/* Puts an entry, which is in no list, at the end of the bucket that base and its deadline give it. */
static inline void place(nb_wheel *wheel, uint32_t entry)
{
    nb_wheel_entry *self = &wheel->entries[entry];
    uint64_t differs = (uint64_t)self->due ^ (uint64_t)wheel->base;
    uint32_t level = differs == 0 ? 0 : (63u - (uint32_t)__builtin_clzll(differs)) / NB_WHEEL_BITS;
    uint32_t digit = DIGIT(self->due, level), head = level * 64 + digit, number = entry + NB_WHEEL_HEADS;
    uint32_t last = wheel->heads[head].prev;

    self->link.next = head;
    self->link.prev = last;
    link_of(wheel, last)->next = number;
    wheel->heads[head].prev = number;
    wheel->buckets[level] |= UINT64_C(1) << digit;
    wheel->levels |= 1u << level;
}

static void bucket_is_empty(nb_wheel *wheel, uint32_t level, uint32_t digit)
{
    wheel->buckets[level] &= ~(UINT64_C(1) << digit);
    if (wheel->buckets[level] == 0) {
        wheel->levels &= ~(1u << level);
    }
}

void nb_wheel_clear(nb_wheel *wheel, uint32_t entry)
{
    uint32_t number = entry + NB_WHEEL_HEADS;
    nb_wheel_link link = wheel->entries[entry].link;

    if (link.next == number) {
        return;
    }
    link_of(wheel, link.prev)->next = link.next;
    link_of(wheel, link.next)->prev = link.prev;
    unlink_from_itself(&wheel->entries[entry].link, number);
    if (link.next == link.prev && link.next < NB_WHEEL_HEADS) { /* only the head is left */
        bucket_is_empty(wheel, link.next / 64, link.next % 64);
    }
    wheel->count--;
    if (wheel->first == entry) {
        wheel->first = NB_WHEEL_NONE;
    }
}

void nb_wheel_set(nb_wheel *wheel, uint32_t entry, int64_t due)
{
    nb_wheel_clear(wheel, entry);
    if (wheel->count++ == 0) {
        wheel->base = wheel->floor; /* as near as can be: lower levels are cheaper */
    }
    due = due > wheel->base ? due : wheel->base;
    wheel->entries[entry].due = due;
    if (wheel->count == 1 || (wheel->first != NB_WHEEL_NONE && due < wheel->entries[wheel->first].due)) {
        wheel->first = entry;
    }
    place(wheel, entry);
}

/* Moves base to the start of the first bucket, and its entries to the levels below. */
static void spread(nb_wheel *wheel, uint32_t head, int64_t start)
{
    uint32_t number = wheel->heads[head].next;

    wheel->base = start;
    unlink_from_itself(&wheel->heads[head], head);
    bucket_is_empty(wheel, head / 64, head % 64);
    while (number != head) {
        uint32_t next = link_of(wheel, number)->next;

        place(wheel, number - NB_WHEEL_HEADS);
        number = next;
    }
}

/* The earliest entry of a bucket, if it has no more than limit; else NB_WHEEL_NONE. */
static uint32_t search(const nb_wheel *wheel, uint32_t head, uint32_t limit)
{
    uint32_t number = wheel->heads[head].next, found = NB_WHEEL_NONE;
    int64_t due = INT64_MAX;

    for (; number != head; number = wheel->entries[number - NB_WHEEL_HEADS].link.next) {
        const nb_wheel_entry *entry = &wheel->entries[number - NB_WHEEL_HEADS];

        if (limit-- == 0) {
            return NB_WHEEL_NONE;
        }
        if (entry->due < due) { /* of equal ones the first */
            due = entry->due;
            found = number - NB_WHEEL_HEADS;
        }
    }
    return found;
}

uint32_t nb_wheel_first(nb_wheel *wheel, int64_t now)
{
    wheel->floor = now > wheel->floor ? now : wheel->floor;
    while (wheel->first == NB_WHEEL_NONE && wheel->count > 0) {
        uint32_t level = (uint32_t)__builtin_ctz(wheel->levels);
        uint32_t digit = (uint32_t)__builtin_ctzll(wheel->buckets[level]), head = level * 64 + digit;
        uint32_t shift = level * NB_WHEEL_BITS;
        uint64_t above = shift + NB_WHEEL_BITS < 64 ? (uint64_t)wheel->base >> (shift + NB_WHEEL_BITS) << NB_WHEEL_BITS : 0;
        int64_t start = (int64_t)((above | digit) << shift);

        if (level == 0) { /* all of them are equal */
            wheel->first = wheel->heads[head].next - NB_WHEEL_HEADS;
            break;
        }
        wheel->first = search(wheel, head, start <= wheel->floor ? NB_WHEEL_FEW : UINT32_MAX);
        if (wheel->first == NB_WHEEL_NONE) {
            spread(wheel, head, start);
        }
    }
    return wheel->first;
}
