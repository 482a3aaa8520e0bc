/*
 * act_send.c - producers.
 */
#include <stdio.h>

#include "sim.h"

void body_of(uint64_t tag, uint32_t size, unsigned char *buffer)
{
    unsigned char head[sizeof tag];

    memcpy(head, &tag, sizeof tag);
    memset(buffer, (int)(tag * 7 & 0xff), size);
    memcpy(buffer, head, size < sizeof head ? size : sizeof head);
}

/* An entry, and what the model says of it. */
typedef struct outgoing {
    unsigned char body[SIM_MAX_BODY];
    char digits[24];
    nimbus_attribute attribute;
    uint64_t tag;
    uint32_t size; /* with attributes */
    uint32_t group, dedup; /* FIFO: numbers; M_NONE: none was given; dedup M_DEDUP: one that is used once */
    char dedup_text[24];
    int64_t delay; /* M_FOREVER: the queue's */
} outgoing;

const char *group_text(uint32_t group)
{
    static const char *const texts[M_GROUPS] = { "g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7" };

    return texts[group];
}

/* FIFO: a group, and an id: given or made of the body, one of a few or one that is used once. */
static void draw_keys(sim *s, const m_queue *q, outgoing *out, nimbus_entry *entry, bool whole)
{
    uint32_t again = below(s, 16);

    out->group = below(s, M_GROUPS);
    out->dedup = M_DEDUP;
    if (q->options.by_content && chance(s, 50)) {
        if (chance(s, 50) && entry->body.size >= 8 && entry->attribute_count == 0) { /* the same few bodies again and again */
            out->tag = 10000001 + 5 * (uint64_t)(again % 8);
            out->dedup = 16 + again % 8;
            out->size = 24;
            body_of(out->tag, 24, out->body);
            entry->body = nimbus_copy(out->body, 24);
        }
    } else if (whole || chance(s, 95)) {
        bool few = chance(s, 30);

        out->dedup = few ? again : M_DEDUP;
        snprintf(out->dedup_text, sizeof out->dedup_text, few ? "d%llu" : "u%llu", (unsigned long long)(few ? again : out->tag));
        entry->deduplication_id = out->dedup_text;
    } else {
        out->dedup = q->options.by_content ? M_DEDUP : M_NONE;
    }
    if (!whole && chance(s, 5)) {
        out->group = M_NONE;
    } else {
        entry->group_id = group_text(out->group);
    }
}

static void draw_entry(sim *s, const m_queue *q, outgoing *out, nimbus_entry *entry, bool plain, bool whole)
{
    uint32_t size = plain || chance(s, 90) ? 8 + below(s, 40) : chance(s, 20) ? 0 : 8 + below(s, SIM_MAX_BODY - 8);

    out->tag = ++s->tags;
    out->size = size;
    out->delay = M_FOREVER;
    body_of(out->tag, size, out->body);
    memset(entry, 0, sizeof *entry);
    entry->body = nimbus_copy(out->body, size);
    if (out->tag % 5 == 0) { /* the checker knows by the number which message has one */
        snprintf(out->digits, sizeof out->digits, "%llu", (unsigned long long)out->tag);
        out->attribute = nimbus_number("n", out->digits);
        entry->attributes = &out->attribute;
        entry->attribute_count = 1;
        out->size += (uint32_t)(1 + 6 + strlen(out->digits));
    }
    if (!plain && (s->faults & 1u << FAULT_BUDGET) == 0 && chance(s, 20)) {
        entry->delay = chance(s, 20)   ? NIMBUS_ZERO
                       : chance(s, 50) ? NIMBUS_SECONDS(1 + below(s, 10))
                                       : (int64_t)NIMBUS_US(1) << below(s, 20);
        entry->delay += entry->delay > 0 ? spread(s) : 0;
        out->delay = entry->delay == NIMBUS_ZERO ? 0 : entry->delay;
    }
    out->group = M_NONE;
    if (q->options.fair) { /* one tenant sends much */
        out->group = chance(s, 60) ? 0 : below(s, M_GROUPS + 1);
        out->group = out->group < M_GROUPS ? out->group : M_NONE;
        entry->group_id = out->group != M_NONE ? group_text(out->group) : NULL;
    }
    if (q->options.fifo) {
        draw_keys(s, q, out, entry, whole);
        if (entry->delay == NIMBUS_ZERO || whole || chance(s, 80)) { /* S7: an explicit 0 is the queue's delay */
            entry->delay = entry->delay == NIMBUS_ZERO ? entry->delay : 0;
            out->delay = M_FOREVER;
        }
    }
}

