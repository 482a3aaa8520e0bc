/*
 * act_async.c - receivers that wait: each gets what the model foretold, when it foretold it, in the order of their arrival.
 */
#include "sim.h"

static void end_one(sim *s, sim_async *async, nimbus_delivery *delivery, const m_given *given)
{
    m_queue *q = &s->m.queues[async->number];
    bool gone = !q->live || q->incarnation != async->incarnation;
    m_receipt receipt = { async->incarnation, given->arrival, given->index, given->own };
    nimbus_status status, expected = NIMBUS_E_DELETED;

    switch (below(s, 4)) {
    case 0: /* is released */
        let_go(s, async->number, delivery, &receipt, async->lease, async->otherwise);
        return;
    case 1:
        status = nimbus_delivery_retry(delivery, 0);
        expected = gone ? expected : mq_change(&s->m, q, &receipt, 0, true);
        break;
    default:
        status = nimbus_delivery_delete(delivery);
        expected = gone ? expected : mq_delete_message(&s->m, q, &receipt);
        break;
    }
    HOLDS(I5, status == expected, "q%d: a waiter ends message %llu: %s; the model says %s", async->number, (unsigned long long)given->tag,
          nimbus_status_name(status), nimbus_status_name(expected));
}

static void called_back(nimbus_queue *queue, nimbus_status status, nimbus_delivery *deliveries, size_t count, void *user)
{
    sim_async *async = user;
    sim *s = async->sim;
    m_queue *q = &s->m.queues[async->number];
    uint64_t random = s->random;

    (void)queue;
    s->m.now = nimbus_now(s->nb);
    if (q->live) {
        mq_catch_up(&s->m, q);
    }
    digest(s, (uint64_t)status ^ count << 32 ^ (uint64_t)s->m.now);
    HOLDS(I12, !async->called, "q%d: a receiver is called twice", async->number);
    async->called = true;
    HOLDS(I12, async->waiter.over, "q%d: a receiver is called with %s, the model has it still waiting", async->number,
          nimbus_status_name(status));
    HOLDS(I4, status == async->waiter.status && count == async->waiter.count,
          "q%d: a receiver is called with %s and %zu messages, the model says %s and %u", async->number, nimbus_status_name(status), count,
          nimbus_status_name(async->waiter.status), async->waiter.count);
    for (size_t i = 0; i < count; i++) {
        check_given(s, q, &deliveries[i], &async->waiter.given[i]);
        s->deferring = true;
        end_one(s, async, &deliveries[i], &async->waiter.given[i]);
        check_settled(s, q);
    }
    s->random = random + 1; /* the step goes on as if nobody had been called */
    s->busy = true;
}

/* What is left open: who is served between moves of a FIFO queue; and who of the waiters of a fair one. */
static bool is_foretold(const m_options *o)
{
    return !o->fair && (!o->fifo || o->dead < 0);
}

void act_async(sim *s)
{
    int number = any_queue(s);
    sim_async *async = &s->async[below(s, SIM_WAITERS)];
    int64_t wait = chance(s, 10) ? NIMBUS_FOREVER : chance(s, 10) ? 0 : NIMBUS_SECONDS(1 + below(s, 30)) + ++s->unique;
    int64_t more = spread(s), visibility = chance(s, 70) ? -1 : NIMBUS_SECONDS(1 + below(s, 20)) + more;
    bool lease = chance(s, 15), grouped = chance(s, 25);
    uint32_t group = grouped ? below(s, M_GROUPS) : M_NONE;
    nimbus_receive_options options = { .visibility_timeout = visibility < 0 ? 0 : visibility, .heartbeat = lease };
    uint32_t max = 1 + below(s, chance(s, 50) ? 1 : M_BATCH);
    nimbus_status status;

    if (number < 0 || async->used || !is_foretold(&s->m.queues[number].options)) {
        return;
    }
    if (async->task != NULL) {
        nimbus_receive_task_release(async->task);
    }
    memset(async, 0, sizeof *async);
    async->sim = s;
    async->number = number;
    async->incarnation = s->m.queues[number].incarnation;
    group = s->m.queues[number].options.fifo ? group : M_NONE;
    options.group_id = group != M_NONE ? group_text(group) : NULL;
    async->lease = lease;
    async->otherwise = visibility < 0 ? s->m.queues[number].options.visibility : visibility;
    visibility = lease ? m_lease(&s->m) : visibility;
    async->waiter = (m_waiter){ .max = max, .group = group, .visibility = visibility,
                                .until = wait == NIMBUS_FOREVER ? M_FOREVER : s->m.now + wait,
                                .status = NIMBUS_EMPTY };
    mq_catch_up(&s->m, &s->m.queues[number]);
    calling(s);
    status = nimbus_queue_receive_async(s->queues[number], wait, &options, max, called_back, async, &async->task);
    digest(s, (uint64_t)status);
    if (excused(s, status, status == NIMBUS_E_FULL ? NIMBUS_BOUND_MEMORY : NIMBUS_BOUND_NONE)) {
        async->task = NULL;
        return;
    }
    HOLDS(I4, status == NIMBUS_OK, "q%d: an asynchronous receive: %s", number, nimbus_status_name(status));
    async->used = true;
    mq_wait(&s->m, &s->m.queues[number], &async->waiter);
    check_settled(s, &s->m.queues[number]);
    s->busy = true;
}

void cancel(sim *s, sim_async *async)
{
    nimbus_status status;

    if (!async->used) {
        return;
    }
    status = nimbus_receive_cancel(async->task);
    digest(s, (uint64_t)status);
    HOLDS(I4, status == (async->waiter.over ? NIMBUS_STALE : NIMBUS_OK), "q%d: a cancel answers %s", async->number,
          nimbus_status_name(status));
    if (status == NIMBUS_OK) {
        mq_dismiss(&s->m.queues[async->number], &async->waiter, NIMBUS_E_CANCELLED);
        cover(EV_CANCELLED);
    }
    s->busy = true;
}

void act_cancel(sim *s)
{
    cancel(s, &s->async[below(s, SIM_WAITERS)]);
}
