/*
 * model_standard.c - receiving from a standard queue: ready ones in the order in which they became ready (R12), receive counts (V2, D13),
 * the moment of the dead letter (D3), the limit in flight (R16).
 */
#include "model.h"

void mq_make_ready(model *m, m_queue *q, uint32_t index, int64_t at)
{
    m_message *message = &m->pool[index];

    message->state = M_READY;
    message->ready_at = at;
    message->ready_order = ++m->orders;
    m_list_add(m, &q->ready, index);
}

bool mq_doomed(const m_queue *q, const m_message *message)
{
    return q->options.dead >= 0 && message->own >= q->options.max_receives;
}

void mq_set_aside(model *m, m_queue *q, uint32_t index)
{
    m_list_take(m, &q->ready, index);
    m->pool[index].state = M_MOVING;
    m_list_add(m, &q->moving, index);
}

bool mq_receivable(const model *m, const m_queue *q, uint32_t group)
{
    return q->options.fifo ? mf_first(m, q, group) != M_NONE : q->ready.first != M_NONE;
}

void mq_come_back(model *m, m_queue *q, uint32_t index, int64_t at)
{
    if (q->options.eager && mq_doomed(q, &m->pool[index])) {
        m->pool[index].state = M_MOVING;
        m_list_add(m, &q->moving, index);
        cover(EV_EAGER);
    } else {
        mq_make_ready(m, q, index, at);
    }
}

void mq_show(const m_message *message, uint32_t index, int64_t visible_at, m_given *ret)
{
    *ret = (m_given){ .arrival = message->arrival, .tag = message->tag, .id = message->id, .index = index, .own = message->own,
                      .total = message->total, .size = message->size, .sent = message->sent,
                      .first_received = message->first_received, .visible_at = visible_at, .redriven = message->redriven,
                      .sequence = message->sequence, .group = message->group };
}

void mq_give(model *m, m_queue *q, uint32_t index, int64_t visibility, int64_t at, m_given *ret)
{
    m_message *message = &m->pool[index];

    cover(message->own == 0 ? EV_TAKEN : EV_TAKEN_AGAIN);
    m_list_take(m, &q->ready, index);
    message->own++;
    message->total++;
    message->taken = at;
    message->first_received = message->first_received != 0 ? message->first_received : at;
    message->due = m_add(at, visibility);
    message->state = M_FLIGHT;
    q->counts.in_flight++;
    q->counts.received++;
    if (visibility > 0) {
        mq_heap_add(m, q, index);
    }
    mq_show(message, index, message->due, ret);
}

void mq_bring_back(model *m, m_queue *q, const m_given *given, uint32_t count, int64_t at)
{
    for (uint32_t i = 0; i < count; i++) {
        q->counts.in_flight--;
        mq_come_back(m, q, given[i].index, at);
        cover(EV_TAKEN_FOR_NOTHING);
    }
}

uint32_t mq_take(model *m, m_queue *q, uint32_t group, uint32_t max, int64_t visibility, int64_t at, m_given *ret)
{
    uint64_t left = q->counts.in_flight < m->max_in_flight ? m->max_in_flight - q->counts.in_flight : 0;
    uint32_t count = 0;

    visibility = visibility < 0 ? q->options.visibility : visibility;
    max = left < max ? (uint32_t)left : max;
    if (q->options.fifo) {
        count = mf_receive(m, q, group, max, visibility, at, ret);
        max = count;
    }
    while (count < max && q->ready.first != M_NONE) {
        uint32_t index = q->ready.first;

        if (mq_doomed(q, &m->pool[index])) {
            mq_set_aside(m, q, index);
        } else {
            mq_give(m, q, index, visibility, at, &ret[count++]);
        }
    }
    if (visibility == 0) {
        mq_bring_back(m, q, ret, count, at);
    }
    return count;
}

