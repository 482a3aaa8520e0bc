#include "target/roster.h"

static size_t size_of(size_t room)
{
    return sizeof(nb_roster) + room * sizeof(nb_hop); /* one more than needed */
}

static void add(nb_roster *roster, nb_hop hop)
{
    nb_object_pin(&hop.route->object);
    roster->hops[roster->count++] = hop;
    roster->takers += hop.handler == NULL && !hop.route->envelope;
    roster->filters[hop.route->filter_scope == NIMBUS_FILTER_BODY] += hop.route->filter != NULL;
}

nb_roster *nb_roster_make(nb_heap *heap, const nb_roster *before, const nb_route *without, nb_route *with)
{
    size_t room = (before != NULL ? before->count : 0) + 1;
    nb_roster *roster = nb_alloc_zero(heap, size_of(room));

    if (roster == NULL) {
        return NULL;
    }
    roster->heap = heap;
    roster->room = room;
    for (size_t i = 0; before != NULL && i < before->count; i++) {
        if (before->hops[i].route != without) {
            add(roster, before->hops[i]);
        }
    }
    if (with != NULL) {
        add(roster, nb_route_hop(with));
    }
    for (size_t i = roster->count, run = 0; i-- > 0;) {
        run = roster->hops[i].handler != NULL && roster->hops[i].route->filter == NULL ? run + 1 : 0;
        roster->hops[i].plain = run;
        roster->plain += run > 0;
    }
    return roster;
}

static void fold(nb_edition *edition)
{
    const nb_roster *roster = nb_roster_of(edition);

    for (size_t i = 0; edition->passes > 0 && i < roster->count; i++) {
        nb_add_relaxed(&roster->hops[i].route->walked, edition->passes); /* read under the same lock */
    }
}

static void free_roster(nb_edition *edition)
{
    nb_roster *roster = nb_roster_of(edition);

    for (size_t i = 0; i < roster->count; i++) {
        nb_object_unpin(&roster->hops[i].route->object);
    }
    if (roster->heap != NULL) {
        nb_free(roster->heap, roster, size_of(roster->room));
    }
}

const nb_edition_ops nb_roster_ops = { fold, free_roster };

static uint64_t passes_of(nb_editions *editions, nb_edition *edition, const nb_route *route)
{
    const nb_roster *roster = nb_roster_of(edition);

    for (size_t i = 0; i < roster->count; i++) {
        if (roster->hops[i].route == route) {
            return nb_editions_passes(editions, edition);
        }
    }
    return 0;
}

uint64_t nb_roster_walked(nb_editions *editions, const nb_route *route)
{
    uint64_t sum;

    nb_lock_acquire(&editions->lock);
    sum = nb_load_relaxed(&route->walked) + passes_of(editions, nb_load_relaxed(&editions->current), route);
    for (nb_edition *edition = editions->retired; edition != NULL; edition = edition->older) {
        sum += passes_of(editions, edition, route);
    }
    nb_lock_release(&editions->lock);
    return sum;
}
