/*
 * model_attempt.c - receives that are held by a lease (the header of the queue), and those that have a name and may be repeated (F24, F25).
 */
#include "model.h"

static bool is_out(const model *m, const m_queue *q, const m_receipt *receipt)
{
    const m_message *message = &m->pool[receipt->index];

    return receipt->incarnation == q->incarnation && message->arrival == receipt->arrival && message->own == receipt->own &&
           message->state == M_FLIGHT;
}

void mq_end_lease(model *m, m_queue *q, const m_receipt *receipt, int64_t otherwise)
{
    m_message *message = &m->pool[receipt->index];

    mq_catch_up(m, q);
    if (!is_out(m, q, receipt)) {
        return;
    }
    if (message->due != m_add(message->taken, m_lease(m))) {
        cover(EV_LEASE_CHANGED);
        return;
    }
    mq_heap_take(m, q, receipt->index);
    message->due = m_add(message->taken, otherwise);
    if (message->due <= m->now) {
        mq_land(m, q, message);
        mq_come_back(m, q, receipt->index, m->now);
        cover(EV_LEASE_ENDED);
        mq_serve(m, q, m->now);
    } else {
        mq_heap_add(m, q, receipt->index);
        cover(EV_LEASE_SHORTENED);
    }
}

nimbus_status mq_repeat(model *m, m_queue *q, uint32_t name, uint32_t max, int64_t visibility, m_given *ret, uint32_t *ret_count)
{
    m_attempt *attempt = &q->attempts[name];
    bool good = attempt->count <= max;

    mq_catch_up(m, q);
    if (attempt->count == 0 || attempt->until <= m->now) {
        return NIMBUS_EMPTY;
    }
    for (uint32_t i = 0; i < attempt->count; i++) {
        good = good && is_out(m, q, &attempt->receipts[i]) && m->pool[attempt->receipts[i].index].due == attempt->due[i];
    }
    if (!good) {
        cover(EV_ATTEMPT_SPOILT);
        return NIMBUS_E_ATTEMPT;
    }
    visibility = visibility < 0 ? q->options.visibility : visibility;
    for (uint32_t i = 0; i < attempt->count; i++) {
        uint32_t index = attempt->receipts[i].index;
        m_message *message = &m->pool[index];

        mq_heap_take(m, q, index);
        message->taken = m->now;
        message->due = attempt->due[i] = m_add(m->now, visibility);
        mq_heap_add(m, q, index);
        mq_show(message, index, message->due, &ret[i]);
    }
    for (uint32_t i = 0; visibility == 0 && i < attempt->count; i++) { /* as any receive of that kind (R10) */
        mq_heap_take(m, q, attempt->receipts[i].index);
        q->counts.in_flight--;
        mq_come_back(m, q, attempt->receipts[i].index, m->now);
    }
    if (visibility == 0) {
        mq_serve(m, q, m->now);
    }
    *ret_count = attempt->count;
    cover(EV_ATTEMPT_REPEATED);
    return NIMBUS_OK;
}

void mq_name_receive(const model *m, m_queue *q, uint32_t name, const m_given *given, uint32_t count)
{
    m_attempt *attempt = &q->attempts[name];

    attempt->count = count;
    attempt->until = m_add(m->now, NIMBUS_SECONDS(300));
    for (uint32_t i = 0; i < count; i++) {
        attempt->receipts[i] = (m_receipt){ q->incarnation, given[i].arrival, given[i].index, given[i].own };
        attempt->due[i] = given[i].visible_at;
    }
}
