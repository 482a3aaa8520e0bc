/*
 * act_bus.c - who puts events on a bus, and who makes, changes and ends its rules. A rule has a pattern and targets, whose inputs are the
 * event, a part of it, a constant, or made by a template.
 */
#include <stdio.h>
#include <string.h>

#include "world.h"

void act_put(world *w)
{
    n_message message = { .tag = ++w->tags };
    nimbus_event event = { .source = "sim", .detail_type = "event" };
    nimbus_put_result found;
    n_put_counts wanted;
    char detail[128], kind[32] = "";
    nimbus_status status;

    message.kind = below(w, 5);
    message.number = (int32_t)below(w, 60);
    if (message.kind != 0) {
        snprintf(kind, sizeof kind, ",\"kind\":\"%c\"", (char)('a' + (int)message.kind - 1));
    }
    snprintf(detail, sizeof detail, "{\"tag\":\"t%llue\",\"n\":%d%s}", (unsigned long long)message.tag, message.number, kind);
    event.detail = (nimbus_bytes){ detail, strlen(detail) };
    n_put(&w->m, &message, nimbus_now(w->nb), &wanted);
    status = nimbus_bus_put(w->bus, &event, &found);
    w->messages++;
    digest(w, found.id.number ^ found.matched);
    HOLDS(N2, status == NIMBUS_OK && found.rules == wanted.rules && found.matched == wanted.matched,
          "event %llu: %s, %u rules with %u targets, the model says %u with %u", (unsigned long long)message.tag,
          nimbus_status_name(status), found.rules, found.matched, wanted.rules, wanted.matched);
    HOLDS(N1, found.delivered == wanted.delivered && found.pending == wanted.pending &&
          found.failed == wanted.matched - wanted.delivered - wanted.pending,
          "event %llu: %u delivered, %u pending, %u failed; the model says %u and %u", (unsigned long long)message.tag, found.delivered,
          found.pending, found.failed, wanted.delivered, wanted.pending);
}

static const char *name_of(int rule)
{
    static const char *const names[N_RULES] = { "r0", "r1", "r2" };

    return names[rule];
}

static void make_target(world *w, int rule, int number)
{
    static const nimbus_input_path paths[] = { { .name = "t", .path = "$.detail.tag" } };
    static const nimbus_input inputs[N_FORMS] = {
        [N_PATH] = { .path = "$.detail.tag" },
        [N_CONSTANT] = { .constant = "{\"c\":1}" },
        [N_TEXT] = { .text = "\"got <t>\"", .paths = paths, .path_count = 1 },
        [N_JSON] = { .text = "{\"x\":<t>}", .paths = paths, .path_count = 1 },
    };
    n_sub *sub = &w->m.subs[N_SUBSCRIPTIONS + rule * N_TARGETS + number];
    nimbus_delivery_options options = { 0 };
    nimbus_target target;
    nimbus_status status;

    memset(sub, 0, sizeof *sub);
    sub->live = true;
    target = draw_target(w, sub, &options);
    sub->form = (n_form)(N_EVENT + below(w, sub->function >= 0 || sub->queue == N_MAPPED ? 2 : N_FORMS - 1)); /* a handler wants the tag */
    if (sub->form != N_EVENT) {
        options.input = &inputs[sub->form];
        sub->dead_letters = false; /* what becomes of an input there is said elsewhere */
        options.dead_letter_queue = NULL;
    }
    status = nimbus_rule_target(w->bus, name_of(rule), number == 0 ? "a" : "b", target, &options, NULL);
    HOLDS(N1, status == NIMBUS_OK, "rule %d: target %d: %s", rule, number, nimbus_status_name(status));
}

static void make_rule(world *w, int number)
{
    n_rule *rule = &w->m.rules[number];
    nimbus_rule_options options = { .disabled = chance(w, 10) };
    nimbus_error err = { 0 };

    *rule = (n_rule){ .live = true, .disabled = options.disabled, .since = ++w->m.orders };
    rule->filter = below(w, N_FILTERS);
    HOLDS(N1, nimbus_rule_put(w->bus, name_of(number), n_patterns[rule->filter], &options, &err) == NIMBUS_OK, "rule %d: %s", number,
          err.reason);
    rule->targets = 1 + below(w, N_TARGETS);
    for (uint32_t t = 0; t < rule->targets; t++) {
        make_target(w, number, (int)t);
    }
    cover(EV_RULE_BEGINS);
}

void act_rule(world *w)
{
    int number = (int)below(w, N_RULES);
    n_rule *rule = &w->m.rules[number];
    nimbus_rule_options options = { 0 };
    uint32_t what = below(w, 6);
    nimbus_status status;

    if (!rule->live) {
        make_rule(w, number);
        return;
    }
    if (what == 0) {
        n_end_rule(&w->m, number);
        status = nimbus_rule_delete(w->bus, name_of(number), true);
    } else if (what < 3) { /* EB-B3: its targets and its place stay */
        rule->filter = below(w, N_FILTERS);
        options.disabled = rule->disabled;
        cover(EV_RULE_CHANGES);
        status = nimbus_rule_put(w->bus, name_of(number), n_patterns[rule->filter], &options, NULL);
    } else {
        rule->disabled = what == 3;
        cover(EV_RULE_CHANGES);
        status = nimbus_rule_enable(w->bus, name_of(number), !rule->disabled);
    }
    HOLDS(N1, status == NIMBUS_OK, "rule %d is changed in way %u: %s", number, what, nimbus_status_name(status));
}

void check_rules(world *w)
{
    for (int i = 0; i < N_RULES; i++) {
        const n_rule *rule = &w->m.rules[i];
        n_counts sum = { 0 };
        nimbus_rule_metrics found;

        if (!rule->live) {
            continue;
        }
        for (uint32_t t = 0; t < rule->targets; t++) {
            const n_counts *c = &w->m.subs[N_SUBSCRIPTIONS + i * N_TARGETS + (int)t].counts;

            sum.delivered += c->delivered;
            sum.pending += c->pending;
            sum.retries += c->retries;
            sum.dead += c->dead;
            sum.discarded += c->discarded;
        }
        HOLDS(N5, nimbus_rule_get_metrics(w->bus, name_of(i), &found) == NIMBUS_OK, "rule %d has no metrics", i);
        HOLDS(N5, found.matched_events == rule->matched && found.targets == rule->targets && found.disabled == rule->disabled,
              "rule %d: %llu events, %llu targets, the model says %llu, %u", i, (unsigned long long)found.matched_events,
              (unsigned long long)found.targets, (unsigned long long)rule->matched, rule->targets);
        HOLDS(N5, found.deliveries.delivered == sum.delivered && found.deliveries.pending == sum.pending &&
              found.deliveries.retries == sum.retries && found.deliveries.dead_lettered == sum.dead &&
              found.deliveries.discarded == sum.discarded,
              "rule %d: %llu delivered, %llu pending, the model says %llu, %llu", i, (unsigned long long)found.deliveries.delivered,
              (unsigned long long)found.deliveries.pending, (unsigned long long)sum.delivered, (unsigned long long)sum.pending);
    }
}
