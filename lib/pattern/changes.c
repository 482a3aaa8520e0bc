/* changes.c - rules of a matcher come, change and go. */
#include "base/error.h"
#include "pattern/editions.h"
#include "pattern/single.h"

#define MIN_GARBAGE 64u /* conjunctions of dead rules before an index is built anew */

/* The rule is out of sight for all versions from `version` on. Locked. */
static void bury(nb_matcher *matcher, nb_rule_in *rule, uint64_t version)
{
    nb_store_relaxed(&rule->died, version); /* published with the version */
    matcher->rules--;
    matcher->conjunctions -= rule->count;
    matcher->garbage += rule->count;
}

/* All changes up to a version are public. Locked. */
static void publish(nb_matcher *matcher, uint64_t version)
{
    nb_store_release(&matcher->version, version); /* pairs with the acquire of a match */
    if (matcher->garbage > matcher->conjunctions + MIN_GARBAGE) {
        nb_matcher_rebuild(matcher);
    }
}

/* A rule under a new card, in the place of the one of the same id. draft NULL: with the pattern of `from`. Locked. False: out of memory. */
static bool insert(nb_matcher *matcher, const nb_draft *draft, const nb_rule_in *from, nb_rule_in *old, nb_card *c, bool asleep)
{
    nb_index *index = &nb_load_relaxed(&matcher->current)->index;
    nb_card *old_card = old != NULL ? old->card : NULL;
    nb_rule_as as = { c, nb_load_relaxed(&matcher->version) + 1, asleep };
    nb_rule_in *rule = NULL;

    c->order = old_card != NULL ? old_card->order : matcher->order;
    if (nb_table_reserve(&matcher->ids)) {
        rule = draft != NULL ? nb_index_add(index, draft, &as) : nb_index_copy(index, from, &as);
    }
    if (rule == NULL) {
        return false;
    }
    nb_table_add(&matcher->ids, nb_matcher_tag(matcher, c->id), rule);
    matcher->rules++;
    matcher->conjunctions += rule->count;
    matcher->order += old == NULL;
    if (old != NULL) {
        bury(matcher, old, as.born);
    }
    publish(matcher, as.born);
    if (old_card != NULL) {
        nb_grace_retire(&matcher->grace, &old_card->retired, nb_card_end);
    }
    return true;
}

/* With the pattern of a draft, of a rule `from`, or else of the rule that has the id: NIMBUS_E_NOT_FOUND. */
static nimbus_status put(nb_matcher *matcher, const char *id, const nb_draft *draft, const nb_rule_in *from, void *user, bool asleep)
{
    nb_card *c = nb_card_make(matcher, id, user);
    nimbus_status status = NIMBUS_OK;
    nb_rule_in *old;

    if (c == NULL) {
        return NIMBUS_E_NO_MEMORY;
    }
    nb_lock_acquire(&matcher->change);
    old = nb_matcher_rule(matcher, id);
    if (draft == NULL && from == NULL && old == NULL) {
        status = NIMBUS_E_NOT_FOUND;
    } else if (!insert(matcher, draft, from != NULL ? from : old, old, c, asleep)) {
        status = NIMBUS_E_NO_MEMORY;
    }
    nb_lock_release(&matcher->change);
    if (status != NIMBUS_OK) {
        nb_card_free(matcher, c);
    }
    return status;
}

nimbus_status nb_matcher_draft(nb_matcher *matcher, const char *pattern, nb_draft **ret, nimbus_error *err, const char *call)
{
    nb_draft *draft = nb_alloc(matcher->heap, sizeof *draft);
    nimbus_status status;

    if (draft == NULL) {
        return nb_error_set(err, nb_heap_failure(matcher->heap, sizeof *draft), call, "pattern", "out of memory");
    }
    status = nb_draft_open(draft, matcher->heap, &matcher->limits, pattern, strlen(pattern), NULL, err, call);
    if (status != NIMBUS_OK) {
        nb_matcher_draft_free(matcher, draft);
        return status;
    }
    *ret = draft;
    return NIMBUS_OK;
}

void nb_matcher_draft_free(nb_matcher *matcher, nb_draft *draft)
{
    if (draft != NULL) {
        nb_draft_close(draft);
        nb_free(matcher->heap, draft, sizeof *draft);
    }
}

nimbus_status nb_matcher_put(nb_matcher *matcher, const char *id, const nb_draft *draft, void *user, bool asleep)
{
    return put(matcher, id, draft, NULL, user, asleep);
}

