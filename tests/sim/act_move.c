/*
 * act_move.c - move tasks (M1 to M9) of standard queues: from start to end in one step, while nobody waits at either queue. With and
 * without a bound on moves a second, a filter and the old ids; cancelled on the way; into a queue that is full or too small for a message.
 * What each step of it does is foretold, and its status and both queues are compared.
 */
#include <stdlib.h>

#include "sim.h"

typedef struct place {
    uint32_t index;
    uint64_t arrival;
} place;

/* A task as the model sees it. */
typedef struct moving {
    m_queue *from, *to;
    place *list;
    uint32_t count, at;
    bool keep_ids, filtered, asked; /* asked: the filter has let the next one pass */
    int64_t interval, next_at;
    uint64_t moved, left;
    nimbus_move_state state;
    bool full;
} moving;

static bool passes(uint64_t tag)
{
    return tag % 3 != 0;
}

static bool filter(const nimbus_message *message, void *user)
{
    nimbus_bytes body = nimbus_message_body(message);
    uint64_t tag = 0;

    (void)user;
    memcpy(&tag, body.data, body.size < sizeof tag ? body.size : sizeof tag);
    return passes(tag);
}

static void list(const model *m, const m_list *of, moving *v)
{
    for (uint32_t index = of->first; index != M_NONE; index = m->pool[index].next) {
        v->list[v->count++] = (place){ index, m->pool[index].arrival };
    }
}

/* What it does as soon as it can: until it is over, has to wait for its rate, or finds no room. */
static void go_on(sim *s, moving *v)
{
    const model *m = &s->m;

    mq_catch_up(&s->m, v->from);
    for (; v->state == NIMBUS_MOVE_RUNNING && v->at < v->count; v->asked = false, v->at++) {
        const m_message *message = &m->pool[v->list[v->at].index];
        nimbus_status status;

        if (message->arrival != v->list[v->at].arrival || (message->state != M_READY && message->state != M_STUCK)) {
            continue; /* it has expired, or gone to the dead letter */
        }
        if (v->filtered && !v->asked && !passes(message->tag)) {
            v->left++;
            cover(EV_MOVE_LEFT);
            continue;
        }
        v->asked = true;
        if (s->m.now < v->next_at) {
            return;
        }
        status = mq_carry(&s->m, v->from, v->to, v->list[v->at].index, v->keep_ids);
        v->full = status == NIMBUS_E_FULL;
        if (v->full) {
            return;
        }
        v->state = status == NIMBUS_OK ? NIMBUS_MOVE_RUNNING : NIMBUS_MOVE_FAILED;
        v->moved += status == NIMBUS_OK;
        v->next_at = s->m.now + v->interval;
    }
    v->state = v->state == NIMBUS_MOVE_RUNNING ? NIMBUS_MOVE_COMPLETED : v->state;
}

static void check_task(moving *v, nimbus_move_task *task, uint64_t to_move)
{
    nimbus_move_status found;

    HOLDS(I11, nimbus_move_task_get_status(task, &found) == NIMBUS_OK, "q%d: its move task has no status", v->from->number);
    HOLDS(I11, found.state == v->state && found.moved == v->moved && found.left == v->left && found.to_move == to_move,
          "q%d: its move task is in state %d, %llu moved, %llu left, of %llu; the model says %d, %llu, %llu, of %llu", v->from->number,
          (int)found.state, (unsigned long long)found.moved, (unsigned long long)found.left, (unsigned long long)found.to_move,
          (int)v->state, (unsigned long long)v->moved, (unsigned long long)v->left, (unsigned long long)to_move);
    HOLDS(I11, found.failure == (v->state == NIMBUS_MOVE_FAILED ? NIMBUS_E_TOO_LARGE : NIMBUS_OK), "q%d: its move task failed: %s",
          v->from->number, nimbus_status_name(found.failure));
}

