/* status.h - what a status is called. */
#ifndef NB_BASE_STATUS_H
#define NB_BASE_STATUS_H

#include <nimbus/base.h>

const char *nb_status_name(nimbus_status status);
const char *nb_status_text(nimbus_status status);
const char *nb_status_aws_name(nimbus_status status);

#endif
