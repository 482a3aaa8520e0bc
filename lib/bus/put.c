/* put.c - events: checking, rendering, matching, delivering. */
#include <string.h>

#include "base/check.h"
#include "base/id.h"
#include "bus/bus.h"
#include "json/reader.h"
#include "json/writer.h"

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
    const char *reason;
    size_t offset = 0;

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
    if (nb_json_validate_object(event->detail.data, event->detail.size, &offset, &reason) != NIMBUS_OK) {
        ret->offset = offset;
        return at_fault(ret, NIMBUS_E_JSON, "detail");
    }
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

static nimbus_status make_message(nimbus_bus *bus, const nimbus_event *event, nimbus_id id, nimbus_message **ret)
{
    nimbus_time time = event->time != 0 ? event->time : nb_clock_wall(&bus->object.runtime->clock);
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

static void fire(const nb_rule *rule, const nb_parcel *parcel, nimbus_put_result *ret)
{
    ret->rules++;
    atomic_fetch_add_explicit(&rule->tally->matched, 1, memory_order_relaxed);
    for (size_t i = 0; i < rule->count; i++) {
        nb_delivered what = nb_route_deliver(rule->targets[i].route, parcel);

        ret->matched++;
        ret->delivered += what == NB_ROUTE_DELIVERED;
        ret->pending += what == NB_ROUTE_PENDING;
        ret->failed += what == NB_ROUTE_FAILED;
    }
}

static void match_all(nimbus_bus *bus, const nb_parcel *parcel, nimbus_put_result *ret)
{
    nb_ruleset *set = nb_bus_rules(bus);
    nimbus_bytes body = nb_message_body(parcel->message);

    for (size_t i = 0; set != NULL && i < set->count; i++) {
        bool match = false;

        if (!set->rules[i]->disabled && nb_pattern_match(set->rules[i]->pattern, body.data, body.size, &match) == NIMBUS_OK && match) {
            fire(set->rules[i], parcel, ret);
        }
    }
    nb_ruleset_release(set);
}

nimbus_status nb_bus_put(nimbus_bus *bus, const nimbus_event *event, nimbus_put_result *ret)
{
    nimbus_runtime *nb = bus->object.runtime;
    nb_parcel parcel = { .id = nb_new_id(nb), .sent = nb_clock_wall(&nb->clock), .enqueued = nb_clock_elapsed(&nb->clock) };

    if (!nb_nest_enter()) {
        return ret->status = NIMBUS_E_TOO_DEEP;
    }
    nb_waiting_begin(nb); /* as in nb_topic_publish() */
    ret->status = make_message(bus, event, parcel.id, &parcel.message);
    if (ret->status == NIMBUS_OK) {
        ret->id = parcel.id;
        match_all(bus, &parcel, ret);
        nb_message_release(parcel.message);
        nb_lock_acquire(&bus->lock);
        bus->counts.put++;
        bus->counts.unmatched += ret->rules == 0;
        nb_lock_release(&bus->lock);
    }
    nb_waiting_end(nb);
    nb_nest_leave();
    return ret->status;
}

void nb_bus_count_refused(nimbus_bus *bus)
{
    nb_lock_acquire(&bus->lock);
    bus->counts.refused++;
    nb_lock_release(&bus->lock);
}
