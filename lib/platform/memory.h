/* memory.h - the one place that calls malloc. */
#ifndef NB_PLATFORM_MEMORY_H
#define NB_PLATFORM_MEMORY_H

#include <stddef.h>

void *nb_platform_malloc(size_t size); /* NULL: out of memory */
void nb_platform_free(void *block);

#endif
