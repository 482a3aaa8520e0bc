#include "queue/async.h"

#include <string.h>

#include "base/number.h"
#include "exec/context.h"
#include "memory/block.h"

struct nimbus_receive_task {
    void *home;             /* the slabs' */
    atomic_uint references; /* lowered with acquire-release: the last one frees */
    nimbus_queue *queue;    /* pinned as long as the task is there */
    nb_waiter waiter;
    nb_timer timer;
    bool timed;
    nb_task task;
    nimbus_receive_fn *fn;
    void *user;
    nb_hiding how;
    nimbus_delivery slots[];
};

void nb_receive_release(nimbus_receive_task *self)
{
    nimbus_queue *queue = self->queue;

    if (atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) == 1) {
        nb_block_put(self);
        nb_object_unpin(&queue->object);
    }
}

static void call_back(nb_task *task, nb_turn *turn)
{
    nimbus_receive_task *self = NB_CONTAINER(task, nimbus_receive_task, task);
    nimbus_queue *queue = self->queue;
    nimbus_runtime *nb = queue->object.runtime;
    nb_frame frame;

    nb_task_fini(&nb->exec, task); /* it runs once */
    if (self->timed) {
        nb_timer_fini(&nb->timers, &self->timer);
    }
    turn->calls_left -= turn->calls_left > 0;
    nb_hiding_mark(&self->how, self->slots, self->waiter.count);
    nb_frame_enter(&frame, nb, self);
    self->fn(queue, self->waiter.status, self->waiter.count > 0 ? self->slots : NULL, self->waiter.count, self->user);
    nb_frame_leave(&frame);
    for (uint32_t i = 0; i < self->waiter.count; i++) {
        nb_queue_let_go(nb_delivery_of(&self->slots[i]));
    }
    nb_receive_release(self);
}

static void submit(nb_waiter *waiter)
{
    nimbus_receive_task *self = NB_CONTAINER(waiter, nimbus_receive_task, waiter);

    nb_exec_submit(&self->queue->object.runtime->exec, &self->task);
}

static void give_up(nb_timer *timer)
{
    nimbus_receive_task *self = NB_CONTAINER(timer, nimbus_receive_task, timer);

    if (nb_store_unwait(&self->queue->store, &self->waiter, NIMBUS_EMPTY)) {
        submit(&self->waiter);
    }
}

nimbus_status nb_receive_cancel(nimbus_receive_task *self)
{
    nimbus_queue *queue = self->queue;

    if (nb_object_ended(&queue->object) || !nb_store_unwait(&queue->store, &self->waiter, NIMBUS_E_CANCELLED)) {
        return NIMBUS_STALE;
    }
    submit(&self->waiter);
    return NIMBUS_OK;
}

/* Behind the slots lies a copy of the group's name. */
static size_t size_of(const nb_hiding *how, size_t max)
{
    return sizeof(nimbus_receive_task) + max * sizeof(nimbus_delivery) + (how->group != NULL ? strlen(how->group) + 1 : 0);
}

static nimbus_receive_task *make(nimbus_queue *queue, const nb_hiding *how, size_t max, bool timed)
{
    nimbus_receive_task *self = nb_block_get_zero(queue->object.heap, size_of(how, max));

    if (self == NULL) {
        return NULL;
    }
    if (!nb_task_init(&queue->object.runtime->exec, &self->task, call_back)) {
        nb_block_put(self);
        return NULL;
    }
    if (timed && !nb_timer_init(&queue->object.runtime->timers, &self->timer, give_up)) {
        nb_task_fini(&queue->object.runtime->exec, &self->task);
        nb_block_put(self);
        return NULL;
    }
    self->timed = timed;
    self->queue = queue;
    nb_link_init(&self->waiter.link);
    self->waiter.max = (uint32_t)max;
    self->waiter.visibility = how->visibility;
    if (how->group != NULL) {
        self->waiter.group = memcpy(&self->slots[max], how->group, strlen(how->group) + 1);
    }
    self->waiter.slots = (nb_delivery *)(void *)self->slots;
    self->waiter.served = submit;
    atomic_init(&self->references, 2);
    nb_object_pin(&queue->object);
    return self;
}

static void unmake(nimbus_receive_task *self)
{
    nimbus_queue *queue = self->queue;

    nb_task_fini(&queue->object.runtime->exec, &self->task);
    if (self->timed) {
        nb_timer_fini(&queue->object.runtime->timers, &self->timer);
    }
    nb_block_put(self);
    nb_object_unpin(&queue->object);
}

nimbus_status nb_receive_start(nimbus_queue *queue, int64_t wait, const nb_hiding *how, size_t max, nimbus_receive_fn *fn, void *user,
                               nimbus_receive_task **ret_task)
{
    nimbus_runtime *nb = queue->object.runtime;
    bool timed;
    int64_t until = INT64_MAX;
    nimbus_receive_task *self;
    nimbus_status status;

    if (wait == NIMBUS_DEFAULT) {
        wait = nb_load_relaxed(&queue->receive_wait);
    }
    timed = wait != 0 && wait != NIMBUS_FOREVER;
    self = make(queue, how, max, timed);
    if (self == NULL) {
        return nb_block_failure(queue->object.heap, size_of(how, max));
    }
    self->fn = fn;
    self->how = *how;
    self->user = user;
    if (timed) { /* before the wait: afterwards the callback may run, and end the timer, at any moment */
        until = nb_add_time(nb_clock_elapsed(&nb->clock), wait);
        nb_timer_set(&nb->timers, &self->timer, until);
    }
    status = nb_store_wait(&queue->store, &self->waiter);
    if (nimbus_failed(status)) {
        unmake(self);
        return status;
    }
    if (ret_task != NULL) {
        *ret_task = self;
    }
    if (status == NIMBUS_OK) {
        submit(&self->waiter);
    } else if (wait == 0 || (timed && nb_clock_elapsed(&nb->clock) >= until)) {
        give_up(&self->timer); /* the timer may have been over before there was anything to give up */
    }
    if (ret_task == NULL) {
        nb_receive_release(self);
    }
    return NIMBUS_OK;
}
