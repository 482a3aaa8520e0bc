#include "base/blocks.h"

#include <string.h>

void nb_blocks_add(nb_blocks *blocks, nb_mix *mix, uint32_t *state, const void *data, size_t size)
{
    const unsigned char *from = data;
    size_t held = (size_t)(blocks->size % NB_BLOCK_SIZE), room = NB_BLOCK_SIZE - held;

    blocks->size += size;
    if (held > 0 && size >= room) {
        memcpy(blocks->block + held, from, room);
        mix(state, blocks->block);
        from += room;
        size -= room;
        held = 0;
    }
    for (; held == 0 && size >= NB_BLOCK_SIZE; from += NB_BLOCK_SIZE, size -= NB_BLOCK_SIZE) {
        mix(state, from);
    }
    if (size > 0) {
        memcpy(blocks->block + held, from, size);
    }
}

void nb_blocks_end(nb_blocks *blocks, nb_mix *mix, uint32_t *state, const unsigned char length[8])
{
    static const unsigned char padding[NB_BLOCK_SIZE] = { 0x80 };

    nb_blocks_add(blocks, mix, state, padding, 1 + (119 - (size_t)(blocks->size % NB_BLOCK_SIZE)) % NB_BLOCK_SIZE);
    nb_blocks_add(blocks, mix, state, length, 8);
}
