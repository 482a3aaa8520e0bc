/*
 * world.c - the instance of a run: it is opened, its queues are made, its clock moves, and at the end it must drain and close.
 */
#include <stdio.h>

#include "sim.h"

static int64_t one_of(sim *s, const int64_t *values, uint32_t count)
{
    return values[below(s, count)];
}

#define ONE_OF(s, ...) one_of((s), (const int64_t[]){ __VA_ARGS__ }, sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))

/* ---------------------------------------------------------------------------------------------- options */

static void dead_letter(sim *s, int number, m_options *ret, nimbus_queue_options *o)
{
    int dead = any_queue(s);

    ret->dead = -1;
    if (dead >= 0 && dead != number && (s->fair >> number & 1) == 0 && (s->fifo >> dead & 1) == (s->fifo >> number & 1) &&
        chance(s, 50)) { /* D2 */
        ret->dead = dead;
        ret->max_receives = 1 + below(s, chance(s, 80) ? 3 : 20);
        o->dead_letter_queue = s->queues[dead];
        o->max_receive_count = ret->max_receives;
        o->eager_dead_letter = chance(s, 25);
    }
}

void world_options(sim *s, int number, m_options *ret, nimbus_queue_options *ret_options)
{
    nimbus_queue_options o = { 0 };

    memset(ret, 0, sizeof *ret);
    o.visibility_timeout = ONE_OF(s, NIMBUS_MS(10), NIMBUS_SECONDS(1), NIMBUS_SECONDS(5), NIMBUS_US(1),
                                  NIMBUS_ZERO, NIMBUS_HOURS(11), NIMBUS_SECONDS(30));
    o.delay = chance(s, 75) || (s->faults & 1u << FAULT_BUDGET) != 0
                  ? 0
                  : ONE_OF(s, NIMBUS_ZERO, NIMBUS_SECONDS(3), NIMBUS_MINUTES(14), NIMBUS_US(1));
    o.retention = chance(s, 50) ? 0 : ONE_OF(s, NIMBUS_SECONDS(60), NIMBUS_MINUTES(5), NIMBUS_DAYS(1), NIMBUS_DAYS(14));
    o.max_message_size = chance(s, 50) ? 0 : 1024;
    o.overflow = chance(s, 75) ? NIMBUS_OVERFLOW_REFUSE : NIMBUS_OVERFLOW_DROP_OLDEST;
    if ((s->fifo >> number & 1) != 0) {
        const m_queue *q = &s->m.queues[number];

        o.overflow = NIMBUS_OVERFLOW_REFUSE;
        o.fifo = ret->fifo = true;
        o.content_based_deduplication = ret->by_content = chance(s, 50);
        ret->group_scope = s->queues[number] != NULL ? q->options.group_scope : chance(s, 50); /* F21 */
        o.deduplication_scope = ret->group_scope ? NIMBUS_DEDUP_GROUP : NIMBUS_DEDUP_QUEUE;
    }
    if ((s->fair >> number & 1) != 0) {
        o.fair = ret->fair = true;
        o.overflow = NIMBUS_OVERFLOW_REFUSE;
    }
    o.capacity_messages = (s->faults & 1u << FAULT_FULL) == 0 || chance(s, 25) ? 0 : 1 + below(s, 40);
    o.capacity_bytes = (s->faults & 1u << FAULT_BYTES) == 0 || chance(s, 25) ? 0 : 100 + below(s, 4000);
    dead_letter(s, number, ret, &o);
    o.visibility_timeout += o.visibility_timeout > 0 ? spread(s) : 0;
    o.delay += o.delay > 0 ? spread(s) : 0;
    ret->visibility = o.visibility_timeout == 0 ? NIMBUS_SECONDS(30) : o.visibility_timeout == NIMBUS_ZERO ? 0 : o.visibility_timeout;
    ret->delay = o.delay == NIMBUS_ZERO ? 0 : o.delay;
    ret->retention = o.retention == 0 ? NIMBUS_DAYS(4) : o.retention;
    ret->max_size = o.max_message_size == 0 ? 1048576 : o.max_message_size;
    ret->capacity_messages = o.capacity_messages == 0 ? 1048576 : o.capacity_messages;
    ret->capacity_bytes = o.capacity_bytes == 0 ? UINT64_MAX / 2 : o.capacity_bytes;
    ret->eager = o.eager_dead_letter;
    ret->drop_oldest = o.overflow == NIMBUS_OVERFLOW_DROP_OLDEST;
    *ret_options = o;
    if (s->options->verbose) {
        printf("    q%d: visibility %lld, delay %lld, retention %lld, capacity %llu, %llu bytes, dead letter q%d after %u%s%s\n", number,
               (long long)ret->visibility, (long long)ret->delay, (long long)ret->retention,
               (unsigned long long)ret->capacity_messages, (unsigned long long)ret->capacity_bytes, ret->dead, ret->max_receives,
               ret->eager ? ", eager" : "", ret->drop_oldest ? ", drop oldest" : "");
    }
}

