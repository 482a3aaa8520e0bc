/* parts.c - cutting the input of a fuzz target. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

void fuzz_check(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "fuzz: %s\n", what);
        abort();
    }
}

static fuzz_part take(const uint8_t **data, size_t *size, uint8_t separator, size_t room)
{
    const uint8_t *stop = *size == 0 ? NULL : memchr(*data, separator, *size);
    size_t take = stop == NULL ? *size : (size_t)(stop - *data);
    size_t skip = stop == NULL ? take : take + 1;
    fuzz_part part = { malloc(take + room), take };

    fuzz_check(part.data != NULL, "out of memory");
    if (take != 0) {
        memcpy(part.data, *data, take);
    }
    *data += skip;
    *size -= skip;
    return part;
}

fuzz_part fuzz_take(const uint8_t **data, size_t *size, uint8_t separator)
{
    /* malloc(0) may answer NULL */
    return take(data, size, separator, *size == 0 || **data == separator ? 1 : 0);
}

fuzz_part fuzz_take_string(const uint8_t **data, size_t *size, uint8_t separator)
{
    fuzz_part part = take(data, size, separator, 1);

    part.data[part.size] = '\0';
    part.size = strlen(part.data);
    return part;
}

void fuzz_free(fuzz_part *part)
{
    free(part->data);
    part->data = NULL;
}
