/* test_json.c - reader, numbers and writer. Texts lie in blocks of exactly their size, so that a checker of memory sees each overread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/number.h"
#include "json/number.h"
#include "json/reader.h"
#include "json/writer.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A copy in a block of exactly this size; one byte for none. */
static char *exact(const char *data, size_t size)
{
    char *block = malloc(size + (size == 0));

    assert_non_null(block);
    memcpy(block, data, size);
    return block;
}

static nimbus_status check(const char *data, size_t size, size_t *offset, const char **reason)
{
    char *block = exact(data, size);
    nimbus_status status = nb_json_validate(block, size, offset, reason);

    free(block);
    return status;
}

static bool valid(const char *text)
{
    return check(text, strlen(text), NULL, NULL) == NIMBUS_OK;
}

static void accepts_json(void **state)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "1",
        "10",
        "-1.5",
        "0.0",
        "1e1",
        "1E+1",
        "1e-1",
        "1.25e05",
        "\"\"",
        "\"a\"",
        "true",
        "false",
        "null",
        "[]",
        "{}",
        " [ ] ",
        "\t\r\n 1 \t\r\n",
        "[1,2]",
        "[[],[[]]]",
        "{\"a\":1}",
        "{\"a\":1,\"a\":2}",
        "{\"\":{}}",
        "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uFFFF\\uabcd\"]",
        "\"\\ud83d\"",
        "\"\\udc00\\ud800\"",
        "\"\x7f\"",
        "\"\xc2\x80\"",
        "\"\xdf\xbf\"",
        "\"\xe0\xa0\x80\"",
        "\"\xed\x9f\xbf\"",
        "\"\xee\x80\x80\"",
        "\"\xef\xbf\xbf\"",
        "\"\xf0\x90\x80\x80\"",
        "\"\xf4\x8f\xbf\xbf\"",
        "123456789012345678901234567890",
        "1e999999999999",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        if (!valid(texts[i])) {
            fail_msg("refused: %s", texts[i]);
        }
    }
}

