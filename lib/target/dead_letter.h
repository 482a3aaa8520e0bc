/*
 * dead_letter.h - where a delivery path or a function puts what failed for good: a queue, by its name entry.
 */
#ifndef NB_TARGET_DEAD_LETTER_H
#define NB_TARGET_DEAD_LETTER_H

#include "target/retry.h"

typedef struct nb_dead_letter {
    nb_name *queue;    /* counted; NULL: none */
    const char *noun;  /* for the trace: a constant */
    char *source;      /* owned: the topic, function, or "bus/rule/target" */
    char *rule;        /* owned: "bus/rule" for a rule's target, whose dead letters carry attributes (EB-R3); NULL: not one */
    char *target;      /* owned: what a rule's target names; NULL */
} nb_dead_letter;

/* Why something failed for good. */
typedef struct nb_failure {
    const char *code;      /* "NO_RESOURCE": a constant */
    const char *condition; /* "MaximumRetryAttempts", "MaximumEventAgeInSeconds"; NULL: it was not retried */
    const char *reason;    /* one sentence; the last handler's own if it gave one */
    uint32_t attempts;
} nb_failure;

/* Failures by their cause; attempts is filled in by the caller. */
extern const nb_failure nb_failure_missing, nb_failure_permanent, nb_failure_rejected, nb_failure_retries, nb_failure_age, nb_failure_full,
    nb_failure_stopped, nb_failure_input;

void nb_dead_letter_free(nb_heap *heap, nb_dead_letter *to);

/* Offers the parcel, which stays the caller's, and traces. False: there is none, or it did not take it. */
bool nb_dead_letter_offer(nimbus_runtime *nb, const nb_dead_letter *to, const nb_parcel *parcel, const nb_failure *why);

/* Traces that nothing takes it. */
void nb_dead_letter_none(nimbus_runtime *nb, const nb_dead_letter *to, const nb_parcel *parcel, const nb_failure *why);

#endif
