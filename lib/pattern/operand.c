/* operand.c - what operators and lists hold: strings, numbers, numeric ranges, address blocks, wildcards. */
#include <string.h>

#include "json/number.h"
#include "pattern/cidr.h"
#include "pattern/draft.h"
#include "pattern/glob.h"

static nb_test *add_test(nb_draft *draft, nb_kind kind, const char *data, size_t size)
{
    nb_test *test = nb_row_add(draft, &draft->tests, sizeof *test);

    if (test != NULL) {
        test->kind = kind;
        test->data = data;
        test->size = size;
        test->offset = nb_draft_offset(draft);
    }
    return test;
}

void nb_parse_text(nb_draft *draft, nb_json_event event, nb_kind kind, const char *name)
{
    size_t size = 0;
    char *data;

    if (event != NB_JSON_STRING) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "%s takes a string", name);
        nb_parse_over(draft, event);
        return;
    }
    data = nb_draft_text(draft, &size);
    if (data != NULL) {
        add_test(draft, kind, data, size);
    }
}

/* The token as a number. False: it is not comparable. */
static bool number_of(const nb_draft *draft, nb_number *ret)
{
    return nb_number_parse(draft->reader.token, draft->reader.size, ret) && nb_number_comparable(ret);
}

void nb_parse_scalar(nb_draft *draft, nb_json_event event)
{
    const nb_json_reader *reader = &draft->reader;
    nb_number number;
    nb_test *test;

    switch (event) {
    case NB_JSON_STRING:
        nb_parse_text(draft, event, NB_STRING, "");
        break;
    case NB_JSON_NUMBER:
        if (number_of(draft, &number)) {
            test = add_test(draft, NB_NUMBER, NULL, 0);
            if (test != NULL) {
                test->low = test->high = nb_number_key(number.value);
                test->bits = nb_number_hint(&number);
            }
        } else {
            add_test(draft, NB_NUMBER_TEXT, reader->token, reader->size);
        }
        break;
    default:
        add_test(draft, event == NB_JSON_TRUE ? NB_TRUE : event == NB_JSON_FALSE ? NB_FALSE : NB_NULL, NULL, 0);
        break;
    }
}

/* ------------------------------------------------------------------------------------------------ numeric */

typedef enum bound {
    BOUND_EQUAL,
    BOUND_LESS,
    BOUND_LESS_EQUAL,
    BOUND_GREATER,
    BOUND_GREATER_EQUAL,
    BOUND_NONE
} bound;

static const char *const bound_names[] = { "=", "<", "<=", ">", ">=" };

static bound bound_of(const nb_draft *draft, nb_json_event event)
{
    bound b = BOUND_EQUAL;

    while (b < BOUND_NONE && (event != NB_JSON_STRING || !nb_draft_is(draft, bound_names[b]))) {
        b++;
    }
    return b;
}

/* Reads on to the end of the list of a numeric operator. event: the last one that was read. */
static void drain(nb_draft *draft, nb_json_event event)
{
    while (event != NB_JSON_ARRAY_END) {
        nb_parse_over(draft, event);
        event = nb_json_next(&draft->reader);
    }
}

/* An operator, at *ret_offset, and its number. False: refused, and the list was read to its end. ret_end: the list ended instead. */
static bool parse_bound(nb_draft *draft, bound *ret, nb_number *ret_number, size_t *ret_offset, bool *ret_end)
{
    nb_json_event event = nb_json_next(&draft->reader);
    const char *wrong = NULL;

    *ret_offset = nb_draft_offset(draft);
    *ret_end = event == NB_JSON_ARRAY_END;
    if (*ret_end) {
        return true;
    }
    *ret = bound_of(draft, event);
    if (*ret == BOUND_NONE) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "numeric knows =, <, <=, > and >=, not %.*s", nb_draft_clip(draft),
                        draft->reader.token);
        drain(draft, event);
        return false;
    }
    event = nb_json_next(&draft->reader);
    if (event != NB_JSON_NUMBER) {
        wrong = "must be a number";
    } else if (!number_of(draft, ret_number)) {
        wrong = "cannot be compared: no double has its value";
    }
    if (wrong != NULL) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "the value behind %s %s", bound_names[*ret], wrong);
        drain(draft, event);
        return false;
    }
    return true;
}

