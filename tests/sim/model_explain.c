/*
 * model_explain.c - why a receive returns nothing, and when that changes by itself: from what is held, as the comment of the call says.
 */
#include "model.h"

static int64_t expiry_of(const m_queue *q, const m_message *message)
{
    return m_add(message->enqueued, q->options.retention);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

typedef struct view {
    bool fine, worn, stuck;           /* something can be handed out; is to be moved; could not be moved */
    int64_t back, landed;             /* something can be received that could not; something is not in flight any more */
} view;

static void look(const model *m, const m_queue *q, uint32_t index, view *v, m_reason *ret)
{
    const m_message *message = &m->pool[index];

    ret->ready += message->state == M_READY || message->state == M_STUCK;
    ret->delayed += message->state == M_DELAYED;
    ret->in_flight += message->state == M_FLIGHT;
    if (message->state == M_FLIGHT) {
        v->landed = sooner(v->landed, sooner(message->due, expiry_of(q, message)));
    }
}

static void look_at_front(const m_queue *q, const m_message *message, view *v)
{
    int64_t expiry = expiry_of(q, message);

    if (message->state == M_READY) {
        *(mq_doomed(q, message) ? &v->worn : &v->fine) = true;
    } else if (message->state == M_STUCK) {
        v->stuck = true;
    } else if (message->due < expiry || q->options.fifo) { /* one that expires opens its group (T4), and comes back nowhere else */
        v->back = sooner(v->back, sooner(message->due, expiry));
    }
}

/* Of a group only what stands up to its head can change anything. */
static void look_at_group(const model *m, const m_queue *q, const m_list *group, view *v, m_reason *ret)
{
    bool front = true;

    for (uint32_t index = group->first; index != M_NONE; index = m->pool[index].behind) {
        const m_message *message = &m->pool[index];

        look(m, q, index, v, ret);
        ret->locked += message->state == M_READY && mf_is_locked(m, index);
        if (front) {
            look_at_front(q, message, v);
        }
        front = front && message->state == M_DELAYED;
    }
}

static void judge(const model *m, const m_queue *q, const view *v, m_reason *ret)
{
    ret->why = v->fine               ? (q->counts.in_flight < m->max_in_flight ? NIMBUS_WHY_RECEIVABLE : NIMBUS_WHY_OVER_LIMIT)
               : v->worn             ? NIMBUS_WHY_EXHAUSTED
               : v->stuck            ? NIMBUS_WHY_MOVING
               : ret->locked > 0     ? NIMBUS_WHY_GROUP_LOCKED
               : ret->in_flight > 0  ? NIMBUS_WHY_IN_FLIGHT
               : ret->delayed > 0    ? NIMBUS_WHY_DELAYED
                                     : NIMBUS_WHY_EMPTY;
    ret->or_why = ret->why == NIMBUS_WHY_EXHAUSTED && v->stuck ? NIMBUS_WHY_MOVING : ret->why;
    ret->until = ret->why == NIMBUS_WHY_RECEIVABLE                           ? M_FOREVER
                 : ret->why == NIMBUS_WHY_OVER_LIMIT                         ? v->landed
                 : v->stuck || ret->why == NIMBUS_WHY_MOVING                 ? -1
                                                                             : v->back;
}

void mq_explain(model *m, m_queue *q, uint32_t group, m_reason *ret)
{
    view v = { .back = M_FOREVER, .landed = M_FOREVER };

    mq_catch_up(m, q);
    *ret = (m_reason){ .until = M_FOREVER };
    for (uint32_t g = 0; q->options.fifo && g < M_GROUPS; g++) {
        if (group == M_NONE || group == g) {
            look_at_group(m, q, &q->groups[g], &v, ret);
        }
    }
    for (uint32_t index = q->oldest; !q->options.fifo && index != M_NONE; index = m->pool[index].newer) {
        look(m, q, index, &v, ret);
        look_at_front(q, &m->pool[index], &v);
    }
    judge(m, q, &v, ret);
}
