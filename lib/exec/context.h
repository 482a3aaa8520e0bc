/*
 * context.h - which handlers the calling thread is inside of: a thread-local stack of frames, the only process-wide state there is.
 *
 * A frame lives in the C frame of whoever calls the handler. Owners are compared by address, never looked into.
 */
#ifndef NB_EXEC_CONTEXT_H
#define NB_EXEC_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct nb_frame {
    struct nb_frame *outer;
    const void *runtime; /* the instance */
    const void *owner;   /* the function or delivery path whose handler runs */
} nb_frame;

void nb_frame_enter(nb_frame *frame, const void *runtime, const void *owner);
void nb_frame_leave(nb_frame *frame);

/* Whether this thread is inside a handler of the instance. */
bool nb_inside(const void *runtime);

/* How many handlers of this owner it is inside of. */
uint32_t nb_inside_owner(const void *owner);

/* Publishes inside one another on this thread: enter returns false beyond 16. */
bool nb_nest_enter(void);
void nb_nest_leave(void);

#endif
