/* rules.c - rules and rule sets: making new ones from old ones, and swapping them. */
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

static void release_rule(nb_rule *rule)
{
    if (rule == NULL || nb_sub_acq_rel(&rule->references, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < rule->count; i++) {
        nb_text_free(rule->heap, rule->targets[i].id);
        nb_object_unpin(&rule->targets[i].hop.route->object);
    }
    nb_text_free(rule->heap, rule->name);
    nb_pattern_release(rule->pattern);
    release_tally(rule->tally);
    nb_free(rule->heap, rule, sizeof *rule + rule->room * sizeof *rule->targets);
}

/* -------------------------------------------------------------------------------------------- rule sets */

static size_t size_of(size_t room)
{
    return sizeof(nb_ruleset) + room * sizeof(nb_rule *); /* one more than needed */
}

nb_ruleset *nb_ruleset_make(nb_heap *heap, size_t room)
{
    nb_ruleset *set = nb_alloc_zero(heap, size_of(room));

    if (set != NULL) {
        set->heap = heap;
        set->room = room;
    }
    return set;
}

static nb_ruleset *set_of(nb_edition *edition)
{
    return NB_CONTAINER(edition, nb_ruleset, edition);
}

static void free_set(nb_edition *edition)
{
    nb_ruleset *set = set_of(edition);

    for (size_t i = 0; i < set->count; i++) {
        release_rule(set->rules[i]);
    }
    if (set->heap != NULL) {
        nb_free(set->heap, set, size_of(set->room));
    }
}

static void fold(nb_edition *edition)
{
    (void)edition; /* what a rule sees is counted by the rule */
}

const nb_edition_ops nb_ruleset_ops = { fold, free_set };

const nb_ruleset *nb_bus_rules(nimbus_bus *bus)
{
    return set_of(nb_load_relaxed(&bus->sets.current));
}

const nb_rule *nb_ruleset_find(const nb_ruleset *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->rules[i]->name, name) == 0) {
            return set->rules[i];
        }
    }
    return NULL;
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
    nb_atomic_init(&rule->references, 1);
    rule->name = nb_text_copy(heap, name);
    rule->tally = tally != NULL ? tally : make_tally(heap);
    if (rule->tally != NULL && tally != NULL) {
        nb_add_relaxed(&tally->references, 1); /* by who has one: the old rule */
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
            done = add_target(rule, old->targets[i].id, old->targets[i].hop);
        }
    }
    if (done && route != NULL) {
        done = add_target(rule, id, nb_route_hop(route));
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
    nb_ruleset *set = nb_ruleset_make(heap, before->count + 1);

    if (set == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < before->count; i++) {
        nb_rule *rule = before->rules[i];

        if (rule != old) {
            nb_add_relaxed(&rule->references, 1); /* by who has one: the old set's */
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

/* Swaps in the changed set. Under bus->change; the caller sweeps without it. */
static nimbus_status swap(nimbus_bus *bus, const nb_rule *old, nb_rule *with)
{
    nb_ruleset *after = copy_set(bus->object.heap, nb_bus_rules(bus), old, with);
    bool ended;

    if (after == NULL) {
        release_rule(with);
        return nb_heap_failure(bus->object.heap, sizeof *after);
    }
    nb_lock_acquire(&bus->sets.lock);
    ended = bus->ended;
    if (!ended) {
        nb_editions_swap(&bus->sets, &after->edition);
    }
    nb_lock_release(&bus->sets.lock);
    if (ended) {
        free_set(&after->edition);
    }
    return ended ? NIMBUS_E_DELETED : NIMBUS_OK;
}

/* The end of a change: frees the set before without the lock, for a target's last reference may run a destroy function. */
static void changed(nimbus_bus *bus)
{
    nb_lock_release(&bus->change);
    nb_editions_sweep(&bus->sets);
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
    old = nb_ruleset_find(nb_bus_rules(bus), name);
    if (old == NULL && nb_bus_rules(bus)->count >= bus->object.runtime->limits.max_rules_per_bus) {
        status = NIMBUS_E_OVER_LIMIT;
    } else {
        rule = old != NULL ? copy_rule(old, pattern, disabled, NULL, NULL)
                           : new_rule(bus->object.heap, name, pattern, NULL, disabled, 1);
        status = rule != NULL ? swap(bus, old, rule) : no_memory(bus);
    }
    changed(bus);
    if (status == NIMBUS_OK) {
        nb_pattern_release(pattern);
    }
    return status;
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
    const nb_rule *old;
    nb_route *replaced = NULL;
    nb_rule *rule;
    nimbus_status status;

    nb_lock_acquire(&bus->change);
    old = nb_ruleset_find(nb_bus_rules(bus), name);
    replaced = old != NULL ? find_target(old, id) : NULL;
    if (old == NULL || (route == NULL && replaced == NULL)) {
        status = NIMBUS_E_NOT_FOUND;
    } else if (replaced == NULL && old->count >= bus->object.runtime->limits.max_targets_per_rule) {
        status = NIMBUS_E_OVER_LIMIT;
    } else {
        if (route != NULL) {
            route->editions = &bus->sets; /* nobody knows it yet */
        }
        rule = copy_rule(old, NULL, old->disabled, id, route);
        if (replaced != NULL) {
            nb_object_pin(&replaced->object);
        }
        status = rule != NULL ? swap(bus, old, rule) : no_memory(bus);
    }
    changed(bus);
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
    old = nb_ruleset_find(nb_bus_rules(bus), name);
    if (old != NULL) {
        rule = copy_rule(old, NULL, !enabled, NULL, NULL);
        status = rule != NULL ? swap(bus, old, rule) : no_memory(bus);
    }
    changed(bus);
    return status;
}

nimbus_status nb_rule_delete(nimbus_bus *bus, const char *name, bool force)
{
    nb_rule *old;
    nimbus_status status = NIMBUS_OK;

    nb_lock_acquire(&bus->change);
    old = (nb_rule *)(uintptr_t)nb_ruleset_find(nb_bus_rules(bus), name);
    if (old != NULL) {
        nb_add_relaxed(&old->references, 1); /* the set has one */
        status = old->count > 0 && !force ? NIMBUS_E_IN_USE : swap(bus, old, NULL);
    }
    changed(bus);
    for (size_t i = 0; old != NULL && status == NIMBUS_OK && i < old->count; i++) {
        nb_route_end(old->targets[i].hop.route);
    }
    release_rule(old);
    return status;
}
