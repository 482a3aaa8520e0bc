/*
 * pick.h - the filters of a topic's subscriptions in an index each for attributes and bodies: which routes take a message, all at once.
 *
 * A route that has a filter is entered in the index of its scope before it is on a roster, by a number that grows; rosters keep that order,
 * and so does the index. So a publish gets the numbers of the routes that take its message, in the order in which it will come by them. It
 * opens its roster first: what it meets there is in the index by then, or was closed before it was taken out, and closed routes are passed
 * over before anybody asks for their filter.
 */
#ifndef NB_TOPIC_PICK_H
#define NB_TOPIC_PICK_H

#include "pattern/matcher.h"
#include "target/roster.h"

typedef struct nb_picker {
    nb_matcher *scopes[2]; /* nimbus_filter_scope; NULL: none had a filter yet. Set once, before the first roster that has one */
    uint64_t order;        /* of the next route */
} nb_picker;

/* One publish. */
typedef struct nb_picks {
    bool known;     /* false: the filters are to be asked one by one */
    uint32_t count, room, at;
    nb_heap *heap;
    uintptr_t *orders;
    uintptr_t few[32];
} nb_picks;

/* Enters a route that nobody knows yet, if it has a filter, and numbers it. Locked, as is the next. NIMBUS_E_NO_MEMORY, NIMBUS_E_FULL. */
nimbus_status nb_picker_add(nb_picker *picker, nb_heap *heap, nb_route *route);
void nb_picker_remove(nb_picker *picker, const nb_route *route); /* not there: nothing */
void nb_picker_free(nb_picker *picker);

/* For the routes of a roster that the publish holds. */
void nb_picker_pick(const nb_picker *picker, const nb_roster *roster, nimbus_filter_scope scope, const nimbus_message *message,
                    nb_heap *heap, nb_picks *ret);
void nb_picks_release(nb_picks *picks);

/* Whether a route takes the message. To be asked in the order of the roster; picks: of both scopes. */
bool nb_picks_take(nb_picks picks[2], nb_route *route, const nimbus_message *message);

#endif
