#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "pattern/editions.h"
#include "pattern/hash.h"
#include "platform/self.h"

#define MIN_GARBAGE 64u /* conjunctions of dead rules before an index is built anew */

/* -------------------------------------------------------------------------------------------------- cards */

static size_t card_block(size_t id_size)
{
    return sizeof(nb_card) + id_size + 1;
}

static void end_card(nb_retired *retired, nb_heap *heap, void *owner)
{
    nb_card *c = (nb_card *)(void *)((char *)retired - offsetof(nb_card, retired));
    nb_matcher *matcher = owner;

    if (matcher->destroy != NULL) {
        matcher->destroy(c->user);
    }
    nb_free(heap, c, card_block(c->id_size));
}

static nb_card *make_card(nb_matcher *matcher, const char *id, size_t id_size, void *user)
{
    nb_card *c = nb_alloc(matcher->heap, card_block(id_size));

    if (c != NULL) {
        *c = (nb_card){ .user = user, .id_size = (uint32_t)id_size };
        memcpy(c->id, id, id_size + 1);
    }
    return c;
}

static uint32_t tag_of(const nb_matcher *matcher, const char *id, size_t id_size)
{
    return nb_hash_bytes(matcher->key, id, id_size);
}

static bool is_alive(const nb_rule_in *rule)
{
    return nb_load_relaxed((_Atomic uint64_t *)(uintptr_t)&rule->died) == NB_FOREVER;
}

