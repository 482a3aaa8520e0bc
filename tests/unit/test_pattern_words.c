/*
 * test_pattern_words.c - what the rule engine says about a pattern: the findings of check in the order of the text, the first of them as
 * the error of compile, lints, limits at both sides; and what explain says about an event. Through the public header alone.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nimbus/pattern.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ROOM 8

/* An allocator that fails from one allocation on, or once, and counts what is out. */
typedef struct budget {
    long until_failure; /* allocations that still work; below zero: all */
    bool once;
    long live;
} budget;

static void *budget_allocate(size_t size, void *user)
{
    budget *b = user;

    if (b->until_failure == 0) {
        b->until_failure = b->once ? -1 : 0;
        return NULL;
    }
    b->until_failure -= b->until_failure > 0;
    b->live++;
    return malloc(size);
}

static void budget_release(void *block, size_t size, void *user)
{
    (void)size;
    ((budget *)user)->live--;
    free(block);
}

/* ------------------------------------------------------------------------------------------------ findings */

typedef struct expected {
    nimbus_status status;
    size_t offset;
    const char *reason;
} expected;

typedef struct text_case {
    nimbus_profile profile;
    const char *text;
    expected findings[ROOM]; /* up to one without a reason */
} text_case;

static void fail_with(const text_case *c, const nimbus_finding *findings, size_t count)
{
    print_message("%s\n", c->text);
    for (size_t i = 0; i < count && i < ROOM; i++) {
        print_message("  %d at %zu: %s\n", findings[i].status, findings[i].offset, findings[i].reason);
    }
    fail();
}

/* Check says it all, in its order and with any room; compile says the first error, or nothing. */
static void check_case(const text_case *c)
{
    const nimbus_pattern_options options = { .profile = c->profile };
    nimbus_status wanted = NIMBUS_OK;
    size_t wanted_offset = 0;
    size_t wanted_count = 0;
    nimbus_error err = { 0 };
    nimbus_pattern *pattern = nimbus_pattern_compile(c->text, &options, &err);

    while (wanted_count < ROOM && c->findings[wanted_count].reason != NULL) {
        if (wanted == NIMBUS_OK && nimbus_failed(c->findings[wanted_count].status)) {
            wanted = c->findings[wanted_count].status;
            wanted_offset = c->findings[wanted_count].offset;
        }
        wanted_count++;
    }
    for (size_t room = 0; room <= ROOM; room++) {
        nimbus_finding findings[ROOM + 1];
        size_t count = 99;
        nimbus_status status;

        memset(findings, 0x5A, sizeof findings);
        status = nimbus_pattern_check(c->text, &options, findings, room, &count);
        if (status != wanted || count != wanted_count) {
            print_message("status %d, %zu findings\n", status, count);
            fail_with(c, findings, room < count ? room : count);
        }
        for (size_t i = 0; i < room && i < count; i++) {
            if (findings[i].status != c->findings[i].status || findings[i].offset != c->findings[i].offset ||
                strcmp(findings[i].reason, c->findings[i].reason) != 0) {
                fail_with(c, findings, room < count ? room : count);
            }
        }
        assert_int_equal(findings[room < count ? room : count].reason[0], 0x5A); /* nothing is written behind them */
    }
    assert_int_equal(err.status, wanted);
    assert_true((pattern == NULL) == nimbus_failed(wanted));
    if (pattern == NULL) {
        assert_int_equal(err.offset, wanted_offset);
        assert_string_equal(err.call, "nimbus_pattern_compile");
    }
    nimbus_pattern_release(pattern);
}

#define BAD NIMBUS_E_PATTERN
#define BUS NIMBUS_PROFILE_BUS
#define FLAT NIMBUS_PROFILE_SNS_ATTRIBUTES
#define BODY NIMBUS_PROFILE_SNS_BODY
#define MAPPING NIMBUS_PROFILE_MAPPING
#define PIPE NIMBUS_PROFILE_PIPE