void world_create(sim *s, int number)
{
    char name[] = "q0.fifo";
    nimbus_queue_options options;
    m_options wanted;
    nimbus_error err = { 0 };

    name[1] = (char)('0' + number);
    name[2] = (s->fifo >> number & 1) != 0 ? '.' : '\0';
    world_options(s, number, &wanted, &options);
    calling(s);
    s->queues[number] = nimbus_queue_create(s->nb, name, &options, &err);
    digest(s, (uint64_t)err.status);
    if (s->queues[number] == NULL) {
        HOLDS(I11, excused(s, err.status, err.status == NIMBUS_E_FULL ? NIMBUS_BOUND_MEMORY : NIMBUS_BOUND_NONE),
              "q%d cannot be created: %s", number, err.reason);
        return;
    }
    mq_create(&s->m, number, &wanted);
}

/* ------------------------------------------------------------------------------------------------ trace */

/* Takes one that was traced. What was traced before it and happened inside of it found its message still where it came from. */
static m_move taken_off(sim *s, uint32_t at)
{
    m_move move = s->moves[at];
    uint32_t size = mq_size_of(&s->m, move.queue, move.id);

    for (uint32_t i = 0; move.moved && i < at; i++) {
        bool comes_back = s->moves[i].queue->options.dead == move.queue->number;

        s->moves[i].leaving += comes_back;
        s->moves[i].leaving_bytes += comes_back ? size : 0;
    }
    s->move_count--;
    memmove(s->moves + at, s->moves + at + 1, (s->move_count - at) * sizeof *s->moves);
    return move;
}

void flush_set_aside(sim *s, const m_queue *of)
{
    uint32_t at = 0;

    while (at < s->move_count) {
        m_move move = s->moves[at];

        if (mq_is_set_aside(&s->m, move.queue, move.id)) {
            move = taken_off(s, at);
            mq_trace_move(&s->m, &move);
            if (move.queue == of && !move.moved && of->moving.count == 0) {
                break; /* who was in vain ends the round: what is stuck behind it is tried by the next look */
            }
            at = 0;
        } else if (move.queue == of) {
            break; /* that is of the next look */
        } else {
            at++;
        }
    }
}

/* What was set aside comes first. A dead letter that is received and moved on at once is traced before its first move is. */
void flush_moves(sim *s)
{
    flush_set_aside(s, NULL);
    while (s->move_count > 0) {
        uint32_t at = 0;
        m_move move;

        while (at + 1 < s->move_count && !mq_may_move(&s->m, s->moves[at].queue, s->moves[at].id)) {
            at++;
        }
        at = mq_may_move(&s->m, s->moves[at].queue, s->moves[at].id) ? at : 0;
        move = taken_off(s, at);
        mq_trace_move(&s->m, &move);
        flush_set_aside(s, NULL);
    }
}

void flush_due_moves(sim *s)
{
    uint32_t done = 0;

    while (done < s->move_count && s->moves[done].queue->moving.count > 0) {
        mq_trace_move(&s->m, &s->moves[done]);
        done++;
    }
    s->move_count -= done;
    memmove(s->moves, s->moves + done, s->move_count * sizeof *s->moves);
}

