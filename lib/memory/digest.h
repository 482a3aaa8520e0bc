/* digest.h - the MD5 of a message's attributes, as SQS gives it back. */
#ifndef NB_MEMORY_DIGEST_H
#define NB_MEMORY_DIGEST_H

#include "base/md5.h"
#include "memory/message.h"

/*
 * Of the attributes that one of names selects; names NULL: of all. False: there are none, *ret is untouched.
 * "All" and ".*" select all, "prefix.*" those that begin with prefix.
 */
bool nb_attributes_md5(const nimbus_message *message, const char *const *names, size_t count, unsigned char ret[NB_MD5_SIZE]);

#endif
