/** Topics with many filters: what the index of a topic says is what each filter says by itself (SNS-F). */
#include "helpers.h"

#define SUBSCRIBERS 60
#define MESSAGES 200

typedef struct member {
    nimbus_subscription *subscription;
    nimbus_pattern *pattern; /* NULL: no filter */
    bool body;
    int fired;
    int place; /* in the order of subscribing */
    uint64_t expected, passed_by;
} member;

static struct {
    member members[SUBSCRIBERS];
    int last;
    bool disordered;
} all;

static uint64_t dice = 1;

static unsigned roll(unsigned n)
{
    dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(dice >> 33) % n;
}

static nimbus_outcome note(const nimbus_delivery *delivery, void *user)
{
    member *m = user;
    (void)delivery;
    m->fired++;
    all.disordered = all.disordered || m->place < all.last;
    all.last = m->place;
    return NIMBUS_DONE;
}

static void join(world *w, nimbus_topic *topic, member *m, int place)
{
    static const char *const policies[] = { "{\"color\":[\"red\",\"blue\"]}", "{\"color\":[{\"exists\":false}]}",
                                            "{\"color\":[{\"prefix\":\"r\"}]}", "{}" };
    char policy[100];
    nimbus_delivery_options options = { .filter = policy };
    memset(m, 0, sizeof *m);
    m->place = place;
    m->body = roll(2) == 0;
    if (roll(6) == 0) {
        options.filter = NULL;
    } else {
        const nimbus_pattern_options profile = { .profile = m->body ? NIMBUS_PROFILE_SNS_BODY : NIMBUS_PROFILE_SNS_ATTRIBUTES };
        unsigned which = roll(6);
        if (which == 0) {
            snprintf(policy, sizeof policy, "{\"n\":[{\"numeric\":[\">\",%u]}]}", roll(6));
        } else if (which == 1) {
            snprintf(policy, sizeof policy, "{\"color\":[{\"anything-but\":\"red\"}],\"n\":[%u,1,2]}", roll(6));
        } else {
            snprintf(policy, sizeof policy, "%s", policies[which - 2]);
        }
        options.filter_scope = m->body ? NIMBUS_FILTER_BODY : NIMBUS_FILTER_ATTRIBUTES;
        m->pattern = nimbus_pattern_compile(policy, &profile, &w->err);
    }
    nimbus_topic_subscribe(topic, nimbus_to_inline(note, m, NULL), &options, &w->err, &m->subscription);
    SETUP_OK(w);
}

static void leave(member *m)
{
    nimbus_delivery_metrics metrics = subscription_metrics(m->subscription);
    EQ(metrics.matched, m->expected);
    EQ(metrics.delivered, m->expected);
    EQ(metrics.filtered, m->passed_by - m->expected);
    OK(nimbus_unsubscribe(m->subscription, 0));
    nimbus_subscription_release(m->subscription);
    nimbus_pattern_release(m->pattern);
}

static void publish_one(nimbus_topic *topic)
{
    static const char *const colors[] = { "red", "blue", "green", "[\"red\",\"green\"]" };
    static const char *const bodies[] = { "no JSON", "[1]", "{}" };
    const char *color = colors[roll(4)];
    char number[8], body[64];
    const nimbus_attribute attributes[] = {
        { .name = "n", .kind = NIMBUS_NUMBER, .value = { number, 1 } },
        { .name = "color", .kind = NIMBUS_STRING, .label = color[0] == '[' ? "Array" : NULL, .value = { color, strlen(color) } }
    };
    nimbus_entry entry = { .attributes = attributes, .attribute_count = roll(3) };
    nimbus_published published;
    uint32_t matched = 0;
    snprintf(number, sizeof number, "%u", roll(6));
    switch (roll(6)) {
    case 0:
        snprintf(body, sizeof body, "{\"color\":\"red\",\"n\":%u}", roll(6));
        break;
    case 1:
        snprintf(body, sizeof body, "{\"color\":[\"blue\",\"green\"],\"n\":[%u,1]}", roll(6));
        break;
    case 2:
        snprintf(body, sizeof body, "{\"n\":%u}", roll(6));
        break;
    default:
        snprintf(body, sizeof body, "%s", bodies[roll(3)]);
        break;
    }
    entry.body = nimbus_text(body);
    for (int i = 0; i < SUBSCRIBERS; i++) {
        all.members[i].fired = 0;
    }
    all.last = 0;
    OK(nimbus_topic_publish(topic, &entry, &published));
    CHECK(!all.disordered);
    for (int i = 0; i < SUBSCRIBERS; i++) {
        member *m = &all.members[i];
        bool match = m->pattern == NULL;
        if (m->pattern != NULL && m->body) {
            OK(nimbus_pattern_match(m->pattern, body, strlen(body), &match));
        } else if (m->pattern != NULL) {
            OK(nimbus_pattern_match_attributes(m->pattern, attributes, entry.attribute_count, &match));
        }
        EQ(m->fired, match);
        m->expected += match;
        m->passed_by++;
        matched += match;
    }
    EQ(published.matched, matched);
}

