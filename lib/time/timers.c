#include "time/timers.h"

#include <assert.h>
#include <string.h>

#include "platform/self.h"

void nb_timers_init(nb_timers *timers, nb_clock *clock, nb_heap *heap, void (*sooner)(void *), void *user)
{
    memset(timers, 0, sizeof *timers);
    timers->round = INT64_MIN;
    timers->promise = INT64_MAX;
    timers->clock = clock;
    timers->heap = heap;
    timers->sooner = sooner;
    timers->user = user;
    timers->unused = NB_WHEEL_NONE;
    nb_wheel_init(&timers->wheel, heap, nb_clock_elapsed(clock));
    nb_link_init(&timers->sleepers);
    nb_lock_init(&timers->lock);
    nb_lock_init(&timers->fire_lock);
}

void nb_timers_fini(nb_timers *timers)
{
    assert(timers->reserved == 0);
    nb_wheel_fini(&timers->wheel);
    nb_free(timers->heap, timers->owners, timers->capacity * sizeof *timers->owners);
    nb_lock_fini(&timers->fire_lock);
    nb_lock_fini(&timers->lock);
}

/* Unused entries are a chain through owners: the number of the next one stands there instead of a pointer. */
static void put_unused(nb_timers *timers, uint32_t entry)
{
    timers->owners[entry] = (nb_timer *)(uintptr_t)timers->unused;
    timers->unused = entry;
}

/* Twice the room. False: out of memory, and everything is as before. */
static bool grow(nb_timers *timers)
{
    uint32_t capacity = timers->capacity == 0 ? 16 : timers->capacity * 2;
    nb_timer **owners;

    if (capacity < timers->capacity || capacity >= NB_WHEEL_NONE - NB_WHEEL_HEADS || !nb_wheel_grow(&timers->wheel, capacity)) {
        return false;
    }
    owners = nb_alloc_array(timers->heap, capacity, sizeof *owners);
    if (owners == NULL) {
        return false; /* the wheel keeps what it got: the next try needs it */
    }
    if (timers->capacity > 0) {
        memcpy(owners, timers->owners, timers->capacity * sizeof *owners);
    }
    nb_free(timers->heap, timers->owners, timers->capacity * sizeof *owners);
    timers->owners = owners;
    for (uint32_t entry = capacity; entry-- > timers->capacity;) {
        put_unused(timers, entry);
    }
    timers->capacity = capacity;
    return true;
}

bool nb_timer_init(nb_timers *timers, nb_timer *timer, nb_timer_fn *fire)
{
    bool room;

    memset(timer, 0, sizeof *timer);
    timer->fire = fire;
    nb_lock_acquire(&timers->lock);
    room = timers->unused != NB_WHEEL_NONE || grow(timers);
    if (room) {
        timer->entry = timers->unused;
        timers->unused = (uint32_t)(uintptr_t)timers->owners[timer->entry];
        timers->owners[timer->entry] = timer;
        timers->reserved++;
    }
    nb_lock_release(&timers->lock);
    return room;
}

void nb_timer_fini(nb_timers *timers, nb_timer *timer)
{
    nb_timer_stop(timers, timer);
    nb_lock_acquire(&timers->lock);
    put_unused(timers, timer->entry);
    timers->reserved--;
    nb_lock_release(&timers->lock);
}

void nb_timer_set(nb_timers *timers, nb_timer *timer, int64_t due)
{
    bool sooner = false;

    nb_lock_acquire(&timers->lock);
    if (due == INT64_MAX) {
        nb_wheel_clear(&timers->wheel, timer->entry);
    } else {
        due = due > timers->round ? due : timers->round;
        timer->order = timers->order++;
        nb_wheel_set(&timers->wheel, timer->entry, due);
        sooner = due < timers->promise && atomic_load_explicit(&timers->firing_thread, memory_order_relaxed) != nb_self_number();
        timers->promise = sooner ? due : timers->promise; /* the firing thread itself looks again before it sleeps */
    }
    nb_lock_release(&timers->lock);
    if (sooner) {
        timers->sooner(timers->user);
    }
}

static void take_off(nb_timers *timers, nb_timer *timer)
{
    nb_lock_acquire(&timers->lock);
    nb_wheel_clear(&timers->wheel, timer->entry);
    nb_lock_release(&timers->lock);
}

void nb_timer_stop(nb_timers *timers, nb_timer *timer)
{
    take_off(timers, timer);
    if (atomic_load_explicit(&timers->firing_thread, memory_order_relaxed) == nb_self_number()) {
        return;
    }
    nb_lock_acquire(&timers->fire_lock); /* whoever fires it holds this */
    take_off(timers, timer); /* it may have set itself again */
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
    uint32_t first;
    int64_t due;

    nb_lock_acquire(&timers->lock);
    first = nb_wheel_first(&timers->wheel, nb_clock_elapsed(timers->clock));
    due = first != NB_WHEEL_NONE ? nb_wheel_due(&timers->wheel, first) : INT64_MAX;
    for (nb_link *at = timers->sleepers.next; at != &timers->sleepers; at = at->next) {
        const nb_sleeper *sleeper = NB_CONTAINER(at, nb_sleeper, link);

        due = sleeper->until < due ? sleeper->until : due;
    }
    timers->promise = due;
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
    uint32_t entry;

    nb_lock_acquire(&timers->lock);
    entry = nb_wheel_first(&timers->wheel, now);
    if (entry != NB_WHEEL_NONE && nb_wheel_due(&timers->wheel, entry) <= now && timers->owners[entry]->order < limit) {
        timer = timers->owners[entry];
        nb_wheel_clear(&timers->wheel, entry);
    }
    nb_lock_release(&timers->lock);
    return timer;
}

bool nb_timers_fire(nb_timers *timers)
{
    int64_t now = nb_clock_elapsed(timers->clock);
    uint64_t limit;
    nb_timer *timer;
    uint32_t fired = 0;
    bool woken;

    if (nb_timers_next(timers) > now) {
        return false;
    }
    nb_lock_acquire(&timers->fire_lock);
    atomic_store_explicit(&timers->firing_thread, nb_self_number(), memory_order_relaxed);
    nb_lock_acquire(&timers->lock);
    limit = timers->order;
    timers->round = now;
    timers->promise = INT64_MAX;
    nb_lock_release(&timers->lock);
    while (fired < NB_TIMERS_ROUND && (timer = pop_due(timers, now, limit)) != NULL) {
        timer->fire(timer);
        fired++;
    }
    woken = wake_sleepers(timers, now);
    atomic_store_explicit(&timers->firing_thread, 0, memory_order_relaxed);
    nb_lock_release(&timers->fire_lock);
    return woken || fired > 0;
}

void nb_timers_quiesce(nb_timers *timers)
{
    nb_lock_acquire(&timers->fire_lock);
    nb_lock_release(&timers->fire_lock);
}
