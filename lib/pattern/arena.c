#include "pattern/arena.h"

#include <string.h>

#define MAX_GRAIN ((size_t)64 * 1024)

void nb_arena_open(nb_arena *arena, nb_heap *heap, size_t grain)
{
    *arena = (nb_arena){ .heap = heap, .grain = grain };
}

void nb_arena_close(nb_arena *arena)
{
    while (arena->chunks != NULL) {
        nb_chunk *chunk = arena->chunks;

        arena->chunks = chunk->next;
        nb_free(arena->heap, chunk, chunk->size);
    }
    arena->at = arena->end = NULL;
}

/* A block that is large for its chunk gets one of its own, and the rest of the current chunk stays in use. */
static void *new_chunk(nb_arena *arena, size_t size)
{
    bool own = size > arena->grain / 2;
    size_t bytes = sizeof(nb_chunk) + (own ? size : arena->grain);
    nb_chunk *chunk = nb_alloc(arena->heap, bytes);

    if (chunk == NULL) {
        arena->failed = bytes;
        return NULL;
    }
    chunk->size = bytes;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    if (!own) {
        arena->at = (char *)(chunk + 1) + size;
        arena->end = (char *)chunk + bytes;
    }
    if (arena->grain < MAX_GRAIN) {
        arena->grain *= 2;
    }
    return chunk + 1;
}

void *nb_arena_alloc(nb_arena *arena, size_t size)
{
    char *block = arena->at;

    if (size > SIZE_MAX / 2) {
        arena->failed = size;
        return NULL;
    }
    size = (size + 7) & ~(size_t)7;
    if ((size_t)(arena->end - block) < size || block == NULL) {
        return new_chunk(arena, size);
    }
    arena->at = block + size;
    return block;
}

void *nb_arena_zero(nb_arena *arena, size_t size)
{
    void *block = nb_arena_alloc(arena, size);

    return block != NULL ? memset(block, 0, size) : NULL;
}

char *nb_arena_copy(nb_arena *arena, const void *data, size_t size)
{
    char *block = nb_arena_alloc(arena, size + (size == 0));

    if (block != NULL && size != 0) {
        memcpy(block, data, size);
    }
    return block;
}
