/*
 * model_fair.c - fair queues (N1 to N8), as bounds: which tenants are quiet, and which are noisy, whatever the window is by which the time
 * of processing is measured. What a receive gives is told to the model, which judges whether that may be: within a tenant what was ready
 * first comes first; nobody overtakes a tenant that is certainly quiet and was there first; a tenant that is certainly noisy gets nothing
 * while one that is certainly quiet waits.
 */
#include "model.h"

#define FEW 30u
#define LONG NIMBUS_SECONDS(121) /* two windows of a minute */

typedef struct tenants {
    uint32_t first[M_GROUPS + 1]; /* that is ready; the last one: of those without a group */
    uint64_t turn[M_GROUPS + 1];
    uint32_t flying[M_GROUPS], all;
} tenants;

static uint32_t tenant_of(const m_message *message)
{
    return message->group == M_NONE ? M_GROUPS : message->group;
}

static void look(const model *m, const m_queue *q, tenants *t)
{
    uint64_t turn = 0;
    uint32_t left = M_GROUPS + 1;

    *t = (tenants){ .all = 0 };
    for (uint32_t g = 0; g <= M_GROUPS; g++) {
        t->first[g] = M_NONE;
    }
    for (uint32_t index = q->ready.first; index != M_NONE && left > 0; index = m->pool[index].next) {
        uint32_t g = tenant_of(&m->pool[index]);

        turn++;
        if (t->first[g] == M_NONE) {
            t->first[g] = index;
            t->turn[g] = turn;
            left--;
        }
    }
    for (uint32_t i = 0; i < q->heap_count; i++) {
        const m_message *message = &m->pool[q->heap[i]];

        if (message->state == M_FLIGHT) {
            t->all++;
            if (message->group != M_NONE) {
                t->flying[message->group]++;
            }
        }
    }
}

static bool holds_much(const tenants *t, uint32_t g)
{
    return t->flying[g] >= FEW && t->flying[g] * 10 > t->all;
}

static bool surely_quiet(const model *m, const m_queue *q, const tenants *t, uint32_t g)
{
    return g == M_GROUPS || t->all < FEW || m->now - q->sent_at[g] >= NIMBUS_MINUTES(5) ||
           (!holds_much(t, g) && (q->landed_at[g] == 0 || m->now - q->landed_at[g] > LONG));
}

static bool surely_noisy(const model *m, const m_queue *q, const tenants *t, uint32_t g)
{
    return g != M_GROUPS && t->all >= FEW && m->now - q->sent_at[g] < NIMBUS_MINUTES(5) && holds_much(t, g);
}

/* N5: all that wait are noisy: who has the fewest in flight. */
static void judge_noisy(const model *m, const m_queue *q, const tenants *t, uint32_t mine)
{
    for (uint32_t g = 0; g <= M_GROUPS; g++) {
        if (t->first[g] != M_NONE && !surely_noisy(m, q, t, g)) {
            return;
        }
    }
    for (uint32_t g = 0; g < M_GROUPS; g++) {
        HOLDS(FAIR, t->first[g] == M_NONE || t->flying[g] >= t->flying[mine],
              "q%d: noisy tenant %u with %u in flight comes before %u with %u", q->number, mine, t->flying[mine], g, t->flying[g]);
    }
    cover(EV_FEWEST_FIRST);
}

static void judge(const model *m, const m_queue *q, uint32_t index)
{
    uint32_t mine = tenant_of(&m->pool[index]);
    tenants t;

    look(m, q, &t);
    HOLDS(FAIR, t.first[mine] == index, "q%d: message %llu overtakes another one of tenant %u", q->number,
          (unsigned long long)m->pool[index].tag, mine);
    for (uint32_t g = 0; g <= M_GROUPS; g++) {
        if (g == mine || t.first[g] == M_NONE || !surely_quiet(m, q, &t, g)) {
            continue;
        }
        HOLDS(FAIR, !surely_noisy(m, q, &t, mine), "q%d: noisy tenant %u is served while quiet tenant %u waits", q->number, mine, g);
        HOLDS(FAIR, t.turn[g] > t.turn[mine], "q%d: tenant %u overtakes quiet tenant %u", q->number, mine, g);
    }
    for (uint32_t g = 0; g <= M_GROUPS; g++) {
        if (t.first[g] != M_NONE && t.turn[g] < t.turn[mine]) {
            cover(EV_QUIET_FIRST); /* which is noisy, then */
            break;
        }
    }
    if (surely_noisy(m, q, &t, mine)) {
        judge_noisy(m, q, &t, mine);
    }
}

void mq_land(const model *m, m_queue *q, const m_message *message)
{
    q->counts.in_flight--;
    if (q->options.fair && message->group != M_NONE) {
        q->landed_at[message->group] = m->now;
    }
}

static uint64_t ready_of(const model *m, const m_queue *q, uint32_t group, uint32_t max)
{
    uint64_t count = 0;

    for (uint32_t index = q->ready.first; index != M_NONE && count < max; index = m->pool[index].next) {
        count += group == M_NONE || m->pool[index].group == group;
    }
    return count;
}

uint32_t mq_fair_count(const model *m, const m_queue *q, uint32_t group, uint32_t max)
{
    uint64_t left = q->counts.in_flight < m->max_in_flight ? m->max_in_flight - q->counts.in_flight : 0;
    uint64_t ready = ready_of(m, q, group, max);

    return (uint32_t)(left < ready ? left : ready);
}

static uint32_t find_ready(const model *m, const m_queue *q, uint64_t id, uint64_t tag)
{
    uint32_t index = q->ready.first;

    while (index != M_NONE && (m->pool[index].tag != tag || (m->pool[index].id != 0 && m->pool[index].id != id))) {
        index = m->pool[index].next;
    }
    return index;
}

void mq_fair_give(model *m, m_queue *q, uint32_t only, uint64_t id, uint64_t tag, int64_t visibility, m_given *ret)
{
    uint32_t index = find_ready(m, q, id, tag);

    HOLDS(I2, index != M_NONE, "q%d: message %llu has come, which is not ready", q->number, (unsigned long long)tag);
    HOLDS(FAIR, only == M_NONE || m->pool[index].group == only, "q%d: message %llu has come, which is of another tenant", q->number,
          (unsigned long long)tag);
    if (only == M_NONE) {
        judge(m, q, index);
    }
    mq_give(m, q, index, visibility, m->now, ret);
}
