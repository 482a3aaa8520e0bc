/*
 * check.c - compares what the library shows with what the model holds.
 */
#include "sim.h"

static const char *text_of(uint64_t tag, char buffer[24])
{
    static const char digits[] = "0123456789";
    char *at = buffer + 23;

    *at = '\0';
    do {
        *--at = digits[tag % 10];
        tag /= 10;
    } while (tag != 0);
    return at;
}

static void check_bytes(const m_queue *q, const nimbus_message *message, uint64_t tag, uint32_t size)
{
    nimbus_bytes body = nimbus_message_body(message);
    unsigned char expected[SIM_MAX_BODY];
    nimbus_attribute attribute;
    uint64_t found = 0;
    size_t count = nimbus_message_attribute_count(message), attributes = 0;
    char buffer[24];

    memcpy(&found, body.data, body.size < sizeof found ? body.size : sizeof found);
    HOLDS(I2, body.size >= 8 && found == tag, "q%d: message %llu was expected, %llu has come", q->number, (unsigned long long)tag,
          (unsigned long long)found);
    HOLDS(I2, count == (tag % 5 == 0), "q%d: message %llu has %zu attributes", q->number, (unsigned long long)tag, count);
    if (count != 0) {
        const char *text = text_of(tag, buffer);

        HOLDS(I2, nimbus_message_attribute(message, "n", &attribute) == NIMBUS_OK && attribute.kind == NIMBUS_NUMBER &&
              attribute.value.size == strlen(text) && memcmp(attribute.value.data, text, strlen(text)) == 0,
              "q%d: message %llu has another attribute", q->number, (unsigned long long)tag);
        attributes = 1 + 6 + attribute.value.size; /* "n", "Number" and the value (S4) */
    }
    HOLDS(I2, body.size + attributes == size, "q%d: message %llu has %zu bytes, not %u", q->number, (unsigned long long)tag,
          body.size + attributes, size);
    body_of(tag, (uint32_t)body.size, expected);
    HOLDS(I2, memcmp(body.data, expected, body.size) == 0, "q%d: the bytes of message %llu have changed", q->number,
          (unsigned long long)tag);
}

void check_given(sim *s, m_queue *q, const nimbus_delivery *delivery, const m_given *given)
{
    nimbus_delivery_info info;
    m_message *message = &s->m.pool[given->index];

    HOLDS(I2, nimbus_delivery_get_info(delivery, &info) == NIMBUS_OK, "q%d: an empty delivery", q->number);
    check_bytes(q, nimbus_delivery_message(delivery), given->tag, given->size);
    HOLDS(I2, given->id == 0 || info.id.number == given->id, "q%d: message %llu has another id", q->number, (unsigned long long)given->tag);
    HOLDS(I8, info.receive_count == given->total, "q%d: message %llu is received for time %u, the model says %u", q->number,
          (unsigned long long)given->tag, info.receive_count, given->total);
    HOLDS(I9, info.sent == given->sent && info.first_received == given->first_received && info.visible_at == given->visible_at,
          "q%d: message %llu: sent %lld, first received %lld, visible at %lld; the model says %lld, %lld, %lld", q->number,
          (unsigned long long)given->tag, (long long)info.sent, (long long)info.first_received, (long long)info.visible_at,
          (long long)given->sent, (long long)given->first_received, (long long)given->visible_at);
    HOLDS(I8, (info.dead_letter_source != NULL) == given->redriven, "q%d: message %llu: is it a dead letter?", q->number,
          (unsigned long long)given->tag);
    if (q->options.fifo) {
        HOLDS(I6, info.sequence == given->sequence && info.group_id != NULL && strcmp(info.group_id, group_text(given->group)) == 0,
              "q%d: message %llu has the sequence %llu and the group %s; the model says %llu and %s", q->number,
              (unsigned long long)given->tag, (unsigned long long)info.sequence, info.group_id, (unsigned long long)given->sequence,
              group_text(given->group));
    }
    if (message->arrival == given->arrival) {
        message->id = info.id.number;
    }
    digest(s, info.id.number ^ (uint64_t)info.receive_count << 48);
    digest(s, given->tag ^ (uint64_t)info.visible_at);
}

void check_settled(sim *s, m_queue *q)
{
    flush_moves(s);
    s->deferring = false;
    mq_settled(&s->m, q);
}

/* --------------------------------------------------------------------------------------------- counters */

static void equal(const m_queue *q, sim_event invariant, const char *name, uint64_t found, uint64_t expected)
{
    HOLDS(I11, found == expected, "q%d: %s is %llu, the model says %llu", q->number, name, (unsigned long long)found,
          (unsigned long long)expected);
    cover(invariant);
}

