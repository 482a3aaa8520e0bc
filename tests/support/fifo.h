/**
 * fifo.h - what the scenarios of FIFO queues share: sends with a group, and receives of several whose order is compared as one text.
 *
 * The queues take the hash of the body as deduplication id, so within a test every text is sent once.
 */
#ifndef NIMBUS_TESTS_SUPPORT_FIFO_H
#define NIMBUS_TESTS_SUPPORT_FIFO_H

#include "support.h"

#define FIFO_MOST 10

#define FIFO_QUEUE(w, name, ...) QUEUE(w, name, .fifo = true, .content_based_deduplication = true, __VA_ARGS__)
#define PLAIN_FIFO(w, name) QUEUE(w, name, .fifo = true, .content_based_deduplication = true)

/* Returns the sequence number. */
static inline uint64_t fifo_send(nimbus_queue *queue, const char *group, const char *text, const char *file, int line)
{
    nimbus_entry entry = entry_of(text);
    nimbus_sent sent;

    entry.group_id = group;
    test_status(nimbus_queue_send(queue, &entry, &sent), NIMBUS_OK, "send", file, line);
    return sent.sequence;
}
#define SEND_TO(queue, group, text) fifo_send((queue), (group), (text), __FILE__, __LINE__)

/* The texts of deliveries, with commas between. */
static inline void fifo_texts(const nimbus_delivery *deliveries, size_t count, char *ret, size_t size)
{
    size_t used = 0;

    ret[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        nimbus_bytes body = nimbus_delivery_body(&deliveries[i]);

        used += (size_t)snprintf(ret + used, size - used, "%s%.*s", i > 0 ? "," : "", (int)body.size, (const char *)body.data);
    }
}

/* Receives without waiting, compares the texts, notes the receipts, and lets go of the deliveries. "": there must be none. */
static inline void fifo_receive(nimbus_queue *queue, size_t max, nimbus_duration visibility, const char *want, nimbus_receipt *receipts,
                                const char *file, int line)
{
    nimbus_delivery deliveries[FIFO_MOST];
    nimbus_receive_options options = { .visibility_timeout = visibility };
    size_t count = 0;
    char got[256];

    memset(deliveries, 0, sizeof deliveries);
    test_status(nimbus_queue_receive(queue, 0, &options, deliveries, max, &count), want[0] != '\0' ? NIMBUS_OK : NIMBUS_EMPTY, "receive",
                file, line);
    fifo_texts(deliveries, count, got, sizeof got);
    test_text(got, want, "received", file, line);
    for (size_t i = 0; i < count; i++) {
        if (receipts != NULL) {
            receipts[i] = nimbus_delivery_receipt(&deliveries[i]);
        }
        nimbus_delivery_release(&deliveries[i]);
    }
}
#define RECEIVES(queue, max, want, receipts) fifo_receive((queue), (max), 0, (want), (receipts), __FILE__, __LINE__)
#define RECEIVES_FOR(queue, max, visibility, want, receipts)                                                                               \
    fifo_receive((queue), (max), (visibility), (want), (receipts), __FILE__, __LINE__)

#endif
