/* cidr.h - addresses of IPv4 and IPv6 in text, and blocks of them. The two families never mix. */
#ifndef NB_PATTERN_CIDR_H
#define NB_PATTERN_CIDR_H

#include <nimbus/base.h>

#define NB_ADDRESS_V4 4u
#define NB_ADDRESS_V6 16u

typedef struct nb_address {
    uint32_t size; /* NB_ADDRESS_V4 or NB_ADDRESS_V6 */
    unsigned char bytes[16];
} nb_address;

/* "10.0.0.1", zeros in front allowed; "2001:db8::1", without a dotted end, a zone or blanks. False: neither. */
bool nb_address_parse(const char *text, size_t size, nb_address *ret);

/* Clears all but the first `bits` bits. */
void nb_address_mask(nb_address *address, unsigned bits);

/* "10.0.0.0/8"; host bits are cleared. NULL: done; else what is wrong, a constant. */
const char *nb_cidr_parse(const char *text, size_t size, nb_address *ret, unsigned *ret_bits);

#endif
