#include "queue/move_task.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/number.h"
#include "exec/context.h"
#include "memory/block.h"

#define MAX_RATE 500u /* SQS-M1 */

/* ---------------------------------------------------------------------------------------------- lifetime */

void nb_move_retain(nimbus_move_task *self)
{
    nb_add_relaxed(&self->references, 1); /* whoever raises it holds one, or the lock of the list that does */
}

void nb_move_release(nimbus_move_task *self)
{
    if (nb_sub_acq_rel(&self->references, 1) == 1) { /* pairs with itself: who frees sees everybody's last accesses */
        nb_lock_fini(&self->lock);
        nb_block_put(self);
    }
}

void nb_move_wake(nimbus_move_task *self)
{
    nb_lock_acquire(&self->lock);
    if (self->over) {
        nb_lock_release(&self->lock);
        return;
    }
    if (self->stepping) {
        self->again = true;
    } else if (!self->queued) {
        self->queued = true;
        nb_exec_submit(&self->nb->exec, &self->task);
    }
    nb_lock_release(&self->lock);
}

static void on_timer(nb_timer *timer)
{
    nb_move_wake(NB_CONTAINER(timer, nimbus_move_task, timer));
}

/* ------------------------------------------------------------------------------------------------- start */

static bool refuse(nimbus_error *err, nimbus_status status, const char *call, const char *field, const char *reason)
{
    nb_error_set(err, status, call, field, "%s", reason);
    return false;
}

static bool check_destination(nimbus_queue *source, nimbus_queue *destination, const char *call, nimbus_error *err)
{
    return destination == NULL       ? true
           : destination == source   ? refuse(err, NIMBUS_E_INVALID, call, "destination", "it is the source")
           : destination->object.runtime != source->object.runtime
               ? refuse(err, NIMBUS_E_INVALID, call, "destination", "it belongs to another instance")
           : !nb_queue_same_kind(source, destination)
               ? refuse(err, NIMBUS_E_INVALID, call, "destination", "one is a FIFO queue, the other is not")
           : nb_object_ended(&destination->object) ? refuse(err, NIMBUS_E_DELETED, call, "destination", "it was deleted")
                                                   : true;
}

static bool check(nimbus_queue *source, const nimbus_redrive_options *o, const char *call, nimbus_error *err)
{
    bool bounded = source->object.runtime->limits.preset == NIMBUS_LIMITS_AWS;

    if (!nb_reserved_clear(o->reserved_, 8)) {
        return refuse(err, NIMBUS_E_INVALID, call, "reserved_", "a reserved field is not 0");
    }
    if (bounded && o->max_per_second > MAX_RATE) {
        return refuse(err, NIMBUS_E_INVALID, call, "max_per_second", "not between 1 and 500");
    }
    if (o->filter == NULL && (o->filter_user != NULL || o->filter_destroy != NULL)) {
        return refuse(err, NIMBUS_E_INVALID, call, "filter", "a user pointer or its end without a filter");
    }
    if (!check_destination(source, o->destination, call, err)) {
        return false;
    }
    if (!o->any_source && !nb_queue_visit_sources(source, NULL, NULL)) {
        return refuse(err, NIMBUS_E_INVALID, call, "source", "it is no queue's dead-letter queue");
    }
    return true;
}

static void fill(nimbus_move_task *self, nimbus_queue *source, const nimbus_redrive_options *o)
{
    nb_store_counts counts;

    nb_store_get_counts(&source->store, &counts);
    self->nb = source->object.runtime;
    self->source = source;
    self->destination = o->destination;
    self->keep_ids = o->keep_ids;
    self->filter = o->filter;
    self->filter_user = o->filter_user;
    self->filter_destroy = o->filter_destroy;
    self->interval = o->max_per_second == 0 ? 0 : (1000000000 + (int64_t)o->max_per_second - 1) / (int64_t)o->max_per_second;
    self->next_at = INT64_MIN;
    self->patience = NB_MOVE_PATIENCE;
    self->status.to_move = counts.ready;
    self->status.max_per_second = o->max_per_second;
    self->status.started = nb_clock_wall(&self->nb->clock);
    snprintf(self->status.destination, sizeof self->status.destination, "%s", o->destination != NULL ? o->destination->store.name : "");
    nb_link_init(&self->link);
    nb_link_init(&self->waiters);
    nb_atomic_init(&self->references, 3); /* the caller's, the list's, its own */
}

