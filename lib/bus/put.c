/* put.c - events: checking, rendering, matching, delivering. */
#include <string.h>

#include "base/check.h"
#include "base/id.h"
#include "bus/bus.h"
#include "json/reader.h"
#include "json/writer.h"
#include "target/walk.h"

static size_t text_size(const char *text)
{
    return text != NULL ? strlen(text) : 0;
}

size_t nb_event_size(const nimbus_event *event)
{
    size_t size = (event->time != 0 ? 14 : 0) + text_size(event->source) + text_size(event->detail_type);

    for (size_t i = 0; event->resources != NULL && i < event->resource_count; i++) {
        size += text_size(event->resources[i]);
    }
    return event->detail.size > SIZE_MAX / 2 ? SIZE_MAX : size + event->detail.size;
}

static nimbus_status at_fault(nimbus_put_result *ret, nimbus_status status, const char *field)
{
    ret->field = field;
    return ret->status = status;
}

nimbus_status nb_bus_check(const nimbus_bus *bus, const nimbus_event *event, nimbus_put_result *ret)
{
    if (!nb_reserved_clear(event->reserved_, 4)) {
        return at_fault(ret, NIMBUS_E_INVALID, "reserved_");
    }
    if (event->resource_count > 0 && event->resources == NULL) {
        return at_fault(ret, NIMBUS_E_INVALID, "resources");
    }
    for (size_t i = 0; i < event->resource_count; i++) {
        if (event->resources[i] == NULL) {
            return at_fault(ret, NIMBUS_E_INVALID, "resources");
        }
    }
    if (event->time < 0) {
        return at_fault(ret, NIMBUS_E_INVALID, "time");
    }
    if (text_size(event->source) == 0 || text_size(event->detail_type) == 0) {
        return at_fault(ret, NIMBUS_E_MISSING, text_size(event->source) == 0 ? "source" : "detail_type");
    }
    if (event->detail.data == NULL || event->detail.size == 0) {
        return at_fault(ret, NIMBUS_E_MISSING, "detail");
    }
    if (nb_event_size(event) > bus->object.runtime->limits.max_event_size) {
        return at_fault(ret, NIMBUS_E_TOO_LARGE, "detail");
    }
    return NIMBUS_OK;
}

/* Whether the detail is a JSON object; if not, ret says where. */
static nimbus_status check_detail(const nimbus_event *event, nimbus_put_result *ret)
{
    const char *reason;

    if (nb_json_validate_object(event->detail.data, event->detail.size, &ret->offset, &reason) != NIMBUS_OK) {
        return at_fault(ret, NIMBUS_E_JSON, "detail");
    }
    ret->offset = 0;
    return NIMBUS_OK;
}

/* -------------------------------------------------------------------------------------------- rendering */

/* Returns where the detail begins. */
static size_t render(nb_writer *to, const nimbus_bus *bus, const nimbus_event *event, nimbus_id id, nimbus_time time)
{
    const nimbus_runtime *nb = bus->object.runtime;
    char text[NIMBUS_ID_TEXT];
    size_t detail;

    nb_write_text(to, "{\"version\":\"0\",\"id\":");
    nb_write_quoted(to, nb_id_text(id, text));
    nb_write_text(to, ",\"detail-type\":");
    nb_write_quoted(to, event->detail_type);
    nb_write_text(to, ",\"source\":");
    nb_write_quoted(to, event->source);
    nb_write_text(to, ",\"account\":");
    nb_write_quoted(to, nb->account);
    nb_write_text(to, ",\"time\":\"");
    nb_write_time(to, time, false);
    nb_write_text(to, "\",\"region\":");
    nb_write_quoted(to, nb->region);
    nb_write_text(to, ",\"resources\":[");
    for (size_t i = 0; i < event->resource_count; i++) {
        nb_write_text(to, i > 0 ? "," : "");
        nb_write_quoted(to, event->resources[i]);
    }
    nb_write_text(to, "],\"detail\":");
    detail = to->size;
    nb_write_bytes(to, event->detail.data, event->detail.size);
    nb_write_text(to, "}");
    return detail;
}

static nimbus_status make_message(nimbus_bus *bus, const nimbus_event *event, nimbus_id id, nimbus_time time, nimbus_message **ret)
{
    nb_event_spec parts = { .id = id, .source = event->source, .detail_type = event->detail_type, .resources = event->resources,
                            .resource_count = event->resource_count, .time = time };
    nb_message_spec spec = { .body = { .kind = NIMBUS_BODY_COPY }, .event = &parts };
    nimbus_status status;
    nb_writer writer;
    size_t detail;

    nb_writer_open(&writer, NULL, 0);
    detail = render(&writer, bus, event, id, time);
    spec.body.size = writer.size;
    status = nb_message_make(bus->object.heap, &spec, ret);
    if (status == NIMBUS_OK) {
        nb_writer_open(&writer, nb_message_space(*ret), spec.body.size);
        render(&writer, bus, event, id, time);
        nb_message_set_detail(*ret, detail, event->detail.size);
    }
    return status;
}

/* ------------------------------------------------------------------------------------------ delivering */

