/* check.h - the checks that many calls share: names, durations, reserved fields. */
#ifndef NB_BASE_CHECK_H
#define NB_BASE_CHECK_H

#include <nimbus/message.h>

/* 1 to max bytes, each a letter, a digit or one of extra. */
bool nb_name_valid(const char *name, size_t max, const char *extra);

/* 1 to 128 letters, digits and ASCII punctuation: a group or deduplication id. How many; 0: it is none, as NULL is none. */
size_t nb_key_length(const char *key);

static inline bool nb_key_valid(const char *key)
{
    return nb_key_length(key) > 0;
}

/* All count words are zero. */
bool nb_reserved_clear(const uint64_t *reserved, size_t count);

/* An argument: NIMBUS_ZERO becomes 0. False: negative otherwise, or above 0 and below 1 us (a forgotten unit). */
static inline bool nb_forgotten_unit(nimbus_duration duration)
{
    return duration > 0 && duration < 1000;
}

static inline bool nb_duration_argument(nimbus_duration *duration)
{
    if (*duration == NIMBUS_ZERO) {
        *duration = 0;
    }
    return *duration >= 0 && !nb_forgotten_unit(*duration);
}

/* Whether an entry is a body, perhaps with a wait, and nothing else: one test for all that is nearly never there. */
static inline bool nb_entry_bare(const nimbus_entry *entry)
{
    uint64_t others = (uint64_t)entry->delay | entry->attribute_count | entry->reserved_[0] | entry->reserved_[1] |
                      (uintptr_t)entry->group_id | (uintptr_t)entry->deduplication_id | (uintptr_t)entry->attributes |
                      (uintptr_t)entry->subject;

    return others == 0;
}

/*
 * An option: 0 becomes standard, NIMBUS_ZERO becomes 0; then it must lie within [min, max]. False: *err is filled with call and field.
 */
bool nb_duration_option(nimbus_duration *option, nimbus_duration standard, nimbus_duration min, nimbus_duration max, const char *call,
                        const char *field, nimbus_error *err);

#endif
