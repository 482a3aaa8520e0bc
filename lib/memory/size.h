/*
 * size.h - the size classes of blocks: steps of 8 bytes up to 256, then eight classes for each doubling, up to NB_BLOCK_MAX.
 *
 * So a block is at most 7 bytes larger than what was asked for up to 256, and at most 12.5 % above. The smallest has room for what a free
 * block keeps.
 */
#ifndef NB_MEMORY_SIZE_H
#define NB_MEMORY_SIZE_H

#include <stddef.h>
#include <stdint.h>

#define NB_BLOCK_MIN 24u
#define NB_BLOCK_FINE 256u /* up to here in steps of 8 */
#define NB_BLOCK_MAX 4608u /* a body of 4 KiB, its header, and room for parts */
#define NB_BLOCK_FINE_CLASSES ((NB_BLOCK_FINE - NB_BLOCK_MIN) / 8 + 1)
#define NB_BLOCK_CLASSES (NB_BLOCK_FINE_CLASSES + 4 * 8 + 1)

/* The smallest class whose blocks have size bytes. size <= NB_BLOCK_MAX. */
static inline uint32_t nb_class_of(size_t size)
{
    uint32_t last, log;

    if (size <= NB_BLOCK_FINE) {
        return size <= NB_BLOCK_MIN ? 0 : ((uint32_t)size - NB_BLOCK_MIN + 7) / 8;
    }
    last = (uint32_t)size - 1;
    log = 31 - (uint32_t)__builtin_clz(last); /* 8 to 12 */
    return NB_BLOCK_FINE_CLASSES + (log - 8) * 8 + (last >> (log - 3)) - 8;
}

static inline uint32_t nb_class_size(uint32_t class)
{
    uint32_t step = class - NB_BLOCK_FINE_CLASSES;

    return class < NB_BLOCK_FINE_CLASSES ? NB_BLOCK_MIN + class * 8 : (9 + step % 8) << (5 + step / 8);
}

#endif