static void refuses_what_is_not_json(void **state)
{
    static const struct {
        const char *text;
        size_t offset;
    } cases[] = {
        { "", 0 },
        { " ", 1 },
        { "1 2", 2 },
        { "{} x", 3 },
        { "01", 0 },
        { "-", 1 },
        { "-a", 1 },
        { "-01", 1 },
        { "+1", 0 },
        { ".5", 0 },
        { "1.", 2 },
        { "1.e1", 2 },
        { "1e", 2 },
        { "1e+", 3 },
        { "1ex", 2 },
        { "1.5.5", 3 },
        { "0x1", 1 },
        { "NaN", 0 },
        { "Infinity", 0 },
        { "tru", 0 },
        { "truf", 0 },
        { "truex", 4 },
        { "nul", 0 },
        { "fals", 0 },
        { "TRUE", 0 },
        { "[", 1 },
        { "[1", 2 },
        { "[1,", 3 },
        { "[1,]", 3 },
        { "[,1]", 1 },
        { "[1 2]", 3 },
        { "[1}", 2 },
        { "]", 0 },
        { "{", 1 },
        { "{\"a\"", 4 },
        { "{\"a\" 1}", 5 },
        { "{\"a\":", 5 },
        { "{\"a\":}", 5 },
        { "{\"a\":1", 6 },
        { "{\"a\":1,", 7 },
        { "{\"a\":1,}", 7 },
        { "{a:1}", 1 },
        { "{1:1}", 1 },
        { "{\"a\":1 \"b\":2}", 7 },
        { "{\"a\":1]", 6 },
        { "{,}", 1 },
        { "'a'", 0 },
        { "\"", 0 },
        { "\"a", 0 },
        { "\"\\\"", 0 },
        { "\"\\", 1 },
        { "\"\\x\"", 1 },
        { "\"\\u\"", 1 },
        { "\"\\u12\"", 1 },
        { "\"\\u12g4\"", 1 },
        { "\"\\u123", 1 },
        { "\"\\U0041\"", 1 },
        { "\"\n\"", 1 },
        { "\"\x1f\"", 1 },
        { "\"\x80\"", 1 },
        { "\"\xbf\"", 1 },
        { "\"\xc0\x80\"", 1 },
        { "\"\xc1\xbf\"", 1 },
        { "\"\xc2\"", 1 },
        { "\"\xc2", 1 },
        { "\"\xc2\x7f\"", 1 },
        { "\"\xc2\xc0\"", 1 },
        { "\"\xe0\x9f\xbf\"", 1 },
        { "\"\xe0\xa0\"", 1 },
        { "\"\xe0\xa0", 1 },
        { "\"\xe1\x80\xc0\"", 1 },
        { "\"\xed\xa0\x80\"", 1 },
        { "\"\xed\xbf\xbf\"", 1 },
        { "\"\xf0\x8f\xbf\xbf\"", 1 },
        { "\"\xf0\x90\x80\"", 1 },
        { "\"\xf0\x90\x80", 1 },
        { "\"\xf1\x80\x80\x7f\"", 1 },
        { "\"\xf4\x90\x80\x80\"", 1 },
        { "\"\xf5\x80\x80\x80\"", 1 },
        { "\"\xff\"", 1 },
        { "\xef\xbb\xbf{}", 0 },
        { "/**/1", 0 },
        { "1//", 1 },
        { "\v1", 0 },
        { "\xc2\xa0 1", 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t offset = SIZE_MAX;
        const char *reason = NULL;

        if (check(cases[i].text, strlen(cases[i].text), &offset, &reason) != NIMBUS_E_JSON || offset != cases[i].offset) {
            fail_msg("%s: offset %zu", cases[i].text, offset);
        }
        assert_non_null(reason);
    }
    assert_int_equal(check("1\0", 2, NULL, NULL), NIMBUS_E_JSON); /* a NUL is no blank and no end */
    assert_int_equal(check("\"\\\0\"", 4, NULL, NULL), NIMBUS_E_JSON);
    assert_int_equal(check("\"\0\"", 3, NULL, NULL), NIMBUS_E_JSON);
    assert_int_equal(nb_json_validate(NULL, 0, NULL, NULL), NIMBUS_E_JSON);
}

/* Every proper prefix of a text without blanks at its end is malformed. */
static void refuses_every_prefix(void **state)
{
    static const char text[] = "{\"a\":[1.5e-3,true,false,null,\"\\u00e9\xc3\xa9\xf0\x9f\x98\x80\"],\"b\":{\"c\":[]}}";

    (void)state;
    for (size_t size = 0; size < sizeof text - 1; size++) {
        assert_int_equal(check(text, size, NULL, NULL), NIMBUS_E_JSON);
    }
    assert_int_equal(check(text, sizeof text - 1, NULL, NULL), NIMBUS_OK);
}

static nimbus_status nested(unsigned depth, unsigned max_depth, char open, char close)
{
    char *text = malloc(2 * (size_t)depth);
    nb_json_reader reader;
    nb_json_event event;

    assert_non_null(text);
    memset(text, open, depth);
    memset(text + depth, close, depth);
    nb_json_open(&reader, text, 2 * (size_t)depth, max_depth);
    do {
        event = nb_json_next(&reader);
    } while (event > NB_JSON_END);
    assert_true(event == NB_JSON_END || reader.offset == depth - 1);
    free(text);
    return event == NB_JSON_END ? NIMBUS_OK : NIMBUS_E_JSON;
}

static void bounds_depth(void **state)
{
    (void)state;
    assert_int_equal(nested(999, 0, '[', ']'), NIMBUS_OK);
    assert_int_equal(nested(1000, 0, '[', ']'), NIMBUS_OK);
    assert_int_equal(nested(1001, 0, '[', ']'), NIMBUS_E_JSON);
    assert_int_equal(nested(1001, 5000, '[', ']'), NIMBUS_E_JSON);
    assert_int_equal(nested(3, 3, '[', ']'), NIMBUS_OK);
    assert_int_equal(nested(4, 3, '[', ']'), NIMBUS_E_JSON);
}

static void gives_events_and_slices(void **state)
{
    static const char text[] = " {\"a\\n\" : [ 1.5 , \"x\" , {} , [] , true,false,null ] } ";
    static const struct {
        nb_json_event event;
        const char *token;
        unsigned depth;
    } steps[] = {
        { NB_JSON_OBJECT, "{", 1 },     { NB_JSON_KEY, "\"a\\n\"", 1 }, { NB_JSON_ARRAY, "[", 2 },      { NB_JSON_NUMBER, "1.5", 2 },
        { NB_JSON_STRING, "\"x\"", 2 }, { NB_JSON_OBJECT, "{", 3 },     { NB_JSON_OBJECT_END, "}", 2 }, { NB_JSON_ARRAY, "[", 3 },
        { NB_JSON_ARRAY_END, "]", 2 },  { NB_JSON_TRUE, "true", 2 },    { NB_JSON_FALSE, "false", 2 },  { NB_JSON_NULL, "null", 2 },
        { NB_JSON_ARRAY_END, "]", 1 },  { NB_JSON_OBJECT_END, "}", 0 },
    };
    nb_json_reader reader;

    (void)state;
    nb_json_open(&reader, text, sizeof text - 1, 0);
    for (size_t i = 0; i < COUNT(steps); i++) {
        assert_int_equal(nb_json_next(&reader), steps[i].event);
        assert_int_equal(reader.size, strlen(steps[i].token));
        assert_memory_equal(reader.token, steps[i].token, reader.size);
        assert_int_equal(reader.depth, steps[i].depth);
        assert_int_equal(nb_json_offset(&reader), (size_t)(reader.token - text));
        assert_true(steps[i].event != NB_JSON_KEY || reader.escaped);
        assert_true(steps[i].event != NB_JSON_STRING || !reader.escaped);
    }
    assert_int_equal(nb_json_next(&reader), NB_JSON_END);
    assert_int_equal(nb_json_next(&reader), NB_JSON_END);
}

static void keeps_the_first_error(void **state)
{
    nb_json_reader reader;

    (void)state;
    nb_json_open(&reader, "[x]", 3, 0);
    assert_int_equal(nb_json_next(&reader), NB_JSON_ARRAY);
    assert_int_equal(nb_json_next(&reader), NB_JSON_ERROR);
    assert_int_equal(nb_json_next(&reader), NB_JSON_ERROR);
    assert_int_equal(reader.offset, 1);
    assert_false(nb_json_skip(&reader));
}

static void skips_values(void **state)
{
    static const char text[] = "{\"a\":[[1,{\"x\":2}],3],\"b\":4,\"c\":{\"d\":{}},\"e\":\"f\"}";
    nb_json_reader reader;
    unsigned keys = 0;

    (void)state;
    nb_json_open(&reader, text, sizeof text - 1, 0);
    assert_int_equal(nb_json_next(&reader), NB_JSON_OBJECT);
    while (nb_json_next(&reader) == NB_JSON_KEY) {
        assert_true(nb_json_skip(&reader));
        assert_int_equal(reader.depth, 1);
        keys++;
    }
    assert_int_equal(keys, 4);
    assert_true(nb_json_skip(&reader)); /* behind the end there is nothing to skip */
    assert_int_equal(nb_json_next(&reader), NB_JSON_END);

    nb_json_open(&reader, text, sizeof text - 1, 0);
    nb_json_next(&reader);
    assert_true(nb_json_skip(&reader)); /* the container just opened */
    assert_int_equal(reader.depth, 0);
    assert_int_equal(nb_json_next(&reader), NB_JSON_END);

    nb_json_open(&reader, "[[1,]]", 6, 0);
    nb_json_next(&reader);
    assert_false(nb_json_skip(&reader));
}

static void wants_an_object(void **state)
{
    size_t offset = 7;
    const char *reason = NULL;

    (void)state;
    assert_int_equal(nb_json_validate_object(" {}", 3, &offset, &reason), NIMBUS_OK);
    assert_int_equal(offset, 7); /* untouched */
    assert_int_equal(nb_json_validate_object(" []", 3, &offset, &reason), NIMBUS_E_JSON);
    assert_int_equal(offset, 1);
    assert_string_equal(reason, "not a JSON object");
    assert_int_equal(nb_json_validate_object("{", 1, &offset, NULL), NIMBUS_E_JSON);
    assert_int_equal(nb_json_validate_object("", 0, NULL, NULL), NIMBUS_E_JSON);
}

static void unescapes(void **state)
{
    static const struct {
        const char *token;
        const char *value;
        size_t size;
    } cases[] = {
        { "\"\"", "", 0 },
        { "\"abc\"", "abc", 3 },
        { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8 },
        { "\"\\u0000\\u007F\"", "\0\x7f", 2 },
        { "\"\\u0080\\u07ff\"", "\xc2\x80\xdf\xbf", 4 },
        { "\"\\u0800\\uFFFF\"", "\xe0\xa0\x80\xef\xbf\xbf", 6 },
        { "\"\\ud800\\udc00\"", "\xf0\x90\x80\x80", 4 },
        { "\"\\uDBFF\\uDFFF\"", "\xf4\x8f\xbf\xbf", 4 },
        { "\"\\ud83d\"", "\xed\xa0\xbd", 3 },
        { "\"\\ud83dx\"", "\xed\xa0\xbdx", 4 },
        { "\"\\ud83d\\n\"", "\xed\xa0\xbd\n", 4 },
        { "\"\\ud83d\\u0041\"",
          "\xed\xa0\xbd"
          "A",
          4 },
        { "\"\\ud83d\\ud83d\\ude00\"", "\xed\xa0\xbd\xf0\x9f\x98\x80", 7 },
        { "\"\\ude00\\ud83d\"", "\xed\xb8\x80\xed\xa0\xbd", 6 },
        { "\"\xc3\xa9\"", "\xc3\xa9", 2 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t size = strlen(cases[i].token);
        char *token = exact(cases[i].token, size);
        char *out = malloc(size);

        assert_int_equal(nb_json_validate(token, size, NULL, NULL), NIMBUS_OK);
        assert_int_equal(nb_json_unescape(token, size, NULL), cases[i].size);
        assert_int_equal(nb_json_unescape(token, size, out), cases[i].size);
        assert_memory_equal(out, cases[i].value, cases[i].size);
        free(out);
        free(token);
    }
}

/* ---------------------------------------------------------------------------------------------- numbers */

static void compares_numbers(void **state)
{
    /* ascending; within one row all are equal */
    static const char *const rows[][4] = {
        { "-1.7976931348623157e308", "-17976931348623157e292", NULL },
        { "-300", "-3e2", "-300.0", NULL },
        { "-1", NULL },
        { "-0.5", "-5e-1", NULL },
        { "-5e-324", NULL },
        { "0", "-0.000", "0e99999999999", NULL },
        { "5e-324", NULL },
        { "2.2250738585072014e-308", NULL },
        { "0.05", "5e-2", "00.050", NULL },
        { "0.1", ".1", "1e-1", NULL },
        { "0.30000000000000004", NULL },
        { "0.5", NULL },
        { "1", "1.", "+1", NULL },
        { "5", "50E-1", "05", NULL },
        { "5.000001", NULL },
        { "9.99", NULL },
        { "10", "1E+1", NULL },
        { "300", "300.0", "3e2", NULL },
        { "301.8", "3.018e2", NULL },
        { "3010", NULL },
        { "9007199254740992", NULL },
        { "9007199254740994", NULL },
        { "1e23", NULL },
        { "1.7976931348623157e308", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t j = 0; j < COUNT(rows); j++) {
            for (size_t k = 0; rows[i][k] != NULL; k++) {
                for (size_t l = 0; rows[j][l] != NULL; l++) {
                    int64_t a = 0;
                    int64_t b = 0;

                    assert_true(nb_number_read(rows[i][k], strlen(rows[i][k]), &a));
                    assert_true(nb_number_read(rows[j][l], strlen(rows[j][l]), &b));
                    if ((a > b) - (a < b) != (i > j) - (i < j)) {
                        fail_msg("%s and %s", rows[i][k], rows[j][l]);
                    }
                }
            }
        }
    }
}

/* What the text tells is what the number tells; and it tells something of most. */
static void hints_at_numbers(void **state)
{
    static const struct {
        const char *text;
        unsigned hint, of_text;
    } rows[] = {
        { "7", 7, 7 },           { "-7", 7, 7 },           { "37", 37, 37 },       { "137", 37, 37 },    { "+37", 37, 37 },
        { "3.7", 37, 37 },       { "-3.7", 37, 37 },       { "0.7", 7, 7 },        { ".7", 7, 7 },       { "-.7", 7, 7 },
        { "0.07", 7, 7 },        { "30", 3, 0 },           { "3.0", 3, 0 },        { "0", 0, 0 },        { "0.0", 0, 0 },
        { "5.", 5, 0 },          { "101", 1, 1 },          { "1.01", 1, 1 },       { "1e1", 1, 0 },      { "1E11", 1, 0 },
        { "37e0000002", 37, 0 }, { "1.5e00000000001", 15, 0 }, { "37.72990021621", 21, 21 }, { "-122.42916360922355", 55, 55 },
        { "1e-00000000000000000001", 1, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = exact(rows[i].text, strlen(rows[i].text));
        nb_number number;

        assert_true(nb_number_parse(text, strlen(rows[i].text), &number));
        assert_int_equal(nb_number_hint(&number), rows[i].hint);
        assert_int_equal(nb_number_text_hint(text, strlen(rows[i].text)), rows[i].of_text);
        free(text);
    }
    assert_int_equal(nb_number_text_hint("", 0), 0);
    assert_int_equal(nb_number_text_hint("-", 1), 0);
}

/* Numbers that no double has for its shortest text; and what is no number. */
static void refuses_numbers(void **state)
{
    static const char *const texts[] = { "", "-", "+", ".", "e1", "1e", "1e+", "1ex", "1e1x", "x", "1x", "1.5.5", "--1", "0x10", " 1",
                                         "1 ", "nan",
                                         "9007199254740993", "0.1000000000000000055511151231257827", "1e400", "-1e400", "1e-400", "3e-324",
                                         "0.30000000000000003", "1.7976931348623159e308", "1.00000000000000001", "123456789012345678",
                                         "1e99999999999999999999", "1e-99999999999999999999" };
    int64_t key = 7;

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        char *text = exact(texts[i], strlen(texts[i]));

        if (nb_number_read(text, strlen(texts[i]), &key)) {
            fail_msg("accepted: %s", texts[i]);
        }
        free(text);
    }
    assert_int_equal(key, 7); /* untouched */
}

/* What strtod says, and that printing with 17 digits gives the shortest text or a number that is not comparable. */
static void rounds_as_the_library_of_c(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        char text[40];
        nb_number number;
        double value;

        seed = nb_random_mix(seed);
        memcpy(&value, &seed, sizeof value);
        if (value != value || value - value != 0) {
            continue;
        }
        for (int digits = 14; digits <= 16; digits++) {
            bool shortest = true;

            snprintf(text, sizeof text, "%.*e", digits, value);
            assert_true(nb_number_parse(text, strlen(text), &number));
            assert_true(number.value == strtod(text, NULL));
            for (int fewer = digits - 1; fewer >= 0 && shortest; fewer--) { /* a shorter text of the same double? */
                char other[40];

                snprintf(other, sizeof other, "%.*e", fewer, number.value);
                shortest = strtod(other, NULL) != number.value || strtod(other, NULL) == 0 || number.count <= (uint32_t)fewer + 1;
            }
            if (!shortest) {
                assert_false(nb_number_comparable(&number));
            }
        }
    }
}

/* Whether a text with one digit less has the same double. */
static bool has_shorter(const nb_number *number, double value)
{
    bool shorter = false;

    for (uint64_t more = 0; more < 2; more++) {
        char text[40];

        snprintf(text, sizeof text, "%llue%d", (unsigned long long)(number->digits / 10 + more), (int)number->power + 1);
        shorter = shorter || strtod(text, NULL) == value;
    }
    return shorter;
}

/* At a power of two the doubles below are half as far away as those above. */
static void compares_powers_of_two(void **state)
{
    double power = 1.0;
    unsigned seen[2] = { 0, 0 };

    (void)state;
    for (int i = 0; i < 900; i++, power *= 2) {
        for (int which = 0; which < 6; which++) {
            double from = which < 3 ? power : 1.0 / power;
            double value = from * (which % 3 == 0 ? 1 : which % 3 == 1 ? 1 + 2.220446049250313e-16 : 1 - 1.1102230246251565e-16);
            nb_number number;
            char text[40];

            snprintf(text, sizeof text, "%.16e", value);
            assert_true(nb_number_parse(text, strlen(text), &number));
            assert_true(number.value == value);
            if (number.count > 15) {
                bool shorter = has_shorter(&number, value);

                assert_int_equal(nb_number_comparable(&number), !shorter);
                seen[shorter]++;
            }
        }
    }
    assert_true(seen[0] > 1000 && seen[1] > 1000);
}

static void takes_digits_at_a_time(void **state)
{
    static const struct {
        const char *text;
        uint64_t digits;
        int32_t power;
        uint32_t count;
    } cases[] = {
        { "12345678", 12345678, 0, 8 }, { "1234567.8", 12345678, -1, 8 }, { "12345678.12345678", UINT64_C(1234567812345678), -8, 16 },
        { "0.00000000000000012", 12, -17, 2 }, { "-0.0000000", 0, 0, 0 }, { "100000000", 1, 8, 1 }, { "1000000000000000000", 1, 18, 1 },
        { "10000000000000000000", 1, 19, 1 }, { "0000000000000000000000000000001.50", 15, -1, 2 }, { "5.", 5, 0, 1 },
        { ".5e3", 5, 2, 1 }, { "12300000000e-8", 123, 0, 3 }, { "99999999999999999.00", UINT64_C(99999999999999999), 0, 17 },
    };
    static const char *const wrong[] = { "", "-", ".", "1234567x", "12345678x", "1.2.3", "12345678.1234567:", "/2345678", "1e", "e5",
                                         "1234567890123456789", "123456789012345678", "99999999999999999999" };
    nb_number number;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(nb_number_parse(cases[i].text, strlen(cases[i].text), &number));
        assert_true(number.digits == cases[i].digits && number.power == cases[i].power && number.count == cases[i].count);
        assert_true(number.value == strtod(cases[i].text, NULL));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(nb_number_parse(wrong[i], strlen(wrong[i]), &number));
    }
}