/* The living rule of an id; NULL: there is none. */
static nb_rule_in *find_rule(const nb_matcher *matcher, const char *id, size_t id_size)
{
    uint32_t tag = tag_of(matcher, id, id_size);
    uint32_t at = tag;
    nb_rule_in *rule;

    while ((rule = nb_rows_next(nb_table_rows(&matcher->ids), tag, &at)) != NULL) {
        const nb_card *c = is_alive(rule) ? rule->card : NULL; /* the card of a dead one may be gone */

        if (c != NULL && c->id_size == id_size && memcmp(c->id, id, id_size) == 0) {
            return rule;
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ editions */

static void end_edition(nb_retired *retired, nb_heap *heap, void *owner)
{
    nb_edition *e = (nb_edition *)(void *)((char *)retired - offsetof(nb_edition, retired));

    (void)owner;
    nb_index_close(&e->index);
    nb_free(heap, e, sizeof *e);
}

static nb_edition *make_edition(nb_matcher *matcher, size_t grain)
{
    nb_edition *e = nb_alloc_zero(matcher->heap, sizeof *e);

    if (e != NULL && !nb_index_open(&e->index, matcher->heap, &matcher->grace, matcher->key,
                                    matcher->limits.profile == NIMBUS_PROFILE_SNS_ATTRIBUTES, grain)) {
        nb_free(matcher->heap, e, sizeof *e);
        e = NULL;
    }
    return e;
}

/* Copies the living rules into a new edition and a new table of ids. False: out of memory. */
static bool copy_rules(nb_matcher *matcher, nb_edition *to, nb_table *ids)
{
    const nb_rows *rows = nb_table_rows(&matcher->ids);

    for (uint32_t i = 0; i <= rows->mask; i++) {
        const nb_rule_in *rule = nb_load_relaxed(&rows->entries[i]);
        nb_rule_in *copy;

        if (rule == NULL || !is_alive(rule)) {
            continue;
        }
        copy = nb_table_reserve(ids) ? nb_index_copy(&to->index, rule) : NULL;
        if (copy == NULL) {
            return false;
        }
        nb_table_add(ids, nb_load_relaxed(&rows->tags[i]), copy);
    }
    return true;
}

/* Builds the index anew without what dead rules left. Without memory the old one stays, and a later change tries again. */
static void rebuild(nb_matcher *matcher)
{
    nb_edition *old = nb_load_relaxed(&matcher->current);
    nb_edition *e = make_edition(matcher, 2048);
    nb_table ids;

    if (e == NULL) {
        return;
    }
    if (!nb_table_open(&ids, matcher->heap, NULL, (uint32_t)matcher->rules)) {
        end_edition(&e->retired, matcher->heap, matcher);
        return;
    }
    if (!copy_rules(matcher, e, &ids)) {
        nb_table_close(&ids);
        end_edition(&e->retired, matcher->heap, matcher);
        return;
    }
    nb_table_close(&matcher->ids);
    matcher->ids = ids;
    matcher->garbage = 0;
    matcher->rebuilds++;
    nb_store_release(&matcher->current, e); /* pairs with the acquire of a match */
    nb_grace_retire(&matcher->grace, &old->retired, end_edition);
}

/* ------------------------------------------------------------------------------------------------ changes */

nb_matcher *nb_matcher_create(nb_heap *heap, const nb_matcher_spec *spec, nimbus_status *ret_status)
{
    nb_matcher *matcher = nb_alloc_zero(heap, sizeof *matcher);
    const char *field;
    nb_edition *e = NULL;

    if (matcher != NULL) {
        matcher->heap = heap;
        matcher->destroy = spec->destroy;
        nb_draft_limits(spec->patterns, &matcher->limits, &field);
        matcher->key = nb_random_mix((uint64_t)(uintptr_t)matcher ^ nb_random_mix(nb_self_number()));
        nb_grace_open(&matcher->grace, heap, matcher);
        nb_lock_init(&matcher->change);
        if (nb_table_open(&matcher->ids, heap, NULL, 4)) {
            e = make_edition(matcher, 512);
        }
    }
    if (e == NULL) {
        *ret_status = nb_heap_failure(heap, sizeof *matcher);
        if (matcher != NULL) {
            nb_table_close(&matcher->ids);
            nb_lock_fini(&matcher->change);
            nb_free(heap, matcher, sizeof *matcher);
        }
        nb_heap_close(heap);
        return NULL;
    }
    nb_store_release(&matcher->current, e);
    return matcher;
}

void nb_matcher_release(nb_matcher *matcher)
{
    const nb_rows *rows;
    nb_heap *heap;

    if (matcher == NULL) {
        return;
    }
    heap = matcher->heap;
    nb_grace_close(&matcher->grace);
    rows = nb_table_rows(&matcher->ids);
    for (uint32_t i = 0; i <= rows->mask; i++) {
        nb_rule_in *rule = nb_load_relaxed(&rows->entries[i]);

        if (rule != NULL && is_alive(rule)) {
            end_card(&((nb_card *)rule->card)->retired, heap, matcher);
        }
    }
    end_edition(&nb_load_relaxed(&matcher->current)->retired, matcher->heap, matcher);
    for (unsigned i = 0; i < NB_SPARES; i++) {
        nb_scratch *scratch = nb_load_acquire(&matcher->spare[i]);

        if (scratch != NULL) {
            nb_scratch_close(scratch);
            nb_free(heap, scratch, sizeof *scratch);
        }
    }
    nb_table_close(&matcher->ids);
    nb_lock_fini(&matcher->change);
    nb_free(heap, matcher, sizeof *matcher);
    nb_heap_close(heap);
}

static nimbus_status no_memory(nb_matcher *matcher, nimbus_error *err, const char *call)
{
    nimbus_status status = nb_heap_failure(matcher->heap, 64 * 1024) == NIMBUS_E_FULL ? NIMBUS_E_TOO_COMPLEX : NIMBUS_E_NO_MEMORY;

    return nb_error_set(err, status, call, status == NIMBUS_E_TOO_COMPLEX ? "memory_budget" : "pattern", "no memory for one more rule");
}

/* The rule is out of sight for all versions from `version` on. Locked. */
static void bury(nb_matcher *matcher, nb_rule_in *rule, uint64_t version)
{
    nb_store_relaxed(&rule->died, version); /* published with the version */
    matcher->rules--;
    matcher->conjunctions -= rule->count;
    matcher->garbage += rule->count;
}

static nimbus_status insert(nb_matcher *matcher, const nb_draft *draft, nb_card *c)
{
    uint64_t version = nb_load_relaxed(&matcher->version) + 1;
    nb_rule_in *old = find_rule(matcher, c->id, c->id_size);
    nb_card *old_card = old != NULL ? old->card : NULL;
    nb_rule_in *rule;

    c->order = old_card != NULL ? old_card->order : matcher->order;
    rule = nb_table_reserve(&matcher->ids) ? nb_index_add(&nb_load_relaxed(&matcher->current)->index, draft, c, version) : NULL;
    if (rule == NULL) {
        return NIMBUS_E_NO_MEMORY;
    }
    nb_table_add(&matcher->ids, tag_of(matcher, c->id, c->id_size), rule);
    matcher->rules++;
    matcher->conjunctions += rule->count;
    matcher->order += old == NULL;
    if (old != NULL) {
        bury(matcher, old, version);
    }
    nb_store_release(&matcher->version, version); /* pairs with the acquire of a match */
    if (matcher->garbage > matcher->conjunctions + MIN_GARBAGE) {
        rebuild(matcher);
    }
    if (old_card != NULL) {
        nb_grace_retire(&matcher->grace, &old_card->retired, end_card);
    }
    return NIMBUS_OK;
}

nimbus_status nb_matcher_add(nb_matcher *matcher, const char *id, const char *pattern, void *user, nimbus_error *err, const char *call)
{
    nimbus_status status;
    nb_draft draft;
    nb_card *c;

    status = nb_draft_open(&draft, matcher->heap, &matcher->limits, pattern, strlen(pattern), NULL, err, call);
    if (status == NIMBUS_OK) {
        c = make_card(matcher, id, strlen(id), user);
        if (c == NULL) {
            status = no_memory(matcher, err, call);
        } else {
            nb_lock_acquire(&matcher->change);
            status = insert(matcher, &draft, c);
            nb_lock_release(&matcher->change);
            nb_grace_collect(&matcher->grace);
            if (status != NIMBUS_OK) {
                nb_free(matcher->heap, c, card_block(c->id_size));
                status = no_memory(matcher, err, call);
            }
        }
    }
    nb_draft_close(&draft);
    return status == NIMBUS_E_FULL ? NIMBUS_E_TOO_COMPLEX : status;
}

nimbus_status nb_matcher_remove(nb_matcher *matcher, const char *id)
{
    nb_rule_in *rule;
    nb_card *c = NULL;

    nb_lock_acquire(&matcher->change);
    rule = find_rule(matcher, id, strlen(id));
    if (rule != NULL) {
        uint64_t version = nb_load_relaxed(&matcher->version) + 1;

        c = rule->card;
        bury(matcher, rule, version);
        nb_store_release(&matcher->version, version); /* pairs with the acquire of a match */
        if (matcher->garbage > matcher->conjunctions + MIN_GARBAGE) {
            rebuild(matcher);
        }
    }
    if (c != NULL) {
        nb_grace_retire(&matcher->grace, &c->retired, end_card);
    }
    nb_lock_release(&matcher->change);
    nb_grace_collect(&matcher->grace);
    return c != NULL ? NIMBUS_OK : NIMBUS_E_NOT_FOUND;
}

void nb_matcher_metrics(nb_matcher *matcher, nimbus_matcher_metrics *ret)
{
    nimbus_matcher_metrics metrics = { 0 };
    const nb_index *index;

    nb_lock_acquire(&matcher->change);
    index = &nb_load_relaxed(&matcher->current)->index;
    metrics.rules = matcher->rules;
    metrics.combinations = matcher->conjunctions;
    metrics.predicates = index->predicates;
    metrics.paths = index->paths;
    metrics.bytes = nb_heap_bytes(matcher->heap);
    metrics.rebuilds = matcher->rebuilds;
    nb_lock_release(&matcher->change);
    *ret = metrics;
}
