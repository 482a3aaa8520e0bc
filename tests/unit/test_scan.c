/*
 * test_scan.c - looking at many bytes at a time gives the same as looking at each: runs of plain bytes and digits, and jumps over
 * containers, in exact-size blocks, at every place of a word and of a block.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/number.h"
#include "json/jump.h"
#include "json/reader.h"
#include "json/scan.h"

static uint64_t seed;

static unsigned draw(unsigned below)
{
    seed = nb_random_mix(seed);
    return (unsigned)(seed >> 33) % below;
}

static char *exact(const char *data, size_t size)
{
    char *block = malloc(size + (size == 0));

    assert_non_null(block);
    memcpy(block, data, size);
    return block;
}

/* Every byte value at every place of runs up to three words long. */
static void finds_the_end_of_a_run(void **state)
{
    char plain[48];
    char digits[48];

    (void)state;
    for (size_t size = 0; size <= sizeof plain; size++) {
        for (size_t at = 0; at <= size; at++) {
            for (int c = 0; c < 256; c++) {
                char *a;
                char *b;

                memset(plain, 'a' + (int)(at % 20), sizeof plain);
                memset(digits, '0' + (int)(at % 10), sizeof digits);
                if (at < size) {
                    plain[at] = digits[at] = (char)c;
                }
                a = exact(plain, size);
                b = exact(digits, size);
                assert_ptr_equal(nb_scan_plain(a, a + size), nb_scan_plain_bytes(a, a + size));
                assert_ptr_equal(nb_scan_digits(b, b + size), nb_scan_digit_bytes(b, b + size));
                free(a);
                free(b);
            }
        }
    }
}

/* A key ends with a quote at each place, and has a dot before it, behind it, or a byte that looks like one. */
static void finds_a_dot(void **state)
{
    (void)state;
    for (unsigned end = 0; end < NB_SCAN_WIDTH; end++) {
        for (unsigned at = 0; at < NB_SCAN_WIDTH; at++) {
            char text[NB_SCAN_WIDTH];
            uint64_t dots, mask;
            char *block;

            memset(text, at % 2 == 0 ? '/' : 'a', sizeof text);
            text[at] = '.';
            text[end] = '"';
            block = exact(text, sizeof text);
            mask = nb_scan_key(block, &dots);
            assert_int_equal(nb_scan_first(mask), end);
            assert_int_equal((dots & (mask ^ (mask - 1))) != 0, at < end);
            free(block);
        }
    }
}

/* A container with a member for each draw; strings hold brackets, quotes and backslashes. */
static size_t make(char *to, size_t room)
{
    static const char *const parts[] = { "{\"a\":1,\"b\":",     "[",          "\"x\\\"]}\",", "\"\\\\\\\\\",", "\"\\\\\\\"[{\",", "1,",
                                         "\"plain text in it\",", "[[],{},\"]\"],", "{\"k\\\\\":[]},", "\"\\\\\"," };
    char closers[64];
    size_t depth = 0;
    size_t size = 0;

    to[size++] = '[';
    closers[depth++] = ']';
    while (size < room - 200) {
        unsigned which = draw(12);

        if (which >= 10 || depth == 60) {
            if (depth > 1) {
                memcpy(to + size, "0", 1);
                size++;
                to[size++] = closers[--depth];
                to[size++] = ',';
            }
            continue;
        }
        memcpy(to + size, parts[which], strlen(parts[which]));
        size += strlen(parts[which]);
        if (which < 2) {
            closers[depth++] = which == 0 ? '}' : ']';
            if (which == 0) {
                memcpy(to + size, "[", 1);
                size++;
                closers[depth++] = ']';
            }
        }
    }
    to[size++] = '0';
    while (depth > 0) {
        to[size++] = closers[--depth];
    }
    return size;
}

static void every_way_jumps_to_the_same_place(void **state)
{
    char text[2000];

    (void)state;
    seed = 1;
    for (int round = 0; round < 2000; round++) {
        size_t size = make(text, 300 + draw(1500));
        size_t more = draw(130); /* text behind the container */
        char *block = malloc(size + more);
        nb_json_reader reader;

        assert_non_null(block);
        memcpy(block, text, size);
        memset(block + size, round % 2 == 0 ? ' ' : ']', more);
        for (nb_jump_fn *const *way = nb_jump_ways(); *way != NULL; way++) {
            const char *end = (*way)(block + 1, block + size + more);

            assert_int_equal(end - block, size);
            assert_ptr_equal((*way)(block + 1, block + size - 1), block + size - 1); /* it is not closed there */
        }
        assert_ptr_equal(nb_jump(block + 1, block + size + more), block + size);
        nb_json_open(&reader, block, size, 0);
        assert_int_equal(nb_json_next(&reader), NB_JSON_ARRAY);
        assert_true(nb_json_jump(&reader));
        assert_int_equal(nb_json_next(&reader), NB_JSON_END);
        free(block);
    }
}

