/**
 * model.h - what topics, subscriptions, buses and functions have to do, written from the statements SNS-*, EB-* and LA-* and from the
 * comments of the public headers, not from the library.
 *
 * A *path* is a subscription or a target of a rule that is a queue, a function's asynchronous invocations, or the mapping of a queue. What
 * is on its way along a path is an item: it has a time when it is tried next. What a handler answers is decided by (tag, attempt), so the
 * model knows it beforehand.
 */
#ifndef SIM_NOUNS_MODEL_H
#define SIM_NOUNS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nimbus/base.h>

#define N_QUEUES 6 /* 0 to 2 are subscribed; the others are ends */
#define N_MAPPED 2 /* to the last function */
#define N_RECEIVES 3u /* of that one before the dead letter */
#define N_DEAD 3
#define N_FAILED 4
#define N_SUCCEEDED 5
#define N_FUNCTIONS 2 /* that are invoked */
#define N_SUBSCRIPTIONS 6
#define N_RULES 3
#define N_TARGETS 2 /* of a rule */
#define N_PATHS (N_SUBSCRIPTIONS + N_RULES * N_TARGETS)
#define N_MAPPING (N_PATHS + N_FUNCTIONS)
#define N_FILTERS 7
#define N_ROOM 8192

#define NOUN_EVENTS(X)                                                                                                                     \
    X(N1, "each message comes to each place that it belongs to, once, in order")                                                          \
    X(N2, "a filter decides as the plain reading of it")                                                                                   \
    X(N3, "a handler is called for what is due, and in its turn")                                                                          \
    X(N4, "nothing that was due stays behind")                                                                                             \
    X(N5, "counters equal history")                                                                                                        \
    X(N6, "memory back after the close")                                                                                                   \
    X(FILTERED, "publish -> filtered")                                                                                                     \
    X(STORED, "publish -> stored in a queue")                                                                                              \
    X(FULL, "publish -> waits, the queue is full")                                                                                         \
    X(STORED_LATER, "waits -> stored by a retry")                                                                                          \
    X(STILL_FULL, "waits -> waits, full again")                                                                                            \
    X(SUB_DEAD, "retries used up -> dead-letter queue of the subscription")                                                               \
    X(SUB_DISCARDED, "retries used up -> discarded")                                                                                      \
    X(PASSED_ON, "publish -> function")                                                                                                    \
    X(INVOKED, "asynchronous invocation -> waits")                                                                                         \
    X(DONE, "called -> done")                                                                                                              \
    X(DONE_LATER, "called again -> done")                                                                                                  \
    X(RETRIED, "called -> waits for its retry")                                                                                            \
    X(USED_UP, "called -> failed, the retries are used up")                                                                                \
    X(TOO_OLD, "called -> failed, it would be too old")                                                                                    \
    X(REJECTED, "called -> failed, rejected")                                                                                              \
    X(FN_DEAD, "failed -> the payload in the dead-letter queue")                                                                           \
    X(FN_RECORD, "failed -> a record on failure")                                                                                          \
    X(FN_DISCARDED, "failed -> discarded")                                                                                                 \
    X(UNSUBSCRIBED, "a subscription ends")                                                                                                 \
    X(ENDED_PENDING, "what waited for its retry ends with it")                                                                             \
    X(SUBSCRIBED, "a subscription begins")                                                                                                 \
    X(RULED, "put -> a rule that matches")                                                                                                 \
    X(UNRULED, "put -> a rule that does not")                                                                                              \
    X(DISABLED, "put -> a rule that is disabled")                                                                                          \
    X(RULE_BEGINS, "a rule is put, with targets")                                                                                          \
    X(RULE_CHANGES, "a rule is replaced, enabled or disabled")                                                                             \
    X(RULE_ENDS, "a rule is deleted, with its targets")                                                                                    \
    X(TRANSFORMED, "what a target got was made of the event")                                                                              \
    X(MAP_DONE, "mapped -> done")                                                                                                          \
    X(MAP_RETRIED, "mapped -> back at the end of its visibility")                                                                          \
    X(MAP_REJECTED, "mapped -> rejected, to the dead letter at once")                                                                      \
    X(MAP_USED_UP, "mapped -> dead letter, received too often")

typedef enum noun_event {
#define NOUN_NAME(name, text) EV_##name,
    NOUN_EVENTS(NOUN_NAME)
#undef NOUN_NAME
        EV_COUNT
} noun_event;

extern uint64_t noun_covered[EV_COUNT];

