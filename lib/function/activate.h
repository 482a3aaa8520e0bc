/* activate.h - finding work. All of these want function->lock. */
#ifndef NB_FUNCTION_ACTIVATE_H
#define NB_FUNCTION_ACTIVATE_H

#include "function/function.h"

/* A piece of work. */
typedef struct nb_work {
    nb_sync *sync;     /* a synchronous call; else */
    nb_feed *feed;
    nb_object *source; /* pinned */
    uint32_t batch;    /* messages to take at once */
    bool alone;        /* nobody could join: there is no other place */
} nb_work;

/* Something is there to be done. */
bool nb_function_has_work_locked(nimbus_function *function);

/* For a worker who has a place. False: nothing is there, or there are more places taken than there may be. */
bool nb_function_find_work_locked(nimbus_function *function, nb_work *ret);

/* A feed that has claimed a message and cannot come for it now; NULL: none. */
nb_feed *nb_function_broken_claim_locked(nimbus_function *function);

#endif
