/* find.c - which rules an event matches. The event is handed to the matcher in its parts: nobody writes it as JSON for that. */
#include <string.h>

#include "base/id.h"
#include "bus/bus.h"
#include "json/writer.h"
#include "pattern/member.h"

static size_t write_id(const void *what, char *to)
{
    char text[NIMBUS_ID_TEXT];
    size_t size = strlen(nb_id_text(*(const nimbus_id *)what, text));

    memcpy(to, text, size);
    return size;
}

static size_t write_time(const void *what, char *to)
{
    nb_writer writer;

    nb_writer_open(&writer, to, NB_MEMBER_ROOM);
    nb_write_time(&writer, *(const nimbus_time *)what, false);
    return writer.size;
}

static bool make_room(nb_finds *finds)
{
    uint32_t room = finds->room * 4;
    nb_rule **rules = nb_alloc_array(finds->heap, room, sizeof *rules);

    if (rules == NULL) {
        return false;
    }
    memcpy(rules, finds->rules, finds->count * sizeof *rules);
    if (finds->rules != finds->few) {
        nb_free(finds->heap, finds->rules, finds->room * sizeof *rules);
    }
    finds->rules = rules;
    finds->room = room;
    return true;
}

/* Called by the matcher for each rule in turn. The rule cannot go before it returns. */
static bool note(const nimbus_matched *matched, void *user)
{
    nb_finds *finds = user;
    nb_rule *rule = matched->user;

    if (finds->count == finds->room && !make_room(finds)) {
        finds->starved = true;
        return false;
    }
    nb_add_relaxed(&rule->references, 1); /* the matcher has one */
    finds->rules[finds->count++] = rule;
    finds->targets += rule->count;
    return true;
}

#define TEXT(name, text) { .key = name, .key_size = sizeof name - 1, .kind = NB_MEMBER_TEXT, .data = (text), .size = strlen(text) }

nimbus_status nb_bus_match(nimbus_bus *bus, const nimbus_event *event, nimbus_id id, nimbus_time time, nb_finds *ret)
{
    const nimbus_runtime *nb = bus->object.runtime;
    nb_member members[] = {
        TEXT("source", event->source),
        TEXT("detail-type", event->detail_type),
        TEXT("account", nb->account),
        TEXT("region", nb->region),
        TEXT("version", "0"),
        { .key = "id", .key_size = 2, .kind = NB_MEMBER_MADE, .make = write_id, .what = &id },
        { .key = "time", .key_size = 4, .kind = NB_MEMBER_MADE, .make = write_time, .what = &time },
        { .key = "resources", .key_size = 9, .kind = NB_MEMBER_TEXTS, .texts = event->resources, .size = event->resource_count },
        { .key = "detail", .key_size = 6, .kind = NB_MEMBER_OBJECT, .data = event->detail.data, .size = event->detail.size }
    };
    nb_subject subject = { .members = members, .member_count = sizeof members / sizeof members[0] };
    nimbus_status status;

    ret->heap = bus->object.heap;
    ret->rules = ret->few;
    ret->room = sizeof ret->few / sizeof ret->few[0];
    ret->count = 0;
    ret->targets = 0;
    ret->starved = false;
    status = nb_matcher_match(bus->rules, &subject, note, ret, NULL);
    return status == NIMBUS_E_NO_MEMORY || ret->starved ? nb_heap_failure(ret->heap, sizeof(nb_rule)) : status;
}

void nb_finds_release(nb_finds *finds)
{
    for (uint32_t i = 0; i < finds->count; i++) {
        nb_rule_release(finds->rules[i]);
    }
    if (finds->rules != finds->few) {
        nb_free(finds->heap, finds->rules, finds->room * sizeof *finds->rules);
    }
}