static inline void cover(noun_event event)
{
    noun_covered[event]++;
}

__attribute__((noreturn, format(printf, 2, 3))) void noun_broken(noun_event event, const char *format, ...);

#define HOLDS(event, condition, ...)                                                                                                       \
    do {                                                                                                                                   \
        cover(EV_##event);                                                                                                                 \
        if (!(condition)) {                                                                                                                \
            noun_broken(EV_##event, __VA_ARGS__);                                                                                          \
        }                                                                                                                                  \
    } while (0)

/** What is published: kind 0 has no attribute "kind", the others are 'a' + kind - 1. */
typedef struct n_message {
    uint64_t tag;
    uint32_t kind;
    int32_t number;
} n_message;

typedef struct n_retry {
    uint32_t max;
    int64_t min_delay, max_delay, max_age;
} n_retry;

typedef struct n_queue {
    uint64_t tags[N_ROOM];
    uint32_t first, count, capacity; /**< a ring */
} n_queue;

typedef struct n_counts {
    uint64_t filtered, matched, delivered, pending, retries, dead, discarded;
} n_counts;

/** What becomes of an event on its way to a target; in the top byte of a tag. */
typedef enum n_form { N_PLAIN, N_EVENT, N_PATH, N_CONSTANT, N_TEXT, N_JSON, N_FORMS } n_form;

#define N_FORM_SHIFT 56

static inline n_form n_form_of(uint64_t tag)
{
    return (n_form)(tag >> N_FORM_SHIFT);
}

static inline uint64_t n_number_of(uint64_t tag)
{
    return tag & ((UINT64_C(1) << N_FORM_SHIFT) - 1);
}

typedef struct n_sub {
    bool live;
    uint64_t since; /**< the order of subscription: who comes first has the room */
    bool dead_letters;
    int queue, function; /**< -1: the other */
    n_form form;
    uint32_t filter;
    n_retry retry;
    n_counts counts;
} n_sub;

/** Its targets are subs from N_SUBSCRIPTIONS on. */
typedef struct n_rule {
    bool live, disabled;
    uint32_t filter, targets;
    uint64_t since, matched;
} n_rule;

typedef struct n_function {
    n_retry retry;
    bool dead_letters, records; /**< where what failed goes */
    uint64_t calls, succeeded, errors, retries, dead, discarded, waiting;
} n_function;

/** On its way along a path. */
typedef struct n_item {
    uint64_t tag, order;
    int path; /**< a sub, N_PATHS + a function, or N_MAPPING */
    uint32_t attempts;
    int64_t born, due;
} n_item;

typedef struct n_model {
    n_queue queues[N_QUEUES];
    n_sub subs[N_PATHS];
    n_rule rules[N_RULES];
    n_function functions[N_FUNCTIONS + 1]; /**< the last one is mapped */
    int64_t visibility; /**< of the mapped queue */
    n_item items[N_ROOM];
    uint32_t item_count;
    uint64_t orders, seed;
} n_model;

typedef enum n_answer { N_DONE, N_RETRY, N_REJECT } n_answer;

/** What the handler answers to that attempt, from 1. */
n_answer n_answer_of(const n_model *m, int function, uint64_t tag, uint32_t attempt);

/** The policies, and what each says. */
extern const char *const n_filters[N_FILTERS];
bool n_matches(uint32_t filter, const n_message *message);

/** A publish: what it must answer is added to the four counts. */
void n_publish(n_model *m, const n_message *message, int64_t now, uint32_t *matched, uint32_t *delivered, uint32_t *pending);

/** A put. */
typedef struct n_put_counts {
    uint32_t rules, matched, delivered, pending;
} n_put_counts;

extern const char *const n_patterns[N_FILTERS];
void n_put(n_model *m, const n_message *message, int64_t now, n_put_counts *ret);
void n_end_rule(n_model *m, int rule);

void n_invoke(n_model *m, int function, uint64_t tag, int64_t now);

/** A handler is called. Returns what it answers. */
n_answer n_called(n_model *m, int function, uint64_t tag, uint32_t attempt, int64_t now);

/** The retries of subscriptions that are due up to then happen. */
void n_advance(n_model *m, int64_t now);

/** No handler has been left uncalled. */
void n_settled(const n_model *m, int64_t now);

void n_unsubscribe(n_model *m, int sub);

uint64_t n_receive(n_model *m, int queue);

/** When something is tried next; INT64_MAX: nothing waits. */
int64_t n_next(const n_model *m);

#endif
