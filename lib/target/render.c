/* render.c - filling in the places of a template. */
#include <string.h>

#include "json/reader.h"
#include "target/transformer.h"

typedef struct rendering {
    const nb_transformer *transformer;
    nb_writer *to;
    bool quoted; /* the place stands inside of a string */
    uint32_t count; /* values of a list so far */
} rendering;

/* A container in a text: without blanks, and without the quotes of its strings. */
static void write_bare(nb_writer *to, const char *value, size_t size)
{
    nb_json_reader reader;
    nb_json_event event, before = NB_JSON_END;

    nb_json_open(&reader, value, size, 0);
    while ((event = nb_json_next(&reader)) > NB_JSON_END) {
        bool opens = before == NB_JSON_OBJECT || before == NB_JSON_ARRAY || before == NB_JSON_END || before == NB_JSON_KEY;

        if (!opens && event != NB_JSON_OBJECT_END && event != NB_JSON_ARRAY_END) {
            nb_write_text(to, ",");
        }
        if (event == NB_JSON_KEY || event == NB_JSON_STRING) {
            nb_write_bytes(to, reader.token + 1, reader.size - 2);
            nb_write_text(to, event == NB_JSON_KEY ? ":" : "");
        } else {
            nb_write_bytes(to, reader.token, reader.size);
        }
        before = event;
    }
}

static void write_value(const rendering *r, const char *value, size_t size)
{
    bool container = *value == '{' || *value == '[';

    if (r->quoted && *value == '"') {
        nb_write_bytes(r->to, value + 1, size - 2); /* its escapes are those of the string around it */
    } else if (r->transformer->is_text && container) {
        write_bare(r->to, value, size);
    } else {
        nb_write_bytes(r->to, value, size);
    }
}

static bool write_element(const char *value, size_t size, void *user)
{
    rendering *r = user;
    bool quoted = r->quoted;

    nb_write_text(r->to, r->count++ > 0 ? "," : "[");
    r->quoted = quoted && r->transformer->is_text; /* a list in a text loses its quotes, one in JSON keeps them */
    write_value(r, value, size);
    r->quoted = quoted;
    return true;
}

/* What selects nothing is an empty string. */
static void write_path(rendering *r, const nb_json_path *path, const char *event, size_t size)
{
    nimbus_bytes value;

    if (path->many) {
        r->count = 0;
        nb_json_path_each(path, event, size, write_element, r);
        nb_write_text(r->to, r->count == 0 ? "[]" : "]");
    } else if (nb_json_path_one(path, event, size, &value)) {
        write_value(r, value.data, value.size);
    } else if (!r->quoted) {
        nb_write_text(r->to, "\"\"");
    }
}

/* A text of ours; nothing in it needs an escape. */
static void write_name(const rendering *r, const char *text)
{
    nb_write_text(r->to, r->quoted ? "" : "\"");
    nb_write_text(r->to, text);
    nb_write_text(r->to, r->quoted ? "" : "\"");
}

static void write_time(const rendering *r, nimbus_time time)
{
    nb_write_text(r->to, r->quoted ? "" : "\"");
    nb_write_time(r->to, time, false);
    nb_write_text(r->to, r->quoted ? "" : "\"");
}

/* The event without its detail, and with "detailType" for "detail-type". */
static void write_event(const rendering *r, const char *event, size_t size)
{
    nb_json_reader reader;
    nb_writer *to = r->to;
    bool first = true;

    nb_json_open(&reader, event, size, 0);
    nb_json_next(&reader);
    nb_write_text(to, "{");
    while (nb_json_next(&reader) == NB_JSON_KEY) {
        bool bare = r->transformer->is_text;
        bool type = reader.size == 13 && memcmp(reader.token, "\"detail-type\"", 13) == 0;
        const char *key = type ? "\"detailType\"" : reader.token;
        size_t key_size = type ? 12 : reader.size;
        const char *value;

        if (reader.size == 8 && memcmp(reader.token, "\"detail\"", 8) == 0) {
            nb_json_skip(&reader);
            continue;
        }
        nb_write_text(to, first ? "" : ",");
        first = false;
        nb_write_bytes(to, key + bare, key_size - 2 * bare);
        nb_write_text(to, ":");
        nb_json_next(&reader);
        value = reader.token;
        nb_json_skip(&reader);
        if (bare) {
            write_bare(to, value, (size_t)(reader.token + reader.size - value));
        } else {
            nb_write_bytes(to, value, (size_t)(reader.token + reader.size - value));
        }
    }
    nb_write_text(to, "}");
}

void nb_transformer_write(const nb_transformer *transformer, const char *event, size_t size, nimbus_time time, nb_writer *to)
{
    rendering r = { transformer, to, false, 0 };
    nimbus_bytes value;

    if (transformer->constant != NULL) {
        nb_write_text(to, transformer->constant);
        return;
    }
    if (transformer->selects && !transformer->paths[0].many) {
        if (nb_json_path_one(&transformer->paths[0], event, size, &value)) {
            nb_write_bytes(to, value.data, value.size);
        } else {
            nb_write_text(to, "null");
        }
        return;
    }
    if (transformer->selects) {
        write_path(&r, &transformer->paths[0], event, size);
        return;
    }
    for (uint32_t i = 0; i < transformer->piece_count; i++) {
        const nb_template_piece *piece = &transformer->pieces[i];

        r.quoted = piece->quoted;
        switch (piece->kind) {
        case NB_PIECE_TEXT:
            nb_write_bytes(to, piece->text, piece->size);
            break;
        case NB_PIECE_PATH:
            write_path(&r, &transformer->paths[piece->number], event, size);
            break;
        case NB_PIECE_RULE_ARN:
        case NB_PIECE_RULE_NAME:
            write_name(&r, piece->kind == NB_PIECE_RULE_ARN ? transformer->rule_arn : transformer->rule_name);
            break;
        case NB_PIECE_TIME:
            write_time(&r, time);
            break;
        case NB_PIECE_EVENT:
            write_event(&r, event, size);
            break;
        case NB_PIECE_EVENT_JSON:
        default:
            nb_write_bytes(to, event, size);
            break;
        }
    }
}