/* What is found late, at the end of "$or" or behind the text, stands where it belongs. */
static void findings_come_in_the_order_of_the_text(void **state)
{
    static const text_case cases[] = {
        { BUS, "{\"$or\":[{\"a\":1}]}", { { BAD, 7, "\"$or\" needs two or more objects" },
                                          { BAD, 9, "the value of \"a\" must be an object or a list" } } },
        { FLAT, "{\"$or\":[{\"a\":{\"b\":[1]}}],\"c\":[]}", { { BAD, 7, "\"$or\" needs two or more objects" },
                                                            { BAD, 13, "a filter policy over message attributes cannot be nested" },
                                                            { BAD, 29, "an empty list matches nothing and is not allowed" } } },
        { BODY, "{\"$or\":[{\"a\":[1]},{\"$or\":[{\"b\":[{\"suffix\":1}]}]}]}",
          { { BAD, 25, "\"$or\" needs two or more objects" }, { BAD, 42, "suffix takes a string" } } },
        { BUS, "{\"a\":[1,1],\"a\":[2]}", { { NIMBUS_OK, 8, "the same element stands in this list before" },
                                            { NIMBUS_OK, 15, "this list overrides an earlier one of the same path" } } },
        { BUS, "{\"a\":[1],\"a\":[2],\"b\":[3,3]}", { { NIMBUS_OK, 13, "this list overrides an earlier one of the same path" },
                                                      { NIMBUS_OK, 24, "the same element stands in this list before" } } },
        { BUS, "{\"a\":[],\"b\":[1}", { { BAD, 14, "not JSON: ',' or ']' is missing" } } },
        { BUS, "{\"a\":[{\"prefix\":1,\"x\":2,\"y\":3},[1]],\"b\":{}}",
          { { BAD, 16, "prefix takes a string" },
            { BAD, 18, "an operator object has exactly one key" },
            { BAD, 31, "an element of a list must be a string, a number, true, false, null or an operator object" },
            { BAD, 41, "an empty object is not allowed" } } },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_case(&cases[i]);
    }
}

static void profiles_say_what_they_lack(void **state)
{
    static const text_case cases[] = {
        { FLAT, "{}", { { 0, 0, NULL } } },
        { BODY, "{}", { { 0, 0, NULL } } },
        { MAPPING, "{}", { { BAD, 1, "an empty object is not allowed" } } },
        { FLAT, "{\"a\":\"x\"}", { { 0, 0, NULL } } },
        { BODY, "{\"a\":\"x\"}", { { BAD, 1, "the value of \"a\" must be an object or a list" } } },
        { FLAT, "{\"a\":{}}", { { BAD, 5, "a filter policy over message attributes cannot be nested" } } },
        { FLAT, "{\"a\":[{\"wildcard\":\"x*\"}]}", { { BAD, 7, "there is no operator \"wildcard\" in this kind of filter" } } },
        { BODY, "{\"a\":[{\"exactly\":\"x\"}]}", { { BAD, 7, "there is no operator \"exactly\" in this kind of filter" } } },
        { MAPPING, "{\"a\":[{\"cidr\":\"::/8\"}]}", { { BAD, 7, "there is no operator \"cidr\" in this kind of filter" } } },
        { PIPE, "{\"a\":[{\"anything-but\":{\"prefix\":\"x\"}}]}", { { BAD, 23, "anything-but does not know \"prefix\"" } } },
        { FLAT, "{\"a\":[{\"anything-but\":{\"suffix\":\"x\"}}]}", { { BAD, 23, "anything-but does not know \"suffix\"" } } },
        { BODY, "{\"a\":[{\"prefix\":{\"equals-ignore-case\":\"x\"}}]}", { { BAD, 17, "prefix does not know \"equals-ignore-case\"" } } },
        /* the sixth key, also inside of "$or" */
        { FLAT, "{\"a\":[1],\"b\":[1],\"c\":[1],\"d\":[1],\"e\":[1],\"f\":[1],\"g\":[1]}",
          { { NIMBUS_E_TOO_LARGE, 41, "a filter policy has at most 5 keys" } } },
        { BODY, "{\"a\":[1],\"b\":[1],\"c\":{\"x\":[1],\"y\":[1],\"z\":[1]},\"d\":[1],\"$or\":[{\"e\":[1]},{\"f\":[1]}]}",
          { { NIMBUS_E_TOO_LARGE, 73, "a filter policy has at most 5 keys" } } },
        /* 6 * 5 * 5 * 1 is 150; the list that makes it 300 */
        { FLAT, "{\"a\":[1,2,3,4,5,6],\"b\":[1,2,3,4,5],\"c\":[1,2,3,4,5],\"d\":[1]}", { { 0, 0, NULL } } },
        { FLAT, "{\"a\":[1,2,3,4,5,6],\"b\":[1,2,3,4,5],\"c\":[1,2,3,4,5],\"d\":[1,2]}",
          { { NIMBUS_E_TOO_COMPLEX, 55, "a filter policy has at most 150 combinations" } } },
        /* 25 at depth 3, twice in "$or": 75 + 75; and 75 + 78 */
        { BODY, "{\"a\":{\"b\":{\"$or\":[{\"c\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25]},"
                "{\"d\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25]}]}}}", { { 0, 0, NULL } } },
        { BODY, "{\"a\":{\"b\":{\"$or\":[{\"c\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25]},"
                "{\"d\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26]}]}}}",
          { { NIMBUS_E_TOO_COMPLEX, 17, "a filter policy has at most 150 combinations" } } },
        { BODY, "{\"a\":[{\"nope\":1}],\"b\":[1],\"c\":[1],\"d\":[1],\"e\":[1],\"f\":[1]}",
          { { BAD, 7, "there is no operator \"nope\"" }, { NIMBUS_E_TOO_LARGE, 50, "a filter policy has at most 5 keys" } } },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_case(&cases[i]);
    }
}

