/* test_base.c - heap, list, time arithmetic, the shared checks, sticky errors, statuses and ids. */
#include "support.h"

#include "base/check.h"
#include "base/error.h"
#include "base/heap.h"
#include "base/id.h"
#include "base/list.h"
#include "base/number.h"
#include "base/status.h"
#include "base/words.h"

/* ------------------------------------------------------------------------------------------------ heap */

static void budget_ends_where_it_says(void **state)
{
    test_heap own;
    nb_heap *heap;
    size_t limit;
    void *block;

    (void)state;
    heap_init(&own);
    heap = nb_heap_open(&own.allocator, 4096);
    CHECK(heap != NULL);
    EQ(nb_heap_budget(heap), 4096);
    limit = 4096 - nb_heap_bytes(heap);
    for (size_t size = limit - 1; size <= limit; size++) {
        block = nb_alloc(heap, size);
        CHECK(block != NULL);
        EQ(nb_heap_bytes(heap), 4096 - limit + size);
        nb_free(heap, block, size);
        EQ(nb_heap_bytes(heap), 4096 - limit);
    }
    CHECK(nb_alloc(heap, limit + 1) == NULL);
    EQ(nb_heap_bytes(heap), 4096 - limit);
    EQ(heap_calls(&own), 3); /* the allocator was not asked */
    IS(nb_heap_failure(heap, limit + 1), NIMBUS_E_FULL);
    IS(nb_heap_failure(heap, limit), NIMBUS_E_NO_MEMORY);
    CHECK(nb_alloc(heap, 4097) == NULL); /* above the whole budget */
    IS(nb_heap_failure(heap, 4097), NIMBUS_E_FULL);
    nb_heap_close(heap);
    CHECK(heap_is_clean(&own));
}

static void charges_count_like_blocks(void **state)
{
    test_heap own;
    nb_heap *heap;
    size_t limit;

    (void)state;
    heap_init(&own);
    heap = nb_heap_open(&own.allocator, 1000);
    limit = 1000 - nb_heap_bytes(heap);
    CHECK(nb_heap_charge(heap, limit - 1));
    CHECK(nb_heap_charge(heap, 1));
    CHECK(!nb_heap_charge(heap, 1));
    CHECK(!nb_heap_charge(heap, SIZE_MAX));
    CHECK(nb_alloc(heap, 1) == NULL);
    IS(nb_heap_failure(heap, 1), NIMBUS_E_FULL);
    nb_heap_uncharge(heap, limit);
    EQ(nb_heap_bytes(heap), 1000 - limit);
    nb_heap_close(heap);
    CHECK(heap_is_clean(&own));
}

static void heap_outlives_its_close(void **state)
{
    test_heap own;
    nb_heap *heap;
    void *first, *second;

    (void)state;
    heap_init(&own);
    heap = nb_heap_open(&own.allocator, 0);
    first = nb_alloc_zero(heap, 10);
    second = nb_alloc(heap, 20);
    CHECK(first != NULL && second != NULL);
    CHECK(((char *)first)[0] == 0 && ((char *)first)[9] == 0);
    nb_heap_close(heap);
    EQ(atomic_load(&own.blocks), 3);
    EQ(nb_heap_bytes(heap), 30);
    nb_free(heap, first, 10);
    EQ(atomic_load(&own.blocks), 2);
    nb_free(heap, NULL, 20); /* nothing */
    nb_free(heap, second, 20);
    CHECK(heap_is_clean(&own));

    heap = nb_heap_open(&own.allocator, 0);
    CHECK(nb_heap_charge(heap, 5)); /* a charge keeps it alive, too */
    nb_heap_close(heap);
    EQ(atomic_load(&own.blocks), 1);
    nb_heap_uncharge(heap, 5);
    CHECK(heap_is_clean(&own));
}