static int64_t oldest_age(sim *s, const m_queue *q)
{
    int64_t oldest = s->m.now;

    for (uint32_t i = q->oldest; i != M_NONE; i = s->m.pool[i].newer) {
        oldest = s->m.pool[i].arrived < oldest ? s->m.pool[i].arrived : oldest; /* of a dead letter: from the move on (D7) */
    }
    return s->m.now - oldest;
}

void check_metrics(sim *s, int number)
{
    m_queue *q = &s->m.queues[number];
    m_counts *c = &q->counts;
    nimbus_queue_metrics found;

    s->m.now = nimbus_now(s->nb);
    mq_catch_up(&s->m, q);
    calling(s);
    HOLDS(I11, nimbus_queue_get_metrics(s->queues[number], &found) == NIMBUS_OK, "q%d: no metrics", number);
    equal(q, EV_I11, "ready", found.ready, q->ready.count + q->stuck.count + q->moving.count);
    equal(q, EV_I11, "delayed", found.delayed, c->delayed);
    equal(q, EV_I11, "in_flight", found.in_flight, c->in_flight);
    equal(q, EV_I11, "bytes", found.bytes, c->bytes);
    equal(q, EV_I11, "waiters", found.waiters, q->waiter_count);
    equal(q, EV_I3, "accepted", found.accepted, c->accepted);
    equal(q, EV_I8, "redriven_in", found.redriven_in, c->redriven_in);
    equal(q, EV_I4, "received", found.received, c->received);
    equal(q, EV_I5, "deleted", found.deleted, c->deleted);
    equal(q, EV_I8, "moved", found.moved, c->moved);
    equal(q, EV_I9, "expired", found.expired, c->expired);
    equal(q, EV_I11, "purged", found.purged, c->purged);
    equal(q, EV_I11, "dropped", found.dropped, c->dropped);
    equal(q, EV_I5, "cancelled", found.cancelled, c->cancelled);
    equal(q, EV_I11, "discarded", found.discarded, c->discarded);
    if (q->refused_unsure && found.refused >= c->refused) {
        c->refused = found.refused;
        q->refused_unsure = false;
    }
    equal(q, EV_I11, "refused", found.refused, c->refused);
    equal(q, EV_I11, "empty_receives", found.empty_receives, c->empty_receives);
    if (q->options.fifo) {
        uint64_t groups, locked;

        mf_count_groups(&s->m, q, &groups, &locked);
        equal(q, EV_I6, "groups", found.groups, groups);
        equal(q, EV_I6, "groups_locked", found.groups_locked, locked);
        equal(q, EV_I7, "duplicates", found.duplicates, c->duplicates);
    }
    HOLDS(I11, (int64_t)found.oldest_age == oldest_age(s, q), "q%d: oldest_age is %lld, the model says %lld", number,
          (long long)found.oldest_age, (long long)oldest_age(s, q));
    equal(q, EV_I1, "ledger", found.accepted,
          found.ready + found.delayed + found.in_flight + found.deleted + found.moved + found.expired + found.purged + found.dropped +
              found.discarded + found.cancelled);
    equal(q, EV_I1, "expired, as traced", q->traced_expired, c->expired);
    equal(q, EV_I1, "dropped, as traced", q->traced_dropped, c->dropped);
    digest(s, found.accepted ^ found.received << 20 ^ found.deleted << 40);
}

/* ------------------------------------------------------------------------------------------------ peek */

#define MAX_PEEK 64

static void check_peeked(sim *s, m_queue *q, const nimbus_peeked *found, uint32_t index)
{
    const m_message *message = &s->m.pool[index];
    bool hidden = message->state == M_DELAYED || message->state == M_FLIGHT;

    check_bytes(q, found->message, message->tag, message->size);
    HOLDS(I11, found->state == (message->state == M_DELAYED  ? NIMBUS_STATE_DELAYED
                                : message->state == M_FLIGHT ? NIMBUS_STATE_IN_FLIGHT
                                : q->options.fifo && message->state == M_READY && mf_is_locked(&s->m, index) ? NIMBUS_STATE_LOCKED
                                                                                : NIMBUS_STATE_READY),
          "q%d: peek shows message %llu in state %d", q->number, (unsigned long long)message->tag, (int)found->state);
    HOLDS(I8, found->receive_count == message->total, "q%d: peek shows message %llu as received %u times, the model says %u", q->number,
          (unsigned long long)message->tag, found->receive_count, message->total);
    HOLDS(I9, found->sent == message->sent && found->until == (hidden ? message->due : 0),
          "q%d: peek shows message %llu hidden until %lld, the model says %lld", q->number, (unsigned long long)message->tag,
          (long long)found->until, (long long)message->due);
    cover(EV_PEEKED);
}

static uint32_t of_id(const model *m, const m_queue *q, uint64_t id)
{
    uint32_t index = q->oldest;

    while (index != M_NONE && m->pool[index].id != id) {
        index = m->pool[index].newer;
    }
    return index;
}