static void lints_what_cannot_be_meant(void **state)
{
    static const text_case cases[] = {
        { BUS, "{\"a\":[\"x\",\"x\"]}", { { NIMBUS_OK, 10, "the same element stands in this list before" } } },
        { BUS, "{\"a\":[5,5.0]}", { { NIMBUS_OK, 8, "the same element stands in this list before" } } },
        { BUS, "{\"a\":[\"x\",{\"anything-but\":[\"y\",\"x\"]}]}",
          { { NIMBUS_OK, 26, "this anything-but excludes what another element takes: together they take every value" } } },
        { BUS, "{\"a\":[{\"exists\":true},{\"exists\":false}]}",
          { { NIMBUS_OK, 32, "exists true and exists false in one list: it matches always" } } },
        { BUS, "{\"a\":[{\"anything-but\":1},{\"anything-but\":2}]}",
          { { NIMBUS_OK, 41, "two anything-but in one list: what one excludes the other may take" } } },
        { BUS, "{\"a\":[{\"exists\":true},\"x\"]}",
          { { NIMBUS_OK, 22, "exists true takes every value: the other elements of this list change nothing" } } },
        { BUS, "{\"a\":[5,\"5\"]}", { { NIMBUS_OK, 8, "a number in quotes beside a number: a string never equals a number" } } },
        { BUS, "{\"a\":[1],\"$or\":[{\"a\":[2]},{\"b\":[3]}]}",
          { { NIMBUS_OK, 21, "this list overrides an earlier one of the same path" } } },
        { BUS, "{\"a.b\":[1],\"a\":{\"b\":[2]}}", { { NIMBUS_OK, 20, "this list overrides an earlier one of the same path" } } },
        /* what is meant */
        { BUS, "{\"a\":[5,\"x\",\"y\",null,{\"exists\":false}],\"b\":[{\"prefix\":\"x\"},{\"suffix\":\"x\"}]}", { { 0, 0, NULL } } },
        { BUS, "{\"a\":[{\"exists\":false},\"x\"]}", { { 0, 0, NULL } } },
        { BUS, "{\"a\":[{\"anything-but\":\"x\"},{\"exists\":false}]}", { { 0, 0, NULL } } },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_case(&cases[i]);
    }
}

static void check_without_memory(void **state)
{
    (void)state;
    for (int once = 0; once <= 1; once++) {
        nimbus_status status = NIMBUS_E_NO_MEMORY;

        for (long n = 0; status == NIMBUS_E_NO_MEMORY; n++) {
            budget b = { .until_failure = n, .once = once != 0 };
            const nimbus_allocator allocator = { budget_allocate, budget_release, &b };
            size_t count = 99;
            nimbus_finding finding = { .offset = 99 };

            assert_true(n < 60);
            status = nimbus_pattern_check("{\"a\":[1,1],\"$or\":[{\"b\":[{\"wildcard\":\"x*y\"}]},{\"c\":[2]}]}",
                                          &(nimbus_pattern_options){ .allocator = &allocator }, &finding, 1, &count);
            assert_int_equal(count, status == NIMBUS_OK ? 1 : 99);
            assert_int_equal(finding.offset, status == NIMBUS_OK ? 8 : 99);
            assert_int_equal(b.live, 0);
        }
        assert_int_equal(status, NIMBUS_OK);
    }
}

