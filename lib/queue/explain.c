/* explain.c - what the store says of itself, in words. */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "queue/manage.h"

/* "1.5 s": whole milliseconds, rounded up. */
static const char *write_span(char ret[32], int64_t span)
{
    uint64_t ms = span > 0 ? ((uint64_t)span + 999999) / 1000000 : 0;

    snprintf(ret, 32, "%llu.%03u s", (unsigned long long)(ms / 1000), (unsigned)(ms % 1000));
    return ret;
}

static void describe(nimbus_queue_explanation *e, int64_t left)
{
    unsigned long long ready = e->ready, delayed = e->delayed, in_flight = e->in_flight, locked = e->locked;
    char buffer[32];
    const char *span = left == INT64_MAX ? "a time that is not known" : write_span(buffer, left);
    char *to = e->text;
    size_t size = sizeof e->text;

    switch (e->why) {
    case NIMBUS_WHY_RECEIVABLE:
        snprintf(to, size, "%llu ready: a receive returns them", ready);
        break;
    case NIMBUS_WHY_EMPTY:
        snprintf(to, size, "it holds nothing");
        break;
    case NIMBUS_WHY_DELAYED:
        snprintf(to, size, "%llu delayed, the first for another %s", delayed, span);
        break;
    case NIMBUS_WHY_OVER_LIMIT:
        snprintf(to, size, "%llu ready, but %llu in flight are the limit: delete some; the first comes back in %s", ready, in_flight, span);
        break;
    case NIMBUS_WHY_EXHAUSTED:
        snprintf(to, size, "%llu ready, all received max_receive_count times: the next receive moves them to the dead-letter queue", ready);
        break;
    case NIMBUS_WHY_MOVING:
        snprintf(to, size, "%llu to be moved to a queue that does not take them now; tried again in %s", ready, span);
        break;
    case NIMBUS_WHY_GROUP_LOCKED:
        snprintf(to, size, "%llu ready behind an earlier message of their group in flight; the first group opens in %s", locked, span);
        break;
    case NIMBUS_WHY_IN_FLIGHT:
    default:
        snprintf(to, size, "%llu in flight and %llu delayed; the first can be received in %s", in_flight, delayed, span);
        break;
    }
}

nimbus_status nb_queue_explain(nimbus_queue *queue, const char *group_id, nimbus_queue_explanation *ret)
{
    nb_clock *clock = &queue->object.runtime->clock;
    nb_reason reason;
    nimbus_status status = nb_store_explain(&queue->store, group_id, &reason);
    int64_t left = INT64_MAX;

    if (status != NIMBUS_OK) {
        return status;
    }
    memset(ret, 0, sizeof *ret);
    ret->why = reason.why;
    ret->ready = reason.counts.ready;
    ret->delayed = reason.counts.delayed;
    ret->in_flight = reason.counts.in_flight;
    ret->holder = reason.holder;
    ret->locked = reason.locked;
    if (reason.until != INT64_MAX) {
        left = reason.until - nb_clock_elapsed(clock);
        ret->until = nb_add_time(nb_clock_wall(clock), left > 0 ? left : 0);
    }
    describe(ret, left);
    return NIMBUS_OK;
}
