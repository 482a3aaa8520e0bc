/*
 * exec.h - who runs the work: a pool of workers and a clock thread, or the caller of nimbus_run (driven).
 *
 * Work is a queue of tasks (sync/queue.h). A task is a member of the object it belongs to and is in the queue at most once; who submits
 * it makes sure of that, and that the object stays until the task has run. A task has a place in the queue from nb_task_init() to
 * nb_task_fini(), so a submit never fails; it takes no lock and needs no memory. Workers and drivers run the same step, so a
 * simulation in driven mode runs the code that is shipped.
 *
 * Idle workers park in a lot (sync/lot.h), last in first out. A submit wakes one, unless a wake is under way: then the woken worker
 * wakes the next one, if there is more work when it has got its own. Nothing wakes up to look around.
 *
 * What a worker is at stands in a word of its own: a state, and a version that grows with each change.
 *
 *   IDLE -> LOOKING     woken, before it touches the queue
 *   LOOKING -> RUNNING  it has a task
 *   RUNNING -> LOOKING  the task is done, and the queue was empty; while it is not, the worker goes from task to task RUNNING
 *   LOOKING -> IDLE     the queue was empty, and since then the lot knows of the worker
 *   RUNNING <-> BLOCKED the task waits inside a call of the library
 *
 * The instance is idle when no task is queued and every worker is IDLE or BLOCKED. That is found out without stopping anybody: all words
 * are read, then the size of the queue, then all words again; if nothing has changed, nobody was at work in between, so what the size
 * said was true for all of them. (A worker is LOOKING or RUNNING before it claims a task; who sees the claim in the size sees the word,
 * too.)
 *
 * Growth. A new worker is started when a task waits, nobody is idle, and a worker blocks inside a call of the library (or all of them do
 * already), or nothing has finished for a while (looked at by the clock thread, real clock only). Never merely because a task was
 * submitted. Who submits looks for idle workers behind the fence of the lot; who stops being idle, or blocks, looks for waiting tasks
 * behind a fence: one of the two sees the other.
 *
 * The clock thread fires timers and decides about growth; it never runs a handler.
 *
 * Lock order: a noun's locks, then exec->lock, which guards growth and the lists of those who wait. Nothing is called with it held but
 * parkers and the bell.
 */
#ifndef NB_EXEC_EXEC_H
#define NB_EXEC_EXEC_H

#include "base/list.h"
#include "platform/bell.h"
#include "platform/parker.h"
#include "platform/thread.h"
#include "sync/lot.h"
#include "sync/queue.h"
#include "time/timers.h"

#define NB_TURN_CALLS 32
#define NB_TURN_NS 1000000

/* How much one task may do before others get their turn. */
typedef struct nb_turn {
    uint32_t calls_left; /* handler calls */
    int64_t end;         /* system time; INT64_MAX: no end; NB_TURN_LATER: nobody has asked yet */
} nb_turn;

#define NB_TURN_LATER INT64_MIN

/* The end of the turn: NB_TURN_NS from the first time that somebody asks. A task that never asks costs no reading of the clock.
 * nb_turn_over() looks at the coarse clock, so it may come a tick later. */
int64_t nb_turn_end(nb_turn *turn);
bool nb_turn_over(nb_turn *turn);

typedef struct nb_task nb_task;
struct nb_task {
    void (*run)(nb_task *task, nb_turn *turn);
};