/* Thousands, of which the half is found behind the others: all are there, in order, however little room there is. */
static void finds_thousands_in_order(void **state)
{
    enum { KEYS = 3000 };
    char *text = malloc(KEYS * 12 + 3);
    nimbus_finding *findings = calloc(2 * KEYS, sizeof *findings);
    size_t at = 1;

    (void)state;
    assert_non_null(text);
    assert_non_null(findings);
    text[0] = '{';
    for (size_t i = 0; i < KEYS; i++) {
        at += (size_t)sprintf(text + at, "%s\"a\":[1,1]", i == 0 ? "" : ",");
    }
    strcpy(text + at, "}");
    for (size_t room = 1; room <= 2 * KEYS; room = room == 1 ? 777 : room == 777 ? 2 * KEYS : 2 * KEYS + 1) {
        size_t count = 0;

        assert_int_equal(nimbus_pattern_check(text, NULL, findings, room, &count), NIMBUS_OK);
        assert_int_equal(count, 2 * KEYS - 1); /* each list but the first overrides, and each says 1 twice */
        for (size_t i = 0; i < room && i < count; i++) { /* the first list's, then a list and what is in it, by turns */
            size_t list = (i + 1) / 2;

            assert_int_equal(findings[i].offset, 5 + list * 10 + (i % 2 == 0 ? 3 : 0));
        }
    }
    free(findings);
    free(text);
}

static void checks_arguments_of_check(void **state)
{
    nimbus_pattern_options options = { .reserved_ = { 0, 1 } };
    size_t count = 99;

    (void)state;
    assert_int_equal(nimbus_pattern_check(NULL, NULL, NULL, 0, &count), NIMBUS_E_INVALID);
    assert_int_equal(nimbus_pattern_check("{}", &options, NULL, 0, &count), NIMBUS_E_INVALID);
    options = (nimbus_pattern_options){ .profile = (nimbus_profile)(NIMBUS_PROFILE_PIPE + 1) };
    assert_int_equal(nimbus_pattern_check("{}", &options, NULL, 0, &count), NIMBUS_E_INVALID);
    options = (nimbus_pattern_options){ .max_fields = 65 };
    assert_int_equal(nimbus_pattern_check("{}", &options, NULL, 0, &count), NIMBUS_E_INVALID);
    assert_int_equal(count, 99);
    assert_int_equal(nimbus_pattern_check("{}", NULL, NULL, 5, &count), NIMBUS_E_PATTERN);
    assert_int_equal(count, 1);
    assert_int_equal(nimbus_pattern_check("{}", NULL, NULL, 0, NULL), NIMBUS_E_PATTERN);
}

/* -------------------------------------------------------------------------------------------------- limits */

static nimbus_status compile_with(const char *text, const nimbus_pattern_options *options)
{
    nimbus_error err = { 0 };
    nimbus_pattern *pattern = nimbus_pattern_compile(text, options, &err);

    assert_true((pattern == NULL) == nimbus_failed(err.status));
    nimbus_pattern_release(pattern);
    return err.status;
}

/* {"$or":[{"a":[0]},{"a":[1]},...]}, n branches; beside it a second one of m branches. */
static char *branches(unsigned n, unsigned m)
{
    char *text = malloc(64 + (size_t)(n + m) * 16);
    size_t at = (size_t)sprintf(text, "{\"$or\":[");

    for (unsigned i = 0; i < n; i++) {
        at += (size_t)sprintf(text + at, "%s{\"a\":[%u]}", i == 0 ? "" : ",", i);
    }
    at += (size_t)sprintf(text + at, m > 0 ? "],\"$or\":[" : "]");
    for (unsigned i = 0; i < m; i++) {
        at += (size_t)sprintf(text + at, "%s{\"b\":[%u]}", i == 0 ? "" : ",", i);
    }
    sprintf(text + at, m > 0 ? "]}" : "}");
    return text;
}

