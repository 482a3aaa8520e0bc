/** nimbus.h - all of Nimbus: topics, queues, rules and functions inside one process. */
#ifndef NIMBUS_NIMBUS_H
#define NIMBUS_NIMBUS_H

#include <nimbus/base.h>
#include <nimbus/bus.h>
#include <nimbus/delivery.h>
#include <nimbus/function.h>
#include <nimbus/message.h>
#include <nimbus/pattern.h>
#include <nimbus/queue.h>
#include <nimbus/redrive.h>
#include <nimbus/runtime.h>
#include <nimbus/target.h>
#include <nimbus/topic.h>

#endif
