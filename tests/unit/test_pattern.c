/*
 * test_pattern.c - compiling, matching, the matcher, and what they do without memory. What matches what is in the vectors of conformance/;
 * here are the bounds, the statuses and the life cycle.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <nimbus/pattern.h>

#include "pattern/pattern.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* An allocator that fails from one allocation on, or once, and counts what is out. */
typedef struct budget {
    long until_failure; /* allocations that still work; below zero: all */
    bool once;
    long live;
    size_t bytes;
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
    b->bytes += size;
    return malloc(size);
}

static void budget_release(void *block, size_t size, void *user)
{
    budget *b = user;

    b->live--;
    b->bytes -= size;
    free(block);
}

static nimbus_allocator allocator_of(budget *b)
{
    return (nimbus_allocator){ budget_allocate, budget_release, b };
}

static char *exact(const char *data, size_t size)
{
    char *block = malloc(size + (size == 0));

    assert_non_null(block);
    memcpy(block, data, size);
    return block;
}

static nimbus_status compile_sized(const char *text, size_t size, nb_profile profile, nimbus_error *err)
{
    nb_heap *heap = nb_heap_open(NULL, 0);
    char *block = exact(text, size);
    nb_pattern *pattern = NULL;
    nimbus_status status = nb_pattern_compile(heap, block, size, profile, &pattern, err, "test");

    free(block); /* before the pattern: it must not borrow the text */
    assert_true((pattern != NULL) == (status == NIMBUS_OK));
    nb_pattern_release(pattern);
    nb_heap_close(heap);
    return status;
}

static nimbus_status compile(const char *text, nimbus_error *err)
{
    return compile_sized(text, strlen(text), NB_PROFILE_EVENT, err);
}

/* ---------------------------------------------------------------------------------------------- compile */

