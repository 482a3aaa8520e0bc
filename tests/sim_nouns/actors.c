/*
 * actors.c - who publishes, invokes, receives, subscribes and counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

void act_publish(world *w)
{
    n_message message = { .tag = ++w->tags };
    nimbus_attribute attributes[2];
    char text[32], number[16], kind[2] = "a";
    nimbus_entry entry = { .attributes = attributes, .attribute_count = 1 };
    nimbus_published published;
    nimbus_status status;
    uint32_t matched = 0, delivered = 0, pending = 0;

    message.kind = below(w, 5);
    message.number = (int32_t)below(w, 60);
    snprintf(text, sizeof text, "t%llue", (unsigned long long)message.tag);
    snprintf(number, sizeof number, "%d", message.number);
    entry.body = nimbus_text(text);
    attributes[0] = (nimbus_attribute){ .name = "n", .kind = NIMBUS_NUMBER, .value = { number, strlen(number) } };
    if (message.kind != 0) {
        kind[0] = (char)('a' + (int)message.kind - 1);
        attributes[1] = (nimbus_attribute){ .name = "kind", .kind = NIMBUS_STRING, .value = { kind, 1 } };
        entry.attribute_count = 2;
    }
    n_publish(&w->m, &message, nimbus_now(w->nb), &matched, &delivered, &pending);
    status = nimbus_topic_publish(w->topic, &entry, &published);
    w->messages++;
    digest(w, published.id.number ^ published.matched);
    HOLDS(N2, status == NIMBUS_OK && published.matched == matched, "message %llu: %s, %u subscriptions took it, the model says %u",
          (unsigned long long)message.tag, nimbus_status_name(status), published.matched, matched);
    HOLDS(N1, published.delivered == delivered && published.pending == pending && published.failed == matched - delivered - pending,
          "message %llu: %u delivered, %u pending, %u failed; the model says %u and %u", (unsigned long long)message.tag,
          published.delivered, published.pending, published.failed, delivered, pending);
}

void act_invoke(world *w)
{
    int function = (int)below(w, N_FUNCTIONS);
    uint64_t tag = ++w->tags;
    char text[32];
    nimbus_status status;

    snprintf(text, sizeof text, "t%llue", (unsigned long long)tag);
    n_invoke(&w->m, function, tag, nimbus_now(w->nb));
    status = nimbus_invoke_async(w->functions[function], nimbus_text(text), NULL);
    w->messages++;
    HOLDS(N1, status == NIMBUS_OK, "function %d does not take an invocation: %s", function, nimbus_status_name(status));
}

/* A record holds the payload of its invocation somewhere; anything else is the payload, in the form that its path gave it. */
static bool is_of(nimbus_bytes body, uint64_t tag, bool record)
{
    static const char *const forms[N_FORMS] = { "%s", "\"%s\"", "\"%s\"", "{\"c\":1}", "\"got %s\"", "{\"x\":\"%s\"}" };
    char name[32], text[64], all[4096];
    size_t size = body.size < sizeof all ? body.size : sizeof all - 1;
    n_form form = n_form_of(tag);

    snprintf(name, sizeof name, "t%llue", (unsigned long long)n_number_of(tag));
    memcpy(all, body.data, size);
    all[size] = '\0';
    if (record) {
        return strstr(all, name) != NULL;
    }
    snprintf(text, sizeof text, "%.*s%s%s", (int)(strstr(forms[form], "%s") != NULL ? strcspn(forms[form], "%") : strlen(forms[form])),
             forms[form], strstr(forms[form], "%s") != NULL ? name : "",
             strstr(forms[form], "%s") != NULL ? strstr(forms[form], "%s") + 2 : "");
    return form == N_EVENT ? strstr(all, text) != NULL && strstr(all, "\"source\":\"sim\"") != NULL : strcmp(all, text) == 0;
}

void act_receive(world *w, int queue)
{
    nimbus_delivery got[10];
    n_queue *q = &w->m.queues[queue];
    uint32_t max = 1 + below(w, 10), expected = q->count < max ? q->count : max;
    size_t count = 0;
    nimbus_status status;

    if (queue == N_MAPPED) {
        return;
    }
    memset(got, 0, sizeof got);
    status = nimbus_queue_receive(w->queues[queue], 0, NULL, got, max, &count);
    HOLDS(N1, count == expected && status == (expected == 0 ? NIMBUS_EMPTY : NIMBUS_OK),
          "queue %d: %s, %zu messages, the model says %u", queue, nimbus_status_name(status), count, expected);
    for (size_t i = 0; i < count; i++) {
        uint64_t tag = n_receive(&w->m, queue);
        nimbus_bytes body = nimbus_delivery_body(&got[i]);

        HOLDS(N1, is_of(body, tag, queue == N_FAILED || queue == N_SUCCEEDED), "queue %d: %.*s has come, the model says %llu", queue,
              (int)body.size, (const char *)body.data, (unsigned long long)tag);
        status = nimbus_delivery_delete(&got[i]);
        HOLDS(N1, status == NIMBUS_OK, "queue %d: a delete answers %s", queue, nimbus_status_name(status));
        digest(w, tag ^ (uint64_t)queue << 56);
    }
}

