/*
 * consistency.c - array consistency: values may be combined only if no array holds them in two different elements.
 *
 * {"e":{"f":["A"],"l":["J"]}} does not match {"e":[{"f":"A","l":"S"},{"f":"P","l":"J"}]}. A scalar that is itself an element is not bound
 * to its siblings. So each element that is an object or array gets a scope of its own, and at the end of the array only the best element's
 * scope is joined with the scope around it. The best element is the one that serves most fields; as all fields under one node come from
 * this one array, an element that can be part of a match serves all of them, and no other choice can do better. (Only if the event
 * names a path twice, fields can come from two arrays: twins.c looks closer then.)
 *
 * Absence is judged where the other fields were found: with an element chosen, only the values in it count; where no value of any element
 * serves, the values of all elements do.
 *
 * The walk has left a line of entries: arrays, their elements, and the values in between. It is played once for a conjunction, so the work
 * is linear in the entries.
 */
#include "pattern/play.h"

typedef struct scope {
    nb_lists met;  /* satisfied by a value */
    nb_lists seen; /* have a value at all */
} scope;

/* An open array. */
typedef struct frame {
    const nb_node *node;
    scope around;      /* the scope outside, while an element is open */
    scope best;        /* of the best element so far that serves something */
    unsigned score;    /* of best; 0: there is none */
    nb_lists seen_in_all; /* in any element */
    nb_lists below;       /* lists at or under the node */
    nb_lists own;         /* lists at the node */
} frame;

typedef struct play {
    nb_scratch *scratch;
    const nb_conjunction *conjunction;
    nb_lists absent; /* that absence satisfies */
    scope scope;
    frame *frames;
    uint32_t depth;
} play;

static void open_array(void *play_, const nb_node *node)
{
    play *p = play_;
    frame *f = &p->frames[p->depth++];

    *f = (frame){ .node = node };
    for (unsigned i = 0; i < p->conjunction->count; i++) {
        const nb_node *at = nb_conjunction_atom(p->conjunction, i)->field->node;

        f->own |= at == node ? (nb_lists)1 << i : 0;
        while (at->depth > node->depth) {
            at = at->parent;
        }
        f->below |= at == node ? (nb_lists)1 << i : 0;
    }
}

static void open_element(void *play_)
{
    play *p = play_;

    p->frames[p->depth - 1].around = p->scope;
    p->scope = (scope){ 0, 0 };
}

static void leave_element(void *play_)
{
    play *p = play_;
    frame *f = &p->frames[p->depth - 1];
    nb_lists serves = (p->scope.met | (p->absent & ~p->scope.seen)) & f->below;
    /* scalars of the array may still serve its own list */
    unsigned score = 2 * nb_lists_count(serves & ~f->own) + ((serves & f->own) != 0);

    f->seen_in_all |= p->scope.seen;
    if (p->scope.met != 0 && score > f->score) { /* an element that serves by absence alone is not bound to */
        f->best = p->scope;
        f->score = score;
    }
    p->scope = f->around;
}

/* A list that is absent from all elements is absent from the best one, too: where one serves, no element at all cannot serve more. */
static void leave_array(void *play_)
{
    play *p = play_;
    const frame *f = &p->frames[--p->depth];

    if (f->score != 0) {
        p->scope.met |= f->best.met;
        p->scope.seen |= f->best.seen;
    } else {
        p->scope.seen |= f->seen_in_all;
    }
}

static void take_value(void *play_, const nb_found *found)
{
    play *p = play_;
    for (unsigned i = 0; i < p->conjunction->count; i++) {
        const nb_atom *atom = nb_conjunction_atom(p->conjunction, i);

        if (atom->field == found->field) {
            p->scope.seen |= (nb_lists)1 << i;
            if ((p->scope.met >> i & 1) == 0 && nb_found_satisfies(p->scratch, found, atom)) {
                p->scope.met |= (nb_lists)1 << i;
            }
        }
    }
}

static const nb_play_steps steps = { open_array, open_element, leave_element, leave_array, take_value };

bool nb_consistent(nb_scratch *scratch, const nb_conjunction *conjunction)
{
    play p = { .scratch = scratch, .conjunction = conjunction };
    nb_lists all = conjunction->count == 64 ? ~(nb_lists)0 : ((nb_lists)1 << conjunction->count) - 1;

    if (!nb_space_has(scratch, &scratch->frames, NB_JSON_MAX_DEPTH, sizeof(frame))) {
        return false;
    }
    p.frames = scratch->frames.items;
    for (unsigned i = 0; i < conjunction->count; i++) {
        p.absent |= (nb_lists)nb_atom_takes_absence(nb_conjunction_atom(conjunction, i)) << i;
    }
    nb_play(scratch, &steps, &p);
    scratch->steps += scratch->entries.count;
    return ((p.scope.met | (p.absent & ~p.scope.seen)) & all) == all ||
           (scratch->twins && nb_consistent_twins(scratch, conjunction, p.absent, all));
}
