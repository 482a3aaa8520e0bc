#include "pattern/grace.h"

#include "platform/self.h"

void nb_grace_open(nb_grace *grace, nb_heap *heap, void *owner)
{
    for (unsigned i = 0; i < NB_GRACE_STRIPES; i++) {
        nb_atomic_init(&grace->stripes[i].readers[0], 0);
        nb_atomic_init(&grace->stripes[i].readers[1], 0);
    }
    nb_atomic_init(&grace->phase, 0);
    nb_atomic_init(&grace->busy, false);
    nb_atomic_init(&grace->again, false);
    nb_atomic_init(&grace->fresh, NULL);
    nb_atomic_init(&grace->pending, 0);
    grace->waiting = NULL;
    grace->heap = heap;
    grace->owner = owner;
}

/* Whether the counter of a parity is zero in all stripes. Acquire: pairs with the release of those who left. */
static bool is_empty(nb_grace *grace, uint32_t parity)
{
    for (unsigned i = 0; i < NB_GRACE_STRIPES; i++) {
        if (nb_load_acquire(&grace->stripes[i].readers[parity]) != 0) {
            return false;
        }
    }
    return true;
}

/* What was retired since the last look joins what waits. Acquire: pairs with the release of the push. */
static void take_fresh(nb_grace *grace)
{
    nb_retired *fresh = nb_exchange_acquire(&grace->fresh, NULL);
    uint32_t phase = nb_load_relaxed(&grace->phase);

    while (fresh != NULL) {
        nb_retired *next = fresh->next;

        fresh->phase = phase; /* not the one that it saw which retired it: that may have been an old one */
        fresh->next = grace->waiting;
        grace->waiting = fresh;
        fresh = next;
    }
}

/* Ends as many phases as can be ended, and unlinks what is two phases old. Busy. */
static nb_retired *take_due(nb_grace *grace)
{
    nb_retired **link = &grace->waiting;
    nb_retired *due = NULL;
    uint32_t phase = nb_load_relaxed(&grace->phase);

    nb_fence_seq_cst(); /* between what was taken out of sight and the look at the counters */
    for (int i = 0; i < 2 && is_empty(grace, (phase + 1) & 1); i++) {
        phase++;
        nb_store_relaxed(&grace->phase, phase); /* a reader that sees an old one holds up a later phase instead */
        nb_fence_seq_cst();
    }
    nb_plain_write(&grace->waiting);
    while (*link != NULL) {
        nb_retired *retired = *link;

        if ((int32_t)(phase - retired->phase) >= 2) {
            *link = retired->next;
            retired->next = due;
            due = retired;
        } else {
            link = &retired->next;
        }
    }
    return due;
}

static void end_all(nb_grace *grace, nb_retired *due)
{
    while (due != NULL) {
        nb_retired *next = due->next;

        due->end(due, grace->heap, grace->owner);
        due = next;
    }
}

/*
 * Gives back what nobody can see any more. If somebody else is at it, `again` makes that one look once more: it fences between letting go
 * of `busy` and reading `again`, this one between setting `again` and asking for `busy`, so one of the two sees the other.
 */
void nb_grace_collect(nb_grace *grace)
{
    nb_retired *due;
    uint32_t count;

    nb_store_relaxed(&grace->again, true);
    nb_fence_seq_cst();
    while (nb_load_relaxed(&grace->again) && !nb_exchange_acquire(&grace->busy, true)) {
        nb_store_relaxed(&grace->again, false);
        count = 0;
        take_fresh(grace);
        due = take_due(grace);
        for (nb_retired *at = due; at != NULL; at = at->next) {
            count++;
        }
        nb_sub_relaxed(&grace->pending, count);
        nb_store_release(&grace->busy, false); /* `waiting` to the next one that is busy */
        end_all(grace, due);
        nb_fence_seq_cst();
    }
}

void nb_grace_close(nb_grace *grace)
{
    nb_retired *due;

    while (nb_load_relaxed(&grace->fresh) != NULL || grace->waiting != NULL) { /* end() may retire more */
        take_fresh(grace);
        due = grace->waiting;
        grace->waiting = NULL;
        end_all(grace, due);
    }
}

uint32_t nb_grace_enter(nb_grace *grace)
{
    uint32_t stripe = (uint32_t)(nb_self_number() >> 12) * UINT32_C(0x9e3779b1) >> 29;
    uint32_t parity = nb_load_relaxed(&grace->phase) & 1;

    nb_add_seq_cst(&grace->stripes[stripe].readers[parity], 1);
    nb_fence_after_rmw(); /* pairs with the fence of take_due() */
    return stripe * 2 + parity;
}

void nb_grace_leave(nb_grace *grace, uint32_t ticket)
{
    nb_sub_seq_cst(&grace->stripes[ticket / 2].readers[ticket & 1], 1);
    nb_fence_after_rmw(); /* pairs with the fence of nb_grace_collect(), which whoever retires calls */
    if (nb_load_relaxed(&grace->pending) != 0) {
        nb_grace_collect(grace);
    }
}

void nb_grace_retire(nb_grace *grace, nb_retired *retired, nb_end_fn *end)
{
    nb_retired *head = nb_load_relaxed(&grace->fresh);

    retired->end = end;
    nb_add_relaxed(&grace->pending, 1);
    do {
        retired->next = head;
    } while (!nb_cas_weak_release(&grace->fresh, &head, retired)); /* its contents to the one that takes it */
}
