/*
 * operator.c - the operator objects of a list: {"prefix":"a"}, {"numeric":[">",0,"<=",5]} and the others.
 *
 * Operators that this version lacks are checked as far as needed to tell a wrong pattern from one that a later version takes.
 */
#include <string.h>

#include "base/error.h"
#include "pattern/tree.h"

typedef nimbus_status operand_fn(nb_parser *parser, const char *name);

static nb_item *add_operator(nb_parser *parser, nb_item_kind kind)
{
    nb_item *item = &parser->pattern->items[parser->pattern->item_count++];

    memset(item, 0, sizeof *item);
    item->kind = (uint8_t)kind;
    return item;
}

/* ------------------------------------------------------------------------------------- prefix and suffix */

/* {"prefix":{"equals-ignore-case":"a"}}, behind its inner '{'. */
static nimbus_status parse_affix_object(nb_parser *parser, const char *name)
{
    nb_json_reader *reader = &parser->reader;

    if (nb_json_next(reader) != NB_JSON_KEY) {
        return NB_REFUSE(parser, "the operator inside \"%s\" is missing", name);
    }
    if (!nb_parser_is(parser, "equals-ignore-case")) {
        return NB_REFUSE(parser, "%.*s cannot stand inside \"%s\"", nb_parser_clip(parser), reader->token, name);
    }
    nb_parser_unsupported(parser, "equals-ignore-case");
    if (nb_json_next(reader) != NB_JSON_STRING) {
        return NB_REFUSE(parser, "the value of \"equals-ignore-case\" must be a string");
    }
    return nb_json_next(reader) == NB_JSON_OBJECT_END ? NIMBUS_OK : NB_REFUSE(parser, "only one operator may stand in an object");
}

static nimbus_status parse_affix(nb_parser *parser, const char *name)
{
    nb_json_event event = nb_json_next(&parser->reader);

    if (event == NB_JSON_OBJECT) {
        return parse_affix_object(parser, name);
    }
    if (event != NB_JSON_STRING) {
        return NB_REFUSE(parser, "the value of \"%s\" must be a string", name);
    }
    nb_parser_add(parser, event)->kind = *name == 'p' ? NB_ITEM_PREFIX : NB_ITEM_SUFFIX;
    return NIMBUS_OK;
}

/* ---------------------------------------------------------------------------------------------- numeric */

static nb_bound bound_of(const nb_parser *parser)
{
    static const struct {
        const char *text;
        nb_bound bound;
    } bounds[] = {
        { "=", NB_BOUND_EQUAL },   { "<", NB_BOUND_LESS },           { "<=", NB_BOUND_LESS_EQUAL },
        { ">", NB_BOUND_GREATER }, { ">=", NB_BOUND_GREATER_EQUAL },
    };

    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        if (nb_parser_is(parser, bounds[i].text)) {
            return bounds[i].bound;
        }
    }
    return NB_BOUND_NONE;
}

/* The number behind a comparison. Numbers beyond the range of a double are refused: no service could have compared them. */
static nimbus_status parse_bound(nb_parser *parser, nb_bound bound)
{
    nb_json_event event = nb_json_next(&parser->reader);
    nb_item *item;

    if (event != NB_JSON_NUMBER) {
        return NB_REFUSE(parser, "a number must follow the comparison");
    }
    item = nb_parser_add(parser, event);
    if (item == NULL || (item->value.number.sign != 0 && (item->value.number.exponent > 308 || item->value.number.exponent < -324))) {
        return NB_REFUSE(parser, "a number too long, too large or too small to be compared");
    }
    item->bound = (uint8_t)bound;
    return NIMBUS_OK;
}

