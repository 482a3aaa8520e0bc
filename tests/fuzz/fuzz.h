/**
 * fuzz.h - what fuzz targets share. Each target is one function on bytes; it ends the program when something is wrong.
 *
 * Built as they are, targets replay files and mutations of them (replay.c). Built with -Dfuzz=true by clang, libFuzzer drives them;
 * afl-clang-fast drives them too.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The target, as libFuzzer calls it. Returns: 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Ends the program with a message unless ok. */
void fuzz_check(bool ok, const char *what);

/** A part of the input. */
typedef struct fuzz_part {
    char *data; /**< a copy of exactly its size, so that a checker of memory sees every byte that is read too far; never NULL */
    size_t size;
} fuzz_part;

/** Copies the input up to the next separator byte, or its end, and moves on behind it. To be freed by fuzz_free. */
fuzz_part fuzz_take(const uint8_t **data, size_t *size, uint8_t separator);

/** The same with a NUL behind the part; it ends before a NUL in the input. */
fuzz_part fuzz_take_string(const uint8_t **data, size_t *size, uint8_t separator);

/** Frees a part. */
void fuzz_free(fuzz_part *part);

#endif
