/*
 * replay.c - runs a fuzz target without a fuzzer: on each file of some folders, and on mutations of them.
 *
 *     fuzz_NAME [--mutations N] [--seed S] FOLDER-OR-FILE...
 *
 * N mutations are drawn in all, 0 without the option. A failure ends the program; the input that it was about is left in
 * fuzz-failure.bin in the working folder.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#define MAX_FILE 65536

typedef struct input {
    uint8_t *data;
    size_t size;
} input;

static input *inputs;
static size_t input_count;
static const uint8_t *current;
static size_t current_size;

static void on_abort(int number)
{
    FILE *file = fopen("fuzz-failure.bin", "wb"); /* the program is at its end: no other thread runs, and nothing else is tried */

    if (file != NULL) {
        fwrite(current, 1, current_size, file);
        fclose(file);
    }
    signal(number, SIG_DFL);
    raise(number);
}

static void run(const uint8_t *data, size_t size)
{
    current = data;
    current_size = size;
    LLVMFuzzerTestOneInput(data, size);
}

static void add_file(const char *name)
{
    FILE *file = fopen(name, "rb");
    input in = { malloc(MAX_FILE), 0 };

    fuzz_check(file != NULL && in.data != NULL, name);
    in.size = fread(in.data, 1, MAX_FILE, file);
    fclose(file);
    inputs = realloc(inputs, (input_count + 1) * sizeof *inputs);
    fuzz_check(inputs != NULL, "out of memory");
    inputs[input_count++] = in;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_path(const char *path)
{
    struct dirent **names = NULL;
    int count = scandir(path, &names, NULL, compare_names);

    if (count < 0) {
        add_file(path);
    }
    for (int i = 0; i < count; i++) {
        char name[4096];

        snprintf(name, sizeof name, "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.') {
            add_file(name);
        }
        free(names[i]);
    }
    free(names);
}

/* ------------------------------------------------------------------------------------------------ mutations */

static uint64_t state;

static size_t below(size_t n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return n == 0 ? 0 : (size_t)(state >> 33) % n;
}

/* Puts a piece in, taking others out: what stands between `at` and `at + out` becomes `piece`. */
static void splice(input *in, size_t at, size_t out, const void *piece, size_t size)
{
    if (in->size - out + size <= MAX_FILE) {
        memmove(in->data + at + size, in->data + at + out, in->size - at - out);
        memcpy(in->data + at, piece, size);
        in->size += size - out;
    }
}

static void mutate(input *in)
{
    static const char *const tokens[] = { "{",
                                          "}",
                                          "[",
                                          "]",
                                          ",",
                                          ":",
                                          "\"",
                                          "\\",
                                          "\\u",
                                          "\\ud800",
                                          "\\udc00",
                                          "null",
                                          "true",
                                          "false",
                                          "0",
                                          "-0",
                                          "1e",
                                          "1.5",
                                          "e400",
                                          "\x80",
                                          "\xed\xa0\x80",
                                          "\xf4\x90\x80\x80",
                                          "*",
                                          "**",
                                          "\\\\*",
                                          "\"$or\":",
                                          "\"anything-but\":",
                                          "\"wildcard\":",
                                          "\"prefix\":",
                                          "\"suffix\":",
                                          "\"equals-ignore-case\":",
                                          "\"numeric\":",
                                          "\"exists\":",
                                          "\"cidr\":",
                                          "10.0.0.0/8",
                                          "::1/64",
                                          "\n",
                                          "<a>",
                                          "$.a",
                                          "<aws.events.event>",
                                          ".",
                                          "[*]",
                                          "\xc3\x9f",
                                          "\xc4\xb0" };
    size_t at = below(in->size + 1);
    size_t left = in->size - at;
    const input *other = &inputs[below(input_count)];
    size_t from = below(other->size);
    uint8_t byte = (uint8_t)below(256);

    switch (below(6)) {
    case 0:
        splice(in, at, left != 0, &byte, 1);
        break;
    case 1:
        splice(in, at, below(left < 20 ? left + 1 : 20), "", 0);
        break;
    case 2:
        splice(in, at, 0, other->data + from, below(other->size - from < 100 ? other->size - from + 1 : 100));
        break;
    case 3:
        if (left != 0) {
            in->data[at] ^= (uint8_t)(1U << below(8));
        }
        break;
    default: {
        const char *token = tokens[below(sizeof tokens / sizeof tokens[0])];

        splice(in, at, below(3) == 0 && left != 0, token, strlen(token));
        break;
    }
    }
}

static void run_mutations(unsigned long count)
{
    input in = { malloc(2 * MAX_FILE), 0 };

    fuzz_check(in.data != NULL, "out of memory");
    for (unsigned long i = 0; i < count && input_count != 0; i++) {
        const input *base = &inputs[below(input_count)];
        size_t times = 1 + below(6);

        memcpy(in.data, base->data, base->size);
        in.size = base->size;
        while (times-- > 0) {
            mutate(&in);
        }
        run(in.data, in.size);
    }
    free(in.data);
}

int main(int argc, char **argv)
{
    unsigned long mutations = 0;

    signal(SIGABRT, on_abort);
    signal(SIGSEGV, on_abort);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--mutations") == 0 && i + 1 < argc) {
            mutations = strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            state = strtoul(argv[++i], NULL, 10);
        } else {
            add_path(argv[i]);
        }
    }
    for (size_t i = 0; i < input_count; i++) {
        run(inputs[i].data, inputs[i].size);
    }
    run_mutations(mutations);
    printf("%zu inputs, %lu mutations\n", input_count, mutations);
    for (size_t i = 0; i < input_count; i++) {
        free(inputs[i].data);
    }
    free(inputs);
    return input_count == 0;
}
