/* rule.c - rules in an index: their conjunctions, and under which atoms these hang. */
#include "pattern/index.h"

/* How often an atom may be expected to fire: the less, the better to hang under. */
static uint64_t cost_of(const nb_atom *atom)
{
    static const uint32_t costs[] = { [NB_STRING] = 1, [NB_NUMBER] = 2, [NB_NUMBER_TEXT] = 1, [NB_TRUE] = 100000, [NB_FALSE] = 100000,
                                      [NB_NULL] = 100000, [NB_PREFIX] = 2, [NB_SUFFIX] = 2, [NB_FOLD] = 2, [NB_FOLD_PREFIX] = 2,
                                      [NB_FOLD_SUFFIX] = 2, [NB_GLOB] = 60, [NB_RANGE] = 200, [NB_CIDR] = 50, [NB_PRESENT] = 1000000,
                                      [NB_ABSENT] = 500000, [NB_OTHER] = 2000000, [NB_ANY] = 0 };
    uint64_t cost = costs[atom->kind];

    switch (atom->kind) {
    case NB_ANY:
        for (uint32_t i = 0; i < nb_atom_part_count(atom); i++) {
            cost += cost_of(nb_atom_parts(atom)[i]);
        }
        return cost;
    case NB_PREFIX:
    case NB_SUFFIX:
    case NB_FOLD_PREFIX:
    case NB_FOLD_SUFFIX:
        cost += atom->size == 0 ? 500000 : 40 / atom->size;
        break;
    default:
        break;
    }
    return cost + (uint64_t)atom->uses * 16;
}

static uint32_t part_count(const nb_atom *atom)
{
    return atom->kind == NB_ANY ? nb_atom_part_count(atom) : 1;
}

static nb_atom *part_of(nb_atom *atom, uint32_t i)
{
    return atom->kind == NB_ANY ? nb_atom_parts(atom)[i] : atom;
}

/* ------------------------------------------------------------------------------------------------ hanging */

static bool enlist(nb_index *index, _Atomic(nb_link *) *list, nb_atom *atom)
{
    nb_link *link = nb_arena_alloc(&index->arena, sizeof *link);

    if (link == NULL) {
        return false;
    }
    *link = (nb_link){ atom, nb_load_relaxed(list) };
    nb_store_release(list, link); /* whole before readers find it */
    atom->listed = true;
    return true;
}

/* One more posting for a conjunction, not yet under its atom; spare: those made so far. */
static bool make_posting(nb_index *index, nb_conjunction *conjunction, nb_atom *atom, nb_posting **spare)
{
    nb_posting *posting;

    if (atom != NULL && !atom->listed && (atom->kind == NB_ABSENT || atom->kind == NB_OTHER) &&
        !enlist(index, atom->kind == NB_ABSENT ? &index->absent : &atom->field->others, atom)) {
        return false;
    }
    posting = nb_arena_alloc(&index->arena, sizeof *posting);
    if (posting == NULL) {
        return false;
    }
    *posting = (nb_posting){ conjunction, *spare };
    *spare = posting;
    return true;
}

static void publish(_Atomic(nb_posting *) *list, nb_posting **spare)
{
    nb_posting *posting = *spare;

    *spare = posting->next;
    posting->next = nb_load_relaxed(list);
    nb_store_release(list, posting); /* the conjunction and its rule are whole */
}

/*
 * Calls for each atom under which a conjunction hangs: the parts of its best list; if all its lists take absence, the parts of all of them
 * but absence, and one absence: either something of them is there, or nothing is. make: makes the postings; else they are published.
 */
static bool each_place(nb_index *index, nb_conjunction *conjunction, bool make, nb_posting **spare)
{
    bool all = conjunction->hung == conjunction->count && conjunction->count != 0;
    bool absence = false;

    if (conjunction->count == 0) {
        if (make) {
            return make_posting(index, conjunction, NULL, spare);
        }
        publish(&index->always, spare);
        return true;
    }
    for (unsigned i = 0; i < conjunction->count; i++) {
        nb_atom *atom = nb_conjunction_atom(conjunction, i);

        for (uint32_t j = 0; (all || i == conjunction->hung) && j < part_count(atom); j++) {
            nb_atom *part = part_of(atom, j);

            if (all && part->kind == NB_ABSENT) {
                if (absence) {
                    continue;
                }
                absence = true;
            }
            if (!make) {
                publish(&part->postings, spare);
            } else if (!make_posting(index, conjunction, part, spare)) {
                return false;
            }
        }
    }
    return true;
}

