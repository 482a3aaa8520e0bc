/* retry.h - when a failed delivery is tried again. */
#ifndef NB_TARGET_RETRY_H
#define NB_TARGET_RETRY_H

#include <nimbus/target.h>

#include "runtime/runtime.h"

typedef struct nb_retry {
    uint32_t max_retries;
    int64_t max_age, min_delay, max_delay;
    bool jitter;
} nb_retry;

extern const nb_retry nb_retry_subscription; /* 3 retries, 20 s apart, 1 h (SNS-R5) */
extern const nb_retry nb_retry_rule;         /* 185 retries, 1 s doubling to 10 min, 24 h (EB-R1) */
extern const nb_retry nb_retry_function;     /* 2 retries, 1 and 2 min, 6 h (LA-A1) */

/* False: *err is filled. */
bool nb_retry_resolve(const nimbus_retry_policy *policy, const nb_retry *standard, nb_retry *ret, const char *call, nimbus_error *err);

/* How long to wait before retry number n, from 1. */
int64_t nb_retry_delay(nimbus_runtime *nb, const nb_retry *retry, uint32_t n);

/* What ends the retries. */
typedef enum nb_verdict_on_retry { NB_TRY_AGAIN, NB_RETRIES_EXHAUSTED, NB_AGE_EXCEEDED } nb_verdict_on_retry;

/* After the attempt that was number `attempts`; *ret_delay with NB_TRY_AGAIN. It looks ahead: no wait for a try that would be too late. */
nb_verdict_on_retry nb_retry_decide(nimbus_runtime *nb, const nb_retry *retry, uint32_t attempts, int64_t since, int64_t *ret_delay);

#endif