/* What a send has to answer; changes nothing. */
static nimbus_status expected_of(sim *s, m_queue *q, const outgoing *out, const nimbus_entry *entry, nimbus_bound *ret_bound)
{
    bool bytes = false;
    m_seen seen;

    *ret_bound = NIMBUS_BOUND_NONE;
    if (entry->body.size == 0) {
        return NIMBUS_E_MISSING;
    }
    if (q->options.fifo && (out->group == M_NONE || out->dedup == M_NONE || out->delay != M_FOREVER)) {
        return out->group == M_NONE ? NIMBUS_E_MISSING : NIMBUS_E_INVALID;
    }
    if (out->size > q->options.max_size) {
        return NIMBUS_E_TOO_LARGE;
    }
    if (q->options.fifo && mf_duplicate(&s->m, q, out->group, out->dedup, &seen)) {
        return NIMBUS_DUPLICATE;
    }
    if (!mq_has_room(&s->m, q, out->size, &bytes)) {
        *ret_bound = bytes ? NIMBUS_BOUND_BYTES : NIMBUS_BOUND_MESSAGES;
        return NIMBUS_E_FULL;
    }
    return NIMBUS_OK;
}

static void note_place(sim *s, const m_queue *q, nimbus_receipt place, uint32_t index)
{
    if (s->place_count < SIM_BOOK || place.generation % 4 == 0) { /* young and old ones */
        s->places[s->place_count++ % SIM_BOOK] =
            (sim_noted){ place, q->number, { .incarnation = q->incarnation, .arrival = s->m.pool[index].arrival, .index = index } };
    }
}

/* What came of an entry. */
static void sent_one(sim *s, m_queue *q, const outgoing *out, const nimbus_entry *entry, nimbus_status status, const nimbus_sent *sent)
{
    nimbus_bound bound;
    nimbus_status expected = expected_of(s, q, out, entry, &bound);
    m_parcel parcel = { .tag = out->tag, .id = sent->id.number, .sent = s->m.now, .enqueued = s->m.now, .size = out->size,
                        .group = out->group };
    m_seen seen = { 0 };

    digest(s, (uint64_t)status ^ sent->id.number);
    if (excused(s, status, sent->bound)) {
        return;
    }
    HOLDS(I3, status == expected && sent->bound == bound, "q%d: send of message %llu of %u bytes: %s, bound %d; the model says %s, %d",
          q->number, (unsigned long long)out->tag, out->size, nimbus_status_name(status), (int)sent->bound, nimbus_status_name(expected),
          (int)bound);
    switch (expected) {
    case NIMBUS_OK:
        mq_make_room(&s->m, q, out->size);
        note_place(s, q, sent->place, mq_arrive(&s->m, q, &parcel, out->delay != M_FOREVER ? out->delay : q->options.delay));
        mq_serve(&s->m, q, s->m.now);
        if (q->options.fifo) {
            HOLDS(I6, sent->sequence == q->sequence, "q%d: message %llu has the sequence %llu; the model says %llu", q->number,
                  (unsigned long long)out->tag, (unsigned long long)sent->sequence, (unsigned long long)q->sequence);
            mf_remember(&s->m, q, out->group, out->dedup, sent->id.number, q->sequence);
        }
        s->messages++;
        s->busy = s->busy || q->waiter_count > 0;
        break;
    case NIMBUS_E_FULL:
        q->counts.refused++;
        cover(bound == NIMBUS_BOUND_BYTES ? EV_FULL_BYTES : EV_FULL_MESSAGES);
        break;
    case NIMBUS_DUPLICATE:
        mf_duplicate(&s->m, q, out->group, out->dedup, &seen);
        HOLDS(I7, sent->id.number == seen.id && sent->sequence == seen.sequence, "q%d: a duplicate of id %llu names id %llu", q->number,
              (unsigned long long)seen.id, (unsigned long long)sent->id.number);
        q->counts.duplicates++;
        cover(EV_DUPLICATE);
        break;
    case NIMBUS_E_INVALID:
        cover(out->dedup == M_NONE ? EV_NO_DEDUP : EV_OWN_DELAY);
        break;
    case NIMBUS_E_TOO_LARGE:
        cover(EV_TOO_LARGE);
        break;
    default:
        cover(q->options.fifo && out->group == M_NONE ? EV_NO_GROUP : EV_NO_BODY);
        break;
    }
}

