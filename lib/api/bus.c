/* bus.c - the functions of nimbus/bus.h. */
#include "bus/bus.h"

#include <stdio.h>
#include <string.h>

#include "api/handle.h"
#include "api/link.h"

#define MAX_BUS_NAME 256
#define MAX_RULE_NAME 64
#define MAX_PATTERN 4096

nimbus_bus *nimbus_bus_create(nimbus_runtime *nb, const char *name, nimbus_error *err)
{
    if (!nb_setup(nb, __func__, err)) {
        return NULL;
    }
    if (!nb_name_valid(name, MAX_BUS_NAME, "-_./")) {
        nb_error_set(err, NIMBUS_E_INVALID, __func__, "name", "not 1 to 256 letters, digits, '-', '_', '.' and '/'");
        return NULL;
    }
    return nb_bus_create(nb, name, __func__, err);
}

nimbus_bus *nimbus_bus_find(nimbus_runtime *nb, const char *name, nimbus_error *err)
{
    nb_object *object = nb_find(nb, NB_BUS, name, __func__, err);

    return object != NULL ? nb_bus_of(object) : NULL;
}

nimbus_bus *nimbus_bus_retain(nimbus_bus *bus)
{
    if (bus != NULL) {
        nb_object_retain(&bus->object);
    }
    return bus;
}

void nimbus_bus_release(nimbus_bus *bus)
{
    if (bus != NULL) {
        nb_object_release(&bus->object);
    }
}

nimbus_status nimbus_bus_delete(nimbus_bus *bus)
{
    if (bus == NULL || strcmp(nb_name_text(bus->object.name), NB_DEFAULT_BUS) == 0) {
        return NIMBUS_E_INVALID;
    }
    return nb_object_delete(&bus->object) ? NIMBUS_OK : NIMBUS_E_DELETED;
}

/* ------------------------------------------------------------------------------------------------- put */

nimbus_status nimbus_bus_put(nimbus_bus *bus, const nimbus_event *event, nimbus_put_result *ret)
{
    return bus != NULL && event != NULL ? nb_bus_put(bus, event, 1, ret) : NIMBUS_E_INVALID;
}

nimbus_status nimbus_bus_put_batch(nimbus_bus *bus, const nimbus_event *events, size_t count, nimbus_put_result *ret)
{
    nimbus_status status = nb_accepting(bus != NULL ? &bus->object : NULL);

    if (status != NIMBUS_OK) {
        return status;
    }
    status = nb_batch_shape(events, count, bus->object.runtime->limits.max_batch);
    for (size_t i = 0; status == NIMBUS_OK && i < count; i++) {
        status = nb_event_size(&events[i]) > bus->object.runtime->limits.max_event_size ? NIMBUS_E_TOO_LARGE : NIMBUS_OK;
    }
    if (status != NIMBUS_OK) {
        return status;
    }
    return nb_bus_put(bus, events, count, ret) != NIMBUS_OK ? NIMBUS_PARTIAL : NIMBUS_OK;
}

/* ----------------------------------------------------------------------------------------------- rules */

static nimbus_status check_name(const char *name, const char *call, const char *field, nimbus_error *err)
{
    return nb_name_valid(name, MAX_RULE_NAME, ".-_")
               ? NIMBUS_OK
               : nb_error_set(err, NIMBUS_E_INVALID, call, field, "not 1 to 64 letters, digits, '.', '-' and '_'");
}

static nimbus_status explain(nimbus_status status, const char *call, const char *limit, nimbus_error *err)
{
    return status == NIMBUS_OK ? NIMBUS_OK
                               : nb_error_set(err, status, call, NULL, "%s",
                                              status == NIMBUS_E_NOT_FOUND    ? "no rule of that name"
                                              : status == NIMBUS_E_OVER_LIMIT ? limit
                                              : status == NIMBUS_E_DELETED    ? "the bus was deleted"
                                                                              : "out of memory");
}

nimbus_status nimbus_rule_put(nimbus_bus *bus, const char *rule, const char *pattern, const nimbus_rule_options *options,
                              nimbus_error *err)
{
    nimbus_status status = nb_setup_on(bus != NULL ? &bus->object : NULL, __func__, "bus", err);
    nb_draft *draft = NULL;

    if (status == NIMBUS_OK) {
        status = check_name(rule, __func__, "rule", err);
    }
    if (status == NIMBUS_OK && (pattern == NULL || (options != NULL && !nb_reserved_clear(options->reserved_, 4)))) {
        status = nb_error_set(err, NIMBUS_E_INVALID, __func__, pattern == NULL ? "pattern" : "reserved_",
                              "NULL, or a reserved field is not 0");
    }
    if (status == NIMBUS_OK && strlen(pattern) > MAX_PATTERN && bus->object.runtime->limits.preset == NIMBUS_LIMITS_AWS) {
        status = nb_error_set(err, NIMBUS_E_PATTERN, __func__, "pattern", "longer than 4,096 bytes");
    }
    if (status == NIMBUS_OK) {
        status = nb_matcher_draft(bus->rules, pattern, &draft, err, __func__);
    }
    if (status != NIMBUS_OK) {
        return status;
    }
    status = nb_rule_put(bus, rule, draft, options != NULL && options->disabled);
    nb_matcher_draft_free(bus->rules, draft);
    return explain(status, __func__, "the bus has as many rules as it may", err);
}

