/*
 * expand.c - from the leaves of a pattern to its combinations: "$or" multiplied out, later lists in the place of earlier ones of their
 * path.
 *
 * The moves are played once, from left to right. At any time there is a set of combinations so far; a leaf goes into each of them; "$or"
 * plays each of its branches on a copy of the set, and the results together are the new set. So an override works across "$or", too.
 */
#include <string.h>

#include "pattern/draft.h"

typedef struct set {
    nb_combination *items;
    uint32_t count, room;
} set;

/* An open "$or". */
typedef struct choice {
    set before; /* the set at its start */
    set sum;    /* the results of the branches so far */
} choice;

typedef struct player {
    nb_draft *draft;
    set now;
    nb_row choices; /* choice */
} player;

static bool add_combination(player *p, set *to, const nb_combination *from)
{
    nb_draft *draft = p->draft;
    nb_combination *copy;

    if (to->count == to->room) {
        uint32_t room = to->room == 0 ? 4 : to->room * 2;
        nb_combination *items = nb_arena_alloc(&draft->arena, room * sizeof *items);

        if (items == NULL) {
            nb_draft_starved(draft);
            return false;
        }
        if (to->count != 0) {
            memcpy(items, to->items, to->count * sizeof *items);
        }
        to->items = items;
        to->room = room;
    }
    copy = &to->items[to->count];
    copy->count = from->count;
    copy->leaves = nb_arena_alloc(&draft->arena, (draft->limits.max_fields + 1) * sizeof *copy->leaves);
    if (copy->leaves == NULL) {
        nb_draft_starved(draft);
        return false;
    }
    if (from->count != 0) {
        memcpy(copy->leaves, from->leaves, from->count * sizeof *copy->leaves);
    }
    to->count++;
    return true;
}

/*
 * Puts a leaf into one combination. False: it has too many paths. place: where its path was in the combination before; most often it is
 * there again, and a thousand combinations are not gone through from their start.
 */
static bool put_leaf(nb_draft *draft, nb_combination *to, uint32_t leaf, uint32_t *place, bool *ret_replaced)
{
    uint32_t path = nb_draft_leaf(draft, leaf)->path;
    uint32_t i = *place < to->count && nb_draft_leaf(draft, to->leaves[*place])->path == path ? *place : 0;

    while (i < to->count && nb_draft_leaf(draft, to->leaves[i])->path != path) {
        i++;
    }
    if (i == draft->limits.max_fields) {
        return false;
    }
    if (i < to->count && draft->findings != NULL) {
        *ret_replaced = true;
    }
    to->count += i == to->count;
    to->leaves[i] = leaf;
    *place = i;
    return true;
}

static void play_leaf(player *p, const nb_move *move)
{
    nb_draft *draft = p->draft;
    uint32_t place = 0;
    bool replaced = false;

    for (uint32_t i = 0; i < p->now.count; i++) {
        if (!put_leaf(draft, &p->now.items[i], move->leaf, &place, &replaced)) {
            nb_draft_refuse(draft, NIMBUS_E_TOO_LARGE, move->offset, "a pattern names at most %u paths", draft->limits.max_fields);
            return;
        }
    }
    if (replaced) {
        nb_draft_lint(draft, move->offset, "this list overrides an earlier one of the same path");
    }
}

static bool too_many(player *p, const nb_move *move, uint32_t more)
{
    nb_draft *draft = p->draft;
    choice *c = (choice *)p->choices.items + p->choices.count - 1;

    if (c->sum.count + more <= draft->limits.max_combinations || draft->limits.profile == NIMBUS_PROFILE_SNS_BODY ||
        draft->limits.profile == NIMBUS_PROFILE_SNS_ATTRIBUTES) { /* policies count them in their own way */
        return false;
    }
    nb_draft_refuse(draft, NIMBUS_E_TOO_COMPLEX, move->offset, "\"$or\" makes more than %u combinations", draft->limits.max_combinations);
    return true;
}

