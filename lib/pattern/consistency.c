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
#include "pattern/match.h"

typedef uint64_t lists; /* bit n: atom n of the conjunction */

typedef struct scope {
    lists met;  /* satisfied by a value */
    lists seen; /* have a value at all */
} scope;

/* An open array. */
typedef struct frame {
    const nb_node *node;
    scope around;      /* the scope outside, while an element is open */
    scope best;        /* of the best element so far that serves something */
    unsigned score;    /* of best; 0: there is none */
    lists seen_in_all; /* in any element */
    lists below;       /* lists at or under the node */
    lists own;         /* lists at the node */
} frame;

typedef struct play {
    nb_scratch *scratch;
    const nb_conjunction *conjunction;
    lists absent; /* that absence satisfies */
    scope scope;
    frame *frames;
    uint32_t depth;
} play;

static unsigned count_bits(lists set)
{
    unsigned count = 0;

    for (; set != 0; set &= set - 1) {
        count++;
    }
    return count;
}

static bool takes_absence(const nb_atom *atom)
{
    bool any = atom->kind == NB_ABSENT;

    for (uint32_t i = 0; atom->kind == NB_ANY && !any && i < nb_atom_part_count(atom); i++) {
        any = nb_atom_parts(atom)[i]->kind == NB_ABSENT;
    }
    return any;
}

static void open_array(play *p, const nb_node *node)
{
    frame *f = &p->frames[p->depth++];

    *f = (frame){ .node = node };
    for (unsigned i = 0; i < p->conjunction->count; i++) {
        const nb_node *at = nb_conjunction_atom(p->conjunction, i)->field->node;

        f->own |= at == node ? (lists)1 << i : 0;
        while (at->depth > node->depth) {
            at = at->parent;
        }
        f->below |= at == node ? (lists)1 << i : 0;
    }
}

static void leave_element(play *p)
{
    frame *f = &p->frames[p->depth - 1];
    lists serves = (p->scope.met | (p->absent & ~p->scope.seen)) & f->below;
    unsigned score = 2 * count_bits(serves & ~f->own) + ((serves & f->own) != 0); /* scalars of the array may still serve its own list */

    f->seen_in_all |= p->scope.seen;
    if (p->scope.met != 0 && score > f->score) { /* an element that serves by absence alone is not bound to */
        f->best = p->scope;
        f->score = score;
    }
    p->scope = f->around;
}

/* A list that is absent from all elements is absent from the best one, too: where one serves, no element at all cannot serve more. */
static void leave_array(play *p)
{
    const frame *f = &p->frames[--p->depth];

    if (f->score != 0) {
        p->scope.met |= f->best.met;
        p->scope.seen |= f->best.seen;
    } else {
        p->scope.seen |= f->seen_in_all;
    }
}

static void take_value(play *p, const nb_found *found)
{
    for (unsigned i = 0; i < p->conjunction->count; i++) {
        const nb_atom *atom = nb_conjunction_atom(p->conjunction, i);

        if (atom->field == found->field) {
            p->scope.seen |= (lists)1 << i;
            if ((p->scope.met >> i & 1) == 0 && nb_found_satisfies(p->scratch, found, atom)) {
                p->scope.met |= (lists)1 << i;
            }
        }
    }
}

static void play_entry(play *p, const nb_entry *entry)
{
    switch ((nb_entry_kind)entry->kind) {
    case NB_ENTRY_VALUE:
        take_value(p, nb_found_at(p->scratch, entry->at));
        break;
    case NB_ENTRY_ARRAY:
        open_array(p, ((const nb_node **)p->scratch->arrays.items)[entry->at]);
        break;
    case NB_ENTRY_ELEMENT:
        p->frames[p->depth - 1].around = p->scope;
        p->scope = (scope){ 0, 0 };
        break;
    case NB_ENTRY_ELEMENT_END:
        leave_element(p);
        break;
    case NB_ENTRY_ARRAY_END:
    default:
        leave_array(p);
        break;
    }
}

bool nb_consistent(nb_scratch *scratch, const nb_conjunction *conjunction)
{
    const nb_entry *entries = scratch->entries.items;
    play p = { .scratch = scratch, .conjunction = conjunction };
    lists all = conjunction->count == 64 ? ~(lists)0 : ((lists)1 << conjunction->count) - 1;

    if (!nb_space_has(scratch, &scratch->frames, NB_JSON_MAX_DEPTH, sizeof(frame))) {
        return false;
    }
    p.frames = scratch->frames.items;
    for (unsigned i = 0; i < conjunction->count; i++) {
        p.absent |= (lists)takes_absence(nb_conjunction_atom(conjunction, i)) << i;
    }
    for (uint32_t i = 0; i < scratch->entries.count; i++) {
        play_entry(&p, &entries[i]);
    }
    scratch->steps += scratch->entries.count;
    return ((p.scope.met | (p.absent & ~p.scope.seen)) & all) == all ||
           (scratch->twins && nb_consistent_twins(scratch, conjunction, p.absent, all));
}