/* "bus/rule" and "bus/rule/id". */
static nb_link_place place_of(const nimbus_bus *bus, const char *rule, const char *id, char *of_rule, char *of_target, size_t size)
{
    snprintf(of_rule, size, "%s/%s", nb_name_text(bus->object.name), rule);
    snprintf(of_target, size, "%s/%s/%s", nb_name_text(bus->object.name), rule, id);
    return (nb_link_place){ "rule", of_target, of_rule, &nb_retry_rule, false };
}

nimbus_status nimbus_rule_target(nimbus_bus *bus, const char *rule, const char *id, nimbus_target target,
                                 const nimbus_delivery_options *options, nimbus_error *err)
{
    nimbus_status status = nb_setup_on(bus != NULL ? &bus->object : NULL, __func__, "bus", err);
    char of_rule[MAX_BUS_NAME + 2 * MAX_RULE_NAME + 4], of_target[sizeof of_rule];
    nb_link_place place;
    nb_route *route;

    if (status == NIMBUS_OK) {
        status = check_name(rule, __func__, "rule", err);
    }
    if (status == NIMBUS_OK) {
        status = check_name(id, __func__, "id", err);
    }
    if (status != NIMBUS_OK) {
        return status;
    }
    place = place_of(bus, rule, id, of_rule, of_target, sizeof of_rule);
    status = nb_link_make(bus->object.runtime, target, options, &place, __func__, err, &route);
    if (status != NIMBUS_OK) {
        return status;
    }
    nb_link_arm(route, target);
    status = nb_rule_set_target(bus, rule, id, route);
    if (status != NIMBUS_OK) {
        nb_link_disarm(route);
        nb_link_drop(route);
    } else {
        nb_object_release(&route->object); /* the rule has it pinned */
    }
    return explain(status, __func__, "the rule has as many targets as it may", err);
}

nimbus_status nimbus_rule_remove_target(nimbus_bus *bus, const char *rule, const char *id)
{
    nimbus_status status = nb_usable(bus != NULL ? &bus->object : NULL);

    if (status != NIMBUS_OK || rule == NULL || id == NULL) {
        return status != NIMBUS_OK ? status : NIMBUS_E_INVALID;
    }
    return nb_rule_set_target(bus, rule, id, NULL);
}

nimbus_status nimbus_rule_enable(nimbus_bus *bus, const char *rule, bool enabled)
{
    nimbus_status status = nb_usable(bus != NULL ? &bus->object : NULL);

    return status != NIMBUS_OK ? status : rule == NULL ? NIMBUS_E_INVALID : nb_rule_enable(bus, rule, enabled);
}

nimbus_status nimbus_rule_delete(nimbus_bus *bus, const char *rule, bool force)
{
    nimbus_status status = nb_usable(bus != NULL ? &bus->object : NULL);

    return status != NIMBUS_OK ? status : rule == NULL ? NIMBUS_E_INVALID : nb_rule_delete(bus, rule, force);
}

static void add_up(nimbus_delivery_metrics *sum, nb_route *route)
{
    nimbus_delivery_metrics one;

    nb_route_metrics(route, &one);
    sum->filtered += one.filtered;
    sum->matched += one.matched;
    sum->delivered += one.delivered;
    sum->pending += one.pending;
    sum->retries += one.retries;
    sum->dead_lettered += one.dead_lettered;
    sum->discarded += one.discarded;
}

nimbus_status nimbus_rule_get_metrics(nimbus_bus *bus, const char *rule, nimbus_rule_metrics *ret)
{
    nimbus_status status = nb_usable(bus != NULL ? &bus->object : NULL);
    const nb_rule *found;

    if (status != NIMBUS_OK || rule == NULL || ret == NULL) {
        return status != NIMBUS_OK ? status : NIMBUS_E_INVALID;
    }
    nb_lock_acquire(&bus->change);
    found = nb_bus_find_rule(bus, rule);
    if (found != NULL) {
        memset(ret, 0, sizeof *ret);
        ret->matched_events = nb_load_relaxed(&found->tally->matched);
        ret->targets = found->count;
        ret->disabled = found->disabled;
        for (size_t i = 0; i < found->count; i++) {
            add_up(&ret->deliveries, found->targets[i].hop.route);
        }
    }
    nb_lock_release(&bus->change);
    return found != NULL ? NIMBUS_OK : NIMBUS_E_NOT_FOUND;
}

nimbus_status nimbus_bus_get_metrics(nimbus_bus *bus, nimbus_bus_metrics *ret)
{
    if (bus == NULL || ret == NULL) {
        return NIMBUS_E_INVALID;
    }
    memset(ret, 0, sizeof *ret);
    nb_lock_acquire(&bus->change);
    ret->rules = bus->count;
    nb_lock_release(&bus->change);
    ret->put = nb_editions_count(&bus->seats, NB_BUS_PUT);
    ret->unmatched = nb_editions_count(&bus->seats, NB_BUS_UNMATCHED);
    ret->refused = nb_load_relaxed(&bus->refused);
    return NIMBUS_OK;
}
