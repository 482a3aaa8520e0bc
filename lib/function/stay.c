#include "function/stay.h"

#include "function/function.h"

#define RUN 15u    /* calls that are not measured in a row; together below NB_STAY_SURPLUS */
#define SHORT 2000 /* ns */
#define NOT_READ INT64_MIN

void nb_stay_begin_locked(nb_stay *stay, nimbus_function *function, nb_turn *turn)
{
    function->running++;
    stay->function = function;
    stay->handler = nb_handler_retain(function->handler);
    stay->subscription = function->subscription != NULL ? function->subscription_object : NULL;
    if (stay->subscription != NULL) { /* the function has not ended: so it is there, and stays */
        nb_object_pin(stay->subscription);
    }
    nb_atomic_init(&stay->invocations, 0);
    nb_atomic_init(&stay->messages, 0);
    nb_atomic_init(&stay->succeeded, 0);
    nb_atomic_init(&stay->errors, 0);
    nb_atomic_init(&stay->filtered, 0);
    stay->clock = &function->object.runtime->clock;
    stay->ends = stay->clock->manual ? INT64_MAX : nb_turn_end(turn);
    stay->now = NOT_READ;
    stay->until = stay->run = stay->samples = 0;
    nb_link_init(&stay->link);
    nb_list_push(&function->stays, &stay->link);
    nb_function_note_locked(function);
}

static void add_samples_locked(nb_stay *stay)
{
    for (uint32_t i = 0; i < stay->samples; i++) {
        nb_histogram_add_many(&stay->function->times, stay->sample[i].duration, stay->sample[i].times);
    }
    if (stay->samples > 0) {
        stay->function->typical = stay->sample[stay->samples - 1].duration;
    }
    stay->samples = 0;
}

static void add_sample(nb_stay *stay, int64_t duration, uint32_t times)
{
    if (stay->samples == NB_STAY_SAMPLES) {
        nb_lock_acquire(&stay->function->lock);
        add_samples_locked(stay);
        nb_lock_release(&stay->function->lock);
    }
    stay->sample[stay->samples].duration = duration;
    stay->sample[stay->samples].times = times;
    stay->samples++;
}

/* The calls since the last measured one are over at `now`: they count as that one did, but for what they took more. */
static void end_run(nb_stay *stay, int64_t now)
{
    int64_t typical = stay->sample[stay->samples - 1].duration; /* a run begins behind a measured call */
    int64_t surplus = now - stay->now - stay->run * typical;

    if (surplus >= NB_STAY_SURPLUS) {
        stay->run--;
        stay->sample[stay->samples - 1].times += stay->run;
        add_sample(stay, typical + surplus, 1);
    } else {
        stay->sample[stay->samples - 1].times += stay->run;
    }
    stay->run = 0;
}

void nb_stay_end(nb_stay *stay)
{
    nimbus_function *function = stay->function;

    if (stay->run > 0) {
        end_run(stay, nb_clock_elapsed(stay->clock));
    }
    nb_handler_release(stay->handler);
    if (stay->subscription != NULL) {
        nb_object_unpin(stay->subscription);
    }
    nb_lock_acquire(&function->lock);
    nb_link_remove(&stay->link);
    nb_function_add_counts_locked(&function->counts, stay);
    add_samples_locked(stay);
    nb_function_leave_locked(function);
    nb_function_wake_locked(function); /* a place is free */
    nb_function_unlock(function);
}

void nb_stay_measure_begins(nb_stay *stay)
{
    stay->start = nb_clock_elapsed(stay->clock);
    if (stay->run > 0) {
        end_run(stay, stay->start);
    }
}

void nb_stay_measure_ended(nb_stay *stay)
{
    stay->now = nb_clock_elapsed(stay->clock);
    add_sample(stay, stay->now - stay->start, 1);
    stay->until = stay->clock->manual || stay->now - stay->start >= SHORT ? 0 : RUN;
}
