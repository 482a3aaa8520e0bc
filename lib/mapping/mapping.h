/*
 * mapping.h - event source mappings: a feed of a function that is bound to the name of a queue.
 *
 * The mapping watches the name: when the queue is deleted its feed is dismissed by the store; when the name is filled again the new queue
 * becomes the feed's source. It sees queues and functions through nb_source_ops and nb_feed only.
 */
#ifndef NB_MAPPING_MAPPING_H
#define NB_MAPPING_MAPPING_H

#include "function/function.h"

/* Takes over feed->filter on NIMBUS_OK. NIMBUS_E_CONFLICT, NIMBUS_E_DELETED, NIMBUS_E_NO_MEMORY or NIMBUS_E_FULL. */
nimbus_status nb_map(nimbus_function *function, nb_name *queue, const nb_source_ops *ops, const nb_feed_options *options, bool disabled);
nimbus_status nb_unmap(nimbus_function *function, nb_name *queue);
nimbus_status nb_mapping_enable(nimbus_function *function, nb_name *queue, bool enabled);

#endif
