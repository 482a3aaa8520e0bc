/*
 * model.c - the pool of messages, what comes into a queue and what leaves it, and room.
 */
#include "model.h"

#include <stdlib.h>
#include <string.h>

static void *grown(void *old, size_t count, size_t size)
{
    void *more = realloc(old, count * size);

    if (more == NULL) {
        abort(); /* the simulator's own memory, not the library's */
    }
    return more;
}

void model_init(model *m, int64_t now, uint32_t max_in_flight, int64_t max_visibility)
{
    memset(m, 0, sizeof *m);
    m->now = now;
    m->max_in_flight = max_in_flight;
    m->max_visibility = max_visibility;
    m->pool_free = M_NONE;
    for (int i = 0; i < M_QUEUES; i++) {
        m->queues[i].number = i;
        m->queues[i].waiters_end = &m->queues[i].waiters;
    }
}

void model_fini(model *m)
{
    for (int i = 0; i < M_QUEUES; i++) {
        free(m->queues[i].heap);
    }
    free(m->pool);
}

/* ----------------------------------------------------------------------------------------------- lists */

void m_list_add(model *m, m_list *list, uint32_t index)
{
    m->pool[index].next = M_NONE;
    m->pool[index].prev = list->last;
    if (list->last != M_NONE) {
        m->pool[list->last].next = index;
    } else {
        list->first = index;
    }
    list->last = index;
    list->count++;
}

void m_list_take(model *m, m_list *list, uint32_t index)
{
    m_message *message = &m->pool[index];

    if (message->prev != M_NONE) {
        m->pool[message->prev].next = message->next;
    } else {
        list->first = message->next;
    }
    if (message->next != M_NONE) {
        m->pool[message->next].prev = message->prev;
    } else {
        list->last = message->prev;
    }
    list->count--;
}

/* In the order of the enqueue; a dead letter of a standard queue keeps its time, and goes between older ones (D6). */
static void age_add(model *m, m_queue *q, uint32_t index)
{
    uint32_t after = q->newest;

    while (after != M_NONE && m->pool[after].enqueued > m->pool[index].enqueued) {
        after = m->pool[after].older;
    }
    m->pool[index].older = after;
    m->pool[index].newer = after != M_NONE ? m->pool[after].newer : q->oldest;
    *(after != M_NONE ? &m->pool[after].newer : &q->oldest) = index;
    *(m->pool[index].newer != M_NONE ? &m->pool[m->pool[index].newer].older : &q->newest) = index;
}

static void age_take(model *m, m_queue *q, uint32_t index)
{
    const m_message *message = &m->pool[index];

    *(message->older != M_NONE ? &m->pool[message->older].newer : &q->oldest) = message->newer;
    *(message->newer != M_NONE ? &m->pool[message->newer].older : &q->newest) = message->older;
}

/* ------------------------------------------------------------------------------------------ in and out */

static uint32_t record(model *m)
{
    uint32_t index = m->pool_free;

    if (index != M_NONE) {
        m->pool_free = m->pool[index].next;
        return index;
    }
    if (m->pool_count == m->pool_room) {
        m->pool_room = m->pool_room != 0 ? m->pool_room * 2 : 256;
        m->pool = grown(m->pool, m->pool_room, sizeof *m->pool);
    }
    return m->pool_count++;
}

uint32_t mq_arrive(model *m, m_queue *q, const m_parcel *parcel, int64_t delay)
{
    uint32_t index = record(m);
    m_message *message = &m->pool[index];

    memset(message, 0, sizeof *message);
    message->arrival = ++m->arrivals;
    message->serial = parcel->serial != 0 ? parcel->serial : ++m->serials;
    message->id = parcel->id;
    message->tag = parcel->tag;
    message->sent = parcel->sent;
    message->enqueued = parcel->enqueued;
    message->arrived = parcel->redriven ? m->now : parcel->enqueued;
    message->first_received = parcel->first_received;
    message->size = parcel->size;
    message->total = parcel->total;
    message->redriven = parcel->redriven;
    message->group = parcel->group;
    if (q->options.fifo) {
        message->sequence = ++q->sequence;
        mf_add(m, q, index);
    }
    q->counts.accepted++;
    q->counts.redriven_in += parcel->redriven;
    if (q->options.fair && parcel->group != M_NONE) {
        q->sent_at[parcel->group] = m->now;
    }
    q->counts.bytes += parcel->size;
    age_add(m, q, index);
    if (delay > 0) {
        message->state = M_DELAYED;
        message->due = m_add(m->now, delay);
        q->counts.delayed++;
        mq_heap_add(m, q, index);
        cover(EV_SENT_DELAYED);
    } else {
        mq_make_ready(m, q, index, m->now);
        cover(EV_SENT_READY);
    }
    return index;
}

