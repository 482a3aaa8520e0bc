/* seen.c - counts different numbers: a hash set, which is emptied for each task. */
#include "engine.h"

#include <stdlib.h>

void ex_seen_init(ex_seen *seen, size_t expected)
{
    seen->size = 1024;
    while (seen->size < 2 * expected) {
        seen->size *= 2;
    }
    seen->count = 0;
    seen->table = calloc(seen->size, sizeof *seen->table);
    if (seen->table == NULL) {
        perror("explore: calloc");
        exit(2);
    }
}

void ex_seen_add(ex_seen *seen, uint64_t value)
{
    size_t slot;

    value = value == 0 ? 1 : value; /* 0 is an empty slot */
    slot = (size_t)(value * UINT64_C(0x9e3779b97f4a7c15) >> 16) & (seen->size - 1);
    while (seen->table[slot] != 0 && seen->table[slot] != value) {
        slot = (slot + 1) & (seen->size - 1);
    }
    seen->count += seen->table[slot] == 0;
    seen->table[slot] = value;
}

void ex_seen_fini(ex_seen *seen)
{
    free(seen->table);
}