static nimbus_status no_room(nimbus_queue *source, nimbus_move_task *self)
{
    nimbus_status status = nb_block_failure(source->object.heap, sizeof *self);

    if (self != NULL) {
        nb_block_put(self);
    }
    return status;
}

/* A task that nobody knows yet. */
static nimbus_status make(nimbus_queue *source, const nimbus_redrive_options *options, nimbus_move_task **ret)
{
    nimbus_runtime *nb = source->object.runtime;
    nimbus_move_task *self = nb_block_get_zero(source->object.heap, sizeof *self);
    nimbus_status status;

    if (self == NULL || !nb_task_init(&nb->exec, &self->task, nb_move_step)) {
        return no_room(source, self);
    }
    if (!nb_timer_init(&nb->timers, &self->timer, on_timer)) {
        nb_task_fini(&nb->exec, &self->task);
        return no_room(source, self);
    }
    status = nb_store_carry_begin(&source->store, &self->walk);
    if (status != NIMBUS_OK) {
        nb_timer_fini(&nb->timers, &self->timer);
        nb_task_fini(&nb->exec, &self->task);
        nb_block_put(self);
        return status;
    }
    nb_lock_init(&self->lock);
    fill(self, source, options);
    *ret = self;
    return NIMBUS_OK;
}

static void unmake(nimbus_move_task *self)
{
    nb_store_carry_end(&self->source->store, &self->walk);
    nb_timer_fini(&self->nb->timers, &self->timer);
    nb_task_fini(&self->nb->exec, &self->task);
    nb_lock_fini(&self->lock);
    nb_block_put(self);
}

/* Of the list's newest; only that one can be running. Under the queue's lock. */
static nimbus_move_task *newest(nimbus_queue *queue)
{
    nb_link *first = nb_list_first(&queue->moves);

    return first != NULL ? NB_CONTAINER(first, nimbus_move_task, link) : NULL;
}

static bool is_over(nimbus_move_task *task)
{
    bool over;

    nb_lock_acquire(&task->lock);
    over = task->over;
    nb_lock_release(&task->lock);
    return over;
}

/* Puts it into the source's list, unless another one runs. *ret_old: which the list lets go of. */
static nimbus_status enlist(nimbus_queue *source, nimbus_move_task *self, nimbus_move_task **ret_old)
{
    nimbus_status status;

    *ret_old = NULL;
    nb_lock_acquire(&source->lock);
    status = nb_object_ended(&source->object)                              ? NIMBUS_E_DELETED
             : newest(source) != NULL && !is_over(newest(source)) ? NIMBUS_E_CONFLICT
                                                                           : NIMBUS_OK;
    if (status == NIMBUS_OK) {
        nb_object_pin(&source->object);
        if (self->destination != NULL) {
            nb_object_pin(&self->destination->object);
        }
        nb_list_push_front(&source->moves, &self->link);
        if (++source->move_count > NB_MOVES_KEPT) {
            *ret_old = NB_CONTAINER(source->moves.prev, nimbus_move_task, link);
            nb_link_remove(&(*ret_old)->link);
            source->move_count--;
        }
    }
    nb_lock_release(&source->lock);
    return status;
}

nimbus_move_task *nb_move_start(nimbus_queue *source, const nimbus_redrive_options *given, const char *call, nimbus_error *err)
{
    static const nimbus_redrive_options none;
    nimbus_move_task *self = NULL, *old;
    nimbus_status status;

    given = given != NULL ? given : &none;
    if (!check(source, given, call, err)) {
        return NULL;
    }
    status = make(source, given, &self);
    if (status == NIMBUS_OK) {
        status = enlist(source, self, &old);
        if (status == NIMBUS_OK) {
            if (old != NULL) {
                nb_move_release(old);
            }
            nb_move_wake(self);
            return self;
        }
        unmake(self);
    }
    nb_error_set(err, status, call, status == NIMBUS_E_NO_MEMORY || status == NIMBUS_E_FULL ? NULL : "source", "%s",
                 status == NIMBUS_E_CONFLICT ? "a move task of this queue runs already" : nimbus_status_text(status));
    return NULL;
}