static void says_what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        nimbus_status status;
        size_t offset;
        const char *reason;
    } cases[] = {
        { "", NIMBUS_E_PATTERN, 0, "not JSON: the text ends too early" },
        { "{\"a\":[1}", NIMBUS_E_PATTERN, 7, "not JSON: ',' or ']' is missing" },
        { " []", NIMBUS_E_PATTERN, 1, "a pattern must be a JSON object" },
        { "{}", NIMBUS_E_PATTERN, 1, "an empty object is not allowed" },
        { "{\"a\":{}}", NIMBUS_E_PATTERN, 6, "an empty object is not allowed" },
        { "{\"a\":[]}", NIMBUS_E_PATTERN, 5, "an empty list matches nothing and is not allowed" },
        { "{\"key\":42}", NIMBUS_E_PATTERN, 1, "the value of \"key\" must be an object or a list" },
        { "{\"a\":[[1]]}", NIMBUS_E_PATTERN, 6,
          "an element of a list must be a string, a number, true, false, null or an operator object" },
        { "{\"a\":[{}]}", NIMBUS_E_PATTERN, 7, "an operator object has exactly one key" },
        { "{\"a\":[{\"EXISTS\":true}]}", NIMBUS_E_PATTERN, 7, "there is no operator \"EXISTS\"" },
        { "{\"a\":[{\"prefix\":\"a\",\"suffix\":\"b\"}]}", NIMBUS_E_PATTERN, 20, "an operator object has exactly one key" },
        { "{\"a\":[{\"prefix\":1}]}", NIMBUS_E_PATTERN, 16, "prefix takes a string" },
        { "{\"a\":[{\"prefix\":{}}]}", NIMBUS_E_PATTERN, 17, "prefix has an object without a key" },
        { "{\"a\":[{\"suffix\":{\"prefix\":\"a\"}}]}", NIMBUS_E_PATTERN, 17, "suffix does not know \"prefix\"" },
        { "{\"a\":[{\"prefix\":{\"equals-ignore-case\":1}}]}", NIMBUS_E_PATTERN, 38, "equals-ignore-case takes a string" },
        { "{\"a\":[{\"exactly\":1}]}", NIMBUS_E_PATTERN, 17, "exactly takes a string" },
        { "{\"a\":[{\"exists\":\"false\"}]}", NIMBUS_E_PATTERN, 16, "exists must be true or false" },
        { "{\"a\":[{\"numeric\":1}]}", NIMBUS_E_PATTERN, 17, "numeric takes a list: [\">\", 1]" },
        { "{\"a\":[{\"numeric\":[]}]}", NIMBUS_E_PATTERN, 18, "numeric has an empty list" },
        { "{\"a\":[{\"numeric\":[1]}]}", NIMBUS_E_PATTERN, 18, "numeric knows =, <, <=, > and >=, not 1" },
        { "{\"a\":[{\"numeric\":[\"~\",1]}]}", NIMBUS_E_PATTERN, 18, "numeric knows =, <, <=, > and >=, not \"~\"" },
        { "{\"a\":[{\"numeric\":[\"<\",\"1\"]}]}", NIMBUS_E_PATTERN, 22, "the value behind < must be a number" },
        { "{\"a\":[{\"numeric\":[\"<\",1e309]}]}", NIMBUS_E_PATTERN, 22, "the value behind < cannot be compared: no double has its value" },
        { "{\"a\":[{\"numeric\":[\"=\",1,2]}]}", NIMBUS_E_PATTERN, 24, "more elements in a numeric list than it can use" },
        { "{\"a\":[{\"numeric\":[\"<\",1,\">\",0]}]}", NIMBUS_E_PATTERN, 24, "more elements in a numeric list than it can use" },
        { "{\"a\":[{\"numeric\":[\">\",1,\"=\",2]}]}", NIMBUS_E_PATTERN, 24, "the second bound of a numeric range must be < or <=" },
        { "{\"a\":[{\"numeric\":[\">=\",5,\"<=\",5]}]}", NIMBUS_E_PATTERN, 30, "the lower bound must be below the upper one" },
        { "{\"a\":[{\"numeric\":[\">\",1,\"<\",2,3]}]}", NIMBUS_E_PATTERN, 30, "more elements in a numeric list than it can use" },
        { "{\"a\":[{\"numeric\":[\">\"]}]}", NIMBUS_E_PATTERN, 21, "the value behind > must be a number" },
        { "{\"a\":[{\"anything-but\":[9007199254740993]}]}", NIMBUS_E_PATTERN, 23,
          "a number that cannot be compared: no double has its value" },
        { "{\"a\":[{\"anything-but\":[\"a\",1]}]}", NIMBUS_E_PATTERN, 27, "strings and numbers are mixed inside of anything-but" },
        { "{\"a\":[{\"anything-but\":[]}]}", NIMBUS_E_PATTERN, 22, "an empty list inside of anything-but excludes nothing" },
        { "{\"a\":[{\"anything-but\":null}]}", NIMBUS_E_PATTERN, 22,
          "anything-but takes a string, a number, or a list of only strings or only numbers" },
        { "{\"a\":[{\"anything-but\":[true]}]}", NIMBUS_E_PATTERN, 23,
          "anything-but takes a string, a number, or a list of only strings or only numbers" },
        { "{\"a\":[{\"anything-but\":{\"prefix\":\"\"}}]}", NIMBUS_E_PATTERN, 32,
          "an empty prefix inside of anything-but would exclude every string" },
        { "{\"a\":[{\"anything-but\":{\"suffix\":[]}}]}", NIMBUS_E_PATTERN, 32, "an empty list inside of anything-but excludes nothing" },
        { "{\"a\":[{\"anything-but\":{\"numeric\":[\"=\",1]}}]}", NIMBUS_E_PATTERN, 23, "anything-but does not know \"numeric\"" },
        { "{\"a\":[{\"anything-but\":{}}]}", NIMBUS_E_PATTERN, 23, "anything-but has an object without a key" },
        { "{\"a\":[{\"anything-but\":{\"prefix\":{\"equals-ignore-case\":\"a\"}}}]}", NIMBUS_E_PATTERN, 32, "prefix takes a string" },
        { "{\"a\":[{\"cidr\":1}]}", NIMBUS_E_PATTERN, 14, "cidr takes a string" },
        { "{\"a\":[{\"cidr\":\"10.0.0.0\"}]}", NIMBUS_E_PATTERN, 14, "a block of addresses has exactly one '/'" },
        { "{\"a\":[{\"cidr\":\"10.0.0.0/x\"}]}", NIMBUS_E_PATTERN, 14, "the bits of a block must be a whole number" },
        { "{\"a\":[{\"cidr\":\"10.0.0.0/-1\"}]}", NIMBUS_E_PATTERN, 14, "the bits of a block must not be negative" },
        { "{\"a\":[{\"cidr\":\"10.0.0.0/33\"}]}", NIMBUS_E_PATTERN, 14, "a block of IPv4 addresses has at most 32 bits" },
        { "{\"a\":[{\"cidr\":\"::/129\"}]}", NIMBUS_E_PATTERN, 14, "a block of IPv6 addresses has at most 128 bits" },
        { "{\"a\":[{\"cidr\":\"300.0.0.0/8\"}]}", NIMBUS_E_PATTERN, 14, "no IPv4 or IPv6 address before the '/'" },
        { "{\"a\":[{\"wildcard\":1}]}", NIMBUS_E_PATTERN, 18, "wildcard takes a string" },
        { "{\"a\":[{\"wildcard\":\"a**b\"}]}", NIMBUS_E_PATTERN, 18, "two stars in a row, at byte 2 of the wildcard" },
        { "{\"a\":[{\"wildcard\":\"a\\\\b\"}]}", NIMBUS_E_PATTERN, 18, "a backslash before neither * nor \\, at byte 1 of the wildcard" },
        { "{\"a\":[{\"wildcard\":\"*:*:*:*:*:event-bus/*\"}]}", NIMBUS_E_TOO_COMPLEX, 18,
          "more than 4 stars of a wildcard are followed by the same byte" },
        { "{\"$or\":{\"a\":[1]}}", NIMBUS_E_PATTERN, 7, "\"$or\" must be a list of two or more objects" },
        { "{\"$or\":[{\"a\":[1]}]}", NIMBUS_E_PATTERN, 7, "\"$or\" needs two or more objects" },
        { "{\"$or\":[1,{\"a\":[1]}]}", NIMBUS_E_PATTERN, 8, "every element of \"$or\" must be an object" },
        { "{\"$or\":[{},{\"a\":[1]}]}", NIMBUS_E_PATTERN, 9, "an empty object is not allowed" },
        { "{\"$or\":[{\"prefix\":[\"a\"]},{\"a\":[1]}]}", NIMBUS_E_PATTERN, 9,
          "\"prefix\" is the name of an operator and no field inside of \"$or\"" },
        { "{\"\\u0024or\":[{\"a\":[1]}]}", NIMBUS_E_PATTERN, 12, "\"$or\" needs two or more objects" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        nimbus_error err = { 0 };
        nimbus_status status = compile(cases[i].text, &err);

        if (status != cases[i].status || err.status != status || err.offset != cases[i].offset ||
            strcmp(err.reason, cases[i].reason) != 0) {
            fail_msg("%s: %d at %zu: %s", cases[i].text, status, err.offset, err.reason);
        }
        assert_string_equal(err.call, "test");
        assert_int_equal(compile(cases[i].text, NULL), status);
    }
}

