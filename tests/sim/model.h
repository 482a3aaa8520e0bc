/**
 * model.h - what a queue has to do, written from the statements SQS-* and from the comments of the public headers, not from the library.
 *
 * The model is told each call and answers what must come of it: a status, the messages in their order, every count. It knows no threads,
 * no memory that fails and no slots: a message is a record in a pool, in one queue, in one state. Time is nanoseconds of the wall clock of
 * the instance, which a simulation moves by hand; before each call the model's queue catches up with it.
 *
 * Dead letters are the one thing that it is told and does not foretell, because it cannot know whether memory was there: the trace says
 * "moved" or "could not move", and the model judges whether that may be.
 */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nimbus/queue.h>

#include "cover.h"

#define M_NONE UINT32_MAX
#define M_BATCH 10u
#define M_FOREVER INT64_MAX

static inline int64_t m_add(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

typedef enum m_state { M_FREE, M_READY, M_DELAYED, M_FLIGHT, M_STUCK, M_MOVING } m_state;

/** A message in a queue. */
typedef struct m_message {
    uint64_t arrival; /**< names this stay in this queue; 0: the record is free */
    uint64_t serial;  /**< grows with the sends; kept by a dead letter */
    uint64_t id;      /**< as the library said; 0: not told yet */
    uint64_t tag;     /**< what the body says */
    int64_t sent, enqueued, arrived, first_received, taken, due;
    int64_t ready_at; /**< when it last became ready */
    uint64_t ready_order;
    uint32_t size, total, own; /**< bytes; receives over all queues and in this one */
    uint32_t group;            /**< FIFO: its number */
    uint64_t sequence;         /**< FIFO */
    uint32_t before, behind;   /**< in its group */
    m_state state;
    bool redriven;
    uint32_t next, prev;   /**< in the list of its state */
    uint32_t newer, older; /**< by the time of the enqueue */
    uint32_t heap;         /**< place among the deadlines */
} m_message;

typedef struct m_list {
    uint32_t first, last;
    uint64_t count;
} m_list;

typedef struct m_options {
    int64_t visibility, delay, retention, wait;
    uint64_t max_size, capacity_messages, capacity_bytes;
    bool drop_oldest, eager; /**< eager: dead letters go when their last visibility ends */
    int dead; /**< number of a name; -1: none */
    uint32_t max_receives;
    bool fifo, fair, by_content, group_scope;
} m_options;

/** One message as a receive must show it. */
typedef struct m_given {
    uint64_t arrival, tag, id;
    uint32_t index, own, total, size;
    int64_t sent, first_received, visible_at;
    bool redriven;
    uint64_t sequence;
    uint32_t group;
} m_given;

/** Who waits for messages. */
typedef struct m_waiter m_waiter;
struct m_waiter {
    m_waiter *next;
    uint32_t max, count, group; /**< group M_NONE: any */
    int64_t visibility, until;  /**< visibility -1: the queue's */
    bool over;
    nimbus_status status; /**< when it is over */
    m_given given[M_BATCH];
};

typedef struct m_counts {
    uint64_t delayed, in_flight, bytes, accepted, redriven_in, received, empty_receives, deleted, moved, expired, purged, dropped,
        discarded, refused, cancelled, duplicates;
} m_counts;

#define M_GROUPS 8
#define M_DEDUP 24u

/** A deduplication id that is remembered. */
typedef struct m_seen {
    uint64_t id, sequence;
    int64_t at;
} m_seen;

#define M_ATTEMPTS 6u

/** Names a receive: the message's record and stay, and which receive it was. */
typedef struct m_receipt {
    uint64_t incarnation, arrival;
    uint32_t index, own;
} m_receipt;

/** A receive that has a name (F24). */
typedef struct m_attempt {
    uint32_t count; /**< 0: it is not remembered */
    int64_t until;
    m_receipt receipts[M_BATCH];
    int64_t due[M_BATCH]; /**< as it hid them */
} m_attempt;

typedef struct m_queue {
    int number; /**< of its name */
    bool live;
    uint64_t incarnation;
    m_options options;
    m_counts counts;
    m_list ready, stuck, moving;
    uint32_t oldest, newest;
    uint32_t *heap, heap_count, heap_room; /**< those with a deadline, the next one first */
    int64_t last;                          /**< time of the last operation */
    m_waiter *waiters, **waiters_end;
    uint32_t waiter_count;
    m_list groups[M_GROUPS];
    uint64_t sequence;
    m_seen seen[M_GROUPS][M_DEDUP];
    m_attempt attempts[M_ATTEMPTS];
    int64_t sent_at[M_GROUPS], landed_at[M_GROUPS]; /**< fair: the last send to that tenant, and the last end of a flight */
    bool refused_unsure; /**< a dead letter was refused for want of memory or of room */
    uint64_t traced_expired, traced_dropped, traced_discarded;
} m_queue;

#define M_QUEUES 8

typedef struct model {
    m_message *pool;
    uint32_t pool_count, pool_room, pool_free;
    int64_t now;
    uint64_t arrivals, serials, orders, incarnations;
    uint32_t max_in_flight;
    int64_t max_visibility;
    m_queue queues[M_QUEUES];
} model;

/** What comes into a queue. */
typedef struct m_parcel {
    uint64_t tag, id, serial;
    int64_t sent, enqueued, first_received;
    uint32_t size, total, group;
    bool redriven;
} m_parcel;

/* ---------------------------------------------------------------------------------------- model.c: the pool */

void model_init(model *m, int64_t now, uint32_t max_in_flight, int64_t max_visibility);
void model_fini(model *m);

/** Makes an empty queue of that name. */
void mq_create(model *m, int number, const m_options *options);

/** Ends it: all its messages are discarded. */
void mq_delete(model *m, m_queue *q);

/** All that is stored goes. Returns how many that were. */
uint64_t mq_purge(model *m, m_queue *q);

/** Takes a message out of the queue; one of the counters of m_counts rises. */
void mq_remove(model *m, m_queue *q, uint32_t index, uint64_t *counter);

/** Puts one in; delay 0: it is ready. */
uint32_t mq_arrive(model *m, m_queue *q, const m_parcel *parcel, int64_t delay);

/** Whether a message of that size would find room now, perhaps by dropping others. *ret_bytes: it was the bytes that were missing. */
bool mq_has_room(const model *m, const m_queue *q, uint64_t size, bool *ret_bytes);

/** Drops the oldest ready ones until there is room. */
void mq_make_room(model *m, m_queue *q, uint64_t size);

uint64_t mq_held(const m_queue *q);

void m_list_add(model *m, m_list *list, uint32_t index);
void m_list_take(model *m, m_list *list, uint32_t index);

/* ------------------------------------------------------------------------------------- model_time.c: time */

void mq_heap_add(model *m, m_queue *q, uint32_t index);
void mq_heap_take(model *m, m_queue *q, uint32_t index);

/** Everything that has come due up to now happens. */
void mq_catch_up(model *m, m_queue *q);

/** Serves those who wait, with what is ready. */
void mq_serve(model *m, m_queue *q, int64_t at);

void mq_wait(model *m, m_queue *q, m_waiter *waiter);
void mq_dismiss(m_queue *q, m_waiter *waiter, nimbus_status status);
void mq_dismiss_all(m_queue *q, nimbus_status status);

/* ------------------------------------------------------------------------------- model_standard.c: receiving */

/** A message becomes ready: behind all that are (R12). */
void mq_make_ready(model *m, m_queue *q, uint32_t index, int64_t at);

/** One that was hidden is ready again; or, if the queue is eager and it was received often enough, on its way to the dead letter. */
void mq_come_back(model *m, m_queue *q, uint32_t index, int64_t at);

/** Receives up to max, of that group only unless it is M_NONE; visibility -1: the queue's. Returns how many. */
uint32_t mq_take(model *m, m_queue *q, uint32_t group, uint32_t max, int64_t visibility, int64_t at, m_given *ret);

/** What nimbus_queue_receive answers when it got nothing. */
nimbus_status mq_nothing(const model *m, const m_queue *q, uint32_t group, bool waits);

/** A dead letter that was traced. */
typedef struct m_move {
    m_queue *queue; /**< it leaves */
    uint64_t id;
    bool moved;  /**< false: it was tried in vain */
    bool excuse; /**< memory was short */
    uint64_t dropped; /**< how many drops of the dead-letter queue had been traced by then */
    uint64_t leaving, leaving_bytes; /**< messages that were on their way out of the dead-letter queue and still had their places there */
} m_move;

/** It must have been due. */
void mq_trace_move(model *m, const m_move *move);

/** A move task puts a message that is ready into another queue. NIMBUS_E_FULL, NIMBUS_E_TOO_LARGE: it stays. */
nimbus_status mq_carry(model *m, m_queue *from, m_queue *to, uint32_t index, bool keep_id);

/** Whether that message is there and not hidden. */
bool mq_may_move(model *m, m_queue *q, uint64_t id);

/** The size of a message that could move; 0: it is not there. */
uint32_t mq_size_of(const model *m, const m_queue *q, uint64_t id);

/** Whether it was set aside, or is stuck. */
bool mq_is_set_aside(const model *m, const m_queue *q, uint64_t id);

/** After a call nothing may be on its way any more. */
void mq_settled(model *m, m_queue *q);

void mq_set_options(model *m, m_queue *q, const m_options *options);

bool mq_doomed(const m_queue *q, const m_message *message);
void mq_set_aside(model *m, m_queue *q, uint32_t index);
void mq_give(model *m, m_queue *q, uint32_t index, int64_t visibility, int64_t at, m_given *ret);

/** Whether something can be received, the limit in flight aside. */
bool mq_receivable(const model *m, const m_queue *q, uint32_t group);

/** Brings back those that were given for no time: behind what was ready; never twice in one response (R10, R11). */
void mq_bring_back(model *m, m_queue *q, const m_given *given, uint32_t count, int64_t at);

/* ---------------------------------------------------------------------------------------- model_fair.c: fair */

/** One is not in flight any more. */
void mq_land(const model *m, m_queue *q, const m_message *message);

/** How many a receive gives; group M_NONE: of any. */
uint32_t mq_fair_count(const model *m, const m_queue *q, uint32_t group, uint32_t max);

/** What was given, one after the other: it must be that one's turn. */
void mq_fair_give(model *m, m_queue *q, uint32_t only, uint64_t id, uint64_t tag, int64_t visibility, m_given *ret);

/* ------------------------------------------------------------------------------------- model_fifo.c: FIFO */

void mf_add(model *m, m_queue *q, uint32_t index);
void mf_take(model *m, m_queue *q, uint32_t index);
uint32_t mf_first(const model *m, const m_queue *q, uint32_t only);
uint32_t mf_head(const model *m, const m_list *group);
void mf_count_groups(const model *m, const m_queue *q, uint64_t *ret_groups, uint64_t *ret_locked);
bool mf_is_locked(const model *m, uint32_t index);
uint32_t mf_receive(model *m, m_queue *q, uint32_t only, uint32_t max, int64_t visibility, int64_t at, m_given *ret);

/** Whether that id was accepted less than 5 minutes ago; dedup M_DEDUP: one that is used once. */
bool mf_duplicate(const model *m, m_queue *q, uint32_t group, uint32_t dedup, m_seen *ret);
void mf_remember(const model *m, m_queue *q, uint32_t group, uint32_t dedup, uint64_t id, uint64_t sequence);
void mf_forget(m_queue *q);

/* --------------------------------------------------------------------------------- model_receipt.c: receipts */

nimbus_status mq_delete_message(model *m, m_queue *q, const m_receipt *receipt);
/** Takes back what nobody has received (W14). */
nimbus_status mq_cancel(model *m, m_queue *q, const m_receipt *place);

/** early: a timeout that is out of range in any case is noticed first, whatever became of the message. */
nimbus_status mq_change(model *m, m_queue *q, const m_receipt *receipt, int64_t timeout, bool early);

/** Hidden for as long as it is held. */
static inline int64_t m_lease(const model *m)
{
    return m->max_visibility + 1;
}

/** Who holds a lease lets go: the message comes back otherwise after its receive, at the earliest now; unless its end was changed. */
void mq_end_lease(model *m, m_queue *q, const m_receipt *receipt, int64_t otherwise);

/** A receive with a name once more: NIMBUS_OK: the same in ret; NIMBUS_E_ATTEMPT; NIMBUS_EMPTY: no receive of the name is remembered. */
nimbus_status mq_repeat(model *m, m_queue *q, uint32_t name, uint32_t max, int64_t visibility, m_given *ret, uint32_t *ret_count);
void mq_name_receive(const model *m, m_queue *q, uint32_t name, const m_given *given, uint32_t count);
void mq_show(const m_message *message, uint32_t index, int64_t visible_at, m_given *ret);

/* --------------------------------------------------------------------------------- model_explain.c: the reason */

/** Why nothing is received. */
typedef struct m_reason {
    nimbus_why why, or_why; /**< either is right */
    uint64_t ready, delayed, in_flight, locked;
    int64_t until; /**< M_FOREVER: not by itself; -1: the model does not know */
} m_reason;

void mq_explain(model *m, m_queue *q, uint32_t group, m_reason *ret);


#endif
