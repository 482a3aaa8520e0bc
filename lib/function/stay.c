#include "function/stay.h"

#include "function/function.h"

#define MEASURED_EVERY 8u

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
    stay->coarse = nb_clock_coarse(stay->clock, NULL);
    stay->ends = stay->clock->manual ? INT64_MAX : nb_turn_end(turn);
    stay->until = 0;
    stay->samples = 0;
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

void nb_stay_end(nb_stay *stay)
{
    nimbus_function *function = stay->function;

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
    nb_lock_release(&function->lock);
}

void nb_stay_call_begins(nb_stay *stay)
{
    stay->start = stay->until == 0 ? nb_clock_elapsed(stay->clock) : -1;
}

static void add_sample(nb_stay *stay, int64_t duration)
{
    if (stay->samples == NB_STAY_SAMPLES) {
        nb_lock_acquire(&stay->function->lock);
        add_samples_locked(stay);
        nb_lock_release(&stay->function->lock);
    }
    stay->sample[stay->samples].duration = duration;
    stay->sample[stay->samples].times = 1;
    stay->samples++;
}

void nb_stay_call_ended(nb_stay *stay, uint32_t messages)
{
    int64_t before = stay->coarse, tick = nb_clock_tick(stay->clock);

    stay->coarse = nb_clock_coarse(stay->clock, NULL);
    nb_stay_count(&stay->invocations, 1);
    nb_stay_count(&stay->messages, messages);
    if (stay->start >= 0) {
        add_sample(stay, nb_clock_elapsed(stay->clock) - stay->start);
        stay->until = tick == 0 ? 0 : MEASURED_EVERY - 1;
    } else if (stay->coarse - before >= 2 * tick) {
        add_sample(stay, stay->coarse - before);
        stay->until = 0; /* it is no measure for the next ones */
    } else {
        stay->sample[stay->samples - 1].times++; /* one was measured before: until was 0 at first, and is after a long one */
        stay->until--;
    }
}
