/** Deliveries of rules: retries, dead letters and their attributes, independence of targets (EB-R). */
#include "helpers.h"

#define SHOP "{\"source\":[\"shop\"]}"

static nimbus_bus *bus_with_rule(world *w)
{
    nimbus_bus *bus = nimbus_bus_find(w->nb, "default", &w->err);
    nimbus_rule_put(bus, "rule", SHOP, NULL, &w->err);
    return bus;
}

static void target(world *w, nimbus_bus *bus, const char *id, nimbus_target to, const nimbus_delivery_options *options)
{
    nimbus_rule_target(bus, "rule", id, to, options, &w->err);
}

static void eb_r1_retries_end_by_count_or_by_age(void **state)
{
    world *w = *state;
    probe few = { .answer = NIMBUS_RETRY };
    probe young = { .answer = NIMBUS_RETRY };
    probe all = { .answer = NIMBUS_RETRY };
    nimbus_bus *bus = bus_with_rule(w);
    nimbus_queue *dead_few = make_queue(w, "dead-few");
    nimbus_queue *dead_young = make_queue(w, "dead-young");
    nimbus_queue *dead_all = make_queue(w, "dead-all");
    target(w, bus, "few", to_probe(&few), &(nimbus_delivery_options){ .retry = { .max_retries = 3 }, .dead_letter_queue = dead_few });
    target(w, bus, "young", to_probe(&young),
           &(nimbus_delivery_options){ .retry = { .max_age = NIMBUS_SECONDS(60), .min_delay = NIMBUS_SECONDS(10) },
                                       .dead_letter_queue = dead_young });
    target(w, bus, "all", to_probe(&all), &(nimbus_delivery_options){ .dead_letter_queue = dead_all });
    SETUP_OK(w);
    EQ(put(bus, "shop", "t", "{}").pending, 3);
    ADVANCE(w, NIMBUS_SECONDS(6));
    EQ(few.calls, 3);
    EQ(ready(dead_few), 0);
    ADVANCE(w, NIMBUS_SECONDS(1));
    EQ(few.calls, 4); /* 0, 1, 3, 7 s */
    EQ(few.at[1], NIMBUS_SECONDS(1));
    EQ(few.at[2], NIMBUS_SECONDS(3));
    EQ(few.at[3], NIMBUS_SECONDS(7));
    EQ(ready(dead_few), 1);
    RULE_LEDGER(bus, "rule");
    ADVANCE(w, NIMBUS_MINUTES(2));
    EQ(young.calls, 3); /* 0, 10, 30 s; 70 s would be too old */
    EQ(young.at[2], NIMBUS_SECONDS(30));
    EQ(ready(dead_young), 1);
    /* the default: doubling to 10 min, 24 h */
    EQ(ready(dead_all), 0);
    EQ(all.at[6], NIMBUS_SECONDS(63));
    ADVANCE(w, NIMBUS_HOURS(3));
    EQ(all.at[10], NIMBUS_SECONDS(1023));
    EQ(all.at[11], NIMBUS_SECONDS(1623));
    EQ(all.at[12], NIMBUS_SECONDS(2223));
    ADVANCE(w, NIMBUS_HOURS(20));
    EQ(ready(dead_all), 0);
    EQ(rule_metrics(bus, "rule").deliveries.pending, 1);
    ADVANCE(w, NIMBUS_HOURS(2));
    EQ(all.calls, 153); /* the first, ten that double, 142 every ten minutes until 86,223 s */
    EQ(ready(dead_all), 1);
    EQ(rule_metrics(bus, "rule").deliveries.pending, 0);
    EQ(rule_metrics(bus, "rule").deliveries.dead_lettered, 3);
    EQ(rule_metrics(bus, "rule").deliveries.retries, 3 + 2 + 152);
    RULE_LEDGER(bus, "rule");
}

static void at_most_185_retries(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    nimbus_bus *bus = bus_with_rule(w);
    target(w, bus, "t", to_probe(&p), &(nimbus_delivery_options){ .retry = { .max_delay = NIMBUS_SECONDS(10) } });
    SETUP_OK(w);
    put(bus, "shop", "t", "{}");
    ADVANCE(w, NIMBUS_HOURS(2));
    EQ(p.calls, 186);
    EQ(rule_metrics(bus, "rule").deliveries.discarded, 1);
}

