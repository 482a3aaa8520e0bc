/*
 * arena.h - memory that is given back all at once: what one index, or one text that is being compiled, is made of.
 *
 * Blocks come from chunks of the heap, which grow with the arena. One thread at a time.
 */
#ifndef NB_PATTERN_ARENA_H
#define NB_PATTERN_ARENA_H

#include "base/heap.h"

typedef struct nb_chunk {
    struct nb_chunk *next;
    size_t size; /* bytes, this head included */
} nb_chunk;

typedef struct nb_arena {
    nb_heap *heap;
    nb_chunk *chunks;
    char *at;
    char *end;
    size_t grain; /* bytes of the next chunk */
    size_t failed; /* bytes of the chunk that the heap refused; for nb_heap_failure() */
} nb_arena;

/* grain: bytes of the first chunk. Allocates nothing yet. */
void nb_arena_open(nb_arena *arena, nb_heap *heap, size_t grain);
void nb_arena_close(nb_arena *arena);

/* Uninitialised, aligned to 8 bytes. NULL: out of memory. */
void *nb_arena_alloc(nb_arena *arena, size_t size);

/* The same, all bytes zero. */
void *nb_arena_zero(nb_arena *arena, size_t size);

/* A copy of bytes. size 0 gives a pointer that is not NULL. */
char *nb_arena_copy(nb_arena *arena, const void *data, size_t size);

#endif
