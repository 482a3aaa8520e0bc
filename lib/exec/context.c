#include "exec/context.h"

#include <stddef.h>

#include "platform/self.h"

#define MAX_NESTING 16

void nb_frame_enter(nb_frame *frame, const void *runtime, const void *owner)
{
    nb_self *self = nb_self_get();

    frame->outer = self->innermost;
    frame->runtime = runtime;
    frame->owner = owner;
    self->innermost = frame;
}

void nb_frame_leave(nb_frame *frame)
{
    nb_self_get()->innermost = frame->outer;
}

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

bool nb_nest_enter(void)
{
    nb_self *self = nb_self_get();

    if (self->nesting == MAX_NESTING) {
        return false;
    }
    self->nesting++;
    return true;
}

void nb_nest_leave(void)
{
    nb_self_get()->nesting--;
}
