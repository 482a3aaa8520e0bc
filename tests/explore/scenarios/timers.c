/*
 * timers.c - lib/time: timers that are set, moved and cancelled while another thread fires.
 *
 * A timer is a member of a block that its owner frees as soon as nb_timer_fini() has returned: a fire that comes later fails.
 */
#include "base/list.h"
#include "explore.h"
#include "platform/memory.h"
#include "time/timers.h"

typedef struct alarm {
    nb_timer timer;
    uint32_t fired; /* plain; the one who fires writes it */
} alarm;

static nb_heap *heap;
static nb_clock clock_of_all;
static nb_timers timers;
static alarm *alarms[2];
static uint32_t fired[2];
static _Atomic uint32_t sooner_calls;
static nb_parker bell;

static void sooner(void *user)
{
    (void)user;
    nb_add_relaxed(&sooner_calls, 1);
    nb_parker_set(&bell);
}

static void ring(nb_timer *timer)
{
    alarm *mine = NB_CONTAINER(timer, alarm, timer);

    nb_plain_write(&mine->fired);
    mine->fired++;
    fired[mine == alarms[1]]++;
}

static void setup(void)
{
    heap = nb_heap_open(NULL, 0);
    nb_clock_init(&clock_of_all, true, 0);
    nb_timers_init(&timers, &clock_of_all, heap, sooner, NULL);
    nb_atomic_init(&sooner_calls, 0);
    nb_parker_init(&bell);
    for (uint32_t i = 0; i < 2; i++) {
        alarms[i] = nb_platform_malloc(sizeof *alarms[i]);
        alarms[i]->fired = fired[i] = 0;
        explore_check(nb_timer_init(&timers, &alarms[i]->timer, ring));
    }
}

static void end(uint32_t i)
{
    alarm *mine = alarms[i];

    nb_timer_fini(&timers, &mine->timer);
    nb_plain_read(&mine->fired);
    explore_check(mine->fired == fired[i]);
    nb_platform_free(mine);
    alarms[i] = NULL;
}

static void finish(void)
{
    for (uint32_t i = 0; i < 2; i++) {
        if (alarms[i] != NULL) {
            end(i);
        }
    }
    explore_note(fired[0] << 8 | fired[1]);
    nb_parker_fini(&bell);
    nb_timers_fini(&timers);
    nb_heap_close(heap);
}

static void setup_set(void)
{
    setup();
    nb_timer_set(&timers, &alarms[0]->timer, 10);
    nb_timer_set(&timers, &alarms[1]->timer, 20);
}

/* Two timers are due; one is cancelled and its memory freed. Wrong: nb_timer_stop() that returns while its timer is being fired. */
static void cancel_fire(uint32_t me)
{
    if (me == 0) {
        nb_clock_set(&clock_of_all, 25);
        nb_timers_fire(&timers);
    } else {
        end(me - 1);
    }
}

static void cancel_finish(void)
{
    explore_check(fired[0] <= 1 && fired[1] <= 1);
    finish();
}

/* Two who fire at once, and one who moves a timer that is due: each deadline is fired once, and the moved one at its new time. */
static void two_fire(uint32_t me)
{
    if (me < 2) {
        nb_clock_set(&clock_of_all, 25);
        nb_timers_fire(&timers);
    } else {
        nb_timer_set(&timers, &alarms[0]->timer, 50);
    }
}

static void two_fire_finish(void)
{
    nb_clock_set(&clock_of_all, 60);
    nb_timers_fire(&timers);
    explore_check(fired[1] == 1 && (fired[0] == 1 || fired[0] == 2));
    finish();
}

/*
 * A clock thread asks when it must look again, and sleeps; another one sets a timer. Wrong: the promise (timers.h): a timer is earlier than
 * what the sleeper was told, and nobody calls it.
 */
static void promise(uint32_t me)
{
    int64_t next;

    if (me == 0) {
        nb_timer_set(&timers, &alarms[0]->timer, 10);
        return;
    }
    for (;;) {
        nb_parker_reset(&bell);
        next = nb_timers_next(&timers);
        if (next <= 10) {
            return;
        }
        nb_parker_wait(&bell, INT64_MAX);
    }
}

/* A parker that is to be set at a time, and a sleeper who leaves earlier. */
static void sleeper(uint32_t me)
{
    nb_sleeper sleeping = { { NULL, NULL }, 0, NULL };
    nb_parker parker;

    if (me == 0) {
        nb_link_init(&sleeping.link);
        nb_parker_init(&parker);
        nb_timers_sleep(&timers, &sleeping, &parker, 15);
        nb_parker_wait(&parker, 1000000);
        nb_timers_awake(&timers, &sleeping);
        nb_parker_fini(&parker);
    } else {
        nb_clock_set(&clock_of_all, 25);
        nb_timers_fire(&timers);
    }
}

static const explore_scenario scenarios[] = {
    { .name = "timers_cancel_fire", .threads = 3, .setup = setup_set, .thread = cancel_fire, .finish = cancel_finish },
    { .name = "timers_two_fire", .threads = 3, .setup = setup_set, .thread = two_fire, .finish = two_fire_finish },
    { .name = "timers_promise", .threads = 2, .setup = setup, .thread = promise, .finish = finish },
    { .name = "timers_sleeper", .threads = 2, .setup = setup, .thread = sleeper, .finish = finish },
};

static const char *const covers[] = { "lib/time/timers.c", NULL };
static const explore_subject subject = { "timers", covers, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