/* The list under whose atoms it is best to hang; count: all of them. */
static uint16_t choose(const nb_conjunction *conjunction)
{
    uint64_t best = UINT64_MAX;
    uint16_t at = conjunction->count;

    for (uint16_t i = 0; i < conjunction->count; i++) {
        nb_atom *atom = nb_conjunction_atom(conjunction, i);
        uint64_t cost = nb_atom_takes_absence(atom) ? UINT64_MAX : cost_of(atom);

        if (cost != UINT64_MAX && cost <= best) { /* of equal ones the last: paths go from the general to the special */
            best = cost;
            at = i;
        }
    }
    return at;
}

/* -------------------------------------------------------------------------------------------- conjunctions */

/* Whether the path to a node goes through another one that is not deeper. */
static bool goes_through(const nb_node *at, const nb_node *node)
{
    while (at->depth > node->depth) {
        at = at->parent;
    }
    return at == node;
}

/* The nodes below the root that several of the paths go through, into `to`; NULL: they are counted. */
static uint16_t find_shared(nb_atom *const *atoms, uint32_t count, void **to)
{
    uint16_t found = 0;

    for (uint32_t i = 1; i < count; i++) {
        for (nb_node *node = atoms[i]->field->node; node->depth > 0; node = node->parent) {
            uint32_t before = 0;

            for (uint32_t j = 0; j < i && before < 2; j++) {
                before += goes_through(atoms[j]->field->node, node);
            }
            if (before == 1) { /* with two it was found before */
                if (to != NULL) {
                    to[found] = node;
                }
                found++;
            }
        }
    }
    return found;
}

static nb_conjunction *make_conjunction(nb_index *index, nb_atom *const *atoms, uint32_t count)
{
    uint16_t shared = find_shared(atoms, count, NULL); /* at most 64 paths of 1,000 steps */
    nb_conjunction *conjunction = nb_arena_alloc(&index->arena, sizeof *conjunction + (count + shared) * sizeof(void *));

    if (conjunction == NULL) {
        return NULL;
    }
    *conjunction = (nb_conjunction){ .count = (uint16_t)count, .shared = shared };
    for (uint32_t i = 0; i < count; i++) {
        conjunction->items[i] = atoms[i];
        conjunction->absent |= nb_atom_takes_absence(atoms[i]);
    }
    find_shared(atoms, count, conjunction->items + count);
    conjunction->hung = choose(conjunction);
    return conjunction;
}

/* Makes everything public that was made for a rule. It cannot fail. */
static void reveal(nb_index *index, nb_rule_in *rule, nb_posting *spare)
{
    for (nb_conjunction *c = rule->first; c != NULL; c = c->next) {
        for (unsigned i = 0; i < c->count; i++) {
            nb_atom *atom = nb_conjunction_atom(c, i);

            for (uint32_t j = 0; !rule->asleep && j < part_count(atom); j++) {
                part_of(atom, j)->uses++;
            }
        }
        c->rule = rule;
    }
    while (spare != NULL) { /* each carries its conjunction; where it belongs is found again */
        nb_conjunction *c = spare->conjunction;

        each_place(index, c, false, &spare);
    }
    index->rules++;
    index->conjunctions += rule->count;
}

static nb_rule_in *make_rule(nb_index *index, const nb_rule_as *as)
{
    nb_rule_in *rule = nb_arena_zero(&index->arena, sizeof *rule);

    if (rule != NULL) {
        rule->card = as->card;
        rule->born = as->born;
        rule->asleep = as->asleep;
        nb_atomic_init(&rule->died, NB_FOREVER);
        rule->serial = ++index->serial;
    }
    return rule;
}

/* Adds a conjunction to a rule that nobody knows yet, and makes its postings. */
static bool add_conjunction(nb_index *index, nb_rule_in *rule, nb_atom *const *atoms, uint32_t count, nb_posting **spare)
{
    nb_conjunction *conjunction = make_conjunction(index, atoms, count);

    if (conjunction == NULL) {
        return false;
    }
    conjunction->next = rule->first;
    rule->first = conjunction;
    rule->count++;
    return rule->asleep || each_place(index, conjunction, true, spare);
}

/* --------------------------------------------------------------------------------------------------- rules */

