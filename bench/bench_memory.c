/*
 * bench_memory.c - what an instance and a message cost beside their payload: bytes, allocations, and the time of open and close.
 *
 * Bytes are what was asked of a counting allocator (what malloc adds to a block is its own affair; chunks are large, so it is little). A
 * message's bookkeeping is the growth from none to a million messages, less their bodies. The size of the library is that of the shared
 * library built beside this program without symbols, which is what `strip` leaves.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nimbus/nimbus.h>

#if defined(__linux__)
#include <elf.h>
#endif

#define BODY 64u

typedef struct settings {
    size_t messages;
    unsigned opens;
    const char *only; /* rows whose name contains it; NULL: all */
    bool tiny, json;
} settings;

static settings set = { .messages = 1000000, .opens = 2001 };
static unsigned met, missed, absent;

/* ----------------------------------------------------------------------------------------------- rows */

static bool wanted(const char *name)
{
    return set.only == NULL || strstr(name, set.only) != NULL;
}

/* value < 0: there is nothing to measure here. most 0: there is no target. */
static void row(const char *name, double value, double most, const char *unit)
{
    const char *said = most <= 0 ? "" : value < 0 ? "absent" : value <= most ? "met" : "missed";
    char target[32] = "";

    if (most > 0) {
        snprintf(target, sizeof target, "<= %g", most);
        met += value >= 0 && value <= most;
        missed += value > most;
        absent += value < 0;
    }
    if (set.json) {
        printf("{\"bench\":\"memory\",\"case\":\"%s\",\"subject\":\"nimbus\",\"value\":%.2f,\"unit\":\"%s\"", name, value, unit);
        if (most > 0) {
            printf(",\"target\":\"%s\",\"met\":%s", target, value < 0 ? "null" : value <= most ? "true" : "false");
        }
        printf("}\n");
    } else {
        printf("  %-58s %12.2f %-12s %-10s %s  \n", name, value, unit, target, said);
    }
}

/* ----------------------------------------------------------------------------------------- the allocator */

static size_t bytes;
static uint64_t calls;

static void *allocate(size_t size, void *user)
{
    (void)user;
    bytes += size;
    calls++;
    return malloc(size);
}

static void release(void *block, size_t size, void *user)
{
    (void)user;
    bytes -= size;
    free(block);
}

/* Driven, so that only this thread allocates. */
static nimbus_runtime *open_counted(void)
{
    static const nimbus_allocator counting = { allocate, release, NULL };
    nimbus_options options;
    nimbus_error err;
    nimbus_runtime *nb;

    memset(&options, 0, sizeof options);
    memset(&err, 0, sizeof err);
    options.driven = true;
    options.allocator = &counting;
    options.max_memory = SIZE_MAX;
    options.limits.preset = NIMBUS_LIMITS_RELAXED;
    nb = nimbus_open(&options, &err);
    bench_check(nb != NULL, err.reason);
    return nb;
}

static void close_counted(nimbus_runtime *nb)
{
    bench_check(nimbus_close(nb, 0, NULL) == NIMBUS_OK, "nimbus_close");
    bench_check(bytes == 0, "everything is given back at the close");
}

static nimbus_queue *make_queue(nimbus_runtime *nb, bool fifo)
{
    nimbus_error err;
    nimbus_queue *queue;
    nimbus_queue_options options;

    memset(&err, 0, sizeof err);
    memset(&options, 0, sizeof options);
    options.visibility_timeout = NIMBUS_SECONDS(3600);
    options.capacity_messages = 2 * set.messages;
    options.fifo = fifo;
    options.deduplication_capacity = fifo ? SIZE_MAX / 2 : 0;
    queue = nimbus_queue_create(nb, fifo ? "queue.fifo" : "queue", &options, &err);
    bench_check(queue != NULL, err.reason);
    return queue;
}

/* ------------------------------------------------------------------------------------------- the instance */