static void allocator_that_fails(void **state)
{
    test_heap own;
    nb_heap *heap;
    size_t before;

    (void)state;
    heap_init(&own);
    heap_fail(&own, 1, false);
    CHECK(nb_heap_open(&own.allocator, 0) == NULL);
    heap = nb_heap_open(&own.allocator, 0);
    CHECK(heap != NULL);
    before = nb_heap_bytes(heap);
    heap_fail(&own, 1, false);
    CHECK(nb_alloc(heap, 8) == NULL);
    EQ(nb_heap_bytes(heap), before);
    IS(nb_heap_failure(heap, 8), NIMBUS_E_NO_MEMORY);
    heap_fail(&own, 1, false);
    CHECK(nb_alloc_zero(heap, 8) == NULL);
    heap_fail(&own, 1, false);
    CHECK(nb_text_copy(heap, "text") == NULL);
    EQ(nb_heap_bytes(heap), before);
    nb_heap_close(heap);
    CHECK(heap_is_clean(&own));
}

static void arrays_and_texts(void **state)
{
    test_heap own;
    nb_heap *heap;
    uint64_t calls;
    char *text, *empty;
    void *array;

    (void)state;
    heap_init(&own);
    heap = nb_heap_open(&own.allocator, 0);
    calls = heap_calls(&own);
    CHECK(nb_alloc_array(heap, SIZE_MAX / 8 + 1, 8) == NULL);
    CHECK(nb_alloc_array(heap, 2, SIZE_MAX / 2 + 1) == NULL);
    EQ(heap_calls(&own), calls);
    array = nb_alloc_array(heap, 3, 7);
    CHECK(array != NULL);
    nb_free(heap, array, 21);
    text = nb_text_copy(heap, "text");
    empty = nb_text_copy(heap, "");
    TEXT(text, "text");
    TEXT(empty, "");
    CHECK(nb_text_copy(heap, NULL) == NULL);
    nb_text_free(heap, text);
    nb_text_free(heap, empty);
    nb_text_free(heap, NULL);
    nb_heap_close(heap);
    CHECK(heap_is_clean(&own));
}

/* ------------------------------------------------------------------------------------------------ list */

typedef struct element {
    int value;
    nb_link link;
} element;

static void list_is(nb_list *list, const char *digits)
{
    char forward[16], backward[16];
    size_t n = 0, m = 0;

    for (const nb_link *at = list->next; at != list; at = at->next) {
        forward[n++] = (char)('0' + NB_CONTAINER(at, element, link)->value);
    }
    for (const nb_link *at = list->prev; at != list; at = at->prev) {
        backward[m++] = (char)('0' + NB_CONTAINER(at, element, link)->value);
    }
    forward[n] = '\0';
    TEXT(forward, digits);
    EQ(m, n);
    for (size_t i = 0; i < n; i++) {
        EQ(backward[n - 1 - i], forward[i]);
    }
    CHECK(nb_list_empty(list) == (n == 0));
}

static void lists(void **state)
{
    element e[6];
    nb_list list, other;

    (void)state;
    nb_link_init(&list);
    nb_link_init(&other);
    for (int i = 0; i < 6; i++) {
        e[i].value = i;
        nb_link_init(&e[i].link);
        CHECK(!nb_link_in(&e[i].link));
    }
    list_is(&list, "");
    CHECK(nb_list_first(&list) == NULL && nb_list_pop(&list) == NULL);
    nb_list_push(&list, &e[1].link);
    nb_list_push(&list, &e[3].link);
    nb_list_push_front(&list, &e[0].link);
    nb_link_after(&e[1].link, &e[2].link);
    list_is(&list, "0123");
    CHECK(nb_link_in(&e[2].link));
    nb_link_remove(&e[2].link);
    nb_link_remove(&e[2].link); /* harmless */
    CHECK(!nb_link_in(&e[2].link));
    list_is(&list, "013");
    CHECK(nb_list_first(&list) == &e[0].link);
    CHECK(nb_list_pop(&list) == &e[0].link);
    CHECK(!nb_link_in(&e[0].link));
    nb_list_append_all(&list, &other);
    list_is(&list, "13");
    nb_list_push(&other, &e[4].link);
    nb_list_push(&other, &e[5].link);
    nb_list_append_all(&list, &other);
    list_is(&list, "1345");
    list_is(&other, "");
    nb_list_append_all(&other, &list);
    list_is(&other, "1345");
    list_is(&list, "");
}

/* -------------------------------------------------------------------------------------------- numbers */