static void watch(sim *s, moving *v, nimbus_move_task *task, uint32_t patience)
{
    uint64_t to_move = mq_held(v->from) - v->from->counts.delayed - v->from->counts.in_flight, moved = 0;
    nimbus_error err = { 0 };

    world_run(s);
    go_on(s, v);
    while (v->state == NIMBUS_MOVE_RUNNING && !v->full && patience-- > 0) {
        cover(EV_MOVE_SPACED);
        check_task(v, task, to_move);
        world_advance(s, v->next_at - s->m.now);
        go_on(s, v);
    }
    if (v->state == NIMBUS_MOVE_RUNNING) {
        nimbus_redrive_options again = { .destination = s->queues[v->to->number], .any_source = true };

        HOLDS(I11, nimbus_queue_redrive(s->queues[v->from->number], &again, &err) == NULL && err.status == NIMBUS_E_CONFLICT,
              "q%d: a second move task: %s", v->from->number, nimbus_status_name(err.status)); /* M3 */
        HOLDS(I11, nimbus_move_task_cancel(task, &moved) == NIMBUS_OK && moved == v->moved, "q%d: its move task is cancelled after %llu",
              v->from->number, (unsigned long long)moved);
        v->state = NIMBUS_MOVE_CANCELLED;
        cover(v->full ? EV_MOVE_FULL : EV_MOVE_CANCELLED);
        world_run(s);
    } else {
        HOLDS(I11, nimbus_move_task_cancel(task, NULL) == NIMBUS_STALE, "q%d: a move task that is over is cancelled", v->from->number);
        cover(v->state == NIMBUS_MOVE_FAILED ? EV_MOVE_FAILED : EV_MOVE_COMPLETED);
    }
    check_task(v, task, to_move);
    digest(s, v->moved ^ v->left << 32);
}

#define MAX_LEARNT 300u

/* The new ids. */
static void learn_ids(sim *s, m_queue *q)
{
    static nimbus_peeked found[MAX_LEARNT];
    size_t count = 0;

    memset(found, 0, sizeof found);
    (void)nimbus_queue_peek(s->queues[q->number], found, MAX_LEARNT, &count);
    for (size_t i = 0; i < count; i++) {
        HOLDS(I2, of_peeked(s, q, &found[i]) != M_NONE, "q%d: id %llu has come by a move task", q->number,
              (unsigned long long)found[i].id.number);
        nimbus_message_release(found[i].message);
    }
}

/* M1 */
static bool is_dead_letter_queue(const sim *s, int number)
{
    bool any = false;

    for (int i = 0; i < M_QUEUES; i++) {
        any = any || (s->m.queues[i].live && s->m.queues[i].options.dead == number);
    }
    return any;
}

static bool may_move(const sim *s, int from, int to)
{
    return from >= 0 && to >= 0 && from != to && !s->m.queues[from].options.fifo && !s->m.queues[from].options.fair &&
           !s->m.queues[to].options.fifo &&
           s->m.queues[from].waiters == NULL && s->m.queues[to].waiters == NULL && (s->faults & 1u << FAULT_BUDGET) == 0;
}

void act_move(sim *s)
{
    int from = any_queue(s), to = any_queue(s);
    uint32_t rate = chance(s, 40) ? 1 + below(s, 200) : 0, patience = chance(s, 30) ? below(s, 4) : below(s, 20);
    bool any_source = chance(s, 50), keep_ids = chance(s, 50), filtered = chance(s, 40);
    nimbus_redrive_options options = { .max_per_second = rate, .keep_ids = keep_ids, .any_source = any_source,
                                       .filter = filtered ? filter : NULL };
    nimbus_move_task *task;
    nimbus_error err = { 0 };
    moving v;

    if (!may_move(s, from, to)) {
        return;
    }
    mq_catch_up(&s->m, &s->m.queues[from]);
    mq_catch_up(&s->m, &s->m.queues[to]);
    keep_ids = keep_ids || mq_held(&s->m.queues[from]) + mq_held(&s->m.queues[to]) > MAX_LEARNT;
    options.keep_ids = keep_ids;
    options.destination = s->queues[to];
    calling(s);
    task = nimbus_queue_redrive(s->queues[from], &options, &err);
    digest(s, (uint64_t)err.status);
    if (!any_source && !is_dead_letter_queue(s, from)) {
        HOLDS(I11, task == NULL && err.status == NIMBUS_E_INVALID, "q%d is no dead-letter queue, and is moved from: %s", from,
              nimbus_status_name(err.status));
        cover(EV_MOVE_REFUSED);
        return;
    }
    if (task == NULL) {
        HOLDS(I11, excused(s, err.status, NIMBUS_BOUND_NONE), "q%d: no move task: %s", from, err.reason);
        return;
    }
    v = (moving){ .from = &s->m.queues[from], .to = &s->m.queues[to], .keep_ids = keep_ids, .filtered = filtered, .next_at = INT64_MIN,
                  .interval = rate == 0 ? 0 : (NIMBUS_SECONDS(1) + rate - 1) / rate };
    s->heap.off = true;
    v.list = calloc(mq_held(v.from) + 1, sizeof *v.list);
    list(&s->m, &v.from->stuck, &v);
    list(&s->m, &v.from->ready, &v);
    watch(s, &v, task, patience);
    if (!keep_ids) {
        learn_ids(s, v.to);
    }
    free(v.list);
    nimbus_move_task_release(task);
}
