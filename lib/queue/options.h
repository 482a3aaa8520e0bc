/* options.h - the options of a queue: defaults, checks, comparison. */
#ifndef NB_QUEUE_OPTIONS_H
#define NB_QUEUE_OPTIONS_H

#include "queue/queue.h"

/* Turns options as given (NULL: none) into options spelled out. Anything but NIMBUS_OK: *err is filled. */
nimbus_status nb_queue_options_resolve(nimbus_runtime *nb, const nimbus_queue_options *given, nimbus_queue_options *ret, const char *call,
                                       nimbus_error *err);

/* The field of the first given option that differs from those in force; NULL: none (SQS-Q2, Q3). */
const char *nb_queue_options_differ(const nimbus_queue_options *given, const nimbus_queue_options *resolved,
                                    const nimbus_queue_options *in_force);

nb_store_config nb_queue_store_config(const nimbus_runtime *nb, const nimbus_queue_options *options);

#endif
