/* base.c - the functions of nimbus/base.h. */
#include <nimbus/base.h>

#include "base/id.h"
#include "base/status.h"

#define TEXT(x) #x
#define VERSION(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

const char *nimbus_version(void)
{
    return VERSION(NIMBUS_VERSION_MAJOR, NIMBUS_VERSION_MINOR, NIMBUS_VERSION_PATCH);
}

const char *nimbus_status_name(nimbus_status status)
{
    return nb_status_name(status);
}

const char *nimbus_status_text(nimbus_status status)
{
    return nb_status_text(status);
}

const char *nimbus_status_aws_name(nimbus_status status)
{
    return nb_status_aws_name(status);
}

char *nimbus_id_text(nimbus_id id, char ret[NIMBUS_ID_TEXT])
{
    return ret != NULL ? nb_id_text(id, ret) : NULL;
}