/* Narrows a range by one bound. Keys are whole numbers, so that an open end is the next key. */
static void narrow(nb_test *test, bound b, int64_t key)
{
    switch (b) {
    case BOUND_LESS:
        test->high = key - 1;
        break;
    case BOUND_LESS_EQUAL:
        test->high = key;
        break;
    case BOUND_GREATER:
        test->low = key + 1;
        break;
    case BOUND_GREATER_EQUAL:
        test->low = key;
        break;
    case BOUND_EQUAL:
    case BOUND_NONE:
    default:
        test->low = test->high = key;
        break;
    }
}

/* The upper end of a range, behind its lower one, and the end of the list. */
static bool parse_upper(nb_draft *draft, nb_test *range, int64_t lower)
{
    bound b = BOUND_NONE;
    nb_number number;
    int64_t key;
    size_t offset;
    bool end;

    if (!parse_bound(draft, &b, &number, &offset, &end)) {
        return false;
    }
    if (end) {
        return true;
    }
    key = nb_number_key(number.value);
    if (b != BOUND_LESS && b != BOUND_LESS_EQUAL) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, offset, "the second bound of a numeric range must be < or <=");
        drain(draft, NB_JSON_NUMBER);
        return false;
    }
    if (lower >= key) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "the lower bound must be below the upper one");
        drain(draft, NB_JSON_NUMBER);
        return false;
    }
    narrow(range, b, key);
    return true;
}

void nb_parse_numeric(nb_draft *draft, nb_json_event event)
{
    nb_test range = { .kind = NB_RANGE, .low = INT64_MIN, .high = INT64_MAX, .offset = nb_draft_offset(draft) };
    bound b = BOUND_NONE;
    nb_number number;
    int64_t key;
    size_t offset;
    nb_test *test;
    bool end;

    if (event != NB_JSON_ARRAY) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "numeric takes a list: [\">\", 1]");
        nb_parse_over(draft, event);
        return;
    }
    if (!parse_bound(draft, &b, &number, &offset, &end)) {
        return;
    }
    if (end) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "numeric has an empty list");
        return;
    }
    key = nb_number_key(number.value);
    narrow(&range, b, key);
    range.bits = b == BOUND_EQUAL ? nb_number_hint(&number) : 0;
    if ((b == BOUND_GREATER || b == BOUND_GREATER_EQUAL) && !parse_upper(draft, &range, key)) {
        return;
    }
    if (*draft->reader.token != ']') {
        event = nb_json_next(&draft->reader);
        if (event != NB_JSON_ARRAY_END) {
            nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "more elements in a numeric list than it can use");
            drain(draft, event);
            return;
        }
    }
    test = add_test(draft, NB_RANGE, NULL, 0);
    if (test != NULL) {
        *test = range;
        test->kind = range.low == range.high ? NB_NUMBER : NB_RANGE;
    }
}

/* --------------------------------------------------------------------------------------------------- cidr */

void nb_parse_cidr(nb_draft *draft, nb_json_event event)
{
    uint32_t at = draft->tests.count;
    nb_address address;
    const char *wrong;
    nb_test *test;

    nb_parse_text(draft, event, NB_CIDR, "cidr");
    if (draft->tests.count == at) {
        return;
    }
    test = nb_draft_test(draft, at);
    wrong = nb_cidr_parse(test->data, test->size, &address, &test->bits);
    if (wrong != NULL) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, test->offset, "%s", wrong);
        draft->tests.count = at;
        return;
    }
    test->size = address.size;
    test->data = nb_arena_copy(&draft->arena, address.bytes, address.size);
    if (test->data == NULL) {
        nb_draft_starved(draft);
    }
}

