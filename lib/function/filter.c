#include "function/filter.h"

#include <string.h>

#include "base/id.h"
#include "json/writer.h"
#include "memory/attribute.h"

enum { PART_BODY, PART_ID, PART_ATTRIBUTES, PART_MESSAGE_ATTRIBUTES, PART_SOURCE, PART_ARN, PART_REGION, PARTS };

const char *const nb_record_parts[] = {
    [PART_BODY] = "body",
    [PART_ID] = "messageId",
    [PART_ATTRIBUTES] = "attributes",
    [PART_MESSAGE_ATTRIBUTES] = "messageAttributes",
    [PART_SOURCE] = "eventSource",
    [PART_ARN] = "eventSourceARN",
    [PART_REGION] = "awsRegion",
    [PARTS] = NULL
};

#define MAX_MEMBERS 16
#define MAX_NAME 256 /* of a message attribute */

/* The members that are there whatever the message's own attributes are. */
typedef struct record {
    nb_member members[MAX_MEMBERS];
    size_t count;
    uint32_t parts; /* that the filter names */
} record;

/* ------------------------------------------------------------------------------------------- made texts */

static size_t write_id(const void *what, char *to)
{
    char text[NIMBUS_ID_TEXT];
    size_t size = strlen(nb_id_text(*(const nimbus_id *)what, text));

    memcpy(to, text, size);
    return size;
}

static size_t write_count(const void *what, char *to)
{
    nb_writer writer;

    nb_writer_open(&writer, to, NB_MEMBER_ROOM);
    nb_write_unsigned(&writer, *(const uint32_t *)what);
    return writer.size;
}

/* Milliseconds since 1970. */
static size_t write_moment(const void *what, char *to)
{
    nb_writer writer;

    nb_writer_open(&writer, to, NB_MEMBER_ROOM);
    nb_write_signed(&writer, *(const nimbus_time *)what / NIMBUS_MS(1));
    return writer.size;
}

/* ------------------------------------------------------------------------------------------------ parts */

static void add_text(record *r, unsigned part, const char *key, const char *text, size_t size)
{
    if ((r->parts >> part & 1) != 0 && text != NULL) {
        r->members[r->count++] = (nb_member){ .key = key, .key_size = (uint32_t)strlen(key), .kind = NB_MEMBER_TEXT, .data = text,
                                              .size = size };
    }
}

static void add_made(record *r, unsigned part, const char *key, size_t (*make)(const void *, char *), const void *what)
{
    if ((r->parts >> part & 1) != 0) {
        r->members[r->count++] = (nb_member){ .key = key, .key_size = (uint32_t)strlen(key), .kind = NB_MEMBER_MADE, .make = make,
                                              .what = what };
    }
}

static void make_record(record *r, const nb_feed *feed, const nb_delivery *delivery)
{
    nimbus_bytes body = nb_message_body(delivery->message);
    size_t group_size = 0;
    const char *group = nb_message_group(delivery->message, &group_size);

    if ((r->parts >> PART_BODY & 1) != 0) {
        r->members[r->count++] = (nb_member){ .key = "body", .key_size = 4, .kind = NB_MEMBER_BODY, .data = body.data, .size = body.size };
    }
    add_made(r, PART_ID, "messageId", write_id, &delivery->id);
    add_made(r, PART_ATTRIBUTES, "attributes.ApproximateReceiveCount", write_count, &delivery->receive_count);
    add_made(r, PART_ATTRIBUTES, "attributes.SentTimestamp", write_moment, &delivery->sent);
    add_made(r, PART_ATTRIBUTES, "attributes.ApproximateFirstReceiveTimestamp", write_moment, &delivery->first_received);
    add_text(r, PART_ATTRIBUTES, "attributes.MessageGroupId", group, group_size);
    add_text(r, PART_SOURCE, "eventSource", "aws:sqs", 7);
    add_text(r, PART_ARN, "eventSourceARN", nb_name_text(feed->queue), strlen(nb_name_text(feed->queue)));
    add_text(r, PART_REGION, "awsRegion", feed->function->object.runtime->region, strlen(feed->function->object.runtime->region));
}

/* ----------------------------------------------------------------------------------- message attributes */

/* An attribute's value and type, with room for their keys. Binary values do not take part. */
typedef struct room {
    char value_key[MAX_NAME + 48], type_key[MAX_NAME + 48], type[MAX_NAME + 16];
} room;

static uint32_t make_text(char *to, size_t size, const char *first, const char *second, const char *third)
{
    nb_writer writer;

    nb_writer_open(&writer, to, size);
    nb_write_text(&writer, first);
    nb_write_text(&writer, second);
    nb_write_text(&writer, third);
    return (uint32_t)(writer.size < size ? writer.size : size);
}

static void add_attribute(nb_member to[2], room *space, const nimbus_attribute *a)
{
    bool label = a->label != NULL;

    to[0] = (nb_member){ .key = space->value_key, .data = a->value.data, .kind = NB_MEMBER_TEXT, .size = a->value.size,
                         .key_size = make_text(space->value_key, sizeof space->value_key, "messageAttributes.", a->name, ".stringValue") };
    if (a->kind == NIMBUS_BINARY) {
        to[0].kind = NB_MEMBER_TEXTS;
        to[0].size = 0;
    }
    to[1] = (nb_member){ .key = space->type_key, .kind = NB_MEMBER_TEXT, .data = space->type,
                         .size = make_text(space->type, sizeof space->type, nb_attribute_type(a->kind), label ? "." : "",
                                           label ? a->label : ""),
                         .key_size = make_text(space->type_key, sizeof space->type_key, "messageAttributes.", a->name, ".dataType") };
}

/* With the message's own attributes, whose number only its limits bound. */
static nimbus_status match_with_attributes(const nb_feed *feed, const record *r, const nimbus_attribute *attributes, size_t count,
                                           bool *ret_match)
{
    nb_heap *heap = feed->function->object.heap;
    size_t bytes = count * (2 * sizeof(nb_member) + sizeof(room)) + r->count * sizeof(nb_member);
    nb_member *members = nb_alloc(heap, bytes);
    room *rooms;
    nimbus_status status;

    if (members == NULL) {
        return NIMBUS_E_NO_MEMORY;
    }
    memcpy(members, r->members, r->count * sizeof *members);
    rooms = (room *)(void *)(members + r->count + 2 * count);
    for (size_t i = 0; i < count; i++) {
        add_attribute(members + r->count + 2 * i, &rooms[i], &attributes[i]);
    }
    status = nb_filter_match(feed->options.filter, members, r->count + 2 * count, ret_match);
    nb_free(heap, members, bytes);
    return status;
}

nimbus_status nb_record_matches(const nb_feed *feed, const nb_delivery *delivery, bool *ret_match)
{
    record r = { .count = 0, .parts = nb_filter_parts(feed->options.filter) };
    const nimbus_attribute *attributes;
    size_t count;

    make_record(&r, feed, delivery);
    attributes = nb_message_attributes(delivery->message, &count);
    if ((r.parts >> PART_MESSAGE_ATTRIBUTES & 1) != 0 && count > 0) {
        return match_with_attributes(feed, &r, attributes, count, ret_match);
    }
    return nb_filter_match(feed->options.filter, r.members, r.count, ret_match);
}