/* Runs of backslashes of every length before a quote, across the ends of blocks. */
static void counts_backslashes(void **state)
{
    (void)state;
    for (size_t before = 0; before < 70; before++) {
        for (size_t slashes = 0; slashes < 140; slashes++) {
            char text[300];
            size_t size = 0;
            size_t expected;
            char *block;

            text[size++] = '[';
            text[size++] = '"';
            memset(text + size, 'x', before);
            size += before;
            memset(text + size, '\\', slashes);
            size += slashes;
            if (slashes % 2 != 0) { /* the quote belongs to the string, and so does the bracket behind it */
                memcpy(text + size, "\"]", 2);
                size += 2;
            }
            memcpy(text + size, "\"]", 2);
            size += 2;
            expected = size;
            block = exact(text, size);
            for (nb_jump_fn *const *way = nb_jump_ways(); *way != NULL; way++) {
                assert_int_equal((*way)(block + 1, block + size) - block, expected);
            }
            free(block);
        }
    }
}

/* With a filter that no key passes and one that all pass, seeking skips members or not, and sees the same errors. */
static void seeking_is_as_strict_as_reading(void **state)
{
    static const char *const values[] = { "1", "-0", "01", "1.", "\"a\"", "\"a\\u00e9\"", "\"\x01\"", "tru", "null", "[1,2]", "[1,]",
                                          "1e5", "1.5e", "12345678901234567890", "\"0123456789abcdef0123\"", "", "{\"x\":1}", "\"a" };
    static const char *const behind[] = { ",", " ,", ", ", "", ":", ",,", "\t,\n", ",  " };

    (void)state;
    for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
        for (size_t b = 0; b < sizeof behind / sizeof behind[0]; b++) {
            for (size_t pad = 0; pad < 2; pad++) {
                char text[600];
                char *block;
                size_t size, offset = SIZE_MAX;
                nb_json_reader reader;
                nb_json_event event;
                nimbus_status status;

                strcpy(text, "{\"first\":1,\"key\": ");
                strcat(text, values[v]);
                strcat(text, behind[b]);
                strcat(text, "\"last\": \"");
                if (pad == 1) {
                    size = strlen(text);
                    memset(text + size, 'p', 300);
                    text[size + 300] = '\0';
                }
                strcat(text, "\"}");
                size = strlen(text);
                block = exact(text, size);
                status = nb_json_validate(block, size, &offset, NULL);
                nb_json_open(&reader, block, size, 0);
                do { /* the careful way: an event for each token */
                    event = nb_json_next(&reader);
                } while (event > NB_JSON_END);
                assert_int_equal(event == NB_JSON_END, status == NIMBUS_OK);
                assert_true(status == NIMBUS_OK || reader.offset == offset);
                nb_json_open(&reader, block, size, 0);
                event = nb_json_next(&reader);
                while (event > NB_JSON_END) {
                    event = nb_json_seek(&reader, 0, false);
                }
                assert_int_equal(event == NB_JSON_END, status == NIMBUS_OK);
                if (status != NIMBUS_OK) {
                    assert_int_equal(reader.offset, offset);
                }
                free(block);
            }
        }
    }
}

/* From behind each member of an object its end is found, and then what stands behind it. */
static void leaves_an_object(void **state)
{
    static const char text[] = "[{\"a\":1 , \"b\":\"}\\\"]\",\"c\":[{}],\"d\":{\"e\":true} } ,7]";
    char *block = exact(text, sizeof text - 1);

    (void)state;
    for (unsigned members = 1; members <= 4; members++) {
        nb_json_reader reader;

        nb_json_open(&reader, block, sizeof text - 1, 0);
        assert_int_equal(nb_json_next(&reader), NB_JSON_ARRAY);
        assert_int_equal(nb_json_next(&reader), NB_JSON_OBJECT);
        for (unsigned i = 0; i < members; i++) {
            assert_int_equal(nb_json_seek(&reader, UINT64_MAX, false), NB_JSON_KEY);
            assert_true(nb_json_skip(&reader));
        }
        assert_int_equal(nb_json_leave(&reader), NB_JSON_OBJECT_END);
        assert_int_equal(reader.depth, 1);
        assert_int_equal(nb_json_offset(&reader), sizeof text - 6);
        assert_int_equal(nb_json_next(&reader), NB_JSON_NUMBER);
        assert_int_equal(nb_json_next(&reader), NB_JSON_ARRAY_END);
        assert_int_equal(nb_json_next(&reader), NB_JSON_END);
    }
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_end_of_a_run),
        cmocka_unit_test(finds_a_dot),
        cmocka_unit_test(every_way_jumps_to_the_same_place),
        cmocka_unit_test(counts_backslashes),
        cmocka_unit_test(leaves_an_object),
        cmocka_unit_test(seeking_is_as_strict_as_reading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
