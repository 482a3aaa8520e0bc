/*
 * keep.c - invocations that outlive the return of their handler.
 *
 *   RUNNING  -> EARLY    nb_invocation_finish         finished before the handler has returned; its outcome is remembered
 *   RUNNING  -> LATER    handler_returned(LATER)      waits for its finish
 *   RUNNING  -> ENDED    handler_returned(other)      the handler's own answer counts
 *   EARLY    -> ENDED    handler_returned             LATER: the remembered outcome counts, else the handler's
 *   LATER    -> ENDED    nb_invocation_finish, time-out
 *   LATER    -> CLOSED   the close gives it up
 *
 * All under the function's lock. Two references: the holder's, given back by the finish, and the function's, given back by whoever makes
 * it ENDED or CLOSED. From LATER on the invocation holds a place of the function and of its feed.
 */
#include <string.h>

#include "base/number.h"
#include "function/batch.h"
#include "memory/block.h"

typedef enum keep_state { KEEP_RUNNING, KEEP_EARLY, KEEP_LATER, KEEP_ENDED, KEEP_CLOSED } keep_state;

struct nimbus_invocation {
    void *home;             /* the slabs' */
    atomic_uint references; /* lowered with acquire-release: the last one frees */
    nb_link link;           /* in function->kept while LATER */
    keep_state state;
    nimbus_outcome early;
    nimbus_delivery slot;   /* with references of its own */
    nb_call call;
    nb_function_call at;
    nb_timer timer;
    bool timed;
    nb_handler *handler;    /* its user pointer lives until the finish */
};

static void drop_reference(nimbus_invocation *self)
{
    nimbus_function *function = self->at.function;

    if (atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) == 1) {
        nb_handler_release(self->handler);
        nb_block_put(self);
        nb_object_unpin(&function->object);
    }
}

/* It is ENDED: settles the message and gives the place back. */
static void conclude(nimbus_invocation *self, nimbus_outcome outcome, bool holds_place)
{
    nimbus_function *function = self->at.function;
    nb_delivery *delivery = nb_delivery_of(&self->slot);
    nb_feed *feed = self->at.feed;

    if (self->timed) {
        nb_timer_fini(&function->object.runtime->timers, &self->timer);
    }
    delivery->call = NULL;
    nb_function_settle(&self->at, delivery, outcome, &self->call);
    nb_message_release(self->call.reply);
    self->call.reply = NULL;
    nb_call_let_go(delivery);
    if (holds_place) {
        atomic_fetch_sub(&function->object.runtime->kept, 1);
        nb_lock_acquire(&function->lock);
        function->counts.kept--;
        nb_lock_release(&function->lock);
        nb_function_leave(function, feed);
    }
    drop_reference(self);
}

static void time_out(nb_timer *timer)
{
    nimbus_invocation *self = NB_CONTAINER(timer, nimbus_invocation, timer);
    bool mine;

    nb_lock_acquire(&self->at.function->lock);
    mine = self->state == KEEP_LATER;
    if (mine) {
        self->state = KEEP_ENDED;
        nb_link_remove(&self->link);
    }
    nb_lock_release(&self->at.function->lock);
    if (mine) {
        nb_call_set_reason(&self->call, "not finished within the function's timeout");
        conclude(self, NIMBUS_RETRY, true);
    }
}

