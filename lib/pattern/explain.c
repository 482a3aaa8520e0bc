/*
 * explain.c - why an event matches a pattern, or what is nearest to it. Nobody waits for it: it reads the event a second time for the
 * values, and compiles the text of the pattern again for its paths and lists.
 */
#include <stdio.h>
#include <string.h>

#include "pattern/single.h"

/* What an event has at a path. */
typedef struct spot {
    const char *value; /* the value that satisfies the list, or the first one; NULL: none */
    size_t size;
    bool met;
} spot;

typedef struct explainer {
    const nb_pattern *pattern;
    const char *json;
    nb_scratch scratch;
    nb_draft draft;
    spot spots[NB_MAX_FIELDS];
    bool match;
    bool unreadable; /* a body that is no JSON object: nothing matches but a policy without keys */
} explainer;

/* The conjunction of a combination: they were added from the last to the first, each before the others. */
static const nb_conjunction *conjunction_of(const nb_rule_in *rule, uint32_t combination)
{
    const nb_conjunction *c = rule->first;

    while (combination-- > 0) {
        c = c->next;
    }
    return c;
}

/* Fills the spots of a conjunction. */
static void look(explainer *e, const nb_conjunction *c)
{
    memset(e->spots, 0, sizeof e->spots);
    for (uint32_t i = 0; i < e->scratch.found.count; i++) {
        const nb_found *found = nb_found_at(&e->scratch, i);

        for (unsigned j = 0; j < c->count; j++) {
            const nb_atom *atom = nb_conjunction_atom(c, j);
            spot *s = &e->spots[j];
            bool met = atom->field == found->field && nb_found_satisfies(&e->scratch, found, atom);

            if (atom->field == found->field && (s->value == NULL || (met && !s->met))) {
                s->value = e->json + found->at;
                s->size = found->size;
                s->met = met;
            }
        }
    }
}

static nimbus_verdict verdict_of(const explainer *e, const spot *s, const nb_atom *atom)
{
    if (e->match || s->met || (s->value == NULL && nb_atom_takes_absence(atom) && !e->unreadable)) {
        return NIMBUS_FIELD_MATCHES;
    }
    if (s->value == NULL) {
        return NIMBUS_FIELD_ABSENT;
    }
    return atom->kind == NB_ABSENT ? NIMBUS_FIELD_PRESENT : NIMBUS_FIELD_DIFFERS;
}

static uint32_t count_failed(explainer *e, const nb_conjunction *c)
{
    uint32_t failed = 0;

    look(e, c);
    for (unsigned i = 0; i < c->count; i++) {
        failed += verdict_of(e, &e->spots[i], nb_conjunction_atom(c, i)) != NIMBUS_FIELD_MATCHES;
    }
    return failed;
}

/* A list or value in a reason: at most 40 bytes, and whole characters. */
static int clip(const char *text, size_t size)
{
    if (size > 40) {
        size = 40;
        while (size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80) {
            size--;
        }
    }
    return (int)size;
}

static void write_reason(nimbus_field_report *report)
{
    const char *value = report->value.data;
    const char *list = report->list.data;

    if (report->value.size == 0) {
        snprintf(report->reason, sizeof report->reason,
                 report->verdict == NIMBUS_FIELD_ABSENT ? "the event has no value here" : "the event has no value here, which is wanted");
        return;
    }
    switch (report->verdict) { /* the format must be a literal for the compiler to check it */
    case NIMBUS_FIELD_DIFFERS:
        snprintf(report->reason, sizeof report->reason, "%.*s does not satisfy %.*s", clip(value, report->value.size), value,
                 clip(list, report->list.size), list);
        break;
    case NIMBUS_FIELD_PRESENT:
        snprintf(report->reason, sizeof report->reason, "%.*s is there, and no value is wanted", clip(value, report->value.size), value);
        break;
    case NIMBUS_FIELD_ELSEWHERE:
        snprintf(report->reason, sizeof report->reason,
                 "%.*s satisfies the list, but no element of an array has all the fields that it must have",
                 clip(value, report->value.size), value);
        break;
    default:
        snprintf(report->reason, sizeof report->reason, "%.*s satisfies %.*s", clip(value, report->value.size), value,
                 clip(list, report->list.size), list);
        break;
    }
}