/* Plays one move. False: refused or starved. */
static bool play(player *p, const nb_move *move)
{
    nb_draft *draft = p->draft;
    choice *c = p->choices.count > 0 ? (choice *)p->choices.items + p->choices.count - 1 : NULL;

    switch (move->step) {
    case NB_STEP_LEAF:
        play_leaf(p, move);
        break;
    case NB_STEP_OR:
        c = nb_row_add(draft, &p->choices, sizeof *c);
        if (c != NULL) {
            c->before = p->now;
        }
        break;
    case NB_STEP_BRANCH:
        if (too_many(p, move, c->before.count)) {
            return false;
        }
        p->now = (set){ 0 };
        for (uint32_t i = 0; i < c->before.count && add_combination(p, &p->now, &c->before.items[i]); i++) {
        }
        break;
    case NB_STEP_BRANCH_END:
        if (too_many(p, move, p->now.count)) {
            return false;
        }
        for (uint32_t i = 0; i < p->now.count && add_combination(p, &c->sum, &p->now.items[i]); i++) {
        }
        break;
    case NB_STEP_OR_END:
    default:
        p->now = c->sum;
        p->choices.count--;
        break;
    }
    return draft->status == NIMBUS_OK;
}

/* -------------------------------------------------------------------------------------- limits of a policy */

#define TOO_MUCH UINT64_C(1000000000)

static uint64_t times(uint64_t a, uint64_t b)
{
    return b != 0 && a > TOO_MUCH / b ? TOO_MUCH : a * b;
}

static uint64_t elements_of(const nb_draft *draft, const nb_leaf *leaf)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < leaf->count; i += 1 + nb_draft_test(draft, leaf->first + i)->parts) {
        count++;
    }
    return count != 0 ? count : 1;
}

/* What a policy counts while its moves are played. */
typedef struct measure {
    uint64_t before; /* the product at the start of the "$or" */
    uint64_t sum;    /* of its branches so far */
    size_t offset;   /* of its list */
} measure;

/*
 * A policy counts the product over its lists of length times nesting; the branches of "$or" are added (SNS-F9). No list counts as less than
 * one, so what was too much stays too much.
 */
static void measure_policy(nb_draft *draft)
{
    measure *stack = nb_arena_alloc(&draft->arena, ((size_t)draft->moves.count + 1) * sizeof *stack);
    uint64_t product = 1;

    if (stack == NULL) {
        nb_draft_starved(draft);
        return;
    }
    for (uint32_t i = 0; i < draft->moves.count; i++) {
        const nb_move *move = (const nb_move *)draft->moves.items + i;
        const nb_leaf *leaf = move->step == NB_STEP_LEAF ? nb_draft_leaf(draft, move->leaf) : NULL;
        size_t offset = move->offset;

        switch (move->step) {
        case NB_STEP_LEAF:
            product = times(product, times(elements_of(draft, leaf), leaf->depth));
            break;
        case NB_STEP_OR:
            *stack++ = (measure){ product, 0, offset };
            break;
        case NB_STEP_BRANCH:
            product = 1;
            break;
        case NB_STEP_BRANCH_END:
            stack[-1].sum += product;
            break;
        case NB_STEP_OR_END:
        default:
            stack--;
            product = times(stack->before, stack->sum > TOO_MUCH ? TOO_MUCH : stack->sum);
            offset = stack->offset;
            break;
        }
        if (product > draft->limits.max_combinations) {
            nb_draft_refuse(draft, NIMBUS_E_TOO_COMPLEX, offset, "a filter policy has at most %u combinations",
                            draft->limits.max_combinations);
            return;
        }
    }
}

void nb_expand(nb_draft *draft)
{
    player p = { .draft = draft };
    const nb_combination nothing = { 0, NULL };

    if (draft->limits.profile == NIMBUS_PROFILE_SNS_ATTRIBUTES || draft->limits.profile == NIMBUS_PROFILE_SNS_BODY) {
        measure_policy(draft);
    }
    if (draft->status != NIMBUS_OK || !add_combination(&p, &p.now, &nothing)) {
        return;
    }
    for (uint32_t i = 0; i < draft->moves.count; i++) {
        if (!play(&p, (const nb_move *)draft->moves.items + i)) {
            return;
        }
    }
    draft->combinations = (nb_row){ p.now.items, p.now.count, p.now.room };
}
