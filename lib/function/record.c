#include "function/record.h"

#include "base/id.h"
#include "json/reader.h"
#include "json/writer.h"

/* A payload that is JSON stands as it is; any other as a string. */
static void write_payload(nb_writer *to, const nimbus_message *message)
{
    nimbus_bytes body;
    size_t offset;
    const char *reason;

    if (message == NULL) {
        nb_write_text(to, "null");
        return;
    }
    body = nb_message_body(message);
    if (body.size > 0 && nb_json_validate(body.data, body.size, &offset, &reason) == NIMBUS_OK) {
        nb_write_bytes(to, body.data, body.size);
    } else {
        nb_write_string(to, body.data, body.size);
    }
}

static void write_id(nb_writer *to, nimbus_id id)
{
    char text[NIMBUS_ID_TEXT];

    nb_write_quoted(to, nb_id_text(id, text));
}

static void render(nb_writer *to, const nb_record *record, nimbus_time now)
{
    nb_write_text(to, "{\"version\":\"1.0\",\"timestamp\":\"");
    nb_write_time(to, now, true);
    nb_write_text(to, "\",\"requestContext\":{\"requestId\":");
    write_id(to, record->request);
    nb_write_text(to, ",\"functionArn\":");
    nb_write_quoted(to, record->function->name);
    nb_write_text(to, ",\"condition\":");
    nb_write_quoted(to, record->condition);
    nb_write_text(to, ",\"approximateInvokeCount\":");
    nb_write_unsigned(to, record->attempts);
    nb_write_text(to, "},\"requestPayload\":");
    write_payload(to, record->payload);
    if (record->attempts > 0) {
        nb_write_text(to, ",\"responseContext\":{\"statusCode\":200,\"executedVersion\":\"$LATEST\"");
        if (record->failed) {
            nb_write_text(to, ",\"functionError\":\"Unhandled\"");
        }
        nb_write_text(to, "},\"responsePayload\":");
        if (record->failed) {
            nb_write_text(to, "{\"errorMessage\":");
            nb_write_quoted(to, record->reason);
            nb_write_text(to, "}");
        } else {
            write_payload(to, record->reply);
        }
    }
    nb_write_text(to, "}");
}

static nimbus_message *make(nimbus_runtime *nb, const nb_record *record)
{
    nimbus_time now = nb_clock_wall(&nb->clock);
    nb_message_spec spec = { .body = { .kind = NIMBUS_BODY_COPY } };
    nimbus_message *message = NULL;
    nb_writer writer;

    nb_writer_open(&writer, NULL, 0);
    render(&writer, record, now);
    spec.body.size = writer.size;
    if (nb_message_make(nb->heap, &spec, &message) == NIMBUS_OK) {
        nb_writer_open(&writer, nb_message_space(message), spec.body.size);
        render(&writer, record, now);
    }
    return message;
}

bool nb_record_offer(nb_name *destination, const nb_record *record)
{
    nimbus_runtime *nb = record->function->object.runtime;
    nb_parcel parcel = { .id = nb_new_id(nb), .sent = nb_clock_wall(&nb->clock), .enqueued = nb_clock_elapsed(&nb->clock) };
    nb_object *target = nb_name_acquire(destination);
    nb_verdict verdict = NB_MISSING;

    parcel.message = target != NULL ? make(nb, record) : NULL;
    if (parcel.message != NULL) {
        verdict = target->ops->offer(target, &parcel);
        if (verdict != NB_DELIVERED && verdict != NB_PENDING) {
            nb_message_release(parcel.message);
        }
    }
    if (target != NULL) {
        nb_object_release(target);
    }
    return verdict == NB_DELIVERED || verdict == NB_PENDING;
}
