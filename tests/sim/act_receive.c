/*
 * act_receive.c - consumers: they receive, end what they hold, and come back with old receipts.
 */
#include <stdio.h>

#include "sim.h"

m_receipt receipt_of(const m_queue *q, const m_given *given)
{
    return (m_receipt){ q->incarnation, given->arrival, given->index, given->own };
}

void note_receipt(sim *s, int number, nimbus_receipt receipt, const m_receipt *of)
{
    s->book[s->book_count++ % SIM_BOOK] = (sim_noted){ receipt, number, *of };
}

/* What comes by the rules alone. waiting: who waits gets what is there when he is served, and no more. */
static uint32_t taken(sim *s, m_queue *q, m_given *given, uint32_t max, const sim_how *how, bool waiting)
{
    int64_t visibility = how->lease ? m_lease(&s->m) : how->visibility;
    uint32_t wanted = 0;
    uint64_t moved;
    bool at_once = (visibility < 0 ? q->options.visibility : visibility) == 0;

    if (waiting) {
        flush_set_aside(s, q);
    }
    do { /* who has room for more looks again when the heads of groups have gone to the dead letter (D4, D10); but for R11 */
        uint32_t more = mq_take(&s->m, q, how->group, max - wanted, visibility, s->m.now, given + wanted);

        if (wanted > 0 && more > 0) {
            cover(EV_WENT_ON);
        }
        wanted += more;
        moved = q->counts.moved;
        if (q->options.fifo) {
            flush_set_aside(s, q);
        }
    } while (q->options.fifo && q->counts.moved != moved && (wanted == 0 || (wanted < max && !at_once && !waiting)));
    return wanted;
}

static const char *const attempt_texts[M_ATTEMPTS] = { "a0", "a1", "a2", "a3", "a4", "a5" };

uint32_t receive(sim *s, int number, nimbus_delivery *got, m_given *given, uint32_t max, const sim_how *how)
{
    m_queue *q = &s->m.queues[number];
    nimbus_receive_options options = { .visibility_timeout = how->visibility < 0 ? 0 : nimbus_exactly(how->visibility),
                                       .heartbeat = how->lease, .group_id = how->group != M_NONE ? group_text(how->group) : NULL,
                                       .attempt_id = how->name != M_NONE ? attempt_texts[how->name] : NULL };
    nimbus_status status, expected = NIMBUS_EMPTY;
    size_t count = 0;
    uint32_t wanted = 0;

    s->m.now = nimbus_now(s->nb);
    mq_catch_up(&s->m, q);
    calling(s);
    status = nimbus_queue_receive(s->queues[number], how->wait, &options, got, max, &count);
    if (s->options->verbose) {
        printf("    q%d: receive of %u, visibility %lld%s, group %d, name %d: %s, %zu\n", number, max, (long long)how->visibility,
               how->lease ? ", lease" : "", (int)how->group, (int)how->name, nimbus_status_name(status), count);
    }
    if (how->name != M_NONE && excused(s, status, status == NIMBUS_E_FULL ? NIMBUS_BOUND_MEMORY : NIMBUS_BOUND_NONE)) {
        return 0;
    }
    if (how->name != M_NONE) {
        expected = mq_repeat(&s->m, q, how->name, max, how->visibility, given, &wanted);
    }
    if (expected == NIMBUS_EMPTY) {
        wanted = q->options.fair ? given_fairly(s, q, got, count, given, max, how) : taken(s, q, given, max, how, false);
        if (wanted == 0 && how->wait > 0 && q->options.fifo) { /* the wait gives what is stuck another chance */
            wanted = taken(s, q, given, max, how, true);
        }
        check_settled(s, q);
        expected = wanted > 0 ? NIMBUS_OK : mq_nothing(&s->m, q, how->group, how->wait > 0);
        q->counts.empty_receives += expected == NIMBUS_EMPTY;
        if (wanted == 0) {
            cover(expected == NIMBUS_EMPTY ? EV_NOTHING : expected == NIMBUS_E_OVER_LIMIT ? EV_OVER_LIMIT : EV_WOULD_BLOCK);
        } else if (how->name != M_NONE) {
            mq_name_receive(&s->m, q, how->name, given, wanted);
            cover(EV_ATTEMPT);
        }
    }
    digest(s, (uint64_t)status ^ (uint64_t)count << 32);
    HOLDS(I4, status == expected && count == wanted, "q%d: a receive of %u answers %s with %zu messages; the model says %s with %u", number,
          max, nimbus_status_name(status), count, nimbus_status_name(expected), wanted);
    for (uint32_t i = 0; i < wanted; i++) {
        check_given(s, q, &got[i], &given[i]);
        cover(how->lease ? EV_LEASED : EV_I4);
        if (how->group != M_NONE) {
            cover(EV_OF_GROUP);
        }
    }
    return wanted;
}

