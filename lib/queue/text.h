/* text.h - what a queue that takes text only lets in (SQS-S3). */
#ifndef NB_QUEUE_TEXT_H
#define NB_QUEUE_TEXT_H

#include <nimbus/message.h>

/* Well-formed UTF-8 of tab, line feed, carriage return, U+0020 to D7FF, E000 to FFFD and 10000 to 10FFFF. */
bool nb_text_valid(nimbus_bytes bytes);

/* The body, and the values of String attributes. */
bool nb_text_only(nimbus_bytes body, const nimbus_attribute *attributes, size_t count);

#endif
