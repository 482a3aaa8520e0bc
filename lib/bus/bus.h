/*
 * bus.h - the bus: rules, and the put that matches events against them.
 *
 * The patterns of all rules lie in one matcher (pattern/matcher.h), each with its rule. A rule is immutable and counted; every change
 * makes a new one and puts it in the place of the old one, under `change`, and what runs out of memory changes nothing. A put matches
 * without waiting for anybody, takes a reference of each rule that it finds, and then delivers: so handlers may change rules meanwhile, or
 * never return.
 *
 * Seats. A put takes a seat (target/edition.h), and holds no edition on it: there is only one, of nothing. The seat says which inline
 * handler runs, lets targets be used without a count, makes the close wait, and counts.
 */
#ifndef NB_BUS_BUS_H
#define NB_BUS_BUS_H

#include <nimbus/bus.h>

#include "pattern/matcher.h"
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
    atomic_size_t references; /* the matcher's, and of puts that found it */
    nb_tally *tally;
    bool disabled;
    size_t room, count;      /* of targets, ordered by id */
    nb_rule_entry targets[];
} nb_rule;

struct nimbus_bus {
    nb_object object;
    nb_lock change;      /* one change at a time; taken before the locks of the matcher */
    nb_matcher *rules;   /* nb_rule, by name, in order of creation */
    size_t count;        /* of rules; under change */
    bool ended;          /* under change */
    nb_editions seats;
    nb_edition only;     /* of the seats */
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

/* find.c: the rules that an event matches, in order of creation, all held until the release. */
typedef struct nb_finds {
    nb_heap *heap;
    nb_rule **rules;
    uint32_t count, room;
    size_t targets;  /* of all of them */
    bool starved;
    nb_rule *few[8];
} nb_finds;

/* NIMBUS_E_JSON: the detail is no object; NIMBUS_E_NO_MEMORY, NIMBUS_E_FULL. The release is to follow in any case. */
nimbus_status nb_bus_match(nimbus_bus *bus, const nimbus_event *event, nimbus_id id, nimbus_time time, nb_finds *ret);
void nb_finds_release(nb_finds *finds);

/* rules.c */
void nb_rule_release(nb_rule *rule); /* NULL: nothing. Without a lock: it may run a destroy function */
void nb_rule_destroy(void *rule);    /* the same, for the matcher */
const nb_rule *nb_bus_find_rule(nimbus_bus *bus, const char *name); /* under change */

/* Changing. NIMBUS_OK, NIMBUS_E_NOT_FOUND, NIMBUS_E_OVER_LIMIT, NIMBUS_E_IN_USE, NIMBUS_E_DELETED, NIMBUS_E_NO_MEMORY, NIMBUS_E_FULL. */
nimbus_status nb_rule_put(nimbus_bus *bus, const char *name, const nb_draft *pattern, bool disabled);
nimbus_status nb_rule_set_target(nimbus_bus *bus, const char *name, const char *id, nb_route *route); /* route NULL: remove; else pins it */
nimbus_status nb_rule_enable(nimbus_bus *bus, const char *name, bool enabled);
nimbus_status nb_rule_delete(nimbus_bus *bus, const char *name, bool force);

#endif
