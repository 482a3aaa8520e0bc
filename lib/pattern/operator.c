/*
 * operator.c - operator objects: {"prefix":"a"}, {"anything-but":{"suffix":["a","b"]}}, and which of them a profile has.
 *
 * To add an operator: a row in `operators`, its test in draft.h, what it reads in operand.c, where an index finds it in atom.c, and what
 * fires it in fire.c. docs/guide/patterns.md goes through it step by step.
 */
#include "pattern/draft.h"

#define BUS (1u << NIMBUS_PROFILE_BUS)
#define SNS (1u << NIMBUS_PROFILE_SNS_ATTRIBUTES | 1u << NIMBUS_PROFILE_SNS_BODY)
#define FILTERS (1u << NIMBUS_PROFILE_MAPPING | 1u << NIMBUS_PROFILE_PIPE)

typedef enum shape {
    SHAPE_TEXT,    /* one string */
    SHAPE_AFFIX,   /* one string, or {"equals-ignore-case": string} */
    SHAPE_NUMERIC,
    SHAPE_EXISTS,
    SHAPE_CIDR,
    SHAPE_GLOB,
    SHAPE_OTHER    /* anything-but */
} shape;

typedef struct operator_row {
    const char *name;
    shape shape;
    nb_kind kind;    /* of SHAPE_TEXT and SHAPE_AFFIX */
    nb_kind folded;  /* of SHAPE_AFFIX without regard to case */
    unsigned alone;  /* profiles that have it */
    unsigned inside; /* profiles that have it inside of anything-but; 0: none */
    unsigned nested; /* profiles that have {"equals-ignore-case"} in it */
} operator_row;

static const operator_row operators[] = {
    { "exactly", SHAPE_TEXT, NB_STRING, NB_STRING, BUS, 0, 0 },
    { "prefix", SHAPE_AFFIX, NB_PREFIX, NB_FOLD_PREFIX, BUS | SNS | FILTERS, BUS | SNS, BUS },
    { "suffix", SHAPE_AFFIX, NB_SUFFIX, NB_FOLD_SUFFIX, BUS | SNS | FILTERS, BUS, BUS },
    { "equals-ignore-case", SHAPE_TEXT, NB_FOLD, NB_FOLD, BUS | SNS | FILTERS, BUS, 0 },
    { "wildcard", SHAPE_GLOB, NB_GLOB, NB_GLOB, BUS, BUS, 0 },
    { "numeric", SHAPE_NUMERIC, NB_RANGE, NB_RANGE, BUS | SNS | FILTERS, 0, 0 },
    { "exists", SHAPE_EXISTS, NB_PRESENT, NB_PRESENT, BUS | SNS | FILTERS, 0, 0 },
    { "cidr", SHAPE_CIDR, NB_CIDR, NB_CIDR, BUS | SNS, 0, 0 },
    { "anything-but", SHAPE_OTHER, NB_OTHER, NB_OTHER, BUS | SNS | FILTERS, 0, 0 },
};

/* The row of the last token, a key; NULL: there is none. */
static const operator_row *find_operator(const nb_draft *draft)
{
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (nb_draft_is(draft, operators[i].name)) {
            return &operators[i];
        }
    }
    return NULL;
}

static bool has(const nb_draft *draft, unsigned profiles)
{
    return (profiles >> draft->limits.profile & 1) != 0;
}

/* Behind the one member that an operator object may have: up to its '}'. */
static void end_object(nb_draft *draft)
{
    bool told = false;

    while (nb_json_next(&draft->reader) == NB_JSON_KEY) {
        if (!told) {
            nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "an operator object has exactly one key");
            told = true;
        }
        nb_json_skip(&draft->reader);
    }
}

static nb_test *add_test(nb_draft *draft, nb_kind kind)
{
    nb_test *test = nb_row_add(draft, &draft->tests, sizeof *test);

    if (test != NULL) {
        test->kind = kind;
        test->offset = nb_draft_offset(draft);
    }
    return test;
}

static void parse_exists(nb_draft *draft, nb_json_event event)
{
    if (event != NB_JSON_TRUE && event != NB_JSON_FALSE) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "exists must be true or false");
        nb_parse_over(draft, event);
        return;
    }
    add_test(draft, event == NB_JSON_TRUE ? NB_PRESENT : NB_ABSENT);
}

/* A string, or an object that asks for no regard to case. */
static void parse_affix(nb_draft *draft, nb_json_event event, const operator_row *row)
{
    if (event != NB_JSON_OBJECT) {
        nb_parse_text(draft, event, row->kind, row->name);
        return;
    }
    if (nb_json_next(&draft->reader) == NB_JSON_OBJECT_END) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "%s has an object without a key", row->name);
        return;
    }
    if (!nb_draft_is(draft, "equals-ignore-case") || !has(draft, row->nested)) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "%s does not know %.*s", row->name, nb_draft_clip(draft),
                        draft->reader.token);
        nb_json_skip(&draft->reader);
    } else {
        nb_parse_text(draft, nb_json_next(&draft->reader), row->folded, "equals-ignore-case");
    }
    end_object(draft);
}

/* ------------------------------------------------------------------------------------------- anything-but */