static void eb_r2_a_missing_target_is_not_retried(void **state)
{
    world *w = *state;
    probe rejecting = { .answer = NIMBUS_REJECT };
    nimbus_bus *bus = bus_with_rule(w);
    nimbus_queue *gone = make_queue(w, "gone");
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_topic *topic = make_topic(w, "topic");
    nimbus_put_result ret;
    nimbus_delivery delivery;
    char text[64];
    target(w, bus, "queue", nimbus_to_queue(gone), &(nimbus_delivery_options){ .dead_letter_queue = dead });
    target(w, bus, "rejecting", to_probe(&rejecting), &(nimbus_delivery_options){ .dead_letter_queue = dead });
    target(w, bus, "topic", nimbus_to_topic(topic), &(nimbus_delivery_options){ .dead_letter_queue = dead });
    SETUP_OK(w);
    OK(nimbus_queue_delete(gone));
    OK(nimbus_topic_delete(topic));
    ret = put(bus, "shop", "t", "{}");
    OK(ret.status); /* invisible to the put (EB-E10) */
    EQ(ret.matched, 3);
    EQ(ret.failed, 2);
    EQ(ret.pending, 1);
    EQ(ready(dead), 2);
    memset(&delivery, 0, sizeof delivery);
    OK(receive_one(dead, &delivery));
    attribute_text(&delivery, "RETRY_ATTEMPTS", text, sizeof text);
    TEXT(text, "0");
    OK(nimbus_delivery_delete(&delivery));
    RUN(w);
    EQ(rejecting.calls, 1);
    EQ(ready(dead), 2);
    EQ(rule_metrics(bus, "rule").deliveries.retries, 0);
    EQ(rule_metrics(bus, "rule").deliveries.dead_lettered, 3);
    RULE_LEDGER(bus, "rule");
    ADVANCE(w, NIMBUS_HOURS(25));
    EQ(rejecting.calls, 1);
    /* the name filled again, the next one arrives */
    nimbus_queue_release(gone);
    gone = make_queue(w, "gone");
    SETUP_OK(w);
    EQ(put(bus, "shop", "t", "{}").delivered, 1);
    EQ(ready(gone), 1);
}

static void eb_r3_the_dead_letter_of_a_rule(void **state)
{
    world *w = *state;
    nimbus_bus *bus = bus_with_rule(w);
    nimbus_queue *full = make_small_queue(w, "full-queue", 1);
    nimbus_queue *old = make_small_queue(w, "old-queue", 1);
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_queue *dead_old = make_queue(w, "dead-old");
    nimbus_delivery delivery;
    nimbus_delivery_info info;
    nimbus_put_result ret;
    char text[256];
    char id[NIMBUS_ID_TEXT];
    char piece[NIMBUS_ID_TEXT + 16];
    target(w, bus, "count", nimbus_to_queue(full), &(nimbus_delivery_options){ .retry = { .max_retries = 2 }, .dead_letter_queue = dead });
    target(w, bus, "age", nimbus_to_queue(old),
           &(nimbus_delivery_options){ .retry = { .max_age = NIMBUS_SECONDS(100), .min_delay = NIMBUS_SECONDS(30) },
                                       .dead_letter_queue = dead_old });
    SETUP_OK(w);
    OK(send_text(full, "in the way"));
    OK(send_text(old, "in the way"));
    ret = put(bus, "shop", "placed", "{\"a\":1}");
    EQ(ret.pending, 2);
    ADVANCE(w, NIMBUS_MINUTES(10));
    EQ(ready(dead), 1);
    EQ(ready(dead_old), 1);
    memset(&delivery, 0, sizeof delivery);
    memset(&info, 0, sizeof info);
    OK(receive_one(dead, &delivery));
    snprintf(piece, sizeof piece, "\"id\":\"%s\"", nimbus_id_text(ret.id, id));
    CHECK(json_has(nimbus_delivery_body(&delivery), piece)); /* the body is the event */
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"detail-type\":\"placed\""));
    CHECK(json_has(nimbus_delivery_body(&delivery), "\"detail\":{\"a\":1}"));
    attribute_text(&delivery, "RULE_ARN", text, sizeof text);
    CHECK(strstr(text, "rule") != NULL);
    attribute_text(&delivery, "TARGET_ARN", text, sizeof text);
    CHECK(strstr(text, "full-queue") != NULL);
    attribute_text(&delivery, "ERROR_CODE", text, sizeof text);
    CHECK(text[0] != '\0');
    attribute_text(&delivery, "ERROR_MESSAGE", text, sizeof text);
    CHECK(text[0] != '\0');
    attribute_text(&delivery, "EXHAUSTED_RETRY_CONDITION", text, sizeof text);
    TEXT(text, "MaximumRetryAttempts");
    attribute_text(&delivery, "RETRY_ATTEMPTS", text, sizeof text);
    TEXT(text, "2");
    OK(nimbus_delivery_get_info(&delivery, &info));
    CHECK(info.dead_letter_source != NULL && strstr(info.dead_letter_source, "rule") != NULL);
    CHECK(info.dead_letter_reason != NULL);
    EQ(info.dead_letter_attempts, 3);
    OK(nimbus_delivery_delete(&delivery));

    OK(receive_one(dead_old, &delivery));
    attribute_text(&delivery, "TARGET_ARN", text, sizeof text);
    CHECK(strstr(text, "old-queue") != NULL);
    attribute_text(&delivery, "EXHAUSTED_RETRY_CONDITION", text, sizeof text);
    TEXT(text, "MaximumEventAgeInSeconds");
    attribute_text(&delivery, "RETRY_ATTEMPTS", text, sizeof text);
    TEXT(text, "2"); /* at 30 and 90 s */
    OK(nimbus_delivery_delete(&delivery));
}

