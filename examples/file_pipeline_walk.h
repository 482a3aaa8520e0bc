/* file_pipeline_walk.h - a walk over a directory tree that gives one regular file a call. It follows no symbolic link, stays on one file
 * system, and keeps one directory open at a time. */
#ifndef FILE_PIPELINE_WALK_H
#define FILE_PIPELINE_WALK_H

#include "file_pipeline_text.h"
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

typedef struct walk_dir {
    struct walk_dir *next;
    char path[];
} walk_dir;

typedef struct walk {
    walk_dir *waiting; /* directories still to be read */
    char *path;        /* of the open one */
    DIR *open;
    dev_t device;
    text file; /* path of the file given last */
    uint64_t directories, unreadable, skipped;
} walk;

static void walk_push(walk *w, const char *path)
{
    size_t size = strlen(path) + 1;
    walk_dir *dir = malloc(sizeof *dir + size);
    if (dir == NULL)
        fatal("out of memory");
    memcpy(dir->path, path, size);
    dir->next = w->waiting;
    w->waiting = dir;
}

/** Begins at a directory. Returns: false, and errno tells why. */
static bool walk_begin(walk *w, const char *root)
{
    struct stat st;
    if (stat(root, &st) != 0)
        return false;
    if (!S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return false;
    }
    *w = (walk){ .device = st.st_dev };
    walk_push(w, root);
    return true;
}

/** Opens the next directory that can be opened. */
static bool walk_open(walk *w)
{
    while (w->open == NULL && w->waiting != NULL) {
        walk_dir *dir = w->waiting;
        w->waiting = dir->next;
        w->open = opendir(dir->path);
        if (w->open == NULL) {
            w->unreadable++;
            free(dir);
            continue;
        }
        w->directories++;
        text_clear(&w->file);
        if (strcmp(dir->path, ".") != 0)
            text_add(&w->file, dir->path, strlen(dir->path));
        if (w->file.size > 0 && w->file.data[w->file.size - 1] != '/')
            text_add(&w->file, "/", 1);
        free(w->path);
        w->path = strdup(w->file.data);
        if (w->path == NULL)
            fatal("out of memory");
        free(dir);
    }
    return w->open != NULL;
}

/** The next regular file, its path good until the next call; NULL: that was all. */
static const char *walk_next(walk *w, uint64_t *ret_size)
{
    while (walk_open(w)) {
        struct dirent *item = readdir(w->open);
        if (item == NULL) {
            closedir(w->open);
            w->open = NULL;
            continue;
        }
        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0)
            continue;
        text_clear(&w->file);
        text_add(&w->file, w->path, strlen(w->path));
        text_add(&w->file, item->d_name, strlen(item->d_name));
        struct stat st;
        if (lstat(w->file.data, &st) != 0 || st.st_dev != w->device) {
            w->skipped++; /* gone already, or another file system */
        } else if (S_ISDIR(st.st_mode)) {
            walk_push(w, w->file.data);
        } else if (S_ISREG(st.st_mode)) {
            *ret_size = (uint64_t)st.st_size;
            return w->file.data;
        } else {
            w->skipped++; /* symbolic link, FIFO, socket, device */
        }
    }
    return NULL;
}

static void walk_end(walk *w)
{
    if (w->open != NULL)
        closedir(w->open);
    while (w->waiting != NULL) {
        walk_dir *dir = w->waiting;
        w->waiting = dir->next;
        free(dir);
    }
    free(w->path);
    text_free(&w->file);
    w->path = NULL;
    w->open = NULL;
}

#endif
