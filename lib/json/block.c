#include "json/block.h"

#if NB_BLOCK_AVX2
#define SAME8(c) c, c, c, c, c, c, c, c
#define SAME(c) { SAME8(c), SAME8(c), SAME8(c), SAME8(c) }

_Alignas(32) const nb_constants nb_block_constants = {
    SAME(0x20), SAME('\\'), SAME('"'), SAME(','), SAME(':'), SAME('{'), SAME('}'), SAME('-'), SAME('.'), SAME('0'), SAME(9), SAME(15),
    { ' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, '\r', 0, 0, ' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, '\r', 0, 0 }
};
#endif
