#include "target/retry.h"

#include "base/check.h"
#include "base/error.h"
#include "base/number.h"

const nb_retry nb_retry_subscription = { 3, NIMBUS_HOURS(1), NIMBUS_SECONDS(20), NIMBUS_SECONDS(20), false };
const nb_retry nb_retry_rule = { 185, NIMBUS_HOURS(24), NIMBUS_SECONDS(1), NIMBUS_MINUTES(10), false };
const nb_retry nb_retry_function = { 2, NIMBUS_HOURS(6), NIMBUS_MINUTES(1), NIMBUS_MINUTES(2), false };

#define LONGEST NIMBUS_DAYS(3650)

bool nb_retry_resolve(const nimbus_retry_policy *policy, const nb_retry *standard, nb_retry *ret, const char *call, nimbus_error *err)
{
    nimbus_duration max_age = policy->max_age, min_delay = policy->min_delay, max_delay = policy->max_delay;
    nimbus_duration longest_standard;

    if (!nb_reserved_clear(policy->reserved_, 2) || policy->max_retries < NIMBUS_NONE) {
        nb_error_set(err, NIMBUS_E_INVALID, call, "retry.max_retries", "out of range, or a reserved field is not 0");
        return false;
    }
    if (max_age == NIMBUS_FOREVER) {
        max_age = LONGEST;
    }
    if (!nb_duration_option(&max_age, standard->max_age, 0, LONGEST, call, "retry.max_age", err) ||
        !nb_duration_option(&min_delay, standard->min_delay, 0, LONGEST, call, "retry.min_delay", err)) {
        return false;
    }
    longest_standard = standard->max_delay > min_delay ? standard->max_delay : min_delay;
    if (!nb_duration_option(&max_delay, longest_standard, min_delay, LONGEST, call, "retry.max_delay", err)) {
        return false;
    }
    *ret = (nb_retry){ policy->max_retries == 0             ? standard->max_retries
                       : policy->max_retries == NIMBUS_NONE ? 0
                                                            : (uint32_t)policy->max_retries,
                       max_age, min_delay, max_delay, policy->jitter };
    return true;
}

int64_t nb_retry_delay(nimbus_runtime *nb, const nb_retry *retry, uint32_t n)
{
    int64_t delay = retry->min_delay;

    while (--n > 0 && delay < retry->max_delay) {
        delay = delay > retry->max_delay / 2 ? retry->max_delay : delay * 2;
    }
    delay = delay < retry->max_delay ? delay : retry->max_delay;
    if (retry->jitter && delay > 1) {
        delay = delay / 2 + (int64_t)(nb_random(nb) % (uint64_t)(delay - delay / 2 + 1));
    }
    return delay;
}

nb_verdict_on_retry nb_retry_decide(nimbus_runtime *nb, const nb_retry *retry, uint32_t attempts, int64_t since, int64_t *ret_delay)
{
    int64_t delay;

    if (attempts > retry->max_retries) {
        return NB_RETRIES_EXHAUSTED;
    }
    delay = nb_retry_delay(nb, retry, attempts);
    if (nb_add_time(nb_clock_elapsed(&nb->clock), delay) > nb_add_time(since, retry->max_age)) {
        return NB_AGE_EXCEEDED;
    }
    *ret_delay = delay;
    return NB_TRY_AGAIN;
}