static void bad_other(nb_draft *draft, nb_json_event event)
{
    nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft),
                    "anything-but takes a string, a number, or a list of only strings or only numbers");
    nb_parse_over(draft, event);
}

/* One string or number that anything-but excludes. */
static void parse_excluded(nb_draft *draft, nb_json_event event)
{
    nb_test *test;
    uint32_t before = draft->tests.count;

    if (event != NB_JSON_STRING && event != NB_JSON_NUMBER) {
        bad_other(draft, event);
        return;
    }
    nb_parse_scalar(draft, event);
    test = draft->tests.count > before ? nb_draft_test(draft, before) : NULL;
    if (test != NULL && test->kind == NB_NUMBER_TEXT) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, test->offset, "a number that cannot be compared: no double has its value");
    }
}

/* A list of strings or of numbers, behind its '['. */
static void parse_excluded_list(nb_draft *draft)
{
    size_t offset = nb_draft_offset(draft);
    nb_json_event first = NB_JSON_NULL;
    nb_json_event event;
    uint32_t count = 0;

    while (!nb_draft_is_starved(draft) && (event = nb_json_next(&draft->reader)) != NB_JSON_ARRAY_END) {
        first = count++ == 0 ? event : first;
        if (event != first && (event == NB_JSON_STRING || event == NB_JSON_NUMBER)) {
            nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "strings and numbers are mixed inside of anything-but");
        } else {
            parse_excluded(draft, event);
        }
    }
    if (count == 0) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, offset, "an empty list inside of anything-but excludes nothing");
    }
}

static void parse_excluded_text(nb_draft *draft, nb_json_event event, const operator_row *row)
{
    size_t before = draft->tests.count;
    nb_test *test;

    if (row->shape == SHAPE_GLOB) {
        nb_parse_glob(draft, event);
    } else {
        nb_parse_text(draft, event, row->kind, row->name);
    }
    test = draft->tests.count > before ? nb_draft_test(draft, (uint32_t)before) : NULL;
    if (test != NULL && test->size == 0 && row->shape == SHAPE_AFFIX) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, test->offset, "an empty %s inside of anything-but would exclude every string", row->name);
    }
}

/* {"prefix": ...} inside of anything-but, behind its '{'. */
static void parse_excluded_operator(nb_draft *draft)
{
    const operator_row *row;
    nb_json_event event;
    size_t offset;

    if (nb_json_next(&draft->reader) == NB_JSON_OBJECT_END) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "anything-but has an object without a key");
        return;
    }
    row = find_operator(draft);
    if (row == NULL || !has(draft, row->inside)) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "anything-but does not know %.*s", nb_draft_clip(draft),
                        draft->reader.token);
        nb_json_skip(&draft->reader);
        end_object(draft);
        return;
    }
    event = nb_json_next(&draft->reader);
    offset = nb_draft_offset(draft);
    if (event != NB_JSON_ARRAY) {
        parse_excluded_text(draft, event, row);
    } else {
        uint32_t count = 0;

        while (!nb_draft_is_starved(draft) && (event = nb_json_next(&draft->reader)) != NB_JSON_ARRAY_END) {
            parse_excluded_text(draft, event, row);
            count++;
        }
        if (count == 0) {
            nb_draft_refuse(draft, NIMBUS_E_PATTERN, offset, "an empty list inside of anything-but excludes nothing");
        }
    }
    end_object(draft);
}

static void parse_other(nb_draft *draft, nb_json_event event)
{
    uint32_t at = draft->tests.count;

    if (add_test(draft, NB_OTHER) == NULL) {
        return;
    }
    switch (event) {
    case NB_JSON_ARRAY:
        parse_excluded_list(draft);
        break;
    case NB_JSON_OBJECT:
        parse_excluded_operator(draft);
        break;
    default:
        parse_excluded(draft, event);
        break;
    }
    nb_draft_test(draft, at)->parts = draft->tests.count - at - 1;
}

/* ----------------------------------------------------------------------------------------------- operator */

static void parse_operand(nb_draft *draft, const operator_row *row)
{
    nb_json_event event = nb_json_next(&draft->reader);

    switch (row->shape) {
    case SHAPE_TEXT:
        nb_parse_text(draft, event, row->kind, row->name);
        break;
    case SHAPE_AFFIX:
        parse_affix(draft, event, row);
        break;
    case SHAPE_NUMERIC:
        nb_parse_numeric(draft, event);
        break;
    case SHAPE_EXISTS:
        parse_exists(draft, event);
        break;
    case SHAPE_CIDR:
        nb_parse_cidr(draft, event);
        break;
    case SHAPE_GLOB:
        nb_parse_glob(draft, event);
        break;
    case SHAPE_OTHER:
    default:
        parse_other(draft, event);
        break;
    }
}

void nb_parse_operator(nb_draft *draft)
{
    const operator_row *row;

    if (nb_json_next(&draft->reader) == NB_JSON_OBJECT_END) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "an operator object has exactly one key");
        return;
    }
    row = find_operator(draft);
    if (row == NULL || !has(draft, row->alone)) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), row == NULL ? "there is no operator %.*s"
                                                                                     : "there is no operator %.*s in this kind of filter",
                        nb_draft_clip(draft), draft->reader.token);
        nb_json_skip(&draft->reader);
    } else {
        parse_operand(draft, row);
    }
    end_object(draft);
}
