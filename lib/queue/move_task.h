/*
 * move_task.h - move tasks: a step that is run by the workers or the driver, and by a timer if there is a rate or the destination is full.
 *
 * States: RUNNING -> COMPLETED, FAILED; RUNNING -> CANCELLING -> CANCELLED. Only the step ends a task; everybody else (cancel, timer, the
 * end of the queue, the stop of the instance) sets what it has to find and wakes it. The step is queued at most once (queued), and runs on
 * one thread at a time: who wakes it while it runs sets `again`, and the step submits itself once more.
 *
 * References: the user's, one of the source's list of its last tasks, and the task's own while it runs. While it runs it pins source and
 * destination, and `nb` is good; afterwards nothing but the status is looked at, so a task may outlive queue and instance.
 *
 * One message goes in four steps: the walk shows it, the filter is asked (nothing is locked, nothing is lifted), it is lifted, offered to
 * the destination, and put down (store/carry.h). If the destination is full it is put down where it was and the walk comes to it again, as
 * it does if the rate does not allow it yet: then the filter is not asked twice.
 *
 * Lock order: a queue's lock, then a task's lock, then timers and exec.
 */
#ifndef NB_QUEUE_MOVE_TASK_H
#define NB_QUEUE_MOVE_TASK_H

#include <nimbus/redrive.h>

#include "queue/queue.h"
#include "store/carry.h"

#define NB_MOVES_KEPT 10u /* SQS-M6 */
#define NB_MOVE_PATIENCE NIMBUS_MS(100) /* how long a full destination is waited for at first */

struct nimbus_move_task {
    void *home;                  /* the slabs' */
    _Atomic uint32_t references; /* lowered with acquire-release: the last one frees */
    nimbus_runtime *nb;          /* while it runs */
    nimbus_queue *source;        /* pinned while it runs */
    nimbus_queue *destination;   /* pinned while it runs; NULL: where each came from */
    nb_link link;                /* in the source's list, under its lock */
    nb_task task;
    nb_timer timer;

    nb_lock lock;                /* of what follows */
    nimbus_move_status status;
    bool over, queued, stepping, again;
    nb_list waiters;             /* nb_move_waiter */

    /* The step's own. */
    nb_carry walk;
    bool keep_ids;
    nimbus_move_filter *filter;
    void *filter_user;
    nimbus_destroy_fn *filter_destroy;
    int64_t interval, next_at;   /* of the rate; interval 0: none */
    int64_t patience;            /* how long it waits for a full destination next */
};

typedef struct nb_move_waiter {
    nb_link link;
    nb_parker parker;
} nb_move_waiter;

/* NULL with *err filled. */
nimbus_move_task *nb_move_start(nimbus_queue *source, const nimbus_redrive_options *options, const char *call, nimbus_error *err);
nimbus_move_task *nb_move_running(nimbus_queue *queue); /* a reference; NULL: none */
size_t nb_move_list(nimbus_queue *queue, nimbus_move_status *ret, size_t max);
void nb_move_get_status(nimbus_move_task *task, nimbus_move_status *ret);
nimbus_status nb_move_wait(nimbus_move_task *task, int64_t wait);
nimbus_status nb_move_cancel(nimbus_move_task *task, uint64_t *ret_moved);
void nb_move_retain(nimbus_move_task *task);
void nb_move_release(nimbus_move_task *task);

/* Lets the step look at what has changed. */
void nb_move_wake(nimbus_move_task *task);

/* The queue or the instance has ended: its task looks. */
void nb_move_stop(nimbus_queue *queue);

/* The queue's memory goes: it gives its references back. */
void nb_move_forget(nimbus_queue *queue);

/* The step. */
void nb_move_step(nb_task *task, nb_turn *turn);

/* Whether they are of one kind: both FIFO, or neither. */
bool nb_queue_same_kind(const nimbus_queue *a, const nimbus_queue *b);

/* Visits the queues whose dead letters go to this one (SQS-D16). Returns whether there is one. visitor NULL: nobody is told. */
bool nb_queue_visit_sources(nimbus_queue *queue, nimbus_queue_visitor *visitor, void *user);

#endif