static void limits_hold_at_both_sides(void **state)
{
    static const struct {
        unsigned n, m, most; /* 0: the default of 1,000 */
        nimbus_status status;
    } or_cases[] = {
        { 999, 0, 0, NIMBUS_OK }, { 1000, 0, 0, NIMBUS_OK }, { 1001, 0, 0, NIMBUS_E_TOO_COMPLEX }, { 20, 50, 0, NIMBUS_OK },
        { 21, 48, 0, NIMBUS_E_TOO_COMPLEX }, { 37, 27, 0, NIMBUS_OK }, { 3, 3, 9, NIMBUS_OK }, { 3, 3, 8, NIMBUS_E_TOO_COMPLEX },
        { 2, 5, 9, NIMBUS_E_TOO_COMPLEX },
    };
    static const char wild[] = "{\"a\":[{\"wildcard\":\"*x*x*x*x\"}]}";
    static const char wilder[] = "{\"a\":[{\"anything-but\":{\"wildcard\":[\"*x*x*x*x*x\"]}}]}";
    static const char two[] = "{\"a\":[1],\"b\":[2]}";

    (void)state;
    for (size_t i = 0; i < COUNT(or_cases); i++) {
        char *text = branches(or_cases[i].n, or_cases[i].m);

        assert_int_equal(compile_with(text, &(nimbus_pattern_options){ .max_combinations = or_cases[i].most }), or_cases[i].status);
        free(text);
    }
    assert_int_equal(compile_with(wild, NULL), NIMBUS_OK);
    assert_int_equal(compile_with(wild, &(nimbus_pattern_options){ .max_wildcards = 3 }), NIMBUS_E_TOO_COMPLEX);
    assert_int_equal(compile_with(wilder, NULL), NIMBUS_E_TOO_COMPLEX);
    assert_int_equal(compile_with(wilder, &(nimbus_pattern_options){ .max_wildcards = 5 }), NIMBUS_OK);
    assert_int_equal(compile_with(wilder, &(nimbus_pattern_options){ .max_wildcards = UINT32_MAX }), NIMBUS_OK);
    assert_int_equal(compile_with(two, &(nimbus_pattern_options){ .max_bytes = sizeof two - 1 }), NIMBUS_OK);
    assert_int_equal(compile_with(two, &(nimbus_pattern_options){ .max_bytes = sizeof two - 2 }), NIMBUS_E_TOO_LARGE);
    assert_int_equal(compile_with(two, &(nimbus_pattern_options){ .max_fields = 2 }), NIMBUS_OK);
    assert_int_equal(compile_with(two, &(nimbus_pattern_options){ .max_fields = 1 }), NIMBUS_E_TOO_LARGE);
}

/* The budget refuses a rule with one status, whether the text or the index does not fit, and everything stays as it was. */
static void a_budget_changes_nothing(void **state)
{
    nimbus_matcher_options options = { .memory_budget = 24 * 1024 };
    nimbus_matcher *matcher = nimbus_matcher_create(&options, NULL);
    char *large = branches(500, 0);
    nimbus_error err = { 0 };
    nimbus_matched matched[2];
    size_t count = 0;
    int user = 1;

    (void)state;
    assert_non_null(matcher);
    assert_int_equal(nimbus_matcher_add(matcher, "rule", "{\"a\":[1]}", &user, NULL), NIMBUS_OK);
    assert_int_equal(nimbus_matcher_add(matcher, "rule", large, NULL, &err), NIMBUS_E_TOO_COMPLEX);
    assert_int_equal(err.status, NIMBUS_E_TOO_COMPLEX);
    assert_string_equal(err.field, "memory_budget");
    assert_int_equal(nimbus_matcher_add(matcher, "more", large, NULL, NULL), NIMBUS_E_TOO_COMPLEX);
    assert_int_equal(nimbus_matcher_find(matcher, "{\"a\":1}", 7, NULL, matched, 2, &count), NIMBUS_OK);
    assert_int_equal(count, 1);
    assert_ptr_equal(matched[0].user, &user);
    assert_string_equal(matched[0].id, "rule");
    nimbus_matcher_release(matcher);
    free(large);
}

/* ------------------------------------------------------------------------------------------------- explain */

typedef struct told {
    char text[1024]; /* "path verdict value;" of each field */
} told;

static void tell(const nimbus_field_report *field, void *user)
{
    told *t = user;
    size_t at = strlen(t->text);

    snprintf(t->text + at, sizeof t->text - at, "%s %d %.*s;", field->path, (int)field->verdict, (int)field->value.size,
             field->value.size != 0 ? (const char *)field->value.data : "");
    assert_true(field->reason[0] != '\0');
    assert_true((field->value.size == 0) == (field->value_offset == SIZE_MAX));
}

