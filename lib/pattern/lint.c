/* lint.c - lists that compile and were hardly meant: elements that say the same twice, or that cannot decide anything. */
#include <string.h>

#include "json/number.h"
#include "pattern/draft.h"

#define MAX_PAIRS 256u /* elements of one list that are compared with each other */

static bool same(const nb_test *a, const nb_test *b)
{
    return a->kind == b->kind && a->kind != NB_OTHER && a->size == b->size && a->low == b->low && a->high == b->high &&
           a->bits == b->bits && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

/* Whether one element is excluded by another, which is anything-but: together they take every value. */
static bool undoes(const nb_test *element, const nb_test *other)
{
    for (uint32_t i = 1; other->kind == NB_OTHER && i <= other->parts; i++) {
        if (same(element, other + i)) {
            return true;
        }
    }
    return false;
}

static bool looks_like_number(const nb_test *test)
{
    int64_t key;

    return test->kind == NB_STRING && test->size != 0 && nb_number_read(test->data, test->size, &key);
}

static void lint_pair(nb_draft *draft, const nb_test *a, const nb_test *b)
{
    if (same(a, b)) {
        nb_draft_lint(draft, b->offset, "the same element stands in this list before");
    } else if (undoes(a, b) || undoes(b, a)) {
        nb_draft_lint(draft, b->offset, "this anything-but excludes what another element takes: together they take every value");
    } else if (a->kind == NB_PRESENT ? b->kind == NB_ABSENT : a->kind == NB_ABSENT && b->kind == NB_PRESENT) {
        nb_draft_lint(draft, b->offset, "exists true and exists false in one list: it matches always");
    } else if (a->kind == NB_OTHER && b->kind == NB_OTHER) {
        nb_draft_lint(draft, b->offset, "two anything-but in one list: what one excludes the other may take");
    } else if ((a->kind == NB_PRESENT) != (b->kind == NB_PRESENT) && a->kind != NB_ABSENT && b->kind != NB_ABSENT) {
        nb_draft_lint(draft, b->offset, "exists true takes every value: the other elements of this list change nothing");
    } else if ((looks_like_number(a) && b->kind == NB_NUMBER) || (looks_like_number(b) && a->kind == NB_NUMBER)) {
        nb_draft_lint(draft, b->offset, "a number in quotes beside a number: a string never equals a number");
    }
}

void nb_lint_leaf(nb_draft *draft, const nb_leaf *leaf)
{
    const nb_test *tests;
    uint32_t seen = 0;

    if (draft->findings == NULL || draft->status != NIMBUS_OK) {
        return;
    }
    tests = nb_draft_test(draft, leaf->first); /* there is one: an empty list was refused */
    for (uint32_t i = 0; i < leaf->count && seen < MAX_PAIRS; i += 1 + tests[i].parts, seen++) {
        for (uint32_t j = 0; j < i; j += 1 + tests[j].parts) {
            lint_pair(draft, &tests[j], &tests[i]);
        }
    }
}
