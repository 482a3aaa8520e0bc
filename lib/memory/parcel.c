#include "memory/parcel.h"

#include <stdatomic.h>
#include <string.h>

struct nb_letter {
    nb_heap *heap;
    atomic_size_t references; /* as in message.h */
    size_t block_size;
    const char *source, *reason;
    uint32_t attempts;
};

nb_letter *nb_letter_make(nb_heap *heap, const char *source, const char *reason, uint32_t attempts)
{
    size_t source_size = strlen(source) + 1, reason_size = strlen(reason) + 1;
    size_t block_size = sizeof(nb_letter) + source_size + reason_size;
    nb_letter *letter = nb_alloc(heap, block_size);

    if (letter != NULL) {
        char *text = (char *)(letter + 1);

        memcpy(text, source, source_size);
        memcpy(text + source_size, reason, reason_size);
        letter->heap = heap;
        letter->block_size = block_size;
        letter->source = text;
        letter->reason = text + source_size;
        letter->attempts = attempts;
        atomic_init(&letter->references, 1);
    }
    return letter;
}

nb_letter *nb_letter_retain(nb_letter *letter)
{
    if (letter != NULL) {
        atomic_fetch_add_explicit(&letter->references, 1, memory_order_relaxed);
    }
    return letter;
}

void nb_letter_release(nb_letter *letter)
{
    if (letter != NULL && atomic_fetch_sub_explicit(&letter->references, 1, memory_order_acq_rel) == 1) {
        nb_free(letter->heap, letter, letter->block_size);
    }
}

const char *nb_letter_source(const nb_letter *letter)
{
    return letter->source;
}

const char *nb_letter_reason(const nb_letter *letter)
{
    return letter->reason;
}

uint32_t nb_letter_attempts(const nb_letter *letter)
{
    return letter->attempts;
}

void nb_parcel_retain(const nb_parcel *parcel)
{
    nb_message_retain(parcel->message);
    nb_letter_retain(parcel->letter);
}

void nb_parcel_release(const nb_parcel *parcel)
{
    nb_message_release(parcel->message);
    nb_letter_release(parcel->letter);
}