static int64_t draw_visibility(sim *s)
{
    int64_t time = chance(s, 50) ? NIMBUS_SECONDS(1 + below(s, 20)) : (int64_t)NIMBUS_US(1) << below(s, 25);

    return chance(s, 60) ? -1 : chance(s, 15) ? 0 : time + spread(s);
}

/* ------------------------------------------------------------------------------------------------ held */

void let_go(sim *s, int number, nimbus_delivery *delivery, const m_receipt *receipt, bool lease, int64_t otherwise)
{
    m_queue *q = &s->m.queues[number];

    if (!lease) {
        nimbus_delivery_release(delivery);
        return;
    }
    calling(s);
    nimbus_delivery_release(delivery);
    if (q->live && q->incarnation == receipt->incarnation) {
        mq_end_lease(&s->m, q, receipt, otherwise);
    }
    s->busy = true;
}

void let_go_held(sim *s, sim_held *held)
{
    if (held->number >= 0) {
        let_go(s, held->number, &held->slot, &held->receipt, held->lease, held->otherwise);
        nimbus_queue_release(held->queue);
        held->number = -1;
    }
}

static void hold(sim *s, int number, nimbus_delivery *delivery, const m_receipt *receipt, bool lease, int64_t otherwise)
{
    sim_held *held = &s->held[below(s, SIM_HELD)];

    let_go_held(s, held);
    held->slot = *delivery; /* moved: the other slot is forgotten */
    memset(delivery, 0, sizeof *delivery);
    held->number = number;
    held->queue = nimbus_queue_retain(s->queues[number]);
    held->receipt = *receipt;
    held->lease = lease;
    held->otherwise = otherwise;
}

/* A receive that would wait drives the instance; then receivers are called in the middle of what it does. */
static bool anybody_waits(const sim *s)
{
    bool any = false;

    for (uint32_t i = 0; i < SIM_WAITERS; i++) {
        any = any || s->async[i].used;
    }
    return any;
}

/* A queue without groups knows neither. */
static void refused(sim *s, int number)
{
    nimbus_receive_options options = { .group_id = chance(s, 50) ? "g0" : NULL };
    nimbus_delivery got;
    nimbus_status status;

    memset(&got, 0, sizeof got);
    options.attempt_id = options.group_id == NULL ? "a0" : NULL;
    calling(s);
    status = nimbus_queue_receive(s->queues[number], 0, &options, &got, 1, NULL);
    HOLDS(I4, status == NIMBUS_E_INVALID, "q%d: a receive of a group, or with a name, answers %s", number, nimbus_status_name(status));
    cover(EV_NOT_FIFO);
}

static sim_how draw_how(sim *s, const m_queue *q)
{
    sim_how how = { .visibility = draw_visibility(s), .wait = 0, .lease = chance(s, 15), .group = M_NONE, .name = M_NONE };

    if ((q->options.fifo || q->options.fair) && chance(s, 25)) {
        how.group = below(s, M_GROUPS);
    }
    if (q->options.fifo && !how.lease && chance(s, 35)) {
        how.name = below(s, M_ATTEMPTS);
    } else if (chance(s, 10) && !anybody_waits(s)) {
        how.wait = NIMBUS_SECONDS(1);
    }
    return how;
}

