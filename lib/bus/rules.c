/* rules.c - rules and rule sets: making new ones from old ones, and swapping them. */
#include <string.h>

#include "bus/bus.h"

/* -------------------------------------------------------------------------------------- counted things */

static void release_tally(nb_tally *tally)
{
    if (tally != NULL && atomic_fetch_sub_explicit(&tally->references, 1, memory_order_acq_rel) == 1) {
        nb_free(tally->heap, tally, sizeof *tally);
    }
}

static nb_tally *make_tally(nb_heap *heap)
{
    nb_tally *tally = nb_alloc_zero(heap, sizeof *tally);

    if (tally != NULL) {
        tally->heap = heap;
        atomic_init(&tally->references, 1);
    }
    return tally;
}

static void release_rule(nb_rule *rule)
{
    if (rule == NULL || atomic_fetch_sub_explicit(&rule->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < rule->count; i++) {
        nb_text_free(rule->heap, rule->targets[i].id);
        nb_object_unpin(&rule->targets[i].route->object);
    }
    nb_text_free(rule->heap, rule->name);
    nb_pattern_release(rule->pattern);
    release_tally(rule->tally);
    nb_free(rule->heap, rule, sizeof *rule + rule->room * sizeof *rule->targets);
}

void nb_ruleset_release(nb_ruleset *set)
{
    if (set == NULL || atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        release_rule(set->rules[i]);
    }
    nb_free(set->heap, set, sizeof *set + set->room * sizeof *set->rules);
}

nb_ruleset *nb_bus_rules(nimbus_bus *bus)
{
    nb_ruleset *set;

    nb_lock_acquire(&bus->lock);
    set = bus->set;
    if (set != NULL) {
        atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    }
    nb_lock_release(&bus->lock);
    return set;
}

const nb_rule *nb_ruleset_find(const nb_ruleset *set, const char *name)
{
    for (size_t i = 0; set != NULL && i < set->count; i++) {
        if (strcmp(set->rules[i]->name, name) == 0) {
            return set->rules[i];
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------ new from old */

/* Adds a target; it takes its own copy of id and its own pin. False: out of memory. */
static bool add_target(nb_rule *rule, const char *id, nb_route *route)
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
    nb_object_pin(&route->object);
    rule->targets[at] = (nb_rule_entry){ copy, route };
    rule->count++;
    return true;
}

/* A rule without targets; takes references to pattern and tally. */
static nb_rule *new_rule(nb_heap *heap, const char *name, nb_pattern *pattern, nb_tally *tally, bool disabled, size_t room)
{
    nb_rule *rule = nb_alloc_zero(heap, sizeof *rule + room * sizeof *rule->targets);

    if (rule == NULL) {
        return NULL;
    }
    rule->heap = heap;
    rule->room = room;
    rule->disabled = disabled;
    atomic_init(&rule->references, 1);
    rule->name = nb_text_copy(heap, name);
    rule->tally = tally != NULL ? tally : make_tally(heap);
    if (rule->tally != NULL && tally != NULL) {
        atomic_fetch_add_explicit(&tally->references, 1, memory_order_relaxed);
    }
    if (rule->name == NULL || rule->tally == NULL) {
        release_rule(rule);
        return NULL;
    }
    nb_pattern_retain(pattern);
    rule->pattern = pattern;
    return rule;
}

/* A copy of old with another pattern (NULL: its own), and with route under id (route NULL: without id; id NULL: targets as they are). */
static nb_rule *copy_rule(const nb_rule *old, nb_pattern *pattern, bool disabled, const char *id, nb_route *route)
{
    nb_rule *rule = new_rule(old->heap, old->name, pattern != NULL ? pattern : old->pattern, old->tally, disabled, old->count + 1);
    bool done = rule != NULL;

    for (size_t i = 0; done && i < old->count; i++) {
        if (id == NULL || strcmp(old->targets[i].id, id) != 0) {
            done = add_target(rule, old->targets[i].id, old->targets[i].route);
        }
    }
    if (done && route != NULL) {
        done = add_target(rule, id, route);
    }
    if (!done) {
        release_rule(rule);
        return NULL;
    }
    return rule;
}

/* The old set with `with` in the place of old (old NULL: at its end; with NULL: without old). Takes over with on success. */
static nb_ruleset *copy_set(nb_heap *heap, const nb_ruleset *before, const nb_rule *old, nb_rule *with)
{
    size_t room = (before != NULL ? before->count : 0) + 1;
    nb_ruleset *set = nb_alloc_zero(heap, sizeof *set + room * sizeof *set->rules);

    if (set == NULL) {
        return NULL;
    }
    set->heap = heap;
    set->room = room;
    atomic_init(&set->references, 1);
    for (size_t i = 0; before != NULL && i < before->count; i++) {
        nb_rule *rule = before->rules[i];

        if (rule != old) {
            atomic_fetch_add_explicit(&rule->references, 1, memory_order_relaxed);
            set->rules[set->count++] = rule;
        } else if (with != NULL) {
            set->rules[set->count++] = with;
        }
    }
    if (old == NULL && with != NULL) {
        set->rules[set->count++] = with;
    }
    return set;
}

/* --------------------------------------------------------------------------------------------- changes */

/* Swaps in the changed set. Under bus->change. */
static nimbus_status swap(nimbus_bus *bus, const nb_rule *old, nb_rule *with)
{
    nb_ruleset *before, *after = copy_set(bus->object.heap, bus->set, old, with);
    bool ended;

    if (after == NULL) {
        release_rule(with);
        return nb_heap_failure(bus->object.heap, sizeof *after);
    }
    nb_lock_acquire(&bus->lock);
    ended = bus->ended;
    before = bus->set;
    if (!ended) {
        bus->set = after;
    }
    nb_lock_release(&bus->lock);
    nb_ruleset_release(ended ? after : before);
    return ended ? NIMBUS_E_DELETED : NIMBUS_OK;
}

static nimbus_status no_memory(const nimbus_bus *bus)
{
    return nb_heap_failure(bus->object.heap, sizeof(nb_rule));
}

nimbus_status nb_rule_put(nimbus_bus *bus, const char *name, nb_pattern *pattern, bool disabled)
{
    const nb_rule *old;
    nb_rule *rule;
    nimbus_status status;

    nb_lock_acquire(&bus->change);
    old = nb_ruleset_find(bus->set, name);
    if (old == NULL && bus->set != NULL && bus->set->count >= bus->object.runtime->limits.max_rules_per_bus) {
        status = NIMBUS_E_OVER_LIMIT;
    } else {
        rule = old != NULL ? copy_rule(old, pattern, disabled, NULL, NULL)
                           : new_rule(bus->object.heap, name, pattern, NULL, disabled, 1);
        status = rule != NULL ? swap(bus, old, rule) : no_memory(bus);
    }
    nb_lock_release(&bus->change);
    if (status == NIMBUS_OK) {
        nb_pattern_release(pattern);
    }
    return status;
}

static nb_route *find_target(const nb_rule *rule, const char *id)
{
    for (size_t i = 0; i < rule->count; i++) {
        if (strcmp(rule->targets[i].id, id) == 0) {
            return rule->targets[i].route;
        }
    }
    return NULL;
}

nimbus_status nb_rule_set_target(nimbus_bus *bus, const char *name, const char *id, nb_route *route)
{
    const nb_rule *old;
    nb_route *replaced = NULL;
    nb_rule *rule;
    nimbus_status status;

    nb_lock_acquire(&bus->change);
    old = nb_ruleset_find(bus->set, name);
    replaced = old != NULL ? find_target(old, id) : NULL;
    if (old == NULL || (route == NULL && replaced == NULL)) {
        status = NIMBUS_E_NOT_FOUND;
    } else if (replaced == NULL && old->count >= bus->object.runtime->limits.max_targets_per_rule) {
        status = NIMBUS_E_OVER_LIMIT;
    } else {
        rule = copy_rule(old, NULL, old->disabled, id, route);
        if (replaced != NULL) {
            nb_object_pin(&replaced->object);
        }
        status = rule != NULL ? swap(bus, old, rule) : no_memory(bus);
    }
    nb_lock_release(&bus->change);
    if (replaced != NULL && status != NIMBUS_E_NOT_FOUND && status != NIMBUS_E_OVER_LIMIT) {
        if (status == NIMBUS_OK) {
            nb_route_end(replaced);
        }
        nb_object_unpin(&replaced->object);
    }
    return status;
}

nimbus_status nb_rule_enable(nimbus_bus *bus, const char *name, bool enabled)
{
    const nb_rule *old;
    nb_rule *rule;
    nimbus_status status = NIMBUS_E_NOT_FOUND;

    nb_lock_acquire(&bus->change);
    old = nb_ruleset_find(bus->set, name);
    if (old != NULL) {
        rule = copy_rule(old, NULL, !enabled, NULL, NULL);
        status = rule != NULL ? swap(bus, old, rule) : no_memory(bus);
    }
    nb_lock_release(&bus->change);
    return status;
}

nimbus_status nb_rule_delete(nimbus_bus *bus, const char *name, bool force)
{
    nb_rule *old;
    nimbus_status status = NIMBUS_OK;

    nb_lock_acquire(&bus->change);
    old = (nb_rule *)(uintptr_t)nb_ruleset_find(bus->set, name);
    if (old != NULL) {
        atomic_fetch_add_explicit(&old->references, 1, memory_order_relaxed);
        status = old->count > 0 && !force ? NIMBUS_E_IN_USE : swap(bus, old, NULL);
    }
    nb_lock_release(&bus->change);
    for (size_t i = 0; old != NULL && status == NIMBUS_OK && i < old->count; i++) {
        nb_route_end(old->targets[i].route);
    }
    release_rule(old);
    return status;
}
