/*
 * runtime.h - the instance.
 *
 * States: OPEN -> DRAINING -> STOPPED, never back. OPEN takes everything. Afterwards only handlers that still run may bring in work, so
 * that they can end theirs; when STOPPED no new handler starts. Receives that do not wait, deletes and the like work until the close.
 *
 * Calls that may wait are counted (nb_waiting_begin), so that the close can wait for them instead of pulling the ground away. A publish or
 * a put is seen by its seat (target/edition.h); it takes the seat before it looks at the phase.
 */
#ifndef NB_RUNTIME_RUNTIME_H
#define NB_RUNTIME_RUNTIME_H

#include <nimbus/runtime.h>

#include "exec/context.h"
#include "exec/exec.h"
#include "memory/cache.h"
#include "runtime/names.h"

typedef enum nb_phase { NB_OPEN, NB_DRAINING, NB_STOPPED } nb_phase;

struct nimbus_runtime {
    nb_heap *heap;
    nb_clock clock;
    nb_timers timers;
    nb_exec exec;
    nb_names names;
    nimbus_limits limits;
    atomic_int phase;
    atomic_uint waiting_calls; /* threads inside a call that may wait */
    _Atomic uint64_t kept;     /* invocations that answered LATER */
    uint64_t nonce;
    _Atomic uint64_t last_id;
    _Atomic uint64_t random;
    nb_lock objects_lock;
    nb_list objects;
    nimbus_trace_fn *trace;
    void *trace_user;
    char *account, *region;
    bool driven;
    atomic_bool advancing;
};

/* NULL with *err filled. */
nimbus_runtime *nb_runtime_open(const nimbus_options *options, const char *call, nimbus_error *err);
nimbus_status nb_runtime_shutdown(nimbus_runtime *nb, nimbus_duration drain, nimbus_leftovers *ret_left);
nimbus_status nb_runtime_close(nimbus_runtime *nb, nimbus_duration drain, nimbus_leftovers *ret_left);
nimbus_status nb_runtime_advance(nimbus_runtime *nb, nimbus_duration by);
nimbus_status nb_runtime_run(nimbus_runtime *nb, size_t max_callbacks, bool *ret_more);
int nb_runtime_poll_timeout(nimbus_runtime *nb);

/* Fills in every limit; false: *err is filled. */
bool nb_limits_resolve(nimbus_limits *limits, const char *call, nimbus_error *err);

/* NIMBUS_OK, or NIMBUS_E_CLOSED if this thread may not bring in new work: handlers that still run may go on sending. Acquire: with the
   store of the phase. */
static inline nimbus_status nb_intake(const nimbus_runtime *nb)
{
    return nb_load_acquire(&nb->phase) == NB_OPEN || nb_inside(nb) ? NIMBUS_OK : NIMBUS_E_CLOSED;
}
bool nb_stopped(const nimbus_runtime *nb);

/* Calls visit for every object, in the order of their making, without a lock and with the object pinned. */
void nb_each_object(nimbus_runtime *nb, void (*visit)(nb_object *object, void *user), void *user);

/* Around a call that may wait. */
void nb_waiting_begin(nimbus_runtime *nb);
void nb_waiting_end(nimbus_runtime *nb);

static inline nimbus_id nb_new_id(nimbus_runtime *nb)
{
    return (nimbus_id){ nb->nonce, nb_number_next(nb->heap, &nb->last_id) };
}

uint64_t nb_random(nimbus_runtime *nb);

/* Tells the hook. Without any lock. */
void nb_trace(nimbus_runtime *nb, nimbus_trace_kind kind, const char *noun, const char *name, nimbus_id id, nimbus_status status,
              const char *reason, uint64_t count);

#endif