/* The answer to a receive was lost: it is made again. */
static void receive_again(sim *s, int number, sim_how *how)
{
    nimbus_delivery got[M_BATCH];
    m_given given[M_BATCH];
    uint32_t count;

    memset(got, 0, sizeof got);
    how->visibility = draw_visibility(s);
    count = receive(s, number, got, given, 1 + below(s, M_BATCH), how);
    for (uint32_t i = 0; i < count; i++) {
        nimbus_delivery_release(&got[i]);
    }
}

void act_receive(sim *s)
{
    int number = any_queue(s);
    uint32_t max = 1 + below(s, chance(s, 50) ? 1 : M_BATCH), count;
    nimbus_delivery got[M_BATCH];
    m_given given[M_BATCH];
    int64_t otherwise;
    sim_how how;

    if (number < 0) {
        return;
    }
    if (!s->m.queues[number].options.fifo && !s->m.queues[number].options.fair && chance(s, 5)) {
        refused(s, number);
    }
    how = draw_how(s, &s->m.queues[number]);
    otherwise = how.visibility < 0 ? s->m.queues[number].options.visibility : how.visibility;
    memset(got, 0, sizeof got);
    count = receive(s, number, got, given, max, &how);
    for (uint32_t i = 0; i < count; i++) {
        m_receipt receipt = receipt_of(&s->m.queues[number], &given[i]);

        note_receipt(s, number, nimbus_delivery_receipt(&got[i]), &receipt);
        if (chance(s, 50)) {
            hold(s, number, &got[i], &receipt, how.lease, otherwise);
        } else {
            let_go(s, number, &got[i], &receipt, how.lease, otherwise);
        }
    }
    if (how.name != M_NONE && chance(s, 50)) {
        receive_again(s, number, &how);
    }
}

/* The common kind: takes what there is and deletes it, with a retry now and then. */
void act_consume(sim *s)
{
    int number = any_queue(s);
    uint32_t times = 1 + below(s, 12), retries = chance(s, 50) ? 0 : 5, count = 1;
    nimbus_delivery got[M_BATCH];
    m_given given[M_BATCH];

    memset(got, 0, sizeof got);
    for (; number >= 0 && count > 0 && times > 0; times--) {
        m_queue *q = &s->m.queues[number];

        count = receive(s, number, got, given, M_BATCH, SIM_PLAINLY(-1));
        for (uint32_t i = 0; i < count; i++) {
            m_receipt receipt = receipt_of(q, &given[i]);
            nimbus_status status, expected;

            calling(s);
            if (retries != 0 && chance(s, retries)) {
                status = nimbus_delivery_retry(&got[i], 0);
                expected = mq_change(&s->m, q, &receipt, 0, true);
            } else {
                status = nimbus_delivery_delete(&got[i]);
                expected = mq_delete_message(&s->m, q, &receipt);
            }
            HOLDS(I5, status == expected, "q%d: message %llu is ended: %s; the model says %s", number, (unsigned long long)given[i].tag,
                  nimbus_status_name(status), nimbus_status_name(expected));
        }
    }
}

static int64_t draw_timeout(sim *s)
{
    int64_t time = chance(s, 70) ? NIMBUS_SECONDS(1 + below(s, 60)) : (int64_t)NIMBUS_US(1) << below(s, 38);

    return chance(s, 30) ? 0 : chance(s, 10) ? NIMBUS_HOURS(12) - NIMBUS_SECONDS(below(s, 60)) : time + spread(s);
}

void act_end_held(sim *s)
{
    for (uint32_t times = 1 + below(s, 4); times > 0; times--) {
        sim_held *held = &s->held[below(s, SIM_HELD)];
        m_queue *q = held->number >= 0 ? &s->m.queues[held->number] : NULL;
        bool gone = q == NULL || !q->live || q->incarnation != held->receipt.incarnation;
        nimbus_status status, expected = NIMBUS_E_DELETED;
        uint32_t how = below(s, 8);
        int64_t timeout = draw_timeout(s);

        if (q == NULL) {
            continue;
        }
        calling(s);
        if (how < 4) {
            status = nimbus_delivery_delete(&held->slot);
            expected = gone ? expected : mq_delete_message(&s->m, q, &held->receipt);
        } else if (how < 6) {
            status = nimbus_delivery_retry(&held->slot, timeout);
            expected = gone ? expected : mq_change(&s->m, q, &held->receipt, timeout, true);
        } else {
            status = nimbus_delivery_extend(&held->slot, timeout);
            expected = gone ? expected : mq_change(&s->m, q, &held->receipt, timeout, true);
        }
        s->busy = true;
        digest(s, (uint64_t)status);
        HOLDS(I5, status == expected, "q%d: a held message is ended in way %u, for %lld ns: %s; the model says %s", held->number, how,
              (long long)timeout, nimbus_status_name(status), nimbus_status_name(expected));
        if (how < 6 || chance(s, 30)) {
            let_go_held(s, held);
        }
    }
}

