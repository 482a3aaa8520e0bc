/* file_pipeline_scan.h - reads one file and finds out what is asked for. */
#ifndef FILE_PIPELINE_SCAN_H
#define FILE_PIPELINE_SCAN_H

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What can be asked for: one bit a stage of the pipeline. */
enum { SCAN_INDEX = 1, SCAN_IMAGE = 2, SCAN_SOURCE = 4, SCAN_BIG = 8, SCAN_WORDS = 16 };

typedef enum file_kind {
    KIND_EMPTY,
    KIND_TEXT,
    KIND_SCRIPT,
    KIND_PNG,
    KIND_JPEG,
    KIND_GIF,
    KIND_PDF,
    KIND_ELF,
    KIND_ARCHIVE,
    KIND_DATA,
    KINDS
} file_kind;

static const char *const kind_names[KINDS] = { "empty", "text", "script", "png", "jpeg", "gif", "pdf", "elf", "archive", "data" };

typedef struct metadata {
    file_kind kind;         /* SCAN_INDEX */
    uint64_t size;          /* SCAN_INDEX: bytes read */
    uint64_t checksum;      /* SCAN_INDEX: FNV-1a, 64 bits */
    uint64_t lines;         /* SCAN_INDEX, of text */
    uint64_t code_lines;    /* SCAN_SOURCE: lines that are not blank */
    uint64_t allocated;     /* SCAN_BIG: bytes on the disk */
    uint64_t words;         /* SCAN_WORDS */
    uint32_t width, height; /* SCAN_IMAGE and SCAN_INDEX; 0: unknown */
} metadata;

typedef enum scan_result { SCAN_OK, SCAN_GONE, SCAN_FAILED, SCAN_STOPPED } scan_result;

static uint32_t big16(const unsigned char *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static void jpeg_size(const unsigned char *p, size_t n, metadata *md)
{
    for (size_t i = 2; i + 9 < n && p[i] == 0xff;) {
        unsigned marker = p[i + 1];
        if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
            md->height = big16(p + i + 5);
            md->width = big16(p + i + 7);
            return;
        }
        i += marker == 0xff ? 1 : 2 + (size_t)big16(p + i + 2);
    }
}

static bool begins(const unsigned char *p, size_t n, const char *magic, size_t size)
{
    return n >= size && memcmp(p, magic, size) == 0;
}

static file_kind find_kind(const unsigned char *p, size_t n)
{
    if (n == 0)
        return KIND_EMPTY;
    if (begins(p, n, "\x89PNG\r\n\x1a\n", 8))
        return KIND_PNG;
    if (begins(p, n, "\xff\xd8\xff", 3))
        return KIND_JPEG;
    if (begins(p, n, "GIF8", 4))
        return KIND_GIF;
    if (begins(p, n, "%PDF", 4))
        return KIND_PDF;
    if (begins(p, n,
               "\x7f"
               "ELF",
               4))
        return KIND_ELF;
    if (begins(p, n, "\x1f\x8b", 2) || begins(p, n, "PK\3\4", 4) ||
        begins(p, n,
               "\xfd"
               "7zXZ",
               5) ||
        begins(p, n, "!<arch>", 7))
        return KIND_ARCHIVE;
    if (begins(p, n, "#!", 2))
        return KIND_SCRIPT;
    return memchr(p, 0, n < 4096 ? n : 4096) == NULL ? KIND_TEXT : KIND_DATA;
}

static void find_dimensions(const unsigned char *p, size_t n, metadata *md)
{
    switch (find_kind(p, n)) {
    case KIND_PNG:
        if (n >= 24) {
            md->width = big16(p + 16) << 16 | big16(p + 18);
            md->height = big16(p + 20) << 16 | big16(p + 22);
        }
        break;
    case KIND_GIF:
        if (n >= 10) {
            md->width = p[6] | (uint32_t)p[7] << 8;
            md->height = p[8] | (uint32_t)p[9] << 8;
        }
        break;
    case KIND_JPEG:
        jpeg_size(p, n, md);
        break;
    default:
        break;
    }
}