/* A message that was moved got a new id, which nobody has told yet. */
uint32_t of_peeked(sim *s, const m_queue *q, const nimbus_peeked *found)
{
    uint32_t index = of_id(&s->m, q, found->id.number);
    nimbus_bytes body = nimbus_message_body(found->message);
    uint64_t tag = 0;

    if (index != M_NONE) {
        return index;
    }
    memcpy(&tag, body.data, body.size < sizeof tag ? body.size : sizeof tag);
    for (index = q->oldest; index != M_NONE && (s->m.pool[index].tag != tag || s->m.pool[index].id != 0);) {
        index = s->m.pool[index].newer;
    }
    if (index != M_NONE) {
        s->m.pool[index].id = found->id.number;
    }
    return index;
}

/* Ready ones in their order, then those that are hidden, in any. */
void check_peek(sim *s, int number)
{
    m_queue *q = &s->m.queues[number];
    nimbus_peeked found[MAX_PEEK];
    size_t count = 0;
    nimbus_status status;
    uint32_t stuck, ready;
    uint64_t sum = 0; /* the order of groups differs between machines */

    memset(found, 0, sizeof found);
    s->m.now = nimbus_now(s->nb);
    mq_catch_up(&s->m, q);
    calling(s);
    status = nimbus_queue_peek(s->queues[number], found, MAX_PEEK, &count);
    HOLDS(I11, status == (mq_held(q) == 0 ? NIMBUS_EMPTY : NIMBUS_OK), "q%d: peek answers %s", number, nimbus_status_name(status));
    HOLDS(I1, count == (mq_held(q) < MAX_PEEK ? mq_held(q) : MAX_PEEK), "q%d: peek shows %zu messages, %llu are held", number, count,
          (unsigned long long)mq_held(q));
    stuck = q->stuck.first;
    ready = q->ready.first;
    for (size_t i = 0; i < count; i++) {
        uint32_t *next = stuck != M_NONE ? &stuck : &ready, index = *next;

        if (index == M_NONE || q->options.fifo || q->options.fair) { /* in a FIFO queue the groups are shown one after the other */
            index = of_peeked(s, q, &found[i]);
            HOLDS(I2, index != M_NONE, "q%d: peek shows id %llu, which is not there", number, (unsigned long long)found[i].id.number);
        } else {
            *next = s->m.pool[index].next;
        }
        check_peeked(s, q, &found[i], index);
        sum += found[i].id.number ^ (uint64_t)found[i].until;
        nimbus_message_release(found[i].message);
    }
    digest(s, count < MAX_PEEK ? sum : count);
}

/* --------------------------------------------------------------------------------------------- explain */

void check_why(sim *s, int number, uint32_t group)
{
    m_queue *q = &s->m.queues[number];
    nimbus_queue_explanation found;
    m_reason wanted;

    s->m.now = nimbus_now(s->nb);
    mq_explain(&s->m, q, group, &wanted);
    calling(s);
    HOLDS(I11, nimbus_queue_explain(s->queues[number], group != M_NONE ? group_text(group) : NULL, &found) == NIMBUS_OK,
          "q%d: nothing is explained", number);
    HOLDS(I11, found.why == wanted.why || found.why == wanted.or_why, "q%d: group %d: the reason is %d, the model says %d", number,
          (int)group, (int)found.why, (int)wanted.why);
    HOLDS(I11, found.ready == wanted.ready && found.delayed == wanted.delayed && found.in_flight == wanted.in_flight &&
          found.locked == wanted.locked,
          "q%d: group %d: %llu ready, %llu delayed, %llu in flight, %llu locked; the model says %llu, %llu, %llu, %llu", number, (int)group,
          (unsigned long long)found.ready, (unsigned long long)found.delayed, (unsigned long long)found.in_flight,
          (unsigned long long)found.locked, (unsigned long long)wanted.ready, (unsigned long long)wanted.delayed,
          (unsigned long long)wanted.in_flight, (unsigned long long)wanted.locked);
    HOLDS(I9, wanted.until == -1 || found.until == (wanted.until == M_FOREVER ? 0 : wanted.until),
          "q%d: group %d, reason %d: it changes by itself at %lld, the model says %lld", number, (int)group, (int)found.why,
          (long long)found.until, (long long)wanted.until);
    if (found.holder.number != 0) {
        uint32_t holder = of_id(&s->m, q, found.holder.number);

        HOLDS(I11, holder == M_NONE || s->m.pool[holder].due == found.until, "q%d: id %llu holds it back, but until another moment", number,
              (unsigned long long)found.holder.number);
    }
    cover(EV_WHY_RECEIVABLE + (sim_event)found.why);
    digest(s, (uint64_t)found.why ^ (uint64_t)found.until);
}
