/*
 * ref_items.c - one alternative of a list, as the pattern says it: a plain value, or an object with one operator.
 */
#include <stdlib.h>
#include <string.h>

#include "ref_inside.h"

static const char not_a_value[] = "a value must be a string, a number, true, false, null, or an operator";

static const char *read_words(ref_arena *arena, const ref_json *json, ref_item *ret)
{
    const ref_json *from = json->kind == REF_ARRAY ? json->values : json;

    ret->count = json->kind == REF_ARRAY ? json->count : 1;
    ret->words = ref_take(arena, ret->count * sizeof *ret->words);
    for (size_t i = 0; i < ret->count; i++) {
        ret->words[i] = from[i].text;
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------- numbers */

static const char *read_bound(const ref_json *json, bool open, ref_bound *ret)
{
    if (json->kind != REF_NUMBER) {
        return "an operator of numeric needs a number";
    }
    if (!ref_number(json->text, &ret->value)) {
        return "a number that cannot be compared";
    }
    ret->given = true;
    ret->open = open;
    return NULL;
}

static const char *read_upper(const ref_json *op, const ref_json *value, ref_item *ret)
{
    if (op->kind != REF_STRING) {
        return "an operator of numeric must be a string";
    }
    if (!ref_is(op->text, "<") && !ref_is(op->text, "<=")) {
        return "the second operator must be < or <=";
    }
    return read_bound(value, op->text.size == 1, &ret->high);
}

static const char *read_numeric(const ref_json *json, ref_item *ret)
{
    const ref_json *at = json->values;
    const char *bad;
    bool lower;

    if (json->kind != REF_ARRAY) {
        return "numeric needs a list";
    }
    if (json->count < 2 || at[0].kind != REF_STRING) {
        return "numeric needs an operator and a number";
    }
    ret->op = REF_OP_RANGE;
    lower = ref_is(at[0].text, ">") || ref_is(at[0].text, ">=");
    if (!lower && !ref_is(at[0].text, "=") && !ref_is(at[0].text, "<") && !ref_is(at[0].text, "<=")) {
        return "an unknown operator of numeric";
    }
    if (json->count != 2 && !(lower && json->count == 4)) {
        return "too many elements in numeric";
    }
    if (ref_is(at[0].text, "=")) {
        bad = read_bound(&at[1], false, &ret->low);
        ret->high = ret->low;
        return bad;
    }
    bad = read_bound(&at[1], at[0].text.size == 1, lower ? &ret->low : &ret->high);
    if (bad == NULL && json->count == 4) {
        bad = read_upper(&at[2], &at[3], ret);
        if (bad == NULL && ret->low.value >= ret->high.value) {
            bad = "the lower bound must be less than the upper";
        }
    }
    return bad;
}

/* -------------------------------------------------------------------------------------------- addresses */

static const char *read_cidr(const ref_json *json, ref_item *ret)
{
    const char *slash = json->kind == REF_STRING ? memchr(json->text.data, '/', json->text.size) : NULL;
    const char *end;
    ref_text address;
    int bits = 0;

    if (slash == NULL) {
        return "cidr needs a string with one slash";
    }
    end = json->text.data + json->text.size;
    if (memchr(slash + 1, '/', (size_t)(end - slash - 1)) != NULL) {
        return "cidr needs a string with one slash";
    }
    address = (ref_text){ json->text.data, (size_t)(slash - json->text.data) };
    ret->op = REF_OP_CIDR;
    ret->family = ref_address(address, ret->address);
    if (ret->family == 0) {
        return "not an address";
    }
    if (slash + 1 == end || end - slash > 4) {
        return "not a length of a block of addresses";
    }
    while (++slash < end) {
        if (*slash < '0' || *slash > '9') {
            return "not a length of a block of addresses";
        }
        bits = bits * 10 + (*slash - '0');
    }
    ret->bits = bits;
    return bits > (ret->family == 4 ? 32 : 128) ? "not a length of a block of addresses" : NULL;
}

/* --------------------------------------------------------------------------------------------- anything-but */

/* Whether a value is a string (or number) or a list of them with at least one. */
static bool are_all(const ref_json *json, ref_kind kind)
{
    if (json->kind != REF_ARRAY) {
        return json->kind == kind;
    }
    for (size_t i = 0; i < json->count; i++) {
        if (json->values[i].kind != kind) {
            return false;
        }
    }
    return json->count != 0;
}

static bool has_empty(const ref_item *item)
{
    for (size_t i = 0; i < item->count; i++) {
        if (item->words[i].size == 0) {
            return true;
        }
    }
    return false;
}

static const char *read_but_words(ref_arena *arena, ref_text name, const ref_json *json, ref_profile profile, ref_item *ret)
{
    static const char *const names[] = { "prefix", "suffix", "equals-ignore-case", "wildcard" };
    static const ref_op ops[] = { REF_OP_PREFIX, REF_OP_SUFFIX, REF_OP_FOLD, REF_OP_WILDCARD };
    size_t i = 0;

    while (i < 4 && !ref_is(name, names[i])) {
        i++;
    }
    if (i == 4 || (i != 0 && profile != REF_EVENT)) {
        return "an unknown operator inside anything-but";
    }
    if (!are_all(json, REF_STRING)) {
        return "an operator inside anything-but needs a string or a list of strings";
    }
    ret->op = ops[i];
    read_words(arena, json, ret);
    if (i < 2 && has_empty(ret)) {
        return "an empty prefix or suffix inside anything-but";
    }
    for (size_t w = 0; i == 3 && w < ret->count; w++) {
        if (!ref_wildcard_valid(ret->words[w])) {
            return "a malformed wildcard";
        }
    }
    return NULL;
}

static const char *read_but(ref_arena *arena, const ref_json *json, ref_profile profile, ref_item *ret)
{
    double ignored;

    ret->but = true;
    if (json->kind == REF_OBJECT) {
        return json->count != 1 ? "anything-but needs one operator" : read_but_words(arena, json->keys[0], &json->values[0], profile, ret);
    }
    if (are_all(json, REF_STRING)) {
        ret->op = REF_OP_EXACT;
        ret->kind = REF_STRING;
        return read_words(arena, json, ret);
    }
    if (!are_all(json, REF_NUMBER)) {
        return "anything-but needs strings or numbers";
    }
    ret->op = REF_OP_NUMBER;
    read_words(arena, json, ret);
    for (size_t i = 0; i < ret->count; i++) {
        if (!ref_number(ret->words[i], &ignored)) {
            return "a number that cannot be compared";
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ operators */

static const char *read_string(ref_arena *arena, ref_op op, const ref_json *json, ref_item *ret)
{
    ret->op = op;
    ret->kind = REF_STRING;
    if (json->kind != REF_STRING) {
        return "the operator needs a string";
    }
    return read_words(arena, json, ret);
}

/* prefix and suffix: of a string, or ignoring case of one. */
static const char *read_end(ref_arena *arena, bool suffix, const ref_json *json, ref_profile profile, ref_item *ret)
{
    if (json->kind != REF_OBJECT) {
        return read_string(arena, suffix ? REF_OP_SUFFIX : REF_OP_PREFIX, json, ret);
    }
    if (json->count != 1 || !ref_is(json->keys[0], "equals-ignore-case") || profile != REF_EVENT) {
        return "prefix and suffix know equals-ignore-case only";
    }
    return read_string(arena, suffix ? REF_OP_FOLD_SUFFIX : REF_OP_FOLD_PREFIX, &json->values[0], ret);
}

static const char *read_operator(ref_arena *arena, ref_text name, const ref_json *json, ref_profile profile, ref_item *ret)
{
    const char *bad;

    if (ref_is(name, "exactly") && profile == REF_EVENT) {
        return read_string(arena, REF_OP_EXACT, json, ret);
    }
    if (ref_is(name, "prefix") || ref_is(name, "suffix")) {
        return read_end(arena, name.data[0] == 's', json, profile, ret);
    }
    if (ref_is(name, "equals-ignore-case")) {
        return read_string(arena, REF_OP_FOLD, json, ret);
    }
    if (ref_is(name, "wildcard") && profile == REF_EVENT) {
        bad = read_string(arena, REF_OP_WILDCARD, json, ret);
        return bad != NULL || ref_wildcard_valid(ret->words[0]) ? bad : "a malformed wildcard";
    }
    if (ref_is(name, "anything-but")) {
        return read_but(arena, json, profile, ret);
    }
    if (ref_is(name, "numeric")) {
        return read_numeric(json, ret);
    }
    if (ref_is(name, "cidr")) {
        return read_cidr(json, ret);
    }
    if (ref_is(name, "exists")) {
        ret->op = json->kind == REF_TRUE ? REF_OP_EXISTS : REF_OP_ABSENT;
        return json->kind == REF_TRUE || json->kind == REF_FALSE ? NULL : "exists needs true or false";
    }
    return "an unknown operator";
}

const char *ref_item_read(ref_arena *arena, const ref_json *json, ref_profile profile, ref_item *ret)
{
    *ret = (ref_item){ .op = json->kind == REF_NUMBER ? REF_OP_NUMBER : REF_OP_EXACT, .kind = json->kind };
    if (json->kind == REF_ARRAY) {
        return not_a_value;
    }
    if (json->kind != REF_OBJECT) {
        return read_words(arena, json, ret);
    }
    if (json->count != 1) {
        return "an operator object has one key";
    }
    return read_operator(arena, json->keys[0], &json->values[0], profile, ret);
}
