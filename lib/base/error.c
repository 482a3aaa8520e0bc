#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

bool nb_error_blocked(const nimbus_error *err)
{
    return err != NULL && nimbus_failed(err->status);
}

static void __attribute__((format(printf, 6, 0)))
fill(nimbus_error *err, nimbus_status status, const char *call, const char *field, size_t offset, const char *reason,
                 va_list args)
{
    if (err == NULL || nb_error_blocked(err)) {
        return;
    }
    err->status = status;
    err->offset = offset;
    snprintf(err->call, sizeof err->call, "%s", call != NULL ? call : "");
    snprintf(err->field, sizeof err->field, "%s", field != NULL ? field : "");
    vsnprintf(err->reason, sizeof err->reason, reason, args);
}

nimbus_status nb_error_set(nimbus_error *err, nimbus_status status, const char *call, const char *field, const char *reason, ...)
{
    va_list args;

    va_start(args, reason);
    fill(err, status, call, field, NB_NO_OFFSET, reason, args);
    va_end(args);
    return status;
}

void nb_error_rename(nimbus_error *err, const char *field)
{
    if (nb_error_blocked(err)) {
        snprintf(err->field, sizeof err->field, "%s", field);
    }
}

nimbus_status nb_error_set_at(nimbus_error *err, nimbus_status status, const char *call, const char *field, size_t offset,
                              const char *reason, ...)
{
    va_list args;

    va_start(args, reason);
    fill(err, status, call, field, offset, reason, args);
    va_end(args);
    return status;
}