/* --------------------------------------------------------------------------------------- old receipts */

/* The status a change has to have; two are right when both the receipt and the time are wrong. */
static void change(sim *s, int number, const sim_noted *noted)
{
    m_queue *q = &s->m.queues[number];
    int64_t timeout = draw_timeout(s);
    nimbus_status status, expected;

    calling(s);
    status = nimbus_queue_change_visibility(s->queues[number], noted->receipt, timeout);
    expected = mq_change(&s->m, q, &noted->model, timeout, false);
    digest(s, (uint64_t)status);
    HOLDS(I5, status == expected, "q%d: visibility is changed by an old receipt: %s; the model says %s", number, nimbus_status_name(status),
          nimbus_status_name(expected));
    s->busy = true;
}

void act_old_receipt(sim *s)
{
    for (uint32_t times = 1 + below(s, 4); times > 0 && s->book_count > 0; times--) {
        const sim_noted *noted = &s->book[below(s, s->book_count < SIM_BOOK ? s->book_count : SIM_BOOK)];
        int number = chance(s, 5) ? any_queue(s) : noted->number;
        nimbus_status status, expected;

        if (number < 0 || s->queues[number] == NULL) {
            continue;
        }
        if (chance(s, 50)) {
            change(s, number, noted);
            continue;
        }
        calling(s);
        status = nimbus_queue_delete_message(s->queues[number], noted->receipt);
        expected = mq_delete_message(&s->m, &s->m.queues[number], &noted->model);
        digest(s, (uint64_t)status);
        HOLDS(I5, status == expected, "q%d: a message is deleted by an old receipt: %s; the model says %s", number,
              nimbus_status_name(status), nimbus_status_name(expected));
        s->busy = true;
    }
}

void act_receipt_batch(sim *s)
{
    int number = any_queue(s);
    nimbus_receipt receipts[M_BATCH];
    const sim_noted *noted[M_BATCH];
    nimbus_duration timeouts[M_BATCH];
    nimbus_status answers[M_BATCH], status;
    uint32_t count = 1 + below(s, M_BATCH);
    bool deletes = chance(s, 60), partial = false;

    if (number < 0 || s->book_count < M_BATCH || s->m.queues[number].waiters != NULL) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        noted[i] = &s->book[below(s, s->book_count < SIM_BOOK ? s->book_count : SIM_BOOK)];
        receipts[i] = noted[i]->receipt;
        timeouts[i] = draw_timeout(s);
    }
    calling(s);
    status = deletes ? nimbus_queue_delete_batch(s->queues[number], receipts, count, answers)
                     : nimbus_queue_change_visibility_batch(s->queues[number], receipts, timeouts, count, answers);
    for (uint32_t i = 0; i < count; i++) {
        nimbus_status expected = deletes ? mq_delete_message(&s->m, &s->m.queues[number], &noted[i]->model)
                                         : mq_change(&s->m, &s->m.queues[number], &noted[i]->model, timeouts[i], false);

        HOLDS(I5, answers[i] == expected, "q%d: entry %u of a batch of receipts: %s; the model says %s", number, i,
              nimbus_status_name(answers[i]), nimbus_status_name(expected));
        flush_due_moves(s);
        partial = partial || nimbus_failed(expected);
        digest(s, (uint64_t)answers[i]);
    }
    HOLDS(I5, status == (partial ? NIMBUS_PARTIAL : NIMBUS_OK), "q%d: a batch of receipts: %s", number, nimbus_status_name(status));
}
