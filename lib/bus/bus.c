#include "bus/bus.h"

#include "base/error.h"

static void end(nb_object *object)
{
    nimbus_bus *bus = nb_bus_of(object);
    nb_ruleset *set;

    nb_lock_acquire(&bus->change); /* who changes rules reads the set under it */
    nb_lock_acquire(&bus->lock);
    bus->ended = true;
    set = bus->set;
    bus->set = NULL;
    nb_lock_release(&bus->lock);
    nb_lock_release(&bus->change);
    for (size_t i = 0; set != NULL && i < set->count; i++) {
        for (size_t j = 0; j < set->rules[i]->count; j++) {
            nb_route_end(set->rules[i]->targets[j].route);
        }
    }
    nb_ruleset_release(set);
}

static void free_bus(nb_object *object)
{
    nimbus_bus *bus = nb_bus_of(object);

    nb_lock_fini(&bus->change);
    nb_lock_fini(&bus->lock);
    nb_free(object->heap, bus, sizeof *bus);
}

static const nb_object_ops bus_ops = { .end = end, .free = free_bus };

nimbus_bus *nb_bus_create(nimbus_runtime *nb, const char *text, const char *call, nimbus_error *err)
{
    nb_name *name = nb_names_intern(&nb->names, NB_BUS, text);
    nimbus_bus *bus = name != NULL ? nb_alloc_zero(nb->heap, sizeof *bus) : NULL;

    if (bus == NULL) {
        nb_name_release(name);
        nb_error_set(err, nb_heap_failure(nb->heap, sizeof *bus), call, NULL, "out of memory");
        return NULL;
    }
    nb_object_init(&bus->object, &bus_ops, NB_BUS, nb, name);
    nb_lock_init(&bus->lock);
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