/* ----------------------------------------------------------------------------------------------- wildcard */

typedef struct pieces {
    char *out;     /* the glob */
    size_t size;   /* of it */
    size_t start;  /* of the current piece's size word */
    uint32_t count;
} pieces;

static void begin_piece(pieces *p)
{
    p->start = p->size;
    p->size += sizeof(uint32_t);
    p->count++;
}

static void end_piece(pieces *p)
{
    uint32_t size = (uint32_t)(p->size - p->start - sizeof size);

    memcpy(p->out + p->start, &size, sizeof size);
}

/* Cuts a wildcard's value into pieces. False: refused. */
static bool cut(nb_draft *draft, const nb_test *test, pieces *p)
{
    const char *data = test->data;

    begin_piece(p);
    for (size_t i = 0; i < test->size; i++) {
        if (data[i] == '*') {
            if (i > 0 && p->count > 1 && p->size == p->start + sizeof(uint32_t)) {
                nb_draft_refuse(draft, NIMBUS_E_PATTERN, test->offset, "two stars in a row, at byte %zu of the wildcard", i);
                return false;
            }
            end_piece(p);
            begin_piece(p);
            continue;
        }
        if (data[i] == '\\') {
            if (i + 1 == test->size || (data[i + 1] != '*' && data[i + 1] != '\\')) {
                nb_draft_refuse(draft, NIMBUS_E_PATTERN, test->offset, "a backslash before neither * nor \\, at byte %zu of the wildcard",
                                i);
                return false;
            }
            i++;
        }
        p->out[p->size++] = data[i];
    }
    end_piece(p);
    return true;
}

/* The most pieces behind stars that begin with the same byte: what makes other engines slow, and what the services bound. */
static uint32_t most_alike(const char *glob, const char *end)
{
    uint32_t counts[256] = { 0 };
    uint32_t most = 0;

    nb_glob_piece(&glob);
    while (glob < end) {
        nb_piece piece = nb_glob_piece(&glob);
        uint32_t *count = &counts[piece.size != 0 ? (unsigned char)*piece.data : 0];

        *count += piece.size != 0;
        most = *count > most ? *count : most;
    }
    return most;
}

/* What has no star, or one at an end only, is a simpler test. */
static void simplify(nb_test *test, const pieces *p)
{
    const char *at = p->out;
    nb_piece first = nb_glob_piece(&at);
    nb_piece second = { 0 };

    test->kind = NB_GLOB;
    test->data = p->out;
    test->size = p->size;
    if (p->count == 1) {
        test->kind = NB_STRING;
        test->data = first.data;
        test->size = first.size;
        return;
    }
    second = nb_glob_piece(&at);
    if (p->count == 2 && (first.size == 0 || second.size == 0)) {
        test->kind = second.size == 0 ? NB_PREFIX : NB_SUFFIX;
        test->data = second.size == 0 ? first.data : second.data;
        test->size = second.size == 0 ? first.size : second.size;
    }
}

void nb_parse_glob(nb_draft *draft, nb_json_event event)
{
    uint32_t at = draft->tests.count;
    pieces p = { 0 };
    nb_test *test;

    nb_parse_text(draft, event, NB_GLOB, "wildcard");
    if (draft->tests.count == at) {
        return;
    }
    test = nb_draft_test(draft, at);
    p.out = nb_arena_alloc(&draft->arena, test->size * 5 + sizeof(uint32_t)); /* a star becomes a size */
    if (p.out == NULL) {
        nb_draft_starved(draft);
        draft->tests.count = at;
    } else if (!cut(draft, test, &p)) {
        draft->tests.count = at;
    } else if (most_alike(p.out, p.out + p.size) > draft->limits.max_wildcards) {
        nb_draft_refuse(draft, NIMBUS_E_TOO_COMPLEX, test->offset, "more than %u stars of a wildcard are followed by the same byte",
                        draft->limits.max_wildcards);
        draft->tests.count = at;
    } else {
        simplify(test, &p);
    }
}
