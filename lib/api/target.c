/* target.c - the functions of nimbus/target.h. */
#include <nimbus/target.h>

#include <stddef.h>

nimbus_target nimbus_to_queue(nimbus_queue *queue)
{
    return (nimbus_target){ .kind = NIMBUS_TARGET_QUEUE, .object = queue };
}

nimbus_target nimbus_to_topic(nimbus_topic *topic)
{
    return (nimbus_target){ .kind = NIMBUS_TARGET_TOPIC, .object = topic };
}

nimbus_target nimbus_to_function(nimbus_function *function)
{
    return (nimbus_target){ .kind = NIMBUS_TARGET_FUNCTION, .object = function };
}

nimbus_target nimbus_to_callback(nimbus_handler *handler, void *user, nimbus_destroy_fn *destroy)
{
    return (nimbus_target){ .kind = NIMBUS_TARGET_CALLBACK, .handler = handler, .user = user, .destroy = destroy };
}

nimbus_target nimbus_to_inline(nimbus_handler *handler, void *user, nimbus_destroy_fn *destroy)
{
    return (nimbus_target){ .kind = NIMBUS_TARGET_INLINE, .handler = handler, .user = user, .destroy = destroy };
}