static void times_are_saturated(void **state)
{
    (void)state;
    EQT(nb_add_time(0, 0), 0);
    EQT(nb_add_time(1, 2), 3);
    EQT(nb_add_time(INT64_MAX - 1, 1), INT64_MAX);
    EQT(nb_add_time(INT64_MAX - 1, 2), INT64_MAX);
    EQT(nb_add_time(INT64_MAX - 2, 1), INT64_MAX - 1);
    EQT(nb_add_time(INT64_MAX, 0), INT64_MAX);
    EQT(nb_add_time(0, INT64_MAX), INT64_MAX);
    EQT(nb_add_time(1, INT64_MAX), INT64_MAX);
    EQT(nb_add_time(INT64_MAX, INT64_MAX), INT64_MAX);
}

static void random_is_the_published_generator(void **state)
{
    (void)state;
    EQ(nb_random_mix(0), UINT64_C(0xe220a8397b1dcdaf)); /* SplitMix64 from seed 0 */
    EQ(nb_random_mix(UINT64_C(0x9e3779b97f4a7c15)), UINT64_C(0x6e789e6aa1b965f4));
}

/* --------------------------------------------------------------------------------------------- checks */

static void names(void **state)
{
    char name[82];

    (void)state;
    CHECK(!nb_name_valid(NULL, 80, "_-"));
    CHECK(!nb_name_valid("", 80, "_-"));
    CHECK(nb_name_valid("a", 1, ""));
    CHECK(!nb_name_valid("ab", 1, ""));
    CHECK(nb_name_valid("azAZ09_-", 80, "_-"));
    CHECK(!nb_name_valid("a_b", 80, ""));
    CHECK(!nb_name_valid("a.b", 80, "_-"));
    CHECK(nb_name_valid("a.b", 80, "_-."));
    memset(name, 'x', sizeof name);
    name[80] = '\0';
    CHECK(nb_name_valid(name, 80, ""));
    name[80] = 'x';
    name[81] = '\0';
    CHECK(!nb_name_valid(name, 80, ""));
    for (int c = 1; c < 256; c++) {
        char one[2] = { (char)c, '\0' };
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), digit = c >= '0' && c <= '9';

        CHECK(nb_name_valid(one, 80, "_-") == (letter || digit || c == '_' || c == '-'));
    }
}

/* Each byte at each place of keys of each length up to 20, which are read in words; and the longest ones. */
static void keys(void **state)
{
    char key[132];

    (void)state;
    EQ(nb_key_length(NULL), 0);
    EQ(nb_key_length(""), 0);
    for (size_t length = 1; length <= 20; length++) {
        char *exact = malloc(length + 1); /* so that a sanitizer sees a read behind it */

        CHECK(exact != NULL);
        for (size_t at = 0; at < length; at++) {
            for (int byte = 1; byte < 256; byte++) {
                memset(exact, at % 2 == 0 ? '!' : '~', length);
                exact[length] = '\0';
                exact[at] = (char)byte;
                EQ(nb_key_length(exact), byte > ' ' && byte <= '~' ? length : 0);
            }
        }
        free(exact);
    }
    memset(key, 'k', sizeof key);
    for (size_t length = 126; length <= 131; length++) {
        key[length] = '\0';
        EQ(nb_key_length(key), length <= 128 ? length : 0);
        key[length] = 'k';
    }
}

/* The first bytes lowest, whatever the machine. */
static void words(void **state)
{
    static const unsigned char bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    uint64_t sum = 0;

    (void)state;
    for (size_t size = 0; size < 8; size++) {
        EQ(nb_word_of(bytes, size), sum);
        sum |= (uint64_t)bytes[size] << 8 * size;
    }
    EQ(nb_word_at(bytes), sum);
}

static void reserved_fields(void **state)
{
    uint64_t words[3] = { 0, 0, 0 };

    (void)state;
    CHECK(nb_reserved_clear(words, 3));
    words[2] = UINT64_C(1) << 63;
    CHECK(!nb_reserved_clear(words, 3));
    CHECK(nb_reserved_clear(words, 2));
    CHECK(nb_reserved_clear(words, 0));
}