/* The atom of a list: its one test, or any of its tests. */
static nb_atom *atom_of_leaf(nb_index *index, nb_field *field, const nb_draft *draft, const nb_leaf *leaf, nb_atom **parts)
{
    const nb_test *tests = nb_draft_test(draft, leaf->first);
    uint32_t count = 0;

    for (uint32_t i = 0; i < leaf->count; i += 1 + tests[i].parts) {
        nb_atom *atom;

        if (tests[i].kind == NB_OTHER) {
            for (uint32_t j = 0; j < tests[i].parts; j++) { /* above the elements so far */
                parts[count + j] = nb_atom_of_test(index, field, &tests[i + 1 + j]);
                if (parts[count + j] == NULL) {
                    return NULL;
                }
            }
            atom = nb_atom_of_parts(index, field, NB_OTHER, parts + count, tests[i].parts);
        } else {
            atom = nb_atom_of_test(index, field, &tests[i]);
        }
        if (atom == NULL) {
            return NULL;
        }
        parts[count++] = atom;
    }
    return nb_atom_of_parts(index, field, NB_ANY, parts, count);
}

/* The atoms of all leaves of a draft, in an array that the caller frees; NULL: out of memory. */
static nb_atom **atoms_of_leaves(nb_index *index, const nb_draft *draft)
{
    size_t room = draft->tests.count + 1u;
    nb_atom **parts = nb_alloc_array(index->heap, room, sizeof(nb_atom *));
    nb_atom **atoms = nb_alloc_array(index->heap, draft->leaves.count + 1u, sizeof(nb_atom *));
    bool done = parts != NULL && atoms != NULL;

    for (uint32_t i = 0; done && i < draft->leaves.count; i++) {
        const nb_leaf *leaf = nb_draft_leaf(draft, i);
        const nb_path *path = nb_draft_path(draft, leaf->path);
        nb_node *node = nb_index_node(index, path->text, path->size);
        nb_field *field = node != NULL ? nb_index_field(index, node) : NULL;

        atoms[i] = field != NULL ? atom_of_leaf(index, field, draft, leaf, parts) : NULL;
        done = atoms[i] != NULL;
    }
    nb_free(index->heap, parts, room * sizeof(nb_atom *));
    if (!done) {
        nb_free(index->heap, atoms, (draft->leaves.count + 1u) * sizeof(nb_atom *));
        return NULL;
    }
    return atoms;
}

nb_rule_in *nb_index_add(nb_index *index, const nb_draft *draft, const nb_rule_as *as)
{
    nb_atom **atoms = atoms_of_leaves(index, draft);
    nb_rule_in *rule = atoms != NULL ? make_rule(index, as) : NULL;
    nb_posting *spare = NULL;
    bool done = rule != NULL;

    for (uint32_t i = draft->combinations.count; done && i-- > 0;) {
        const nb_combination *combination = nb_draft_combination(draft, i);
        nb_atom *of_this[NB_MAX_FIELDS];

        for (uint32_t j = 0; j < combination->count; j++) {
            of_this[j] = atoms[combination->leaves[j]];
        }
        done = add_conjunction(index, rule, of_this, combination->count, &spare);
    }
    if (atoms != NULL) {
        nb_free(index->heap, atoms, (draft->leaves.count + 1u) * sizeof(nb_atom *));
    }
    if (!done) {
        return NULL;
    }
    reveal(index, rule, spare);
    return rule;
}

/* The field of the same path as one of another index. */
static nb_field *same_field(nb_index *index, const nb_field *field)
{
    const nb_node *path[NB_MAX_STEPS];
    nb_node *node = index->root;
    size_t count = 0;

    for (const nb_node *at = field->node; at->depth > 0; at = at->parent) {
        path[count++] = at;
    }
    while (node != NULL && count-- > 0) {
        node = nb_index_step(index, node, path[count]->key, path[count]->size);
    }
    return node != NULL ? nb_index_field(index, node) : NULL;
}

nb_rule_in *nb_index_copy(nb_index *index, const nb_rule_in *rule, const nb_rule_as *as)
{
    nb_rule_in *copy = make_rule(index, as);
    nb_posting *spare = NULL;

    for (const nb_conjunction *c = rule->first; copy != NULL && c != NULL; c = c->next) {
        nb_atom *atoms[NB_MAX_FIELDS];
        bool done = true;

        for (unsigned i = 0; done && i < c->count; i++) {
            nb_atom *atom = nb_conjunction_atom(c, i);
            nb_field *field = same_field(index, atom->field);

            atoms[i] = field != NULL ? nb_atom_copy(index, field, atom) : NULL;
            done = atoms[i] != NULL;
        }
        if (!done || !add_conjunction(index, copy, atoms, c->count, &spare)) {
            return NULL;
        }
    }
    if (copy != NULL) {
        reveal(index, copy, spare);
    }
    return copy;
}
