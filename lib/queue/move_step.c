/*
 * move_step.c - the step of a move task, and what it asks about the queues around it. See move_task.h.
 */
#include <stdio.h>

#include "base/number.h"
#include "exec/context.h"
#include "queue/move_task.h"

#define MOVES_A_TURN 64u
#define LAST_PATIENCE NIMBUS_SECONDS(10)

/* What the step does next. */
typedef enum next { GO_ON, SLEEP, END } next;

/* One step. */
typedef struct step {
    nimbus_move_task *task;
    nb_turn *turn;
    int64_t until;          /* SLEEP: set the timer to this */
    nimbus_move_state state; /* END */
    nimbus_status failure;
    char reason[168];
} step;

static next fail(step *s, nimbus_status why, const char *reason, const char *name)
{
    s->state = NIMBUS_MOVE_FAILED;
    s->failure = why;
    snprintf(s->reason, sizeof s->reason, "%s%s%s%s", reason, name != NULL ? " \"" : "", name != NULL ? name : "",
             name != NULL ? "\"" : "");
    return END;
}

/* ------------------------------------------------------------------------------------------- destinations */

/* Where a message is to go, with a handle; NULL: nowhere, and *ret_next says what of that. */
static nb_object *find_destination(step *s, const nb_carried *carried, next *ret_next)
{
    nimbus_move_task *self = s->task;
    const nb_letter *letter = carried->parcel.letter;
    nb_object *object = NULL;

    if (self->destination != NULL) {
        nb_object_retain(&self->destination->object);
        return &self->destination->object;
    }
    if (letter == NULL || !nb_letter_from_queue(letter)) {
        *ret_next = fail(s, NIMBUS_E_NOT_FOUND, "a message does not say which queue it came from", NULL);
        return NULL;
    }
    object = nb_names_find(&self->nb->names, NB_QUEUE, nb_letter_source(letter));
    if (object == NULL) {
        *ret_next = fail(s, NIMBUS_E_NOT_FOUND, "there is no queue", nb_letter_source(letter));
    } else if (object == &self->source->object || !nb_queue_same_kind(nb_queue_of(object), self->source)) {
        nb_object_release(object);
        object = NULL;
        *ret_next = fail(s, NIMBUS_E_NOT_FOUND, "there is another queue of the name", nb_letter_source(letter));
    }
    return object;
}

/* Stores it in the other queue as a new send (SQS-M8). Takes a reference to the message of its own. */
static nimbus_status store_in(step *s, nimbus_queue *queue, const nb_carried *carried)
{
    nimbus_runtime *nb = s->task->nb;
    size_t size = nb_message_size(carried->parcel.message);
    nb_parcel fresh = { .message = carried->parcel.message };
    nimbus_status status;

    if (size > nb_load_relaxed(&queue->max_message_size) || size > nb_load_relaxed(&queue->store.settings.capacity_bytes)) {
        return NIMBUS_E_TOO_LARGE;
    }
    if (nb_load_relaxed(&queue->text_only) && !nb_queue_text_message(fresh.message)) {
        return NIMBUS_E_CONTENT;
    }
    fresh.id = s->task->keep_ids ? carried->parcel.id : nb_new_id(nb);
    fresh.enqueued = nb_clock_coarse(&nb->clock, &fresh.sent);
    nb_message_retain(fresh.message);
    status = nb_store_offer(&queue->store, &fresh, nb_load_relaxed(&queue->delay), false, NULL);
    if (status != NIMBUS_OK) {
        nb_message_release(fresh.message);
    }
    return status;
}

/* ------------------------------------------------------------------------------------------- one message */

static void count(nimbus_move_task *self, uint64_t *counter)
{
    nb_lock_acquire(&self->lock);
    (*counter)++;
    nb_lock_release(&self->lock);
}