/* The second comparison of a range, whose operator is the last token. */
static nimbus_status parse_upper(nb_parser *parser, const nb_item *lower)
{
    nb_bound bound = bound_of(parser);
    nimbus_status status;

    if (bound != NB_BOUND_LESS && bound != NB_BOUND_LESS_EQUAL) {
        return NB_REFUSE(parser, "the second comparison of a range must be \"<\" or \"<=\"");
    }
    status = parse_bound(parser, bound);
    if (!nimbus_failed(status) && nb_decimal_compare(&lower->value.number, &lower[1].value.number) >= 0) {
        return NB_REFUSE(parser, "the lower end of a range must be below its upper end");
    }
    return status;
}

static nimbus_status parse_numeric(nb_parser *parser, const char *name)
{
    nb_json_reader *reader = &parser->reader;
    nb_item *item = add_operator(parser, NB_ITEM_NUMERIC);
    nb_bound bound;
    nb_json_event event;
    nimbus_status status;

    if (nb_json_next(reader) != NB_JSON_ARRAY) {
        return NB_REFUSE(parser, "the value of \"%s\" must be a list", name);
    }
    if (nb_json_next(reader) != NB_JSON_STRING) {
        return NB_REFUSE(parser, "the list of \"%s\" must begin with a comparison", name);
    }
    bound = bound_of(parser);
    if (bound == NB_BOUND_NONE) {
        return NB_REFUSE(parser, "no such comparison: %.*s", nb_parser_clip(parser), reader->token);
    }
    status = parse_bound(parser, bound);
    item->operands = 1;
    if (nimbus_failed(status)) {
        return status;
    }
    event = nb_json_next(reader);
    if (event == NB_JSON_ARRAY_END) {
        return NIMBUS_OK;
    }
    if (bound != NB_BOUND_GREATER && bound != NB_BOUND_GREATER_EQUAL) {
        return NB_REFUSE(parser, "nothing may follow \"=\", \"<\" or \"<=\" and its number");
    }
    if (event != NB_JSON_STRING) {
        return NB_REFUSE(parser, "a comparison must follow the first number of a range");
    }
    status = parse_upper(parser, item + 1);
    item->operands = 2;
    if (!nimbus_failed(status) && nb_json_next(reader) != NB_JSON_ARRAY_END) {
        return NB_REFUSE(parser, "a range has two comparisons");
    }
    return status;
}

/* ----------------------------------------------------------------------------------------------- exists */

static nimbus_status parse_exists(nb_parser *parser, const char *name)
{
    nb_json_event event = nb_json_next(&parser->reader);

    if (event != NB_JSON_TRUE && event != NB_JSON_FALSE) {
        return NB_REFUSE(parser, "the value of \"%s\" must be true or false", name);
    }
    add_operator(parser, event == NB_JSON_TRUE ? NB_ITEM_PRESENT : NB_ITEM_ABSENT);
    return NIMBUS_OK;
}

/* ----------------------------------------------------------------------------------------- anything-but */

/* A string, or a list of one or more, behind {"anything-but":{"prefix": and the like. An affix must not be empty: nothing is without it. */
static nimbus_status parse_inner_texts(nb_parser *parser, bool affix)
{
    nb_json_reader *reader = &parser->reader;
    nb_json_event event = nb_json_next(reader);
    bool list = event == NB_JSON_ARRAY;

    if (list) {
        event = nb_json_next(reader);
    }
    do {
        if (event != NB_JSON_STRING) {
            return NB_REFUSE(parser, "inside \"anything-but\" an operator takes a string or a list of strings");
        }
        if (affix && reader->size == 2) {
            return NB_REFUSE(parser, "inside \"anything-but\" a prefix or suffix must not be empty");
        }
    } while (list && (event = nb_json_next(reader)) != NB_JSON_ARRAY_END);
    return NIMBUS_OK;
}

