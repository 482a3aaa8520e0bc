/*
 * aligned.h - memory of a heap that starts at a cache line: for structures whose words are written by different threads.
 *
 * The allocator of an instance promises the alignment of malloc only. The block is larger by a line, and keeps the way back to its start in
 * front of itself.
 */
#ifndef NB_BASE_ALIGNED_H
#define NB_BASE_ALIGNED_H

#include "base/heap.h"

#define NB_LINE 64u

/* NULL: as nb_alloc. */
void *nb_alloc_aligned(nb_heap *heap, size_t size);

/* block may be NULL. size is what was asked for. */
void nb_free_aligned(nb_heap *heap, void *block, size_t size);

#endif
