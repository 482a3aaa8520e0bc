#include "topic/pick.h"

#include <string.h>

/* From so many filters of one scope on the index is quicker than one filter after the other (bench_bus). */
#define FROM_ATTRIBUTES 4u
#define FROM_BODIES 2u

#define ID_ROOM 24

/* "17" */
static const char *id_of(const nb_route *route, char room[ID_ROOM])
{
    char *at = room + ID_ROOM - 1;
    uint64_t order = route->order;

    *at = '\0';
    do {
        *--at = (char)('0' + order % 10);
        order /= 10;
    } while (order != 0);
    return at;
}

nimbus_status nb_picker_add(nb_picker *picker, nb_heap *heap, nb_route *route)
{
    nb_matcher **matcher = &picker->scopes[route->filter_scope == NIMBUS_FILTER_BODY];
    nimbus_pattern_options patterns = { .profile = route->filter_scope == NIMBUS_FILTER_BODY ? NIMBUS_PROFILE_SNS_BODY
                                                                                              : NIMBUS_PROFILE_SNS_ATTRIBUTES };
    nb_matcher_spec spec = { .patterns = &patterns, .inside = true };
    nimbus_status status = NIMBUS_OK;
    char room[ID_ROOM];

    route->order = ++picker->order;
    if (route->filter == NULL) {
        return NIMBUS_OK;
    }
    if (*matcher == NULL) {
        *matcher = nb_matcher_create(heap, &spec, &status);
    }
    if (*matcher == NULL) {
        return status;
    }
    status = nb_matcher_put_pattern(*matcher, id_of(route, room), route->filter, (void *)(uintptr_t)route->order);
    return status == NIMBUS_E_NO_MEMORY ? nb_matcher_failure(*matcher) : status;
}

void nb_picker_remove(nb_picker *picker, const nb_route *route)
{
    nb_matcher *matcher = picker->scopes[route->filter_scope == NIMBUS_FILTER_BODY];
    char room[ID_ROOM];

    if (route->filter != NULL && matcher != NULL) {
        nb_matcher_take_out(matcher, id_of(route, room));
        nb_matcher_sweep(matcher); /* it ends nobody's user */
    }
}

void nb_picker_free(nb_picker *picker)
{
    nb_matcher_release(picker->scopes[0]);
    nb_matcher_release(picker->scopes[1]);
}

/* ---------------------------------------------------------------------------------------------- picking */

static bool note(const nimbus_matched *matched, void *user)
{
    nb_picks *picks = user;

    if (picks->count == picks->room) {
        uint32_t room = picks->room * 4;
        uintptr_t *orders = nb_alloc_array(picks->heap, room, sizeof *orders);

        if (orders == NULL) {
            picks->known = false;
            return false;
        }
        memcpy(orders, picks->orders, picks->count * sizeof *orders);
        nb_picks_release(picks);
        picks->orders = orders;
        picks->room = room;
    }
    picks->orders[picks->count++] = (uintptr_t)matched->user;
    return true;
}

void nb_picker_pick(const nb_picker *picker, const nb_roster *roster, nimbus_filter_scope scope, const nimbus_message *message,
                    nb_heap *heap, nb_picks *ret)
{
    bool body = scope == NIMBUS_FILTER_BODY;
    nb_subject subject = { .flat = !body };
    nimbus_bytes bytes;

    ret->known = roster->filters[body] >= (body ? FROM_BODIES : FROM_ATTRIBUTES);
    ret->orders = ret->few;
    if (!ret->known) {
        return;
    }
    ret->count = ret->at = 0;
    ret->room = sizeof ret->few / sizeof ret->few[0];
    ret->heap = heap;
    if (body) {
        bytes = nb_message_body(message);
        subject.json = bytes.data;
        subject.size = bytes.size;
    } else {
        subject.attributes = nb_message_attributes(message, &subject.count);
    }
    if (nb_matcher_match(picker->scopes[body], &subject, note, ret, NULL) != NIMBUS_OK) {
        ret->known = false; /* no memory: one by one needs less */
    }
}

void nb_picks_release(nb_picks *picks)
{
    if (picks->orders != picks->few) {
        nb_free(picks->heap, picks->orders, picks->room * sizeof *picks->orders);
        picks->orders = picks->few;
    }
}

bool nb_picks_take(nb_picks picks[2], nb_route *route, const nimbus_message *message)
{
    nb_picks *p = &picks[route->filter_scope == NIMBUS_FILTER_BODY];

    if (route->filter == NULL || !p->known) {
        return nb_route_matches(route, message);
    }
    while (p->at < p->count && p->orders[p->at] < (uintptr_t)route->order) { /* of routes that came after this roster, or have gone */
        p->at++;
    }
    return p->at < p->count && p->orders[p->at] == (uintptr_t)route->order;
}