/* A long key is cut in a reason, and never within a character. */
static void clips_long_names(void **state)
{
    nimbus_error err = { 0 };
    const char *c;

    (void)state;
    assert_int_equal(compile("{\"a\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
                             "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
                             "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\":1}",
                             &err),
                     NIMBUS_E_PATTERN);
    assert_int_equal(strncmp(err.reason, "the value of \"a\xc3\xa9", 15), 0);
    c = strstr(err.reason, " must be");
    assert_non_null(c);
    assert_int_equal((unsigned char)c[-1], 0xA9);

    memset(&err, 0, sizeof err);
    assert_int_equal(compile("{\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
                             "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
                             "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\":1}",
                             &err),
                     NIMBUS_E_PATTERN);
    c = strstr(err.reason, " must be");
    assert_non_null(c);
    assert_int_equal((unsigned char)c[-1], 0xA9);
}

/* {"f0":[1],"f1":[1],...} */
static char *many(size_t count)
{
    char *text = malloc(count * 24 + 3);
    size_t at = 1;

    assert_non_null(text);
    text[0] = '{';
    for (size_t i = 0; i < count; i++) {
        at += (size_t)sprintf(text + at, "%s\"f%zu\":[1]", i == 0 ? "" : ",", i);
    }
    strcpy(text + at, "}");
    return text;
}

static void bounds_the_number_of_paths(void **state)
{
    (void)state;
    for (size_t count = 64 - 1; count <= 64 + 1; count++) {
        char *text = many(count);
        char *event = malloc(count * 24 + 3);
        size_t event_size = 1;
        nimbus_error err = { 0 };
        nimbus_pattern *pattern;
        bool match = false;

        event[0] = '{';
        for (size_t i = 0; i < count; i++) {
            event_size += (size_t)sprintf(event + event_size, "%s\"f%zu\":1", i == 0 ? "" : ",", i);
        }
        strcpy(event + event_size, "}");
        pattern = nimbus_pattern_compile(text, NULL, &err);
        if (count <= 64) {
            assert_non_null(pattern);
            assert_int_equal(nimbus_pattern_match(pattern, event, event_size + 1, &match), NIMBUS_OK);
            assert_true(match);
            event[event_size - 1] = '0'; /* the last field only */
            assert_int_equal(nimbus_pattern_match(pattern, event, event_size + 1, &match), NIMBUS_OK);
            assert_false(match);
        } else {
            assert_null(pattern);
            assert_int_equal(err.status, NIMBUS_E_TOO_LARGE);
        }
        nimbus_pattern_release(pattern);
        free(event);
        free(text);
    }
}

static void bounds_the_size(void **state)
{
    static const char head[] = "{\"a\":[1]}";
    char *text = malloc(262144 + 1);

    (void)state;
    assert_non_null(text);
    memset(text, ' ', 262144 + 1);
    memcpy(text, head, sizeof head - 1);
    assert_int_equal(compile_sized(text, 262144 - 1, NB_PROFILE_EVENT, NULL), NIMBUS_OK);
    assert_int_equal(compile_sized(text, 262144, NB_PROFILE_EVENT, NULL), NIMBUS_OK);
    assert_int_equal(compile_sized(text, 262144 + 1, NB_PROFILE_EVENT, NULL), NIMBUS_E_TOO_LARGE);
    free(text);
}

