/* envelope.c - a notification as the JSON that SNS sends to queues. */
#include "base/id.h"
#include "json/writer.h"
#include "memory/attribute.h"
#include "topic/topic.h"

static void write_attribute(nb_writer *to, const nimbus_attribute *attribute)
{
    nb_write_quoted(to, attribute->name);
    nb_write_text(to, ":{\"Type\":\"");
    nb_write_text(to, nb_attribute_type(attribute->kind));
    if (attribute->label != NULL) {
        nb_write_text(to, ".");
        nb_write_text(to, attribute->label);
    }
    nb_write_text(to, "\",\"Value\":");
    if (attribute->kind == NIMBUS_BINARY) {
        nb_write_text(to, "\"");
        nb_write_base64(to, attribute->value.data, attribute->value.size);
        nb_write_text(to, "\"");
    } else {
        nb_write_string(to, attribute->value.data, attribute->value.size);
    }
    nb_write_text(to, "}");
}

static void render(nb_writer *to, const nimbus_topic *topic, const nb_parcel *parcel)
{
    const nimbus_message *message = parcel->message;
    nimbus_bytes body = nb_message_body(message);
    const nimbus_attribute *attributes;
    size_t count;
    char id[NIMBUS_ID_TEXT];

    nb_write_text(to, "{\"Type\":\"Notification\",\"MessageId\":");
    nb_write_quoted(to, nb_id_text(parcel->id, id));
    nb_write_text(to, ",\"TopicArn\":");
    nb_write_quoted(to, nb_name_text(topic->object.name));
    if (nb_message_subject(message) != NULL) {
        nb_write_text(to, ",\"Subject\":");
        nb_write_quoted(to, nb_message_subject(message));
    }
    nb_write_text(to, ",\"Message\":");
    nb_write_string(to, body.data, body.size);
    nb_write_text(to, ",\"Timestamp\":\"");
    nb_write_time(to, parcel->sent, true);
    nb_write_text(to, "\"");
    attributes = nb_message_attributes(message, &count);
    for (size_t i = 0; i < count; i++) {
        nb_write_text(to, i == 0 ? ",\"MessageAttributes\":{" : ",");
        write_attribute(to, &attributes[i]);
    }
    nb_write_text(to, count > 0 ? "}}" : "}");
}

nimbus_message *nb_topic_envelope(nimbus_topic *topic, const nb_parcel *parcel)
{
    nb_message_spec spec = { .body = { .kind = NIMBUS_BODY_COPY } };
    nimbus_message *message = NULL;
    nb_writer writer;

    nb_writer_open(&writer, NULL, 0);
    render(&writer, topic, parcel);
    spec.body.size = writer.size;
    if (nb_message_make(topic->object.heap, &spec, &message) == NIMBUS_OK) {
        nb_writer_open(&writer, nb_message_space(message), spec.body.size);
        render(&writer, topic, parcel);
    }
    return message;
}
