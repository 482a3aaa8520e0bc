/*
 * error.h - filling the sticky error of a set-up call.
 *
 * Every set-up call of api/ starts with nb_error_blocked(): an error that already holds a failure makes the call do nothing.
 */
#ifndef NB_BASE_ERROR_H
#define NB_BASE_ERROR_H

#include <nimbus/base.h>

#define NB_NO_OFFSET SIZE_MAX

/* True if *err already holds a failure; err may be NULL. */
bool nb_error_blocked(const nimbus_error *err);

/*
 * Writes a failure into *err unless err is NULL or holds one already, and returns status, so that a caller can end with it.
 * call, field: names, truncated to fit, NULL for none. reason: printf format.
 */
nimbus_status nb_error_set(nimbus_error *err, nimbus_status status, const char *call, const char *field, const char *reason, ...)
    __attribute__((format(printf, 5, 6)));

/* The same with the byte offset in the text that was parsed. */
nimbus_status nb_error_set_at(nimbus_error *err, nimbus_status status, const char *call, const char *field, size_t offset,
                              const char *reason, ...) __attribute__((format(printf, 6, 7)));

/* Another name for the field at fault, unless *err holds no failure. */
void nb_error_rename(nimbus_error *err, const char *field);

#endif
