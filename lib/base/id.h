/* id.h - ids as text. */
#ifndef NB_BASE_ID_H
#define NB_BASE_ID_H

#include <nimbus/base.h>

/* The form of a UUID, version 4, variant 1: 60 bits of the instance's nonce and 62 of the number. Returns to. */
char *nb_id_text(nimbus_id id, char to[NIMBUS_ID_TEXT]);

#endif