static void idle(void)
{
    nimbus_runtime *nb = open_counted();
    size_t opened = bytes;

    make_queue(nb, false);
    row("idle instance, driven", (double)opened / 1024, 64, "KiB");
    row("a queue without messages", (double)(bytes - opened) / 1024, 0, "KiB");
    close_counted(nb);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void open_close(void)
{
    double *us = bench_alloc(set.opens * sizeof *us);

    for (unsigned i = 0; i < set.opens; i++) {
        nimbus_options options;
        nimbus_runtime *nb;
        uint64_t start = bench_now();

        memset(&options, 0, sizeof options);
        options.driven = true;
        nb = nimbus_open(&options, NULL);
        bench_check(nb != NULL && nimbus_close(nb, 0, NULL) == NIMBUS_OK, "open and close");
        us[i] = (double)(bench_now() - start) / 1000;
    }
    qsort(us, set.opens, sizeof *us, by_value);
    row("open and close without threads, median", us[set.opens / 2], 50, "us");
    free(us);
}

/* ------------------------------------------------------------------------------------------- the messages */

static char body[BODY];

static void send_all(nimbus_queue *queue, size_t count)
{
    nimbus_entry entry;

    memset(&entry, 0, sizeof entry);
    entry.body = nimbus_copy(body, sizeof body);
    for (size_t i = 0; i < count; i++) {
        bench_check(nimbus_queue_send(queue, &entry, NULL) == NIMBUS_OK, "send");
    }
}

static void receive_all(nimbus_queue *queue, size_t count, bool and_delete)
{
    enum { BATCH = 100 };
    static nimbus_delivery got[BATCH];
    size_t taken = 0;

    for (size_t n = 0; n < count; n += taken) {
        bench_check(nimbus_queue_receive(queue, 0, NULL, got, BATCH, &taken) == NIMBUS_OK, "receive");
        for (size_t i = 0; i < taken; i++) {
            if (and_delete) {
                bench_check(nimbus_delivery_delete(&got[i]) == NIMBUS_OK, "delete");
            } else {
                nimbus_delivery_release(&got[i]);
            }
        }
    }
}

static void bookkeeping(void)
{
    nimbus_runtime *nb = open_counted();
    nimbus_queue *queue = make_queue(nb, false);
    size_t before = bytes;
    uint64_t asked;

    send_all(queue, set.messages);
    row("bookkeeping of a ready message", (double)(bytes - before) / (double)set.messages - BODY, set.tiny ? 0 : 112, "bytes");
    receive_all(queue, set.messages, false);
    row("bookkeeping of a message in flight", (double)(bytes - before) / (double)set.messages - BODY, set.tiny ? 0 : 128, "bytes");
    asked = calls;
    bench_check(nimbus_queue_purge(queue, NULL) == NIMBUS_OK, "purge");
    row("kept of it after they are gone", (double)(bytes - before) / (double)set.messages, 0, "bytes");
    for (int round = 0; round < 4; round++) {
        asked = round < 3 ? calls : asked;
        for (size_t i = 0; i < set.messages / 10; i += 1000) {
            send_all(queue, 1000);
            receive_all(queue, 1000, true);
        }
    }
    row("allocations a message: send, receive, delete", (double)(calls - asked) / (double)(set.messages / 10), 0.0001, "calls");
    close_counted(nb);
}

/* A thousand groups; keys and ids of deduplication are not bookkeeping, the latter have a row of their own. */
static void fifo_bookkeeping(void)
{
    enum { KEYS = 4 + 3 + 8 }; /* two lengths, two NULs, and their characters */
    nimbus_runtime *nb = open_counted();
    nimbus_queue *queue = make_queue(nb, true);
    nimbus_queue_metrics metrics;
    size_t before = bytes;

    for (size_t i = 0; i < set.messages; i++) {
        char group[8], id[16];
        nimbus_entry entry;

        memset(&entry, 0, sizeof entry);
        snprintf(group, sizeof group, "%03u", (unsigned)(i % 1000));
        snprintf(id, sizeof id, "%08u", (unsigned)(i % 100000000));
        entry.body = nimbus_copy(body, sizeof body);
        entry.group_id = group;
        entry.deduplication_id = id;
        bench_check(nimbus_queue_send(queue, &entry, NULL) == NIMBUS_OK, "send");
    }
    bench_check(nimbus_queue_get_metrics(queue, &metrics) == NIMBUS_OK, "metrics");
    row("FIFO: bookkeeping of a ready message", (double)(bytes - before - metrics.dedup_bytes) / (double)set.messages - BODY - KEYS,
        set.tiny ? 0 : 144, "bytes");
    row("FIFO: a deduplication id", (double)metrics.dedup_bytes / (double)metrics.dedup_entries, set.tiny ? 0 : 64, "bytes");
    close_counted(nb);
}

/* -------------------------------------------------------------------------------------------- the library */

#if defined(__linux__) && UINTPTR_MAX == UINT64_MAX
/* What strip leaves: the sections that are loaded, their names and their table. */
static double stripped_size(FILE *file)
{
    Elf64_Ehdr head;
    Elf64_Shdr section;
    double end = 0, table = 0;

    if (fread(&head, sizeof head, 1, file) != 1 || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64) {
        return -1;
    }
    for (unsigned i = 0; i < head.e_shnum; i++) {
        if (fseek(file, (long)(head.e_shoff + i * sizeof section), SEEK_SET) != 0 || fread(&section, sizeof section, 1, file) != 1) {
            return -1;
        }
        if ((section.sh_flags & SHF_ALLOC) != 0 && section.sh_type != SHT_NOBITS) {
            double at = (double)(section.sh_offset + section.sh_size);

            end = at > end ? at : end;
        }
        table += sizeof section + (i == head.e_shstrndx ? (double)section.sh_size : 0);
    }
    return end + table;
}

static double library_size(void)
{
    static const char beside[] = "/../lib/libnimbus.so";
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof beside);
    double size = -1;
    FILE *file;
    char *name;

    if (length <= 0) {
        return -1;
    }
    path[length] = '\0';
    name = strrchr(path, '/');
    if (name == NULL) {
        return -1;
    }
    memcpy(name, beside, sizeof beside);
    file = fopen(path, "rb");
    if (file != NULL) {
        size = stripped_size(file);
        fclose(file);
    }
    return size;
}
#else
static double library_size(void)
{
    return -1;
}
#endif

