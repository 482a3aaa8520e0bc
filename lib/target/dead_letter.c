#include "target/dead_letter.h"

#include <stdio.h>
#include <string.h>

const nb_failure nb_failure_missing = { "NO_RESOURCE", NULL, "nothing of that name exists", 0 };
const nb_failure nb_failure_permanent = { "REFUSED", NULL, "the target will never take it", 0 };
const nb_failure nb_failure_rejected = { "REJECTED", NULL, "rejected by the handler", 0 };
const nb_failure nb_failure_retries = { "RETRIES_EXHAUSTED", "MaximumRetryAttempts", "every attempt failed", 0 };
const nb_failure nb_failure_age = { "EVENT_AGE_EXCEEDED", "MaximumEventAgeInSeconds", "the next attempt would come too late", 0 };
const nb_failure nb_failure_full = { "FULL", NULL, "no room to wait for another attempt", 0 };
const nb_failure nb_failure_stopped = { "STOPPED", NULL, "the function is stopped", 0 };
const nb_failure nb_failure_input = { "INVALID_INPUT", NULL, "what the template made of the event is no JSON", 0 };

void nb_dead_letter_free(nb_heap *heap, nb_dead_letter *to)
{
    nb_name_release(to->queue);
    nb_text_free(heap, to->source);
    nb_text_free(heap, to->rule);
    nb_text_free(heap, to->target);
    memset(to, 0, sizeof *to);
}

static nimbus_attribute text_attribute(const char *name, nimbus_attribute_kind kind, const char *value)
{
    return (nimbus_attribute){ name, kind, NULL, { value, strlen(value) } };
}

/* The message with the attributes that a rule's dead letter carries; NULL: no memory. */
static nimbus_message *with_attributes(nimbus_runtime *nb, const nb_dead_letter *to, const nb_parcel *parcel, const nb_failure *why)
{
    nimbus_attribute attributes[6];
    nimbus_message *message = NULL;
    char retries[16];
    size_t count = 0;

    snprintf(retries, sizeof retries, "%u", why->attempts > 0 ? (unsigned)why->attempts - 1 : 0);
    attributes[count++] = text_attribute("RULE_ARN", NIMBUS_STRING, to->rule);
    attributes[count++] = text_attribute("TARGET_ARN", NIMBUS_STRING, to->target != NULL ? to->target : to->source);
    attributes[count++] = text_attribute("ERROR_CODE", NIMBUS_STRING, why->code);
    attributes[count++] = text_attribute("ERROR_MESSAGE", NIMBUS_STRING, why->reason);
    attributes[count++] = text_attribute("RETRY_ATTEMPTS", NIMBUS_NUMBER, retries);
    if (why->condition != NULL) {
        attributes[count++] = text_attribute("EXHAUSTED_RETRY_CONDITION", NIMBUS_STRING, why->condition);
    }
    return nb_message_extend(nb->heap, parcel->message, attributes, count, &message) == NIMBUS_OK ? message : NULL;
}

static bool offer_to(nimbus_runtime *nb, nb_object *queue, const nb_dead_letter *to, const nb_parcel *parcel, const nb_failure *why)
{
    nb_parcel dead = *parcel;

    dead.letter = nb_letter_make(nb->heap, to->source, why->reason, why->attempts);
    dead.message = to->rule != NULL ? with_attributes(nb, to, parcel, why) : nb_message_retain(parcel->message);
    dead.receive_count = 0; /* it was never received from a queue (SQS-D13) */
    if (dead.letter != NULL && dead.message != NULL && queue->ops->offer(queue, &dead) == NB_DELIVERED) {
        return true;
    }
    nb_letter_release(dead.letter);
    nb_message_release(dead.message);
    return false;
}

bool nb_dead_letter_offer(nimbus_runtime *nb, const nb_dead_letter *to, const nb_parcel *parcel, const nb_failure *why)
{
    nb_object *queue = to->queue != NULL ? nb_name_acquire(to->queue) : NULL;
    bool taken = queue != NULL && offer_to(nb, queue, to, parcel, why);

    if (to->queue != NULL) {
        nb_trace(nb, taken ? NIMBUS_TRACE_DEAD_LETTERED : NIMBUS_TRACE_MOVE_FAILED, to->noun, to->source, parcel->id,
                 taken             ? NIMBUS_OK
                 : queue == NULL ? NIMBUS_E_NOT_FOUND
                                   : NIMBUS_E_FULL,
                 why->reason, 1);
    }
    if (queue != NULL) {
        nb_object_release(queue);
    }
    return taken;
}

void nb_dead_letter_none(nimbus_runtime *nb, const nb_dead_letter *to, const nb_parcel *parcel, const nb_failure *why)
{
    nb_trace(nb, NIMBUS_TRACE_DISCARDED, to->noun, to->source, parcel->id, NIMBUS_OK, why->reason, 1);
}
