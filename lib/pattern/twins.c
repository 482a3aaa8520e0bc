/*
 * twins.c - array consistency where an event names a path twice, by one key or by a dotted and a nested one.
 *
 * Then the lists at or below one node may be served by two arrays, each by the element that suits the other, and the best element of each
 * alone (consistency.c) need not be among the right choices. So here a scope is a family: everything that a choice of elements may serve,
 * without what another choice serves better in every way. A family is bounded, or an event could make matching as slow as it likes: of
 * more choices those that serve most are kept. So with more than six lists below one array a match may be missed, which
 * docs/guide/patterns.md says. It is only looked at when consistency.c says no.
 */
#include "pattern/play.h"

#define MAX_CHOICES 64u

/* What one choice serves. */
typedef struct choice {
    nb_lists met;
    nb_lists seen; /* of the lists that absence satisfies: those that have a value */
} choice;

typedef struct family {
    uint32_t count;
    choice items[MAX_CHOICES];
} family;

/* An open array. */
typedef struct frame {
    family around; /* the scope outside, while an element is open */
    family sum;    /* of all elements so far */
    nb_lists seen_in_all;
} frame;

typedef struct play {
    nb_scratch *scratch;
    const nb_conjunction *conjunction;
    nb_lists absent; /* that absence satisfies */
    family scope;
    frame *frames;
    uint32_t depth;
} play;

static bool serves_no_more(const choice *a, const choice *b)
{
    return (a->met & ~b->met) == 0 && (b->seen & ~a->seen) == 0;
}

static void add(play *p, family *to, choice c)
{
    uint32_t kept = 0, worst = 0;
    unsigned least = UINT32_MAX;

    for (uint32_t i = 0; i < to->count; i++) {
        if (serves_no_more(&c, &to->items[i])) {
            return;
        }
    }
    for (uint32_t i = 0; i < to->count; i++) {
        if (!serves_no_more(&to->items[i], &c)) {
            to->items[kept++] = to->items[i];
        }
    }
    to->count = kept;
    p->scratch->steps++;
    if (kept < MAX_CHOICES) {
        to->items[to->count++] = c;
        return;
    }
    for (uint32_t i = 0; i < kept; i++) {
        unsigned score = nb_lists_count(to->items[i].met | (p->absent & ~to->items[i].seen));

        if (score < least) {
            least = score;
            worst = i;
        }
    }
    if (nb_lists_count(c.met | (p->absent & ~c.seen)) > least) {
        to->items[worst] = c;
    }
}

/* Every choice of one with every choice of the other, in the place of the first. */
static void join(play *p, family *to, const family *with)
{
    family both = { 0 };

    for (uint32_t i = 0; i < to->count; i++) {
        for (uint32_t j = 0; j < with->count; j++) {
            add(p, &both, (choice){ to->items[i].met | with->items[j].met, to->items[i].seen | with->items[j].seen });
        }
    }
    *to = both;
}

static const family nothing = { 1, { { 0, 0 } } };

static void open_array(void *play_, const nb_node *node)
{
    play *p = play_;

    (void)node;
    p->frames[p->depth].sum.count = 0;
    p->frames[p->depth++].seen_in_all = 0;
}

static void open_element(void *play_)
{
    play *p = play_;

    p->frames[p->depth - 1].around = p->scope;
    p->scope = nothing;
}

/* An element is chosen for a value in it; what serves by absence alone is no reason. */
static void leave_element(void *play_)
{
    play *p = play_;
    frame *f = &p->frames[p->depth - 1];

    for (uint32_t i = 0; i < p->scope.count; i++) {
        if (p->scope.items[i].met != 0) {
            add(p, &f->sum, p->scope.items[i]);
        }
    }
    p->scope = f->around;
}

/* One of the elements, or none: then the values of all of them count as present. */
static void leave_array(void *play_)
{
    play *p = play_;
    frame *f = &p->frames[--p->depth];

    add(p, &f->sum, (choice){ 0, f->seen_in_all & p->absent });
    join(p, &p->scope, &f->sum);
}

static void take_value(void *play_, const nb_found *found)
{
    play *p = play_;
    family one = { 1, { { 0, 0 } } };

    for (unsigned i = 0; i < p->conjunction->count; i++) {
        const nb_atom *atom = nb_conjunction_atom(p->conjunction, i);

        if (atom->field == found->field) {
            one.items[0].seen |= (nb_lists)1 << i & p->absent;
            one.items[0].met |= nb_found_satisfies(p->scratch, found, atom) ? (nb_lists)1 << i : 0;
        }
    }
    for (uint32_t i = 0; i < p->depth; i++) {
        p->frames[i].seen_in_all |= one.items[0].seen;
    }
    if (one.items[0].met != 0 || one.items[0].seen != 0) {
        join(p, &p->scope, &one);
    }
}

static const nb_play_steps steps = { open_array, open_element, leave_element, leave_array, take_value };

static uint32_t deepest(const nb_scratch *scratch)
{
    const nb_entry *entries = scratch->entries.items;
    uint32_t depth = 0, most = 0;

    for (uint32_t i = 0; i < scratch->entries.count; i++) {
        depth += entries[i].kind == NB_ENTRY_ARRAY;
        depth -= entries[i].kind == NB_ENTRY_ARRAY_END;
        most = depth > most ? depth : most;
    }
    return most;
}

bool nb_consistent_twins(nb_scratch *scratch, const nb_conjunction *conjunction, uint64_t absent, uint64_t all)
{
    play p = { .scratch = scratch, .conjunction = conjunction, .absent = absent, .scope = nothing };

    if (!nb_space_has(scratch, &scratch->families, deepest(scratch), sizeof(frame))) {
        return false;
    }
    p.frames = scratch->families.items;
    nb_play(scratch, &steps, &p);
    for (uint32_t i = 0; i < p.scope.count; i++) {
        if (((p.scope.items[i].met | (absent & ~p.scope.items[i].seen)) & all) == all) {
            return true;
        }
    }
    return false;
}
