#include "pattern/table.h"

#define MIN_SIZE 8u
#define MAX_SIZE (UINT32_C(1) << 30)

/* At most 13 of 16 places are taken. */
static bool is_full(uint32_t count, uint32_t size)
{
    return (uint64_t)count * 16 >= (uint64_t)size * 13;
}

static nb_rows *make_rows(nb_heap *heap, uint32_t size)
{
    size_t head = (sizeof(nb_rows) + 15) & ~(size_t)15;
    size_t block = head + (size_t)size * (sizeof(uint32_t) + sizeof(void *));
    nb_rows *rows = nb_alloc_zero(heap, block);

    if (rows != NULL) {
        rows->block = block;
        rows->mask = size - 1;
        rows->entries = (void *)((char *)rows + head);
        rows->tags = (void *)((char *)rows + head + (size_t)size * sizeof(void *));
    }
    return rows;
}

static void end_rows(nb_retired *retired, nb_heap *heap, void *owner)
{
    nb_rows *rows = (nb_rows *)(void *)retired; /* its first member */

    (void)owner;
    nb_free(heap, rows, rows->block);
}

bool nb_table_open(nb_table *table, nb_heap *heap, nb_grace *grace, uint32_t room)
{
    uint32_t size = MIN_SIZE;
    nb_rows *rows;

    while (is_full(room, size) && size < MAX_SIZE) {
        size *= 2;
    }
    rows = make_rows(heap, size);
    *table = (nb_table){ .heap = heap, .grace = grace };
    nb_atomic_init(&table->rows, rows);
    return rows != NULL;
}

void nb_table_close(nb_table *table)
{
    nb_rows *rows = nb_load_relaxed(&table->rows);

    if (rows != NULL) {
        nb_free(table->heap, rows, rows->block);
    }
}

static void place(nb_rows *rows, uint32_t tag, void *entry)
{
    uint32_t i = tag & rows->mask;

    while (nb_load_relaxed(&rows->tags[i]) != 0) {
        i = (i + 1) & rows->mask;
    }
    nb_store_relaxed(&rows->entries[i], entry);
    nb_store_release(&rows->tags[i], tag); /* pairs with nb_rows_next() */
}

bool nb_table_reserve(nb_table *table)
{
    nb_rows *old = nb_load_relaxed(&table->rows);
    nb_rows *rows;

    if (!is_full(table->count, old->mask + 1)) {
        return true;
    }
    rows = old->mask + 1 < MAX_SIZE ? make_rows(table->heap, (old->mask + 1) * 2) : NULL;
    if (rows == NULL) {
        return false;
    }
    for (uint32_t i = 0; i <= old->mask; i++) {
        uint32_t tag = nb_load_relaxed(&old->tags[i]);

        if (tag != 0) {
            place(rows, tag, nb_load_relaxed(&old->entries[i]));
        }
    }
    nb_store_release(&table->rows, rows); /* pairs with nb_table_rows() */
    if (table->grace != NULL) {
        nb_grace_retire(table->grace, &old->retired, end_rows);
    } else {
        end_rows(&old->retired, table->heap, NULL);
    }
    return true;
}

void nb_table_add(nb_table *table, uint32_t tag, void *entry)
{
    place(nb_load_relaxed(&table->rows), tag, entry);
    table->count++;
}

size_t nb_table_bytes(const nb_table *table)
{
    return nb_table_rows(table)->block;
}
