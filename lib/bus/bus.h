/*
 * bus.h - the bus: rules, and the put that matches events against them.
 *
 * Rules are immutable and counted; every change makes a new rule and a new rule set, an edition (target/edition.h), and swaps it in. A put
 * takes a seat and walks the set without lock; so handlers may change rules meanwhile, and a change that runs out of memory changes
 * nothing. Who changes or lists rules does so under `change`, under which the set stays.
 */
#ifndef NB_BUS_BUS_H
#define NB_BUS_BUS_H

#include <nimbus/bus.h>

#include "target/edition.h"
#include "target/route.h"

#define NB_DEFAULT_BUS "default"

/* The counter of a rule, shared by its versions. */
typedef struct nb_tally {
    nb_heap *heap;
    atomic_size_t references; /* lowered with acquire-release: the last one frees, here and below */
    _Atomic uint64_t matched;
} nb_tally;

typedef struct nb_rule_entry {
    char *id;   /* owned */
    nb_hop hop; /* its route is pinned */
} nb_rule_entry;

typedef struct nb_rule {
    nb_heap *heap;
    atomic_size_t references;
    char *name;
    nb_pattern *pattern;
    nb_tally *tally;
    bool disabled;
    size_t room, count;      /* of targets, ordered by id */
    nb_rule_entry targets[];
} nb_rule;

typedef struct nb_ruleset {
    nb_edition edition;
    nb_heap *heap;           /* NULL: it lies in its owner */
    size_t room, count;      /* of rules, in order of creation */
    nb_rule *rules[1];       /* room of them */
} nb_ruleset;

struct nimbus_bus {
    nb_object object;
    nb_lock change;      /* one change at a time; taken before the lock of sets */
    nb_editions sets;
    nb_ruleset last;     /* the one after the end: no rules */
    bool ended;          /* under the lock of sets */
    _Atomic uint64_t refused;
};

/* What its seats count. */
enum { NB_BUS_PUT, NB_BUS_UNMATCHED };

static inline nimbus_bus *nb_bus_of(nb_object *object)
{
    return NB_CONTAINER(object, nimbus_bus, object);
}

nimbus_bus *nb_bus_create(nimbus_runtime *nb, const char *name, const char *call, nimbus_error *err);

/* put.c */
nimbus_status nb_bus_check(const nimbus_bus *bus, const nimbus_event *event, nimbus_put_result *ret); /* fills field and offset */
size_t nb_event_size(const nimbus_event *event);                                                     /* EB-E6 */

/* One after the other, ret (NULL: not wanted) getting one answer each. The status of the last one that failed, or NIMBUS_OK. */
nimbus_status nb_bus_put(nimbus_bus *bus, const nimbus_event *events, size_t count, nimbus_put_result *ret);

/* rules.c: reading */
extern const nb_edition_ops nb_ruleset_ops;
nb_ruleset *nb_ruleset_make(nb_heap *heap, size_t room); /* without rules; NULL: out of memory */
const nb_ruleset *nb_bus_rules(nimbus_bus *bus);         /* under change */
const nb_rule *nb_ruleset_find(const nb_ruleset *set, const char *name);

/* rules.c: changing. NIMBUS_OK, NIMBUS_E_NOT_FOUND, NIMBUS_E_OVER_LIMIT, NIMBUS_E_IN_USE, NIMBUS_E_DELETED, NIMBUS_E_NO_MEMORY. */
nimbus_status nb_rule_put(nimbus_bus *bus, const char *name, nb_pattern *pattern, bool disabled); /* takes over the pattern on NIMBUS_OK */
nimbus_status nb_rule_set_target(nimbus_bus *bus, const char *name, const char *id, nb_route *route); /* route NULL: remove; else pins it */
nimbus_status nb_rule_enable(nimbus_bus *bus, const char *name, bool enabled);
nimbus_status nb_rule_delete(nimbus_bus *bus, const char *name, bool force);

#endif
