/*
 * platform_parker.c - lib/platform/parker.h on the explorer.
 *
 * A wait with an end may time out at any moment: then the explorer's clock has reached the end. A wait without one, or with one that is
 * more than an hour away (a retention of days is not what a scenario is about), ends by a set alone; if nobody sets, the schedule fails as
 * a lost wake-up.
 *
 * Setting touches the parker once more after the waiter may have gone on, as the condition variable does when it gives its mutex back:
 * a waiter that lets its parker die must know that the setter is done, unless it is set by nb_parker_set_last().
 */
#include "engine.h"
#include "platform/parker.h"

#define HORIZON INT64_C(3600000000000)

void nb_parker_init(nb_parker *parker)
{
    atomic_init(&parker->word, 0);
}

void nb_parker_fini(nb_parker *parker)
{
    ex_place *place = ex_place_find(&parker->word, sizeof parker->word, EX_ATOMIC);

    ex.current->now.cc[ex.current->index] = ++ex.current->now.hb[ex.current->index];
    ex_place_access(place);
    ex_place_end(place, "parker ended");
}

void nb_parker_reset(nb_parker *parker)
{
    (void)atomic_exchange_explicit(&parker->word, 0, memory_order_acquire);
}

bool nb_parker_is_set(nb_parker *parker)
{
    return atomic_load_explicit(&parker->word, memory_order_acquire) != 0;
}

bool nb_parker_wait(nb_parker *parker, int64_t until)
{
    explore_site *site = EXPLORE_SITE("wait", "parker");

    while (ex_read_newest(site, &parker->word, sizeof parker->word) == 0) {
        if (!ex_wait(&parker->word, until < ex.elapsed + HORIZON)) {
            ex.elapsed = ex.elapsed < until ? until : ex.elapsed;
            if (ex.tracing) {
                ex_trace(site, "times out");
            }
            return atomic_load_explicit(&parker->word, memory_order_acquire) != 0;
        }
    }
    return true;
}

void nb_parker_set_last(nb_parker *parker)
{
    atomic_store_explicit(&parker->word, 1, memory_order_release);
    ex_wake(&parker->word);
}

void nb_parker_set(nb_parker *parker)
{
    explore_site *late = EXPLORE_SITE("set, done with", "parker");

    nb_parker_set_last(parker);
    ex_read_newest(late, &parker->word, sizeof parker->word);
}
