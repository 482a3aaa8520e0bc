#include "json/token.h"

void nb_json_open(nb_json_reader *reader, const void *data, size_t size, unsigned max_depth)
{
    reader->size = reader->offset = 0; /* of objects, each bit is set before it is read */
    reader->escaped = false;
    reader->reason = NULL;
    reader->depth = 0;
    reader->start = data != NULL ? data : "";
    reader->at = reader->start;
    reader->end = reader->start + size;
    reader->token = reader->start;
    reader->max_depth = max_depth == 0 || max_depth > NB_JSON_MAX_DEPTH ? NB_JSON_MAX_DEPTH : max_depth;
    reader->state = NB_STATE_VALUE;
}

static nb_json_event fail(nb_json_reader *reader, const char *at, const char *reason)
{
    nb_token_fail(reader, at, reason);
    return NB_JSON_ERROR;
}

/* A token from reader->at to `behind`; NULL: it is malformed. */
static nb_json_event token(nb_json_reader *reader, const char *behind, nb_json_event event)
{
    if (behind == NULL) {
        return NB_JSON_ERROR;
    }
    reader->token = reader->at;
    reader->size = (size_t)(behind - reader->at);
    reader->at = behind;
    return event;
}

/* ------------------------------------------------------------------------------------------- containers */

static void skip_blanks(nb_json_reader *reader)
{
    reader->at = nb_scan_blanks(reader->at, reader->end);
}

static nb_json_event one_byte(nb_json_reader *reader, nb_json_event event)
{
    reader->token = reader->at;
    reader->size = 1;
    reader->at++;
    return event;
}

static nb_json_event open_container(nb_json_reader *reader, bool object)
{
    if (!nb_token_open(reader, reader->at, object)) {
        return NB_JSON_ERROR;
    }
    reader->state = object ? NB_STATE_KEY_OR_END : NB_STATE_VALUE_OR_END;
    return one_byte(reader, object ? NB_JSON_OBJECT : NB_JSON_ARRAY);
}

static void value_done(nb_json_reader *reader)
{
    reader->state = reader->depth == 0 ? NB_STATE_ROOT_DONE : NB_STATE_BEHIND;
}

static nb_json_event close_container(nb_json_reader *reader, nb_json_event event)
{
    reader->depth--;
    value_done(reader);
    return one_byte(reader, event);
}

static nb_json_event scan_value(nb_json_reader *reader)
{
    nb_json_event event;

    switch (*reader->at) {
    case '{':
        return open_container(reader, true);
    case '[':
        return open_container(reader, false);
    case '"':
        event = token(reader, nb_token_string(reader, reader->at), NB_JSON_STRING);
        break;
    case 'f':
        event = token(reader, nb_token_word(reader, reader->at), NB_JSON_FALSE);
        break;
    case 'n':
        event = token(reader, nb_token_word(reader, reader->at), NB_JSON_NULL);
        break;
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        event = token(reader, nb_token_number(reader, reader->at), NB_JSON_NUMBER);
        break;
    default: /* what is no word at all is refused there, too */
        event = token(reader, nb_token_word(reader, reader->at), NB_JSON_TRUE);
        break;
    }
    if (event != NB_JSON_ERROR) {
        value_done(reader);
    }
    return event;
}

nb_json_event nb_token_key(nb_json_reader *reader)
{
    if (reader->at == reader->end) {
        return fail(reader, reader->at, "the text ends too early");
    }
    if (*reader->at != '"') {
        return fail(reader, reader->at, "a key must be a string");
    }
    if (token(reader, nb_token_string(reader, reader->at), NB_JSON_KEY) == NB_JSON_ERROR) {
        return NB_JSON_ERROR;
    }
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != ':') {
        return fail(reader, reader->at, "':' is missing behind a key");
    }
    reader->at++;
    reader->state = NB_STATE_VALUE;
    return NB_JSON_KEY;
}

/* Behind a value: the end of its container, or the element behind the comma. */
static nb_json_event scan_behind(nb_json_reader *reader)
{
    bool array = nb_json_in_array(reader);

    if (*reader->at == (array ? ']' : '}')) {
        return close_container(reader, array ? NB_JSON_ARRAY_END : NB_JSON_OBJECT_END);
    }
    if (*reader->at != ',') {
        return fail(reader, reader->at, array ? "',' or ']' is missing" : "',' or '}' is missing");
    }
    reader->at++;
    skip_blanks(reader);
    if (reader->at == reader->end) {
        return fail(reader, reader->at, "the text ends too early");
    }
    return array ? scan_value(reader) : nb_token_key(reader);
}

nb_json_event nb_json_next(nb_json_reader *reader)
{
    if (reader->state == NB_STATE_ERROR) {
        return NB_JSON_ERROR;
    }
    skip_blanks(reader);
    if (reader->state >= NB_STATE_ROOT_DONE) {
        reader->state = NB_STATE_END;
        return reader->at == reader->end ? NB_JSON_END : fail(reader, reader->at, "more text behind the value");
    }
    if (reader->at == reader->end) {
        return fail(reader, reader->at, "the text ends too early");
    }
    switch (reader->state) {
    case NB_STATE_BEHIND:
        return scan_behind(reader);
    case NB_STATE_VALUE_OR_END:
        return *reader->at == ']' ? close_container(reader, NB_JSON_ARRAY_END) : scan_value(reader);
    case NB_STATE_KEY_OR_END:
        return *reader->at == '}' ? close_container(reader, NB_JSON_OBJECT_END) : nb_token_key(reader);
    default:
        return scan_value(reader);
    }
}

static nimbus_status validate(const void *data, size_t size, bool object, size_t *ret_offset, const char **ret_reason)
{
    nb_json_reader reader;
    nb_json_event event;

    nb_json_open(&reader, data, size, 0);
    event = nb_json_next(&reader);
    if (object && event != NB_JSON_OBJECT && event != NB_JSON_ERROR) {
        event = fail(&reader, reader.token, "not a JSON object");
    }
    if (event != NB_JSON_ERROR && nb_json_skip(&reader) && nb_json_next(&reader) == NB_JSON_END) {
        return NIMBUS_OK;
    }
    if (ret_offset != NULL) {
        *ret_offset = reader.offset;
    }
    if (ret_reason != NULL) {
        *ret_reason = reader.reason;
    }
    return NIMBUS_E_JSON;
}

nimbus_status nb_json_validate(const void *data, size_t size, size_t *ret_offset, const char **ret_reason)
{
    return validate(data, size, false, ret_offset, ret_reason);
}

nimbus_status nb_json_validate_object(const void *data, size_t size, size_t *ret_offset, const char **ret_reason)
{
    return validate(data, size, true, ret_offset, ret_reason);
}