/* The filter's answer; a message that the walk comes to again has passed it. */
static bool wanted(step *s, const nb_carried *carried)
{
    nimbus_move_task *self = s->task;
    nb_frame frame;
    bool yes;

    if (self->filter == NULL || carried->again) {
        return true;
    }
    s->turn->calls_left -= s->turn->calls_left > 0;
    nb_frame_enter(&frame, self->nb, self);
    yes = self->filter(carried->parcel.message, self->filter_user);
    nb_frame_leave(&frame);
    if (!yes) {
        count(self, &self->status.left);
    }
    return yes;
}

/* Not now: the walk comes to it again. */
static next later(step *s, const nb_carried *carried, int64_t until)
{
    nb_store_carry_again(&s->task->walk, carried);
    s->until = until;
    return SLEEP;
}

static next after(step *s, const nb_carried *carried, nimbus_status status, const char *name)
{
    nimbus_move_task *self = s->task;
    int64_t now = nb_clock_elapsed(&self->nb->clock);

    if (status == NIMBUS_OK) {
        count(self, &self->status.moved);
        self->patience = NB_MOVE_PATIENCE;
        self->next_at = nb_add_time(now, self->interval);
        return GO_ON;
    }
    if (status == NIMBUS_E_FULL) {
        int64_t wait = self->patience;

        self->patience = wait * 2 < LAST_PATIENCE ? wait * 2 : LAST_PATIENCE;
        return later(s, carried, nb_add_time(now, wait));
    }
    return status == NIMBUS_E_DELETED     ? fail(s, NIMBUS_E_NOT_FOUND, "there is no longer a queue", name)
           : status == NIMBUS_E_TOO_LARGE ? fail(s, status, "a message is too large for the queue", name)
           : status == NIMBUS_E_CONTENT   ? fail(s, status, "a message is no text for the queue", name)
                                          : fail(s, status, "a message could not be stored in the queue", name);
}

static next move(step *s, const nb_carried *carried)
{
    nimbus_move_task *self = s->task;
    nb_store *store = &self->source->store;
    next what = GO_ON;
    nb_object *to = find_destination(s, carried, &what);
    nimbus_status status;

    if (to == NULL) {
        return what;
    }
    if (nb_store_lift(store, carried)) { /* else somebody has received or removed it meanwhile */
        status = store_in(s, nb_queue_of(to), carried);
        nb_store_put_down(store, carried, status == NIMBUS_OK);
        what = after(s, carried, status, nb_queue_of(to)->store.name);
    }
    nb_object_release(to);
    return what;
}

/* The next message of the walk: moved, left, or the task's end. */
static next go_on(step *s)
{
    nimbus_move_task *self = s->task;
    nb_carried carried;
    next what = GO_ON;
    nimbus_status status;

    status = nb_store_carry_next(&self->source->store, &self->walk, &carried);
    if (status == NIMBUS_EMPTY) {
        s->state = NIMBUS_MOVE_COMPLETED;
        return END;
    }
    if (status != NIMBUS_OK) {
        return fail(s, status, "the source was deleted", NULL);
    }
    if (wanted(s, &carried)) {
        what = nb_clock_elapsed(&self->nb->clock) < self->next_at ? later(s, &carried, self->next_at) : move(s, &carried);
    }
    nb_parcel_release(&carried.parcel);
    return what;
}

/* --------------------------------------------------------------------------------------------------- step */

/* What others want of it. */
static next look(step *s)
{
    nimbus_move_task *self = s->task;
    nimbus_move_state state;

    nb_lock_acquire(&self->lock);
    state = self->status.state;
    nb_lock_release(&self->lock);
    if (state == NIMBUS_MOVE_CANCELLING) {
        s->state = NIMBUS_MOVE_CANCELLED;
        return END;
    }
    return nb_stopped(self->nb) ? fail(s, NIMBUS_E_CLOSED, "the instance was shut down", NULL) : GO_ON;
}

