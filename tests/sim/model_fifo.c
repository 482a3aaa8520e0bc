/*
 * model_fifo.c - FIFO queues: the receive rule and which group comes next (F1 to F14), what goes to the dead letter in order (D10), and the
 * memory of deduplication ids (F15 to F21).
 *
 * Ids are numbers here. Only those that can come again are remembered: the simulator has a few of them, all others are used once.
 */
#include "model.h"

#include <string.h>

/* ----------------------------------------------------------------------------------------------- groups */

void mf_add(model *m, m_queue *q, uint32_t index)
{
    m_message *message = &m->pool[index];
    m_list *list = &q->groups[message->group];

    message->behind = M_NONE;
    message->before = list->last;
    *(list->last != M_NONE ? &m->pool[list->last].behind : &list->first) = index;
    list->last = index;
    list->count++;
}

void mf_take(model *m, m_queue *q, uint32_t index)
{
    const m_message *message = &m->pool[index];
    m_list *list = &q->groups[message->group];

    *(message->before != M_NONE ? &m->pool[message->before].behind : &list->first) = message->behind;
    *(message->behind != M_NONE ? &m->pool[message->behind].before : &list->last) = message->before;
    list->count--;
}

/* The first of a group that is not delayed (F12). */
uint32_t mf_head(const model *m, const m_list *group)
{
    uint32_t index = group->first;

    while (index != M_NONE && m->pool[index].state == M_DELAYED) {
        index = m->pool[index].behind;
    }
    return index;
}

static bool ready_before(const m_message *a, const m_message *b)
{
    return a->ready_at != b->ready_at         ? a->ready_at < b->ready_at
           : a->ready_order != b->ready_order ? a->ready_order < b->ready_order
                                              : a->sequence < b->sequence;
}

/* Of all heads that are ready the one that has been so for longest; of one moment, the one that became ready first (F13). */
uint32_t mf_first(const model *m, const m_queue *q, uint32_t only)
{
    uint32_t best = M_NONE;

    for (uint32_t g = 0; g < M_GROUPS; g++) {
        uint32_t head = mf_head(m, &q->groups[g]);

        if (head != M_NONE && (only == M_NONE || only == g) && m->pool[head].state == M_READY &&
            (best == M_NONE || ready_before(&m->pool[head], &m->pool[best]))) {
            best = head;
        }
    }
    return best;
}

void mf_count_groups(const model *m, const m_queue *q, uint64_t *ret_groups, uint64_t *ret_locked)
{
    *ret_groups = *ret_locked = 0;
    for (uint32_t g = 0; g < M_GROUPS; g++) {
        uint32_t head = mf_head(m, &q->groups[g]);

        *ret_groups += q->groups[g].count > 0;
        *ret_locked += head != M_NONE && m->pool[head].state != M_READY;
    }
}

bool mf_is_locked(const model *m, uint32_t index)
{
    for (uint32_t at = m->pool[index].before; at != M_NONE; at = m->pool[at].before) {
        if (m->pool[at].state != M_READY && m->pool[at].state != M_DELAYED) {
            return true;
        }
    }
    return false;
}

/* As many as follow each other in the first group, then from the next (F6). One that goes to the dead letter keeps its group back. */
uint32_t mf_receive(model *m, m_queue *q, uint32_t only, uint32_t max, int64_t visibility, int64_t at, m_given *ret)
{
    uint32_t count = 0, index;

    while (count < max && (index = mf_first(m, q, only)) != M_NONE) {
        for (; index != M_NONE && count < max; index = m->pool[index].behind) {
            m_message *message = &m->pool[index];

            if (message->state == M_DELAYED) {
                continue;
            }
            if (message->state != M_READY) {
                break;
            }
            if (mq_doomed(q, message)) {
                mq_set_aside(m, q, index);
                break;
            }
            mq_give(m, q, index, visibility, at, &ret[count++]);
            cover(EV_IN_ORDER);
        }
    }
    return count;
}

/* ---------------------------------------------------------------------------------------- deduplication */

static m_seen *seen(m_queue *q, uint32_t group, uint32_t dedup)
{
    return &q->seen[q->options.group_scope ? group : 0][dedup];
}

bool mf_duplicate(const model *m, m_queue *q, uint32_t group, uint32_t dedup, m_seen *ret)
{
    const m_seen *found;

    if (dedup >= M_DEDUP) {
        return false;
    }
    found = seen(q, group, dedup);
    *ret = *found;
    cover(EV_I7);
    return found->id != 0 && m->now - found->at < NIMBUS_SECONDS(300);
}

void mf_remember(const model *m, m_queue *q, uint32_t group, uint32_t dedup, uint64_t id, uint64_t sequence)
{
    if (dedup < M_DEDUP) {
        *seen(q, group, dedup) = (m_seen){ id, sequence, m->now };
    }
}

void mf_forget(m_queue *q)
{
    memset(q->seen, 0, sizeof q->seen);
}
