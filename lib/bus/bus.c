#include "bus/bus.h"

#include "base/error.h"

/* From `ended` on nobody changes the rules, so they stay while their targets are ended. */
static void end(nb_object *object)
{
    nimbus_bus *bus = nb_bus_of(object);
    const nb_ruleset *set;

    nb_lock_acquire(&bus->change); /* who changes rules reads the set under it */
    nb_lock_acquire(&bus->sets.lock);
    bus->ended = true;
    nb_lock_release(&bus->sets.lock);
    set = nb_bus_rules(bus);
    nb_lock_release(&bus->change);
    for (size_t i = 0; i < set->count; i++) {
        for (size_t j = 0; j < set->rules[i]->count; j++) {
            nb_route_end(set->rules[i]->targets[j].hop.route);
        }
    }
    nb_lock_acquire(&bus->change);
    nb_lock_acquire(&bus->sets.lock);
    nb_editions_swap(&bus->sets, &bus->last.edition);
    nb_lock_release(&bus->sets.lock);
    nb_lock_release(&bus->change);
    nb_editions_sweep(&bus->sets);
}

static void inside(nb_object *object, nb_inside_counts *sum)
{
    nb_editions_inside(&nb_bus_of(object)->sets, sum);
}

static void free_bus(nb_object *object)
{
    nimbus_bus *bus = nb_bus_of(object);

    nb_editions_fini(&bus->sets);
    nb_lock_fini(&bus->change);
    nb_free(object->heap, bus, sizeof *bus);
}

static const nb_object_ops bus_ops = { .end = end, .free = free_bus, .inside = inside };

nimbus_bus *nb_bus_create(nimbus_runtime *nb, const char *text, const char *call, nimbus_error *err)
{
    nb_name *name = nb_names_intern(&nb->names, NB_BUS, text);
    nimbus_bus *bus = name != NULL ? nb_alloc_zero(nb->heap, sizeof *bus) : NULL;
    nb_ruleset *first = bus != NULL ? nb_ruleset_make(nb->heap, 0) : NULL;

    if (first == NULL) {
        nb_free(nb->heap, bus, sizeof *bus);
        nb_name_release(name);
        nb_error_set(err, nb_heap_failure(nb->heap, sizeof *bus), call, NULL, "out of memory");
        return NULL;
    }
    nb_object_init(&bus->object, &bus_ops, NB_BUS, nb, name);
    nb_editions_init(&bus->sets, &nb_ruleset_ops, nb->heap, &first->edition);
    nb_lock_init(&bus->change);
    nb_object_publish(&bus->object);
    if (!nb_name_fill(name, &bus->object)) {
        nb_object_end(&bus->object);
        nb_object_release(&bus->object);
        nb_error_set(err, NIMBUS_E_EXISTS, call, "name", "a bus of that name exists");
        bus = NULL;
    }
    nb_name_release(name);
    return bus;
}
