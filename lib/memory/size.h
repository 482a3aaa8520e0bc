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

#ifdef NB_EXPLORE /* few classes: each costs every schedule of the explorer a lock and two lists */
#define NB_BLOCK_MIN 32u
#define NB_BLOCK_STEP 32u
#define NB_BLOCK_PARTS 0 /* of each doubling: so many bits */
#else
#define NB_BLOCK_MIN 24u
#define NB_BLOCK_STEP 8u
#define NB_BLOCK_PARTS 3
#endif
#define NB_BLOCK_FINE 256u /* up to here in equal steps */
#define NB_BLOCK_MAX 4608u /* a body of 4 KiB, its header, and room for parts */
#define NB_BLOCK_FINE_CLASSES ((NB_BLOCK_FINE - NB_BLOCK_MIN) / NB_BLOCK_STEP + 1)
#define NB_BLOCK_CLASSES (NB_BLOCK_FINE_CLASSES + (4u << NB_BLOCK_PARTS) + 1)

/* The smallest class whose blocks have size bytes. size <= NB_BLOCK_MAX. */
static inline uint32_t nb_class_of(size_t size)
{
    uint32_t last, log;

    if (size <= NB_BLOCK_FINE) {
        return size <= NB_BLOCK_MIN ? 0 : ((uint32_t)size - NB_BLOCK_MIN + NB_BLOCK_STEP - 1) / NB_BLOCK_STEP;
    }
    last = (uint32_t)size - 1;
    log = 31 - (uint32_t)__builtin_clz(last); /* 8 to 12 */
    return NB_BLOCK_FINE_CLASSES + ((log - 8) << NB_BLOCK_PARTS) + (last >> (log - NB_BLOCK_PARTS)) - (1u << NB_BLOCK_PARTS);
}

static inline uint32_t nb_class_size(uint32_t class)
{
    uint32_t step = class - NB_BLOCK_FINE_CLASSES, parts = 1u << NB_BLOCK_PARTS;

    return class < NB_BLOCK_FINE_CLASSES ? NB_BLOCK_MIN + class * NB_BLOCK_STEP
                                         : (parts + 1 + step % parts) << (8 - NB_BLOCK_PARTS + step / parts);
}

#endif
