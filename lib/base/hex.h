/* hex.h - bytes as hexadecimal digits. */
#ifndef NB_BASE_HEX_H
#define NB_BASE_HEX_H

#include <stddef.h>

/* Two lower-case digits for each byte, and a NUL. */
static inline void nb_hex_text(const unsigned char *bytes, size_t size, char *to)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    *to = '\0';
}

#endif
