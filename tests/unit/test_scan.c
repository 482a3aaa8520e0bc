/*
 * test_scan.c - looking at many bytes at a time gives the same as looking at each: runs of plain bytes and digits, and jumps over
 * containers, in exact-size blocks, at every place of a word and of a block.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/number.h"
#include "json/block.h"
#include "json/check.h"
#include "json/jump.h"
#include "json/reader.h"
#include "json/scan.h"

static const nb_wanted all_keys = { UINT64_MAX, { UINT64_MAX, UINT64_MAX } };
static const nb_wanted no_key = { 0, { 0, 0 } };

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
                    event = nb_json_seek(&reader, &no_key, true, false);
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
            assert_int_equal(nb_json_seek(&reader, &all_keys, true, false), NB_JSON_KEY);
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

/* A container with any value in it, of at least size bytes. */
static size_t make_any(char *to, size_t least)
{
    static const char *const values[] = { "0", "-0.5", "12.75", "1234567890.0987654321", "true", "false", "null", "\"\"", "\"a\"",
                                          "\"\\u00e9\\\\\\\"\"", "\"{[\\\\\"",
                                          "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
                                          "\"text of some more bytes, a comma: and a colon\"", "[]", "{}", "1.25e3" };
    static const char *const blanks[] = { "", "", "", " ", "\n\t ",
                                          "                                                                    " };
    bool objects[40];
    bool first = true;
    size_t depth = 1, size = 0;

    objects[0] = draw(2) == 0;
    to[size++] = objects[0] ? '{' : '[';
    while (depth > 0) {
        unsigned which = draw(12);

        size += (size_t)sprintf(to + size, "%s", blanks[draw(6)]);
        if (size >= least ? which < 6 : which == 0 && depth > 1) {
            to[size++] = objects[--depth] ? '}' : ']';
            first = false;
            continue;
        }
        if (!first) {
            size += (size_t)sprintf(to + size, ",%s", blanks[draw(6)]);
        }
        if (objects[depth - 1]) {
            size += (size_t)sprintf(to + size, "\"k%u\\\"\"%s:%s", draw(1000), blanks[draw(6)], blanks[draw(6)]);
        }
        first = which < 3 && depth < 40;
        if (first) {
            objects[depth] = draw(2) == 0;
            to[size++] = objects[depth++] ? '{' : '[';
        } else {
            size += (size_t)sprintf(to + size, "%s", values[draw(draw(8) == 0 ? 16 : 15)]);
        }
    }
    return size;
}

/* Where the reader finds the end of the container at the start of a text, token by token; NULL: it is malformed. */
static const char *read_on(const char *text, const char *end)
{
    nb_json_reader reader;
    nb_json_event event;

    nb_json_open(&reader, text, (size_t)(end - text), 0);
    do {
        event = nb_json_next(&reader);
    } while (event > NB_JSON_END && reader.depth != 0);
    return event > NB_JSON_END ? reader.at : NULL;
}

/* Seeking every key, and going from element to element, gives what reading gives. */
static void reads_alike(const char *text, size_t size)
{
    nb_json_reader a, b;
    nb_json_event event;

    nb_json_open(&a, text, size, 0);
    nb_json_open(&b, text, size, 0);
    do {
        event = nb_json_next(&a);
        assert_int_equal(b.depth == 0           ? nb_json_next(&b)
                         : nb_json_in_array(&b) ? nb_json_element(&b)
                                                : nb_json_seek(&b, &all_keys, true, false),
                         event);
        assert_int_equal(a.depth, b.depth);
        if (event > NB_JSON_END) {
            assert_ptr_equal(a.token, b.token);
            assert_int_equal(a.size, b.size);
        }
        if (event == NB_JSON_KEY || event == NB_JSON_STRING) {
            assert_int_equal(a.escaped, b.escaped);
        }
    } while (event > NB_JSON_END);
    assert_int_equal(a.offset, b.offset);
    assert_ptr_equal(a.reason, b.reason);
}

