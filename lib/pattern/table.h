/*
 * table.h - a hash table of pointers that one writer fills while readers look things up without waiting.
 *
 * Open addressing: a row of 32-bit tags beside a row of pointers. A tag is the hash of the entry, never 0; whoever finds an equal tag
 * compares the entry itself. Entries are added and never taken out; a table that is full is copied into one twice as large and retired.
 *
 * Ordering. The writer stores the pointer, then its tag with release; a reader that acquires the tag sees the pointer and what it points
 * to. The same holds for the pointer to the two rows.
 */
#ifndef NB_PATTERN_TABLE_H
#define NB_PATTERN_TABLE_H

#include "base/heap.h"
#include "pattern/grace.h"

typedef struct nb_rows {
    nb_retired retired;
    size_t block; /* bytes */
    uint32_t mask;
    _Atomic uint32_t *tags;
    _Atomic(void *) *entries;
} nb_rows;

typedef struct nb_table {
    nb_heap *heap;
    nb_grace *grace; /* NULL: nobody reads while the writer writes */
    _Atomic(nb_rows *) rows;
    uint32_t count;
} nb_table;

/* False: out of memory, and there is nothing to close. room: entries expected. */
bool nb_table_open(nb_table *table, nb_heap *heap, nb_grace *grace, uint32_t room);
void nb_table_close(nb_table *table);

/* Room for one more. False: out of memory, nothing changed. */
bool nb_table_reserve(nb_table *table);

/* Adds an entry; there is room for it. */
void nb_table_add(nb_table *table, uint32_t tag, void *entry);

/* Bytes of the rows. */
size_t nb_table_bytes(const nb_table *table);

/* Walks through the entries of one tag: at starts as the tag. NULL: no more. */
static inline void *nb_rows_next(const nb_rows *rows, uint32_t tag, uint32_t *at)
{
    for (;;) {
        uint32_t i = (*at)++ & rows->mask;
        uint32_t found = nb_load_acquire(&rows->tags[i]);

        if (found == tag) {
            return nb_load_relaxed(&rows->entries[i]);
        }
        if (found == 0) {
            return NULL;
        }
    }
}

/* Pairs with the release of the writer that replaced the rows. */
static inline const nb_rows *nb_table_rows(const nb_table *table)
{
    return nb_load_acquire((_Atomic(nb_rows *) *)(uintptr_t)&table->rows);
}

#endif