void world_trace(const nimbus_trace *trace, void *user)
{
    sim *s = user;
    m_queue *q;

    digest(s, (uint64_t)trace->kind ^ trace->id.number << 8);
    if (s->options->verbose) {
        printf("    traced: kind %d, %s %s, id %llu, %llu\n", (int)trace->kind, trace->noun, trace->name,
               (unsigned long long)trace->id.number, (unsigned long long)trace->count);
    }
    if (strcmp(trace->noun, "queue") != 0 || (trace->kind == NIMBUS_TRACE_MOVE_FAILED && trace->id.number == 0)) {
        return; /* of a move task */
    }
    q = &s->m.queues[trace->name[1] - '0'];
    s->m.now = nimbus_now(s->nb);
    switch (trace->kind) {
    case NIMBUS_TRACE_EXPIRED:
        q->traced_expired += trace->count;
        break;
    case NIMBUS_TRACE_DROPPED:
        q->traced_dropped += trace->count;
        break;
    case NIMBUS_TRACE_DISCARDED:
        q->traced_discarded += trace->count;
        break;
    case NIMBUS_TRACE_DEAD_LETTERED:
    case NIMBUS_TRACE_MOVE_FAILED:
        HOLDS(I12, s->move_count < SIM_MOVES, "too many moves in one call");
        s->moves[s->move_count++] = (m_move){ .queue = q, .id = trace->id.number, .moved = trace->kind == NIMBUS_TRACE_DEAD_LETTERED,
                                              .excuse = memory_failed(s) || (s->faults & 1u << FAULT_BUDGET) != 0,
                                              .dropped = q->options.dead >= 0 ? s->m.queues[q->options.dead].traced_dropped : 0 };
        if (!s->deferring && mq_may_move(&s->m, q, trace->id.number)) {
            flush_moves(s);
        }
        s->busy = true;
        break;
    default:
        break;
    }
}

/* ------------------------------------------------------------------------------------------------- time */

void world_run(sim *s)
{
    nimbus_status status;
    uint32_t rounds = 0;

    running_others(s);
    do {
        status = nimbus_run(s->nb, SIZE_MAX, NULL);
        HOLDS(I12, (status == NIMBUS_OK || status == NIMBUS_EMPTY) && ++rounds < 10000, "nimbus_run: %s", nimbus_status_name(status));
    } while (status == NIMBUS_OK);
    s->busy = false;
    s->m.now = nimbus_now(s->nb);
    flush_moves(s);
}

void world_advance(sim *s, int64_t by)
{
    int64_t before = nimbus_now(s->nb);
    nimbus_status status;

    for (int i = 0; i < s->queue_count; i++) { /* without memory more than 32 that lapse at once come back in another order */
        s->heap.off = s->heap.off || s->m.queues[i].heap_count > 32;
    }
    running_others(s);
    status = nimbus_advance(s->nb, by);
    s->m.now = nimbus_now(s->nb);
    flush_moves(s);
    HOLDS(I9, status == NIMBUS_OK && s->m.now == before + by, "nimbus_advance: %s", nimbus_status_name(status));
    for (int i = 0; i < s->queue_count; i++) {
        if (s->queues[i] != NULL) {
            mq_catch_up(&s->m, &s->m.queues[i]);
            check_settled(s, &s->m.queues[i]);
        }
    }
    for (uint32_t i = 0; i < SIM_WAITERS; i++) {
        HOLDS(I12, !s->async[i].used || !s->async[i].waiter.over || s->async[i].called, "q%d: a receiver was due and not called",
              s->async[i].number);
        s->async[i].used = s->async[i].used && !s->async[i].called;
    }
    digest(s, (uint64_t)s->m.now);
}

/* -------------------------------------------------------------------------------------- begin and end */

void world_open(sim *s)
{
    nimbus_options options = { .driven = true, .manual_clock = true, .trace = world_trace, .trace_user = s };
    nimbus_error err = { 0 };

    options.allocator = &s->heap.allocator;
    options.seed = s->options->seed | 1;
    options.max_memory = (s->faults & 1u << FAULT_BUDGET) != 0 ? (size_t)1 << (18 + below(s, 3)) : SIZE_MAX;
    options.limits.max_in_flight = (s->faults & (1u << FAULT_FLIGHT | 1u << FAULT_BUDGET)) != 0 ? 1 + below(s, 30) : 0;
    s->heap.off = true;
    s->nb = nimbus_open(&options, &err);
    HOLDS(I11, s->nb != NULL, "nimbus_open: %s", err.reason);
    model_init(&s->m, nimbus_now(s->nb), options.limits.max_in_flight != 0 ? (uint32_t)options.limits.max_in_flight : 120000,
               NIMBUS_HOURS(12));
    s->queue_count = 2 + (int)below(s, 4);
    s->fifo = chance(s, 40) ? 0 : below(s, 1u << M_QUEUES);
    s->fair = chance(s, 60) ? 0 : below(s, 1u << M_QUEUES) & ~s->fifo;
    for (int i = 0; i < s->queue_count; i++) {
        world_create(s, i);
        if (s->queues[i] == NULL) {
            break; /* the budget is too small for more */
        }
    }
}