/* What takes most room for its text: the block is measured, not grown. */
static void holds_dense_texts(void **state)
{
    static const char *const texts[] = {
        "{\"................................\":[1]}",
        "{\"\\u002e\\u002e\\u002e\":[\"\\u0000\"]}",
        "{\"a\":[1,2,3,4,5,6,7,8,9,\"\",\"\",null,true,false]}",
        "{\"a\":[{\"numeric\":[\">\",1,\"<\",2]},{\"exists\":true},{\"exists\":false},{\"prefix\":\"\"}]}",
        "{\"a\":[{\"anything-but\":[1,2]},{\"anything-but\":\"\"},{\"anything-but\":[\"\"]},{\"suffix\":\"\"}]}",
        "{\"a\":[1],\"a\":[2],\"a\":[3],\"a\":[4]}",
        "{\"\":{\"\":{\"\":{\"\":[1]}}}}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_int_equal(compile(texts[i], NULL), NIMBUS_OK);
    }
}

static void refuses_every_prefix(void **state)
{
    static const char text[] = "{\"a\":[\"x\",1,{\"prefix\":\"p\"},{\"numeric\":[\">\",1,\"<=\",5]}],\"b\":{\"c.d\":[{\"anything-but\":[1,"
                               "2]},{\"exists\":false}]}}";

    (void)state;
    for (size_t size = 0; size < sizeof text - 1; size++) {
        assert_int_equal(compile_sized(text, size, NB_PROFILE_EVENT, NULL), NIMBUS_E_PATTERN);
    }
    assert_int_equal(compile_sized(text, sizeof text - 1, NB_PROFILE_EVENT, NULL), NIMBUS_OK);
}

static void profiles_differ(void **state)
{
    char *five = many(5);
    char *six = many(6);

    (void)state;
    for (int profile = NB_PROFILE_SNS_ATTRIBUTES; profile <= NB_PROFILE_SNS_BODY; profile++) {
        assert_int_equal(compile_sized("{}", 2, (nb_profile)profile, NULL), NIMBUS_OK);
        assert_int_equal(compile_sized(five, strlen(five), (nb_profile)profile, NULL), NIMBUS_OK);
        assert_int_equal(compile_sized(six, strlen(six), (nb_profile)profile, NULL), NIMBUS_E_TOO_LARGE);
    }
    assert_int_equal(compile(six, NULL), NIMBUS_OK);
    assert_int_equal(compile_sized("{\"a\":{\"b\":[1]}}", 15, NB_PROFILE_SNS_ATTRIBUTES, NULL), NIMBUS_E_PATTERN);
    assert_int_equal(compile_sized("{\"a\":{\"b\":[1]}}", 15, NB_PROFILE_SNS_BODY, NULL), NIMBUS_OK);
    assert_int_equal(compile_sized("{\"a\":{}}", 8, NB_PROFILE_SNS_BODY, NULL), NIMBUS_E_PATTERN);
    free(six);
    free(five);
}

static void matches_only_its_kind(void **state)
{
    nb_heap *heap = nb_heap_open(NULL, 0);
    nimbus_attribute attribute = { "a", NIMBUS_STRING, NULL, { "x", 1 } };
    nb_pattern *pattern = NULL;
    bool match = true;

    (void)state;
    assert_int_equal(nb_pattern_compile(heap, "{\"a\":[\"y\"]}", 11, NB_PROFILE_SNS_ATTRIBUTES, &pattern, NULL, "test"), NIMBUS_OK);
    assert_int_equal(nb_pattern_match(pattern, "{}", 2, &match), NIMBUS_E_INVALID);
    assert_true(match); /* untouched */
    assert_int_equal(nb_pattern_match_attributes(pattern, &attribute, 1, &match), NIMBUS_OK);
    assert_false(match);
    nb_pattern_retain(pattern);
    nb_pattern_release(pattern);
    nb_pattern_release(pattern);
    match = true;
    assert_int_equal(nb_pattern_compile(heap, "{\"a\":[\"y\"]}", 11, NB_PROFILE_EVENT, &pattern, NULL, "test"), NIMBUS_OK);
    assert_int_equal(nb_pattern_match_attributes(pattern, &attribute, 1, &match), NIMBUS_E_INVALID);
    assert_true(match);
    nb_pattern_release(pattern);
    nb_heap_close(heap);
}

/* ------------------------------------------------------------------------------------------ one pattern */

