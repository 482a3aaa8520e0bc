/*
 * seek.c - from event to event for who is only interested in some: past members whose keys nobody asked for, from element to element, to
 * the end of an object.
 *
 * What is not known to be well-formed is checked member by member (fast.h), as strictly as by nb_json_next(). What is, is hopped over
 * (jump.h), where 64 bytes of it can be looked at in one go.
 */
#include "json/fast.h"
#include "json/jump.h"
#include "json/token.h"

#define HOPS (NB_SCAN_WIDTH == 16) /* blocks are looked at by the processor's means */
#define BY_HAND 1                  /* members that are passed one by one first: a hop takes as long as two of them, however far it goes */

/* Behind the bracket that closes the innermost container, which stands at `at`. */
static nb_json_event close_at(nb_json_reader *reader, const char *at)
{
    reader->depth--;
    nb_token_finish(reader, at + 1);
    return NB_JSON_OBJECT_END;
}

nb_json_event nb_json_leave(nb_json_reader *reader)
{
    return close_at(reader, nb_jump(reader->at, reader->end) - 1);
}

/* The value behind a key. */
static nb_json_event take_value(nb_json_reader *reader)
{
    const char *at = reader->at;
    const char *behind = reader->end - at >= FAST ? fast_value(at, reader->end) : NULL;

    if (behind == NULL) {
        return nb_json_next(reader);
    }
    reader->token = at;
    reader->size = (size_t)(behind - at);
    reader->escaped = false;
    reader->at = behind;
    reader->state = NB_STATE_BEHIND;
    return *at == '"' ? NB_JSON_STRING : NB_JSON_NUMBER;
}

/* The key at `at`, of size bytes without its quotes and without an escape; value: what stands behind its colon. */
static nb_json_event take_key(nb_json_reader *reader, const char *at, size_t size, const char *value)
{
    reader->token = at;
    reader->size = size + 2;
    reader->escaped = false;
    reader->at = value;
    reader->state = NB_STATE_VALUE;
    return NB_JSON_KEY;
}

/* From behind a key that may be passed: over the rest of the members, whatever their values are, to the next that may not. */
static nb_json_event hop_on(nb_json_reader *reader, const char *at, const nb_wanted *wanted, bool dots)
{
    const char *end = reader->end;
    nb_hop_key key = { 0, NULL };

    at = nb_hop(at, end, wanted, dots, &key);
    while (at != end && (*at == '{' || *at == '[')) {
        at = nb_hop(nb_jump(at + 1, end), end, wanted, dots, &key);
    }
    reader->at = at;
    if (at != end && *at == '"') {
        return key.value != NULL ? take_key(reader, at, key.size, key.value) : nb_token_key(reader);
    }
    reader->state = NB_STATE_BEHIND;
    return at != end && *at == '}' ? close_at(reader, at) : nb_json_next(reader);
}

/* From a key on. */
static nb_json_event seek_from(nb_json_reader *reader, const char *at, const nb_wanted *wanted, bool dots, bool hops)
{
    const char *end = reader->end;
    uint64_t filter = nb_wanted_filter(wanted);
    unsigned passed = 0;
    size_t size;
    bool dot;

    while (end - at >= FAST) {
        const char *value = fast_key(at, &size, &dot);
        const char *behind;

        if (value == NULL) {
            break;
        }
        if ((filter & nb_key_bit_at(at, size)) != 0 || (dots && dot)) {
            return take_key(reader, at, size, value);
        }
        if (hops && ++passed > BY_HAND) {
            return hop_on(reader, value, wanted, dots);
        }
        behind = fast_value(value, end);
        if (behind == NULL) {
            break;
        }
        if (*behind != ',') {
            behind = nb_scan_blanks(behind, end);
            reader->at = behind;
            reader->state = NB_STATE_BEHIND;
            return behind != end && *behind == '}' ? close_at(reader, behind) : nb_json_next(reader);
        }
        at = behind + 1;
        at += *at == ' ';
    }
    reader->at = nb_scan_blanks(at, end);
    return nb_token_key(reader);
}

nb_json_event nb_json_element(nb_json_reader *reader)
{
    const char *end = reader->end;
    const char *at = nb_scan_blanks(reader->at, end);

    if (reader->state == NB_STATE_BEHIND && at != end && *at == ',') {
        at = nb_scan_blanks(at + 1, end);
        if (at != end && *at == '{' && reader->depth != reader->max_depth) {
            nb_token_open(reader, at, true);
            reader->token = at;
            reader->size = 1;
            reader->at = at + 1;
            reader->state = NB_STATE_KEY_OR_END;
            return NB_JSON_OBJECT;
        }
    }
    return nb_json_next(reader);
}

nb_json_event nb_json_seek(nb_json_reader *reader, const nb_wanted *wanted, bool dots, bool trusted)
{
    const char *end = reader->end;
    const char *at;

    switch (reader->state) {
    case NB_STATE_VALUE:
        return reader->depth != 0 ? take_value(reader) : nb_json_next(reader);
    case NB_STATE_KEY_OR_END:
        at = nb_scan_blanks(reader->at, end);
        return at != end && *at == '"' ? seek_from(reader, at, wanted, dots, trusted && HOPS) : nb_json_next(reader);
    case NB_STATE_BEHIND:
        if (nb_json_in_array(reader)) {
            return nb_json_next(reader);
        }
        at = nb_scan_blanks(reader->at, end);
        if (at != end && *at == ',') {
            return seek_from(reader, nb_scan_blanks(at + 1, end), wanted, dots, trusted && HOPS);
        }
        return at != end && *at == '}' ? close_at(reader, at) : nb_json_next(reader);
    default:
        return nb_json_next(reader);
    }
}