/* {"anything-but":{"prefix":"a"}}, behind its inner '{'. */
static nimbus_status parse_inner_operator(nb_parser *parser)
{
    static const char *const names[][2] = { { "prefix", "anything-but/prefix" },
                                            { "suffix", "anything-but/suffix" },
                                            { "equals-ignore-case", "anything-but/equals-ignore-case" },
                                            { "wildcard", "anything-but/wildcard" } };
    size_t i = 0;
    nimbus_status status;

    if (nb_json_next(&parser->reader) != NB_JSON_KEY) {
        return NB_REFUSE(parser, "the operator inside \"anything-but\" is missing");
    }
    while (i < 4 && !nb_parser_is(parser, names[i][0])) {
        i++;
    }
    if (i == 4) {
        return NB_REFUSE(parser, "%.*s cannot stand inside \"anything-but\"", nb_parser_clip(parser), parser->reader.token);
    }
    nb_parser_unsupported(parser, names[i][1]);
    status = parse_inner_texts(parser, i < 2);
    if (!nimbus_failed(status) && nb_json_next(&parser->reader) != NB_JSON_OBJECT_END) {
        return NB_REFUSE(parser, "only one operator may stand in an object");
    }
    return status;
}

static nimbus_status parse_anything_but(nb_parser *parser, const char *name)
{
    nb_json_reader *reader = &parser->reader;
    nb_json_event event = nb_json_next(reader);
    nb_json_event type;
    bool list = event == NB_JSON_ARRAY;
    nb_item *item;

    if (event == NB_JSON_OBJECT) {
        return parse_inner_operator(parser);
    }
    if (list) {
        event = nb_json_next(reader);
    }
    type = event;
    if (type != NB_JSON_STRING && type != NB_JSON_NUMBER) {
        return NB_REFUSE(parser, "\"%s\" takes a string, a number, or a list of either", name);
    }
    item = add_operator(parser, type == NB_JSON_STRING ? NB_ITEM_OTHER_TEXT : NB_ITEM_OTHER_NUMBER);
    do {
        if (event != type) {
            return NB_REFUSE(parser, "the list of \"%s\" must hold strings only or numbers only", name);
        }
        if (nb_parser_add(parser, event) == NULL) {
            return NB_REFUSE(parser, "a number too long or too large to be compared");
        }
        item->operands++;
    } while (list && (event = nb_json_next(reader)) != NB_JSON_ARRAY_END);
    return NIMBUS_OK;
}

/* -------------------------------------------------------------------------------------------- the others */

/* An operator that takes a string and that this version lacks. */
static nimbus_status parse_missing(nb_parser *parser, const char *name)
{
    nb_parser_unsupported(parser, name);
    return nb_json_next(&parser->reader) == NB_JSON_STRING ? NIMBUS_OK : NB_REFUSE(parser, "the value of \"%s\" must be a string", name);
}

nimbus_status nb_parser_operator(nb_parser *parser)
{
    static const struct {
        const char *name;
        operand_fn *parse;
    } operators[] = {
        { "prefix", parse_affix },
        { "suffix", parse_affix },
        { "numeric", parse_numeric },
        { "exists", parse_exists },
        { "anything-but", parse_anything_but },
        { "equals-ignore-case", parse_missing },
        { "wildcard", parse_missing },
        { "cidr", parse_missing },
        { "exactly", parse_missing },
    };
    nb_json_reader *reader = &parser->reader;
    nimbus_status status = NIMBUS_OK;
    size_t i = 0;

    if (nb_json_next(reader) != NB_JSON_KEY) {
        return NB_REFUSE(parser, "an operator object must name an operator");
    }
    while (i < sizeof operators / sizeof operators[0] && !nb_parser_is(parser, operators[i].name)) {
        i++;
    }
    if (i == sizeof operators / sizeof operators[0]) {
        return NB_REFUSE(parser, "no such operator: %.*s", nb_parser_clip(parser), reader->token);
    }
    status = operators[i].parse(parser, operators[i].name);
    if (!nimbus_failed(status) && nb_json_next(reader) != NB_JSON_OBJECT_END) {
        return NB_REFUSE(parser, "only one operator may stand in an object");
    }
    return status;
}