/* Whether a key may be wanted: it, or with dots what stands before its first one, has a bit, and begins as one that is wanted. */
static bool is_in(const nb_wanted *wanted, bool dots, const nb_json_reader *reader)
{
    nb_wanted one = { 0, { 0, 0 } }, start = { 0, { 0, 0 } };
    char name[400];
    size_t size = nb_json_unescape(reader->token, reader->size, name);
    const char *dot = dots ? memchr(name, '.', size) : NULL;
    char first[16];

    nb_wanted_first(wanted, first);
    if (first[(size != 0 ? name[0] : '"') & 15] == 0) {
        return false;
    }
    nb_wanted_add(&one, name, size);
    nb_wanted_add(&start, name, dot != NULL ? (size_t)(dot - name) : 0);
    return (nb_wanted_filter(&one) & nb_wanted_filter(wanted)) != 0 ||
           (dot != NULL && (nb_wanted_filter(&start) & nb_wanted_filter(wanted)) != 0);
}

/* The next key of an object that is in the set, or its end, by seeking; hop: as a trusted text. All ways of hopping agree on the way. */
static nb_json_event next_in(nb_json_reader *reader, const nb_wanted *wanted, bool dots, bool hop)
{
    for (;;) {
        nb_json_event event = nb_json_seek(reader, wanted, dots, hop);

        if (event != NB_JSON_KEY || is_in(wanted, dots, reader)) {
            return event;
        }
        if (hop) {
            nb_hop_key key = { 0, NULL };
            const char *found = nb_hop(reader->at, reader->end, wanted, dots, &key);

            for (nb_hop_fn *const *way = nb_hop_ways(); *way != NULL; way++) {
                nb_hop_key other = { 0, NULL };

                assert_ptr_equal((*way)(reader->at, reader->end, wanted, dots, &other), found);
                assert_true(*found != '"' || (other.value == key.value && (key.value == NULL || other.size == key.size)));
            }
        }
        assert_true(hop ? nb_json_jump(reader) : nb_json_skip(reader));
    }
}

/* Hopping or reading, the same keys are found. Returns how many. */
static unsigned finds_alike(const char *block, size_t size, const nb_wanted *wanted, bool dots)
{
    nb_json_reader a, b;
    nb_json_event event;
    unsigned keys = 0;

    nb_json_open(&a, block, size, 0);
    nb_json_open(&b, block, size, 0);
    assert_int_equal(nb_json_next(&a), NB_JSON_OBJECT);
    assert_int_equal(nb_json_next(&b), NB_JSON_OBJECT);
    for (;;) {
        event = next_in(&a, wanted, dots, false);
        assert_int_equal(next_in(&b, wanted, dots, true), event);
        assert_ptr_equal(a.token, b.token);
        assert_int_equal(a.size, b.size);
        if (event != NB_JSON_KEY) {
            assert_int_equal(event, NB_JSON_OBJECT_END);
            return keys;
        }
        assert_int_equal(a.escaped, b.escaped);
        keys++;
        assert_true(nb_json_skip(&a) && nb_json_jump(&b));
    }
}