nimbus_status nb_matcher_put_pattern(nb_matcher *matcher, const char *id, const nb_pattern *pattern, void *user)
{
    return put(matcher, id, NULL, pattern->rule, user, false);
}

nimbus_status nb_matcher_exchange(nb_matcher *matcher, const char *id, void *user, bool asleep)
{
    return put(matcher, id, NULL, NULL, user, asleep);
}

nimbus_status nb_matcher_failure(nb_matcher *matcher)
{
    const nb_index *index;
    size_t most;

    nb_lock_acquire(&matcher->change);
    index = &nb_load_relaxed(&matcher->current)->index;
    most = nb_table_bytes(&index->atoms) > nb_table_bytes(&index->nodes) ? nb_table_bytes(&index->atoms) : nb_table_bytes(&index->nodes);
    most = nb_table_bytes(&matcher->ids) > most ? nb_table_bytes(&matcher->ids) : most;
    most = index->arena.grain > most * 2 ? index->arena.grain : most * 2; /* a table that grows is twice as large */
    nb_lock_release(&matcher->change);
    return nb_heap_failure(matcher->heap, most);
}

static nimbus_status no_memory(nb_matcher *matcher, nimbus_error *err, const char *call)
{
    nimbus_status status = nb_matcher_failure(matcher) == NIMBUS_E_FULL ? NIMBUS_E_TOO_COMPLEX : NIMBUS_E_NO_MEMORY;

    return nb_error_set(err, status, call, status == NIMBUS_E_TOO_COMPLEX ? "memory_budget" : "pattern", "no memory for one more rule");
}

nimbus_status nb_matcher_add(nb_matcher *matcher, const char *id, const char *pattern, void *user, nimbus_error *err, const char *call)
{
    nimbus_status status;
    nb_draft draft;

    status = nb_draft_open(&draft, matcher->heap, &matcher->limits, pattern, strlen(pattern), NULL, err, call);
    if (status == NIMBUS_OK && put(matcher, id, &draft, NULL, user, false) != NIMBUS_OK) {
        status = no_memory(matcher, err, call);
    }
    nb_draft_close(&draft);
    nb_matcher_sweep(matcher);
    if (status == NIMBUS_E_FULL) { /* the budget was too small for the draft already */
        status = NIMBUS_E_TOO_COMPLEX;
        if (err != NULL) {
            err->status = status;
            nb_error_rename(err, "memory_budget");
        }
    }
    return status;
}

nimbus_status nb_matcher_take_out(nb_matcher *matcher, const char *id)
{
    nb_rule_in *rule;
    nb_card *c = NULL;

    nb_lock_acquire(&matcher->change);
    rule = nb_matcher_rule(matcher, id);
    if (rule != NULL) {
        uint64_t version = nb_load_relaxed(&matcher->version) + 1;

        c = rule->card;
        bury(matcher, rule, version);
        publish(matcher, version);
    }
    if (c != NULL) {
        nb_grace_retire(&matcher->grace, &c->retired, nb_card_end);
    }
    nb_lock_release(&matcher->change);
    return c != NULL ? NIMBUS_OK : NIMBUS_E_NOT_FOUND;
}

nimbus_status nb_matcher_remove(nb_matcher *matcher, const char *id)
{
    nimbus_status status = nb_matcher_take_out(matcher, id);

    nb_matcher_sweep(matcher);
    return status;
}

void nb_matcher_clear(nb_matcher *matcher)
{
    const nb_rows *rows;
    uint64_t version;

    nb_lock_acquire(&matcher->change);
    rows = nb_table_rows(&matcher->ids);
    version = nb_load_relaxed(&matcher->version) + 1;
    for (uint32_t i = 0; i <= rows->mask; i++) {
        nb_rule_in *rule = nb_load_relaxed(&rows->entries[i]);

        if (rule != NULL && nb_rule_lives(rule)) {
            bury(matcher, rule, version);
        }
    }
    nb_store_release(&matcher->version, version); /* pairs with the acquire of a match */
    for (uint32_t i = 0; i <= rows->mask; i++) {
        const nb_rule_in *rule = nb_load_relaxed(&rows->entries[i]);

        if (rule != NULL && nb_load_relaxed((_Atomic uint64_t *)(uintptr_t)&rule->died) == version) {
            nb_grace_retire(&matcher->grace, &((nb_card *)rule->card)->retired, nb_card_end);
        }
    }
    nb_lock_release(&matcher->change);
}

void nb_matcher_sweep(nb_matcher *matcher)
{
    nb_grace_collect(&matcher->grace);
}
