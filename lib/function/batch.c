#include "function/batch.h"

#include <string.h>

#include "base/number.h"

nb_gather *nb_gather_take(nb_feed *feed)
{
    nb_gather *gather;
    nb_heap *heap = feed->function->object.heap;
    uint32_t capacity = feed->options.batch;

    nb_lock_acquire(&feed->function->lock);
    gather = feed->gather;
    feed->gather = NULL;
    nb_lock_release(&feed->function->lock);
    if (gather == NULL) {
        gather = nb_alloc(heap, sizeof *gather + capacity * sizeof(nb_delivery));
        if (gather != NULL) {
            gather->count = 0;
            gather->capacity = capacity;
            gather->ends = 0;
        }
    }
    return gather;
}

/* Nothing came, or the feed has ended: the gather is of no use. */
static void drop(nb_feed *feed, nb_gather *gather)
{
    nb_free(feed->function->object.heap, gather, sizeof *gather + gather->capacity * sizeof(nb_delivery));
}

nb_gather *nb_gather_ready(nb_feed *feed, nb_gather *gather)
{
    nimbus_runtime *nb = feed->function->object.runtime;
    int64_t now = nb_clock_elapsed(&nb->clock);
    bool set_timer = false, ready;

    if (gather != NULL && gather->count == 0) {
        drop(feed, gather);
        gather = NULL;
    }
    if (gather != NULL && gather->ends == 0 && feed->has_timer) {
        gather->ends = nb_add_time(now, feed->options.window);
        set_timer = true;
    }
    nb_lock_acquire(&feed->function->lock);
    ready = gather != NULL && (gather->count == gather->capacity || now >= gather->ends || feed->ended || !feed->enabled ||
                               feed->function->limit == 0);
    if (gather != NULL && !ready) {
        feed->gather = gather;
        if (set_timer) {
            nb_timer_set(&nb->timers, &feed->timer, gather->ends); /* under the lock: nb_feed_end() has not begun */
        }
    }
    feed->gathering = false;
    nb_function_wake_locked(feed->function);
    nb_function_unlock(feed->function);
    return ready ? gather : NULL;
}