static void send_to(sim *s, int number)
{
    m_queue *q = &s->m.queues[number];
    outgoing out;
    nimbus_entry entry;
    nimbus_sent sent;
    nimbus_status status;

    memset(&sent, 0x55, sizeof sent);
    draw_entry(s, q, &out, &entry, false, false);
    mq_catch_up(&s->m, q);
    s->busy = s->busy || q->waiter_count > 0;
    calling(s);
    status = nimbus_queue_send(s->queues[number], &entry, &sent);
    HOLDS(I3, sent.status == status, "q%d: the send answers %s and writes %s", number, nimbus_status_name(status),
          nimbus_status_name(sent.status));
    sent_one(s, q, &out, &entry, status, &sent);
}

void act_send(sim *s)
{
    int number = any_queue(s);

    for (uint32_t times = 1 + below(s, 4); number >= 0 && times > 0; times--) {
        send_to(s, number);
    }
}

static void send_batch_to(sim *s, int number, uint32_t count, bool plain)
{
    m_queue *q = &s->m.queues[number];
    outgoing out[M_BATCH];
    nimbus_entry entries[M_BATCH];
    nimbus_sent sent[M_BATCH];
    nimbus_status status;
    bool partial = false;

    if (q->waiters != NULL) { /* whether they are served after each entry or after all is not said anywhere */
        send_to(s, number);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        draw_entry(s, q, &out[i], &entries[i], plain, true);
    }
    mq_catch_up(&s->m, q);
    calling(s);
    status = nimbus_queue_send_batch(s->queues[number], entries, count, sent);
    HOLDS(I3, status == NIMBUS_OK || status == NIMBUS_PARTIAL, "q%d: a batch of %u: %s", number, count, nimbus_status_name(status));
    for (uint32_t i = 0; i < count; i++) {
        sent_one(s, q, &out[i], &entries[i], sent[i].status, &sent[i]);
        partial = partial || nimbus_failed(sent[i].status);
    }
    HOLDS(I3, status == (partial ? NIMBUS_PARTIAL : NIMBUS_OK), "q%d: a batch answers %s", number, nimbus_status_name(status));
    if (partial) {
        cover(EV_PARTLY);
    }
}

void act_send_batch(sim *s)
{
    int number = any_queue(s);

    if (number >= 0) {
        send_batch_to(s, number, 1 + below(s, M_BATCH), false);
    }
}

void act_burst(sim *s)
{
    int number = any_queue(s);

    for (uint32_t times = 1 + below(s, 10); number >= 0 && times > 0; times--) {
        send_batch_to(s, number, M_BATCH, true);
    }
}

/* A sender thinks better of it. */
void act_take_back(sim *s)
{
    for (uint32_t times = 1 + below(s, 4); times > 0 && s->place_count > 0; times--) {
        const sim_noted *noted = &s->places[below(s, s->place_count < SIM_BOOK ? s->place_count : SIM_BOOK)];
        int number = chance(s, 95) ? noted->number : any_queue(s);
        nimbus_status status, expected;

        if (number < 0 || s->queues[number] == NULL) {
            continue;
        }
        calling(s);
        status = nimbus_queue_cancel(s->queues[number], noted->receipt);
        expected = mq_cancel(&s->m, &s->m.queues[number], &noted->model);
        digest(s, (uint64_t)status);
        HOLDS(I5, status == expected, "q%d: a message is cancelled: %s; the model says %s", number, nimbus_status_name(status),
              nimbus_status_name(expected));
    }
}
