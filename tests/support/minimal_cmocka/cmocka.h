/**
 * cmocka.h - stands in for cmocka where that is not installed, as in cross builds: the part of its interface that the tests use.
 *
 * A test that fails jumps back to the runner; its tear-down runs, and the other tests, too. One program, one test thread: only that one
 * asserts. The exit status is the number of tests that failed.
 */
#ifndef NIMBUS_TESTS_MINIMAL_CMOCKA_H
#define NIMBUS_TESTS_MINIMAL_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void (*CMUnitTestFunction)(void **state);
typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
    const char *name;
    CMUnitTestFunction test_func;
    CMFixtureFunction setup_func, teardown_func;
    void *initial_state;
};

#define cmocka_unit_test(f) { #f, f, NULL, NULL, NULL }
#define cmocka_unit_test_setup_teardown(f, setup, teardown) { #f, f, setup, teardown, NULL }
#define cmocka_unit_test_prestate(f, state) { #f, f, NULL, NULL, state }

/* Where a failure jumps to; the same in every file of a program. */
__attribute__((weak)) jmp_buf minimal_cmocka_out;
__attribute__((weak)) int minimal_cmocka_inside;

__attribute__((noreturn, unused)) static void _fail(const char *file, int line)
{
    fprintf(stderr, "%s:%d: failed\n", file, line);
    if (!minimal_cmocka_inside) {
        exit(1);
    }
    longjmp(minimal_cmocka_out, 1);
}

__attribute__((format(printf, 1, 2), unused)) static void print_error(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
}

/* Ends a test that cannot be made here. */
__attribute__((noreturn, unused)) static void skip(void)
{
    printf("skipped\n");
    longjmp(minimal_cmocka_out, 2);
}

#define print_message printf
#define fail() _fail(__FILE__, __LINE__)
#define fail_msg(...) (print_error(__VA_ARGS__), print_error("\n"), fail())

#define minimal_cmocka_assert(holds, text)                                                                                                 \
    do {                                                                                                                                   \
        if (!(holds)) {                                                                                                                    \
            print_error("does not hold: %s\n", (text));                                                                                    \
            fail();                                                                                                                        \
        }                                                                                                                                  \
    } while (0)

#define assert_true(a) minimal_cmocka_assert((a), #a)
#define assert_false(a) minimal_cmocka_assert(!(a), "not " #a)
#define assert_null(a) minimal_cmocka_assert((a) == NULL, #a " is NULL")
#define assert_non_null(a) minimal_cmocka_assert((a) != NULL, #a " is not NULL")
#define assert_int_equal(a, b) minimal_cmocka_assert((uintmax_t)(a) == (uintmax_t)(b), #a " == " #b)
#define assert_int_not_equal(a, b) minimal_cmocka_assert((uintmax_t)(a) != (uintmax_t)(b), #a " != " #b)
#define assert_ptr_equal(a, b) minimal_cmocka_assert((const void *)(a) == (const void *)(b), #a " == " #b)
#define assert_string_equal(a, b) minimal_cmocka_assert(strcmp((a), (b)) == 0, #a " equals " #b)
#define assert_memory_equal(a, b, size) minimal_cmocka_assert(memcmp((a), (b), (size)) == 0, #a " equals " #b)

/* One test with its fixtures. Returns: whether it went well. */
__attribute__((unused)) static int minimal_cmocka_run(const struct CMUnitTest *test, void **state)
{
    volatile int good = test->setup_func == NULL || test->setup_func(state) == 0;

    minimal_cmocka_inside = 1;
    if (good) {
        switch (setjmp(minimal_cmocka_out)) {
        case 0:
            test->test_func(state);
            break;
        case 1:
            good = 0;
            break;
        default: /* skipped */
            break;
        }
    }
    if (setjmp(minimal_cmocka_out) == 0) {
        if (test->teardown_func != NULL && test->teardown_func(state) != 0) {
            good = 0;
        }
    } else {
        good = 0;
    }
    minimal_cmocka_inside = 0;
    return good;
}

__attribute__((unused)) static int minimal_cmocka_run_all(const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup,
                                                          CMFixtureFunction teardown)
{
    void *group = NULL;
    int failed = 0;

    if (setup != NULL && setup(&group) != 0) {
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        void *state = tests[i].initial_state != NULL ? tests[i].initial_state : group;

        printf("[ RUN      ] %s\n", tests[i].name);
        fflush(stdout);
        if (minimal_cmocka_run(&tests[i], &state)) {
            printf("[       OK ] %s\n", tests[i].name);
        } else {
            printf("[  FAILED  ] %s\n", tests[i].name);
            failed++;
        }
    }
    if (teardown != NULL && teardown(&group) != 0) {
        failed++;
    }
    printf("%zu tests, %d failed\n", count, failed);
    return failed;
}

#define cmocka_run_group_tests(tests, setup, teardown)                                                                                     \
    minimal_cmocka_run_all((tests), sizeof(tests) / sizeof((tests)[0]), (setup), (teardown))
#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                                                          \
    (printf("%s\n", (name)), cmocka_run_group_tests(tests, setup, teardown))

#endif
