/* status.c - the table of statuses: name, text, and what the cloud services call it. */
#include "base/status.h"

#include <stddef.h>

typedef struct status_row {
    nimbus_status status;
    const char *name, *text, *aws_name;
} status_row;

#define ROW(status, text, aws) { status, #status, text, aws }

static const status_row rows[] = {
    ROW(NIMBUS_OK, "done", ""),
    ROW(NIMBUS_STALE, "the receipt was superseded; nothing was changed", ""),
    ROW(NIMBUS_PARTIAL, "some entries of the batch failed", ""),
    ROW(NIMBUS_EMPTY, "nothing came within the wait", ""),
    ROW(NIMBUS_DUPLICATE, "a duplicate: accepted, and nothing was stored", ""),
    ROW(NIMBUS_E_INVALID, "an argument is NULL, out of range or malformed", "InvalidParameterValue"),
    ROW(NIMBUS_E_MISSING, "a required part is absent", "MissingParameter"),
    ROW(NIMBUS_E_NOT_FOUND, "nothing has that name", "ResourceNotFoundException"),
    ROW(NIMBUS_E_EXISTS, "the name is taken by a resource with other options", "QueueNameExists"),
    ROW(NIMBUS_E_DELETED, "the resource was deleted", "QueueDoesNotExist"),
    ROW(NIMBUS_E_CLOSED, "the instance was shut down", ""),
    ROW(NIMBUS_E_NO_MEMORY, "out of memory", "InternalError"),
    ROW(NIMBUS_E_FULL, "a capacity or the memory budget is used up", "OverLimit"),
    ROW(NIMBUS_E_TIMEOUT, "the given time went by", ""),
    ROW(NIMBUS_E_TOO_LARGE, "the message, event, name or text is above its limit", "InvalidParameterValue"),
    ROW(NIMBUS_E_RECEIPT, "not a receipt of this queue", "ReceiptHandleIsInvalid"),
    ROW(NIMBUS_E_NO_MESSAGE, "the message of this receipt no longer exists", "InvalidParameterValue"),
    ROW(NIMBUS_E_NOT_INFLIGHT, "the visibility of this receipt has lapsed", "MessageNotInflight"),
    ROW(NIMBUS_E_OVER_LIMIT, "a limit of the instance is reached", "OverLimit"),
    ROW(NIMBUS_E_EMPTY_BATCH, "the batch has no entries", "EmptyBatchRequest"),
    ROW(NIMBUS_E_BATCH_TOO_MANY, "the batch has too many entries", "TooManyEntriesInBatchRequest"),
    ROW(NIMBUS_E_BATCH_TOO_LONG, "the entries together exceed the size limit", "BatchRequestTooLong"),
    ROW(NIMBUS_E_ATTRIBUTE, "an attribute's name, type or value is malformed", "InvalidParameterValue"),
    ROW(NIMBUS_E_PATTERN, "the pattern is malformed", "InvalidEventPatternException"),
    ROW(NIMBUS_E_JSON, "malformed JSON, or not a JSON object", "MalformedDetail"),
    ROW(NIMBUS_E_UNSUPPORTED, "this version cannot do it", "UnsupportedOperation"),
    ROW(NIMBUS_E_CONFLICT, "it is there already", "ResourceConflictException"),
    ROW(NIMBUS_E_IN_USE, "it still has parts that depend on it", "ValidationException"),
    ROW(NIMBUS_E_BUSY, "handlers still run, or another thread drives the instance", "ResourceInUseException"),
    ROW(NIMBUS_E_WOULD_DEADLOCK, "the call would wait for its own caller", ""),
    ROW(NIMBUS_E_WOULD_BLOCK, "the call would wait, and nothing could end the wait", ""),
    ROW(NIMBUS_E_THREAD, "a thread could not be started", ""),
    ROW(NIMBUS_E_SYSTEM, "the operating system refused a resource", ""),
    ROW(NIMBUS_E_TOO_DEEP, "too many publishes inside one another", ""),
    ROW(NIMBUS_E_CANCELLED, "cancelled before it was done", ""),
    ROW(NIMBUS_E_TOO_COMPLEX, "the pattern is too complex, or there are too many", "InvalidEventPatternException"),
    ROW(NIMBUS_E_RECEIPT_EXPIRED, "the receipt has expired: its visibility lapsed before the delete", "InvalidParameterValue"),
    ROW(NIMBUS_E_DEDUP_FULL, "no room to remember another deduplication id", "OverLimit"),
    ROW(NIMBUS_E_ATTEMPT, "the receive attempt cannot be repeated", "InvalidParameterValue"),
    ROW(NIMBUS_E_DELETED_RECENTLY, "a resource of that name was deleted a short time ago", "QueueDeletedRecently"),
    ROW(NIMBUS_E_PURGED_RECENTLY, "the queue was purged a short time ago", "PurgeQueueInProgress"),
    ROW(NIMBUS_E_CONTENT, "bytes that are no text where only text is allowed", "InvalidMessageContents"),
};

static const status_row unknown = { NIMBUS_OK, "NIMBUS_E_UNKNOWN", "a status that this version does not know", "" };

static const status_row *find(nimbus_status status)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].status == status) {
            return &rows[i];
        }
    }
    return &unknown;
}

const char *nb_status_name(nimbus_status status)
{
    return find(status)->name;
}

const char *nb_status_text(nimbus_status status)
{
    return find(status)->text;
}

const char *nb_status_aws_name(nimbus_status status)
{
    return find(status)->aws_name;
}