static void eb_r4_without_a_dead_letter_queue_it_is_dropped_and_counted(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    nimbus_bus *bus = bus_with_rule(w);
    nimbus_queue *gone = make_queue(w, "gone");
    target(w, bus, "a", to_probe(&p), &(nimbus_delivery_options){ .retry = { .max_retries = 1 } });
    target(w, bus, "b", nimbus_to_queue(gone), NULL);
    SETUP_OK(w);
    OK(nimbus_queue_delete(gone));
    EQ(put(bus, "shop", "t", "{}").failed, 1);
    EQ(rule_metrics(bus, "rule").deliveries.discarded, 1);
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 1);
    RULE_LEDGER(bus, "rule");
    ADVANCE(w, NIMBUS_SECONDS(1));
    EQ(p.calls, 2);
    EQ(rule_metrics(bus, "rule").deliveries.discarded, 2);
    EQ(rule_metrics(bus, "rule").deliveries.dead_lettered, 0);
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 2);
    RULE_LEDGER(bus, "rule");
    ADVANCE(w, NIMBUS_HOURS(25));
    EQ(p.calls, 2);
}

static void eb_r5_targets_are_independent(void **state)
{
    world *w = *state;
    probe retrying = { .answer = NIMBUS_RETRY };
    probe good = { .answer = NIMBUS_DONE };
    nimbus_bus *bus = bus_with_rule(w);
    nimbus_queue *full = make_small_queue(w, "full", 1);
    nimbus_queue *queue = make_queue(w, "queue");
    target(w, bus, "1-retrying", to_probe(&retrying), NULL);
    target(w, bus, "2-full", nimbus_to_queue(full), NULL);
    target(w, bus, "3-good", to_probe(&good), NULL);
    target(w, bus, "4-queue", nimbus_to_queue(queue), NULL);
    SETUP_OK(w);
    OK(send_text(full, "in the way"));
    for (size_t i = 1; i <= 10; i++) {
        nimbus_put_result ret = put(bus, "shop", "t", "{}");
        EQ(ret.matched, 4);
        EQ(ret.delivered, 1);
        EQ(ret.pending, 3);
        RUN(w);
        EQ(good.calls, i);
        EQ(good.at[i - 1], (uint64_t)elapsed(w)); /* not delayed by anybody */
        EQ(ready(queue), i);
        RULE_LEDGER(bus, "rule");
        ADVANCE(w, NIMBUS_MS(10));
    }
    EQ(retrying.calls, 10); /* each has had its first try: a waiting retry holds nobody up */
    drain(full);
    ADVANCE(w, NIMBUS_MINUTES(20));
    EQ(ready(full), 1);
    RULE_LEDGER(bus, "rule");
}

static void eb_r6_zero_retries_is_one_attempt(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    nimbus_bus *bus = bus_with_rule(w);
    nimbus_queue *full = make_small_queue(w, "full", 1);
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_put_result ret;
    target(w, bus, "a", to_probe(&p), &(nimbus_delivery_options){ .retry = { .max_retries = NIMBUS_NONE }, .dead_letter_queue = dead });
    target(w, bus, "b", nimbus_to_queue(full),
           &(nimbus_delivery_options){ .retry = { .max_retries = NIMBUS_NONE }, .dead_letter_queue = dead });
    SETUP_OK(w);
    OK(send_text(full, "in the way"));
    ret = put(bus, "shop", "t", "{}");
    EQ(ret.pending, 1);
    EQ(ret.failed, 1);
    EQ(ready(dead), 1);
    RUN(w);
    EQ(p.calls, 1);
    EQ(ready(dead), 2);
    RULE_LEDGER(bus, "rule");
    ADVANCE(w, NIMBUS_HOURS(25));
    EQ(p.calls, 1);
}

