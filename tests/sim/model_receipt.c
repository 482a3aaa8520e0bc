/*
 * model_receipt.c - what a receipt is good for (V8, V9, V13 to V17, T2, T10).
 */
#include "model.h"

/* NIMBUS_OK: it names the last receive of a message that is here. */
static nimbus_status judge(const model *m, const m_queue *q, const m_receipt *receipt)
{
    const m_message *message = &m->pool[receipt->index];

    return receipt->incarnation != q->incarnation                                ? NIMBUS_E_RECEIPT
           : message->arrival != receipt->arrival                                ? NIMBUS_E_NO_MESSAGE
           : message->own != receipt->own                                        ? NIMBUS_STALE
           : message->state == M_STUCK || message->state == M_MOVING             ? NIMBUS_STALE /* a receive has given it away */
                                                                                 : NIMBUS_OK;
}

nimbus_status mq_delete_message(model *m, m_queue *q, const m_receipt *receipt)
{
    nimbus_status status;

    mq_catch_up(m, q);
    status = judge(m, q, receipt);
    if (q->options.fifo && (status == NIMBUS_STALE || (status == NIMBUS_OK && m->pool[receipt->index].state != M_FLIGHT))) {
        cover(EV_LATE_DELETE); /* V10, V12 */
        return NIMBUS_E_RECEIPT_EXPIRED;
    }
    if (status == NIMBUS_OK) {
        cover(m->pool[receipt->index].state == M_FLIGHT ? EV_DELETED : EV_DELETED_LATE);
        mq_remove(m, q, receipt->index, &q->counts.deleted);
        mq_serve(m, q, m->now); /* there may have been too many in flight */
    } else {
        cover(status == NIMBUS_STALE ? EV_STALE_DELETE : status == NIMBUS_E_NO_MESSAGE ? EV_GONE_DELETE : EV_FOREIGN);
    }
    return status == NIMBUS_E_NO_MESSAGE ? NIMBUS_OK : status;
}

nimbus_status mq_change(model *m, m_queue *q, const m_receipt *receipt, int64_t timeout, bool early)
{
    m_message *message = &m->pool[receipt->index];
    nimbus_status status;

    mq_catch_up(m, q);
    if (early && timeout > m->max_visibility) {
        cover(EV_LONG_CHANGE);
        return NIMBUS_E_INVALID;
    }
    status = judge(m, q, receipt);
    if (status != NIMBUS_OK) {
        cover(status == NIMBUS_STALE ? EV_STALE_CHANGE : status == NIMBUS_E_NO_MESSAGE ? EV_GONE_CHANGE : EV_FOREIGN);
        return status;
    }
    if (message->state != M_FLIGHT) {
        cover(EV_LAPSED_CHANGE);
        return NIMBUS_E_NOT_INFLIGHT;
    }
    if (m_add(m->now, timeout) > m_add(message->taken, m->max_visibility)) {
        cover(EV_LONG_CHANGE);
        return NIMBUS_E_INVALID;
    }
    mq_heap_take(m, q, receipt->index);
    if (timeout == 0) {
        mq_land(m, q, message);
        mq_come_back(m, q, receipt->index, m->now);
        cover(EV_RETURNED);
        mq_serve(m, q, m->now);
    } else {
        message->due = m_add(m->now, timeout);
        mq_heap_add(m, q, receipt->index);
        cover(EV_EXTENDED);
    }
    return NIMBUS_OK;
}

nimbus_status mq_cancel(model *m, m_queue *q, const m_receipt *place)
{
    const m_message *message = &m->pool[place->index];

    mq_catch_up(m, q);
    if (place->incarnation != q->incarnation) {
        return NIMBUS_E_RECEIPT;
    }
    if (message->arrival != place->arrival || message->own > 0) {
        cover(EV_TAKEN_BACK_LATE);
        return NIMBUS_STALE;
    }
    mq_remove(m, q, place->index, &q->counts.cancelled);
    cover(EV_TAKEN_BACK);
    return NIMBUS_OK;
}
