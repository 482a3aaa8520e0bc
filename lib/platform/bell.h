/*
 * bell.h - a descriptor for poll(2) that is readable while it has been rung.
 *
 * nb_bell_ring() is safe in a signal handler.
 */
#ifndef NB_PLATFORM_BELL_H
#define NB_PLATFORM_BELL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct nb_bell {
    int read_fd, write_fd; /* the same one where the system has eventfd; -1: not open */
} nb_bell;

#define NB_BELL_NONE { -1, -1 }

bool nb_bell_open(nb_bell *bell); /* false: the system refused */
void nb_bell_close(nb_bell *bell);
void nb_bell_ring(const nb_bell *bell);
void nb_bell_clear(const nb_bell *bell);

#endif
