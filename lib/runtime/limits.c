/* limits.c - the two presets. */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "runtime/runtime.h"

#define TEN_YEARS NIMBUS_DAYS(3650)

static const nimbus_limits aws = {
    .preset = NIMBUS_LIMITS_AWS,
    .max_message_size = 1048576,
    .max_topic_message_size = 262144,
    .max_event_size = 1048576,
    .max_attributes = 10,
    .max_batch = 10,
    .max_in_flight = 120000,
    .max_targets_per_rule = 5,
    .max_rules_per_bus = 300,
    .max_delay = NIMBUS_MINUTES(15),
    .max_visibility = NIMBUS_HOURS(12),
    .min_retention = NIMBUS_SECONDS(60),
    .max_retention = NIMBUS_DAYS(14),
};

static const nimbus_limits relaxed = {
    .preset = NIMBUS_LIMITS_RELAXED,
    .max_message_size = 1073741824,
    .max_topic_message_size = 0, /* as max_message_size */
    .max_event_size = 1073741824,
    .max_attributes = 64,
    .max_batch = 10000,
    .max_in_flight = 1073741824,
    .max_targets_per_rule = 1000,
    .max_rules_per_bus = 1000000,
    .max_delay = TEN_YEARS,
    .max_visibility = TEN_YEARS,
    .min_retention = NIMBUS_MS(1),
    .max_retention = TEN_YEARS,
};

static bool durations(nimbus_limits *limits, const nimbus_limits *preset, const char *call, nimbus_error *err)
{
    return nb_duration_option(&limits->max_delay, preset->max_delay, 0, TEN_YEARS, call, "limits.max_delay", err) &&
           nb_duration_option(&limits->max_visibility, preset->max_visibility, 0, TEN_YEARS, call, "limits.max_visibility", err) &&
           nb_duration_option(&limits->min_retention, preset->min_retention, 0, TEN_YEARS, call, "limits.min_retention", err) &&
           nb_duration_option(&limits->max_retention, preset->max_retention, limits->min_retention, TEN_YEARS, call,
                              "limits.max_retention", err) &&
           nb_duration_option(&limits->recreate_wait, 0, 0, NIMBUS_DAYS(1), call, "limits.recreate_wait", err) &&
           nb_duration_option(&limits->purge_interval, 0, 0, NIMBUS_DAYS(1), call, "limits.purge_interval", err);
}

bool nb_limits_resolve(nimbus_limits *limits, const char *call, nimbus_error *err)
{
    const nimbus_limits *preset = limits->preset == NIMBUS_LIMITS_RELAXED ? &relaxed : &aws;
    size_t *const counts[] = { &limits->max_message_size, &limits->max_topic_message_size, &limits->max_event_size, &limits->max_attributes,
                               &limits->max_batch,        &limits->max_in_flight,          &limits->max_targets_per_rule,
                               &limits->max_rules_per_bus };
    const size_t standards[] = { preset->max_message_size, preset->max_topic_message_size, preset->max_event_size, preset->max_attributes,
                                 preset->max_batch,        preset->max_in_flight,          preset->max_targets_per_rule,
                                 preset->max_rules_per_bus };

    if ((unsigned)limits->preset > NIMBUS_LIMITS_RELAXED || !nb_reserved_clear(limits->reserved_, 8)) {
        nb_error_set(err, NIMBUS_E_INVALID, call, "limits", "an unknown preset, or a reserved field is not 0");
        return false;
    }
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        *counts[i] = *counts[i] != 0 ? *counts[i] : standards[i];
    }
    if (limits->max_topic_message_size == 0) {
        limits->max_topic_message_size = limits->max_message_size;
    }
    if (limits->max_message_size > SIZE_MAX / 4 || limits->max_event_size > SIZE_MAX / 4 || limits->max_in_flight > 1073741824 ||
        limits->max_batch > 1000000 || limits->max_attributes > 1000) {
        nb_error_set(err, NIMBUS_E_INVALID, call, "limits", "a limit is beyond what the library can do");
        return false;
    }
    return durations(limits, preset, call, err);
}