/* The task is over: the last that touches its queues. */
static void end(step *s)
{
    nimbus_move_task *self = s->task;
    nimbus_runtime *nb = self->nb;
    nimbus_queue *source = self->source, *destination = self->destination;
    nb_link *link;
    bool cancelled;

    nb_store_carry_end(&source->store, &self->walk);
    if (s->state == NIMBUS_MOVE_FAILED) {
        nb_trace(nb, NIMBUS_TRACE_MOVE_FAILED, "queue", source->store.name, (nimbus_id){ 0, 0 }, s->failure, s->reason, 0);
    }
    if (self->filter_destroy != NULL) {
        self->filter_destroy(self->filter_user);
    }
    nb_lock_acquire(&self->lock);
    self->over = true; /* from here on nobody wakes it */
    self->stepping = false;
    cancelled = self->status.state == NIMBUS_MOVE_CANCELLING; /* then it says so, even if it was about to end otherwise */
    self->status.state = cancelled ? NIMBUS_MOVE_CANCELLED : s->state;
    self->status.failure = cancelled ? NIMBUS_OK : s->failure;
    self->status.ended = nb_clock_wall(&nb->clock);
    snprintf(self->status.reason, sizeof self->status.reason, "%s", cancelled ? "" : s->reason);
    while ((link = nb_list_pop(&self->waiters)) != NULL) {
        nb_exec_wake(&nb->exec, &NB_CONTAINER(link, nb_move_waiter, link)->parker);
    }
    nb_lock_release(&self->lock);
    nb_timer_fini(&nb->timers, &self->timer);
    nb_task_fini(&nb->exec, &self->task);
    nb_move_release(self);
    if (destination != NULL) {
        nb_object_unpin(&destination->object);
    }
    nb_object_unpin(&source->object);
}

/* It is not over: it comes again when its timer rings, when it is woken, or at once. */
static void rest(step *s, next what)
{
    nimbus_move_task *self = s->task;

    if (what == SLEEP) {
        nb_timer_set(&self->nb->timers, &self->timer, s->until);
    }
    nb_lock_acquire(&self->lock);
    self->stepping = false;
    if (what == GO_ON || self->again) {
        self->queued = true;
        nb_exec_submit(&self->nb->exec, &self->task);
    }
    nb_lock_release(&self->lock);
}

void nb_move_step(nb_task *task, nb_turn *turn)
{
    step s = { .task = NB_CONTAINER(task, nimbus_move_task, task), .turn = turn };
    next what;
    uint32_t left = MOVES_A_TURN;

    nb_lock_acquire(&s.task->lock);
    s.task->queued = s.task->again = false;
    s.task->stepping = true;
    nb_lock_release(&s.task->lock);
    while ((what = look(&s)) == GO_ON && (what = go_on(&s)) == GO_ON && --left > 0 && turn->calls_left > 0) {
    }
    if (what == END) {
        end(&s);
    } else {
        rest(&s, what);
    }
}

/* ------------------------------------------------------------------------------------------------ sources */

bool nb_queue_same_kind(const nimbus_queue *a, const nimbus_queue *b)
{
    return a->fifo.on == b->fifo.on;
}

typedef struct visiting {
    nimbus_queue *dead;
    nimbus_queue_visitor *visitor;
    void *user;
    bool found, done;
} visiting;

static void visit(nb_object *object, void *user)
{
    visiting *v = user;
    nimbus_queue *queue = nb_queue_of(object);
    bool names;

    if (v->done || object->kind != NB_QUEUE || nb_object_ended(object)) {
        return;
    }
    nb_lock_acquire(&queue->lock);
    names = queue->dead_letter != NULL && queue->dead_letter == v->dead->object.name;
    nb_lock_release(&queue->lock);
    if (names) {
        v->found = true;
        v->done = v->visitor == NULL || !v->visitor(queue, v->user);
    }
}

bool nb_queue_visit_sources(nimbus_queue *queue, nimbus_queue_visitor *visitor, void *user)
{
    visiting v = { .dead = queue, .visitor = visitor, .user = user };

    nb_each_object(queue->object.runtime, visit, &v);
    return v.found;
}
