/* Every structure that a caller fills in, as C++14, 17 and 20 programs write it: no warning, and what is left out is zero. */
#include <nimbus/nimbus.h>

static nimbus_outcome done(const nimbus_delivery *, void *) NIMBUS_NOEXCEPT
{
    return NIMBUS_DONE;
}

template <typename Struct> static bool is_zero()
{
    Struct zero{};
    const unsigned char *bytes = reinterpret_cast<const unsigned char *>(&zero.reserved_);
    for (size_t i = 0; i < sizeof zero.reserved_; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

static bool all_zero()
{
    return is_zero<nimbus_options>() && is_zero<nimbus_limits>() && is_zero<nimbus_leftovers>() && is_zero<nimbus_runtime_metrics>() &&
           is_zero<nimbus_entry>() && is_zero<nimbus_sent>() && is_zero<nimbus_queue_options>() && is_zero<nimbus_receive_options>() &&
           is_zero<nimbus_peeked>() && is_zero<nimbus_queue_metrics>() && is_zero<nimbus_delivery_info>() &&
           is_zero<nimbus_retry_policy>() && is_zero<nimbus_delivery_options>() && is_zero<nimbus_topic_options>() &&
           is_zero<nimbus_published>() && is_zero<nimbus_delivery_metrics>() && is_zero<nimbus_topic_metrics>() &&
           is_zero<nimbus_function_options>() && is_zero<nimbus_invoke_result>() && is_zero<nimbus_mapping_options>() &&
           is_zero<nimbus_function_metrics>() && is_zero<nimbus_event>() && is_zero<nimbus_put_result>() &&
           is_zero<nimbus_rule_options>() && is_zero<nimbus_rule_metrics>() && is_zero<nimbus_bus_metrics>() &&
           is_zero<nimbus_matcher_options>() && is_zero<nimbus_pattern_options>() && is_zero<nimbus_match_options>();
}

#if __cplusplus >= 202002L
static void set_up(nimbus_runtime *nb, nimbus_error *err)
{
    const nimbus_queue_options dead_options{ .retention = NIMBUS_DAYS(2), .capacity_messages = 100 };
    nimbus_queue *dead = nimbus_queue_create(nb, "dead", &dead_options, err);
    const nimbus_queue_options queue_options{
        .visibility_timeout = NIMBUS_SECONDS(30), .dead_letter_queue = dead, .max_receive_count = 5
    };
    nimbus_queue *queue = nimbus_queue_create(nb, "orders", &queue_options, err);

    const nimbus_function_options function_options{ .max_concurrency = 2, .retry = { .max_retries = 1 } };
    nimbus_function *function = nimbus_function_create(nb, "work", done, nullptr, &function_options, err);
    const nimbus_mapping_options mapping_options{ .batch_size = 5 };
    nimbus_function_map(function, queue, &mapping_options, err);

    const nimbus_topic_options topic_options{ .max_message_size = 1000 };
    nimbus_topic *topic = nimbus_topic_create(nb, "news", &topic_options, err);
    const nimbus_delivery_options delivery_options{ .filter = R"({"kind":["a"]})", .dead_letter_queue = dead };
    nimbus_topic_subscribe(topic, nimbus_to_queue(queue), &delivery_options, err, nullptr);

    nimbus_bus *bus = nimbus_bus_find(nb, "default", err);
    const nimbus_rule_options rule_options{ .disabled = false };
    nimbus_rule_put(bus, "all", R"({"source":["shop"]})", &rule_options, err);
    nimbus_rule_target(bus, "all", "queue", nimbus_to_queue(queue), nullptr, err);
}
#else
static void set_up(nimbus_runtime *nb, nimbus_error *err)
{
    nimbus_queue_options dead_options{};
    dead_options.retention = NIMBUS_DAYS(2);
    dead_options.capacity_messages = 100;
    nimbus_queue *dead = nimbus_queue_create(nb, "dead", &dead_options, err);
    nimbus_queue_options queue_options{};
    queue_options.visibility_timeout = NIMBUS_SECONDS(30);
    queue_options.dead_letter_queue = dead;
    queue_options.max_receive_count = 5;
    nimbus_queue *queue = nimbus_queue_create(nb, "orders", &queue_options, err);

    nimbus_function_options function_options{};
    function_options.max_concurrency = 2;
    function_options.retry.max_retries = 1;
    nimbus_function *function = nimbus_function_create(nb, "work", done, nullptr, &function_options, err);
    nimbus_mapping_options mapping_options{};
    mapping_options.batch_size = 5;
    nimbus_function_map(function, queue, &mapping_options, err);

    nimbus_topic_options topic_options{};
    topic_options.max_message_size = 1000;
    nimbus_topic *topic = nimbus_topic_create(nb, "news", &topic_options, err);
    nimbus_delivery_options delivery_options{};
    delivery_options.filter = R"({"kind":["a"]})";
    delivery_options.dead_letter_queue = dead;
    nimbus_topic_subscribe(topic, nimbus_to_queue(queue), &delivery_options, err, nullptr);

    nimbus_bus *bus = nimbus_bus_find(nb, "default", err);
    nimbus_rule_options rule_options{};
    rule_options.disabled = false;
    nimbus_rule_put(bus, "all", R"({"source":["shop"]})", &rule_options, err);
    nimbus_rule_target(bus, "all", "queue", nimbus_to_queue(queue), nullptr, err);
}
#endif

int main()
{
    nimbus_error err{};
    nimbus_options options{};
    options.driven = true;
    options.limits.max_batch = 20;
    nimbus_runtime *nb = nimbus_open(&options, &err);
    set_up(nb, &err);

    const nimbus_matcher_options matcher_options{};
    nimbus_matcher *matcher = nimbus_matcher_create(&matcher_options, &err);
    nimbus_matcher_release(matcher);

    nimbus_event event{};
    event.source = "shop";
    event.detail_type = "order";
    event.detail = nimbus_bytes{ "{}", 2 };
    nimbus_put_result put{};
    bool good = nimbus_bus_put(nimbus_bus_find(nb, "default", &err), &event, &put) == NIMBUS_OK && put.delivered == 1;

    nimbus_receive_options receive_options{};
    receive_options.visibility_timeout = NIMBUS_SECONDS(1);
    nimbus_delivery delivery{};
    nimbus_queue *dead = nimbus_queue_find(nb, "dead", &err);
    good = good && nimbus_queue_receive(dead, 0, &receive_options, &delivery, 1, nullptr) == NIMBUS_EMPTY;

    const nimbus_status closed = nimbus_close(nb, 0, nullptr);
    return err.status == NIMBUS_OK && good && all_zero() && closed == NIMBUS_OK ? 0 : 1;
}
