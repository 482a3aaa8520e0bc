/*
 * handler.h - a user's callback with its user pointer, counted, so that its destroy function is called once, after the last call has
 * returned; and the call: what a handler's delivery leads back to.
 *
 * The count is lowered with acquire-release: what every call did to *user happens before destroy.
 */
#ifndef NB_TARGET_HANDLER_H
#define NB_TARGET_HANDLER_H

#include <nimbus/function.h>
#include <nimbus/target.h>

#include <stdatomic.h>

#include "exec/context.h"
#include "runtime/runtime.h"
#include "platform/lock.h"
#include "store/delivery.h"

typedef struct nb_handler {
    nb_heap *heap;
    atomic_uint references;
    nimbus_handler *single;
    nimbus_batch_handler *batch; /* one of the two */
    void *user;
    nimbus_destroy_fn *destroy;
} nb_handler;

/* NULL: out of memory. Until nb_handler_arm() the user pointer is not ours. */
nb_handler *nb_handler_make(nb_heap *heap, nimbus_handler *single, nimbus_batch_handler *batch, void *user);
void nb_handler_arm(nb_handler *handler, nimbus_destroy_fn *destroy);
nb_handler *nb_handler_retain(nb_handler *handler);
void nb_handler_release(nb_handler *handler);

#define NB_REASON_SIZE 160

/* One call of a handler, on its caller's stack or, once it is kept, in the kept invocation. */
typedef struct nb_call {
    nimbus_runtime *nb;
    const void *owner;              /* of the frame */
    nimbus_subscription *subscription; /* whose handler it is; NULL */
    nb_lock *lock;                  /* of reply and reason; NULL: one thread only */
    struct nimbus_invocation *kept; /* set by a keep */
    struct nb_function_call *function_call; /* what a keep needs; NULL: cannot be kept */
    nimbus_message *reply;          /* counted */
    char reason[NB_REASON_SIZE];
} nb_call;

/* Somebody who waits until no call runs. Whoever sets the parker has taken the leaver off its list, under the list's lock. */
typedef struct nb_leaver {
    nb_link link;
    nb_parker parker;
} nb_leaver;

void nb_leavers_wake(nb_exec *exec, nb_list *leavers); /* under the lock */

/* Waits until *running, which lock guards, is 0, but no longer than wait. Returns whether it is. */
bool nb_leavers_wait(nimbus_runtime *nb, nb_lock *lock, nb_list *leavers, const uint32_t *running, int64_t wait);

void nb_call_set_reason(nb_call *call, const char *reason);

/* Takes the reference of reply. */
void nb_call_set_reply(nb_call *call, nimbus_message *reply);

#endif
