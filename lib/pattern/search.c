/* search.c - matching one event against a matcher. */
#include "pattern/editions.h"
#include "platform/self.h"

/* A scratch nobody else has; without memory it is the caller's own. Acquire: what its last user left in it. */
static nb_scratch *take_scratch(nb_matcher *matcher, unsigned slot, nb_scratch *own)
{
    nb_scratch *scratch = nb_exchange_acquire(&matcher->spare[slot], NULL);

    if (scratch == NULL) {
        scratch = nb_alloc(matcher->heap, sizeof *scratch);
        scratch = scratch != NULL ? scratch : own;
        nb_scratch_open(scratch, matcher->heap);
    } else {
        nb_scratch_clear(scratch);
    }
    return scratch;
}

static void give_scratch(nb_matcher *matcher, unsigned slot, nb_scratch *scratch, const nb_scratch *own)
{
    nb_scratch *other = NULL;

    if (scratch == own) {
        nb_scratch_close(scratch);
    } else if (!nb_cas_strong_acq_rel(&matcher->spare[slot], &other, scratch)) { /* release: pairs with take_scratch() */
        nb_scratch_close(scratch);
        nb_free(matcher->heap, scratch, sizeof *scratch);
    }
}

static uint64_t order_of(const nb_rule_in *rule)
{
    return ((const nb_card *)rule->card)->order;
}

/* Shell's sort: it needs no memory, and most events match few rules. */
static void sort_rules(const nb_rule_in **rules, uint32_t count)
{
    static const uint32_t gaps[] = { 1391376, 463792, 198768, 86961, 33936, 13776, 4592, 1968, 861, 336, 112, 48, 21, 7, 3, 1 };

    for (size_t g = 0; count > 1 && g < sizeof gaps / sizeof gaps[0]; g++) {
        for (uint32_t i = gaps[g]; i < count; i++) {
            const nb_rule_in *rule = rules[i];
            uint32_t j = i;

            for (; j >= gaps[g] && order_of(rules[j - gaps[g]]) > order_of(rule); j -= gaps[g]) {
                rules[j] = rules[j - gaps[g]];
            }
            rules[j] = rule;
        }
    }
}

static nimbus_status find_matches(nb_matcher *matcher, nb_scratch *scratch, const nb_subject *subject)
{
    /*
     * The edition first. One that has been replaced by then shows what was true when it was, whatever the version: its rules neither come
     * nor go any more. The other way round an edition could lack rules that were there in an older version.
     */
    const nb_index *index = &nb_load_acquire(&matcher->current)->index;
    uint64_t version = nb_load_acquire(&matcher->version);
    bool keyless = subject->flat && subject->count == 0; /* policies with keys match no message without attributes */
    bool body = matcher->limits.profile == NIMBUS_PROFILE_SNS_BODY;
    nimbus_status status;

    status = subject->flat              ? nb_walk_attributes(index, scratch, subject->attributes, subject->count)
             : subject->members != NULL ? nb_walk_members(index, scratch, subject->members, subject->member_count)
                                        : nb_walk(index, scratch, subject->json, subject->size, subject->trusted);
    if (status == NIMBUS_E_JSON && body) { /* only policies without keys take what is no JSON */
        nb_scratch_clear(scratch);
        keyless = true;
        status = NIMBUS_OK;
    }
    return status == NIMBUS_OK ? nb_judge(index, scratch, version, keyless) : status;
}

nimbus_status nb_matcher_match(nb_matcher *matcher, const nb_subject *subject, nimbus_matcher_visit_fn *visit, void *user,
                               size_t *ret_count)
{
    unsigned slot = (unsigned)((nb_self_number() >> 12) * UINT32_C(0x9e3779b1) >> 16) % NB_SPARES;
    nb_scratch *scratch;
    nb_scratch own;
    uint32_t ticket;
    nimbus_status status;
    uint32_t count = 0;

    if ((matcher->limits.profile == NIMBUS_PROFILE_SNS_ATTRIBUTES) != subject->flat) {
        return NIMBUS_E_INVALID;
    }
    scratch = take_scratch(matcher, slot, &own);
    ticket = nb_grace_enter(&matcher->grace);
    status = find_matches(matcher, scratch, subject);
    if (status == NIMBUS_OK) {
        const nb_rule_in **rules = (const nb_rule_in **)scratch->rules.items;
        bool more = true;

        sort_rules(rules, visit != NULL ? scratch->rules.count : 0);
        for (; count < scratch->rules.count && more; count++) {
            const nb_card *c = rules[count]->card;
            nimbus_matched matched = { c->id, c->user };

            more = visit == NULL || visit(&matched, user);
        }
    }
    if (subject->ret_steps != NULL) {
        *subject->ret_steps = scratch->steps;
    }
    nb_grace_leave(&matcher->grace, ticket);
    give_scratch(matcher, slot, scratch, &own);
    if (status == NIMBUS_OK && ret_count != NULL) {
        *ret_count = count;
    }
    return status;
}