/* ------------------------------------------------------------------------------------------------ main */

static bool read_arguments(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--tiny") == 0) {
            set.tiny = true;
            set.messages = 10000;
            set.opens = 3;
        } else if (strcmp(argv[i], "--json") == 0) {
            set.json = true;
        } else if (strcmp(argv[i], "--case") == 0 && i + 1 < argc) {
            set.only = argv[++i];
        } else if ((strcmp(argv[i], "--rounds") == 0 || strcmp(argv[i], "--ms") == 0) && i + 1 < argc) {
            i++; /* these mean nothing here */
        } else if (strcmp(argv[i], "--alone") != 0) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    if (!read_arguments(argc, argv)) {
        fprintf(stderr, "usage: %s [--tiny] [--case instance|open|message|FIFO|library] [--json]\n", argv[0]);
        return 2;
    }
    if (!set.json) {
        printf("bench memory: bytes asked of the allocator, %zu messages of %u bytes.\n\nmemory: size and cost\n", set.messages, BODY);
    }
    if (wanted("instance")) {
        idle();
    }
    if (wanted("open")) {
        open_close();
    }
    if (wanted("message")) {
        bookkeeping();
    }
    if (wanted("message") || wanted("FIFO")) {
        fifo_bookkeeping();
    }
    if (wanted("library")) {
        double size = library_size();

        row("shared library, stripped", size < 0 ? -1 : size / 1024, 300, "KiB");
    }
    if (!set.json && !set.tiny) {
        printf("\ntargets of memory: %u met, %u missed, %u without their peer\n", met, missed, absent);
    }
    return 0;
}
