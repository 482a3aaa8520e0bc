/* worker.h - the threads of an instance: what exec.c and worker.c share. */
#ifndef NB_EXEC_WORKER_H
#define NB_EXEC_WORKER_H

#include "exec/exec.h"

/* All of these want exec->lock. */
bool nb_exec_idle_locked(const nb_exec *exec);
void nb_exec_tell_idle_locked(nb_exec *exec);     /* wakes those who wait for idleness, if it is there */
nb_task *nb_exec_pop_locked(nb_exec *exec);       /* counts it as running; NULL: none */
void nb_exec_done_locked(nb_exec *exec);
void nb_exec_wake_worker_locked(nb_exec *exec);   /* one idle worker, or a new one if all others are blocked */
bool nb_exec_watch_locked(nb_exec *exec);         /* whether nb_exec_watch must be called */

/* Sets the timer that looks whether the pool is stuck. Without the lock. */
void nb_exec_watch(nb_exec *exec);

/* Around a wait: a worker that blocks may be replaced. Threads that are not workers of this pool are not counted. */
void nb_exec_block_begin(nb_exec *exec);
void nb_exec_block_end(nb_exec *exec);

#endif