/* What a target with a transformer gets in the place of the event. NIMBUS_E_JSON: no JSON came out. */
static nimbus_status transform(nb_heap *heap, const nb_transformer *transformer, const nb_parcel *parcel, nimbus_message **ret)
{
    nimbus_bytes event = nb_message_body(parcel->message);
    nb_message_spec spec = { .body = { .kind = NIMBUS_BODY_COPY } };
    nimbus_status status;
    nb_writer writer;

    nb_writer_open(&writer, NULL, 0);
    nb_transformer_write(transformer, event.data, event.size, parcel->sent, &writer);
    spec.body.size = writer.size;
    status = nb_message_make(heap, &spec, ret);
    if (status == NIMBUS_OK) {
        nb_writer_open(&writer, nb_message_space(*ret), spec.body.size);
        nb_transformer_write(transformer, event.data, event.size, parcel->sent, &writer);
        if (nb_transformer_is_json(transformer) && nb_json_validate(writer.buffer, writer.size, NULL, NULL) != NIMBUS_OK) {
            nb_message_release(*ret);
            status = NIMBUS_E_JSON;
        }
    }
    return status;
}

/* By a walk of its own: it is another message. */
static void deliver_transformed(nb_walk *walk, const nb_hop *hop)
{
    nb_route *route = hop->route;
    nb_parcel parcel = *walk->parcel;
    nimbus_status status = transform(route->object.heap, route->transformer, walk->parcel, &parcel.message);
    nb_walk other;

    if (status != NIMBUS_OK) {
        switch (nb_route_fail(route, walk->parcel, status == NIMBUS_E_JSON ? &nb_failure_input : &nb_failure_full)) {
        case NB_ROUTE_PENDING:
            walk->pending++;
            break;
        default:
            walk->failed++;
            break;
        }
        return;
    }
    nb_walk_begin(&other, walk->nb, walk->editions, walk->seat, &parcel, true, walk->source);
    nb_walk_deliver(&other, hop, &parcel);
    nb_walk_end(&other, true);
    walk->delivered += other.delivered;
    walk->pending += other.pending;
    walk->failed += other.failed;
}

static void fire(const nb_rule *rule, nb_walk *walk)
{
    nb_walk_reserve(walk, rule->count);
    for (size_t i = 0; i < rule->count; i++) {
        nb_add_relaxed(&rule->targets[i].hop.route->walked, 1);
        if (rule->targets[i].hop.route->transformer != NULL) {
            deliver_transformed(walk, &rule->targets[i].hop);
        } else {
            nb_walk_deliver(walk, &rule->targets[i].hop, walk->parcel);
        }
    }
}

/* On a seat. */
static void put(nimbus_bus *bus, nb_seat *seat, const nimbus_event *event, nimbus_put_result *ret)
{
    nimbus_runtime *nb = bus->object.runtime;
    nb_parcel parcel = { .id = nb_new_id(nb) };
    nimbus_time time;
    nb_finds finds;
    nb_walk walk;

    parcel.enqueued = nb_clock_coarse(&nb->clock, &parcel.sent);
    time = event->time != 0 ? event->time : parcel.sent;
    ret->status = nb_bus_match(bus, event, parcel.id, time, &finds);
    if (ret->status == NIMBUS_OK && finds.targets > 0) {
        ret->status = make_message(bus, event, parcel.id, time, &parcel.message);
    }
    if (ret->status != NIMBUS_OK) {
        if (ret->status == NIMBUS_E_JSON) {
            check_detail(event, ret);
        }
        nb_finds_release(&finds);
        return;
    }
    ret->id = parcel.id;
    ret->rules = finds.count;
    for (uint32_t i = 0; i < finds.count; i++) {
        nb_add_relaxed(&finds.rules[i]->tally->matched, 1); /* a count, ordered with nothing */
    }
    if (finds.targets > 0) {
        nb_walk_begin(&walk, nb, &bus->seats, seat, &parcel, true, NULL);
        for (uint32_t i = 0; i < finds.count; i++) {
            fire(finds.rules[i], &walk);
        }
        nb_walk_end(&walk, true);
        ret->delivered = walk.delivered;
        ret->pending = walk.pending;
        ret->failed = walk.failed;
        ret->matched = walk.delivered + walk.pending + walk.failed;
    }
    nb_finds_release(&finds);
    nb_seat_add(seat, NB_BUS_PUT, 1);
    nb_seat_add(seat, NB_BUS_UNMATCHED, ret->rules == 0);
}

nimbus_status nb_bus_put(nimbus_bus *bus, const nimbus_event *events, size_t count, nimbus_put_result *ret)
{
    nb_seat *seat = nb_seat_take(&bus->seats); /* first of all: from here on the close waits for us */
    bool nested = seat != NULL && nb_nest_enter();
    nimbus_status worst = NIMBUS_OK;
    nimbus_put_result one;

    for (size_t i = 0; i < count; i++) {
        memset(&one, 0, sizeof one);
        one.status = nb_object_ended(&bus->object) ? NIMBUS_E_DELETED : nb_intake(bus->object.runtime);
        if (one.status == NIMBUS_OK && nb_bus_check(bus, &events[i], &one) == NIMBUS_OK) {
            if (nested) {
                put(bus, seat, &events[i], &one);
            } else if (check_detail(&events[i], &one) == NIMBUS_OK) {
                one.status = seat != NULL ? NIMBUS_E_TOO_DEEP : nb_heap_failure(bus->object.heap, sizeof *seat);
            }
        }
        if (one.status != NIMBUS_OK) {
            worst = one.status;
            nb_add_relaxed(&bus->refused, 1);
        }
        if (ret != NULL) {
            ret[i] = one;
        }
    }
    if (nested) {
        nb_nest_leave();
    }
    if (seat != NULL) {
        nb_seat_leave(&bus->seats, seat);
    }
    return worst;
}