static void a_full_queue_gets_the_event_when_there_is_room(void **state)
{
    world *w = *state;
    nimbus_bus *bus = bus_with_rule(w);
    nimbus_queue *full = make_small_queue(w, "full", 1);
    target(w, bus, "a", nimbus_to_queue(full), NULL);
    SETUP_OK(w);
    OK(send_text(full, "in the way"));
    EQ(put(bus, "shop", "t", "{}").pending, 1);
    EQ(rule_metrics(bus, "rule").deliveries.pending, 1);
    ADVANCE(w, NIMBUS_MINUTES(10));
    TAKES(full, "in the way");
    ADVANCE(w, NIMBUS_MINUTES(10)); /* the longest delay between two tries */
    EQ(ready(full), 1);
    EQ(rule_metrics(bus, "rule").deliveries.delivered, 1);
    EQ(rule_metrics(bus, "rule").deliveries.pending, 0);
    RULE_LEDGER(bus, "rule");
}

static void an_inline_target_fails_for_good(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    nimbus_bus *bus = bus_with_rule(w);
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_put_result ret;
    target(w, bus, "a", to_inline_probe(&p), &(nimbus_delivery_options){ .dead_letter_queue = dead });
    SETUP_OK(w);
    ret = put(bus, "shop", "t", "{}");
    OK(ret.status);
    EQ(ret.failed, 1);
    EQ(p.calls, 1);
    EQ(ready(dead), 1);
    ADVANCE(w, NIMBUS_HOURS(25));
    EQ(p.calls, 1);
    RULE_LEDGER(bus, "rule");
}

static void kept_by_a_rules_callback(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_bus *bus = bus_with_rule(w);
    target(w, bus, "a", to_probe(&p), NULL);
    SETUP_OK(w);
    put(bus, "shop", "t", "{}");
    RUN(w);
    EQ(p.kept_count, 1);
    RULE_LEDGER(bus, "rule");
    ADVANCE(w, NIMBUS_HOURS(1));
    EQ(p.calls, 1);
    OK(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE));
    RUN(w);
    EQ(rule_metrics(bus, "rule").deliveries.delivered, 1);
    RULE_LEDGER(bus, "rule");
}

static void ledger_over_replaced_and_removed_targets(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    nimbus_bus *bus = bus_with_rule(w);
    nimbus_queue *full = make_small_queue(w, "full", 1);
    target(w, bus, "a", to_probe(&p), NULL);
    target(w, bus, "b", nimbus_to_queue(full), NULL);
    SETUP_OK(w);
    for (int i = 0; i < 4; i++) {
        nimbus_put_result ret = put(bus, "shop", "t", "{}");
        EQ(ret.matched, ret.delivered + ret.pending + ret.failed);
        RULE_LEDGER(bus, "rule");
        RUN(w);
        RULE_LEDGER(bus, "rule");
    }
    OK(nimbus_rule_target(bus, "rule", "b", nimbus_to_queue(full), NULL, NULL));
    RULE_LEDGER(bus, "rule");
    OK(nimbus_rule_remove_target(bus, "rule", "a"));
    RULE_LEDGER(bus, "rule");
    OK(nimbus_rule_enable(bus, "rule", false));
    RULE_LEDGER(bus, "rule");
    OK(nimbus_rule_enable(bus, "rule", true));
    drain(full);
    EQ(put(bus, "shop", "t", "{}").delivered, 1);
    RULE_LEDGER(bus, "rule");
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 7); /* three of the full queue, four of the callback */
    EQ(p.calls, 4);
    EQ(p.destroyed, 1);
    ADVANCE(w, NIMBUS_HOURS(25));
    EQ(p.calls, 4);
}

static void a_deleted_rule_discards_what_waits(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    nimbus_bus *bus = bus_with_rule(w);
    target(w, bus, "a", to_probe(&p), NULL);
    SETUP_OK(w);
    put(bus, "shop", "t", "{}");
    put(bus, "shop", "t", "{}");
    RUN(w);
    EQ(p.calls, 2);
    put(bus, "shop", "t", "{}");
    OK(nimbus_rule_delete(bus, "rule", true));
    EQ(traced(w, NIMBUS_TRACE_DISCARDED), 3);
    ADVANCE(w, NIMBUS_HOURS(25));
    EQ(p.calls, 2);
    EQ(p.destroyed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(eb_r1_retries_end_by_count_or_by_age),
        DRIVEN(at_most_185_retries),
        DRIVEN(eb_r2_a_missing_target_is_not_retried),
        DRIVEN(eb_r3_the_dead_letter_of_a_rule),
        DRIVEN(eb_r4_without_a_dead_letter_queue_it_is_dropped_and_counted),
        DRIVEN(eb_r5_targets_are_independent),
        DRIVEN(eb_r6_zero_retries_is_one_attempt),
        DRIVEN(a_full_queue_gets_the_event_when_there_is_room),
        DRIVEN(an_inline_target_fails_for_good),
        DRIVEN(kept_by_a_rules_callback),
        DRIVEN(ledger_over_replaced_and_removed_targets),
        DRIVEN(a_deleted_rule_discards_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
