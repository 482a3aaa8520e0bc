#include "exec/context.h"

#include <stddef.h>

#define MAX_NESTING 16

static _Thread_local nb_frame *innermost;
static _Thread_local uint32_t nesting;

void nb_frame_enter(nb_frame *frame, const void *runtime, const void *owner)
{
    frame->outer = innermost;
    frame->runtime = runtime;
    frame->owner = owner;
    innermost = frame;
}

void nb_frame_leave(nb_frame *frame)
{
    innermost = frame->outer;
}

bool nb_inside(const void *runtime)
{
    for (const nb_frame *at = innermost; at != NULL; at = at->outer) {
        if (at->runtime == runtime) {
            return true;
        }
    }
    return false;
}

uint32_t nb_inside_owner(const void *owner)
{
    uint32_t count = 0;

    for (const nb_frame *at = innermost; at != NULL; at = at->outer) {
        count += at->owner == owner;
    }
    return count;
}

bool nb_nest_enter(void)
{
    if (nesting == MAX_NESTING) {
        return false;
    }
    nesting++;
    return true;
}

void nb_nest_leave(void)
{
    nesting--;
}
