/*
 * act_admin.c - administrators and the clock: they make queues and end them, change their options, purge, look, and let time pass.
 */
#include "sim.h"

int any_queue(sim *s)
{
    int first = (int)below(s, M_QUEUES);

    for (int i = 0; i < M_QUEUES; i++) {
        int number = (first + i) % M_QUEUES;

        if (s->queues[number] != NULL) {
            return number;
        }
    }
    return -1;
}

/* 0, 1, a power of two and its neighbours (where a wheel turns), seconds, and days. */
void act_time(sim *s)
{
    int64_t by = 0;

    switch (below(s, 8)) {
    case 0:
        by = below(s, 2);
        break;
    case 1:
        by = (int64_t)1 << below(s, 46);
        by += below(s, 3) - INT64_C(1);
        break;
    case 2:
        by = chance(s, 10) ? NIMBUS_DAYS(1 + below(s, 5)) : NIMBUS_MINUTES(1 + below(s, 20));
        break;
    case 3:
        by = NIMBUS_SECONDS(1 + below(s, 60));
        break;
    default:
        by = NIMBUS_MS(1 + below(s, 3000));
        break;
    }
    world_advance(s, by);
}

void act_purge(sim *s)
{
    int number = any_queue(s);
    uint64_t count = 0, expected;
    nimbus_status status;

    if (number < 0 || !chance(s, 30)) {
        return;
    }
    calling(s);
    status = nimbus_queue_purge(s->queues[number], &count);
    expected = mq_purge(&s->m, &s->m.queues[number]);
    digest(s, count);
    HOLDS(I1, status == NIMBUS_OK && count == expected, "q%d: a purge answers %s and %llu, the model says %llu", number,
          nimbus_status_name(status), (unsigned long long)count, (unsigned long long)expected);
}

void act_delete(sim *s)
{
    int number = any_queue(s);
    nimbus_queue **place = &s->ended[below(s, 4)];
    m_queue *q = &s->m.queues[number < 0 ? 0 : number];
    nimbus_queue_metrics metrics;
    nimbus_status status;

    if (number < 0 || !chance(s, 30)) {
        return;
    }
    calling(s);
    status = nimbus_queue_delete(s->queues[number]);
    HOLDS(I1, status == NIMBUS_OK, "q%d: the delete answers %s", number, nimbus_status_name(status));
    mq_delete(&s->m, q);
    HOLDS(I1, nimbus_queue_get_metrics(s->queues[number], &metrics) == NIMBUS_OK && metrics.discarded == q->counts.discarded &&
          metrics.accepted == metrics.deleted + metrics.moved + metrics.expired + metrics.purged + metrics.dropped + metrics.discarded +
              metrics.cancelled,
          "q%d: %llu were discarded with the queue, the model says %llu", number, (unsigned long long)metrics.discarded,
          (unsigned long long)q->counts.discarded);
    HOLDS(I1, q->traced_discarded == q->counts.discarded, "q%d: %llu discarded, %llu of them traced", number,
          (unsigned long long)q->counts.discarded, (unsigned long long)q->traced_discarded);
    nimbus_queue_release(*place);
    *place = s->queues[number];
    s->queues[number] = NULL;
    s->busy = true;
}

void act_create(sim *s)
{
    for (int i = 0; i < s->queue_count; i++) {
        if (s->queues[i] == NULL) {
            world_create(s, i);
            return;
        }
    }
}

void act_set_options(sim *s)
{
    int number = any_queue(s);
    nimbus_queue_options options;
    nimbus_error err = { 0 };
    m_options wanted;
    nimbus_status status;

    if (number < 0 || (s->m.queues[number].options.fifo && s->m.queues[number].waiters != NULL)) { /* as in act_async */
        return;
    }
    world_options(s, number, &wanted, &options);
    calling(s);
    status = nimbus_queue_set_options(s->queues[number], &options, &err);
    digest(s, (uint64_t)status);
    if (excused(s, status, NIMBUS_BOUND_NONE)) {
        return;
    }
    HOLDS(I11, status == NIMBUS_OK, "q%d: its options cannot be changed: %s", number, err.reason);
    mq_set_options(&s->m, &s->m.queues[number], &wanted);
    s->busy = true;
}

/* Every call through a handle of what was deleted. */
void act_ended(sim *s)
{
    nimbus_queue *queue = s->ended[below(s, 4)];
    nimbus_delivery slot;
    nimbus_status status = NIMBUS_E_DELETED;
    nimbus_entry entry = { .body = nimbus_text("late") };

    if (queue == NULL) {
        return;
    }
    memset(&slot, 0, sizeof slot);
    switch (below(s, 5)) {
    case 0:
        status = nimbus_queue_send(queue, &entry, NULL);
        break;
    case 1:
        status = nimbus_queue_receive(queue, 0, NULL, &slot, 1, NULL);
        break;
    case 2:
        status = nimbus_queue_delete(queue);
        break;
    case 3:
        status = nimbus_queue_purge(queue, NULL);
        break;
    default:
        status = nimbus_queue_set_options(queue, NULL, NULL);
        break;
    }
    cover(EV_ENDED);
    HOLDS(I5, status == NIMBUS_E_DELETED, "a queue that was deleted answers %s", nimbus_status_name(status));
}

void act_peek(sim *s)
{
    int number = any_queue(s);

    if (number >= 0) {
        check_peek(s, number);
    }
}

void act_explain(sim *s)
{
    int number = any_queue(s);
    uint32_t group = below(s, 2 * M_GROUPS);

    if (number >= 0 && mq_held(&s->m.queues[number]) < 500) {
        check_why(s, number, s->m.queues[number].options.fifo && group < M_GROUPS ? group : M_NONE);
    }
}

void act_metrics(sim *s)
{
    int number = any_queue(s);

    if (number >= 0 && s->m.queues[number].counts.accepted < 4000) { /* it looks at all slots */
        check_metrics(s, number);
    } else if (number >= 0 && chance(s, 10)) {
        check_metrics(s, number);
    }
}