static nimbus_field_report report_of(const explainer *e, const nb_conjunction *c, const nb_combination *combination, unsigned i)
{
    const nb_leaf *leaf = nb_draft_leaf(&e->draft, combination->leaves[i]);
    const nb_path *path = nb_draft_path(&e->draft, leaf->path);
    const spot *s = &e->spots[i];
    bool elsewhere = e->match && !s->met; /* it is there, but not in the elements in which the match lies */
    nimbus_field_report report = { .path = path->text, .verdict = verdict_of(e, s, nb_conjunction_atom(c, i)),
                                   .list = { e->pattern->text + leaf->offset, leaf->end - leaf->offset },
                                   .value = { elsewhere ? NULL : s->value, elsewhere ? 0 : s->size }, .list_offset = leaf->offset,
                                   .value_offset = s->value != NULL && !elsewhere ? (size_t)(s->value - e->json) : SIZE_MAX };

    return report;
}

/* Whether the field lies below an array whose elements matter: where all fields match alone and not together, one of those is to blame. */
static bool lies_in_array(const explainer *e, const nb_conjunction *c, const nb_atom *atom)
{
    for (unsigned i = 0; i < c->shared; i++) {
        const nb_node *node = nb_conjunction_shared(c, i);
        const nb_node *at = atom->field->node;

        while (at->depth > node->depth) {
            at = at->parent;
        }
        if (at == node && nb_mark_get(&e->scratch, node->serial) != NB_NONE) {
            return true;
        }
    }
    return false;
}

static void tell(explainer *e, const nb_conjunction *c, const nb_combination *combination, nimbus_explain_fn *visit, void *user,
                 nimbus_explanation *ret)
{
    bool apart = !ret->match && count_failed(e, c) == 0; /* each field matches, but not in the same elements */

    look(e, c);
    ret->fields = c->count;
    ret->failed = 0;
    for (unsigned i = 0; i < c->count; i++) {
        nimbus_field_report report = report_of(e, c, combination, i);

        if (apart && lies_in_array(e, c, nb_conjunction_atom(c, i))) {
            report.verdict = NIMBUS_FIELD_ELSEWHERE;
        }
        ret->failed += report.verdict != NIMBUS_FIELD_MATCHES;
        write_reason(&report);
        if (visit != NULL) {
            visit(&report, user);
        }
    }
}

/* The combination that matches, or the one with the fewest fields that do not. */
static uint32_t choose(explainer *e, const nb_rule_in *rule)
{
    const nb_conjunction *c = rule->first;
    uint32_t best = 0, fewest = UINT32_MAX;

    for (uint32_t i = 0; c != NULL; i++, c = c->next) {
        uint32_t failed;

        if ((!e->unreadable || c->count == 0) && nb_conjunction_judge(&e->scratch, c)) {
            e->match = true;
            return i;
        }
        failed = count_failed(e, c);
        if (failed < fewest) {
            fewest = failed;
            best = i;
        }
    }
    return best;
}

nimbus_status nb_pattern_explain(const nb_pattern *pattern, const void *json, size_t size, nimbus_explain_fn *visit, void *user,
                                 nimbus_explanation *ret)
{
    nimbus_explanation answer = { 0 };
    nimbus_status status;
    explainer *e;

    if (pattern->limits.profile == NIMBUS_PROFILE_SNS_ATTRIBUTES) {
        return NIMBUS_E_INVALID;
    }
    e = nb_alloc(pattern->heap, sizeof *e);
    if (e == NULL) {
        return nb_heap_failure(pattern->heap, sizeof *e);
    }
    e->pattern = pattern;
    e->json = json;
    e->match = e->unreadable = false;
    nb_scratch_open(&e->scratch, pattern->heap);
    status = nb_walk(&pattern->index, &e->scratch, json, size, false);
    if (status == NIMBUS_E_JSON && pattern->limits.profile == NIMBUS_PROFILE_SNS_BODY) {
        nb_scratch_clear(&e->scratch);
        e->unreadable = true;
        status = NIMBUS_OK;
    }
    if (status == NIMBUS_OK) {
        status = nb_draft_open(&e->draft, pattern->heap, &pattern->limits, pattern->text, pattern->text_size, NULL, NULL, "");
        if (status == NIMBUS_OK) {
            answer.combinations = pattern->rule->count;
            answer.combination = choose(e, pattern->rule);
            answer.match = e->match;
            status = e->scratch.starved ? NIMBUS_E_NO_MEMORY : NIMBUS_OK; /* judging took room, too */
        }
        if (status == NIMBUS_OK) {
            tell(e, conjunction_of(pattern->rule, answer.combination), nb_draft_combination(&e->draft, answer.combination), visit, user,
                 &answer);
        }
        nb_draft_close(&e->draft);
    }
    nb_scratch_close(&e->scratch);
    nb_free(pattern->heap, e, sizeof *e);
    if (status == NIMBUS_OK && ret != NULL) {
        *ret = answer;
    }
    return status;
}