/* -------------------------------------------------------------------------------------------- look, cancel */

nimbus_move_task *nb_move_running(nimbus_queue *queue)
{
    nimbus_move_task *task;

    nb_lock_acquire(&queue->lock);
    task = newest(queue);
    if (task != NULL && is_over(task)) {
        task = NULL;
    }
    if (task != NULL) {
        nb_move_retain(task);
    }
    nb_lock_release(&queue->lock);
    return task;
}

void nb_move_get_status(nimbus_move_task *self, nimbus_move_status *ret)
{
    nb_lock_acquire(&self->lock);
    *ret = self->status;
    nb_lock_release(&self->lock);
}

size_t nb_move_list(nimbus_queue *queue, nimbus_move_status *ret, size_t max)
{
    size_t count = 0;

    nb_lock_acquire(&queue->lock);
    for (nb_link *link = queue->moves.next; link != &queue->moves && count < max; link = link->next) {
        nb_move_get_status(NB_CONTAINER(link, nimbus_move_task, link), &ret[count++]);
    }
    nb_lock_release(&queue->lock);
    return count;
}

nimbus_status nb_move_cancel(nimbus_move_task *self, uint64_t *ret_moved)
{
    nimbus_status status = NIMBUS_STALE;

    nb_lock_acquire(&self->lock);
    if (self->status.state == NIMBUS_MOVE_RUNNING) {
        self->status.state = NIMBUS_MOVE_CANCELLING;
        status = NIMBUS_OK;
    }
    if (ret_moved != NULL) {
        *ret_moved = self->status.moved;
    }
    nb_lock_release(&self->lock);
    nb_move_wake(self);
    return status;
}

nimbus_status nb_move_wait(nimbus_move_task *self, int64_t wait)
{
    nb_move_waiter waiter;
    nb_slept slept = NB_SLEPT_TIMEOUT;
    nimbus_runtime *nb = self->nb;
    bool over;

    nb_lock_acquire(&self->lock);
    over = self->over;
    if (over || wait == 0 || nb_inside(nb)) {
        nb_lock_release(&self->lock);
        return over ? NIMBUS_OK : wait == 0 ? NIMBUS_E_TIMEOUT : NIMBUS_E_WOULD_DEADLOCK;
    }
    nb_parker_init(&waiter.parker);
    nb_link_init(&waiter.link);
    nb_list_push(&self->waiters, &waiter.link);
    nb_waiting_begin(nb); /* under the lock: until it is over the instance is not closed */
    nb_lock_release(&self->lock);
    slept = nb_exec_sleep(&nb->exec, &waiter.parker, nb_add_time(nb_clock_elapsed(&nb->clock), wait));
    nb_lock_acquire(&self->lock);
    nb_link_remove(&waiter.link);
    over = self->over;
    nb_lock_release(&self->lock);
    nb_waiting_end(nb);
    nb_parker_fini(&waiter.parker);
    return over ? NIMBUS_OK : slept == NB_SLEPT_WOULD_BLOCK ? NIMBUS_E_WOULD_BLOCK : NIMBUS_E_TIMEOUT;
}

void nb_move_stop(nimbus_queue *queue)
{
    nimbus_move_task *task = nb_move_running(queue);

    if (task != NULL) {
        nb_move_wake(task);
        nb_move_release(task);
    }
}

void nb_move_forget(nimbus_queue *queue)
{
    nb_link *link;

    while ((link = nb_list_pop(&queue->moves)) != NULL) {
        nb_move_release(NB_CONTAINER(link, nimbus_move_task, link));
    }
}
