/*
 * fuzz_json.c - any bytes: the reader's verdict against yajl's, and against itself: read token by token and jumped over as a whole.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "json/reader.h"
#include "ref_inside.h"

#define MAX_SIZE 16384

/* Reads to the end. Returns: whether it is one valid value. Strings decode to no more bytes than they are written with. */
static bool read_tokens(const fuzz_part *text, size_t *ret_tokens)
{
    nb_json_reader reader;
    nb_json_event event;
    char *room = malloc(text->size + 1);

    fuzz_check(room != NULL, "out of memory");
    *ret_tokens = 0;
    nb_json_open(&reader, text->data, text->size, 0);
    while ((event = nb_json_next(&reader)) > NB_JSON_END) {
        ++*ret_tokens;
        fuzz_check(reader.token >= text->data && reader.token + reader.size <= text->data + text->size, "a token lies in the text");
        if (event == NB_JSON_KEY || event == NB_JSON_STRING) {
            fuzz_check(nb_json_unescape(reader.token, reader.size, room) <= reader.size - 2, "a string is no longer than its text");
        }
    }
    if (event == NB_JSON_ERROR) {
        fuzz_check(reader.offset <= text->size && reader.reason != NULL, "an error has a place and a reason");
        fuzz_check(nb_json_next(&reader) == NB_JSON_ERROR, "an error is final");
    }
    free(room);
    return event == NB_JSON_END;
}

/* Opens the outer value and jumps over what is in it. */
static bool jump(const fuzz_part *text)
{
    nb_json_reader reader;
    nb_json_event event;

    nb_json_open(&reader, text->data, text->size, 0);
    event = nb_json_next(&reader);
    if (event == NB_JSON_OBJECT || event == NB_JSON_ARRAY) {
        return nb_json_skip(&reader) && nb_json_next(&reader) == NB_JSON_END;
    }
    return event > NB_JSON_END && nb_json_next(&reader) == NB_JSON_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ref_arena arena = { NULL, 0 };
    fuzz_part text = { malloc(size == 0 ? 1 : size), size };
    ref_json json;
    size_t tokens;
    bool valid;

    if (size > MAX_SIZE) {
        text.size = MAX_SIZE;
    }
    fuzz_check(text.data != NULL, "out of memory");
    if (text.size != 0) {
        memcpy(text.data, data, text.size);
    }
    valid = read_tokens(&text, &tokens);
    fuzz_check((nb_json_validate(text.data, text.size, NULL, NULL) == NIMBUS_OK) == valid, "validate says what reading says");
    fuzz_check(jump(&text) == valid, "what is jumped over is checked as strictly");
    fuzz_check(ref_json_read(&arena, text.data, text.size, &json) == valid, "yajl says the same");
    ref_drop(&arena);
    fuzz_free(&text);
    return 0;
}