void mq_remove(model *m, m_queue *q, uint32_t index, uint64_t *counter)
{
    m_message *message = &m->pool[index];

    switch (message->state) {
    case M_READY:
        m_list_take(m, &q->ready, index);
        break;
    case M_STUCK:
        m_list_take(m, &q->stuck, index);
        break;
    case M_MOVING:
        m_list_take(m, &q->moving, index);
        break;
    case M_DELAYED:
        q->counts.delayed--;
        mq_heap_take(m, q, index);
        break;
    case M_FLIGHT:
        mq_land(m, q, message);
        mq_heap_take(m, q, index);
        break;
    case M_FREE:
    default:
        sim_broken(EV_I1, "a message leaves twice");
    }
    age_take(m, q, index);
    if (q->options.fifo) {
        mf_take(m, q, index);
    }
    q->counts.bytes -= message->size;
    (*counter)++;
    message->arrival = 0;
    message->state = M_FREE;
    message->next = m->pool_free;
    m->pool_free = index;
}

uint64_t mq_held(const m_queue *q)
{
    return q->ready.count + q->stuck.count + q->moving.count + q->counts.delayed + q->counts.in_flight;
}

/* ------------------------------------------------------------------------------------------------ room */

static bool fits(const m_queue *q, uint64_t size)
{
    return mq_held(q) < q->options.capacity_messages && q->counts.bytes + size <= q->options.capacity_bytes;
}

bool mq_has_room(const model *m, const m_queue *q, uint64_t size, bool *ret_bytes)
{
    uint64_t held = mq_held(q), bytes = q->counts.bytes, capacity = q->options.capacity_bytes;
    uint32_t next = q->ready.first;

    *ret_bytes = held < q->options.capacity_messages && bytes + size > capacity;
    while (held >= q->options.capacity_messages || bytes + size > capacity) {
        if (!q->options.drop_oldest || next == M_NONE || size > capacity) {
            return false;
        }
        held--;
        bytes -= m->pool[next].size;
        next = m->pool[next].next;
    }
    return true;
}

void mq_make_room(model *m, m_queue *q, uint64_t size)
{
    while (!fits(q, size) && q->options.drop_oldest && q->ready.first != M_NONE) {
        mq_remove(m, q, q->ready.first, &q->counts.dropped);
        cover(EV_DROPPED);
    }
}

/* --------------------------------------------------------------------------------------- begin and end */

void mq_create(model *m, int number, const m_options *options)
{
    m_queue *q = &m->queues[number];
    uint32_t *heap = q->heap, room = q->heap_room;

    memset(q, 0, sizeof *q);
    q->number = number;
    q->live = true;
    q->incarnation = ++m->incarnations;
    q->options = *options;
    q->ready = q->stuck = q->moving = (m_list){ M_NONE, M_NONE, 0 };
    for (int i = 0; i < M_GROUPS; i++) {
        q->groups[i] = q->ready;
    }
    q->oldest = q->newest = M_NONE;
    q->heap = heap;
    q->heap_room = room;
    q->last = m->now;
    q->waiters_end = &q->waiters;
}

static uint64_t remove_all(model *m, m_queue *q, uint64_t *counter, sim_event event)
{
    uint64_t count = 0;

    while (q->oldest != M_NONE) {
        mq_remove(m, q, q->oldest, counter);
        cover(event);
        count++;
    }
    return count;
}

uint64_t mq_purge(model *m, m_queue *q)
{
    mq_catch_up(m, q);
    mf_forget(q); /* T9 */
    return remove_all(m, q, &q->counts.purged, EV_PURGED);
}

void mq_delete(model *m, m_queue *q)
{
    mq_catch_up(m, q);
    remove_all(m, q, &q->counts.discarded, EV_DISCARDED);
    mq_dismiss_all(q, NIMBUS_E_DELETED);
    q->live = false;
}
