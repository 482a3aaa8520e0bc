/*
 * writer.h - renders JSON text in two passes: the first counts, the second writes into one block of exactly that size.
 *
 * A writer without a buffer only counts. A writer with a buffer never passes its end: what does not fit is counted and dropped, so that
 * `size` above `capacity` shows that the two passes did not agree. Nothing allocates, and no call can fail.
 */
#ifndef NB_JSON_WRITER_H
#define NB_JSON_WRITER_H

#include <nimbus/base.h>

typedef struct nb_writer {
    char *buffer; /* NULL: only counts */
    size_t capacity;
    size_t size; /* bytes so far, those that did not fit included */
} nb_writer;

/* buffer NULL: counts. */
void nb_writer_open(nb_writer *writer, char *buffer, size_t capacity);

/* Bytes as they are. data may be NULL if size is 0. */
void nb_write_bytes(nb_writer *writer, const void *data, size_t size);

/* Text ending in NUL, as it is. */
void nb_write_text(nb_writer *writer, const char *text);

/*
 * A quoted JSON string. Bytes that are not UTF-8 become U+FFFD one by one, the three bytes of a lone surrogate become its escape again,
 * so that the text is valid JSON whatever the bytes are.
 */
void nb_write_string(nb_writer *writer, const void *data, size_t size);

/* The same for text ending in NUL. */
void nb_write_quoted(nb_writer *writer, const char *text);

void nb_write_unsigned(nb_writer *writer, uint64_t value);
void nb_write_signed(nb_writer *writer, int64_t value);

/* "2026-11-23T11:42:00Z" without quotes; with milliseconds "2026-11-23T11:42:00.123Z". Rounds down. */
void nb_write_time(nb_writer *writer, nimbus_time time, bool milliseconds);

/* Base64 with padding (RFC 4648, section 4), without quotes. */
void nb_write_base64(nb_writer *writer, const void *data, size_t size);

#endif