static void checks_arguments_of_a_pattern(void **state)
{
    nimbus_allocator half = { budget_allocate, NULL, NULL };
    nimbus_error err = { 0 };
    nimbus_pattern *pattern;
    bool match = true;

    (void)state;
    assert_null(nimbus_pattern_compile(NULL, NULL, &err));
    assert_int_equal(err.status, NIMBUS_E_INVALID);
    assert_string_equal(err.field, "text");
    assert_null(nimbus_pattern_compile("{\"a\":[1]}", NULL, &err)); /* the error is still there */
    assert_string_equal(err.field, "text");
    err = (nimbus_error){ 0 };
    assert_null(nimbus_pattern_compile("{\"a\":[1]}", &(nimbus_pattern_options){ .allocator = &half }, &err));
    assert_string_equal(err.field, "allocator");
    assert_null(nimbus_pattern_compile("{\"a\":1}", NULL, NULL));
    pattern = nimbus_pattern_compile("{\"a\":[1]}", NULL, NULL);
    assert_non_null(pattern);
    assert_int_equal(nimbus_pattern_match(NULL, "{}", 2, &match), NIMBUS_E_INVALID);
    assert_int_equal(nimbus_pattern_match(pattern, NULL, 2, &match), NIMBUS_E_INVALID);
    assert_int_equal(nimbus_pattern_match(pattern, "{}", 2, NULL), NIMBUS_E_INVALID);
    assert_int_equal(nimbus_pattern_match(pattern, "{}", 0, &match), NIMBUS_E_JSON);
    assert_int_equal(nimbus_pattern_match(pattern, "{}x", 3, &match), NIMBUS_E_JSON);
    assert_int_equal(nimbus_pattern_match(pattern, "[]", 2, &match), NIMBUS_E_JSON);
    assert_true(match);
    assert_int_equal(nimbus_pattern_match(pattern, "{}", 2, &match), NIMBUS_OK);
    assert_false(match);
    nimbus_pattern_release(pattern);
    nimbus_pattern_release(NULL);
}

static void survives_every_prefix_of_an_event(void **state)
{
    static const char event[] = "{\"a\":[{\"b\":\"\\u0078\",\"c.d\":-1.5e3},{\"b\":[\"y\",[true,{}]]}],\"\\u0061.c\":{\"d\":null}}";
    nimbus_pattern *pattern = nimbus_pattern_compile(
        "{\"a\":{\"b\":[\"x\",{\"suffix\":\"z\"}],\"c\":{\"d\":[{\"numeric\":[\"<\",0]},{\"exists\":false}]}},\"e\":[{\"exists\":false}]}",
        NULL, NULL);
    bool match = false;

    (void)state;
    assert_non_null(pattern);
    for (size_t size = 0; size < sizeof event - 1; size++) {
        char *block = exact(event, size);

        assert_int_equal(nimbus_pattern_match(pattern, block, size, &match), NIMBUS_E_JSON);
        free(block);
    }
    assert_int_equal(nimbus_pattern_match(pattern, event, sizeof event - 1, &match), NIMBUS_OK);
    assert_true(match);
    nimbus_pattern_release(pattern);
}

/* Elements of arrays are told apart however deep the arrays lie in one another. */
static void array_scopes_at_any_depth(void **state)
{
    nimbus_pattern *pattern = nimbus_pattern_compile("{\"a\":{\"b\":[1],\"c\":[2]}}", NULL, NULL);

    (void)state;
    assert_non_null(pattern);
    for (size_t depth = 1; depth <= 70; depth++) {
        char text[256];
        size_t size = 5;
        bool match = false;

        memcpy(text, "{\"a\":", 5);
        memset(text + size, '[', depth);
        size += depth;
        size += (size_t)sprintf(text + size, "{\"b\":1},{\"c\":2}");
        memset(text + size, ']', depth);
        size += depth;
        text[size++] = '}';
        assert_int_equal(nimbus_pattern_match(pattern, text, size, &match), NIMBUS_OK);
        assert_false(match);
    }
    nimbus_pattern_release(pattern);
}

static void compiles_without_memory(void **state)
{
    (void)state;
    for (int once = 0; once <= 1; once++) {
        nimbus_pattern *pattern = NULL;

        for (long n = 0; pattern == NULL; n++) {
            budget b = { .until_failure = n, .once = once != 0 };
            nimbus_allocator allocator = allocator_of(&b);
            nimbus_error err = { 0 };

            assert_true(n < 60);
            pattern = nimbus_pattern_compile("{\"a\":[\"x\"],\"b.c\":[1,2]}", &(nimbus_pattern_options){ .allocator = &allocator }, &err);
            if (pattern == NULL) {
                assert_int_equal(err.status, NIMBUS_E_NO_MEMORY);
                assert_int_equal(b.live, 0);
            } else {
                nimbus_pattern_release(pattern);
                assert_int_equal(b.live, 0);
                assert_int_equal(b.bytes, 0);
            }
        }
    }
    {
        budget b = { .until_failure = -1 };
        nimbus_allocator allocator = allocator_of(&b);

        assert_null(nimbus_pattern_compile("{\"a\":[]}", &(nimbus_pattern_options){ .allocator = &allocator }, NULL));
        /* a malformed one leaves nothing either */
        assert_int_equal(b.live, 0);
    }
}

