/*
 * poison.h - tells AddressSanitizer which bytes of a slab are nobody's.
 *
 * Without it these are nothing. In a build with it, blocks come one by one from the heap (NB_BLOCKS_ALONE), so that it sees each of
 * them; except in the tests' build of the library, which is to show that the slabs themselves are right.
 */
#ifndef NB_MEMORY_POISON_H
#define NB_MEMORY_POISON_H

#include <stddef.h>

#include "memory/slab.h"
#include "sync/atomic.h"

#if defined(__SANITIZE_ADDRESS__)
#define NB_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NB_ASAN 1
#endif
#endif
#ifndef NB_ASAN
#define NB_ASAN 0
#endif

#if NB_ASAN && !defined(NB_TESTING)
#define NB_BLOCKS_ALONE 1
#else
#define NB_BLOCKS_ALONE 0
#endif

#if NB_ASAN
#include <sanitizer/asan_interface.h>
#define nb_poison(p, size) ASAN_POISON_MEMORY_REGION((p), (size))
#define nb_unpoison(p, size) ASAN_UNPOISON_MEMORY_REGION((p), (size))
#else
/* Nothing; in the schedule explorer, which knows who may still use the bytes, the end of a block and the beginning of the next one. */
#define nb_poison(p, size) ((void)(p), (void)(size), nb_block_gone((p), (size)))
#define nb_unpoison(p, size) ((void)(p), (void)(size), nb_block_born((p), (size)))
#endif

/* A free block keeps its way home and its place in a list; the third word only while it begins a batch in the depot. */
#define NB_FREE_BYTES (2 * sizeof(void *))

#define nb_poison_free(block, size) nb_poison((char *)(block) + NB_FREE_BYTES, (size)-NB_FREE_BYTES)

#endif