static void hops_to_wanted_keys(void **state)
{
    static const char *const names[] = { "a", "key", "STREET", "ST_TYPE", "x.y", "x", "", ".z", "\\u0053TREET", "K\\u0065y",
                                         "one that is longer than sixteen", "\xc3\xa9", "S:", "]", ", " };
    static const char *const values[] = { "1", "\"STREET\"", "\"a\"", "\"it's \\\"STREET\\\": 1\"", "[1,{\"STREET\":2}]",
                                          "{\"key\":[]}", "\"[{\"", "null", "-1.25", "\"\\\\\"",
                                          "\"a value of some more bytes than others have, a colon: too\"" };
    static const char *const blanks[] = { "", "", " ", "  ", "\n" };
    unsigned keys = 0;

    (void)state;
    seed = 8;
    for (int round = 0; round < 20000; round++) {
        nb_wanted wanted = { 0, { 0, 0 } };
        char text[2000];
        size_t size = 1;
        char *block;

        text[0] = '{';
        for (unsigned members = 1 + draw(12); members > 0; members--) {
            const char *name = names[draw(15)], *value = values[draw(round % 2 == 0 ? 3 : 11)];

            size += (size_t)sprintf(text + size, "%s\"%s\"%s:%s%s%s%s", blanks[draw(5)], name, blanks[draw(5)], blanks[draw(5)], value,
                                    blanks[draw(5)], members > 1 ? "," : "}");
        }
        size += draw(2) == 0 ? 0 : (size_t)sprintf(text + size, "%200s", "");
        for (unsigned wants = draw(3); wants > 0; wants--) {
            const char *name = names[draw(15)];

            nb_wanted_add(&wanted, name, strlen(name));
        }
        block = exact(text, size);
        keys += finds_alike(block, size, &wanted, draw(2) == 0);
        free(block);
    }
    assert_true(keys > 5000);
}

/* What is checked by blocks is well-formed and ends where the reader says; whole texts and such with a byte or two that were changed. */
static void blocks_are_checked_as_strictly(void **state)
{
    static const char other[] = "{}[],:\"\\ \n0123456789-+.eEtfnaul\x01\x1f\x7f\x80\xc3\xed\xff";
    static char text[20000];
    unsigned accepted = 0, refused = 0, malformed = 0, missed = 0;

    (void)state;
    seed = 3;
    for (int round = 0; round < 60000; round++) {
        size_t size = make_any(text, draw(round % 8 == 0 ? 1500 : 150));
        bool rare = false;
        unsigned changes = round % 4 == 0 ? 0 : 1 + draw(2);
        char *block;
        const char *expected, *found;

        for (; changes > 0; changes--) {
            text[draw((unsigned)size)] = other[draw(sizeof other - 1)];
        }
        if (text[0] != '{' && text[0] != '[') {
            continue;
        }
        for (size_t i = 1; i < size; i++) {
            rare = rare || text[i] == 'e' || text[i] == 'E';
        }
        size -= round % 16 == 1 ? draw((unsigned)size) : 0;
        block = exact(text, size);
        expected = read_on(block, block + size);
        found = nb_check(block + 1, block + size, text[0] == '{', 63);
        reads_alike(block, size);
        accepted += found != NULL;
        refused += found == NULL;
        malformed += expected == NULL;
        missed += found == NULL && expected != NULL && !rare;
        if (found != NULL && found != expected) {
            fail_msg("%.*s", (int)size, text);
        }
        free(block);
    }
    assert_true(malformed > 1000);
    assert_int_equal(missed, NB_BLOCK_AVX2 && refused < 60000 && accepted > 0 ? 0 : missed);
    print_message("%u containers were checked by blocks, %u were left to the reader, %u are malformed\n", accepted, refused, malformed);
}

/* As many containers as there is room for, and no more. */
static void blocks_have_room(void **state)
{
    (void)state;
    for (unsigned depth = 1; depth <= 70; depth++) {
        char text[300];
        char *block;
        bool any;

        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        block = exact(text, 2 * depth);
        any = nb_check(block + 1, block + 2 * depth, false, 1000) != NULL;
        assert_true(!any || depth <= 65);
        assert_true(!any || depth == 1 || nb_check(block + 1, block + 2 * depth, false, depth - 2) == NULL);
        assert_true(!any || nb_check(block + 1, block + 2 * depth, false, depth - 1) == block + 2 * depth);
        free(block);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_end_of_a_run),
        cmocka_unit_test(finds_a_dot),
        cmocka_unit_test(every_way_jumps_to_the_same_place),
        cmocka_unit_test(counts_backslashes),
        cmocka_unit_test(leaves_an_object),
        cmocka_unit_test(hops_to_wanted_keys),
        cmocka_unit_test(blocks_are_checked_as_strictly),
        cmocka_unit_test(blocks_have_room),
        cmocka_unit_test(seeking_is_as_strict_as_reading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