/* ---------------------------------------------------------------------------------------------- matcher */

typedef struct visits {
    char ids[256];
    long sum; /* of the users */
    bool stop;
    nimbus_matcher *matcher; /* to change from within */
} visits;

static bool note(const nimbus_matched *matched, void *user)
{
    visits *v = user;

    strcat(v->ids, matched->id);
    strcat(v->ids, ";");
    v->sum += *(long *)matched->user;
    return !v->stop;
}

static long ended;

static void end_user(void *user)
{
    ended += *(long *)user;
}

static void assert_matches(nimbus_matcher *matcher, const char *event, const char *ids)
{
    visits v = { .ids = "" };
    size_t count = SIZE_MAX;
    size_t expected = 0;

    for (const char *c = ids; *c != '\0'; c++) {
        expected += *c == ';';
    }
    assert_int_equal(nimbus_matcher_match(matcher, event, strlen(event), NULL, note, &v, &count), NIMBUS_OK);
    assert_string_equal(v.ids, ids);
    assert_int_equal(count, expected);
    assert_int_equal(nimbus_matcher_match(matcher, event, strlen(event), NULL, NULL, NULL, NULL), NIMBUS_OK);
}

static void adds_replaces_and_removes(void **state)
{
    nimbus_matcher_options options = { .destroy = end_user };
    nimbus_matcher *matcher = nimbus_matcher_create(&options, NULL);
    long users[] = { 1, 10, 100, 1000 };

    (void)state;
    ended = 0;
    assert_non_null(matcher);
    assert_matches(matcher, "{}", "");
    assert_int_equal(nimbus_matcher_add(matcher, "one", "{\"a\":[1]}", &users[0], NULL), NIMBUS_OK);
    assert_int_equal(nimbus_matcher_add(matcher, "two", "{\"a\":[1,2]}", &users[1], NULL), NIMBUS_OK);
    assert_int_equal(nimbus_matcher_add(matcher, "any", "{\"a\":[{\"exists\":true}]}", &users[2], NULL), NIMBUS_OK);
    assert_matches(matcher, "{\"a\":1}", "one;two;any;");
    assert_matches(matcher, "{\"a\":2}", "two;any;");
    assert_matches(matcher, "{\"a\":3}", "any;");
    assert_matches(matcher, "{\"b\":3}", "");
    assert_int_equal(nimbus_matcher_add(matcher, "one", "{\"a\":[3]}", &users[3], NULL), NIMBUS_OK); /* keeps its place */
    assert_int_equal(ended, 1);
    assert_matches(matcher, "{\"a\":3}", "one;any;");
    assert_int_equal(nimbus_matcher_remove(matcher, "two"), NIMBUS_OK);
    assert_int_equal(ended, 11);
    assert_int_equal(nimbus_matcher_remove(matcher, "two"), NIMBUS_E_NOT_FOUND);
    assert_matches(matcher, "{\"a\":2}", "any;");
    nimbus_matcher_release(matcher);
    assert_int_equal(ended, 1111);
}