static void explains_the_nearest_miss(void **state)
{
    static const struct {
        const char *pattern, *event, *fields;
        uint32_t combinations, combination, failed;
    } cases[] = {
        { "{\"a\":[\"x\"],\"b\":{\"c\":[1]}}", "{\"a\":\"x\",\"b\":{\"c\":2}}", "a 0 \"x\";b.c 2 2;", 1, 0, 1 },
        { "{\"a\":[\"x\"]}", "{\"b\":1}", "a 1 ;", 1, 0, 1 },
        { "{\"a\":[{\"exists\":false}],\"b\":[1]}", "{\"a\":null,\"b\":1}", "a 3 null;b 0 1;", 1, 0, 1 },
        { "{\"a\":[{\"exists\":false}],\"b\":[1]}", "{\"b\":1}", "a 0 ;b 0 1;", 1, 0, 0 },
        { "{\"e\":{\"f\":[\"A\"],\"l\":[\"J\"]},\"x\":[1]}", "{\"e\":[{\"f\":\"A\",\"l\":\"S\"},{\"f\":\"P\",\"l\":\"J\"}],\"x\":1}",
          "e.f 4 \"A\";e.l 4 \"J\";x 0 1;", 1, 0, 2 },
        { "{\"s\":[1],\"$or\":[{\"a\":[1],\"b\":[1]},{\"c\":[1]}]}", "{\"s\":1,\"a\":2,\"b\":3,\"c\":4}", "s 0 1;c 2 4;", 2, 1, 1 },
        { "{\"s\":[1],\"$or\":[{\"a\":[1],\"b\":[1]},{\"c\":[1]}]}", "{\"s\":1,\"a\":1,\"b\":3}", "s 0 1;a 0 1;b 2 3;", 2, 0, 1 },
        { "{\"$or\":[{\"a\":[1]},{\"c\":[1]}]}", "{\"c\":1}", "c 0 1;", 2, 1, 0 },
        { "{\"a\":[\"y\"]}", "{\"a\":[\"x\",\"z\"]}", "a 2 \"x\";", 1, 0, 1 },
        { "{\"a\":[\"y\"]}", "{\"a\":[\"x\",\"y\"]}", "a 0 \"y\";", 1, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        nimbus_pattern *pattern = nimbus_pattern_compile(cases[i].pattern, NULL, NULL);
        nimbus_explanation why = { 0 };
        told t = { "" };

        assert_non_null(pattern);
        assert_int_equal(nimbus_pattern_explain(pattern, cases[i].event, strlen(cases[i].event), tell, &t, &why), NIMBUS_OK);
        if (strcmp(t.text, cases[i].fields) != 0) {
            fail_msg("%s: %s", cases[i].event, t.text);
        }
        assert_int_equal(why.combinations, cases[i].combinations);
        assert_int_equal(why.combination, cases[i].combination);
        assert_int_equal(why.failed, cases[i].failed);
        assert_true(why.match == (why.failed == 0));
        nimbus_pattern_release(pattern);
    }
}

static void explain_leaves_ret_alone_when_it_fails(void **state)
{
    nimbus_pattern *pattern = nimbus_pattern_compile("{\"a\":[1]}", NULL, NULL);
    nimbus_pattern *flat = nimbus_pattern_compile("{\"a\":[1]}", &(nimbus_pattern_options){ .profile = FLAT }, NULL);
    nimbus_explanation why = { .fields = 77 };

    (void)state;
    assert_int_equal(nimbus_pattern_explain(pattern, "{", 1, NULL, NULL, &why), NIMBUS_E_JSON);
    assert_int_equal(nimbus_pattern_explain(pattern, "[]", 2, NULL, NULL, &why), NIMBUS_E_JSON);
    assert_int_equal(nimbus_pattern_explain(pattern, NULL, 2, NULL, NULL, &why), NIMBUS_E_INVALID);
    assert_int_equal(nimbus_pattern_explain(NULL, "{}", 2, NULL, NULL, &why), NIMBUS_E_INVALID);
    assert_int_equal(nimbus_pattern_explain(flat, "{}", 2, NULL, NULL, &why), NIMBUS_E_INVALID);
    assert_int_equal(why.fields, 77);
    assert_int_equal(nimbus_pattern_explain(pattern, "{}", 2, NULL, NULL, NULL), NIMBUS_OK);
    nimbus_pattern_release(flat);
    nimbus_pattern_release(pattern);
}

/* Each allocation fails once, and all from one on; judging arrays takes room, too. Never a wrong answer. */
static void explain_without_memory(void **state)
{
    static const char event[] = "{\"e\":[{\"f\":\"A\",\"l\":\"J\"},{\"f\":\"P\",\"l\":\"J\"}]}";

    (void)state;
    for (int once = 0; once <= 1; once++) {
        budget b = { .until_failure = -1 };
        const nimbus_allocator allocator = { budget_allocate, budget_release, &b };
        nimbus_pattern *pattern = nimbus_pattern_compile("{\"e\":{\"f\":[\"A\"],\"l\":[\"J\"]}}",
                                                         &(nimbus_pattern_options){ .allocator = &allocator }, NULL);
        nimbus_status status = NIMBUS_E_NO_MEMORY;
        long failures = 0;

        assert_non_null(pattern);
        for (long n = 0; status == NIMBUS_E_NO_MEMORY; n++) {
            nimbus_explanation why = { .fields = 77 };
            bool match = false;
            long live = b.live;

            b.until_failure = n;
            b.once = once != 0;
            status = nimbus_pattern_explain(pattern, event, sizeof event - 1, NULL, NULL, &why);
            assert_true(status == NIMBUS_OK ? why.match && why.fields == 2 : why.fields == 77);
            assert_int_equal(b.live, live);
            failures += status == NIMBUS_E_NO_MEMORY;
            b.until_failure = n;
            if (nimbus_pattern_match(pattern, event, sizeof event - 1, &match) == NIMBUS_OK) {
                assert_true(match);
            }
            b.until_failure = -1;
            assert_true(n < 100);
        }
        assert_int_equal(status, NIMBUS_OK);
        assert_true(failures > 3);
        nimbus_pattern_release(pattern);
        assert_int_equal(b.live, 0);
    }
}

/* An attribute that was made of NULL is found where it is used. */
static void refuses_attributes_of_nothing(void **state)
{
    nimbus_pattern *pattern = nimbus_pattern_compile("{\"a\":[\"\"]}", &(nimbus_pattern_options){ .profile = FLAT }, NULL);
    nimbus_matcher *matcher = nimbus_matcher_create(
        &(nimbus_matcher_options){ .patterns = &(nimbus_pattern_options){ .profile = FLAT } }, NULL);
    nimbus_attribute bad[] = { nimbus_string(NULL, "x"), nimbus_string("a", NULL), nimbus_number("a", NULL), nimbus_binary("a", NULL, 0),
                               { "a", (nimbus_attribute_kind)(NIMBUS_BINARY + 1), NULL, { "x", 1 } } };
    nimbus_attribute good = nimbus_string("a", "");
    bool match = false;
    size_t count = 77;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(nimbus_pattern_match_attributes(pattern, &bad[i], 1, &match), NIMBUS_E_INVALID);
        assert_int_equal(nimbus_matcher_match_attributes(matcher, &bad[i], 1, NULL, NULL, &count), NIMBUS_E_INVALID);
    }
    assert_false(match);
    assert_int_equal(count, 77);
    assert_int_equal(nimbus_pattern_match_attributes(pattern, &good, 1, &match), NIMBUS_OK);
    assert_true(match);
    nimbus_matcher_release(matcher);
    nimbus_pattern_release(pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings_come_in_the_order_of_the_text),
        cmocka_unit_test(profiles_say_what_they_lack),
        cmocka_unit_test(lints_what_cannot_be_meant),
        cmocka_unit_test(check_without_memory),
        cmocka_unit_test(finds_thousands_in_order),
        cmocka_unit_test(checks_arguments_of_check),
        cmocka_unit_test(limits_hold_at_both_sides),
        cmocka_unit_test(a_budget_changes_nothing),
        cmocka_unit_test(explains_the_nearest_miss),
        cmocka_unit_test(explain_leaves_ret_alone_when_it_fails),
        cmocka_unit_test(explain_without_memory),
        cmocka_unit_test(refuses_attributes_of_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