/* Takes everything that a queue has to give, and deletes it. */
static void take_all(sim *s, int number)
{
    m_queue *q = &s->m.queues[number];
    nimbus_delivery got[M_BATCH];
    m_given given[M_BATCH];
    uint32_t count;

    memset(got, 0, sizeof got);
    do {
        count = receive(s, number, got, given, M_BATCH, SIM_PLAINLY(NIMBUS_HOURS(1)));
        for (uint32_t i = 0; i < count; i++) {
            m_receipt receipt = receipt_of(q, &given[i]);

            HOLDS(I5, nimbus_delivery_delete(&got[i]) == mq_delete_message(&s->m, q, &receipt), "q%d: a delete at the end", number);
        }
    } while (count > 0);
}

static int64_t next_deadline(const sim *s)
{
    int64_t next = M_FOREVER;

    for (int i = 0; i < s->queue_count; i++) {
        const m_queue *q = &s->m.queues[i];

        if (q->live && q->heap_count > 0 && s->m.pool[q->heap[0]].due < next) {
            next = s->m.pool[q->heap[0]].due;
        }
    }
    return next;
}

/* Room without bound: a dead letter may be larger than all that its queue could take. */
static void make_roomy(sim *s, int number)
{
    m_queue *q = &s->m.queues[number];
    nimbus_queue_options options;
    m_options wanted = q->options;

    if (nimbus_queue_get_options(s->queues[number], &options) == NIMBUS_OK) {
        options.capacity_messages = 0;
        options.capacity_bytes = 0;
        wanted.capacity_messages = 1048576;
        wanted.capacity_bytes = UINT64_MAX / 2;
        options.dead_letter_queue = wanted.dead >= 0 ? s->queues[wanted.dead] : NULL; /* its name may have been created anew */
        if (options.dead_letter_queue == NULL) { /* or the budget was too small to create it */
            options.max_receive_count = 0;
            options.eager_dead_letter = false;
            wanted.dead = -1;
            wanted.eager = false;
        }
        calling(s);
        HOLDS(I12, nimbus_queue_set_options(s->queues[number], &options, NULL) == NIMBUS_OK, "q%d: its options cannot be set", number);
        mq_set_options(&s->m, q, &wanted);
        check_settled(s, q);
    }
}

/* The faults are over: everything that is held must be had, in time, and nothing may stay behind. */
void world_drain(sim *s)
{
    uint64_t held = 1;

    for (uint32_t i = 0; i < SIM_HELD; i++) {
        let_go_held(s, &s->held[i]);
    }
    for (uint32_t round = 0; held > 0; round++) {
        int64_t next;

        HOLDS(I12, round < 1000, "%llu messages do not come out", (unsigned long long)held);
        held = 0;
        for (int i = 0; i < s->queue_count; i++) {
            if (s->queues[i] == NULL) {
                world_create(s, i); /* what is stuck has a dead letter to go to again */
            }
        }
        for (int i = 0; round == 0 && i < s->queue_count; i++) {
            make_roomy(s, i);
        }
        for (int i = 0; i < s->queue_count; i++) {
            if (s->queues[i] != NULL) {
                take_all(s, i);
                held += mq_held(&s->m.queues[i]);
            }
        }
        world_run(s);
        next = next_deadline(s);
        world_advance(s, held == 0 ? 0 : next != M_FOREVER ? next - s->m.now : NIMBUS_MINUTES(10));
    }
    for (int i = 0; i < s->queue_count; i++) {
        if (s->queues[i] != NULL) {
            check_metrics(s, i);
        }
    }
}

void world_close(sim *s)
{
    nimbus_leftovers left;
    nimbus_status status = nimbus_close(s->nb, 0, &left);

    HOLDS(I13, status == NIMBUS_OK, "nimbus_close: %s", nimbus_status_name(status));
    for (uint32_t i = 0; i < SIM_WAITERS; i++) {
        if (s->async[i].task != NULL) {
            nimbus_receive_task_release(s->async[i].task);
        }
    }
    for (uint32_t i = 0; i < SIM_HELD; i++) {
        nimbus_delivery_release(&s->held[i].slot);
    }
    HOLDS(I13, s->heap.blocks == 0 && s->heap.bytes == 0, "%llu blocks of %llu bytes are left after the close",
          (unsigned long long)s->heap.blocks, (unsigned long long)s->heap.bytes);
    model_fini(&s->m);
}