static void duration_arguments(void **state)
{
    static const struct {
        nimbus_duration in;
        bool good;
        nimbus_duration out;
    } rows[] = {
        { 0, true, 0 },         { NIMBUS_ZERO, true, 0 },
        { 1, false, 0 },        { 999, false, 0 },
        { 1000, true, 1000 },   { NIMBUS_FOREVER, true, NIMBUS_FOREVER },
        { -1, false, 0 },       { INT64_MIN + 1, false, 0 },
        { -1000, false, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        nimbus_duration value = rows[i].in;

        CHECK(nb_duration_argument(&value) == rows[i].good);
        EQT(value, rows[i].good ? rows[i].out : rows[i].in);
    }
}

static void duration_options(void **state)
{
    static const struct {
        nimbus_duration in, min, max;
        bool good;
        nimbus_duration out;
    } rows[] = {
        { 0, 0, 100000, true, 5000 },      { NIMBUS_ZERO, 0, 100000, true, 0 }, { NIMBUS_ZERO, 1000, 100000, false, 0 },
        { 1, 0, 100000, false, 0 },        { 999, 0, 100000, false, 0 },        { 1000, 0, 100000, true, 1000 },
        { 1999, 2000, 100000, false, 0 },  { 2000, 2000, 100000, true, 2000 },  { 100000, 0, 100000, true, 100000 },
        { 100001, 0, 100000, false, 0 },   { -1, 0, 100000, false, 0 },         { INT64_MIN + 1, 0, INT64_MAX, false, 0 },
        { INT64_MAX, 0, INT64_MAX, true, INT64_MAX },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        nimbus_duration value = rows[i].in;
        nimbus_error err = { 0 };

        CHECK(nb_duration_option(&value, 5000, rows[i].min, rows[i].max, "the_call", "the_field", &err) == rows[i].good);
        EQT(value, rows[i].good ? rows[i].out : rows[i].in);
        if (rows[i].good) {
            IS(err.status, NIMBUS_OK);
        } else {
            IS(err.status, NIMBUS_E_INVALID);
            TEXT(err.call, "the_call");
            TEXT(err.field, "the_field");
            CHECK(err.reason[0] != '\0');
            EQ(err.offset, SIZE_MAX);
        }
        value = rows[i].in; /* nobody wants to know why */
        CHECK(nb_duration_option(&value, 5000, rows[i].min, rows[i].max, "the_call", "the_field", NULL) == rows[i].good);
    }
}

/* --------------------------------------------------------------------------------------------- errors */

static void errors_are_sticky(void **state)
{
    nimbus_error err = { 0 }, first;

    (void)state;
    CHECK(!nb_error_blocked(NULL));
    CHECK(!nb_error_blocked(&err));
    err.status = NIMBUS_PARTIAL; /* a remark is no failure */
    CHECK(!nb_error_blocked(&err));
    IS(nb_error_set(&err, NIMBUS_E_FULL, "call", "field", "%d of %s", 3, "four"), NIMBUS_E_FULL);
    CHECK(nb_error_blocked(&err));
    IS(err.status, NIMBUS_E_FULL);
    TEXT(err.call, "call");
    TEXT(err.field, "field");
    TEXT(err.reason, "3 of four");
    EQ(err.offset, SIZE_MAX);
    first = err;
    IS(nb_error_set(&err, NIMBUS_E_INVALID, "other", NULL, "other"), NIMBUS_E_INVALID);
    IS(nb_error_set_at(&err, NIMBUS_E_JSON, "other", NULL, 7, "other"), NIMBUS_E_JSON);
    CHECK(memcmp(&first, &err, sizeof err) == 0);
    nb_error_rename(&err, "renamed");
    TEXT(err.field, "renamed");
    IS(nb_error_set(NULL, NIMBUS_E_INVALID, "call", NULL, "reason"), NIMBUS_E_INVALID);
    nb_error_rename(NULL, "renamed");
}

static void errors_are_cut_to_fit(void **state)
{
    nimbus_error err = { 0 };
    char text[400];

    (void)state;
    nb_error_rename(&err, "renamed"); /* no failure, nothing to rename */
    TEXT(err.field, "");
    IS(nb_error_set_at(&err, NIMBUS_E_PATTERN, NULL, NULL, 7, "there"), NIMBUS_E_PATTERN);
    EQ(err.offset, 7);
    TEXT(err.call, "");
    TEXT(err.field, "");
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    memset(&err, 0, sizeof err);
    nb_error_set(&err, NIMBUS_E_INVALID, text, text, "%s", text);
    EQ(strlen(err.call), sizeof err.call - 1);
    EQ(strlen(err.field), sizeof err.field - 1);
    EQ(strlen(err.reason), sizeof err.reason - 1);
    nb_error_rename(&err, text);
    EQ(strlen(err.field), sizeof err.field - 1);
}

/* ------------------------------------------------------------------------------------- statuses and ids */

static void every_status_has_a_name(void **state)
{
    (void)state;
    for (int i = NIMBUS_E_CONTENT; i <= NIMBUS_DUPLICATE; i++) { /* the ranges have no gaps */
        nimbus_status status = (nimbus_status)i;
        const char *name = nb_status_name(status);

        CHECK(strcmp(name, "NIMBUS_E_UNKNOWN") != 0);
        CHECK(strncmp(name, "NIMBUS_", 7) == 0);
        CHECK((strncmp(name, "NIMBUS_E_", 9) == 0) == nimbus_failed(status));
        CHECK(nb_status_text(status)[0] != '\0');
        CHECK(strcmp(nb_status_text(status), nb_status_text((nimbus_status)99)) != 0);
        CHECK(nb_status_aws_name(status) != NULL);
        CHECK(nimbus_failed(status) || nb_status_aws_name(status)[0] == '\0');
        for (int j = NIMBUS_E_CONTENT; j < i; j++) {
            CHECK(strcmp(name, nb_status_name((nimbus_status)j)) != 0);
        }
    }
    TEXT(nb_status_name(NIMBUS_OK), "NIMBUS_OK");
    TEXT(nb_status_name(NIMBUS_E_TOO_COMPLEX), "NIMBUS_E_TOO_COMPLEX");
    TEXT(nb_status_name((nimbus_status)(NIMBUS_E_CONTENT - 1)), "NIMBUS_E_UNKNOWN");
    TEXT(nb_status_name((nimbus_status)(NIMBUS_DUPLICATE + 1)), "NIMBUS_E_UNKNOWN");
    TEXT(nb_status_aws_name((nimbus_status)INT32_MIN), "");
    TEXT(nb_status_aws_name(NIMBUS_E_RECEIPT), "ReceiptHandleIsInvalid");
}

static void ids_look_like_uuids(void **state)
{
    char text[NIMBUS_ID_TEXT + 1];

    (void)state;
    memset(text, 'x', sizeof text);
    CHECK(nb_id_text((nimbus_id){ 0, 0 }, text) == text);
    TEXT(text, "00000000-0000-4000-8000-000000000000");
    EQ(text[NIMBUS_ID_TEXT], 'x');
    TEXT(nb_id_text((nimbus_id){ UINT64_MAX, UINT64_MAX }, text), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    TEXT(nb_id_text((nimbus_id){ UINT64_C(0x0123456789abcdef), 1 }, text), "01234567-89ab-4def-8000-000000000001");
    TEXT(nb_id_text((nimbus_id){ 0, UINT64_C(0x0123456789abcdef) }, text), "00000000-0000-4000-8123-456789abcdef");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget_ends_where_it_says),
        cmocka_unit_test(charges_count_like_blocks),
        cmocka_unit_test(heap_outlives_its_close),
        cmocka_unit_test(allocator_that_fails),
        cmocka_unit_test(arrays_and_texts),
        cmocka_unit_test(lists),
        cmocka_unit_test(times_are_saturated),
        cmocka_unit_test(random_is_the_published_generator),
        cmocka_unit_test(names),
        cmocka_unit_test(keys),
        cmocka_unit_test(words),
        cmocka_unit_test(reserved_fields),
        cmocka_unit_test(duration_arguments),
        cmocka_unit_test(duration_options),
        cmocka_unit_test(errors_are_sticky),
        cmocka_unit_test(errors_are_cut_to_fit),
        cmocka_unit_test(every_status_has_a_name),
        cmocka_unit_test(ids_look_like_uuids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
