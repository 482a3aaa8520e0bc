#include "exec/context.h"

#include <stddef.h>

bool nb_inside(const void *runtime)
{
    for (const nb_frame *at = nb_self_get()->innermost; at != NULL; at = at->outer) {
        if (at->runtime == runtime) {
            return true;
        }
    }
    return false;
}

uint32_t nb_inside_owner(const void *owner)
{
    uint32_t count = 0;

    for (const nb_frame *at = nb_self_get()->innermost; at != NULL; at = at->outer) {
        count += at->owner == owner;
    }
    return count;
}