static void sns_f1_many_filters_say_what_each_says_by_itself(void **state)
{
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "topic");
    int places = 0;
    SETUP_OK(w);
    for (int i = 0; i < SUBSCRIBERS; i++) {
        join(w, topic, &all.members[i], ++places);
    }
    for (int i = 0; i < MESSAGES; i++) {
        publish_one(topic);
        for (int n = 0; n < 3; n++) {
            member *m = &all.members[roll(SUBSCRIBERS)];
            leave(m);
            join(w, topic, m, ++places);
        }
    }
    for (int i = 0; i < SUBSCRIBERS; i++) {
        leave(&all.members[i]);
    }
}

static int counts[100], calls;

static nimbus_outcome count(const nimbus_delivery *delivery, void *user)
{
    (void)delivery;
    *(int *)user = ++calls;
    return NIMBUS_DONE;
}

/* More match at once than there is room for on the stack: all get it, in the order of subscription. */
static void sns_f1_a_hundred_filters_match_at_once(void **state)
{
    world *w = *state;
    nimbus_topic *topic = make_topic(w, "topic");
    nimbus_delivery_options options = { .filter = "{\"color\":[\"red\"]}", .filter_scope = NIMBUS_FILTER_BODY };
    nimbus_entry entry = { .body = nimbus_text("{\"color\":\"red\"}") };
    nimbus_subscription *subscriptions[100];
    nimbus_published published;

    for (int i = 0; i < 100; i++) {
        subscriptions[i] = subscribe(w, topic, nimbus_to_inline(count, &counts[i], NULL), &options);
    }
    SETUP_OK(w);
    OK(nimbus_topic_publish(topic, &entry, &published));
    EQ(published.matched, 100);
    for (int i = 0; i < 100; i++) {
        EQ(counts[i], i + 1); /* called in its turn */
        nimbus_subscription_release(subscriptions[i]);
    }
}

/* ---------------------------------------------------------------------------------------------- threads */

#define PUBLISHERS 4
#define STAYING 8
#define ROUNDS 2000

static struct {
    nimbus_topic *topic;
    atomic_uint_fast64_t red[STAYING], sent;
    atomic_bool wrong;
} shared;

static nimbus_outcome count_red(const nimbus_delivery *delivery, void *user)
{
    nimbus_bytes body = nimbus_delivery_body(delivery);
    if (body.size < 15 || memcmp(body.data, "{\"color\":\"red\"}", 15) != 0) {
        atomic_store(&shared.wrong, true);
    }
    atomic_fetch_add((atomic_uint_fast64_t *)user, 1);
    return NIMBUS_DONE;
}

static nimbus_outcome come_and_go(const nimbus_delivery *delivery, void *user)
{
    (void)delivery;
    (void)user;
    return NIMBUS_DONE;
}

static void *publish_reds_and_blues(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        nimbus_published published;
        nimbus_entry entry = { .body = nimbus_text(i % 2 == 0 ? "{\"color\":\"red\"}" : "{\"color\":\"blue\"}") };
        if (nimbus_topic_publish(shared.topic, &entry, &published) != NIMBUS_OK || published.matched < (i % 2 == 0 ? STAYING : 0)) {
            atomic_store(&shared.wrong, true);
        }
        atomic_fetch_add(&shared.sent, i % 2 == 0);
    }
    return NULL;
}

static void filters_that_stay_are_not_disturbed_by_those_that_come_and_go(void **state)
{
    world *w = *state;
    nimbus_delivery_options options = { .filter = "{\"color\":[\"red\"]}", .filter_scope = NIMBUS_FILTER_BODY };
    nimbus_subscription *staying[STAYING];
    pthread_t threads[PUBLISHERS];
    memset(&shared, 0, sizeof shared);
    shared.topic = make_topic(w, "topic");
    for (int i = 0; i < STAYING; i++) {
        staying[i] = subscribe(w, shared.topic, nimbus_to_inline(count_red, &shared.red[i], NULL), &options);
    }
    SETUP_OK(w);
    for (int i = 0; i < PUBLISHERS; i++) {
        CHECK(pthread_create(&threads[i], NULL, publish_reds_and_blues, NULL) == 0);
    }
    options.filter = "{\"color\":[\"blue\",{\"prefix\":\"g\"}]}";
    for (int i = 0; i < 300; i++) {
        nimbus_subscription *guest = subscribe(w, shared.topic, nimbus_to_inline(come_and_go, NULL, NULL), &options);
        CHECK(guest != NULL);
        OK(nimbus_unsubscribe(guest, NIMBUS_FOREVER));
        nimbus_subscription_release(guest);
    }
    for (int i = 0; i < PUBLISHERS; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK(!atomic_load(&shared.wrong));
    for (int i = 0; i < STAYING; i++) {
        nimbus_delivery_metrics metrics = subscription_metrics(staying[i]);
        EQ(atomic_load(&shared.red[i]), atomic_load(&shared.sent));
        EQ(metrics.matched, atomic_load(&shared.sent));
        EQ(metrics.filtered, PUBLISHERS * ROUNDS - atomic_load(&shared.sent));
        nimbus_subscription_release(staying[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(sns_f1_many_filters_say_what_each_says_by_itself),
        DRIVEN(sns_f1_a_hundred_filters_match_at_once),
        THREADED(filters_that_stay_are_not_disturbed_by_those_that_come_and_go),
    };
    return cmocka_run_group_tests_name("topic_filters", tests, NULL, NULL);
}
