#include "platform/memory.h"

#include <stdlib.h>

void *nb_platform_malloc(size_t size)
{
    return malloc(size);
}

void nb_platform_free(void *block)
{
    free(block);
}