nimbus_status mq_nothing(const model *m, const m_queue *q, uint32_t group, bool waits)
{
    uint32_t index = q->ready.first;

    while (index != M_NONE && group != M_NONE && m->pool[index].group != group) {
        index = m->pool[index].next;
    }
    return waits                                                                              ? NIMBUS_E_WOULD_BLOCK
           : !q->options.fifo && index != M_NONE && q->counts.in_flight >= m->max_in_flight ? NIMBUS_E_OVER_LIMIT
                                                                                              : NIMBUS_EMPTY;
}

/* -------------------------------------------------------------------------------------------- dead letters */

static uint32_t find(const model *m, const m_list *list, uint64_t id)
{
    uint32_t index = list->first;

    while (index != M_NONE && m->pool[index].id != id) {
        index = m->pool[index].next;
    }
    return index;
}

/* While a message is on its way from one queue to another both count it. Two queues may be each other's dead letter. */
static void count_leaving(m_queue *dead, const m_move *traced, bool on)
{
    dead->options.capacity_messages += on ? 0 - traced->leaving : traced->leaving;
    dead->counts.bytes += on ? traced->leaving_bytes : 0 - traced->leaving_bytes;
}

static void move(model *m, m_queue *q, uint32_t index, const m_move *traced)
{
    m_queue *dead = &m->queues[q->options.dead];
    const m_message *message = &m->pool[index];
    m_parcel parcel = { .tag = message->tag, .id = message->id, .serial = message->serial, .sent = message->sent,
                        .enqueued = message->enqueued, .first_received = message->first_received, .size = message->size,
                        .total = message->total, .redriven = true, .group = message->group };
    bool bytes;

    if (dead->options.fifo) {
        parcel.enqueued = m->now; /* D6 */
    }

    HOLDS(I8, dead->live, "q%d: id %llu went to a dead-letter queue that does not exist", q->number, (unsigned long long)message->id);
    mq_catch_up(m, dead);
    count_leaving(dead, traced, true);
    HOLDS(I3, mq_has_room(m, dead, parcel.size, &bytes), "q%d: a dead letter was put into a full queue", q->number);
    mq_make_room(m, dead, parcel.size);
    count_leaving(dead, traced, false);
    mq_remove(m, q, index, &q->counts.moved);
    mq_arrive(m, dead, &parcel, 0);
    mq_catch_up(m, dead); /* it may be too old there (D6): then nobody gets it */
    mq_serve(m, dead, m->now);
}

bool mq_is_set_aside(const model *m, const m_queue *q, uint64_t id)
{
    return find(m, &q->moving, id) != M_NONE || find(m, &q->stuck, id) != M_NONE;
}

static uint32_t find_movable(const model *m, const m_queue *q, uint64_t id)
{
    uint32_t index = find(m, &q->moving, id);

    index = index != M_NONE ? index : find(m, &q->stuck, id);
    return index != M_NONE ? index : find(m, &q->ready, id);
}

uint32_t mq_size_of(const model *m, const m_queue *q, uint64_t id)
{
    uint32_t index = find_movable(m, q, id);

    return index != M_NONE ? m->pool[index].size : 0;
}

bool mq_may_move(model *m, m_queue *q, uint64_t id)
{
    mq_catch_up(m, q);
    return find_movable(m, q, id) != M_NONE;
}

