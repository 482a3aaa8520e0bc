#include "base/check.h"

#include <string.h>

#include "base/error.h"
#include "base/words.h"

#define MAX_KEY 128u
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static bool letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool nb_name_valid(const char *name, size_t max, const char *extra)
{
    size_t length = 0;

    if (name == NULL) {
        return false;
    }
    for (; name[length] != '\0'; length++) {
        if (length == max || (!letter_or_digit(name[length]) && strchr(extra, name[length]) == NULL)) {
            return false;
        }
    }
    return length > 0;
}

/* Eight characters at once: none above '~' or below '!'. Below 0x80 no addition carries into the next byte. */
static bool all_graphic(uint64_t word)
{
    uint64_t high = word | (word + EACH(0x80 - 0x7f));

    return (high & EACH(0x80)) == 0 && ((word + EACH(0x80 - '!')) & EACH(0x80)) == EACH(0x80);
}

size_t nb_key_length(const char *key)
{
    size_t length = key != NULL ? strnlen(key, MAX_KEY + 1) : 0, left = length;
    bool good = length <= MAX_KEY;

    for (; left >= sizeof(uint64_t); key += sizeof(uint64_t), left -= sizeof(uint64_t)) {
        good = good && all_graphic(nb_word_at(key));
    }
    if (left > 0) {
        good = good && all_graphic(nb_word_of(key, left) | EACH('!') << 8 * left);
    }
    return good ? length : 0;
}

bool nb_reserved_clear(const uint64_t *reserved, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (reserved[i] != 0) {
            return false;
        }
    }
    return true;
}

bool nb_duration_option(nimbus_duration *option, nimbus_duration standard, nimbus_duration min, nimbus_duration max, const char *call,
                        const char *field, nimbus_error *err)
{
    nimbus_duration value = *option == 0 ? standard : *option == NIMBUS_ZERO ? 0 : *option;

    if (nb_forgotten_unit(value)) {
        nb_error_set(err, NIMBUS_E_INVALID, call, field, "%lld ns: a forgotten unit? NIMBUS_SECONDS(%lld)", (long long)value,
                     (long long)value);
        return false;
    }
    if (value < min || value > max) {
        nb_error_set(err, NIMBUS_E_INVALID, call, field, "%lld ns is not between %lld ns and %lld ns", (long long)value, (long long)min,
                     (long long)max);
        return false;
    }
    *option = value;
    return true;
}
