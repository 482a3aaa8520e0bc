/* attribute.h - the checks of message attributes (SQS-A1 to A4). */
#ifndef NB_MEMORY_ATTRIBUTE_H
#define NB_MEMORY_ATTRIBUTE_H

#include <nimbus/message.h>

/* NIMBUS_OK, NIMBUS_E_OVER_LIMIT (more than max), NIMBUS_E_ATTRIBUTE (a name, type or value), NIMBUS_E_INVALID (NULL array). */
nimbus_status nb_attributes_check(const nimbus_attribute *attributes, size_t count, size_t max);

/* What they add to the size of a message: names, types and values. attributes NULL gives 0. */
size_t nb_attributes_size(const nimbus_attribute *attributes, size_t count);

/* "String", "Number" or "Binary". */
const char *nb_attribute_type(nimbus_attribute_kind kind);

#endif