static void checks_arguments_of_a_matcher(void **state)
{
    nimbus_matcher_options options = { 0 };
    nimbus_allocator half = { NULL, budget_release, NULL };
    nimbus_error err = { 0 };
    nimbus_matcher *matcher;
    char id[258];
    size_t count = 7;

    (void)state;
    for (size_t i = 0; i < COUNT(options.reserved_); i++) {
        err = (nimbus_error){ 0 };
        options.reserved_[i] = 1;
        assert_null(nimbus_matcher_create(&options, &err));
        assert_int_equal(err.status, NIMBUS_E_INVALID);
        assert_string_equal(err.field, "reserved_");
        options.reserved_[i] = 0;
    }
    assert_null(nimbus_matcher_create(NULL, &err)); /* the error is still there */
    err = (nimbus_error){ 0 };
    options.allocator = &half;
    assert_null(nimbus_matcher_create(&options, &err));
    assert_string_equal(err.field, "allocator");
    assert_null(nimbus_matcher_create(&options, NULL));

    matcher = nimbus_matcher_create(NULL, NULL);
    assert_non_null(matcher);
    assert_int_equal(nimbus_matcher_add(matcher, "a", "{\"a\":[1]}", NULL, &err), NIMBUS_E_INVALID); /* blocked by err */
    assert_int_equal(nimbus_matcher_add(NULL, "a", "{\"a\":[1]}", NULL, NULL), NIMBUS_E_INVALID);
    assert_int_equal(nimbus_matcher_add(matcher, NULL, "{\"a\":[1]}", NULL, NULL), NIMBUS_E_INVALID);
    assert_int_equal(nimbus_matcher_add(matcher, "", "{\"a\":[1]}", NULL, NULL), NIMBUS_E_INVALID);
    assert_int_equal(nimbus_matcher_add(matcher, "a", NULL, NULL, NULL), NIMBUS_E_INVALID);
    assert_int_equal(nimbus_matcher_add(matcher, "a", "{\"a\":[{\"wildcard\":\"**\"}]}", NULL, NULL), NIMBUS_E_PATTERN);
    memset(id, 'i', 257);
    id[257] = '\0';
    assert_int_equal(nimbus_matcher_add(matcher, id, "{\"a\":[1]}", NULL, NULL), NIMBUS_E_TOO_LARGE);
    id[256] = '\0';
    assert_int_equal(nimbus_matcher_add(matcher, id, "{\"a\":[1]}", NULL, NULL), NIMBUS_OK);
    assert_int_equal(nimbus_matcher_remove(NULL, "a"), NIMBUS_E_INVALID);
    assert_int_equal(nimbus_matcher_remove(matcher, NULL), NIMBUS_E_INVALID);
    assert_int_equal(nimbus_matcher_remove(matcher, id), NIMBUS_OK);
    assert_int_equal(nimbus_matcher_match(NULL, "{}", 2, NULL, NULL, NULL, &count), NIMBUS_E_INVALID);
    assert_int_equal(nimbus_matcher_match(matcher, NULL, 2, NULL, NULL, NULL, &count), NIMBUS_E_INVALID);
    assert_int_equal(nimbus_matcher_match(matcher, "{", 1, NULL, NULL, NULL, &count), NIMBUS_E_JSON); /* also without rules */
    assert_int_equal(nimbus_matcher_match(matcher, "[]", 2, NULL, NULL, NULL, &count), NIMBUS_E_JSON);
    assert_int_equal(count, 7);
    nimbus_matcher_release(matcher);
    nimbus_matcher_release(NULL);
}

static bool change(const nimbus_matched *matched, void *user)
{
    visits *v = user;
    static long fresh = 1000000;

    assert_int_equal(nimbus_matcher_remove(v->matcher, matched->id), NIMBUS_OK);
    assert_int_equal(nimbus_matcher_add(v->matcher, "fresh", "{\"a\":[1]}", &fresh, NULL), NIMBUS_OK);
    assert_int_equal(ended % 1000, 0); /* this match still sees x and y */
    return note(matched, v);
}

static void visitors_may_change_the_rules(void **state)
{
    nimbus_matcher_options options = { .destroy = end_user };
    nimbus_matcher *matcher = nimbus_matcher_create(&options, NULL);
    visits v = { .matcher = matcher };
    long users[] = { 1, 10 };
    size_t count = 0;

    (void)state;
    nimbus_matcher_add(matcher, "x", "{\"a\":[1]}", &users[0], NULL);
    nimbus_matcher_add(matcher, "y", "{\"a\":[1]}", &users[1], NULL);
    ended = 0;
    v.stop = true;
    assert_int_equal(nimbus_matcher_match(matcher, "{\"a\":1}", 7, NULL, note, &v, &count), NIMBUS_OK);
    assert_int_equal(count, 1);
    v = (visits){ .matcher = matcher };
    assert_int_equal(nimbus_matcher_match(matcher, "{\"a\":1}", 7, NULL, change, &v, &count), NIMBUS_OK);
    assert_string_equal(v.ids, "x;y;");
    assert_int_equal(v.sum, 11);
    assert_int_equal(count, 2);
    assert_int_equal(ended, 1000011); /* x and y, and the first "fresh", which the second replaced while the match ran */
    assert_matches(matcher, "{\"a\":1}", "fresh;");
    nimbus_matcher_release(matcher);
}

static void a_matcher_without_memory(void **state)
{
    (void)state;
    for (int once = 0; once <= 1; once++) {
        bool done = false;

        for (long n = 0; !done; n++) {
            budget b = { .until_failure = n, .once = once != 0 };
            nimbus_allocator allocator = allocator_of(&b);
            nimbus_matcher_options options = { .allocator = &allocator, .destroy = end_user };
            nimbus_error err = { 0 };
            nimbus_matcher *matcher = nimbus_matcher_create(&options, &err);
            long users[] = { 1, 10, 100 };
            long taken = 0;

            assert_true(n < 200);
            ended = 0;
            if (matcher == NULL) {
                assert_int_equal(err.status, NIMBUS_E_NO_MEMORY);
                assert_int_equal(b.live, 0);
                continue;
            }
            taken += nimbus_matcher_add(matcher, "a", "{\"a\":[1]}", &users[0], &err) == NIMBUS_OK ? users[0] : 0;
            taken += nimbus_matcher_add(matcher, "b", "{\"a\":[1]}", &users[1], &err) == NIMBUS_OK ? users[1] : 0;
            taken += nimbus_matcher_add(matcher, "a", "{\"a\":[2]}", &users[2], &err) == NIMBUS_OK ? users[2] : 0;
            assert_true(err.status == NIMBUS_OK || err.status == NIMBUS_E_NO_MEMORY);
            if (err.status == NIMBUS_OK) {
                nimbus_status status = nimbus_matcher_remove(matcher, "b");

                done = status == NIMBUS_OK;
                assert_true(done || status == NIMBUS_E_NO_MEMORY);
                assert_matches(matcher, "{\"a\":2}", "a;");
                assert_matches(matcher, "{\"a\":1}", done ? "" : "b;");
            }
            nimbus_matcher_release(matcher);
            assert_int_equal(ended, taken); /* what was refused is still the caller's */
            assert_int_equal(b.live, 0);
            assert_int_equal(b.bytes, 0);
        }
    }
}

