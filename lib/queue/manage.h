/* manage.h - delete and purge a queue, its tags, the list of all queues. */
#ifndef NB_QUEUE_MANAGE_H
#define NB_QUEUE_MANAGE_H

#include "queue/queue.h"

nimbus_status nb_queue_delete(nimbus_queue *queue);
nimbus_status nb_queue_purge(nimbus_queue *queue, uint64_t *ret_count);

/* Without a lock, those that are there at the call and not deleted when their turn comes. NIMBUS_OK, or out of memory. */
nimbus_status nb_queues_visit(nimbus_runtime *nb, const char *prefix, nimbus_queue_visitor *visitor, void *user);

/* group_id: NULL, or of a queue with groups. */
nimbus_status nb_queue_explain(nimbus_queue *queue, const char *group_id, nimbus_queue_explanation *ret);

/* key and value are checked. */
nimbus_status nb_queue_set_tag(nimbus_queue *queue, const char *key, const char *value);
nimbus_status nb_queue_get_tag(nimbus_queue *queue, const char *key, char *ret, size_t size, size_t *ret_size);
void nb_queue_visit_tags(nimbus_queue *queue, nimbus_tag_visitor *visitor, void *user);

#endif