typedef struct nb_worker {
    nb_lot_sleeper sleeper;
    nb_thread thread;
    struct nb_exec *exec;
    _Atomic uint64_t word;     /* state and version; written by the worker alone */
    _Atomic uint64_t finished; /* tasks; written by the worker alone. Relaxed: a hint for growth */
    char gap[NB_CACHE_LINE];   /* from the next worker's */
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

    nb_mpmc tasks;
    nb_lot lot;
    nb_worker *workers;            /* worker_room of them */
    uint32_t worker_room;
    uint32_t looks;                /* for work, before a worker sleeps */
    uint32_t max_workers;          /* under lock; lowered when a thread is refused */
    _Atomic uint32_t worker_count; /* started; written under lock */
    _Atomic uint32_t idle;         /* workers that are IDLE */
    _Atomic uint32_t blocked;      /* workers that are BLOCKED */
    _Atomic bool may_grow;         /* worker_count < max_workers, and there is a pool */
    _Atomic bool growth_set;       /* the timer that looks whether the pool is stuck */
    _Atomic bool stopping;
    _Atomic uint32_t watchers;     /* who wait for idleness; written under lock */
    nb_worker driver;              /* driven: who drives */

    nb_lock lock;
    nb_list idle_waiters;          /* who waits until the instance is idle */
    uint64_t finished_at_growth_check;
    nb_timer growth;
    nb_thread clock_thread;
    nb_parker clock_parker;
    bool clock_running;
    _Atomic bool refused;          /* a thread could not be started; the clock thread reports it */

    nb_bell bell;                  /* driven only */
    _Atomic bool bell_armed;
    _Atomic bool driving;          /* a thread is inside nimbus_run, nimbus_advance or a driven wait */
    nb_list dozers;                /* threads that wait in a driven instance, under lock */
    _Atomic uint32_t dozing;       /* how many; written under lock */
} nb_exec;

/* NIMBUS_OK, NIMBUS_E_NO_MEMORY, NIMBUS_E_THREAD, NIMBUS_E_SYSTEM. timers must have been made with nb_exec_sooner and exec as user. */
nimbus_status nb_exec_init(nb_exec *exec, const nb_exec_options *options, nb_heap *heap, nb_clock *clock, nb_timers *timers);

/* Ends all threads; no task may be running. Tasks that are queued still are run by the caller, so that nobody waits for them for ever:
 * nothing is started in an instance that has stopped. May be called again. */
void nb_exec_stop(nb_exec *exec);

/* Stops, and frees what it has. */
void nb_exec_fini(nb_exec *exec);

/* The "sooner" hook of the timers. */
void nb_exec_sooner(void *exec);

/* A place in the queue; false: out of memory. */
bool nb_task_init(nb_exec *exec, nb_task *task, void (*run)(nb_task *task, nb_turn *turn));

/* Gives it back. The task is not queued, and is not submitted again. Not needed after the end of exec. */
void nb_task_fini(nb_exec *exec, nb_task *task);

void nb_exec_submit(nb_exec *exec, nb_task *task);

/*
 * The two halves of a submit, for who pushes under a lock that the task takes: he announces behind it, so that the worker that is woken
 * does not stand in line for the lock. Soon, and on every path: nobody else will. To announce once too often does no harm.
 */
void nb_exec_push(nb_exec *exec, nb_task *task);
void nb_exec_announce(nb_exec *exec);

/* Whether a task is queued. */
bool nb_exec_pending(nb_exec *exec);

/* Whether a task runs, also a blocked one, or is queued. */
bool nb_exec_working(nb_exec *exec);

/* Driven: fires timers and runs tasks, at most max_calls handler calls; *ret_more: work is left. Returns whether anything ran. */
bool nb_exec_drive(nb_exec *exec, size_t max_calls, bool *ret_more);

/* Only one thread drives at a time; false: another one does. */
bool nb_exec_drive_begin(nb_exec *exec);
void nb_exec_drive_end(nb_exec *exec);

/* Before the work is looked at for a wait outside: a submit that comes later rings. */
void nb_exec_arm_bell(nb_exec *exec);

/* Sets a parker on which nb_exec_sleep() waits, and rings for a driver. */
void nb_exec_wake(nb_exec *exec, nb_parker *parker);
void nb_exec_wake_last(nb_exec *exec, nb_parker *parker); /* the same with nb_parker_set_last() */
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

/* blocked ones are among the running. */
void nb_exec_counts(nb_exec *exec, uint32_t *ret_workers, uint32_t *ret_idle, uint32_t *ret_running, uint32_t *ret_blocked);

#endif
