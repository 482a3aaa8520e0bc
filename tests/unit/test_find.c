/* test_find.c - the search for a piece of a wildcard, against one that looks at each place; and how much work it says it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pattern/glob.h"

static uint32_t state = 1;

static size_t below(size_t bound)
{
    state = state * 1664525U + 1013904223U;
    return (state >> 8) % bound;
}

/* Few letters, and mostly a period: pieces fit nearly, and begin in the middle of each other. The block is of the exact size. */
static char *draw(size_t size, size_t period)
{
    char *text = malloc(size);
    size_t letters = 1 + below(3);

    assert_non_null(text);
    for (size_t i = 0; i < size; i++) {
        text[i] = i >= period && below(50) != 0 ? text[i - period] : below(9) != 0 ? (char)('a' + below(letters)) : '\xe0';
    }
    return text;
}

static const char *find_slowly(const char *text, size_t size, const char *piece, size_t piece_size)
{
    for (size_t i = 0; i + piece_size <= size; i++) {
        if (memcmp(text + i, piece, piece_size) == 0) {
            return text + i;
        }
    }
    return NULL;
}

static void finds_the_first_place(void **unused)
{
    unsigned found = 0;

    (void)unused;
    for (unsigned round = 0; round < 200000; round++) {
        size_t piece_size = 1 + below(45), size = piece_size + below(120), period = 1 + below(24);
        char *piece = draw(piece_size, period), *text = draw(size, period);
        const char *wanted;
        uint64_t steps = 0;

        if (below(3) == 0) {
            memcpy(text + below(size - piece_size + 1), piece, piece_size);
        }
        wanted = find_slowly(text, size, piece, piece_size);
        assert_ptr_equal(nb_find(text, size, piece, piece_size, &steps), wanted);
        assert_true(steps <= 4 * (size + piece_size));
        found += wanted != NULL;
        free(piece);
        free(text);
    }
    assert_true(found > 20000 && found < 180000);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(finds_the_first_place) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
