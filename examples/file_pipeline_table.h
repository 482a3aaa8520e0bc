/* file_pipeline_table.h - what is known about each file: a hash table under one mutex. It is also the ledger: which stages have to see a
 * file, which have, which gave up, and how often it was reported. */
#ifndef FILE_PIPELINE_TABLE_H
#define FILE_PIPELINE_TABLE_H

#include "file_pipeline_scan.h"
#include "file_pipeline_text.h"
#include <pthread.h>

typedef struct file_entry {
    struct file_entry *next; /* in its bucket */
    uint64_t hash;
    unsigned expected, done, dead, busy; /* stages, by SCAN_ bit */
    unsigned reports;
    metadata md;
    char path[];
} file_entry;

typedef struct table {
    pthread_mutex_t lock;
    file_entry **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    uint64_t strangers; /* reports and dead letters of files that were never put */
} table;

static uint64_t hash_bytes(const void *data, size_t size, uint64_t hash)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_path(const char *path)
{
    return hash_bytes(path, strlen(path), UINT64_C(0xcbf29ce484222325));
}

static void table_init(table *t)
{
    *t = (table){ .bucket_count = 1024 };
    t->buckets = calloc(t->bucket_count, sizeof(file_entry *));
    if (t->buckets == NULL || pthread_mutex_init(&t->lock, NULL) != 0)
        fatal("out of memory");
}

static void table_grow(table *t)
{
    size_t count = t->bucket_count * 2;
    file_entry **buckets = calloc(count, sizeof(file_entry *));
    if (buckets == NULL)
        return; /* slower, but right */
    for (size_t i = 0; i < t->bucket_count; i++) {
        for (file_entry *e = t->buckets[i], *next; e != NULL; e = next) {
            next = e->next;
            e->next = buckets[e->hash & (count - 1)];
            buckets[e->hash & (count - 1)] = e;
        }
    }
    free(t->buckets);
    t->buckets = buckets;
    t->bucket_count = count;
}

/** With the lock held. */
static file_entry *table_find(table *t, const char *path)
{
    uint64_t hash = hash_path(path);
    for (file_entry *e = t->buckets[hash & (t->bucket_count - 1)]; e != NULL; e = e->next)
        if (e->hash == hash && strcmp(e->path, path) == 0)
            return e;
    return NULL;
}

/** A file is about to be put; the stages of `expected` will have to see it. Returns: false if it is known already. */
static bool table_add(table *t, const char *path, unsigned expected)
{
    size_t size = strlen(path) + 1;
    pthread_mutex_lock(&t->lock);
    bool fresh = table_find(t, path) == NULL;
    if (fresh) {
        file_entry *e = calloc(1, sizeof *e + size);
        if (e == NULL)
            fatal("out of memory");
        memcpy(e->path, path, size);
        e->expected = expected;
        e->hash = hash_path(path);
        if (++t->count > t->bucket_count)
            table_grow(t);
        e->next = t->buckets[e->hash & (t->bucket_count - 1)];
        t->buckets[e->hash & (t->bucket_count - 1)] = e;
    }
    pthread_mutex_unlock(&t->lock);
    return fresh;
}

typedef enum claim { CLAIM_YOURS, CLAIM_BUSY, CLAIM_DONE, CLAIM_UNKNOWN } claim;

/** A stage begins with a file. As a message may come twice, even at once, only one call gets it and only until it is done. */
static claim table_claim(table *t, const char *path, unsigned stage)
{
    pthread_mutex_lock(&t->lock);
    file_entry *e = table_find(t, path);
    claim result = e == NULL ? CLAIM_UNKNOWN : e->done & stage ? CLAIM_DONE : e->busy & stage ? CLAIM_BUSY : CLAIM_YOURS;
    if (result == CLAIM_YOURS)
        e->busy |= stage;
    pthread_mutex_unlock(&t->lock);
    return result;
}

/** A stage is through with a file that it had claimed; md NULL: it failed and may try again. */
static void table_settle(table *t, const char *path, unsigned stage, const metadata *md)
{
    pthread_mutex_lock(&t->lock);
    file_entry *e = table_find(t, path);
    e->busy &= ~stage;
    if (md != NULL) {
        e->done |= stage;
        if (stage == SCAN_INDEX) {
            e->md.kind = md->kind;
            e->md.size = md->size;
            e->md.checksum = md->checksum;
            e->md.lines = md->lines;
        }
        if (stage == SCAN_INDEX || stage == SCAN_IMAGE) {
            e->md.width = md->width;
            e->md.height = md->height;
        }
        if (stage == SCAN_SOURCE)
            e->md.code_lines = md->code_lines;
        if (stage == SCAN_BIG)
            e->md.allocated = md->allocated;
        if (stage == SCAN_WORDS)
            e->md.words = md->words;
    }
    pthread_mutex_unlock(&t->lock);
}

static void table_reported(table *t, const char *path)
{
    pthread_mutex_lock(&t->lock);
    file_entry *e = table_find(t, path);
    if (e != NULL)
        e->reports++;
    else
        t->strangers++;
    pthread_mutex_unlock(&t->lock);
}

static void table_died(table *t, const char *path, unsigned stage)
{
    pthread_mutex_lock(&t->lock);
    file_entry *e = table_find(t, path);
    if (e != NULL)
        e->dead |= stage;
    else
        t->strangers++;
    pthread_mutex_unlock(&t->lock);
}

static void table_free(table *t)
{
    for (size_t i = 0; i < t->bucket_count; i++) {
        for (file_entry *e = t->buckets[i], *next; e != NULL; e = next) {
            next = e->next;
            free(e);
        }
    }
    free(t->buckets);
    pthread_mutex_destroy(&t->lock);
}

#endif
