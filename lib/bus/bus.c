#include "bus/bus.h"

#include "base/error.h"

/* From `ended` on nobody changes the rules, so they stay while their targets are ended. */
static void end(nb_object *object)
{
    nimbus_bus *bus = nb_bus_of(object);
    const nb_rule *rule;
    uint32_t at = 0;

    nb_lock_acquire(&bus->change);
    bus->ended = true;
    nb_lock_release(&bus->change);
    while ((rule = nb_matcher_next(bus->rules, &at)) != NULL) {
        for (size_t i = 0; i < rule->count; i++) {
            nb_route_end(rule->targets[i].hop.route);
        }
    }
    nb_lock_acquire(&bus->change);
    nb_matcher_clear(bus->rules);
    bus->count = 0;
    nb_lock_release(&bus->change);
    nb_matcher_sweep(bus->rules);
}

static void inside(nb_object *object, nb_inside_counts *sum)
{
    nb_editions_inside(&nb_bus_of(object)->seats, sum);
}

static void free_bus(nb_object *object)
{
    nimbus_bus *bus = nb_bus_of(object);

    nb_matcher_release(bus->rules);
    nb_editions_fini(&bus->seats);
    nb_lock_fini(&bus->change);
    nb_free(object->heap, bus, sizeof *bus);
}

static const nb_object_ops bus_ops = { .end = end, .free = free_bus, .inside = inside };

/* The one edition of the seats lies in the bus. */
static void nothing(nb_edition *edition)
{
    (void)edition;
}

static const nb_edition_ops seat_ops = { nothing, nothing };

static nimbus_bus *make(nimbus_runtime *nb)
{
    nimbus_bus *bus = nb_alloc_zero(nb->heap, sizeof *bus);
    nb_matcher_spec spec = { .destroy = nb_rule_destroy, .inside = true };
    nimbus_status status;

    if (bus == NULL) {
        return NULL;
    }
    bus->rules = nb_matcher_create(nb->heap, &spec, &status);
    if (bus->rules == NULL) {
        nb_free(nb->heap, bus, sizeof *bus);
        return NULL;
    }
    nb_editions_init(&bus->seats, &seat_ops, nb->heap, &bus->only);
    nb_lock_init(&bus->change);
    return bus;
}

nimbus_bus *nb_bus_create(nimbus_runtime *nb, const char *text, const char *call, nimbus_error *err)
{
    nb_name *name = nb_names_intern(&nb->names, NB_BUS, text);
    nimbus_bus *bus = name != NULL ? make(nb) : NULL;

    if (bus == NULL) {
        nb_name_release(name);
        nb_error_set(err, nb_heap_failure(nb->heap, sizeof *bus), call, NULL, "out of memory");
        return NULL;
    }
    nb_object_init(&bus->object, &bus_ops, NB_BUS, nb, name);
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
