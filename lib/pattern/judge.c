/*
 * judge.c - which conjunctions hold, of those that hang under an atom that fired.
 *
 * A test of absence or of "anything but" is judged here, from what the values of its field fired; the answer is marked, so that rules
 * which share it do not ask twice. Where the elements of an array matter to a conjunction, consistency.c has the last word.
 */
#include "pattern/match.h"

#define LOAD(place) nb_load_acquire((__typeof__(&(place)))(uintptr_t)&(place))

enum { ANSWER_NO = 0, ANSWER_YES = 1 };

#define JUDGED (UINT32_MAX - 1) /* the second mark of an atom whose postings were judged */

/* Whether serial is among parts, which are ordered by it. */
static bool holds_part(const nb_atom *atom, uint32_t serial)
{
    nb_atom *const *parts = nb_atom_parts(atom);
    uint32_t low = 0, high = nb_atom_part_count(atom);

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (parts[middle]->serial < serial) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < nb_atom_part_count(atom) && parts[low]->serial == serial;
}

static bool fired_part_of(nb_scratch *scratch, const nb_found *found, const nb_atom *atom)
{
    for (uint32_t i = found->fired; i < found->fired_end; i++) {
        scratch->steps++;
        if (holds_part(atom, nb_fired_at(scratch, i)->serial)) {
            return true;
        }
    }
    return false;
}

static bool fired_atom(nb_scratch *scratch, const nb_found *found, const nb_atom *atom)
{
    for (uint32_t i = found->fired; i < found->fired_end; i++) {
        scratch->steps++;
        if (nb_fired_at(scratch, i) == atom) {
            return true;
        }
    }
    return false;
}

bool nb_found_satisfies(nb_scratch *scratch, const nb_found *found, const nb_atom *atom)
{
    if (found->dead) {
        return false;
    }
    switch (atom->kind) {
    case NB_ABSENT:
        return false;
    case NB_OTHER:
        return !fired_part_of(scratch, found, atom);
    case NB_ANY:
        for (uint32_t i = 0; i < nb_atom_part_count(atom); i++) {
            if (nb_found_satisfies(scratch, found, nb_atom_parts(atom)[i])) {
                return true;
            }
        }
        return false;
    default:
        return fired_atom(scratch, found, atom);
    }
}

/* Whether some value of the event is none that anything-but excludes. */
static bool other_holds(nb_scratch *scratch, const nb_atom *atom)
{
    uint32_t known = nb_mark_get(scratch, atom->serial);
    bool holds = false;

    if (known != NB_NONE) {
        return known == ANSWER_YES;
    }
    for (uint32_t i = nb_mark_get(scratch, atom->field->serial); i != NB_NONE && !holds; i = nb_found_at(scratch, i)->next) {
        holds = !nb_found_at(scratch, i)->dead && !fired_part_of(scratch, nb_found_at(scratch, i), atom);
    }
    nb_mark_set(scratch, atom->serial, holds ? ANSWER_YES : ANSWER_NO);
    return holds;
}

/* maybe: absence is taken for granted, since elements of arrays will be looked at. */
static bool atom_holds(nb_scratch *scratch, const nb_atom *atom, bool maybe)
{
    scratch->steps++;
    switch (atom->kind) {
    case NB_ABSENT:
        return maybe || nb_mark_get(scratch, atom->field->serial) == NB_NONE;
    case NB_OTHER:
        return other_holds(scratch, atom);
    case NB_ANY:
        for (uint32_t i = 0; i < nb_atom_part_count(atom); i++) {
            if (atom_holds(scratch, nb_atom_parts(atom)[i], maybe)) {
                return true;
            }
        }
        return false;
    default:
        return nb_mark_get(scratch, atom->serial) != NB_NONE;
    }
}

/* Whether the event has an array whose elements matter to a conjunction. */
static bool has_elements(const nb_scratch *scratch, const nb_conjunction *conjunction)
{
    for (unsigned i = 0; scratch->arrays.count != 0 && i < conjunction->shared; i++) {
        if (nb_mark_get(scratch, nb_conjunction_shared(conjunction, i)->serial) != NB_NONE) {
            return true;
        }
    }
    return false;
}

/* known: the list that holds anyway; conjunction->count: none. */
static bool holds(nb_scratch *scratch, const nb_conjunction *conjunction, unsigned known)
{
    bool elements = has_elements(scratch, conjunction);

    for (unsigned i = 0; i < conjunction->count; i++) {
        if (i != known && !atom_holds(scratch, nb_conjunction_atom(conjunction, i), elements)) {
            return false;
        }
    }
    return !elements || nb_consistent(scratch, conjunction);
}

bool nb_conjunction_judge(nb_scratch *scratch, const nb_conjunction *conjunction)
{
    return holds(scratch, conjunction, conjunction->count);
}

/* Of an atom that holds. What hangs under one list hangs under its parts: so that list holds. */
static void judge_postings(nb_scratch *scratch, const nb_posting *posting, uint64_t version)
{
    for (; posting != NULL; posting = posting->next) {
        const nb_rule_in *rule = posting->conjunction->rule;

        scratch->steps++;
        if (rule->born > version || nb_load_relaxed((_Atomic uint64_t *)(uintptr_t)&rule->died) <= version) {
            continue; /* a death that is not seen yet has a version above this reader's */
        }
        if (rule->count > 1 && nb_mark_get(scratch, rule->serial) != NB_NONE) {
            continue; /* another conjunction of it was enough */
        }
        if (holds(scratch, posting->conjunction, posting->conjunction->hung) && nb_mark_get(scratch, rule->serial) == NB_NONE &&
            nb_space_has(scratch, &scratch->rules, 1, sizeof rule)) {
            ((const nb_rule_in **)scratch->rules.items)[scratch->rules.count++] = rule;
            nb_mark_set(scratch, rule->serial, ANSWER_YES);
        }
    }
}

/* Anything-but and absence, under which conjunctions hang, fire by being judged. */
static void judge_links(nb_scratch *scratch, const nb_link *link, uint64_t version)
{
    for (; link != NULL; link = link->next) {
        if (atom_holds(scratch, link->atom, false)) {
            judge_postings(scratch, LOAD(link->atom->postings), version);
        }
    }
}

nimbus_status nb_judge(const nb_index *index, nb_scratch *scratch, uint64_t version, bool keyless)
{
    for (uint32_t i = 0; !keyless && i < scratch->fired.count; i++) {
        const nb_atom *atom = nb_fired_at(scratch, i);
        const nb_posting *postings = LOAD(atom->postings);

        /* Once, however many values fired it. No value is tried any more, so the second mark is free for this. */
        if (postings != NULL && nb_mark_get(scratch, nb_second(atom->serial)) != JUDGED) {
            nb_mark_set(scratch, nb_second(atom->serial), JUDGED);
            judge_postings(scratch, postings, version);
        }
    }
    for (uint32_t i = 0; !keyless && i < scratch->found.count; i++) {
        const nb_found *found = nb_found_at(scratch, i);

        if (found->next == NB_NONE) { /* the first one of its field: once for each field */
            judge_links(scratch, LOAD(found->field->others), version);
        }
    }
    if (!keyless) {
        judge_links(scratch, LOAD(index->absent), version);
    }
    judge_postings(scratch, LOAD(index->always), version);
    return scratch->starved ? NIMBUS_E_NO_MEMORY : NIMBUS_OK;
}
