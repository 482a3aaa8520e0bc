/*
 * act_fair.c - what a receive from a fair queue gives; and slow consumers of one: they have so much in flight that a tenant becomes noisy,
 * and then the others come first.
 */
#include "sim.h"

uint32_t given_fairly(sim *s, m_queue *q, const nimbus_delivery *got, size_t count, m_given *given, uint32_t max, const sim_how *how)
{
    int64_t visibility = how->lease ? m_lease(&s->m) : how->visibility < 0 ? q->options.visibility : how->visibility;
    uint32_t wanted = mq_fair_count(&s->m, q, how->group, max);

    for (uint32_t i = 0; i < wanted && i < count; i++) {
        nimbus_bytes body = nimbus_delivery_body(&got[i]);
        nimbus_delivery_info info;
        uint64_t tag = 0;

        memcpy(&tag, body.data, body.size < sizeof tag ? body.size : sizeof tag);
        HOLDS(I2, nimbus_delivery_get_info(&got[i], &info) == NIMBUS_OK, "q%d: an empty delivery", q->number);
        mq_fair_give(&s->m, q, how->group, info.id.number, tag, visibility, &given[i]);
    }
    if (visibility == 0) {
        mq_bring_back(&s->m, q, given, wanted < count ? wanted : (uint32_t)count, s->m.now);
    }
    return wanted;
}

void act_slow(sim *s)
{
    int number = any_queue(s);
    int64_t hidden = NIMBUS_SECONDS(20 + below(s, 400));
    nimbus_delivery got[M_BATCH];
    m_given given[M_BATCH];
    uint32_t count = 1;

    if (number < 0 || !s->m.queues[number].options.fair) {
        return;
    }
    hidden += spread(s);
    memset(got, 0, sizeof got);
    for (uint32_t times = 2 + below(s, 12); count > 0 && times > 0; times--) {
        count = receive(s, number, got, given, M_BATCH, SIM_PLAINLY(hidden));
        for (uint32_t i = 0; i < count; i++) {
            m_receipt receipt = receipt_of(&s->m.queues[number], &given[i]);

            note_receipt(s, number, nimbus_delivery_receipt(&got[i]), &receipt);
            nimbus_delivery_release(&got[i]);
        }
    }
}
