/* matcher.c - the matcher as a thing: its rules by id, its editions, its beginning and end. */
#include <stddef.h>
#include <string.h>

#include "base/number.h"
#include "pattern/editions.h"
#include "pattern/hash.h"
#include "platform/self.h"

/* -------------------------------------------------------------------------------------------------- cards */

static size_t card_block(size_t id_size)
{
    return sizeof(nb_card) + id_size + 1;
}

void nb_card_free(nb_matcher *matcher, nb_card *card)
{
    nb_free(matcher->heap, card, card_block(card->id_size));
}

void nb_card_end(nb_retired *retired, nb_heap *heap, void *owner)
{
    nb_card *c = (nb_card *)(void *)((char *)retired - offsetof(nb_card, retired));
    nb_matcher *matcher = owner;

    if (matcher->destroy != NULL) {
        matcher->destroy(c->user);
    }
    (void)heap;
    nb_card_free(matcher, c);
}

nb_card *nb_card_make(nb_matcher *matcher, const char *id, void *user)
{
    size_t id_size = strlen(id);
    nb_card *c = nb_alloc(matcher->heap, card_block(id_size));

    if (c != NULL) {
        *c = (nb_card){ .user = user, .id_size = (uint32_t)id_size };
        memcpy(c->id, id, id_size + 1);
    }
    return c;
}

uint32_t nb_matcher_tag(const nb_matcher *matcher, const char *id)
{
    return nb_hash_bytes(matcher->key, id, strlen(id));
}

nb_rule_in *nb_matcher_rule(const nb_matcher *matcher, const char *id)
{
    uint32_t tag = nb_matcher_tag(matcher, id);
    size_t id_size = strlen(id);
    uint32_t at = tag;
    nb_rule_in *rule;

    while ((rule = nb_rows_next(nb_table_rows(&matcher->ids), tag, &at)) != NULL) {
        const nb_card *c = nb_rule_lives(rule) ? rule->card : NULL; /* the card of a dead one may be gone */

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

        if (rule == NULL || !nb_rule_lives(rule)) {
            continue;
        }
        copy = nb_table_reserve(ids)
                   ? nb_index_copy(&to->index, rule, &(nb_rule_as){ .card = rule->card, .born = rule->born, .asleep = rule->asleep })
                   : NULL;
        if (copy == NULL) {
            return false;
        }
        nb_table_add(ids, nb_load_relaxed(&rows->tags[i]), copy);
    }
    return true;
}

void nb_matcher_rebuild(nb_matcher *matcher)
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

/* ---------------------------------------------------------------------------------- beginning and end */

static void close_heap(nb_heap *heap, bool inside)
{
    if (!inside) {
        nb_heap_close(heap);
    }
}

nb_matcher *nb_matcher_create(nb_heap *heap, const nb_matcher_spec *spec, nimbus_status *ret_status)
{
    nb_matcher *matcher = nb_alloc_zero(heap, sizeof *matcher);
    const char *field;
    nb_edition *e = NULL;

    if (matcher != NULL) {
        matcher->heap = heap;
        matcher->destroy = spec->destroy;
        matcher->inside = spec->inside;
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
        close_heap(heap, spec->inside);
        return NULL;
    }
    nb_store_release(&matcher->current, e);
    return matcher;
}

void nb_matcher_release(nb_matcher *matcher)
{
    const nb_rows *rows;
    nb_heap *heap;
    bool inside;

    if (matcher == NULL) {
        return;
    }
    heap = matcher->heap;
    nb_grace_close(&matcher->grace);
    rows = nb_table_rows(&matcher->ids);
    for (uint32_t i = 0; i <= rows->mask; i++) {
        nb_rule_in *rule = nb_load_relaxed(&rows->entries[i]);

        if (rule != NULL && nb_rule_lives(rule)) {
            nb_card_end(&((nb_card *)rule->card)->retired, heap, matcher);
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
    inside = matcher->inside;
    nb_free(heap, matcher, sizeof *matcher);
    close_heap(heap, inside);
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

void *nb_matcher_get(nb_matcher *matcher, const char *id)
{
    const nb_rule_in *rule = nb_matcher_rule(matcher, id);

    return rule != NULL ? ((const nb_card *)rule->card)->user : NULL;
}

void *nb_matcher_next(nb_matcher *matcher, uint32_t *at)
{
    const nb_rows *rows = nb_table_rows(&matcher->ids);

    while (*at <= rows->mask) {
        const nb_rule_in *rule = nb_load_relaxed(&rows->entries[(*at)++]);

        if (rule != NULL && nb_rule_lives(rule)) {
            return ((const nb_card *)rule->card)->user;
        }
    }
    return NULL;
}