nimbus_invocation *nb_call_keep(nb_call *call, const nb_delivery *delivery)
{
    nb_function_call *at = call->function_call;
    nimbus_invocation *self;
    nb_delivery *mine;

    if (at == NULL || call->kept != NULL) {
        return NULL;
    }
    self = nb_block_get_zero(at->function->object.heap, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    if (at->function->timeout > 0 && !nb_timer_init(&call->nb->timers, &self->timer, time_out)) {
        nb_block_put(self);
        return NULL;
    }
    self->timed = at->function->timeout > 0;
    self->at = *at;
    self->at.stay = NULL; /* it is settled in nobody's turn */
    self->handler = nb_handler_retain(at->function->handler);
    nb_link_init(&self->link);
    nb_object_pin(&at->function->object);
    atomic_init(&self->references, 2);
    mine = nb_delivery_of(&self->slot);
    *mine = *delivery;
    nb_message_retain(mine->message);
    nb_letter_retain(mine->letter);
    nb_object_pin(mine->source);
    self->call = (nb_call){ .nb = call->nb, .owner = call->owner, .subscription = call->subscription, .lock = &at->function->lock };
    mine->call = &self->call;
    call->kept = self;
    return self;
}

/* What the handler said on its own delivery counts unless the holder of the kept one has said something already. */
static void inherit(nimbus_invocation *self, nb_call *from)
{
    if (self->call.reply == NULL) {
        self->call.reply = nb_message_retain(from->reply);
    }
    if (self->call.reason[0] == '\0') {
        memcpy(self->call.reason, from->reason, sizeof self->call.reason);
    }
}

void nb_invocation_handler_returned(nimbus_invocation *self, nb_call *call, nimbus_outcome outcome)
{
    nimbus_function *function = self->at.function;
    bool over = true;

    nb_lock_acquire(&function->lock);
    inherit(self, call);
    if (outcome == NIMBUS_LATER && self->state == KEEP_EARLY) {
        outcome = self->early;
        self->state = KEEP_ENDED;
    } else if (outcome == NIMBUS_LATER) {
        self->state = KEEP_LATER;
        function->running++;
        nb_function_note_locked(function);
        function->counts.kept++;
        if (self->at.feed != NULL) {
            self->at.feed->running++;
        }
        atomic_fetch_add(&function->object.runtime->kept, 1);
        nb_list_push(&function->kept, &self->link);
        if (self->timed) {
            nb_timer_set(&call->nb->timers, &self->timer, nb_add_time(nb_clock_elapsed(&call->nb->clock), function->timeout));
        }
        over = false;
    } else {
        self->state = KEEP_ENDED;
    }
    nb_lock_release(&function->lock);
    if (over) {
        conclude(self, outcome, false);
    }
}

nimbus_status nb_invocation_finish(nimbus_invocation *self, nimbus_outcome outcome)
{
    nimbus_function *function = self->at.function;
    keep_state before;

    outcome = outcome == NIMBUS_DONE || outcome == NIMBUS_REJECT ? outcome : NIMBUS_RETRY;
    nb_lock_acquire(&function->lock);
    before = self->state;
    if (before == KEEP_RUNNING) {
        self->state = KEEP_EARLY;
        self->early = outcome;
    } else if (before == KEEP_LATER) {
        self->state = KEEP_ENDED;
        nb_link_remove(&self->link);
    }
    nb_lock_release(&function->lock);
    if (before == KEEP_LATER) {
        conclude(self, outcome, true);
    }
    drop_reference(self);
    return before == KEEP_ENDED ? NIMBUS_STALE : before == KEEP_CLOSED ? NIMBUS_E_CLOSED : NIMBUS_OK;
}

const nimbus_delivery *nb_invocation_delivery(const nimbus_invocation *self)
{
    return &self->slot;
}

void nb_function_give_up_kept(nimbus_function *function)
{
    nb_link *link;

    nb_lock_acquire(&function->lock);
    while ((link = nb_list_pop(&function->kept)) != NULL) {
        nimbus_invocation *self = NB_CONTAINER(link, nimbus_invocation, link);

        self->state = KEEP_CLOSED;
        nb_lock_release(&function->lock);
        if (self->timed) {
            nb_timer_fini(&function->object.runtime->timers, &self->timer);
        }
        nb_delivery_of(&self->slot)->call = NULL;
        nb_message_release(self->call.reply);
        self->call.reply = NULL;
        nb_delivery_let_go(nb_delivery_of(&self->slot));
        if (self->at.sync != NULL) {
            nb_lock_acquire(&function->lock);
            nb_link_remove(&self->at.sync->link);
            nb_lock_release(&function->lock);
            nb_sync_release(self->at.sync);
        }
        atomic_fetch_sub(&function->object.runtime->kept, 1);
        nb_function_leave(function, self->at.feed);
        nb_handler_release(self->handler); /* its user pointer ends with the instance */
        self->handler = NULL;
        drop_reference(self);
        nb_lock_acquire(&function->lock);
    }
    nb_lock_release(&function->lock);
}
