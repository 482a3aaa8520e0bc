/*
 * exec.h - who runs the work: a pool of workers and a clock thread, or the caller of nimbus_run (driven).
 *
 * Work is a queue of tasks. A task is a member of the object it belongs to and is in the queue at most once; whoever submits it makes sure
 * of that. Workers and drivers run the same step, so a simulation in driven mode runs the code that is shipped.
 *
 * Idleness: the instance is idle when no task is queued and every thread that runs one is blocked inside a call of the library. Idle
 * workers park, last in first out; a submit wakes exactly one. Nothing wakes up to look around.
 *
 * The clock thread fires timers and decides about growth; it never runs a handler.
 *
 * Lock order: a noun's locks, then exec->lock. Nothing is called with exec->lock held but parkers and the bell.
 */
#ifndef NB_EXEC_EXEC_H
#define NB_EXEC_EXEC_H

#include "base/list.h"
#include "platform/bell.h"
#include "platform/parker.h"
#include "platform/thread.h"
#include "time/timers.h"

#define NB_TURN_CALLS 32
#define NB_TURN_NS 1000000

/* How much one task may do before others get their turn. */
typedef struct nb_turn {
    uint32_t calls_left; /* handler calls */
    int64_t end;         /* system time; INT64_MAX: no end */
} nb_turn;

bool nb_turn_over(const nb_turn *turn);

typedef struct nb_task nb_task;
struct nb_task {
    nb_link link;
    void (*run)(nb_task *task, nb_turn *turn);
};

typedef struct nb_worker {
    nb_link link; /* in the list of idle ones */
    nb_thread thread;
    nb_parker parker;
    struct nb_exec *exec;
} nb_worker;

typedef struct nb_exec_options {
    bool driven;
    uint32_t min_workers, max_workers;
    void (*thread_refused)(void *user); /* the pool could not grow */
    void *user;
} nb_exec_options;

typedef struct nb_exec {
    nb_exec_options options;
    nb_heap *heap;
    nb_clock *clock;
    nb_timers *timers;

    nb_lock lock;
    nb_list tasks;
    nb_list idle;              /* workers, the last parked first */
    nb_worker *workers;        /* worker_room of them */
    uint32_t worker_room;
    uint32_t worker_count;     /* started */
    uint32_t idle_count, running, blocked;
    uint64_t finished, finished_at_growth_check;
    nb_list idle_waiters;      /* who waits until the instance is idle */
    bool stopping;

    nb_timer growth;           /* looks whether the pool is stuck */
    bool growth_set;
    nb_thread clock_thread;
    nb_parker clock_parker;
    bool clock_running;
    atomic_bool refused;       /* a thread could not be started; the clock thread reports it */

    nb_bell bell;              /* driven only */
    atomic_bool bell_armed;
    atomic_bool driving;       /* a thread is inside nimbus_run, nimbus_advance or a driven wait */
    nb_list dozers;            /* threads that wait in a driven instance, under lock */
} nb_exec;

/* NIMBUS_OK, NIMBUS_E_NO_MEMORY, NIMBUS_E_THREAD, NIMBUS_E_SYSTEM. timers must have been made with nb_exec_sooner and exec as user. */
nimbus_status nb_exec_init(nb_exec *exec, const nb_exec_options *options, nb_heap *heap, nb_clock *clock, nb_timers *timers);

/* Ends all threads; no task may be running. Tasks that are queued stay where they are. May be called again. */
void nb_exec_stop(nb_exec *exec);

/* Stops, and frees what it has. */
void nb_exec_fini(nb_exec *exec);

/* The "sooner" hook of the timers. */
void nb_exec_sooner(void *exec);

void nb_exec_submit(nb_exec *exec, nb_task *task);

/* Takes a task out of the queue if it is in it. Returns whether it was. */
bool nb_exec_withdraw(nb_exec *exec, nb_task *task);

/* Driven: fires timers and runs tasks, at most max_calls handler calls; *ret_more: work is left. Returns whether anything ran. */
bool nb_exec_drive(nb_exec *exec, size_t max_calls, bool *ret_more);

/* Only one thread drives at a time; false: another one does. */
bool nb_exec_drive_begin(nb_exec *exec);
void nb_exec_drive_end(nb_exec *exec);

/* Sets a parker on which nb_exec_sleep() waits, and rings for a driver. */
void nb_exec_wake(nb_exec *exec, nb_parker *parker);
void nb_exec_ring(nb_exec *exec);

typedef enum nb_slept {
    NB_SLEPT_SET,        /* the parker was set */
    NB_SLEPT_TIMEOUT,    /* the time came first */
    NB_SLEPT_WOULD_BLOCK /* a driven instance with nothing left to run, inside a handler or under a manual clock */
} nb_slept;

/* Waits for the parker until the instance's clock reaches until. A driven instance is driven meanwhile. */
nb_slept nb_exec_sleep(nb_exec *exec, nb_parker *parker, int64_t until);

/* Waits until the instance is idle, but not beyond until (system time). A driven instance is driven. Returns whether it is idle. */
bool nb_exec_wait_idle(nb_exec *exec, int64_t until);

void nb_exec_counts(nb_exec *exec, uint32_t *ret_workers, uint32_t *ret_idle, uint32_t *ret_running, uint32_t *ret_blocked);

#endif
