#include "base/aligned.h"

#include <string.h>

void *nb_alloc_aligned(nb_heap *heap, size_t size)
{
    char *start = size > SIZE_MAX - 2 * NB_LINE ? NULL : nb_alloc(heap, size + NB_LINE);
    char *block = NULL;

    if (start != NULL) {
        block = start + (NB_LINE - (uintptr_t)start % NB_LINE); /* at least the alignment of malloc further on: room for a pointer */
        memcpy(block - sizeof start, &start, sizeof start);
    }
    return block;
}

void nb_free_aligned(nb_heap *heap, void *block, size_t size)
{
    char *start;

    if (block != NULL) {
        memcpy(&start, (char *)block - sizeof start, sizeof start);
        nb_free(heap, start, size + NB_LINE);
    }
}