typedef struct scan_state {
    unsigned char last;
    bool in_word, in_code;
} scan_state;

static void scan_chunk(unsigned wanted, scan_state *state, const unsigned char *p, size_t n, metadata *md)
{
    if (wanted & SCAN_INDEX) {
        uint64_t sum = md->checksum;
        for (size_t i = 0; i < n; i++)
            sum = (sum ^ p[i]) * UINT64_C(0x100000001b3);
        md->checksum = sum;
        if (md->kind == KIND_TEXT || md->kind == KIND_SCRIPT)
            for (const unsigned char *at = p; (at = memchr(at, '\n', (size_t)(p + n - at))) != NULL; at++)
                md->lines++;
    }
    if (wanted & (SCAN_SOURCE | SCAN_WORDS)) {
        for (size_t i = 0; i < n; i++) {
            bool blank = p[i] == ' ' || (p[i] >= '\t' && p[i] <= '\r');
            if (!blank && !state->in_word)
                md->words++;
            if (!blank && !state->in_code)
                md->code_lines++;
            state->in_word = !blank;
            state->in_code = p[i] != '\n' && (state->in_code || !blank);
        }
    }
    md->size += n;
    state->last = p[n - 1];
}

static int open_regular(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -1;
    int error = fstat(fd, st) != 0 ? errno : S_ISREG(st->st_mode) ? 0 : ENOENT; /* replaced by something else: the file is gone */
    if (error == 0)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

static scan_result scan_failure(const char *what, char *reason, size_t room)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
        snprintf(reason, room, "the file has vanished");
        return SCAN_GONE;
    case EACCES:
    case EPERM:
        snprintf(reason, room, "%s: permission denied", what);
        return SCAN_FAILED;
    case EIO:
        snprintf(reason, room, "%s: input/output error", what);
        return SCAN_FAILED;
    default:
        snprintf(reason, room, "%s: system error %d", what, errno);
        return SCAN_FAILED;
    }
}

/**
 * Reads a file.
 *
 * @param wanted   SCAN_ bits
 * @param stop     asked between two blocks; true: give up
 * @param beat     grows by the bytes read, so that somebody can see that we are alive
 * @param ret      written on SCAN_OK
 * @param reason   written on SCAN_GONE and SCAN_FAILED
 */
static scan_result scan_file(const char *path, unsigned wanted, bool (*stop)(void *user), void *user, atomic_ullong *beat, metadata *ret,
                             char *reason, size_t room)
{
    enum { BLOCK = 64 * 1024 };
    struct stat st;
    metadata md = { .kind = KIND_EMPTY, .checksum = UINT64_C(0xcbf29ce484222325) };
    scan_state state = { 0 };
    unsigned char *block = malloc(BLOCK);
    int fd = open_regular(path, &st);
    scan_result result = fd < 0 ? scan_failure("open", reason, room) : SCAN_OK;
    bool first = true;
    while (result == SCAN_OK) {
        if (block == NULL)
            errno = ENOMEM;
        ssize_t got = block == NULL ? -1 : read(fd, block, BLOCK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            result = scan_failure("read", reason, room);
        if (got <= 0)
            break;
        if (first && (wanted & (SCAN_INDEX | SCAN_IMAGE)) != 0)
            find_dimensions(block, (size_t)got, &md);
        if (first)
            md.kind = find_kind(block, (size_t)got);
        first = false;
        scan_chunk(wanted, &state, block, (size_t)got, &md);
        atomic_fetch_add(beat, (unsigned long long)got);
        if ((wanted & ~(unsigned)(SCAN_IMAGE | SCAN_BIG)) == 0) /* the first block was enough */
            break;
        if (stop(user))
            result = SCAN_STOPPED;
    }
    if (fd >= 0)
        close(fd);
    free(block);
    if (result != SCAN_OK)
        return result;
    if ((md.kind == KIND_TEXT || md.kind == KIND_SCRIPT) && state.last != '\n')
        md.lines++;
    md.allocated = (uint64_t)st.st_blocks * 512;
    *ret = md;
    return SCAN_OK;
}

#endif
