#include "memory/parcel.h"

#include <string.h>

#include "base/id.h"
#include "memory/block.h"

/* The two texts follow. */
struct nb_letter {
    void *home; /* the slabs' */
    const char *reason;
    _Atomic uint32_t references; /* as in message.h */
    uint32_t attempts;
    bool from_queue;
    char key[NIMBUS_ID_TEXT];
};

nb_letter *nb_letter_make(nb_heap *heap, const char *source, const char *reason, uint32_t attempts)
{
    size_t source_size = strlen(source) + 1, reason_size = strlen(reason) + 1;
    nb_letter *letter = nb_block_get(heap, sizeof *letter + source_size + reason_size);

    if (letter != NULL) {
        char *text = (char *)(letter + 1);

        memcpy(text, source, source_size);
        memcpy(text + source_size, reason, reason_size);
        letter->reason = text + source_size;
        letter->attempts = attempts;
        letter->from_queue = false;
        letter->key[0] = '\0';
        nb_atomic_init(&letter->references, 1);
    }
    return letter;
}

void nb_letter_mark_queue(nb_letter *letter)
{
    letter->from_queue = true;
}

void nb_letter_set_key(nb_letter *letter, nimbus_id id)
{
    nb_id_text(id, letter->key);
}

const char *nb_letter_key(const nb_letter *letter)
{
    return letter->key[0] != '\0' ? letter->key : NULL;
}

bool nb_letter_from_queue(const nb_letter *letter)
{
    return letter->from_queue;
}

nb_letter *nb_letter_retain(nb_letter *letter)
{
    if (letter != NULL) {
        nb_add_relaxed(&letter->references, 1);
    }
    return letter;
}

void nb_letter_release(nb_letter *letter)
{
    if (letter != NULL && nb_sub_acq_rel(&letter->references, 1) == 1) { /* pairs with itself, as in message.h */
        nb_block_put(letter);
    }
}

const char *nb_letter_source(const nb_letter *letter)
{
    return (const char *)(letter + 1);
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
