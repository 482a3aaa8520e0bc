/*
 * match.h - one event against an index: walking through the event, then judging the conjunctions whose atoms fired.
 */
#ifndef NB_PATTERN_MATCH_H
#define NB_PATTERN_MATCH_H

#include "pattern/fire.h"
#include "pattern/member.h"

/* Walks through a JSON text. NIMBUS_E_JSON: malformed or no object; NIMBUS_E_NO_MEMORY. trusted: as in nimbus_match_options. */
nimbus_status nb_walk(const nb_index *index, nb_scratch *scratch, const void *json, size_t size, bool trusted);

/* The same from the value of a node on. bare: it may be an array, too, and scalars of the node itself do not count. */
nimbus_status nb_walk_at(const nb_index *index, nb_scratch *scratch, const nb_node *node, const void *json, size_t size, bool bare);

/* The same with an event in parts: member.h. */
nimbus_status nb_walk_members(const nb_index *index, nb_scratch *scratch, const nb_member *members, size_t count);

/* The same with attributes in the place of members. */
nimbus_status nb_walk_attributes(const nb_index *index, nb_scratch *scratch, const nimbus_attribute *attributes, size_t count);

/*
 * After a walk: fills scratch->rules with the rules of a version that match, in no order; keyless: of those without paths.
 * NIMBUS_E_NO_MEMORY.
 */
nimbus_status nb_judge(const nb_index *index, nb_scratch *scratch, uint64_t version, bool keyless);

/* Whether a conjunction holds for the event of the scratch. */
bool nb_conjunction_judge(nb_scratch *scratch, const nb_conjunction *conjunction);

/* Whether a value, by what it fired, satisfies an atom. */
bool nb_found_satisfies(nb_scratch *scratch, const nb_found *found, const nb_atom *atom);

/* consistency.c: whether a conjunction holds with values that lie in the same elements of arrays. */
bool nb_consistent(nb_scratch *scratch, const nb_conjunction *conjunction);

/* twins.c: the same for events that name a path twice. absent: lists that absence satisfies; all: all lists. */
bool nb_consistent_twins(nb_scratch *scratch, const nb_conjunction *conjunction, uint64_t absent, uint64_t all);

#endif
