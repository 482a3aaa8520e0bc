/*
 * async.h - receives without a thread that waits: a waiter in the queue's line, a timer, and a task that calls back.
 *
 * Exactly one of three things submits the task: the store hands messages over or dismisses the waiter, the timer takes the waiter off the
 * line, or a cancel does. All three happen under the store's lock, so exactly one wins. Two references: the receive's own, given back when
 * the callback has returned, and the user's.
 */
#ifndef NB_QUEUE_ASYNC_H
#define NB_QUEUE_ASYNC_H

#include "queue/queue.h"

nimbus_status nb_receive_start(nimbus_queue *queue, int64_t wait, const nb_hiding *how, size_t max, nimbus_receive_fn *fn, void *user,
                               nimbus_receive_task **ret_task);
nimbus_status nb_receive_cancel(nimbus_receive_task *task);
void nb_receive_release(nimbus_receive_task *task);

#endif
