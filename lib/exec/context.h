/*
 * context.h - which handlers the calling thread is inside of: a thread-local stack of frames, the only process-wide state there is.
 *
 * A frame lives in the C frame of whoever calls the handler. Owners are compared by address, never looked into.
 */
#ifndef NB_EXEC_CONTEXT_H
#define NB_EXEC_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/self.h"

#define NB_MAX_NESTING 16u

typedef struct nb_frame {
    struct nb_frame *outer;
    const void *runtime; /* the instance */
    const void *owner;   /* the function or delivery path whose handler runs */
} nb_frame;

static inline void nb_frame_enter(nb_frame *frame, const void *runtime, const void *owner)
{
    nb_self *self = nb_self_get();

    frame->outer = self->innermost;
    frame->runtime = runtime;
    frame->owner = owner;
    self->innermost = frame;
}

static inline void nb_frame_leave(nb_frame *frame)
{
    nb_self_get()->innermost = frame->outer;
}

/* Whether this thread is inside a handler of the instance. */
bool nb_inside(const void *runtime);

/* How many handlers of this owner it is inside of. */
uint32_t nb_inside_owner(const void *owner);

/* Publishes inside one another on this thread: enter returns false beyond 16. */
static inline bool nb_nest_enter(void)
{
    nb_self *self = nb_self_get();

    if (self->nesting == NB_MAX_NESTING) {
        return false;
    }
    self->nesting++;
    return true;
}

static inline void nb_nest_leave(void)
{
    nb_self_get()->nesting--;
}

#endif