/* ----------------------------------------------------------------------------------------------- writer */

typedef void write_fn(nb_writer *writer, const void *data, size_t size);

/* Counts, then writes into exactly as many bytes. */
static void assert_written(write_fn *write, const void *data, size_t size, const char *expected)
{
    nb_writer writer;
    char *buffer;

    nb_writer_open(&writer, NULL, 99);
    write(&writer, data, size);
    assert_int_equal(writer.size, strlen(expected));
    buffer = malloc(writer.size + 1);
    assert_non_null(buffer);
    buffer[writer.size] = '#';
    nb_writer_open(&writer, buffer, writer.size);
    write(&writer, data, size);
    assert_int_equal(writer.size, strlen(expected));
    assert_memory_equal(buffer, expected, writer.size);
    assert_int_equal(buffer[writer.size], '#');
    free(buffer);
}

static void writes_strings(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *expected;
    } cases[] = {
        { "", 0, "\"\"" },
        { "abc", 3, "\"abc\"" },
        { "\"\\/", 3, "\"\\\"\\\\/\"" },
        { "\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"" },
        { "\0\x01\x1f\x20\x7f", 5, "\"\\u0000\\u0001\\u001f \x7f\"" },
        { "\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
        { "\xed\xa0\xbd", 3, "\"\\ud83d\"" },
        { "\xed\xbf\xbf", 3, "\"\\udfff\"" },
        { "\xed\xa0", 2, "\"\\ufffd\\ufffd\"" },
        { "a\xff\x80z", 4, "\"a\\ufffd\\ufffdz\"" },
        { "\xc3", 1, "\"\\ufffd\"" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *bytes = exact(cases[i].bytes, cases[i].size);

        assert_written(nb_write_string, bytes, cases[i].size, cases[i].expected);
        assert_int_equal(nb_json_validate(cases[i].expected, strlen(cases[i].expected), NULL, NULL), NIMBUS_OK);
        free(bytes);
    }
    assert_written(nb_write_string, NULL, 0, "\"\"");
    assert_written(nb_write_bytes, NULL, 0, "");
}

static void writes_base64(void **state)
{
    static const char *const cases[][2] = { { "", "" },
                                            { "f", "Zg==" },
                                            { "fo", "Zm8=" },
                                            { "foo", "Zm9v" },
                                            { "foob", "Zm9vYg==" },
                                            { "fooba", "Zm9vYmE=" },
                                            { "foobar", "Zm9vYmFy" },
                                            { "\xff\xff\xbe", "//++" },
                                            { "\xfb\xf0", "+/A=" } };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *bytes = exact(cases[i][0], strlen(cases[i][0]));

        assert_written(nb_write_base64, bytes, strlen(cases[i][0]), cases[i][1]);
        free(bytes);
    }
    assert_written(nb_write_base64, "\0\0\0", 3, "AAAA");
}

static void write_unsigned(nb_writer *writer, const void *data, size_t size)
{
    (void)size;
    nb_write_unsigned(writer, *(const uint64_t *)data);
}

static void write_signed(nb_writer *writer, const void *data, size_t size)
{
    (void)size;
    nb_write_signed(writer, *(const int64_t *)data);
}

static void writes_integers(void **state)
{
    (void)state;
    assert_written(write_unsigned, &(uint64_t){ 0 }, 0, "0");
    assert_written(write_unsigned, &(uint64_t){ 10 }, 0, "10");
    assert_written(write_unsigned, &(uint64_t){ UINT64_MAX }, 0, "18446744073709551615");
    assert_written(write_signed, &(int64_t){ 0 }, 0, "0");
    assert_written(write_signed, &(int64_t){ -1 }, 0, "-1");
    assert_written(write_signed, &(int64_t){ INT64_MAX }, 0, "9223372036854775807");
    assert_written(write_signed, &(int64_t){ INT64_MIN }, 0, "-9223372036854775808");
}

static void write_seconds(nb_writer *writer, const void *data, size_t size)
{
    (void)size;
    nb_write_time(writer, *(const nimbus_time *)data, false);
}

static void write_milliseconds(nb_writer *writer, const void *data, size_t size)
{
    (void)size;
    nb_write_time(writer, *(const nimbus_time *)data, true);
}

static void writes_times(void **state)
{
    (void)state;
    assert_written(write_seconds, &(nimbus_time){ 0 }, 0, "1970-01-01T00:00:00Z");
    assert_written(write_milliseconds, &(nimbus_time){ 0 }, 0, "1970-01-01T00:00:00.000Z");
    assert_written(write_milliseconds, &(nimbus_time){ NIMBUS_MS(123) + 999999 }, 0, "1970-01-01T00:00:00.123Z");
    assert_written(write_milliseconds, &(nimbus_time){ -1 }, 0, "1969-12-31T23:59:59.999Z");
    assert_written(write_seconds, &(nimbus_time){ -1 }, 0, "1969-12-31T23:59:59Z");
    assert_written(write_seconds, &(nimbus_time){ NIMBUS_SECONDS(1795434120) }, 0, "2026-11-23T11:42:00Z");
    assert_written(write_seconds, &(nimbus_time){ NIMBUS_SECONDS(951782399) }, 0, "2000-02-28T23:59:59Z");
    assert_written(write_seconds, &(nimbus_time){ NIMBUS_SECONDS(951782400) }, 0, "2000-02-29T00:00:00Z");
    assert_written(write_seconds, &(nimbus_time){ NIMBUS_SECONDS(951868800) }, 0, "2000-03-01T00:00:00Z");
    assert_written(write_seconds, &(nimbus_time){ NIMBUS_SECONDS(1709164800) }, 0, "2024-02-29T00:00:00Z");
    assert_written(write_seconds, &(nimbus_time){ NIMBUS_SECONDS(4107542399) }, 0, "2100-02-28T23:59:59Z");
    assert_written(write_seconds, &(nimbus_time){ NIMBUS_SECONDS(4107542400) }, 0, "2100-03-01T00:00:00Z");
    assert_written(write_milliseconds, &(nimbus_time){ INT64_MAX }, 0, "2262-04-11T23:47:16.854Z");
    assert_written(write_milliseconds, &(nimbus_time){ INT64_MIN }, 0, "1677-09-21T00:12:43.145Z");
}

static void never_passes_the_end(void **state)
{
    char *buffer = exact("....", 4);
    nb_writer writer;

    (void)state;
    nb_writer_open(&writer, buffer, 4);
    nb_write_text(&writer, "abc");
    nb_write_text(&writer, "def");
    nb_write_text(&writer, "ghi");
    assert_int_equal(writer.size, 9);
    assert_memory_equal(buffer, "abcd", 4);
    free(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_json),
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(refuses_every_prefix),
        cmocka_unit_test(bounds_depth),
        cmocka_unit_test(gives_events_and_slices),
        cmocka_unit_test(keeps_the_first_error),
        cmocka_unit_test(skips_values),
        cmocka_unit_test(wants_an_object),
        cmocka_unit_test(unescapes),
        cmocka_unit_test(compares_numbers),
        cmocka_unit_test(hints_at_numbers),
        cmocka_unit_test(refuses_numbers),
        cmocka_unit_test(rounds_as_the_library_of_c),
        cmocka_unit_test(compares_powers_of_two),
        cmocka_unit_test(takes_digits_at_a_time),
        cmocka_unit_test(writes_strings),
        cmocka_unit_test(writes_base64),
        cmocka_unit_test(writes_integers),
        cmocka_unit_test(writes_times),
        cmocka_unit_test(never_passes_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