static void keeps_its_budget(void **state)
{
    nimbus_matcher_options options = { .memory_budget = 1 };
    nimbus_error err = { 0 };
    nimbus_matcher *matcher;
    nimbus_status status = NIMBUS_OK;
    unsigned rules = 0;
    char id[16];

    (void)state;
    assert_null(nimbus_matcher_create(&options, &err));
    assert_int_equal(err.status, NIMBUS_E_FULL);
    options.memory_budget = 16384;
    matcher = nimbus_matcher_create(&options, NULL);
    assert_non_null(matcher);
    while (status == NIMBUS_OK) {
        snprintf(id, sizeof id, "%u", rules++);
        status = nimbus_matcher_add(matcher, id, "{\"a\":[1]}", NULL, NULL);
    }
    assert_int_equal(status, NIMBUS_E_TOO_COMPLEX);
    assert_true(rules > 3);
    nimbus_matcher_release(matcher);
}

/* --------------------------------------------------------------------------------------------- threads */

typedef struct crew {
    nimbus_matcher *matcher;
    nimbus_pattern *pattern;
    atomic_bool stop;
    atomic_long matches;
} crew;

static bool count_one(const nimbus_matched *matched, void *user)
{
    atomic_fetch_add(&((crew *)user)->matches, *(long *)matched->user);
    return true;
}

static void *match_on(void *user)
{
    crew *c = user;

    while (!atomic_load(&c->stop)) {
        bool match = false;
        size_t count = 0;

        if (nimbus_matcher_match(c->matcher, "{\"a\":1}", 7, NULL, count_one, c, &count) != NIMBUS_OK || count == 0) {
            return c;
        }
        if (nimbus_pattern_match(c->pattern, "{\"a\":1}", 7, &match) != NIMBUS_OK || !match) {
            return c;
        }
    }
    return NULL;
}

static void end_counted(void *user)
{
    free(user);
}

static void matches_while_rules_change(void **state)
{
    nimbus_matcher_options options = { .destroy = end_counted };
    crew c = { .matcher = nimbus_matcher_create(&options, NULL), .pattern = nimbus_pattern_compile("{\"a\":[1]}", NULL, NULL) };
    pthread_t threads[3];

    (void)state;
    for (size_t i = 0; i < 2000; i++) {
        long *one = malloc(sizeof *one);
        char id[16];

        *one = 1;
        snprintf(id, sizeof id, "%zu", i % 5);
        assert_int_equal(nimbus_matcher_add(c.matcher, id, "{\"a\":[1]}", one, NULL), NIMBUS_OK);
        for (size_t t = 0; i == 0 && t < COUNT(threads); t++) {
            assert_int_equal(pthread_create(&threads[t], NULL, match_on, &c), 0);
        }
        if (i % 5 == 4) {
            assert_int_equal(nimbus_matcher_remove(c.matcher, "3"), NIMBUS_OK);
        }
    }
    atomic_store(&c.stop, true);
    for (size_t t = 0; t < COUNT(threads); t++) {
        void *failure = NULL;

        pthread_join(threads[t], &failure);
        assert_null(failure);
    }
    nimbus_matcher_release(c.matcher);
    nimbus_pattern_release(c.pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(clips_long_names),
        cmocka_unit_test(bounds_the_number_of_paths),
        cmocka_unit_test(bounds_the_size),
        cmocka_unit_test(holds_dense_texts),
        cmocka_unit_test(refuses_every_prefix),
        cmocka_unit_test(profiles_differ),
        cmocka_unit_test(matches_only_its_kind),
        cmocka_unit_test(checks_arguments_of_a_pattern),
        cmocka_unit_test(survives_every_prefix_of_an_event),
        cmocka_unit_test(array_scopes_at_any_depth),
        cmocka_unit_test(compiles_without_memory),
        cmocka_unit_test(adds_replaces_and_removes),
        cmocka_unit_test(checks_arguments_of_a_matcher),
        cmocka_unit_test(visitors_may_change_the_rules),
        cmocka_unit_test(a_matcher_without_memory),
        cmocka_unit_test(keeps_its_budget),
        cmocka_unit_test(matches_while_rules_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
