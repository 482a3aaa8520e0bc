#include "queue/text.h"

#include <string.h>

/* The code point at `at`, which is no ASCII; *size: its bytes. Malformed: 0. */
static uint32_t decode(const unsigned char *at, size_t left, size_t *size)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char first = at[0];
    size_t n = first >= 0xf0 && first <= 0xf4 ? 4 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xc2 && first < 0xe0 ? 2 : 0;
    uint32_t code = n == 4 ? first & 7u : n == 3 ? first & 15u : first & 31u;

    if (n == 0 || n > left) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (at[i] & 0x3fu);
    }
    *size = n;
    return code < least[n] || code > 0x10ffff ? 0 : code;
}

bool nb_text_valid(nimbus_bytes bytes)
{
    const unsigned char *data = bytes.data;
    size_t at = 0, size = 0;

    while (at < bytes.size) {
        unsigned char c = data[at];

        if (c < 0x80) {
            if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') {
                return false;
            }
            at++;
        } else {
            uint32_t code = decode(data + at, bytes.size - at, &size);

            if (code == 0 || (code >= 0xd800 && code < 0xe000) || code == 0xfffe || code == 0xffff) {
                return false;
            }
            at += size;
        }
    }
    return true;
}

bool nb_text_only(nimbus_bytes body, const nimbus_attribute *attributes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (attributes[i].kind == NIMBUS_STRING && !nb_text_valid(attributes[i].value)) {
            return false;
        }
    }
    return nb_text_valid(body);
}
