#include "time/timers.h"

#include <assert.h>
#include <string.h>

#include "platform/self.h"

#define NB_TIMER_IDLE SIZE_MAX

void nb_timers_init(nb_timers *timers, nb_clock *clock, nb_heap *heap, void (*sooner)(void *), void *user)
{
    memset(timers, 0, sizeof *timers);
    timers->round = INT64_MIN;
    timers->clock = clock;
    timers->heap = heap;
    timers->sooner = sooner;
    timers->user = user;
    nb_link_init(&timers->sleepers);
    nb_lock_init(&timers->lock);
    nb_lock_init(&timers->fire_lock);
}

void nb_timers_fini(nb_timers *timers)
{
    assert(timers->reserved == 0);
    nb_free(timers->heap, timers->array, timers->capacity * sizeof *timers->array);
    nb_lock_fini(&timers->fire_lock);
    nb_lock_fini(&timers->lock);
}

static bool before(const nb_timer *a, const nb_timer *b)
{
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void place(nb_timers *timers, size_t index, nb_timer *timer)
{
    timers->array[index] = timer;
    timer->index = index;
}

/* Moves timer, which belongs near index, to where it keeps the heap in order. */
static void settle(nb_timers *timers, size_t index, nb_timer *timer)
{
    while (index > 0 && before(timer, timers->array[(index - 1) / 2])) {
        place(timers, index, timers->array[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * index + 1;

        if (child + 1 < timers->count && before(timers->array[child + 1], timers->array[child])) {
            child++;
        }
        if (child >= timers->count || !before(timers->array[child], timer)) {
            break;
        }
        place(timers, index, timers->array[child]);
        index = child;
    }
    place(timers, index, timer);
}

static void take_off(nb_timers *timers, nb_timer *timer)
{
    size_t index = timer->index;
    nb_timer *last;

    if (index == NB_TIMER_IDLE) {
        return;
    }
    last = timers->array[--timers->count];
    if (last != timer) {
        settle(timers, index, last);
    }
    timer->index = NB_TIMER_IDLE;
}

bool nb_timer_init(nb_timers *timers, nb_timer *timer, nb_timer_fn *fire)
{
    bool room = true;

    memset(timer, 0, sizeof *timer);
    timer->fire = fire;
    timer->index = NB_TIMER_IDLE;
    nb_lock_acquire(&timers->lock);
    if (timers->reserved == timers->capacity) {
        size_t capacity = timers->capacity == 0 ? 16 : timers->capacity * 2;
        nb_timer **array = nb_alloc_array(timers->heap, capacity, sizeof *array);

        room = array != NULL;
        if (room) {
            if (timers->count > 0) {
                memcpy(array, timers->array, timers->count * sizeof *array);
            }
            nb_free(timers->heap, timers->array, timers->capacity * sizeof *array);
            timers->array = array;
            timers->capacity = capacity;
        }
    }
    timers->reserved += room;
    nb_lock_release(&timers->lock);
    return room;
}

void nb_timer_fini(nb_timers *timers, nb_timer *timer)
{
    nb_timer_stop(timers, timer);
    nb_lock_acquire(&timers->lock);
    timers->reserved--;
    nb_lock_release(&timers->lock);
}

void nb_timer_set(nb_timers *timers, nb_timer *timer, int64_t due)
{
    bool sooner;

    nb_lock_acquire(&timers->lock);
    take_off(timers, timer);
    if (due != INT64_MAX) {
        timer->due = due > timers->round ? due : timers->round;
        timer->order = timers->order++;
        settle(timers, timers->count++, timer);
    }
    sooner = due != INT64_MAX && timers->array[0] == timer;
    nb_lock_release(&timers->lock);
    if (sooner && atomic_load_explicit(&timers->firing_thread, memory_order_relaxed) != nb_self_number()) {
        timers->sooner(timers->user); /* the firing thread itself looks again before it sleeps */
    }
}

void nb_timer_stop(nb_timers *timers, nb_timer *timer)
{
    nb_lock_acquire(&timers->lock);
    take_off(timers, timer);
    nb_lock_release(&timers->lock);
    if (atomic_load_explicit(&timers->firing_thread, memory_order_relaxed) == nb_self_number()) {
        return;
    }
    nb_lock_acquire(&timers->fire_lock); /* whoever fires it holds this */
    nb_lock_acquire(&timers->lock);
    take_off(timers, timer); /* it may have set itself again */
    nb_lock_release(&timers->lock);
    nb_lock_release(&timers->fire_lock);
}

void nb_timers_sleep(nb_timers *timers, nb_sleeper *sleeper, nb_parker *parker, int64_t until)
{
    sleeper->parker = parker;
    sleeper->until = until;
    nb_lock_acquire(&timers->lock);
    nb_list_push(&timers->sleepers, &sleeper->link);
    nb_lock_release(&timers->lock);
    timers->sooner(timers->user);
}

void nb_timers_awake(nb_timers *timers, nb_sleeper *sleeper)
{
    nb_lock_acquire(&timers->lock);
    nb_link_remove(&sleeper->link);
    nb_lock_release(&timers->lock);
}

int64_t nb_timers_next(nb_timers *timers)
{
    int64_t due;

    nb_lock_acquire(&timers->lock);
    due = timers->count > 0 ? timers->array[0]->due : INT64_MAX;
    for (nb_link *at = timers->sleepers.next; at != &timers->sleepers; at = at->next) {
        const nb_sleeper *sleeper = NB_CONTAINER(at, nb_sleeper, link);

        due = sleeper->until < due ? sleeper->until : due;
    }
    nb_lock_release(&timers->lock);
    return due;
}

/* Wakes the sleepers whose time has come. The lock is held while their parkers are touched: see parker.h. */
static bool wake_sleepers(nb_timers *timers, int64_t now)
{
    bool woken = false;
    nb_link *at, *next;

    nb_lock_acquire(&timers->lock);
    for (at = timers->sleepers.next; at != &timers->sleepers; at = next) {
        nb_sleeper *sleeper = NB_CONTAINER(at, nb_sleeper, link);

        next = at->next;
        if (sleeper->until <= now) {
            nb_link_remove(at);
            nb_parker_set(sleeper->parker);
            woken = true;
        }
    }
    nb_lock_release(&timers->lock);
    return woken;
}

/* Takes one due timer off. limit keeps a timer that sets itself to "now" from being fired for ever in one round. */
static nb_timer *pop_due(nb_timers *timers, int64_t now, uint64_t limit)
{
    nb_timer *timer = NULL;

    nb_lock_acquire(&timers->lock);
    if (timers->count > 0 && timers->array[0]->due <= now && timers->array[0]->order < limit) {
        timer = timers->array[0];
        take_off(timers, timer);
    }
    nb_lock_release(&timers->lock);
    return timer;
}

bool nb_timers_fire(nb_timers *timers)
{
    int64_t now = nb_clock_elapsed(timers->clock);
    uint64_t limit;
    nb_timer *timer;
    bool fired = false;

    if (nb_timers_next(timers) > now) {
        return false;
    }
    nb_lock_acquire(&timers->fire_lock);
    atomic_store_explicit(&timers->firing_thread, nb_self_number(), memory_order_relaxed);
    nb_lock_acquire(&timers->lock);
    limit = timers->order;
    timers->round = now;
    nb_lock_release(&timers->lock);
    while ((timer = pop_due(timers, now, limit)) != NULL) {
        timer->fire(timer);
        fired = true;
    }
    fired = wake_sleepers(timers, now) || fired;
    atomic_store_explicit(&timers->firing_thread, 0, memory_order_relaxed);
    nb_lock_release(&timers->fire_lock);
    return fired;
}

void nb_timers_quiesce(nb_timers *timers)
{
    nb_lock_acquire(&timers->fire_lock);
    nb_lock_release(&timers->fire_lock);
}
