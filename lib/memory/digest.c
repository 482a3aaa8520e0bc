#include "memory/digest.h"

#include <string.h>

#include "memory/attribute.h"

static bool selected(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]);

        if (strcmp(names[i], "All") == 0 || strcmp(names[i], name) == 0 ||
            (length >= 2 && strcmp(names[i] + length - 2, ".*") == 0 && strncmp(names[i], name, length - 2) == 0)) {
            return true;
        }
    }
    return names == NULL;
}

/* The selected attribute whose name comes next behind that of last; NULL: none. Names of one message differ. */
static const nimbus_attribute *next_by_name(const nimbus_attribute *attributes, size_t total, const nimbus_attribute *last,
                                            const char *const *names, size_t count)
{
    const nimbus_attribute *next = NULL;

    for (size_t i = 0; i < total; i++) {
        const nimbus_attribute *one = &attributes[i];

        if ((last == NULL || strcmp(one->name, last->name) > 0) && (next == NULL || strcmp(one->name, next->name) < 0) &&
            selected(one->name, names, count)) {
            next = one;
        }
    }
    return next;
}

static void add_length(nb_md5 *hash, size_t length)
{
    unsigned char bytes[4] = { (unsigned char)(length >> 24), (unsigned char)(length >> 16), (unsigned char)(length >> 8),
                               (unsigned char)length };

    nb_md5_add(hash, bytes, sizeof bytes);
}

static void add(nb_md5 *hash, const nimbus_attribute *attribute)
{
    const char *type = nb_attribute_type(attribute->kind), *label = attribute->label;
    unsigned char kind = attribute->kind == NIMBUS_BINARY ? 2 : 1;

    add_length(hash, strlen(attribute->name));
    nb_md5_add(hash, attribute->name, strlen(attribute->name));
    add_length(hash, strlen(type) + (label != NULL ? 1 + strlen(label) : 0));
    nb_md5_add(hash, type, strlen(type));
    if (label != NULL) {
        nb_md5_add(hash, ".", 1);
        nb_md5_add(hash, label, strlen(label));
    }
    nb_md5_add(hash, &kind, 1);
    add_length(hash, attribute->value.size);
    nb_md5_add(hash, attribute->value.data, attribute->value.size);
}

bool nb_attributes_md5(const nimbus_message *message, const char *const *names, size_t count, unsigned char ret[NB_MD5_SIZE])
{
    size_t total;
    const nimbus_attribute *attributes = nb_message_attributes(message, &total), *last = NULL, *next;
    nb_md5 hash;

    nb_md5_begin(&hash);
    while ((next = next_by_name(attributes, total, last, names, count)) != NULL) {
        add(&hash, next);
        last = next;
    }
    if (last != NULL) {
        nb_md5_end(&hash, ret);
    }
    return last != NULL;
}
