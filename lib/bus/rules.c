/* rules.c - rules: making new ones from old ones, and putting them in the place of these. */
#include <string.h>

#include "bus/bus.h"

/* -------------------------------------------------------------------------------------- counted things */

static void release_tally(nb_tally *tally)
{
    if (tally != NULL && nb_sub_acq_rel(&tally->references, 1) == 1) {
        nb_free(tally->heap, tally, sizeof *tally);
    }
}

static nb_tally *make_tally(nb_heap *heap)
{
    nb_tally *tally = nb_alloc_zero(heap, sizeof *tally);

    if (tally != NULL) {
        tally->heap = heap;
        nb_atomic_init(&tally->references, 1);
    }
    return tally;
}

void nb_rule_release(nb_rule *rule)
{
    if (rule == NULL || nb_sub_acq_rel(&rule->references, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < rule->count; i++) {
        nb_text_free(rule->heap, rule->targets[i].id);
        nb_object_unpin(&rule->targets[i].hop.route->object);
    }
    release_tally(rule->tally);
    nb_free(rule->heap, rule, sizeof *rule + rule->room * sizeof *rule->targets);
}

void nb_rule_destroy(void *rule)
{
    nb_rule_release(rule);
}

const nb_rule *nb_bus_find_rule(nimbus_bus *bus, const char *name)
{
    return nb_matcher_get(bus->rules, name);
}

/* ------------------------------------------------------------------------------------------ new from old */

/* Adds a target; it takes its own copy of id and its own pin. False: out of memory. */
static bool add_target(nb_rule *rule, const char *id, nb_hop hop)
{
    char *copy = nb_text_copy(rule->heap, id);
    size_t at = rule->count;

    if (copy == NULL) {
        return false;
    }
    while (at > 0 && strcmp(rule->targets[at - 1].id, id) > 0) {
        rule->targets[at] = rule->targets[at - 1];
        at--;
    }
    nb_object_pin(&hop.route->object);
    rule->targets[at] = (nb_rule_entry){ copy, hop };
    rule->count++;
    return true;
}

/* A rule without targets; takes a reference of the tally (NULL: gets one of its own). NULL: out of memory. */
static nb_rule *new_rule(nb_heap *heap, nb_tally *tally, bool disabled, size_t room)
{
    nb_rule *rule = nb_alloc_zero(heap, sizeof *rule + room * sizeof *rule->targets);

    if (rule == NULL) {
        return NULL;
    }
    rule->heap = heap;
    rule->room = room;
    rule->disabled = disabled;
    nb_atomic_init(&rule->references, 1);
    rule->tally = tally != NULL ? tally : make_tally(heap);
    if (rule->tally == NULL) {
        nb_rule_release(rule);
        return NULL;
    }
    if (tally != NULL) {
        nb_add_relaxed(&tally->references, 1); /* by who has one: the old rule */
    }
    return rule;
}

/* A copy of old with route under id (route NULL: without id; id NULL: targets as they are). NULL: out of memory. */
static nb_rule *copy_rule(const nb_rule *old, bool disabled, const char *id, nb_route *route)
{
    nb_rule *rule = new_rule(old->heap, old->tally, disabled, old->count + (route != NULL));
    bool done = rule != NULL;

    for (size_t i = 0; done && i < old->count; i++) {
        if (id == NULL || strcmp(old->targets[i].id, id) != 0) {
            done = add_target(rule, old->targets[i].id, old->targets[i].hop);
        }
    }
    if (done && route != NULL) {
        done = add_target(rule, id, nb_route_hop(route));
    }
    if (!done) {
        nb_rule_release(rule);
        return NULL;
    }
    return rule;
}

/* --------------------------------------------------------------------------------------------- changes */

/*
 * A change is to begin: under bus->change from here on, and *ret_old is the rule of that name, held. NIMBUS_E_DELETED: there is nothing to
 * change any more.
 */
static nimbus_status begin(nimbus_bus *bus, const char *name, nb_rule **ret_old)
{
    nb_lock_acquire(&bus->change);
    *ret_old = nb_matcher_get(bus->rules, name);
    if (*ret_old != NULL) {
        nb_add_relaxed(&(*ret_old)->references, 1); /* the matcher has one, and we its lock */
    }
    return bus->ended ? NIMBUS_E_DELETED : NIMBUS_OK;
}

/* The end of a change. What is let go of here may run destroy functions: without the lock. */
static nimbus_status finish(nimbus_bus *bus, nb_rule *old, nb_rule *unused, nimbus_status status)
{
    nb_lock_release(&bus->change);
    nb_matcher_sweep(bus->rules);
    nb_rule_release(unused);
    nb_rule_release(old);
    return status == NIMBUS_E_NO_MEMORY ? nb_matcher_failure(bus->rules) : status;
}

nimbus_status nb_rule_put(nimbus_bus *bus, const char *name, const nb_draft *pattern, bool disabled)
{
    nb_rule *old, *rule = NULL;
    nimbus_status status = begin(bus, name, &old);

    if (status == NIMBUS_OK && old == NULL && bus->count >= bus->object.runtime->limits.max_rules_per_bus) {
        status = NIMBUS_E_OVER_LIMIT;
    }
    if (status == NIMBUS_OK) {
        rule = old != NULL ? copy_rule(old, disabled, NULL, NULL) : new_rule(bus->object.heap, NULL, disabled, 0);
        status = rule != NULL ? nb_matcher_put(bus->rules, name, pattern, rule, disabled) : NIMBUS_E_NO_MEMORY;
        bus->count += status == NIMBUS_OK && old == NULL;
    }
    return finish(bus, old, status != NIMBUS_OK ? rule : NULL, status);
}

static nb_route *find_target(const nb_rule *rule, const char *id)
{
    for (size_t i = 0; i < rule->count; i++) {
        if (strcmp(rule->targets[i].id, id) == 0) {
            return rule->targets[i].hop.route;
        }
    }
    return NULL;
}

nimbus_status nb_rule_set_target(nimbus_bus *bus, const char *name, const char *id, nb_route *route)
{
    nb_rule *old, *rule = NULL;
    nimbus_status status = begin(bus, name, &old);
    nb_route *replaced = old != NULL ? find_target(old, id) : NULL;

    if (status == NIMBUS_OK && (old == NULL || (route == NULL && replaced == NULL))) {
        status = NIMBUS_E_NOT_FOUND;
    } else if (status == NIMBUS_OK && replaced == NULL && old->count >= bus->object.runtime->limits.max_targets_per_rule) {
        status = NIMBUS_E_OVER_LIMIT;
    }
    if (status == NIMBUS_OK) {
        if (route != NULL) {
            route->editions = &bus->seats; /* nobody knows it yet */
        }
        rule = copy_rule(old, old->disabled, id, route);
        status = rule != NULL ? nb_matcher_exchange(bus->rules, name, rule, old->disabled) : NIMBUS_E_NO_MEMORY;
    }
    if (replaced != NULL) {
        nb_object_pin(&replaced->object);
    }
    status = finish(bus, old, status != NIMBUS_OK ? rule : NULL, status);
    if (replaced != NULL) {
        if (status == NIMBUS_OK) {
            nb_route_end(replaced);
        }
        nb_object_unpin(&replaced->object);
    }
    return status;
}

nimbus_status nb_rule_enable(nimbus_bus *bus, const char *name, bool enabled)
{
    nb_rule *old, *rule = NULL;
    nimbus_status status = begin(bus, name, &old);

    if (status == NIMBUS_OK && old == NULL) {
        status = NIMBUS_E_NOT_FOUND;
    } else if (status == NIMBUS_OK && old->disabled == enabled) {
        rule = copy_rule(old, !enabled, NULL, NULL);
        status = rule != NULL ? nb_matcher_exchange(bus->rules, name, rule, !enabled) : NIMBUS_E_NO_MEMORY;
    }
    return finish(bus, old, status != NIMBUS_OK ? rule : NULL, status);
}

nimbus_status nb_rule_delete(nimbus_bus *bus, const char *name, bool force)
{
    nb_rule *old;
    nimbus_status status = begin(bus, name, &old);
    bool gone = status == NIMBUS_OK && old != NULL && (force || old->count == 0);

    if (gone) {
        nb_matcher_take_out(bus->rules, name);
        bus->count--;
        nb_add_relaxed(&old->references, 1); /* for the targets' end below */
    } else if (status == NIMBUS_OK && old != NULL) {
        status = NIMBUS_E_IN_USE;
    }
    status = finish(bus, old, NULL, status);
    for (size_t i = 0; gone && i < old->count; i++) {
        nb_route_end(old->targets[i].hop.route);
    }
    if (gone) {
        nb_rule_release(old);
    }
    return status;
}
