/**
 * cover.h - what a simulation has exercised: each transition of the model and each invariant has a count. One that stays at zero over a
 * whole run fails the run, for a check that never ran has shown nothing.
 */
#ifndef SIM_COVER_H
#define SIM_COVER_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_EVENTS(X)                                                                                                                      \
    X(I1, "ledger balances: nothing is lost")                                                                                              \
    X(I2, "nothing is delivered that was not accepted")                                                                                    \
    X(I3, "a refused send leaves no trace")                                                                                                \
    X(I4, "delivered again only after lapse or return")                                                                                    \
    X(I5, "a stale receipt is never honoured")                                                                                             \
    X(I6, "order in a group, and the receive rule")                                                                                        \
    X(I7, "the window of deduplication")                                                                                                   \
    X(I8, "receive counts and the moment of the dead letter")                                                                              \
    X(I9, "what is timed is never early, never late")                                                                                      \
    X(I11, "counters equal history")                                                                                                       \
    X(I12, "progress after the faults")                                                                                                    \
    X(I13, "memory and descriptors back after the close")                                                                                  \
    X(SENT_READY, "send -> ready")                                                                                                         \
    X(SENT_DELAYED, "send -> delayed")                                                                                                     \
    X(UNDELAYED, "delayed -> ready")                                                                                                       \
    X(TAKEN, "ready -> in flight")                                                                                                         \
    X(TAKEN_AGAIN, "ready -> in flight, not for the first time")                                                                           \
    X(TAKEN_FOR_NOTHING, "ready -> ready, received with visibility 0")                                                                     \
    X(LAPSED, "in flight -> ready, the visibility is over")                                                                                \
    X(RETURNED, "in flight -> ready, visibility changed to 0")                                                                             \
    X(EXTENDED, "in flight, another end")                                                                                                  \
    X(DELETED, "in flight -> deleted")                                                                                                     \
    X(DELETED_LATE, "ready -> deleted by a lapsed receipt")                                                                                \
    X(MOVED, "ready -> dead letter")                                                                                                       \
    X(WENT_ON, "receive of a FIFO queue that goes on behind a dead letter")                                                                \
    X(EAGER, "in flight -> dead letter, at the end of the last visibility")                                                                \
    X(STUCK, "ready -> stuck, the dead letter did not take it")                                                                            \
    X(UNSTUCK, "stuck -> dead letter")                                                                                                     \
    X(FREED, "stuck -> ready, its queue has no such dead letter any more")                                                                 \
    X(EXPIRED_READY, "ready -> expired")                                                                                                   \
    X(EXPIRED_DELAYED, "delayed -> expired")                                                                                               \
    X(EXPIRED_FLIGHT, "in flight -> expired")                                                                                              \
    X(PURGED, "any -> purged")                                                                                                             \
    X(TAKEN_BACK, "ready or delayed -> cancelled")                                                                                         \
    X(TAKEN_BACK_LATE, "cancel of what was received or is gone")                                                                           \
    X(DROPPED, "ready -> dropped")                                                                                                         \
    X(DISCARDED, "any -> discarded with its queue")                                                                                        \
    X(FULL_MESSAGES, "refused: capacity in messages")                                                                                      \
    X(FULL_BYTES, "refused: capacity in bytes")                                                                                            \
    X(FULL_MEMORY, "refused: budget of the instance")                                                                                      \
    X(NO_MEMORY, "refused: the allocator failed")                                                                                          \
    X(TOO_LARGE, "refused: too large")                                                                                                     \
    X(NO_BODY, "refused: empty")                                                                                                           \
    X(PARTLY, "batch of which some failed")                                                                                                \
    X(NOTHING, "receive of nothing")                                                                                                       \
    X(OVER_LIMIT, "receive above the limit in flight")                                                                                     \
    X(WOULD_BLOCK, "receive that would wait")                                                                                              \
    X(SERVED, "waiter served")                                                                                                             \
    X(WAITED_OUT, "waiter timed out")                                                                                                      \
    X(CANCELLED, "waiter cancelled")                                                                                                       \
    X(DISMISSED, "waiter dismissed with its queue")                                                                                        \
    X(STALE_DELETE, "delete by a superseded receipt")                                                                                      \
    X(STALE_CHANGE, "change by a superseded receipt")                                                                                      \
    X(GONE_DELETE, "delete of what is gone")                                                                                               \
    X(GONE_CHANGE, "change of what is gone")                                                                                               \
    X(LAPSED_CHANGE, "change of what has lapsed")                                                                                          \
    X(LONG_CHANGE, "change beyond the limit")                                                                                              \
    X(FOREIGN, "receipt of another queue")                                                                                                 \
    X(ENDED, "call through a handle of a deleted queue")                                                                                   \
    X(IN_ORDER, "ready -> in flight, in the order of its group")                                                                           \
    X(DUPLICATE, "accepted and not stored: a duplicate")                                                                                   \
    X(NO_GROUP, "refused: no group id")                                                                                                    \
    X(NO_DEDUP, "refused: no deduplication id")                                                                                            \
    X(OWN_DELAY, "refused: a delay of its own in a FIFO queue")                                                                            \
    X(LATE_DELETE, "delete by a lapsed receipt of a FIFO queue")                                                                           \
    X(LEASED, "ready -> in flight, for as long as it is held")                                                                             \
    X(LEASE_ENDED, "lease -> ready, let go of late")                                                                                       \
    X(LEASE_SHORTENED, "lease -> in flight, let go of early")                                                                              \
    X(LEASE_CHANGED, "lease let go of whose end was changed")                                                                              \
    X(ATTEMPT, "receive with a name")                                                                                                      \
    X(ATTEMPT_REPEATED, "the same messages under the same receipts")                                                                       \
    X(ATTEMPT_SPOILT, "refused: a receive that cannot be repeated")                                                                        \
    X(OF_GROUP, "receive of one group")                                                                                                    \
    X(SERVED_GROUP, "waiter for one group served")                                                                                         \
    X(NOT_FIFO, "refused: group or name of a receive in a queue without groups")                                                           \
    X(WHY_RECEIVABLE, "explained: receivable")                                                                                             \
    X(WHY_EMPTY, "explained: empty")                                                                                                       \
    X(WHY_DELAYED, "explained: delayed")                                                                                                   \
    X(WHY_IN_FLIGHT, "explained: in flight")                                                                                               \
    X(WHY_GROUP_LOCKED, "explained: groups are locked")                                                                                    \
    X(WHY_OVER_LIMIT, "explained: over the limit")                                                                                         \
    X(WHY_EXHAUSTED, "explained: received too often")                                                                                      \
    X(WHY_MOVING, "explained: on its way to the dead letter")                                                                              \
    X(CARRIED, "ready -> another queue, by a move task")                                                                                   \
    X(MOVE_LEFT, "left where it is by the filter of a move task")                                                                          \
    X(MOVE_SPACED, "move task that waits for its rate")                                                                                    \
    X(MOVE_FULL, "move task whose destination is full")                                                                                    \
    X(MOVE_COMPLETED, "move task completed")                                                                                               \
    X(MOVE_CANCELLED, "move task cancelled")                                                                                               \
    X(MOVE_FAILED, "move task failed")                                                                                                     \
    X(MOVE_REFUSED, "refused: a move task of what is no dead-letter queue")                                                                \
    X(FAIR, "fair queues: quiet tenants do not wait for noisy ones")                                                                       \
    X(QUIET_FIRST, "message of a quiet tenant before one that was ready earlier")                                                          \
    X(FEWEST_FIRST, "message of the noisy tenant with the fewest in flight")                                                               \
    X(PEEKED, "message peeked")

typedef enum sim_event {
#define SIM_NAME(name, text) EV_##name,
    SIM_EVENTS(SIM_NAME)
#undef SIM_NAME
        EV_COUNT
} sim_event;

extern uint64_t sim_covered[EV_COUNT];

static inline void cover(sim_event event)
{
    sim_covered[event]++;
}

/** Prints the table. Returns whether no count is zero. */
bool cover_print(bool all);

/** Something is not as the model says: ends the run of this seed and does not return. event: the invariant. */
__attribute__((noreturn, format(printf, 2, 3))) void sim_broken(sim_event event, const char *format, ...);

/** An invariant, looked at. */
#define HOLDS(event, condition, ...)                                                                                                       \
    do {                                                                                                                                   \
        cover(EV_##event);                                                                                                                 \
        if (__builtin_expect(!(condition), 0)) {                                                                                           \
            sim_broken(EV_##event, __VA_ARGS__);                                                                                           \
        }                                                                                                                                  \
    } while (0)

#endif
