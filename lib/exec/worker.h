/* worker.h - the threads of an instance: what exec.c, state.c and worker.c share. */
#ifndef NB_EXEC_WORKER_H
#define NB_EXEC_WORKER_H

#include "exec/exec.h"

/* See the head of exec.h. */
typedef enum nb_worker_state { NB_WORKER_IDLE, NB_WORKER_LOOKING, NB_WORKER_RUNNING, NB_WORKER_BLOCKED } nb_worker_state;

/* By the worker itself. */
static inline void nb_worker_enter(nb_worker *worker, nb_worker_state state)
{
    uint64_t version = nb_load_relaxed(&worker->word) >> 2; /* the worker alone writes it */

    /* Release: who sees the new state by acquire sees what the worker has done before, for example which tasks it has submitted. */
    nb_store_release(&worker->word, (version + 1) << 2 | (uint64_t)state);
}

/* A task, for who is LOOKING or RUNNING; NULL: the queue is empty. */
static inline nb_task *nb_exec_pop(nb_exec *exec)
{
    uint64_t value;

    return nb_mpmc_pop(&exec->tasks, &value) ? (nb_task *)(uintptr_t)value : NULL;
}

/* Runs it, for who is RUNNING. */
static inline void nb_exec_call_task(nb_worker *worker, nb_task *task, nb_turn *turn)
{
    task->run(task, turn);
    nb_store_relaxed(&worker->finished, nb_load_relaxed(&worker->finished) + 1);
}

/* state.c: it has a task: from LOOKING to RUNNING, and the turn of the lot goes on. */
void nb_exec_start_running(nb_exec *exec, nb_worker *worker);

/* Runs it; the worker is LOOKING before and afterwards. */
static inline void nb_exec_run_task(nb_exec *exec, nb_worker *worker, nb_task *task, nb_turn *turn)
{
    nb_exec_start_running(exec, worker);
    nb_exec_call_task(worker, task, turn);
    nb_worker_enter(worker, NB_WORKER_LOOKING);
}

/* Whether the instance is idle: sure if true; if false, somebody will tell who waits. */
bool nb_exec_idle(nb_exec *exec);

/* A worker has become IDLE or BLOCKED, and a fence stands behind that: wakes those who wait for idleness, if it is there. */
void nb_exec_tell_idle(nb_exec *exec);

/* nb_exec_wait_idle() of an instance with threads. */
bool nb_exec_wait_threaded(nb_exec *exec, int64_t until);

/* worker.c: somebody has submitted a task, or taken one, or blocked, and nobody is idle: perhaps the pool must grow. */
void nb_exec_consider_growth(nb_exec *exec);

/* Around a wait: a worker that blocks may be replaced. Threads that are not workers of this pool are not counted. */
void nb_exec_block_begin(nb_exec *exec);
void nb_exec_block_end(nb_exec *exec);

#endif