nimbus_target draw_target(world *w, n_sub *sub, nimbus_delivery_options *options)
{
    sub->function = chance(w, 25) ? (int)below(w, N_FUNCTIONS) : -1;
    sub->queue = sub->function >= 0 ? -1 : (int)below(w, 3);
    if (sub->queue >= 0) {
        sub->dead_letters = chance(w, 50);
        options->dead_letter_queue = sub->dead_letters ? w->queues[N_DEAD] : NULL;
        sub->retry = (n_retry){ .max = below(w, 4), .min_delay = NIMBUS_SECONDS(2) };
        sub->retry.min_delay += below(w, 1u << 30); /* no two paths have a time in common */
        sub->retry.max_delay = sub->retry.min_delay * 3;
        options->retry.max_retries = sub->retry.max == 0 ? NIMBUS_NONE : (int32_t)sub->retry.max;
        options->retry.min_delay = sub->retry.min_delay;
        options->retry.max_delay = sub->retry.max_delay;
        return nimbus_to_queue(w->queues[sub->queue]);
    }
    return nimbus_to_function(w->functions[sub->function]);
}

void act_subscribe(world *w)
{
    nimbus_delivery_options options = { 0 };
    nimbus_target target;
    nimbus_status status;
    int number = (int)below(w, N_SUBSCRIPTIONS);
    n_sub *sub = &w->m.subs[number];

    if (sub->live) {
        return;
    }
    nimbus_subscription_release(w->subs[number]);
    memset(sub, 0, sizeof *sub);
    sub->live = true;
    sub->since = ++w->m.orders;
    sub->filter = below(w, N_FILTERS);
    options.filter = n_filters[sub->filter];
    target = draw_target(w, sub, &options);
    cover(EV_SUBSCRIBED);
    status = nimbus_topic_subscribe(w->topic, target, &options, NULL, &w->subs[number]);
    HOLDS(N1, status == NIMBUS_OK, "subscription %d: %s", number, nimbus_status_name(status));
}

void act_unsubscribe(world *w)
{
    int number = (int)below(w, N_SUBSCRIPTIONS);
    nimbus_status status;

    if (w->m.subs[number].live) {
        n_unsubscribe(&w->m, number);
        status = nimbus_unsubscribe(w->subs[number], 0);
        HOLDS(N1, status == NIMBUS_OK, "unsubscribe: %s", nimbus_status_name(status));
    }
}

static void equal(const char *what, int number, const char *name, uint64_t found, uint64_t expected)
{
    HOLDS(N5, found == expected, "%s %d: %s is %llu, the model says %llu", what, number, name, (unsigned long long)found,
          (unsigned long long)expected);
}

void check_counts(world *w)
{
    for (int i = 0; i < N_SUBSCRIPTIONS; i++) {
        const n_counts *c = &w->m.subs[i].counts;
        nimbus_delivery_metrics found;

        if (w->subs[i] == NULL) {
            continue;
        }
        HOLDS(N5, nimbus_subscription_get_metrics(w->subs[i], &found) == NIMBUS_OK, "subscription %d has no metrics", i);
        equal("subscription", i, "filtered", found.filtered, c->filtered);
        equal("subscription", i, "matched", found.matched, c->matched);
        equal("subscription", i, "delivered", found.delivered, c->delivered);
        equal("subscription", i, "pending", found.pending, c->pending);
        equal("subscription", i, "retries", found.retries, c->retries);
        equal("subscription", i, "dead_lettered", found.dead_lettered, c->dead);
        equal("subscription", i, "discarded", found.discarded, c->discarded);
    }
    check_rules(w);
    for (int i = 0; i <= N_FUNCTIONS; i++) {
        const n_function *f = &w->m.functions[i];
        nimbus_function_metrics found;

        HOLDS(N5, nimbus_function_get_metrics(w->functions[i], &found) == NIMBUS_OK, "function %d has no metrics", i);
        equal("function", i, "invocations", found.invocations, f->calls);
        equal("function", i, "succeeded", found.succeeded, f->succeeded);
        equal("function", i, "errors", found.errors, f->errors);
        if (i == N_FUNCTIONS) { /* what stays in its queue is counted there */
            break;
        }
        equal("function", i, "retries", found.retries, f->retries);
        equal("function", i, "dead_lettered", found.dead_lettered, f->dead);
        equal("function", i, "discarded", found.discarded, f->discarded);
        equal("function", i, "waiting", found.waiting, f->waiting);
    }
}
