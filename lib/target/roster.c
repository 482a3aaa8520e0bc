#include "target/roster.h"

nb_roster *nb_roster_make(nb_heap *heap, const nb_roster *before, const nb_route *without, nb_route *with)
{
    size_t room = (before != NULL ? before->count : 0) + 1;
    nb_roster *roster = nb_alloc(heap, sizeof *roster + room * sizeof(nb_route *));

    if (roster == NULL) {
        return NULL;
    }
    roster->heap = heap;
    roster->count = 0;
    roster->room = room;
    atomic_init(&roster->references, 1);
    for (size_t i = 0; before != NULL && i < before->count; i++) {
        if (before->routes[i] != without) {
            roster->routes[roster->count++] = before->routes[i];
        }
    }
    if (with != NULL) {
        roster->routes[roster->count++] = with;
    }
    for (size_t i = 0; i < roster->count; i++) {
        nb_object_pin(&roster->routes[i]->object);
    }
    for (size_t i = roster->count; i < room; i++) {
        roster->routes[i] = NULL;
    }
    return roster;
}

nb_roster *nb_roster_retain(nb_roster *roster)
{
    if (roster != NULL) {
        atomic_fetch_add_explicit(&roster->references, 1, memory_order_relaxed);
    }
    return roster;
}

void nb_roster_release(nb_roster *roster)
{
    if (roster == NULL || atomic_fetch_sub_explicit(&roster->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < roster->count; i++) {
        nb_object_unpin(&roster->routes[i]->object);
    }
    nb_free(roster->heap, roster, sizeof *roster + roster->room * sizeof(nb_route *));
}
