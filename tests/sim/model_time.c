/*
 * model_time.c - what happens by itself: delays and visibilities end, messages expire, waiters are served or give up.
 *
 * Deadlines are a binary heap, the earliest first; equal ones in the order of the sends. All that is due at one moment happens, then those
 * who wait are served, then time goes on.
 */
#include <stdlib.h>

#include "model.h"

/* ----------------------------------------------------------------------------------------------- heap */

static bool sooner(const model *m, uint32_t a, uint32_t b)
{
    const m_message *x = &m->pool[a], *y = &m->pool[b];

    return x->due != y->due ? x->due < y->due : x->serial < y->serial;
}

static void place(model *m, m_queue *q, uint32_t at, uint32_t index)
{
    q->heap[at] = index;
    m->pool[index].heap = at;
}

static void rise(model *m, m_queue *q, uint32_t at, uint32_t index)
{
    while (at > 0 && sooner(m, index, q->heap[(at - 1) / 2])) {
        place(m, q, at, q->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(m, q, at, index);
}

static void sink(model *m, m_queue *q, uint32_t at, uint32_t index)
{
    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child + 1 < q->heap_count && sooner(m, q->heap[child + 1], q->heap[child])) {
            child++;
        }
        if (child >= q->heap_count || !sooner(m, q->heap[child], index)) {
            break;
        }
        place(m, q, at, q->heap[child]);
        at = child;
    }
    place(m, q, at, index);
}

void mq_heap_add(model *m, m_queue *q, uint32_t index)
{
    if (q->heap_count == q->heap_room) {
        q->heap_room = q->heap_room != 0 ? q->heap_room * 2 : 64;
        q->heap = realloc(q->heap, q->heap_room * sizeof *q->heap);
        if (q->heap == NULL) {
            abort();
        }
    }
    q->heap_count++;
    rise(m, q, q->heap_count - 1, index);
}

void mq_heap_take(model *m, m_queue *q, uint32_t index)
{
    uint32_t at = m->pool[index].heap, last = q->heap[--q->heap_count];

    if (last != index) {
        if (at > 0 && sooner(m, last, q->heap[(at - 1) / 2])) {
            rise(m, q, at, last);
        } else {
            sink(m, q, at, last);
        }
    }
}

/* --------------------------------------------------------------------------------------------- waiters */

static void off(m_queue *q, m_waiter *waiter)
{
    m_waiter **at = &q->waiters;

    while (*at != waiter) {
        at = &(*at)->next;
    }
    *at = waiter->next;
    if (waiter->next == NULL) {
        q->waiters_end = at;
    }
    q->waiter_count--;
    waiter->over = true;
}

/* The first in the line for whom there is something. */
static m_waiter *who_is_next(const model *m, const m_queue *q)
{
    m_waiter *waiter = q->waiters;

    while (waiter != NULL && !mq_receivable(m, q, waiter->group)) {
        waiter = waiter->next;
    }
    return waiter;
}

void mq_serve(model *m, m_queue *q, int64_t at)
{
    m_waiter *waiter;

    while ((waiter = who_is_next(m, q)) != NULL && q->counts.in_flight < m->max_in_flight) {
        uint32_t count = mq_take(m, q, waiter->group, waiter->max, waiter->visibility, at, waiter->given);

        if (count == 0) {
            break; /* all that was ready goes to the dead letter */
        }
        waiter->count = count;
        waiter->status = NIMBUS_OK;
        off(q, waiter);
        cover(waiter->group == M_NONE ? EV_SERVED : EV_SERVED_GROUP);
    }
}

void mq_wait(model *m, m_queue *q, m_waiter *waiter)
{
    waiter->next = NULL;
    *q->waiters_end = waiter;
    q->waiters_end = &waiter->next;
    q->waiter_count++;
    mq_serve(m, q, m->now);
    if (!waiter->over && waiter->until <= m->now) {
        mq_dismiss(q, waiter, NIMBUS_EMPTY);
    }
}

void mq_dismiss(m_queue *q, m_waiter *waiter, nimbus_status status)
{
    off(q, waiter);
    waiter->count = 0;
    waiter->status = status;
    q->counts.empty_receives += status == NIMBUS_EMPTY;
}

void mq_dismiss_all(m_queue *q, nimbus_status status)
{
    while (q->waiters != NULL) {
        m_waiter *waiter = q->waiters;

        off(q, waiter);
        waiter->count = 0;
        waiter->status = status;
        cover(EV_DISMISSED);
    }
}

static void give_up(m_queue *q, int64_t at)
{
    m_waiter *next;

    for (m_waiter *waiter = q->waiters; waiter != NULL; waiter = next) {
        next = waiter->next;
        if (waiter->until <= at) {
            mq_dismiss(q, waiter, NIMBUS_EMPTY);
            cover(EV_WAITED_OUT);
        }
    }
}

/* ------------------------------------------------------------------------------------------------ time */

static void expire(model *m, m_queue *q, uint32_t index)
{
    m_state state = m->pool[index].state;

    cover(state == M_DELAYED ? EV_EXPIRED_DELAYED : state == M_FLIGHT ? EV_EXPIRED_FLIGHT : EV_EXPIRED_READY);
    mq_remove(m, q, index, &q->counts.expired);
}

static void end_of_hiding(model *m, m_queue *q, uint32_t index, int64_t at)
{
    m_message *message = &m->pool[index];

    mq_heap_take(m, q, index);
    if (message->state == M_DELAYED) {
        q->counts.delayed--;
        cover(EV_UNDELAYED);
    } else {
        mq_land(m, q, message);
        cover(EV_LAPSED);
    }
    mq_come_back(m, q, index, message->due < at ? message->due : at); /* earlier: a shorter delay, looked back upon (S8) */
    message->ready_order = 0;                                         /* FIFO: before what a call makes ready, by the sequence */
}

/* The oldest one that is not on its way to the dead letter. */
static uint32_t oldest(const model *m, const m_queue *q)
{
    uint32_t index = q->oldest;

    while (index != M_NONE && m->pool[index].state == M_MOVING) {
        index = m->pool[index].newer;
    }
    return index;
}

void mq_catch_up(model *m, m_queue *q)
{
    for (;;) {
        int64_t due = q->heap_count > 0 ? m->pool[q->heap[0]].due : M_FOREVER;
        uint32_t first = oldest(m, q);
        int64_t expiry = first != M_NONE ? m_add(m->pool[first].enqueued, q->options.retention) : M_FOREVER;
        int64_t at = due < expiry ? due : expiry;

        if (at > m->now || at == M_FOREVER) {
            break;
        }
        at = at > q->last ? at : q->last; /* a retention that was lowered looks back: all at once */
        give_up(q, at - 1);
        while ((first = oldest(m, q)) != M_NONE && m_add(m->pool[first].enqueued, q->options.retention) <= at) {
            expire(m, q, first);
        }
        while (q->heap_count > 0 && m->pool[q->heap[0]].due <= at) {
            end_of_hiding(m, q, q->heap[0], at);
        }
        q->last = at;
        mq_serve(m, q, at);
    }
    give_up(q, m->now);
    q->last = m->now;
}