void mq_trace_move(model *m, const m_move *traced)
{
    m_queue *q = traced->queue;
    uint64_t id = traced->id;
    bool excuse = traced->excuse;
    uint32_t index;
    m_message *message;

    mq_catch_up(m, q);
    index = find_movable(m, q, id);
    HOLDS(I8, index != M_NONE, "q%d: the trace moves id %llu, which is not ready there", q->number, (unsigned long long)id);
    message = &m->pool[index];
    HOLDS(I8, mq_doomed(q, message), "q%d: id %llu goes to the dead letter after %u receives of %u", q->number, (unsigned long long)id,
          message->own, q->options.max_receives);
    if (traced->moved) {
        cover(message->state == M_STUCK ? EV_UNSTUCK : EV_MOVED);
        move(m, q, index, traced);
        if (q->options.fifo && q->moving.count == 0) {
            mq_serve(m, q, m->now); /* its group is free (D10); all that was set aside goes first */
        }
    } else {
        m_queue *dead = &m->queues[q->options.dead];
        bool bytes = false, full;

        if (dead->live) {
            mq_catch_up(m, dead);
        }
        count_leaving(dead, traced, true);
        full = dead->live && !mq_has_room(m, dead, message->size, &bytes);
        count_leaving(dead, traced, false);
        dead->counts.refused += full && !excuse;
        dead->refused_unsure = dead->refused_unsure || excuse;
        while (excuse && dead->live && dead->options.drop_oldest && dead->counts.dropped < traced->dropped &&
               dead->ready.first != M_NONE) {
            mq_remove(m, dead, dead->ready.first, &dead->counts.dropped); /* room was made, then there was no memory for the letter */
        }
        HOLDS(I12, excuse || !dead->live || full, "q%d: id %llu was not moved, and nothing was in its way", q->number,
              (unsigned long long)id);
        cover(EV_STUCK);
        m_list_take(m, message->state == M_STUCK ? &q->stuck : message->state == M_MOVING ? &q->moving : &q->ready, index);
        message->state = M_STUCK;
        m_list_add(m, &q->stuck, index);
    }
}

void mq_settled(model *m, m_queue *q)
{
    HOLDS(I8, q->moving.count == 0, "q%d: id %llu was received %u times and is neither returned nor moved", q->number,
          (unsigned long long)m->pool[q->moving.first].id, m->pool[q->moving.first].own);
}

/* Those that were stuck and have no dead letter any more are as good as any other (D15). */
void mq_set_options(model *m, m_queue *q, const m_options *options)
{
    uint32_t next;

    mq_catch_up(m, q);
    q->options = *options;
    for (uint32_t index = q->oldest; options->fifo && index != M_NONE; index = m->pool[index].newer) {
        if (m->pool[index].state == M_DELAYED) { /* those that are still delayed take the new delay, from their send (S8) */
            mq_heap_take(m, q, index);
            m->pool[index].due = m_add(m->pool[index].enqueued, options->delay);
            mq_heap_add(m, q, index);
        }
    }
    mq_catch_up(m, q);
    for (uint32_t index = q->stuck.first; index != M_NONE; index = next) {
        next = m->pool[index].next;
        if (!mq_doomed(q, &m->pool[index])) {
            m_list_take(m, &q->stuck, index);
            mq_make_ready(m, q, index, m->now);
            cover(EV_FREED);
        }
    }
    mq_serve(m, q, m->now);
}

/* ---------------------------------------------------------------------------------------------- move tasks */

nimbus_status mq_carry(model *m, m_queue *from, m_queue *to, uint32_t index, bool keep_id)
{
    const m_message *message = &m->pool[index];
    m_parcel parcel = { .tag = message->tag, .id = keep_id ? message->id : 0, .serial = keep_id ? message->serial : 0, .sent = m->now,
                        .enqueued = m->now, .size = message->size, .group = message->group }; /* a new send (M8) */
    bool bytes;

    mq_catch_up(m, to);
    if (parcel.size > to->options.max_size || parcel.size > to->options.capacity_bytes) {
        return NIMBUS_E_TOO_LARGE;
    }
    if (!mq_has_room(m, to, parcel.size, &bytes)) {
        to->counts.refused++;
        return NIMBUS_E_FULL;
    }
    mq_make_room(m, to, parcel.size);
    mq_remove(m, from, index, &from->counts.moved);
    mq_arrive(m, to, &parcel, to->options.delay);
    cover(EV_CARRIED);
    return NIMBUS_OK;
}
