/*
 * copy.h - the plain message, made straight: a copy of bytes and nothing else. Inline, because most messages are made so.
 */
#ifndef NB_MEMORY_COPY_H
#define NB_MEMORY_COPY_H

#include <string.h>

#include "memory/block.h"
#include "memory/message.h"

/* As nb_message_make(), with room for more bytes behind the body. data NULL: the bytes are the maker's to fill. cache: this
 * thread's, or NULL. */
static inline nimbus_status nb_message_copy_in(nb_cache *cache, nb_heap *heap, const void *data, size_t size, size_t more,
                                               nimbus_message **ret)
{
    nimbus_message *message;

    if (size > NB_BLOCK_MAX && size > SIZE_MAX / 4) { /* the first for the compiler: it asks that anyway */
        return NIMBUS_E_TOO_LARGE;
    }
    message = nb_block_get_in(cache, heap, sizeof *message + size + more);
    if (message == NULL) {
        return nb_block_failure(heap, sizeof *message + size + more);
    }
    message->body_size = size;
    message->flags = 0;
    nb_atomic_init(&message->references, 1);
    if (data != NULL) {
        memcpy(message + 1, data, size);
    }
    *ret = message;
    return NIMBUS_OK;
}

static inline nimbus_status nb_message_copy_with(nb_heap *heap, const void *data, size_t size, size_t more, nimbus_message **ret)
{
    return nb_message_copy_in(nb_cache_of(nb_self_get(), heap->serial), heap, data, size, more, ret);
}

static inline nimbus_status nb_message_copy(nb_heap *heap, const void *data, size_t size, nimbus_message **ret)
{
    return nb_message_copy_with(heap, data, size, 0, ret);
}

#endif
